"""The examples run, and do what they say."""

import importlib.util
import math
import random
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_expression_equals_plain_arithmetic(capsys):
    runpy.run_path(str(EXAMPLES / "micrograd_expression.py"))

    def result(price, cost):
        margin = price + cost
        squared = margin**2 + price * cost
        squared += squared + 1
        ratio = 6.0 / (squared - 0.5 * cost**3)
        return (ratio + max(margin - price, 0.0)) / 2.0 + 0.25 * squared

    h = 1e-5
    expected = [
        result(3.0, -1.5),
        (result(3.0 + h, -1.5) - result(3.0 - h, -1.5)) / (2 * h),
        (result(3.0, -1.5 + h) - result(3.0, -1.5 - h)) / (2 * h),
    ]
    assert [float(line) for line in capsys.readouterr().out.split()] == pytest.approx(expected, abs=1e-4)


def test_missing_names_are_one_clear_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["microgpt.py", "--names", str(tmp_path / "nope")])
    with pytest.raises(SystemExit):
        load("microgpt").main()
    assert "the names cannot be read: " in capsys.readouterr().err


def test_the_moons_demo_learns():
    lines = []
    _, accuracy = load("moons_demo").train(45, report=lines.append)
    assert accuracy == 1.0
    assert len(lines) == 6


def test_the_lecture():
    lecture = load("lecture")
    assert lecture.slope_by_nudging() == pytest.approx((-2.0, -2.0))  # dL/da = f·b
    by_hand, at_once = lecture.neuron_by_hand()
    slope = 1 - math.tanh(0.5 * 2.0 + -1.5 * 0.8 + 0.7) ** 2
    assert by_hand == at_once == pytest.approx([2.0 * slope, 0.5 * slope, 0.8 * slope, -1.5 * slope])
    first, last = lecture.four_examples()
    assert last < 0.05 * first
    lecture.main()


def microgpt_losses(module, names, steps):
    state = random.getstate()
    try:
        return module.train(names, steps, report=lambda line: None)
    finally:
        random.setstate(state)


def test_microgpt_has_its_parameters_and_learns():
    module = load("microgpt")
    names = (EXAMPLES / "names.txt").read_text().split()
    model, letters, losses = microgpt_losses(module, names, 60)
    assert len(model.parameters()) == 4192
    assert losses[0] == pytest.approx(math.log(27), abs=0.15)  # it knows nothing yet: 27 tokens alike
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
    name = module.make_up(model, letters)
    assert set(name) <= set(letters)


def test_microgpt_gradients_are_right():
    # of the example itself: nudge one parameter of every matrix
    module = load("microgpt")
    random.seed(3)
    model, tokens = module.GPT(5), [4, 0, 2, 1, 4]

    def loss():
        guesses = zip(model(tokens[:-1]), tokens[1:], strict=True)
        return sum(module.categorical_cross_entropy(*guess) for guess in guesses)

    loss().backward()
    for matrix in vars(model).values():
        weight, h = matrix[1][1], 1e-5
        weight.data += h
        up = loss().data
        weight.data -= 2 * h
        down = loss().data
        weight.data += h
        assert weight.grad == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-8)


def test_microgpts_published_losses():
    names = EXAMPLES.parent.parent / "shared" / "data" / "names.txt"
    if not names.exists():
        pytest.skip("the public file names.txt is not beside the project")
    _, _, losses = microgpt_losses(load("microgpt"), names.read_text().split(), 13)
    published = "3.3660 3.4243 3.1778 3.0664 3.2209 2.9452 3.2894 3.3245 2.8990 3.2229 2.7964 2.9345 3.0544"
    assert " ".join(f"{loss:.4f}" for loss in losses) == published


def test_the_autoencoder():
    codes, found = load("autoencoder").one_hot(progress=False)
    assert found == list(range(8))
    assert {len(code) for code in codes} == {3}
