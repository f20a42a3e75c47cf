"""Networks: what they compute, how their parameters are named, saved and loaded."""

import copy
import json
import math
import pickle
import random

import pytest

from tinygrad_edu import Value, topological_order
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.engine.op import TABLE, Op, declare
from tinygrad_edu.engine.value import attach
from tinygrad_edu.nn import INITIALISERS, MLP, Layer, Module, Neuron, activations, load_mlp
from tinygrad_edu.see.place import Place

numpy = pytest.importorskip("numpy", reason="the oracle multiplies matrices with numpy")


def forward_and_backward(model, x, activation, slope):
    """Return output and gradients of an MLP of one output, by matrices and textbook backpropagation."""
    signal, signals, nets = numpy.array(x), [], []
    weights = [numpy.array([[w.data for w in n.w] for n in layer.neurons]) for layer in model.layers]
    biases = [numpy.array([n.b.data for n in layer.neurons]) for layer in model.layers]
    for depth, (w, b) in enumerate(zip(weights, biases, strict=True)):
        signals.append(signal)
        nets.append(w @ signal + b)
        signal = nets[-1] if depth == len(weights) - 1 else activation(nets[-1])
    delta, gradients = numpy.ones(1), []
    for depth in reversed(range(len(weights))):
        if depth < len(weights) - 1:
            delta = delta * slope(nets[depth])
        gradients.insert(0, numpy.column_stack([numpy.outer(delta, signals[depth]), delta]))
        delta = weights[depth].T @ delta
    return signal[0], [g for layer in gradients for row in layer for g in row]


@pytest.mark.parametrize(
    ("name", "activation", "slope"),
    [
        ("relu", lambda x: numpy.maximum(x, 0), lambda x: (x > 0) * 1.0),
        ("tanh", numpy.tanh, lambda x: 1 / numpy.cosh(x) ** 2),
        ("sigmoid", lambda x: 1 / (1 + numpy.exp(-x)), lambda x: numpy.exp(-x) / (1 + numpy.exp(-x)) ** 2),
    ],
)
def test_a_network_equals_matrices(name, activation, slope):
    model = MLP(3, [5, 4, 1], name, seed=3)
    rng = random.Random(0)
    for parameter in model.parameters():
        parameter.data += rng.uniform(-0.1, 0.1)  # biases too
    x = [0.5, -1.0, 2.0]
    out = model(x)
    out.backward()
    expected, gradients = forward_and_backward(model, x, activation, slope)
    assert out.data == pytest.approx(expected, rel=1e-14)
    # the oracle lists each neuron's weights, then its bias: the order of parameters()
    assert [p.grad for p in model.parameters()] == pytest.approx(gradients, rel=1e-12, abs=1e-15)


def test_it_behaves_as_micrograd_does():
    theirs = pytest.importorskip(
        "micrograd.nn", reason="the peer to compare with: pip install micrograd==0.1.0"
    )
    random.seed(5)
    peer = theirs.MLP(2, [4, 3, 1])
    random.seed(5)
    own = MLP(2, [4, 3, 1])
    assert [p.data for p in own.parameters()] == [p.data for p in peer.parameters()]
    for x in ([0.3, -0.8], [-2.0, 1.0]):
        mine, other = own(x), peer(x)
        mine.backward()
        other.backward()
        assert mine.data == pytest.approx(other.data, rel=1e-14)
    expected = [p.grad for p in peer.parameters()]
    assert [p.grad for p in own.parameters()] == pytest.approx(expected, rel=1e-12)


def test_one_output_is_a_value_and_several_are_a_list():
    assert isinstance(MLP(2, [3, 1])([1, 2]), Value)
    assert isinstance(Layer(2, 1)([1, 2]), Value)
    assert [type(out) for out in MLP(2, [3, 2])([1, 2])] == [Value, Value]
    assert isinstance(MLP(2, [1, 1, 1])([1, 2]), Value)  # a layer of one in between


def test_a_weighted_sum_is_one_node():
    neuron = Neuron(50, "linear", bias=None, seed=1)
    out = neuron([Value(1.0)] * 50)
    assert out.op.name == "dot"
    assert len(out.args) == 100


