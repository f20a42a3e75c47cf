"""A graph as a reader sees it: which Values are visible, and the paths between them."""

from collections import Counter
from collections.abc import Collection, Iterable
from functools import cached_property
from itertools import count
from math import prod
from operator import itemgetter
from typing import Any, Literal, TypeAlias, get_args

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.errors import expect_values
from tinygrad_edu.engine.gradient import adjoints, expressions, is_taken, local_derivatives, reached
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.program.forms import Term, number
from tinygrad_edu.see.notation import Names, written
from tinygrad_edu.see.place import Place
from tinygrad_edu.see.words import say

Detail = Literal["ops", "named", "neuron", "layer", "network"]
DETAILS = get_args(Detail)

Mode = Literal["reverse", "forward"]


def expect_mode(mode: str) -> None:
    """Raise a ValueError unless it is one of the two modes of differentiation."""
    if mode not in get_args(Mode):
        raise ValueError(f"mode={mode!r} is not known: use 'reverse' or 'forward'")


INSIDE_A_NEURON = {"net", "weight", "bias"}
"""The roles of what ``detail="neuron"`` hides."""

Node: TypeAlias = Any
"""A Value, or a ``Layer`` of Values that are shown as one."""


class Edge:
    """An edge of a visible graph: ``source`` is used for ``target``.

    Attributes:
        source: the node that is used.
        target: the node that it is used for.
        slope: the derivative ∂target/∂source, through everything hidden between the two. Between layers it
            is the Jacobian matrix: a row for every Value of the target, a column for each of the source.
        between: ``target`` and the hidden Values below it, arguments before results.
        position: which argument of ``target`` it is, where every operation is visible.
        is_taken: False if all paths through the edge take a branch that was not taken, as ``where`` has.
        is_stopped: whether ``stop_gradient`` stands on all paths through the edge.
    """

    def __init__(
        self,
        source: Node,
        target: Node,
        slope: Any,
        between: list[Value] | None = None,
        position: int | None = None,
        is_taken: bool = True,
        is_stopped: bool = False,
    ) -> None:
        self.source = source
        self.target = target
        self.slope = slope
        self.between = between or []
        self.position = position
        self.is_taken = is_taken
        self.is_stopped = is_stopped

    @property
    def jacobian(self) -> list[list[float]]:
        """The slope as a matrix, of one row and one column where it is a number."""
        return self.slope if isinstance(self.slope, list) else [[self.slope]]

    def expression(self) -> float | Value:
        """Return the slope as an expression, to be printed or differentiated; only between Values.

        Raises:
            DomainError: if it is infinite.
            ValueError: if the rule of an operation is not known, as of one with a ``_backward`` of its own.
        """
        slope: float | Value
        if self.position is not None:
            slope = self.target.op.slopes(self.target, *self.target.args)[self.position]
        else:
            slope = expressions(self.target, self.between, [self.source]).get(self.source, 0.0)
        return slope

    def formula(self, names: Names, *, latex: bool = False, numbers: bool = False) -> Term:
        """Return the slope as a formula in these names, or with the numbers in place of the names.

        Raises:
            ValueError: as ``expression`` does.
        """
        slope = self.expression()
        if not isinstance(slope, Value):
            slope = Value(slope)
        return written(slope, names, latex=latex, numbers=numbers, squares=True)


