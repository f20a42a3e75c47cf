"""Questions about a graph: which Values a reader wants to see, and the ways from one to another."""

import re
from collections import Counter
from collections.abc import Collection
from functools import cached_property
from itertools import count
from operator import itemgetter
from typing import Any, Literal, get_args

from tinygrad_edu.engine.gradient import adjoints, expect_values, numeric_slopes, symbolic_slopes
from tinygrad_edu.see.notation import Names, number, written
from tinygrad_edu.see.term import Term, one_line
from tinygrad_edu.engine.value import Value, topological_order

Detail = Literal["ops", "named", "neuron", "layer"]
DETAILS = get_args(Detail)

# What belongs to the inside of a neuron, in the names of the worked example, which networks use too.
_INSIDE_A_NEURON = re.compile(r"net_.*|[wb]\d+")


class Edge:
    """The way from a visible Value to the next visible Value that is made from it.

    Attributes:
        source: the Value that is used.
        target: the Value that it is used for.
        slope: the derivative ∂target/∂source, through everything hidden between the two.
        between: ``target`` and the hidden Values below it, arguments before results.
        place: which argument of ``target`` it is, where every operation is visible.
    """

    def __init__(
        self, source: Value, target: Value, slope: float, between: list[Value], place: int | None = None
    ) -> None:
        self.source = source
        self.target = target
        self.slope = slope
        self.between = between
        self.place = place

    def symbolic_slope(self) -> float | Value:
        """Return the slope as an expression, to be printed or differentiated."""
        if self.place is not None:
            slope: float | Value = symbolic_slopes(self.target)[self.place]
        else:
            slope = adjoints(self.target, self.between, symbolic_slopes, [self.source])[self.source]
        return slope

    def formula(self, names: Names, *, latex: bool = False, numbers: bool = False) -> Term:
        """Return the slope as a formula in these names, or with the numbers in place of the names."""
        slope = self.symbolic_slope()
        if not isinstance(slope, Value):
            slope = Value(slope)
        return written(slope, names, latex=latex, numbers=numbers)


