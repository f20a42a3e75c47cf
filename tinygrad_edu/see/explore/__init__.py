"""The live page of a graph: ``explore(root)`` gives an ``Explorer`` to show or save."""

import os
import re
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tinygrad_edu._common.names import look_up
from tinygrad_edu.engine.value import Value, expect_current, topological_order
from tinygrad_edu.see.draw import dot, render
from tinygrad_edu.see.draw.view import is_crowded, view
from tinygrad_edu.see.explain import explain
from tinygrad_edu.see.explore import subject
from tinygrad_edu.see.explore.lessons import lessons
from tinygrad_edu.see.graph import DETAILS, Detail, Graph, fold
from tinygrad_edu.see.words import WORDS, say

if TYPE_CHECKING:
    from pathlib import Path

MOST_VALUES = 5_000
HEIGHT = 900  # of the frame in a notebook
WIDEST = len("grad −0.000438568")


class Explorer:
    """A live page of a graph. Jupyter shows it; ``save`` writes it to a file.

    Attributes:
        graph: the visible part of the graph.
        wrt: the Value whose gradient is explained first.
        leaves: the Values whose numbers can be changed on the page.
        lang: the language that the page begins with.
    """

    def __init__(self, graph: Graph, wrt: Value, leaves: list[Value], lang: str) -> None:
        self.graph = graph
        self.wrt = wrt
        self.leaves = leaves
        self.lang = lang

    @cached_property
    def html(self) -> str:
        """The page, which needs nothing beside it.

        Raises:
            ValueError: if an operation cannot be said in JavaScript.
        """
        from tinygrad_edu.see.explore import page

        svg, figure = _figure(self.graph)
        graph = subject.described(self.graph, self.wrt, self.leaves) | {"figure": figure, "lang": self.lang}
        graph |= {"lessons": lessons(graph)}
        program = subject.javascript(subject.program(self.graph, self.leaves))
        derivation = _unstyled(explain(self.graph.root, self.wrt, detail=self.graph.detail).mathml)
        return page.page(graph, program, svg, derivation, self._title, self.lang)

    @property
    def _title(self) -> str:
        names = self.graph.names
        return say("title", self.lang, root=names[self.graph.root], wrt=names[self.wrt])

    def save(self, path: str | os.PathLike[str]) -> "Path":
        """Write the page to a file, atomically, and return its path.

        Args:
            path: ends in .html.

        Raises:
            ValueError: for another suffix, or if an operation cannot be said in JavaScript.
            OSError: if the folder is missing or cannot be written.
            NoEngineError: if a package is missing; the message says what to install.
        """
        return render.save(path, {".html": lambda: self.html.encode()})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from tinygrad_edu.see.explore import page

        return {"text/html": page.frame(self.html, self._title, HEIGHT), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Explorer, {len(self.graph.nodes)} nodes>"


def explore(
    root: Value,
    wrt: Value | None = None,
    detail: Detail | None = None,
    inputs: Iterable[Value] | None = None,
    *,
    lang: str = "en",
) -> Explorer:
    """Make a page of a graph on which a reader changes numbers, steps, descends, and is asked.

    Everything on the page is computed in the page, by the same rules as here, and follows at once.

    Args:
        root: the Value whose graph it is.
        wrt: the Value whose gradient is explained first; if None, the first weight, or the first leaf.
        detail: how fine the graph is shown: "ops" every operation, "named" the labelled Values, "neuron" a
            node for every neuron. If None, the natural one, or a coarser one if that is too crowded.
        inputs: the leaves whose numbers can be changed; all that are visible if None.
        lang: the language that the page begins with, "en" or "zh"; the page can switch.

    Raises:
        StaleError: if a number was assigned after a Value was computed from it.
        ValueError: if the graph is too large, or does not contain ``wrt`` or an input.

    >>> from tinygrad_edu import Value
    >>> w, x = Value(0.5, "w"), Value(2.0, "x")
    >>> explorer = explore((w * x).tanh(), wrt=w)
    >>> "Content-Security-Policy" in explorer.html
    True
    """
    look_up("language", lang, WORDS)
    order = topological_order(root)
    if len(order) > MOST_VALUES:
        raise ValueError(
            f"a graph of {len(order):,} Values is more than a page can show ({MOST_VALUES:,}): "
            "explore one sample, or the loss of a smaller network"
        )
    expect_current(order)
    given = None if inputs is None else [*inputs]
    _expect_in(order, [*([] if wrt is None else [wrt]), *(given or [])])
    keep = {*(given or []), *([] if wrt is None else [wrt])}
    graph = _readable(root, detail, keep)
    leaves = [node for node in graph.nodes if not node.args and not node.is_constant]
    weights = [leaf for leaf in leaves if getattr(leaf.group, "role", "") == "weight"]
    return Explorer(graph, wrt or [*weights, *leaves, root][0], leaves if given is None else given, lang)


def _expect_in(order: list[Value], values: list[Value]) -> None:
    for value in values:
        if value not in set(order):
            raise ValueError(
                f"{value.label or 'a Value'} is not in the graph of {order[-1].label or 'the root'}"
            )


def _readable(root: Value, detail: Detail | None, keep: set[Value]) -> Graph:
    """Return the visible graph, at a coarser detail if it is too crowded to read."""
    graph = fold(root, detail, keep)
    for coarser in DETAILS[: DETAILS.index("layer")]:
        if is_crowded(graph) and DETAILS.index(coarser) > DETAILS.index(graph.detail):
            graph = fold(root, coarser, keep)
    if is_crowded(graph):
        raise ValueError(
            f"{len(graph.nodes):,} nodes are too many to read on a page: label what matters, "
            'or give detail="neuron" and a network of fewer neurons'
        )
    return graph


def _figure(graph: Graph) -> tuple[str, dict[str, Any]]:
    """Return the drawing of a graph, and where it shows which number."""
    picture = view(graph)
    picture = picture._replace(nodes=[_with_room(node) for node in picture.nodes])
    svg = _unstyled(render.svg(dot.digraph(picture), "figure"))
    texts: list[list[Any]] = []
    for i, node in enumerate(picture.nodes):
        rows = {0: "data"} if node.is_constant else {1: "data", 2: "grad"}
        texts += [[f"figure-n{i}", row, i, what] for row, what in rows.items()]
    texts += [[f"figure-e{j}", 0, j, "slope"] for j, arrow in enumerate(picture.arrows) if arrow.label]
    return svg.replace('role="img"', 'role="group"', 1), {
        "nodes": [f"figure-n{i}" for i in range(len(picture.nodes))],
        "edges": [{"id": f"figure-e{j}"} for j in range(len(picture.arrows))],
        "texts": texts,
    }


def _with_room(node: dot.Node) -> dot.Node:
    """Return a node with room for other numbers, in spaces that are half as wide as digits."""
    if node.is_constant:
        return node
    title, *rows = node.rows
    return node._replace(
        rows=[title, *(row.center(2 * WIDEST - len(row), "\N{NO-BREAK SPACE}") for row in rows)]
    )


def _unstyled(markup: str) -> str:
    """Return markup of our own without style attributes and elements, which the page's policy forbids."""
    return re.sub(r'<style>.*?</style>\n?| style="[^"]*"', "", markup, flags=re.DOTALL)
