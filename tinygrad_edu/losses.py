"""Losses: how wrong the outputs for one example are, as one Value.

Each takes the outputs of a network, a single Value or a list, and what they should have been. Over several
examples, average; ``train.fit`` does. A list of single outputs and a list of their targets work too,
and give the average for all losses but ``half_squared_error``, which is the lesson's sum.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.engine.value import Value


def half_squared_error(outputs: Value | Sequence[Value], targets: Any) -> Value:
    """Return Σ ½(target − output)², the error of the worked example, labelled E_total as there.

    Args:
        outputs: one Value, or a list.
        targets: as many numbers.

    Raises:
        ValueError: if there are more or fewer targets than outputs.

    >>> half_squared_error([Value(0.5), Value(1.0)], [1.0, 3.0]).data
    2.125
    """
    total = _total([0.5 * (target - output) ** 2 for output, target in _with_targets(outputs, targets)])
    total.label = "E_total"
    return total


def mean_squared_error(outputs: Value | Sequence[Value], targets: Any) -> Value:
    """Return the mean of (target − output)²; arguments and errors as for ``half_squared_error``.

    >>> mean_squared_error([Value(0.5), Value(1.0)], [1.0, 3.0]).data
    2.125
    """
    return _mean([(target - output) ** 2 for output, target in _with_targets(outputs, targets)])


def hinge(outputs: Value | Sequence[Value], targets: Any) -> Value:
    """Return the mean of max(0, 1 − target·output), the margin loss of support vector machines.

    Args:
        outputs: one Value, or a list.
        targets: as many numbers, each −1 or 1; ``Dataset.signed`` makes them of 0 and 1.

    Raises:
        ValueError: if a target is neither −1 nor 1, or there are more or fewer than outputs.

    >>> hinge([Value(0.5), Value(3.0)], [1, -1]).data
    2.25
    """
    pairs = _with_targets(outputs, targets)
    for _, target in pairs:
        if target not in (-1, 1):
            raise ValueError(f"the hinge loss has targets −1 and 1, not {target}: see Dataset.signed()")
    return _mean([(1.0 - target * output).relu() for output, target in pairs])


def binary_cross_entropy(outputs: Value | Sequence[Value], targets: Any) -> Value:
    """Return the mean of −target·log(p) − (1 − target)·log(1 − p), where p = sigmoid(output).

    It is computed from the logit as softplus(output) − target·output, which is the same and cannot
    overflow; so the network's last layer stays linear.

    Args:
        outputs: one logit, or a list.
        targets: as many numbers from 0 to 1.

    Raises:
        ValueError: if a target is not between 0 and 1, or there are more or fewer than outputs.

    >>> binary_cross_entropy(Value(1000.0), 0).data
    1000.0
    """
    pairs = _with_targets(outputs, targets)
    for _, target in pairs:
        if not 0 <= target <= 1:
            raise ValueError(f"the binary cross-entropy has targets from 0 to 1, not {target}")
    return _mean([output.softplus() - target * output for output, target in pairs])


def categorical_cross_entropy(outputs: Sequence[Value], target: Any) -> Value:
    """Return −log(softmax(outputs)[target]).

    It is computed from the logits as logsumexp(outputs) − outputs[target], which cannot overflow.

    Args:
        outputs: one logit for each class; the network's last layer stays linear.
        target: the number of the right class, from 0; or a probability for each class, as in a one-hot list.

    Raises:
        ValueError: if there is no such class, or if the probabilities do not add up to 1.

    >>> categorical_cross_entropy([Value(1000.0), Value(0.0)], 1).data
    1000.0
    """
    if isinstance(outputs, Value):
        raise ValueError("the categorical cross-entropy needs one output for each class, not a single one")
    total: Value = ops.logsumexp(outputs)
    if isinstance(target, Sequence) and not isinstance(target, str):
        pairs = _with_targets(outputs, target)
        if min(target) < 0 or not math.isclose(math.fsum(target), 1.0, abs_tol=1e-9):
            raise ValueError(f"probabilities are not negative and add up to 1, unlike {target}")
        expected: Value = ops.dot([probability for _, probability in pairs], outputs)
        return total - expected
    if target not in range(len(outputs)):
        raise ValueError(f"there is no class {target!r}: the {len(outputs)} outputs are counted from 0")
    return total - outputs[int(target)]


LOSSES: dict[str, Callable[[Any, Any], Value]] = {
    loss.__name__: loss
    for loss in (
        half_squared_error,
        mean_squared_error,
        hinge,
        binary_cross_entropy,
        categorical_cross_entropy,
    )
}
"""The losses by name."""


def as_list(item: Any) -> list[Any]:
    """Return a list of the parts, or of the item itself if it has none (text, a number of numpy's)."""
    if isinstance(item, str):
        return [item]
    try:
        return list(item)
    except TypeError:
        return [item]


def _with_targets(outputs: Value | Sequence[Value], targets: Any) -> list[tuple[Value, Any]]:
    outputs, targets = as_list(outputs), as_list(targets)
    if not outputs:
        raise ValueError("there are no outputs, and so no loss")
    for target in targets:
        if isinstance(target, str):
            raise ValueError(f"the target {target[:40]!r} is text: number the classes from 0")
    if len(outputs) != len(targets):
        raise ValueError(f"{len(outputs)} outputs need {len(outputs)} targets, not {len(targets)}")
    return list(zip(outputs, targets, strict=True))


def _total(terms: list[Value]) -> Value:
    total: Value = ops.sum(terms) if len(terms) != 1 else terms[0]
    return total


def _mean(terms: list[Value]) -> Value:
    return _total(terms) * (1.0 / len(terms)) if len(terms) != 1 else terms[0]
