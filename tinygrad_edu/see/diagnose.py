"""``diagnose``: what is wrong with a graph that does not learn, or that came out as NaN."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tinygrad_edu._common.text import in_markdown, one_line
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.errors import expect_values
from tinygrad_edu.engine.gradient import listed
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.program.forms import number
from tinygrad_edu.see.explain.reasons import SATURATING, SMALL
from tinygrad_edu.see.notation import written
from tinygrad_edu.see.place import Place

FAR = 100.0
"""How many times larger than an output a target is that is reported."""


class Diagnosis:
    """What ``diagnose`` found: false if it found nothing. ``print`` shows one finding a line.

    Attributes:
        findings: the sentences.
        origin: the first Value that is not finite, None if all are.
        path: the Values from there to the root by which it spread; empty if all are finite.
    """

    def __init__(self, findings: list[str], path: list[Value]) -> None:
        self.findings = findings
        self.path = path
        self.origin = path[0] if path else None

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __str__(self) -> str:
        return "\n".join(self.findings) or "Nothing unusual was found."

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": in_markdown(str(self)).replace("\n", "\n\n"), "text/plain": str(self)}

    def __repr__(self) -> str:
        return f"<Diagnosis: {len(self.findings)} finding{'s' * (len(self.findings) != 1)}>"


def diagnose(root: Value, parameters: Any = ()) -> Diagnosis:
    """Return what is unusual in a graph: where NaN or infinity arose, what is dead, saturated, or not used.

    Args:
        root: the Value whose graph it is, usually a loss.
        parameters: what is to be learnt: a network, or a list of Values. Those that the root does not depend
            on are reported.

    Raises:
        TypeError: if ``root`` is not a Value.

    >>> x = Value(float("inf"), "x")
    >>> y = x - x
    >>> y.label = "y"
    >>> print(diagnose(y * 2.0))
    x = inf is the first Value that is not finite. It is a leaf: the number was given.
    From there it spread: x → y → y·2.
    """
    wanted = listed(parameters.parameters() if hasattr(parameters, "parameters") else parameters)
    expect_values("diagnose(root, parameters) takes", root, *wanted)
    order = topological_order(root)
    path = _not_finite(root, order)
    findings = [*_spread(path), *_infinite_slopes(order), *_activations(order), *_unused(order, wanted)]
    return Diagnosis([*findings, *_far_targets(order)], path)


def _name(value: Value) -> str:
    return one_line(value.label) or str(written(value))[:60]


def _not_finite(root: Value, order: list[Value]) -> list[Value]:
    """Return the path by which the first number that is not finite reached the root, or came near it."""
    bad = {value for value in order if not math.isfinite(value.data)}
    if not bad:
        return []
    path = [next(value for value in order if value in bad)]
    while path[-1] is not root:
        users = (value for value in order if value in bad and path[-1] in value.args)
        following = next(users, None)
        if following is None:
            break
        path.append(following)
    return path


def _spread(path: list[Value]) -> list[str]:
    if not path:
        return []
    origin = path[0]
    said = f"{_name(origin)} = {number(origin.data)} is the first Value that is not finite."
    if origin.op is None:
        said += " It is a leaf: the number was given."
    else:
        given = ", ".join(f"{_name(arg)} = {number(arg.data)}" for arg in origin.args[:6])
        said += f" It was made by {origin.op.name} of {given}."
    names = [_name(value) for value in path]
    if len(names) > 8:
        names = [*names[:4], "…", *names[-3:]]
    return [said, f"From there it spread: {' → '.join(names)}."] if len(path) > 1 else [said]


def _infinite_slopes(order: list[Value]) -> list[str]:
    findings = []
    for value in order:
        if all(math.isfinite(arg.data) for arg in value.args):
            for arg, slope in zip(value.args, value.slopes, strict=True):
                if not math.isfinite(slope) and not arg.is_constant:
                    kind = (
                        "has no local derivative" if math.isnan(slope) else "has an infinite local derivative"
                    )
                    findings.append(f"{_name(value)} {kind} at {_name(arg)} = {number(arg.data)}.")
    return findings[:5]


def _activations(order: list[Value]) -> list[str]:
    """Report, layer by layer, the neurons that let nothing through for any of the examples in the graph."""
    off: dict[tuple[str, Any], list[bool]] = {}
    for value in order:
        if value.op is None or len(value.args) != 1:
            continue
        if value.op is rules.relu:
            kind, blocked = "ReLU", value.slopes[0] == 0
        elif value.op in SATURATING:
            kind, blocked = value.op.name, abs(value.slopes[0]) < SMALL
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
            where = "" if layer is None else f" of layer {layer}"
            what = (
                "off: nothing flows back through them" if kind == "ReLU" else "saturated: little flows back"
            )
            findings.append(f"{count} of {total[kind, layer]} {kind}s{where} are {what}.")
    return findings


def _unused(order: list[Value], wanted: list[Value]) -> list[str]:
    if not wanted:
        return []
    known = {*order}
    unused = [value for value in wanted if value not in known]
    if len(unused) == len(wanted):
        return [
            "The root depends on none of the parameters, so nothing can be learnt: it was built from plain "
            "numbers (.data, or functions of math) or from another network."
        ]
    if not unused:
        return []
    names = ", ".join(one_line(value.label) or "(no label)" for value in unused[:6])
    more = ", …" if len(unused) > 6 else ""
    return [f"The root does not depend on {len(unused)} of {len(wanted)} parameters: {names}{more}."]


def _far_targets(order: Iterable[Value]) -> list[str]:
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
    return [
        f"The target {number(target.data)} is far from the output {_name(output)} = {number(output.data)}: "
        "scale the targets to about −1 to 1 first."
    ]
