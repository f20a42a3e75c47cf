"""The gradient check finds what is wrong, passes what is right, and says where it cannot tell."""

import math
import random

import pytest

import tinygrad_edu
from tinygrad_edu import Value, check_gradient
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.three_layer import worked_example

SMOOTH = [
    "sqrt", "cbrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh", "sigmoid", "softplus", "softsign",
    "erf", "erfc", "gelu", "silu", "mish", "selu", "neg",
]  # fmt: skip


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
        (lambda x: (x + 1e16) - 1e16, 1.0),  # rounding leaves steps
    ],
)
def test_what_differences_cannot_tell(function, at):
    check = check_gradient(function, at)
    assert check
    assert len(check.undecided) == 1


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
