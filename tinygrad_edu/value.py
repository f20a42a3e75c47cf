"""``Value``: a number that remembers how it was computed, and the backward pass over what it remembers."""

import math
from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar, SupportsFloat, final

from tinygrad_edu import ops
from tinygrad_edu.op import Op, as_float

_allocate = object.__new__
_visits = count(2, 2)  # each traversal marks what it enters with an even number, what it leaves with the next


class CycleError(ValueError):
    """A Value was made an argument of itself, directly or through others, so it has no derivative."""


@final
class Value:
    """A number that records the operations applied to it, so that derivatives can be computed.

    Args:
        data: an int, float, bool, Fraction or numpy scalar; kept as a float.
        label: the name that pictures and explanations use.

    Attributes:
        data: the number. After assigning to it, call ``forward()`` on a result that depends on it.
        grad: the derivative of the root of ``backward()`` with respect to this Value; 0.0 before.
        op: the operation that made this Value, None for a leaf.
        args: the Values that it was made from, in order; ``x * x`` has two.
        slopes: the local derivative along each of ``args``, as it was when the Value was computed.

    Raises:
        TypeError: if ``data`` is not a real number.

    >>> x = Value(3.0, label="x")
    >>> y = x * x + 2
    >>> y.backward()
    >>> y.data, x.grad
    (11.0, 6.0)
    """

    __slots__ = ("_label", "_visit", "args", "data", "grad", "op", "slopes")

    # numpy scalars and arrays then leave `scalar * value` to Value.__rmul__.
    __array_ufunc__: ClassVar[None] = None

    def __init__(self, data: SupportsFloat, label: str | None = "") -> None:
        self.data = as_float(data)
        self.grad = 0.0
        self.op: Op | None = None
        self.args: tuple[Value, ...] = ()
        self.slopes: tuple[float, ...] = ()
        self._label: str | None = label or ""  # None is for constants
        self._visit = 0

    @property
    def label(self) -> str:
        """The name that pictures and explanations use, "" for none."""
        return self._label or ""

    @label.setter
    def label(self, name: str | None) -> None:
        self._label = name or ""

    @property
    def is_constant(self) -> bool:
        """Whether this is a plain number from an expression, such as the 2 of ``2 * x``.

        >>> [arg.is_constant for arg in (2 * Value(3.0)).args]
        [True, False]
        """
        return self._label is None

    def __repr__(self) -> str:
        label = f", label={self._label!r}" if self._label else ""
        return f"Value(data={self.data!r}, grad={self.grad!r}{label})"

    def __reduce__(self) -> Any:
        # All but _visit, which would mislead the traversals of the process that loads a pickle.
        return _restore, (self.data, self.grad, self._label, self.op, self.args, self.slopes)

    # --- Arithmetic: the fast paths. A test holds each to its entry in the table. ---

    def __add__(self, other: "Value | SupportsFloat") -> "Value":
        if not isinstance(other, Value):
            other = _constant(other)
        return _node(self.data + other.data, ops.add, (self, other), (1.0, 1.0))

    def __sub__(self, other: "Value | SupportsFloat") -> "Value":
        if not isinstance(other, Value):
            other = _constant(other)
        return _node(self.data - other.data, ops.sub, (self, other), (1.0, -1.0))

    def __mul__(self, other: "Value | SupportsFloat") -> "Value":
        if not isinstance(other, Value):
            other = _constant(other)
        x, y = self.data, other.data
        return _node(x * y, ops.mul, (self, other), (y, x))

    def __truediv__(self, other: "Value | SupportsFloat") -> "Value":
        if not isinstance(other, Value):
            other = _constant(other)
        x, y = self.data, other.data
        if y == 0.0:
            return _record(ops.div, (self, other))  # raises, and says why
        z = x / y
        return _node(z, ops.div, (self, other), (1.0 / y, -z / y))

    def __neg__(self) -> "Value":
        return _node(-self.data, ops.neg, (self,), (-1.0,))

    def __pos__(self) -> "Value":
        return self

    def __abs__(self) -> "Value":
        return _record(ops.abs, (self,))

    def __pow__(self, exponent: "Value | SupportsFloat") -> "Value":
        if isinstance(exponent, Value):
            return _record(ops.pow, (self, exponent))
        n = as_float(exponent)
        op = ops.power.of(n)
        try:
            z, slope = math.pow(self.data, n), n * math.pow(self.data, n - 1.0) if n else 0.0
        except (ArithmeticError, ValueError):
            return _record(op, (self,))  # raises, and says why
        return _node(z, op, (self,), (slope,))

    def __radd__(self, other: SupportsFloat) -> "Value":
        return _constant(other) + self

    def __rsub__(self, other: SupportsFloat) -> "Value":
        return _constant(other) - self

    def __rmul__(self, other: SupportsFloat) -> "Value":
        return _constant(other) * self

    def __rtruediv__(self, other: SupportsFloat) -> "Value":
        return _record(ops.div, (other, self))

    def __rpow__(self, base: SupportsFloat) -> "Value":
        return _record(ops.pow, (base, self))

    # --- The number itself ---

    def __float__(self) -> float:
        return self.data

    def __lt__(self, other: "Value | SupportsFloat") -> bool:
        return self.data < (other.data if isinstance(other, Value) else as_float(other))

    def __le__(self, other: "Value | SupportsFloat") -> bool:
        return self.data <= (other.data if isinstance(other, Value) else as_float(other))

    def __gt__(self, other: "Value | SupportsFloat") -> bool:
        return self.data > (other.data if isinstance(other, Value) else as_float(other))

    def __ge__(self, other: "Value | SupportsFloat") -> bool:
        return self.data >= (other.data if isinstance(other, Value) else as_float(other))

    # --- The functions of the table, as methods ---

    def sqrt(self) -> "Value":
        """Return the square root."""
        return _record(ops.sqrt, (self,))

    def exp(self) -> "Value":
        """Return e to the power of this Value."""
        return _record(ops.exp, (self,))

    def log(self) -> "Value":
        """Return the natural logarithm."""
        return _record(ops.log, (self,))

    def sin(self) -> "Value":
        """Return the sine; the Value is in radians."""
        return _record(ops.sin, (self,))

    def cos(self) -> "Value":
        """Return the cosine; the Value is in radians."""
        return _record(ops.cos, (self,))

    def tan(self) -> "Value":
        """Return the tangent; the Value is in radians."""
        return _record(ops.tan, (self,))

    def tanh(self) -> "Value":
        """Return the hyperbolic tangent."""
        return _record(ops.tanh, (self,))

    def sigmoid(self) -> "Value":
        """Return the logistic sigmoid, 1 / (1 + exp(-x))."""
        return _record(ops.sigmoid, (self,))

    def softplus(self) -> "Value":
        """Return log(1 + exp(x)), the smooth relu."""
        return _record(ops.softplus, (self,))

    def erf(self) -> "Value":
        """Return the error function."""
        return _record(ops.erf, (self,))

    def gelu(self) -> "Value":
        """Return x times the normal distribution function at x."""
        return _record(ops.gelu, (self,))

    def step(self) -> "Value":
        """Return 1 where the Value is positive, else 0."""
        return _record(ops.step, (self,))

    def relu(self) -> "Value":
        """Return the Value where it is positive, else 0."""
        return _record(ops.relu, (self,))

    def leaky_relu(self, negative_slope: float = 0.01) -> "Value":
        """Return the Value where it is positive, else ``negative_slope`` times it."""
        return _record(ops.leaky_relu.of(as_float(negative_slope)), (self,))

    def abs(self) -> "Value":
        """Return the absolute value, as the builtin ``abs`` does."""
        return _record(ops.abs, (self,))

    def maximum(self, other: "Value | SupportsFloat") -> "Value":
        """Return the larger of two."""
        return _record(ops.maximum, (self, other))

    def minimum(self, other: "Value | SupportsFloat") -> "Value":
        """Return the smaller of two."""
        return _record(ops.minimum, (self, other))

    # --- The passes over the graph ---

    def backward(self) -> None:
        """Compute the derivative of this Value with respect to every Value that it depends on.

        Afterwards ``grad`` of each of them holds it. Inner Values start from 0 each time; leaves
        accumulate over calls, as in PyTorch, until ``zero_grad()``.

        Raises:
            CycleError: if the graph has a cycle.

        >>> a = Value(1.0)
        >>> b = a + a
        >>> (b + b).backward()
        >>> a.grad, b.grad
        (4.0, 2.0)
        """
        inner = [value for value in topological_order(self) if value.args]
        for value in inner:
            value.grad = 0.0
        self.grad += 1.0
        # Every Value comes after all that use it, so its gradient is complete when it is passed on.
        for value in reversed(inner):
            value._backward()

    def _backward(self) -> None:
        """Pass this Value's gradient on to its arguments: the chain rule for one operation."""
        grad = self.grad
        if len(self.args) == 2:  # the most frequent case, without the loop
            x, y = self.args
            slope_x, slope_y = self.slopes
            x.grad += grad * slope_x
            y.grad += grad * slope_y
        else:
            for arg, slope in zip(self.args, self.slopes, strict=True):
                arg.grad += grad * slope

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
            if value.op is not None:
                value.data, value.slopes = _compute(value.op, value.args)

    def zero_grad(self) -> None:
        """Set the gradient of this Value, and of all that it depends on, to 0."""
        for value in topological_order(self):
            value.grad = 0.0

    # --- What code written for micrograd, and for the lecture that builds it, reads ---

    @property
    def _prev(self) -> tuple["Value", ...]:
        return self.args

    @property
    def _op(self) -> str:
        return self.op.symbol if self.op else ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Show this Value in Jupyter as the picture of its graph, and as text."""
        from tinygrad_edu.draw import draw  # the one import from above, when there is something to show

        return draw(self)._repr_mimebundle_() | {"text/plain": repr(self)}

    @staticmethod
    def _record(op: Op, args: tuple[Any, ...]) -> "Value":
        return _record(op, args)  # called by an operation that was given a Value


def _node(data: float, op: Op, args: tuple[Value, ...], slopes: tuple[float, ...]) -> Value:
    value: Value = _allocate(Value)  # and not Value(...), which would check what is known
    value.data = data
    value.grad = 0.0
    value.op = op
    value.args = args
    value.slopes = slopes
    value._label = ""
    value._visit = 0
    return value


def _restore(data: float, grad: float, label: str | None, op: Any, args: Any, slopes: Any) -> Value:
    value = _node(data, op, args, slopes)
    value.grad = grad
    value._label = label
    return value


def _constant(number: SupportsFloat) -> Value:
    value = Value(number)
    value._label = None  # no label, not even ""
    return value


def _compute(op: Op, args: tuple[Value, ...]) -> tuple[float, tuple[float, ...]]:
    numbers = [arg.data for arg in args]
    of = "value"
    try:
        data = op.value(*numbers)
        of = "slopes"
        return data, op.slopes(data, *numbers)
    except (ArithmeticError, ValueError) as error:
        raise op.domain_error(error, numbers, [arg.label for arg in args], of) from None


def _record(op: Op, args: tuple[Any, ...]) -> Value:
    values = tuple([arg if isinstance(arg, Value) else _constant(arg) for arg in args])
    data, slopes = _compute(op, values)
    return _node(data, op, values, slopes)


def topological_order(root: Value, is_leaf: Callable[[Value], bool] | None = None) -> list[Value]:
    """Return ``root`` and every Value that it depends on, arguments before results.

    Depth first, first argument first, without recursion, so that graphs may be deep. The same graph
    gives the same order in every run.

    Args:
        root: the Value to start from.
        is_leaf: go no further below a Value (other than the root) for which this is true.

    Raises:
        CycleError: if a Value depends on itself.

    >>> a, b = Value(2.0, "a"), Value(3.0, "b")
    >>> [value.label or value.op for value in topological_order(a * b + a)]
    ['a', 'b', <operation mul>, <operation add>]
    """
    entered = next(_visits)
    left = entered + 1
    order: list[Value] = []
    stack: list[Value | None] = [root]
    while stack:
        value = stack.pop()
        if value is None:  # all arguments of the Value below are in the order
            value = stack.pop()
            assert value is not None
            value._visit = left
            order.append(value)
        elif value._visit < entered:
            if value.args and (is_leaf is None or value is root or not is_leaf(value)):
                value._visit = entered
                stack.append(value)
                stack.append(None)
                stack.extend(value.args[::-1])
            else:
                value._visit = left
                order.append(value)
        elif value._visit == entered:
            name = f"'{value.label}'" if value.label else f"made by {value.op}"
            raise CycleError(f"the Value {name} depends on itself: build a new Value, leave .args as it is")
    return order
