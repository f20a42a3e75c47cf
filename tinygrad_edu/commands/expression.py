"""An expression that a user typed, as Values: ``sigmoid(w*x + b)``.

The text is never given to Python. It is read here, by precedence climbing (Richards and Whitby-Strevens,
1979): an operator takes what stands to its right as far as that holds together more strongly than the
operator itself. Operators, functions and their binding strengths are those of the table of operations;
what the table cannot do, an expression cannot do.

Python's notation is read as Python reads it, and so is what this library prints: ``·  ×  −  ^  x²  ½``.
"""

import math
import re
from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import Any, NamedTuple, NoReturn, SupportsFloat, TypeVar

from tinygrad_edu import ops
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.engine.op import TABLE, Family, Op, Reduction
from tinygrad_edu.see.term import POWER, SUM
from tinygrad_edu.engine.value import Value

LONGEST = 10_000  # characters
DEEPEST = 60  # brackets, signs and powers inside each other: five nested calls each, of Python's 1,000

OPERATORS = {"+": ops.add, "-": ops.sub, "*": ops.mul, "/": ops.div, "**": ops.pow}
PRINTED = {"−": "-", "·": "*", "×": "*", "^": "**"}
DIGITS = {superscript: digit for digit, superscript in ops.SUPERSCRIPT.items()}
TOKEN = re.compile(
    r"""\s*(?: (?P<number> (?: [0-9]+ \.? [0-9]* | \.[0-9]+ ) (?: [eE] [+-]? [0-9]+ )? | ½ )
             | (?P<exponent> ⁻? [⁰¹²³⁴⁵⁶⁷⁸⁹]+ )
             | (?P<name> [^\W\d½⁰¹²³⁴⁵⁶⁷⁸⁹] [^\W½⁰¹²³⁴⁵⁶⁷⁸⁹]* )
             | (?P<sign> \*\* | =(?!=) | [-−+*·×/^(),;\[\]] )
             | (?P<unknown> == | . )
             | (?P<end> ) )""",
    re.VERBOSE | re.DOTALL,
)

Number = Value | float  # a float is what numbers alone come to, such as the exponent of x**(1/2)
Item = TypeVar("Item")


class ExpressionError(ValueError):
    """A text is no expression, or one without a value; the message says what is wrong, and where.

    Attributes:
        column: the position in the text, counted from 1; None for what is missing from all of it.
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
        text: numbers, names, ``+ - * / **``, brackets, and the table's functions, those over lists as in
            ``sum([a, b])``. An exponent computed from numbers alone is a constant: ``x**3`` has one edge.
        at: the numbers for the names that the expression does not compute.

    Raises:
        ExpressionError: if the text is anything else, a name has no number or a number no name, or an
            operation has no value there.
        TypeError: if a number in ``at`` is none.

    >>> parse("net = w*x + b; y = sigmoid(net)", {"w": 0.5, "x": 2, "b": -1})
    Value(data=0.5, grad=0.0, label='y')
    >>> parse("½(target − out)²", {"target": 1, "out": 0.5}).data
    0.125
    >>> parse("2*tahn(w)", {"w": 0.5})
    Traceback (most recent call last):
    tinygrad_edu.commands.expression.ExpressionError: column 3: there is no function 'tahn': did you mean tan or tanh?
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
        number = 0.5 if self.text == "½" else float(self.text.translate(DIGITS))
        return number if math.isfinite(number) else self.fail(f"{self.text} is too large for a float")

    def apply(self, operation: Op | Family, *arguments: Any) -> Number:
        try:
            result: Number = operation(*arguments)
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
        # What Python would not take as a name, or keeps for itself
        name = token.text if kind == "name" else "name"
        if not name.isidentifier() or iskeyword(name) or name.startswith("__"):
            token.fail(f"{name!r} cannot be a name")
        tokens.append(token)
    return tokens


class _Reader:
    """Reads a text from left to right, and computes what it has read."""

    def __init__(self, text: str, at: Mapping[str, SupportsFloat]) -> None:
        self.tokens = _tokens(text)
        self.place = 0
        self.depth = 0
        self.at = at
        self.values: dict[str, Value] = {}  # those with a name, as far as the text was read

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

    def expression(self, weakest: int = SUM) -> Number:
        """Read operands and operators as long as the operators bind as strongly as ``weakest``."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.token.fail(f"nested more than {DEEPEST} levels deep")
        left = self.operand()
        while (operator := OPERATORS.get(self.token.text)) and operator.binding >= weakest:
            token = self.take("sign")
            # a - b - c is (a - b) - c, but a ** b ** c is a ** (b ** c)
            right = self.expression(operator.binding + (operator is not ops.pow))
            left = token.apply(operator, left, right)
        self.depth -= 1
        return left

    def operand(self) -> Number:
        token = self.token
        if self.accept("-"):
            return token.apply(ops.neg, self.expression(POWER))  # -x² is -(x²)
        if self.accept("("):
            result = self.expression()
            self.expect(")")
        elif token.kind == "number":
            result = self.take("number").number()
            if token.text == "½" and (self.token.kind == "name" or self.token.text == "("):
                return token.apply(ops.mul, result, self.expression(POWER))  # ½(a − b)²
        elif token.kind == "name":
            result = self.call() if self.is_before("(") else self.variable()
        else:
            token.unexpected("a number, a name or '('")
        if self.token.kind == "exponent":
            exponent = self.take("exponent")
            result = exponent.apply(ops.power, result, exponent.number())
        return result

    def variable(self) -> Value:
        token, name = self.token, self.name(taken={})
        if name not in self.values:
            if name not in self.at:
                near = UnknownNameError("Value called", name, {**self.at, **self.values}).nearest
                hint = f" (did you mean {near[0]}?)" if near else ""
                token.fail(f"{name} has no value: give it with --at {name}=...{hint}")
            self.values[name] = Value(self.at[name], label=name)
        return self.values[name]

    def call(self) -> Number:
        token = self.take("name")
        function = TABLE.get(token.text) or token.fail(UnknownNameError("function", token.text, TABLE))
        self.expect("(")
        arguments = self.listed(")", self.argument)
        types = [type(argument) for argument in arguments]
        if isinstance(function, Reduction):
            if list not in types:
                arguments = [arguments]  # logsumexp(a, b), as formulas print it
            elif {*types} != {list}:
                token.fail(f"{token.text} takes lists only")
        elif list in types:
            token.fail(f"{token.text} takes no list")
        elif isinstance(function, Family) and (len(types) > 2 or Value in types[1:]):
            token.fail(f"{token.text} takes one argument and a plain number, as in {token.text}(x, 2)")
        return token.apply(function, *arguments)

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
