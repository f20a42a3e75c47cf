"""The order in which a graph is walked: every Value after those that it was made from."""

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
