"""Losses against their definitions, computed at fifty digits by mpmath, values and derivatives."""

import math

import mpmath
import pytest

from tinygrad_edu import Value, topological_order
from tinygrad_edu.losses import (
    LOSSES,
    binary_cross_entropy,
    categorical_cross_entropy,
    half_squared_error,
    hinge,
    mean_squared_error,
)
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.place import Place

OUTPUTS = [0.3, -1.7, 2.5]
EXTREME = [1000.0, -1000.0, 40.0, -40.0, 0.0]
SURE = [30.0, -3.0, -8.0]  # the loss is of the size of rounding in the logits


def log_probability(logit, right):
    p = 1 / (1 + mpmath.exp(-logit))
    return mpmath.log(p if right else 1 - p)


DEFINITIONS = [
    (half_squared_error, OUTPUTS, [1.0, -1.0, 0.5],
     lambda s, t: sum((b - a) ** 2 / 2 for a, b in zip(s, t, strict=True))),
    (mean_squared_error, OUTPUTS, [1.0, -1.0, 0.5],
     lambda s, t: sum((b - a) ** 2 for a, b in zip(s, t, strict=True)) / 3),
    (hinge, OUTPUTS, [1, -1, -1],
     lambda s, t: sum(max(mpmath.mpf(0), 1 - a * b) for a, b in zip(s, t, strict=True)) / 3),
    (binary_cross_entropy, OUTPUTS, [1, 0, 0.25],
     lambda s, t: -sum(b * log_probability(a, True) + (1 - b) * log_probability(a, False)
                       for a, b in zip(s, t, strict=True)) / 3),
    (binary_cross_entropy, EXTREME, [0, 1, 1, 0, 1],
     lambda s, t: -sum(log_probability(a, b) for a, b in zip(s, t, strict=True)) / 5),
    (categorical_cross_entropy, OUTPUTS, 1,
     lambda s, t: -mpmath.log(mpmath.exp(s[t]) / sum(map(mpmath.exp, s)))),
    (binary_cross_entropy, SURE, [1, 0, 0],
     lambda s, t: -sum(log_probability(a, b) for a, b in zip(s, t, strict=True)) / 3),
    (binary_cross_entropy, [30.0], [1], lambda s, t: -log_probability(s[0], True)),
    (categorical_cross_entropy, SURE, 0,
     lambda s, t: -mpmath.log(mpmath.exp(s[t]) / sum(map(mpmath.exp, s)))),
    (categorical_cross_entropy, EXTREME, 2,
     lambda s, t: -mpmath.log(mpmath.exp(s[t]) / sum(map(mpmath.exp, s)))),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "outputs", "targets", "definition"), DEFINITIONS)
def test_value_and_derivatives_equal_the_definition(loss, outputs, targets, definition):
    values = [Value(x) for x in outputs]
    result = loss(values, targets)
    result.backward()
    with mpmath.workdps(1000):  # 1 - sigmoid(1000) needs as many digits
        exact = [mpmath.mpf(x) for x in outputs]
        assert result.data == pytest.approx(float(definition(exact, targets)), rel=1e-14)
        h = mpmath.mpf(10) ** -400
        for i, value in enumerate(values):
            up, down = ([x + sign * h * (k == i) for k, x in enumerate(exact)] for sign in (1, -1))
            slope = (definition(up, targets) - definition(down, targets)) / (2 * h)
            assert value.grad == pytest.approx(float(slope), rel=1e-13, abs=1e-300)


def test_single_outputs_need_no_list():
    for loss in (half_squared_error, mean_squared_error, hinge, binary_cross_entropy):
        assert loss(Value(0.3), 1).data == loss([Value(0.3)], [1]).data


def test_a_target_may_be_numpys():
    numpy = pytest.importorskip("numpy", reason="its numbers are the input")
    assert mean_squared_error(Value(1.0), numpy.array(3.0)).data == 4.0
    assert mean_squared_error([Value(1.0), Value(0.0)], numpy.array([3.0, 2.0])).data == 4.0


def test_the_worked_example():
    # out_o1, out_o2 and E_total of the reference
    outputs = [Value(0.7513650695523157), Value(0.7729284653214626)]
    assert half_squared_error(outputs, [0.01, 0.99]).data == pytest.approx(0.29837110876000270, rel=1e-15)


