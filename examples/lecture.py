"""A lecture that builds such an engine by hand: the chain rule first, then a neuron, then a network.

    python examples/lecture.py

The lecture is A. Karpathy's "The spelled-out intro to neural networks and backpropagation: building
micrograd" (2022). Each part is code as one writes it for the class `Value` made there: labels, `_prev`,
`_op`, gradients set by hand and passed on with `_backward()`.
"""

import math
import random

from tinygrad_edu import Value


def slope_by_nudging():
    """Compare a gradient with what a small change does: (f(x + h) - f(x)) / h."""

    def result(nudge):
        a, b, c = Value(1.5, label="a"), Value(-4.0, label="b"), Value(7.0, label="c")
        a.data += nudge
        e = a * b
        e.label = "e"
        total = (e + c) * Value(0.5, label="f")
        total.label = "L"
        return a, total

    a, total = result(0.0)
    total.backward()
    h = 1e-6
    return a.grad, (result(h)[1].data - total.data) / h


def neuron_by_hand():
    """Pass the gradient of one tanh neuron back node by node, and let backward() do it again."""
    x1, x2 = Value(0.5, label="x1"), Value(-1.5, label="x2")
    w1, w2 = Value(2.0, label="w1"), Value(0.8, label="w2")
    b = Value(0.7, label="b")
    x1w1 = x1 * w1
    x2w2 = x2 * w2
    both = x1w1 + x2w2
    n = both + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    o.grad = 1.0
    for node in (o, n, both, x1w1, x2w2):
        node._backward()
    by_hand = [v.grad for v in (x1, w1, x2, w2)]
    for v in (x1, x2, w1, w2, b, x1w1, x2w2, both, n, o):
        v.grad = 0.0
    o.backward()
    return by_hand, [v.grad for v in (x1, w1, x2, w2)]


def trace(root):
    """Collect nodes and edges below a Value, as a drawing function does."""
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


class Neuron:
    """A neuron written by hand; `tinygrad_edu.nn` has one ready."""

    def __init__(self, nin):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(random.uniform(-1, 1))

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return act.tanh()

    def parameters(self):
        return self.w + [self.b]


class Net:
    """Layers of such neurons."""

    def __init__(self, nin, nouts):
        sizes = [nin, *nouts]
        self.layers = [[Neuron(sizes[i]) for _ in range(sizes[i + 1])] for i in range(len(nouts))]

    def __call__(self, x):
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0] if len(x) == 1 else x

    def parameters(self):
        return [p for layer in self.layers for neuron in layer for p in neuron.parameters()]


def four_examples(steps=50):
    """Fit four examples with a squared error; return the first and the last loss."""
    random.seed(0)
    net = Net(3, [4, 4, 1])
    xs = [[1.0, 2.5, -1.0], [-2.0, 0.5, 1.0], [0.5, -1.0, 1.5], [1.5, 1.0, -0.5]]
    ys = [1.0, -1.0, -1.0, 1.0]
    losses = []
    for _ in range(steps):
        ypred = [net(x) for x in xs]
        loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred, strict=True))
        for p in net.parameters():
            p.grad = 0.0
        loss.backward()
        for p in net.parameters():
            p.data += -0.05 * p.grad
        losses.append(loss.data)
    return losses[0], losses[-1]


def main():
    print("slope, and slope by nudging:", *slope_by_nudging())
    by_hand, at_once = neuron_by_hand()
    print("a neuron's gradients by hand:", by_hand)
    print("and by backward():           ", at_once)
    n = Value(0.5, label="n")
    nodes, edges = trace((2 * n).exp() - 1)
    print(
        f"a graph of {len(nodes)} nodes and {len(edges)} edges, operations",
        sorted(v._op for v in nodes if v._op),
    )
    print("tanh from its parts:", ((2 * n).exp() - 1) / ((2 * n).exp() + 1), "and", math.tanh(0.5))
    print("loss of four examples, at first and after 50 steps:", *four_examples())


if __name__ == "__main__":
    main()
