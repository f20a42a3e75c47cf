"""The table of operations: each is declared once, and everything else is read off that declaration.

An entry says what the operation computes and, in one tuple, the slope of the result ``z`` along each of
its arguments. A rule is ordinary arithmetic, so it runs

- on floats, and gives the numbers that ``backward()`` multiplies;
- on Values, and gives graphs: printed, they are the formulas; differentiated, the second derivatives.

A rule may therefore use nothing but plain numbers and operations of this table.

>>> tanh.slopes(0.5, 0.549)  # the rule 1 - z ** 2 on a number
(0.75,)
>>> from tinygrad_edu import Value
>>> tanh.slopes(Value(0.5), Value(0.549))[0]  # the same rule on Values
Value(data=0.75, grad=0.0)

Where a function has a kink, the entry says which slope is taken there.
"""

import math
from collections.abc import Iterable
from typing import Any, TypeVar

from tinygrad_edu.op import TABLE, Family, Op, Power, Reduction
from tinygrad_edu.term import POWER, PRODUCT, SIGN, SUM

Entry = TypeVar("Entry", Op, Power, Reduction, Family)


def declare(entry: Entry) -> Entry:
    """Enter an operation, or a family of them, in the table."""
    TABLE[entry.name] = entry
    return entry


def op(name: str, **form: Any) -> Op:
    """Declare one operation; for the parts of an entry see ``Op``."""
    return declare(Op(name, **form))


def reduction(name: str, **form: Any) -> Reduction:
    """Declare an operation over lists."""
    return declare(Reduction(name, **form))


# Sample arguments that suit many operations.
ANYWHERE = [(0.3,), (-1.2,), (2.5,)]
POSITIVE = [(0.2,), (1.0,), (7.5,)]
PAIRS = [(0.7, 2.5), (-1.3, 0.4), (3.0, -2.0)]
LISTS = [(0.7, -2.5, 1.1, 0.2), (-1.3, 0.4), (0.5, 0.25, -0.125, 3.0, 1.5, -2.0)]

# --- Arithmetic -----------------------------------------------------------------------------------

add = op(
    "add",
    value=lambda x, y: x + y,
    slopes=lambda z, x, y: (1.0, 1.0),
    text="{0:1} + {1:2}",
    latex="{0:1} + {1:2}",
    binding=SUM,
    symbol="+",
    samples=PAIRS,
)
sub = op(
    "sub",
    value=lambda x, y: x - y,
    slopes=lambda z, x, y: (1.0, -1.0),
    text="{0:1} − {1:3}",
    latex="{0:1} - {1:3}",
    binding=SUM,
    symbol="-",
    samples=PAIRS,
)
mul = op(
    "mul",
    value=lambda x, y: x * y,
    slopes=lambda z, x, y: (y, x),
    text="{0:3}·{1:3}",
    latex=r"{0:3} \cdot {1:3}",
    binding=PRODUCT,
    symbol="*",
    samples=PAIRS,
)
div = op(
    "div",
    value=lambda x, y: x / y,
    slopes=lambda z, x, y: (1.0 / y, -z / y),
    text="{0:3}/{1:4}",
    latex=r"\frac{{{0}}}{{{1}}}",
    binding=PRODUCT,
    symbol="/",
    domain="division by zero",
    samples=PAIRS,
)
neg = op(
    "neg",
    value=lambda x: -x,
    slopes=lambda z, x: (-1.0,),
    text="−{0:3}",
    latex="-{0:3}",
    binding=SIGN,
    symbol="neg",
    samples=ANYWHERE,
)


# --- Powers ---------------------------------------------------------------------------------------

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power(exponent: float) -> Op:
    digits = repr(exponent).removesuffix(".0")
    whole = digits.lstrip("-").isdigit()

    def slopes(z: Any, x: Any) -> tuple[Any]:
        if exponent in (0, 1):
            return (exponent,)  # also at x = 0, where x ** (exponent - 1) would divide by zero
        return (exponent * (x if exponent == 2 else x ** (exponent - 1)),)

    return Op(
        "power",
        # math.pow and not **, which answers with a complex number for (-8.0) ** (1 / 3)
        value=lambda x: math.pow(x, exponent),
        slopes=slopes,
        text="{0:5}" + (digits.translate(SUPERSCRIPT) if whole else f"^({digits})"),
        latex=f"{{0:5}}^{{{{{digits}}}}}",
        binding=POWER,
        symbol=f"**{digits}",
        domain="0 has no negative powers, and a negative number has whole powers only",
        samples=ANYWHERE if whole else POSITIVE,
        parameter=exponent,
    )


