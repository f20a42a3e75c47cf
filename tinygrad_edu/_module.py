"""``Module``: the base class of everything that has parameters."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsFloat

from tinygrad_edu._common import files
from tinygrad_edu._common.text import one_line, shown
from tinygrad_edu.engine.errors import as_float
from tinygrad_edu.engine.value import Value


class Module:
    """A part of a network. Its parameters are the Values among its attributes.

    They are found in lists, tuples, dictionaries and other Modules too, in the order of assignment.
    Attributes whose name starts with an underscore are left out, and so are results of operations, which
    ``__call__`` may keep. A subclass assigns its Values or Modules in ``__init__`` and defines
    ``__call__``; there is nothing to register.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.shift = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.shift
    >>> Line().state_dict()
    {'slope': 2.0, 'shift': 1.0}
    """

    def __call__(self, x: Any) -> Any:
        """Return the outputs for the inputs ``x``.

        Raises:
            NotImplementedError: if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method __call__(self, x)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def structure(self) -> dict[str, Any]:
        """Return how the Module was built, as plain data, without its parameters.

        Files hold it beside the parameters, and ``load`` refuses a file of another structure. Override it
        in a subclass whose parameters mean something else when it is built differently, as those of a
        network do with another activation.

        >>> Module().structure()
        {'kind': 'Module'}
        """
        return {"kind": type(self).__name__}

    def named_parameters(self) -> dict[str, Value]:
        """Return the parameters by their path, as in "layers.0.neurons.1.w.0"; a shared one once.

        Raises:
            ValueError: if two have the same path, as in ``{1: Value(0.0), "1": Value(0.0)}``.
        """
        found = [
            (name, part) for name, part in named_parts(self) if isinstance(part, Value) and not part.args
        ]
        named = dict(found)
        if len(named) < len(found):
            twice = next(name for name, part in found if named[name] is not part)
            raise ValueError(
                f"two parameters of {self} have the path {one_line(twice)!r}: rename one of them"
            )
        return named

    def parameters(self) -> list[Value]:
        """Return the Values that training changes, in the order of assignment."""
        return list(self.named_parameters().values())

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, float]:
        """Return the number of every parameter by its path, as plain data."""
        return {name: parameter.data for name, parameter in self.named_parameters().items()}

    def load_state_dict(self, state: Mapping[str, SupportsFloat]) -> None:
        """Set every parameter to its number in ``state``, which ``state_dict`` returned.

        Raises:
            ValueError: if a name is missing or unknown, or a number is not finite; the message lists what
                differs, and no parameter has changed.

        >>> from tinygrad_edu.nn import MLP
        >>> MLP(1, [1]).load_state_dict({"layers.0.neurons.0.w.0": 0.5, "layers.0.neurons.0.w.1": 0.1})
        Traceback (most recent call last):
        ValueError: the state does not fit MLP(1, [1]): missing: layers.0.neurons.0.b; \
unknown: layers.0.neurons.0.w.1
        """
        if not isinstance(state, Mapping):
            raise ValueError(f"the state is a dictionary of numbers by name, not {type(state).__name__}")
        parameters = self.named_parameters()
        numbers = {name: _as_number(number) for name, number in state.items()}
        problems = {
            "missing": [name for name in parameters if name not in numbers],
            "unknown": [name for name in numbers if name not in parameters],
            "not a finite number": [name for name, number in numbers.items() if not math.isfinite(number)],
        }
        listed = [f"{problem}: {_few(names)}" for problem, names in problems.items() if names]
        if listed:
            raise ValueError(f"the state does not fit {self}: {'; '.join(listed)}")
        for name, parameter in parameters.items():
            parameter.data = numbers[name]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write structure and parameters to a JSON file, atomically.

        Raises:
            ValueError: if a parameter is infinite or NaN; nothing is written.
            OSError: if the file cannot be written.
        """
        files.write_json(path, self.saved())

    def saved(self) -> dict[str, Any]:
        """Return what a file holds of the Module: its structure and its parameters, as plain data."""
        return {"model": self.structure(), "state": self.state_dict()}

    def load(self, path: str | os.PathLike[str]) -> None:
        """Set the parameters to those in a file that ``save`` wrote.

        Raises:
            ValueError: if it is not such a file, or of another structure; no parameter has changed.
            OSError: if the file cannot be read.
        """
        self.load_state_dict(read_saved(path, self)["state"])


def read_saved(path: str | os.PathLike[str], model: Module, *keys: str) -> dict[str, Any]:
    """Read a file that holds a Module, and perhaps more.

    Args:
        path: the file.
        model: the Module that the file must hold. Parameters that fit in number are not enough: those of
            a network with tanh mean something else in one with relu.
        keys: the other entries that the file must have.

    Raises:
        ValueError: if it is not such a file, or of another structure.
        OSError: if the file cannot be read.
    """
    content = files.read_json(path, keys=("model", "state", *keys))
    saved, wanted = content["model"], files.as_read(model.structure())
    if saved != wanted:
        if not isinstance(saved, dict):
            raise ValueError(f"{shown(path)} does not say how its model was built: is it the right file?")
        differs = [key for key in {**saved, **wanted} if saved.get(key) != wanted.get(key)]
        pairs = [f"{key} {saved.get(key)!r:.60} in place of {wanted.get(key)!r:.60}" for key in differs[:3]]
        raise ValueError(f"{shown(path)} is of another model than {model}: it has {', '.join(pairs)}")
    return content


def named_parts(module: Module) -> list[tuple[str, Any]]:
    """Return everything inside a Module with the path to it, each thing once, outer before inner."""
    found: dict[int, tuple[str, Any]] = {}
    _find_parts("", module, found)
    return [*found.values()]


def _find_parts(name: str, item: Any, found: dict[int, tuple[str, Any]]) -> None:
    if id(item) in found:  # shared, or a Module that refers to the one that holds it
        return
    found[id(item)] = name, item
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(item, Module):
        parts = [(key, part) for key, part in vars(item).items() if not key.startswith("_")]
    elif isinstance(item, dict):
        parts = item.items()
    elif isinstance(item, (list, tuple)):
        parts = enumerate(item)
    for key, part in parts:
        _find_parts(f"{name}.{key}" if name else str(key), part, found)


def _as_number(number: Any) -> float:
    try:
        return math.nan if isinstance(number, bool) else as_float(number)
    except (TypeError, OverflowError):
        return math.nan


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(one_line(str(name), 60) for name in names[:5]) + more
