"""How operations and numbers are written, as text and as LaTeX.

An operation is written ``name(x, y)``, its parameters after its arguments. Here stands only what is
written in another way. A form is a function of the arguments as they are written, just as the rule of
an operation is a function of their numbers:

>>> from tinygrad_edu.engine.rules import add, mul, power, tanh
>>> c, total = Term("c"), write(add, [Term("a"), Term("b")])
>>> write(mul, [total, c]), write(power.of(2), [total]), write(tanh, [total])
('(a + b)·c', '(a + b)²', 'tanh(a + b)')
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_edu.engine.lecture import Closure
from tinygrad_edu.engine.op import Op

SIGN, SUM, PRODUCT, POWER, ATOM = range(1, 6)
"""The precedence of a written expression: that of its outermost operator. An atom needs no brackets."""

_LEVELS = {"SIGN": SIGN, "SUM": SUM, "PRODUCT": PRODUCT, "POWER": POWER, "ATOM": ATOM}


class Term(str):
    """A written expression with its precedence.

    In a format string it gets brackets where the place asks for a higher precedence than it has:

    >>> f"{Term('a + b', SUM):PRODUCT}·c, {Term('a·b', PRODUCT):PRODUCT}·c"
    '(a + b)·c, a·b·c'
    """

    precedence: int
    brackets = "({})"

    def __new__(cls, text: str, precedence: int = ATOM) -> "Term":  # noqa: D102
        term = super().__new__(cls, text)
        term.precedence = precedence
        return term

    def __format__(self, least: str) -> str:
        return self.brackets.format(str(self)) if least and self.precedence < _LEVELS[least] else str(self)


class LatexTerm(Term):
    """A term in LaTeX: its brackets grow with what is inside."""

    brackets = r"\left({}\right)"


def number(x: float, latex: bool = False, exact: bool = False) -> Term:
    """Return a number as a reader wants it: exactly where that is short, else with nine decimals.

    Args:
        x: the number.
        latex: write LaTeX.
        exact: write all digits, however many there are.

    >>> [number(x) for x in (2.0, 0.05, 0.5932699921071872, 4.385677344e-06, -1 / 3)]
    ['2', '0.05', '0.593269992', '4.38567734e-06', '−0.333333333']
    """
    x += 0.0  # -0.0 becomes 0.0
    digits = repr(x).removesuffix(".0")
    if len(digits) > 11 and not exact:
        digits = min(digits, f"{x:.9f}" if 1e-4 <= abs(x) < 1e9 else f"{x:.8e}", key=len)
    precedence = SIGN if digits[0] == "-" else PRODUCT if "e" in digits else ATOM
    if latex:
        digits = re.sub(r"e\+?(-?)0*(\d+)", r" \\cdot 10^{\1\2}", digits).replace("inf", r"\infty")
        return LatexTerm(digits, precedence)
    return Term("−" + digits[1:] if digits[0] == "-" else digits, precedence)


def latex_escaped(text: str) -> str:
    r"""Return text in which no character has a meaning in LaTeX.

    >>> print(latex_escaped("50% {"), latex_escaped("leaky_relu"))
    50\% \{ leaky\_relu
    """
    special = {c: "\\" + c for c in "{}$&#%_"}
    special |= {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return "".join(special.get(c, c if c.isprintable() else " ") for c in text)


class Form(NamedTuple):
    """How an operation is written.

    Attributes:
        precedence: that of the written expression.
        text: a function of the written arguments that gives the expression as text; None for name(x).
        latex: the same in LaTeX.
    """

    precedence: int
    text: Callable[..., str] | None
    latex: Callable[..., str] | None


SUPERSCRIPT = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _exponent(n: str) -> str:
    return n.translate(SUPERSCRIPT) if n.lstrip("−").isdigit() else f"^({n})"


# fmt: off
# ruff: noqa: E501
FORMS = {
    "add":   Form(SUM,     lambda x, y: f"{x} + {y:SUM}",             lambda x, y: f"{x} + {y:SUM}"),
    "sub":   Form(SUM,     lambda x, y: f"{x} − {y:PRODUCT}",         lambda x, y: f"{x} - {y:PRODUCT}"),
    "neg":   Form(SIGN,    lambda x: f"−{x:PRODUCT}",                 lambda x: f"-{x:PRODUCT}"),
    "mul":   Form(PRODUCT, lambda x, y: f"{x:PRODUCT}·{y:PRODUCT}",   lambda x, y: rf"{x:PRODUCT} \cdot {y:PRODUCT}"),
    "div":   Form(PRODUCT, lambda x, y: f"{x:PRODUCT}/{y:POWER}",     lambda x, y: rf"\frac{{{x}}}{{{y}}}"),
    "pow":   Form(POWER,   lambda x, y: f"{x:ATOM}^{y:ATOM}",         lambda x, y: f"{x:ATOM}^{{{y}}}"),
    "power": Form(POWER,   lambda x, *, n: f"{x:ATOM}{_exponent(n)}", lambda x, *, n: f"{x:ATOM}^{{{n}}}"),
    "sum":   Form(SUM,     lambda xs: " + ".join(f"{x:SUM}" for x in xs) or "0",    lambda xs: " + ".join(f"{x:SUM}" for x in xs) or "0"),
    "prod":  Form(PRODUCT, lambda xs: "·".join(f"{x:PRODUCT}" for x in xs) or "1",  lambda xs: r" \cdot ".join(f"{x:PRODUCT}" for x in xs) or "1"),
    "dot":   Form(SUM,     lambda xs, ys: " + ".join(f"{x:PRODUCT}·{y:PRODUCT}" for x, y in zip(xs, ys, strict=True)) or "0",
                           lambda xs, ys: " + ".join(rf"{x:PRODUCT} \cdot {y:PRODUCT}" for x, y in zip(xs, ys, strict=True)) or "0"),
    "sqrt":  Form(ATOM, None, lambda x: rf"\sqrt{{{x}}}"),
    "cbrt":  Form(ATOM, None, lambda x: rf"\sqrt[3]{{{x}}}"),
    "abs":   Form(ATOM, None, lambda x: rf"\left|{x}\right|"),
    "floor": Form(ATOM, None, lambda x: rf"\left\lfloor {x}\right\rfloor"),
    "ceil":  Form(ATOM, None, lambda x: rf"\left\lceil {x}\right\rceil"),
    "gauss":   Form(ATOM,    lambda x: f"exp(−{x:ATOM}²)",                       lambda x: rf"\exp\left(-{x:ATOM}^{{2}}\right)"),
    "exp_sub": Form(ATOM,    lambda x, y: f"exp({x} − {y:PRODUCT})",             lambda x, y: rf"\exp\left({x} - {y:PRODUCT}\right)"),
    "lowered": Form(POWER,   lambda x, y, *, k: f"{x:ATOM}^({y} − {k})",         lambda x, y, *, k: f"{x:ATOM}^{{{y} - {k}}}"),
    "unit":    Form(PRODUCT, lambda x, y: f"{x:PRODUCT}/hypot({x}, {y})",        lambda x, y: rf"\frac{{{x}}}{{\operatorname{{hypot}}\left({x}, {y}\right)}}"),
    "xlogy":   Form(PRODUCT, lambda x, y: f"{x:PRODUCT}·log({y})",               lambda x, y: rf"{x:PRODUCT} \cdot \log\left({y}\right)"),
    "logsumexp": Form(ATOM, None, lambda xs: rf"\log\left({' + '.join(f'e^{{{x}}}' for x in xs)}\right)"),
}
# fmt: on

LATEX_NAMES = {
    **{name: "\\" + name for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min")},
    "asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan", "maximum": r"\max", "minimum": r"\min",
    "log2": r"\log_{2}", "log10": r"\log_{10}", "sigmoid": r"\sigma",
    "normal_pdf": r"\varphi", "normal_cdf": r"\Phi",
}  # fmt: skip
"""The operations for which LaTeX has a command, or mathematics a letter."""


def precedence(op: Op) -> int:
    """Return the precedence of an operation as it is written.

    >>> from tinygrad_edu.engine.rules import mul, tanh
    >>> precedence(mul) == PRODUCT, precedence(tanh) == ATOM
    (True, True)
    """
    return FORMS[op.name].precedence if op.name in FORMS else ATOM


def write(op: Op, args: Sequence[Term], latex: bool = False) -> Term:
    """Return an operation as it is written with these arguments.

    Args:
        op: the operation; its parameters are written too.
        args: the written arguments; those of an operation over lists in one row, as a Value has them.
        latex: whether the arguments are LaTeX, and the result is to be.

    >>> from tinygrad_edu.engine.rules import dot, leaky_relu
    >>> write(leaky_relu.of(0.2), [Term("x")]), write(dot, [Term("a"), Term("b")])
    ('leaky_relu(x, 0.2)', 'a·b')
    """
    parameters = {name: number(x, latex, exact=True) for name, x in op.parameters.items()}
    given: Sequence[Any] = op.lists(tuple(args)) if op.over_lists else args
    known = None if isinstance(op, Closure) else FORMS.get(op.name)
    form = known and (known.latex if latex else known.text)
    if known and form:
        text, level = form(*given, **parameters), known.precedence
    else:
        text, level = _call(op, given, [*parameters.values()], latex), ATOM
    return (LatexTerm if latex else Term)(text, level)


def _call(op: Op, args: Sequence[Any], parameters: list[Term], latex: bool) -> str:
    """Write an operation as name(x, y, parameter), and one over several lists as name([a, b], [c, d])."""
    if op.over_lists:
        lists = [", ".join(row) for row in args]
        opening, closing = (r"\left[", r"\right]") if latex else "[]"
        args = lists if len(lists) == 1 else [f"{opening}{row}{closing}" for row in lists]
    listed = ", ".join([*args, *parameters])
    if latex:
        name = LATEX_NAMES.get(op.name) or rf"\operatorname{{{latex_escaped(op.name)}}}"
        return rf"{name}\left({listed}\right)"
    return f"{op.name}({listed})"
