"""Networks: neurons in layers, layers in a network, and the bookkeeping of their parameters.

The names, the arguments and the order of the parameters are micrograd's, so its programs run unchanged.

>>> model = MLP(2, [2, 2], activation=["sigmoid", "sigmoid"], bias="shared", seed=1)
>>> out_o1, out_o2 = model([0.05, 0.10])
>>> [parameter.label for parameter in model.parameters()]
['b1', 'w1', 'w2', 'w3', 'w4', 'b2', 'w5', 'w6', 'w7', 'w8']
>>> out_o1.group
Place(role='out', layer=2, neuron=1, source=0)
"""

import math
import os
import random
from collections.abc import Callable, Sequence, Sized
from itertools import pairwise
from numbers import Integral
from typing import Any, Literal, SupportsFloat

from tinygrad_edu._common.checks import as_list, whole
from tinygrad_edu._common.files import read_json
from tinygrad_edu._common.names import look_up
from tinygrad_edu._common.text import plural, shown
from tinygrad_edu._module import Module
from tinygrad_edu._torch import LayerNumbers, layer_numbers, sequential
from tinygrad_edu.engine.errors import DomainError
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.engine.rules import dot
from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.draw import draw_network
from tinygrad_edu.see.network import NoNetworkError
from tinygrad_edu.see.place import Place

__all__ = ["INITIALISERS", "MLP", "Layer", "Module", "Neuron", "activations", "from_torch", "load_mlp"]

Bias = Literal["neuron", "shared"] | None
Seed = int | random.Random | None
Inputs = Sequence[Value | SupportsFloat]

MOST_PARAMETERS = 10_000_000
"""The largest network that is built: each parameter is an object of about 100 bytes."""
MOST_DRAWN = 5_000
"""The parameters of the largest network that Jupyter shows as a picture; a larger one takes seconds."""


def activations() -> dict[str, Callable[[Value], Value]]:
    """Return what a neuron may apply to its weighted sum, by name.

    That is "linear" (nothing), and every operation of one argument whose parameters have defaults; an
    operation that you declare with ``rule`` is among them.

    >>> activations()["relu"](Value(-2.0)).data
    0.0
    """
    usual = ["relu", "tanh", "sigmoid"]  # first, because an error message shows the first
    names = usual + [name for name, op in TABLE.items() if _takes_one_value(op) and name not in usual]
    return {name: getattr(Value, name) for name in names} | {"linear": _linear}


def _linear(net: Value) -> Value:
    return net


def _takes_one_value(op: Op) -> bool:
    return op.arity == 1 and not op.over_lists and {*op.takes} == {*op.defaults}


INITIALISERS: dict[str, Callable[[Any, int, int], float]] = {
    "uniform": lambda rng, nin, nout: rng.uniform(-1, 1),
    # Glorot and Bengio, 2010, equation 16
    "xavier": lambda rng, nin, nout: math.sqrt(6 / (nin + nout)) * rng.uniform(-1, 1),
    # He, Zhang, Ren and Sun, 2015, equation 10
    "he": lambda rng, nin, nout: rng.gauss(0, math.sqrt(2 / nin)),
}
"""How a first weight is drawn, from a generator and the numbers of inputs and of neurons of the layer."""
INITIALISERS |= {"glorot": INITIALISERS["xavier"], "kaiming": INITIALISERS["he"]}


