"""Other people's mathematics as oracles: SymPy to third order, JAX and HIPS autograd on random graphs."""

import importlib
import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy
import pytest
from oracle import apply, derivative, evaluate, exact, name_of, operations, samples
from random_graphs import random_graph

import tinygrad_edu
from tinygrad_edu import Value, check_gradient, gradient, jvp, topological_order, vjp
from tinygrad_edu.engine.gradient import adjoints, local_derivatives
from tinygrad_edu.engine.op import Op

OPERATIONS = operations()
every_operation = pytest.mark.parametrize("op", OPERATIONS, ids=name_of)

# --- SymPy: every operation to third order ---


def triples(count: int) -> Iterator[tuple[int, ...]]:
    """Yield the arguments to differentiate along, one after the other; of a list, some."""
    places = range(count) if count <= 3 else (0, count - 1)
    return itertools.combinations_with_replacement(places, 3)


@every_operation
def test_third_derivatives_equal_sympy(op: Op) -> None:
    for row in samples(op)[:3]:
        xs = [Value(x) for x in row]
        y = apply(op, xs)
        for i, j, k in triples(len(xs)):
            found = gradient(gradient(gradient(y, xs[i]), xs[j]), xs[k]).data
            wanted = float(derivative(op, len(xs), i, j, k)(*map(exact, row)))
            assert math.isclose(found, wanted, rel_tol=1e-8, abs_tol=1e-13), (row, (i, j, k), found, wanted)
            if i == j == k:
                assert tinygrad_edu.derivative(y, xs[i], order=3).data == found


# --- JAX and HIPS autograd: random graphs of all operations ---


def numpy_functions(np: Any, special: Any) -> dict[str, Callable[..., Any]]:
    """Return every operation in NumPy's own words, as JAX and autograd both speak them.

    Args:
        np: the module that has NumPy's functions.
        special: the module that has those of ``scipy.special``.
    """
    named = {
        "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
        "acosh": "arccosh", "atanh": "arctanh", "neg": "negative", "round": "rint",
        **{name: name for name in (
            "sign", "floor", "ceil", "sqrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos",
            "tan", "sinh", "cosh", "tanh", "abs", "maximum", "minimum",
        )},
    }  # fmt: skip

    def cdf(x: Any) -> Any:
        return 0.5 * special.erfc(-x / math.sqrt(2))

    def pdf(x: Any) -> Any:
        return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    def softplus(x: Any) -> Any:
        return np.logaddexp(0.0, x)

    def elu(x: Any, alpha: float) -> Any:
        return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))

    def hypot(x: Any, y: Any) -> Any:
        return np.sqrt(x**2 + y**2)

    return {
        **{name: getattr(np, theirs) for name, theirs in named.items()},
        "add": lambda x, y: x + y,
        "sub": lambda x, y: x - y,
        "mul": lambda x, y: x * y,
        "div": lambda x, y: x / y,
        "where": lambda c, x, y: np.where(c != 0, x, y),
        "greater": lambda x, y: np.where(x > y, 1.0, 0.0),
        "step": lambda x: np.where(x > 0, 1.0, 0.0),
        "pow": lambda x, y: x**y,
        "power": lambda x, n: x**n,
        "cbrt": lambda x: np.sign(x) * np.abs(x) ** (1 / 3),
        "hypot": hypot,
        "sigmoid": sigmoid,
        "softplus": softplus,
        "softsign": lambda x: x / (1 + np.abs(x)),
        "erf": special.erf,
        "erfc": special.erfc,
        "gelu": lambda x: x * cdf(x),
        "silu": lambda x: x * sigmoid(x),
        "mish": lambda x: x * np.tanh(softplus(x)),
        "elu": elu,
        "selu": lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
        "relu": lambda x: np.maximum(x, 0.0),
        "relu6": lambda x: np.clip(x, 0.0, 6.0),
        "hardtanh": lambda x: np.clip(x, -1.0, 1.0),
        "clip": lambda x, low, high: np.clip(x, low, high),
        "leaky_relu": lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
        "sum": lambda xs: np.sum(np.array(xs)),
        "mean": lambda xs: np.mean(np.array(xs)),
        "dot": lambda xs, ys: np.dot(np.array(xs), np.array(ys)),
        "logsumexp": lambda xs: special.logsumexp(np.array(xs)),
        "prod": lambda xs: np.prod(np.array(xs)),
        "norm": lambda xs: np.linalg.norm(np.array(xs)),
        "max": lambda xs: np.max(np.array(xs)),
        "min": lambda xs: np.min(np.array(xs)),
        "lowered": lambda x, y, k: x ** (y - k),
        "xlogy": lambda x, y: x * np.log(y),
        "unit": lambda x, y: x / hypot(x, y),
        "exp_sub": lambda x, y: np.exp(x - y),
        "gauss": lambda x: np.exp(-(x**2)),
        "normal_pdf": pdf,
        "normal_cdf": cdf,
    }


Graph = tuple[Value, list[Value]]
Answer = tuple[float, Sequence[float]]


