"""Fixtures of the whole suite: `database`, `mode`, `queries`, and the runner of ``async def`` tests.

    async def test_something(database, mode):   # 2 databases x 3 modes
    def test_something(database):               # 2 databases, plain code
    async def test_something(mode): ...         # 3 modes, no database configured
    async def test_something(): ...             # under asyncio.run

``pytestmark = pytest.mark.models([Author, Book])`` makes the tables (a list, because pytest takes a single class for
something to decorate); ``@pytest.mark.only("postgresql")`` restricts the
databases. A test may take 60 seconds; ``@pytest.mark.timeout(seconds)`` changes that.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from typing import Any

import pytest

from support.databases import MISSING, VENDORS, TestDatabase, empty, postgresql_of_this_run, sweep

# Everything a test may turn, at its resting place.
KNOBS: dict[str, Any] = {
    "DATABASE_ROUTERS": [],
    "CACHES": {},
    "DEBUG": False,
    "DEBUG_NPLUSONE": False,
    "SLOW_QUERY_MS": 500.0,
    "SLOW_QUERY_EXPLAIN": False,
    "READ_AFTER_WRITE_WINDOW": 3.0,
    "USE_TZ": False,
    "TIME_ZONE": "UTC",
    "RETRY_ATTEMPTS": 3,
    "RETRY_BACKOFF": 0.1,
    "ASYNC_LAZY": "warn",
}
MODES = ("sync", "async", "inline")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Spread a test over the databases it is meant for, and over the three modes."""
    if "database" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("only")
        wanted = marker.args if marker else VENDORS
        metafunc.parametrize("database", list(wanted), indirect=True)
    if "mode" in metafunc.fixturenames:
        metafunc.parametrize("mode", list(MODES), indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an ``async def`` test in its mode; leave the others to pytest."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or pyfuncitem.get_closest_marker("asyncio"):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    body = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
    mode = pyfuncitem.funcargs.get("mode")
    if mode is None:
        asyncio.run(body)
    else:
        mode.run(body)
    return True


def pytest_unconfigure(config: pytest.Config) -> None:
    """The workers of an interrupted run are ended before they could tidy up, so the process that started them does."""
    if not hasattr(config, "workerinput"):
        sweep()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One loud line when half of the suite did not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    missing = [reason for reason in reasons if MISSING in reason]
    if missing:
        line = f"{len(missing)} tests did not run, {missing[0].removeprefix('Skipped: ')}"
        terminalreporter.write_line(line, red=True, bold=True)


@pytest.fixture(scope="session")
def postgresql_state(pytestconfig: pytest.Config) -> Any:
    """The entry of this run's database, or the reason why there is none."""
    stack = contextlib.ExitStack()
    # After the last test rather than as a part of it: dropping a database waits for a checkpoint of the server, which on
    # a busy machine takes longer than a test may.
    pytestconfig.add_cleanup(stack.close)
    return stack.enter_context(postgresql_of_this_run())


@pytest.fixture
def postgresql_entry(postgresql_state: Any) -> dict[str, Any]:
    """The entry of this run's PostgreSQL database; skips the test, or fails it under CI, when there is no server."""
    if isinstance(postgresql_state, str):
        text = f"{MISSING}: {postgresql_state}; DORM_TEST_POSTGRES_HOST, _PORT, _USER, _PASSWORD and _DB name another"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(text, pytrace=False)
        pytest.skip(text)
    return dict(postgresql_state)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    """An empty database behind the alias ``default``, with the tables of the ``models`` marker."""
    import dorm

    if request.param == "sqlite":
        entry = {"ENGINE": "sqlite", "NAME": str(tmp_path / "test.sqlite3")}
    else:
        entry = request.getfixturevalue("postgresql_entry")
    database = TestDatabase(request.param, entry)
    empty(database)
    dorm.configure(DATABASES={"default": dict(entry)}, **KNOBS)
    try:
        marker = request.node.get_closest_marker("models")
        if marker is not None:
            dorm.create_tables(*flat(marker.args))
        yield database
    finally:
        close_everything()
        dorm.configure(**KNOBS)


def flat(given: tuple[Any, ...]) -> list[Any]:
    """The classes of a `models` marker, given as a list or one by one."""
    return [model for one in given for model in (one if isinstance(one, list | tuple) else [one])]


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> Any:
    """How this run of the test talks to the library; see `support.modes`."""
    from support.modes import Mode

    return Mode(request.param)


@pytest.fixture
def queries() -> Any:
    """``with queries() as log:`` collects the statements of a block; see `support.querylog`."""
    from support.querylog import logged_queries

    return logged_queries


def close_everything() -> None:
    """Close the connections of every alias, sync and async."""
    from dorm.db.connection import close_all, close_all_async

    close_all()
    asyncio.run(close_all_async())
