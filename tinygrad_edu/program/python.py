"""Programs as Python functions, from text that this module writes and Python compiles."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine.op import Op
from tinygrad_edu.program.languages import PYTHON, write
from tinygrad_edu.program.statements import Program
from tinygrad_edu.program.structure import Arrangement, numbers, put_together, size, take_apart, written

LARGEST = 30_000
"""The operations of a program that is compiled, at most: Python takes 20 µs and 3 kB for each."""

_MISSING = object()
"""Stands for an argument that was not given."""


class Arguments(NamedTuple):
    """How a function is called.

    Attributes:
        names: what the arguments are called in messages, or by the caller.
        arrangements: how each is arranged, with places counted from 0.
        by_name: whether they are given by name.
    """

    names: Sequence[str]
    arrangements: Sequence[Arrangement]
    by_name: bool = False

    def row(self, function: str, args: Sequence[Any], named: dict[str, Any]) -> list[float]:
        """Return all numbers in one row.

        Raises:
            TypeError, ValueError: if something else is given than expected; the message says which argument.
        """
        if self.by_name:
            if args or {*named} != {*self.names}:
                unnamed = ["an argument without a name"] if args else []
                listed = ", ".join([*unnamed, *map(one_line, named)]) or "none"
                raise TypeError(f"{function} takes {self._listed} by name, not {listed}")
            args, named = [named[name] for name in self.names], {}
        given = len([arg for arg in args if arg is not _MISSING])
        if given != len(self.names) or named:
            raise TypeError(f"{function} takes {len(self.names)} ({self._listed}), not {given}")
        items = zip(self.arrangements, args, map(one_line, self.names), strict=True)
        return [number for arrangement, arg, name in items for number in numbers(arrangement, arg, name)]

    @property
    def _listed(self) -> str:
        return ", ".join(map(one_line, self.names))

    def arranged(self, row: Sequence[float]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments that have these numbers: those by place, and those by name."""
        args, first = [], 0
        for arrangement in self.arrangements:
            args.append(put_together(arrangement, row[first : (first := first + size(arrangement))]))
        return ([], dict(zip(self.names, args, strict=True))) if self.by_name else (args, {})


def runnable(
    name: str, program: Program, arguments: Arguments, result: Arrangement,
    engine: Callable[[list[float]], list[float]],
) -> Callable[..., Any]:  # fmt: skip
    """Return a function that runs a program, and asks the engine where something is unusual.

    Args:
        name: the function's name.
        program: what it computes.
        arguments: how it is called; together they are the inputs in order.
        result: how the outputs are arranged; those that it does not name only have to exist.
        engine: computes the same from the inputs in one row, or raises an error that says why not.
    """

    def careful(*args: Any, **named: Any) -> Any:
        row = arguments.row(name, args, named)
        if run is not None:
            try:
                results = run(row)
                if all(map(math.isfinite, results)):
                    return put_together(result, results)
            except Exception:
                pass  # the engine says what is wrong
        elif any(type(number) is not float for number in take_apart([*args, *named.values()])[1]):
            given, by_name = arguments.arranged(row)
            return function(*given, **by_name)
        return put_together(result, engine(row))

    run = interpreter(program) if len(program.statements) > LARGEST else None
    function = _compiled(name, program, arguments, result, careful) if run is None else careful
    return function


def _compiled(
    name: str, program: Program, arguments: Arguments, result: Arrangement, careful: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a function from generated text: nothing stands around it.

    Its last line tests whether the results are finite. If they are not, if anything else goes wrong, or if an
    argument is no float, it returns what ``careful`` returns for the same arguments.
    """
    namespace: dict[str, Any] = {**vars(math), "MISSING": _MISSING, "careful": careful}

    def refer(thing: Any) -> str:
        """Return a name for something that no text can say."""
        word = f"k{len(namespace)}"
        namespace[word] = thing
        return word

    def call(op: Op) -> str:
        return refer(op.value)

    lines, outputs = write(program, PYTHON, call)
    names = [f"v{i}" for i in range(1, len(program.inputs) + 1)]
    given: list[str] = []
    unpack: list[str] = []
    checks: list[str] = []
    for number, (key, arrangement) in enumerate(zip(arguments.names, arguments.arrangements, strict=True), 1):
        first = sum(map(size, arguments.arrangements[: number - 1]))
        pattern = written(arrangement, names[first : first + size(arrangement)])
        given.append(pattern if isinstance(arrangement, int) else f"a{number}")
        if arguments.by_name:
            unpack.append(f"{pattern} = named[{refer(key)}]")
        elif not isinstance(arrangement, int):
            unpack.append(f"{pattern} = a{number}")
            checks.append(f"type(a{number}) is {type(arrangement).__name__}")  # a dictionary gives its keys
    checks += [_all_floats(names)] if names else []
    head, again = ", ".join([f"{word}=MISSING" for word in given]), ", ".join(given)
    if arguments.by_name:
        checks.append(f"len(named) == {len(given)} and not unnamed")
        head = again = "*unnamed, **named"
    text = [
        f"def {name}({head}):",
        "    try:",
        *[f"        {line}" for line in unpack],
        f"        if {' and '.join(checks) or 'True'}:",
        *[f"            {line}" for line in lines],
        f"            if {_finite(outputs)}:",
        f"                return {written(result, outputs, refer)}",
        "    except Exception:",
        "        pass",
        f"    return careful({again})",
    ]
    exec("\n".join(text), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


def _all_floats(names: list[str]) -> str:
    if len(names) <= 10:
        return " is ".join([f"type({name})" for name in names]) + " is float"
    return f"{{*map(type, ({', '.join(names)}))}} == {{float}}"


def _finite(outputs: list[str]) -> str:
    """Write a test that a sum is finite, which it is only if all of its terms are: s − s is 0 then."""
    if len(outputs) <= 10:
        return f"(s := {' + '.join(outputs) or '0.0'}) - s == 0.0"
    return f"(s := sum(({', '.join(outputs)}))) - s == 0.0"


def interpreter(program: Program) -> Callable[[Sequence[float]], list[float]]:
    """Return a function that runs a program of any size, operation by operation, without compiling it."""
    constants = [made for made in program.names if made.number is not None]
    order = [*program.inputs, *constants, *program.statements]
    places = {made: place for place, made in enumerate(order)}
    numbers = [made.number for made in constants]
    steps = [(made.op.value, [places[arg] for arg in made.args]) for made in program.statements if made.op]
    results = [places[made] for made in program.outputs]

    def run(given: Sequence[float]) -> list[float]:
        store: list[Any] = [*given, *numbers]
        for value, args in steps:
            store.append(value(*[store[place] for place in args]))
        return [store[place] for place in results]

    return run
