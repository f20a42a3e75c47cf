"""Optimisers: from the gradients of the parameters to their next numbers.

They agree with PyTorch's of the same names, step for step. The conventions, where books differ:

- the velocity of momentum is a sum of gradients without a factor (1 − momentum), and the learning rate
  multiplies it afterwards;
- ``weight_decay`` times the parameter is added to the gradient (an L2 penalty of ½·weight_decay·w²),
  except in ``AdamW``, which subtracts it from the parameter directly;
- ``epsilon`` is added after the square root;
- the names are written out: PyTorch's ``lr`` is ``learning_rate``, its ``eps`` is ``epsilon``.

A schedule maps the number of steps taken so far to a factor of the learning rate.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from tinygrad_edu._common.checks import as_list, is_number, whole
from tinygrad_edu._common.names import refuse_options
from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.errors import DomainError, expect_values
from tinygrad_edu.engine.value import Value

Schedule = Callable[[int], float]

MOST_STEPS = 2**53  # larger whole numbers are not exact as floats


class Optimizer:
    """The base class of all optimisers. A subclass defines ``_direction``, how it updates.

    Args:
        parameters: the Values to change.
        learning_rate: η, the size of a step.
        weight_decay: how strongly parameters are pulled towards 0.
        schedule: the factor of the learning rate for each step, such as ``cosine_decay(1000)``; None for 1.

    Attributes:
        steps: the number of steps taken.

    Raises:
        ValueError: if there are no parameters, or an option is out of its range.
        TypeError: if a parameter is not a Value, or there is no option of that name.
    """

    memory: ClassVar[dict[str, float]] = {}  # what is kept for each parameter, and the least it can be
    options: ClassVar[tuple[str, ...]] = ()  # the attributes that a saved state must agree with
    decoupled: ClassVar[bool] = False  # whether weight decay bypasses the gradient

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float,
        *,
        weight_decay: float = 0.0,
        schedule: Schedule | None = None,
        **unknown: Any,
    ) -> None:
        known = ("learning_rate", *self.options, "weight_decay", "schedule")
        refuse_options(type(self).__name__, unknown, known)
        self.parameters = list(parameters) if isinstance(parameters, Iterable) else [parameters]
        if not all(isinstance(parameter, Value) for parameter in self.parameters):
            raise TypeError("an optimiser changes a list of Values: give it model.parameters()")
        if not self.parameters:
            raise ValueError("an optimiser needs at least one parameter")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("a parameter is in the list twice, and would be changed twice in each step")
        if schedule is not None and not callable(schedule):
            raise TypeError(f"schedule is a function of the number of steps, not {schedule!r}")
        self.learning_rate = learning_rate
        self.weight_decay = _in_range("weight_decay", weight_decay, math.inf)
        self.schedule = schedule
        self.steps = 0
        self._memory = {name: [0.0] * len(self.parameters) for name in self.memory}

    @property
    def learning_rate(self) -> float:
        """The learning rate η; it may be changed at any time, and the schedule multiplies it."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._learning_rate = _in_range("learning_rate", rate, math.inf)

    @property
    def step_size(self) -> float:
        """The learning rate of the next step: η times the factor of the schedule."""
        if self.schedule is None:
            return self.learning_rate
        return self.learning_rate * _in_range("the factor of a schedule", self.schedule(self.steps), math.inf)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.parameters)} parameters, {self.learning_rate})"

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for parameter in self.parameters:
            parameter.grad = 0.0

    def step(self) -> None:
        """Change every parameter according to its gradient.

        Raises:
            DomainError: if a number would become infinite or NaN: a parameter, or what the next steps need,
                such as the running mean of squares of Adam and RMSProp, which would never forget it.
                Nothing has changed.
        """
        place = self._step(math.isfinite)
        if place is not None:
            parameter = self.parameters[place]
            name, gradient = one_line(parameter.label) or "a parameter", self._gradient(parameter)
            raise DomainError(
                f"a step of {type(self).__name__} of size {self.step_size:g} is not finite for {name} = "
                f"{parameter.data:g} with the gradient {gradient:g}: no parameter has changed",
                [parameter],
            )

    def _step(self, is_finite: Callable[[float], bool]) -> int | None:
        """Take a step, unless a number would not be finite; return the place of its parameter then."""
        size = self.step_size
        before = self.steps, {name: [*numbers] for name, numbers in self._memory.items()}
        self.steps += 1
        moved = []
        for place, parameter in enumerate(self.parameters):
            data = parameter.data
            if self.decoupled:
                data = data - size * (self.weight_decay * data)
            moved.append(data - size * self._direction(place, self._gradient(parameter)))
        for place, numbers in enumerate(zip(moved, *self._memory.values(), strict=True)):
            if not all(map(is_finite, numbers)):
                self.steps, self._memory = before
                return place
        for parameter, number in zip(self.parameters, moved, strict=True):
            parameter.data = number
        return None

    def _gradient(self, parameter: Value) -> float:
        """Return the gradient of a parameter, and of the penalty on its size."""
        return parameter.grad if self.decoupled else parameter.grad + self.weight_decay * parameter.data

    def _direction(self, place: int, gradient: float) -> float:
        """Return what the step size multiplies, for the parameter at ``place``.

        Where it is arithmetic, compiled training runs it on one array of all parameters.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how it updates")

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides the next steps, as plain data."""
        memory = {name: list(numbers) for name, numbers in self._memory.items()}
        return {
            "optimizer": type(self).__name__,
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "options": self._options(),
            **memory,
        }

    def _options(self) -> dict[str, Any]:
        return {name: _plain(getattr(self, name)) for name in ("weight_decay", *self.options)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that ``state_dict`` returned.

        Raises:
            ValueError: if it is of another optimiser, of other options or another number of parameters, or
                damaged; the optimiser has not changed.
        """
        name = type(self).__name__
        if not isinstance(state, Mapping):
            raise ValueError(f"the state is a dictionary, not {type(state).__name__}")
        if state.get("optimizer") != name:
            raise ValueError(f"the state is of {state.get('optimizer')!r}, and this is {name}")
        rate: Any = state.get("learning_rate")
        steps = state.get("steps")
        if type(steps) is not int or not 0 <= steps <= MOST_STEPS:
            raise ValueError(f"steps is a whole number of at least 0 and at most 2**53, not {steps!r:.40}")
        if repr(state.get("options")) != repr(self._options()):  # True equals 1 and is not the same
            raise ValueError(
                f"the state is of {name} with {state.get('options')!r:.200}, and this has {self._options()}"
            )
        memory = {key: state.get(key, []) for key in self.memory}
        for key, numbers in memory.items():
            if not isinstance(numbers, list) or not all(map(is_number, numbers)):
                raise ValueError(f"{key} is not a list of finite numbers")
            if any(number < self.memory[key] for number in numbers):
                raise ValueError(f"{key} has a number below {self.memory[key]:g}")
            if len(numbers) != len(self.parameters):
                raise ValueError(f"{name} has {len(self.parameters)} parameters, but {len(numbers)} {key}")
        self.learning_rate, self.steps = rate, steps  # the rate is checked first
        self._memory = {key: list(numbers) for key, numbers in memory.items()}


class SGD(Optimizer):
    """Stochastic gradient descent, w⁺ = w − η·∂E/∂w, optionally with momentum.

    Args:
        parameters: the Values to change.
        learning_rate: η.
        momentum: the factor of the previous velocity in the next, at least 0 and less than 1.
        nesterov: use Nesterov's momentum (Sutskever et al., 2013, in PyTorch's form).
        options: ``weight_decay`` and ``schedule``, as for ``Optimizer``.

    >>> w = Value(2.0)
    >>> optimizer = SGD([w], learning_rate=0.1)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.data
    1.6
    """

    memory: ClassVar = {"velocity": -math.inf}
    options = ("momentum", "nesterov")

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(parameters, learning_rate, **options)
        self.momentum = _in_range("momentum", momentum, 1.0)
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs a momentum greater than 0")
        self.nesterov = bool(nesterov)  # of NumPy too: a saved state holds it

    def _direction(self, place: int, gradient: float) -> float:
        velocity = self._memory["velocity"]
        velocity[place] = self.momentum * velocity[place] + gradient
        return gradient + self.momentum * velocity[place] if self.nesterov else velocity[place]


class RMSProp(Optimizer):
    """Root mean square propagation (Tieleman and Hinton, 2012).

    Each gradient is divided by the square root of the running mean of its squares.

    Args:
        parameters: the Values to change.
        learning_rate: η.
        decay: the factor of the previous running mean in the next (PyTorch's ``alpha``).
        epsilon: added to the root, so that it is never 0.
        options: ``weight_decay`` and ``schedule``, as for ``Optimizer``.
    """

    memory: ClassVar = {"mean_square": 0.0}
    options = ("decay", "epsilon")

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float = 0.01,
        *,
        decay: float = 0.99,
        epsilon: float = 1e-8,
        **options: Any,
    ) -> None:
        super().__init__(parameters, learning_rate, **options)
        self.decay, self.epsilon = _in_range("decay", decay, 1.0), _above_zero(epsilon)

    def _direction(self, place: int, gradient: float) -> float:
        square = self._memory["mean_square"]
        square[place] = self.decay * square[place] + (1 - self.decay) * gradient * gradient
        root: float = square[place] ** 0.5
        return gradient / (root + self.epsilon)


class Adam(Optimizer):
    """Adaptive moment estimation (Kingma and Ba, 2015).

    RMSProp with momentum, where both running means are corrected for starting from 0.

    Args:
        parameters: the Values to change.
        learning_rate: η.
        betas: the factors of the previous running means, of gradients and of their squares, in the next.
        epsilon: added to the root, so that it is never 0.
        options: ``weight_decay`` and ``schedule``, as for ``Optimizer``.
    """

    memory: ClassVar = {"mean": -math.inf, "mean_square": 0.0}
    options = ("betas", "epsilon")

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        **options: Any,
    ) -> None:
        super().__init__(parameters, learning_rate, **options)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"betas are two numbers, not {betas!r}")
        beta1, beta2 = (_in_range("each of betas", beta, 1.0) for beta in betas)
        self.betas, self.epsilon = (beta1, beta2), _above_zero(epsilon)

    def _direction(self, place: int, gradient: float) -> float:
        (beta1, beta2), mean, square = self.betas, self._memory["mean"], self._memory["mean_square"]
        mean[place] = beta1 * mean[place] + (1 - beta1) * gradient
        square[place] = beta2 * square[place] + (1 - beta2) * gradient * gradient
        corrected_mean = mean[place] / (1 - beta1**self.steps)
        corrected_square = square[place] / (1 - beta2**self.steps)
        root: float = corrected_square**0.5
        return corrected_mean / (root + self.epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    The decay is subtracted from the parameter and does not enter the running means. Arguments as for
    ``Adam``, but ``weight_decay`` is 0.01 by default.
    """

    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float = 0.001,
        *,
        weight_decay: float = 0.01,
        **options: Any,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
}
"""The optimisers by name."""


