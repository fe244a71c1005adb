"""What a dialect says it can do is asked for somewhere, and nobody asks for what no dialect says."""

from __future__ import annotations

import ast
from dataclasses import fields

from dorm.dialects import Features
from support.source import package_files, report

NAMES = {field.name for field in fields(Features)}


def _reads() -> dict[str, list[str]]:
    """Name -> the places outside of dialects that read it of a record of features."""
    found: dict[str, list[str]] = {}
    for file in package_files():
        if file.name.startswith("dialects/"):
            continue
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Attribute) and _is_record(node.value):
                found.setdefault(node.attr, []).append(file.place(node))
    return found


def _is_record(node: ast.expr) -> bool:
    text = ast.unparse(node)
    return text == "features" or text.endswith((".features", "['features']"))


def test_every_feature_is_read():
    unread = NAMES - set(_reads())
    assert not unread, f"No one asks for these: {', '.join(sorted(unread))}"


def test_only_features_that_exist_are_read():
    unknown = {name: places for name, places in _reads().items() if name not in NAMES}
    assert not unknown, report([f"{name}: {', '.join(places)}" for name, places in unknown.items()])


def test_what_a_database_cannot_do_is_said_with_its_name():
    """By the name that messages use: that of its features, or the one that its spelling was made with."""
    found = [
        f"{file.place(node)}: {ast.unparse(node.args[0])}"
        for file in package_files()
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "UnsupportedFeature"
        and not ast.unparse(node.args[0]).endswith(("features.display_name", "self.database"))
    ]
    assert not found, report(found)


def test_features_are_not_read_by_text():
    """``getattr(features, "name")`` may ask for what does not exist, and no checker sees it."""
    found = [
        f"{file.place(node)}: {ast.unparse(node)}"
        for file in package_files()
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"getattr", "hasattr"}
        and _is_record(node.args[0])
    ]
    assert not found, report(found)
