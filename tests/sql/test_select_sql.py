"""Conditions, order, slices and columns as SQL, per database."""

from __future__ import annotations

from typing import Any

import pytest
from select_models import P, both, shared, text

from dorm import Case, F, Q, Value, When
from dorm.functions import Coalesce

ROW = 'SELECT "plain"."key", "plain"."n" FROM "plain"'
N = '"plain"."n"'
K = '"plain"."key"'

# the text after SELECT …, the letters of its parameters' types, and their values
SAME: dict[str, tuple[Any, str, str, tuple[Any, ...]]] = {
    "nothing": (P.all(), "", "", ()),
    "equal": (P.filter(n=5), f" WHERE {N} = ?", "n", (5,)),
    "equal to None": (P.filter(n=None), f" WHERE {N} IS NULL", "", ()),
    "different": (P.filter(n__ne=5), f" WHERE {N} != ?", "n", (5,)),
    "different from None": (P.filter(n__ne=None), f" WHERE {N} IS NOT NULL", "", ()),
    "excluded, nullable": (P.exclude(n=5), f" WHERE NOT (({N} = ?) AND {N} IS NOT NULL)", "n", (5,)),
    "excluded, never NULL": (P.exclude(key="a"), f" WHERE NOT ({K} = ?)", "t", ("a",)),
    "excluded None": (P.exclude(n=None), f" WHERE NOT ({N} IS NULL)", "", ()),
    "bounds": (P.filter(n__gt=1, n__lte=5), f" WHERE {N} > ? AND {N} <= ?", "nn", (1, 5)),
    "range": (P.filter(n__range=(1, 5)), f" WHERE {N} BETWEEN ? AND ?", "nn", (1, 5)),
    "out of an empty list": (P.exclude(n__in=[]), "", "", ()),
    "not NULL": (P.filter(n__isnull=False), f" WHERE {N} IS NOT NULL", "", ()),
    "too large": (P.filter(n__lt=2**70), f" WHERE {N} IS NOT NULL", "", ()),
    "and": (P.filter(Q(n=1) & Q(key="a")), f" WHERE {N} = ? AND {K} = ?", "nt", (1, "a")),
    "or": (P.filter(Q(n=1) | Q(key="a")), f" WHERE {N} = ? OR {K} = ?", "nt", (1, "a")),
    "or inside and": (
        P.filter(Q(n=1) | Q(n=2), key="a"),
        f" WHERE ({N} = ? OR {N} = ?) AND {K} = ?",
        "nnt",
        (1, 2, "a"),
    ),
    "not or": (
        P.filter(~(Q(n=1) | Q(key="a"))),
        f" WHERE NOT (({N} = ?) AND {N} IS NOT NULL OR {K} = ?)",
        "nt",
        (1, "a"),
    ),
    "an empty Q": (P.filter(Q()), "", "", ()),
    "a column": (P.filter(n__gt=F("n") + 1), f" WHERE {N} > ({N} + ?)", "n", (1,)),
    "order": (P.order_by("-n", "key"), f" ORDER BY {N} DESC, {K} ASC", "", ()),
    "order of NULL": (P.order_by(F("n").desc(nulls_last=True)), f" ORDER BY {N} DESC NULLS LAST", "", ()),
    "order of a value": (P.order_by(F("n") + 1), f" ORDER BY ({N} + ?) ASC", "n", (1,)),
    "reverse": (P.order_by("n", "-key").reverse(), f" ORDER BY {N} DESC, {K} ASC", "", ()),
    "the last order counts": (P.order_by("n").order_by("key"), f" ORDER BY {K} ASC", "", ()),
    "no order": (P.order_by("n").order_by(), "", "", ()),
    "middle": (P.all()[2:5], " LIMIT ? OFFSET ?", "nn", (3, 2)),
    "slice of a slice": (P.all()[5:20][2:4], " LIMIT ? OFFSET ?", "nn", (2, 7)),
    "alias": (P.alias(x=F("n") + 1).filter(x__gt=3), f" WHERE ({N} + ?) > ?", "nn", (1, 3)),
}


