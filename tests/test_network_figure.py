"""The textbook's figure of a network: what stands in it and where, whatever the numbers and the labels."""

import math
import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from tinygrad_edu import Value, draw, worked_example
from tinygrad_edu.losses import half_squared_error
from tinygrad_edu.nn import MLP, Module
from tinygrad_edu.see.draw.geometry import short, shown, widest_number
from tinygrad_edu.see.draw.widths import width
from tinygrad_edu.see.network import NoNetworkError, read_network

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")]


def groups(drawing) -> dict[str, ElementTree.Element]:
    """The nodes and lines of a figure, by their ids without the scope."""
    root = ElementTree.fromstring(drawing.svg)
    found = {group.get("id"): group for group in root.iter(f"{SVG}g") if group.get("class") != "graph"}
    return {name.partition("-")[2]: group for name, group in found.items()}


def places(drawing) -> dict[str, tuple[str, ...]]:
    """Where every unit stands and how large it is, and where the label of every weight stands."""
    found = {}
    for line in drawing.source.splitlines():
        if re.search(r"\bid=", line) and "pos=" in line:
            name, position = re.search(r'id="?([^ "]+)', line)[1], re.search(r'pos="([^"]*)"', line)[1]
            sizes = re.search(r"height=(\S+)", line)[1], re.search(r"width=([\d.]+)", line)[1]
            found[name] = (position, *sizes) if re.fullmatch(r"[ub]\d+(_\d+)*", name) else (position,)
    return found


def loss_of(model, inputs, targets) -> Value:
    outputs = model(inputs)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    loss = sum((out - target) ** 2 for out, target in zip(outputs, targets, strict=True))
    loss.label = "loss"
    return loss


def named(model) -> dict[str, Value]:
    return {parameter.label: parameter for parameter in model.parameters()}


# --- What is read off a graph ---


def test_the_worked_example_is_read_with_all_its_parts(example):
    network = read_network(example["E_total"])
    assert [[unit.name for unit in column] for column in network.columns] == [
        ["i1", "i2"], ["h1", "h2"], ["o1", "o2"], ["E_o1", "E_o2"], ["E_total"],
    ]  # fmt: skip
    assert [[title for title, _ in column[0].cells] for column in network.columns] == [
        [""], ["net", "out"], ["net", "out"], ["target", "error"], [""],
    ]  # fmt: skip
    lines = [(line.source.name, line.target.name, line.weight.label) for line in network.lines if line.weight]
    assert lines == [
        ("i1", "h1", "w1"), ("i2", "h1", "w2"), ("i1", "h2", "w3"), ("i2", "h2", "w4"),
        ("h1", "o1", "w5"), ("h2", "o1", "w6"), ("h1", "o2", "w7"), ("h2", "o2", "w8"),
    ]  # fmt: skip
    assert {column: bias.name for column, bias in network.shared.items()} == {1: "b1", 2: "b2"}


@pytest.mark.parametrize("bias", ["neuron", "shared", None])
@pytest.mark.parametrize("sizes", [[1], [4, 2], [3, 5, 2]])
def test_an_mlp_is_read_whatever_its_size_and_its_bias(sizes, bias):
    model = MLP(3, sizes, bias=bias, activation="tanh", seed=1)
    inputs = [Value(1.0), 2.0, Value(0.5) * 2]  # Values of one's own as well
    network = read_network(loss_of(model, inputs, [0.0] * sizes[-1]))
    assert [len(column) for column in network.columns] == [3, *sizes, 1]
    drawn = [line.weight for line in network.lines if line.weight]
    drawn += [value for unit in network.units for title, value in unit.cells if title.startswith("b")]
    drawn += [unit.gives for unit in network.shared.values()]
    assert {*drawn} == {*model.parameters()}
    assert len(drawn) == len({*drawn})


def test_of_several_samples_the_errors_are_those_of_the_one_that_is_chosen():
    model, targets = MLP(2, [2], activation="tanh", seed=1), [0.5, -0.5]
    outputs = [model(inputs) for inputs in ([1.0, 2.0], [-1.0, 0.5])]
    root = sum(half_squared_error(output, targets) for output in outputs)
    for sample, output in enumerate(outputs, 1):
        units = read_network(root, sample).columns[-2]
        errors = [0.5 * (target - out.data) ** 2 for target, out in zip(targets, output, strict=True)]
        assert [unit.gives.data for unit in units] == pytest.approx(errors)