# The exponent is a plain number: it has no slope, so x ** 3 has the one slope 3·x², for negative x too.
power: Family = declare(Family("power", _power, examples=[-1.0, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0]))


def _positive_base(x: float, y: float) -> float:
    if x <= 0:
        raise ValueError  # the slope along y is z·log(x)
    return math.pow(x, y)


pow = declare(
    Power(
        "pow",
        value=_positive_base,
        slopes=lambda z, x, y: (y * x ** (y - 1.0), z * log(x)),
        text="{0:5}^{1:5}",
        latex="{0:5}^{{{1}}}",
        binding=POWER,
        symbol="**",
        domain="a Value as exponent needs a positive base; give a constant exponent as a plain number",
        samples=[(0.7, 2.5), (3.0, -2.0), (2.0, 0.5)],
    )
)
sqrt = op(
    "sqrt",
    value=math.sqrt,
    slopes=lambda z, x: (0.5 / z,),
    latex=r"\sqrt{{{0}}}",
    domain="sqrt needs an argument that is not negative",
    samples=POSITIVE,
)

# --- Exponential, logarithm, trigonometry ---------------------------------------------------------

exp = op(
    "exp",
    value=math.exp,
    slopes=lambda z, x: (z,),
    samples=ANYWHERE,
)
log: Op = op(
    "log",
    value=math.log,
    slopes=lambda z, x: (1.0 / x,),
    domain="log needs a positive argument",
    samples=POSITIVE,
)
sin = op(
    "sin",
    value=math.sin,
    slopes=lambda z, x: (cos(x),),
    domain="sin needs a finite argument",
    samples=ANYWHERE,
)
cos: Op = op(
    "cos",
    value=math.cos,
    slopes=lambda z, x: (-sin(x),),
    domain="cos needs a finite argument",
    samples=ANYWHERE,
)
tan = op(
    "tan",
    value=math.tan,
    slopes=lambda z, x: (1.0 + z**2,),
    domain="tan needs a finite argument",
    samples=ANYWHERE,
)

# --- Activations ----------------------------------------------------------------------------------


def _sigmoid(x: float) -> float:
    # 1 / (1 + exp(-x)), written so that the argument of exp is never large: exp(1000) overflows.
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    return math.exp(x) / (1.0 + math.exp(x))


tanh = op(
    "tanh",
    value=math.tanh,
    slopes=lambda z, x: (1.0 - z**2,),
    samples=ANYWHERE,
)
sigmoid = op(
    "sigmoid",
    value=_sigmoid,
    slopes=lambda z, x: (z * (1.0 - z),),
    latex=r"\sigma\left({0}\right)",
    samples=ANYWHERE,
)
softplus = op(
    "softplus",
    # log(1 + exp(x)) without the overflow
    value=lambda x: (x if x > 0 else 0.0) + math.log1p(math.exp(-math.fabs(x))),
    slopes=lambda z, x: (sigmoid(x),),
    latex=r"\operatorname{{softplus}}\left({0}\right)",
    samples=ANYWHERE,
)
erf = op(
    "erf",
    value=math.erf,
    slopes=lambda z, x: (2.0 / math.sqrt(math.pi) * exp(-(x * x)),),
    latex=r"\operatorname{{erf}}\left({0}\right)",
    samples=ANYWHERE,
)
gelu = op(
    "gelu",
    # x·Φ(x), Φ the normal distribution (Hendrycks and Gimpel, 2016), exact and not by tanh
    value=lambda x: 0.5 * x * math.erfc(-x / math.sqrt(2.0)),
    slopes=lambda z, x: (
        0.5 * (1.0 + erf(x / math.sqrt(2.0))) + x * exp(-0.5 * (x * x)) / math.sqrt(2.0 * math.pi),
    ),
    latex=r"\operatorname{{GELU}}\left({0}\right)",
    samples=ANYWHERE,
)

# --- Functions with a kink ------------------------------------------------------------------------

step = op(
    "step",
    # 1 where x > 0, else 0: the slope of relu, and itself of slope 0 everywhere, the jump included
    value=lambda x: 1.0 if x > 0 else 0.0,
    slopes=lambda z, x: (0.0,),
    latex=r"\operatorname{{step}}\left({0}\right)",
    samples=ANYWHERE,
)
relu = op(
    "relu",
    value=lambda x: 0.0 if x <= 0 else x,  # in this order, NaN stays NaN
    slopes=lambda z, x: (step(x),),  # 0 at the kink
    latex=r"\operatorname{{ReLU}}\left({0}\right)",
    symbol="ReLU",
    samples=ANYWHERE,
)


