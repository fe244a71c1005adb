"""Hostile text in every string that the library might put into a statement."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book
from dorm import Cast, Concat, Count, F, FieldError, ImproperlyConfigured, RawSQL, Sum, Value

HOSTILE = [
    "name; DROP TABLE bookshop_author; --",
    'name" OR 1=1 --',
    "name' OR '1'='1",
    "name) FROM bookshop_author --",
    "name/**/",
    "name--x",
    "name%s",
    "%(name)s",
    "na me",
    "",
    'x"',
    "x;",
]
NAMES = [
    lambda text: Author.objects.order_by(text),
    lambda text: Author.objects.order_by("-" + text),
    lambda text: Author.objects.values(text),
    lambda text: Author.objects.values_list(text, flat=True),
    lambda text: Author.objects.only(text),
    lambda text: Author.objects.filter(**{text: 1}),
    lambda text: Author.objects.filter(**{f"name__{text}": 1}),
    lambda text: Author.objects.filter(**{f"books__{text}": 1}),
    lambda text: Author.objects.filter(pk=F(text)),
    lambda text: Author.objects.annotate(x=Count(text)),
    lambda text: Author.objects.update(**{text: 1}),
    lambda text: Author.objects.in_bulk([1], field_name=text),
    lambda text: list(Author.objects.select_related(text)),
    lambda text: list(Author.objects.prefetch_related(text)),
]
ALIASES = [
    lambda text: Author.objects.annotate(**{text: Value(1)}),
    lambda text: Author.objects.alias(**{text: Value(1)}),
    lambda text: Author.objects.values(**{text: F("name")}),
    lambda text: Author.objects.aggregate(**{text: Count("pk")}),
]


def test_no_name_reaches_the_database(shop, queries):
    for text in HOSTILE:
        for attempt in NAMES:
            with queries() as log, pytest.raises((FieldError, ValueError, TypeError)):
                attempt(text)
            assert log.count == 0, (text, attempt.__code__.co_firstlineno)
        for attempt in ALIASES:
            with queries() as log, pytest.raises(ValueError, match="alias"):
                attempt(text)
            assert log.count == 0, (text, attempt.__code__.co_firstlineno)
    assert Author.objects.count() == 8


def test_unusual_but_harmless_names_are_quoted(shop):
    for alias in ("é", "select", "Order", "a.b", "a:b", "a?b", "a$b"):
        rows = Author.objects.annotate(**{alias: Value(1)}).order_by(alias, "pk").values(alias)
        assert rows[0] == {alias: 1}
        total = Author.objects.annotate(**{alias: Count("books")}).filter(**{f"{alias}__gt": 0}).aggregate(s=Sum(alias))
        assert total == {"s": 7}


def test_no_type_name_reaches_the_database(shop, queries):
    for text in ("text; DROP TABLE x", "varchar(10); --", "text[]", "varchar(-1)", "varchar(1e9)", "nope", "", "int4)"):
        with queries() as log, pytest.raises(ImproperlyConfigured, match="type"):
            list(Author.objects.annotate(x=Cast("age", text)))
        assert log.count == 0


async def test_no_format_or_alias_reaches_the_database(shop, mode, queries):
    with queries() as log:
        with pytest.raises(ValueError, match="is not a recognized format"):
            await mode.call(Author.objects, "explain", format="text) SELECT 1; --")
        for alias in ("nope", "default; DROP", ""):
            with pytest.raises(ImproperlyConfigured):
                await mode.call(Author.objects.using(alias), "count")
    assert log.count == 0


async def test_hostile_values_are_values(shop, mode):
    for text in [*HOSTILE, "%", "%%", "%s", "?", ":x", "\\", "'", '"', "\u2028", "💥", "a\tb\n"]:
        made = await mode.call(Author.objects, "create", name=text[:50], email=text[:50])
        for lookup in ("exact", "iexact", "contains", "startswith", "iendswith"):
            assert made in await mode.fetch(Author.objects.filter(**{f"name__{lookup}": text[:50]})), (lookup, text)
        assert made in await mode.fetch(Author.objects.filter(name__in=[text[:50], "zzz"]))
        joined = Author.objects.filter(pk=made.pk).annotate(x=Concat("name", Value(text), Value("%s?")))
        assert [one.x for one in await mode.fetch(joined)] == [text[:50] + text + "%s?"]
        await mode.call(Author.objects.filter(pk=made.pk), "update", name=Concat(Value(text[:20]), Value("'")))
        assert (await mode.call(Author.objects, "get", pk=made.pk)).name == text[:20] + "'"
        await mode.call(made, "delete")
    assert await mode.call(Author.objects, "count") == 8


async def test_parameters_of_raw_fragments_are_bound(shop, mode):
    evil = "x'; DROP TABLE bookshop_author; --"
    text = "CAST(%s AS VARCHAR)"
    raw = Author.objects.filter(pk=1).annotate(x=RawSQL(text, [evil])).values_list("x", flat=True)
    assert await mode.fetch(raw) == [evil]
    nothing = Author.objects.filter(pk=1).annotate(x=RawSQL(text, [None])).values_list("x", flat=True)
    assert await mode.fetch(nothing) == [None]
    with pytest.raises(ValueError, match="placeholder"):
        RawSQL("%s", [1, 2])


async def test_numbers_out_of_range_match_nothing_and_break_nothing(shop, mode):
    assert await mode.fetch(Author.objects.filter(pk=2**70)) == []
    assert [one.pk for one in await mode.fetch(Author.objects.filter(pk__in=[2**70, 1]))] == [1]
    assert await mode.call(Author.objects.filter(pk__gt=-(2**70)), "count") == 8
    assert await mode.call(Author.objects.filter(age__lt=2**40), "count") == 6
    assert await mode.call(Book.objects.exclude(pages=2**70), "count") == 7
