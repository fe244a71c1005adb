"""In ``query/`` an object's attributes are set by its own methods, or by the function that makes it: what one stage hands to
the next is a value that stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import dorm

ROOT = Path(dorm.__file__).parent / "query"

ALLOWED = {
    "hooks": "constraints get their compiler from the layer above them, once, at import",
    "make": "likewise the types of results",
    "plan.used": "the cache's own mark on what it holds",
    "candidate.used": "the cache's own mark on what it holds",
    "method": "a function made from another one takes its name",
    "row._state": "an instance's state, which the verbs that write rows keep",
    "state": "an instance's state, which the verbs that write rows keep",
    "made._state": "an instance's state, which the verbs that write rows keep",
    "registry.compiled": "a registry holds the plans of its models, and knows no query",
    "plans.uncacheable": "a counter",
    "source.lines": "generated code grows by lines",
    "twin()": "the class of a copied instance",
}
"""``object`` or ``object.attribute``: why others may set it."""


def targets_of(node: ast.AST) -> list[ast.expr]:
    """What a statement assigns to, tuples taken apart."""
    if isinstance(node, ast.Assign):
        found = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        found = [node.target]
    else:
        return []
    return [part for target in found for part in (target.elts if isinstance(target, ast.Tuple) else [target])]


def is_new(node: ast.AST) -> bool:
    """``object.__new__(…)`` or a call of a class: an object that the function makes."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("__new__", "type") or name[:1].isupper()


def strangers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The lines that set an attribute of an object which is neither ``self`` nor made there, and what they set."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            continue
        own = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and is_new(node.value)
            for target in targets_of(node)
            if isinstance(target, ast.Name)
        } | {"self", "cls"}
        if isinstance(function, ast.Module):
            statements: Iterator[ast.AST] = iter(function.body)
        else:
            statements = ast.walk(function)
        for node in statements:
            for target in targets_of(node):
                if not isinstance(target, ast.Attribute):
                    continue
                if not (isinstance(target.value, ast.Name) and target.value.id in own):
                    yield node.lineno, ast.unparse(target)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(self): self.a = 1", []),
        ("def f(x): x.a = 1", ["x.a"]),
        ("def f(x): x.a.b += 1", ["x.a.b"]),
        ("def f(self): self.a.b = 1", ["self.a.b"]),
        ("def f():\n    x = Thing()\n    x.a = 1", []),
        ("def f():\n    x = object.__new__(Thing)\n    x.a, y = 1, 2", []),
        ("def f():\n    x = thing()\n    x.a, y.b = 1, 2", ["x.a", "y.b"]),
        ("x.a = 1", ["x.a"]),
    ],
)
def test_strangers_are_recognized(source, found):
    assert [what for _, what in strangers(ast.parse(source))] == found


def is_allowed(what: str) -> bool:
    return any(what == name or what.startswith(f"{name}.") for name in ALLOWED)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_attributes_are_set_by_their_own_objects(path):
    found = {f"{line}: {what}" for line, what in strangers(ast.parse(path.read_text())) if not is_allowed(what)}
    assert not found, f"{path.relative_to(ROOT)} sets attributes of other objects: {sorted(found)}"


def test_every_exception_is_needed():
    set_somewhere = {what for path in ROOT.rglob("*.py") for _, what in strangers(ast.parse(path.read_text()))}
    unused = [name for name in ALLOWED if not any(w == name or w.startswith(f"{name}.") for w in set_somewhere)]
    assert not unused
