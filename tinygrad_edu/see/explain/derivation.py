"""How a derivation is written down: sections of equations, as text, LaTeX, Markdown or MathML."""

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Literal, NamedTuple

from tinygrad_edu._common.text import in_markdown
from tinygrad_edu.engine.value import Value
from tinygrad_edu.program import forms
from tinygrad_edu.see import notation
from tinygrad_edu.see.graph import Edge, Node
from tinygrad_edu.see.words import say

COLUMNS = 80
NARROWEST = 40  # of a right side; where a left side leaves less room, the right one begins below it
MOST_FACTORS = 30
LONG_LINE = 200  # characters of LaTeX, more than which a sum is broken


class Equation(NamedTuple):
    """A left side, and the rest in pieces between which a line may be broken; each begins with a sign."""

    left: str
    right: list[str]


class Section(NamedTuple):
    """A sentence, and the equations that it introduces."""

    title: str
    equations: list[Equation]


class Writer:
    """Writes names, numbers and signs, as text or as LaTeX.

    Args:
        names: the names of the Values that may occur.
        latex: write LaTeX.
        lang: the language of the words.
    """

    def __init__(self, names: Mapping[Node, str], latex: bool = False, lang: str | None = None) -> None:
        self.names = names
        self.latex = latex
        self.lang = lang
        self.dot, self.times = (r"\cdot", r"\times") if latex else ("·", "×")
        self.minus, self.updated = ("-", "^{+}") if latex else ("−", "⁺")

    def name(self, name: str) -> str:
        """Write a name."""
        return notation.latex_name(name) if self.latex else name

    def derivative(self, of: str, wrt: str) -> str:
        """Write the derivative of one name with respect to another."""
        return notation.derivative(of, wrt, self.latex)

    def number(self, x: float, of: Any = None) -> str:
        """Write a number.

        Args:
            x: the number.
            of: what has this number; an exercise leaves some numbers out.
        """
        return forms.number(x, self.latex)

    def factor(self, x: float, of: Any = None) -> str:
        """Write a number as it stands in a product: in brackets if it is negative."""
        return f"{forms.number(x, self.latex):PRODUCT}"

    def formula(self, value: Value) -> str:
        """Write how a Value is computed."""
        return str(notation.formula(value, self.names, latex=self.latex))

    def slope(self, edge: Edge) -> list[str]:
        """Write the slope of an edge as a formula, in names and in numbers; none if there is no formula."""
        try:
            return [
                str(edge.formula(self.names, latex=self.latex, numbers=numbers)) for numbers in (False, True)
            ]
        except ValueError:  # the slope is infinite, or the rule of the operation is not known
            return []

    def say(self, key: str, **fields: Any) -> str:
        """Write a sentence of the table."""
        return say(key, self.lang, **fields)

    def words(self, text: str) -> str:
        """Write words where an equation would have a symbol."""
        return rf"\text{{{text}}}" if self.latex else text

    def matrix(self, rows: Sequence[Sequence[float]]) -> str:
        """Write a small matrix in full, of a larger one the size and the norm."""
        if len(rows) > 4 or len(rows[0]) > 4:
            size = f"{len(rows)} {self.times} {len(rows[0])}"
            norm = sum(x * x for row in rows for x in row) ** 0.5
            return f"{size}{self.words(self.say('norm'))}{self.number(norm)}"
        written = [[self.number(x) for x in row] for row in rows]
        if self.latex:
            return r"\begin{pmatrix}" + r" \\ ".join(" & ".join(row) for row in written) + r"\end{pmatrix}"
        return "[" + "; ".join("  ".join(row) for row in written) + "]"

    def product(self, factors: Sequence[str], times: str) -> list[str]:
        """Return the factors of a product as pieces of an equation; of very many, the ends."""
        if len(factors) > MOST_FACTORS:
            factors = [*factors[: MOST_FACTORS // 2], self.words("…"), *factors[-MOST_FACTORS // 2 :]]
        return [factors[0], *(f"{times} {factor}" for factor in factors[1:])]

    def sum(self, amounts: Sequence[float], of: Sequence[Any]) -> list[str]:
        """Return a sum of numbers as pieces of an equation, subtracting what is negative.

        Args:
            amounts: the numbers.
            of: what has each of them, as for ``number``.
        """
        first, *rest = amounts
        signs = [self.minus if amount < 0 else "+" for amount in rest]
        return [
            f"= {self.number(first)}",
            *(f"{sign} {self.number(abs(amount))}" for sign, amount in zip(signs, rest, strict=True)),
        ]


class Derivation(ABC):
    """Something that is written in sections: print it, or let Jupyter show it."""

    @abstractmethod
    def sections(self, latex: bool = False) -> list[Section]:
        """Return its parts, the equations written as text or as LaTeX."""

    def __str__(self) -> str:
        return to_text(self.sections(latex=False))

    @property
    def latex(self) -> str:
        """All equations, as one aligned block for display mathematics."""
        return to_latex(self.sections(latex=True))

    @property
    def markdown(self) -> str:
        """The text as Markdown with LaTeX equations, as Jupyter and many sites show it."""
        return to_markdown(self.sections(latex=True))

    @property
    def mathml(self) -> str:
        """The text as HTML with MathML equations, which browsers show without any script."""
        return to_mathml(self.sections(latex=True))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": self.markdown, "text/plain": str(self)}


def to_text(sections: Sequence[Section]) -> str:
    """Return sections as text in lines of at most 80 columns, where names leave room for that."""
    import textwrap  # when it is needed: the package is to load quickly

    return "\n\n".join(
        "\n".join([textwrap.fill(title, COLUMNS), *_lines(equations)]) for title, equations in sections
    )


def to_latex(sections: Sequence[Section]) -> str:
    """Return the equations of sections as one aligned block of LaTeX, for use in display mathematics."""
    lines = [line for section in sections for line in _latex_lines(section.equations)]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def to_markdown(sections: Sequence[Section]) -> str:
    """Return sections as Markdown, the equations as display mathematics between dollar signs."""
    parts = []
    for title, equations in sections:
        parts.append(in_markdown(title))
        if equations:
            # A reader of Markdown that knows no formulas would take <b for the start of an element.
            latex = re.sub("<(?=[A-Za-z/!?])", "< ", to_latex([Section(title, equations)]))
            parts.append(f"$$\n{latex}\n$$")
    return "\n\n".join(parts)


def to_mathml(sections: Sequence[Section]) -> str:
    """Return sections as HTML, each equation in a math element, which browsers show without any script."""
    import html

    parts = []
    for title, equations in sections:
        parts.append(f"<p>{html.escape(title)}</p>")
        for left, right in equations:
            parts.append(f'<div style="margin: 0.6em 0">{mathml(" ".join([left, *right]))}</div>')
    return "\n".join(parts)


def mathml(latex: str, display: Literal["block", "inline"] = "block") -> str:
    """Return a formula as a math element."""
    import html

    from latex2mathml.converter import convert

    words: list[str] = []
    latex = _WORDS.sub(functools.partial(_set_aside, words), latex)
    math: str = _SIGN.sub(r'\1<mo form="prefix">', convert(latex, display=display))
    for i, text in enumerate(words):
        shown = html.escape(text).replace(" ", "\N{NO-BREAK SPACE}")
        math = math.replace(f"<mtext>{i}</mtext>", f"<mtext>{shown}</mtext>")
    return math


# The converter does not know what is escaped inside \text: it gets numbers, and the words come in afterwards.
_WORDS = re.compile(r"\\text\{((?:\\text\w+\{\}|\\[{}$&#%_]|[^{}\\])*)\}")
# A minus after another operator, or after an opening bracket, is the sign of a number.
_SIGN = re.compile(r"(<mo(?![^>]*postfix)[^>]*>[^<]*</mo>)<mo>(?=&#x02212;)")
_ESCAPED = {r"\textasciicircum{}": "^", r"\textasciitilde{}": "~", r"\textbackslash{}": "\\"}


def _set_aside(words: list[str], text: re.Match[str]) -> str:
    words.append(re.sub(r"\\text\w+\{\}|\\.", lambda c: _ESCAPED.get(c[0], c[0][1:]), text[1]))
    return rf"\text{{{len(words) - 1}}}"


def _latex_lines(equations: Sequence[Equation]) -> list[str]:
    lines = []
    for left, right in equations:
        for piece in right:
            if piece.startswith("= "):
                lines.append(f"{left} &{piece}")
                left = ""
            elif piece[0] in "+-" and len(lines[-1]) > LONG_LINE:
                lines.append(rf"&\quad {piece}")
            else:
                lines[-1] += " " + piece
    return lines


def _lines(equations: Sequence[Equation]) -> list[str]:
    """Lay equations out below each other, their first signs aligned, in lines of at most 80 columns.

    Where an equation is too long for a line it is broken at "=", a part that still is too long at the
    signs of a sum, and a part of that wherever a factor ends.
    """
    width = max((len(equation.left) for equation in equations), default=0)
    if width > COLUMNS - NARROWEST:
        narrow = [_lines([Equation(" ", right)]) for _, right in equations]
        return [
            line for (left, _), below in zip(equations, narrow, strict=True) for line in [f"  {left}", *below]
        ]
    room = COLUMNS - width - 3
    lines = []
    for left, right in equations:
        rows = [right]
        for signs in ("=", "+−", "·×"):
            rows = [part for row in rows for part in _broken(row, signs, room)]
        rows = [part for row in rows for part in _wrapped(row, room)]
        starts = [f"  {left:{width}}"] + [" " * (width + 2)] * (len(rows) - 1)
        lines += [f"{start} {' '.join(row)}" for start, row in zip(starts, rows, strict=True)]
    return lines


def _broken(row: list[str], signs: str, room: int) -> list[list[str]]:
    """Return the row in parts that start with one of the signs, if it does not fit in one."""
    if len(" ".join(row)) <= room:
        return [row]
    parts: list[list[str]] = [[]]
    length = 0
    for piece in row:
        length += 1 + len(piece)
        if parts[-1] and piece[0] in signs and (length > room or "·" not in signs):
            parts.append([])
            length = len(piece)
        parts[-1].append(piece)
    return parts


def _wrapped(row: list[str], room: int) -> list[list[str]]:
    """Break a formula that is too long for a line after a space, · or /, with four columns of indent.

    Where nothing of that kind is near, break it after an opening bracket or ^.
    """
    if len(" ".join(row)) <= room:
        return [row]
    lines = [""]
    words = re.findall(r"[^ ·/]*[ ·/]?", " ".join(row))
    parts = [[word] if len(word) <= room - 4 else re.findall(r"[^(^]*[(^]?", word) for word in words]
    for word in chain(*parts):
        if len((lines[-1] + word).rstrip()) > room:
            lines.append("    ")
        lines[-1] += word
    return [[line.rstrip()] for line in lines]
