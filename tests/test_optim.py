"""Optimisers against the formulas of their papers, with every running mean written out as a sum."""

import json
import math
import re
from fractions import Fraction

import pytest

from tinygrad_edu import Value
from tinygrad_edu.engine.errors import DomainError
from tinygrad_edu.nn import MLP
from tinygrad_edu.optim import (
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    Optimizer,
    RMSProp,
    clip_gradients,
    cosine_decay,
    exponential_decay,
    linear_decay,
    step_decay,
)

GRADIENTS = [0.5, -0.25, 3.0, 0.0, -1.5, 0.125, 2.0, -0.75]
START = 0.8


def path(optimizer_class, **options):
    """Return the parameter after each step; a second parameter goes along with the opposite gradients."""
    w, other = Value(START), Value(-START)
    optimizer = optimizer_class([w, other], 0.1, **options)
    positions = []
    for gradient in GRADIENTS:
        w.grad, other.grad = gradient, -gradient
        optimizer.step()
        assert other.data == -w.data  # each has its own memory
        positions.append(w.data)
    return positions


def weighted(terms, kept):
    """Return the sum of the terms, each multiplied by ``kept`` once for every later one."""
    return math.fsum(term * kept ** (len(terms) - 1 - i) for i, term in enumerate(terms))


def expected(direction, decay=0.0, coupled=True):
    """Return the positions when each step moves by 0.1 times ``direction`` of all gradients so far."""
    w, seen, positions = START, [], []
    for gradient in GRADIENTS:
        seen.append(gradient + decay * w if coupled else gradient)
        w = w - 0.1 * direction(seen) - (0.0 if coupled else 0.1 * decay * w)
        positions.append(w)
    return positions


def rms(seen, kept):
    return math.sqrt((1 - kept) * weighted([g * g for g in seen], kept))


def adam(seen, beta1=0.9, beta2=0.999, epsilon=1e-8):
    mean = (1 - beta1) * weighted(seen, beta1) / (1 - beta1 ** len(seen))
    square = (1 - beta2) * weighted([g * g for g in seen], beta2) / (1 - beta2 ** len(seen))
    return mean / (math.sqrt(square) + epsilon)


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        (path(SGD), expected(lambda seen: seen[-1])),
        (path(SGD, weight_decay=0.3), expected(lambda seen: seen[-1], 0.3)),
        (path(SGD, momentum=0.9), expected(lambda seen: weighted(seen, 0.9))),
        (path(SGD, momentum=0.9, nesterov=True), expected(lambda seen: seen[-1] + 0.9 * weighted(seen, 0.9))),
        (path(SGD, momentum=0.5, weight_decay=0.2), expected(lambda seen: weighted(seen, 0.5), 0.2)),
        (path(RMSProp), expected(lambda seen: seen[-1] / (rms(seen, 0.99) + 1e-8))),
        (path(RMSProp, decay=0.8, epsilon=0.1, weight_decay=0.1),
         expected(lambda seen: seen[-1] / (rms(seen, 0.8) + 0.1), 0.1)),
        (path(Adam), expected(adam)),
        (path(Adam, betas=(0.85, 0.99), epsilon=1e-3), expected(lambda seen: adam(seen, 0.85, 0.99, 1e-3))),
        (path(Adam, weight_decay=0.1), expected(adam, 0.1)),
        (path(AdamW), expected(adam, 0.01, coupled=False)),
        (path(AdamW, weight_decay=0.4), expected(adam, 0.4, coupled=False)),
    ],
)  # fmt: skip
def test_every_step_follows_the_paper(actual, wanted):
    assert actual == pytest.approx(wanted, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (step_decay(2, 0.1), [1, 1, 0.1, 0.1, 0.01, 0.01]),
        (exponential_decay(0.5), [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]),
        (linear_decay(4, 0.2), [1, 0.8, 0.6, 0.4, 0.2, 0.2]),
        (cosine_decay(4, 0.2), [1, 0.6 + 0.4 * math.sqrt(0.5), 0.6, 0.6 - 0.4 * math.sqrt(0.5), 0.2, 0.2]),
    ],
)
def test_schedules(schedule, factors):
    w = Value(0.0)
    optimizer = SGD([w], 2.0, schedule=schedule)
    moved = []
    for _ in factors:
        before, w.grad = w.data, 1.0
        optimizer.step()
        moved.append(before - w.data)
    assert moved == pytest.approx([2.0 * factor for factor in factors], rel=1e-13)


