"""Names that a user types; the error for an unknown name suggests the nearest known ones."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

Entry = TypeVar("Entry")

SYNONYMS = {
    "arccos": "acos", "arcosh": "acosh", "arcsin": "asin", "arctan": "atan", "arsinh": "asinh",
    "artanh": "atanh", "average": "mean", "clamp": "clip", "heaviside": "step", "ln": "log",
    "logistic": "sigmoid", "product": "prod", "sgn": "sign", "swish": "silu", "identity": "linear",
    "cross_entropy": "categorical_cross_entropy", "bce": "binary_cross_entropy",
    "mse": "mean_squared_error", "gradient_descent": "sgd", "momentum": "sgd",
}  # fmt: skip
"""Other names in use, which look too different for the comparison of letters."""


class UnknownNameError(KeyError):
    """A name is not known; the message suggests the nearest known names.

    Args:
        kind: what the name should have been, such as "weight".
        name: the unknown name.
        known: the names that exist.

    >>> raise UnknownNameError("weight", "w9", ["w5", "w6", "b1"])
    Traceback (most recent call last):
    tinygrad_edu._common.names.UnknownNameError: there is no weight 'w9': did you mean w6 or w5?
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, str(name), [*known]
        super().__init__(kind, name, self.known)

    @property
    def nearest(self) -> list[str]:
        """Up to three known names that look like the unknown one, the most similar first."""
        import difflib  # only needed once something went wrong

        lowered = self.name.lower()
        if SYNONYMS.get(lowered) in self.known:
            return [SYNONYMS[lowered]]
        matches = difflib.get_close_matches(
            lowered, {name.lower(): None for name in self.known}, n=3, cutoff=0.4
        )
        return [name for match in matches for name in self.known if name.lower() == match][:3]

    def __str__(self) -> str:
        near = self.nearest or self.known[:10]
        if not near:
            return f"there is no {self.kind} {self.name[:40]!r}: there are none at all"
        listed = " or ".join(filter(None, [", ".join(near[:-1]), near[-1]]))
        return f"there is no {self.kind} {self.name[:40]!r}: did you mean {listed}?"


def look_up(kind: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """Return the entry of a table that has this name.

    Args:
        kind: what the entries are, for the message.
        name: the name to look up.
        table: the entries by name.

    Raises:
        UnknownNameError: if there is none; the message suggests the nearest names.
        TypeError: if the name is not text.

    >>> look_up("colour", "blu", {"red": 1, "blue": 2})
    Traceback (most recent call last):
    tinygrad_edu._common.names.UnknownNameError: there is no colour 'blu': did you mean blue?
    """
    if not isinstance(name, str):
        some = ", ".join(map(repr, [*table][:3]))
        raise TypeError(f"the {kind} is given by its name, such as {some}, not as {type(name).__name__}")
    if name not in table:
        raise UnknownNameError(kind, name, table)
    return table[name]
