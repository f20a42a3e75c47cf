"""Training: the worked example, stopping, resuming, and what happens when it goes wrong."""

import contextlib
import json
import math
import random
import re
import signal
import subprocess
import sys

import pytest

from tinygrad_edu import StaleError, Value, draw, explain, three_layer
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu._module import Module
from tinygrad_edu.callbacks import checkpoint, early_stopping, record_norms, resume
from tinygrad_edu.datasets import Dataset, moons, one_hot, worked_pair, xor
from tinygrad_edu.losses import half_squared_error
from tinygrad_edu.metrics import accuracy
from tinygrad_edu.nn import MLP, Layer
from tinygrad_edu.optim import SGD, Adam, cosine_decay
from tinygrad_edu.train import DivergedError, evaluate, fit


def lesson_network():
    model = MLP(2, [2, 2], ["sigmoid", "sigmoid"], bias="shared")
    for parameter in model.parameters():
        parameter.data = (three_layer.WEIGHTS | three_layer.BIASES)[parameter.label]
    return model


def quick(model, data, loss="binary_cross_entropy", optimizer=None, **options):
    optimizer = optimizer or Adam(model.parameters(), 0.05)
    return fit(model, data, loss, optimizer, progress=False, **options)


# --- The worked example ---------------------------------------------------------------------------


def test_the_worked_example_has_the_texts_numbers():
    model = lesson_network()
    weights = [p for p in model.parameters() if p.label.startswith("w")]
    history = quick(model, worked_pair(), "half_squared_error", SGD(weights, 0.5), epochs=10_000)
    assert f"{history['loss'][0]:.9f} {history['loss'][1]:.9f}" == "0.298371109 0.291027774"
    measured = evaluate(model, worked_pair(), "half_squared_error")
    assert f"{measured['loss']:.9f}" == "0.000035102"
    assert [f"{out.data:.9f}" for out in model([0.05, 0.10])] == ["0.015913620", "0.984064274"]


@pytest.mark.parametrize("biases", [False, True])
def test_fit_and_three_layer_stay_together(biases):
    example, model = three_layer.worked_example(), lesson_network()
    trained = [p for p in model.parameters() if biases or p.label.startswith("w")]
    history = quick(model, worked_pair(), "half_squared_error", SGD(trained, 0.5), epochs=200)
    for step in range(200):
        assert history["loss"][step] == pytest.approx(example["E_total"].data, rel=1e-13)
        example.train(1, biases=biases)
    if biases:
        assert f"{history['loss'][1]:.9f}" == "0.285750887"
    for parameter in model.parameters():
        assert parameter.data == pytest.approx(example[parameter.label].data, rel=1e-12)


# --- What fit does --------------------------------------------------------------------------------


def test_one_epoch_by_hand():
    data = Dataset([[1.0], [2.0], [3.0]], [1.0, 0.0, 2.0])
    model = MLP(1, [1], seed=1)
    w, b = (p.data for p in model.parameters())
    history = quick(model, data, "half_squared_error", SGD(model.parameters(), 0.1), epochs=1)
    errors = [w * x + b - y for (x,), y in data]
    assert history == {"loss": [pytest.approx(sum(e * e / 2 for e in errors) / 3)]}
    dw = sum(e * x for e, ((x,), _) in zip(errors, data, strict=True)) / 3
    assert [p.data for p in model.parameters()] == pytest.approx([w - 0.1 * dw, b - 0.1 * sum(errors) / 3])


class Recorder(Module):
    """Remembers which inputs it saw."""

    def __init__(self):
        self.w = Value(1.0)
        self._seen = []

    def __call__(self, x):
        self._seen.append(x[0])
        return self.w * x[0]


def test_batches_hold_each_example_once_in_an_order_from_the_seed():
    def seen(batch_size, seed, epochs=2):
        model, data = Recorder(), [([float(i)], 0.0) for i in range(7)]
        optimizer = SGD([model.w], 0.0)
        quick(model, data, "mean_squared_error", optimizer, epochs=epochs, batch_size=batch_size, seed=seed)
        assert optimizer.steps == epochs * math.ceil(7 / (batch_size or 7))
        return model._seen

    order = seen(3, seed=1)
    assert sorted(order[:7]) == sorted(order[7:]) == list(range(7))
    assert order[:7] != order[7:]
    assert order == seen(3, seed=1) != seen(3, seed=2)
    assert seen(None, seed=1) == [*range(7)] * 2
    assert seen(100, seed=1) == [*range(7)] * 2


def test_the_loss_of_uneven_batches_is_the_mean_over_examples():
    model, data = Recorder(), [([float(i)], 0.0) for i in range(5)]
    history = quick(model, data, "mean_squared_error", SGD([model.w], 0.0), epochs=1, batch_size=2)
    assert history["loss"] == [pytest.approx((0 + 1 + 4 + 9 + 16) / 5)]


