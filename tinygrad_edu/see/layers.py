"""A graph seen layer by layer: Values that stand side by side in a network become one node."""

import re
from collections.abc import Collection
from functools import cached_property
from math import hypot

from tinygrad_edu.see.explain.derivation import Equation, Section, Writer
from tinygrad_edu.see.graph import Edge, Graph
from tinygrad_edu.see.term import one_line
from tinygrad_edu.engine.value import Value

COARSEST = 2


class Layer:
    """Values of one layer, such as out_h1, out_h2, ….

    Attributes:
        name: what their labels have in common, "out_h"; the label itself if there is one Value.
        values: the Values.
    """

    def __init__(self, name: str, values: list[Value]) -> None:
        self.name = name
        self.values = values


class LayerEdge:
    """The derivative of one layer with respect to another: the Jacobian of the one in the other.

    Attributes:
        source: the layer that is used.
        target: the layer that it is used for.
        edges: one edge for every pair of a source and a target Value.
    """

    def __init__(self, source: Layer, target: Layer, edges: list[Edge]) -> None:
        self.source = source
        self.target = target
        self.edges = edges

    @property
    def jacobian(self) -> list[list[float]]:
        """The slopes as a matrix: a row for every Value of the target, a column for each of the source."""
        slopes = {(edge.target, edge.source): edge.slope for edge in self.edges}
        return [[slopes.get((t, s), 0.0) for s in self.source.values] for t in self.target.values]

    @property
    def norm(self) -> float:
        """The Frobenius norm of the Jacobian: the root of the sum of its squares."""
        return hypot(*(edge.slope for edge in self.edges))


class LayerGraph:
    """The layers of a graph, and the edges between them.

    Two Values are in one layer if their labels differ in the final number only and both are as many
    steps from the leaves. The root and ``keep`` stay apart. For graphs that are crowded even so, such as
    a network unrolled over many steps, ``coarseness`` 1 drops the second condition and takes Values
    without a label together, and 2 takes all others together.

    >>> from tinygrad_edu import worked_example
    >>> from tinygrad_edu.see.graph import fold
    >>> layers = LayerGraph(fold(worked_example()["E_total"], "layer"))
    >>> [layer.name for layer in layers.nodes]
    ['target_o', 'i', 'out_h', 'out_o', 'E_total']
    """

    def __init__(self, graph: Graph, keep: Collection[Value] = (), coarseness: int = 0) -> None:
        self.graph = graph
        self.coarseness = coarseness
        members: dict[tuple[object, int], list[Value]] = {}
        for node in graph.nodes:
            numbered = re.fullmatch(r"(.*?\D)\d+", node.label)
            stem: object = numbered[1] if numbered else node
            if coarseness > 0 and not node.label:
                stem = "without a name"
            if coarseness == COARSEST:
                stem = "all others"
            if node in keep or node is graph.root:
                stem = node
            members.setdefault((stem, 0 if coarseness else graph.depth[node]), []).append(node)
        # An edge leads to a greater depth, so that this order too has arguments before results.
        ordered = sorted(members.items(), key=lambda member: max(graph.depth[value] for value in member[1]))
        self.nodes = [
            Layer(graph.names[values[0]] if len(values) == 1 else _common(str(stem)), values)
            for (stem, _), values in ordered
        ]
        self.layer_of = {value: layer for layer in self.nodes for value in layer.values}
        between: dict[tuple[Layer, Layer], list[Edge]] = {}
        for edge in graph.edges:
            ends = self.layer_of[edge.source], self.layer_of[edge.target]
            between.setdefault(ends, []).append(edge)
        self.edges = [LayerEdge(source, target, edges) for (source, target), edges in between.items()]

    @property
    def span(self) -> int:
        """How many ranks the edges cross together, which is what their layout costs."""
        place = {layer: i for i, layer in enumerate(self.nodes)}
        return sum(abs(place[edge.target] - place[edge.source]) for edge in self.edges)

    @cached_property
    def outgoing(self) -> dict[Layer, list[LayerEdge]]:
        """The edges that start at each layer."""
        outgoing: dict[Layer, list[LayerEdge]] = {node: [] for node in self.nodes}
        for edge in self.edges:
            outgoing[edge.source].append(edge)
        return outgoing

    def leading_from(self, source: Value) -> list[LayerEdge]:
        """Return the edges on the ways from ``source`` to the root, the root's first."""
        flows = self.graph.flows(source)
        return [edge for edge in self.edges if any(part in flows for part in edge.edges)][::-1]


def _common(stem: str) -> str:
    """Return what labels have in common as a name; out_h2n1, out_h2n2, … are those of layer out_h2."""
    return one_line(re.sub(r"(\d)n$", r"\1", stem))


def layer_sections(layers: LayerGraph, wrt: Value, writer: Writer) -> list[Section]:
    """Return the explanation of ∂root/∂wrt from layer to layer: Jacobians multiplied from the left.

    Args:
        layers: the graph, in which ``wrt`` stands apart.
        wrt: the Value with respect to which the root is differentiated.
        writer: text or LaTeX.
    """
    root, source = layers.layer_of[layers.graph.root], layers.layer_of[wrt]
    edges = layers.leading_from(wrt)
    on_the_way = {edge.source for edge in edges} | {root}
    factors, rows = [], []
    for edge in edges:
        partial = writer.partial(edge.target.name, edge.source.name)
        factors.append(Equation(partial, [f"= {writer.matrix(edge.jacobian)}"]))
    for layer in reversed(layers.nodes):
        if layer is not root and layer in on_the_way:
            onward = [edge for edge in layers.outgoing[layer] if edge.target in on_the_way]
            right = [
                f"{sign} {writer.partial(root.name, edge.target.name)} {writer.dot} "
                f"{writer.partial(edge.target.name, layer.name)}"
                for sign, edge in zip("=" + "+" * len(onward), onward, strict=False)
                if edge.target is not root
            ]
            adjoint = [layers.graph.adjoint[value] for value in layer.values]
            rows.append(
                Equation(writer.partial(root.name, layer.name), [*right, f"= {writer.matrix([adjoint])}"])
            )
    title = (
        f"From layer to layer, from {source.name} to {root.name}. The matrix ∂a/∂b has a row for every Value"
    )
    title += " of a and a column for every one of b:"
    return [
        Section(title, factors),
        Section("Backpropagation multiplies them, the root's first:", rows),
    ]
