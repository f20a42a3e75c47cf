"""The command: ``python -m tinygrad_edu``, or ``tinygrad-edu``."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tinygrad_edu import COMPILED, __version__, train_command
from tinygrad_edu.see.draw import draw
from tinygrad_edu.see.draw.animate import animate
from tinygrad_edu.see.draw.render import NoEngineError
from tinygrad_edu.see.explain import explain
from tinygrad_edu.commands.expression import ExpressionError, parse, parse_numbers
from tinygrad_edu.see.graph import DETAILS, Detail, natural_detail
from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.see.notation import formula
from tinygrad_edu.three_layer import BIASES, WEIGHTS, worked_example
from tinygrad_edu.engine.value import Value, topological_order

ENGINE = "compiled" if COMPILED else "interpreted"
PROGRAM = "tinygrad-edu"
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
    parser = _parser()
    options = parser.parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    if options.run is not show_worked_example:
        for option in ("wrt", "output", "detail"):
            if getattr(options, f"example_{option}"):
                parser.error(
                    f"--{option} before the command is for the worked example: put it after the command"
                )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # ∂ and × on every system
    try:
        options.run(options)
        print(end="", flush=True)
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130  # as shells do
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error
        print(f"{PROGRAM}: {what}", file=sys.stderr)
        return 2
    except (ValueError, UnknownNameError, NoEngineError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    return 0


def _joined(arguments: Sequence[str]) -> list[str]:
    """Return the words of a command with an expression joined to its option: "-w" looks like an option."""
    words = list(arguments)
    for i in range(len(words) - 1):
        if words[i] == "--expression":
            words[i : i + 2] = [f"--expression={words[i + 1]}"]
            break
    return words


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description="Compute the worked example, explain one of its gradients, and draw how it comes about.",
    )
    parser.add_argument("--version", action="version", version=f"tinygrad_edu {__version__} ({ENGINE})")
    add = parser.add_argument
    add("--wrt", dest="example_wrt", metavar="NAME", help="the weight or bias to explain (w5)")
    add("--output", dest="example_output", metavar="FILE", help="the picture; its suffix names the format")
    add("--detail", dest="example_detail", choices=DETAILS, help="how fine (named)")
    parser.set_defaults(run=show_worked_example)

    commands = parser.add_subparsers(title="other commands", metavar="COMMAND", parser_class=_Parser)
    subject = _Parser(add_help=False)
    subject.add_argument(
        "--expression", metavar="TEXT", help="in place of the worked example: 'tanh(w*x + b)'"
    )
    subject.add_argument("--at", metavar="NAMES", default="", help="the numbers in it: w=0.5,x=2,b=0.1")
    subject.add_argument("--detail", choices=DETAILS, help="how fine: every operation, …, every layer")

    command = commands.add_parser("explain", parents=[subject], help="write out the chain rule for one name")
    command.add_argument("name", metavar="NAME", help="the name to differentiate with respect to, such as w5")
    command.add_argument("--format", choices=["text", "latex", "markdown", "mathml"], default="text")
    command.add_argument("--learning-rate", type=float, metavar="ETA", help="show the update as well")
    command.set_defaults(run=explain_command)

    command = commands.add_parser(
        "draw", parents=[subject], help="draw the graph, and the ways from some names"
    )
    command.add_argument("names", metavar="NAME", nargs="*", help="names whose ways to the result stand out")
    command.add_argument("--output", metavar="FILE", default="graph.svg", help="the picture (graph.svg)")
    command.add_argument("--legend", action="store_true", help="say what colours and widths mean")
    command.add_argument(
        "--rankdir", choices=["LR", "TB"], default="LR", help="left to right, or top to bottom"
    )
    command.set_defaults(run=draw_command)

    command = commands.add_parser("animate", parents=[subject], help="show both passes step by step")
    command.add_argument("name", metavar="NAME", nargs="?", help="follow the gradient of this name only")
    command.add_argument(
        "--output", metavar="FILE", default="animation.svg", help="an .svg or .gif (animation.svg)"
    )
    command.add_argument("--seconds", type=float, default=1.2, help="how long a step is shown (1.2)")
    command.set_defaults(run=animate_command)

    train_command.add_parser(commands)
    return parser


def _subject(options: argparse.Namespace) -> tuple[Value, dict[str, Value], Detail]:
    """Return the root that a command is about, its Values by name, and the detail."""
    if options.expression is None:
        if options.at:
            raise ValueError("--at gives the numbers of an --expression, and there is none")
        example = worked_example()
        root, named = example["E_total"], dict(example)
    else:
        root = parse(options.expression, _numbers(options.at))
        named = {value.label: value for value in topological_order(root) if value.label}
        if not root.label:
            root.label = "y" if "y" not in named else "result"
        named[root.label] = root
    root.backward()
    return root, named, options.detail or natural_detail(root)


def _numbers(text: str) -> dict[str, float]:
    try:
        return parse_numbers(text) if text else {}
    except ExpressionError as error:
        raise ValueError(f"--at, {error}") from None


def _named(name: str, named: dict[str, Value]) -> Value:
    if name not in named:
        raise UnknownNameError("Value named", name, named)
    named[name].label = name  # E_o1 and E_o2 have none, until one asks for them
    return named[name]


def explain_command(options: argparse.Namespace) -> None:
    """Print the explanation of one derivative."""
    root, named, detail = _subject(options)
    explanation = explain(root, _named(options.name, named), detail, options.learning_rate)
    print(explanation if options.format == "text" else getattr(explanation, options.format))


def draw_command(options: argparse.Namespace) -> None:
    """Write a picture, and say where it is."""
    root, named, detail = _subject(options)
    wrt = [_named(name, named) for name in options.names]
    drawing = draw(root, wrt, detail, rankdir=options.rankdir, legend=options.legend)
    print(f"The picture of {root.label}: {drawing.save(options.output)}")


def animate_command(options: argparse.Namespace) -> None:
    """Write an animation, and say where it is."""
    root, named, detail = _subject(options)
    wrt = _named(options.name, named) if options.name else None
    animation = animate(root, wrt, detail, options.seconds)
    saved = animation.save(options.output)
    print(f"The passes over the graph of {root.label} in {len(animation.steps)} steps: {saved}")


def show_worked_example(options: argparse.Namespace) -> None:
    """Print the worked example and the derivation of one gradient, and write the picture of it."""
    wrt: str = options.example_wrt or "w5"
    detail: Detail = options.example_detail or "named"
    output = options.example_output or f"three_layer_{wrt}.svg"
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

    print(f"\nBackward pass, to {wrt}:\n")
    print(explain(E_total, example[wrt], detail, None if wrt in BIASES else LEARNING_RATE))

    trained = worked_example()
    trained.train(1, LEARNING_RATE)
    with_biases = worked_example()
    with_biases.train(1, LEARNING_RATE, biases=True)
    print(f"\nAll gradients first, then all updates, with learning rate {LEARNING_RATE}:")
    print("        before         gradient       after")
    for parameter in WEIGHTS | BIASES:
        before = example[parameter]
        after = f"{trained[parameter].data:.9f}" if parameter in WEIGHTS else "not trained"
        row = f"  {parameter}  {before.data:12.9f}  {before.grad:15.9f}   {after}"
        print(row.replace("-", "−"))

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
