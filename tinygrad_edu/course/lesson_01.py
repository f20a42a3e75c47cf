"""Notebook 01, the three-layer network: one neuron first, then the worked example."""

from collections.abc import Mapping
from math import log
from typing import Any

from tinygrad_edu.course.rows import Prediction, Row, Task, Text, Wrong, usual
from tinygrad_edu.engine.rules import sigmoid
from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.graph import fold
from tinygrad_edu.see.mistakes import Mistake, mistakes, update_mistakes
from tinygrad_edu.three_layer import LEARNING_RATE, WEIGHTS, worked_example

NUDGE = 0.001


def neuron(w: float = 0.8) -> dict[str, Value]:
    """Return the Values of the notebook's one neuron by name, after the backward pass."""
    values = {"w": Value(w), "x": Value(1.5), "b": Value(-0.4), "target": Value(1.0)}
    values["net"] = values["w"] * values["x"] + values["b"]
    values["out"] = sigmoid(values["net"])
    values["E"] = 0.5 * (values["target"] - values["out"]) ** 2
    for name, value in values.items():
        value.label = name
    values["E"].backward()
    return values


def changes() -> dict[str, float]:
    """Return by how much each number of the neuron changes when w grows by the nudge."""
    before, after = neuron(), neuron(0.8 + NUDGE)
    return {name: after[name].data - before[name].data for name in before}


def neuron_numbers() -> dict[str, Any]:
    """Return the neuron's numbers, the gradient of E, and the changes after the nudge."""
    values, change = neuron(), changes()
    return {
        **{name: value.data for name, value in values.items()},
        **{f"d_{name}": amount for name, amount in change.items()},
        "slope": values["w"].grad,
        "net_per_w": change["net"] / NUDGE,
        "out_per_net": change["out"] / change["net"],
        "out_per_w": change["out"] / NUDGE,
        "nudge": NUDGE,
    }


def example_numbers() -> dict[str, Any]:
    """Return the numbers of the worked example, and every gradient as d_w1, d_w2, …."""
    example = worked_example()
    example["E_total"].backward()
    numbers = {name: value.data for name, value in example.items()}
    return numbers | {f"d_{name}": value.grad for name, value in example.items()} | {"rate": LEARNING_RATE}


def gradient_mistakes(values: Mapping[str, Value], root: str, wrt: str) -> list[Mistake]:
    """Return the usual mistakes with a gradient."""
    return mistakes(fold(values[root]), values[wrt])


def example_mistakes(wrt: str) -> list[Mistake]:
    """Return the usual mistakes with a gradient of the worked example."""
    return gradient_mistakes(worked_example(), "E_total", wrt)


def two_paths() -> dict[str, Any]:
    """Return what the nudge of u does along two paths."""
    u = Value(2.0)
    p, q = 3 * u, -u
    y = p + q
    before = p.data, q.data, y.data
    y.backward()
    u.data += NUDGE
    y.forward()
    d_p, d_q, d_y = (value.data - old for value, old in zip((p, q, y), before, strict=True))
    return {"nudge": NUDGE, "d_p": d_p, "d_q": d_q, "d_y": d_y, "slope": u.grad}


def best_w5() -> dict[str, Any]:
    """Return the number for w5 at which out_o1 is its target, and the numbers of the example."""
    numbers = example_numbers()
    target = numbers["target_o1"]
    net = log(target / (1 - target))  # the sigmoid, inverted
    rest = numbers["w6"] * numbers["out_h2"] + numbers["b2"]
    return numbers | {"best_w5": (net - rest) / numbers["out_h1"]}


def path_counts() -> dict[str, int]:
    """Return how many paths lead from w1 and from b1 to E_total."""
    example = worked_example()
    graph = fold(example["E_total"])
    return {f"paths_{name}": graph.path_count(example[name]) for name in ("w1", "b1")}


def first_step() -> dict[str, Any]:
    """Return what the gradients predict for the first step, and what it does."""
    numbers, example = example_numbers(), worked_example()
    example.train(1)
    after = example["E_total"].data
    expected = LEARNING_RATE * sum(numbers[f"d_{name}"] ** 2 for name in WEIGHTS)
    return numbers | {"expected": expected, "after": after, "fallen": numbers["E_total"] - after}


