"""The live page in a real Chromium: what it shows, how it is operated, that it loads nothing."""

import html
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tinygrad_edu import Value, explore, topological_order, worked_example
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.explore.lessons import LESSONS
from tinygrad_edu.see.words import EN, LESSONS_EN
from tinygrad_edu.three_layer import network_example

pytestmark = pytest.mark.slow
SITE = Path(__file__).parent.parent / "docs/pages"
AXE = Path(__file__).parent.parent / "node_modules/axe-core/axe.min.js"


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page; at the end no page may have complained or asked for anything."""
    complaints: list[str] = []

    def opened(content: str, address: str = "", **options: Any) -> Any:
        path = tmp_path / f"page{len(complaints)}.html"
        path.write_text(content, encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda request: complaints.append(request.url) if "page" not in request.url else None
        )
        page.goto(path.as_uri() + address)
        return page

    yield opened
    assert complaints == []


def example_html(wrt: str = "w5", **options: Any) -> str:
    example = worked_example()
    example["E_total"].backward()
    return explore(example["E_total"], example[wrt], **options).html


def gradients(**numbers: float) -> tuple[float, dict[str, float]]:
    """Return the error of the worked example at other numbers, and all gradients."""
    example = worked_example()
    for name, number in numbers.items():
        example[name].data = number
    example["E_total"].forward()
    example["E_total"].backward()
    return example["E_total"].data, {name: value.grad for name, value in example.items()}


def spin(page: Any, name: str) -> Any:
    return page.get_by_role("spinbutton", name=name, exact=True)


def why(page: Any) -> str:
    return str(page.locator(".why").inner_text())


def mode(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_changed_weight_changes_error_gradient_and_derivation(open_page: Any) -> None:
    page = open_page(example_html())
    assert "0.082167041" in why(page)
    spin(page, "w5").fill("0,9")
    spin(page, "w5").press("Enter")
    error, gradient = gradients(w5=0.9)
    assert f"{error:.9f}" in page.locator(".result").inner_text()
    assert f"{gradient['w5']:.9f}" in why(page)
    assert f"{gradient['w1']:.6g}" in page.locator(".leaf", has=spin(page, "w1")).inner_text()


def test_arrows_step_and_escape_takes_back(open_page: Any) -> None:
    page = open_page(example_html())
    w5 = spin(page, "w5")
    w5.focus()
    w5.press("ArrowUp")
    assert w5.input_value() == "0.41"
    w5.press("Shift+ArrowDown")
    assert w5.input_value() == "0.31"
    assert w5.get_attribute("aria-valuenow") == "0.31"
    w5.press("Escape")
    assert w5.input_value() == "0.4"


@pytest.mark.parametrize("text", ["", "-", "1e999", "NaN", "infinity", "0.9.1", "two"])
def test_what_is_no_number_is_refused_and_the_old_one_stays(open_page: Any, text: str) -> None:
    page = open_page(example_html())
    w5 = spin(page, "w5")
    w5.fill(text)
    w5.press("Enter")
    assert w5.get_attribute("aria-invalid") == "true"
    assert "is not a finite number" in page.locator(".leaf [role=alert]").inner_text()
    assert "0.082167041" in why(page)
    w5.press("Escape")
    assert w5.input_value() == "0.4"


def test_the_handle_drags(open_page: Any) -> None:
    page = open_page(example_html())
    box = page.locator(".leaf", has=spin(page, "w5")).locator(".handle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=4)
    page.mouse.up()
    assert float(spin(page, "w5").input_value()) == pytest.approx(0.6)


def test_a_click_on_a_node_explains_it_and_a_factor_lights_its_edge(open_page: Any) -> None:
    page = open_page(example_html())
    page.locator("svg [role=button][aria-label^='w1,']").click()
    assert "0.000438568" in why(page)
    assert "2 paths lead from w₁ to E_total" in why(page)
    page.locator(".factors .factor").first.hover()
    assert page.locator("svg .edge.active").count() >= 1
    page.get_by_label("path 2").uncheck()
    assert "0.000668396" in page.locator(".why .trouble").inner_text()


def test_nodes_are_reached_by_keys(open_page: Any) -> None:
    page = open_page(example_html())
    assert page.locator("svg [tabindex='0']").count() == 1
    page.locator("svg [tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert "∂w₆" in why(page).replace("\n", "")


def test_the_nudge_arrives_as_the_engine_says(open_page: Any) -> None:
    page = open_page(example_html())
    before, after = worked_example(), worked_example()
    after["w5"].data = 0.41
    after["E_total"].forward()
    table = page.locator(".nudging table").inner_text()
    for name in ("net_o1", "out_o1", "E_total"):
        assert f"+{after[name].data - before[name].data:.3g}" in table


def test_steps_end_with_all_gradients_and_keys_go_back(open_page: Any) -> None:
    page = open_page(example_html(), "#mode=step&step=10")
    words = page.locator(".step")
    assert words.inner_text().startswith("The backward pass starts at E_total")
    page.keyboard.press("ArrowLeft")
    assert words.inner_text().startswith("Forward: E_total = ")
    page.get_by_role("button", name="To the end").click()
    assert page.locator(".transport output").inner_text() == "38 of 38"
    _, gradient = gradients()
    label = page.locator("svg [role=button][aria-label^='b2,']").get_attribute("aria-label")
    assert f"{gradient['b2']:.6g}" in label


def test_play_runs_to_the_end(open_page: Any) -> None:
    page = open_page(example_html(), "#mode=step&step=36")
    page.get_by_role("button", name="Play").click()
    page.get_by_text("38 of 38").wait_for()
    page.get_by_role("button", name="Play").wait_for()


def test_descent_gives_the_numbers_of_the_text(open_page: Any) -> None:
    page = open_page(example_html(), "#mode=descend")
    page.get_by_role("button", name="1 step", exact=True).click()
    assert "0.291027774" in page.locator(".result").inner_text()
    assert "0.358916480" in page.locator(".controls table").inner_text()
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="10,000 steps").click()
    assert "0.000035102" in page.locator(".result").inner_text()
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("biases too").check()
    page.get_by_role("button", name="1 step", exact=True).click()
    assert "0.285750887" in page.locator(".result").inner_text()


def test_a_rate_that_is_too_large_is_said(open_page: Any) -> None:
    x = Value(1.0, "x")
    page = open_page(explore(x.exp() * x).html, "#mode=descend")
    page.get_by_label("Learning rate").fill("-1e6")
    page.get_by_role("button", name="10 steps", exact=True).click()
    assert "Try a smaller learning rate" in page.locator(".controls [role=alert]").inner_text()


def test_the_quiz_names_the_mistake(open_page: Any) -> None:
    page = open_page(example_html(), "#mode=quiz")
    page.get_by_role("button", name="Two paths").click()
    page.get_by_role("button", name="On", exact=True).click()
    assert "0.000438568" not in why(page)
    page.get_by_role("button", name="It rises").click()
    assert "Right" in page.locator(".verdict").inner_text()
    assert "0.000438568" in why(page)
    page.get_by_role("button", name="On", exact=True).click()
    page.get_by_label("Your answer").fill("0.000668")
    page.get_by_role("button", name="Check").click()
    assert "leaves out a path" in page.locator(".verdict").inner_text()


def test_the_address_sets_and_keeps_the_state(open_page: Any) -> None:
    page = open_page(example_html(), "#v.w5=0.9&select=w7&mode=change")
    error, gradient = gradients(w5=0.9)
    assert f"{error:.9f}" in page.locator(".result").inner_text()
    assert f"{gradient['w7']:.9f}".replace("-", "−") in why(page)
    spin(page, "i1").fill("0.07")
    spin(page, "i1").press("Enter")
    page.wait_for_url("**v.i1=0.07**")
    assert "v.w5=0.9" in page.url


@pytest.mark.parametrize(
    "address", ["#v.w5=1e999&v.zzz=3&select=%E0%A4%A&mode=dance&step=-3&lang=xx", "#=&&%", "#v.#99=1"]
)
def test_an_address_of_nonsense_does_no_harm(open_page: Any, address: str) -> None:
    assert "0.082167041" in why(open_page(example_html(), address))


def test_chinese_throughout(open_page: Any) -> None:
    page = open_page(example_html(lang="zh"))
    assert page.locator("main").get_attribute("lang") == "zh"
    for name in ("单步", "下降", "测验", "改变"):
        mode(page, name)
        text = page.locator(".controls").inner_text() + why(page)
        assert not [
            word
            for word in ("the", "weight", "gradient", "path", "undefined")
            if word in text.lower().split()
        ]
    mode(page, "English")
    assert "Weights" in page.locator(".controls").inner_text()


def test_a_number_outside_the_domain_is_said_and_the_page_comes_back(open_page: Any) -> None:
    x = Value(0.5, "x")
    y = x.log() * 2
    y.label = "y"
    page = open_page(explore(y).html)
    spin(page, "x").fill("-1")
    spin(page, "x").press("Enter")
    assert "has no value" in page.locator(".why [role=alert]").inner_text()
    assert "log(−1)" in why(page)
    spin(page, "x").fill("2")
    spin(page, "x").press("Enter")
    assert "∂x" in why(page).replace("\n", "")


HOSTILE = ["</script><img src=x onerror=alert(1)>", "x" * 10_000, "step", "", "__proto__", "a&b=c#%"]


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_names_are_names(open_page: Any, label: str) -> None:
    w, x = Value(0.5, label), Value(2.0, "x")
    y = (w * x).tanh()
    page = open_page(explore(y, w).html)
    assert page.locator("img").count() == 0
    field = page.get_by_role("spinbutton").first
    field.focus()
    field.press("ArrowUp")
    assert field.input_value() == "0.51"
    for name in ("Step", "Descend", "Quiz"):
        mode(page, name)
    page.wait_for_url("**mode=quiz**")


def test_without_scripts_the_picture_and_the_derivation_stand(open_page: Any) -> None:
    page = open_page(example_html(), java_script_enabled=False)
    assert page.locator("svg").is_visible()
    assert page.locator(".why math").first.is_visible()
    assert "scripts" in page.locator(".controls").inner_text()


@pytest.mark.parametrize("width", [360, 660, 830, 1280])
def test_the_page_never_scrolls_sideways_and_the_figure_fits(open_page: Any, width: int) -> None:
    page = open_page(example_html("w1"), viewport={"width": width, "height": 700})
    for name in ("Step", "Descend", "Quiz", "Change"):
        mode(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    figure, box = (page.locator(css).bounding_box() for css in (".scroll > svg", ".scroll"))
    if width == 360:  # a phone: the figure stays readable, and scrolls in its box
        assert figure["width"] == 830
        page.locator("svg [role=button][aria-label^='E_total,']").scroll_into_view_if_needed()
        assert page.get_by_text("E_total", exact=True).first.bounding_box()["x"] < width
    else:
        assert box["x"] <= figure["x"]
        assert figure["x"] + figure["width"] <= box["x"] + box["width"] + 0.5


NOTES = """() => {
  const svg = document.querySelector(".scroll > svg"), room = svg.getBoundingClientRect(), found = [];
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim());
  const placed = texts.map((text) => [text, text.getBoundingClientRect()]);
  const boxes = [...svg.querySelectorAll(".node > path")].map((path) => [path, path.getBoundingClientRect()]);
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom;
  for (const [note, at] of placed.filter((pair) => pair[0].matches(".note"))) {
    const isIn = [room.left <= at.left, at.right <= room.right, room.top <= at.top, at.bottom <= room.bottom];
    if (isIn.includes(false)) found.push([note.textContent, "is out of the figure"]);
    for (const [other, there] of [...placed, ...boxes])
      if (other !== note && meet(at, there)) found.push([note.textContent, other.textContent || "a box"]);
  }
  return found;
}"""


def lecture_neuron() -> tuple[Value, Value]:
    """Return a neuron, one of whose inputs is 0, and the weight of that input."""
    leaves = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.8813735870195432}
    x1, x2, w1, w2, b = (Value(number, name) for name, number in leaves.items())
    out = (x1 * w1 + x2 * w2 + b).tanh()
    out.label = "o"
    return out, w2


def figures() -> dict[str, tuple[Value, Value]]:
    example = worked_example()
    x = Value(2.0, "x")
    square = x * x
    return {
        "example": (example["E_total"], example["w1"]),
        "neuron": lecture_neuron(),
        "square": (square, x),
    }


@pytest.mark.parametrize("name", figures())
def test_no_note_covers_another_text_or_sticks_out(open_page: Any, name: str) -> None:
    page = open_page(explore(*figures()[name]).html)
    leaves = page.locator(".leaves .leaf button")
    for k in range(leaves.count()):
        leaves.nth(k).click()
        assert page.locator("svg text.note", has_text="Δ").count() > 0
        assert page.evaluate(NOTES) == []
    mode(page, "Step")
    page.get_by_role("button", name="To the end").click()
    assert page.evaluate(NOTES) == []


def test_a_nudge_that_changes_nothing_has_no_ratio(open_page: Any) -> None:
    page = open_page(explore(*lecture_neuron()).html)
    assert "Predicted by the gradient: Δo = +0. Measured: +0. Difference: 0%." in page.inner_text("body")
    assert page.locator(".nudging tbody tr").last.inner_text().split("\t")[1:3] == ["+0", "–"]
    assert page.locator("svg", has_text="NaN").count() == page.get_by_text("NaN").count() == 0
    assert page.locator("svg text.note", has_text="Δ/Δ").all_text_contents() == ["Δ/Δ = 0"]


def test_a_nudge_out_of_the_domain_or_off_a_flat_point_is_no_percentage(open_page: Any) -> None:
    x = Value(0.0, "x")
    page = open_page(explore(x * x).html)
    assert page.locator(".nudging p").inner_text().strip().endswith("Measured: +0.0001.")
    x = Value(0.995, "x")
    page = open_page(explore((1 - x).log()).html)
    assert page.locator(".nudging p").inner_text().strip().endswith("Measured: –.")
    assert page.get_by_text("NaN").count() == 0


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is installed by npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Any, scheme: str) -> None:
    page = open_page(example_html("w1"), color_scheme=scheme)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for name in ("Change", "Step", "Descend", "Quiz"):
        mode(page, name)
        found = page.evaluate("axe.run().then(({violations}) => violations)")
        serious = [
            (violation["id"], node["html"][:200], node["failureSummary"])
            for violation in found
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]
        assert not serious, name


def test_in_a_closed_frame_the_page_is_live(open_page: Any) -> None:
    example = worked_example()
    example["E_total"].backward()
    frame_html = explore(example["E_total"], example["w5"])._repr_mimebundle_()["text/html"]
    page = open_page(f"<!DOCTYPE html><title>notebook</title>{frame_html}")
    inner = page.frame_locator("iframe")
    field = inner.get_by_role("spinbutton", name="w5", exact=True)
    field.focus()
    field.press("ArrowUp")
    assert field.input_value() == "0.41"


def test_a_network_and_a_large_graph_open(open_page: Any) -> None:
    model = MLP(3, [4, 2])
    outputs = model([0.5, -1.0, 2.0])
    loss = sum((output - 1.0) ** 2 for output in outputs)
    loss.label = "E"
    page = open_page(explore(loss).html)
    assert page.get_by_role("spinbutton").count() == len(model.parameters()) + 3
    leaves = [Value(i / 100, f"x{i}") for i in range(90)]
    total = leaves[0]
    for leaf in leaves[1:]:
        total = (total + leaf).tanh()
    page = open_page(explore(total).html)
    spin(page, "x89").fill("0.5")
    spin(page, "x89").press("Enter")
    leaves[89].data = 0.5
    total.forward()
    assert f"{total.data:.9f}" in page.locator(".result").inner_text()


def test_a_data_set_is_descended_on_average_and_its_samples_can_be_chosen(open_page: Any) -> None:
    samples = [{"i1": x, "i2": y, "target_o1": float(x * y < 0)} for x in (-1.0, 1.0) for y in (-1.0, 1.0)]
    root = network_example([2, 3, 1], "tanh")
    page = open_page(explore(root, samples=samples).html, "#mode=descend")
    leaves = {value.label: value for value in topological_order(root) if not value.args}
    weights = [leaf for leaf in leaves.values() if leaf.group and leaf.group.role == "weight"]
    for _ in range(2):  # one step in Python: the gradients are averages, the updates come after all of them
        errors = []
        for leaf in leaves.values():
            leaf.grad = 0.0
        for sample in samples:
            for name, number in sample.items():
                leaves[name].data = number
            root.forward()
            root.backward()
            errors.append(root.data)
        mean = sum(errors) / len(samples)
        assert f"{mean:.9f}" in page.locator(".result").inner_text()
        for weight in weights:
            weight.data -= 0.5 * weight.grad / len(samples)
        page.get_by_role("button", name="1 step", exact=True).click()
    assert page.locator(".plane circle").count() == 4
    page.get_by_role("button", name="Sample 2").click()
    mode(page, "Change")
    assert [spin(page, name).input_value() for name in ("i1", "i2")] == ["−1", "1"]


@pytest.mark.parametrize("name", ["index", "worked_example", "network_3_4_2", "moons"])
def test_the_pages_of_the_site_open(open_page: Any, name: str) -> None:
    page = open_page((SITE / f"{name}.html").read_text(encoding="utf-8"))
    assert page.locator("h1").is_visible()


def test_every_step_of_every_lesson_opens(open_page: Any) -> None:
    page = open_page(example_html(), "#mode=quiz")
    for lesson, steps in LESSONS.items():
        page.get_by_role("button", name=EN[f"lesson_{lesson}"]).click()
        for step in steps[1:]:
            page.get_by_role("button", name="On", exact=True).click()
            assert page.locator(".lesson").inner_text() == LESSONS_EN[step["say"]]


def test_a_label_is_text_in_the_title(open_page: Any) -> None:
    x = Value(1.0, "x")
    y = x.exp()
    y.label = "<b>y</b>"
    page = open_page(explore(y, x).html)
    assert page.title() == "The graph of <b>y</b>, live"
    assert page.locator("h1").inner_text() == page.title()


WIDGET = """<!DOCTYPE html><meta charset="utf-8"><div id="cell"></div>
<script type="module">
ESM
</script>
"""
RUN = """
const model = { get: (name) => traits[name], set: (change) => Object.assign(traits, change),
                save_changes() {}, on() {} };
