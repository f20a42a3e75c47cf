"""A Value written as text or as LaTeX, in the names of the graph or with its numbers put in."""

import re
from collections.abc import Mapping

from tinygrad_edu.term import ATOM, PRODUCT, SIGN, Term, one_line
from tinygrad_edu.value import Value, topological_order

Names = Mapping[Value, str]
NO_NAMES: Names = {}
LIMIT = 2000  # A longer part of a formula is written "…": 40 squarings written out fill a library.


class LatexTerm(Term):
    """A term whose brackets grow with what they hold."""

    brackets = r"\left({}\right)"


def number(x: float, latex: bool = False) -> str:
    """Return a number as a reader wants it: exactly where that is short, else with nine decimals.

    >>> [number(x) for x in (2.0, 0.05, 0.5932699921071872, 4.385677344e-06, -1 / 3)]
    ['2', '0.05', '0.593269992', '4.38567734e-06', '−0.333333333']
    """
    x += 0.0  # -0.0 becomes 0.0
    digits = repr(x).removesuffix(".0")
    if len(digits) > 11:
        digits = f"{x:.9f}" if 1e-4 <= abs(x) < 1e9 else f"{x:.8e}"
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
    term = LatexTerm if latex else Term
    name = names.get(value) or one_line(value.label)
    if name and not numbers:
        return term(latex_name(name) if latex else name)
    if name or not value.args:
        text = number(value.data, latex)
        return term(text, SIGN if text[0] in "-−" else PRODUCT if "e" in text or "cdot" in text else ATOM)
    return formula(value, names, latex=latex, numbers=numbers)


def formula(value: Value, names: Names = NO_NAMES, *, latex: bool = False, numbers: bool = False) -> Term:
    r"""Return how a Value is computed, in the names of the labelled Values that it is computed from.

    Args:
        value: the Value; its own name is not used.
        names: names of Values, beside or in place of their labels.
        latex: write LaTeX.
        numbers: write the numbers in place of the names.

    >>> w, x, b = Value(0.5, "w"), Value(-2.0, "x"), Value(0.1, "b")
    >>> y = (w * (x + b)).tanh()
    >>> print(formula(y), formula(y, numbers=True), formula(y, latex=True), sep="  ")
    tanh(w·(x + b))  tanh(0.5·(−2 + 0.1))  \tanh\left(w \cdot \left(x + b\right)\right)
    """
    if value.op is None:
        return written(value, names, latex=latex, numbers=numbers)
    term = LatexTerm if latex else Term

    def is_named(part: Value) -> bool:
        return part in names or bool(part.label)

    terms: dict[Value, Term] = {}
    for part in topological_order(value, is_leaf=is_named):
        if part.op is None or (part is not value and is_named(part)):
            terms[part] = written(part, names, latex=latex, numbers=numbers)
        else:
            template = part.op.template(len(part.args), latex)
            text = template.format(*[terms[arg] for arg in part.args])
            terms[part] = term(text, part.op.binding) if len(text) <= LIMIT else term("…")
    return terms[value]
