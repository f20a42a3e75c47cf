"""The engine: the table of operations, Value and its passes, derivatives.

Start with rules.py, op.py and value.py.
"""

import os
import sys

if os.environ.get("TINYGRAD_EDU_PURE"):
    sys.modules["tinygrad_edu.engine._engine"] = None  # type: ignore[assignment]  # its import is an ImportError
