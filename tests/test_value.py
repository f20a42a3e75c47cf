"""Value: its operators, the two passes and the order."""

import copy
import math
import operator
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from oracle import evaluate
from random_graphs import random_graph

import tinygrad_edu
from tinygrad_edu import CycleError, DomainError, TooLargeError, Value, gradient, ops, topological_order
from tinygrad_edu.engine.op import TABLE

NUMBERS = [2, 2.5, True, Fraction(1, 2), np.float64(1.5), np.float32(0.5), np.int64(3), np.bool_(True)]
with_every_kind = pytest.mark.parametrize("number", NUMBERS, ids=lambda number: type(number).__name__)
ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]

# --- Numbers of every kind ---


@with_every_kind
def test_a_value_holds_a_float(number: Any) -> None:
    assert type(Value(number).data) is float
    assert float(Value(number)) == float(number)


@with_every_kind
@pytest.mark.parametrize("op", ARITHMETIC)
def test_operators_take_numbers_on_both_sides(op: Callable[[Any, Any], Any], number: Any) -> None:
    v, x = Value(0.7), float(number)
    for result, expected in [(op(v, number), op(0.7, x)), (op(number, v), op(x, 0.7))]:
        assert isinstance(result, Value)
        assert type(result.data) is float
        assert result.data == expected
        assert v in result.args


@with_every_kind
@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_are_those_of_the_data(compare: Callable[[Any, Any], Any], number: Any) -> None:
    for x in (0.5, 1.0, 2.0):
        assert compare(Value(x), number) is compare(x, float(number))
        assert compare(number, Value(x)) is compare(float(number), x)
        assert compare(Value(x), Value(number)) is compare(x, float(number))


def test_each_value_is_equal_to_itself_only() -> None:
    x, y = Value(1.0), Value(1.0)
    assert x == x
    assert x != y
    assert len({x, y, x}) == 2
    assert max([x, Value(3.0), y]).data == 3.0


def test_unary_operators() -> None:
    x = Value(-1.5)
    assert (-x).data == abs(x).data == 1.5
    assert +x is x


def test_augmented_assignment_makes_a_new_value() -> None:
    first = x = Value(2.0)
    x += 1
    x *= x
    x -= 0.5
    x /= 2
    x **= 2
    assert first.data == 2.0
    x.backward()
    assert (x.data, first.grad) == (4.25**2, 2 * 4.25 * 3)


def test_the_builtin_sum() -> None:
    xs = [Value(x) for x in (1.0, 2.0, 3.0)]
    total = sum(xs) + sum(xs, Value(4.0))
    total.backward()
    assert (total.data, [x.grad for x in xs]) == (16.0, [2.0, 2.0, 2.0])


def test_every_function_of_the_table_is_public() -> None:
    for name, entry in TABLE.items():
        assert getattr(tinygrad_edu, name) is entry


@pytest.mark.parametrize("name", [name for name in TABLE if hasattr(Value, name)])
def test_methods_equal_functions(name: str) -> None:
    args = [Value(0.7), Value(2.5)][: 2 if name in ("maximum", "minimum") else 1]
    by_method, by_function = getattr(args[0], name)(*args[1:]), TABLE[name](*args)
    assert by_method.op is by_function.op
    assert by_method.args == by_function.args
    assert (by_method.data, by_method.slopes) == (by_function.data, by_function.slopes)


def test_leaky_relu_takes_its_slope() -> None:
    assert Value(-2.0).leaky_relu(0.2).data == ops.leaky_relu(-2.0, 0.2) == -0.4
    assert Value(-2.0).leaky_relu().data == -0.02


def test_repr() -> None:
    x = Value(1.5, "x")
    x.grad = -2.0
    assert repr([x, x * 2]) == "[Value(data=1.5, grad=-2.0, label='x'), Value(data=3.0, grad=0.0)]"
    assert repr([ops.tanh, ops.power]) == "[<operation tanh>, <operations power>]"


def test_labels_and_constants() -> None:
    x = Value(1.0)
    y = x + 2
    assert [v.is_constant for v in (x, y, *y.args)] == [False, False, False, True]
    x.label = "x"
    assert (x.label, y.label, y.args[1].label) == ("x", "", "")


# --- The two passes ---


def test_leaves_accumulate_and_inner_values_do_not() -> None:
    a, b = Value(2.0), Value(-3.0)
    inner = a * b
    root = inner * a
    for times in (1, 2, 3):
        root.backward()
        assert (root.grad, inner.grad, a.grad, b.grad) == (1.0, 2.0, times * -12.0, times * 4.0)
    root.zero_grad()
    assert [value.grad for value in topological_order(root)] == [0.0] * 4
    root.backward()
    assert a.grad == -12.0


