"""The chain rule for one Value of a graph: in symbols, as formulas, and with the numbers put in."""

from collections.abc import Iterable, Iterator
from itertools import islice
from math import prod
from typing import Any

from tinygrad_edu import derivation
from tinygrad_edu._common.checks import is_number
from tinygrad_edu.see.explain.derivation import Equation, Section, Writer
from tinygrad_edu.engine.gradient import expect_values
from tinygrad_edu.see.graph import Detail, Edge, Graph, expect_current, fold, natural_detail
from tinygrad_edu.see.layers import LayerGraph, layer_sections
from tinygrad_edu.see.explain.reasons import reasons
from tinygrad_edu.see.term import one_line
from tinygrad_edu.engine.value import Value, topological_order

MOST_PATHS = 8  # more are not written out one by one; the three largest are
MOST_EQUATIONS = 60  # in one section
MOST_REASONS = 4
LONGEST = 240  # characters of a formula that a reader reads


class Explanation:
    """Why ∂root/∂wrt is what it is: print it, or let Jupyter show it.

    Attributes:
        root: the Value that is differentiated.
        wrt: the Value with respect to which.
        value: the derivative ∂root/∂wrt.
        path_count: how many paths lead from ``wrt`` to ``root``.
        paths: the paths as lists of edges, the root's edge first; where there are more than eight, the
            three that contribute most.
        steps: every edge on a path, once.
        reasons: sentences that say what makes the derivative zero or small.
    """

    def __init__(self, root: Value, wrt: Value, detail: Detail, learning_rate: float | None) -> None:
        self.root = root
        self.wrt = wrt
        order = topological_order(root)
        reached = wrt in set(order)
        self._graph: Graph = fold(root, detail, keep=(wrt,) if reached else ())
        self._names = dict(self._graph.names)
        if not reached:
            self._names[wrt] = one_line(wrt.label) or "this Value"
        self._twin = not reached and bool(wrt.label) and any(value.label == wrt.label for value in order)
        self._learning_rate = learning_rate
        self.value = self._graph.adjoint[wrt] if reached else 0.0
        self.path_count = self._graph.path_count(wrt) if reached else 0
        self.paths: list[list[Edge]] = []
        if reached:
            most = MOST_PATHS if self.path_count <= MOST_PATHS else 3
            self.paths = [path[::-1] for path in self._graph.paths(wrt, most)]
        flows = self._graph.flows(wrt) if reached else {}
        # In the order of the first path, then what the second adds, and so on.
        self.steps = list(dict.fromkeys([e for path in self.paths for e in path] + list(flows)[::-1]))
        self.reasons = reasons(self._graph, wrt, self.steps) if reached else []
        # Beside the way stands what else its Values are made from; the rest, if nameless, is written out.
        targets = {edge.target for edge in self.steps}
        beside = {edge.source for edge in self._graph.edges if edge.target in targets} | {root}
        self._nameless = [node for node in self._graph.nodes if node.args and not node.label]
        for node in self._nameless:
            if node not in beside:
                del self._names[node]

    def __str__(self) -> str:
        return derivation.as_text(self.sections(latex=False))

    def __repr__(self) -> str:
        writer = Writer(self._names, latex=False)
        return f"<Explanation: {self._derivative(writer)} = {writer.number(self.value)}>"

    @property
    def latex(self) -> str:
        """All equations, as one aligned block for display mathematics."""
        return derivation.as_latex(self.sections(latex=True))

    @property
    def markdown(self) -> str:
        """The explanation as Markdown with LaTeX equations, as Jupyter and many sites show it."""
        return derivation.as_markdown(self.sections(latex=True))

    @property
    def mathml(self) -> str:
        """The explanation as HTML with MathML equations, which browsers show without any script."""
        return derivation.as_mathml(self.sections(latex=True))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": self.markdown, "text/plain": str(self)}

    def sections(self, latex: bool = False) -> list[Section]:
        """Return the explanation in parts, its equations written as text or as LaTeX."""
        writer = Writer(self._names, latex)
        if not self.path_count or self.root is self.wrt:
            value = Equation(self._derivative(writer), [f"= {writer.number(self.value)}"])
            sections = [Section(self._without_path(), [value])]
        elif self._graph.detail == "layer":
            sections = layer_sections(LayerGraph(self._graph, keep=[self.wrt]), self.wrt, writer)
        else:
            sections = [*self._definitions(writer), self._factors(writer)]
            if self.path_count > 1 or len(self.paths[0]) > 1:
                sections = [self._chain_rule(writer), *sections, *self._products(writer)]
            if self.path_count > 1:
                sections.append(self._backward_pass(writer))
        sections += [Section(reason, []) for reason in self.reasons[:MOST_REASONS]]
        if len(self.reasons) > MOST_REASONS:
            sections.append(Section(f"And {len(self.reasons) - MOST_REASONS} more such reasons.", []))
        if self._learning_rate is not None:
            sections.append(self._update(writer, self._learning_rate))
        return sections

    def _without_path(self) -> str:
        root, wrt = self._names[self.root], self._names[self.wrt]
        if self.root is self.wrt:
            return "It is the same Value:"
        if self._twin:
            return (
                f"{root} does not depend on this {wrt}, but on another Value of that name: was it made anew?"
            )
        return f"{root} does not depend on {wrt}:"

    def _derivative(self, writer: Writer) -> str:
        return writer.partial(writer.names[self.root], writer.names[self.wrt])

    def _partial(self, edge: Edge, writer: Writer) -> str:
        """Write the derivative along an edge, marked where it is not the whole ∂target/∂source."""
        partial = writer.partial(writer.names[edge.target], writer.names[edge.source])
        twins = [twin for twin in self._graph.outgoing[edge.source] if twin.target is edge.target]
        if len(twins) > 1:  # as in x·x
            return partial + writer.words(f" (use {twins.index(edge) + 1})")
        return partial + (writer.words(" (direct)") if self._graph.has_detour(edge) else "")

    def _chain_rule(self, writer: Writer) -> Section:
        start, end = writer.names[self.wrt], writer.names[self.root]
        if len(self.paths) < self.path_count:
            title = f"{self.path_count:,} paths lead from {start} to {end}, too many to write out."
            equations = [
                Equation(self._route(path, writer), [f"= {writer.number(prod(edge.slope for edge in path))}"])
                for path in self.paths
            ]
            # Paths that differ only in which use of a Value they take, as in x·x, read alike.
            different = [eq for i, eq in enumerate(equations) if eq not in equations[:i]]
            return Section(f"{title} Those that contribute most:", different)
        title = f"{self.path_count} paths lead from {start} to {end}; the chain rule adds them up:"
        if self.path_count == 1:
            title = f"The chain rule along the path from {start} to {end}:"
        right = []
        for sign, path in zip("=" + "+" * MOST_PATHS, self.paths, strict=False):
            first, *rest = writer.product([self._partial(edge, writer) for edge in path], writer.dot)
            right += [f"{sign} {first}", *rest]
        return Section(title, [Equation(self._derivative(writer), right)])

    def _route(self, path: list[Edge], writer: Writer) -> str:
        """Write the names along a path, of a long one the ends."""
        names = [writer.name(writer.names[edge.source]) for edge in path[::-1]]
        names.append(writer.name(writer.names[self.root]))
        if len(names) > 7:
            names[3:-3] = [writer.words("…")]
        return (r" \to " if writer.latex else " → ").join(names)

    def _definitions(self, writer: Writer) -> list[Section]:
        """What the names v1, v2, … stand for that Values were given for want of a label."""
        defined = [node for node in self._nameless if node in writer.names]

        def equations() -> Iterator[Equation]:
            for node in defined:
                formula = writer.formula(node)
                right = [f"= {formula}"] if len(formula) <= LONGEST else []
                yield Equation(writer.name(writer.names[node]), [*right, f"= {writer.number(node.data)}"])

        return [_section("Values without a label:", equations())] if defined else []

    def _factors(self, writer: Writer) -> Section:
        def equations() -> Iterator[Equation]:
            for edge in self.steps:
                value = writer.number(edge.slope)
                forms = [writer.slope(edge), writer.slope(edge, numbers=True)]
                if len(forms[0]) > LONGEST:
                    forms.pop()
                right = [f"= {form}" for form in dict.fromkeys(forms) if form != value]
                yield Equation(self._partial(edge, writer), [*right, f"= {value}"])

        one = len(self.steps) == 1
        title = (
            "The derivative, as a formula and in numbers:"
            if one
            else "The factors, as formulas and in numbers:"
        )
        return _section(title, equations())

    def _products(self, writer: Writer) -> list[Section]:
        """The numbers multiplied along each path, and then added up."""
        if len(self.paths) < self.path_count:
            return []
        derivative = self._derivative(writer)
        equations = []
        for i, path in enumerate(self.paths):
            first, *rest = writer.product([writer.factor(edge.slope) for edge in path], writer.times)
            left = derivative if self.path_count == 1 else writer.words(f"path {i + 1}")
            amount = [f"= {writer.number(prod(edge.slope for edge in path))}"] if rest else []
            equations.append(Equation(left, [f"= {first}", *rest, *amount]))
        if self.path_count == 1:
            return [Section("Multiplied:", equations)]
        amounts = [prod(edge.slope for edge in path) for path in self.paths]
        total = Equation(derivative, [*writer.sum(amounts), f"= {writer.number(self.value)}"])
        return [Section("Multiplied along each path, then added:", [*equations, total])]

    def _backward_pass(self, writer: Writer) -> Section:
        """The factored form: each derivative of the root once, from those that come after it."""
        root, names, adjoint = self.root, writer.names, self._graph.adjoint
        on_path = {edge.source for edge in self.steps}

        def equations() -> Iterator[Equation]:
            for node in reversed(self._graph.nodes):
                edges = self._graph.outgoing[node] if node in on_path else []
                if all(edge.target is root for edge in edges) and len(edges) < 2:
                    continue  # one of the factors above
                symbols, numbers = [], []
                for sign, edge in zip("=" + "+" * len(edges), edges, strict=False):
                    symbol, number = self._partial(edge, writer), writer.factor(edge.slope)
                    if edge.target is not root:
                        symbol = f"{writer.partial(names[root], names[edge.target])} {writer.dot} {symbol}"
                        number = f"{writer.factor(adjoint[edge.target])} {writer.times} {number}"
                    symbols.append(f"{sign} {symbol}")
                    numbers.append(f"{sign} {number}")
                terms = writer.sum([adjoint[edge.target] * edge.slope for edge in edges])
                right = [*symbols, *numbers, *(terms if len(edges) > 1 and terms != numbers else [])]
                value = f"= {writer.number(adjoint[node])}"
                yield Equation(writer.partial(names[root], names[node]), [*right, value])

        return _section("Backpropagation computes every derivative once and uses it again:", equations())

    def _update(self, writer: Writer, learning_rate: float) -> Section:
        name, rate = writer.name(writer.names[self.wrt]), writer.number(learning_rate)
        before, after = self.wrt.data, self.wrt.data - learning_rate * self.value
        right = [
            f"= {name} {writer.minus} {rate} {writer.dot} {self._derivative(writer)}",
            f"= {writer.number(before)} {writer.minus} {rate} {writer.times} {writer.factor(self.value)}",
            f"= {writer.number(after)}",
        ]
        return Section("One step of gradient descent:", [Equation(name + writer.updated, right)])


