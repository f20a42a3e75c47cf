"""Notebook 05, from scalars to matrices: one layer as W @ x + b, forwards, backwards and for a batch."""

from collections.abc import Sequence
from typing import Any

from tinygrad_edu.course.rows import Prediction, Row, Task, Text, Wrong, usual
from tinygrad_edu.engine.rules import tanh
from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.graph import fold
from tinygrad_edu.see.mistakes import mistakes

EXAMPLES = 1000
THREE: list[tuple[list[float], float]] = [([0.5, -1.0], 1.0), ([1.0, 0.5], 0.0), ([-0.5, 2.0], 1.0)]
"""The examples whose gradients are averaged."""


def network(inputs: Sequence[float] = (0.5, -1.0), target: float = 1.0) -> dict[str, Value]:
    """Return the Values of the notebook's network by name, after the backward pass."""
    numbers = {
        "w1": 0.2,
        "w2": -0.4,
        "w3": 0.7,
        "w4": 0.1,
        "w5": -0.3,
        "w6": 0.6,
        "b1": 0.1,
        "b2": -0.2,
        "b3": 0.0,
    }
    numbers |= {
        "w7": 0.5,
        "w8": -0.6,
        "w9": 0.8,
        "b4": 0.3,
        "i1": inputs[0],
        "i2": inputs[1],
        "target": target,
    }
    v = {name: Value(number, name) for name, number in numbers.items()}
    for k in (1, 2, 3):
        v[f"net_h{k}"] = v[f"w{2 * k - 1}"] * v["i1"] + v[f"w{2 * k}"] * v["i2"] + v[f"b{k}"]
        v[f"out_h{k}"] = tanh(v[f"net_h{k}"])
    v["out_o1"] = v["w7"] * v["out_h1"] + v["w8"] * v["out_h2"] + v["w9"] * v["out_h3"] + v["b4"]
    v["E"] = 0.5 * (v["target"] - v["out_o1"]) ** 2
    for name, value in v.items():
        value.label = name
    v["E"].backward()
    return v


def entry_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the second entry of W_h @ i + b_h."""
    v = {name: value.data for name, value in network().items()}
    return [
        Wrong(
            v["net_h2"] - v["b2"],
            Text("the bias is missing: add the second entry of b_h.", "漏了偏置：加上 b_h 的第二个元素。"),
        ),
        Wrong(
            v["w3"] * v["i2"] + v["w4"] * v["i1"] + v["b2"],
            Text(
                "the inputs are in the wrong order: the first entry of the row meets the first input.",
                "输入的次序反了：该行的第一个元素与第一个输入相乘。",
            ),
        ),
        Wrong(
            v["net_h1"],
            Text(
                "that is the first entry. The second one comes from the second row.",
                "这是第一个元素。第二个元素来自第二行。",
            ),
        ),
    ]


def outer_mistakes() -> list[Wrong]:
    """Return the usual mistakes with ∂E/∂w4, an entry of the outer product."""
    v = network()
    return [
        *usual(mistakes(fold(v["E"]), v["w4"]), "minus", "swapped"),
        Wrong(
            v["net_h2"].grad * v["i1"].data,
            Text(
                "that is column 1, the derivative along w3: w4 is multiplied by i2.",
                "这是第 1 列，即对 w3 的导数：与 w4 相乘的是 i2。",
            ),
        ),
        Wrong(
            v["net_h1"].grad * v["i2"].data,
            Text(
                "that is row 1, the derivative along w2: w4 belongs to the second neuron.",
                "这是第 1 行，即对 w2 的导数：w4 属于第二个神经元。",
            ),
        ),
    ]


def three_gradients() -> list[float]:
    """Return ∂E/∂w4 for each of the three examples."""
    return [network(*example)["w4"].grad for example in THREE]


def mean_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the gradient of a mean."""
    gradients = three_gradients()
    return [
        Wrong(
            sum(gradients),
            Text(
                "that is the sum; the loss is a mean, so divide by three.",
                "这是总和；损失是均值，所以要除以三。",
            ),
        ),
        Wrong(
            sum(map(abs, gradients)) / len(gradients),
            Text(
                "the signs are lost: gradients of different signs cancel.",
                "丢了符号：符号不同的梯度会相互抵消。",
            ),
        ),
        Wrong(
            gradients[-1],
            Text(
                "that is the last example alone; all three have a part in the mean.",
                "这只是最后一个样本；三个样本对均值都有贡献。",
            ),
        ),
    ]


def shapes() -> dict[str, Any]:
    """Return the numbers of neurons, inputs and examples."""
    return {"neurons": 3, "inputs": 2, "examples": EXAMPLES}


