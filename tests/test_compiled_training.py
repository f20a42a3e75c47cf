"""Training on arrays, against training on Values: the same numbers, and the same manners."""

import json
import math
import random
import re
import sys
from typing import Any

import pytest

from tinygrad_edu import Value
from tinygrad_edu._compiled import Compiled
from tinygrad_edu.callbacks import History, Training, checkpoint, early_stopping, record_norms, resume
from tinygrad_edu.datasets import moons, worked_pair, xor
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.rules import log, logsumexp, relu, sum, where
from tinygrad_edu.losses import LOSSES
from tinygrad_edu.nn import MLP, Module
from tinygrad_edu.optim import SGD, Adam, AdamW, Optimizer, RMSProp, cosine_decay
from tinygrad_edu.train import DivergedError, evaluate, fit


def both(make: Any, data: Any, loss: Any, optimizer: Any, **options: Any) -> tuple[Module, History]:
    """Train on Values and on arrays, compare all that is left, and return the latter."""
    results = []
    for compiled in (False, True):
        model = make()
        trained = optimizer(model)
        history = fit(model, data, loss, trained, progress=False, compiled=compiled, **options)
        results.append((model, trained, history))
    (model, wanted, expected), (other, found, history) = results
    assert history.keys() == expected.keys()
    for name, numbers in expected.items():
        assert history[name] == pytest.approx(numbers, rel=1e-9), name
    assert list(other.state_dict().values()) == pytest.approx(
        [*model.state_dict().values()], rel=1e-8, abs=1e-10
    )
    for name, kept in wanted.state_dict().items():
        same = pytest.approx(kept, rel=1e-7, abs=1e-12) if isinstance(kept, list) else kept
        assert found.state_dict()[name] == same, name
    assert history.stopped == expected.stopped
    assert found.parameters == other.parameters() or len(found.parameters) != len(other.parameters())
    assert all(type(p.data) is float and p.grad == 0.0 for p in other.parameters())
    return other, history


def test_fifty_epochs_of_adam_on_moons() -> None:
    _, history = both(
        lambda: MLP(2, [6, 6, 1], "tanh", seed=1),
        moons(40, seed=0),
        "binary_cross_entropy",
        lambda model: Adam(model.parameters(), 0.02),
        epochs=50,
        batch_size=8,
        metric="accuracy",
        validation=0.2,
    )
    assert history["loss"][-1] < 0.25 * history["loss"][0]


