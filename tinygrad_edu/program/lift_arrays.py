"""Statements whose results are arrays: what a recorded graph becomes when it is lifted.

The rules of the table run on them as on floats. An operation works on arrays item by item, an operation
over lists along the last axis. Besides the table there are a few operations that only move numbers
(:class:`Reshape` and those after it), and :class:`Einsum`, which contracts.

An array may be *batched*: then there is one for each example. The axis of the examples comes first and is
not part of ``shape``.

>>> pool = ArrayPool()
>>> W, i = pool.leaf("W", (3, 2)), pool.leaf("i", (2,), batched=True)
>>> net = pool.apply(Einsum("rk", "bk", "br"), (W, i))
>>> net.shape, net.batched, [(each.shape, each.batched) for each in reverse(net, 1.0, [W])]
((3,), True, [((3, 2), False)])
"""

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from tinygrad_edu.engine import rules
from tinygrad_edu.engine.op import Op
from tinygrad_edu.program.statements import Pool, Statement

Shape = tuple[int, ...]


def numpy() -> Any:
    """Return NumPy, which only arrays need.

    Raises:
        ImportError: if it is not installed; the message says how to get it.
    """
    try:
        import numpy
    except ImportError:
        raise ImportError("arrays need NumPy: pip install numpy") from None
    return numpy


class Array(Statement):
    """A statement whose result is an array; made by an :class:`ArrayPool`.

    Attributes:
        shape: without the axis of the examples.
        batched: whether there is one for each example.
        numbers: the numbers of an array of plain numbers, else None.
        is_item: whether it stands for each item of a list in turn, while a rule over lists runs.
        replaces: the statements of the recorded graph whose results it holds.
    """

    __slots__ = ("batched", "is_item", "numbers", "replaces", "shape")

    shape: Shape
    batched: bool
    numbers: Sequence[float] | None
    is_item: bool
    replaces: Sequence[Statement]
    op: Any
    args: "tuple[Array, ...]"

    @staticmethod
    def _record(op: Op, args: Iterable[Any]) -> "Array":
        args = tuple(args)
        start, *rest = args
        begins = type(start) is float and (op, start) in ((rules.add, 0.0), (rules.maximum, -math.inf))
        if begins and rest[0].is_item:
            folded: Array = rest[0].moved(Fold(op))  # a loop over the list, as in rules.total
            return folded
        made: Any = Statement._record(op, args)
        result: Array = made
        return result

    def moved(self, op: "Structure", *others: "Array") -> "Array":
        """Return what an operation that is not in the table makes of this array and others."""
        pool: Any = self.pool
        made: Array = pool.apply(op, (self, *others))
        return made

    def reshaped(self, shape: Shape) -> "Array":
        """Return the same numbers in another shape."""
        if shape == self.shape:
            return self
        if self._repeated is not None or self.number is not None:
            return (self if self._repeated is None else self._repeated).full(shape, self.batched)
        return self.moved(Reshape(shape))

    def full(self, shape: Shape, batched: bool) -> "Array":
        """Return an array of exactly this shape, by repeating numbers where this one has fewer."""
        if self.shape == shape and self.batched >= batched:
            return self
        source = self if self._repeated is None else self._repeated
        return source.moved(Broadcast(shape, batched or self.batched))

    @property
    def _repeated(self) -> "Array | None":
        """The one number that this array repeats, if it does."""
        if isinstance(self.op, Broadcast) and self.args[0].shape == () and not self.args[0].batched:
            return self.args[0]
        return None


class ArrayPool(Pool):
    """Where arrays are made; the same operation on the same arrays is the same array."""

    def leaf(self, label: str, shape: Shape, batched: bool = False) -> Array:
        """Return an array that is given, or a scalar if its shape is ()."""
        made = self._made_array(None, (), shape, batched)
        made.label = label
        return made

    def number(self, number: float) -> Array:
        """Return a plain number; −0 and 0 are two."""
        key = repr(number)
        if key not in self._made:
            made = self._made[key] = self._made_array(None, (), (), False)
            made.number = number
        return self._made[key]  # type: ignore[return-value]

    def constant(self, numbers: Sequence[float], shape: Shape) -> Array:
        """Return an array of plain numbers."""
        key = (*map(repr, numbers), shape)
        if key not in self._made:
            made = self._made[key] = self._made_array(None, (), shape, False)
            made.numbers = numbers
        return self._made[key]  # type: ignore[return-value]

    def apply(self, op: Any, args: "tuple[Statement, ...]") -> Array:
        """Return an operation on arrays; of numbers alone, their number."""
        given: tuple[Array, ...] = args  # type: ignore[assignment]
        if isinstance(op, Structure):
            shape, batched = op._result(*given)
        elif op.over_lists:
            shape, batched = given[0].shape[:-1], any(arg.batched for arg in given)
        else:
            given = _without_repeating(given)
            rank = max([len(arg.shape) for arg in given])
            given = tuple(
                [
                    arg.reshaped((1,) * (rank - len(arg.shape)) + arg.shape) if arg.batched else arg
                    for arg in given
                ]
            )
            shape, batched = broadcast_shape([arg.shape for arg in given]), any(arg.batched for arg in given)
        key = (op, given)
        made = self._made.get(key)
        if made is None:
            made = self._folded(op, given) if not isinstance(op, Structure) and not op.over_lists else None
            if made is None:
                made = self._made_array(op, given, shape, batched)
            self._made[key] = made
        return made  # type: ignore[return-value]

    def _made_array(self, op: Any, args: tuple[Array, ...], shape: Shape, batched: bool) -> Array:
        made = Array(self, op, args)
        made.shape, made.batched, made.replaces, made.numbers = shape, batched, (), None
        made.is_item = (
            op.is_item
            if isinstance(op, Same)
            else any(arg.is_item for arg in args) and not isinstance(op, Fold)
        )
        return made


