"""Forward mode, explained, drawn and counted: the tangents are those of jvp, and the equations hold."""

import math
import re

import pytest
from random_graphs import random_graph

from tinygrad_edu import (
    Value,
    count_multiplications,
    draw,
    explain,
    jvp,
    softmax,
    stop_gradient,
    topological_order,
    worked_example,
)
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.graph import fold


def forward(root, wrt, **options):
    return str(explain(root, wrt, mode="forward", **options))


def test_w1_of_the_worked_example():
    example = worked_example()
    text = forward(example["E_total"], example["w1"])
    for line in (
        "Forward mode goes from w1 to E_total; each Value gets its derivative with",
        "∂w1/∂w1      = 1\n",
        "∂net_h1/∂w1  = 0.05\n",
        "∂net_o1/∂w1  = ∂net_o1/∂out_h1 · ∂out_h1/∂w1 = 0.4 × 0.012065035 = 0.004826014",
        "∂E_total/∂w1 = ∂E_total/∂out_o1 · ∂out_o1/∂w1 + ∂E_total/∂out_o2 · ∂out_o2/∂w1",
        "= 0.741365070 × 0.000901575 + (−0.217071535) × 0.001058768",
        "= 0.000668396 − 0.000229828\n",
        "= 0.000438568\n",
    ):
        assert line in text
    assert "Backpropagation" not in text


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("detail", ["ops", "named"])
def test_the_tangents_are_those_of_jvp(seed, detail):
    root, leaves = random_graph(seed)
    for leaf in leaves:
        graph = fold(root, detail, keep=[leaf])
        tangents = graph.tangents(leaf)
        if leaf not in graph.nodes:
            continue
        for node in graph.nodes:
            [wanted] = jvp([node], [leaf], [1.0])
            assert tangents.get(node, 0.0) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def read(text):
    return math.prod(float(x.strip("()")) for x in text.replace("−", "-").split(" × "))


@pytest.mark.parametrize("seed", range(10))
def test_every_equation_holds(seed):
    root, leaves = random_graph(seed)
    root.label = "root"
    for leaf in leaves:
        text = forward(root, leaf, detail="ops")
        text = text[text.find("Forward mode goes") :]
        number = r"\(?−?\d[\d.]*(?:e[-+]?\d+)?\)?"
        products = re.findall(rf"= ({number} × {number})\s+= (−?\d\S*)", text)
        for product, result in products:
            wanted = float(result.replace("−", "-"))
            assert read(product) == pytest.approx(wanted, rel=1e-4, abs=1e-8), product
        assert explain(root, leaf, mode="forward").value == pytest.approx(jvp([root], [leaf], [1.0])[0])


def test_a_value_that_is_used_twice_gets_the_sum():
    x = Value(3.0, "x")
    y = x * x + x
    y.label = "y"
    text = forward(y, x, detail="ops")
    assert "∂v1/∂x = ∂v1/∂x (use 1) + ∂v1/∂x (use 2) = 3 + 3 = 6" in text
    assert "∂y/∂x  = ∂y/∂x (direct) + ∂y/∂v1 · ∂v1/∂x = 1 + 1 × 6 = 1 + 6 = 7" in text


def test_what_is_stopped_or_independent_says_so_in_both_modes():
    x, y = Value(3.0, "x"), Value(2.0, "y")
    for mode in ("forward", "reverse"):
        stopped = str(explain(stop_gradient(x) * y, x, mode=mode))
        assert "stop_gradient stands on every path from x to" in stopped
        assert "does not depend on x" in str(explain(y * 2.0, x, mode=mode))
        assert "It is the same Value" in str(explain(x, x, mode=mode))
    shares = softmax([x, y])
    assert explain(shares[0], x).path_count == 2  # not those through the number that is subtracted
    [edge] = explain(stop_gradient(x) * x, x).edges
    assert edge.slope == 3.0


def test_in_chinese_and_as_other_text():
    example = worked_example()
    explanation = explain(example["E_total"], example["w5"], mode="forward", lang="zh", learning_rate=0.5)
    assert r"前向模式从 w5 走到 E\_total" in explanation.markdown
    assert "次乘法" in str(explanation)
    assert r"\frac{\partial E_{\mathrm{total}}}{\partial w_{5}}" in explanation.latex
    assert "<math" in explanation.mathml


def test_mistakes_are_named():
    x = Value(3.0, "x")
    y = x.tanh()
    for use in (explain, draw):
        with pytest.raises(ValueError, match="mode='forwards' is not known: use 'reverse' or 'forward'"):
            use(y, x, mode="forwards")
    with pytest.raises(ValueError, match="goes from Value to Value"):
        explain(y, x, mode="forward", detail="layer")
    for wrt in (None, [x, x * 2]):
        with pytest.raises(ValueError, match="name the one Value"):
            draw(y, wrt, mode="forward")


