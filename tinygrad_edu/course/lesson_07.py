"""Notebook 07, derivatives of derivatives: Newton's method, forward and reverse, and testing a gradient."""

from math import sqrt

from tinygrad_edu.course.rows import Prediction, Row, Task, Text, Wrong
from tinygrad_edu.engine.derivatives import derivative
from tinygrad_edu.engine.rules import relu, sin
from tinygrad_edu.engine.value import Value

PARAMETERS = 10_000
INPUTS, OUTPUTS = 3, 50
"""The function whose Jacobian is asked for."""


def cube() -> dict[str, float]:
    """Return x³ and its derivatives at 2."""
    x = Value(2.0)
    return {f"y{order}": derivative(x**3, x, order).data for order in range(4)}


def wave(order: int) -> float:
    """Return a derivative of x·sin(x) at 0."""
    x = Value(0.0)
    return derivative(x * sin(x), x, order).data


def wave_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the second derivative of x·sin(x) at 0."""
    return [
        Wrong(
            wave(1),
            Text("that is the first derivative, sin(x) + x·cos(x).", "这是一阶导数 sin(x) + x·cos(x)。"),
        ),
        Wrong(
            wave(2) / 2,
            Text(
                "the product rule gives cos(x) twice: once from each of the two terms of y′.",
                "乘积法则给出两个 cos(x)：y′ 的两项各一个。",
            ),
        ),
        Wrong(
            -wave(2),
            Text(
                "the sign is wrong: the derivative of sin is cos, without a minus.",
                "符号错了：sin 的导数是 cos，没有负号。",
            ),
        ),
    ]


def tangent(x: float) -> tuple[float, float]:
    """Return x² − 2 and its derivative."""
    at = Value(x)
    f = at**2 - 2
    return f.data, derivative(f, at).data


def newton(x: float) -> float:
    """Return where a step of Newton's method for x² − 2 leads."""
    f, slope = tangent(x)
    return x - f / slope


def newton_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the first step of Newton's method."""
    f, slope = tangent(1.0)
    return [
        Wrong(
            1.0 + f / slope,
            Text(
                "the sign is wrong: subtract f/f′, and f is negative here.",
                "符号错了：应减去 f/f′，而这里 f 是负数。",
            ),
        ),
        Wrong(1.0 - f, Text("f is not divided by f′ = 2·x.", "f 还没有除以 f′ = 2·x。")),
        Wrong(1.0 - slope / f, Text("the fraction is upside down: f/f′.", "分数上下颠倒了：应是 f/f′。")),
    ]


def newton_digits() -> dict[str, float]:
    """Return by how much the first steps are wrong."""
    x, wrong = 1.0, {}
    for step in range(1, 5):
        x = newton(x)
        wrong[f"wrong{step}"] = abs(x - sqrt(2))
    return wrong


def sweep_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the number of sweeps for a Jacobian."""
    return [
        Wrong(
            OUTPUTS,
            Text(
                "that is what reverse mode takes, one for each output. Forward mode takes one for each input.",
                "这是反向模式的次数，每个输出一次。前向模式每个输入一次。",
            ),
        ),
        Wrong(
            INPUTS * OUTPUTS,
            Text(
                "one sweep gives a whole row or column, and not one entry.",
                "一次扫描得到一整行或一整列，而不是一个元素。",
            ),
        ),
        Wrong(
            INPUTS + OUTPUTS,
            Text("one of the two modes is enough.", "两种模式中用一种就够了。"),
        ),
    ]


def kink(x: float) -> float:
    """Return 3·relu(x)."""
    result: float = 3 * relu(x)
    return result


def kink_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the central difference at a kink."""
    h = 0.5
    at = Value(0.0)
    (3 * relu(at)).backward()
    return [
        Wrong(
            at.grad,
            Text(
                "that is what the chain rule gives. The difference looks at both sides.",
                "这是链式法则给出的值。差分要看两侧。",
            ),
        ),
        Wrong(
            (kink(h) - kink(0.0)) / h,
            Text(
                "that is the slope at the right. The central difference is the mean of both sides.",
                "这是右侧的斜率。中心差分是两侧的平均。",
            ),
        ),
        Wrong(
            (relu(h) - relu(-h)) / (2 * h),
            Text("the factor 3 is missing.", "漏了因子 3。"),
        ),
    ]


