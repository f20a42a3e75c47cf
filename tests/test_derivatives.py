"""Derivatives as numbers against SymPy, forward against reverse, and what is said where there is none."""

import math
import random

import mpmath
import pytest
import sympy

import tinygrad_edu
from tinygrad_edu import (
    DivisionByZeroError,
    DomainError,
    StaleError,
    TooLargeError,
    Value,
    check_gradient,
    count_multiplications,
    derivative,
    explain,
    from_json,
    function,
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
    jvp,
    stop_gradient,
    to_json,
    vjp,
)
from tinygrad_edu.three_layer import worked_example

POINT = {"x": 0.7, "y": -1.3, "z": 2.1}


def formulas(lib, x, y, z):
    """Three outputs of three inputs, in any library that has the functions."""
    a = lib.sin(x * y) + z**2
    b = a * lib.exp(-x) / (1 + z)
    return [a * b, b - y, lib.log(z) * x + 3]


@pytest.fixture
def graph():
    inputs = [Value(number, name) for name, number in POINT.items()]
    return inputs, formulas(tinygrad_edu, *inputs)


@pytest.fixture(scope="module")
def symbols():
    names = sympy.symbols("x y z")
    return names, formulas(sympy, *names)


def numbers(matrix):
    return [[float(entry.subs(POINT)) for entry in row] for row in matrix]


def test_jacobian_is_sympys(graph, symbols):
    inputs, outputs = graph
    names, expressions = symbols
    wanted = numbers([[e.diff(n) for n in names] for e in expressions])
    for rows in (slice(0, 2), slice(0, 3)):  # fewer outputs than inputs: backward sweeps
        for found, row in zip(jacobian(outputs[rows], inputs), wanted[rows], strict=True):
            assert found == pytest.approx(row, rel=1e-13)
    # fewer inputs than outputs: forward sweeps
    for found, row in zip(jacobian(outputs, inputs[:1]), wanted, strict=True):
        assert found == pytest.approx(row[:1], rel=1e-13)


def test_hessian_is_sympys_and_symmetric(graph, symbols):
    inputs, outputs = graph
    names, expressions = symbols
    for output, expression in zip(outputs, expressions, strict=True):
        found = hessian(output, inputs)
        assert [list(column) for column in zip(*found, strict=True)] == found
        for row, wanted in zip(found, numbers(sympy.hessian(expression, names).tolist()), strict=True):
            assert row == pytest.approx(wanted, rel=1e-12, abs=1e-14)


def test_what_is_independent_is_exactly_zero():
    x, y, z = (Value(float(i), name) for i, name in enumerate("xyz", 1))
    assert hessian(x.sin() * y + z**3, [x, y, z])[2] == [0.0, 0.0, 18.0]
    assert jacobian([x * 1.0], [y]) == [[0.0]]


def test_derivatives_of_every_order_are_sympys():
    x = sympy.Symbol("x")
    for order in range(6):
        value = Value(0.7, "x")
        wanted = (sympy.sin(x) * sympy.exp(x)).diff(x, order).subs(x, 0.7)
        assert derivative(value.sin() * value.exp(), value, order).data == pytest.approx(
            float(wanted), rel=1e-12
        )


@pytest.mark.parametrize("seed", range(20))
def test_forward_is_reverse(seed):
    rng = random.Random(seed)
    inputs = [Value(rng.uniform(0.5, 2.0)) for _ in range(4)]
    values = list(inputs)
    for _ in range(30):
        x, y = rng.choice(values), rng.choice(values)
        values.append(rng.choice([x + y, x - y, x.tanh() * y, x / (1 + y * y), x.sin(), (x * y).sigmoid()]))
    outputs = values[-3:]
    tangents = [rng.gauss(0, 1) for _ in inputs]
    cotangents = [rng.gauss(0, 1) for _ in outputs]
    forward = sum(c * t for c, t in zip(cotangents, jvp(outputs, inputs, tangents), strict=True))
    reverse = sum(c * t for c, t in zip(tangents, vjp(outputs, inputs, cotangents), strict=True))
    assert forward == pytest.approx(reverse, rel=1e-11, abs=1e-12)