@pytest.mark.parametrize("name", SAME)
def test_conditions_orders_and_slices_read_alike_on_both_databases(name):
    queryset, tail, kinds, params = SAME[name]
    lite, postgres = shared(ROW + tail, kinds)
    assert both(queryset) == ((lite, params), (postgres, params))


COLUMNS: dict[str, tuple[Any, str, str, tuple[Any, ...]]] = {
    "values": (P.values("n"), f"SELECT {N}", "", ()),
    "distinct": (P.values("n").distinct(), f"SELECT DISTINCT {N}", "", ()),
    "expression": (P.values_list("key", x=F("n") * 2), f"SELECT {K}, {N} * ? AS c1", "n", (2,)),
    "annotation": (P.annotate(x=F("n") + 1), f"SELECT {K}, {N}, {N} + ? AS a0_2", "n", (1,)),
    "coalesce": (P.values_list(x=Coalesce("n", Value(0))), f"SELECT coalesce({N}, ?) AS c0", "n", (0,)),
    "case": (
        P.values_list(x=Case(When(n__gt=1, then=Value("a")), default=Value("b"))),
        f"SELECT CASE WHEN ({N} > ?) THEN ? ELSE ? END AS c0",
        "ntt",
        (1, "a", "b"),
    ),
    "only": (P.only("key"), f"SELECT {K}", "", ()),
    "defer": (P.defer("n"), f"SELECT {K}", "", ()),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_read_alike_on_both_databases(name):
    queryset, head, kinds, params = COLUMNS[name]
    lite, postgres = shared(f'{head} FROM "plain"', kinds)
    assert both(queryset) == ((lite, params), (postgres, params))


def test_what_nothing_matches_is_no_statement():
    for rows in (P.none(), P.filter(n__in=[]), P.filter(n=2**70), P.all()[3:3], P.filter(n__in=[None])):
        for use in ("rows", "count", "exists"):
            assert both(rows, use) == (("", ()), ("", ()))


# queryset, SQLite's WHERE and parameters, PostgreSQL's WHERE and parameters
DIFFERENT: dict[str, tuple[Any, str, tuple[Any, ...], str, tuple[Any, ...]]] = {
    "in": (
        P.filter(n__in=[1, 2]),
        f"{N} IN (SELECT anon_1.value FROM json_each(?) AS anon_1)",
        ("[1, 2]",),
        f"{N} = ANY (%b::BIGINT[])",
        ([1, 2],),
    ),
    "in, text": (
        P.filter(key__in=["a", 'b"']),
        f"{K} IN (SELECT anon_1.value FROM json_each(?) AS anon_1)",
        ('["a", "b\\""]',),
        f"{K} = ANY (%b::VARCHAR[])",
        (["a", 'b"'],),
    ),
    "not in": (
        P.exclude(n__in=[1]),
        f"NOT (({N} IN (SELECT anon_1.value FROM json_each(?) AS anon_1)) AND {N} IS NOT NULL)",
        ("[1]",),
        f"NOT (({N} = ANY (%b::BIGINT[])) AND {N} IS NOT NULL)",
        ([1],),
    ),
    "contains": (
        P.filter(key__contains="a%_\\"),
        f"instr({K}, ?) > 0",
        ("a%_\\",),
        f"{K} LIKE %s::VARCHAR ESCAPE '\\'",
        ("%a\\%\\_\\\\%",),
    ),
    "startswith": (
        P.filter(key__startswith="a"),
        f"substr({K}, 1, length(?)) = ?",
        ("a", "a"),
        f"{K} LIKE %s::VARCHAR ESCAPE '\\'",
        ("a%",),
    ),
    "icontains": (
        P.filter(key__icontains="a"),
        f"instr(dorm_lower({K}), dorm_lower(?)) > 0",
        ("a",),
        f"upper({K}) LIKE upper(%s::VARCHAR) ESCAPE '\\'",
        ("%a%",),
    ),
    "iexact": (P.filter(key__iexact="a"), f"dorm_lower({K}) = dorm_lower(?)", ("a",), f"upper({K}) = upper(%s::VARCHAR)", ("a",)),
    "regex": (P.filter(key__regex="^a"), f"regexp(?, {K}) = 1", ("^a",), f"{K} ~ %s::VARCHAR", ("^a",)),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_lists_and_text_are_spelled_per_database(name):
    queryset, lite, lite_params, postgres, postgres_params = DIFFERENT[name]
    assert both(queryset) == ((f"{ROW} WHERE {lite}", lite_params), (f"{ROW} WHERE {postgres}", postgres_params))


def test_a_long_list_is_one_parameter():
    (_, lite), (_, postgres) = both(P.filter(n__in=range(100_000)))
    assert (len(lite), len(postgres), len(postgres[0])) == (1, 1, 100_000)


def test_values_never_enter_the_text():
    hostile = "'; DROP TABLE plain; --"
    rows = P.filter(Q(key=hostile) | Q(key__contains=hostile) | Q(key__in=[hostile])).annotate(x=Value(hostile))
    for sql, _ in both(rows):
        assert "DROP" not in sql


def test_the_head_of_a_slice_has_no_offset_to_speak_of():
    (lite, lite_params), (postgres, postgres_params) = both(P.all()[:5])
    assert (lite, lite_params) == (f"{ROW} LIMIT ? OFFSET ?", (5, 0))
    assert (postgres, postgres_params) == (f"{ROW} LIMIT %s::BIGINT", (5,))


def test_the_tail_of_a_slice_is_unlimited():
    (lite, lite_params), (postgres, postgres_params) = both(P.all()[2:])
    assert (lite, lite_params) == (f"{ROW} LIMIT ? OFFSET ?", (-1, 2))
    assert (postgres, postgres_params) == (f"{ROW} LIMIT ALL OFFSET %s::BIGINT", (2,))


def test_xor_counts_what_holds():
    condition = f"((CASE WHEN (({N} = ?) AND {N} IS NOT NULL) THEN 1 ELSE 0 END + CASE WHEN ({K} = ?) THEN 1 ELSE 0 END) % 2) = 1"
    assert text(P.filter(Q(n=1) ^ Q(key="a")), "default") == (f"{ROW} WHERE {condition}", (1, "a"))


LOCKS = {
    "plain": ({}, " FOR UPDATE"),
    "skip": ({"skip_locked": True}, " FOR UPDATE SKIP LOCKED"),
    "nowait": ({"no_wait": True}, " FOR UPDATE NOWAIT"),
    "no key": ({"no_key": True}, " FOR NO KEY UPDATE"),
    "of": ({"of": ("self",)}, ' FOR UPDATE OF "plain"'),
}


@pytest.mark.parametrize("name", LOCKS)
def test_row_locks_are_postgresql_s(name):
    options, tail = LOCKS[name]
    assert text(P.select_for_update(**options), "postgres") == (ROW + tail, ())


def test_a_plain_lock_is_left_out_where_there_are_none_and_flags_are_refused():
    assert text(P.select_for_update(), "default") == (ROW, ())
    for options in ({"skip_locked": True}, {"no_wait": True}, {"no_key": True}, {"of": ("self",)}):
        with pytest.raises(NotImplementedError, match=next(iter(options))):
            text(P.select_for_update(**options), "default")


def test_distinct_on_is_postgresql_s():
    rows = P.order_by("n", "key").distinct("n")
    assert text(rows, "postgres") == (f'SELECT DISTINCT ON ({N}) {K}, {N} FROM "plain" ORDER BY {N} ASC, {K} ASC', ())
    with pytest.raises(NotImplementedError, match="DISTINCT ON"):
        text(rows, "default")


COUNTS: dict[str, tuple[Any, str, str, tuple[Any, ...]]] = {
    "all": (P.all(), 'SELECT count(*) AS count_1 FROM "plain"', "", ()),
    "ordered": (P.order_by("n"), 'SELECT count(*) AS count_1 FROM "plain"', "", ()),
    "annotated": (P.annotate(x=F("n") + 1), 'SELECT count(*) AS count_1 FROM "plain"', "", ()),
    "filtered": (P.filter(n=1), f'SELECT count(*) AS count_1 FROM "plain" WHERE {N} = ?', "n", (1,)),
    "sliced": (
        P.all()[2:5],
        f'SELECT count(*) AS count_1 FROM (SELECT {K} AS "key" FROM "plain" LIMIT ? OFFSET ?) AS u0',
        "nn",
        (3, 2),
    ),
    "distinct": (
        P.values("n").distinct(),
        f'SELECT count(*) AS count_1 FROM (SELECT DISTINCT {N} AS "n" FROM "plain") AS u0',
        "",
        (),
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_count_what_the_rows_would_be(name):
    queryset, sql, kinds, params = COUNTS[name]
    lite, postgres = shared(sql, kinds)
    assert both(queryset, "count") == ((lite, params), (postgres, params))


def test_exists_selects_a_constant_of_one_row():
    assert text(P.filter(n=1).order_by("n"), "postgres", "exists") == (
        f'SELECT 1 FROM "plain" WHERE {N} = %s::BIGINT LIMIT 1',
        (1,),
    )
    assert text(P.all()[2:5], "postgres", "exists") == (
        'SELECT 1 FROM "plain" LIMIT %s::BIGINT OFFSET %s::BIGINT',
        (3, 2),
    )


P_UNION = 'SELECT "plain"."key" AS c0, "plain"."n" AS c1 FROM "plain"'
P_SECOND = 'SELECT plain_2."key" AS c0, plain_2."n" AS c1 FROM "plain" AS plain_2'
AROUND = "SELECT u0.c0 AS c0, u0.c1 AS c1 FROM ({}) AS u0"
SETS: dict[str, tuple[Any, str, str, tuple[Any, ...]]] = {
    "union": (
        P.filter(n=1).union(P.filter(n=2)),
        AROUND.format(f'{P_UNION} WHERE {N} = ? UNION {P_SECOND} WHERE plain_2."n" = ?'),
        "nn",
        (1, 2),
    ),
    "difference": (
        P.all().difference(P.filter(n=1)),
        AROUND.format(f'{P_UNION} EXCEPT {P_SECOND} WHERE plain_2."n" = ?'),
        "n",
        (1,),
    ),
    "intersection": (P.all().intersection(P.all()), AROUND.format(f"{P_UNION} INTERSECT {P_SECOND}"), "", ()),
    "an empty branch": (
        P.none().union(P.filter(n=1)),
        "SELECT u1.c0 AS c0, u1.c1 AS c1 FROM (SELECT DISTINCT u0.c0 AS c0, u0.c1 AS c1 FROM "
        f"({P_UNION} WHERE {N} = ?) AS u0) AS u1",
        "n",
        (1,),
    ),
    "an empty branch of all": (
        P.none().union(P.filter(n=1), all=True),
        AROUND.format(f"{P_UNION} WHERE {N} = ?"),
        "n",
        (1,),
    ),
    "an ordered slice of columns": (
        P.values_list("n").union(P.values_list("n"), all=True).order_by("-n")[1:3],
        'SELECT u0.c0 AS c0 FROM (SELECT "plain"."n" AS c0 FROM "plain" UNION ALL SELECT plain_2."n" AS c0 FROM "plain" '
        "AS plain_2) AS u0 ORDER BY u0.c0 DESC LIMIT ? OFFSET ?",
        "nn",
        (2, 1),
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_set_operations_stand_in_a_subquery(name):
    queryset, sql, kinds, params = SETS[name]
    lite, postgres = shared(sql, kinds)
    assert both(queryset) == ((lite, params), (postgres, params))


def test_the_same_text_is_made_twice_from_the_same_description():
    make = lambda: P.filter(n__in=[1]).annotate(x=F("n") + 1).filter(x=2).order_by("-x")[:3]  # noqa: E731
    assert both(make()) == both(make())
