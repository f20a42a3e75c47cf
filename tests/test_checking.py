"""The gradient check finds what is wrong, passes what is right, and says where it cannot tell."""

import contextlib
import math
import random

import pytest

import tinygrad_edu
from tinygrad_edu import Value, check_gradient
from tinygrad_edu.engine.complex_step import complex_step
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.three_layer import worked_example

SMOOTH = [
    "sqrt", "cbrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh", "sigmoid", "softplus", "softsign",
    "erf", "erfc", "gelu", "silu", "mish", "selu", "neg",
]  # fmt: skip

NO_COMPLEX_STEP = ["erf", "erfc", "gelu", "normal_cdf"]
NUMBERS = [0.37, -0.13, 0.71, 1.58, -2.64, 3.41]


def broken(name, factor):
    op = TABLE[name]
    return Op(name, op.value, lambda z, x: (op.slopes(z, x)[0] * factor,))


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("at", [0.3, 0.62, 0.9])
def test_an_error_of_one_in_ten_thousand_is_found(name, at):
    assert check_gradient(lambda x: Value._record(broken(name, 1.0), (x,)), at)
    for factor in (1 + 1e-4, 1 - 1e-4, -1.0, 0.0):
        check = check_gradient(lambda x, factor=factor: Value._record(broken(name, factor), (x,)), at)
        assert [entry.argument for entry in check.wrong] == ["x"]


def random_graph(rng):
    values = leaves = [Value(rng.uniform(-2, 2), name) for name in "abc"]
    values = list(leaves)
    for _ in range(rng.randrange(3, 12)):
        x, y = rng.choice(values), rng.choice(values)
        make = rng.choice(
            [
                lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / (1 + y * y),
                lambda x, y: x.sin() * y.tanh(), lambda x, y: (x * y).sigmoid(),
                lambda x, y: (x * x + 1).log(),
                lambda x, y: x.gelu() - y.atan(), lambda x, y: x.softplus().sqrt() * y,
                lambda x, y: x.mish() + y.erf(),
            ]
        )  # fmt: skip
        values.append(make(x, y))
    return values[-1], leaves


@pytest.mark.parametrize("seed", range(4))
def test_no_false_alarm(seed):
    rng = random.Random(seed)
    for _ in range(50):
        root, leaves = random_graph(rng)
        assert check_gradient(root, wrt=leaves), check_gradient(root, wrt=leaves)


def test_second_derivatives():
    check = check_gradient(lambda x, y: (x * y).tanh() + x**3, 0.5, -1.2, order=2)
    assert check
    assert [entry.argument for entry in check.entries] == ["x, x", "y, x", "x, y", "y, y"]


def test_the_worked_example_by_names():
    check = check_gradient(worked_example()["E_total"])
    assert check
    assert {"w5", "b1", "i1"} <= {entry.argument for entry in check.entries}
    assert not check.undecided


@pytest.mark.parametrize(
    ("function", "at"),
    [
        (abs, 0.0),
        (lambda x: x.relu(), 0.0),
        (lambda x: tinygrad_edu.maximum(x, 1.0), 1.0),
        (lambda x: (x.erf() + 1e16) - 1e16, 1.0),  # rounding leaves steps, and there is no complex step
    ],
)
def test_what_differences_cannot_tell(function, at):
    check = check_gradient(function, at)
    assert check
    assert len(check.undecided) == 1


@pytest.mark.parametrize(
    ("function", "at", "slope"),
    [
        (lambda x: (x + 1e16) - 1e16, 1.0, 1.0),  # rounding leaves steps
        (lambda x: (x.sin() + 1e16) - 1e16, 1.0, math.cos(1.0)),  # or nothing at all
        (lambda x: (x * x + 1e12) - 1e12, 1e-3, 2e-3),
    ],
)
def test_a_complex_step_confirms_what_rounding_hides(function, at, slope):
    (entry,) = check_gradient(function, at).entries
    assert entry.verdict == "right"
    assert entry.expected == pytest.approx(slope, rel=1e-14)


