"""The chain rule for one Value of a graph: in symbols, as formulas, and with the numbers put in."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from tinygrad_edu import notation
from tinygrad_edu.graph import Detail, Edge, Graph, fold
from tinygrad_edu.term import ATOM, PRODUCT, SIGN, Term
from tinygrad_edu.value import Value

MOST_PATHS = 8  # as many paths are written out one by one; of more, only the number is given
COLUMNS = 80


class Equation(NamedTuple):
    """One line of an explanation: the left side, and the rest in pieces between which it may be broken."""

    left: str
    right: list[str]


class Section(NamedTuple):
    """A sentence, and the equations that it introduces."""

    title: str
    equations: list[Equation]


class Explanation:
    """Why ∂root/∂wrt is what it is. Print it to read it.

    Attributes:
        root: the Value that is differentiated.
        wrt: the Value with respect to which.
        learning_rate: η of the update that is explained too, None for none.
        graph: the graph at the detail of the explanation.
        value: the derivative ∂root/∂wrt.
        path_count: how many paths lead from ``wrt`` to ``root``.
        paths: every path as its edges, the root's first; none where there are too many to list.
        steps: every edge on a path, once, from the root on.
    """

    def __init__(
        self, root: Value, wrt: Value, detail: Detail = "named", learning_rate: float | None = None
    ) -> None:
        self.root = root
        self.wrt = wrt
        self.learning_rate = learning_rate
        self.graph: Graph = fold(root, detail, keep=(wrt,))
        self.value = self.graph.adjoint[wrt]
        self.path_count = self.graph.path_count(wrt)
        few = self.path_count <= MOST_PATHS
        self.paths = [path[::-1] for path in self.graph.paths(wrt)] if few else []
        self.steps = list(self.graph.flows(wrt))[::-1]
        if self.paths:  # in the order of the first path, then what the second adds, and so on
            self.steps = list(dict.fromkeys(edge for path in self.paths for edge in path))

    def __str__(self) -> str:
        return "\n\n".join("\n".join([s.title, *_lines(s.equations)]) for s in self.sections())

    def __repr__(self) -> str:
        writer = _Writer(self.graph, latex=False)
        return f"<Explanation of {writer.partial(self.root, self.wrt)} = {writer.number(self.value)}>"

    def sections(self, latex: bool = False) -> list[Section]:
        """Return the explanation in parts, its equations written as text or as LaTeX."""
        writer = _Writer(self.graph, latex)
        sections = []
        if self.steps:
            sections += [self._chain_rule(writer), *self._definitions(writer), self._factors(writer)]
            if self.paths:
                sections.append(self._products(writer))
            if self.path_count > 1:
                sections.append(self._backward_pass(writer))
        else:
            derivative = "1: it is the root" if self.root is self.wrt else "0: the root does not depend on it"
            sections.append(Section(f"{writer.partial(self.root, self.wrt)} = {derivative}.", []))
        if self.learning_rate is not None:
            sections.append(self._update(writer, self.learning_rate))
        return sections

    def _chain_rule(self, writer: "_Writer") -> Section:
        start, end = self.graph.names[self.wrt], self.graph.names[self.root]
        if not self.paths:
            title = f"{self.path_count:,} paths lead from {start} to {end}, too many to write out one by one."
            return Section(title, [])
        products = [
            writer.product([writer.partial(edge.target, edge.source) for edge in path], writer.dot)
            for path in self.paths
        ]
        if len(self.paths) == 1:
            title = f"The chain rule along the path from {start} to {end}:"
        else:
            title = f"{len(self.paths)} paths lead from {start} to {end}; the chain rule adds them up:"
        right = ["= " + products[0][0], *products[0][1:]]
        for product in products[1:]:
            right += ["+ " + product[0], *product[1:]]
        return Section(title, [Equation(writer.partial(self.root, self.wrt), right)])

    def _definitions(self, writer: "_Writer") -> list[Section]:
        """What the names v1, v2, … stand for that Values on the way were given for want of a label."""
        nameless = [edge.source for edge in self.steps[::-1] if edge.source.args and not edge.source.label]
        equations = [
            Equation(writer.name(node), [f"= {writer.formula(node)}", f"= {writer.number(node.data)}"])
            for node in dict.fromkeys(nameless)
        ]
        return [Section("Values without a label on the way:", equations)] if equations else []

    def _factors(self, writer: "_Writer") -> Section:
        equations = []
        for edge in self.steps:
            value = writer.number(edge.slope)
            forms = [writer.slope(edge), writer.slope(edge, numbers=True)]
            right = [f"= {form}" for form in forms if form != value]
            equations.append(Equation(writer.partial(edge.target, edge.source), [*right, f"= {value}"]))
        return Section("The factors, as formulas and in numbers:", equations)

    def _products(self, writer: "_Writer") -> Section:
        """The numbers multiplied along each path, and then added up."""
        amounts = [prod(edge.slope for edge in path) for path in self.paths]
        products = [
            writer.product([f"{writer.signed(edge.slope):{PRODUCT}}" for edge in path], writer.times)
            for path in self.paths
        ]
        derivative = writer.partial(self.root, self.wrt)
        if len(self.paths) == 1:
            right = ["= " + products[0][0], *products[0][1:], "= " + writer.number(amounts[0])]
            return Section("Multiplied:", [Equation(derivative, right)])
        equations = [
            Equation(
                writer.text(f"path {i}"), ["= " + product[0], *product[1:], "= " + writer.number(amount)]
            )
            for i, (product, amount) in enumerate(zip(products, amounts, strict=True), 1)
        ]
        right = [*writer.sum(amounts), "= " + writer.number(self.value)]
        return Section("Multiplied along each path, then added:", [*equations, Equation(derivative, right)])

    def _backward_pass(self, writer: "_Writer") -> Section:
        """The factored form: each derivative of the root once, from those that come after it."""
        equations = []
        on_path = {edge.source for edge in self.steps}
        for node in reversed(self.graph.nodes):
            edges = [edge for edge in self.graph.outgoing[node] if node in on_path]
            if not edges or all(edge.target is self.root for edge in edges):
                continue
            symbols: list[str] = []
            numbers: list[str] = []
            amounts: list[float] = []
            for sign, edge in zip("=" + "+" * len(edges), edges, strict=False):
                adjoint = self.graph.adjoint[edge.target]
                amounts.append(adjoint * edge.slope)
                pairs = [
                    (writer.partial(self.root, edge.target), writer.partial(edge.target, node), writer.dot),
                    (writer.signed(adjoint), writer.signed(edge.slope), writer.times),
                ]
                for pieces, (x, y, times) in zip((symbols, numbers), pairs, strict=True):
                    pieces.append(f"{sign} {x:{PRODUCT}} {times} {y:{PRODUCT}}")
            right = [*symbols, *numbers, *(writer.sum(amounts) if len(amounts) > 1 else [])]
            value = "= " + writer.number(self.graph.adjoint[node])
            equations.append(Equation(writer.partial(self.root, node), [*right, value]))
        return Section("Backpropagation computes every derivative once and uses it again:", equations)

    def _update(self, writer: "_Writer", learning_rate: float) -> Section:
        name, gradient = writer.name(self.wrt), writer.partial(self.root, self.wrt)
        right = [
            f"= {name} {writer.minus} {writer.number(learning_rate)} {writer.dot} {gradient}",
            f"= {writer.number(self.wrt.data)} {writer.minus} {writer.number(learning_rate)}"
            f" {writer.times} {writer.signed(self.value):{PRODUCT}}",
            f"= {writer.number(self.wrt.data - learning_rate * self.value)}",
        ]
        return Section("One step of gradient descent:", [Equation(f"{name}{writer.plus}", right)])


class _Writer:
    """Names, numbers and signs, as text or as LaTeX."""

    def __init__(self, graph: Graph, latex: bool) -> None:
        self.names = graph.names
        self.latex = latex
        self.term = notation.LatexTerm if latex else Term
        self.dot, self.times = (r"\cdot", r"\times") if latex else ("·", "×")
        self.minus, self.plus = ("-", "^{+}") if latex else ("−", "⁺")

    def name(self, value: Value) -> Term:
        return notation.written(value, self.names, latex=self.latex)

    def partial(self, of: Value, wrt: Value) -> str:
        if self.latex:
            return rf"\frac{{\partial {self.name(of)}}}{{\partial {self.name(wrt)}}}"
        return f"∂{self.name(of):{ATOM}}/∂{self.name(wrt):{ATOM}}"

    def formula(self, value: Value) -> Term:
        return notation.formula(value, self.names, latex=self.latex)

    def number(self, x: float) -> str:
        return notation.number(x, self.latex)

    def signed(self, x: float) -> Term:
        return self.term(self.number(x), ATOM if x >= 0 else SIGN)

    def text(self, words: str) -> str:
        return rf"\text{{{words}}}" if self.latex else words

    def slope(self, edge: Edge, numbers: bool = False) -> str:
        return str(edge.formula(self.names, latex=self.latex, numbers=numbers))

    def product(self, factors: Sequence[str], times: str) -> list[str]:
        """Return the factors of a product, each but the first with the sign before it."""
        return [factors[0], *(f"{times} {factor}" for factor in factors[1:])]

    def sum(self, amounts: Sequence[float]) -> list[str]:
        """Return "= a", "+ b", "− c" for the terms of a sum."""
        first, *rest = amounts
        signs = [self.minus if amount < 0 else "+" for amount in rest]
        return [
            f"= {self.number(first)}",
            *(f"{sign} {self.number(abs(amount))}" for sign, amount in zip(signs, rest, strict=True)),
        ]


def _lines(equations: Sequence[Equation]) -> list[str]:
    """Lay equations out below each other, their first signs aligned, in lines of at most 80 columns.

    Where an equation is too long for a line it is broken at "=", a part that still is too long at the
    signs of a sum, and a part of that wherever a factor ends.
    """
    width = max((len(equation.left) for equation in equations), default=0)
    room = COLUMNS - width - 3
    lines = []
    for left, right in equations:
        rows = [right]
        for signs in ("=", "+−", "·×"):
            rows = [part for row in rows for part in _broken(row, signs, room)]
        starts = [f"  {left:{width}}"] + [" " * (width + 2)] * (len(rows) - 1)
        lines += [f"{start} {' '.join(row)}" for start, row in zip(starts, rows, strict=True)]
    return lines


def _broken(row: list[str], signs: str, room: int) -> list[list[str]]:
    """Return the row in parts that start with one of the signs, if it does not fit in one."""
    if len(" ".join(row)) <= room:
        return [row]
    parts: list[list[str]] = [[]]
    for piece in row:
        full = len(" ".join([*parts[-1], piece])) > room
        if parts[-1] and piece[0] in signs and (full or "·" not in signs):
            parts.append([])
        parts[-1].append(piece)
    return parts


def explain(
    root: Value, wrt: Value, detail: Detail = "named", learning_rate: float | None = None
) -> Explanation:
    """Explain the derivative of ``root`` with respect to ``wrt``: the chain rule, written out.

    Args:
        root: the Value that is differentiated.
        wrt: a Value that it was computed from.
        detail: "named" to go from one labelled Value to the next, "ops" by every operation.
        learning_rate: also show the update w⁺ = w − learning_rate · ∂root/∂w.

    Raises:
        ValueError: if ``root`` was not computed from ``wrt``, or for another ``detail``.

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
    return Explanation(root, wrt, detail, learning_rate)
