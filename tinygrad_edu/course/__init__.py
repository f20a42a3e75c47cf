"""What the notebooks ask: predictions to open, and tasks to check.

``ask("01.1")`` shows a question; its answer opens with a click. ``check("01.2", answer)`` prints one line:
right, a hint, or "not answered yet" for ``...``. Both speak the language of ``tinygrad_edu.language()``.

To add a row, write it into the ``ROWS`` of a lesson, ``course/lesson_01.py``, in the order of the notebook; a
new lesson also into ``ROWS`` of ``course/answers.py``. All numbers in texts are computed: ``{slope:.3f}``
stands in the text, and ``numbers``, a function without arguments, gives ``{"slope": …}``. Braces of a
text itself are doubled. Text in backticks is set as code.

- ``Prediction(question, answer, numbers)``, where question and answer are ``Text(en, zh)``.
- ``Task(right, wrong, look, numbers, tolerance, measure)``: ``right()`` is the right answer, a number, a
  text, or a list; ``wrong()`` three or more ``Wrong(answer, hint)`` with different hints; ``look`` a ``Text``
  that says what to look at. ``usual(mistakes(graph, wrt), "path", "minus", …)`` gives such answers with the
  hints of ``see/mistakes.py``.
- Where the answer is a function or a class, ``measure`` calls it and returns numbers, texts or a list, as
  ``lambda f: [f(x) for x in (0.5, 2.0)]``; right and wrong answers are then functions as well. A blank
  ``...`` inside the reader's code counts as not answered yet.

>>> check("01.4", 0.0995)
01.4: Your number has the other sign: a minus is lost, perhaps that of −(target − out).
>>> check("01.4", -0.0995)
01.4: right.
"""

from tinygrad_edu.course.answers import ask, check

__all__ = ["ask", "check"]
