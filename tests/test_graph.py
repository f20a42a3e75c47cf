"""Folding: at every detail, the products of the slopes along the paths add up to the gradient."""

import math
from itertools import cycle

import pytest
from random_graphs import random_graph

from tinygrad_edu import Value, gradient, topological_order
from tinygrad_edu.engine import rules
from tinygrad_edu.see.graph import Detail, Graph, fold, multiplied
from tinygrad_edu.see.layers import Layer, LayerGraph
from tinygrad_edu.see.place import Place
from tinygrad_edu.three_layer import worked_example

in_batches = pytest.mark.parametrize("batch", range(10))
at_every_detail = pytest.mark.parametrize("detail", ["ops", "named", "neuron", "layer"])


def folded(batch: int, detail: Detail) -> list[Graph]:
    """Fifty random graphs, at the coarser levels with the places that networks give."""
    graphs = []
    for seed in range(batch * 50, (batch + 1) * 50):
        root, leaves = random_graph(seed)
        if detail in ("neuron", "layer"):
            place_as_network(root, leaves)
        root.backward()
        graphs.append(fold(root, detail))
    return graphs


def place_as_network(root: Value, leaves: list[Value]) -> None:
    places = cycle([Place("net", 1), Place("out", 1), Place("out", 1), Place("net", 2), Place("out", 2)])
    for value in topological_order(root):
        if value.label:
            value.group = Place("input", 0) if value in leaves else next(places)
    leaves[0].group = Place("weight", 1)


def agree(ours: float, theirs: float, terms: list[float]) -> bool:
    scale = 1 + math.fsum(map(abs, terms))
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12 * scale)


@at_every_detail
@in_batches
def test_the_paths_add_up_to_the_gradient(batch: int, detail: Detail) -> None:
    for graph in folded(batch, detail):
        for node in graph.nodes:
            paths = graph.paths(node)
            products = [*map(multiplied, paths)]
            assert agree(node.grad, math.fsum(products), products)
            assert graph.path_count(node) == len(paths)


@in_batches
def test_jacobians_multiplied_from_layer_to_layer_give_the_gradient(batch: int) -> None:
    grouped = 0
    for graph in folded(batch, "layer"):
        layers = LayerGraph(graph)
        shown = [value for node in layers.nodes for value in layers.values(node)]
        assert len(shown) == len(graph.nodes)
        assert {*shown} == {*graph.nodes}
        grouped += sum(isinstance(node, Layer) for node in layers.nodes)
        place = {node: i for i, node in enumerate(layers.nodes)}
        assert all(place[edge.source] < place[edge.target] for edge in layers.edges)
        adjoint = {layers.root: [1.0]}
        for node in reversed(layers.nodes):
            for edge in layers.outgoing[node]:
                row = adjoint.setdefault(node, [0.0] * len(layers.values(node)))
                for outer, slopes in zip(adjoint[edge.target], edge.jacobian, strict=True):
                    for i, slope in enumerate(slopes):
                        row[i] += outer * slope
            for value, derivative in zip(layers.values(node), adjoint[node], strict=True):
                assert agree(value.grad, derivative, [value.grad])
                assert layers.adjoint[value] == graph.adjoint[value]
    assert grouped > 50


@in_batches
def test_every_cut_between_layers_carries_the_whole_gradient(batch: int) -> None:
    for graph in folded(batch, "layer"):
        source = graph.nodes[0]
        layers = LayerGraph(graph, keep=[source])
        place = {node: i for i, node in enumerate(layers.nodes)}
        flows = layers.flows(source)
        for cut in range(place[source], len(layers.nodes) - 1):
            crossing = [
                flow for edge, flow in flows.items() if place[edge.source] <= cut < place[edge.target]
            ]
            assert agree(source.grad, math.fsum(crossing), crossing)


def test_layers_are_what_the_network_says() -> None:
    labels = ["out_h1", "out_h2", "alpha", "omega"]
    h1, h2, a, b = (Value(float(i), label) for i, label in enumerate(labels, 1))
    h1.group = a.group = Place("out", 1)
    h2.group, b.group = Place("out", 2), Place("target", 1)
    layers = LayerGraph(fold(rules.sum([h1, h2, a, b]), "layer"))
    assert [[value.label for value in layers.values(node)] for node in layers.nodes[:-1]] == [
        ["out_h1", "alpha"], ["out_h2"], ["omega"]
    ]  # fmt: skip
    assert [layers.names[node] for node in layers.nodes] == ["out_h1, …", "out_h2", "omega", "v1"]


def test_layers_of_a_graph_without_a_network_are_as_many_edges_from_the_leaves() -> None:
    x, y, w = Value(1.0, "x1"), Value(2.0, "x2"), Value(3.0, "w1")
    first, second, last = x * w, y * w, Value(0.5, "c")
    first.label, second.label = "p", "q"
    top = first * second * last
    layers = LayerGraph(fold(top, "layer"), keep=[w])
    assert [[value.label for value in layers.values(node)] for node in layers.nodes] == [
        ["x1", "x2", "c"], ["w1"], ["p", "q"], [""]
    ]  # fmt: skip


def test_what_is_inside_a_neuron_is_hidden() -> None:
    example = worked_example()
    graph = fold(example["E_total"], "neuron", keep=[example["w5"]])
    shown = {node.label for node in graph.nodes}
    assert shown == {"i1", "i2", "out_h1", "out_h2", "out_o1", "out_o2", "E_total", "w5"} | {
        "target_o1",
        "target_o2",
    }


