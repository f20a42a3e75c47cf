"""What makes a derivative zero or small, in sentences."""

from collections.abc import Iterable
from operator import attrgetter

from tinygrad_edu.engine import rules
from tinygrad_edu.engine.gradient import reached
from tinygrad_edu.engine.value import Value
from tinygrad_edu.program.forms import number
from tinygrad_edu.see.graph import Edge, Graph
from tinygrad_edu.see.notation import derivative, written
from tinygrad_edu.see.words import say

SMALL = 0.05  # a fifth of the steepest slope of a sigmoid, a twentieth of that of tanh

SATURATING = (rules.sigmoid, rules.tanh)


def reasons(graph: Graph, wrt: Value, edges: Iterable[Edge], lang: str | None = None) -> list[str]:
    """Return what makes a derivative zero or small: saturation, zeros, cancelling, ``stop_gradient``.

    A place that lets little through is reported only if every path runs through it. If no single place is
    on all paths but such places block every path together, they are all reported. What ``stop_gradient``
    cuts off is always reported.

    Args:
        graph: what is visible.
        wrt: the Value with respect to which the root is differentiated.
        edges: the edges on the paths from it to the root.
        lang: the language of the sentences.

    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.see.graph import fold
    >>> x = Value(8.0, "x")
    >>> out = x.sigmoid()
    >>> out.label = "out"
    >>> graph = fold(out)
    >>> print(*reasons(graph, x, graph.edges))
    out is saturated: at x = 8 its local derivative is only 0.000335238.
    """
    edges = [*edges]
    narrow = graph.bottlenecks(wrt)
    flat = {edge: sentences for edge in edges if (sentences := _flat_places(edge, graph, lang))}
    blamed = [edge for edge in flat if edge in narrow]
    if not blamed and graph.is_cut_off(wrt, without=flat):
        blamed = [*flat]
    sentences = [sentence for edge in blamed for sentence in flat[edge]]
    moving = graph.tangents(wrt)
    stopped = [edge for node in moving for edge in graph.outgoing[node] if edge.is_stopped]
    sentences += [say("stopped", lang, name=graph.names[edge.target]) for edge in stopped]
    for node in dict.fromkeys(edge.source for edge in edges):
        amounts = [*map(graph.contribution, graph.outgoing[node])]
        if node in narrow and abs(sum(amounts)) < SMALL * sum(map(abs, amounts)):
            listed = say("and", lang).join(map(number, amounts))
            sentences.append(say("cancel", lang, name=graph.names[node], amounts=listed))
    return list(dict.fromkeys(sentences))


def _flat_places(edge: Edge, graph: Graph, lang: str | None) -> list[str]:
    """Return a sentence for every activation that lets little through, or else for a slope of 0."""
    on_path = reached(edge.between, attrgetter("args"), {edge.source})
    values = [value for value in edge.between if value in on_path]
    sentences = [sentence for value in values if (sentence := _flat(value, graph, lang))]
    if edge.slope == 0 and not sentences:
        symbol = derivative(graph.names[edge.target], graph.names[edge.source])
        sentences = [say("factor_zero", lang, factor=f"{symbol}{_because(edge, graph)}")]
    return sentences


def _because(edge: Edge, graph: Graph) -> str:
    try:
        formula = edge.formula(graph.names)
    except ValueError:  # the rule of the operation is not known
        return ""
    return "" if formula == "0" else f" = {formula}"


def _flat(value: Value, graph: Graph, lang: str | None) -> str:
    """Return the sentence for an activation that lets little or nothing through, else ""."""
    if value.op is None or len(value.args) != 1:
        return ""
    slope, argument = value.slopes[0], value.args[0]
    name = graph.names.get(value) or written(value)[:60]
    at = f"{graph.names.get(argument) or written(argument)[:60]} = {number(argument.data)}"
    if value.op in SATURATING and abs(slope) < SMALL:
        key = "saturated" if slope else "saturated_to_zero"
        return say(key, lang, name=name, at=at, slope=number(slope))
    if value.op is rules.relu and slope == 0:
        return say("relu_off", lang, name=name, at=at)
    return ""
