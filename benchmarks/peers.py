"""Compare recorded functions with the tools that record once and evaluate often, side by side in one run.

    pip install '.[arrays]' casadi ddx-ad sympy micrograd
    pip install jax torch  # larger; what is not installed is left out
    python benchmarks/peers.py

Every tool is given the same formula, and must give the same numbers. The turns of all tools alternate, and
the best turn of each counts: the others were disturbed.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import tinygrad_edu
from tinygrad_edu import Value, function

Step = Callable[[], Any]


class Workload(NamedTuple):
    """A formula, and where it is differentiated.

    Attributes:
        formula: from a list of numbers, and a module with ``exp`` and a function ``relu``, to a number.
        point: the numbers.
        order: 1 for the gradient, 2 for the Hessian.
        points: how many rows of numbers at once, 1 for a single call.
    """

    formula: Callable[..., Any]
    point: Sequence[float]
    order: int = 1
    points: int = 1


def tiny(x: Sequence[Any], exp: Any, relu: Any) -> Any:
    """The tiny graph of BurTorch (Burlachenko and Richtárik, 2025)."""
    a, b = x
    e = (a + b) - (a * b + b**3)
    return e**2 / 2.0


def tiny_as_products(x: Sequence[Any], exp: Any, relu: Any) -> Any:
    """The same without powers, which some tools compute by the function pow."""
    a, b = x
    e = (a + b) - (a * b + b * b * b)
    return e * e / 2.0


def readme(x: Sequence[Any], exp: Any, relu: Any) -> Any:
    """The graph of micrograd's README."""
    a, b = x
    c = a + b
    d = a * b + b**3
    c = c + (c + 1.0)
    c = c + (1.0 + c + (-a))
    d = d + (d * 2.0 + relu(b + a))
    d = d + (3.0 * d + relu(b - a))
    e = c - d
    f = e**2
    return f / 2.0 + 10.0 / f


def determinant(x: Sequence[Any], exp: Any, relu: Any) -> Any:
    """A 6 × 6 determinant by minors, as in GradBench."""

    def minors(rows: list[Sequence[Any]]) -> Any:
        if len(rows) == 1:
            return rows[0][0]
        total: Any = None
        for j, factor in enumerate(rows[0]):
            term = factor * minors([[*row[:j], *row[j + 1 :]] for row in rows[1:]])
            total = term if total is None else total + term if j % 2 == 0 else total - term
        return total

    return minors([x[i : i + 6] for i in range(0, 36, 6)])


def worked_example(p: Sequence[Any], exp: Any, relu: Any) -> Any:
    """The error of Mazur's network as a function of its eight weights and two biases."""

    def sigmoid(x: Any) -> Any:
        return 1.0 / (1.0 + exp(-x))

    h1 = sigmoid(p[0] * 0.05 + p[1] * 0.10 + p[8])
    h2 = sigmoid(p[2] * 0.05 + p[3] * 0.10 + p[8])
    d1 = 0.01 - sigmoid(p[4] * h1 + p[5] * h2 + p[9])
    d2 = 0.99 - sigmoid(p[6] * h1 + p[7] * h2 + p[9])
    return 0.5 * (d1 * d1) + 0.5 * (d2 * d2)


ENTRIES = [math.sin(1.0 + 3.7 * i) for i in range(36)]
WORKLOADS = {
    "tiny graph, gradient": Workload(tiny, [-41.0, 2.0]),
    "README graph, gradient": Workload(readme, [-4.0, 2.0]),
    "determinant 6 × 6, gradient": Workload(determinant, ENTRIES),
    "tiny graph, 10,000 gradients": Workload(tiny, [-41.0, 2.0], points=10_000),
    "tiny graph as products, 10,000 gradients": Workload(tiny_as_products, [-41.0, 2.0], points=10_000),
    "worked example, Hessian": Workload(
        worked_example, [0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55, 0.35, 0.60], order=2
    ),
}


def rows(workload: Workload) -> Any:
    """Return the numbers of all points, of shape (points, inputs)."""
    spread = np.linspace(0.0, 1.0, workload.points)[:, None]
    return np.array(workload.point) + spread * np.arange(1, len(workload.point) + 1)


# --- The tools: each gives for a workload a step, and how to read its derivatives ---


def ours(workload: Workload) -> Iterator[tuple[str, Step, Callable[[], Any]]]:
    """The generated function of Python, or of NumPy; and the machine code, through its buffers."""
    x = [Value(number) for number in workload.point]
    f = function(x, workload.formula(x, tinygrad_edu.exp, tinygrad_edu.relu))
    if workload.points > 1:
        X = rows(workload)
        yield "tinygrad_edu, NumPy", lambda: f.batch_gradient(X), lambda: f.batch_gradient(X)
        return
    row, call = [*workload.point], f.gradient if workload.order == 1 else f.hessian
    yield "tinygrad_edu, Python", lambda: call(*row), lambda: call(*row)
    if workload.order == 1:
        machine = f.compiled()
        machine.inputs[:] = row
        yield "tinygrad_edu, C", machine.run, lambda: [*machine.gradient]


def micrograd(workload: Workload) -> Iterator[tuple[str, Step, Callable[[], Any]]]:
    """A new graph each time."""
    from micrograd.engine import Value as Micrograd

    def step() -> list[float]:
        x = [Micrograd(number) for number in workload.point]
        workload.formula(x, None, lambda v: v.relu()).backward()
        return [value.grad for value in x]

    if workload.points == workload.order == 1:
        yield "micrograd", step, step


