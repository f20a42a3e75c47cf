"""The explanation of a derivative from layer to layer."""

from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.explain.derivation import Equation, Section, Writer
from tinygrad_edu.see.layers import LayerGraph
from tinygrad_edu.see.notation import as_sum


def layer_sections(layers: LayerGraph, wrt: Value, writer: Writer) -> list[Section]:
    """Return the explanation of ∂root/∂wrt from layer to layer: Jacobians multiplied from the left.

    Args:
        layers: the graph, in which ``wrt`` stands apart.
        wrt: the Value with respect to which the root is differentiated.
        writer: text or LaTeX.
    """
    root, names, adjoint = layers.root, layers.names, layers.adjoint
    edges = [*layers.flows(wrt)][::-1]
    factors = [
        Equation(
            writer.derivative(names[edge.target], names[edge.source]), [f"= {writer.matrix(edge.jacobian)}"]
        )
        for edge in edges
    ]
    rows = []
    for node in reversed(layers.nodes):
        onward = [edge for edge in layers.outgoing[node] if edge in edges]
        if onward:
            products = [
                f"{writer.derivative(names[root], names[edge.target])} {writer.dot} "
                f"{writer.derivative(names[edge.target], names[node])}"
                for edge in onward
                if edge.target is not root
            ]
            row = writer.matrix([[adjoint[value] for value in layers.values(node)]])
            rows.append(
                Equation(writer.derivative(names[root], names[node]), [*as_sum(products), f"= {row}"])
            )
    title = writer.say("layers", start=names[wrt], end=names[root])
    return [Section(title, factors), Section(writer.say("layers_multiplied"), rows)]
