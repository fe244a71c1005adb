"""Paths over relations as SQL: which joins, of which kind, and what needs none."""

from __future__ import annotations

from typing import Any

import pytest
from select_models import A, B, both, shared

from dorm import Exists, F, OuterRef, Q, Subquery

BOOK = 'SELECT "book"."id" FROM "book"'
AUTHOR = 'SELECT "author"."id" FROM "author"'
WRITER = ' JOIN "author" ON "author"."id" = "book"."author_id"'
EDITOR = ' JOIN "author" ON "author"."id" = "book"."editor_id"'
OUTER_EDITOR = f" LEFT OUTER{EDITOR}"
BOOKS = ' JOIN "book" ON "book"."author_id" = "author"."id"'
TAGS = ' JOIN "book_tags" ON "book_tags"."book_id" = "book"."id"'
WORDS = f'{TAGS} JOIN "tag" ON "tag"."id" = "book_tags"."tag_id"'
NAME = '"author"."name"'

Case = tuple[Any, str, str, tuple[Any, ...]]

FORWARD: dict[str, Case] = {
    "the key": (B.filter(author=3), f'{BOOK} WHERE "book"."author_id" = ?', "n", (3,)),
    "the key's column": (B.filter(author_id=3), f'{BOOK} WHERE "book"."author_id" = ?', "n", (3,)),
    "the key over the relation": (B.filter(author__id=3), f'{BOOK} WHERE "book"."author_id" = ?', "n", (3,)),
    "pk over the relation": (B.filter(author__pk=3), f'{BOOK} WHERE "book"."author_id" = ?', "n", (3,)),
    "no relation": (B.filter(editor=None), f'{BOOK} WHERE "book"."editor_id" IS NULL', "", ()),
    "some relation": (B.filter(editor__isnull=False), f'{BOOK} WHERE "book"."editor_id" IS NOT NULL', "", ()),
    "a field": (B.filter(author__name="x"), f"{BOOK}{WRITER} WHERE {NAME} = ?", "t", ("x",)),
    "a field of what may be missing": (B.filter(editor__name="x"), f"{BOOK}{EDITOR} WHERE {NAME} = ?", "t", ("x",)),
    "NULL or missing": (B.filter(editor__name=None), f"{BOOK}{OUTER_EDITOR} WHERE {NAME} IS NULL", "", ()),
    "one side of an or": (
        B.filter(Q(title="x") | Q(editor__name="y")),
        f'{BOOK}{OUTER_EDITOR} WHERE "book"."title" = ? OR {NAME} = ?',
        "tt",
        ("x", "y"),
    ),
    "both sides of an or": (
        B.filter(Q(editor__name="x") | Q(editor__age=1)),
        f'{BOOK}{EDITOR} WHERE {NAME} = ? OR "author"."age" = ?',
        "tn",
        ("x", 1),
    ),
    "an or that another filter settles": (
        B.filter(Q(title="x") | Q(editor__name="y")).filter(editor__age=1),
        f'{BOOK}{EDITOR} WHERE ("book"."title" = ? OR {NAME} = ?) AND "author"."age" = ?',
        "ttn",
        ("x", "y", 1),
    ),
    "excluded": (
        B.exclude(editor__name="x"),
        f"{BOOK}{OUTER_EDITOR} WHERE NOT (({NAME} = ?) AND {NAME} IS NOT NULL)",
        "t",
        ("x",),
    ),
    "two relations": (
        B.filter(author__press__name="x"),
        f'{BOOK}{WRITER} JOIN "press" ON "press"."id" = "author"."press_id" WHERE "press"."name" = ?',
        "t",
        ("x",),
    ),
    "the key at the end of a path": (
        B.filter(author__press=3),
        f'{BOOK}{WRITER} WHERE "author"."press_id" = ?',
        "n",
        (3,),
    ),
    "the same relation twice": (
        B.filter(author__name="x").filter(author__age=1),
        f'{BOOK}{WRITER} WHERE {NAME} = ? AND "author"."age" = ?',
        "tn",
        ("x", 1),
    ),
    "two relations to one table": (
        B.filter(author__name="x", editor__name="y"),
        f'{BOOK}{WRITER} JOIN "author" AS author_2 ON author_2."id" = "book"."editor_id" '
        f'WHERE {NAME} = ? AND author_2."name" = ?',
        "tt",
        ("x", "y"),
    ),
    "a column of another table": (
        B.filter(pages__gt=F("author__age")),
        f'{BOOK}{WRITER} WHERE "book"."pages" > "author"."age"',
        "",
        (),
    ),
    "an order": (B.order_by("-author__name"), f"{BOOK}{WRITER} ORDER BY {NAME} DESC", "", ()),
    "an order by what may be missing": (
        B.order_by("editor__name"),
        f"{BOOK}{OUTER_EDITOR} ORDER BY {NAME} ASC",
        "",
        (),
    ),
    "an order by a relation": (B.order_by("author"), f'{BOOK} ORDER BY "book"."author_id" ASC', "", ()),
}
REVERSE: dict[str, Case] = {
    "related rows": (A.filter(books__title="x"), f'{AUTHOR}{BOOKS} WHERE "book"."title" = ?', "t", ("x",)),
    "one call": (
        A.filter(books__title="x", books__pages=1),
        f'{AUTHOR}{BOOKS} WHERE "book"."title" = ? AND "book"."pages" = ?',
        "tn",
        ("x", 1),
    ),
    "two calls": (
        A.filter(books__title="x").filter(books__pages=1),
        f'{AUTHOR}{BOOKS} JOIN "book" AS book_2 ON book_2."author_id" = "author"."id" '
        'WHERE "book"."title" = ? AND book_2."pages" = ?',
        "tn",
        ("x", 1),
    ),
    "excluded": (
        A.exclude(books__title="x"),
        f'{AUTHOR} WHERE NOT (EXISTS (SELECT 1 FROM "book" WHERE "book"."author_id" = "author"."id" AND "book"."title" = ?))',
        "t",
        ("x",),
    ),
    "none": (
        A.filter(books=None),
        f'{AUTHOR} WHERE NOT (EXISTS (SELECT 1 FROM "book" WHERE "book"."author_id" = "author"."id"))',
        "",
        (),
    ),
    "some": (
        A.filter(books__isnull=False),
        f'{AUTHOR} WHERE EXISTS (SELECT 1 FROM "book" WHERE "book"."author_id" = "author"."id")',
        "",
        (),
    ),
    "many to many": (B.filter(tags__word="x"), f'{BOOK}{WORDS} WHERE "tag"."word" = ?', "t", ("x",)),
    "many to many, the key": (B.filter(tags=3), f'{BOOK}{TAGS} WHERE "book_tags"."tag_id" = ?', "n", (3,)),
    "many to many, excluded": (
        B.exclude(tags__word="x"),
        f'{BOOK} WHERE NOT (EXISTS (SELECT 1 FROM "book_tags" JOIN "tag" ON "tag"."id" = "book_tags"."tag_id" '
        'WHERE "book_tags"."book_id" = "book"."id" AND "tag"."word" = ?))',
        "t",
        ("x",),
    ),
}
SUBQUERIES: dict[str, Case] = {
    "in": (
        B.filter(author__in=A.filter(age=5)),
        f'{BOOK} WHERE "book"."author_id" IN (SELECT "author"."id" FROM "author" WHERE "author"."age" = ?)',
        "n",
        (5,),
    ),
    "not in": (
        B.exclude(editor__in=A.filter(age=5)),
        f'{BOOK} WHERE NOT (("book"."editor_id" IN (SELECT "author"."id" FROM "author" WHERE "author"."age" = ?)) AND '
        '"book"."editor_id" IS NOT NULL)',
        "n",
        (5,),
    ),
    "not in what may be NULL": (
        A.exclude(pk__in=B.values("editor")),
        f'{AUTHOR} WHERE NOT ("author"."id" IN (SELECT u0."editor_id" FROM (SELECT "book"."editor_id" AS "editor_id" '
        'FROM "book") AS u0 WHERE u0."editor_id" IS NOT NULL))',
        "",
        (),
    ),
    "exists": (
        A.filter(Exists(B.filter(author=OuterRef("pk"), pages=5))),
        f'{AUTHOR} WHERE EXISTS (SELECT 1 FROM "book" WHERE "book"."author_id" = "author"."id" AND "book"."pages" = ?)',
        "n",
        (5,),
    ),
    "not exists": (
        A.filter(~Exists(B.filter(author=OuterRef("pk")))),
        f'{AUTHOR} WHERE NOT (EXISTS (SELECT 1 FROM "book" WHERE "book"."author_id" = "author"."id"))',
        "",
        (),
    ),
    "a value": (
        A.filter(age=Subquery(B.filter(author=OuterRef("pk")).values("pages"))),
        f'{AUTHOR} WHERE "author"."age" = (SELECT "book"."pages" FROM "book" WHERE "book"."author_id" = "author"."id")',
        "",
        (),
    ),
}
EVERY = {f"{room} {name}": case for room, table in
         (("forward", FORWARD), ("reverse", REVERSE), ("subquery", SUBQUERIES)) for name, case in table.items()}  # fmt: skip


