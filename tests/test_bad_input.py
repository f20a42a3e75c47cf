"""A user's mistakes: the error says what was tried, on which Value and number, and what to do."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracle import name_of, operations

from tinygrad_edu import (
    DivisionByZeroError,
    DomainError,
    TooLargeError,
    Value,
    clip,
    dot,
    exp,
    gradient,
    leaky_relu,
    log,
    logsumexp,
    maximum,
    mean,
    mul,
    norm,
    power,
    sqrt,
    worked_example,
)
from tinygrad_edu._common.checks import whole
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine import rules
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.graph import fold


def h(data: float) -> Value:
    return Value(data, "h")


NOT_A_NUMBER = [
    ("3", ["not str", "float('3')"]),
    (b"3", ["not bytes"]),
    (None, ["not NoneType", "give an int, a float"]),
    ([1], ["not list", "[Value(x) for x in xs]"]),
    (1j, ["not complex", "give an int, a float"]),
    (np.complex128(1), ["not complex"]),
    (object(), ["not object"]),
]
not_a_number = pytest.mark.parametrize(
    ("thing", "parts"), NOT_A_NUMBER, ids=[type(thing).__name__ for thing, _ in NOT_A_NUMBER]
)


def says(error: pytest.ExceptionInfo[BaseException], parts: list[str]) -> bool:
    message = str(error.value)
    return "\n" not in message and len(message) < 600 and all(part in message for part in parts)


@not_a_number
@pytest.mark.parametrize(
    "use",
    [
        Value,
        log,
        lambda thing: Value(2.0) + thing,
        lambda thing: Value(2.0) ** thing,
        lambda thing: thing - Value(2.0),
        lambda thing: Value(2.0) < thing,
        lambda thing: maximum(Value(2.0), thing),
        lambda thing: rules.sum([Value(2.0), thing]),
    ],
)
def test_what_is_no_real_number(use: Callable[[Any], Any], thing: Any, parts: list[str]) -> None:
    with pytest.raises(TypeError) as error:
        use(thing)
    assert says(error, ["a Value holds one real number", *parts])


@pytest.mark.parametrize(
    ("mistake", "kind", "parts"),
    [
        (lambda: h(-0.2).log(), DomainError, ["log(h) with h = -0.2", "needs a positive argument"]),
        (lambda: log(h(0.0)), DomainError, ["log(h) with h = 0.0", "needs a positive argument"]),
        (lambda: log(-0.2), DomainError, ["log(x) with x = -0.2", "needs a positive argument"]),
        (lambda: h(-4.0).sqrt(), DomainError, ["sqrt(h) with h = -4.0", "not negative"]),
        (lambda: h(2.0).asin(), DomainError, ["asin(h) with h = 2.0", "from -1 to 1"]),
        (lambda: h(0.5).acosh(), DomainError, ["acosh(h) with h = 0.5", "at least 1"]),
        (lambda: h(1.0).atanh(), DomainError, ["atanh(h) with h = 1.0", "between -1 and 1"]),
        (lambda: h(-1.0).log1p(), DomainError, ["log1p(h) with h = -1.0", "above -1"]),
        (lambda: clip(h(1.0), 3, 2), DomainError, ["clip(h, 3, 2) with h = 1.0", "lower bound"]),
        (lambda: h(0.0) ** -1, DomainError, ["h ** (-1) with h = 0.0", "0 has no negative powers"]),
        (lambda: h(-8.0) ** (1 / 3), DomainError, ["with h = -8.0", "whole powers only"]),
        (lambda: h(-2.0) ** Value(0.5, "n"), DomainError, ["h ** n with h = -2.0, n = 0.5", "positive base"]),
        (lambda: (-2) ** h(0.5), DomainError, ["(-2.0) ** h with h = 0.5", "positive base"]),
        (lambda: h(1.0) / 0, DivisionByZeroError, ["h / 0.0 with h = 1.0", "division by zero"]),
        (lambda: 1 / h(0.0), DivisionByZeroError, ["1.0 / h with h = 0.0", "division by zero"]),
        (lambda: Value(1.0, "k") / h(-0.0), ZeroDivisionError, ["k / h with k = 1.0, h = -0.0"]),
        (lambda: h(1000.0).exp(), TooLargeError, ["exp(h) with h = 1000.0", "too large for a float"]),
        (lambda: exp(1000), OverflowError, ["exp(x) with x = 1000.0", "too large for a float"]),
        (lambda: h(10.0) ** 400, TooLargeError, ["h ** 400 with h = 10.0", "too large for a float"]),
        (lambda: h(1e308) + 1e308, TooLargeError, ["h + 1e+308 with h = 1e+308", "too large"]),
        (lambda: -h(1e308) * 10, TooLargeError, ["x * 10.0 with x = -1e+308", "too large"]),
        (lambda: rules.sum([h(1e308), 1e308]), TooLargeError, ["sum(h, 1e+308) with h = 1e+308"]),
        (lambda: dot([1e200], [1e200]), TooLargeError, ["dot(x, y) with x = 1e+200, y = 1e+200"]),
        (lambda: 1 / h(1e-310), TooLargeError, ["1.0 / h with h = 1e-310", "result is too large"]),
        (lambda: h(1e-310) ** -1, TooLargeError, ["h ** (-1) with h = 1e-310", "result is too large"]),
        (lambda: Value(10**400), OverflowError, ["too large"]),
        (lambda: logsumexp([]), DomainError, ["logsumexp()", "empty list"]),
        (lambda: mean([]), DomainError, ["mean()", "empty list"]),
    ],
)
def test_outside_the_domain(mistake: Callable[[], Any], kind: type[Exception], parts: list[str]) -> None:
    with pytest.raises(kind) as error:
        mistake()
    assert says(error, parts)
    assert error.value.__suppress_context__ or error.value.__context__ is None  # one error, not two


@pytest.mark.parametrize(
    ("use", "kind", "parts"),
    [
        (lambda: h(0.0).sqrt(), DivisionByZeroError, ["sqrt(h) with h = 0.0", "slope there is infinite"]),
        (lambda: h(0.0).cbrt(), DivisionByZeroError, ["cbrt(h) with h = 0.0", "slope there is infinite"]),
        (lambda: h(0.0) ** 0.5, DivisionByZeroError, ["h ** 0.5 with h = 0.0", "slope there is infinite"]),
        (lambda: h(0.0) ** 0.3, DivisionByZeroError, ["h ** 0.3 with h = 0.0", "slope there is infinite"]),
        (lambda: h(1.0).asin(), DivisionByZeroError, ["asin(h) with h = 1.0", "slope there is infinite"]),
        (lambda: h(1e-200) ** -1, TooLargeError, ["h ** (-1) with h = 1e-200", "slope there is too large"]),
        (lambda: 1 / h(1e-200), TooLargeError, ["1.0 / h with h = 1e-200", "slope there is too large"]),
        (lambda: Value(-2.0, "a") ** h(2.0), DomainError, ["a ** h", "has no derivative there"]),
        (lambda: rules.atan2(h(0.0), 0.0), DomainError, ["atan2(h, 0.0)", "has no derivative there"]),
        (lambda: 0 * h(0.0).sqrt(), DivisionByZeroError, ["sqrt(h) with h = 0.0"]),  # 0 · ∞
        (lambda: h(1.0) * 1e200 * 1e200 * 1e-300, TooLargeError, ["x * 1e+200"]),
    ],
)
def test_a_slope_that_is_not_finite_is_an_error_when_it_is_needed(
    use: Callable[[], Any], kind: type[Exception], parts: list[str]
) -> None:
    with pytest.raises(kind) as error:
        use().backward()
    assert says(error, parts)


def test_a_gradient_that_is_too_large_is_an_error_and_changes_nothing() -> None:
    x = h(1e-200)
    y = (x * 1e200) ** 2 * 1e300
    with pytest.raises(TooLargeError, match="the gradient that flows through h is too large"):
        y.backward()
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_an_infinite_slope_that_no_pass_needs_is_no_error() -> None:
    x, w = h(0.0), Value(2.0, "w")
    root = w * x.sqrt()
    assert root.data == 0.0
    assert gradient(root, w).data == 0.0
    with pytest.raises(DomainError):
        gradient(root, x)
    constant = w * sqrt(rules.mul(Value._record(rules.add, (0.0, 0.0)), 2.0))  # of plain numbers alone
    constant.backward()
    assert w.grad == 0.0


def test_a_branch_that_is_not_taken_is_not_walked() -> None:
    for root in (
        lambda x: rules.where(x.step(), x.sqrt(), 0.0),
        lambda x: maximum(x.sqrt() - 1, x),
        lambda x: rules.minimum(x.sqrt() + 1, x),
        lambda x: (x.sqrt() - 1).relu() + x,
        lambda x: clip(x.sqrt() - 5, -1, 1) + x,
        lambda x: rules.max([x.sqrt() - 1, x]),
        lambda x: x.sqrt().step() + x,
    ):
        x = h(0.0)
        y = root(x)
        y.backward()
        assert math.isfinite(x.grad)
        assert gradient(y, x).data == x.grad


def test_infinity_and_nan_as_arguments_give_what_ieee_says() -> None:
    inf = Value(math.inf)
    assert (inf + 1).data == (inf * 2).data == (1e308 * inf).data == inf.exp().data == math.inf
    assert (1 / inf).data == 0.0
    assert all(math.isnan(y.data) for y in (inf - inf, inf * 0, inf / inf, inf.sin(), inf.cos(), inf.tan()))
    (inf * 2 + inf.sin()).backward()  # and a pass over them is no error
    assert math.isnan(inf.grad)


@pytest.mark.parametrize("op", operations(), ids=name_of)
def test_a_wrong_number_of_arguments(op: Any) -> None:
    with pytest.raises(TypeError) as error:
        op(*[Value(1.0)] * 4)
    assert says(error, [f"{op.name} takes"])


@pytest.mark.parametrize(
    ("mistake", "kind", "parts"),
    [
        (lambda: mul(Value(1.0)), TypeError, ["mul takes 2 arguments, not 1"]),
        (lambda: power(2.0), TypeError, ["power takes 1 argument and n, not 1"]),
        (lambda: power(2.0, Value(3.0)), TypeError, ["n of power is a plain number", "pow(x, y)"]),
        (lambda: leaky_relu(2.0, "0.1"), TypeError, ["not str", "float('0.1')"]),
        (lambda: leaky_relu(2.0, slope=0.1), TypeError, ["leaky_relu takes 1 argument and negative_slope"]),
        (lambda: dot([1, 2]), TypeError, ["dot takes 2 lists, not 1"]),
        (lambda: dot([1, 2], [h(1.0)]), ValueError, ["dot needs lists of one length, not 2 and 1"]),
        (lambda: rules.sum([1], [2]), TypeError, ["sum takes 1 list, not 2"]),
        (lambda: norm(1.0), TypeError, ["norm takes 1 list, not a float"]),
        (lambda: gradient(h(1.0), "h"), TypeError, ["takes Values, not str 'h'"]),
        (lambda: gradient(h(1.0), [h(1.0), 2.0]), TypeError, ["takes Values, not float 2.0"]),
        (lambda: gradient(h(1.0), 2.0), TypeError, ["takes Values, not float 2.0"]),
        (lambda: gradient(3.0, h(1.0)), TypeError, ["takes Values, not float 3.0"]),
        (
            lambda: fold(h(1.0), "neurons"),
            ValueError,
            ["'neurons' is not known", "ops, named, neuron, layer"],
        ),
        (lambda: worked_example()["w9"], UnknownNameError, ["'w9'", "did you mean w8, w7 or w6?"]),
        (lambda: worked_example()["Etotal"], KeyError, ["'Etotal'", "E_total"]),
        (lambda: worked_example()["q" * 10_000], KeyError, ["did you mean w1, w2"]),
        (lambda: worked_example()[5], TypeError, ["by its name", "not as int"]),
        (lambda: worked_example().train(-1), ValueError, ["steps", "at least 0, not -1"]),
    ],
)
def test_other_mistakes(mistake: Callable[[], Any], kind: type[Exception], parts: list[str]) -> None:
    with pytest.raises(kind) as error:
        mistake()
    assert says(error, parts)


def test_a_hostile_label_does_not_break_the_message() -> None:
    for label in ["{0} {x} {", "a\\b", "%s", "x" * 10_000, "two\nlines\x1b[31m"]:
        with pytest.raises(DomainError) as error:
            Value(-1.0, label).log()
        assert says(error, [f"log({one_line(label)}) with {one_line(label)} = -1.0"])
        assert "\x1b" not in str(error.value)


def test_no_label_at_all() -> None:
    x = Value(1.0, label=None)
    assert (x.label, x.is_constant) == ("", False)
    x.label = None
    assert (x.label, x.is_constant) == ("", False)


def test_numpy_needs_no_conversion_and_an_operator_applies_to_each_item() -> None:
    assert Value(np.array(2.5)).data == log(np.float32(1.0)) + 2.5
    results = [np.array([1.0, 2.0]) - Value(0.5), 1 + Value(0.5) * np.array([-1.0, 1.0])]
    assert [[each.data for each in row] for row in results] == [[0.5, 1.5], [0.5, 1.5]]
    with pytest.raises(TypeError, match="make one Value per number"):
        log(np.array([1.0, 2.0]))


def test_after_an_error_the_graph_is_as_before() -> None:
    x = h(0.0)
    y = x + 1
    with pytest.raises(DomainError):
        y / x
    y.backward()
    assert (x.grad, y.data) == (1.0, 1.0)


def test_sqrt_of_a_number_needs_no_slope() -> None:
    assert sqrt(0.0) == 0.0
    assert power(0.0, 0.5) == 0.0


def test_a_hostile_number_does_not_fill_the_message() -> None:
    for mistake in (lambda: whole("epochs", ["x" * 10**6], 0), lambda: MLP(2, [1], bias="x" * 10**6)):
        with pytest.raises(ValueError, match=r"not .*xxx") as error:
            mistake()
        assert len(str(error.value)) < 200


def test_a_hostile_name_in_a_state_does_not_reach_the_terminal() -> None:
    model = MLP(2, [1])
    with pytest.raises(ValueError, match="unknown") as error:
        model.load_state_dict(model.state_dict() | {"\x1b[31m" + "x" * 10_000: 1.0})
    assert "\x1b" not in str(error.value)
    assert len(str(error.value)) < 300