def in_order(outputs: Iterable[Array], known: Container[Any] = ()) -> list[Array]:
    """Return what computes the outputs, arguments before results; no leaves, and nothing below ``known``."""
    found = {output for output in outputs if output not in known}
    stack = [*found]
    while stack:
        for arg in stack.pop().args:
            if arg not in found and arg not in known:
                found.add(arg)
                stack.append(arg)
    return sorted([made for made in found if made.op is not None], key=attrgetter("serial"))


def broadcast_shape(shapes: Iterable[Shape]) -> Shape:
    """Return the shape of what an operation makes item by item of arrays with these shapes."""
    result: Shape = ()
    for shape in shapes:
        longer, shorter = (result, shape) if len(result) >= len(shape) else (shape, result)
        fitted = (1,) * (len(longer) - len(shorter)) + shorter
        assert all(n == m or 1 in (n, m) for n, m in zip(longer, fitted, strict=True)), (longer, shorter)
        result = tuple([m if n == 1 else n for n, m in zip(longer, fitted, strict=True)])
    return result


def _without_repeating(args: tuple[Array, ...]) -> tuple[Array, ...]:
    """Return arguments of an operation item by item that need not be repeated to the shape of another."""
    whole = [arg for arg in args if not isinstance(arg.op, Broadcast)]
    return tuple(
        [
            arg.args[0]
            if isinstance(arg.op, Broadcast)
            and any(other.shape == arg.shape and other.batched >= arg.batched for other in whole)
            else arg
            for arg in args
        ]
    )


# --- Operations that move numbers or contract: each knows the shape of its result, and its adjoints ---


class Structure:
    """An operation on arrays that is not in the table; two with the same ``key`` are the same."""

    over_lists = False
    parameters: Mapping[str, float] = MappingProxyType({})

    def __init__(self, *key: Any) -> None:
        self.key = key

    @property
    def name(self) -> str:
        """What it is called in a listing."""
        return type(self).__name__.lower()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.key == self.key

    def __hash__(self) -> int:
        return hash((type(self), self.key))

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        """Return shape and batchedness of what it makes of ``args``."""
        raise NotImplementedError

    def _adjoints(self, made: Array, weight: Array) -> Iterator[Array]:
        """Yield for each argument what it gets of the adjoint ``weight`` of the result."""
        raise NotImplementedError


class Reshape(Structure):
    """``Reshape(shape)``: the same numbers in another shape."""

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return self.key[0], args[0].batched

    def _adjoints(self, made: Array, weight: Array) -> Iterator[Array]:
        yield weight.reshaped(made.args[0].shape)


class Transpose(Structure):
    """``Transpose(axes)``: the axes in another order."""

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return tuple([args[0].shape[axis] for axis in self.key[0]]), args[0].batched

    def _adjoints(self, made: Array, weight: Array) -> Iterator[Array]:
        axes = self.key[0]
        yield weight.moved(Transpose(tuple([axes.index(axis) for axis in range(len(axes))])))


class Part(Structure):
    """``Part(index)``: for each axis a whole number, or start, stop and step."""

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return tuple([len(range(*place)) for place in self.key[0] if isinstance(place, tuple)]), args[
            0
        ].batched

    def _adjoints(self, made: Array, weight: Array) -> Iterator[Array]:
        yield weight.moved(Scatter(self, made.args[0].shape))


class Take(Structure):
    """``Take(positions, shape)``: any numbers of an array, by their positions in it, as bytes of int64."""

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return self.key[1], args[0].batched

    def _adjoints(self, made: Array, weight: Array) -> Iterator[Array]:
        yield weight.moved(Scatter(self, made.args[0].shape))


