"""Lifting, against the engine: the same numbers and gradients, from few statements."""

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import DomainError, Value
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.engine.rules import dot, logsumexp, mean, rule, sum, tanh
from tinygrad_edu.nn import MLP
from tinygrad_edu.program.languages import NUMPY
from tinygrad_edu.program.lift import Lifted, view
from tinygrad_edu.program.lift_arrays import ArrayPool, reverse
from tinygrad_edu.program.lift_numpy import Text, compiled, expanded
from tinygrad_edu.program.statements import record

Network = Callable[[Sequence[Value]], list[Value]]


def lifted(inputs: Sequence[Value], outputs: Sequence[Value], batched: int = 0) -> Lifted:
    """Lift a graph; the last ``batched`` of the inputs are those of an example."""
    program = record(inputs, outputs)
    return Lifted(program, program.inputs[len(inputs) - batched :])


def expect_the_engine(
    inputs: Sequence[Value], root: Value, program: Lifted, tolerance: float = 1e-12
) -> None:
    """Compare value and gradient with the engine's, relative to the largest number."""
    for each in inputs:
        each.grad = 0.0
    root.backward()
    arrays = program.arrays([each.data for each in inputs])
    (value, *_) = program(*arrays)
    assert np.max(np.abs(value - root.data)) <= tolerance * max(1.0, abs(root.data))
    found = np.zeros(len(inputs))
    for place, part in zip(program.places, program.gradient(*arrays), strict=True):
        found[place] = part.reshape(place.shape)
    wanted = np.array([each.grad for each in inputs])
    assert np.max(np.abs(found - wanted)) <= tolerance * max(1.0, np.max(np.abs(wanted)))


def values(count: int, rng: random.Random, label: str = "") -> list[Value]:
    return [Value(rng.uniform(-1, 1), f"{label}{i + 1}" if label else "") for i in range(count)]


def chained(weights: Sequence[Value], bias: Value, inputs: Sequence[Value]) -> Value:
    """Write a neuron as micrograd does."""
    total = bias
    for w, x in zip(weights, inputs, strict=True):
        total = total + w * x
    return total


def looped(weights: Sequence[Value], bias: Value, inputs: Sequence[Value]) -> Value:
    """Write a neuron as a beginner does: from 0, the other factor first, the bias last."""
    total: Any = 0
    for w, x in zip(weights, inputs, strict=True):
        total += x * w
    return total + bias


def dotted(weights: Sequence[Value], bias: Value, inputs: Sequence[Value]) -> Value:
    return dot(weights, inputs) + bias


def network(
    sizes: Sequence[int], neuron: Callable[..., Value], rng: random.Random, activation: str = "tanh"
) -> tuple[list[Value], Network]:
    """Return the parameters of a network, and its function."""
    layers = [
        [(values(before, rng), Value(rng.uniform(-1, 1))) for _ in range(after)]
        for before, after in pairwise(sizes)
    ]

    def run(signals: Sequence[Value]) -> list[Value]:
        for layer in layers:
            signals = [getattr(neuron(w, b, signals), activation)() for w, b in layer]
        return list(signals)

    return [part for layer in layers for w, b in layer for part in [*w, b]], run


def squares(outputs: Sequence[Value], targets: Sequence[Value]) -> Value:
    return sum([(t - o) ** 2 for o, t in zip(outputs, targets, strict=True)])


@pytest.mark.parametrize("neuron", [dotted, chained, looped])
@pytest.mark.parametrize("sizes", [[2, 3, 2], [1, 2, 1], [3, 1], [4, 5, 1, 3, 2]])
@pytest.mark.parametrize("batched", [True, False])
def test_a_network_however_it_is_written(neuron: Any, sizes: list[int], batched: bool) -> None:
    rng = random.Random(str(sizes))
    parameters, run = network(sizes, neuron, rng)
    x, t = values(sizes[0], rng), values(sizes[-1], rng)
    root = squares(run(x), t)
    inputs = [*parameters, *x, *t]
    program = lifted(inputs, [root], len(x + t) if batched else 0)
    expect_the_engine(inputs, root, program)
    assert len(program.statements) <= 3 * (len(sizes) - 1) + 4


