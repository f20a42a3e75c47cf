"""What a picture of a graph shows: the rows of every node and the text on every edge."""

from collections import Counter
from collections.abc import Sequence
from math import isclose, isfinite

from tinygrad_edu._common.text import one_line, plural
from tinygrad_edu.engine.value import Value
from tinygrad_edu.program.forms import ATOM, SIGN, Term, write
from tinygrad_edu.see.draw import theme
from tinygrad_edu.see.draw.dot import Arrow, Node, Picture, interval, rounded
from tinygrad_edu.see.draw.style import NATURAL, Style
from tinygrad_edu.see.graph import Edge, Graph
from tinygrad_edu.see.notation import as_sum, derivative, formula, written
from tinygrad_edu.see.words import say

MOST_PATHS = 4  # as many are multiplied out beside a parameter; of more, only the sum is shown
# A formula stands on an edge between neurons if it comes from few operations and is short.
MOST_OPERATIONS, LONGEST_FORMULA = 8, 28
MOST_NUMBERS, LONGEST_HOVER = 8, 120  # under the mouse and in the description
MOST_ENTRIES = 4  # of a matrix that is written out on an edge between layers

MOST_NODES, MOST_RANKS_CROSSED = 300, 10_000  # more cannot be read, or takes long to lay out
HIGHEST, WIDEST = 4_000, 12_000  # pixels of a picture that can be read; a wide one can be scrolled
ROW, LABEL, FORMULA = 93, 27, 41  # pixels that a node takes, a number on an edge, a formula with a number
COLUMN = 240  # pixels from one column to the next


def is_crowded(graph: Graph) -> bool:
    """Return whether a picture of the graph would be too crowded or too large to read."""
    nodes, edges = len(graph.nodes), len(graph.edges)
    if nodes > MOST_NODES or edges > 150 + 2 * nodes or graph.ranks_crossed > MOST_RANKS_CROSSED:
        return True
    return _height(graph) > HIGHEST


def is_too_wide(graph: Graph) -> bool:
    """Return whether a picture of the graph would be wider than one likes to scroll."""
    return len(graph.columns) * COLUMN > WIDEST


def _height(graph: Graph) -> int:
    """Return about how high the picture is, in pixels: nodes stand in columns, and labels between them."""
    label = LABEL if graph.detail in ("ops", "named") else FORMULA
    column = {node: i for i, nodes in enumerate(graph.columns) for node in nodes}
    between = Counter(i for edge in graph.edges for i in range(column[edge.source], column[edge.target]))
    return max([len(nodes) * ROW for nodes in graph.columns] + [count * label for count in between.values()])


def view(
    graph: Graph,
    wrt: Sequence[Value] = (),
    constants: bool = True,
    style: Style = NATURAL,
    forward: bool = False,
) -> Picture:
    """Return the nodes and the edges of a picture, those on the paths from ``wrt`` to the root marked.

    Args:
        graph: what is visible, as ``fold`` or ``LayerGraph`` gives it.
        wrt: Values of the graph.
        constants: show the plain numbers of expressions, where every operation is shown.
        style: its digits and its symbols.
        forward: show the tangents of a forward sweep from the only one of ``wrt``, not the gradients; the
            flow goes with the arrows, and the product stands beside the root.
    """
    digits = style.significant
    flows = _flows(graph, wrt)
    names = {node: style.written(name) for node, name in graph.names.items()}
    tangents = graph.finer.tangents(wrt[0]) if forward else {}
    grads = dict.fromkeys(graph.adjoint, 0.0) | tangents if forward else shown_gradients(graph, wrt)
    shown = [node for node in graph.nodes if constants or not node.is_constant]
    on_path = {*wrt, *(end for edge in flows for end in (edge.source, edge.target))}
    nodes = []
    for node in shown:
        if node.is_constant:
            rows = [rounded(node.data, digits)]
        else:
            values = graph.values(node)
            grad = interval([grads[value] for value in values], digits) if grads else "–"
            data = interval([value.data for value in values], digits)
            kind = "tangent" if forward else "grad"
            rows = [_title(graph, node, names), f"data {data}", f"{kind} {grad}"]
        if node in (wrt if not forward else [graph.root]):
            rows.append(_product(graph, wrt[0] if forward else node, names, digits))
        nodes.append(Node(rows, node in on_path, node.is_constant, _hover(graph, node)))
    position = {node: i for i, node in enumerate(shown)}
    arrows = [
        Arrow(
            position[edge.source],
            position[edge.target],
            _text(graph, edge, names, edge in flows, style),
            flow,
            _hover_of_edge(graph, edge),
        )
        for edge, flow in ((edge, flows.get(edge)) for edge in graph.edges)
        if edge.source in position
    ]
    columns = [[position[node] for node in column if node in position] for column in graph.columns]
    is_entangled = graph.ranks_crossed > theme.MOST_RANKS_CROSSED
    shown_columns = [] if is_entangled else [column for column in columns if column]
    return Picture(nodes, arrows, shown_columns, is_entangled, forward)