@pytest.mark.parametrize("name", [name for name in TABLE if name not in NO_COMPLEX_STEP])
def test_complex_steps_agree_with_the_slopes(name):
    """They use the values alone, so that this compares every rule with its own local derivatives."""
    op, steps = TABLE[name], 0
    for start in range(len(NUMBERS)):
        numbers = [Value(NUMBERS[(start + 2 * i) % len(NUMBERS)]) for i in range(op.arity * 3)]
        args = [numbers[3 * i : 3 * i + 3] for i in range(op.arity)] if op.over_lists else numbers[: op.arity]
        parameters = {"low": -1.0, "high": 1.5, "k": 1.0}
        given = {name: op.defaults.get(name, parameters.get(name, 3.0)) for name in op.takes}
        with contextlib.suppress(ValueError):  # outside the domain
            result = op(*args, **given)
            for value, slope in zip(result.args, result.slopes, strict=True):
                assert complex_step([result], value) == pytest.approx([slope], rel=1e-12, abs=1e-15)
                steps += 1
    assert steps > 1


def test_there_is_no_complex_step_through_erf():
    x, y = Value(0.5), Value(-0.5)
    with pytest.raises(ValueError, match="there is no complex step through <operation erf>"):
        complex_step([x.erf()], x)
    with pytest.raises(ValueError, match="there is no complex step through <operation pow>"):
        complex_step([tinygrad_edu.pow(y, 201.0)], y)


def test_what_the_graph_does_not_know_is_found():
    """To the chain rule, and to a complex step, ``data`` is a fixed number."""
    assert not check_gradient(lambda x: x * x.data**2, 3.0)
    assert not check_gradient(lambda x: (x + 1e10) - 1e10 + Value(x.data**2), 3.0)


def test_near_the_end_of_the_domain():
    assert check_gradient(lambda x: x.log(), 1e-5).entries[0].verdict == "right"
    assert check_gradient(lambda x: x.sqrt(), 1e-7).entries[0].verdict == "right"


def test_the_graph_is_as_before():
    x = Value(2.0, "x")
    y = x * x
    y.backward()
    before = (x.data, x.grad, y.data, y.grad)
    check_gradient(y)
    assert (x.data, x.grad, y.data, y.grad) == before


def test_mistakes():
    with pytest.raises(ValueError, match="order=3"):
        check_gradient(Value(1.0), order=3)
    with pytest.raises(TypeError, match="a Value or a function, not float"):
        check_gradient(1.0)
    with pytest.raises(TypeError, match="returns Values, not float"):
        check_gradient(lambda x: math.sin(x.data), 1.0)
    with pytest.raises(ValueError, match="nothing to check"):
        check_gradient(lambda: Value(1.0))


@pytest.mark.parametrize("at", [0.0, 1e-12, -1e-9, 1e-7, -1e-6, 1e-5, -1e-3])
@pytest.mark.parametrize("slope", [0.0, 1.0, -10.0])
@pytest.mark.parametrize("kink", [1e-3, 1.0])
def test_a_small_kink_nearby_is_no_wrong_derivative(at, slope, kink):
    check = check_gradient(lambda x: slope * x + kink * abs(x), at)
    assert check, check
    assert check.entries[0].verdict == ("undecided" if at == 0 else "right")


@pytest.mark.parametrize("at", [1e-10, 1e-100, 1e-300])
def test_an_argument_that_is_very_near_the_end_of_the_domain(at):
    check = check_gradient(lambda x: x.log(), at)
    assert [entry.verdict for entry in check.entries] == ["right"]
    wrong = check_gradient(lambda x: Value._record(broken("log", 1.0001), (x,)), at)
    assert [entry.verdict for entry in wrong.entries] == ["wrong"]


@pytest.mark.parametrize("number", [math.inf, math.nan])
def test_where_there_are_no_differences_nothing_is_wrong(number):
    assert check_gradient(lambda x: x * 2.0, number).undecided
    assert check_gradient(lambda x: x * number, 1.0).undecided


def test_arguments_that_would_be_ignored_are_refused():
    x = Value(2.0, "x")
    with pytest.raises(TypeError, match="a graph is checked at the data of its leaves"):
        check_gradient(x * x, 3.0)
    with pytest.raises(TypeError, match="of a function, every argument is checked"):
        check_gradient(lambda x: x * x, 3.0, wrt=x)
