"""A Value written as text or as LaTeX, in the names of the graph or with its numbers put in."""

import math
import re
from collections.abc import Mapping, Sequence

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.rules import mul, power
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.program.forms import ATOM, SUM, LatexTerm, Term, latex_escaped, number, write

Names = Mapping[Value, str]
NO_NAMES: Names = {}
LIMIT = 2000  # A longer part of a formula is written "…": 40 squarings written out fill a library.

# Labels that look like a name; a second Value of that name is shown with (2) after it.
_NAME = re.compile(r"[^\s+\-−*/·×^=,]+( \(\d+\))?")


def named(name: str, latex: bool = False) -> Term:
    """Return a label as a term: one that looks like an expression goes into brackets as an expression does.

    >>> f"{named('net_h1'):PRODUCT}·x, {named('a + b'):PRODUCT}·x"
    'net_h1·x, (a + b)·x'
    """
    precedence = ATOM if _NAME.fullmatch(name) else SUM
    return LatexTerm(latex_name(name), precedence) if latex else Term(name, precedence)


_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau"
_GREEK += " upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
GREEK = dict(zip(_GREEK.split(), "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", strict=True))
"""Greek letters by the names that people give to Values for want of the letter."""
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_GREEK_NAMES = {letter: name for name, letter in GREEK.items()}


def latex_name(label: str) -> str:
    r"""Return a label as LaTeX, the part after the first underscore, or a final number, as a subscript.

    >>> print(latex_name("w5"), latex_name("E_total"), latex_name("out_o1"), latex_name("50% {"))
    w_{5} E_{\mathrm{total}} \mathrm{out}_{\mathrm{o1}} \text{50\% \{}
    >>> print(latex_name("theta_1"), latex_name("θ₁"), latex_name("η"))
    \theta_{1} \theta_{1} \eta
    """
    plain = label.translate(SUBSCRIPTS)
    parts = re.fullmatch(r"([A-Za-z]+?|[α-ωΓΔΘΛΞΠΣΥΦΨΩ])(?:_([A-Za-z0-9]+)|([0-9]+))?", plain)
    if parts is None or not (parts[1].isascii() or parts[1] in _GREEK_NAMES):
        return rf"\text{{{latex_escaped(label)}}}"
    base, word, digits = parts.groups()
    base = _GREEK_NAMES.get(base, base)
    name = rf"\{base}" if base in GREEK else base if len(base) == 1 else rf"\mathrm{{{base}}}"
    subscript = digits or (word if not word or word.isdigit() else rf"\mathrm{{{word}}}")
    return f"{name}_{{{subscript}}}" if subscript else name


def derivative(of: str, wrt: str, latex: bool = False) -> str:
    """Write the derivative of one name with respect to another.

    >>> derivative("out", "net"), derivative("out", "w*x")
    ('∂out/∂net', '∂out/∂(w*x)')
    """
    above, below = f"{named(of, latex):ATOM}", f"{named(wrt, latex):ATOM}"
    return rf"\frac{{\partial {above}}}{{\partial {below}}}" if latex else f"∂{above}/∂{below}"


def as_sum(terms: Sequence[str]) -> list[str]:
    """Return the right side of an equation in pieces: "= a", "+ b", "+ c"."""
    return [f"{'+' if i else '='} {term}" for i, term in enumerate(terms)]


def written(
    value: Value,
    names: Names = NO_NAMES,
    *,
    latex: bool = False,
    numbers: bool = False,
    squares: bool = False,
) -> Term:
    """Return a Value as it stands inside a formula: its name or number, or else its own formula.

    >>> x = Value(3.0, "x")
    >>> written(x), written(x * 2), written(x * 2, numbers=True)
    ('x', 'x·2', '3·2')
    """
    if _name(value, names) or not value.args:
        return _part(value, names, latex, numbers)
    return formula(value, names, latex=latex, numbers=numbers, squares=squares)


def formula(
    value: Value,
    names: Names = NO_NAMES,
    *,
    latex: bool = False,
    numbers: bool = False,
    squares: bool = False,
) -> Term:
    r"""Return how a Value is computed, in the names of the labelled Values that it is computed from.

    Args:
        value: the Value; its own name is not used.
        names: names of Values, beside or in place of their labels.
        latex: write LaTeX.
        numbers: write the numbers in place of the names, with so many digits that they give the Value.
        squares: write x·x as x², as people write what the rules say with a product.

    >>> w, x, b = Value(0.5, "w"), Value(-2.0, "x"), Value(0.1, "b")
    >>> y = (w * (x + b)).tanh()
    >>> print(formula(y), formula(y, numbers=True), formula(y, latex=True), sep="  ")
    tanh(w·(x + b))  tanh(0.5·(−2 + 0.1))  \tanh\left(w \cdot \left(x + b\right)\right)
    """
    if value.op is None:
        return _part(value, names, latex, numbers)
    parts = topological_order(value, is_leaf=lambda part: bool(_name(part, names)))
    inner = [part for part in parts if part.op and (part is value or not _name(part, names))]
    exact = numbers and not _survives_rounding(parts, inner)
    terms = {part: _part(part, names, latex, numbers, exact) for part in parts}
    for part in inner:
        op, args = part.op, part.args
        if squares and op is mul and args[0] is args[1]:
            op, args = power.of(2), args[:1]
        term = write(op, [terms[arg] for arg in args], latex)
        terms[part] = term if len(term) <= LIMIT else type(term)("…")
    return terms[value]


def _name(value: Value, names: Names) -> str:
    return "" if value.is_constant else names.get(value) or one_line(value.label)


def _part(value: Value, names: Names, latex: bool, numbers: bool, exact: bool = False) -> Term:
    """Return the name of a Value, or its number if it has none or numbers are wanted."""
    name = _name(value, names)
    return named(name, latex) if name and not numbers else number(value.data, latex, exact)


def _survives_rounding(parts: list[Value], inner: list[Value]) -> bool:
    """Return whether the numbers as a reader sees them still give the result; 1 − 1.000000000² does not."""
    seen = {part: float(number(part.data).replace("−", "-")) for part in parts}
    try:
        for part in inner:
            seen[part], _ = part.op.compute([seen[arg] for arg in part.args])
    except ValueError:
        return False
    wanted = parts[-1].data
    return math.isclose(seen[parts[-1]], wanted, rel_tol=1e-8, abs_tol=2e-9 if abs(wanted) >= 1e-4 else 0.0)