def test_validation_examples_are_measured_and_not_learnt_from():
    model = Recorder()
    data = [([float(i)], 0.0) for i in range(10)]
    history = quick(model, data, "mean_squared_error", SGD([model.w], 0.0), epochs=1, validation=0.3)
    first, second = model._seen[:7], model._seen[7:]
    assert sorted(first + second) == list(range(10))
    assert history["validation_loss"] == [pytest.approx(sum(x * x for x in second) / 3)]
    other = Recorder()
    history = quick(other, data[:7], "mean_squared_error", SGD([other.w], 0.0), epochs=1, validation=data[7:])
    assert other._seen == [*range(10)]
    assert history["validation_loss"] == [pytest.approx((49 + 64 + 81) / 3)]


def test_metrics():
    assert accuracy(Value(0.2), 1) == accuracy(Value(-0.2), 0) == accuracy(Value(-0.2), -1) == 1.0
    assert accuracy(Value(0.2), 0) == accuracy(Value(-3.0), 1) == 0.0
    logits = [Value(0.0), Value(2.0), Value(1.0)]
    assert (accuracy(logits, 1), accuracy(logits, 2), accuracy(logits, [0.0, 1.0, 0.0])) == (1.0, 0.0, 1.0)
    assert (accuracy(Value(-0.2).sigmoid(), 1), accuracy(Value(0.2).sigmoid(), 1)) == (0.0, 1.0)
    for output in (Value(0.2), [Value(0.2)]):  # a list of one is as good as the one
        assert (accuracy(output, [1.0]), accuracy(output, [0.0])) == (1.0, 0.0)
        assert (accuracy(output, 1), accuracy(output, 0), accuracy(output, -1)) == (1.0, 0.0, 0.0)
    model = MLP(2, [4, 1], "tanh", seed=0)
    history = quick(model, xor(), epochs=1, metric="accuracy", validation=xor())
    assert list(history) == ["loss", "accuracy", "validation_loss", "validation_accuracy"]

    def error(output, target):
        return abs(output.data - target)

    measured = evaluate(model, xor(), "mean_squared_error", error)
    assert measured["error"] == pytest.approx(sum(abs(model(x).data - y) for x, y in xor()) / 4)


def test_norms_of_layers():
    model = MLP(2, [3, 1], seed=1)
    gradients = []

    def keep_gradients(training):
        gradients[:] = [p.grad for p in model.layers[1].parameters()]

    history = quick(model, xor(), epochs=2, callbacks=[record_norms, keep_gradients])
    names = ["weights of layers.0", "gradients of layers.0", "weights of layers.1", "gradients of layers.1"]
    assert list(history) == ["loss", *names]
    last = model.layers[1].parameters()
    assert history["weights of layers.1"][-1] == pytest.approx(math.hypot(*[p.data for p in last]))
    assert history["gradients of layers.1"][-1] == pytest.approx(math.hypot(*gradients))


class Coder(Module):
    def __init__(self):
        self.encoder, self.decoder = MLP(2, [2, 1], seed=1), MLP(1, [2], seed=2)
        self.matrix = [[Value(3.0), Value(4.0)], [Value(12.0)]]

    def __call__(self, x):
        (a, b), (c,) = self.matrix
        first, second = self.decoder([self.encoder(x)])
        return first * a + second * b + c


def test_norms_are_grouped_by_layers_wherever_they_are():
    coder = Coder()
    still = SGD(coder.parameters(), 0.0)
    history = quick(coder, xor(), optimizer=still, epochs=1, callbacks=[record_norms])
    layers = ["encoder.layers.0", "encoder.layers.1", "decoder.layers.0", "matrix"]
    assert [name for name in history if "weights" in name] == [f"weights of {layer}" for layer in layers]
    assert history["weights of matrix"] == [13.0]
    bare = quick(Layer(2, 1, "tanh", bias="shared", seed=1), xor(), epochs=1, callbacks=[record_norms])
    assert list(bare) == ["loss", "weights of the layer", "gradients of the layer"]


def test_norms_are_those_of_the_last_batch_for_frozen_parameters_too():
    model = MLP(2, [3, 1], "tanh", seed=1)
    frozen = SGD(model.layers[1].parameters(), 0.0)
    history = quick(model, xor(), optimizer=frozen, epochs=3, callbacks=[record_norms])
    assert len(set(history["gradients of layers.0"])) == 1


@pytest.mark.parametrize("ending", ["all epochs done", "stop", "interrupted", "diverged"])
def test_no_gradient_is_left_behind(ending):
    def stop(training):
        if ending == "interrupted":
            signal.raise_signal(signal.SIGINT)
        if ending == "diverged":
            model.layers[0].neurons[0].w[0].data = math.nan
        return ending == "stop"

    model, scale = MLP(2, [3, 1], "tanh", seed=1), Value(1.0)

    def loss(output, target):
        return (output * scale - target) ** 2

    optimizer = SGD([*model.parameters(), scale], 0.1)
    with pytest.raises(DivergedError) if ending == "diverged" else contextlib.nullcontext():
        history = quick(model, xor(), loss, optimizer, epochs=2, callbacks=[stop])
        assert history.stopped == ending
    assert {parameter.grad for parameter in optimizer.parameters} == {0.0}


