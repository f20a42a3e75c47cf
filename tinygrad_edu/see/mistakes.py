"""The usual mistakes with a derivative: the wrong number that each gives, computed from the graph.

Exercise sheets, the quiz of a page and notebooks recognise an answer by them. What is said of each to who
made it stands in the table of words, under ``mistake_`` and its key:

======== ==================================================================================
path     a path is forgotten, or only one is taken
updated  weights that were already updated are used for the gradients of the layers before
at_net   the derivative of sigmoid or tanh is taken at its argument in place of its result
minus    a minus is lost
half     the ½ of an error is forgotten, or used twice
swapped  one factor of a product stands in place of the other
sum      a sum stands where a product belongs, or a product where the sum over paths belongs
rate     the learning rate is forgotten in an update, or the step is added
======== ==================================================================================

A mistake with one operation is another local derivative. Mistakes with a product and with a gradient
follow from it: the same product, and the same sum over paths, of the wrong local derivatives.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isclose, isfinite, prod
from typing import NamedTuple, TypeAlias

from tinygrad_edu.engine import rules
from tinygrad_edu.engine.gradient import adjoints, is_taken, local_derivatives
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.see.graph import Edge, Graph, multiplied
from tinygrad_edu.see.words import say

MOST_PATHS = 8
KEYS = "path", "updated", "at_net", "minus", "half", "swapped", "sum", "rate"

AT_NET: dict[Op, Callable[[float], float]] = {
    rules.sigmoid: lambda net: net * (1 - net),
    rules.tanh: lambda net: 1 - net * net,
}

Local: TypeAlias = Callable[[Value, int], float]
"""Gives for an operation and the position of an argument a local derivative."""


class Mistake(NamedTuple):
    """A usual mistake: its key, and the wrong number that it gives."""

    key: str
    number: float

    def sentence(self, lang: str | None = None) -> str:
        """Return what is wrong, in a language."""
        return say(f"mistake_{self.key}", lang)


def mistakes(graph: Graph, wrt: Value, learning_rate: float = 0.5) -> list[Mistake]:
    """Return the usual mistakes with ∂root/∂wrt that give another number than the right one.

    Args:
        graph: the visible graph, of Values and not of layers.
        wrt: a node of it, on which the root depends.
        learning_rate: for the updates that come too early.

    >>> from tinygrad_edu.see.graph import fold
    >>> from tinygrad_edu.three_layer import worked_example
    >>> example = worked_example()
    >>> for mistake in mistakes(fold(example["E_total"]), example["w1"])[:2]:
    ...     print(f"{mistake.key} {mistake.number:.9f}")
    path 0.000668396
    path -0.000229828
    """
    right = graph.adjoint[wrt]
    paths = graph.paths(wrt, MOST_PATHS)
    products = [multiplied(path) for path in paths]
    sums = [sum(edge.slope for edge in path) for path in paths]
    found = []
    if graph.path_count(wrt) > 1:
        found += [Mistake("path", product) for product in products]
        found += [Mistake("path", right - product) for product in products]
        found += [Mistake("sum", sum(sums)), Mistake("sum", prod(products))]
    for key, slope in _wrong_slopes(graph, wrt, graph.flows(wrt), learning_rate):
        incoming = {
            node: [(edge.source, slope(edge)) for edge in edges if edge.is_taken]
            for node, edges in graph.incoming.items()
        }
        found.append(Mistake(key, adjoints(graph.root, graph.nodes, incoming.__getitem__).get(wrt, 0.0)))
    found += [Mistake("minus", -right), *(Mistake("sum", number) for number in sums)]
    return _distinct(found, right)


def path_mistakes(graph: Graph, path: Sequence[Edge], learning_rate: float = 0.5) -> list[Mistake]:
    """Return the usual mistakes with the product of the local derivatives along a path.

    Args:
        graph: the visible graph.
        path: the edges of the path, the first one the source's, as ``Graph.paths`` gives it.
        learning_rate: for the updates that come too early.
    """
    right = multiplied(path)
    found = [
        Mistake(key, prod(map(slope, path)))
        for key, slope in _wrong_slopes(graph, path[0].source, path, learning_rate)
    ]
    found += [Mistake("minus", -right), Mistake("sum", sum(edge.slope for edge in path))]
    return _distinct(found, right)


def factor_mistakes(graph: Graph, edge: Edge, learning_rate: float = 0.5) -> list[Mistake]:
    """Return the usual mistakes with the derivative along one edge.

    >>> from tinygrad_edu.see.graph import fold
    >>> from tinygrad_edu.three_layer import worked_example
    >>> example = worked_example()
    >>> graph = fold(example["E_total"])
    >>> [edge] = graph.outgoing[example["net_o1"]]
    >>> [(mistake.key, round(mistake.number, 6)) for mistake in factor_mistakes(graph, edge)]
    [('at_net', -0.117122), ('minus', -0.186816)]
    """
    wrong = _wrong_slopes(graph, edge.source, [edge], learning_rate)
    found = [Mistake(key, slope(edge)) for key, slope in wrong]
    return _distinct([*found, Mistake("minus", -edge.slope)], edge.slope)


def update_mistakes(before: float, gradient: float, learning_rate: float) -> list[Mistake]:
    """Return the usual mistakes with one update of gradient descent.

    >>> [round(mistake.number, 6) for mistake in update_mistakes(0.4, 0.082167, 0.5)]
    [0.317833, 0.441084, 0.482167]
    """
    steps = -gradient, learning_rate * gradient, gradient
    return _distinct([Mistake("rate", before + step) for step in steps], before - learning_rate * gradient)


def _distinct(found: Iterable[Mistake], right: float) -> list[Mistake]:
    """Return the mistakes whose number is finite and not the right one, each once."""
    distinct: list[Mistake] = []
    for key, number in found:
        same = [other for other in distinct if other.key == key and isclose(other.number, number)]
        if isfinite(number) and not isclose(number, right) and not same:
            distinct.append(Mistake(key, number))
    return distinct


def _wrong_slopes(
    graph: Graph, wrt: Value, edges: Iterable[Edge], learning_rate: float
) -> Iterator[tuple[str, Callable[[Edge], float]]]:
    """Yield for every mistake with an operation what it makes of the slope of an edge."""
    edges = [*edges]
    for key, local in _wrong_locals(graph.root, wrt, learning_rate):
        slopes = {edge: _through(edge, local) for edge in edges}
        if any(slope != edge.slope for edge, slope in slopes.items()):
            yield key, lambda edge, slopes=slopes: slopes.get(edge, edge.slope)  # type: ignore[misc]
    for lost in edges:
        if _begins_with_minus(graph, lost):
            yield "minus", lambda edge, lost=lost: -edge.slope if edge is lost else edge.slope  # type: ignore[misc]


def _wrong_locals(root: Value, wrt: Value, learning_rate: float) -> Iterator[tuple[str, Local]]:
    """Yield for every mistake with an operation the local derivatives that it gives."""
    derivative = adjoints(root, topological_order(root), local_derivatives)

    def updated(value: Value, position: int) -> float:
        weight = _other_factor(value, position)
        if weight is None or weight.args or weight.is_constant or not value.args[position].args:
            return _right(value, position)
        before: float = weight.data
        moves = getattr(weight.group, "role", "weight") == "weight"
        return before - learning_rate * derivative.get(weight, 0.0) if moves else before

    def at_net(value: Value, position: int) -> float:
        wrong = AT_NET.get(value.op) if value.op else None
        return wrong(value.args[0].data) if wrong else _right(value, position)

    def half_times(by: float) -> Local:
        def half(value: Value, position: int) -> float:
            return _right(value, position) * (by if _halves(value) else 1.0)

        return half

    def swapped_where(at_wrt: bool) -> Local:
        def swapped(value: Value, position: int) -> float:
            arg: Value = value.args[position]
            other = _other_factor(value, position)
            swaps = other is not None and not other.is_constant and (arg is wrt) == at_wrt
            return arg.data if swaps else _right(value, position)

        return swapped

    yield "updated", updated
    yield "at_net", at_net
    yield from (("half", half_times(by)) for by in (2.0, 0.5))
    yield from (("swapped", swapped_where(at_wrt)) for at_wrt in (True, False))


def _right(value: Value, position: int) -> float:
    slope: float = value.slopes[position]
    return slope


def _through(edge: Edge, local: Local) -> float:
    """Return the slope of an edge, given other local derivatives for what lies between its ends."""
    if edge.position is not None:
        return local(edge.target, edge.position)

    def incoming(value: Value) -> list[tuple[Value, float]]:
        return [
            (arg, local(value, position))
            for position, (arg, slope) in enumerate(zip(value.args, value.slopes, strict=True))
            if is_taken(value, slope)
        ]

    slope: float = adjoints(edge.target, edge.between, incoming).get(edge.source, 0.0)
    return slope


def _other_factor(value: Value, position: int) -> Value | None:
    """Return what an argument is multiplied by in a product of two, or in a sum of such products."""
    if value.op not in (rules.mul, rules.dot):
        return None
    other: Value = value.args[(position + len(value.args) // 2) % len(value.args)]
    return other


def _halves(value: Value) -> bool:
    """Return whether an operation is one half of something."""
    numbers = [arg.data for arg in value.args if arg.is_constant]
    return (value.op is rules.mul and 0.5 in numbers) or (value.op is rules.div and numbers == [2.0])


def _begins_with_minus(graph: Graph, edge: Edge) -> bool:
    try:
        return str(edge.formula(graph.names)).startswith("−")
    except ValueError:  # it has no formula
        return bool(edge.slope < 0)
