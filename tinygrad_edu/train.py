"""Training: ``fit`` goes over the data epoch by epoch and lets an optimiser change the model.

>>> from tinygrad_edu.datasets import worked_pair
>>> from tinygrad_edu.nn import MLP
>>> model = MLP(2, [2, 2], activation=["sigmoid", "sigmoid"], bias="shared", seed=1)
>>> history = fit(model, worked_pair(), "half_squared_error", "sgd", epochs=3, progress=False)
>>> history["loss"][0] > history["loss"][-1]
True
"""

import math
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from tinygrad_edu._common.checks import as_list, whole
from tinygrad_edu._common.names import look_up
from tinygrad_edu._common.text import one_line
from tinygrad_edu._compiled import Compiled, expect_dependence
from tinygrad_edu._module import Module
from tinygrad_edu.callbacks import Callback, History, Training
from tinygrad_edu.datasets import Examples, split
from tinygrad_edu.engine.errors import DomainError
from tinygrad_edu.engine.rules import mean
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.losses import LOSSES
from tinygrad_edu.metrics import METRICS, Metric, accuracy, as_numbers
from tinygrad_edu.optim import OPTIMIZERS, Optimizer
from tinygrad_edu.see.notation import formula

Loss = Callable[[Any, Any], Value]
ADVICE = "try a smaller learning rate, or look for bad data"
LARGE = 1000.0  # a parameter above it suggests too large a learning rate, an example unscaled data


class DivergedError(DomainError):
    """The loss is infinite or NaN, so gradients have no meaning any more.

    Attributes:
        history: what ``fit`` measured before.
    """

    def __init__(self, message: str, history: History | None = None) -> None:
        super().__init__(message)
        self.history = History() if history is None else history


def fit(
    model: Module,
    data: Examples,
    loss: str | Loss,
    optimizer: str | Optimizer,
    *,
    epochs: int = 100,
    batch_size: int | None = None,
    metric: str | Metric | None = None,
    validation: Examples | float | None = None,
    seed: int = 0,
    callbacks: Iterable[Callback] | Callback = (),
    history: History | None = None,
    progress: bool = True,
    compiled: bool = False,
) -> History:
    """Train a model, and return what was measured after each epoch.

    Ctrl-C ends training early: the model keeps what it has learnt, and the history is returned.
    Afterwards all gradients are 0, so that a ``backward()`` of your own starts afresh. A warning says if
    inputs or targets are so large that they should be scaled first.

    Args:
        model: the network, or any Module that maps inputs to outputs.
        data: the examples, a ``Dataset`` or a list of pairs (inputs, target).
        loss: a name in ``losses.LOSSES``, or a function of outputs and target that returns a Value. The
            mean over a batch is minimised.
        optimizer: a name in ``optim.OPTIMIZERS``, or an optimiser with the options you want.
        epochs: how often to go over the data, the epochs in ``history`` included.
        batch_size: the number of examples in one step; all of them if None. Batches are drawn anew for
            each epoch.
        metric: "accuracy", or a function of outputs and target that returns a number, to be averaged.
        validation: examples to measure on but not to learn from, or the fraction of ``data`` to use so.
        seed: what batches, and the fraction for validation, are drawn from.
        callbacks: functions called with a ``Training`` after each epoch, in their order; those with the
            attribute ``runs_last``, such as a checkpoint, after all others.
        history: the history of earlier epochs, to continue.
        progress: show a progress bar, in a terminal or a notebook.
        compiled: record the graph of one example, and repeat it for whole batches on arrays. The numbers
            are the same but for the rounding of sums. Needs NumPy, the extra "arrays".

    Raises:
        UnknownNameError: for an unknown loss, optimiser or metric.
        ValueError: if there is no data, if it is not pairs of the same shape as the first, if a number is
            not finite or out of its range, if the loss depends on no parameter, or if ``compiled`` is True
            and the graph of an example depends on its numbers, as it does where Values are compared.
        TypeError: if ``model``, ``optimizer``, ``loss``, ``metric``, ``callbacks`` or ``history`` has
            another type.
        DivergedError: if the loss becomes infinite or NaN; it names the first Value that is not finite.
    """
    measure = _Measure(loss, metric)
    optimizer = _optimizer(optimizer, model)
    examples = _examples(data)
    if isinstance(validation, (int, float)):
        examples, validation = split(examples, validation, seed)
    _advise_scaling(examples)
    held_out = [] if validation is None else _examples(validation, like=examples[0])
    batch_size = whole("batch_size", len(examples) if batch_size is None else batch_size, least=1)
    epochs = whole("epochs", epochs, least=0)
    history = _history(history)
    training = Training(model, optimizer, history)
    callbacks = _in_order([callbacks] if callable(callbacks) else callbacks)
    # A model may have parameters that its optimiser does not change, and the optimiser may have others.
    parameters = [*dict.fromkeys([*model.parameters(), *optimizer.parameters])]
    every = [*examples, *held_out]
    places = range(len(every))
    steps, first = math.ceil(len(examples) / batch_size), history.epochs
    with _progress_bar(epochs * steps, first * steps, progress) as bar:
        try:
            learner_class = Compiled if compiled else _OnValues
            with learner_class(training, parameters, measure, every) as learner:
                while history.epochs < epochs:
                    bar.set_description(f"epoch {history.epochs + 1}/{epochs}", False)
                    for batch in _batches(places[: len(examples)], batch_size, f"{seed} {history.epochs}"):
                        measure.add(*learner.learn(batch), [every[place] for place in batch])
                        bar.update()
                    if not learner.is_finite():
                        raise _not_finite(optimizer.parameters)
                    numbers = measure.take()
                    for batch in _batches(places[len(examples) :], batch_size):
                        measure.add(*learner.measure(batch), [every[place] for place in batch])
                    numbers |= {f"validation_{name}": number for name, number in measure.take().items()}
                    history.record(**numbers)
                    bar.set_postfix(_at_a_glance(numbers), refresh=False)
                    if callbacks:
                        learner.write_back()
                    stopped = [_name(callback) for callback in callbacks if _stops(callback, training)]
                    if stopped:
                        history.stopped = stopped[0]
                        return history
            history.stopped = "all epochs done"
        except KeyboardInterrupt:
            history.cut(min(map(len, history.values()), default=0))  # if not all callbacks ran
            history.stopped = "interrupted"
        except DomainError as error:  # of the loss, of backward or of the step
            advice = "" if isinstance(error, DivergedError) else f": {ADVICE}"
            raise DivergedError(f"epoch {history.epochs + 1}: {error}{advice}", history) from None
        finally:
            _zero_grad(parameters)
    return history


