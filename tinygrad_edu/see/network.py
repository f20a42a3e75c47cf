"""The network that a graph was computed by, as a textbook draws it: units in columns, weights on lines.

It is read off the places that a network gives its Values (``Place``), never off a label.
"""

from collections import defaultdict
from functools import cached_property

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.see.place import Place
from tinygrad_edu.see.words import say


class Unit:
    """What the figure draws as one thing: an input, a neuron, an error, the total, or a shared bias.

    Attributes:
        name: how it is called, "h1".
        cells: the Values that it holds, with their names: net, out and b1 of a neuron; the name of the
            only one is "".
        takes: the Value that its incoming lines lead to; None for an input and a shared bias.
        gives: the Value that its outgoing lines start from.
    """

    def __init__(self, name: str, cells: list[tuple[str, Value]], takes: Value | None, gives: Value) -> None:
        self.name = name
        self.cells = cells
        self.takes = takes
        self.gives = gives

    @property
    def is_divided(self) -> bool:
        """Whether it is drawn as a box with a name above and cells below."""
        return bool(self.cells[0][0])


class Line:
    """A line of the figure, from one unit to another.

    Attributes:
        source: the unit that it starts from.
        target: the unit that it leads to.
        weight: the weight on it, or None.
    """

    def __init__(self, source: Unit, target: Unit, weight: Value | None = None) -> None:
        self.source = source
        self.target = target
        self.weight = weight


class Network:
    """A network at work on one sample, and what was computed from its outputs.

    Attributes:
        root: the Value whose graph it is.
        columns: the units from left to right, each column from top to bottom: the inputs, the layers of
            neurons, the errors, the total. Errors and total are missing where the graph has none.
        shared: the bias that a layer shares, by the column that the layer is.
        lines: all lines, in the order of their targets.
        depth: the column of the last layer of neurons.
        sample: which sample is shown, counted from 1.
        samples: on how many samples the network was called.
    """

    def __init__(self, root: Value, depth: int, sample: int, samples: int) -> None:
        self.root = root
        self.columns: list[list[Unit]] = []
        self.shared: dict[int, Unit] = {}
        self.lines: list[Line] = []
        self.depth = depth
        self.sample = sample
        self.samples = samples

    @property
    def units(self) -> list[Unit]:
        """All units: the columns, then the biases that layers share."""
        return [unit for column in self.columns for unit in column] + list(self.shared.values())

    @property
    def sample_caption(self) -> str:
        """Which sample is shown, and what gradients are then; "" where there is only one."""
        if self.samples == 1:
            return ""
        return say("sample_shown", sample=self.sample, samples=f"{self.samples:,}")

    @cached_property
    def names(self) -> dict[Value, str]:
        """A name for every Value that the figure shows: its label, or what it is and where: out_h1."""
        names = {}
        for unit in self.units:
            for title, value in unit.cells:
                place = f"{title}_{unit.name}" if title in ("net", "out", "target") else title or unit.name
                names[value] = _label(value, unit.name if title == "error" else place)
        weights = [line.weight for line in self.lines if line.weight is not None]
        return names | {weight: _label(weight, "w") for weight in weights}


class NoNetworkError(ValueError):
    """A graph holds no network that the textbook's figure can show; the message says why."""


def read_network(root: Value, sample: int = 1, *, errors: bool = True) -> Network:
    """Return the network in the graph of a Value.

    Args:
        root: what was computed from the outputs of a network, or an output.
        sample: which call of the network to show, counted from 1.
        errors: whether what was computed from the outputs belongs to it.

    Raises:
        NoNetworkError: if there is none, or one that is not made of layers.
        ValueError: if the network was called on fewer samples.

    >>> from tinygrad_edu.nn import MLP
    >>> network = read_network(MLP(2, [3, 1])([1.0, 2.0]))
    >>> [[unit.name for unit in column] for column in network.columns]
    [['i1', 'i2'], ['h1', 'h2', 'h3'], ['o1']]
    """
    outputs: dict[int, dict[int, list[Value]]] = defaultdict(lambda: defaultdict(list))
    order = topological_order(root)
    for value in order:
        if _is(value, "out"):
            outputs[value.group.layer][value.group.neuron].append(value)
    if not outputs:
        raise NoNetworkError("The graph holds no network")
    depth = max(outputs)
    if any(_is(value, "weight") and value.group.layer > depth for value in order):
        raise NoNetworkError("The graph ends inside a neuron")
    calls = outputs[depth]
    samples = len(max(calls.values(), key=len))
    if any(len(call) != samples for call in calls.values()):
        raise NoNetworkError("The graph does not use all outputs of the network for every sample")
    if sample not in range(1, samples + 1):
        raise ValueError(f"sample={sample!r}: the network was called on {samples:,}, counted from 1")
    for call in calls.values():
        if len({_Sum(out).weights for out in call}) > 1:
            raise NoNetworkError("The graph holds more than one network")

    network = Network(root, depth, sample, samples)
    layers: list[dict[int, _Sum]] = []  # the last one first
    heads = {neuron: calls[neuron][sample - 1] for neuron in sorted(calls)}
    for layer in range(depth, 0, -1):
        sums = {neuron: _Sum(out) for neuron, out in heads.items()}
        layers.append(sums)
        heads = {}
        for neuron, terms in sums.items():
            if terms.place[:3] != ("out", layer, neuron):
                raise NoNetworkError(f"Neuron {neuron} of layer {layer} is fed from another layer")
            for source, sender in terms.senders.items():
                if heads.setdefault(source, sender) is not sender:
                    raise NoNetworkError(f"The neurons of layer {layer} have different inputs")
        heads = {source: heads[source] for source in sorted(heads)}
    inputs = {source: _single(value, f"i{source}") for source, value in heads.items()}
    _add_layers(network, inputs, layers[::-1])
    if errors:
        _add_errors(network)
    return network


