"""``rule``: declare an operation of one's own, checked on the spot."""

import keyword
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from tinygrad_edu._common.checks import as_list
from tinygrad_edu.engine.checking import differences, judged
from tinygrad_edu.engine.derivatives import jacobian
from tinygrad_edu.engine.errors import as_float
from tinygrad_edu.engine.gradient import gradient
from tinygrad_edu.engine.op import TABLE, Op, declare
from tinygrad_edu.engine.value import Value, attach

GRID = 0.37, -1.13, 2.29, -0.71, 1.58, -2.64, 0.82, 3.41, -0.19, 1.21
"""The numbers at which a rule is compared with difference quotients: between whole numbers and halves."""


def rule(
    name: str,
    value: Callable[..., Any],
    slopes: Callable[..., Any],
    *,
    over_lists: bool = False,
    selects: bool = False,
    at: Iterable[Any] = (),
) -> Op:
    """Declare an operation: the result is a function like the built-in ones, and a method of ``Value``.

    Values of it can be differentiated any number of times, explained and drawn. The rule is checked
    first; if it is refused, nothing is declared.

    Args:
        name: its name, a Python identifier that no other operation and no attribute of ``Value`` has.
        value: computes the result from float arguments. Any function of floats will do; written with
            operations of this library it can also be said in other languages.
        slopes: returns a tuple with one local derivative per argument, from the result and the
            arguments: ``lambda z, x, y: (…, …)``. It is written in ordinary arithmetic and operations of
            this library (not of ``math``), because it runs on Values too. Parameters, which are fixed
            numbers and no arguments, stand behind a star in both: ``lambda x, *, n: …``.
        over_lists: the arguments are lists, and ``slopes`` returns a list of local derivatives for each.
        selects: a local derivative of 0 means that a branch was not taken, as for ``maximum``.
        at: the points at which to check the rule, where the usual ones between -3 and 4 do not suit: each
            a number, or a tuple of all arguments and parameters.

    Returns:
        The operation, to be called with numbers, Values, or both.

    Raises:
        TypeError: if ``value`` or ``slopes`` do not take what they should, or cannot run on Values.
        ValueError: if the name is taken, a first or second derivative is missing, superfluous or wrong, or
            the value is finite and smooth at fewer than three of the points.

    >>> from tinygrad_edu import Value, exp
    >>> bump = rule("bump", lambda x: exp(-x * x), lambda z, x: (-2 * x * z,))
    >>> x = Value(0.5)
    >>> y = x.bump()
    >>> y.backward()
    >>> x.grad == -y.data, bump(0.0)
    (True, 1.0)
    >>> rule("bent", lambda x: x * x, lambda z, x: (x,))
    Traceback (most recent call last):
    ValueError: bent: the local derivative along x is 0.37 at x = 0.37, but differences of the value give 0.74
    """
    _expect_free(name)
    if not hasattr(slopes, "__code__"):
        raise TypeError(
            f"{name}: slopes is a function written with def or lambda, not {type(slopes).__name__}"
        )
    op = Op(name, value, slopes, over_lists, selects)
    _expect_signatures(op)
    checked = 0
    for point in [_row(op, point) for point in as_list(at)] or _grid(op):
        numbers, parameters = point[: len(point) - len(op.takes)], point[len(point) - len(op.takes) :]
        checked += _agrees(op.of(*parameters) if parameters else op, numbers)
    if checked < 3:
        raise ValueError(
            f"{name} could be checked at {checked} of the points where it was tried, and three are needed: "
            "give some where it is finite and smooth, as in at=[0.1, 0.2, 0.3]"
        )
    attach(declare(op))
    return op


def _expect_free(name: str) -> None:
    if not str(name).isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise ValueError(f"an operation needs a name as Python functions have, not {str(name)[:40]!r}")
    if name not in TABLE and hasattr(Value, name):
        raise ValueError(f"Value has an attribute {name!r} already: give your operation another name")
    if name in TABLE:
        raise ValueError(f"there is an operation {name!r} already: give yours another name")


def _expect_signatures(op: Op) -> None:
    """Raise a TypeError unless value and slopes take the same arguments and parameters."""
    value, slopes = op.written
    if op.arity < 1 or slopes.__code__.co_flags & 0x0C:  # *args or **named
        raise TypeError(f"{op.name}: slopes name the result and each argument, as in lambda z, x, y: (…, …)")
    code = getattr(value, "__code__", None)  # a function written in C shows none: the points will tell
    if code is not None and not code.co_flags & 0x04:
        names = code.co_varnames
        takes = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        if code.co_argcount != op.arity or {*takes} != {*op.takes}:
            raise TypeError(
                f"{op.name}: value takes ({_listed(names[: code.co_argcount], takes)}) but slopes "
                f"({_listed(slopes.__code__.co_varnames[: op.arity + 1], op.takes)}): "
                "slopes take the result z, and then what value takes"
            )


def _listed(arguments: Sequence[str], parameters: Sequence[str]) -> str:
    return ", ".join([*arguments, *(["*", *parameters] if parameters else [])])


