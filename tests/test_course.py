"""The course: every row of every lesson, and the notebooks that use them."""

import json
import re
from pathlib import Path

import pytest

import tinygrad_edu
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.course import ask, check
from tinygrad_edu.course.answers import ROWS
from tinygrad_edu.course.rows import Prediction, Task
from tinygrad_edu.see.words import WORDS, say

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
PAIRS = [
    (notebook, translated)
    for notebook in NOTEBOOKS
    if (translated := notebook.with_suffix(".zh.ipynb")) in NOTEBOOKS
]
LESSONS = sorted({key[:2] for key in ROWS})
PREDICTIONS = [key for key, row in ROWS.items() if isinstance(row, Prediction)]
TASKS = [key for key, row in ROWS.items() if isinstance(row, Task)]
every_language = pytest.mark.parametrize("lang", WORDS)


@pytest.fixture(autouse=True)
def _english_again():
    yield
    tinygrad_edu.language("en")


def said(capsys, key, answer):
    """Return the line that check prints, without the key."""
    check(key, answer)
    line = capsys.readouterr().out
    start = say("check_line", row=key, said="")
    assert line.startswith(start)
    assert line.count("\n") == 1
    return line[len(start) : -1]


@every_language
@pytest.mark.parametrize("key", PREDICTIONS)
def test_a_prediction_has_its_answer_closed(key, lang):
    tinygrad_edu.language(lang)
    asked = ask(key)
    page = asked._repr_html_()
    question, details = page.split("<details>")
    assert re.sub(r"</?code>", "", question).count("<") == 4  # a paragraph and its emphasis
    assert details.startswith(f"<summary>{say('answer', lang)}</summary>")
    assert asked.question in repr(asked)
    assert asked.answer in repr(asked)
    assert not re.search(r"[{}]|nan|inf\b", repr(asked))
    assert bool(re.search(r"[\u4e00-\u9fff]", asked.question + asked.answer)) == (lang == "zh")


@every_language
@pytest.mark.parametrize("key", TASKS)
def test_the_right_answer_passes_and_three_wrong_ones_get_three_hints(capsys, key, lang):
    tinygrad_edu.language(lang)
    task = ROWS[key]
    assert said(capsys, key, task.right()) == say("check_right", lang)
    hints = [said(capsys, key, wrong.answer) for wrong in task.wrong()]
    assert len({*hints}) == len(hints) >= 3
    assert not {*hints} & {say("check_right", lang), say("check_open", lang)}
    assert not any(re.search(r"[{}]", hint) for hint in hints)
    assert all(bool(re.search(r"[\u4e00-\u9fff]", hint)) == (lang == "zh") for hint in hints)
    assert all(
        hint == wrong.hint.said(**task.numbers()) for hint, wrong in zip(hints, task.wrong(), strict=True)
    )


@every_language
@pytest.mark.parametrize("key", TASKS)
def test_an_open_or_impossible_answer_gets_a_sentence(capsys, key, lang):
    tinygrad_edu.language(lang)
    assert said(capsys, key, ...) == say("check_open", lang)
    pattern = re.escape(say("check_kind", lang, asked="@", given="@")).replace("@", ".+")
    for answer in (None, object(), [1.0] * 17, float("nan")):
        assert re.fullmatch(pattern, said(capsys, key, answer))


@pytest.mark.parametrize("key", [key for key in TASKS if not ROWS[key].measure])
def test_another_wrong_number_is_told_what_to_look_at(capsys, key):
    task = ROWS[key]
    if isinstance(task.right(), float):
        assert said(capsys, key, 1e9) == say("check_not_yet", look=task.look.said(**task.numbers()))


@pytest.mark.parametrize("key", [key for key in TASKS if ROWS[key].measure])
def test_code_that_fails_is_told_so(capsys, key):
    def fails(*args, **kwargs):
        raise ValueError("no\nsuch <thing>")

    assert said(capsys, key, fails) == say("check_stopped", error="ValueError: no such <thing>")


def test_a_text_or_list_may_be_the_answer_and_code_is_measured(capsys, monkeypatch):
    text = tinygrad_edu.course.rows.Text
    wrong = tinygrad_edu.course.rows.Wrong

    def task(right, *answers, measure=None):
        row = Task(
            lambda: right,
            lambda: [wrong(a, text(f"no {i}", "")) for i, a in enumerate(answers)],
            text("look", ""),
        )
        return row._replace(measure=measure)

    monkeypatch.setitem(ROWS, "t", task(["b", "a"], ["a", "b"]))
    assert said(capsys, "t", (" b", "a")) == "right."
    assert said(capsys, "t", ["a", "b"]) == "no 0"
    assert said(capsys, "t", ["a", ...]) == "not answered yet."
    assert said(capsys, "t", ["a", 1]) == "the answer is a text in quotes, and this is a number."
    assert said(capsys, "t", ["b"]) == "the answer is a list of 2, and this is a list of 1."
    assert said(capsys, "t", ["a", "c"]) == "not right yet. look"
    monkeypatch.setitem(ROWS, "f", task(lambda x: 2 * x, lambda x: x, measure=lambda f: [f(1.0), f(3)]))
    assert said(capsys, "f", lambda x: x + x) == "right."
    assert said(capsys, "f", lambda x: x) == "no 0"
    assert said(capsys, "f", lambda x: 2 * ...) == "not answered yet."
    assert said(capsys, "f", lambda x: ...) == "not answered yet."
    assert said(capsys, "f", lambda x: None).endswith("this is None (is there a return missing?).")
    assert said(capsys, "f", lambda: 1).startswith("your code stopped with TypeError: ")
    assert said(capsys, "f", 2.0) == "the answer is a function or a class, and this is a number."
    monkeypatch.setitem(ROWS, "n", task(-0.5))
    assert said(capsys, "n", tinygrad_edu.Value(-0.5)) == "right."
    assert said(capsys, "n", float("inf")) == "the answer is a number, and this is inf."


