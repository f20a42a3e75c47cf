"""A GPT of 4,192 scalars that learns to invent names, after A. Karpathy's microgpt.

    python examples/microgpt.py [--names examples/names.txt] [--steps 30]

One layer of four attention heads, 16 numbers for each letter and each position, no biases. The network
reads names letter by letter and predicts each next letter from those before. Code written for microgpt's
own `Value` runs here with its class replaced by the import. This script differs in one respect: a weighted
sum is a single `dot` node, which makes the graph, and the time, several times smaller.
"""

import argparse
import random
from pathlib import Path

from tinygrad_edu import Value, dot, softmax
from tinygrad_edu.losses import categorical_cross_entropy
from tinygrad_edu.nn import Module
from tinygrad_edu.optim import Adam, linear_decay

WIDTH, HEADS, LONGEST = 16, 4, 16  # numbers for each letter, attention heads, letters looked back at


def matrix(rows, columns):
    """Return a matrix of small random Values."""
    return [[Value(random.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]


def linear(weights, x):
    """Multiply a matrix by a vector."""
    return [dot(row, x) for row in weights]


def normalise(x):
    """Divide a vector by the root of the mean of its squares (RMSNorm)."""
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5
    return [value * scale for value in x]


class GPT(Module):
    """Maps a sequence of letters to the logits of the letter that follows each."""

    def __init__(self, letters):
        self.letter, self.position = matrix(letters, WIDTH), matrix(LONGEST, WIDTH)
        self.out = matrix(letters, WIDTH)
        self.query, self.key, self.value = (matrix(WIDTH, WIDTH) for _ in range(3))
        self.mix = matrix(WIDTH, WIDTH)
        self.up, self.down = matrix(4 * WIDTH, WIDTH), matrix(WIDTH, 4 * WIDTH)

    def __call__(self, tokens):
        """Return for each token the logits of the next one."""
        keys, values, logits = [], [], []
        for place, token in enumerate(tokens):
            x = [a + b for a, b in zip(self.letter[token], self.position[place], strict=True)]
            x = normalise(x)
            inner = normalise(x)
            keys.append(linear(self.key, inner))
            values.append(linear(self.value, inner))
            seen = self.attend(linear(self.query, inner), keys, values)
            x = [a + b for a, b in zip(linear(self.mix, seen), x, strict=True)]
            inner = [h.relu() for h in linear(self.up, normalise(x))]
            x = [a + b for a, b in zip(linear(self.down, inner), x, strict=True)]
            logits.append(linear(self.out, x))
        return logits

    def attend(self, query, keys, values):
        """Return for each head the values of all letters so far, weighted by the softmax of query · key."""
        size = WIDTH // HEADS
        seen = []
        for start in range(0, WIDTH, size):
            part = slice(start, start + size)
            weights = softmax([dot(query[part], key[part]) / size**0.5 for key in keys])
            seen += [dot(weights, [value[i] for value in values]) for i in range(start, start + size)]
        return seen


def train(names, steps, schedule_steps=1000, seed=42, report=print):
    """Train on one name in each step; return the model, its letters and the losses."""
    random.seed(seed)
    names = list(names)
    random.shuffle(names)
    letters = sorted(set("".join(names)))
    edge = len(letters)  # the token before and after each name
    model = GPT(len(letters) + 1)
    optimizer = Adam(model.parameters(), 0.01, betas=(0.85, 0.99), schedule=linear_decay(schedule_steps))
    losses = []
    for step in range(steps):
        name = names[step % len(names)]
        tokens = [edge, *map(letters.index, name), edge][: LONGEST + 1]
        guesses = zip(model(tokens[:-1]), tokens[1:], strict=True)
        loss = sum(categorical_cross_entropy(*guess) for guess in guesses) / (len(tokens) - 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
        report(f"step {step + 1:4}  loss {loss.data:.4f}")
    return model, letters, losses


def make_up(model, letters, temperature=0.5):
    """Return a new name, drawn letter by letter."""
    tokens = [len(letters)]
    while len(tokens) < LONGEST:
        logits = [logit.data / temperature for logit in model(tokens)[-1]]
        (token,) = random.choices(range(len(logits)), weights=softmax(logits))
        if token == len(letters):
            break
        tokens.append(token)
    return "".join(letters[token] for token in tokens[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--names", type=Path, default=Path(__file__).with_name("names.txt"))
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    try:
        names = options.names.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        parser.error(f"the names cannot be read: {error}")
    model, letters, _ = train(names, options.steps)
    print(f"{len(model.parameters())} parameters; names it invents:")
    for _ in range(5):
        print(" ", make_up(model, letters))


if __name__ == "__main__":
    main()
