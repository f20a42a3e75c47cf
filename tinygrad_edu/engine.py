"""Which engine runs: the compiled modules of an installed wheel, or the Python source beside them.

Both are one source: a wheel holds the modules named below and what mypyc made of them. The
compiled form runs only if it was made from the very source that stands beside it, so an edited file is
never shadowed by an old compiled one. To step through the source with a debugger, set the environment
variable ``TINYGRAD_EDU_INTERPRETED=1``.
"""

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from importlib.util import find_spec, source_hash
from pathlib import Path
from typing import TYPE_CHECKING

MODULES = ("op", "order", "value")
RECORD = "compiled_from.txt"
FOLDER = Path(__file__).parent


def fingerprint() -> str:
    """Return a hash of the source of the compiled modules; the build writes it into ``RECORD``."""
    return source_hash(b"".join((FOLDER / f"{name}.py").read_bytes() for name in MODULES)).hex()


def _choose() -> bool:
    record = FOLDER / RECORD
    if (
        os.environ.get("TINYGRAD_EDU_INTERPRETED")
        or not record.exists()
        or record.read_text() != fingerprint()
    ):
        # From here on, imports from this folder look for source files only.
        sys.path_importer_cache[str(FOLDER)] = FileFinder(str(FOLDER), (SourceFileLoader, SOURCE_SUFFIXES))
    found = find_spec("tinygrad_edu.value")
    return found is not None and str(found.origin).endswith(tuple(EXTENSION_SUFFIXES))


COMPILED = _choose()
"""Whether the compiled engine runs."""

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr as mypyc_attr
else:

    def mypyc_attr(**hints):
        """Tell mypyc how to compile a class; to Python it says nothing."""
        return lambda cls: cls
