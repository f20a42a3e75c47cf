"""The textbook's figure of a network: a column for every layer, the weights on the lines.

Graphviz draws it, with everything pinned where ``geometry`` says. Colour belongs to the backward pass.
"""

from collections.abc import Sequence
from typing import Any

from tinygrad_edu._common.text import plural
from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.draw import theme
from tinygrad_edu.see.draw.dot import escaped, rounded
from tinygrad_edu.see.draw.geometry import LEADING, MOST_LABELLED, arranged, short
from tinygrad_edu.see.draw.style import NATURAL, Style
from tinygrad_edu.see.draw.widths import width, wrapped
from tinygrad_edu.see.graph import Edge, Graph
from tinygrad_edu.see.network import Line, Network, Unit
from tinygrad_edu.see.notation import derivative


class Backward:
    """What flows back through the figure to some of its Values.

    Attributes:
        lines: how much of the derivative each marked line carries.
        through: for every neuron that the flow passes, ∂out/∂net and how much it carries.
        results: the derivative of the root with respect to each of the Values.
    """

    def __init__(self, network: Network, graph: Graph, wrt: Sequence[Value]) -> None:
        edges: dict[Any, Edge] = {(edge.source, edge.target): edge for edge in graph.edges}
        flows: dict[Edge, float] = {}
        for value in wrt:
            for edge, amount in graph.flows(value).items():
                flows[edge] = max(flows.get(edge, 0.0), amount, key=abs)
        self.lines: dict[Line, float] = {}
        for line in network.lines:
            used = [edges.get((value, line.target.takes)) for value in (line.source.gives, line.weight)]
            amounts = [flows[edge] for edge in used if edge is not None and edge in flows]
            if amounts:
                self.lines[line] = sum(amounts)
        self.through: dict[Unit, tuple[float, float]] = {}
        for unit in network.units:
            inside = edges.get((unit.takes, unit.gives))
            if inside is not None and inside in flows:
                self.through[unit] = inside.slope, flows[inside]
        self.results = {value: graph.adjoint[value] for value in wrt}


