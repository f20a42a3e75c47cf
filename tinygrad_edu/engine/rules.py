"""The table of operations: one line each, and everything else is read off that line.

A rule gives the name, the value, and in one tuple the local derivative of the result ``z`` along each
argument. Parameters, which are no arguments and have no derivative, stand behind a star. A rule is
ordinary arithmetic over this table, so it runs

- on floats, and gives the numbers that ``backward()`` multiplies;
- on Values, and gives graphs: printed, they are the formulas; differentiated, the second derivatives;
- on the statements of a program, and gives text in another language.

>>> tanh.slopes(0.5, 0.549)  # the rule 1 - z * z on a number
(0.75,)
>>> from tinygrad_edu import Value
>>> tanh.slopes(Value(0.5), Value(0.549))[0]  # the same rule on Values
Value(data=0.75, grad=0.0)

Of a function with a kink, the rule says which local derivative is taken there. Value and slopes keep their
digits (to 8 units in the last place, next to poles and far out too); but sigmoid' and tanh' are the
textbook's formulas, in which a number near 1 is subtracted from 1. The primitives, which every language
must say itself, are those whose value is a function of ``math`` or asks ``if``.
"""

import math
import sys
from builtins import round as nearest
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_edu.engine.op import Op, declare

# fmt: off
# ruff: noqa: E501
# mypy: disable-error-code="has-type"


def rule(
    name: str, value: Callable[..., Any], slopes: Callable[..., Any], over_lists: bool = False, selects: bool = False
) -> Op:
    """Enter an operation in the table; the public ``rule`` checks it too."""
    return declare(Op(name, value, slopes, over_lists, selects))


LARGEST = sys.float_info.max

# --- Arithmetic ---

add = rule("add", lambda x, y: x + y, lambda z, x, y: (1.0, 1.0))
sub = rule("sub", lambda x, y: x - y, lambda z, x, y: (1.0, -1.0))
mul = rule("mul", lambda x, y: x * y, lambda z, x, y: (y, x))
div = rule("div", lambda x, y: x / y, lambda z, x, y: (1.0 / y, -z / y))
neg = rule("neg", lambda x: -x,       lambda z, x: (-1.0,))

# --- Choice and steps: 1 for yes, 0 for no; constant on either side of a jump ---

greater = rule("greater", lambda x, y: 1.0 if x > y else 0.0 if x <= y else math.nan, lambda z, x, y: (0.0, 0.0), selects=True)
step    = rule("step",    lambda x: 1.0 if x > 0 else 0.0 if x <= 0 else math.nan,    lambda z, x: (0.0,), selects=True)
where   = rule("where",   lambda c, x, y: x if c == c and c else y if c == c else c,  lambda z, c, x, y: (0.0, where(c, 1.0, 0.0), where(c, 0.0, 1.0)), selects=True)
sign    = rule("sign",    lambda x: step(x) - step(-x),                               lambda z, x: (0.0,), selects=True)
floor   = rule("floor",   lambda x: float(math.floor(x)) if math.isfinite(x) else x,  lambda z, x: (0.0,), selects=True)
ceil    = rule("ceil",    lambda x: float(math.ceil(x)) if math.isfinite(x) else x,   lambda z, x: (0.0,), selects=True)
round   = rule("round",   lambda x: float(nearest(x)) if math.isfinite(x) else x,     lambda z, x: (0.0,), selects=True)  # halves to the even number

stop_gradient = rule("stop_gradient", lambda x: x, lambda z, x: (0.0,), selects=True)  # a fixed number to every pass

# --- Powers, exponentials, logarithms ---

