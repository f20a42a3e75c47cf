"""The derivative through a solver, against closed forms and against finite differences of the solver."""

import math

import pytest

from tinygrad_edu import Value, cos, derivative, exp, hessian, implicit


def solved(function, x):
    """Return the root of a function of floats near x, by bisection on a wide interval."""
    low, high = x - 1, x + 1
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(low) * function(middle) > 0 else (low, middle)
    return (low + high) / 2


def test_a_square_root():
    p, x = Value(7.0, "p"), Value(math.sqrt(7.0), "x")
    root = implicit(x * x - p, x)
    (3 * root).backward()
    assert p.grad == pytest.approx(1.5 / math.sqrt(7.0), rel=1e-14)
    assert x.grad == 0.0
    assert (root.label, root.data) == ("x", pytest.approx(math.sqrt(7.0), rel=1e-15))


def test_keplers_equation_against_differences_of_the_solver():
    def anomaly(mean, e):
        return solved(lambda x: x - e * math.sin(x) - mean, mean)

    mean, e = Value(0.8, "M"), Value(0.3, "e")
    x = Value(anomaly(0.8, 0.3), "x")
    root = implicit(x - e * x.sin() - mean, x)
    cos(root).backward()
    for value, at in ((mean, lambda h: anomaly(0.8 + h, 0.3)), (e, lambda h: anomaly(0.8, 0.3 + h))):
        wanted = (math.cos(at(1e-5)) - math.cos(at(-1e-5))) / 2e-5
        assert value.grad == pytest.approx(wanted, rel=1e-8)


def test_two_unknowns():
    # x + y = a, x·y = b: x and y are the roots of t² − a·t + b
    a, b = Value(5.0, "a"), Value(6.0, "b")
    x, y = Value(3.0, "x"), Value(2.0, "y")
    first, second = implicit([x + y - a, x * y - b], [x, y])
    (first + 10 * second).backward()
    # ∂x/∂a = x/(x − y), ∂x/∂b = −1/(x − y), and for y with x and y exchanged
    assert a.grad == pytest.approx(3.0 + 10 * -2.0)
    assert b.grad == pytest.approx(-1.0 + 10 * 1.0)


def test_what_is_no_solution_or_not_determined():
    p, x = Value(2.0, "p"), Value(1.4, "x")
    with pytest.raises(ValueError, match=r"x = 1\.4 is no solution: a Newton step leads to 1\.41"):
        implicit(x * x - p, x)
    with pytest.raises(ValueError, match="does not determine the unknown"):
        implicit(exp(p) - p, x)
    with pytest.raises(ValueError, match="2 unknowns need 2 residuals, not 1"):
        implicit([x - p], [x, p])
    with pytest.raises(TypeError, match="Values, not float"):
        implicit(1.0, x)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_are_exact_up_to_the_order_asked_for(order):
    p, x = Value(7.0, "p"), Value(math.sqrt(7.0), "x")
    root = implicit(x * x - p, x, order)
    factor = 1.0  # of the derivatives of p**0.5
    for n in range(1, order + 1):
        factor *= 1.5 - n
        assert derivative(root, p, n).data == pytest.approx(factor * 7.0 ** (0.5 - n), rel=1e-12)
    assert root.data == pytest.approx(math.sqrt(7.0), rel=1e-15)


def test_second_derivatives_of_several_unknowns_are_exact():
    # x + y = a, x·y = b: x = (a + √(a² − 4b))/2
    a, b = Value(5.0, "a"), Value(6.0, "b")
    x, y = Value(3.0, "x"), Value(2.0, "y")
    found = hessian(implicit([x + y - a, x * y - b], [x, y])[0], [a, b])
    wanted = hessian((a + (a * a - 4 * b).sqrt()) / 2, [a, b])
    assert [*found[0], *found[1]] == pytest.approx([*wanted[0], *wanted[1]], rel=1e-12)


@pytest.mark.parametrize(
    ("number", "solution"),
    [(1.0, 5.0), (5e-7, 1e-7), (1e-12, 1e-7), (3e200, 1e200)],
)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_number_of_any_size_that_is_no_solution_is_refused(number, solution, order):
    x, square = Value(number, "x"), Value(solution / number, "c")
    with pytest.raises(ValueError, match="is no solution"):
        implicit(x * (x / number) - square * solution, x, order)


def test_a_solution_near_zero():
    x, p = Value(1e-17, "x"), Value(0.0, "p")
    assert implicit(x.sin() - p, x).data == 0.0


@pytest.mark.parametrize("order", [0, 1.5, "2"])
def test_an_order_that_is_none(order):
    p, x = Value(4.0), Value(2.0)
    with pytest.raises(ValueError, match="order is a whole number of at least 1"):
        implicit(x * x - p, x, order)