# --- Gradients ---


def shown_gradients(graph: Graph, wrt: Sequence[Value] = ()) -> dict[Value, float]:
    """Return the gradient that the picture shows for each Value, none if ``backward()`` was not called.

    It is ``.grad``. Where the picture shows a derivative with respect to ``wrt``, it is the derivative
    computed from the graph, so that the numbers in the picture agree with each other; ``gradient_caption``
    says so if ``.grad`` is another number.
    """
    if not any(value.grad for value in graph.adjoint):
        return {}
    return graph.adjoint if wrt else {value: value.grad for value in graph.adjoint}


def gradient_caption(graph: Graph, wrt: Sequence[Value] = ()) -> str:
    """Return a sentence if ``.grad`` of some Value is not the derivative of the root, else ""."""
    adjoint = graph.adjoint
    values = [value for value in adjoint if not value.is_constant]
    rounding = 1e-9 * max(map(abs, adjoint.values()))

    def is_explained_by(calls: int) -> bool:
        """Return whether leaves have the sum over so many calls, and all others the derivative."""
        expected = [adjoint[value] * (1 if value.args else calls) for value in values]
        return all(
            isclose(value.grad, grad, rel_tol=1e-6, abs_tol=rounding)
            for value, grad in zip(values, expected, strict=True)
        )

    if not any(value.grad for value in values) or not isfinite(rounding) or is_explained_by(1):
        return ""
    leaf = max(values, key=lambda value: 0.0 if value.args else abs(adjoint[value]))
    calls = round(leaf.grad / adjoint[leaf]) if adjoint[leaf] and isfinite(leaf.grad) else 0
    if is_explained_by(calls):
        reason = say("grad_summed", calls=calls)
    else:
        root = graph.names[graph.root]
        reason = say("grad_other", root=root)
    return say("grad_computed", reason=reason) if wrt else reason


def _flows(graph: Graph, wrt: Sequence[Value]) -> dict[Edge, float]:
    """Return how much each edge carries, of several derivatives of the one that it serves most."""
    flows: dict[Edge, float] = {}
    for value in wrt:
        for edge, amount in graph.flows(value).items():
            flows[edge] = max(flows.get(edge, 0.0), amount, key=abs)
    return flows


# --- Texts ---


def _title(graph: Graph, node: Value, names: dict[Value, str]) -> str:
    values = graph.values(node)
    if len(values) > 1:
        return f"{names[node]}: {len(values):,} Values"
    if graph.detail == "ops" and node.op is not None:
        return f"{names[node]} = {one_line(write(node.op, [written(arg, names) for arg in node.args]))}"
    return names[node]


def _hover(graph: Graph, node: Node) -> str:
    """Return what a node says under the mouse: how it is computed, and its numbers."""
    if node.is_constant:
        return ""
    name, values = graph.names[node], graph.values(node)
    numbers = ", ".join(rounded(value.data, 9) for value in values[:MOST_NUMBERS])
    if len(values) > 1:
        return f"{name}: {numbers}{', …' if len(values) > MOST_NUMBERS else ''}"
    formulas = [str(formula(values[0], graph.names))] if values[0].args else []
    sides = [name, *(text for text in formulas if len(text) <= LONGEST_HOVER), numbers]
    return " = ".join(sides)


def _hover_of_edge(graph: Graph, edge: Edge) -> str:
    if edge.source.is_constant:
        return ""
    symbol = derivative(graph.names[edge.target], graph.names[edge.source])
    if isinstance(edge.slope, list):
        return f"{symbol}: {len(edge.slope):,} × {len(edge.slope[0]):,} derivatives"
    return f"{symbol} = {rounded(edge.slope, 9)}"


