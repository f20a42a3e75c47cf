"""The factor budget of a derivative: which factors make it small or large, and what the other paths do."""

from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.graph import Edge, Graph, multiplied
from tinygrad_edu.see.words import say

MOST_FACTORS = 10  # that a sentence lists


def budget(graph: Graph, wrt: Value) -> list[tuple[Edge | None, float]]:
    """Return ∂root/∂wrt as one product: the factors of the strongest path, and one for all other paths.

    Args:
        graph: what is visible.
        wrt: the Value with respect to which the root is differentiated.

    Returns:
        Each factor with its edge, the root's first. Where there are other paths, the last factor has no
        edge: it is the derivative divided by the product along the strongest path.

    >>> from tinygrad_edu import worked_example
    >>> from tinygrad_edu.see.graph import fold
    >>> example = worked_example()
    >>> [round(factor, 3) for _, factor in budget(fold(example["E_total"]), example["w1"])]
    [0.741, 0.187, 0.4, 0.241, 0.05, 0.656]
    """
    strongest = graph.paths(wrt, 1)[0][::-1]
    factors: list[tuple[Edge | None, float]] = [(edge, edge.slope) for edge in strongest]
    product = multiplied(strongest)
    if graph.path_count(wrt) > 1 and product:
        factors.append((None, graph.adjoint[wrt] / product))
    return factors


def budget_sentence(graph: Graph, wrt: Value, lang: str | None = None) -> str:
    """Return the factor budget in words, "" if there is only one factor.

    >>> from tinygrad_edu import worked_example
    >>> from tinygrad_edu.see.graph import fold
    >>> example = worked_example()
    >>> sentence = budget_sentence(fold(example["E_total"]), example["w1"])
    >>> for part in sentence.split("; ")[-2:]:
    ...     print(part)
    × 0.05 from the input i1
    × 0.656: the other paths cancel 34% of it.
    """
    telling = [(edge, factor) for edge, factor in budget(graph, wrt) if abs(factor) != 1]
    if len(telling) > MOST_FACTORS:
        telling = sorted(telling, key=lambda item: min(abs(item[1]), 1 / (abs(item[1]) or 1e-300)))[
            :MOST_FACTORS
        ]
    items = [_factor(graph, edge, factor, lang) for edge, factor in telling]
    return say("budget_all", lang, factors=say("budget_and", lang).join(items)) if len(items) > 1 else ""


def _factor(graph: Graph, edge: Edge | None, factor: float, lang: str | None) -> str:
    times = f"× {factor:.3g}".replace("-", "−")
    if edge is None:
        key = "budget_turn" if factor < 0 else "budget_cancel" if factor < 1 else "budget_add"
        return say(key, lang, times=times, percent=f"{100 * abs(1 - factor):.2g}")
    names, target = graph.names, graph.names[edge.target]
    made = [value for value in edge.between if value.op]
    op = made[0].op.name if len(made) == 1 and len(made[0].args) == 1 else ""
    try:
        slope = edge.expression()
    except ValueError:  # the slope is infinite, or the rule of an operation is not known
        return say("budget_op", lang, times=times, op=op or edge.target.op.name, target=target)
    if isinstance(slope, Value) and slope in names and slope is not edge.target:
        role = getattr(slope.group, "role", "") if not slope.args else ""
        role = role if role in ("input", "weight", "bias", "target") else "value"
        return say(f"budget_{role}", lang, times=times, name=names[slope])
    if op:
        kind = op if op in ("sigmoid", "tanh") else "op"
        return say(f"budget_{kind}", lang, times=times, op=op, target=target)
    return say("budget_formula", lang, times=times, formula=edge.formula(names), target=target)