def casadi(workload: Workload) -> Iterator[tuple[str, Step, Callable[[], Any]]]:
    """A buffer of its virtual machine, and one of gcc."""
    import casadi as ca

    x = ca.SX.sym("x", len(workload.point))
    y = workload.formula(ca.vertsplit(x), ca.exp, lambda v: ca.fmax(v, 0.0))
    result = ca.gradient(y, x) if workload.order == 1 else ca.hessian(y, x)[0]
    outputs = [y, ca.densify(result)]
    f = ca.Function("f", [x], outputs)
    if workload.points > 1:
        many, X = f.map(workload.points), rows(workload).T.copy()
        yield "CasADi", lambda: many(X), lambda: np.array(many(X)[1]).reshape(-1, workload.points).T
        return
    jit = {"jit": True, "compiler": "shell", "jit_options": {"flags": ["-O2"]}}
    for name, g in [("CasADi", f), ("CasADi, gcc", ca.Function("f", [x], outputs, jit))]:
        given, value = np.array(workload.point), np.zeros(1)
        out = np.zeros(len(workload.point) ** workload.order)
        buffer, call = g.buffer()
        buffer.set_arg(0, memoryview(given))
        buffer.set_res(0, memoryview(value))
        buffer.set_res(1, memoryview(out))
        call.kept = g, buffer, given, value, out  # it has no references of its own
        yield name, call, lambda call=call, out=out: (call(), out.copy())[1]


def ddx(workload: Workload) -> Iterator[tuple[str, Step, Callable[[], Any]]]:
    """A buffer of machine code made by LLVM."""
    import ddx as d

    names = [f"x{i:02}" for i in range(len(workload.point))]
    f = d.equation(lambda: workload.formula([d.var(name) for name in names], d.exp, lambda v: d.max(v, 0.0)))
    f.compile(points=workload.points)
    want = d.Want.JACOBIAN if workload.order == 1 else d.Want.HESSIAN
    call = f.buffer(rows(workload)[0] if workload.points == 1 else rows(workload).T.copy(), want=want)
    call()
    f.wait_for_kernel(want=want)

    def read() -> Any:
        call()
        return np.array(call.jacobian if workload.order == 1 else call.hessian).T

    yield f"ddx-ad, LLVM ({f.nodes(want=want)} nodes)", call, read


def sympy(workload: Workload) -> Iterator[tuple[str, Step, Callable[[], Any]]]:
    """Its own derivatives as Python, common subexpressions shared."""
    import sympy as sp

    x = sp.symbols(f"x:{len(workload.point)}", real=True)
    y = workload.formula(x, sp.exp, lambda v: sp.Max(v, 0))
    results = [y.diff(v) for v in x] if workload.order == 1 else list(sp.hessian(y, x))
    f = sp.lambdify(x, results, "math" if workload.points == 1 else "numpy", cse=True)
    if workload.points == 1:
        yield "sympy lambdify", lambda: f(*workload.point), lambda: f(*workload.point)
    else:
        X = rows(workload).T.copy()
        yield "sympy lambdify", lambda: f(*X), lambda: np.array(f(*X)).T


def jax(workload: Workload) -> Iterator[tuple[str, Step, Callable[[], Any]]]:
    """A jitted function of an array."""
    import jax as j
    import jax.numpy as jnp

    j.config.update("jax_enable_x64", True)
    f = (j.grad if workload.order == 1 else j.hessian)(lambda x: workload.formula(x, jnp.exp, j.nn.relu))
    f = j.jit(f if workload.points == 1 else j.vmap(f))
    X = jnp.array(rows(workload) if workload.points > 1 else workload.point)
    yield "JAX jit", lambda: f(X).block_until_ready(), lambda: np.array(f(X))


def torch(workload: Workload) -> Iterator[tuple[str, Step, Callable[[], Any]]]:
    """Eager, in double precision."""
    import torch as t

    X = t.tensor(
        rows(workload) if workload.points > 1 else workload.point, dtype=t.float64, requires_grad=True
    )

    def formula(x: Any) -> Any:
        return workload.formula(x.T if workload.points > 1 else x, t.exp, t.relu)

    def step() -> Any:
        if workload.order == 2:
            return t.autograd.functional.hessian(formula, X)
        return t.autograd.grad(formula(X).sum(), X)[0]

    yield "PyTorch", step, lambda: step().numpy()


TOOLS = [ours, micrograd, casadi, ddx, sympy, jax, torch]


def measure(workload: Workload, turns: int) -> Iterator[tuple[str, float]]:
    """Yield for each tool the seconds of a step."""
    steps: dict[str, Step] = {}
    wanted: Any = None
    for tool in TOOLS:
        try:
            made = list(tool(workload))
        except ImportError:
            continue
        for name, step, read in made:
            step()
            found = np.array(read(), dtype=float).ravel()
            wanted = found if wanted is None else wanted
            assert np.allclose(found, wanted, rtol=1e-9, atol=1e-12), (name, found[:5], wanted[:5])
            steps[name] = step
    counts = {}
    for name, step in steps.items():
        begin = time.perf_counter()
        step()
        counts[name] = max(1, min(20_000, int(0.004 / (time.perf_counter() - begin))))
    best = dict.fromkeys(steps, math.inf)
    for _ in range(turns):
        for name, step in steps.items():
            repeat = [None] * counts[name]
            begin = time.perf_counter()
            for _ in repeat:
                step()
            best[name] = min(best[name], (time.perf_counter() - begin) / counts[name])
    yield from sorted(best.items(), key=lambda item: item[1])


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=60, help="turns of each tool, of some 4 ms")
    parser.add_argument("--only", default="", help="workloads whose name has this in it")
    given = parser.parse_args()
    print("| workload | tool | µs |\n|---|---|--:|")
    for name, workload in WORKLOADS.items():
        if given.only in name:
            for tool, seconds in measure(workload, given.turns):
                print(f"| {name} | {tool} | {seconds * 1e6:.3g} |", flush=True)


if __name__ == "__main__":
    main()
