"""What is public says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from support.source import SourceFile, package_files, report

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Hooks that classes of SQLAlchemy document.
DOCUMENTED_ELSEWHERE = {
    "bind_processor", "cache_ok", "coerce_compared_value", "copy", "get_col_spec", "impl", "literal_processor",
    "load_dialect_impl", "process_bind_param", "process_result_value", "python_type", "result_processor",
}  # fmt: skip


def undocumented(file: SourceFile) -> Iterator[str]:
    if not ast.get_docstring(file.tree) and file.text.strip():
        yield f"{file.name}: the module"
    yield from members(file, file.tree, "")


def members(file: SourceFile, parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for node in parent.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not excused(node, parent):
            yield f"{file.place(node)}: {prefix}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from members(file, node, f"{prefix}{node.name}.")


def excused(node: ast.ClassDef | Function, parent: ast.Module | ast.ClassDef) -> bool:
    """Overloads repeat a signature; one statement says what it does; an override is documented where it is declared."""
    if isinstance(node, ast.ClassDef):
        return False
    decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    if decorators & {"overload", "override", "setter"} or len(node.body) == 1:
        return True
    return isinstance(parent, ast.ClassDef) and bool(parent.bases) and node.name in declared()


@cache
def declared() -> frozenset[str]:
    """The names of methods that some class documents."""
    documented = {
        node.name
        for file in package_files()
        for parent in ast.walk(file.tree)
        if isinstance(parent, ast.ClassDef)
        for node in parent.body
        if isinstance(node, Function) and ast.get_docstring(node)
    }
    return frozenset(documented | DOCUMENTED_ELSEWHERE)


def test_everything_public_has_a_docstring():
    found = [line for file in package_files() for line in undocumented(file)]
    assert not found, report(found)
