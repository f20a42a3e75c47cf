"""Code written for micrograd, for the lecture's class and for microgpt runs with only the import changed."""

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tinygrad_edu import Value

try:
    from micrograd.engine import Value as MicrogradValue
except ImportError:
    MicrogradValue = None

# --- micrograd ---


def readme_expression(Value: Any) -> tuple[Any, Any, Any]:
    """Return a, b and g of the expression that micrograd's README computes."""
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    c += c + 1
    c += 1 + c + (-a)
    d = a * b + b**3
    d += d * 2 + (a + b).relu()
    d += 3 * d + (b - a).relu()
    f = (c - d) ** 2
    g = f / 2.0
    g += 10.0 / f
    return a, b, g


def test_the_expression_of_micrograds_readme() -> None:
    a, b, g = readme_expression(Value)
    g.backward()
    assert f"{g.data:.4f} {a.grad:.4f} {b.grad:.4f}" == "24.7041 138.8338 645.5773"


def random_program(Value: Any, seed: int) -> tuple[list[Any], Any]:
    """Run the same random program with any class of Values; return its leaves and its result."""
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-2, 2)) for _ in range(3)]
    values = leaves[:]
    steps: list[Callable[[Any, Any, Any], Any]] = [
        lambda x, y, n: x + y,
        lambda x, y, n: x - y,
        lambda x, y, n: x * y,
        lambda x, y, n: x / (y * y + 1),
        lambda x, y, n: n + x,
        lambda x, y, n: x - n,
        lambda x, y, n: n - x,
        lambda x, y, n: n * x,
        lambda x, y, n: x / n,
        lambda x, y, n: n / (x**2 + 1),
        lambda x, y, n: -x,
        lambda x, y, n: x**3,
        lambda x, y, n: (x * x + 1) ** -0.5,
        lambda x, y, n: x.relu(),
        lambda x, y, n: sum([x, y, n]),
    ]
    for _ in range(12):
        step, number = rng.choice(steps), rng.choice([2, -3, 0.5])
        value = step(rng.choice(values[-5:]), rng.choice(values), number)
        values.append(value if abs(value.data) < 1e3 else value * 1e-3)
    return leaves, sum(values)


@pytest.mark.skipif(MicrogradValue is None, reason="micrograd is not installed")
@pytest.mark.parametrize("batch", range(10))
def test_the_same_numbers_as_micrograd(batch: int) -> None:
    for seed in range(batch * 20, (batch + 1) * 20):
        (ours, result), (theirs, expected) = (random_program(cls, seed) for cls in (Value, MicrogradValue))
        result.backward()
        expected.backward()
        assert result.data == pytest.approx(expected.data, rel=1e-12)
        assert [x.grad for x in ours] == pytest.approx([x.grad for x in theirs], rel=1e-9, abs=1e-9)


def test_a_neuron_in_micrograds_style() -> None:
    weights, bias = [Value(0.5), Value(-1.5)], Value(0)
    out = sum((w * x for w, x in zip(weights, [2.0, -1], strict=True)), bias).relu()
    for parameter in [*weights, bias]:
        parameter.grad = 0
    out.backward()
    for parameter in [*weights, bias]:
        parameter.data -= 0.1 * parameter.grad
    assert [p.data for p in [*weights, bias]] == pytest.approx([0.3, -1.4, -0.1])


def moons_loss(model: Any, Value: Any) -> Any:
    """The loss of micrograd's demo: maximum margin and an L2 penalty, in its code."""
    X, y = [[0.5, -1.0], [1.5, 0.3], [-0.7, 0.9], [-1.2, -0.4]], [1, 1, -1, -1]
    inputs = [list(map(Value, row)) for row in X]
    scores = list(map(model, inputs))
    losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    reg_loss = 1e-4 * sum(p * p for p in model.parameters())
    return data_loss + reg_loss


