"""What makes a derivative zero or small, in sentences."""

from collections.abc import Iterable

from tinygrad_edu import ops
from tinygrad_edu.see.graph import Edge, Graph
from tinygrad_edu.see.notation import number, written
from tinygrad_edu.see.term import partial
from tinygrad_edu.engine.value import Value

SMALL = 0.05  # a fifth of the steepest slope of a sigmoid, a twentieth of a tanh's


def reasons(graph: Graph, wrt: Value, steps: Iterable[Edge]) -> list[str]:
    """Return what makes a derivative zero or small: saturation, zeros, cancelling.

    Only what lies on every way is to blame; where there is no such thing, a flat place on each of the ways.

    Args:
        graph: what is visible.
        wrt: the Value with respect to which the root is differentiated.
        steps: the edges on the ways from it to the root.

    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.see.graph import fold
    >>> x = Value(8.0, "x")
    >>> out = x.sigmoid()
    >>> out.label = "out"
    >>> graph = fold(out)
    >>> print(*reasons(graph, x, graph.edges))
    out is saturated: at x = 8 its slope is only 0.000335238.
    """
    narrow = graph.bottlenecks(wrt)
    flat = {edge: sentences for edge in steps if (sentences := _flat_places(edge, graph))}
    blamed = [edge for edge in flat if edge in narrow]
    if not blamed and graph.is_cut_off(wrt, without=flat):
        blamed = [*flat]
    sentences = [sentence for edge in blamed for sentence in flat[edge]]
    for node in dict.fromkeys(edge.source for edge in steps):
        amounts = [graph.adjoint[edge.target] * edge.slope for edge in graph.outgoing[node]]
        if node in narrow and abs(sum(amounts)) < SMALL * sum(map(abs, amounts)):
            listed = " and ".join(map(number, amounts))
            sentences.append(f"At {graph.names[node]} what comes back along its edges cancels: {listed}.")
    return list(dict.fromkeys(sentences))


def _flat_places(edge: Edge, graph: Graph) -> list[str]:
    """Return a sentence for every activation that lets little through, or else for a slope of 0."""
    sentences = [sentence for value in _between(edge) if (sentence := _flat(value, graph))]
    if edge.slope == 0 and not sentences:
        formula = edge.formula(graph.names)
        because = "" if formula == "0" else f" = {formula}"
        sentences = [
            f"The factor {partial(graph.names[edge.target], graph.names[edge.source])}{because} is 0."
        ]
    return sentences


def _between(edge: Edge) -> list[Value]:
    """Return the Values on the way from the source of the edge to its target, the target's included."""
    on_the_way = {edge.source}
    for value in edge.between:
        if any(arg in on_the_way for arg in value.args):
            on_the_way.add(value)
    return [value for value in edge.between if value in on_the_way]


def _flat(value: Value, graph: Graph) -> str:
    """Return the sentence for an activation that lets little or nothing through, else ""."""
    if value.op is None or len(value.args) != 1:
        return ""
    slope, argument = value.slopes[0], value.args[0]
    name = graph.names.get(value) or written(value)[:60]
    at = f"at {graph.names.get(argument) or written(argument)[:60]} = {number(argument.data)}"
    if value.op in (ops.sigmoid, ops.tanh) and abs(slope) < SMALL:
        return f"{name} is saturated: {at} its slope is " + (f"only {number(slope)}." if slope else "0.")
    if value.op is ops.relu and slope == 0:
        return f"{name} is off: {at} the ReLU passes nothing on, its slope is 0."
    return ""
