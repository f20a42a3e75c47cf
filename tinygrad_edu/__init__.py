"""See backpropagation: a scalar autograd engine that draws and explains its own graph.

>>> from tinygrad_edu import Value
>>> w, x = Value(0.5, label="w"), Value(2.0, label="x")
>>> y = (w * x).tanh()
>>> y.backward()
>>> round(w.grad, 6)
0.839949
"""

from tinygrad_edu.engine import COMPILED  # first of all: it says what the imports below load

# isort: split
from tinygrad_edu.draw import Drawing, draw, draw_dot
from tinygrad_edu.draw.animate import Animation, animate
from tinygrad_edu.explain import Explanation, explain
from tinygrad_edu.gradient import gradient
from tinygrad_edu.op import DivisionByZeroError, DomainError, TooLargeError
from tinygrad_edu.ops import (  # noqa: F401  # see __all__
    abs,
    add,
    cos,
    div,
    dot,
    erf,
    exp,
    gelu,
    leaky_relu,
    log,
    logsumexp,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    power,
    relu,
    sigmoid,
    sin,
    softmax,
    softplus,
    sqrt,
    step,
    sub,
    sum,
    tan,
    tanh,
)
from tinygrad_edu.three_layer import worked_example
from tinygrad_edu.value import CycleError, Value, topological_order

__version__ = "0.1.0"

# abs, pow and sum are left out: `from tinygrad_edu import *` must not replace Python's own.
__all__ = [
    "COMPILED",
    "Animation",
    "CycleError",
    "DivisionByZeroError",
    "DomainError",
    "Drawing",
    "Explanation",
    "TooLargeError",
    "Value",
    "add",
    "animate",
    "cos",
    "div",
    "dot",
    "draw",
    "draw_dot",
    "erf",
    "exp",
    "explain",
    "gelu",
    "gradient",
    "leaky_relu",
    "log",
    "logsumexp",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "power",
    "relu",
    "sigmoid",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "step",
    "sub",
    "tan",
    "tanh",
    "topological_order",
    "worked_example",
]
