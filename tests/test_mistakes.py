"""The usual mistakes: each number is that of a person who makes the mistake, computed here by hand."""

import math

import pytest
from random_graphs import random_graph

from tinygrad_edu import Value, relu, sigmoid, topological_order, worked_example
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.graph import fold
from tinygrad_edu.see.mistakes import factor_mistakes, mistakes, path_mistakes, update_mistakes
from tinygrad_edu.see.words import WORDS

RATE = 0.5


def found(example, name, detail="named"):
    """Return the mistakes with the derivative of E_total as pairs of a key and a number of nine decimals."""
    graph = fold(example["E_total"], detail, keep=[example[name]])
    return {(key, round(number, 9)) for key, number in mistakes(graph, example[name], RATE)}


def backwards(example, sigmoid_slope=None, updated=None, half=1.0, sign=1.0):
    """Return the gradients of w1 and w5 as plain arithmetic gives them, right or with a mistake."""
    data = {name: value.data for name, value in example.items()}
    slope = sigmoid_slope or (lambda k: data[f"out_{k}"] * (1 - data[f"out_{k}"]))
    later = updated or data
    delta = {k: sign * half * -(data[f"target_{k}"] - data[f"out_{k}"]) * slope(k) for k in ("o1", "o2")}
    to_h1 = delta["o1"] * later["w5"] + delta["o2"] * later["w7"]
    return {"w1": to_h1 * slope("h1") * data["i1"], "w5": delta["o1"] * data["out_h1"]}


def test_the_right_number_is_no_mistake(example):
    assert backwards(example)["w1"] == pytest.approx(example["w1"].grad)
    for name in ("w1", "w5", "b1", "b2", "out_h1", "i1"):
        assert not [number for _, number in found(example, name) if number == round(example[name].grad, 9)]


@pytest.mark.parametrize("detail", ["named", "ops", "neuron"])
@pytest.mark.parametrize("name", ["w1", "w5"])
def test_each_mistake_gives_the_number_of_who_makes_it(example, name, detail):
    data = {name: value.data for name, value in example.items()}
    w5_and_w7 = {w: data[w] - RATE * example[w].grad for w in ("w5", "w7")}
    made = {
        "at_net": [backwards(example, lambda k: data[f"net_{k}"] * (1 - data[f"net_{k}"]))],
        "half": [backwards(example, half=2), backwards(example, half=0.5)],
        "minus": [backwards(example, sign=-1)],
        "updated": [backwards(example, updated=w5_and_w7)] if name == "w1" else [],
    }
    expected = {(key, round(numbers[name], 9)) for key, several in made.items() for numbers in several}
    assert len(expected) == (5 if name == "w1" else 4)
    assert expected <= found(example, name, detail)


def test_updating_too_early_gives_the_closing_figures_in_circulation(reference):
    """The first of the two figures that the errata name: E after a step with updated w5 to w8."""
    example = worked_example()
    example["E_total"].backward()
    step = {name: example[name].grad for name in ("w5", "w6", "w7", "w8")}
    for name in ("w1", "w2", "w3", "w4"):
        graph = fold(example["E_total"])
        [step[name]] = [number for key, number in mistakes(graph, example[name], RATE) if key == "updated"]
    wrong = worked_example(**{name: example[name].data - RATE * slope for name, slope in step.items()})
    assert f"{wrong['E_total'].data:.9f}" == "0.291027924"
    assert any("0.291027924" in erratum for erratum in reference["errata"])


def test_a_forgotten_path(example):
    assert {("path", 0.000668396), ("path", -0.000229828)} <= found(example, "w1")
    assert not [key for key, _ in found(example, "w5") if key == "path"]
    # Of the four paths from b1: all but one, or only one.
    graph = fold(example["E_total"])
    four = [math.prod(edge.slope for edge in path) for path in graph.paths(example["b1"])]
    assert len(four) == 4
    expected = {("path", round(x, 9)) for one in four for x in (one, sum(four) - one)}
    assert expected <= found(example, "b1")


def test_swapped_and_summed(example):
    w5, grad, out_h1 = example["w5"].data, example["w5"].grad, example["out_h1"].data
    assert ("swapped", round(grad / out_h1 * w5, 9)) in found(example, "w5")
    factors = [0.741365069552, 0.186815601809, out_h1]  # as the lesson prints them
    assert ("sum", pytest.approx(sum(factors))) in mistakes(fold(example["E_total"]), example["w5"])
    # On the way to w1: out_h1 in place of w5 and of w7.
    deltas = [example[f"net_{k}"].grad for k in ("o1", "o2")]
    on_the_way = sum(deltas) * out_h1 * out_h1 * (1 - out_h1) * example["i1"].data
    assert ("swapped", round(on_the_way, 9)) in found(example, "w1")


