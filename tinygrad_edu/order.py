"""The walks over a graph: its topological order, and backwards along it the chain rule."""

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tinygrad_edu.value import Value

# Each traversal marks what it enters with an even number, and what it leaves with the next.
_next_mark: Final = count(2, 2).__next__


class CycleError(ValueError):
    """A Value was made an argument of itself, directly or through others, so it has no derivative."""


def topological_order(
    root: "Value", is_leaf: "Callable[[Value], bool] | None" = None, leaves: bool = True
) -> "list[Value]":
    """Return ``root`` and every Value that it depends on, arguments before results.

    Depth first, first argument first, without recursion, so that graphs may be deep. The same graph
    gives the same order in every run.

    Args:
        root: the Value to start from.
        is_leaf: go no further below a Value (other than the root) for which this is true.
        leaves: whether to return the leaves too.

    Raises:
        CycleError: if a Value depends on itself.

    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0, "a"), Value(3.0, "b")
    >>> [value.label or value.op for value in topological_order(a * b + a)]
    ['a', 'b', <operation mul>, <operation add>]
    """
    entered = _next_mark()
    left = entered + 1
    order: list[Value] = []
    stack = [root]
    while stack:
        value = stack.pop()
        if value._visit < entered:
            if value.args and (is_leaf is None or value is root or not is_leaf(value)):
                value._visit = entered
                stack.append(value)  # to come back to once its arguments are in the order
                for arg in reversed(value.args):
                    if arg._visit < entered:
                        if leaves or arg.args:
                            stack.append(arg)
                    elif arg._visit == entered:
                        name = f"'{arg.label}'" if arg.label else f"made by {arg.op}"
                        raise CycleError(
                            f"the Value {name} depends on itself: build a new Value, leave .args as it is"
                        )
            elif leaves:
                value._visit = left
                order.append(value)
        elif value._visit == entered:
            value._visit = left
            order.append(value)
    return order


def chain_rule(order: "list[Value]") -> None:
    """Add to each argument's gradient what the chain rule gives: the gradient of its result, times a slope.

    Args:
        order: Values in the topological order. Backwards along it each comes after all that use it, so that
            its gradient is complete when it is passed on.

    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0), Value(3.0)
    >>> product = a * b
    >>> product.grad = 1.0
    >>> chain_rule([product])
    >>> a.grad, b.grad
    (3.0, 2.0)
    """
    for value in reversed(order):
        args, grad = value.args, value.grad
        if value._slopes is not None:
            for arg, slope in zip(args, value._slopes):  # noqa: B905  # mypyc: not with strict, see _dot
                arg.grad += grad * slope
        elif args:
            args[0].grad += grad * value._slope_x
            if len(args) == 2:
                args[1].grad += grad * value._slope_y
