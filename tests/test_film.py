"""The film of training: its numbers against training done again by hand, and its page in a real browser."""

import math
from itertools import pairwise

import pytest

from tinygrad_edu import Value, film, worked_example
from tinygrad_edu.callbacks import record_parameters
from tinygrad_edu.commands import main
from tinygrad_edu.datasets import xor
from tinygrad_edu.losses import half_squared_error
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.draw.film import some_of
from tinygrad_edu.three_layer import descend
from tinygrad_edu.train import evaluate, fit


def error_of(w):
    """Return the error of the worked example, in plain numbers."""

    def out(net):
        return 1 / (1 + math.exp(-net))

    h1, h2 = out(w[0] * 0.05 + w[1] * 0.1 + 0.35), out(w[2] * 0.05 + w[3] * 0.1 + 0.35)
    o1, o2 = out(w[4] * h1 + w[5] * h2 + 0.6), out(w[6] * h1 + w[7] * h2 + 0.6)
    return (0.01 - o1) ** 2 / 2 + (0.99 - o2) ** 2 / 2


def slopes_of(function, at, step=1e-5):
    """Return the derivatives of a function by central differences."""
    slopes = []
    for i, x in enumerate(at):
        high, low = ([*at[:i], x + by, *at[i + 1 :]] for by in (step, -step))
        slopes.append((function(high) - function(low)) / (2 * step))
    return slopes


def trained_example(steps, biases=False):
    example, history = worked_example(), {}
    example.train(steps, biases=biases, history=history)
    return example["E_total"], history


def trained_mlp(epochs):
    model = MLP(2, [2, 1], ["tanh", "sigmoid"], seed=3)
    history = fit(
        model, xor(), "half_squared_error", "sgd", epochs=epochs, progress=False, callbacks=record_parameters
    )
    return model, history


def mean_error(model):
    error = sum(half_squared_error(model(inputs), target) for inputs, target in xor()) / 4
    error.label = "E"
    return error


# --- The numbers ---


def test_the_numbers_are_those_of_training_done_by_hand():
    root, history = trained_example(30)
    weights = [0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55]
    frames = film(root, history).frames
    assert [frame.step for frame in frames] == [*range(31)]
    for frame in frames:
        slopes = slopes_of(error_of, weights)
        assert frame.error == pytest.approx(error_of(weights), rel=1e-9)
        assert [*frame.data.values()] == pytest.approx(weights, abs=1e-8)
        assert [*frame.grad.values()] == pytest.approx(slopes, abs=1e-8)
        weights = [weight - 0.5 * slope for weight, slope in zip(weights, slopes, strict=True)]


def test_published_numbers(reference):
    root, history = trained_example(1)
    before, after = film(root, history).frames
    published = reference["gradients dE_total/d"]
    assert {name: f"{grad:.9f}" for name, grad in before.grad.items()} == {
        name: f"{float(published[name]):.9f}" for name in before.grad
    }
    assert f"{after.error:.9f}" == f"{float(reference['after 1 step, weights only']['E_total']):.9f}"


def test_a_network_trained_by_fit_equals_shorter_training_of_the_same():
    model, history = trained_mlp(12)
    frames = film(mean_error(model), history, sample=3).frames
    assert [frame.step for frame in frames] == [*range(1, 13)]
    for epochs in (1, 2, 7, 12):
        again, _ = trained_mlp(epochs)
        frame = frames[epochs - 1]
        assert [*frame.data.values()] == [parameter.data for parameter in again.parameters()]
        assert frame.error == pytest.approx(evaluate(again, xor(), "half_squared_error")["loss"], rel=1e-12)
        mean_error(again).backward()
        assert [*frame.grad.values()] == pytest.approx([p.grad for p in again.parameters()], rel=1e-12)


