"""Derivatives as numbers: of several Values at once, and of second order, by sweeps in both directions.

``gradient`` gives derivatives as Values, which can be printed and differentiated again. What stands here
gives numbers, and writes nothing on the graph. For n inputs and m outputs, a backward sweep gives one row
of the m × n Jacobian, and a forward sweep one column.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, SupportsFloat

from tinygrad_edu._common.checks import whole
from tinygrad_edu.engine import errors
from tinygrad_edu.engine.gradient import gradient, listed, order_of
from tinygrad_edu.engine.value import Value, expect_current


def derivative(root: Value, x: Value, order: int = 1) -> Value:
    """Return the derivative of ``root`` with respect to ``x``, of any order, as a Value.

    Args:
        root: the Value to differentiate.
        x: the Value to differentiate with respect to.
        order: how many times to differentiate, at least 0.

    Raises:
        ValueError: if ``order`` is negative, or no whole number.
        DomainError: if a derivative is infinite or does not exist there.

    >>> x = Value(2.0, "x")
    >>> [derivative(x**3, x, order).data for order in range(5)]
    [8.0, 12.0, 12.0, 6.0, 0.0]
    """
    errors.expect_values("derivative(root, x) takes", root, x)
    for _ in range(whole("order", order, 0)):
        root = gradient(root, x)
    return root


def vjp(
    outputs: Value | Iterable[Value],
    inputs: Value | Iterable[Value],
    cotangents: SupportsFloat | Iterable[SupportsFloat],
) -> list[float]:
    """Return the vector-Jacobian product: for every input Σ cotangent · ∂output/∂input over the outputs.

    One backward sweep gives it, however many inputs there are.

    Args:
        outputs: the Values to differentiate, or one.
        inputs: the Values to differentiate with respect to, or one.
        cotangents: a number for every output. An output with 0 is left out.

    Raises:
        ValueError: if there are more or fewer cotangents than outputs.
        StaleError: if a number was assigned after it was used.
        DomainError: if a local derivative is infinite or does not exist, or a product is too large.

    >>> x, y = Value(2.0), Value(3.0)
    >>> vjp([x * y, x + y], [x, y], [1.0, 10.0])
    [13.0, 12.0]
    """
    tape = _Tape(outputs, inputs)
    return tape.backward(_one_each("cotangent for every output", cotangents, tape.outputs))


def jvp(
    outputs: Value | Iterable[Value],
    inputs: Value | Iterable[Value],
    tangents: SupportsFloat | Iterable[SupportsFloat],
) -> list[float]:
    """Return the Jacobian-vector product: for every output Σ ∂output/∂input · tangent over the inputs.

    One forward sweep gives it, however many outputs there are: the tangent of a Value is the sum over its
    arguments of local derivative · tangent of the argument.

    Args:
        outputs: the Values to differentiate, or one.
        inputs: the Values to differentiate with respect to, or one.
        tangents: a number for every input: how fast it moves. An input with 0 is held fixed.

    Raises:
        ValueError: if there are more or fewer tangents than inputs.
        StaleError: if a number was assigned after it was used.
        DomainError: if a local derivative is infinite or does not exist, or a product is too large.

    >>> x, y = Value(2.0), Value(3.0)
    >>> jvp([x * y, x + y], [x, y], [1.0, 10.0])
    [23.0, 11.0]
    """
    tape = _Tape(outputs, inputs)
    return tape.forward(_one_each("tangent for every input", tangents, tape.inputs))


def jacobian(outputs: Value | Iterable[Value], inputs: Value | Iterable[Value]) -> list[list[float]]:
    """Return ∂output/∂input: a row for every output, a column for every input; one of each may stand alone.

    It takes as many sweeps as there are outputs or inputs, whichever are fewer.

    Raises:
        StaleError: if a number was assigned after it was used.
        DomainError: if a local derivative is infinite or does not exist, or a product is too large.

    >>> x, y = Value(2.0), Value(3.0)
    >>> jacobian([x * y, x + y, y**2], [x, y])
    [[3.0, 2.0], [1.0, 1.0], [0.0, 6.0]]
    """
    tape = _Tape(outputs, inputs)
    if len(tape.outputs) <= len(tape.inputs):
        return [tape.backward(unit) for unit in _units(len(tape.outputs))]
    columns = [tape.forward(unit) for unit in _units(len(tape.inputs))]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in tape.outputs]


def hessian(root: Value, wrt: Value | Iterable[Value]) -> list[list[float]]:
    """Return the second derivatives ∂²root/∂x∂y, a symmetric matrix; what is independent is exactly 0.

    The gradient is a graph, so its Jacobian is the Hessian.

    Raises:
        StaleError: if a number was assigned after it was used.
        DomainError: if a derivative is infinite or does not exist, or a product is too large.

    >>> x, y = Value(2.0), Value(3.0)
    >>> hessian(x**2 * y, [x, y])
    [[6.0, 4.0], [4.0, 0.0]]
    """
    several = listed(wrt)
    rows = jacobian(gradient(root, several), several)
    return [[rows[max(i, j)][min(i, j)] for j in range(len(rows))] for i in range(len(rows))]


def hessian_vector_product(
    root: Value, wrt: Value | Iterable[Value], vector: SupportsFloat | Iterable[SupportsFloat]
) -> list[float]:
    """Return the Hessian times a vector, by one sweep over the graph of the gradient.

    Args:
        root: the Value to differentiate twice.
        wrt: the Values to differentiate with respect to, or one.
        vector: a number for each of them.

    Raises:
        ValueError: if there are more or fewer numbers than Values.
        StaleError: if a number was assigned after it was used.
        DomainError: if a derivative is infinite or does not exist, or a product is too large.

    >>> x, y = Value(2.0), Value(3.0)
    >>> hessian_vector_product(x**2 * y, [x, y], [1.0, 10.0])
    [46.0, 4.0]
    """
    several = listed(wrt)
    numbers = _one_each("number for every Value of wrt", vector, several)
    return vjp(gradient(root, several), several, numbers)


class Multiplications(NamedTuple):
    """How many multiplications all derivatives of some outputs with respect to some inputs take.

    Attributes:
        inputs: how many inputs there are: forward mode takes a sweep for each.
        outputs: how many outputs there are: reverse mode takes a sweep for each.
        edges: how many edges lie on paths from an input to an output.
        forward: the multiplications of forward mode.
        reverse: the multiplications of reverse mode.
    """

    inputs: int
    outputs: int
    edges: int
    forward: int
    reverse: int

    def __str__(self) -> str:
        return (
            f"inputs: {self.inputs:,}, outputs: {self.outputs:,}, edges: {self.edges:,}; "
            f"multiplications in forward mode: {self.forward:,}, in reverse mode: {self.reverse:,}"
        )


def count_multiplications(
    outputs: Value | Iterable[Value], inputs: Value | Iterable[Value]
) -> Multiplications:
    """Count the multiplications that all derivatives of outputs with respect to inputs take in either mode.

    A forward sweep multiplies once at each edge on a path from its input to an output: local derivative ·
    tangent. A reverse sweep multiplies once at each edge on a path from an input to its output: adjoint ·
    local derivative. This is what ``jvp`` and ``vjp`` do for one input, and for one output. Not counted are
    additions, and the computation of values and local derivatives, which both modes need alike; edges into a
    branch that was not taken are not walked.

    Args:
        outputs: the Values to differentiate, or one.
        inputs: the Values to differentiate with respect to, or one.

    Raises:
        StaleError: if a number was assigned after it was used.

    >>> w, x, b = Value(2.0), Value(3.0), Value(1.0)
    >>> print(count_multiplications((w * x + b).tanh(), [w, x, b]))
    inputs: 3, outputs: 1, edges: 5; multiplications in forward mode: 8, in reverse mode: 5
    """
    tape = _Tape(outputs, inputs)
    edges = [(i, j) for i, incoming in tape.rows for j, _ in incoming]
    onward = [(j, i) for i, j in reversed(edges)]
    return Multiplications(
        len(tape.inputs),
        len(tape.outputs),
        len(edges),
        _walked(edges, tape.inputs, len(tape.values) + 1),
        _walked(onward, tape.outputs, len(tape.values) + 1),
    )


def _walked(edges: list[tuple[int, int]], starts: list[int], places: int) -> int:
    """Return how many edges are walked from every start together; each edge is (its head, its tail)."""
    count = 0
    for first in range(0, len(starts), 1024):  # so many at once, a bit for each
        reaching = [0] * places
        for bit, place in enumerate(starts[first : first + 1024]):
            reaching[place] |= 1 << bit
        for head, tail in edges:
            count += reaching[tail].bit_count()
            reaching[head] |= reaching[tail]
    return count


class _Tape:
    """What a sweep walks over: for every Value its arguments, by their places in the order, and slopes."""

    def __init__(self, outputs: Value | Iterable[Value], inputs: Value | Iterable[Value]) -> None:
        outputs, inputs = listed(outputs), listed(inputs)
        errors.expect_values("outputs and inputs are lists of", *outputs, *inputs)
        values = order_of(outputs)
        expect_current(values)
        # An input that no output depends on has no place; one more place takes what it is given.
        self.values = values
        place = {value: i for i, value in enumerate(values)}
        self.inputs = [place.get(value, len(values)) for value in inputs]
        self.outputs = [place[value] for value in outputs]
        moving = {*self.inputs}  # the places of the inputs and of all that depends on them
        rows: list[tuple[int, list[tuple[int, float]]]] = []
        for i, value in enumerate(values):
            selects = value.op is not None and value.op.selects
            edges = [
                (place[arg], slope)
                for arg, slope in zip(value.args, value.slopes, strict=True)
                if place[arg] in moving and not (selects and slope == 0)  # a branch that was not taken
            ]
            if edges:
                moving.add(i)
                rows.append((i, edges))
        needed = {*self.outputs}  # what leads to an output, and not into a branch that was not taken alone
        for i, edges in reversed(rows):
            if i in needed:
                needed.update(j for j, _ in edges)
        self.rows = [row for row in rows if row[0] in needed]

    def backward(self, cotangents: Sequence[float]) -> list[float]:
        """Return Σ cotangent · ∂output/∂input for every input."""
        adjoint, reached = self._start(self.outputs, cotangents)
        for i, edges in reversed(self.rows):
            if reached[i]:
                for j, slope in edges:
                    adjoint[j] += adjoint[i] * slope
                    reached[j] = True
        return self._checked(adjoint, reached, cotangents, self.inputs)

    def forward(self, tangents: Sequence[float]) -> list[float]:
        """Return Σ ∂output/∂input · tangent for every output."""
        tangent, reached = self._start(self.inputs, tangents)
        for i, edges in self.rows:
            for j, slope in edges:
                if reached[j]:
                    tangent[i] += slope * tangent[j]
                    reached[i] = True
        return self._checked(tangent, reached, tangents, self.outputs)

    def _start(self, places: list[int], numbers: Sequence[float]) -> tuple[list[float], list[bool]]:
        """Return the numbers that a sweep starts with, and which are reached: 0 · ∞ on the way is no 0."""
        found = [0.0] * (len(self.values) + 1)
        for i, number in zip(places, numbers, strict=True):
            found[i] += number
        return found, [*map(bool, found)]

    def _checked(
        self, found: list[float], reached: list[bool], given: Sequence[float], places: list[int]
    ) -> list[float]:
        """Return the numbers at these places, if all are finite or come from numbers that are not."""
        if not all(map(math.isfinite, found)) and all(
            map(math.isfinite, [*given, *(value.data for value in self.values)])
        ):
            for i, edges in self.rows:
                for j, slope in edges:
                    if reached[i] and reached[j] and not math.isfinite(slope):
                        raise errors.slope_error(self.values[i], slope)
            raise errors.gradient_error(
                self.values[next(i for i, x in enumerate(found) if not math.isfinite(x))]
            )
        return [found[i] for i in places]


def _one_each(what: str, numbers: Any, of: Sequence[Any]) -> list[float]:
    given = [errors.as_float(number) for number in listed(numbers)]
    if len(given) != len(of):
        raise ValueError(f"one {what}: {len(of)} are needed, not {len(given)}")
    return given


def _units(count: int) -> list[list[float]]:
    return [[float(i == j) for j in range(count)] for i in range(count)]
