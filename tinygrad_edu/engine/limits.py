"""What happens where ordinary arithmetic fails: overflow, poles, infinity, NaN, and branches not taken.

Both engines come here when a result, a local derivative or a gradient is not finite. The policy:

- overflow from finite arguments is an error; infinity or NaN as an argument gives what IEEE 754 says;
- a local derivative that is infinite is kept, and an error only when a pass needs it;
- so is 0 · ∞ along a path, except that an edge into a branch not taken is not walked at all.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_edu.engine import errors


class Extended(float):
    """A float with IEEE's results where Python raises: 1/0 is inf, 0/0 is NaN, log(-1) is NaN.

    >>> 1.0 / Extended(0.0), -1.0 / Extended(0.0), 1 - Extended(2.0) * 3
    (inf, -inf, -5.0)
    """

    def __truediv__(self, other: float) -> "Extended":
        if other != 0:
            return Extended(float(self) / float(other))
        signs = math.copysign(1.0, self) * math.copysign(1.0, other)
        return Extended(math.nan if self == 0 or self != self else signs * math.inf)

    def __rtruediv__(self, other: float) -> "Extended":
        return Extended(other) / self

    @staticmethod
    def _record(op: Any, args: Sequence[Any]) -> "Extended":
        numbers = [float(arg) for arg in args]
        try:
            return Extended(op.value(*numbers))
        except (OverflowError, ZeroDivisionError):
            return Extended(math.inf)
        except ValueError:
            return Extended(math.nan)


def _kept(operator: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: Extended(operator(*args))


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "neg", "abs"):
    setattr(Extended, f"__{_name}__", _kept(getattr(float, f"__{_name}__")))


def value(op: Any, numbers: Sequence[float], values: Sequence[Any] = ()) -> float:
    """Return the result of an operation by the policy above.

    Raises:
        DomainError: where it has none.
    """
    finite = all(map(math.isfinite, numbers))
    try:
        z = float(op.value(*numbers))
    except (ArithmeticError, ValueError) as error:
        if not finite:
            return float(op.value(*map(Extended, numbers))) if op.over_lists else _ieee(op, numbers)
        raise errors.value_error(op, numbers, values, error) from None
    if finite and not math.isfinite(z):
        error = OverflowError() if math.isinf(z) else None
        raise errors.value_error(op, numbers, values, error) from None
    return z


def _ieee(op: Any, numbers: Sequence[float]) -> float:
    return float(Extended._record(op, numbers))


def slopes(op: Any, numbers: Sequence[float], values: Sequence[Any] = ()) -> tuple[float, ...]:
    """Return the local derivatives of an operation by the policy above; they may be infinite."""
    z = value(op, numbers, values)
    try:
        return tuple(map(float, op.slopes(z, *numbers)))
    except (ArithmeticError, ValueError):
        return tuple(map(float, op.slopes(Extended(z), *map(Extended, numbers))))


def adjoints(root: Any, order: Sequence[Any]) -> dict[Any, float]:
    """Return the gradients of a backward pass in which some number is not finite.

    Args:
        root: the Value to differentiate.
        order: the Values that it depends on, arguments before results.

    Raises:
        DomainError: if a local derivative is needed that is infinite or does not exist.
        TooLargeError: if a gradient overflows.
    """
    adjoint = {root: 1.0}
    for node in reversed(order):
        if node not in adjoint:
            continue  # only branches not taken lead from here to the root
        finite = all(math.isfinite(arg.data) for arg in node.args)
        for arg, slope in zip(node.args, node.slopes, strict=True):
            if slope == 0 and node.op.selects:
                continue
            term = adjoint[node] * slope
            if not math.isfinite(term) and arg.is_constant:
                continue  # nobody asks for the gradient of a plain number
            if finite and not math.isfinite(slope):
                raise errors.slope_error(node, slope)
            adjoint[arg] = adjoint.get(arg, 0.0) + term
            if math.isfinite(adjoint[node]) and math.isfinite(slope) and not math.isfinite(adjoint[arg]):
                if math.isinf(term) or math.isinf(adjoint[arg]):
                    raise errors.gradient_error(arg)
    return adjoint
