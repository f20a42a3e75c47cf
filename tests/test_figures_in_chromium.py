"""The figure of a network as a browser lays it out, measured in Chromium."""

import re
from itertools import pairwise

import pytest

from tinygrad_edu import Style, draw, worked_example
from tinygrad_edu.nn import MLP

MEASURE = """() => {
  const svg = document.querySelector("svg"), scope = svg.id + "-";
  const rect = element => {
    const r = element.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom] };
  const point = (path, at) => {
    const p = path.getPointAtLength(at).matrixTransform(path.getScreenCTM()); return [p.x, p.y] };
  const texts = [...svg.querySelectorAll("text")].filter(t => t.textContent.trim()).map(t => ({
    text: t.textContent, at: t.closest("g").id.replace(scope, ""), box: rect(t),
    size: parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a }));
  const boxes = {};
  for (const node of svg.querySelectorAll("g.node")) {
    const shape = node.querySelector("path, polygon, ellipse");
    if (shape) boxes[node.id.replace(scope, "")] = rect(shape);
  }
  const lines = [...svg.querySelectorAll("g.edge")].map(edge => {
    const path = edge.querySelector("path"), head = edge.querySelector("polygon");
    const points = [...Array(101).keys()].map(k => point(path, path.getTotalLength() * k / 100));
    const flow = edge.classList.contains("flow");
    return { id: edge.id.replace(scope, ""), flow, points, head: head && rect(head) } });
  return { svg: rect(svg), texts, boxes, lines };
}"""


def measured(browser, drawing, column: int | None = None):
    page = browser.new_page(viewport={"width": 1900, "height": 1100})
    width = f"width: {column}px" if column else ""
    page.set_content(f'<!doctype html><body style="margin: 0"><div style="{width}">{drawing.svg}</div>')
    found = page.evaluate(MEASURE)
    page.close()
    return found


def loss_of(sizes, bias="neuron"):
    model = MLP(*sizes, activation="tanh", bias=bias, seed=1)
    outputs = model([0.5, -0.25, 1.0, 0.75][: sizes[0]])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    loss = sum((out - 1) ** 2 for out in outputs)
    loss.label = "loss"
    return loss, {parameter.label: parameter for parameter in model.parameters()}


def mlp(*sizes, bias="neuron"):
    return lambda: loss_of(sizes, bias)


def example():
    values = worked_example()
    return values["E_total"], values


FIGURES = {
    "worked example": (example, ["w5", "w1", "w7", "b1", "b2", "i2", "out_h2", None]),
    "3-4-2": (mlp(3, [4, 2]), ["w5", "w14", "b2", None]),
    "3-4-2 shared": (mlp(3, [4, 2], bias="shared"), ["w12", "b1", "b2"]),
    "2-8-8-1": (mlp(2, [8, 8, 1]), ["w5", "w30", "w85", "b3", None]),
    "2-8-8-1 shared": (mlp(2, [8, 8, 1], bias="shared"), ["w16", "b2"]),
    "4-8-8-2": (mlp(4, [8, 8, 2]), ["w10", "w40", "w100", None]),
    "4-8-8-2 shared": (mlp(4, [8, 8, 2], bias="shared"), ["w10", "b1"]),
}
CASES = [(name, wrt, None) for name, (_, asked) in FIGURES.items() for wrt in asked]
CASES += [("worked example", wrt, size) for size in ("slide", "a4", (390, 700)) for wrt in ("w1", "w3", "b1")]
CASES += [("3-4-2", "w5", "slide"), ("2-8-8-1 shared", "b2", "slide")]
IDS = [f"{name}, {wrt}, {size or 'natural'}" for name, wrt, size in CASES]


@pytest.fixture(scope="module", params=CASES, ids=IDS)
def figure(request, browser):
    name, wrt, size = request.param
    root, values = FIGURES[name][0]()
    return measured(browser, draw(root, wrt and values[wrt], style=Style(size)))


def columns(figure) -> dict[int, list[list[float]]]:
    found: dict[int, list[tuple[int, list[float]]]] = {}
    for name, box in figure["boxes"].items():
        unit = re.fullmatch(r"u(\d+)_(\d+)", name)
        if unit:
            found.setdefault(int(unit[1]), []).append((int(unit[2]), box))
    return {column: [box for _, box in sorted(found[column])] for column in sorted(found)}


def test_units_stand_in_columns_in_their_natural_order(figure):
    right = 0.0
    for boxes in columns(figure).values():
        assert max(box[0] for box in boxes) - min(box[0] for box in boxes) < 0.5
        assert min(box[0] for box in boxes) > right
        right = max(box[2] for box in boxes)
        for above, below in pairwise(boxes):
            assert above[3] < below[1]


def test_no_two_texts_overlap(figure):
    texts = figure["texts"]
    for i, one in enumerate(texts):
        for other in texts[:i]:
            left, top, right, bottom = one["box"]
            x, y, x2, y2 = other["box"]
            wide, high = min(right, x2) - max(left, x), min(bottom, y2) - max(top, y)
            assert wide < 0.5 or high < 1, (one["text"], other["text"], wide, high)


def test_every_text_is_inside_the_picture_and_inside_its_box(figure):
    left, top, right, bottom = figure["svg"]
    for text in figure["texts"]:
        box = text["box"]
        assert left <= box[0] < box[2] <= right, text
        assert top - 1 <= box[1] < box[3] <= bottom + 1, text
        unit = re.match(r"([ub]\d+(?:_\d+)?)(?:_\d+|_name)?$", text["at"])
        if unit:
            around = figure["boxes"][unit[1]]
            assert around[0] <= box[0] < box[2] <= around[2], text


