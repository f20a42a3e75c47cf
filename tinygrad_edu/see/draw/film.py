"""The film of training: ``film(root, history)`` shows numbers, gradients and the error, step by step.

One picture, in which nothing moves: texts, widths and colours change. What they are in each frame is
computed here, on a copy of the graph; the script of the page only puts it in.
"""

import html
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_edu._common.checks import is_number
from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.value import Value, expect_current, topological_order
from tinygrad_edu.see.draw import render, theme
from tinygrad_edu.see.draw.dot import rounded, subscripted
from tinygrad_edu.see.draw.geometry import short, shown
from tinygrad_edu.see.draw.network import Figure
from tinygrad_edu.see.draw.view import is_crowded
from tinygrad_edu.see.explore.figure import SCOPE, draw_graph
from tinygrad_edu.see.graph import Detail, Graph, fold, folded
from tinygrad_edu.see.network import Network, NoNetworkError, read_network
from tinygrad_edu.see.words import chosen, say

if TYPE_CHECKING:
    from pathlib import Path

MOST_FRAMES = 60
LARGE_RATIO = 100.0  # from the smallest error to the largest: beyond it the plot is logarithmic
WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 480, 140, 80, 24, 12, 28  # the plot, and the room around its line
ROWS = 10  # of a table, before the next begins
FRAME_HEIGHT = 900  # of the frame in a notebook

State = dict[tuple[str, str], str]
"""What stands in the page: for a CSS selector and an attribute its value, and for "" the text."""


class Frame(NamedTuple):
    """The graph at one step.

    Attributes:
        step: which step.
        error: the number of the root.
        data: the numbers of the leaves that change, by name.
        grad: their gradients.
    """

    step: int
    error: float
    data: dict[str, float]
    grad: dict[str, float]


