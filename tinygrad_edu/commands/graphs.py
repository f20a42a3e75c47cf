"""``explain``, ``draw``, ``animate``, ``film``, ``explore``: the example, a network, or an expression."""

import argparse
import re
from typing import Any

from tinygrad_edu._common.names import look_up
from tinygrad_edu.commands.expression import parse, parse_numbers
from tinygrad_edu.engine.value import Value, topological_order
from tinygrad_edu.see.draw import draw
from tinygrad_edu.see.draw.animate import animate
from tinygrad_edu.see.draw.film import film
from tinygrad_edu.see.draw.style import Style, size_of
from tinygrad_edu.see.explain import explain
from tinygrad_edu.see.explore import explore
from tinygrad_edu.see.graph import DETAILS
from tinygrad_edu.see.words import WORDS
from tinygrad_edu.three_layer import LEARNING_RATE, descend, network_example, worked_example


def add_parsers(
    commands: Any, parser_class: type[argparse.ArgumentParser]
) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Add the commands ``explain``, ``draw``, ``animate``, ``film`` and ``explore`` to a parser.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
        parser_class: the class of its parsers.

    Returns:
        For commands of other modules a parser of the options that say which graph a command is about, and
        one of those that say how a picture looks.
    """
    subject = parser_class(add_help=False)
    add = subject.add_argument
    add("--expression", metavar="TEXT", help="in place of the worked example, as in 'tanh(w*x + b)'")
    add("--network", metavar="SIZES", help="in place of the worked example, a network such as 3-4-2")
    add("--activation", metavar="NAME", default="sigmoid", help="that of the network (sigmoid)")
    add("--at", metavar="NUMBERS", default="", help="numbers for the names, as in w=0.5,x=2,b=0.1")
    add("--detail", choices=DETAILS, help="how fine: from every operation to whole layers")

    mode = parser_class(add_help=False)
    mode.add_argument(
        "--mode", choices=["reverse", "forward"], default="reverse", help="(reverse: backpropagation)"
    )

    command = commands.add_parser(
        "explain", parents=[subject, mode], help="write out the chain rule for one name"
    )
    add = command.add_argument
    add("name", metavar="NAME", help="the name to differentiate with respect to, such as w5")
    add("--format", choices=["text", "latex", "markdown", "mathml"], default="text", help="(text)")
    add("--learning-rate", type=float, metavar="ETA", help="show the update as well")
    command.set_defaults(run=run_explain)

    style = parser_class(add_help=False)
    add = style.add_argument
    add("--size", metavar="SIZE", help="slide, a4, or pixels such as 800x600 (as large as it is)")
    add("--font-size", type=float, metavar="PIXELS", help="of the letters (as large as the size allows)")
    add("--digits", type=int, metavar="N", help="decimals of a number (4, on a slide 3)")
    add("--theme", choices=["screen", "print"], default="screen", help="colours, or black and grey (screen)")
    add(
        "--symbol", dest="symbols", action="append", default=[], metavar="NAME=SYMBOL", help="write a name so"
    )

    command = commands.add_parser(
        "draw", parents=[subject, mode, style], help="draw the graph, and the paths from names"
    )
    add = command.add_argument
    add("names", metavar="NAME", nargs="*", help="highlight the paths from these names to the result")
    add("--output", metavar="FILE", default="graph.svg", help="the picture (graph.svg)")
    add("--legend", action="store_true", help="say what colours and widths mean")
    add("--rankdir", choices=["LR", "TB"], default="LR", help="left to right, or top to bottom (LR)")
    add("--sample", type=int, default=1, metavar="K", help="which sample of a network to show (1)")
    command.set_defaults(run=run_draw)

    command = commands.add_parser("animate", parents=[subject, style], help="show both passes step by step")
    add = command.add_argument
    add("name", metavar="NAME", nargs="?", help="follow the gradient of this name only")
    add("--output", metavar="FILE", default="animation.svg", help="an .svg, .html, .gif, or a .png a step")
    add("--passes", choices=["both", "forward", "backward"], default="both", help="which pass (both)")
    add("--seconds", type=float, default=1.2, help="how long a step is shown (1.2)")
    command.set_defaults(run=run_animate)

    command = commands.add_parser("film", parents=[subject], help="show gradient descent step by step")
    add = command.add_argument
    add("names", metavar="NAME", nargs="*", help="what to change (all weights; without a network all leaves)")
    add("--steps", type=int, default=100, metavar="N", help="the number of steps (100)")
    add("--learning-rate", type=float, default=LEARNING_RATE, metavar="ETA", help=f"({LEARNING_RATE})")
    add("--sample", type=int, default=1, metavar="K", help="which sample of a network to show (1)")
    add("--seconds", type=float, default=0.4, help="how long a frame is shown (0.4)")
    add("--lang", choices=[*WORDS], default="en", help="the language (en)")
    add("--output", metavar="FILE", default="film.html", help="the page (film.html)")
    command.set_defaults(run=run_film)

    command = commands.add_parser("explore", parents=[subject], help="write a page that computes and asks")
    add = command.add_argument
    add("name", metavar="NAME", nargs="?", help="the name whose gradient is explained first")
    add("--output", metavar="FILE", default="page.html", help="the page (page.html)")
    add("--lang", choices=[*WORDS], default="en", help="the language that the page begins with (en)")
    add("--open", action="store_true", help="open it in the browser")
    command.set_defaults(run=run_explore)
    return subject, style


def run_explain(options: argparse.Namespace) -> None:
    """Print the explanation of one derivative."""
    root, names = subject_of(options)
    wrt = value_named(options.name, names)
    explanation = explain(
        root, wrt, detail=options.detail, learning_rate=options.learning_rate, mode=options.mode
    )
    print(explanation if options.format == "text" else getattr(explanation, options.format))


def run_draw(options: argparse.Namespace) -> None:
    """Write a picture, and print its path."""
    root, names = subject_of(options)
    wrt = [value_named(name, names) for name in options.names]
    drawing = draw(
        root,
        wrt,
        detail=options.detail,
        sample=options.sample,
        rankdir=options.rankdir,
        legend=options.legend,
        mode=options.mode,
        style=style_of(options),
    )
    print(f"The picture of {root.label}: {drawing.save(options.output)}")


def run_animate(options: argparse.Namespace) -> None:
    """Write an animation, and print its path."""
    root, names = subject_of(options)
    wrt = value_named(options.name, names) if options.name else None
    animation = animate(
        root,
        wrt,
        detail=options.detail,
        passes=options.passes,
        seconds=options.seconds,
        style=style_of(options),
    )
    saved = animation.save(options.output)
    print(f"The passes over the graph of {root.label} in {len(animation.steps)} steps: {saved}")


def run_film(options: argparse.Namespace) -> None:
    """Take steps of gradient descent, write their film, and print its path."""
    root, names = subject_of(options)
    leaves = [value for value in names.values() if not value.args and not value.is_constant]
    weights = [leaf for leaf in leaves if getattr(leaf.group, "role", "") == "weight"]
    changed = [value_named(name, names) for name in options.names] or weights or leaves
    for value in changed:
        if value.args:
            raise ValueError(f"{value.label} is computed from others: name leaves")
    history: dict[str, list[float]] = {}
    descend(root, changed, options.steps, options.learning_rate, history)
    training = film(
        root,
        history,
        detail=options.detail,
        sample=options.sample,
        seconds=options.seconds,
        lang=options.lang,
    )
    print(f"{options.steps:,} steps of gradient descent on {root.label}: {training.save(options.output)}")


def style_of(options: argparse.Namespace) -> Style:
    """Return the style that a command's options ask for."""
    size: Any = options.size and size_of(options.size)
    symbols = dict(given.partition("=")[::2] for given in options.symbols)
    return Style(
        size, font_size=options.font_size, digits=options.digits, theme=options.theme, symbols=symbols
    )


