"""``function``: what it is called with, what it returns, and what it refuses."""

import math
import re
import shutil
import sys
from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest
from random_graphs import random_graph

import tinygrad_edu
from tinygrad_edu import (
    BranchError,
    DivisionByZeroError,
    DomainError,
    Function,
    StaleError,
    TooLargeError,
    Value,
    exp,
    function,
    log,
    sqrt,
    tanh,
    where,
)
from tinygrad_edu.engine import common
from tinygrad_edu.engine.derivatives import hessian, hessian_vector_product, jacobian, jvp, vjp
from tinygrad_edu.program import arrays, python
from tinygrad_edu.three_layer import worked_example


def values(*labels: str) -> list[Value]:
    return [Value(1.0 + i / 4, label) for i, label in enumerate(labels)]


# --- Calling ---


def test_one_value_in_and_one_out() -> None:
    x = Value(2.0, "x")
    f = function(x, x**3)
    assert (f(3.0), f.gradient(3.0), f.value_and_gradient(3.0), f.hessian(3.0)) == (
        27.0,
        27.0,
        (27.0, 27.0),
        18.0,
    )
    assert (f.jacobian(3.0), f.jvp(3.0, 2.0), f.vjp(3.0, 2.0), f.hessian_vector_product(3.0, 2.0)) == (
        27,
        54,
        54,
        36,
    )


def test_a_list_of_inputs_is_the_argument_list() -> None:
    a, b = values("a", "b")
    f = function([a, b], a * b)
    assert f(3.0, 5.0) == 15.0
    assert f.gradient(3.0, 5.0) == [5.0, 3.0]
    assert f.value_and_gradient(3.0, 5.0) == (15.0, [5.0, 3.0])
    assert f.hessian(3.0, 5.0) == [[0.0, 1.0], [1.0, 0.0]]
    assert f.jvp([3.0, 5.0], [1.0, 10.0]) == 35.0
    assert f.hessian_vector_product([3.0, 5.0], [1.0, 10.0]) == [10.0, 1.0]
    assert function((a, b), a * b).gradient(3.0, 5.0) == (5.0, 3.0)


def test_nested_inputs_and_outputs_keep_their_arrangement() -> None:
    W = [values("w1", "w2"), values("w3", "w4")]
    x = tuple(values("x1", "x2"))
    y = [sum((w * v for w, v in zip(row, x, strict=True)), start=Value(0.0)) for row in W]
    f = function([W, x], {"y": y, "first": y[0]})
    assert f([[1.0, 2.0], [3.0, 4.0]], (5.0, 6.0)) == {"y": [17.0, 39.0], "first": 17.0}
    first = [[[5.0, 6.0], [0.0, 0.0]], (1.0, 2.0)]
    second = [[[0.0, 0.0], [5.0, 6.0]], (3.0, 4.0)]
    assert f.jacobian([[1.0, 2.0], [3.0, 4.0]], (5.0, 6.0)) == {"y": [first, second], "first": first}
    assert f.vjp([[[1, 2], [3, 4]], [5, 6]], {"y": [1.0, 10.0], "first": 0.0}) == [
        [[5, 6], [50, 60]],
        (31, 42),
    ]
    g = function([W, x], y[0])
    assert g.gradient([[1.0, 2.0], [3.0, 4.0]], (5.0, 6.0)) == first


def test_a_dictionary_is_called_by_name() -> None:
    a, w = Value(1.0, "a"), [Value(2.0, "w"), Value(3.0, "w")]
    f = function({"a": a, "w": w}, a * w[0] * w[1])
    assert f(w=[5.0, 7.0], a=2.0) == 70.0
    assert f.gradient(a=2.0, w=[5.0, 7.0]) == {"a": 35.0, "w": [14.0, 10.0]}
    assert (f(w=[5, 7], a=2), f.gradient(a=2, w=np.array([5, 7]))) == (70.0, {"a": 35.0, "w": [14.0, 10.0]})
    with pytest.raises(TypeError, match=r"^inputs is a dictionary, not a list$"):
        f.jvp([2.0, [5.0, 7.0]], {"a": 0, "w": [1, 0]})
    assert f.hessian_vector_product({"a": 2.0, "w": [5.0, 7.0]}, {"a": 0, "w": [1, 0]}) == {
        "a": 7.0,
        "w": [0.0, 2.0],
    }


