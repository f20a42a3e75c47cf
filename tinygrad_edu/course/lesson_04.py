"""Notebook 04, networks that learn: XOR, moons, three optimisers on one surface, the autoencoder."""

from itertools import product
from math import log2, prod
from typing import Literal

from tinygrad_edu.course.rows import Prediction, Row, Task, Text, Wrong, usual
from tinygrad_edu.datasets import xor
from tinygrad_edu.engine.rules import sigmoid
from tinygrad_edu.engine.value import Value
from tinygrad_edu.losses import binary_cross_entropy
from tinygrad_edu.nn import MLP
from tinygrad_edu.optim import Adam
from tinygrad_edu.see.graph import fold
from tinygrad_edu.see.mistakes import mistakes, update_mistakes

RATE = 0.08
"""The learning rate of the step in the valley."""
ADAM_RATE = 0.4


def best_line() -> dict[str, int]:
    """Return how many of the XOR examples the best of many lines gets right."""
    weights = (-1.0, -0.5, 0.0, 0.5, 1.0)
    counts = [
        sum((w1 * i1 + w2 * i2 + b > 0) == (target == 1) for (i1, i2), target in xor())
        for w1, w2, b in product(weights, repeat=3)
    ]
    return {"best": max(counts), "all": len(xor())}


def xor_losses() -> list[float]:
    """Return the losses of the four XOR examples, for the network of the notebook."""
    network = MLP(2, [2, 1], activation="tanh", seed=4)
    return [binary_cross_entropy(network(inputs), target).data for inputs, target in xor()]


def mean_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the loss of a batch."""
    losses = xor_losses()
    return [
        Wrong(
            sum(losses),
            Text(
                "that is the sum. It grows with the number of examples; divide by it.",
                "这是总和，它随样本数增大；请除以样本数。",
            ),
        ),
        Wrong(
            max(losses),
            Text(
                "that is the loss of one example alone; all four count.",
                "这只是一个样本的损失；四个样本都要算。",
            ),
        ),
        Wrong(
            prod(losses),
            Text(
                "losses are added and not multiplied. Then divide by their number.",
                "损失应相加，而不是相乘。然后除以个数。",
            ),
        ),
    ]


def know_nothing() -> float:
    """Return the loss of an output 0, which says probability ½."""
    return binary_cross_entropy(Value(0.0), 1.0).data


def know_nothing_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the loss of the probability ½."""
    half = sigmoid(0.0)
    return [
        Wrong(half, Text("that is the probability; the loss is −ln of it.", "这是概率；损失是它的 −ln。")),
        Wrong(
            -know_nothing(),
            Text(
                "the minus is lost: ln of a number below 1 is negative, and the loss is −ln.",
                "丢了负号：小于 1 的数的 ln 是负数，而损失是 −ln。",
            ),
        ),
        Wrong(
            -log2(half),
            Text(
                "that is the logarithm to base 2. Use the natural one, `math.log`.",
                "这是以 2 为底的对数。请用自然对数 `math.log`。",
            ),
        ),
    ]


def valley() -> tuple[Value, Value]:
    """Return the loss ½(a² + 20·b²) at a = −4 and b = 1, and b, after the backward pass."""
    a, b = Value(-4.0, "a"), Value(1.0, "b")
    loss = (a**2 + 20 * b**2) / 2
    loss.backward()
    return loss, b


def factors() -> dict[str, float]:
    """Return by what a step multiplies b, for three learning rates."""
    _, b = valley()
    return {
        f"by_{name}": (b.data - rate * b.grad) / b.data
        for name, rate in zip("xyz", (0.05, 0.09, 0.11), strict=True)
    }


def step_mistakes() -> list[Wrong]:
    """Return the usual mistakes with a step in the valley."""
    loss, b = valley()
    _, halved = [found.number for found in mistakes(fold(loss), b) if found.key == "half"]
    hint = Text(
        "the gradient is wrong by a factor of 2: the ½ of L cancels with the 2 of the square, so it is 20·b.",
        "梯度差了 2 倍：L 中的 ½ 与平方的 2 相约，所以是 20·b。",
    )
    return [
        *usual(update_mistakes(b.data, b.grad, RATE), "rate"),
        Wrong(
            b.data + RATE * b.grad,
            Text(
                "the step goes uphill: subtract η times the gradient.", "这一步走向上坡：应减去 η 乘以梯度。"
            ),
        ),
        Wrong(b.data - RATE * halved, hint),
        Wrong(
            RATE * b.grad,
            Text("that is the step alone. Subtract it from b.", "这只是步长。请从 b 中减去它。"),
        ),
    ]


def adam_step() -> float:
    """Return b after the first step of Adam in the valley."""
    _, b = valley()
    Adam([b], ADAM_RATE).step()
    return b.data