@pytest.mark.parametrize(
    ("make", "usual"),
    [
        (SGD, {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0}),
        (RMSProp, {"learning_rate": 0.01, "decay": 0.99, "epsilon": 1e-8, "weight_decay": 0.0}),
        (Adam, {"learning_rate": 0.001, "betas": (0.9, 0.999), "epsilon": 1e-8, "weight_decay": 0.0}),
        (AdamW, {"learning_rate": 0.001, "betas": (0.9, 0.999), "epsilon": 1e-8, "weight_decay": 0.01}),
    ],
)
def test_what_is_left_out_is_as_in_pytorch(make, usual):
    """The numbers are those of PyTorch's documentation; its learning rate of SGD is 0.001."""
    optimizer = make([Value(1.0)])
    assert {name: getattr(optimizer, name) for name in usual} == usual
    assert optimizer.schedule is None
    assert step_decay(1)(1) == 0.1
    assert (linear_decay(4)(4), cosine_decay(4)(4)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda w: SGD(w, lr=0.1), "there is no option of SGD 'lr': did you mean learning_rate"),
        (lambda w: AdamW(w, lr=0.1), "there is no option of AdamW 'lr': did you mean learning_rate"),
        (lambda w: Adam(w, eps=1e-6), "there is no option of Adam 'eps': did you mean epsilon"),
        (lambda w: RMSProp(w, alpha=0.9), "there is no option of RMSProp 'alpha': did you mean decay"),
        (lambda w: SGD(w, nestrov=True), "there is no option of SGD 'nestrov': did you mean nesterov"),
        (lambda w: SGD(w, dampening=0.1), "there is no option of SGD 'dampening': there is no "),
        (lambda w: Adam(w, amsgrad=True), "there is no option of Adam 'amsgrad': AMSGrad is not here"),
        (lambda w: SGD(w, x=1), "did you mean learning_rate, momentum, nesterov, weight_decay or schedule"),
    ],
)
def test_an_unknown_option_is_named(make, message):
    with pytest.raises(TypeError, match=message):
        make([Value(1.0)])


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("bad", [1e200, -1e170, math.inf, math.nan])
def test_a_gradient_that_cannot_be_used_changes_nothing(name, bad):
    """The square of 1e200 is infinite, and the running mean of squares would be, for ever."""
    weights = [Value(1.0, "w1"), Value(2.0, "w2")]
    optimizer = OPTIMIZERS[name](weights, 0.1)
    before = optimizer.state_dict()
    weights[0].grad, weights[1].grad = 1.0, bad
    if name == "sgd" and math.isfinite(bad):  # which squares nothing
        optimizer.step()
        assert weights[1].data == 2.0 - 0.1 * bad
        return
    message = rf"of size 0.1 is not finite for w2 = 2 with the gradient {re.escape(f'{bad:g}')}: no parameter"
    with pytest.raises(DomainError, match=message) as caught:
        optimizer.step()
    assert caught.value.values == (weights[1],)
    assert [w.data for w in weights] == [1.0, 2.0]
    assert optimizer.state_dict() == before
    weights[1].grad = 1e150
    optimizer.step()
    assert all(math.isfinite(w.data) for w in weights)
    assert weights[1].data < 2.0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_to_infinity_changes_nothing(name):
    weights = [Value(1.0, "w1"), Value(-1e308, "w2")]
    optimizer = OPTIMIZERS[name](weights, 1.7e308)
    weights[0].grad, weights[1].grad = 0.0, 1.5
    before = optimizer.state_dict()
    with pytest.raises(
        DomainError, match=r"size 1.7e\+308 is not finite for w2 = -1e\+308 with the gradient 1.5"
    ):
        optimizer.step()
    assert [w.data for w in weights] == [1.0, -1e308]
    assert optimizer.state_dict() == before


def test_a_velocity_that_overflows_changes_nothing():
    w = Value(0.0, "w")
    optimizer = SGD([w], 0.0, momentum=0.9)
    w.grad = 1e308
    optimizer.step()
    before = optimizer.state_dict()
    with pytest.raises(DomainError, match=r"for w = 0 with the gradient 1e\+308"):
        optimizer.step()
    assert optimizer.state_dict() == before


def test_a_penalty_that_cannot_be_squared_is_found_too():
    w = Value(1e200)
    with pytest.raises(DomainError, match=r"for a parameter = 1e\+200 with the gradient 1e\+200: no"):
        Adam([w], weight_decay=1.0).step()
    AdamW([w], weight_decay=0.5).step()  # whose decay bypasses the gradient
    assert w.data == 1e200 - 0.001 * (0.5 * 1e200)


