"""Training at the speed of matrices: the loss of one example is recorded, lifted, and run on arrays.

``train.fit`` comes here for ``compiled=True``. Parameters and what the optimiser remembers are arrays while
steps are taken, and are written back when someone can look.
"""

import copy
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from tinygrad_edu._common.checks import as_list
from tinygrad_edu._common.text import one_line
from tinygrad_edu._module import Module
from tinygrad_edu.callbacks import Training
from tinygrad_edu.engine import common
from tinygrad_edu.engine.errors import DomainError
from tinygrad_edu.engine.gradient import differentiable
from tinygrad_edu.engine.value import Value
from tinygrad_edu.metrics import as_numbers
from tinygrad_edu.optim import Optimizer
from tinygrad_edu.program.lift import Lifted
from tinygrad_edu.program.lift_arrays import numpy, picked, reverse
from tinygrad_edu.program.statements import record

MOST_TARGETS = 100
"""Where a loss looks at its target, one graph is recorded for each different target: at most so many."""

Examples = Sequence[tuple[Any, Any]]


class CannotCompileError(ValueError):
    """The graph of an example depends on its numbers, so that no other example can repeat it."""


def _refusal(what: str) -> CannotCompileError:
    return CannotCompileError(
        f"compiled=True repeats the graph of one example for all, but {what}: "
        "use where(…), maximum or step of tinygrad_edu, or train without compiled=True"
    )


def expect_dependence(losses: Iterable[Value], optimizer: Optimizer) -> None:
    """Raise a ValueError if no loss depends on what the optimiser changes, a TypeError if one is no Value.

    A single one may be independent: a loss can have a branch that is constant.
    """
    parameters = {*optimizer.parameters}
    for loss in losses:
        if not isinstance(loss, Value):
            raise TypeError(f"the loss is {type(loss).__name__}, not a Value: compute it from the outputs")
        if not parameters.isdisjoint(differentiable(loss)):
            return
    raise ValueError(
        "the loss depends on no parameter of the optimiser, so nothing can be learnt: compute it from the "
        "outputs by operations on Values, as in output.tanh(), not from .data, detach(), functions of math, "
        "or steps such as floor and sign"
    )


class _Given(Value):
    """A number of an example, while model and loss are recorded: no Python code may look at it."""

    __hash__ = Value.__hash__

    def _looked_at(self, *_: Any) -> Any:
        raise _refusal(f"its code looks at the number {one_line(self.label)} of the example")

    def __eq__(self, other: object) -> Any:
        return self is other if isinstance(other, Value) else self._looked_at()

    __ne__ = __bool__ = __int__ = __index__ = __float__ = __round__ = _looked_at  # type: ignore[assignment]


def _arranged(part: Any, values: list[Value]) -> Any:
    """Return Values as inputs or targets are given: in a list, or one alone."""
    return values if isinstance(part, (Sequence, tuple)) or hasattr(part, "__len__") else values[0]


class Recording:
    """The graph of one example: the outputs and the loss, from Values that stand for the example's numbers.

    Attributes:
        inputs: the Values for the numbers of an example.
        outputs: what the model returned.
        losses: the loss; or, if it depends on the target in another way than by arithmetic, the loss for
            each different target.
    """

    def __init__(self, model: Module, loss: Callable[[Any, Any], Any], examples: Examples) -> None:
        inputs, target = examples[0]
        before, common.comparisons = common.comparisons, []
        try:
            self.inputs: list[Value] = [
                _Given(x, f"input {k}") for k, x in enumerate(as_numbers(as_list(inputs)), 1)
            ]
            self.outputs = model(_arranged(inputs, [*self.inputs]))
            _expect_no_comparison(common.comparisons)
            given = [_Given(x, f"target {k}") for k, x in enumerate(as_numbers(as_list(target)), 1)]
            self._targets: dict[tuple[float, ...], Any] = {}
            try:
                self.losses = [loss(self.outputs, _arranged(target, [*given]))]
                _expect_no_comparison(common.comparisons)
                self.inputs += given
            except (TypeError, ValueError):  # it looks at the target, whose numbers are not known yet
                for _, each in examples:
                    self._targets.setdefault(tuple(as_numbers(as_list(each))), each)
                if len(self._targets) > MOST_TARGETS:
                    raise
                common.comparisons = []
                self.losses = [loss(self.outputs, each) for each in self._targets.values()]
                _expect_no_comparison(common.comparisons)
        finally:
            common.comparisons = before
        self._choice = {target: place for place, target in enumerate(self._targets)}

    def row(self, example: tuple[Any, Any]) -> list[float]:
        """Return the numbers of an example that ``inputs`` stand for."""
        inputs, target = example
        return as_numbers(as_list(inputs)) + ([] if self._targets else as_numbers(as_list(target)))

    def choice(self, example: tuple[Any, Any]) -> int:
        """Return which of ``losses`` is that of an example."""
        return self._choice[tuple(as_numbers(as_list(example[1])))] if self._targets else 0


