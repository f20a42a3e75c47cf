"""Handouts: picture and derivation together, in every format, and LaTeX that compiles."""

import doctest
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tinygrad_edu import Style, Value, exercise, explain, handout, worked_example
from tinygrad_edu.commands import main
from tinygrad_edu.program.forms import number as written
from tinygrad_edu.see.draw import images
from tinygrad_edu.see.handout import Handout
from tinygrad_edu.see.mistakes import KEYS


def page(name="w5", **options) -> Handout:
    example = worked_example()
    example["E_total"].backward()
    return handout(example["E_total"], example[name], **options)


def test_as_text_it_is_the_explanation(example):
    whole = str(explain(example["E_total"], example["w5"], learning_rate=0.5))
    assert str(page(learning_rate=0.5)) == f"∂E_total/∂w5\n\n{whole}"


def test_in_the_style_that_is_asked_for(tmp_path):
    assert "#d55e00" in page().html
    assert "#d55e00" not in page(style=Style(theme="print")).html
    assert "1.10591" in page(style=Style(digits=5)).html
    path = tmp_path / "w5.html"
    assert main(["handout", "w5", "--theme", "print", "--output", str(path)]) == 0
    assert "#d55e00" not in path.read_text(encoding="utf-8")


def test_a_page_with_picture_and_equations():
    html = page("w1").html
    assert html.count("<svg ") == 1
    assert "prefers-color-scheme" not in html  # paper is white
    assert "size: A4" in html
    assert "<script" not in html
    assert not re.search(r'(?:src|href)="?(?!#)', html)  # it loads nothing
    for number in ("0.741365070", "0.000668396", "0.000438568"):
        assert number in html
    assert html.count("<math") > 20
    assert page("w1").html == html


def test_a_piece_of_an_equation_begins_with_an_operator_that_has_room_around_it():
    assert '<mrow><mo form="infix">&#x0003D;</mo>' in page().html


def test_markdown():
    text = page().markdown
    assert text.startswith("# ∂E\\_total/∂w5\n\n![The picture](data:image/svg+xml;base64,")
    assert text.count("$$") == 8 or text.count("$$") % 2 == 0
    assert r"\frac{\partial E_{\mathrm{total}}}{\partial w_{5}}" in text
    assert set(page()._repr_mimebundle_()) == {"text/markdown", "text/plain"}


def test_the_picture_is_written_beside(tmp_path):
    pytest.importorskip("svglib")
    assert page().save(tmp_path / "my sheet.md") == tmp_path / "my sheet.md"
    assert "![The picture](my-sheet-picture.svg)" in (tmp_path / "my sheet.md").read_text(encoding="utf-8")
    page().save(tmp_path / "a_b%.tex")
    assert r"\picturefile{a_b--picture.pdf}" in (tmp_path / "a_b%.tex").read_text(encoding="utf-8")
    page().save(tmp_path / "page.html")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"my sheet.md", "my-sheet-picture.svg", "a_b%.tex", "a_b--picture.pdf", "page.html"}
    with pytest.raises(ValueError, match=r"end it in .html, .md, .tex"):
        page().save(tmp_path / "page.doc")
    assert len([*tmp_path.iterdir()]) == 5


def test_the_latex_document_shows_every_equation(example):
    text = page("b1").tex
    assert text.startswith(r"\documentclass")
    assert text.rstrip().endswith(r"\end{document}")
    for kind in ("document", "multicols", "aligned"):
        assert text.count(rf"\begin{{{kind}}}") == text.count(rf"\end{{{kind}}}")
    for number in ("0.013367920", "0.018725609"):
        assert number in text
    shown = text.count(r"\fitted{")
    sections = explain(example["E_total"], example["b1"]).sections()
    assert shown == sum(len(section.equations) for section in sections)
    assert r"\DeclareUnicodeCharacter{2202}{\ensuremath{\partial}}" in text


def test_several_and_none(example):
    E = example["E_total"]
    two = handout(E, [example["w5"], example["w6"]])
    assert two.title == "∂E_total/∂w5, ∂E_total/∂w6"
    assert two.html.count("One step") == 0
    assert handout(E).title == "E_total"
    assert "E_total does not depend on z" in str(handout(E, Value(1.0, "z")))


LABELS = [
    "中文 щ é ΩΔ θ ϑ 👩‍👧 ½ x₁",
    r"\end{aligned}\input{x} % & # _ ^ ~ { } $$",
    "<b> | \" ' `",
    "______",
]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no LaTeX here")
@pytest.mark.parametrize("label", [*LABELS, None])
def test_it_compiles(tmp_path, label, monkeypatch):
    monkeypatch.setattr(images, "_is_missing", lambda sign: False)  # a box will do
    if label is None:
        made = [page("b1", learning_rate=0.5), exercise(*_worked("w1"), seed=1).key]
    else:
        w, x = Value(0.5, label), Value(2.0, "x")
        net = w * x
        net.label = "net"
        y = net.tanh()
        y.label = f"y {label}"
        made = [handout(y, w), exercise(y, w).sheet]
    for i, document in enumerate(made):
        document.save(tmp_path / f"d{i}.tex")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"d{i}.tex"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
        assert result.returncode == 0, result.stdout[-1500:]
        assert Path(tmp_path / f"d{i}.pdf").stat().st_size > 10_000
        assert label or "Overfull" not in result.stdout
        assert "Missing character" not in result.stdout


def _worked(name):
    example = worked_example()
    return example["E_total"], example[name]


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["handout", "w5", "--learning-rate", "0.5"]) == 0
    assert capsys.readouterr().out == "The handout of ∂E_total/∂w5: handout.html\n"
    assert Path("handout.html").read_text(encoding="utf-8") == page(learning_rate=0.5).html
    assert main(["handout", "w9"]) == 2


def test_the_page_for_teachers_is_true():
    document = Path(__file__).parent.parent / "docs" / "teaching.md"
    if not document.exists():
        pytest.skip("the documents stand beside the source only, and this is an installed package")
    result = doctest.testfile(str(document), module_relative=False, encoding="utf-8")
    assert result.attempted >= 8
    assert not result.failed

    wrong = {
        (key, blank.name, written(blank.right), written(mistake))
        for name in ("w1", "w5")
        for blank in exercise(*_worked(name)).blanks.values()
        for key, mistake in blank.mistakes
    }
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| (.*?) \| (.*?) \| (.*?) \|$", document.read_text("utf-8"), re.M)
    assert [key for key, *_ in rows] == [*KEYS]
    assert {*rows} <= wrong
