"""An expression that a user typed, as Values: ``sigmoid(w*x + b)``.

The text is never given to Python. It is read here, by precedence climbing (Richards and Whitby-Strevens,
1979): an operator takes as its right operand everything of higher precedence. Operators and functions
are those of the table of operations, and a user's own; their precedence is that of their written forms.

Python's notation has Python's meaning. What this library prints is read too: ``·  ×  −  ^  x²  ½  x₁``.
"""

import math
import re
from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import Any, NamedTuple, NoReturn, SupportsFloat, TypeVar

from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.engine.rules import add, div, mul, neg, pow, power, sub
from tinygrad_edu.engine.value import Value
from tinygrad_edu.program.forms import POWER, SUM, precedence

LONGEST = 10_000  # characters
DEEPEST = 60  # brackets, signs and powers inside each other: five nested calls each, of Python's 1,000

OPERATORS = {"+": add, "-": sub, "*": mul, "/": div, "**": pow}
PRINTED = {"−": "-", "·": "*", "×": "*", "^": "**"}
CONSTANTS = {"e": math.e, "pi": math.pi, "π": math.pi}
"""Names that are numbers, unless the text or ``at`` gives them another."""
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
TOKEN = re.compile(
    r"""\s*(?: (?P<number> (?: [0-9]+ \.? [0-9]* | \.[0-9]+ ) (?: [eE] [+-]? [0-9]+ )? | ½ )
             | (?P<exponent> ⁻? [⁰¹²³⁴⁵⁶⁷⁸⁹]+ )
             | (?P<name> [^\W\d½⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉] [^\W½⁰¹²³⁴⁵⁶⁷⁸⁹]* )
             | (?P<sign> \*\* | =(?!=) | [-−+*·×/^(),;\[\]] )
             | (?P<unknown> == | . )
             | (?P<end> ) )""",
    re.VERBOSE | re.DOTALL,
)

Number = Value | float  # a float is the result of plain numbers alone, such as the exponent of x**(1/2)
Item = TypeVar("Item")


class ExpressionError(ValueError):
    """A text is not an expression, or has no value; the message says what is wrong, and where.

    Args:
        problem: what is wrong.
        column: the position in the text, counted from 1; None if the problem has no position.
    """

    def __init__(self, problem: str, column: int | None = None) -> None:
        self.column = column
        shown = re.sub(r"(\w{40})\w+", r"\1…", problem)  # a name may be as long as the text
        super().__init__(f"column {column}: {shown}" if column else shown)


def parse(text: str, at: Mapping[str, SupportsFloat]) -> Value:
    """Return the Value of an expression, computed by the operations of the table.

    Each name becomes one leaf, labelled with it. ``name = expression`` labels a result, and statements
    separated by ``;`` may use the results before them; the last one is returned.

    Args:
        text: numbers, names, ``+ - * / **``, brackets, and functions of the table, with their parameters
            as in ``clip(x, -1, 1)`` and lists as in ``max([a, b])``. ``e`` and ``pi`` are numbers. An
            exponent computed from numbers alone is a constant: ``x**3`` has one edge.
        at: the numbers for the names that the expression does not compute.

    Raises:
        ExpressionError: if the text is anything else, a name has no number or a number no name, or an
            operation has no value there.
        TypeError: if something in ``at`` is not a number.

    >>> parse("net = w*x + b; y = sigmoid(net)", {"w": 0.5, "x": 2, "b": -1})
    Value(data=0.5, grad=0.0, label='y')
    >>> parse("½(target − out)²", {"target": 1, "out": 0.5}).data
    0.125
    >>> parse("leaky_relu(-x₁, 0.2)", {"x₁": 3}).data
    -0.6000000000000001
    >>> parse("2*tahn(w)", {"w": 0.5})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tinygrad_edu.commands.expression.ExpressionError: column 3: there is no function 'tahn': did you mean ...
    """
    reader = _Reader(text, at)
    result = reader.statement()
    while reader.accept(";") and reader.token.kind != "end":
        result = reader.statement()
    reader.expect("", "an operator, ';' or the end")
    for name in at:
        if name not in reader.values:
            error = UnknownNameError("Value in the expression called", name, reader.values)
            raise ExpressionError(str(error))
    return result


def parse_numbers(text: str) -> dict[str, float]:
    """Return the numbers that a text gives to names.

    Raises:
        ExpressionError: if the text is anything but ``name=number`` and commas, or gives one name twice.

    >>> parse_numbers("w=0.4, x=1, b=-2e-3")
    {'w': 0.4, 'x': 1.0, 'b': -0.002}
    """
    reader = _Reader(text, {})
    numbers: dict[str, float] = {}
    while not numbers or reader.accept(","):
        name = reader.name(numbers)
        reader.expect("=")
        sign = -1.0 if reader.accept("-") else 1.0
        if sign > 0:
            reader.accept("+")
        numbers[name] = sign * reader.take("number").number()
    reader.expect("", "',' or the end")
    return numbers


class _Token(NamedTuple):
    kind: str
    text: str  # "" at the end
    column: int

    def fail(self, problem: object) -> NoReturn:
        raise ExpressionError(str(problem), self.column)

    def unexpected(self, wanted: str) -> NoReturn:
        self.fail(f"expected {wanted}, not {repr(self.text) if self.text else 'the end'}")

    def number(self) -> float:
        number = 0.5 if self.text == "½" else float(self.text.translate(SUPERSCRIPTS))
        return number if math.isfinite(number) else self.fail(f"{self.text} is too large for a float")

    def apply(self, op: Op, *arguments: Any) -> Number:
        try:
            result: Number = op(*arguments)
        except (TypeError, ValueError) as error:  # a wrong number of arguments, or outside the domain
            self.fail(error)
        return result


