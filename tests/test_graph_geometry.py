"""Where the nodes of a graph stand: in columns and rows of their natural order, whatever the numbers."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from tinygrad_edu import Value, draw, worked_example
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.draw.dot import rounded
from tinygrad_edu.see.draw.view import HIGHEST
from tinygrad_edu.see.graph import fold

SVG = "{http://www.w3.org/2000/svg}"
DETAILS = ["ops", "named", "neuron"]


def example(factor: float = 1.0):
    values = worked_example()
    for value in values.values():
        if not value.args:
            value.data *= factor
    values["E_total"].forward()
    values["E_total"].backward()
    return values["E_total"], values["w1"]


def network(factor: float = 1.0):
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    for parameter in model.parameters():
        parameter.data *= factor
    loss = sum((out - 1) ** 2 for out in model([0.5, -1.0, 2.0]))
    loss.label = "loss"
    loss.backward()
    return loss, model.parameters()[5]


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", text)]


def shapes(drawing) -> dict[str, tuple[list[float], list[float]]]:
    """The x and y of all points of the outline of every node, and of the line of every edge."""
    found = {}
    for group in ElementTree.fromstring(drawing.svg).iter(f"{SVG}g"):
        kind = group.get("class", "").partition(" ")[0]
        path = group.find(f"{SVG}path")
        if kind in ("node", "edge") and path is not None:
            points = numbers(path.get("d"))
            found[group.get("id").partition("-")[2]] = points[::2], points[1::2]
    return found


def boxes(drawing) -> dict[str, tuple[float, float, float, float]]:
    nodes = {name: shape for name, shape in shapes(drawing).items() if name.startswith("n")}
    return {name: (min(x), min(y), max(x), max(y)) for name, (x, y) in nodes.items()}


@pytest.mark.parametrize("make", [example, network])
@pytest.mark.parametrize("detail", DETAILS)
def test_columns_by_depth_and_rows_in_the_order_of_making(make, detail):
    root, _ = make()
    graph = fold(root, detail)
    outlines = boxes(draw(root, detail=detail))
    middle = {
        node: ((outlines[f"n{i}"][0] + outlines[f"n{i}"][2]) / 2, outlines[f"n{i}"][1])
        for i, node in enumerate(graph.nodes)
        if f"n{i}" in outlines  # plain numbers have no outline
    }
    depth = dict.fromkeys(graph.nodes, 0)
    for edge in graph.edges:  # in the order of their targets
        depth[edge.target] = max(depth[edge.target], depth[edge.source] + 1)
    inner: dict[int, list] = {}
    for node in middle:
        if node.args:
            inner.setdefault(depth[node], []).append(node)
    for nodes in inner.values():
        assert max(middle[node][0] for node in nodes) - min(middle[node][0] for node in nodes) < 1
    by_column: dict[int, list[float]] = {}
    for node in middle:  # in the order of making
        by_column.setdefault(round(middle[node][0]), []).append(middle[node][1])
    for heights in by_column.values():
        assert heights == sorted(heights)
    for edge in graph.edges:
        if edge.source in middle:
            assert middle[edge.source][0] < middle[edge.target][0]


@pytest.mark.parametrize("make", [example, network])
@pytest.mark.parametrize("detail", [*DETAILS, "layer"])
@pytest.mark.parametrize("marked", [False, True])
def test_other_numbers_have_the_same_geometry(make, detail, marked):
    pictures = []
    for factor in (1.0, -98.7654321, 1e-7):
        root, wrt = make(factor)
        pictures.append(boxes(draw(root, wrt if marked else None, detail=detail)))
    assert pictures[0] == pictures[1] == pictures[2]
    root.zero_grad()
    assert boxes(draw(root, wrt if marked else None, detail=detail)) == pictures[0]


def bezier(points: list[float]) -> list[float]:
    """Points along a chain of cubic Bézier curves, in one coordinate."""
    along = []
    for k in range(0, len(points) - 3, 3):
        a, b, c, d = points[k : k + 4]
        for t in (i / 20 for i in range(21)):
            along.append((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t * t * c + t**3 * d)
    return along


@pytest.mark.parametrize("make", [example, network])
@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_no_line_goes_through_a_box(make, detail, rankdir):
    root, wrt = make()
    drawing = draw(root, wrt, detail=detail, rankdir=rankdir)
    outlines = boxes(drawing)
    lines = {name: shape for name, shape in shapes(drawing).items() if name.startswith("e")}
    assert len(lines) > 5
    for name, (xs, ys) in lines.items():
        for x, y in zip(bezier(xs), bezier(ys), strict=True):
            for node, (left, top, right, bottom) in outlines.items():
                assert not (left + 2 < x < right - 2 and top + 2 < y < bottom - 2), (name, node)


def test_every_number_stands_in_the_picture_as_it_is():
    root, wrt = example(-98.7654321)
    drawing = draw(root, wrt, detail="ops")
    shown = [element.text for element in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")]
    assert f"data {root.data:.6g}" in shown
    assert not any("8.88888" in text for text in shown)
    for i, node in enumerate(fold(root, "ops").nodes):
        if not node.is_constant:
            assert f"data {rounded(node.data)}" in shown, i


def test_a_picture_higher_than_a_reader_scrolls_is_drawn_coarser():
    model = MLP(8, [10, 10, 2], activation="tanh", seed=1)
    loss = sum((out - 1) ** 2 for out in model([0.5] * 8))
    loss.label = "loss"
    for detail in ("named", "neuron"):
        drawing = draw(loss, detail=detail)
        assert "too many to read: drawn at detail='layer'" in " ".join(
            text.text or "" for text in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")
        )
        assert float(re.search(r' height="([\d.]+)"', drawing.svg)[1]) < HIGHEST


def test_size_is_in_numbers_and_shrinks_to_fit():
    svg = draw(Value(1.0, "x") * 2, detail="ops").svg
    opening = re.match(r"<svg [^>]*>", svg)[0]
    assert re.search(r' width="\d+" height="\d+" style="max-width: 100%; height: auto"', opening)
    width, height = re.search(r' width="(\d+)" height="(\d+)"', opening).groups()
    assert f'viewBox="0.00 0.00 {width}.00 {height}.00"' in opening
