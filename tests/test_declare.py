"""A user's own operations: declared in one line, checked on the spot, and then like a built-in one."""

import math
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from oracle import apply, derivative, exact, operations, samples
from test_rules import check_samples

import tinygrad_edu
from tinygrad_edu import DomainError, Value, cos, draw, exp, explain, gradient, log, rule, sin, step
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.op import TABLE, Op


@pytest.fixture(autouse=True)
def table() -> Iterator[None]:
    """Remove what a test declares."""
    before = {*TABLE}
    yield
    for name in {*TABLE} - before:
        del TABLE[name]
        if name in vars(Value):
            delattr(Value, name)


def coversin() -> Op:
    return rule("coversin", lambda x: 1 - sin(x), lambda z, x: (-cos(x),))


def test_it_is_a_function_and_a_method_and_differentiable() -> None:
    op = coversin()
    x = Value(0.3, "x")
    y = x.coversin() * x
    assert op(0.3) == tinygrad_edu.coversin(0.3) == 1 - math.sin(0.3) == (y / x).data
    y.backward()
    assert x.grad == pytest.approx(1 - math.sin(0.3) - 0.3 * math.cos(0.3), rel=1e-15)
    derivatives = [y]
    for _ in range(3):
        derivatives.append(gradient(derivatives[-1], x))
    assert derivatives[3].data == pytest.approx(3 * math.sin(0.3) + 0.3 * math.cos(0.3), rel=1e-14)


def test_it_is_explained_and_drawn_and_pickled() -> None:
    coversin()
    x = Value(0.3, "x")
    y = x.coversin()
    y.label = "y"
    assert "∂y/∂x = −cos(x)" in str(explain(y, x))
    assert "coversin" in draw(y).source
    copy, leaf = pickle.loads(pickle.dumps((y, x)))
    copy.backward()
    assert leaf.grad == -math.cos(0.3)


def test_a_line_in_the_table_is_tested_without_another_line() -> None:
    rules.rule("coversin", lambda x: 1.0 - sin(x), lambda z, x: (-cos(x),))
    with pytest.raises(ValueError, match="there is an operation 'coversin' already: give yours another name"):
        rules.rule("coversin", lambda x: x, lambda z, x: (1.0,))
    rules.rule("acot", lambda x: math.pi / 2 - rules.atan(x), lambda z, x: (-1.0 / (1.0 + x * x),))
    rules.rule("my_cosh", math.cosh, lambda z, x: (rules.sinh(x),))
    rules.rule("scaled", lambda x, y, *, k: k * x * y, lambda z, x, y, *, k: (k * y, k * x))
    rules.rule(
        "squares", lambda xs: rules.total(x * x for x in xs), lambda z, xs: ([2.0 * x for x in xs],), True
    )
    ours = operations()[-5:]
    assert [op.name for op in ours] == ["coversin", "acot", "my_cosh", "scaled", "squares"]
    for op in ours:
        check_samples(op)
        row = samples(op)[0]
        xs = [Value(x) for x in row]
        second = gradient(gradient(apply(op, xs), xs[0]), xs[-1])
        expected = derivative(op, len(row), 0, len(row) - 1)(*map(exact, row))
        assert second.data == pytest.approx(float(expected), rel=1e-10, abs=1e-15)
    broken = Op("broken", lambda x: 1.0 - sin(x), lambda z, x: (-cos(x) * (1 + 1e-9),))
    with pytest.raises(AssertionError):
        check_samples(broken)


def test_the_value_may_be_any_function_of_floats() -> None:
    op = rule("my_gamma", math.gamma, lambda z, x: (z * digamma(x),), at=[0.7, 1.5, 2.2, 4.0])
    x = Value(2.5)
    y = x.my_gamma()
    assert (op(3.0), y.data) == (2.0, math.gamma(2.5))
    y.backward()
    assert x.grad == pytest.approx(math.gamma(2.5) * 0.7031566406452432, rel=1e-9)  # digamma(5/2)
    with pytest.raises(DomainError, match=r"my_gamma\(x\) with x = -1.0: my_gamma is not defined there"):
        op(-1)


def digamma(x: Any) -> Any:
    """Return the logarithmic derivative of the gamma function: recurrence, then Stirling's series."""
    result = 0.0
    for _ in range(12):
        result = result - 1 / x
        x = x + 1
    return result + log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6)


