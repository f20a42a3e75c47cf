"""See backpropagation: a scalar autograd engine that draws and explains its own graph.

>>> from tinygrad_edu import Value
>>> w, x = Value(0.5, label="w"), Value(2.0, label="x")
>>> y = (w * x).tanh()
>>> y.backward()
>>> round(w.grad, 6)
0.839949
"""

from tinygrad_edu.engine.errors import DivisionByZeroError, DomainError, StaleError, TooLargeError
from tinygrad_edu.engine.gradient import gradient
from tinygrad_edu.engine.rules import softmax
from tinygrad_edu.engine.value import COMPILED, Value, topological_order
from tinygrad_edu.see.draw import Drawing, draw, draw_dot
from tinygrad_edu.see.draw.animate import Animation, animate
from tinygrad_edu.see.explain import Explanation, Explanations, explain
from tinygrad_edu.see.explore import Explorer, explore
from tinygrad_edu.three_layer import worked_example

__version__ = "0.1.0"
