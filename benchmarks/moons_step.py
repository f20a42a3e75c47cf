"""One full-batch step of micrograd's demo, in micrograd and here, side by side in one run.

    python benchmarks/moons_step.py [--rounds 5]

100 moons points, MLP 2-16-16-1, hinge loss and L2 penalty, 337 parameters. A step is the forward pass,
the backward pass and the update. Both engines start from the same numbers, and their losses are compared
at every step. They take turns, five steps each as in a training loop, so that each pays for collecting
its own garbage; the median step counts. Needs `pip install micrograd==0.1.0`.
"""

import argparse
import gc
import platform
import random
import statistics
import time
from importlib import metadata

import micrograd.engine
import micrograd.nn

import tinygrad_edu
from tinygrad_edu import datasets, nn
from tinygrad_edu.value import Value


def step(model, value_class, points, rate):
    """Take one step, as the demo writes it; return the loss and the seconds it took."""
    start = time.perf_counter()
    scores = [model([value_class(x) for x in xs]) for xs, _ in points]
    losses = [(1 + -target * score).relu() for score, (_, target) in zip(scores, points, strict=True)]
    loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
    model.zero_grad()
    loss.backward()
    for p in model.parameters():
        p.data -= rate * p.grad
    return loss.data, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds

    points = list(datasets.moons(100, noise=0.1, seed=1337).signed())
    engines = {"micrograd": micrograd.engine.Value, "tinygrad_edu": Value}
    models = {}
    for name, module in (("micrograd", micrograd.nn), ("tinygrad_edu", nn)):
        random.seed(1337)
        models[name] = module.MLP(2, [16, 16, 1])
    seconds = {name: [] for name in engines}
    losses = {name: [] for name in engines}
    for k in range(rounds + 1):
        for name in engines:
            gc.collect()
            for _ in range(5):
                loss, duration = step(models[name], engines[name], points, rate=1.0 - 0.9 * k / rounds)
                losses[name].append(loss)
                seconds[name].append(duration)
    furthest = max(abs(x - y) for x, y in zip(*losses.values(), strict=True))

    kind = "interpreted" if tinygrad_edu.value.__file__.endswith(".py") else "compiled"
    print(f"Python {platform.python_version()}, {platform.machine()}")
    middle = {
        name: statistics.median(times[5:]) for name, times in seconds.items()
    }  # the first round warms up
    for name, comment in (("micrograd", ""), ("tinygrad_edu", f", {kind}")):
        version = tinygrad_edu.__version__ if comment else metadata.version(name)
        print(f"{name} {version}{comment}: {middle[name] * 1e3:.1f} ms a step")
    print(
        f"ratio {middle['micrograd'] / middle['tinygrad_edu']:.1f}, losses differ by {furthest:.1e} at most"
    )


if __name__ == "__main__":
    main()