def test_of_one_error_alone_the_figure_ends_with_it(example):
    columns = read_network(example["E_o1"]).columns
    assert [[unit.name for unit in column] for column in columns] == [
        ["i1", "i2"], ["h1", "h2"], ["o1"], ["E_o1"],
    ]  # fmt: skip


def through(change) -> Value:
    """Return an output of a network in which ``change`` stands before the last layer."""
    model = MLP(2, [2, 1], activation="tanh", seed=1)
    return model.layers[1](change(model.layers[0]([Value(1.0), Value(2.0)])))


def test_a_mask_between_two_layers_is_seen_through():
    network = read_network(
        through(lambda outs: [out * keep for out, keep in zip(outs, (2.0, 0.0), strict=True)])
    )
    assert [[unit.name for unit in column] for column in network.columns] == [
        ["i1", "i2"],
        ["h1", "h2"],
        ["o1"],
    ]
    lines = [(line.source.name, line.target.name) for line in network.lines if line.target.name == "o1"]
    assert lines == [("h1", "o1"), ("h2", "o1")]


def with_weights_of_ones_own() -> Value:
    model = MLP(2, [1], seed=1)
    model.layers[0].neurons[0].w = [Value(1.0), Value(2.0)]
    return model([1.0, 2.0])


def without_the_layer_between() -> Value:
    model = MLP(2, [2, 2, 1], seed=1)
    return model.layers[2](model.layers[0]([1.0, 2.0]))


def with_inputs_of_their_own() -> Value:
    first, second = MLP(1, [2], seed=1).layers[0].neurons
    return first([1.0]) + second([2.0])


class Twice(Module):
    def __init__(self) -> None:
        self.first, self.second = MLP(2, [2], seed=1), MLP(2, [2], seed=2)

    def __call__(self, x):
        return self.second(self.first(x))


@pytest.mark.parametrize(
    ("root", "reason"),
    [
        (lambda: Value(1.0, "x") * 2, "holds no network"),
        (lambda: Twice()([1.0, 2.0])[0], "every sample|more than one"),
        (lambda: sum(MLP(2, [1], seed=k)([1.0, 2.0]) for k in (1, 2)), "more than one network"),
        (lambda: worked_example()["net_o1"], "ends inside a neuron"),
        (lambda: through(lambda outs: [outs[0] + outs[1]] * 2), "not multiplied by the output of one neuron"),
        (
            lambda: through(lambda outs: [Value(1.0), Value(2.0)]),
            "not multiplied by the output of one neuron",
        ),
        (with_weights_of_ones_own, "A neuron of layer 1 has no weights"),
        (without_the_layer_between, "Neuron 1 of layer 2 is fed from another layer"),
        (with_inputs_of_their_own, "The neurons of layer 1 have different inputs"),
    ],
)
def test_what_is_no_network_of_layers_is_said(root, reason):
    with pytest.raises(NoNetworkError, match=reason):
        read_network(root())


# --- What is drawn ---


@pytest.mark.parametrize("wrt", ["w5", "w1", "b2", None])
def test_golden(example, golden, wrt):
    golden(f"network_{wrt or 'plain'}.dot", draw(example["E_total"], wrt and example[wrt]).source)


def test_golden_svg(example, golden):
    golden("network_w1.svg", draw(example["E_total"], example["w1"]).svg)


def test_the_derivation_of_w5_has_the_published_factors(example, reference):
    partials = reference["partial derivatives"]
    factors = [float(partials[key]) for key in ("E_total/out_o1", "out_o1/net_o1", "net_o1/w5")]
    product = " × ".join(f"{factor:.6g}" for factor in factors)
    below = texts(draw(example["E_total"], example["w5"]))[-3:]
    assert below == [
        "∂E_total/∂w₅ = ∂E_total/∂out_o₁ × ∂out_o₁/∂net_o₁ × ∂net_o₁/∂w₅",
        "= −(target_o₁ − out_o₁) × out_o₁·(1 − out_o₁) × out_h₁",
        f"= {product} = {math.prod(factors):.6g}",
    ]


