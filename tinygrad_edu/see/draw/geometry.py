"""Where everything of the textbook's figure stands.

Every place is computed from names and from the widest number that could stand there, never from a number
itself: two pictures of one graph have the same geometry. Lengths are in points, y grows downwards.
"""

from math import isfinite
from typing import NamedTuple

from tinygrad_edu._common.text import one_line
from tinygrad_edu.see.draw.style import NATURAL, Style
from tinygrad_edu.see.draw.widths import width
from tinygrad_edu.see.network import Line, Network, Unit
from tinygrad_edu.see.notation import derivative

FONT_SIZE = 13
MOST_LABELLED = 16  # lines between two layers; of more, only marked ones have a label
LONGEST_NAME = 18
FLATTEST = 3.1  # times as wide as high
LEADING = 1.35  # of the lines below the figure, in rows
WIDEST, HIGHEST = 1800, 1000  # what can be read: a network 4-8-8-2 with its errors


def short(x: float, digits: int = 4) -> str:
    """Return a number as it stands in a box: up to so many decimals, and at most that and four characters.

    >>> [short(x) for x in (0.4, 1.10590597, -0.000438568, 0.000438568, 12345.678, -1.23e-16)]
    ['0.4', '1.1059', '−0.00044', '0.000439', '12346', '−1.2e−16']
    >>> short(0.775391, 2)
    '0.78'
    """
    if x == 0 or not isfinite(x):
        return str(x + 0.0).removesuffix(".0").replace("-", "−").replace("inf", "∞")
    has_decimals = 10.0 ** (1 - digits) <= abs(x) < 10.0 ** (digits + 1)
    texts = [f"{x:.{digits}f}".rstrip("0").rstrip(".")] if has_decimals else []
    for significant in range(digits + 1, 0, -1):
        mantissa, _, exponent = f"{x:.{significant}g}".partition("e")
        texts.append(f"{mantissa}e{int(exponent)}" if exponent else mantissa)
    return next(text for text in texts if len(text) <= len(widest_number(digits))).replace("-", "−")


def widest_number(digits: int) -> str:
    """Return a number as wide as ``short`` makes any."""
    return f"−0.{'0' * (digits + 1)}" if digits > 3 else "−1e−300"


def shown(name: str, style: Style = NATURAL) -> str:
    """Return a name as it stands in the figure: with its symbol, in one line and not too long."""
    return one_line(style.written(one_line(name)), LONGEST_NAME)


class Gaps(NamedTuple):
    """How much room the columns have between them, in sizes of a letter.

    Attributes:
        layers: before a layer of neurons, at least.
        arrow: for an arrowhead, after the label of a weight.
        errors: before the errors, beside the text on their lines.
        total: before the total.
    """

    layers: float
    arrow: float
    errors: float
    total: float


WIDE, NARROW = Gaps(12.5, 1.2, 3.0, 4.5), Gaps(0.0, 0.7, 1.6, 2.5)