def _tokens(text: str) -> list[_Token]:
    if len(text) > LONGEST:
        raise ExpressionError(f"longer than {LONGEST:,} characters", LONGEST + 1)
    tokens: list[_Token] = []
    for match in TOKEN.finditer(text):
        kind = str(match.lastgroup)
        token = _Token(kind, PRINTED.get(match[kind], match[kind]), match.start(kind) + 1)
        if kind == "unknown":
            token.fail(f"{token.text!r} has no meaning in an expression")
        if kind == "name" and not _is_name(token.text):
            token.fail(f"{token.text!r} cannot be a name")
        tokens.append(token)
    return tokens


def _is_name(text: str) -> bool:
    """Return whether Python would accept it as a name, with digits in place of subscripts."""
    plain = text.translate(SUBSCRIPTS)
    return plain.isidentifier() and not iskeyword(plain) and not plain.startswith("__")


class _Reader:
    """Reads a text from left to right, and computes what it has read."""

    def __init__(self, text: str, at: Mapping[str, SupportsFloat]) -> None:
        self.tokens = _tokens(text)
        self.place = 0
        self.depth = 0
        self.at = at
        self.values: dict[str, Value] = {}  # those with a name, so far

    @property
    def token(self) -> _Token:
        return self.tokens[self.place]

    def is_before(self, sign: str) -> bool:
        """Return whether a name comes next, and ``sign`` after it."""
        return self.token.kind == "name" and self.tokens[self.place + 1].text == sign

    def take(self, kind: str) -> _Token:
        if self.token.kind != kind:
            self.token.unexpected(f"a {kind}")
        self.place += 1
        return self.tokens[self.place - 1]

    def accept(self, sign: str) -> bool:
        found = self.token.text == sign
        self.place += found
        return found

    def expect(self, sign: str, wanted: str = "") -> None:
        if not self.accept(sign):
            self.token.unexpected(wanted or repr(sign))

    def name(self, taken: Mapping[str, object]) -> str:
        token = self.take("name")
        if token.text in TABLE:
            token.fail(f"{token.text} is a function and needs brackets after it")
        if token.text in taken:
            token.fail(f"{token.text} has a value already")
        return token.text

    def statement(self) -> Value:
        token = self.token
        label = self.name({**self.at, **self.values}) if self.is_before("=") else ""
        if label:
            self.expect("=")
        result = self.expression()
        value = result if isinstance(result, Value) else Value(result)
        if label:
            if value.label:
                token.fail(f"{value.label} would get a second name, {label}")
            value.label = label
            self.values[label] = value
        return value

    def expression(self, least: int = SUM) -> Number:
        """Read operands and operators, as long as the precedence of these is at least ``least``."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.token.fail(f"nested more than {DEEPEST} levels deep")
        left = self.operand()
        while (op := OPERATORS.get(self.token.text)) and precedence(op) >= least:
            token = self.take("sign")
            # a - b - c is (a - b) - c, but a ** b ** c is a ** (b ** c)
            right = self.expression(precedence(op) + (op is not pow))
            is_constant = op is pow and not isinstance(right, Value)
            left = token.apply(power if is_constant else op, left, right)
        self.depth -= 1
        return left

    def operand(self) -> Number:
        token = self.token
        if self.accept("-"):
            return token.apply(neg, self.expression(POWER))  # -x² is -(x²)
        if self.accept("+"):
            return self.expression(POWER)
        if self.accept("("):
            result = self.expression()
            self.expect(")")
        elif token.kind == "number":
            result = self.take("number").number()
            if token.text == "½" and (self.token.kind == "name" or self.token.text == "("):
                return token.apply(mul, result, self.expression(POWER))  # ½(a − b)²
        elif token.kind == "name":
            result = self.call() if self.is_before("(") else self.variable()
        else:
            token.unexpected("a number, a name or '('")
        if self.token.kind == "exponent":
            exponent = self.take("exponent")
            result = exponent.apply(power, result, exponent.number())
        return result

    def variable(self) -> Number:
        token, name = self.token, self.name(taken={})
        if name not in self.values:
            if name in CONSTANTS and name not in self.at:
                return CONSTANTS[name]
            if name not in self.at:
                near = UnknownNameError("Value called", name, {**self.at, **self.values}).nearest
                hint = f" (did you mean {near[0]}?)" if near else ""
                token.fail(f"{name} has no value: give it with --at {name}=...{hint}")
            self.values[name] = Value(self.at[name], label=name)
        return self.values[name]

    def call(self) -> Number:
        token = self.take("name")
        op = TABLE.get(token.text) or token.fail(UnknownNameError("function", token.text, TABLE))
        self.expect("(")
        arguments = self.listed(")", self.argument)
        lists = [isinstance(argument, list) for argument in arguments]
        if op.over_lists and not any(lists):
            arguments = [arguments]  # max(a, b), as formulas print it
        elif op.over_lists and not all(lists):
            token.fail(f"{token.text} takes lists only")
        elif any(lists) and not op.over_lists:
            token.fail(f"{token.text} takes no list")
        return token.apply(op, *arguments)

    def argument(self) -> Any:
        return self.listed("]", self.expression) if self.accept("[") else self.expression()

    def listed(self, closing: str, read: Callable[[], Item]) -> list[Item]:
        """Read items with commas between them, up to the closing bracket."""
        items: list[Item] = []
        while not self.accept(closing):
            if items:
                self.expect(",", f"',' or '{closing}'")
            items.append(read())
        return items
