"""The compiled engine and its Python source are one; every test here runs on either."""

import ast
import copy
import doctest
import gc
import importlib
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu
from tinygrad_edu import Value, ops
from tinygrad_edu.engine import COMPILED, FOLDER, MODULES, RECORD

# --- What a Value answers ---


def test_gradients_may_be_passed_on_one_value_at_a_time():
    a, b = Value(2.0), Value(-3.0)
    product_ = a * b
    total = product_ + a
    total.grad = 1.0
    total._backward()
    product_._backward()
    assert (a.grad, b.grad) == (-2.0, 2.0)


def test_slopes_may_be_assigned():
    x = Value(2.0)
    for y in (x.tanh(), x * x, ops.sum([x, x, x])):
        wanted = tuple(float(i) for i, _ in enumerate(y.args, 5))
        y.slopes = wanted
        assert y.slopes == wanted == copy.copy(y).slopes


@pytest.mark.parametrize("name", ["dat", "_grad", "__dict__x"])
def test_a_misspelt_attribute_is_an_error(name):
    with pytest.raises(AttributeError, match=name):
        setattr(Value(1.0), name, 2.0)
    with pytest.raises(AttributeError, match=name):
        getattr(Value(1.0), name)


def test_value_has_no_subclasses_for_the_type_checker_and_no_dict():
    assert not hasattr(Value(1.0), "__dict__")


def test_memory_does_not_grow_over_training_steps():
    program = """
import gc, sys
from tinygrad_edu import Value, dot
w = [Value(0.1 * i) for i in range(20)]
def step():
    h = [dot(w, [x, *w[1:]]).relu() + w[0].tanh() for x in (0.1, 0.2, 0.3)]
    loss = (h[0] - h[1] * 2 / (h[2] ** 2 + 1.0)) ** 2
    loss.backward()
    loss.forward()
    for p in w:
        p.data -= 1e-6 * p.grad
        p.grad = 0.0
for _ in range(50):
    step()
gc.collect()  # which also empties Python's lists of free objects
before = sys.getallocatedblocks()
for _ in range(1000):
    step()
gc.collect()
print(sys.getallocatedblocks() - before)
"""
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert int(grown.stdout) < 100  # a leak of one object a step would be 1000


def test_the_garbage_collector_has_nothing_to_look_at_in_a_compiled_graph():
    x = Value(2.0)
    for y in (x.relu(), x * x, x.tanh(), tinygrad_edu.dot([x, x], [x, x])):
        assert gc.is_tracked(y) == gc.is_tracked(y.args) == (not COMPILED)
    assert gc.is_tracked(y.slopes) == (not COMPILED)


# --- Which engine runs ---


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_engine(name):
    # Read from the source: doctest does not look for examples in compiled functions.
    names = vars(importlib.import_module(f"tinygrad_edu.{name}"))
    source = FOLDER / f"{name}.py"
    runner, examples = doctest.DocTestRunner(), 0
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and (doc := ast.get_docstring(node)):
            test = doctest.DocTestParser().get_doctest(doc + "\n", dict(names), name, str(source), 0)
            examples += len(test.examples)
            runner.run(test)
    assert examples
    assert runner.failures == 0


@pytest.mark.parametrize("name", MODULES)
def test_help_says_what_the_source_says(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    module, shown = importlib.import_module(f"tinygrad_edu.{name}"), 0
    for outer in tree.body:
        if not isinstance(outer, ast.FunctionDef | ast.ClassDef) or "native_class=False" in ast.unparse(
            outer
        ):
            continue  # to the errors, which are no native classes, mypyc gives a docstring of its own
        there = vars(module)[outer.name]
        pairs = [(outer, there)]
        if isinstance(outer, ast.ClassDef):
            pairs += [
                (node, vars(there)[node.name]) for node in outer.body if isinstance(node, ast.FunctionDef)
            ]
        for node, thing in pairs:
            if ast.get_docstring(node) and not node.name.startswith("__"):
                assert inspect.getdoc(thing) == ast.get_docstring(node), node.name
                shown += 1
    assert shown


def run(folder, **environment):
    program = "import tinygrad_edu.engine.value as v; print(v.__file__); print(__import__('tinygrad_edu').COMPILED)"
    environment = os.environ | {"PYTHONPATH": str(folder)} | environment
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_an_environment_variable_selects_the_source():
    folder = Path(tinygrad_edu.__file__).parents[1]
    file, compiled = run(folder, TINYGRAD_EDU_INTERPRETED="1")
    assert file.endswith("value.py")
    assert compiled == "False"


def test_an_edited_source_is_not_shadowed(tmp_path):
    package = tmp_path / "tinygrad_edu"
    shutil.copytree(FOLDER, package, ignore=shutil.ignore_patterns("__pycache__"))
    assert run(tmp_path)[1] == str(COMPILED)
    with (package / "value.py").open("a") as source:
        source.write("# edited\n")
    assert run(tmp_path)[1] == "False"


def test_the_record_stands_where_the_compiled_engine_stands():
    assert (FOLDER / RECORD).exists() == COMPILED or os.environ.get("TINYGRAD_EDU_INTERPRETED")
