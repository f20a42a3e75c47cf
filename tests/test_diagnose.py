"""What is wrong with a graph is found, where it arose and by which path it spread."""

import math
import random

import pytest

import tinygrad_edu
from tinygrad_edu import UnknownNameError, Value, diagnose, dot
from tinygrad_edu.losses import half_squared_error
from tinygrad_edu.nn import MLP
from tinygrad_edu.three_layer import worked_example
from tinygrad_edu.train import fit


def test_a_healthy_graph():
    example = worked_example()
    found = diagnose(example["E_total"], [example[f"w{i}"] for i in range(1, 9)])
    assert not found
    assert str(found) == "Nothing unusual was found."
    assert found.origin is None


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_the_origin_and_the_path_from_a_planted_number(bad):
    rng = random.Random(5)
    for _ in range(30):
        values = [Value(rng.uniform(0.5, 2), f"x{i}") for i in range(4)]
        for i in range(20):
            x, y = rng.choice(values), rng.choice(values)
            made = rng.choice([x + y, x * y, x - y])
            made.label = f"t{i}"
            values.append(made)
        total = dot(values, [1.0] * len(values))
        planted = rng.choice(values[:4])
        planted.data = bad
        total.forward()
        found = diagnose(total)
        assert found.origin is planted
        assert found.path[0] is planted
        assert found.path[-1] is total
        for before, after in zip(found.path, found.path[1:], strict=False):
            assert before in after.args
            assert not math.isfinite(after.data)
        assert f"{planted.label} = " in found.findings[0]


def test_infinity_that_arises_inside():
    x = Value(math.inf, "x")
    y = x * 0.0
    y.label = "y"
    found = diagnose(y + 1)
    assert found.origin is x
    assert "From there it spread: x → y → y + 1." in found.findings


def test_infinity_that_ends_inside():
    x = Value(math.inf, "x")
    y = 2 * x
    y.label = "y"
    found = diagnose(1 / y + 1)
    assert found.path == [x, y]
    assert "From there it spread: x → y." in found.findings


def test_dead_relus_are_counted_over_all_examples():
    model = MLP(2, [4, 1], seed=1)
    for number, neuron in enumerate(model.layers[0].neurons):
        for weight in neuron.w:
            weight.data = 1.0
        neuron.b.data = -100.0 if number < 3 else 0.0  # three are off, the last for one example only
    loss = half_squared_error([model([1.0, 1.0]), model([-1.0, -1.0])], [0.0, 1.0])
    assert (
        "3 of 4 ReLUs of layer 1 are off: nothing flows back through them." in diagnose(loss, model).findings
    )


def test_saturated_sigmoids():
    x = Value(40.0, "x")
    assert diagnose(x.sigmoid()).findings == ["1 of 1 sigmoids are saturated: little flows back."]


@pytest.mark.parametrize(
    ("name", "inside", "outside", "says"),
    [
        ("relu6", 3.0, 7.0, "2 of 2 ReLU6s are off: nothing flows back"),
        ("hardtanh", 0.5, -2.0, "2 of 2 hardtanhs are off: nothing flows back"),
        *[
            (name, inside, -20.0, f"2 of 2 {name}s are saturated: little flows back")
            for name, inside in {
                "elu": -1.0, "selu": -1.0, "erf": 0.5, "softplus": 0.0, "softsign": 1.0,
                "gelu": -0.75, "silu": -1.28, "mish": -1.19,  # where they are least, and not saturated
            }.items()
        ],
    ],
)  # fmt: skip
def test_every_activation_that_lets_nothing_through(name, inside, outside, says):
    apply = getattr(tinygrad_edu, name)
    assert not diagnose(apply(Value(inside)) * apply(Value(inside)))
    assert says in str(diagnose(apply(Value(outside)) + apply(Value(outside))))