def _leaky_relu(negative_slope: float) -> Op:
    return Op(
        "leaky_relu",
        value=lambda x: negative_slope * x if x <= 0 else x,
        slopes=lambda z, x: (negative_slope + (1.0 - negative_slope) * step(x),),  # negative_slope at 0
        text=f"leaky_relu({{0}}, {negative_slope!r})",
        latex=rf"\operatorname{{{{LeakyReLU}}}}_{{{{{negative_slope!r}}}}}\left({{0}}\right)",
        samples=ANYWHERE,
        parameter=negative_slope,
    )


leaky_relu = declare(Family("leaky_relu", _leaky_relu, examples=[0.01, 0.2], default=0.01))

abs = op(
    "abs",
    value=math.fabs,
    slopes=lambda z, x: (step(x) - step(-x),),  # 0 at the kink
    latex=r"\left|{0}\right|",
    samples=ANYWHERE,
)
maximum = op(
    "maximum",
    value=lambda x, y: x if x >= y or x != x else y,  # NaN if either is
    slopes=lambda z, x, y: (  # a tie is shared: ½ each
        0.5 * (1.0 + step(x - y) - step(y - x)),
        0.5 * (1.0 + step(y - x) - step(x - y)),
    ),
    text="maximum({0}, {1})",
    latex=r"\max\left({0}, {1}\right)",
    samples=PAIRS,
)
minimum = op(
    "minimum",
    value=lambda x, y: x if x <= y or x != x else y,
    slopes=lambda z, x, y: (
        0.5 * (1.0 + step(y - x) - step(x - y)),
        0.5 * (1.0 + step(x - y) - step(y - x)),
    ),
    text="minimum({0}, {1})",
    latex=r"\min\left({0}, {1}\right)",
    samples=PAIRS,
)

# --- Over lists -----------------------------------------------------------------------------------


def _places(count: int, separator: str, form: str = "{{{}}}") -> str:
    return separator.join(form.format(i) for i in range(count))


def _pairs(count: int, form: str) -> str:
    half = count // 2
    return " + ".join(form.format(i, half + i) for i in range(half)) or "0"


def _total(*xs: float) -> float:
    # Left to right, because the builtin sum rounds differently from Python 3.12 on.
    total = 0.0
    for x in xs:
        total += x
    return total


def _dot(*xs: float) -> float:
    half = len(xs) // 2
    total = 0.0
    for i in range(half):
        total += xs[i] * xs[half + i]
    return total


def _logsumexp(*xs: float) -> float:
    if not xs:
        raise ValueError
    largest = max(xs)
    if math.isinf(largest):
        return largest
    return largest + math.log(math.fsum([math.exp(x - largest) for x in xs]))


sum = reduction(
    "sum",
    value=_total,
    slopes=lambda z, *xs: (1.0,) * len(xs),
    text=lambda count: _places(count, " + ", "{{{}:2}}") or "0",
    latex=lambda count: _places(count, " + ", "{{{}:2}}") or "0",
    binding=SUM,
    symbol="sum",
    samples=LISTS,
)
dot = reduction(
    "dot",
    value=_dot,
    slopes=lambda z, *xs: xs[len(xs) // 2 :] + xs[: len(xs) // 2],
    text=lambda count: _pairs(count, "{{{}:3}}·{{{}:3}}"),
    latex=lambda count: _pairs(count, r"{{{}:3}} \cdot {{{}:3}}"),
    binding=SUM,
    samples=LISTS,
)
logsumexp = reduction(
    "logsumexp",
    value=_logsumexp,
    slopes=lambda z, *xs: tuple(exp(x - z) for x in xs),
    text=lambda count: f"logsumexp({_places(count, ', ')})",
    latex=lambda count: rf"\log\left({_places(count, ' + ', 'e^{{{{{{{}}}}}}}')}\right)",
    domain="logsumexp of an empty list",
    samples=LISTS,
)


def softmax(values: Iterable[Any]) -> list[Any]:
    """Return exp(x) / (sum of all exp(x)) for every x of a list of numbers or Values.

    The largest is subtracted first, as a plain number, so that exp cannot overflow; the result and its
    derivatives stay the same.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    xs = list(values)
    largest = max([float(x) for x in xs], default=0.0)
    exponentials = [exp(x - largest) for x in xs]
    total = sum(exponentials)
    return [exponential / total for exponential in exponentials]
