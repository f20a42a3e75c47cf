"""A graph as a file: ``to_json`` and ``from_json``; and as a graph of networkx."""

import math
import re
from collections.abc import Iterable
from typing import Any

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.errors import as_text, expect_values
from tinygrad_edu.engine.gradient import listed, order_of
from tinygrad_edu.engine.lecture import Closure
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.engine.value import Value, expect_current

FORMAT, VERSION = "tinygrad_edu graph", 1
MOST_NODES = 1_000_000


def to_json(roots: Value | Iterable[Value]) -> str:
    """Return graphs as JSON: every Value once, arguments before results, with all digits.

    Args:
        roots: the Value whose graph it is, or several, which may share Values.

    Not kept are groups, attributes of your own and classes derived from Value: pickle keeps them.

    Raises:
        StaleError: if a number was assigned after it was used.
        ValueError: if there are none, or if an operation was given as a ``_backward``, so that no rule for
            it can be stored.

    >>> x = Value(0.5, "x")
    >>> print(to_json(x * x))
    {"format": "tinygrad_edu graph", "version": 1, "roots": [1], "nodes": [
    {"data": 0.5, "label": "x"},
    {"data": 0.25, "op": "mul", "args": [0, 0]}
    ]}
    """
    import json  # when it is needed: the package is to load quickly

    several = listed(roots)
    expect_values("to_json(roots) takes", *several)
    if not several:
        raise ValueError("to_json(roots) needs at least one Value")
    order = order_of(several)
    expect_current(order)
    place = {value: i for i, value in enumerate(order)}
    lines = ",\n".join(json.dumps(_node(value, place), ensure_ascii=False) for value in order)
    lines = re.sub("[\ud800-\udfff]", lambda c: f"\\u{ord(c[0]):04x}", lines)  # half a sign: no file holds it
    top = {"format": FORMAT, "version": VERSION, "roots": [place[root] for root in several]}
    return f'{json.dumps(top)[:-1]}, "nodes": [\n{lines}\n]}}'


def _node(value: Value, place: dict[Value, int]) -> dict[str, Any]:
    finite = math.isfinite(value.data)
    node: dict[str, Any] = {"data": value.data if finite else repr(value.data)}  # JSON has no infinity
    if repr(value.grad) != "0.0":  # -0.0 is another number
        node["grad"] = value.grad if math.isfinite(value.grad) else repr(value.grad)
    if value.label:
        node["label"] = value.label
    if value.is_constant:
        node["constant"] = True
    if value.op is not None:
        if isinstance(value.op, Closure):
            raise ValueError(
                f"{one_line(value.label or value.op.name)} has a _backward of its own, which a file cannot "
                "hold: declare the operation with rule(…)"
            )
        node["op"] = value.op.name
        if value.op.parameters:
            node["parameters"] = {name: repr(number) for name, number in value.op.parameters.items()}
        node["args"] = [place[arg] for arg in value.args]
    return node


def from_json(text: str) -> Value | list[Value]:
    """Return the graph, or the list of graphs, that ``to_json`` wrote.

    The text is data: nothing of it is run, and every number is computed anew by the operations of the table.

    Raises:
        ValueError: if it is anything else: no JSON, another format or version, more than a million nodes, an
            argument that does not stand before its result, an unknown operation, or a number that the
            operation does not give.

    >>> x, y = Value(0.5, "x"), Value(3.0, "y")
    >>> from_json(to_json(x * y))
    Value(data=1.5, grad=0.0)
    """
    import json

    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"this is no graph written by to_json: {str(error)[:80]}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"this is no graph written by to_json: it has no {FORMAT!r} in it")
    version = found.get("version")
    if version != VERSION or isinstance(version, bool):
        raise ValueError(f"the graph has version {version!r:.20}, and only {VERSION} is known here")
    nodes, roots = found.get("nodes"), found.get("roots")
    if not isinstance(nodes, list) or not isinstance(roots, list) or not roots:
        raise ValueError("the graph needs a list of nodes and a list of roots")
    if len(nodes) > MOST_NODES:
        raise ValueError(f"the graph has {len(nodes):,} nodes, and {MOST_NODES:,} are the limit")
    values: list[Value] = []
    for place, node in enumerate(nodes):
        try:
            values.append(_value(node, values))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"node {place} of the graph is refused: {one_line(reason, 200)}") from None
    if not all(_is_place(root, values) for root in roots):
        raise ValueError(f"the roots of the graph are numbers of nodes, not {str(roots)[:40]}")
    return values[roots[0]] if len(roots) == 1 else [values[root] for root in roots]


