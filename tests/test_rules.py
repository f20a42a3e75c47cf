"""Every operation of the table, along every argument, against SymPy and arithmetic of 50 digits and more."""

import itertools
import math
import operator
import random
import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import (
    EXPRESSIONS,
    Exact,
    apply,
    derivative,
    exact,
    name_of,
    operations,
    samples,
    to_all_digits,
)

from tinygrad_edu import DomainError, Value, gradient, topological_order
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.derivatives import hessian
from tinygrad_edu.engine.op import TABLE, Op

OPERATIONS = operations()
every_operation = pytest.mark.parametrize("op", OPERATIONS, ids=name_of)

# --- Every digit ---

MAGNITUDES = [
    5e-324, 1e-310, 1e-308, 1e-300, 1e-200, 1e-160, 1e-155, 1e-100, 1e-20, 1e-10, 1e-5, 0.01, 0.3, 0.5,
    1 - 2**-53, 1.0, 1 + 2**-52, 1.5, 2.0, 3.0, 7.3, 10.0, 20.77, 27.2, 38.0, 50.0, 100.0, 300.0, 700.0,
    709.0, 745.0, 1e5, 1e10, 1e16, 1e100, 1e155, 1e160, 1e200, 1e300, 1e308, 1.7976931348623157e308,
]  # fmt: skip
NUMBERS = [0.0, *MAGNITUDES, *(-x for x in MAGNITUDES)]


def random_number(rng: random.Random) -> float:
    sign = rng.choice([1, -1])
    return rng.choice(
        [
            rng.choice(NUMBERS),
            sign * 10 ** rng.uniform(-323, 308),
            sign * 10 ** rng.uniform(-3, 3),
            sign * (1 + rng.uniform(-1, 1) * 10 ** rng.uniform(-16, -1)),
        ]
    )


def rows(op: Op) -> Iterator[tuple[float, ...]]:
    """Yield the rows of arguments at which an operation is tried."""
    yield from samples(op)
    if op.name not in EXPRESSIONS:
        return
    rng = random.Random(op.name)
    if not op.over_lists and op.arity == 1:
        yield from ((x,) for x in NUMBERS)
    for _ in range(60):
        if not op.over_lists:
            yield tuple(random_number(rng) for _ in range(op.arity))
            continue
        count = rng.choice([1, 2, 3, 5]) * op.arity
        around, spread = rng.uniform(-800, 800), rng.choice([40, 1, 0.01])
        yield tuple(around + rng.uniform(-spread, spread) for _ in range(count))
        if op.name in ("logsumexp", "norm"):
            yield tuple(random_number(rng) for _ in range(count))


KINKS: dict[str, Callable[..., bool]] = {
    "where": lambda c, x, y: c == 0,
    "round": lambda x: x % 1 == 0.5,
    "hypot": lambda x, y: x == y == 0,
    "unit": lambda x, y: x == y == 0,
    "abs": lambda x: x == 0,
    "relu": lambda x: x == 0,
    "relu6": lambda x: x in (0, 6),
    "hardtanh": lambda x: x in (-1, 1),
    "clip": lambda x: x in (-0.7, 0.4, 1, 3),
    "leaky_relu": lambda x: x == 0,
    "maximum": lambda x, y: x == y,
    "minimum": lambda x, y: x == y,
    "norm": lambda *xs: not any(xs),
}
"""Where the rule states a local derivative that mathematics does not; tested below."""


