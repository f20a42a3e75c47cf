"""Losses: how wrong the outputs for one example are, as one Value.

Each takes the outputs of a network, a single Value or a list, and their targets. Over several examples,
average; ``train.fit`` does. A list of single outputs and a list of their targets work too, and give the
average for all losses but ``half_squared_error``, which is the sum of the worked example.

What a loss computes has a ``group`` that says so, if the outputs are those of a network of ``nn``.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from tinygrad_edu._common.checks import as_list
from tinygrad_edu.engine.errors import as_float, expect_values
from tinygrad_edu.engine.rules import dot, logsumexp, mean, relu, softplus, sum
from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.place import Place, Role


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
    outputs = as_list(outputs)
    errors = [0.5 * _difference(*pair) ** 2 for pair in _with_targets(outputs, targets)]
    total = _in_place(outputs, errors, sum)
    total.label = "E_total"
    return total


def mean_squared_error(outputs: Value | Sequence[Value], targets: Any) -> Value:
    """Return the mean of (target − output)²; arguments and errors as for ``half_squared_error``.

    >>> mean_squared_error([Value(0.5), Value(1.0)], [1.0, 3.0]).data
    2.125
    """
    outputs = as_list(outputs)
    errors = [_difference(*pair) ** 2 for pair in _with_targets(outputs, targets)]
    return _in_place(outputs, errors, mean)


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
    outputs = as_list(outputs)
    pairs = _with_targets(outputs, targets)
    for _, target in pairs:
        if target not in (-1, 1):
            raise ValueError(f"the hinge loss has targets −1 and 1, not {target:g}: see Dataset.signed()")
    return _in_place(outputs, [relu(1.0 - target * output) for output, target in pairs], mean)


def binary_cross_entropy(outputs: Value | Sequence[Value], targets: Any) -> Value:
    """Return the mean of −target·log(p) − (1 − target)·log(1 − p), where p = sigmoid(output).

    It is computed from the logit as target·softplus(−output) + (1 − target)·softplus(output), which is
    the same, cannot overflow and keeps its digits. So the network's last layer is linear.

    Args:
        outputs: one logit, or a list.
        targets: as many numbers from 0 to 1.

    Raises:
        ValueError: if a target is not between 0 and 1, or there are more or fewer than outputs.

    >>> binary_cross_entropy(Value(1000.0), 0).data
    1000.0
    """
    outputs = as_list(outputs)
    pairs = _with_targets(outputs, targets)
    for _, target in pairs:
        if not 0 <= target <= 1:
            raise ValueError(f"the binary cross-entropy has targets from 0 to 1, not {target:g}")
    return _in_place(outputs, [_cross_entropy(*pair) for pair in pairs], mean)


def _cross_entropy(output: Value, target: Any) -> Value:
    if target == 0:
        loss: Value = softplus(output)
    elif target == 1:
        loss = softplus(-output)
    else:
        loss = target * softplus(-output) + (1.0 - target) * softplus(output)
    return loss


def categorical_cross_entropy(outputs: Sequence[Value], target: Any) -> Value:
    """Return −log(softmax(outputs)[target]).

    It is computed from the logits as softplus(logsumexp(other − outputs[target] for all others)), which
    is the same, does not overflow where the logits are within half of the largest float, and keeps its
    digits.

    Args:
        outputs: one logit for each class, of a last layer that is linear.
        target: the number of the right class, from 0; or a probability for each class, as in a one-hot
            list or array, and the result is the expected value.

    Raises:
        ValueError: if there is no such class, or if the probabilities do not add up to 1.

    >>> categorical_cross_entropy([Value(1000.0), Value(0.0)], 1).data
    1000.0
    """
    outputs = as_list(outputs)
    if len(outputs) < 2:
        raise ValueError("the categorical cross-entropy needs one output for each class, not a single one")
    expect_values("a loss takes outputs that are", *outputs)
    targets = as_list(target)
    if len(targets) > 1:
        total = _expected_cross_entropy(outputs, targets)
    elif targets and _number(targets[0]) in range(len(outputs)):
        total = _cross_entropy_of_class(outputs, int(targets[0]))
    else:
        raise ValueError(f"there is no class {target!r:.40}: the {len(outputs)} outputs are counted from 0")
    return _in_place(outputs, [total], sum)


def _expected_cross_entropy(outputs: Sequence[Value], probabilities: Sequence[Any]) -> Value:
    numbers = [as_float(number) for _, number in _with_targets(outputs, probabilities)]
    if min(numbers) < 0 or not math.isclose(math.fsum(numbers), 1.0, abs_tol=1e-9):
        raise ValueError(f"probabilities are not negative and add up to 1, unlike {numbers}")
    possible = {kind: number for kind, number in enumerate(numbers) if number}
    losses = [_cross_entropy_of_class(outputs, kind) for kind in possible]
    expected: Value = losses[0] if len(losses) == 1 else dot(possible.values(), losses)
    return expected


def _cross_entropy_of_class(outputs: Sequence[Value], kind: int) -> Value:
    # The sum of large logits would round away what their differences still hold.
    margins = [output - outputs[kind] for k, output in enumerate(outputs) if k != kind]
    loss: Value = softplus(logsumexp(margins))
    return loss


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


def _with_targets(outputs: Value | Sequence[Value], targets: Any) -> list[tuple[Value, Any]]:
    outputs, targets = as_list(outputs), as_list(targets)
    if not outputs:
        raise ValueError("there are no outputs, and so no loss")
    targets = [_number(target) for target in targets]
    expect_values("a loss takes outputs that are", *outputs)
    if len(outputs) != len(targets):
        raise ValueError(f"{len(outputs)} outputs need {len(outputs)} targets, not {len(targets)}")
    return list(zip(outputs, targets, strict=True))


def _number(target: Any) -> Any:
    """Return a target as a float; a Value, such as an input that is its own target, as it is."""
    if isinstance(target, str):
        raise ValueError(f"the target {target[:40]!r} is text: number the classes from 0")
    return target if isinstance(target, Value) else as_float(target)


def _difference(output: Value, target: Any) -> Value:
    difference: Value = target - output
    place = _after(output, "target")
    if place is not None and difference.args[0].group is None:  # a target may be an input too
        difference.args[0].group = place
    return difference


def _in_place(outputs: Sequence[Value], errors: list[Value], combine: Callable[..., Any]) -> Value:
    """Return the sum or the mean of the errors, having said of each of them where it belongs."""
    total: Value = errors[0] if len(errors) == 1 else combine(errors)
    if len(errors) > 1:
        for output, error in zip(outputs, errors, strict=True):
            error.group = _after(output, "error")
    total.group = _after(outputs[0], "total")
    return total


def _after(output: Any, role: Role) -> Place | None:
    """Return the place of what is computed from an output of a network; of any other Value, None."""
    place = output.group if isinstance(output, Value) else None
    return _place_after(place, role) if isinstance(place, Place) and place.role == "out" else None


@cache
def _place_after(output: Place, role: Role) -> Place:
    if role == "total":
        return Place("total", output.layer + 2)
    return Place(role, output.layer + 1, output.neuron)