pow   = rule("pow",   math.pow,                      lambda z, x, y: (y * lowered(x, y, 1), xlogy(z, x)))
power = rule("power", lambda x, *, n: _power(x, n),  lambda z, x, *, n: (n if n in (0, 1) else n * _power_below(x, n),))
sqrt  = rule("sqrt",  math.sqrt,                     lambda z, x: (0.5 / z,))
cbrt  = rule("cbrt",  math.cbrt,                     lambda z, x: (1.0 / (3.0 * square(z)),))
exp   = rule("exp",   math.exp,                      lambda z, x: (z,))
expm1 = rule("expm1", math.expm1,                    lambda z, x: (exp(x),))
log   = rule("log",   math.log,                      lambda z, x: (1.0 / x,))
log1p = rule("log1p", math.log1p,                    lambda z, x: (1.0 / (1.0 + x),))
log2  = rule("log2",  math.log2,                     lambda z, x: (1.4426950408889634 / x,))
log10 = rule("log10", math.log10,                    lambda z, x: (0.4342944819032518 / x,))

square = power.of(2.0)

# --- Trigonometry ---

sin   = rule("sin",   math.sin,                  lambda z, x: (cos(x),))
cos   = rule("cos",   math.cos,                  lambda z, x: (-sin(x),))
tan   = rule("tan",   math.tan,                  lambda z, x: (1.0 + square(z),))
asin  = rule("asin",  math.asin,                 lambda z, x: (1.0 / sqrt((1.0 - x) * (1.0 + x)),))
acos  = rule("acos",  math.acos,                 lambda z, x: (-1.0 / sqrt((1.0 - x) * (1.0 + x)),))
atan  = rule("atan",  math.atan,                 lambda z, x: (square(1.0 / hypot(1.0, x)),))
atan2 = rule("atan2", math.atan2,                lambda z, y, x: (unit(x, y) / hypot(x, y), -unit(y, x) / hypot(x, y)))
sinh  = rule("sinh",  math.sinh,                 lambda z, x: (cosh(x),))
cosh  = rule("cosh",  math.cosh,                 lambda z, x: (sinh(x),))
tanh  = rule("tanh",  math.tanh,                 lambda z, x: (1.0 - square(z),))
asinh = rule("asinh", math.asinh,                lambda z, x: (1.0 / hypot(1.0, x),))
acosh = rule("acosh", math.acosh,                lambda z, x: (1.0 / sqrt(x - 1.0) / sqrt(x + 1.0),))
atanh = rule("atanh", math.atanh,                lambda z, x: (1.0 / ((1.0 - x) * (1.0 + x)),))
hypot = rule("hypot", lambda x, y: _hypot(x, y), lambda z, x, y: (unit(x, y), unit(y, x)))  # 0 at the origin

# --- Activations ---

sigmoid  = rule("sigmoid",  lambda x: where(step(-x), exp(-abs(x)), 1.0) / (1.0 + exp(-abs(x))),    lambda z, x: (z * (1.0 - z),))
softplus = rule("softplus", lambda x: maximum(x, 0.0) + log1p(exp(-abs(x))),                        lambda z, x: (sigmoid(x),))
softsign = rule("softsign", lambda x: clip(x, -1e300, 1e300) / (1.0 + abs(clip(x, -1e300, 1e300))), lambda z, x: (square(1.0 / (1.0 + abs(x))),))
erf      = rule("erf",      math.erf,                                                               lambda z, x: (1.1283791670955126 * gauss(x),))  # 2/√π·exp(-x²)
erfc     = rule("erfc",     math.erfc,                                                              lambda z, x: (-1.1283791670955126 * gauss(x),))
gelu     = rule("gelu",     lambda x: maximum(x, -1e3) * normal_cdf(x),                             lambda z, x: (normal_cdf(x) + x * normal_pdf(x),))
silu     = rule("silu",     lambda x: _silu(x),                                                     lambda z, x: (sigmoid(x) + z * sigmoid(-x),))
mish     = rule("mish",     lambda x: _mish(x),                                                     lambda z, x: (tanh(softplus(x)) + silu(x) * square(2.0 * sigmoid(-x) / (1.0 + square(sigmoid(-x)))),))
elu      = rule("elu",      lambda x, *, alpha: where(step(x), x, alpha * expm1(minimum(x, 0.0))),  lambda z, x, *, alpha=1.0: (where(step(x), 1.0, alpha * exp(minimum(x, 0.0))),))
selu     = rule("selu",     lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),              lambda z, x: (1.0507009873554805 * where(step(x), 1.0, 1.6732632423543772 * exp(minimum(x, 0.0))),))
swish    = silu