class Graph:
    """The visible part of a graph.

    Attributes:
        root: the Value whose graph it is.
        nodes: what is visible, arguments before results.
        edges: the edges between the nodes, in the order of their targets.
        detail: how fine it is seen.
    """

    def __init__(self, root: Value, nodes: list[Node], edges: list[Edge], detail: Detail) -> None:
        self.root = root
        self.nodes = nodes
        self.edges = edges
        self.detail = detail

    # --- Names and neighbours ---

    @cached_property
    def names(self) -> dict[Node, str]:
        """A name for every node: its label, the number of a constant, or else v1, v2, ….

        The latter are customary in the literature on automatic differentiation. Where labels are alike,
        as they are for the examples of a batch, the second gets a (2), and so on.
        """
        labels = {node: one_line(node.label) for node in self.nodes}
        taken = {*labels.values()}
        free = (name for i in count(1) if (name := f"v{i}") not in taken)
        names: dict[Node, str] = {}
        seen: Counter[str] = Counter()
        for node, label in labels.items():
            seen[label] += 1
            if not label:
                names[node] = number(node.data) if node.is_constant else next(free)
            else:
                names[node] = label if seen[label] == 1 else f"{label} ({seen[label]})"
        return names

    @property
    def finer(self) -> "Graph":
        """The graph of Values: this one, or that of which it shows the layers."""
        return self

    def values(self, node: Node) -> list[Value]:
        """Return the Values that a node shows: itself, or those of a layer."""
        return [node]

    @cached_property
    def incoming(self) -> dict[Node, list[Edge]]:
        """The edges that end at each node."""
        incoming: dict[Node, list[Edge]] = {node: [] for node in self.nodes}
        for edge in self.edges:
            incoming[edge.target].append(edge)
        return incoming

    @cached_property
    def outgoing(self) -> dict[Node, list[Edge]]:
        """The edges that start at each node."""
        outgoing: dict[Node, list[Edge]] = {node: [] for node in self.nodes}
        for edge in self.edges:
            outgoing[edge.source].append(edge)
        return outgoing

    @cached_property
    def depth(self) -> dict[Node, int]:
        """How many edges the longest path from a leaf to each node has."""
        depth = dict.fromkeys(self.nodes, 0)
        for node in self.nodes:
            for edge in self.outgoing[node]:
                depth[edge.target] = max(depth[edge.target], depth[node] + 1)
        return depth

    @cached_property
    def columns(self) -> list[list[Node]]:
        """The nodes in columns from left to right by depth, each column in the order of making.

        A leaf stands in the column before the first node that uses it.
        """
        column = dict(self.depth)
        for node in self.nodes:
            if not self.incoming[node] and self.outgoing[node]:
                column[node] = min(self.depth[edge.target] for edge in self.outgoing[node]) - 1
        columns: dict[int, list[Node]] = {number: [] for number in sorted(set(column.values()))}
        for node in self.nodes:
            columns[column[node]].append(node)
        return [*columns.values()]

    @property
    def ranks_crossed(self) -> int:
        """How many ranks of a picture all edges cross together, which is what their layout costs."""
        return sum(abs(self.depth[edge.target] - self.depth[edge.source]) for edge in self.edges)

    # --- Derivatives ---

    @cached_property
    def adjoint(self) -> dict[Value, float]:
        """The derivative of the root with respect to every visible Value, from the recorded local ones."""
        taken = {
            node: [(edge.source, edge.slope) for edge in edges if edge.is_taken]
            for node, edges in self.incoming.items()
        }
        return dict.fromkeys(self.nodes, 0.0) | adjoints(self.root, self.nodes, taken.__getitem__)

    def contribution(self, edge: Edge) -> float:
        """Return what an edge adds to the derivative of the root with respect to its source, a Value."""
        adjoint = self.adjoint[edge.target]
        return adjoint * edge.slope if adjoint and edge.is_taken else 0.0

    def flows(self, wrt: Value) -> dict[Edge, float]:
        """Return, for every edge on a path from ``wrt`` to the root, how much of ∂root/∂wrt it carries.

        An edge carries ∂(its source)/∂wrt · its slope · ∂root/∂(its target). What all edges out of
        ``wrt`` carry adds up to ∂root/∂wrt, and so does what all edges into the root carry.
        """
        tangents = self.tangents(wrt)
        flows: dict[Edge, float] = {}
        on_paths = {wrt}
        for node in self.nodes:
            if node in on_paths:
                for edge in self.passing[node]:
                    on_paths.add(edge.target)
                    rest = self.contribution(edge)
                    flows[edge] = tangents[node] * rest if rest else 0.0
        return flows

    def tangents(self, wrt: Value) -> dict[Value, float]:
        """Return the derivative with respect to ``wrt`` of each Value that depends on it, by a forward sweep.

        >>> from tinygrad_edu import Value
        >>> x = Value(3.0)
        >>> list(fold(x * x + 1.0).tangents(x).values())
        [1.0, 6.0, 6.0]
        """
        tangents = {wrt: 1.0}
        for node in self.nodes:
            if node in tangents:
                for edge in self.outgoing[node]:
                    before = tangents.setdefault(edge.target, 0.0)
                    if edge.is_taken and tangents[node]:
                        tangents[edge.target] = before + edge.slope * tangents[node]
        return tangents

    # --- Paths ---

    @cached_property
    def passing(self) -> dict[Node, list[Edge]]:
        """The edges that start at each node and are on a path: none that ``stop_gradient`` stops is."""
        return {
            node: [edge for edge in edges if not edge.is_stopped and self._paths_onward[edge.target]]
            for node, edges in self.outgoing.items()
        }

    def path_count(self, source: Node) -> int:
        """Return how many paths lead from ``source`` to the root.

        >>> from tinygrad_edu import Value
        >>> x = y = Value(1.0)
        >>> for _ in range(40):
        ...     y = y * y
        >>> fold(y).path_count(x)
        1099511627776
        """
        return self._paths_onward[source]

    @cached_property
    def _paths_onward(self) -> dict[Node, int]:
        """How many paths lead from each node to the root: the derivatives if all slopes were 1."""
        ones = {
            node: [(edge.source, 1) for edge in edges if not edge.is_stopped]
            for node, edges in self.incoming.items()
        }
        return dict.fromkeys(self.nodes, 0) | adjoints(self.root, self.nodes, ones.__getitem__, one=1)

    def paths(self, source: Node, most: int | None = None) -> list[list[Edge]]:
        """Return the paths from ``source`` to the root: all of them, or those ``most`` that contribute most.

        The best paths onward from a node are found among the best from each of its targets, so that very
        many paths take no longer than few.
        """
        paths: dict[Node, list[tuple[float, Any]]] = {self.root: [(1.0, None)]}
        for node in reversed(self.nodes):
            if node is not self.root:
                onward = [
                    (size * abs(edge.slope), (edge, rest))
                    for edge in self.passing[node]
                    for size, rest in paths[edge.target]
                ]
                if most is not None and len(onward) > most:
                    onward = sorted(onward, key=itemgetter(0), reverse=True)[:most]
                paths[node] = onward
        return [_unlinked(path) for _, path in paths[source]]

    def bottlenecks(self, source: Node) -> set[Node | Edge]:
        """Return the nodes and the edges that every path from ``source`` to the root goes through."""
        paths, onward, total = {source: 1}, self._paths_onward, self._paths_onward[source]
        found: set[Node | Edge] = set()
        for node in self.nodes:
            if node in paths:
                if paths[node] * onward[node] == total:
                    found.add(node)
                for edge in self.passing[node]:
                    paths[edge.target] = paths.get(edge.target, 0) + paths[node]
                    if paths[node] * onward[edge.target] == total:
                        found.add(edge)
        return found

    def has_detour(self, edge: Edge) -> bool:
        """Return whether other paths than this edge lead from its source to its target."""
        start, end = self._position[edge.source], self._position[edge.target]
        return edge.target in self._reached([edge.source], {edge}, self.nodes[start + 1 : end + 1])

    def is_cut_off(self, source: Node, without: Collection[Edge]) -> bool:
        """Return whether no path from ``source`` to the root is left without these edges."""
        return self.root not in self._reached([source], without, self.nodes)

    def _reached(self, start: list[Node], without: Collection[Edge], nodes: Iterable[Node]) -> set[Node]:
        def sources(node: Node) -> list[Node]:
            return [
                edge.source for edge in self.incoming[node] if not edge.is_stopped and edge not in without
            ]

        return reached(nodes, sources, start)

    @cached_property
    def _position(self) -> dict[Node, int]:
        return {node: i for i, node in enumerate(self.nodes)}


