"""Random graphs over the whole table, and all that comes of them as text, to compare the engines.

Run as a program it prints one line for each graph: ``python whole_table.py 10000``.
"""

import math
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_edu import Value
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.op import TABLE, Op

ORDINARY = [2, 0.5, -0.75, 1.0, True]
SPECIAL = [0.0, -0.0, 1e-310, -1e-160, 1e200, -1e308, 709.9, -745.2, math.inf, -math.inf, math.nan, 10**400]
PARAMETERS = [2, 3, 0, 1, -1, 0.5, -0.5, 2.5, 4.0, 0.01, -3]


def number(x: float) -> str:
    """Return a float exactly; every NaN is one."""
    return "nan" if x != x else x.hex()


def attempt(of: Callable[[], Any]) -> tuple[Any, str]:
    """Return the result, and the error that was raised instead as text."""
    try:
        return of(), ""
    except (ArithmeticError, ValueError, TypeError) as error:
        return None, f"{type(error).__name__}: {error}"


def apply(rng: random.Random, op: Op, pick: Callable[[], Any]) -> Any:
    """Apply an operation as a function, as a method, as an operator, or with a list of its arguments."""
    if op.over_lists:
        length = rng.choice([1, 1, 2, 3, 5, 9, 0])
        lists: list[Any] = [[pick() for _ in range(length)] for _ in range(op.arity)]
        return op(*(rng.choice([list, tuple, iter])(row) for row in lists))
    args = [pick() for _ in range(op.arity)]
    parameters = [rng.choice(PARAMETERS) for _ in op.takes]
    form = rng.random()
    if op.takes and form < 0.3 and op.name != "power":
        parameters = [] if op.name != "clip" else parameters
        return (
            op(*args, *parameters)
            if form < 0.2
            else op(*args, **dict(zip(op.takes, parameters, strict=False)))
        )
    if op.name in OPERATORS and form < 0.6 and any(isinstance(arg, Value) for arg in args):
        return OPERATORS[op.name](*args, *parameters)
    if form < 0.8 and isinstance(args[0], Value) and hasattr(Value, op.name):
        return getattr(args[0], op.name)(*args[1:], *parameters)
    return op(*args, *parameters)


OPERATORS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x**y,
    "power": lambda x, n: x**n,
    "neg": lambda x: -x,
    "abs": abs,
}


def outcomes(seed: int) -> Iterator[str]:
    """Yield what happens when a random graph is made, differentiated, changed and computed anew."""
    rng = random.Random(seed)
    special = 0.0 if seed % 3 else 0.15  # every third graph has unusual numbers
    table = [op for op in TABLE.values() if not op.name.startswith("test_")]

    def pick_number() -> float:
        return rng.choice(SPECIAL) if rng.random() < special else rng.choice([*ORDINARY, rng.uniform(-3, 3)])

    values: list[Value] = []
    for name in "abc":
        made, error = attempt(lambda name=name: Value(pick_number(), name))
        yield error
        values.append(made or Value(0.5, name))
    leaves = values[:]

    def pick() -> Any:
        return rng.choice(values[-8:]) if rng.random() < 0.75 else pick_number()

    for _ in range(rng.choice([3, 10, 30])):
        op = rng.choice(table)
        made, error = attempt(lambda op=op: apply(rng, op, pick))
        yield f"{op.name} {error}"
        if isinstance(made, Value):
            yield " ".join([str(made.op), number(made.data), *map(number, made.slopes)])
            if abs(made.data) < 1e3 or rng.random() < special:
                values.append(made)
                made.label = rng.choice(["", "v"])
        elif made is not None:
            yield number(made)
    root = values[-1]
    if rng.random() < 0.5:
        root, error = attempt(lambda: rules.sum(values))
        yield error
        root = root or values[-1]
    for _ in range(2):
        yield attempt(root.backward)[1]
        yield " ".join(number(value.grad) for value in values)
        leaf = rng.choice(leaves)
        leaf.data = leaf.data if rng.random() < 0.1 else rng.uniform(-2, 2)
        yield attempt(root.backward)[1]
        yield attempt(root.forward)[1]
        yield " ".join(number(x) for value in values for x in (value.data, *value.slopes))
    attempt(root.backward)
    yield " ".join(number(value.grad) for value in values)


def line(seed: int) -> str:
    """Return all of a graph in one line."""
    return "; ".join(outcomes(seed))


if __name__ == "__main__":
    for seed in range(int(sys.argv[1])):
        print(line(seed))
