"""Programs of arrays as text, in NumPy and in JAX, which says them by the same names."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_edu.engine import rules
from tinygrad_edu.program.forms import ATOM, POWER, PRODUCT, SIGN, Term
from tinygrad_edu.program.languages import _PRECEDENCE as PRECEDENCE
from tinygrad_edu.program.languages import JAX, NUMPY, Language, helpers
from tinygrad_edu.program.lift_arrays import (
    Array,
    Einsum,
    Fold,
    Part,
    Pick,
    Structure,
    in_order,
    list_value,
)  # fmt: skip


def expanded(
    outputs: Sequence[Array], said: Mapping[str, str], new: dict[Any, Array] | None = None
) -> list[Array]:
    """Return the outputs computed by the operations in ``said`` and by those that move numbers only.

    Args:
        outputs: the arrays to compute.
        said: the operations of the language.
        new: takes for every array the one that stands for it in the result.
    """
    new = {} if new is None else new
    for made in in_order(outputs, new):
        op: Any = made.op
        args = tuple([new.get(arg, arg) for arg in made.args])
        new[made] = _expanded(op, args, said)
    return [new.get(output, output) for output in outputs]


def _expanded(op: Any, args: tuple[Array, ...], said: Mapping[str, str]) -> Array:
    pool: Any = args[0].pool
    if isinstance(op, Structure) or op.name in said:
        return pool.apply(op, args)  # type: ignore[no-any-return]
    try:
        made = list_value(op, args) if op.over_lists else op.value(*args)
    except TypeError:  # a user's function of floats: Python calls it for one number after the other
        return pool.apply(op, args)  # type: ignore[no-any-return]
    return expanded([made], said, dict(zip(args, args, strict=True)))[0]


HELPERS = {
    "scatter": """\
def scatter(numbers, shape, index):
    result = np.zeros(shape)
    result[index] = numbers
    return result
""",
    "scatter_add": """\
def scatter_add(numbers, shape, index):  # index: the last axis at positions that repeat
    order = np.argsort(index[-1], kind="stable")
    positions = index[-1][order]
    starts = np.flatnonzero(np.diff(positions, prepend=-1))
    result = np.zeros(shape)
    result[..., positions[starts]] = np.add.reduceat(numbers[..., order], starts, axis=-1)
    return result
""",
    "scatter_rows": """\
def scatter_rows(numbers, shape, positions):  # each row at positions of its own
    result = np.zeros(shape)
    np.add.at(result, (np.arange(len(positions))[:, None], positions), numbers)
    return result
