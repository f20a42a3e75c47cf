"""Networks: neurons in layers, layers in a network, and the bookkeeping of their parameters.

The names, the arguments and the order of the parameters are micrograd's, so its programs run unchanged.

>>> model = MLP(2, [2, 2], activation=["sigmoid", "sigmoid"], bias="shared", seed=1)
>>> out_o1, out_o2 = model([0.05, 0.10])
>>> [parameter.label for parameter in model.parameters()]
['b1', 'w1', 'w2', 'w3', 'w4', 'b2', 'w5', 'w6', 'w7', 'w8']
"""

import ast
import math
import os
import random
from collections.abc import Callable, Sequence, Sized
from typing import Any, Literal, SupportsFloat

from tinygrad_edu import ops
from tinygrad_edu._common.checks import whole
from tinygrad_edu._common.files import read_json
from tinygrad_edu._module import Module
from tinygrad_edu._common.names import UnknownNameError, look_up
from tinygrad_edu.engine.op import TABLE, Family
from tinygrad_edu.engine.value import Value

__all__ = ["ACTIVATIONS", "INITIALISERS", "MLP", "Layer", "Module", "Neuron", "load_mlp"]

Bias = Literal["neuron", "shared"] | None
Seed = int | random.Random | None
Inputs = Sequence[Value | SupportsFloat]


def _linear(net: Value) -> Value:
    return net


def _activations() -> dict[str, Callable[[Value], Value]]:
    found: dict[str, Callable[[Value], Value]] = {
        "relu": Value.relu, "tanh": Value.tanh, "sigmoid": Value.sigmoid, "linear": _linear,
    }  # fmt: skip  # first, what an error message should suggest
    for name, entry in TABLE.items():
        takes_one = entry.default is not None if isinstance(entry, Family) else len(entry.samples[0]) == 1
        if takes_one and hasattr(Value, name):
            found[name] = getattr(Value, name)
    return found


ACTIVATIONS = _activations()
"""What a neuron may apply to its weighted sum: "linear" (nothing), or an operation by its name."""

INITIALISERS: dict[str, Callable[[Any, int, int], float]] = {
    "uniform": lambda rng, nin, nout: rng.uniform(-1, 1),
    # Glorot and Bengio, 2010, equation 16
    "xavier": lambda rng, nin, nout: math.sqrt(6 / (nin + nout)) * rng.uniform(-1, 1),
    # He, Zhang, Ren and Sun, 2015, equation 10
    "he": lambda rng, nin, nout: rng.gauss(0, math.sqrt(2 / nin)),
}
"""How first weights are drawn, from a generator and the numbers of inputs and of neurons of the layer."""
INITIALISERS |= {"glorot": INITIALISERS["xavier"], "kaiming": INITIALISERS["he"]}


def _expect(module: Module, wanted: int, inputs: Inputs) -> None:
    some = f"{wanted} input{'s' * (wanted != 1)}"
    if not isinstance(inputs, Sized):
        raise TypeError(f"{module} takes a list of {some}, not a {type(inputs).__name__}") from None
    if wanted != len(inputs):
        raise ValueError(f"{module} takes {some}, not {len(inputs)}") from None


