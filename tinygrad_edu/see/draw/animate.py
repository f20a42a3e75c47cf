"""The forward and the backward pass in motion: ``animate(root)`` gives an ``Animation``.

The picture is the one that ``draw`` makes, in its last state. Beside all that changes stand its earlier
states, each marked with the steps during which it is visible: class ``t3-7`` is visible from step 3 up to,
but not including, step 7. CSS plays this; a program without CSS animation shows the last state.
"""

import math
import os
import re
from collections.abc import Iterable
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from tinygrad_edu._common.text import one_line, plural
from tinygrad_edu.engine import limits
from tinygrad_edu.engine.gradient import listed
from tinygrad_edu.engine.value import Value, expect_current, topological_order
from tinygrad_edu.see.draw import dot, render, theme
from tinygrad_edu.see.draw.steps import steps_of
from tinygrad_edu.see.draw.style import NATURAL, Style, expect_style
from tinygrad_edu.see.draw.view import described, is_crowded, view
from tinygrad_edu.see.graph import Detail, Edge, Graph, Node, fold, independence
from tinygrad_edu.see.layers import LayerGraph
from tinygrad_edu.see.notation import derivative
from tinygrad_edu.see.words import language, say

if TYPE_CHECKING:
    from pathlib import Path

MOST_STEPS = 200  # four minutes
PAUSE = 4  # the last picture stays for as many steps before all begins again
MARK = re.compile(r'(class="[^"]*)\bt(\d+)-(\d+)"(?: visibility="hidden")?')


