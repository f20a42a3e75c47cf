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
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from numbers import Integral
from typing import Any, TypeGuard

from tinygrad_edu._common.checks import as_list, is_number, whole
from tinygrad_edu._common.files import read_bytes
from tinygrad_edu._common.names import look_up
from tinygrad_edu._common.text import in_markdown, markdown_table, one_line, plural, shown
from tinygrad_edu.engine.errors import as_float

NO_WORDS = "leave the column out, or make one of 0 and 1 for each word (pandas.get_dummies)"

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
    bad = [number for number in numbers if not math.isfinite(number)]
    if bad:
        raise ValueError(f"{name} holds {bad[0]}: give a number, or leave the example out")
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
        classes: the names of the classes, if the targets are their numbers, or one-hot rows; else an empty
            list.
        target: the name of the target column, or "". A column of pandas gives its own.
        scaling: how the numbers were scaled, None if they are in their own units.

    Raises:
        ValueError: if there is no example, the numbers of inputs and targets differ, a row has another
            length than the first, there are not as many columns as inputs, or a target is not the number of
            a class.
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
        if _is_table(self.inputs):
            if not self.columns:
                object.__setattr__(self, "columns", [str(name) for name in self.inputs.columns])
            object.__setattr__(self, "inputs", self.inputs.to_numpy())
        if _is_table(self.targets):
            object.__setattr__(self, "targets", self.targets.to_numpy())
        if not self.target and isinstance(name := getattr(self.targets, "name", None), str):
            object.__setattr__(self, "target", name)
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
        if len(self.columns) not in (0, len(inputs[0])):
            raise ValueError(f"columns has {len(self.columns)} of the names of {len(inputs[0])} inputs")
        for place, target in enumerate(targets if self.classes else []):
            if not self._is_class(target):
                count = len(self.classes)
                raise ValueError(
                    f"target of example {place}: {target} is none of the {count} classes, which are numbered "
                    "from 0; examples are counted from 0 too"
                )

    def _is_class(self, target: Any) -> bool:
        """Return whether a target stands for one of the named classes; ``signed`` makes −1 and 1 of two."""
        if isinstance(target, list):
            return len(target) == len(self.classes)
        return target in range(len(self.classes)) or (len(self.classes) == 2 and target == -1)

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
            kind = target.index(max(target)) if isinstance(target, list) else max(int(target), 0)
            return one_line(self.classes[kind])
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


def _is_table(item: Any) -> TypeGuard[Any]:
    """Return whether something is a table of pandas, or one of another library with these attributes."""
    return hasattr(item, "to_numpy") and hasattr(item, "columns")