ROWS: dict[str, Row] = {
    "07.1": Prediction(
        Text(
            "y = x³ at x = 2. What are the first, the second and the third derivative there?",
            "y = x³，x = 2。此处的一阶、二阶和三阶导数各是多少？",
        ),
        Text(
            "3x² = {y1:.0f}, 6x = {y2:.0f}, and {y3:.0f}. The first two are equal by accident.",
            "3x² = {y1:.0f}，6x = {y2:.0f}，以及 {y3:.0f}。前两个相等只是巧合。",
        ),
        cube,
    ),
    "07.2": Task(
        right=lambda: wave(2),
        wrong=wave_mistakes,
        look=Text("Put x = 0 into 2·cos(x) − x·sin(x).", "把 x = 0 代入 2·cos(x) − x·sin(x)。"),
    ),
    "07.3": Task(
        right=lambda: newton(1.0),
        wrong=newton_mistakes,
        look=Text("f(1) = −1 and f′(1) = 2.", "f(1) = −1，f′(1) = 2。"),
    ),
    "07.4": Prediction(
        Text(
            "The first step is wrong by {wrong1:.0e}, the second by {wrong2:.0e}. By how much are the third and the fourth?",
            "第一步的误差是 {wrong1:.0e}，第二步是 {wrong2:.0e}。第三步和第四步的误差大约是多少？",
        ),
        Text(
            "{wrong3:.0e} and {wrong4:.0e}: each error is about a third of the square of the one before. So the number of right "
            "digits doubles with each step.",
            "{wrong3:.0e} 和 {wrong4:.0e}：每个误差大约是前一个的平方的三分之一。所以每一步正确的位数加倍。",
        ),
        newton_digits,
    ),
    "07.5": Prediction(
        Text(
            "A network has {parameters} parameters and one loss. How many sweeps does its gradient take in forward mode, and how "
            "many in reverse mode?",
            "一个网络有 {parameters} 个参数和一个损失。它的梯度在前向模式下需要几次扫描？在反向模式下呢？",
        ),
        Text(
            "{parameters} forward, one for each parameter; 1 in reverse. That is why networks are trained by backpropagation.",
            "前向模式 {parameters} 次，每个参数一次；反向模式 1 次。所以网络用反向传播来训练。",
        ),
        lambda: {"parameters": PARAMETERS},
    ),
    "07.6": Task(
        right=lambda: min(INPUTS, OUTPUTS),
        wrong=sweep_mistakes,
        look=Text(
            "A sweep forward gives a column, a sweep backward a row. Which are fewer?",
            "前向扫描得到一列，反向扫描得到一行。哪个更少？",
        ),
    ),
    "07.7": Prediction(
        Text(
            "The smaller h is, the nearer the secant comes to the tangent. Is 10⁻¹⁴ a better step than 10⁻⁵?",
            "h 越小，割线越接近切线。步长 10⁻¹⁴ 比 10⁻⁵ 更好吗？",
        ),
        Text(
            "No. With 10⁻¹⁴ the two values agree in almost all digits that a float has, and the difference consists of "
            "rounding errors, divided by a very small number.",
            "不。步长为 10⁻¹⁴ 时，两个函数值在浮点数的几乎所有位上都相同，差里只剩舍入误差，再除以一个很小的数。",
        ),
    ),
    "07.8": Task(
        right=lambda: (kink(0.5) - kink(-0.5)) / (2 * 0.5),
        wrong=kink_mistakes,
        look=Text("(3·h − 0)/(2·h).", "(3·h − 0)/(2·h)。"),
    ),
}