def test_numbers_of_any_kind_and_arrays_are_taken() -> None:
    from decimal import Decimal
    from fractions import Fraction

    a, b = values("a", "b")
    f = function([a, b], a / b)
    wanted = f.gradient(3.0, 2.0)
    for row in [(3, 2), (np.float64(3), np.float32(2)), (Fraction(3), Decimal(2)), (np.array(3.0), True + 1)]:
        found = f.gradient(*row)
        assert found == wanted
        assert [type(x) for x in found] == [float, float]
    g = function([[a, b]], a / b)
    assert g.gradient(np.array([3.0, 2.0])) == [wanted]
    # An int is a float first: 2**53 + 1 is none.
    assert function(a, a * 3.0 - 2.0**53 * 3.0)(2**53 + 1) == 0.0


def test_the_gradient_is_the_generated_function() -> None:
    x = Value(2.0, "x")
    f = function(x, x * tanh(x))
    assert type(f.gradient) is type(lambda: 0)
    assert f.gradient.__code__.co_filename == "<string>"
    assert f.gradient is f.gradient


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_give_what_the_engine_gives(seed: int) -> None:
    root, leaves = random_graph(seed)
    f = function(leaves, [root, leaves[0] * root])
    g = function(leaves, root)
    for shift in (0.0, 0.01, -0.02):
        for leaf in leaves:
            leaf.data += shift
        try:
            root.forward()
        except DomainError:
            continue
        row = [leaf.data for leaf in leaves]
        outputs = [root, leaves[0] * root]
        assert f(*row) == [value.data for value in outputs]
        near = {"rel": 1e-9, "abs": 1e-9}
        for found, wanted in [
            (f.jacobian(*row), jacobian(outputs, leaves)),
            (g.hessian(*row), hessian(root, leaves)),
            ([f.jvp(row, [1.0, 2.0, 3.0])], [jvp(outputs, leaves, [1.0, 2.0, 3.0])]),
            ([f.vjp(row, [1.0, 2.0])], [vjp(outputs, leaves, [1.0, 2.0])]),
            ([g.hessian_vector_product(row, [1, 2, 3])], [hessian_vector_product(root, leaves, [1, 2, 3])]),
            ([g.gradient(*row)], jacobian([root], leaves)),
        ]:
            for x, y in zip(found, wanted, strict=True):
                assert x == pytest.approx(y, **near)


def test_jacobians_and_hessians_know_their_zeros() -> None:
    xs = [Value(1.0 + i / 10, f"x{i}") for i in range(6)]
    valley = sum(((y - x * x) ** 2 for x, y in pairwise(xs)), start=Value(0.0))  # Rosenbrock's
    f = function(xs, valley)
    row = [x.data for x in xs]
    sparse = f.sparse_hessian(*row)
    assert {*sparse} == {(i, j) for i in range(6) for j in range(6) if abs(i - j) <= 1}
    dense = f.hessian(*row)
    assert all(dense[i][j] == sparse.get((i, j), 0.0) for i in range(6) for j in range(6))
    g = function(xs, [x * y for x, y in pairwise(xs)])
    assert [*g.sparse_jacobian(*row)] == [(i, j) for i in range(5) for j in (i, i + 1)]


def test_the_hessian_of_the_worked_example() -> None:
    net = worked_example()
    parameters = [net[name] for name in ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "b1", "b2"]]
    f = function(parameters, net["E_total"])
    row = [p.data for p in parameters]
    assert np.array(f.hessian(*row)) == pytest.approx(np.array(hessian(net["E_total"], parameters)), rel=1e-9)


def test_an_input_may_be_inside_the_graph() -> None:
    a, b = values("a", "b")
    h = a * b
    f = function([h, b], h * b)
    assert f(10.0, 3.0) == 30.0
    assert f.gradient(10.0, 3.0) == [3.0, 10.0]


