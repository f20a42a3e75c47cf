"""The command ``tinygrad-edu``, or ``python -m tinygrad_edu``.

Each module here adds what it can do to the parser; ``main`` runs it and turns errors into one line.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tinygrad_edu._common import __version__
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu._common.text import one_line
from tinygrad_edu.commands import example, graphs, predict, teaching, train
from tinygrad_edu.engine.value import COMPILED
from tinygrad_edu.see.draw.render import NoEngineError

PROGRAM = "tinygrad-edu"
ENGINE = "C engine" if COMPILED else "Python engine"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {one_line(message, 1000)}\n")  # one line, without the usage text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 2 for a user's mistake, 130 for Ctrl-C.

    Args:
        arguments: the words after the command's name; those of this process if None.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # ∂ and × on every system
    parser = _parser()
    options = parser.parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    if options.run is not example.run and (given := example.given(options)):
        parser.error(f"{given[0]} before the command is for the worked example: put it after the command")
    try:
        options.run(options)
        print(end="", flush=True)
    except BrokenPipeError:  # the reader, perhaps `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130  # as shells do
    except OSError as error:
        return _mistake(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error)
    except (ValueError, UnknownNameError, NoEngineError) as error:
        return _mistake(error)
    return 0


def _mistake(message: object) -> int:
    print(f"{PROGRAM}: {one_line(str(message), 1000)}", file=sys.stderr)  # a file name is data
    return 2


def _joined(arguments: Sequence[str]) -> list[str]:
    """Return the words of a command so that none looks like an option that is not one.

    An expression such as "-w" is joined to its option, and a number such as "-1e5" gets a space in front.
    """
    words = [f" {word}" if word.startswith("-") and _is_number(word) else word for word in arguments]
    if "--expression" in words[:-1]:
        i = words.index("--expression")
        words[i : i + 2] = [f"--expression={words[i + 1]}"]
    return words


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description="Compute the worked example, explain one of its gradients, and draw its graph.",
    )
    parser.add_argument("--version", action="version", version=f"tinygrad_edu {__version__} ({ENGINE})")
    example.add_arguments(parser)
    commands = parser.add_subparsers(title="other commands", metavar="COMMAND", parser_class=_Parser)
    subject, style = graphs.add_parsers(commands, _Parser)
    teaching.add_parsers(commands, subject, style)
    train.add_parser(commands)
    predict.add_parser(commands)
    return parser