OPTIMIZERS = {
    "sgd": lambda model: SGD(model.parameters(), 0.05),
    "momentum": lambda model: SGD(model.parameters(), 0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda model: RMSProp(model.parameters(), 0.01, weight_decay=0.1),
    "adam": lambda model: Adam(model.parameters(), 0.01, schedule=cosine_decay(20)),
    "adamw": lambda model: AdamW(model.parameters(), 0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser(name: str) -> None:
    both(lambda: MLP(2, [3, 1], "gelu", seed=2), xor(), "binary_cross_entropy", OPTIMIZERS[name], epochs=6)


def classes(loss: str) -> Any:
    """Return a few examples for a loss."""
    rng = random.Random(loss)
    targets: list[Any] = {
        "half_squared_error": [[rng.random(), rng.random(), rng.random()] for _ in range(9)],
        "mean_squared_error": [[rng.random(), rng.random(), rng.random()] for _ in range(9)],
        "hinge": [[rng.choice([-1, 1]) for _ in range(3)] for _ in range(9)],
        "binary_cross_entropy": [[rng.choice([0, 1]) for _ in range(3)] for _ in range(9)],
        "categorical_cross_entropy": [k % 3 for k in range(9)],
    }[loss]
    return [([rng.uniform(-1, 1) for _ in range(2)], target) for target in targets]


@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss: str, activation: str) -> None:
    assert {*LOSSES} == {
        "half_squared_error",
        "mean_squared_error",
        "hinge",
        "binary_cross_entropy",
        "categorical_cross_entropy",
    }
    both(
        lambda: MLP(2, [4, 3], activation, seed=3),
        classes(loss),
        loss,
        lambda model: SGD(model.parameters(), 0.1),
        epochs=4,
        batch_size=4,  # which does not divide the nine examples: the last batch has one
        metric="accuracy" if loss == "categorical_cross_entropy" else None,
    )


def test_probabilities_as_targets() -> None:
    data = [([0.5, 1.0], [0.7, 0.2, 0.1]), ([-0.5, 1.0], [0.0, 1.0, 0.0]), ([0.1, -1.0], [0.1, 0.0, 0.9])]
    both(
        lambda: MLP(2, [3], seed=1),
        data,
        "categorical_cross_entropy",
        lambda model: SGD(model.parameters(), 0.1),
        epochs=3,
        batch_size=2,
    )


def test_the_worked_example() -> None:
    _, history = both(
        lambda: MLP(2, [2, 2], ["sigmoid", "sigmoid"], bias="shared", seed=1),
        worked_pair(),
        "half_squared_error",
        lambda model: SGD(model.parameters(), 0.5),
        epochs=30,
    )
    assert history["loss"][-1] < history["loss"][0]


class ByHand(Module):
    """A network written with + and * only, with shared weights and a connection that skips a layer."""

    def __init__(self) -> None:
        rng = random.Random(5)
        self.w = [[Value(rng.uniform(-1, 1)) for _ in range(3)] for _ in range(3)]
        self.b = [Value(rng.uniform(-1, 1)) for _ in range(3)]
        self.unused = Value(3.0)

    def layer(self, x: Any) -> list[Value]:
        outputs = []
        for row, bias in zip(self.w, self.b, strict=True):
            net = bias
            for w, each in zip(row, x, strict=True):
                net = net + w * each
            outputs.append(net.tanh())
        return outputs

    def __call__(self, x: Any) -> Any:
        first = self.layer(x)
        return [a + b for a, b in zip(self.layer(first), first, strict=True)]


def test_a_model_of_ones_own() -> None:
    data = [([0.1 * k, -0.2 * k, 0.3], [math.sin(k), math.cos(k), 0.5]) for k in range(7)]
    both(
        ByHand,
        data,
        lambda outputs, target: logsumexp([(o - t) ** 2 for o, t in zip(outputs, target, strict=True)]),
        lambda model: Adam(model.parameters(), 0.01, weight_decay=0.1),
        epochs=5,
        batch_size=3,
        metric=lambda outputs, target: float(outputs[0].data > target[0]),
    )


def test_single_numbers_as_inputs_and_targets() -> None:
    class Line(Module):
        def __init__(self) -> None:
            self.slope, self.shift = Value(2.0), Value(1.0)

        def __call__(self, x: Any) -> Any:
            return self.slope * x + self.shift

    data = [(0.5 * k, 3.0 - k) for k in range(6)]
    model, _ = both(
        Line, data, "mean_squared_error", lambda model: SGD(model.parameters(), 0.1), epochs=20, batch_size=1
    )
    assert model.slope.data == pytest.approx(-2.0, abs=0.1)


def test_a_part_of_the_parameters_and_some_of_another_model() -> None:
    other = Value(1.0)

    def optimizer(model: Any) -> Optimizer:
        other.data = 1.0
        return Adam([*model.layers[1].parameters(), other], 0.1, weight_decay=0.5)

    both(lambda: MLP(2, [3, 1], "tanh", seed=4), xor(), "binary_cross_entropy", optimizer, epochs=5)
    assert other.data < 1.0  # by its decay


def test_an_optimiser_of_ones_own() -> None:
    class SignDescent(Optimizer):
        """Looks at each number, which it cannot do with an array."""

        def _direction(self, place: int, gradient: float) -> float:
            return 1.0 if gradient > 0 else -1.0 if gradient < 0 else 0.0

    class Remembering(Optimizer):
        """Keeps its state where compiled training does not look for it."""

        def __init__(self, parameters: Any, rate: float) -> None:
            super().__init__(parameters, rate)
            self.last = [0.0] * len(self.parameters)

        def _direction(self, place: int, gradient: float) -> float:
            self.last[place] = 0.5 * self.last[place] + gradient
            return self.last[place]

    for kind in (SignDescent, Remembering):
        both(
            lambda: MLP(2, [3, 1], "tanh", seed=5),
            xor(),
            "binary_cross_entropy",
            lambda model, kind=kind: kind(model.parameters(), 0.01),
            epochs=5,
        )


def test_callbacks_see_and_change_what_they_always_did() -> None:
    def callback(training: Training) -> None:
        epoch = training.history.epochs
        sizes = sum([abs(p.data) for p in training.model.parameters()]) if epoch < 0 else 0.0
        gradient = math.fsum(p.grad for p in training.model.parameters())
        memory = training.optimizer.state_dict()["mean"]
        training.history.record(gradient=gradient, memory=math.fsum(memory) + sizes)
        if epoch == 3:
            training.optimizer.learning_rate *= 0.1
            training.model.parameters()[0].data = 0.25

    _, history = both(
        lambda: MLP(2, [3, 1], "tanh", seed=6),
        xor(),
        "binary_cross_entropy",
        lambda model: Adam(model.parameters(), 0.1),
        epochs=40,
        batch_size=3,
        callbacks=[callback, record_norms, early_stopping(3)],
    )
    assert any(history["gradient"])


def test_a_checkpoint_continues_as_if_nothing_had_happened(tmp_path: Any) -> None:
    path = tmp_path / "checkpoint.json"

    def run(epochs: int, history: History | None, model: MLP, optimizer: Adam) -> History:
        return fit(
            model,
            moons(20, seed=1),
            "binary_cross_entropy",
            optimizer,
            epochs=epochs,
            batch_size=6,
            history=history,
            callbacks=[checkpoint(path)],
            progress=False,
            compiled=True,
        )

    whole = MLP(2, [3, 1], "tanh", seed=7)
    expected = run(8, None, whole, Adam(whole.parameters(), 0.05))
    first = MLP(2, [3, 1], "tanh", seed=7)
    run(5, None, first, Adam(first.parameters(), 0.05))
    assert json.loads(path.read_text())["state"] == first.state_dict()
    second = MLP(2, [3, 1], "tanh", seed=99)
    optimizer = Adam(second.parameters(), 0.05)
    history = resume(path, second, optimizer)
    assert run(8, history, second, optimizer) == expected
    assert second.state_dict() == whole.state_dict()


def test_ctrl_c_keeps_what_was_learnt() -> None:
    model, calls = MLP(2, [3, 1], "tanh", seed=8), [0]

    def metric(output: Any, target: Any) -> float:
        calls[0] += 1
        if calls[0] == 11:  # in the third epoch
            raise KeyboardInterrupt
        return output.data

    before = model.state_dict()
    optimizer = SGD(model.parameters(), 0.1)
    history = fit(
        model,
        xor(),
        "binary_cross_entropy",
        optimizer,
        metric=metric,
        batch_size=2,
        progress=False,
        compiled=True,
    )
    assert (history.stopped, history.epochs) == ("interrupted", 2)
    assert model.state_dict() != before
    assert optimizer.parameters == model.parameters()
    assert optimizer.steps == 6  # two epochs of two, and both of the third: the metric is measured afterwards
    assert all(p.grad == 0.0 for p in model.parameters())


def test_ctrl_c_while_parameters_are_written_back(monkeypatch: Any) -> None:
    original, interrupted = Compiled.write_back, []
    model, expected = MLP(2, [3, 1], "tanh", seed=8), MLP(2, [3, 1], "tanh", seed=8)

    def metric(output: Any, target: Any) -> float:
        monkeypatch.setattr(Compiled, "write_back", write_back)
        return 0.0

    def write_back(self: Compiled) -> None:
        if not interrupted:
            interrupted.append(self)
            raise KeyboardInterrupt
        original(self)

    history = fit(
        model, xor(), "binary_cross_entropy", "adam", epochs=2, metric=metric, progress=False, compiled=True
    )
    assert (history.stopped, history.epochs) == ("interrupted", 2)
    fit(expected, xor(), "binary_cross_entropy", "adam", epochs=2, progress=False, compiled=True)
    assert model.state_dict() == expected.state_dict()


def test_an_error_of_a_callback_leaves_the_model_as_trained() -> None:
    model = MLP(2, [3, 1], "tanh", seed=8)
    expected = MLP(2, [3, 1], "tanh", seed=8)
    fit(expected, xor(), "hinge", "sgd", epochs=0, progress=False)

    def callback(training: Training) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fit(
            model, xor().signed(), "hinge", "sgd", epochs=3, callbacks=callback, progress=False, compiled=True
        )
    fit(expected, xor().signed(), "hinge", "sgd", epochs=1, progress=False)
    assert [*model.state_dict().values()] == pytest.approx([*expected.state_dict().values()], rel=1e-12)


# --- What depends on the numbers ---


class Comparing(Module):
    def __init__(self, compare: Any) -> None:
        self.w, self._compare = Value(0.5, "w"), compare

    def __call__(self, x: Any) -> Any:
        net = self.w * x[0]
        net.label = "net"
        return net if self._compare(net, x) else 0.5 * net


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        (lambda net, x: net > 0, "its code compares net > 0"),
        (lambda net, x: x[0] <= net, "compares input 1 <= net"),
        (lambda net, x: x[0] > 0.25, r"compares input 1 > 0\.25"),
        (lambda net, x: x[0] == 0.5, "looks at the number input 1 of the example"),
        (lambda net, x: x[0], "looks at the number input 1"),
        (lambda net, x: int(x[1]), "looks at the number input 2"),
        (lambda net, x: [3, 4][x[1]], "looks at the number input 2"),
        (lambda net, x: net.data > 0, "the loss of example . is .* by the recorded graph"),
        (lambda net, x: random.random() > 0.5, "the loss of example . is .* by the recorded graph"),
    ],
)
def test_a_graph_that_depends_on_the_numbers_is_refused(compare: Any, message: str) -> None:
    random.seed(1)
    model = Comparing(compare)
    data = [([0.5 * (-1) ** k, float(k % 2)], 1.0 + 0.1 * k) for k in range(8)]
    with pytest.raises(ValueError, match=message) as caught:
        fit(model, data, "mean_squared_error", "sgd", progress=False, compiled=True)
    assert "\n" not in str(caught.value)
    assert model.w.data == 0.5