def test_an_input_that_does_not_matter_has_derivative_0_and_it_is_said() -> None:
    a, b, c = values("a", "b", "c")
    f = function([a, b, c], a * a)
    assert f.gradient(3.0, 5.0, 7.0) == [6.0, 0.0, 0.0]
    assert "no output depends on b, c: derivatives along it are 0" in str(f)


def test_outputs_may_be_inputs_numbers_and_the_same_twice() -> None:
    a, b = values("a", "b")
    f = function([a, b], [a, a * b, a * b, 3.0])
    assert f(2.0, 5.0) == [2.0, 10.0, 10.0, 3.0]
    assert f.jacobian(2.0, 5.0) == [[1.0, 0.0], [5.0, 2.0], [5.0, 2.0], [0.0, 0.0]]
    assert f.vjp([2.0, 5.0], [1.0, 1.0, 1.0, 1.0]) == [11.0, 4.0]


# --- Showing ---


def test_the_program_stands_beside_the_names_of_the_picture() -> None:
    w, x = values("w", "x")
    net = w * x
    net.label = "net_h1"
    out = tanh(net)
    out.label = "out_h1"
    f = function([w, x], out + 1)
    assert str(f).splitlines() == [
        "v1: w", "v2: x", "v3: net_h1 = w·x", "v4: out_h1 = tanh(net_h1)", "v5: out_h1 + 1", "output: v5",
    ]  # fmt: skip
    assert f._repr_mimebundle_()["text/markdown"] == f"```text\n{f}\n```"


def test_a_long_program_is_not_shown_whole() -> None:
    x = Value(2.0, "x")
    y = x
    for _ in range(1000):
        y = y * x + 1.0
    assert len(str(function(x, y)).splitlines()) == 203
    assert "… and 1800 more" in str(function(x, y))


HOSTILE = [
    '"; import os #',
    "*/ #include <x>",
    "x\nimport os",
    "`${alert(1)}`",
    "\\",
    "??/",
    "lambda",
    "v1",
    "a'''b",
    "‮evil",
    "]]>",
]


@pytest.mark.parametrize("label", HOSTILE)
@pytest.mark.parametrize("language", ["python", "numpy", "c", "javascript", "jax", "torch"])
def test_labels_are_no_code(label: str, language: str) -> None:
    def text(label: str) -> str:
        x = Value(2.0, label)
        y = x * x
        y.label = label
        return function(x, y * exp(y)).source(language)

    comment = "//" if language in ("c", "javascript") else "#"
    plain = [line.partition(comment)[0] for line in text("x").splitlines()]
    assert [line.partition(comment)[0] for line in text(label).splitlines()] == plain
    assert not re.search(
        r"[\\/*?<\n‮]", "".join(line.partition(comment)[2] for line in text(label).splitlines())
    )


def test_hostile_labels_and_keys_run_as_any_other() -> None:
    for label in HOSTILE:
        x = Value(2.0, label)
        f = function({label: x}, {label: x * x})
        assert f(**{label: 3.0}) == {label: 9.0}
        assert f.jacobian(**{label: 3.0}) == {label: {label: 6.0}}
        assert str(f)


def test_the_same_graph_gives_the_same_text() -> None:
    def text() -> str:
        root, leaves = random_graph(7)
        return function(leaves, root).source("python")

    assert text() == text()


# --- Mistakes ---


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(1.0), r"value takes 2 \(a, argument 2\), not 1"),
        (lambda f: f.gradient(), r"gradient takes 2 \(a, argument 2\), not 0"),
        (lambda f: f.gradient("1", [1.0, 2.0]), "a is one number, not a str"),
        (
            lambda f: f.gradient(Value(1.0), [1.0, 2.0]),
            r"a is one number, not a Value: give its number, \.data",
        ),
        (lambda f: f.gradient([1.0], [1.0, 2.0]), "a is one number, not a list"),
        (lambda f: f.gradient(None, [1.0, 2.0]), "a is one number, not a NoneType"),
        (lambda f: f.gradient(1.0, 2.0), "argument 2 is a list of 2, not a float"),
        (lambda f: f.gradient(1.0, "12"), "argument 2 is a list of 2, not a str"),
        (lambda f: f.gradient(1.0, {1.0: 1, 2.0: 2}), "argument 2 is a list of 2, not a dict"),
        (lambda f: f.gradient(1.0, [1.0, [2.0]]), r"argument 2\[1\] is one number, not a list"),
        (lambda f: f.gradient(np.array([1.0, 2.0]), [1.0, 2.0]), "a is one number, not a"),
        (lambda f: f.jvp([1.0, [1.0, 2.0]]), r"jvp takes 2 \(inputs, tangents\), not 1"),
        (lambda f: f.vjp([1.0, [1.0, 2.0]], "x"), "cotangents is one number, not a str"),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[Function], Any], message: str) -> None:
    a, b, c = values("a", "b", "c")
    with pytest.raises(TypeError, match=message):
        call(function([a, [b, c]], a * b * c))


