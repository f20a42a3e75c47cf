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
from tinygrad_edu import (
    DivisionByZeroError,
    DomainError,
    StaleError,
    TooLargeError,
    Value,
    gradient,
    topological_order,
)
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.op import TABLE

NUMBERS = [2, 2.5, True, Fraction(1, 2), np.float64(1.5), np.float32(0.5), np.int64(3), np.bool_(True)]
with_every_kind = pytest.mark.parametrize("number", NUMBERS, ids=lambda number: type(number).__name__)
ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]

# --- Numbers of every kind ---


@with_every_kind
def test_a_value_holds_a_float(number: Any) -> None:
    assert type(Value(number).data) is float
    assert Value(number).data == float(number)


CONVERSIONS = [float, int, complex, math.exp, np.float64, round, math.floor, math.ceil, math.trunc]


@pytest.mark.parametrize("convert", CONVERSIONS)
def test_a_value_is_not_a_float(convert: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"\.data"):
        convert(Value(0.5))


@pytest.mark.parametrize("op", [operator.floordiv, operator.mod, divmod])
def test_what_is_not_differentiable_says_what_to_do(op: Callable[[Any, Any], Any]) -> None:
    for x, y in [(Value(3.0), 2.0), (3.0, Value(2.0)), (Value(3.0), Value(2.0))]:
        with pytest.raises(TypeError, match="is not differentiable: use"):
            op(x, y)


@pytest.mark.parametrize("other", ["2", None, [1.0], (Value(1.0),), {}, 1j])
@pytest.mark.parametrize("op", ARITHMETIC)
def test_what_is_no_number_is_a_type_error(op: Callable[[Any, Any], Any], other: Any) -> None:
    for x, y in [(Value(3.0), other), (other, Value(3.0))]:
        with pytest.raises(TypeError):
            op(x, y)


@pytest.mark.parametrize("op", ARITHMETIC)
def test_arrays_apply_an_operator_to_each_item(op: Callable[[Any, Any], Any]) -> None:
    x = Value(3.0)
    for result in (op(x, np.array([1.0, 2.0])), op(np.array([1.0, 2.0]), x)):
        assert result.shape == (2,)
        assert all(isinstance(item, Value) and x in item.args for item in result)
    row = np.array([Value(1.0), Value(2.0)])
    assert (row @ row).data == 5.0


def test_three_arguments_of_pow() -> None:
    with pytest.raises(TypeError):
        pow(Value(2.0), 3, 5)


def test_a_format_is_that_of_the_number() -> None:
    x = Value(2.0, "x")
    assert f"{x:.2f} {x}" == "2.00 Value(data=2.0, grad=0.0, label='x')"


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


def example(op: Any) -> list[Any]:
    """Return arguments and parameters for an operation of the table, the first of them a Value."""
    row: list[Any] = [Value(1.7 if op.name == "acosh" else 0.7), *(Value(2.5) for _ in range(op.arity - 1))]
    return row + [1.5 + i for i in range(len(op.takes))]


@pytest.mark.parametrize("name", [name for name, op in TABLE.items() if not op.over_lists])
def test_methods_equal_functions(name: str) -> None:
    row = example(TABLE[name])
    by_method, by_function = getattr(row[0], name)(*row[1:]), TABLE[name](*row)
    assert by_method.op is by_function.op
    assert by_method.args == by_function.args
    assert (by_method.data, by_method.slopes) == (by_function.data, by_function.slopes)


def test_the_same_operation_is_the_same_object() -> None:
    x = Value(2.0)
    assert (x**2.5).op is (x**2.5).op is rules.power.of(2.5) is x.power(2.5).op
    assert (x**-0.0).op is (x**0).op
    assert x.clip(0, 1).op is rules.clip(x, low=0.0, high=1.0).op


def test_leaky_relu_takes_its_slope() -> None:
    assert Value(-2.0).leaky_relu(0.2).data == rules.leaky_relu(-2.0, 0.2) == -0.4
    assert Value(-2.0).leaky_relu(negative_slope=0.2).data == -0.4
    assert Value(-2.0).leaky_relu().data == -0.02


@pytest.mark.parametrize("call", [
    lambda x: x.tanh(1.0), lambda x: x.tanh(y=1.0), lambda x: x.maximum(), lambda x: x.clip(1.0),
    lambda x: rules.tanh(), lambda x: rules.tanh(x, x), lambda x: rules.dot([x]), lambda x: rules.sum(x),
    lambda x: x.leaky_relu(slope=0.1), lambda x: rules.add(x, y=x), lambda x: rules.leaky_relu(x, x),
])  # fmt: skip
def test_wrong_arguments_are_a_type_error(call: Callable[[Value], Any]) -> None:
    with pytest.raises(TypeError):
        call(Value(1.0))


