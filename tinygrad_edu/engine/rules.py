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

Of a function with a kink, the rule says which local derivative is taken there.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_edu.engine.op import Op, declare

# fmt: off
# ruff: noqa: E501


def rule(name: str, value: Callable[..., Any], slopes: Callable[..., Any], **kind: bool) -> Op:
    """Enter an operation in the table; the public ``rule`` checks it too."""
    return declare(Op(name, value, slopes, **kind))


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


def _products_of_others(xs: Iterable[Any]) -> list[Any]:
    """Return for each of a list the product of all others, without a division."""
    xs = list(xs)
    before, after = [1.0], [1.0]
    for x, y in zip(xs, reversed(xs)):
        before.append(before[-1] * x)
        after.append(y * after[-1])
    return [p * q for p, q in zip(before, after[-2::-1])]


# --- Arithmetic ---

add = rule("add", lambda x, y: x + y, lambda z, x, y: (1.0, 1.0))
sub = rule("sub", lambda x, y: x - y, lambda z, x, y: (1.0, -1.0))
mul = rule("mul", lambda x, y: x * y, lambda z, x, y: (y, x))
div = rule("div", lambda x, y: x / y, lambda z, x, y: (1.0 / y, -z / y))
neg = rule("neg", lambda x: -x,       lambda z, x: (-1.0,))

# --- Comparison: 1 for yes, 0 for no, constant on either side of the jump ---

greater = rule("greater", lambda x, y: 1.0 if x > y else 0.0 if x <= y else math.nan, lambda z, x, y: (0.0, 0.0), selects=True)
step    = rule("step",    lambda x: 1.0 if x > 0 else 0.0 if x <= 0 else math.nan,    lambda z, x: (0.0,), selects=True)
where   = rule("where",   lambda c, x, y: x if c == c and c else y if c == c else c,  lambda z, c, x, y: (0.0, where(c, 1.0, 0.0), where(c, 0.0, 1.0)), selects=True)
sign    = rule("sign",    lambda x: step(x) - step(-x),                               lambda z, x: (0.0,))
floor   = rule("floor",   lambda x: float(math.floor(x)) if math.isfinite(x) else x,  lambda z, x: (0.0,))
ceil    = rule("ceil",    lambda x: float(math.ceil(x)) if math.isfinite(x) else x,   lambda z, x: (0.0,))
round   = rule("round",   lambda x: x if not math.isfinite(x) else float(x.__round__()), lambda z, x: (0.0,))  # halves to the even number

# --- Powers, exponentials, logarithms ---

pow     = rule("pow",     math.pow,   lambda z, x, y: (y * pow(x, y - 1.0), z * log(x)))
power   = rule("power",   lambda x, *, n: x * x if n == 2 else x * x * x if n == 3 else pow(x, n), lambda z, x, *, n: (n if n in (0, 1) else n * (x if n == 2 else power(x, n - 1)),))
sqrt    = rule("sqrt",    math.sqrt,  lambda z, x: (0.5 / z,))
cbrt    = rule("cbrt",    math.cbrt,  lambda z, x: (1.0 / (3.0 * z * z),))
exp     = rule("exp",     math.exp,   lambda z, x: (z,))
expm1   = rule("expm1",   math.expm1, lambda z, x: (exp(x),))
log     = rule("log",     math.log,   lambda z, x: (1.0 / x,))
log1p   = rule("log1p",   math.log1p, lambda z, x: (1.0 / (1.0 + x),))
log2    = rule("log2",    math.log2,  lambda z, x: (1.4426950408889634 / x,))
log10   = rule("log10",   math.log10, lambda z, x: (0.4342944819032518 / x,))

# --- Trigonometry ---

