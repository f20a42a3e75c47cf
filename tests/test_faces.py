"""What objects show in Jupyter: their pictures, their formulas and their text."""

import base64
import re
import sys

import pytest

from tinygrad_edu import Value, check_gradient, diagnose, explain, explore, function, handout, worked_example
from tinygrad_edu.callbacks import History
from tinygrad_edu.datasets import Dataset, xor
from tinygrad_edu.nn import MLP


def face(thing):
    """Return what a notebook stores for a thing, as its kernel asks for it."""
    formatters = pytest.importorskip("IPython.core.formatters", reason="IPython is no part of the product")
    data, _ = formatters.DisplayFormatter().format(thing)
    return data


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def picture(html):
    return base64.b64decode(re.search('base64,([^"]*)"', html)[1]).decode()


def test_a_network_shows_the_textbooks_figure_of_itself():
    model = MLP(2, [2, 1], "tanh", seed=1)
    shown = face(model)
    svg = shown["image/svg+xml"]
    w = [parameter.data for parameter in model.parameters() if parameter.label.startswith("w")]
    # Inputs are 1 and biases 0: a net is the sum of the weights that lead to it.
    for net in (w[0] + w[1], w[2] + w[3]):
        assert f"{net:.4f}".rstrip("0").replace("-", "−") in texts(svg)
    assert {"i₁", "i₂", "h₁", "h₂", "o₁"} <= {*texts(svg)}
    assert not any("E" in text for text in texts(svg)[:-1])  # nothing is made of the outputs
    alt = "A network: 2 inputs; 2 neurons (tanh), 6 parameters; 1 neuron (linear), 3 parameters"
    assert f'aria-label="{alt}"' in svg
    assert f'alt="{alt}"' in shown["text/html"]
    assert shown["text/plain"] == f"{model!r}\n\n{model.summary()}"
    assert all(parameter.grad == 0.0 for parameter in model.parameters())


def test_several_outputs_are_not_added_up_in_the_figure():
    shown = texts(face(MLP(2, [2, 2], seed=1))["image/svg+xml"])
    assert {"o₁", "o₂"} <= {*shown}
    assert not {"E", "sum", "v1"} & {*shown}


def test_a_larger_network_shows_its_layers_and_a_very_large_one_its_table():
    assert "out_h₁: 16 Values" in texts(face(MLP(2, [16, 16, 1], seed=1))["image/svg+xml"])
    large = MLP(100, [60, 1], seed=1)
    assert face(large) == {"text/plain": f"{large!r}\n\n{large.summary()}"}


def test_a_network_that_overflows_shows_its_table():
    model = MLP(2, [1], seed=1)
    for parameter in model.parameters():
        parameter.data = 1e308
    assert [*face(model)] == ["text/plain"]


def test_the_worked_example_shows_its_figure():
    shown = face(worked_example())
    assert {"0.2984", "0.5933"} <= {*texts(shown["image/svg+xml"])}  # Mazur's E_total and out_h1
    assert shown["text/plain"] == "<WorkedExample: E_total = 0.298371109>"


def test_a_history_shows_the_curve_of_its_loss():
    pytest.importorskip("matplotlib", reason="plots need matplotlib, an extra")
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    history = History(loss=[3.0, 2.0, 1.0])
    shown = face(history)
    svg = picture(shown["text/html"])
    curve = re.search(r'id="line2d_\d+">\s*<path d="([^"]*)" clip-path[^>]*#0072b2', svg)[1]
    points = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", curve)]
    (x1, y1), (x2, y2), (x3, y3) = points  # equal steps to the right, and down
    assert (x2 - x1, y2 - y1) == pytest.approx((x3 - x2, y3 - y2))
    assert x1 < x2
    assert y1 < y2
    assert shown["text/plain"] == "<History of 3 epochs, loss 1>"
    assert plt.get_fignums() == before  # else the notebook would show it twice
    assert face(history)["text/html"] == shown["text/html"]
    assert [*face(History())] == ["text/plain"]


