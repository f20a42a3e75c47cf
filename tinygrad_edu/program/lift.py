"""Lifting: a recorded graph of numbers becomes a program of arrays.

Statements of one operation at one depth become one array statement. Sums of products become ``dot``, and
dots that share vectors become a product of matrices. What an array statement reads of an earlier one is a
slice, a reshaping or a transposition where it can be, and else taken number by number, which is always
right.

Related work: TensorFlow Fold (Looks et al., 2017), autobatching in DyNet (Neubig et al., 2017).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

from tinygrad_edu._common.names import look_up
from tinygrad_edu.engine import rules
from tinygrad_edu.engine.op import Op
from tinygrad_edu.program.languages import JAX, NUMPY
from tinygrad_edu.program.lift_arrays import (
    Array,
    ArrayPool,
    Concatenate,
    Einsum,
    Part,
    Reshape,
    Shape,
    Take,
    Transpose,
    in_order,
    numpy,
    reverse,
)  # fmt: skip
from tinygrad_edu.program.lift_numpy import Text, compiled, expanded, source
from tinygrad_edu.program.lift_text import listing, named, replaced
from tinygrad_edu.program.statements import Pool, Program, Statement

# --- 1. Chains of sums, in whatever way they were written, become dot and sum ---


def normalised(program: Program) -> Program:
    """Return the program with sums of products as ``dot`` and long sums as ``sum``.

    ``b + w1*i1 + w2*i2``, ``dot(w, i) + b`` and a loop with ``+=`` become the same statements. A labelled
    result stays a statement of its own.
    """
    uses = Counter([arg for made in program.statements for arg in made.args])
    kept = {*program.outputs}

    def inside(made: Statement, *names: str) -> bool:
        """Whether a statement is only a part of the one that uses it."""
        return (
            made.op is not None
            and made.op.name in names
            and uses[made] == 1
            and not made.label
            and made not in kept
        )

    pool = Pool()
    new: dict[Statement, Statement] = {made: pool.input(made.label, made.group) for made in program.inputs}
    depth: dict[Statement, int] = {}

    def known(made: Statement) -> Statement:
        if made.number is not None:
            return pool.number(made.number)
        return new[made]

    def apply(op: Op, args: Iterable[Statement]) -> Statement:
        made = pool.apply(op, tuple(args))
        depth[made] = 1 + max([depth.get(arg, 0) for arg in made.args], default=0)
        return made

    def dot(pairs: list[tuple[Statement, Statement]]) -> Statement:
        if len(pairs) == 1:
            return apply(rules.mul, pairs[0])
        return apply(rules.dot, [x for x, _ in pairs] + [y for _, y in pairs])

    def added(terms: list[Statement], few: int) -> Statement:
        """Return a sum, in which more than a few terms of one kind are added by ``sum``."""
        kinds: dict[Any, list[Statement]] = {}
        for term in terms:
            kinds.setdefault((term.op, depth.get(term, 0), term.number is None), []).append(term)
        rest = []
        for kind in kinds.values():
            rest += [apply(rules.sum, kind)] if len(kind) > few else kind
        total = rest[0]
        for term in rest[1:]:
            total = apply(rules.add, (total, term))
        return total

    absorbed: set[Statement] = set()
    sums: dict[Statement, tuple[list[tuple[Statement, Statement]], list[Statement]]] = {}
    for made in reversed(program.statements):
        if made in absorbed or made.op is None or made.op.name not in ("add", "sum", "dot"):
            continue
        pairs: list[tuple[Statement, Statement]] = []
        terms: list[Statement] = []
        stack = [made]
        while stack:
            part = stack.pop()
            if part is made and part.op is rules.dot:
                xs, ys = rules.dot.lists(part.args)
                pairs += zip(xs, ys, strict=True)
            elif part is made or inside(part, "add", "sum"):
                stack += reversed(part.args)
                absorbed.add(part)
            elif inside(part, "mul"):
                absorbed.add(part)
                pairs.append((part.args[0], part.args[1]))
            elif part.number != 0:
                terms.append(part)
        sums[made] = pairs, terms

    for made in program.statements:
        if made in sums:
            pairs, terms = sums[made]
            pairs = [(known(x), known(y)) for x, y in pairs]
            result = added(
                ([dot(pairs)] if pairs else []) + [known(term) for term in terms],
                1 if made.op is rules.sum else 2,
            )
        elif made in absorbed:
            continue
        else:
            assert made.op is not None
            result = apply(made.op, [known(arg) for arg in made.args])
        if made.label and not result.label and result.number is None:
            result.label, result.group = made.label, made.group
        new[made] = result
    return Program([new[made] for made in program.inputs], [known(made) for made in program.outputs])


# --- 2. Statements of one operation and depth become array statements ---


class Lifted:
    """A recorded graph as a program of arrays.

    Args:
        program: the recorded graph.
        batched: the inputs of which there is one for each example; the other inputs are shared.
        groups: how many of the outputs belong together, one after the other; each group becomes one
            array, of axis 1 unless it is a single output. Each output is one of its own if this is empty.

    Attributes:
        leaves: the arrays that are given; each holds inputs of the program.
        places: for each of ``leaves``, which inputs of the program, as positions in an array of its shape.
        outputs: an array for each group of outputs.
        statements: the array statements, arguments before results.
        names: what leaves and array statements are called, after the labels of what they replace.

    Raises:
        ImportError: if NumPy is not installed.

    >>> from tinygrad_edu import Value, dot
    >>> from tinygrad_edu.program.statements import record
    >>> i = [Value(0.05, "i1"), Value(0.1, "i2")]
    >>> w = [Value(0.15, "w1"), Value(0.2, "w2"), Value(0.25, "w3"), Value(0.3, "w4")]
    >>> h = [dot(w[:2], i).tanh(), w[2] * i[0] + w[3] * i[1]]
    >>> h[1] = h[1].tanh()
    >>> h[0].label, h[1].label = "h1", "h2"
    >>> lifted = Lifted(record([*w, *i], h), groups=[2])
    >>> print(lifted)
    h = np.tanh(W @ i)  # h1 = tanh(w1·i1 + w2·i2)
                        # h2 = tanh(w3·i1 + w4·i2)
    """

    def __init__(
        self, program: Program, batched: Iterable[Statement] = (), groups: Sequence[int] = ()
    ) -> None:
        np = numpy()
        plain = normalised(program)
        given = {*batched}
        pairs = zip(plain.inputs, program.inputs, strict=True)
        lifting = _Lifting([new for new, made in pairs if made in given])
        lifting.run(plain)
        self.outputs: list[Array] = []
        start = 0
        for size in groups or [1] * len(plain.outputs):
            shape = (size,) if size != 1 else ()
            array = lifting.assembled(plain.outputs[start : start + size], shape)
            self.outputs.append(array.full(shape, array.batched))
            start += size
        self.statements = in_order(self.outputs)
        position = {made: i for i, made in enumerate(plain.inputs)}
        self.leaves = lifting.leaves
        self.places = [
            np.array([position[made] for made in leaf.replaces], int).reshape(leaf.shape)
            for leaf in self.leaves
        ]
        self.names = named(self.leaves, self.statements)

    def __str__(self) -> str:
        text = Text(self.outputs, self.names, batched=False, runs=False)
        pairs = zip(text.lines, text.written, strict=True)
        return listing([(line, replaced(made)) for line, made in pairs])

    def __repr__(self) -> str:
        return f"<Lifted: {len(self.statements)} array statements>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": f"```python\n{self}\n```", "text/plain": str(self)}

    @property
    def arguments(self) -> list[str]:
        """The names of ``leaves``."""
        return [self.names[leaf] for leaf in self.leaves]

    @property
    def _is_batched(self) -> bool:
        return any(leaf.batched for leaf in self.leaves)

    def source(self, language: str = "numpy") -> str:
        """Return a module with the function that computes the outputs.

        Its arguments are the arrays of ``leaves`` by name, before them ``n``, the number of examples, if
        some are batched.

        Args:
            language: "numpy" or "jax".

        Raises:
            UnknownNameError: for another language.
            ValueError: if an operation is a Python function of floats.
        """
        table = look_up("language of arrays", language, {"numpy": NUMPY, "jax": JAX})
        new: dict[Any, Array] = {}
        outputs = expanded(self.outputs, table.said, new)
        names = {new.get(made, made): name for made, name in self.names.items()}
        arguments = ["n"] * self._is_batched + self.arguments
        return source(arguments, Text(outputs, names, table, self._is_batched))

    def arrays(self, numbers: Any) -> list[Any]:
        """Return the arrays of ``leaves``, filled with numbers for the program's inputs.

        Args:
            numbers: one for each input; or a row for each example, of which shared inputs take the first.
        """
        rows = numpy().atleast_2d(numpy().asarray(numbers, float))
        pairs = zip(self.leaves, self.places, strict=True)
        return [rows[:, place] if leaf.batched else rows[0][place] for leaf, place in pairs]

    def compiled(
        self, outputs: Sequence[Array], others: Sequence[Array] = (), into: int = 0
    ) -> Callable[..., Any]:
        """Return a function that computes arrays.

        Args:
            outputs: what to compute.
            others: leaves that are its arguments after those of this program.
            into: how many of ``outputs``, the last ones, it does not return but writes into arrays that are
                its last arguments.

        Returns:
            A function of the number of examples, the arrays of ``leaves``, of ``others``, and those that
            it writes into.
        """
        leaves = {leaf: f"a{i}" for i, leaf in enumerate([*self.leaves, *others])}
        results = expanded(outputs, NUMPY.said)
        # an array that is wanted twice is written into once, and copied
        kept, written = results[: len(results) - into], results[len(results) - into :]
        targets = {made: f"r{i}" for i, made in enumerate(written)}
        text = Text(results, leaves, into=targets)
        copies = [
            (f"r{i}", made) for i, made in enumerate(written) if targets[made] != f"r{i}" or made.op is None
        ]
        return compiled(["n", *leaves.values(), *[f"r{i}" for i in range(into)]], text, len(kept), copies)

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the outputs for the arrays of ``leaves``, batched ones with a leading axis of examples.

        Raises:
            TypeError: for a wrong number of arrays.
            FloatingPointError: where a result is too large or not defined.
        """
        return tuple(self._called(self._run, arrays))

    def value_and_gradient(self, *arrays: Any) -> tuple[Any, list[Any]]:
        """Return the first output, and its derivatives along each of ``leaves``, summed over all examples.

        Raises:
            TypeError, FloatingPointError: as for calling the program.
        """
        value, *gradients = self._called(self._run_back, arrays)
        return value, gradients

    def gradient(self, *arrays: Any) -> list[Any]:
        """Return the second part of ``value_and_gradient``."""
        return self.value_and_gradient(*arrays)[1]

    def _called(self, function: Callable[..., Any], arrays: Sequence[Any]) -> Any:
        if len(arrays) != len(self.leaves):
            names = ", ".join(self.arguments)
            raise TypeError(f"the lifted program takes {len(self.leaves)} arrays, {names}, not {len(arrays)}")
        pairs = zip(self.leaves, arrays, strict=True)
        examples = next((len(array) for leaf, array in pairs if leaf.batched), 1)
        with numpy().errstate(over="raise", divide="raise", invalid="raise", under="ignore"):
            return function(examples, *arrays)

    @cached_property
    def _run(self) -> Callable[..., Any]:
        return self.compiled(self.outputs)

    @cached_property
    def _run_back(self) -> Callable[..., Any]:
        return self.compiled([self.outputs[0], *reverse(self.outputs[0], 1.0, self.leaves)])