class Animation:
    """Both passes over a graph, step by step. Jupyter plays it; ``save`` writes it to a file.

    Attributes:
        graph: the visible part of the graph.
        wrt: the Values whose gradients are followed; all if empty.
        seconds: how long a step is shown.
        steps: what happens, in order.
    """

    def __init__(
        self, graph: Graph, wrt: list[Value], seconds: float, passes: str = "both", style: Style = NATURAL
    ) -> None:
        self.graph = graph
        self._style = style
        self.wrt = wrt
        self.seconds = seconds
        self._independent = {value: text for value in wrt if (text := independence(graph, value))}
        self._shown = [value for value in wrt if value not in self._independent]
        steps = steps_of(graph, self._shown, style.significant)
        if wrt and not self._shown:  # no gradient leads to any of them
            steps = [step for step in steps if step.phase == "forward"]
        self.steps = [step for step in steps if passes in ("both", step.phase)]

    @cached_property
    def svg(self) -> str:
        """The animation as one SVG element without a script; it plays in a page, also as its image.

        Raises:
            ValueError: if there are more steps than one can watch.
        """
        moments = self._moments
        rules = []
        for start, end in sorted({(int(mark[2]), int(mark[3])) for mark in MARK.finditer(self._marked)}):
            states = {0: "hidden", start: "visible", end: "hidden"}
            frames = [
                f"{100 * k / moments:.6g}% {{ visibility: {states[k]} }}" for k in states if k < moments
            ]
            name = f"{self._scope}-t{start}-{end}"
            rules += [
                f"@keyframes {name} {{ {' '.join(frames)} }}",
                f"#{self._scope} .t{start}-{end}"
                f" {{ animation: {name} {moments * self.seconds:g}s step-end infinite }}",
            ]
        style = ["<style>", "@media (prefers-reduced-motion: no-preference) {", *rules, "}", "</style>", ""]
        return self._marked.replace("<g ", "\n".join(style) + "<g ", 1)

    def frame(self, step: int) -> str:
        """Return the picture during one step as an SVG element that stands still.

        Args:
            step: counted from 0; ``len(steps)`` gives the last picture, after all steps.

        Raises:
            IndexError: if there is no such step.
            ValueError: if there are more steps than one can watch.
        """
        if not 0 <= step <= len(self.steps):
            raise IndexError(f"there is no step {step}: the last picture is {len(self.steps)}")

        def still(mark: re.Match[str]) -> str:
            visibility = "visible" if int(mark[2]) <= step < int(mark[3]) else "hidden"
            return f'{mark[1]}" visibility="{visibility}"'

        return MARK.sub(still, self._marked)

    def save(self, path: str | os.PathLike[str], *, dpi: float = 96) -> "Path":
        """Write the animation to a file atomically, and return its path.

        Args:
            path: ends in .html, a page with play, pause, and one step back and forth; in .svg, which
                plays by itself; or in .gif or .png, which need the extra "images". A .png is a file for
                every step, with the number of the step in its name.
            dpi: dots per inch of a .gif or .png.

        Raises:
            ValueError: for another suffix, too many steps, or a ``dpi`` that is not positive or too large.
            OSError: if the folder is missing or cannot be written.
            NoEngineError: if a package is missing; the message says what to install.
        """
        from tinygrad_edu.see.draw import images

        def gif() -> bytes:
            frames = [self.frame(step) for step in range(len(self.steps) + 1)]
            return images.gif(frames, [self.seconds] * len(self.steps) + [self.seconds * PAUSE], dpi)

        if str(path).lower().endswith(".png"):
            return self._save_frames(path, dpi)
        return render.save(
            path,
            {".svg": lambda: render.svg_file(self.svg), ".html": lambda: self.page.encode(), ".gif": gif},
        )

    def _save_frames(self, path: str | os.PathLike[str], dpi: float) -> "Path":
        from pathlib import Path

        from tinygrad_edu.see.draw import images

        digits = len(str(len(self.steps)))
        for step in range(len(self.steps) + 1):
            name = Path(path).with_stem(f"{Path(path).stem}_{step:0{digits}}")
            render.save(name, {".png": partial(images.png, self.frame(step), dpi)})
        return name

    @property
    def page(self) -> str:
        """The animation as an HTML page with controls: play, pause, one step back and forth, a scrubber."""
        from tinygrad_edu.see.draw import player

        captions = [f"{title}{say('stop')}{equation}" for title, equation in self._captions]
        title = say("animation", root=self.graph.names[self.graph.root])
        return player.page(self._marked, captions, self.seconds, title, language())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        picture = {} if self._too_much else render.mimebundle(self.svg, self.alt)
        return picture | {"text/plain": repr(self)}

    @property
    def alt(self) -> str:
        """What the animation shows, in words."""
        steps = len(self.steps)
        return f"{described(self.graph, self._shown)} It is computed in {steps} {plural('step', steps)}."

    def __repr__(self) -> str:
        return f"<Animation, {len(self.steps)} steps>"

    @property
    def _too_much(self) -> str:
        """What would be too much for a reader, "" if nothing would."""
        if len(self.steps) > MOST_STEPS:
            return f"an animation of {len(self.steps):,} steps is more than one can watch ({MOST_STEPS})"
        if is_crowded(self.graph):
            nodes, edges = len(self.graph.nodes), len(self.graph.edges)
            return f"{nodes:,} nodes and {edges:,} edges are too many to read"
        return ""

    @cached_property
    def _source(self) -> str:
        if self._too_much:
            raise ValueError(f"{self._too_much}: give wrt or a coarser detail")
        # The layout must leave room for the longest sum in each node, and for the longest caption.
        longest: dict[Node | None, str] = {}
        for step in self.steps:
            longest[step.receiver] = max(longest.get(step.receiver, "–"), step.shown, key=len)
        picture = self._picture
        for node, shown in zip(self.graph.nodes, picture.nodes, strict=True):
            if not shown.is_constant:
                shown.rows[2] = f"grad {longest.get(node, '–')}"
        title, equation = (max(texts, key=len) for texts in zip(*self._captions, strict=True))
        title += "x" * (len(title) // 10)  # it is bold, and the layout knows only the plain widths
        size = self._style.font_size or dot.FONT_SIZE
        source = dot.digraph(picture, title=f"{title}\n{equation}", font_size=size)
        return theme.printed(source) if self._style.theme == "print" else source

    @cached_property
    def _picture(self) -> dot.Picture:
        return view(self.graph, self._shown, style=self._style)

    @cached_property
    def _scope(self) -> str:
        import hashlib

        content = f"{self.seconds} {self._style.size or ''}{self._source}"
        return "a" + hashlib.sha256(content.encode()).hexdigest()[:8]

    @cached_property
    def _names(self) -> dict[Node, str]:
        # Formulas also name labelled Values that are hidden at this detail.
        labels = {value: one_line(value.label) for value in topological_order(self.graph.root)}
        labels = {value: label for value, label in labels.items() if label}
        return {value: self._style.written(name) for value, name in (labels | self.graph.names).items()}

    @cached_property
    def _captions(self) -> list[tuple[str, str]]:
        """Two lines for every step, and two for the end."""
        captions = [
            (
                say(f"animation_{step.phase}", step=k, steps=len(self.steps), title=step.title(self._names)),
                step.equation(self._names),
            )
            for k, step in enumerate(self.steps, 1)
        ]
        root = self._names[self.graph.root]
        products = sum(step.edge is not None for step in self.steps)
        gradients = len({step.receiver for step in self.steps} - {None})
        digits = self._style.significant
        results = [
            self._independent.get(value, "").removesuffix(".")
            or f"{derivative(root, self._names[value])} = {dot.rounded(self.graph.adjoint[value], digits)}"
            for value in self.wrt
        ]
        everything = say("animation_all", gradients=gradients, products=products)
        return [*captions, (say("animation_done"), "; ".join(results) or everything)]

    @cached_property
    def _moments(self) -> int:
        """The length of a round, in steps; what is visible up to here stays visible in a static picture."""
        return len(self.steps) + PAUSE

    def _mark(self, start: int, end: int, classes: str = "") -> str:
        hidden = "" if end == self._moments else ' visibility="hidden"'
        return f'class="{classes}t{start}-{end}"{hidden}'

    @cached_property
    def _marked(self) -> str:
        """The picture, with the states of all that changes marked with their steps."""
        on_paper = self._style.theme == "print"
        svg = render.svg(
            self._source, self._scope, self.alt, on_paper=on_paper, titles=dot.titles(self._picture)
        )
        svg = re.sub(r"(?:<text.*\n){2}", self._caption_states, svg, count=1)
        svg = re.sub(r'<g id="\w+-([ne])(\d+)" .*\n(?:<(?!/g).*\n)*</g>\n', self._states, svg)
        return render.fitted(theme.without_colour(svg) if on_paper else svg, self._style)

    def _caption_states(self, caption: re.Match[str]) -> str:
        """Put all captions where the layout left room for the longest one."""
        places = re.findall("<text[^>]*", caption[0])
        groups = []
        for k, lines in enumerate(self._captions):
            title, equation = (
                f"{place}>{_escaped(line)}</text>\n" for place, line in zip(places, lines, strict=True)
            )
            end = k + 1 if k < len(self.steps) else self._moments
            title = title.replace("<text", '<text font-weight="bold"')
            groups.append(f"<g {self._mark(k, end, 'plain ')}>\n{title}{equation}</g>\n")
        return "".join(groups)

    def _states(self, group: re.Match[str]) -> str:
        kind, index = group[1], int(group[2])
        if kind == "n":
            return self._node_states(group[0], self.graph.nodes[index])
        return self._edge_states(group[0], self.graph.edges[index])

    def _node_states(self, group: str, node: Node) -> str:
        """Show the rows of a node from the step that computes them, and outline it while it takes part."""
        data, grad, outlines = [], [], ""
        shape = re.search("<(?:path|polygon).*\n", group)
        for k, step in enumerate(self.steps):
            color = theme.ACTIVE if step.node is node else _color(sum(step.amount))
            if step.node is node and step.phase == "forward":
                data.append((k, f"data {step.shown}"))
            if step.receiver is node:
                grad.append((k, f"grad {step.shown}"))
            if shape and node in (step.node, step.receiver):
                outlines += _with(_colored(shape[0], color), self._mark(k, k + 1))

        _, *rows = re.findall("<text.*\n", group)
        for row, changes in zip(rows, (data, grad), strict=False):
            if changes:
                group = group.replace(row, self._row_states(row, changes))
        for row in rows[3:]:  # the right side of ∂root/∂wrt = …
            group = group.replace(row, _with(row, self._mark(len(self.steps), self._moments)))
        return group + outlines

    def _row_states(self, row: str, changes: list[tuple[int, str]]) -> str:
        """Return a row of a node in all its states: "–" at first, bold where it changes."""
        opening = row[: row.index(">")]
        word = changes[0][1].split()[0]
        states = [(0, changes[0][0], f">{word} –")]
        for (k, text), (following, _) in pairwise([*changes, (self._moments, "")]):
            states += [(k, k + 1, f' font-weight="bold">{text}'), (k + 1, following, f">{text}")]
        return "".join(
            _with(f"{opening}{content}</text>\n", self._mark(start, end))
            for start, end, content in states
            if start < end
        )

    def _edge_states(self, group: str, edge: Edge) -> str:
        """Light an edge up while it is in use; one that leads from wrt is faint until then."""
        shapes = "".join(re.findall("<(?:path|polygon).*\n", group))
        lights, faint = "", ""
        on_path = bool(self.wrt) and any(step.edge is edge for step in self.steps)
        for k, step in enumerate(self.steps):
            if step.phase == "forward" and step.node is edge.target:
                if not on_path:  # the slope is known once the target is computed
                    group = group.replace("<text ", f"<text {self._mark(k, self._moments)} ")
                light = _colored(_pointing(shapes, forward=True), theme.ACTIVE)
                lights += f"<g {self._mark(k, k + 1)}>\n{light}</g>\n"
            if step.edge is edge:
                light = _colored(_pointing(shapes, forward=False), _color(sum(step.amount)))
                lights += f"<g {self._mark(k, k + 1)}>\n{light}</g>\n"
                if self.wrt:
                    line = _colored(_pointing(shapes, forward=True), theme.FAINT_LINE, width=1)
                    faint = f"<g {self._mark(0, k, 'edge faint ')}>\n{line}</g>\n"
                    group = re.sub('class="[^"]*', rf"\g<0> t{k}-{self._moments}", group, count=1)
        return faint + group + lights


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)