def test_factors_and_paths(example):
    graph = fold(example["E_total"])
    [to_net] = graph.outgoing[example["w5"]]
    assert ("swapped", 0.4) in factor_mistakes(graph, to_net)
    [path] = graph.paths(example["w5"])
    assert {key for key, _ in path_mistakes(graph, path)} == {"at_net", "half", "swapped", "minus", "sum"}
    first = max(graph.paths(example["w1"]), key=lambda path: math.prod(edge.slope for edge in path))
    right = math.prod(edge.slope for edge in first)
    assert ("half", pytest.approx(2 * right)) in path_mistakes(graph, first)
    w5 = example["w5"]
    early = right / w5.data * (w5.data - RATE * w5.grad)
    assert ("updated", pytest.approx(early)) in path_mistakes(graph, first)


def test_updates():
    assert [number for _, number in update_mistakes(0.4, 0.1, 0.5)] == [
        pytest.approx(x) for x in (0.3, 0.45, 0.5)
    ]
    assert update_mistakes(0.4, 0.0, 0.5) == []


def test_only_mistakes_that_the_graph_offers():
    w, x = Value(0.5, "w"), Value(2.0, "x")
    y = relu(w * x)
    y.label = "y"
    assert {key for key, _ in mistakes(fold(y), w)} == {"swapped", "minus", "sum"}
    dead = relu(w * -x)
    assert not [key for key, _ in mistakes(fold(dead), w) if key in ("half", "updated", "at_net", "path")]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_where_a_slope_has_no_formula_its_sign_is_that_of_its_number(sign):
    w = Value(3.0, "w")
    line, square = 4 * w, Value(sign * w.data**2, (w,), "square", label="square")  # as in the lecture
    line.label = "line"

    def backward():
        w.grad += sign * 2 * w.data * square.grad

    square._backward = backward
    lost = [number for key, number in mistakes(fold(line + square), w, RATE) if key == "minus"]
    assert lost == ([4.0 + 6.0, 6.0 - 4.0] if sign < 0 else [-(4.0 + 6.0)])


def test_the_same_for_dot_products_and_for_products_that_are_added():
    model = MLP(2, [2, 1], activation=["sigmoid", "sigmoid"], seed=3)
    x1, x2 = Value(0.3, "x1"), Value(-0.7, "x2")
    out = model([x1, x2])
    h = model.layers[0]
    hidden = [sigmoid(n.w[0] * x1 + n.w[1] * x2 + n.b) for n in h.neurons]
    last = model.layers[1].neurons[0]
    same = sigmoid(last.w[0] * hidden[0] + last.w[1] * hidden[1] + last.b)
    weight = h.neurons[0].w[0]
    ours, theirs = (
        {(key, round(number, 9)) for key, number in mistakes(fold(root, "ops"), weight) if key in keys}
        for keys in [("updated", "at_net", "swapped", "half")]
        for root in (out, same)
    )
    assert ours == theirs
    assert {key for key, _ in ours} == {"updated", "at_net", "swapped"}


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs(seed):
    root, leaves = random_graph(seed)[:2]
    graph = fold(root, "ops")
    for leaf in [leaf for leaf in leaves if leaf in graph.incoming and graph.path_count(leaf)]:
        for key, number in mistakes(graph, leaf):
            assert math.isfinite(number)
            assert not math.isclose(number, graph.adjoint[leaf])
            assert key in {"path", "updated", "at_net", "minus", "half", "swapped", "sum"}


@pytest.mark.parametrize("lang", WORDS)
def test_every_mistake_has_a_sentence(example, lang):
    graph = fold(example["E_total"])
    several = [*mistakes(graph, example["w1"]), *update_mistakes(0.4, 0.1, 0.5)]
    assert {key for key, _ in several} == {
        "path", "updated", "at_net", "minus", "half", "swapped", "sum", "rate",
    }  # fmt: skip
    assert all(mistake.sentence(lang).strip() for mistake in several)


def test_nothing_is_changed(example):
    before = [(value.data, value.grad) for value in topological_order(example["E_total"])]
    mistakes(fold(example["E_total"]), example["w1"])
    assert [(value.data, value.grad) for value in topological_order(example["E_total"])] == before
