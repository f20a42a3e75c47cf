"""Text from a user, shown in one line and in Markdown; and nouns behind numbers."""

import re
from collections.abc import Iterable, Sequence

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""What is not printed itself, but belongs to the spelling of Persian and to the emoji of a family."""


def one_line(label: str, most: int = 40) -> str:
    r"""Return a label that is safe within a line of text: at most 40 characters, no control characters.

    >>> one_line("net\nh1"), one_line("\x1b[31m"), len(one_line("x" * 10_000))
    ('net h1', '�[31m', 40)
    """
    line = " ".join(label.split())
    text = "".join([c if c.isprintable() or c in JOINERS else "\N{REPLACEMENT CHARACTER}" for c in line])
    return text if len(text) <= most else text[: most - 1] + "…"


def shown(path: object) -> str:
    r"""Return the name of a file for a message: in one line, without control characters.

    >>> shown("a\x1b[31m.csv")
    'a�[31m.csv'
    """
    return one_line(str(path), 500)


def plural(noun: str, number: int) -> str:
    """Return a regular noun as it stands behind a number.

    >>> plural("step", 1), plural("step", 0)
    ('step', 'steps')
    """
    return noun if number == 1 else f"{noun}s"


def in_markdown(text: str) -> str:
    r"""Return text in which no character has a meaning in Markdown.

    >>> print(in_markdown("<img> a_1 $5"))
    \<img\> a\_1 &#36;5
    """
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", text)
    return escaped.replace("$", "&#36;")  # which is never taken for the start of a formula


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, its columns aligned to the right.

    >>> print(markdown_table(["x", "y"], [["1", "2"]]))
    | x | y |
    |--:|--:|
    | 1 | 2 |
    """
    lines = [" | ".join(map(in_markdown, row)) for row in [header, *rows]]
    lines = [f"| {line} |" for line in lines]
    return "\n".join([lines[0], "|" + "--:|" * len(header), *lines[1:]])
