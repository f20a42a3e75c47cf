"""backward() and gradient() on random graphs, against the sum over all paths and against 40 digits."""

import math
import threading
from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import pytest
from oracle import evaluate, exact
from random_graphs import random_graph

from tinygrad_edu import DivisionByZeroError, DomainError, StaleError, Value, gradient, topological_order
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.gradient import differentiable, local_derivatives, reached, sweep, total
from tinygrad_edu.engine.gradient import product as multiplied
from tinygrad_edu.see.notation import formula

in_batches = pytest.mark.parametrize("batch", range(20))


def graphs(batch: int, count: int) -> Iterator[tuple[Value, list[Value]]]:
    return (random_graph(seed) for seed in range(batch * count, (batch + 1) * count))


def path_products(value: Value, source: Value) -> Iterator[float]:
    """Yield the product of the slopes along every single path from ``source`` to ``value``."""
    if value is source:
        yield 1.0
    for arg, slope in zip(value.args, value.slopes, strict=True):
        for rest in path_products(arg, source):
            yield slope * rest


def agree(ours: float, theirs: float, scale: float) -> bool:
    """Compare to 1e-9 relative, where terms of the size ``scale`` were added."""
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12 * scale)


@in_batches
def test_sum_over_all_paths(batch: int) -> None:
    for root, _ in graphs(batch, 50):
        values = topological_order(root)
        root.backward()
        for value, derivative in zip(values, gradient(root, values), strict=True):
            products = list(path_products(root, value))
            expected, scale = math.fsum(products), math.fsum(map(abs, products))
            assert agree(value.grad, expected, scale)
            assert agree(derivative.data, expected, scale)


def difference(root: Value, leaves: tuple[Value, ...]) -> Any:
    """Return the derivative of ``root`` along one leaf after the other, by central differences."""
    h = exact(1e-9)

    def along(numbers: dict[Value, Any], rest: tuple[Value, ...]) -> Any:
        if not rest:
            return evaluate(root, numbers)
        leaf, *others = rest
        x = numbers.get(leaf, exact(leaf.data))
        up, down = (along(numbers | {leaf: x + step}, tuple(others)) for step in (h, -h))
        return (up - down) / (2 * h)

    return along({}, leaves)


@in_batches
def test_differences_at_forty_digits(batch: int) -> None:
    for root, leaves in graphs(batch, 10):
        root.backward()
        for leaf in leaves:
            assert math.isclose(leaf.grad, difference(root, (leaf,)), rel_tol=1e-9, abs_tol=1e-11)


@in_batches
def test_second_derivatives(batch: int) -> None:
    for root, leaves in graphs(batch, 5):
        rows = [gradient(first, leaves) for first in gradient(root, leaves)]
        for i, j in product(range(3), repeat=2):
            expected = difference(root, (leaves[i], leaves[j]))
            assert math.isclose(rows[i][j].data, expected, rel_tol=1e-8, abs_tol=1e-9)


def test_higher_derivatives() -> None:
    x = Value(0.7)
    derivative = rules.sin(x)
    for expected in (math.cos(0.7), -math.sin(0.7), -math.cos(0.7), math.sin(0.7)) * 2:
        derivative = gradient(derivative, x)
        assert derivative.data == pytest.approx(expected, rel=1e-14)


# --- What gradient() returns, and what it leaves alone ---


def test_zero_for_what_has_no_influence() -> None:
    x, y = Value(2.0), Value(3.0)
    later = x * y
    assert [derivative.data for derivative in gradient(x**2, [y, later, x])] == [0.0, 0.0, 4.0]
    assert gradient(x, x).data == 1.0


def test_nothing_is_stored_on_the_graph() -> None:
    root, leaves = random_graph(1)

    def state() -> list[Any]:
        return [(v, v.data, v.grad, v.label, v.op, v.args, v.slopes) for v in topological_order(root)]

    for place, value in enumerate(topological_order(root)):
        value.grad = float(place)
    before = state()
    gradient(gradient(root, leaves[0]), leaves)
    assert state() == before


@in_batches
def test_a_label_on_the_result_is_on_no_value_of_the_graph(batch: int) -> None:
    for root, _ in graphs(batch, 10):
        values = topological_order(root)
        derivatives = gradient(root, [*values, *values])
        assert len(set(derivatives)) == len(derivatives)
        for derivative in derivatives:
            derivative.label = "derivative"
        assert all(value.label != "derivative" for value in values)


def test_the_result_is_the_same_every_time() -> None:
    for seed in range(20):
        texts = []
        for _ in range(2):
            root, leaves = random_graph(seed)
            texts.append([formula(derivative) for derivative in gradient(root, leaves)])
        assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (lambda a, b: a * b, "1·b"),  # and not b itself, which must keep its label
        (lambda a, b: 2 * a, "2"),
        (lambda a, b: 0.5 * (b - a) ** 2, "−(b − a)"),
        (lambda a, b: b - a * b, "−b"),
        (lambda a, b: a - a * b, "1 − b"),
        (lambda a, b: a * -1 + a * b, "b − 1"),
        (lambda a, b: (a * b).tanh(), "(1 − tanh(a·b)²)·b"),
        (lambda a, b: named(-b, "n") * a, "1·n"),  # a label stands for what it names
        (lambda a, b: named(2 * b, "n") * a * 3, "3·n"),
    ],
)
def test_formulas_are_written_as_a_person_writes_them(written: Any, expected: str) -> None:
    a, b = Value(0.3, "a"), Value(0.4, "b")
    assert formula(gradient(written(a, b), a), squares=True) == expected