def _expect_no_comparison(made: Iterable[tuple[str, Any, Any, bool]]) -> None:
    for sign, left, right, _ in made:
        raise _refusal(f"its code compares {_name(left)} {sign} {_name(right)}")


def _name(side: Any) -> str:
    if not isinstance(side, Value):
        return repr(side)
    return one_line(side.label) or (f"the result of {side.op.name}" if side.op else "a Value")


class _Flat:
    """All parameters as one, whose number is an array: an optimiser changes it as it changes a Value."""

    def __init__(self, data: Any, grad: Any) -> None:
        self.data, self.grad = data, grad


class Compiled:
    """A model, its loss and its optimiser on arrays.

    Args:
        training: the model and its optimiser.
        parameters: what the model and the optimiser have.
        measure: knows the loss of one example as ``function``, and computes the mean loss and the outputs
            of a batch by the engine as ``loss(model, batch)``.
        examples: all examples, to learn from or to measure on.

    Raises:
        CannotCompileError: if the graph depends on the numbers.
        ImportError: if NumPy is not installed.
    """

    def __init__(
        self, training: Training, parameters: Sequence[Value], measure: Any, examples: Examples
    ) -> None:
        self._np = np = numpy()
        self._optimizer, self._parameters, self._examples = training.optimizer, parameters, examples
        self._engine = partial(measure.loss, training.model)
        try:
            recording = Recording(training.model, measure.function, examples)
        except DomainError:
            self._engine(examples[:1])  # says more of it
            raise
        expect_dependence(recording.losses, self._optimizer)
        self._recorded = recording.outputs
        self._plain: bool = measure.is_accuracy
        shared, outputs, losses = len(parameters), _several(recording.outputs), recording.losses
        program = record([*parameters, *recording.inputs], [*losses, *outputs])
        lifted = Lifted(program, program.inputs[shared:], [len(losses), len(outputs)])
        rows = np.array([recording.row(example) for example in examples], float)
        self._given = [
            np.ascontiguousarray(rows[:, place - shared]) if leaf.batched else None
            for leaf, place in zip(lifted.leaves, lifted.places, strict=True)
        ]
        self._choices = np.array([recording.choice(example) for example in examples])
        self._lay_out(lifted, len(losses))
        self._flat: _Flat | None = None  # while steps are taken
        self._takes_arrays = _takes_arrays(self._optimizer)
        self._verify()

    def __enter__(self) -> "Compiled":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.write_back()
        except KeyboardInterrupt:
            self.write_back()
            raise

    def _lay_out(self, lifted: Lifted, choices: int) -> None:
        """Give every shared array its part of one vector of parameters, and of one of gradients."""
        np, shared = self._np, len(self._parameters)
        loss, outputs = lifted.outputs
        pool: Any = loss.pool
        weight, choice = pool.leaf("", ()), pool.leaf("", (), batched=True)
        loss = picked(loss, choice, [outputs]) if choices > 1 else loss
        gradients = reverse(loss, weight, [leaf for leaf in lifted.leaves if not leaf.batched])
        self._forward = lifted.compiled([loss, outputs], [choice])
        self._backward = lifted.compiled([loss, outputs, *gradients], [choice, weight], into=len(gradients))
        self._data, self._grad = np.zeros(shared), np.zeros(shared)
        self._shared: list[Any] = []
        self._gradients: list[Any] = []
        order: list[int] = []
        for leaf, place in zip(lifted.leaves, lifted.places, strict=True):
            if not leaf.batched:
                part = slice(len(order), len(order) + place.size)
                self._gradients.append(self._grad[part].reshape(leaf.shape))
                order += place.ravel().tolist()
            self._shared.append(None if leaf.batched else self._data[part].reshape(leaf.shape))
        order += sorted({*range(shared)} - {*order})
        self._order = [self._parameters[position] for position in order]
        at = {parameter: place for place, parameter in enumerate(self._optimizer.parameters)}
        self._trained = [place for place, parameter in enumerate(self._order) if parameter in at]
        self._remembered = [at[self._order[place]] for place in self._trained]

    # --- Steps and measurements ---

    def learn(self, batch: Sequence[int]) -> tuple[float, Iterable[Any]]:
        """Take one step on the examples with these numbers; return mean loss and outputs before it."""
        self._read()
        found: Any = self._run(self._backward, batch, 1.0 / len(batch), *self._gradients)
        if found is None or not _all_finite(self._grad):
            self.write_back()
            average, by_engine = self._by_engine(batch)
            for parameter in self._parameters:
                parameter.grad = 0.0
            average.backward()
            found = average.data, by_engine
            self._read()
            self._grad[:] = [parameter.grad for parameter in self._order]
        self._optimize()
        loss, outputs = found
        return loss, outputs

    def measure(self, batch: Sequence[int]) -> tuple[float, Iterable[Any]]:
        """Return mean loss and outputs for the examples with these numbers."""
        self._read()
        found = self._run(self._forward, batch)
        if found is None:
            self.write_back()
            average, by_engine = self._by_engine(batch)
            return average.data, by_engine
        loss, outputs = found
        return loss, outputs

    def _run(self, function: Callable[..., Any], batch: Sequence[int], *others: Any) -> Any:
        """Return mean loss and outputs, or None if a number is not finite."""
        rows = slice(batch.start, batch.stop) if isinstance(batch, range) else self._np.array(batch)
        arrays = [
            shared if given is None else given[rows]
            for shared, given in zip(self._shared, self._given, strict=True)
        ]
        try:
            with self._np.errstate(over="raise", divide="raise", invalid="raise", under="ignore"):
                losses, outputs = function(len(batch), *arrays, self._choices[rows], *others)
                loss = float(self._np.broadcast_to(losses, len(batch)).sum()) / len(batch)
        except FloatingPointError:
            return None
        if not math.isfinite(loss) or not _all_finite(outputs):  # as of an operation of the user's own
            return None
        return loss, self._each(outputs, len(batch))

    def _each(self, outputs: Any, count: int) -> Iterator[Any]:
        """Yield the outputs for each example as the model returns them."""
        values = _several(self._recorded)
        plain = self._plain and len(values) > 1
        for row in self._np.broadcast_to(outputs.reshape(-1, len(values)), (count, len(values))).tolist():
            if plain:  # which is the largest can be said of numbers too
                yield row
                continue
            new = [
                Value._restore(
                    number, 0.0, value.label, value.group, False, value.op, value.args, value.slopes
                )
                for number, value in zip(row, values, strict=True)
            ]
            yield new[0] if self._recorded is values[0] else new

    def _by_engine(self, batch: Sequence[int]) -> tuple[Value, list[Any]]:
        """Compute a batch with the engine, which says what is wrong; the message names the example."""
        for number in batch:
            try:
                self._engine([self._examples[number]])
            except ValueError as error:
                raise type(error)(f"example {number}, counted from 0: {error}") from None
        average, outputs = self._engine([self._examples[number] for number in batch])
        return average, outputs

    def _verify(self) -> None:
        """Compare some losses with the engine's."""
        for number in random.Random(0).sample(range(len(self._examples)), min(5, len(self._examples))):
            found = self.measure([number])[0]
            self.write_back()
            wanted = self._engine([self._examples[number]])[0].data
            if abs(found - wanted) > 1e-9 * max(1.0, abs(wanted)):
                raise _refusal(
                    f"the loss of example {number} is {wanted!r}, and {found!r} by the recorded graph, as "
                    "where .data, chance, or something from one call to the next is used"
                )

    def is_finite(self) -> bool:
        """Return whether all parameters are finite; if not, they are written back."""
        self._read()  # an optimiser with a step of its own has written to the Values
        finite = _all_finite(self._data)
        if not finite:
            self.write_back()
        return finite

    # --- The optimiser ---

    def _optimize(self) -> None:
        flat: Any = self._flat
        if flat is not None and self._takes_arrays:
            some = len(self._trained) < len(self._order)
            if some:
                flat.data, flat.grad = self._data[self._trained], self._grad[self._trained]
            with self._np.errstate(over="ignore", invalid="ignore"):
                bad = self._optimizer._step(_all_finite)
            if bad is None:
                self._data[self._trained if some else ...] = flat.data
                return
        self.write_back()
        self._optimizer.step()  # which says what is wrong with which gradient

    def _read(self) -> None:
        """Take parameters and the optimiser's memory into arrays."""
        if self._flat is not None:
            return
        self._data[:] = [parameter.data for parameter in self._order]
        flat = _Flat(self._data, self._grad)
        self._own = self._optimizer.parameters
        if self._takes_arrays:
            self._optimizer.parameters = [flat]  # type: ignore[list-item]
            for name, numbers in self._optimizer._memory.items():
                self._optimizer._memory[name] = [self._np.array(numbers)[self._remembered]]
        self._flat = flat

    def write_back(self) -> None:
        """Give parameters, gradients and the optimiser's memory back, so that anybody can look at them."""
        if self._flat is None:
            return
        for parameter, number, grad in zip(
            self._order, self._data.tolist(), self._grad.tolist(), strict=True
        ):
            parameter.data, parameter.grad = number, grad
        if self._takes_arrays:
            self._optimizer.parameters = self._own
            memory: dict[str, Any] = self._optimizer._memory
            for name, (array,) in memory.items():
                kept = dict(zip(self._remembered, array.tolist(), strict=True))
                memory[name] = [kept[place] for place in range(len(kept))]
        self._flat = None