def test_parameters_that_are_not_used():
    model = MLP(2, [2, 1], seed=1)
    loss = model([1.0, 2.0]) ** 2
    spare = Value(1.0, "spare")
    found = diagnose(loss, [*model.parameters(), spare])
    assert found.findings[-1] == "The root does not depend on 1 of 10 parameters: spare."
    constant = Value(math.tanh(model([1.0, 2.0]).data))
    assert "depends on none of the parameters" in diagnose(constant, model).findings[0]


def test_targets_of_another_scale():
    model = MLP(2, [2, 1], "tanh", seed=1)
    loss = half_squared_error(model([1.0, 2.0]), 4.5e10)
    assert "The target 45000000000 is far from the output out_o1" in str(diagnose(loss, model))


def test_an_infinite_local_derivative():
    x = Value(0.0, "x")
    assert diagnose(x.sqrt()).findings == ["sqrt(x) has an infinite local derivative at x = 0."]


def test_what_is_no_value():
    with pytest.raises(TypeError, match="takes Values, not float"):
        diagnose(1.0)


def test_the_sentences_are_said_in_the_language_asked_for():
    model = MLP(2, [3, 1], seed=1)
    for neuron in model.layers[0].neurons:
        neuron.b.data = -100.0
    loss = half_squared_error(model([1.0, 1.0]), 0.0)
    assert (
        str(diagnose(loss, model, lang="zh")) == "第 1 层的 3 个 ReLU 中有 3 个已关闭：没有梯度经过它们流回。"
    )
    assert str(diagnose(Value(1.0), lang="zh")) == "没有发现异常。"
    with pytest.raises(UnknownNameError, match="there is no language 'fr'"):
        diagnose(loss, lang="fr")


def test_parameters_behind_stop_gradient_are_not_learnt():
    w, b = Value(0.5, "w"), Value(0.1, "b")
    assert "depends on none of the parameters" in str(diagnose((w * 2.0).detach() + 1.0, [w]))
    assert "depends on none of the parameters" in str(diagnose((w * 2.0).detach(), [w]))
    assert "does not depend on 1 of 2 parameters: w" in str(diagnose((w * 2.0).detach() + b, [w, b]))
    assert not diagnose((w * 2.0).detach() + w * b, [w, b])


def test_fit_refuses_a_loss_behind_stop_gradient():
    def loss(output, target):
        return half_squared_error(output.detach(), target)

    with pytest.raises(ValueError, match="depends on no parameter"):
        fit(MLP(1, [1]), [([1.0], 0.5)], loss, "adam", epochs=1)


@pytest.mark.parametrize("name", ["floor", "ceil", "round", "sign", "step"])
def test_parameters_behind_a_step_are_not_learnt(name):
    w, b = Value(0.5, "w"), Value(0.1, "b")
    step = getattr(tinygrad_edu, name)
    assert "depends on none of the parameters" in str(diagnose(step(w * 2.0) + 1.0, [w]))
    assert "does not depend on 1 of 2 parameters: w" in str(diagnose(step(w * 2.0) * b, [w, b]))
    with pytest.raises(ValueError, match=r"depends on no parameter .* steps such as floor and sign"):
        fit(MLP(1, [1]), [([1.0], 0.5)], lambda output, target: step(output) - target, "sgd", epochs=1)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("loss", [None, 0.5])
def test_a_loss_that_is_no_value(compiled, loss):
    with pytest.raises(TypeError, match=f"the loss is {type(loss).__name__}, not a Value"):
        fit(MLP(1, [1]), [([1.0], 0.5)], lambda output, target: loss, "sgd", epochs=1, compiled=compiled)


def test_a_number_that_spreads_through_a_deep_graph():
    x = y = Value(math.nan, "x")
    for _ in range(20_000):
        y = y + 1.0
    diagnosis = diagnose(y)
    assert len(diagnosis.path) == 20_001
    assert diagnosis.path[0] is x
    assert diagnosis.path[-1] is y
