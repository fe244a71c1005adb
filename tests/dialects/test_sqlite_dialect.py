"""What SQLite connections are given."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dorm.conf.entries import normalise
from dorm.dialects import features_for, features_of, for_engine, sqlite, sqlite_functions
from dorm.dialects.sqlite_links import Stream, single_statement
from dorm.exceptions import ImproperlyConfigured


@pytest.fixture
def connection() -> Any:
    made = sqlite3.connect(":memory:")
    sqlite_functions.register(made)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("dorm_lower('ÄÖÜß')", "äöüß"),
        ("dorm_upper('straße')", "STRASSE"),
        ("'Straße' REGEXP '^Str'", 1),
        ("'Straße' REGEXP '^str'", 0),
        ("dorm_iregexp('^str', 'Straße')", 1),
        ("123 REGEXP '2'", 1),
        ("power(2, 10)", 1024),
        ("mod(7, 3)", 1),
        ("mod(-7, 3)", -1),
        ("mod(7, 0)", None),
        ("ln(0)", None),
        ("log(2, 8)", 3.0),
        ("ceil(1.2)", 2),
        ("floor(-1.2)", -2),
        ("sqrt(9)", 3.0),
        ("sqrt(-1)", None),
        ("exp(0)", 1.0),
        ("sign(-3)", -1),
        ("lpad('7', 3, '0')", "007"),
        ("rpad('abcdef', 3, ' ')", "abc"),
    ],
)
def test_functions(connection: Any, expression: str, result: Any) -> None:
    value = connection.execute(f"SELECT {expression}").fetchone()[0]
    assert value == (pytest.approx(result) if isinstance(result, float) else result)


@pytest.mark.parametrize("name", [name for name, arguments, _ in sqlite_functions.FUNCTIONS if arguments == 1])
def test_null_in_null_out(connection: Any, name: str) -> None:
    assert connection.execute(f"SELECT {name}(NULL)").fetchone()[0] is None


def test_aggregates(connection: Any) -> None:
    rows = "(SELECT 2 AS x UNION ALL SELECT 4 UNION ALL SELECT NULL UNION ALL SELECT 9)"
    found = connection.execute(
        f"SELECT var_pop(x), var_samp(x), stddev_pop(x), stddev_samp(x), bit_or(x), bit_and(x) FROM {rows}"
    ).fetchone()
    assert found == (
        pytest.approx(26 / 3),
        pytest.approx(13),
        pytest.approx(math.sqrt(26 / 3)),
        pytest.approx(math.sqrt(13)),
        15,
        0,
    )
    assert connection.execute("SELECT var_pop(x), var_samp(x) FROM (SELECT 1 AS x WHERE 0)").fetchone() == (None, None)


def entry(tmp_path: Path, **options: Any) -> Any:
    return normalise("default", {"ENGINE": "sqlite", "NAME": str(tmp_path / "x.db"), "OPTIONS": options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"journal_mode": "WAL; DROP TABLE x"}, "journal_mode.*DELETE, TRUNCATE, PERSIST, MEMORY, WAL, OFF"),
        ({"jurnal_mode": "WAL"}, "no option 'jurnal_mode'. Did you mean 'journal_mode'"),
        ({"timeout": "soon"}, "timeout must be a number"),
        ({"transaction_mode": "eager"}, "transaction_mode.*IMMEDIATE"),
    ],
)
def test_wrong_options_are_refused_before_a_file_appears(tmp_path: Path, options: Any, words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        sqlite.Connector(entry(tmp_path, **options))
    assert list(tmp_path.iterdir()) == []


def test_options_reach_the_connection(tmp_path: Path) -> None:
    connector = sqlite.Connector(entry(tmp_path, journal_mode="wal", timeout=1.5, transaction_mode="deferred"))
    assert connector.begin == "BEGIN DEFERRED"
    fairy = connector.engine().raw_connection()
    link = connector.link(fairy)
    assert link.fetch("PRAGMA journal_mode", None) == [("wal",)]
    assert link.fetch("PRAGMA foreign_keys", None) == [(1,)]
    assert link.fetch("PRAGMA busy_timeout", None) == [(1500,)]
    assert link.concurrent_reads
    link.close()
    fairy.invalidate()


@pytest.mark.parametrize(
    ("script", "single"),
    [
        ("SELECT 1", True),
        ("SELECT ';'", True),
        ("SELECT 1; -- end ; of it", True),
        ("SELECT 1; /* ; */ ;", True),
        ("SELECT 1; SELECT 2", False),
        ("CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; SELECT 2; END", True),
    ],
)
def test_scripts_of_one_statement_are_recognised(script: str, single: bool) -> None:
    assert single_statement(script) is single


def test_a_stream_keeps_every_kind_of_value() -> None:
    connection = sqlite3.connect(":memory:")
    values = [(1, None, 1.5, "text \x00 ü", b"\x00\xff", 2**62)] * 5
    connection.execute("CREATE TABLE t (a, b, c, d, e, f)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", values)
    stream = Stream(connection.execute("SELECT * FROM t"), 2, held=False)
    first = stream.next()
    assert stream.detached
    connection.execute("DELETE FROM t")
    assert [*first, *stream.next(), *stream.next(), *stream.next()] == values
    stream.close()
    connection.close()


def test_records_are_found_by_name_and_by_dialect() -> None:
    assert features_for("sqlite").vendor == "sqlite"
    assert features_of(for_engine("sqlite").sqlalchemy_dialect()) is features_for("sqlite")
    assert features_of(for_engine("postgresql").sqlalchemy_dialect()) is features_for("postgresql")
    with pytest.raises(ImproperlyConfigured, match="sqlite, postgresql"):
        for_engine("oracle")
