"""Colours, fonts and line widths of the pictures."""

import re

# Okabe and Ito's vermillion and blue: told apart by the colour-blind, and at least 3:1 on white and on
# near-black. The sign is always printed as well, and the width shows the magnitude.
POSITIVE = "#D55E00"
NEGATIVE = "#0072B2"
POSITIVE_TEXT, POSITIVE_TEXT_ON_DARK = "#B34C00", "#F28B3B"  # small letters want more contrast than 3:1
NEGATIVE_TEXT_ON_DARK = "#56B4E9"  # their sky blue
ACTIVE = "#009E73"  # their green: what an animation is at

FONT = "Helvetica"  # the one font whose metrics the layout engine has built in
FONT_STACK = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

TEXT, LINE, FILL = "#1a1a1a", "#767676", "#ffffff"
FAINT_TEXT, FAINT_LINE = "#757575", "#c4c4c4"
DARK_TEXT, DARK_FILL = "#f0f0f0", "#1e1e1e"
DARK_FAINT_TEXT, DARK_FAINT_LINE = "#949494", "#555555"

# What Graphviz is told of nodes and edges. The classes are there for the stylesheet.
GRAPH = {"bgcolor": "transparent", "nodesep": "0.2", "ranksep": "0.5", "fontname": FONT, "fontsize": "12"}
GRAPH |= {"fontcolor": TEXT, "labeljust": "l"}
# Where very many edges cross many ranks, curved edges take minutes to lay out, straight ones a second.
MOST_RANKS_CROSSED = 600
ENTANGLED = {"splines": "line", "nslimit": "1", "nslimit1": "1", "mclimit": "0.1"}
NODE = {"shape": "Mrecord", "fontname": FONT, "fontsize": "12", "margin": "0.12,0.05"}
NODE |= {"style": "filled", "fillcolor": FILL}
EDGE = {"fontname": FONT, "fontsize": "11", "arrowsize": "0.7"}

PLAIN = {"class": "plain", "color": LINE, "fontcolor": TEXT}
ON_PATH = PLAIN | {"class": "path", "penwidth": "2"}
FAINT = {"class": "faint", "color": FAINT_LINE, "fontcolor": FAINT_TEXT}
CONSTANT = {"class": "faint", "shape": "plaintext", "style": "", "margin": "0", "fontcolor": FAINT_TEXT}
LINE_PLAIN = {"class": "plain", "color": LINE, "fontcolor": TEXT}
LINE_FAINT = {"class": "faint", "color": FAINT_LINE, "fontcolor": FAINT_TEXT}
THINNEST, THICKEST = 1.2, 5.0


def flow(amount: float, largest: float) -> dict[str, str]:
    """Return the look of an edge on a path: colour for the sign of its amount, width for its size.

    Args:
        amount: how much of the derivative the edge carries.
        largest: the largest size of such an amount in the picture.
    """
    color = POSITIVE if amount > 0 else NEGATIVE if amount < 0 else LINE
    share = abs(amount) / largest if 0 < largest < float("inf") and amount == amount else 0.0
    # The arrowhead is where the gradient goes: at the argument.
    look = {"class": "flow", "color": color, "fontcolor": color, "dir": "back"}
    look["penwidth"] = f"{THINNEST + (THICKEST - THINNEST) * share:.2f}"
    return look | {"style": "dashed"} if amount == 0 else look


# --- The textbook's figure, in which everything is pinned ---

PINNED = {"layout": "neato", "inputscale": "72", "notranslate": "true", "splines": "line", "pad": "0"}
PINNED |= {"outputorder": "edgesfirst", "bgcolor": "transparent", "fontname": FONT}
PINNED_NODE = {"fixedsize": "true", "margin": "0", "color": LINE, "fillcolor": FILL}
PINNED_EDGE = {"arrowsize": "0.6"}
BARE = {"shape": "plaintext", "class": "plain"}
CARD = {"shape": "box", "style": "filled", "penwidth": "0"}  # a text with the background behind it
RULE = CARD | {"class": "rule", "fillcolor": LINE}


