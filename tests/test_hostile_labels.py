r"""Labels that are code in some language are text in every format.

Every picture, page, document and program is made twice: with a hostile label, and with a harmless one of the
same length. Parsers that know nothing of this package then find the same structure in both, and only in the
text the label, with � in place of every sign that does not show.
"""

import ast
import contextlib
import json
import pickle
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from typing import Any, NamedTuple
from unicodedata import normalize
from xml.etree import ElementTree

import pytest

from tinygrad_edu import (
    Value,
    animate,
    diagnose,
    draw,
    exercise,
    explain,
    explore,
    film,
    from_json,
    function,
    gradient,
    handout,
    to_json,
    to_networkx,
    worked_example,
)
from tinygrad_edu.see.draw.render import layout

LABELS = [
    "'",
    '"',
    '\\"; import os #',
    "\\",
    "x\\",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- <script>",
    "-->",
    "]]>",
    "&amp;",
    "&#60;b&#62;",
    "<b>bold</b>",
    "' onload='alert(1)",
    "$x$",
    "$$",
    "%",
    "%s %(x)d",
    "{}",
    "{0} {x.__class__}",
    "{{7*7}}",
    "}",
    "\\N \\G \\l",
    "\\input{/etc/passwd}",
    "\\write18{date}",
    "^",
    "~",
    "_",
    "#",
    "a & b",
    "```",
    "`x`",
    "[x](javascript:alert(1))",
    "![x](http://localhost/x)",
    "# x",
    "1. x",
    "| a | b |",
    "*/",
    "// x",
    "??/",
    '"""',
    "${alert(1)}",
    "lambda",
    "class",
    "exp",
    "exp(x)",
    "int",
    "__import__('os')",
    "constructor",
    "__proto__",
    "= 1",
    "a -> b",
    "a;b",
    "n0",
    "v1",
    "coding: utf-7 +AAo-import os",
    "line\nbreak",
    "tab\there",
    "NUL\0here",
    "\x1b[31mred\x1b]0;title\x07",
    "carriage\rreturn",
    "next\x85line \u2028 \u2029",
    "\N{RIGHT-TO-LEFT OVERRIDE}evil",
    "\N{LEFT-TO-RIGHT ISOLATE}x\N{ZERO WIDTH SPACE}",
    "\ud800",
    "\ufffe\uffff",
    "\ue000",
    "x" * 10_000,
    "<" * 10_000,
    "   ",
    "👩\N{ZERO WIDTH JOINER}👩\N{ZERO WIDTH JOINER}👧",
    "e\N{COMBINING ACUTE ACCENT}" + "\N{COMBINING RING ABOVE}" * 20,
    "می\N{ZERO WIDTH NON-JOINER}خواهم",
    "权重",
    "\uff02full\uff07 \uff1cb\uff1e",
    "θ₁",
]

every_label = pytest.mark.parametrize("label", LABELS, ids=[ascii(label)[:24] for label in LABELS])


class Graph(NamedTuple):
    """w·x, and its tanh, all but x with the label."""

    w: Value
    x: Value
    net: Value
    out: Value


def graph(label: str) -> Graph:
    w, x = Value(0.5, label), Value(2.0, "x")
    net = w * x
    out = net.tanh()
    net.label = out.label = label
    out.backward()
    return Graph(w, x, net, out)


def network(label: str) -> tuple[Value, Value]:
    """Return the error of the worked example and a weight; every kind of Value in it has the label once."""
    example = worked_example()
    for name in ("i1", "w5", "net_o1", "out_h1", "b1", "target_o1", "E_o1", "E_total"):
        example[name].label = label
    return example["E_total"], example["w5"]


def shown(label: str) -> str:
    """Return what a reader sees of a label."""
    line = " ".join(label.split())
    line = "".join(c if c.isprintable() or c in "\u200c\u200d" else "�" for c in line)
    return line if len(line) <= 40 else line[:39] + "…"


def alike(label: str) -> str:
    """Return a harmless label that is as long as what is shown, and stands in brackets where that does."""
    line = shown(label)
    if re.search(r"[\s+\-−*/·×^=,]", line):
        return "," + "n" * (len(line) - 1)
    return "n" * len(line)


def plain(text: str) -> str:
    """Return text without what a picture adds to a name: subscripts, Greek letters, unbreakable spaces."""
    return re.sub(r"\s", "", normalize("NFKC", text).replace("lambda", "λ"))


