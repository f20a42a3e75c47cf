"""Networks lifted to arrays, side by side with micrograd and PyTorch (float64, eager).

    python benchmarks/arrays.py

Each step computes loss and gradients of all samples and changes the parameters; the first losses of all
engines are compared. micrograd's step on 32 samples of 784 inputs is measured on one of them, times 32.
Where the variables OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE are set, unset them.
"""

import random
import time

import numpy as np

import tinygrad_edu
from tinygrad_edu import Value, dot, function, nn, optim, train
from tinygrad_edu.datasets import digits


def points(count, inputs):
    rng = random.Random(1)
    return [[rng.uniform(-1, 1) for _ in range(inputs)] for _ in range(count)]


def moons_loss(scores, signs, parameters):
    """The loss of micrograd's demo: hinge, and a penalty on the size of the parameters."""
    losses = [(1 + -sign * score).relu() for score, sign in zip(scores, signs, strict=True)]
    return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)


def squares_loss(outputs, signs, parameters):
    """The squares of the outputs, one of them less 1, summed over outputs and averaged over samples."""
    rows = [sum((output - (k == 3)) ** 2 for k, output in enumerate(row)) for row in outputs]
    return sum(rows) * (1.0 / len(rows))


CASES = {
    "moons, 2-16-16-1, 100 samples": (2, [16, 16, 1], 100, moons_loss, 100),
    "MLP 784-50-10, 32 samples": (784, [50, 10], 32, squares_loss, 1),
}


RATE = 1e-6


def lifted_step(nin, nouts, xs, signs, loss):
    """Lift the graph of all samples; or, of the large network, that of one sample, for all of them."""
    random.seed(1337)
    model, start = nn.MLP(nin, nouts), time.perf_counter()
    parameters = model.parameters()
    if loss is moons_loss:
        lifted = function([parameters], loss([model(x) for x in xs], signs, parameters)).lifted()
        arrays, samples = lifted.arrays([p.data for p in parameters]), 1
    else:
        x = [Value(number) for number in xs[0]]
        lifted = function([parameters, x], loss([model(x)], signs, parameters)).lifted(batched=[1])
        arrays, samples = lifted.arrays([[p.data for p in parameters] + row for row in xs]), len(xs)
    print(
        f"  recorded and lifted in {time.perf_counter() - start:.2f} s: {len(lifted.statements)} statements"
    )

    def step():
        value, gradients = lifted.value_and_gradient(*arrays)
        for leaf, array, gradient in zip(lifted.leaves, arrays, gradients, strict=True):
            if not leaf.batched:
                array -= RATE / samples * gradient
        return float(value.sum()) / samples

    return step


def micrograd_step(nin, nouts, xs, signs, loss):
    from micrograd.engine import Value as Micrograd
    from micrograd.nn import MLP

    random.seed(1337)
    model = MLP(nin, nouts)

    def step():
        outputs = [model([Micrograd(x) for x in row]) for row in xs]
        root = loss(outputs, signs, model.parameters())
        model.zero_grad()
        root.backward()
        for p in model.parameters():
            p.data -= RATE * p.grad
        return root.data

    return step


def torch_step(nin, nouts, xs, signs, loss):
    import torch

    random.seed(1337)
    model = nn.MLP(nin, nouts).to_torch()
    optimizer = torch.optim.SGD(model.parameters(), RATE)
    X, y = torch.tensor(xs, dtype=torch.float64), torch.tensor(signs, dtype=torch.float64)
    wanted = torch.zeros(len(xs), nouts[-1], dtype=torch.float64)
    wanted[:, 3:4] = 1.0

    def step():
        optimizer.zero_grad()
        if loss is moons_loss:
            root = (1 - y * model(X)[:, 0]).relu().mean() + 1e-4 * sum(
                (p * p).sum() for p in model.parameters()
            )
        else:
            root = ((model(X) - wanted) ** 2).sum(dim=1).mean()
        root.backward()
        optimizer.step()
        return root.item()

    return step


def seconds(step, least=0.5):
    """Return the seconds of the fastest of several turns."""
    step()
    best, spent = float("inf"), 0.0
    while spent < least:
        count = max(1, min(200, int(0.02 / best)))
        start = time.perf_counter()
        for _ in range(count):
            step()
        took = time.perf_counter() - start
        best, spent = min(best, took / count), spent + took
    return best


def steps():
    for title, (nin, nouts, count, loss, of_micrograd) in CASES.items():
        print(title)
        xs, signs = points(count, nin), [1 - 2 * (k % 2) for k in range(count)]
        ours, theirs = lifted_step(nin, nouts, xs, signs, loss), torch_step(nin, nouts, xs, signs, loss)
        first = [ours(), theirs()]
        slow = micrograd_step(nin, nouts, xs[:of_micrograd], signs[:of_micrograd], loss)
        first += [slow()] if of_micrograd == count else []
        assert max(first) - min(first) <= 1e-9 * max(first), first
        turns = [(seconds(ours), seconds(theirs)) for _ in range(5)]
        a, b = (min(turn) for turn in zip(*turns, strict=True))
        c = seconds(slow, 0.1) * count / of_micrograd
        print(f"  lifted {a * 1e6:.0f} µs; PyTorch {b * 1e6:.0f} µs, {b / a:.1f} ×", end="; ")
        print(f"micrograd {c:.2f} s, {c / a:,.0f} ×")


def lifting():
    print("lifting MLP 784-50-10, one sample")
    x, t = [Value(0.5) for _ in range(784)], [Value(0.1) for _ in range(10)]
    for name, neuron in (
        ("nn", dot),
        ("+ and *", lambda w, x: sum(a * b for a, b in zip(w, x, strict=True))),
    ):
        model, signals = nn.MLP(784, [50, 10], "tanh", seed=1), x
        for layer in model.layers:
            nets = [neuron(each.w, signals) + each.b for each in layer.neurons]
            signals = [net.tanh() for net in nets] if layer is model.layers[0] else nets
        root = sum((a - b) ** 2 for a, b in zip(signals, t, strict=True))
        f = function([model.parameters(), x, t], root)
        start = time.perf_counter()
        lifted = tinygrad_edu.program.lift.Lifted(f.program)
        took = time.perf_counter() - start
        nodes = len(tinygrad_edu.topological_order(root))
        print(f"  {name}: {nodes:,} nodes to {len(lifted.statements)} array statements in {took:.2f} s")


def learning():
    learn, test = digits().split(0.2, seed=0)
    model = nn.MLP(64, [32, 10], init="he", seed=0)
    steps_ahead = 12 * -(-len(learn) // 32)
    optimizer = optim.Adam(model.parameters(), 0.01, schedule=optim.cosine_decay(steps_ahead))
    start = time.perf_counter()
    train.fit(
        model, learn, "categorical_cross_entropy", optimizer, epochs=12, batch_size=32, metric="accuracy",
        compiled=True, progress=False,
    )  # fmt: skip
    took = time.perf_counter() - start
    right = train.evaluate(model, test, "categorical_cross_entropy", "accuracy")["accuracy"]
    print(f"digits, 64-32-10, 12 epochs: {right:.1%} of unseen ones in {took:.2f} s, all of fit")


if __name__ == "__main__":
    kind = "C" if tinygrad_edu.COMPILED else "Python"
    print(f"tinygrad_edu {tinygrad_edu.__version__}, engine in {kind}; NumPy {np.__version__}")
    lifting()
    steps()
    learning()
