"""Exercise sheets: what is left out, that it cannot be read elsewhere, and what a wrong answer comes from."""

import hashlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from random_graphs import random_graph

from tinygrad_edu import StaleError, Value, exercise, explain, topological_order, worked_example
from tinygrad_edu.commands import main
from tinygrad_edu.nn import MLP
from tinygrad_edu.program.forms import number
from tinygrad_edu.see.draw.dot import rounded
from tinygrad_edu.see.graph import fold

ROOT = Path(__file__).parent.parent


def made(name="w1", **options):
    example = worked_example()
    return exercise(example["E_total"], example[name], **options)


def by_name(sheet):
    return {blank.name: i for i, blank in sheet.blanks.items()}


# --- Blanks ---


def test_every_blank_has_the_number_that_backward_gives(example):
    blanks = {blank.name: blank.right for blank in made().blanks.values()}
    for name in ("w1", "out_h1", "net_h1", "net_o1", "net_o2", "out_o1", "out_o2"):
        assert blanks[f"∂E_total/∂{name}"] == pytest.approx(example[name].grad)
    assert blanks["∂net_h1/∂w1"] == 0.05
    assert blanks["∂out_h1/∂net_h1"] == pytest.approx(0.241300709)
    assert blanks["path 1"] == pytest.approx(0.000668396, rel=1e-6)
    assert blanks["path 2"] == pytest.approx(-0.000229828, rel=1e-5)
    assert blanks["w1⁺"] == pytest.approx(0.149780716)
    assert len(blanks) == 16


def test_the_last_factor_is_left_out_first():
    names = [{blank.name for blank in made("w5", blanks=count).blanks.values()} for count in range(6)]
    new = [(after - before).pop() for before, after in pairwise(names)]
    assert new == ["∂net_o1/∂w5", "∂out_o1/∂net_o1", "∂E_total/∂out_o1", "∂E_total/∂w5", "w5⁺"]
    assert all(before < after for before, after in pairwise(names))


def test_blanks_are_numbered_in_the_order_of_the_sheet():
    sheet = made(seed=1)
    rooms = re.findall(r"\((\d+)\) ____", str(sheet.sheet))
    assert [*map(int, rooms)] == [*sheet.blanks] == [*range(1, 17)]


def test_without_blanks_it_is_the_explanation(example):
    whole = str(explain(example["E_total"], example["w1"], learning_rate=0.5))
    assert str(made(blanks=0).sheet).endswith(whole)
    assert "Fill in" not in str(made(blanks=0).sheet)


@pytest.mark.parametrize("name", ["w1", "w5", "b1"])
def test_no_answer_can_be_read_on_the_sheet(name):
    sheet = made(name, seed=4)
    text = "\n".join([str(sheet.sheet), sheet.sheet.html, sheet.sheet.markdown, sheet.sheet.tex])
    given = str(sheet.sheet).partition("factors")[0]
    assert "What makes this gradient small or large" not in text  # that sentence names factors
    # Some factors, such as w5, are given.
    hidden = [blank for blank in sheet.blanks.values() if number(blank.right) not in given]
    assert len(hidden) >= 3
    for blank in hidden:
        for written in {number(blank.right), rounded(blank.right), str(blank.right)}:
            assert not re.search(rf"(?<![\d.]){re.escape(written)}(?!\d)", text), blank.name


def test_jupyter_shows_the_sheet_and_not_the_key():
    sheet = made("w5", blanks=2)
    assert repr(sheet) == "<Exercise: ∂E_total/∂w5, 2 blanks>"
    assert sheet._repr_mimebundle_() == {
        "text/markdown": sheet.sheet.markdown,
        "text/plain": str(sheet.sheet),
    }


def test_in_chinese():
    sheet = made(seed=1, blanks=1, lang="zh")
    text = str(sheet.sheet) + str(sheet.key) + str(sheet.check({1: 1.0})[0])
    assert not [word for word in re.findall(r"[A-Za-z]{3,}", text) if word not in NAMES]
    assert sheet.sheet.html.startswith('<!DOCTYPE html>\n<html lang="zh">')
    with pytest.raises(LookupError, match="there is no language 'xx'"):
        made(lang="xx")


NAMES = {"net", "out", "target", "total", "sigmoid", "tanh"}


