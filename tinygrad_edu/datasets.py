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
from typing import Any

from tinygrad_edu._common.checks import is_number, whole
from tinygrad_edu._common.names import look_up
from tinygrad_edu.engine.errors import as_float

Row = list[float]
Target = float | Row


@dataclass(frozen=True)
class Dataset(Sequence[tuple[Row, Target]]):
    """Examples: inputs x1 … xn, and a target y1 … yn for each.

    Args:
        inputs: one list of numbers for each example, all of the same length.
        targets: one for each example: a number, the number of a class, or a list of numbers.
        columns: the names of the inputs, or an empty list.
        classes: the names of the classes, if the targets are their numbers; else an empty list.

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

    def __post_init__(self) -> None:
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

    def autoencoding(self) -> "Dataset":
        """Return the same inputs, with each as its own target.

        >>> list(one_hot(2).autoencoding())
        [([1.0, 0.0], [1.0, 0.0]), ([0.0, 1.0], [0.0, 1.0])]
        """
        return replace(self, targets=self.inputs, classes=[])


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
    if isinstance(target, int) and not isinstance(target, bool):
        return target  # the number of a class stays whole
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
        raise ImportError('the digits come with scikit-learn: pip install "tinygrad_edu[datasets]"') from None
    bunch = load_digits()
    rows = [[pixel / 16 for pixel in row] for row in bunch.data.tolist()]
    return Dataset(rows, bunch.target.tolist(), classes=[str(digit) for digit in range(10)])


# --- CSV ------------------------------------------------------------------------------------------


def read_csv(path: str | os.PathLike[str], target: str) -> Dataset:
    """Read a CSV file: a line of column names, then one line of numbers for each example.

    The separator is a comma, a semicolon or a tab, whichever is most frequent in the first line.

    Args:
        path: the file, in UTF-8.
        target: the name of the column to predict. If none of its cells is a number, its words are classes.

    Raises:
        OSError: if the file cannot be read.
        UnknownNameError: if there is no such column; the message suggests the nearest names.
        ValueError: if the file is not such a table; the message names line and column.
    """
    lines = _csv_lines(path)
    (_, header), *rows = lines
    _expect_table(path, header, rows)
    place = look_up("column", target, {name: place for place, name in enumerate(header)})
    if len(header) == 1:
        raise ValueError(f"{path}: besides the target {target!r} there is no column to predict it from")

    words = [cells[place] for _, cells in rows]
    classes = [] if "" in words or any(map(_reads_as_number, words)) else sorted(set(words))
    inputs, targets = [], []
    for line, cells in rows:
        numbers = [
            classes.index(cell) if classes and name == target else _number(cell, f"{path}, line {line}", name)
            for name, cell in zip(header, cells, strict=True)
        ]
        targets.append(numbers.pop(place))
        inputs.append(numbers)
    return Dataset(inputs, targets, header[:place] + header[place + 1 :], classes)


def _csv_lines(path: str | os.PathLike[str]) -> list[tuple[int, list[str]]]:
    """Return the lines of a CSV file that are not empty: the number of each, and its cells."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
        separator = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8: {error}") from None
    lines = [(line, cells) for line, cells in lines if cells not in ([], [""])]
    if len(lines) < 2:
        raise ValueError(f"{path} has no data: it needs a line of column names and lines of numbers")
    return lines


def _expect_table(path: str | os.PathLike[str], header: list[str], rows: list[tuple[int, list[str]]]) -> None:
    """Raise a ValueError unless each column has a name of its own, and each line a cell for each column."""
    if "" in header:
        raise ValueError(f"{path}: column {header.index('') + 1} has no name: is there a separator too many?")
    if all(map(_reads_as_number, header)):
        raise ValueError(f"{path}: the first line holds numbers only: it must name the columns")
    for name in header:
        if header.count(name) > 1:
            raise ValueError(f"{path}: two columns are named {name[:40]!r}: rename one of them")
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(f"{path}, line {line}: {_count(cells, 'cell')}, but {_count(header, 'column')}")


def _count(things: Sequence[Any], name: str) -> str:
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"


def _reads_as_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python accepts 1_000, but no table means a number by it


def _number(cell: str, where: str, column: str) -> float:
    if not cell:
        problem = "the cell is empty"
    elif not _reads_as_number(cell):
        advice = ": write a decimal point" if _reads_as_number(cell.replace(",", ".")) else ""
        problem = f"{cell[:40]!r} is not a number{advice}"
    elif not math.isfinite(float(cell)):
        problem = f"{cell[:40]!r} is not finite"
    else:
        return float(cell)
    raise ValueError(f"{where}, column {column[:40]!r}: {problem}")
