"""Metrics: numbers that say how good a model is, and the classes that outputs and targets stand for."""

from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_edu._common.checks import as_list
from tinygrad_edu._common.text import plural
from tinygrad_edu.engine.errors import as_float
from tinygrad_edu.engine.rules import sigmoid
from tinygrad_edu.engine.value import Value

Metric = Callable[[Any, Any], float]


def as_number(item: Any) -> float:
    """Return the number of a Value, or any other real number as a float.

    >>> as_number(Value(0.5)), as_number(2)
    (0.5, 2.0)
    """
    return item.data if isinstance(item, Value) else as_float(item)


def as_numbers(items: Iterable[Any]) -> list[float]:
    """Return the number of every item, as ``as_number`` does."""
    return [item if type(item) is float else as_number(item) for item in items]  # most are floats already


def predicted_class(output: Any) -> int:
    """Return the class that an output stands for.

    Args:
        output: a list with one number for each class, of which the largest counts; or a single output,
            alone or in a list: class 1 if it is positive, or above ½ if it is the result of a sigmoid,
            else class 0.

    >>> predicted_class([0.1, 2.0, -1.0]), predicted_class(Value(0.2)), predicted_class(Value(-1.0).sigmoid())
    (1, 1, 0)
    """
    outputs = as_list(output)
    scores = as_numbers(outputs)
    if not scores:
        raise ValueError("there are no outputs, and so no class")
    if len(scores) > 1:
        return scores.index(max(scores))
    return int(scores[0] > (0.5 if getattr(outputs[0], "op", None) is sigmoid else 0.0))


def target_class(output: Any, target: Any) -> int:
    """Return the class that a target stands for; arguments and errors as for ``accuracy``.

    >>> target_class(Value(0.2), -1), target_class([Value(0.2), Value(0.8)], [0, 1])
    (0, 1)
    """
    numbers, count = as_numbers(as_list(target)), len(as_list(output))
    if len(numbers) not in (1, count):
        raise ValueError(f"{count} {plural('output', count)} and {len(numbers)} targets do not fit")
    if len(numbers) > 1:
        return predicted_class(numbers)
    if count > 1:
        if numbers[0] not in range(count):
            raise ValueError(f"there is no class {numbers[0]:g}: the {count} outputs are counted from 0")
        return int(numbers[0])
    return int(numbers[0] > (0.5 if 0 <= numbers[0] <= 1 else 0.0))  # a target may be 0.1 or 0.9


def accuracy(output: Any, target: Any) -> float:
    """Return 1.0 if ``predicted_class`` of the output is the right one, else 0.0.

    Args:
        output: the output or the outputs for one example.
        target: of a single output its class, 0 or 1 (or −1 or 1); of a list of outputs the number of the
            class, or a list whose largest number says it.

    Raises:
        ValueError: if there is no such class, or if the lists are of different lengths.

    >>> accuracy(Value(0.2), 1), accuracy([Value(0.1), Value(0.9)], 0)
    (1.0, 0.0)
    """
    return float(predicted_class(output) == target_class(output, target))


METRICS: dict[str, Metric] = {"accuracy": accuracy}
"""The metrics by name."""