@pytest.mark.parametrize("name", EVERY)
def test_a_path_makes_these_joins(name):
    queryset, sql, kinds, params = EVERY[name]
    lite, postgres = shared(sql, kinds)
    assert both(queryset.values_list("pk")) == ((lite, params), (postgres, params))


COLUMNS = {
    "values over a path": (B.values("editor__name"), f'SELECT {NAME} FROM "book"{OUTER_EDITOR}'),
    "values of a key": (B.values("author"), 'SELECT "book"."author_id" FROM "book"'),
    "values of a key over a path": (B.values("author__pk"), 'SELECT "book"."author_id" FROM "book"'),
    "select_related": (
        B.select_related("author").only("title", "author__name"),
        f'SELECT "book"."id", "book"."title", "book"."author_id", "author"."id" AS id_1, {NAME} FROM "book"{WRITER}',
    ),
    "select_related of what may be missing": (
        B.select_related("editor").only("title", "editor__name"),
        f'SELECT "book"."id", "book"."title", "book"."editor_id", "author"."id" AS id_1, {NAME} FROM "book"{OUTER_EDITOR}',
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_over_relations_make_these_joins(name):
    queryset, sql = COLUMNS[name]
    assert both(queryset) == ((sql, ()), (sql, ()))


def test_a_count_drops_joins_that_only_order():
    sql = 'SELECT count(*) AS count_1 FROM "book"'
    assert both(B.order_by("author__name"), "count") == ((sql, ()), (sql, ()))


def test_a_sliced_subquery_keeps_order_and_limit():
    _, (sql, params) = both(B.filter(author__in=A.order_by("age")[:3]).values_list("pk"))
    assert (
        sql
        == f'{BOOK} WHERE "book"."author_id" IN (SELECT "author"."id" FROM "author" ORDER BY "author"."age" ASC LIMIT %s::BIGINT)'
    )
    assert params == (3,)
