"""``tinygrad-edu train``: train a network on a classic data set or on a CSV file."""

import argparse
import io
import math
import os
from collections import Counter
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinygrad_edu import callbacks, datasets
from tinygrad_edu._common import files
from tinygrad_edu._common.checks import whole
from tinygrad_edu._common.names import look_up
from tinygrad_edu._common.text import one_line
from tinygrad_edu.callbacks import History
from tinygrad_edu.datasets import Dataset, read_csv
from tinygrad_edu.nn import MLP
from tinygrad_edu.optim import OPTIMIZERS, Optimizer
from tinygrad_edu.prediction import Predictor, load_predictor
from tinygrad_edu.train import evaluate, fit

DATASETS = {
    "circles": datasets.circles,
    "digits": datasets.digits,
    "moons": datasets.moons,
    "spirals": datasets.spirals,
    "xor": datasets.xor,
}


LEARNING_RATE = 0.01


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
    add("--learning-rate", metavar="RATE", type=float, help=f"size of a step (default {LEARNING_RATE})")
    add(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="of the random numbers: first weights, noise, batches (default 0)",
    )
    add(
        "--compiled",
        action="store_true",
        help="repeat one recorded graph on arrays, much faster; needs NumPy",
    )
    add("--resume", action="store_true", help="continue the training of the saved model, up to --epochs")
    add("--overwrite", action="store_true", help="replace a model that was saved earlier")
    add("--save", metavar="FILE", help="where to save the model (default NAME_model.json)")
    add("--plot", metavar="FILE", help="where to save the plot (default NAME_training.png)")


def run(options: argparse.Namespace) -> None:
    """Train as the options say, and save model and plot.

    Raises:
        ValueError, UnknownNameError: for a mistake in the options or in the data, or if training made the
            model worse, which is then not saved.
        OSError: if a file cannot be read or written.
    """
    model_file, plot_file = _checked_files(options)
    data = _table(options.csv, options.target) if options.csv else _classic(options.dataset, options.seed)
    task = _task(data)
    earlier = load_predictor(model_file) if options.resume else None
    if earlier and (earlier.columns, earlier.classes) != (data.columns, data.classes):
        raise ValueError(f"{model_file} has learnt from other columns or classes than those of this data")
    examples = data.standardized(earlier.scaling if earlier else None) if options.csv else data

    sizes = [*_sizes(options.hidden), task.outputs]
    model = MLP(len(data.inputs[0]), sizes, options.activation, seed=options.seed)
    rate = LEARNING_RATE if options.learning_rate is None else options.learning_rate
    optimizer = look_up("optimiser", options.optimizer, OPTIMIZERS)(model.parameters(), rate)
    history = History()
    if options.resume:
        history = callbacks.resume(model_file, model, optimizer)
        if options.learning_rate is not None:
            optimizer.learning_rate = rate
        if history.epochs >= options.epochs:
            raise ValueError(f"{model_file} has {history.epochs} epochs already: give --epochs above that")
    print(f"{len(data)} examples; to predict: {_described(data, task)}")
    print(model.summary())
    before = evaluate(model, examples, task.loss)["loss"]
    fit(
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
        history=history,
        compiled=options.compiled,
    )
    _print_measured(history)
    _judge(before, evaluate(model, examples, task.loss)["loss"], _constant_loss(examples), optimizer)
    learnt = {"optimizer": optimizer.state_dict(), "history": {"loss": []} | history}  # what --resume needs
    files.write_json(model_file, Predictor.of(model, examples).saved() | learnt)
    if examples.scaling and examples.scaling.targets and history.epochs:
        error = history.get("validation_loss", history["loss"])[-1] ** 0.5 * examples.scaling.targets[0][1]
        print(f"typical error of {one_line(options.target)!r}: {short(error)}")
    print(f"saved the model as {one_line(model_file, 200)}")
    if history.epochs:
        _plot(model, examples, history, plot_file)


