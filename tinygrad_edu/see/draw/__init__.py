"""Pictures of graphs: ``draw(root)`` gives a ``Drawing`` to show, save or build on."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.errors import StaleError, expect_values
from tinygrad_edu.engine.gradient import listed
from tinygrad_edu.engine.value import Value, expect_current, topological_order
from tinygrad_edu.see.draw import dot, render, theme
from tinygrad_edu.see.draw.factors import Factors
from tinygrad_edu.see.draw.network import Figure
from tinygrad_edu.see.draw.style import NATURAL, Style, expect_style
from tinygrad_edu.see.draw.view import described, gradient_caption, is_crowded, is_too_wide, view
from tinygrad_edu.see.graph import DETAILS, Detail, Graph, Mode, expect_mode, fold, folded, independence
from tinygrad_edu.see.layers import COARSEST, LayerGraph
from tinygrad_edu.see.network import Network, NoNetworkError, read_network
from tinygrad_edu.see.words import say

if TYPE_CHECKING:
    from pathlib import Path

Texts = dict[str, list[str]]


class Drawing:
    """A picture of a graph. Jupyter shows it; ``save`` writes it to a file.

    Attributes:
        source: the picture in DOT, the language of Graphviz.
        alt: what the picture shows, in words, for those who do not see it.
    """

    def __init__(
        self,
        source: str,
        alt: str = render.ALT,
        engine: str = "dot",
        laid_out: tuple[str, Texts] | None = None,
        style: Style = NATURAL,
        titles: Mapping[str, str] = render.NO_TITLES,
    ) -> None:
        self._titles = titles
        self._on_paper = style.theme == "print"
        self.source = theme.printed(source) if self._on_paper else source
        self.alt = alt
        self._engine = engine
        self._laid_out = laid_out  # what is laid out in place of the source, and the texts to put into it
        self._style = style

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG element, drawn when first asked for."""
        import hashlib

        scope = "g" + hashlib.sha256(f"{self.source}{self._style.size or ''}".encode()).hexdigest()[:8]
        source, texts = self._laid_out or (self.source, {})
        if self._on_paper:
            source = theme.printed(source)
        svg = render.svg(source, scope, self.alt, self._engine, self._on_paper, self._titles)
        svg = render.filled(svg, scope, texts) if self._laid_out else svg
        return render.fitted(svg, self._style)

    def save(self, path: str | os.PathLike[str], *, dpi: float = 96, transparent: bool = False) -> "Path":
        """Write the picture to a file, in the format that the file's suffix names, and return its path.

        The file is written atomically.

        Args:
            path: ends in .svg, .dot, .gv or .html, or in .png or .pdf, which need the extra "images".
            dpi: dots per inch of a .png.
            transparent: whether a .png goes without its white background.

        Raises:
            ValueError: for another suffix, or a ``dpi`` that is not positive or too large.
            OSError: if the folder is missing or cannot be written.
            NoEngineError: if a package is missing; the message says what to install.
        """
        from tinygrad_edu.see.draw import images

        formats = {
            ".svg": lambda: render.svg_file(self.svg),
            ".dot": self.source.encode,
            ".gv": self.source.encode,
            ".html": lambda: images.page(self.svg),
            ".png": lambda: images.png(self.svg, dpi, transparent),
            ".pdf": lambda: images.pdf(self.svg),
        }
        return render.save(path, formats)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return render.mimebundle(self.svg, self.alt) | {"text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Drawing, {len(self.source.splitlines())} lines of DOT>"


class DotDrawing(Drawing):
    """A drawing that also answers to ``render``, as the graphviz package's do."""

    def __init__(self, drawing: Drawing, format: str) -> None:
        super().__init__(drawing.source, drawing.alt, laid_out=drawing._laid_out, titles=drawing._titles)
        self.format = format

    def render(
        self,
        filename: str | os.PathLike[str] = "Digraph.gv",
        *,
        format: str | None = None,
        cleanup: bool = False,
    ) -> str:
        """Write the picture to ``filename.format`` and the DOT text to ``filename``; return the former.

        Args:
            filename: where the DOT text goes.
            format: svg, png, pdf, …; that of ``draw_dot`` if None.
            cleanup: leave the DOT text away.

        Raises:
            ValueError, OSError, NoEngineError: as ``save`` does; nothing is written then.
        """
        from tinygrad_edu._common.files import write_whole

        picture = self.save(f"{os.fspath(filename)}.{format or self.format}")
        if not cleanup:
            write_whole(filename, self.source.encode())
        return str(picture)


def draw(
    root: Value,
    wrt: Value | Iterable[Value] | None = None,
    *,
    detail: Detail | None = None,
    sample: int = 1,
    rankdir: Literal["LR", "TB"] = "LR",
    constants: bool = True,
    legend: bool = False,
    style: Style = NATURAL,
    mode: Mode = "reverse",
) -> Drawing:
    """Draw the graph of a Value.

    A network is drawn as in a textbook: a column for every layer, the weights on the lines, the error at the
    right. Every other graph shows names, data, gradients, and the local derivative on every edge.

    What is too crowded to read is drawn at a coarser detail, and says so: a figure beyond a network of
    4-8-8-2 neurons, 300 nodes, more edges than 150 and two for each node, a picture higher than 4,000 pixels,
    and one wider than 12,000 where a coarser one is narrower.

    The picture also says if data was assigned since and ``forward()`` not called, if ``root`` does not depend
    on ``wrt``, and if ``.grad`` is not the derivative of ``root``, as after a second ``backward()``. Before
    ``backward()`` the gradients are "–".

    Args:
        root: the Value whose graph it is, at the end of all edges.
        wrt: show how the derivative of ``root`` with respect to this Value, or to several, comes about.
            Paths to the root are highlighted: orange if positive, blue if negative; width shows magnitude.
            Their product stands beside ``wrt``, and the gradients are those computed from the graph. In the
            figure of a network the arrows of the backward pass point to where the gradient goes, and the
            derivation stands below.
        detail: "network" is the textbook's figure; "ops" shows every operation, "named" the labelled Values,
            "neuron" a node for every neuron, "layer" one for every layer; a graph without labels is drawn at
            "ops". If None, "network" where the graph holds a network whose figure can be read and shows
            ``wrt``; else "named" where Values between the leaves and the root have labels, else "ops".
        sample: which sample to show, counted from 1, where a network was called on several.
        rankdir: "LR" to draw from left to right, "TB" from top to bottom; a network is drawn from left to
            right.
        constants: at "ops", show the plain numbers in expressions.
        legend: say below what colours and widths mean.
        style: size, letters, digits and colours: ``Style(size="slide")``, ``Style(theme="print")``.
        mode: "reverse" shows backpropagation. "forward" shows a forward sweep from the one Value ``wrt``: its
            derivative of every Value as ``tangent``, the flow with the arrows, the product beside the root.

    Raises:
        TypeError: if ``root`` or one of ``wrt`` is not a Value.
        ValueError: for another ``detail``, ``rankdir`` or ``mode``, if there is no such ``sample``, or if a
            forward sweep is to start at none or several.

    >>> from tinygrad_edu import worked_example
    >>> example = worked_example()
    >>> drawing = draw(example["E_total"], wrt=example["w5"])
    >>> "0.741365 × 0.186816 × 0.59327 = 0.082167" in drawing.svg
    True
    """
    if rankdir not in ("LR", "TB"):
        raise ValueError(f"rankdir={rankdir!r:.60} is not known: use 'LR' or 'TB'")
    expect_style(style)
    several = listed(wrt)
    expect_values("draw(root, wrt) takes", root, *several)
    expect_mode(mode)
    forward = mode == "forward"
    if forward and len(several) != 1:
        raise ValueError("mode='forward' shows one sweep: name the one Value as wrt from which it starts")
    instead = ""
    if not forward and (detail == "network" or (detail is None and rankdir == "LR")):
        try:
            figure = _figure(read_network(root, sample), several, [_stale(root)], legend, style)
            if figure is not None:
                return figure
            instead, detail = say("too_large"), "layer"
        except NoNetworkError as error:
            if sample != 1:
                raise
            if detail == "network":
                instead, detail = f"{error}", "named"
    graph, caption = _readable(fold(root, detail, keep=several), several)
    caption = say("coarser", reason=instead, detail=graph.detail) if instead else caption
    sentences = [independence(graph, value) for value in several]
    shown = [value for value, sentence in zip(several, sentences, strict=True) if not sentence]
    forward = forward and bool(shown)
    grads = say("legend_forward", name=graph.names[several[0]]) if forward else gradient_caption(graph, shown)
    captions = [caption, *sentences, _stale(root), grads]
    if legend:
        captions += [say("legend_flow")] * bool(shown)
        captions.append(say("legend_matrix" if graph.detail == "layer" else "legend_slope"))
    picture = view(graph, shown, constants, style, forward)
    caption = "\n".join(filter(None, captions))
    source, laid_out = (
        dot.digraph(drawn, rankdir, caption, font_size=style.font_size or dot.FONT_SIZE)
        for drawn in (picture, dot.with_room(picture, style.significant))
    )
    alt, titles = described(graph, shown), dot.titles(picture)
    return Drawing(source, alt, laid_out=(laid_out, dot.texts(picture)), style=style, titles=titles)


def draw_network(outputs: Sequence[Value], caption: str, alt: str) -> Drawing:
    """Draw a network alone, without what was computed from its outputs: as in a textbook, or its layers.

    Args:
        outputs: what the network answered to one sample.
        caption: a sentence below the figure.
        alt: the network in words.

    Raises:
        NoNetworkError: if it is not made of layers.
    """
    root: Value = outputs[0] if len(outputs) == 1 else rules.sum(outputs)
    figure = Figure(read_network(root, errors=False), fold(root, "network"), below=[caption])
    if figure.geometry.is_readable:
        return Drawing(figure.source, alt, "neato", titles=figure.titles)
    drawing = draw(root, detail="layer")
    drawing.alt = alt
    return drawing


def _figure(
    network: Network, several: list[Value], captions: list[str], legend: bool, style: Style
) -> Drawing | None:
    """Return the textbook's figure, None if it is too large to be read."""
    graph = folded(topological_order(network.root), "network")
    sentences = [independence(graph, value) for value in several]
    shown = [value for value, sentence in zip(several, sentences, strict=True) if not sentence]
    for value in shown:
        if value not in network.names:
            name = one_line(value.label) or "such a Value"
            raise NoNetworkError(f"The figure of the network does not show {name}")
    factors = Factors(network, graph, style).lines(shown[0]) if len(shown) == 1 else []
    captions = [*factors, network.sample_caption, *sentences, *captions]
    if legend:
        captions += [say("legend_weight"), say("legend_arrows")][: 1 + bool(shown)]
    figure = Figure(network, graph, shown, [caption for caption in captions if caption], style)
    if not figure.geometry.is_readable:
        return None
    return Drawing(figure.source, figure.alt, "neato", style=style, titles=figure.titles)


def _readable(graph: Graph, keep: list[Value]) -> tuple[Graph, str]:
    """Return a graph that is no finer than a reader can take in, and a sentence if it is coarser."""
    fine = graph
    while graph.detail != "layer" and (is_crowded(graph) or is_too_wide(graph)):
        coarser = DETAILS[DETAILS.index(graph.detail) + 1]
        graph = folded(topological_order(graph.root), coarser, keep)
    if graph.detail == "layer":
        for coarseness in range(COARSEST + 1):
            layers = LayerGraph(graph, keep, coarseness)
            if not is_crowded(layers):
                break
        graph = layers
    if graph.detail == fine.detail:
        return graph, ""
    if not is_crowded(fine) and len(graph.columns) >= len(fine.columns):
        return fine, ""  # it is as wide as before
    reason = say("too_many", nodes=f"{len(fine.nodes):,}", edges=f"{len(fine.edges):,}")
    return graph, say("coarser", reason=reason, detail=graph.detail)


def _stale(root: Value) -> str:
    """Return a sentence if a number was assigned after it was used, else ""."""
    try:
        expect_current(topological_order(root))
    except StaleError as error:
        return str(error)
    return ""


def draw_dot(root: Value, format: str = "svg", rankdir: Literal["LR", "TB"] = "LR") -> DotDrawing:
    """Draw every operation, called as micrograd's notebooks call their function of this name.

    Args:
        root: the Value whose graph it is.
        format: the format that the result's ``render(filename)`` writes.
        rankdir: "LR" to draw from left to right, "TB" from top to bottom.

    Raises:
        ValueError: for another ``rankdir``.

    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> "rankdir=TB" in draw_dot(a * b, rankdir="TB").source
    True
    """
    return DotDrawing(draw(root, detail="ops", rankdir=rankdir), format)


def _show(self: Value, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """Show a Value in Jupyter as the picture of its graph, and as text."""
    return draw(self)._repr_mimebundle_() | {"text/plain": repr(self)}


Value._repr_mimebundle_ = _show  # type: ignore[attr-defined]  # the engine knows no picture
