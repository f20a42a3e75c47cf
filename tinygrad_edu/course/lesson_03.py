"""What notebook 03 asks: which factors make a gradient small, and how far gradients get."""

from collections.abc import Sequence
from math import prod

from tinygrad_edu.course.rows import Prediction, Row, Task, Text, Wrong, usual
from tinygrad_edu.engine.rules import leaky_relu, relu, sigmoid
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.losses import mean_squared_error
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.graph import fold
from tinygrad_edu.see.mistakes import Mistake, mistakes

INPUTS = [[1.0, 0.5], [-1.0, 0.5], [0.5, -1.0], [-0.5, -0.5]]
TARGETS = [1.0, 0.0, 1.0, 0.0]
"""The four examples of the notebook."""

HIDDEN = 6
SEED = 1


def saturated(w: float = 10.0) -> dict[str, Value]:
    """Return the notebook's one neuron by name: its output is near 1, and should be 0."""
    values = {"w": Value(w), "x": Value(1.0), "target": Value(0.0)}
    values["net"] = values["w"] * values["x"]
    values["out"] = sigmoid(values["net"])
    values["E"] = 0.5 * (values["target"] - values["out"]) ** 2
    for name, value in values.items():
        value.label = name
    values["E"].backward()
    return values


def steepest_chain(layers: int) -> tuple[Value, Value]:
    """Return the root and the leaf of a chain of sigmoids, each at net = 0 where it is steepest."""
    leaf = net = Value(0.0)
    for _ in range(layers):
        out = sigmoid(net)
        net = out - 0.5
    out.backward()
    return out, leaf


def sigmoid_slopes(root: Value) -> list[float]:
    """Return the local derivatives of the sigmoids in a graph."""
    return [value.slopes[0] for value in topological_order(root) if value.op is sigmoid]


def layer_norms(activation: str, init: str) -> list[float]:
    """Return the norm of the gradient of each layer of the notebook's network.

    >>> norms = layer_norms("sigmoid", "xavier")
    >>> norms[0] < norms[-1] / 1000
    True
    """
    model = MLP(2, [8] * HIDDEN + [1], activation=activation, init=init, seed=SEED)
    mean_squared_error([model(x) for x in INPUTS], TARGETS).backward()
    return [sum(p.grad**2 for p in layer.parameters()) ** 0.5 for layer in model.layers]


def relus_off() -> list[list[bool]]:
    """Return for each of the exercise's five ReLUs whether it is off, for the first and the second example."""
    nets = [(-2.0, 1.0), (0.5, -0.2), (-0.1, -4.0), (-3.0, -1.0), (-1.0, 2.0)]
    return [[relu(Value(net)).slopes[0] == 0 for net in pair] for pair in nets]


def _count(states: Sequence[bool]) -> float:
    return float(sum(states))


def _net_of_3() -> tuple[Value, Value]:
    net = Value(3.0, "net")
    return sigmoid(net), net


def _mistakes_at_3() -> list[Mistake]:
    out, net = _net_of_3()
    return mistakes(fold(out), net)


def _leak() -> tuple[Value, Value]:
    net = Value(-10.0, "net")
    return leaky_relu(net), net


def _ratio(norms: Sequence[float]) -> float:
    return norms[-1] / norms[0]


