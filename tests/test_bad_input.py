"""A user's mistakes: the error says what was tried, on which Value and number, and what to do."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from oracle import apply

from tinygrad_edu import (
    DivisionByZeroError,
    DomainError,
    TooLargeError,
    Value,
    dot,
    exp,
    gradient,
    leaky_relu,
    log,
    logsumexp,
    maximum,
    mul,
    ops,
    power,
    sqrt,
    worked_example,
)
from tinygrad_edu.see.graph import fold
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.engine.op import operations
from tinygrad_edu.see.term import one_line


def h(data: float) -> Value:
    return Value(data, "h")


NOT_A_NUMBER = [
    ("3", ["not str", "float('3')"]),
    (b"3", ["not bytes"]),
    (None, ["not NoneType", "give an int, a float"]),
    ([1], ["not list", "[Value(x) for x in xs]"]),
    (1j, ["not complex", "give an int, a float"]),
    (np.array([1.0, 2.0]), ["not ndarray", "[Value(x) for x in xs]"]),
    (np.complex128(1), ["not complex128"]),
    (Decimal(1), ["not Decimal"]),
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
        lambda thing: Value(2.0) + thing,
        lambda thing: Value(2.0) ** thing,
        lambda thing: thing - Value(2.0),
        lambda thing: Value(2.0) < thing,
        lambda thing: maximum(Value(2.0), thing),
        lambda thing: ops.sum([Value(2.0), thing]),
        log,
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
        (lambda: h(0.0).sqrt(), DivisionByZeroError, ["sqrt(h) with h = 0.0", "slope there is infinite"]),
        (lambda: h(0.0) ** 0.5, DivisionByZeroError, ["h^(0.5) with h = 0.0", "slope there is infinite"]),
        (lambda: h(0.0) ** -1, DomainError, ["h⁻¹ with h = 0.0", "0 has no negative powers"]),
        (
            lambda: h(-8.0) ** (1 / 3),
            DomainError,
            ["with h = -8.0", "a negative number has whole powers only"],
        ),
        (lambda: h(-2.0) ** Value(2.0, "n"), DomainError, ["h^n with h = -2.0, n = 2.0", "positive base"]),
        (lambda: h(0.0) ** Value(2.0), DomainError, ["with h = 0.0", "constant exponent as a plain number"]),
        (lambda: (-2) ** h(2.0), DomainError, ["(-2.0)^h with h = 2.0", "positive base"]),
        (lambda: h(1.0) / 0, DivisionByZeroError, ["h/0.0 with h = 1.0", "division by zero"]),
        (lambda: 1 / h(0.0), DivisionByZeroError, ["1.0/h with h = 0.0", "division by zero"]),
        (lambda: Value(1.0, "k") / h(-0.0), ZeroDivisionError, ["k/h with k = 1.0, h = -0.0"]),
        (lambda: h(1000.0).exp(), TooLargeError, ["exp(h) with h = 1000.0", "too large for a float"]),
        (lambda: exp(1000), OverflowError, ["exp(x) with x = 1000.0", "too large for a float"]),
        (lambda: h(10.0) ** 400, TooLargeError, ["h⁴⁰⁰ with h = 10.0", "too large for a float"]),
        (lambda: h(1e-200) ** -1, TooLargeError, ["h⁻¹ with h = 1e-200", "value exists", "too large"]),
        (lambda: h(math.inf).sin(), DomainError, ["sin(h) with h = inf", "needs a finite argument"]),
        (lambda: Value(10**400), OverflowError, ["too large"]),
        (lambda: logsumexp([]), DomainError, ["logsumexp()", "empty list"]),
    ],
)
def test_outside_the_domain(mistake: Callable[[], Any], kind: type[Exception], parts: list[str]) -> None:
    with pytest.raises(kind) as error:
        mistake()
    assert says(error, parts)
    assert error.value.__suppress_context__ or error.value.__context__ is None  # one error, not two


@pytest.mark.parametrize("op", operations(), ids=lambda op: op.name)
def test_a_wrong_number_of_arguments(op: Any) -> None:
    with pytest.raises(TypeError) as error:
        op(*[Value(1.0)] * 3)
    assert says(error, [f"{op.name} takes"])


@pytest.mark.parametrize(
    ("mistake", "kind", "parts"),
    [
        (lambda: mul(Value(1.0)), TypeError, ["mul takes 2 argument(s), not 1"]),
        (lambda: power(2.0), TypeError, ["power takes two arguments", "power(x, number)"]),
        (lambda: leaky_relu(2.0, "0.1"), TypeError, ["not str", "float('0.1')"]),
        (lambda: dot([1, 2]), TypeError, ["dot takes 2 list(s), not 1"]),
        (lambda: dot([1, 2], [h(1.0)]), ValueError, ["dot needs two lists of one length, not 2 and 1"]),
        (lambda: ops.sum([1], [2]), TypeError, ["sum takes 1 list(s), not 2"]),
        (lambda: gradient(h(1.0), "h"), TypeError, ["takes Values, not str 'h'"]),
        (lambda: gradient(h(1.0), [h(1.0), 2.0]), TypeError, ["takes Values, not float 2.0"]),
        (lambda: gradient(h(1.0), 2.0), TypeError, ["takes Values, not float 2.0"]),
        (lambda: gradient(3.0, h(1.0)), TypeError, ["takes Values, not float 3.0"]),
        (
            lambda: fold(h(1.0), "neurons"),
            ValueError,
            ["'neurons' is not known", "ops, named, neuron, layer"],
        ),
        (lambda: fold(h(1.0) * 2, keep=[Value(1.0, "w")]), ValueError, ["w is not in the graph of h·2"]),
        (lambda: worked_example()["w9"], UnknownNameError, ["'w9'", "did you mean w8, w7 or w6?"]),
        (lambda: worked_example()["Etotal"], KeyError, ["'Etotal'", "E_total"]),
        (lambda: worked_example()["q" * 10_000], KeyError, ["did you mean w1, w2"]),
        (lambda: worked_example()[5], KeyError, ["'5'", "did you mean w5"]),
        (lambda: worked_example().train(-1), ValueError, ["steps=-1", "cannot be negative"]),
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
        with pytest.raises(ValueError, match="is not in the graph of h,") as error:
            fold(h(1.0), keep=[Value(1.0, label)])
        assert says(error, [one_line(label)])
        assert "\x1b" not in str(error.value)


def test_no_label_at_all() -> None:
    x = Value(1.0, label=None)
    assert (x.label, x.is_constant) == ("", False)
    x.label = None
    assert (x.label, x.is_constant) == ("", False)


@pytest.mark.parametrize(
    "op", [op for op in operations() if op.name != "step" and op.parameter != 0], ids=lambda op: op.name
)
def test_nan_propagates(op: Any) -> None:
    for place in range(len(op.samples[0])):
        sample = list(op.samples[0])
        sample[place] = math.nan
        result = apply(op, [Value(x) for x in sample])
        assert math.isnan(result.data)
        result.backward()  # and is no error


def test_numpy_needs_no_conversion_and_arrays_are_not_taken_apart() -> None:
    assert Value(np.array(2.5)).data == 2.5
    with pytest.raises(TypeError, match="make one Value per number"):
        np.array([1.0, 2.0]) + Value(1.0)


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