class Neuron(Module):
    """A weighted sum of the inputs, plus a bias, through an activation.

    Args:
        nin: how many inputs it has.
        activation: a name in ``ACTIVATIONS``.
        init: how the weights are drawn, a name in ``INITIALISERS``; the bias starts at 0.
        bias: "neuron" for a bias of its own, None for none; or the Value that it shares with others.
        nout: how many neurons its layer has, which "xavier" asks for.
        seed: a whole number, or a generator to go on drawing from; None draws from the module
            ``random``, as micrograd does.

    Raises:
        UnknownNameError: for an unknown activation or initialiser.
        ValueError: if ``nin`` is not a positive whole number, or for an unknown bias.

    >>> neuron = Neuron(2, "tanh", seed=1)
    >>> neuron
    Neuron(2, 'tanh')
    >>> neuron([1.0, -2.0]).op
    <operation tanh>
    """

    def __init__(
        self,
        nin: int,
        activation: str = "relu",
        *,
        init: str = "uniform",
        bias: Literal["neuron"] | Value | None = "neuron",
        nout: int = 1,
        seed: Seed = None,
    ) -> None:
        nin = whole("the number of inputs", nin, least=1)
        self._activate = look_up("activation", activation, ACTIVATIONS)
        draw = look_up("initialiser", init, INITIALISERS)
        rng = _generator(seed)
        self.activation = activation
        self.w = [Value(draw(rng, nin, nout)) for _ in range(nin)]
        if not isinstance(bias, Value) and bias not in ("neuron", None):
            raise ValueError(f"bias is 'neuron', None, or 'shared' by a whole layer, not {bias!r} here")
        self.b = bias if isinstance(bias, Value) else Value(0.0) if bias else None
        self._net_label = self._out_label = ""
        _label(self)

    def __call__(self, x: Inputs) -> Value:
        """Return the output for a list of numbers or Values.

        Raises:
            ValueError: if there are more or fewer than ``nin``.
        """
        try:
            net: Value = ops.dot(self.w, x)
        except (TypeError, ValueError):  # checked only now, because a network calls this very often
            _expect(self, len(self.w), x)
            raise
        if self.b is not None:
            net = net + self.b
        net.label = self._net_label
        out = self._activate(net)
        out.label = self._out_label
        return out

    def __repr__(self) -> str:
        return f"Neuron({len(self.w)}, {self.activation!r})"


