"""Graphs are freed at once, without the cyclic collector, and copied whole."""

import copy
import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from random_graphs import random_graph

from tinygrad_edu import Value, gradient, topological_order
from tinygrad_edu.see.graph import fold
from tinygrad_edu.engine.op import operations


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> list[int]:
    """Return how many references there are to each operation: every Value that it made holds one."""
    return [sys.getrefcount(op) for op in operations()]


@pytest.mark.usefixtures("collector_off")
def test_a_million_operations() -> None:
    before = alive()
    x = y = Value(1.0)
    for _ in range(1_000_000):
        y = y * 1.0000001
    x.data = 2.0
    y.forward()
    y.backward()
    assert y.data == pytest.approx(2 * 1.0000001**1_000_000)
    assert x.grad == pytest.approx(1.0000001**1_000_000)
    assert sum(alive()) - sum(before) == 1_000_000
    del y
    assert alive() == before


@pytest.mark.usefixtures("collector_off")
def test_nothing_is_kept_alive() -> None:
    random_graph(1)  # fills the caches
    before = alive()
    root, leaves = random_graph(1)
    root.backward()
    root.forward()
    derivatives = gradient(root, leaves)
    edges = fold(root).edges
    assert sum(alive()) > sum(before)
    del root, leaves, derivatives, edges
    assert alive() == before


def by_pickle(value: Value) -> Any:
    return pickle.loads(pickle.dumps(value))


def contents(value: Value) -> tuple[Any, ...]:
    return value.data, value.grad, value.label, value.is_constant, value.op, value.slopes


@pytest.mark.parametrize("copied", [copy.deepcopy, by_pickle])
def test_copies_are_whole_and_separate(copied: Callable[[Value], Value]) -> None:
    root, leaves = random_graph(1)
    root.backward()
    twin = copied(root)
    originals, twins = topological_order(root), topological_order(twin)
    assert not set(originals) & set(twins)
    assert list(map(contents, originals)) == list(map(contents, twins))
    twin.zero_grad()
    twin.backward()
    assert [x.grad for x in twins if x.label in "abc"] == [x.grad for x in originals if x.label in "abc"]
    assert leaves[0].grad != 0.0


def test_a_shallow_copy_shares_the_arguments() -> None:
    x = Value(2.0, "x")
    y = x * x
    twin = copy.copy(y)
    assert twin is not y
    assert twin.args == y.args == (x, x)


def test_a_pickle_is_whole_in_another_process() -> None:
    x = Value(3.0)
    y = x.tanh() * x
    for _ in range(100):
        y.forward()  # what the traversals left behind must mean nothing elsewhere
    program = f"import pickle; y = pickle.loads({pickle.dumps(y)!r}); y.backward(); print(y.args[1].grad)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    y.backward()
    assert float(output.stdout) == x.grad