def test_without_matplotlib_a_history_shows_a_table(monkeypatch):
    monkeypatch.setitem(sys.modules, "tinygrad_edu.plots", None)
    monkeypatch.delattr("tinygrad_edu.plots", raising=False)
    history = History(loss=[1.0 / k for k in range(1, 101)], accuracy=[0.5] * 100)
    lines = face(history)["text/markdown"].splitlines()
    assert lines[0] == "| epoch | loss | accuracy |"
    assert lines[2] == "| 1 | 1 | 0.5 |"
    assert lines[-1] == "| 100 | 0.01 | 0.5 |"
    assert len(lines) <= 2 + 12
    assert face(History(loss=[0.5]))["text/markdown"].splitlines()[2:] == ["| 1 | 0.5 |"]


def test_a_plot_brings_both_backgrounds_and_stays_matplotlibs():
    matplotlib = pytest.importorskip("matplotlib", reason="plots need matplotlib, an extra")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    from tinygrad_edu import plots

    ax = plots.loss_curve({"loss": [2.0, 1.0]})
    ax.set_title("mine <b>")
    shown = face(ax.figure)
    svg = picture(shown["text/html"])
    assert "prefers-color-scheme: dark" in svg
    assert 'alt="Plot: mine &lt;b&gt;"' in shown["text/html"]
    colours = {*re.findall(r"#[0-9a-f]{6}", svg.split("</style>", 1)[1])}
    assert colours <= {"#000000", "#ffffff", "#0072b2", "#cccccc"}  # what the style knows, and data
    assert ax.figure.number in plt.get_fignums()
    ax.figure.set_facecolor("black")  # the reader's own choice
    assert "text/html" not in face(ax.figure)
    plt.close("all")


def luminance(colour):
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("colour", "least"), [("#f0f0f0", 4.5), ("#0072B2", 3.0), ("#D55E00", 3.0)])
def test_what_a_plot_shows_on_dark_stands_out(colour, least):
    from tinygrad_edu.see.draw import theme

    light, dark = (
        luminance([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for text in (colour, theme.DARK_FILL)
    )
    assert (light + 0.05) / (dark + 0.05) >= least


def test_a_data_set_shows_its_first_examples():
    shown = face(
        Dataset([[k, 2 * k] for k in range(9)], [k % 2 for k in range(9)], ["a|b", "c"], ["no", "yes"])
    )
    assert shown["text/markdown"].splitlines()[2:] == [
        r"| a\|b | c | target |", "|--:|--:|--:|", "| 0 | 0 | no |", "| 1 | 2 | yes |", "| 2 | 4 | no |",
        "| 3 | 6 | yes |", "| 4 | 8 | no |",
    ]  # fmt: skip
    assert shown["text/plain"] == "<Dataset: 9 examples of 2 inputs, 2 classes>"
    assert "| 0 | 1 | 1 |" in face(xor())["text/markdown"]
    wide = face(Dataset([[1.0] * 50], [[0.0] * 50]))["text/markdown"].splitlines()
    assert wide[-1].count("|") == 1 + 8 + 1 + 1


def test_a_check_a_diagnosis_and_a_function_show_what_print_shows():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    y = a * b
    check, function_of = check_gradient(y), function([a, b], y)
    assert "| a | 2 | 3 | 3 |" in face(check)["text/markdown"]
    assert face(function_of)["text/markdown"] == f"```text\n{function_of}\n```"
    for thing in (check, diagnose(y), function_of):
        assert face(thing)["text/plain"] == str(thing)


HOSTILE = ["<img src=x onerror=alert(1)>", "</script>", "<!--", "a$$b", "$x", "`<b>`", "&lt;i&gt;", "[a](b)"]


@pytest.mark.parametrize("label", HOSTILE)
def test_a_label_is_no_element_in_markdown(label):
    x, y = Value(2.0, label), Value(3.0, "y")
    for markdown in (
        explain(x * y, y).markdown,
        face(diagnose(x * Value(float("inf"), label)))["text/markdown"],
    ):
        assert not re.search(r"(?<!\\)<[A-Za-z/!?]", markdown)
        formulas = re.split(r"(?<!\\)\$\$", markdown)
        assert len(formulas) % 2 == 1  # every formula ends
        assert not any("&" in re.sub(r"\\&|&#36;", "", text) for text in formulas[::2])


def test_everything_that_jupyter_shows_reads_well_as_text():
    example = worked_example()
    root, w5 = example["E_total"], example["w5"]
    for thing in (root, explain(root, w5), handout(root, w5), explore(root, w5), example):
        text = face(thing)["text/plain"]
        assert text
        assert " object at 0x" not in text
