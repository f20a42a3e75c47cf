"""What is measured: each workload gives, for the engine named, the one step that is repeated."""

import math
import random
import sys

import plain
from gpt import GPT

import tinygrad_edu
from tinygrad_edu import Value, dot, nn, worked_example

sys.setrecursionlimit(100_000)  # the peers sort their graphs by recursion


def burtorch(Value):
    """The tiny graph of BurTorch (Burlachenko and Richtárik, 2025)."""
    a, b = Value(-41.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    e = c - d
    f = e**2
    g = f / 2
    g.backward()
    return a.grad


def readme(Value):
    """The graph of micrograd's README."""
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c = c + (c + 1)
    c = c + (1 + c + (-a))
    d = d + (d * 2 + (b + a).relu())
    d = d + (3 * d + (b - a).relu())
    e = c - d
    f = e**2
    g = f / 2.0
    g = g + 10.0 / f
    g.backward()
    return a.grad


class Formula:
    """The two small graphs for peers that differentiate functions, and for tensors with a method ``relu``."""

    @staticmethod
    def burtorch(a, b):
        return ((a + b) - (a * b + b**3)) ** 2 / 2

    @staticmethod
    def readme(a, b, relu):
        c = a + b
        d = a * b + b**3
        c = c + c + 1
        c = c + 1 + c + (-a)
        d = d + d * 2 + relu(b + a)
        d = d + 3 * d + relu(b - a)
        f = (c - d) ** 2
        return f / 2.0 + 10.0 / f


def small_graph(graph):
    start = {"burtorch": (-41.0, 2.0), "readme": (-4.0, 2.0)}[graph.__name__]
    formula = getattr(Formula, graph.__name__)

    def workload(engine):
        if engine == "tinygrad_edu":
            return lambda: graph(Value)
        if engine == "micrograd":
            from micrograd.engine import Value as Micrograd

            return lambda: graph(Micrograd)
        if engine == "autograd":
            import autograd

            derivative = autograd.grad(with_relu(formula, lambda x: (x > 0) * x), argnum=(0, 1))
            return lambda: float(derivative(*start)[0])
        if engine == "mygrad":
            import mygrad
            from mygrad.nnet import relu

            def step():
                a, b = map(mygrad.tensor, start)
                with_relu(formula, relu)(a, b).backward()
                return float(a.grad)

            return step
        if engine == "torch":
            import torch

            def step():
                a, b = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in start)
                with_relu(formula, torch.relu)(a, b).backward()
                return float(a.grad)

            return step
        if engine.startswith("jax"):
            import jax

            jax.config.update("jax_enable_x64", True)
            derivative = jax.grad(with_relu(formula, jax.nn.relu), argnums=(0, 1))
            derivative = jax.jit(derivative) if engine == "jax.jit" else derivative
            return lambda: float(derivative(*start)[0])
        return None

    return workload


def with_relu(formula, relu):
    return (lambda a, b: formula(a, b, relu)) if formula is Formula.readme else formula


# --- Networks: micrograd's own, and ours with the same weights ---


def network(engine, nin, nouts):
    """Return the class of Values and a network, with the same weights on every engine."""
    random.seed(1337)
    if engine == "tinygrad_edu":
        return Value, nn.MLP(nin, nouts)
    if engine == "micrograd":
        from micrograd.engine import Value as Micrograd
        from micrograd.nn import MLP as MicrogradMLP

        return Micrograd, MicrogradMLP(nin, nouts)
    return None, None


def moons(engine):
    """A step of micrograd's demo: 100 points, 2-16-16-1, hinge loss, L2 penalty, all points at once."""
    value_class, model = network(engine, 2, [16, 16, 1])
    if model is None:
        return None
    rng = random.Random(1)
    points = []
    for i in range(100):
        angle, label = math.pi * rng.random(), i % 2
        x, y = (1 - math.cos(angle), 0.5 - math.sin(angle)) if label else (math.cos(angle), math.sin(angle))
        points.append(((x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)), 2 * label - 1))
    parameters = model.parameters()

    def step():
        scores = [model([value_class(x) for x in xs]) for xs, _ in points]
        losses = [(1 + -label * score).relu() for score, (_, label) in zip(scores, points, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data -= 0.1 * p.grad
        return loss.data

    return step


def digits(engine):
    """MLP 784-50-10 on one sample: forward and backward."""
    value_class, model = network(engine, 784, [50, 10])
    if model is None:
        return None
    rng = random.Random(1)
    sample = [rng.random() for _ in range(784)]

    def step():
        outputs = model([value_class(x) for x in sample])
        loss = sum((output - (i == 3)) ** 2 for i, output in enumerate(outputs))
        loss.backward()
        return loss.data

    return step


def gpt(engine):
    models = {
        "plain Python": lambda: GPT(plain.PlainValue),
        "tinygrad_edu": lambda: GPT(Value, dot),
        "tinygrad_edu, without dot": lambda: GPT(Value),
    }
    return models[engine]().step if engine in models else None


def three_layer(engine):
    """One step of the worked example's 10,000; the plain class builds its graph anew, as micrograd would."""
    if engine == "tinygrad_edu":
        example = worked_example()

        def step():
            example.train(1)
            return example["E_total"].data

        return step
    if engine == "plain Python":
        return plain_three_layer()
    return None


def plain_three_layer():
    Plain = plain.PlainValue
    w = [Plain(x) for x in tinygrad_edu.three_layer.WEIGHTS.values()]
    b1, b2 = (Plain(x) for x in tinygrad_edu.three_layer.BIASES.values())
    i1, i2 = (Plain(x) for x in tinygrad_edu.three_layer.INPUTS.values())
    targets = [Plain(x) for x in tinygrad_edu.three_layer.TARGETS.values()]

    def neuron(w1, x1, w2, x2, b):
        return (1 + (-(w1 * x1 + w2 * x2 + b)).exp()) ** -1

    def error():
        h1, h2 = neuron(w[0], i1, w[1], i2, b1), neuron(w[2], i1, w[3], i2, b1)
        o1, o2 = neuron(w[4], h1, w[5], h2, b2), neuron(w[6], h1, w[7], h2, b2)
        return 0.5 * (targets[0] - o1) ** 2 + 0.5 * (targets[1] - o2) ** 2

    def step():
        error().backward()
        for p in w:
            p.data -= 0.5 * p.grad
            p.grad = 0
        return error().data

    return step


def chain(nodes):
    """Build and differentiate y = y·x + x, over and over."""
    x, y = Value(0.5), Value(0.0)
    for _ in range(nodes // 2):
        y = y * x + x
    y.backward()
    return x.grad


def products(nodes):
    """Build and differentiate a product, over and over."""
    x = y = Value(0.999999)
    for _ in range(nodes):
        y = y * x
    y.backward()


def functions(nodes):
    """Build and differentiate a chain of functions that the C library computes."""
    y = Value(0.3)
    for _ in range(nodes // 4):
        y = y.tanh().exp().log().sigmoid()
    y.backward()
