"""Programs as text: a function in a language, complete with what it needs."""

import math
import re
from collections.abc import Sequence

from tinygrad_edu._common.names import look_up
from tinygrad_edu.program.languages import JAVASCRIPT, LANGUAGES, PYTHON, C, comment, helpers, write
from tinygrad_edu.program.statements import Program
from tinygrad_edu.program.structure import Arrangement, size, written

_IMPORTS = {
    "numpy": ["import math", "import numpy as np"],
    "jax": ["import jax.numpy as jnp  # in double precision after jax.config.update('jax_enable_x64', True)"],
    "torch": ["import torch  # the arguments are tensors of float64"],
}


def source(
    language: str, program: Program, arguments: Sequence[Arrangement], results: Sequence[Arrangement]
) -> str:
    """Return a function ``f`` that computes a program, as text.

    Args:
        language: "python", "numpy", "c", "javascript", "jax" or "torch".
        program: what to compute.
        arguments: how each argument is arranged, with places counted from 0; together they are the inputs.
        results: how each result is arranged, with places among all outputs. In C, arguments and results are
            arrays of numbers instead, in the same order.

    Raises:
        UnknownNameError: if there is no such language.
        ValueError: if an operation cannot be expressed in it.

    >>> from tinygrad_edu.program.statements import Pool
    >>> x = Pool().input("x")
    >>> print(source("javascript", Program([x], [x * x, 2.0 * x]), [0], [0, 1]))
    // v1: x
    export function f(v1) {
      const v2 = v1*v1;
      const v3 = 2.0*v1;
      return [v2, v3];
    }
    <BLANKLINE>
    """
    table = look_up("language", language, LANGUAGES)
    lines, outputs = write(program, table)
    names = [f"v{number}" for number in range(1, len(program.inputs) + 1)]
    about = [
        f"{table.comment} {name}: {comment(made.label)}"
        for name, made in zip(names, program.inputs, strict=True)
        if made.label.strip()
    ]
    above = helpers([*lines, *outputs], table)
    if table is C:
        return "\n".join([*about, *above, *_c(program, lines, outputs, [size(result) for result in results])])
    given, unpack, first = [], [], 0
    for number, argument in enumerate(arguments, 1):
        pattern = written(argument, names[first : (first := first + size(argument))], lists=True)
        given.append(pattern if isinstance(argument, int) else f"a{number}")
        if not isinstance(argument, int):
            unpack.append(table.line.format(pattern, f"a{number}"))
    answers = [written(result, outputs, lists=True) for result in results]
    if table is JAVASCRIPT:
        body = [f"  {line}" for line in [*unpack, *lines, f"return [{', '.join(answers)}];"]]
        return "\n".join([*about, *above, f"export function f({', '.join(given)}) {{", *body, "}", ""])
    imports = _IMPORTS.get(language, [])
    if table is PYTHON:
        code = [line.partition(table.comment)[0] for line in lines]
        words = sorted({*re.findall(r"[a-z]\w*", "\n".join([*code, *outputs]))} & {*vars(math)})
        imports = [f"from math import {', '.join(words)}"] if words else []
    body = [f"    {line}" for line in [*unpack, *lines, f"return {', '.join(answers)}"]]
    return "\n".join([*imports, *above, "", "", *about, f"def f({', '.join(given)}):", *body, ""]).lstrip(
        "\n"
    )


def _c(program: Program, lines: list[str], outputs: list[str], sizes: Sequence[int]) -> list[str]:
    """Frame statements as a function in C: one array of inputs, and one array for each result."""
    arrays = ["outputs", "gradient", *(f"results{number}" for number in range(3, len(sizes) + 1))][
        : len(sizes)
    ]
    places = [(array, place) for array, count in zip(arrays, sizes, strict=True) for place in range(count)]
    head = ", ".join(f"double {array}[{count}]" for array, count in zip(arrays, sizes, strict=True))
    return [
        "#include <math.h>",
        "",
        f"/* Reads {len(program.inputs)} inputs, and writes {' and '.join(map(str, sizes))} numbers. */",
        f"void f(const double inputs[{len(program.inputs)}], {head})",
        "{",
        *[f"    const double v{i + 1} = inputs[{i}];" for i in range(len(program.inputs))],
        *[f"    {line}" for line in lines],
        *[f"    {array}[{place}] = {term};" for (array, place), term in zip(places, outputs, strict=True)],
        "}",
        "",
    ]
