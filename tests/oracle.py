"""What the tests compare with: every operation as a SymPy expression, evaluated at 40 digits."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import mpmath
import sympy
from sympy import Piecewise, Rational

from tinygrad_edu import Value
from tinygrad_edu.engine.op import Op, Reduction

mpmath.mp.dps = 40

EXPRESSIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "power": lambda x, exponent: x**exponent,
    "pow": lambda x, y: x**y,
    "sqrt": sympy.sqrt,
    "exp": sympy.exp,
    "log": sympy.log,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "tanh": sympy.tanh,
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
    "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    "erf": sympy.erf,
    "gelu": lambda x: x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
    "step": lambda x: Piecewise((1, x > 0), (0, True)),
    "relu": lambda x: Piecewise((x, x > 0), (0, True)),
    "leaky_relu": lambda x, negative_slope: Piecewise((x, x > 0), (negative_slope * x, True)),
    "abs": lambda x: Piecewise((x, x > 0), (-x, True)),
    "maximum": lambda x, y: Piecewise((x, x > y), (y, True)),
    "minimum": lambda x, y: Piecewise((x, x < y), (y, True)),
    "sum": lambda *xs: sympy.Add(*xs),
    "dot": lambda *xs: sum(x * y for x, y in zip(xs[: len(xs) // 2], xs[len(xs) // 2 :], strict=True)),
    "logsumexp": lambda *xs: sympy.log(sum(map(sympy.exp, xs))),
}
KINKED = {"step", "relu", "leaky_relu", "abs", "maximum", "minimum"}


@cache
def derivative(op: Op, count: int, *places: int) -> Callable[..., Any]:
    """Return the derivative of an operation of ``count`` arguments along ``places``, the value along none."""
    symbols = sympy.symbols(f"x:{count}", real=True)
    parameters = [] if op.parameter is None else [Rational(op.parameter)]
    expression = sympy.sympify(EXPRESSIONS[op.name](*symbols, *parameters))
    for place in places:
        expression = expression.diff(symbols[place])
    return sympy.lambdify(symbols, expression, "mpmath")


def exact(x: float) -> Any:
    """Return a float as a number of 40 digits."""
    return mpmath.mpf(x)


def apply(op: Op, args: Sequence[Any]) -> Any:
    """Apply an operation to its arguments in a row, also where it takes them as lists."""
    if not isinstance(op, Reduction):
        return op(*args)
    half = len(args) // 2
    return op(args[:half], args[half:]) if op.name == "dot" else op(args)


def evaluate(root: Value, numbers: Mapping[Value, Any]) -> Any:
    """Return the number of ``root`` at 40 digits, computed with other numbers for some Values."""
    known = dict(numbers)

    def visit(value: Value) -> Any:
        if value not in known:
            args = [visit(arg) for arg in value.args]
            known[value] = derivative(value.op, len(args))(*args) if value.op else exact(value.data)
        return known[value]

    return visit(root)


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
    "sigma": FUNCTIONS["sigmoid"],
    "ReLU": FUNCTIONS["relu"],
    "LeakyReLU_": lambda slope: lambda x: FUNCTIONS["leaky_relu"](x, slope),
    "GELU": FUNCTIONS["gelu"],
    "max": FUNCTIONS["maximum"],
    "min": FUNCTIONS["minimum"],
    "e": mpmath.mp.e,
}


def read_latex(latex: str, names: Mapping[str, Any]) -> Any:
    """Return the number that a formula written as LaTeX stands for; names of one letter only."""
    assert not re.search(r"\^(\{[^{}]*\}|\w)\s*\^", latex), f"double superscript in {latex}"
    latex = latex.replace(r"\left|", "abs(").replace(r"\right|", ")").replace(r"\operatorname", "")
    latex = re.sub(r"\{([A-Za-z]\w+)\}", r"\1", latex)  # the name in \operatorname{name}
    latex = re.sub(r"\\(left|right| )", "", latex).replace(r"\cdot", "*").replace("^", "**").replace("\\", "")
    python = latex.translate(str.maketrans("{}", "()"))
    return eval(python, {"__builtins__": {}}, FUNCTIONS | LATEX_FUNCTIONS | dict(names))
