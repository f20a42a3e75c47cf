"""A written expression, which knows how strongly it holds together."""

# How strongly a written expression holds together. An argument that holds together less strongly than
# its place asks for is put in brackets: a template's {0:3} wants a PRODUCT or stronger.
SIGN, SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4, 5


def one_line(label: str) -> str:
    r"""Return a label as it may stand in a line of text: at most 40 characters, none that moves a cursor.

    >>> one_line("net\nh1"), one_line("\x1b[31m"), len(one_line("x" * 10_000))
    ('net h1', '�[31m', 40)
    """
    text = "".join([c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(label.split())])
    return text if len(text) <= 40 else text[:39] + "…"


class Term(str):
    """A written expression that goes into brackets where its place asks for a stronger one.

    >>> f"{Term('a + b', SUM):3}·c"
    '(a + b)·c'
    """

    binding: int
    brackets = "({})"

    def __new__(cls, text: str, binding: int = ATOM) -> "Term":  # noqa: D102
        term = super().__new__(cls, text)
        term.binding = binding
        return term

    def __format__(self, needed: str) -> str:
        return self.brackets.format(str(self)) if needed and self.binding < int(needed) else str(self)
