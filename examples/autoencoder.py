"""Autoencoders: a network whose targets are its inputs must find a short code for them.

    python examples/autoencoder.py                     # 8 one-hot rows through 3 neurons
    python examples/autoencoder.py --digits --plot .   # 64 pixels through 2 numbers, with pictures

The second needs `pip install ".[datasets,plots]"` in a clone of the project and about two minutes.
"""

import argparse
from pathlib import Path

from tinygrad_edu import datasets, optim, train
from tinygrad_edu.nn import MLP


def one_hot(seed=0, progress=True):
    """Encode eight one-hot rows in three neurons; return the codes, and the largest output of each row."""
    data = datasets.one_hot(8)
    model = MLP(8, [3, 8], activation=["sigmoid", "linear"], seed=seed)
    optimizer = optim.Adam(model.parameters(), 0.05)
    train.fit(model, data, "binary_cross_entropy", optimizer, epochs=500, progress=progress)
    codes = [[out.data for out in model.layers[0](row)] for row in data.inputs]
    found = [max(range(8), key=lambda i: outputs[i].data) for outputs in map(model, data.inputs)]
    return codes, found


def digits(epochs, plot):
    """Encode the 64 pixels of each digit in 2 numbers, and plot the codes and the decoded digits."""
    data = datasets.digits()
    model = MLP(64, [24, 2, 24, 64], ["tanh", "linear", "tanh", "sigmoid"], init="xavier", seed=0)
    optimizer = optim.Adam(model.parameters(), 0.005)
    history = train.fit(
        model, data.autoencoding(), "mean_squared_error", optimizer, epochs=epochs, batch_size=32
    )
    print(f"mean squared error of a pixel: {history['loss'][-1]:.4f}")
    if plot:
        from tinygrad_edu import plots

        def code(row):
            return [out.data for out in model.layers[1](model.layers[0](row))]

        axes = plots.codes([code(row) for row in data.inputs], data.targets)
        axes.figure.savefig(Path(plot) / "digit_codes.png")
        rows = data.inputs[:20]
        pairs = rows[:10] + [model(row) for row in rows[:10]] + rows[10:] + [model(row) for row in rows[10:]]
        axes = plots.images(pairs)
        axes.set_title("digits, and below each the digit decoded from its two numbers")
        axes.figure.savefig(Path(plot) / "digits_back.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--digits", action="store_true", help="compress the digits")
    parser.add_argument("--epochs", type=int, default=20, help="for the digits")
    parser.add_argument("--plot", help="directory for pictures of the digits")
    options = parser.parse_args()
    if options.digits:
        digits(options.epochs, options.plot)
    else:
        codes, found = one_hot()
        for place, code in enumerate(codes):
            print(f"{place} → {'  '.join(f'{number:.2f}' for number in code)} → {found[place]}")


if __name__ == "__main__":
    main()
