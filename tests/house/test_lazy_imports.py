"""A lazy import obeys the rules of an import: it names a module that exists, below, and type checkers see it."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

from support.source import PACKAGE, SourceFile, package_files, report

MODULES = {file.module for file in package_files()}
CONTRACTS = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


class Lazy(NamedTuple):
    """One name that a file takes from a module when it is first used; ``name`` is None for a module handed on."""

    file: SourceFile
    node: ast.Call
    module: str
    name: str | None

    def __str__(self) -> str:
        return f"{self.file.place(self.node)}: {self.module}"


def test_a_lazy_import_names_a_module_of_the_package_or_of_python():
    known = MODULES | sys.stdlib_module_names
    unknown = [str(lazy) for lazy in lazy_imports() if lazy.module not in known]
    assert not unknown, report(unknown)


def test_a_lazy_import_goes_down_the_layers():
    upward = [
        f"{lazy} is above {lazy.file.module}"
        for lazy in lazy_imports()
        if lazy.name is not None and climbs(lazy.file.module, lazy.module)
    ]
    assert not upward, report(upward)


def test_type_checkers_see_what_a_lazy_import_names():
    unseen = [
        str(lazy) for lazy in lazy_imports() if lazy.name and lazy.module not in seen(lazy.file).get(lazy.name, ())
    ]
    assert not unseen, report(unseen)


def test_a_lazy_name_of_a_package_is_the_one_that_type_checkers_see():
    """Runs for every package whose names load when they are asked for."""
    for file in package_files():
        for call in calls(file, "lazy_names"):
            table = ast.literal_eval(call.args[1])
            named = {name for names in table.values() for name in names}
            checked = set(seen(file))
            assert named == checked, f"{file.name}: {sorted(named ^ checked)}"
            for module in table:
                assert module in MODULES, f"{file.name}: {module}"


def climbs(importer: str, imported: str) -> bool:
    """Whether a contract of import-linter has ``imported`` above ``importer``."""
    for contract in CONTRACTS:
        for container in contract.get("containers", ()):
            heights = {
                name.strip(" ()"): height
                for height, layer in enumerate(reversed(contract["layers"]))
                for name in layer.split(":")
            }
            ends = [heights.get(part(name, container), 0) for name in (importer, imported)]
            if all(name.startswith(f"{container}.") for name in (importer, imported)) and ends[0] < ends[1]:
                return True
    return False


def part(module: str, container: str) -> str:
    return module.removeprefix(f"{container}.").partition(".")[0]


def lazy_imports() -> Iterator[Lazy]:
    for file in package_files():
        names = {
            id(node.value): node.targets[0].id
            for node in ast.walk(file.tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for call in calls(file, "lazy_import"):
            yield Lazy(file, call, ast.literal_eval(call.args[0]), names.get(id(call)))


def calls(file: SourceFile, function: str) -> Iterator[ast.Call]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            yield node


def seen(file: SourceFile) -> dict[str, set[str]]:
    """Per name that a file imports for type checkers alone, the modules it may be: ``package.name`` or ``module``."""
    found: dict[str, set[str]] = {}
    for block in file.tree.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for node in block.body:
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        found.setdefault(alias.asname or alias.name, set()).add(f"{node.module}.{alias.name}")
                elif isinstance(node, ast.Import):
                    for alias in node.names:
                        found.setdefault(alias.asname or alias.name, set()).add(alias.name)
    return found
