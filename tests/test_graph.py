"""Folding: at every detail, the products of the slopes along the paths add up to the gradient."""

import math
from itertools import cycle

import pytest
from random_graphs import random_graph

from tinygrad_edu import Value, gradient, ops, topological_order
from tinygrad_edu.see.graph import Detail, Graph, fold
from tinygrad_edu.see.layers import LayerGraph
from tinygrad_edu.three_layer import worked_example

in_batches = pytest.mark.parametrize("batch", range(10))
at_every_detail = pytest.mark.parametrize("detail", ["ops", "named", "neuron", "layer"])


def folded(batch: int, detail: Detail) -> list[Graph]:
    """Fifty random graphs, at the coarser levels with the names that networks give."""
    graphs = []
    for seed in range(batch * 50, (batch + 1) * 50):
        root, leaves = random_graph(seed)
        if detail in ("neuron", "layer"):
            name_as_network(root, leaves)
        root.backward()
        graphs.append(fold(root, detail))
    return graphs


def name_as_network(root: Value, leaves: list[Value]) -> None:
    kinds = cycle(["net_h", "out_h", "out_h", "net_o", "out_o"])
    for i, value in enumerate(value for value in topological_order(root) if value.label):
        value.label = f"w{i}" if value is leaves[0] else f"i{i}" if value in leaves else f"{next(kinds)}{i}"


def agree(ours: float, theirs: float, terms: list[float]) -> bool:
    scale = 1 + math.fsum(map(abs, terms))
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12 * scale)


@at_every_detail
@in_batches
def test_the_paths_add_up_to_the_gradient(batch: int, detail: Detail) -> None:
    for graph in folded(batch, detail):
        for node in graph.nodes:
            paths = graph.paths(node)
            products = [math.prod(edge.slope for edge in path) for path in paths]
            assert agree(node.grad, math.fsum(products), products)
            assert graph.path_count(node) == len(paths)


@in_batches
def test_jacobians_multiplied_from_layer_to_layer_give_the_gradient(batch: int) -> None:
    for graph in folded(batch, "layer"):
        layers = LayerGraph(graph)
        assert sorted(v.label for layer in layers.nodes for v in layer.values) == sorted(
            v.label for v in graph.nodes
        )
        place = {layer: i for i, layer in enumerate(layers.nodes)}
        assert all(place[edge.source] < place[edge.target] for edge in layers.edges)
        adjoint = {layers.layer_of[graph.root]: [1.0]}
        for layer in reversed(layers.nodes):
            for edge in layers.outgoing[layer]:
                row = adjoint.setdefault(layer, [0.0] * len(layer.values))
                for outer, slopes in zip(adjoint[edge.target], edge.jacobian, strict=True):
                    for i, slope in enumerate(slopes):
                        row[i] += outer * slope
            for value, gradient_ in zip(layer.values, adjoint[layer], strict=True):
                assert agree(value.grad, gradient_, [value.grad])


def test_what_is_inside_a_neuron_is_hidden() -> None:
    example = worked_example()
    graph = fold(example["E_total"], "neuron", keep=[example["w5"]])
    shown = {node.label for node in graph.nodes}
    assert shown == {"i1", "i2", "out_h1", "out_h2", "out_o1", "out_o2", "E_total", "w5"} | {
        "target_o1",
        "target_o2",
    }


def test_the_largest_of_many_paths() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(30):
        y = 2 * y + y.sin()
    graph = fold(y, "ops")
    (largest,) = graph.paths(x, most=1)
    assert graph.path_count(x) == 2**30
    assert [edge.slope for edge in largest if edge.slope != 1.0] == [2.0] * 30


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
def test_the_symbolic_slope_has_the_number_of_the_slope(batch: int, detail: Detail) -> None:
    for graph in folded(batch, detail):
        for edge in graph.edges:
            assert math.isclose(float(edge.symbolic_slope()), edge.slope, rel_tol=1e-9, abs_tol=1e-12)


@in_batches
def test_what_is_visible(batch: int) -> None:
    for graph in folded(batch, "named"):
        order = topological_order(graph.root)
        assert graph.nodes == [v for v in order if v.label or v is graph.root]
        ends = [(edge.source, edge.target) for edge in graph.edges]
        assert len(set(ends)) == len(ends)  # one edge, however many hidden ways it stands for
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
        y = ops.sin(y) + 1
    (edge,) = fold(y).edges
    y.backward()
    assert edge.slope == pytest.approx(x.grad, rel=1e-9)


def test_the_slope_along_an_edge_stays_differentiable() -> None:
    x, w = Value(0.5, "x"), Value(-1.5, "w")
    (edge,) = [edge for edge in fold((w * x) ** 3).edges if edge.source is x]
    slope = edge.symbolic_slope()
    assert isinstance(slope, Value)
    assert gradient(slope, x).data == pytest.approx(6 * -(1.5**3) * 0.5)
