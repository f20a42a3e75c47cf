"""What notebook 02 asks: from floats to an engine.

The usual wrong answers are those of engines that are not finished: each walks the same graph, and has the
fault that the notebook then removes.
"""

from collections.abc import Callable
from math import nan

from tinygrad_edu.course.rows import Prediction, Row, Task, Text, Wrong, usual
from tinygrad_edu.engine.rules import sub, tanh
from tinygrad_edu.engine.value import Value
from tinygrad_edu.see.graph import fold
from tinygrad_edu.see.mistakes import Mistake, mistakes
from tinygrad_edu.three_layer import BIASES, WEIGHTS, worked_example

PARAMETERS = len(WEIGHTS | BIASES)
DOUBLINGS = 20

# --- Engines that are not finished ---


def by_dictionary(root: Value, wrt: Value) -> float:
    """Return the gradient if a dictionary holds the slopes: of two uses of one argument, one is left.

    >>> a = Value(3.0)
    >>> by_dictionary(a * a, a)
    3.0
    """
    if root is wrt:
        return 1.0
    slopes = dict(zip(root.args, root.slopes, strict=True))
    return sum([slope * by_dictionary(arg, wrt) for arg, slope in slopes.items()], 0.0)


def overwritten(root: Value, wrt: Value) -> float:
    """Return the gradient if each visit replaces what came before: the product along the last path.

    >>> a = Value(3.0)
    >>> overwritten(a * a + a, a)
    1.0
    """
    grad = nan

    def visit(value: Value, arriving: float) -> None:
        nonlocal grad
        grad = arriving if value is wrt else grad
        for arg, slope in zip(value.args, value.slopes, strict=True):
            visit(arg, arriving * slope)

    visit(root, 1.0)
    return grad


def passed_on_at_first(root: Value, wrt: Value) -> float:
    """Return the gradient if a Value passes on what it has when it is reached first, and never again.

    >>> a = Value(1.0)
    >>> b = a + a
    >>> passed_on_at_first(b + b, a)
    2.0
    """
    return _passed_on(root, wrt, once=True)


def passed_on_each_time(root: Value, wrt: Value) -> float:
    """Return the gradient if a Value passes on all that it has each time it is reached.

    >>> a = Value(1.0)
    >>> b = a + a
    >>> passed_on_each_time(b + b, a)
    6.0
    """
    return _passed_on(root, wrt, once=False)


def _passed_on(root: Value, wrt: Value, once: bool) -> float:
    grad: dict[Value, float] = {root: 1.0}
    passed = set()

    def visit(value: Value) -> None:
        if once and value in passed:
            return
        passed.add(value)
        for arg, slope in zip(value.args, value.slopes, strict=True):
            grad[arg] = grad.get(arg, 0.0) + grad[value] * slope
            visit(arg)

    visit(root)
    return grad[wrt]


# --- The graphs of the exercises ---


def _gradient(root: Value, wrt: Value) -> float:
    root.zero_grad()
    root.backward()
    return wrt.grad


def _square() -> tuple[Value, Value]:
    """Return y and a of y = a·a."""
    a = Value(3.0, "a")
    return a * a, a


def _twice_twice() -> tuple[Value, Value]:
    """Return c and a of b = a + a, c = b + b."""
    a = Value(1.0, "a")
    b = a + a
    return b + b, a


def _square_and_itself() -> tuple[Value, Value]:
    """Return y and a of the exercise y = a·a + a."""
    a = Value(3.0, "a")
    return a * a + a, a


def _square_of_a_square() -> tuple[Value, Value]:
    """Return e and a of the exercise d = a·a, e = d·d + d."""
    a = Value(2.0, "a")
    d = a * a
    return d * d + d, a


def _changed_network() -> tuple[Value, Value]:
    """Return E_total and w1 of the worked example with w5 = −0.4."""
    example = worked_example(w5=-0.4)
    return example["E_total"], example["w1"]


def _changed_mistakes() -> list[Mistake]:
    E_total, w1 = _changed_network()
    return mistakes(fold(E_total), w1)


def _unchanged() -> float:
    example = worked_example()
    return _gradient(example["E_total"], example["w1"])


def _slopes(function: Callable[[float, float], object]) -> list[object]:
    """Return what a function of z and x gives at two points of tanh."""
    return [function(tanh(x), x) for x in (0.5, -1.0)]


def _direct_path_lost() -> float:
    root, a = _square_of_a_square()
    [_, direct] = root.args  # d; the other term of the sum is d·d
    return _gradient(root, a) - _gradient(direct, a)