def _value(node: dict[str, Any], before: list[Value]) -> Value:
    if not isinstance(node, dict):
        raise TypeError(f"a node is an object, not {type(node).__name__}")
    data, label, constant = _number(node["data"]), node.get("label"), node.get("constant", False)
    op, args = node.get("op"), node.get("args", [])
    if not isinstance(constant, bool) or (constant and op is not None):
        raise ValueError("constant is true or false, and only a number that was given is constant")
    if (op is None) != (args == []):
        raise ValueError("a node has both an operation and arguments, or neither")
    if op is None:
        value: Value = Value._restore(data, 0.0, as_text(label), None, constant, None, (), ())
    else:
        if not isinstance(op, str) or op not in TABLE:
            raise ValueError(f"there is no operation {str(op)[:40]!r} here")
        if not isinstance(args, list) or not all(_is_place(arg, before) for arg in args):
            raise ValueError("its arguments are not nodes that stand before it")
        value = Value._record(
            _bound(TABLE[op], node.get("parameters", {}), len(args)), [before[arg] for arg in args]
        )
        value.label = label
        if repr(value.data) != repr(data):
            raise ValueError(f"{op} gives {value.data!r}, but it says {data!r}")
    value.grad = _number(node.get("grad", 0.0))
    return value


def _bound(op: Op, parameters: Any, args: int) -> Op:
    if not isinstance(parameters, dict) or {*parameters} != {*op.takes}:
        raise ValueError(f"{op.name} has the parameters {', '.join(op.takes) or 'none'}")
    if args % op.arity if op.over_lists else args != op.arity:
        raise ValueError(f"{op.name} takes {op.described()}, not {args}")
    return op.of(*[float(str(parameters[name])) for name in op.takes]) if op.takes else op


def _number(number: Any) -> float:
    if number in ("inf", "-inf", "nan") or (isinstance(number, int | float) and not isinstance(number, bool)):
        return float(number)
    raise TypeError(f"a number is wanted, not {str(number)[:40]!r}")


def _is_place(place: Any, values: list[Value]) -> bool:
    return isinstance(place, int) and not isinstance(place, bool) and 0 <= place < len(values)


def to_networkx(roots: Value | Iterable[Value]) -> Any:
    """Return graphs as a ``networkx.MultiDiGraph``, for that library's algorithms and drawings.

    Nodes are numbered in topological order and have ``data``, ``grad``, ``label`` and ``op`` (its name, ""
    for a leaf). Edges lead from an argument to its result; their key is the place of the argument, and they
    have the local derivative as ``slope``.

    Raises:
        ImportError: if networkx is not installed.

    >>> x = Value(3.0, "x")
    >>> graph = to_networkx(x * x)
    >>> graph.number_of_nodes(), [slope for *_, slope in graph.edges(data="slope")]
    (2, [3.0, 3.0])
    """
    try:
        import networkx
    except ImportError:
        raise ImportError(
            "to_networkx needs the package networkx: install it with pip install networkx"
        ) from None
    several = listed(roots)
    expect_values("to_networkx(roots) takes", *several)
    order = order_of(several)
    place = {value: i for i, value in enumerate(order)}
    graph = networkx.MultiDiGraph()
    for value, i in place.items():
        name = value.op.name if value.op else ""
        graph.add_node(i, data=value.data, grad=value.grad, label=value.label, op=name)
        for key, (arg, slope) in enumerate(zip(value.args, value.slopes, strict=True)):
            graph.add_edge(place[arg], i, key=key, slope=slope)
    return graph
