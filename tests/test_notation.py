"""What is printed: formulas evaluate back to the number, with brackets only where they are needed."""

import math
import re
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle import exact, read_latex, read_text
from random_graphs import random_graph

from tinygrad_edu import DomainError, Value, topological_order
from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.program.forms import FORMS, LATEX_NAMES, number
from tinygrad_edu.see.graph import fold
from tinygrad_edu.see.notation import LIMIT, derivative, formula, latex_name, written

in_both_forms = pytest.mark.parametrize(("latex", "read"), [(False, read_text), (True, read_latex)])
in_batches = pytest.mark.parametrize("batch", range(10))
quietly = settings(deadline=None, derandomize=True)


def values(batch: int) -> list[Value]:
    """Return all Values of ten random graphs."""
    graphs = [random_graph(seed, size=10, labelled=0.4)[0] for seed in range(batch * 10, (batch + 1) * 10)]
    return [value for root in graphs for value in topological_order(root)]


def names_below(value: Value) -> dict[str, Any]:
    return {part.label: exact(part.data) for part in topological_order(value) if part.label}


@in_both_forms
@in_batches
def test_a_formula_evaluates_to_the_number(batch: int, latex: bool, read: Callable[..., Any]) -> None:
    for value in values(batch):
        for form in (formula, written):
            text = form(value, latex=latex)
            assert "…" not in text
            assert math.isclose(read(text, names_below(value)), value.data, rel_tol=1e-9, abs_tol=1e-11)


@in_both_forms
@in_batches
def test_a_formula_in_numbers_evaluates_to_the_number(
    batch: int, latex: bool, read: Callable[..., Any]
) -> None:
    for value in values(batch):
        # Nine decimals were kept of every number put in.
        error = sum(
            abs(edge.slope) * 1e-9 * max(1, abs(edge.source.data))
            for edge in fold(value).edges
            if edge.target is value
        )
        ours = read(formula(value, latex=latex, numbers=True), {})
        assert math.isclose(ours, value.data, rel_tol=1e-9, abs_tol=1e-9 + 2 * error)


def examples(op: Op) -> list[Value]:
    """Return Values made by an operation of the table, of arguments with and without a name."""
    members = [op]
    if op.takes:
        parameters = [(3.0,), (-2.0,), (0.5,)] if op.name == "power" else [(-0.25, 1e-7), (0.5, 12.5)]
        members = [op.of(*numbers[: len(op.takes)]) for numbers in parameters]
    made = []
    for member, numbers in product(
        members, [(0.3, 0.7, -0.4, 0.6), (-1.6, 2.5, 0.3, 4e-6), (1.6, -0.3, 2.0, 7.5)]
    ):
        args = [Value(number, name) for number, name in zip(numbers, ["a", "b", "", "c"], strict=True)]
        args = [args[0], args[1] + args[3], args[2], args[3]]
        row = args[: 4 if member.over_lists else member.arity]
        with suppress(DomainError):
            made.append(member(*member.lists(tuple(row))) if member.over_lists else member(*row))
    return made


def applied(op: Op) -> Callable[..., float]:
    """Return an operation as a function of the arguments and parameters that are written in its brackets."""

    def function(*numbers: Any) -> float:
        xs = tuple(map(float, numbers))
        return float(op(*op.lists(xs)) if op.over_lists else op(*xs))

    return function


FUNCTIONS = {command.strip("\\"): applied(TABLE[name]) for name, command in LATEX_NAMES.items()}
FUNCTIONS |= {name: applied(op) for name, op in TABLE.items()}
FUNCTIONS |= {"log_": lambda base: FUNCTIONS[f"log{base}"]}
IN_LATEX = {r"\left\lfloor ": "floor(", r"\left\lceil ": "ceil(", r"\right\rfloor": ")", r"\right\rceil": ")"}
IN_LATEX |= {r"\sqrt[3]": "cbrt"}


@in_both_forms
@pytest.mark.parametrize("name", TABLE)
def test_every_operation_is_written_so_that_it_evaluates_back(
    name: str, latex: bool, read: Callable[..., Any]
) -> None:
    made = examples(TABLE[name])
    assert made
    for value in made:
        for numbers in (False, True):
            text = formula(value, latex=latex, numbers=numbers)
            for form, replacement in IN_LATEX.items():
                text = text.replace(form, replacement)
            ours = read(text, FUNCTIONS | ({} if numbers else names_below(value)))
            assert math.isclose(ours, value.data, rel_tol=1e-8, abs_tol=1e-15), text


def test_forms_are_of_operations_of_the_table() -> None:
    assert {*FORMS, *LATEX_NAMES} <= {*TABLE}