def run_explore(options: argparse.Namespace) -> None:
    """Write a page, print its path, and open it if asked to."""
    root, names = subject_of(options)
    wrt = value_named(options.name, names) if options.name else None
    page = explore(root, wrt, detail=options.detail, lang=options.lang).save(options.output)
    print(f"The page of {root.label}: {page}")
    if options.open:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def subject_of(options: argparse.Namespace) -> tuple[Value, dict[str, Value]]:
    """Return the root that a command is about, after its backward pass, and the Values by name."""
    numbers = numbers_at(options.at)
    if options.network is not None:
        root = _network(options, numbers)
        names = {value.label: value for value in topological_order(root) if value.label}
    elif options.expression is None:
        example = worked_example(**numbers)
        root, names = example["E_total"], dict(example)
    else:
        root = parse(options.expression, numbers)
        names = {value.label: value for value in topological_order(root) if value.label}
        if not root.label:
            root.label = "y" if "y" not in names else "result"
        names[root.label] = root
    root.backward()
    return root, names


def _network(options: argparse.Namespace, numbers: dict[str, float]) -> Value:
    if options.expression is not None:
        raise ValueError("--network and --expression exclude each other")
    if not re.fullmatch(r"\d+(-\d+)+", options.network, re.ASCII):
        raise ValueError(f"--network {options.network!r}: give sizes from the inputs on, such as 3-4-2")
    root = network_example([int(size) for size in options.network.split("-")], options.activation)
    leaves = {value.label: value for value in topological_order(root) if value.label and not value.args}
    for name, number in numbers.items():
        look_up("leaf in the network called", name, leaves).data = number
    root.forward()
    return root


def numbers_at(text: str) -> dict[str, float]:
    """Return the numbers that the option ``--at`` gives, none if it is empty.

    Raises:
        ValueError: if the text is anything but ``name=number`` and commas.
    """
    try:
        return parse_numbers(text) if text else {}
    except ValueError as error:
        raise ValueError(f"--at, {error}") from None


def value_named(name: str, names: dict[str, Value]) -> Value:
    """Return the Value of a name.

    Raises:
        UnknownNameError: if there is none.
    """
    value = look_up("Value named", name, names)
    value.label = name  # E_o1 and E_o2 have none until one asks for them
    return value
