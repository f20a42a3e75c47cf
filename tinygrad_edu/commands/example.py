"""``tinygrad-edu`` alone: the worked example in numbers, the derivation of one gradient, and its picture."""

import argparse
from pathlib import Path

from tinygrad_edu._common.names import look_up
from tinygrad_edu.program.function import function
from tinygrad_edu.see.draw import draw
from tinygrad_edu.see.explain import explain
from tinygrad_edu.see.explore import explore
from tinygrad_edu.see.graph import DETAILS, Detail
from tinygrad_edu.see.notation import formula
from tinygrad_edu.three_layer import BIASES, LEARNING_RATE, WEIGHTS, WorkedExample, worked_example

COMPUTED = ["net_h1", "net_h2", "out_h1", "out_h2", "net_o1", "net_o2", "out_o1", "out_o2"]
COMPUTED += ["E_o1", "E_o2", "E_total"]
STEPS = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the worked example, which stand before any command."""
    add = parser.add_argument
    add("--wrt", dest="example_wrt", metavar="NAME", help="the weight or bias to explain (w5)")
    add("--output", dest="example_output", metavar="FILE", help="the picture; its suffix is the format")
    add("--detail", dest="example_detail", choices=DETAILS, help="how fine (network)")
    parser.set_defaults(run=run)


def given(options: argparse.Namespace) -> list[str]:
    """Return which options of the worked example were given."""
    return [f"--{name}" for name in ("wrt", "output", "detail") if getattr(options, f"example_{name}")]


def run(options: argparse.Namespace) -> None:
    """Print the worked example and the derivation of one gradient, and write its picture."""
    wrt = options.example_wrt or "w5"
    output = options.example_output or f"three_layer_{wrt}.svg"
    detail: Detail | None = options.example_detail
    look_up("weight or bias", wrt, WEIGHTS | BIASES)
    example = worked_example()
    E_total = example["E_total"]
    E_total.backward()
    draw(E_total, example[wrt], detail=detail).save(output)
    page = Path(output).with_suffix(".html")
    if page == Path(output):
        page = page.with_stem(f"{page.stem}_live")
    explore(E_total, example[wrt]).save(page)

    print("The worked example: two inputs, two hidden and two output neurons, all sigmoid.")
    _print_forward_pass(example)
    print(f"\nBackward pass, to {wrt}:\n")
    rate = None if wrt in BIASES else LEARNING_RATE
    print(explain(E_total, example[wrt], detail=detail, learning_rate=rate))
    _print_updates(example)
    _print_errors(example)
    print(f"\nThe picture of ∂E_total/∂{wrt}: {output}")
    print(f"The page on which its numbers can be changed: {page}")


def _print_forward_pass(example: WorkedExample) -> None:
    print("\nForward pass:")
    names = {value: name for name, value in example.items()}
    for name in COMPUTED:
        print(f"  {name:7} = {formula(example[name], names)!s:28} = {example[name].data:.9f}")


def _print_updates(example: WorkedExample) -> None:
    trained = worked_example()
    trained.train(1)
    print(f"\nAll gradients first, then all updates, with learning rate {LEARNING_RATE}:")
    print("        before         gradient       after")
    for name in WEIGHTS | BIASES:
        before = example[name]
        after = f"{trained[name].data:.9f}" if name in WEIGHTS else "not trained"
        row = f"  {name}  {before.data:12.9f}  {before.grad:15.9f}   {after}"
        print(row.replace("-", "−"))


def _train(example: WorkedExample, steps: int) -> None:
    """Take steps as ``train`` does, but by the program of the graph, which is 30 times as quick."""
    weights = [example[name] for name in WEIGHTS]
    gradient = function(weights, example["E_total"]).gradient
    numbers = [weight.data for weight in weights]
    for _ in range(steps):
        pairs = zip(numbers, gradient(*numbers), strict=True)
        numbers = [number - LEARNING_RATE * slope for number, slope in pairs]
    for weight, number in zip(weights, numbers, strict=True):
        weight.data = number
    example["E_total"].forward()


def _print_errors(example: WorkedExample) -> None:
    trained, with_biases = worked_example(), worked_example()
    print("\nThe error E_total:")
    print(f"  before training           {example['E_total'].data:.9f}")
    trained.train(1)
    print(f"  after 1 step              {trained['E_total'].data:.9f}")
    with_biases.train(1, biases=True)
    print(f"  after 1 step, biases too  {with_biases['E_total'].data:.9f}")
    _train(trained, STEPS - 1)
    outputs = " and ".join(f"{trained[output].data:.9f}" for output in ("out_o1", "out_o2"))
    print(f"  after {STEPS:,} steps        {trained['E_total'].data:.9f}, the outputs {outputs}")