def test_the_key_has_every_answer():
    sheet = made(seed=4)
    for i, blank in sheet.blanks.items():
        assert f"({i}) {number(blank.right)}" in str(sheet.key)
        assert f"({i})" in sheet.key.html
    assert "If a path is forgotten, or only one is taken: (11)" in " ".join(str(sheet.key).split())
    assert "____" not in str(sheet.key)


# --- Other numbers ---


@pytest.mark.parametrize("seed", range(25))
def test_other_numbers_keep_the_derivatives_representative(seed):
    own, other = made().blanks, made(seed=seed).blanks
    factors = [i for i, blank in own.items() if "∂" in blank.name and hasattr(blank.of, "slope")]
    assert len(factors) == 8
    for i in factors:
        assert 0.2 <= other[i].right / own[i].right <= 5  # the sign too
    assert other[by_name(made())["∂E_total/∂w1"]].right != 0
    given = str(made(seed=seed).sheet).partition("Given: ")[2].partition("The forward pass")[0]
    assert len(re.findall(r"=\s\d", given)) == 14


def test_every_seed_has_its_own_sheet_and_always_the_same():
    sheets = [made(seed=seed) for seed in range(6)]
    assert len({str(sheet.sheet).partition("Given")[2] for sheet in sheets}) == 6
    assert made(seed=3).sheet.html == sheets[3].sheet.html
    assert sheets[3].sheet.title == "Exercise: ∂E_total/∂w1, sheet 3"


def test_the_graph_is_not_changed(example):
    before = [(value.data, value.grad) for value in topological_order(example["E_total"])]
    assert exercise(example["E_total"], example["w1"], seed=1).key.html
    assert [(value.data, value.grad) for value in topological_order(example["E_total"])] == before


def test_the_same_bytes_under_every_hash_seed():
    program = """
from hashlib import sha256
from tinygrad_edu import exercise, worked_example
e = worked_example()
x = exercise(e["E_total"], e["b1"], seed=2)
for page in (x.sheet, x.key):
    for text in (page.html, page.markdown, page.tex, str(page)):
        print(sha256(text.encode()).hexdigest())
"""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1
    first = made("b1", seed=2).sheet.html
    assert hashlib.sha256(first.encode()).hexdigest() in outputs.pop()


# --- Answers ---


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_right_answers_in_three_digits(seed):
    sheet = made(seed=seed)
    answers = [float(f"{blank.right:.3g}") for blank in sheet.blanks.values()]
    assert not sheet.check(answers)[-1].is_right  # from 0.15 it cannot be seen that a step was made
    answers[-1] = round(sheet.blanks[16].right, 5)
    verdicts = sheet.check(answers)
    assert [str(verdict) for verdict in verdicts] == [f"({i}) is right." for i in sheet.blanks]


@pytest.mark.parametrize(
    ("name", "answer", "mistake"),
    [
        ("∂E_total/∂w1", 0.000668396, "path"),
        ("∂E_total/∂w1", -0.00022983, "path"),
        ("∂E_total/∂w1", -0.000438568, "minus"),
        ("∂E_total/∂w1", 0.000877, "half"),
        ("∂E_total/∂out_o1", 1.4827, "half"),
        ("∂E_total/∂out_o1", -0.741, "minus"),
        ("∂out_h1/∂net_h1", 0.3775 * (1 - 0.3775), "at_net"),
        ("∂net_o1/∂out_h1", 0.358916, "updated"),
        ("∂net_o1/∂out_h1", 0.59327, "swapped"),
        ("∂net_h1/∂w1", 0.15, "swapped"),
        ("path 1", 0.741365 + 0.186816 + 0.4 + 0.241301 + 0.05, "sum"),
        ("w1⁺", 0.15 - 0.000438568, "rate"),
        ("w1⁺", 0.15 + 0.5 * 0.000438568, "rate"),
    ],
)
def test_a_usual_mistake_is_recognised(name, answer, mistake):
    sheet = made()
    [verdict] = sheet.check({by_name(sheet)[name]: answer})
    assert not verdict.is_right
    assert verdict.mistakes[0] == mistake
    assert "is not right. " in str(verdict)


def test_every_listed_mistake_is_recognised():
    sheet = made(seed=7)
    for i, blank in sheet.blanks.items():
        for mistake in blank.mistakes:
            [verdict] = sheet.check({i: mistake.number})
            assert not verdict.is_right
            assert mistake.key in verdict.mistakes


