"""What a live page is about: the visible graph as data, and its program as JavaScript."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_edu.engine.value import Value
from tinygrad_edu.program.derivatives import reverse
from tinygrad_edu.program.languages import JAVASCRIPT, helpers, write
from tinygrad_edu.program.statements import Pool, Program, Statement, record
from tinygrad_edu.see.draw.dot import subscripted
from tinygrad_edu.see.graph import Edge, Graph
from tinygrad_edu.see.notation import formula

FIRST_MARK = 0xF0000
"""In a formula of the page, this private character stands for the first node, the next for the second."""


def program(graph: Graph, leaves: Sequence[Value], extras: Sequence[Value] = ()) -> Program:
    """Return the program that computes the numbers of all nodes, the slopes of all edges, and the extras.

    Args:
        graph: a graph of Values.
        leaves: the nodes whose numbers are given; any other without arguments is a fixed number.
        extras: other Values whose numbers are wanted.

    Raises:
        StaleError: if a number was assigned after a Value was computed from it.
        ValueError: if the rule of an operation is not known.
    """
    recorded = record(leaves, [*graph.nodes, *extras])
    made = dict(zip([*graph.nodes, *extras], recorded.outputs, strict=True))
    slopes = [slope for node in graph.nodes for slope in _slopes(graph.incoming[node], made)]
    outputs = [made[node] for node in graph.nodes], slopes, [made[value] for value in extras]
    return Program(recorded.inputs, [statement for statements in outputs for statement in statements])


def _slopes(edges: Sequence[Edge], made: Mapping[Value, Statement]) -> list[Statement]:
    """Return the slopes of the edges into one node."""
    if not edges:
        return []
    target = edges[0].target
    pool = made[target].pool
    if edges[0].position is not None:
        slopes = target.op.slopes(made[target], *[made[arg] for arg in target.args])
        return [_statement(pool, slope) for slope in slopes]
    # Equal nodes share a statement, and a derivative with respect to that is one with respect to all of
    # them. So the slopes are derived from statements of their own, in which each source is an input.
    sources = [edge.source for edge in edges]
    local = record(sources, [target])
    copies = dict(zip(local.inputs, [made[source] for source in sources], strict=True))
    slopes = [
        _statement(local.inputs[0].pool, slope) for slope in reverse({local.outputs[0]: 1.0}, local.inputs)
    ]
    for statement in Program(local.inputs, slopes).statements:
        assert statement.op is not None
        args = [copies[arg] if arg.number is None else pool.number(arg.number) for arg in statement.args]
        copies[statement] = pool.apply(statement.op, tuple(args))
    return [copies[slope] if slope.number is None else pool.number(slope.number) for slope in slopes]


def _statement(pool: Pool, term: Statement | float) -> Statement:
    return term if isinstance(term, Statement) else pool.number(term)


def javascript(program: Program) -> str:
    """Return a program as the JavaScript function ``values``: of an array of inputs, an array of outputs.

    Raises:
        ValueError: if an operation cannot be said in JavaScript.
    """
    lines, results = write(program, JAVASCRIPT)
    inputs = ", ".join(f"v{i}" for i in range(1, len(program.inputs) + 1))
    body = [f"const [{inputs}] = x;", *lines, f"return [{', '.join(results)}];"]
    return "\n".join(
        [*helpers(lines + results, JAVASCRIPT), "function values(x) {", *(f"  {line}" for line in body), "}"]
    )


def described(graph: Graph, wrt: Value, leaves: Sequence[Value]) -> dict[str, Any]:
    """Return a graph as data: names, formulas, edges, and the numbers of its leaves.

    Args:
        graph: a graph of Values.
        wrt: the node that is explained first.
        leaves: the nodes whose numbers can be changed.
    """
    position = {node: i for i, node in enumerate(graph.nodes)}
    marks = {node: chr(FIRST_MARK + i) for node, i in position.items()}
    labels = Counter(node.label for node in graph.nodes)
    nodes = [
        {
            "name": graph.names[node],
            "shown": subscripted(graph.names[node]),
            "key": node.label if node.label[:1] not in ("", "#") and labels[node.label] == 1 else f"#{i}",
            "formula": formula(node, marks) if node.args else "",
            "leaf": not node.args,
            "constant": node.is_constant,
            "role": _role(node),
        }
        for node, i in position.items()
    ]
    edges = [
        {
            "source": position[edge.source],
            "target": position[edge.target],
            "formula": _formula(edge, marks),
            "op": _function(edge),
            "use": _use(graph, edge),
            "direct": graph.has_detour(edge),
            "selects": any(value.op.selects for value in edge.between if value.op),
        }
        for edge in graph.edges
    ]
    return {
        "root": position[graph.root],
        "wrt": position[wrt],
        "nodes": nodes,
        "edges": edges,
        "leaves": [position[leaf] for leaf in leaves],
        "at": [leaf.data for leaf in leaves],
    }


def data_set(
    graph: Graph, leaves: Sequence[Value], samples: Sequence[Mapping[Value, float]]
) -> dict[str, Any]:
    """Return a data set as data, and of a network of two inputs and one target what spans the plane.

    Args:
        graph: a graph of Values.
        leaves: the nodes whose numbers can be changed.
        samples: each sample as numbers for some of the leaves.
    """
    position = {leaf: i for i, leaf in enumerate(leaves)}
    listed = [[[position[leaf], number] for leaf, number in sample.items()] for sample in samples]
    inputs = [i for leaf, i in position.items() if _role(leaf) == "input"]
    targets = [i for leaf, i in position.items() if _role(leaf) == "target"]
    outputs = [i for i, node in enumerate(graph.nodes) if getattr(node.group, "role", "") == "out"]
    is_full = all({*inputs, *targets} <= {i for i, _ in sample} for sample in listed)
    if not listed or len(inputs) != 2 or len(targets) != 1 or not outputs or not is_full:
        return {"samples": listed, "plane": None}
    return {"samples": listed, "plane": {"inputs": inputs, "target": targets[0], "output": outputs[-1]}}


def _role(node: Value) -> str:
    role = getattr(node.group, "role", "")
    return role if role in ("input", "weight", "bias", "target") and not node.args else ""


def _formula(edge: Edge, marks: Mapping[Value, str]) -> str:
    try:
        return str(edge.formula(marks))
    except ValueError:  # the slope is infinite here; the page still has its number elsewhere
        return ""


def _use(graph: Graph, edge: Edge) -> int:
    """Return which use of its source an edge is, 0 if it is the only one of its target."""
    twins = [twin for twin in graph.outgoing[edge.source] if twin.target is edge.target]
    return twins.index(edge) + 1 if len(twins) > 1 else 0


def _function(edge: Edge) -> str:
    """Return the name of the function of one argument that an edge goes through, "" if it is another."""
    made = [value for value in edge.between if value.op]
    return made[0].op.name if len(made) == 1 and len(made[0].args) == 1 else ""
