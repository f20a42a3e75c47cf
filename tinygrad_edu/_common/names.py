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
    "lr": "learning_rate", "eta": "learning_rate", "eps": "epsilon", "alpha": "decay",
    "grad": "gradient", "hvp": "hessian_vector_product", "gradcheck": "check_gradient",
}  # fmt: skip
"""Other names in use, which look too different for the comparison of letters."""

_RECORDING = "nothing has to be switched off: p.data -= … records nothing, and v.data is the number alone"
_NUMBERS = "write Value(2.0) for a number, and a list of Values for a vector"
_ALONE = "write Value(v.data), which has the number of v and none of its graph"
_NETWORKS = "write from tinygrad_edu.nn import"
_OPTIMISERS = "write from tinygrad_edu.optim import"

HINTS = {
    ("activation", "softmax"): "the loss categorical_cross_entropy contains it, so leave the layer linear",
    ("function", "no_grad"): _RECORDING,
    ("function", "enable_grad"): _RECORDING,
    ("function", "inference_mode"): _RECORDING,
    ("function", "set_grad_enabled"): _RECORDING,
    ("function", "Tensor"): _NUMBERS,
    ("function", "tensor"): _NUMBERS,
    ("function", "Variable"): _NUMBERS,
    ("function", "array"): _NUMBERS,
    ("function", "detach"): _ALONE,
    ("function", "stop_gradient"): _ALONE,
    ("function", "Neuron"): f"{_NETWORKS} Neuron",
    ("function", "Layer"): f"{_NETWORKS} Layer",
    ("function", "MLP"): f"{_NETWORKS} MLP",
    ("function", "Module"): f"{_NETWORKS} Module",
    ("function", "SGD"): f"{_OPTIMISERS} SGD",
    ("function", "Adam"): f"{_OPTIMISERS} Adam",
    ("function", "AdamW"): f"{_OPTIMISERS} AdamW",
    ("function", "RMSProp"): f"{_OPTIMISERS} RMSProp",
    ("function", "fit"): "write from tinygrad_edu.train import fit",
    ("function", "backward"): "write root.backward()",
    ("function", "zero_grad"): "write model.zero_grad(), or optimizer.zero_grad()",
    ("function", "manual_seed"): "networks and data sets take seed=",
    ("function", "jit"): "write function(inputs, outputs), which runs a recorded graph again",
    ("function", "compile"): "write function(inputs, outputs), which runs a recorded graph again",
}
"""What to write instead of a name that other libraries have and this one has not, by kind and name."""


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
        hint = HINTS.get((self.kind, self.name))
        if hint:
            return f"there is no {self.kind} {self.name!r}: {hint}"
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
