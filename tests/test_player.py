"""The page of an animation in a real browser: steps, keys, the scrubber, and that it asks for nothing."""

import re

import pytest

from tinygrad_edu import Value, animate, worked_example


def shown(page):
    """Return the texts of the picture that can be seen, in their order."""
    return page.evaluate(
        """() => [...document.querySelectorAll("figure text")]
        .filter((text) => getComputedStyle(text).visibility === "visible").map((text) => text.textContent)"""
    )


def test_every_step_shows_what_the_frame_shows(opened):
    example = worked_example()
    animation = animate(example["E_total"], example["w5"])
    page = opened(animation)
    for step in range(len(animation.steps) + 1):
        frame = re.sub(
            r'<(\w+) [^>]*visibility="hidden"[^>]*>.*?</\1>', "", animation.frame(step), flags=re.DOTALL
        )
        assert [text for text in shown(page) if text.strip()] == [
            text for text in re.findall(r"<text[^>]*>(.*?)</text>", frame) if text.strip()
        ]
        page.keyboard.press("ArrowRight")


def test_keys_buttons_and_the_scrubber(opened):
    x = Value(0.5, "x")
    y = (x * x).tanh()
    y.label = "y"
    animation = animate(y)
    page = opened(animation)
    caption = page.locator("output")
    assert caption.inner_text().startswith("Forward, step 1 of")
    page.get_by_label("One step on").click()
    assert "step 2 of" in caption.inner_text()
    page.keyboard.press("ArrowLeft")  # the button has the focus, so arrows belong to it
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("ArrowLeft")
    assert "step 1 of" in caption.inner_text()
    page.keyboard.press("End")
    assert caption.inner_text().startswith("Done")
    page.get_by_role("slider").fill("0")
    assert "step 1 of" in caption.inner_text()
    page.keyboard.press("Home")
    assert "step 1 of" in caption.inner_text()


def test_the_controls_stay_in_sight_below_a_picture_higher_than_the_window(opened):
    example = worked_example()
    page = opened(animate(example["E_total"], example["w5"]))
    page.set_viewport_size({"width": 830, "height": 480})
    assert page.locator("figure").bounding_box()["height"] > 480
    controls = page.locator("nav").bounding_box()
    assert controls["y"] + controls["height"] <= 480


def test_it_plays_pauses_and_stops_at_the_end(opened):
    x = Value(0.5, "x")
    animation = animate(x * 2.0, seconds=0.02)
    page = opened(animation)
    button = page.locator('[data-control="play"]')
    button.click()
    page.locator("output", has_text=re.compile("^Done")).wait_for()
    page.locator('[data-control="play"]', has_text=re.compile("^Play$")).wait_for()
    page = opened(animate(x * 2.0, seconds=60))
    button.click()
    assert button.inner_text() == "Pause"
    button.click()
    assert button.inner_text() == "Play"


def test_the_backward_pass_alone(opened):
    example = worked_example()
    both = animate(example["E_total"], example["w1"])
    backward = animate(example["E_total"], example["w1"], passes="backward")
    assert [str(step) for step in backward.steps] == [
        str(step) for step in both.steps if step.phase == "backward"
    ]
    page = opened(backward)
    assert "data 0.593270" in shown(page) or "data 0.59327" in shown(page)  # the forward pass is done
    with pytest.raises(ValueError, match="passes='back' is not known"):
        animate(example["E_total"], passes="back")


def test_hostile_names_are_text(opened):
    name = "</script><img src=x onerror=alert(1)>"
    x = Value(0.5, name)
    y = x * 2.0
    y.label = "{}'\"&<b>"
    page = opened(animate(y))
    assert page.locator("img").count() == 0
    assert any("onerror" in text for text in shown(page))


HEADS = """() => [...document.querySelectorAll("figure polygon")]
  .filter((shape) => getComputedStyle(shape).visibility === "visible")
  .filter((shape) => shape.getAttribute("fill") !== "none")
  .map((shape) => shape.getBoundingClientRect()).filter((box) => box.width < 30).map((box) => box.left)"""


def test_an_arrow_points_forward_in_the_forward_pass_and_back_in_the_backward_pass(opened):
    x = Value(0.5, "x")
    y = x.tanh()
    y.label = "y"
    animation = animate(y, x)  # y is computed; y.grad = 1; x.grad
    page = opened(animation)
    nodes = page.locator("figure .node")
    x_box, y_box = nodes.first.bounding_box(), nodes.last.bounding_box()
    middle = (x_box["x"] + x_box["width"] + y_box["x"]) / 2
    assert all(head > middle for head in page.evaluate(HEADS))
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    heads = page.evaluate(HEADS)
    assert heads
    assert all(head < middle for head in heads)
    page = opened(animate(y))  # without wrt, an edge is lit beside its line
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert min(page.evaluate(HEADS)) < middle


def test_frames_as_png(tmp_path):
    x = Value(0.5, "x")
    animation = animate(x * x)
    last = animation.save(tmp_path / "frame.png")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"frame_{k}.png" for k in range(len(animation.steps) + 1)]
    assert last.name == names[-1]
    assert last.read_bytes().startswith(b"\x89PNG")
