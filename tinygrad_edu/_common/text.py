"""Text from a user, shown in one line."""

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
