"""A caught error is translated, counted or raised again; it is never swallowed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from support.source import SourceFile, package_files, report

BROAD = {"Exception", "BaseException"}

# "file:function": why this handler may end without raising.
ALLOWED = {
    "db/slow.py:explain": "the plan of a slow statement is a courtesy; without one the log says why",
    "db/transactions.py:run_callbacks": "a callback that fails is logged, and the others still run",
}


def broad_handlers(file: SourceFile) -> Iterator[tuple[str, ast.ExceptHandler]]:
    """Every handler of everything, with the innermost function around it."""

    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, ast.ExceptHandler]]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            if isinstance(child, ast.ExceptHandler) and is_broad(child):
                yield f"{file.name}:{function}", child
            yield from walk(child, inner)

    yield from walk(file.tree, "<module>")


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(name, ast.Name) and name.id in BROAD for name in names)


def raises(handler: ast.ExceptHandler) -> bool:
    """Raised again, or handed on: stored, passed to a function, thrown into a coroutine. A line in the log is neither."""
    return any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Name) and node.id == handler.name)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".throw"))
        for node in outside_of_logging(handler)
    )


def outside_of_logging(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and ast.unparse(child.func).startswith(("logger.", "logging.")):
            continue
        yield child
        yield from outside_of_logging(child)


def test_nothing_is_caught_without_a_class():
    bare = [
        file.place(node)
        for file in package_files()
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not bare, report(bare)


def test_broad_handlers_raise_again_or_have_a_reason():
    found = [
        f"{file.place(handler)} in {where.partition(':')[2]}()"
        for file in package_files()
        for where, handler in broad_handlers(file)
        if not raises(handler) and where not in ALLOWED
    ]
    assert not found, report(found)


def test_every_allowed_place_still_exists():
    places = {where for file in package_files() for where, handler in broad_handlers(file) if not raises(handler)}
    assert set(ALLOWED) <= places


def test_errors_are_not_suppressed_wholesale():
    """``contextlib.suppress(Exception)`` is a broad handler in disguise."""
    found = [
        file.place(node)
        for file in package_files()
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("suppress")
        and any(isinstance(given, ast.Name) and given.id in BROAD for given in node.args)
    ]
    assert not found, report(found)