def test_where_keeps_both_branches() -> None:
    class Leaky(Module):
        def __init__(self) -> None:
            self.w = Value(0.5)

        def __call__(self, x: Any) -> Any:
            net = self.w * x[0]
            return where(relu(net), net, 0.5 * net)

    data = [([0.5 * (-1) ** k], 0.1 * k) for k in range(6)]
    both(Leaky, data, "mean_squared_error", lambda model: SGD(model.parameters(), 0.1), epochs=3)


def test_a_loss_may_look_at_its_target() -> None:
    """The graph of each target is recorded by itself, so that no branch is missed."""

    def loss(output: Any, target: Any) -> Value:
        if target == 1:
            return (-output).softplus()
        return output.softplus() if target == 0 else (output - target) ** 2

    data = [([0.3 * k, 1.0], k % 3) for k in range(7)]
    both(lambda: MLP(2, [2, 1], "tanh", seed=9), data, loss, lambda m: SGD(m.parameters(), 0.1), epochs=3)

    def above(output: Any, target: Any) -> Value:
        return (-output).softplus() if target > 0.5 else output.softplus()

    both(lambda: MLP(2, [2, 1], "tanh", seed=9), data, above, lambda m: SGD(m.parameters(), 0.1), epochs=3)
    too_many = [([0.3 * k, 1.0], 0.5 * k) for k in range(200)]
    with pytest.raises(ValueError, match="its code looks at the number target 1"):
        fit(MLP(2, [1], seed=1), too_many, loss, "sgd", progress=False, compiled=True)