def test_no_marked_line_crosses_a_box(figure):
    for line in figure["lines"]:
        if line["flow"]:
            for name, (left, top, right, bottom) in figure["boxes"].items():
                if re.fullmatch(r"u\d+_\d+|b\d+", name):
                    inside = [
                        (x, y)
                        for x, y in line["points"]
                        if left + 2 < x < right - 2 and top + 2 < y < bottom - 2
                    ]
                    assert not inside, (line["id"], name)


def test_arrowheads_of_the_backward_flow_are_at_the_senders(figure):
    for line in figure["lines"]:
        if line["flow"]:
            middle = sum(x for x, _ in line["points"]) / len(line["points"])
            left, _, right, _ = line["head"]
            assert (left + right) / 2 < middle, line["id"]


def test_labels_of_weights_are_in_the_order_of_the_weights(figure):
    labels: dict[tuple[int, float], list[tuple[float, int]]] = {}
    for text in figure["texts"]:
        line = re.fullmatch(r"u(\d+)_\d+-u\d+_\d+_label", text["at"])
        if line:
            number = int(
                re.match("w([₀-₉]+)", text["text"])[1].translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
            )
            middle = (text["box"][0] + text["box"][2]) / 2
            labels.setdefault((int(line[1]), round(middle)), []).append((text["box"][1], number))
    for column in labels.values():
        assert [number for _, number in sorted(column)] == sorted(number for _, number in column)


def test_there_are_marked_lines_where_there_should_be(browser):
    root, values = example()
    found = measured(browser, draw(root, values["w1"]))
    assert len([line for line in found["lines"] if line["flow"]]) == 7


@pytest.mark.parametrize("wrt", ["w1", "w5", "b1", "i1", None])
def test_the_worked_example_fits_a_page_of_830_pixels(browser, wrt):
    root, values = example()
    found = measured(browser, draw(root, wrt and values[wrt]), column=830)
    left, top, right, bottom = found["svg"]
    assert right - left == pytest.approx(830, abs=0.5)
    assert (right - left) / (bottom - top) <= 3.2
    assert min(text["size"] for text in found["texts"]) >= 10


@pytest.mark.parametrize("wrt", ["w1", "w5", "b1", "i1", None])
def test_letters_on_a_slide_are_20_pixels_high(browser, wrt):
    root, values = example()
    found = measured(browser, draw(root, wrt and values[wrt], style=Style("slide")))
    assert found["svg"] == [0, 0, 1280, 720]
    assert min(text["size"] for text in found["texts"]) >= 20


def test_numbers_of_every_width_fit_on_a_slide(browser):
    root, values = example()
    for name, number in {
        "w1": -1e-300,
        "w5": -0.000123,
        "w7": -98765.4,
        "i1": -1.23e-5,
        "b2": -12345.6,
    }.items():
        values[name].data = number
    root.forward()
    found = measured(browser, draw(root, values["w1"], style=Style("slide")))
    test_every_text_is_inside_the_picture_and_inside_its_box(found)
    test_no_two_texts_overlap(found)


@pytest.mark.parametrize("markup", ["table", "image"])
def test_the_picture_has_its_natural_size_where_there_is_room(browser, markup, tmp_path):
    root, values = example()
    drawing = draw(root, values["w5"])
    width, height = (int(side) for side in re.findall(r' (?:width|height)="(\d+)"', drawing.svg)[:2])
    page = browser.new_page(viewport={"width": 1900, "height": 1100})
    path = drawing.save(tmp_path / "figure.svg")
    inside = (
        f"<table><tr><td>{drawing.svg}</td></tr></table>" if markup == "table" else f'<img src="{path.name}">'
    )
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{inside}", encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    box = page.locator("svg" if markup == "table" else "img").bounding_box()
    assert (box["width"], box["height"]) == (width, height)
    page.close()


HARD = [
    "ΣΩΨΦΞΛΔΠΓΘ",
    "щщщщщщщщщщ",
    "漢字漢字漢字",
    "👩‍👩‍👧‍👦👨‍👩‍👧",
    "شبکهٔ عصبی",
    "WWWWWWWWWWWWWWW",
    "a very long name of a weight",
]


@pytest.mark.parametrize("label", HARD, ids=ascii)
def test_long_and_wide_labels_fit(browser, label):
    root, values = example()
    for name in ("w1", "w2", "i1", "b1", "out_h1", "E_total"):
        values[name].label = label
    found = measured(browser, draw(root, values["w1"]))
    test_every_text_is_inside_the_picture_and_inside_its_box(found)
    test_no_two_texts_overlap(found)
    test_units_stand_in_columns_in_their_natural_order(found)


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2, of "rgb(r, g, b)"."""
    channels = [int(channel) / 255 for channel in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("scheme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(30, 30, 30)")]
)
def test_every_text_is_legible_on_light_and_on_dark(browser, scheme, background):
    root, values = example()
    page = browser.new_page(color_scheme=scheme)
    page.set_content(draw(root, values["w1"]).svg)
    fills = page.evaluate(
        "[...document.querySelectorAll('text')].map(t => [t.textContent, getComputedStyle(t).fill])"
    )
    assert len({fill for _, fill in fills}) == 3  # plain, and both signs of the flow
    for text, fill in fills:
        brighter, darker = sorted([luminance(fill), luminance(background)], reverse=True)
        assert (brighter + 0.05) / (darker + 0.05) >= 4.5, (text, fill)
    page.close()
