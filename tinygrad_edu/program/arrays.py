"""Programs on arrays of numbers: every statement runs on a whole column of examples at once, in NumPy."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_edu.engine.op import Op
from tinygrad_edu.program.languages import NUMPY, helpers, write
from tinygrad_edu.program.python import LARGEST
from tinygrad_edu.program.statements import Program

_BLOCK = 4096
"""How many examples are computed at once: columns of so many fit the cache."""


def batch_function(
    program: Program, count: int, names: Sequence[str], row: Callable[[list[float]], Sequence[float]]
) -> Callable[[Any], Any]:
    """Return a function of an array of shape (examples, inputs) that gives one of shape (examples, outputs).

    Args:
        program: what it computes.
        count: how many of its outputs to return; the others only have to exist.
        names: what the inputs are called in messages.
        row: computes the outputs of a single example, or raises an error that says why not. It is asked
            where a result is not finite, and for all examples where NumPy meets an overflow or a pole.
    """
    import numpy as np

    namespace: dict[str, Any] = {"np": np, "math": math}

    def call(op: Op) -> str:
        name = f"k{len(namespace)}"
        namespace[name] = np.vectorize(op.value, otypes=[float])
        return name

    if len(program.statements) <= LARGEST:
        lines, outputs = write(program, NUMPY, call)
        given = "".join([f"v{i}, " for i in range(1, len(program.inputs) + 1)])
        body = [
            f"{given or '()'} = columns",
            *lines,
            *[f"out[{i}] = {term}" for i, term in enumerate(outputs)],
        ]
        text = [*helpers(lines, NUMPY), "def columnwise(columns, out):", *[f"    {line}" for line in body]]
        exec("\n".join(text), namespace)
    columnwise: Callable[..., None] | None = namespace.get("columnwise")

    def batch(X: Any) -> Any:
        X = np.asarray(X, dtype=float)
        if X.ndim != 2 or X.shape[1] != len(program.inputs):
            raise ValueError(
                f"X has one row for each example and {len(program.inputs)} columns "
                f"({', '.join(names[:8])}{', …' if len(names) > 8 else ''}), not the shape {X.shape}"
            )
        out = np.empty((len(program.outputs), len(X)))
        try:
            if columnwise is None:
                raise OverflowError  # the text is too large to be compiled
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                for first in range(0, len(X), _BLOCK):
                    block = slice(first, first + _BLOCK)
                    columnwise(np.ascontiguousarray(X[block].T), out[:, block])
        except (ArithmeticError, ValueError):
            out.fill(np.nan)
        if not np.isfinite(out).all():
            for i in np.flatnonzero(~np.isfinite(out).all(axis=0)):
                try:
                    out[:count, i] = row(X[i].tolist())
                except ValueError as error:
                    raise type(error)(f"row {i}: {error}") from None
        return out[:count].T

    return batch