@pytest.mark.parametrize("neuron", [dotted, chained, looped])
def test_few_statements(neuron: Any) -> None:
    """MLP 784-50-10 in small: matmul, add, tanh, matmul, add, tanh, sub, power, sum, whatever was written."""
    rng = random.Random(1)
    parameters, run = network([30, 20, 10], neuron, rng)
    x, t = values(30, rng), values(10, rng)
    program = lifted([*parameters, *x, *t], [squares(run(x), t)], 40)
    names = [made.op.name for made in program.statements]  # type: ignore[union-attr]
    assert names == ["einsum", "add", "tanh", "einsum", "add", "tanh", "sub", "power", "sum"]
    assert sorted(leaf.shape for leaf in program.leaves) == [(10,), (10,), (10, 20), (20,), (20, 30), (30,)]


def test_neurons_in_any_order() -> None:
    """Where results stand is chosen so that the next statement reads a whole array."""
    rng = random.Random(8)
    w, b, x = [values(5, rng) for _ in range(6)], values(6, rng), values(5, rng)
    nets, outputs = {}, {}
    for k in rng.sample(range(6), 6):
        nets[k] = dot(w[k], x) + b[k]
    for k in rng.sample(range(6), 6):
        outputs[k] = nets[k].tanh()
    for k in rng.sample(range(6), 6):
        outputs[k] = outputs[k].exp()
    root = logsumexp([outputs[k] for k in range(6)])
    inputs = [*[each for row in w for each in row], *b, *x]
    program = lifted(inputs, [root])
    expect_the_engine(inputs, root, program)
    assert [made.op.name for made in program.statements].count("take") <= 1