# --- The picture ---


def test_the_flow_goes_with_the_arrows():
    example = worked_example()
    drawing = draw(example["E_total"], example["w1"], mode="forward")
    flows = [line for line in drawing.source.splitlines() if "class=flow" in line]
    assert len(flows) == 8
    assert all("dir=forward" in line for line in flows)
    assert "dir=back" not in drawing.source
    assert "Forward mode: tangent is ∂(Value)/∂w1" in drawing.svg
    for number in ("tangent 1", "tangent 0.05", "tangent 0.012065", "tangent 0.000438568", "tangent 0"):
        assert f">{number}<" in drawing.svg
    assert ">grad" not in drawing.svg


def test_the_product_stands_beside_the_root():
    x = Value(3.0, "x")
    y = x.sin() * 2.0
    drawing = draw(y, x, mode="forward", detail="ops")
    start, *_, end = [line for line in drawing.source.splitlines() if "data" in line]
    assert "2\\ ×\\ −0.989992" in end.replace("(", "").replace(")", "")
    assert "×" not in start


def test_layers_show_the_range_of_their_tangents():
    model, x = MLP(3, [4, 1], seed=1), [Value(0.1), Value(0.2), Value(0.3)]
    source = draw(model(x), x[0], mode="forward", detail="layer").source
    assert "tangent" in source
    assert "…" in source


def test_a_wrt_that_the_root_does_not_depend_on_is_drawn_with_a_sentence():
    y = Value(1.0, "y") * 2.0
    assert "does not depend on x" in draw(y, Value(3.0, "x"), mode="forward").svg


# --- The count ---


def counted(outputs, inputs):
    """Count edge by edge which inputs lead to it, and to which outputs it leads, by walking each anew."""
    edges = []
    for root in outputs:
        for value in topological_order(root):
            for place, (arg, slope) in enumerate(zip(value.args, value.slopes, strict=True)):
                if not (value.op.selects and slope == 0):
                    edges.append((id(value), place, arg, value))
    edges = [*{edge[:2]: edge for edge in edges}.values()]

    def leads(start, end):
        found = {start}
        while True:
            more = {value for _, _, arg, value in edges if arg in found} - found
            if not more:
                return end in found
            found |= more

    on_path = [
        (arg, value)
        for _, _, arg, value in edges
        if any(leads(x, arg) for x in inputs) and any(leads(value, y) for y in outputs)
    ]
    forward = sum(leads(x, arg) for arg, _ in on_path for x in inputs)
    reverse = sum(leads(value, y) for _, value in on_path for y in outputs)
    return len(inputs), len(outputs), len(on_path), forward, reverse


@pytest.mark.parametrize("seed", range(8))
def test_multiplications_are_those_of_a_slow_count(seed):
    root, leaves = random_graph(seed)
    outputs = [root, *[arg for arg in root.args if arg.args][:1]]
    assert tuple(count_multiplications(outputs, leaves)) == counted(outputs, leaves)
    assert tuple(count_multiplications(root, leaves[0])) == counted([root], leaves[:1])


def test_a_chain_and_a_fan():
    x = Value(0.5)
    y = x
    for _ in range(10):
        y = y.tanh()
    assert count_multiplications(y, x) == (1, 1, 10, 10, 10)
    xs = [Value(float(i)) for i in range(1, 6)]
    out = xs[0] * xs[1] * xs[2] * xs[3] * xs[4]
    # Reverse mode walks 8 edges once; forward mode from x1 and x2 4 edges, from x3 3, from x4 2, from x5 1.
    assert count_multiplications(out, xs)[2:] == (8, 4 + 4 + 3 + 2 + 1, 8)
    outs = [x * float(i) for i in range(1, 6)]
    assert count_multiplications(outs, x)[2:] == (5, 5, 5)


def test_very_many_inputs_are_counted_in_blocks():
    xs = [Value(1.0) for _ in range(3_000)]
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    counts = count_multiplications(total, xs)
    assert (counts.reverse, counts.forward) == (2 * 2_999, 2_999 + sum(range(1, 3_000)))
    assert "in forward mode: 4,501,499, in reverse mode: 5,998" in str(counts)


def test_an_input_that_nothing_depends_on_costs_nothing():
    x, y = Value(1.0), Value(2.0)
    assert count_multiplications(x * 2.0, [x, y]) == (2, 1, 1, 1, 1)