def weight(number: float) -> dict[str, str]:
    """Return the look of a line that carries a weight: its width is the size, dashes are a minus."""
    look = {"class": "weight", "color": LINE, "penwidth": f"{min(max(2 * abs(number), 0.5), 4.0):.2f}"}
    return look | {"style": "dashed"} if number < 0 else look


def coloured(amount: float) -> dict[str, str]:
    """Return the look of a text about an amount of derivative."""
    return {"class": "flow", "fontcolor": POSITIVE_TEXT if amount >= 0 else NEGATIVE}


def backward_flow(amount: float, largest: float) -> dict[str, str]:
    """Return the look of a line that carries an amount of derivative: its arrowhead is at the sender."""
    share = abs(amount) / largest if 0 < largest < float("inf") and amount == amount else 0.0
    look = {
        "class": "flow",
        "color": POSITIVE if amount >= 0 else NEGATIVE,
        "dir": "back",
        "arrowsize": "0.8",
    }
    return look | {"penwidth": f"{THINNEST + 2.4 * share:.2f}"}


# --- On paper ---

BLACK, GREY = "#000000", "#595959"
ON_PAPER = {POSITIVE: BLACK, NEGATIVE: BLACK, POSITIVE_TEXT: BLACK, ACTIVE: BLACK}
ON_PAPER |= {TEXT: BLACK, FAINT_TEXT: GREY, LINE: GREY}
_ATTRIBUTE = re.compile(r'(?<!\\)="(#[0-9A-Fa-f]{6})"')  # in a label the quotes have a backslash


def printed(dot: str) -> str:
    r"""Return DOT text with its colours in black and grey, and with what flows drawn thicker.

    >>> print(printed('a -> b [class=flow color="#D55E00" label="\\"#D55E00\\"" penwidth=1.20]'))
    a -> b [class=flow color="#000000" label="\"#D55E00\"" penwidth=2.40]
    """
    dot = without_colour(dot)
    lines = [_thicker(line) if " -> " in line and "class=flow " in line else line for line in dot.split("\n")]
    return "\n".join(lines)


def without_colour(text: str) -> str:
    """Return DOT or SVG text with its colours in black and grey."""
    return _ATTRIBUTE.sub(lambda colour: f'="{ON_PAPER.get(colour[1], colour[1])}"', text)


def _thicker(line: str) -> str:
    return re.sub(
        r" penwidth=([\d.]+)(?=[^\"]*$)", lambda width: f" penwidth={float(width[1]) + 1.2:.2f}", line
    )


def stylesheet(scope: str) -> str:
    """Return the CSS of one drawing: what changes on a dark page.

    Args:
        scope: the id of the drawing's svg element; the rules reach nothing else in a page.
    """
    rules = f"""
@media (prefers-color-scheme: dark) {{
#S {{ background: {DARK_FILL} }}
#S .node path, #S .node polygon, #S .node ellipse {{ fill: {DARK_FILL} }}
#S .rule polygon {{ fill: {LINE} }}
#S .graph > text, #S .plain text, #S .path text {{ fill: {DARK_TEXT} }}
#S .faint text {{ fill: {DARK_FAINT_TEXT} }}
#S text[fill="{NEGATIVE.lower()}"] {{ fill: {NEGATIVE_TEXT_ON_DARK} }}
#S text[fill="{POSITIVE_TEXT.lower()}"] {{ fill: {POSITIVE_TEXT_ON_DARK} }}
#S .faint path, #S .faint polyline {{ stroke: {DARK_FAINT_LINE} }}
#S .edge.faint polygon {{ fill: {DARK_FAINT_LINE}; stroke: {DARK_FAINT_LINE} }}
}}
"""
    return rules.replace("#S", f"#{scope}")
