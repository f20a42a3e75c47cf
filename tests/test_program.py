"""Statements, and their derivatives as statements."""

import math
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from oracle import derivative, name_of, operations, samples
from random_graphs import random_graph

from tinygrad_edu import StaleError, Value, exp, function, log, rule, where
from tinygrad_edu import sum as total
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.program.derivatives import adjoints, forward, reverse
from tinygrad_edu.program.languages import PYTHON, write
from tinygrad_edu.program.python import interpreter
from tinygrad_edu.program.statements import Pool, Program, Statement, record

every_operation = pytest.mark.parametrize("op", operations(), ids=name_of)
NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.5, -3.0, 1e-310, 1e200, -1e308, math.inf, -math.inf, math.nan]


def bits(x: float) -> bytes:
    return b"nan" if x != x else struct.pack("d", x)


def run(program: Program, *numbers: float) -> list[float]:
    """Return what a program computes, operation by operation."""
    return interpreter(program)(numbers)


def as_program(inputs: Sequence[Statement], terms: Sequence[Any]) -> Program:
    pool = inputs[0].pool
    return Program(inputs, [pool.number(term) if isinstance(term, float) else term for term in terms])


def determinant(rows: Sequence[Sequence[Value]]) -> Value:
    """Return a determinant by minors along the first row, each as often as it occurs."""
    if len(rows) == 1:
        return rows[0][0]
    minors = [determinant([[*row[:j], *row[j + 1 :]] for row in rows[1:]]) for j in range(len(rows))]
    pairs = enumerate(zip(rows[0], minors, strict=True))
    return total([x * minor if j % 2 == 0 else x * -minor for j, (x, minor) in pairs])


# --- Recording ---


def test_equal_expressions_are_one_statement() -> None:
    a, b = Value(2.0), Value(3.0)
    program = record([a, b], [(a + b) * (b + a) + a * b + b * a])
    assert [made.op.name for made in program.statements if made.op] == ["add", "mul", "mul", "add", "add"]


def test_a_determinant_has_as_many_statements_as_it_has_minors() -> None:
    # The minors of size k are the choices of k of 6 columns: 15, 20, 15, 6 and 1 of sizes 2 to 6. Each is a
    # sum of k products.
    matrix = [[Value(random.random()) for _ in range(6)] for _ in range(6)]
    flat = [x for row in matrix for x in row]
    program = record(flat, [determinant(matrix)])
    names = [made.op.name for made in program.statements if made.op]
    assert (names.count("sum"), names.count("mul")) == (57, 15 * 2 + 20 * 3 + 15 * 4 + 6 * 5 + 6)
    slopes = reverse({program.outputs[0]: 1.0}, program.inputs)
    both = Program(program.inputs, [*program.outputs, *slopes])
    multiplied = [made.op.name for made in both.statements if made.op].count("mul")
    assert multiplied == 186 + 2 * 180  # two for each product but the six of the determinant itself
    lines, _ = write(both, PYTHON)
    assert len(lines) <= 700


def test_each_value_has_its_statement_where_nothing_is_merged() -> None:
    # As the live page wants it: two equal Values have a derivative each.
    a, b = Value(2.0), Value(3.0)
    h1, h2 = a * b, a * b
    program = record([a, b], [h1 * h2 + h1, h1, h2], merge=False)
    assert len(program.statements) == 4
    y, s1, s2 = program.outputs
    found = adjoints({y: 1.0}, program.inputs)
    assert run(as_program(program.inputs, [found[s1], found[s2]]), 2.0, 3.0) == [7.0, 6.0]
    with pytest.raises(ValueError, match="stands twice"):
        record([a, a], [h1])


def test_what_no_output_needs_is_dropped() -> None:
    x = Value(2.0)
    kept, _dropped = x * 3.0, exp(x)
    assert len(record([x], [kept]).statements) == 1


def test_all_but_the_inputs_becomes_numbers_computed_by_the_engine() -> None:
    x, w = Value(2.0), Value(0.1)
    program = record([x], [x * (exp(w) / 3.0)])
    (made,) = program.statements
    assert made.args[1].number == math.exp(0.1) / 3.0


def test_constants_that_have_no_value_are_left_to_the_run() -> None:
    pool = Pool()
    x = pool.input()
    program = Program([x], [x + rules.log(pool.number(-1.0) + 0.0 * pool.number(1.0))])
    with pytest.raises(ValueError, match="math domain error"):
        run(program, 1.0)


def test_the_graph_is_cut_at_an_input_that_is_no_leaf() -> None:
    a = Value(2.0, "a")
    h = exp(a)
    program = record([h], [h * h + a])
    assert run(program, 3.0) == [11.0]


