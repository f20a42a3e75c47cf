"""A graph as DOT, the language of Graphviz.

Nodes are named by their position, so the same graph gives the same text in every run, and labels are
quoted and escaped: whatever they hold, they are text in the picture and nothing else.
"""

import re

from tinygrad_edu.draw import theme
from tinygrad_edu.graph import Edge, Graph
from tinygrad_edu.term import ATOM, PRODUCT, SIGN, Term, one_line
from tinygrad_edu.value import Value

SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
MOST_PATHS = 4  # as many paths are multiplied out beside a parameter; of more, only the sum is shown


def subscripted(text: str) -> str:
    """Return a name with a final number as a subscript.

    >>> subscripted("w5"), subscripted("out_o1"), subscripted("x2y"), subscripted("v1 = w5·i1")
    ('w₅', 'out_o₁', 'x2y', 'v₁ = w₅·i₁')
    """
    return re.sub(r"(?<=[A-Za-z])\d+\b", lambda number: number[0].translate(SUBSCRIPT), text)


def escaped(text: str) -> str:
    r"""Return text as Graphviz takes it in a label, where backslash, brackets and & mean something.

    >>> print(escaped("a|b & {c}"))
    a\|b\ &amp;\ \{c\}
    """
    return re.sub(r"([\\|{}<> ])", r"\\\1", text.replace("&", "&amp;")).replace("\n", r"\n")


def source(graph: Graph, wrt: Value | None = None, rankdir: str = "LR") -> str:
    """Return the DOT text that draws a graph, and in it the ways from ``wrt`` to the root.

    Args:
        graph: what is visible, as ``fold`` gives it.
        wrt: one of the graph's Values; its paths stand out and all else recedes.
        rankdir: "LR" to draw from left to right, "TB" from top to bottom.
    """
    from graphviz import Digraph

    flows = graph.flows(wrt) if wrt is not None else {}
    on_path = {end for edge in flows for end in (edge.source, edge.target)} | {wrt}
    names = {node: subscripted(graph.names[node]) for node in graph.nodes}
    position = {node: f"n{i}" for i, node in enumerate(graph.nodes)}

    dot = Digraph(
        graph_attr={"rankdir": rankdir, "bgcolor": "transparent", "nodesep": "0.2", "ranksep": "0.5"},
        node_attr=theme.NODE,
        edge_attr=theme.EDGE,
    )
    for node in graph.nodes:
        if node.is_constant:
            look = theme.CONSTANT
        elif wrt is None:
            look = theme.PLAIN
        else:
            look = theme.ON_PATH if node in on_path else theme.FAINT
        rows = _rows(graph, node, names, wrt)
        # Along the direction of the graph the fields of a record lie side by side, unless in braces.
        label = "|".join(map(escaped, rows))
        dot.node(
            position[node], label if rankdir in ("LR", "RL") else f"{{{label}}}", id=position[node], **look
        )
    for i, edge in enumerate(graph.edges):
        if edge in flows:
            largest = max(map(abs, flows.values()))
            look = theme.flow(flows[edge], largest)
            # The empty line keeps the text off a wide line.
            label = f"∂{names[edge.target]}/∂{names[edge.source]}\n= {digits(edge.slope)}\n "
        else:
            look = theme.LINE_PLAIN if wrt is None else theme.LINE_FAINT
            label = "" if edge.source.is_constant else digits(edge.slope)
        dot.edge(position[edge.source], position[edge.target], escaped(label), id=f"e{i}", **look)
    text: str = dot.source
    return text


def digits(x: float) -> str:
    """Return a number in six significant digits, with a real minus sign.

    >>> digits(-0.00043856773), digits(2.0)
    ('−0.000438568', '2')
    """
    return f"{x:.6g}".replace("-", "−", 1) if x < 0 else f"{x:.6g}"


def _rows(graph: Graph, node: Value, names: dict[Value, str], wrt: Value | None) -> list[str]:
    if node.is_constant:
        return [digits(node.data)]
    title = names[node]
    if graph.shows_operations and node.op is not None:
        template = node.op.template(len(node.args))
        title += " = " + one_line(template.format(*[Term(names[arg]) for arg in node.args]))
    grad = digits(node.grad) if graph.has_gradients else "–"
    rows = [title, f"data {digits(node.data)}", f"grad {grad}"]
    return [*rows, _product(graph, node, names)] if node is wrt else rows


def _product(graph: Graph, wrt: Value, names: dict[Value, str]) -> str:
    """Return ∂root/∂wrt as the product of the slopes along the path, or as the sum of several such."""
    lines = [f"∂{names[graph.root]}/∂{names[wrt]}"]
    count = graph.path_count(wrt)
    if count > MOST_PATHS:
        lines.append(f"the sum of {count:,} paths")
    elif wrt is not graph.root:
        products = [" × ".join(map(_factor, reversed(path))) for path in graph.paths(wrt)]
        lines += [f"{sign} {product}" for sign, product in zip("=+++", products, strict=False)]
    return "\n".join([*lines, f"= {digits(graph.adjoint[wrt])}"])


def _factor(edge: Edge) -> str:
    return f"{Term(digits(edge.slope), SIGN if edge.slope < 0 else ATOM):{PRODUCT}}"