def test_an_operation_of_ones_own_is_written_with_its_name() -> None:
    def value(xs: list[float], ys: list[float]) -> float:
        return sum(x * y * y for x, y in zip(xs, ys, strict=True))

    form = Op("square_dot", value, lambda z, xs, ys: ([1.0 for x in xs], [2.0 for y in ys]), over_lists=True)
    written_ = form([a, a + b], [b, c])
    assert formula(written_) == "square_dot([a, a + b], [b, c])"
    assert formula(written_, latex=True) == (
        r"\operatorname{square\_dot}\left(\left[a, a + b\right], \left[b, c\right]\right)"
    )
    scale = Op("scale", lambda x, *, by, offset: by * x + offset, lambda z, x, *, by, offset: (by,))
    assert formula(scale(a, 0.5, -3) * b) == "scale(a, 0.5, −3)·b"
    assert formula(scale(a, 0.5, -1e-9), latex=True) == (
        r"\operatorname{scale}\left(a, 0.5, -1 \cdot 10^{-9}\right)"
    )


def test_a_closure_of_the_lecture_is_written_with_the_name_it_was_given() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    for name, text in [("+", "+(x, y)"), ("add", "add(x, y)"), ("sum", "sum(x, y)"), ("{0}", "{0}(x, y)")]:
        assert formula(Value(5.0, (x, y), name)) == text
    assert formula(Value(5.0, (x, y), "{}"), latex=True) == r"\operatorname{\{\}}\left(x, y\right)"


a, b, c = (Value(x, name) for x, name in [(1.5, "a"), (2.5, "b"), (0.5, "c")])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (a + b + c, "a + b + c"),
        (a + (b + c), "a + b + c"),
        (a - b - c, "a − b − c"),
        (a - (b - c), "a − (b − c)"),
        (a - (b + c), "a − (b + c)"),
        (a - b * c, "a − b·c"),
        ((a + b) * c, "(a + b)·c"),
        (a * (b * c), "a·b·c"),
        (a * b / c, "a·b/c"),
        (a / (b * c), "a/(b·c)"),
        (a / (b / c), "a/(b/c)"),
        (a / (b + c), "a/(b + c)"),
        (-a + b, "−a + b"),
        (a + -b, "a + (−b)"),
        (a - -b, "a − (−b)"),
        (rules.neg(-a), "−(−a)"),
        (-(a * b), "−a·b"),
        (-(a + b), "−(a + b)"),
        (-a * b, "(−a)·b"),
        (a * -2, "a·(−2)"),
        (-2 * a, "(−2)·a"),
        (-2 + a, "−2 + a"),
        (a + -2, "a + (−2)"),
        ((a + b) ** 2, "(a + b)²"),
        ((-a) ** 2, "(−a)²"),
        (-(a**2), "−a²"),
        ((a**2) ** 3, "(a²)³"),
        ((a * b) ** -12, "(a·b)⁻¹²"),
        (a**0.5, "a^(0.5)"),
        (a**b, "a^b"),
        (2**a, "2^a"),
        (a ** (b + c), "a^(b + c)"),
        ((a**b) ** c, "(a^b)^c"),
        (a.exp() ** 2, "exp(a)²"),
        (a.tanh() ** 2 * b, "tanh(a)²·b"),
        ((a + b).tanh(), "tanh(a + b)"),
        (rules.maximum(a + b, -c), "maximum(a + b, −c)"),
        (rules.sum([a, b * c, a]) * b, "(a + b·c + a)·b"),
        (rules.dot([a, b + c], [b, c]), "a·b + (b + c)·c"),
        (rules.logsumexp([a, b]) + rules.leaky_relu(c, 0.2), "logsumexp(a, b) + leaky_relu(c, 0.2)"),
    ],
)
def test_brackets_only_where_needed(value: Value, text: str) -> None:
    assert formula(value) == text


@pytest.mark.parametrize(
    ("value", "latex"),
    [
        ((a + b) / (a - b), r"\frac{a + b}{a - b}"),
        ((a / b) ** 2, r"\left(\frac{a}{b}\right)^{2}"),
        (a * Value(4e-6), r"a \cdot 4 \cdot 10^{-6}"),
        (Value(-1.25e30) ** 2, r"\left(-1.25 \cdot 10^{30}\right)^{2}"),
        (Value(4e-6) ** 2, r"\left(4 \cdot 10^{-6}\right)^{2}"),
        (Value(-0.0) ** 2, r"0^{2}"),
        ((b - a).sqrt(), r"\sqrt{b - a}"),
        (abs(a - b), r"\left|a - b\right|"),
        (a.sigmoid(), r"\sigma\left(a\right)"),
        (rules.logsumexp([a, b]), r"\log\left(e^{a} + e^{b}\right)"),
    ],
)
def test_latex(value: Value, latex: str) -> None:
    assert formula(value, latex=True) == latex


def test_names_stand_beside_and_in_place_of_labels() -> None:
    product = a * b
    assert formula(product + c, {product: "p", c: "q"}) == "p + q"
    assert written(product, {product: "p_1"}, latex=True) == "p_{1}"
    assert written(product, {product: "p"}, numbers=True) == "3.75"
    assert formula(product, {product: "p"}) == "a·b"  # its own name is not used


# --- Long formulas ---


