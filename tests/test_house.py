"""The order of the house: who imports whom, what an import loads, and that the public is described."""

import ast
import builtins
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tinygrad_edu

PACKAGE = Path(tinygrad_edu.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# A module imports only from floors below its own; the parts of a package such as draw share one.
FLOORS = {
    **dict.fromkeys(["engine", "term"], -1),
    **dict.fromkeys(["checks", "files", "names", "op", "order"], 0),
    "ops": 1,
    "value": 2,
    **dict.fromkeys(["datasets", "expression", "gradient", "losses", "module", "notation", "optim"], 3),
    "three_layer": 3,
    **dict.fromkeys(["callbacks", "graph", "nn"], 4),
    **dict.fromkeys(["derivation", "reasons", "train"], 5),
    **dict.fromkeys(["layers", "plots"], 6),
    **dict.fromkeys(["draw", "explain", "train_command"], 7),
    "__init__": 8,
    "__main__": 9,
}
# The ways up: a Value shows itself as a picture in a notebook; the type of what is walked.
UPWARDS = {("value", "draw"), ("order", "value")}


def top(module: Path) -> str:
    """Return the name of a module, or of the package inside tinygrad_edu that it is part of."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of the package that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports in full: from tinygrad_edu.engine.rules import ..."
            package, _, rest = (node.module or "").partition(".")
            if package == "tinygrad_edu":
                yield from [rest.split(".")[0]] if rest else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "tinygrad_edu":
                    yield (alias.name.split(".") + ["__init__"])[1]


def parse(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


every_module = pytest.mark.parametrize(
    "module", MODULES, ids=lambda module: module.relative_to(PACKAGE).as_posix()
)


@every_module
def test_a_module_imports_from_below_only(module: Path) -> None:
    ours = top(module)
    assert ours in FLOORS, "give the new module a floor"
    for theirs in imported(parse(module)):
        # A name that is no module, as in `from tinygrad_edu import Value`, comes from __init__.
        floor = FLOORS.get(theirs, FLOORS["__init__"])
        assert ours == theirs or floor < FLOORS[ours] or (ours, theirs) in UPWARDS, f"{ours} imports {theirs}"


def test_the_reader_of_imports_reads_them() -> None:
    source = """
import math, tinygrad_edu.value
from tinygrad_edu import ops
def f():
    from tinygrad_edu.see.draw.dot import x
    import tinygrad_edu
"""
    assert list(imported(ast.parse(source))) == ["value", "ops", "draw", "__init__"]


def test_importing_loads_the_standard_library_only() -> None:
    program = "import sys; before = set(sys.modules); import tinygrad_edu; print(*set(sys.modules) - before)"
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    ).stdout
    loaded = {name.split(".")[0] for name in output.split()}
    assert "tinygrad_edu" in loaded
    compiled = {name for name in loaded if name.endswith("__mypyc")}  # what the compiled modules share
    assert loaded - compiled - sys.stdlib_module_names == {"tinygrad_edu"}


def described(scope: ast.Module | ast.ClassDef, of: str) -> Iterator[tuple[str, bool]]:
    """Yield the public names of a module or class, and whether this definition of it has a docstring."""
    yield of, ast.get_docstring(scope) is not None
    for node in scope.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            name = f"{of}.{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from described(node, name)
            else:
                yield name, ast.get_docstring(node) is not None


@every_module
def test_all_that_is_public_is_described(module: Path) -> None:
    definitions = list(described(parse(module), module.stem))
    missing = {name for name, _ in definitions} - {name for name, found in definitions if found}
    assert not missing


def test_the_public_names_exist_and_shadow_no_builtin() -> None:
    assert all(hasattr(tinygrad_edu, name) for name in tinygrad_edu.__all__)
    assert not set(tinygrad_edu.__all__) & set(dir(builtins))


def test_the_design_names_every_module() -> None:
    design = PACKAGE.parent / "docs" / "design.md"
    if not design.exists():
        pytest.skip("the documents stand beside the source only, and this is an installed package")
    missing = [
        top(module) for module in MODULES if f"`{top(module)}" not in design.read_text(encoding="utf-8")
    ]
    assert set(missing) <= {"__init__"}