def test_wrong_lengths_and_keys_are_named() -> None:
    a, b, c = values("a", "b", "c")
    f = function([a, [b, c]], a * b * c)
    with pytest.raises(ValueError, match="argument 2 is a list of 2, not of 3"):
        f(1.0, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"inputs\[1\] is a list of 2, not of 1"):
        f.jvp([1.0, [1.0]], [1.0, [1.0, 2.0]])
    with pytest.raises(TypeError, match="takes from 0 to 2 positional arguments but 3 were given"):
        f.gradient(1.0, [1.0, 2.0], 3.0)
    g = function({"a": a, "b": b}, a * b)
    with pytest.raises(TypeError, match="value takes a, b by name, not a, x"):
        g(a=1.0, x=2.0)
    with pytest.raises(TypeError, match="value takes a, b by name, not an argument without a name"):
        g(1.0)
    with pytest.raises(ValueError, match=r"inputs has the keys 'a', 'b', not 'a'"):
        g.jvp({"a": 1.0}, {"a": 1.0, "b": 1.0})


def test_what_is_no_value_is_refused() -> None:
    x = Value(1.0, "x")
    with pytest.raises(TypeError, match="takes Values, not float"):
        function([x, 2.0], x * x)
    with pytest.raises(TypeError, match="one real number, not str"):
        function(x, "x")
    with pytest.raises(ValueError, match="stands twice"):
        function([x, x], x * x)
    with pytest.raises(ValueError, match="at least one output"):
        function([x], [])
    deep: Any = x
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="levels deep"):
        function(deep, x)


def test_stale_data_is_refused() -> None:
    x = Value(1.0, "x")
    y = exp(x)
    x.data = 2.0
    with pytest.raises(StaleError, match="x was assigned"):
        function(x, y)


def test_the_gradient_of_several_outputs_is_refused_with_the_remedy() -> None:
    x = Value(1.0, "x")
    with pytest.raises(ValueError, match="this function has 2 in a list or dictionary: use jacobian or vjp"):
        _ = function(x, [x * x, x]).gradient


# --- What is not finite ---


def test_where_there_is_no_value_the_engine_says_which() -> None:
    a, h = values("a", "h")
    net = a * h
    net.label = "net"
    f = function([a, h], log(net) + exp(a) / h)
    with pytest.raises(DomainError, match=r"log\(net\) with net = -2.0: log needs a positive argument"):
        f(1.0, -2.0)
    with pytest.raises(DomainError, match=r"log\(net\)"):
        f.gradient(1.0, -2.0)
    with pytest.raises(DomainError, match=r"log\(net\)"):
        f.hessian(1.0, -2.0)
    with pytest.raises(DomainError, match=r"row 1: log\(net\)"):
        f.batch_gradient(np.array([[1.0, 2.0], [1.0, -2.0]]))

    with pytest.raises(TooLargeError, match=r"exp\(a\) with a = 1000.0"):
        f(1000.0, 1.0)
    with pytest.raises(TooLargeError, match="net"):
        function([a, h], net * net)(1e200, 1.0)


def test_an_infinite_slope_is_refused_only_where_it_is_needed() -> None:
    x, y = values("x", "y")
    f = function([x, y], sqrt(x) + y)
    assert f(0.0, 1.0) == 1.0
    with pytest.raises(DivisionByZeroError, match=r"sqrt\(x\) with x = 0.0"):
        f.gradient(0.0, 1.0)
    # The branch that is not taken: 0 · ∞ is not walked.
    g = function([x, y], where(y, x, sqrt(x)))
    assert g.gradient(0.0, 1.0) == [1.0, 0.0]
    assert g.batch_gradient(np.array([[0.0, 1.0], [4.0, 0.0]])).tolist() == [[1.0, 0.0], [0.25, 0.0]]