def test_a_leaf_can_be_the_root() -> None:
    x = Value(3.0)
    x.backward()
    x.backward()
    x.forward()
    assert (x.data, x.grad) == (3.0, 2.0)


def test_a_second_root_starts_afresh() -> None:
    x = Value(3.0)
    y = x * x
    (y * 5).backward()
    x.zero_grad()
    y.backward()
    assert (y.grad, x.grad) == (1.0, 6.0)


def test_assigning_data_does_not_falsify_what_was_recorded() -> None:
    x = Value(3.0)
    y = x * x
    x.data = 100.0
    y.backward()
    assert (y.data, y.slopes, x.grad) == (9.0, (3.0, 3.0), 6.0)


def test_forward_recomputes_values_and_slopes() -> None:
    for seed in range(50):
        root, leaves = random_graph(seed)
        for leaf in leaves:
            leaf.data *= 1.01
        root.forward()
        assert root.data == pytest.approx(float(evaluate(root, {})), rel=1e-9)
        root.backward()
        assert [x.grad for x in leaves] == pytest.approx([g.data for g in gradient(root, leaves)], rel=1e-9)


def test_forward_out_of_the_domain_keeps_what_comes_after() -> None:
    x = Value(2.0, "x")
    square, root = x * x, x.log() * 3
    x.data = -1.0
    with pytest.raises(DomainError, match=r"log\(x\) with x = -1.0"):
        root.forward()
    assert root.data == 3 * math.log(2.0)
    square.forward()
    assert square.data == 1.0


# --- The order ---


def test_arguments_come_before_results_and_everything_once() -> None:
    for seed in range(50):
        root, _ = random_graph(seed)
        order = topological_order(root)
        place = {value: i for i, value in enumerate(order)}
        assert len(place) == len(order)
        assert order[-1] is root
        assert all(place[arg] < place[value] for value in order for arg in value.args)
        assert order == topological_order(root)


def test_first_argument_first_and_no_further_than_asked() -> None:
    a, b, c = (Value(1.0, name) for name in "abc")
    ab = a * b
    root = ab + (c * a) * ab
    assert [v.label for v in topological_order(root) if not v.args] == ["a", "b", "c"]
    assert topological_order(root)[:3] == [a, b, ab]
    cut = topological_order(root, is_leaf=lambda value: value is ab)
    assert cut[:3] == [ab, c, a]
    assert b not in cut
    assert topological_order(ab, is_leaf=lambda value: True) == [a, b, ab]


def test_the_order_is_the_same_in_every_process() -> None:
    program = """
from random_graphs import random_graph
from tinygrad_edu import gradient, topological_order
from tinygrad_edu.see.notation import formula
for seed in range(5):
    root, leaves = random_graph(seed)
    print([(v.label, v.op, v.data) for v in topological_order(root)], *map(formula, gradient(root, leaves)))
"""
    path = os.pathsep.join(sys.path)
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("use", [Value.backward, Value.forward, Value.zero_grad, topological_order])
def test_a_cycle_is_an_error(use: Callable[[Value], Any]) -> None:
    x = Value(2.0, "x")
    y = x * 3
    root = y.tanh()
    x.args = (y,)
    try:
        with pytest.raises(CycleError, match="depends on itself: build a new Value"):
            use(root)
        with pytest.raises(CycleError):
            gradient(root, x)
    finally:
        x.args = ()  # so that the cycle is freed
    assert topological_order(root)[-1] is root


@pytest.mark.parametrize("label", [5, b"w", ["w"], 1.5])
def test_a_label_is_text(label):
    with pytest.raises(TypeError):
        Value(1.0, label=label)
    x = Value(1.0)
    with pytest.raises(TypeError):
        x.label = label
    assert x.label == ""


def test_a_deep_graph_can_be_copied():
    x = Value(2.0, "x")
    y = x
    for _ in range(10_000):
        y = y * 1.0 + 0.0
    kept, twin = copy.deepcopy([x, y])
    assert twin is not y
    twin.backward()
    assert (kept.label, kept.grad, x.grad, twin.data) == ("x", 1.0, 0.0, 2.0)


def test_the_function_pow_takes_a_constant_exponent_as_the_operator_does():
    x = Value(-2.0)
    assert ops.pow(x, 2).op is (x**2).op
    assert ops.pow(-8, 3) == -512.0
    with pytest.raises(TypeError, match="the second argument of power is a plain number, not a Value: pow"):
        ops.power(x, Value(2.0))
    with pytest.raises(TypeError, match=r"of leaky_relu is a plain number, not a Value$"):
        ops.leaky_relu(x, Value(2.0))


def test_a_number_too_large_for_a_float():
    with pytest.raises(TooLargeError, match="a Value holds a float, and this int is too large for one"):
        Value(10**400)
    with pytest.raises(OverflowError):
        Value(1.0) + 10**400
