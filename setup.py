"""Compiles the engine with mypyc where a wheel is built. Everything else is in pyproject.toml."""

import re
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from tinygrad_edu.engine import MODULES, RECORD, fingerprint  # noqa: E402

INTERPRETED = "tinygrad_edu is installed interpreted: it works the same, but slower. Not compiled, because"


def extensions() -> list[Extension]:
    """Translate the engine to C, for wheels only: an editable install runs the source as it is edited."""
    if "bdist_wheel" not in sys.argv:
        return []
    files = [f"tinygrad_edu/{name}.py" for name in MODULES]
    quiet = ["--follow-imports=silent", "--ignore-missing-imports"]  # about modules that are not compiled
    try:
        from mypyc.build import mypycify

        modules: list[Extension] = mypycify([*quiet, *files], opt_level="3", group_name="tinygrad_edu.engine")
    except (ImportError, SystemExit) as error:
        print(INTERPRETED, error or "mypyc cannot translate it", file=sys.stderr)
        return []
    for source in {source for module in modules for source in module.sources}:
        keep_out_of_the_trashcan(Path(source))
    return modules


def keep_out_of_the_trashcan(source: Path) -> None:
    """Free a Value directly, as befits an object that the garbage collector does not track.

    mypyc 2.4.1 puts such objects (acyclic=True) into CPython's trashcan, which up to Python 3.13 writes
    into a header that they do not have. Deep graphs are safe without: args is a tuple, and tuples use it.
    """
    guarded = r"CPy_TRASHCAN_BEGIN\(self, \w*Value_dealloc\)(.*?)CPy_TRASHCAN_END\(self\)"
    source.write_text(re.sub(guarded, r"\1", source.read_text(), flags=re.DOTALL))


class BuildEngine(build_ext):
    """Builds all of the engine or, on a machine that cannot, none of it."""

    def run(self) -> None:
        """Compile, and record from which source."""
        try:
            super().run()
        except (BaseError, CCompilerError, OSError) as error:
            print(INTERPRETED, error, file=sys.stderr)
            for built in self.get_outputs():
                Path(built).unlink(missing_ok=True)
            self.get_finalized_command("bdist_wheel").root_is_pure = True
        else:
            if self.extensions:
                Path(self.build_lib, "tinygrad_edu", RECORD).write_text(fingerprint())


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildEngine})
