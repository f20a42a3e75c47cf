"""The worked example meets every published number."""

import json
from pathlib import Path
from typing import Any

import pytest

from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.engine.gradient import gradient
from tinygrad_edu.see.graph import fold
from tinygrad_edu.see.notation import formula
from tinygrad_edu.three_layer import (
    BIASES,
    INPUTS,
    PLACES,
    TARGETS,
    WEIGHTS,
    WorkedExample,
    network_example,
    worked_example,
)

HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared/reference/three_layer.json"
REFERENCE: dict[str, Any] = json.loads((HERE / "three_layer.json").read_text(encoding="utf-8"))


def numbers(section: str) -> dict[str, float]:
    return {name: float(digits) for name, digits in REFERENCE[section].items()}


def meets(ours: float, published: float, rel: float = 1e-13) -> bool:
    return ours == pytest.approx(published, rel=rel, abs=0)


@pytest.mark.skipif(not SHARED.exists(), reason="the source of this copy is not beside the project")
def test_the_reference_is_the_published_one() -> None:
    assert (HERE / "three_layer.json").read_bytes() == SHARED.read_bytes()


def test_every_section_of_the_reference_is_tested() -> None:
    assert set(REFERENCE) == {
        *("about", "inputs", "targets", "weights", "biases", "learning_rate", "errata"),
        *("forward", "gradients dE_total/d", "partial derivatives", "after 1 step, weights only"),
        *("after 1 step, weights and the two shared biases", "after 10000 steps, weights only"),
    }


def test_the_given_numbers(example: WorkedExample) -> None:
    assert numbers("inputs") == INPUTS
    assert {f"target_{name}": number for name, number in numbers("targets").items()} == TARGETS
    assert numbers("weights") == WEIGHTS
    assert {name: float(text.split()[0]) for name, text in REFERENCE["biases"].items()} == BIASES
    for name, number in (INPUTS | TARGETS | WEIGHTS | BIASES).items():
        assert (example[name].data, example[name].label) == (number, name)


@pytest.mark.parametrize(("name", "published"), numbers("forward").items())
def test_forward(example: WorkedExample, name: str, published: float) -> None:
    assert meets(example[name].data, published)


@pytest.mark.parametrize(("name", "published"), numbers("gradients dE_total/d").items())
def test_gradients(example: WorkedExample, name: str, published: float) -> None:
    E_total, parameter = example["E_total"], example[name]
    assert meets(parameter.grad, published)
    assert meets(gradient(E_total, parameter).data, published)
    flows = fold(E_total).flows(parameter)
    assert meets(sum(flow for edge, flow in flows.items() if edge.target is E_total), published)


@pytest.mark.parametrize(("names", "published"), numbers("partial derivatives").items())
def test_partial_derivatives(example: WorkedExample, names: str, published: float) -> None:
    of, wrt = (example[name] for name in names.split("/"))
    assert meets(gradient(of, wrt).data, published)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("net_h1", "w1·i1 + w2·i2 + b1"),
        ("net_h2", "w3·i1 + w4·i2 + b1"),
        ("net_o1", "w5·out_h1 + w6·out_h2 + b2"),
        ("net_o2", "w7·out_h1 + w8·out_h2 + b2"),
        ("out_h1", "sigmoid(net_h1)"),
        ("out_h2", "sigmoid(net_h2)"),
        ("out_o1", "sigmoid(net_o1)"),
        ("out_o2", "sigmoid(net_o2)"),
        ("E_o1", "0.5·(target_o1 − out_o1)²"),
        ("E_o2", "0.5·(target_o2 − out_o2)²"),
    ],
)
def test_the_formulas_are_mazurs(example: WorkedExample, name: str, written: str) -> None:
    assert formula(example[name]) == written


def test_the_three_factors_of_w5(example: WorkedExample) -> None:
    partial = numbers("partial derivatives")
    (path,) = fold(example["E_total"]).paths(example["w5"])
    for edge, names in zip(path, ["net_o1/w5", "out_o1/net_o1", "E_total/out_o1"], strict=True):
        assert f"{edge.target.label}/{edge.source.label}" == names
        assert meets(edge.slope, partial[names])


def trained(section: str) -> dict[str, float]:
    after = dict(REFERENCE[section])
    return {name: float(digits) for name, digits in (after.pop("weights") | after).items()}


def test_after_one_step(example: WorkedExample) -> None:
    example.train(1, learning_rate=float(REFERENCE["learning_rate"]))
    for name, published in trained("after 1 step, weights only").items():
        assert meets(example[name].data, published), name
    assert (example["b1"].data, example["b2"].data) == (0.35, 0.60)


def test_after_one_step_with_the_biases(example: WorkedExample) -> None:
    example.train(1, biases=True)
    (published,) = numbers("after 1 step, weights and the two shared biases").values()
    assert meets(example["E_total"].data, published)


def test_after_ten_thousand_steps(example: WorkedExample) -> None:
    example.train(10_000)
    for name, published in trained("after 10000 steps, weights only").items():
        assert meets(example[name].data, published, rel=1e-9), name


def test_steps_add_up_and_none_changes_nothing(example: WorkedExample) -> None:
    other = worked_example()
    example.train(0)
    assert example["E_total"].data == other["E_total"].data
    example.train(3)
    for _ in range(3):
        other.train(1)
    assert [value.data for value in example.values()] == [value.data for value in other.values()]


def test_the_names(example: WorkedExample) -> None:
    assert len(example) == len(set(example)) == 25
    assert {name for name in example if example[name].label != name} == {"E_o1", "E_o2"}
    assert "w9" not in example


def test_own_numbers() -> None:
    own = worked_example(w1=0.9, target_o2=1, i2=0)
    assert (own["w1"].data, own["target_o2"].data, own["i2"].data, own["w2"].data) == (0.9, 1.0, 0.0, 0.20)
    assert own["net_h1"].data == 0.9 * 0.05 + 0.20 * 0.0 + 0.35
    assert worked_example()["w1"].data == WEIGHTS["w1"]
    with pytest.raises(UnknownNameError, match="no leaf in the worked example called 'net_h1'"):
        worked_example(net_h1=1.0)
    with pytest.raises(TypeError, match=r"convert it first, as in float\('0.9'\)"):
        worked_example(w1="0.9")  # type: ignore[arg-type]


def test_every_value_says_where_it_belongs(example: WorkedExample) -> None:
    assert {name: value.group for name, value in example.items()} == PLACES
    assert len(set(PLACES.values())) == len(PLACES) == 25
    for name, (role, layer, neuron, source) in PLACES.items():
        if role == "weight":
            assert name == f"w{4 * (layer - 1) + 2 * (neuron - 1) + source}"
        elif role == "bias":
            assert (name, neuron) == (f"b{layer}", 0)
        else:
            number = "total" if role == "total" else f"{'ihoo'[layer]}{neuron}"
            prefix = {"input": "", "error": "E_", "total": "E_"}.get(role, f"{role}_")
            assert name == prefix + number


@pytest.mark.parametrize("sizes", [[], [3]])
def test_a_network_has_inputs_and_neurons(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match=r"give the number of inputs and of neurons in at least one layer$"):
        network_example(sizes)