def test_names():
    assert list(LOSSES) == [
        "half_squared_error",
        "mean_squared_error",
        "hinge",
        "binary_cross_entropy",
        "categorical_cross_entropy",
    ]


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "message"),
    [
        (hinge, [Value(1.0)], [0], "targets −1 and 1, not 0: see Dataset.signed"),
        (binary_cross_entropy, [Value(1.0)], [-1], "targets from 0 to 1, not -1"),
        (binary_cross_entropy, [Value(1.0)], [1.5], "targets from 0 to 1, not 1.5"),
        (categorical_cross_entropy, [Value(1.0), Value(2.0)], [], r"no class \[\]"),
        (categorical_cross_entropy, [Value(1.0), Value(2.0)], 2, "no class 2: the 2 outputs"),
        (categorical_cross_entropy, [Value(1.0), Value(2.0)], -1, "no class -1"),
        (categorical_cross_entropy, [Value(1.0), Value(2.0)], 0.5, "no class 0.5"),
        (categorical_cross_entropy, Value(1.0), 0, "one output for each class"),
        (mean_squared_error, [Value(1.0), Value(2.0)], [1.0], "2 outputs need 2 targets, not 1"),
        (mean_squared_error, [], [], "there are no outputs, and so no loss"),
        (half_squared_error, Value(1.0), [1.0, 2.0], "1 outputs need 1 targets, not 2"),
    ],
)
def test_mistakes_get_one_clear_line(loss, outputs, targets, message):
    with pytest.raises(ValueError, match=message):
        loss(outputs, targets)


def test_categorical_cross_entropy_takes_probabilities():
    outputs = [Value(0.5), Value(-1.0), Value(2.0)]
    weights = [0.2, 0.0, 0.8]
    expected = sum(w * categorical_cross_entropy(outputs, kind).data for kind, w in enumerate(weights))
    assert categorical_cross_entropy(outputs, weights).data == pytest.approx(expected, rel=1e-14)
    assert categorical_cross_entropy(outputs, [0, 0, 1]).data == categorical_cross_entropy(outputs, 2).data
    for wrong in ([0.5, 0.5, 0.5], [-0.5, 0.5, 1.0]):
        with pytest.raises(ValueError, match="probabilities are not negative and add up to 1"):
            categorical_cross_entropy(outputs, wrong)
    with pytest.raises(ValueError, match="3 outputs need 3 targets, not 2"):
        categorical_cross_entropy(outputs, [0, 1])


def test_the_lessons_error_has_the_lessons_name():
    assert half_squared_error([Value(0.5)], [1.0]).label == "E_total"


def test_a_loss_says_where_in_the_network_it_belongs():
    model = MLP(2, [3, 2], "tanh", seed=1)
    for loss, targets in (
        (half_squared_error, [0.5, 1.0]),
        (mean_squared_error, [0.5, 1.0]),
        (hinge, [1, -1]),
    ):
        total = loss(model([0.5, 1.0]), targets)
        places = [value.group for value in topological_order(total) if value.group and value.group.layer > 2]
        targets_too = [Place("target", 3, 1), Place("target", 3, 2)] if loss is not hinge else []
        assert sorted(places) == sorted(
            [Place("error", 3, 1), Place("error", 3, 2), Place("total", 4), *targets_too]
        )
        assert total.group == Place("total", 4)
    assert categorical_cross_entropy(model([0.5, 1.0]), 1).group == Place("total", 4)
    assert mean_squared_error(MLP(2, [1])([1, 2]), 0.5).group == Place("total", 3)
    assert mean_squared_error([Value(0.5), Value(1.0)], [1.0, 1.0]).group is None


def test_only_outputs_give_a_loss_its_place():
    model = MLP(1, [1], "tanh", seed=1)
    (out,) = topological_order(model([0.5]))[-1:]
    for value in topological_order(out)[:-1]:
        if isinstance(value.group, Place):
            assert mean_squared_error(value, 0.5).group is None, value.group
    assert mean_squared_error(out, 0.5).group == Place("total", 3)


