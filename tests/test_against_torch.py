"""Losses, optimisers, schedules and whole networks against PyTorch, step for step, to 1e-12."""

import random

import pytest

from tinygrad_edu import Value, optim
from tinygrad_edu.losses import LOSSES
from tinygrad_edu.nn import MLP, Neuron

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here: pip install torch")


def tensor(numbers):
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


F = torch.nn.functional
LOGITS = [0.3, -1.7, 2.5, 900.0, -900.0]


@pytest.mark.parametrize(
    ("name", "theirs", "targets"),
    [
        (
            "half_squared_error",
            lambda s, t: 0.5 * F.mse_loss(s, t, reduction="sum"),
            [1.0, 0.0, 2.0, 3.0, 4.0],
        ),
        ("mean_squared_error", F.mse_loss, [1.0, 0.0, 2.0, 3.0, 4.0]),
        ("hinge", lambda s, t: torch.relu(1 - s * t).mean(), [1.0, -1.0, -1.0, 1.0, 1.0]),
        ("binary_cross_entropy", F.binary_cross_entropy_with_logits, [1.0, 0.0, 0.25, 0.0, 1.0]),
        ("categorical_cross_entropy", lambda s, t: F.cross_entropy(s, t.long()), 2),
    ],
)
def test_losses(name, theirs, targets):
    values, logits = [Value(x) for x in LOGITS], tensor(LOGITS)
    own = LOSSES[name](values, targets)
    other = theirs(logits, torch.tensor(targets, dtype=torch.float64))
    own.backward()
    other.backward()
    assert own.data == pytest.approx(other.item(), rel=1e-12)
    assert [value.grad for value in values] == pytest.approx(logits.grad.tolist(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("relu", F.relu),
        ("leaky_relu", F.leaky_relu),
        ("relu6", F.relu6),
        ("hardtanh", F.hardtanh),
        ("elu", F.elu),
        ("selu", F.selu),
        ("gelu", F.gelu),
        ("silu", F.silu),
        ("mish", F.mish),
        ("softplus", F.softplus),
        ("softsign", F.softsign),
        ("sigmoid", torch.sigmoid),
        ("tanh", torch.tanh),
    ],
)
def test_activations(name, theirs):
    numbers = [-9.0, -2.5, -1e-3, 0.0, 1e-3, 0.7, 5.0, 6.5]
    neuron, weights = Neuron(1, name, bias=None), tensor(numbers)
    outputs = theirs(weights)
    outputs.sum().backward()
    for number, output, slope in zip(numbers, outputs.tolist(), weights.grad.tolist(), strict=True):
        neuron.w[0].data = number
        neuron.zero_grad()
        out = neuron([1.0])
        out.backward()
        assert out.data == pytest.approx(output, rel=1e-12, abs=1e-15)
        if number:  # at kinks, PyTorch's slopes differ from one function to the next
            assert neuron.w[0].grad == pytest.approx(slope, rel=1e-11, abs=1e-16)


OPTIMISERS = [
    (optim.SGD, torch.optim.SGD, {}, {}),
    (optim.SGD, torch.optim.SGD, {"weight_decay": 0.1}, {"weight_decay": 0.1}),
    (optim.SGD, torch.optim.SGD, {"momentum": 0.9}, {"momentum": 0.9}),
    (optim.SGD, torch.optim.SGD, *[{"momentum": 0.8, "nesterov": True, "weight_decay": 0.05}] * 2),
    (optim.RMSProp, torch.optim.RMSprop, {}, {}),
    (optim.RMSProp, torch.optim.RMSprop, {"decay": 0.9, "epsilon": 1e-3, "weight_decay": 0.1},
     {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    (optim.Adam, torch.optim.Adam, {}, {}),
    (optim.Adam, torch.optim.Adam, {"betas": (0.85, 0.99), "weight_decay": 0.1, "epsilon": 1e-4},
     {"betas": (0.85, 0.99), "weight_decay": 0.1, "eps": 1e-4}),
    (optim.AdamW, torch.optim.AdamW, {}, {}),
    (optim.AdamW, torch.optim.AdamW, {"weight_decay": 0.3}, {"weight_decay": 0.3}),
]  # fmt: skip


@pytest.mark.parametrize(("own", "theirs", "options", "their_options"), OPTIMISERS)
def test_optimisers(own, theirs, options, their_options):
    rng = random.Random(0)
    start = [rng.uniform(-1, 1) for _ in range(5)]
    values, weights = [Value(x) for x in start], tensor(start)
    optimizer, other = own(values, 0.05, **options), theirs([weights], 0.05, **their_options)
    for _ in range(100):
        gradients = [rng.gauss(0, 1) for _ in start]
        for value, gradient in zip(values, gradients, strict=True):
            value.grad = gradient
        weights.grad = torch.tensor(gradients, dtype=torch.float64)
        optimizer.step()
        other.step()
        assert [value.data for value in values] == pytest.approx(weights.tolist(), rel=1e-12, abs=1e-12)


def test_default_options_are_the_same():
    for own, theirs in (
        (optim.RMSProp, torch.optim.RMSprop),
        (optim.Adam, torch.optim.Adam),
        (optim.AdamW, torch.optim.AdamW),
    ):
        defaults = theirs([tensor([1.0])]).defaults
        made = own([Value(1.0)])
        assert (made.learning_rate, made.epsilon) == (defaults["lr"], defaults["eps"])
        assert made.weight_decay == defaults["weight_decay"]


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        (optim.step_decay(7, 0.5), lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.5)),
        (optim.exponential_decay(0.9), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9)),
        (optim.linear_decay(20, 0.1), lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.1, 20)),
        (optim.cosine_decay(30), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 30)),
    ],
)
def test_schedules(schedule, theirs):
    value, weight = Value(1.0), tensor([1.0])
    optimizer, other = optim.SGD([value], 0.5, schedule=schedule), torch.optim.SGD([weight], 0.5)
    scheduler = theirs(other)
    for _ in range(30):
        assert optimizer.step_size == pytest.approx(other.param_groups[0]["lr"], rel=1e-12, abs=1e-15)
        value.grad, weight.grad = 0.3, torch.tensor([0.3], dtype=torch.float64)
        optimizer.step()
        other.step()
        scheduler.step()


def test_a_whole_training():
    model = MLP(3, [5, 4, 2], "tanh", seed=1)
    layers = []
    for layer in model.layers:
        linear = torch.nn.Linear(len(layer.neurons[0].w), len(layer.neurons), dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(tensor([[w.data for w in n.w] for n in layer.neurons]))
            linear.bias.copy_(tensor([n.b.data for n in layer.neurons]))
        layers += [linear, torch.nn.Tanh()]
    peer = torch.nn.Sequential(*layers[:-1])
    optimizer = optim.Adam(model.parameters(), 0.01)
    other = torch.optim.Adam(peer.parameters(), 0.01)
    rng = random.Random(2)
    rows = [[rng.uniform(-1, 1) for _ in range(3)] for _ in range(8)]
    targets = [i % 2 for i in range(8)]
    for _ in range(20):
        outputs = [model(row) for row in rows]
        loss = (
            sum(LOSSES["categorical_cross_entropy"](*pair) for pair in zip(outputs, targets, strict=True)) / 8
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        theirs = F.cross_entropy(peer(torch.tensor(rows, dtype=torch.float64)), torch.tensor(targets))
        other.zero_grad()
        theirs.backward()
        other.step()
        assert loss.data == pytest.approx(theirs.item(), rel=1e-12)
