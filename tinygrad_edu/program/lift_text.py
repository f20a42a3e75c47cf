"""A lifted program as a reader sees it: formulas of arrays, beside the statements that each replaces."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from keyword import iskeyword

from tinygrad_edu.program.forms import Term, write
from tinygrad_edu.program.languages import comment
from tinygrad_edu.program.lift_arrays import Array
from tinygrad_edu.program.statements import Statement

RESERVED = {"np", "jnp", "math", "n", "jax"}
"""What generated text calls by these names."""


def stem(labels: Iterable[str]) -> str:
    """Return the name that labels have in common but for their numbers, "" if there is none.

    >>> stem(["net_h1", "net_h2"]), stem(["out_h2n1", "out_h2n2"]), stem(["W[0][0]", "W[0][1]"])
    ('net_h', 'out_h2', 'W')
    >>> stem(["a", "b"])
    ''
    """
    stems = {re.sub(r"(?<=\d)n\d+$|\d+$|(\[[\d, ]*\])+$", "", label).rstrip("_") for label in labels}
    name = stems.pop() if len(stems) == 1 else ""
    return (
        name
        if name.isidentifier() and name.isascii() and not iskeyword(name) and name not in RESERVED
        else ""
    )


def named(leaves: Sequence[Array], statements: Sequence[Array]) -> dict[Array, str]:
    """Return a name for every leaf, and for every array statement whose numbers have labels in common.

    A name that two would have gets what distinguishes their first uses: the weights and biases that
    compute ``net_h`` are ``W_h`` and ``b_h``.
    """
    names: dict[Array, str] = {}
    taken: set[str] = set()

    def give(array: Array, name: str) -> None:
        number = 1
        unique = name
        while unique in taken or re.fullmatch(r"[vcf]\d+", unique):  # what the text calls its own
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique)
        names[array] = unique

    for made in statements:
        name = stem([each.label for each in made.replaces])
        if name:
            give(made, name)
    users: dict[Array, Array] = {}
    for made in reversed(statements):
        for arg in made.args:
            users[arg] = made
    stems = {leaf: stem([each.label for each in leaf.replaces]) for leaf in leaves}
    count = Counter(stems.values())
    for leaf, name in stems.items():
        if name and len(leaf.shape) > 1:
            name = name.upper()
        if not name:
            name = "x" if leaf.batched else "a" if len(leaf.shape) < 2 else "A"
        if count[stems[leaf]] > 1:
            user = users.get(leaf)
            while user is not None and user not in names:
                user = users.get(user)
            if user is not None:
                name = f"{name}_{names[user].split('_', 1)[-1]}"
        give(leaf, name)
    return names


def listing(lines: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return lines of a program beside what each replaces.

    >>> print(listing([("net = W @ i", ["net1 = w1·i1", "net2 = w2·i1"])]))
    net = W @ i  # net1 = w1·i1
                 # net2 = w2·i1
    """
    width = max([len(line) for line, _ in lines], default=0)
    result = []
    for line, replaced in lines:
        for place, text in enumerate(replaced or [""]):
            result.append(f"{line if place == 0 else '':{width}}  # {text}" if text else line)
    return "\n".join(result)


def replaced(array: Array, most: int = 3) -> list[str]:
    """Return the statements of numbers that an array statement replaces: the first ones and the last."""
    made = [f"{comment(each.label) or '…'} = {written(each)}" for each in _few(array.replaces, most)]
    missing = len(array.replaces) - len(made)
    return [*made[:-1], f"… and {missing} more", made[-1]] if missing else made


def written(made: Statement, depth: int = 3) -> Term:
    """Write a statement by the labels of what it uses; what has none is written out, to a few levels."""
    if made.number is not None:
        return Term(repr(made.number).removesuffix(".0"))
    assert made.op is not None
    row = made.args
    if made.op.over_lists and len(made.args) > 4 * made.op.arity:
        lists = [[*_few(xs, 3)] for xs in made.op.lists(made.args)]
        parts = [_name(x, depth) for xs in lists for x in xs]
        short = write(made.op, parts)
        return Term(re.sub(r"(.*)( \+ |, )", r"\1\2…\2", str(short), count=1), short.precedence)
    return write(made.op, [_name(arg, depth) for arg in row])


def _name(made: Statement, depth: int) -> Term:
    if made.label.strip():
        return Term(comment(made.label))
    return written(made, depth - 1) if made.number is not None or (made.op and depth) else Term("…")


def _few(items: Sequence[Statement], most: int) -> Sequence[Statement]:
    return items if len(items) <= most + 1 else [*items[: most - 1], items[-1]]
