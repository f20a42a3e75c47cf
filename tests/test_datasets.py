"""Data sets: their shapes, their seeds, and the errors of CSV files."""

import math
import os
import random
import statistics
from collections import Counter

import pytest

from tinygrad_edu import datasets, three_layer
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.datasets import (
    Dataset,
    circles,
    digits,
    moons,
    one_hot,
    read_csv,
    read_inputs,
    spirals,
    worked_pair,
    xor,
)


def test_moons_lie_on_their_half_circles():
    for (x, y), kind in moons(200, noise=0.0):
        if kind == 0:
            assert math.hypot(x, y) == pytest.approx(1)
            assert y >= 0
        else:
            assert math.hypot(x - 1, y - 0.5) == pytest.approx(1)
            assert y <= 0.5


def test_circles_lie_on_their_circles():
    for (x, y), kind in circles(200, noise=0.0):
        assert math.hypot(x, y) == pytest.approx(0.5 if kind else 1.0)


def test_spirals_turn_once_and_do_not_meet():
    data = spirals(400, noise=0.0)
    arms = [[row for row, target in data if target == kind] for kind in (0, 1)]
    assert [len(arm) for arm in arms] == [200, 200]
    assert all(math.dist(p, q) > 0.19 for p in arms[0] for q in arms[1])
    assert all([-x, -y] == pytest.approx(q, abs=1e-12) for (x, y), q in zip(*arms, strict=True))


@pytest.mark.parametrize("make", [moons, circles, spirals])
def test_noise_comes_from_the_seed(make):
    assert make(50, seed=1) == make(50, seed=1)
    assert make(50, seed=1) != make(50, seed=2)
    assert Counter(make(101).targets) == {0: 51, 1: 50}
    exact = make(5000, noise=0.0)
    spread = [a - b for (p, _), (q, _) in zip(make(5000, noise=0.2), exact, strict=True)
              for a, b in zip(p, q, strict=True)]  # fmt: skip
    assert math.sqrt(sum(d * d for d in spread) / len(spread)) == pytest.approx(0.2, rel=0.03)
    with pytest.raises(ValueError, match="the number of examples is a whole number of at least 2, not 1"):
        make(1)


@pytest.mark.parametrize("noise", [-1, math.nan, "much"])
def test_noise_is_a_standard_deviation(noise):
    with pytest.raises(ValueError, match=f"a standard deviation of at least 0, not {noise!r}"):
        moons(10, noise=noise)


def test_small_sets():
    assert all(target == (a != b) for (a, b), target in xor())
    assert [list(three_layer.INPUTS.values())] == worked_pair().inputs
    assert [list(three_layer.TARGETS.values())] == worked_pair().targets
    assert all(row == target and sum(row) == 1 for row, target in one_hot(8))


def test_digits():
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn, an extra")
    data = digits()
    assert len(data) == 1797
    assert {len(row) for row in data.inputs} == {64}
    assert {pixel for row in data.inputs for pixel in row} == {k / 16 for k in range(17)}
    assert set(data.targets) == set(range(10))
    assert [type(data.targets[0]), data.classes[3]] == [int, "3"]


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        digits()


def test_splitting_loses_nothing_and_repeats_nothing():
    data = moons(50)
    train, test = data.split(0.3, seed=4)
    assert (len(train), len(test)) == (35, 15)
    assert sorted(list(train) + list(test)) == sorted(data)
    assert data.split(0.3, seed=4) == (train, test)
    assert data.split(0.3, seed=5) != (train, test)
    for fraction in (0.0, 1.0, -1, 0.001):
        with pytest.raises(ValueError, match="leaves one side empty"):
            data.split(fraction)


def test_slices_signs_and_autoencoding():
    data = xor()
    assert list(data[1:3]) == [([0.0, 1.0], 1), ([1.0, 0.0], 1)]
    assert data.signed().targets == [-1, 1, 1, -1]
    assert data.autoencoding().targets == data.inputs
    with pytest.raises(ValueError, match="only targets 0 and 1"):
        data.signed().signed()