def _grid(op: Op) -> list[list[float]]:
    """Return points for an operation: the arguments in a row, then the parameters."""
    width = op.arity * (3 if op.over_lists else 1)
    defaults = [op.defaults.get(name) for name in op.takes]
    points = []
    for start in range(len(GRID)):
        numbers = [GRID[(start + i * (1 + start % 3)) % len(GRID)] for i in range(width)]
        parameters = [(2.0, 0.5, 3.0)[start % 3] if number is None else float(number) for number in defaults]
        points.append(numbers + parameters)
    return points


def _row(op: Op, point: Any) -> list[float]:
    """Return a point that the user gave as numbers in a row."""
    given = list(point) if isinstance(point, Iterable) else [point]
    if len(given) == op.arity:
        given += [op.defaults[name] for name in op.takes if name in op.defaults]
    if len(given) != op.arity + len(op.takes):
        raise TypeError(f"{op.name}: each point of at= has {op.described()}, not {len(given)}")
    lists = given[: op.arity] if op.over_lists else [given[: op.arity]]
    if len({*map(len, lists)}) != 1:
        raise ValueError(f"{op.name}: the lists of a point of at= have one length")
    return [as_float(number) for number in chain(*lists, given[op.arity :])]


def _agrees(op: Op, numbers: Sequence[float]) -> bool:
    """Return whether the local derivatives are right at a point, or else cannot be judged there.

    Raises:
        TypeError: if value or slopes do not run.
        ValueError: if a local derivative is missing, superfluous or wrong.
    """
    try:
        z = op.value(*numbers)
        if isinstance(z, complex):  # as (-1.0)**0.5 is
            return False
        z = as_float(z)
    except (ArithmeticError, ValueError):
        return False
    except TypeError as error:
        takes = op.described()
        raise TypeError(f"{op.name}: value does not take {takes} and return a number ({error})") from None
    if not math.isfinite(z):
        return False
    right = True
    for kind in (float, Value):
        for place, slope in enumerate(_slopes(op, z, numbers, kind)):
            expected, uncertainty = differences(lambda row: [as_float(op.value(*row))], numbers, place)[0]
            name = _names(op, numbers)[place]
            verdict = judged(name, numbers[place], expected, uncertainty, slope).verdict
            if verdict == "wrong":
                raise ValueError(
                    f"{op.name}: the local derivative along {name} is {slope:.6g} {_there(op, numbers)}, "
                    f"but differences of the value give {expected:.6g}"
                )
            right &= verdict == "right"
    if right:
        _expect_second_derivatives(op, numbers)
    return right


def _expect_second_derivatives(op: Op, numbers: Sequence[float]) -> None:
    """Raise a ValueError if the slopes, run on Values, lose how they depend on the arguments."""
    xs = [*map(Value, numbers)]
    names = _names(op, numbers)

    def slopes(row: Sequence[float]) -> list[float]:
        return [*map(float, op.slopes(op.value(*row), *row))]

    try:
        rows = jacobian(gradient(Value._record(op, xs), xs), xs)
        columns = [differences(slopes, numbers, place, [0.0] * len(numbers)) for place in range(len(numbers))]
    except (ArithmeticError, ValueError, TypeError):
        return  # they do not exist there
    for place, column in enumerate(columns):
        for i, (expected, uncertainty) in enumerate(column):
            entry = judged(names[place], numbers[place], expected, uncertainty, rows[i][place])
            if entry.verdict == "wrong":
                raise ValueError(
                    f"{op.name}: the derivative along {names[place]} of the local derivative along {names[i]}"
                    f" is {entry.got:.6g} {_there(op, numbers)}, but differences give {expected:.6g}: slopes "
                    "compute with the Values that they are given, not with their data"
                )


def _slopes(op: Op, z: float, numbers: Sequence[float], kind: type[float] | type[Value]) -> list[float]:
    """Return the numbers that the slopes give when they are run on floats or on Values."""
    try:
        given = op.slopes(kind(z), *map(kind, numbers))
    except (TypeError, AttributeError, NameError) as error:
        raise TypeError(
            f"{op.name}: slopes do not run on {kind.__name__}s ({error}): write them in arithmetic and "
            "operations of tinygrad_edu that are already there, as tinygrad_edu.cos(x), not math.cos(x)"
        ) from None
    except (ArithmeticError, ValueError) as error:
        where = _there(op, numbers)
        raise ValueError(f"{op.name}: the value exists {where}, but slopes raise: {error}") from None
    if not isinstance(given, tuple) or len(given) != len(numbers):
        count = f"{len(given)} of them" if isinstance(given, tuple) else f"a {type(given).__name__}"
        raise ValueError(f"{op.name}: slopes return a tuple of {len(numbers)} local derivatives, not {count}")
    return [as_float(slope.data if isinstance(slope, Value) else slope) for slope in given]


def _names(op: Op, numbers: Sequence[float]) -> Sequence[str]:
    names = op.written[1].__code__.co_varnames[1 : op.arity + 1]
    length = len(numbers) // op.arity
    return [f"{name}[{i}]" for name in names for i in range(length)] if op.over_lists else names


def _there(op: Op, numbers: Sequence[float]) -> str:
    given = zip([*_names(op, numbers), *op.parameters], [*numbers, *op.parameters.values()], strict=True)
    return "at " + ", ".join(f"{name} = {number}" for name, number in given)