""",
}
"""What generated NumPy calls beside NumPy: the adjoints of picking numbers once, and more than once."""


class Text:
    """Writes a program of arrays.

    Args:
        outputs: the arrays to compute.
        names: what leaves, and arrays with a name of their own, are called.
        language: ``NUMPY`` or ``JAX``.
        batched: whether batched arrays have the axis of the examples, as they have when the program
            runs; without it, the program of one example is written.
        runs: whether the text is to run, or to be read; then it names operations that NumPy does not have.
        into: arrays that there are already, by name, for the results of some statements.

    Attributes:
        lines: the statements, in order; what is used once is written where it is used.
        written: the array that each line computes.
        results: the expressions for ``outputs``.
        constants: arrays that the text refers to by name.
    """

    def __init__(
        self,
        outputs: Sequence[Array],
        names: Mapping[Array, str],
        language: Language = NUMPY,
        batched: bool = True,
        runs: bool = True,
        into: Mapping[Array, str] | None = None,
    ) -> None:
        self.np = "jnp" if language is JAX else "np"
        self.language, self.batched, self.runs, self.into = language, batched, runs, into or {}
        self.lines: list[str] = []
        self.written: dict[Array, int] = {}
        self.names = names
        self.constants: dict[str, Any] = {}
        order = in_order(outputs)
        uses = Counter([arg for made in order for arg in made.args] + [*outputs] * 2)
        self.terms: dict[Array, Term] = {made: Term(name) for made, name in names.items() if made.op is None}
        for made in order:
            target = self.into.get(made)
            term = self._into(made, target) if target else self._term(made)
            nested = sum(term.count(mark) for mark in "(+-*/")
            if target:
                self.terms[made] = Term(target)
            elif made in names or (uses[made] > 1 and not term.isidentifier()) or nested > 12:
                self._line(made, term)
            else:
                self.terms[made] = term
        self.results = [self.argument(made) for made in outputs]

    def _into(self, made: Array, target: str) -> Term:
        """Write a statement that puts its result into an array that there is."""
        if isinstance(made.op, Einsum):
            call = self._einsum(made)
            if " @ " in call and call.precedence == PRODUCT:
                x, y = call.split(" @ ")
                if "@" not in y and "(" not in x + y:
                    self.lines.append(f"np.matmul({x}, {y}, out={target})")
                    return call
        self.lines.append(f"{target}[...] = {self._term(made)}")
        return Term(target)

    def _line(self, made: Array, term: Term) -> Term:
        """Write the line that computes an array, and return its name."""
        name = self.terms[made] = Term(self.names.get(made, f"v{len(self.lines) + 1}"))
        self.lines.append(f"{name} = {term}")
        self.written[made] = len(self.written)
        return name

    def _to_read(self, op: Any, row: list[Term], made: Array) -> Term:
        """Write an operation that NumPy does not have."""
        if op.name == "power":
            return Term(f"{row[0]:ATOM}**{op.parameters['n']:g}", POWER)
        parameters = [repr(number) for number in op.parameters.values()]
        if op.over_lists and op.name in ("sum", "mean", "max", "min", "prod"):
            parameters = ["axis=-1"] * (len(made.shape) > 0)
            return Term(f"np.{op.name}({', '.join([*row, *parameters])})")
        return Term(f"{op.name}({', '.join([*row, *parameters])})")

    def argument(self, arg: Array) -> Term:
        """Write an array where it is used."""
        if arg.number is not None:
            digits = repr(abs(arg.number)).replace("inf", f"{self.np}.inf").replace("nan", f"{self.np}.nan")
            return Term(f"-{digits}", SIGN) if math.copysign(1.0, arg.number) < 0 else Term(digits)
        if arg.numbers is not None and arg not in self.terms:
            self.terms[arg] = Term(self._constant(arg.numbers, float, arg.shape))
        return self.terms[arg]

    def _constant(self, numbers: Any, kind: Any, shape: Any) -> str:
        import numpy as np

        array = np.frombuffer(numbers, np.int64) if isinstance(numbers, bytes) else np.array(numbers, kind)
        array = array.reshape(shape)
        for name, other in self.constants.items():
            if other.shape == array.shape and other.dtype == array.dtype and (other == array).all():
                return name
        name = f"c{len(self.constants) + 1}"
        self.constants[name] = array
        return name

    def _term(self, made: Array) -> Term:
        op: Any = made.op
        row = [self.argument(arg) for arg in made.args]
        if isinstance(op, Structure):
            write: Callable[..., Term] = getattr(self, f"_{op.name}")
            return write(made)
        template = self.language.said.get(op.name)
        if template is not None:
            for place, arg in enumerate(made.args):
                if template.count(f"{{{place}") > 1 and arg.op is not None and arg not in self.written:
                    row[place] = self._line(arg, row[place])
            return Term(template.replace(":NAME", "").format(*row), PRECEDENCE.get(op.name, ATOM))
        if not self.runs:
            return self._to_read(op, row, made)
        import numpy as np

        name = f"f{len(self.constants) + 1}"
        self.constants[name] = np.vectorize(op.value, otypes=[float])
        return Term(f"{name}({', '.join(row)})")

    # --- The operations that are not in the table ---

    def _is_batched(self, made: Array) -> bool:
        return self.batched and made.batched

    def _sizes(self, made: Array, shape: Any = None) -> str:
        """Write the shape that an array has when the program runs."""
        sizes = [str(n) for n in (made.shape if shape is None else shape)]
        sizes = ["n"] * self._is_batched(made) + sizes
        return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})" if sizes else "(())"

    def _same(self, made: Array) -> Term:
        return self.argument(made.args[0])

    def _reshape(self, made: Array) -> Term:
        (arg,) = made.args
        if isinstance(arg.op, Fold) and made.shape == arg.shape[:-1] and arg not in self.written:
            return Term(self.argument(arg).replace(", keepdims=True", ""))
        text = f"{self.argument(arg):ATOM}"
        if made.shape == arg.shape[:-1] and arg.shape[-1] == 1:
            return Term(f"{text}[..., 0]")
        if made.shape == (*arg.shape, 1):
            return Term(f"{text}[..., None]")
        return Term(f"{text}.reshape{self._sizes(made)}")

    def _transpose(self, made: Array) -> Term:
        (arg,), axes = made.args, made.op.key[0]
        text = f"{self.argument(arg):ATOM}"
        if self._is_batched(arg):
            axes = (0, *[axis + 1 for axis in axes])
        return Term(f"{text}.T" if axes == (1, 0) else f"{text}.transpose{axes}")

    def _part(self, made: Array) -> Term:
        (arg,) = made.args
        return Term(f"{self.argument(arg):ATOM}[{self._index(made.op, arg)}]")

    def _index(self, op: Part, arg: Array) -> str:
        places = [":"] * self._is_batched(arg)
        for place, n in zip(op.key[0], arg.shape, strict=True):
            if isinstance(place, int):
                places.append(str(place))
                continue
            start, stop, step = place
            text = f"{start or ''}:{stop if stop < n else ''}"
            places.append(text if step == 1 else f"{text}:{step}")
        return ", ".join(places)

    def _take(self, made: Array) -> Term:
        (arg,) = made.args
        positions = self._constant(made.op.key[0], int, made.shape)
        text = f"{self.argument(arg):ATOM}"
        if len(arg.shape) > 1:
            text += f".reshape{self._sizes(arg, (math.prod(arg.shape),))}"
        return Term(f"{text}[{':, ' * self._is_batched(arg)}{positions}]")

    def _pick(self, made: Array) -> Term:
        source, choice = made.args
        rows = self._rows(made.op, choice)
        text = f"{self.argument(source):ATOM}"
        if not source.batched:
            return Term(f"{text}.reshape(-1)[{rows}].reshape{self._sizes(made)}")
        flat = text if len(source.shape) == 1 else f"{text}.reshape(n, -1)"
        found = f"{self.np}.take_along_axis({flat}, {rows}, -1)"
        if made.shape == ():
            return Term(f"{found}[:, 0]")
        return Term(found if len(made.shape) == 1 else f"{found}.reshape{self._sizes(made)}")

    def _rows(self, op: Pick, choice: Array) -> str:
        """Write the positions that each example takes."""
        positions = self._constant(op.key[0], int, (-1, math.prod(op.key[1])))
        return f"{positions}[{self.argument(choice)}]"

    def _scatter(self, made: Array) -> Term:
        (arg, *others), (taken, shape) = made.args, made.op.key
        if isinstance(taken, Pick):
            rows = self._rows(taken, others[0])
            flat = f"{self.argument(arg):ATOM}.reshape(n, -1)"
            text = f"scatter_rows({flat}, (n, {math.prod(shape)}), {rows})"
            return Term(text if len(shape) == 1 else f"{text}.reshape{self._sizes(made)}")
        if isinstance(taken, Part):
            index = self._index(taken, made)
            return Term(f"scatter({self.argument(arg)}, {self._sizes(made)}, np.s_[{index}])")
        positions = self._constant(taken.key[0], int, (math.prod(taken.key[1]),))
        sizes = self._sizes(made, (math.prod(shape),))
        flat = f"{self.argument(arg):ATOM}.reshape{self._sizes(made, (math.prod(arg.shape),))}"
        unique = len({*self.constants[positions].tolist()}) == len(self.constants[positions])
        name = "scatter" if unique else "scatter_add"
        text = f"{name}({flat}, {sizes}, np.s_[..., {positions}])"
        return Term(text if len(shape) == 1 else f"{text}.reshape{self._sizes(made)}")

    def _concatenate(self, made: Array) -> Term:
        parts = []
        for arg in made.args:
            text = self.argument(arg)
            if self._is_batched(made) and not arg.batched:
                text = Term(f"{self.np}.broadcast_to({text}, {self._sizes(made, arg.shape)})")
            parts.append(text)
        return Term(f"{self.np}.concatenate([{', '.join(parts)}], axis=-1)")

    def _broadcast(self, made: Array) -> Term:
        (arg,) = made.args
        text = self.argument(arg)
        if self._is_batched(arg) and len(arg.shape) < len(made.shape):
            padded = (1,) * (len(made.shape) - len(arg.shape)) + arg.shape
            text = Term(f"{text:ATOM}.reshape{self._sizes(arg, padded)}")
        return Term(f"{self.np}.broadcast_to({text}, {self._sizes(made)})")

    def _sumto(self, made: Array) -> Term:
        (arg,) = made.args
        shape, batched = made.op.key
        first = self._is_batched(arg)
        axes = [0] if first and not batched else []
        ahead = len(arg.shape) - len(shape)
        axes += [first + axis for axis in range(ahead)]
        kept = [axis for axis, n in enumerate(shape) if n != arg.shape[ahead + axis]]
        axes += [first + ahead + axis for axis in kept]
        text = f"{self.argument(arg):ATOM}.sum(axis={axes[0] if len(axes) == 1 else tuple(axes)})"
        return Term(f"{text}.reshape{self._sizes(made)}" if kept else text)

    def _fold(self, made: Array) -> Term:
        name = "sum" if made.op.key[0] is rules.add else "max"
        return Term(f"{self.argument(made.args[0]):ATOM}.{name}(axis=-1, keepdims=True)")

    def _einsum(self, made: Array) -> Term:
        x, y, z = [letters if self.batched else letters.replace("b", "") for letters in made.op.key]
        texts = [f"{self.argument(arg):ATOM}" for arg in made.args]
        return _contracted(x, y, z, texts[0], texts[1], self.np)


def _contracted(x: str, y: str, z: str, x_text: str, y_text: str, np: str) -> Term:
    """Write an Einsum by ``@``, where it is a product of matrices and vectors."""
    shared = [letter for letter in x if letter in y]
    summed = [letter for letter in shared if letter not in z]
    if set(x + y) - set(z) == {*summed} and len(summed) == 1 and len(shared) == 1:
        if (
            z
            and z == z.replace("".join([c for c in x if c in z]), "") + "".join([c for c in x if c in z])
            and x != summed[0]
            and y != summed[0]
        ):
            x, y, x_text, y_text = y, x, y_text, x_text  # as the result begins with the axes of y
        k = summed[0]
        if len(x) <= 2 and len(y) <= 2:
            left = x_text if x[-1] == k else f"{x_text}.T"
            right = y_text if y[0] == k else f"{y_text}.T"
            if len(y) == 2 and len(x) == 1:  # a vector times a matrix, written as a matrix times a vector
                return Term(f"{y_text if y[-1] == k else y_text + '.T'} @ {x_text}", PRODUCT)
            return Term(f"{left} @ {right}", PRODUCT)
    if {*x, *y} == {*z}:
        ordered = [[letter for letter in z if letter in letters] == [*letters] for letters in (x, y)]
        if all(ordered):
            return Term(f"{_aligned(x_text, x, z)} * {_aligned(y_text, y, z)}", PRODUCT)
    return Term(f'{np}.einsum("{x},{y}->{z}", {x_text}, {y_text})')


def _aligned(text: str, letters: str, z: str) -> str:
    """Write an array with axes of length 1 where it lacks an axis of ``z``."""
    index = ", ".join([":" if letter in letters else "None" for letter in z])
    return f"{text}[{index}]" if len(letters) and letters != z else text


def source(arguments: Sequence[str], text: Text, name: str = "lifted") -> str:
    """Return a whole module: imports, helpers, and the function that computes the results.

    Args:
        arguments: of the function; "n", the number of examples, among them if arrays are batched.
        text: the program.
        name: of the function.

    Raises:
        ValueError: if an operation is a Python function of floats.
    """
    for constant in text.constants.values():
        if callable(constant):
            raise ValueError(
                "an operation is a Python function of floats and cannot be written: "
                "give its value as an expression over operations of the table"
            )
    constants = [f"{key} = {text.np}.array({array.tolist()!r})" for key, array in text.constants.items()]
    np = "import jax.numpy as jnp" if text.np == "jnp" else "import numpy as np"
    return "\n".join(
        [
            "import math",
            np,
            *_helpers(text),
            *constants,
            "",
            _function(arguments, text.lines, text.results, name),
        ]
    )


def _helpers(text: Text) -> list[str]:
    return helpers(
        [*text.lines, *text.results], text.language._replace(helpers=HELPERS | text.language.helpers)
    )


def _function(arguments: Sequence[str], lines: Sequence[str], results: Sequence[str], name: str) -> str:
    returned = f"    return {', '.join(results)}{',' * (len(results) == 1)}"
    return "\n".join(
        [f"def {name}({', '.join(arguments)}):", *[f"    {line}" for line in lines], returned, ""]
    )


def compiled(
    arguments: Sequence[str], text: Text, returned: int, copies: Sequence[tuple[str, Array]] = ()
) -> Callable[..., Any]:
    """Return the function that computes a program.

    Args:
        arguments: as for ``source``.
        text: the program.
        returned: how many of its results the function returns, as a tuple.
        copies: arrays to write results into, by name, beside those of the text itself.
    """
    import numpy as np

    scope: dict[str, Any] = {"np": np, "math": math, **text.constants}
    lines = [*text.lines, *[f"{target}[...] = {text.argument(made)}" for target, made in copies]]
    function = _function(arguments, lines, text.results[:returned], "lifted")
    exec("\n".join([*_helpers(text), function]), scope)
    run: Callable[..., Any] = scope["lifted"]
    return run
