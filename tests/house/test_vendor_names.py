"""Only `dialects/` knows which database it talks to; everyone else asks the `Features` record or the spelling."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from support.source import PACKAGE, SourceFile, package_files, report

VENDORS = (
    "sqlite", "sqlite3", "pysqlite", "aiosqlite", "postgresql", "postgres", "psycopg", "mysql", "mariadb", "oracle", "mssql",
    "duckdb", "cockroachdb",
)  # fmt: skip
# "sqlite", "sqlite_where", "postgresql+psycopg"; not "PostgreSQL", which messages and docstrings may name
NAME = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(VENDORS)})(?![A-Za-z])")
# POSTGRESQL, SQLITE_TYPES, sqlite_version, SQLiteLink
WORD = re.compile(rf"(?:{'|'.join(VENDORS)})", re.IGNORECASE)
ASKS = {"vendor", "dialect_name", "engine_name"}

# file: the constant, and why it may stand there. Nothing else is allowed to join this table without a reason.
ALLOWED: dict[str, dict[str, str]] = {
    "conf/settings.py": {"ENGINE": "an example in a message"},
    "db/engines.py": {"ENGINE": "an example in a message"},
    "db/bridge.py": {"sqlite": "the extra of the distribution that brings greenlet along"},
}


def findings(file: SourceFile) -> Iterator[str]:
    texts = docstrings(file.tree)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            if NAME.search(node.value) and not excused(file, node.value):
                yield f"{file.name}:{node.lineno}: {node.value!r}"
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if WORD.search(name):
                yield f"{file.name}:{node.lineno}: {name}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            module = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names = [*module, *(alias.name for alias in node.names)]
            if any(WORD.search(name) for name in names):
                yield f"{file.name}:{node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Compare) and any(asks_for_the_vendor(side) for side in (node.left, *node.comparators)):
            yield f"{file.name}:{node.lineno}: {ast.unparse(node)}"


def excused(file: SourceFile, text: str) -> bool:
    return any(known in text for known in ALLOWED.get(file.name, ()))


def docstrings(tree: ast.AST) -> set[int]:
    """The expressions that are nothing but a text: docstrings, and those behind attributes."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def asks_for_the_vendor(node: ast.expr) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    if node.attr in ASKS:
        return True
    return (
        node.attr == "name"
        and isinstance(node.value, ast.Name | ast.Attribute)
        and "dialect" in ast.unparse(node.value)
    )


def test_vendors_are_named_in_dialects_only():
    found = [line for file in package_files() if not file.name.startswith("dialects/") for line in findings(file)]
    assert not found, report(found)


def test_every_exception_is_needed():
    found = {file.name: file.text for file in package_files()}
    assert [name for name, texts in ALLOWED.items() for text in texts if text not in found[name]] == []


@pytest.mark.parametrize(
    "source",
    [
        "plain.with_variant(sa.Integer(), SQLITE)",
        'more = {f"{POSTGRESQL}_where": where}',
        'sa.Index("i", postgresql_where=1, **{"sqlite_where": 2})',
        'if features.vendor == "x": pass',
        "if dialect.name in known: pass",
        "from sqlalchemy.dialects import postgresql",
        "import psycopg",
        'SCHEMES = {"postgresql+psycopg": 1}',
        "ASYNC_SQLITE_CONNECTIONS = 8",
        "kinds = [sqlite3.Error]",
    ],
)
def test_a_vendor_is_found_however_it_is_named(source, monkeypatch):
    file = SourceFile(PACKAGE / "fields" / "columns.py")
    tree = ast.parse(source)
    monkeypatch.setattr(SourceFile, "tree", property(lambda _self: tree))
    assert list(findings(file))


@pytest.mark.parametrize(
    "source", ['"""On sqlite."""', 'raise ValueError("use PostgreSQL")', 'x = "postgresqlish"', "features.pooled"]
)
def test_what_readers_are_told_is_not_a_decision(source, monkeypatch):
    tree = ast.parse(source)
    monkeypatch.setattr(SourceFile, "tree", property(lambda _self: tree))
    assert not list(findings(SourceFile(PACKAGE / "fields" / "columns.py")))
