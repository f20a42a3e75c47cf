"""Operations added as in Karpathy's lecture: ``out = Value(d, (x,), "sq")``, then ``out._backward = f``."""

from collections.abc import Callable
from typing import Any

from tinygrad_edu.engine.errors import OPERATORS
from tinygrad_edu.engine.op import Op


def _unknown(z: Any, *args: Any) -> Any:
    raise ValueError("its rule is not known: it was given as a _backward; declare it with rule(…) instead")


class Closure(Op):
    """An operation of which only the local derivatives at one point are known, from a closure."""

    def __init__(self, name: str, arity: int) -> None:
        super().__init__(name, _unknown, _unknown)
        self.arity = arity

    def __reduce__(self) -> Any:
        return Closure, (self.name, self.arity)


def symbol(op: Op | None) -> str:
    """Return what micrograd's ``_op`` says: "+", "**3", "ReLU", "" for a leaf.

    >>> from tinygrad_edu import Value
    >>> (Value(2.0) ** 3)._op
    '**3'
    """
    if op is None:
        return ""
    parameters = "".join(repr(number).removesuffix(".0") for number in op.parameters.values())
    return {"relu": "ReLU"}.get(op.name) or OPERATORS.get(op.name, op.name) + parameters


def pass_on(value: Any) -> None:
    """Pass a Value's gradient on to its arguments, as one step of a backward pass."""
    for arg, slope in zip(value.args, value.slopes, strict=True):
        arg.grad += value.grad * slope


def assign(value: Any, closure: Callable[[], None]) -> None:
    """Take the local derivatives of a Value from a closure that adds to the gradients of its arguments.

    The closure runs once, with ``value.grad`` at 1, and is not kept. From then on no rule of the table
    speaks for this Value.
    """
    if not value.args:
        return  # the lecture gives leaves a closure that does nothing
    before = [(each, each.grad) for each in {value, *value.args}]
    for each, _ in before:
        each.grad = 0.0
    value.grad = 1.0
    try:
        closure()
        left = {arg: arg.grad for arg in value.args}
    finally:
        for each, grad in before:
            each.grad = grad
    # Of an argument that stands twice, the closure gave the sum.
    slopes = tuple(float(left.pop(arg, 0.0)) for arg in value.args)
    name = value.op.name if isinstance(value.op, Closure) else f"custom {value.op.name}"
    value._become(Closure(name, len(value.args)), slopes)
