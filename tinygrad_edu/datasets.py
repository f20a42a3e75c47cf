"""Data sets: small classic ones, drawn from a seed, and CSV files.

A data set is a sequence of pairs (inputs, target). Classes are numbered from 0.

>>> for inputs, target in xor():
...     print(inputs, target)
[0.0, 0.0] 0
[0.0, 1.0] 1
[1.0, 0.0] 1
[1.0, 1.0] 0
"""

import csv
import io
import math
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from numbers import Integral
from typing import Any

from tinygrad_edu._common.checks import as_list, is_number, whole
from tinygrad_edu._common.files import read_bytes
from tinygrad_edu._common.names import look_up
from tinygrad_edu._common.text import in_markdown, markdown_table, one_line, plural
from tinygrad_edu.engine.errors import as_float

Row = list[float]
Target = float | Row
Line = tuple[float, float]
Examples = Sequence[tuple[Any, Any]]
MOST_ROWS, MOST_COLUMNS = 5, 8  # that a notebook shows


@dataclass(frozen=True)
class Scaling:
    """How columns are brought to mean 0 and standard deviation 1; ``Dataset.standardized`` makes one.

    Attributes:
        inputs: mean and standard deviation of each input.
        targets: the same of each target number; empty if targets are left as they are, as classes are.
    """

    inputs: list[Line]
    targets: list[Line] = field(default_factory=list)

    def scaled(self, inputs: Sequence[float]) -> Row:
        """Return inputs in the data's own units as the numbers that a network learns from."""
        return _scaled(inputs, self.inputs)

    def unscaled(self, inputs: Sequence[float]) -> Row:
        """Return scaled inputs in the data's own units."""
        return _unscaled(inputs, self.inputs)

    def unscaled_targets(self, targets: Sequence[float]) -> Row:
        """Return scaled targets, or a network's outputs, in the data's own units."""
        return _unscaled(targets, self.targets) if self.targets else list(targets)


def _scaled(numbers: Sequence[float], columns: Sequence[Line]) -> Row:
    return [(number - mean) / deviation for number, (mean, deviation) in zip(numbers, columns, strict=True)]


def _unscaled(numbers: Sequence[float], columns: Sequence[Line]) -> Row:
    return [number * deviation + mean for number, (mean, deviation) in zip(numbers, columns, strict=True)]


def _mean_and_deviation(numbers: Sequence[float], name: str) -> Line:
    """Return mean and standard deviation; of a constant column, a deviation that leaves it near 0."""
    largest = max(map(abs, numbers))
    try:
        mean = math.fsum(numbers) / len(numbers)
    except OverflowError:
        mean = math.inf
    deviation = math.hypot(*[number - mean for number in numbers]) / math.sqrt(len(numbers))
    if not math.isfinite(deviation):
        raise ValueError(f"{name} holds numbers up to {largest:g}, which are too large to be scaled")
    if deviation <= 4 * math.ulp(largest):  # of equal numbers, only the rounding of their mean
        return mean, max(1.0, largest)
    return mean, deviation


