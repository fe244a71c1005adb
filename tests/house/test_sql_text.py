"""SQL is written by SQLAlchemy's compiler and in ``dialects/``: nobody else takes its text apart or spells it out.

What ``db/`` does to text is about statements that users wrote by hand: which kind they are, what in them is masked.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dorm

ROOT = Path(dorm.__file__).parent
WRITTEN_BY_USERS = ("db", "cli", "dialects", "testing", "inspection")
FILES = sorted(p for p in ROOT.rglob("*.py") if p.relative_to(ROOT).parts[0] not in WRITTEN_BY_USERS)

TEXTS = {"string", "sql"}
"""Attributes that hold the text of a statement."""
CUTS = {
    "split",
    "rsplit",
    "partition",
    "rpartition",
    "replace",
    "removeprefix",
    "removesuffix",
    "find",
    "rfind",
    "index",
}
SEARCHES = {"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
SPELLED = re.compile(r"(SELECT|INSERT INTO|UPDATE|DELETE FROM|VALUES|WITH) ?(\S|$)")

ALLOWED = {"expressions/values.py": "RawSQL holds SQL that a user wrote by hand; its placeholders become parameters"}
"""``file: reason`` of exceptions."""


def is_text(node: ast.AST) -> bool:
    """``x.string``, ``x.sql``, or ``str()`` of what ``compile()`` made."""
    if isinstance(node, ast.Attribute):
        return node.attr in TEXTS
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str"):
        return False
    return any(isinstance(part, ast.Attribute) and part.attr == "compile" for part in ast.walk(node))


def surgery(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The lines that take the text of a statement apart, or spell one."""
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_text(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def holds_text(node: ast.AST) -> bool:
        return is_text(node) or (isinstance(node, ast.Name) and node.id in names)

    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in CUTS and holds_text(node.func.value):
                yield node.lineno, "cuts"
            if node.func.attr in SEARCHES and any(holds_text(given) for given in node.args):
                yield node.lineno, "searches"
        elif isinstance(node, ast.Subscript) and holds_text(node.value):
            yield node.lineno, "slices"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            if SPELLED.match(node.value) and " " in node.value:
                yield node.lineno, "spells"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("compiled.string.split('x')", ["cuts"]),
        ("text = str(element.compile(dialect=d))\ntext.removeprefix('x')", ["cuts"]),
        ("PATTERN.search(statement.sql)", ["searches"]),
        ("text = compiled.string\ntext[2:]", ["slices"]),
        ("f'UPDATE {table} SET a = 1'", ["spells"]),
        ("sql = 'INSERT INTO t VALUES (1)'", ["spells"]),
        ("Statement(compiled.string, 'read')", []),
        ("scope.compile_subquery(state).sql", []),
        ("verb = 'UPDATE'", []),
    ],
)
def test_surgery_is_recognized(source, found):
    assert [kind for _, kind in surgery(ast.parse(source))] == found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_text_of_a_statement_is_the_compilers(path):
    name = str(path.relative_to(ROOT))
    found = [f"{line}: {kind}" for line, kind in surgery(ast.parse(path.read_text()))]
    assert bool(found) == (name in ALLOWED), f"{name} takes SQL apart or spells it: {found}"
