"""``implicit``: the derivative of what a solver found, by the implicit function theorem."""

from collections.abc import Iterable, Sequence
from typing import overload

from tinygrad_edu._common.checks import whole
from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.derivatives import jacobian
from tinygrad_edu.engine.errors import expect_values
from tinygrad_edu.engine.gradient import listed, order_of, replayed
from tinygrad_edu.engine.value import Value

SOLVED = 1e-6
"""How far one more Newton step may move a solution, in proportion to its size."""

ZERO = 1e-5
"""A solution that is nearer to 0 is measured as one of this size."""


@overload
def implicit(residual: Value, unknown: Value, order: int = ...) -> Value: ...
@overload
def implicit(residual: Iterable[Value], unknown: Iterable[Value], order: int = ...) -> list[Value]: ...
def implicit(
    residual: Value | Iterable[Value], unknown: Value | Iterable[Value], order: int = 2
) -> Value | list[Value]:
    """Return the solution of residual = 0 as a Value that knows how it depends on everything else.

    Solve first, with plain numbers and any method. Then build the residual once, at the solution. If
    r(x, p) = 0 defines x, then ∂x/∂p = −(∂r/∂x)⁻¹ · ∂r/∂p: the steps of the solver do not matter, so they
    need not be recorded. The result is x − (∂r/∂x)⁻¹ · r(x, p) with x and ∂r/∂x held fixed, a Newton step,
    which has this derivative and does not move a solution. Each further step makes the derivatives of one
    more order exact. After another number was assigned to p, solve again and call ``implicit`` again.

    Args:
        residual: the Value that is 0 at the solution, or one for each unknown.
        unknown: the leaf that holds the solution, or several.
        order: the highest order of derivatives that are exact, at least 1; those of higher order are not.

    Raises:
        ValueError: if the numbers are no solution, ∂r/∂x is not invertible there, or ``order`` is no whole
            number of at least 1.

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
    found = {x: x._restore(x.data, 0.0, x.label, None, True, None, (), ()) for x in unknowns}
    graph = order_of(residuals)
    for _ in range(whole("order", order, 1)):
        known = replayed(graph, found)
        for x, row in zip(unknowns, inverse, strict=True):
            for factor, r in zip(row, residuals, strict=True):
                found[x] = found[x] - factor * known[r]
        for x in unknowns:
            _expect_unmoved(x, found[x])
    for x in unknowns:
        found[x].label = x.label
    return found[unknown] if isinstance(unknown, Value) else [found[x] for x in unknowns]


def _expect_unmoved(x: Value, moved: Value) -> None:
    if not abs(moved.data - x.data) <= SOLVED * max(ZERO, abs(x.data)):
        name = one_line(x.label) or "the unknown"
        raise ValueError(
            f"{name} = {x.data!r} is no solution: a Newton step leads to {moved.data!r}. Solve first, then "
            "build the residual at the solution"
        )


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