@dataclass(frozen=True)
class Dataset(Sequence[tuple[Row, Target]]):
    """Examples: inputs x1 … xn, and a target y1 … yn for each.

    Args:
        inputs: one list of numbers for each example, all of the same length; or a table of pandas, whose
            columns then give the names.
        targets: one for each example: a number, the number of a class, or a list of numbers.
        columns: the names of the inputs, or an empty list.
        classes: the names of the classes, if the targets are their numbers; else an empty list.
        target: the name of the target column, or "".
        scaling: how the numbers were scaled, None if they are in their own units.

    Raises:
        ValueError: if there is no example, the numbers of inputs and targets differ, or a row has another
            length than the first.
        TypeError: if something is not a number.

    >>> data = Dataset([[0, 0], [0, 1]], [0, 1])
    >>> data[1]
    ([0.0, 1.0], 1)
    >>> Dataset([[0, 0], [0]], [0, 1])
    Traceback (most recent call last):
    ValueError: example 1 has another number of inputs (1) than the first (2); counted from 0
    """

    inputs: Sequence[Sequence[float]]
    targets: Sequence[Any]
    columns: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    target: str = ""
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        if hasattr(self.inputs, "to_numpy") and hasattr(self.inputs, "columns"):  # a table of pandas
            if not self.columns:
                object.__setattr__(self, "columns", [str(name) for name in self.inputs.columns])
            object.__setattr__(self, "inputs", self.inputs.to_numpy())
        inputs = [_row(row, f"inputs of example {place}") for place, row in enumerate(self.inputs)]
        targets = [_target(target, f"target of example {place}") for place, target in enumerate(self.targets)]
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "targets", targets)
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"there are {len(self.inputs)} rows of inputs, but {len(self.targets)} targets")
        if not self.inputs:
            raise ValueError("there is no data: a data set needs at least one example")
        _expect_even("inputs", self.inputs)
        _expect_even("target numbers", [t if isinstance(t, list) else [t] for t in self.targets])

    def __repr__(self) -> str:
        named = f", {len(self.classes)} classes" if self.classes else ""
        return f"<Dataset: {len(self)} examples of {len(self.inputs[0])} inputs{named}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        columns = self.columns or [f"x{number}" for number in range(1, len(self.inputs[0]) + 1)]
        more = ["…"] * (len(columns) > MOST_COLUMNS)
        header = [*map(one_line, columns[:MOST_COLUMNS]), *more, one_line(self.target) or "target"]
        rows = [
            [*(f"{x:.6g}" for x in inputs[:MOST_COLUMNS]), *more, self._written(target)]
            for inputs, target in self[:MOST_ROWS]
        ]
        text = repr(self)
        markdown = f"{in_markdown(text)}\n\n{markdown_table(header, rows)}"
        return {"text/markdown": markdown, "text/plain": text}

    def _written(self, target: Any) -> str:
        if self.classes:
            return one_line(self.classes[int(target)])
        return ", ".join(f"{y:.6g}" for y in as_list(target)[:MOST_COLUMNS])

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return replace(self, inputs=self.inputs[place], targets=self.targets[place])
        return self.inputs[place], self.targets[place]

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return zip(self.inputs, self.targets, strict=True)

    def split(self, fraction: float, seed: int = 0) -> tuple["Dataset", "Dataset"]:
        """Return two data sets; the second has this fraction of the examples, drawn at random.

        Args:
            fraction: between 0 and 1.
            seed: what the examples are drawn from.

        Raises:
            ValueError: if one of the two would be empty.

        >>> train, test = moons(100).split(0.2)
        >>> len(train), len(test)
        (80, 20)
        """
        first, second = split(range(len(self)), fraction, seed)
        return self._part(first), self._part(second)

    def _part(self, places: list[int]) -> "Dataset":
        return replace(
            self, inputs=[self.inputs[i] for i in places], targets=[self.targets[i] for i in places]
        )

    def signed(self) -> "Dataset":
        """Return the same data with targets −1 and 1 in place of 0 and 1, which the hinge loss needs.

        Raises:
            ValueError: if a target is neither 0 nor 1.
        """
        for target in self.targets:
            if target not in (0, 1):
                raise ValueError(f"only targets 0 and 1 can become −1 and 1, not {target}")
        return replace(self, targets=[2 * target - 1 for target in self.targets])

    @property
    def has_classes(self) -> bool:
        """Whether the targets are classes: they have names, or are 0 and 1, or −1 and 1, or one-hot rows."""
        if self.scaling and self.scaling.targets:
            return False  # numbers, which scaled may be −1 and 1
        numbers = {number for target in self.targets for number in as_list(target)}
        return bool(self.classes) or numbers <= {0, 1} or numbers <= {-1, 1}

    def standardized(self, scaling: Scaling | None = None) -> "Dataset":
        """Return the data with each column scaled to mean 0 and standard deviation 1, as networks learn best.

        Targets are scaled too, unless they are classes. ``scaling`` of the result says how, and
        ``prediction.Predictor`` applies it.

        Args:
            scaling: the scaling of the data that the network learns from, to apply it to other data.

        Raises:
            ValueError: if the data is standardized already, a column's numbers are too large, or the scaling
                has other columns.

        >>> data = Dataset([[1, 5], [3, 5]], [10.0, 30.0]).standardized()
        >>> data.inputs, data.targets
        ([[-1.0, 0.0], [1.0, 0.0]], [-1.0, 1.0])
        >>> data.scaling
        Scaling(inputs=[(2.0, 1.0), (5.0, 5.0)], targets=[(20.0, 10.0)])
        """
        if self.scaling is not None:
            raise ValueError("the data is standardized already")
        rows = [as_list(target) for target in self.targets]
        if scaling is None:
            names = self.columns or [f"input {place}" for place in range(1, len(self.inputs[0]) + 1)]
            inputs = [
                _mean_and_deviation(column, f"column {one_line(name)!r}")
                for column, name in zip(zip(*self.inputs, strict=True), names, strict=True)
            ]
            targets = (
                []
                if self.has_classes
                else [_mean_and_deviation(column, "the target") for column in zip(*rows, strict=True)]
            )
            scaling = Scaling(inputs, targets)
        if len(scaling.inputs) != len(self.inputs[0]) or len(scaling.targets) not in (0, len(rows[0])):
            raise ValueError(
                f"the scaling is of {len(scaling.inputs)} inputs and {len(scaling.targets)} target numbers, "
                f"and the data has {len(self.inputs[0])} and {len(rows[0])}"
            )
        changed = self.targets
        if scaling.targets:
            scaled = [_scaled(row, scaling.targets) for row in rows]
            changed = scaled if isinstance(self.targets[0], list) else [row[0] for row in scaled]
        return replace(
            self, inputs=[scaling.scaled(row) for row in self.inputs], targets=changed, scaling=scaling
        )

    def autoencoding(self) -> "Dataset":
        """Return the same inputs, with each as its own target.

        >>> list(one_hot(2).autoencoding())
        [([1.0, 0.0], [1.0, 0.0]), ([0.0, 1.0], [0.0, 1.0])]
        """
        scaling = self.scaling and Scaling(self.scaling.inputs, self.scaling.inputs)
        return replace(self, targets=self.inputs, classes=[], scaling=scaling)


