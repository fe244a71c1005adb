"""Placeholders of hand-written SQL."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorm.db.execution import classify
from dorm.db.placeholders import check, column_hints, count, translate


@pytest.mark.parametrize(
    ("sql", "params", "qmark", "fmt", "values"),
    [
        ("a = %s AND b = %s", [1, 2], "a = ? AND b = ?", "a = %s AND b = %s", [1, 2]),
        ("a = ? AND b = ?", (1, 2), "a = ? AND b = ?", "a = %s AND b = %s", [1, 2]),
        ("a = %(x)s OR b = %(x)s", {"x": 1, "unused": 2}, "a = ? OR b = ?", "a = %s OR b = %s", [1, 1]),
        ("a = $2 AND b = $1", [1, 2], "a = ? AND b = ?", "a = %s AND b = %s", [2, 1]),
        ("a LIKE '50%%' AND b = %s", [1], "a LIKE '50%' AND b = ?", "a LIKE '50%%' AND b = %s", [1]),
        ("a %% 2 = %s", [1], "a % 2 = ?", "a %% 2 = %s", [1]),
        ("x = '%s ? $1 ''%s' AND b = %s", [1], "x = '%s ? $1 ''%s' AND b = ?", "x = '%%s ? $1 ''%%s' AND b = %s", [1]),
        ('"we?ird%s" = ? -- why?\n', [1], '"we?ird%s" = ? -- why?\n', '"we?ird%%s" = %s -- why?\n', [1]),
        ("/* ? %s */ a = ?", [1], "/* ? %s */ a = ?", "/* ? %%s */ a = %s", [1]),
        (
            "a = $tag$ ? $1 $tag$ AND b = $$?$$ AND c = ?",
            [1],
            None,
            "a = $tag$ ? $1 $tag$ AND b = $$?$$ AND c = %s",
            [1],
        ),
        (r"x = E'it\'s %s ? \\' AND b = %s", [1], None, r"x = E'it\'s %%s ? \\' AND b = %s", [1]),
        (r"x = e'a''%s\'' AND b = %s", [1], None, r"x = e'a''%%s\'' AND b = %s", [1]),
        # without the E a backslash is a character like any other
        (r"x = 'a\' AND b = %s", [1], r"x = 'a\' AND b = ?", r"x = 'a\' AND b = %s", [1]),
        (r"date'2024' = %s", [1], r"date'2024' = ?", r"date'2024' = %s", [1]),
        ("data ? 'key' AND id = %s", [1], None, "data ? 'key' AND id = %s", [1]),
        ("name LIKE ?||'%'", ["a"], "name LIKE ?||'%'", "name LIKE %s||'%%'", ["a"]),
    ],
)
def test_every_style_on_every_driver(sql: str, params: Any, qmark: str | None, fmt: str, values: list[Any]) -> None:
    if qmark is not None:
        assert translate(sql, params, "qmark") == (qmark, values)
    assert translate(sql, params, "format") == (fmt, values)


@pytest.mark.parametrize("params", [None, [], (), {}])
def test_without_parameters_the_text_is_sent_as_it_is(params: Any) -> None:
    for style in ("qmark", "format"):
        assert translate("a LIKE 'A%' AND b %% 2 = 0", params, style) == ("a LIKE 'A%' AND b %% 2 = 0", None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sql", "params", "words"),
    [
        ("", None, "empty"),
        ("  ", [1], "empty"),
        ("a = %s", [1, 2], "1 placeholders, but 2"),
        ("a = %s AND b = %s", [1], "2 placeholders, but 1"),
        ("a = %s", [], "no parameters"),
        ("a = 1", [1], "0 placeholders, but 1"),
        ("a = %(x)s", {"y": 1}, "lack 'x'"),
        ("a = %(x)s", [1], "mapping"),
        ("a = %s", {"x": 1}, "mapping"),
        ("a = %s AND b = %(x)s", [1], "mixes"),
        ("a = %s", "x", "not text"),
    ],
)
def test_wrong_calls_are_explained(sql: str, params: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(sql, params)


def test_counting() -> None:
    assert count("SELECT ?, ?, '?'") == 2
    assert count("SELECT $1, $3") == 3
    assert count("SELECT %(a)s, %(a)s, %(b)s") == 2
    assert count("SELECT 1") == 0


@given(st.lists(st.sampled_from(["%s", "'a%%b?'", '"x?"', " ", "a", "--?\n", "%%"]), max_size=20))
def test_the_number_of_markers_survives(pieces: list[str]) -> None:
    sql = "SELECT " + " ".join(pieces)
    wanted = pieces.count("%s")
    assert count(sql) == wanted
    if wanted:
        text, values = translate(sql, list(range(wanted)), "format")
        assert text.replace("%%", "").count("%s") == wanted
        assert values == list(range(wanted))


@pytest.mark.parametrize(
    ("sql", "hints"),
    [
        ("SELECT 1 FROM u WHERE password = ? AND n > ?", ("password ", "n ")),
        ('UPDATE u SET "api_token" = ?, x = ? WHERE id IN (?)', ("api_token ", "x ", "")),
        ("SELECT ?", ("",)),
        ("SELECT 1 WHERE a = ? || b", ("",)),
    ],
)
def test_a_parameter_is_about_its_column_and_the_rest_of_the_text(sql: str, hints: tuple[str, ...]) -> None:
    found = column_hints(sql, "qmark")
    assert tuple(hint.partition("SELECT")[0].partition("UPDATE")[0] for hint in found) == hints
    assert all("password" not in hint for hint in found[1:])
    assert len(column_hints(sql.replace("?", "%s"), "format")) == len(hints)


def test_marks_that_nobody_closes_cost_no_more_than_their_length() -> None:
    for mark in ("/*", "'", '"', "$a$", "%(", "E'\\", "$", "--", "a=", "(", "$$ "):
        sql = "SELECT " + mark * 100_000
        count(sql)
        column_hints(sql, "format")
        classify(sql)
    sql = " ".join(f"$t{number}$" for number in range(50_000))
    assert count(sql) == 0


@pytest.mark.parametrize("sql", ["SELECT 1 /*", "SELECT 1 /*/", "/* a */ SELECT 1 /* b", "SELECT " + "/*" * 100_000])
def test_a_comment_that_nobody_closes_is_refused(sql: str) -> None:
    for params in (None, [1]):
        with pytest.raises(ValueError, match="comment that is not closed"):
            check(sql, params)


@pytest.mark.parametrize("sql", ["SELECT 1 /**/", "SELECT '/*'", 'SELECT "/*"', "SELECT 1 -- /*", "/* /* */ SELECT 1"])
def test_what_only_looks_like_an_open_comment_is_not(sql: str) -> None:
    check(sql, None)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("select 1", "read"),
        ("  -- note\n (SELECT 1)", "read"),
        ("/* x */ WITH a AS (SELECT 1) SELECT * FROM a", "read"),
        ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", "write"),
        ("EXPLAIN SELECT 1", "read"),
        ("EXPLAIN ANALYZE DELETE FROM t", "write"),
        ("PRAGMA journal_mode", "read"),
        ("PRAGMA journal_mode = WAL", "other"),
        ("INSERT INTO t VALUES (1)", "write"),
        ("create table t (a int)", "ddl"),
        ("COMMIT", "control"),
        ("CALL something()", "other"),
    ],
)
def test_hand_written_statements_are_classified(sql: str, kind: str) -> None:
    assert classify(sql) == kind
