"""The steps of a forward and a backward pass, as an animation shows them and as one can replay them."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from tinygrad_edu.engine.gradient import sweep
from tinygrad_edu.engine.rules import total as left_to_right
from tinygrad_edu.engine.value import Value
from tinygrad_edu.program.forms import ATOM, SIGN, Term
from tinygrad_edu.see.draw.dot import interval, rounded
from tinygrad_edu.see.graph import Edge, Graph, Node
from tinygrad_edu.see.notation import formula
from tinygrad_edu.see.words import say

LONGEST_EQUATION = 120  # characters; of a longer one the numbers are left out, and then the formula


class Step(NamedTuple):
    """One step of an animation. ``str(step)`` says in numbers what happens.

    A gradient is a list of numbers: one for each Value of the node, so a single one except for a layer.

    Attributes:
        phase: "forward" while nodes are computed, "backward" while gradients are.
        node: the Value or the layer that is computed, or that passes its gradient on.
        values: the Values of ``node``.
        names: a name for every node.
        edge: backward, the edge along which the gradient is passed on; None where it starts, at the root.
        gradient: backward, the gradient of ``node``, complete by now.
        before: backward, the gradient of ``receiver`` before the step.
        after: backward, the gradient of ``receiver`` after the step: the sum so far.
        digits: how many significant digits a number has, except in a formula with its numbers put in.
    """

    phase: Literal["forward", "backward"]
    node: Node
    values: Sequence[Value]
    names: Mapping[Node, str]
    edge: Edge | None = None
    gradient: Sequence[float] = (1.0,)
    before: Sequence[float] = (0.0,)
    after: Sequence[float] = (1.0,)
    digits: int = 6

    @property
    def receiver(self) -> Node | None:
        """The node whose gradient is added to; None while nodes are computed."""
        if self.phase == "forward":
            return None
        return self.edge.source if self.edge else self.node

    @property
    def amount(self) -> Sequence[float]:
        """What is added to the gradient of ``receiver``: the gradient of ``node`` times the edge's slope."""
        return _product(self.gradient, self.edge) if self.edge else self.gradient

    @property
    def shown(self) -> str:
        """What the picture shows from this step on: the data of ``node``, or the gradient of ``receiver``."""
        if self.phase == "forward":
            return interval([value.data for value in self.values], self.digits)
        return interval(self.after, self.digits)

    def __str__(self) -> str:
        return self.equation(self.names)

    def __repr__(self) -> str:
        return f"<Step: {self}>"

    def title(self, names: Mapping[Node, str]) -> str:
        """Return in words, and in these names, what happens."""
        node = names[self.node]
        if self.phase == "forward":
            return say("step_computed", node=node)
        if self.edge is None:
            return say("step_root", root=node)
        return say("step_passes", node=node, source=names[self.edge.source])

    def equation(self, names: Mapping[Node, str]) -> str:
        """Return in numbers, and in these names, what happens."""
        node = names[self.node]
        if self.phase == "forward":
            return self._forward(names)
        if self.edge is None:
            return f"{node}.grad = 1"
        source, rows, columns = names[self.edge.source], len(self.gradient), len(self.after)
        if rows > 1 or columns > 1:
            product = say("step_matrix", node=node, rows=rows, columns=columns)
            return say("step_equation", source=source, product=product, sum=self.shown)
        [[slope]], [gradient], [before], [amount] = (
            self.edge.jacobian, self.gradient, self.before, self.amount
        )  # fmt: skip
        product = f"{self._signed(gradient)} × {self._signed(slope):PRODUCT}"
        total = f"{rounded(before, self.digits)} + {self._signed(amount):PRODUCT} = {self.shown}"
        return say("step_equation", source=source, product=product, sum=total)

    def _forward(self, names: Mapping[Node, str]) -> str:
        sides = [names[self.node]]
        if len(self.values) == 1:
            [value] = self.values
            sides += [formula(value, names), formula(value, names, numbers=True)]
        while len(sides) > 1 and sum(map(len, sides)) > LONGEST_EQUATION:
            sides.pop()
        return " = ".join([*sides, self.shown])

    def _signed(self, x: float) -> Term:
        return Term(rounded(x, self.digits), SIGN if x < 0 else ATOM)


def steps_of(graph: Graph, wrt: Sequence[Value] = (), digits: int = 6) -> list[Step]:
    """Return the steps that compute a graph and then its gradients.

    Args:
        graph: what is visible; plain numbers in expressions receive no gradient.
        wrt: leave out the backward steps that the gradients of these Values do not need. All steps if empty.
        digits: how many significant digits their numbers have.
    """
    needed = {edge for value in wrt for edge in graph.flows(value)} if wrt else {*graph.edges}

    def incoming(node: Node) -> list[tuple[Node, Edge]]:
        edges = [edge for edge in graph.incoming[node] if edge in needed]
        return [(edge.source, edge) for edge in edges if not edge.source.is_constant]

    steps = [
        Step("forward", node, graph.values(node), graph.names)
        for node in graph.nodes
        if any(value.args for value in graph.values(node))
    ]
    steps.append(Step("backward", graph.root, [graph.root], graph.names))
    passes = sweep(graph.root, graph.nodes, incoming, _product, _total, one=[1.0])
    for node, _, edge, gradient, before, after in passes:
        before = before or [0.0] * len(after)
        steps.append(Step("backward", node, graph.values(node), graph.names, edge, gradient, before, after))
    return [step._replace(digits=digits) for step in steps]


def _product(gradient: Sequence[float], edge: Edge) -> list[float]:
    """Return a gradient times the Jacobian of an edge: one number for each Value of its source."""
    columns = [*zip(*edge.jacobian, strict=True)]
    if not edge.is_taken or not any(gradient):
        return [0.0] * len(columns)
    return [
        left_to_right(grad * slope for grad, slope in zip(gradient, column, strict=True))
        for column in columns
    ]


def _total(before: Sequence[float], amount: Sequence[float]) -> list[float]:
    return [x + y for x, y in zip(before, amount, strict=True)]
