"""How arguments and results are arranged: numbers in lists, tuples and dictionaries, and these in others.

An arrangement has the place of each number, counted from 0, where the number itself would stand.

>>> arrangement, items = take_apart([[1.5, 2.5], 3.5])
>>> arrangement, items
([[0, 1], 2], [1.5, 2.5, 3.5])
>>> put_together(arrangement, ["a", "b", "c"])
[['a', 'b'], 'c']
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygrad_edu.engine.errors import as_float

Arrangement = Any
"""A place, or a list, tuple or dictionary of arrangements."""

_DEEPEST = 20


def take_apart(items: Any, first: int = 0, depth: int = 0) -> tuple[Arrangement, list[Any]]:
    """Return how something is arranged, and what it consists of in one row.

    Args:
        items: a single item, or lists, tuples, arrays and dictionaries of items.
        first: the place of the first item.
        depth: how deep this is within others.

    Raises:
        ValueError: if it is nested deeper than 20 levels.
    """
    if depth > _DEEPEST:
        raise ValueError(f"lists in lists go {_DEEPEST} levels deep at most")
    if hasattr(items, "tolist"):
        items = items.tolist()  # an array, of NumPy for example; of a scalar of NumPy it makes a float
    if hasattr(type(items), "_record") or isinstance(items, str) or not isinstance(items, Iterable):
        return first, [items]
    row: list[Any] = []
    arranged = []
    for item in items.values() if isinstance(items, dict) else items:
        arrangement, found = take_apart(item, first + len(row), depth + 1)
        arranged.append(arrangement)
        row += found
    if isinstance(items, dict):
        return dict(zip(items, arranged, strict=True)), row
    return (tuple(arranged) if isinstance(items, tuple) else arranged), row


def put_together(arrangement: Arrangement, row: Sequence[Any]) -> Any:
    """Return the items of a row, arranged."""
    if isinstance(arrangement, int):
        return row[arrangement]
    if isinstance(arrangement, dict):
        return {key: put_together(inner, row) for key, inner in arrangement.items()}
    return type(arrangement)(put_together(inner, row) for inner in arrangement)


def counted(arrangement: Arrangement, first: int = 0) -> Arrangement:
    """Return the same arrangement with its places counted from another number."""
    return take_apart(arrangement, first)[0]


def size(arrangement: Arrangement) -> int:
    """Return how many items are arranged."""
    if isinstance(arrangement, int):
        return 1
    inner = arrangement.values() if isinstance(arrangement, dict) else arrangement
    return sum(map(size, inner))


def numbers(arrangement: Arrangement, given: Any, name: str) -> list[float]:
    """Return the numbers that are given for an arrangement, in one row.

    Args:
        arrangement: what is expected.
        given: numbers arranged so; arrays stand for lists.
        name: what to call it in a message.

    Raises:
        TypeError: if something else stands where a number, a list or a dictionary is expected.
        ValueError: if a list has another length, or a dictionary other keys.
    """
    if isinstance(arrangement, int):
        try:
            return [as_float(given)]
        except TypeError:
            kind = type(given).__name__
            advice = ": give its number, .data" if hasattr(type(given), "_record") else ""
            raise TypeError(f"{name} is one number, not {_article(kind)}{advice}") from None
    if isinstance(arrangement, dict):
        if not isinstance(given, dict):
            raise TypeError(f"{name} is a dictionary, not {_article(type(given).__name__)}")
        if {*given} != {*arrangement}:
            raise ValueError(f"{name} has the keys {_listed(arrangement)}, not {_listed(given)}")
        return [
            x
            for key, inner in arrangement.items()
            for x in numbers(inner, given[key], f"{name}[{key!r:.40}]")
        ]
    if isinstance(given, str | dict) or hasattr(type(given), "_record") or not isinstance(given, Iterable):
        raise TypeError(f"{name} is a list of {len(arrangement)}, not {_article(type(given).__name__)}")
    row = [*given]
    if len(row) != len(arrangement):
        raise ValueError(f"{name} is a list of {len(arrangement)}, not of {len(row)}")
    pairs = enumerate(zip(arrangement, row, strict=True))
    return [x for i, (inner, item) in pairs for x in numbers(inner, item, f"{name}[{i}]")]


def _listed(keys: Iterable[Any]) -> str:
    return ", ".join([repr(key)[:40] for key in keys][:10]) or "none"


def _article(kind: str) -> str:
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def written(
    arrangement: Arrangement,
    terms: Sequence[str],
    key: Callable[[Any], str] | None = None,
    lists: bool = False,
) -> str:
    """Return an arrangement as text.

    Args:
        arrangement: the arrangement.
        terms: what stands in each place.
        key: writes the key of a dictionary; without it a dictionary is written as a list in its order.
        lists: write tuples as lists.

    >>> written([[0, 1], (2,)], ["v1", "v2", "v3"])
    '[[v1, v2], (v3,)]'
    """
    if isinstance(arrangement, int):
        return terms[arrangement]
    if isinstance(arrangement, dict) and key:
        pairs = [f"{key(name)}: {written(inner, terms, key)}" for name, inner in arrangement.items()]
        return f"{{{', '.join(pairs)}}}"
    items = arrangement.values() if isinstance(arrangement, dict) else arrangement
    text = ", ".join([written(inner, terms, key, lists) for inner in items])
    if isinstance(arrangement, tuple) and not lists:
        return f"({text},)" if len(arrangement) == 1 else f"({text})"
    return f"[{text}]"