def test_any_graph_and_its_own_values_stay_as_they_are():
    w, x = Value(3.0, "w"), Value(2.0, "x")
    root = (w * x - 1) ** 2
    root.label = "E"
    root.backward()
    before = [(value.data, value.grad) for value in (w, x, root)]
    frames = film(root, {"w": [1.0, 0.5], "loss": [7.0, 7.0]}).frames
    assert [(frame.error, frame.data, frame.grad) for frame in frames] == [
        (1.0, {"w": 1.0}, {"w": 4.0}), (0.0, {"w": 0.5}, {"w": 0.0}),
    ]  # fmt: skip
    assert [(value.data, value.grad) for value in (w, x, root)] == before


@pytest.mark.parametrize("count", [1, 2, 60, 61, 100, 1_001, 10_001, 1_000_000])
def test_of_many_steps_some_are_shown_ever_further_apart(count):
    shown = some_of(count)
    assert len(shown) == count if count <= 60 else 35 <= len(shown) <= 60
    assert (shown[0], shown[-1]) == (0, count - 1)
    gaps = [later - earlier for earlier, later in pairwise(shown)]
    assert all(gap > 0 for gap in gaps)
    if count > 60:
        assert gaps[:5] == [1] * 5
        assert gaps[-1] > gaps[len(gaps) // 2]


def test_the_same_page_every_time_small_and_sealed():
    root, history = trained_example(10_000)
    page = film(root, history).html
    assert page == film(root, history).html
    assert len(page) < 120_000  # a picture for every frame would be half a million
    assert "Content-Security-Policy" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")


# --- Mistakes ---


def test_mistakes_are_answered_in_one_sentence():
    root, history = trained_example(2)
    with pytest.raises(ValueError, match=r"holds no numbers of a leaf .* callbacks=\[record_parameters\]"):
        film(root, {"loss": [0.5, 0.4]})
    with pytest.raises(ValueError, match="holds no numbers"):
        film(root, {"w5": []})
    with pytest.raises(ValueError, match="2 numbers of 'w5' and 3 of 'w1'"):
        film(root, history | {"w5": [0.4, 0.3]})
    with pytest.raises(ValueError, match="'w5' is nan at step 1, which is no finite number"):
        film(root, history | {"w5": [0.4, math.nan, 0.3]})
    with pytest.raises(TypeError, match="half_squared_error"):
        film(MLP(2, [1]), history)
    with pytest.raises(TypeError, match="the history is a dictionary"):
        film(root, [0.4])
    with pytest.raises(ValueError, match=r'detail="neuron"'):
        film(root, history, detail="layer")
    with pytest.raises(ValueError, match="seconds=0"):
        film(root, history, seconds=0)
    with pytest.raises(ValueError, match="sample=2"):
        film(root, history, sample=2)
    x = Value(1.0, "a") * Value(2.0, "a")
    with pytest.raises(ValueError, match="2 leaves are called 'a'"):
        film(x, {"a": [1.0]})
    with pytest.raises(ValueError, match="The graph holds no network"):
        film(Value(1.0, "b") * 2.0, {"b": [1.0]}, detail="network")
    many = sum(Value(1.0, f"x{i}") for i in range(320))
    with pytest.raises(ValueError, match=r"nodes and \d+ edges are too many to read: label what matters"):
        film(many, {"x1": [1.0]})
    large = MLP(2, [30, 30, 1], seed=0)
    error = half_squared_error(large([1.0, 2.0]), 1.0)
    with pytest.raises(ValueError, match="too large to read"):
        film(error, {parameter.label: [parameter.data] for parameter in large.parameters()})


def test_parameters_are_recorded_by_labels_of_their_own():
    model = MLP(1, [2], seed=0)
    model.parameters()[0].label = "w2"
    with pytest.raises(ValueError, match="give each its own"):
        fit(
            model, [([1.0], [0, 1])], "half_squared_error", "sgd", callbacks=record_parameters, progress=False
        )


# --- The command ---


def test_the_command(tmp_path, capsys):
    path = tmp_path / "film.html"
    assert main(["film", "--steps", "3", "--output", str(path)]) == 0
    assert "3 steps of gradient descent on E_total" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == film(*trained_example(3)).html
    arguments = ["film", "w", "--expression", "(w*x-1)^2", "--at", "w=1,x=2", "--learning-rate", "0.05"]
    assert main([*arguments, "--steps", "2", "--output", str(path)]) == 0
    assert "Step 2 of 2: y = 0.1296" in path.read_text(encoding="utf-8")  # w is 1, 0.8, 0.68
    assert main(["film", "--network", "3-2", "--lang", "zh", "--steps", "1", "--output", str(path)]) == 0
    assert "第 1 步，共 1 步" in path.read_text(encoding="utf-8")
    assert main(["film", "out_h1", "--output", str(path)]) == 2
    assert "out_h1 is computed from others" in capsys.readouterr().err


# --- The page ---


@pytest.fixture
def opened(opened):
    """Open the page of a film as wide as a phone."""
    return lambda training: opened(training, width=360)


SEEN = """() => {
  const svg = document.querySelector("figure svg");
  const labels = [...svg.querySelectorAll("text")].map((text) => text.textContent);
  const lines = [...svg.querySelectorAll("g.weight")].map((line) => {
    const label = svg.querySelector(`[id="${line.id}_label"] text`).textContent;
    const path = line.querySelector("path");
    const look = ["stroke-width", "stroke-dasharray", "stroke"].map((name) => path.getAttribute(name));
    return [...label.split(" "), ...look];
  });
  const rows = [...document.querySelectorAll(".numbers tbody tr")].map((row) =>
    [...row.cells].map((cell) => cell.textContent));
  const point = document.querySelector("#point");
  const caption = document.querySelector("output").textContent;
  return { labels, lines, rows, caption, x: +point.getAttribute("cx"), y: +point.getAttribute("cy") };
}"""


def number(text):
    return float(text.replace("−", "-"))


def test_every_frame_shows_its_numbers(opened):
    root, history = trained_example(1_000)
    training = film(root, history)
    page = opened(training)
    points, largest = [], 0
    for frame in training.frames:
        seen = page.evaluate(SEEN)
        assert seen["caption"].startswith(f"Step {frame.step:,} of 1,000: E_total = ")
        assert number(seen["caption"].split(" = ")[1]) == pytest.approx(frame.error, rel=1e-5)
        data, grad = ([number(row[k]) for row in seen["rows"]] for k in (1, 2))
        assert data == pytest.approx([*frame.data.values()], rel=1e-5)
        assert grad == pytest.approx([*frame.grad.values()], rel=1e-5)
        numbers = {row[0]: (x, slope) for row, x, slope in zip(seen["rows"], data, grad, strict=True)}
        assert len(numbers) == len(seen["lines"]) == 8
        for name, label, width, dashes, colour in seen["lines"]:
            weight, slope = numbers[name]
            assert number(label) == pytest.approx(weight, abs=6e-5)
            assert float(width) == pytest.approx(min(max(2 * abs(weight), 0.5), 4), abs=0.006)
            assert (dashes != "none") == (weight < 0)
            red, _, blue = bytes.fromhex(colour[1:])
            assert (red - blue) * slope >= 0  # orange where it is positive, blue where negative
            largest = max(largest, abs(red - blue))
        points.append((seen["x"], seen["y"], frame.error))
        page.keyboard.press("ArrowRight")
    assert largest > 150  # the colours are full where the gradient is the largest
    assert points == sorted(points)
    assert [y for *_, y in points] == sorted((y for *_, y in points), reverse=True)
    (x0, y0, e0), (x1, y1, e1), (_, y2, e2) = points[0], points[20], points[-1]
    assert x0 < x1
    assert (y1 - y0) / (y2 - y0) == pytest.approx(math.log(e1 / e0) / math.log(e2 / e0), abs=0.01)


LABELS = '[...document.querySelectorAll("figure svg text")].map((text) => text.textContent)'
LINES = """[...document.querySelectorAll("figure svg g.weight path")].map(
  (path) => [+path.getAttribute("stroke-width"), path.getAttribute("stroke")])"""


def test_of_very_many_lines_each_is_coloured_though_few_have_a_label(opened):
    model = MLP(4, [8, 1], activation="tanh", seed=1)
    root = half_squared_error(model([0.5, -0.3, 0.2, 0.9]), 1.0)
    root.backward()
    weights = [parameter for parameter in model.parameters() if parameter.label.startswith("w")]
    page = opened(film(root, {weight.label: [weight.data] for weight in weights}))
    lines = page.evaluate(LINES)
    widths = [min(max(2 * abs(weight.data), 0.5), 4) for weight in weights]
    assert sorted(width for width, _ in lines) == pytest.approx(sorted(widths), abs=0.006)
    colours = [bytes.fromhex(colour[1:]) for _, colour in lines]
    orange, blue = (sum((red - blue) * sign > 0 for red, _, blue in colours) for sign in (1, -1))
    seen = max(abs(weight.grad) for weight in weights) / 20  # where it is smaller, a line may be grey
    for sign, count in ((1, orange), (-1, blue)):
        slopes = [weight.grad * sign for weight in weights]
        assert 0 < sum(slope > seen for slope in slopes) <= count <= sum(slope > 0 for slope in slopes)
    assert sum(label.startswith("w") for label in page.evaluate(LABELS)) == 8  # of the last layer


def test_a_network_is_filmed_as_a_graph_where_that_is_asked_for(opened):
    root, history = trained_example(1)
    page = opened(film(root, history, detail="named"))
    page.keyboard.press("ArrowRight")
    weights = [history[f"w{i}"][1] for i in range(1, 9)]
    expected = {f"data {error_of(weights):.6g}", *(f"data {weight:.6g}" for weight in weights)}
    assert expected <= {*page.evaluate(LABELS)}


def test_keys_buttons_and_the_scrubber(opened):
    page = opened(film(*trained_example(5), seconds=60))
    caption = page.locator("output")
    page.get_by_label("One step on").click()
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("ArrowRight")
    assert caption.inner_text().startswith("Step 2 of 5")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert caption.inner_text().startswith("Step 4 of 5")
    page.get_by_role("slider").fill("1")
    assert caption.inner_text().startswith("Step 1 of 5")
    play = page.locator('[data-control="play"]')
    play.click()
    assert play.inner_text() == "Pause"
    play.click()
    assert play.inner_text() == "Play"
    assert page.evaluate("document.documentElement.scrollWidth") == 360  # on a phone nothing is cut off


def test_it_plays_to_the_end(opened):
    page = opened(film(*trained_example(3), seconds=0.02))
    page.locator('[data-control="play"]').click()
    # No function that is waited for: under the page's policy it fails when it is tried a second time.
    page.locator("output", has_text="Step 3 of 3").wait_for()


def test_a_graph_in_chinese_with_a_hostile_name(opened):
    name = "</script><img src=x onerror=alert(1)>"
    w = Value(1.0, name)
    root = (w * 2.0 - 1.0) ** 2
    root.label = "{}'\"&<b>"
    history = {}
    descend(root, [w], 1, 0.1, history)
    page = opened(film(root, history, lang="zh"))
    assert page.locator("img").count() == 0
    assert page.locator("output").inner_text() == "第 0 步，共 1 步：{}'\"&<b> = 1"
    page.keyboard.press("ArrowRight")
    assert page.locator("#data-0").inner_text() == "0.6"
    assert "data 0.6" in page.evaluate(SEEN)["labels"]
    assert "grad 0.8" in page.evaluate(SEEN)["labels"]
    assert page.locator('[data-control="play"]').inner_text() == "播放"


def test_jupyter_shows_it():
    training = film(*trained_example(2))
    shown = training._repr_mimebundle_()
    assert shown["text/plain"] == "<Film, 3 of 3 steps>"
    assert 'sandbox="allow-scripts"' in shown["text/html"]