@pytest.mark.parametrize("factor", [1e200, 1e308])
def test_a_gradient_that_is_too_large_ends_training_with_its_history(factor):
    """Squared it would be infinite; times the output of about 1e3 it is infinite itself."""

    def explode(training):
        slope.data = factor if training.history.epochs == 2 else 1.0

    slope, model = Value(1.0), Recorder()
    with pytest.raises(DivergedError, match=r"epoch 3: .*the gradient .* a smaller learning rate") as caught:
        quick(model, [([1e3], 0.0)], lambda y, target: (y - y.data) * slope, "adam", epochs=9,
              callbacks=[explode])  # fmt: skip
    assert caught.value.history.epochs == 2
    assert math.isfinite(model.w.data)


def test_gradients_vanish_in_a_deep_sigmoid_network():
    model = MLP(2, [4, 4, 4, 4, 1], "sigmoid", init="xavier", seed=1)
    history = quick(model, xor(), epochs=1, callbacks=[record_norms])
    norms = [history[f"gradients of layers.{depth}"][0] for depth in range(5)]
    assert norms[0] < 0.01 * norms[4]


# --- Stopping -------------------------------------------------------------------------------------


def test_early_stopping():
    model = Recorder()
    losses = iter([5.0, 3.0, 4.0, 2.0, 2.5, 2.0, 2.1, 1.0])
    history = quick(
        model,
        [([1.0], 0.0)],
        lambda output, target: output * 0 + next(losses),
        SGD([model.w], 0.0),
        callbacks=[early_stopping(3)],
    )
    assert (history["loss"], history.stopped) == ([5.0, 3.0, 4.0, 2.0, 2.5, 2.0, 2.1], "early_stopping")


def test_early_stopping_looks_at_the_validation_loss():
    model = MLP(2, [8, 1], "tanh", seed=0)
    data = moons(40, noise=0.5)
    history = quick(model, data, epochs=300, validation=0.3, callbacks=[early_stopping(10)])
    losses = history["validation_loss"]
    assert history.stopped == "early_stopping"
    assert len(losses) == losses.index(min(losses)) + 11


def test_a_callback_sees_everything_and_may_stop():
    def stop_after_three(training):
        seen.append((training.model, training.optimizer.steps, len(training.history["loss"])))
        return len(seen) == 3

    seen = []
    model = MLP(2, [2, 1], seed=0)
    history = quick(model, xor(), callbacks=[stop_after_three])
    assert seen == [(model, 1, 1), (model, 2, 2), (model, 3, 3)]
    assert history.stopped == "stop_after_three"


def test_ctrl_c_keeps_what_was_learnt():
    def press_ctrl_c(training):
        if training.history.epochs == 5:
            signal.raise_signal(signal.SIGINT)

    model, whole = MLP(2, [4, 1], "tanh", seed=0), MLP(2, [4, 1], "tanh", seed=0)
    history = quick(model, xor(), epochs=100, callbacks=[press_ctrl_c])
    assert (history.stopped, history.epochs) == ("interrupted", 5)
    assert history["loss"] == quick(whole, xor(), epochs=5)["loss"]
    assert model.state_dict() == whole.state_dict()


def test_ctrl_c_within_an_epoch():
    model, calls = MLP(2, [4, 1], "tanh", seed=0), []

    def loss(output, target):
        calls.append(target)
        if len(calls) == 11:
            signal.raise_signal(signal.SIGINT)
        return half_squared_error(output, target)

    before = model.state_dict()
    history = quick(model, xor(), loss, epochs=100, batch_size=2)
    assert (history.stopped, history.epochs) == ("interrupted", 2)
    assert model.state_dict() != before
    history = quick(model, xor(), epochs=4, history=history)
    assert (history.stopped, history.epochs) == ("all epochs done", 4)


# --- Going wrong ----------------------------------------------------------------------------------


def test_a_loss_that_explodes_stops_with_the_first_bad_value():
    model = MLP(1, [1], seed=0)
    with pytest.warns(UserWarning, match="inputs go up to"), pytest.raises(DivergedError) as caught:
        quick(model, [([1e200], 1.0)], "half_squared_error", SGD(model.parameters(), 1.0), epochs=10)
    assert "the result is too large for a float, computed from 1 − out_o1: look for bad" in str(caught.value)
    model = MLP(1, [1], seed=1)
    with pytest.raises(DivergedError) as caught:
        quick(model, [([1.0], 1.0)], "mean_squared_error", SGD(model.parameters(), 1e200), epochs=10)
    message = (
        r"epoch 2: .* the result is too large for a float.*; the largest parameter is [wb]1 = .*smaller l"
    )
    assert re.match(message, str(caught.value))
    assert caught.value.history.epochs == 1


