"""The worked example: a network of two inputs, two hidden and two output neurons, in explicit scalars.

    net_h1 = w1·i1 + w2·i2 + b1        out_h1 = sigmoid(net_h1)
    net_h2 = w3·i1 + w4·i2 + b1        out_h2 = sigmoid(net_h2)
    net_o1 = w5·out_h1 + w6·out_h2 + b2    out_o1 = sigmoid(net_o1)    E_o1 = ½(target_o1 − out_o1)²
    net_o2 = w7·out_h1 + w8·out_h2 + b2    out_o2 = sigmoid(net_o2)    E_o2 = ½(target_o2 − out_o2)²
    E_total = E_o1 + E_o2

There is one bias per layer: b1 feeds both hidden neurons, b2 both output neurons.

Source: M. Mazur, "A Step by Step Backpropagation Example", 17 March 2015,
https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/. It has been retold in many
languages, often without its second half, the hidden layer.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, SupportsFloat

from tinygrad_edu._common.checks import whole
from tinygrad_edu._common.names import look_up
from tinygrad_edu.engine.rules import sigmoid
from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.draw import draw
from tinygrad_edu.see.place import Place

WEIGHTS = {"w1": 0.15, "w2": 0.20, "w3": 0.25, "w4": 0.30, "w5": 0.40, "w6": 0.45, "w7": 0.50, "w8": 0.55}
BIASES = {"b1": 0.35, "b2": 0.60}
INPUTS = {"i1": 0.05, "i2": 0.10}
TARGETS = {"target_o1": 0.01, "target_o2": 0.99}
LEARNING_RATE = 0.5

# fmt: off
PLACES = {
    "i1": Place("input", 0, 1),      "i2": Place("input", 0, 2),
    "w1": Place("weight", 1, 1, 1),  "w2": Place("weight", 1, 1, 2),
    "w3": Place("weight", 1, 2, 1),  "w4": Place("weight", 1, 2, 2),
    "b1": Place("bias", 1),
    "net_h1": Place("net", 1, 1),    "net_h2": Place("net", 1, 2),
    "out_h1": Place("out", 1, 1),    "out_h2": Place("out", 1, 2),
    "w5": Place("weight", 2, 1, 1),  "w6": Place("weight", 2, 1, 2),
    "w7": Place("weight", 2, 2, 1),  "w8": Place("weight", 2, 2, 2),
    "b2": Place("bias", 2),
    "net_o1": Place("net", 2, 1),    "net_o2": Place("net", 2, 2),
    "out_o1": Place("out", 2, 1),    "out_o2": Place("out", 2, 2),
    "target_o1": Place("target", 3, 1), "target_o2": Place("target", 3, 2),
    "E_o1": Place("error", 3, 1),    "E_o2": Place("error", 3, 2),
    "E_total": Place("total", 4),
}
"""Where in the network each Value of the example belongs, in the order of the layers."""
# fmt: on


class WorkedExample(Mapping[str, Value]):
    """The Values of the worked example by name: ``example["w5"]``, ``example["net_o1"]``.

    The errors E_o1 and E_o2 have their names here, but no label: they are terms of E_total, and without
    them the path from w5 to E_total has just the three factors that Mazur writes.

    Args:
        numbers: own numbers for some of the leaves, by name: weights, biases, inputs and targets.

    Raises:
        UnknownNameError: if a name is not that of a leaf.
        TypeError: if a number is not a real number.

    >>> example = worked_example()
    >>> example["E_total"].backward()
    >>> f"{example['w5'].grad:.9f}"
    '0.082167041'
    """

    def __init__(self, **numbers: SupportsFloat) -> None:
        leaves: dict[str, SupportsFloat] = {**WEIGHTS, **BIASES, **INPUTS, **TARGETS}
        for name, number in numbers.items():
            look_up("leaf in the worked example called", name, leaves)
            leaves[name] = number
        values = {name: Value(number, name) for name, number in leaves.items()}
        w1, w2, w3, w4, w5, w6, w7, w8, b1, b2, i1, i2, target_o1, target_o2 = values.values()

        values["net_h1"] = net_h1 = w1 * i1 + w2 * i2 + b1
        values["net_h2"] = net_h2 = w3 * i1 + w4 * i2 + b1
        values["out_h1"] = out_h1 = sigmoid(net_h1)
        values["out_h2"] = out_h2 = sigmoid(net_h2)

        values["net_o1"] = net_o1 = w5 * out_h1 + w6 * out_h2 + b2
        values["net_o2"] = net_o2 = w7 * out_h1 + w8 * out_h2 + b2
        values["out_o1"] = out_o1 = sigmoid(net_o1)
        values["out_o2"] = out_o2 = sigmoid(net_o2)

        E_o1 = 0.5 * (target_o1 - out_o1) ** 2
        E_o2 = 0.5 * (target_o2 - out_o2) ** 2
        values["E_total"] = E_o1 + E_o2

        for name, value in values.items():
            value.label = name
        self._values = values | {"E_o1": E_o1, "E_o2": E_o2}
        for name, value in self._values.items():
            value.group = PLACES[name]

    def __repr__(self) -> str:
        return f"<WorkedExample: E_total = {self['E_total'].data:.9f}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return draw(self["E_total"])._repr_mimebundle_() | {"text/plain": repr(self)}

    def __getitem__(self, name: str) -> Value:
        value: Value = look_up("Value in the worked example called", name, self._values)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def train(
        self,
        steps: int,
        learning_rate: float = LEARNING_RATE,
        biases: bool = False,
        *,
        history: dict[str, list[float]] | None = None,
    ) -> None:
        """Take steps of gradient descent, w⁺ = w − learning_rate · ∂E_total/∂w.

        Each step computes all gradients first and then makes all updates: to update w5 before the
        hidden layer's gradients are computed is the classic mistake. Afterwards every Value holds the
        number of the trained network, and ``grad`` the gradients at the start of the last step.

        Args:
            steps: the number of steps; not negative.
            learning_rate: η, the size of a step relative to the gradient.
            biases: train the two shared biases too; Mazur trains the weights only.
            history: a dictionary to record in what ``film`` shows: under the name of each parameter that is
                trained, its number before the first step and after each.

        Raises:
            ValueError: if ``steps`` is not a whole number of at least 0.

        >>> example = worked_example()
        >>> example.train(1)
        >>> f"{example['w5'].data:.9f} {example['E_total'].data:.9f}"
        '0.358916480 0.291027774'
        """
        trained = [self[name] for name in (WEIGHTS | BIASES if biases else WEIGHTS)]
        descend(self["E_total"], trained, steps, learning_rate, history)


def descend(
    root: Value,
    parameters: Sequence[Value],
    steps: int,
    learning_rate: float = LEARNING_RATE,
    history: dict[str, list[float]] | None = None,
) -> None:
    """Take steps of gradient descent on any graph; arguments and errors as for ``WorkedExample.train``.

    Args:
        root: what is to become small.
        parameters: the leaves to change.
        steps: the number of steps.
        learning_rate: the size of a step relative to the gradient.
        history: under the label of each parameter, its number before the first step and after each.

    >>> w, history = Value(1.0, "w"), {}
    >>> descend(w * w, [w], steps=2, learning_rate=0.25, history=history)
    >>> history
    {'w': [1.0, 0.5, 0.25]}
    """

    def record() -> None:
        if history is not None:
            for parameter in parameters:
                history.setdefault(parameter.label, []).append(parameter.data)

    steps = whole("steps", steps, least=0)
    record()
    for _ in range(steps):
        root.zero_grad()
        root.backward()
        for parameter in parameters:
            parameter.data -= learning_rate * parameter.grad
        root.forward()
        record()


def worked_example(**numbers: SupportsFloat) -> WorkedExample:
    """Return the worked example with Mazur's numbers, its forward pass computed.

    Args:
        numbers: own numbers in place of Mazur's, for any weight, bias, input or target.

    Raises:
        UnknownNameError: if a name is not one of these.
        TypeError: if a number is not a real number.

    >>> worked_example()
    <WorkedExample: E_total = 0.298371109>
    >>> worked_example(w1=0.9, target_o1=1)["net_h1"].data
    0.415
    """
    return WorkedExample(**numbers)


def network_example(sizes: Sequence[int], activation: str = "sigmoid", seed: int = 0) -> Value:
    """Return the error of a network like the worked example, in any size.

    Inputs are 0.05, 0.10, 0.15, …; targets 0.01 and 0.99 in turn; each layer shares a bias. Weights are
    drawn at random.

    Args:
        sizes: how many inputs, and how many neurons in each layer.
        activation: that of all layers.
        seed: another one draws other weights.

    Raises:
        ValueError: if there are fewer than two sizes, or one is not positive.
        UnknownNameError: for an unknown activation.

    >>> from tinygrad_edu import topological_order
    >>> E_total = network_example([3, 4, 2])
    >>> E_total.backward()
    >>> E_total.label, len({value.label for value in topological_order(E_total) if not value.args})
    ('E_total', 28)
    """
    from tinygrad_edu.nn import MLP

    if len(sizes) < 2:
        raise ValueError(f"sizes={[*sizes]}: give the number of inputs and of neurons in at least one layer")
    nin, *nouts = sizes
    model = MLP(nin, nouts, activation=[activation] * len(nouts), bias="shared", seed=seed)
    for weight in model.parameters():
        weight.data = round(weight.data, 2)  # as a reader wants to see it
    outputs = model([k / 20 for k in range(1, nin + 1)])
    errors = []
    for k, out in enumerate([outputs] if isinstance(outputs, Value) else outputs, 1):
        target = Value(0.01 if k % 2 else 0.99, f"target_o{k}")
        error = 0.5 * (target - out) ** 2
        target.group, error.group = Place("target", len(sizes), k), Place("error", len(sizes), k)
        errors.append(error)
    total: Value = sum(errors[1:], errors[0])
    total.label, total.group = "E_total", Place("total", len(sizes) + 1)
    return total