def normal_pdf(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


ROOTS: dict[tuple[str, int | None], Callable[..., float]] = {
    ("gelu", 0): lambda x: abs(x) * normal_pdf(x),
    ("silu", 0): lambda x: abs(x) / (2 + 2 * math.cosh(min(abs(x), 700.0))),
    ("mish", 0): lambda x: rules.tanh(rules.softplus(x)) if abs(x) < 2 else 0.0,
    ("sum", None): lambda *xs: sum(map(abs, xs)),
    ("mean", None): lambda *xs: sum(map(abs, xs)) / len(xs),
    ("dot", None): lambda *xs: sum(abs(x * y) for x, y in zip(xs, xs[len(xs) // 2 :], strict=False)),
    ("logsumexp", None): lambda *xs: abs(max(xs)) if abs(max(xs)) < 2 * math.log(len(xs) + 1) else 0.0,
}  # fmt: skip
"""The largest term of a sum that has a root: near it the sum keeps the digits of that term, not its own."""


def allowed(op: Op, place: int | None, row: tuple[float, ...], wanted: float) -> float:
    """Return how far a value (place None) or a slope may be from ``wanted``: 8 units in the last place."""
    if place is not None and op.name in ("sigmoid", "tanh"):
        return 2.0**-52  # the textbook's z·(1 − z) and 1 − z²: one unit of 1.0
    if op.name not in EXPRESSIONS:
        return 1e-10 * abs(wanted)
    size = max(abs(wanted), ROOTS.get((op.name, place), lambda *_: 0.0)(*row))
    smallest = 8 * math.ulp(0.0)
    if op.name in ("gelu", "normal_pdf", "gauss"):
        smallest *= max(1.0, abs(row[0]))  # times a factor that has itself only the digits of a subnormal
    return 8 * math.ulp(size) + smallest * (size < 1e-300)


def beyond(op: Op, row: tuple[float, ...]) -> bool:
    """Return whether a rule cannot keep its digits at a row, because of a range that it passes on its way."""
    if op.name in ("pow", "lowered"):  # a power that is subnormal
        x, y = row
        return x != 0 and -760 < y * math.log(abs(x)) < -660
    if op.name in ("atan2", "unit"):  # a hypotenuse, or a quotient by it, that is subnormal or too large
        hypotenuse = math.hypot(*row)
        return not 1e-300 < hypotenuse < 1.7e308 or min(map(abs, row)) / hypotenuse < 1e-300
    return False


def check(op: Op, row: tuple[float, ...]) -> None:
    """Compare the value and every local derivative at one row with numbers of 30 digits and more."""
    truth = truths(op, row)
    try:
        z, slopes = op.compute(list(row))
    except DomainError:
        assert not math.isfinite(truth[0])
        return
    assert len(slopes) == len(row)
    for place, got, wanted in zip([None, *range(len(row))], [z, *slopes], truth, strict=True):
        if math.isinf(wanted):
            assert got == wanted or math.isnan(got), (row, place)
        elif not math.isnan(wanted):
            assert abs(exact(got) - exact(wanted)) <= allowed(op, place, row, wanted), (
                row,
                place,
                got,
                wanted,
            )


@cache
def truths(op: Op, row: tuple[float, ...]) -> list[float]:
    """Return the value and the local derivatives as they should be; NaN for one that does not exist."""
    return [truth(op, row), *(truth(op, row, place) for place in range(len(row)))]


def truth(op: Op, row: tuple[float, ...], *places: int) -> float:
    try:
        number = to_all_digits(derivative(op, len(row), *places), *row)
        return math.nan if mpmath.im(number) else float(mpmath.re(number))
    except ZeroDivisionError:
        return math.nan


def check_samples(op: Op) -> None:
    for row in samples(op):
        check(op, row)


@every_operation
def test_values_and_slopes_have_all_digits(op: Op) -> None:
    for row in rows(op):
        if not KINKS.get(op.name, lambda *_: False)(*row) and not beyond(op, row):
            check(op, row)


@pytest.mark.parametrize("op", [op for op in OPERATIONS if op.name in EXPRESSIONS], ids=name_of)
def test_values_as_they_are_computed_equal_their_definition(op: Op) -> None:
    for row in samples(op):
        ours, definition = op.value(*map(Exact, row)), derivative(op, len(row))(*map(exact, row))
        assert mpmath.almosteq(getattr(ours, "number", ours), definition, rel_eps=1e-15)


@every_operation
def test_second_derivatives_equal_sympy(op: Op) -> None:
    for row in samples(op):
        xs = [Value(x) for x in row]
        result = [gradient(first, xs) for first in gradient(apply(op, xs), xs)]
        for i, j in itertools.product(range(len(xs)), repeat=2):
            expected = derivative(op, len(xs), i, j)(*map(exact, row))
            assert math.isclose(result[i][j].data, expected, rel_tol=1e-10, abs_tol=1e-15), (row, i, j)


# --- A test of the tests: break each rule, and the comparison must fail ---


def breakages() -> Iterator[Any]:
    factors = {"a little too large": 1 + 1e-9, "wrong sign": -1.0}
    for op in OPERATIONS:
        row = samples(op)[0]
        for place in range(len(row)):
            for name, factor in factors.items():
                yield pytest.param(op, place, factor, id=f"{name_of(op)}-{place}-{name}")


@pytest.mark.parametrize(("op", "place", "factor"), list(breakages()))
def test_a_broken_rule_is_caught(op: Op, place: int, factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = op.compute

    def broken(row: list[float]) -> tuple[float, tuple[float, ...]]:
        z, slopes = compute(row)
        return z, tuple(s if i != place else s * factor if s else 1e-3 for i, s in enumerate(slopes))

    monkeypatch.setattr(op, "compute", broken)
    with pytest.raises(AssertionError):
        check_samples(op)


@every_operation
def test_a_broken_value_is_caught(op: Op, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = op.compute
    row = next(row for row in samples(op) if truths(op, row)[0] != 0)
    monkeypatch.setattr(op, "compute", lambda row: (compute(row)[0] * (1 + 1e-9), compute(row)[1]))
    with pytest.raises(AssertionError):
        check(op, row)


# --- What the declarations promise ---


@every_operation
def test_the_table_is_closed(op: Op) -> None:
    for row in samples(op):
        result = apply(op, [Value(x) for x in row])
        for slope in op.slopes(result, *result.args):
            assert isinstance(slope, float | Value)
            for value in topological_order(slope) if isinstance(slope, Value) else []:
                if value.op is not None:
                    entry = TABLE[value.op.name]
                    known = entry.of(*value.op.parameters.values()) if entry.takes else entry
                    assert value.op is known


def test_an_operation_with_the_same_parameters_is_the_same_object() -> None:
    cube = rules.power.of(3)
    assert rules.power.of(3.0) is cube is (Value(2.0) ** 3).op
    assert rules.power.of(-0.0) is rules.power.of(0.0)
    nan = rules.power.of(math.nan)
    assert rules.power.of(float("nan")) is nan
    assert rules.clip.of(0, 1) is not rules.clip.of(1, 0)


@every_operation
def test_numbers_and_values_give_the_same(op: Op) -> None:
    for row in samples(op):
        number = apply(op, row)
        assert type(number) is float
        assert number == apply(op, [Value(x) for x in row]).data


def bits(numbers: Any) -> list[Any]:
    return ["nan" if math.isnan(x) else struct.pack("d", x) for x in numbers]


def recorded(compute: Callable[[], Value]) -> Any:
    try:
        value = compute()
    except DomainError as error:
        return type(error), str(error).split(": ", 1)[1]  # the part before has the names of the Values
    assert value.op is not None
    return value.op, bits([value.data, *value.slopes])


def declared(op: Op, *numbers: float) -> Any:
    try:
        z, slopes = op.compute([*numbers])
    except DomainError as error:
        return type(error), str(error).split(": ", 1)[1]
    return op, bits([z, *slopes])


quietly = settings(deadline=None, derandomize=True, max_examples=60)
floats = st.floats() | st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 3.0])


@every_operation
@quietly
@given(data=st.data())
def test_functions_and_methods_record_what_is_declared(op: Op, data: st.DataObject) -> None:
    count = len(samples(op)[0])
    numbers = data.draw(st.lists(floats, min_size=count, max_size=count))
    values = [Value(x) for x in numbers]
    expected = declared(op, *numbers)
    assert recorded(lambda: apply(op, values)) == expected
    if not op.over_lists and op.name not in ("add", "sub", "mul", "div", "neg"):
        method = getattr(values[0], op.name)
        assert recorded(lambda: method(*values[1:], *op.parameters.values())) == expected


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
}


@pytest.mark.parametrize("name", ARITHMETIC)
@quietly
@given(x=floats, y=floats)
def test_operators_record_what_is_declared(name: str, x: float, y: float) -> None:
    symbol, expected = ARITHMETIC[name], declared(TABLE[name], x, y)
    assert recorded(lambda: symbol(Value(x), Value(y))) == expected
    assert recorded(lambda: symbol(x, Value(y))) == expected
    if name == "pow":  # a constant exponent belongs to the operation
        expected = declared(rules.power.of(y), x)
    assert recorded(lambda: symbol(Value(x), y)) == expected


@quietly
@given(x=floats)
def test_signs_record_what_is_declared(x: float) -> None:
    assert recorded(lambda: -Value(x)) == declared(rules.neg, x)
    assert recorded(lambda: abs(Value(x))) == declared(rules.abs, x)


# --- Kinks, and where a slope is stated ---


@pytest.mark.parametrize(
    ("op", "args", "slopes"),
    [
        (rules.relu, (0.0,), (0.0,)),
        (rules.relu, (-0.0,), (0.0,)),
        (rules.abs, (0.0,), (0.0,)),
        (rules.abs, (-0.0,), (0.0,)),
        (rules.step, (0.0,), (0.0,)),
        (rules.sign, (0.0,), (0.0,)),
        (rules.floor, (2.0,), (0.0,)),
        (rules.ceil, (2.0,), (0.0,)),
        (rules.round, (2.5,), (0.0,)),
        (rules.greater, (2.0, 2.0), (0.0, 0.0)),
        (rules.where, (0.0, 2.0, 3.0), (0.0, 0.0, 1.0)),
        (rules.relu6, (0.0,), (0.0,)),
        (rules.relu6, (6.0,), (0.0,)),
        (rules.hardtanh, (-1.0,), (0.0,)),
        (rules.hardtanh, (1.0,), (0.0,)),
        (rules.clip.of(0.0, 3.0), (3.0,), (0.0,)),
        (rules.clip.of(0.0, 3.0), (0.0,), (0.0,)),
        (rules.leaky_relu.of(0.01), (0.0,), (0.01,)),
        (rules.elu.of(0.5), (0.0,), (0.5,)),
        (rules.softsign, (0.0,), (1.0,)),
        (rules.maximum, (2.0, 2.0), (0.5, 0.5)),
        (rules.minimum, (2.0, 2.0), (0.5, 0.5)),
        (rules.maximum, (0.0, -0.0), (0.5, 0.5)),
        (rules.max, (1.0, 2.0, 2.0, 0.0), (0.0, 0.5, 0.5, 0.0)),
        (rules.min, (1.0, 1.0, 1.0, 2.0), (1 / 3, 1 / 3, 1 / 3, 0.0)),
        (rules.hypot, (0.0, 0.0), (0.0, 0.0)),
        (rules.norm, (0.0, 0.0, -0.0), (0.0, 0.0, 0.0)),
        (rules.prod, (0.0, 3.0, 2.0), (6.0, 0.0, 0.0)),
        (rules.prod, (0.0, 3.0, 0.0), (0.0, 0.0, 0.0)),
        (rules.power.of(0.0), (0.0,), (0.0,)),
        (rules.power.of(1.0), (0.0,), (1.0,)),
        (rules.power.of(2.0), (0.0,), (0.0,)),
        (rules.power.of(3.0), (-2.0,), (12.0,)),
        (rules.power.of(1.5), (0.0,), (0.0,)),
        (rules.pow, (0.0, 2.0), (0.0, 0.0)),
        (rules.pow, (0.0, 1.0), (1.0, 0.0)),
    ],
    ids=str,
)
def test_slopes_at_kinks_and_at_zero(op: Op, args: tuple[float, ...], slopes: tuple[float, ...]) -> None:
    xs = [Value(x) for x in args]
    assert apply(op, xs).slopes == slopes
    assert tuple(first.data for first in gradient(apply(op, xs), xs)) == slopes


def test_a_norm_has_no_second_derivative_at_the_origin_either() -> None:
    """As that of abs, the derivative is taken as 0 there, and nothing follows from numbers close by."""
    a, b = Value(0.0), Value(0.0)
    assert gradient(gradient(rules.norm([a, 0.0 * a]), a), a).data == 0.0
    assert hessian(rules.norm([a, b]), [a, b]) == [[0.0, 0.0], [0.0, 0.0]]


def test_values_at_kinks() -> None:
    assert (rules.step(0.0), rules.relu(0.0), rules.abs(-0.0), rules.power(0.0, 0)) == (0.0, 0.0, 0.0, 1.0)
    assert [rules.round(x) for x in (0.5, 1.5, 2.5, -0.5, -1.5)] == [0.0, 2.0, 2.0, 0.0, -2.0]
    assert (rules.floor(-0.5), rules.ceil(-0.5), rules.sign(-3.0)) == (-1.0, 0.0, -1.0)


@pytest.mark.parametrize("op", [rules.maximum, rules.minimum])
def test_of_two_equal_numbers_the_first_is_taken(op: Op) -> None:
    for zeros in ((0.0, -0.0), (-0.0, 0.0)):  # which are equal, and can be told apart
        assert str(op(*zeros)) == str(zeros[0])


@pytest.mark.parametrize("n", range(-6, 8))
def test_whole_powers(n: int) -> None:
    for x in (3.0, -1.5):
        power = Value(x) ** n
        assert power.data == pytest.approx(float(exact(x) ** n), rel=1e-15)
        assert power.slopes == pytest.approx([float(n * exact(x) ** (n - 1))], rel=1e-15)


def test_parameters_that_are_not_given_are_the_usual_ones() -> None:
    """As in PyTorch."""
    x = Value(-2.0)
    assert x.elu().data == math.expm1(-2.0)
    assert x.leaky_relu().data == -0.02


def test_far_out_an_activation_is_its_argument() -> None:
    """What the exponential of a large number would be does not matter there."""
    for x in (1.5, 30.0, 800.0):
        for op in (rules.elu, rules.selu):
            value = op(Value(x))
            assert value.slopes == (value.data / x,) == (op(1.0),)
    assert [rules.relu6(Value(x)).slopes for x in (4.9, 5.5, 6.5)] == [(1.0,), (1.0,), (0.0,)]


def test_a_range_may_be_a_single_number() -> None:
    assert [rules.clip(x, 2.0, 2.0) for x in (-3.0, 2.0, 5.0)] == [2.0, 2.0, 2.0]
    assert Value(5.0).clip(2.0, 2.0).slopes == (0.0,)


def test_empty_lists() -> None:
    assert (rules.sum([]), rules.prod([]), rules.norm([]), rules.dot([], [])) == (0.0, 1.0, 0.0, 0.0)
    for op in (rules.mean, rules.max, rules.min, rules.logsumexp):
        with pytest.raises(DomainError, match=f"{op.name} of an empty list"):
            op([])


@pytest.mark.parametrize(
    ("n", "order", "expected"), [(1.5, 1, 0.0), (2.5, 1, 0.0), (2.5, 2, 0.0), (3, 3, 6.0)]
)
def test_powers_of_zero_have_all_derivatives_that_exist(n: float, order: int, expected: float) -> None:
    x = Value(0.0)
    result = x**n
    for _ in range(order):
        result = gradient(result, x)
    assert result.data == expected
    with pytest.raises(DomainError, match="infinite"):
        gradient(gradient(x**1.5, x), x)


@pytest.mark.parametrize(
    "stopped",
    [
        lambda x: rules.greater(x, 1.0),
        lambda x: rules.greater(1.0, x),
        lambda x: rules.where(x, 2.0, 3.0),
        lambda x: rules.where(0.0, x, 3.0),
        lambda x: rules.where(1.0, 2.0, x),
        lambda x: rules.minimum(x, -1.0),
        lambda x: rules.maximum(x, 1.0),
        lambda x: rules.min([x, -1.0]),
        lambda x: rules.max([x, 1.0]),
        lambda x: rules.clip(x, 1.0, 2.0),
        lambda x: rules.leaky_relu(x, 0.0),
        *(TABLE[name] for name in ("step", "sign", "floor", "ceil", "round", "stop_gradient")),
        *(TABLE[name] for name in ("relu", "relu6")),
        lambda x: rules.hardtanh(x + 2.0),
    ],
)
def test_nothing_flows_into_a_branch_not_taken(stopped: Callable[[Value], Value]) -> None:
    """At 0 the slope of the square root is infinite, and 0 times infinity would be an error."""
    x = Value(0.0)
    root = stopped(x.sqrt()) + 3.0 * x
    root.backward()
    assert x.grad == 3.0
    assert gradient(root, x).data == 3.0


def test_a_factor_of_0_is_no_branch() -> None:
    x = Value(0.0)
    with pytest.raises(DomainError, match="its slope there is infinite"):
        (0.0 * x.sqrt()).backward()


# --- NaN and infinity ---


@every_operation
def test_nan_goes_through(op: Op) -> None:
    if op.parameters.get("n") == 0:
        pytest.skip("x ** 0 is 1 for every x, NaN too")
    for row in samples(op)[:2]:
        for place in range(len(row)):
            if op.name == "where" and place == (2 if row[0] else 1):
                continue  # the branch that is not taken
            xs = [Value(math.nan if i == place else x) for i, x in enumerate(row)]
            result = apply(op, xs)
            assert math.isnan(result.data), (row, place)
            result.backward()  # and is no error
            assert not any(math.isinf(x.grad) for x in xs)


LIMITS = {
    "sigmoid": ((1.0, 0.0), (0.0, 0.0)),
    "tanh": ((1.0, 0.0), (-1.0, 0.0)),
    "softplus": ((math.inf, 1.0), (0.0, 0.0)),
    "softsign": ((1.0, 0.0), (-1.0, 0.0)),
    "erf": ((1.0, 0.0), (-1.0, 0.0)),
    "erfc": ((0.0, 0.0), (2.0, 0.0)),
    "gelu": ((math.inf, 1.0), (0.0, 0.0)),
    "silu": ((math.inf, 1.0), (0.0, 0.0)),
    "mish": ((math.inf, 1.0), (0.0, 0.0)),
    "selu": ((math.inf, 1.0507009873554805), (-1.7580993408473766, 0.0)),
    "relu": ((math.inf, 1.0), (0.0, 0.0)),
    "relu6": ((6.0, 0.0), (0.0, 0.0)),
    "atan": ((math.pi / 2, 0.0), (-math.pi / 2, 0.0)),
    "asinh": ((math.inf, 0.0), (-math.inf, 0.0)),
    "exp": ((math.inf, math.inf), (0.0, 0.0)),
    "expm1": ((math.inf, math.inf), (-1.0, 0.0)),
    "normal_cdf": ((1.0, 0.0), (0.0, 0.0)),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_at_infinity(name: str) -> None:
    for x, (value, slope) in zip((math.inf, -math.inf), LIMITS[name], strict=True):
        result = TABLE[name](Value(x))
        assert (result.data, result.slopes) == (value, (slope,))


@pytest.mark.parametrize("xs", list(itertools.permutations([math.inf, math.nan, 1.0])), ids=str)
def test_nan_goes_through_in_any_order(xs: tuple[float, ...]) -> None:
    for op in (rules.logsumexp, rules.max, rules.min, rules.norm, rules.sum, rules.mean, rules.prod):
        assert math.isnan(op(xs)), op
    assert math.isnan(rules.maximum(*xs[:2])) == any(map(math.isnan, xs[:2]))
    assert math.isnan(rules.minimum(*xs[:2])) == any(map(math.isnan, xs[:2]))


@pytest.mark.parametrize(
    ("xs", "value", "slopes"),
    [
        ((1e16, 1e16), 1e16, (0.5, 0.5)),
        ((1e308, -1e308), 1e308, (1.0, 0.0)),
        ((math.inf, 1.0), math.inf, (1.0, 0.0)),
        ((-math.inf, 1.0), 1.0, (0.0, 1.0)),
        ((-math.inf, -math.inf), -math.inf, (0.5, 0.5)),
        ((0.0, -100.0), math.exp(-100.0), (1.0, math.exp(-100.0))),
    ],
    ids=str,
)
def test_logsumexp_far_out(xs: tuple[float, ...], value: float, slopes: tuple[float, ...]) -> None:
    result = rules.logsumexp([Value(x) for x in xs])
    assert (result.data, result.slopes) == (value, slopes)


@pytest.mark.parametrize("xs", [(1000.0, 999.0), (-1000.0, -1001.5, -1000.0), (1000.0, -1000.0)])
def test_softmax_is_stable_far_out(xs: tuple[float, ...]) -> None:
    exponentials = [mpmath.exp(exact(x)) for x in xs]
    shares = [float(exponential / sum(exponentials)) for exponential in exponentials]
    assert [share.data for share in rules.softmax([Value(x) for x in xs])] == pytest.approx(shares, rel=1e-14)
    assert rules.softmax(xs) == pytest.approx(shares, rel=1e-14)


def test_softmax_has_the_derivatives_of_softmax() -> None:
    xs = [Value(x) for x in (0.3, -1.2, 2.0)]
    shares = rules.softmax(xs)
    for i, row in enumerate(gradient(share, xs) for share in shares):
        expected = [shares[i].data * ((i == j) - shares[j].data) for j in range(3)]
        assert [entry.data for entry in row] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1000.0, -1000.0])
def test_softmax_replays_with_very_different_numbers(shift: float) -> None:
    xs = [Value(x) for x in (0.3, -1.2, 2.0)]
    share = rules.softmax(xs)[0]
    for x, number in zip(xs, (4.0 + shift, 2.0 + shift, -900.0 + shift), strict=True):
        x.data = number
    share.forward()
    assert share.data == pytest.approx(1 / (1 + math.exp(-2.0)), rel=1e-12)


@pytest.mark.parametrize("y", [2.0**53 - 1, 2.0**53, 2.0**53 + 2, 2.0**54, 2.0**60, -(2.0**53), -(2.0**70)])
def test_the_slope_of_a_large_whole_power_of_a_negative_number(y: float) -> None:
    for x in (-1.0, -1.0 - 2.0**-52, -1.0 + 2.0**-53):
        with mpmath.workdps(60):
            power = exact(x) ** (int(y) - 1)
            if not mpmath.mpf("1e-280") < abs(power) < mpmath.mpf("1e280"):
                continue
            wanted = float(exact(y) * power)
        assert (Value(x) ** Value(y)).slopes[0] == pytest.approx(wanted, rel=1e-14)
        assert (Value(x) ** y).slopes[0] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize(
    "xs",
    [
        (1e200, 1e200, 1e-300, 1e-100),
        (1e-200, 1e-200, 1e300, 1e100),
        (5e-324, 1e308, 5e-324, 1e308, 1e16),
        (-1e-200, 3e-200, 0.7e-200, 1e300, 2e300),
        (2.0**600, 1.75, 2.0**423),  # the result is among the largest floats
    ],
)
def test_a_product_does_not_leave_the_range_on_its_way(xs: tuple[float, ...]) -> None:
    whole = float(mpmath.fprod(map(exact, xs)))
    others = [float(mpmath.fprod(map(exact, xs[:i] + xs[i + 1 :]))) for i in range(len(xs))]
    product = rules.prod([Value(x) for x in xs])
    assert product.data == pytest.approx(whole, rel=1e-15)
    assert list(product.slopes) == pytest.approx(others, rel=1e-15)


def test_a_product_of_floats_is_rounded_from_left_to_right() -> None:
    rng = random.Random(3)
    for _ in range(50):
        xs = [rng.uniform(-3, 3) for _ in range(7)]
        left = 1.0
        for x in xs:
            left *= x
        assert rules.prod(xs) == left
    for factors in ([1e200, 1e200], [2.0**1000, 2.0**24]):
        with pytest.raises(DomainError, match="too large"):
            rules.prod(factors)
    assert rules.prod([1e-200, 1e-200]) == 0.0
