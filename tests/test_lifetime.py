"""Graphs are freed at once, without the cyclic collector, and copied whole, to any depth."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from random_graphs import random_graph

from tinygrad_edu import StaleError, Value, gradient, topological_order
from tinygrad_edu.engine import copies
from tinygrad_edu.engine.op import TABLE
from tinygrad_edu.see.graph import fold

DEEP = 1_000_000


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> list[int]:
    """Return how many references there are to each operation: every Value that it made holds one."""
    return [sys.getrefcount(op) for op in TABLE.values()]


def chain(x: Value, length: int) -> Value:
    for _ in range(length):
        x = x * 1.0000001
    return x


@pytest.mark.usefixtures("collector_off")
def test_a_million_operations() -> None:
    before = alive()
    x = Value(1.0)
    y = chain(x, DEEP)
    x.data = 2.0
    y.forward()
    y.backward()
    assert y.data == pytest.approx(2 * 1.0000001**DEEP)
    assert x.grad == pytest.approx(1.0000001**DEEP)
    assert len(topological_order(y)) == 2 * DEEP + 1
    y.zero_grad()
    assert x.grad == 0.0
    assert sum(alive()) - sum(before) == DEEP
    del y
    assert alive() == before


class Sub(Value):
    pass


@pytest.mark.usefixtures("collector_off")
def test_a_deep_graph_over_attributes_and_subclasses_is_freed() -> None:
    ends: list[Any] = []
    y: Value = Sub(1.0)
    ends.append(weakref.ref(y))
    for i in range(100_000):
        y = y + Sub(1.0)
        if i % 1000 == 0:
            y.before, y.label = ends[-1](), "kept"  # type: ignore[attr-defined]
            ends.append(weakref.ref(y))
    del y
    assert [end() for end in ends] == [None] * len(ends)


@pytest.mark.usefixtures("collector_off")
def test_nothing_is_kept_alive() -> None:
    random_graph(1)[0].backward()  # fills the caches
    before = alive()
    root, leaves = random_graph(1)
    root.backward()
    root.forward()
    derivatives = gradient(root, leaves)
    edges = fold(root).edges
    assert sum(alive()) > sum(before)
    del root, leaves, derivatives, edges
    assert alive() == before


def test_weak_references() -> None:
    told: list[Any] = []
    x = Value(1.0)
    y = x * x
    to_x, to_y = weakref.ref(x, told.append), weakref.ref(y)
    assert (to_x(), to_y()) == (x, y)
    del y
    assert to_y() is None
    assert to_x() is x
    del x
    assert told == [to_x]


def test_a_callback_may_use_the_engine_while_a_graph_is_freed() -> None:
    results = []

    def callback(_: Any) -> None:
        z = chain(Value(1.0), 50)
        z.backward()
        results.append(z.args[0].grad)

    x = Value(1.0)
    references = []
    for _ in range(100):
        x = x * 1.5
        references.append(weakref.ref(x, callback))
    del x
    assert results == [1.0000001] * 100


def by_pickle(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def contents(value: Value) -> tuple[Any, ...]:
    numbers = value.data, value.grad, *value.slopes
    return *numbers, value.label, value.group, value.is_constant, value.op, vars(value)


@pytest.mark.parametrize("copied", [copy.deepcopy, by_pickle])
def test_copies_are_whole_and_separate(copied: Callable[[Value], Value]) -> None:
    root, leaves = random_graph(1)
    root.backward()
    root.args[0].group, root.note = ("layer", 1), ["text"]  # type: ignore[attr-defined]
    twin = copied(root)
    originals, twins = topological_order(root), topological_order(twin)
    assert not set(originals) & set(twins)
    assert list(map(contents, originals)) == list(map(contents, twins))
    twin.zero_grad()
    twin.backward()
    assert [x.grad for x in twins if x.label in "abc"] == [x.grad for x in originals if x.label in "abc"]
    assert leaves[0].grad != 0.0


@pytest.mark.parametrize("copied", [copy.deepcopy, by_pickle])
def test_what_is_shared_stays_shared(copied: Callable[[Any], Any]) -> None:
    x = Value(2.0, "x")
    y = x * x
    z = y + x
    x_, (y_, z_), again = copied((x, [y, z], x))
    assert x_ is again
    assert y_.args == (x_, x_)
    assert z_.args == (y_, x_)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, by_pickle])
def test_a_copy_of_a_subclass_is_one(copied: Callable[[Any], Any]) -> None:
    x = Sub(2.0, "x")
    x.note = "kept"  # type: ignore[attr-defined]
    twin = copied(x)
    assert (type(twin), twin.data, twin.label, twin.note) == (Sub, 2.0, "x", "kept")


@pytest.mark.parametrize("length", [50_000, pytest.param(DEEP, marks=pytest.mark.slow)])
@pytest.mark.parametrize("copied", [copy.deepcopy, by_pickle])
def test_a_deep_graph_can_be_copied(copied: Callable[[Any], Any], length: int) -> None:
    x = Value(1.0, "x")
    x_, y_ = copied((x, chain(x, length)))
    y_.backward()
    assert x_.grad == pytest.approx(1.0000001**length)
    assert x.grad == 0.0


def test_a_shallow_copy_shares_the_arguments() -> None:
    x = Value(2.0, "x")
    y = x * x
    twin = copy.copy(y)
    assert twin is not y
    assert twin.args == y.args == (x, x)


def test_a_pickle_is_whole_in_another_process_and_on_the_other_engine() -> None:
    x = Value(3.0)
    y = x.tanh() * x**2
    saved = pickle.dumps(y)
    program = f"import pickle; y = pickle.loads({saved!r}); y.backward(); print(y.args[0].args[0].grad)"
    y.backward()
    for pure in ("", "1"):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TINYGRAD_EDU_PURE": pure}
        line = [sys.executable, "-c", program]
        assert float(subprocess.run(line, env=environment, capture_output=True, check=True).stdout) == x.grad


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, by_pickle])
def test_what_is_stale_is_stale_in_a_copy(copied: Callable[[Value], Value]) -> None:
    w, x = Value(3.0, "w"), Value(2.0, "x")
    root = (w * x) * x + 1.0
    current = copy.deepcopy(root)
    x.data = 5.0
    other = Value(1.0) * 2.0  # made after the assignment
    stale = copied(root)
    for _ in range(2):  # and what is made and assigned meanwhile does not change it
        with pytest.raises(StaleError, match="x was assigned"):
            stale.backward()
        other.args[0].data += 1.0
    stale.forward()
    stale.backward()
    assert stale.data == 76.0
    current.backward()  # the copy from before the assignment is its own graph
    assert current.data == 13.0


def test_a_pickle_that_fails_leaves_nothing_behind() -> None:
    x = Value(1.0)
    y = x * 2.0
    x.stone = lambda: None  # which cannot be pickled
    root = y + 1.0
    for _ in range(3):
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps(root)
    gc.collect()
    assert not [*copies._local.announced]
    del x.stone
    deep = root
    for _ in range(3_000):
        deep = deep + 1.0
    assert pickle.loads(pickle.dumps(deep)).data == deep.data  # does not recurse
