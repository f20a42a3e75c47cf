"""Random graphs of smooth operations, with shared parts, to compare one way of computing with another."""

import random

from oracle import KINKED, apply, operations

from tinygrad_edu import DomainError, Value
from tinygrad_edu.engine import rules

SMOOTH = [op for op in operations() if op.name not in KINKED]
NAMES = "abcdfghjklmnopqrstuvwxyz"  # e would be read as the base of exp


def random_graph(seed: int, size: int = 14, labelled: float = 0.5) -> tuple[Value, list[Value]]:
    """Return the root and the three leaves of a random graph; the same for the same seed.

    Args:
        seed: which graph.
        size: how many operations it has, beside the sum that collects what nothing else uses.
        labelled: the share of the operations whose results have a label, as the leaves have.
    """
    rng = random.Random(seed)
    names = iter(NAMES)
    values = [Value(round(rng.uniform(-2, 2), 3), next(names)) for _ in range(3)]
    leaves = values[:]
    while len(values) < len(leaves) + size:
        op = rng.choice(SMOOTH)
        count = rng.choice([2, 4]) if op.over_lists else op.arity
        args = [rng.choice(values[-6:]), *rng.choices([*values[-6:], 2, -0.5], k=count - 1)]
        try:
            value = apply(op, args)
        except DomainError:
            continue
        if 1e-2 < abs(value.data) < 1e2 and all(abs(slope) < 1e2 for slope in value.slopes):
            value.label = next(names) if rng.random() < labelled else ""
            values.append(value)
    used = {arg for value in values for arg in value.args}
    return rules.sum([value for value in values if value not in used]), leaves
