"""Errors of drivers as errors of the library."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

import dorm
from dorm import exceptions
from dorm.db.connection import get_connection

TABLES = (
    """CREATE TABLE parents (id INTEGER PRIMARY KEY, email TEXT NOT NULL, code TEXT, UNIQUE (email, code),
    CONSTRAINT positive CHECK (id > 0))""",
    "CREATE TABLE children (parent_id INTEGER REFERENCES parents (id))",
)


@pytest.fixture(autouse=True)
def tables(database: Any) -> None:
    for table in TABLES:
        database.run(table)
    database.run("INSERT INTO parents VALUES (1, 'a', 'b')")


@pytest.mark.parametrize(
    ("statement", "kind", "state", "table", "columns"),
    [
        ("INSERT INTO parents VALUES (2, 'a', 'b')", "UniqueViolation", "23505", "parents", ("email", "code")),
        ("INSERT INTO parents VALUES (1, 'x', 'y')", "UniqueViolation", "23505", "parents", ("id",)),
        ("INSERT INTO parents VALUES (3, NULL, 'b')", "NotNullViolation", "23502", "parents", ("email",)),
        ("INSERT INTO parents VALUES (-1, 'n', 'n')", "CheckViolation", "23514", None, ()),
        ("INSERT INTO children VALUES (99)", "ForeignKeyViolation", "23503", None, ()),
    ],
)
async def test_violations_name_what_was_violated(
    database: Any, mode: Any, statement: str, kind: str, state: str, table: str | None, columns: tuple[str, ...]
) -> None:
    with pytest.raises(getattr(dorm, kind)) as caught:
        await mode.settle(mode.connection().execute_write(statement))
    error = caught.value
    assert isinstance(error, dorm.IntegrityError)
    assert error.sqlstate == state
    if table is not None:
        assert error.table == table
        assert error.columns == columns
    if kind == "CheckViolation":
        assert error.constraint == "positive"
    assert type(error.__cause__).__module__.startswith(("sqlite3", "psycopg"))


async def test_a_missing_table_is_named_with_the_next_step(database: Any, mode: Any) -> None:
    with pytest.raises(dorm.OperationalError, match=r"'missing' does not exist.*dorm.create_tables\(\)"):
        await mode.settle(mode.connection().execute("SELECT * FROM missing"))


@pytest.mark.parametrize("statement", ["SELECT later FROM parents", "INSERT INTO parents (later) VALUES (1)"])
async def test_a_missing_column_is_named_with_the_next_step(database: Any, mode: Any, statement: str) -> None:
    with pytest.raises(
        dorm.ProgrammingError, match=r"later.*dorm.create_tables\(\) leaves existing tables.*ALTER TABLE"
    ):
        await mode.settle(mode.connection().execute(statement))


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT nonsense FROM parents"])
async def test_wrong_sql_is_a_programming_error(database: Any, mode: Any, statement: str) -> None:
    with pytest.raises(exceptions.ProgrammingError):
        await mode.settle(mode.connection().execute(statement))


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT 1 / 0", exceptions.DataError),
        ("SELECT 'x'::integer", exceptions.DataError),
        ("SELECT nofunction()", exceptions.ProgrammingError),
    ],
)
async def test_values_and_names_are_told_apart(database: Any, mode: Any, statement: str, kind: Any) -> None:
    with pytest.raises(kind):
        await mode.settle(mode.connection().execute(statement))


@pytest.mark.only("postgresql")
async def test_a_statement_timeout_is_a_cancelled_query_and_is_not_retried(
    database: Any, mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with mode.atomic():
        await mode.settle(mode.connection().execute("SET LOCAL statement_timeout = 20"))
        with pytest.raises(dorm.QueryCanceled):
            async with mode.atomic():
                await mode.settle(mode.connection().execute("SELECT pg_sleep(5)"))
    assert caplog.text == ""


@pytest.mark.only("postgresql")
async def test_lock_and_serialization_errors_have_classes(database: Any) -> None:
    other = psycopg.connect(
        host=database.entry["HOST"],
        port=database.entry["PORT"],
        user=database.entry["USER"],
        password=database.entry["PASSWORD"] or None,
        dbname=database.entry["NAME"],
    )
    with other:
        other.execute("UPDATE parents SET code = 'c'")
        with pytest.raises(dorm.LockNotAvailable):
            get_connection().execute("SELECT * FROM parents FOR UPDATE NOWAIT")
        with pytest.raises(dorm.SerializationFailure), dorm.transaction.atomic():
            get_connection().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            get_connection().execute("SELECT * FROM parents")
            other.commit()
            get_connection().execute_write("UPDATE parents SET code = 'd'")


async def test_no_error_of_sqlalchemy_leaves_the_library(database: Any, mode: Any) -> None:
    import sqlalchemy as sa

    from dorm.db import bridge
    from dorm.db.sessions import session

    def work() -> None:
        with session().sa_connection() as connection:
            connection.execute(sa.text("INSERT INTO parents VALUES (1, 'x', 'y')"))

    def nonsense() -> None:
        with session().sa_connection() as connection:
            sa.Table("nowhere", sa.MetaData(), autoload_with=connection)

    for function, kind in ((work, dorm.UniqueViolation), (nonsense, dorm.OperationalError)):
        with pytest.raises(kind):
            function() if mode.sync else await bridge.run_async(function)
    assert database.count("parents") == 1


@pytest.mark.only("postgresql")
async def test_values_of_the_row_stay_out_of_the_message(database: Any, mode: Any) -> None:
    for statement in ("INSERT INTO parents VALUES (4, NULL, 'hush')", "INSERT INTO parents VALUES (5, 'a', 'b')"):
        with pytest.raises(dorm.IntegrityError) as caught:
            await mode.settle(mode.connection().execute_write(statement))
        assert "hush" not in str(caught.value)
        assert "Failing row" not in str(caught.value)


@pytest.mark.only("sqlite")
async def test_a_path_that_cannot_be_opened_is_an_operational_error(database: Any, mode: Any) -> None:
    dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": "/nonexistent/folder/x.db"}})
    with pytest.raises(dorm.OperationalError, match="unable to open"):
        await mode.settle(mode.connection().execute("SELECT 1"))