def test_infinity_and_nan_give_what_the_engine_gives() -> None:
    x = Value(1.0, "x")
    for make in (
        lambda v: v * v + 1.0,
        lambda v: tanh(v),
        lambda v: v.relu(),
        lambda v: where(v, v, 2.0) * 1.5,
    ):
        f = function(x, make(x))
        for number in (math.inf, -math.inf, math.nan):
            wanted = make(Value(number)).data
            for found in (f(number), f.batch(np.array([[number]]))[0]):
                assert found == wanted or (found != found and wanted != wanted)


# --- Arrays ---


def test_batches() -> None:
    root, leaves = random_graph(3)
    f = function(leaves, root)
    X = np.array([leaf.data for leaf in leaves]) + np.linspace(0.0, 0.01, 9000)[:, None]
    rows = X[::1000].tolist()
    assert f.batch(X).shape == (9000,)
    assert f.batch_gradient(X).shape == (9000, 3)
    assert f.batch(X)[::1000] == pytest.approx([f(*row) for row in rows], rel=1e-12)
    assert f.batch_gradient(X)[::1000] == pytest.approx(
        np.array([f.gradient(*row) for row in rows]), rel=1e-9
    )
    g = function(leaves, [root, 2.0 * root, 3.0])
    assert g.batch(X)[5].tolist() == pytest.approx([f(*X[5]), 2 * f(*X[5]), 3.0], rel=1e-12)
    assert f.batch(X[:0]).shape == (0,)


def test_a_batch_names_the_row_that_has_no_value() -> None:
    x, y = values("x", "y")
    f = function([x, y], log(x) * y)
    X = np.full((5000, 2), 2.0)
    X[4321, 0] = -1.0
    with pytest.raises(DomainError, match=r"row 4321: log\(x\) with x = -1.0"):
        f.batch(X)
    with pytest.raises(
        ValueError, match=r"one row for each example and 2 columns \(x, y\), not the shape \(5,\)"
    ):
        f.batch(np.ones(5))
    with pytest.raises(ValueError, match=r"not the shape \(2, 3\)"):
        f.batch_gradient(np.ones((2, 3)))


# --- Machine code ---


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_machine_code_through_buffers() -> None:
    root, leaves = random_graph(5)
    f = function(leaves, [root, root * leaves[0]])
    machine = f.compiled()
    row = [leaf.data for leaf in leaves]
    machine.inputs[:] = row
    machine.run()
    assert [*machine.outputs] == pytest.approx(f(*row), rel=1e-12)
    assert [*machine.gradient] == pytest.approx([*chain(*f.jacobian(*row))], rel=1e-9)
    shared = np.frombuffer(machine.inputs)
    shared[:] = 0.5
    assert [*machine.inputs] == [0.5, 0.5, 0.5]


def test_without_a_compiler_machine_code_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Value(1.0)
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(OSError, match="there is no C compiler 'no-such-compiler': install"):
        function(x, x * x).compiled()
    monkeypatch.setenv("CC", f"{sys.executable} -c 'raise SystemExit(1)'")
    with pytest.raises(OSError, match="fails"):
        function(x, x * x).compiled()


# --- Large programs ---


def test_a_program_too_large_to_compile_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "LARGEST", 5)
    root, leaves = random_graph(3)
    f = function(leaves, root)
    row = [leaf.data for leaf in leaves]
    root.backward()
    assert f(*row) == root.data
    assert f.gradient(*row) == pytest.approx([leaf.grad for leaf in leaves], rel=1e-12)
    with pytest.raises(TypeError, match="takes 3"):
        f(1.0)


