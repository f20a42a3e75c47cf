"""Pictures of graphs: ``draw(root)`` gives a ``Drawing`` to show, save or build on."""

import os
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from tinygrad_edu.see.draw import dot, render
from tinygrad_edu.see.draw.view import is_crowded, layer_view, view
from tinygrad_edu.see.graph import DETAILS, Detail, Graph, first_stale, fold
from tinygrad_edu.see.layers import COARSEST, LayerGraph
from tinygrad_edu.see.notation import written
from tinygrad_edu.see.term import one_line
from tinygrad_edu.engine.value import Value

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = "Orange raises the derivative, blue lowers it; the wider, the more; dashed: by nothing."
NUMBERS = "The number on an arrow is ∂(where it ends)/∂(where it starts)"
MATRICES = "; between layers, the matrix of such derivatives."


class Drawing:
    """A picture of a graph. Jupyter shows it; ``save`` writes it to a file.

    Attributes:
        source: the picture in DOT, the language of Graphviz.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG element, drawn when first asked for."""
        import hashlib

        scope = "g" + hashlib.sha256(self.source.encode()).hexdigest()[:8]
        return render.svg(self.source, scope)

    def save(self, path: str | os.PathLike[str], *, dpi: float = 96, transparent: bool = False) -> "Path":
        """Write the picture to a file, in the format that the file's suffix names, and return its path.

        The file is written whole or not at all.

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
        return render.mimebundle(self.svg) | {"text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Drawing, {len(self.source.splitlines())} lines of DOT>"


class DotDrawing(Drawing):
    """A drawing that also answers to ``render``, as the graphviz package's do."""

    def __init__(self, source: str, format: str) -> None:
        super().__init__(source)
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
    detail: Detail = "named",
    *,
    rankdir: Literal["LR", "TB"] = "LR",
    constants: bool = True,
    legend: bool = False,
) -> Drawing:
    """Draw the graph of a Value: names, data, gradients, and the local derivative on every edge.

    A picture that is too crowded to read (more than 300 nodes, or more edges than 150 and two for each
    node) is drawn at the next coarser detail, and says so.

    Args:
        root: the Value whose graph it is, at the end of all edges.
        wrt: show how the derivative of ``root`` with respect to this Value, or to several, comes about.
            The ways from it to the root stand out: red-orange where they add to the derivative, blue
            where they take from it, and the wider the more. Their product stands beside it.
        detail: "ops" shows every operation, "named" the labelled Values, "neuron" a node for every
            neuron, "layer" one for every layer. A graph without labels is drawn at "ops".
        rankdir: "LR" to draw from left to right, "TB" from top to bottom.
        constants: at "ops", show the plain numbers in expressions.
        legend: say below what colours and widths mean.

    Raises:
        ValueError: if ``root`` was not computed from ``wrt``, or for another ``detail`` or ``rankdir``.

    >>> from tinygrad_edu import worked_example
    >>> example = worked_example()
    >>> drawing = draw(example["E_total"], wrt=example["w5"])
    >>> "0.741365 × 0.186816 × 0.59327" in drawing.svg
    True
    """
    given: Any = () if wrt is None else wrt
    sources: list[Value] = (
        list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    )
    if rankdir not in ("LR", "TB"):
        raise ValueError(f"rankdir={rankdir!r} is not known: use 'LR' or 'TB'")
    captions = []
    graph = fold(root, detail, keep=sources)
    size = f"{len(graph.nodes):,} nodes and {len(graph.edges):,} edges"
    while graph.detail != "layer" and is_crowded(graph):
        coarser = DETAILS[DETAILS.index(graph.detail) + 1]
        captions = [f"{size} are too many to read: drawn at detail={coarser!r}"]
        if coarser == "layer":  # the same Values as at "neuron", now to be grouped
            graph = Graph(root, graph.nodes, graph.edges, coarser)
        else:
            graph = fold(root, coarser, keep=sources, labels=False)
    stale = first_stale(root)
    if stale is not None:
        name = graph.names.get(stale) or one_line(written(stale))
        captions.append(f"Data was assigned after {name} was computed from it: call forward() on the root.")
    if graph.detail == "layer":
        layers = LayerGraph(graph, keep=sources)
        while layers.coarseness < COARSEST and is_crowded(layers):
            layers = LayerGraph(graph, keep=sources, coarseness=layers.coarseness + 1)
        nodes, lines = layer_view(layers, sources)
    else:
        nodes, lines = view(graph, sources, constants)
    if legend:
        captions += [COLOURS] * bool(sources) + [NUMBERS + (MATRICES if graph.detail == "layer" else ".")]
    return Drawing(dot.source(nodes, lines, rankdir, "\n".join(captions)))


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
    return DotDrawing(draw(root, detail="ops", rankdir=rankdir).source, format)