def clip_gradients(parameters: Iterable[Value], most: float) -> float:
    """Shrink all gradients by one factor, if needed, so that their norm is at most ``most``.

    The norm is the square root of the sum of their squares, as in PyTorch's ``clip_grad_norm_``. Call it
    between ``backward()`` and ``step()``.

    Args:
        parameters: the Values whose gradients are shrunk, as ``model.parameters()``.
        most: the largest norm, above 0.

    Returns:
        the norm before.

    Raises:
        ValueError: if ``most`` is not above 0 and finite, or if the norm is infinite or NaN; no gradient has
            changed.

    >>> w = Value(3.0)
    >>> (w * w).backward()
    >>> clip_gradients([w], 1.5), w.grad
    (6.0, 1.5)
    """
    if not is_number(most) or most <= 0:
        raise ValueError(f"the largest norm is above 0, and finite, not {most!r:.40}")
    parameters = as_list(parameters)
    expect_values("clip_gradients(parameters, most) takes", *parameters)
    norm = math.hypot(*[parameter.grad for parameter in parameters])
    if not math.isfinite(norm):
        raise ValueError(f"the norm of the gradients is {norm}: no factor makes it {most:g}")
    if norm > most:
        for parameter in parameters:
            parameter.grad = parameter.grad / norm * most
    return norm


