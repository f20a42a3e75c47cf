"""``tinygrad-edu train``: train a network on a classic data set or on a CSV file, from the command line."""

import argparse
import io
import math
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinygrad_edu import callbacks, datasets, files, train
from tinygrad_edu._common.checks import whole
from tinygrad_edu.datasets import Dataset
from tinygrad_edu._common.names import look_up
from tinygrad_edu.nn import MLP
from tinygrad_edu.optim import OPTIMIZERS

DATASETS = {
    "circles": datasets.circles,
    "digits": datasets.digits,
    "moons": datasets.moons,
    "spirals": datasets.spirals,
    "xor": datasets.xor,
}


def add_parser(subparsers: Any) -> None:
    """Add the command ``train`` to an argument parser.

    Args:
        subparsers: what ``ArgumentParser.add_subparsers`` returned.
    """
    what = "train a network on a classic data set or on a CSV file"
    parser = subparsers.add_parser("train", help=what, description=f"{what[0].upper()}{what[1:]}.")
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("dataset", nargs="?", help=f"one of {', '.join(DATASETS)}")
    add("--csv", metavar="FILE", help="learn from this file instead: a line of names, then lines of numbers")
    add("--target", metavar="COLUMN", help="the column of the file to predict")
    add(
        "--hidden",
        metavar="SIZES",
        default="16,16",
        help="of the hidden layers, with commas between (default 16,16)",
    )
    add("--activation", metavar="NAME", default="tanh", help="of the hidden layers (default tanh)")
    add("--epochs", metavar="N", type=int, default=100, help="how often to go over the data (default 100)")
    add("--batch-size", metavar="N", type=int, default=16, help="examples in one step (default 16)")
    add("--optimizer", metavar="NAME", default="adam", help=f"one of {', '.join(OPTIMIZERS)} (default adam)")
    add("--learning-rate", metavar="RATE", type=float, default=0.01, help="size of a step (default 0.01)")
    add("--seed", metavar="N", type=int, default=0, help="for first weights, noise and batches (default 0)")
    add("--save", metavar="FILE", help="where to save the model (default NAME_model.json)")
    add("--plot", metavar="FILE", help="where to save the plot (default NAME_training.png)")


def run(args: argparse.Namespace) -> None:
    """Train as the arguments say, and save model and plot.

    Raises:
        ValueError, UnknownNameError: for a mistake in the arguments or in the data.
        OSError: if a file cannot be read or written.
    """
    if bool(args.dataset) == bool(args.csv):
        raise ValueError(f"give either a data set ({', '.join(DATASETS)}) or --csv FILE --target COLUMN")
    if args.csv and not args.target:
        raise ValueError("--csv FILE needs --target COLUMN: which column should be predicted?")
    if args.target and not args.csv:
        raise ValueError("--target belongs to --csv FILE; a data set has its own targets")
    name = args.dataset or Path(args.csv).stem
    save, plot = args.save or f"{name}_model.json", args.plot or f"{name}_training.png"
    whole("--epochs", args.epochs, least=0)  # all this before the training, and not after it
    whole("--batch-size", args.batch_size, least=1)
    files.expect_place_for(save)
    _expect_picture(plot)
    if Path(save).resolve() == Path(plot).resolve():
        raise ValueError(f"model and plot cannot both be {save}")
    data = datasets.read_csv(args.csv, args.target) if args.csv else _classic(args.dataset, args.seed)
    task = _task(data)
    scaling = _Scaling.of(data, targets=task.metric is None) if args.csv else None
    examples = scaling.apply(data) if scaling else data

    model = MLP(len(data.inputs[0]), [*_sizes(args.hidden), task.outputs], args.activation, seed=args.seed)
    optimizer = look_up("optimiser", args.optimizer, OPTIMIZERS)(model.parameters(), args.learning_rate)
    print(f"{len(data)} examples; to predict: {_described(data, task)}")
    print(model.summary())
    history = train.fit(
        model,
        examples,
        task.loss,
        optimizer,
        epochs=args.epochs,
        batch_size=args.batch_size,
        metric=task.metric,
        validation=0.2 if len(data) >= 20 else None,
        seed=args.seed,
        callbacks=[callbacks.record_norms],
    )
    if history.stopped == "interrupted":
        print(f"interrupted after {history.epochs} epochs; what was learnt is kept")
    for column, numbers in history.items():
        if " of " not in column:
            print(f"{column.replace('_', ' ')}: {numbers[-1]:.4f}")
    content: dict[str, Any] = {"model": repr(model), "state": model.state_dict()}
    if scaling:
        content |= {"columns": data.columns, "classes": data.classes, **vars(scaling)}
    files.write_json(save, content)
    if scaling and scaling.target_scaling and history.epochs:
        error = history.get("validation_loss", history["loss"])[-1] ** 0.5 * scaling.target_scaling[1]
        print(f"typical error of {args.target!r}: {error:.4g}")
    print(f"saved the model as {save}")
    if history.epochs:
        _plot(model, examples, history, plot)


