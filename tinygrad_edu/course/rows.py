"""What the notebooks ask: predictions and tasks, the rows of a lesson."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from tinygrad_edu.see.mistakes import Mistake
from tinygrad_edu.see.words import EN, ZH, language

Numbers: TypeAlias = Callable[[], Mapping[str, Any]]
"""Computes the numbers that stand in a text, by the names of their places."""


class _Number(float):
    """A number that is written with the minus sign of mathematics."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec).replace("-", "−")


class Text(NamedTuple):
    """A text in every language, with places for numbers.

    >>> Text("The slope is {slope:.3f}.", "斜率是 {slope:.3f}。").said(slope=-0.25)
    'The slope is −0.250.'
    """

    en: str
    zh: str

    def said(self, **numbers: Any) -> str:
        """Return the text in the language of ``language()``, with the numbers in their places."""
        text: str = getattr(self, language())
        return text.format(**{k: _Number(x) if isinstance(x, float) else x for k, x in numbers.items()})


class Prediction(NamedTuple):
    """What ``ask`` shows: a question, and its answer to open.

    Attributes:
        question: what the reader predicts before she sees it.
        answer: the answer, and why it is so.
        numbers: computes the numbers in both.
    """

    question: Text
    answer: Text
    numbers: Numbers = dict


class Wrong(NamedTuple):
    """A usual wrong answer, and the hint that it gets."""

    answer: Any
    hint: Text


class Task(NamedTuple):
    """What ``check`` checks.

    An answer is a number, a text, or a list of answers. Of a function or a class, ``measure`` makes such
    an answer, by calling it: with the sample points that tell right from wrong.

    Attributes:
        right: computes the right answer.
        wrong: computes the usual wrong answers. They are answers like the right one, so a function in place
            of a function.
        look: what to look at, said of any other wrong answer.
        numbers: computes the numbers in ``look`` and in the hints.
        tolerance: how far a number may be from the right one, relative to it.
        measure: given where the answer is a function or a class.
    """

    right: Callable[[], Any]
    wrong: Callable[[], Iterable[Wrong]]
    look: Text
    numbers: Numbers = dict
    tolerance: float = 0.01
    measure: Callable[[Any], Any] | None = None


Row: TypeAlias = Prediction | Task


def usual(found: Iterable[Mistake], *keys: str) -> list[Wrong]:
    """Return the usual mistakes of these keys as wrong answers with their hints, of each key the first.

    Args:
        found: mistakes with a derivative or an update, as the functions of ``see.mistakes`` find them.
        keys: which.

    >>> from tinygrad_edu.see.mistakes import update_mistakes
    >>> [wrong] = usual(update_mistakes(0.4, 0.082167, 0.5), "rate")
    >>> print(f"{wrong.answer:.6f}", wrong.hint.said())
    0.317833 The update is w − learning rate × gradient: the rate is missing, or the sign is turned.
    """
    first = {mistake.key: mistake.number for mistake in reversed([*found])}
    return [Wrong(first[key], Text(EN[f"mistake_{key}"], ZH[f"mistake_{key}"])) for key in keys]
