"""A private name belongs to the file that defines it. Other files use what a room offers; this number only falls."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from support.source import SourceFile, package_files, report

MOST = 35
"""Reads of private attributes of other files' objects. There were 107 when they were first counted."""

PROMISED = frozenset({"_meta", "_state", "_default_manager", "_base_manager"})
"""Names that Django promises to everybody, with an underscore."""

OF_TUPLES = frozenset({"_replace", "_asdict", "_fields", "_make"})


def test_private_attributes_of_other_files_become_fewer():
    found = sorted(foreign_private_reads())
    assert len(found) <= MOST, report(found)
    assert len(found) > MOST - 4, f"lower MOST to {len(found)}"


def test_no_private_name_is_imported_from_another_file():
    found = [
        f"{file.place(node)}: {alias.name}"
        for file in package_files()
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "dorm"
        for alias in node.names
        if alias.name.startswith("_")
    ]
    assert not found, report(found)


def foreign_private_reads() -> Iterator[str]:
    """Attributes that begin with an underscore, of something other than ``self``, defined in other files of the package.

    Private names of other packages are not counted: their own files say why they are used.
    """
    defined = {file: defined_names(file) for file in package_files()}
    anywhere = frozenset().union(*defined.values())
    for file in package_files():
        for node in ast.walk(file.tree):
            if (
                isinstance(node, ast.Attribute)
                and node.attr.startswith("_")
                and not node.attr.startswith("__")
                and node.attr not in PROMISED | OF_TUPLES
                and node.attr in anywhere - defined[file]
                and not is_own(node.value)
            ):
                yield f"{file.place(node)}: {ast.unparse(node)}"


def defined_names(file: SourceFile) -> frozenset[str]:
    """Functions, classes, variables, and attributes of ``self`` and ``cls`` that a file defines."""
    found: set[str] = set()
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node.value):
            found.add(node.attr)
    return frozenset(found)


def is_own(node: ast.expr) -> bool:
    """Whether an expression is ``self``, ``cls`` or ``super()``."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")