def test_every_one_argument_operation_is_an_activation():
    named = {"linear", "relu", "elu", "tanh", "sigmoid", "softplus", "gelu", "sin", "step", "abs"}
    assert named <= activations().keys()
    assert not {"add", "maximum", "dot", "sum", "power", "clip", "mean"} & activations().keys()
    for name in activations().keys() - {"linear"}:
        neuron = Neuron(1, name, bias=None)
        x = 1.5 if name == "acosh" else 0.5
        neuron.w[0].data = 1.0
        assert neuron([x]).data == getattr(Value(x), name)().data


def test_an_operation_of_ones_own_is_an_activation(monkeypatch):
    with pytest.raises(UnknownNameError, match="no activation 'cube_of_mine'"):
        Neuron(1, "cube_of_mine")
    attach(declare(Op("cube_of_mine", lambda x: x * x * x, lambda z, x: (3.0 * x * x,))))
    try:
        neuron = Neuron(1, "cube_of_mine", bias=None)
        neuron.w[0].data = 2.0
        out = neuron([1.0])
        out.backward()
        assert (out.data, neuron.w[0].grad) == (8.0, 12.0)
    finally:
        del TABLE["cube_of_mine"], Value.cube_of_mine


def test_micrograds_nonlin():
    for linear in (Neuron(2, nonlin=False), Neuron(2, False), Layer(2, 1, nonlin=False).neurons[0]):
        assert (linear.activation, linear.nonlin) == ("linear", False)
        assert linear([1.0, 1.0]).data == linear.w[0].data + linear.w[1].data
    for relu in (Neuron(2), Neuron(2, True), Neuron(2, nonlin=True), Layer(2, 1).neurons[0]):
        assert (relu.activation, relu.nonlin) == ("relu", True)
    assert Neuron(2, "tanh", nonlin=True).activation == "tanh"


def moments(name, nin, nout):
    rng = random.Random(0)
    drawn = [INITIALISERS[name](rng, nin, nout) for _ in range(20_000)]
    mean = sum(drawn) / len(drawn)
    return mean, math.sqrt(sum((x - mean) ** 2 for x in drawn) / len(drawn)), max(drawn)


def test_initialisers_have_the_published_spread():
    mean, deviation, largest = moments("uniform", 10, 30)
    assert (mean, deviation) == pytest.approx((0, 1 / math.sqrt(3)), abs=0.02)
    assert largest < 1
    _, deviation, largest = moments("xavier", 10, 30)
    assert deviation == pytest.approx(
        math.sqrt(2 / 40), rel=0.03
    )  # Glorot and Bengio: variance 2/(nin + nout)
    assert largest < math.sqrt(6 / 40)
    _, deviation, largest = moments("he", 10, 30)
    assert deviation == pytest.approx(math.sqrt(2 / 10), rel=0.03)  # He et al.: variance 2/nin
    assert largest > 3 * deviation  # normal, not uniform
    for name, other in (("glorot", "xavier"), ("kaiming", "he")):
        assert moments(name, 7, 3) == moments(other, 7, 3)


def test_the_layers_size_reaches_the_initialiser():
    wide = Layer(2, 5000, init="xavier", seed=0)
    limit = math.sqrt(6 / 5002)
    largest = max(abs(w.data) for n in wide.neurons for w in n.w)
    assert 0.99 * limit < largest < limit


def test_a_seed_fixes_the_weights_and_leaves_random_alone():
    random.seed(1)
    before = random.getstate()
    assert MLP(2, [3, 1], seed=7).state_dict() == MLP(2, [3, 1], seed=7).state_dict()
    assert MLP(2, [3, 1], seed=7).state_dict() != MLP(2, [3, 1], seed=8).state_dict()
    assert random.getstate() == before
    weights = [w.data for n in MLP(2, [3, 1], seed=7).layers[0].neurons for w in n.w]
    assert len(set(weights)) == 6