class Neuron(Module):
    """A weighted sum of the inputs, plus a bias, through an activation.

    Args:
        nin: the number of inputs.
        activation: a name in ``activations()``; or, as in micrograd, False for "linear", True for "relu".
        nonlin: micrograd's argument: False for the activation "linear".
        init: how the weights are drawn, a name in ``INITIALISERS``; the bias starts at 0.
        bias: "neuron" for a bias of its own, None for none; or the Value that it shares with others.
        nout: the number of neurons in its layer, which "xavier" uses.
        seed: a whole number, or a generator to continue drawing from; None draws from the module
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

    _net: tuple[str, Place]  # label and group, set by _settle, as those of the weights are
    _out: tuple[str, Place]

    def __init__(
        self,
        nin: int,
        activation: str | bool = "relu",
        *,
        nonlin: bool = True,
        init: str = "uniform",
        bias: Literal["neuron"] | Value | None = "neuron",
        nout: int = 1,
        seed: Seed = None,
    ) -> None:
        nin, _ = _checked_sizes(nin, [1])
        self.activation = _activation_name(activation, nonlin)
        self._activate = activations()[self.activation]
        draw = look_up("initialiser", init, INITIALISERS)
        rng = _generator(seed)
        self.w = [Value(draw(rng, nin, nout)) for _ in range(nin)]
        if not isinstance(bias, Value) and bias not in ("neuron", None):
            raise ValueError(
                f"bias is 'neuron', None, or 'shared' by a whole layer, not {repr(bias)[:40]} here"
            )
        self.b = bias if isinstance(bias, Value) else Value(0.0) if bias else None
        self._shares_bias = isinstance(bias, Value)
        _settle([[self]])

    @property
    def nonlin(self) -> bool:
        """Whether it has an activation, as in micrograd."""
        return self.activation != "linear"

    def __call__(self, x: Inputs) -> Value:
        """Return the output for a list of numbers or Values.

        Raises:
            ValueError: if there are more or fewer than ``nin``.
        """
        try:
            net: Value = dot(self.w, x)
        except (TypeError, ValueError):  # checked only now, because a network calls this very often
            _expect_inputs(self, len(self.w), x)
            raise
        if self.b is not None:
            net = net + self.b
        net._name(self._net)
        out = self._activate(net)
        out._name(self._out)
        return out

    def __repr__(self) -> str:
        return f"Neuron({len(self.w)}, {self.activation!r})"

    def structure(self) -> dict[str, Any]:
        """Return how the neuron was built; see ``Module.structure``."""
        bias = None if self.b is None else "shared" if self._shares_bias else "neuron"
        return {"kind": "Neuron", "inputs": len(self.w), "activation": self.activation, "bias": bias}


class Layer(Module):
    """Neurons that have the same inputs.

    Args:
        nin: the number of inputs.
        nout: the number of neurons.
        activation: as for ``Neuron``.
        nonlin: as for ``Neuron``.
        init: how the weights are drawn, a name in ``INITIALISERS``; biases start at 0.
        bias: "neuron" for one per neuron, "shared" for one that feeds them all, None for none.
        seed: as for ``Neuron``.

    Raises:
        UnknownNameError: for an unknown activation or initialiser.
        ValueError: if a size is not a positive whole number or too large, or for an unknown bias.

    >>> Layer(3, 2, "tanh", bias="shared", seed=1)
    Layer(3, 2, 'tanh', bias='shared')
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        activation: str | bool = "relu",
        *,
        nonlin: bool = True,
        init: str = "uniform",
        bias: Bias = "neuron",
        seed: Seed = None,
    ) -> None:
        nin, nout = _checked_sizes(nin, [nout])
        if isinstance(bias, Value):
            raise ValueError("bias is 'neuron', 'shared' or None; only a Neuron takes a Value")
        rng = _generator(seed)
        self.activation, self.bias = _activation_name(activation, nonlin), bias
        self.b = Value(0.0) if bias == "shared" else None
        own = self.b if bias == "shared" else bias
        self.neurons = [
            Neuron(nin, self.activation, init=init, bias=own, nout=nout, seed=rng) for _ in range(nout)
        ]
        _settle([self.neurons])

    def __call__(self, x: Inputs) -> Any:
        """Return the list of outputs; of one neuron, its output itself."""
        outputs = [neuron(x) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self) -> str:
        bias = "" if self.bias == "neuron" else f", bias={self.bias!r}"
        return f"Layer({len(self.neurons[0].w)}, {len(self.neurons)}, {self.activation!r}{bias})"

    def structure(self) -> dict[str, Any]:
        """Return how the layer was built; see ``Module.structure``."""
        sizes = {"inputs": len(self.neurons[0].w), "neurons": len(self.neurons)}
        return {"kind": "Layer"} | sizes | {"activation": self.activation, "bias": self.bias}