def _classic(name: str, seed: int) -> Dataset:
    make: Any = look_up("data set", name, DATASETS)
    try:
        data: Dataset = make(200, seed=seed) if name in ("circles", "moons", "spirals") else make()
    except ImportError as error:  # the digits need an extra
        raise ValueError(str(error)) from None
    return data


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",") if text]
    except ValueError:
        raise ValueError(f"--hidden is a list of sizes, as in 16,16, and not {text!r}") from None


@dataclass(frozen=True)
class _Task:
    """What the targets ask for: one number, one of two classes, or one of several."""

    loss: str
    outputs: int
    metric: str | None


def _task(data: Dataset) -> _Task:
    kinds = set(data.targets)
    if len(kinds) < 2:
        raise ValueError("all targets are the same: there is nothing to learn")
    if kinds == {0, 1}:
        return _Task("binary_cross_entropy", 1, "accuracy")
    if data.classes:
        return _Task("categorical_cross_entropy", len(data.classes), "accuracy")
    return _Task("mean_squared_error", 1, None)


def _described(data: Dataset, task: _Task) -> str:
    if task.metric is None:
        return "a number (classes are written as words, or as 0 and 1)"
    kinds = data.classes or ["0", "1"]
    more = ", …" if len(kinds) > 5 else ""
    return f"one of {len(kinds)} classes, {', '.join(kind[:20] for kind in kinds[:5])}{more}"


@dataclass(frozen=True)
class _Scaling:
    """Means and standard deviations: a network learns best from numbers around 0 and of size 1."""

    input_scaling: list[tuple[float, float]]
    target_scaling: tuple[float, float] | None

    @classmethod
    def of(cls, data: Dataset, targets: bool) -> "_Scaling":
        columns = [_mean_and_deviation(column) for column in zip(*data.inputs, strict=True)]
        return cls(columns, _mean_and_deviation(data.targets) if targets else None)

    def apply(self, data: Dataset) -> Dataset:
        """Return the data with every column brought to mean 0 and standard deviation 1, and named so."""
        inputs = [
            [(x - mean) / deviation for x, (mean, deviation) in zip(row, self.input_scaling, strict=True)]
            for row in data.inputs
        ]
        targets = data.targets
        if self.target_scaling:
            mean, deviation = self.target_scaling
            targets = [(target - mean) / deviation for target in targets]
        columns = [f"{column} (scaled)" for column in data.columns]
        return replace(data, inputs=inputs, targets=targets, columns=columns)


def _mean_and_deviation(numbers: Any) -> tuple[float, float]:
    mean = math.fsum(numbers) / len(numbers)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in numbers) / len(numbers))
    return mean, deviation or 1.0


def _expect_picture(path: str) -> None:
    files.expect_place_for(path)
    if find_spec("matplotlib") is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    ending = Path(path).suffix[1:].lower()
    if ending not in known:
        raise ValueError(f"{path}: a plot ends in .png, .svg or .pdf, not in {ending!r}")


def _plot(model: MLP, data: Dataset, history: callbacks.History, path: str) -> None:
    if find_spec("matplotlib") is None:
        print('no plot was made; to get one: pip install "tinygrad_edu[plots]"')
        return
    import matplotlib.pyplot as plt

    from tinygrad_edu import plots

    figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    plots.loss_curve(history, ax=axes[0, 0])
    plots.layers_over_time(history, axes=axes[1])
    if "accuracy" not in history:
        plots.predictions(model, data, ax=axes[0, 1])
        if data.columns:  # from a file, whose targets are scaled as the columns are
            axes[0, 1].set(xlabel="target (scaled)", ylabel="output (scaled)")
    elif len(data.inputs[0]) == 2:
        plots.decision_boundary(model, data, ax=axes[0, 1])
    else:
        axes[0, 1].set_axis_off()
    picture = io.BytesIO()
    figure.savefig(picture, format=Path(path).suffix[1:].lower())
    plt.close(figure)
    files.write_whole(path, picture.getvalue())
    print(f"saved the plot as {path}")
