"""The way from numbers to PyTorch, JAX and several devices: the same network everywhere."""

import os
import random
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tinygrad_edu import Value, function
from tinygrad_edu._torch import MODULES
from tinygrad_edu.nn import MLP, from_torch
from tinygrad_edu.program.function import BranchError

DOCUMENT = Path(__file__).parent.parent / "docs" / "graduation.md"


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is what the networks go to: pip install torch")


def same_outputs(model: MLP, module: Any, torch: Any) -> None:
    rng = random.Random(0)
    for _ in range(5):
        x = [rng.uniform(-3, 3) for _ in model.layers[0].neurons[0].w]
        expected = module(torch.tensor(x, dtype=torch.float64)).tolist()
        found = model(x)
        assert [v.data for v in (found if isinstance(found, list) else [found])] == pytest.approx(
            expected, rel=1e-12, abs=1e-14
        )


@pytest.mark.parametrize("activation", ["linear", *MODULES])
@pytest.mark.parametrize("bias", ["neuron", "shared", None])
def test_there_and_back(activation: str, bias: Any, torch: Any) -> None:
    model = MLP(3, [4, 2], [activation, "linear"], bias=bias, seed=1)
    for parameter in model.parameters():
        parameter.data += 0.1
    module = model.to_torch()
    assert isinstance(module, torch.nn.Sequential)
    same_outputs(model, module, torch)
    back = from_torch(module)
    assert repr(back) == repr(MLP(3, [4, 2], [activation, "linear"], bias=bias and "neuron"))
    same_outputs(back, module, torch)
    if bias != "shared":
        assert back.state_dict() == model.state_dict()


def test_modules_of_pytorch(torch: Any) -> None:
    nn = torch.nn
    torch.manual_seed(1)
    inner = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Identity(), nn.SiLU())
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), inner, nn.Linear(3, 1))
    model = from_torch(module)
    assert repr(model) == "MLP(2, [4, 3, 1], activation=['tanh', 'silu', 'linear'])"
    same_outputs(model, module.double(), torch)
    assert from_torch(nn.Linear(2, 1))([0.0, 0.0]).data != 0.0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda nn: nn.Sequential(nn.Conv2d(1, 1, 3)), ValueError, "an activation follows a Linear layer"),
        (
            lambda nn: nn.Sequential(nn.Linear(2, 1), nn.Dropout(0.5)),
            ValueError,
            "Dropout.* is not known: only",
        ),
        (lambda nn: nn.Sequential(nn.Linear(2, 1), nn.ELU(alpha=2.0)), ValueError, "elu has alpha 1.0 here"),
        (lambda nn: nn.Sequential(nn.Linear(2, 1), nn.GELU("tanh")), ValueError, "gelu has approximate none"),
        (lambda nn: nn.Sequential(nn.Linear(2, 1), nn.Tanh(), nn.Tanh()), ValueError, "follows none"),
        (lambda nn: nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 1)), ValueError, "3 neurons .* 2 inputs"),
        (lambda nn: nn.Sequential(), ValueError, "no Linear layer"),
        (lambda nn: [nn.Linear(2, 1)], TypeError, "takes a torch.nn.Module, not a list"),
    ],
)
def test_what_is_not_known_is_refused(make: Any, error: Any, message: str, torch: Any) -> None:
    with pytest.raises(error, match=message) as caught:
        from_torch(make(torch.nn))
    assert "\n" not in str(caught.value)


def test_an_activation_that_pytorch_lacks(torch: Any) -> None:
    with pytest.raises(ValueError, match="PyTorch has no module for sin"):
        MLP(2, [2, 1], "sin", seed=1).to_torch()


def test_without_pytorch(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch"):
        MLP(2, [1]).to_torch()


# --- The lifted function ---


def worked() -> tuple[list[Value], list[Value], Value, Value]:
    model = MLP(2, [3, 1], "tanh", seed=1)
    i, target = [Value(0.5, "i1"), Value(-1.0, "i2")], Value(1.0, "target")
    return model.parameters(), i, target, (target - model(i)) ** 2


def test_arguments_of_each_example() -> None:
    parameters, i, target, error = worked()
    for f, names in [
        (function([parameters, i, target], error), [1, 2]),
        (function({"p": parameters, "i": i, "t": target}, error), ["i", "t"]),
    ]:
        lifted = f.lifted(names)
        assert [name for name, leaf in zip(lifted.arguments, lifted.leaves, strict=True) if leaf.batched] == [
            "i",
            "target",
        ]
        with pytest.raises(ValueError, match="there is no argument 7 of"):
            f.lifted([7])


def test_a_function_that_compares_is_not_lifted() -> None:
    f = function(lambda x: x if x > 0 else -x, [2.0])
    with pytest.raises(BranchError, match="keep both branches with where"):
        f.lifted()


# --- The document ---


def blocks() -> list[tuple[str, str]]:
    text = DOCUMENT.read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)


def test_the_document_says_what_happens() -> None:
    """All blocks, in one Python with eight devices; blocks that print nothing have no text after them."""
    if not all(map(find_spec, ("numpy", "torch", "jax"))):
        pytest.skip("the document needs NumPy, PyTorch and JAX")
    pairs = blocks()
    assert DOCUMENT.read_text(encoding="utf-8").count("```python") == len(pairs) == 7
    code = "\nprint('=====')\n".join(source for source, _ in pairs)
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | flags,
        capture_output=True,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stderr
    for found, (_, promised) in zip(result.stdout.split("=====\n"), pairs, strict=True):
        assert found == promised
