"""An expression as in micrograd's README: only the import differs from micrograd code.

python examples/micrograd_expression.py
"""

from tinygrad_edu import Value  # micrograd: from micrograd.engine import Value

price, cost = Value(3.0), Value(-1.5)
margin = price + cost
squared = margin**2 + price * cost
squared += squared + 1
ratio = 6.0 / (squared - 0.5 * cost**3)
result = (ratio + (margin - price).relu()) / 2.0 + 0.25 * squared

print(f"{result.data:.4f}")  # the forward pass
result.backward()
print(f"{price.grad:.4f}")  # d result / d price
print(f"{cost.grad:.4f}")  # d result / d cost