def test_arrays_are_taken_too():
    numpy = pytest.importorskip("numpy", reason="to make arrays")
    data = Dataset(numpy.array([[1, 2], [3, 4]]), numpy.array([0, 1]))
    assert list(data) == [([1.0, 2.0], 0.0), ([3.0, 4.0], 1.0)]
    assert Dataset(numpy.eye(2), numpy.eye(2)) == one_hot(2)


@pytest.mark.parametrize(
    ("inputs", "targets", "error", "message"),
    [
        ([], [], ValueError, "there is no data"),
        ([[1]], [1, 2], ValueError, "1 rows of inputs, but 2 targets"),
        ([0, 1], [0, 1], TypeError, "inputs of example 0: a list of numbers is needed, not 0; counted"),
        (["ab", "c"], [0, 1], TypeError, "inputs of example 0: a list of numbers is needed, not 'ab'"),
        ([[0, 1], [2, "x"]], [0, 1], TypeError, "inputs of example 1, number 1: 'x' is text: .* from 0$"),
        ([[0, 1], [2, 10**400]], [0, 1], TypeError, "inputs of example 1, number 1: "),
        ([[0], [2]], [0, "x"], TypeError, "target of example 1: "),
        ([[1, 2], [1, 2], [1]], [0, 0, 0], ValueError, "example 2 has another number of inputs"),
        ([[1], [2]], [[1, 2], [1]], ValueError, "example 1 has another number of target numbers"),
        ([[1], ["x"]], [0, 0], TypeError, "'x' is text: leave the column out"),
        ([[1]], [None], TypeError, "one real number, not NoneType"),
    ],
)
def test_bad_data_gets_one_clear_line(inputs, targets, error, message):
    with pytest.raises(error, match=message):
        Dataset(inputs, targets)


# --- CSV ------------------------------------------------------------------------------------------


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_numbers_are_read(tmp_path, separator, encoding, newline):
    lines = [["größe", "y", "b"], ["1", "2.5", "-3e2"], [" 4 ", "5", '"6"'], []]
    text = newline.join(separator.join(line) for line in lines)
    data = read_csv(write(tmp_path, text, encoding), "y")
    assert list(data) == [([1.0, -300.0], 2.5), ([4.0, 6.0], 5.0)]
    assert (data.columns, data.classes) == (["größe", "b"], [])


def test_lines_of_nothing_are_left_out(tmp_path):
    assert list(read_csv(write(tmp_path, "a,y\n  \n1,2\n\n3,4\n \n"), "y")) == [([1.0], 2.0), ([3.0], 4.0)]


def test_words_are_classes(tmp_path):
    data = read_csv(write(tmp_path, "x,kind\n1,rose\n2,lily\n3,rose\n"), "kind")
    assert (data.classes, data.targets) == (["lily", "rose"], [1, 0, 1])


def test_none_may_be_the_name_of_a_class(tmp_path):
    data = read_csv(write(tmp_path, "a,y\n1,None\n2,mild\n"), "y")
    assert (data.classes, data.targets) == (["None", "mild"], [0, 1])


