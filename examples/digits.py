"""Classify handwritten digits: a 64-32-10 network of 2,410 scalars, above 95 % on unseen digits.

    python examples/digits.py [--epochs 12] [--plot digits.png]

Needs `pip install ".[datasets,plots]"` in a clone of the project.
"""

import argparse

from tinygrad_edu import datasets, optim, train
from tinygrad_edu.nn import MLP


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--plot", help="where to save the loss curve")
    options = parser.parse_args()

    learn, test = datasets.digits().split(0.2, seed=0)
    model = MLP(64, [32, 10], init="he", seed=0)
    print(model.summary())
    steps = options.epochs * -(-len(learn) // 32)
    history = train.fit(
        model,
        learn,
        loss="categorical_cross_entropy",
        optimizer=optim.Adam(model.parameters(), 0.01, schedule=optim.cosine_decay(steps)),
        epochs=options.epochs,
        batch_size=32,
        metric="accuracy",
    )
    measured = train.evaluate(model, test, "categorical_cross_entropy", "accuracy")
    right = measured["accuracy"]
    print(f"after {history.epochs} epochs: {right:.1%} of {len(test)} unseen digits are classified correctly")
    if options.plot:
        from tinygrad_edu import plots

        plots.loss_curve(history).figure.savefig(options.plot)


if __name__ == "__main__":
    main()