def test_gradients_are_clipped_to_a_norm():
    weights = [Value(0.0) for _ in range(3)]
    for given, most, wanted, norm in (
        ([3.0, -4.0, 12.0], 6.5, [1.5, -2.0, 6.0], 13.0),
        ([3.0, -4.0, 12.0], 13.0, [3.0, -4.0, 12.0], 13.0),
        ([3.0, -4.0, 0.0], 100, [3.0, -4.0, 0.0], 5.0),
        ([1e200, 0.0, -1e200], 1.0, [math.sqrt(0.5), 0.0, -math.sqrt(0.5)], math.sqrt(2) * 1e200),
        ([0.0, 0.0, 0.0], 1.0, [0.0, 0.0, 0.0], 0.0),
    ):
        for w, g in zip(weights, given, strict=True):
            w.grad = g
        assert clip_gradients(iter(weights), most) == pytest.approx(norm, rel=1e-15)
        assert [w.grad for w in weights] == pytest.approx(wanted, rel=1e-15)
    one = Value(0.0)
    one.grad = 2.0
    assert (clip_gradients(one, 1.0), one.grad) == (2.0, 1.0)  # as an optimiser takes one Value too


@pytest.mark.parametrize("most", [0, -1.0, math.nan, math.inf, "1", True])
def test_the_largest_norm_is_above_0(most):
    with pytest.raises(ValueError, match="the largest norm is above 0, and finite, not"):
        clip_gradients([Value(1.0)], most)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_has_no_norm_is_not_clipped(bad):
    v, w = Value(0.0), Value(0.0)
    v.grad, w.grad = 5.0, bad
    with pytest.raises(ValueError, match=f"the norm of the gradients is {bad}: no factor makes it 1"):
        clip_gradients([v, w], 1.0)
    assert v.grad == 5.0


def test_a_norm_that_is_just_the_largest_changes_no_digit():
    v, w = Value(0.0), Value(0.0)
    v.grad, w.grad = 0.09, 0.67  # 0.09 / norm * norm is 0.09000000000000001
    clip_gradients([v, w], math.hypot(0.09, 0.67))
    assert (v.grad, w.grad) == (0.09, 0.67)


def test_the_ends_of_a_range_belong_to_it():
    assert [exponential_decay(1.0)(9), exponential_decay(0.0)(0), exponential_decay(0.0)(9)] == [
        1.0,
        1.0,
        0.0,
    ]
    assert [linear_decay(1, 1.0)(3), cosine_decay(1, 1.0)(3), step_decay(1, 0.0)(1)] == [1.0, 1.0, 0.0]
    optimizer = SGD([Value(1.0)])
    optimizer.load_state_dict(optimizer.state_dict() | {"steps": 2**53})
    assert optimizer.steps == 2**53


def test_the_learning_rate_may_be_changed():
    w = Value(1.0)
    optimizer = SGD([w], 0.5, schedule=exponential_decay(0.5))
    w.grad = 1.0
    optimizer.step()
    assert (optimizer.learning_rate, optimizer.step_size) == (0.5, 0.25)
    optimizer.learning_rate = 1.0
    assert (optimizer.learning_rate, optimizer.step_size) == (1.0, 0.5)
    optimizer.step()
    assert w.data == 1.0 - 0.5 - 0.5
    with pytest.raises(ValueError, match="learning_rate is at least 0"):
        optimizer.learning_rate = -1.0


def test_zero_grad():
    w = Value(1.0)
    w.grad = 3.0
    SGD([w]).zero_grad()
    assert w.grad == 0.0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_restored_optimiser_goes_on_exactly(name):
    make = OPTIMIZERS[name]
    options = {"momentum": 0.9} if name == "sgd" else {}

    def run(w, optimizer, gradients):
        for gradient in gradients:
            w.grad = gradient
            optimizer.step()

    straight, first, second = Value(START), Value(START), Value(0.0)
    straight_optimizer = make([straight], **options)
    run(straight, straight_optimizer, GRADIENTS[:3])
    stopped = make([first], **options)
    run(first, stopped, GRADIENTS[:3])
    second.data = first.data
    restored = make([second], 0.9, **options)
    stopped.learning_rate = straight_optimizer.learning_rate = 0.3  # as a callback may do
    restored.load_state_dict(stopped.state_dict())
    run(second, restored, GRADIENTS[3:])
    run(straight, straight_optimizer, GRADIENTS[3:])
    assert second.data == straight.data
    assert stopped.steps == 3  # and has not moved with its copy


def test_a_state_does_not_say_whose_bool_an_option_was():
    kinds = (True, type("Bool", (), {"__bool__": lambda self: True})())  # as NumPy's is
    states = [SGD([Value(1.0)], momentum=0.9, nesterov=kind).state_dict() for kind in kinds]
    assert json.dumps(states[0]) == json.dumps(states[1])
    assert states[0]["options"] == {"weight_decay": 0.0, "momentum": 0.9, "nesterov": True}
    assert [type(option) for option in states[0]["options"].values()] == [float, float, bool]