const traits = window.traits = {};
window.reached = [];
document.addEventListener("keydown", (event) => window.reached.push(event.key)); // as a notebook does
shown.render({ model, el: document.querySelector("#cell") });
"""


def test_the_widget_keeps_its_keys_from_the_notebook(open_page: Callable[..., Any]) -> None:
    example = worked_example()
    widget = explore(example["E_total"], example["w5"]).widget()
    page = open_page(WIDGET.replace("ESM", widget._esm.replace("export default", "const shown =") + RUN))
    page.get_by_role("button", name="Step", exact=True).click()
    for key in ("d", "d", "x", "ArrowRight"):
        page.keyboard.press(key)
    assert page.evaluate("window.reached") == []
    page.get_by_role("button", name="Change", exact=True).click()
    spin(page, "w5").fill("0.9")
    spin(page, "w5").press("Enter")
    assert page.evaluate("window.reached") == []
    widget.numbers = page.evaluate("window.traits.numbers")  # what the notebook would do
    assert example["w5"].data == 0.9
    assert example["E_total"].data == pytest.approx(gradients(w5=0.9)[0], abs=1e-15)


def test_a_frame_that_is_shown_later_has_its_notes_where_a_page_has_them(open_page: Any) -> None:
    """A notebook makes the frames of its outputs before it shows them; nothing can be measured until then."""
    page = open_page(example_html())
    places = "notes => notes.map(note => [note.getAttribute('x'), note.getAttribute('y')])"
    page.wait_for_selector(".explore.live")
    expected = page.locator("svg .note").evaluate_all(places)

    source = html.escape(example_html())
    frame = f'<iframe style="display: none; width: 1280px; height: 800px" srcdoc="{source}"></iframe>'
    outer = open_page(f"<!doctype html><title>notebook</title>{frame}")
    inner = outer.frame_locator("iframe")
    assert inner.locator(".explore.live").count() == 0
    outer.locator("iframe").evaluate("frame => { frame.style.display = 'block'; }")
    inner.locator(".explore.live").wait_for()
    assert inner.locator("svg .note").evaluate_all(places) == expected
