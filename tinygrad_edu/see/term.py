"""A written expression, which knows how strongly it holds together."""

import re

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


# Labels that look like a name; a second Value of that name is shown with (2) after it.
_NAME = re.compile(r"[^\s+\-−*/·×^=,]+( \(\d+\))?")


def named(name: str) -> Term:
    """Return a label as a term: one that looks like an expression goes into brackets as an expression does.

    >>> f"{named('net_h1'):3}·x, {named('a + b'):3}·x"
    'net_h1·x, (a + b)·x'
    """
    return Term(name, ATOM if _NAME.fullmatch(name) else SUM)


def partial(of: str, wrt: str) -> str:
    """Write the derivative of one label with respect to another.

    >>> partial("out", "net"), partial("out", "w*x")
    ('∂out/∂net', '∂out/∂(w*x)')
    """
    return f"∂{named(of):{ATOM}}/∂{named(wrt):{ATOM}}"
