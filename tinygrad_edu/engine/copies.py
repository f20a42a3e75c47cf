"""Copies and pickles of Values, to any depth: what is shared stays shared, what is stale stays stale."""

import threading
from typing import Any
from weakref import WeakSet

_local = threading.local()


def state(value: Any) -> tuple[Any, ...]:
    """Return all that a Value is, for ``_restore``, and last the places of arguments assigned since."""
    args, stamp = value.args, value._stamp
    return (
        value.data,
        value.grad,
        value.label,
        value.group,
        value.is_constant,
        value.op,
        args,
        value.slopes,
        [place for place, arg in enumerate(args) if arg._stamp > stamp],
    )


def attributes(value: Any) -> dict[str, Any] | None:
    """Return a user's own attributes, None for none: asking for ``__dict__`` would make an empty one."""
    found: Any = object.__getstate__(value)
    own: dict[str, Any] | None = found[0] if isinstance(found, tuple) else found  # second come the slots
    return own


def deepcopy(value: Any, memo: dict[int, Any]) -> Any:
    """Copy a Value and all that it depends on, arguments first, so that nothing recurses."""
    import copy

    for each in value._order(value):
        if id(each) not in memo:
            data, grad, label, group, constant, op, args, slopes, assigned = state(each)
            args = tuple([memo[id(arg)] for arg in args])
            made = restore(type(each), None, (data, grad, label, group, constant, op, args, slopes, assigned))
            memo[id(each)] = made
            own = attributes(each)
            if own:
                made.__dict__.update(copy.deepcopy(own, memo))
    return memo[id(value)]


def reduce(value: Any) -> Any:
    """Return what pickles a Value: before it, in one list, what it was computed from, arguments first.

    While that list is pickled its Values need no lists of their own: all their arguments stand before
    them, so the pickler never goes deeper than one Value.
    """
    announced: WeakSet[_End] = _local.__dict__.setdefault("announced", WeakSet())
    before: Any = None
    if value.args and not any(id(value) in end.values for end in announced):
        order = value._order(value)[:-1]
        end = _End(order)
        announced.add(end)
        before = (order, end)
    return restore, (type(value), before, state(value)), attributes(value)


class _End:
    """Stands after the list in a pickle, and ends the announcement when it is written.

    The pickler alone refers to it, so that a pickle that fails ends the announcement too.
    """

    def __init__(self, order: list[Any]) -> None:
        self.values = {id(value): value for value in order}

    def __reduce__(self) -> Any:
        _local.announced.discard(self)
        return tuple, ()


def restore(kind: Any, before: Any, of: tuple[Any, ...]) -> Any:
    """Return the Value with this state."""
    *rest, assigned = of
    value = kind._restore(*rest)
    if assigned:
        value._outdate(min(value.args[place]._stamp for place in assigned) - 1)
    return value
