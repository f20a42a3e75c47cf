"""Mutation testing: change one sign, number or comparison of a module at a time; some test must fail.

``python .ci/mutate.py tinygrad_edu/engine/rules.py tests/test_rules.py`` prints what no test noticed. The
mutants are cosmic-ray's (``pip install cosmic-ray``). For each a process is forked that has pytest and the
oracles loaded, so that a mutant costs a second or two. It runs the engine in Python. Where all tests take
long, those named after the function that was changed come first. docs/testing.md says what survived and why.
"""

import argparse
import ast
import difflib
import importlib.machinery
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis  # noqa: F401
import mpmath  # noqa: F401
import numpy  # noqa: F401
import pytest
import sympy  # noqa: F401
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

LEFT_OUT = ("Bit", "Shift", "Mod", "Pow", "FloorDiv", "_Is", "NoOp", "RemoveDecorator", "ExceptionReplacer")
"""Operators whose mutants of arithmetic with floats raise at once, or are hardly ever a mistake."""

SECONDS = 100
"""The processor time after which a mutant that does not end counts as noticed."""


class Meaning(ast.NodeTransformer):
    """Takes out of a module what is no arithmetic: annotations, and the star before parameters."""

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        node.args = node.posonlyargs + node.args + node.kwonlyargs
        node.defaults += [default for default in node.kw_defaults if default]
        node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def meaning(source: str) -> str:
    """Return what tells two sources apart that do different things; "" for one that is no Python."""
    try:
        return ast.dump(Meaning().visit(ast.parse(source)))
    except SyntaxError:
        return ""


def mutants(source: str) -> Iterator[str]:
    """Yield the source of a module with one change each."""
    seen = {meaning(source), meaning(""), ""}
    for name in operator_names():
        operator_class = get_operator(name)
        if operator_class.arguments() or any(part in name for part in LEFT_OUT):
            continue
        places = sum(
            1 for node in ast_nodes(get_ast(source)) for _ in operator_class().mutation_positions(node)
        )
        for place in range(places):
            mutant = mutate_code(source, operator_class(), place)
            meant = meaning(mutant or "")
            if meant not in seen:
                seen.add(meant)
                yield mutant


def changed_line(source: str, mutant: str) -> int:
    """Return the number of the first line that differs, from 0."""
    pairs = enumerate(zip(source.splitlines(), mutant.splitlines(), strict=False))
    return next(number for number, (before, after) in pairs if before != after)


def name_at(source: str, line: int) -> str:
    """Return the name of the innermost function or assignment that a line belongs to, to select tests by."""
    name = ""
    for node in ast.walk(ast.parse(source)):  # outer nodes first
        if hasattr(node, "lineno") and node.lineno <= line + 1 <= node.end_lineno:
            if isinstance(node, ast.FunctionDef):
                name = node.name
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and not name:
                name = node.targets[0].id
    return name.strip("_")


def passes(path: Path, mutant: str, options: list[str]) -> bool:
    """Return whether pytest passes with the mutant in place of the module."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    get_code = importlib.machinery.SourceFileLoader.get_code

    def mutated(loader: importlib.machinery.SourceFileLoader, name: str) -> object:
        own = Path(loader.path) == path
        return compile(mutant, loader.path, "exec") if own else get_code(loader, name)

    importlib.machinery.SourceFileLoader.get_code = mutated
    try:
        code = int(pytest.main([*options, "-x", "-q", "--assert=plain", "-o", "addopts="]))
    except BaseException:
        code = 1
    os._exit(0 if code == 5 else code)  # 5: no test has this name


def main() -> None:
    """Print every mutant that survives, and how many were tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--lines", default="1-100000", help="try only mutants of these lines, as 10-20")
    parser.add_argument("--skip", type=int, default=0, help="how many mutants an earlier run has tried")
    parser.add_argument("--count", action="store_true", help="only count the mutants")
    arguments = parser.parse_args()
    os.environ |= {"TINYGRAD_EDU_PURE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sys.dont_write_bytecode = False  # each process would compile everything anew
    sys.path.insert(0, str(Path.cwd()))
    path, source = arguments.module.resolve(), arguments.module.read_text(encoding="utf-8")
    first, last = map(int, arguments.lines.split("-"))
    tried = survived = 0
    start = os.times().children_user
    if not arguments.count and not passes(path, source, arguments.tests):
        raise SystemExit("the tests fail without a change: mend that first")
    is_slow = os.times().children_user - start > 5
    for mutant in mutants(source):
        line = changed_line(source, mutant)
        if not first <= line + 1 <= last:
            continue
        tried += 1
        if not tried % 50:
            print(f"{tried} tried", file=sys.stderr, flush=True)
        if arguments.count or tried <= arguments.skip:
            continue
        name = name_at(source, line)
        if name and is_slow and not passes(path, mutant, [*arguments.tests, "-k", name]):
            continue
        if passes(path, mutant, arguments.tests):
            survived += 1
            diff = difflib.unified_diff(source.splitlines(), mutant.splitlines(), n=0, lineterm="")
            print(
                line + 1, *[each for each in diff if each[:3] not in ("---", "+++")][1:], sep="\n", flush=True
            )
    print(f"{arguments.module}: {tried} mutants, {survived} survived")


if __name__ == "__main__":
    main()