def test_the_last_number_of_every_derivation_is_the_gradient():
    model = MLP(3, [4, 2], activation=["tanh", "sigmoid"], seed=3)
    loss = loss_of(model, [1.0, -0.5, 2.0], [1, 0])
    loss.backward()
    for parameter in model.parameters():
        below = texts(draw(loss, parameter))[-3:]
        assert float(below[2].rpartition("= ")[2].replace("−", "-")) == pytest.approx(
            parameter.grad, rel=1e-5
        )
        factors = [
            eval(part.replace("−", "-")) for part in below[2].split(" = ")[0].lstrip("= ").split(" × ")
        ]
        assert math.prod(factors) == pytest.approx(parameter.grad, rel=1e-4)


def test_a_loss_of_which_only_the_numbers_are_known_stays_a_symbol_in_the_derivation():
    model = MLP(2, [2, 1], activation="tanh", seed=1)
    out = model([1.0, 2.0])
    loss = Value(out.data**2, (out,), "square", label="loss")

    def backward():
        out.grad += 2 * out.data * loss.grad

    loss._backward = backward
    loss.backward()
    weight = named(model)["w5"]
    assert texts(draw(loss, weight))[-3:] == [
        "∂loss/∂w₅ = ∂loss/∂out_o₁ × ∂out_o₁/∂w₅",
        "= ∂loss/∂out_o₁ × out_h₁",
        f"= {2 * out.data:.6g} × {weight.grad / (2 * out.data):.6g} = {weight.grad:.6g}",
    ]


@pytest.mark.parametrize("name", ["b1", "i1", "net_h1", "out_h1", "out_o2", "target_o1", "E_o1", "E_total"])
def test_every_value_of_the_figure_can_be_asked_about(example, name):
    drawing = draw(example["E_total"], example[name])
    assert "layout=neato" in drawing.source
    expected = example[name].grad
    assert float(texts(drawing)[-1].rpartition("= ")[2].replace("−", "-")) == pytest.approx(
        expected, rel=1e-5
    )


def test_each_marked_line_is_drawn_once_and_points_back(example):
    drawing = draw(example["E_total"], example["w1"])
    flow = [line for line in drawing.source.splitlines() if "->" in line and "class=flow" in line]
    ends = sorted(re.match(r'\s*"?([\w-]+)"?(?::e)? -> "?([\w-]+)"?(?::w)? ', line).groups() for line in flow)
    assert ends == [
        ("u0_0-u1_0_label", "u1_0"), ("u1_0", "u2_0"), ("u1_0", "u2_1"),
        ("u2_0", "u3_0"), ("u2_1", "u3_1"), ("u3_0", "u4_0"), ("u3_1", "u4_0"),
    ]  # fmt: skip
    assert all("dir=back" in line for line in flow)


def test_a_line_is_as_wide_as_its_weight_and_dashed_if_that_is_negative(example):
    example["w5"].data, example["w6"].data = -1.5, 0.75
    example["E_total"].forward()
    found = groups(draw(example["E_total"]))
    w5, w6 = (found[name].find(f"{SVG}path") for name in ("u1_0-u2_0", "u1_1-u2_0"))
    assert w5.get("stroke-dasharray")
    assert not w6.get("stroke-dasharray")
    assert float(w5.get("stroke-width")) == 2 * float(w6.get("stroke-width"))
    assert len({w5.get("stroke"), w6.get("stroke")}) == 1


def test_colour_is_of_the_backward_pass_alone(example):
    assert "flow" not in draw(example["E_total"]).source
    assert '"#D55E00"' in draw(example["E_total"], example["w5"]).source


def test_titles_and_alternative_text_say_what_is_shown(example):
    drawing = draw(example["E_total"], example["w5"])
    assert drawing.alt == (
        "A network: 2 inputs, 2 neurons, 2 neurons; E_total = 0.298371. "
        "The backward pass is marked to ∂E_total/∂w5 = 0.082167."
    )
    assert f'aria-label="{drawing.alt}"' in drawing.svg
    found = groups(drawing)
    assert found["u1_0"].find(f"{SVG}title").text == "net_h1 = 0.3775; out_h1 = 0.59327"
    assert found["u1_0-u2_0_sender"].find(f"{SVG}title").text == "w5 = 0.4"
    assert "xlink:title" not in drawing.svg


# --- Samples ---


