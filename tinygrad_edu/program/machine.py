"""Programs as machine code, by the C compiler of this machine."""

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_OPTIMISED = 2_000
"""The lines that are optimised, at most: it takes 2 seconds then, and a minute for 10,000."""

_FLAGS = ["-shared", "-fPIC", "-ffp-contract=off", "-fno-math-errno"]


class Machine:
    """A function in machine code, with buffers that each call uses again.

    Write numbers into ``inputs``, call ``run()``, and read ``outputs`` and ``gradient``. Nothing is tested
    there: a result that does not exist is NaN or infinite. The buffers are arrays of ctypes, and
    ``numpy.frombuffer(machine.inputs)`` is an array in the same memory.

    Attributes:
        inputs: the inputs in one row.
        outputs: the outputs in one row.
        gradient: the derivatives of the outputs in one row, first those of the first output.
        run: computes outputs and gradient from inputs.

    Raises:
        OSError: if there is no C compiler, or it fails.
    """

    def __init__(self, text: str, inputs: int, outputs: int) -> None:
        sizes = {"inputs": inputs, "outputs": outputs, "gradient": inputs * outputs}
        buffers = ", ".join([f"{name}[{max(size, 1)}]" for name, size in sizes.items()])
        library = _library(f"{text}\ndouble {buffers};\nvoid run(void) {{ f(inputs, outputs, gradient); }}\n")
        self._buffers = {name: (ctypes.c_double * size).in_dll(library, name) for name, size in sizes.items()}
        self.inputs, self.outputs, self.gradient = self._buffers.values()
        run = library.run
        run.argtypes, run.restype = (), None  # nothing to convert: half the time of a call
        self.run: Callable[[], Any] = run


def _library(text: str) -> ctypes.PyDLL:
    """Compile C, and load it; calls keep the GIL, which takes less time than the call."""
    given = os.environ.get("CC")
    compiler = shlex.split(given) if given else [shutil.which("cc") or shutil.which("gcc") or "clang"]
    optimise = "-O2" if text.count("\n") <= _OPTIMISED else "-O0"
    folder = Path(tempfile.mkdtemp())  # nobody else can write into it
    try:
        source, library = folder / "f.c", folder / "f.so"
        source.write_text(text, encoding="utf-8")
        command = [*compiler, optimise, *_FLAGS, "-o", str(library), str(source), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise OSError(
                f"there is no C compiler {compiler[0]!r}: install gcc or clang, or name yours in the "
                "environment variable CC; f.gradient needs none"
            ) from None
        except subprocess.CalledProcessError as error:
            raise OSError(f"{compiler[0]} fails: {error.stderr.strip()[:500]}") from None
        return ctypes.PyDLL(str(library))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
