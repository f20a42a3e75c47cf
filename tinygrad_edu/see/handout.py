"""Handouts: the picture of a graph and the derivation, for print and for the blackboard."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.gradient import listed
from tinygrad_edu.engine.value import Value
from tinygrad_edu.program.forms import latex_escaped
from tinygrad_edu.see.draw import Drawing, draw, render
from tinygrad_edu.see.draw.style import NATURAL, Style
from tinygrad_edu.see.explain import explain
from tinygrad_edu.see.explain.derivation import Equation, Section, mathml, to_latex, to_markdown, to_text
from tinygrad_edu.see.graph import Detail, fold
from tinygrad_edu.see.notation import derivative
from tinygrad_edu.see.words import chosen, say

if TYPE_CHECKING:
    from pathlib import Path

PRINT_DPI = 288
SHORT = 80  # characters: equations up to this length stand in two columns
LONG = 95  # characters: longer equations are broken in LaTeX; a browser breaks them by itself

PAGE = """\
<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
@page {{ size: A4; margin: 14mm }}
:root {{ color-scheme: light; background: #fff; color: #1a1a1a }}
body {{ font: 10pt/1.35 Helvetica, Arial, "Liberation Sans", sans-serif; max-width: 182mm; margin: 0 auto }}
h1 {{ font-size: 14pt; margin: 0 0 3mm }}
figure {{ margin: 0 0 3mm; text-align: center; print-color-adjust: exact; -webkit-print-color-adjust: exact }}
figure svg {{ max-width: 100%; max-height: 85mm }}
p {{ margin: 2.5mm 0 1mm; break-after: avoid }}
section {{ margin-left: 4mm }}
.short {{ columns: 2 80mm }}
div {{ padding: 0.8mm 0 0.8mm 6mm; text-indent: -6mm; break-inside: avoid; overflow-wrap: anywhere }}
math {{ math-style: normal; text-indent: 0 }}
@media screen {{ body {{ padding: 8mm 4mm }} }}
@media screen and (max-width: 40rem) {{
  figure, div {{ overflow-x: auto }}
  math {{ margin: 0.2em 0 }}
  figure svg {{ max-width: none !important; max-height: none }}
}}
</style>
</head>
<body>
<h1>{title}</h1>
<figure>{svg}</figure>
{text}
</body>
</html>
"""

TEX = r"""\documentclass[10pt,a4paper]{article}
\usepackage[margin=15mm]{geometry}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage{amsmath,graphicx,multicol}
%UNICODE%
\setlength{\parindent}{0pt}
\pagestyle{empty}
\newsavebox{\formula}
\newcommand{\fitted}[1]{\par\smallskip\sbox{\formula}{$\displaystyle#1$}%
  \ifdim\wd\formula>\linewidth\resizebox{\linewidth}{!}{\usebox{\formula}}\else\usebox{\formula}\fi\par}
\newcommand{\picturefile}[1]{\sbox{\formula}{\includegraphics{#1}}%
  \ifdim\wd\formula>\linewidth\sbox{\formula}{\resizebox{\linewidth}{!}{\usebox{\formula}}}\fi
  \ifdim\ht\formula>.4\textheight\sbox{\formula}{\resizebox{!}{.4\textheight}{\usebox{\formula}}}\fi
  {\centering\usebox{\formula}\par}}
\begin{document}
{\Large\bfseries %TITLE%\par}\medskip
\IfFileExists{%PICTURE%}{\picturefile{%PICTURE%}}{}
%TEXT%
\end{document}
"""


class Handout:
    """A title, a picture and a derivation: print it, save it, or let Jupyter show it.

    Attributes:
        title: what it is about.
        drawing: the picture.
        lang: the language that it is written in.
    """

    def __init__(
        self,
        title: str,
        drawing: Drawing,
        sections: Callable[[bool], list[Section]],
        lang: str | None = None,
    ) -> None:
        self.title = title
        self.drawing = drawing
        self.lang = chosen(lang)
        self._sections = sections

    def __str__(self) -> str:
        return to_text([Section(self.title, []), *self._sections(False)])

    def __repr__(self) -> str:
        return f"<Handout: {self.title}>"

    @property
    def markdown(self) -> str:
        """The handout as Markdown with LaTeX equations, the picture inside as a data address."""
        import base64

        return self._markdown("data:image/svg+xml;base64," + base64.b64encode(self._svg.encode()).decode())

    @property
    def html(self) -> str:
        """The handout as a page that prints on A4, with MathML equations; it needs nothing beside it."""
        import html

        parts = []
        for (title, equations), lengths in self._measured():
            parts.append(f"<p>{html.escape(title)}</p>")
            if equations:
                rows = [
                    "<div>" + " ".join(map(_piece, [left, *right])) + "</div>" for left, right in equations
                ]
                short = ' class="short"' if len(rows) > 2 and max(lengths) <= SHORT else ""
                parts += [f"<section{short}>", *rows, "</section>"]
        return PAGE.format(
            lang=self.lang, title=html.escape(self.title), svg=self._svg, text="\n".join(parts)
        )

    @property
    def tex(self) -> str:
        """The handout as a LaTeX document, for pdflatex and its successors.

        It shows the picture if there is a file ``picture.pdf`` beside it.
        """
        return self._tex("picture.pdf")

    def save(self, path: str | os.PathLike[str]) -> "Path":
        """Write the handout to a file, atomically, and return its path.

        Beside ``name.md`` the picture is written as ``name-picture.svg``, beside ``name.tex`` as
        ``name-picture.pdf``, or as ``name-picture.png`` if a label has signs that a PDF cannot show. Both
        need the extra "images".

        Args:
            path: ends in .html, .md or .tex.

        Raises:
            ValueError: for another suffix, or if no font has a sign of the picture.
            OSError: if the folder is missing or cannot be written.
            NoEngineError: if a package is missing; the message says what to install.
        """
        from pathlib import Path

        def beside(suffix: str) -> str:
            name = re.sub(r"[^A-Za-z0-9_-]", "-", Path(path).stem) + f"-picture{suffix}"
            return self.drawing.save(Path(path).with_name(name), dpi=PRINT_DPI).name

        def for_latex() -> str:
            try:
                return beside(".pdf")
            except ValueError:
                return beside(".png")

        formats = {
            ".html": lambda: self.html.encode(),
            ".md": lambda: self._markdown(beside(".svg")).encode(),
            ".tex": lambda: self._tex(for_latex()).encode(),
        }
        return render.save(path, formats)

    @property
    def _svg(self) -> str:
        """The picture without what a dark page would change: paper is white."""
        return re.sub(r"<style>.*?</style>\n", "", self.drawing.svg, count=1, flags=re.DOTALL)

    def _measured(self) -> list[tuple[Section, list[int]]]:
        """Return the sections in LaTeX, and for every equation how long it is as text."""
        return [
            (section, [len(" ".join([left, *right])) for left, right in text.equations])
            for section, text in zip(self._sections(True), self._sections(False), strict=True)
        ]

    def _markdown(self, picture: str) -> str:
        return to_markdown([Section(self.title, [])]).join(["# ", f"\n\n![The picture]({picture})\n\n"]) + (
            to_markdown(self._sections(True)) + "\n"
        )

    def _tex(self, picture: str) -> str:
        parts = []
        for (title, equations), lengths in self._measured():
            parts.append(rf"\medskip {_LINE.sub(_ruled, latex_escaped(title))}\par")
            rows = [
                rf"\fitted{{{to_latex([Section(title, [equation])]) if length > LONG else _row(equation)}}}"
                for equation, length in zip(equations, lengths, strict=True)
            ]
            if len(rows) > 2 and max(lengths) <= SHORT:
                rows = [r"\begin{multicols}{2}\raggedcolumns", *rows, r"\end{multicols}"]
            parts += [_LINE.sub(_ruled, row) for row in rows]
        text, title = "\n".join(parts), latex_escaped(self.title)
        filled = {"UNICODE": _declared(title + text), "TITLE": title, "PICTURE": picture, "TEXT": text}
        return re.sub("%([A-Z]+)%", lambda place: filled[place[1]], TEX)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": self.markdown, "text/plain": str(self)}


_LINE = re.compile(r"(?:\\_){4,}")  # to write on


def _ruled(line: re.Match[str]) -> str:
    return rf"\rule{{{len(line[0]) // 2 * 0.5}em}}{{0.4pt}}"


def _row(equation: Equation) -> str:
    return " ".join([equation.left, *equation.right])


def _piece(latex: str) -> str:
    """Return a piece of an equation as a math element of its own, so that a line may end before it."""
    # An operator that begins an element would be a sign, without room around it. Words count as space:
    # no room is left before them.
    math = re.sub(r"^(<math[^>]*><mrow>)<mo>", r'\1<mo form="infix">', mathml(latex, "inline"))
    return math.replace("</mo><mtext>", "</mo><mtext>\N{NO-BREAK SPACE}")


# --- Signs that pdflatex does not know ---

SIGNS = {
    "∂": r"\partial",
    "·": r"\cdot",
    "×": r"\times",
    "−": "-",
    "→": r"\to",
    "…": r"\dots",
    "½": r"\tfrac12",
}
SIGNS |= {"⁺": "^{+}", **{chr(ord("₀") + n): f"_{n}" for n in range(10)}}
CAPITALS = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"  # the others look like Latin ones
GREEK = f"{CAPITALS} Alpha Beta Epsilon Zeta Eta Iota Kappa Mu Nu Rho Tau Chi".lower()
ACCENTS = "\u0300\u0301\u0302\u0303\u0308\u030a\u030c\u0327"  # LaTeX sets letters with these by itself


def _declared(text: str) -> str:
    """Return LaTeX that declares every sign beyond ASCII; one that its fonts lack is shown by its number."""
    lines = [
        rf"\DeclareUnicodeCharacter{{{ord(sign):04X}}}{{{_in_latex(sign)}}}"
        for sign in sorted(set(text))
        if not sign.isascii() and not _is_accented(sign)
    ]
    # XeLaTeX and LuaLaTeX lack the command, and take the signs as they are.
    return "\n".join([r"\ifdefined\DeclareUnicodeCharacter", *lines, r"\fi"]) if lines else ""


def _in_latex(sign: str) -> str:
    if sign in SIGNS:
        return rf"\ensuremath{{{SIGNS[sign]}}}"
    kind, _, name = unicodedata.name(sign, "").replace("LAMDA", "LAMBDA").partition(" LETTER ")
    letter = {"GREEK SMALL": name.lower(), "GREEK CAPITAL": name.title()}.get(kind)
    if letter in f"{GREEK} {CAPITALS}".split():
        return rf"\ensuremath{{\{letter}}}"
    return rf"\fbox{{\tiny {ord(sign):04X}}}"


def _is_accented(sign: str) -> bool:
    base, *marks = list(unicodedata.normalize("NFD", sign))
    return base.isascii() and base.isalpha() and bool(marks) and all(mark in ACCENTS for mark in marks)


def handout(
    root: Value,
    wrt: Value | Iterable[Value] | None = None,
    *,
    detail: Detail | None = None,
    learning_rate: float | None = None,
    style: Style = NATURAL,
    lang: str | None = None,
) -> Handout:
    r"""Return picture and derivation together, to print or to hand out.

    Args:
        root: the Value that is differentiated.
        wrt: the Value with respect to which, or several, as for ``explain``. With one, most fit a page.
        detail: how fine, as for ``explain`` and ``draw``.
        learning_rate: also show the update w⁺ = w − learning_rate · ∂root/∂w.
        style: the picture's size, letters, digits and colours: ``Style(theme="print")`` for a printer
            without colours.
        lang: the language, "en" or "zh"; that of ``language()`` if None.

    Raises:
        UnknownNameError: for another language.
        TypeError, ValueError, StaleError, DomainError: as ``explain`` does.

    >>> from tinygrad_edu import worked_example
    >>> example = worked_example()
    >>> page = handout(example["E_total"], example["w5"])
    >>> page.title, "<math" in page.html, page.tex.startswith(r"\documentclass")
    ('∂E_total/∂w5', True, True)
    """
    lang = chosen(lang)
    explanation = explain(root, wrt, detail=detail, learning_rate=learning_rate, lang=lang)
    several = listed(wrt)
    names = fold(root, detail).names
    wrt_names = [names.get(value) or one_line(value.label) or say("this_value", lang) for value in several]
    title = ", ".join(derivative(names[root], name) for name in wrt_names)
    return Handout(
        title or names[root], draw(root, wrt, detail=detail, style=style), explanation.sections, lang
    )