# --- Numbers that are not finite ---


def test_what_diverges_is_named_with_its_example() -> None:
    class Log(Module):
        def __init__(self) -> None:
            self.w = Value(1.0, "w")

        def __call__(self, x: Any) -> Any:
            return (self.w * x[0]).log()

    data = [([1.0], 0.0), ([2.0], 0.0), ([-1.0], 0.0)]
    with pytest.raises(DivergedError, match=r"epoch 1: example 2, counted from 0: log\(x\) with x = -1\.0"):
        fit(Log(), data, "mean_squared_error", "sgd", progress=False, compiled=True)
    model = MLP(1, [1], seed=1)
    with pytest.raises(DivergedError, match=r"epoch \d+: .*too large for a float") as caught:
        fit(
            model,
            [([1e3], 1e3)],
            "mean_squared_error",
            SGD(model.parameters(), 1e3),
            progress=False,
            compiled=True,
        )
    assert caught.value.history.epochs > 1


class Scaling(Module):
    def __init__(self, apply: Any) -> None:
        self.w, self._apply = Value(1.0, "w"), apply

    def __call__(self, x: Any) -> Any:
        return self._apply(self.w, x[0])


CAPPED = Op("capped", lambda x: math.exp(x) if x < 700 else math.inf, lambda z, x: (z,))