def test_what_is_unusual_in_a_program_too_large_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (python, arrays):
        monkeypatch.setattr(module, "LARGEST", 1)
    x = Value(2.0, "x")
    f = function([x], log(x) * x * x)
    with pytest.raises(DomainError, match="needs a positive argument"):
        f(-1.0)
    with pytest.raises(TooLargeError):
        f(1e200)
    assert f(math.inf) == math.inf
    assert f.batch(np.array([[2.0], [3.0]])) == pytest.approx([4.0 * math.log(2.0), 9.0 * math.log(3.0)])
    with pytest.raises(DomainError, match=r"row 1: .* needs a positive argument"):
        f.batch(np.array([[2.0], [-1.0]]))


def test_rounding_where_large_terms_cancel_is_no_difference_from_the_engine() -> None:
    x = Value(1.0, "x")
    f = function(x, exp(x) * 1e8 * x + x * x * x - x * exp(x) * 1e8)
    assert f.hessian(1.0) == pytest.approx(6.0, abs=10 * math.ulp(3e8))  # that of x³


def test_sums_of_thousands_of_terms_are_written_without_nesting() -> None:
    xs = [Value(0.001 * i) for i in range(3000)]
    f = function([xs], tinygrad_edu.sum([x * x for x in xs]))
    row = [x.data for x in xs]
    assert f.gradient(row) == [[2.0 * x for x in row]]


# --- Callables ---


def test_a_callable_and_example_numbers() -> None:
    f = function(lambda a, b: a * b + tanh(a), [0.5, 2.0])
    assert f(1.0, 3.0) == 3.0 + math.tanh(1.0)
    assert f.gradient(1.0, 3.0) == pytest.approx([3.0 + 1 - math.tanh(1.0) ** 2, 1.0])
    assert function(lambda a: a**2, 3.0)(5.0) == 25.0
    assert function(lambda w, x: w[0] * x, {"w": [1.0], "x": 2.0})(w=[3.0], x=4.0) == 12.0
    assert function(lambda xs: {"sum": sum(xs[1:], start=xs[0])}, [[1.0, 2.0, 3.0]])([4.0, 5.0, 6.0]) == {
        "sum": 15.0
    }


def test_the_parameters_of_a_callable_are_its_labels() -> None:
    f = function(lambda a, bs: a * bs[0], [0.5, [2.0]])
    assert str(f).splitlines()[:3] == ["v1: a", "v2: an input", "v3: a·v2"]
    assert "v1: w" in str(function(lambda w: w * w, {"w": 1.0}))
    assert str(function(tanh, 1.0)).splitlines() == ["v1: an input", "v2: tanh(v1)", "output: v2"]


def test_a_replay_in_another_branch_is_refused_and_the_comparison_named() -> None:
    def kinked(x: Value, y: Value) -> Value:
        return x * y if x * x > y else x - y

    f = function(kinked, [3.0, 1.0])
    assert f(4.0, 2.0) == 8.0
    for call in (
        f,
        f.gradient,
        f.hessian,
        lambda *row: f.jvp(row, (1.0, 1.0)),
        lambda *row: f.batch(np.array([row])),
    ):
        with pytest.raises(BranchError, match=r"> .* was True when the function was recorded, and is False"):
            call(1.0, 2.0)
    with pytest.raises(BranchError, match="row 1: "):
        f.batch_gradient(np.array([[4.0, 2.0], [1.0, 2.0]]))
    scope: dict[str, Any] = {}
    exec(f.source("python"), scope)
    assert scope["f"](4.0, 2.0) == (8.0, [2.0, 4.0])
    assert math.isnan(scope["f"](1.0, 2.0)[0])


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("recorded", [0.5, 1.0, 1.5])
def test_each_comparison_is_kept(sign: str, recorded: float) -> None:
    compare = {
        "<": lambda x: x < 1.0,
        "<=": lambda x: x <= 1.0,
        ">": lambda x: x > 1.0,
        ">=": lambda x: x >= 1.0,
    }[sign]
    f = function(lambda x: 2.0 * x if compare(x) else 3.0 * x, recorded)
    for number in (0.5, 1.0, 1.5, math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0)):
        wanted = 2.0 * number if compare(number) else 3.0 * number
        if compare(number) == compare(recorded):
            assert f(number) == wanted
        else:
            with pytest.raises(BranchError):
                f(number)


