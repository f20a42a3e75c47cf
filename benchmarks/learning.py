"""How surely and how fast the small classics are learnt: two moons, and XOR from 20 seeds.

    python benchmarks/learning.py

`examples/digits.py` says how many handwritten digits are read right.
"""

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
    print(f"moons: {right(model, data):.0%} after {history.epochs} epochs, {seconds:.1f} s (promised: 20 s)")


def xor():
    data, converged = datasets.xor(), 0
    for seed in range(20):
        model = MLP(2, [4, 1], "tanh", seed=seed)
        optimizer = optim.Adam(model.parameters(), 0.05)
        train.fit(model, data, "binary_cross_entropy", optimizer, epochs=300, progress=False)
        converged += right(model, data) == 1.0
    print(f"XOR: learnt from {converged} of 20 seeds (promised: 19)")


def right(model, data):
    return train.evaluate(model, data, "binary_cross_entropy", "accuracy")["accuracy"]


def main():
    kind = "interpreted" if tinygrad_edu.value.__file__.endswith(".py") else "compiled"
    print(f"tinygrad_edu {tinygrad_edu.__version__}, {kind}, Python {platform.python_version()}")
    moons()
    xor()


if __name__ == "__main__":
    main()