@pytest.mark.parametrize(
    ("apply", "inputs", "message"),
    [
        (lambda w, x: log(w * x), [-1.0, 1.0], "log needs a positive argument"),
        (lambda w, x: [w * x, log(w * x)][0], [1.0, -1.0], "log needs a positive argument"),
        (lambda w, x: w * 1.7e308 * x, [1.0, 1.0], r"mean\(x, y\) .* too large for a float"),
        (lambda w, x: CAPPED(w * x), [1.0, 1000.0], "capped.* with x = 1000.0: the result is too large"),
    ],
)
def test_what_the_engine_refuses_is_refused_in_its_words(apply: Any, inputs: Any, message: str) -> None:
    said = []
    for compiled in (False, True):
        model, data = Scaling(apply), [([x], 0.0) for x in inputs]
        with pytest.raises(DivergedError, match=message) as caught:
            fit(model, data, lambda y, _: y, "sgd", epochs=1, progress=False, compiled=compiled)
        said.append(re.sub(r"example \d, counted from 0: ", "", str(caught.value)))
    assert said[0] == said[1]


def test_an_example_to_measure_on_that_the_engine_refuses() -> None:
    def callback(training: Training) -> None:
        training.model.w.data = 800.0  # exp(800) is too large

    for compiled in (False, True):
        with pytest.raises(DivergedError, match=r"epoch 2: .*x = 800.0: the result is too large") as caught:
            fit(Scaling(lambda w, x: CAPPED(w * x)), [([0.0], 0.0)], lambda y, _: y, "sgd", epochs=2,
                validation=[([1.0], 0.0)], callbacks=callback, progress=False, compiled=compiled)  # fmt: skip
        assert caught.value.history.epochs == 1


def test_finite_outputs_and_gradients_whose_sum_is_infinite() -> None:
    both(
        lambda: Scaling(lambda w, x: [1.7e308 * w, 1.7e308 * w]),
        [([0.0], 0.5)] * 3,
        lambda outputs, target: (outputs[0] / 1e308 - target) ** 2,
        lambda model: SGD(model.parameters(), 0.1),
        epochs=3,
    )

    class Pair(Module):
        def __init__(self) -> None:
            self.w = [Value(1.0), Value(-1.0)]

        def __call__(self, x: Any) -> Any:
            return 1.7e308 * self.w[0] + 1.7e308 * self.w[1]

    model, _ = both(
        Pair, [([0.0], 0.0)], lambda y, _: y, lambda model: SGD(model.parameters(), 1e-309), epochs=1
    )
    assert [w.data for w in model.w] == pytest.approx([0.83, -1.17])