sin     = rule("sin",     math.sin,   lambda z, x: (cos(x),))
cos     = rule("cos",     math.cos,   lambda z, x: (-sin(x),))
tan     = rule("tan",     math.tan,   lambda z, x: (1.0 + z * z,))
asin    = rule("asin",    math.asin,  lambda z, x: (1.0 / sqrt((1.0 - x) * (1.0 + x)),))
acos    = rule("acos",    math.acos,  lambda z, x: (-1.0 / sqrt((1.0 - x) * (1.0 + x)),))
atan    = rule("atan",    math.atan,  lambda z, x: (1.0 / (1.0 + x * x),))
atan2   = rule("atan2",   math.atan2, lambda z, y, x: (x / (x * x + y * y), -y / (x * x + y * y)))
sinh    = rule("sinh",    math.sinh,  lambda z, x: (cosh(x),))
cosh    = rule("cosh",    math.cosh,  lambda z, x: (sinh(x),))
tanh    = rule("tanh",    math.tanh,  lambda z, x: (1.0 - z * z,))
asinh   = rule("asinh",   math.asinh, lambda z, x: (1.0 / hypot(1.0, x),))
acosh   = rule("acosh",   math.acosh, lambda z, x: (1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)),))
atanh   = rule("atanh",   math.atanh, lambda z, x: (1.0 / ((1.0 - x) * (1.0 + x)),))
hypot   = rule("hypot",   lambda x, y: _norm([x, y]), lambda z, x, y: (x / where(z, z, 1.0), y / where(z, z, 1.0)))  # 0 at the origin

# --- Activations ---

sigmoid  = rule("sigmoid",  lambda x: where(step(-x), exp(-abs(x)), 1.0) / (1.0 + exp(-abs(x))), lambda z, x: (z * (1.0 - z),))
softplus = rule("softplus", lambda x: maximum(x, 0.0) + log1p(exp(-abs(x))),              lambda z, x: (sigmoid(x),))
softsign = rule("softsign", lambda x: x / (1.0 + abs(x)),                                 lambda z, x: (1.0 / ((1.0 + abs(x)) * (1.0 + abs(x))),))
erf      = rule("erf",      math.erf,                                                     lambda z, x: (1.1283791670955126 * exp(-(x * x)),))
erfc     = rule("erfc",     math.erfc,                                                    lambda z, x: (-1.1283791670955126 * exp(-(x * x)),))
gelu     = rule("gelu",     lambda x: 0.5 * x * erfc(-0.7071067811865476 * x),            lambda z, x: (0.5 * erfc(-0.7071067811865476 * x) + x * exp(-0.5 * (x * x)) * 0.3989422804014327,))
silu     = rule("silu",     lambda x: x * sigmoid(x),                                     lambda z, x: (sigmoid(x) * (1.0 + x * sigmoid(-x)),))
mish     = rule("mish",     lambda x: x * tanh(softplus(x)),                              lambda z, x: (tanh(softplus(x)) + x * sigmoid(x) * (1.0 - tanh(softplus(x)) * tanh(softplus(x))),))
elu      = rule("elu",      lambda x, *, alpha: where(step(x), x, alpha * expm1(minimum(x, 0.0))), lambda z, x, *, alpha=1.0: (where(step(x), 1.0, alpha * exp(minimum(x, 0.0))),))
selu     = rule("selu",     lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),   lambda z, x: (1.0507009873554805 * where(step(x), 1.0, 1.6732632423543772 * exp(minimum(x, 0.0))),))

# --- Functions with a kink ---

