"""Hand-written SQL without what changes from call to call."""

from __future__ import annotations

import pytest

from dorm.db.execution import Statement
from dorm.db.normalised import normalised

SAME = [
    ("SELECT 1", "select 2", "select  -- one\n 3;"),
    ("SELECT * FROM a WHERE x IN (1)", "select * from a where x in (%s, %s,%s)", "select * from a where x in (?, 'a')"),
    ("SELECT 'it''s'", "SELECT E'it\\'s'", "SELECT $tag$ it's $tag$", "SELECT $$x$$", "SELECT %(name)s", "SELECT $1"),
    ("SELECT 1.5e-3", "SELECT .5", "SELECT 0x1F", "SELECT 1_000"),
    ("INSERT INTO t (a, b) VALUES (1, 2)", "insert into t(a,b) values (?, ?), (?, ?), (3, 'x')"),
    ("SELECT a FROM t WHERE b = -5", "SELECT a FROM t WHERE b = 5"),
    ("SAVEPOINT one", "savepoint two", 'SAVEPOINT "three 3"'),
    ("ROLLBACK TO SAVEPOINT one", "ROLLBACK TO SAVEPOINT two"),
    ("RELEASE SAVEPOINT one", "RELEASE SAVEPOINT two"),
    ("SELECT x::int /* a comment */", "select X :: INT"),
]
APART = [
    ('SELECT "A"', 'SELECT "a"', "SELECT a"),
    ("SELECT a", "SELECT b", "SELECT a1", "SELECT a2"),
    ("SELECT a - 5", "SELECT a"),
    ("SELECT f(1)", "SELECT f(1, 2)"),
    ("COMMIT", "ROLLBACK", "SAVEPOINT a", "RELEASE SAVEPOINT a"),
    ("SELECT a, b", "SELECT a"),
]


@pytest.mark.parametrize("texts", SAME, ids=lambda texts: texts[0])
def test_texts_that_ask_the_same_are_the_same(texts):
    assert len({normalised(text) for text in texts}) == 1
    assert len({Statement(text).identity for text in texts}) == 1


@pytest.mark.parametrize("texts", APART, ids=lambda texts: texts[0])
def test_texts_that_ask_for_something_else_are_not(texts):
    assert len({normalised(text) for text in texts}) == len(texts)
    assert len({Statement(text).identity for text in texts}) == len(texts)


@pytest.mark.parametrize("text", ["'", '"', "/*", "$$", "$a$ x", "E'\\", "SELECT '", "", ";;", "\x00", "(" * 500])
def test_text_that_is_no_sql_does_no_harm(text):
    assert isinstance(normalised(text), str)


def test_no_value_is_left():
    text = "SELECT 'secret' , 12345, E'secret', $$secret$$, /* secret */ :x -- secret"
    assert normalised(text) == "select ? , ? , ? , ? , ?"
