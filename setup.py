"""Compiles the engine with mypyc where a wheel is built. Everything else is in pyproject.toml."""

import ast
import re
import sys
from collections.abc import Iterator
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
    for path in {Path(source) for module in modules for source in module.sources}:
        path.write_text(with_docstrings(tuples_untracked(out_of_the_trashcan(path.read_text()))))
    return modules


def out_of_the_trashcan(generated: str) -> str:
    """Free a Value directly, as befits an object that the garbage collector does not track.

    mypyc 2.4.1 puts such objects (acyclic=True) into CPython's trashcan, which up to Python 3.13 writes
    into a header that they do not have. Deep graphs are safe without: args is a tuple, and tuples use it.
    """
    guarded = r"CPy_TRASHCAN_BEGIN\(self, \w*Value_dealloc\)(.*?)CPy_TRASHCAN_END\(self\)"
    return re.sub(guarded, r"\1", generated, flags=re.DOTALL)


def tuples_untracked(generated: str) -> str:
    """Spare the garbage collector the tuples of a Value, args and slopes.

    It stops tracking a tuple of untracked objects by itself, but only once it has looked at each of them.
    """
    # As _node, _restore and the setter of slopes assign them.
    assigned = r"(ValueObject \*\)cpy_r_\w+\)->_+(args|slopes) = (cpy_r_\2);)"
    return re.sub(assigned, r"\1 PyObject_GC_UnTrack(\3);", generated)


def with_docstrings(generated: str) -> str:
    """Give classes, functions and properties their docstrings, which mypyc leaves out, for help()."""
    for module in MODULES:
        source = (HERE / "tinygrad_edu" / f"{module}.py").read_text(encoding="utf-8")
        for name, docstring in docstrings(ast.parse(source)):
            # Each byte by its number, which means nothing to C; \\ is what re.sub makes one backslash of.
            text = "".join(rf"\\{byte:03o}" for byte in docstring.encode())
            template = rf"CPyType_{module}___{name}_template_ = {{[^;]*tp_doc = PyDoc_STR\("
            getter = rf"\(getter\){module}___{name.replace('___', '_get_')},[^,]*,\s*"
            for place in (rf'CPyPy_{module}___{name},[^"]*PyDoc_STR\("[^"]*', rf'{template}"[^"]*'):
                generated = re.sub(f'({place})"', rf'\g<1>{text}"', generated)
            for place in (template, getter):
                generated = re.sub(f"({place})NULL", rf'\g<1>"{text}"', generated)
    return generated


def docstrings(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the names, as mypyc writes them, and the docstrings of classes, functions and methods."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and (docstring := ast.get_docstring(node)):
            yield prefix + node.name, docstring
        if isinstance(node, ast.ClassDef):
            yield from docstrings(node, f"{node.name}___")


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
