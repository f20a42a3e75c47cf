"""Plots: what is drawn, read back from the axes."""

import importlib
import math
import sys

import pytest

from tinygrad_edu import Value
from tinygrad_edu.callbacks import record_norms
from tinygrad_edu.datasets import Dataset, moons, xor
from tinygrad_edu.nn import MLP
from tinygrad_edu.train import fit

matplotlib = pytest.importorskip("matplotlib", reason="plots need matplotlib, an extra")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402

from tinygrad_edu import plots  # noqa: E402


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_loss_curve():
    ax = plots.loss_curve({"loss": [3.0, 2.0, 1.5], "validation_loss": [3.5, 3.0, 4.0], "other": [1, 1, 1]})
    curves = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines}
    assert curves == {
        "loss": ([1, 2, 3], [3.0, 2.0, 1.5]),
        "validation loss": ([1, 2, 3], [3.5, 3.0, 4.0]),
    }
    assert {line.get_marker() for line in ax.lines} == {""}
    single = plots.loss_curve({"loss": [3.0]})
    assert single.lines[0].get_marker() == "o"  # a line of one point would be invisible
    other = plt.subplots()[1]
    assert plots.loss_curve({"loss": [1.0]}, ax=other) is other


def test_layers_over_time():
    model = MLP(2, [3, 3, 1], "sigmoid", seed=0)
    history = fit(
        model, xor(), "binary_cross_entropy", "sgd", epochs=4, callbacks=[record_norms], progress=False
    )
    weights, gradients = plots.layers_over_time(history)
    for ax, kind in ((weights, "weights"), (gradients, "gradients")):
        assert {line.get_label(): list(line.get_ydata()) for line in ax.lines} == {
            f"layers.{depth}": history[f"{kind} of layers.{depth}"] for depth in range(3)
        }
        assert ax.get_yscale() == "log"  # so that a vanishing gradient shows
    with pytest.raises(ValueError, match=r"callbacks=\[callbacks.record_norms\]"):
        plots.layers_over_time({"loss": [1.0]})


def test_norms_of_zero_are_visible():
    history = {"weights of a": [1.0, 2.0], "gradients of a": [0.0, 0.0], "gradients of b": [0.0, 1e-6]}
    weights, gradients = plots.layers_over_time(history)
    assert (weights.get_yscale(), gradients.get_yscale()) == ("log", "symlog")
    gradients.figure.canvas.draw()
    heights = [gradients.transData.transform((1, norm))[1] for norm in (0.0, 1e-6)]
    low, high = gradients.get_window_extent().intervaly
    assert low < heights[0] < heights[1] < high
    plots.layers_over_time({"weights of a": [0.0], "gradients of a": [0.0]})[1].figure.canvas.draw()


def test_decision_boundary_shows_what_the_model_says(monkeypatch):
    def model(x):
        return x[1] - x[0]  # class 1 above the diagonal

    drawn = []
    monkeypatch.setattr("matplotlib.axes.Axes.pcolormesh", lambda self, *args, **kwargs: drawn.append(args))
    data = Dataset([[0, 0], [1, 0], [0, 1], [1, 1]], [0, 0, 1, 0], columns=["width", "height"])
    ax = plots.decision_boundary(model, data, steps=5)
    xs, ys, classes = drawn[0]
    assert (xs[0], xs[-1], ys[0], ys[-1]) == pytest.approx((-0.1, 1.1, -0.1, 1.1))
    assert classes == [[int(y > x) for x in xs] for y in ys]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "height")
    assert [len(points.get_offsets()) for points in ax.collections] == [3, 1]
    with pytest.raises(ValueError, match="needs two inputs, and these examples have 1"):
        plots.decision_boundary(model, Dataset([[1]], [0]))


def ten_fields(x):
    return [Value(-abs(x[0] - kind)) for kind in range(10)]


@pytest.mark.parametrize(
    "targets",
    [[float(kind) for kind in range(10)], [[int(i == kind) for i in range(10)] for kind in range(10)]],
)
def test_ten_classes_have_ten_colours(targets):
    ax = plots.decision_boundary(ten_fields, [([kind, kind % 2], targets[kind]) for kind in range(10)])
    fields, *points = ax.collections
    colours = [tuple(fields.cmap(fields.norm(kind))[:3]) for kind in range(10)]
    assert len(set(colours)) == 10
    assert [tuple(p.get_facecolor()[0][:3]) for p in points] == colours
    assert [p.get_offsets()[0].tolist() for p in points] == [[kind, kind % 2] for kind in range(10)]


@pytest.mark.parametrize("targets", [[0, 1], [-1, 1], [[0.0], [1.0]], [[-1.0], [1.0]]])
def test_two_classes_in_any_writing(targets):
    ax = plots.decision_boundary(lambda x: Value(x[0]), list(zip([[-1, 0], [1, 0]], targets, strict=True)))
    assert [p.get_offsets().tolist() for p in ax.collections[1:]] == [[[-1, 0]], [[1, 0]]]