def test_lists_of_different_lengths() -> None:
    with pytest.raises(ValueError, match="dot needs lists of one length, not 2 and 1"):
        rules.dot([Value(1.0), 2.0], [3.0])


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda row: (x for x in row)])
def test_an_operation_over_lists_takes_every_kind_of_list(kind: Callable[[Any], Any]) -> None:
    x, y = Value(2.0), Value(3.0)
    assert rules.sum(kind([x, 1, y])).data == 6.0
    made = rules.dot(kind([x, y]), kind([5, x]))
    assert (made.data, made.slopes) == (16.0, (5.0, 2.0, 2.0, 3.0))


def test_repr() -> None:
    x = Value(1.5, "x")
    x.grad = -2.0
    assert repr([x, x * 2]) == "[Value(data=1.5, grad=-2.0, label='x'), Value(data=3.0, grad=0.0)]"
    assert repr([rules.tanh, rules.power]) == "[<operation tanh>, <operation power>]"


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


def test_numbers_assigned_since_are_refused() -> None:
    x, y = Value(3.0, "x"), Value(4.0)
    z = x * y + 1.0
    later = x * 2.0
    x.data = 3.0  # the same number
    z.backward()
    before = x.grad, y.grad
    x.data = 100.0
    with pytest.raises(StaleError, match=r"x was assigned after .* call forward\(\)"):
        z.backward()
    assert (x.grad, y.grad) == before
    (x * 5.0).backward()  # made since
    z.forward()
    z.backward()
    with pytest.raises(StaleError):
        (later + z).backward()


def test_assigning_to_an_inner_value_is_refused_above_it() -> None:
    x = Value(3.0)
    y = x * x
    z = y + 1.0
    y.data = 5.0
    y.backward()
    with pytest.raises(StaleError, match="the Value made by mul was assigned"):
        z.backward()
    x.data = -0.0
    y.forward()
    x.data = 0.0  # another number than -0.0
    with pytest.raises(StaleError):
        y.backward()


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


def test_the_order_of_making_and_no_further_than_asked() -> None:
    a, b, c = (Value(1.0, name) for name in "abc")
    ab = a * b
    root = ab + (c * a) * ab
    order = topological_order(root)
    assert order == [a, b, c, ab, *order[4:]]
    cut = topological_order(root, is_leaf=lambda value: value is ab)
    assert cut == [a, c, ab, *order[4:]]
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


def test_power_and_pow() -> None:
    x = Value(-2.0)
    assert rules.power(x, 2).op is (x**2).op
    assert rules.power(-8, 3) == -512.0
    with pytest.raises(TypeError, match=r"n of power is a plain number, not a Value: pow\(x, y\) takes two"):
        rules.power(x, Value(2.0))
    with pytest.raises(TypeError, match=r"of leaky_relu is a plain number, not a Value$"):
        rules.leaky_relu(x, Value(2.0))


def test_a_number_too_large_for_a_float():
    with pytest.raises(TooLargeError, match="a Value holds a float, and this int is too large for one"):
        Value(10**400)
    with pytest.raises(OverflowError):
        Value(1.0) + 10**400


def test_the_sign_of_a_zero_is_kept() -> None:
    for before, after in ((0.0, -0.0), (-0.0, 0.0)):
        value = Value(before)
        value.data = after
        assert str(value.data) == str(after)


def test_a_power_is_of_a_number_or_of_a_value() -> None:
    x, y = Value(4.0), Value(0.5)
    for exponent in (2, 0.5, Fraction(1, 2), np.float64(0.5), True):
        assert (x**exponent).op.name == "power"
        assert (x**exponent).data == 4.0 ** float(exponent)
    assert ((x**y).op.name, (x**y).data, (2**y).op.name) == ("pow", 2.0, "pow")


def test_an_infinite_slope_on_the_way_is_an_error_of_the_pass() -> None:
    x = Value(0.0, "x")
    root = x.sqrt() * 2.0
    with pytest.raises(DivisionByZeroError, match="its slope there is infinite"):
        root.backward()
    assert x.grad == 0.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rules.add(1.0), TypeError, "add takes 2 arguments, not 1"),
        (lambda: rules.add(1.0, 2.0, 3.0), TypeError, "add takes 2 arguments, not 3"),
        (lambda: rules.sum([1.0], [2.0]), TypeError, "sum takes 1 list, not 2"),
        (lambda: rules.sum(3.0), TypeError, "sum takes 1 list, not a float"),
        (lambda: rules.dot([1.0], [1.0, 2.0]), ValueError, "dot needs lists of one length, not 1 and 2"),
        (lambda: rules.dot([1.0, 2.0], [1.0]), ValueError, "dot needs lists of one length, not 2 and 1"),
    ],
)
def test_a_wrong_number_of_arguments_is_named(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()