def gradients_by_autograd(graphs: Sequence[Graph]) -> Iterator[Answer]:
    """Yield root and slopes by HIPS autograd, operation by operation."""
    autograd = pytest.importorskip("autograd", reason="autograd is the oracle here: pip install autograd")
    special = pytest.importorskip("autograd.scipy.special", reason="autograd needs SciPy here")
    functions = {
        **numpy_functions(autograd.numpy, special),
        "stop_gradient": importlib.import_module("autograd.tracer").getval,
    }
    for root, leaves in graphs:

        def function(numbers: Sequence[Any], root: Value = root, leaves: Sequence[Value] = leaves) -> Any:
            known: dict[Value, Any] = dict(zip(leaves, numbers, strict=True))
            for value in topological_order(root):
                if value not in known:
                    row = [known[arg] for arg in value.args]
                    known[value] = applied(functions, value.op, row) if value.op else value.data
            return known[root]

        yield autograd.value_and_grad(function)([leaf.data for leaf in leaves])


def gradients_by_jax(graphs: Sequence[Graph]) -> Iterator[Answer]:
    """Yield root and slopes by JAX, in float64.

    Compiling every graph would take hours, so what is compiled is a machine with registers, once: each of its
    steps applies one of JAX's own functions, and ``jax.grad`` differentiates the whole run.
    """
    jax = pytest.importorskip("jax", reason="JAX is the oracle here: pip install jax")
    jax.config.update("jax_enable_x64", True)
    np = jax.numpy
    own = {
        "sigmoid": "sigmoid", "softplus": "softplus", "softsign": "soft_sign", "silu": "silu", "mish": "mish",
        "elu": "elu", "selu": "selu", "relu": "relu", "relu6": "relu6", "hardtanh": "hard_tanh",
        "leaky_relu": "leaky_relu",
    }  # fmt: skip
    functions = {
        **numpy_functions(np, jax.scipy.special),
        **{name: getattr(jax.nn, theirs) for name, theirs in own.items()},
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "logsumexp": lambda xs: jax.nn.logsumexp(np.array(xs)),
        "hypot": np.hypot,
        "cbrt": np.cbrt,
        "normal_pdf": jax.scipy.stats.norm.pdf,
        "normal_cdf": jax.scipy.stats.norm.cdf,
        "stop_gradient": jax.lax.stop_gradient,
    }
    orders = [topological_order(root) for root, _ in graphs]
    made = [[value for value in order if value.op] for order in orders]
    known = sorted({(name_of(value.op), len(value.args)) for values in made for value in values})
    example = {(name_of(value.op), len(value.args)): value.op for values in made for value in values}
    steps, registers = max(map(len, made)), max(map(len, orders)) + 1
    widest = max(count for _, count in known)

    def branch(op: Op, count: int) -> Callable[..., Any]:
        return lambda row: np.asarray(applied(functions, op, [row[i] for i in range(count)]), float)

    branches = [branch(example[key], key[1]) for key in known]

    def run(start: Any, root: Any, program: Any) -> Any:
        def step(state: Any, instruction: Any) -> tuple[Any, None]:
            code, out, args = instruction
            return state.at[out].set(jax.lax.switch(code, branches, state[args])), None

        return jax.lax.scan(step, start, program)[0][root]

    compiled = jax.jit(jax.value_and_grad(run))
    spare = registers - 1  # what is left of the steps writes here
    for (root, leaves), order, values in zip(graphs, orders, made, strict=True):
        place = {value: i for i, value in enumerate(order)}
        start = [value.data for value in order] + [1.0] * (registers - len(order))
        codes = [known.index((name_of(value.op), len(value.args))) for value in values]
        outs = [place[value] for value in values]
        rows = [[place[arg] for arg in value.args] for value in values]
        rest = steps - len(values)
        copy = known.index(("sum", len(graphs[0][0].args)))  # of ones
        program = (
            numpy.array(codes + [copy] * rest),
            numpy.array(outs + [spare] * rest),
            numpy.array([row + [spare] * (widest - len(row)) for row in rows + [[]] * rest]),
        )
        for value in values:
            start[place[value]] = 1.0  # it is for JAX to compute
        number, slopes = compiled(numpy.array(start), place[root], program)
        slopes = numpy.asarray(slopes)
        yield float(number), [slopes[place[leaf]] if leaf in place else 0.0 for leaf in leaves]


def applied(functions: Mapping[str, Callable[..., Any]], op: Op, row: Sequence[Any]) -> Any:
    """Return what another library's function makes of arguments in a row."""
    return functions[op.name](*(op.lists(row) if op.over_lists else row), **op.parameters)


def scale_of(root: Value) -> dict[Value, float]:
    """Return for every Value what rounding is measured by: the sum over all paths of |product of the slopes|.

    The slopes of tanh and sigmoid subtract from 1 a number near it, so they are rounded as numbers of size 1.
    """

    def sizes(value: Value) -> list[tuple[Value, float]]:
        rounded = value.op is not None and value.op.name in ("tanh", "sigmoid", "mish")
        return [(arg, abs(slope) + rounded) for arg, slope in local_derivatives(value)]

    return adjoints(root, topological_order(root), sizes)