def test_a_sample_is_chosen_and_its_part_of_the_gradient_shown():
    model = MLP(2, [3, 1], activation="tanh", seed=1)
    samples = [([1.0, 2.0], 1.0), ([-1.0, 0.5], 0.0), ([0.3, 0.1], 0.5)]
    loss = sum((model(x) - y) ** 2 for x, y in samples) / 3
    loss.label = "loss"
    loss.backward()
    w1 = named(model)["w1"]
    parts = 0.0
    for k, (x, _) in enumerate(samples, 1):
        shown = texts(draw(loss, w1, sample=k))
        assert shown[-1] == f"Sample {k} of 3. The gradient of a weight or bias is a sum over all of them."
        assert shown[-4].startswith(f"∂loss/∂w₁ for sample {k} = ")
        parts += float(shown[-2].rpartition("= ")[2].replace("−", "-"))
        assert [short(number) for number in x] == [text for text in shown if text in map(short, x)][:2]
        assert f"= {short(w1.grad)}" in " ".join(shown)
    assert parts == pytest.approx(w1.grad, rel=1e-5)
    for wrong in (0, 4, -1, 1.5):
        with pytest.raises(ValueError, match=f"sample={wrong}: the network was called on 3"):
            draw(loss, sample=wrong)


# --- What is drawn instead ---


def test_a_graph_without_a_network_falls_back_and_says_so():
    y = (Value(2.0, "x") * 3).tanh()
    y.label = "y"
    assert "The graph holds no network: drawn at detail='named'" in texts(draw(y, detail="network"))
    assert draw(y).source == draw(y, detail="ops").source
    with pytest.raises(ValueError, match="holds no network"):
        draw(y, sample=2)


def test_a_value_that_the_figure_does_not_show_is_shown_elsewhere(example):
    inner = example["net_h1"].args[0]
    inner.label = "inner"
    assert "The figure of the network does not show inner: drawn at detail='named'" in texts(
        draw(example["E_total"], inner, detail="network")
    )
    assert "∂E_total/∂inner" in " ".join(texts(draw(example["E_total"], inner)))


@pytest.mark.parametrize("sizes", [(4, [8, 8, 2]), (2, [8, 8, 1]), (3, [4, 2])])
def test_readable_networks_are_drawn(sizes):
    model = MLP(*sizes, activation="tanh", seed=1)
    loss = loss_of(model, [0.5] * sizes[0], [0] * sizes[1][-1])
    assert "layout=neato" in draw(loss).source


def test_beyond_that_a_network_is_drawn_by_layers():
    model = MLP(4, [12, 12, 2], activation="tanh", seed=1)
    shown = texts(draw(loss_of(model, [0.5] * 4, [0, 0])))
    assert "The figure of the network is too large to read: drawn at detail='layer'" in shown
    assert "out_h₁: 12 Values" in shown


def test_stale_numbers_and_strangers_are_said_below(example):
    example["w5"].data = 0.9
    shown = texts(draw(example["E_total"], Value(1.0, "stranger")))
    assert "E_total does not depend on stranger." in shown
    assert any("call forward() on the root" in text for text in shown)


# --- Geometry ---


@pytest.mark.parametrize("wrt", ["w1", "w5", "b1", None])
def test_two_sets_of_numbers_have_the_same_geometry(wrt):
    pictures = []
    for factor in (1.0, -123.456, 1e-5):
        example = worked_example()
        for name in example:
            if not example[name].args:
                example[name].data *= factor
        example["E_total"].forward()
        pictures.append(places(draw(example["E_total"], wrt and example[wrt])))
    first, *others = pictures
    assert len(first) > 20
    for other in others:
        assert other == first


def test_pictures_of_two_derivatives_can_be_laid_over_each_other(example):
    plain = places(draw(example["E_total"]))
    for name in ("w1", "w8", "b2", "i1", "out_h1"):
        marked = places(draw(example["E_total"], example[name]))
        assert {key: marked[key] for key in plain} == plain


