"""Compiles the engine in C, where there is a compiler. Everything else is in pyproject.toml."""

import os
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

HERE = Path(__file__).parent
PURE = "tinygrad_edu is installed as pure Python: it works the same, but slower. Not compiled, because"
FLAGS = {
    # The same bits as Python: no fused multiplication and addition, and every function from the C library.
    "unix": ["-std=c11", "-O3", "-g0", "-fno-builtin", "-ffp-contract=off", "-Wall", "-Wextra"],
    "msvc": ["/std:c11", "/O2", "/fp:precise"],
}


class BuildEngine(build_ext):
    """Builds the engine in C or, on a machine that cannot, nothing."""

    def run(self) -> None:
        """Compile, or say in one line why not."""
        try:
            super().run()
        except (BaseError, CCompilerError, OSError) as error:
            print(PURE, error, file=sys.stderr)
            for built in self.get_outputs():
                Path(built).unlink(missing_ok=True)
            self.distribution.ext_modules = []  # both lines, for a wheel that is laid out as pure
            self.get_finalized_command("bdist_wheel").root_is_pure = True

    def build_extension(self, extension: Extension) -> None:
        """Print the rules of the table as C, and compile them with the engine."""
        os.environ["TINYGRAD_EDU_PURE"] = "1"  # what was compiled before has no say
        sys.path.insert(0, str(HERE))
        from tinygrad_edu.program.c_rules import header

        folder = Path(self.build_temp)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "_rules.h").write_text(header(), encoding="utf-8")
        extension.include_dirs.append(str(folder))
        extension.extra_compile_args += FLAGS.get(self.compiler.compiler_type, [])
        super().build_extension(extension)


# On free-threaded CPython, which has no stable ABI yet, the engine in Python runs.
free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
engine = Extension(
    "tinygrad_edu.engine._engine",
    ["tinygrad_edu/engine/_engine.c"],
    depends=["tinygrad_edu/engine/rules.py", "tinygrad_edu/program/c_rules.py"],
    py_limited_api=True,
)
setup(
    ext_modules=[] if free_threaded else [engine],
    cmdclass={"build_ext": BuildEngine},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
