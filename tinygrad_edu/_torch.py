"""Networks of PyTorch: layers of numbers as an ``nn.Sequential``, and the way back."""

from collections.abc import Sequence
from typing import Any, NamedTuple

Row = Sequence[float]


class LayerNumbers(NamedTuple):
    """The numbers of a layer.

    Attributes:
        weights: a row for each neuron.
        biases: one for each neuron, or None.
        activation: its name.
    """

    weights: Sequence[Row]
    biases: Row | None
    activation: str


MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("ReLU", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "elu": ("ELU", {"alpha": 1.0}),
    "gelu": ("GELU", {"approximate": "none"}),
    "hardtanh": ("Hardtanh", {"min_val": -1.0, "max_val": 1.0}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "mish": ("Mish", {}),
    "relu6": ("ReLU6", {}),
    "selu": ("SELU", {}),
    "silu": ("SiLU", {}),
    "softplus": ("Softplus", {"beta": 1.0}),
    "softsign": ("Softsign", {}),
}
"""For an activation the class of ``torch.nn``, and the attributes with which it computes the same."""


def torch() -> Any:
    """Return PyTorch.

    Raises:
        ImportError: if it is not installed; the message says how to get it.
    """
    try:
        import torch
    except ImportError:
        raise ImportError("networks of PyTorch need it: pip install torch") from None
    return torch


def sequential(layers: Sequence[LayerNumbers]) -> Any:
    """Return an ``nn.Sequential`` of Linear layers and activations, in float64.

    Raises:
        ImportError: if PyTorch is not installed.
        ValueError: if PyTorch has no module for an activation.
    """
    nn = torch().nn
    modules = []
    for weights, biases, activation in layers:
        linear = nn.Linear(len(weights[0]), len(weights), bias=biases is not None, dtype=torch().float64)
        with torch().no_grad():
            linear.weight.copy_(torch().tensor(weights, dtype=torch().float64))
            if biases is not None:
                linear.bias.copy_(torch().tensor(biases, dtype=torch().float64))
        modules.append(linear)
        if activation == "linear":
            continue
        if activation not in MODULES:
            raise ValueError(f"PyTorch has no module for {activation}: it has those for {', '.join(MODULES)}")
        name, given = MODULES[activation]
        modules.append(getattr(nn, name)(**given))
    return nn.Sequential(*modules)


def layer_numbers(module: Any) -> list[LayerNumbers]:
    """Return the layers of a Linear, or of a Sequential of Linear layers and activations.

    Raises:
        ImportError: if PyTorch is not installed.
        TypeError: if it is no module of PyTorch.
        ValueError: if it contains something else, or an activation that computes something else here.
    """
    nn = torch().nn
    if not isinstance(module, nn.Module):
        raise TypeError(f"from_torch takes a torch.nn.Module, not a {type(module).__name__}")
    layers: list[LayerNumbers] = []
    for part in _flat(module, nn):
        if type(part) is nn.Linear:
            biases = None if part.bias is None else part.bias.detach().tolist()
            layers.append(LayerNumbers(part.weight.detach().tolist(), biases, "linear"))
        elif layers and layers[-1].activation == "linear":
            layers[-1] = layers[-1]._replace(activation=_activation(part))
        else:
            raise ValueError(f"an activation follows a Linear layer, and {part} follows none")
    if not layers:
        raise ValueError(f"there is no Linear layer in {str(module)[:60]}")
    return layers


def _flat(module: Any, nn: Any) -> list[Any]:
    """Return the modules of a Sequential, and of those in it, that do something."""
    found, waiting = [], [module]
    while waiting:
        part = waiting.pop()
        if type(part) is nn.Sequential:
            waiting += reversed(part)
        elif type(part) is not nn.Identity:
            found.append(part)
    return found


def _activation(module: Any) -> str:
    kinds = {name: activation for activation, (name, _) in MODULES.items()}
    name = type(module).__name__
    if name not in kinds or type(module) is not getattr(torch().nn, name):
        raise ValueError(f"{str(module)[:60]} is not known: only Linear, {', '.join(kinds)}")
    activation = kinds[name]
    for attribute, wanted in MODULES[activation][1].items():
        if getattr(module, attribute) != wanted:
            raise ValueError(
                f"{activation} has {attribute} {wanted} here, and the module has {getattr(module, attribute)}"
            )
    return activation
