"""The rules of the table, printed as C for the engine that is compiled.

A rule is run on terms, which write down what it does with them. Where it asks whether one number is
larger than another, it is run once for either answer, and an ``if`` is printed.

>>> from tinygrad_edu.engine.rules import tanh
>>> print(function(tanh))
static bool rule_tanh(Edge *e, Py_ssize_t n, const double *p, double *z)
{
    const double x0 = e[0].slope;
    bool ok = true;
    const double t1 = tanh(x0);
    const double t2 = t1 * t1;
    ok &= isfinite(t2);
    const double t3 = 1.0 - t2;
    e[0].slope = t3;
    *z = t1;
    (void)n, (void)p;
    return ok && isfinite(t1) && isfinite(t3);
}

Such a function finds the numbers of the arguments where it leaves the local derivatives. It returns false
if something is not finite on the way: there the engine calls the Python rule, which returns or raises.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any
from zlib import crc32

from tinygrad_edu.engine import rules
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.engine.value import Value, expect_current, topological_order

SAID = {"floor": "(floor({}) + 0.0)", "ceil": "(ceil({}) + 0.0)", "round": "(rint({}) + 0.0)"}
"""How C says the operations whose rule is a Python function of floats; -0.0 becomes 0.0 as in Python."""

LISTS = {"sum", "mean", "dot", "logsumexp"}
"""The operations over lists that C knows; the others call their Python rule."""


class Unsayable(Exception):
    """A rule does something that cannot be printed."""


class Question(Exception):
    """A rule asks whether something holds, and the answer is not assumed yet."""


class Condition:
    """A comparison of two terms."""

    def __init__(self, writer: "Writer", text: str) -> None:
        self.writer, self.text = writer, text

    def __bool__(self) -> bool:
        if self.text not in self.writer.answers:
            raise Question(self.text)
        return self.writer.answers[self.text]


def _operator(sign: str, swapped: bool = False) -> Any:
    return lambda x, y: x.writer.combine(sign, *((y, x) if swapped else (x, y)))


def _comparison(sign: str) -> Any:
    def compared(x: "Number", y: Any) -> Condition:
        if x.varies or getattr(y, "varies", False):
            raise Unsayable("a question about an item of a list")
        return Condition(x.writer, f"{x} {sign} {x.writer.text(y)}")

    return compared


class Number:
    """A number in C, known by its text. One that ``varies`` differs for each item of the lists."""

    def __init__(self, writer: "Writer", text: str, varies: bool = False) -> None:
        self.writer, self.text, self.varies = writer, text, varies

    __add__, __radd__ = _operator("+"), _operator("+", True)
    __sub__, __rsub__ = _operator("-"), _operator("-", True)
    __mul__, __rmul__ = _operator("*"), _operator("*", True)
    __truediv__, __rtruediv__ = _operator("/"), _operator("/", True)
    __lt__, __le__, __gt__, __ge__ = map(_comparison, ("<", "<=", ">", ">="))
    __eq__, __ne__ = _comparison("=="), _comparison("!=")
    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> "Number":
        return self.writer.made(f"-{self}", self)

    def __bool__(self) -> bool:
        return bool(self != 0.0)

    def __str__(self) -> str:
        return self.text


class Term(Number):
    """A number that depends on the arguments of the operation."""

    @staticmethod
    def _record(op: Op, args: Sequence[Any]) -> Any:
        writer: Writer = next(arg.writer for arg in args if isinstance(arg, Term))
        return writer.applied(op, args)


class Parameter(Number):
    """A number that depends on the parameters alone: where an operation wants a plain number, a name."""

    def __float__(self) -> float:
        return self.writer.name_of(self)


Real.register(Parameter)


class Row:
    """A list of arguments, of which one item stands for all."""

    def __init__(self, writer: "Writer", number: int) -> None:
        self.item = Term(writer, f"@{number}", True)
        self.length = Term(writer, "(double)n")

    def __iter__(self) -> Iterator[Term]:
        return iter([self.item])


class Writer:
    """Writes one function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.answers: dict[str, bool] = {}
        self._made: dict[Any, Number] = {}
        self._names: dict[float, Parameter] = {}
        self._count = 0
        self._kept = ""  # what is left where the local derivatives will be

    def fresh(self) -> str:
        """Return a name for one more number."""
        self._count += 1
        return f"t{self._count}"

    def text(self, number: Any) -> str:
        """Return a number of the rule in C."""
        if isinstance(number, Number):
            return number.text
        number = float(number)
        if number in self._names:
            return self._names[number].text
        if not math.isfinite(number):
            return "NAN" if number != number else "INFINITY" if number > 0 else "(-INFINITY)"
        return f"({number!r})" if number < 0 else repr(number)

    def name_of(self, parameter: Parameter) -> float:
        """Return a number that stands for a parameter where Python wants a float."""
        for name, known in self._names.items():
            if known.text == parameter.text:
                return name
        name = 1.2345678901234567e300 + 1e290 * len(self._names)
        self._names[name] = parameter
        return name

    def made(self, expression: str, *parts: Any) -> Number:
        """Return the number that an expression of these parts is, written once."""
        if any(isinstance(part, Number) and part.varies for part in parts):
            return Term(self, f"({expression})", True)
        kind = Term if any(isinstance(part, Term) for part in parts) else Parameter
        if expression not in self._made:
            self._made[expression] = kind(self, self.fresh())
            self.lines.append(f"const double {self._made[expression]} = {expression};")
        return kind(self, str(self._made[expression]))

    def combine(self, sign: str, x: Any, y: Any) -> Number:
        """Return x + y, x - y, x * y or x / y; 0.0 + an item of a list is the sum over the list."""
        if sign == "+" and not isinstance(x, Number) and x == 0.0 and y.varies:
            return self._sum(y)
        if sign == "/" and isinstance(y, Number):
            if y.varies:
                raise Unsayable("division by an item of a list")
            self.require(f"{y} != 0.0")
        return self.made(f"{self.text(x)} {sign} {self.text(y)}", x, y)

    def require(self, condition: str) -> None:
        """Print that the Python rule is asked unless this holds."""
        line = f"ok &= {condition};"
        if line not in self._made:
            self._made[line] = Term(self, "")
            self.lines.append(line)

    def applied(self, op: Op, args: Sequence[Any]) -> Any:
        """Return what an operation makes of these numbers, inside of a rule."""
        z = self.result(op, args)
        if isinstance(z, Number) and not z.varies:  # what varies is summed, or a slope: tested there
            self.require(f"isfinite({z})")
        return z

    def result(self, op: Op, args: Sequence[Any], parameters: Mapping[str, Any] = {}) -> Any:
        """Return what the value of an operation makes of these numbers."""
        value = op.written[0]
        said = ", ".join(map(self.text, args))
        if op.name in SAID:
            return self.made(SAID[op.name].format(said), *args)
        if getattr(value, "__module__", "") == "math":
            return self.made(f"{value.__name__}({said})", *args)
        if op.name == "maximum" and self.text(args[0]) == "(-INFINITY)" and getattr(args[1], "varies", False):
            return self._largest(op, args[1])
        parameters = parameters or {name: self._names.get(x, x) for name, x in op.parameters.items()}
        key = (op.name, said, *map(self.text, parameters.values()))
        if key not in self._made:
            # As an argument a parameter is a number like any other: operations of the table take it.
            row = [Term(self, arg.text) if isinstance(arg, Parameter) else arg for arg in args]
            (self._made[key],) = self.decided(lambda: [value(*row, **parameters)])
        return self._made[key]

    def decided(self, compute: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        """Return the numbers that a rule gives, with an ``if`` for each question that it asks."""
        try:
            return compute()
        except Question as question:
            condition = str(question)
        outside = self.lines, self._made, self.answers
        branches = []
        for answer in (True, False):
            self.lines, self._made, self.answers = [], {**outside[1]}, {**outside[2], condition: answer}
            try:
                results: Any = self.decided(compute)
            except (ArithmeticError, ValueError):  # the Python rule raises it again
                results = None
                self.lines.append("ok = false;")
            branches.append((self.lines, results))
        self.lines, self._made, self.answers = outside
        width = next((len(results) for _, results in branches if results is not None), 0)
        if not width:
            raise ValueError
        names = [self.fresh() for _ in range(width)]
        self.lines.append(f"double {', '.join(names)};")
        for head, (lines, results) in zip([f"if ({condition}) {{", "} else {"], branches, strict=True):
            numbers = ["NAN"] * width if results is None else map(self.text, results)
            lines += [f"{name} = {number};" for name, number in zip(names, numbers, strict=True)]
            self.lines += [head, *indented(lines)]
        self.lines.append("}")
        return [Term(self, name) for name in names]

    # --- Over lists ---

    def placed(self, line: str) -> str:
        """Return a line with the places of @0, … (an item of each list) and #0, … (its slope)."""
        for number in range(line.count("@") + line.count("#") + 2):
            place = f"e[{number} * n + i]" if number else "e[i]"
            line = line.replace(self._kept, "#0") if self._kept else line
            line = line.replace(f"@{number}", f"{place}.arg->data" if self._kept else f"{place}.slope")
            line = line.replace(f"#{number}", f"{place}.slope")
        return line

    def loop(self, *lines: str) -> None:
        """Print a loop over the items of the lists."""
        self.lines += ["for (Py_ssize_t i = 0; i < n; i++) {", *indented(list(map(self.placed, lines))), "}"]

    def _sum(self, item: Number) -> Number:
        key = ("sum", item.text)
        if key not in self._made:
            name = self.fresh()
            self.lines.append(f"double {name} = 0.0;")
            if "(@" in item.text and not self._kept and any(c.isalpha() for c in item.text):
                self.loop(f"#0 = {item};", f"{name} = {name} + #0;")
                self._kept = item.text
            else:
                self.loop(f"{name} = {name} + {item};")
            self._made[key] = Term(self, name)
            self.require(f"isfinite({name})")
        return self._made[key]

    def _largest(self, op: Op, item: Number) -> Number:
        key = ("largest", item.text)
        if key not in self._made:
            name, each = self.fresh(), self.fresh()
            self.lines.append(f"double {name} = -INFINITY;")
            outside = self.lines, self._made
            self.lines, self._made = [], {**outside[1]}
            larger = self.result(op, (Term(self, name), Term(self, each)))
            inside = [f"const double {each} = {item};", *self.lines, f"{name} = {larger};"]
            self.lines, self._made = outside
            self.loop(*inside)
            self._made[key] = Term(self, name)
            self.require(f"isfinite({name})")
        return self._made[key]


def indented(lines: Sequence[str]) -> list[str]:
    """Return lines of C one level further in."""
    return [f"    {line}" for line in lines]


_MADE = re.compile(r" *const double (\w+) =")


def needed(lines: Sequence[str]) -> list[str]:
    """Return the lines without numbers that nothing uses: a rule may compute more than its answers need."""
    while True:
        words = Counter(re.findall(r"\w+", "\n".join(lines)))
        kept = [line for line in lines if not ((made := _MADE.match(line)) and words[made[1]] == 1)]
        if len(kept) == len(lines):
            return kept
        lines = kept


def function(op: Op) -> str:
    """Return the C function of an operation.

    Raises:
        Unsayable: if its rule does something that cannot be printed.
    """
    try:
        lines = _over_lists(op) if op.over_lists else _scalar(op)
    except (TypeError, AttributeError) as error:
        raise Unsayable(str(error)) from None
    head = f"static bool rule_{op.name}(Edge *e, Py_ssize_t n, const double *p, double *z)"
    return "\n".join([head, "{", *indented(needed(lines)), "}"])


def _scalar(op: Op) -> list[str]:
    writer = Writer()
    args = [Term(writer, f"x{i}") for i in range(op.arity)]
    parameters = {name: Parameter(writer, f"p[{i}]") for i, name in enumerate(op.takes)}
    z = writer.result(op, args, parameters)
    slopes = writer.decided(lambda: op.written[1](z, *args, **parameters))
    outputs = list(map(writer.text, slopes))
    finite = [number for number in (z, *slopes) if isinstance(number, Number) or not math.isfinite(number)]
    conditions = dict.fromkeys(["ok", *(f"isfinite({writer.text(number)})" for number in finite)])
    return [
        *[f"const double {x} = e[{i}].slope;" for i, x in enumerate(args)],
        "bool ok = true;",
        *writer.lines,
        *[f"e[{i}].slope = {output};" for i, output in enumerate(outputs)],
        f"*z = {writer.text(z)};",
        "(void)n, (void)p;",
        f"return {' && '.join(conditions)};",
    ]


def _over_lists(op: Op) -> list[str]:
    if op.name not in LISTS:
        raise Unsayable(op.name)
    writer = Writer()
    rows = [Row(writer, i) for i in range(op.arity)]
    value, slopes = op.written
    z = value(*rows)
    if not isinstance(z, Term) or z.varies:
        raise Unsayable(f"the value of {op.name} is no sum over its list")
    items = [next(iter(row)) for row in slopes(z, *rows)]
    names = [writer.fresh() for _ in items]
    writer.loop(
        *[f"const double {name} = {writer.text(item)};" for name, item in zip(names, items, strict=True)],
        *[f"ok &= isfinite({name});" for name in names],
        *[f"#{i} = {name};" for i, name in enumerate(names)],
    )
    return [
        f"n /= {op.arity};",
        "bool ok = n > 0;",
        *writer.lines,
        f"*z = {z};",
        "(void)p;",
        f"return ok && isfinite({z});",
    ]


def header() -> str:
    """Return the C header with the functions of all operations that C can say, and the docstrings."""
    functions: list[str] = []
    entries: dict[bool, list[str]] = {True: [], False: []}
    for op in TABLE.values():
        try:
            functions.append(function(op))
        except Unsayable:
            continue
        over_lists = "true" if op.over_lists else "false"
        entries[op.over_lists].append(f"X({op.name}, {op.arity}, {len(op.takes)}, {over_lists})")
    most = max(len(op.takes) for op in TABLE.values())
    scalar, lists = (" \\\n    ".join(entries[over_lists]) for over_lists in (False, True))
    tables = [
        f"#define RULES_CHECKSUM {crc32(Path(rules.__file__).read_bytes())}L",
        f"#define PARAMETERS {most}",
        f"#define SCALAR_RULES(X) \\\n    {scalar}",
        f"#define RULES(X) SCALAR_RULES(X) \\\n    {lists}",
    ]
    return "\n\n".join([*functions, *tables, *_docstrings()]) + "\n"


def _docstrings() -> Iterator[str]:
    documented = {
        "Value": Value,
        "topological_order": topological_order,
        "expect_current": expect_current,
    }
    methods = ["backward", "forward", "zero_grad"]
    attributes = ["data", "grad", "label", "group", "op", "args", "slopes", "is_constant"]
    for name in methods + attributes:
        documented[name] = getattr(Value, name)
    for name, thing in documented.items():
        text = "".join(
            chr(byte) if 32 <= byte < 127 and chr(byte) not in '"?\\' else f"\\{byte:03o}"
            for byte in (thing.__doc__ or "").encode()
        )
        yield f"#define DOC_{name} " + (f'"{text}"' if text else "NULL")


if __name__ == "__main__":
    print(header(), end="")
