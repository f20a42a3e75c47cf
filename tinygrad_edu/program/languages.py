r"""Languages: how each primitive operation is said in one, and how statements are written down.

An operation that is no primitive has a value that is an expression over the table: it is said by its
parts. So a language needs the primitives only; where it has a word for something else, it may use it.
Text that is generated consists of names v1, v2, …, numbers, and the words of these tables; a label
stands in it only as a comment, without any character that could end one.

>>> from tinygrad_edu.program.statements import Pool, Program
>>> x = Pool().input("x")
>>> lines, results = write(Program([x], [x / (1.0 + abs(x)) * x]), PYTHON)
>>> print(*lines, results, sep="\n")
v2 = v1/(1.0 + fabs(v1))*v1
['v2']
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.op import Op
from tinygrad_edu.program.forms import ATOM, PRODUCT, SIGN, SUM, Term
from tinygrad_edu.program.statements import Pool, Program, Statement

_LONGEST = 12
"""The operations in one line, at most: compilers recurse over what is nested."""


class Language(NamedTuple):
    """How statements are written in a language.

    Attributes:
        said: each primitive as a format string of its arguments. An argument that it mentions once may be
            an expression; one that it mentions twice, or as ``{0:NAME}``, is a name.
        infinity: the word for infinity.
        nan: the word for not a number.
        helpers: text to stand above, by the word that needs it.
        line: a statement, as a format string of its name and its expression.
        comment: what begins a comment.
        boxed: a number as the argument of a function, as a format string.
    """

    said: dict[str, str]
    infinity: str
    nan: str
    helpers: dict[str, str]
    line: str = "{} = {}"
    comment: str = "#"
    boxed: str = "{}"


_OPERATORS = {
    "add": "{0:SUM} + {1:PRODUCT}",
    "sub": "{0:SUM} - {1:PRODUCT}",
    "mul": "{0:PRODUCT}*{1:POWER}",
    "div": "{0:PRODUCT}/{1:POWER}",
    "neg": "-{0:PRODUCT}",
}
_PRECEDENCE = {"add": SUM, "sub": SUM, "mul": PRODUCT, "div": PRODUCT, "neg": SIGN}
_FUNCTIONS = [
    "sqrt", "cbrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "floor", "ceil",
]  # fmt: skip


def _functions(prefix: str, **differently: str) -> dict[str, str]:
    """Return the operators, and the functions of one argument, which most languages call by the same names."""
    functions = {name: f"{prefix}{differently.get(name, name)}({{0}})" for name in _FUNCTIONS}
    return _OPERATORS | functions


# fmt: off
# ruff: noqa: E501
PYTHON = Language(_functions("") | {
    "floor":   "float(floor({0}))",
    "ceil":    "float(ceil({0}))",
    "round":   "float(round({0}))",
    "abs":     "fabs({0})",
    "pow":     "pow({0}, {1})",
    "atan2":   "atan2({0}, {1})",
    "step":    "(1.0 if {0} > 0.0 else 0.0 if {0} <= 0.0 else nan)",
    "greater": "(1.0 if {0} > {1} else 0.0 if {0} <= {1} else nan)",
    "where":   "({2:NAME} if not {0} else {1:NAME} if {0} == {0} else {0})",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "minimum": "({0} if {0} <= {1} or {0} != {0} else {1})",
}, "inf", "nan", {})

NUMPY = Language(_functions("np.", asin="arcsin", acos="arccos", atan="arctan", asinh="arcsinh", acosh="arccosh", atanh="arctanh") | {
    "erf":     "erf({0})",
    "erfc":    "erfc({0})",
    "round":   "np.rint({0})",
    "abs":     "np.abs({0})",
    "pow":     "np.power({0}, {1})",
    "atan2":   "np.arctan2({0}, {1})",
    "step":    "np.heaviside({0}, 0.0)",
    "greater": "np.where({0} > {1}, 1.0, np.where({0} <= {1}, 0.0, np.nan))",
    "where":   "np.where({0} == {0}, np.where({0}, {1}, {2}), {0})",
    "relu":    "np.maximum({0}, 0.0)",
    "maximum": "np.maximum({0}, {1})",
    "minimum": "np.minimum({0}, {1})",
}, "np.inf", "np.nan", helpers={
    "erf":  "erf = np.vectorize(math.erf, otypes=[float])",
    "erfc": "erfc = np.vectorize(math.erfc, otypes=[float])",
})

C = Language(_functions("") | {
    "round":   "nearbyint({0})",
    "abs":     "fabs({0})",
    "pow":     "pow({0}, {1})",
    "atan2":   "atan2({0}, {1})",
    "step":    "({0} > 0.0 ? 1.0 : {0} <= 0.0 ? 0.0 : NAN)",
    "greater": "({0} > {1} ? 1.0 : {0} <= {1} ? 0.0 : NAN)",
    "where":   "({0} != {0} ? {0} : {0} ? {1} : {2})",
    "maximum": "({0} >= {1} || {0} != {0} ? {0} : {1})",
    "minimum": "({0} <= {1} || {0} != {0} ? {0} : {1})",
}, "INFINITY", "NAN", {}, "const double {} = {};", "//")

JAVASCRIPT = Language(_functions("Math.") | {
    "erf":     "erf({0})",
    "erfc":    "erfc({0})",
    "round":   "roundEven({0})",
    "abs":     "Math.abs({0})",
    "pow":     "Math.pow({0}, {1})",
    "atan2":   "Math.atan2({0}, {1})",
    "step":    "({0} > 0.0 ? 1.0 : {0} <= 0.0 ? 0.0 : NaN)",
    "greater": "({0} > {1} ? 1.0 : {0} <= {1} ? 0.0 : NaN)",
    "where":   "({0} !== {0} ? {0} : {0} ? {1} : {2})",
    "maximum": "({0} >= {1} || {0} !== {0} ? {0} : {1})",
    "minimum": "({0} <= {1} || {0} !== {0} ? {0} : {1})",
}, "Infinity", "NaN", line="const {} = {};", comment="//", helpers={
    "roundEven": """\