def test_a_formula_is_never_long() -> None:
    power, chain = Value(1.0), Value(1.0, "x")
    for _ in range(40):
        power = power * power
    for _ in range(5_000):
        chain = chain.tanh()
    for value in (power, chain, rules.sum([Value(1.0, f"x{i}") for i in range(1_000)])):
        assert "…" in formula(value)
        assert len(formula(value)) <= LIMIT
    assert len(formula(rules.sum([Value(1.0, "x")] * 500))) == 500 + 499 * 3  # still written out


# --- Numbers and names ---


@quietly
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_nine_decimals(x: float) -> None:
    text = number(x).replace("−", "-")
    assert len(text) <= 20
    assert math.isclose(float(text), x, rel_tol=5.1e-9, abs_tol=5.1e-10 if abs(x) >= 1e-4 else 0)


@pytest.mark.parametrize(
    ("label", "latex"),
    [
        ("x", "x"),
        ("w5", "w_{5}"),
        ("w12", "w_{12}"),
        ("b_1", "b_{1}"),
        ("net", r"\mathrm{net}"),
        ("net_h1", r"\mathrm{net}_{\mathrm{h1}}"),
        ("E_total", r"E_{\mathrm{total}}"),
        ("learning rate", r"\text{learning rate}"),
        ("a_b_c", r"\text{a\_b\_c}"),
        ("α", r"\alpha"),
        ("ж", r"\text{ж}"),
        (r"\input{/etc/passwd}", r"\text{\textbackslash{}input\{/etc/passwd\}}"),
        ("}^2$", r"\text{\}\textasciicircum{}2\$}"),
        ("a\nb\x00~", r"\text{a b \textasciitilde{}}"),
        ("x^2", r"\text{x\textasciicircum{}2}"),
    ],
)
def test_latex_names(label: str, latex: str) -> None:
    assert latex_name(label) == latex


@quietly
@example("\\")
@example("</svg>|{}<>\"'")
@given(st.text(min_size=1) | st.text("\\{}$&#%_^~ \n\tx1", min_size=1))
def test_no_label_leaves_its_place_in_latex(label: str) -> None:
    escape = r"\\text(backslash|asciicircum|asciitilde)\{\}|\\[{}$&#%_]"
    plain = r"[^\\{}$&#%_^~\x00-\x1f\x7f]"
    subscript = r"\w+|\\mathrm\{\w+\}"
    name = rf"({subscript})(_\{{({subscript})\}})?|\\text\{{({escape}|{plain})*\}}"
    assert re.fullmatch(name, latex_name(label), re.ASCII)
    shown = one_line(label) or "2"
    assert formula(Value(2.0, label) ** 2) in (f"{shown}²", f"({shown})²")


@pytest.mark.parametrize("label", ["x1*w1 + x2*w2", "a-b", "−a", "a·b", "x^2", "a = b", "f, g", "c / d"])
def test_a_label_that_looks_like_an_expression_gets_brackets(label: str) -> None:
    part = Value(3.0, label)
    assert formula(part * a) == f"({label})·a"
    assert formula(part**2) == f"({label})²"
    assert formula(part * a, latex=True).startswith(r"\left(\text{")
    assert formula(part.tanh()) == f"tanh({label})"
    assert derivative(label, "a") == f"∂({label})/∂a"


@pytest.mark.parametrize("label", ["w5", "E_total", "f(x)", "x[3]", "out'", "h (2)", "größe", "x.grad"])
def test_a_label_that_looks_like_a_name_gets_none(label: str) -> None:
    assert formula(Value(3.0, label) * a) == f"{label}·a"


def test_what_the_rules_say_with_a_product_is_written_as_a_square() -> None:
    [edge] = fold(Value(0.5, "x").tanh(), "ops").edges
    assert edge.formula({edge.target: "out"}) == "1 − out²"
    assert edge.formula({edge.target: "out"}, latex=True) == r"1 - \mathrm{out}^{2}"
    x = Value(0.5, "x")
    assert formula(x * x) == "x·x"  # what the reader wrote stays as it is


@pytest.mark.parametrize("x", [12.1, 10.1, 8.1, 6.0])
def test_the_numbers_of_a_saturated_activation_give_its_slope(x: float) -> None:
    # With nine decimals, 1 − 0.999999997² would be far from the slope beside it.
    for out in (Value(x).tanh(), Value(x).sigmoid()):
        out.label = "out"
        [edge] = fold(out, "ops").edges
        assert math.isclose(read_text(edge.formula({out: "out"}, numbers=True), {}), edge.slope, rel_tol=1e-7)


def test_numbers_are_exact_where_rounded_ones_lie_outside_a_domain() -> None:
    a, b = Value(1 + 2e-11, "a"), Value(1.0, "b")
    y = (a - b).log()  # with nine decimals it would be log(0)
    assert math.isclose(read_text(formula(y, numbers=True), {}), y.data, rel_tol=1e-12)


def test_a_number_has_no_digits_that_a_float_cannot_hold() -> None:
    assert number(123456789.123456) == "123456789.123456"
    assert number(1 / 3, exact=True) == "0.3333333333333333"