@pytest.mark.parametrize("outputs", [1, 3])
def test_decision_boundary_of_a_network(outputs, tmp_path):
    data = moons(20)
    ax = plots.decision_boundary(MLP(2, [2, outputs], seed=0), data, steps=8)
    ax.figure.savefig(tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").stat().st_size > 1000


def test_codes_and_images():
    ax = plots.codes([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], [7, 7, 2])
    assert [points.get_label() for points in ax.collections] == ["2", "7"]
    assert ax.collections[0].get_offsets().tolist() == [[4.0, 5.0]]
    model = MLP(2, [4], seed=0)
    ax = plots.images([[0.0, 0.25, 0.5, 1.0], model([1, 2]), [1.0] * 4], columns=2)
    sheet = ax.images[0].get_array().tolist()
    assert [row[:2] for row in sheet[:2]] == [[0.0, 0.25], [0.5, 1.0]]
    assert [row[:2] for row in sheet[3:]] == [[1.0, 1.0], [1.0, 1.0]]
    assert [len(sheet), len(sheet[0])] == [5, 5]
    with pytest.raises(ValueError, match="3 pixels make no square image"):
        plots.images([[0, 1, 2]])
    assert math.isclose(ax.images[0].norm.vmax, 1)


def test_a_class_that_is_never_predicted_has_no_field():
    def model(x):
        return [Value(-x[0]), Value(-100.0), Value(x[0])]  # class 0 on the left, 2 on the right, never 1

    ax = plots.decision_boundary(model, [([-1, 0], 0), ([0, 1], 1), ([1, 0], 2)])
    assert set(ax.collections[0].get_array().flatten().tolist()) == {0, 2}


def test_predictions_lie_on_the_diagonal_if_they_are_right():
    ax = plots.predictions(lambda x: Value(2 * x[0]), [([1.0], 2.0), ([3.0], 6.0)])
    assert ax.collections[0].get_offsets().tolist() == [[2.0, 2.0], [6.0, 6.0]]
    ax = plots.predictions(lambda x: Value(2 * x[0]), Dataset([[1.0], [3.0]], [2.0, 6.0], target="price"))
    assert ax.collections[0].get_offsets().tolist() == [[2.0, 2.0], [6.0, 6.0]]
    assert ax.get_xlabel() == "price"


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.delitem(sys.modules, "tinygrad_edu.plots")
    with pytest.raises(ImportError, match=r"^plots need matplotlib: pip install matplotlib$"):
        importlib.import_module("tinygrad_edu.plots")


def test_no_epoch_is_no_plot():
    with pytest.raises(ValueError, match="the history has no epoch to plot yet"):
        plots.loss_curve({})


def test_standardized_data_is_shown_in_its_own_units_and_names_are_no_formulas():
    rows, names = [[20.0, 1e5], [50.0, 4e5], [80.0, 2e5]], ["$a_$", "b\x1b"]
    flats = Dataset(rows, [1e5, 2e5, 4e5], names, target="$price$").standardized()
    ax = plots.predictions(MLP(2, [1], seed=1), flats)
    assert [x for x, _ in ax.collections[0].get_offsets()] == pytest.approx([1e5, 2e5, 4e5])
    assert ax.get_xlabel() == r"\$price\$"
    kinds = Dataset(rows, [0, 1, 1], names, [r"$\frac$", "ok"]).standardized()
    ax = plots.decision_boundary(MLP(2, [1], seed=1), kinds, steps=3)
    shown = [list(point) for part in ax.collections[1:] for point in part.get_offsets()]
    for point, row in zip(sorted(shown), rows, strict=True):
        assert point == pytest.approx(row)
    corners = ax.collections[0].get_coordinates()
    middle = (corners[1][1] + corners[2][2]) / 2
    assert list(middle) == pytest.approx([50.0, 2.5e5])
    assert ax.get_xlabel() == r"\$a_\$"
    ax.figure.canvas.draw()  # raises an error where a name is read as a formula


def test_a_legend_has_names_that_begin_with_an_underscore():
    """matplotlib leaves such labels out of legends, as if they were private."""
    data = Dataset([[0, 0], [1, 1]], [0, 1], classes=["_cat", "$\\dog$"])
    ax = plots.decision_boundary(MLP(2, [1], seed=1), data, steps=2)
    assert [text.get_text().strip() for text in ax.get_legend().get_texts()] == ["_cat", r"\$\dog\$"]
    history = {"loss": [1.0], "weights of _x$": [1.0], "gradients of _x$": [1.0]}
    for axes in plots.layers_over_time(history):
        assert [text.get_text().strip() for text in axes.get_legend().get_texts()] == [r"_x\$"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.images([]), "images have the same number of pixels each, and here are none"),
        (lambda: plots.images([[1] * 4, [1] * 9]), r"the same number of pixels each, and here are \[4, 9\]"),
        (lambda: plots.images([[1] * 4], columns=0), "columns is a whole number of at least 1, not 0"),
        (lambda: plots.codes([[1]], [0]), "1 codes of at least two numbers need as many classes, not 1"),
        (lambda: plots.codes([[1, 2]], [0, 1]), "need as many classes, not 2"),
        (lambda: plots.predictions(MLP(1, [1]), []), "there are no examples to plot"),
    ],
)
def test_what_cannot_be_drawn_gets_one_clear_line(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
