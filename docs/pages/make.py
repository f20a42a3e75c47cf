"""Make the pages of this folder anew: ``python docs/pages/make.py``. Each is one file and needs no other."""

from html import escape
from pathlib import Path

from tinygrad_edu import explore, worked_example
from tinygrad_edu.datasets import moons
from tinygrad_edu.see.explore import Explorer
from tinygrad_edu.three_layer import network_example

HERE = Path(__file__).parent

INDEX = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Backpropagation, live</title>
</head>
<body>
<h1>Backpropagation, live</h1>
<p>Pages that compute: change a number, step through both passes, descend, answer. Each is one file that
works offline; put the folder anywhere. English and Chinese.</p>
<ul>
{items}
</ul>
</body>
</html>
"""


def pages() -> dict[str, tuple[str, Explorer]]:
    """Return the pages by their file names, each with what it shows."""
    example = worked_example()
    error = network_example([2, 6, 1], "tanh", seed=1)
    points = [
        {"i1": round(x, 2), "i2": round(y, 2), "target_o1": float(target)}
        for (x, y), target in moons(30, seed=2)
    ]
    return {
        "worked_example.html": (
            "The worked example: two inputs, two hidden and two output neurons, and how w5 moves the error",
            explore(example["E_total"], example["w5"]),
        ),
        "network_3_4_2.html": (
            "A network of three inputs, four hidden and two output neurons",
            explore(network_example([3, 4, 2])),
        ),
        "moons.html": (
            "Two moons: a network learns to tell them apart, and a click on a point shows its graph",
            explore(error, samples=points),
        ),
    }


def main() -> None:
    """Write the pages and their index."""
    made = pages()
    for name, (_, explorer) in made.items():
        explorer.save(HERE / name)
    items = [f'<li><a href="{name}">{escape(title)}</a></li>' for name, (title, _) in made.items()]
    (HERE / "index.html").write_text(INDEX.format(items="\n".join(items)), encoding="utf-8")


if __name__ == "__main__":
    main()
