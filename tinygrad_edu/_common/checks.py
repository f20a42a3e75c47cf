"""What is asked of a number that a user gives or a file holds."""

import math
import operator
from numbers import Real
from typing import Any


def is_number(item: Any) -> bool:
    """Return whether something is a finite number and no bool.

    >>> is_number(0.5), is_number(float("nan")), is_number(True), is_number("1")
    (True, False, False, False)
    """
    try:
        return isinstance(item, Real) and not isinstance(item, bool) and math.isfinite(item)
    except OverflowError:  # a whole number larger than any float
        return False


def whole(name: str, number: Any, least: int) -> int:
    """Return a whole number of any kind (numpy's too) as an int.

    Raises:
        ValueError: if it is something else, or less than ``least``; the message has the name.

    >>> whole("epochs", -3, least=0)
    Traceback (most recent call last):
    ValueError: epochs is a whole number of at least 0, not -3
    """
    try:
        if operator.index(number) >= least:
            return operator.index(number)
    except TypeError:
        pass
    raise ValueError(f"{name} is a whole number of at least {least}, not {number!r}")