def test_labels_are_those_of_the_worked_example():
    model = MLP(2, [2, 2], ["sigmoid", "sigmoid"], bias="shared", seed=0)
    weights = [p.label for p in model.parameters() if p.label.startswith("w")]
    assert weights == ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"]
    assert [n.w[0].label for n in model.layers[1].neurons] == ["w5", "w7"]
    assert {n.b.label for n in model.layers[0].neurons} == {"b1"}
    assert {n.b.label for n in model.layers[1].neurons} == {"b2"}
    out = model([0.05, 0.10])[0]
    nodes = [value for value in topological_order(out) if value.label]
    assert {node.label for node in nodes} == {"i1", "i2", "w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2"} | {
        "net_h1", "net_h2", "out_h1", "out_h2", "net_o1", "out_o1"
    }  # fmt: skip
    net_o1 = next(node for node in nodes if node.label == "net_o1")
    below = topological_order(net_o1, is_leaf=lambda value: bool(value.label))
    assert {value.label for value in below if value.label} == {
        "w5", "w6", "b2", "out_h1", "out_h2", "net_o1"
    }  # fmt: skip


def places(root):
    return {value.label: value.group for value in topological_order(root) if value.group}


def test_a_network_says_of_each_value_where_it_belongs():
    model = MLP(2, [2, 2], ["sigmoid", "sigmoid"], bias="shared", seed=0)
    assert places(model([0.05, 0.10])[1]) == {
        "i1": Place("input", 0, 1),
        "i2": Place("input", 0, 2),
        "w1": Place("weight", 1, 1, 1),
        "w2": Place("weight", 1, 1, 2),
        "w3": Place("weight", 1, 2, 1),
        "w4": Place("weight", 1, 2, 2),
        "b1": Place("bias", 1, 0),
        "net_h1": Place("net", 1, 1),
        "net_h2": Place("net", 1, 2),
        "out_h1": Place("out", 1, 1),
        "out_h2": Place("out", 1, 2),
        "w7": Place("weight", 2, 2, 1),
        "w8": Place("weight", 2, 2, 2),
        "b2": Place("bias", 2, 0),
        "net_o2": Place("net", 2, 2),
        "out_o2": Place("out", 2, 2),
    }
    deep = places(MLP(1, [1, 2, 1], seed=0)([1.0]))
    assert [deep[name] for name in ("b3", "w3", "net_h2n2", "out_o1")] == [
        Place("bias", 2, 2), Place("weight", 2, 2, 1), Place("net", 2, 2), Place("out", 3, 1)
    ]  # fmt: skip


def test_a_layer_and_a_neuron_by_themselves_are_the_first():
    layer, neuron = Layer(1, 2, "tanh"), Neuron(1)
    assert layer([1.0])[1].group == Place("out", 1, 2)
    assert [p.group for p in layer.parameters()] == [
        Place("weight", 1, 1, 1), Place("bias", 1, 1), Place("weight", 1, 2, 1), Place("bias", 1, 2)
    ]  # fmt: skip
    assert neuron([1.0]).group == Place("out", 1, 1)
    assert [p.label for p in layer.parameters()] == ["w1", "b1", "w2", "b2"]


def test_labels_of_several_hidden_layers_differ():
    out = MLP(1, [2, 2, 1], seed=0)([1.0])
    names = [value.label for value in topological_order(out) if value.label]
    assert len(names) == len(set(names))
    assert "out_h2n1" in names


def test_biases():
    count = {bias: len(MLP(3, [4, 2], bias=bias).parameters()) for bias in ("neuron", "shared", None)}
    assert count == {"neuron": 20 + 6, "shared": 20 + 2, None: 20}
    shared = Layer(2, 3, "linear", bias="shared")
    shared.b.data = 0.5
    assert [out.data for out in shared([0, 0])] == [0.5, 0.5, 0.5]
    sum(shared([1, 1])).backward()
    assert shared.b.grad == 3.0
    assert [out.data for out in Layer(2, 2, bias=None)([0, 0])] == [0.0, 0.0]


