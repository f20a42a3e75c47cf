"""Predictions: a trained network, with all that it needs to answer in the data's own units.

>>> from tinygrad_edu.datasets import Dataset
>>> from tinygrad_edu.nn import MLP
>>> from tinygrad_edu.train import fit
>>> flats = Dataset([[20], [40], [60]], [100_000.0, 200_000.0, 300_000.0]).standardized()
>>> model = MLP(1, [1], seed=1)
>>> history = fit(model, flats, "mean_squared_error", "sgd", epochs=2000, progress=False)
>>> predict = Predictor.of(model, flats)
>>> round(predict([50]))
250000
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_edu._common import files
from tinygrad_edu._common.checks import as_list, is_number
from tinygrad_edu._common.names import look_up
from tinygrad_edu._common.text import one_line, shown
from tinygrad_edu.datasets import Dataset, Line, Row, Scaling
from tinygrad_edu.metrics import as_number, predicted_class
from tinygrad_edu.nn import MLP, load_mlp


@dataclass(frozen=True)
class Predictor:
    """A network, the scaling of the data that it learnt from, and the names of columns and classes.

    Attributes:
        model: the network.
        columns: the names of the inputs, or an empty list.
        target: the name of the target column, or "".
        classes: the names of the classes, or an empty list.
        predicts_class: whether a prediction is a class.
        scaling: how the data was scaled, or None.
    """

    model: MLP
    columns: list[str]
    target: str
    classes: list[str]
    predicts_class: bool
    scaling: Scaling | None

    @classmethod
    def of(cls, model: MLP, data: Dataset) -> "Predictor":
        """Return the predictor of a network that has learnt from ``data``, standardized or not.

        Raises:
            TypeError: if the network is no MLP, which alone can be read from a file.
            ValueError: if the data has another number of inputs, classes or targets than the network.
        """
        if not isinstance(model, MLP):
            raise TypeError(f"a predictor holds an MLP, not {model!r:.60}")
        built = model.structure()
        width, outputs = built["inputs"], built["layers"][-1]
        if len(data.inputs[0]) != width:
            raise ValueError(f"{model} takes {width} inputs, and the data has {len(data.inputs[0])}")
        if data.classes and len(data.classes) != max(outputs, 2):
            raise ValueError(
                f"{model} tells {max(outputs, 2)} classes apart, and the data has {len(data.classes)}"
            )
        if data.scaling and len(data.scaling.targets) not in (0, outputs):
            raise ValueError(
                f"{model} has {outputs} outputs, and the data {len(data.scaling.targets)} targets"
            )
        classes = data.classes
        if data.has_classes and -1 in data.targets:
            classes = classes or ["-1", "1"]  # which have the numbers 0 and 1 here
        return cls(model, data.columns, data.target, classes, data.has_classes, data.scaling)

    def __call__(self, inputs: Sequence[float] | Mapping[str, float]) -> Any:
        """Return the prediction for inputs in the data's own units.

        Args:
            inputs: the numbers in the order of the columns; or a dictionary, or a row of pandas, of the
                numbers by the names of the columns.

        Returns:
            for classes the name of the class, or its number if it has none; else the network's output in the
            data's own units, a number or a list of them.

        Raises:
            TypeError: if an input is not a number.
            ValueError: if there are more or fewer inputs than the network takes, or one is infinite or NaN.
            UnknownNameError: if the name of an input is not that of a column.
        """
        inputs = self._checked(inputs)
        if self.scaling is not None and len(inputs) == len(self.scaling.inputs):  # else the model complains
            inputs = self.scaling.scaled(inputs)
        output = self.model(inputs)
        if self.predicts_class:
            kind = predicted_class(output)
            return self.classes[kind] if self.classes else kind
        numbers = [as_number(item) for item in as_list(output)]
        if self.scaling is not None:
            numbers = self.scaling.unscaled_targets(numbers)
        return numbers if len(numbers) > 1 else numbers[0]

    def _checked(self, inputs: Any) -> Row:
        """Return inputs as a list of finite numbers, in the order of the columns."""
        named = [*inputs.items()] if hasattr(inputs, "items") else []
        if any(isinstance(name, str) for name, _ in named):  # a row of pandas may be numbered instead
            places = {name: place for place, name in enumerate(self.columns)}
            named.sort(key=lambda pair: look_up("column", pair[0], places))
            inputs = [number for _, number in named]
        if not isinstance(inputs, Iterable) or isinstance(inputs, str):
            raise TypeError(f"inputs are a list of numbers, not {inputs!r:.40}")
        numbers = []
        for place, number in enumerate(inputs, 1):
            name = repr(one_line(self.columns[place - 1])) if place <= len(self.columns) else place
            if isinstance(number, str):
                raise TypeError(f"input {name} is text, {number[:40]!r}: give a number")
            numbers.append(as_number(number))
            if not math.isfinite(numbers[-1]):
                raise ValueError(f"input {name} is {numbers[-1]}: give a finite number")
        return numbers

    def saved(self) -> dict[str, Any]:
        """Return what a file holds of it, as plain data: the model and what its data need."""
        return self.model.saved() | {
            "columns": self.columns,
            "target": self.target,
            "classes": self.classes,
            "predicts": "class" if self.predicts_class else "number",
            "scaling": None
            if self.scaling is None
            else {"inputs": self.scaling.inputs, "targets": self.scaling.targets},
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a JSON file, atomically; ``load_predictor`` and ``nn.load_mlp`` read it.

        Raises:
            ValueError: if a parameter is infinite or NaN; nothing is written.
            OSError: if the file cannot be written.
        """
        files.write_json(path, self.saved())


def load_predictor(path: str | os.PathLike[str]) -> Predictor:
    """Return the predictor in a file that ``Predictor.save``, or the command ``train``, wrote.

    The file is read as data; nothing in it is run.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not such a file.
    """
    content = files.read_json(path, keys=("columns", "target", "classes", "predicts", "scaling"))
    model = load_mlp(path)
    built = model.structure()
    width, outputs = built["inputs"], built["layers"][-1]
    columns, target, classes, scaling = (content[key] for key in ("columns", "target", "classes", "scaling"))
    sound = (
        _are_names(columns)
        and len(columns) in (0, width)
        and isinstance(target, str)
        and _are_names(classes)
        and len(classes) in (0, max(outputs, 2))
        and content["predicts"] in ("class", "number")
        and (scaling is None or _is_scaling(scaling, width, outputs))
    )
    if not sound:
        raise ValueError(f"{shown(path)} does not fit its own model: columns, classes or scaling are damaged")
    pairs = scaling and Scaling(*map(_lines, scaling.values()))
    return Predictor(model, columns, target, classes, content["predicts"] == "class", pairs)


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _is_scaling(scaling: Any, inputs: int, outputs: int) -> bool:
    return (
        isinstance(scaling, Mapping)
        and [*scaling] == ["inputs", "targets"]
        and all(isinstance(pairs, list) for pairs in scaling.values())
        and len(scaling["inputs"]) == inputs
        and len(scaling["targets"]) in (0, outputs)
        and all(
            isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair)) and pair[1] > 0
            for pairs in scaling.values()
            for pair in pairs
        )
    )


def _lines(pairs: list[list[float]]) -> list[Line]:
    return [(mean, deviation) for mean, deviation in pairs]