function roundEven(x) {  // to the nearest whole number, halves to the even one
  const below = Math.floor(x), rest = x - below;
  return rest < 0.5 ? below : rest > 0.5 ? below + 1 : below % 2 === 0 ? below : below + 1;
}""",
    "erf": """\
function erf(x) {  // 2/sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (1·3·…·(2n+1)), or 1 - erfc(x)
  if (!(Math.abs(x) < 2)) return x > 0 ? 1 - erfcTail(x) : x < 0 ? erfcTail(-x) - 1 : x;
  let term = x, sum = x;
  for (let n = 1; n < 60; n++) sum += term *= 2 * x * x / (2 * n + 1);
  return 1.1283791670955126 * Math.exp(-x * x) * sum;
}""",
    "erfc": """\
function erfc(x) {
  return x >= 2 ? erfcTail(x) : 1 - erf(x);
}""",
    "erfcTail": """\
function erfcTail(x) {  // exp(-x^2)/sqrt(pi) / (x + (1/2)/(x + (2/2)/(x + (3/2)/(x + …)))), for x >= 2
  let below = x;
  for (let n = 120; n > 0; n--) below = x + n / 2 / below;
  return x > 30 ? 0 : 0.5641895835477563 * Math.exp(-x * x) / below;
}""",
})

JAX = Language(NUMPY.said | {name: text.replace("np.", "jnp.") for name, text in NUMPY.said.items()} | {
    "where":   "jnp.where({0} == {0}, jnp.where({0} != 0.0, {1}, {2}), {0})",
}, "jnp.inf", "jnp.nan", helpers={
    "erf":  "from jax.scipy.special import erf",
    "erfc": "from jax.scipy.special import erfc",
})

TORCH = Language(_functions("torch.") | {
    "cbrt":    "torch.copysign(torch.pow(torch.abs({0}), 1.0/3.0), {0})",
    "round":   "torch.round({0})",
    "abs":     "torch.abs({0})",
    "pow":     "torch.pow({0}, {1})",
    "atan2":   "torch.atan2({0}, {1})",
    "step":    "torch.heaviside({0}, number(0.0))",
    "greater": "torch.where({0} > {1}, number(1.0), torch.where({0} <= {1}, number(0.0), number(torch.nan)))",
    "where":   "torch.where({0} == {0}, torch.where({0} != 0.0, {1}, {2}), {0})",
    "relu":    "torch.relu({0})",
    "maximum": "torch.maximum({0}, {1})",
    "minimum": "torch.minimum({0}, {1})",
}, "torch.inf", "torch.nan", boxed="number({})", helpers={
    "number": "def number(x):\n    return torch.tensor(x, dtype=torch.float64)\n",
})
# fmt: on

LANGUAGES = {"python": PYTHON, "numpy": NUMPY, "c": C, "javascript": JAVASCRIPT, "jax": JAX, "torch": TORCH}


def comment(label: str) -> str:
    r"""Return a label as it may stand in a comment of any language.

    >>> comment("net_h1"), comment("*/ x\\"), comment("<b>"), comment("coding: utf-7")
    ('net_h1', '�� x�', '�b>', 'coding� utf-7')
    """
    # \ and ??/ continue a comment of C in the next line, / and * could begin or end another, and < the script
    # element of a page. A Python file whose comment says "coding:" is read in that encoding.
    return re.sub(r"[\\?/*<]|(?<=coding)[:=]", "\N{REPLACEMENT CHARACTER}", one_line(label))


def sayable(op: Op, count: int, said: Container[str]) -> bool:
    """Return whether an operation on ``count`` arguments can be expressed by the operations ``said``."""
    pool = Pool()
    xs = [pool.input() for _ in range(count)]
    try:
        Program(xs, [pool.apply(op, tuple(xs))]).expanded(said)
    except ValueError:
        return False
    return True


def write(
    program: Program, language: Language, call: Callable[[Op], str] | None = None
) -> tuple[list[str], list[str]]:
    """Return the lines that compute a program, and what to write for each of its outputs.

    The inputs are v1, v2, …; every line gives the next name. What is used once is written where it is
    used, unless it has a label, which then stands beside it in a comment.

    Args:
        program: the program.
        language: the language to write.
        call: gives the name of a function in that language for an operation that cannot be expressed.

    Raises:
        ValueError: if an operation cannot be expressed, and ``call`` is None.
    """
    said = dict(language.said)
    called: dict[Op, str] = {}
    for op, count in {made.op: len(made.args) for made in program.statements}.items() if call else ():
        if op and call and op.name not in language.said and not sayable(op, count, language.said):
            places = ", ".join([f"{{{i}}}" for i in range(count)])
            said[op.name] = called[op] = f"{call(op)}({places})"
    program = program.expanded(said)
    uses = Counter([arg for made in program.statements for arg in made.args] + program.outputs * 2)
    terms = {made: Term(f"v{number}") for number, made in enumerate(program.inputs, 1)}
    sizes: dict[Statement, int] = {}  # of what is not written yet, by its operations
    patterns: dict[str, tuple[str, set[int]]] = {}
    lines: list[str] = []

    def name(made: Statement) -> None:
        del sizes[made]
        given = Term(f"v{len(program.inputs) + len(lines) + 1}")
        line = language.line.format(given, terms[made])
        lines.append(f"{line}  {language.comment} {comment(made.label)}" if made.label.strip() else line)
        terms[made] = given

    def term(made: Statement) -> Term:
        return terms[made] if made.number is None else _number(made.number, language)

    for made in program.statements:
        assert made.op is not None
        template = called.get(made.op) or said[made.op.name]
        if template not in patterns:
            patterns[template] = template.replace(":NAME", ""), _names_in(template)
        template, names = patterns[template]
        level = _PRECEDENCE.get(made.op.name, ATOM)
        row = []
        size = 1
        for place, arg in enumerate(made.args):
            if arg in sizes and place in names:
                name(arg)
            size += sizes.pop(arg, 0)
            text = term(arg)
            row.append(
                Term(language.boxed.format(text)) if arg.number is not None and level == ATOM else text
            )
        terms[made], sizes[made] = Term(template.format(*row), level), size
        if uses[made] > 1 or made.label.strip() or size >= _LONGEST:
            name(made)
    return lines, [term(made) for made in program.outputs]


def _names_in(template: str) -> set[int]:
    """Return the arguments that a template wants as names."""
    from string import Formatter  # when it is needed: the package is to load quickly

    fields = [(int(field), spec) for _, field, spec, _ in Formatter().parse(template) if field]
    times = Counter(field for field, _ in fields)
    return {field for field, spec in fields if times[field] > 1 or spec == "NAME"}


def _number(number: float, language: Language) -> Term:
    digits = repr(abs(number)).replace("inf", language.infinity).replace("nan", language.nan)
    return Term("-" + digits, SIGN) if math.copysign(1.0, number) < 0 else Term(digits)


def helpers(lines: Iterable[str], language: Language) -> list[str]:
    """Return the texts that must stand above generated lines, each once, what it needs itself before it."""
    found: dict[str, str] = {}
    code = "\n".join([line.partition(language.comment)[0] for line in lines])
    words = set(re.findall(r"[a-zA-Z]\w*(?=\()", code))
    while words:
        needed = {word: language.helpers[word] for word in sorted(words) if word in language.helpers}
        found = needed | {word: text for word, text in found.items() if word not in needed}
        words = set(re.findall(r"[a-zA-Z]\w*(?=\()", "\n".join(needed.values()))) - set(found)
    return list(found.values())