def count_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the number of multiplications."""
    neurons, inputs, examples = shapes().values()
    return [
        Wrong(
            neurons * inputs,
            Text("that is one example; there are {examples}.", "这是一个样本；共有 {examples} 个。"),
        ),
        Wrong(
            neurons * examples,
            Text(
                "that is how many numbers result; each of them is a sum of two products.",
                "这是结果的个数；每个结果是两个乘积之和。",
            ),
        ),
        Wrong(
            inputs * examples + neurons * inputs,
            Text(
                "that is how many numbers are in the two matrices. Each result takes one product for each input.",
                "这是两个矩阵中数的个数。每个结果要为每个输入作一次乘法。",
            ),
        ),
    ]


ROWS: dict[str, Row] = {
    "05.1": Prediction(
        Text("How many rows and how many columns has W_h?", "W_h 有几行几列？"),
        Text(
            "{neurons} rows and {inputs} columns: a row for each neuron, a column for each input.",
            "{neurons} 行 {inputs} 列：每个神经元一行，每个输入一列。",
        ),
        shapes,
    ),
    "05.2": Task(
        right=lambda: network()["net_h2"].data,
        wrong=entry_mistakes,
        look=Text(
            "The second row is (w3, w4). w3·i1 + w4·i2 + b2, with their numbers.",
            "第二行是 (w3, w4)。代入数值计算 w3·i1 + w4·i2 + b2。",
        ),
    ),
    "05.3": Prediction(
        Text(
            "d_net_h has {neurons} numbers, and i has {inputs}. How does one make the table ∂E/∂W_h of them, which has "
            "{neurons} rows and {inputs} columns?",
            "d_net_h 有 {neurons} 个数，i 有 {inputs} 个。怎样由它们得到 {neurons} 行 {inputs} 列的表 ∂E/∂W_h？",
        ),
        Text(
            "Every number of the one times every number of the other: row k, column j is d_net_h[k] · i[j], because "
            "∂net_k/∂W_kj = i_j. This is called the outer product.",
            "一方的每个数乘以另一方的每个数：第 k 行第 j 列是 d_net_h[k] · i[j]，因为 ∂net_k/∂W_kj = i_j。这称为外积。",
        ),
        shapes,
    ),
    "05.4": Task(
        right=lambda: network()["w4"].grad,
        wrong=outer_mistakes,
        look=Text(
            "Row 2 takes the second number of d_net_h, column 2 the second input.",
            "第 2 行取 d_net_h 的第二个数，第 2 列取第二个输入。",
        ),
    ),
    "05.5": Prediction(
        Text(
            "Let there be {examples} examples. What shape has net_h then, and what shape has ∂E/∂W_h?",
            "设有 {examples} 个样本。这时 net_h 的形状是什么？∂E/∂W_h 的形状又是什么？",
        ),
        Text(
            "net_h has the shape ({examples}, {neurons}), a row for each example. ∂E/∂W_h still has the shape ({neurons}, "
            "{inputs}): the examples share the weights, so their gradients are added. Paths add.",
            "net_h 的形状是 ({examples}, {neurons})，每个样本一行。∂E/∂W_h 的形状仍是 ({neurons}, {inputs})："
            "各样本共用权重，所以梯度相加。路径相加。",
        ),
        shapes,
    ),
    "05.6": Task(
        right=lambda: sum(three_gradients()) / len(three_gradients()),
        wrong=mean_mistakes,
        look=Text(
            "The derivative of a mean is the mean of the derivatives.",
            "均值的导数等于导数的均值。",
        ),
    ),
    "05.7": Task(
        right=lambda: EXAMPLES * 3 * 2,
        wrong=count_mistakes,
        look=Text(
            "The result has the shape ({examples}, {neurons}), and each of its numbers is a row times a column.",
            "结果的形状是 ({examples}, {neurons})，其中每个数是一行乘以一列。",
        ),
        numbers=shapes,
        tolerance=0.001,
    ),
    "05.8": Prediction(
        Text(
            "Values, a program of single numbers, matrices: all three do the same multiplications. Which is the fastest, "
            "and is it by 2, by 20, or by more than 100 times?",
            "Value、逐个数的程序、矩阵：三者所作的乘法相同。哪个最快？快 2 倍、20 倍，还是 100 倍以上？",
        ),
        Text(
            "Matrices, by more than 100 times on most machines. Almost all of the time before went into what surrounds "
            "the arithmetic. The next cell measures it.",
            "矩阵最快，在大多数机器上快 100 倍以上。此前几乎所有时间都花在算术之外的事情上。下一个单元会实测。",
        ),
    ),
}