def along(root: Value, leaf: Value) -> float:
    """Return the derivative of a graph along a leaf, by differences of 50 digits."""
    h, x = exact(1e-12), exact(leaf.data)
    return float((evaluate(root, {leaf: x + h}) - evaluate(root, {leaf: x - h})) / (2 * h))


@pytest.mark.filterwarnings("ignore:Output seems independent of input")
@pytest.mark.parametrize("gradients", [gradients_by_autograd, gradients_by_jax])
def test_random_graphs_of_all_operations(
    gradients: Callable[[Sequence[Graph]], Iterator[Answer]], graphs: int
) -> None:
    ours = [random_graph(seed, table=OPERATIONS) for seed in range(graphs)]
    tried: set[str] = set()
    for seed, ((root, leaves), (number, slopes)) in enumerate(zip(ours, gradients(ours), strict=True)):
        root.backward()
        assert math.isclose(root.data, number, rel_tol=1e-9), f"graph {seed}"
        scale = scale_of(root)
        for leaf, slope in zip(leaves, slopes, strict=True):
            rounding = 1e-14 * scale.get(leaf, 0.0)
            if not math.isclose(leaf.grad, slope, rel_tol=1e-9, abs_tol=rounding):
                # Where they differ, 50 digits decide: what they lack is written in plain formulas.
                close = math.isclose(leaf.grad, along(root, leaf), rel_tol=1e-9, abs_tol=rounding)
                assert close, f"graph {seed}: {leaf.label} {leaf.grad} {slope}"
        tried |= {value.op.name for value in topological_order(root) if value.op is not None}
    assert graphs < 300 or tried == {op.name for op in OPERATIONS}


# --- Forward is reverse ---


def test_a_forward_sweep_gives_what_a_backward_sweep_gives(graphs: int) -> None:
    for seed in range(graphs):
        root, leaves = random_graph(seed, table=OPERATIONS)
        values = topological_order(root)
        inner = [value for value in values if value.op is not None]
        rng = random.Random(seed)
        outputs = [root, *rng.sample(inner, 2)]
        cotangents, tangents = [rng.gauss(0, 1) for _ in outputs], [rng.gauss(0, 1) for _ in leaves]
        forward = jvp(outputs, leaves, tangents)
        reverse = vjp(outputs, leaves, cotangents)
        scale = math.fsum(scale_of(output).get(leaf, 0.0) for output in outputs for leaf in leaves)
        assert math.isclose(
            math.fsum(c * t for c, t in zip(cotangents, forward, strict=True)),
            math.fsum(t * c for t, c in zip(tangents, reverse, strict=True)),
            rel_tol=1e-12,
            abs_tol=1e-13 * scale,
        ), f"graph {seed}"


# --- The gradient check: no false alarm, and nothing missed ---


def test_the_gradient_check_raises_no_false_alarm(graphs: int) -> None:
    checked = undecided = 0
    for seed in range(graphs):
        root, leaves = random_graph(seed)
        check = check_gradient(root, wrt=leaves)
        assert check, f"graph {seed}\n{check}"
        checked += len(check.entries)
        undecided += len(check.undecided)
    assert undecided <= 0.02 * checked  # a check that never decides raises no alarm either


def broken(op: Op, place: int, factor: float) -> Op:
    """Return an operation whose local derivative along one argument is wrong by a factor."""

    def wrong(z: Any, *row: Any) -> list[Any]:
        return [s * factor if i == place else s for i, s in enumerate(op.slopes(z, *row))]

    slopes: dict[int, Callable[..., Any]]
    if op.over_lists:
        slopes = {
            1: lambda z, xs: [wrong(z, *xs)],
            2: lambda z, xs, ys: op.lists(wrong(z, *xs, *ys)),
        }
        return Op("broken", op.written[0], slopes[op.arity], over_lists=True, selects=op.selects)
    slopes = {
        1: lambda z, x: wrong(z, x),
        2: lambda z, x, y: wrong(z, x, y),
        3: lambda z, c, x, y: wrong(z, c, x, y),
    }
    return Op("broken", op.value, slopes[op.arity], selects=op.selects)


@every_operation
def test_the_gradient_check_finds_an_error_of_one_in_ten_thousand_in_every_rule(op: Op) -> None:
    for row in samples(op)[:3]:
        for place, slope in enumerate(apply(op, [Value(x) for x in row]).slopes):
            if slope == 0:
                continue  # times a factor, it stays 0
            for factor in (1.0, 1 + 1e-4, 1 - 1e-4):
                wrong = broken(op, place, factor)
                check = check_gradient(lambda *xs, wrong=wrong: Value._record(wrong, xs), *row)
                assert check.entries[place].verdict == ("right" if factor == 1.0 else "wrong"), (row, check)
                assert len(check.wrong) == (factor != 1.0)
