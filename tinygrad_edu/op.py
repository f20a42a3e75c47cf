"""What an operation is: a value, one local derivative per argument, and a way of writing it.

The operations themselves are declared in :mod:`tinygrad_edu.ops`.
"""

from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, Protocol, SupportsFloat, TypeVar, overload

from tinygrad_edu.engine import mypyc_attr
from tinygrad_edu.term import ATOM, SIGN, Term, one_line

TABLE: "dict[str, Op | Family]" = {}
"""Every operation by name, filled by :mod:`tinygrad_edu.ops`."""


class Recorder(Protocol):
    """Anything that records the operations applied to it, as ``Value`` does."""

    @staticmethod
    def _record(op: "Op", args: tuple[Any, ...]) -> Any: ...


R = TypeVar("R", bound=Recorder)


@mypyc_attr(native_class=False)
class DomainError(ValueError):
    """An operation was applied where it has no value.

    Attributes:
        values: the Values that it was applied to; none if it was applied to numbers.

    >>> from tinygrad_edu import log
    >>> log(-0.2)
    Traceback (most recent call last):
    tinygrad_edu.op.DomainError: log(x) with x = -0.2: log needs a positive argument
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.values: tuple[Any, ...] = ()
        self.__suppress_context__ = True  # what `from None` says, which mypyc does not hear

    def of_values(self, values: tuple[Any, ...]) -> "DomainError":
        """Return the error itself, once it knows the Values that the operation was applied to."""
        self.values = values
        return self


@mypyc_attr(native_class=False)
class DivisionByZeroError(DomainError, ZeroDivisionError):
    """A division by zero, in a value or in a slope (which would be infinite)."""


@mypyc_attr(native_class=False)
class TooLargeError(DomainError, OverflowError):
    """A result is larger than a float can hold."""


def as_float(number: SupportsFloat) -> float:
    """Return a real number of any kind (int, float, bool, Fraction, numpy scalar) as a float.

    Raises:
        TypeError: for anything else, text and lists included; the message says what to do instead.
        TooLargeError: for a number larger than any float.

    >>> as_float(3)
    3.0
    """
    try:
        if isinstance(number, int):  # the usual two, quickly
            return float(number)
        if isinstance(number, float):
            return float(number)
        real: Any = number
        if type(number).__module__ == "numpy" and getattr(number, "ndim", 1) == 0:
            real = real.item()  # numpy's own bool is not registered as a Real
        if isinstance(real, Real):
            return float(real)
    except OverflowError:
        raise TooLargeError(
            f"a Value holds a float, and this {type(number).__name__} is too large for one"
        ) from None
    if isinstance(number, str):
        advice = f"convert it first, as in float({number[:20]!r})"
    elif isinstance(number, Iterable):
        advice = "make one Value per number, as in [Value(x) for x in xs]"
    else:
        advice = "give an int, a float, a bool, a Fraction or a numpy scalar"
    raise TypeError(f"a Value holds one real number, not {type(number).__name__}: {advice}")


def as_text(label: Any) -> str:
    """Return a label, once it is sure that it is text.

    Raises:
        TypeError: for anything else.
    """
    if not isinstance(label, str):
        raise TypeError(f"a label is text, not {type(label).__name__}: give str(...) of it")
    return label


class Op:
    """One operation. Called with numbers it gives a number, called with Values a new Value.

    Attributes:
        name: its name in the table, and of the function and the method of ``Value``.
        value: computes the result from float arguments.
        slopes: gives one local derivative per argument, from the result and the arguments.
        samples: arguments inside its domain, away from kinks, where tests and docs try it.
        text: how it is written, a template for ``format`` (see ``Term``); where the number of
            arguments varies, a function from that number to the template.
        latex: the same in LaTeX.
        binding: how strongly the written form holds together, SIGN to ATOM.
        symbol: the short form shown in a picture.
        domain: what is wrong with arguments outside its domain, for the error message.
        parameter: the fixed number that tells members of a ``Family`` apart.

    >>> from tinygrad_edu.ops import mul
    >>> mul(3.0, 4.0), mul.slopes(12.0, 3.0, 4.0)
    (12.0, (4.0, 3.0))
    """

    def __init__(
        self,
        name: str,
        value: Callable[..., float],
        slopes: Callable[..., tuple[Any, ...]],
        samples: Sequence[tuple[float, ...]],
        text: str | Callable[[int], str] = "",
        latex: str | Callable[[int], str] = "",
        binding: int = ATOM,
        symbol: str = "",
        domain: str = "",
        parameter: float | None = None,
    ) -> None:
        self.name = name
        self.value = value
        self.slopes = slopes
        self.samples = samples
        self.text = text or f"{name}({{0}})"
        self.latex = latex or rf"\{name}\left({{0}}\right)"
        self.binding = binding
        self.symbol = symbol or name
        self.domain = domain
        self.parameter = parameter

    @overload  # an int or a float is no R, whatever mypy fears
    def __call__(self, *args: float) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *args: R | SupportsFloat) -> R: ...
    def __call__(self, *args: Any) -> Any:
        """Apply the operation to numbers (giving a float) or to Values (giving a Value)."""
        if len(args) != len(self.samples[0]):
            raise TypeError(f"{self.name} takes {len(self.samples[0])} argument(s), not {len(args)}")
        return self._apply(args)

    def _apply(self, args: tuple[Any, ...]) -> Any:
        for arg in args:
            record = None if isinstance(arg, float) else getattr(arg, "_record", None)
            if record is not None:
                return record(self, args)
        numbers = [as_float(arg) for arg in args]
        try:
            return self.value(*numbers)
        except (ArithmeticError, ValueError) as error:
            raise self.domain_error(error, numbers) from None

    def template(self, count: int, latex: bool = False) -> str:
        """Return the ``format`` template that writes the operation with ``count`` arguments."""
        form = self.latex if latex else self.text
        return form if isinstance(form, str) else form(count)

    def domain_error(
        self, error: Exception, numbers: Sequence[float], labels: Sequence[str] = (), of: str = "value"
    ) -> DomainError:
        """Return the error to raise for ``error``, which computing the value or the slopes raised."""
        known = [one_line(label) for label in labels] or [""] * len(numbers)
        letters = "xyzuvw" if len(numbers) <= 6 else [f"x{i}" for i in range(1, len(numbers) + 1)]
        free = iter([letter for letter in letters if letter not in known] + [""] * len(numbers))
        names = [label or next(free) for label in known]
        pairs = [(name, repr(number)) for name, number in zip(names, numbers, strict=True)]
        given = ", ".join(f"{name} = {number}" for name, number in pairs if name != number)
        terms = [Term(name, SIGN if name.startswith("-") else ATOM) for name in names]
        written = self.template(len(numbers)).format(*terms)
        attempt = f"{written[:200]} with {given[:200]}" if given else written
        if of == "slopes":
            attempt = f"{attempt}: the value exists, but its slope there is"
            if isinstance(error, OverflowError):
                return TooLargeError(f"{attempt} too large for a float")
            return DivisionByZeroError(f"{attempt} infinite")
        if isinstance(error, OverflowError):
            return TooLargeError(f"{attempt}: the result is too large for a float")
        if isinstance(error, ZeroDivisionError):
            return DivisionByZeroError(f"{attempt}: {self.domain}")
        return DomainError(f"{attempt}: {self.domain or error}")

    def __reduce__(self) -> Any:
        # The rules are lambdas; a copy or a pickle refers to the one entry of the table instead.
        return find, (self.name, self.parameter)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


def find(name: str, parameter: float | None = None) -> Op:
    """Return the operation of the table with this name; of a family, the member with this parameter."""
    entry = TABLE[name]
    return entry.of(parameter or 0.0) if isinstance(entry, Family) else entry


def operations() -> list[Op]:
    """Return every operation of the table, and of a family its examples.

    >>> from tinygrad_edu import ops
    >>> [entry.name for entry in operations()][:4]
    ['add', 'sub', 'mul', 'div']
    """
    entries: list[Op] = []
    for entry in TABLE.values():
        entries += [entry.of(p) for p in entry.examples] if isinstance(entry, Family) else [entry]
    return entries


class Power(Op):
    """``x ** y`` of two Values; with a plain number as ``y`` it is a member of the family ``power``.

    >>> from tinygrad_edu.ops import pow
    >>> pow(2.0, 0.5), pow(-2.0, 2)
    (1.4142135623730951, 4.0)
    """

    def __call__(self, *args: Any) -> Any:
        """Return the power; a plain number as exponent has no slope, and so the base may be negative."""
        if len(args) == 2 and not hasattr(args[1], "_record"):
            return TABLE["power"](*args)
        return super().__call__(*args)


class Reduction(Op):
    """An operation over a list of any length, or over two lists of the same length (``dot``).

    >>> from tinygrad_edu.ops import sum, dot
    >>> sum([1.0, 2.0, 3.0]), dot([1.0, 2.0], [3.0, 4.0])
    (6.0, 11.0)
    """

    @overload  # type: ignore[override]  # lists in place of arguments
    def __call__(self, *lists: Iterable[float]) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *lists: Iterable[R | SupportsFloat]) -> R: ...
    def __call__(self, *lists: Any) -> Any:
        """Apply the operation to the list or the two lists.

        Raises:
            TypeError: if there are more or fewer lists than it takes.
            ValueError: if two lists differ in length.
        """
        wanted = 2 if self.name == "dot" else 1
        if len(lists) != wanted:
            raise TypeError(f"{self.name} takes {wanted} list(s), not {len(lists)} argument(s)")
        args = tuple(lists[0])
        if wanted == 2:
            others = tuple(lists[1])
            if len(args) != len(others):
                raise ValueError(
                    f"{self.name} needs two lists of one length, not {len(args)} and {len(others)}"
                )
            args += others
        return self._apply(args)


class Family:
    """Operations that differ in one fixed number, as x ** 2 and x ** 3 do.

    The number belongs to the operation and is no argument, hence no edge of the graph: ``x ** 3`` has
    the one slope 3·x², for negative x too.

    >>> from tinygrad_edu.ops import power
    >>> power(-2.0, 3), power.of(3.0).slopes(-8.0, -2.0)
    (-8.0, (12.0,))
    """

    def __init__(
        self,
        name: str,
        member: Callable[[float], Op],
        examples: Sequence[float],
        default: float | None = None,
    ) -> None:
        self.name = name
        self._member = member
        self._members: dict[Any, Op] = {}
        self.examples = examples
        self.default = default

    def of(self, parameter: float) -> Op:
        """Return the member with this parameter, the same each time."""
        key = parameter if parameter == parameter else "NaN"  # no NaN equals another
        member = self._members.get(key)
        if member is None:
            if len(self._members) >= 1024:
                self._members.clear()
            member = self._members[key] = self._member(parameter + 0.0)  # -0.0 is equal to 0.0 and means it
        return member

    @overload
    def __call__(self, x: float, parameter: SupportsFloat | None = None) -> float: ...
    @overload
    def __call__(self, x: R, parameter: SupportsFloat | None = None) -> R: ...
    def __call__(self, x: Any, parameter: SupportsFloat | None = None) -> Any:
        """Apply the member with this parameter to a number or to a Value."""
        if hasattr(parameter, "_record"):
            advice = ": pow(x, y) takes two Values" if self.name == "power" else ""
            raise TypeError(f"the second argument of {self.name} is a plain number, not a Value{advice}")
        number = self.default if parameter is None else as_float(parameter)
        if number is None:
            raise TypeError(f"{self.name} takes two arguments, {self.name}(x, number)")
        return self.of(number)(x)

    def __repr__(self) -> str:
        return f"<operations {self.name}>"
