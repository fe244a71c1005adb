"""Which rooms of the package each test file exercises, measured: ``pytest -p support.exercised -n 0 -k sync``.

Writes ``{room: {test file: share of the room's functions that ran in its tests}}`` as JSON to the file that the variable
DORM_EXERCISED names. ``nox -s rooms`` compares that with the table in ``tests/house/rooms.py``.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType

import pytest

from support.source import PACKAGE, ROOT, functions, package_files

_called: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
_here = str(PACKAGE)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With DORM_EXERCISED_SAMPLE=3, three tests of each file are enough."""
    most = int(os.environ.get("DORM_EXERCISED_SAMPLE", "0"))
    if most:
        of_file: dict[Path, list[pytest.Item]] = defaultdict(list)
        for item in items:
            of_file[item.path].append(item)
        items[:] = [item for some in of_file.values() for item in some[:: max(1, len(some) // most)][:most]]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    file = item.path.relative_to(ROOT / "tests").as_posix()
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if code not in seen:
            seen.add(code)
            if code.co_filename.startswith(_here):
                _called[file].add((code.co_filename, code.co_name, code.co_firstlineno))

    sys.settrace(note)
    threading.settrace(note)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]


def pytest_sessionfinish() -> None:
    shares: dict[str, dict[str, float]] = {}
    for file in package_files():
        lines = {node.name for node in functions(file.tree)} | {
            "<lambda>" for node in ast.walk(file.tree) if isinstance(node, ast.Lambda)
        }
        if not lines:
            continue
        ran = {
            test: {name for place, name, _ in called if place == str(file.path)} & lines
            for test, called in _called.items()
        }
        shares[file.name] = {test: round(len(names) / len(lines), 3) for test, names in ran.items() if names}
    Path(os.environ["DORM_EXERCISED"]).write_text(json.dumps(shares, indent=1, sort_keys=True), encoding="utf-8")