# fmt: off
ROWS: dict[str, Row] = {
    "02.1": Prediction(
        Text(
            "The worked example has 8 weights and 2 biases. You nudge one after the other. How often do you compute the whole network to find all {parameters} derivatives?",
            "那个三层网络有 8 个权重和 2 个偏置。你逐个微调它们。要求出全部 {parameters} 个导数，需要把整个网络计算多少次？",
        ),
        Text(
            "{passes} times: once as it is, and once for each nudge. A network of a million weights needs a million and one. The engine that you build here needs one forward pass and one backward pass, however many weights there are.",
            "{passes} 次：不微调时算一次，每微调一个数再算一次。有一百万个权重的网络就要算一百万零一次。你在这里搭建的引擎只需要一次前向传播和一次反向传播，不管有多少权重。",
        ),
        lambda: {"parameters": PARAMETERS, "passes": PARAMETERS + 1},
    ),
    "02.2": Task(
        lambda: [*sub.slopes(2.0, 5.0, 3.0)],
        lambda: [
            Wrong([1.0, 1.0], Text("These are the local derivatives of x + y. When y grows, x − y shrinks.", "这是 x + y 的局部导数。y 增大时，x − y 减小。")),
            Wrong([3.0, 5.0], Text("These are the local derivatives of x·y. Those of a difference do not depend on x and y.", "这是 x·y 的局部导数。减法的局部导数与 x、y 的值无关。")),
            Wrong([5.0, -3.0], Text("These are the terms of the difference. A local derivative says how many times as much z changes as x does.", "这是差的两项。局部导数说的是：z 的变化是 x 的变化的几倍。")),
        ],
        Text("Let x grow by 0.001: by how much does x − y change? Then let y grow by 0.001.", "让 x 增加 0.001：x − y 变化多少？再让 y 增加 0.001。"),
    ),
    "02.3": Prediction(
        Text(
            "y = a·a with a = 3. In school you learnt: the derivative of a² is 2a, here 6. What does this engine give?",
            "y = a·a，a = 3。学校里学过：a² 的导数是 2a，这里等于 6。这个引擎会给出什么？",
        ),
        Text(
            "{given:g}. The dictionary of the product has the keys `self` and `other`, and here both are the same Value a. A dictionary holds each key once, so one of the two uses is lost.",
            "{given:g}。乘积的字典有两个键 `self` 和 `other`，而这里它们是同一个 Value a。字典中每个键只有一份，所以两次使用丢了一次。",
        ),
        lambda: {"given": by_dictionary(*_square())},
    ),
    "02.4": Prediction(
        Text(
            "Now both uses of a are kept. Is a.grad 6 after `backward(y)`?",
            "现在 a 的两次使用都保留下来了。`backward(y)` 之后，a.grad 等于 6 吗？",
        ),
        Text(
            "No, it is still {given:g}. `backward` comes to a twice, once for each use, and the second visit replaces what the first one left.",
            "不，仍然是 {given:g}。`backward` 两次到达 a，每次使用各一次；第二次覆盖了第一次留下的数。",
        ),
        lambda: {"given": overwritten(*_square())},
    ),
    "02.5": Task(
        lambda: _gradient(*_square_and_itself()),
        lambda: [
            Wrong(by_dictionary(*_square_and_itself()), Text("Here a·a counts one use of a. It uses a twice, so two paths lead through it.", "这里 a·a 只算了一次 a 的使用。它用了两次 a，所以有两条路径经过它。")),
            Wrong(overwritten(*_square_and_itself()), Text("This is what the last path alone brings. Add what all paths bring.", "这只是最后一条路径带来的数。要把所有路径带来的数相加。")),
            Wrong(_gradient(*_square()), Text("This is the part through a·a. The path of the term + a is forgotten.", "这是经过 a·a 的部分。漏掉了 + a 这一项的路径。")),
        ],
        Text("Three paths lead from a to y. Two go through a·a, one goes directly. Add their products.", "从 a 到 y 有三条路径：两条经过 a·a，一条直接到达。把三条路径的乘积相加。"),
    ),
    "02.6": Prediction(
        Text(
            "Start from one Value v and double it {doublings} times: `v = v + v`. How many times does `backward` run: about 20, about 400, or more than a million times?",
            "从一个 Value v 开始，加倍 {doublings} 次：`v = v + v`。`backward` 会运行多少次：大约 20 次、大约 400 次，还是超过一百万次？",
        ),
        Text(
            "{calls:,} times. Each doubling is used twice, and each use walks all that lies below it again: 1 + 2 + 4 + … . The graph has only {values} Values.",
            "{calls:,} 次。每次加倍都使用两次，而每次使用都把它下面的一切重新走一遍：1 + 2 + 4 + …。而计算图中只有 {values} 个 Value。",
        ),
        lambda: {"doublings": DOUBLINGS, "calls": 2 ** (DOUBLINGS + 1) - 1, "values": DOUBLINGS + 1},
    ),
    "02.7": Prediction(
        Text(
            "b = a + a and c = b + b, so c = 4a and the derivative is 4. Each Value passes on only the first time it is reached. What is a.grad?",
            "b = a + a，c = b + b，所以 c = 4a，导数是 4。每个 Value 只在第一次被到达时向前传递。a.grad 是多少？",
        ),
        Text(
            "{given:g}. c uses b twice. When the first use has brought 1, b passes on at once. The second 1 comes too late. (If b passed on again each time with all that it has, a would get {twice:g}: the first 1 would be counted twice.)",
            "{given:g}。c 两次使用 b。第一次使用带来 1 之后，b 立刻传递下去，第二个 1 来得太晚。（如果 b 每次都把它已有的全部再传一遍，a 会得到 {twice:g}：第一个 1 被算了两次。）",
        ),
        lambda: {"given": passed_on_at_first(*_twice_twice()), "twice": passed_on_each_time(*_twice_twice())},
    ),
    "02.8": Task(
        lambda: _gradient(*_square_of_a_square()),
        lambda: [
            Wrong(passed_on_at_first(*_square_of_a_square()), Text("Here d passes on before all of its three uses have arrived. First complete ∂e/∂d = d + d + 1.", "这里 d 的三次使用还没有全部到达，它就传递了。先求出完整的 ∂e/∂d = d + d + 1。")),
            Wrong(_direct_path_lost(), Text("This is the part through d·d. The term + d is forgotten: ∂e/∂d = d + d + 1.", "这是经过 d·d 的部分。漏掉了 + d 这一项：∂e/∂d = d + d + 1。")),
            Wrong(by_dictionary(*_square_of_a_square()), Text("Each square counts one use here. d·d uses d twice, and a·a uses a twice.", "这里每个平方只算了一次使用。d·d 用了两次 d，a·a 用了两次 a。")),
        ],
        Text("Go backwards in the order e, d, a. First ∂e/∂d = d + d + 1 with d = 4. Then multiply by ∂d/∂a = a + a.", "按 e、d、a 的顺序往回走。先求 ∂e/∂d = d + d + 1，其中 d = 4；再乘以 ∂d/∂a = a + a。"),
    ),
    "02.9": Prediction(
        Text(
            "Number the Values in the order in which they are made. Why do arguments always have smaller numbers than the results made from them?",
            "按创建的先后给每个 Value 编号。为什么参数的编号总是小于由它们算出的结果的编号？",
        ),
        Text(
            "To compute a + b, Python must have a and b already. So sorting by these numbers is a topological order, and nothing has to call itself.",
            "要计算 a + b，Python 必须已经有了 a 和 b。所以按编号排序就是一个拓扑排序，不需要任何函数调用自己。",
        ),
    ),
    "02.10": Task(
        lambda: tanh.slopes,
        lambda: [
            Wrong(lambda z, x: (1 - x * x,), Text("You took x where z belongs: the formula 1 − z² is written with the result z = tanh(x).", "你在该用 z 的地方用了 x：公式 1 − z² 用的是结果 z = tanh(x)。")),
            Wrong(lambda z, x: (1 - z,), Text("The square is missing: 1 − z².", "漏了平方：1 − z²。")),
            Wrong(lambda z, x: (z * (1 - z),), Text("This is the derivative of the sigmoid. That of tanh is 1 − z².", "这是 sigmoid 的导数。tanh 的导数是 1 − z²。")),
        ],
        Text("The derivative of tanh is 1 − tanh². Write it with z, in a tuple with one entry: (…,).", "tanh 的导数是 1 − tanh²。用 z 写出来，放进只有一项的元组：(…,)。"),
        measure=_slopes,
    ),
    "02.11": Task(
        lambda: _gradient(*_changed_network()),
        lambda: [
            Wrong(_unchanged(), Text("This is the derivative with w5 = 0.4. Put −0.4 in its place and build the network anew.", "这是 w5 = 0.4 时的导数。换成 −0.4，重新搭建网络。")),
            *usual(_changed_mistakes(), "path", "minus"),
        ],
        Text("network(w5=-0.4) gives two things. Call backward() on the error, then read the grad of w1.", "network(w5=-0.4) 返回两样东西。对误差调用 backward()，再读出 w1 的 grad。"),
    ),
    "02.12": Prediction(
        Text(
            "Your engine keeps each local derivative as a float. Can it compute the second derivative, the derivative of the derivative?",
            "你的引擎把每个局部导数存成浮点数。它能求二阶导数，也就是导数的导数吗？",
        ),
        Text(
            "No. The local derivative y of x·y is a float, and a float does not know where it came from: this notebook began there. The library's rules run on Values too. There a local derivative has a graph of its own, and can be differentiated.",
            "不能。x·y 的局部导数 y 是一个浮点数，而浮点数不知道自己从哪里来：本笔记本正是从这里开始的。库的规则也能作用于 Value，所以在那里局部导数有自己的计算图，可以继续求导。",
        ),
    ),
}
