"""Both engines give the same answers, to the bit, and behave the same. Every test runs on either."""

import gc
import inspect
import json
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import whole_table

import tinygrad_edu
from tinygrad_edu import COMPILED, DomainError, StaleError, Value, topological_order
from tinygrad_edu.engine import rules, value
from tinygrad_edu.engine.common import Common
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.program import c_rules

HERE = Path(__file__).parent


def run(*command: str, **environment: str) -> str:
    """Run Python in a process of its own, with the same modules to import."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])} | environment
    line = [sys.executable, *command]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout


# --- To the bit ---


@pytest.mark.skipif(not COMPILED, reason="there is one engine only, the one in Python")
@pytest.mark.parametrize("graphs", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_both_engines_agree_to_the_bit_on_random_graphs_of_the_whole_table(graphs: int) -> None:
    in_python = run(str(HERE / "whole_table.py"), str(graphs), TINYGRAD_EDU_PURE="1").splitlines()
    assert len(in_python) == graphs
    for seed, line in enumerate(in_python):
        in_c = whole_table.line(seed)
        if in_c != line:
            for ours, theirs in zip(in_c.split("; "), line.split("; "), strict=False):
                assert ours == theirs, f"graph {seed}"
    tried = {name for name in TABLE if f"; {name} " in "".join(in_python[:500])}
    assert tried == set(TABLE), "whole_table.py does not try every operation"


def test_the_random_graphs_meet_errors_and_what_is_not_finite() -> None:
    text = "".join(map(whole_table.line, range(300)))
    for wanted in ("DomainError", "TooLargeError", "DivisionByZeroError", "StaleError", "inf", "nan"):
        assert wanted in text


def test_every_operation_has_a_rule_in_c() -> None:
    in_python = {"prod", "norm", "max", "min"}  # over lists
    header = c_rules.header()
    assert {name for name in TABLE if f"bool rule_{name}(" not in header} == in_python


def test_a_rule_that_is_no_arithmetic_is_left_to_python() -> None:
    def refused(x: Any) -> Any:
        return x % 2.0

    with pytest.raises(c_rules.Unsayable, match="unsupported operand"):
        c_rules.function(Op("odd", refused, lambda z, x: (1.0,)))


def test_a_rule_of_ones_own_is_not_mistaken_for_one_in_c() -> None:
    wrong = Op("tanh", lambda x: x + 1.0, lambda z, x: (2.0,))
    y = wrong(Value(3.0))
    assert (y.data, y.slopes) == (4.0, (2.0,))
    y.args[0].data = 5.0
    y.forward()
    assert (y.data, y.slopes) == (6.0, (2.0,))


def test_a_leaf_that_is_used_more_than_twice() -> None:
    # 0.1 + 0.2 + 0.3 depends on the order of the sum: from the last made to the first.
    x = Value(1.0)
    y = 0.1 * x
    root = (y + 0.2 * x) + 0.3 * x
    root.backward()
    assert x.grad.hex() == ((0.3 + 0.2) + 0.1).hex()


# --- Which engine runs ---


def test_an_environment_variable_selects_the_engine_in_python() -> None:
    program = "from tinygrad_edu import COMPILED, Value; print(COMPILED, type(Value.backward).__name__)"
    assert run("-c", program, TINYGRAD_EDU_PURE="1").split() == ["False", "function"]


@pytest.mark.skipif(not COMPILED, reason="there is no engine in C")
def test_an_engine_that_was_compiled_from_other_rules_does_not_run() -> None:
    from tinygrad_edu.engine import _engine

    assert zlib.crc32(Path(rules.__file__).read_bytes()) == _engine.RULES
    program = """
import sys, warnings
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("tinygrad_edu.engine._engine", sys.argv[1])
engine = sys.modules[spec.name] = module_from_spec(spec)
spec.loader.exec_module(engine)
engine.RULES += 1
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from tinygrad_edu import COMPILED, Value
x = Value(2.0)
print(COMPILED, (x * x).data, caught[0].message)
"""
    wanted = "False 4.0 rules.py was edited after the engine was compiled, so the engine in Python runs"
    assert run("-c", program, _engine.__file__).strip() == wanted


PUBLIC = [name for name in dir(Value) if name == "__doc__" or (name[0] != "_" and hasattr(Value, name))]
DOCUMENTED = json.loads(
    run(
        "-c",
        """