class _Lifting:
    """The state of one lifting.

    Attributes:
        where: for every statement, the array that holds its result, and the position there.
    """

    def __init__(self, batched: Iterable[Statement]) -> None:
        self.np = numpy()
        self.pool = ArrayPool()
        self.batched = {*batched}
        self.where: dict[Statement, tuple[Array, int]] = {}
        self.leaves: list[Array] = []
        self.waiting: list[Statement] = []
        self._assembled: dict[Any, Array] = {}

    def run(self, program: Program) -> None:
        """Lift every statement of a normalised program, depth by depth."""
        depth: dict[Statement, int] = {}
        levels: list[list[Statement]] = []
        for made in program.statements:
            level = depth[made] = max([depth.get(arg, -1) + 1 for arg in made.args], default=0)
            if level == len(levels):
                levels.append([])
            levels[level].append(made)
            if any(arg in self.batched for arg in made.args):
                self.batched.add(made)
        for level_members in levels:
            groups: dict[Any, list[Statement]] = {}
            for made in level_members:
                groups.setdefault(self._signature(made), []).append(made)
            for members in groups.values():
                if len(members) == 1:
                    self.waiting += members
                    continue
                if any(arg.op and arg not in self.where for made in members for arg in made.args):
                    self._lift_waiting()
                self._lift(members)
        self._lift_waiting()

    def _lift_waiting(self) -> None:
        """Lift the statements that belong to no group.

        They wait as long as they can: a total over all weights must not decide in which arrays these are.
        """
        for made in self.waiting:
            self._lift([made])
        self.waiting.clear()

    def _lift(self, members: list[Statement]) -> None:
        op: Any = members[0].op
        if op is rules.dot:
            self._lift_dots(members)
        elif op.over_lists:
            self._lift_lists(op, members)
        else:
            self._lift_items(op, members)

    def _signature(self, made: Statement) -> Any:
        """Return what statements have in common that are lifted together."""
        op: Any = made.op
        if op.over_lists:
            return op, len(made.args), made in self.batched
        return op, tuple([self._source(arg) for arg in made.args])

    def _source(self, arg: Statement) -> Any:
        if arg.op is None:
            return "number" if arg.number is not None else arg in self.batched
        return self.where[arg][0].serial if arg in self.where else None

    def _place(self, array: Array, members: Sequence[Statement]) -> None:
        array.replaces = members
        for position, made in enumerate(members):
            self.where[made] = array, position

    # --- Operations item by item ---

    def _lift_items(self, op: Op, members: list[Statement]) -> None:
        shape: Shape = (len(members),) if len(members) > 1 else ()
        for args in zip(*[made.args for made in members], strict=True):
            if args[0].op is None or len(members) == 1:
                continue
            source = self.where[args[0]][0]
            positions = [self.where[arg][1] for arg in args]
            if len({*positions}) == len(positions) == math.prod(source.shape):
                order = sorted(range(len(members)), key=positions.__getitem__)
                members, shape = [members[i] for i in order], source.shape
                break
        columns = zip(*[made.args for made in members], strict=True)
        arrays = [self.assembled(args, shape) for args in columns]
        batched = any(arg.batched for arg in arrays)
        self._place(self.pool.apply(op, tuple(arrays)).full(shape, batched), members)

    # --- Operations over lists ---

    def _lift_lists(self, op: Op, members: list[Statement]) -> None:
        rows = [op.lists(made.args) for made in members]
        shape: Shape = (len(members),) if len(members) > 1 else ()
        arrays = []
        for column in zip(*rows, strict=True):
            length = len(column[0])
            array = self.assembled([arg for row in column for arg in row], (*shape, length))
            arrays.append(array.full((*shape, length), array.batched))
        self._place(self.pool.apply(op, tuple(arrays)), members)

    # --- Products of matrices ---

    def _rank(self, arg: Statement) -> int:
        return 2 * (arg in self.batched) + (arg.op is not None) - (arg.number is not None)

    def _lift_dots(self, members: list[Statement]) -> None:
        sides = []
        for made in members:
            xs, ys = rules.dot.lists(made.args)
            if self._rank(xs[0]) > self._rank(ys[0]):
                xs, ys = ys, xs
            sides.append((xs, ys))
        single: list[int] = []
        for block in _blocks(sides):
            if len(block) == 1:
                single += block
            else:
                self._lift_matrix_product([members[i] for i in block], [sides[i] for i in block])
        if single:
            row = "r" * (len(single) > 1)
            vectors = [[sides[i][side] for i in single] for side in (0, 1)]
            self._contract(vectors, [row + "k", row + "k", row], [members[i] for i in single])

    def _lift_matrix_product(self, members: list[Statement], sides: list[Any]) -> None:
        """Lift dots of every vector of one set with every vector of another."""
        rows = list(dict.fromkeys([xs for xs, _ in sides]))
        columns = list(dict.fromkeys([ys for _, ys in sides]))
        at = dict(zip(sides, members, strict=True))
        letters = ["rk" if len(rows) > 1 else "k", "ck" if len(columns) > 1 else "k"]
        out = "".join(letters).replace("k", "")
        if out == "rc" and at[rows[0], columns[1]].serial > at[rows[1], columns[0]].serial:
            out, order = "cr", [at[x, y] for y in columns for x in rows]
        else:
            order = [at[x, y] for x in rows for y in columns]
        self._contract([rows, columns], [*letters, out], order)

    def _contract(self, vectors: list[Any], letters: list[str], members: list[Statement]) -> None:
        arrays = []
        for side, names in zip(vectors, letters, strict=False):
            shape = (len(side), len(side[0]))[2 - len(names) :]
            array = self.assembled([arg for vector in side for arg in vector], shape)
            arrays.append(array.full(shape, array.batched))
        batched = [array.batched for array in arrays]
        op = Einsum(
            *["b" * each + names for each, names in zip([*batched, any(batched)], letters, strict=True)]
        )
        self._place(self.pool.apply(op, tuple(arrays)), members)

    # --- What an array statement reads ---

    def assembled(self, args: Sequence[Statement], shape: Shape) -> Array:
        """Return an array of the results of ``args``, in this shape, or one that becomes so by repeating."""
        key = (tuple(args), shape)
        if key not in self._assembled:
            self._assembled[key] = self._assemble(key[0], shape)
        return self._assembled[key]

    def _assemble(self, args: tuple[Statement, ...], shape: Shape) -> Array:
        np = self.np
        if all(arg.number is not None for arg in args):
            numbers = [arg.number for arg in args]
            if len({*map(repr, numbers)}) == 1:
                return self.pool.number(numbers[0])  # type: ignore[arg-type]
        self._place_leaves(args, shape)
        sources = list(dict.fromkeys([self.where[arg][0] for arg in args]))
        positions = [self.where[arg][1] for arg in args]
        if len(sources) == 1:
            return view(sources[0], np.array(positions).reshape(shape))
        runs: list[tuple[Array, list[int]]] = []
        for arg in args:
            source, position = self.where[arg]
            if not runs or runs[-1][0] is not source:
                runs.append((source, []))
            runs[-1][1].append(position)
        if len(runs) <= 2 * len(sources) and len(runs) < len(args):
            parts = []
            for source, run in runs:
                part = view(source, np.array(run))
                parts.append(part.full((len(run),), part.batched))
            return parts[0].moved(Concatenate(), *parts[1:]).reshaped(shape)
        flat = [source.reshaped((math.prod(source.shape),)) for source in sources]
        starts = dict(zip(sources, np.cumsum([0] + [each.shape[0] for each in flat]), strict=False))
        together = flat[0].moved(Concatenate(), *flat[1:])
        spread = np.array([starts[self.where[arg][0]] + self.where[arg][1] for arg in args])
        return view(together, spread.reshape(shape))

    def _place_leaves(self, args: tuple[Statement, ...], shape: Shape) -> None:
        """Give leaves that no array holds yet an array in the shape of this first use; numbers likewise."""
        loose: dict[Any, list[Statement]] = {}
        for arg in dict.fromkeys(args):
            if arg.op is None and arg not in self.where:
                kind = "number" if arg.number is not None else arg in self.batched
                loose.setdefault(kind, []).append(arg)
        for kind, leaves in loose.items():
            own: Shape = shape if len(leaves) == len(args) else (len(leaves),) if len(leaves) > 1 else ()
            if kind == "number":
                array = self.pool.constant([leaf.number for leaf in leaves if leaf.number is not None], own)
            else:
                array = self.pool.leaf("", own, batched=kind is True)
                self.leaves.append(array)
            self._place(array, leaves)