def named(value: Value, label: str) -> Value:
    value.label = label
    return value


def test_gradient_of_a_deep_graph() -> None:
    x = Value(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0001
    assert gradient(y, x).data == pytest.approx(1.0001**20_000, rel=1e-9)


def test_gradient_equals_the_recorded_slopes_after_forward() -> None:
    x = Value(0.5)
    chain = [x]
    for op in (rules.sin, rules.exp, rules.tanh):
        chain.append(op(chain[-1]))
    x.data = -1.5
    chain[-1].forward()
    for below, above in pairwise(chain):
        assert gradient(above, below).data == above.slopes[0]
    chain[-1].backward()
    assert x.grad == pytest.approx(gradient(chain[-1], x).data, rel=1e-14)


# --- Stale numbers, poles, branches not taken, threads ---


def test_numbers_assigned_since_are_refused() -> None:
    x = Value(3.0, "x")
    y = x * x
    x.data = 5.0
    with pytest.raises(StaleError, match=r"x was assigned after .*: call forward\(\)"):
        gradient(y, x)
    y.forward()
    assert gradient(y, x).data == 10.0


def test_what_exists_is_not_refused_beside_an_infinite_slope() -> None:
    w, x = Value(2.0, "w"), Value(0.0, "x")
    y = w * x.sqrt()
    assert gradient(y, w).data == 0.0
    with pytest.raises(DivisionByZeroError, match=r"sqrt\(x\) with x = 0.0: the value exists, but its slope"):
        gradient(y, x)
    second = gradient(gradient(x**2.5, x), x)
    assert second.data == 0.0


def test_branches_not_taken_are_not_walked_where_they_have_no_derivative() -> None:
    x = Value(0.0, "x")
    for y in (
        rules.where(x, x.sqrt(), 3 * x),
        rules.maximum(x.sqrt() - 1, 3 * x),
        (x.sqrt() - 1).relu() + 3 * x,
    ):
        assert gradient(y, x).data == 3.0
    # Elsewhere the branch stays in the result, which can therefore be computed anew.
    x = Value(-1.0, "x")
    slope = gradient(x.relu() * 5, x)
    assert slope.data == 0.0
    x.data = 2.0
    slope.forward()
    assert slope.data == 5.0


def test_the_error_of_a_formula_without_a_value_is_passed_on() -> None:
    x, y = Value(1e-200, "x"), Value(1.0, "y")
    with pytest.raises(DomainError):
        gradient(gradient((y / x), x), x)


def test_four_threads_on_one_graph() -> None:
    root, leaves = random_graph(7, size=60, labelled=0.2)
    expected = [derivative.data for derivative in gradient(root, leaves)]
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(30):
            ours = [derivative.data for derivative in gradient(root, leaves)]
            if ours != expected:
                wrong.append(ours)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_local_derivatives_leave_out_the_branches_not_taken() -> None:
    x, off = Value(2.0), Value(-2.0)
    assert local_derivatives(x.relu()) == [(x, 1.0)]
    assert local_derivatives(off.relu()) == []
    assert local_derivatives(off.leaky_relu(-0.5)) == [(off, -0.5)]
    assert local_derivatives(off * 0.0)[0] == (off, 0.0)  # a factor is no branch
    assert [arg.data for arg in differentiable(x.detach())] == [2.0]
    assert len(differentiable(x * 3.0)) == 3


def test_a_sum_is_written_as_a_person_writes_it() -> None:
    a, b = Value(2.0, "a"), Value(5.0, "b")
    for term, written, number in ((b, "a + b", 7.0), (0.5 * b, "a + 0.5·b", 4.5), (-b, "a − b", -3.0)):
        assert (str(formula(total(a, term))), total(a, term).data) == (written, number)
    assert total(0.0, b) is b
    assert total(a, 0.0) is a


def test_the_sweep_yields_the_sums_as_they_grow() -> None:
    order = ["x", "y", "z"]  # z = 2·y + 5·x, y = 3·x
    edges = {"z": [("y", 2.0), ("x", 5.0)], "y": [("x", 3.0)], "x": []}
    assert [*sweep("z", order, edges.__getitem__)] == [
        ("z", "y", 2.0, 1.0, None, 2.0),
        ("z", "x", 5.0, 1.0, None, 5.0),
        ("y", "x", 3.0, 2.0, 5.0, 11.0),
    ]
    assert reached(order, lambda node: [arg for arg, _ in edges[node]], {"y"}) == {"y", "z"}


@pytest.mark.parametrize("times", [lambda x, c: x * c, lambda x, c: c * x])
def test_a_constant_factor_on_either_side_is_multiplied_out(times):
    x = Value(5.0, "x")
    six = multiplied(2.0, times(x, 3.0))
    assert (six.op, sorted(arg.data for arg in six.args), six.data) == (rules.mul, [5.0, 6.0], 30.0)
    assert multiplied(0.5, times(x, 2.0)) is x
    difference = total(x, times(x, -2.0))
    assert (difference.op, difference.data) == (rules.sub, -5.0)
    assert total(x, times(x, 0.0)) is x