def test_inputs_may_be_any_numbers():
    model = MLP(2, [3, 1], seed=1)
    expected = model([1.0, 2.0]).data
    row = numpy.array([1, 2], dtype=numpy.int32)
    for x in ([1, 2], (1, 2), row, [Value(1), Value(2)], [True, numpy.float32(2)]):
        assert model(x).data == expected
    x = Value(1.0)
    model([x, 2.0]).backward()
    assert x.grad != 0


def test_repr_is_the_call_and_summary_counts():
    calls = [
        "MLP(2, [16, 16, 1])",
        "MLP(2, [2, 2], activation=['sigmoid', 'sigmoid'], bias='shared')",
        "MLP(3, [4, 1], activation='tanh', bias=None)",
        "MLP(3, [1])",
        "MLP(3, [1], activation=['tanh'])",
        "Layer(2, 16, 'relu')",
        "Layer(2, 3, 'tanh', bias='shared')",
        "Neuron(2, 'tanh')",
    ]
    for call in calls:
        assert repr(eval(call)) == call
    lines = MLP(2, [16, 16, 1]).summary().splitlines()
    assert [line.split()[-1] for line in lines] == ["parameters", "48", "272", "17", "337"]


class Custom(Module):
    def __init__(self):
        self.table = {"a": Value(1.0), "_b": Value(2.0)}
        self.pair = (Value(3.0), [Value(4.0)])
        self.part = Neuron(1, seed=0)
        self.again = self.table["a"]
        self._hidden = Value(9.0)
        self.note = "text"


def test_a_module_finds_its_parameters():
    names = ["table.a", "table._b", "pair.0", "pair.1.0", "part.w.0", "part.b"]
    assert list(Custom().named_parameters()) == names
    module = Custom()
    for parameter in module.parameters():
        parameter.grad = 3.0
    module.zero_grad()
    assert {parameter.grad for parameter in module.parameters()} == {0.0}
    with pytest.raises(NotImplementedError, match="Custom needs a method __call__"):
        module([1])


def test_a_module_may_keep_results_and_refer_to_its_parent():
    class Part(Module):
        def __init__(self, parent):
            self.parent, self.w = parent, Value(2.0)

        def __call__(self, x):
            self.last = self.w * x
            return self.last

    class Whole(Module):
        def __init__(self):
            self.part = Part(self)
            self.all = [self.part, self]

    whole = Whole()
    whole.part(3.0)
    assert list(whole.named_parameters()) == ["part.w"]
    assert list(whole.part.named_parameters()) == ["w"]


def test_zero_grad_uses_parameters_of_a_micrograd_style_module():
    class Line(Module):
        def __init__(self):
            self.slope, self.fixed = Value(2.0), Value(1.0)

        def parameters(self):
            return [self.slope]

    line = Line()
    line.slope.grad = line.fixed.grad = 5.0
    line.zero_grad()
    assert (line.slope.grad, line.fixed.grad) == (0.0, 5.0)


def test_saving_and_loading_is_exact(tmp_path):
    model, other = MLP(3, [4, 2], "tanh", seed=1), MLP(3, [4, 2], "tanh", seed=2)
    path = tmp_path / "model.json"
    model.save(path)
    other.load(path)
    assert other.state_dict() == model.state_dict()
    assert json.loads(path.read_text())["model"] == {
        "kind": "MLP", "inputs": 3, "layers": [4, 2], "activation": ["tanh", "linear"], "bias": "neuron"
    }  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]


def test_a_file_of_another_model_is_refused(tmp_path):
    path, network = tmp_path / "model.json", tmp_path / "network.json"
    MLP(2, [3, 1], "tanh").save(path)
    MLP(1, [1]).save(network)
    model = MLP(2, [3, 1], "relu")
    before = model.state_dict()
    with pytest.raises(
        ValueError,
        match=r"is of another model than MLP\(2, \[3, 1\]\): "
        r"it has activation \['tanh', 'linear'\] in place of \['relu', 'linear'\]$",
    ):
        model.load(path)
    assert model.state_dict() == before
    Custom().save(path)  # has no structure of its own
    assert json.loads(path.read_text())["model"] == {"kind": "Custom"}
    Custom().load(path)
    with pytest.raises(
        ValueError, match="it has kind 'Custom' in place of 'MLP', inputs None in place of 2, "
    ):
        model.load(path)
    with pytest.raises(ValueError, match=r"is of another model than Custom\(\): it has kind 'MLP'"):
        Custom().load(network)
    Layer(2, 1, bias="shared").save(path)
    with pytest.raises(ValueError, match=r"it has bias 'shared' in place of 'neuron'$"):
        Layer(2, 1).load(path)
    Neuron(2, bias=None).save(path)
    with pytest.raises(ValueError, match=r"it has bias None in place of 'neuron'$"):
        Neuron(2).load(path)


