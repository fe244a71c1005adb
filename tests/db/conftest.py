"""What tests of the connection layer share: statements in either placeholder, run in the mode of the test."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dorm.db import bridge, engines
from dorm.db.execution import Statement, classify
from dorm.db.sessions import session


class Sql:
    """Hand-made statements on the session of the current scope; ``?`` marks a parameter on both databases."""

    def __init__(self, mode: Any, vendor: str) -> None:
        self._mode = mode
        self._vendor = vendor

    def statement(self, sql: str, columns: tuple[str | None, ...] = ()) -> Statement:
        text = sql.replace("?", "%s") if self._vendor == "postgresql" else sql
        return Statement(text, classify(text), columns)

    async def work(self, function: Callable[..., Any], *args: Any) -> Any:
        """Synchronous code in the mode of the test."""
        if self._mode is None or self._mode.sync:
            return function(*args)
        return await bridge.run_async(function, *args)

    async def fetch(self, sql: str, *params: Any, alias: str = "default") -> list[tuple[Any, ...]]:
        return await self.work(lambda: session(alias).fetch(self.statement(sql), params))

    async def value(self, sql: str, *params: Any, alias: str = "default") -> Any:
        return (await self.fetch(sql, *params, alias=alias))[0][0]

    async def run(self, sql: str, *params: Any, alias: str = "default") -> int:
        return await self.work(lambda: session(alias).run(self.statement(sql), params))


@pytest.fixture
def sql(request: pytest.FixtureRequest, database: Any) -> Sql:
    """Statements against ``database``; needs the table ``things (id, name)``, which exists and is empty."""
    database.run("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")
    mode = request.getfixturevalue("mode") if "mode" in request.fixturenames else None
    return Sql(mode, database.vendor)


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program in a process of its own, where every warning is an error."""
    source = str(Path(engines.__file__).parents[2])

    def run(code: str, *flags: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *(flags or ("-W", "error")), "-c", textwrap.dedent(code)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": source},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
