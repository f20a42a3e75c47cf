"""The worked example: a network of two inputs, two hidden and two output neurons, in explicit scalars.

    net_h1 = w1·i1 + w2·i2 + b1        out_h1 = sigmoid(net_h1)
    net_h2 = w3·i1 + w4·i2 + b1        out_h2 = sigmoid(net_h2)
    net_o1 = w5·out_h1 + w6·out_h2 + b2    out_o1 = sigmoid(net_o1)    E_o1 = ½(target_o1 − out_o1)²
    net_o2 = w7·out_h1 + w8·out_h2 + b2    out_o2 = sigmoid(net_o2)    E_o2 = ½(target_o2 − out_o2)²
    E_total = E_o1 + E_o2

There is one bias per layer: b1 feeds both hidden neurons, b2 both output neurons.
"""

from collections.abc import Iterator, Mapping

from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.engine.value import Value

WEIGHTS = {"w1": 0.15, "w2": 0.20, "w3": 0.25, "w4": 0.30, "w5": 0.40, "w6": 0.45, "w7": 0.50, "w8": 0.55}
BIASES = {"b1": 0.35, "b2": 0.60}
INPUTS = {"i1": 0.05, "i2": 0.10}
TARGETS = {"target_o1": 0.01, "target_o2": 0.99}


class WorkedExample(Mapping[str, Value]):
    """The Values of the worked example by name: ``example["w5"]``, ``example["net_o1"]``.

    The errors E_o1 and E_o2 have their names here, but no label: they are terms of E_total, and without
    them the path from w5 to E_total has just the three factors of the text.

    >>> example = worked_example()
    >>> example["E_total"].backward()
    >>> f"{example['w5'].grad:.9f}"
    '0.082167041'
    """

    def __init__(self) -> None:
        leaves = WEIGHTS | BIASES | INPUTS | TARGETS
        values = {name: Value(number, name) for name, number in leaves.items()}
        w1, w2, w3, w4, w5, w6, w7, w8, b1, b2, i1, i2, target_o1, target_o2 = values.values()

        values["net_h1"] = net_h1 = w1 * i1 + w2 * i2 + b1
        values["net_h2"] = net_h2 = w3 * i1 + w4 * i2 + b1
        values["out_h1"] = out_h1 = net_h1.sigmoid()
        values["out_h2"] = out_h2 = net_h2.sigmoid()

        values["net_o1"] = net_o1 = w5 * out_h1 + w6 * out_h2 + b2
        values["net_o2"] = net_o2 = w7 * out_h1 + w8 * out_h2 + b2
        values["out_o1"] = out_o1 = net_o1.sigmoid()
        values["out_o2"] = out_o2 = net_o2.sigmoid()

        E_o1 = 0.5 * (target_o1 - out_o1) ** 2
        E_o2 = 0.5 * (target_o2 - out_o2) ** 2
        values["E_total"] = E_o1 + E_o2

        for name, value in values.items():
            value.label = name
        self._values = values | {"E_o1": E_o1, "E_o2": E_o2}

    def __repr__(self) -> str:
        return f"<WorkedExample: E_total = {self['E_total'].data:.9f}>"

    def __getitem__(self, name: str) -> Value:
        if name not in self._values:
            raise UnknownNameError("Value in the worked example called", name, self._values)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def train(self, steps: int, learning_rate: float = 0.5, biases: bool = False) -> None:
        """Take steps of gradient descent, w⁺ = w − learning_rate · ∂E_total/∂w.

        Each step computes all gradients first and then makes all updates: to update w5 before the
        hidden layer's gradients are computed is the classic mistake. Afterwards the data of every Value
        is that of the trained network, and ``grad`` holds the gradients of the last step's start.

        Args:
            steps: how many steps; not negative.
            learning_rate: η, the length of a step relative to the gradient.
            biases: train the two shared biases too; the text trains the weights only.

        Raises:
            ValueError: if ``steps`` is negative.

        >>> example = worked_example()
        >>> example.train(1)
        >>> f"{example['w5'].data:.9f} {example['E_total'].data:.9f}"
        '0.358916480 0.291027774'
        """
        if steps < 0:
            raise ValueError(f"steps={steps}: the number of steps cannot be negative")
        E_total = self["E_total"]
        trained = [self[name] for name in (WEIGHTS | BIASES if biases else WEIGHTS)]
        for _ in range(steps):
            E_total.zero_grad()
            E_total.backward()
            for parameter in trained:
                parameter.data -= learning_rate * parameter.grad
            E_total.forward()


def worked_example() -> WorkedExample:
    """Return the worked example with the text's first weights, its forward pass computed."""
    return WorkedExample()