@pytest.mark.parametrize("sizes", [(3, [4, 2]), (2, [8, 8, 1]), (5, [3, 3]), (8, [2]), (1, [1])])
@pytest.mark.parametrize("bias", ["neuron", "shared"])
def test_labels_of_a_layer_form_one_column_in_the_order_of_the_weights(sizes, bias):
    model = MLP(*sizes, activation="tanh", bias=bias, seed=1)
    drawing = draw(loss_of(model, [0.5] * sizes[0], [0] * sizes[1][-1]))
    network = read_network(loss_of(model, [0.5] * sizes[0], [0] * sizes[1][-1]))
    where = places(drawing)
    for column in range(1, network.depth + 1):
        senders, neurons = len(network.columns[column - 1]), len(network.columns[column])
        names = [f"u{column - 1}_{s}-u{column}_{n}_label" for n in range(neurons) for s in range(senders)]
        if senders * neurons > 16:
            assert not any(name in where for name in names)
            continue
        points = [tuple(map(float, where[name][0].rstrip("!").split(","))) for name in names]
        assert len({x for x, _ in points}) == 1
        heights = [-y for _, y in points]
        assert all(below - above >= 15.6 for above, below in pairwise(heights))


def test_numbers_are_short_and_right():
    rng = random.Random(1)
    for _ in range(5000):
        x = rng.choice((-1, 1)) * 10 ** rng.uniform(-320, 308)
        text = short(x)
        assert len(text) <= len(widest_number(4))
        assert float(text.replace("−", "-")) == pytest.approx(
            x, rel=0.5 if abs(x) < 1e-99 or abs(x) >= 1e100 else 0.05
        )
        assert width(text, 13) <= width(widest_number(4), 13) + 1
    assert [short(x) for x in (0.0, -0.0, math.inf, -math.inf, math.nan)] == ["0", "0", "∞", "−∞", "nan"]


def test_widths_are_those_of_the_font_that_png_is_drawn_in():
    arimo = pytest.importorskip("fontpkg_arimo")
    ttf = pytest.importorskip("fontTools.ttLib")
    with ttf.TTFont(f"{arimo.ROOT}/files/Arimo[wght].ttf") as font:
        glyphs, advances, em = font.getBestCmap(), font["hmtx"].metrics, font["head"].unitsPerEm
        for code, glyph in glyphs.items():
            sign, advance = chr(code), advances[glyph][0] / em
            assert width(sign, 1) >= advance - 1e-6 or not sign.isprintable(), sign
            if sign in "AZaz09wm.−×∂₀₉ÄéßΩλЩщ":
                assert width(sign, 1) <= advance + 1 / 36 + 1e-9, sign


# --- Labels ---

HOSTILE = [
    'a"b', "back\\slash", "\\N", "\\G \\E \\L", "|{}<>", "</svg><script>alert(1)</script>", "&lt;b&gt;",
    "&amp;", "a]]>b", "--><b>", '" URL="javascript:alert(1)', "漢字", "]; a -> b [", "%s {0} $x",
    "<b>bold</b>", "a\nb", "a\tb", "\x00", "\x1b[31m", "\ud800", "x" * 10_000, "ΩΨΦΞ", "щщщщщщщщ", "😀",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "شبکهٔ عصبی", "é", "e\u0301",
    "\u202eabc", "layout=neato", 'class="node"', "id=u0_0", "u0_0", "nw", "below0", ":e", "a:w", "_",
    "net", "out", "target", " ", "graph [layout=dot]", "${x}", "{{7*7}}", "0", "−1", "w5",
    "http://example.org/?a=1&b=2",
]  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE, ids=ascii)
def test_labels_are_data(example, label):
    for name in ("w5", "i1", "b1", "out_o1", "net_h1", "E_total", "E_o1", "target_o1"):
        example[name].label = label
    drawing = draw(example["E_total"], example["w5"])
    root = ElementTree.fromstring(drawing.svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "g", "style", "title", "text", "path", "polygon", "polyline", "ellipse",
    }  # fmt: skip
    plain = draw(worked_example()["E_total"], worked_example()["w5"])
    assert len(list(root.iter(f"{SVG}g"))) == len(groups(drawing)) + 1
    if (
        label.isascii()
        and label.isprintable()
        and len(label) < 18
        and label.strip()
        and not re.search(r"[A-Za-z]\d", label)
    ):
        assert any(text.replace("\xa0", " ").startswith(label) for text in texts(drawing)), texts(drawing)
    assert plain.svg != drawing.svg


def test_the_same_bytes_under_every_hash_seed():
    program = (
        "from tinygrad_edu import *; e = worked_example();"
        "print(draw(e['E_total'], [e['w1'], e['w8'], e['b2']], legend=True).svg)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_long_names_are_shortened():
    assert shown("the.weight[0, 1] of the first") == "the.weight[0, 1] …"
    assert shown("a\nb") == "a b"