class Film:
    """Training, frame by frame. Jupyter shows it; ``save`` writes it to a file.

    Attributes:
        frames: what is shown: of very many steps some, close together at first.
        steps: how many steps the history holds.
        seconds: how long a frame is shown while the page plays.
        lang: the language of the page.
    """

    def __init__(
        self,
        root: Value,
        numbers: Mapping[str, Sequence[float]],
        first: int,
        detail: Detail | None,
        sample: int,
        seconds: float,
        lang: str,
    ) -> None:
        self.seconds = seconds
        self.lang = lang
        self.frames: list[Frame] = []
        self.steps = len(next(iter(numbers.values())))
        self._first = first
        self._root = one_line(root.label) or "E"
        order = topological_order(root)
        self._leaves = {value.label: value for value in order if value.label in numbers and not value.args}
        self._picture = _picture(root, [*self._leaves.values()], detail, sample)
        self._states: list[State] = []
        for step in some_of(self.steps):
            for name, leaf in self._leaves.items():
                leaf.data = numbers[name][step]
            root.forward()
            root.zero_grad()
            root.backward()
            data = {name: leaf.data for name, leaf in self._leaves.items()}
            grad = {name: leaf.grad for name, leaf in self._leaves.items()}
            self.frames.append(Frame(first + step, root.data, data, grad))
            self._states.append(self._picture.state())
        self._add_colours()

    @cached_property
    def html(self) -> str:
        """The film as an HTML page, which needs nothing beside it."""
        from tinygrad_edu.see.draw import player

        plot = _Plot([frame.error for frame in self.frames])
        states = [
            state | plot.state(k) | self._numbers(frame)
            for k, (state, frame) in enumerate(zip(self._states, self.frames, strict=True))
        ]
        last = self.frames[-1].step
        key = "film_epoch" if self._first else "film_step"
        captions = [
            self._say(key, step=f"{frame.step:,}", last=f"{last:,}", error=rounded(frame.error))
            for frame in self.frames
        ]
        sentences = [self._say(key, **fields) for key, fields in self._picture.sentences]
        if len(self.frames) < self.steps:
            sentences.append(self._say("film_some", frames=len(self.frames), steps=f"{self.steps:,}"))
        line = plot.svg(
            self._say("film_plot_log" if plot.is_logarithmic else "film_plot"),
            [frame.step for frame in self.frames],
        )
        below = f"{line}\n<p>{html.escape(' '.join(sentences))}</p>\n{self._tables}"
        return player.page(
            self._picture.svg, captions, self.seconds, self._say("film"), self.lang, _changes(states), below
        )

    def save(self, path: str | os.PathLike[str]) -> "Path":
        """Write the page to a file, atomically, and return its path.

        Args:
            path: ends in .html.

        Raises:
            ValueError: for another suffix.
            OSError: if the folder is missing or cannot be written.
        """
        return render.save(path, {".html": lambda: self.html.encode()})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from tinygrad_edu.see.explore import page

        frame = page.frame(self.html, self._say("film"), FRAME_HEIGHT)
        return {"text/html": frame, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Film, {len(self.frames)} of {self.steps:,} steps>"

    def _say(self, key: str, **fields: Any) -> str:
        return say(key, self.lang, root=self._root, **fields)

    def _add_colours(self) -> None:
        """Colour what changes: the sign of its gradient says in which colour, the size how much of it."""
        largest = max(abs(grad) for frame in self.frames for grad in frame.grad.values())
        for frame, state in zip(self.frames, self._states, strict=True):
            for name, leaf in self._leaves.items():
                grad = frame.grad[name]
                # Gradients become small soon: the root shows more of them.
                share = (abs(grad) / largest) ** 0.5 if largest else 0.0
                state |= self._picture.colour(leaf, grad, share)

    def _numbers(self, frame: Frame) -> State:
        """Return what stands in the tables."""
        columns = {"data": frame.data, "grad": frame.grad}
        return {
            (f"#{what}-{k}", ""): rounded(number)
            for what, numbers in columns.items()
            for k, number in enumerate(numbers.values())
        }

    @property
    def _tables(self) -> str:
        head = f"<thead><tr><td></td><th>{self._say('data')}</th><th>{self._say('grad')}</th></tr></thead>"
        rows = [
            f'<tr><th scope="row">{html.escape(subscripted(one_line(name)))}</th>'
            f'<td id="data-{k}"></td><td id="grad-{k}"></td></tr>'
            for k, name in enumerate(self._leaves)
        ]
        tables = [
            f"<table>{head}<tbody>{''.join(rows[i : i + ROWS])}</tbody></table>"
            for i in range(0, len(rows), ROWS)
        ]
        return f'<div class="numbers">{"".join(tables)}</div>'


# --- The picture ---


class _NetworkPicture:
    """The textbook's figure of a network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.sentences: list[tuple[str, dict[str, int]]] = [("film_network", {})]
        if network.samples > 1:
            self.sentences.append(("film_sample", {"sample": network.sample, "samples": network.samples}))
        self.figure = Figure(network, folded(topological_order(network.root), "network"))
        if not self.figure.geometry.is_readable:
            raise ValueError("the figure of this network is too large to read: film a smaller network")
        self.svg = _framed(render.svg(self.figure.source, SCOPE, self.figure.alt, "neato"))
        # Where the text about a Value stands; and its line, or the outline of its own.
        self.texts: dict[Value, str] = {}
        self.lines: dict[Value, str] = {}
        for unit in network.units:
            box = f"{SCOPE}-{self.figure.ids[unit]}"
            for k, (_, value) in enumerate(unit.cells):
                self.texts[value] = f"#{box}_{k}" if unit.is_divided else f"#{box}"
        for line in network.lines:
            if line.weight is not None:
                name = self.figure.id(line)
                self.lines[line.weight] = f"#{SCOPE}-{name}"
                if f'id="{name}_label"' in self.figure.source:  # of very many lines, few have one
                    self.texts[line.weight] = f"#{SCOPE}-{name}_label"

    def state(self) -> State:
        """Return what the numbers of the Values, as they are now, make of the picture."""
        state = {}
        for value, place in self.texts.items():
            number = short(value.data)
            if value in self.lines:
                state[f"{place} text", ""] = f"{shown(self.network.names[value])} {number}"
            else:
                state[f"{place} text:last-of-type", ""] = number
        for weight, place in self.lines.items():
            look = theme.weight(weight.data)
            state[f"{place} path", "stroke-width"] = look["penwidth"]
            state[f"{place} path", "stroke-dasharray"] = "5,2" if "style" in look else "none"
        return state

    def colour(self, leaf: Value, grad: float, share: float) -> State:
        """Return the colour of a Value with such a gradient, which has a share of the largest one."""
        state = {}
        if leaf in self.lines:
            state[f"{self.lines[leaf]} path", "stroke"] = _mixed(grad, share)
        if leaf in self.texts:
            is_seen = share > 0.05
            look = theme.coloured(grad)["fontcolor"] if is_seen else theme.TEXT
            state[self.texts[leaf], "class"] = f"node {'flow' if is_seen else 'plain'}"
            for row in ("first", "last"):
                state[f"{self.texts[leaf]} text:{row}-of-type", "fill"] = look.lower()
        return state


class _GraphPicture:
    """A box for every node of a graph, the local derivative on every edge."""

    def __init__(self, graph: Graph, leaves: list[Value]) -> None:
        self.sentences: list[tuple[str, dict[str, int]]] = [("film_graph", {})]
        self.graph = graph
        self.leaves = leaves
        if is_crowded(graph):
            raise ValueError(
                f"{len(graph.nodes):,} nodes and {len(graph.edges):,} edges are too many to read: "
                "label what matters, or film a smaller graph"
            )
        self.position = {node: i for i, node in enumerate(graph.nodes)}
        drawn = draw_graph(graph)
        self.svg = _framed(f"<style>{theme.stylesheet(SCOPE)}</style>\n{drawn.svg}")
        self.texts = drawn.places["texts"]

    def state(self) -> State:
        """Return what the numbers of the Values, as they are now, make of the picture."""
        graph = fold(self.graph.root, self.graph.detail, self.leaves)
        state = {}
        for place, row, index, what in self.texts:
            if what == "slope":
                text = rounded(graph.edges[index].slope)
            elif what == "ratio":  # of a nudge, which a film has not
                text = ""
            else:
                node = graph.nodes[index]
                text = rounded(getattr(node, what))
                text = text if node.is_constant else f"{what} {text}"
            state[f"#{place} text:nth-of-type({row + 1})", ""] = text
        return state

    def colour(self, leaf: Value, grad: float, share: float) -> State:
        """Return the colour of a Value with such a gradient, which has a share of the largest one."""
        place = f"#{SCOPE}-n{self.position[leaf]} path"
        return {(place, "stroke"): _mixed(grad, share), (place, "stroke-width"): f"{1 + 3 * share:.2f}"}


def _picture(
    root: Value, leaves: list[Value], detail: Detail | None, sample: int
) -> _NetworkPicture | _GraphPicture:
    if detail in (None, "network"):
        try:
            return _NetworkPicture(read_network(root, sample))
        except NoNetworkError:
            if detail == "network" or sample != 1:
                raise
    return _GraphPicture(fold(root, detail, leaves), leaves)


def _framed(svg: str) -> str:
    """Return a picture without the titles of its parts, in which old numbers stand."""
    return re.sub(r"<title>.*?</title>\n?", "", svg, flags=re.DOTALL)


def _mixed(grad: float, share: float) -> str:
    """Return a colour between that of a line and that of a gradient."""
    colours = zip(
        *(bytes.fromhex(c[1:]) for c in (theme.LINE, theme.POSITIVE if grad >= 0 else theme.NEGATIVE)),
        strict=True,
    )
    return "#" + bytes(round(grey + share * (full - grey)) for grey, full in colours).hex()


def _changes(states: Sequence[State]) -> list[list[Any]]:
    """Return for each place in the page its values in all frames, a single one if they are equal."""
    columns = [[*place, [state[place] for state in states]] for place in states[0]]
    return [[*place, values[:1] if len({*values}) == 1 else values] for *place, values in columns]


# --- The plot of the error ---


class _Plot:
    """The error over the frames, with a cursor."""

    def __init__(self, errors: Sequence[float]) -> None:
        low, high = min(errors), max(errors)
        self.low, self.high = low, high
        self.is_logarithmic = low > 0 and high / low > LARGE_RATIO
        heights = [log(error) if self.is_logarithmic else error for error in errors]
        base, top = min(heights), max(heights)
        across, up = (WIDE - LEFT - RIGHT) / max(len(errors) - 1, 1), HIGH - TOP - BOTTOM
        self.points = [
            (f"{LEFT + k * across:.1f}", f"{TOP + up * (1 - (height - base) / ((top - base) or 1.0)):.1f}")
            for k, height in enumerate(heights)
        ]

    def state(self, frame: int) -> State:
        """Return where the cursor stands."""
        x, y = self.points[frame]
        return {("#cursor", "x1"): x, ("#cursor", "x2"): x, ("#point", "cx"): x, ("#point", "cy"): y}

    def svg(self, title: str, steps: Sequence[int]) -> str:
        """Return the plot, and what it shows as its caption.

        Args:
            title: the caption.
            steps: the number of the step of each frame.
        """
        line = " ".join(f"{x},{y}" for x, y in self.points)
        marks = {*(round(k * (len(steps) - 1) / 4) for k in range(5))}
        across = [
            f'<text x="{self.points[k][0]}" y="{HIGH - 8}" text-anchor="middle">{steps[k]:,}</text>'
            for k in sorted(marks)
        ]
        ends = {TOP: self.high} | ({HIGH - BOTTOM: self.low} if self.high > self.low else {})
        up = [
            f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{rounded(number, 3)}</text>'
            for y, number in ends.items()
        ]
        return (
            f'<figure class="plot"><svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" height="{HIGH}" '
            f'role="img" aria-label="{html.escape(title)}">\n'
            f'<line id="cursor" y1="{TOP}" y2="{HIGH - BOTTOM}"/>\n'
            f'<polyline points="{line}"/>\n<circle id="point" r="4.5"/>\n{"".join(across + up)}\n</svg>\n'
            f"<figcaption>{html.escape(title)}</figcaption></figure>"
        )


def some_of(count: int) -> list[int]:
    """Return which of so many steps are shown: all, or at most 60, ever further apart.

    >>> some_of(5)
    [0, 1, 2, 3, 4]
    >>> some_of(10_001)[:8], some_of(10_001)[-3:], len(some_of(10_001))
    ([0, 1, 2, 3, 4, 5, 6, 7], [7279, 8532, 10000], 54)
    """
    if count <= MOST_FRAMES:
        return [*range(count)]
    ratio = (count - 1) ** (1 / (MOST_FRAMES - 2))
    return sorted({0, *(round(ratio**k) for k in range(MOST_FRAMES - 1))})


def film(
    root: Value,
    history: Mapping[str, Iterable[float]],
    *,
    detail: Detail | None = None,
    sample: int = 1,
    seconds: float = 0.4,
    lang: str | None = None,
) -> Film:
    """Show how training changes the leaves of a graph, their gradients, and the error.

    The picture is the one that ``draw`` makes: the textbook's figure where the graph holds a network. The
    width of a line is the size of its weight, its colour the gradient. Everything is computed again from
    the numbers in the history, on a copy of the graph.

    Args:
        root: what training makes small, such as the loss of a network for one sample or for all.
        history: under the name of each leaf that changes, its numbers, one for each step. That is what
            ``fit`` returns with ``callbacks=[record_parameters]``, what ``example.train(100, history={})``
            fills, or a dictionary of your own. Other names are left out.
        detail: "network" is the textbook's figure; "ops", "named" and "neuron" as for ``draw``. If None,
            "network" where the graph holds a network, else as ``draw`` chooses.
        sample: which sample the figure shows, counted from 1, where a network was called on several.
        seconds: how long a frame is shown while the page plays.
        lang: the language of the page, "en" or "zh"; that of ``language()`` if None.

    Raises:
        TypeError: if ``root`` is not a Value, or ``history`` not a dictionary.
        ValueError: if the history holds no number of a leaf, or not as many of each, if two leaves have one
            of its names; for ``detail="layer"``, whose nodes are no Values; if the graph holds no network for
            the figure, or no such sample; or if the picture is too large to read.
        StaleError: if a number was assigned after it was used; call ``root.forward()`` first.
        DomainError: if the graph has no value or no gradient at a step.

    >>> from tinygrad_edu import worked_example
    >>> example, history = worked_example(), {}
    >>> example.train(100, history=history)
    >>> training = film(example["E_total"], history)
    >>> training, training.frames[1].step, round(training.frames[1].error, 9)
    (<Film, 40 of 101 steps>, 1, 0.291027774)
    """
    from copy import deepcopy

    if not isinstance(root, Value):
        raise TypeError(
            "film(root, history) takes the Value that training makes small, such as "
            f"half_squared_error(model(x), target), not {root!r}"
        )
    if not isinstance(history, Mapping):
        raise TypeError(
            f"the history is a dictionary of lists, one number for each step, not {history!r:.60}"
        )
    if not 0 < seconds < float("inf"):
        raise ValueError(f"seconds={seconds}: the time for a frame must be positive")
    if detail == "layer":
        raise ValueError('a film shows single Values: use detail="neuron", or a finer one, not "layer"')
    order = topological_order(root)
    expect_current(order)
    labels = Counter(value.label for value in order if not value.args and not value.is_constant)
    numbers = {name: [*history[name]] for name in history if labels[name]}
    _expect_numbers(numbers, labels)
    first = 1 if hasattr(history, "epochs") else 0  # fit measures after each epoch, not before the first
    return Film(deepcopy(root), numbers, first, detail, sample, seconds, chosen(lang))


def _expect_numbers(numbers: Mapping[str, Sequence[float]], labels: Mapping[str, int]) -> None:
    if not any(numbers.values()):
        raise ValueError(
            "the history holds no numbers of a leaf of this graph: give fit callbacks=[record_parameters], "
            "or train the worked example with history={}"
        )
    lengths = {name: len(column) for name, column in numbers.items()}
    if len({*lengths.values()}) > 1:
        few, many = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise ValueError(
            f"the history holds {lengths[few]} numbers of {few!r:.60} and {lengths[many]} of {many!r:.60}: "
            "record one of each at every step"
        )
    for name, column in numbers.items():
        if labels[name] > 1:
            raise ValueError(f"{labels[name]} leaves are called {name!r:.60}: give them labels of their own")
        for step, number in enumerate(column):
            if not is_number(number):
                raise ValueError(f"{name!r:.60} is {number!r:.60} at step {step}, which is no finite number")
