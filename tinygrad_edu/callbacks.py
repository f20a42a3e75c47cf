"""Callbacks: functions that ``train.fit`` calls after each epoch, to record, to save, or to stop.

A callback is any function of a ``Training``; if it returns True, training ends. One with the attribute
``runs_last = True`` is called after the others. Those here keep no state outside of the history, so
resumed training gives the same numbers as training without an interruption.

>>> from tinygrad_edu import datasets, nn, train
>>> def small_enough(training):
...     return training.history["loss"][-1] < 0.1
>>> model = nn.MLP(2, [4, 1], "tanh", seed=0)
>>> history = train.fit(model, datasets.xor(), "binary_cross_entropy", "adam", epochs=2, progress=False,
...                     callbacks=[record_norms, small_enough])
>>> history.stopped, "gradients of layers.0" in history
('all epochs done', True)
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygrad_edu._common import files
from tinygrad_edu._common.checks import is_number, whole
from tinygrad_edu._common.text import markdown_table, one_line, shown
from tinygrad_edu._module import Module, named_parts, read_saved
from tinygrad_edu.engine.errors import as_float
from tinygrad_edu.engine.value import Value
from tinygrad_edu.optim import Optimizer


class History(dict[str, list[float]]):
    """What ``fit`` measured: under each name one number for each epoch, "loss" first.

    Attributes:
        stopped: why training ended: "all epochs done", "interrupted", or the name of a callback.

    >>> history = History(loss=[0.5, 0.25])
    >>> history.epochs, history
    (2, <History of 2 epochs, loss 0.25>)
    """

    stopped = ""

    @property
    def epochs(self) -> int:
        """The number of completed epochs."""
        return len(self.get("loss", []))

    def __repr__(self) -> str:
        last = "".join(f", {one_line(name)} {numbers[-1]:.4g}" for name, numbers in self.items() if numbers)
        return f"<History of {self.epochs} epochs{last}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Show the curve of the loss in Jupyter; without matplotlib, a table of at most 12 epochs."""
        text = {"text/plain": repr(self)}
        if not self.epochs:
            return text
        try:
            from tinygrad_edu import plots
        except ImportError:
            epochs = [*range(1, self.epochs, max(1, -(-self.epochs // 11))), self.epochs]
            rows = [[str(k), *(f"{numbers[k - 1]:.6g}" for numbers in self.values())] for k in epochs]
            return text | {"text/markdown": markdown_table(["epoch", *self], rows)}
        figure = plots.Plot(layout="constrained")
        plots.loss_curve(self, figure.subplots())
        return figure._repr_mimebundle_() | text

    def record(self, **numbers: float) -> None:
        """Add the numbers of the latest epoch; the loss comes before all others.

        Raises:
            ValueError: if the history has no number of this name for each earlier epoch.
            TypeError: if it is not a number.
        """
        for name, number in numbers.items():
            earlier = len(self.get(name, []))
            if name != "loss" and earlier != self.epochs - 1:
                raise ValueError(
                    f"the history has {name!r} of {earlier} epochs and not of all {self.epochs - 1} before "
                    "this one: measure the same as in those, or begin a new history"
                )
            self.setdefault(name, []).append(as_float(number))  # NumPy's are no plain data

    def cut(self, epochs: int) -> None:
        """Keep the first ``epochs`` epochs and remove the later ones."""
        for numbers in self.values():
            del numbers[epochs:]


@dataclass
class Training:
    """What a callback is given after each epoch. It may change all of it, such as the learning rate.

    Attributes:
        model: the Module that is trained.
        optimizer: the optimiser that changes it.
        history: what was measured so far, this epoch included.
    """

    model: Module
    optimizer: Optimizer
    history: History


Callback = Callable[[Training], bool | None]


def early_stopping(patience: int) -> Callback:
    """Return a callback that ends training after ``patience`` epochs without a new lowest loss.

    The loss is that of the validation examples, if there are some. The model keeps the parameters of the
    last epoch, not those of the best.

    Args:
        patience: the number of epochs.

    Raises:
        ValueError: if ``patience`` is not a whole number of at least 1.
    """
    whole("patience", patience, least=1)

    def early_stopping(training: Training) -> bool:
        losses = training.history.get("validation_loss", training.history["loss"])
        return len(losses) - 1 - losses.index(min(losses)) >= patience

    return early_stopping


def record_norms(training: Training) -> None:
    """Record, as a callback, the norms of the weights and of the gradients of each layer.

    The names in the history are "weights of layers.0", "gradients of layers.0" and so on. A layer is a
    Module with an attribute ``neurons``; other parameters are named after the attribute that holds them.
    The norm is the square root of the sum of squares; the gradients are those of the last batch.
    """
    layer_of: dict[Value, str] = {}
    for name, part in named_parts(training.model):
        if isinstance(part, Module) and hasattr(part, "neurons"):  # a layer of one's own too
            layer_of |= dict.fromkeys(part.parameters(), name or "the layer")
    layers: dict[str, list[Value]] = {}
    for name, parameter in training.model.named_parameters().items():
        layers.setdefault(layer_of.get(parameter, name.partition(".")[0]), []).append(parameter)
    for name, parameters in layers.items():
        training.history.record(
            **{
                f"weights of {name}": math.hypot(*[p.data for p in parameters]),
                f"gradients of {name}": math.hypot(*[p.grad for p in parameters]),
            }
        )


def record_parameters(training: Training) -> None:
    """Record, as a callback, the number of every parameter, under its label: what ``film`` shows.

    Raises:
        ValueError: if two parameters have one label, or one has that of another record, such as "loss".

    >>> from tinygrad_edu import datasets, nn, train
    >>> model = nn.MLP(2, [2, 1], "tanh", seed=0)
    >>> history = train.fit(model, datasets.xor(), "binary_cross_entropy", "adam", epochs=3, progress=False,
    ...                     callbacks=[record_parameters])
    >>> len(history["w1"]), history["w1"][-1] == model.parameters()[0].data
    (3, True)
    """
    names = training.model.named_parameters()
    numbers = {parameter.label or name: parameter.data for name, parameter in names.items()}
    if len(numbers) < len(names) or "loss" in numbers:
        raise ValueError('parameters are recorded by their labels: give each its own, and none "loss"')
    training.history.record(**numbers)


@dataclass(frozen=True)
class Checkpoint:
    """A callback that writes a checkpoint every ``every`` epochs; ``checkpoint`` makes one.

    Attributes:
        path: the file.
        every: the number of epochs from one writing to the next.
    """

    path: str | os.PathLike[str]
    every: int
    runs_last = True  # what other callbacks record or change is to be in the file

    def __call__(self, training: Training) -> None:
        """Write the file if the number of epochs is a multiple of ``every``.

        Raises:
            ValueError: if a name in the history has no number for this epoch.
            OSError: if the file cannot be written.
        """
        history = training.history
        if history.epochs % self.every:
            return
        for name, numbers in history.items():
            if len(numbers) != history.epochs:  # which resume would refuse
                raise ValueError(f"no checkpoint is written: the history lacks {name!r} of this epoch")
        optimizer = training.optimizer.state_dict()
        files.write_json(self.path, training.model.saved() | {"optimizer": optimizer, "history": history})


def checkpoint(path: str | os.PathLike[str], every: int = 1) -> Callback:
    """Return a callback that writes model, optimiser and history to a file atomically, for ``resume``.

    It runs after all other callbacks, so that what they record or change is in the file.

    Args:
        path: the file; it is replaced each time.
        every: the number of epochs from one writing to the next.

    Raises:
        ValueError: if ``every`` is not a whole number of at least 1.
        OSError: if the path is a folder, or its folder is missing or not writable.
    """
    whole("every", every, least=1)
    files.expect_place_for(path)
    return Checkpoint(path, every)


def resume(path: str | os.PathLike[str], model: Module, optimizer: Optimizer) -> History:
    """Set a model and its optimiser to a checkpoint, and return its history, which ``fit`` takes.

    With the same data and arguments, training then gives exactly the numbers of uninterrupted training.

    Args:
        path: a file that ``checkpoint`` wrote.
        model: a Module built in the same way as the saved one.
        optimizer: an optimiser of its parameters, with the same options as the saved one.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not a checkpoint, or does not fit; model and optimiser have not changed.
    """
    content = read_saved(path, model, "optimizer", "history")
    history = content["history"]
    columns: list[Any] = [*history.values()] if isinstance(history, dict) and "loss" in history else [None]
    if not all(isinstance(numbers, list) and all(map(is_number, numbers)) for numbers in columns):
        raise ValueError(
            f"{shown(path)} is not a checkpoint: its history is not lists of numbers with the loss"
        )
    if len({len(numbers) for numbers in columns}) > 1:
        raise ValueError(f"{shown(path)} is not a checkpoint: its history has different numbers of epochs")
    before = optimizer.state_dict()
    optimizer.load_state_dict(content["optimizer"])
    try:
        model.load_state_dict(content["state"])
    except ValueError:
        optimizer.load_state_dict(before)
        raise
    return History(history)
