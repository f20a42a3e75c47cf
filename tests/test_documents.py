"""The README and the notebooks: what they say is what happens."""

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUESTIONS = (ROOT / "docs/questions.md").read_text(encoding="utf-8")


EXAMPLES = re.findall(r"```python\n(from .*?)```\n\nprints\n\n```text\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(("code", "promised"), EXAMPLES, ids=["graph", "film", "network"])
def test_an_example_prints_what_the_readme_says(tmp_path, monkeypatch, code, promised):
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue() == promised
    for path in tmp_path.iterdir():
        assert path.read_text().endswith({".svg": "</svg>\n", ".html": "</html>\n"}[path.suffix])


@pytest.mark.parametrize("line", re.findall(r"^tinygrad-edu (.*)$", README + QUESTIONS, re.MULTILINE))
def test_a_command_does_its_work(tmp_path, line):
    command = [sys.executable, "-m", "tinygrad_edu", *shlex.split(line)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr
    for path in tmp_path.iterdir():
        picture = ROOT / "docs" / path.name
        if picture.exists():
            assert path.read_text(encoding="utf-8") == picture.read_text(encoding="utf-8")


def test_the_rule_that_the_readme_quotes_stands_in_the_table():
    quoted = re.search(r"^tanh +=.*$", README, re.MULTILINE)[0]
    assert quoted in (ROOT / "tinygrad_edu/engine/rules.py").read_text(encoding="utf-8").splitlines()


def test_each_of_the_twenty_questions_has_a_link():
    answers = re.split(r"^### \d+\. .*\?$", QUESTIONS, flags=re.MULTILINE)[1:]
    assert len(answers) == 20
    assert all("](" in answer for answer in answers)


@pytest.mark.parametrize("document", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=str)
def test_links_between_documents_lead_somewhere(document):
    links = re.findall(
        r"\]\(([\w./-]+\.(?:md|svg|png|html|py|ipynb|cff|yml))\)", document.read_text(encoding="utf-8")
    )
    for target in links:
        assert (document.parent / target).exists(), target


def test_the_version_is_one():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d.*)\] - (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert newest.groups() == (tinygrad_edu.__version__, re.search("date-released: (.*)", citation)[1])
    assert re.search("^version: (.*)", citation, re.M)[1] == tinygrad_edu.__version__


@pytest.mark.parametrize("notebook", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda p: p.name)
def test_notebooks_are_committed_with_their_outputs(notebook):
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))


def test_the_readme_in_chinese_has_the_same_commands_and_links():
    chinese = (ROOT / "README.zh.md").read_text(encoding="utf-8")
    blocks = re.compile(r"^```\w*\n.*?^```$", re.MULTILINE | re.DOTALL)
    assert blocks.findall(chinese) == blocks.findall(README)

    def links(text):
        targets = re.findall(r"\]\(([^()]+)\)", text)
        return {target.replace(".zh.", ".").replace("README.md", "") for target in targets}

    assert links(chinese) == links(README)
    assert "](README.zh.md)" in README
    assert "](README.md)" in chinese