def test_a_quoted_cell_may_hold_the_separator(tmp_path):
    data = read_csv(write(tmp_path, 'x,kind\n1,"red, large"\n2,"blue\n\nsmall"\n'), "kind")
    assert data.classes == ["blue\n\nsmall", "red, large"]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("", "y", "has no data"),
        ("a,y\n", "y", "has no data"),
        ("a,y\n1,2\n\n3,x\n", "y", r"data\.csv, line 4, column 'y': 'x' is not a number"),
        ("a,y\n1,2\nred,4\n", "y", "line 3, column 'a': 'red' is not a number"),
        ("a,y\n1,2\n,4\n", "y", "line 3, column 'a': the cell is empty"),
        ("a,y\n1,\n2,4\n", "y", "line 2, column 'y': the cell is empty"),
        ("a,y\n1,red\n2,\n", "y", "line 3, column 'y': the cell is empty: give a class, or leave"),
        ("a,y\n1,red\n2,NaN\n", "y", "line 3, column 'y': the cell is 'NaN': give a class"),
        ("a,y\n1,red\n2,?\n", "y", "line 3, column 'y': the cell is '.': give a class"),
        ("a,y\n1,?\n2,?\n", "y", "line 2, column 'y': the cell is '.': give a number"),
        ("a,y\nnan,2\n", "y", "line 2, column 'a': the cell is 'nan': give a number, or leave the line out"),
        ("a,y\n1e999,2\n", "y", "line 2, column 'a': '1e999' is not finite"),
        ("a,y\n1,2\n3\n", "y", "line 3: 1 cell, but 2 columns"),
        ("a,y\n1,2,3\n", "y", "line 2: 3 cells, but 2 columns"),
        ("a,y,\n1,2,\n", "y", "column 3 has no name: is there a separator too many"),
        ("a,a,y\n1,2,3\n", "y", "two columns are named"),
        ("y\n1\n2\n", "y", "besides the target 'y' there is no column"),
        ('a,y\n"1,2\n', "y", "line 2: unexpected end of data: look for a quotation mark too many"),
        ('a,y\n1,u\n2,"v\n3,u\n4,v\n', "y", "line 3: unexpected end of data: look for a quotation mark"),
        ('sep=;\na;y\n1;u\n2;"v"w\n', "y", "line 4: .*: look for a quotation mark too many"),
        (f"a,y\n{'x' * 200_000},2\n", "y", "line 2: field larger than field limit"),
    ],
)
def test_a_bad_file_gets_one_clear_line(tmp_path, text, target, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_csv(write(tmp_path, text), target)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize(
    "cells",
    [
        ["2,5", "3,5"],  # a decimal comma
        ["2,500", "3"],
        ["1.234.567", "2.345.678"],
        ["1.234,5", "2"],
        ["12,34,567", "5"],  # an Indian lakh
        ["1,5e3", "2"],
        ["1 234", "5"],
        ["1\u2019234", "2\u2019345"],
        ["1\u2009234", "2\u2009345"],
        ["1_234", "2_345"],
        ["20%", "30 %"],
        ["\u20ac20", "30 \u20ac"],
        ["\u22125", "\u22126"],  # the minus sign of typesetters
    ],
)
def test_numbers_in_another_spelling_are_never_taken_for_classes(tmp_path, cells):
    for text in (f'a;y\n1;"{cells[0]}"\n2;"{cells[1]}"\n', f'y;a\n1;"{cells[0]}"\n2;"{cells[1]}"\n'):
        with pytest.raises(ValueError, match=r"line 2, column .*: write only digits, a decimal point, and -"):
            read_csv(write(tmp_path, text), "y")


def test_dates_are_words(tmp_path):
    for date in ("1.10.2020", "10/05/2020", "2020-01-05"):
        with pytest.raises(ValueError, match=r"column 'a': .* is not a number: leave the column out"):
            read_csv(write(tmp_path, f"a,y\n{date},1\n"), "y")
        assert read_csv(write(tmp_path, f"a,y\n1,{date}\n2,1.11.2020\n"), "y").classes[0] in (
            date,
            "1.11.2020",
        )


@pytest.mark.parametrize("cell", ["#N/A", "#DIV/0!", "<NA>", "--", ".."])
def test_what_stands_for_a_missing_cell_is_no_class(tmp_path, cell):
    with pytest.raises(ValueError, match=r"line 3, column 'y': the cell is .*: give a class"):
        read_csv(write(tmp_path, f"a,y\n1,u\n2,{cell}\n3,v\n"), "y")


def test_lines_without_content_are_left_out(tmp_path):
    data = read_csv(write(tmp_path, ",\na,y\n1,2\n , \n3,4\n,\n\n"), "y")  # as spreadsheets write them
    assert (data.columns, data.inputs, data.targets) == (["a"], [[1.0], [3.0]], [2.0, 4.0])


def test_an_index_column_is_refused_by_the_name_that_pandas_gives_it_too(tmp_path):
    with pytest.raises(ValueError, match="column 1 has no name: are these numbers of rows"):
        read_csv(write(tmp_path, "Unnamed: 0,a,y\n0,1,2\n1,2,3\n"), "y")


def test_the_number_of_cells_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "MOST_CSV_CELLS", 2_000_000)
    for text in ("a,y\n1,2" + "\n" * 2_000_000, "a,y\n" + "1," * 2_000_000):
        with pytest.raises(ValueError, match=r"data\.csv, more than 2 million cells are not read"):
            read_csv(write(tmp_path, text), "y")