# --- Functions with a kink ---

abs        = rule("abs",        math.fabs,                                                                          lambda z, x: (sign(x),))  # 0 at the kink
relu       = rule("relu",       lambda x: where(step(x), x, 0.0),                                                   lambda z, x: (step(x),), selects=True)  # 0 at the kink
relu6      = rule("relu6",      lambda x: minimum(maximum(x, 0.0), 6.0),                                            lambda z, x: (step(x) * greater(6.0, x),), selects=True)  # 0 at both kinks
hardtanh   = rule("hardtanh",   lambda x: minimum(maximum(x, -1.0), 1.0),                                           lambda z, x: (greater(x, -1.0) * greater(1.0, x),), selects=True)  # 0 at both kinks
clip       = rule("clip",       lambda x, *, low, high: math.nan if low > high else minimum(maximum(x, low), high), lambda z, x, *, low, high: (greater(x, low) * greater(high, x),), selects=True)  # 0 at both kinks
leaky_relu = rule("leaky_relu", lambda x, *, negative_slope: where(step(x), x, negative_slope * x),                 lambda z, x, *, negative_slope=0.01: (where(step(x), 1.0, negative_slope),), selects=True)  # negative_slope at the kink
maximum    = rule("maximum",    lambda x, y: x if x >= y or x != x else y,                                          lambda z, x, y: (0.5 * (1.0 + greater(x, y) - greater(y, x)), 0.5 * (1.0 + greater(y, x) - greater(x, y))), selects=True)  # a tie is shared
minimum    = rule("minimum",    lambda x, y: x if x <= y or x != x else y,                                          lambda z, x, y: (0.5 * (1.0 + greater(y, x) - greater(x, y)), 0.5 * (1.0 + greater(x, y) - greater(y, x))), selects=True)

# --- Over lists ---

sum       = rule("sum",       lambda xs: total(xs),                                             lambda z, xs: ([1.0 for x in xs],), over_lists=True)
mean      = rule("mean",      lambda xs: total(xs) / length(xs),                                lambda z, xs: ([1.0 / length(xs) for x in xs],), over_lists=True)
dot       = rule("dot",       lambda xs, ys: total(x * y for x, y in zip(xs, ys, strict=True)), lambda z, xs, ys: (ys, xs), over_lists=True)
logsumexp = rule("logsumexp", lambda xs: _logsumexp(xs),                                        lambda z, xs: (_softmax(xs),), over_lists=True)
prod      = rule("prod",      lambda xs: narrowed(_products(xs)[-1]),                           lambda z, xs: (_products_of_others(xs),), over_lists=True)
norm      = rule("norm",      lambda xs: _norm(xs, _scale(xs)) / _scale(xs),                    lambda z, xs: (_direction(xs),), over_lists=True)  # 0 at the origin
max       = rule("max",       lambda xs: largest(xs),                                           lambda z, xs: (_shared(xs, z),), over_lists=True, selects=True)  # a tie is shared
min       = rule("min",       lambda xs: -largest([-x for x in xs]),                            lambda z, xs: (_shared(xs, z),), over_lists=True, selects=True)

# --- What the slopes above need with all digits, also where the plain formula rounds or overflows on its way ---

lowered    = rule("lowered",    lambda x, y, *, k: _lowered(x, y, k),                                              lambda z, x, y, *, k: ((y - k) * lowered(x, y, k + 1), xlogy(z, x)))  # x**(y - k)
xlogy      = rule("xlogy",      lambda x, y: x * log(where(x, y, clip(y, 1.0, 2.0))),                              lambda z, x, y: (log(y), x / y))  # x·log(y), 0 for x = 0
unit       = rule("unit",       lambda x, y: _unit(x, y),                                                          lambda z, x, y: (unit(y, x) / hypot(x, y) * unit(y, x), -z * unit(y, x) / hypot(x, y)))  # x / hypot(x, y), 0 at the origin
exp_sub    = rule("exp_sub",    lambda x, y: _exp_sub(x, y),                                                       lambda z, x, y: (z, -z))  # exp(x - y)
gauss      = rule("gauss",      lambda x: _bell(x, 1.0),                                                           lambda z, x: (-2.0 * (x * z),))  # exp(-x²)
normal_pdf = rule("normal_pdf", lambda x: 0.3989422804014327 * _bell(x, 0.5),                                      lambda z, x: (-x * z,))  # exp(-x²/2) / √(2π)
normal_cdf = rule("normal_cdf", lambda x: _normal_cdf(x),                                                          lambda z, x: (normal_pdf(x),))

