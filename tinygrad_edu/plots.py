"""Plots of training and of its results; they need matplotlib (``pip install matplotlib``).

Each function draws into the axes ``ax``, or into a new figure if none are given, and returns the axes, so
that ``ax.figure.savefig("plot.svg")`` saves the figure. A notebook shows such a new figure on a light or a
dark background, as the reader's system is.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_edu._common.checks import as_list, whole
from tinygrad_edu._common.text import one_line
from tinygrad_edu._module import Module
from tinygrad_edu.datasets import Dataset, Examples
from tinygrad_edu.metrics import as_number, predicted_class, target_class
from tinygrad_edu.see.draw import render, theme

try:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ImportError:
    raise ImportError("plots need matplotlib: pip install matplotlib") from None

# Okabe and Ito's colours, which colour-blind readers can distinguish, and two more, for ten digits.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000"]
COLOURS += ["#999999", "#882255"]

# matplotlib writes black text without a colour, black lines and white areas with one.
DARK = f"""<style>
@media (prefers-color-scheme: dark) {{
svg {{ background: {theme.DARK_FILL}; fill: {theme.DARK_TEXT} }}
[style*="fill: #ffffff"] {{ fill: {theme.DARK_FILL} !important }}
[style*="fill: #000000"] {{ fill: {theme.DARK_TEXT} !important }}
[style*="stroke: #000000"] {{ stroke: {theme.DARK_TEXT} !important }}
}}
</style>
"""


class Plot(Figure):
    """A figure of matplotlib that Jupyter shows on a light or a dark background."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        if self.get_facecolor() != (1, 1, 1, 1):  # the reader has chosen colours
            return {}
        file = io.StringIO()
        with plt.rc_context({"svg.hashsalt": "plot", "svg.fonttype": "path"}):  # the same bytes every time
            self.savefig(file, format="svg", metadata={"Date": None})
        svg = file.getvalue()
        start = svg.index("<defs>")
        titles = ", ".join(filter(None, (ax.get_title() for ax in self.axes)))
        return {
            "text/html": render.mimebundle(svg[:start] + DARK + svg[start:], f"Plot: {titles}")["text/html"],
            "text/plain": repr(self),
        }


def _new_axes(rows: int = 1, columns: int = 1, **options: Any) -> Any:
    return plt.figure(FigureClass=Plot, layout="constrained", **options).subplots(rows, columns)


def loss_curve(history: Mapping[str, Sequence[float]], ax: Axes | None = None) -> Axes:
    """Plot the loss of each epoch, and that of the validation examples if there are some.

    Args:
        history: what ``train.fit`` returned.
        ax: the axes to draw into.

    Raises:
        ValueError: if no epoch was completed.
    """
    ax = ax or _new_axes()
    if not history.get("loss"):
        raise ValueError("the history has no epoch to plot yet")
    for name, style in (("loss", "-"), ("validation_loss", "--")):
        if name in history:
            _curve(ax, history[name], linestyle=style, color=COLOURS[0], label=name.replace("_", " "))
    ax.set(xlabel="epoch", ylabel="loss", title="loss")
    ax.legend()
    return ax


def layers_over_time(history: Mapping[str, Sequence[float]], axes: Any = None) -> Any:
    """Plot the norms of the weights and of the gradients of each layer, epoch by epoch.

    If gradients vanish, the curves of the first layers lie below those of the last ones.

    Args:
        history: what ``train.fit`` returned when it was called with the callback ``record_norms``.
        axes: two axes to draw into.

    Raises:
        ValueError: if the history has no norms.
    """
    if not any(name.startswith("gradients of ") for name in history):
        raise ValueError("the history has no norms: train with callbacks=[callbacks.record_norms]")
    axes = _new_axes(1, 2, figsize=(10, 4)) if axes is None else axes
    for ax, kind in zip(axes, ("weights", "gradients"), strict=True):
        curves = {name: curve for name, curve in history.items() if name.startswith(f"{kind} of ")}
        for place, (name, curve) in enumerate(curves.items()):
            colour = COLOURS[place % len(COLOURS)]
            _curve(ax, curve, color=colour, label=_text(name.removeprefix(f"{kind} of ")))
        norms = {norm for curve in curves.values() for norm in curve}
        if 0.0 in norms:  # of a dead layer: log 0 does not exist, so the axis is linear near 0
            ax.set_yscale("symlog", linthresh=min(norms - {0.0}, default=1.0))
        else:
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel="norm", title=f"{kind} of each layer")
        _legend_beside(ax)
    return axes


def decision_boundary(model: Module, data: Examples, steps: int = 60, ax: Axes | None = None) -> Axes:
    """Plot the class that a model of two inputs predicts at each point, with the examples on top.

    Args:
        model: a network of two inputs, with one output or one for each class.
        data: the examples, as for ``train.fit``. The axes of a standardized ``Dataset`` show its own units.
        steps: the number of points in each direction, at least 2.
        ax: the axes to draw into.

    Raises:
        ValueError: if the examples do not have two inputs, or ``steps`` is not a whole number of at least 2.
    """
    steps = whole("steps", steps, least=2)
    if not isinstance(data, Dataset):
        data = Dataset([inputs for inputs, _ in data], [target for _, target in data])
    if len(data.inputs[0]) != 2:
        raise ValueError(
            f"a decision boundary needs two inputs, and these examples have {len(data.inputs[0])}"
        )
    ax = ax or _new_axes()
    xs, ys = (_positions([row[i] for row in data.inputs], steps) for i in (0, 1))
    classes = [[predicted_class(model([x, y])) for x in xs] for y in ys]
    kinds = [target_class(model(row), target) for row, target in data]
    count = 1 + max(kinds + [kind for row in classes for kind in row])
    colours = [COLOURS[kind % len(COLOURS)] for kind in range(count)]
    # A cell around each point: contour lines from class 0 to class 2 would show a class 1 between them.
    fields = ListedColormap(colours)
    points: Sequence[Sequence[float]] = data.inputs
    if data.scaling:
        places = [data.scaling.unscaled(place) for place in zip(xs, ys, strict=True)]
        xs, ys = [x for x, _ in places], [y for _, y in places]
        points = [data.scaling.unscaled(point) for point in points]
    ax.pcolormesh(
        xs,
        ys,
        classes,
        cmap=fields,
        vmin=-0.5,
        vmax=count - 0.5,
        alpha=0.25,
        shading="nearest",
        rasterized=True,
    )
    _scatter(ax, points, kinds, data.classes)
    names = data.columns or ["i1", "i2"]
    ax.set(xlabel=_text(names[0]), ylabel=_text(names[1]), title="decision boundary")
    return ax