# fmt: off
ROWS: dict[str, Row] = {
    "03.1": Prediction(
        Text(
            "At which net is the sigmoid steepest, and how large is out·(1 − out) there?",
            "sigmoid 在哪个 net 处最陡？那里 out·(1 − out) 有多大？",
        ),
        Text(
            "At net = 0. There out = {out:g}, and {out:g} × {out:g} = {slope:g}. It is never larger.",
            "在 net = 0 处。那里 out = {out:g}，{out:g} × {out:g} = {slope:g}。它永远不会更大。",
        ),
        lambda: {"out": sigmoid(0.0), "slope": sigmoid.slopes(sigmoid(0.0), 0.0)[0]},
    ),
    "03.2": Task(
        lambda: _net_of_3()[0].slopes[0],
        lambda: [
            *usual(_mistakes_at_3(), "at_net"),
            Wrong(sigmoid(3.0), Text("This is out itself. Multiply it by 1 − out.", "这是 out 本身。还要乘以 1 − out。")),
            Wrong(sigmoid.slopes(0.5, 0.0)[0], Text("This is the largest local derivative, at net = 0. Here net is 3.", "这是最大的局部导数，在 net = 0 处。这里 net 是 3。")),
        ],
        Text("First out = 1 / (1 + e^−3), then out·(1 − out).", "先求 out = 1 / (1 + e^−3)，再求 out·(1 − out)。"),
    ),
    "03.3": Prediction(
        Text(
            "w = {w:g} and x = 1, so out = {out:.5f}; the target is 0. The error is almost as large as it can be. Is the gradient of w large as well?",
            "w = {w:g}，x = 1，所以 out = {out:.5f}；目标值是 0。误差几乎达到最大。w 的梯度也大吗？",
        ),
        Text(
            "No, it is {grad:.6f}. The error's own factor is out − target = {out:.5f}, but the sigmoid multiplies it by out·(1 − out) = {slope:.6f}. With learning rate 0.5, one step changes w by {step:.6f}: the neuron is wrong, and hardly learns.",
            "不大，它是 {grad:.6f}。误差自己的因子是 out − target = {out:.5f}，但 sigmoid 要乘上 out·(1 − out) = {slope:.6f}。学习率为 0.5 时，一步只让 w 改变 {step:.6f}：神经元错了，却几乎学不动。",
        ),
        lambda: {
            "w": saturated()["w"].data, "out": saturated()["out"].data, "grad": saturated()["w"].grad,
            "slope": saturated()["out"].slopes[0], "step": 0.5 * saturated()["w"].grad,
        },
    ),
    "03.4": Prediction(
        Text(
            "Four neurons in a row, each with a sigmoid and the weight 1. How large can the gradient of the first weight be at most, if its input is 1?",
            "四个神经元排成一列，每个都有 sigmoid，权重都是 1。如果第一个的输入是 1，第一个权重的梯度最大能是多少？",
        ),
        Text(
            "0.25 × 0.25 × 0.25 × 0.25 = {most:.6f}: each sigmoid gives a factor of at most 0.25.",
            "0.25 × 0.25 × 0.25 × 0.25 = {most:.6f}：每个 sigmoid 带来一个不超过 0.25 的因子。",
        ),
        lambda: {"most": steepest_chain(4)[1].grad},
    ),
    "03.5": Task(
        lambda: steepest_chain(10)[1].grad,
        lambda: [
            Wrong(sum(sigmoid_slopes(steepest_chain(10)[0])), Text("These factors are added. Along a path they are multiplied.", "这里把因子相加了。沿一条路径要相乘。")),
            Wrong(sigmoid_slopes(steepest_chain(10)[0])[0], Text("This is the factor of one sigmoid. There are ten in a row.", "这是一个 sigmoid 的因子。一共有十个排成一列。")),
            Wrong(prod(sigmoid_slopes(steepest_chain(9)[0])), Text("This is the product of nine factors. There are ten sigmoids.", "这是九个因子的乘积。sigmoid 有十个。")),
        ],
        Text("Multiply 0.25 by itself, once for each of the ten sigmoids. In Python: 0.25 ** n.", "每个 sigmoid 乘一个 0.25，一共十个。在 Python 中写作 0.25 ** n。"),
    ),
    "03.6": Task(
        lambda: 1.0 / sigmoid.slopes(0.5, 0.0)[0],
        lambda: [
            Wrong(1.0, Text("With the weight 1 one layer leaves 0.25 of the gradient.", "权重为 1 时，一层之后梯度只剩 0.25。")),
            Wrong(sigmoid.slopes(0.5, 0.0)[0], Text("This is the sigmoid's factor. The weight is the other factor of a product that is 1.", "这是 sigmoid 的因子。两个因子的乘积是 1，权重是另一个因子。")),
            Wrong(1.0 - sigmoid.slopes(0.5, 0.0)[0], Text("Here both factors are added to 1. They are multiplied.", "这里让两个因子之和等于 1。应该让乘积等于 1。")),
        ],
        Text("Solve w × 0.25 = 1.", "解 w × 0.25 = 1。"),
    ),
    "03.7": Prediction(
        Text(
            "Now six hidden layers of eight neurons with sigmoids. In the last layer the gradient has a norm of about 1. What do you guess for the first layer: about 0.5, about 0.05, or less than 0.001?",
            "现在是六个隐藏层，每层八个带 sigmoid 的神经元。最后一层梯度的范数约为 1。你猜第一层是多少：约 0.5，约 0.05，还是小于 0.001？",
        ),
        Text(
            "{first:.6f}, which is {ratio:,.0f} times smaller than in the last layer. Many paths add up, but on each of them lie six sigmoids, and each multiplies by less than 0.25.",
            "{first:.6f}，是最后一层的 {ratio:,.0f} 分之一。虽然许多路径相加，但每条路径上都有六个 sigmoid，每个都乘上小于 0.25 的数。",
        ),
        lambda: {"first": layer_norms("sigmoid", "xavier")[0], "ratio": _ratio(layer_norms("sigmoid", "xavier"))},
    ),
    "03.8": Prediction(
        Text(
            "The same network with ReLUs. The local derivative of a ReLU is 1 or 0. Is the gradient of the first layer larger or smaller than with sigmoids?",
            "同样的网络，换成 ReLU。ReLU 的局部导数是 1 或 0。第一层的梯度比用 sigmoid 时大还是小？",
        ),
        Text(
            "Much larger: its norm is {first:.2f}, that of the last layer is {last:.2f}. A path is either cut off by a 0, or all its ReLUs multiply by 1, and only the weights are left as factors.",
            "大得多：它的范数是 {first:.2f}，最后一层是 {last:.2f}。一条路径要么被 0 切断，要么它的 ReLU 都乘以 1，只剩下权重作为因子。",
        ),
        lambda: {"first": layer_norms("relu", "he")[0], "last": layer_norms("relu", "he")[-1]},
    ),
    "03.9": Task(
        lambda: _count([all(states) for states in relus_off()]),
        lambda: [
            Wrong(_count([states[0] for states in relus_off()]), Text("So many are off for the first example. A dead ReLU is off for every example.", "这是对第一个样本关闭的个数。死亡的 ReLU 对每个样本都关闭。")),
            Wrong(_count([states[1] for states in relus_off()]), Text("So many are off for the second example. A dead ReLU is off for every example.", "这是对第二个样本关闭的个数。死亡的 ReLU 对每个样本都关闭。")),
            Wrong(_count([any(states) for states in relus_off()]), Text("So many are off for at least one example. That is normal: a dead ReLU is off for all of them.", "这是至少对一个样本关闭的个数。这很正常：死亡的 ReLU 对所有样本都关闭。")),
        ],
        Text("A ReLU is off where net is not above 0. Count those that are off in both rows.", "net 不大于 0 时 ReLU 关闭。数一数在两行中都关闭的有几个。"),
    ),
    "03.10": Prediction(
        Text(
            "All four ReLUs are off for all examples. You train for 1,000 more steps. Do they come back?",
            "四个 ReLU 对所有样本都关闭。你再训练 1,000 步。它们会恢复吗？",
        ),
        Text(
            "No. Their gradients are not small but exactly 0, so every update subtracts 0. Only a change from outside helps: other initial weights, a smaller learning rate from the start, or another activation.",
            "不会。它们的梯度不是很小，而是恰好为 0，所以每次更新都减去 0。只有外部的改变才有用：换初始权重，从一开始就用较小的学习率，或者换激活函数。",
        ),
    ),
    "03.11": Task(
        lambda: _leak()[0].slopes[0],
        lambda: [
            Wrong(_leak()[0].data, Text("This is out, not its derivative.", "这是 out，不是它的导数。")),
            Wrong(relu.slopes(0.0, -10.0)[0], Text("This is what the ReLU gives. The leaky ReLU lets a little through.", "这是 ReLU 的结果。leaky ReLU 会让一点点通过。")),
            Wrong(leaky_relu.slopes(10.0, 10.0)[0], Text("This is the local derivative for positive net. Here net is negative.", "这是 net 为正时的局部导数。这里 net 是负的。")),
        ],
        Text("For negative net, out = 0.01·net is a straight line. What is its derivative?", "net 为负时，out = 0.01·net 是一条直线。它的导数是多少？"),
    ),
}
