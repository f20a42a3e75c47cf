"""A graph as DOT, the language of Graphviz.

Nodes are named by their position, so the same graph gives the same text in every run, and labels are
quoted and escaped: whatever they hold, they are text in the picture and nothing else.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from tinygrad_edu.see.draw import theme
from tinygrad_edu.see.notation import GREEK

FONT_SIZE = 12
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


_GREEK_NAME = re.compile(rf"(?<![^\W_])(?:{'|'.join(GREEK)})(?![^\W\d_])")


def subscripted(text: str, symbols: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return names as mathematics writes them: a final number as a subscript, Greek letters as such.

    Args:
        text: a name, or a formula.
        symbols: how some names are written instead.

    >>> subscripted("w5"), subscripted("out_o1"), subscripted("x2y"), subscripted("v1 = w5·i1")
    ('w₅', 'out_o₁', 'x2y', 'v₁ = w₅·i₁')
    >>> subscripted("x_1"), subscripted("theta_12"), subscripted("θ_1"), subscripted("beta·lambda2 + metal")
    ('x₁', 'θ₁₂', 'θ₁', 'β·λ₂ + metal')
    """
    if symbols:
        names = "|".join(map(re.escape, sorted(symbols, key=len, reverse=True)))
        parts = re.split(rf"(?<!\w)({names})(?!\w)", text)  # every second one is one of the names
        return "".join(symbols[part] if i % 2 else subscripted(part) for i, part in enumerate(parts))
    text = _GREEK_NAME.sub(lambda name: GREEK[name[0]], text)
    return re.sub(r"(?<=[^\W\d_])_?([0-9]+)(?![^\W_]|_)", lambda number: number[1].translate(SUBSCRIPT), text)


def escaped(text: str) -> str:
    r"""Return text as Graphviz takes it in a label, where backslash, brackets and & mean something.

    >>> print(escaped("a|b & {c}"))
    a\|b\ &amp;\ \{c\}
    """
    return re.sub(r"([\\|{}<> ])", r"\\\1", text.replace("&", "&amp;")).replace("\n", r"\n")


class Node(NamedTuple):
    """What a node of the picture shows."""

    rows: list[str]
    on_path: bool = False
    is_constant: bool = False
    title: str = ""  # shown under the mouse


class Arrow(NamedTuple):
    """An edge of the picture, between nodes given by position; ``flow`` is None beside the paths."""

    source: int
    target: int
    label: str
    flow: float | None = None
    title: str = ""


class Picture(NamedTuple):
    """What stands in a picture.

    Attributes:
        nodes: the nodes, named n0, n1, … by their position.
        arrows: the edges, with the ids e0, e1, ….
        columns: the nodes by position, column by column, each from top to bottom; as Graphviz likes if empty.
        is_entangled: whether the edges cross so many ranks that only straight lines are laid out quickly.
        is_forward: whether what flows goes with the arrows.
    """

    nodes: list[Node]
    arrows: list[Arrow]
    columns: Sequence[Sequence[int]] = ()
    is_entangled: bool = False
    is_forward: bool = False


_NUMBER = re.compile(r"(?<![\w₀-₉])\(?(?:−?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|inf|nan)|–)\)?(?!\w)")


def with_room(picture: Picture, digits: int = 6) -> Picture:
    """Return a picture with the widest number in place of every number: so it is laid out.

    Then the places do not depend on the numbers, which have so many significant digits.
    """
    widest = f"−8.{'8' * (digits - 1)}e-100"

    def roomy(text: str) -> str:
        lines = text.split("\n")  # in a product, a negative number has brackets
        return "\n".join(_NUMBER.sub(f"({widest})" if "×" in line else widest, line) for line in lines)

    def rows(node: Node) -> list[str]:
        title, *others = node.rows
        if title.endswith(" Values"):
            others = [f"{row.split()[0]} {widest} … {widest}" for row in others[:2]] + others[2:]
        return [roomy(title) if node.is_constant else title, *map(roomy, others)]

    nodes = [node._replace(rows=rows(node)) for node in picture.nodes]
    arrows = [arrow._replace(label=roomy(arrow.label)) for arrow in picture.arrows]
    return picture._replace(nodes=nodes, arrows=arrows)