def evaluate(
    model: Module, data: Examples, loss: str | Loss, metric: str | Metric | None = None
) -> dict[str, float]:
    """Return the mean loss, and metric, over examples; arguments and errors as for ``fit``.

    >>> from tinygrad_edu.datasets import xor
    >>> from tinygrad_edu.nn import MLP
    >>> evaluate(MLP(2, [2, 1], init="he", seed=1), xor(), "binary_cross_entropy", "accuracy").keys()
    dict_keys(['loss', 'accuracy'])
    """
    measure = _Measure(loss, metric)
    for example in _examples(data):
        loss_of_one, outputs = measure.loss(model, [example])
        measure.add(loss_of_one.data, outputs, [example])
    return measure.take()


def _optimizer(optimizer: str | Optimizer, model: Module) -> Optimizer:
    """Return an optimiser that may be given by its name, once it is sure to change the model."""
    if isinstance(model, type) or not hasattr(model, "parameters"):
        raise TypeError(f"model is a Module, such as an MLP or a subclass of yours, not {model!r:.60}")
    if isinstance(optimizer, str):
        optimizer = look_up("optimiser", optimizer, OPTIMIZERS)(model.parameters())
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            "optimizer is a name, as in 'adam', or an optimiser, as in Adam(model.parameters(), 0.01), "
            f"not {optimizer!r}"
        )
    if not {*model.parameters()}.intersection(optimizer.parameters):
        raise ValueError("the optimiser has no parameter of this model: was the model made anew since?")
    return optimizer


class _OnValues:
    """Takes steps on Values: the engine builds a new graph for each batch."""

    def __init__(
        self, training: Training, parameters: Sequence[Value], measure: "_Measure", examples: Examples
    ) -> None:
        self._training, self._parameters, self._examples = training, parameters, examples
        self._loss = partial(measure.loss, training.model)
        self._is_checked = False

    def __enter__(self) -> "_OnValues":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def learn(self, batch: Sequence[int]) -> tuple[float, Iterable[Any]]:
        """Take one step on the examples with these numbers; return mean loss and outputs before it."""
        _zero_grad(self._parameters)
        loss, outputs = self._loss([self._examples[place] for place in batch])
        if not self._is_checked:
            losses = chain([loss], (self._loss([example])[0] for example in self._examples))
            expect_dependence(losses, self._training.optimizer)
            self._is_checked = True
        loss.backward()
        self._training.optimizer.step()
        return loss.data, outputs

    def measure(self, batch: Sequence[int]) -> tuple[float, Iterable[Any]]:
        """Return mean loss and outputs for the examples with these numbers."""
        loss, outputs = self._loss([self._examples[place] for place in batch])
        return loss.data, outputs

    def write_back(self) -> None:
        """Do nothing: the numbers are in the Values."""

    def is_finite(self) -> bool:
        """Return whether all parameters are finite."""
        return all(math.isfinite(parameter.data) for parameter in self._parameters)