def test_a_mean_of_gradients_may_be_negative():
    for optimizer, name in ((SGD([Value(1.0)], momentum=0.9), "velocity"), (Adam([Value(1.0)]), "mean")):
        optimizer.load_state_dict(optimizer.state_dict() | {name: [-0.5]})
        assert optimizer.state_dict()[name] == [-0.5]


def test_a_state_that_does_not_fit_changes_nothing():
    optimizer = Adam([Value(1.0)])
    before = optimizer.state_dict()
    for state, message in (
        (SGD([Value(1.0)]).state_dict(), "the state is of 'SGD', and this is Adam"),
        (Adam([Value(1.0), Value(2.0)]).state_dict(), "Adam has 1 parameters, but 2 mean"),
        (before | {"mean_square": []}, "Adam has 1 parameters, but 0 mean_square"),
        (before | {"steps": None}, "steps is a whole number"),
        (before | {"steps": -3}, r"steps is a whole number of at least 0 and at most 2\*\*53, not -3"),
        (before | {"steps": -1}, "steps is a whole number of at least 0"),
        (before | {"steps": 2**53 + 1}, "not 9007199254740993"),
        (before | {"steps": 10**400}, r"at most 2\*\*53, not 1000"),
        (before | {"mean": [True]}, "mean is not a list of finite numbers"),
        (before | {"options": {"weight_decay": False, "betas": [0.9, 0.999], "epsilon": 1e-8}},
         "the state is of Adam with {'weight_decay': False"),
        (before | {"steps": True}, "steps is a whole number of .*, not True"),
        (before | {"mean": ["x"]}, "mean is not a list of finite numbers"),
        (before | {"mean": 1.0}, "mean is not a list of finite numbers"),
        (before | {"mean": [math.nan]}, "mean is not a list of finite numbers"),
        (before | {"mean": [10**400]}, "mean is not a list of finite numbers"),
        (before | {"learning_rate": -1.0}, "learning_rate is at least 0"),
        ({k: v for k, v in before.items() if k != "learning_rate"}, "learning_rate is at least 0"),
        (before | {"learning_rate": "0.1"}, "learning_rate is at least 0, and finite, not '0.1'"),
        ({}, "the state is of None"),
        ([], "the state is a dictionary"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(state)
        assert optimizer.state_dict() == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda w: SGD(w, -0.1), "learning_rate is at least 0, and finite, not -0.1"),
        (lambda w: Adam(w, math.nan), "learning_rate is at least 0, and finite, not nan"),
        (lambda w: SGD(w, math.inf), "learning_rate is at least 0, and finite, not inf"),
        (lambda w: SGD(w, momentum=1.0), "momentum is at least 0 and less than 1"),
        (lambda w: SGD(w, nesterov=True), "nesterov needs a momentum"),
        (lambda w: RMSProp(w, decay=-1), "decay is at least 0"),
        (lambda w: Adam(w, betas=(0.9, 1.0)), "each of betas is at least 0 and less than 1"),
        (lambda w: AdamW(w, betas=(0.9, 1.0)), "each of betas is at least 0 and less than 1"),
        (lambda w: Adam(w, betas=(0.9, 0.99, 0.999)), r"betas are two numbers, not \(0.9, 0.99, 0.999\)"),
        (lambda w: AdamW(w, weight_decay=-1), "weight_decay is at least 0"),
        (lambda w: Adam(w, epsilon=-1), "epsilon is above 0"),
        (
            lambda w: Adam(w, epsilon=0.0),
            "epsilon is above 0, so that the root plus epsilon is never 0, not 0.0",
        ),
        (lambda w: RMSProp(w, epsilon=0.0), "epsilon is above 0"),
        (lambda w: RMSProp(w, decay=1.0), "decay is at least 0 and less than 1"),
        (lambda w: RMSProp(w, decay=1.5), "decay is at least 0 and less than 1"),
        (lambda w: linear_decay(0), "number of steps is a whole number of at least 1, not 0"),
        (lambda w: linear_decay(2.5), "number of steps is a whole number of at least 1, not 2.5"),
        (lambda w: SGD([]), "at least one parameter"),
        (lambda w: cosine_decay(0), "number of steps is a whole number of at least 1, not 0"),
        (lambda w: step_decay(2.5), "whole number of at least 1, not 2.5"),
        (lambda w: step_decay(2, 3.0), "the factor of a decay is from 0 to 1, not 3.0"),
        (lambda w: exponential_decay(-1), "the factor of a decay is from 0 to 1, not -1"),
        (lambda w: exponential_decay(1.1), "the factor of a decay is from 0 to 1, not 1.1"),
        (lambda w: SGD(w, "0.1"), "learning_rate is at least 0, and finite, not '0.1'"),
        (lambda w: SGD(w, 10**400), "learning_rate is at least 0"),
        (lambda w: Adam(w, betas=(0.9,)), r"betas are two numbers, not \(0.9,\)"),
        (lambda w: Adam(w, betas=0.9), "betas are two numbers, not 0.9"),
    ],
)
def test_mistakes_get_one_clear_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make([Value(1.0)])
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("parameters", [MLP(1, [1]), MLP(1, [1]).named_parameters(), [1.0], 3.0])
def test_parameters_are_values(parameters):
    with pytest.raises(TypeError, match=r"a list of Values: give it model.parameters\(\)"):
        SGD(parameters, 0.1)