def _with(element: str, attributes: str) -> str:
    """Return an element with more attributes."""
    return re.sub(r"^<\w+", rf"\g<0> {attributes}", element)


def _colored(shapes: str, color: str, width: float = 3) -> str:
    """Return lines in another colour and width, and arrowheads in that colour."""
    shapes = re.sub(r' (?:fill|stroke|stroke-\w+)="[^"]*"', "", shapes)
    shapes = shapes.replace("<path", f'<path fill="none" stroke="{color}" stroke-width="{width:g}"')
    return shapes.replace("<polygon", f'<polygon fill="{color}" stroke="{color}"')


def _pointing(shapes: str, forward: bool) -> str:
    """Return a line with its arrowhead at the result (forward), or else at the argument."""
    line, head = re.search(r' d="M([^"]*)"', shapes), re.search(r' points="\S+ (\S+)[^"]*"', shapes)
    assert line is not None
    assert head is not None
    points = [tuple(map(float, point.split(","))) for point in re.split("[C ]", line[1])]
    tip = tuple(map(float, head[1].split(",")))
    if (math.dist(tip, points[-1]) < math.dist(tip, points[0])) == forward:
        return shapes
    if forward:
        points.reverse()  # from here on the head comes to the start of the line
    (x, y), toward = points[0], points[1]
    length = math.dist(points[0], toward) or 1.0
    u, v = (toward[0] - x) / length, (toward[1] - y) / length
    base = (x + 10 * u, y + 10 * v)
    corners = [(base[0] - 3.5 * v, base[1] + 3.5 * u), (x, y), (base[0] + 3.5 * v, base[1] - 3.5 * u)]
    start, *curve = [f"{a:.2f},{b:.2f}" for a, b in [base, *points[1:], tip]]
    path = f' d="M{start}C{" ".join(curve[:-1])}L{curve[-1]}"'
    polygon = " ".join(f"{a:.2f},{b:.2f}" for a, b in [*corners, corners[0]])
    return shapes.replace(line[0], path).replace(head[0], f' points="{polygon}"')