def test_a_repr_is_no_storage_format(tmp_path):
    class Renamed(MLP):
        def __repr__(self):
            return "my network"

    MLP(2, [3, 1], seed=1).save(tmp_path / "model.json")
    twin = load_mlp(tmp_path / "model.json")
    Renamed(2, [3, 1]).load(tmp_path / "model.json")
    assert twin.structure() == MLP(2, [3, 1]).structure()


def test_copies_and_pickles_are_independent():
    model = MLP(2, [3, 1], bias="shared", seed=1)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.state_dict() == model.state_dict()
        assert twin([0.5, 1.0]).data == model([0.5, 1.0]).data
        twin.layers[0].b.data = 7.0
        assert model.layers[0].b.data == 0.0
        assert twin.layers[0].neurons[2].b.data == 7.0


def test_a_model_that_cannot_be_saved_leaves_the_old_file(tmp_path):
    model, path = MLP(1, [1], seed=1), tmp_path / "model.json"
    model.save(path)
    before = path.read_bytes()
    model.parameters()[0].data = math.nan
    with pytest.raises(ValueError, match=r"model\.json is not written: a number in it is infinite or NaN"):
        model.save(path)
    assert path.read_bytes() == before
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*no to write model\.json into"):
        MLP(1, [1]).save(tmp_path / "no" / "model.json")
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]


NEURON = "layers.0.neurons.0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({f"{NEURON}.b": None}, f"not a finite number: {NEURON}.b"),
        ({f"{NEURON}.b": math.inf}, f"not a finite number: {NEURON}.b"),
        ({f"{NEURON}.b": "1.5"}, f"not a finite number: {NEURON}.b"),
        ({f"{NEURON}.b": 10**400}, f"not a finite number: {NEURON}.b"),
        ({0: 1.0}, "unknown: 0"),
        ({"extra": 1.0}, "unknown: extra"),
        ({f"{NEURON}.b": ...}, f"missing: {NEURON}.b"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    model = MLP(2, [1], seed=1)
    before = model.state_dict()
    state = dict.fromkeys(before, 5.0) | change
    state = {name: number for name, number in state.items() if number is not ...}
    with pytest.raises(ValueError, match="does not fit MLP") as caught:
        model.load_state_dict(state)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert model.state_dict() == before


def test_a_long_list_of_differences_is_cut_short():
    with pytest.raises(ValueError, match="and 332 more") as caught:
        MLP(2, [16, 16, 1]).load_state_dict({})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("content", ["", "{", "[1]", "3", '{"a": 1}', "[" * 100_000, "\ud800"])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    model = MLP(2, [1], seed=1)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"model\.json"):
        model.load(path)
    assert model.state_dict() == before