@pytest.mark.parametrize("detail", ["neuron", "layer"])
def test_values_of_ones_own_stay_visible_whatever_they_are_called(detail: Detail) -> None:
    w1, b1, x = Value(0.5, "w1"), Value(0.1, "b1"), Value(2.0, "x")
    net_1 = w1 * x + b1
    net_1.label = "net_1"
    shown = {node.label for node in fold(net_1.tanh(), detail).nodes}
    assert shown == {"w1", "b1", "x", "net_1", ""}
    net_1.group, w1.group, b1.group = Place("net", 1, 1), Place("weight", 1, 1, 1), Place("bias", 1, 1)
    assert {node.label for node in fold(net_1.tanh(), detail).nodes} == {"x", ""}


def test_the_largest_of_many_paths() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(30):
        y = 2 * y + y.sin()
    graph = fold(y, "ops")
    (largest,) = graph.paths(x, most=1)
    assert graph.path_count(x) == 2**30
    assert [edge.slope for edge in largest if edge.slope != 1.0] == [2.0] * 30
    assert multiplied(largest) == 2.0**30


def test_paths_through_a_branch_not_taken_count_nothing() -> None:
    x = Value(0.0, "x")
    root = x.sqrt()
    root.label = "root"
    y = rules.maximum(root, 5 * x + 1)
    y.label = "y"
    y.backward()
    assert x.grad == 5
    for detail in ("ops", "named"):
        graph = fold(y, detail)
        assert graph.adjoint[x] == 5
        assert sorted(map(multiplied, graph.paths(x))) == [0, 5]
        assert math.fsum(flow for edge, flow in graph.flows(x).items() if edge.target is y) == 5


@at_every_detail
@in_batches
def test_every_cut_carries_the_whole_gradient(batch: int, detail: Detail) -> None:
    for graph in folded(batch, detail):
        place = {node: i for i, node in enumerate(graph.nodes)}
        for source in graph.nodes[:-1]:
            flows = graph.flows(source)
            for cut in range(place[source], len(graph.nodes) - 1):
                crossing = [
                    flow for edge, flow in flows.items() if place[edge.source] <= cut < place[edge.target]
                ]
                assert agree(source.grad, math.fsum(crossing), crossing)


@at_every_detail
@in_batches
def test_the_expression_of_a_slope_has_its_number(batch: int, detail: Detail) -> None:
    for graph in folded(batch, detail):
        for edge in graph.edges:
            slope = edge.expression()
            number = slope.data if isinstance(slope, Value) else slope
            assert math.isclose(number, edge.slope, rel_tol=1e-9, abs_tol=1e-12)


@in_batches
def test_what_is_visible(batch: int) -> None:
    for graph in folded(batch, "named"):
        order = topological_order(graph.root)
        assert graph.nodes == [v for v in order if v.label or v is graph.root]
        ends = [(edge.source, edge.target) for edge in graph.edges]
        assert len(set(ends)) == len(ends)  # one edge, however many hidden paths it stands for
        assert fold(graph.root, "ops").nodes == order


@in_batches
def test_what_is_kept_is_visible_and_a_boundary(batch: int) -> None:
    for graph in folded(batch, "named"):
        kept = [value for value in topological_order(graph.root) if value not in graph.nodes and value.args][
            ::2
        ]
        closer = fold(graph.root, "named", keep=kept)
        assert set(closer.nodes) == {*graph.nodes, *kept}
        for node in closer.nodes:
            products = [math.prod(edge.slope for edge in path) for path in closer.paths(node)]
            assert agree(node.grad, math.fsum(products), products)


def test_the_factors_of_the_worked_example() -> None:
    example = worked_example()
    graph = fold(example["E_total"])
    for weight, last in [("w5", "out_o1"), ("w8", "out_o2")]:
        (path,) = graph.paths(example[weight])
        assert [edge.target.label for edge in path] == [last.replace("out", "net"), last, "E_total"]
    assert [graph.path_count(example[name]) for name in ("w1", "b1", "b2")] == [2, 4, 2]


def test_two_edges_of_one_square_and_their_fold() -> None:
    x = Value(3.0, "x")
    assert [edge.slope for edge in fold(x * x, "ops").edges] == [3.0, 3.0]
    assert [edge.slope for edge in fold(x * x, "named").edges] == [6.0]


def test_without_labels_every_operation_is_shown() -> None:
    y = Value(2.0) * Value(3.0) + 1
    assert fold(y, "named").nodes == topological_order(y)


@at_every_detail
def test_a_single_leaf(detail: Detail) -> None:
    x = Value(3.0, "x")
    graph = fold(x, detail)
    assert (graph.nodes, graph.edges, graph.flows(x), graph.paths(x)) == ([x], [], {}, [[]])


def test_a_deep_graph() -> None:
    x = y = Value(1.0, "x")
    for _ in range(20_000):
        y = rules.sin(y) + 1
    (edge,) = fold(y, "named").edges
    y.backward()
    assert edge.slope == pytest.approx(x.grad, rel=1e-9)


def test_the_slope_along_an_edge_stays_differentiable() -> None:
    x, w = Value(0.5, "x"), Value(-1.5, "w")
    (edge,) = [edge for edge in fold((w * x) ** 3, "named").edges if edge.source is x]
    slope = edge.expression()
    assert isinstance(slope, Value)
    assert gradient(slope, x).data == pytest.approx(6 * -(1.5**3) * 0.5)
