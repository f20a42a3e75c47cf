"""Graphs are built, changed, and passed over in any order, beside a twin that computes everything naively."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

import tinygrad_edu
from tinygrad_edu import DomainError, StaleError, Value, vjp

MOST_PATHS = 200
"""Graphs in which more paths lead from a result to the leaves are not built: the twin walks each of them."""

FUNCTIONS: dict[str, tuple[Callable[..., float], Callable[..., tuple[float, ...]]]] = {
    "add": (lambda x, y: x + y, lambda z, x, y: (1.0, 1.0)),
    "sub": (lambda x, y: x - y, lambda z, x, y: (1.0, -1.0)),
    "mul": (lambda x, y: x * y, lambda z, x, y: (y, x)),
    "maximum": (max, lambda z, x, y: (0.5, 0.5) if x == y else (float(x > y), float(y > x))),
    "sin": (math.sin, lambda z, x: (math.cos(x),)),
    "tanh": (math.tanh, lambda z, x: (1.0 - z * z,)),
    "relu": (lambda x: max(x, 0.0), lambda z, x: (float(x > 0),)),
    "log": (math.log, lambda z, x: (1 / x,)),
    "stop_gradient": (lambda x: x, lambda z, x: (0.0,)),
}
"""What the twin knows of the operations: value and local derivatives."""


class Twin:
    """A Value without any cleverness: it remembers which state of its arguments it was computed from."""

    def __init__(self, value: Value, name: str = "", args: "tuple[Twin, ...]" = ()) -> None:
        self.value, self.name, self.args = value, name, args
        self.paths = sum(arg.paths for arg in args) or 1
        self.version, self.used = 0, [0] * len(args)
        self.data, self.slopes = value.data, tuple[float, ...]()
        self.grad, self.size = 0.0, 0.0  # size: the sum of the absolute values of what makes up grad
        if args:
            self.compute()

    def compute(self) -> None:
        """Compute the number and the local derivatives from the arguments as they are.

        Raises:
            ValueError: if the operation has no value there.
        """
        function, slopes = FUNCTIONS[self.name]
        numbers = [arg.data for arg in self.args]
        self.data = function(*numbers)
        self.slopes = slopes(self.data, *numbers)
        self.used = [arg.version for arg in self.args]
        self.version += 1

    def below(self) -> "Iterator[Twin]":
        """Yield this and all that it depends on, some of them again and again."""
        yield self
        for arg in self.args:
            yield from arg.below()

    def is_stale(self) -> bool:
        """Return whether anything below was computed from what has changed since."""
        return any(
            arg.version != used
            for twin in self.below()
            for arg, used in zip(twin.args, twin.used, strict=True)
        )

    def products(self, source: "Twin") -> Iterator[float]:
        """Yield for every path from ``source`` to this the product of the local derivatives along it."""
        if self is source:
            yield 1.0
        for arg, slope in zip(self.args, self.slopes, strict=True):
            for product in arg.products(source):
                yield slope * product


numbers = st.floats(-3, 3) | st.sampled_from([0.0, -0.0, 1.0, 1.0, -1.0])


class Machine(RuleBasedStateMachine):
    """What a user may do to a graph, in any order."""

    twins = Bundle("twins")

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Twin] = []

    def keep(self, *made: Twin) -> Any:
        self.made.extend(made)
        return multiple(*made)

    @initialize(target=twins, x=numbers, y=numbers)
    def two_leaves(self, x: float, y: float) -> Any:
        return self.keep(Twin(Value(x, "x")), Twin(Value(y, "y")))

    @rule(target=twins, x=numbers)
    def a_leaf(self, x: float) -> Any:
        return self.keep(Twin(Value(x)))

    @rule(target=twins, name=st.sampled_from([*FUNCTIONS]), x=twins, y=twins)
    def an_operation(self, name: str, x: Twin, y: Twin) -> Any:
        args = (x, y) if name in ("add", "sub", "mul", "maximum") else (x,)
        if sum(arg.paths for arg in args) > MOST_PATHS:
            return multiple()
        values = [arg.value for arg in args]
        if name == "log" and x.data <= 0:
            with pytest.raises(DomainError):
                values[0].log()
            return multiple()
        if name == "stop_gradient":
            return self.keep(Twin(values[0].detach(), name, args))
        return self.keep(Twin(getattr(tinygrad_edu, name)(*values), name, args))

    @rule(twin=twins, x=numbers)
    def assign(self, twin: Twin, x: float) -> None:
        """Assign a number, to a leaf or to an inner Value."""
        twin.value.data = x
        if (x, math.copysign(1.0, x)) != (twin.data, math.copysign(1.0, twin.data)):
            twin.data = x
            twin.version += 1

    @rule(twin=twins, x=numbers)
    def assign_a_gradient(self, twin: Twin, x: float) -> None:
        twin.value.grad = x
        twin.grad, twin.size = x, 0.0

    @rule(root=twins)
    def backward(self, root: Twin) -> None:
        if root.is_stale():
            with pytest.raises(StaleError):
                root.value.backward()
            return
        root.value.backward()
        for twin in {*root.below()}:
            products = [*root.products(twin)]
            grad, size = math.fsum(products), math.fsum(map(abs, products))
            fresh = bool(twin.args)  # leaves accumulate
            twin.grad = grad if fresh else twin.grad + grad
            twin.size = size if fresh else twin.size + size

    @rule(root=twins)
    def forward(self, root: Twin) -> None:
        graph = {*root.below()}
        for twin in self.made:  # in the order in which they were made
            if twin in graph and twin.args:
                try:
                    twin.compute()
                except ValueError:
                    with pytest.raises(DomainError):
                        root.value.forward()
                    return
        root.value.forward()

    @rule(root=twins)
    def zero_grad(self, root: Twin) -> None:
        root.value.zero_grad()
        for twin in root.below():
            twin.grad = twin.size = 0.0

    @rule(root=twins, source=twins)
    def ask_for_a_product(self, root: Twin, source: Twin) -> None:
        """A sweep of its own stores nothing; the invariant sees to that."""
        if root.is_stale():
            with pytest.raises(StaleError):
                vjp([root.value], [source.value], [1.0])
            return
        products = [*root.products(source)]
        found = vjp([root.value], [source.value], [1.0])
        assert close(found[0], math.fsum(products), math.fsum(map(abs, products)))

    @precondition(lambda self: self.made)
    @invariant()
    def they_agree(self) -> None:
        for twin in self.made:
            assert twin.value.data == twin.data
            assert close(twin.value.grad, twin.grad, twin.size), (twin.value, twin.grad)
            assert all(map(math.isclose, twin.value.slopes, twin.slopes))


def close(ours: float, theirs: float, size: float) -> bool:
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12 * size)


def test_a_graph_in_any_order_of_use_equals_its_naive_twin() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True),
    )


def test_assigning_to_a_value_that_is_stale_does_not_make_its_slopes_new() -> None:
    x = Value(2.0, "x")
    square = x * x
    root = square * square
    x.data = 3.0
    square.forward()
    root.data = 1.0
    with pytest.raises(StaleError):
        root.backward()
    root.forward()
    root.backward()
    assert (root.data, x.grad) == (81.0, 4 * 3.0**3)
