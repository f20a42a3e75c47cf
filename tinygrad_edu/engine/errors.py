"""The errors of the engine, what their messages say, and the checks of what a user gives it."""

import math
from collections.abc import Iterable, Sequence
from numbers import Complex, Number, Real
from typing import Any, SupportsFloat

from tinygrad_edu._common.text import one_line


class DomainError(ValueError):
    """An operation was applied where it has no value.

    Attributes:
        values: the Values that it was applied to; none if it was applied to numbers.

    >>> from tinygrad_edu import log
    >>> log(-0.2)
    Traceback (most recent call last):
    tinygrad_edu.engine.errors.DomainError: log(x) with x = -0.2: log needs a positive argument
    """

    def __init__(self, message: str, values: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.values = tuple(values)


class DivisionByZeroError(DomainError, ZeroDivisionError):
    """A division by zero, in a value or in a local derivative (which would be infinite)."""


class TooLargeError(DomainError, OverflowError):
    """A result is larger than a float can hold."""


class StaleError(ValueError):
    """A number was assigned after a Value was computed from it, so local derivatives are out of date."""


def as_float(number: SupportsFloat) -> float:
    """Return a real number as a float: int, float, bool, Fraction, Decimal, a scalar of NumPy or PyTorch.

    Raises:
        TypeError: for anything else, text and lists included; the message says what to do instead.
        TooLargeError: for a number larger than any float.

    >>> as_float(3)
    3.0
    """
    if type(number) is float:
        return number
    try:
        if type(number) is int or isinstance(number, float | Real) or _is_decimal(number):
            found = float(number)
            if math.isinf(found) and number != found:  # as Decimal("1e999")
                raise OverflowError
            return found
        item = getattr(number, "item", None) if getattr(number, "ndim", 1) == 0 else None
        if item and not getattr(number, "mask", False):  # NumPy, PyTorch, JAX; of what is masked it is 0
            return as_float(item())
    except OverflowError:
        raise TooLargeError(
            f"a Value holds a float, and this {type(number).__name__} is too large for one"
        ) from None
    if isinstance(number, str):
        advice = f"convert it first, as in float({number[:20]!r})"
    elif hasattr(type(number), "_record"):
        advice = "use it as it is, or its number, .data"
    elif isinstance(number, Iterable):
        advice = "make one Value per number, as in [Value(x) for x in xs]"
    else:
        advice = "give an int, a float, a bool, a Fraction, a Decimal or a NumPy scalar"
    raise TypeError(f"a Value holds one real number, not {type(number).__name__}: {advice}")


def _is_decimal(number: Any) -> bool:
    return isinstance(number, Number) and not isinstance(number, Complex)  # without importing decimal


def as_text(label: Any) -> str:
    """Return a label, or "" for None.

    Raises:
        TypeError: if it is anything but text.
    """
    if label is None:
        return ""
    if not isinstance(label, str):
        raise TypeError(f"a label is text, not {type(label).__name__}: give str(...) of it")
    return label


def expect_values(what: str, *values: object) -> None:
    """Raise a TypeError that begins with ``what`` unless all are Values."""
    for value in values:
        if not hasattr(type(value), "_record"):
            raise TypeError(f"{what} Values, not {type(value).__name__} {repr(value)[:40]}")


OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "power": "**", "pow": "**"}
"""The operations that Python writes between their arguments."""

DOMAINS = {
    "div": "division by zero",
    "power": "0 has no negative powers, and a negative number has whole powers only",
    "pow": "a Value as exponent needs a positive base; give a constant exponent as a plain number",
    "sqrt": "sqrt needs an argument that is not negative",
    "log": "log needs a positive argument",
    "log2": "log2 needs a positive argument",
    "log10": "log10 needs a positive argument",
    "log1p": "log1p needs an argument above -1",
    "asin": "asin needs an argument from -1 to 1",
    "acos": "acos needs an argument from -1 to 1",
    "acosh": "acosh needs an argument of at least 1",
    "atanh": "atanh needs an argument between -1 and 1",
    "logsumexp": "logsumexp of an empty list",
    "mean": "mean of an empty list",
    "max": "max of an empty list",
    "min": "min of an empty list",
    "clip": "clip needs a lower bound that is not above the upper one",
}
"""What an operation asks of its arguments, where a message can say more than "is not defined there"."""


def attempt(op: Any, numbers: Sequence[float], values: Sequence[Any] = ()) -> str:
    """Write what was tried, as ``log(h) with h = -0.2``, in Python's notation."""
    labels = [one_line(value.label) for value in values] or [""] * len(numbers)
    letters = "xyzuvw" if len(numbers) <= 6 else [f"x{i}" for i in range(1, len(numbers) + 1)]
    free = iter([letter for letter in letters if letter not in labels])
    names = [
        repr(number) if value is not None and value.is_constant else label or next(free)
        for label, number, value in zip(labels, numbers, values or [None] * len(numbers), strict=True)
    ]
    given = ", ".join(
        f"{name} = {number!r}" for name, number in zip(names, numbers, strict=True) if name != repr(number)
    )
    parameters = [repr(number).removesuffix(".0") for number in op.parameters.values()]
    if op.name in OPERATORS:
        names = [f"({name})" if name.startswith("-") else name for name in names + parameters]
        written = f" {OPERATORS[op.name]} ".join(names)
    else:
        written = f"{op.name}({', '.join(names + parameters)})"
    return f"{written[:200]} with {given[:200]}" if given else written[:200]


def value_error(
    op: Any, numbers: Sequence[float], values: Sequence[Any], error: Exception | None
) -> DomainError:
    """Return the error to raise where an operation has no value, for ``error``, which computing it raised."""
    tried = attempt(op, numbers, values)
    if isinstance(error, OverflowError):
        return TooLargeError(f"{tried}: the result is too large for a float", values)
    domain = DOMAINS.get(op.name) or str(error or "") or f"{op.name} is not defined there"
    if domain in ("math domain error", "float division by zero", "division by zero") and op.name != "div":
        domain = f"{op.name} is not defined there"
    if isinstance(error, ZeroDivisionError):
        return DivisionByZeroError(f"{tried}: {domain}", values)
    return DomainError(f"{tried}: {domain}", values)


def slope_error(value: Any, slope: float) -> DomainError:
    """Return the error to raise where a pass needs a local derivative that is not finite."""
    numbers = [arg.data for arg in value.args]
    tried = attempt(value.op, numbers, value.args)
    if math.isnan(slope):
        return DomainError(f"{tried}: the value exists, but it has no derivative there", value.args)
    try:
        value.op.slopes(value.data, *numbers)
    except OverflowError:
        pass
    except (ArithmeticError, ValueError):  # a pole, which no range of floats would help
        return DivisionByZeroError(f"{tried}: the value exists, but its slope there is infinite", value.args)
    return TooLargeError(
        f"{tried}: the value exists, but its slope there is too large for a float", value.args
    )


def _name(value: Any) -> str:
    made = f"the Value made by {value.op.name}" if value.op else "a leaf without a label"
    return one_line(value.label) or made


def gradient_error(value: Any) -> TooLargeError:
    """Return the error to raise where a gradient overflows between finite numbers."""
    return TooLargeError(f"the gradient that flows through {_name(value)} is too large for a float", [value])


def stale_error(arg: Any) -> StaleError:
    """Return the error to raise where a number was assigned after it was used."""
    return StaleError(
        f"{_name(arg)} was assigned after other Values were computed from it: "
        "call forward() on the root first"
    )
