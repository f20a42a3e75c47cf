"""The steps of a forward and a backward pass, as an animation shows them and as one can replay them."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tinygrad_edu.see.draw.dot import digits, span, subscripted
from tinygrad_edu.see.graph import Edge, Graph
from tinygrad_edu.see.layers import Layer, LayerEdge, LayerGraph
from tinygrad_edu.see.notation import Names, formula
from tinygrad_edu.see.term import PRODUCT, SIGN, Term
from tinygrad_edu.engine.value import Value

LONGEST_EQUATION = 120  # characters; of a longer one the numbers are left out, and then the formula


class Step(NamedTuple):
    """One step of an animation. ``str(step)`` says in numbers what happens.

    Attributes:
        phase: "forward" while Values are computed, "backward" while gradients are.
        node: the Value that is computed, or that passes its gradient on.
        names: a name for every visible Value.
        edge: backward, the edge along which the gradient is passed on; None where it starts, at the root.
        gradient: backward, the gradient of ``node``, complete by now.
        before: backward, the gradient of ``receiver`` before the step.
    """

    phase: Literal["forward", "backward"]
    node: Value
    names: Names
    edge: Edge | None = None
    gradient: float = 1.0
    before: float = 0.0

    @property
    def receiver(self) -> Value | None:
        """The Value whose gradient is added to; None while Values are computed."""
        if self.phase == "forward":
            return None
        return self.edge.source if self.edge else self.node

    @property
    def amount(self) -> float:
        """What is added to the gradient of ``receiver``: the gradient of ``node`` times the edge's slope."""
        return self.gradient * self.edge.slope if self.edge else self.gradient

    @property
    def grad(self) -> float:
        """The gradient of ``receiver`` after the step: the sum so far."""
        return self.before + self.amount

    @property
    def shown(self) -> str:
        """What the picture shows from this step on: the data of ``node``, or the gradient of ``receiver``."""
        return digits(self.node.data if self.phase == "forward" else self.grad)

    def __str__(self) -> str:
        return self.equation(self.names)

    def __repr__(self) -> str:
        return f"<Step: {self}>"

    def title(self, names: Names) -> str:
        """Return in words, and in these names, what happens."""
        node = names[self.node]
        if self.phase == "forward":
            return f"{node} is computed"
        if self.edge is None:
            return f"the gradient of {node} with respect to itself is 1"
        return f"{node} passes its gradient on to {names[self.edge.source]}"

    def equation(self, names: Names) -> str:
        """Return in numbers, and in these names, what happens."""
        if self.phase == "forward":
            sides = [names[self.node], formula(self.node, names), formula(self.node, names, numbers=True)]
            while len(sides) > 1 and sum(map(len, sides)) > LONGEST_EQUATION:
                sides.pop()
            return " = ".join([*sides, digits(self.node.data)])
        if self.edge is None:
            return f"{names[self.node]}.grad = 1"
        gradient, slope, amount = map(_signed, (self.gradient, self.edge.slope, self.amount))
        return (
            f"{names[self.edge.source]}.grad += {gradient} × {slope:{PRODUCT}},"
            f" so it is {digits(self.before)} + {amount:{PRODUCT}} = {digits(self.grad)}"
        )