import inspect, json
from tinygrad_edu import Value
names = [name for name in dir(Value) if name == "__doc__" or (name[0] != "_" and hasattr(Value, name))]
print(json.dumps({name: inspect.getdoc(getattr(Value, name)) for name in names} | {"__doc__": Value.__doc__}))
""",
        TINYGRAD_EDU_PURE="1",
    )
)
"""What the engine in Python says of each attribute of a Value."""


@pytest.mark.parametrize("name", PUBLIC)
def test_help_says_the_same_on_both_engines(name: str) -> None:
    thing = getattr(Value, name)
    assert (thing if name == "__doc__" else inspect.getdoc(thing)) == DOCUMENTED[name]


def test_both_engines_have_the_same_attributes() -> None:
    assert list(DOCUMENTED) == PUBLIC


def test_signatures() -> None:
    assert list(inspect.signature(Value).parameters) == ["data", "children", "op", "label", "unknown"]
    assert list(inspect.signature(topological_order).parameters) == ["root", "is_leaf"]
    assert list(inspect.signature(Value.backward).parameters) == ["self", "factor", "unknown"]
    assert Value.__module__ == "tinygrad_edu.engine.value"
    assert issubclass(Value, Common)


# --- Attributes ---


def test_attributes_of_ones_own() -> None:
    x = Value(1.0)
    assert vars(x) == {}
    x.note, x.dat = "kept", 5  # type: ignore[attr-defined]  # a misspelt attribute is one of one's own
    assert vars(x) == {"note": "kept", "dat": 5}
    assert x.data == 1.0
    del x.note  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="note"):
        _ = x.note  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["op", "args", "slopes", "is_constant"])
def test_what_an_operation_recorded_cannot_be_assigned(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Value(1.0) * 2.0, name, None)


@pytest.mark.parametrize("name", ["data", "grad", "label", "op", "args", "slopes", "is_constant"])
def test_what_every_value_has_cannot_be_deleted(name: str) -> None:
    x = Value(1.0, "x")
    with pytest.raises(AttributeError):
        delattr(x, name)
    assert (x.data, x.label) == (1.0, "x")


def test_a_gradient_is_a_float() -> None:
    x = Value(1.0)
    x.grad = 0
    assert type(x.grad) is float
    with pytest.raises(TypeError, match="one real number"):
        x.grad = "0"  # type: ignore[assignment]


def test_label_and_group_are_kept_apart() -> None:
    x = Value(1.0)
    group = object()
    for label in ("", "w", "weight", ""):
        x.label = label
        for place in (None, group, None, group):
            x.group = place
            assert (x.label, x.group) == (label, place)
    x.label = None  # type: ignore[assignment]
    assert (x.label, x.group) == ("", group)
    for name in [("w", group), ("", group), ("w", None), ("", None)]:
        x._name(name)
        assert (x.label, x.group) == name
    x.label = "v"
    assert (x.label, x.group) == ("v", None)


# --- Subclasses ---


class Named(Value):
    def __init__(self, name: str, data: float) -> None:
        super().__init__(data, name)
        self.history = [data]


def test_a_subclass() -> None:
    x = Named("w", 3.0)
    y = x * x + 2 * x
    y.backward()
    assert type(y) is Value
    assert (x.label, x.history, x.grad) == ("w", [3.0], 8.0)
    assert y.args[0].args == (x, x)
    assert isinstance(2 - x, Value)
    assert x.tanh().args == (x,)
    assert rules.dot([x, 1.0], [2.0, x]).data == 9.0


def test_what_a_subclass_cannot_have() -> None:
    with pytest.raises(TypeError, match="only Value itself takes children"):
        type("Child", (Value,), {})(1.0, (Value(2.0),))
    with pytest.raises(TypeError, match="nonempty __slots__"):
        type("Slotted", (Value,), {"__slots__": ("more",)})


def test_the_children_of_a_value_are_values() -> None:
    with pytest.raises(TypeError, match="the children of a Value are Values, not int 1"):
        Value(1.0, (1,))  # type: ignore[arg-type]


# --- Walks that meet other walks ---


def test_is_leaf_may_walk_itself() -> None:
    x = Value(0.5, "x")
    root = (x.tanh() * x + x.exp()).sin()
    order = topological_order(root)

    def is_leaf(value: Value) -> bool:
        value.backward()
        return len(topological_order(value)) < 2

    assert topological_order(root, is_leaf=is_leaf) == order


def at_once(work: Callable[[], None]) -> None:
    """Do something on four threads that take turns as often as Python lets them."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=guarded) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    if errors:
        raise errors[0]