def test_the_graph_of_a_loss_has_no_term_of_0_and_no_mean_of_one():
    z, other = Value(0.5), Value(-1.0)
    assert binary_cross_entropy(z, 0).op.name == binary_cross_entropy(z, 1).op.name == "softplus"
    assert binary_cross_entropy(z, 0.5).op.name == "add"
    assert categorical_cross_entropy([z, other], [0, 1]).op.name == "softplus"
    assert mean_squared_error(z, 1.0).op.name == "power"
    assert mean_squared_error([z], [1.0]).op.name == "power"


def test_a_target_that_is_an_input_stays_one():
    x = [Value(0.5, "i1")]
    x[0].group = Place("input", 0, 1)
    mean_squared_error(MLP(1, [1], seed=1)(x), x)
    assert x[0].group == Place("input", 0, 1)


def test_outputs_that_have_left_the_graph_are_refused():
    for loss, outputs in ((mean_squared_error, 0.5), (categorical_cross_entropy, [0.5, 1.0])):
        with pytest.raises(TypeError, match=r"a loss takes outputs that are Values, not float 0.5"):
            loss(outputs, 0)


def test_targets_may_be_arrays_and_rows():
    numpy = pytest.importorskip("numpy", reason="to make arrays")
    outputs = [Value(0.5), Value(-1.0), Value(2.0)]
    for loss, targets in (
        (half_squared_error, [1, 0, 2]),
        (mean_squared_error, [1, 0, 2]),
        (hinge, [1, -1, 1]),
        (binary_cross_entropy, [1, 0, 1]),
        (categorical_cross_entropy, [0, 0, 1]),
        (categorical_cross_entropy, [0.25, 0.25, 0.5]),
    ):
        wanted = loss(outputs, targets).data
        for given in (tuple(targets), numpy.array(targets), numpy.array(targets, dtype="float32")):
            assert loss(outputs, given).data == wanted
            assert loss(numpy.array(outputs), given).data == wanted
        with pytest.raises(TypeError, match="a Value holds one real number, not ndarray"):
            loss(outputs, numpy.array([targets] * 3))
    assert {
        categorical_cross_entropy(outputs, kind).data
        for kind in (2, 2.0, [2], numpy.array(2), numpy.array([2]), numpy.int64(2), numpy.float32(2))
    } == {categorical_cross_entropy(outputs, [0, 0, 1]).data}


def test_cross_entropy_keeps_its_digits_for_large_logits():
    """Against log1p and exp of the standard library, which keep theirs: log(1 + e^−40) and so on."""
    small = math.log1p(math.exp(-40))
    assert 0 < small < 1e-17
    for logit, target, wanted in ((40.0, 1, small), (-40.0, 0, small), (40.0, 0, 40.0), (-40.0, 1, 40.0)):
        assert binary_cross_entropy(Value(logit), target).data == pytest.approx(wanted, rel=1e-15)
    for large in (1e6, 1e15, 1e200):
        assert categorical_cross_entropy([Value(large), Value(0.0)], 1).data == large
        assert categorical_cross_entropy([Value(large), Value(0.0)], 0).data == 0.0
        assert categorical_cross_entropy([Value(large), Value(large)], 0).data == pytest.approx(math.log(2))
    near = categorical_cross_entropy([Value(1e6), Value(1e6 - 1)], 0).data
    assert near == pytest.approx(math.log1p(math.exp(-1)), rel=1e-15)
    for most in (0.0, 1e6, -1e12):  # only the differences of logits matter
        three = [Value(most), Value(most - 1), Value(most - 2)]
        loss = categorical_cross_entropy(three, 0)
        loss.backward()
        assert loss.data == pytest.approx(math.log(1 + math.exp(-1) + math.exp(-2)), rel=1e-15)
        assert three[2].grad == pytest.approx(math.exp(-2) / (1 + math.exp(-1) + math.exp(-2)), rel=1e-14)


@pytest.mark.parametrize("loss", LOSSES.values())
def test_outputs_may_come_one_after_the_other(loss):
    targets = [1, -1] if loss is hinge else [1, 0]
    numbers = (0.5, 0.25)
    given = loss((Value(number) for number in numbers), iter(targets))
    assert given.data == loss([Value(number) for number in numbers], targets).data