class LayerStep(NamedTuple):
    """One step of an animation from layer to layer; a gradient is a row of numbers, one for each Value.

    Attributes:
        phase: "forward" while layers are computed, "backward" while gradients are.
        node: the layer that is computed, or that passes its gradient on.
        edge: backward, the edge along which the gradient is passed on; None where it starts, at the root.
        gradient: backward, the gradient of ``node``, complete by now.
        before: backward, the gradient of ``receiver`` before the step.
    """

    phase: Literal["forward", "backward"]
    node: Layer
    edge: LayerEdge | None = None
    gradient: Sequence[float] = (1.0,)
    before: Sequence[float] = (0.0,)

    @property
    def receiver(self) -> Layer | None:
        """The layer whose gradient is added to; None while layers are computed."""
        if self.phase == "forward":
            return None
        return self.edge.source if self.edge else self.node

    @property
    def amounts(self) -> list[float]:
        """What is added to the gradient of ``receiver``: the gradient of ``node`` times the Jacobian."""
        if self.edge is None:
            return list(self.gradient)
        rows = zip(self.gradient, self.edge.jacobian, strict=True)
        products = [[grad * slope for slope in row] for grad, row in rows]
        return [sum(column) for column in zip(*products, strict=True)]

    @property
    def amount(self) -> float:
        """The sum of ``amounts``, whose sign gives the colour."""
        return sum(self.amounts)

    @property
    def grads(self) -> list[float]:
        """The gradient of ``receiver`` after the step: the sums so far."""
        return [before + amount for before, amount in zip(self.before, self.amounts, strict=True)]

    @property
    def shown(self) -> str:
        """What the picture shows from this step on: the data of ``node``, or the gradient of ``receiver``."""
        if self.phase == "forward":
            return span([value.data for value in self.node.values])
        return span(self.grads)

    def __str__(self) -> str:
        return self.equation({})

    def __repr__(self) -> str:
        return f"<LayerStep: {self}>"

    def title(self, names: Names) -> str:
        """Return in words what happens; ``names`` are not needed, as layers know theirs."""
        node = subscripted(self.node.name)
        if self.phase == "forward":
            return f"{node} is computed"
        if self.edge is None:
            return f"the gradient of {node} with respect to itself is 1"
        return f"{node} passes its gradient on to {subscripted(self.edge.source.name)}"

    def equation(self, names: Names) -> str:
        """Return in numbers what happens; ``names`` are not needed."""
        node = subscripted(self.node.name)
        if self.phase == "forward":
            return f"{node} = {self.shown}"
        if self.edge is None:
            return f"{node}.grad = 1"
        source = subscripted(self.edge.source.name)
        rows, columns = len(self.gradient), len(self.before)
        slope = (
            f"{_signed(self.edge.jacobian[0][0]):{PRODUCT}}"
            if rows == columns == 1
            else f"({rows} × {columns} matrix)"
        )
        return f"{source}.grad += {node}.grad × {slope}, so it is {self.shown}"


def _signed(x: float) -> Term:
    return Term(digits(x), SIGN) if x < 0 else Term(digits(x))


def steps_of(graph: Graph, wrt: Value | None = None) -> list[Step]:
    """Return the steps that compute a graph and then its gradients.

    Args:
        graph: what is visible, as ``fold`` gives it; plain numbers in expressions receive no gradient.
        wrt: leave out the backward steps that the gradient of this Value does not need.
    """
    incoming: dict[Value, list[Edge]] = {node: [] for node in graph.nodes}
    for edge in graph.edges if wrt is None else graph.flows(wrt):
        incoming[edge.target].append(edge)
    names = graph.names
    steps = [Step("forward", node, names) for node in graph.nodes if node.args]
    steps.append(Step("backward", graph.root, names))
    gradients = {graph.root: 1.0}
    for node in reversed(graph.nodes):  # so that a gradient is complete when it is passed on
        for edge in incoming[node]:
            if not edge.source.is_constant:
                before = gradients.get(edge.source, 0.0)
                steps.append(Step("backward", node, names, edge, gradients[node], before))
                gradients[edge.source] = steps[-1].grad
    return steps


def layer_steps_of(layers: LayerGraph, wrt: Value | None = None) -> list[LayerStep]:
    """Return the steps that compute the layers of a graph and then their gradients; as ``steps_of``."""
    root = layers.layer_of[layers.graph.root]
    edges = layers.edges if wrt is None else layers.leading_from(wrt)
    steps = [LayerStep("forward", layer) for layer in layers.nodes if any(v.args for v in layer.values)]
    steps.append(LayerStep("backward", root))
    gradients: dict[Layer, list[float]] = {root: [1.0]}
    for layer in reversed(layers.nodes):
        for edge in edges:
            if edge.target is layer and layer in gradients:
                before = gradients.get(edge.source, [0.0] * len(edge.source.values))
                steps.append(LayerStep("backward", layer, edge, gradients[layer], before))
                gradients[edge.source] = steps[-1].grads
    return steps