def test_an_answer_is_wrong_if_a_mistake_gives_it_more_closely_than_the_right_path():
    w, x = Value(1.005, "w"), Value(1.0, "x")
    sheet = exercise(w * x, w, blanks=1)
    verdicts = [sheet.check([answer])[0] for answer in (1.0, 1.001, 1.004, 1.005)]
    assert [verdict.is_right for verdict in verdicts] == [True, True, False, False]
    assert verdicts[-1].mistakes == ["swapped"]


def test_any_other_number_is_wrong_without_a_guess():
    sheet = made()
    [verdict] = sheet.check({1: 123.0})
    assert (verdict.is_right, verdict.mistakes, str(verdict)) == (False, [], "(1) is not right.")


def test_what_follows_from_a_wrong_answer_is_said_to_follow():
    sheet = made("w5")
    names = by_name(sheet)
    wrong = {names["∂out_o1/∂net_o1"]: 0.3, names["∂E_total/∂w5"]: 0.741365 * 0.3 * 0.59327}
    wrong[names["w5⁺"]] = 0.4 - 0.5 * wrong[names["∂E_total/∂w5"]]
    first, second, third = sheet.check(wrong)
    assert first.mistakes == []
    assert second.mistakes[0] == third.mistakes[0] == "carried"
    assert "follows from an earlier answer" in str(second)

    sheet = made("w1")
    names = by_name(sheet)
    wrong = {names["path 1"]: 0.0005, names["∂E_total/∂w1"]: 0.0005 - 0.000229828}
    wrong |= {names["∂E_total/∂out_h1"]: 0.07, names["∂E_total/∂net_h1"]: 0.07 * 0.2413}
    wrong[names["∂E_total/∂net_o1"]] = 0.2
    verdicts = {verdict.blank: verdict.mistakes[:1] for verdict in sheet.check(wrong)}
    assert verdicts[names["∂E_total/∂w1"]] == verdicts[names["∂E_total/∂net_h1"]] == ["carried"]
    first, second = sheet.check(
        {names["∂E_total/∂net_o1"]: 0.2, names["∂E_total/∂out_h1"]: 0.2 * 0.4 - 0.019049}
    )
    assert "carried" not in first.mistakes
    assert second.mistakes[0] == "carried"


def test_answers_as_text_and_what_is_no_answer():
    sheet = made("w5")
    assert [verdict.is_right for verdict in sheet.check({1: "0,741", 2: " 1.868e-1 ", 3: "0.593"})] == [
        True
    ] * 3
    for answers, message in [
        ({9: 1.0}, "there is no blank 9: they are numbered 1 to 5"),
        ([1.0], "1 answers for 5 blanks"),
        ({1: "a half"}, r"the answer to \(1\) is no finite number: 'a half'"),
        ({1: float("nan")}, "is no finite number"),
        ({1: None}, "is no finite number"),
    ]:
        with pytest.raises(ValueError, match=message):
            sheet.check(answers)


# --- Which graphs ---


def small(label="y"):
    w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(0.1, "b")
    net = w * x + b
    net.label = "net"
    y = net.tanh()
    y.label = label
    return y, w


def test_any_labelled_graph():
    y, w = small()
    sheet = exercise(y, w, seed=3)
    assert [blank.name for blank in sheet.blanks.values()] == ["∂y/∂net", "∂net/∂w", "∂y/∂w", "w⁺"]
    # In this picture the numbers of derivatives would stand on the edges.
    assert "data" in sheet.sheet.drawing.svg
    assert "grad" not in sheet.sheet.drawing.svg
    assert rounded(sheet.blanks[1].right) not in sheet.sheet.drawing.svg
    assert rounded(sheet.blanks[1].right) in sheet.key.drawing.svg


def test_a_network():
    model = MLP(2, [2, 1], activation=["tanh", "sigmoid"], seed=4)
    error = 0.5 * (Value(1.0, "target") - model([0.3, -0.8])) ** 2
    error.label = "E"
    weight = model.layers[0].neurons[1].w[0]
    sheet = exercise(error, weight, seed=2)
    assert all(verdict.is_right for verdict in sheet.check([blank.right for blank in sheet.blanks.values()]))
    assert exercise(error, weight, detail="neuron").blanks