# --- Schedules ------------------------------------------------------------------------------------


def step_decay(every: int, factor: float = 0.1) -> Schedule:
    """Return a schedule that multiplies by ``factor`` after every ``every`` steps (PyTorch's StepLR).

    Args:
        every: the number of steps between two multiplications.
        factor: from 0 to 1.

    Raises:
        ValueError: if an argument is out of its range.

    >>> [step_decay(2, 0.5)(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _expect_steps(every)
    _expect_factor(factor)
    return lambda step: float(factor ** (step // every))


def exponential_decay(factor: float) -> Schedule:
    """Return a schedule that multiplies by ``factor`` after each step (PyTorch's ExponentialLR).

    Raises:
        ValueError: if the factor is not from 0 to 1.

    >>> [exponential_decay(0.5)(step) for step in range(3)]
    [1.0, 0.5, 0.25]
    """
    _expect_factor(factor)
    return lambda step: float(factor**step)


def linear_decay(steps: int, end: float = 0.0) -> Schedule:
    """Return a schedule that falls from 1 to ``end`` linearly over ``steps``, and then stays there.

    Raises:
        ValueError: if ``steps`` is not a whole number of at least 1, or ``end`` not from 0 to 1.

    >>> [linear_decay(4)(step) for step in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    _expect_steps(steps)
    _expect_factor(end)
    return lambda step: 1.0 - (1.0 - end) * min(step / steps, 1.0)


def cosine_decay(steps: int, end: float = 0.0) -> Schedule:
    """Return a schedule that falls from 1 to ``end`` along half a cosine, and then stays there.

    Source: Loshchilov and Hutter, 2017. Arguments and errors as for ``linear_decay``.

    >>> [round(cosine_decay(4)(step), 6) for step in range(6)]
    [1.0, 0.853553, 0.5, 0.146447, 0.0, 0.0]
    """
    _expect_steps(steps)
    _expect_factor(end)
    return lambda step: end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * min(step / steps, 1.0)))


def _plain(option: Any) -> Any:
    """Return an option as JSON gives it back."""
    if isinstance(option, (tuple, list)):
        return [_plain(item) for item in option]
    return option if isinstance(option, bool) else float(option)


def _in_range(name: str, number: Any, end: float) -> float:
    """Return a checked number as a float: one of NumPy's float32 would make the whole step inexact."""
    if not is_number(number) or not 0 <= number < end:
        upper = "" if math.isinf(end) else f" and less than {end:g}"
        raise ValueError(f"{name} is at least 0{upper}, and finite, not {number!r:.40}")
    return float(number)


def _above_zero(epsilon: Any) -> float:
    if not is_number(epsilon) or epsilon <= 0:
        raise ValueError(f"epsilon is above 0, so that the root plus epsilon is never 0, not {epsilon!r:.40}")
    return float(epsilon)


def _expect_steps(steps: int) -> None:
    whole("the number of steps", steps, least=1)


def _expect_factor(factor: float) -> None:
    if not is_number(factor) or not 0 <= factor <= 1:
        raise ValueError(f"the factor of a decay is from 0 to 1, not {factor!r:.40}")
