"""Names that are not known: each gets one sentence that says what to write."""

import subprocess
import sys

import pytest

import tinygrad_edu
from tinygrad_edu import Value
from tinygrad_edu._common.names import HINTS, SYNONYMS, UnknownNameError
from tinygrad_edu.engine.op import TABLE


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ln", "there is no function 'ln': did you mean log?"),
        ("arctan", "there is no function 'arctan': did you mean atan?"),
        ("clamp", "did you mean clip?"),
        ("grad", "did you mean gradient?"),
        ("hvp", "did you mean hessian_vector_product?"),
        ("sigmod", "did you mean sigmoid, "),
        ("no_grad", "there is no function 'no_grad': nothing has to be switched off: p.data -= "),
        ("Tensor", r"write Value\(2.0\) for a number"),
        ("MLP", "write from tinygrad_edu.nn import MLP"),
        ("Adam", "write from tinygrad_edu.optim import Adam"),
        ("__wrapped__", "module 'tinygrad_edu' has no attribute '__wrapped__'"),
    ],
)
def test_the_door_says_what_to_write(name, message):
    with pytest.raises(AttributeError, match=message) as caught:
        getattr(tinygrad_edu, name)
    assert "\n" not in str(caught.value)
    assert not hasattr(tinygrad_edu, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_grad", "there is no function 'no_grad': nothing has to be switched off: p.data -= "),
        ("gradiant", "there is no function 'gradiant': did you mean gradient, "),
        ("MLP", "write from tinygrad_edu.nn import MLP"),
    ],
)
def test_an_import_says_what_to_write_too(name, message):
    with pytest.raises(ImportError, match=message) as caught:
        exec(f"from tinygrad_edu import {name}", {})
    assert caught.value.name == name
    exec("from tinygrad_edu import train", {})  # a submodule is found as ever


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: Value(data=1.0, name="x"), "there is no option of Value 'name': write label="),
        (lambda: Value(1.0).backward(a=2), "there is no option of backward 'a': there are none at all"),
    ],
)
def test_an_option_that_is_not_known_is_named_and_no_other(mistake, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        mistake()


def test_what_a_hint_says_to_write_exists():
    for (kind, name), hint in HINTS.items():
        assert kind != "function" or not hasattr(tinygrad_edu, name)
        assert "\n" not in str(UnknownNameError(kind, name, TABLE))
        if "write from" in hint:
            exec(hint.removeprefix("write "), {})


def test_a_synonym_is_no_operation_of_the_table():
    assert not {*TABLE} & {*SYNONYMS}


def test_an_unknown_name_costs_nothing_before():
    """Only a mistake loads the comparison of letters."""
    program = "import sys, tinygrad_edu; print('difflib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
