"""What a Value answers besides arithmetic and its passes. Both engines inherit it."""

import operator
from collections.abc import Callable
from typing import Any, NoReturn

from tinygrad_edu._common.names import HINTS, UnknownNameError
from tinygrad_edu.engine.errors import as_float
from tinygrad_edu.engine.op import TABLE, Op

comparisons: "list[tuple[str, Any, Any, bool]] | None" = None
"""The comparisons of Values made while ``function`` records a callable: sign, both sides, answer."""


def _comparison(sign: str, compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def method(self: Any, other: Any) -> Any:
        if getattr(other, "ndim", 0):  # an array compares each of its items itself
            return NotImplemented
        answer = compare(self.data, other.data if isinstance(other, Common) else as_float(other))
        if comparisons is not None:
            comparisons.append((sign, self, other, answer))
        return answer

    return method


class Common:
    """The base class of ``Value`` in both engines: comparison, text, copies, and the lecture's closures."""

    __slots__ = ()

    # --- What the engine gives ---

    data: float
    grad: float
    label: str
    op: Op | None
    args: "tuple[Any, ...]"
    slopes: tuple[float, ...]
    is_constant: bool
    _order: "Callable[[Any], list[Any]]"  # topological_order, given by value.py

    # --- Comparison and text ---

    __lt__ = _comparison("<", operator.lt)
    __le__ = _comparison("<=", operator.le)
    __gt__ = _comparison(">", operator.gt)
    __ge__ = _comparison(">=", operator.ge)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self.data!r}, grad={self.grad!r}{label})"

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    # --- A Value is not a float: a function of floats would lose the gradient without a word ---

    def __float__(self) -> NoReturn:
        raise TypeError(
            "a float would lose the gradient: use the function of tinygrad_edu or the method, as in v.exp(), "
            "or v.data for the number alone"
        )

    __int__ = __complex__ = __float__

    def __round__(self, ndigits: int | None = None) -> NoReturn:
        raise TypeError(
            "use tinygrad_edu.round(v), which has slope 0, or round(v.data, …) for the number alone"
        )

    def __floor__(self) -> NoReturn:
        raise TypeError(
            "use tinygrad_edu.floor(v), which has slope 0, or math.floor(v.data) for the number alone"
        )

    def __ceil__(self) -> NoReturn:
        raise TypeError(
            "use tinygrad_edu.ceil(v), which has slope 0, or math.ceil(v.data) for the number alone"
        )

    __trunc__ = __floor__

    def __floordiv__(self, other: Any) -> NoReturn:
        raise TypeError("// is not differentiable: use tinygrad_edu.floor(x / y), or // of .data")

    def __mod__(self, other: Any) -> NoReturn:
        raise TypeError("% is not differentiable: use x - y*tinygrad_edu.floor(x / y), or % of .data")

    __rfloordiv__ = __floordiv__
    __rmod__ = __divmod__ = __rdivmod__ = __mod__

    # --- What PyTorch and NumPy call ---

    def item(self) -> float:
        """Return the number alone, as ``data``; PyTorch's name for it."""
        return self.data

    def detach(self) -> Any:
        """Return ``stop_gradient`` of this Value; PyTorch's name for it."""
        return TABLE["stop_gradient"](self)

    def conjugate(self) -> Any:
        """Return the Value itself, as it is real; NumPy's ``std`` and ``var`` ask for it."""
        return self

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if not isinstance(vars(Common).get(name), Elsewhere)]

    # --- Copies and pickles, of graphs of any depth ---

    def __reduce__(self) -> Any:
        from tinygrad_edu.engine.copies import reduce

        return reduce(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        from tinygrad_edu.engine.copies import deepcopy

        return deepcopy(self, memo)

    # --- What code written for micrograd, and for the lecture that builds it, reads and assigns ---

    @property
    def _prev(self) -> "tuple[Any, ...]":
        return self.args

    @property
    def _op(self) -> str:
        from tinygrad_edu.engine import lecture

        return lecture.symbol(self.op)

    @property
    def _backward(self) -> Callable[[], None]:
        from tinygrad_edu.engine import lecture

        return lambda: lecture.pass_on(self)

    @_backward.setter
    def _backward(self, closure: Callable[[], None]) -> None:
        from tinygrad_edu.engine import lecture

        lecture.assign(self, closure)


def _numpys(name: str) -> Callable[..., Any]:
    def method(self: Any, *others: Any) -> Any:
        return TABLE[name](self, *others)

    method.__doc__ = f"Return {name} of this Value, by NumPy's name: its functions call this method."
    return method


NUMPY = {
    "arccos": "acos", "arcsin": "asin", "arctan": "atan", "arctan2": "atan2", "arccosh": "acosh",
    "arcsinh": "asinh", "arctanh": "atanh", "fabs": "abs", "rint": "round",
}  # fmt: skip
"""Operations that NumPy's functions ask an item of an array for by another name."""

for _name, _ours in NUMPY.items():
    setattr(Common, _name, _numpys(_ours))


class Elsewhere:
    """An attribute that other libraries have: reading it raises an error that says what to write."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, value: Any, owner: Any) -> NoReturn:
        raise AttributeError(str(UnknownNameError("attribute of Value", self.name, ())))


for _kind, _name in HINTS:
    if _kind == "attribute of Value":
        setattr(Common, _name, Elsewhere(_name))
