"""The drawing in a page, and where it shows which number: what the page's script changes."""

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.see.draw import dot, render
from tinygrad_edu.see.draw.network import Figure
from tinygrad_edu.see.draw.view import view
from tinygrad_edu.see.graph import Edge, Graph, folded
from tinygrad_edu.see.network import Network

SCOPE = "figure"
WIDE = 1400  # points; a wider drawing scrolls in its box, a narrower one shrinks to it
WIDEST = len("grad −0.000438568")
WIDEST_RATIO = len("Δ/Δ = −0.00123")
NOTE = 16  # points below the drawing, for a note there

Places = list[dict[str, str]]
"""Elements of the drawing that stand for an edge: lines and boxes."""


class Drawn(NamedTuple):
    """A drawing and its map.

    Attributes:
        svg: the drawing, without style attributes, which the policy of the page forbids.
        places: as data. ``nodes``: for each node ``id``, the element that shows it, ``box``, the one around
            it, and ``isLabel`` if it stands on a line; or None. ``edges``: for each edge a list of lines
            (``id``, and ``from``, the label at which the backward flow ends) and boxes (``above``); with
            ``symbol``, notes say what the factor is. ``texts``: an element, which row of it, a position,
            and what the row shows. ``weights``: lines whose width is the number of a node. ``notes``:
            whether gradients have no row of their own.
        extras: Values that it shows beside the nodes of the graph.
    """

    svg: str
    places: dict[str, Any]
    extras: list[Value]


def draw_graph(graph: Graph) -> Drawn:
    """Draw a graph of Values: a box for every node, the slope on every edge."""
    picture = view(graph)
    picture = picture._replace(
        nodes=[_with_room(node) for node in picture.nodes],
        arrows=[
            arrow._replace(label=f"{arrow.label}\n{_wide('', WIDEST_RATIO)}") if arrow.label else arrow
            for arrow in picture.arrows
        ],
    )
    texts: list[list[Any]] = []
    for i, node in enumerate(picture.nodes):
        rows = {0: "data"} if node.is_constant else {1: "data", 2: "grad"}
        texts += [[_id(f"n{i}"), row, i, what] for row, what in rows.items()]
    for j, arrow in enumerate(picture.arrows):
        if arrow.label:
            texts += [[_id(f"e{j}"), row, j, what] for row, what in enumerate(["slope", "ratio"])]
    places = {
        "nodes": [{"id": _id(f"n{i}"), "box": _id(f"n{i}")} for i in range(len(picture.nodes))],
        "edges": [[{"id": _id(f"e{j}")}] for j in range(len(picture.arrows))],
        "texts": texts,
        "weights": [],
        "notes": False,
    }
    return Drawn(_plain(render.svg(dot.digraph(picture), SCOPE)), places, [])


def _with_room(node: dot.Node) -> dot.Node:
    """Return a node with room for other numbers."""
    if node.is_constant:
        return node
    title, *rows = node.rows
    return node._replace(rows=[title, *(_wide(row, WIDEST) for row in rows)])


def _wide(text: str, digits: int) -> str:
    """Return a text between spaces, which Graphviz takes to be as wide as digits."""
    return text.center(digits, "\N{NO-BREAK SPACE}")


def draw_network(network: Network, graph: Graph) -> Drawn:
    """Draw the textbook's figure of a network.

    Args:
        network: the network.
        graph: the graph that the page explains, of the same root. What else the figure shows are extras.
    """
    figure = Figure(network, folded(topological_order(network.root), "network"))
    position = {node: i for i, node in enumerate(graph.nodes)}
    extras = [value for value in network.names if value not in position]
    nodes: list[dict[str, Any] | None] = [None] * len(graph.nodes)
    texts: list[list[Any]] = []
    for unit in network.units:
        box = _id(figure.ids[unit])
        for k, (_, value) in enumerate(unit.cells):
            element = f"{box}_{k}" if unit.is_divided else box
            if value in position:
                nodes[position[value]] = {"id": element, "box": box}
                texts.append([element, 1, position[value], "number"])
            else:
                texts.append([element, 1, extras.index(value), "extra"])
    weights = [[_id(figure.id(line)), position[line.weight]] for line in network.lines if line.weight]
    for line in network.lines:
        label = f"{figure.id(line)}_label"
        if line.weight and f'id="{label}"' in figure.source:  # of very many lines, few are labelled
            nodes[position[line.weight]] = {"id": _id(label), "box": _id(label), "isLabel": True}
            texts.append([_id(label), 0, position[line.weight], "named"])
    places = {
        "nodes": nodes,
        "edges": [_places(figure, edge, position) for edge in graph.edges],
        "texts": texts,
        "weights": weights,
        "notes": True,
    }
    return Drawn(_plain(render.svg(figure.source, SCOPE, figure.alt, "neato")), places, extras)


def _places(figure: Figure, edge: Edge, shown: Collection[Value]) -> Places:
    """Return what in the figure stands for an edge of the graph."""
    for unit in figure.network.units:
        if unit.takes is edge.source and unit.gives is edge.target:
            return [{"above": _id(figure.ids[unit]), "symbol": "∂out/∂net"}]
    for line in figure.network.lines:
        if line.weight is edge.source and line.target.takes is edge.target:
            return [{"id": _id(figure.id(line)), "from": _id(f"{figure.id(line)}_label")}]
    lines = _route(figure, edge.source, edge.target, shown)
    if lines and edge.target is figure.network.root:
        lines[0]["symbol"] = "∂E/∂out"
    return lines


def _route(figure: Figure, source: Value, target: Value, shown: Collection[Value]) -> Places:
    """Return the lines from one Value to another, through units that are no nodes of the graph."""
    for line in figure.network.lines:
        if line.source.gives is source:
            here = [{"id": _id(figure.id(line))}]
            if line.target.takes is target:
                return here
            onward = [] if line.target.gives in shown else _route(figure, line.target.gives, target, shown)
            if onward:
                return here + onward
    return []


def _id(name: str) -> str:
    return f"{SCOPE}-{name}"


def _plain(svg: str) -> str:
    """Return a drawing as the page takes it: with room for notes below, without styles and old numbers."""
    svg = re.sub(r'<style>.*?</style>\n?|<title>.*?</title>\n?| style="[^"]*"', "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'(height="|viewBox="[\d.]+ [\d.]+ [\d.]+ )([\d.]+)',
        lambda found: f"{found[1]}{float(found[2]) + NOTE:g}",
        svg,
        count=2,
    )
    width = float(re.search(r'<svg [^>]*?width="([\d.]+)', svg)[1])  # type: ignore[index]
    size = ' class="large"' if width > WIDE else ""
    return svg.replace(' role="img"', f'{size} role="group"', 1)