def _color(amount: float) -> str:
    return theme.POSITIVE if amount > 0 else theme.NEGATIVE if amount < 0 else theme.LINE


def animate(
    root: Value,
    wrt: Value | Iterable[Value] | None = None,
    *,
    detail: Detail | None = None,
    passes: Literal["both", "forward", "backward"] = "both",
    seconds: float = 1.2,
    style: Style = NATURAL,
) -> Animation:
    """Show how a Value and its gradients are computed, one node after the other, forward and backward.

    Args:
        root: the Value whose graph it is.
        wrt: follow only the derivatives with respect to this Value, or to several: backward, the steps are
            those on the paths to the root, and all other gradients stay "–". All gradients if None. If
            ``root`` does not depend on it, the last caption says so.
        detail: "ops" for every operation, "named" for the labelled Values, "neuron" for the neurons, "layer"
            for whole layers, whose gradients are rows of numbers; a graph without labels is shown at
            "ops". If None, "named" where Values between the leaves and the root have labels, else "ops".
        passes: "forward" or "backward" for one of the passes only; "both" shows them one after the other.
        seconds: how long each step is shown.
        style: size, letters, digits, colours and symbols; a formula keeps the digits of ``explain``.

    Raises:
        TypeError: if ``root`` or one of ``wrt`` is not a Value.
        ValueError: for another ``detail`` or other ``passes``, or if ``seconds`` is not positive.
        StaleError: if a number was assigned after it was used; call ``root.forward()`` first.
        DomainError: if a local derivative is infinite.

    >>> w, x = Value(0.5, "w"), Value(2.0, "x")
    >>> y = (w * x) ** 2
    >>> y.label = "y"
    >>> for step in animate(y).steps:
    ...     print(step)
    v1 = w·x = 0.5·2 = 1
    y = v1² = 1² = 1
    y.grad = 1
    v1.grad += 1 × 2, so it is 0 + 2 = 2
    w.grad += 2 × 2, so it is 0 + 4 = 4
    x.grad += 2 × 0.5, so it is 0 + 1 = 1
    """
    if not 0 < seconds < math.inf:
        raise ValueError(f"seconds={seconds}: the time for a step must be positive")
    if passes not in ("both", "forward", "backward"):
        raise ValueError(f'passes={passes!r} is not known: use "both", "forward" or "backward"')
    expect_style(style)
    several = listed(wrt)
    graph = fold(root, detail, keep=several)
    order = topological_order(root)
    expect_current(order)
    if not all(math.isfinite(edge.slope) for edge in graph.edges):
        limits.adjoints(root, order)  # raises the error that backward() does
    return Animation(
        LayerGraph(graph, several) if graph.detail == "layer" else graph, several, seconds, passes, style
    )
