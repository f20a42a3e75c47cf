"""Code written for micrograd, for the lecture's class and for microgpt runs with only the import changed."""

import copy
import math
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tinygrad_edu.optim
from tinygrad_edu import Value, explain, gradient
from tinygrad_edu._common.names import HINTS

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


# --- What programs do with a Value besides ---


def test_attributes_of_ones_own() -> None:
    p = Value(1.0, "p")
    p.m = 0.0  # as in an AdamW of one's own
    p._vis_color = "red"
    assert vars(p) == {"m": 0.0, "_vis_color": "red"}
    y = p * 2.0
    assert vars(y) == {}


def test_an_operation_by_closure_is_drawn_and_explained_with_its_slopes() -> None:
    x = Value(3.0, "x")
    out = Value(x.data**2, (x,), "sq", "out")

    def _backward() -> None:
        x.grad += 2 * x.data * out.grad

    out._backward = _backward
    assert out.slopes == (6.0,)
    assert "= 6" in str(explain(out, x))
    assert "6" in tinygrad_edu.draw(out, x).source


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_an_operation_by_closure_is_copied_with_its_slopes(copied: Callable[[Value], Value]) -> None:
    x = Value(3.0)
    out = Value(9.0, (x,), "sq")
    out._backward = lambda: setattr(x, "grad", x.grad + 6.0 * out.grad)
    twin = copied(out * 2.0)
    twin.backward()
    assert (twin.args[0]._op, twin.args[0].args[0].grad, x.grad) == ("sq", 12.0, 0.0)


def test_a_closure_of_a_leaf_does_nothing() -> None:
    """The lecture's __init__ gives one to each Value."""
    x = Value(3.0)
    x._backward = lambda: None
    (x * x).backward()
    assert (x.op, x.slopes, x.grad) == (None, (), 6.0)


def test_a_class_derived_from_value() -> None:
    class Weight(Value):
        def __init__(self, data: float, frozen: bool = False) -> None:
            super().__init__(data)
            self.frozen = frozen

        def shout(self) -> str:
            return f"{self.data}!"

    w = Weight(3.0, frozen=True)
    y = w * 2.0
    y.backward()
    assert (type(y), y.data, w.grad, w.frozen, w.shout()) == (Value, 6.0, 2.0, True, "3.0!")


def vector() -> Any:
    return np.array([Value(1.0), Value(2.0), Value(4.0)], dtype=object)


@pytest.mark.parametrize(
    ("of", "numbers"),
    [
        (lambda v: v / v.sum(), [1 / 7, 2 / 7, 4 / 7]),
        (lambda v: v - v.max(), [-3.0, -2.0, 0.0]),
        (lambda v: v * Value(2), [2.0, 4.0, 8.0]),
        (lambda v: Value(2) * v, [2.0, 4.0, 8.0]),
        (lambda v: np.array([1.0, 2.0]) * Value(2), [2.0, 4.0]),
        (lambda v: Value(2) ** np.array([1.0, 2.0]), [2.0, 4.0]),
        (np.exp, [math.exp(x) for x in (1, 2, 4)]),
        (np.tanh, [math.tanh(x) for x in (1, 2, 4)]),
        (np.square, [1.0, 4.0, 16.0]),
        (np.arctan, [math.atan(x) for x in (1, 2, 4)]),
        (np.arcsinh, [math.asinh(x) for x in (1, 2, 4)]),
        (lambda v: np.arctan2(v, v), [math.pi / 4] * 3),
        (np.fabs, [1.0, 2.0, 4.0]),
        (np.rint, [1.0, 2.0, 4.0]),
        (
            lambda v: [np.exp(v[1]), np.arccos(v[0] / 4), v @ v, np.mean(v)],
            [math.exp(2), math.acos(0.25), 21.0, 7 / 3],
        ),
        (lambda v: [np.std(v), np.var(v), np.linalg.norm(v)], [14**0.5 / 3, 14 / 9, 21**0.5]),
    ],
)
def test_arrays_of_values(of: Callable[[Any], Any], numbers: list[float]) -> None:
    found = list(of(vector()))
    assert all(isinstance(value, Value) for value in found)
    assert [value.data for value in found] == pytest.approx(numbers, rel=1e-14)


def test_a_gradient_flows_through_numpys_functions() -> None:
    x = Value(0.5, "x")
    assert gradient(np.arctan(x), x).data == pytest.approx(1 / 1.25, rel=1e-15)


def test_comparisons_with_an_array_are_made_item_by_item() -> None:
    v = Value(2.0)
    for array in (np.array([1.0, 2.0, 4.0]), vector(), vector().reshape(3, 1)):
        assert (v > array).ravel().tolist() == [True, False, False]
        assert (v >= array).ravel().tolist() == [True, True, False]
        assert (v < array).ravel().tolist() == (array > v).ravel().tolist() == [False, False, True]


def test_what_is_missing_or_too_large_is_not_taken_for_a_number() -> None:
    with pytest.raises(TypeError, match="one real number, not MaskedConstant"):
        Value(np.ma.masked)
    for number in (Decimal("1e999"), Decimal("-1e999")):
        with pytest.raises(OverflowError, match="this Decimal is too large"):
            Value(number)
    assert Value(Decimal("-Infinity")).data == -math.inf


