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

# The rooms of the house, each above those before it. What stands at the door are the networks.
ROOMS = ["_common", "engine", "program", "see", "the door", "course", "commands"]


def dotted(module: Path) -> str:
    """Return the name by which a module is imported."""
    parts = [PACKAGE.name, *module.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts).removesuffix(".__init__")


NAMES = {dotted(module): module for module in MODULES}


def room(name: str) -> int:
    """Return which room a module stands in, as its place in ``ROOMS``."""
    inside = name.split(".")[1] if "." in name else ""
    if name in (PACKAGE.name, f"{PACKAGE.name}.__main__"):
        return len(ROOMS)  # the roof: it may import everything
    return ROOMS.index(inside if inside in ROOMS else "the door")


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of the package that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports in full: from tinygrad_edu.engine.rules import ..."
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                name = inner if inner in NAMES else node.module or ""
                if name.split(".")[0] == PACKAGE.name:
                    yield name
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE.name)


def parse(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


every_module = pytest.mark.parametrize(
    "module", MODULES, ids=lambda module: module.relative_to(PACKAGE).as_posix()
)


ARROWS = {name: set(imported(parse(module))) for name, module in NAMES.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_module_imports_from_its_room_and_from_rooms_below(name: str) -> None:
    assert not [theirs for theirs in ARROWS[name] if room(theirs) > room(name)]


def test_no_modules_import_each_other_in_a_circle() -> None:
    # A package's own __init__ is run before its modules whoever asks for them: no arrow of its own.
    free = {name: {theirs for theirs in arrows if theirs in NAMES} for name, arrows in ARROWS.items()}
    while leaves := {name for name, arrows in free.items() if not arrows}:
        free = {name: arrows - leaves for name, arrows in free.items() if name not in leaves}
    assert not free


def test_the_reader_of_imports_reads_them() -> None:
    source = """
import math, tinygrad_edu.engine.value
from tinygrad_edu.engine import rules
def f():
    from tinygrad_edu.engine.op import Op
    import tinygrad_edu
"""
    assert [*imported(ast.parse(source))] == [
        "tinygrad_edu.engine.value",
        "tinygrad_edu.engine.rules",
        "tinygrad_edu.engine.op",
        "tinygrad_edu",
    ]


def test_importing_loads_the_standard_library_only() -> None:
    program = "import sys; before = set(sys.modules); import tinygrad_edu; print(*set(sys.modules) - before)"
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    ).stdout
    loaded = {name.split(".")[0] for name in output.split()}
    assert "tinygrad_edu" in loaded
    assert loaded - sys.stdlib_module_names == {"tinygrad_edu"}


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
    text = design.read_text(encoding="utf-8")
    names = {module.relative_to(PACKAGE).parts[0].removesuffix(".py") for module in MODULES}
    assert {name for name in names - {"__init__", "_common"} if f"`{name}" not in text} == set()
