"""The three lines below the figure: the derivative as a product of three factors, as a textbook writes it.

∂E_total/∂w₅ = ∂E_total/∂out_o₁ × ∂out_o₁/∂net_o₁ × ∂net_o₁/∂w₅
= −(target_o₁ − out_o₁) × out_o₁·(1 − out_o₁) × out_h₁
= 0.741365 × 0.186816 × 0.59327 = 0.082167
"""

from typing import NamedTuple

from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.program.forms import ATOM, SIGN, SUM, Term
from tinygrad_edu.see.draw.dot import rounded
from tinygrad_edu.see.draw.style import NATURAL, Style
from tinygrad_edu.see.graph import Edge, Graph
from tinygrad_edu.see.network import Network
from tinygrad_edu.see.notation import derivative

LONGEST = 60  # characters of a factor's formula
MOST_TERMS = 3  # of a sum that is written out


class Factor(NamedTuple):
    """A derivative: its symbol, its formula, and its number, which may be written as a sum."""

    symbol: Term
    formula: Term
    number: Term


class Factors:
    """The derivation of ∂root/∂wrt for a Value of a network.

    Args:
        network: the network.
        graph: the graph in which its Values are visible.
        style: its digits and its symbols.
    """

    def __init__(self, network: Network, graph: Graph, style: Style = NATURAL) -> None:
        self.style = style
        self.digits = style.significant
        self.network = network
        self.graph = graph
        heads = {head for unit in network.units for head in (unit.takes, unit.gives)}
        self._onward = {
            value: [edge for edge in graph.outgoing[value] if edge.target in heads] for value in network.names
        }
        outputs, *after = network.columns[network.depth :]
        self._ends = {unit.gives for unit in outputs}
        self._ends |= {
            value for column in after for unit in column for _, value in unit.cells if not value.args
        }
        self._after = self._ends | {value for column in after for unit in column for _, value in unit.cells}

    def lines(self, wrt: Value) -> list[str]:
        """Return the derivation in symbols, as formulas and in numbers: three lines, or fewer."""
        factors = self._factors(wrt)
        left = str(self._by_root(wrt))
        amount = rounded(self._adjoint(wrt), self.digits)
        rows = [_product([factor[k] for factor in factors]) for k in range(3)]
        rows = [row for row in dict.fromkeys(rows) if row not in (left, amount)]
        if self.network.samples > 1:
            left += f" for sample {self.network.sample}"
        lines = [f"= {row}" for row in rows] or [""]
        lines[0] = f"{left} {lines[0]}".rstrip()
        lines[-1] += f" = {amount}"
        return lines

    def _adjoint(self, value: Value) -> float:
        """Return the derivative of the root, of several samples the part that this one contributes."""
        if value in self._after:
            return self.graph.adjoint[value]
        return sum(map(self.graph.contribution, self._onward[value]))

    def _factors(self, wrt: Value) -> list[Factor]:
        onward = self._onward[wrt]
        if wrt in self._after or len(onward) != 1:
            return [self._whole(wrt)]
        factors = [self._along(onward[0])]
        net = onward[0].target
        while net not in self._ends and len(self._onward[net]) == 1 and len(factors) < 2:
            factors.insert(0, self._along(self._onward[net][0]))
            net = self._onward[net][0].target
        return [self._whole(net), *factors]

    def _along(self, edge: Edge) -> Factor:
        symbol = self._by(edge.target, edge.source)
        return Factor(symbol, self._formula(edge, symbol), self._number(edge.slope))

    def _whole(self, value: Value) -> Factor:
        """Return ∂root/∂value as one factor: its formula, or the sum over the neurons that it feeds."""
        symbol, amount = Term(self._by_root(value)), self._adjoint(value)
        if value in self._after:
            order = topological_order(
                self.graph.root, is_leaf=lambda part: part in self._ends or part is value
            )
            between = [part for part in order if part not in self._ends and part is not value]
            edge = Edge(value, self.graph.root, amount, between)
            return Factor(symbol, self._formula(edge, symbol), self._number(amount))
        onward = self._onward[value]
        terms = []
        for edge in onward:
            slope = self._formula(edge, self._by(edge.target, value))
            terms.append(self._by_root(edge.target) + (f"·{slope:PRODUCT}" if slope != "1" else ""))
        if len(onward) > MOST_TERMS:
            return Factor(symbol, Term(f"{terms[0]} + … + {terms[-1]}", SUM), self._number(amount))
        numbers = [self.graph.contribution(edge) for edge in onward]
        return Factor(symbol, Term(" + ".join(terms), SUM), self._sum(numbers))

    def _formula(self, edge: Edge, otherwise: str) -> Term:
        """Return the formula of a slope; where there is none, or only a long one, ``otherwise``."""
        try:
            formula = edge.formula(self.network.names)
        except ValueError:
            return Term(otherwise)
        if len(formula) > LONGEST:
            return Term(otherwise)
        return Term(self.style.written(formula), formula.precedence)

    def _number(self, x: float) -> Term:
        return Term(rounded(x, self.digits), SIGN if x < 0 else ATOM)

    def _sum(self, numbers: list[float]) -> Term:
        first, *others = numbers
        if not others:
            return self._number(first)
        signed = [f" {'−' if x < 0 else '+'} {rounded(abs(x), self.digits)}" for x in others]
        return Term(rounded(first, self.digits) + "".join(signed), SUM)

    def _by(self, of: Value, wrt: Value) -> Term:
        return Term(self.style.written(derivative(self.network.names[of], self.network.names[wrt])))

    def _by_root(self, wrt: Value) -> Term:
        return self._by(self.graph.root, wrt)


def _product(terms: list[Term]) -> str:
    """Return factors with × between them; a sign needs no brackets at the beginning."""
    first, *others = terms
    if others and first.precedence != SIGN:
        first = Term(f"{first:PRODUCT}")
    return " × ".join([str(first), *(f"{term:PRODUCT}" for term in others)])