def test_a_masked_array_keeps_the_gradient() -> None:
    w = Value(2.0)
    masked = np.ma.array([1.0, 2.0, 4.0], mask=[False, True, False])
    for product in (masked * w, w * masked):
        assert product.mask.tolist() == [False, True, False]
        assert [gradient(value, w).data for value in product.compressed()] == [1.0, 4.0]


def test_a_series_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    w = Value(2.0)
    assert [value.data for value in pandas.Series([1.0, 2.0]) * w] == [2.0, 4.0]
    assert [value.data for value in w * pandas.Series([1.0, 2.0])] == [2.0, 4.0]


def test_scalars_of_torch() -> None:
    torch = pytest.importorskip("torch")
    assert Value(torch.tensor(2.5)).data == 2.5
    assert (Value(2.0) * torch.tensor(2.5)).data == 5.0


def test_a_value_as_text_and_as_a_number() -> None:
    v = Value(1.23456)
    assert (f"{v:.4f}", f"{v.data:.3f}", v.item(), type(v.item())) == ("1.2346", "1.235", 1.23456, float)


def test_detach_is_stop_gradient() -> None:
    x = Value(3.0, "x")
    y = x.detach() * x
    y.backward()
    assert (y.data, x.grad, y.args[0].op) == (9.0, 3.0, tinygrad_edu.stop_gradient)


def attempted(use: Callable[[], Any]) -> str:
    with pytest.raises((AttributeError, TypeError)) as error:
        use()
    return str(error.value)


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (lambda v: v.ln, "'ln': write v.log()"),
        (lambda v: v.square(), "'square': write v ** 2"),
        (lambda v: v.mean(), "write tinygrad_edu.mean(values)"),
        (lambda v: v.clamp(0, 1), "write v.clip(low, high)"),
        (lambda v: v.numpy(), "write v.data"),
        (lambda v: v.requires_grad_(), "every Value has a gradient"),
        (lambda v: Value(1.0, requires_grad=True), "every Value has a gradient"),
        (lambda v: Value(1.0, _children=(v,)), "write children="),
        (lambda v: Value(1.0, lable="x"), "'lable': did you mean label"),
        (lambda v: v.backward(retain_graph=True), "write root.backward() again"),
        (lambda v: v.backward(create_graph=True), "write gradient(root, wrt)"),
        (lambda v: v.backward(2.0), "write (factor * root).backward()"),
        (lambda v: tinygrad_edu.no_grad(), "nothing has to be switched off"),
        (lambda v: tinygrad_edu.optim.SGD([v], lr=0.1), "did you mean learning_rate?"),
        (lambda v: tinygrad_edu.optim.Adam([v], 0.1, eps=1e-8), "did you mean epsilon?"),
        (lambda v: "%.3f" % v, "v.data for the number"),  # noqa: UP031  # as many write
    ],
)
def test_what_other_libraries_have_is_answered_in_one_sentence(
    use: Callable[[Value], Any], says: str
) -> None:
    v = Value(2.0, "v")
    message = attempted(lambda: use(v))
    assert says in message
    assert "\n" not in message
    assert v.grad == 0.0


def test_names_of_other_libraries_are_no_attributes() -> None:
    """They are not listed, and a user may have attributes and operations of that name."""
    names = [name for kind, name in HINTS if kind == "attribute of Value"]
    v = Value(1.0)
    assert len(names) > 20
    for name in names:
        assert not hasattr(v, name)
        assert not hasattr(Value, name)
        assert name not in dir(v)
        setattr(v, name, 1)
        assert getattr(v, name) == 1
    assert {"data", "tanh", "backward"} <= {*dir(v)}


def test_an_operation_of_ones_own_may_have_a_name_of_another_library() -> None:
    program = """
from tinygrad_edu import Value, rule
square = rule("square", lambda x: x * x, lambda z, x: (2 * x,))
print(Value(3.0).square().data)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "9.0"


def test_what_is_assigned_and_constructed_is_the_same_on_both_engines() -> None:
    v = Value(1.0, ())
    assert (v.args, v.op, v.label) == ((), None, "")
    v.data = 3
    assert (v.data, type(v.data)) == (3.0, float)
    assert "not NoneType" in attempted(lambda: setattr(v, "grad", None))
    assert "op" in attempted(lambda: setattr(v, "op", None))
    out = Value(6.0, {v}, "double")  # the lecture gives a set or a tuple
    out._backward = lambda: setattr(v, "grad", v.grad + 2.0 * out.grad)
    out.backward()
    assert v.grad == 2.0


def test_names_of_neurons_and_layers_of_micrograd() -> None:
    from tinygrad_edu.nn import Layer, Neuron

    assert [Neuron(2, nonlin=flag).nonlin for flag in (True, False)] == [True, False]
    assert [neuron.nonlin for neuron in Layer(2, 2, nonlin=False).neurons] == [False, False]