def ratio_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the ratio ΔE / Δw."""
    change = changes()["E"]
    return [
        Wrong(
            change,
            Text("that is ΔE alone. Divide it by the change of w.", "这只是 ΔE。请再除以 w 的变化。"),
        ),
        Wrong(
            NUDGE / change,
            Text(
                "the ratio is upside down: the change of the result stands above, the change of w below.",
                "比值上下颠倒了：结果的变化在上，w 的变化在下。",
            ),
        ),
        Wrong(
            -change / NUDGE,
            Text("the sign is lost: w grew and E shrank.", "丢了符号：w 增大了，而 E 减小了。"),
        ),
    ]


def step_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the first update of w5."""
    numbers = example_numbers()
    before, gradient = numbers["w5"], numbers["d_w5"]
    no_rate = usual(update_mistakes(before, gradient, LEARNING_RATE), "rate")
    return [
        *no_rate,
        Wrong(
            before + LEARNING_RATE * gradient,
            Text(
                "the step goes uphill. The gradient points to where E_total grows: subtract it.",
                "这一步走向上坡。梯度指向 E_total 增大的方向：应该减去它。",
            ),
        ),
        Wrong(
            LEARNING_RATE * gradient,
            Text("that is the step alone. Subtract it from w5.", "这只是步长。请从 w5 中减去它。"),
        ),
    ]


