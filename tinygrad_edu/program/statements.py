"""A recorded graph as statements: each different expression once, ready to run again with other numbers.

>>> from tinygrad_edu import Value
>>> a, b = Value(2.0, "a"), Value(3.0, "b")
>>> program = record([a, b], [(a + b) * (a + b) + 2 * 4.0])
>>> for statement in program.statements:
...     args = [program.names[arg] for arg in statement.args]
...     print(program.names[statement], "=", statement.op.name, *args)
v3 = add v1 v2
v4 = mul v3 v3
v5 = add v4 8.0
"""

import math
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, NoReturn

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.errors import as_float
from tinygrad_edu.engine.lecture import Closure
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.value import Value, expect_current, topological_order


class Statement:
    """An operation applied to other statements, an input, or a number; made by a :class:`Pool`.

    The rules of the table run on statements as they run on floats and on Values.

    Attributes:
        op: the operation, with its parameters; None of an input and of a number.
        args: the statements that it is applied to, in order.
        number: the number, None of all else.
        label: the label of the first Value that it was recorded from, "" for none.
        group: that Value's place in a network, None for none.
        serial: counts the statements of a pool; arguments have smaller ones than what is made of them.
        pool: where it was made.

    >>> x = Pool().input("x")
    >>> slope, = rules.tanh.slopes(rules.tanh(x), x)
    >>> slope, slope.args
    (<sub>, (<number 1.0>, <power>))
    >>> x + 1 is x + 1
    True
    """

    __slots__ = ("args", "group", "label", "number", "op", "pool", "serial")

    def __init__(
        self, pool: "Pool", op: Op | None, args: "tuple[Statement, ...]" = (), number: float | None = None
    ) -> None:
        self.pool, self.op, self.args, self.number = pool, op, args, number
        self.label, self.group = "", None
        self.serial = pool.count = pool.count + 1

    @staticmethod
    def _record(op: Op, args: Iterable[Any]) -> "Statement":
        """Return what an operation makes of statements and numbers, shortened where that is exact."""
        args = tuple(args)
        pool: Pool = next(arg.pool for arg in args if isinstance(arg, Statement))
        row = tuple([arg if isinstance(arg, Statement) else pool.number(as_float(arg)) for arg in args])
        shorter = _shortened(op, row)
        return pool.apply(op, row) if shorter is None else shorter

    def __add__(self, other: Any) -> "Statement":
        return self._record(rules.add, (self, other))

    def __radd__(self, other: Any) -> "Statement":
        return self._record(rules.add, (other, self))

    def __sub__(self, other: Any) -> "Statement":
        return self._record(rules.sub, (self, other))

    def __rsub__(self, other: Any) -> "Statement":
        return self._record(rules.sub, (other, self))

    def __mul__(self, other: Any) -> "Statement":
        return self._record(rules.mul, (self, other))

    def __rmul__(self, other: Any) -> "Statement":
        return self._record(rules.mul, (other, self))

    def __truediv__(self, other: Any) -> "Statement":
        return self._record(rules.div, (self, other))

    def __rtruediv__(self, other: Any) -> "Statement":
        return self._record(rules.div, (other, self))

    def __pow__(self, exponent: Any) -> "Statement":
        if isinstance(exponent, Statement):
            return self._record(rules.pow, (self, exponent))
        return self._record(rules.power.of(exponent), (self,))

    def __rpow__(self, base: Any) -> "Statement":
        return self._record(rules.pow, (base, self))

    def __neg__(self) -> "Statement":
        return self._record(rules.neg, (self,))

    def __abs__(self) -> "Statement":
        return self._record(rules.abs, (self,))

    def __bool__(self) -> NoReturn:
        raise TypeError("a statement has no number yet: decide with where(…), maximum or step of the table")

    def __lt__(self, other: Any) -> NoReturn:
        self.__bool__()

    __le__ = __gt__ = __ge__ = __lt__

    def __repr__(self) -> str:
        if self.number is not None:
            return f"<number {self.number!r}>"
        return f"<{self.op.name}>" if self.op else f"<input {self.label!r}>"


