"""What a network says of its Values: where in it each belongs. Pictures and explanations read it."""

from typing import Literal, NamedTuple

Role = Literal["input", "weight", "bias", "net", "out", "target", "error", "total"]


class Place(NamedTuple):
    """The place of a Value in a network, kept as its ``group``.

    Attributes:
        role: what it is there.
        layer: which layer it belongs to, 0 for the inputs, 1 for the first layer of neurons, and so on; a
            weight belongs to the layer that it leads to; errors and total come after the last layer.
        neuron: which neuron of the layer, counted from 1; 0 for what the whole layer shares.
        source: of a weight, which neuron of the layer before, counted from 1; else 0.
    """

    role: Role
    layer: int
    neuron: int = 0
    source: int = 0
