"""Derivatives of statements, as statements: the rules of the table, run in one sweep over a program.

>>> from tinygrad_edu.program.statements import Pool
>>> x = Pool().input("x")
>>> reverse({x * x * x: 1.0}, [x])[0].args
(<add>, <mul>)
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_edu.program.statements import Program, Statement

Term = Statement | float
"""A derivative: a statement, or the number 0 or 1."""


def _slopes(made: Statement) -> Sequence[Any]:
    assert made.op is not None
    slopes: Sequence[Any] = made.op.slopes(made, *made.args)
    return slopes


def _product(x: Term, y: Term) -> Term:
    if isinstance(x, Statement) and x.number is not None:
        x = x.number
    if isinstance(y, Statement) and y.number is not None:
        y = y.number
    if x == 0 or y == 0:
        return 0.0
    return x * y


def _sum(x: Term, y: Term) -> Term:
    if isinstance(x, float) and x == 0:
        return y
    return x if isinstance(y, float) and y == 0 else x + y


def reverse(seeds: Mapping[Statement, Term], wrt: Sequence[Statement]) -> list[Term]:
    """Return the derivative of a weighted sum of outputs along each of ``wrt``, by one sweep backwards.

    The order of the products and sums is that of ``backward()``. Of a path that ends elsewhere nothing is
    computed.

    Args:
        seeds: the outputs, each with its weight.
        wrt: the statements to differentiate by.

    Returns:
        One term for each of ``wrt``; the number 0.0 where no output depends on it.
    """
    order = Program(wrt, seeds).statements
    active = {*wrt}
    for made in order:
        if not active.isdisjoint(made.args):
            active.add(made)
    adjoint: dict[Statement, Term] = dict.fromkeys(active, 0.0)
    for made, weight in seeds.items():
        adjoint[made] = _sum(adjoint.get(made, 0.0), weight)
    cut = {*wrt}
    for made in reversed(order):
        weight = adjoint.get(made, 0.0)
        if made in cut or made not in active or weight == 0.0:
            continue
        for arg, slope in zip(made.args, _slopes(made), strict=True):
            if arg in active:
                adjoint[arg] = _sum(adjoint[arg], _product(weight, slope))
    return [adjoint[made] for made in wrt]


def forward(tangents: Mapping[Statement, Term], outputs: Sequence[Statement]) -> list[Term]:
    """Return how fast each output changes as the inputs do, by one sweep forwards.

    Args:
        tangents: the inputs, each with how fast it changes.
        outputs: the statements to differentiate.

    Returns:
        One term for each output; the number 0.0 where it does not depend on an input.
    """
    tangent: dict[Statement, Term] = {**tangents}
    for made in Program(tangents, outputs).statements:
        if made not in tangents and any(arg in tangent for arg in made.args):
            total: Term = 0.0
            for arg, slope in zip(made.args, _slopes(made), strict=True):
                if arg in tangent:
                    total = _sum(total, _product(tangent[arg], slope))
            if total != 0.0:
                tangent[made] = total
    return [tangent.get(made, 0.0) for made in outputs]