def made(formats: dict[str, Callable[[], str]]) -> dict[str, str]:
    return {name: make() for name, make in formats.items()}


@cache
def pictures(label: str) -> dict[str, str]:
    w, _, _, out = graph(label)
    error, weight = network(label)
    drawings = {
        "named": draw(out, w, legend=True),
        "ops": draw(out, w, detail="ops"),
        "forward": draw(out, w, mode="forward"),
        "network": draw(error, weight, detail="network"),
        "layer": draw(error, weight, detail="layer"),
    }
    svgs = {name: drawing.svg for name, drawing in drawings.items()}
    dots = {
        f"{name}.dot": layout(drawing.source, drawing._engine).decode() for name, drawing in drawings.items()
    }
    animation = animate(out, w)
    return svgs | dots | {"animation": animation.svg, "frame": animation.frame(3)}


@cache
def pages(label: str) -> dict[str, str]:
    w, _, _, out = graph(label)
    error, weight = network(label)
    sheet = exercise(out, w)
    weight.label += "2"  # the page tells Values of one name apart by their places
    movie, explorer, animation = film(out, {label: [0.5, 0.4, 0.3]}), explore(out, w), animate(out, w)
    shows = {
        "drawing in Jupyter": draw(out, w),
        "animation in Jupyter": animation,
        "film in Jupyter": movie,
        "explorer in Jupyter": explorer,
    }
    return {
        "animation": animation.page,
        "film": movie.html,
        "explore": explorer.html,
        "explore network": explore(error, weight).html,
        "handout": handout(out, w).html,
        "sheet": sheet.sheet.html,
        "key": sheet.key.html,
        "explanation": explain(out, w, learning_rate=0.1).mathml,
    } | {name: each._repr_mimebundle_()["text/html"] for name, each in shows.items()}


@cache
def markdowns(label: str) -> dict[str, str]:
    w, _, _, out = graph(label)
    w.data = 30.0
    out.forward()
    diagnosis = diagnose(out, [w, Value(1.0, label)])
    assert len(diagnosis.findings) == 2
    w, _, _, out = graph(label)
    sheet = exercise(out, w)
    return {
        "handout": handout(out, w).markdown,
        "sheet": sheet.sheet.markdown,
        "key": sheet.key.markdown,
        "explanation": explain(out, w, learning_rate=0.1).markdown,
        "forward": explain(out, w, mode="forward").markdown,
        "diagnosis": diagnosis._repr_mimebundle_()["text/markdown"],
        "function": function([w], out)._repr_mimebundle_()["text/markdown"],
    }


@cache
def documents(label: str) -> dict[str, str]:
    w, _, _, out = graph(label)
    sheet = exercise(out, w)
    return {
        "handout": handout(out, w).tex,
        "sheet": sheet.sheet.tex,
        "key": sheet.key.tex,
        "explanation": explain(out, w, learning_rate=0.1).latex,
    }


# --- Pictures ---


@every_label
def test_pictures(label: str) -> None:
    for name, svg in pictures(label).items():
        tree, like = ElementTree.fromstring(svg), ElementTree.fromstring(pictures(alike(label))[name])
        if "network" in name:  # whose caption is broken into lines by its width
            assert {*structure(tree)} == {*structure(like)}, name
        else:
            assert structure(tree) == structure(like), name
        if name not in ("layer", "layer.dot"):
            assert plain(shown(label)) in plain("".join(tree.itertext())), name


def structure(tree: ElementTree.Element) -> Counter[Any]:
    return Counter((element.tag, *sorted(element.attrib)) for element in tree.iter())


# --- Pages ---


