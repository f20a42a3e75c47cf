"""The experiment of micrograd's demo: two moons, a maximum-margin loss, an L2 penalty.

    python examples/moons_demo.py [--steps 100] [--plot boundary.png]

Everything is written out, as in micrograd; in `examples/digits.py`, `train.fit` does this work.
"""

import argparse
import random

from tinygrad_edu import Value, datasets
from tinygrad_edu.nn import MLP


def margin_loss(model, points):
    """Return the loss, and the share of points on the right side."""
    scores = [model(list(map(Value, position))) for position, _ in points]
    margins = [(1 + -side * score).relu() for score, (_, side) in zip(scores, points, strict=True)]
    loss = sum(margins) * (1.0 / len(margins)) + 1e-4 * sum(p * p for p in model.parameters())
    right = [(score.data > 0) == (side > 0) for score, (_, side) in zip(scores, points, strict=True)]
    return loss, sum(right) / len(right)


def train(steps, seed=1337, report=print):
    """Take steps of gradient descent on all points, at a rate that falls from 1.0 to 0.1."""
    random.seed(seed)
    points = list(datasets.moons(100, noise=0.1, seed=seed).signed())
    model = MLP(2, [16, 16, 1])  # 337 parameters, drawn from the module random
    accuracy = 0.0
    for k in range(steps):
        loss, accuracy = margin_loss(model, points)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / steps) * p.grad
        if k % 10 == 0 or k == steps - 1:
            report(f"step {k:3}  loss {loss.data:.4f}  accuracy {accuracy:.0%}")
    return model, accuracy


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--plot", help="where to save the decision boundary")
    options = parser.parse_args()
    model, _ = train(options.steps)
    if options.plot:
        from tinygrad_edu import plots

        plots.decision_boundary(model, datasets.moons(seed=1337)).figure.savefig(options.plot)


if __name__ == "__main__":
    main()