# fmt: on


def total(terms: Iterable[Any]) -> Any:
    """Return the sum from left to right; the builtin ``sum`` rounds differently from Python 3.12 on."""
    result = 0.0
    for term in terms:
        result = result + term
    return result


def largest(xs: Iterable[Any]) -> Any:
    """Return the largest of a list, -inf of an empty one."""
    result = -math.inf
    for x in xs:
        result = maximum(result, x)
    return result


def length(xs: Any) -> Any:
    """Return how many there are in a list, as a float."""
    return xs.length if hasattr(xs, "length") else float(len(xs))


class Wide:
    """A float with an exponent of its own: a product of many neither overflows nor underflows on the way."""

    def __init__(self, fraction: float, exponent: int = 0) -> None:
        self.fraction, more = math.frexp(fraction)
        self.exponent = exponent + more

    def __mul__(self, other: Any) -> Any:
        return Wide(self.fraction * other.fraction, self.exponent + other.exponent)


def widened(x: Any) -> Any:
    """Return a finite float as ``Wide``, anything else as it is."""
    return Wide(x) if type(x) is float and math.isfinite(x) else x


def narrowed(x: Any) -> Any:
    """Return the float that a ``Wide`` stands for, infinity if it is too large; anything else as it is."""
    if not isinstance(x, Wide):
        return x
    return math.ldexp(x.fraction, x.exponent) if x.exponent <= 1024 else math.copysign(math.inf, x.fraction)


def _products(xs: Iterable[Any]) -> list[Any]:
    """Return the product of no factor, of the first, of the first two, and so on to that of all."""
    xs = list(xs)
    wide = [*map(widened, xs)]
    one, factors = (Wide(1.0), wide) if all(isinstance(x, Wide) for x in wide) else (1.0, xs)
    products: list[Any] = [one]
    for x in factors:
        products.append(products[-1] * x)
    return products


def _products_of_others(xs: Any) -> list[Any]:
    """Return for each of a list the product of all others, without a division."""
    before, after = _products(xs), _products(reversed(xs))
    return [narrowed(x * y) for x, y in zip(before, after[-2::-1], strict=False)]


def _shared(xs: Any, z: Any) -> list[Any]:
    """Return 1/k for each of the k items of a list that equal z, else 0."""
    equal = [1.0 - greater(x, z) - greater(z, x) for x in xs]
    ties = total(equal)
    return [each / ties for each in equal]


def _power(x: Any, n: Any) -> Any:
    return x * x if n == 2 else x * x * x if n == 3 else pow(x, n)


def _power_below(x: Any, n: Any) -> Any:
    """Return x**(n - 1)."""
    if n == 2:
        return x
    return power(x, n - 1) if _lost(n, 1.0) == 0 else lowered(x, n, 1)


def _logsumexp(xs: Any) -> Any:
    """Return log(exp(x) + exp(y) + …); the largest is subtracted first, so that exp cannot overflow."""
    first = largest(xs)
    shift = maximum(first, -LARGEST)
    exponentials = [exp(x - shift) for x in xs]
    whole = total(exponentials)
    rest = total(each - floor(each) for each in exponentials)  # what is not 1 and would be lost beside it
    ones = round(whole - rest)
    return where(greater(math.inf, first), shift + log1p(rest + (ones - 1.0)), first)


def _softmax(xs: Any) -> list[Any]:
    shift = floor(largest(xs))  # any number near the largest will do, and floor has slope 0
    exponentials = [exp_sub(x, shift) for x in xs]
    whole = total(exponentials)
    return [exponential / whole for exponential in exponentials]


