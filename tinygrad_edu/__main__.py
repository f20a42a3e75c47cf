"""The command: ``python -m tinygrad_edu``, or ``tinygrad-edu``."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tinygrad_edu import __version__
from tinygrad_edu.draw import draw
from tinygrad_edu.draw.render import NoEngineError
from tinygrad_edu.explain import explain
from tinygrad_edu.graph import Detail
from tinygrad_edu.names import UnknownNameError
from tinygrad_edu.notation import formula
from tinygrad_edu.three_layer import BIASES, WEIGHTS, worked_example

COMPUTED = ["net_h1", "net_h2", "out_h1", "out_h2", "net_o1", "net_o2", "out_o1", "out_o2"]
COMPUTED += ["E_o1", "E_o2", "E_total"]
LEARNING_RATE = 0.5
STEPS = 10_000


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")  # one line, without the usage text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 2 for a user's mistake.

    Args:
        arguments: the words after the command's name; those of this process if None.
    """
    parser = _Parser(
        prog="tinygrad-edu",
        description="Compute the worked example, explain one of its gradients, and draw how it comes about.",
    )
    parser.add_argument("--wrt", metavar="NAME", default="w5", help="the weight or bias to explain (w5)")
    parser.add_argument("--output", metavar="FILE", help="the picture; its suffix names the format")
    parser.add_argument(
        "--detail", choices=["named", "ops"], default="named", help="how fine to draw (named)"
    )
    parser.add_argument("--version", action="version", version=f"tinygrad_edu {__version__}")
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")  # ∂ and × on every system
    try:
        show_worked_example(options.wrt, options.output or f"three_layer_{options.wrt}.svg", options.detail)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, OSError, UnknownNameError, NoEngineError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


def show_worked_example(wrt: str, output: str, detail: Detail) -> None:
    """Print the worked example and the derivation of one gradient, and write the picture of it."""
    if wrt not in WEIGHTS | BIASES:
        raise UnknownNameError("weight or bias", wrt, WEIGHTS | BIASES)
    example = worked_example()
    E_total = example["E_total"]
    E_total.backward()
    draw(E_total, wrt=example[wrt], detail=detail).save(output)

    print("The worked example: two inputs, two hidden and two output neurons, all sigmoid.")
    print("\nForward pass:")
    names = {value: name for name, value in example.items()}
    for computed in COMPUTED:
        value = example[computed]
        print(f"  {computed:7} = {formula(value, names)!s:28} = {value.data:.9f}")

    print("\nBackward pass. " + str(explain(E_total, example[wrt], detail, LEARNING_RATE)))

    trained = worked_example()
    trained.train(1, LEARNING_RATE)
    with_biases = worked_example()
    with_biases.train(1, LEARNING_RATE, biases=True)
    print(f"\nAll gradients first, then all updates, with learning rate {LEARNING_RATE}:")
    print("        before         gradient       after")
    for parameter in WEIGHTS:
        before, after = example[parameter], trained[parameter]
        print(f"  {parameter}  {before.data:12.9f}  {before.grad:15.9f}  {after.data:12.9f}")
    for parameter in BIASES:
        print(
            f"  {parameter}  {example[parameter].data:12.9f}  {example[parameter].grad:15.9f}   not trained"
        )

    print("\nThe error E_total:")
    print(f"  before training           {E_total.data:.9f}")
    print(f"  after 1 step              {trained['E_total'].data:.9f}")
    print(f"  after 1 step, biases too  {with_biases['E_total'].data:.9f}")
    trained.train(STEPS - 1, LEARNING_RATE)
    outputs = " and ".join(f"{trained[output].data:.9f}" for output in ("out_o1", "out_o2"))
    print(f"  after {STEPS:,} steps        {trained['E_total'].data:.9f}, the outputs {outputs}")
    print(f"\nThe picture of ∂E_total/∂{wrt}: {output}")


if __name__ == "__main__":
    sys.exit(main())