def test_parameters_and_lists() -> None:
    power_sum = rule(
        "power_sum",
        lambda xs, *, n: rules.total(x**n for x in xs),
        lambda z, xs, *, n=2: ([n * x ** (n - 1) for x in xs],),
        over_lists=True,
    )
    xs = [Value(1.0), Value(2.0)]
    assert (power_sum(xs).data, power_sum(xs, 3).data, power_sum([1, 2], n=4)) == (5.0, 9.0, 17.0)
    power_sum(xs, 3).backward()
    assert [x.grad for x in xs] == [3.0, 12.0]
    scale = rule("scale_by", lambda x, *, k: k * x, lambda z, x, *, k: (k,))
    assert (xs[1].scale_by(3).data, scale(2.0, k=0.5)) == (6.0, 1.0)
    assert gradient(xs[1].scale_by(3) ** 2, xs[1]).data == 36.0


@pytest.mark.parametrize(
    ("name", "value", "slopes", "more", "kind", "message"),
    [
        (
            "mul2",
            lambda x, y: x * y,
            lambda z, x, y: (y,),
            {},
            ValueError,
            "a tuple of 2 local derivatives, not 1",
        ),
        ("mul2", lambda x, y: x * y, lambda z, x, y: (y, x, x), {}, ValueError, "2 local derivatives, not 3"),
        (
            "mul2",
            lambda x, y: x * y,
            lambda z, x, y: (x, y),
            {},
            ValueError,
            "along x is 0.37 at x = 0.37, y = ",
        ),
        ("mul2", lambda x, y: x * y, lambda z, x, y: y, {}, ValueError, "not a float"),
        (
            "mul2",
            lambda x, y: x * y,
            lambda z, x: (x,),
            {},
            TypeError,
            r"value takes \(x, y\) but slopes \(z, x\)",
        ),
        ("mul2", lambda x, *, n: x * n, lambda z, x, *, k: (k,), {}, TypeError, r"\(x, \*, n\) but slopes"),
        (
            "any",
            lambda *xs: xs[0],
            lambda z, *xs: (1.0,),
            {},
            TypeError,
            "slopes name the result and each argument",
        ),
        ("sine", math.sin, lambda z, x: (math.cos(x),), {}, TypeError, "tinygrad_edu.cos"),
        ("sine", math.sin, lambda z, x: (unknown(x),), {}, TypeError, "unknown"),  # noqa: F821
        ("sine", math.sin, lambda z, x, y: (cos(x), 0.0), {}, TypeError, "value does not take 2 arguments"),
        (
            "sine",
            lambda x: "1",
            lambda z, x: (1.0,),
            {},
            TypeError,
            "value does not take 1 argument and return",
        ),
        ("sine", math.sin, lambda z, x: (1e-3 + cos(x),), {}, ValueError, "differences of the value give"),
        ("exp", math.exp, lambda z, x: (z,), {}, ValueError, "there is an operation 'exp' already"),
        (
            "backward",
            math.exp,
            lambda z, x: (z,),
            {},
            ValueError,
            "Value has an attribute 'backward' already",
        ),
        ("two words", math.exp, lambda z, x: (z,), {}, ValueError, "needs a name as Python functions have"),
        ("lambda", math.exp, lambda z, x: (z,), {}, ValueError, "needs a name as Python functions have"),
        ("_hidden", math.exp, lambda z, x: (z,), {}, ValueError, "needs a name as Python functions have"),
        ("far", lambda x: log(x - 9), lambda z, x: (1 / (x - 9),), {}, ValueError, r"at=\[0.1, 0.2, 0.3\]"),
        (
            "far",
            lambda x: log(x - 9),
            lambda z, x: (2 / (x - 9),),
            {"at": [10, 11, 12]},
            ValueError,
            "is 2 at x = 10",
        ),
        (
            "cubed",
            lambda x: x**3,
            lambda z, x: (3 * getattr(x, "data", x) ** 2,),
            {},
            ValueError,
            "of the local derivative along x is 0 at x = 0.37, but differences give 2.22",
        ),
        ("sine", math.sin, cos, {}, TypeError, "slopes is a function written with def or lambda, not Op"),
        (
            "twice",
            lambda x: 2 * x,
            lambda z, x: [2.0],
            {},
            ValueError,
            "a tuple of 1 local derivatives, not a list",
        ),
        (
            "far",
            lambda x, y: x * y,
            lambda z, x, y: (y, x),
            {"at": [1, 2, 3]},
            TypeError,
            "each point of at= has 2",
        ),
        (
            "inner",
            lambda xs, ys: rules.total(x * y for x, y in zip(xs, ys, strict=True)),
            lambda z, xs, ys: (ys, xs),
            {"over_lists": True, "at": [([1, 2], [3])]},
            ValueError,
            "inner: the lists of a point of at= have one length",
        ),
        (
            "sine",
            math.sin,
            lambda z, x: (cos(x) + 0 * log(x),),
            {},
            ValueError,
            r"sine: the value exists at x = -\d.*, but slopes raise: log\(x\)",
        ),
    ],
)
def test_what_is_wrong_is_refused_and_leaves_nothing(
    name: str, value: Any, slopes: Any, more: dict[str, Any], kind: type[Exception], message: str
) -> None:
    before = dict(TABLE)
    with pytest.raises(kind, match=message) as error:
        rule(name, value, slopes, **more)
    assert "\n" not in str(error.value)
    assert before == TABLE
    assert name in before or not hasattr(Value, name) or name == "backward"


