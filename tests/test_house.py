"""What CONTRIBUTING says of the house: lengths of modules and functions, numbers of parameters, imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "simulator"
SOURCES = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.py")) if "gallery" not in path.parts}
TREES = {path: ast.parse(source) for path, source in SOURCES.items()}

#: Lines of a module, and of a function without its docstring; parameters of a function, and of a kernel.
MODULE, FUNCTION, PARAMETERS, OF_KERNEL = 350, 60, 12, 16
#: Rooms whose functions are short.
SHORT = ("engines", "core", "stats", "planning")
KERNELS = {"kernel", "formula", "passage"}
#: Percent of the lines that are imports, less than.
IMPORTS = 7.0


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def functions():
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield path, node


def lines_of(node: ast.FunctionDef) -> int:
    said = ast.get_docstring(node, clean=False)
    return node.end_lineno - node.lineno + 1 - (len(said.splitlines()) if said else 0)


def imports_of(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]


def test_modules_are_short():
    assert [name_of(path) for path, source in SOURCES.items() if len(source.splitlines()) > MODULE] == []


def test_functions_are_short():
    long = [
        f"{name_of(path)}.{node.name}: {lines_of(node)}"
        for path, node in functions()
        if path.relative_to(PACKAGE).parts[0] in SHORT and lines_of(node) > FUNCTION
    ]
    assert long == []


def test_functions_have_few_parameters():
    def most(node: ast.FunctionDef) -> int:
        marks = {mark.id for mark in node.decorator_list if isinstance(mark, ast.Name)}
        return OF_KERNEL if marks & KERNELS else PARAMETERS

    many = [
        f"{name_of(path)}.{node.name}"
        for path, node in functions()
        if len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]) > most(node)
    ]
    assert many == []


def test_few_lines_are_imports():
    lines = sum(len(source.splitlines()) for source in SOURCES.values())
    imports = sum(node.end_lineno - node.lineno + 1 for tree in TREES.values() for node in imports_of(tree))
    assert 100 * imports / lines < IMPORTS


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """What each module imports of the package, wherever in it."""
    names = {name_of(path) for path in TREES}
    graph = {}
    for path, tree in TREES.items():
        found = set()
        for node in imports_of(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif node.module is not None:
                modules = {f"{node.module}.{alias.name}" for alias in node.names} & names
                found |= modules or {node.module}
        graph[name_of(path)] = (found & names) - {name_of(path)}
    return graph


def test_no_module_imports_in_a_circle(imported):
    left = dict(imported)
    while True:
        free = {name for name, others in left.items() if not others & set(left)}
        if not free:
            break
        left = {name: others for name, others in left.items() if name not in free}
    assert left == {}