class _Sum:
    """What a neuron adds up to one of its outputs."""

    def __init__(self, out: Value) -> None:
        self.out = out
        self.place: Place = out.group
        net, order = out, _below(out)
        inner = [value for value in order if _role(value, self.place) == "net" and value is not out]
        if inner:
            net = inner[0]
            order = _below(net)
        self.net = net
        self.bias: Value | None = None
        self.shares_bias = False
        found: dict[int, tuple[Value, Value]] = {}
        for value in order:
            for weight, factor in _products(value):
                if _role(weight, self.place) == "weight":
                    found[weight.group.source] = weight, _signal(factor, self.place.layer)
            if _is(value, "bias"):
                self.bias, self.shares_bias = value, value.group.neuron == 0
        if not found:
            raise NoNetworkError(f"A neuron of layer {self.place.layer} has no weights")
        self.weights = tuple(found[source][0] for source in sorted(found))
        self.senders = {source: found[source][1] for source in sorted(found)}


def _role(value: Value, place: Place) -> str:
    """Return the role of a Value in the neuron at a place, "" if it belongs elsewhere."""
    group = value.group
    belongs = isinstance(group, Place) and group[1:3] == place[1:3]
    return group.role if belongs else ""


def _below(head: Value) -> list[Value]:
    """Return the Values between ``head`` and the placed Values that it is made from, with those two."""
    return topological_order(head, is_leaf=lambda value: isinstance(value.group, Place))


def _products(value: Value) -> list[tuple[Value, Value]]:
    """Return the pairs of Values that a Value multiplies, each in both orders."""
    half = len(value.args) // 2
    name = value.op.name if value.op else ""
    if name not in ("mul", "dot"):
        return []
    pairs = list(zip(value.args[:half], value.args[half:], strict=True))
    return pairs + [(y, x) for x, y in pairs]


def _signal(factor: Value, layer: int) -> Value:
    """Return which output of the layer before a weight is multiplied by, through a mask of dropout, say."""
    if layer == 1 or isinstance(factor.group, Place):
        return factor
    outs = [value for value in _below(factor) if _is(value, "out")]
    if len(outs) != 1:
        raise NoNetworkError(f"A weight of layer {layer} is not multiplied by the output of one neuron")
    return outs[0]


def _add_layers(network: Network, inputs: dict[int, Unit], layers: list[dict[int, _Sum]]) -> None:
    network.columns.append(list(inputs.values()))
    before = inputs
    for layer, sums in enumerate(layers, 1):
        units = {}
        for neuron, terms in sums.items():
            name = _label(terms.out, f"h{layer}n{neuron}").removeprefix("out_") or "out"
            cells = (
                [("net", terms.net), ("out", terms.out)]
                if terms.net is not terms.out
                else [("out", terms.out)]
            )
            bias = terms.bias
            if bias is not None and not terms.shares_bias:
                cells.append((_label(bias, "b"), bias))
            units[neuron] = unit = Unit(name, cells, terms.net, terms.out)
            for weight, source in zip(terms.weights, terms.senders, strict=True):
                network.lines.append(Line(before[source], unit, weight))
            if bias is not None and terms.shares_bias:
                shared = network.shared.setdefault(layer, _single(bias, "b"))
                network.lines.append(Line(shared, unit))
        network.columns.append(list(units.values()))
        before = units


def _add_errors(network: Network) -> None:
    """Add what was computed from the outputs: a column of errors, if it has such, and the total."""
    outs = network.columns[network.depth]
    if network.root in [unit.gives for unit in outs]:
        return
    errors, sources = [], {}
    for value in topological_order(network.root):
        if _is(value, "error"):
            below = _below(value)
            used = [unit for unit in outs if unit.gives in below]
            if used:
                targets = [("target", part) for part in below if _is(part, "target")]
                cells = [*targets, ("error" if targets else "", value)]
                unit = Unit(_label(value, f"E_{used[0].name}"), cells, value, value)
                errors.append(unit)
                sources[unit] = used
    if errors:
        network.columns.append(errors)
        network.lines += [Line(source, error) for error in errors for source in sources[error]]
    if network.root not in [error.gives for error in errors]:
        total = _single(network.root, "E")
        total.takes = network.root
        network.columns.append([total])
        network.lines += [Line(unit, total) for unit in errors or outs]


def _single(value: Value, name: str) -> Unit:
    return Unit(_label(value, name), [("", value)], None, value)


def _label(value: Value, otherwise: str) -> str:
    """Return the label of a Value in one line; ``otherwise`` if it is blank."""
    return one_line(value.label) or otherwise


def _is(value: Value, role: str) -> bool:
    return isinstance(value.group, Place) and value.group.role == role
