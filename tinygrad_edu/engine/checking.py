"""``check_gradient``: is a gradient right? Compared with differences of the value, argument by argument."""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple, SupportsFloat

from tinygrad_edu._common.text import markdown_table, one_line
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.complex_step import complex_step
from tinygrad_edu.engine.derivatives import jacobian
from tinygrad_edu.engine.errors import as_float, expect_values
from tinygrad_edu.engine.gradient import adjoints, gradient, listed, local_derivatives, replayed
from tinygrad_edu.engine.value import Value, topological_order

CLOSE = 1e-6
"""The largest relative error of a derivative that passes."""

UNIT = sys.float_info.epsilon

CLOSE_BY = 2.0**-44
"""How far off, in proportion, a complex step is taken again: at a kink it gives another derivative there."""


class Entry(NamedTuple):
    """One derivative that was checked.

    Attributes:
        argument: the label of what the root was differentiated with respect to; of a second derivative, of
            both, as "x, y".
        at: the number of the argument.
        expected: the derivative by differences, or by a complex step.
        uncertainty: how far that number may be wrong.
        got: the derivative by the chain rule.
        verdict: "right", "wrong", or "undecided" where neither differences nor a complex step can tell: at a
            kink, or where rounding takes too many digits.
    """

    argument: str
    at: float
    expected: float
    uncertainty: float
    got: float
    verdict: str

    @property
    def relative_error(self) -> float:
        """How far ``got`` is from ``expected``, as a fraction of the larger."""
        size = max(abs(self.expected), abs(self.got))
        return abs(self.got - self.expected) / size if size else 0.0


class Check:
    """The result of ``check_gradient``: true unless a derivative is wrong. ``print`` shows a table.

    Attributes:
        entries: every derivative that was checked.
    """

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries

    def __bool__(self) -> bool:
        return not self.wrong

    @property
    def wrong(self) -> list[Entry]:
        """The derivatives that are wrong."""
        return [entry for entry in self.entries if entry.verdict == "wrong"]

    @property
    def undecided(self) -> list[Entry]:
        """The derivatives that could not be judged."""
        return [entry for entry in self.entries if entry.verdict == "undecided"]

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("argument", "at", "expected", "got", "relative error", "")]
        rows += [
            (
                e.argument,
                f"{e.at:.6g}",
                f"{e.expected:.9g}",
                f"{e.got:.9g}",
                f"{e.relative_error:.1e}",
                e.verdict,
            )
            for e in self.entries
        ]
        return rows

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        header, *rows = self._rows()
        return {"text/markdown": markdown_table(header, rows), "text/plain": str(self)}

    def __repr__(self) -> str:
        return f"<{len(self.entries)} derivatives: {len(self.wrong)} wrong, {len(self.undecided)} undecided>"