def predictions(model: Module, data: Examples, ax: Axes | None = None) -> Axes:
    """Plot the output of a model against the target; on the diagonal they are equal.

    Args:
        model: a network with one output.
        data: the examples, as for ``train.fit``. The axes of a standardized ``Dataset`` show its own units.
        ax: the axes to draw into.

    Raises:
        ValueError: if there are no examples.
    """
    if not len(data):
        raise ValueError("there are no examples to plot")
    ax = ax or _new_axes()
    targets = [as_number(as_list(target)[0]) for _, target in data]
    outputs = [as_number(as_list(model(inputs))[0]) for inputs, _ in data]
    name = "target"
    if isinstance(data, Dataset):
        name = _text(data.target) or name
        if data.scaling and data.scaling.targets:
            mean, deviation = data.scaling.targets[0]
            targets, outputs = ([number * deviation + mean for number in row] for row in (targets, outputs))
    ax.axline((targets[0], targets[0]), slope=1, color="#999999", linewidth=1)
    ax.scatter(targets, outputs, s=20, c=COLOURS[0])
    ax.set(xlabel=name, ylabel="output", title="predictions")
    return ax


def codes(points: Sequence[Sequence[float]], kinds: Sequence[int], ax: Axes | None = None) -> Axes:
    """Plot the codes of an autoencoder as points, coloured by class.

    Args:
        points: the code of each example; of longer codes the first two numbers are shown.
        kinds: the class of each example.
        ax: the axes to draw into.

    Raises:
        ValueError: if a code has fewer than two numbers, or there are not as many classes as codes.
    """
    if len(points) != len(kinds) or any(len(point) < 2 for point in points):
        raise ValueError(
            f"{len(points)} codes of at least two numbers need as many classes, not {len(kinds)}"
        )
    ax = ax or _new_axes()
    _scatter(ax, points, kinds, [])
    ax.set(xlabel="code 1", ylabel="code 2", title="codes")
    return ax


def images(rows: Sequence[Sequence[float]], columns: int = 10, ax: Axes | None = None) -> Axes:
    """Show square images, such as the digits, side by side.

    Args:
        rows: the pixels of each image, line by line, from 0 (white) to 1 (black); numbers or Values.
        columns: the number of images in one line.
        ax: the axes to draw into.

    Raises:
        ValueError: if the number of pixels is not a square, or not the same for all images.
    """
    columns = whole("columns", columns, least=1)
    pixels = {len(row) for row in rows}
    if len(pixels) != 1:
        raise ValueError(
            f"images have the same number of pixels each, and here are {sorted(pixels) or 'none'}"
        )
    side = round(pixels.pop() ** 0.5)
    if side * side != len(rows[0]):
        raise ValueError(f"{len(rows[0])} pixels make no square image")
    ax = ax or _new_axes()
    lines = -(-len(rows) // columns)
    sheet = [[0.0] * (columns * (side + 1) - 1) for _ in range(lines * (side + 1) - 1)]
    for place, row in enumerate(rows):
        top, left = place // columns * (side + 1), place % columns * (side + 1)
        for y in range(side):
            sheet[top + y][left : left + side] = map(as_number, row[y * side : (y + 1) * side])
    ax.imshow(sheet, cmap="Greys", vmin=0, vmax=1)
    ax.set_axis_off()
    return ax


def _curve(ax: Axes, numbers: Sequence[float], **style: Any) -> None:
    """Plot a number for each epoch; a single one as a dot, since a line needs two points."""
    ax.plot(range(1, len(numbers) + 1), numbers, marker="o" if len(numbers) == 1 else "", **style)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _scatter(
    ax: Axes, points: Sequence[Sequence[float]], kinds: Sequence[float], names: Sequence[str]
) -> None:
    whole = [int(kind) for kind in kinds]
    for kind in sorted(set(whole)):
        chosen = [point for point, k in zip(points, whole, strict=True) if k == kind]
        label = _text(names[kind]) if kind < len(names) else str(kind)
        marker = "osD^vPX*ph"[kind % 10]  # classes differ in more than the colour
        colour = COLOURS[kind % len(COLOURS)]
        ax.scatter([p[0] for p in chosen], [p[1] for p in chosen], s=20, c=colour, marker=marker, label=label)
    _legend_beside(ax)


def _legend_beside(ax: Axes) -> None:
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))  # where it covers no point


def _text(name: str) -> str:
    """Return a name for matplotlib, which takes dollars for a formula, and leaves _names out of legends."""
    text = one_line(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _positions(numbers: Sequence[float], steps: int) -> list[float]:
    low, high = min(numbers), max(numbers)
    margin = 0.1 * (high - low) or 1.0
    return [low - margin + (high - low + 2 * margin) * i / (steps - 1) for i in range(steps)]
