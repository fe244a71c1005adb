"""Which tests cover a room of the package: ``python tests/house/rooms.py query/compile/joins.py``.

A test file covers a room when it has the room's name (``dialects/sqlite_json.py``, ``tests/dialects/test_sqlite_json.py``), when
it imports the room, or when
`rooms.txt` says so: most behaviour is tested from outside, in files that are named for a behaviour.
``nox -s rooms`` runs the tests that `ELSEWHERE` names, and fails for one that does not exercise its room.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.source import ROOT, SourceFile, functions, package_files

TESTS = ROOT / "tests"
NOT_TESTED = {"examples", "support", "perf"}
"""Folders whose files say nothing about single rooms."""


def _elsewhere() -> dict[str, tuple[str, ...]]:
    lines = Path(__file__).with_name("rooms.txt").read_text(encoding="utf-8").splitlines()
    parted = (line.partition(": ") for line in lines if not line.startswith("#"))
    return {room: tuple(tests.split()) for room, _, tests in parted}


ELSEWHERE = _elsewhere()
"""Test files by room, for rooms that the rules do not find tests for."""


def rooms() -> list[SourceFile]:
    """The modules in which something runs: not those that hold names, declarations or protocols only."""
    return [
        file for file in package_files() if file.path.name != "__init__.py" and any(map(runs, functions(file.tree)))
    ]


def runs(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function has a body: more than a docstring, an ellipsis, or the error of a method that is to be overridden."""
    return any(not isinstance(node, ast.Expr | ast.Pass | ast.Raise) for node in function.body)


@cache
def test_files() -> tuple[Path, ...]:
    return tuple(
        path for path in sorted(TESTS.rglob("test_*.py")) if path.relative_to(TESTS).parts[0] not in NOT_TESTED
    )


@cache
def imports_of(path: Path) -> frozenset[str]:
    """The dotted names that a test file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def by_rule(room: SourceFile) -> Iterator[str]:
    """The test files that have the room's name, in the folder of its layer, and those that import it."""
    for path in test_files():
        place = path.relative_to(TESTS)
        of_its_layer = place.parts[:-1] in ((room.name.partition("/")[0],), ())
        if room.module in imports_of(path) or (path.stem == f"test_{room.path.stem}" and of_its_layer):
            yield place.as_posix()


def tests_of(room: SourceFile) -> list[str]:
    """The test files of a room, below ``tests``."""
    return sorted({*by_rule(room), *ELSEWHERE.get(room.name, ())})


def not_exercised(measured: dict[str, dict[str, float]]) -> list[str]:
    """The entries of `ELSEWHERE` of which no function of the room ran, by what `support.exercised` has measured."""
    return [
        f"{room}: {test} does not exercise it"
        for room, tests in ELSEWHERE.items()
        for test in tests
        if room in measured and test not in measured[room]
    ]


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--measured"]:
        found = not_exercised(json.loads(Path(arguments[1]).read_text(encoding="utf-8")))
        print("\n".join(found) or "every test exercises its room")
        return bool(found)
    if arguments == ["--tests"]:
        print("\n".join(sorted({f"tests/{test}" for tests in ELSEWHERE.values() for test in tests})))
        return 0
    wanted = {name.removeprefix("djanorm/dorm/") for name in arguments}
    for file in rooms():
        if not wanted or file.name in wanted:
            print(f"{file.name}: {' '.join(f'tests/{name}' for name in tests_of(file))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