def test_four_threads_walk_one_graph() -> None:
    x = Value(0.3)
    root = x
    for _ in range(30):
        root = (root * x + root).tanh()
    root.backward()
    wanted = {value: value.grad for value in topological_order(root) if value.args}

    def work() -> None:
        for _ in range(20):
            root.backward()
            assert len(topological_order(root)) == len(wanted) + 1
            assert tinygrad_edu.gradient(root, x).data == pytest.approx(sum_of_paths)

    sum_of_paths = tinygrad_edu.gradient(root, x).data
    at_once(work)
    assert {value: value.grad for value in wanted} == wanted


def test_four_threads_build_and_free_graphs() -> None:
    def work() -> None:
        for _ in range(20):
            x = y = Value(1.0)
            for _ in range(100):
                y = y * x
            y.note = [y.args]  # type: ignore[attr-defined]
            y.backward()
            assert x.grad == 101.0  # of x to the power of 101

    at_once(work)


# --- Nothing is written if a pass raises ---


def grads(root: Value) -> list[float]:
    return [value.grad for value in topological_order(root)]


@pytest.mark.parametrize("spoil", ["stale", "infinite"])
def test_a_pass_that_raises_leaves_every_gradient_as_it_was(spoil: str) -> None:
    x, y = Value(4.0, "x"), Value(2.0, "y")
    root = x.sqrt() * y + y * y
    root.backward()
    x.data = 0.0
    if spoil == "infinite":
        root.forward()
    before = grads(root)
    with pytest.raises(StaleError if spoil == "stale" else DomainError):
        root.backward()
    assert grads(root) == before
    x.data = 9.0
    root.forward()
    root.backward()
    assert y.grad == 2.0 + 4.0 + 3.0 + 4.0


def test_a_forward_pass_that_raises_keeps_slopes_and_numbers() -> None:
    x = Value(2.0, "x")
    y = rules.logsumexp([x, x.log(), 1.0])
    before = y.data, y.slopes, y.args[1].data, y.args[1].slopes
    x.data = -1.0
    with pytest.raises(DomainError):
        y.forward()
    assert (y.data, y.slopes, y.args[1].data, y.args[1].slopes) == before


# --- Memory ---


def test_memory_does_not_grow_over_training_steps() -> None:
    program = """
import gc, sys
from tinygrad_edu import Value, dot
w = [Value(0.1 * i) for i in range(20)]
def step():
    h = [dot(w, [x, *w[1:]]).relu() + w[0].tanh() for x in (0.1, 0.2, 0.3)]
    loss = (h[0] - h[1] * 2 / (h[2] ** 2 + 1.0)) ** 2
    loss.label, loss.group = "loss", "end"
    loss.backward()
    loss.forward()
    for p in w:
        p.data -= 1e-6 * p.grad
        p.grad = 0.0
    try:
        loss.backward()
    except ValueError:
        pass
for _ in range(50):
    step()
gc.collect()  # which also empties Python's lists of free objects
before = sys.getallocatedblocks()
for _ in range(1000):
    step()
gc.collect()
print(sys.getallocatedblocks() - before)
"""
    assert int(run("-c", program)) < 100  # a leak of one object a step would be 1000


@pytest.mark.skipif(not COMPILED, reason="the collector tracks every object of a class written in Python")
def test_a_node_in_c_is_small_and_not_tracked() -> None:
    x = Value(2.0)
    for y in (x, x.relu(), x * x, x.tanh(), rules.dot([x, x], [x, x])):
        assert not gc.is_tracked(y)
        assert sys.getsizeof(y) == 88 + 16 * len(y.args)


@pytest.mark.parametrize("name", ["topological_order", "expect_current"])
def test_functions_of_the_engine_have_docstrings(name: str) -> None:
    assert inspect.getdoc(getattr(value, name))
