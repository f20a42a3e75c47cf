"""``Value``: a number that remembers how it was computed, and the backward pass over what it remembers."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import count
from math import copysign, isfinite, nan
from operator import attrgetter
from typing import Any, SupportsFloat
from warnings import warn
from zlib import crc32

from tinygrad_edu._common.names import refuse_options
from tinygrad_edu.engine import limits, rules
from tinygrad_edu.engine.common import Common
from tinygrad_edu.engine.errors import as_float, as_text, expect_values, stale_error
from tinygrad_edu.engine.lecture import Closure
from tinygrad_edu.engine.op import TABLE, Op

_tick = count(1).__next__  # numbers the Values as they are made; assignments take a number too


def _unary(op: Op) -> "Callable[[Value], Value]":
    """Return the function that records an operation of one argument."""
    value, slopes = op.value, op.slopes

    def record(x: "Value") -> "Value":
        try:
            z = value(x._number)
            derivatives = slopes(z, x._number)
            if type(z) is not float or not isfinite(z + derivatives[0]):
                raise ValueError
        except (ArithmeticError, ValueError):
            z, derivatives = op.compute([x._number], (x,))  # returns or raises, with the whole policy
        return _node(op, (x,), z, derivatives)

    _document(op, record)
    return record


def _operator(op: Op) -> "tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]":
    """Return the two functions behind an operator, as ``__add__`` and ``__radd__`` are behind ``+``."""
    value, slopes = op.value, op.slopes

    def record(x: "Value", y: Any) -> Any:
        if type(y) is not Value:
            if _broadcasts(y):
                return NotImplemented
            y = _argument(y)
        try:
            z = value(x._number, y._number)
            derivatives = slopes(z, x._number, y._number)
            if type(z) is not float or not isfinite(z + derivatives[0] + derivatives[1]):
                raise ValueError
        except (ArithmeticError, ValueError):
            z, derivatives = op.compute([x._number, y._number], (x, y))
        return _node(op, (x, y), z, derivatives)

    def reflected(y: "Value", x: Any) -> Any:
        return NotImplemented if _broadcasts(x) else record(_argument(x), y)

    _document(op, record, reflected)
    return record, reflected


def _method(op: Op) -> "Callable[..., Value]":
    """Return any operation as a method."""

    def method(self: "Value", *args: Any, **parameters: Any) -> "Value":
        made: Value = op(self, *args, **parameters)
        return made

    _document(op, method)
    return method


def _document(op: Op, *methods: Any) -> None:
    for method in methods:
        method.__name__, method.__qualname__ = op.name, f"Value.{op.name}"
        method.__doc__ = f"Return {op.name} of this Value: the operation {op.name} of the table."


@lru_cache(maxsize=64)
def _to_the_power_of(exponent: float) -> "Callable[[Value], Value]":
    return _unary(rules.power.of(exponent))


class Value(Common):
    """A number that records the operations applied to it, so that derivatives can be computed.

    Args:
        data: an int, float, bool, Fraction, Decimal or NumPy scalar; kept as a float.
        children: the Values that it was computed from, where its ``_backward`` is assigned afterwards, as
            in Karpathy's lecture; or the label.
        op: the name of the operation then.
        label: the name that pictures and explanations use.

    Attributes:
        data: the number. After assigning to it, call ``forward()`` on a result that depends on it.
        grad: the derivative of the root of ``backward()`` with respect to this Value; 0.0 before.
        label: the name, "" for none.
        group: the part of a network that it belongs to, None for none.
        op: the operation that made this Value, None for a leaf.
        args: the Values that it was made from, in order; ``x * x`` has two.
        slopes: the local derivative along each of ``args``, as it was when the Value was last computed.
        is_constant: whether it is a plain number from an expression, such as the 2 of ``2 * x``.

    ``==`` asks whether two are the same object, as for any object that is hashed; ``<`` and ``>`` compare
    the numbers.

    Raises:
        TypeError: if ``data`` is not a real number, ``label`` not text, or an option not one of these.

    >>> x = Value(3.0, label="x")
    >>> y = x * x + 2
    >>> y.backward()
    >>> y.data, x.grad
    (11.0, 6.0)
    """

    __slots__ = (
        # no _data, which numpy.ma would take for an array
        "__dict__", "__weakref__", "_args", "_grad", "_is_constant", "_label", "_maker", "_number", "_serial",
        "_slopes", "_stamp", "group",
    )  # fmt: skip

    _last_assignment = 0
    """When a number was last assigned or computed anew."""

    def __init__(
        self,
        data: SupportsFloat,
        children: "Iterable[Value] | str | None" = (),
        op: str = "",
        label: str | None = "",
        **unknown: Any,
    ) -> None:
        if unknown:
            refuse_options("Value", unknown, ["data", "children", "op", "label"])
        self._number = data if type(data) is float else as_float(data)
        self._maker: Op | None = None
        self._args: tuple[Value, ...] = ()
        self._slopes: tuple[float, ...] = ()
        self._label = ""
        self._grad = 0.0
        self.group: Any = None
        self._is_constant = False
        if isinstance(children, str):
            label = children
        elif children:
            self._depend_on(tuple(children), op)
        if label != "":
            self.label = label
        self._serial = self._stamp = _tick()

    def __init_subclass__(cls) -> None:
        if cls.__dict__.get("__slots__"):  # as the class in C says it
            raise TypeError("nonempty __slots__ not supported for subtype of 'Value'")

    def _depend_on(self, children: "tuple[Value, ...]", op: str) -> None:
        if type(self) is not Value:
            raise TypeError("only Value itself takes children, not a class derived from it")
        expect_values("the children of a Value are", *children)
        self._args = children
        self._maker = Closure(op or "custom", len(children))
        self._slopes = (nan,) * len(children)  # until _backward is assigned

    op = property(attrgetter("_maker"), doc="The operation that made this Value, None for a leaf.")
    args = property(attrgetter("_args"), doc="The Values that it was made from, in order.")
    slopes = property(attrgetter("_slopes"), doc="The local derivative along each of ``args``.")
    is_constant = property(attrgetter("_is_constant"), doc="Whether it is a plain number of an expression.")

    @property
    def data(self) -> float:
        """The number."""
        return self._number

    @data.setter
    def data(self, number: SupportsFloat) -> None:
        number, before = as_float(number), self._number
        if number != before or copysign(1.0, number) != copysign(1.0, before):
            self._number = number
            if all(arg._stamp <= self._stamp for arg in self._args):  # what is stale stays so: its slopes are
                self._stamp = Value._last_assignment = _tick()

    @property
    def grad(self) -> float:
        """The derivative of the root of the last ``backward()`` with respect to this Value."""
        return self._grad

    @grad.setter
    def grad(self, number: SupportsFloat) -> None:
        self._grad = as_float(number)

    @property
    def label(self) -> str:
        """The name that pictures and explanations use, "" for none."""
        return self._label

    @label.setter
    def label(self, name: str | None) -> None:
        self._label = as_text(name)

    # --- Making Values ---

    @staticmethod
    def _record(op: Op, args: Iterable[Any]) -> "Value":
        """Return the Value that an operation makes of Values and numbers."""
        args = tuple(args)
        if {*map(type, args)} != {Value}:
            args = tuple(map(_argument, args))
        return _node(op, args, *op.compute([arg._number for arg in args], args))

    __add__, __radd__ = _operator(rules.add)
    __sub__, __rsub__ = _operator(rules.sub)
    __mul__, __rmul__ = _operator(rules.mul)
    __truediv__, __rtruediv__ = _operator(rules.div)
    _pow, __rpow__ = _operator(rules.pow)
    __neg__ = _unary(rules.neg)
    __abs__ = _unary(rules.abs)

    def __pow__(self, exponent: Any) -> "Value":
        if type(exponent) is int or type(exponent) is float:
            return _to_the_power_of(exponent)(self)
        if isinstance(exponent, Value) or _broadcasts(exponent):
            return self._pow(exponent)
        return _unary(rules.power.of(exponent))(self)

    def __pos__(self) -> "Value":
        return self

    # --- The passes over the graph ---

    def backward(self, *factor: Any, **unknown: Any) -> None:
        """Compute the derivative of this Value with respect to every Value that it depends on.

        Afterwards ``grad`` of each of them holds it. Inner Values start from 0 each time; leaves
        accumulate over calls, as in PyTorch, until ``zero_grad()``. If it raises, no ``grad`` has changed.

        Raises:
            StaleError: if a number was assigned after it was used; call ``forward()`` first.
            DomainError: if a local derivative is infinite, or a gradient too large for a float.
            TypeError: if anything is given to it; the message says what to write instead.

        >>> a = Value(1.0)
        >>> b = a + a
        >>> (b + b).backward()
        >>> a.grad, b.grad
        (4.0, 2.0)
        """
        if factor or unknown:
            refuse_options("backward", unknown or ["gradient"], ())
        order = topological_order(self)
        expect_current(order)
        adjoint = dict.fromkeys(order, 0.0)  # the derivative of this Value with respect to each
        adjoint[self] = 1.0
        for value in reversed(order):
            if value._args:
                grad = adjoint[value]
                for arg, slope in zip(value._args, value._slopes):  # noqa: B905  # quicker without strict
                    adjoint[arg] += grad * slope  # the chain rule; a Value that is used twice gets the sum
        if not all(map(isfinite, adjoint.values())):
            adjoint = limits.adjoints(self, order)
        for value, grad in adjoint.items():
            value._grad = grad if value._args else value._grad + grad

    def forward(self) -> None:
        """Recompute this Value, and all that it depends on, from the present data of the leaves.

        Raises:
            DomainError: if an operation has no value there; what comes after it keeps its old data.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> x.data = 5.0
        >>> y.forward()
        >>> y.data
        25.0
        """
        for value in topological_order(self):
            if value._maker is not None:
                args = value._args
                value._number, value._slopes = value._maker.compute([arg._number for arg in args], args)
                value._stamp = Value._last_assignment = _tick()

    def zero_grad(self) -> None:
        """Set the gradient of this Value, and of all that it depends on, to 0."""
        for value in topological_order(self):
            value._grad = 0.0

    # --- What copies, networks and closures set ---

    @classmethod
    def _restore(
        cls,
        data: float,
        grad: float,
        label: str,
        group: Any,
        is_constant: bool,
        op: Any,
        args: Any,
        slopes: Any,
    ) -> Any:
        value = cls.__new__(cls)
        value._number, value._grad, value._label, value.group = data, grad, label, group
        value._is_constant, value._maker, value._args, value._slopes = is_constant, op, args, slopes
        value._serial = value._stamp = _tick()
        return value

    def _name(self, name: tuple[str, Any]) -> None:
        """Set label and group; a network sets the same two again and again."""
        self._label, self.group = name

    def _become(self, op: Op, slopes: tuple[float, ...]) -> None:
        self._maker, self._slopes = op, slopes

    def _outdate(self, stamp: int) -> None:
        """Say that this Value was computed at that time; what was assigned since makes it stale."""
        self._stamp = stamp
        Value._last_assignment = _tick()


def _node(op: Op | None, args: tuple[Value, ...], data: float, slopes: tuple[float, ...]) -> Value:
    value: Value = object.__new__(Value)
    value._number = data
    value._maker = op
    value._args = args
    value._slopes = slopes
    value._label = ""
    value._serial = value._stamp = _tick()
    value._grad = 0.0
    value.group = None
    value._is_constant = False
    return value


def _argument(operand: Any) -> Value:
    """Return the Value that an operand stands for: itself, or a constant."""
    if isinstance(operand, Value):
        return operand
    value = _node(None, (), as_float(operand), ())
    value._is_constant = True
    return value


def _broadcasts(other: Any) -> bool:
    """Return whether ``other`` is an array, which applies an operator to each of its items itself."""
    return bool(getattr(other, "ndim", 0))


def topological_order(root: Value, is_leaf: Callable[[Value], bool] | None = None) -> list[Value]:
    """Return ``root`` and every Value that it depends on, arguments before results.

    A Value is made after its arguments, so the order of making is such an order. Nothing is written on
    the Values, and nothing recurses.

    Args:
        root: the Value to start from.
        is_leaf: go no further below a Value (other than the root) for which this is true.

    >>> a, b = Value(2.0, "a"), Value(3.0, "b")
    >>> [value.label or value.op for value in topological_order(a * b + a)]
    ['a', 'b', <operation mul>, <operation add>]
    """
    found, order = {root}, [root]
    for value in order:  # which grows meanwhile
        if is_leaf is None or value is root or not is_leaf(value):
            for arg in value._args:
                if arg not in found:
                    found.add(arg)
                    order.append(arg)
    order.sort(key=_SERIAL)
    return order


_SERIAL = attrgetter("_serial")


def expect_current(order: list[Value]) -> None:
    """Raise an error if a number was assigned after a Value of the graph was computed from it.

    Args:
        order: the Values of a graph, its root last.

    Raises:
        StaleError: in that case; the message says which, and to call ``forward()``.
    """
    for value in order:
        if value._serial > Value._last_assignment and value._args:
            return  # this one, and all that come after it, were made after the last assignment
        for arg in value._args:
            if arg._stamp > value._stamp:
                raise stale_error(arg)


def attach(op: Op) -> None:
    """Make an operation a method of ``Value``: all but those over lists, and those that are operators."""
    if not op.over_lists and not hasattr(Value, op.name):
        quick = op.arity == 1 and not op.takes and not COMPILED
        setattr(Value, op.name, _unary(op) if quick else _method(op))


def _fresh(engine: Any) -> bool:
    """Return whether the rules in C were printed from the rules in Python that are here."""
    with open(rules.__file__, "rb") as source:
        return bool(crc32(source.read()) == engine.RULES)


COMPILED = False
"""Whether the engine in C runs."""

try:
    from tinygrad_edu.engine import _engine
except ImportError:
    pass  # the wheel for this machine is the pure one, or there was no compiler, or TINYGRAD_EDU_PURE is set
else:
    COMPILED = _fresh(_engine)
    if COMPILED:
        Value = _engine.create(topological_order)  # type: ignore
        topological_order, expect_current = _engine.topological_order, _engine.expect_current  # type: ignore
    else:
        warn("rules.py was edited after the engine was compiled, so the engine in Python runs", stacklevel=2)

Common._order = staticmethod(topological_order)
for _op in TABLE.values():
    attach(_op)