@pytest.mark.parametrize("seed", range(60))
def test_what_is_read_of_an_array(seed: int) -> None:
    """Slices, transpositions, repetitions and gathers give the numbers at any positions."""
    rng = random.Random(seed)
    shape = tuple(rng.randint(1, 5) for _ in range(rng.randint(1, 3)))
    size = math.prod(shape)
    sizes = [rng.randint(1, 4) for _ in range(rng.randint(1, 3))]
    axes = np.indices(sizes)
    positions = rng.randrange(size) + np.sum(
        [rng.choice([0, 1, 1, *shape, size // shape[0]]) * a for a in axes], axis=0
    )
    if rng.random() < 0.3 or positions.max() >= size:
        positions = positions % size
    expect_to_read(shape, positions, seed)


@pytest.mark.parametrize("size", [5, 6, 7])
def test_rows_of_a_vector_that_fill_it_or_do_not(size: int) -> None:
    """A stride of 3 twice is more than the vector has, all of it, or a part."""
    expect_to_read((size,), np.array([[0, 1], [3, 4]]), size)


def expect_to_read(shape: tuple[int, ...], positions: Any, seed: int) -> None:
    """Compare what is read of an array, and the gradient, with NumPy's own indices and counts."""
    size = math.prod(shape)
    for batched in (False, True):
        source = ArrayPool().leaf("", shape, batched)
        read = view(source, positions)
        found = read.full(positions.shape, read.batched)
        (adjoint,) = reverse(found, 1.0, [source])
        run = compiled(["n", "a"], Text(expanded([found, adjoint], NUMPY.said), {source: "a"}), 2)
        numbers = np.random.default_rng(seed).normal(size=(3, *shape) if batched else shape)
        value, gradient = run(3, numbers)
        flat = numbers.reshape((3, -1) if batched else -1)
        assert (value == flat[..., positions]).all()
        counts = np.bincount(positions.ravel(), minlength=size).reshape(shape)
        assert (gradient == np.broadcast_to(counts, gradient.shape)).all()
        assert gradient.shape == numbers.shape


def test_the_examples_of_a_batch_recorded_one_by_one_become_matrices() -> None:
    """The step of micrograd's demo: all points in one graph, a penalty over all parameters."""
    rng = random.Random(2)
    parameters, run = network([2, 4, 4, 1], chained, rng)
    points = [values(2, rng) for _ in range(25)]
    losses = [(1 + -rng.choice([-1, 1]) * run(x)[0]).relu() for x in points]
    total: Any = 0
    for loss in losses:
        total += loss
    penalty: Any = 0
    for p in parameters:
        penalty += p * p
    root = total * (1.0 / len(losses)) + 1e-2 * penalty
    program = lifted(parameters, [root])
    expect_the_engine(parameters, root, program)
    assert len(program.statements) <= 30  # of 1,400


def test_weights_that_are_shared_and_connections_that_skip_layers() -> None:
    rng = random.Random(3)
    w, u, b = [values(3, rng) for _ in range(3)], [values(3, rng) for _ in range(3)], values(3, rng)
    x, t = values(3, rng), values(3, rng)
    state = x
    for _ in range(4):  # the same weights in each step, and the state is added again
        state = [
            (dot(row, state) + dot(column, x) + bias).tanh() + old
            for row, column, bias, old in zip(w, u, b, state, strict=True)
        ]
    tied = [dot([row[k] for row in w], state) for k in range(3)]  # the transposed matrix
    root = squares(tied, t)
    inputs = [*[each for row in w + u for each in row], *b, *x, *t]
    expect_the_engine(inputs, root, lifted(inputs, [root]))
    expect_the_engine(inputs, root, lifted(inputs, [root], 6))


def test_two_towers_whose_outputs_meet() -> None:
    rng = random.Random(4)
    (p, left), (q, right), (r, top) = (network(sizes, chained, rng) for sizes in ([2, 3], [2, 3], [8, 2]))
    x = values(4, rng)
    root = logsumexp(top([*left(x[:2]), *x[2:], *right(x[2:])]))  # skip connections between them
    inputs = [*p, *q, *r, *x]
    expect_the_engine(inputs, root, lifted(inputs, [root], 4))


def test_convolution_and_attention() -> None:
    rng = random.Random(5)
    x, kernels = values(12, rng), [values(3, rng) for _ in range(2)]
    maps = [[dot(kernel, x[k : k + 3]).relu() for k in range(10)] for kernel in kernels]
    queries, keys = maps[0][:6], maps[1][:6]
    scores = [[dot(queries[a : a + 2], keys[b : b + 2]) for b in (0, 2, 4)] for a in (0, 2, 4)]
    root = sum([logsumexp(row) for row in scores]) + mean(maps[0])
    inputs = [*x, *kernels[0], *kernels[1]]
    program = lifted(inputs, [root], 0)
    expect_the_engine(inputs, root, program)
    assert len(program.statements) < 30


def points_of(op: Op, count: int) -> list[list[float]]:
    """Return arguments at which an operation has a value and finite slopes."""
    rng = random.Random(op.name)
    found: list[list[float]] = []
    while len(found) < count:
        row = [
            rng.choice([1, 1, -1]) * rng.uniform(0.1, 2.5)
            for _ in range(3 * op.arity if op.over_lists else op.arity)
        ]
        try:
            if all(map(math.isfinite, op.compute(row)[1])):
                found.append(row)
        except DomainError:
            pass
    return found


PARAMETERS = {"lowered": (1,), "power": (3,), "clip": (-1.0, 1.0), "leaky_relu": (0.1,), "elu": (1.5,)}


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("name", [name for name, op in TABLE.items() if name not in ("sum", "dot")])
def test_every_operation(name: str, batched: bool) -> None:
    op = TABLE[name]
    op = op.of(*PARAMETERS[name]) if name in PARAMETERS else op
    rows = [[Value(x) for x in row] for row in points_of(op, 4)]
    weights = [Value(w) for w in (0.5, -1.5, 2.0, 1.0)]
    results = [Value._record(op, row) for row in rows]
    root = sum([w * result.tanh() for w, result in zip(weights, results, strict=True)])
    inputs = [*weights, *[each for row in rows for each in row]]
    program = lifted(inputs, [root], len(inputs) - 4 if batched else 0)
    expect_the_engine(inputs, root, program)
    assert len(program.statements) <= 3 + op.arity


def test_an_operation_of_ones_own() -> None:
    rng = random.Random(6)
    cube = rule("lift_cube", lambda x: x * x * x, lambda z, x: (3.0 * x * x,))
    try:
        floats = rule("lift_bell", lambda x: math.exp(-x * x), lambda z, x: (-2.0 * x * z,))
        x = values(5, rng)
        root = sum([floats(cube(each)) for each in x])
        program = lifted(x, [root])
        expect_the_engine(x, root, program)
        with pytest.raises(ValueError, match="give its value as an expression"):
            program.source()
    finally:
        del TABLE["lift_cube"]
        TABLE.pop("lift_bell", None)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed: int) -> None:
    """Layers of random width whose members read at random, in random order, from all that came before."""
    rng = random.Random(seed)
    ops = [TABLE[name] for name in ("add", "sub", "mul", "tanh", "sigmoid", "sin", "relu", "abs", "maximum")]
    lists = [TABLE[name] for name in ("sum", "mean", "dot", "logsumexp", "norm", "prod", "max")]
    x = values(rng.randint(3, 6), rng)
    every = [*x]
    for _ in range(rng.randint(2, 6)):
        layer = []
        for _ in range(rng.randint(1, 3)):
            op = rng.choice([*ops, *lists])
            near = every[-rng.randint(3, 12) :]
            for _ in range(rng.randint(1, 6)):
                count = op.arity * 3 if op.over_lists else op.arity
                args = [rng.choice([*near, *near, 0.5, -2.0]) for _ in range(count)]
                args[rng.randrange(count)] = rng.choice(near)
                layer.append(tanh(Value._record(op, args)) if rng.random() < 0.5 else Value._record(op, args))
        rng.shuffle(layer)
        every += layer
    root = sum([each.tanh() for each in every])
    batched = rng.randint(0, len(x))
    program = lifted(x, [root], batched)
    expect_the_engine(x, root, program)
    listing = str(program)
    assert listing.count(" = ") >= 1
    assert "Array" not in listing


def test_batches_and_rows() -> None:
    """Each row has its own result; shared inputs get the sum of the gradients of all rows."""
    rng = random.Random(7)
    parameters, run = network([3, 4, 2], dotted, rng)
    x = values(3, rng)
    program = lifted([*parameters, *x], [squares(run(x), [Value(0.5), Value(-0.5)])], 3)
    rows = [[rng.uniform(-1, 1) for _ in x] for _ in range(6)]
    start = [p.data for p in parameters]
    arrays = program.arrays([start + row for row in rows])
    (values_found,) = program(*arrays)
    wanted = np.zeros(len(parameters))
    for row, found in zip(rows, values_found, strict=True):
        root = squares(run([Value(number) for number in row]), [Value(0.5), Value(-0.5)])
        assert found == pytest.approx(root.data, rel=1e-13)
        for p in parameters:
            p.grad = 0.0
        root.backward()
        wanted += [p.grad for p in parameters]
    found = np.zeros(len(parameters) + 3)
    for leaf, place, part in zip(program.leaves, program.places, program.gradient(*arrays), strict=True):
        if not leaf.batched:
            found[place] = part
    assert found[:-3] == pytest.approx(wanted, rel=1e-12, abs=1e-14)


WORKED = """\
net_h = W_h @ i + b_h            # net_h1 = w1·i1 + w2·i2 + b1
                                 # net_h2 = w3·i1 + w4·i2 + b1
out_h = sigmoid(net_h)           # out_h1 = sigmoid(net_h1)
                                 # out_h2 = sigmoid(net_h2)
net_o = W_o @ out_h + b_o        # net_o1 = w5·out_h1 + w6·out_h2 + b2
                                 # net_o2 = w7·out_h1 + w8·out_h2 + b2
out_o = sigmoid(net_o)           # out_o1 = sigmoid(net_o1)
                                 # out_o2 = sigmoid(net_o2)
E_o = 0.5*(target_o - out_o)**2  # E_o1 = 0.5·(target_o1 − out_o1)²
                                 # E_o2 = 0.5·(target_o2 − out_o2)²
E_total = np.sum(E_o)            # E_total = E_o1 + E_o2"""


def worked_example() -> tuple[list[Value], Value]:
    model = MLP(2, [2, 2], ["sigmoid", "sigmoid"], bias="shared", seed=1)
    inputs = [Value(0.05, "i1"), Value(0.1, "i2")]
    targets = [Value(0.01, "target_o1"), Value(0.99, "target_o2")]
    errors = []
    for place, (output, target) in enumerate(zip(model(inputs), targets, strict=True), 1):
        errors.append(0.5 * (target - output) ** 2)
        errors[-1].label = f"E_o{place}"
    total = sum(errors)
    total.label = "E_total"
    return [*model.parameters(), *inputs, *targets], total


def test_the_worked_example_becomes_the_formulas_of_the_textbook() -> None:
    inputs, total = worked_example()
    assert str(lifted(inputs, [total])) == WORKED


def test_the_source_runs() -> None:
    inputs, total = worked_example()
    program = lifted(inputs, [total])
    scope: dict[str, Any] = {}
    exec(program.source(), scope)
    (result,) = scope["lifted"](*program.arrays([each.data for each in inputs]))
    assert result == pytest.approx(total.data, rel=1e-15)
    assert "net_h = W_h @ i + b_h\n" in program.source()


def test_the_source_has_the_positions_of_a_gather() -> None:
    x, w = values(6, random.Random(2), "x"), values(6, random.Random(3), "w")
    y = [each.tanh() for each in x]
    root = dot(y, w) + dot([y[i] for i in (3, 0, 4, 1, 5, 2)], w)
    program = lifted([*x, *w], [root])
    assert "np.array([[0, 1, 2, 3, 4, 5], [3, 0, 4, 1, 5, 2]])" in program.source()
    scope: dict[str, Any] = {}
    exec(program.source(), scope)
    (result,) = scope["lifted"](*program.arrays([each.data for each in [*x, *w]]))
    assert result == pytest.approx(root.data, rel=1e-15)


def test_a_notebook_shows_the_listing_as_code() -> None:
    inputs, total = worked_example()
    program = lifted(inputs, [total])
    shown = program._repr_mimebundle_()
    assert shown == {"text/plain": WORKED, "text/markdown": f"```python\n{WORKED}\n```"}
    assert repr(program) == "<Lifted: 10 array statements>"  # six for the layers, then −, **, *, sum


def test_labels_are_data() -> None:
    hostile = ['"; import os #', "lambda", "np", "x\nimport os", "__import__('os')", "α1", "v1"]
    x = [Value(0.5, label) for label in hostile]
    y = [each.tanh() for each in x]
    for each, label in zip(y, hostile, strict=True):
        each.label = label
    program = lifted(x, [sum(y)])
    expect_the_engine(x, sum(y), program)
    for text in (program.source(), str(program)):
        assert "import os\n" not in text.replace("import math\nimport numpy as np\n", "")
    for name in program.names.values():
        assert name.isidentifier()
        assert name.isascii()


def test_a_wrong_number_of_arrays() -> None:
    x = values(2, random.Random(1), "x")
    with pytest.raises(TypeError, match="takes 1 arrays, x, not 0"):
        lifted(x, [dot(x, x)])()


def test_numbers_and_inputs_as_outputs() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    program = record([a, b], [a * b, a, Value(7.0), b])
    found = Lifted(program, groups=[1, 3])
    first, others = found(*found.arrays([2.0, 3.0]))
    assert first == 6.0
    assert others.tolist() == [2.0, 7.0, 3.0]


def test_a_long_chain_and_a_wide_sum() -> None:
    """Nothing recurses, and the time grows with the graph."""
    x, y = Value(0.5, "x"), Value(0.25, "y")
    total = x
    for _ in range(700):
        total = (total * y + x).tanh()
    expect_the_engine([x, y], total, lifted([x, y], [total]))
    many = [Value(1.0 / (k + 1)) for k in range(5_000)]
    wide: Any = 0
    for each in many:
        wide += each * each
    program = lifted(many, [wide])
    expect_the_engine(many, wide, program)
    assert len(program.statements) == 1
