"""A Value as one writes it on a page of plain Python: what a program in the style of microgpt runs on.

Each operation keeps its arguments and its local derivatives; ``backward`` sorts the graph by recursion.
"""

import math


class PlainValue:
    __slots__ = ("args", "data", "grad", "slopes")

    def __init__(self, data, args=(), slopes=()):
        self.data = data
        self.grad = 0
        self.args = args
        self.slopes = slopes

    def __add__(self, other):
        other = other if isinstance(other, PlainValue) else PlainValue(other)
        return PlainValue(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other):
        other = other if isinstance(other, PlainValue) else PlainValue(other)
        return PlainValue(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        return PlainValue(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        e = math.exp(self.data)
        return PlainValue(e, (self,), (e,))

    def log(self):
        return PlainValue(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):
        return PlainValue(max(0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __truediv__(self, other):
        return self * other**-1

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self):
        order = []
        visited = set()

        def visit(value):
            if value not in visited:
                visited.add(value)
                for arg in value.args:
                    visit(arg)
                order.append(value)

        visit(self)
        self.grad = 1
        for value in reversed(order):
            for arg, slope in zip(value.args, value.slopes, strict=True):
                arg.grad += slope * value.grad
