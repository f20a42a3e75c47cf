"""The live page of a graph: ``explore(root)`` gives an ``Explorer`` to show or save."""

import os
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tinygrad_edu._common.names import look_up
from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.value import Value, expect_current, topological_order
from tinygrad_edu.see.draw import render
from tinygrad_edu.see.draw.geometry import Geometry
from tinygrad_edu.see.draw.view import is_crowded
from tinygrad_edu.see.explain import explain
from tinygrad_edu.see.explore import subject
from tinygrad_edu.see.explore.figure import draw_graph, draw_network
from tinygrad_edu.see.explore.lessons import lessons
from tinygrad_edu.see.graph import Detail, Graph, fold
from tinygrad_edu.see.network import Network, NoNetworkError, read_network
from tinygrad_edu.see.words import chosen, say

if TYPE_CHECKING:
    from pathlib import Path

MOST_VALUES = 5_000
HEIGHT = 900  # of the frame in a notebook


class Explorer:
    """A live page of a graph. Jupyter shows it; ``save`` writes it to a file.

    Attributes:
        graph: the visible part of the graph.
        network: the network whose figure shows the graph, None if it is drawn as a graph.
        wrt: the Value whose gradient is explained first.
        leaves: the Values whose numbers can be changed on the page.
        samples: a data set, each sample as numbers for some of the leaves; empty if there is none.
        lang: the language that the page begins with.
    """

    def __init__(
        self,
        graph: Graph,
        network: Network | None,
        wrt: Value,
        leaves: list[Value],
        samples: list[dict[Value, float]],
        lang: str,
    ) -> None:
        self.graph = graph
        self.network = network
        self.wrt = wrt
        self.leaves = leaves
        self.samples = samples
        self.lang = lang

    @cached_property
    def html(self) -> str:
        """The page, which needs nothing beside it.

        Raises:
            ValueError: if an operation cannot be said in JavaScript.
        """
        from tinygrad_edu.see.explore import page

        return page.page(*self._parts, self._title, self.lang)

    @cached_property
    def _parts(self) -> tuple[str, str]:
        """The script and the body of the page."""
        from tinygrad_edu.see.explore import page

        drawn = draw_network(self.network, self.graph) if self.network else draw_graph(self.graph)
        graph = subject.described(self.graph, self.wrt, self.leaves)
        graph |= subject.data_set(self.graph, self.leaves, self.samples)
        graph |= {"figure": drawn.places, "lang": self.lang, "lessons": lessons(graph)}
        program = subject.javascript(subject.program(self.graph, self.leaves, drawn.extras))
        why = explain(self.graph.root, self.wrt, detail=self.graph.detail, lang=self.lang)
        body = page.body(graph, drawn.svg, _unstyled(why.mathml), self._title)
        return page.script(graph, program), body

    def widget(self) -> Any:
        """Return the page as a Jupyter widget that talks to Python; it needs the package anywidget.

        What is changed on the page is written to ``data``, and ``forward()`` is called; ``grad`` is never
        touched. ``widget["w5"] = 0.9`` changes a leaf, ``widget.refresh()`` shows what was assigned to
        ``data``. ``step`` and ``selected``, a position in ``graph.nodes``, are traits.

        Raises:
            ImportError: if anywidget is missing; the message says what to install.
        """
        from tinygrad_edu.see.explore import widget

        return widget.widget(self, *self._parts)

    @property
    def _title(self) -> str:
        return say("title", self.lang, root=self.graph.names[self.graph.root])

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
    samples: Iterable[Mapping[str, float]] = (),
    lang: str | None = None,
) -> Explorer:
    """Make a page of a graph on which a reader changes numbers, steps, descends, and is asked.

    Everything on the page is computed in the page, by the same rules as here, and follows at once.

    Args:
        root: the Value whose graph it is.
        wrt: the Value whose gradient is explained first; if None, the first weight, or the first leaf.
        detail: how fine the graph is shown: "network" as the textbook's figure, "ops" every operation,
            "named" the labelled Values, "neuron" a node for every neuron. If None, the natural one. What is
            too crowded to read is shown at a coarser one.
        inputs: the leaves whose numbers can be changed; all that are visible if None.
        samples: a data set, each sample as numbers for leaves by their labels. Descent then takes the
            average over all samples; of two inputs and one target, the page shows the plane.
        lang: the language that the page begins with, "en" or "zh"; that of ``language()`` if None. The
            page can switch.

    Raises:
        StaleError: if a number was assigned after a Value was computed from it.
        ValueError: if the graph is too large, or does not contain ``wrt`` or an input.
        UnknownNameError: for a sample with a number for no leaf, or another language.

    >>> from tinygrad_edu import Value
    >>> w, x = Value(0.5, "w"), Value(2.0, "x")
    >>> explorer = explore((w * x).tanh(), wrt=w)
    >>> "Content-Security-Policy" in explorer.html
    True
    """
    lang = chosen(lang)
    order = topological_order(root)
    if len(order) > MOST_VALUES:
        raise ValueError(
            f"a graph of {len(order):,} Values is more than a page can show ({MOST_VALUES:,}): "
            "explore one sample, or the loss of a smaller network"
        )
    expect_current(order)
    given = None if inputs is None else [*inputs]
    _expect_in(order, [] if wrt is None else [wrt], given or [])
    keep = {*(given or []), *([] if wrt is None else [wrt])}
    graph = _readable(fold(root, detail, keep), keep)
    network = _network(graph) if detail in (None, "network") else None
    leaves = [node for node in graph.nodes if not node.args and not node.is_constant]
    weights = [leaf for leaf in leaves if getattr(leaf.group, "role", "") == "weight"]
    first = wrt or [*weights, *leaves, root][0]
    leaves = leaves if given is None else given
    named = {leaf.label: leaf for leaf in leaves}
    data = [{look_up("leaf", name, named): float(x) for name, x in sample.items()} for sample in samples]
    return Explorer(graph, network, first, leaves, data, lang)


def _expect_in(order: list[Value], values: list[Value], inputs: list[Value]) -> None:
    for value in inputs:
        if value.args:
            name = one_line(value.label) or "a Value"
            raise ValueError(f"{name} is computed from others: inputs are leaves")
    for value in values + inputs:
        if value not in set(order):
            name, root = one_line(value.label), one_line(order[-1].label)
            raise ValueError(f"{name or 'a Value'} is not in the graph of {root or 'the root'}")


def _readable(graph: Graph, keep: set[Value]) -> Graph:
    """Return the graph, at a coarser detail if it is too crowded to read."""
    coarser: Detail
    for coarser in ("named", "neuron"):
        if is_crowded(graph) and graph.detail != "neuron":
            graph = fold(graph.root, coarser, keep)
    if is_crowded(graph):
        raise ValueError(
            f"{len(graph.nodes):,} nodes are too many to read on a page: label what matters, "
            'or give detail="neuron" and a network of fewer neurons'
        )
    return graph


def _network(graph: Graph) -> Network | None:
    """Return the network whose figure can show a graph, None if there is none."""
    if graph.detail != "named":
        return None
    try:
        network = read_network(graph.root)
    except NoNetworkError:
        return None
    is_whole = {value for value in network.names if value.label.strip()} <= {*graph.nodes}
    return network if is_whole and Geometry(network).is_readable else None


def _unstyled(mathml: str) -> str:
    """Return MathML without style attributes, which the page's policy forbids."""
    return re.sub(r' style="[^"]*"', "", mathml)