def test_an_unknown_key_says_which_there_are():
    with pytest.raises(ValueError, match=r"no row '99': there are 01\.1 to 01\.\d+"):
        ask("99")
    with pytest.raises(ValueError, match=r"no row 1\.2: there are 01\.1 to"):
        check(1.2, 1)


def test_a_key_of_the_other_kind_says_what_to_write():
    with pytest.raises(ValueError, match=r'01\.2 is a task: write check\("01\.2", answer\)'):
        ask("01.2")
    with pytest.raises(ValueError, match=r'01\.1 is a prediction: write ask\("01\.1"\)'):
        check("01.1", 1)


def test_a_question_is_shown_as_text(monkeypatch):
    text = tinygrad_edu.course.rows.Text
    monkeypatch.setitem(ROWS, "q", Prediction(text("`a<b`?", ""), text("<script>", "")))
    assert "<strong><code>a&lt;b</code>?</strong>" in ask("q")._repr_html_()
    assert "&lt;script&gt;" in ask("q")._repr_html_()


def test_rows_are_numbered_in_order():
    for lesson in LESSONS:
        numbers = [int(key.split(".")[1]) for key in ROWS if key.startswith(lesson)]
        assert numbers == [*range(1, len(numbers) + 1)]


def cells(notebook, kind="code"):
    return [cell for cell in json.loads(notebook.read_text("utf-8"))["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_uses_the_rows_of_its_lesson_in_order(notebook):
    source = "\n".join("".join(cell["source"]) for cell in cells(notebook))
    used = re.findall(r'^(ask|check)\("([^"]*)"', source, re.MULTILINE)
    rows = [
        ("ask" if isinstance(row, Prediction) else "check", key)
        for key, row in ROWS.items()
        if key.startswith(notebook.name[:2])
    ]
    assert used == rows


NUMBER = re.compile(r"(?<![\w.])[−-]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+−-]?\d+)?")


def numbers(cell):
    """Return the numbers in what a cell printed and showed, as text."""
    texts = []
    for output in cell["outputs"]:
        texts += output.get("text", []) + output.get("data", {}).get("text/plain", [])
    return NUMBER.findall("".join(texts))


@pytest.mark.parametrize(("notebook", "translated"), PAIRS, ids=[pair[1].name for pair in PAIRS])
def test_a_translation_has_the_same_code_and_the_same_numbers(notebook, translated):
    first, *code = cells(notebook)
    other_first, *other_code = cells(translated)
    assert 'language("zh")' in "".join(other_first["source"])
    assert [cell["source"] for cell in code] == [cell["source"] for cell in other_code]
    kinds = [cell["cell_type"] for cell in json.loads(notebook.read_text("utf-8"))["cells"]]
    assert kinds == [cell["cell_type"] for cell in json.loads(translated.read_text("utf-8"))["cells"]]
    for cell, other in zip([first, *code], [other_first, *other_code], strict=True):
        assert sorted(numbers(cell)) == sorted(numbers(other)), "".join(cell["source"])


def test_what_is_made_without_a_language_speaks_the_one_that_was_set():
    example = tinygrad_edu.worked_example()
    root, wrt = example["E_total"], example["w5"]
    made = (tinygrad_edu.explain, tinygrad_edu.exercise, tinygrad_edu.handout, tinygrad_edu.explore)

    def texts(**lang):
        return [getattr(what, "html", "") or str(what) for what in (make(root, wrt, **lang) for make in made)]

    english, chinese = texts(), texts(lang="zh")
    assert tinygrad_edu.language("zh") == tinygrad_edu.language() == "zh"
    assert texts() == chinese
    assert texts(lang="en") == english
    assert not set(english) & set(chinese)


def test_pictures_and_animations_speak_the_language_that_was_set():
    tinygrad_edu.language("zh")
    example = tinygrad_edu.worked_example()
    root, wrt = example["E_total"], example["w5"]
    animation = tinygrad_edu.animate(root, wrt)
    for svg in [
        *(tinygrad_edu.draw(root, wrt, detail=d, legend=True).svg for d in ("network", "ops", "layer")),
        animation.svg,
        *map(str, animation.steps),
    ]:
        said = re.sub(
            r"<style>.*?</style>|<title>.*?</title>|<desc>.*?</desc>|<[^>]*>", " ", svg, flags=re.DOTALL
        )
        assert not re.search(r"\b(the|is|of|it|and)\b", said), said
    assert {"第", "步", "橙", "线"} <= set(tinygrad_edu.draw(root, wrt, legend=True).svg + animation.svg)
    assert '<html lang="zh">' in animation.page


def test_what_was_made_keeps_its_language():
    out = tinygrad_edu.Value(0.5, "w").tanh()
    explanation = tinygrad_edu.explain(out, out.args[0])
    before = str(explanation)
    tinygrad_edu.language("zh")
    assert str(explanation) == before


def test_an_unknown_language_is_refused_and_changes_nothing():
    with pytest.raises(UnknownNameError, match="there is no language 'ze': did you mean zh"):
        tinygrad_edu.language("ze")
    assert tinygrad_edu.language() == "en"
