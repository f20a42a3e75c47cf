"""Animations: the steps compute what ``backward()`` computes, and the picture shows what the steps say."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import fontpkg_arimo
import numpy as np
import pytest
from PIL import Image, ImageFont

from tinygrad_edu import DomainError, StaleError, Value, animate, dot, draw, worked_example
from tinygrad_edu.engine.rules import where
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.draw import theme
from tinygrad_edu.see.graph import Node, fold

SVG = "{http://www.w3.org/2000/svg}"


def replayed(steps) -> dict[Node, np.ndarray]:
    """The gradients that the printed additions give, from nothing but the two factors of each."""
    gradients: dict[Node, np.ndarray] = {}
    for step in steps:
        if step.phase == "backward":
            row = gradients[step.node] if step.edge else np.ones(1)
            product = row @ np.array(step.edge.jacobian if step.edge else [[1.0]])
            before = gradients.get(step.receiver, np.zeros(len(product)))
            assert list(step.before) == pytest.approx(list(before), rel=1e-12, abs=1e-300)
            gradients[step.receiver] = before + product
            assert list(step.after) == pytest.approx(list(gradients[step.receiver]), rel=1e-12)
    return gradients


def gradients_of(steps) -> dict[Value, float]:
    """The same for Values alone."""
    return {value: float(row[0]) for value, row in replayed(steps).items()}


def visible_texts(svg: str) -> list[str]:
    """What a program without CSS shows."""
    shown = []

    def walk(element, visible):
        visible = {"hidden": False, "visible": True}.get(element.get("visibility"), visible)
        if element.tag == f"{SVG}text" and visible:
            shown.append(element.text)
        for child in element:
            walk(child, visible)

    walk(ElementTree.fromstring(svg), True)
    return shown


@pytest.mark.parametrize("detail", ["ops", "named", "neuron"])
def test_replaying_the_steps_is_backward(detail):
    example = worked_example()
    gradients = gradients_of(animate(example["E_total"], detail=detail).steps)
    assert all(value.grad == 0 for value in example.values())  # the animation leaves the graph as it is
    example["E_total"].backward()
    visible = [value for value in fold(example["E_total"], detail).nodes if not value.is_constant]
    assert set(visible) == set(gradients)
    for value in visible:
        assert gradients[value] == pytest.approx(value.grad, rel=1e-14)
        if detail == "ops":
            assert gradients[value] == value.grad  # the same additions in the same order


@pytest.mark.parametrize("wrt", [None, "w1"])
def test_replaying_the_steps_from_layer_to_layer_is_backward(wrt):
    model = MLP(2, [16, 16, 1], activation="tanh", seed=1)
    root = (model([0.5, -1.0]) - 1.0) ** 2
    root.label = "E"
    source = model.parameters()[0] if wrt else None
    gradients = replayed(animate(root, source, detail="layer").steps)
    root.backward()
    reached = {
        value: grad
        for node, row in gradients.items()
        for value, grad in zip(getattr(node, "values", [node]), row, strict=True)
    }
    assert reached[root] == 1.0
    if wrt:
        assert reached[source] == pytest.approx(source.grad, rel=1e-12)
    else:
        assert {value.label for value in reached} > {"out_h1n3", "out_h2n16", "i1"}
        for value, grad in reached.items():
            assert grad == pytest.approx(value.grad, rel=1e-12, abs=1e-15)


def test_a_crowded_picture_is_refused_and_its_steps_are_there():
    model = MLP(2, [16, 16, 1], activation="tanh", seed=1)
    animation = animate(model([0.5, -1.0]), model.parameters()[0], detail="neuron")
    with pytest.raises(
        ValueError, match="36 nodes and 305 edges are too many to read: give wrt or a coarser"
    ):
        animation.svg
    assert len(animation.steps) > 30
    assert animation._repr_mimebundle_() == {"text/plain": repr(animation)}


@pytest.mark.parametrize("name", ["w5", "w1", "b1", "i2", "target_o2", "out_h1", "E_total"])
def test_the_steps_towards_one_value_give_its_gradient(example, name):
    steps = animate(example["E_total"], wrt=example[name]).steps
    gradients = gradients_of(steps)
    assert gradients[example[name]] == pytest.approx(example[name].grad, rel=1e-14)
    for value, gradient in gradients.items():
        assert gradient == pytest.approx(value.grad, rel=1e-14)  # complete, all those on the paths too
    assert len(steps) <= len(animate(example["E_total"]).steps)


def test_w5_takes_three_products(example):
    backward = [s for s in animate(example["E_total"], wrt=example["w5"]).steps if s.phase == "backward"]
    assert [str(step) for step in backward] == [
        "E_total.grad = 1",
        "out_o1.grad += 1 × 0.741365, so it is 0 + 0.741365 = 0.741365",
        "net_o1.grad += 0.741365 × 0.186816, so it is 0 + 0.138499 = 0.138499",
        "w5.grad += 0.138499 × 0.59327, so it is 0 + 0.082167 = 0.082167",
    ]


def test_a_sum_of_two_is_shown_as_it_grows(example):
    steps = animate(example["E_total"]).steps
    sums = [str(step) for step in steps if step.receiver is example["out_h1"]]
    assert sums == [
        "out_h1.grad += −0.0380982 × 0.5, so it is 0 + (−0.0190491) = −0.0190491",
        "out_h1.grad += 0.138499 × 0.4, so it is −0.0190491 + 0.0553994 = 0.0363503",
    ]


def test_forward_steps_compute_every_value_after_its_arguments(example):
    known = {value for value in example.values() if not value.args}
    for step in animate(example["E_total"]).steps:
        if step.phase == "forward":
            assert step.receiver is None
            used = {edge.source for edge in fold(example["E_total"]).edges if edge.target is step.node}
            assert used <= known
            known.add(step.node)
    assert example["E_total"] in known


def test_a_step_in_a_list_reads_well():
    assert repr(animate(Value(3.0, "x")).steps) == "[<Step: x.grad = 1>]"


def test_each_use_of_a_value_is_an_addition():
    x = Value(3.0, "x")
    y = x * x
    assert [str(step) for step in animate(y, detail="ops").steps] == [
        "v1 = x·x = 3·3 = 9",
        "v1.grad = 1",
        "x.grad += 1 × 3, so it is 0 + 3 = 3",
        "x.grad += 1 × 3, so it is 3 + 3 = 6",
    ]


def test_a_step_between_layers_names_the_size_of_its_matrix(example):
    steps = [str(step) for step in animate(example["E_total"], example["w1"], detail="layer").steps]
    outs, grads = ([getattr(example[f"out_h{i}"], what) for i in (1, 2)] for what in ("data", "grad"))
    assert steps[0] == f"out_h = {min(outs):.6g} … {max(outs):.6g}"
    ends = f"{min(grads):.6g} … {max(grads):.6g}"
    assert steps[-2] == f"out_h.grad += out_o.grad × (2 × 2 matrix), so it is {ends}"
    assert steps[-1] == f"w1.grad += out_h.grad × (2 × 1 matrix), so it is {example['w1'].grad:.6g}"


@pytest.mark.parametrize(("count", "sides"), [(3, 4), (8, 3), (20, 2)])
def test_of_a_long_step_the_numbers_are_left_out_and_then_the_formula(count, sides):
    xs = [Value(1.5 + k, f"x{k}") for k in range(count)]
    y = dot(xs, [0.123] * count)
    y.label = "y"
    said = str(animate(y).steps[0]).split(" = ")
    assert [said[0], said[-1]] == ["y", f"{0.123 * sum(x.data for x in xs):.6g}"]
    assert len(said) == sides


@pytest.mark.parametrize("wrt", [None, "w5", "b1"])
def test_without_css_the_last_state_is_shown(example, wrt):
    wrt = wrt and example[wrt]
    animation = animate(example["E_total"], wrt=wrt)
    shown = visible_texts(animation.svg)
    assert shown == visible_texts(animation.frame(len(animation.steps)))
    still = visible_texts(draw(example["E_total"], wrt=wrt, detail="named").svg)
    assert shown[0] == "Done"
    if wrt is None:
        assert sorted(shown[2:]) == sorted(still)
    else:  # the gradients beside the paths are not computed
        assert sorted(t for t in shown[2:] if t != "grad –") == sorted(
            t for t in still if not t.startswith("grad") or t in shown
        )


def test_every_frame_shows_its_step_and_no_gradient_too_early(example):
    animation = animate(example["E_total"])
    for k, step in enumerate(animation.steps):
        title, equation, *rest = visible_texts(animation.frame(k))
        phase = step.phase.capitalize()
        assert title.startswith(f"{phase}, step {k + 1} of {len(animation.steps)}: ")
        plain = equation.translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
        assert plain == str(step)
        known = {s.receiver for s in animation.steps[: k + 1]} - {None}
        gradients = [text for text in rest if text.startswith("grad ")]
        assert len(gradients) == len(animation.graph.nodes)
        assert gradients.count("grad –") == len(gradients) - len(known)
        lit = re.findall(rf'stroke="{theme.ACTIVE}"', animation.frame(k))
        assert lit  # the node that is processed


def intervals(svg: str) -> dict[str, tuple[float, float]]:
    """For every mark the part of the round, in percent, during which CSS shows it."""
    found = {}
    for name, body in re.findall(r"@keyframes \S+-(t\d+-\d+) \{ (.*) \}\n", svg):
        states = re.findall(r"([\d.]+)% \{ visibility: (\w+) \}", body)
        visible = [float(at) for at, state in states if state == "visible"]
        hidden = [float(at) for at, state in states if state == "hidden" and float(at) > visible[0]]
        found[name] = (visible[0], hidden[0] if hidden else 100.0)
    return found


def test_css_shows_every_step_equally_long_and_the_last_picture_longer(example):
    animation = animate(example["E_total"], wrt=example["w5"], seconds=0.5)
    svg = animation.svg
    found = intervals(svg)
    assert set(found) == set(re.findall(r'class="[^"]*\b(t\d+-\d+)"', svg))
    steps = len(animation.steps)
    captions = sorted(found[mark] for mark in re.findall(r'class="plain (t\d+-\d+)"', svg))
    assert captions[0][0] == 0
    assert captions[-1][1] == 100
    assert all(a[1] == pytest.approx(b[0]) for a, b in pairwise(captions))
    (period,) = {float(t) for t in re.findall(r"animation: \S+ ([\d.]+)s step-end infinite", svg)}
    lengths = [(end - start) / 100 * period for start, end in captions]
    assert lengths[:-1] == pytest.approx([0.5] * steps, rel=1e-3)
    assert lengths[-1] >= 2 * 0.5


def test_the_svg_honours_reduced_motion_and_has_no_script(example):
    svg = animate(example["E_total"]).svg
    before, motion = svg.split("@media (prefers-reduced-motion: no-preference) {")
    assert "animation" not in before
    assert "<script" not in svg
    tree = ElementTree.fromstring(svg)
    identifiers = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(identifiers) == len(set(identifiers))
    assert all(identifier.startswith(tree.get("id")) for identifier in identifiers)
    assert motion.count("infinite") == motion.count("@keyframes")


@pytest.mark.parametrize(
    "label", ['a"b', "back\\slash", "|{}<>", "</svg><script>x</script>", "&lt;", "x" * 300, 'class="t1-2"']
)
def test_labels_are_text(label):
    w = Value(2.0, label)
    y = (w * 3).tanh()
    y.label = "grad y"
    animation = animate(y, wrt=w)
    tree = ElementTree.fromstring(animation.svg)
    kinds = {element.tag.removeprefix(SVG) for element in tree.iter()}
    assert kinds <= {"svg", "style", "g", "title", "path", "polyline", "polygon", "text"}
    shown = label.replace("t1", "t₁") if len(label) < 40 else "x" * 39 + "…"
    for k in range(len(animation.steps) + 1):
        assert shown in visible_texts(animation.frame(k))


def test_special_graphs():
    leaf = Value(3.0, "x")
    assert [str(step) for step in animate(leaf).steps] == ["x.grad = 1"]
    assert "grad 1" in visible_texts(animate(leaf, wrt=leaf).svg)
    zero = Value(0.0, "zero")
    y = zero * zero
    assert animate(y, wrt=zero, detail="ops").steps[-1].after == [0.0]
    root = zero.sqrt()  # has no slope here, and is not taken
    assert animate(where(zero, root, 3 * zero), wrt=zero).steps[-1].after == [3.0]


def test_the_caption_fits_into_the_picture():
    """Measured in the bold face of a font with Helvetica's widths."""
    face = ImageFont.truetype(fontpkg_arimo.ROOT / "files/Arimo[wght].ttf", 14)
    w, x = Value(0.5, "a_long_name_of_a_weight"), Value(2.0, "another_name")
    animation = animate(w * x, wrt=w)
    width = float(re.search(r'viewBox="0.00 0.00 ([\d.]+)', animation.svg)[1])
    longest = max(
        (text for k in range(len(animation.steps)) for text in visible_texts(animation.frame(k))[:2]), key=len
    )
    face.set_variation_by_axes([700])
    assert face.getlength(longest) <= width - 8  # and a margin