class Page(HTMLParser):
    """The tags of a page with the names of their attributes, its scripts, and the rest of its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[Any] = Counter()
        self.formulas: set[Any] = set()
        self.scripts: list[str] = []
        self.text = ""
        self.frames: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = (
            tag,
            *sorted(name for name, _ in attributes if name != "class"),
        )  # which depends on the width
        if "math" in self._open:
            self.formulas.add(names)
        else:
            self.tags[names] += 1
        self.frames += [value or "" for name, value in attributes if name == "srcdoc"]
        if tag not in ("meta", "img", "input", "link", "br"):
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[(tag, "/", *sorted(name for name, _ in attributes))] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts[-1] += data
        else:
            self.text += data


@every_label
def test_pages(label: str) -> None:
    for name, html in pages(label).items():
        for page, like in zip(read(html), read(pages(alike(label))[name]), strict=True):
            assert page.tags == like.tags, name
            assert page.formulas <= like.formulas | FORMULAS, name
            assert len(page.scripts) == len(like.scripts), name
        if "Jupyter" not in name:
            assert plain(shown(label)) in plain(page.text + "".join(page.scripts)), name
            assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)


FORMULAS = {("mtext",), ("mrow",), ("msub",), ("msubsup",), ("mi",), ("mo", "fence", "form", "stretchy")}
"""What the name of a Value is written with in MathML."""


def read(html: str) -> Iterator[Page]:
    page = Page(html)
    yield page
    for frame in page.frames:
        yield from read(frame)


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_scripts_of_pages_and_programs_are_javascript() -> None:
    sources = [
        script
        for label in LABELS
        for html in pages(label).values()
        for page in read(html)
        for script in page.scripts
    ]
    sources += [function([each.w], each.out).source("javascript") for each in map(graph, LABELS)]
    assert len(sources) > 5 * len(LABELS)
    check = """
    const { SourceTextModule } = require("node:vm");
    for (const source of JSON.parse(require("node:fs").readFileSync(0, "utf8"))) new SourceTextModule(source);
    """
    command = ["node", "--experimental-vm-modules", "--no-warnings", "-e", check]
    run = subprocess.run(command, input=json.dumps(sources), capture_output=True, text=True, encoding="utf-8")
    assert (run.returncode, run.stderr) == (0, "")


# --- Documents ---


@every_label
def test_markdown(label: str) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark").enable("table")
    for name, text in markdowns(label).items():
        here, like = (Counter(tokens(parser, source)) for source in (text, markdowns(alike(label))[name]))
        assert not {"html_block", "html_inline"} & {*here}, name
        assert here == like, name


def tokens(parser: Any, markdown: str) -> Iterator[str]:
    """Yield what a Markdown text is made of; in formulas, what a reader who knows none would see."""
    without = re.sub(r"^\$\$\n.*?^\$\$$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    for token in parser.parse(without):
        yield token.type
        yield from (each.type for each in token.children or () if each.type not in ("text", "text_special"))
    for token in parser.parse(markdown):
        yield from (each.type for each in [token, *(token.children or ())] if "html" in each.type)


@every_label
def test_latex(label: str) -> None:
    for name, tex in documents(label).items():
        like = documents(alike(label))[name]
        assert {*commands(tex)} <= {*commands(like), *NAMES}, name
        assert specials(tex) == specials(like), name
        unescaped = re.sub(r"\\[\\{}]", "", tex)
        assert unescaped.count("{") == unescaped.count("}"), name


NAMES = [
    *("text", "mathrm", "lambda", "theta", "left", "right"),
    *("textbackslash", "textasciicircum", "textasciitilde"),
    *(
        "DeclareUnicodeCharacter",
        "ensuremath",
        "fbox",
        "tiny",
        "ifdefined",
        "fi",
        "dots",
        "to",
        "cdot",
        "times",
    ),
]
"""Commands that a label may be written with."""


def commands(tex: str) -> list[str]:
    return re.findall(r"\\([A-Za-z]+)", tex.replace(r"\\", ""))


def specials(tex: str) -> Counter[str]:
    return Counter(re.findall(r"(?<!\\)[$&#%~]", tex.replace(r"\\", "")))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex")
def test_latex_sets_all_handouts(tmp_path: Any) -> None:
    declared, bodies = set(), []
    for label in LABELS:
        head, body = documents(label)["key"].removesuffix("\\end{document}\n").split(r"\begin{document}")
        declared |= {*re.findall(r"\\DeclareUnicodeCharacter\{.*", head)}
        bodies.append(body)
    head = re.sub(r"\\ifdefined\\Declare.*?\n\\fi", "", head, flags=re.DOTALL)
    text = "\n".join([head, *sorted(declared), r"\begin{document}", *bodies, r"\end{document}"])
    (tmp_path / "all.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert run.returncode == 0, run.stdout[-2000:]
    assert "root:" not in run.stdout


# --- Text ---


@every_label
def test_text_of_a_terminal(label: str) -> None:
    w, x, net, out = graph(label)
    sheet = exercise(out, w)
    error, weight = network(label)
    texts = {
        "explanation": explain(out, w, learning_rate=0.1),
        "explanations": explain(error, [weight, w]),
        "handout": handout(out, w),
        "sheet": sheet.sheet,
        "key": sheet.key,
        "verdict": sheet.check({1: 7.0})[0],
        "diagnosis": diagnose(out, [Value(1.0, label)]),
        "function": function([w, x], [net, out]),
    }
    written = {name: str(text) for name, text in texts.items()}
    written |= {f"repr of {name}": repr(text) for name, text in texts.items()}
    drawing, animation = draw(out, w), animate(out, w)
    written |= {"value": repr(w), "alt": drawing.alt, "animation": animation.alt, "row": repr([out])}
    written |= {f"error {i}": message for i, message in enumerate(errors(label))}
    for name, text in written.items():
        assert all(c.isprintable() or c in "\n\u200c\u200d" for c in text), name
        text.encode()
    for name, message in written.items():
        assert not name.startswith("error") or len(message) < 400, message
    assert shown(label) in str(texts["explanation"])
    assert shown(label) in str(texts["function"])


def errors(label: str) -> Iterator[str]:
    """Yield messages of mistakes with Values of this label."""
    w, x, _, out = graph(label)
    stale = graph(label)
    stale.w.data = 3.0
    model = worked_example()
    mistakes: list[Callable[[], Any]] = [
        lambda: Value(-1.0, label).log(),
        lambda: Value(1.0, label) / Value(0.0, label),
        lambda: Value(1000.0, label).exp(),
        lambda: float(w),
        lambda: bool(w) and w < "1",
        stale.out.backward,
        lambda: explain(stale.out, stale.w),
        lambda: gradient(out, [Value(1.0, label)], allow_unused=False),
        lambda: exercise(out, Value(1.0, label)),
        lambda: exercise(w, w),
        lambda: explore(out, Value(1.0, label)),
        lambda: film(out, {label: [0.5, 0.4], "x": [1.0]}),
        lambda: film(out, {label: [0.5, "x"]}),
        lambda: film(w * Value(1.0, label), {label: [0.5]}),
        lambda: function([w, w], out),
        lambda: function({label: w}, out)(x=1.0),
        lambda: function([w, x], out).gradient("1", 2.0),
        lambda: function(lambda **named: w, {label: 1.0})(1.0),
        lambda: worked_example()[label],
        lambda: worked_example(**{label: 1.0}),
        lambda: setattr(w, "data", label),
        lambda: Value(label),
        lambda: w + label,
        lambda: from_json(label),
        lambda: from_json(json.dumps({label: label})),
        lambda: from_json(to_json(out).replace('"tanh"', json.dumps(label))),
        lambda: draw(out, detail=label),
        lambda: draw(out, rankdir=label),
        lambda: explain(out, w, lang=label),
        lambda: function([w], out).source(label),
        lambda: exercise(out, w).check({1: label}),
        lambda: model.train(label),
    ]
    for mistake in mistakes:
        with contextlib.suppress(AssertionError):
            try:
                mistake()
            except Exception as error:
                yield str(error)


# --- Data and programs ---


@every_label
def test_files_and_copies_keep_the_label(label: str) -> None:
    out = graph(label).out
    text = to_json(out)
    assert text.encode().decode() == text
    for copied in (from_json(text), pickle.loads(pickle.dumps(out))):
        assert (copied.label, copied.args[0].label, copied.args[0].args[0].label) == (label, label, label)
    labels = [each for _, each in to_networkx(out).nodes(data="label")]
    assert sorted(labels) == sorted([label, "x", label, label])


LANGUAGES = ["python", "numpy", "jax", "torch", "c", "javascript"]


@every_label
def test_programs(label: str) -> None:
    here, like = (function([each.w, each.x], each.out) for each in (graph(label), graph(alike(label))))
    for language in LANGUAGES:
        source, harmless = here.source(language), like.source(language)
        source.encode()
        if language in ("c", "javascript"):
            assert without_comments(source) == without_comments(harmless)
        else:
            tree = ast.parse(source.encode())  # as bytes, in which "coding:" means something
            assert ast.dump(tree) == ast.dump(ast.parse(harmless)), language


def without_comments(source: str) -> str:
    """Return C or JavaScript without its comments, as a compiler reads them."""
    source = source.replace("??/", "\\").replace("\\\n", "")
    return re.sub(r"/\*.*?\*/|//[^\n\r\u2028\u2029]*", "", source, flags=re.DOTALL)