def test_the_repr_says_what_it_is():
    assert repr(AdamW(MLP(1, [1]).parameters(), 0.02)) == "AdamW(2 parameters, 0.02)"


def test_an_optimiser_of_ones_own():
    class SignDescent(Optimizer):
        def _direction(self, place, gradient):
            return math.copysign(1.0, gradient)

    w = Value(1.0)
    w.grad = -7.0
    SignDescent([w], 0.25).step()
    assert w.data == 1.25
    with pytest.raises(NotImplementedError, match="Optimizer does not say how it updates"):
        Optimizer([w], 0.1).step()


# --- Traps ----------------------------------------------------------------------------------------


def test_a_state_of_other_options_or_damaged_is_refused():
    w = Value(1.0)
    state = SGD([w], 0.1, momentum=0.9).state_dict()
    with pytest.raises(ValueError, match=r"SGD with \{.*'momentum': 0.9.*, and this has \{.*'momentum': 0.0"):
        SGD([w], 0.1).load_state_dict(state)
    with pytest.raises(ValueError, match=r"SGD with \{.*'momentum': 0.0.*, and this has \{.*'momentum': 0.9"):
        SGD([w], 0.1, momentum=0.9).load_state_dict(SGD([w], 0.1).state_dict())
    adam = Adam([w], 0.1)
    with pytest.raises(ValueError, match="mean_square has a number below 0"):
        adam.load_state_dict(adam.state_dict() | {"mean_square": [-1.0]})
    rmsprop = RMSProp([w], 0.1)
    with pytest.raises(ValueError, match="mean_square has a number below 0"):
        rmsprop.load_state_dict(rmsprop.state_dict() | {"mean_square": [-0.5]})
    adam.load_state_dict(json.loads(json.dumps(adam.state_dict())))


def test_what_cannot_be_a_schedule_or_a_list_of_parameters():
    w = Value(1.0)
    with pytest.raises(ValueError, match="a parameter is in the list twice"):
        SGD([w, w], 0.1)
    with pytest.raises(TypeError, match="schedule is a function of the number of steps, not 3"):
        Adam([w], 0.1, schedule=3)
    for factor in (-1.0, math.nan):
        with pytest.raises(ValueError, match="the factor of a schedule is at least 0, and finite"):
            Adam([w], 0.1, schedule=lambda step, factor=factor: factor).step()
    for make in (linear_decay, cosine_decay):
        with pytest.raises(ValueError, match="the factor of a decay is from 0 to 1, not"):
            make(10, -3)


@pytest.mark.parametrize("optimizer", [SGD, RMSProp, Adam, AdamW])
def test_numbers_of_any_type_are_floats_of_64_bits(optimizer):
    numpy = pytest.importorskip("numpy", reason="to give its numbers")

    def options(make):
        own = {"SGD": {"momentum": make(0.5)}, "RMSProp": {"decay": make(0.5)}}
        usual = {"betas": (make(0.5), make(0.75))}
        return {"weight_decay": make(0.25), **own.get(optimizer.__name__, usual)}

    results = []
    for make in (float, numpy.float32, Fraction):  # each of these numbers is exact in all of them
        w = Value(1.0)
        chosen = optimizer([w], make(0.125), schedule=lambda steps, make=make: make(0.5), **options(make))
        for _ in range(3):
            w.grad = 1 / 3
            chosen.step()
        results.append((w.data, json.dumps(chosen.state_dict())))
    assert results[0] == results[1] == results[2]


def test_clipping_says_what_it_takes():
    with pytest.raises(TypeError, match=r"clip_gradients\(parameters, most\) takes Values, not MLP"):
        clip_gradients(MLP(1, [1]), 1.0)
