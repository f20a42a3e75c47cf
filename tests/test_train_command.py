"""The command ``train``: what it writes, and one clear line for each mistake."""

import argparse
import json
import signal
import sys

import pytest

from tinygrad_edu import callbacks
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.commands import train as train_command
from tinygrad_edu.datasets import read_csv
from tinygrad_edu.nn import MLP


def run(*arguments):
    parser = argparse.ArgumentParser()
    train_command.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["train", *map(str, arguments)])
    args.run(args)


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
        run("moons", "--hidden", "3", "--epochs", 3, "--save", "a.json", "--plot", "a.svg", *options)
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
    assert saved["columns"] == ["area", "floor"]
    # the file alone predicts: scale the inputs, run the model, scale its output back
    model = MLP(2, [1])
    model.load("flats_model.json")
    mean, deviation = saved["target_scaling"]
    for x, y in read_csv(path, "price"):
        scaled = [(a - m) / d for a, (m, d) in zip(x, saved["input_scaling"], strict=True)]
        assert model(scaled).data * deviation + mean == pytest.approx(y, abs=4 * error + 1)
    assert error < 3000


def test_a_column_of_words_is_classified(tmp_path, capsys):
    path = tmp_path / "beds.v2.csv"
    kinds = ("rose", "lily", "fern")
    path.write_text("a;b;kind\n" + "".join(f"{i % 3 + i / 100};{i};{kinds[i % 3]}\n" for i in range(45)))
    run("--csv", path, "--target", "kind", "--hidden", "6", "--epochs", 60)
    assert "accuracy: 1.0000" in capsys.readouterr().out
    saved = json.loads((tmp_path / "beds.v2_model.json").read_text())
    assert saved["classes"] == ["fern", "lily", "rose"]
    assert saved["target_scaling"] is None
    assert saved["model"] == MLP(2, [6, 3], "tanh").structure()


def test_the_plot_of_a_csv_file_says_that_columns_are_scaled(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib, an extra")
    (tmp_path / "beds.csv").write_text("width,height,wet\n" + "10,20,0\n30,50,1\n" * 3)
    run("--csv", "beds.csv", "--target", "wet", "--hidden", "2", "--epochs", 1, "--plot", "p.svg")
    assert "<!-- width (scaled) -->" in (tmp_path / "p.svg").read_text()
    assert json.loads((tmp_path / "beds_model.json").read_text())["columns"] == ["width", "height"]


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
        'no plot was made, because matplotlib is missing: pip install "tinygrad_edu[plots]"'
        in capsys.readouterr().out
    )
    assert files_in(tmp_path) == ["xor_model.json"]


def test_without_scikit_learn_the_digits_are_a_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ValueError, match=r'pip install "tinygrad_edu\[datasets\]"'):
        run("digits")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ([], ValueError, "give either a data set .circles, digits, moons, spirals, xor. or --csv"),
        (["moons", "--csv", "x.csv"], ValueError, "give either a data set"),
        (["--csv", "x.csv"], ValueError, "needs --target COLUMN"),
        (["moons", "--target", "y"], ValueError, "--target belongs to --csv"),
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
