"""What the tests compare with: every operation as a SymPy expression, evaluated at 50 digits and more.

An operation that has no expression here is compared with numerical derivatives of its own value, which is
run on numbers of 50 digits. So one that is added to the table is tested without a line here.
"""

import builtins
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import mpmath
import sympy
from sympy import Piecewise, Rational, erfc, exp, log, sqrt

from tinygrad_edu import Value
from tinygrad_edu.engine.declare import GRID
from tinygrad_edu.engine.op import TABLE, Op

mpmath.mp.dps = 50


def _if(condition: Any, yes: Any, no: Any) -> Any:
    return Piecewise((yes, condition), (no, True))


def _normal_cdf(x: Any) -> Any:
    return erfc(-x / sqrt(2)) / 2


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + exp(-x))


def _softplus(x: Any) -> Any:
    return log(1 + exp(x))


def _clip(x: Any, low: Any, high: Any) -> Any:
    return _if(x < low, low, _if(x > high, high, x))


SELU = Rational("1.0507009873554804934193349852946"), Rational("1.6732632423543772848170429916717")
"""Klambauer et al., Self-Normalizing Neural Networks (2017)."""

EXPRESSIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "greater": lambda x, y: _if(x > y, 1, 0),
    "step": lambda x: _if(x > 0, 1, 0),
    "where": lambda c, x, y: _if(sympy.Eq(c, 0), y, x),
    "sign": lambda x: _if(x > 0, 1, _if(x < 0, -1, 0)),
    "floor": sympy.floor,
    "ceil": sympy.ceiling,
    "round": lambda x: sympy.floor(x + Rational(1, 2)),
    "stop_gradient": lambda x: x,
    "pow": lambda x, y: x**y,
    "power": lambda x, n: x**n,
    "sqrt": sqrt,
    "cbrt": lambda x: _if(x < 0, -((-x) ** Rational(1, 3)), x ** Rational(1, 3)),
    "exp": exp,
    "expm1": lambda x: exp(x) - 1,
    "log": log,
    "log1p": lambda x: log(1 + x),
    "log2": lambda x: log(x) / log(2),
    "log10": lambda x: log(x) / log(10),
    **{name: getattr(sympy, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2")},
    **{name: getattr(sympy, name) for name in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    "hypot": lambda x, y: sqrt(x**2 + y**2),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "softsign": lambda x: _if(x < 0, x / (1 - x), x / (1 + x)),
    "erf": sympy.erf,
    "erfc": erfc,
    "gelu": lambda x: x * _normal_cdf(x),
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * sympy.tanh(_softplus(x)),
    "elu": lambda x, alpha: _if(x > 0, x, alpha * (exp(x) - 1)),
    "selu": lambda x: SELU[0] * _if(x > 0, x, SELU[1] * (exp(x) - 1)),
    "abs": lambda x: _if(x > 0, x, -x),
    "relu": lambda x: _if(x > 0, x, 0),
    "relu6": lambda x: _clip(x, 0, 6),
    "hardtanh": lambda x: _clip(x, -1, 1),
    "clip": _clip,
    "leaky_relu": lambda x, negative_slope: _if(x > 0, x, negative_slope * x),
    "maximum": sympy.Max,
    "minimum": sympy.Min,
    "sum": lambda *xs: sympy.Add(*xs),
    "mean": lambda *xs: sympy.Add(*xs) / len(xs),
    "dot": lambda *xs: sympy.Add(*map(operator.mul, xs[: len(xs) // 2], xs[len(xs) // 2 :])),
    "logsumexp": lambda *xs: log(sympy.Add(*map(exp, xs))),
    "prod": lambda *xs: sympy.Mul(*xs),
    "norm": lambda *xs: sqrt(sympy.Add(*(x**2 for x in xs))),
    "max": sympy.Max,
    "min": sympy.Min,
    "lowered": lambda x, y, k: x ** (y - k),
    "xlogy": lambda x, y: x * log(y),
    "unit": lambda x, y: x / sqrt(x**2 + y**2),
    "exp_sub": lambda x, y: exp(x - y),
    "gauss": lambda x: exp(-(x**2)),
    "normal_pdf": lambda x: exp(-(x**2) / 2) / sqrt(2 * sympy.pi),
    "normal_cdf": _normal_cdf,
}

FLAT = {"greater", "step", "sign", "floor", "ceil", "round", "stop_gradient"}
"""The operations of slope 0 everywhere."""

KINKED = {
    *FLAT, "where", "abs", "relu", "relu6", "hardtanh", "clip", "leaky_relu", "elu", "selu", "softsign",
    "maximum", "minimum", "max", "min",
}  # fmt: skip
"""The operations whose first or second derivative jumps somewhere."""

# --- Where operations are tried ---

PARAMETERS: dict[str, list[tuple[float, ...]]] = {
    "power": [(-1.0,), (0.0,), (0.5,), (1.0,), (2.0,), (2.5,), (3.0,), (0.3,), (-2.7,)],
    "lowered": [(1.0,), (2.0,)],
    "clip": [(-0.7, 0.4), (1.0, 3.0)],
    "leaky_relu": [(0.01,), (0.2,)],
    "elu": [(1.0,), (0.3,)],
}

_UNIT = [(0.3,), (-0.9,), (0.02,)]
_ABOVE = [(1.3,), (2.5,), (40.0,)]
_POSITIVE = [(0.2,), (1.0,), (7.5,)]
_POWERS = [(0.7, 2.5), (3.0, -2.0), (2.0, 0.3)]
_LISTS = [(0.7, -2.5, 1.1, 0.2), (-1.3, 0.4), (0.5, 0.25, -0.125, 3.0, 1.5, -2.0)]
_NAMED = {
    **dict.fromkeys(("sqrt", "log", "log2", "log10"), _POSITIVE),
    **dict.fromkeys(("asin", "acos", "atanh"), _UNIT),
    "log1p": [(0.3,), (-0.9,), (7.5,)],
    "acosh": _ABOVE,
    "pow": _POWERS,
    "lowered": _POWERS,
    "xlogy": _POWERS[:1] + [(-1.0, 0.3), (2.0, 9.0)],
    "where": [(1.0, 0.4, 2.0), (0.0, 0.4, 2.0)],
}


def operations() -> list[Op]:
    """Return the operations of the table, those that take parameters with several."""
    return [
        op.of(*parameters) if parameters else op for op in TABLE.values() for parameters in _parameters(op)
    ]


def _parameters(op: Op) -> list[tuple[float, ...]]:
    unknown = tuple(op.defaults.get(name, 2.0) for name in op.takes)
    return PARAMETERS.get(op.name, [unknown])


def name_of(op: Op) -> str:
    """Return the name of an operation with its parameters, for the name of a test."""
    return "-".join([op.name, *(f"{number:g}" for number in op.parameters.values())])


def samples(op: Op) -> list[tuple[float, ...]]:
    """Return rows of arguments, neither large nor small, at which an operation is smooth."""
    if op.name == "power" and op.parameters["n"] % 1:
        return _POSITIVE
    if op.name in _NAMED:
        return _NAMED[op.name]
    if op.over_lists:
        return _LISTS
    rows = [tuple(GRID[(3 * i + place) % len(GRID)] for place in range(op.arity)) for i in range(len(GRID))]
    return [row for row in rows if _is_finite(op, row)][: 4 if op.name in EXPRESSIONS else None]


def _is_finite(op: Op, row: Sequence[float]) -> bool:
    try:
        return math.isfinite(op.value(*row))
    except (ArithmeticError, ValueError):
        return False


def apply(op: Op, args: Sequence[Any]) -> Any:
    """Apply an operation to its arguments in a row, also where it takes them as lists."""
    return op(*op.lists(tuple(args))) if op.over_lists else op(*args)


# --- What they must give ---


@cache
def derivative(op: Op, count: int, *places: int) -> Callable[..., Any]:
    """Return the derivative of an operation of ``count`` arguments along ``places``, the value along none."""
    if op.name not in EXPRESSIONS:
        return _numerical(op, count, places)
    if op.name in FLAT and places:
        return lambda *args: mpmath.mpf(0)
    symbols = sympy.symbols(f"x:{count}", real=True)
    expression = sympy.sympify(EXPRESSIONS[op.name](*symbols, *map(Rational, op.parameters.values())))
    for place in places:
        expression = expression.diff(symbols[place])
    jumps = {"Heaviside": lambda x, at_0=None: mpmath.mpf(x > 0), "DiracDelta": lambda *_: mpmath.mpf(0)}
    function = sympy.lambdify(symbols, expression, [{"erfc": _erfc, **jumps}, "mpmath"])
    return lambda *args: mpmath.mpmathify(function(*args))


def _erfc(x: Any) -> Any:
    if abs(x) > 100:  # where mpmath takes long, and 0 and 2 have thousands of digits
        return mpmath.mpf(0 if x > 0 else 2)
    return mpmath.erfc(x)


def _numerical(op: Op, count: int, places: Sequence[int]) -> Callable[..., Any]:
    orders = tuple(places.count(place) for place in range(count))

    def value(*args: Any) -> Any:
        return Exact._record(op, [*map(Exact, args)]).number

    return lambda *args: mpmath.diff(value, args, orders) if places else value(*args)


def exact(x: float) -> Any:
    """Return a float as a number of 50 digits."""
    return mpmath.mpf(x)


def to_all_digits(function: Callable[..., Any], *args: float) -> Any:
    """Return a function of floats to 30 digits, however many are needed on the way."""
    before = None
    for digits in (60, 400, 1000, 2000):
        with mpmath.workdps(digits):
            now = function(*map(mpmath.mpf, args))
            if now and abs(now) < mpmath.mpf("1e-400"):
                return now  # no float is that small
            if not mpmath.isfinite(now) or (now and before and abs(now - before) <= abs(now) * 1e-30):
                return now
        before = now
    assert now == 0, f"2000 digits do not suffice at {args}"
    return now


def evaluate(root: Value, numbers: Mapping[Value, Any]) -> Any:
    """Return the number of ``root`` at 50 digits, computed with other numbers for some Values."""
    known = dict(numbers)

    def visit(value: Value) -> Any:
        if value not in known:
            args = [visit(arg) for arg in value.args]
            known[value] = derivative(value.op, len(args))(*args) if value.op else exact(value.data)
        return known[value]

    return visit(root)


# --- The table run on numbers of 50 digits ---


class Exact:
    """A number of 50 digits that the operations of the table take."""

    def __init__(self, number: Any) -> None:
        self.number = _mpf(number)

    @staticmethod
    def _record(op: Op, args: Sequence[Any]) -> "Exact":
        """Return what an operation makes of such numbers; a function of ``math`` is that of mpmath."""
        value = op.written[0]
        if getattr(value, "__module__", "") == "math":
            function = {"fabs": abs, "pow": mpmath.power, "log2": lambda x: mpmath.log(x, 2)}.get(
                value.__name__
            )
            return Exact((function or getattr(mpmath, value.__name__))(*map(_mpf, args)))
        return Exact(op.value(*args))

    def __bool__(self) -> bool:
        return bool(self.number)

    def __float__(self) -> float:
        return float(self.number)

    def __neg__(self) -> "Exact":
        return Exact(-self.number)

    def __floor__(self) -> int:
        return int(mpmath.floor(self.number))

    def __ceil__(self) -> int:
        return int(mpmath.ceil(self.number))

    def __round__(self) -> int:
        return int(mpmath.nint(self.number))


def _mpf(number: Any) -> Any:
    return number.number if isinstance(number, Exact) else mpmath.mpf(number)


def _operators() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in ("add", "sub", "mul", "truediv", "pow"):
        function = getattr(operator, f"__{name}__")
        yield f"__{name}__", lambda x, y, f=function: Exact(f(x.number, _mpf(y)))
        yield f"__r{name}__", lambda x, y, f=function: Exact(f(_mpf(y), x.number))
    for function in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        yield f"__{function.__name__}__", lambda x, y, f=function: f(x.number, _mpf(y))


for _name, _function in _operators():
    setattr(Exact, _name, _function)


# --- Formulas read back ---


def _function(name: str) -> Callable[..., Any]:
    @cache
    def of(count: int) -> Callable[..., Any]:
        symbols = sympy.symbols(f"x:{count}", real=True)
        return sympy.lambdify(symbols, EXPRESSIONS[name](*symbols), "mpmath")

    return lambda *args: of(len(args))(*map(exact, args))


FUNCTIONS = {name: _function(name) for name in EXPRESSIONS}
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read_text(text: str, names: Mapping[str, Any]) -> Any:
    """Return the number that a formula written as text stands for."""
    text = re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda match: f"**({match[0].translate(SUPERSCRIPTS)})", text)
    text = text.replace("·", "*").replace("−", "-").replace("^", "**")
    return eval(text, {"__builtins__": {}}, FUNCTIONS | dict(names))


LATEX_FUNCTIONS = {
    "frac": lambda x: lambda y: x / y,  # \frac{x}{y} becomes frac(x)(y)
    "log_": lambda base: lambda x: mpmath.log(x, base),
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "root3": FUNCTIONS["cbrt"],
    "sigma": FUNCTIONS["sigmoid"],
    "varphi": FUNCTIONS["normal_pdf"],
    "Phi": FUNCTIONS["normal_cdf"],
    "e": mpmath.mp.e,
}


def read_latex(latex: str, names: Mapping[str, Any]) -> Any:
    """Return the number that a formula written as LaTeX stands for; names of one letter only."""
    assert not re.search(r"\^(\{[^{}]*\}|\w)\s*\^", latex), f"double superscript in {latex}"
    latex = latex.replace(r"\left|", "abs(").replace(r"\right|", ")").replace(r"\operatorname", "")
    latex = latex.replace(r"\left\lfloor", "floor(").replace(r"\right\rfloor", ")")
    latex = latex.replace(r"\left\lceil", "ceil(").replace(r"\right\rceil", ")")
    latex = latex.replace(r"\sqrt[3]", "root3").replace(r"\_", "_")
    latex = re.sub(r"\{([A-Za-z]\w+)\}", r"\1", latex)  # the name in \operatorname{name}
    latex = re.sub(r"\\(left|right| )", "", latex).replace(r"\cdot", "*").replace("^", "**").replace("\\", "")
    python = latex.translate(str.maketrans("{}", "()"))
    known = FUNCTIONS | {"max": builtins.max, "min": builtins.min} | LATEX_FUNCTIONS
    return eval(python, {"__builtins__": {}}, known | dict(names))