def test_points_of_ones_own() -> None:
    far = rule(
        "far",
        lambda x, y: log(x - 9) * y,
        lambda z, x, y: (y / (x - 9), log(x - 9)),
        at=[(10, 1), (12, 2), (9.5, 3)],
    )
    assert far(10, 1) == 0.0


def test_where_the_value_is_infinite_nothing_can_be_checked() -> None:
    rule(
        "capped",
        lambda x: math.exp(x) if x < 700 else math.inf,
        lambda z, x: (exp(x),),  # raises at 1000
        at=[1, 2, 3, 1000],
    )


def test_what_was_declared_before_may_be_used() -> None:
    hill = rule("hill", lambda x: exp(-x * x), lambda z, x: (-2 * x * z,))
    rule("hill2", lambda x: hill(x) ** 2, lambda z, x: (-4 * x * hill(x) ** 2,))
    x = Value(0.5)
    assert gradient(gradient(x.hill2(), x), x).data == pytest.approx(
        (16 * 0.25 - 4) * math.exp(-0.5), abs=1e-14
    )


def test_a_complex_number_is_outside_the_domain() -> None:
    root = rule("root", lambda x: x**0.5, lambda z, x: (0.5 / z,))
    assert root(4.0) == 2.0
    for number in (-1.0, Value(-1.0)):
        with pytest.raises(DomainError, match="root is not defined there"):
            root(number)


def test_one_point_of_ones_own_stands_alone() -> None:
    with pytest.raises(ValueError, match="could be checked at 1 of the points"):
        rule("once", lambda x: x, lambda z, x: (1.0,), at=0.5)


def test_a_pickle_of_an_operation_that_is_not_declared_here_says_so() -> None:
    x = coversin()(Value(0.3))
    saved = pickle.dumps(x)
    del TABLE["coversin"]
    with pytest.raises(ValueError, match=r"^there is no operation 'coversin' here: declare it with rule"):
        pickle.loads(saved)


def test_ieee_754_holds_for_powers_in_a_rule_of_ones_own() -> None:
    """Python raises a ZeroDivisionError for 0 to a negative power, where IEEE 754 says infinity."""
    below = rule("below", lambda x, y: -(x**y), lambda z, x, y: (-y * x ** (y - 1), log(x) * z))
    assert below(Value(0.0), -math.inf).data == below(0.0, -math.inf) == -math.inf
    root = rule("root", lambda x: x**0.5, lambda z, x: (0.5 * x**-0.5,))
    y = root(Value(0.0))
    assert y.slopes == (math.inf,)
    with pytest.raises(DomainError, match="the value exists, but its slope there is infinite"):
        y.backward()
    falling = rule("falling", lambda x: -1 / 0.5**x, lambda z, x: (math.log(0.5) / 0.5**x,))
    assert falling(math.inf) == -math.inf


def test_slopes_that_raise_do_not_exist() -> None:
    def slopes(z: Any, x: Any) -> tuple[Any]:
        if x == 0.0:
            raise ValueError("the slope of the bend")
        return (2.0 * step(x) - 1.0,)

    bent = rule("bent", abs, slopes)
    y = bent(Value(0.0))
    assert y.data == 0.0
    assert math.isnan(y.slopes[0])
    with pytest.raises(DomainError):
        y.backward()


def test_a_second_derivative_may_exist_for_numbers_only() -> None:
    """IEEE 754 has 1/(1/0) = 0, but a Value is not divided by 0."""
    half_square = rule("half_square", lambda x: x * x / 2, lambda z, x: (1 / (1 / x),))
    x = Value(0.0, "x")
    y = half_square(x)
    y.backward()
    assert (x.grad, y.slopes) == (0.0, (0.0,))
    with pytest.raises(DomainError, match=r"1\.0 / x"):
        gradient(y, x)
