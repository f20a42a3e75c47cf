"""Derivatives as Values: graphs that can be printed, drawn and differentiated again."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from operator import add, attrgetter, mul
from typing import Any, TypeVar, overload

from tinygrad_edu.engine import rules
from tinygrad_edu.engine.errors import DomainError, expect_values, slope_error
from tinygrad_edu.engine.value import Value, expect_current, topological_order

Node = TypeVar("Node")


@overload
def gradient(root: Value, wrt: Value) -> Value: ...
@overload
def gradient(root: Value, wrt: Iterable[Value]) -> list[Value]: ...
def gradient(root: Value, wrt: Value | Iterable[Value]) -> Value | list[Value]:
    """Return the derivative of ``root`` with respect to one Value, or to each of several, as new Values.

    The rules of the table run on Values in place of numbers, so the result is itself a graph, and
    ``gradient`` applies to it again. Nothing is stored on the Values of ``root``.

    Args:
        root: the Value to differentiate.
        wrt: the Value with respect to which, or several. If ``root`` does not depend on one, its
            derivative is 0.

    Raises:
        TypeError: if ``root`` or one of ``wrt`` is not a Value.
        StaleError: if a number was assigned after it was used; call ``root.forward()`` first.
        DomainError: if a local derivative is infinite there, as that of sqrt(x) is at 0.

    >>> x = Value(3.0, "x")
    >>> first = gradient(x**3, x)
    >>> first.data, gradient(first, x).data, gradient(gradient(first, x), x).data
    (27.0, 18.0, 6.0)
    """
    several = listed(wrt)
    expect_values("gradient(root, wrt) takes", root, *several)
    order = topological_order(root)
    expect_current(order)
    adjoint = expressions(root, order, several)
    known = set(order)
    derivatives: list[Value] = []
    for value in several:
        derivative = adjoint.get(value, 0.0)
        if not isinstance(derivative, Value):
            derivative = Value(derivative)
        elif derivative in known:  # ∂(x·y)/∂x is y: return a copy, so that a label on it does not rename y
            derivative = 1.0 * derivative
        known.add(derivative)
        derivatives.append(derivative)
    return derivatives[0] if isinstance(wrt, Value) else derivatives


def listed(wrt: Any) -> list[Any]:
    """Return one Value, several, or None, as a list; anything else is its only item."""
    if wrt is None:
        return []
    return list(wrt) if isinstance(wrt, Iterable) and not isinstance(wrt, str) else [wrt]


def order_of(roots: Iterable[Value]) -> list[Value]:
    """Return the topological order of the graphs of several Values, which may share Values, by one walk.

    >>> x = Value(2.0, "x")
    >>> [value.data for value in order_of([x * 3.0, x + 1.0])]
    [2.0, 3.0, 6.0, 1.0, 3.0]
    """
    return topological_order(Value(0.0, tuple(roots)))[:-1]


STEPS = frozenset(
    (rules.stop_gradient, rules.greater, rules.step, rules.sign, rules.floor, rules.ceil, rules.round)
)
"""The operations whose local derivatives are 0 everywhere: no gradient flows back through them."""


def differentiable(root: Value) -> list[Value]:
    """Return the topological order of ``root`` without what stands behind ``STEPS`` alone.

    >>> x, y = Value(2.0), Value(3.0)
    >>> [value.data for value in differentiable(x * y.detach())]
    [2.0, 3.0, 6.0]
    >>> y in differentiable(x * y.detach())
    False
    """
    if root.op in STEPS:
        return [root]
    return topological_order(root, is_leaf=lambda value: value.op in STEPS)


def replayed(order: Iterable[Value], known: Mapping[Value, Value]) -> dict[Value, Value]:
    """Return each Value of a graph computed anew with other Values in place of those that are known."""
    found = dict(known)
    for value in order:
        if value not in found:
            args = tuple([found[arg] for arg in value.args])
            found[value] = Value._record(value.op, args) if args != value.args else value
    return found


def sweep(
    root: Node,
    order: Sequence[Node],
    incoming: Callable[[Node], Iterable[tuple[Node, Any]]],
    product: Callable[[Any, Any], Any] = mul,
    total: Callable[[Any, Any], Any] = add,
    one: Any = 1.0,
) -> Iterator[tuple[Node, Node, Any, Any, Any, Any]]:
    """Carry the derivative of ``root`` backwards through a graph, one edge after the other.

    This is the loop of ``backward()`` for any kind of node and of local derivative: numbers, formulas,
    or matrices.

    Args:
        root: the node to differentiate.
        order: the nodes to differentiate through, arguments before results; others count as leaves.
        incoming: returns for a node its arguments, each with the local derivative along that edge.
        product: multiplies the derivative of the root by a local derivative.
        total: adds what arrives at a node that is used several times.
        one: the derivative of the root with respect to itself.

    Yields:
        For each edge: the node, its argument, the local derivative, the derivative of the root with respect
        to the node, and the derivative with respect to the argument as far as it is summed up, before
        (None if this is the first edge) and after.
    """
    adjoint = {root: one}
    for node in reversed(order):
        if node in adjoint:
            for arg, slope in incoming(node):
                before, term = adjoint.get(arg), product(adjoint[node], slope)
                adjoint[arg] = term if before is None else total(before, term)
                yield node, arg, slope, adjoint[node], before, adjoint[arg]


def adjoints(
    root: Node,
    order: Sequence[Node],
    incoming: Callable[[Node], Iterable[tuple[Node, Any]]],
    product: Callable[[Any, Any], Any] = mul,
    total: Callable[[Any, Any], Any] = add,
    one: Any = 1.0,
) -> dict[Node, Any]:
    """Return the derivative of ``root`` with respect to every node that ``sweep`` reaches.

    >>> x = Value(3.0)
    >>> y = x * x + x
    >>> adjoints(y, topological_order(y), local_derivatives)[x]
    7.0
    """
    steps = sweep(root, order, incoming, product, total, one)
    return {root: one} | {arg: after for _, arg, *_, after in steps}


def local_derivatives(value: Value) -> list[tuple[Value, float]]:
    """Return the arguments of a Value with their local derivatives, without branches not taken."""
    edges = zip(value.args, value.slopes, strict=True)
    return [(arg, slope) for arg, slope in edges if is_taken(value, slope)]


def is_taken(value: Value, slope: float) -> bool:
    """Return whether an edge of a Value is no branch not taken, as that of ``where`` with a slope of 0 is."""
    return slope != 0 or value.op is None or not value.op.selects


def reached(
    order: Iterable[Node], args: Callable[[Node], Iterable[Node]], start: Collection[Node]
) -> set[Node]:
    """Return the nodes that depend on one of ``start``, and these themselves.

    Args:
        order: the nodes to ask about, arguments before results.
        args: returns the arguments of a node.
        start: where to start.

    >>> x, y = Value(2.0), Value(5.0)
    >>> order = topological_order((x + 1) * y)
    >>> sorted(value.data for value in reached(order, attrgetter("args"), {x}))
    [2.0, 3.0, 15.0]
    """
    found = set(start)
    for node in order:
        if any(arg in found for arg in args(node)):
            found.add(node)
    return found


def expressions(root: Value, order: Sequence[Value], wrt: Collection[Value]) -> dict[Value, Any]:
    """Return the derivative of ``root`` with respect to ``wrt`` as Values, or as numbers where it is one.

    Args:
        root: the Value to differentiate.
        order: the Values to differentiate through, arguments before results; others count as leaves.
        wrt: only paths to these are followed. The result has no entry for one that no path leads to.

    Raises:
        DomainError: if a local derivative is infinite there.
    """
    active = reached(order, attrgetter("args"), wrt)

    def incoming(value: Value) -> list[tuple[Value, Any]]:
        if value.op is None:
            return []
        try:
            slopes = value.op.slopes(value, *value.args)
        except DomainError:
            if value not in adjoints(root, order, local_derivatives):
                return []  # only branches not taken lead from here to the root
            for arg, slope in zip(value.args, value.slopes, strict=True):
                if arg in active and not isfinite(slope):
                    raise slope_error(value, slope) from None
            raise
        return [(arg, slope) for arg, slope in zip(value.args, slopes, strict=True) if arg in active]

    return adjoints(root, [value for value in order if value in active], incoming, product, total)


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
    if not isinstance(x, Value) and not isinstance(y, Value):
        return x + y
    if not isinstance(x, Value) and x == 0:
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
    if x.label.strip():
        return 1.0, x  # a name stands for the whole
    if x.op is rules.neg:
        return -1.0, x.args[0]
    if x.op is rules.mul:
        for number, rest in (x.args, x.args[::-1]):
            if number.is_constant:
                return number.data, rest
    return 1.0, x