abs        = rule("abs",        math.fabs,                                                  lambda z, x: (sign(x),))  # 0 at the kink
relu       = rule("relu",       lambda x: where(step(x), x, 0.0),                           lambda z, x: (step(x),), selects=True)  # 0 at the kink
relu6      = rule("relu6",      lambda x: minimum(maximum(x, 0.0), 6.0),                    lambda z, x: (step(x) * greater(6.0, x),), selects=True)  # 0 at both kinks
hardtanh   = rule("hardtanh",   lambda x: minimum(maximum(x, -1.0), 1.0),                   lambda z, x: (greater(x, -1.0) * greater(1.0, x),), selects=True)  # 0 at both kinks
clip       = rule("clip",       lambda x, *, low, high: minimum(maximum(x, low), high),     lambda z, x, *, low, high: (greater(x, low) * greater(high, x),), selects=True)  # 0 at both kinks
leaky_relu = rule("leaky_relu", lambda x, *, negative_slope: where(step(x), x, negative_slope * x), lambda z, x, *, negative_slope=0.01: (where(step(x), 1.0, negative_slope),))  # negative_slope at the kink
maximum    = rule("maximum",    lambda x, y: x if x >= y or x != x else y,                  lambda z, x, y: (0.5 * (1.0 + greater(x, y) - greater(y, x)), 0.5 * (1.0 + greater(y, x) - greater(x, y))), selects=True)  # a tie is shared
minimum    = rule("minimum",    lambda x, y: x if x <= y or x != x else y,                  lambda z, x, y: (0.5 * (1.0 + greater(y, x) - greater(x, y)), 0.5 * (1.0 + greater(x, y) - greater(y, x))), selects=True)

# --- Over lists ---

sum       = rule("sum",       lambda xs: total(xs),                                              lambda z, xs: ([1.0 for x in xs],), over_lists=True)
mean      = rule("mean",      lambda xs: total(xs) / length(xs),                                 lambda z, xs: ([1.0 / length(xs) for x in xs],), over_lists=True)
dot       = rule("dot",       lambda xs, ys: total(x * y for x, y in zip(xs, ys)),               lambda z, xs, ys: (ys, xs), over_lists=True)
logsumexp = rule("logsumexp", lambda xs: _logsumexp(xs),                                         lambda z, xs: (_softmax(xs),), over_lists=True)
prod      = rule("prod",      lambda xs: _product(xs),                                           lambda z, xs: (_products_of_others(xs),), over_lists=True)
norm      = rule("norm",      lambda xs: _norm(xs),                                              lambda z, xs: ([x / where(z, z, 1.0) for x in xs],), over_lists=True)  # 0 at the origin
max       = rule("max",       lambda xs: largest(xs) if xs else _empty(),                        lambda z, xs: (_shared(xs, z),), over_lists=True, selects=True)  # a tie is shared
min       = rule("min",       lambda xs: -largest([-x for x in xs]) if xs else _empty(),         lambda z, xs: (_shared(xs, z),), over_lists=True, selects=True)


def _empty() -> Any:
    raise ValueError


def _norm(xs: Iterable[Any]) -> Any:
    scale = largest([abs(x) for x in xs])
    scale = where(scale, scale, 1.0)
    return scale * sqrt(total((x / scale) * (x / scale) for x in xs))


def _logsumexp(xs: Any) -> Any:
    shift = largest(xs) if xs else _empty()
    return shift + log(total(exp(x - shift) for x in xs))


def _softmax(xs: Any) -> list[Any]:
    shift = largest(xs)
    exponentials = [exp(x - shift) for x in xs]
    whole = total(exponentials)
    return [exponential / whole for exponential in exponentials]


def _product(xs: Iterable[Any]) -> Any:
    result = 1.0
    for x in xs:
        result = result * x
    return result


def _shared(xs: Any, z: Any) -> list[Any]:
    """Return 1/k for each of the k items of a list that equal z, else 0."""
    equal = [1.0 - greater(x, z) - greater(z, x) for x in xs]
    ties = total(equal)
    return [x / ties for x in equal]


def softmax(values: Iterable[Any]) -> list[Any]:
    """Return exp(x) / (sum of all exp(x)) for every x of a list of numbers or Values.

    The largest number is subtracted first, so that exp cannot overflow; the result and its derivatives
    stay the same.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    xs = list(values)
    shift = largest([getattr(x, "data", x) for x in xs])
    exponentials = [exp(x - shift) for x in xs]
    whole = sum(exponentials)
    return [exponential / whole for exponential in exponentials]