class Layer(Module):
    """Neurons that have the same inputs.

    Args:
        nin: how many inputs it has.
        nout: how many neurons it has.
        activation: a name in ``ACTIVATIONS``.
        init: how the weights are drawn, a name in ``INITIALISERS``; biases start at 0.
        bias: "neuron" for one per neuron, "shared" for one that feeds them all, None for none.
        seed: as for ``Neuron``.

    Raises:
        UnknownNameError: for an unknown activation or initialiser.
        ValueError: if a size is not a positive whole number, or for an unknown bias.

    >>> Layer(3, 2, "tanh", bias="shared", seed=1)
    Layer(3, 2, 'tanh', bias='shared')
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        activation: str = "relu",
        *,
        init: str = "uniform",
        bias: Bias = "neuron",
        seed: Seed = None,
    ) -> None:
        nout = whole("the number of neurons", nout, least=1)
        rng = _generator(seed)
        self.activation, self.bias = activation, bias
        self.b = Value(0.0) if bias == "shared" else None
        self.neurons = [
            Neuron(nin, activation, init=init, bias=self.b if bias == "shared" else bias, nout=nout, seed=rng)
            for _ in range(nout)
        ]
        _label(self)

    def __call__(self, x: Inputs) -> Any:
        """Return the list of outputs; if there is one neuron, its output itself."""
        outputs = [neuron(x) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self) -> str:
        bias = "" if self.bias == "neuron" else f", bias={self.bias!r}"
        return f"Layer({len(self.neurons[0].w)}, {len(self.neurons)}, {self.activation!r}{bias})"


class MLP(Module):
    """A multi-layer perceptron: layers, each fed with the outputs of the one before.

    Its Values have the names of the worked example. Parameters are w1, w2, … and b1, b2, …, counted
    through the network; inputs are i1, i2, …; into and out of an activation go net_o1 and out_o1 in the
    last layer, net_h1 and out_h1 in the hidden layer. Where there are several hidden layers, neuron 3 of
    the second has net_h2n3 and out_h2n3. Each MLP counts from 1: where a Module holds two, set the labels
    of one anew, or go by ``named_parameters``.

    Args:
        nin: how many inputs it has.
        nouts: how many neurons each layer has.
        activation: one name for all layers but the last, which is then linear; or a list of one per layer.
        init: how the weights are drawn, a name in ``INITIALISERS``; biases start at 0.
        bias: "neuron" for one per neuron, "shared" for one per layer, None for none.
        seed: as for ``Neuron``.

    Raises:
        UnknownNameError: for an unknown activation or initialiser.
        ValueError: if a size is not a positive whole number, a list has a wrong length, or for an
            unknown bias.

    >>> model = MLP(2, [16, 16, 1], seed=1)
    >>> len(model.parameters())
    337
    >>> model([0.5, -1.0]).label
    'out_o1'
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: str | Sequence[str] = "relu",
        *,
        init: str = "uniform",
        bias: Bias = "neuron",
        seed: Seed = None,
    ) -> None:
        if not isinstance(nouts, Sequence) or not nouts:
            raise ValueError(
                f"nouts lists the size of each layer, as in MLP(2, [16, 16, 1]); it is {nouts!r}"
            )
        if isinstance(activation, str):
            activation = [activation] * (len(nouts) - 1) + ["linear"]
        if not isinstance(activation, Sequence):
            activation = [activation] * len(nouts)  # the first Neuron says what is wrong with it
        if len(activation) != len(nouts):
            raise ValueError(f"{len(nouts)} layers need {len(nouts)} activations, not {len(activation)}")
        rng = _generator(seed)
        self.layers = [
            Layer(before, size, name, init=init, bias=bias, seed=rng)
            for before, size, name in zip([nin, *nouts], nouts, activation, strict=False)
        ]
        self._input_labels = [f"i{i}" for i in range(1, nin + 1)]
        _label(self)
        for depth, layer in enumerate(self.layers, 1):
            kind = "o" if layer is self.layers[-1] else "h" if len(nouts) == 2 else f"h{depth}n"
            for place, neuron in enumerate(layer.neurons, 1):
                neuron._net_label, neuron._out_label = f"net_{kind}{place}", f"out_{kind}{place}"

    def __call__(self, x: Inputs) -> Any:
        """Return the outputs for a list of numbers or Values; if there is one output, it itself.

        Raises:
            ValueError: if there are more or fewer than ``nin``.
        """
        _expect(self, len(self._input_labels), x)
        signals: Any = [
            number if isinstance(number, Value) else Value(number, label)
            for number, label in zip(x, self._input_labels, strict=True)
        ]
        for layer in self.layers:
            signals = layer(signals if isinstance(signals, list) else [signals])
        return signals

    def __repr__(self) -> str:
        sizes = [len(layer.neurons) for layer in self.layers]
        names = [layer.activation for layer in self.layers]
        short = len(set(names[:-1])) <= 1 and names[-1] == "linear"
        activation: Any = (names[0] if len(names) > 1 else "relu") if short else names
        given = {"activation": (activation, "relu"), "bias": (self.layers[0].bias, "neuron")}
        options = [f", {name}={value!r}" for name, (value, default) in given.items() if value != default]
        return f"MLP({len(self._input_labels)}, {sizes}{''.join(options)})"

    def summary(self) -> str:
        """Return a table of the layers and their parameters.

        >>> print(MLP(2, [16, 16, 1]).summary())
        layer     inputs  neurons  activation  parameters
        layers.0       2       16        relu          48
        layers.1      16       16        relu         272
        layers.2      16        1      linear          17
        total                                         337
        """
        rows: list[tuple[Any, ...]] = [("layer", "inputs", "neurons", "activation", "parameters")]
        for place, layer in enumerate(self.layers):
            inputs, neurons = len(layer.neurons[0].w), len(layer.neurons)
            rows.append((f"layers.{place}", inputs, neurons, layer.activation, len(layer.parameters())))
        rows.append(("total", "", "", "", len(self.parameters())))
        return "\n".join("{:8}  {:>6}  {:>7}  {:>10}  {:>10}".format(*row) for row in rows)


def load_mlp(path: str | os.PathLike[str]) -> MLP:
    """Return the network that ``save``, or the command ``train``, wrote to a file.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not such a file; what it holds is read as data and never run.
    """
    saved = read_json(path, keys=("model", "state"))
    try:
        call = ast.parse(saved["model"], mode="eval").body
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "MLP"):
            raise ValueError
        options = {str(option.arg): ast.literal_eval(option.value) for option in call.keywords}
        model = MLP(*map(ast.literal_eval, call.args), **options)
    except (ValueError, TypeError, SyntaxError, RecursionError, UnknownNameError):
        raise ValueError(f"{path} holds no MLP but {str(saved['model'])[:40]!r}") from None
    model.load_state_dict(saved["state"])
    return model


def _generator(seed: Seed) -> Any:
    if seed is None:
        return random
    return seed if hasattr(seed, "gauss") else random.Random(seed)


def _label(module: Module) -> None:
    """Label the parameters w1, w2, … and b1, b2, … in their order."""
    count = {"w": 0, "b": 0}
    for name, parameter in module.named_parameters().items():
        kind = "b" if name.endswith("b") else "w"
        count[kind] += 1
        parameter.label = f"{kind}{count[kind]}"