def test_data_that_should_be_scaled_is_named():
    data = [([1.0, 5.0], 4.5e10), ([2.0, -20000.0], 5e10)]
    with pytest.warns(UserWarning, match="go up to") as caught:
        quick(MLP(2, [1], seed=1), data, "mean_squared_error", "adam", epochs=1)
    advice = "and a network learns best from numbers near 1: scale the data, as Dataset.standardized() does"
    assert [str(warning.message) for warning in caught] == [
        f"the inputs go up to 2e+04, {advice}",
        f"the targets go up to 5e+10, {advice}",
    ]
    assert {warning.filename for warning in caught} == {__file__}
    quick(MLP(2, [1], seed=1), [([1000.0, -1000.0], 1.0)], "mean_squared_error", "adam", epochs=1)


def test_every_error_has_a_history_of_its_own():
    first, second = DivergedError("a"), DivergedError("b")
    first.history.record(loss=1.0)
    assert second.history == {}


def test_a_nan_parameter_is_named():
    model = MLP(2, [2, 1], "tanh", seed=0)
    model.layers[0].neurons[1].w[0].data = math.nan
    with pytest.raises(DivergedError, match=r"epoch 1: the loss is nan; .* not finite is w3 = nan: try a"):
        quick(model, xor())


def test_a_parameter_without_a_label_is_named_by_its_path():
    model = Recorder()
    model.w.data = math.inf
    with pytest.raises(DivergedError, match="the loss is inf; the first Value that is not finite is w = inf"):
        quick(model, [([1.0], 0.0)], lambda output, target: output * output)
    with pytest.raises(DivergedError, match="that is not finite is a number without a name = nan"):
        quick(Recorder(), [([1.0], 0.0)], lambda output, target: output * Value(math.nan))


def test_an_overflow_is_explained():
    model = Recorder()
    model.w.data = 1e200
    with pytest.raises(DivergedError, match=r"is too large for a float, .*; the largest parameter is w = 1e"):
        quick(model, [([1.0], 0.0)], lambda output, target: output * output)


@pytest.mark.parametrize(
    "loss",
    [
        lambda output, target: Value(math.tanh(output.data) - target) ** 2,
        lambda output, target: Value((output.data - target) ** 2),
        lambda output, target: 0.5 * Value(target) ** 2,
    ],
)
def test_a_loss_that_depends_on_no_parameter_is_refused_before_training(loss):
    model = MLP(2, [2, 1], "tanh", seed=0)
    before = model.state_dict()
    for batch_size in (None, 1):
        optimizer = Adam(model.parameters(), 0.1, weight_decay=0.1)
        with pytest.raises(
            ValueError, match=r"the loss depends on no parameter .*, as in output.tanh"
        ) as caught:
            quick(model, xor(), loss, optimizer, epochs=50, batch_size=batch_size)
        assert "\n" not in str(caught.value)
        assert (model.state_dict(), optimizer.steps) == (before, 0)


def test_a_function_of_math_in_a_loss_is_refused():
    with pytest.raises(TypeError, match=r"a float would lose the gradient: .*v\.exp\(\)"):
        quick(MLP(2, [1], seed=0), xor(), lambda output, target: math.exp(output) - target)


def test_a_loss_with_a_constant_branch_is_learnt_from():
    # the builtin max gives a plain number for the first of the examples, which is right and no mistake
    def loss(output, target):
        return max(Value(0.0), 1.0 - target * output, key=lambda value: value.data)

    model = Recorder()
    data = [([2.0], 1.0), ([-2.0], 1.0)]
    history = quick(model, data, loss, SGD([model.w], 0.1), epochs=1, batch_size=1, seed=1)
    assert model._seen[0] == 2.0
    assert history["loss"] == [1.5]
    assert model.w.data == 1.0 - 0.1 * 2.0


def test_a_domain_error_stops_in_the_same_way():
    model = Recorder()
    with pytest.raises(
        DivergedError,
        match=r"epoch 1: log\(x\) with x = -1.0: log needs a positive arg.*computed from .*: look for",
    ) as caught:
        quick(model, [([-1.0], 0.0)], lambda output, target: output.log())
    assert caught.value.history.epochs == 0
    with pytest.raises(DivergedError, match=r"^log\(x\)"):
        evaluate(model, [([-1.0], 0.0)], lambda output, target: output.log())


