"""Aggregates over no row, defaults, default names, and types that do not go together."""

from __future__ import annotations

from decimal import Decimal

import pytest

from behaviour.bookshop import Author, Book, Profile
from dorm import Avg, Count, ExpressionWrapper, F, FieldError, FloatField, Func, Max, Q, Sum, Value
from dorm.expressions import RawSQL
from dorm.functions import Coalesce, Greatest


async def test_none_gives_what_an_empty_table_gives(shop, mode, queries):
    wanted = {
        "rows": Count("books"),
        "ages": Sum("age"),
        "some": Coalesce(Sum("age"), 0),
        "more": Sum("age", default=7),
        "nested": Coalesce(Coalesce(Max("age"), None), 3),
    }
    with queries() as log:
        for nothing in (Author.objects.none(), Author.objects.filter(pk__in=[]), Author.objects.all()[3:3]):
            found = await mode.call(nothing, "aggregate", **wanted)
            assert found == {"rows": 0, "ages": None, "some": 0, "more": 7, "nested": 3}
    assert log.count == 0


async def test_what_only_the_database_knows_is_asked_for(shop, mode, queries):
    counted = Func("books", function="COUNT")
    counted.contains_aggregate = True
    with queries() as log:
        nothing = Author.objects.filter(age__gt=1).none()
        assert await mode.call(nothing, "aggregate", n=counted, best=Coalesce(Max("age"), RawSQL("2 + 3", []))) == {
            "n": 0,
            "best": 5,
        }
        assert await mode.call(nothing, "aggregate", twice=Count("pk") * 2) == {"twice": 0}
    assert log.count == 2


async def test_a_computed_default_keeps_its_digits(shop, mode):
    nobody = Author.objects.filter(age=1)
    found = await mode.call(nobody, "aggregate", total=Sum("rating", default=Value(1.0) / Value(8.0)))
    assert (found["total"], type(found["total"])) == (Decimal("0.125"), Decimal)
    found = await mode.call(
        Author.objects, "aggregate", total=Sum("rating", filter=Q(age=1), default=Avg("age") / 10.0)
    )
    assert type(found["total"]) is Decimal
    assert round(found["total"], 6) == round(Decimal(236) / 60, 6)


async def test_default_names_with_lookups_behind_them(shop, mode):
    several = Author.objects.annotate(Count("books"))
    assert await mode.fetch(several.filter(books__count__gt=1).order_by("pk").values_list("name", flat=True)) == [
        "Ada",
        "Çelik",
    ]
    either = several.filter(Q(books__count__gt=1) | Q(pk__in=[3])).order_by("-books__count", "pk")
    assert await mode.fetch(either.values_list("pk", "books__count")) == [(1, 2), (4, 2), (3, 0)]
    assert await mode.call(several, "aggregate", most=Max(F("books__count"))) == {"most": 2}


@pytest.mark.parametrize("name", ["a b", "a\x00", "a\x1f", "a\x85", "a#", "a;b", 'a"b', "a--b", "a/*b", ""])
async def test_names_that_cannot_be_columns_are_refused(shop, mode, name):
    for verb in ("aggregate", "annotate"):
        with pytest.raises(ValueError, match="alias"):
            await mode.call(Author.objects, verb, **{name: Count("pk")}) if verb == "aggregate" else (
                Author.objects.annotate(**{name: Count("pk")})
            )


async def test_what_is_no_aggregate_is_named(shop, mode):
    with pytest.raises(TypeError, match=r"non-expression\(s\): .*FloatField"):
        await mode.call(Author.objects, "aggregate", FloatField())
    with pytest.raises(TypeError, match="non-expression"):
        Author.objects.annotate("age")
    with pytest.raises(TypeError, match="Complex aggregates require an alias"):
        await mode.call(Author.objects, "aggregate", Sum("age") / Count("age"))
    with pytest.raises(TypeError, match="Complex annotations require an alias"):
        Author.objects.annotate(Sum(F("age") + 1))
    with pytest.raises(ValueError, match="Star cannot be used with filter"):
        Count("*", filter=Q(age=1))


async def test_floats_and_decimals_do_not_meet_by_accident(shop, mode):
    mixed = F("score") + F("author__rating")
    for query in (
        Profile.objects.annotate(mixed=mixed),
        Profile.objects.annotate(mixed=Sum("score") + Sum("author__rating")),
    ):
        with pytest.raises(FieldError, match="You must set output_field"):
            await mode.fetch(query)
    stated = Profile.objects.annotate(
        wrapped=ExpressionWrapper(mixed, FloatField()), total=Sum(mixed, output_field=FloatField())
    )
    ada = await mode.call(stated, "get", author__name="Ada")
    assert (ada.wrapped, ada.total) == (6.0, 6.0)
    # a bare number has no type that anybody chose
    plain = Author.objects.annotate(more=F("rating") * 1.5).values_list("more", flat=True)
    assert float(await mode.call(plain.filter(name="Ada"), "get")) == 6.75


async def test_groups_by_an_expression_with_parameters(shop, mode):
    """The parameter stands in SELECT and in GROUP BY, and is one and the same there."""
    lengths = Book.objects.annotate(long=Greatest("pages", Value(200))).values("long").annotate(n=Count("pk"))
    assert await mode.fetch(lengths.order_by("long")) == [
        {"long": 200, "n": 5},
        {"long": 300, "n": 1},
        {"long": 400, "n": 1},
    ]