def _blocks(sides: Sequence[tuple[Any, Any]]) -> list[list[int]]:
    """Split dots into blocks: of all vectors of one set with all of another, or single ones."""
    parent: dict[Any, Any] = {}

    def find(x: Any) -> Any:
        while parent.setdefault(x, x) != x:
            parent[x] = x = parent[parent[x]]
        return x

    names: dict[Any, int] = {}
    edges = [
        (2 * names.setdefault(xs, len(names)), 2 * names.setdefault(ys, len(names)) + 1) for xs, ys in sides
    ]
    for x, y in edges:
        parent[find(x)] = find(y)
    blocks: dict[Any, list[int]] = {}
    for i, (x, _) in enumerate(edges):
        blocks.setdefault(find(x), []).append(i)
    result = []
    for block in blocks.values():
        rows, columns = ({edges[i][side] for i in block} for side in (0, 1))
        complete = len(rows) * len(columns) == len(block)
        result += [block] if complete else [[i] for i in block]
    return result


# --- 3. Index maps become slices, reshapes, transpositions; else a gather ---


def view(source: Array, positions: Any) -> Array:
    """Return the numbers of ``source`` at these positions, an array of whole numbers.

    Where the positions do not change along an axis, the result has the length 1 there.
    """
    np = numpy()
    for axis in range(positions.ndim):
        if positions.shape[axis] > 1 and (positions == positions.take([0], axis)).all():
            positions = positions.take([0], axis)
    if not source.batched:  # arrays are aligned at their last axes
        while positions.ndim and positions.shape[0] == 1:
            positions = positions[0]
    shape = positions.shape
    size = math.prod(source.shape)
    first = int(positions.flat[0])
    if positions.size == size and (positions.ravel() == np.arange(size)).all():
        return source.reshaped(shape)
    core = positions.reshape([n for n in shape if n > 1])
    strides = [int(core.take(1, axis).flat[0]) - first for axis in range(core.ndim)]
    axes = np.indices(core.shape).reshape(core.ndim, core.size)
    if (core.ravel() == first + np.array(strides, int) @ axes).all():
        part = _strided(source, first, core.shape, strides)
        if part is not None:
            return part.reshaped(shape)
    return source.moved(Take(np.ascontiguousarray(positions, np.int64).tobytes(), shape))


