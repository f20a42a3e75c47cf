"""Every operation of the table, at every sample and along every argument, against SymPy."""

import math
import operator
import struct
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import EXPRESSIONS, apply, derivative, exact, read_latex, read_text

from tinygrad_edu import DomainError, Value, gradient, ops, topological_order
from tinygrad_edu.see.notation import formula
from tinygrad_edu.engine.op import TABLE, Family, Op, operations

OPERATIONS = operations()
every_operation = pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: f"{op.name}{op.parameter or ''}")


def agree(ours: float, theirs: Any) -> bool:
    return math.isclose(ours, float(theirs), rel_tol=1e-10, abs_tol=0)


def check_values_and_slopes(op: Op) -> None:
    """Compare the value and every first derivative with SymPy, at every sample."""
    for sample in op.samples:
        value = op.value(*sample)
        numbers = list(map(exact, sample))
        assert agree(value, derivative(op, len(sample))(*numbers)), sample
        for place, slope in enumerate(op.slopes(value, *sample)):
            assert agree(slope, derivative(op, len(sample), place)(*numbers)), (sample, place)


@every_operation
def test_values_and_slopes_equal_sympy(op: Op) -> None:
    check_values_and_slopes(op)


@every_operation
def test_second_derivatives_equal_sympy(op: Op) -> None:
    for sample in op.samples:
        xs = [Value(x) for x in sample]
        rows = [gradient(first, xs) for first in gradient(apply(op, xs), xs)]
        for i, j in product(range(len(xs)), repeat=2):
            expected = derivative(op, len(xs), i, j)(*map(exact, sample))
            assert agree(rows[i][j].data, expected), (sample, i, j)


def test_the_reference_covers_the_table() -> None:
    assert EXPRESSIONS.keys() == TABLE.keys()


# --- A test of the tests: break each rule, and the comparison must fail ---


def breakages() -> Iterator[Any]:
    ways: list[tuple[str, Callable[[float], float]]] = [
        ("a little too large", lambda slope: slope * (1 + 1e-3)),
        ("wrong sign", lambda slope: -slope),
    ]
    for op in OPERATIONS:
        for place in range(max(map(len, op.samples))):
            slopes = [op.slopes(op.value(*s), *s)[place] for s in op.samples if place < len(s)]
            for name, broken in ways if any(slopes) else [("not 0", lambda slope: slope + 1e-3)]:
                yield pytest.param(op, place, broken, id=f"{op.name}{op.parameter or ''}-{place}-{name}")


@pytest.mark.parametrize(("op", "place", "broken"), list(breakages()))
def test_a_broken_rule_is_caught(
    op: Op, place: int, broken: Callable[[float], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = op.slopes

    def broken_rule(z: Any, *args: Any) -> tuple[Any, ...]:
        return tuple(broken(s) if i == place else s for i, s in enumerate(rule(z, *args)))

    monkeypatch.setattr(op, "slopes", broken_rule)
    with pytest.raises(AssertionError):
        check_values_and_slopes(op)


@every_operation
def test_a_broken_value_is_caught(op: Op, monkeypatch: pytest.MonkeyPatch) -> None:
    value = op.value
    monkeypatch.setattr(op, "value", lambda *args: value(*args) * (1 + 1e-3))
    with pytest.raises(AssertionError):
        check_values_and_slopes(op)


# --- What the declarations promise ---


@every_operation
def test_the_table_is_closed(op: Op) -> None:
    for sample in op.samples:
        result = apply(op, [Value(x) for x in sample])
        for slope in op.slopes(result, *result.args):
            assert isinstance(slope, float | Value)
            for value in topological_order(slope) if isinstance(slope, Value) else []:
                if value.op is not None:
                    entry = TABLE[value.op.name]
                    known = entry.of(value.op.parameter) if isinstance(entry, Family) else entry
                    assert value.op is known


@every_operation
def test_numbers_and_values_give_the_same(op: Op) -> None:
    for sample in op.samples:
        number = apply(op, sample)
        assert type(number) is float
        assert number == apply(op, [Value(x) for x in sample]).data


@every_operation
@pytest.mark.parametrize("read", [read_text, read_latex])
def test_the_written_form_evaluates_to_the_value(op: Op, read: Callable[..., Any]) -> None:
    for sample in op.samples:
        names = dict(zip("abcdfg", map(exact, sample), strict=False))
        result = apply(op, [Value(float(x), name) for name, x in names.items()])
        number = read(formula(result, latex=read is read_latex), names)
        assert math.isclose(number, result.data, rel_tol=1e-12), formula(result)


@pytest.mark.parametrize(
    ("op", "args", "slopes"),
    [
        (ops.relu, (0.0,), (0.0,)),
        (ops.relu, (-0.0,), (0.0,)),
        (ops.abs, (0.0,), (0.0,)),
        (ops.abs, (-0.0,), (0.0,)),
        (ops.step, (0.0,), (0.0,)),
        (ops.leaky_relu.of(0.01), (0.0,), (0.01,)),
        (ops.maximum, (2.0, 2.0), (0.5, 0.5)),
        (ops.minimum, (2.0, 2.0), (0.5, 0.5)),
        (ops.maximum, (0.0, -0.0), (0.5, 0.5)),
        (ops.power.of(0.0), (0.0,), (0.0,)),
        (ops.power.of(1.0), (0.0,), (1.0,)),
        (ops.power.of(2.0), (0.0,), (0.0,)),
        (ops.power.of(3.0), (-2.0,), (12.0,)),
    ],
    ids=str,
)
def test_slopes_at_kinks_and_at_zero(op: Op, args: tuple[float, ...], slopes: tuple[float, ...]) -> None:
    xs = [Value(x) for x in args]
    assert op(*xs).slopes == slopes
    assert tuple(first.data for first in gradient(op(*xs), xs)) == slopes


def test_an_exponent_of_minus_zero_is_zero_whichever_comes_first() -> None:
    family = Family("power", ops._power, [])
    assert family.of(-0.0).template(1) == family.of(0.0).template(1) == "{0:5}⁰"


def test_values_at_kinks() -> None:
    assert (ops.step(0.0), ops.relu(0.0), ops.abs(-0.0), ops.power(0.0, 0)) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("x", [1000.0, -1000.0])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "erf", "gelu"])