def test_an_infinite_output_that_the_loss_does_not_need() -> None:
    _, history = both(
        lambda: Scaling(lambda w, x: [w * x, w * x + math.inf]),
        [([1.0], 0.5)] * 3,
        lambda outputs, target: (outputs[0] - target) ** 2,
        lambda model: SGD(model.parameters(), 0.1),
        epochs=2,
        validation=[([2.0], 0.5)],
        metric=lambda outputs, _: float(outputs[1].data == math.inf),
    )
    assert history["metric"] == history["validation_metric"] == [1.0, 1.0]


def test_a_model_that_returns_something_else_is_refused() -> None:
    model = Scaling(lambda w, x: {"y": w * x})
    with pytest.raises(ValueError, match="it returns dict and not one Value or a list of Values"):
        fit(model, [([1.0], 0.0)], lambda y, _: y["y"] ** 2, "sgd", progress=False, compiled=True)
    assert model.w.data == 1.0


def test_what_arrays_cannot_do_the_engine_does() -> None:
    """0·∞ along a branch that is not taken is no error, and no NaN."""

    class Root(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def __call__(self, x: Any) -> Any:
            return where(x[0], (self.w * x[0]).sqrt(), self.w)

    data = [([0.0], 0.5), ([4.0], 0.5)]
    both(Root, data, "mean_squared_error", lambda model: SGD(model.parameters(), 0.1), epochs=3)


def test_a_loss_that_depends_on_no_parameter() -> None:
    with pytest.raises(ValueError, match="the loss depends on no parameter of the optimiser"):
        fit(
            MLP(2, [1], seed=1),
            xor(),
            lambda output, target: Value(output.data) ** 2,
            "sgd",
            progress=False,
            compiled=True,
        )


def test_without_numpy(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match="pip install numpy"):
        fit(MLP(2, [1], seed=1), xor(), "binary_cross_entropy", "sgd", progress=False, compiled=True)


def test_evaluate_agrees_with_what_was_measured() -> None:
    model = MLP(2, [3, 1], "tanh", seed=10)
    history = fit(
        model,
        xor(),
        "binary_cross_entropy",
        "adam",
        epochs=2,
        validation=xor(),
        metric="accuracy",
        progress=False,
        compiled=True,
    )
    measured = evaluate(model, xor(), "binary_cross_entropy", "accuracy")
    assert history["validation_loss"][-1] == pytest.approx(measured["loss"], rel=1e-12)
    assert history["validation_accuracy"][-1] == measured["accuracy"]


def test_steps_are_really_taken_on_arrays(monkeypatch: Any) -> None:
    """No graph is built for a step."""
    model = MLP(2, [3, 1], "tanh", seed=11)
    calls = []
    monkeypatch.setattr(Compiled, "_by_engine", lambda *args: calls.append(args))
    original = MLP.__call__
    built: list[Any] = []
    monkeypatch.setattr(MLP, "__call__", lambda self, x: built.append(x) or original(self, x))
    fit(model, moons(30, seed=1), "binary_cross_entropy", "adam", epochs=20, progress=False, compiled=True)
    assert not calls
    assert len(built) <= 6  # recorded once, and compared for five examples


def test_a_gradient_that_is_too_large_is_found_on_arrays_too():
    def explode(training):
        if training.history.epochs == 2:
            training.model.scale.data = 1e200

    class Scaled(Module):
        def __init__(self):
            self.w, self.scale = Value(1.0), Value(1.0)

        def __call__(self, x):
            return self.w * x[0] * self.scale

    model = Scaled()
    with pytest.raises(
        DivergedError, match=r"epoch 3: a step of Adam .* with the gradient 1e\+200"
    ) as caught:
        fit(model, [([1.0], 0.0)] * 3, lambda y, _: y, Adam([model.w], 0.1), epochs=9, compiled=True,
            callbacks=[explode], progress=False)  # fmt: skip
    assert caught.value.history.epochs == 2
