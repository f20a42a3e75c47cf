"""Training: ``fit`` goes over the data again and again and lets an optimiser change the model.

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
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.callbacks import Callback, Checkpoint, History, Training
from tinygrad_edu._common.checks import whole
from tinygrad_edu.datasets import split
from tinygrad_edu.losses import LOSSES, as_list
from tinygrad_edu._module import Module
from tinygrad_edu._common.names import look_up
from tinygrad_edu.see.notation import formula
from tinygrad_edu.engine.op import DomainError, as_float
from tinygrad_edu.optim import OPTIMIZERS, Optimizer
from tinygrad_edu.engine.value import Value, topological_order

Examples = Sequence[tuple[Any, Any]]
Loss = Callable[[Any, Any], Value]
Metric = Callable[[Any, Any], float]
ADVICE = "try a smaller learning rate, or look for bad data"
LARGE = 1000.0  # of a parameter, when the learning rate is to blame


class DivergedError(ValueError):
    """The loss is infinite or NaN, so no gradient means anything any more.

    Attributes:
        history: what ``fit`` measured before.
    """

    history = History()


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
    callbacks: Iterable[Callback] = (),
    history: History | None = None,
    progress: bool = True,
) -> History:
    """Train a model, and return what was measured on the way.

    Ctrl-C ends training early: the model keeps what it learnt, and the history is returned. Afterwards
    all gradients are 0, so that a ``backward()`` of your own starts afresh.

    Args:
        model: the network, or anything with parameters that maps inputs to outputs.
        data: the examples, a ``Dataset`` or a list of pairs (inputs, target).
        loss: a name in ``losses.LOSSES``, or a function of outputs and target that returns a Value. The
            mean over a batch is minimised.
        optimizer: a name in ``optim.OPTIMIZERS``, or an optimiser with the options you want.
        epochs: how often to go over the data, those in ``history`` counted.
        batch_size: how many examples make one step; all of them if None. Batches are drawn anew for
            each epoch.
        metric: "accuracy", or a function of outputs and target that returns a number, to be averaged.
        validation: examples to measure on but not to learn from, or which fraction of ``data`` to take.
        seed: what batches, and the fraction for validation, are drawn from.
        callbacks: functions called with a ``Training`` after each epoch, in their order, a checkpoint last.
        history: the history of earlier epochs, to go on from.
        progress: show a progress bar, in a terminal or a notebook.

    Raises:
        UnknownNameError: for an unknown loss, optimiser or metric.
        ValueError: if there is no data, if it is not pairs all made like the first, or if a number is not
            finite or out of its range.
        TypeError: if ``optimizer``, ``loss`` or ``metric`` is something else.
        DivergedError: if the loss becomes infinite or NaN; it names the first Value that went bad.
    """
    measure = _Measure(loss, metric)
    if isinstance(optimizer, str):
        optimizer = look_up("optimiser", optimizer, OPTIMIZERS)(model.parameters())
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            "optimizer is a name, as in 'adam', or an optimiser, as in Adam(model.parameters(), 0.01), "
            f"not {optimizer!r}"
        )
    examples = _examples(data)
    if isinstance(validation, (int, float)):
        examples, validation = split(examples, validation, seed)
    held_out = [] if validation is None else _examples(validation, like=examples[0])
    batch_size = whole("batch_size", len(examples) if batch_size is None else batch_size, least=1)
    epochs = whole("epochs", epochs, least=0)
    history = history if isinstance(history, History) else History(history or {})
    training = Training(model, optimizer, history)
    parameters = {*model.parameters(), *optimizer.parameters}  # either may hold some that the other does not
    if len(parameters) == len(model.parameters()) + len(optimizer.parameters):
        raise ValueError("the optimiser has no parameter of this model: was the model made anew since?")
    several = [callbacks] if callable(callbacks) else callbacks
    callbacks = sorted(several, key=lambda callback: isinstance(callback, Checkpoint))
    batches = math.ceil(len(examples) / batch_size)
    with _progress_bar(epochs * batches, history.epochs * batches, progress) as bar:
        try:
            while history.epochs < epochs:
                bar.set_description(f"epoch {history.epochs + 1}/{epochs}", False)
                for batch in _batches(examples, batch_size, f"{seed} {history.epochs}"):
                    _zero_grad(parameters)
                    measure.batch(model, batch).backward()
                    optimizer.step()
                    bar.update()
                numbers = measure.take()
                for batch in _batches(held_out, batch_size):
                    measure.batch(model, batch)
                numbers |= {f"validation_{name}": number for name, number in measure.take().items()}
                _expect_finite(optimizer.parameters)
                history.record(**numbers)
                bar.set_postfix(_at_a_glance(numbers), refresh=False)
                stops = [callback for callback in callbacks if _stops(callback, training)]
                if stops:
                    history.stopped = getattr(stops[0], "__name__", type(stops[0]).__name__)
                    return history
            history.stopped = "all epochs done"
        except KeyboardInterrupt:
            history.cut(min(map(len, history.values()), default=0))  # if not all callbacks ran
            history.stopped = "interrupted"
        except DivergedError as error:
            error.args, error.history = (f"epoch {history.epochs + 1}: {error}",), history
            raise
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
        measure.batch(model, [example])
    return measure.take()


class _Measure:
    """Computes losses of batches, and means over all examples since the last ``take``."""

    def __init__(self, loss: str | Loss, metric: str | Metric | None) -> None:
        self._loss = loss if callable(loss) else look_up("loss", loss, LOSSES)
        self._metric = metric if metric is None or callable(metric) else look_up("metric", metric, METRICS)
        self._metric_name = getattr(self._metric, "__name__", "metric").replace("<lambda>", "metric")
        if self._metric_name == "loss":
            raise ValueError("a metric named loss would be mixed up with the loss: give it another name")
        self._sums: dict[str, float] = {}
        self._count = 0

    def batch(self, model: Module, batch: Examples) -> Value:
        """Return the mean loss of a batch as a Value, and add it to the sums."""
        try:
            outputs = [model(inputs) for inputs, _ in batch]
            losses = [self._loss(output, target) for output, (_, target) in zip(outputs, batch, strict=True)]
        except DomainError as error:
            computed = [formula(value)[:60] for value in error.values if value.args and not value.label]
            origin = f", computed from {' and '.join(computed)}" if computed else ""
            name, worst = max(model.named_parameters().items(), key=lambda item: abs(item[1].data))
            largest = f"; the largest parameter is {worst.label or name} = {worst.data}"
            advice = f"{largest}: {ADVICE}" if abs(worst.data) > LARGE else ": look for bad data"
            raise DivergedError(f"{error}{origin}{advice}") from None
        for loss in losses:
            if not isinstance(loss, Value):
                raise TypeError(
                    f"the loss is {type(loss).__name__}, not a Value: compute it from the outputs"
                )
        total: Value = ops.sum(losses)
        mean = total * (1.0 / len(losses)) if len(losses) > 1 else losses[0]
        if not math.isfinite(mean.data):
            raise DivergedError(
                f"the loss is {mean.data}; the first Value that went bad is {_first_bad(mean)}: {ADVICE}"
            )
        self._count += len(batch)
        self._add("loss", mean.data * len(batch))
        if self._metric is not None:
            pairs = zip(outputs, batch, strict=True)
            total_metric = math.fsum(self._metric(output, target) for output, (_, target) in pairs)
            self._add(self._metric_name, total_metric)
        return mean

    def _add(self, name: str, number: float) -> None:
        self._sums[name] = self._sums.get(name, 0.0) + number

    def take(self) -> dict[str, float]:
        """Return the means, and start anew."""
        means = {name: total / self._count for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


def _progress_bar(total: int, done: int, progress: bool) -> Any:
    with warnings.catch_warnings():
        # A notebook without the widgets (extra "notebook") gets the bar of a terminal.
        warnings.filterwarnings("ignore", "IProgress not found")
        from tqdm.auto import tqdm  # heavier than all the rest of this module

        in_a_notebook = "ipykernel" in sys.modules
        # None: hidden where a bar is no use, as in a log file
        hidden = not progress or (False if in_a_notebook else None)
        layout = "{desc} |{bar:6}| {remaining}{postfix}"  # so that it fits 80 columns
        return tqdm(total=total, initial=done, disable=hidden, bar_format=None if in_a_notebook else layout)


def _at_a_glance(numbers: dict[str, float]) -> dict[str, str]:
    """Return what stands beside the bar: the loss, and else what was measured on validation examples."""
    has_validation = "validation_loss" in numbers
    return {
        name.replace("validation_", "val "): f"{number:.2g}"
        for name, number in numbers.items()
        if name == "loss" or not has_validation or name.startswith("validation_")
    }


def _stops(callback: Callback, training: Training) -> bool:
    answer = callback(training)
    if callable(answer):
        name = getattr(callback, "__name__", "a callback")
        raise TypeError(f"{name} is to be called first: give callbacks=[{name}(...)]")
    return bool(answer)


def _expect_finite(parameters: Iterable[Value]) -> None:
    for parameter in parameters:
        if not math.isfinite(parameter.data):
            raise DivergedError(f"{parameter.label or 'a parameter'} is {parameter.data}: {ADVICE}")


def _zero_grad(parameters: Iterable[Value]) -> None:
    for parameter in parameters:
        parameter.grad = 0.0


def _first_bad(loss: Value) -> str:
    """Return the first Value that is not finite: its name, or its operation and a name that it led to."""
    first, *others = (value for value in topological_order(loss) if not math.isfinite(value.data))
    if first.label:
        return f"{first.label} = {first.data}"
    after = {first}
    for value in others:
        if after.intersection(value.args):
            after.add(value)
    name = next((f", on the way to {value.label}" for value in others if value in after and value.label), "")
    what = f"a result of {first.op.name}" if first.op else "an unnamed number"
    return f"{what} = {first.data}{name}"


def _examples(data: Examples, like: tuple[Any, Any] | None = None) -> Examples:
    """Return the examples in a list, once it is sure that all are made like the first, or like another."""
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


NOT_FINITE = "a number that is infinite or NaN"


def _kind(part: Any) -> str:
    """Return in words what inputs or a target consist of; a model of one's own may take other things."""
    try:
        numbers = [x.data if isinstance(x, Value) else as_float(x) for x in as_list(part)]
    except TypeError:
        return "not only numbers"
    return f"{len(numbers)} numbers" if all(map(math.isfinite, numbers)) else NOT_FINITE


