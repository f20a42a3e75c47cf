"""The explanations: the text's factors, every path, and equations that hold."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from random_graphs import random_graph, without_a_rule

from tinygrad_edu import DomainError, StaleError, Value, explain, worked_example
from tinygrad_edu.engine.rules import where
from tinygrad_edu.nn import MLP

PARAMETERS = ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "b1", "b2"]


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?", text.replace("−", "-"))]


def test_w5_as_the_text_derives_it(example):
    written = str(explain(example["E_total"], example["w5"], learning_rate=0.5))
    for line in (
        "∂E_total/∂w5 = ∂E_total/∂out_o1 · ∂out_o1/∂net_o1 · ∂net_o1/∂w5",
        "∂E_total/∂out_o1 = −(target_o1 − out_o1) = −(0.01 − 0.751365070) = 0.741365070",
        "∂out_o1/∂net_o1  = out_o1·(1 − out_o1)",
        "∂net_o1/∂w5      = out_h1 = 0.593269992",
        "0.741365070 × 0.186815602 × 0.593269992 = 0.082167041",
        "w5⁺ = w5 − 0.5 · ∂E_total/∂w5 = 0.4 − 0.5 × 0.082167041 = 0.358916480",
    ):
        assert line in written


def test_w1_has_two_paths_that_meet_at_out_h1(example):
    written = str(explain(example["E_total"], example["w1"]))
    assert written.startswith("2 paths lead from w1 to E_total")
    assert "= 0.055399425 − 0.019049118\n" in written
    assert "= 0.036350306\n" in written


@pytest.mark.parametrize(("parameter", "paths"), [*zip(PARAMETERS, [2] * 4 + [1] * 4 + [4, 2], strict=True)])
def test_paths_and_value_of_every_parameter(example, reference, parameter, paths):
    explanation = explain(example["E_total"], example[parameter])
    assert explanation.path_count == len(explanation.paths) == paths
    published = float(reference["gradients dE_total/d"][parameter])
    assert explanation.value == pytest.approx(published, rel=1e-13)


@pytest.mark.parametrize("detail", ["named", "ops"])
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_line_fits_and_every_product_is_right(example, parameter, detail):
    written = str(explain(example["E_total"], example[parameter], detail=detail))
    assert max(map(len, written.splitlines())) <= 80
    joined = re.sub(r"\n +(?=[=·×+−])", " ", written)
    products = re.findall(r"= ([-−()\d.e]+(?: × [-−()\d.e]+)+) = (\S+)", joined)
    assert products
    for product, result in products:
        expected = 1.0
        for factor in numbers(product):
            expected *= factor
        assert expected == pytest.approx(numbers(result)[0], rel=1e-5, abs=2e-9)


def test_a_value_without_label_gets_a_name_that_is_explained():
    x = Value(3.0, "x")
    written = str(explain((2 * x + 1) ** 2, x, detail="ops"))
    assert "  v1 = 2·x = 6\n  v2 = v1 + 1 = 7\n" in written
    assert "∂v3/∂v2 = 2·v2 = 2·7 = 14" in written


def test_more_paths_than_a_page_holds():
    x = y = Value(1.0, "x")
    for _ in range(40):
        y = y * y
    explanation = explain(y, x, detail="ops")
    assert explanation.path_count == 2**40
    assert explanation.value == 2**40
    assert "1,099,511,627,776 paths lead from x to" in str(explanation)


def test_no_path():
    x = Value(3.0, "x")
    assert str(explain(x, x)) == "It is the same Value:\n  ∂x/∂x = 1"
    y = x * 2
    y.label = "y"
    z = explain(y, Value(1.0, "z"))
    assert str(z) == "y does not depend on z:\n  ∂y/∂z = 0"
    assert repr(z) == "<Explanation: ∂y/∂z = 0>"
    assert r"\frac{\partial y}{\partial z} &= 0" in z.latex
    assert (z.value, z.path_count, z.paths) == (0.0, 0, [])


def test_several_are_explained_one_after_the_other(example):
    E = example["E_total"]
    both = explain(E, [example["w5"], example["w1"]], learning_rate=0.5)
    single = [explain(E, example[name], learning_rate=0.5) for name in ("w5", "w1")]
    assert str(both) == "\n\n".join(map(str, single))
    assert both.markdown == "\n\n".join(explanation.markdown for explanation in single)
    assert [explanation.value for explanation in both] == [example["w5"].grad, example["w1"].grad]


def test_without_wrt_the_parameters_are_explained(example):
    assert [explanation.wrt.label for explanation in explain(example["E_total"])] == PARAMETERS
    a, b = Value(2.0, "a"), Value(3.0, "b")
    y = (a * b * Value(5.0)).exp() * 2
    assert [explanation.wrt for explanation in explain(y)] == [a, b]
    assert str(explain(Value(2.0) * 3)) == ""
    wide = explain(MLP(2, [16, 1], seed=1)([1.0, 2.0]))
    assert len(wide) == 20
    assert str(wide).endswith("And 45 more Values: name those that you want as wrt.")


def test_a_value_that_only_looks_like_one_of_the_graph():
    example, anew = worked_example(), worked_example()
    assert "E_total does not depend on this w5, but on another" in str(
        explain(example["E_total"], anew["w5"])
    )
    x, nameless = Value(2.0, "x"), Value(3.0)
    y = x * x
    y.label = "y"
    assert str(explain(y, nameless)) == "y does not depend on this Value:\n  ∂y/∂(this Value) = 0"


def test_reasons_that_other_paths_make_up_for_are_not_given():
    x = Value(2.0, "x")
    dead, alive = (-x).relu(), (3 * x).relu()
    dead.label, alive.label = "dead", "alive"
    out = dead + alive
    out.label = "out"
    assert explain(out, x).reasons == []
    both = dead + (-x).relu()
    both.label = "both"
    assert len(explain(both, x).reasons) == 2  # no path is left, though none is on all paths


def test_a_direct_path_beside_a_detour_is_told_apart():
    x = Value(2.0, "x")
    h = x * x
    h.label = "h"
    y = h + 3 * x
    y.label = "y"
    assert "∂y/∂x = ∂y/∂h · ∂h/∂x + ∂y/∂x (direct)" in str(explain(y, x))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda x: (10 * x).sigmoid(), "out is saturated: at v1 = 20 its local derivative is only 2.06115"),
        (lambda x: (4 * x).tanh(), "out is saturated: at v1 = 8"),
        (
            lambda x: (-x).relu(),
            "out is off: at v1 = −2 the ReLU passes nothing on, its local derivative is 0.",
        ),
        (lambda x: (x - 2) ** 2, "The factor ∂out/∂v1 = 2·v1 is 0."),
        (lambda x: without_a_rule(x - 2), "The factor ∂out/∂v1 is 0."),
    ],
)
def test_what_makes_a_gradient_vanish_is_said(build, sentence):
    x = Value(2.0, "x")
    out = build(x)
    out.label = "out"
    assert any(reason.startswith(sentence) for reason in explain(out, x).reasons)


def test_of_many_reasons_some_are_given_and_the_others_counted():
    x = Value(30.0, "x")
    y = sum(x.sigmoid() for _ in range(6))
    y.label = "y"
    explanation = explain(y, x)
    assert len(explanation.reasons) == 6
    said = [line for line in str(explanation).splitlines() if "is saturated" in line]
    assert len(said) == 4
    assert str(explanation).endswith("And 2 more such reasons.")


def test_cancelling_paths_are_named():
    x = Value(2.0, "x")
    up, down = 3 * x, -2.99 * x
    up.label, down.label = "up", "down"
    out = up + down
    out.label = "out"
    assert explain(out, x).reasons == ["At x the gradients along its edges cancel: 3 and −2.99."]


def test_a_slope_that_underflows_is_said_to_round_to_zero():
    x = Value(60.0, "x")
    out = x.tanh()
    out.label = "out"
    assert explain(out, x).reasons == ["out is saturated: at x = 60 its local derivative rounds to 0."]


def test_a_derivative_of_one_step_is_no_chain():
    x = Value(2.0, "x")
    y = -1.5 * x
    y.label = "y"
    assert str(explain(y, x)) == "The derivative, as a formula and in numbers:\n  ∂y/∂x = −1.5"


def test_values_with_the_same_label_are_told_apart():
    first, second = Value(1.0, "w"), Value(2.0, "w")
    y = first * second
    y.label = "y"
    assert "∂y/∂w (2) = w = 1" in str(explain(y, second))
    assert "∂y/∂w = w (2) = 2" in str(explain(y, first))


def test_numbers_that_were_changed_since_are_refused():
    example = worked_example()
    example["w5"].data = 0.7
    with pytest.raises(StaleError, match=r"w5 was assigned after .*: call forward\(\)"):
        explain(example["E_total"], example["w1"])
    example["E_total"].forward()
    assert "= w5 = 0.7\n" in str(explain(example["E_total"], example["w1"]))


@pytest.mark.parametrize(
    "call", [lambda E: explain(E, "w5"), lambda E: explain(3, E), lambda E: explain(E, [E, None])]
)
def test_what_is_no_value_is_refused(example, call):
    with pytest.raises(TypeError, match=r"explain\(root, wrt\) takes Values, not"):
        call(example["E_total"])


def test_no_line_is_too_long():
    for seed in range(300):
        root, leaves = random_graph(seed, labelled=0.1)
        root.label = "root"
        for line in str(explain(root, leaves[0])).splitlines():
            assert len(line) <= 80


def test_forty_squarings_with_names_on_both_ends():
    x = y = Value(1.0, "x")
    for _ in range(40):
        y = y * y
    y.label = "y"
    assert str(explain(y, x)).startswith("1,099,511,627,776 paths lead from x to y")


def test_a_long_chain_is_shortened():
    x = y = Value(0.5, "x")
    for _ in range(5_000):
        y = y.sin()
    assert len(str(explain(y, x))) < 10_000


def test_a_healthy_gradient_needs_no_reason(example):
    assert explain(example["E_total"], example["w5"]).reasons == []


def test_layers_multiply_jacobians(example, reference):
    written = str(explain(example["E_total"], example["w1"], detail="layer"))
    partials = {key: float(number) for key, number in reference["partial derivatives"].items()}
    row = f"[{partials['E_total/out_o1']:.9f}  {partials['E_total/out_o2']:.9f}]".replace("-", "−")
    assert f"∂E_total/∂out_o = {row}" in written
    row = f"[{partials['E_total/out_h1']:.9f}  {partials['E_total/out_h2']:.9f}]"
    assert f"∂E_total/∂out_h = ∂E_total/∂out_o · ∂out_o/∂out_h = {row}" in written
    assert f"= [{float(reference['gradients dE_total/d']['w1']):.9f}]" in written


def test_of_a_large_matrix_between_layers_the_size_and_the_norm_are_given():
    model = MLP(3, [5, 5, 1], activation="tanh", seed=1)
    explanation = explain(model([0.1, 0.2, 0.3]), model.parameters()[0], detail="layer")
    outs, weights = (
        model.layers[1].neurons,
        [[w.data for w in neuron.w] for neuron in model.layers[1].neurons],
    )
    before = np.tanh(
        [[w.data for w in n.w] @ np.array([0.1, 0.2, 0.3]) + n.b.data for n in model.layers[0].neurons]
    )
    after = np.tanh(weights @ before + [neuron.b.data for neuron in outs])
    jacobian = (1 - after**2)[:, None] * weights
    assert f"∂out_h2/∂out_h1 = 5 × 5 numbers, norm {np.linalg.norm(jacobian):.9f}" in str(explanation)
    assert rf"5 \times 5\text{{ numbers, norm }}{np.linalg.norm(jacobian):.9f}" in explanation.latex


@pytest.mark.parametrize("detail", ["ops", "named", "neuron", "layer"])
@pytest.mark.parametrize("parameter", ["w5", "w1", "b1"])
def test_latex_and_mathml_are_well_formed(example, parameter, detail):
    explanation = explain(example["E_total"], example[parameter], detail=detail, learning_rate=0.5)
    for text in (explanation.latex, explanation.markdown):
        assert text.count("{") == text.count("}")
        assert text.count(r"\left(") == text.count(r"\right)")
        assert text.count(r"\begin{aligned}") == text.count(r"\end{aligned}")
    tree = ElementTree.fromstring(f"<div>{explanation.mathml}</div>")
    assert tree.findall(".//{http://www.w3.org/1998/Math/MathML}mfrac")
    assert "\\" not in "".join(tree.itertext())


def test_hostile_labels_in_latex_markdown_and_mathml():
    label = r"50% {x}_\input$ <script>alert(1)</script> #&^~"
    x = Value(2.0, label)
    y = x.exp()
    y.label = "y"
    explanation = explain(y, x)
    assert "<script>" not in explanation.mathml
    assert r"\input" not in explanation.latex
    assert "\n<script" not in explanation.markdown
    tree = ElementTree.fromstring(f"<div>{explanation.mathml}</div>")
    shown = "".join(tree.find(".//{http://www.w3.org/1998/Math/MathML}mtext").itertext())
    assert shown.replace("\N{NO-BREAK SPACE}", " ") == (label if len(label) <= 40 else label[:39] + "…")


def test_jupyter_shows_markdown(example):
    explanation = explain(example["E_total"], example["w5"])
    bundle = explanation._repr_mimebundle_()
    assert bundle == {"text/markdown": explanation.markdown, "text/plain": str(explanation)}


def test_hostile_labels_stay_on_their_line():
    x = Value(2.0, "a\nb\x1b[31m" + "c" * 100)
    y = x.exp()
    y.label = "y"
    written = str(explain(y, x))
    assert "\x1b" not in written
    assert "∂y/∂(a b�[31m" in written


def test_nothing_is_stored():
    example = worked_example()
    explain(example["E_total"], example["w5"])
    assert all(value.grad == 0.0 for value in example.values())


def test_every_name_in_an_explanation_is_explained():
    p, q = Value(2.0, "p"), Value(1.5, "q")
    y = (p * q).softplus() - p.maximum(q) ** 3 / (1 + (-q).exp())
    y.label = "y"
    text = str(explain(y, p))
    assert "v7 = 1 + exp(−q) = 1.223130160" in text  # not on the path, but in the slope 1/v7
    for root, wrt in [(y, p), *((root, leaves[0]) for root, leaves in map(random_graph, range(20)))]:
        text = str(explain(root, wrt))
        explained = re.findall(r"^  (v\d+) += ", text, re.MULTILINE)
        assert set(re.findall(r"\bv\d+\b", text)) == set(explained)


def test_a_branch_not_taken_does_not_count():
    x = Value(0.0, "x")
    root = x.sqrt()
    root.label = "root"
    y = where(x, root, 3 * x)
    y.label = "y"
    explanation = explain(y, x)
    assert explanation.value == 3.0
    assert "nan" not in str(explanation)


def test_an_infinite_derivative_is_refused_as_backward_refuses_it():
    w, x = Value(2.0, "w"), Value(0.0, "x")
    y = w * x.sqrt()
    with pytest.raises(DomainError, match=r"sqrt\(x\) with x = 0.0: the value exists, but its slope there"):
        explain(y, x)
    assert explain(y, w).value == 0.0  # this one exists


def test_an_operation_of_which_only_the_numbers_are_known(example):
    x = Value(3.0, "x")
    y = without_a_rule(x)
    y.label = "y"
    assert str(explain(y, x)) == "The derivative, as a formula and in numbers:\n  ∂y/∂x = 6"