def test_too_many_steps_to_watch(tmp_path):
    y = x = Value(1.0)
    for _ in range(150):
        y = y + x
    animation = animate(y)
    assert gradients_of(animation.steps)[x] == 151
    with pytest.raises(ValueError, match="more than one can watch"):
        animation.save(tmp_path / "long.svg")
    assert not list(tmp_path.iterdir())
    assert set(animation._repr_mimebundle_()) == {"text/plain"}


@pytest.mark.parametrize("step", [-1, 2])
def test_no_such_frame(step):
    with pytest.raises(IndexError, match=f"no step {step}"):
        animate(Value(1.0, "x")).frame(step)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_impossible_seconds(seconds):
    with pytest.raises(ValueError, match=f"seconds={seconds}"):
        animate(Value(1.0), seconds=seconds)


def test_what_the_root_does_not_depend_on_is_said_at_the_end(example):
    animation = animate(example["E_total"], wrt=Value(1.0, "stranger"))
    assert {step.phase for step in animation.steps} == {"forward"}
    assert visible_texts(animation.svg)[:2] == ["Done", "E_total does not depend on stranger"]
    both = animate(example["E_total"], wrt=[Value(1.0, "stranger"), example["w5"]])
    assert [str(step) for step in both.steps] == [
        str(step) for step in animate(example["E_total"], wrt=example["w5"]).steps
    ]
    assert visible_texts(both.svg)[1] == "E_total does not depend on stranger; ∂E_total/∂w₅ = 0.082167"


