"""How surely and how fast the small classics are learnt: two moons, XOR from 20 seeds, handwritten digits.

    python benchmarks/learning.py [--without-digits]

The digits take about half a minute and need `pip install "tinygrad_edu[datasets]"`.
"""

import argparse
import platform
import time

import tinygrad_edu
from tinygrad_edu import datasets, optim, train
from tinygrad_edu.nn import MLP


def moons():
    data, model = datasets.moons(100), MLP(2, [16, 16, 1], seed=0)
    start = time.perf_counter()
    history = train.fit(
        model,
        data,
        "binary_cross_entropy",
        optim.Adam(model.parameters(), 0.02),
        batch_size=20,
        callbacks=[lambda training: right(model, data) == 1.0],
        progress=False,
    )
    seconds = time.perf_counter() - start
    print(
        f"moons: {right(model, data):.0%} right after {history.epochs} epochs, {seconds:.1f} s (promised: 20 s)"
    )


def xor():
    data, converged = datasets.xor(), 0
    for seed in range(20):
        model = MLP(2, [4, 1], "tanh", seed=seed)
        optimizer = optim.Adam(model.parameters(), 0.05)
        train.fit(model, data, "binary_cross_entropy", optimizer, epochs=300, progress=False)
        converged += right(model, data) == 1.0
    print(f"XOR: learnt from {converged} of 20 seeds (promised: 19)")


def digits(epochs=12):
    learn, test = datasets.digits().split(0.2, seed=0)
    model = MLP(64, [32, 10], init="he", seed=0)
    schedule = optim.cosine_decay(epochs * -(-len(learn) // 32))
    optimizer = optim.Adam(model.parameters(), 0.01, schedule=schedule)
    start = time.perf_counter()
    train.fit(
        model, learn, "categorical_cross_entropy", optimizer, epochs=epochs, batch_size=32, progress=False
    )
    seconds = time.perf_counter() - start
    accuracy = train.evaluate(model, test, "categorical_cross_entropy", "accuracy")["accuracy"]
    print(f"digits: {accuracy:.1%} of {len(test)} unseen ones, {seconds:.0f} s (promised: 95 %)")


def right(model, data):
    return train.evaluate(model, data, "binary_cross_entropy", "accuracy")["accuracy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--without-digits", action="store_true")
    options = parser.parse_args()
    kind = "interpreted" if tinygrad_edu.value.__file__.endswith(".py") else "compiled"
    print(f"tinygrad_edu {tinygrad_edu.__version__}, {kind}, Python {platform.python_version()}")
    moons()
    xor()
    if not options.without_digits:
        digits()


if __name__ == "__main__":
    main()
