"""A graph seen layer by layer: Values that stand side by side in a network become one node."""

import re
from collections.abc import Collection, Hashable
from functools import cached_property
from itertools import takewhile

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.graph import Edge, Graph, Node

COARSEST = 2


class Layer:
    """Several Values that are shown as one node, such as out_h1, out_h2, ….

    Attributes:
        name: what their labels have in common, "out_h".
        values: the Values.
    """

    is_constant = False

    def __init__(self, name: str, values: list[Value]) -> None:
        self.name = name
        self.values = values


class LayerGraph(Graph):
    """A graph in which the Values of a layer are one node, and the slope between layers is a Jacobian.

    A Value that stands alone in its layer is a node itself, and the edges between two such are those of
    the finer graph.

    What is a layer is said by the network, in the ``group`` of its Values: a layer are those of one
    role in one layer that are as many edges from the leaves. Values without a group, as in a graph of one's
    own, are a layer if they are as many edges from the leaves. The root and ``keep`` stay apart.

    Args:
        finer: the graph of Values, as ``fold`` gives it.
        keep: Values that stand alone.
        coarseness: for a graph that is crowded even so, such as a network unrolled over many steps: 1 takes
            together what has one role in one layer, however far from the leaves, and all Values without a
            group; 2 takes all others together. Edges then lead backwards too, so derivatives cannot be
            read off: such a graph is for a picture only.

    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.see.graph import fold
    >>> x, y = Value(1.0, "x1"), Value(2.0, "x2")
    >>> layers = LayerGraph(fold(x * y, "layer"))
    >>> [layers.names[node] for node in layers.nodes]
    ['x', 'v1']
    >>> [edge.slope for edge in layers.edges]
    [[[2.0, 1.0]]]
    """

    def __init__(self, finer: Graph, keep: Collection[Value] = (), coarseness: int = 0) -> None:
        self._finer = finer
        self.coarseness = coarseness
        groups: dict[Hashable, list[Value]] = {}
        for value in finer.nodes:
            apart = value is finer.root or value in keep
            groups.setdefault(value if apart else self._layer(value), []).append(value)
        # An edge leads to a greater depth, so that this order too has arguments before results.
        ordered = sorted(groups.values(), key=lambda values: max(finer.depth[value] for value in values))
        nodes: list[Node] = [
            values[0] if len(values) == 1 else Layer(_common_name(values), values) for values in ordered
        ]
        self._shown = {value: node for node in nodes for value in self.values(node)}
        self._between: dict[tuple[Node, Node], list[Edge]] = {}
        for edge in finer.edges:
            ends = self._shown[edge.source], self._shown[edge.target]
            self._between.setdefault(ends, []).append(edge)
        edges = [self._edge(*ends, parts) for ends, parts in self._between.items()]
        super().__init__(finer.root, nodes, edges, "layer")

    def _layer(self, value: Value) -> Hashable:
        place = value.group and (value.group.role, value.group.layer)
        if self.coarseness == COARSEST:
            return "all others"
        return place if self.coarseness else (place, self.finer.depth[value])

    def _edge(self, source: Node, target: Node, parts: list[Edge]) -> Edge:
        if not isinstance(source, Layer) and not isinstance(target, Layer):
            return parts[0]
        slopes = {(part.target, part.source): part.slope for part in parts}
        rows = [[slopes.get((t, s), 0.0) for s in self.values(source)] for t in self.values(target)]
        return Edge(
            source,
            target,
            rows,
            is_taken=any(part.is_taken for part in parts),
            is_stopped=all(part.is_stopped for part in parts),
        )

    @property
    def finer(self) -> Graph:
        """The graph of Values of which this shows the layers."""
        return self._finer

    def values(self, node: Node) -> list[Value]:
        """Return the Values that a node shows: itself, or those of a layer."""
        return node.values if isinstance(node, Layer) else [node]

    @cached_property
    def names(self) -> dict[Node, str]:
        """A name for every node, and for every Value."""
        layers = {node: node.name for node in self.nodes if isinstance(node, Layer)}
        return self.finer.names | layers

    @cached_property
    def adjoint(self) -> dict[Value, float]:
        """The derivative of the root with respect to every visible Value."""
        return self.finer.adjoint

    def flows(self, wrt: Value) -> dict[Edge, float]:
        """Return, for every edge on a path from ``wrt`` to the root, how much of ∂root/∂wrt it carries."""
        finer = self.finer.flows(wrt)
        flows = {}
        for edge, parts in zip(self.edges, self._between.values(), strict=True):
            if any(part in finer for part in parts):
                flows[edge] = sum(finer.get(part, 0.0) for part in parts)
        return flows


def _common_name(values: list[Value]) -> str:
    """Return what labels have in common, "out_h" of out_h1, out_h2, …; if nothing, the first and "…"."""
    labels = [one_line(value.label) for value in values]
    alike = takewhile(lambda letters: len({*letters}) == 1, zip(*labels, strict=False))
    name = "".join(letters[0] for letters in alike)
    if len({*labels}) > 1:
        name = re.sub(r"((?<=\d)n|_)$", "", name.rstrip("0123456789"))  # out_h2 of out_h2n1, out_h2n2, …
    return name or (f"{labels[0]}, …" if labels[0] else "without a name")