class Graph:
    """The visible part of a graph.

    Attributes:
        root: the Value whose graph it is.
        nodes: the visible Values, arguments before results.
        edges: the edges between them, in the order of their targets.
        detail: how fine it is seen.
    """

    def __init__(self, root: Value, nodes: list[Value], edges: list[Edge], detail: Detail) -> None:
        self.root = root
        self.nodes = nodes
        self.edges = edges
        self.detail = detail

    @cached_property
    def names(self) -> dict[Value, str]:
        """A name for every visible Value: its label, the number of a constant, or else v1, v2, ….

        The latter are customary in the literature on automatic differentiation. Where labels are alike,
        as they are for the examples of a batch, the second gets a (2), and so on.
        """
        labels = {node: one_line(node.label) for node in self.nodes}
        taken = {*labels.values()}
        free = (name for i in count(1) if (name := f"v{i}") not in taken)
        names: dict[Value, str] = {}
        seen: Counter[str] = Counter()
        for node, label in labels.items():
            seen[label] += 1
            if not label:
                names[node] = number(node.data) if node.is_constant else next(free)
            else:
                names[node] = label if seen[label] == 1 else f"{label} ({seen[label]})"
        return names

    @property
    def has_gradients(self) -> bool:
        """Whether ``backward()`` has been called: before, every gradient is 0."""
        return any(node.grad for node in self.nodes)

    @cached_property
    def outgoing(self) -> dict[Value, list[Edge]]:
        """The edges that start at each visible Value."""
        outgoing: dict[Value, list[Edge]] = {node: [] for node in self.nodes}
        for edge in self.edges:
            outgoing[edge.source].append(edge)
        return outgoing

    @cached_property
    def adjoint(self) -> dict[Value, float]:
        """The recorded derivative of the root with respect to every visible Value."""
        adjoint = dict.fromkeys(self.nodes, 0.0) | {self.root: 1.0}
        for node in reversed(self.nodes):
            for edge in self.outgoing[node]:
                adjoint[node] += adjoint[edge.target] * edge.slope
        return adjoint

    @cached_property
    def depth(self) -> dict[Value, int]:
        """How many edges the longest way from a leaf to each visible Value has."""
        depth = dict.fromkeys(self.nodes, 0)
        for node in self.nodes:
            for edge in self.outgoing[node]:
                depth[edge.target] = max(depth[edge.target], depth[node] + 1)
        return depth

    @property
    def span(self) -> int:
        """How many ranks the edges cross together, which is what their layout costs."""
        return sum(self.depth[edge.target] - self.depth[edge.source] for edge in self.edges)

    def flows(self, source: Value) -> dict[Edge, float]:
        """Return, for every edge on a way from ``source`` to the root, how much of ∂root/∂source it carries.

        An edge carries ∂(its source)/∂source · its slope · ∂root/∂(its target). What all edges out of
        ``source`` carry adds up to ∂root/∂source, and so does what all edges into the root carry.
        """
        tangent = {source: 1.0}  # the derivative of each Value on the way with respect to the source
        flows: dict[Edge, float] = {}
        for node in self.nodes:
            if node in tangent:
                for edge in self.outgoing[node]:
                    tangent[edge.target] = tangent.get(edge.target, 0.0) + tangent[node] * edge.slope
                    flows[edge] = tangent[node] * edge.slope * self.adjoint[edge.target]
        return flows

    def has_detour(self, edge: Edge) -> bool:
        """Return whether other ways than this edge lead from its source to its target."""
        last = self._position[edge.target]
        reached = {other.target for other in self.outgoing[edge.source] if other is not edge}
        for node in self.nodes[self._position[edge.source] : last]:
            if node in reached:
                reached.update(onward.target for onward in self.outgoing[node])
        return edge.target in reached

    @cached_property
    def _position(self) -> dict[Value, int]:
        return {node: i for i, node in enumerate(self.nodes)}

    def path_count(self, source: Value) -> int:
        """Return how many ways lead from ``source`` to the root.

        >>> from tinygrad_edu import Value
        >>> x = y = Value(1.0)
        >>> for _ in range(40):
        ...     y = y * y
        >>> fold(y).path_count(x)
        1099511627776
        """
        return self._ways_onward[source]

    @cached_property
    def _ways_onward(self) -> dict[Value, int]:
        """How many ways lead from each visible Value to the root."""
        ways = {self.root: 1}
        for node in reversed(self.nodes):
            if node is not self.root:
                ways[node] = sum(ways[edge.target] for edge in self.outgoing[node])
        return ways

    def bottlenecks(self, source: Value) -> set[Value | Edge]:
        """Return the Values and the edges that every way from ``source`` to the root goes through."""
        ways, onward, total = {source: 1}, self._ways_onward, self._ways_onward[source]
        found: set[Value | Edge] = set()
        for node in self.nodes:
            if node in ways:
                if ways[node] * onward[node] == total:
                    found.add(node)
                for edge in self.outgoing[node]:
                    ways[edge.target] = ways.get(edge.target, 0) + ways[node]
                    if ways[node] * onward[edge.target] == total:
                        found.add(edge)
        return found

    def is_cut_off(self, source: Value, without: Collection[Edge]) -> bool:
        """Return whether no way from ``source`` to the root is left without these edges."""
        reached = {source}
        for node in self.nodes:
            if node in reached:
                reached.update(edge.target for edge in self.outgoing[node] if edge not in without)
        return self.root not in reached

    def paths(self, source: Value, most: int | None = None) -> list[list[Edge]]:
        """Return the ways from ``source`` to the root: all of them, or those ``most`` that contribute most.

        The best ways onward from a Value are found among the best from each of its targets, so that very
        many paths take no longer than few.
        """
        ways: dict[Value, list[tuple[float, Any]]] = {self.root: [(1.0, None)]}
        for node in reversed(self.nodes):
            if node is not self.root:
                onward = [
                    (size * abs(edge.slope), (edge, rest))
                    for edge in self.outgoing[node]
                    for size, rest in ways[edge.target]
                ]
                if most is not None and len(onward) > most:
                    onward = sorted(onward, key=itemgetter(0), reverse=True)[:most]
                ways[node] = onward
        return [_unlinked(way) for _, way in ways[source]]