def _unlinked(path: Any) -> list[Edge]:
    edges = []
    while path is not None:
        edge, path = path
        edges.append(edge)
    return edges


def multiplied(path: Iterable[Edge]) -> float:
    """Return the product of the slopes along a path, 0 if it takes a branch that was not taken."""
    edges = [*path]
    return prod(edge.slope for edge in edges) if all(edge.is_taken for edge in edges) else 0.0


# --- What is visible ---


def fold(root: Value, detail: Detail | None = None, keep: Collection[Value] = ()) -> Graph:
    """Return the graph of ``root`` with only those Values visible that the reader wants to see.

    An edge of the folded graph carries the total derivative through what it hides, so that the product
    of the slopes along a path, summed over the paths, is the gradient at every detail.

    Args:
        root: the Value whose graph it is; always visible.
        detail: "ops" shows every Value. "named" shows labelled Values and leaves; a plain number in an
            expression is part of the expression there, and a graph without labels is shown at "ops".
            "neuron" also hides what is inside the neurons of a network: the Values of which their
            ``group`` says that they are a net, a weight or a bias. "layer" shows the same Values, for
            ``layers`` to group. In a graph without a network, "neuron" is the same as "named". "network",
            the textbook's figure, is the same as "named" here. If None, ``natural_detail``.
        keep: Values of the graph that stay visible in any case.

    Raises:
        TypeError: if ``root`` or what to keep is not a Value but, say, the name of one.
        ValueError: for another ``detail``.

    >>> from tinygrad_edu import Value
    >>> x = Value(3.0, "x")
    >>> [edge.slope for edge in fold((2 * x + 1) ** 2, "named").edges]
    [28.0]
    """
    expect_values("graphs are made of", root, *keep)
    if detail is not None and detail not in DETAILS:
        raise ValueError(f"detail={detail!r:.60} is not known: use {', '.join(DETAILS)}")
    order = topological_order(root)
    detail = detail or natural_detail(root)
    if detail == "ops" or not any(value.label.strip() for value in order):
        return Graph(root, order, _all_edges(order), "ops")
    return folded(order, "named" if detail == "network" else detail, keep)