def split(examples: Sequence[Any], fraction: float, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Return examples of any type in two lists; the second has this fraction of them, drawn at random.

    Raises:
        ValueError: if one of the two would be empty.

    >>> split(["a", "b", "c", "d"], 0.25)
    (['a', 'b', 'c'], ['d'])
    """
    count = len(examples)
    size = round(count * fraction) if 0 < fraction < 1 else 0
    if not 0 < size < count:
        raise ValueError(f"a fraction of {fraction} of {count} examples leaves one side empty")
    places = random.Random(seed).sample(range(count), count)
    return [examples[i] for i in sorted(places[size:])], [examples[i] for i in sorted(places[:size])]


def _target(target: Any, what: str) -> Any:
    if isinstance(target, Integral) and not isinstance(target, bool):
        _row([target], what)  # not larger than a float
        return int(target)  # the number of a class stays whole
    if isinstance(target, str) or getattr(target, "ndim", None) == 0 or not isinstance(target, Iterable):
        return _row([target], what)[0]
    return _row(target, what)


def _row(row: Any, what: str) -> Row:
    if isinstance(row, str) or not isinstance(row, Iterable):
        raise TypeError(f"{what}: a list of numbers is needed, not {row!r}; counted from 0")
    numbers = []
    for place, number in enumerate(row):
        try:
            numbers.append(as_float(number))
        except (TypeError, OverflowError) as error:
            raise TypeError(f"{what}, number {place}: {error}; counted from 0") from None
    return numbers


def _expect_even(what: str, rows: Sequence[Sequence[float]]) -> None:
    for place, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(
                f"example {place} has another number of {what} ({len(row)}) than the first "
                f"({len(rows[0])}); counted from 0"
            )


# --- Classic sets ---------------------------------------------------------------------------------


def xor() -> Dataset:
    """Return the four examples of the exclusive or, which no single neuron can learn.

    >>> list(xor())
    [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)]
    """
    return Dataset([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])


def worked_pair() -> Dataset:
    """Return the single example of ``three_layer``, i1 and i2 with the targets of o1 and o2.

    >>> list(worked_pair())
    [([0.05, 0.1], [0.01, 0.99])]
    """
    return Dataset([[0.05, 0.10]], [[0.01, 0.99]])


def moons(count: int = 100, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Return two interleaving half circles: class 0 above, class 1 below.

    Args:
        count: the number of examples.
        noise: the standard deviation of the normal noise added to each coordinate.
        seed: what the noise is drawn from.

    Raises:
        ValueError: if ``count`` is not a whole number of at least 2, or ``noise`` is negative.

    >>> moons(4, noise=0.0)[0]
    ([1.0, 0.0], 0)
    """

    def point(kind: int, t: float) -> Row:
        x, y = math.cos(math.pi * t), math.sin(math.pi * t)
        return [1 - x, 0.5 - y] if kind else [x, y]

    return _two_classes(point, count, noise, seed)


def circles(count: int = 100, noise: float = 0.05, seed: int = 0) -> Dataset:
    """Return a circle (class 0) around another of half its radius (class 1).

    Arguments and errors as for ``moons``.
    """

    def point(kind: int, t: float) -> Row:
        radius = 0.5 if kind else 1.0
        return [radius * math.cos(math.tau * t), radius * math.sin(math.tau * t)]

    return _two_classes(point, count, noise, seed)