def _section(title: str, equations: Iterable[Equation]) -> Section:
    """Return a section of no more equations than a reader can take in."""
    listed = list(islice(equations, MOST_EQUATIONS + 1))
    if len(listed) > MOST_EQUATIONS:
        title = f"{title[:-1]} (the first {MOST_EQUATIONS}):"
    return Section(title, listed[:MOST_EQUATIONS])


def explain(
    root: Value, wrt: Value, detail: Detail | None = None, learning_rate: float | None = None
) -> Explanation:
    """Explain the derivative of ``root`` with respect to ``wrt``: the chain rule, written out.

    Args:
        root: the Value that is differentiated.
        wrt: the Value with respect to which.
        detail: how fine: "named" goes from one labelled Value to the next, "ops" through every operation,
            "neuron" from neuron to neuron, "layer" from layer to layer. If None, "named" where Values
            between the leaves and the root have labels, else "ops".
        learning_rate: also show the update w⁺ = w − learning_rate · ∂root/∂w.

    Raises:
        TypeError: if ``root`` or ``wrt`` is not a Value.
        ValueError: for another ``detail``, a ``learning_rate`` that is not finite, or if data was assigned
            and ``root.forward()`` not called.
        DomainError: if the formula of a slope has itself an infinite slope there, as 1.5·x^(0.5) has at 0.

    >>> w, x = Value(0.5, "w"), Value(2.0, "x")
    >>> net = w * x
    >>> net.label = "net"
    >>> out = net.tanh()
    >>> out.label = "out"
    >>> print(explain(out, w))
    The chain rule along the path from w to out:
      ∂out/∂w = ∂out/∂net · ∂net/∂w
    <BLANKLINE>
    The factors, as formulas and in numbers:
      ∂out/∂net = 1 − out² = 1 − 0.761594156² = 0.419974342
      ∂net/∂w   = x = 2
    <BLANKLINE>
    Multiplied:
      ∂out/∂w = 0.419974342 × 2 = 0.839948683
    """
    expect_values("explain(root, wrt) takes", root, wrt)
    if learning_rate is not None and not is_number(learning_rate):
        raise ValueError(f"learning_rate={learning_rate!r}: it must be a finite number")
    expect_current(root)
    return Explanation(root, wrt, detail or natural_detail(root), learning_rate)
