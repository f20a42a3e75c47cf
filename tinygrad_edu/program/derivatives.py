"""Derivatives of statements, as statements: the rules of the table, run in one sweep over a program.

>>> from tinygrad_edu.program.statements import Pool
>>> x = Pool().input("x")
>>> reverse({x * x * x: 1.0}, [x])[0].args
(<add>, <mul>)
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from tinygrad_edu.engine import gradient
from tinygrad_edu.engine.gradient import reached
from tinygrad_edu.program.statements import Pool, Program, Statement

Derivative = Statement | float
"""A derivative: a statement, or the number 0 or 1."""


def slopes(made: Statement) -> Sequence[Any]:
    """Return the local derivatives of a statement along its arguments, as statements and numbers.

    Raises:
        ValueError: if the rule is no expression over the table, as that of a user's operation may be.
    """
    assert made.op is not None
    try:
        found: Sequence[Any] = made.op.slopes(made, *made.args)
    except Exception as error:  # a function of floats raises whatever it likes
        raise ValueError(
            f"the local derivative of {made.op.name} is a Python function of floats: "
            "give it as an expression over operations of the table"
        ) from error
    return found


def _product(x: Derivative, y: Derivative) -> Derivative:
    if isinstance(y, Statement) and y.number is not None:
        y = y.number
    if x == 0 or y == 0:
        return 0.0
    return x * y


def _sum(x: Derivative, y: Derivative) -> Derivative:
    if isinstance(x, float) and x == 0:
        return y
    return x if isinstance(y, float) and y == 0 else x + y


def adjoints(seeds: Mapping[Statement, Derivative], wrt: Sequence[Statement]) -> dict[Statement, Derivative]:
    """Return the derivative of a weighted sum of outputs along all between them and ``wrt``, by one sweep.

    The order of the products and sums is that of ``backward()``. Of a path that ends elsewhere nothing is
    computed.

    Args:
        seeds: the outputs, each with its weight.
        wrt: the statements to differentiate by; the sweep goes no further.

    Returns:
        A term for each of ``wrt``, and for each statement on a path to one.
    """
    order = Program(wrt, seeds).statements
    active = reached(order, attrgetter("args"), wrt)
    root = Pool().input()  # stands for the weighted sum
    edges = {root: [(made, weight) for made, weight in seeds.items() if made in active]}
    edges |= {made: [] for made in wrt}

    def incoming(made: Statement) -> list[tuple[Statement, Any]]:
        if made in edges:
            return edges[made]
        pairs = zip(made.args, slopes(made), strict=True)
        return [(arg, slope) for arg, slope in pairs if arg in active]

    found = gradient.adjoints(
        root, [*[made for made in order if made in active], root], incoming, _product, _sum
    )
    return dict.fromkeys(active, 0.0) | found


def reverse(seeds: Mapping[Statement, Derivative], wrt: Sequence[Statement]) -> list[Derivative]:
    """Return the derivative of a weighted sum of outputs along each of ``wrt``, by one sweep backwards.

    Args:
        seeds: the outputs, each with its weight.
        wrt: the statements to differentiate by.

    Returns:
        One term for each of ``wrt``; the number 0.0 where no output depends on it.
    """
    adjoint = adjoints(seeds, wrt)
    return [adjoint[made] for made in wrt]


def forward(tangents: Mapping[Statement, Derivative], outputs: Sequence[Statement]) -> list[Derivative]:
    """Return how fast each output changes as the inputs do, by one sweep forwards.

    Args:
        tangents: the inputs, each with how fast it changes.
        outputs: the statements to differentiate.

    Returns:
        One term for each output; the number 0.0 where it does not depend on an input.
    """
    tangent: dict[Statement, Derivative] = {**tangents}
    for made in Program(tangents, outputs).statements:
        if made not in tangents and any(arg in tangent for arg in made.args):
            total: Derivative = 0.0
            for arg, slope in zip(made.args, slopes(made), strict=True):
                if arg in tangent:
                    total = _sum(total, _product(tangent[arg], slope))
            if total != 0.0:
                tangent[made] = total
    return [tangent.get(made, 0.0) for made in outputs]