def _unlinked(way: Any) -> list[Edge]:
    edges = []
    while way is not None:
        edge, way = way
        edges.append(edge)
    return edges


def fold(
    root: Value, detail: Detail = "named", keep: Collection[Value] = (), *, labels: bool = True
) -> Graph:
    """Return the graph of ``root`` with only those Values visible that the reader wants to see.

    An edge of the folded graph carries the total derivative through what it hides, so that the product
    of the slopes along a path, summed over the paths, is the gradient at every detail.

    Args:
        root: the Value whose graph it is; always visible.
        detail: "ops" shows every Value. "named" shows labelled Values and leaves; a plain number in an
            expression is part of the expression there, and a graph without labels is shown at "ops".
            "neuron" hides what is inside a neuron as well: Values named net_… and the parameters w1,
            w2, …, b1, b2, …. "layer" shows the same Values, to be grouped by ``layers``.
        keep: Values that stay visible in any case.
        labels: show a graph without labels at "ops" whatever the detail.

    Raises:
        TypeError: if ``root`` or what to keep is no Value but the name of one, say.
        ValueError: for another ``detail``, or if the graph has no such Value to keep.

    >>> from tinygrad_edu import Value
    >>> x = Value(3.0, "x")
    >>> [edge.slope for edge in fold((2 * x + 1) ** 2).edges]
    [28.0]
    """
    expect_values("graphs are made of", root, *keep)
    order = topological_order(root)
    known = set(order)
    for value in keep:
        if value not in known:
            raise ValueError(
                f"{one_line(written(value))} is not in the graph of {one_line(written(root))}, "
                "which was not computed from it"
            )
    if detail not in DETAILS:
        raise ValueError(f"detail={detail!r} is not known: use {', '.join(DETAILS)}")
    if detail == "ops" or (labels and not any(value.label for value in order)):
        edges = [
            Edge(arg, value, slope, [value], place)
            for value in order
            for place, (arg, slope) in enumerate(zip(value.args, value.slopes, strict=True))
        ]
        return Graph(root, order, edges, "ops")

    visible = {value for value in order if value.label or not (value.args or value.is_constant)}
    if detail != "named":
        visible = {value for value in visible if not _INSIDE_A_NEURON.fullmatch(value.label)}
    visible |= {root, *keep}
    edges = []
    for target in order:
        if target in visible and target.args:
            below = topological_order(target, is_leaf=visible.__contains__)
            between = [value for value in below if value is target or value not in visible]
            slopes = adjoints(target, between, numeric_slopes)
            sources = [value for value in below if value is not target and value in visible]
            edges += [Edge(source, target, slopes[source], between) for source in sources]
    return Graph(root, [value for value in order if value in visible], edges, detail)


def natural_detail(root: Value) -> Detail:
    """Return "named" if Values between the leaves and the root have labels, else "ops".

    With labels on leaves and root only, "named" would show no step in between.
    """
    named = any(value.label and value.args and value is not root for value in topological_order(root))
    return "named" if named else "ops"


def first_stale(root: Value) -> Value | None:
    """Return the first Value that is not what its arguments give now, None if all are.

    >>> from tinygrad_edu import Value
    >>> x = Value(3.0)
    >>> y = x * x
    >>> x.data = 5.0
    >>> first_stale(y) is y
    True
    """
    for value in topological_order(root):
        if value.op is not None:
            now = value.op.value(*[arg.data for arg in value.args])
            if now != value.data and now == now:
                return value
    return None


def expect_current(root: Value) -> None:
    """Raise an error if data was assigned below a Value since: formulas and slopes would disagree.

    Raises:
        ValueError: in that case; it says what to call.
    """
    value = first_stale(root)
    if value is not None:
        name = written(value)[:40]
        raise ValueError(
            f"data was assigned after {name} was computed from it: call forward() on the root first"
        )
