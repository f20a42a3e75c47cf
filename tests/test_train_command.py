"""The command ``train``: what it writes, and one clear line for each mistake."""

import argparse
import json
import math
import signal
import sys
from pathlib import Path

import pytest

from tinygrad_edu import callbacks
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.commands import main
from tinygrad_edu.commands import predict as predict_command
from tinygrad_edu.commands import train as train_command
from tinygrad_edu.datasets import Dataset, read_csv
from tinygrad_edu.nn import MLP
from tinygrad_edu.prediction import load_predictor


def run(*arguments, command="train"):
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    train_command.add_parser(commands)
    predict_command.add_parser(commands)
    args = parser.parse_args([command, *map(str, arguments)])
    args.run(args)


def run_predict(*arguments):
    run(*arguments, command="predict")


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def files_in(path):
    return sorted(file.name for file in path.iterdir())


def test_a_data_set_is_learnt_saved_and_plotted(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib, an extra")
    run("xor", "--hidden", "4", "--epochs", 150, "--learning-rate", 0.05)
    assert files_in(tmp_path) == ["xor_model.json", "xor_training.png"]
    out = capsys.readouterr().out
    assert "accuracy: 1.0000" in out
    assert "saved the model as xor_model.json" in out
    assert (tmp_path / "xor_training.png").read_bytes().startswith(b"\x89PNG")
    model = MLP(2, [4, 1], "tanh")
    assert json.loads((tmp_path / "xor_model.json").read_text())["model"] == model.structure()
    model.load("xor_model.json")
    for x, y in [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]:
        assert (model(x).data > 0) == (y == 1)


def test_the_same_command_writes_the_same_model(tmp_path):
    for name in ("a", "b"):
        run("moons", "--hidden", "3", "--epochs", 2, "--save", f"{name}.json", "--plot", f"{name}.svg")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_compiled_training_learns_the_same(tmp_path, capsys):
    pytest.importorskip("numpy", reason="arrays are an extra")
    printed = []
    for options in ([], ["--compiled"]):
        run(
            "moons",
            "--hidden",
            "3",
            "--epochs",
            3,
            "--save",
            "a.json",
            "--plot",
            "a.svg",
            "--overwrite",
            *options,
        )
        printed.append((capsys.readouterr().out, json.loads((tmp_path / "a.json").read_text())["state"]))
    assert printed[0][0] == printed[1][0]
    assert printed[1][1] == pytest.approx(printed[0][1], rel=1e-9)


def test_compiled_training_without_numpy(monkeypatch):
    monkeypatch.setattr(train_command, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"--compiled needs NumPy: pip install"):
        run("xor", "--compiled")


def line_csv(tmp_path):
    path = tmp_path / "flats.csv"
    rows = [f"{20 + 3 * i},{i % 4},{5000 * (20 + 3 * i) - 20_000 * (i % 4)}" for i in range(40)]
    path.write_text("area,floor,price\n" + "\n".join(rows) + "\n")
    return path


def test_a_column_of_numbers_is_predicted(tmp_path, capsys):
    path = line_csv(tmp_path)
    run("--csv", path, "--target", "price", "--hidden", "", "--epochs", 200, "--plot", "p.png")
    out = capsys.readouterr().out
    error = float(out.split("typical error of 'price': ")[1].split()[0])
    saved = json.loads((tmp_path / "flats_model.json").read_text())
    assert (saved["columns"], saved["target"]) == (["area", "floor"], "price")
    # the file alone predicts: scale the inputs, run the model, scale its output back
    model = MLP(2, [1])
    model.load("flats_model.json")
    [[mean, deviation]] = saved["scaling"]["targets"]
    for x, y in read_csv(path, "price"):
        scaled = [(a - m) / d for a, (m, d) in zip(x, saved["scaling"]["inputs"], strict=True)]
        prediction = model(scaled).data * deviation + mean
        assert prediction == pytest.approx(y, abs=4 * error + 1)
        assert load_predictor("flats_model.json")(x) == pytest.approx(prediction, rel=1e-12)
    assert error < 3000
    capsys.readouterr()
    run_predict("flats_model.json", "50", "-1")
    assert float(capsys.readouterr().out) == pytest.approx(5000 * 50 + 20_000, abs=4 * error + 1)
    run_predict("flats_model.json", "--csv", path)
    assert len(capsys.readouterr().out.splitlines()) == 40


def test_a_column_of_words_is_classified(tmp_path, capsys):
    path = tmp_path / "beds.v2.csv"
    kinds = ("rose", "lily", "fern")
    path.write_text("a;b;kind\n" + "".join(f"{i % 3 + i / 100};{i};{kinds[i % 3]}\n" for i in range(45)))
    run("--csv", path, "--target", "kind", "--hidden", "6", "--epochs", 60)
    assert "accuracy: 1.0000" in capsys.readouterr().out
    saved = json.loads((tmp_path / "beds.v2_model.json").read_text())
    assert saved["classes"] == ["fern", "lily", "rose"]
    assert (saved["scaling"]["targets"], saved["predicts"]) == ([], "class")
    capsys.readouterr()
    run_predict("beds.v2_model.json", "1.2", "10")
    assert capsys.readouterr().out == "lily\n"
    assert saved["model"] == MLP(2, [6, 3], "tanh").structure()


def test_the_plot_of_a_csv_file_has_its_units(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib, an extra")
    (tmp_path / "beds.csv").write_text("width,height,wet\n" + "10,20,0\n30,50,1\n" * 3)
    run("--csv", "beds.csv", "--target", "wet", "--hidden", "2", "--epochs", 1, "--plot", "p.svg")
    plot = (tmp_path / "p.svg").read_text()
    assert "<!-- width -->" in plot
    assert "<!-- 30 -->" in plot  # a width, which scaled is 1
    assert json.loads((tmp_path / "beds_model.json").read_text())["columns"] == ["width", "height"]


def test_examples_of_three_numbers_are_not_drawn_in_a_plane(monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot", reason="the plot needs matplotlib, an extra")
    panels, subplots = [], plt.subplots

    def kept(*places, **options):
        figure, axes = subplots(*places, **options)
        panels.append(axes[0, 1])
        return figure, axes

    monkeypatch.setattr(plt, "subplots", kept)
    Path("three.csv").write_text("a,b,c,wet\n" + "10,20,1,0\n30,50,2,1\n" * 3)
    Path("two.csv").write_text("a,b,wet\n" + "10,20,0\n30,50,1\n" * 3)
    for columns in ("three.csv", "two.csv"):
        run("--csv", columns, "--target", "wet", "--hidden", "2", "--epochs", 1)
    assert [panel.axison for panel in panels] == [False, True]
    assert [panel.get_title() for panel in panels] == ["", "decision boundary"]


def test_a_plot_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib, an extra")

    def fail_half_way(figure, file, **options):
        with open(file, "wb") if isinstance(file, str) else file as stream:
            stream.write(b"half a picture")
        raise MemoryError

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail_half_way)
    (tmp_path / "p.png").write_bytes(b"old")
    with pytest.raises(MemoryError):
        run("xor", "--hidden", "2", "--epochs", 1, "--plot", "p.png")
    assert (tmp_path / "p.png").read_bytes() == b"old"


def test_the_help_is_readable(capsys):
    with pytest.raises(SystemExit):
        run("--help")
    out = " ".join(capsys.readouterr().out.split())
    assert "Train a network on a classic data set or on a CSV file." in out
    for option in ("--hidden SIZES", "--learning-rate RATE", "--epochs N", "--batch-size N", "--seed N"):
        assert option in out


def test_ctrl_c_saves_what_was_learnt(tmp_path, capsys, monkeypatch):
    record = callbacks.record_norms

    def press_ctrl_c(training):
        record(training)
        if training.history.epochs == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(callbacks, "record_norms", press_ctrl_c)
    run("xor", "--hidden", "2", "--epochs", 1000)
    assert "interrupted after 3 epochs; the model keeps what it has learnt" in capsys.readouterr().out
    assert "xor_model.json" in files_in(tmp_path)


def test_without_matplotlib_there_is_a_hint_and_no_plot(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train_command, "find_spec", lambda name: None)
    run("xor", "--hidden", "2", "--epochs", 1)
    assert (
        "no plot was made, because matplotlib is missing: pip install matplotlib" in capsys.readouterr().out
    )
    assert files_in(tmp_path) == ["xor_model.json"]


def test_without_scikit_learn_the_digits_are_a_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ValueError, match="pip install scikit-learn"):
        run("digits")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ([], ValueError, "give either a data set .circles, digits, moons, spirals, xor. or --csv"),
        (["moons", "--csv", "x.csv"], ValueError, "give either a data set"),
        (["--csv", "x.csv"], ValueError, "needs --target COLUMN"),
        (["moons", "--target", "y"], ValueError, "--target belongs to --csv"),
        (["same.csv"], ValueError, "same.csv is a file: write --csv same.csv --target COLUMN"),
        (["moon"], UnknownNameError, "no data set 'moon': did you mean moons"),
        (["--csv", "none.csv", "--target", "y"], FileNotFoundError, r"none\.csv"),
        (["--csv", "flats.csv", "--target", "prize"], UnknownNameError, "did you mean price"),
        (["--csv", "same.csv", "--target", "y"], ValueError, "all targets are the same"),
        (["moons", "--hidden", "4,x"], ValueError, "--hidden is a list of sizes"),
        (["moons", "--hidden", "9999,9999"], ValueError, "a network of 100,009,998 weights is too large"),
        (["moons", "--hidden", "0"], ValueError, "a whole number of at least 1, not 0"),
        (["moons", "--activation", "tan_h"], UnknownNameError, "no activation 'tan_h': did you mean tanh"),
        (["moons", "--optimizer", "adams"], UnknownNameError, "no optimiser 'adams': did you mean adam"),
        (["moons", "--learning-rate", "-1"], ValueError, "learning_rate is at least 0"),
        (["moons", "--batch-size", "0"], ValueError, "--batch-size is a whole number of at least 1"),
        (["moons", "--epochs", "-3"], ValueError, "--epochs is a whole number of at least 0"),
        (["moons", "--save", "none/model.json"], OSError, "no folder none to write model.json into"),
        (["moons", "--save", "."], OSError, "is a folder: name a file in it"),
        (["moons", "--plot", "."], OSError, "is a folder: name a file in it"),
        (
            ["moons", "--plot", "p.xyz"],
            ValueError,
            "p.xyz: the name of a plot ends in .png, .svg or .pdf, not in 'xyz'",
        ),
        (
            ["moons", "--save", "a.png", "--plot", "./a.png"],
            ValueError,
            "model and plot cannot both be a",
        ),
        (["moons", "--resume"], FileNotFoundError, "moons_model.json"),
        (["moons", "--resume", "--overwrite"], ValueError, "give one of them"),
        (["moons", "--hidden", "1000000000"], ValueError, "a network of 3,000,000,000 weights is too large"),
        (["moons", "--plot", "none/plot.png"], OSError, "no folder none to write plot.png into"),
    ],
)
def test_mistakes_get_one_clear_line_and_leave_nothing(tmp_path, capsys, arguments, error, message):
    line_csv(tmp_path)
    (tmp_path / "same.csv").write_text("a,y\n1,2\n3,2\n")
    with pytest.raises(error, match=message) as caught:
        run(*arguments)
    assert "\n" not in str(caught.value)
    assert files_in(tmp_path) == ["flats.csv", "same.csv"]
    assert capsys.readouterr().out == ""  # found before anything began


