"""A GPT of one layer that learns to spell names, after Karpathy's microgpt, on any class of scalar values.

RMS norm before attention and before the feed-forward part, four heads, no biases, Adam. One step takes one
name, letter by letter, with the keys and values of the letters before it kept.
"""

import math
import random
from itertools import pairwise

LETTERS = "abcdefghijklmnopqrstuvwxyz"
NAMES = [
    a + b + c for a in ("ta", "lo", "mi", "ke", "su") for b in ("ra", "vin", "le") for c in ("na", "o", "th")
]
START = len(LETTERS)  # the token before the first letter and after the last
WIDTH, HEADS, LONGEST = 16, 4, 16


def weighted_sum(ws, xs):
    """Return Σ w·x in single operations, as a program without ``dot`` writes it."""
    return sum(w * x for w, x in zip(ws, xs, strict=True))


class GPT:
    def __init__(self, value_class, dot=weighted_sum, seed=42):
        rng = random.Random(seed)

        def matrix(rows, columns):
            return [[value_class(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]

        self.dot = dot
        self.token = matrix(len(LETTERS) + 1, WIDTH)
        self.position = matrix(LONGEST, WIDTH)
        self.query, self.key, self.value, self.attended = (matrix(WIDTH, WIDTH) for _ in range(4))
        self.expand = matrix(4 * WIDTH, WIDTH)
        self.contract = matrix(WIDTH, 4 * WIDTH)
        self.head = matrix(len(LETTERS) + 1, WIDTH)
        matrices = [self.token, self.position, self.query, self.key, self.value, self.attended]
        matrices += [self.expand, self.contract, self.head]
        self.parameters = [p for rows in matrices for row in rows for p in row]
        self.momentum = [0.0] * len(self.parameters)
        self.scale = [0.0] * len(self.parameters)
        self.steps = 0

    def linear(self, rows, xs):
        return [self.dot(row, xs) for row in rows]

    def normal(self, xs):
        factor = (self.dot(xs, xs) / len(xs) + 1e-5) ** -0.5
        return [x * factor for x in xs]

    def scores(self, token, place, keys, values):
        """Return how likely each next token is, as logits."""
        x = [t + p for t, p in zip(self.token[token], self.position[place], strict=True)]
        x = self.normal(x)

        before, x = x, self.normal(x)
        query = self.linear(self.query, x)
        keys.append(self.linear(self.key, x))
        values.append(self.linear(self.value, x))
        size = WIDTH // HEADS
        seen = []
        for h in range(0, WIDTH, size):
            attention = softmax([self.dot(query[h : h + size], k[h : h + size]) / size**0.5 for k in keys])
            seen += [self.dot(attention, [v[i] for v in values]) for i in range(h, h + size)]
        x = [a + b for a, b in zip(self.linear(self.attended, seen), before, strict=True)]

        before, x = x, self.normal(x)
        x = self.linear(self.contract, [hidden.relu() for hidden in self.linear(self.expand, x)])
        x = [a + b for a, b in zip(x, before, strict=True)]
        return self.linear(self.head, x)

    def step(self):
        """Learn from the next name; return the loss."""
        tokens = [START, *map(LETTERS.index, NAMES[self.steps % len(NAMES)]), START]
        keys, values, losses = [], [], []
        for place, (token, target) in enumerate(pairwise(tokens)):
            losses.append(-softmax(self.scores(token, place, keys, values))[target].log())
        loss = sum(losses) * (1 / len(losses))
        loss.backward()

        self.steps += 1
        for i, p in enumerate(self.parameters):
            self.momentum[i] = 0.9 * self.momentum[i] + 0.1 * p.grad
            self.scale[i] = 0.95 * self.scale[i] + 0.05 * p.grad**2
            mean = self.momentum[i] / (1 - 0.9**self.steps)
            spread = self.scale[i] / (1 - 0.95**self.steps)
            p.data -= 0.01 * mean / (math.sqrt(spread) + 1e-8)
            p.grad = 0
        return loss.data


def softmax(xs):
    largest = max(x.data for x in xs)
    exponentials = [(x - largest).exp() for x in xs]
    total = sum(exponentials)
    return [e / total for e in exponentials]