def _batches(examples: Examples, size: int, seed: str | None = None) -> list[Examples]:
    if seed is not None and size < len(examples):
        examples = random.Random(seed).sample(examples, len(examples))
    return [examples[start : start + size] for start in range(0, len(examples), size)]


# --- Metrics --------------------------------------------------------------------------------------


def predicted_class(output: Any) -> int:
    """Return which class an output stands for.

    Args:
        output: a list with one number for each class, of which the largest counts; or a single output,
            alone or in a list, which says 1 if it is positive, or more than a half where it comes out of
            a sigmoid, else 0.

    >>> predicted_class([0.1, 2.0, -1.0]), predicted_class(Value(0.2)), predicted_class(Value(-1.0).sigmoid())
    (1, 1, 0)
    """
    scores = as_list(output)
    if len(scores) > 1:
        return max(range(len(scores)), key=lambda place: float(scores[place]))
    return int(float(scores[0]) > (0.5 if getattr(scores[0], "op", None) is ops.sigmoid else 0.0))


def target_class(output: Any, target: Any) -> int:
    """Return which class a target stands for; arguments as for ``accuracy``."""
    numbers = as_list(target)
    if len(numbers) > 1:
        return predicted_class(numbers)
    number = float(numbers[0])
    if len(as_list(output)) > 1:
        return int(number)
    return int(number > (0.5 if 0 <= number <= 1 else 0.0))  # a target may be soft, such as 0.1 and 0.9


def accuracy(output: Any, target: Any) -> float:
    """Return 1.0 if ``predicted_class`` of the output is the right one, else 0.0.

    Args:
        output: the output or the outputs for one example.
        target: the class of a single output, 0 or 1 (or −1 or 1); for a list of outputs the number of the
            class, or a list whose largest number says it.
    """
    return float(predicted_class(output) == target_class(output, target))


METRICS: dict[str, Metric] = {"accuracy": accuracy}
"""The metrics by name."""