def loss(output, target):
    """A metric that has the name of something else."""


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"data": []}, ValueError, "there is no data"),
        ({"data": [1, 2]}, ValueError, r"list of pairs \(inputs, target\)"),
        ({"data": ([[0, 0], [0, 1], [1, 0]], [0, 1, 1])}, ValueError, r"list of pairs \(inputs, target\)"),
        ({"data": [([1, 2, 3], 0)]}, ValueError, "takes 2 inputs, not 3"),
        (
            {"data": [([1, 2], 0), ([1, 2, 3], 0)]},
            ValueError,
            "inputs of example 1: 3 numbers, but 2 numbers in the first example; counted from 0",
        ),
        ({"data": [([1, 2], 0), ([1, 2], [0, 1])]}, ValueError, "target of example 1: 2 numbers, but 1 numb"),
        ({"data": [([1, 2], 0), ([1, "x"], 0)]}, ValueError, "inputs of example 1: not only numbers, but 2"),
        (
            {"data": [([1, 2], 0), ([1, 2], math.nan)]},
            ValueError,
            "target of example 1: a number that is",
        ),
        (
            {"data": [([1, math.inf], 0)]},
            ValueError,
            "inputs of example 0: a number that is infinite",
        ),
        ({"validation": [([1, 2], 0), ([1], 0)]}, ValueError, "inputs of example 1: 1 numbers, but 2"),
        ({"data": xor().inputs}, TypeError, r"takes a list of 2 inputs, not a float"),
        (
            {"loss": None},
            TypeError,
            "the loss is given by its name, such as 'half_squared_error', .* None",
        ),
        ({"metric": loss}, ValueError, "a metric named loss"),
        ({"metric": 3}, TypeError, "the metric is given by its name, such as 'accuracy', not as int"),
        ({"validation": math.nan}, ValueError, "a fraction of nan of 4 examples leaves one side empty"),
        ({"loss": "binary_crossentropy"}, UnknownNameError, "no loss .* did you mean binary_cross_entropy"),
        ({"optimizer": "adma"}, UnknownNameError, "no optimiser 'adma': did you mean adam"),
        ({"metric": "acuracy"}, UnknownNameError, "no metric 'acuracy': did you mean accuracy"),
        ({"batch_size": 0}, ValueError, "batch_size is a whole number of at least 1, not 0"),
        ({"batch_size": 2.5}, ValueError, "batch_size is a whole number of at least 1, not 2.5"),
        (
            {"optimizer": SGD},
            TypeError,
            r"optimizer is a name, .*Adam\(model.parameters\(\), 0.01\), not <class",
        ),
        ({"optimizer": None}, TypeError, "not None"),
        ({"epochs": -1}, ValueError, "epochs is a whole number of at least 0, not -1"),
        ({"validation": 1.0}, ValueError, "leaves one side empty"),
        ({"validation": 1}, ValueError, "leaves one side empty"),
        ({"validation": []}, ValueError, "there is no data"),
    ],
)
def test_mistakes_get_one_clear_line(options, error, message):
    model = MLP(2, [2, 1], seed=0)
    before = model.state_dict()
    arguments = {"data": xor(), "loss": "binary_cross_entropy", "optimizer": "sgd"} | options
    with pytest.raises(error, match=message) as caught:
        fit(model, progress=False, **arguments)
    assert "\n" not in str(caught.value)
    assert model.state_dict() == before


def test_numbers_may_be_numpys_and_a_history_any_dictionary():
    numpy = pytest.importorskip("numpy", reason="its numbers are the input")
    model = MLP(2, [2, 1], seed=0)
    data = list(zip(numpy.array([[0, 0], [0, 1]]), numpy.array([0.0, 1.0]), strict=True))
    data = [(x, numpy.array(y)) for x, y in data]
    history = quick(model, data, epochs=2, batch_size=numpy.int64(1), history={"loss": [1.0]})
    assert history.epochs == 2


def test_a_model_of_ones_own_may_take_anything():
    class Lengths(Module):
        def __init__(self):
            self.w = Value(1.0)

        def __call__(self, word):
            return self.w * len(word)

    assert quick(Lengths(), [("ab", 2.0), ("abc", 3.0)], "mean_squared_error", epochs=1)["loss"] == [0.0]


# --- Checkpoints ----------------------------------------------------------------------------------


def setting(path):
    model = MLP(2, [5, 1], "tanh", seed=3)
    optimizer = Adam(model.parameters(), 0.02, schedule=cosine_decay(60), weight_decay=0.01)
    options = {"batch_size": 7, "validation": 0.2, "metric": "accuracy", "seed": 5}
    options["callbacks"] = [record_norms, early_stopping(50), checkpoint(path, every=2)]
    return model, optimizer, options


def test_resuming_gives_the_same_losses_as_no_interruption(tmp_path):
    data = moons(30)
    model, optimizer, options = setting(tmp_path / "whole.json")
    whole = quick(model, data, optimizer=optimizer, epochs=12, **options)

    path = tmp_path / "run.json"
    stopped, its_optimizer, options = setting(path)
    quick(stopped, data, optimizer=its_optimizer, epochs=5, **options)  # the checkpoint is of epoch 4
    resumed, its_optimizer, options = setting(path)
    random.seed(99)  # nothing hangs on it
    history = resume(path, resumed, its_optimizer)
    assert history.epochs == 4
    history = quick(resumed, data, optimizer=its_optimizer, epochs=12, history=history, **options)
    assert history == whole
    assert resumed.state_dict() == model.state_dict()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.json", "whole.json"]