def _judge(before: float, after: float, constant: float, optimizer: Optimizer) -> None:
    """Say so if training was of no use; ``constant`` is the loss of the best answer that is always the same.

    Raises:
        ValueError: if it made the model worse than it was.
    """
    if after > max(before, constant):
        raise ValueError(
            f"nothing is saved: training raised the loss from {short(before)} to {short(after)}: "
            f"try a --learning-rate below {optimizer.learning_rate:g}"
        )
    if after >= constant:
        print(
            f"the loss is {short(after)}, and always giving the same answer would give {short(constant)}: "
            "try more epochs, or another learning rate"
        )


def _constant_loss(data: Dataset) -> float:
    """Return the mean loss of the best constant answer: of classes their entropy, of numbers the variance."""
    if data.has_classes:
        counts = Counter(data.targets).values()
        return math.fsum(-count / len(data) * math.log(count / len(data)) for count in counts)
    mean = math.fsum(data.targets) / len(data)
    return math.fsum((target - mean) ** 2 for target in data.targets) / len(data)


def _checked_files(options: argparse.Namespace) -> tuple[str, str]:
    """Return where to save model and plot, once all options are checked that can be before training."""
    if bool(options.dataset) == bool(options.csv):
        raise ValueError(f"give either a data set ({', '.join(DATASETS)}) or --csv FILE --target COLUMN")
    if options.compiled and find_spec("numpy") is None:
        raise ValueError("--compiled needs NumPy: pip install numpy")
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
    if os.path.realpath(model_file) == os.path.realpath(plot_file):
        raise ValueError(f"model and plot cannot both be {model_file}")
    if options.resume and options.overwrite:
        raise ValueError("--resume continues the saved model, and --overwrite replaces it: give one of them")
    if Path(model_file).exists() and not (options.resume or options.overwrite):
        raise ValueError(
            f"{model_file} exists: continue its training with --resume, replace it with --overwrite, "
            "or name another with --save FILE"
        )
    return model_file, plot_file


def _print_measured(history: History) -> None:
    if history.stopped == "interrupted":
        print(f"interrupted after {history.epochs} epochs; the model keeps what it has learnt")
    for column, numbers in history.items():
        if numbers and " of " not in column:
            print(f"{one_line(column.replace('_', ' '))}: {short(numbers[-1])}")


def short(number: float) -> str:
    """Return a number in at most 12 characters.

    >>> short(0.5), short(77660.25), short(1234567.8), short(1.234e22), short(-0.0012345)
    ('0.5000', '77660.2500', '1234568', '1.234e+22', '-0.0012345')
    """
    if number == 0 or 0.1 <= abs(number) < 1e6:
        return f"{number:.4f}"
    return f"{number:.0f}" if 1e6 <= abs(number) < 1e10 else f"{number:.5g}"


def _classic(name: str, seed: int) -> Dataset:
    if name not in DATASETS and Path(name).is_file():
        raise ValueError(f"{name} is a file: write --csv {name} --target COLUMN")
    make: Any = look_up("data set", name, DATASETS)
    try:
        data: Dataset = make(200, seed=seed) if name in ("circles", "moons", "spirals") else make()
    except ImportError as error:  # the digits need an extra
        raise ValueError(str(error)) from None
    return data


def _table(path: str, target: str) -> Dataset:
    """Return the data of a CSV file; targets of −1 and 1 become two classes of these names."""
    data = read_csv(path, target)
    if {*data.targets} != {-1, 1}:
        return data
    return replace(data, targets=[int(target > 0) for target in data.targets], classes=["-1", "1"])


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
    return f"one of {len(kinds)} classes, {', '.join(one_line(kind, 20) for kind in kinds[:5])}{more}"


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
        print("no plot was made, because matplotlib is missing: pip install matplotlib")
        return
    import matplotlib.pyplot as plt

    from tinygrad_edu import plots

    figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    plots.loss_curve(history, ax=axes[0, 0])
    plots.layers_over_time(history, axes=axes[1])
    if "accuracy" not in history:
        plots.predictions(model, data, ax=axes[0, 1])
    elif len(data.inputs[0]) == 2:
        plots.decision_boundary(model, data, ax=axes[0, 1])
    else:
        axes[0, 1].set_axis_off()
    picture = io.BytesIO()
    figure.savefig(picture, format=Path(path).suffix[1:].lower())
    plt.close(figure)
    files.write_whole(path, picture.getvalue())
    print(f"saved the plot as {one_line(path, 200)}")