def split(examples: Sequence[Any], fraction: float, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Return examples of any type in two lists; the second has this fraction of them, drawn at random.

    Raises:
        ValueError: if one of the two would be empty.

    >>> split(["a", "b", "c", "d"], 0.25)
    (['a', 'b', 'c'], ['d'])
    """
    count = len(examples)
    size = round(count * fraction) if is_number(fraction) and 0 < fraction < 1 else 0
    if not 0 < size < count:
        raise ValueError(f"a fraction of {fraction!r:.40} of {count} examples leaves one side empty")
    places = random.Random(seed).sample(range(count), count)
    return [examples[i] for i in sorted(places[size:])], [examples[i] for i in sorted(places[:size])]


def _target(target: Any, what: str) -> Any:
    if isinstance(target, Integral) and not isinstance(target, bool):
        _row([target], what)  # not larger than a float
        return int(target)  # the number of a class stays whole
    if isinstance(target, str):
        raise TypeError(
            f"{what}: {target[:40]!r} is text: number the classes from 0, and give their names as classes="
        )
    if getattr(target, "ndim", None) == 0 or not isinstance(target, Iterable):
        return _row([target], what)[0]
    return _row(target, what)


def _row(row: Any, what: str) -> Row:
    if isinstance(row, str) or not isinstance(row, Iterable):
        raise TypeError(f"{what}: a list of numbers is needed, not {row!r}; counted from 0")
    numbers = []
    for place, number in enumerate(row):
        if isinstance(number, str):
            raise TypeError(f"{what}, number {place}: {number[:40]!r} is text: {NO_WORDS}; counted from 0")
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
    size = whole("the size", size, least=1)
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

MOST_CSV_CELLS = 10_000_000
"""The most cells that are read, empty lines included: each takes up to 100 bytes."""

MISSING = (
    *("", "?", "-", "--", "..", "na", "n/a", "nan", "null", "<na>"),
    *("#n/a", "#div/0!", "#name?", "#null!", "#num!", "#ref!", "#value!"),  # what Excel writes
)
"""The cells that say that something is not known, in small letters. "None" may be the name of a class."""

AS_WRITTEN = re.compile(r"[-+]?\d+(,\d{2,3}|[.'’_\s]\d{3})*([.,]\d+)?(e[-+]?\d+)?", re.IGNORECASE)
"""A number as people write it in some country: 2,5 and 1.234.567 and 1 234, but not the date 1.10.2020."""

BESIDE_DIGITS = "%$€£¥\N{MINUS SIGN}"
"""Units of a number, and the minus sign of typesetters."""


def read_csv(path: str | os.PathLike[str], target: str) -> Dataset:
    """Read a CSV file: a line of column names, then one line of numbers for each example.

    The module csv of the standard library reads it. The separator is a comma, a semicolon, a tab or a
    vertical bar: whichever gives the first lines the same number of cells, and the most of them. A first
    line ``sep=;``, as Excel writes it, is obeyed. Lines without any content are left out.

    Anything else is refused, with line and column: missing numbers, decimal commas, units, columns of words
    beside the target, other encodings. pandas reads such files; ``Dataset(table[columns], table[target])``
    takes the result.

    Args:
        path: the file, in UTF-8.
        target: the name of the column to predict. If none of its cells is a number, in whatever spelling,
            its words are classes, and none of them may be missing.

    Raises:
        OSError: if the file cannot be read.
        UnknownNameError: if there is no such column; the message suggests the nearest names.
        ValueError: if the file is not such a table, or too large; the message names line and column.
    """
    header, rows = _read_table(path)
    if len(header) == 1 and target not in header:
        raise ValueError(
            f"{shown(path)} has one column, {header[0][:40]!r}: "
            "separate cells by a comma, a semicolon, a tab or |"
        )
    place = look_up("column", target, {name: place for place, name in enumerate(header)})
    if len(header) == 1:
        raise ValueError(
            f"{shown(path)}: besides the target {target!r} there is no column to predict it from"
        )

    words = [cells[place] for _, cells in rows]
    known = {word for word in words if word.lower() not in MISSING}
    classes = [] if any(map(_means_a_number, known)) else sorted(known)
    for line, cells in rows:
        if classes and cells[place].lower() in MISSING:
            missing = _missing(cells[place], "class")
            raise ValueError(f"{shown(path)}, line {line}, column {header[place][:40]!r}: {missing}")
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
        text, wrong = content.decode("utf-8-sig"), content.find(0)  # as in UTF-16; no text has a byte of 0
    except UnicodeDecodeError as error:
        text, wrong = "", error.start
    if wrong >= 0:
        raise ValueError(
            f"{shown(path)} is not a CSV file in UTF-8, because of byte {wrong}: save it as UTF-8"
        )
    skipped = 0
    if text[:4].lower() == "sep=" and text[5:6] in ("\r", "\n"):
        separator, text, skipped = text[4], text[5:].lstrip("\r\n"), 1
    else:
        separator = max(",;\t|", key=lambda mark: _evenness(text, mark))
    try:
        lines = _lines(text, separator, skipped)
    except ValueError as error:
        raise ValueError(f"{shown(path)}, {error}") from None
    if len(lines) < 2:
        raise ValueError(f"{shown(path)} has no data: it needs a line of column names and lines of numbers")
    (_, header), *rows = lines
    _expect_table(path, header, rows)
    return header, rows


def _lines(text: str, separator: str, skipped: int) -> Lines:
    """Return the lines that are not empty; a quoted cell may have several."""
    reader = _reader(text, separator)
    lines, start, count = [], 1, 0
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                lines.append((reader.line_num + skipped, stripped))
            start, count = reader.line_num + 1, count + len(cells) + 1
            if count > MOST_CSV_CELLS:
                break
    except csv.Error as error:
        raise ValueError(f"line {start + skipped}: {error}: look for a quotation mark too many") from None
    if count > MOST_CSV_CELLS:
        raise ValueError(f"more than {MOST_CSV_CELLS // 1_000_000} million cells are not read")
    return lines


def _reader(text: str, separator: str) -> Any:
    """Return a reader that is ``strict``: else a cell whose quotes are not closed swallows the next lines."""
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _evenness(text: str, separator: str) -> tuple[bool, int]:
    """Return whether a separator gives the first lines the same number of cells, and that of the first.

    A wrong one is often found out by the quotes, which must stand next to it.
    """
    counts = []
    try:
        for cells in islice(_reader(text, separator), 20):
            if any(map(str.strip, cells)):
                counts.append(len(cells))
    except csv.Error:
        counts.append(0)
    first = counts[0] if counts else 0
    return first > 1 and set(counts) == {first}, first


def _expect_table(path: str | os.PathLike[str], header: list[str], rows: Lines) -> None:
    """Raise a ValueError unless each column has a name of its own, and each line a cell for each column."""
    nameless = [not name or name.startswith("Unnamed: ") for name in header]  # as pandas names it
    if any(nameless):
        place = nameless.index(True)
        reason = "is there a separator too many?" if place else "are these numbers of rows? Leave them out"
        raise ValueError(f"{shown(path)}: column {place + 1} has no name: {reason}")
    if all(map(_reads_as_number, header)):
        raise ValueError(f"{shown(path)}: the first line holds numbers only: it must name the columns")
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise ValueError(f"{shown(path)}: two columns are named {name[:40]!r}: rename one of them")
        seen.add(name)
    for line, cells in rows:
        if len(cells) != len(header):
            given = f"{len(cells)} {plural('cell', len(cells))}"
            raise ValueError(
                f"{shown(path)}, line {line}: {given}, but {len(header)} {plural('column', len(header))}"
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
            raise ValueError(f"{shown(path)}, line {line}, column {header[place][:40]!r}: {problem}")
        numbers.append(row)
    return numbers


def _reads_as_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python accepts 1_000, but no table means a number by it


def _means_a_number(cell: str) -> bool:
    """Return whether a cell holds a number, perhaps with a unit, in whatever spelling."""
    digits = "".join(c for c in cell if c not in BESIDE_DIGITS).strip()
    return _reads_as_number(cell) or AS_WRITTEN.fullmatch(digits) is not None


def _is_finite(cell: str) -> bool:
    return _reads_as_number(cell) and math.isfinite(float(cell))


def _problem(cell: str, words: bool) -> str:
    """Say why a cell is no number, and what to do; ``words``: no cell of its column is one."""
    if cell.lower() in (*MISSING, "none"):
        return _missing(cell, "number")
    if _reads_as_number(cell):
        return f"{cell[:40]!r} is not finite"
    if _means_a_number(cell):
        return f"{cell[:40]!r} is not a number: write only digits, a decimal point, and - for minus"
    advice = f": {NO_WORDS}" * words
    return f"{cell[:40]!r} is not a number{advice}"


def _missing(cell: str, wanted: str) -> str:
    return f"the cell is {repr(cell) if cell else 'empty'}: give a {wanted}, or leave the line out"