def test_a_learning_rate_that_a_callback_changes_is_resumed(tmp_path):
    def halve(training):
        training.optimizer.learning_rate *= 0.5

    def run(epochs, history=None):
        callbacks = [checkpoint(tmp_path / "run.json"), halve]
        return quick(model, xor(), optimizer=optimizer, epochs=epochs, callbacks=callbacks, history=history)

    model = MLP(2, [3, 1], "tanh", seed=1)
    optimizer = Adam(model.parameters(), 0.1)
    run(3)
    whole = run(6, resume(tmp_path / "run.json", model, optimizer))
    model = MLP(2, [3, 1], "tanh", seed=1)
    optimizer = Adam(model.parameters(), 0.1)
    assert run(6) == whole
    assert optimizer.learning_rate == 0.1 * 0.5**6


def test_a_checkpoint_holds_what_callbacks_after_it_record(tmp_path):
    path = tmp_path / "run.json"

    def run(epochs, callbacks, history=None):
        model = MLP(2, [3, 1], seed=1)
        optimizer = Adam(model.parameters(), 0.1)
        history = history and resume(path, model, optimizer)
        return quick(model, xor(), optimizer=optimizer, epochs=epochs, callbacks=callbacks, history=history)

    callbacks = [checkpoint(path), lambda training: training.history.epochs == 2, record_norms]
    stopped = run(5, callbacks)
    assert {len(numbers) for numbers in stopped.values()} == {2}
    assert run(5, callbacks, stopped) == run(5, [record_norms])


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "run.json"
    model, optimizer, options = setting(path)
    quick(model, moons(30), optimizer=optimizer, epochs=2, **options)
    good = json.loads(path.read_text())

    def refused(content, message):
        path.write_text(json.dumps(content))
        model, optimizer, _ = setting(path)
        before = model.state_dict(), optimizer.state_dict()
        with pytest.raises(ValueError, match=message):
            resume(path, model, optimizer)
        assert (model.state_dict(), optimizer.state_dict()) == before

    broken = good["optimizer"] | {"mean": [math.nan] * 21}
    relu = MLP(2, [5, 1]).structure()
    refused(good | {"model": relu}, r"is of another model than MLP.*activation \['relu', .* of \['tanh'")
    refused(good | {"model": "MLP(2, [5, 1])"}, "does not say how its model was built")
    refused(good | {"optimizer": broken}, "mean is not a list of finite numbers")
    refused(good | {"history": {}}, "its history is not lists of numbers with the loss")
    refused(good | {"history": {"loss": ["a"]}}, "its history is not lists of numbers")
    refused(
        good | {"history": good["history"] | {"loss": [1.0]}}, "its history has different numbers of epochs"
    )
    refused(good | {"state": {}}, "the state does not fit MLP.*missing")
    refused(good | {"optimizer": SGD([Value(1.0)]).state_dict()}, "the state is of 'SGD'")
    refused(good | {"history": [1, 2]}, "its history is not lists of numbers")
    refused(good | {"history": {"loss": 1.0}}, "its history is not lists of numbers")
    refused({"state": good["state"]}, "has no 'model' and no 'optimizer' and no 'history': is it the")


def test_callbacks_check_their_arguments(tmp_path):
    with pytest.raises(ValueError, match="patience is a whole number of at least 1, not 0"):
        early_stopping(0)
    with pytest.raises(ValueError, match="every is a whole number of at least 1, not 0"):
        checkpoint(tmp_path / "run.json", every=0)


# --- Progress -------------------------------------------------------------------------------------


def test_the_progress_bar_stays_out_of_log_files():
    code = (
        "from tinygrad_edu import datasets, nn, train\n"
        "train.fit(nn.MLP(2, [2, 1], seed=0), datasets.xor(), 'binary_cross_entropy', 'sgd', epochs=3)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")


def test_the_progress_bar_shows_the_loss(monkeypatch, capsys):
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda self: True, raising=False)
    fit(MLP(2, [2, 1], seed=0), xor(), "binary_cross_entropy", "sgd", epochs=3)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "loss=" in shown


# --- Learning -------------------------------------------------------------------------------------


def test_xor_converges_from_nearly_every_seed():
    converged = 0
    for seed in range(20):
        model = MLP(2, [4, 1], "tanh", seed=seed)
        quick(model, xor(), epochs=300)
        converged += evaluate(model, xor(), "binary_cross_entropy", "accuracy")["accuracy"] == 1.0
    assert converged >= 19


def test_two_moons_are_told_apart():
    data, model = moons(100), MLP(2, [16, 16, 1], seed=0)
    history = quick(
        model,
        data,
        optimizer=Adam(model.parameters(), 0.02),
        batch_size=20,
        metric="accuracy",
        callbacks=[lambda training: training.history["accuracy"][-1] == 1.0],
    )
    assert history.epochs < 100
    assert evaluate(model, data, "binary_cross_entropy", "accuracy")["accuracy"] == 1.0


def test_the_8_3_8_code_is_learnt():
    data, model = one_hot(8), MLP(8, [3, 8], ["sigmoid", "linear"], seed=0)
    quick(model, data, epochs=500)
    assert evaluate(model, data, "binary_cross_entropy", "accuracy")["accuracy"] == 1.0
    codes = [tuple(out.data for out in model.layers[0](row)) for row in data.inputs]
    assert all(math.dist(p, q) > 0.2 for i, p in enumerate(codes) for q in codes[:i])


