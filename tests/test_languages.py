"""Every language × every operation × every sample against the engine: values and derivatives."""

import ctypes
import json
import math
import shutil
import subprocess
import types
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import apply, name_of, operations, samples

from tinygrad_edu import Function, Value, function
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.engine.op import Op
from tinygrad_edu.program import python
from tinygrad_edu.program.languages import LANGUAGES, sayable

OPERATIONS = operations()
every_operation = pytest.mark.parametrize("op", OPERATIONS, ids=name_of)
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 6.0, 30.0, -40.0, 2.5, 1e-9)


def recorded(op: Op, row: Sequence[float]) -> Function:
    """Return an operation as a function of all its arguments."""
    xs = [Value(x, f"x{i}") for i, x in enumerate(row)]
    return function(xs, apply(op, xs))


@cache
def points(op: Op) -> list[tuple[float, ...]]:
    """Return the samples of an operation, and special numbers where it is finite: kinks, ties, far out."""
    count = len(samples(op)[0])
    rows = [*samples(op), *((x,) * count for x in SPECIAL), *((x, *(1.0,) * (count - 1)) for x in SPECIAL)]
    return [row for row in rows if len(row) == count and expected(op, row)]


@cache
def expected(op: Op, row: tuple[float, ...]) -> list[float]:
    """Return what the engine gives: the value and the local derivatives; nothing if one is not finite."""
    try:
        z, slopes = op.compute(list(row))
    except ValueError:
        return []
    return [z, *slopes] if math.isfinite(z + sum(slopes)) else []


def rows_by_length(op: Op) -> list[list[tuple[float, ...]]]:
    """Return the points of an operation, those of one length together: one over lists takes several."""
    rows = [row for row in [*samples(op), *points(op)] if expected(op, row)]
    return [[row for row in rows if len(row) == length] for length in {*map(len, rows)}]


def assert_near(op: Op, row: Sequence[float], found: Sequence[float], tolerance: float = 1e-12) -> None:
    # The textbook's formulas 1 − z² and z(1 − z) are right to a digit of 1, not of themselves.
    least = 2**-51 if op.name in ("tanh", "sigmoid") else 0.0
    for x, y in zip(found, expected(op, tuple(row)), strict=True):
        assert abs(x - y) <= max(least, tolerance * max(abs(x), abs(y))), (op.name, row, x, y)


def flat(answer: Any) -> list[float]:
    value, slopes = answer
    return [float(value), *map(float, slopes)]


def run(text: str) -> Callable[..., Any]:
    module = types.ModuleType("generated")
    exec(text, module.__dict__)
    return module.f


# --- Python: bit for bit ---


