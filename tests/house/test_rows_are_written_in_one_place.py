"""Statements that write rows are sent by a few functions of ``query/write``, which run inside ``written`` alone."""

from __future__ import annotations

import ast

from support.source import package_files, report

SENDING = {"run", "run_many", "fetch_returning"}
SENDERS = {
    "query/write/row_writes.py",
    "query/write/state_writes.py",
    "query/write/inserts.py",
    "query/write/computed_inserts.py",
}
"""Where statements are sent. Above the connections (``db``) nobody else sends one that writes."""


def test_nobody_else_sends_a_statement_that_writes():
    found = [
        file.place(node)
        for file in package_files()
        if file.name.startswith(("query/", "models/", "meta/", "cache/", "contrib/")) and file.name not in SENDERS
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in SENDING
        and "session" in ast.unparse(node.func.value)
    ]
    assert not found, report(found)


def test_every_public_function_of_that_place_goes_through_written():
    (file,) = [file for file in package_files() if file.name == "query/write/row_writes.py"]
    functions = {node.name: node for node in file.tree.body if isinstance(node, ast.FunctionDef)}
    calls = {
        name: {ast.unparse(inner.func) for inner in ast.walk(node) if isinstance(inner, ast.Call)}
        for name, node in functions.items()
    }

    def goes_through(name: str, seen: frozenset[str] = frozenset()) -> bool:
        called = calls.get(name, set())
        return "written" in called or any(
            goes_through(other, seen | {name}) for other in called & functions.keys() - seen - {name}
        )

    describing = {"assigned_state", "without_key"}
    bare = [name for name in functions if name[0] != "_" and name not in describing and not goes_through(name)]
    assert bare == []


def test_statements_that_are_sent_are_handed_to_written():
    """A function that sends one is called by nobody directly but the others that send."""
    (file,) = [file for file in package_files() if file.name == "query/write/row_writes.py"]
    sending = {
        node.name
        for node in file.tree.body
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(inner, ast.Attribute) and inner.attr in SENDING for inner in ast.walk(node))
    } | {"_insert_rows"}
    called = [
        file.place(inner)
        for node in file.tree.body
        if isinstance(node, ast.FunctionDef) and node.name not in sending
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) in sending
    ]
    assert sending >= {"_insert_one", "_update_by_key", "_delete_one", "_update_each"}
    assert not called, report(called)