class Pick(Structure):
    """``Pick(positions, shape)``: numbers of an array at positions that depend on the example.

    The positions, as bytes of int64, are a row for each choice; the second argument says which of them an
    example takes.
    """

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return self.key[1], True

    def _adjoints(self, made: Array, weight: Array) -> Iterator[Any]:
        yield weight.moved(Scatter(self, made.args[0].shape), made.args[1])
        yield 0.0


class Scatter(Structure):
    """``Scatter(taken, shape)``: the adjoint of ``Part``, ``Take`` and ``Pick``, 0 elsewhere."""

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return self.key[1], args[0].batched


class Concatenate(Structure):
    """Arrays of one axis, one after the other."""

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return (sum([arg.shape[0] for arg in args]),), any(arg.batched for arg in args)

    def _adjoints(self, made: Array, weight: Array) -> Iterator[Array]:
        start = 0
        for arg in made.args:
            end = start + arg.shape[0]
            yield weight.moved(Part(((start, end, 1),)))
            start = end


class Broadcast(Structure):
    """``Broadcast(shape, batched)``: numbers repeated to a shape, and for every example if it is batched."""

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return self.key[0], self.key[1] or args[0].batched

    def _adjoints(self, made: Array, weight: Array) -> Iterator[Array]:
        yield weight


class SumTo(Structure):
    """``SumTo(shape, batched)``: the adjoint of repeating; sums along the axes that were repeated."""

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return self.key


class Fold(Structure):
    """``Fold(op)``: the sum or the maximum along the last axis, which keeps the length 1."""

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return (*args[0].shape[:-1], 1), args[0].batched


class Same(Structure):
    """``Same(is_item)``: the array itself, as each item of a list in turn, or as a whole again."""

    @property
    def is_item(self) -> bool:
        """Whether the result stands for each item of a list."""
        return bool(self.key[0])

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        return args[0].shape, args[0].batched


class Einsum(Structure):
    """``Einsum(x, y, z)``: products of two arrays, summed along the axes that are not in ``z``.

    The axes are named by letters, as in ``numpy.einsum``; "b" is the axis of the examples.
    """

    def _result(self, *args: Array) -> tuple[Shape, bool]:
        sizes: dict[str, int] = {}
        for letters, arg in zip(self.key, args, strict=False):
            sizes |= zip(letters.replace("b", ""), arg.shape, strict=True)
        z = self.key[2]
        return tuple([sizes[letter] for letter in z if letter != "b"]), "b" in z

    def _adjoints(self, made: Array, weight: Array) -> Iterator[Array]:
        x, y, z = self.key
        yield weight.moved(Einsum(z, y, x), made.args[1])
        yield weight.moved(Einsum(z, x, y), made.args[0])


def picked(array: Array, choice: Array, computed: Sequence[Array] = ()) -> Array:
    """Return one of the items along the first axis of an array, for each example the one of its choice.

    Only that item is computed: the choice is made where numbers are read, not among results.

    Args:
        array: its first axis are the choices.
        choice: a batched scalar, whole numbers from 0.
        computed: what is computed for all choices anyway.
    """
    count = array.shape[0]
    known = {*in_order(computed)}
    order = in_order([array])

    def has_choices(arg: Array, made: Array) -> bool:
        rank = len(made.shape) + bool(made.op.over_lists)
        return len(arg.shape) == rank and arg.shape[0] == count

    passed = {array}  # where the choice need not be made yet
    for made in reversed(order):
        if made in passed and made not in known and not isinstance(made.op, Structure):
            passed |= {arg for arg in made.args if has_choices(arg, made)}
    new: dict[Array, Array] = {}
    for made in [*passed.difference(order), *order]:
        if made not in passed:
            continue
        if made.op is None or made in known or isinstance(made.op, Structure):
            new[made] = _pick(made, choice)
            continue
        args = []
        for arg in made.args:
            if arg in passed and has_choices(arg, made):
                args.append(new[arg])
            else:
                whole = len(arg.shape) == len(made.shape) + bool(made.op.over_lists)
                args.append(arg.reshaped(arg.shape[1:]) if whole and arg.shape else arg)
        pool: Any = made.pool
        new[made] = pool.apply(made.op, tuple(args))
    return new[array]


def _pick(array: Array, choice: Array) -> Array:
    count, *rest = array.shape
    size = math.prod(rest)
    if isinstance(array.op, Take):
        return array.args[0].moved(Pick(array.op.key[0], tuple(rest)), choice)
    positions = numpy().arange(count * size, dtype="int64").tobytes()
    return array.moved(Pick(positions, tuple(rest)), choice)


# --- Rules over lists ---


class Items:
    """An array as a rule over lists sees it: a list along the last axis.

    The rule's loop runs once, on an array that stands for each item in turn; ``0.0 + item`` and
    ``maximum(-inf, item)``, with which the loops of the table begin, become a sum and a maximum.
    """

    def __init__(self, array: Array) -> None:
        self.array, self.length = array, float(array.shape[-1])

    def __iter__(self) -> Iterator[Array]:
        yield self.array.moved(Same(True))


