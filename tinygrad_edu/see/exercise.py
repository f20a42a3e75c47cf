"""Exercise sheets: a derivation with blanks, its key, and what a wrong answer comes from."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite, prod
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsFloat

from tinygrad_edu._common.checks import is_number, whole
from tinygrad_edu.engine.errors import expect_values
from tinygrad_edu.engine.value import Value, expect_current, topological_order
from tinygrad_edu.program import forms
from tinygrad_edu.see.draw import Drawing, dot, draw
from tinygrad_edu.see.draw.dot import rounded
from tinygrad_edu.see.draw.view import view
from tinygrad_edu.see.explain import MOST_EQUATIONS, MOST_PATHS, Explanation
from tinygrad_edu.see.explain.derivation import Equation, Section, Writer
from tinygrad_edu.see.graph import Detail, Edge, Graph, fold, independence
from tinygrad_edu.see.handout import Handout
from tinygrad_edu.see.mistakes import (
    KEYS,
    Mistake,
    factor_mistakes,
    mistakes,
    path_mistakes,
    update_mistakes,
)
from tinygrad_edu.see.network import NoNetworkError, read_network
from tinygrad_edu.see.words import chosen, say

if TYPE_CHECKING:
    import random

LEARNING_RATE = 0.5
TOLERANCE = 0.01  # relative: three digits of a calculation by hand pass
DRAWS = 200  # of other numbers, until one is like the graph's own
ALIKE = 5.0  # by what factor a local derivative may grow or shrink with other numbers; its sign stays


class Blank(NamedTuple):
    """A number to find: which, and what is wrong with numbers that are often given for it.

    Attributes:
        name: what is to be found, "∂net_o1/∂w5".
        right: the right number.
        mistakes: the usual mistakes, with the number that each gives.
        of: what has this number: an edge (its slope), a tuple of edges (their product), a Value (the
            derivative of the root with respect to it), or "update".
    """

    name: str
    right: float
    mistakes: list[Mistake]
    of: Any


class Verdict(NamedTuple):
    """What is said of one answer.

    Attributes:
        blank: the number of the blank.
        given: the answer.
        is_right: whether it is right.
        mistakes: the keys of the usual mistakes that give this number; "carried" if it follows from an
            earlier answer that is not right.
        lang: the language of what is said.
    """

    blank: int
    given: float
    is_right: bool
    mistakes: list[str]
    lang: str | None = None

    def __str__(self) -> str:
        said = [say("sheet_right" if self.is_right else "sheet_wrong", self.lang, blank=self.blank)]
        return " ".join(said + [say(f"mistake_{key}", self.lang) for key in self.mistakes[:1]])


class Exercise:
    """A derivation with blanks.

    Attributes:
        blanks: what is to be found, by the number of the blank.
        sheet: the sheet, to print or to save as .html, .md or .tex.
        key: the same with the answers and the numbers that usual mistakes give.
    """

    def __init__(
        self,
        graph: Graph,
        wrt: Value,
        blanks: int | None = None,
        seed: int | None = None,
        learning_rate: float = LEARNING_RATE,
        lang: str | None = None,
    ) -> None:
        self._graph = graph
        lang = chosen(lang)
        self._derivation = _Derivation(graph, wrt, learning_rate, lang)
        self._learning_rate = learning_rate
        self._lang = lang
        numbers = self._derivation.numbers()
        order = [of for of in numbers if isinstance(of, Edge)][::-1]  # the last factor is left out first
        order += [of for of in numbers if not isinstance(of, Edge)]
        most = len(order)
        if blanks is not None and whole("blanks", blanks, least=0) > most:
            raise ValueError(f"blanks={blanks}: this derivation has {most} numbers to leave out")
        left_out = {*order[:blanks]}
        self.blanks = {
            i: self._blank(of, numbers[of])
            for i, of in enumerate((of for of in numbers if of in left_out), 1)
        }
        if self.blanks:
            self._derivation.say_no_reasons()
        what = self._derivation.name(wrt)
        if seed is not None:
            what = say("sheet_seed", lang, what=what, seed=seed)
        picture = _without_derivatives(graph)
        self.sheet = Handout(say("sheet", lang, what=what), picture, self._sheet_sections, lang)
        self.key = Handout(say("sheet_key", lang, what=what), draw(graph.root, wrt), self._key_sections, lang)

    def __repr__(self) -> str:
        return f"<{self.sheet.title}, {len(self.blanks)} blanks>"

    def __str__(self) -> str:
        return str(self.sheet)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return self.sheet._repr_mimebundle_()

    def check(
        self, answers: Mapping[int, SupportsFloat | str] | Sequence[SupportsFloat | str]
    ) -> list[Verdict]:
        """Say of every answer whether it is right, and if not, which usual mistake gives it.

        An answer is right within one percent; the update also within a tenth of the step.

        Args:
            answers: numbers by the number of the blank, or one for every blank in their order. Text such as
                "0.082", "0,082" or "−4e-4" is taken as well.

        Raises:
            ValueError: if there is no such blank, or an answer is no finite number.
        """
        if not isinstance(answers, Mapping):
            if len(answers) != len(self.blanks):
                raise ValueError(f"{len(answers)} answers for {len(self.blanks)} blanks: give some by number")
            answers = dict(enumerate(answers, 1))
        for number in answers:
            if number not in self.blanks:
                raise ValueError(f"there is no blank {number!r}: they are numbered 1 to {len(self.blanks)}")
        given = {number: _as_number(number, answer) for number, answer in sorted(answers.items())}
        return [self._verdict(number, given) for number in given]

    def _verdict(self, number: int, given: dict[int, float]) -> Verdict:
        blank, answer = self.blanks[number], given[number]
        # An updated weight is near to the weight: there a tenth of the step must be seen.
        step = abs(blank.right - self._derivation.wrt.data) if blank.of == "update" else math.inf

        def is_near(wanted: float) -> bool:
            return abs(answer - wanted) <= min(TOLERANCE * abs(wanted), step / 10) + 5e-10

        near = [mistake for mistake in blank.mistakes if is_near(mistake.number)]
        near.sort(key=lambda mistake: abs(answer - mistake.number))
        is_right = is_near(blank.right)
        if is_right and near and abs(answer - near[0].number) < abs(answer - blank.right):
            is_right = False
        keys = [] if is_right else [*dict.fromkeys(mistake.key for mistake in near)]
        carried = self._carried(blank.of, number, given)
        if not is_right and is_near(carried) and not math.isclose(carried, blank.right):
            keys.insert(0, "carried")
        return Verdict(number, answer, is_right, keys, self._lang)

    def _carried(self, of: Any, number: int, given: dict[int, float]) -> float:
        """Return what would be right if all earlier answers were."""
        known = {self.blanks[i].of: answer for i, answer in given.items() if i != number}
        graph, derivation = self._graph, self._derivation
        wrt = derivation.wrt

        def slope(edge: Edge) -> float:
            own: float = edge.slope
            return known.get(edge, own)

        def gradient(node: Value) -> float:
            own = derivation.gradient_of(node)
            known_slope: float = known.get(own, own.slope if isinstance(own, Edge) else graph.adjoint[node])
            return known_slope

        def product(path: Sequence[Edge]) -> float:
            return prod(map(slope, path))

        if isinstance(of, tuple):
            return product(of)
        if of == "update":
            before: float = wrt.data
            return before - self._learning_rate * gradient(wrt)
        if of is wrt:
            products = [known.get(derivation.product_of(path), product(path)) for path in derivation.paths]
            return math.fsum(products)
        if isinstance(of, Value):
            onward = [edge for edge in graph.outgoing[of] if edge.is_taken]
            return sum(
                slope(edge) * (1.0 if edge.target is graph.root else gradient(edge.target)) for edge in onward
            )
        return math.nan  # a factor follows from nothing before it

    # --- The texts ---

    def _blank(self, of: Any, right: float) -> Blank:
        graph, derivation, rate = self._graph, self._derivation, self._learning_rate
        if isinstance(of, Edge):
            known = factor_mistakes(graph, of, rate)
        elif isinstance(of, tuple):
            known = path_mistakes(graph, of[::-1], rate)
        elif of == "update":
            known = update_mistakes(derivation.wrt.data, derivation.value, rate)
        else:
            known = mistakes(graph, of, rate)
        return Blank(derivation.name(of), right, known, of)

    def _sheet_sections(self, latex: bool) -> list[Section]:
        last = len(self.blanks)
        sentences = []
        if last:
            name = say("sheet_name", self._lang, line="_" * 30)
            task = say("sheet_task" if last > 1 else "sheet_task_one", self._lang, last=last)
            sentences = [name, task]
        if any(blank.of == "update" for blank in self.blanks.values()):
            sentences.append(say("sheet_update", self._lang))
        return [
            *(Section(sentence, []) for sentence in sentences),
            *self._derivation.given(latex),
            *self._derivation.written(latex, self.blanks, _Sheet),
        ]

    def _key_sections(self, latex: bool) -> list[Section]:
        return [
            *self._derivation.given(latex),
            *self._derivation.written(latex, self.blanks, _Key),
            *self._wrong_numbers(),
        ]

    def _wrong_numbers(self) -> Iterator[Section]:
        """Say for every usual mistake which numbers it gives."""
        for key in KEYS:
            found = [
                f"({i}) {' or '.join(numbers)}"
                for i, blank in self.blanks.items()
                if (numbers := [rounded(number) for k, number in blank.mistakes if k == key])
            ]
            if found:
                yield Section(say(f"wrong_{key}", self._lang, numbers=", ".join(found)), [])


def _as_number(blank: int, answer: Any) -> float:
    number = answer
    if isinstance(answer, str):
        try:
            number = float(answer.strip().replace("−", "-").replace(",", "."))
        except ValueError:
            number = None
    if not is_number(number):
        raise ValueError(f"the answer to ({blank}) is no finite number: {answer!r:.60}")
    return float(number)


# --- The derivation, with some numbers left out ---


class _Recorder(Writer):
    """Notes what has a number in a derivation, in the order in which the numbers occur."""

    def __init__(self, names: Mapping[Any, str], lang: str) -> None:
        super().__init__(names, lang=lang)
        self.found: dict[Any, float] = {}

    def number(self, x: float, of: Any = None) -> str:
        if of is not None:
            self.found.setdefault(of, x)
        return super().number(x)


class _Sheet(Writer):
    """Leaves numbers out: where one is first wanted there is room for it, later its number stands.

    Args:
        names, latex, lang: as for ``Writer``.
        blanks: the number of the blank for everything that is left out.
    """

    def __init__(self, names: Mapping[Any, str], latex: bool, lang: str, blanks: Mapping[Any, int]) -> None:
        super().__init__(names, latex, lang)
        self.blanks = blanks
        self.met: set[Any] = set()

    def number(self, x: float, of: Any = None) -> str:
        if of not in self.blanks:
            return super().number(x)
        return self.words(f"({self.blanks[of]})") if of in self.met else self.first(x, of)

    def factor(self, x: float, of: Any = None) -> str:
        return self.number(x, of) if of in self.blanks else super().factor(x)

    def first(self, x: float, of: Any) -> str:
        """Write what stands where a number is first wanted."""
        self.met.add(of)
        return self.words(f"({self.blanks[of]}) {self.line(10)}")

    def line(self, length: int) -> str:
        """Return a line to write on."""
        return (r"\_" if self.latex else "_") * length

    def slope(self, edge: Edge) -> list[str]:
        return [self.words(self.line(16))] if edge in self.blanks else super().slope(edge)

    def sum(self, amounts: Sequence[float], of: Sequence[Any]) -> list[str]:
        hidden = [each for each in of if each in self.blanks or self._is_term_of_blank(each)]
        if not hidden:
            return super().sum(amounts, of)
        terms = [
            self.words(self.line(8)) if self._is_term_of_blank(each) else self.factor(amount, each)
            for amount, each in zip(amounts, of, strict=True)
        ]
        return [f"{'+' if i else '='} {term}" for i, term in enumerate(terms)]

    def _is_term_of_blank(self, of: Any) -> bool:
        return isinstance(of, tuple) and of[-1] == "term" and of[0].source in self.blanks


class _Key(_Sheet):
    """Writes the number of the blank before each answer."""

    def number(self, x: float, of: Any = None) -> str:
        return super().number(x, of) if of in self.blanks and of not in self.met else Writer.number(self, x)

    def factor(self, x: float, of: Any = None) -> str:
        return Writer.factor(self, x)

    def first(self, x: float, of: Any) -> str:
        self.met.add(of)
        space = r"\ " if self.latex else " "
        return self.words(f"({self.blanks[of]})") + space + Writer.number(self, x)

    def slope(self, edge: Edge) -> list[str]:
        return Writer.slope(self, edge)

    def sum(self, amounts: Sequence[float], of: Sequence[Any]) -> list[str]:
        return Writer.sum(self, amounts, of)


class _Derivation(Explanation):
    """An explanation written by other writers."""

    def __init__(self, graph: Graph, wrt: Value, learning_rate: float, lang: str) -> None:
        super().__init__(graph, wrt, learning_rate, lang)
        self._make: Callable[[bool], Writer] = super()._writer

    def say_no_reasons(self) -> None:
        """Leave out the sentences that give numbers away."""
        self.reasons, self.budget = [], ""

    def _writer(self, latex: bool) -> Writer:
        return self._make(latex)

    def numbers(self) -> dict[Any, float]:
        """Return every number of the derivation that can be left out."""
        recorder = _Recorder(self._names, self._lang)
        self._make = lambda latex: recorder
        self.sections()
        return {of: x for of, x in recorder.found.items() if not (isinstance(of, tuple) and of[-1] == "term")}

    def written(self, latex: bool, blanks: Mapping[int, Blank], writer: type[_Sheet]) -> list[Section]:
        """Return the derivation with these numbers left out or marked."""
        numbered = {blank.of: i for i, blank in blanks.items()}
        self._make = lambda latex: writer(self._names, latex, self._lang, numbered)
        return self.sections(latex)

    def name(self, of: Any) -> str:
        """Return the name of what has a number."""
        writer = Writer(self._names, lang=self._lang)
        if isinstance(of, Edge):
            return self._along(of, writer)
        if isinstance(of, tuple):
            return writer.say("path", number=[tuple(path) for path in self.paths].index(of) + 1)
        if of == "update":
            return writer.names[self.wrt] + writer.updated
        return writer.derivative(writer.names[self.root], writer.names[of])

    def given(self, latex: bool) -> list[Section]:
        """Return the numbers of the leaves and the forward pass."""
        graph = self._graph
        writer = Writer(graph.names, latex)
        leaves = [node for node in graph.nodes if not node.args and not node.is_constant]
        listed = ", ".join(f"{graph.names[leaf]} = {forms.number(leaf.data)}" for leaf in leaves)
        computed = [node for node in graph.nodes if node.args]
        equations = [
            Equation(
                writer.name(graph.names[node]), [f"= {writer.formula(node)}", f"= {writer.number(node.data)}"]
            )
            for node in computed
        ]
        given = say("sheet_given", self._lang, numbers=listed)
        return [Section(given, []), Section(say("sheet_forward", self._lang), equations)]


def _without_derivatives(graph: Graph) -> Drawing:
    """Return the picture of a graph before its backward pass, without what is to be found."""
    try:
        read_network(graph.root)
    except NoNetworkError:
        picture = view(graph)
        nodes = [node._replace(rows=node.rows[:2]) for node in picture.nodes]
        arrows = [arrow._replace(label="") for arrow in picture.arrows]
        return Drawing(dot.digraph(picture._replace(nodes=nodes, arrows=arrows)))
    return draw(graph.root)


# --- Other numbers ---


def _redrawn(root: Value, wrt: Value, detail: Detail | None, seed: int) -> None:
    """Give the leaves of a graph other numbers, such that every local derivative stays like it was.

    Raises:
        ValueError: if no such numbers are found.
    """
    import random  # when it is needed: the package is to load quickly

    rng = random.Random(seed)
    leaves = [value for value in topological_order(root) if not value.args and not value.is_constant]
    own = [leaf.data for leaf in leaves]
    before = [edge.slope for edge in _on_paths(fold(root, detail, keep=[wrt]), wrt)]
    for _ in range(DRAWS):
        for leaf, number in zip(leaves, own, strict=True):
            leaf.data = _near(number, rng)
        try:
            root.forward()
        except ValueError:  # outside the domain of an operation, or too large
            continue
        graph = fold(root, detail, keep=[wrt])
        after = [edge.slope for edge in _on_paths(graph, wrt)]
        if graph.adjoint[wrt] and all(map(_are_alike, before, after)):
            return
    raise ValueError(
        f"no numbers found for seed={seed} at which the derivatives are like those of this graph"
    )


def _near(number: float, rng: "random.Random") -> float:
    """Return a number of the same sign and size, in two digits; one between 0 and 1 stays there."""
    if number == 0:
        return round(rng.uniform(0.1, 0.9), 1)
    low, high = 0.5 * abs(number), 1.5 * abs(number)
    if abs(number) <= 1:
        high = min(high, 0.99)
    drawn = float(f"{rng.uniform(low, high):.2g}")
    return drawn if number > 0 else -drawn


def _are_alike(before: float, after: float) -> bool:
    return 1 / ALIKE <= after / before <= ALIKE if before else isfinite(after)


def _on_paths(graph: Graph, wrt: Value) -> Iterator[Edge]:
    return iter(graph.flows(wrt))


def exercise(
    root: Value,
    wrt: Value,
    *,
    blanks: int | None = None,
    seed: int | None = None,
    detail: Detail | None = None,
    learning_rate: float = LEARNING_RATE,
    lang: str | None = None,
) -> Exercise:
    """Make an exercise sheet of a derivative: the picture, and the derivation with blanks.

    It needs a graph of which a reader can calculate every step by hand: labels on the Values that are to
    be seen, at most eight paths from ``wrt`` to ``root``, and at most 60 Values. The graph itself is
    not changed.

    Args:
        root: the Value that is differentiated.
        wrt: the Value with respect to which.
        blanks: how many numbers are left out; all if None. The last factor of the chain rule comes first,
            then the factor before it, and so on; then the products, the sums and the update. So a series
            of sheets with 1, 2, 3, … blanks fades the worked example out step by step.
        seed: draws other numbers for the leaves, of the same size, so that every student gets their own
            sheet. If None, the numbers of the graph stay.
        detail: how fine, as for ``explain``: "named", "ops" or "neuron".
        learning_rate: of the update at the end.
        lang: the language, "en" or "zh"; that of ``language()`` if None.

    Raises:
        UnknownNameError: for another language.
        TypeError: if ``root`` or ``wrt`` is not a Value.
        ValueError: if ``root`` does not depend on ``wrt``, the graph is too large, there are not so many
            blanks, or no other numbers are found at which the derivatives are like those of the graph.
        StaleError, DomainError: as ``explain`` does.

    >>> from tinygrad_edu import worked_example
    >>> example = worked_example()
    >>> sheet = exercise(example["E_total"], example["w5"], blanks=2)
    >>> for number, blank in sheet.blanks.items():
    ...     print(number, blank.name, f"{blank.right:.6f}")
    1 ∂out_o1/∂net_o1 0.186816
    2 ∂net_o1/∂w5 0.593270
    >>> [(verdict.is_right, verdict.mistakes) for verdict in sheet.check({1: 0.1868, 2: 0.4})]
    [(True, []), (False, ['swapped'])]
    """
    expect_values("exercise(root, wrt) takes", root, wrt)
    lang = chosen(lang)
    if not is_number(learning_rate):
        raise ValueError(f"learning_rate={learning_rate!r}: it must be a finite number")
    if detail == "layer":
        raise ValueError("an exercise is about Values: use detail='named', 'ops' or 'neuron', not 'layer'")
    expect_current(topological_order(root))
    if sentence := independence(fold(root, detail), wrt):
        raise ValueError(sentence)
    import copy

    root, wrt = copy.deepcopy((root, wrt))
    if seed is not None:
        _redrawn(root, wrt, detail, whole("seed", seed, least=0))
    root.zero_grad()
    graph = fold(root, detail, keep=[wrt])
    _expect_small(graph, wrt)
    return Exercise(graph, wrt, blanks, seed, learning_rate, lang)


def _expect_small(graph: Graph, wrt: Value) -> None:
    if wrt is graph.root:
        raise ValueError("the derivative of a Value with respect to itself is 1: give another wrt")
    if (paths := graph.path_count(wrt)) > MOST_PATHS:
        raise ValueError(
            f"{paths:,} paths are too many for a sheet, which takes {MOST_PATHS}: use a smaller graph"
        )
    count = sum(not node.is_constant for node in graph.nodes)
    if count > MOST_EQUATIONS:
        raise ValueError(
            f"{count} Values are too many for a sheet, which takes {MOST_EQUATIONS}: "
            "use a smaller graph, or a coarser detail"
        )
    if not all(isfinite(edge.slope) for edge in graph.flows(wrt)):
        raise ValueError(f"a local derivative on the path from {graph.names[wrt]} is infinite")
