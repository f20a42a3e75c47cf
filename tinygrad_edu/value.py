"""``Value``: a number that remembers how it was computed, and the backward pass over what it remembers."""

import math
from typing import Any, ClassVar, Final, SupportsFloat, final

from tinygrad_edu import ops
from tinygrad_edu.engine import mypyc_attr
from tinygrad_edu.op import Family, Op, as_float, as_text, find
from tinygrad_edu.order import CycleError, chain_rule, topological_order

__all__ = ["CycleError", "Value", "topological_order"]

# The operations with a fast path, as constants: compiled code need not look them up each time.
ADD: Final = find("add")
SUB: Final = find("sub")
MUL: Final = find("mul")
DIV: Final = find("div")
NEG: Final = find("neg")
RELU: Final = find("relu")
DOT: Final = find("dot")
POWER: Final[Family] = ops.power
SQUARE: Final = POWER.of(2.0)


@final
@mypyc_attr(acyclic=True)  # arguments come before results: nothing for the garbage collector to find
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
        TypeError: if ``data`` is not a real number, or ``label`` not text.

    >>> x = Value(3.0, label="x")
    >>> y = x * x + 2
    >>> y.backward()
    >>> y.data, x.grad
    (11.0, 6.0)
    """

    __slots__ = (
        "_label", "_slope_x", "_slope_y", "_slopes", "_visit", "args", "data", "grad", "op",
    )  # fmt: skip

    # numpy scalars and arrays then leave `scalar * value` to Value.__rmul__.
    __array_ufunc__: ClassVar[None] = None

    def __init__(self, data: SupportsFloat, label: str | None = "") -> None:
        self.data: float = data if type(data) is float else as_float(data)
        self.grad = 0.0
        self.op: Op | None = None
        self.args: tuple[Value, ...] = ()
        self._slope_x = 0.0
        self._slope_y = 0.0
        self._slopes: tuple[float, ...] | None = None  # of more than two arguments
        self._label: str | None = as_text(label) if label else ""  # None is for constants
        self._visit = 0

    @property
    def slopes(self) -> tuple[float, ...]:
        """The local derivative along each of ``args``, as it was when the Value was computed."""
        if self._slopes is not None:
            return self._slopes
        return (self._slope_x, self._slope_y)[: len(self.args)]

    @slopes.setter
    def slopes(self, slopes: tuple[float, ...]) -> None:
        if len(slopes) > 2:
            self._slopes = slopes
        elif slopes:
            self._slope_x, self._slope_y = slopes[0], slopes[-1]

    @property
    def label(self) -> str:
        """The name that pictures and explanations use, "" for none."""
        return self._label or ""

    @label.setter
    def label(self, name: str | None) -> None:
        self._label = as_text(name) if name else ""

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

    def __deepcopy__(self, memo: dict[int, "Value"]) -> "Value":
        # In the topological order, because recursion would end at Python's limit.
        for value in topological_order(self):
            if id(value) not in memo:
                args = tuple([memo[id(arg)] for arg in value.args])
                memo[id(value)] = _restore(value.data, value.grad, value._label, value.op, args, value.slopes)
        return memo[id(self)]

    def __hash__(self) -> int:
        return id(self) >> 4  # what Python does by itself, and mypyc, for a class with comparisons, does not

    # --- Arithmetic: the fast paths. A test holds each to its entry in the table. ---

    def __add__(self, other: "Value | SupportsFloat") -> "Value":
        if not isinstance(other, Value):
            other = _constant(other)
        return _node(self.data + other.data, ADD, (self, other), 1.0, 1.0)

    def __sub__(self, other: "Value | SupportsFloat") -> "Value":
        if not isinstance(other, Value):
            other = _constant(other)
        return _node(self.data - other.data, SUB, (self, other), 1.0, -1.0)

    def __mul__(self, other: "Value | SupportsFloat") -> "Value":
        if not isinstance(other, Value):
            other = _constant(other)
        x, y = self.data, other.data
        return _node(x * y, MUL, (self, other), y, x)

    def __truediv__(self, other: "Value | SupportsFloat") -> "Value":
        if not isinstance(other, Value):
            other = _constant(other)
        x, y = self.data, other.data
        if y == 0.0:
            return _record(DIV, (self, other))  # raises, and says why
        z = x / y
        return _node(z, DIV, (self, other), 1.0 / y, -z / y)

    def __neg__(self) -> "Value":
        return _node(-self.data, NEG, (self,), -1.0)

    def __pos__(self) -> "Value":
        return self

    def __abs__(self) -> "Value":
        return _record(ops.abs, (self,))

    def __pow__(self, exponent: "Value | SupportsFloat") -> "Value":
        if isinstance(exponent, Value):
            return _record(ops.pow, (self, exponent))
        x, n = self.data, as_float(exponent)
        op = SQUARE if n == 2.0 else POWER.of(n)
        try:
            z = math.pow(x, n)
            slope = 2.0 * x if n == 2.0 else n * math.pow(x, n - 1.0) if n else 0.0
        except (ArithmeticError, ValueError):
            z = slope = math.nan
        if slope != slope:  # NaN
            return _record(op, (self,))  # raises, and says why, unless the number itself is NaN
        return _node(z, op, (self,), slope)

    def __radd__(self, other: SupportsFloat) -> "Value":
        return _constant(other) + self

    def __rsub__(self, other: SupportsFloat) -> "Value":
        return _constant(other) - self

    def __rmul__(self, other: SupportsFloat) -> "Value":
        return _constant(other) * self

    def __rtruediv__(self, other: SupportsFloat) -> "Value":
        return _constant(other) / self

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
        x = self.data
        return _node(0.0 if x <= 0 else x, RELU, (self,), 1.0 if x > 0 else 0.0)

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
        order = topological_order(self, leaves=False)
        for value in order:
            value.grad = 0.0
        self.grad += 1.0
        chain_rule(order)

    def _backward(self) -> None:
        """Pass this Value's gradient on to its arguments."""
        chain_rule([self])

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