LOOPS = {"sum", "mean", "dot", "logsumexp", "norm", "max", "min"}
"""The operations over lists whose rules are loops that begin as ``Items`` says; others get true lists."""


def _lists(op: Op, args: Sequence[Array]) -> list[Any]:
    if op.name in LOOPS:
        return [Items(arg) for arg in args]
    return [_columns(arg) for arg in args]


def _columns(array: Array) -> list[Array]:
    whole = tuple([(0, n, 1) for n in array.shape[:-1]])
    return [array.moved(Part((*whole, (k, k + 1, 1)))) for k in range(array.shape[-1])]


def list_value(op: Op, args: Sequence[Array]) -> Array:
    """Return the value of an operation over lists by its rule, run on arrays."""
    pool: Any = args[0].pool
    value = op.written[0](*_lists(op, args))
    result: Array = value if isinstance(value, Array) else pool.number(float(value))
    shape = args[0].shape[:-1]
    batched = any(arg.batched for arg in args)
    if not result.shape:
        return result.full(shape, batched)
    return result.moved(Same(False)).full((*shape, 1), batched).reshaped(shape)


def _list_adjoints(made: Array, weight: Array) -> Iterator[Array]:
    op: Op = made.op
    column = (*made.shape, 1)
    weight, z = weight.reshaped(column), made.reshaped(column)
    for arg, slopes in zip(made.args, op.written[1](z, *_lists(op, made.args)), strict=True):
        row = [
            weight if isinstance(slope, float) and slope == 1.0 else product(weight, slope)
            for slope in slopes
        ]
        if len(row) == 1:
            term = row[0].moved(Same(False)) if row[0].is_item else row[0]
            yield term.full(arg.shape, term.batched)
        else:
            flat = [term.full(column, weight.batched) for term in row]
            yield joined(flat).full(arg.shape, weight.batched)


def joined(columns: Sequence[Array]) -> Array:
    """Return arrays whose last axis has length 1 side by side."""
    shape = columns[0].shape[:-1]
    size = math.prod(shape)
    row = columns[0].reshaped((size,)).moved(Concatenate(), *[each.reshaped((size,)) for each in columns[1:]])
    axes = (*range(1, len(shape) + 1), 0)
    return row.reshaped((len(columns), *shape)).moved(Transpose(axes))


# --- Derivatives ---


def product(weight: Array, slope: Any) -> Any:
    """Return weight·slope, or the number 0.0 if one of them is 0."""
    number = slope.number if isinstance(slope, Array) else slope
    if number == 0 or weight.number == 0:
        return 0.0
    return weight * slope


def _adjoints(made: Array, weight: Array) -> Iterable[Any]:
    if isinstance(made.op, Structure):
        return made.op._adjoints(made, weight)
    assert made.op is not None
    if made.op.over_lists:
        return _list_adjoints(made, weight)
    return [product(weight, slope) for slope in made.op.slopes(made, *made.args)]


def reverse(root: Array, weight: "Array | float", wrt: Sequence[Array]) -> list[Array]:
    """Return weight times the derivative of ``root`` along each of ``wrt``, in one sweep backwards.

    Args:
        root: the array to differentiate, summed over all of its numbers and examples.
        weight: the adjoint of ``root``.
        wrt: leaves.

    Returns:
        For each of ``wrt`` an array of its shape.
    """
    pool: Any = root.pool
    seed: Array = weight if isinstance(weight, Array) else pool.number(weight)
    order = in_order([root])
    active = {*wrt}
    for made in order:
        if not active.isdisjoint(made.args):
            active.add(made)
    adjoint: dict[Array, Array] = {root: seed.full(root.shape, root.batched)}
    for made in reversed(order):
        if made not in active or made not in adjoint:
            continue
        for arg, term in zip(made.args, _adjoints(made, adjoint[made]), strict=True):
            if arg in active and isinstance(term, Array):
                term = _summed_to(term, arg)
                adjoint[arg] = pool.apply(rules.add, (adjoint[arg], term)) if arg in adjoint else term
    zero: Array = pool.number(0.0)
    return [adjoint.get(leaf, zero).full(leaf.shape, leaf.batched) for leaf in wrt]


def _summed_to(term: Array, arg: Array) -> Array:
    if (term.shape, term.batched) == (arg.shape, arg.batched):
        return term
    if math.prod(term.shape) < math.prod(arg.shape) or term.batched < arg.batched:
        term = term.full(broadcast_shape([term.shape, arg.shape]), arg.batched)
        return _summed_to(term, arg)
    return term.moved(SumTo(arg.shape, arg.batched))