class Box:
    """Where a unit stands: its centre and its size."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height
        self.x = self.y = 0.0

    @property
    def left(self) -> float:
        """The left side."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """The right side."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """The upper side."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """The lower side."""
        return self.y + self.height / 2


class Geometry:
    """Where everything of a figure stands.

    Args:
        network: what the figure shows.
        style: its letters, its digits and its size.
        stacked: whether the numbers of a box stand below each other. The figure is then narrower and higher.

    Attributes:
        stacked: as given.
        size: of the letters.
        row: the height of a line of text.
        boxes: the box of every unit.
        weights: for a column, the lines with a weight that lead to it.
        share: for a column with such lines, how far along them their labels stand: at n/(n + 1) of the way
            from n senders, where the labels of a layer form one column in the order of the weights; midway
            where only marked lines have a label.
        beside: the columns in whose incoming lines no second text fits above a label.
        width: of the figure.
        height: of the figure.
        magnification: how many times it can be enlarged to fit the size of the style.
        is_readable: whether the figure is not too large to be read.
    """

    def __init__(self, network: Network, style: Style = NATURAL, stacked: bool = False) -> None:
        self.network = network
        self.style = style
        self.stacked = stacked
        self.gaps = NARROW if stacked else WIDE
        self.size = size = style.font_size or FONT_SIZE
        self.row = 1.2 * size  # what Graphviz gives a line of text
        self.margin = round(size / 2)
        self.number = width(widest_number(style.digits), size)
        self.boxes: dict[Unit, Box] = {}
        for column, units in enumerate(network.columns):
            sizes = [self._size(unit, is_ellipse=column == 0) for unit in units]
            widest, highest = (max(lengths) for lengths in zip(*sizes, strict=True))
            self.boxes |= {unit: Box(widest, highest) for unit in units}
        self.boxes |= {bias: Box(*self._size(bias, is_ellipse=True)) for bias in network.shared.values()}
        self.weights: dict[int, list[Line]] = {}
        for column, units in enumerate(network.columns):
            self.weights[column] = [
                line for line in network.lines if line.weight is not None and line.target in units
            ]
        self.share: dict[int, float] = {}
        self.beside: set[int] = set()
        pitches = self._pitches()
        self.width = self._set_columns()
        self.height = self._set_rows(pitches)
        scale = size / FONT_SIZE
        self.is_readable = self.width <= WIDEST * scale and self.height <= HIGHEST * scale
        wanted = self.width / FLATTEST
        self.magnification = 1.0
        if style.size is not None:
            derivation = 3 * LEADING * self.row  # for which there is always room
            wide, high = style.size
            self.magnification = min(wide / self.width, high / (self.height + derivation))
            wanted = self.width * high / wide - derivation
        missing = wanted - self.height
        spread = max((len(units) - 1) * pitch for units, pitch in zip(network.columns, pitches, strict=True))
        if missing > 0 and spread:
            self.height = self._set_rows([pitch * (1 + missing / spread) for pitch in pitches])

    def shown(self, name: str) -> str:
        """Return a name as it stands in the figure."""
        return shown(name, self.style)

    def by_root(self, name: str) -> str:
        """Return the symbol of ∂root/∂name as it stands in the figure: E_total is E there, for short."""
        label = one_line(self.network.root.label)
        symbol = self.style.written(label if label in self.style.symbols else label.split("_")[0])
        return derivative(symbol if 0 < len(symbol) <= 6 else "E", self.shown(name))

    def label(self, line: Line, column: int) -> tuple[float, float]:
        """Return where the label of a weight stands, on a line that leads to the column."""
        start, end, share = self.boxes[line.source], self.boxes[line.target], self.share[column]
        return start.right + share * (end.left - start.right), start.y + share * (end.y - start.y)

    def _size(self, unit: Unit, is_ellipse: bool) -> tuple[float, float]:
        """Return the width and the height that the texts of a unit need."""
        name = width(self.shown(unit.name), self.size)
        if is_ellipse:  # at the height of the texts' outer corners, 0.72 of its width
            return _whole(max(name, self.number) / 0.72), _whole(3 * self.row)
        titles = [width(self.shown(title), self.size) for title, _ in unit.cells]
        if unit.is_divided and self.stacked:
            space = width(" ", self.size)
            wide = max(max(titles) + space + self.number + 6, name + 16)
            return _whole(wide), _whole((1 + len(unit.cells)) * self.row + 12)
        cell = _whole(max(self.number, *titles) + 8)
        if unit.is_divided:
            wide = max(cell * len(unit.cells), _whole(name + 16))
            return wide + -wide % len(unit.cells), _whole(3 * self.row + 12)
        return max(cell, _whole(name + 8)) + 6, _whole(2 * self.row + 12)

    def _pitches(self) -> list[float]:
        """Return how far apart the rows of each column are; decide where labels stand on their lines."""
        pitches: list[float] = []
        for column, units in enumerate(self.network.columns):
            box = self.boxes[units[0]]
            pitch = _whole(max(7.7 * self.size, box.height + 2.6 * self.row))  # with texts above and below it
            lines = self.weights[column]
            if len(lines) > MOST_LABELLED:
                self.share[column] = 0.5
            elif lines:
                senders, before = len(self.network.columns[column - 1]), pitches[-1]
                # Beyond 4/5 of the way a label would stand at the box of the neuron. There the rows of the
                # neurons move apart instead, so far that the labels of the first end above those of the next.
                share = self.share[column] = min(senders / (senders + 1), 0.8)
                if len(units) > 1:
                    pitch = max(pitch, _whole(senders * (1 - share) * before / share))
                if (1 - share) * before < 2.05 * self.row:
                    self.beside.add(column)
            elif column and len(units) == len(self.network.columns[column - 1]):
                pitch = pitches[-1]
            pitches.append(pitch)
        return pitches

    def _gap(self, column: int) -> float:
        """Return how far a column stands from the one before."""
        lines = self.weights[column]
        if not lines:
            after_outputs = column == self.network.depth + 1
            derivative = width(self.by_root("out"), self.size)
            if after_outputs:
                return _whole(max(derivative, self.number) + self.gaps.errors * self.size)
            return _whole(self.gaps.total * self.size)
        share = self.share[column]
        names = [self.network.names[line.weight] for line in lines if line.weight is not None]
        label = max(width(f"{self.shown(name)} ", self.size) for name in names) + self.number + 4
        derivative = max(width(self.by_root(name), self.size) for name in names)
        if column in self.beside:
            result = max(derivative, width("= ", self.size) + self.number) + label / 2 + self.size
        else:
            result = derivative + width(" = ", self.size) + self.number - label / 2 + self.margin
        arrow = self.gaps.arrow * self.size
        return _whole(max(self.gaps.layers * self.size, (label / 2 + arrow) / (1 - share), result / share))

    def _set_columns(self) -> float:
        """Set x of every box, and return the width of the figure."""
        right = 0.0
        for column, units in enumerate(self.network.columns):
            left = right + (self._gap(column) if column else self.margin)
            for unit in units:
                self.boxes[unit].x = left + self.boxes[unit].width / 2
            right = left + self.boxes[units[0]].width
        return right + self.margin

    def _set_rows(self, pitches: list[float]) -> float:
        """Set y of every box, and return the height of the figure."""
        beside = 1.4 * self.row  # a text above a box, or below it
        columns = list(zip(self.network.columns, pitches, strict=True))
        half = max((len(units) - 1) * pitch / 2 + self.boxes[units[0]].height / 2 for units, pitch in columns)
        middle = self.margin + beside + half
        for units, pitch in columns:
            for row, unit in enumerate(units):
                self.boxes[unit].y = float(round(middle + (row - (len(units) - 1) / 2) * pitch))
        for column, bias in self.network.shared.items():
            box, last = self.boxes[bias], self.boxes[self.network.columns[column - 1][-1]]
            # Flush with the right side, so that its lines cross no box of the column.
            box.x, box.y = (
                last.right - box.width / 2,
                float(round(last.bottom + 2.2 * self.row + box.height / 2)),
            )
        return max(box.bottom for box in self.boxes.values()) + beside + self.margin


def arranged(network: Network, style: Style) -> Geometry:
    """Return the geometry of a figure: for a size, the one in which the letters are larger."""
    natural = Geometry(network, style)
    if style.size is None:
        return natural
    both = natural, Geometry(network, style, stacked=True)
    return max(both, key=lambda geometry: (geometry.is_readable, geometry.magnification))


def _whole(x: float) -> float:
    return float(round(x + 0.49))