def test_hessian_vector_product_is_the_hessian_times_the_vector(graph):
    inputs, outputs = graph
    vector = [0.3, -2.0, 1.5]
    wanted = [sum(h * v for h, v in zip(row, vector, strict=True)) for row in hessian(outputs[0], inputs)]
    assert hessian_vector_product(outputs[0], inputs, vector) == pytest.approx(wanted, rel=1e-13)


def test_the_hessian_of_the_worked_example_agrees_with_sympy():
    example = worked_example()
    names = [*(f"w{i}" for i in range(1, 9)), "b1", "b2"]
    w1, w2, w3, w4, w5, w6, w7, w8, b1, b2 = weights = sympy.symbols(" ".join(names))
    sigmoid = lambda x: 1 / (1 + sympy.exp(-x))  # noqa: E731
    i1, i2 = sympy.Rational("0.05"), sympy.Rational("0.1")
    h1, h2 = sigmoid(w1 * i1 + w2 * i2 + b1), sigmoid(w3 * i1 + w4 * i2 + b1)
    o1, o2 = sigmoid(w5 * h1 + w6 * h2 + b2), sigmoid(w7 * h1 + w8 * h2 + b2)
    error = (sympy.Rational("0.01") - o1) ** 2 / 2 + (sympy.Rational("0.99") - o2) ** 2 / 2
    second = sympy.lambdify(weights, sympy.hessian(error, weights), "mpmath", cse=True)
    with mpmath.workdps(40):
        wanted = second(*[mpmath.mpf(example[name].data) for name in names]).tolist()
    for row, exact in zip(
        hessian(example["E_total"], [example[name] for name in names]), wanted, strict=True
    ):
        assert row == pytest.approx([float(entry) for entry in exact], rel=1e-12, abs=1e-18)


def test_an_inner_value_may_be_an_input():
    x = Value(3.0, "x")
    h = x * x
    assert jacobian([h + x], [x, h]) == [[7.0, 1.0]]
    assert jvp([h + x, h], [x, h], [1.0, 10.0]) == [17.0, 16.0]


def test_where_there_is_no_derivative():
    x = Value(0.0, "x")
    root = x.sqrt()
    for sweep in (lambda: vjp([root], [x], [1.0]), lambda: jvp([root], [x], [1.0])):
        with pytest.raises(DivisionByZeroError, match=r"sqrt\(x\) with x = 0.0.*slope there is infinite"):
            sweep()
    w = Value(2.0, "w")
    assert jacobian([w * root], [w]) == [[0.0]]  # the path to w does not go through the square root
    big = Value(1e200, "big")
    with pytest.raises(TooLargeError, match="gradient that flows through"):
        vjp([(big * 1e-200) * 1.0], [big], [1e308 * 10**0.2]) and vjp([big * 1e100], [big], [1e300])


def test_stale_data_and_wrong_lengths_are_errors():
    x = Value(2.0, "x")
    y = x * x
    with pytest.raises(ValueError, match="one cotangent for every output: 1 are needed, not 2"):
        vjp([y], [x], [1.0, 2.0])
    with pytest.raises(ValueError, match="order is a whole number of at least 0, not -1"):
        derivative(y, x, -1)
    with pytest.raises(TypeError, match="Values, not float"):
        jacobian([y], [2.0])
    x.data = 3.0
    with pytest.raises(StaleError, match=r"call forward\(\)"):
        jvp([y], [x], [1.0])


def stopped(x):
    """d/dx of x³ with one x² held fixed is x², d/dx of x + x held fixed is 1."""
    return stop_gradient(x * x) * x + x + stop_gradient(x.exp().log())


def test_stop_gradient_is_a_fixed_number_to_every_derivative():
    x = Value(3.0, "x")
    y = stopped(x)
    y.backward()
    assert y.data == pytest.approx(33.0)
    assert x.grad == 10.0
    assert gradient(y, x).data == jvp([y], [x], [1.0])[0] == vjp([y], [x], [1.0])[0] == 10.0
    assert derivative(y, x, 2).data == hessian(y, [x])[0][0] == 0.0
    assert gradient(gradient(stop_gradient(x) * x**2, x), x).data == 6.0