def test_names_that_do_not_fit_the_numbers_are_refused():
    with pytest.raises(ValueError, match="columns has 1 of the names of 2 inputs"):
        Dataset([[1, 2], [3, 4]], [0, 1], columns=["a"])
    for target in (-1, 3, 0.5, [1, 0]):
        with pytest.raises(ValueError, match=r"target of example 0: .* is none of the 3 classes"):
            Dataset([[1]], [target], classes=["a", "b", "c"])
    assert Dataset([[1]], [[0, 0, 1]], classes=["a", "b", "c"]).has_classes


def test_signed_classes_keep_their_names():
    data = Dataset([[1], [2]], [0, 1], classes=["cat", "dog"]).signed()
    rows = data._repr_mimebundle_()["text/markdown"].splitlines()[4:]
    assert [row.split("|")[-2].strip() for row in rows] == ["cat", "dog"]


def test_text_among_the_numbers_says_what_to_do():
    with pytest.raises(TypeError, match="target of example 0: 'cat' is text: number the classes from 0"):
        Dataset([[1]], ["cat"])
    with pytest.raises(TypeError, match="inputs of example 0, number 1: 'red' is text: leave the column out"):
        Dataset([[1, "red"]], [0])


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_scaling_names_a_number_that_is_not_finite(number):
    with pytest.raises(ValueError, match=f"column 'input 1' holds {number}: give a number"):
        Dataset([[number], [1]], [0, 1]).standardized()
    with pytest.raises(ValueError, match=f"the target holds {number}"):
        Dataset([[0], [1]], [number, 1.5]).standardized()


def test_an_unknown_column_gets_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="no column 'prize': did you mean price"):
        read_csv(write(tmp_path, "area,price\n1,2\n"), "prize")
    with pytest.raises(UnknownNameError, match="did you mean price\ufffd\\[31m") as caught:
        read_csv(write(tmp_path, "area,price\x1b[31m\n1,2\n"), "price")  # a name in a file is data
    assert "\x1b" not in str(caught.value)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="is not a CSV file in UTF-8"):
        read_csv(path, "y")
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "none.csv", "y")