def test_stable_far_out(name: str, x: float) -> None:
    op = TABLE[name]
    result = op(Value(x))
    assert float(derivative(op, 1)(exact(x))) == result.data
    assert float(derivative(op, 1, 0)(exact(x))) == result.slopes[0]


@pytest.mark.parametrize("xs", [(1000.0, 999.0), (-1000.0, -1001.5, -1000.0), (1000.0, -1000.0)])
def test_logsumexp_and_softmax_are_stable_far_out(xs: tuple[float, ...]) -> None:
    exponentials = [mpmath.exp(exact(x)) for x in xs]
    shares = [float(exponential / sum(exponentials)) for exponential in exponentials]
    values = [Value(x) for x in xs]
    result = ops.logsumexp(values)
    assert result.data == pytest.approx(float(mpmath.log(sum(exponentials))), rel=1e-15)
    assert result.slopes == pytest.approx(shares, rel=1e-12)  # the slopes of logsumexp are softmax
    assert [share.data for share in ops.softmax(values)] == pytest.approx(shares, rel=1e-14)
    assert ops.softmax(xs) == pytest.approx(shares, rel=1e-14)


def test_softmax_has_the_derivatives_of_softmax() -> None:
    xs = [Value(x) for x in (0.3, -1.2, 2.0)]
    shares = ops.softmax(xs)
    for i, row in enumerate(gradient(share, xs) for share in shares):
        expected = [shares[i].data * ((i == j) - shares[j].data) for j in range(3)]
        assert [entry.data for entry in row] == pytest.approx(expected, rel=1e-12)


# --- What a Value records is what the table says: bit for bit, although some of it is repeated for speed ---


def bits(op: Op, numbers: list[float]) -> Any:
    return op, ["nan" if math.isnan(x) else struct.pack("d", x) for x in numbers]


def recorded(compute: Callable[[], Value]) -> Any:
    try:
        value = compute()
    except DomainError as error:
        return type(error), str(error).split(": ", 1)[1]  # the part before has the names of the Values
    assert value.op is not None
    return bits(value.op, [value.data, *value.slopes])


def declared(op: Op, *numbers: float) -> Any:
    of = "value"
    try:
        value = op.value(*numbers)
        of = "slopes"
        return bits(op, [value, *op.slopes(value, *numbers)])
    except (ArithmeticError, ValueError) as error:
        expected = op.domain_error(error, numbers, of=of)
        return type(expected), str(expected).split(": ", 1)[1]


quietly = settings(deadline=None, derandomize=True)
floats = st.floats() | st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 3.0])
ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
}


@every_operation
@quietly
@given(data=st.data())
def test_functions_and_methods_record_what_is_declared(op: Op, data: st.DataObject) -> None:
    count = len(op.samples[0])
    numbers = data.draw(st.lists(floats, min_size=count, max_size=count))
    values = [Value(x) for x in numbers]
    assert recorded(lambda: apply(op, values)) == declared(op, *numbers)
    if hasattr(Value, op.name) and op.parameter is None:
        assert recorded(lambda: getattr(values[0], op.name)(*values[1:])) == declared(op, *numbers)


@pytest.mark.parametrize("name", ARITHMETIC)
@quietly
@given(x=floats, y=floats)
def test_operators_record_what_is_declared(name: str, x: float, y: float) -> None:
    symbol, expected = ARITHMETIC[name], declared(TABLE[name], x, y)
    assert recorded(lambda: symbol(Value(x), Value(y))) == expected
    assert recorded(lambda: symbol(x, Value(y))) == expected
    if name == "pow":  # a constant exponent belongs to the operation
        expected = declared(ops.power.of(y), x)
    assert recorded(lambda: symbol(Value(x), y)) == expected


@quietly
@given(x=floats)
def test_signs_record_what_is_declared(x: float) -> None:
    assert recorded(lambda: -Value(x)) == declared(ops.neg, x)
    assert recorded(lambda: abs(Value(x))) == declared(ops.abs, x)
