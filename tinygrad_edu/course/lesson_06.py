"""Notebook 06, a GPT of scalars: the loss of a guess, an attention weight, the temperature."""

from math import exp, log

from tinygrad_edu.course.rows import Prediction, Row, Task, Text, Wrong
from tinygrad_edu.engine.rules import softmax
from tinygrad_edu.engine.value import Value

SCORES = 3.0, 1.0, 0.0
TEMPERATURE = 0.5
TOKENS = 27
"""The letters from a to z, and the token before and after each name."""
LOSS = 1.5


def attention() -> tuple[list[Value], list[Value]]:
    """Return the scores and the attention weights of the small head."""
    scores = [Value(score) for score in SCORES]
    return scores, softmax(scores)


def first_slopes() -> dict[str, float]:
    """Return the attention weights, and the derivative of each along the first score."""
    numbers: dict[str, float] = {}
    for place in range(len(SCORES)):
        scores, weights = attention()
        weights[place].backward()
        numbers |= {f"a_{place + 1}": weights[place].data, f"d_{place + 1}": scores[0].grad}
    return numbers


def untrained() -> dict[str, float]:
    """Return the number of tokens, the probability of each, and the loss if all are equally likely."""
    return {"tokens": TOKENS, "probability": 1 / TOKENS, "loss": log(TOKENS)}


def softmax_mistakes() -> list[Wrong]:
    """Return the usual mistakes with a softmax."""
    first = SCORES[0]
    return [
        Wrong(
            exp(first),
            Text(
                "that is e to the score. Divide by the sum over all three places.",
                "这是 e 的分数次方。请除以三个位置的总和。",
            ),
        ),
        Wrong(
            first / sum(SCORES),
            Text(
                "the exponential is missing: first eˣ of each score, then divide by the sum.",
                "漏了指数：先对每个分数求 eˣ，再除以总和。",
            ),
        ),
        Wrong(
            1 / len(SCORES),
            Text(
                "equal weights come from equal scores, and these differ.",
                "分数相等时权重才相等，而这里分数不同。",
            ),
        ),
    ]


def slope_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the derivative of a weight along another place's score."""
    numbers = first_slopes()
    return [
        Wrong(
            -numbers["d_2"],
            Text(
                "the minus is lost: if score_1 grows, a_2 becomes smaller.",
                "丢了负号：score_1 增大时，a_2 变小。",
            ),
        ),
        Wrong(
            numbers["d_1"],
            Text(
                "that is ∂a_1/∂score_1. The path of a_2 leads through the total only.",
                "这是 ∂a_1/∂score_1。a_2 的路径只经过 total。",
            ),
        ),
        Wrong(
            numbers["a_2"] * (1 - numbers["a_2"]),
            Text(
                "that is ∂a_2/∂score_2, along its own score. Here it is that of place 1.",
                "这是 ∂a_2/∂score_2，即对自己的分数。这里要的是位置 1 的分数。",
            ),
        ),
    ]


def probability_mistakes() -> list[Wrong]:
    """Return the usual mistakes with the probability that belongs to a loss."""
    return [
        Wrong(
            exp(LOSS),
            Text("a minus is lost: a probability is at most 1.", "丢了负号：概率最大是 1。"),
        ),
        Wrong(
            1 / LOSS,
            Text(
                "the loss is a logarithm: its reverse is the exponential, and not one over it.",
                "损失是对数：它的逆运算是指数，而不是倒数。",
            ),
        ),
        Wrong(
            10**-LOSS,
            Text("the logarithm is the natural one: e, and not 10.", "这是自然对数：底是 e，而不是 10。"),
        ),
    ]


def heated(factor: float) -> float:
    """Return the softmax of the first score, where all are multiplied by a factor."""
    result: float = softmax([score * factor for score in SCORES])[0]
    return result


def temperature_mistakes() -> list[Wrong]:
    """Return the usual mistakes with a temperature."""
    return [
        Wrong(
            heated(1),
            Text(
                "that is without the temperature: divide the logits first.", "这没有用温度：请先除 logits。"
            ),
        ),
        Wrong(
            heated(TEMPERATURE),
            Text(
                "that multiplies the logits by the temperature; they are divided by it.",
                "这是把 logits 乘以温度；应当除以温度。",
            ),
        ),
        Wrong(
            heated(1) / TEMPERATURE,
            Text(
                "the logits are divided, and not the probability, which would be above 1.",
                "要除的是 logits，而不是概率；否则概率会大于 1。",
            ),
        ),
    ]


ROWS: dict[str, Row] = {
    "06.1": Prediction(
        Text(
            "An untrained model gives every one of the {tokens} tokens about the same probability. What is its loss?",
            "未训练的模型给 {tokens} 个符号的概率大致相同。它的损失是多少？",
        ),
        Text(
            "About {loss:.2f}: the probability is 1/{tokens} = {probability:.3f}, and −ln of it is {loss:.4f}. A first loss far "
            "above that is a sign of first weights that are too large.",
            "大约 {loss:.2f}：概率是 1/{tokens} = {probability:.3f}，它的 −ln 是 {loss:.4f}。"
            "如果最初的损失远高于此，说明初始权重太大。",
        ),
        untrained,
    ),
    "06.2": Task(
        right=lambda: attention()[1][0].data,
        wrong=softmax_mistakes,
        look=Text(
            "e³ divided by e³ + e¹ + e⁰.",
            "e³ 除以 e³ + e¹ + e⁰。",
        ),
    ),
    "06.3": Prediction(
        Text(
            "score_1 grows a little. Which of the three weights grow, which shrink, and by how much in sum?",
            "score_1 稍微增大。三个权重中哪些增大，哪些减小？合计变化多少？",
        ),
        Text(
            "Per unit of score_1, a_1 changes by {d_1:+.4f}, a_2 by {d_2:+.4f} and a_3 by {d_3:+.4f}. The sum is 0, because the "
            "weights always add up to 1: attention to one place is taken from the others.",
            "score_1 每增加一个单位，a_1 变化 {d_1:+.4f}，a_2 变化 {d_2:+.4f}，a_3 变化 {d_3:+.4f}。合计是 0，"
            "因为权重之和总是 1：给一个位置的注意力来自其他位置。",
        ),
        first_slopes,
    ),
    "06.4": Task(
        right=lambda: first_slopes()["d_2"],
        wrong=slope_mistakes,
        look=Text(
            "a_2 = e_2/total. Only total depends on score_1: −e_2/total² times e_1.",
            "a_2 = e_2/total。只有 total 依赖 score_1：−e_2/total² 乘以 e_1。",
        ),
    ),
    "06.5": Prediction(
        Text("Can the loss reach 0, if it is trained long enough?", "如果训练得足够久，损失能达到 0 吗？"),
        Text(
            "No. It would have to know every letter before it sees it, and nothing says with which letter a name begins. What "
            "can be known from the letters before is learnt; the rest stays as loss.",
            "不能。那样它必须在看到之前就知道每个字母，而没有什么能说明名字以哪个字母开头。"
            "能从前面的字母得知的，它可以学会；其余的留在损失里。",
        ),
    ),
    "06.6": Task(
        right=lambda: exp(-LOSS),
        wrong=probability_mistakes,
        look=Text("loss = −ln(probability). Solve for the probability.", "损失 = −ln(概率)。解出概率。"),
    ),
    "06.7": Task(
        right=lambda: heated(1 / TEMPERATURE),
        wrong=temperature_mistakes,
        look=Text(
            "Divide 3, 1 and 0 by the temperature, then take the softmax.",
            "把 3、1、0 除以温度，再求 softmax。",
        ),
        tolerance=0.005,
    ),
}
