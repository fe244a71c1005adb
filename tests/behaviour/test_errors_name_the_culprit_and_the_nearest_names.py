"""A wrong name raises at the caller's line, says what is near, and sends no SQL."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book
from behaviour.cases import refused_without_sql
from dorm import Count, F, FieldDoesNotExist, FieldError, ImproperlyConfigured, Lower, OuterRef, Q, Subquery, Sum, Value

A, B = Author.objects, Book.objects
NEAR_NAME = [
    lambda: A.filter(nmae=1),
    lambda: A.filter(nmae__contains=1),
    lambda: A.exclude(nmae=1),
    lambda: A.filter(Q(age=1) | ~Q(nmae=1)),
    lambda: A.filter(name=F("nmae")),
    lambda: A.filter(name=Lower("nmae")),
    lambda: A.order_by("nmae"),
    lambda: A.order_by("-nmae"),
    lambda: A.order_by(F("nmae").desc()),
    lambda: A.values("nmae"),
    lambda: A.values(x=F("nmae")),
    lambda: A.values_list("nmae", flat=True),
    lambda: A.only("nmae"),
    lambda: A.defer("nmae"),
    lambda: A.annotate(x=F("nmae") + 1),
    lambda: A.alias(x=Lower("nmae")),
    lambda: A.annotate(x=Count("nmae")),
    lambda: A.aggregate(Sum("nmae")),
    lambda: A.update(nmae=1),
    lambda: A.update(age=F("nmae")),
    lambda: A.in_bulk([1], field_name="nmae"),
    lambda: A.distinct("nmae"),
    lambda: A.latest("nmae"),
    lambda: A.get(nmae=1),
    lambda: A.get_or_create(nmae=1),
    lambda: A.values("name").filter(nmae=1),
    lambda: B.filter(author__nmae=1),
    lambda: B.filter(author__books__coauthors__nmae=1),
    lambda: B.order_by("author__nmae"),
    lambda: B.values("author__nmae"),
    lambda: B.only("author__nmae"),
    lambda: B.annotate(x=F("author__nmae")),
    lambda: A.filter(pk__in=A.filter(nmae=1)),
    lambda: Author._meta.get_field("nmae"),
]
OTHERS = [
    (FieldDoesNotExist, "author__titel|Did you mean", lambda: A.filter(books__titel=1)),
    (FieldDoesNotExist, "Did you mean 'contains'", lambda: A.filter(name__contians="x")),
    (FieldDoesNotExist, "Did you mean 'year'", lambda: A.filter(joined__yaer=1)),
    (FieldDoesNotExist, "Did you mean 'author'", lambda: B.select_related("autor")),
    (FieldDoesNotExist, "Did you mean 'books'", lambda: A.prefetch_related("boks")),
    (FieldDoesNotExist, "Value", lambda: A.annotate(x=Lower("Ada"))),
    (FieldDoesNotExist, "name", lambda: A.filter(name__age=1)),
    (TypeError, "Did you mean 'name'", lambda: Author(nmae=1)),
    (TypeError, "Did you mean 'name'", lambda: A.create(nmae=1)),
    (TypeError, ".set(", lambda: Book(tags=[1])),
    (ValueError, "Did you mean 'name'", lambda: A.bulk_update([Author(pk=1)], ["nmae"])),
    (ImproperlyConfigured, "default", lambda: A.using("defualt").count()),
    (ValueError, "flat", lambda: A.values_list("name", "age", flat=True)),
    (ValueError, "", lambda: A.filter(age__gt=None)),
    (ValueError, "range", lambda: A.filter(age__range=(1,))),
    (ValueError, "in", lambda: A.filter(age__in=5)),
    (ValueError, "Author", lambda: B.filter(author=Book(pk=1))),
    (TypeError, "title", lambda: B.filter("title")),
    (TypeError, "", lambda: B.filter(1)),
    (TypeError, "", lambda: bool(F("age") == 1)),
    (TypeError, "", lambda: Q(age=1) & 5),
    (TypeError, "", lambda: B.order_by("pk")[:3].filter(pages=1)),
]


def test_a_misspelt_field_is_named_with_its_neighbours_in_every_method(shop, queries):
    for attempt in NEAR_NAME:
        line = f"the case of line {attempt.__code__.co_firstlineno}"
        with queries() as log:
            try:
                attempt()
            except FieldDoesNotExist as raised:
                assert "nmae" in str(raised), line
                assert "Did you mean 'name'?" in str(raised), line
                assert "Valid names:" in str(raised), line
            else:
                pytest.fail(f"{line} was accepted")
        assert log.count == 0, line


def test_other_mistakes_are_as_clear(shop, queries):
    for error, match, attempt in OTHERS:
        line = f"the case of line {attempt.__code__.co_firstlineno}"
        with queries() as log:
            try:
                attempt()
            except error as raised:
                words = match.split("|")
                assert any(word in str(raised) for word in words), f"{line}: {raised}"
            else:
                pytest.fail(f"{line} was accepted")
        assert log.count == 0, line


async def test_the_async_verbs_say_the_same(shop, mode, queries):
    with queries() as log:
        for verb, args, names in [
            ("get", (), {"nmae": 1}),
            ("update", (), {"nmae": 1}),
            ("in_bulk", ([1],), {"field_name": "nmae"}),
            ("aggregate", (Count("nmae"),), {}),
            ("latest", ("nmae",), {}),
            ("get_or_create", (), {"nmae": 1}),
            ("values", ("nmae",), {}) if not mode.sync else ("get", (), {"nmae": 2}),
        ]:
            with pytest.raises(FieldDoesNotExist, match="Did you mean 'name'"):
                await mode.call(A, verb, *args, **names)
    assert log.count == 0


async def test_a_wrong_value_is_refused_before_any_sql(shop, mode, queries):
    from dorm import ValidationError

    with queries() as log:
        for build in (
            lambda: A.filter(age="x"),
            lambda: A.filter(joined="nope"),
            lambda: A.filter(rating="x"),
            lambda: A.filter(country="x"),
            lambda: A.filter(active="maybe"),
            lambda: A.filter(pk=Subquery(B.filter(pages="x").values("pk"))),
            lambda: A.filter(pk__in=B.filter(author=OuterRef("pk"), pages="x").values("author")),
        ):
            with pytest.raises((ValidationError, ValueError, TypeError)):
                await mode.fetch(build())
        with pytest.raises((ValidationError, ValueError)):
            await mode.call(A, "update", age="x")
    assert log.count == 0
    assert Value("x") is not None


async def test_a_column_gets_one_value(shop, mode, queries):
    with queries() as log:
        for rows, values in ((B, {"author": 1, "author_id": 2}), (B, {"author_id": 2, "author": F("publisher")})):
            with pytest.raises(FieldError, match="two values for the column 'author_id'"):
                await mode.call(rows, "update", **values)
        with pytest.raises(FieldError, match="two values for the column 'age'"):
            await mode.call(A, "update", ("age", 1), age=2)
    assert log.count == 0


def test_relations_are_named_by_text(shop, queries):
    refused_without_sql(queries, TypeError, [lambda: A.select_related(5)], "takes names of relations, not 5")
