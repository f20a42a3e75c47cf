"""Checks of what a user gives or a file holds."""

import math
import operator
from numbers import Real
from typing import Any


def is_number(item: Any) -> bool:
    """Return whether something is a finite real number, and not a bool.

    >>> is_number(0.5), is_number(float("nan")), is_number(True), is_number("1")
    (True, False, False, False)
    """
    try:
        return isinstance(item, Real) and not isinstance(item, bool) and math.isfinite(item)
    except OverflowError:  # a whole number larger than any float
        return False


def as_list(item: Any) -> list[Any]:
    """Return a list of the items, or ``[item]`` if it has none: text, a Value, a scalar of NumPy.

    >>> as_list((1, 2)), as_list(0.5), as_list("ab")
    ([1, 2], [0.5], ['ab'])
    """
    if isinstance(item, str):
        return [item]
    try:
        return list(item)
    except TypeError:
        return [item]


def whole(name: str, number: Any, least: int) -> int:
    """Return a whole number of any type, NumPy's included, as an int.

    Args:
        name: what the number is, for the message.
        number: the number.
        least: the smallest that is allowed.

    Raises:
        ValueError: if it is not a whole number, or less than ``least``.

    >>> whole("epochs", -3, least=0)
    Traceback (most recent call last):
    ValueError: epochs is a whole number of at least 0, not -3
    """
    try:
        if operator.index(number) >= least:
            return operator.index(number)
    except TypeError:
        pass
    raise ValueError(f"{name} is a whole number of at least {least}, not {number!r:.40}")
