"""What an operation is: a name, its value, and one local derivative per argument."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from math import isfinite
from typing import Any
from weakref import WeakValueDictionary

from tinygrad_edu._common.text import plural
from tinygrad_edu.engine import limits
from tinygrad_edu.engine.errors import as_float

try:
    from tinygrad_edu.engine._engine import Operation  # keeps what the engine in C knows of an operation
except ImportError:

    class Operation:  # type: ignore[no-redef]
        """Without the engine in C there is nothing to keep."""


TABLE: "dict[str, Op]" = {}
"""Every operation by name: those of :mod:`tinygrad_edu.engine.rules`, and a user's own."""


class Op(Operation):
    """One operation. Called with numbers it gives a number, called with Values a new Value.

    Attributes:
        name: its name in the table, and of the function and the method of ``Value``.
        value: computes the result from float arguments.
        slopes: gives one local derivative per argument, from the result and the arguments.
        arity: how many arguments it takes, or how many lists.
        over_lists: whether its arguments are lists, as those of ``sum`` and ``dot`` are.
        parameters: fixed numbers that belong to the operation, as the 3 of ``x ** 3`` does. They are no
            arguments, so they have no local derivative and no edge in the graph.
        takes: the names of the parameters that it takes, and ``defaults`` what they are if not given.
        selects: whether a local derivative of 0 means that a branch was not taken.
        written: value and slopes as they were declared: of an operation over lists, they take lists.

    >>> from tinygrad_edu.engine.rules import mul, power
    >>> mul(3.0, 4.0), mul.slopes(12.0, 3.0, 4.0)
    (12.0, (4.0, 3.0))
    >>> power(-2.0, 3), power.of(3.0).slopes(-8.0, -2.0)
    (-8.0, (12.0,))
    """

    def __init__(
        self,
        name: str,
        value: Callable[..., Any],
        slopes: Callable[..., Any],
        over_lists: bool = False,
        selects: bool = False,
        parameters: dict[str, float] | None = None,
    ) -> None:
        code = slopes.__code__  # of z, the arguments, and after a star the parameters
        arity = code.co_argcount - 1
        given = parameters or {}
        self.name, self.arity, self.over_lists, self.selects = name, arity, over_lists, selects
        self.parameters = given
        self.takes = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
        self.defaults: dict[str, float] = slopes.__kwdefaults__ or {}
        self.written = self.value, self.slopes = value, slopes
        if over_lists:
            self.value = lambda *row: value(*_lists(row, arity), **given)
            self.slopes = lambda z, *row: tuple(chain(*slopes(z, *_lists(row, arity), **given)))
        elif given:
            self.value, self.slopes = partial(value, **given), partial(slopes, **given)
        self._plain = -1 if over_lists or (self.takes and not given) else arity
        if self.takes and not given:
            self._recent: dict[tuple[Any, ...], Op] = {}
        self._members: WeakValueDictionary[tuple[Any, ...], Op] = WeakValueDictionary()

    def lists(self, row: Sequence[Any]) -> list[Sequence[Any]]:
        """Return the arguments of an operation over lists, which a Value keeps in one row, as its lists."""
        return _lists(row, self.arity)

    def of(self, *parameters: float) -> "Op":
        """Return the operation with these parameters, the same object while one of it lives."""
        member = self._known(parameters)
        if member is not None:
            return member
        numbers = [as_float(number) + 0.0 for number in parameters]  # -0.0 becomes 0.0
        key = tuple([number if number == number else "nan" for number in numbers])
        member = self._members.get(key)
        if member is None:
            given = dict(zip(self.takes, numbers, strict=True))
            member = self._members[key] = Op(self.name, *self.written, self.over_lists, self.selects, given)
        if len(self._recent) == 64:
            self._recent.clear()
        self._recent[key] = member
        return member

    def _known(self, parameters: tuple[Any, ...]) -> "Op | None":
        if any(type(number) is not float and type(number) is not int for number in parameters):
            return None  # 1 + 0j would be found as 1
        return self._recent.get(parameters)

    def __call__(self, *args: Any, **parameters: Any) -> Any:
        """Apply the operation to numbers (giving a float) or to Values (giving a Value).

        Parameters follow the arguments, or are given by name: ``leaky_relu(x, negative_slope=0.2)``.

        Raises:
            TypeError: for a wrong number of arguments.
            ValueError: if two lists differ in length.
            DomainError: where the operation has no value.
        """
        op: Op = self
        if len(args) != self._plain or parameters:
            op, args = self._prepared(args, parameters)
        floats = True
        for arg in args:
            if type(arg) is not float:
                if hasattr(type(arg), "_record"):
                    return arg._record(op, args)
                floats = False
        if not floats:
            args = tuple(map(as_float, args))
        try:
            z = op.value(*args)
            if type(z) is float and isfinite(z):
                return z
        except (ArithmeticError, ValueError):
            pass  # what is unusual is computed again, with care
        return limits.value(op, args)

    def _prepared(self, args: tuple[Any, ...], named: dict[str, Any]) -> "tuple[Op, tuple[Any, ...]]":
        """Return the operation with its parameters, and its arguments in a row."""
        op: Op = self
        if self.takes and not self.parameters:
            known = None if named else self._known(args[self.arity :])
            op, args = (known, args[: self.arity]) if known else self._with_parameters(args, named)
        elif len(args) != self.arity or named:
            raise self._mistake(args, named)
        return op, self._row(args) if self.over_lists else args

    def _with_parameters(self, args: tuple[Any, ...], named: dict[str, Any]) -> "tuple[Op, tuple[Any, ...]]":
        parameters = self.defaults | dict(zip(self.takes, args[self.arity :], strict=False)) | named
        if {*parameters} != {*self.takes} or not self.arity <= len(args) <= self.arity + len(self.takes):
            raise self._mistake(args, named)
        for name, number in parameters.items():
            if hasattr(type(number), "_record"):
                advice = ": pow(x, y) takes two Values" if self.name == "power" else ""
                raise TypeError(f"{name} of {self.name} is a plain number, not a Value{advice}")
        return self.of(*[parameters[name] for name in self.takes]), args[: self.arity]

    def _row(self, lists: tuple[Any, ...]) -> tuple[Any, ...]:
        for arg in lists:
            if not hasattr(arg, "__iter__"):
                raise TypeError(f"{self.name} takes {self.described()}, not a {type(arg).__name__}")
        first, *others = rows = [tuple(arg) for arg in lists]
        for other in others:
            if len(other) != len(rows[0]):
                lengths = " and ".join(str(len(row)) for row in rows)
                raise ValueError(f"{self.name} needs lists of one length, not {lengths}")
            first += other
        return first

    def described(self) -> str:
        """Return how many arguments the operation takes, and which parameters, for an error message."""
        kind = "list" if self.over_lists else "argument"
        return " and ".join([f"{self.arity} {plural(kind, self.arity)}", *self.takes])

    def _mistake(self, args: tuple[Any, ...], named: dict[str, Any]) -> TypeError:
        given = " and ".join([str(len(args)), *named])
        return TypeError(f"{self.name} takes {self.described()}, not {given}")

    def compute(self, numbers: list[float], values: tuple[Any, ...] = ()) -> tuple[float, tuple[float, ...]]:
        """Return the result and the local derivatives for floats, those of ``values`` if they are Values.

        Raises:
            DomainError: where the operation has no value.
        """
        try:
            if self.over_lists:
                value, derivatives = self.written
                lists = _lists(numbers, self.arity)
                z = value(*lists, **self.parameters)
                slopes = tuple(chain(*derivatives(z, *lists, **self.parameters)))
            else:
                z = self.value(*numbers)
                slopes = self.slopes(z, *numbers)
            if type(z) is float and isfinite(z + sum(slopes)):
                return z, slopes
        except (ArithmeticError, ValueError):
            pass
        z = limits.value(self, numbers, values)
        return z, limits.slopes(self, z, numbers)

    def __reduce__(self) -> Any:
        # The rules are lambdas; a copy or a pickle refers to the one entry of the table instead.
        return find, (self.name, *self.parameters.values())

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


def _lists(row: Sequence[Any], count: int) -> list[Sequence[Any]]:
    if count == 1:
        return [row]
    length = len(row) // count
    return [row[i * length : (i + 1) * length] for i in range(count)]


def find(name: str, *parameters: float) -> Op:
    """Return the operation of the table with this name and these parameters.

    Raises:
        ValueError: if there is none, because it is the user's own and not declared yet.
    """
    if name not in TABLE:
        raise ValueError(f"there is no operation {name!r} here: declare it with rule(…) first")
    return TABLE[name].of(*parameters) if parameters else TABLE[name]


def declare(op: Op) -> Op:
    """Enter an operation in the table.

    Raises:
        ValueError: if the table has one of this name.
    """
    if op.name in TABLE:
        raise ValueError(f"there is an operation {op.name!r} already: give yours another name")
    TABLE[op.name] = op
    return op
