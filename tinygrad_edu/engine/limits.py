"""What happens where ordinary arithmetic fails: overflow, poles, infinity, NaN, and branches not taken.

Both engines come here when a result, a local derivative or a gradient is not finite. The policy:

- overflow from finite arguments is an error; infinity or NaN as an argument gives what IEEE 754 says;
- a local derivative that is infinite or does not exist is kept, and an error only when a pass needs it;
- 0 · ∞ along a path is an error too, but an edge into a branch not taken is not walked at all.
"""

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_edu.engine import errors

_POLES: dict[Any, tuple[float, float]] = {
    math.log: (0.0, -math.inf),
    math.log2: (0.0, -math.inf),
    math.log10: (0.0, -math.inf),
    math.log1p: (-1.0, -math.inf),
    math.pow: (0.0, math.inf),
}
"""Where a function of ``math`` raises a ValueError though IEEE 754 has an infinity, and which."""


class Extended(float):
    """A float with IEEE's results where Python raises: 1/0 is inf, 0/0 is NaN, log(-1) is NaN.

    >>> 1.0 / Extended(0.0), -1.0 / Extended(0.0), 1 - Extended(2.0) * 3
    (inf, -inf, -5.0)
    """

    def __truediv__(self, other: float) -> "Extended":
        if other != 0:
            return Extended(float(self) / float(other))
        signs = math.copysign(1.0, self) * math.copysign(1.0, other)
        return Extended(math.nan if float(self) == 0 or self != self else signs * math.inf)

    def __rtruediv__(self, other: float) -> "Extended":
        return Extended(other) / self

    def __pow__(self, exponent: float) -> "Extended":  # type: ignore[override]
        return _extended(math.pow, [float(self), float(exponent)])

    def __rpow__(self, base: float) -> "Extended":  # type: ignore[override]
        return _extended(math.pow, [float(base), float(self)])

    @staticmethod
    def _record(op: Any, args: Sequence[Any]) -> "Extended":
        return _extended(op.value, [Extended(arg) for arg in args])


def _extended(function: Callable[..., Any], args: Sequence[float]) -> Extended:
    try:
        return Extended(function(*args))
    except (OverflowError, ZeroDivisionError):
        return Extended(math.inf)
    except ValueError:
        pole, there = _POLES.get(function, (math.nan, math.nan))
        return Extended(there if args and args[0] == pole else math.nan)


def keep_type(kind: type, base: type, operators: Sequence[str]) -> None:
    """Make the operators of a class that is derived from ``base`` give that class, not ``base``."""

    def kept(operator: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: kind(operator(*args))

    for name in operators:
        setattr(kind, f"__{name}__", kept(getattr(base, f"__{name}__")))


keep_type(Extended, float, ("add", "radd", "sub", "rsub", "mul", "rmul", "neg", "abs"))


def value(op: Any, numbers: Sequence[float], values: Sequence[Any] = ()) -> float:
    """Return the result of an operation for floats by the policy above.

    Raises:
        DomainError: where it has none.
    """
    finite = all(map(math.isfinite, (*numbers, *op.parameters.values())))
    try:
        z = op.value(*numbers)
        if isinstance(z, complex):  # as (-1.0)**0.5 is in Python
            raise ValueError
        z = float(z)
    except (ArithmeticError, ValueError) as error:
        if finite:
            raise errors.value_error(op, numbers, values, error) from None
        return float(Extended._record(op, numbers))
    if finite and not math.isfinite(z):
        overflow = OverflowError() if numbers and math.isinf(z) else None
        raise errors.value_error(op, numbers, values, overflow) from None
    return z


def slopes(op: Any, z: float, numbers: Sequence[float]) -> tuple[float, ...]:
    """Return the local derivatives of an operation by the policy above; NaN where there is none."""
    try:
        found = _slopes(op, z, numbers)
    except (ArithmeticError, ValueError):
        try:
            found = _slopes(op, Extended(z), [Extended(number) for number in numbers])
        except (ArithmeticError, ValueError):
            return (math.nan,) * len(numbers)
    if any(map(math.isinf, numbers)) and any(map(math.isnan, found)) and z == z:
        largest = sys.float_info.max
        finite = [max(-largest, min(largest, number)) for number in numbers]  # ∞ · 0: the limit
        return slopes(op, float(Extended._record(op, finite)), finite)
    return found


def _slopes(op: Any, z: float, numbers: Sequence[float]) -> tuple[float, ...]:
    return tuple(map(float, op.slopes(z, *numbers)))


def adjoints(root: Any, order: Sequence[Any]) -> dict[Any, float]:
    """Return the gradients of a backward pass in which some number is not finite.

    Args:
        root: the Value to differentiate.
        order: the Values that it depends on, arguments before results.

    Raises:
        DomainError: if a local derivative is needed that is infinite or does not exist.
        TooLargeError: if a gradient overflows.
    """
    adjoint = dict.fromkeys(order, 0.0)
    reached = {root}  # what only branches not taken lead to is not reached
    adjoint[root] = 1.0
    wanted = set()  # what depends on numbers alone, no one wants the gradient of
    for node in order:
        if not node.is_constant and (not node.args or any(arg in wanted for arg in node.args)):
            wanted.add(node)
    for node in reversed(order):
        if node not in reached:
            continue
        grad = adjoint[node]
        exact = all(math.isfinite(arg.data) for arg in node.args)
        for arg, slope in zip(node.args, node.slopes, strict=True):
            if slope == 0 and node.op.selects:
                continue
            if exact and arg in wanted and not math.isfinite(slope):
                raise errors.slope_error(node, slope)
            before = adjoint[arg]
            adjoint[arg] += grad * slope
            reached.add(arg)
            overflow = all(map(math.isfinite, (before, grad, slope))) and not math.isfinite(adjoint[arg])
            if overflow and arg in wanted:
                raise errors.gradient_error(arg)
    return adjoint