def test_a_comparison_comes_before_what_fails_in_the_other_branch() -> None:
    f = function(lambda x: log(x) if x > 0 else x, 1.0)
    with pytest.raises(BranchError):
        f(-1.0)


def test_comparing_what_does_not_vary_is_no_branch() -> None:
    c = Value(2.0)
    f = function(lambda x: x * c if c > 1 else x, 1.0)
    assert "nan" not in f.source("python")
    assert f(3.0) == 6.0


def test_max_and_sorted_of_values_are_branches() -> None:
    f = function(lambda a, b: max(a, b) * 2.0, [1.0, 2.0])
    assert f(1.0, 3.0) == 6.0
    with pytest.raises(BranchError):
        f(3.0, 1.0)


def test_where_keeps_both_branches() -> None:
    f = function(lambda x: where(tinygrad_edu.step(x), x * x, -x), 1.0)
    assert (f(3.0), f(-3.0), f.gradient(3.0), f.gradient(-3.0)) == (9.0, 3.0, 6.0, -1.0)


def test_what_hides_its_numbers_from_the_recording_is_refused() -> None:
    with pytest.raises(ValueError, match=r"does it use \.data, or random numbers"):
        function(lambda x: x * x.data, 2.0)
    with pytest.raises(ValueError, match=r"does it use \.data, or random numbers"):
        function(lambda x: x * x if x.data > 2.0 else x, 2.0)
    import random

    with pytest.raises(ValueError, match="random numbers"):
        function(lambda x: x * random.random(), 2.0)


def test_recording_ends_with_the_callable_also_after_an_error() -> None:
    def fails(x: Value) -> Value:
        raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        function(fails, 1.0)
    assert common.comparisons is None
    function(lambda x: x * 2.0, 1.0)
    assert common.comparisons is None


# --- Verified when made ---


def test_a_difference_from_the_engine_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_edu.program.languages import PYTHON

    monkeypatch.setitem(PYTHON.said, "tanh", "sin({0})")
    x = Value(0.7)
    with pytest.raises(RuntimeError, match="value differs from the engine at"):
        function(x, tanh(x))(0.7)


def test_rounding_is_no_difference() -> None:
    # Merged, (x·y)·1e9 − (x·y)·1e9 + … sums its parts in another order than the engine does.
    x, y = Value(0.1, "x"), Value(0.3, "y")
    f = function([x, y], (x * y) * 1e9 - (x * y) * 0.7 - (x * y) * (1e9 - 0.7) + x)
    assert f.gradient(0.1, 0.3) == pytest.approx([1.0, 0.0], abs=1e-6)


# --- Operations of one's own ---


@pytest.fixture
def own() -> Any:
    """Give ``rule``, and take what it declares out of the table again."""
    from tinygrad_edu.engine.op import TABLE

    before = {*TABLE}
    yield tinygrad_edu.rule
    for name in {*TABLE} - before:
        del TABLE[name]
        if hasattr(Value, name):
            delattr(Value, name)


def test_an_own_operation_that_can_be_said_works_everywhere(own: Any) -> None:
    op = own("bumped", lambda x: exp(-x * x), lambda z, x: (-2 * x * z,))
    x = Value(0.5, "x")
    f = function(x, op(x))
    for language in ("python", "numpy", "c", "javascript", "jax", "torch"):
        assert "exp" in f.source(language)
    assert f.hessian(0.5) == pytest.approx((4 * 0.25 - 2) * math.exp(-0.25))


def test_an_own_function_of_floats_is_called_and_elsewhere_refused(own: Any) -> None:
    op = own("own_sin", lambda x: math.sin(x), lambda z, x: (tinygrad_edu.cos(x),))
    x = Value(0.5, "x")
    f = function(x, op(x) * 2.0)
    assert f(1.0) == 2.0 * math.sin(1.0)
    assert f.gradient(1.0) == 2.0 * math.cos(1.0)
    assert f.batch(np.array([[1.0], [2.0]])).tolist() == pytest.approx([2 * math.sin(1.0), 2 * math.sin(2.0)])
    for language in ("c", "javascript", "jax", "torch"):
        with pytest.raises(
            ValueError, match="own_sin is a Python function of floats and cannot be said there: give"
        ):
            f.source(language)
