"""A graph as a file comes back with every bit, and a hostile file is refused in one line."""

import json
import math
import sys

import networkx
import pytest

import tinygrad_edu
from tinygrad_edu import StaleError, Value, from_json, to_json, to_networkx, topological_order
from tinygrad_edu.three_layer import worked_example


def described(root):
    order = topological_order(root)
    place = {value: i for i, value in enumerate(order)}
    return [
        (
            value.data.hex(),
            value.grad.hex(),
            value.label,
            value.is_constant,
            str(value.op),
            [x.hex() for x in value.slopes],
            [place[arg] for arg in value.args],
        )
        for value in order
    ]


def test_the_worked_example_comes_back_to_the_bit():
    root = worked_example()["E_total"]
    root.backward()
    assert described(from_json(to_json(root))) == described(root)


def test_parameters_lists_infinity_and_what_is_shared():
    x, y = Value(0.1, "x"), Value(math.inf, "∞")
    first = tinygrad_edu.dot([x, 2.0], [x**3, x.clip(0, 1)]) + x.leaky_relu(0.2)
    second = tinygrad_edu.logsumexp([first, x]) * y
    text = to_json([first, second, x])
    a, b, c = from_json(text)
    assert described(a) == described(first)
    assert described(b) == described(second)
    assert a in topological_order(b)
    assert c in topological_order(a)
    assert to_json([a, b, c]) == text


def test_a_graph_of_any_depth():
    x = y = Value(1.0)
    for _ in range(50_000):
        y = y * 1.0000001
    assert len(topological_order(from_json(to_json(y)))) == 100_001
    assert x.op is None


def change(**changes):
    found = json.loads(to_json(Value(0.5, "x") * Value(3.0, "y")))
    return json.dumps(found | changes)


def node(**changes):
    return change(nodes=[{"data": 0.5}, {"data": 3.0}, {"data": 1.5, "op": "mul", "args": [0, 1]} | changes])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no graph written by to_json"),
        ("[" * 100_000, "no graph written by to_json"),
        ("[]", "no graph"),
        (change(format="torch"), "no graph"),
        (change(version=2), "version 2"),
        (change(version=True), "version True"),
        (change(version="\x1b[31m"), r"version '\x1b[31m', and only 1"),
        (change(nodes=[{"data": 10**400}]), "node 0 of the graph is refused: int too large"),
        (change(nodes="abc"), "list of nodes"),
        (change(roots=[]), "list of roots"),
        (change(roots=[-1]), "roots of the graph"),
        (change(roots=[True]), "roots of the graph"),
        (change(roots=[10**30]), "roots of the graph"),
        (change(nodes=[{}] * 1_000_001), "1,000,001 nodes"),
        (change(nodes=[7]), "node 0 of the graph is refused: a node is an object"),
        (change(nodes=[{"label": "x"}]), "node 0 of the graph is refused: it lacks 'data'"),
        (node(data="__import__('os')"), "node 2 of the graph is refused: a number is wanted"),
        (node(data=True), "a number is wanted"),
        (node(data=1.25), "mul gives 1.5, but it says 1.25"),
        (node(op="__class__"), "there is no operation '__class__'"),
        (node(op=["mul"]), "there is no operation"),
        (node(args=[0, 2]), "not nodes that stand before it"),
        (node(args=[0, -1]), "not nodes that stand before it"),
        (node(args=[0]), "mul takes 2 arguments, not 1"),
        (node(args=[]), "both an operation and arguments"),
        (node(op="power"), "power has the parameters n"),
        (node(op="power", args=[0], parameters={"n": "x"}), "could not convert"),
        (node(op="log", args=[0], data=math.log(0.5), label=5), "a label is text, not int"),
        (node(op="log", args=[0], data=1.0), "but it says 1.0"),
        (node(op="power", args=[0], parameters={"n": 10**400}), "node 2 of the graph is refused"),
        (node(op="power", args=[0], parameters=["n"]), "power has the parameters n"),
        (node(op="power", args=[0], parameters=None), "power has the parameters n"),
        (node(constant="yes"), "constant is true or false"),
        (node(constant=True), "only a number that was given is constant"),
        (
            change(nodes=[{"data": 0.0}, {"data": 0.0, "op": "neg", "args": [0]}]),
            "neg gives -0.0, but it says 0.0",
        ),
    ],
)
def test_a_hostile_file_is_refused(text, says):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        from_json(text)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_what_cannot_be_stored():
    x = Value(2.0, "x")
    squared = Value(4.0, (x,), "sq")
    with pytest.raises(ValueError, match="has a _backward of its own"):
        to_json(squared)
    y = x * x
    x.data = 5.0
    with pytest.raises(StaleError):
        to_json(y)


def test_no_graph_is_not_stored():
    with pytest.raises(ValueError, match="at least one Value"):
        to_json([])
    with pytest.raises(TypeError, match=r"to_networkx\(roots\) takes Values, not int 3"):
        to_networkx(3)


def test_the_label_of_a_constant_and_the_sign_of_a_gradient_are_kept():
    y = Value(3.0, "x") * 2.0
    y.args[1].label = "two"
    y.grad = -0.0
    copy = from_json(to_json(y))
    assert (copy.args[1].label, copy.args[1].is_constant, copy.args[0].is_constant) == ("two", True, False)
    assert str(copy.grad) == "-0.0"


def test_without_networkx_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ImportError, match=r"^to_networkx needs the package networkx: install it with pip"):
        to_networkx(Value(1.0))


def test_networkx_computes_the_same_gradient():
    root = worked_example()["E_total"]
    root.backward()
    graph = to_networkx(root)
    assert networkx.is_directed_acyclic_graph(graph)
    last = graph.number_of_nodes() - 1
    w1 = next(i for i, label in graph.nodes(data="label") if label == "w1")
    # The sum over all paths of the products along them, which is what a gradient is.
    total = sum(
        math.prod(graph.edges[edge]["slope"] for edge in path)
        for path in networkx.all_simple_edge_paths(graph, w1, last)
    )
    assert total == pytest.approx(graph.nodes[w1]["grad"], rel=1e-14)