# --- Traps ----------------------------------------------------------------------------------------


def test_a_history_has_as_many_numbers_under_each_name(tmp_path):
    model, path = MLP(2, [2, 1], "tanh", seed=1), tmp_path / "run.json"
    optimizer = Adam(model.parameters(), 0.05)
    history = quick(model, xor(), optimizer=optimizer, epochs=2)
    with pytest.raises(
        ValueError, match="the history has 'accuracy' of 0 epochs and not of all 2 before this"
    ):
        quick(model, xor(), optimizer=optimizer, epochs=4, history=history, metric="accuracy")
    history = quick(model, xor(), optimizer=optimizer, epochs=2, metric="accuracy")
    with pytest.raises(ValueError, match="no checkpoint is written: the history lacks 'accuracy'"):
        quick(model, xor(), optimizer=optimizer, epochs=4, history=history, callbacks=[checkpoint(path)])
    assert not path.exists()


def test_an_interrupt_between_callbacks_leaves_an_even_history(tmp_path):
    model, path = MLP(2, [2, 1], "tanh", seed=1), tmp_path / "run.json"
    optimizer = Adam(model.parameters(), 0.05)

    def interrupt(training):
        if training.history.epochs == 3:
            raise KeyboardInterrupt

    history = quick(model, xor(), optimizer=optimizer, epochs=9, callbacks=[interrupt, record_norms])
    assert {len(numbers) for numbers in history.values()} == {2}
    steps = [record_norms, checkpoint(path)]
    quick(model, xor(), optimizer=optimizer, epochs=5, history=history, callbacks=steps)
    assert resume(path, model, optimizer).epochs == 5


def test_a_step_to_infinity_ends_training_before_it():
    model = MLP(2, [3, 1], "relu", seed=1)
    with pytest.raises(DivergedError, match=r"epoch 1: a step of SGD of size 1e\+305 is not finite for w\d"):
        quick(model, [([1e3, 1e3], 1e3)], "mean_squared_error", SGD(model.parameters(), 1e305), epochs=1)
    assert all(math.isfinite(parameter.data) for parameter in model.parameters())


@pytest.mark.parametrize("compiled", [False, True])
def test_infinite_parameters_are_not_all_epochs_done(compiled):
    class Careless(SGD):
        def step(self):
            for parameter in self.parameters:
                parameter.data = -math.inf

    model = MLP(2, [3, 1], "relu", seed=1)
    with pytest.raises(DivergedError, match=r"epoch 1: [wb]\d+ is -inf: try a smaller"):
        quick(model, [([1.0, 1.0], 1.0)], "mean_squared_error", Careless(model.parameters()), epochs=1,
              compiled=compiled)  # fmt: skip


def test_the_optimiser_of_another_model_is_refused():
    model, other = MLP(2, [1], seed=1), MLP(2, [1], seed=1)
    with pytest.raises(
        ValueError, match="the optimiser has no parameter of this model: was the model made anew"
    ):
        quick(model, xor(), optimizer=Adam(other.parameters()))


@pytest.mark.parametrize("maker", [checkpoint, early_stopping, lambda training: early_stopping(1)])
def test_a_callback_that_was_not_made_yet_is_refused(maker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError)):
        quick(MLP(2, [1], seed=1), xor(), epochs=3, callbacks=[maker])


def test_a_single_callback_needs_no_list():
    assert "weights of layers.0" in quick(MLP(2, [1], seed=1), xor(), epochs=1, callbacks=record_norms)


def test_a_loss_that_is_no_value_and_targets_that_are_text():
    model = MLP(2, [1], seed=1)
    with pytest.raises(TypeError, match="the loss is float, not a Value: compute it from the outputs"):
        quick(model, xor(), lambda output, target: output.data)
    for text in ("cat", "a"):
        with pytest.raises(ValueError, match=f"the target '{text}' is text: number the classes from 0"):
            quick(model, [([0.0, 1.0], text)])
    with pytest.raises(ValueError, match="data is a list of pairs"):
        quick(model, None)


def test_soft_targets_of_a_single_output_count_by_the_half():
    for target in (0.1, 0.9):
        assert accuracy(Value(9.0 if target > 0.5 else -9.0).sigmoid(), target) == 1.0
        assert accuracy(Value(-9.0 if target > 0.5 else 9.0).sigmoid(), target) == 0.0
    assert [accuracy(Value(1.0), target) for target in (1, 0, -1)] == [1.0, 0.0, 0.0]


def test_a_history_shows_itself_in_a_line():
    history = quick(MLP(2, [1], seed=1), xor(), epochs=3, metric="accuracy")
    assert repr(history).startswith("<History of 3 epochs, loss 0.")
    assert "\n" not in repr(history)


# --- The usual loops need no extra calls ----------------------------------------------------------