def spirals(count: int = 100, noise: float = 0.02, seed: int = 0) -> Dataset:
    """Return two interleaving spirals of one turn each; arguments and errors as for ``moons``."""

    def point(kind: int, t: float) -> Row:
        radius, angle = 0.1 + 0.9 * t, math.tau * t + math.pi * kind
        return [radius * math.cos(angle), radius * math.sin(angle)]

    return _two_classes(point, count, noise, seed)


def _two_classes(point: Callable[[int, float], Row], count: int, noise: float, seed: int) -> Dataset:
    """Return points along two curves from t = 0 to t = 1, alternately from one and the other."""
    if not is_number(noise) or noise < 0:
        raise ValueError(f"the noise is a standard deviation of at least 0, not {noise!r}")
    count = whole("the number of examples", count, least=2)
    rng = random.Random(seed)
    kinds = [i % 2 for i in range(count)]
    along = [(i // 2) / (count // 2) for i in range(count)]
    rows = [[x + rng.gauss(0, noise) for x in point(kind, t)] for kind, t in zip(kinds, along, strict=True)]
    return Dataset(rows, kinds, columns=["x", "y"])


def one_hot(size: int) -> Dataset:
    """Return the rows of the identity matrix, each as input and target: what an 8-3-8 autoencoder learns.

    >>> list(one_hot(2))
    [([1.0, 0.0], [1.0, 0.0]), ([0.0, 1.0], [0.0, 1.0])]
    """
    rows = [[float(i == k) for k in range(size)] for i in range(size)]
    return Dataset(rows, rows)


def digits() -> Dataset:
    """Return 1,797 handwritten digits: 64 pixels each, from 0 (white) to 1 (black), and the digit as class.

    Source: Alpaydin and Kaynak, 1998, from the UCI repository, included in scikit-learn.

    Raises:
        ImportError: if scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError("the digits come with scikit-learn: pip install scikit-learn") from None
    bunch = load_digits()
    rows = [[pixel / 16 for pixel in row] for row in bunch.data.tolist()]
    return Dataset(rows, bunch.target.tolist(), classes=[str(digit) for digit in range(10)])


# --- CSV ------------------------------------------------------------------------------------------


MOST_CSV_BYTES = 100_000_000
"""The largest CSV file that is read: all of it is kept as Python numbers."""

MISSING = ("", "?", "-", "na", "n/a", "nan", "null")
"""The cells that say that something is not known, in small letters. "None" may be the name of a class."""

BETWEEN_DIGITS = ",' \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
"""What some countries write for a decimal point, or between thousands."""


def read_csv(path: str | os.PathLike[str], target: str) -> Dataset:
    """Read a CSV file: a line of column names, then one line of numbers for each example.

    The module csv of the standard library reads it. The separator is a comma, a semicolon, a tab or a
    vertical bar: whichever gives the first lines the same number of cells, and the most of them. A first
    line ``sep=;``, as Excel writes it, is obeyed.

    Anything else is refused, with line and column: missing numbers, decimal commas, columns of words beside
    the target, other encodings. pandas reads such files; ``Dataset(table[columns], table[target])`` takes
    the result.

    Args:
        path: the file, in UTF-8.
        target: the name of the column to predict. If none of its cells is a number, its words are classes,
            and none of them may be missing.

    Raises:
        OSError: if the file cannot be read.
        UnknownNameError: if there is no such column; the message suggests the nearest names.
        ValueError: if the file is not such a table, or too large; the message names line and column.
    """
    header, rows = _read_table(path)
    if len(header) == 1 and target not in header:
        raise ValueError(
            f"{path} has one column, {header[0][:40]!r}: separate cells by a comma, a semicolon, a tab or |"
        )
    place = look_up("column", target, {name: place for place, name in enumerate(header)})
    if len(header) == 1:
        raise ValueError(f"{path}: besides the target {target!r} there is no column to predict it from")

    words = [cells[place] for _, cells in rows]
    known = [word for word in words if word.lower() not in MISSING]
    classes = [] if any(map(_reads_as_number, known)) else sorted(set(known))
    for line, cells in rows:
        if classes and cells[place].lower() in MISSING:
            missing = _missing(cells[place], "class")
            raise ValueError(f"{path}, line {line}, column {header[place][:40]!r}: {missing}")
    number_of = {name: number for number, name in enumerate(classes)}
    inputs = _numbers(path, header, rows, [i for i in range(len(header)) if i != place])
    targets = [number_of[word] for word in words] if classes else [
        row[0] for row in _numbers(path, header, rows, [place])
    ]  # fmt: skip
    return Dataset(inputs, targets, header[:place] + header[place + 1 :], classes, target)


def read_inputs(path: str | os.PathLike[str], columns: Sequence[str]) -> list[Row]:
    """Return some columns of a CSV file, a list of numbers for each line; errors as for ``read_csv``."""
    header, rows = _read_table(path)
    places = {name: place for place, name in enumerate(header)}
    return _numbers(path, header, rows, [look_up("column", name, places) for name in columns])


Lines = list[tuple[int, list[str]]]


def _read_table(path: str | os.PathLike[str]) -> tuple[list[str], Lines]:
    """Return the names of the columns, and each line that is not empty: its number, and its cells."""
    content = read_bytes(path, MOST_CSV_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not a CSV file in UTF-8, because of byte {error.start}: save it as UTF-8"
        ) from None
    skipped = 0
    if text[:4].lower() == "sep=" and text[5:6] in ("\r", "\n"):
        separator, text, skipped = text[4], text[5:].lstrip("\r\n"), 1
    else:
        separator = max(",;\t|", key=lambda mark: _evenness(text, mark))
    try:
        (_, header), *rows = _lines(text, separator) or [(0, [])]
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file: {error}") from None
    if not rows:
        raise ValueError(f"{path} has no data: it needs a line of column names and lines of numbers")
    rows = [(line + skipped, cells) for line, cells in rows]
    _expect_table(path, header, rows)
    return header, rows


def _lines(text: str, separator: str, most: int | None = None, strict: bool = False) -> Lines:
    """Return the lines that are not empty, or the first ``most`` of all; a quoted cell may have several."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
    lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in islice(reader, most)]
    return [(line, cells) for line, cells in lines if cells not in ([], [""])]


def _evenness(text: str, separator: str) -> tuple[bool, int]:
    """Return whether a separator gives the first lines the same number of cells, and that of the first.

    A wrong one is often found out by the quotes, which ``strict`` wants next to it.
    """
    try:
        counts = [len(cells) for _, cells in _lines(text, separator, most=20, strict=True)]
    except csv.Error:
        return False, 0
    first = counts[0] if counts else 0
    return first > 1 and set(counts) == {first}, first


def _expect_table(path: str | os.PathLike[str], header: list[str], rows: Lines) -> None:
    """Raise a ValueError unless each column has a name of its own, and each line a cell for each column."""
    if "" in header:
        place = header.index("")
        reason = "is there a separator too many?" if place else "are these numbers of rows? Leave them out"
        raise ValueError(f"{path}: column {place + 1} has no name: {reason}")
    if all(map(_reads_as_number, header)):
        raise ValueError(f"{path}: the first line holds numbers only: it must name the columns")
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise ValueError(f"{path}: two columns are named {name[:40]!r}: rename one of them")
        seen.add(name)
    for line, cells in rows:
        if len(cells) != len(header):
            given = f"{len(cells)} {plural('cell', len(cells))}"
            raise ValueError(
                f"{path}, line {line}: {given}, but {len(header)} {plural('column', len(header))}"
            )


def _numbers(
    path: str | os.PathLike[str], header: list[str], rows: Lines, places: Sequence[int]
) -> list[Row]:
    """Return the numbers in some columns of a table, line by line."""
    numbers = []
    for line, cells in rows:
        try:
            row = [float(cells[place]) for place in places]
            regular = all(map(math.isfinite, row)) and not any("_" in cells[place] for place in places)
        except ValueError:
            regular = False
        if not regular:
            place = next(place for place in places if not _is_finite(cells[place]))
            words = not any(_reads_as_number(others[place]) for _, others in rows)
            problem = _problem(cells[place], words)
            raise ValueError(f"{path}, line {line}, column {header[place][:40]!r}: {problem}")
        numbers.append(row)
    return numbers


def _reads_as_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python accepts 1_000, but no table means a number by it


def _is_finite(cell: str) -> bool:
    return _reads_as_number(cell) and math.isfinite(float(cell))


def _problem(cell: str, words: bool) -> str:
    """Say why a cell is no number, and what to do; ``words``: no cell of its column is one."""
    if cell.lower() in (*MISSING, "none"):
        return _missing(cell, "number")
    if _reads_as_number(cell):
        return f"{cell[:40]!r} is not finite"
    digits = "".join(c for c in cell if c not in f".{BETWEEN_DIGITS}")
    if any(c in BETWEEN_DIGITS for c in cell) and _reads_as_number(digits):
        return f"{cell[:40]!r} is not a number: write a decimal point, and nothing between thousands"
    advice = ": leave the column out, or make one of 0 and 1 for each word (pandas.get_dummies)" * words
    return f"{cell[:40]!r} is not a number{advice}"


def _missing(cell: str, wanted: str) -> str:
    return f"the cell is {repr(cell) if cell else 'empty'}: give a {wanted}, or leave the line out"