class _Measure:
    """Computes losses of batches, and means over all examples since the last ``take``."""

    def __init__(self, loss: str | Loss, metric: str | Metric | None) -> None:
        self.function = loss if callable(loss) else look_up("loss", loss, LOSSES)
        self._metric = metric if metric is None or callable(metric) else look_up("metric", metric, METRICS)
        self.is_accuracy = self._metric is accuracy
        self._metric_name = getattr(self._metric, "__name__", "metric").replace("<lambda>", "metric")
        if self._metric_name == "loss":
            raise ValueError("a metric named loss would be mixed up with the loss: give it another name")
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, loss: float, outputs: Iterable[Any], batch: Examples) -> None:
        """Add the mean loss of a batch, and the metric of its outputs, to the sums."""
        self._count += len(batch)
        self._add("loss", loss * len(batch))
        if self._metric is not None:
            numbers = [
                self._metric(output, target) for output, (_, target) in zip(outputs, batch, strict=True)
            ]
            try:
                self._add(self._metric_name, math.fsum(as_numbers(numbers)))
            except TypeError as error:
                raise TypeError(f"the metric {self._metric_name} returns a number: {error}") from None

    def loss(self, model: Module, batch: Examples) -> tuple[Value, list[Any]]:
        """Return the mean loss of a batch, and its outputs.

        Raises:
            DivergedError: if the loss is not finite, or not defined.
            TypeError: if it is not a Value.
        """
        try:
            outputs = [model(inputs) for inputs, _ in batch]
            losses = [
                self.function(output, target) for output, (_, target) in zip(outputs, batch, strict=True)
            ]
            for loss in losses:
                if not isinstance(loss, Value):
                    raise TypeError(
                        f"the loss is {type(loss).__name__}, not a Value: compute it from the outputs"
                    )
            average: Value = mean(losses) if len(losses) > 1 else losses[0]
        except DomainError as error:
            raise DivergedError(_undefined(error, model)) from None
        if not math.isfinite(average.data):
            first = f"the first Value that is not finite is {_first_bad(average, model)}"
            raise DivergedError(f"the loss is {average.data}; {first}: {ADVICE}")
        return average, outputs

    def _add(self, name: str, number: float) -> None:
        self._sums[name] = self._sums.get(name, 0.0) + number

    def take(self) -> dict[str, float]:
        """Return the means, and start again."""
        means = {name: total / self._count for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


def _undefined(error: DomainError, model: Module) -> str:
    """Describe an operation that has no value, where it came from, and what to do."""
    computed = [formula(value)[:60] for value in error.values if value.args and not value.label]
    origin = f", computed from {' and '.join(computed)}" if computed else ""
    name, worst = max(model.named_parameters().items(), key=lambda item: abs(item[1].data))
    largest = f"; the largest parameter is {one_line(worst.label) or name} = {worst.data}"
    advice = f"{largest}: {ADVICE}" if abs(worst.data) > LARGE else ": look for bad data"
    return f"{error}{origin}{advice}"


def _not_finite(parameters: Iterable[Value]) -> DivergedError:
    bad = next(parameter for parameter in parameters if not math.isfinite(parameter.data))
    return DivergedError(f"{one_line(bad.label) or 'a parameter'} is {bad.data}: {ADVICE}")


def _first_bad(loss: Value, model: Module) -> str:
    """Return the name and the number of the first Value that is not finite.

    It is a leaf: operations on finite numbers give finite ones, or raise an error.
    """
    first = next(value for value in topological_order(loss) if not math.isfinite(value.data))
    names = {parameter: name for name, parameter in model.named_parameters().items()}
    return f"{one_line(first.label) or names.get(first, 'a number without a name')} = {first.data}"


def _progress_bar(total: int, done: int, progress: bool) -> Any:
    with warnings.catch_warnings():
        # A notebook without the widgets (extra "notebook") gets the bar of a terminal.
        warnings.filterwarnings("ignore", "IProgress not found")
        from tqdm.auto import tqdm  # slower to import than all the rest of this module

        in_a_notebook = "ipykernel" in sys.modules
        # None: hidden where there is no terminal, as in a log file
        hidden = not progress or (False if in_a_notebook else None)
        layout = "{desc} |{bar:6}| {remaining}{postfix}"  # so that it fits 80 columns
        return tqdm(total=total, initial=done, disable=hidden, bar_format=None if in_a_notebook else layout)


def _at_a_glance(numbers: dict[str, float]) -> dict[str, str]:
    """Return what stands beside the bar: the loss, and either what validation measured or the metric."""
    has_validation = "validation_loss" in numbers
    return {
        name.replace("validation_", "val "): f"{number:.2g}"
        for name, number in numbers.items()
        if name == "loss" or not has_validation or name.startswith("validation_")
    }


def _history(history: Any) -> History:
    if history is None:
        return History()
    columns: list[Any] = [*history.values()] if isinstance(history, Mapping) else [None]
    if not all(isinstance(numbers, list) for numbers in columns) or len({*map(len, columns)}) > 1:
        raise TypeError(f"history is what fit returned: lists of as many numbers, not {history!r:.60}")
    return history if isinstance(history, History) else History(history)


def _in_order(callbacks: Iterable[Callback]) -> list[Callback]:
    if not isinstance(callbacks, Iterable) or not all(map(callable, callbacks := list(callbacks))):
        raise TypeError(
            f"callbacks are functions, as in callbacks=[record_norms], or () for none, not {callbacks!r:.60}"
        )
    return sorted(callbacks, key=lambda callback: getattr(callback, "runs_last", False))


def _stops(callback: Callback, training: Training) -> bool:
    answer = callback(training)
    if callable(answer):
        name = _name(callback)
        raise TypeError(f"call {name} first: give callbacks=[{name}(...)]")
    return bool(answer)


def _name(callback: Callback) -> str:
    return getattr(callback, "__name__", type(callback).__name__)


def _zero_grad(parameters: Iterable[Value]) -> None:
    for parameter in parameters:
        parameter.grad = 0.0


def _examples(data: Examples, like: tuple[Any, Any] | None = None) -> Examples:
    """Return the examples as a list, once it is sure that all have the shape of the first, or of ``like``."""
    if not isinstance(data, Iterable):
        raise ValueError(f"data is a list of pairs (inputs, target), not {data!r}")
    examples = list(data)
    if not examples:
        raise ValueError("there is no data to learn from: give at least one pair (inputs, target)")
    if not all(isinstance(example, (tuple, list)) and len(example) == 2 for example in examples):
        raise ValueError("data is a list of pairs (inputs, target), as list(zip(X, y)) gives them")
    pattern = [_kind(part) for part in like or examples[0]]
    for place, example in enumerate(examples):
        for what, part, wanted in zip(("inputs", "target"), example, pattern, strict=True):
            if _kind(part) != wanted or wanted == NOT_FINITE:
                first = f", but {wanted} in the first example" * (wanted != NOT_FINITE)
                raise ValueError(f"{what} of example {place}: {_kind(part)}{first}; counted from 0")
    return examples


def _advise_scaling(examples: Examples) -> None:
    """Warn of numbers that are so large that a network learns badly from them, or not at all."""
    for place, what in enumerate(("inputs", "targets")):
        if _kind(examples[0][place]) != "not only numbers":
            largest = max(
                max(map(abs, as_numbers(as_list(example[place]))), default=0.0) for example in examples
            )
            if largest > LARGE:
                warnings.warn(
                    f"the {what} go up to {largest:.4g}, and a network learns best from numbers near 1: "
                    "scale the data, as Dataset.standardized() does",
                    stacklevel=3,
                )


NOT_FINITE = "a number that is infinite or NaN"


def _kind(part: Any) -> str:
    """Return in words what inputs or a target consist of; a model of one's own may take other things."""
    try:
        numbers = as_numbers(as_list(part))
    except TypeError:
        return "not only numbers"
    return f"{len(numbers)} numbers" if all(map(math.isfinite, numbers)) else NOT_FINITE


def _batches(places: Sequence[int], size: int, seed: str | None = None) -> list[Sequence[int]]:
    if seed is not None and size < len(places):
        places = random.Random(seed).sample(places, len(places))
    return [places[start : start + size] for start in range(0, len(places), size)]
