"""``ask`` and ``check``: what a notebook asks, and what is said of an answer."""

import html
import re
from typing import Any

from tinygrad_edu._common.checks import as_list, is_number
from tinygrad_edu._common.text import one_line
from tinygrad_edu.course import lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07
from tinygrad_edu.course.rows import Prediction, Row, Task
from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.words import say

LESSONS = lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07
ROWS: dict[str, Row] = {key: row for lesson in LESSONS for key, row in lesson.ROWS.items()}
"""Everything that the notebooks ask, by key: "01.2" is the second row of notebook 01."""

LONGEST_ERROR = 120  # characters
NEAREST = 1e-9  # what a difference may be, where the right number is 0


class Question:
    """A question and its answer. Jupyter shows it with the answer closed.

    Attributes:
        question: the question.
        answer: the answer.
    """

    def __init__(self, question: str, answer: str) -> None:
        self.question, self.answer = question, answer
        self._summary, self._told = say("answer"), say("answer_is", answer=answer)

    def _repr_html_(self) -> str:
        question, answer = (
            re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(text)) for text in (self.question, self.answer)
        )
        return (
            f"<p><strong>{question}</strong></p>\n"
            f"<details><summary>{self._summary}</summary>\n<p>{answer}</p></details>"
        )

    def __repr__(self) -> str:
        return f"{self.question}\n{self._told}"


def ask(key: str) -> Question:
    """Return a question of a notebook, which asks for a prediction before the result is shown.

    Args:
        key: the notebook and the row, "01.2".

    Raises:
        ValueError: if no prediction has this key; the message says which keys there are.

    >>> print(ask("01.1").question)
    The neuron says 0.690 and should say 1. If w grows a little, does E grow or shrink?
    """
    row = _row(key)
    if not isinstance(row, Prediction):
        raise ValueError(f'{key} is a task: write check("{key}", answer)')
    numbers = row.numbers()
    return Question(row.question.said(**numbers), row.answer.said(**numbers))


def check(key: str, answer: Any) -> None:
    """Print one line: whether an answer is right, or the hint that helps on.

    Args:
        key: the notebook and the row, "01.2".
        answer: a number, a text, a list, or the reader's own function or class, which is called. ``...``
            is no answer yet.

    Raises:
        ValueError: if no task has this key; the message says which keys there are.

    >>> check("01.2", ...)
    01.2: not answered yet.
    >>> check("01.2", "three")
    01.2: the answer is a number, and this is a text in quotes.
    """
    row = _row(key)
    if not isinstance(row, Task):
        raise ValueError(f'{key} is a prediction: write ask("{key}")')
    print(say("check_line", row=key, said=_judged(row, answer)))


def _row(key: str) -> Row:
    if key not in ROWS:
        last = {known[:2]: known for known in ROWS}  # of each notebook
        listed = ", ".join(f"{notebook}.1 to {known}" for notebook, known in last.items())
        raise ValueError(f"there is no row {key!r}: there are {listed}")
    return ROWS[key]


def _judged(task: Task, answer: Any) -> str:
    """Return what is said of an answer."""
    if answer is ...:
        return say("check_open")
    if task.measure and not callable(answer):
        return say("check_kind", asked=say("kind_function"), given=_kind(_plain(answer)))
    try:
        given = _measured(task, answer)
    except Exception as error:  # the reader's own code ran
        if "ellipsis" in str(error):  # Python's name for what `...` is: a blank in it was left
            return say("check_open")
        return say("check_stopped", error=one_line(f"{type(error).__name__}: {error}", LONGEST_ERROR))
    right = _measured(task, task.right())
    if _is_open(given):
        return say("check_open")
    if unlike := _unlike(given, right):
        return unlike
    if _is_near(given, right, task.tolerance):
        return say("check_right")
    for wrong in task.wrong():
        if _is_near(given, _measured(task, wrong.answer), task.tolerance):
            return wrong.hint.said(**task.numbers())
    return say("check_not_yet", look=task.look.said(**task.numbers()))


def _measured(task: Task, answer: Any) -> Any:
    return _plain(task.measure(answer) if task.measure else answer)


def _plain(answer: Any) -> Any:
    """Return an answer as floats, texts and lists; what is none of these stays."""
    if isinstance(answer, Value):
        return answer.data
    if is_number(answer):
        return float(answer)
    if isinstance(answer, str):
        return answer.strip()
    items = as_list(answer)
    return [*map(_plain, items)] if not (len(items) == 1 and items[0] is answer) else answer


def _is_open(answer: Any) -> bool:
    return answer is ... or (isinstance(answer, list) and any(map(_is_open, answer)))


def _unlike(given: Any, right: Any) -> str:
    """Say that an answer is of another kind than the right one; "" if it is not."""
    if _kind(given) != _kind(right):
        return say("check_kind", asked=_kind(right), given=_kind(given))
    if isinstance(right, list):
        return next(filter(None, map(_unlike, given, right)), "")
    return ""


def _kind(answer: Any) -> str:
    """Say what kind of answer something is."""
    if is_number(answer):
        return say("kind_number")
    if isinstance(answer, str):
        return say("kind_text")
    if isinstance(answer, list):
        return say("kind_list", count=len(answer))
    if isinstance(answer, float):  # infinite, or not a number
        return str(answer)
    return say("kind_none") if answer is None else say("kind_other", type=type(answer).__name__)


def _is_near(given: Any, wanted: Any, tolerance: float) -> bool:
    if isinstance(wanted, list):
        same_length = isinstance(given, list) and len(given) == len(wanted)
        return same_length and all(_is_near(g, w, tolerance) for g, w in zip(given, wanted, strict=True))
    if isinstance(wanted, float) and isinstance(given, float):
        return abs(given - wanted) <= tolerance * abs(wanted) + NEAREST
    return bool(given == wanted)