class Figure:
    """The DOT text of the figure.

    Args:
        network: what it shows.
        graph: the graph in which its Values are visible.
        wrt: those of its Values to which the backward pass is shown.
        below: lines of text to stand below it.
        style: its letters and its numbers.

    Attributes:
        source: the DOT text.
        titles: what each thing says under the mouse, by its id.
        geometry: where everything stands.
    """

    def __init__(
        self,
        network: Network,
        graph: Graph,
        wrt: Sequence[Value] = (),
        below: Sequence[str] = (),
        style: Style = NATURAL,
    ) -> None:
        from graphviz import Digraph

        self.network = network
        self.style = style
        self.geometry = arranged(network, style)
        self.backward = Backward(network, graph, wrt)
        self.graph = graph
        self.titles: dict[str, str] = {}
        self.largest = max(map(abs, self.backward.lines.values()), default=0.0)
        self.ids = {
            unit: f"u{c}_{r}" for c, units in enumerate(network.columns) for r, unit in enumerate(units)
        }
        self.ids |= {bias: f"b{column}" for column, bias in network.shared.items()}
        # The last factor, ∂net/∂w, is what comes from the sender: it is lit, and so is what is asked about.
        asked = [line for line in self.backward.lines if line.weight in self.backward.results]
        self.lit = {line.source.gives: self.backward.lines[line] for line in asked} | self.backward.results

        text = {"fontname": theme.FONT, "fontsize": f"{self.geometry.size:g}", "fontcolor": theme.TEXT}
        self.dot = Digraph(
            graph_attr=theme.PINNED, node_attr=theme.PINNED_NODE | text, edge_attr=theme.PINNED_EDGE
        )
        inner = self.geometry.width - 4 * self.geometry.margin
        below = [line for text in below for line in wrapped(text, inner, self.geometry.size)]
        height = self.geometry.height + len(below) * LEADING * self.geometry.row
        for corner, x, y in (("nw", 0.0, 0.0), ("se", self.geometry.width, height)):
            self.dot.node(corner, "", shape="point", width="0", style="invis", pos=_pinned(x, y))
        for unit in network.units:
            self._unit(unit)
        for column, lines in self.geometry.weights.items():
            marked = [line for line in lines if line in self.backward.lines]
            one_end = len({line.source for line in marked}) == 1 or len({line.target for line in marked}) == 1
            for line in lines:
                is_marked = line in self.backward.lines and one_end
                is_labelled = len(lines) <= MOST_LABELLED or is_marked or line.weight in self.backward.results
                self._weight(line, column, is_labelled)
        for line in network.lines:
            if line.weight is None:
                look = (
                    self._flow(line)
                    if line in self.backward.lines
                    else {"class": "plain", "color": theme.LINE}
                )
                self.dot.edge(
                    f"{self.ids[line.source]}:e", f"{self.ids[line.target]}:w", id=self.id(line), **look
                )
        self._derivatives()
        for k, sentence in enumerate(below):
            y = self.geometry.height + (k + 0.5) * LEADING * self.geometry.row
            label = escaped(f"{sentence}\n").replace("\\n", "\\l")
            self._node(f"below{k}", label, self.geometry.width / 2, y, inner, self.geometry.row, **theme.BARE)
        self.source: str = self.dot.source

    @property
    def alt(self) -> str:
        """What the figure shows, in words."""
        network, names = self.network, self.network.names
        inputs, *layers = (len(column) for column in network.columns[: network.depth + 1])
        sizes = [
            f"{inputs} {plural('input', inputs)}",
            *(f"{size} {plural('neuron', size)}" for size in layers),
        ]
        root = f"{names[network.root]} = {rounded(network.root.data)}"
        results = [
            f"{derivative(names[network.root], names[value])} = {rounded(result)}"
            for value, result in self.backward.results.items()
        ]
        backward = f" The backward pass is marked to {', '.join(results)}." if results else ""
        return f"A network: {', '.join(sizes)}; {root}.{backward}"

    # --- Units ---

    def _unit(self, unit: Unit) -> None:
        box, name = self.geometry.boxes[unit], self.ids[unit]
        is_ellipse = unit.takes is None
        look = {
            "shape": "ellipse" if is_ellipse else "box",
            "style": "filled" if is_ellipse else "rounded,filled",
        }
        look |= {"class": "plain"}
        names = self.network.names
        self.titles[name] = "; ".join(f"{names[value]} = {rounded(value.data)}" for _, value in unit.cells)
        if not unit.is_divided:
            label = f"{self.geometry.shown(unit.name)}\n{self._short(unit.gives.data)}"
            self._node(
                name, escaped(label), box.x, box.y, box.width, box.height, **look | self._light(unit.gives)
            )
        else:
            self._node(name, "", box.x, box.y, box.width, box.height, **look)
            row, stacked = self.geometry.row, self.geometry.stacked
            high = (len(unit.cells) if stacked else 2) * row + 6  # below the name
            self._node(
                f"{name}_name",
                escaped(self.geometry.shown(unit.name)),
                box.x,
                box.top + row / 2 + 3,
                box.width - 4,
                row,
                **theme.BARE,
            )
            self._node(f"{name}_rule", "", box.x, box.bottom - high, box.width, 0, **theme.RULE)
            cell = box.width if stacked else box.width / len(unit.cells)
            for k, (title, value) in enumerate(unit.cells):
                x, y, tall = box.left + (k + 0.5) * cell, box.bottom - high / 2, high
                if stacked:
                    x, y, tall = box.x, box.bottom - 3 - (len(unit.cells) - k - 0.5) * row, row
                elif k:
                    self._node(f"{name}_rule{k}", "", x - cell / 2, y, 0, high, **theme.RULE)
                label = f"{self.geometry.shown(title)}{' ' if stacked else chr(10)}{self._short(value.data)}"
                look = theme.BARE | self._light(value)
                self._node(f"{name}_{k}", escaped(label), x, y, cell - 2, tall, **look)
        for value in self.backward.results:
            if value in [cell for _, cell in unit.cells]:
                geometry, result = self.geometry, self.backward.results[value]
                symbol = f"{self.geometry.by_root(self._title(unit, value))} = "
                room = width(symbol, geometry.size) + geometry.number + 4
                x = min(max(box.x, room / 2), geometry.width - room / 2)  # not beyond the figure
                self._text(
                    f"{name}_result", symbol + self._short(result), x, box.bottom + 0.6 * geometry.row, result
                )

    def _title(self, unit: Unit, value: Value) -> str:
        return next(title for title, cell in unit.cells if cell is value) or unit.name

    def _light(self, value: Value) -> dict[str, str]:
        """Return the look of a Value's text: in colour if it is one of the factors."""
        return theme.coloured(self.lit[value]) if value in self.lit else {"class": "plain"}

    # --- Lines ---

    def _weight(self, line: Line, column: int, is_labelled: bool) -> None:
        """Draw a line with a weight. The flow to a weight that is asked about ends at its label."""
        weight, name = line.weight, self.id(line)
        assert weight is not None
        source, target = f"{self.ids[line.source]}:e", f"{self.ids[line.target]}:w"
        plain = theme.weight(weight.data)
        for part in (name, f"{name}_label", f"{name}_sender"):
            self.titles[part] = f"{self.network.names[weight]} = {rounded(weight.data)}"
        amount = self.backward.lines.get(line)
        look = plain if amount is None else plain | self._flow(line)
        x, y = self.geometry.label(line, column)
        label = f"{self.geometry.shown(self.network.names[weight])} {self._short(weight.data)}"
        if is_labelled:
            self._text(f"{name}_label", label, x, y, amount)
        if weight not in self.backward.results:
            self.dot.edge(source, target, id=name, **look)
            return
        self.dot.edge(source, f"{name}_label", id=f"{name}_sender", **plain | {"dir": "none"})
        self.dot.edge(f"{name}_label", target, id=name, **look)
        # Centred in the room that the widest number would take, so that no other number moves it.
        geometry, result = self.geometry, self.backward.results[weight]
        symbol, number = (
            self.geometry.by_root(self.network.names[weight]),
            f"= {self._short(result)}",
        )
        name_and_space = f"{geometry.shown(self.network.names[weight])} "
        half = (width(name_and_space, geometry.size) + geometry.number) / 2
        equals = width("= ", geometry.size) + geometry.number
        if column in geometry.beside:
            room = max(width(symbol, geometry.size), equals)
            self._text(f"{name}_result", f"{symbol}\n{number}", x - half - room / 2 - 6, y, result)
        else:
            room = width(f"{symbol} ", geometry.size) + equals
            above = y - 1.02 * geometry.row
            self._text(f"{name}_result", f"{symbol} {number}", x + half - room / 2, above, result)

    def _flow(self, line: Line) -> dict[str, str]:
        return theme.backward_flow(self.backward.lines[line], self.largest)

    def id(self, line: Line) -> str:
        """Return the id of the element that draws a line."""
        return f"{self.ids[line.source]}-{self.ids[line.target]}"

    # --- The derivatives along the flow ---

    def _derivatives(self) -> None:
        geometry = self.geometry
        for unit, (slope, amount) in self.backward.through.items():
            box, text = geometry.boxes[unit], f"∂out/∂net = {self._short(slope)}"
            # Centred, but not over the text on the next line.
            x = min(box.x, box.right + geometry.size - width(text, geometry.size) / 2)
            self._text(f"{self.ids[unit]}_slope", text, x, box.top - 0.6 * geometry.row, amount)
        for line, amount in self.backward.lines.items():
            if line.source in self.network.columns[self.network.depth]:
                start, end = geometry.boxes[line.source], geometry.boxes[line.target]
                symbol, number = (
                    self.geometry.by_root("out"),
                    self._short(self.graph.adjoint[line.source.gives]),
                )
                room = max(width(symbol, geometry.size), geometry.number)
                side = 1.25 if end.y < start.y else -1.25  # above the line, or below one that rises
                y = start.y + side * geometry.row
                self._text(
                    f"{self.id(line)}_slope",
                    f"{symbol}\n{number}",
                    start.right + 1.2 * geometry.size + room / 2,
                    y,
                    amount,
                )

    # --- Texts ---

    def _text(
        self, name: str, text: str, x: float, y: float, amount: float | None = None, **look: str
    ) -> None:
        """Write a text with the background behind it, in colour if it belongs to the flow."""
        lines = text.split("\n")
        wide = max(width(line, self.geometry.size) for line in lines) + 4
        colour = {"class": "plain"} if amount is None else theme.coloured(amount)
        self._node(
            name, escaped(text), x, y, wide, len(lines) * self.geometry.row, **theme.CARD | colour | look
        )

    def _short(self, x: float) -> str:
        return short(x, self.style.digits)

    def _node(
        self, name: str, label: str, x: float, y: float, width: float, height: float, **look: str
    ) -> None:
        size = {"width": f"{width / 72:.4f}", "height": f"{height / 72:.4f}"}
        self.dot.node(name, label, id=name, pos=_pinned(x, y), **size, **look)


def _pinned(x: float, y: float) -> str:
    return f"{x:.2f},{0 - y:.2f}!"