class MLP(Module):
    """A multi-layer perceptron: layers, each fed with the outputs of the one before.

    Its Values have the names of the worked example. Parameters are w1, w2, … and b1, b2, …, counted
    through the network; inputs are i1, i2, …; before and after an activation stand net_o1 and out_o1 in
    the last layer, net_h1 and out_h1 in the hidden layer. With several hidden layers, neuron 3 of the
    second has net_h2n3 and out_h2n3. Each MLP counts from 1: where a Module holds two, set the labels of
    one anew, or use ``named_parameters``. The ``group`` of each Value says where in the network it is.

    Args:
        nin: the number of inputs.
        nouts: the number of neurons in each layer.
        activation: one name for all layers but the last, which is then linear; or a list of one per layer.
        init: how the weights are drawn, a name in ``INITIALISERS``; biases start at 0.
        bias: "neuron" for one per neuron, "shared" for one per layer, None for none.
        seed: as for ``Neuron``.

    Raises:
        UnknownNameError: for an unknown activation or initialiser.
        ValueError: if a size is not a positive whole number, the network would be too large, a list has
            a wrong length, or for an unknown bias.

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
        sizes = _checked_sizes(nin, nouts)
        names = _activation_per_layer(activation, len(nouts))
        rng = _generator(seed)
        self.layers = [
            Layer(before, size, name, init=init, bias=bias, seed=rng)
            for (before, size), name in zip(pairwise(sizes), names, strict=True)
        ]
        self._inputs = [(f"i{k}", Place("input", 0, k)) for k in range(1, nin + 1)]
        _settle([layer.neurons for layer in self.layers])
        for depth, layer in enumerate(self.layers, 1):
            kind = "o" if layer is self.layers[-1] else "h" if len(nouts) == 2 else f"h{depth}n"
            for number, neuron in enumerate(layer.neurons, 1):
                neuron._net = f"net_{kind}{number}", neuron._net[1]
                neuron._out = f"out_{kind}{number}", neuron._out[1]

    def __call__(self, x: Inputs) -> Any:
        """Return the outputs for a list of numbers or Values; of one output neuron, its output itself.

        Raises:
            ValueError: if there are more or fewer than ``nin``.
        """
        _expect_inputs(self, len(self._inputs), x)
        signals: Any = [
            number if isinstance(number, Value) else _input(number, label, place)
            for number, (label, place) in zip(x, self._inputs, strict=True)
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
        return f"MLP({len(self._inputs)}, {sizes}{''.join(options)})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Show the network in Jupyter, at work on inputs of 1, so that every weight counts."""
        text = {"text/plain": f"{self!r}\n\n{self.summary()}"}
        layers = [
            f"{_count(layer.neurons, 'neuron')} ({layer.activation}), "
            f"{_count(layer.parameters(), 'parameter')}"
            for layer in self.layers
        ]
        alt = "; ".join([f"A network: {_count(self._inputs, 'input')}", *layers])
        if len(self.parameters()) > MOST_DRAWN:
            return text
        try:
            outputs = as_list(MLP.__call__(self, [1.0] * len(self._inputs)))
            return draw_network(outputs, "The numbers for inputs of 1.", alt)._repr_mimebundle_() | text
        except (DomainError, NoNetworkError):  # weights that overflow, or layers of another kind
            return text

    def structure(self) -> dict[str, Any]:
        """Return how the network was built, which ``load_mlp`` reads; see ``Module.structure``.

        >>> MLP(2, [16, 1], "tanh").structure()  # doctest: +NORMALIZE_WHITESPACE
        {'kind': 'MLP', 'inputs': 2, 'layers': [16, 1], 'activation': ['tanh', 'linear'],
         'bias': 'neuron'}
        """
        return {
            "kind": "MLP",
            "inputs": len(self._inputs),
            "layers": [len(layer.neurons) for layer in self.layers],
            "activation": [layer.activation for layer in self.layers],
            "bias": self.layers[0].bias,
        }

    def to_torch(self) -> Any:
        """Return the same network in PyTorch: an ``nn.Sequential`` with these weights, in float64.

        A bias that a layer shares becomes one for each neuron, all of the same number.

        Raises:
            ImportError: if PyTorch is not installed.
            ValueError: if PyTorch has no module for an activation.

        >>> MLP(2, [3, 1], "tanh").to_torch()  # doctest: +SKIP
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): Tanh()
          (2): Linear(in_features=3, out_features=1, bias=True)
        )
        """
        layers = []
        for layer in self.layers:
            weights = [[w.data for w in neuron.w] for neuron in layer.neurons]
            biases = [neuron.b.data for neuron in layer.neurons if neuron.b is not None]
            layers.append(LayerNumbers(weights, biases or None, layer.activation))
        return sequential(layers)

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


def from_torch(module: Any) -> MLP:
    """Return the network of a module of PyTorch, with the same weights.

    Args:
        module: a ``Linear``, or a ``Sequential`` of Linear layers, each followed by one activation or none.
            If only some of them have biases, those of the others are 0.

    Raises:
        ImportError: if PyTorch is not installed.
        TypeError: if it is no module of PyTorch.
        ValueError: if it contains something else, or has sizes that do not fit.

    >>> from_torch(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh()))  # doctest: +SKIP
    MLP(2, [3], activation=['tanh'])
    """
    layers = layer_numbers(module)
    sizes = [len(layer.weights) for layer in layers]
    for before, layer in zip(sizes, layers[1:], strict=False):
        inputs = len(layer.weights[0])
        if inputs != before:
            raise ValueError(f"a layer of {before} neurons is followed by one of {inputs} inputs")
    bias: Bias = None if all(layer.biases is None for layer in layers) else "neuron"
    names = [layer.activation for layer in layers]
    model = MLP(len(layers[0].weights[0]), sizes, names, bias=bias, seed=0)
    for made, (weights, biases, _) in zip(model.layers, layers, strict=True):
        for place, (neuron, row) in enumerate(zip(made.neurons, weights, strict=True)):
            for w, number in zip(neuron.w, row, strict=True):
                w.data = number
            if neuron.b is not None:
                neuron.b.data = biases[place] if biases else 0.0
    return model