def check_gradient(
    what: Value | Callable[..., Value],
    *at: SupportsFloat,
    wrt: Value | Iterable[Value] | None = None,
    order: int = 1,
) -> Check:
    """Compare derivatives by the chain rule with central differences of the value.

    The step is adapted: differences with steps that are halved again and again are extrapolated (Ridders,
    1982), and the best of them, with an estimate of its own error, is what counts. Where rounding hides a
    derivative from differences, a complex step confirms it, if all operations are analytic: it has no
    difference in it. It must agree with the differences, and with a complex step close by.

    Args:
        what: the root of a graph; or a function of Values that returns one.
        at: for a function, the numbers of its arguments.
        wrt: for a graph, the leaves to check; all that are no plain numbers by default.
        order: 1 for the gradient; 2 for the second derivatives, compared with differences of the gradient.

    Returns:
        A ``Check``: false if a derivative is wrong. ``print`` it.

    What ``stop_gradient`` gives keeps its number while arguments move, as its meaning is.

    Raises:
        ValueError: for another ``order``, or if there is nothing to check.
        TypeError: if numbers are given with a graph, or ``wrt`` with a function.
        DomainError: if the derivatives do not exist there.

    >>> check = check_gradient(lambda x, y: (x * y).tanh() + x, 0.5, -1.2)
    >>> bool(check), check
    (True, <2 derivatives: 0 wrong, 0 undecided>)
    >>> print(check_gradient(lambda x: abs(x), 0.0))
    argument  at  expected  got  relative error
    x         0   0         0    0.0e+00         undecided
    """
    if order not in (1, 2):
        raise ValueError(
            f"order={order!r}: check_gradient compares first or second derivatives, order=1 or 2"
        )
    if at and isinstance(what, Value):
        raise TypeError("numbers belong to a function: a graph is checked at the data of its leaves")
    if wrt is not None and not isinstance(what, Value):
        raise TypeError("wrt= belongs to a graph: of a function, every argument is checked")
    build, leaves = _builder(what, at, listed(wrt))
    if not leaves:
        raise ValueError("there is nothing to check: the graph has no leaves but plain numbers")
    start = [leaf.data for leaf in leaves]
    names = [one_line(leaf.label) or f"x{place}" for place, leaf in enumerate(leaves, 1)]

    def differentiated(numbers: Sequence[float]) -> tuple[list[Value], list[Value]]:
        """Return what is differentiated, the root or its gradient, and the inputs."""
        root, inputs = build(numbers)
        return ([root] if order == 1 else gradient(root, inputs)), inputs

    outputs, inputs = differentiated(start)
    rows, rounding = jacobian(outputs, inputs), [*map(_rounding, outputs)]
    labels = [names] if order == 1 else [[f"{first}, {second}" for second in names] for first in names]

    def values(numbers: Sequence[float]) -> list[float]:
        """Return the numbers of what is differentiated."""
        root, inputs = build(numbers)
        return [root.data] if order == 1 else jacobian([root], inputs)[0]

    @cache
    def complex_steps(place: int) -> list[tuple[float, float]]:
        """Return the same by complex steps, each with its change to close by; [] if there are none."""
        found = []
        for shift in (0.0, -CLOSE_BY, CLOSE_BY):
            numbers = [*start]
            numbers[place] += shift * abs(start[place] or 1.0)
            try:
                outputs, inputs = differentiated(numbers)
                found.append(complex_step(outputs, inputs[place]))
            except (ArithmeticError, ValueError):
                return []
        return [(here, max(abs(here - there) for there in near)) for here, *near in zip(*found, strict=True)]

    entries = []
    for place in range(len(start)):
        for row, (expected, uncertainty) in enumerate(differences(values, start, place, rounding)):
            entry = judged(labels[row][place], start[place], expected, uncertainty, rows[row][place])
            if entry.verdict == "undecided" and complex_steps(place):
                exact, change = complex_steps(place)[row]
                better = judged(entry.argument, entry.at, exact, change, entry.got)
                if better.verdict == "right" and abs(exact - expected) <= 20 * uncertainty:
                    entry = better
            entries.append(entry)
    return Check(entries)


def _rounding(root: Value) -> float:
    """Return how far the rounding of all results on the way, by a unit each, may move the root."""
    order = topological_order(root)
    adjoint = adjoints(root, order, local_derivatives)
    terms = [abs(adjoint.get(value, 0.0) * value.data) for value in order if value.op]
    return UNIT * math.fsum(filter(math.isfinite, terms))


Builder = Callable[[Sequence[float]], tuple[Value, list[Value]]]