def _node(data: float, op: Op, args: tuple[Value, ...], slope_x: float, slope_y: float = 0.0) -> Value:
    value = Value(data)
    value.op = op
    value.args = args
    value._slope_x = slope_x
    value._slope_y = slope_y
    return value


def _restore(
    data: float, grad: float, label: str | None, op: Any, args: tuple[Value, ...], slopes: tuple[float, ...]
) -> Value:
    value = Value(data)
    value.grad = grad
    value._label = label
    value.op = op
    value.args = args
    value.slopes = slopes
    return value


def _constant(number: SupportsFloat) -> Value:
    value = Value(number)
    value._label = None  # no label, not even ""
    return value


def _record(op: Op, args: tuple[Any, ...]) -> Value:
    for arg in args:
        if not isinstance(arg, Value):
            args = tuple([arg if isinstance(arg, Value) else _constant(arg) for arg in args])
            break
    if op is DOT:
        return _dot(args)
    data, slopes = _compute(op, args)
    return _restore(data, 0.0, "", op, args, slopes)


def _dot(args: tuple[Value, ...]) -> Value:
    half = len(args) // 2
    ys = args[half:]
    total = 0.0
    for x, y in zip(args, ys):  # noqa: B905  # mypyc turns zip into a plain loop, but not with strict
        total += x.data * y.data
    return _restore(total, 0.0, "", DOT, args, tuple(arg.data for arg in ys + args[:half]))


def _compute(op: Op, args: tuple[Value, ...]) -> tuple[float, tuple[float, ...]]:
    numbers = [arg.data for arg in args]
    of = "value"
    try:
        data = op.value(*numbers)
        of = "slopes"
        return data, op.slopes(data, *numbers)
    except (ArithmeticError, ValueError) as error:
        names = [repr(arg.data) if arg.is_constant else arg.label for arg in args]
        # Given no name here: the error would know this frame, and the frame the error, a cycle that stays.
        raise op.domain_error(error, numbers, names, of).of_values(args) from None
