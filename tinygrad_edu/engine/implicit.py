"""``implicit``: the derivative of what a solver found, by the implicit function theorem."""

from collections.abc import Iterable, Sequence
from typing import overload

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.derivatives import jacobian
from tinygrad_edu.engine.errors import expect_values
from tinygrad_edu.engine.gradient import listed, order_of, replayed
from tinygrad_edu.engine.value import Value

SOLVED = 1e-6
"""How far one more Newton step may move a solution, in proportion to its size."""


@overload
def implicit(residual: Value, unknown: Value) -> Value: ...
@overload
def implicit(residual: Iterable[Value], unknown: Iterable[Value]) -> list[Value]: ...
def implicit(residual: Value | Iterable[Value], unknown: Value | Iterable[Value]) -> Value | list[Value]:
    """Return the solution of residual = 0 as a Value that knows how it depends on everything else.

    Solve first, with plain numbers and any method. Then build the residual once, at the solution. If
    r(x, p) = 0 defines x, then ∂x/∂p = −(∂r/∂x)⁻¹ · ∂r/∂p: the steps of the solver do not matter, so they
    need not be recorded. The result is x − (∂r/∂x)⁻¹ · r(x, p) with x held fixed, a Newton step, which has
    this derivative and does not move a solution. First derivatives are exact; second derivatives are not.

    Args:
        residual: the Value that is 0 at the solution, or one for each unknown.
        unknown: the leaf that holds the solution, or several.

    Raises:
        ValueError: if the numbers are no solution, or ∂r/∂x is not invertible there.

    >>> p = Value(2.0, "p")
    >>> x = Value(2.0**0.5, "x")  # found by a solver: x·x = p
    >>> root = implicit(x * x - p, x)
    >>> root.backward()
    >>> round(p.grad, 12) == round(0.5 / 2.0**0.5, 12), x.grad
    (True, 0.0)
    """
    residuals, unknowns = listed(residual), listed(unknown)
    expect_values("implicit(residual, unknown) takes", *residuals, *unknowns)
    if len(residuals) != len(unknowns):
        raise ValueError(f"{len(unknowns)} unknowns need {len(unknowns)} residuals, not {len(residuals)}")
    inverse = _inverse(jacobian(residuals, unknowns))
    fixed = {x: x._restore(x.data, 0.0, x.label, None, True, None, (), ()) for x in unknowns}
    known = replayed(order_of(residuals), fixed)
    solutions = []
    for x, row in zip(unknowns, inverse, strict=True):
        solution = fixed[x]
        for factor, r in zip(row, residuals, strict=True):
            solution = solution - factor * known[r]
        if not abs(solution.data - x.data) <= SOLVED * max(1.0, abs(x.data)):
            name = one_line(x.label) or "the unknown"
            raise ValueError(
                f"{name} = {x.data!r} is no solution: a Newton step leads to {solution.data!r}. Solve "
                "first, then build the residual at the solution"
            )
        solution.label = x.label
        solutions.append(solution)
    return solutions[0] if isinstance(unknown, Value) else solutions


def _inverse(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return the inverse of a small matrix, by elimination with the largest pivot."""
    size = len(matrix)
    rows = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        pivot = max(range(i, size), key=lambda k: abs(rows[k][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        if not abs(rows[i][i]) > 1e-12 * max(map(abs, rows[i][:size]), default=0.0):
            raise ValueError(
                "the residual does not determine the unknown: ∂residual/∂unknown is not invertible there"
            )
        rows[i] = [entry / rows[i][i] for entry in rows[i]]
        for k in range(size):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[size:] for row in rows]
