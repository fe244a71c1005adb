"""Imports stand at the top of a module, where the layers can be seen. Optional packages go through one helper."""

from __future__ import annotations

import ast

from support.source import functions, package_files, report

# file: why it imports inside functions.
ALLOWED = {
    "utils/optional.py": "the helper for optional packages",
    "db/bridge.py": "greenlet is loaded when the first async verb runs, not before",
}


def test_no_function_imports():
    found = sorted(
        {
            f"{file.place(node)} in {function.name}(): {ast.unparse(node)}"
            for file in package_files()
            if file.name not in ALLOWED
            for function in functions(file.tree)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
    )
    assert not found, report(found)


def test_no_imports_by_name_elsewhere():
    """``importlib.import_module`` inside the package: settings that name classes, and the optional helper."""
    allowed = {
        "utils/optional.py": "the helper",
        "utils/lazy.py": "the helper for what loads when it is first used; test_lazy_imports.py knows its uses",
        "utils/imports.py": "dotted paths that users write in their settings",
        "conf/discovery.py": "the user's settings module",
        "dialects/registry.py": "the dialect that the settings name; others stay unloaded",
        "db/routers.py": "routers named in the settings",
    }
    found = [
        file.place(node)
        for file in package_files()
        if file.name not in allowed
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"import_module", "importlib.import_module", "__import__"}
    ]
    assert not found, report(found)


def test_modules_of_the_package_do_not_import_the_public_package():
    """``import dorm`` from inside is a circle; only what stands on the public names may do it."""
    surface = ("contrib/", "cli/", "testing/", "__main__.py")
    found = [
        f"{file.place(node)}: {ast.unparse(node)}"
        for file in package_files()
        if not file.name.startswith(surface)
        for node in ast.walk(file.tree)
        if (isinstance(node, ast.Import) and any(alias.name == "dorm" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "dorm" and node.level == 0 and reaches_in(node))
    ]
    assert not found, report(found)


def reaches_in(node: ast.ImportFrom) -> bool:
    """``from dorm import exceptions`` names a module and is fine; ``from dorm import Model`` names the public package."""
    modules = {file.module.partition(".")[2] for file in package_files()}
    return any(alias.name not in modules for alias in node.names)