def _builder(what: Any, at: Sequence[Any], wrt: list[Value]) -> tuple[Builder, list[Value]]:
    """Return a function that builds the graph anew at other numbers, and the leaves as they are."""
    if isinstance(what, Value):
        order = topological_order(what)
        leaves = wrt or [value for value in order if value.op is None and not value.is_constant]
        expect_values("check_gradient(root, wrt=…) takes", *leaves)

        def rebuilt(numbers: Sequence[float]) -> tuple[Value, list[Value]]:
            new = {leaf: Value(number) for leaf, number in zip(leaves, numbers, strict=True)}
            stopped = {value: value for value in order if value.op is rules.stop_gradient}
            return replayed(order, new | stopped)[what], [*new.values()]

        return rebuilt, leaves
    if not callable(what):
        raise TypeError(f"check_gradient takes a Value or a function, not {type(what).__name__}")
    code = getattr(what, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code else ()
    known_names = [*names[: len(at)], *[""] * (len(at) - len(names))]
    stopped: list[Value] = []  # what stop_gradient gives at the point where derivatives are checked

    def called(numbers: Sequence[float]) -> tuple[Value, list[Value]]:
        inputs = [Value(number) for number in numbers]
        root = what(*inputs)
        expect_values("the function that is checked returns", root)
        order = topological_order(root)
        there = [value for value in order if value.op is rules.stop_gradient]
        if not there:
            return root, inputs
        stopped[:] = stopped or there
        return replayed(order, dict(zip(there, stopped, strict=False)))[root], inputs

    return called, [Value(as_float(number), label) for number, label in zip(at, known_names, strict=True)]


def differences(
    values: Callable[[Sequence[float]], list[float]],
    start: Sequence[float],
    place: int,
    rounding: Sequence[float] = (0.0,),
) -> list[tuple[float, float]]:
    """Return the derivatives of ``values`` along one argument, each with an estimate of its error.

    ``rounding`` says of each value how far it may be off.

    Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", 1982: central differences whose steps shrink by
    a constant factor, and from them by Neville's algorithm the limit for the step 0. The best entry of the
    table is the one that differs least from those that it was made of.
    """

    def moved(step: float) -> list[float]:
        numbers = [*start]
        numbers[place] += step
        return values(numbers)

    here = values(start)
    shrink = 1.6
    best = [(math.nan, math.inf)] * len(here)
    step = 0.1 * max(abs(start[place]), 1.0)
    tables: list[list[float]] = [[] for _ in here]
    bends, steady = [0.0] * len(here), [0] * len(here)
    for _ in range(44):
        step /= shrink
        if len(tables[0]) == 24:
            break
        try:
            up, down = moved(step), moved(-step)
        except (ArithmeticError, ValueError):
            tables = [[] for _ in here]  # outside the domain: begin anew with a smaller step
            step = min(step, abs(start[place]) or step)
            continue
        for i, (above, below) in enumerate(zip(up, down, strict=True)):
            # A kink shows as slopes that differ on both sides, and stay so however small the step is.
            bend = abs(above - 2 * here[i] + below) / step
            noise = 4 * UNIT * max(abs(above), abs(below), abs(here[i])) / step + rounding[i] / step
            row, factor = [(above - below) / (2 * step)], shrink**2
            for before in tables[i]:
                row.append((factor * row[-1] - before) / (factor - 1))
                factor *= shrink**2
            for column in range(1, len(row)):
                doubt = max(abs(row[column] - row[column - 1]), abs(row[column] - tables[i][column - 1]))
                doubt = max(doubt, noise)
                if doubt < best[i][1]:
                    best[i] = (row[column], doubt)
            small = step < 1e-4 * max(abs(start[place]), 1.0)
            steady[i] = steady[i] + 1 if 0.8 * bends[i] < bend < 1.25 * bends[i] else 0
            bends[i] = bend
            steep = bend > 1e-2 * abs(row[0]) + 10 * noise and bend > 1e-3
            if small and (steep or (steady[i] > 2 and bend > CLOSE * abs(row[0]) + 10 * noise)):
                best[i] = (row[0], math.inf)
            tables[i] = row
    return best


def judged(argument: str, at: float, expected: float, uncertainty: float, got: float) -> Entry:
    """Return what is to be said of a derivative, given that of differences and the estimate of its error."""
    size = max(abs(expected), abs(got))
    if not math.isfinite(expected):
        verdict = "undecided"
    elif abs(got - expected) <= CLOSE * size + 2 * uncertainty and uncertainty <= 1e-5 * size:
        verdict = "right"
    elif uncertainty > 1e-5 * size and not abs(got - expected) > 20 * uncertainty + CLOSE * size:
        verdict = "right" if size < 1e-9 and uncertainty < 1e-9 else "undecided"
    else:
        verdict = "wrong"
    return Entry(argument, at, expected, uncertainty, got, verdict)
