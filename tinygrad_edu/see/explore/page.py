"""A page around a drawing: one HTML file that loads nothing, and in which nothing runs but its own script."""

import html
import json
import re
from typing import Any

from tinygrad_edu.see.page import sealed
from tinygrad_edu.see.words import PAGE, say

BODY = """\
<main class="explore" lang="{lang}">
<header>
<h1>{title}</h1>
<nav class="modes" aria-label="{modes}"></nav>
<nav class="languages" aria-label="{languages}"></nav>
</header>
<figure>
<div class="scroll" tabindex="0" role="region" aria-label="{figure}">{svg}</div>
<figcaption>{figure_hint}</figcaption>
</figure>
<section class="why">{derivation}</section>
<section class="controls"><p>{no_script}</p></section>
</main>"""

SUBJECT = """\
// --- This graph ---

const words = {words};
const graph = {graph};
{program}
"""

START = """\
const isFrame = location.href === "about:srcdoc"; // which has no address of its own
const home = document.querySelector(".explore");
await hasSize(home);
explore(home, graph, values, words, { address: !isFrame });
"""


def asset(name: str) -> str:
    """Return the text of a file that stands beside this module."""
    from importlib.resources import files

    return files("tinygrad_edu.see.explore").joinpath(name).read_text(encoding="utf-8")


def as_javascript(data: Any) -> str:
    r"""Return plain data as JavaScript that no text in it can leave.

    >>> as_javascript({"label": "</script>"})
    '{"label":"\\u003c/script>"}'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return re.sub(
        "[<\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
        lambda c: f"\\u{ord(c[0]):04x}",
        text,
    )


def script(graph: dict[str, Any], program: str) -> str:
    """Return the page's module with a graph in it: ``words``, ``graph`` and ``values``.

    Args:
        graph: the graph as data.
        program: the function ``values`` in JavaScript.
    """
    subject = SUBJECT.format(words=as_javascript(PAGE), graph=as_javascript(graph), program=program)
    return f"{asset('page.js')}\n{subject}"


def body(graph: dict[str, Any], svg: str, derivation: str, title: str) -> str:
    """Return what stands in the page until the script runs, and where it then shows the state.

    Args:
        graph: the graph as data.
        svg: the drawing.
        derivation: what stands beside it, as HTML.
        title: the title of the page.
    """
    root, lang = graph["nodes"][graph["root"]]["shown"], graph["lang"]
    keys = ("modes", "languages", "no_script", "figure", "figure_hint")
    words = {key: say(key, lang, root=root) for key in keys} | {"title": title}
    escaped = {key: html.escape(text) for key, text in words.items()}
    return BODY.format(lang=lang, svg=svg, derivation=derivation, **escaped)


def page(script: str, body: str, title: str, lang: str) -> str:
    """Return a page that loads nothing, and in which only this script runs."""
    return sealed(body, script + START, asset("page.css"), title, lang)


def frame(page: str, title: str, height: int) -> str:
    """Return a page as a frame for a notebook, closed off from what is around it."""
    return (
        f'<iframe title="{html.escape(title)}" sandbox="allow-scripts" srcdoc="{html.escape(page)}" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )
