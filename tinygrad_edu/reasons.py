"""What makes a derivative zero or small, in sentences."""

from collections.abc import Iterable

from tinygrad_edu import ops
from tinygrad_edu.graph import Edge, Graph
from tinygrad_edu.notation import number, written
from tinygrad_edu.value import Value

SMALL = 0.05  # a fifth of the steepest slope of a sigmoid, a twentieth of a tanh's


def reasons(graph: Graph, steps: Iterable[Edge]) -> list[str]:
    """Return what makes the derivative along these edges zero or small: saturation, zeros, cancelling.

    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.graph import fold
    >>> x = Value(8.0, "x")
    >>> out = x.sigmoid()
    >>> out.label = "out"
    >>> graph = fold(out)
    >>> print(*reasons(graph, graph.edges))
    out is saturated: at x = 8 its slope is only 0.000335238.
    """
    steps = list(steps)
    sentences: list[str] = []
    for edge in steps:
        known = [_flat(value, graph) for value in _between(edge)]
        sentences += filter(None, known)
        if edge.slope == 0 and not any(known):
            factor = f"∂{graph.names[edge.target]}/∂{graph.names[edge.source]}"
            formula = edge.formula(graph.names)
            because = "" if formula == "0" else f" = {formula}"
            sentences.append(f"The factor {factor}{because} is 0.")
    for node in dict.fromkeys(edge.source for edge in steps):
        amounts = [graph.adjoint[edge.target] * edge.slope for edge in graph.outgoing[node]]
        if abs(sum(amounts)) < SMALL * sum(map(abs, amounts)):
            listed = " and ".join(map(number, amounts))
            sentences.append(f"At {graph.names[node]} what comes back along its edges cancels: {listed}.")
    return list(dict.fromkeys(sentences))


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
        return f"{name} is saturated: {at} its slope is " + (f"only {slope:.6g}." if slope else "0.")
    if value.op is ops.relu and slope == 0:
        return f"{name} is off: {at} the ReLU passes nothing on, its slope is 0."
    return ""
