"""A Value written as text or as LaTeX, in the names of the graph or with its numbers put in."""

import math
import re
from collections.abc import Mapping

from tinygrad_edu.engine.op import Op
from tinygrad_edu.see.term import ATOM, PRODUCT, SIGN, Term, named, one_line
from tinygrad_edu.engine.value import Value, topological_order

Names = Mapping[Value, str]
NO_NAMES: Names = {}
LIMIT = 2000  # A longer part of a formula is written "…": 40 squarings written out fill a library.


class LatexTerm(Term):
    """A term whose brackets grow with what they hold."""

    brackets = r"\left({}\right)"


def number(x: float, latex: bool = False, exact: bool = False) -> str:
    """Return a number as a reader wants it: exactly where that is short, else with nine decimals.

    Args:
        x: the number.
        latex: write LaTeX.
        exact: write all digits however many they are.

    >>> [number(x) for x in (2.0, 0.05, 0.5932699921071872, 4.385677344e-06, -1 / 3)]
    ['2', '0.05', '0.593269992', '4.38567734e-06', '−0.333333333']
    """
    x += 0.0  # -0.0 becomes 0.0
    digits = repr(x).removesuffix(".0")
    if len(digits) > 11 and not exact:
        digits = min(digits, f"{x:.9f}" if 1e-4 <= abs(x) < 1e9 else f"{x:.8e}", key=len)
    if latex:
        return re.sub(r"e\+?(-?)0*(\d+)", r" \\cdot 10^{\1\2}", digits)
    return "−" + digits[1:] if digits[0] == "-" else digits


def latex_name(label: str) -> str:
    r"""Return a label as LaTeX, the part after the first underscore, or a final number, as a subscript.

    >>> print(latex_name("w5"), latex_name("E_total"), latex_name("out_o1"), latex_name("50% {"))
    w_{5} E_{\mathrm{total}} \mathrm{out}_{\mathrm{o1}} \text{50\% \{}
    """
    parts = re.fullmatch(r"([A-Za-z]+?)(?:_([A-Za-z0-9]+)|(\d+))?", label, re.ASCII)
    if parts is None:
        escaped = {c: "\\" + c for c in "{}$&#%_"}
        escaped |= {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
        return rf"\text{{{''.join(escaped.get(c, c if c.isprintable() else ' ') for c in label)}}}"
    base, word, digits = parts.groups()
    name = base if len(base) == 1 else rf"\mathrm{{{base}}}"
    subscript = digits or (word if not word or word.isdigit() else rf"\mathrm{{{word}}}")
    return f"{name}_{{{subscript}}}" if subscript else name


def written(value: Value, names: Names = NO_NAMES, *, latex: bool = False, numbers: bool = False) -> Term:
    """Return a Value as it stands inside a formula: its name or number, or else its own formula.

    >>> x = Value(3.0, "x")
    >>> written(x), written(x * 2), written(x * 2, numbers=True)
    ('x', 'x·2', '3·2')
    """
    if _name(value, names) or not value.args:
        return _part(value, names, latex, numbers)
    return formula(value, names, latex=latex, numbers=numbers)


def formula(value: Value, names: Names = NO_NAMES, *, latex: bool = False, numbers: bool = False) -> Term:
    r"""Return how a Value is computed, in the names of the labelled Values that it is computed from.

    Args:
        value: the Value; its own name is not used.
        names: names of Values, beside or in place of their labels.
        latex: write LaTeX.
        numbers: write the numbers in place of the names, with so many digits that they give the Value.

    >>> w, x, b = Value(0.5, "w"), Value(-2.0, "x"), Value(0.1, "b")
    >>> y = (w * (x + b)).tanh()
    >>> print(formula(y), formula(y, numbers=True), formula(y, latex=True), sep="  ")
    tanh(w·(x + b))  tanh(0.5·(−2 + 0.1))  \tanh\left(w \cdot \left(x + b\right)\right)
    """
    if value.op is None:
        return _part(value, names, latex, numbers)
    parts = topological_order(value, is_leaf=lambda part: bool(_name(part, names)))
    inner = [(part, part.op) for part in parts if part.op and (part is value or not _name(part, names))]
    exact = numbers and not _survives_rounding(parts, inner)
    term = LatexTerm if latex else Term
    terms = {part: _part(part, names, latex, numbers, exact) for part in parts}
    for part, op in inner:
        text = op.template(len(part.args), latex).format(*[terms[arg] for arg in part.args])
        terms[part] = term(text, op.binding) if len(text) <= LIMIT else term("…")
    return terms[value]


def _name(value: Value, names: Names) -> str:
    return "" if value.is_constant else names.get(value) or one_line(value.label)


def _part(value: Value, names: Names, latex: bool, numbers: bool, exact: bool = False) -> Term:
    """Return the name of a Value, or its number if it has none or numbers are wanted."""
    term = LatexTerm if latex else Term
    name = _name(value, names)
    if name and not numbers:
        return term(latex_name(name) if latex else name, named(name).binding)
    text = number(value.data, latex, exact)
    return term(text, SIGN if text[0] in "-−" else PRODUCT if "e" in text or "cdot" in text else ATOM)


def _survives_rounding(parts: list[Value], inner: list[tuple[Value, Op]]) -> bool:
    """Return whether the numbers as a reader sees them still give the result; 1 − 1.000000000² does not."""
    seen = {part: float(number(part.data).replace("−", "-")) for part in parts}
    try:
        for part, op in inner:
            seen[part] = op.value(*[seen[arg] for arg in part.args])
    except (ArithmeticError, ValueError):
        return False
    wanted = parts[-1].data
    return math.isclose(seen[parts[-1]], wanted, rel_tol=1e-8, abs_tol=2e-9 if abs(wanted) >= 1e-4 else 0.0)