def test_states_of_the_wrong_kind(tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"model": MLP(2, [1]).structure(), "state": [1, 2]}))
    with pytest.raises(ValueError, match="the state is a dictionary of numbers by name, not list"):
        MLP(2, [1]).load(path)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MLP(2, [16, 1])([1.0]), ValueError, r"MLP\(2, \[16, 1\]\) takes 2 inputs, not 1"),
        (lambda: Layer(1, 4, "relu")([1, 2]), ValueError, r"takes 1 input, not 2"),
        (lambda: Neuron(3)([]), ValueError, r"Neuron\(3, 'relu'\) takes 3 inputs, not 0"),
        (lambda: MLP(2, [3, 1], "rellu"), UnknownNameError, "no activation 'rellu': did you mean relu"),
        (lambda: MLP(2, [1], "sigmod"), UnknownNameError, "no activation 'sigmod': did you mean sigmoid"),
        (lambda: Neuron(2, "sigmod", nonlin=False), UnknownNameError, "no activation 'sigmod'"),
        (lambda: MLP(2, [3], "softmax"), UnknownNameError, "the loss categorical_cross_entropy contains it"),
        (lambda: MLP(2, [3, 1], "ReLU"), UnknownNameError, "no activation 'ReLU': did you mean relu"),
        (lambda: MLP(2, [3, 1], None), TypeError, "by its name, such as 'relu', .*, not as NoneType$"),
        (lambda: MLP(2, [3, 1], math.tanh), TypeError, "by its name, .*, not as builtin_function"),
        (lambda: Layer(2, 3, ["relu"]), TypeError, "by its name, .*, not as list$"),
        (lambda: Neuron(2, Value.tanh), TypeError, r"by its name, .*, not as \w+$"),
        (lambda: MLP(1, [1])(0.5), TypeError, r"MLP\(1, \[1\]\) takes a list of 1 input, not a float$"),
        (lambda: Neuron(2, init="xaver"), UnknownNameError, "no initialiser 'xaver': did you mean xavier"),
        (lambda: Layer(2, 2, bias="share"), ValueError, "bias is 'neuron', None, or 'shared' .* not 'share'"),
        (lambda: Neuron(2, bias="shared"), ValueError, "'shared' by a whole layer, not 'shared' here"),
        (lambda: MLP(2, []), ValueError, "nouts lists the size of each layer"),
        (lambda: MLP(2, 16), ValueError, "nouts lists the size of each layer"),
        (lambda: MLP(2, [0, 1]), ValueError, "number of neurons is a whole number of at least 1, not 0"),
        (lambda: MLP(0, [1]), ValueError, "number of inputs is a whole number of at least 1, not 0"),
        (lambda: MLP(2, [2.5]), ValueError, "number of neurons is a whole number of at least 1, not 2.5"),
        (lambda: MLP(2, [3, 1], ["relu"]), ValueError, "one name for each layer: 2, not 1"),
        (lambda: MLP(1, [1])(["a"]), TypeError, "a Value holds one real number"),
        (lambda: MLP(10, [10**9]), ValueError, "of 10,000,000,000 weights is too large: .* 10,000,000"),
        (lambda: MLP(1, [10**4] * 3), ValueError, "of 200,010,000 weights is too large"),
        (lambda: Layer(10**5, 10**5), ValueError, "of 10,000,000,000 weights is too large"),
        (lambda: Neuron(10**18), ValueError, "weights is too large"),
        (lambda: MLP(2, "ab"), ValueError, "nouts lists the size of each layer"),
    ],
)  # fmt: skip
def test_mistakes_get_one_clear_line(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_data_matrix_in_place_of_a_row_is_explained():
    with pytest.raises(TypeError, match="make one Value per number"):
        MLP(2, [1])([[1, 2], [3, 4]])


def test_a_saved_network_can_be_read_back(tmp_path):
    path = tmp_path / "model.json"
    model = MLP(2, [3, 2], ["tanh", "sigmoid"], bias="shared", seed=1)
    model.save(path)
    twin = load_mlp(path)
    assert repr(twin) == repr(model)
    assert [out.data for out in twin([0.5, -1.0])] == [out.data for out in model([0.5, -1.0])]


GOOD = {"kind": "MLP", "inputs": 2, "layers": [1], "activation": ["relu"], "bias": None}
STATE = {"layers.0.neurons.0.w.0": 0.5, "layers.0.neurons.0.w.1": 0.25}


@pytest.mark.parametrize(
    ("model", "state", "message"),
    [
        ("__import__('os').getcwd()", {}, 'holds no MLP, but "__import__'),
        ("MLP(2, [1])", STATE, "holds no MLP, but 'MLP"),
        ({"kind": "Layer"}, STATE, "holds no MLP, but 'Layer'"),
        ({"kind": "MLP"}, STATE, "does not describe an MLP: 'inputs' is missing"),
        (GOOD, [0.5], "holds no MLP"),
        (GOOD, {}, "it has fewer numbers than the network has weights"),
        (GOOD | {"layers": [10**9]}, STATE, "of 2,000,000,000 weights is too large"),
        (GOOD | {"layers": [10**6]}, STATE, "it has fewer numbers than the network has weights"),
        (GOOD | {"layers": [1] * 10**6}, STATE, "it has fewer numbers"),
        (GOOD | {"layers": {"a": 1}}, STATE, "nouts lists the size of each layer"),
        (GOOD | {"layers": "11"}, STATE, "nouts lists the size of each layer"),
        (GOOD | {"layers": [1.5]}, STATE, "the number of neurons is a whole number of at least 1, not 1.5"),
        (GOOD | {"inputs": "2"}, STATE, "the number of inputs is a whole number of at least 1, not '2'"),
        (GOOD | {"activation": ["no"]}, STATE, "there is no activation 'no'"),
        (GOOD | {"activation": 3}, STATE, "activation is not a list of names"),
        (GOOD | {"bias": "own"}, STATE, "bias is 'neuron', None, or 'shared'"),
        (GOOD, {"w": 1.0, "v": 2.0}, "the state does not fit MLP"),
    ],
)
def test_a_file_that_holds_no_network_is_refused_and_not_run(tmp_path, model, state, message):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"model": GOOD, "state": STATE}))
    assert load_mlp(path).state_dict() == STATE
    path.write_text(json.dumps({"model": model, "state": state}))
    with pytest.raises(ValueError, match=message) as caught:
        load_mlp(path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MLP(2, [3, 1], bias=Value(1.0)), ValueError, "only a Neuron takes a Value"),
        (lambda: Layer(2, 3, bias=Value(1.0)), ValueError, "only a Neuron takes a Value"),
        (lambda: MLP(1, range(1, 10**9)), ValueError, "a network of 999,999,999 layers is too large"),
        (lambda: MLP(2, [1], seed=math.nan), TypeError, "seed is a whole number, a generator, .* not nan"),
        (lambda: MLP(2, [1], seed=[1]), TypeError, r"seed is a whole number, a generator, .* not \[1\]"),
        (lambda: MLP(2, [1], seed="1"), TypeError, "seed is a whole number, a generator, .* not '1'"),
    ],
)
def test_more_arguments_that_would_go_wrong_later(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("names", [True, [False, True], ["relu", 1], "relu", None, {"relu": 1, "linear": 2}])
def test_a_file_gives_the_name_of_every_activation(tmp_path, names):
    saved = MLP(2, [3, 1]).saved()
    saved["model"]["activation"] = names
    (tmp_path / "m.json").write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="does not describe an MLP: activation is not a list of names"):
        load_mlp(tmp_path / "m.json")


class Described(Module):
    """A Module that says how it was built."""

    def __init__(self, how):
        self.how, self.w = how, Value(1.0)

    def structure(self):
        return {"kind": "Described", "how": self.how}


def test_a_structure_of_tuples_is_the_same_when_it_is_read(tmp_path):
    Described((1, 2)).save(tmp_path / "m.json")
    model = Described((1, 2))
    model.w.data = 5.0
    model.load(tmp_path / "m.json")
    assert model.w.data == 1.0
    with pytest.raises(ValueError, match=r"how \[1, 2\] in place of \[1, 3\]"):
        Described((1, 3)).load(tmp_path / "m.json")


def test_a_structure_that_is_no_plain_data_is_not_written(tmp_path):
    with pytest.raises(TypeError, match=r"m\.json is not written: Object of type object .*: give plain data"):
        Described(object()).save(tmp_path / "m.json")
    assert list(tmp_path.iterdir()) == []


def test_no_parameter_hides_another_of_the_same_path():
    model = Described(None)
    model.table = {1: Value(0.0), "1": Value(1.0)}
    with pytest.raises(ValueError, match=r"two parameters of Described\(\) have the path 'table.1': rename"):
        model.parameters()