def test_several_derivatives_at_once(example):
    animation = animate(example["E_total"], wrt=[example["w5"], example["w7"]])
    gradients = gradients_of(animation.steps)
    names = {value.label for value in gradients}
    assert names == {"E_total", "out_o1", "net_o1", "w5", "out_o2", "net_o2", "w7"}
    assert visible_texts(animation.svg)[1] == "∂E_total/∂w₅ = 0.082167; ∂E_total/∂w₇ = −0.0226025"


def test_stale_numbers_and_infinite_slopes_are_refused(example):
    example["w5"].data = 0.7
    with pytest.raises(StaleError, match=r"w5 was assigned .*: call forward\(\)"):
        animate(example["E_total"])
    x = Value(0.0, "x")
    with pytest.raises(DomainError, match=r"sqrt\(x\) with x = 0.0: the value exists, but its slope"):
        animate(x.sqrt() + 1)


def test_unknown_detail(example):
    with pytest.raises(ValueError, match="detail='layers' is not known"):
        animate(example["E_total"], detail="layers")
    with pytest.raises(TypeError, match="graphs are made of Values, not str"):
        animate(example["E_total"], "w5")


def test_save(example, tmp_path):
    animation = animate(example["E_total"], wrt=example["w5"], seconds=0.7)
    assert animation.save(tmp_path / "w5.svg").read_text(encoding="utf-8").endswith(animation.svg)
    with Image.open(animation.save(tmp_path / "w5.gif", dpi=48)) as gif:
        assert gif.n_frames == len(animation.steps) + 1
        assert gif.info["loop"] == 0
        durations, greens, oranges = [], [], []
        for k in range(gif.n_frames):
            gif.seek(k)
            durations.append(gif.info["duration"])
            image = gif.convert("RGB")
            assert image.getpixel((0, 0)) == (255, 255, 255)
            colors = {color: number for number, color in image.getcolors(1 << 24)}
            greens.append(colors.get((0, 158, 115), 0))
            oranges.append(colors.get((213, 94, 0), 0))
    assert durations == [700] * len(animation.steps) + [2800]
    assert all(greens[:-1])
    assert not greens[-1]
    assert not any(oranges[:10])  # forward, and the first step backward
    assert 0 < oranges[10] < oranges[11] < oranges[12]  # the path grows towards w5
    with pytest.raises(ValueError, match=r"end it in \.svg, \.html, \.gif"):
        animation.save(tmp_path / "w5.mp4")
    with pytest.raises(FileNotFoundError):
        animation.save(tmp_path / "missing" / "w5.svg")


def test_jupyter_plays_it(example):
    animation = animate(example["E_total"])
    bundle = animation._repr_mimebundle_()
    assert bundle["image/svg+xml"] == animation.svg
    assert bundle["text/html"].startswith("<img ")
    assert bundle["text/plain"] == "<Animation, 38 steps>"


def test_every_hash_seed_gives_the_same_bytes():
    program = (
        "import sys; from tinygrad_edu import animate, worked_example; e = worked_example();"
        "sys.stdout.buffer.write(animate(e['E_total'], wrt=e['b1']).svg.encode())"
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