def texts(picture: Picture) -> dict[str, list[str]]:
    """Return the lines of text of every node and every edge, by its id."""
    found = {f"n{i}": "\n".join(node.rows).split("\n") for i, node in enumerate(picture.nodes)}
    return found | {f"e{i}": arrow.label.split("\n") for i, arrow in enumerate(picture.arrows) if arrow.label}


def titles(picture: Picture) -> dict[str, str]:
    """Return what every node and every edge says under the mouse, by its id."""
    found = {f"n{i}": node.title for i, node in enumerate(picture.nodes)}
    return found | {f"e{i}": arrow.title for i, arrow in enumerate(picture.arrows)}


def digraph(
    picture: Picture, rankdir: str = "LR", caption: str = "", title: str = "", font_size: float = FONT_SIZE
) -> str:
    """Return the DOT text of a picture.

    Args:
        picture: what stands in it.
        rankdir: "LR" to draw from left to right, "TB" from top to bottom.
        caption: a text below.
        title: a text above, in larger letters, in place of the caption.
        font_size: of the letters in the nodes, in points.
    """
    from graphviz import Digraph

    largest = max((abs(arrow.flow) for arrow in picture.arrows if arrow.flow is not None), default=0.0)
    some_path = any(node.on_path for node in picture.nodes)
    dot = Digraph(graph_attr=theme.GRAPH | {"rankdir": rankdir}, node_attr=theme.NODE, edge_attr=theme.EDGE)
    if font_size != FONT_SIZE:
        dot.attr(fontsize=f"{font_size:g}")
        dot.attr("node", fontsize=f"{font_size:g}")
        dot.attr("edge", fontsize=f"{font_size * 11 / FONT_SIZE:g}")
    if picture.is_entangled:
        dot.attr(**theme.ENTANGLED)
    if caption or title:
        dot.attr(label=escaped(f"{title or caption}\n").replace("\\n", "\\l"))  # lines flush left
    if title:
        dot.attr(labelloc="t", fontsize=f"{font_size * 14 / FONT_SIZE:g}")
    for i, node in enumerate(picture.nodes):
        if node.is_constant:
            look = theme.CONSTANT
        elif node.on_path or not some_path:
            look = theme.ON_PATH if node.on_path else theme.PLAIN
        else:
            look = theme.FAINT
        # Along the direction of the graph the fields of a record lie side by side, unless in braces.
        # The first row will be bold, and the layout knows only the plain widths: leave it some room.
        room = "" if node.is_constant else " " * (len(node.rows[0]) // 16)
        fields = "|".join(map(escaped, [f"{room}{node.rows[0]}{room}", *node.rows[1:]]))
        dot.node(f"n{i}", fields if rankdir == "LR" else f"{{{fields}}}", id=f"n{i}", **look)
    for column in picture.columns:
        with dot.subgraph(graph_attr={"rank": "same"}) as same:
            for i in column[:1]:
                same.node(f"n{i}")
            for above, below in pairwise(column):
                same.edge(f"n{above}", f"n{below}", style="invis")
    for i, arrow in enumerate(picture.arrows):
        if arrow.flow is not None:
            look = theme.flow(arrow.flow, largest) | ({"dir": "forward"} if picture.is_forward else {})
        else:
            look = theme.LINE_FAINT if some_path else theme.LINE_PLAIN
        label = arrow.label
        if rankdir == "TB":  # beside the line, with room between
            label = " " + label.replace("\n", "\n ") if label else ""
        dot.edge(f"n{arrow.source}", f"n{arrow.target}", escaped(label), id=f"e{i}", **look)
    text: str = dot.source
    return text


def rounded(x: float, digits: int = 6) -> str:
    """Return a number in so many significant digits, with a real minus sign.

    >>> rounded(-0.00043856773), rounded(2.0)
    ('−0.000438568', '2')
    """
    text = f"{x + 0.0:.{digits}g}"  # -0.0 + 0.0 is 0.0
    return "−" + text[1:] if text[0] == "-" else text


def interval(numbers: Sequence[float], digits: int = 6) -> str:
    """Return the smallest and the largest of several numbers, a single one as it is.

    >>> interval([0.5, -1.0, 2.0]), interval([2.0])
    ('−1 … 2', '2')
    """
    low, high = rounded(min(numbers), digits), rounded(max(numbers), digits)
    return low if low == high else f"{low} … {high}"
