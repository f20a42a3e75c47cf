"""The complex step: a derivative along one leaf without a difference of numbers, so that no digits cancel.

f(x + ih) = f(x) + ih·f′(x) + O(h²) for a function that is analytic, so the imaginary part divided by h is
f′(x) with all digits, for h as small as you like (Squire and Trapp, "Using complex variables to estimate
derivatives of real functions", 1998). Only the values of the operations are used, not their slopes.
"""

import cmath
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygrad_edu.engine.gradient import order_of
from tinygrad_edu.engine.limits import keep_type
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.value import Value

STEP = 2.0**-100


class Complex(complex):
    """A complex number that the operations of the table take; comparisons look at the real part.

    Near a number that is no kink, a choice between two branches is made as at that number itself.
    """

    @staticmethod
    def _record(op: Op, args: Iterable[Any]) -> "Complex":
        own = _CONTINUED.get(op.name)
        numbers = [Complex(arg) for arg in args]
        return Complex(own(*numbers, **op.parameters) if own else op.value(*numbers))

    def __lt__(self, other: complex) -> bool:
        return self.real < other.real

    def __le__(self, other: complex) -> bool:
        return self.real <= other.real

    def __gt__(self, other: complex) -> bool:
        return self.real > other.real

    def __ge__(self, other: complex) -> bool:
        return self.real >= other.real


keep_type(Complex, complex, ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "neg"))


def _power(x: complex, n: complex) -> complex:
    if not n.imag and n.real == math.floor(n.real) and abs(n.real) <= 100:
        return x**n.real  # by multiplication
    if x.real < 0:
        raise ValueError("the angle of x is near π, where the tiny imaginary part is rounded away")
    return cmath.exp(n * cmath.log(x))


def _atan2(y: complex, x: complex) -> complex:
    turned = abs(y.real) > abs(x.real)
    angle = -cmath.atan(x / y) if turned else cmath.atan(y / x)
    return angle - angle.real + math.atan2(y.real, x.real)


_CONTINUED: dict[str, Callable[..., complex]] = {
    **{
        name: getattr(cmath, name)
        for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "log", "log10")
        + ("sin", "sinh", "sqrt", "tan", "tanh")
    },
    "abs": lambda x: -x if x.real < 0 else x,
    "atan2": _atan2,
    "cbrt": lambda x: -_power(-x, 1 / 3) if x.real < 0 else _power(x, 1 / 3),
    "ceil": lambda x: math.ceil(x.real),
    "expm1": lambda x: complex(math.expm1(x.real), math.exp(x.real) * math.sin(x.imag)),
    "floor": lambda x: math.floor(x.real),
    "log1p": lambda x: complex(math.log1p(x.real), cmath.phase(1 + x)),
    "log2": lambda x: cmath.log(x) / math.log(2),
    "pow": _power,
    "power": _power,
    "round": lambda x: round(x.real),
    "stop_gradient": lambda x: x.real,
}
"""What primitives give for a complex number with a tiny imaginary part; erf and erfc are not known here."""


def complex_step(outputs: Sequence[Value], x: Value) -> list[float]:
    """Return the derivatives of several Values with respect to a leaf.

    Raises:
        ValueError: if an operation on a path has no continuation here: ``erf``, or one that calls ``math``.

    >>> x = Value(2.0)
    >>> complex_step([x**3, x.exp() - x.exp()], x)
    [12.0, 0.0]
    """
    step = abs(x.data or 1.0) * STEP
    found: dict[Value, Any] = {x: Complex(x.data, step)}
    for value in order_of(outputs):
        if any(arg in found for arg in value.args):
            try:
                found[value] = Complex._record(value.op, [found.get(arg, arg.data) for arg in value.args])
            except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
                raise ValueError(f"there is no complex step through {value.op}: {error}") from None
    return [found[output].imag / step if output in found else 0.0 for output in outputs]