def _strided(source: Array, first: int, shape: Shape, strides: list[int]) -> Array | None:
    """Return a part of ``source`` by slices and a transposition, or None if there is none."""
    if len(source.shape) == 1 and len(shape) == 2 and strides[1] < strides[0]:
        source, first = _folded(source, first, strides[0], shape[0])
    ahead = [math.prod(source.shape[axis + 1 :]) for axis in range(len(source.shape))]
    index: list[Any] = []
    rest = first
    for stride in ahead:
        index.append(rest // stride)
        rest %= stride
    order = []
    for n, stride in zip(shape, strides, strict=True):
        axes = [a for a, step in enumerate(ahead) if a not in order and stride > 0 and stride % step == 0]
        if not axes:
            return None
        axis = max(axes, key=ahead.__getitem__)
        step = stride // ahead[axis]
        start = index[axis]
        if start + step * (n - 1) >= source.shape[axis]:
            return None
        index[axis] = (start, start + step * (n - 1) + 1, step)
        order.append(axis)
    part = source
    if index != [(0, n, 1) for n in source.shape]:
        part = source.moved(Part(tuple(index)))
    sequence = sorted(order)
    axes = [sequence.index(axis) for axis in order]
    return part if axes == sorted(axes) else part.moved(Transpose(tuple(axes)))


def _folded(source: Array, first: int, stride: int, rows: int) -> tuple[Array, int]:
    """Return a vector as a matrix with rows as long as ``stride``, so that a stride becomes an axis."""
    size = source.shape[0]
    start = max(min(first, size - rows * stride), 0)
    if start + rows * stride > size:
        return source, first
    if (start, rows * stride) != (0, size):
        source = source.moved(Part(((start, start + rows * stride, 1),)))
    return source.moved(Reshape((rows, stride))), first - start
