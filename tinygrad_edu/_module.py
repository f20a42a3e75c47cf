"""``Module``: what a network and each of its parts are, namely something that has parameters."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsFloat

from tinygrad_edu import files
from tinygrad_edu.engine.op import as_float
from tinygrad_edu.engine.value import Value


class Module:
    """A part of a network. Its parameters are the Values among its attributes.

    They are found in lists, tuples, dictionaries and other Modules too, in the order of assignment;
    attributes whose name starts with an underscore are left out, and so are results of operations, which
    a ``__call__`` may keep. A subclass assigns its Values or Modules in ``__init__`` and has a ``__call__``;
    there is nothing to register.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.shift = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.shift
    >>> Line().state_dict()
    {'slope': 2.0, 'shift': 1.0}
    """

    def __call__(self, x: Any) -> Any:
        """Return what the Module makes of its inputs."""
        raise NotImplementedError(f"{type(self).__name__} needs a method __call__(self, x)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def named_parameters(self) -> dict[str, Value]:
        """Return the parameters by the way to them, as in "layers.0.neurons.1.w.0"; a shared one once."""
        return {name: part for name, part in named_parts(self) if isinstance(part, Value) and not part.args}

    def parameters(self) -> list[Value]:
        """Return the Values that training changes."""
        return list(self.named_parameters().values())

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, float]:
        """Return the number of every parameter by name, as plain data."""
        return {name: parameter.data for name, parameter in self.named_parameters().items()}

    def load_state_dict(self, state: Mapping[str, SupportsFloat]) -> None:
        """Set every parameter to the number that ``state_dict`` gave.

        Raises:
            ValueError: if a name is missing or not known, or something is not a finite number; the
                message lists what differs, and the Module is as it was.

        >>> from tinygrad_edu.nn import MLP
        >>> MLP(1, [1]).load_state_dict({"layers.0.neurons.0.w.0": 0.5, "layers.0.neurons.0.w.1": 0.1})
        Traceback (most recent call last):
        ValueError: the state does not fit MLP(1, [1]): missing: layers.0.neurons.0.b; \
not known: layers.0.neurons.0.w.1
        """
        if not isinstance(state, Mapping):
            raise ValueError(f"the state is a dictionary of numbers by name, not {type(state).__name__}")
        parameters = self.named_parameters()
        numbers: dict[str, float] = {}
        unusable = []
        for name, number in state.items():
            try:
                numbers[name] = as_float(number)
            except (TypeError, OverflowError):
                numbers[name] = math.nan
            if not math.isfinite(numbers[name]):
                unusable.append(name)
        problems = {
            "missing": [name for name in parameters if name not in numbers],
            "not known": [name for name in numbers if name not in parameters],
            "not a finite number": unusable,
        }
        listed = [f"{problem}: {_few(names)}" for problem, names in problems.items() if names]
        if listed:
            raise ValueError(f"the state does not fit {self}: {'; '.join(listed)}")
        for name, parameter in parameters.items():
            parameter.data = numbers[name]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters to a JSON file, whole.

        Raises:
            ValueError: if a parameter is infinite or NaN; nothing is written.
            OSError: if the file cannot be written.
        """
        files.write_json(path, {"model": repr(self), "state": self.state_dict()})

    def load(self, path: str | os.PathLike[str]) -> None:
        """Set the parameters to those that ``save`` wrote.

        Raises:
            ValueError: if the file is not such a file, or is of another Module; this one is as it was.
            OSError: if the file cannot be read.
        """
        self.load_state_dict(read_saved(path, self)["state"])


def read_saved(path: str | os.PathLike[str], model: Module, *keys: str) -> dict[str, Any]:
    """Read a file in which a Module was saved, with more entries perhaps.

    Args:
        path: the file.
        model: what must have been saved in it. Numbers that fit are not enough: the parameters of a
            network of tanh mean something else in one of relu.
        keys: the other entries that it must have.

    Raises:
        ValueError: if the file is not such a file, or is of another Module.
        OSError: if the file cannot be read.
    """
    content = files.read_json(path, keys=("model", "state", *keys))
    if content["model"] != repr(model):
        raise ValueError(f"{path} is of {content['model']}, and this is {model}")
    return content


def named_parts(module: Module) -> list[tuple[str, Any]]:
    """Return all that is found in a Module and the way to it, each thing once, outer before inner."""
    found: dict[int, tuple[str, Any]] = {}
    _find_parts("", module, found)
    return [*found.values()]


def _find_parts(name: str, item: Any, found: dict[int, tuple[str, Any]]) -> None:
    if id(item) in found:  # shared, or a Module that knows the one that holds it
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


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(str(name)[:60] for name in names[:5]) + more