def test_a_data_set_shows_itself_in_a_line():
    assert repr(moons(20)) == "<Dataset: 20 examples of 2 inputs>"
    assert repr(Dataset([[1]], [0], classes=["a"])) == "<Dataset: 1 examples of 1 inputs, 1 classes>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1;2\n3;4\n", "the first line holds numbers only: it must name the columns"),
        ("a;b\n1,5;2\n", "line 2, column 'a': '1,5' is not a number: write only digits"),
        ("a,b,a\n1,2,3\n", "two columns are named 'a'"),
        ("a,b\n1_000,2\n", "'1_000' is not a number"),
        ("a;b\n1,5;2\n2,5;3\n", "line 2, column 'a': '1,5' is not a number: write only digits"),
        ('a,b\n"1,234",2\n', "'1,234' is not a number: write only digits, a decimal point"),
        ("a;b\n1.234.567,8;2\n", "write only digits, a decimal point"),
        ("a;b\n1 234;2\n", "write only digits, a decimal point"),
        ("a;b\n1'234;2\n", "write only digits, a decimal point"),
        ("a,b\nNone,3\n", "line 2, column 'a': the cell is 'None': give a number, or leave the line out"),
        ("a,b\n1,2\nNA,3\n", "line 3, column 'a': the cell is 'NA': give a number, or leave the line out"),
        ("a,b\n1,2\n?,3\n", "line 3, column 'a': the cell is '.': give a number"),
        ("a,b\nx1,2\nx2,3\n", "'x1' is not a number: leave the column out, or make one of 0 and 1 for each"),
        (",b,c\n0,2,3\n", "column 1 has no name: are these numbers of rows. Leave them out"),
        ("a b\n1 2\n", "has one column, 'a b': separate cells by a comma, a semicolon, a tab or |"),
        ("a\n1\n", "has one column, 'a': separate cells"),
    ],
)
def test_more_mistakes_in_tables(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_csv(path, "b" if "b" in text else "2")


@pytest.mark.parametrize(
    ("text", "columns", "numbers"),
    [
        ('"size, m2";"rent, EUR";y\n1;2;3\n2;3;4\n', ["size, m2", "rent, EUR"], [[1, 2], [2, 3]]),
        ('"a";"b,c,d,e";y\n1;2;3\n2;3;4\n', ["a", "b,c,d,e"], [[1, 2], [2, 3]]),
        ("size, net, m2;y\n1;2\n2;3\n", ["size, net, m2"], [[1], [2]]),
        ("\n\na,b,y\n1,2,3\n2,3,4\n", ["a", "b"], [[1, 2], [2, 3]]),
        ('"si\nze; m",b,y\n1,2,3\n2,3,4\n', ["si\nze; m", "b"], [[1, 2], [2, 3]]),
        ("sep=;\na,b;y\n1;2\n2;3\n", ["a,b"], [[1], [2]]),
        ("SEP=|\r\na|y\r\n1|2\r\n2|3\r\n", ["a"], [[1], [2]]),
        ("a|b|y\n1|2|3\n2|3|4\n", ["a", "b"], [[1, 2], [2, 3]]),
        ('a,b,y\n1,"2",3\n2,3,4', ["a", "b"], [[1, 2], [2, 3]]),
    ],
)
def test_the_separator_is_the_one_that_makes_a_table(tmp_path, text, columns, numbers):
    data = read_csv(write(tmp_path, text), "y")
    assert (data.columns, data.inputs, data.target) == (columns, numbers, "y")
    assert read_inputs(tmp_path / "data.csv", columns[::-1]) == [row[::-1] for row in numbers]


def test_lines_are_counted_after_the_mark_of_the_separator_too(tmp_path):
    with pytest.raises(ValueError, match="line 4, column 'a': 'x' is not a number"):
        read_csv(write(tmp_path, "sep=;\na;y\n1;2\nx;3\n"), "y")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_named(tmp_path, encoding):
    with pytest.raises(ValueError, match=r"because of byte \d: save it as UTF-8"):
        read_csv(write(tmp_path, "größe,y\n1,2\n", encoding), "y")


def test_reading_is_linear_in_columns_and_classes(tmp_path):
    """Counted, not timed: a name is compared with a few others only, not with all of them."""
    compared = 0

    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    header = [Name(f"c{i}") for i in range(2000)]
    datasets._expect_table("data.csv", header, [])
    assert compared < 3 * len(header)


def test_a_file_without_end_is_refused():
    if not os.path.exists("/dev/zero"):
        pytest.skip("this system has no such device")
    with pytest.raises(ValueError, match="/dev/zero is larger than 100 million bytes, which is the limit"):
        read_csv("/dev/zero", "y")


# --- Scaling --------------------------------------------------------------------------------------


def test_standardized_columns_have_mean_0_and_deviation_1():
    rng = random.Random(1)
    rows = [[rng.gauss(5, 2), rng.gauss(-3e7, 1e5), rng.gauss(0, 1e-9)] for _ in range(50)]
    targets = [rng.gauss(4.5e10, 1e9) for _ in range(50)]
    data = Dataset(rows, targets)
    scaled = data.standardized()
    for column in [*zip(*scaled.inputs, strict=True), scaled.targets]:
        assert statistics.fmean(column) == pytest.approx(0, abs=1e-9)
        assert statistics.pstdev(column) == pytest.approx(1, rel=1e-9)
    means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    assert [mean for mean, _ in scaled.scaling.inputs] == pytest.approx(means, rel=1e-12)
    assert scaled.scaling.unscaled(scaled.inputs[7]) == pytest.approx(rows[7], rel=1e-12)
    assert scaled.scaling.unscaled_targets(scaled.targets[:1]) == pytest.approx(targets[:1], rel=1e-12)
    assert data.inputs == rows  # and is not changed
    held_out = data[:5].standardized(scaled.scaling)
    assert (held_out.inputs, held_out.targets) == (scaled.inputs[:5], scaled.targets[:5])
    assert scaled.split(0.2)[1].scaling == scaled.scaling
    assert scaled.autoencoding().scaling.targets == scaled.scaling.inputs


@pytest.mark.parametrize("constant", [0.1, 1e200, -1e-300, 0.0, 5e-324, 1e9 + 0.1])
@pytest.mark.parametrize("count", [1, 7, 24])
def test_a_constant_column_becomes_0(constant, count):
    data = Dataset([[constant]] * count, [0] * count).standardized()
    assert all(abs(x) < 1e-15 for (x,) in data.inputs)


def test_columns_at_the_end_of_the_range():
    data = Dataset([[1e200], [3e200]], [0, 1]).standardized()
    assert data.inputs == [[-1.0], [1.0]]
    with pytest.raises(ValueError, match=r"column 'a' holds numbers up to 1.7e\+308, which are too large"):
        Dataset([[1.7e308], [1.6e308]], [0, 1], ["a"]).standardized()
    with pytest.raises(ValueError, match=r"column 'input 1' holds numbers up to 1.7e\+308"):
        Dataset([[1.7e308], [-1.7e308]], [0, 1]).standardized()


def test_classes_are_not_scaled():
    for targets in ([0, 1], [-1, 1], [[1, 0], [0, 1]]):
        data = Dataset([[1], [2]], targets).standardized()
        assert data.has_classes
        assert data.targets == Dataset([[1], [2]], targets).targets
        assert data.scaling.targets == []
        assert data.scaling.unscaled_targets([0.5]) == [0.5]
    named = Dataset([[1], [2], [3]], [0, 1, 2], classes=["a", "b", "c"])
    assert named.standardized().targets == [0, 1, 2]
    pairs = Dataset([[1], [2]], [[10, 1], [30, 1]]).standardized()
    assert pairs.targets == [[-1, 0], [1, 0]]


def test_data_is_scaled_once_and_by_a_scaling_that_fits():
    data = Dataset([[1], [2]], [3.5, 4.5]).standardized()
    with pytest.raises(ValueError, match="the data is standardized already"):
        data.standardized()
    with pytest.raises(
        ValueError, match="the scaling is of 1 inputs and 1 target numbers, and the data has 2"
    ):
        Dataset([[1, 2]], [3.5]).standardized(data.scaling)


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas", reason="to make tables")
    table = pandas.DataFrame({"area": [20, 30], "floor": [1.5, 2.0], "price": [7, 8]})
    data = Dataset(table[["area", "floor"]], table["price"])
    assert (data.columns, list(data)) == (["area", "floor"], [([20.0, 1.5], 7), ([30.0, 2.0], 8)])
    assert Dataset(table[["area"]], table["price"]).target == "price"
    assert Dataset(table[["area"]], table[["floor", "price"]]).targets == [[1.5, 7.0], [2.0, 8.0]]
    words = pandas.get_dummies(pandas.DataFrame({"kind": ["red", "blue"]}))
    assert Dataset(words, [0, 1]).inputs == [[0.0, 1.0], [1.0, 0.0]]


def test_sizes_and_fractions_of_another_type_are_refused():
    for size in (0, 2.5, "3"):
        with pytest.raises(ValueError, match="the size is a whole number of at least 1"):
            one_hot(size)
    for fraction in ("0.5", None, math.nan):
        with pytest.raises(ValueError, match=r"a fraction of .* leaves one side empty"):
            moons(10).split(fraction)