ROWS: dict[str, Row] = {
    "01.1": Prediction(
        Text(
            "The neuron says {out:.3f} and should say {target:.0f}. If w grows a little, does E grow or shrink?",
            "神经元的输出是 {out:.3f}，目标值是 {target:.0f}。如果 w 稍微增大，E 会增大还是减小？",
        ),
        Text(
            "It shrinks. x is positive, so net grows, so out grows, and comes nearer to the target.",
            "减小。x 是正数，所以 net 增大，out 也增大，更接近目标值。",
        ),
        neuron_numbers,
    ),
    "01.2": Task(
        right=lambda: changes()["E"] / NUDGE,
        wrong=ratio_mistakes,
        look=Text(
            "w changed by {nudge}, and E by what the last line of the table above says. Divide.",
            "w 改变了 {nudge}，E 的变化见上表最后一行。请相除。",
        ),
        numbers=neuron_numbers,
    ),
    "01.3": Prediction(
        Text(
            "net changes {net_per_w:.1f} times as much as w, and out {out_per_net:.3f} times as much as net. "
            "How many times as much as w does out change?",
            "net 的变化是 w 的 {net_per_w:.1f} 倍，out 的变化是 net 的 {out_per_net:.3f} 倍。out 的变化是 w 的多少倍？",
        ),
        Text(
            "{net_per_w:.1f} × {out_per_net:.3f} = {out_per_w:.3f} times. Slopes along a path multiply.",
            "{net_per_w:.1f} × {out_per_net:.3f} = {out_per_w:.3f} 倍。沿一条路径，斜率相乘。",
        ),
        neuron_numbers,
    ),
    "01.4": Task(
        right=lambda: neuron()["w"].grad,
        wrong=lambda: usual(gradient_mistakes(neuron(), "E", "w"), "minus", "at_net", "swapped"),
        look=Text(
            "Multiply −(target − out), out·(1 − out) and x, with the numbers of the forward pass.",
            "把 −(target − out)、out·(1 − out) 和 x 相乘，代入前向传播的数值。",
        ),
    ),
    "01.5": Prediction(
        Text(
            "y = p + q with p = 3·u and q = −u. If u grows by {nudge}, by how much does y grow?",
            "y = p + q，其中 p = 3·u，q = −u。如果 u 增大 {nudge}，y 增大多少？",
        ),
        Text(
            "p grows by {d_p:.3f}, q by {d_q:.3f}, so y by {d_y:.3f}. The slope is {slope:.0f}: paths add.",
            "p 增大 {d_p:.3f}，q 增大 {d_q:.3f}，所以 y 增大 {d_y:.3f}。斜率是 {slope:.0f}：路径相加。",
        ),
        two_paths,
    ),
    "01.6": Prediction(
        Text(
            "out_o1 is {out_o1:.3f} and should be {target_o1:.2f}. If w5 grows, does E_total grow or shrink?",
            "out_o1 是 {out_o1:.3f}，目标值是 {target_o1:.2f}。如果 w5 增大，E_total 会增大还是减小？",
        ),
        Text(
            "It grows. out_h1 is positive, so net_o1 and out_o1 grow, and out_o1 is too large already.",
            "增大。out_h1 是正数，所以 net_o1 和 out_o1 都增大，而 out_o1 已经太大了。",
        ),
        example_numbers,
    ),
    "01.7": Task(
        right=lambda: example_numbers()["d_w5"],
        wrong=lambda: usual(example_mistakes("w5"), "minus", "at_net", "swapped"),
        look=Text(
            "Three factors: −(target_o1 − out_o1), out_o1·(1 − out_o1), and what w5 is multiplied by in net_o1.",
            "三个因子：−(target_o1 − out_o1)、out_o1·(1 − out_o1)，以及 net_o1 中与 w5 相乘的数。",
        ),
    ),
    "01.8": Prediction(
        Text(
            "Is there a number for w5 at which its gradient is 0? Look for it on the page.",
            "有没有一个 w5 的值，使它的梯度为 0？请在页面上寻找。",
        ),
        Text(
            "Yes, near {best_w5:.2f}: there out_o1 is {target_o1:.2f}, so the first factor is 0. Further to both sides the "
            "sigmoid is flat, and the gradient comes near to 0 as well, but it does not become 0.",
            "有，在 {best_w5:.2f} 附近：那里 out_o1 是 {target_o1:.2f}，所以第一个因子是 0。"
            "再往两边，sigmoid 变平，梯度也接近 0，但不会等于 0。",
        ),
        best_w5,
    ),
    "01.9": Prediction(
        Text("How many paths lead from w1 to E_total?", "从 w1 到 E_total 有几条路径？"),
        Text(
            "{paths_w1}: out_h1 goes into net_o1 and into net_o2. So w1 has a part in both errors.",
            "{paths_w1} 条：out_h1 进入 net_o1，也进入 net_o2。所以 w1 对两个误差都有贡献。",
        ),
        path_counts,
    ),
    "01.10": Task(
        right=lambda: example_numbers()["d_w1"],
        wrong=lambda: usual(example_mistakes("w1"), "path", "updated", "swapped"),
        look=Text(
            "Add the two amounts that arrive at out_h1, then multiply by out_h1·(1 − out_h1) and by i1.",
            "先把到达 out_h1 的两个量相加，再乘以 out_h1·(1 − out_h1) 和 i1。",
        ),
    ),
    "01.11": Prediction(
        Text(
            "The bias b1 feeds both hidden neurons. How many paths lead from b1 to E_total?",
            "偏置 b1 进入两个隐藏神经元。从 b1 到 E_total 有几条路径？",
        ),
        Text(
            "{paths_b1}: two hidden neurons, and from each of them two paths.",
            "{paths_b1} 条：有两个隐藏神经元，从每一个出发各有两条路径。",
        ),
        path_counts,
    ),
    "01.12": Task(
        right=lambda: example_numbers()["w5"] - LEARNING_RATE * example_numbers()["d_w5"],
        wrong=step_mistakes,
        look=Text(
            "w5 is {w5}, the learning rate {rate}, and the gradient ∂E_total/∂w5 = {d_w5:.9f}.",
            "w5 是 {w5}，学习率是 {rate}，梯度 ∂E_total/∂w5 = {d_w5:.9f}。",
        ),
        numbers=example_numbers,
        tolerance=0.001,
    ),
    "01.13": Prediction(
        Text(
            "Each weight w moves by −{rate}·g, where g is its gradient. That changes E_total by about −{rate}·g². "
            "By about how much does E_total fall when all eight weights move?",
            "每个权重 w 移动 −{rate}·g，其中 g 是它的梯度。这使 E_total 改变大约 −{rate}·g²。"
            "八个权重都移动时，E_total 大约下降多少？",
        ),
        Text(
            "The eight amounts add up to {expected:.5f}. E_total really falls by {fallen:.5f}, from {E_total:.9f} to "
            "{after:.9f}: the gradient predicts a small step well, but not exactly.",
            "八个量之和是 {expected:.5f}。E_total 实际下降 {fallen:.5f}，从 {E_total:.9f} 到 {after:.9f}："
            "步子小时，梯度的预测很准，但不是完全准确。",
        ),
        first_step,
    ),
}
