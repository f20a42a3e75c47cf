"""See backpropagation: a scalar autograd engine that draws and explains its own graph.

>>> from tinygrad_edu import Value
>>> w, x = Value(0.5, label="w"), Value(2.0, label="x")
>>> y = (w * x).tanh()
>>> y.backward()
>>> round(w.grad, 6)
0.839949

Every operation of the table is a function here, and so is one that you declare with ``rule``:

>>> import tinygrad_edu
>>> tinygrad_edu.cosh(0.0), tinygrad_edu.atan2(Value(1.0), 1.0).data
(1.0, 0.7853981633974483)
"""

import builtins
import sys

from tinygrad_edu._common import __version__ as __version__
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.engine.checking import Check, check_gradient
from tinygrad_edu.engine.declare import rule
from tinygrad_edu.engine.derivatives import (
    Multiplications,
    count_multiplications,
    derivative,
    hessian,
    hessian_vector_product,
    jacobian,
    jvp,
    vjp,
)
from tinygrad_edu.engine.errors import DivisionByZeroError, DomainError, StaleError, TooLargeError
from tinygrad_edu.engine.gradient import gradient
from tinygrad_edu.engine.implicit import implicit
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.engine.rules import softmax, swish
from tinygrad_edu.engine.storage import from_json, to_json, to_networkx
from tinygrad_edu.engine.value import COMPILED, Value, topological_order
from tinygrad_edu.program.function import BranchError, Function, function
from tinygrad_edu.see.diagnose import Diagnosis, diagnose
from tinygrad_edu.see.draw import Drawing, draw, draw_dot
from tinygrad_edu.see.draw.animate import Animation, animate
from tinygrad_edu.see.draw.film import Film, film
from tinygrad_edu.see.draw.style import Style
from tinygrad_edu.see.exercise import Exercise, exercise
from tinygrad_edu.see.explain import Explanation, Explanations, explain
from tinygrad_edu.see.explore import Explorer, explore
from tinygrad_edu.see.handout import Handout, handout
from tinygrad_edu.see.words import language
from tinygrad_edu.three_layer import worked_example

# What `from tinygrad_edu import *` gives: it must not replace Python's own abs, max, pow, sum, ….
__all__ = [
    "COMPILED",
    "Animation",
    "BranchError",
    "Check",
    "Diagnosis",
    "DivisionByZeroError",
    "DomainError",
    "Drawing",
    "Exercise",
    "Explanation",
    "Explanations",
    "Explorer",
    "Film",
    "Function",
    "Handout",
    "Multiplications",
    "StaleError",
    "Style",
    "TooLargeError",
    "Value",
    "animate",
    "check_gradient",
    "count_multiplications",
    "derivative",
    "diagnose",
    "draw",
    "draw_dot",
    "exercise",
    "explain",
    "explore",
    "film",
    "from_json",
    "function",
    "gradient",
    "handout",
    "hessian",
    "hessian_vector_product",
    "implicit",
    "jacobian",
    "jvp",
    "language",
    "rule",
    "softmax",
    "swish",
    "to_json",
    "to_networkx",
    "topological_order",
    "vjp",
    "worked_example",
]
__all__ += [name for name in TABLE if not hasattr(builtins, name)]


def __getattr__(name: str) -> Op:
    if name in TABLE:
        return TABLE[name]
    if name.startswith("_"):  # what Python and its tools ask every module for
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.util import find_spec  # only needed once something went wrong

    message = str(UnknownNameError("function", name, dict.fromkeys([*__all__, *TABLE])))
    # What `from tinygrad_edu import name` asks first; an AttributeError would lose its message there.
    if sys._getframe(1).f_code.co_name == "_handle_fromlist" and not find_spec(f"{__name__}.{name}"):
        raise ImportError(message, name=name)
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *TABLE})