@pytest.mark.skipif(MicrogradValue is None, reason="micrograd is not installed")
def test_a_network_of_micrograd_is_trained_in_the_same_way() -> None:
    import micrograd.nn as theirs

    from tinygrad_edu import nn as ours

    histories = []
    for nn, cls in ((ours, Value), (theirs, MicrogradValue)):
        random.seed(1337)
        model, losses = nn.MLP(2, [4, 4, 1]), []
        for k in range(10):
            total = moons_loss(model, cls)
            model.zero_grad()
            total.backward()
            for p in model.parameters():
                p.data -= (1.0 - 0.9 * k / 100) * p.grad
            losses.append(total.data)
        histories.append(losses)
    assert histories[0] == pytest.approx(histories[1], rel=1e-9)


@pytest.mark.skipif(MicrogradValue is None, reason="micrograd is not installed")
def test_parts_of_a_network_of_micrograd() -> None:
    import micrograd.nn as theirs

    from tinygrad_edu import nn as ours

    results = []
    for nn, cls in ((ours, Value), (theirs, MicrogradValue)):
        random.seed(3)
        neurons = [nn.Neuron(2), nn.Neuron(2, nonlin=False), nn.Neuron(2, False)]
        layer = nn.Layer(2, 2, nonlin=False)
        x = [cls(0.5), cls(-2.0)]
        outputs = [neuron(x).data for neuron in neurons] + [out.data for out in layer(x)]
        parameters = [p.data for part in [*neurons, layer] for p in part.parameters()]
        results.append((outputs, parameters, [neuron.nonlin for neuron in neurons]))
    (outputs, *rest), (expected, *others) = results
    assert outputs == pytest.approx(expected, rel=1e-14)
    assert rest == others


# --- The lecture ---


def test_an_operation_added_as_in_the_lecture() -> None:
    """A class that the lecture builds adds tanh by a closure; the same lines run on this Value."""

    def lecture_tanh(self: Value) -> Value:
        x = self.data
        t = (math.exp(2 * x) - 1) / (math.exp(2 * x) + 1)
        out = Value(t, (self,), "tanh")

        def _backward() -> None:
            self.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    a = Value(0.8, label="a")
    o = lecture_tanh(a * 2.0 + a)
    o.backward()
    assert o._op == "tanh"
    assert a.grad == pytest.approx(3.0 * (1 - math.tanh(2.4) ** 2))


def test_the_lectures_network_of_its_own_classes() -> None:
    """Neuron, Layer and MLP as the lecture writes them, trained on its four examples."""

    class Neuron:
        def __init__(self, nin: int) -> None:
            self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
            self.b = Value(random.uniform(-1, 1))

        def __call__(self, x: Any) -> Any:
            act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
            return act.tanh()

        def parameters(self) -> list[Value]:
            return [*self.w, self.b]

    random.seed(5)
    layers = [[Neuron(3) for _ in range(4)], [Neuron(4)]]
    parameters = [p for layer in layers for neuron in layer for p in neuron.parameters()]
    xs, ys = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]], [1.0, -1.0, -1.0, 1.0]
    losses = []
    for _ in range(20):
        ypred = [layers[1][0]([neuron(x) for neuron in layers[0]]) for x in xs]
        loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred, strict=True))
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data += -0.1 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.2 * losses[0]


def lecture_neuron() -> dict[str, Value]:
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    return {value.label: value for value in (x1, x2, w1, w2, b, n, o)}


