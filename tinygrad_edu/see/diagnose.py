"""``diagnose``: what is wrong with a graph that does not learn, or that came out as NaN."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tinygrad_edu._common.text import in_markdown, one_line, plural
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.errors import expect_values
from tinygrad_edu.engine.gradient import differentiable, listed
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.program.forms import number
from tinygrad_edu.see.explain.reasons import SATURATING, SMALL
from tinygrad_edu.see.notation import written
from tinygrad_edu.see.place import Place
from tinygrad_edu.see.words import chosen, say

FAR = 100.0
"""How many times larger than an output a target is that is reported."""

OFF = {"relu": "ReLU", "relu6": "ReLU6", "hardtanh": "hardtanh"}
"""Activations whose local derivative is 0 where they are off, and what they are called."""

SATURATED = {*(op.name for op in SATURATING), "elu", "selu", "erf", "softplus", "softsign"}
"""Activations whose local derivative is small far out only."""

SATURATED_BELOW, BELOW = {"gelu", "mish", "silu"}, -2.0
"""Activations that have their least value above this number, and are flat below it."""


class Diagnosis:
    """What ``diagnose`` found: false if it found nothing. ``print`` shows one finding a line.

    Attributes:
        findings: the sentences.
        origin: the first Value that is not finite, None if all are.
        path: the Values from there to the root by which it spread; empty if all are finite.
        lang: the language of the sentences.
    """

    def __init__(self, findings: list[str], path: list[Value], lang: str = "en") -> None:
        self.findings = findings
        self.path = path
        self.lang = lang
        self.origin = path[0] if path else None

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __str__(self) -> str:
        return "\n".join(self.findings) or say("nothing_unusual", self.lang)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": in_markdown(str(self)).replace("\n", "\n\n"), "text/plain": str(self)}

    def __repr__(self) -> str:
        return f"<Diagnosis: {len(self.findings)} {plural('finding', len(self.findings))}>"


def diagnose(root: Value, parameters: Any = (), *, lang: str | None = None) -> Diagnosis:
    """Return what is unusual in a graph: where NaN or infinity arose, what is dead, saturated, or not used.

    Args:
        root: the Value whose graph it is, usually a loss.
        parameters: what is to be learnt: a network, or a list of Values. Those that the root does not depend
            on are reported.
        lang: the language of the sentences, "en" or "zh"; that of ``language()`` if None.

    Raises:
        TypeError: if ``root`` is not a Value.
        UnknownNameError: for another language.

    >>> x = Value(float("inf"), "x")
    >>> y = x - x
    >>> y.label = "y"
    >>> print(diagnose(y * 2.0))
    x = inf is the first Value that is not finite. It is a leaf: the number was given.
    From there it spread: x → y → y·2.
    """
    wanted = listed(parameters.parameters() if hasattr(parameters, "parameters") else parameters)
    expect_values("diagnose(root, parameters) takes", root, *wanted)
    lang = chosen(lang)
    order = topological_order(root)
    path = _not_finite(order)
    findings = [
        *_spread(path, lang),
        *_infinite_slopes(order, lang),
        *_activations(order, lang),
        *_unused(root, wanted, lang),
        *_far_targets(order, lang),
    ]
    return Diagnosis(findings, path, lang)


def _name(value: Value) -> str:
    return one_line(value.label) or str(written(value))[:60]


def _not_finite(order: list[Value]) -> list[Value]:
    """Return the path by which the first number that is not finite reached the root, or came near it."""
    bad = [value for value in order if not math.isfinite(value.data)]
    following: dict[Value, Value] = {}  # the first one that is not finite either, made from each
    for value in bad:
        for arg in value.args:
            following.setdefault(arg, value)
    path = bad[:1]
    while path and path[-1] in following:
        path.append(following[path[-1]])
    return path


def _spread(path: list[Value], lang: str) -> list[str]:
    if not path:
        return []
    origin = path[0]
    given = ", ".join(f"{_name(arg)} = {number(arg.data)}" for arg in origin.args[:6])
    key, op = ("not_finite_made", origin.op.name) if origin.op else ("not_finite_leaf", "")
    said = say(key, lang, name=_name(origin), number=number(origin.data), op=op, given=given)
    shown = path if len(path) <= 8 else [*path[:4], None, *path[-3:]]
    names = ["…" if value is None else _name(value) for value in shown]
    return [said, say("spread", lang, path=" → ".join(names))] if len(path) > 1 else [said]


def _infinite_slopes(order: list[Value], lang: str) -> list[str]:
    findings = []
    for value in order:
        if all(math.isfinite(arg.data) for arg in value.args):
            for arg, slope in zip(value.args, value.slopes, strict=True):
                if not math.isfinite(slope) and not arg.is_constant:
                    key = "slope_missing" if math.isnan(slope) else "slope_infinite"
                    at = f"{_name(arg)} = {number(arg.data)}"
                    findings.append(say(key, lang, name=_name(value), at=at))
    return findings[:5]


def _activations(order: list[Value], lang: str) -> list[str]:
    """Report, layer by layer, the neurons that let nothing through for any of the examples in the graph."""
    off: dict[tuple[str, Any], list[bool]] = {}
    for value in order:
        if value.op is None or len(value.args) != 1:
            continue
        kind, slope = value.op.name, abs(value.slopes[0])
        if kind in OFF:
            blocked = slope == 0
        elif kind in SATURATED or (kind in SATURATED_BELOW and value.args[0].data < BELOW):
            blocked = slope < SMALL
        elif kind in SATURATED_BELOW:
            blocked = False
        else:
            continue
        place = value.group if isinstance(value.group, Place) else None
        key = (place.layer, place.neuron) if place else (None, value)
        off.setdefault((kind, key), []).append(blocked)
    total: Counter[Any] = Counter()
    blocked_everywhere: Counter[Any] = Counter()
    for (kind, (layer, _)), states in off.items():
        total[kind, layer] += 1
        blocked_everywhere[kind, layer] += all(states)
    findings = []
    for (kind, layer), count in blocked_everywhere.items():
        if count:
            state = "off" if kind in OFF else "saturated"
            where = "somewhere" if layer is None else "in_layer"
            numbers = {"count": count, "total": total[kind, layer], "layer": layer}
            findings.append(say(f"count_{state}_{where}", lang, kind=OFF.get(kind, kind), **numbers))
    return findings


def _unused(root: Value, wanted: list[Value], lang: str) -> list[str]:
    if not wanted:
        return []
    known = {*differentiable(root)}
    unused = [value for value in wanted if value not in known]
    if len(unused) == len(wanted):
        return [say("all_unused", lang)]
    if not unused:
        return []
    names = ", ".join(one_line(value.label) or say("no_label", lang) for value in unused[:6])
    names += ", …" if len(unused) > 6 else ""
    return [say("unused", lang, count=len(unused), total=len(wanted), names=names)]


def _far_targets(order: Iterable[Value], lang: str) -> list[str]:
    """Report targets that are far from the outputs' scale: a network would have to learn the scale first."""
    ratios = []
    for value in order:
        if value.op is rules.sub:
            for target, output in (value.args, value.args[::-1]):
                place = output.group
                if isinstance(place, Place) and place.role == "out" and target.op is None:
                    ratios.append((abs(target.data) / max(1.0, abs(output.data)), target, output))
    far, target, output = max(ratios, key=lambda entry: entry[0], default=(0.0, None, None))
    if far <= FAR or target is None or output is None:
        return []
    numbers = {"target": number(target.data), "output": number(output.data)}
    return [say("far_target", lang, name=_name(output), **numbers)]