def adam_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the first step of Adam."""
    _, b = valley()
    first, second = Adam([b]).betas
    uncorrected = (1 - first) * b.grad / ((1 - second) * b.grad**2) ** 0.5
    return [
        Wrong(
            b.data - ADAM_RATE * b.grad,
            Text(
                "that is a step of gradient descent. Adam divides the gradient by its size.",
                "这是梯度下降的一步。Adam 还要把梯度除以它的大小。",
            ),
        ),
        Wrong(
            b.data + ADAM_RATE,
            Text(
                "the step goes uphill: the gradient is positive, so b becomes smaller.",
                "这一步走向上坡：梯度是正数，所以 b 变小。",
            ),
        ),
        Wrong(
            b.data - ADAM_RATE * uncorrected,
            Text(
                "that is without bias correction, which makes both means those of the one gradient seen so far.",
                "这没有作偏差修正；修正后，两个均值都等于至今唯一的那个梯度的均值。",
            ),
        ),
    ]


def parameter_count(bias: Literal["neuron", "shared"] | None = "neuron") -> int:
    """Return the number of parameters of the autoencoder, for a kind of bias."""
    return len(MLP(8, [3, 8], bias=bias).parameters())


def parameter_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the number of parameters."""
    return [
        Wrong(
            parameter_count(None),
            Text("the biases are missing: one for each neuron.", "漏了偏置：每个神经元一个。"),
        ),
        Wrong(
            parameter_count("shared"),
            Text("one bias for each neuron, and not for each layer.", "每个神经元一个偏置，而不是每层一个。"),
        ),
        Wrong(
            len(MLP(8, [3, 8]).layers[0].parameters()),
            Text(
                "that is the first layer; the second one leads back to 8.",
                "这只是第一层；第二层再回到 8 个。",
            ),
        ),
    ]


ROWS: dict[str, Row] = {
    "04.1": Prediction(
        Text(
            "The neuron says 1 on one side of a straight line and 0 on the other. How many of the {all} XOR "
            "examples can it get right at most?",
            "神经元在一条直线的一侧输出 1，在另一侧输出 0。{all} 个 XOR 样本中，它最多能分对几个？",
        ),
        Text(
            "{best}. The two examples of class 1 lie at opposite corners of a square, those of class 0 at the other "
            "two. No line has the one pair on one side and the other pair on the other.",
            "{best} 个。类别 1 的两个样本在正方形的一对对角上，类别 0 的在另一对对角上。没有一条直线能把这两对分开。",
        ),
        best_line,
    ),
    "04.2": Task(
        right=lambda: sum(xor_losses()) / len(xor_losses()),
        wrong=mean_mistakes,
        look=Text("Add the four losses, and divide by four.", "把四个损失相加，再除以四。"),
        tolerance=0.001,
    ),
    "04.3": Task(
        right=know_nothing,
        wrong=know_nothing_mistakes,
        look=Text(
            "The probability of the true class is ½. Take −ln of it.", "真实类别的概率是 ½。取它的 −ln。"
        ),
        tolerance=0.005,
    ),
    "04.4": Prediction(
        Text(
            "b starts at 1. Which of the learning rates 0.05, 0.09 and 0.11 bring it nearer to 0?",
            "b 从 1 开始。学习率 0.05、0.09、0.11 中，哪些使它接近 0？",
        ),
        Text(
            "A step makes b⁺ = (1 − 20·η)·b. The factors are {by_x:.1f}, {by_y:.1f} and {by_z:.1f}: the first arrives at "
            "once, the second jumps across and comes nearer, the third jumps farther away each time.",
            "一步之后 b⁺ = (1 − 20·η)·b。因子分别是 {by_x:.1f}、{by_y:.1f} 和 {by_z:.1f}：第一个一步到达，"
            "第二个越过最低点但逐渐接近，第三个每次都跳得更远。",
        ),
        factors,
    ),
    "04.5": Task(
        right=lambda: valley()[1].data - RATE * valley()[1].grad,
        wrong=step_mistakes,
        look=Text(
            "The gradient is 20·b = 20. Subtract η times the gradient from b.",
            "梯度是 20·b = 20。从 b 中减去 η 乘以梯度。",
        ),
    ),
    "04.6": Task(
        right=adam_step,
        wrong=adam_mistakes,
        look=Text(
            "The mean of the gradients is 20, and the root of the mean of the squares is 20 as well.",
            "梯度的均值是 20，平方均值的根也是 20。",
        ),
    ),
    "04.7": Task(
        right=parameter_count,
        wrong=parameter_mistakes,
        look=Text(
            "A neuron has a weight for each of its inputs, and a bias. Count layer by layer.",
            "每个神经元对每个输入有一个权重，另有一个偏置。请逐层计数。",
        ),
        tolerance=0.001,
    ),
}
