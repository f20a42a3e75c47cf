"""``exercise`` and ``handout``: sheets of a derivation, with blanks and without."""

import argparse
from pathlib import Path
from typing import Any

from tinygrad_edu.commands.graphs import style_of, subject_of, value_named
from tinygrad_edu.see.exercise import LEARNING_RATE, exercise
from tinygrad_edu.see.handout import handout
from tinygrad_edu.see.words import WORDS


def add_parsers(commands: Any, subject: argparse.ArgumentParser, style: argparse.ArgumentParser) -> None:
    """Add the commands ``exercise`` and ``handout`` to a parser.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
        subject: a parser of the options that say which graph a command is about.
        style: a parser of the options that say how a picture looks.
    """
    command = commands.add_parser(
        "exercise", parents=[subject], help="write a sheet with blanks, and its key"
    )
    add = command.add_argument
    add("name", metavar="NAME", help="the name to differentiate with respect to, such as w5")
    add(
        "--blanks",
        type=int,
        metavar="COUNT",
        help="how many numbers are left out, the last factor first (all)",
    )
    add("--seed", type=int, metavar="NUMBER", help="draw other numbers, for the sheet of this number")
    add("--learning-rate", type=float, metavar="ETA", default=LEARNING_RATE, help=f"({LEARNING_RATE})")
    add("--lang", choices=[*WORDS], default="en", help="the language (en)")
    add("--output", metavar="FILE", default="exercise.html", help="an .html, .md or .tex (exercise.html)")
    command.set_defaults(run=run_exercise)

    command = commands.add_parser(
        "handout", parents=[subject, style], help="write the picture and the derivation"
    )
    add = command.add_argument
    add("name", metavar="NAME", help="the name to differentiate with respect to, such as w5")
    add("--learning-rate", type=float, metavar="ETA", help="show the update as well")
    add("--lang", choices=[*WORDS], default="en", help="the language (en)")
    add("--output", metavar="FILE", default="handout.html", help="an .html, .md or .tex (handout.html)")
    command.set_defaults(run=run_handout)


def run_exercise(options: argparse.Namespace) -> None:
    """Write a sheet and its key, and print their paths."""
    root, names = subject_of(options)
    made = exercise(
        root,
        value_named(options.name, names),
        blanks=options.blanks,
        seed=options.seed,
        detail=options.detail,
        learning_rate=options.learning_rate,
        lang=options.lang,
    )
    output = Path(options.output)
    print(f"The sheet with {len(made.blanks)} blanks: {made.sheet.save(output)}")
    print(f"The key: {made.key.save(output.with_stem(f'{output.stem}-key'))}")


def run_handout(options: argparse.Namespace) -> None:
    """Write a handout, and print its path."""
    root, names = subject_of(options)
    wrt = value_named(options.name, names)
    made = handout(
        root,
        wrt,
        detail=options.detail,
        learning_rate=options.learning_rate,
        style=style_of(options),
        lang=options.lang,
    )
    print(f"The handout of {made.title}: {made.save(options.output)}")
