"""The steps of a forward and a backward pass, as an animation shows them and as one can replay them."""

from typing import Literal, NamedTuple

from tinygrad_edu.draw.dot import digits
from tinygrad_edu.graph import Edge, Graph
from tinygrad_edu.notation import Names, formula
from tinygrad_edu.term import PRODUCT, SIGN, Term
from tinygrad_edu.value import Value

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