def test_stop_gradient_is_computed_anew_when_a_graph_is_replayed():
    x = Value(3.0, "x")
    y = stopped(x)
    f = function([x], y)
    x.data = 2.0
    y.forward()
    y.backward()
    assert (y.data, x.grad) == (pytest.approx(12.0), 5.0)
    assert (f(2.0), f.gradient(2.0)) == (pytest.approx(12.0), [5.0])
    assert from_json(to_json(y)).data == y.data


def test_nothing_is_multiplied_behind_stop_gradient():
    """The slope of sqrt at 0 is infinite, and 0 · ∞ is not asked."""
    x = Value(0.0, "x")
    y = stop_gradient(x.sqrt()) + x
    y.backward()
    assert x.grad == gradient(y, x).data == jvp([y], [x], [1.0])[0] == 1.0


def test_stop_gradient_is_explained_and_checked():
    x = Value(3.0, "x")
    assert "stop_gradient lets no gradient through" in " ".join(str(explain(stopped(x), x)).split())
    assert "stop_gradient" in str(explain(stopped(x), x, lang="zh"))
    of_function = [check_gradient(stopped, 3.0, order=order) for order in (1, 2)]
    for check in (check_gradient(stopped(x)), *of_function):
        assert check
        assert not check.undecided
    wrong = check_gradient(lambda x: stop_gradient(x) * Value(x.data) + 0.0 * x, 2.0)  # which depends on x
    assert wrong.wrong


def test_stop_gradient_of_numbers_that_are_not_finite():
    inf, nan = Value(float("inf")), Value(float("nan"))
    assert stop_gradient(inf).data == inf.data
    assert str(stop_gradient(nan).data) == "nan"
    assert str(stop_gradient(-0.0)) == "-0.0"


def test_one_value_and_any_iterable_are_taken_as_lists_are():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = x**2 * y
    several, numbers = [x, y], [1.0, 10.0]
    assert jacobian(z, several) == jacobian([z], iter(several)) == [[12.0, 4.0]]
    assert hessian(z, x) == [[6.0]]
    assert hessian(z, iter(several)) == hessian(z, several)
    assert hessian_vector_product(z, iter(several), iter(numbers)) == [46.0, 4.0]
    assert hessian_vector_product(z, x, 10.0) == [60.0]
    assert vjp(z, iter(several), 1.0) == vjp([z], several, [1.0])
    assert jvp(z, iter(several), iter(numbers)) == [52.0]
    assert count_multiplications(z, several) == count_multiplications([z], several)
    with pytest.raises(ValueError, match="one number for every Value of wrt: 2 are needed, not 1"):
        hessian_vector_product(z, several, [1.0])


@pytest.mark.parametrize("order", [1.5, "2", None])
def test_an_order_that_is_no_whole_number(order):
    x = Value(2.0)
    with pytest.raises(ValueError, match="order is a whole number of at least 0"):
        derivative(x * x, x, order)


@pytest.mark.parametrize("function", [lambda x: 0.0 * x.sqrt(), lambda x: (x * x).sqrt()])
def test_zero_times_infinity_is_an_error_in_both_modes_as_in_backward(function):
    x = Value(0.0)
    y = function(x)
    for compute in (
        y.backward,
        lambda: vjp([y], [x], [1.0]),
        lambda: jvp([y], [x], [1.0]),
        lambda: jacobian([y], [x]),
        lambda: jacobian([y, x], [x]),
    ):
        with pytest.raises(DomainError, match="its slope there is infinite"):
            compute()
    assert vjp([y, x], [x], [0.0, 1.0]) == [1.0]  # an output that is left out
    free = Value(1.0)
    assert jvp([y + free], [x, free], [0.0, 1.0]) == [1.0]  # an input that is held fixed


def test_tangents_that_are_not_finite_give_what_ieee_says():
    x, y = Value(2.0), Value(3.0)
    assert jvp([x * y], [x, y], [math.inf, 1.0]) == vjp([x * y], [x], [math.inf]) == [math.inf]
    assert math.isnan(jvp([x * y], [x, y], [math.nan, 1.0])[0])
