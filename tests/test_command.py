"""The command as a user runs it: in a process of its own."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tinygrad_edu
from tinygrad_edu import draw, explain, worked_example
from tinygrad_edu.commands import main


def run(*arguments: str, cwd, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tinygrad_edu", *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
    )


def test_the_worked_example(tmp_path, reference):
    result = run(cwd=tmp_path, PATH="")  # no dot
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    printed = result.stdout.replace("−", "-")
    for name, number in reference["forward"].items():
        assert re.search(rf"  {name} +=.* = {float(number):.9f}\n", printed), name
    after = reference["after 1 step, weights only"]
    for name, number in reference["gradients dE_total/d"].items():
        assert re.search(rf"  {name} .* {float(number):.9f} ", printed), name
    for name, number in after["weights"].items():
        assert re.search(rf"  {name} .* {float(number):.9f}\n", printed), name
    last = reference["after 10000 steps, weights only"]
    for number in (after["E_total"], *(last[key] for key in ("E_total", "out_o1", "out_o2"))):
        assert f"{float(number):.9f}" in printed
    assert f"{float(reference['after 1 step, weights and the two shared biases']['E_total']):.9f}" in printed
    assert "The picture of ∂E_total/∂w5: three_layer_w5.svg\n" in printed
    assert printed.endswith("The page on which its numbers can be changed: three_layer_w5.html\n")
    assert "Content-Security-Policy" in (tmp_path / "three_layer_w5.html").read_text(encoding="utf-8")
    assert ElementTree.parse(tmp_path / "three_layer_w5.svg").getroot().tag.endswith("svg")
    assert "\x1b" not in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_another_parameter_detail_and_file(tmp_path):
    result = run("--wrt", "b1", "--detail", "ops", "--output", "picture.dot", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "4 paths lead from b1 to E_total" in result.stdout
    assert (tmp_path / "picture.dot").read_text(encoding="utf-8").startswith("digraph")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--wrt", "w55"], "there is no weight or bias 'w55': did you mean w5"),
        (["--wrt", "out_h1"], "there is no weight or bias 'out_h1'"),
        (["--output", "missing/picture.svg"], "there is no folder missing"),
        (["--output", "picture.jpg"], "cannot tell the format of 'picture.jpg'"),
        (["--detail", "fine"], "invalid choice: 'fine'"),
        (["--unknown"], "unrecognized arguments: --unknown"),
    ],
)
def test_a_mistake_gets_one_line_and_no_file(tmp_path, arguments, message):
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("detail", ["ops", "named", "neuron", "layer"])
@pytest.mark.parametrize("wrt", ["w1", "w5", "b1", "b2"])
def test_nothing_is_wider_than_a_terminal(tmp_path, capsys, wrt, detail):
    assert main(["--wrt", wrt, "--detail", detail, "--output", str(tmp_path / "a.dot")]) == 0
    printed = capsys.readouterr().out.partition("\nThe picture")[0]
    assert max(map(len, printed.splitlines())) <= 80
    assert f"\nBackward pass, to {wrt}:\n" in printed
    assert ("One step of gradient descent" in printed) == wrt.startswith("w")  # the biases are not trained


def test_an_error_term_can_be_asked_for(tmp_path):
    assert "∂E_total/∂E_o1 = 1" in run("explain", "E_o1", cwd=tmp_path).stdout


def test_an_expression_may_begin_with_a_sign(tmp_path):
    assert "∂y/∂w" in run("explain", "--expression", "-w²", "--at", "w=3", "w", cwd=tmp_path).stdout


def test_a_number_may_begin_with_a_sign_and_have_an_exponent(tmp_path):
    result = run("film", "--steps", "1", "--learning-rate", "-1e-3", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_forward_mode(tmp_path, example):
    told = run("explain", "w1", "--mode", "forward", cwd=tmp_path).stdout
    assert told == f"{explain(example['E_total'], example['w1'], mode='forward')}\n"
    result = run("draw", "w1", "--mode", "forward", "--output", "forward.dot", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    drawing = draw(example["E_total"], example["w1"], mode="forward")
    assert (tmp_path / "forward.dot").read_text(encoding="utf-8") == drawing.source
    assert drawing.source != draw(example["E_total"], example["w1"]).source


def test_no_place_to_print_to_is_no_traceback(tmp_path):
    command = f'"{sys.executable}" -m tinygrad_edu >&-'
    result = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "three_layer_w5.svg").exists()


def test_version(tmp_path):
    engine = "C engine" if tinygrad_edu.COMPILED else "Python engine"
    assert run("--version", cwd=tmp_path).stdout == f"tinygrad_edu {tinygrad_edu.__version__} ({engine})\n"


def test_a_terminal_that_knows_no_greek_letters(tmp_path):
    assert run(cwd=tmp_path, PYTHONIOENCODING="ascii").returncode == 0


def test_a_reader_that_stops_reading(tmp_path):
    command = f'"{sys.executable}" -m tinygrad_edu | head -n 1'
    result = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_explain(tmp_path, example):
    result = run("explain", "w1", "--learning-rate", "0.5", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{explain(example['E_total'], example['w1'], learning_rate=0.5)}\n"
    latex = run("explain", "b1", "--format", "latex", "--detail", "layer", cwd=tmp_path)
    assert latex.stdout == f"{explain(example['E_total'], example['b1'], detail='layer').latex}\n"


def test_the_worked_example_with_own_numbers(tmp_path):
    result = run("explain", "w1", "--at", "w1=0.9,i1=+0.2", cwd=tmp_path)
    own = worked_example(w1=0.9, i1=0.2)
    own["E_total"].backward()
    assert result.stdout == f"{explain(own['E_total'], own['w1'])}\n"
    assert run("draw", "w1", "--at", "w1=0.9", "--output", "own.dot", cwd=tmp_path).returncode == 0
    assert "0.9" in (tmp_path / "own.dot").read_text(encoding="utf-8")


def test_explain_an_expression(tmp_path):
    arguments = ["--expression", "sigmoid(w*x + b)", "--at", "w=0.4,x=1,b=0.1"]
    result = run("explain", *arguments, "w", cwd=tmp_path)
    assert "  ∂y/∂w = 0.235003712 × 1 × 1 = 0.235003712\n" in result.stdout
    named = run("explain", "--expression", "net = w*x; tanh(net)", "--at", "w=1,x=0.3", "w", cwd=tmp_path)
    assert "∂y/∂w = ∂y/∂net · ∂net/∂w" in named.stdout


def test_a_network_with_own_numbers(tmp_path):
    numbers = "w1=0,w2=0,i1=0.8,target_o1=1"  # so the output is sigmoid(0) = 1/2
    result = run("explain", "w1", "--network", "2-1", "--at", numbers, cwd=tmp_path)
    assert "= (−0.5) × 0.25 × 0.8 = −0.1\n" in result.stdout


def test_the_label_of_an_expression_stays(capsys):
    assert main(["explain", "w", "--expression", "loss = w*x", "--at", "w=2,x=3"]) == 0
    told = capsys.readouterr().out
    assert "∂loss/∂w = x = 3\n" in told


def test_a_page_is_opened_only_if_asked_for(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    page = tmp_path / "page.html"
    assert main(["explore", "w5", "--output", str(page)]) == 0
    assert (page.exists(), opened) == (True, [])
    assert main(["explore", "w5", "--open", "--output", str(page)]) == 0
    assert opened == [page.as_uri()]


def test_ctrl_c_is_no_traceback(capsys, monkeypatch):
    def interrupted(*numbers):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("tinygrad_edu.commands.graphs.worked_example", interrupted)
    assert main(["explain", "w5"]) == 130  # 128 + SIGINT, as a shell says
    assert capsys.readouterr() == ("", "")


def test_picture_and_page_do_not_overwrite_each_other(tmp_path, monkeypatch, capsys):
    pages = []
    for name in ("picture.svg", "page.html"):
        assert main(["--output", str(tmp_path / name)]) == 0
        pages.append(Path(capsys.readouterr().out.split(": ")[-1].strip()))
    assert [page.name for page in pages] == ["picture.html", "page_live.html"]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert pages[1].read_bytes() != (tmp_path / "page.html").read_bytes()


def test_draw(tmp_path):
    result = run("draw", "w5", "b1", "--detail", "neuron", "--output", "two.svg", "--legend", cwd=tmp_path)
    assert result.stdout == "The picture of E_total: two.svg\n"
    shown = "".join(ElementTree.parse(tmp_path / "two.svg").getroot().itertext())
    assert "∂E_total/∂w₅" in shown
    assert "∂E_total/∂b₁" in shown
    assert "Orange raises the derivative" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draw", "--mode", "forward"], "name the one Value as wrt from which it starts"),
        (["explain", "w5", "--mode", "both"], "argument --mode: invalid choice: 'both'"),
        (["explain"], "the following arguments are required: NAME"),
        (["explain", "w55"], "there is no Value named 'w55': did you mean w5"),
        (
            ["explain", "w", "--expression", "w*x", "--at", "w=1"],
            "column 3: x has no value: give it with --at",
        ),
        (["explain", "w", "--expression", "w.__class__", "--at", "w=1"], "column 2"),
        (["explain", "w", "--expression", "log(w)", "--at", "w=-1"], "log needs a positive argument"),
        (["explain", "w1", "--at", "w11=1"], "no leaf in the worked example called 'w11': did you mean w1"),
        (["explain", "w1", "--at", "net_h1=1"], "no leaf in the worked example called 'net_h1'"),
        (["explain", "w1", "--at", "w1"], "--at, column 3: expected '='"),
        (["explain", "w", "--expression", "ln(w)", "--at", "w=1"], "no function 'ln': did you mean log?"),
        (["explain", "x", "--expression", "sqrt(x)", "--at", "x=0"], "its slope there is infinite"),
        (["draw", "q", "--expression", "w*x", "--at", "w=1,x=2"], "there is no Value named 'q'"),
        (["explain", "w", "--expression", "w", "--at", "w=nan"], "--at, column 3"),
        (["explain", "w5", "--learning-rate", "nan"], "learning_rate=nan: it must be a finite number"),
        (["animate", "w5", "--seconds", "200", "--output", "w5.gif"], "a GIF shows a picture for"),
        (["draw", "--network", "2-1", "--expression", "w"], "--network and --expression exclude each other"),
        (["draw", "--network", "2"], "--network '2': give sizes from the inputs on, such as 3-4-2"),
        (["draw", "--network", "2x1"], "--network '2x1': give sizes"),
        (["draw", "--network", "2-1", "--at", "i9=1"], "no leaf in the network called 'i9': did you mean i"),
        (["--output", "mine.svg", "draw", "w5"], "--output before the command"),
        (["--wrt", "w1", "explain", "w5"], "--wrt before the command"),
    ],
)
def test_a_mistake_in_a_subcommand_gets_one_line(tmp_path, arguments, message):
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