def load_mlp(path: str | os.PathLike[str]) -> MLP:
    """Return the network in a file that ``MLP.save``, or the command ``train``, wrote.

    The file is read as data; nothing in it is run.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not such a file, or its network would be too large.
    """
    saved = read_json(path, keys=("model", "state"))
    built, state = saved["model"], saved["state"]
    if not isinstance(built, dict) or built.get("kind") != "MLP" or not isinstance(state, dict):
        kind = built.get("kind") if isinstance(built, dict) else built
        raise ValueError(f"{shown(path)} holds no MLP, but {str(kind)[:40]!r}")
    try:
        sizes = _checked_sizes(built["inputs"], built["layers"])
        if sum(map(math.prod, pairwise(sizes))) > len(state):
            raise ValueError("it has fewer numbers than the network has weights")
        names = built["activation"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("activation is not a list of names")
        model = MLP(sizes[0], sizes[1:], names, bias=built["bias"])
    except (KeyError, TypeError, ValueError) as error:
        problem = f"{error} is missing" if type(error) is KeyError else error
        raise ValueError(f"{shown(path)} does not describe an MLP: {problem}") from None
    model.load_state_dict(state)
    return model


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {plural(name, len(things))}"


def _checked_sizes(nin: int, nouts: Sequence[int]) -> list[int]:
    """Return the number of inputs and those of neurons, once they are sure to make a network."""
    if not isinstance(nouts, Sequence) or isinstance(nouts, str) or not nouts:
        raise ValueError(f"nouts lists the size of each layer, as in MLP(2, [16, 16, 1]); it is {nouts!r}")
    if len(nouts) > MOST_PARAMETERS:
        raise ValueError(f"a network of {len(nouts):,} layers is too large")
    neurons = [whole("the number of neurons", nout, least=1) for nout in nouts]
    sizes = [whole("the number of inputs", nin, least=1), *neurons]
    count = sum(map(math.prod, pairwise(sizes)))
    if count > MOST_PARAMETERS:
        raise ValueError(
            f"a network of {count:,} weights is too large: each is a Python object, "
            f"so at most {MOST_PARAMETERS:,} are allowed"
        )
    return sizes


def _activation_name(activation: str | bool, nonlin: bool) -> str:
    """Return the name of an activation that may be given as micrograd gives it."""
    name = activation if not isinstance(activation, bool) else "relu" if activation else "linear"
    look_up("activation", name, activations())  # also where nonlin overrides it
    return name if nonlin else "linear"


def _activation_per_layer(activation: str | Sequence[str], layers: int) -> Sequence[str]:
    if isinstance(activation, str):
        look_up("activation", activation, activations())  # also where every layer is the last
        return [activation] * (layers - 1) + ["linear"]
    if not isinstance(activation, Sequence):
        return [activation] * layers  # the first Neuron says what is wrong with it
    if len(activation) != layers:
        raise ValueError(f"activation lists one name for each layer: {layers}, not {len(activation)}")
    return activation


def _expect_inputs(module: Module, wanted: int, inputs: Inputs) -> None:
    some = f"{wanted} {plural('input', wanted)}"
    if not isinstance(inputs, Sized):
        raise TypeError(f"{module} takes a list of {some}, not a {type(inputs).__name__}") from None
    if wanted != len(inputs):
        raise ValueError(f"{module} takes {some}, not {len(inputs)}") from None


def _input(number: SupportsFloat, label: str, place: Place) -> Value:
    value = Value(number, label)
    value.group = place
    return value


def _generator(seed: Seed) -> Any:
    if seed is None:
        return random
    if not hasattr(seed, "gauss") and not isinstance(seed, Integral):  # Random(nan) differs each time
        raise TypeError(
            f"seed is a whole number, a generator, as in random.Random(1), or None, not {seed!r:.40}"
        )
    return seed if hasattr(seed, "gauss") else random.Random(int(seed))


def _settle(layers: Sequence[Sequence[Neuron]]) -> None:
    """Label the parameters w1, w2, … and b1, b2, … through all layers, and say where each Value belongs."""
    weights, biases = 0, 0
    for depth, neurons in enumerate(layers, 1):
        for number, neuron in enumerate(neurons, 1):
            for source, weight in enumerate(neuron.w, 1):
                weights += 1
                weight.label, weight.group = f"w{weights}", Place("weight", depth, number, source)
            neuron._net = "", Place("net", depth, number)
            neuron._out = "", Place("out", depth, number)
            if neuron.b is not None and not (neuron._shares_bias and number > 1):
                biases += 1
                neuron.b.label = f"b{biases}"
                neuron.b.group = Place("bias", depth, 0 if neuron._shares_bias else number)
