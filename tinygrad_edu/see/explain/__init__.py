"""The chain rule for one Value of a graph: in symbols, as formulas, and with the numbers put in."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from math import isfinite
from typing import Any, overload

from tinygrad_edu._common.checks import is_number
from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine import limits
from tinygrad_edu.engine.derivatives import count_multiplications
from tinygrad_edu.engine.errors import expect_values
from tinygrad_edu.engine.gradient import listed
from tinygrad_edu.engine.value import Value, expect_current, topological_order
from tinygrad_edu.see.explain.budget import budget_sentence
from tinygrad_edu.see.explain.derivation import Derivation, Equation, Section, Writer
from tinygrad_edu.see.explain.layers import layer_sections
from tinygrad_edu.see.explain.reasons import reasons
from tinygrad_edu.see.graph import (
    Detail,
    Edge,
    Graph,
    Mode,
    Node,
    expect_mode,
    fold,
    independence,
    multiplied,
)
from tinygrad_edu.see.layers import LayerGraph
from tinygrad_edu.see.notation import as_sum
from tinygrad_edu.see.words import chosen, say

MOST_PATHS = 8  # more are not written out one by one; the three largest are
MOST_EQUATIONS = 60  # in one section
MOST_REASONS = 4
MOST_EXPLAINED = 20  # Values, where none was named
MOST_COUNTED = 20_000  # Values of a graph whose multiplications are counted
LONGEST = 240  # characters of a formula that a reader reads


class Explanation(Derivation):
    """Why ∂root/∂wrt is what it is: print it, or let Jupyter show it.

    Attributes:
        root: the Value that is differentiated.
        wrt: the Value with respect to which.
        value: the derivative ∂root/∂wrt.
        path_count: how many paths lead from ``wrt`` to ``root``.
        paths: the paths as lists of edges, the root's edge first; where there are more than eight, the
            three that contribute most.
        edges: every edge on a path, once.
        reasons: sentences that say what makes the derivative zero or small.
        budget: a sentence that says which factors make it small or large, "" if none does.
        mode: "reverse" for backpropagation, "forward" for a forward sweep.
    """

    def __init__(
        self,
        graph: Graph,
        wrt: Value,
        learning_rate: float | None = None,
        lang: str | None = None,
        mode: Mode = "reverse",
    ) -> None:
        self.root: Value = graph.root
        self.wrt = wrt
        self.mode = mode
        self._graph = graph
        self._learning_rate = learning_rate
        self._lang = chosen(lang)
        self._independence = independence(graph, wrt, lang)
        self.value, self.path_count = 0.0, 0
        self.paths: list[list[Edge]] = []
        self.edges: list[Edge] = []
        self.reasons: list[str] = []
        self.budget = ""
        if not self._independence:
            self._follow_the_paths()
        self._names = self._names_used()

    def _follow_the_paths(self) -> None:
        graph, wrt = self._graph, self.wrt
        self.value = graph.adjoint[wrt]
        self.path_count = graph.path_count(wrt)
        most = MOST_PATHS if self.path_count <= MOST_PATHS else 3
        self.paths = [path[::-1] for path in graph.paths(wrt, most)]
        # In the order of the first path, then what the second adds, and so on.
        on_paths = [edge for path in self.paths for edge in path]
        self.edges = [*dict.fromkeys([*on_paths, *reversed(graph.flows(wrt))])]
        self.reasons = reasons(graph, wrt, self.edges, self._lang)
        if self.mode == "reverse" and graph.detail != "layer" and self.path_count and wrt is not graph.root:
            self.budget = budget_sentence(graph, wrt, self._lang)

    def _names_used(self) -> dict[Node, str]:
        """Return the names of the Values, without those of unlabelled ones that feed no Value on a path.

        Such a Value is written out inside the formulas.
        """
        targets = {edge.target for edge in self.edges}
        used = {edge.source for edge in self._graph.edges if edge.target in targets} | {self.root}
        names = {
            node: name
            for node, name in self._graph.names.items()
            if node.label.strip() or not node.args or node in used
        }
        stranger = {self.wrt: one_line(self.wrt.label) or say("this_value", self._lang)}
        return names | (stranger if self._independence else {})

    def __repr__(self) -> str:
        writer = Writer(self._names)
        return f"<Explanation: {self._derivative(writer)} = {writer.number(self.value)}>"

    def _writer(self, latex: bool) -> Writer:
        return Writer(self._names, latex, self._lang)

    def sections(self, latex: bool = False) -> list[Section]:
        """Return the explanation in parts, its equations written as text or as LaTeX."""
        writer = self._writer(latex)
        if not self.path_count or self.root is self.wrt:
            value = Equation(self._derivative(writer), [f"= {writer.number(self.value)}"])
            same = "same_value" if self.root is self.wrt else "all_stopped"
            title = self._independence or writer.say(
                same, start=writer.names[self.wrt], end=writer.names[self.root]
            )
            ending = {".": ":", "。": "："}.get(title[-1], title[-1])  # an equation follows
            sections = [Section(title[:-1] + ending, [value])]
        elif self.mode == "forward":
            sections = [*self._definitions(writer), self._factors(writer), self._forward_pass(writer)]
            sections += self._cost(writer)
        elif self._graph.detail == "layer":
            sections = layer_sections(LayerGraph(self._graph, keep=[self.wrt]), self.wrt, writer)
        else:
            sections = [*self._definitions(writer), self._factors(writer)]
            if self.path_count > 1 or len(self.paths[0]) > 1:
                sections = [self._chain_rule(writer), *sections, *self._products(writer)]
            if self.path_count > 1:
                sections.append(self._backward_pass(writer))
        sections += [
            Section(sentence, []) for sentence in [self.budget, *self.reasons[:MOST_REASONS]] if sentence
        ]
        if len(self.reasons) > MOST_REASONS:
            sections.append(Section(writer.say("more_reasons", more=len(self.reasons) - MOST_REASONS), []))
        if self._learning_rate is not None:
            sections.append(self._update(writer, self._learning_rate))
        return sections

    def _derivative(self, writer: Writer) -> str:
        return writer.derivative(writer.names[self.root], writer.names[self.wrt])

    def _along(self, edge: Edge, writer: Writer) -> str:
        """Write the derivative along an edge, marked where it is not the whole ∂target/∂source."""
        symbol = writer.derivative(writer.names[edge.target], writer.names[edge.source])
        twins = [twin for twin in self._graph.passing[edge.source] if twin.target is edge.target]
        if len(twins) > 1:  # as in x·x
            return symbol + writer.words(writer.say("use", number=twins.index(edge) + 1))
        return symbol + (writer.words(writer.say("direct")) if self._graph.has_detour(edge) else "")

    def _chain_rule(self, writer: Writer) -> Section:
        ends = {"start": writer.names[self.wrt], "end": writer.names[self.root]}
        if len(self.paths) < self.path_count:
            equations = [
                Equation(self._route(path, writer), [f"= {writer.number(multiplied(path))}"])
                for path in self.paths
            ]
            # Paths that differ only in which use of a Value they take, as in x·x, read alike.
            different = [eq for i, eq in enumerate(equations) if eq not in equations[:i]]
            return Section(writer.say("chain_too_many", count=f"{self.path_count:,}", **ends), different)
        title = writer.say(
            "chain_one" if self.path_count == 1 else "chain_many", count=self.path_count, **ends
        )
        products = [
            writer.product([self._along(edge, writer) for edge in path], writer.dot) for path in self.paths
        ]
        signed = as_sum([first for first, *_ in products])
        right = [piece for sign, (_, *rest) in zip(signed, products, strict=True) for piece in (sign, *rest)]
        return Section(title, [Equation(self._derivative(writer), right)])

    def _route(self, path: list[Edge], writer: Writer) -> str:
        """Write the names along a path, of a long one the ends."""
        names = [writer.name(writer.names[edge.source]) for edge in path[::-1]]
        names.append(writer.name(writer.names[self.root]))
        if len(names) > 7:
            names[3:-3] = [writer.words("…")]
        return (r" \to " if writer.latex else " → ").join(names)

    def _definitions(self, writer: Writer) -> list[Section]:
        """The definitions of v1, v2, …, the names of unlabelled Values."""
        defined = [
            node
            for node in self._graph.nodes
            if node in writer.names and node.args and not node.label.strip()
        ]

        def equations() -> Iterator[Equation]:
            for node in defined:
                formula = writer.formula(node)
                right = [f"= {formula}"] if len(formula) <= LONGEST else []
                yield Equation(writer.name(writer.names[node]), [*right, f"= {writer.number(node.data)}"])

        return [_section(writer, "unlabelled", equations())] if defined else []

    def _factors(self, writer: Writer) -> Section:
        def equations() -> Iterator[Equation]:
            for edge in self.edges:
                value = writer.number(edge.slope)
                forms = writer.slope(edge)
                if forms and len(forms[0]) > LONGEST:
                    forms.pop()
                right = [f"= {form}" for form in dict.fromkeys(forms) if form != value]
                yield Equation(self._along(edge, writer), [*right, f"= {writer.number(edge.slope, edge)}"])

        return _section(writer, "factor" if len(self.edges) == 1 else "factors", equations())

    def _products(self, writer: Writer) -> list[Section]:
        """The numbers multiplied along each path, and then added up."""
        if len(self.paths) < self.path_count:
            return []
        derivative = self._derivative(writer)
        equations = []
        for i, path in enumerate(self.paths):
            first, *rest = writer.product([writer.factor(edge.slope, edge) for edge in path], writer.times)
            left = derivative if self.path_count == 1 else writer.words(writer.say("path", number=i + 1))
            amount = [f"= {writer.number(multiplied(path), self.product_of(path))}"] if rest else []
            equations.append(Equation(left, [f"= {first}", *rest, *amount]))
        if self.path_count == 1:
            return [Section(writer.say("multiplied"), equations)]
        amounts = [multiplied(path) for path in self.paths]
        terms = writer.sum(amounts, [*map(self.product_of, self.paths)])
        total = Equation(derivative, [*terms, f"= {writer.number(self.value, self.wrt)}"])
        return [Section(writer.say("multiplied_added"), [*equations, total])]

    def product_of(self, path: list[Edge]) -> Any:
        """Return what has the product along a path as its number, for a ``Writer``."""
        if len(path) == 1:
            return path[0]
        return self.wrt if self.path_count == 1 else tuple(path)

    def gradient_of(self, node: Node) -> Any:
        """Return what has ∂root/∂node as its number, for a ``Writer``: an edge, if that is all there is."""
        edges = self._graph.outgoing.get(node, [])
        return edges[0] if len(edges) == 1 and edges[0].target is self.root else node

    def _backward_pass(self, writer: Writer) -> Section:
        """The factored form: each derivative of the root once, from those that come after it."""
        root, names, adjoint = self.root, writer.names, self._graph.adjoint
        on_path = {edge.source for edge in self.edges}

        def equations() -> Iterator[Equation]:
            for node in reversed(self._graph.nodes):
                edges = self._graph.passing[node] if node in on_path else []
                if all(edge.target is root for edge in edges) and len(edges) < 2:
                    continue  # one of the factors above
                symbols, numbers = [], []
                for edge in edges:
                    symbol, number = self._along(edge, writer), writer.factor(edge.slope, edge)
                    if edge.target is not root:
                        symbol = f"{writer.derivative(names[root], names[edge.target])} {writer.dot} {symbol}"
                        onward = writer.factor(adjoint[edge.target], self.gradient_of(edge.target))
                        number = f"{onward} {writer.times} {number}"
                    symbols.append(symbol)
                    numbers.append(number)
                terms = writer.sum(
                    [*map(self._graph.contribution, edges)], [(edge, "term") for edge in edges]
                )
                symbols, numbers = as_sum(symbols), as_sum(numbers)
                right = [*symbols, *numbers, *(terms if len(edges) > 1 and terms != numbers else [])]
                value = f"= {writer.number(adjoint[node], node)}"
                yield Equation(writer.derivative(names[root], names[node]), [*right, value])

        return _section(writer, "used_again", equations())

    def _forward_pass(self, writer: Writer) -> Section:
        """The tangents: the derivative of each Value with respect to ``wrt``, from that of its arguments."""
        names, wrt, tangents = writer.names, self.wrt, self._graph.tangents(self.wrt)
        arriving: dict[Node, list[Edge]] = {}
        for edge in self._graph.flows(wrt):
            arriving.setdefault(edge.target, []).append(edge)

        def equations() -> Iterator[Equation]:
            yield Equation(writer.derivative(names[wrt], names[wrt]), ["= 1"])
            for node in self._graph.nodes:
                edges = arriving.get(node)
                if edges is None:
                    continue
                symbols, numbers, amounts = [], [], []
                for edge in edges:
                    symbol, number = self._along(edge, writer), writer.factor(edge.slope)
                    if edge.source is not wrt:
                        symbol += f" {writer.dot} {writer.derivative(names[edge.source], names[wrt])}"
                        number += f" {writer.times} {writer.factor(tangents[edge.source])}"
                    symbols.append(symbol)
                    numbers.append(number)
                    amounts.append(edge.slope * tangents[edge.source] if edge.is_taken else 0.0)
                left, value = writer.derivative(names[node], names[wrt]), f"= {writer.number(tangents[node])}"
                if symbols == [left]:  # along the only edge from wrt itself
                    yield Equation(left, [value])
                else:
                    written, terms = as_sum(numbers), writer.sum(amounts, amounts)
                    added = terms if len(edges) > 1 and terms != written else []
                    yield Equation(left, [*as_sum(symbols), *written, *added, value])

        return _section(writer, "forward", equations(), start=names[wrt], end=names[self.root])

    def _cost(self, writer: Writer) -> list[Section]:
        """What all derivatives would cost in either mode."""
        order = topological_order(self.root)
        leaves = [value for value in order if not value.args and not value.is_constant]
        if len(order) > MOST_COUNTED or len(leaves) < 2:
            return []
        counts = count_multiplications(self.root, leaves)
        sentence = writer.say(
            "forward_cost",
            wrt=writer.names[self.wrt],
            inputs=f"{counts.inputs:,}",
            forward=f"{counts.forward:,}",
            reverse=f"{counts.reverse:,}",
        )
        return [Section(sentence, [])]

    def _update(self, writer: Writer, learning_rate: float) -> Section:
        name, rate = writer.name(writer.names[self.wrt]), writer.number(learning_rate)
        before, after = self.wrt.data, self.wrt.data - learning_rate * self.value
        slope = writer.factor(self.value, self.gradient_of(self.wrt))
        right = [
            f"= {name} {writer.minus} {rate} {writer.dot} {self._derivative(writer)}",
            f"= {writer.number(before)} {writer.minus} {rate} {writer.times} {slope}",
            f"= {writer.number(after, 'update')}",
        ]
        return Section(writer.say("update"), [Equation(name + writer.updated, right)])


def _section(writer: Writer, title: str, equations: Iterable[Equation], **fields: Any) -> Section:
    """Return a section of no more equations than a reader can take in."""
    listed = list(islice(equations, MOST_EQUATIONS + 1))
    title = writer.say(title, **fields)
    if len(listed) > MOST_EQUATIONS:
        title = writer.say("first_of", title=title[:-1], count=MOST_EQUATIONS)
    return Section(title, listed[:MOST_EQUATIONS])


class Explanations(Derivation, tuple[Explanation, ...]):
    """Several explanations, one after the other: a tuple that prints itself, and that Jupyter shows."""

    left_out = 0
    """How many more there are."""
    lang = "en"
    """The language of what is said of those."""

    def sections(self, latex: bool = False) -> list[Section]:
        """Return the parts of all explanations, their equations written as text or as LaTeX."""
        sections = [section for explanation in self for section in explanation.sections(latex)]
        if self.left_out:
            sections.append(Section(say("more_values", self.lang, more=self.left_out), []))
        return sections


@overload
def explain(
    root: Value,
    wrt: Value,
    *,
    detail: Detail | None = None,
    learning_rate: float | None = None,
    lang: str | None = None,
    mode: Mode = "reverse",
) -> Explanation: ...
@overload
def explain(
    root: Value,
    wrt: Iterable[Value] | None = None,
    *,
    detail: Detail | None = None,
    learning_rate: float | None = None,
    lang: str | None = None,
    mode: Mode = "reverse",
) -> Explanations: ...
def explain(
    root: Value,
    wrt: Value | Iterable[Value] | None = None,
    *,
    detail: Detail | None = None,
    learning_rate: float | None = None,
    lang: str | None = None,
    mode: Mode = "reverse",
) -> Explanation | Explanations:
    """Explain the derivative of ``root`` with respect to ``wrt``: the chain rule, written out.

    Args:
        root: the Value that is differentiated.
        wrt: the Value with respect to which, or several: they are explained one after the other. If None,
            all weights and biases of the networks in the graph; where there are none, all labelled leaves
            (of more than 20 the first 20). If ``root`` does not depend on one, a sentence says so.
        detail: how fine: "named" goes from one labelled Value to the next, "ops" through every operation,
            "neuron" from neuron to neuron, "layer" from layer to layer. If None, "named" where Values
            between the leaves and the root have labels, else "ops".
        learning_rate: also show the update w⁺ = w − learning_rate · ∂root/∂w.
        lang: the language of the words, "en" or "zh"; that of ``language()`` if None.
        mode: "reverse" is backpropagation. "forward" carries the derivative with respect to ``wrt`` along
            with every Value (its tangent, as ``jvp`` does), and counts what that costs for all leaves.

    Raises:
        UnknownNameError: for another language.
        TypeError: if ``root`` or one of ``wrt`` is not a Value.
        ValueError: for another ``detail`` or ``mode``, for forward mode from layer to layer, or a
            ``learning_rate`` that is not finite.
        StaleError: if a number was assigned after it was used; call ``root.forward()`` first.
        DomainError: if the derivative is infinite, or does not exist.

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
    <BLANKLINE>
    What makes this gradient small or large: × 0.42 from the tanh at out (never
    above 1); × 2 from x.
    >>> print(explain(out, w, mode="forward"))
    The factors, as formulas and in numbers:
      ∂out/∂net = 1 − out² = 1 − 0.761594156² = 0.419974342
      ∂net/∂w   = x = 2
    <BLANKLINE>
    Forward mode goes from w to out; each Value gets its derivative with respect to
    w from those of its arguments:
      ∂w/∂w   = 1
      ∂net/∂w = 2
      ∂out/∂w = ∂out/∂net · ∂net/∂w = 0.419974342 × 2 = 0.839948683
    <BLANKLINE>
    This sweep gives derivatives with respect to w alone. For all 2 leaves forward
    mode multiplies 4 times, in a sweep for each; backpropagation 3 times, in one
    sweep.
    """
    lang = chosen(lang)
    expect_mode(mode)
    if mode == "forward" and detail == "layer":
        raise ValueError("mode='forward' goes from Value to Value: use detail='ops', 'named' or 'neuron'")
    several = listed(wrt)
    expect_values("explain(root, wrt) takes", root, *several)
    if learning_rate is not None and not is_number(learning_rate):
        raise ValueError(f"learning_rate={learning_rate!r}: it must be a finite number")
    order = topological_order(root)
    expect_current(order)
    if wrt is None:
        several = _interesting(order)
    explanations = Explanations(
        Explanation(fold(root, detail, keep=[value]), value, learning_rate, lang, mode)
        for value in several[: MOST_EXPLAINED if wrt is None else None]
    )
    if not all(isfinite(explanation.value) for explanation in explanations):
        limits.adjoints(root, order)  # raises the error that backward() does
    if isinstance(wrt, Value):
        return explanations[0]
    explanations.left_out, explanations.lang = len(several) - len(explanations), lang
    return explanations


def _interesting(order: Collection[Value]) -> list[Value]:
    """Return the parameters of the networks in a graph, or else its labelled leaves."""
    parameters = [value for value in order if getattr(value.group, "role", None) in ("weight", "bias")]
    return parameters or [value for value in order if value.label.strip() and not value.args]
