"""``tinygrad-edu train``: train a network on a classic data set or on a CSV file."""

import argparse
import io
import math
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinygrad_edu import callbacks, datasets
from tinygrad_edu._common import files
from tinygrad_edu._common.checks import whole
from tinygrad_edu._common.names import look_up
from tinygrad_edu.callbacks import History
from tinygrad_edu.datasets import Dataset, read_csv
from tinygrad_edu.nn import MLP
from tinygrad_edu.optim import OPTIMIZERS
from tinygrad_edu.train import fit

DATASETS = {
    "circles": datasets.circles,
    "digits": datasets.digits,
    "moons": datasets.moons,
    "spirals": datasets.spirals,
    "xor": datasets.xor,
}


def add_parser(commands: Any) -> None:
    """Add the command ``train`` to a parser.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
    """
    what = "train a network on a classic data set or on a CSV file"
    parser = commands.add_parser("train", help=what, description=f"{what[0].upper()}{what[1:]}.")
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("dataset", nargs="?", help=f"one of {', '.join(DATASETS)}")
    add("--csv", metavar="FILE", help="a file to learn from instead: a line of names, then lines of numbers")
    add("--target", metavar="COLUMN", help="the column of the file to predict")
    add(
        "--hidden",
        metavar="SIZES",
        default="16,16",
        help="sizes of the hidden layers, separated by commas (default 16,16)",
    )
    add("--activation", metavar="NAME", default="tanh", help="activation of the hidden layers (default tanh)")
    add("--epochs", metavar="N", type=int, default=100, help="how often to go over the data (default 100)")
    add("--batch-size", metavar="N", type=int, default=16, help="examples in one step (default 16)")
    add("--optimizer", metavar="NAME", default="adam", help=f"one of {', '.join(OPTIMIZERS)} (default adam)")
    add("--learning-rate", metavar="RATE", type=float, default=0.01, help="size of a step (default 0.01)")
    add(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="of the random numbers: first weights, noise, batches (default 0)",
    )
    add("--compiled", action="store_true", help="repeat one recorded graph on arrays, much faster; needs NumPy")
    add("--save", metavar="FILE", help="where to save the model (default NAME_model.json)")
    add("--plot", metavar="FILE", help="where to save the plot (default NAME_training.png)")


def run(options: argparse.Namespace) -> None:
    """Train as the options say, and save model and plot.

    Raises:
        ValueError, UnknownNameError: for a mistake in the options or in the data.
        OSError: if a file cannot be read or written.
    """
    model_file, plot_file = _checked_files(options)
    data = read_csv(options.csv, options.target) if options.csv else _classic(options.dataset, options.seed)
    task = _task(data)
    scaling = _Scaling.of(data, targets=task.metric is None) if options.csv else None
    examples = scaling.apply(data) if scaling else data

    sizes = [*_sizes(options.hidden), task.outputs]
    model = MLP(len(data.inputs[0]), sizes, options.activation, seed=options.seed)
    optimizer = look_up("optimiser", options.optimizer, OPTIMIZERS)(model.parameters(), options.learning_rate)
    print(f"{len(data)} examples; to predict: {_described(data, task)}")
    print(model.summary())
    history = fit(
        model,
        examples,
        task.loss,
        optimizer,
        epochs=options.epochs,
        batch_size=options.batch_size,
        metric=task.metric,
        validation=0.2 if len(data) >= 20 else None,
        seed=options.seed,
        callbacks=callbacks.record_norms,
        compiled=options.compiled,
    )
    _print_measured(history)
    _save(model, data, scaling, model_file)
    if scaling and scaling.target_scaling and history.epochs:
        error = history.get("validation_loss", history["loss"])[-1] ** 0.5 * scaling.target_scaling[1]
        print(f"typical error of {options.target!r}: {error:.4g}")
    print(f"saved the model as {model_file}")
    if history.epochs:
        _plot(model, examples, history, plot_file)


def _checked_files(options: argparse.Namespace) -> tuple[str, str]:
    """Return where to save model and plot, once all options are checked that can be before training."""
    if bool(options.dataset) == bool(options.csv):
        raise ValueError(f"give either a data set ({', '.join(DATASETS)}) or --csv FILE --target COLUMN")
    if options.compiled and find_spec("numpy") is None:
        raise ValueError('--compiled needs NumPy: pip install "tinygrad_edu[arrays]"')
    if options.csv and not options.target:
        raise ValueError("--csv FILE needs --target COLUMN: which column should be predicted?")
    if options.target and not options.csv:
        raise ValueError("--target belongs to --csv FILE; a data set has its own targets")
    whole("--epochs", options.epochs, least=0)
    whole("--batch-size", options.batch_size, least=1)
    name = options.dataset or Path(options.csv).stem
    model_file, plot_file = options.save or f"{name}_model.json", options.plot or f"{name}_training.png"
    files.expect_place_for(model_file)
    _expect_picture(plot_file)
    if Path(model_file).resolve() == Path(plot_file).resolve():
        raise ValueError(f"model and plot cannot both be {model_file}")
    return model_file, plot_file


def _print_measured(history: History) -> None:
    if history.stopped == "interrupted":
        print(f"interrupted after {history.epochs} epochs; the model keeps what it has learnt")
    for column, numbers in history.items():
        if " of " not in column:
            print(f"{column.replace('_', ' ')}: {numbers[-1]:.4f}")


def _save(model: MLP, data: Dataset, scaling: "_Scaling | None", path: str) -> None:
    """Write the model, and all that a prediction for another row of the same table needs."""
    content = model.saved()
    if scaling:
        content |= {"columns": data.columns, "classes": data.classes, **vars(scaling)}
    files.write_json(path, content)


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
        raise ValueError(f"--hidden is a list of sizes, as in 16,16, not {text!r}") from None


@dataclass(frozen=True)
class _Task:
    """What is predicted, by the targets: a number, one of two classes, or one of several."""

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
        return "a number (write classes as words, or as 0 and 1)"
    kinds = data.classes or ["0", "1"]
    more = ", …" if len(kinds) > 5 else ""
    return f"one of {len(kinds)} classes, {', '.join(kind[:20] for kind in kinds[:5])}{more}"


@dataclass(frozen=True)
class _Scaling:
    """Means and standard deviations: a network learns best from numbers of mean 0 and deviation 1."""

    input_scaling: list[tuple[float, float]]
    target_scaling: tuple[float, float] | None

    @classmethod
    def of(cls, data: Dataset, targets: bool) -> "_Scaling":
        columns = [_mean_and_deviation(column) for column in zip(*data.inputs, strict=True)]
        return cls(columns, _mean_and_deviation(data.targets) if targets else None)

    def apply(self, data: Dataset) -> Dataset:
        """Return the data with every column scaled to mean 0 and standard deviation 1, and named so."""
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
        raise ValueError(f"{path}: the name of a plot ends in .png, .svg or .pdf, not in {ending!r}")


def _plot(model: MLP, data: Dataset, history: History, path: str) -> None:
    if find_spec("matplotlib") is None:
        print('no plot was made, because matplotlib is missing: pip install "tinygrad_edu[plots]"')
        return
    import matplotlib.pyplot as plt

    from tinygrad_edu import plots

    figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    plots.loss_curve(history, ax=axes[0, 0])
    plots.layers_over_time(history, axes=axes[1])
    if "accuracy" not in history:
        plots.predictions(model, data, ax=axes[0, 1])
        if data.columns:  # from a file, whose targets are scaled like the columns
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