def described(graph: Graph, wrt: Sequence[Value] = ()) -> str:
    """Return what a picture of a graph shows, in words, for those who do not see it.

    >>> from tinygrad_edu.see.graph import fold
    >>> w, x = Value(0.5, "w"), Value(2.0, "x")
    >>> y = w * x
    >>> y.label = "y"
    >>> print(described(fold(y), [w]))
    A graph of 3 nodes and 2 edges: y = 1, computed from w, x. The paths from w are marked: ∂y/∂w = 2.
    """
    root = graph.names[graph.root]
    leaves = [graph.names[node] for node in graph.nodes if not graph.incoming[node] and not node.is_constant]
    start = f", computed from {', '.join(leaves[:MOST_NUMBERS])}" if leaves != [root] else ""
    more = f" and {len(leaves) - MOST_NUMBERS:,} more" if len(leaves) > MOST_NUMBERS else ""
    size = f"{_count(len(graph.nodes), 'node')} and {_count(len(graph.edges), 'edge')}"
    text = f"A graph of {size}: {root} = {rounded(graph.root.data)}{start}{more}."
    if not wrt:
        return text
    results = [f"{derivative(root, graph.names[value])} = {rounded(graph.adjoint[value])}" for value in wrt]
    names = ", ".join(graph.names[value] for value in wrt)
    return f"{text} The paths from {names} are marked: {', '.join(results)}."


def _count(number: int, what: str) -> str:
    return f"{number:,} {plural(what, number)}"


def _text(graph: Graph, edge: Edge, names: dict[Value, str], on_path: bool, style: Style) -> str:
    """Return the text on an edge: its slope, on a path with the symbol; a short formula between neurons."""
    if edge.source.is_constant:
        return ""
    if isinstance(edge.slope, list):
        text = _matrix(edge.slope, style.significant)
    elif graph.detail in ("ops", "named"):
        text = rounded(edge.slope, style.significant)
    else:
        text = _formula(graph, edge, style)
    if on_path:
        # The empty line keeps the text off a wide line.
        return f"{derivative(names[edge.target], names[edge.source])}\n= {text}\n "
    return text


def _formula(graph: Graph, edge: Edge, style: Style) -> str:
    """Return the slope of an edge as a number, and above it as a formula if that is short."""
    text = rounded(edge.slope, style.significant)
    if sum(1 for value in edge.between if value.args) <= MOST_OPERATIONS:
        try:
            formula = style.written(edge.formula(graph.names))
        except ValueError:  # an infinite slope, or an operation whose rule is not known
            return text
        if text != formula and len(formula) <= LONGEST_FORMULA:
            return f"{formula}\n= {text}"
    return text


def _matrix(rows: list[list[float]], digits: int) -> str:
    """Return a small matrix in full, of a larger one the size and the Frobenius norm."""
    height, width = len(rows), len(rows[0])
    if height * width <= MOST_ENTRIES:
        return "[" + ";\n".join("  ".join(rounded(x, digits) for x in row) for row in rows) + "]"
    norm = sum(x * x for row in rows for x in row) ** 0.5
    return say("matrix_norm", rows=f"{height:,}", columns=f"{width:,}", norm=rounded(norm, digits))


def _product(graph: Graph, wrt: Value, names: dict[Value, str], digits: int) -> str:
    """Return ∂root/∂wrt as the product of the slopes along the path, or as the sum of several such."""
    lines = [derivative(names[graph.root], names[wrt])]
    finer = graph.finer
    count = finer.path_count(wrt)
    if count > MOST_PATHS:
        lines.append(say("sum_of_paths", count=f"{count:,}"))
    elif wrt is not graph.root:
        paths = finer.paths(wrt, MOST_PATHS)
        lines += as_sum(
            [
                " × ".join(_factor(edge, digits) for edge in reversed(path))
                for path in paths
                if count > 1 or len(path) > 1
            ]
        )
    return "\n".join([*lines, f"= {rounded(graph.adjoint[wrt], digits)}"])


def _factor(edge: Edge, digits: int) -> str:
    return f"{Term(rounded(edge.slope, digits), SIGN if edge.slope < 0 else ATOM):PRODUCT}"
