"""Names that a user types; the error for an unknown name suggests the nearest known ones."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from tinygrad_edu._common.text import one_line

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
_ALWAYS = "every Value has a gradient; a plain number has none, nor has what is behind v.detach()"
_FACTOR = "a backward pass starts with 1; write (factor * root).backward(), or vjp([root], inputs, [factor])"
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
    ("function", "autograd"): "write root.backward(), or gradient(root, wrt), which gives Values",
    ("function", "detach"): "write stop_gradient(v), or v.detach()",
    ("function", "Neuron"): f"{_NETWORKS} Neuron",
    ("function", "Layer"): f"{_NETWORKS} Layer",
    ("function", "MLP"): f"{_NETWORKS} MLP",
    ("function", "Module"): f"{_NETWORKS} Module",
    ("function", "SGD"): f"{_OPTIMISERS} SGD",
    ("function", "Adam"): f"{_OPTIMISERS} Adam",
    ("function", "AdamW"): f"{_OPTIMISERS} AdamW",
    ("function", "RMSProp"): f"{_OPTIMISERS} RMSProp",
    ("function", "clip_gradients"): f"{_OPTIMISERS} clip_gradients",
    ("function", "fit"): "write from tinygrad_edu.train import fit",
    ("function", "backward"): "write root.backward()",
    ("function", "zero_grad"): "write model.zero_grad(), or optimizer.zero_grad()",
    ("function", "manual_seed"): "networks and data sets take seed=",
    ("function", "jit"): "write function(inputs, outputs), which runs a recorded graph again",
    ("function", "compile"): "write function(inputs, outputs), which runs a recorded graph again",
    **{("attribute of Value", name): f"write v.{ours}" for name, ours in {
        "ln": "log()", "logistic": "sigmoid()", "clamp": "clip(low, high)",
        "swish": "silu()", "ReLU": "relu()", "heaviside": "step()", "sgn": "sign()",
        "value": "data", "val": "data", "numpy": "data", "tolist": "data", "cpu": "data, a float",
        "gradient": "grad", "name": "label", "children": "args", "parents": "args", "prev": "args",
        "inputs": "args", "grad_fn": "op, v.args and v.slopes", "is_leaf": "op is None",
    }.items()},
    **{("attribute of Value", name): f"write tinygrad_edu.{name}(values), of a list of Values" for name in (
        "sum", "mean", "max", "min", "prod", "dot", "norm", "softmax", "logsumexp",
    )},
    **{("attribute of Value", name): "a Value is one number, and its data a float" for name in (
        "shape", "size", "dtype", "T",
    )},
    ("attribute of Value", "square"): "write v ** 2",
    ("attribute of Value", "clone"): "write 1.0 * v, through which the gradient flows, or copy.deepcopy(v)",
    ("attribute of Value", "copy"): "write 1.0 * v, through which the gradient flows, or copy.deepcopy(v)",
    ("attribute of Value", "requires_grad"): _ALWAYS,
    ("attribute of Value", "requires_grad_"): _ALWAYS,
    ("attribute of Value", "retain_grad"): "inner Values keep their grad too",
    ("option of Value", "requires_grad"): _ALWAYS,
    ("option of Value", "dtype"): "a Value holds a float",
    ("option of Value", "name"): "write label=",
    ("option of Value", "grad"): "grad is 0.0 at first; assign to v.grad",
    ("option of Value", "_children"): "write children=",
    ("option of Value", "_op"): "write op=",
    ("option of backward", "retain_graph"): "a graph lives as long as its root: write root.backward() again",
    ("option of backward", "create_graph"): "write gradient(root, wrt), which gives Values",
    ("option of backward", "gradient"): _FACTOR,
    ("option of backward", "grad"): _FACTOR,
    ("option of backward", "inputs"): "write gradient(root, inputs), which leaves every grad as it is",
    **{(f"option of {optimiser}", name): hint for optimiser in ("SGD", "RMSProp", "Adam", "AdamW")
        for name, hint in {
            "amsgrad": "AMSGrad is not here: leave it out, or declare an Optimizer of your own",
            "centered": "the mean square is not centred here: leave it out",
            "dampening": "there is no dampening here: leave it out",
            "maximize": "write (-root).backward(), and the step goes up",
            "foreach": "leave it out: it changes no number",
            "fused": "leave it out: it changes no number",
        }.items()},
}  # fmt: skip
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
        near = [one_line(str(name)) for name in self.nearest or self.known[:10]]  # they may come from a file
        if not near:
            return f"there is no {self.kind} {self.name[:40]!r}: there are none at all"
        listed = " or ".join(filter(None, [", ".join(near[:-1]), near[-1]]))
        return f"there is no {self.kind} {self.name[:40]!r}: did you mean {listed}?"


def refuse_options(of: str, options: Iterable[str], known: Iterable[str]) -> None:
    """Raise a TypeError if one of the options is not known; it says what to write instead.

    >>> refuse_options("Value", ["name"], ["data", "label"])
    Traceback (most recent call last):
    TypeError: there is no option of Value 'name': write label=
    """
    known = [*known]
    for name in options:
        if name not in known:
            raise TypeError(str(UnknownNameError(f"option of {of}", name, known)))


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