def test_an_input_stands_once() -> None:
    x = Value(2.0, "x")
    with pytest.raises(ValueError, match="x stands twice among the inputs"):
        record([x, x], [x * x])


def test_stale_data_is_refused() -> None:
    x = Value(2.0, "x")
    y = exp(x) * x
    x.data = 3.0
    with pytest.raises(StaleError, match=r"x was assigned .* forward\(\)"):
        record([x], [y])
    y.forward()
    assert len(record([x], [y]).statements) == 2


def test_what_was_assigned_as_a_closure_is_refused_only_if_it_varies() -> None:
    x = Value(2.0, "x")
    out = Value(4.0, (x,), "sq")
    out._backward = lambda: None
    with pytest.raises(ValueError, match=r"sq was given as a _backward.*rule"):
        record([x], [out])
    w = Value(1.0)
    assert run(record([w], [out * w]), 2.0) == [8.0]


def test_a_graph_that_is_200_000_operations_deep() -> None:
    x = Value(0.5)
    y = x
    for _ in range(100_000):
        y = y * 0.999 + x
    program = record([x], [y])
    slopes = reverse({program.outputs[0]: 1.0}, program.inputs)
    y.backward()
    assert len(program.statements) == 200_000
    assert run(as_program(program.inputs, [*program.outputs, *slopes]), 0.5) == [y.data, x.grad]


# --- Shortening is exact ---


