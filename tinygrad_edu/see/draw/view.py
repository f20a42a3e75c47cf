"""What a picture of a graph shows: the rows of every node and the text on every edge."""

from collections.abc import Sequence

from tinygrad_edu.see.draw.dot import Line, Node, digits, span, subscripted
from tinygrad_edu.see.graph import Edge, Graph
from tinygrad_edu.see.layers import LayerEdge, LayerGraph
from tinygrad_edu.see.notation import written
from tinygrad_edu.see.term import ATOM, PRODUCT, SIGN, Term, one_line, partial
from tinygrad_edu.engine.value import Value

MOST_PATHS = 4  # as many are multiplied out beside a parameter; of more, only the sum is shown
# A formula stands on an edge between neurons if it comes from few operations and is short.
MOST_OPERATIONS, LONGEST_FORMULA = 8, 28
MOST_ENTRIES = 4  # of a matrix that is written out on an edge between layers

MOST_NODES, MOST_SPAN = 300, 10_000  # more cannot be read, or takes long to lay out

View = tuple[list[Node], list[Line]]


def is_crowded(graph: Graph | LayerGraph) -> bool:
    """Return whether a picture of the graph would be too crowded to read."""
    nodes, edges = len(graph.nodes), len(graph.edges)
    return nodes > MOST_NODES or edges > 150 + 2 * nodes or graph.span > MOST_SPAN


def view(graph: Graph, wrt: Sequence[Value] = (), constants: bool = True) -> View:
    """Return the nodes and lines of a graph, those on the ways from ``wrt`` to the root marked.

    Args:
        graph: what is visible, as ``fold`` gives it.
        wrt: Values of the graph.
        constants: show the plain numbers of expressions, where every operation is shown.
    """
    flows = _flows(graph, wrt)
    names = {node: subscripted(name) for node, name in graph.names.items()}
    shown = [node for node in graph.nodes if constants or not node.is_constant]
    on_path = {*wrt, *(end for edge in flows for end in (edge.source, edge.target))}
    nodes = []
    for node in shown:
        rows = [digits(node.data)] if node.is_constant else _rows(graph, node, names)
        if node in wrt:
            rows.append(_product(graph, node, names))
        nodes.append(Node(rows, node in on_path, node.is_constant))
    position = {node: i for i, node in enumerate(shown)}
    lines = []
    for edge in graph.edges:
        if edge.source in position:
            label = _text(graph, edge, names, edge in flows)
            lines.append(Line(position[edge.source], position[edge.target], label, flows.get(edge)))
    return nodes, lines


def layer_view(layers: LayerGraph, wrt: Sequence[Value] = ()) -> View:
    """Return the nodes and lines of a graph seen layer by layer."""
    graph = layers.graph
    flows = _flows(graph, wrt)
    names = {node: subscripted(name) for node, name in graph.names.items()}
    on_path = {layers.layer_of[end] for edge in flows for end in (edge.source, edge.target)}
    on_path |= {layers.layer_of[value] for value in wrt}
    nodes = []
    for layer in layers.nodes:
        values = layer.values
        if len(values) == 1:
            rows = _rows(graph, values[0], names)
        else:
            gradients = span([value.grad for value in values]) if graph.has_gradients else "–"
            data = span([value.data for value in values])
            title = f"{subscripted(layer.name)}: {len(values):,} Values"
            rows = [title, f"data {data}", f"grad {gradients}"]
        rows += [_product(graph, value, names) for value in values if value in wrt]
        nodes.append(Node(rows, layer in on_path))
    position = {layer: i for i, layer in enumerate(layers.nodes)}
    lines = []
    for edge in layers.edges:
        carried = [flows[part] for part in edge.edges if part in flows]
        label = _matrix(graph, edge)
        if carried:
            symbol = partial(subscripted(edge.target.name), subscripted(edge.source.name))
            label = f"{symbol}\n= {label}\n "
        flow = sum(carried) if carried else None
        lines.append(Line(position[edge.source], position[edge.target], label, flow))
    return nodes, lines


def _flows(graph: Graph, wrt: Sequence[Value]) -> dict[Edge, float]:
    """Return how much each edge carries, of several derivatives of the one that it serves most."""
    flows: dict[Edge, float] = {}
    for value in wrt:
        for edge, amount in graph.flows(value).items():
            flows[edge] = max(flows.get(edge, 0.0), amount, key=abs)
    return flows


def _rows(graph: Graph, node: Value, names: dict[Value, str]) -> list[str]:
    title = names[node]
    if graph.detail == "ops" and node.op is not None:
        template = node.op.template(len(node.args))
        title += " = " + one_line(template.format(*[written(arg, names) for arg in node.args]))
    grad = digits(node.grad) if graph.has_gradients else "–"
    return [title, f"data {digits(node.data)}", f"grad {grad}"]


def _text(graph: Graph, edge: Edge, names: dict[Value, str], on_path: bool) -> str:
    """Return the text on an edge: its slope, on a path with the symbol; a short formula between neurons."""
    if edge.source.is_constant:
        return ""
    text = digits(edge.slope) if graph.detail in ("ops", "named") else _formula(graph, edge)
    if on_path:
        # The empty line keeps the text off a wide line.
        return f"{partial(names[edge.target], names[edge.source])}\n= {text}\n "
    return text


def _formula(graph: Graph, edge: Edge) -> str:
    """Return the slope of an edge as a number, and above it as a formula if that is short."""
    text = digits(edge.slope)
    if sum(1 for value in edge.between if value.args) <= MOST_OPERATIONS:
        formula = subscripted(str(edge.formula(graph.names)))
        if text != formula and len(formula) <= LONGEST_FORMULA:
            return f"{formula}\n= {text}"
    return text


def _product(graph: Graph, wrt: Value, names: dict[Value, str]) -> str:
    """Return ∂root/∂wrt as the product of the slopes along the path, or as the sum of several such."""
    lines = [partial(names[graph.root], names[wrt])]
    count = graph.path_count(wrt)
    if count > MOST_PATHS:
        lines.append(f"the sum of {count:,} paths")
    elif wrt is not graph.root:
        paths = graph.paths(wrt, MOST_PATHS)
        products = [" × ".join(map(_factor, reversed(path))) for path in paths if count > 1 or len(path) > 1]
        lines += [f"{sign} {product}" for sign, product in zip("=+++", products, strict=False)]
    return "\n".join([*lines, f"= {digits(graph.adjoint[wrt])}"])


def _factor(edge: Edge) -> str:
    return f"{Term(digits(edge.slope), SIGN if edge.slope < 0 else ATOM):{PRODUCT}}"


def _matrix(graph: Graph, edge: LayerEdge) -> str:
    """Return the derivative that an edge between layers carries: a number, or a matrix, or its size."""
    rows, columns = len(edge.target.values), len(edge.source.values)
    if rows == columns == 1:
        return _formula(graph, edge.edges[0])
    if rows * columns <= MOST_ENTRIES:
        return "[" + ";\n".join("  ".join(map(digits, row)) for row in edge.jacobian) + "]"
    return f"{rows:,} × {columns:,} matrix\nof norm {digits(edge.norm)}"