def _scale(xs: Iterable[Any]) -> Any:
    """Return a power of two: times it, squares of these numbers neither overflow nor underflow."""
    size = largest([abs(x) for x in xs])
    return where(greater(1e-100, size), 2.0**700, where(greater(size, 1e100), 2.0**-700, 1.0))


def _norm(xs: Iterable[Any], scale: Any) -> Any:
    return sqrt(total(square(x * scale) for x in xs))


def _direction(xs: Any) -> list[Any]:
    scale = _scale(xs)
    norm = _norm(xs, scale)
    less = maximum(scale, 2.0**-60)  # enough for a division, and it leaves small numbers their digits
    return [where(norm, x * less, 0.0) / where(norm, norm * (less / scale), 1.0) for x in xs]


def _hypot(x: Any, y: Any) -> Any:
    scale = _scale([x, y])
    return sqrt(square(x * scale) + square(y * scale)) / scale


def _unit(x: Any, y: Any) -> Any:
    return _direction([x, y])[0]


def _silu(x: Any) -> Any:
    """Return x·sigmoid(x), in an order in which nothing underflows before the result does."""
    root = exp(0.5 * minimum(x, 0.0))
    return maximum(x, -2e3) * root * root / (1.0 + exp(-abs(x)))


def _mish(x: Any) -> Any:
    """Return x·tanh(softplus(x)), as silu(x) times what is between 1 and 1.21."""
    y = clip(x, -700.0, 700.0)
    return silu(x) * (1.0 + 1.0 / (2.0 + exp(y) + 2.0 * exp(-y)))


def _lost(x: Any, y: Any) -> Any:
    """Return what x - y loses by rounding (D. E. Knuth, 1969)."""
    difference = x - y
    back = difference - x
    return (x - (difference - back)) - (y + back)


def _lowered(x: Any, y: Any, k: Any) -> Any:
    """Return x**(y - k), with what y - k loses by rounding: of a large whole number, whether it is odd."""
    lost = _lost(y, k)
    large = greater(abs(lost), 0.25)  # then the power is 0 or infinite, unless x is very near 1 or -1
    size = minimum(maximum(abs(x), where(large, 0.5, 5e-324)), where(large, 2.0, LARGEST))
    return pow(x, y - k) * pow(where(step(-x), -size, size), lost)


def _exp_sub(x: Any, y: Any) -> Any:
    """Return exp(x - y), with what x - y loses by rounding."""
    x, y = 0.5 * x, 0.5 * y  # so that x - y cannot overflow
    return exp(2.0 * (x - y)) * (1.0 + 2.0 * _lost(x, y))


def _bell(x: Any, factor: float) -> Any:
    """Return exp(-factor·x²); the square of the first digits is exact, so that only small numbers are rounded."""
    x = minimum(abs(x), 100.0)
    first = floor(16.0 * x) / 16.0
    return exp(-factor * first * first) * exp(-factor * (x - first) * (x + first))


def _normal_cdf(x: Any) -> Any:
    """Return erfc(-x/√2)/2, with what the argument loses by rounding: far out, erfc makes it a thousand times larger."""
    x = clip(x, -40.0, 40.0)
    t = -0.7071067811865476 * x
    first = floor(1048576.0 * x) / 1048576.0
    # 1/√2 in two parts, the first of 26 bits: its product with the first digits is exact
    lost = (first * 0.7071067839860916 + t) + ((x - first) * 0.7071067839860916 - x * 2.799544089368687e-09)
    return 0.5 * erfc(t) + 1.4142135623730951 * normal_pdf(x) * lost


def softmax(values: Iterable[Any]) -> list[Any]:
    """Return exp(x) / (sum of all exp(x)) for every x of a list of numbers or Values.

    The largest number is subtracted first, so that exp cannot overflow; the result stays the same whatever
    is subtracted, so that its derivative is not needed.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    xs = list(values)
    shift = stop_gradient(max(xs)) if xs else 0.0
    exponentials = [exp(x - shift) for x in xs]
    whole = sum(exponentials)
    return [exponential / whole for exponential in exponentials]
