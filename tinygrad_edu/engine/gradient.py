"""Derivatives as Values: graphs that can be printed, drawn and differentiated again."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, overload

from tinygrad_edu import ops
from tinygrad_edu.engine.value import Value, topological_order


@overload
def gradient(root: Value, wrt: Value) -> Value: ...
@overload
def gradient(root: Value, wrt: Iterable[Value]) -> list[Value]: ...
def gradient(root: Value, wrt: Value | Iterable[Value]) -> Value | list[Value]:
    """Return the derivative of ``root`` with respect to one Value, or to each of several, as new Values.

    The rules of the table are run on Values in place of numbers, so the result is itself a graph, and
    ``gradient`` applies to it again. Nothing is stored on the Values of ``root``. The derivative is 0
    where ``root`` does not depend on a Value. After assigning to a leaf, call ``root.forward()`` first.

    Raises:
        TypeError: if ``root`` or one of ``wrt`` is not a Value.
        CycleError: if the graph has a cycle.
        DomainError: if a slope, as an expression, has no value or itself an infinite slope there, as the
            slope 1.5·x^(0.5) of x ** 1.5 has at 0.

    >>> x = Value(3.0, "x")
    >>> slope = gradient(x**3, x)
    >>> slope.data, gradient(slope, x).data, gradient(gradient(slope, x), x).data
    (27.0, 18.0, 6.0)
    """
    sources = list(wrt) if isinstance(wrt, Iterable) else [wrt]
    expect_values("gradient(root, wrt) takes", root, *sources)
    order = topological_order(root)
    adjoint = adjoints(root, order, symbolic_slopes, sources)
    known = set(order)
    derivatives: list[Value] = []
    for source in sources:
        derivative = adjoint.get(source, 0.0)
        if isinstance(derivative, float):
            derivative = Value(derivative)
        elif derivative in known:  # d(x·y)/dx is y; hand out another, so that labelling it leaves y alone
            derivative = 1.0 * derivative
        known.add(derivative)
        derivatives.append(derivative)
    return derivatives[0] if isinstance(wrt, Value) else derivatives


def expect_values(what: str, *values: object) -> None:
    """Raise a TypeError that begins with ``what`` unless all are Values."""
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{what} Values, not {type(value).__name__} {repr(value)[:40]}")


def numeric_slopes(value: Value) -> tuple[float, ...]:
    """Return the recorded local derivatives of a Value along its arguments."""
    return value.slopes


def symbolic_slopes(value: Value) -> tuple[float | Value, ...]:
    """Return the local derivatives of a Value along its arguments as expressions."""
    return value.op.slopes(value, *value.args) if value.op else ()


def adjoints(
    root: Value,
    order: Sequence[Value],
    slopes: Callable[[Value], Sequence[Any]],
    sources: Collection[Value] | None = None,
) -> dict[Value, Any]:
    """Return the derivative of ``root`` with respect to every Value that the sweep reaches.

    This is the backward pass, with its results in a dictionary and with slopes of any kind.

    Args:
        root: the Value to differentiate.
        order: the Values to differentiate through, arguments before results; others count as leaves.
        slopes: ``numeric_slopes`` or ``symbolic_slopes``.
        sources: follow only the ways to these; all ways if None.
    """
    order = list(order)
    if sources is None:
        active = None
    else:
        active = set(sources)
        for value in order:
            if any(arg in active for arg in value.args):
                active.add(value)
        order = [value for value in order if value in active]
    adjoint: dict[Value, Any] = {root: 1.0}
    for value in reversed(order):
        if value not in adjoint:
            continue
        for arg, slope in zip(value.args, slopes(value), strict=True):
            if active is None or arg in active:
                term = product(adjoint[value], slope)
                adjoint[arg] = total(adjoint[arg], term) if arg in adjoint else term
    return adjoint


def product(x: float | Value, y: float | Value) -> float | Value:
    """Return x·y with the plain numbers multiplied out, so that formulas stay as a person writes them.

    >>> a = Value(5.0, "a")
    >>> product(0.5, 2 * a) is a
    True
    """
    (c, u), (d, v) = _coefficient(x), _coefficient(y)
    factor = c * d
    rest = u * v if u is not None and v is not None else u or v
    if rest is None or factor == 0:
        return factor
    if factor == 1:
        return rest
    return -rest if factor == -1 else factor * rest


def total(x: float | Value, y: float | Value) -> float | Value:
    """Return x + y, written as a difference where y begins with a minus."""
    if isinstance(x, float) and isinstance(y, float):
        return x + y
    if isinstance(x, float) and x == 0:
        return y
    c, rest = _coefficient(y)
    if c == 0:
        return x
    return x - product(-c, 1.0 if rest is None else rest) if c < 0 else x + y


def _coefficient(x: float | Value) -> tuple[float, Value | None]:
    """Split x into a plain number and the rest, if there is a rest."""
    if not isinstance(x, Value):
        return float(x), None
    if x.is_constant:
        return x.data, None
    if x.label:
        return 1.0, x  # a name stands for the whole
    if x.op is ops.neg:
        return -1.0, x.args[0]
    if x.op is ops.mul:
        for number, rest in (x.args, x.args[::-1]):
            if number.is_constant:
                return number.data, rest
    return 1.0, x