# --- Saved models ---------------------------------------------------------------------------------


def test_a_saved_model_is_not_overwritten_silently(tmp_path, capsys):
    arguments = ("xor", "--hidden", "2", "--epochs", 1)
    run(*arguments)
    first = (tmp_path / "xor_model.json").read_bytes()
    with pytest.raises(
        ValueError, match=r"xor_model.json exists: continue its training with --resume, replace"
    ):
        run(*arguments, "--seed", 1)
    assert (tmp_path / "xor_model.json").read_bytes() == first
    run(*arguments, "--seed", 1, "--overwrite")
    assert (tmp_path / "xor_model.json").read_bytes() != first


def test_resumed_training_ends_where_uninterrupted_training_does(tmp_path):
    path = line_csv(tmp_path)
    options = ("--csv", path, "--target", "price", "--hidden", "3")
    run(*options, "--epochs", 6, "--save", "whole.json")
    run(*options, "--epochs", 4, "--save", "part.json")
    assert (tmp_path / "part.json").read_bytes() != (tmp_path / "whole.json").read_bytes()
    run(*options, "--epochs", 6, "--save", "part.json", "--resume")
    assert (tmp_path / "part.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    run(*options, "--epochs", 7, "--save", "part.json", "--resume", "--learning-rate", 0.5)
    saved = json.loads((tmp_path / "part.json").read_text())
    assert (saved["optimizer"]["learning_rate"], len(saved["history"]["loss"])) == (0.5, 7)
    with pytest.raises(ValueError, match=r"part.json has 7 epochs already: give --epochs above that"):
        run(*options, "--epochs", 7, "--save", "part.json", "--resume")
    with pytest.raises(ValueError, match=r"is of another model than"):
        run(*options, "--epochs", 9, "--save", "part.json", "--resume", "--hidden", "4")
    other = path.with_name("other.csv")
    other.write_text(path.read_text().replace("floor", "level"))
    with pytest.raises(ValueError, match=r"part.json has learnt from other columns or classes"):
        run("--csv", other, "--target", "price", "--hidden", "3", "--save", "part.json", "--resume")


def test_a_model_that_training_made_worse_is_not_saved(tmp_path, capsys):
    with pytest.raises(ValueError, match=r"nothing is saved: training raised the loss from 0.* to .*below"):
        run("xor", "--hidden", "4", "--epochs", 3, "--learning-rate", 1e6)
    assert files_in(tmp_path) == []
    run("xor", "--hidden", "4", "--epochs", 1)  # of no use yet, and saved
    assert "and always giving the same answer would give 0.6931: try more epochs" in capsys.readouterr().out
    assert "xor_model.json" in files_in(tmp_path)


def test_the_best_constant_answer():
    """log 2 for two classes that are equally frequent; the variance of numbers."""
    assert train_command._constant_loss(Dataset([[0]] * 4, [0, 1, 1, 0])) == pytest.approx(math.log(2))
    assert train_command._constant_loss(Dataset([[0]] * 4, [1.0, 2.0, 3.0, 6.0])) == 3.5


@pytest.mark.parametrize(
    "number",
    [
        *(0.0, 1e-9, -1.23456789e-300, 0.123456789, 99999.99999, -999999.99, 1e22, -1e300),
        *(0.00123456, -0.000123456, 1234567.8, -9999999999.9, -98765432109.9),
    ],
)
def test_numbers_are_short(number):
    text = train_command.short(number)
    assert len(text) <= 12
    assert float(text) == pytest.approx(number, rel=5e-4)  # also where four decimals are few


def test_names_reach_the_terminal_and_the_plot_as_data(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib, an extra")
    kinds = ("\x1b[31mred", "$x$", r"$\frac$")
    lines = [f"{i % 3},{i},{kinds[i % 3]}" for i in range(12)]
    (tmp_path / "k.csv").write_text("$a_$,b\x1b[0m,kind\n" + "\n".join(lines) + "\n")
    assert main(["train", "--csv", "k.csv", "--target", "kind", "--hidden", "3", "--epochs", "1",
                 "--plot", "p.svg"]) == 0  # fmt: skip
    assert main(["predict", "k_model.json", "0", "1"]) == 0
    assert main(["train", "--csv", "\x1b[31m.csv", "--target", "kind"]) == 2
    assert main(["predict", "k_model.json", "-1e5", "-.5E+1"]) == 0
    assert main(["predict", "k_model.json", "0"]) == 2
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    plot = (tmp_path / "p.svg").read_text()
    assert "<!-- $a_$ -->" in plot
    assert r"<!-- $\frac$ -->" in plot


def test_mistakes_in_predictions_get_one_clear_line(tmp_path, capsys):
    run("xor", "--hidden", "2", "--epochs", 1)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    run_predict("xor_model.json", 0, 1)
    assert capsys.readouterr().out.splitlines()[-1] in ("0", "1")
    for arguments, message in (
        ([], r"give 2 numbers \(input 1, input 2\), or --csv FILE"),
        ([1, 2, 3], "give 2 numbers"),
        ([1, 2, "--csv", "x.csv"], "give 2 numbers"),
        ([1, "x"], "input 2 is a number, not 'x'"),
        ([1, "nan"], "input 2 is a number, not 'nan'"),
        (["--csv", "x.csv"], "xor_model.json has no names of columns: give the numbers themselves"),
    ):
        with pytest.raises(ValueError, match=message):
            run_predict("xor_model.json", *arguments)
    with pytest.raises(FileNotFoundError):
        run_predict("none.json", 1)


def test_a_model_that_was_not_trained_yet_is_resumed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "xor", "--epochs", "0"]) == 0
    assert main(["train", "xor", "--epochs", "2", "--resume"]) == 0
    resumed = json.loads((tmp_path / "xor_model.json").read_text())
    assert main(["train", "xor", "--epochs", "2", "--overwrite"]) == 0
    assert json.loads((tmp_path / "xor_model.json").read_text()) == resumed


def test_targets_of_minus_one_and_one_are_two_classes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    signs = "".join(f"{x},{1 if x > 0 else -1}\n" for x in (-3, -2, -1, 1, 2, 3))
    (tmp_path / "signs.csv").write_text(f"x,y\n{signs}")
    assert main(["train", "--csv", "signs.csv", "--target", "y", "--hidden", "4", "--epochs", "150"]) == 0
    assert "to predict: one of 2 classes, -1, 1" in capsys.readouterr().out
    assert main(["predict", "signs_model.json", "--csv", "signs.csv"]) == 0
    assert capsys.readouterr().out.split() == ["-1"] * 3 + ["1"] * 3
