"""Only `dialects/` knows which database it talks to; everyone else asks the `Features` record."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from support.source import SourceFile, package_files, report

VENDORS = {
    "sqlite", "sqlite3", "postgresql", "postgres", "psycopg", "mysql", "mariadb", "oracle", "mssql", "duckdb", "cockroachdb",
}  # fmt: skip
ASKS = {"vendor", "dialect_name", "engine_name"}

# file: why it may compare. Nothing else is allowed to join this table without one.
ALLOWED: dict[str, str] = {}


def comparisons(file: SourceFile) -> Iterator[str]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(names_a_vendor(side) or asks_for_the_vendor(side) for side in sides):
                yield f"{file.place(node)}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in {"startswith", "endswith"} and any(names_a_vendor(given) for given in node.args):
                yield f"{file.place(node)}: {ast.unparse(node)}"
        elif isinstance(node, ast.MatchValue) and names_a_vendor(node.value):
            yield f"{file.place(node.value)}: case {ast.unparse(node.value)}"


def names_a_vendor(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value.lower() in VENDORS
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(names_a_vendor(element) for element in node.elts)
    return False


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


def test_vendor_names_are_compared_in_dialects_only():
    found = [
        line
        for file in package_files()
        if not file.name.startswith("dialects/") and file.name not in ALLOWED
        for line in comparisons(file)
    ]
    assert not found, report(found)