def natural_detail(root: Value) -> Detail:
    """Return "named" if Values between the leaves and the root have labels, else "ops".

    With labels on leaves and root only, "named" would show no step in between.
    """
    values = topological_order(root)
    named = any(value.label.strip() and value.args and value is not root for value in values)
    return "named" if named else "ops"


def _all_edges(order: list[Value]) -> list[Edge]:
    return [
        Edge(arg, value, slope, [value], position, is_taken(value, slope), value.op is rules.stop_gradient)
        for value in order
        for position, (arg, slope) in enumerate(zip(value.args, value.slopes, strict=True))
    ]


def folded(order: list[Value], detail: Detail, keep: Collection[Value] = ()) -> Graph:
    """Return the graph whose Values are ``order``, its root the last, with some hidden, as ``fold`` says.

    At "network" those are visible that a network has given a place.
    """
    root = order[-1]
    visible = {value for value in order if _is_visible(value, detail)} | {root, *keep}
    edges = []
    for target in order:
        if target in visible and target.args:
            below = topological_order(target, is_leaf=visible.__contains__)
            between = [value for value in below if value is target or value not in visible]
            slopes = adjoints(target, between, local_derivatives)
            passing = {target}  # what a path without stop_gradient leads from to the target
            for value in reversed(between):
                if value in passing and value.op is not rules.stop_gradient:
                    passing.update(value.args)
            edges += [
                Edge(
                    source,
                    target,
                    slopes.get(source, 0.0),
                    between,
                    is_taken=source in slopes,
                    is_stopped=source not in passing,
                )
                for source in below
                if source is not target and source in visible
            ]
    return Graph(root, [value for value in order if value in visible], edges, detail)


def _is_visible(value: Value, detail: Detail) -> bool:
    if detail == "network":
        return isinstance(value.group, Place)
    if detail in ("neuron", "layer") and getattr(value.group, "role", None) in INSIDE_A_NEURON:
        return False
    return bool(value.label.strip()) or not (value.args or value.is_constant)


def independence(graph: Graph, value: Value, lang: str | None = None) -> str:
    """Return the sentence that the root does not depend on a Value, "" if it does."""
    known = set(topological_order(graph.root))
    if value in known:
        return ""
    root, name = graph.names[graph.root], one_line(value.label) or say("this_value", lang)
    twin = any(value.label == other.label for other in known if other.label.strip())
    return say("other_of_that_name" if twin else "no_path", lang, root=root, wrt=name)