EXPRESSIONS: list[Callable[..., Any]] = [
    lambda x, y: (x * 1.0) + (1.0 * y),
    lambda x, y: x * -1.0 + y,
    lambda x, y: -x * -y,
    lambda x, y: -x * y,
    lambda x, y: -x / y,
    lambda x, y: x / 1.0 - y,
    lambda x, y: x + -y,
    lambda x, y: -x + y,
    lambda x, y: x - -y,
    lambda x, y: x - 0.0 + y,
    lambda x, y: -(-x) * y,  # noqa: B002
    lambda x, y: rules.where(1.0, x, y) * y,
    lambda x, y: rules.where(0.0, x, y) * y,
    lambda x, y: rules.maximum(-math.inf, x) + y,
    lambda x, y: 0.0 + x * (0.0 * y),
    lambda x, y: x * y + y * x,
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_shorter_statements_give_the_same_bits(expression: Callable[..., Any]) -> None:
    pool = Pool()
    x, y = pool.input(), pool.input()
    program = Program([x, y], [expression(x, y)])
    for a in NUMBERS:
        for b in NUMBERS:
            if b or "div" not in {made.op.name for made in program.statements if made.op}:
                assert bits(run(program, a, b)[0]) == bits(expression(a, b)), (a, b)


# --- Derivatives ---


@every_operation
def test_derivatives_of_each_operation_to_second_order_against_sympy(op: Op) -> None:
    row = samples(op)[0]
    pool = Pool()
    xs = [pool.input() for _ in row]
    z = pool.apply(op, tuple(xs))
    slopes = reverse({z: 1.0}, xs)
    assert forward({xs[0]: 1.0}, [z])[0] == slopes[0]
    second = reverse({slopes[0]: 1.0}, xs) if isinstance(slopes[0], Statement) else [0.0] * len(xs)
    found = run(as_program(xs, [*slopes, *second]), *row)
    wanted = [derivative(op, len(row), i)(*row) for i in range(len(row))]
    wanted += [derivative(op, len(row), 0, i)(*row) for i in range(len(row))]
    assert found == pytest.approx([float(x) for x in wanted], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_give_what_backward_gives(seed: int) -> None:
    root, leaves = random_graph(seed)
    root.backward()
    program = record(leaves, [root])
    slopes = reverse({program.outputs[0]: 1.0}, program.inputs)
    row = [leaf.data for leaf in leaves]
    assert run(program, *row) == [root.data]
    wanted = pytest.approx([leaf.grad for leaf in leaves], rel=1e-12)
    assert run(as_program(program.inputs, slopes), *row) == wanted
    columns = [forward({source: 1.0}, program.outputs)[0] for source in program.inputs]
    assert run(as_program(program.inputs, columns), *row) == wanted


def test_the_sweep_gives_the_bits_of_backward_where_nothing_is_merged() -> None:
    a, b, c = Value(0.3, "a"), Value(-1.7, "b"), Value(2.9, "c")
    root = ((a * b + c) * (a - c)).tanh() * exp(b / c) + a * 0.1
    root.backward()
    program = record([a, b, c], [root])
    slopes = reverse({program.outputs[0]: 1.0}, program.inputs)
    assert run(as_program(program.inputs, slopes), 0.3, -1.7, 2.9) == [a.grad, b.grad, c.grad]


def test_adjoints_has_every_statement_between() -> None:
    x, y = Value(2.0), Value(5.0)
    h = x * y
    program = record([x, y], [h * h, h])
    found = adjoints({program.outputs[0]: 1.0}, program.inputs)
    assert run(as_program(program.inputs, [found[program.outputs[1]]]), 2.0, 5.0) == [20.0]


def test_not_depending_is_the_number_0() -> None:
    x, y, c = Value(2.0), Value(3.0), Value(1.0)
    program = record([x, y, c], [exp(x), where(y, 1.0, 2.0)])
    assert reverse({program.outputs[0]: 1.0}, program.inputs)[1:] == [0.0, 0.0]
    assert reverse({program.outputs[1]: 1.0}, program.inputs) == [0.0, 0.0, 0.0]
    assert forward({program.inputs[2]: 1.0}, program.outputs) == [0.0, 0.0]


def test_sweeps_multiply_by_no_ones() -> None:
    x, y = Value(2.0), Value(3.0)
    program = record([x, y], [total([x, y, x * y])])
    slope, _ = reverse({program.outputs[0]: 1.0}, program.inputs)
    assert isinstance(slope, Statement)
    assert slope.op is rules.add
    assert [arg.number for arg in slope.args] == [1.0, None]


# --- Expansion ---


def test_a_statement_does_not_decide() -> None:
    x = Pool().input()
    with pytest.raises(TypeError, match="decide with where"):
        bool(x)
    with pytest.raises(TypeError, match="decide with where"):
        assert x < 1.0
    with pytest.raises(TypeError, match="decide with where"):
        assert x >= x + 1.0


@pytest.fixture
def own() -> Any:
    """Give ``rule``, and take what it declares out of the table again."""
    before = {*TABLE}
    yield rule
    for name in {*TABLE} - before:
        del TABLE[name]
        if hasattr(Value, name):
            delattr(Value, name)


def test_an_operation_of_ones_own_is_said_by_its_parts(own: Callable[..., Op]) -> None:
    op = own("bumped", lambda x: exp(-x * x), lambda z, x: (-2 * x * z,))
    x = Pool().input()
    program = Program([x], [op(x)]).expanded({"exp", "neg", "mul"})
    assert [made.op.name for made in program.statements if made.op] == ["mul", "neg", "exp"]


def test_powers_in_a_rule_of_ones_own(own: Callable[..., Op]) -> None:
    op = own(
        "raised",
        lambda x, y: x**y + 2.0**y + x**0.5,
        lambda z, x, y: (y * x ** (y - 1) + 0.5 * x**-0.5, x**y * log(x) + math.log(2.0) * 2.0**y),
    )
    x, y = Value(4.0), Value(3.0)
    f = function([x, y], op(x, y))
    assert f(9.0, 2.0) == 81.0 + 4.0 + 3.0
    by_x, by_y = 2.0 * 9.0 + 1 / 6, 81.0 * math.log(9.0) + 4.0 * math.log(2.0)
    assert f.gradient(9.0, 2.0) == pytest.approx([by_x, by_y], rel=1e-14)
    assert Program(f.program.inputs, f.program.outputs).expanded({"pow", "power", "add"}).statements


def test_slopes_that_decide_cannot_be_differentiated_in_a_program(own: Callable[..., Op]) -> None:
    op = own("folded", abs, lambda z, x: (1.0,) if x > 0 else (-1.0,))
    x = Value(2.0)
    f = function(x, op(x))
    assert f(-3.0) == 3.0
    for derived in ("gradient", "jvp", "hessian"):
        with pytest.raises(ValueError, match="the local derivative of folded is a Python function of floats"):
            getattr(f, derived)


def test_a_function_of_floats_cannot_be_said(own: Callable[..., Op]) -> None:
    op = own("counted", lambda x: float(math.floor(x)), lambda z, x: (0.0 * x,))
    x = Pool().input()
    with pytest.raises(ValueError, match="counted is a Python function of floats"):
        Program([x], [op(x)]).expanded({"mul"})


def test_an_operation_that_names_only_itself_cannot_be_said() -> None:
    op = Op("looping", lambda x: op(x), lambda z, x: (1.0,))
    x = Pool().input()
    with pytest.raises(ValueError, match="looping"):
        Program([x], [op(x)]).expanded({"mul"})


def test_log_is_kept() -> None:
    x = Value(2.0)
    assert record([x], [log(x)]).statements[0].op is rules.log
