"""Random graphs with shared parts, to compare one way of computing with another."""

import random
from collections.abc import Sequence

from oracle import KINKED, apply, operations

from tinygrad_edu import DomainError, Value
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.op import Op

SMOOTH = [op for op in operations() if op.name not in KINKED]
NAMES = "abcdfghjklmnopqrstuvwxyz"  # e would be read as the base of exp


def random_graph(
    seed: int, size: int = 14, labelled: float = 0.5, table: Sequence[Op] = SMOOTH
) -> tuple[Value, list[Value]]:
    """Return the root and the three leaves of a random graph; the same for the same seed.

    Args:
        seed: which graph.
        size: how many operations it has, beside the sum that collects what nothing else uses.
        labelled: the share of the operations whose results have a label, as the leaves have.
        table: the operations to choose from. Those with kinks and jumps are used away from these.
    """
    rng = random.Random(seed)
    names = iter(NAMES)
    values = [Value(round(rng.uniform(-2, 2), 3), next(names)) for _ in range(3)]
    leaves = values[:]
    while len(values) < len(leaves) + size:
        op = rng.choice(table)
        count = rng.choice([2, 4]) if op.over_lists else op.arity
        args = [rng.choice(values[-6:]), *rng.choices([*values[-6:], 2, -0.5], k=count - 1)]
        try:
            value = apply(op, args)
        except DomainError:
            continue
        if op.name in KINKED and _near_a_kink(value):
            continue
        if 1e-2 < abs(value.data) < 1e2 and all(abs(slope) < 1e2 for slope in value.slopes):
            value.label = next(names, "") if rng.random() < labelled else ""
            values.append(value)
    used = {arg for value in values for arg in value.args}
    return rules.sum([value for value in values if value not in used]), leaves


def _near_a_kink(value: Value) -> bool:
    """Return whether a small change of one argument makes the number or a slope jump."""
    assert value.op is not None
    numbers = [arg.data for arg in value.args]
    for place, step in [(place, step) for place in range(len(numbers)) for step in (1e-6, -1e-6)]:
        z, slopes = value.op.compute([x + step * (i == place) for i, x in enumerate(numbers)])
        pairs = zip([z, *slopes], [value.data, *value.slopes], strict=True)
        if any(abs(x - y) > 1e-3 for x, y in pairs):
            return True
    return False


def without_a_rule(x: Value) -> Value:
    """Return a square as the lecture adds one: only the numbers of its slopes are known."""
    square = Value(x.data**2, (x,), "square")

    def backward() -> None:
        x.grad += 2 * x.data * square.grad

    square._backward = backward
    return square
