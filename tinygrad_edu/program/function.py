"""``function``: a recorded graph that runs again with other numbers, and so do its derivatives."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_edu._common.text import one_line
from tinygrad_edu.engine import common, derivatives
from tinygrad_edu.engine.errors import DOMAINS, expect_values
from tinygrad_edu.engine.op import TABLE
from tinygrad_edu.engine.rules import greater, where
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.program import forms
from tinygrad_edu.program.arrays import batch_function
from tinygrad_edu.program.derivatives import Derivative, forward, reverse
from tinygrad_edu.program.python import LARGEST, Arguments, runnable
from tinygrad_edu.program.source import source
from tinygrad_edu.program.statements import Program, Statement, record
from tinygrad_edu.program.structure import (
    Arrangement,
    counted,
    numbers,
    put_together,
    size,
    take_apart,
    written,
)

if TYPE_CHECKING:
    from tinygrad_edu.program.lift import Lifted
    from tinygrad_edu.program.machine import Machine

_SHOWN = 200
"""How many statements str() shows."""

_BUILT_IN = {*TABLE}


class BranchError(ValueError):
    """A comparison of Values would go otherwise than it went when the function was recorded."""


class Comparison(NamedTuple):
    """A comparison of Values that a callable made while it was recorded.

    Attributes:
        sign: <, <=, > or >=.
        left: what stands left of the sign.
        right: what stands right of it.
        held: whether it held.
    """

    sign: str
    left: Statement
    right: Statement
    held: bool


def function(inputs: Any, outputs: Any) -> "Function":
    """Return a function that computes recorded Values again from other numbers, with derivatives.

    Args:
        inputs: Values of a graph, leaves or not: one, or lists, tuples or dictionaries of them. The graph
            is cut there. The top level is the argument list: ``function([a, b], y)`` is called
            ``f(1.5, 1.2)``, ``function([W, x], y)`` as ``f(W, x)``, a dictionary by keyword. Or a Python
            callable that computes Values from Values.
        outputs: what to compute: one Value, or lists, tuples or dictionaries of them; all that these depend
            on beside the inputs keeps its present number. For a callable, numbers to record it with.

    Raises:
        TypeError: if something else than a Value is among the inputs or outputs.
        StaleError: if a number was assigned after a Value was computed from it.
        ValueError: if an input stands twice, or an operation was given as a ``_backward``; of a callable,
            if it does not follow from its recording what it computes from other numbers.

    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0, "a"), Value(3.0, "b")
    >>> f = function([a, b], a * b + b**3)
    >>> f(1.5, 2.0), f.gradient(1.5, 2.0), f.hessian(1.5, 2.0)
    (11.0, [2.0, 13.5], [[0.0, 1.0], [1.0, 12.0]])
    >>> print(f)
    v1: a
    v2: b
    v3: a·b
    v4: b³
    v5: v3 + v4
    output: v5
    """
    if callable(inputs):
        return _of_callable(inputs, outputs)
    arrangement, sources = take_apart(inputs)
    result, results = take_apart(outputs)
    expect_values("function(inputs, outputs) takes", *sources)
    program = record(sources, [_as_value(value) for value in results])
    return Function(arrangement, result, program, [], [value.data for value in sources])


def _as_value(output: Any) -> Value:
    return output if isinstance(output, Value) else Value(output)


def _is_partial(made: Statement) -> bool:
    """Return whether an operation may have no value at finite numbers."""
    assert made.op is not None
    if made.op.name == "div" and made.args[1].number:
        return False
    return made.op.name in DOMAINS or made.op.name not in _BUILT_IN


def _is_something(term: Derivative) -> bool:
    """Return whether a derivative is not 0 everywhere."""
    return term.number != 0 if isinstance(term, Statement) else term != 0


def _of_callable(run: Callable[..., Any], example: Any) -> "Function":
    """Record what a callable computes from an example, and test that from other numbers it does the same."""
    arrangement, _ = take_apart(example)
    sources, outputs, made = _traced(run, arrangement, numbers(arrangement, example, "the example"))
    result, results = take_apart(outputs)
    sides = [_as_value(side) for _, x, y, _ in made for side in (x, y)]
    program = record(sources, [*map(_as_value, results), *sides])
    recorded = iter(program.outputs[len(results) :])
    comparisons = [
        Comparison(sign, left, right, held)
        for (sign, _, _, held), left, right in zip(made, recorded, recorded, strict=False)
    ]
    program = Program(program.inputs, program.outputs[: len(results)])
    f = Function(arrangement, result, program, comparisons, [value.data for value in sources])
    for point in f._points():
        try:
            again = [_as_value(value).data for value in take_apart(_traced(run, arrangement, point)[1])[1]]
            here = [value.data for value in f._graph(point)[1]]
        except ValueError:
            continue  # outside its domain, or in another branch
        if len(again) != len(here) or not all(map(_near, again, here)):
            raise ValueError(
                "what was recorded does not compute what the callable computes from other numbers, "
                f"{again[:3]} instead of {here[:3]}: does it use .data, or random numbers?"
            )
    return f


def _top(arrangement: Arrangement) -> list[Arrangement]:
    if isinstance(arrangement, int):
        return [arrangement]
    return [*arrangement.values()] if isinstance(arrangement, dict) else [*arrangement]


def _names(run: Callable[..., Any], arrangement: Arrangement) -> Sequence[str]:
    """Return what a callable calls its arguments, nothing if that is not known."""
    if isinstance(arrangement, dict):
        return [*arrangement]
    code = getattr(run, "__code__", None)
    return code.co_varnames[: code.co_argcount] if code else ()


def _traced(
    run: Callable[..., Any], arrangement: Arrangement, row: Sequence[float]
) -> tuple[list[Value], Any, Any]:
    """Return Values of these numbers, what the callable computes from them, and the comparisons it makes."""
    values = [Value(number) for number in row]
    for label, inner in zip(_names(run, arrangement), _top(arrangement), strict=False):
        if isinstance(inner, int):
            values[inner].label = label
    given = put_together(arrangement, values)
    before, common.comparisons = common.comparisons, []
    try:
        if isinstance(arrangement, dict):
            outputs = run(**given)
        elif isinstance(arrangement, int):
            outputs = run(given)
        else:
            outputs = run(*given)
        return values, outputs, common.comparisons
    finally:
        common.comparisons = before


def _steps(program: Program, row: Sequence[float]) -> Iterator[tuple[Statement, Value]]:
    """Run a program in the engine, and yield each statement with its Value."""
    known: dict[Statement, Any] = {made: made.number for made in program.names if made.number is not None}
    for made, number in zip(program.inputs, row, strict=True):
        known[made] = Value(number, label=made.label)
        yield made, known[made]
    for made in program.statements:
        assert made.op is not None
        value = known[made] = Value._record(made.op, [known[arg] for arg in made.args])
        value.label = made.label
        yield made, value


def _expect_same(comparison: Comparison, known: Mapping[Statement, Value]) -> None:
    """Raise a BranchError if a comparison goes otherwise than it went when it was recorded."""
    sign, left, right, held = comparison
    x, y = [side.number if side.number is not None else known[side].data for side in (left, right)]
    if {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[sign] != held:
        written = [
            repr(number) if side.number is not None else one_line(side.label) or f"{side!r:.40} = {number!r}"
            for side, number in ((left, x), (right, y))
        ]
        raise BranchError(
            f"{written[0]} {sign} {written[1]} was {held} when the function was recorded, and is {not held} "
            f"for {x!r} and {y!r}: record it again, or keep both branches with where(…) of tinygrad_edu"
        )


def _near(x: float, y: float, scale: float = 0.0) -> bool:
    return x == y or x != x != y or abs(x - y) <= 1e-9 * max(abs(x), abs(y), scale)


class Function:
    """What :func:`function` returns: recorded Values as a function of numbers.

    Every function below is made when it is first used, and compared with the engine on some numbers then.
    Where a result is not finite, or something else is unusual, the engine computes it again, and returns
    or raises what it does for Values.

    Attributes:
        program: the statements, with the inputs and outputs in one row.
        arrangement: how the inputs are arranged.
        result: how the outputs are arranged.
    """

    def __init__(
        self, arrangement: Arrangement, result: Arrangement, program: Program,
        comparisons: Sequence[Comparison], recorded: Sequence[float],
    ) -> None:  # fmt: skip
        if not program.outputs:
            raise ValueError("function(inputs, outputs) needs at least one output")
        self.program, self.arrangement, self.result = program, arrangement, result
        self._pool = program.outputs[0].pool
        self._comparisons, self._recorded = comparisons, recorded
        sides = [side for comparison in comparisons for side in (comparison.left, comparison.right)]
        self._all = Program(program.inputs, [*program.outputs, *sides]) if sides else program
        self._valid: Derivative = 1.0  # becomes 0 in another branch
        for sign, left, right, held in comparisons:
            swapped, strict = sign in ("<", ">="), sign in "<>"
            answer = greater(right, left) if swapped else greater(left, right)
            self._valid = self._valid * (answer if held == strict else 1.0 - answer)

    def __str__(self) -> str:
        """Return the statements, numbered, with the labels of the graph."""
        program = self.program
        labels = {made: one_line(made.label) for made in program.names}
        count = Counter(labels.values())
        names = program.names
        terms = {
            made: forms.number(made.number, exact=True) if made.number is not None
            else forms.Term(labels[made] if labels[made] and count[labels[made]] == 1 else names[made])
            for made in names
        }  # fmt: skip
        lines = [f"{names[made]}: {labels[made] or 'an input'}" for made in program.inputs]
        for made in program.statements[:_SHOWN]:
            assert made.op is not None
            text = forms.write(made.op, [terms[arg] for arg in made.args])
            lines.append(f"{names[made]}: {f'{labels[made]} = ' if labels[made] else ''}{text}")
        if len(program.statements) > _SHOWN:
            lines.append(f"… and {len(program.statements) - _SHOWN} more")
        lines.append(f"output: {written(self.result, [terms[made] for made in program.outputs])}")
        used = {arg for made in program.statements for arg in made.args} | {*program.outputs}
        idle = [terms[made] for made in program.inputs if made not in used]
        if idle:
            lines.append(f"no output depends on {', '.join(idle)}: derivatives along it are 0")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Function of {self._count}, {len(self.program.statements)} statements>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": f"```text\n{self}\n```", "text/plain": str(self)}

    # --- Calling ---

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Return the outputs for these inputs, arranged as the recorded ones were.

        Raises:
            TypeError, ValueError: if the inputs are not arranged as recorded; the message says which.
            DomainError: where an operation has no value.
            BranchError: if a comparison goes otherwise than it went when the function was recorded.
        """
        return self.value(*args, **named)

    @cached_property
    def value(self) -> Callable[..., Any]:
        """The outputs as a function of the inputs."""
        return self._made("value", self.program.outputs, self.result, self._values)

    @cached_property
    def gradient(self) -> Callable[..., Any]:
        """The derivatives of the output along the inputs, arranged as these, as a function of them.

        This is the generated function itself, with nothing around it.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> function([a, b], a * b).gradient(2.0, 5.0)
        [5.0, 2.0]
        """
        return self._made("gradient", self._gradient, self.arrangement, self._engine_jacobian)

    @cached_property
    def value_and_gradient(self) -> Callable[..., Any]:
        """The output, and its derivatives along the inputs.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> function([a, b], a * b).value_and_gradient(2.0, 5.0)
        (10.0, [5.0, 2.0])
        """
        arrangement = (0, counted(self.arrangement, 1))
        terms = [*self.program.outputs, *self._gradient]
        return self._made("value_and_gradient", terms, arrangement, self._outputs_and_jacobian)

    @cached_property
    def jacobian(self) -> Callable[..., Any]:
        """The derivatives of all outputs: arranged as the outputs, with the arranged inputs in each place.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> function([a, b], [a * b, a]).jacobian(2.0, 5.0)
        [[5.0, 2.0], [1.0, 0.0]]
        """
        rows = [counted(self.arrangement, i * self._count) for i in range(len(self.program.outputs))]
        terms = self._dense(self._jacobian, len(self.program.outputs))
        return self._made("jacobian", terms, put_together(self.result, rows), self._engine_jacobian)

    @cached_property
    def sparse_jacobian(self) -> Callable[..., Any]:
        """The derivatives of all outputs that are not 0 whatever the inputs, in a dictionary.

        The keys are pairs: the output's place among all outputs in one row, and the input's among inputs.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> function([a, b], [a * b, a]).sparse_jacobian(2.0, 5.0)
        {(0, 0): 5.0, (0, 1): 2.0, (1, 0): 1.0}
        """
        return self._sparse("sparse_jacobian", self._jacobian, self._engine_jacobian)

    @cached_property
    def hessian(self) -> Callable[..., Any]:
        """The second derivatives: arranged as the inputs, with the arranged inputs in each place.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> function([a, b], a * b).hessian(2.0, 5.0)
        [[0.0, 1.0], [1.0, 0.0]]
        """
        rows = [counted(self.arrangement, i * self._count) for i in range(self._count)]
        terms = self._dense(self._hessian, self._count)
        return self._made("hessian", terms, put_together(self.arrangement, rows), self._engine_hessian)

    @cached_property
    def sparse_hessian(self) -> Callable[..., Any]:
        """The second derivatives that are not 0 whatever the inputs, in a dictionary.

        The keys are pairs of places in the row of inputs. Both (i, j) and (j, i) are there.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> function([a, b], a * b).sparse_hessian(2.0, 5.0)
        {(0, 1): 1.0, (1, 0): 1.0}
        """
        return self._sparse("sparse_hessian", self._hessian, self._engine_hessian)

    def _sparse(
        self, name: str, terms: dict[tuple[int, int], Derivative], engine: Callable[..., list[float]]
    ) -> Callable[..., Any]:
        keys = sorted(terms)

        def some(row: Sequence[float]) -> list[float]:
            dense = engine(row)
            return [dense[i * self._count + j] for i, j in keys]

        arrangement = {key: place for place, key in enumerate(keys)}
        return self._made(name, [terms[key] for key in keys], arrangement, some)

    @cached_property
    def jvp(self) -> Callable[..., Any]:
        """The Jacobian times a vector: how fast the outputs change as the inputs do.

        Called as ``f.jvp(inputs, tangents)``: both arranged as ``inputs`` of :func:`function` was.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> function([a, b], [a * b, a]).jvp([2.0, 5.0], [1.0, 10.0])
        [25.0, 1.0]
        """

        def engine(row: Sequence[float]) -> list[float]:
            inputs, outputs = self._graph(row[: self._count])
            return derivatives.jvp(outputs, inputs, row[self._count :])

        vector = [self._pool.input() for _ in self.program.inputs]
        terms = forward(dict(zip(self.program.inputs, vector, strict=True)), self.program.outputs)
        return self._made("jvp", terms, self.result, engine, ("tangents", vector, self.arrangement))

    @cached_property
    def vjp(self) -> Callable[..., Any]:
        """A vector times the Jacobian: the derivatives along the inputs of a weighted sum of the outputs.

        Called as ``f.vjp(inputs, cotangents)``, these arranged as the outputs.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> function([a, b], [a * b, a]).vjp([2.0, 5.0], [1.0, 10.0])
        [15.0, 2.0]
        """

        def engine(row: Sequence[float]) -> list[float]:
            inputs, outputs = self._graph(row[: self._count])
            return derivatives.vjp(outputs, inputs, row[self._count :])

        vector = [self._pool.input() for _ in self.program.outputs]
        seeds: dict[Statement, Derivative] = {}
        for output, weight in zip(self.program.outputs, vector, strict=True):
            seeds[output] = seeds[output] + weight if output in seeds else weight
        terms = reverse(seeds, self.program.inputs)
        return self._made("vjp", terms, self.arrangement, engine, ("cotangents", vector, self.result))

    @cached_property
    def hessian_vector_product(self) -> Callable[..., Any]:
        """The Hessian times a vector: how fast the derivatives change as the inputs do.

        Called as ``f.hessian_vector_product(inputs, vector)``: both arranged as ``inputs`` was.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> function([a, b], a * b).hessian_vector_product([2.0, 5.0], [1.0, 10.0])
        [10.0, 1.0]
        """

        def engine(row: Sequence[float]) -> list[float]:
            inputs, outputs = self._graph(row[: self._count])
            return derivatives.hessian_vector_product(outputs[0], inputs, row[self._count :])

        vector = [self._pool.input() for _ in self.program.inputs]
        slopes = [self._statement(term) for term in self._gradient]
        terms = forward(dict(zip(self.program.inputs, vector, strict=True)), slopes)
        second = "vector", vector, self.arrangement
        return self._made("hessian_vector_product", terms, self.arrangement, engine, second)

    # --- Elsewhere ---

    @cached_property
    def batch(self) -> Callable[[Any], Any]:
        """The outputs for many examples at once, in NumPy.

        Called with an array of shape (examples, inputs), it returns the outputs, of shape (examples,
        outputs), or (examples,) if the function has one Value as output. If an example is outside the
        function's domain, the error says which row.

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> import numpy as np
        >>> function([a, b], a * b).batch(np.array([[2.0, 5.0], [3.0, 7.0]])).tolist()
        [10.0, 21.0]
        """
        rows = self._batch(self.program.outputs, lambda args, named: self.value(*args, **named))
        return (lambda X: rows(X)[:, 0]) if self.result == 0 else rows

    @cached_property
    def batch_gradient(self) -> Callable[[Any], Any]:
        """The derivatives of the output for many examples at once, of shape (examples, inputs).

        >>> from tinygrad_edu import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> import numpy as np
        >>> function([a, b], a * b).batch_gradient(np.array([[2.0, 5.0], [3.0, 7.0]])).tolist()
        [[5.0, 2.0], [7.0, 3.0]]
        """
        return self._batch(self._gradient, lambda args, named: self.gradient(*args, **named))

    def _batch(self, terms: Sequence[Derivative], single: Callable[..., Any]) -> Callable[[Any], Any]:
        def row(numbers: list[float]) -> list[float]:
            return take_apart(single(*self._arguments.arranged(numbers)))[1]

        labels = [one_line(made.label) for made in self.program.inputs]
        names = [label or f"input {place}" for place, label in enumerate(labels, 1)]
        program = self._checked(self._valid_program(terms))
        return batch_function(program, len(terms), names, row)

    def compiled(self) -> "Machine":
        """Return machine code that computes outputs and derivatives, in buffers that each call uses again.

        Raises:
            OSError: if there is no C compiler.
            ValueError: if a user's operation cannot be expressed in C.
            RuntimeError: if it differs from the engine.

        >>> from tinygrad_edu import Value
        >>> x = Value(2.0, "x")
        >>> machine = function(x, x**3).compiled()  # doctest: +SKIP
        >>> machine.inputs[0] = 1.5  # doctest: +SKIP
        >>> machine.run()  # doctest: +SKIP
        >>> machine.outputs[0], machine.gradient[0]  # doctest: +SKIP
        (3.375, 6.75)
        """
        from tinygrad_edu.program.machine import Machine  # subprocess and ctypes take time to import

        machine = Machine(self.source("c"), self._count, len(self.program.outputs))

        def run(*row: float) -> list[float]:
            machine.inputs[:] = [*row]
            machine.run()
            return [*machine.outputs, *machine.gradient]

        arguments = Arguments(self._arguments.names, [0] * self._count)
        self._verify(run, "the machine code", arguments, self._outputs_and_jacobian)
        return machine

    def lifted(self, batched: Iterable[int | str] = ()) -> "Lifted":
        """Return the outputs as a program of arrays: the formulas of a textbook for a network of Values.

        Args:
            batched: the arguments of which there is one for each example, by position or name: the program
                computes many examples at once. The other arguments are shared by all.

        Raises:
            ImportError: if NumPy is not installed.
            ValueError: if there is no such argument.
            BranchError: if Values were compared while the function was recorded.
            RuntimeError: if it differs from the engine.

        >>> from tinygrad_edu import Value, dot
        >>> i = [Value(0.05, "i1"), Value(0.1, "i2")]
        >>> w = [[Value(0.15, "w1"), Value(0.2, "w2")], [Value(0.25, "w3"), Value(0.3, "w4")]]
        >>> h = [dot(row, i).tanh() for row in w]
        >>> h[0].label, h[1].label = "h1", "h2"
        >>> print(function([w, i], h).lifted())
        h = np.tanh(W @ i)  # h1 = tanh(w1·i1 + w2·i2)
                            # h2 = tanh(w3·i1 + w4·i2)
        """
        from tinygrad_edu.program.lift import Lifted

        for sign, *_ in self._comparisons:
            raise BranchError(
                f"a function that compares Values ({sign}) is not lifted: keep both branches with where(…)"
            )
        wanted, given, first = {*batched}, [], 0
        pairs = zip(self._arguments.names, self._arguments.arrangements, strict=True)
        for place, (name, arrangement) in enumerate(pairs):
            inputs = self.program.inputs[first : (first := first + size(arrangement))]
            if not wanted.isdisjoint((place, name)):
                given += inputs
                wanted -= {place, name}
        for other in wanted:
            raise ValueError(f"there is no argument {other!r} of {', '.join(self._arguments.names)}")
        lifted = Lifted(self.program, given, [len(self.program.outputs)])

        def run(*row: float) -> list[float]:
            numbers: list[float] = lifted(*lifted.arrays(row))[0].ravel().tolist()
            return numbers

        arguments = Arguments(self._arguments.names, [0] * self._count)
        self._verify(run, "the lifted program", arguments, self._values)
        return lifted

    def source(self, language: str) -> str:
        """Return a function ``f`` in a language that returns the outputs and their derivatives.

        It takes what this function takes, dictionaries as lists in their order. For one Value as output it
        returns the output and its gradient, else the outputs and the Jacobian. Nothing of the language need
        be installed. Where a comparison would go otherwise than recorded, it returns NaN.

        Args:
            language: "python", "numpy" or "torch" (each input a number or an array of them), "jax" (runs
                under jit, grad and vmap), "javascript" (an ES module), or "c" (a complete file; inputs and
                results are arrays of numbers in one row).

        Raises:
            UnknownNameError: if there is no such language.
            ValueError: if a user's operation cannot be expressed in it.

        >>> from tinygrad_edu import Value
        >>> x = Value(2.0, "x")
        >>> print(function(x, x**3).source("python"))
        # v1: x
        def f(v1):
            v2 = v1*v1
            v3 = v2*v1
            v4 = 3.0*v2
            return v3, v4
        <BLANKLINE>
        """
        outputs = self.program.outputs
        terms = self._dense(self._jacobian, len(outputs))
        rows = [counted(self.arrangement, len(outputs) + i * self._count) for i in range(len(outputs))]
        program = self._valid_program([*outputs, *terms])
        arguments = self._arguments.arrangements
        return source(language, program, arguments, [self.result, put_together(self.result, rows)])

    # --- Derivatives as statements ---

    @property
    def _count(self) -> int:
        return len(self.program.inputs)

    @cached_property
    def _gradient(self) -> list[Derivative]:
        if self.result != 0:
            raise ValueError(
                f"a gradient is of one output, and this function has {len(self.program.outputs)} in a list "
                "or dictionary: use jacobian or vjp, or give one Value as outputs"
            )
        return reverse({self.program.outputs[0]: 1.0}, self.program.inputs)

    @cached_property
    def _jacobian(self) -> dict[tuple[int, int], Derivative]:
        outputs, inputs = self.program.outputs, self.program.inputs
        if len(inputs) < len(outputs):
            columns = [forward({source: 1.0}, outputs) for source in inputs]
            terms = {(i, j): term for j, column in enumerate(columns) for i, term in enumerate(column)}
        else:
            rows = [reverse({output: 1.0}, inputs) for output in outputs]
            terms = {(i, j): term for i, row in enumerate(rows) for j, term in enumerate(row)}
        return {place: term for place, term in terms.items() if _is_something(term)}

    @cached_property
    def _hessian(self) -> dict[tuple[int, int], Derivative]:
        terms = {}
        for i, slope in enumerate(self._gradient):
            if isinstance(slope, Statement):
                for j, term in enumerate(reverse({slope: 1.0}, self.program.inputs[: i + 1])):
                    if _is_something(term):
                        terms[i, j] = terms[j, i] = term
        return terms

    def _dense(self, terms: dict[tuple[int, int], Derivative], rows: int) -> list[Derivative]:
        return [terms.get((i, j), 0.0) for i in range(rows) for j in range(self._count)]

    def _statement(self, term: Derivative) -> Statement:
        return self._pool.number(term) if isinstance(term, float) else term

    def _valid_program(self, terms: Sequence[Derivative], more_inputs: Sequence[Statement] = ()) -> Program:
        """Return the program of these terms, NaN where a comparison goes otherwise than recorded."""
        if not isinstance(self._valid, float) and self._valid.number != 1:
            terms = [where(self._valid, term, math.nan) for term in terms]
        return Program([*self.program.inputs, *more_inputs], [self._statement(term) for term in terms])

    def _checked(self, program: Program) -> Program:
        """Return a program that computes as well what may have no value, though a derivative may not need it.

        The derivative 1/x of log(x) exists where log(x) does not.
        """
        known = {*program.statements}
        partial = [made for made in self.program.statements if _is_partial(made) and made not in known]
        return Program(program.inputs, [*program.outputs, *partial])

    # --- Functions made of them ---

    def _made(
        self, name: str, terms: Sequence[Derivative], result: Arrangement,
        engine: Callable[[Sequence[float]], list[float]],
        vector: tuple[str, list[Statement], Arrangement] | None = None,
    ) -> Callable[..., Any]:  # fmt: skip
        """Return a function of the inputs, compared with the engine on some numbers.

        Args:
            name: its name.
            terms: what it computes.
            result: how these are arranged.
            engine: computes them from the inputs in one row.
            vector: the name of a second argument, its statements, and how it is arranged.
        """
        arguments = self._arguments
        if vector:
            arguments = Arguments(["inputs", vector[0]], [self.arrangement, vector[2]])
        program = self._checked(self._valid_program(terms, vector[1] if vector else ()))
        made = runnable(name, program, arguments, result, engine)
        self._verify(made, name, arguments, engine)
        return made

    @cached_property
    def _arguments(self) -> Arguments:
        labels = [one_line(source.label) for source in self.program.inputs]
        if isinstance(self.arrangement, int):
            return Arguments([labels[0] or "argument 1"], [0])
        if isinstance(self.arrangement, dict):
            return Arguments([*self.arrangement], [counted(x) for x in self.arrangement.values()], True)
        names = [
            (isinstance(inner, int) and labels[inner]) or f"argument {place}"
            for place, inner in enumerate(self.arrangement, 1)
        ]
        return Arguments(names, [counted(inner) for inner in self.arrangement])

    def _points(self, count: int | None = None) -> Iterator[list[float]]:
        """Yield rows of inputs to compare on: that of the recording, and two near it if that is quick."""
        row = [*self._recorded] + [1.0] * ((count or self._count) - self._count)
        yield row
        if len(self.program.statements) > LARGEST:
            return
        for step in (0.6180339887, 0.7548776662):  # spread between -1 and 1 as if at random
            yield [x + 0.1 * (2.0 * (i * step % 1.0) - 1.0) * (abs(x) + 0.5) for i, x in enumerate(row, 1)]

    def _verify(
        self, made: Callable[..., Any], name: str, arguments: Arguments,
        engine: Callable[[Sequence[float]], list[float]],
    ) -> None:  # fmt: skip
        """Compare a function with the engine.

        Raises:
            RuntimeError: if they differ.
        """
        for row in self._points(sum(map(size, arguments.arrangements))):
            try:
                expected = engine(row)
            except ValueError:
                continue  # outside its domain, or in another branch
            args, named = arguments.arranged(row)
            results = take_apart(made(*args, **named))[1]
            if not all(map(_near, results, expected)):
                scale = self._scale(row[: self._count])
                if not all(_near(x, y, scale) for x, y in zip(results, expected, strict=True)):
                    raise RuntimeError(f"{name} differs from the engine at {row[:5]}: please report it")

    # --- The same, in the engine ---

    def _graph(self, row: Sequence[float]) -> tuple[list[Value], list[Value]]:
        """Return the Values of inputs and outputs for these numbers, recorded anew.

        Raises:
            DomainError: where an operation has no value.
            BranchError: if a comparison goes otherwise than it went.
        """
        pending: dict[Statement, list[Comparison]] = {}
        for comparison in self._comparisons:
            sides = [side for side in (comparison.left, comparison.right) if side.number is None]
            if sides:
                last = max(sides, key=lambda made: made.serial)
                pending.setdefault(last, []).append(comparison)
        known: dict[Statement, Any] = {}
        for made, value in _steps(self._all, row):
            known[made] = value
            for comparison in pending.get(made, ()):
                _expect_same(comparison, known)
        inputs = [known[made] for made in self.program.inputs]
        return inputs, [_as_value(known.get(made, made.number)) for made in self.program.outputs]

    def _values(self, row: Sequence[float]) -> list[float]:
        return [value.data for value in self._graph(row)[1]]

    def _engine_jacobian(self, row: Sequence[float]) -> list[float]:
        inputs, outputs = self._graph(row)
        return [slope for line in derivatives.jacobian(outputs, inputs) for slope in line]

    def _engine_hessian(self, row: Sequence[float]) -> list[float]:
        inputs, outputs = self._graph(row)
        return [slope for line in derivatives.hessian(outputs[0], inputs) for slope in line]

    def _outputs_and_jacobian(self, row: Sequence[float]) -> list[float]:
        return self._values(row) + self._engine_jacobian(row)

    def _scale(self, row: Sequence[float]) -> float:
        """Return the largest number that the passes add anywhere: rounding errors are a part of it."""
        _, outputs = self._graph(row)
        largest = 0.0
        for output in outputs:
            order = topological_order(output)
            output.backward()
            for value in order:
                largest = max(largest, abs(value.data), *[abs(value.grad * slope) for slope in value.slopes])
        return largest