@pytest.mark.parametrize("seed", range(8))
def test_other_numbers_stay_in_the_domain(seed):
    x = Value(1.5, "x")
    y = (x - 1.0).log()
    y.label = "y"
    sheet = exercise(y, x, seed=seed)
    drawn = float(re.search(r"Given: x = ([\d.]+)\.\n", str(sheet.sheet))[1])
    assert 0.75 <= drawn <= 2.25
    assert sheet.blanks[by_name(sheet)["∂y/∂x"]].right == pytest.approx(1 / (drawn - 1))


@pytest.mark.parametrize("seed", range(8))
def test_random_graphs(seed):
    root, leaves = random_graph(seed, size=6)[:2]
    for leaf in leaves:
        try:
            sheet = exercise(root, leaf)
        except ValueError:  # too many paths, or none
            assert fold(root).path_count(leaf) in {0, *range(9, 10**6)}
            continue
        assert all(verdict.is_right for verdict in sheet.check([b.right for b in sheet.blanks.values()]))
        assert str(sheet.key)


def test_what_makes_no_sheet():
    example = worked_example()
    E, w1 = example["E_total"], example["w1"]
    y = x = Value(1.1, "x")
    for _ in range(4):
        y = y * y
    zero, off = Value(0.0, "zero"), Value(-2.0, "off")
    inputs = [Value(0.1 * i, f"x{i}") for i in range(1, 70)]
    long = inputs[0]
    for value in inputs[1:]:
        long = long + value
    for make, message in [
        (lambda: exercise(E, Value(1.0, "z")), "E_total does not depend on z."),
        (lambda: exercise(E, E), "with respect to itself is 1"),
        (lambda: exercise(E, w1, detail="layer"), "not 'layer'"),
        (lambda: exercise(E, w1, blanks=17), "this derivation has 16 numbers"),
        (lambda: exercise(E, w1, blanks=-1), "blanks is a whole number"),
        (lambda: exercise(E, w1, seed=0.5), "seed is a whole number"),
        (lambda: exercise(E, w1, learning_rate=float("inf")), "learning_rate"),
        (lambda: exercise(y, x), "16 paths are too many"),
        (lambda: exercise(long, inputs[0]), "Values are too many for a sheet"),
        (lambda: exercise(zero.sqrt() ** 2, zero), "a local derivative on the path from zero is infinite"),
        (lambda: exercise(off.relu(), off, seed=1), "no numbers found for seed=1"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            make()
    with pytest.raises(TypeError, match="takes"):
        exercise("E_total", w1)
    example["w1"].data = 0.3
    with pytest.raises(StaleError):
        exercise(E, w1)


HOSTILE = [
    "<script>alert(1)</script>",
    "a</math></p><img src=x onerror=alert(1)>",
    "$$x$$",
    r"\input{/etc/passwd}",
    r"\end{aligned}}}\def\x{",
    "50% & # _ ^ ~ {",
    "](javascript:alert(1))",
    "中文 щ é ΩΔ θ 👩‍👧",
    "____(1)____",
    "x\ny\x1b[31m",
]


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen: list[tuple[str, list]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, attrs))


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_data(label):
    sheet = exercise(*small(label), seed=1)
    plain = exercise(*small("plain"), seed=1)
    for page, other in ((sheet.sheet, plain.sheet), (sheet.key, plain.key)):
        tags, wanted = Tags(), Tags()
        tags.feed(page.html)
        wanted.feed(other.html)
        assert {tag for tag, _ in tags.seen} - {tag for tag, _ in wanted.seen} <= {
            "mtext",
            "mrow",
            "mo",
            "mi",
        }
        assert not [attrs for _, attrs in tags.seen for name, _ in attrs if name.startswith("on")]
        unescaped = re.sub(r"\\[\\{}$&#%_]", "", page.tex)
        assert unescaped.count("{") == unescaped.count("}")
        assert r"\input" not in page.tex.replace(r"\textbackslash{}input", "")
        assert page.markdown.count("$$") % 2 == 0
        assert "\x1b" not in page.html + page.tex + page.markdown


# --- The command ---


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["exercise", "w1", "--seed", "5", "--blanks", "4", "--output", "sheet.html"]) == 0
    assert capsys.readouterr().out == "The sheet with 4 blanks: sheet.html\nThe key: sheet-key.html\n"
    assert Path("sheet.html").read_text() == made(seed=5, blanks=4).sheet.html
    assert "Key: " in Path("sheet-key.html").read_text()
    assert main(["exercise", "w1", "--blanks", "99"]) == 2
    assert "this derivation has 16 numbers to leave out" in capsys.readouterr().err