def test_a_new_graph_in_each_step():
    model = MLP(2, [4, 1], "tanh", seed=1)
    optimizer = Adam(model.parameters(), 0.05)
    losses = []
    for _ in range(20):
        loss = sum((model(x) - y) ** 2 for x, y in xor())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    assert losses[-1] < losses[0]


def test_the_same_graph_asks_for_forward():
    w = Value(1.0, "w")
    loss = (w * 3.0 - 1.0) ** 2
    loss.backward()
    w.data -= 0.1 * w.grad
    with pytest.raises(StaleError, match=r"w was assigned .*: call forward\(\)"):
        loss.backward()
    loss.forward()
    loss.backward()


def test_a_step_and_then_a_picture():
    model = MLP(1, [1], seed=1)
    optimizer = SGD(model.parameters(), 0.1)
    loss = half_squared_error(model([1.0]), 0.5)
    loss.backward()
    fresh = draw(loss).source
    optimizer.step()
    stale = draw(loss).source
    assert "forward()" not in fresh
    assert "forward()" in stale
    with pytest.raises(StaleError):
        explain(loss, model.parameters()[0])


def test_what_train_leaves_can_be_shown():
    example = three_layer.worked_example()
    example.train(3)
    assert "forward()" not in draw(example["E_total"], example["w5"]).source
    example["E_total"].backward()
    assert "∂E_total/∂w5" in str(explain(example["E_total"], example["w5"]))


def test_finite_differences():
    model, h = MLP(2, [3, 1], "tanh", seed=1), 1e-6

    def loss():
        return sum((model(x) - y) ** 2 for x, y in xor())

    once = loss()
    once.backward()
    for parameter in model.parameters():
        before = parameter.data
        parameter.data = before + h
        up = loss().data
        once.forward()  # the same graph gives the same number
        assert once.data == up
        parameter.data = before - h
        down = loss().data
        parameter.data = before
        assert parameter.grad == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-8)
    once.forward()
    gradients = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    once.backward()
    assert [parameter.grad for parameter in model.parameters()] == gradients


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"callbacks": None}, "callbacks are functions, as in callbacks=.record_norms., .* not None"),
        ({"callbacks": "early_stopping"}, "callbacks are functions, .* not ."),
        ({"callbacks": [3]}, "callbacks are functions, .* not .3."),
        ({"history": "run.json"}, "history is what fit returned: .* not 'run.json'"),
        ({"history": [1.0]}, "history is what fit returned"),
        ({"history": {"loss": 1.0}}, "history is what fit returned"),
        ({"history": {"loss": [1.0, 0.5], "accuracy": [1.0]}}, "history is what fit returned"),
        ({"metric": lambda output, target: "good"}, "the metric metric returns a number: .* not str"),
        ({"metric": lambda output, target: None}, "the metric metric returns a number: .* not NoneType"),
    ],
)
def test_options_of_a_wrong_type_get_one_clear_line(options, message):
    model = MLP(2, [2, 1], seed=0)
    with pytest.raises(TypeError, match=message):
        fit(model, xor(), "binary_cross_entropy", "sgd", epochs=3, progress=False, **options)


def test_accuracy_refuses_classes_that_the_outputs_do_not_have():
    two = [Value(0.0), Value(1.0)]
    for target in (2, -1, 0.5):
        with pytest.raises(ValueError, match=f"there is no class {target}: the 2 outputs are counted from 0"):
            accuracy(two, target)
    with pytest.raises(ValueError, match="2 outputs and 3 targets do not fit"):
        accuracy(two, [1, 0, 0])
    with pytest.raises(ValueError, match="there are no outputs"):
        accuracy([], 0)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (([1, 2], "a"), "the target 'a' is text|one real number, not str"),
        ((["a", "b"], 1), "one real number, not str"),
        (([1, 2], None), "one real number, not NoneType"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_examples_that_are_no_numbers_are_refused_in_words(example, message, compiled):
    with pytest.raises((ValueError, TypeError), match=message):
        fit(MLP(2, [1]), [example], "binary_cross_entropy", "sgd", progress=False, compiled=compiled)


def test_records_are_plain_numbers(tmp_path):
    numpy = pytest.importorskip("numpy", reason="to give its numbers")

    def record(training):
        training.history.record(extra=numpy.float32(0.5))

    options = {"epochs": 2, "progress": False, "callbacks": [record, checkpoint(tmp_path / "run.json")]}
    history = fit(MLP(2, [1], seed=0), xor(), "binary_cross_entropy", "sgd", **options)
    assert (
        json.loads((tmp_path / "run.json").read_text())["history"]
        == history
        == history | {"extra": [0.5] * 2}
    )
    with pytest.raises(TypeError, match="one real number, not str"):
        history.record(loss="low")


@pytest.mark.parametrize("model", [print, lambda x: x, MLP])
def test_a_model_that_is_none_is_refused_in_words(model):
    with pytest.raises(TypeError, match="model is a Module, such as an MLP or a subclass of yours, not <"):
        fit(model, xor(), "hinge", "sgd", progress=False)