def _shortened(op: Op, args: tuple[Statement, ...]) -> Statement | None:
    """Return something simpler that is equal to the bit for all arguments, NaN and −0 included, or None.

    0·x is not 0 (x may be infinite), and 0 + x is not x (x may be −0).
    """
    x, y = args[0], args[-1]
    match op.name:
        case "mul":
            if x.number == 1 or y.number == 1:
                return y if x.number == 1 else x
            if x.number == -1 or y.number == -1:
                return -(y if x.number == -1 else x)
            if x.op is rules.neg:
                return -(x.args[0] * y)
            if y.op is rules.neg:
                return -(x * y.args[0])
        case "div":
            if y.number == 1:
                return x
            if x.op is rules.neg:
                return -(x.args[0] / y)
        case "neg" if x.op is rules.neg:
            return x.args[0]
        case "add":
            if y.op is rules.neg:
                return x - y.args[0]
            if x.op is rules.neg:
                return y - x.args[0]
        case "sub":
            if y.number == 0 and math.copysign(1.0, y.number) > 0:
                return x
            if y.op is rules.neg:
                return x + y.args[0]
        case "where":
            if x.number is not None and x.number == x.number:
                return args[1] if x.number else y
        case "maximum" if x.number == -math.inf:
            return y
    return None


class Pool:
    """Where statements are made, so that the same operation on the same arguments is the same statement."""

    def __init__(self) -> None:
        self.count = 0
        self._made: dict[Any, Statement] = {}

    def input(self, label: str = "", group: Any = None) -> Statement:
        """Return a new input."""
        made = Statement(self, None)
        made.label, made.group = label, group
        return made

    def number(self, number: float) -> Statement:
        """Return the statement that is this number; −0 and 0 are two."""
        key = repr(number)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = Statement(self, None, (), number)
        return made

    def apply(self, op: Op, args: tuple[Statement, ...]) -> Statement:
        """Return an operation on statements; of numbers alone, the number that the engine computes."""
        key: Any = (op, args)
        if len(args) == 2 and args[0].serial > args[1].serial and (op is rules.add or op is rules.mul):
            key = (op, args[::-1])  # both orders give the same bits
        made = self._made.get(key)
        if made is None:
            made = self._folded(op, args)
            made = self._made[key] = Statement(self, op, args) if made is None else made
        return made

    def _folded(self, op: Op, args: tuple[Statement, ...]) -> Statement | None:
        if _varies(args):
            return None
        try:
            number = float(op.value(*[arg.number for arg in args]))
            return self.number(number) if math.isfinite(number) else None
        except (ArithmeticError, ValueError):
            return None  # it is an error when the program runs, if it runs to there


def _varies(args: tuple[Statement, ...]) -> bool:
    for arg in args:  # noqa: SIM110 any(…) takes three times as long
        if arg.number is None:
            return True
    return False