GRADS = {"o": 1.0, "n": 0.5, "b": 0.5, "x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0}


def by_hand(root: Value) -> None:
    """Call _backward() node by node in an order found by the lecture's recursive sort over _prev."""
    order: list[Value] = []
    visited: set[Value] = set()

    def visit(value: Value) -> None:
        if value not in visited:
            visited.add(value)
            for child in value._prev:
                visit(child)
            order.append(value)

    visit(root)
    root.grad = 1.0
    for value in reversed(order):
        value._backward()


@pytest.mark.parametrize("backward", [Value.backward, by_hand])
def test_the_neuron_of_the_lecture(backward: Callable[[Value], None]) -> None:
    neuron = lecture_neuron()
    backward(neuron["o"])
    assert neuron["o"].data == pytest.approx(math.sqrt(0.5))
    assert {name: neuron[name].grad for name in GRADS} == pytest.approx(GRADS)


def test_tanh_taken_apart() -> None:
    neuron = lecture_neuron()
    e = (2 * neuron["n"]).exp()
    o = (e - 1) / (e + 1)
    o.backward()
    assert o.data == pytest.approx(math.sqrt(0.5))
    assert {name: neuron[name].grad for name in GRADS if name != "o"} == pytest.approx(
        {name: grad for name, grad in GRADS.items() if name != "o"}
    )


@pytest.mark.parametrize("backward", [Value.backward, by_hand])
def test_a_value_used_twice(backward: Callable[[Value], None]) -> None:
    a = Value(3.0, label="a")
    b = a + a
    backward(b)
    assert (a.grad, b._prev, b._op) == (2.0, (a, a), "+")

    a, b = Value(-2.0), Value(3.0)
    backward((a * b) * (a + b))
    assert (a.grad, b.grad) == (-3.0, -8.0)


def test_what_the_lectures_drawing_reads() -> None:
    x = Value(2.0, label="x")
    results = [x + 1, x - 1, x * 2, x / 2, x**3, -x, x.exp(), x.tanh(), x.relu()]
    assert [value._op for value in [x, *results]] == [
        *("", "+", "-", "*", "/", "**3", "neg", "exp", "tanh", "ReLU"),
    ]
    assert all(x in value._prev for value in results)
    assert x._prev == ()


def test_a_step_of_descent_by_hand() -> None:
    neuron = lecture_neuron()
    before = neuron["o"].data
    neuron["o"].backward()
    for name in ("w1", "w2", "b"):
        neuron[name].data += -0.1 * neuron[name].grad
    neuron["o"].forward()
    assert neuron["o"].data < before


# --- microgpt ---


def test_a_language_model_in_microgpts_style() -> None:
    """A bigram model with normalised embeddings, trained by Adam; checked by central differences."""
    rng = random.Random(1)
    tokens, width = [0, 2, 1, 2, 0, 1], 4
    embedding = [[Value(rng.gauss(0, 0.5)) for _ in range(width)] for _ in range(3)]
    head = [[Value(rng.gauss(0, 0.5)) for _ in range(width)] for _ in range(3)]
    parameters = [p for matrix in (embedding, head) for row in matrix for p in row]

    def loss() -> Value:
        losses = []
        for token, following in pairwise(tokens):
            x = embedding[token]
            scale = (sum(xi * xi for xi in x) / len(x) + 1e-5) ** -0.5
            x = [(xi * scale).relu() + xi for xi in x]
            logits = [sum(wi * xi for wi, xi in zip(w, x, strict=True)) for w in head]
            largest = max(value.data for value in logits)
            exps = [(value - largest).exp() for value in logits]
            total = sum(exps)
            probabilities = [e / total for e in exps]
            losses.append(-probabilities[following].log())
        return (1 / len(losses)) * sum(losses)

    first = loss()
    first.backward()
    for p in parameters:
        kept, p.data = p.data, p.data + 1e-5
        up = loss().data
        p.data = kept - 1e-5
        down = loss().data
        p.data = kept
        assert p.grad == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-8)
        p.grad = 0

    m, v = [0.0] * len(parameters), [0.0] * len(parameters)
    for step in range(30):
        loss().backward()
        for i, p in enumerate(parameters):
            m[i] = 0.9 * m[i] + 0.1 * p.grad
            v[i] = 0.95 * v[i] + 0.05 * p.grad**2
            m_hat, v_hat = m[i] / (1 - 0.9 ** (step + 1)), v[i] / (1 - 0.95 ** (step + 1))
            p.data -= 0.05 * m_hat / (v_hat**0.5 + 1e-8)
            p.grad = 0
    assert loss().data < 0.7 * first.data
