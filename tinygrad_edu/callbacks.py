"""Callbacks: what ``train.fit`` calls after each epoch, to record more, to keep a checkpoint, or to stop.

A callback is any function of a ``Training``; one that returns True ends it. None of those here remembers
anything but what is in the history, so training that is resumed goes on as if it had not been interrupted.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygrad_edu import files
from tinygrad_edu._common.checks import is_number, whole
from tinygrad_edu._module import Module, named_parts, read_saved
from tinygrad_edu.optim import Optimizer
from tinygrad_edu.engine.value import Value


class History(dict[str, list[float]]):
    """What ``fit`` measured, one number for each epoch under each name, "loss" first.

    Attributes:
        stopped: why training ended: "all epochs done", "interrupted", or the name of a callback.
    """

    stopped = ""

    @property
    def epochs(self) -> int:
        """How many epochs were completed."""
        return len(self.get("loss", []))

    def __repr__(self) -> str:
        last = "".join(f", {name} {numbers[-1]:.4g}" for name, numbers in self.items() if numbers)
        return f"<History of {self.epochs} epochs{last}>"

    def record(self, **numbers: float) -> None:
        """Add the numbers of the latest epoch, the loss before others.

        Raises:
            ValueError: if earlier epochs lack the name: what is measured is measured from the first one on.
        """
        for name, number in numbers.items():
            earlier = len(self.get(name, []))
            if name != "loss" and earlier != self.epochs - 1:
                raise ValueError(
                    f"the history has {name!r} of {earlier} epochs and not of all {self.epochs - 1} before "
                    "this one: measure the same as in those, or begin a new history"
                )
            self.setdefault(name, []).append(number)

    def cut(self, epochs: int) -> None:
        """Forget what was recorded after so many epochs."""
        for numbers in self.values():
            del numbers[epochs:]


@dataclass
class Training:
    """What a callback sees after each epoch. It may change all of it, the learning rate for example."""

    model: Module
    optimizer: Optimizer
    history: History


Callback = Callable[[Training], bool | None]


def early_stopping(patience: int) -> Callback:
    """Return a callback that ends training when there was no best loss for ``patience`` epochs.

    The loss is that of the validation examples if there are some. The model stays as the last epoch left
    it, which is not the best one.

    Raises:
        ValueError: if ``patience`` is not a whole number of at least 1.
    """
    whole("patience", patience, least=1)

    def early_stopping(training: Training) -> bool:
        losses = training.history.get("validation_loss", training.history["loss"])
        return len(losses) - 1 - losses.index(min(losses)) >= patience

    return early_stopping


def record_norms(training: Training) -> None:
    """Record, as a callback, the lengths of the vectors of weights and of gradients of each layer.

    The names in the history are "weights of layers.0", "gradients of layers.0" and so on; parameters outside
    of a layer, which is a Module that has ``neurons``, go by the attribute that holds them. The gradients
    are those of the last batch.
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


@dataclass(frozen=True)
class Checkpoint:
    """What ``checkpoint`` returns."""

    path: str | os.PathLike[str]
    every: int

    def __call__(self, training: Training) -> None:
        """Write the file, if its turn has come."""
        if training.history.epochs % self.every == 0:
            uneven = [
                name for name, numbers in training.history.items() if len(numbers) != training.history.epochs
            ]
            if uneven:  # which resume would refuse
                raise ValueError(f"no checkpoint is written: the history lacks {uneven[0]!r} of this epoch")
            content = {
                "model": repr(training.model),
                "state": training.model.state_dict(),
                "optimizer": training.optimizer.state_dict(),
                "history": training.history,
            }
            files.write_json(self.path, content)


def checkpoint(path: str | os.PathLike[str], every: int = 1) -> Callback:
    """Return a callback that writes model, optimiser and history to a file, whole, for ``resume``.

    It runs after all other callbacks, so that what they record or change is in the file.

    Args:
        path: the file; it is replaced each time.
        every: after how many epochs.

    Raises:
        ValueError: if ``every`` is not a whole number of at least 1.
        OSError: if the path is a folder, or in a folder that is missing or closed to the user.
    """
    whole("every", every, least=1)
    files.expect_place_for(path)
    return Checkpoint(path, every)


def resume(path: str | os.PathLike[str], model: Module, optimizer: Optimizer) -> History:
    """Set a model and its optimiser to a checkpoint, and return its history, to be given to ``fit``.

    With the same data and arguments, training then goes on exactly as if it had not been interrupted.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is no checkpoint, or does not fit; model and optimiser are as they were.
    """
    content = read_saved(path, model, "optimizer", "history")
    history = content["history"]
    columns: list[Any] = [*history.values()] if isinstance(history, dict) and "loss" in history else [None]
    if not all(isinstance(numbers, list) and all(map(is_number, numbers)) for numbers in columns):
        raise ValueError(f"{path} is no checkpoint: its history is not lists of numbers, the loss among them")
    if len({len(numbers) for numbers in columns}) > 1:
        raise ValueError(f"{path} is no checkpoint: its history has not as many numbers under each name")
    before = optimizer.state_dict()
    optimizer.load_state_dict(content["optimizer"])
    try:
        model.load_state_dict(content["state"])
    except ValueError:
        optimizer.load_state_dict(before)
        raise
    return History(history)