@every_operation
def test_python_gives_the_bits_of_the_engine(op: Op, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = python._compiled

    def never(*args: Any, **named: Any) -> Any:
        raise AssertionError("the generated function was to compute this itself")

    for rows in rows_by_length(op):
        f = recorded(op, rows[0])
        monkeypatch.setattr(python, "_compiled", lambda *args: compiled(*args[:4], never))
        g = Function(f.arrangement, f.result, f.program, [], rows[0])
        monkeypatch.setattr(g, "_verify", lambda *args: None)
        alone = run(f.source("python"))
        for row in rows:
            assert flat(g.value_and_gradient(*row)) == expected(op, row)
            assert flat(alone(*row)) == expected(op, row)
        monkeypatch.setattr(python, "_compiled", compiled)


@every_operation
def test_numpy(op: Op) -> None:
    for rows in rows_by_length(op):
        f = recorded(op, rows[0])
        values, slopes = f.batch(np.array(rows)), f.batch_gradient(np.array(rows))
        alone = run(f.source("numpy"))(*np.array(rows).T)
        for i, row in enumerate(rows):
            assert_near(op, row, [values[i], *slopes[i]])
            assert_near(op, row, [np.broadcast_to(x, len(rows))[i] for x in (alone[0], *alone[1])])


# --- C and JavaScript: all operations in one file, so that the compiler and Node start once ---


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("c")
    texts = [
        recorded(op, rows[0]).source("c").replace("void f(", f"void {c_name(op, len(rows[0]))}(")
        for op in OPERATIONS
        for rows in rows_by_length(op)
    ]
    (folder / "f.c").write_text("\n".join(texts), encoding="utf-8")
    strict = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-variable", "-std=c99", "-pedantic"]
    flags = ["-O1", "-shared", "-fPIC", "-ffp-contract=off"]
    subprocess.run([compiler, *strict, *flags, "-o", folder / "f.so", folder / "f.c", "-lm"], check=True)
    return ctypes.CDLL(str(folder / "f.so"))


def c_name(op: Op, count: int) -> str:
    return f"f{OPERATIONS.index(op)}_{count}"


@every_operation
def test_c(op: Op, library: ctypes.CDLL) -> None:
    for rows in rows_by_length(op):
        count = len(rows[0])
        for row in rows:
            given, value, slopes = ((ctypes.c_double * n)() for n in (count, 1, count))
            given[:] = row
            library[c_name(op, count)](given, value, slopes)
            assert_near(op, row, [value[0], *slopes])


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[float]]]:
    """Return what Node computes, by operation and number of arguments: a row for each point."""
    program = shutil.which("node")
    if not program:
        pytest.skip("there is no Node")
    folder = tmp_path_factory.mktemp("js")
    jobs = []
    for op in OPERATIONS:
        for rows in rows_by_length(op):
            name = c_name(op, len(rows[0]))
            (folder / f"{name}.mjs").write_text(recorded(op, rows[0]).source("javascript"), encoding="utf-8")
            jobs.append([name, [list(map(repr, row)) for row in rows]])
    (folder / "jobs.json").write_text(json.dumps(jobs))
    (folder / "run.mjs").write_text("""
        import { readFileSync } from "node:fs";
        const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname, found = {};
        for (const [name, rows] of JSON.parse(readFileSync(`${here}/jobs.json`))) {
          const { f } = await import(`${here}/${name}.mjs`);
          found[name] = rows.map(row => f(...row.map(Number)).flat().map(String));
        }
        console.log(JSON.stringify(found));
    """)
    done = subprocess.run([program, folder / "run.mjs"], check=True, capture_output=True, text=True)
    return {name: [list(map(float, row)) for row in rows] for name, rows in json.loads(done.stdout).items()}


@every_operation
def test_javascript(op: Op, node: dict[str, list[list[float]]]) -> None:
    for rows in rows_by_length(op):
        for row, found in zip(rows, node[c_name(op, len(rows[0]))], strict=True):
            assert_near(op, row, found)


# --- JAX and PyTorch ---


@every_operation
def test_jax(op: Op) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    for rows in rows_by_length(op):
        f = run(recorded(op, rows[0]).source("jax"))
        values, slopes = jax.jit(jax.vmap(f))(*np.array(rows).T)
        for i, row in enumerate(rows):
            assert_near(op, row, [np.broadcast_to(x, len(rows))[i] for x in (values, *slopes)])


@every_operation
def test_torch(op: Op) -> None:
    torch = pytest.importorskip("torch")
    for rows in rows_by_length(op):
        f = run(recorded(op, rows[0]).source("torch"))
        values, slopes = f(*torch.tensor(rows, dtype=torch.float64).T)
        for i, row in enumerate(rows):
            columns = [torch.as_tensor(x, dtype=torch.float64).expand(len(rows)) for x in (values, *slopes)]
            assert_near(op, row, [float(column[i]) for column in columns])


# --- What a language is ---


def test_primitives_are_said_in_every_language() -> None:
    # Of all else the value is an expression over these.
    for op in OPERATIONS:
        for name, language in LANGUAGES.items():
            assert op.name in language.said or sayable(op, len(samples(op)[0]), language.said), (op, name)


def test_lists_are_arguments_and_results_as_they_were(tmp_path: Path) -> None:
    w, x, b = [Value(1.0), Value(2.0)], [[Value(3.0)], [Value(4.0)]], Value(5.0)
    f = function([w, x, b], [w[0] * x[0][0] + w[1] * x[1][0] + b])
    given = ([2, 3], [[5], [7]], 11)
    wanted = [[2 * 5 + 3 * 7 + 11], [[[5, 7], [[2], [3]], 1]]]
    assert [*run(f.source("python"))(*given)] == wanted
    program = shutil.which("node")
    if program:
        (tmp_path / "f.mjs").write_text(
            f"{f.source('javascript')}console.log(JSON.stringify(f({json.dumps(given)[1:-1]})))", "utf-8"
        )
        done = subprocess.run([program, tmp_path / "f.mjs"], check=True, capture_output=True, text=True)
        assert json.loads(done.stdout) == wanted


def test_an_unknown_language_is_refused() -> None:
    x = Value(1.0)
    with pytest.raises(UnknownNameError, match="did you mean python"):
        function(x, x * x).source("pyhton")