class Program:
    """Statements that compute outputs from inputs.

    Args:
        inputs: the statements that are given numbers, in order.
        outputs: the statements whose numbers are wanted, in order; some may be inputs or numbers.

    Attributes:
        inputs: as given.
        outputs: as given.
        statements: the operations that the outputs need, arguments before results; no inputs, no numbers.
        names: of every input v1, v2, …, of every statement the numbers after these, of a number its repr.
    """

    def __init__(self, inputs: Iterable[Statement], outputs: Iterable[Statement]) -> None:
        self.inputs, self.outputs = [*inputs], [*outputs]
        found = {*self.outputs}
        stack = [*found]
        while stack:
            for arg in stack.pop().args:
                if arg not in found:
                    found.add(arg)
                    stack.append(arg)
        self.statements = sorted([made for made in found if made.op is not None], key=attrgetter("serial"))
        self._numbers = [made for made in found if made.number is not None]

    @cached_property
    def names(self) -> dict[Statement, str]:
        """The name of every statement in generated text; no label is part of one."""
        names = {made: repr(made.number) for made in self._numbers}
        for number, made in enumerate([*self.inputs, *self.statements], 1):
            names[made] = f"v{number}"
        return names

    def expanded(self, said: Container[str]) -> "Program":
        """Return a program that says every operation by those named in ``said``.

        The value of any other operation is an expression over the table, which is run on the statements.

        Raises:
            ValueError: if there is none, as there is not for a user's function of floats.

        >>> x = Pool().input()
        >>> Program([x], [rules.power(x, 3)]).expanded({"mul"}).statements
        [<mul>, <mul>]
        """
        program = self
        while any(made.op.name not in said for made in program.statements if made.op):
            program = program.mapped(lambda op, args: _expansion(op, args, said))
        return program

    def mapped(self, apply: "Callable[[Op, tuple[Statement, ...]], Statement]") -> "Program":
        """Return the program with each operation replaced by what ``apply`` makes of it and its arguments."""
        pool = Pool()
        new: dict[Statement, Statement] = {made: pool.input(made.label, made.group) for made in self.inputs}
        for made in self._numbers:
            assert made.number is not None
            new[made] = pool.number(made.number)
        for made in self.statements:
            assert made.op is not None
            result = new[made] = apply(made.op, tuple([new[arg] for arg in made.args]))
            if made.label and not result.label and result.number is None:
                result.label, result.group = made.label, made.group
        return Program([new[made] for made in self.inputs], [new[made] for made in self.outputs])


def _expansion(op: Op, args: tuple[Statement, ...], said: Container[str]) -> Statement:
    if op.name in said:
        return args[0].pool.apply(op, args)
    try:
        result: Statement = op.value(*args) if args else args[0]
        if isinstance(result, Statement) and (result.op is not op or result.args != args):
            return result
    except TypeError:  # a function of floats: math.exp(x), or x > 0
        pass
    raise ValueError(
        f"{op.name} is a Python function of floats and cannot be said there: "
        "give its value as an expression over operations of the table"
    )


def record(inputs: Sequence[Value], outputs: Sequence[Value], merge: bool = True) -> Program:
    """Return the program that computes ``outputs`` from ``inputs``, read off a recorded graph.

    Nothing recurses; time and memory grow in proportion to the graph.

    Args:
        inputs: Values, leaves or not; the graph is cut there.
        outputs: Values. All that they depend on beside the inputs becomes numbers.
        merge: make one statement of equal expressions; else one of each Value.

    Raises:
        StaleError: if a number was assigned after a Value was computed from it.
        ValueError: if an operation on the way was given as a ``_backward``, or an input stands twice.
    """
    pool = Pool()
    known: dict[Value, Statement] = {}
    for value in inputs:
        if value in known:
            name = one_line(value.label) or "a Value"
            raise ValueError(f"{name[:40]} stands twice among the inputs: give every input once")
        known[value] = pool.input(value.label, value.group)
    for output in outputs:
        if output in known:
            continue
        order = [value for value in topological_order(output, known.__contains__) if value not in known]
        expect_current(order)
        for value in order:
            known[value] = _statement(pool, value, tuple([known[arg] for arg in value.args]), merge)
    return Program([known[value] for value in inputs], [known[value] for value in outputs])


def _statement(pool: Pool, value: Value, args: tuple[Statement, ...], merge: bool) -> Statement:
    if not _varies(args):
        return pool.number(value.data)
    op = value.op
    assert op is not None
    if isinstance(op, Closure):
        raise ValueError(
            f"{op.name} was given as a _backward, so how it is computed is not known: declare it with rule(…)"
        )
    made = pool.apply(op, args) if merge else Statement(pool, op, args)
    if value.label and not made.label:
        made.label, made.group = value.label, value.group
    return made