def _several(outputs: Any) -> list[Value]:
    values = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    for value in values:
        if not isinstance(value, Value):
            raise _refusal(f"it returns {type(value).__name__} and not one Value or a list of Values")
    return values


def _all_finite(numbers: Any) -> bool:
    return bool(numpy().isfinite(numbers).all())


def _takes_arrays(optimizer: Optimizer) -> bool:
    """Return whether an optimiser's formulas do for an array what they do for its numbers one by one."""
    if type(optimizer).step is not Optimizer.step:
        return False
    np = numpy()
    data, gradients = np.array([0.5, -1.5, 2.0]), np.array([[1.0, -0.1, 0.3], [0.2, -3.0, 0.1]])

    def run(parameters: list[_Flat], split: Callable[[Any], list[Any]]) -> tuple[Any, dict[str, Any]]:
        trial = copy.copy(optimizer)
        trial.parameters, trial._memory = [], {name: [] for name in optimizer._memory}  # nothing to copy
        trial = copy.deepcopy(trial)
        trial.parameters = parameters  # type: ignore[assignment]
        trial._memory = {name: split(np.zeros(3)) for name in trial._memory}
        for gradient in gradients:
            for parameter, grad in zip(parameters, split(gradient), strict=True):
                parameter.grad = grad
            trial._step(_all_finite)
        kept = {name: value for name, value in vars(trial).items() if name not in ("parameters", "_memory")}
        return np.hstack([parameter.data for parameter in parameters]), kept

    try:
        one_by_one, _ = run([_Flat(x, 0.0) for x in data.tolist()], lambda row: row.tolist())
        before = vars(optimizer)
        together, kept = run([_Flat(data.copy(), 0.0)], lambda row: [row.copy()])
        same = all(kept[name] == before[name] for name in kept if name != "steps")
    except Exception:  # whatever a formula of one's own does to an array
        return False
    return bool(same and np.allclose(one_by_one, together, rtol=1e-12, atol=0.0))
