"""Copies and pickles of Values, to any depth, with what is shared still shared."""

import threading
from typing import Any

_local = threading.local()


def state(value: Any) -> tuple[Any, ...]:
    """Return all that a Value is, for ``_restore``."""
    return (
        value.data,
        value.grad,
        value.label,
        value.group,
        value.is_constant,
        value.op,
        value.args,
        value.slopes,
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
            data, grad, label, group, constant, op, args, slopes = state(each)
            args = tuple([memo[id(arg)] for arg in args])
            made = each._restore(data, grad, label, group, constant, op, args, slopes)
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
    announced = _local.__dict__.setdefault("announced", {})
    before: Any = None
    if value.args and id(value) not in announced:
        order = value._order(value)[:-1]
        announced.update((id(each), each) for each in order)
        before = (order, _End(list(map(id, order))))
    return restore, (type(value), before, state(value)), attributes(value)


class _End:
    """Stands after the list in a pickle, and ends the announcement when it is written."""

    def __init__(self, announced: list[int]) -> None:
        self.announced = announced

    def __reduce__(self) -> Any:
        for key in self.announced:
            _local.announced.pop(key, None)
        return tuple, ()


def restore(kind: Any, before: Any, of: tuple[Any, ...]) -> Any:
    """Return the Value with this state."""
    return kind._restore(*of)
