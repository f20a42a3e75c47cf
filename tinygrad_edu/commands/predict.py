"""``tinygrad-edu predict``: what a model that ``train`` saved says about new inputs."""

import argparse
import math
from typing import Any

from tinygrad_edu._common.text import one_line, plural
from tinygrad_edu.commands.train import short
from tinygrad_edu.datasets import Row, read_inputs
from tinygrad_edu.prediction import Predictor, load_predictor


def add_parser(commands: Any) -> None:
    """Add the command ``predict`` to a parser.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
    """
    what = "predict with a model that the command train has saved"
    parser = commands.add_parser("predict", help=what, description=f"{what[0].upper()}{what[1:]}.")
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="the file of the model")
    parser.add_argument("inputs", metavar="NUMBER", nargs="*", help="the inputs, in the order of the columns")
    parser.add_argument(
        "--csv", metavar="FILE", help="a file with those columns instead: a prediction per line"
    )


def run(options: argparse.Namespace) -> None:
    """Print one prediction a line, in the data's own units.

    Raises:
        ValueError, UnknownNameError: for a mistake in the options or in a file.
        OSError: if a file cannot be read.
    """
    predictor = load_predictor(options.model)
    for row in _rows(predictor, options):
        answer = predictor(row)
        print(short(answer) if isinstance(answer, float) else one_line(str(answer)))


def _rows(predictor: Predictor, options: argparse.Namespace) -> list[Row]:
    count = predictor.model.structure()["inputs"]
    names = predictor.columns or [f"input {place}" for place in range(1, count + 1)]
    if bool(options.inputs) == (options.csv is not None) or len(options.inputs) not in (0, count):
        some = ", ".join(one_line(name, 20) for name in names[:10]) + ", …" * (count > 10)
        raise ValueError(f"give {count} {plural('number', count)} ({some}), or --csv FILE")
    if options.csv is not None:
        if not predictor.columns:
            raise ValueError(f"{options.model} has no names of columns: give the numbers themselves")
        return read_inputs(options.csv, predictor.columns)
    return [[_number(text, name) for text, name in zip(options.inputs, names, strict=True)]]


def _number(text: str, name: str) -> float:
    try:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError
        return number
    except ValueError:
        raise ValueError(f"{one_line(name)} is a number, not {text.strip()[:40]!r}") from None
