"""Union, intersection and difference: nesting, order, slices, counting, subqueries, columns, empty branches."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book, Country, Item
from behaviour.cases import refused_without_sql, rows_are
from dorm import Count, F, FieldDoesNotExist, FieldError, NotSupportedError, Sum, Value

A = Author.objects
old = A.filter(age=50)
same = A.filter(age=36)


def keys(queryset):
    return queryset.order_by("pk").values_list("pk", flat=True)


CASES = [
    (lambda: keys(same.union(old)), [1, 3, 4, 7]),
    (lambda: keys(same.union(A.filter(pk=1))), [1, 3, 7]),
    (lambda: keys(same.union(A.filter(pk=1), all=True)), [1, 1, 3, 7]),
    (lambda: keys(same.union(old, A.filter(pk=8))), [1, 3, 4, 7, 8]),
    (lambda: keys(same.intersection(A.filter(pk__gt=1))), [3, 7]),
    (lambda: keys(same.difference(A.filter(pk__gt=1))), [1]),
    (lambda: keys(same.union(old).difference(A.filter(pk=1))), [3, 4, 7]),
    (lambda: keys(same.union(old.difference(A.filter(pk=4)))), [1, 3, 7]),
    (lambda: keys(A.all().difference(same.union(old))), [2, 5, 6, 8]),
    (lambda: keys(A.all().difference(same, old)), [2, 5, 6, 8]),
    (lambda: keys(A.all().intersection(same, A.filter(pk__gt=2))), [3, 7]),
    (lambda: keys(same.difference(A.filter(pk=1).union(A.filter(pk=3)))), [7]),
    (lambda: keys(same.union(A.filter(pk=8)).intersection(A.filter(pk__gt=2))), [3, 7, 8]),
    (lambda: keys(A.order_by("-pk")[:2].union(A.order_by("pk")[:1])), [1, 7, 8]),
    (lambda: keys(A.order_by("-pk")[:2].union(A.order_by("pk")[:1]))[1:2], [7]),
    # Empty branches.
    (lambda: keys(same.union(A.none())), [1, 3, 7]),
    (lambda: keys(A.none().union(same)), [1, 3, 7]),
    (lambda: keys(same.union(A.filter(pk__in=[]))), [1, 3, 7]),
    (lambda: keys(same.difference(A.none())), [1, 3, 7]),
    (lambda: keys(same.difference(A.filter(pk__in=[]))), [1, 3, 7]),
    (lambda: keys(same.intersection(A.none())), []),
    (lambda: keys(A.none().difference(same)), []),
    (lambda: keys(A.none().union(A.none())), []),
    # Shapes.
    (
        lambda: same.values("name").union(old.values("name")).order_by("name"),
        [{"name": "Ada"}, {"name": "O'Neil"}, {"name": "bob"}, {"name": "Çelik"}],
    ),
    (lambda: same.union(old).values_list("name", "age").order_by("age", "name")[2:], [("bob", 36), ("Çelik", 50)]),
    (
        lambda: (
            A.filter(pk=1)
            .values_list("name", flat=True)
            .union(Country.objects.filter(pk=1).values_list("code", flat=True))
            .order_by("name")
        ),
        ["Ada", "NO"],
    ),
    (
        lambda: (
            A.filter(pk=1).values_list("age", "name").union(A.filter(pk=2).values_list("pk", "name")).order_by("age")
        ),
        [(2, "Bob"), (36, "Ada")],
    ),
    (
        lambda: (
            A.filter(pk=1)
            .annotate(k=Value(1))
            .values_list("name", "k")
            .union(Country.objects.filter(pk=1).annotate(k=Value(2)).values_list("name", "k"))
            .order_by("-k")
        ),
        [("Norge", 2), ("Ada", 1)],
    ),
    (
        lambda: (
            A.annotate(k=Count("books"))
            .filter(k=0)
            .union(A.annotate(k=Count("books")).filter(k=2))
            .order_by("-k", "pk")
            .values_list("pk", "k")
        ),
        [(1, 2), (4, 2), (3, 0), (5, 0), (8, 0)],
    ),
    # Inside other queries.
    (lambda: keys(A.filter(pk__in=same.values("pk").union(old.values("pk")))), [1, 3, 4, 7]),
    (lambda: keys(A.exclude(pk__in=same.union(old).values("pk"))), [2, 5, 6, 8]),
    # A branch's joins do not multiply what a set holds once.
    (lambda: keys(A.filter(books__tags__name__in=["sci", "fi"]).union(A.filter(pk=1))), [1, 4]),
    (
        lambda: (
            Item.objects.filter(rank=3)
            .union(Item.objects.filter(rank=2))
            .order_by("name")
            .values_list("name", flat=True)
        ),
        ["b", "c", "d", "e"],
    ),
]


async def test_set_operations_behave_like_sets(shop, mode):
    await rows_are(mode, CASES)


async def test_a_set_can_be_counted_asked_indexed_and_streamed(shop, mode):
    both = same.union(old)
    assert await mode.call(both, "count") == 4
    assert await mode.call(same.union(A.filter(pk=1), all=True), "count") == 4
    assert await mode.call(A.values("age").union(A.values("age")), "count") == 5
    assert await mode.call(both, "exists") is True
    assert await mode.call(A.filter(age=1).union(A.filter(age=2)), "exists") is False
    assert (await mode.call(both.order_by("pk"), "first")).pk == 1
    assert (await mode.call(both.order_by("pk"), "last")).pk == 7
    assert (await mode.call(A.filter(pk=1).union(A.filter(pk=1)), "get")).pk == 1
    assert [one.pk for one in await mode.stream(both.order_by("pk"))] == [1, 3, 4, 7]
    assert [
        one.k
        for one in await mode.fetch(same.annotate(k=Value(1)).union(old.annotate(k=Value(2))).order_by("-k", "pk"))
    ] == [2, 1, 1, 1]


async def test_an_annotation_in_the_branches_arrives_on_the_objects(shop, mode):
    both = A.annotate(n=Count("books")).filter(pk=1).union(A.annotate(n=Count("reviews")).filter(pk=3)).order_by("pk")
    assert [(one.name, one.n) for one in await mode.fetch(both)] == [("Ada", 2), ("bob", 1)]


async def test_what_a_set_cannot_do_is_refused_by_name(shop, mode, queries):
    both = same.union(old)
    with queries() as log:
        for method, args in [
            ("filter", {"pk": 1}),
            ("exclude", {"pk": 1}),
            ("annotate", {"x": Value(1)}),
        ]:
            with pytest.raises(NotSupportedError, match=method):
                getattr(both, method)(**args)
        for method in ("select_related", "prefetch_related", "only", "defer"):
            with pytest.raises(NotSupportedError, match=method):
                getattr(both, method)("name")
        with pytest.raises(NotSupportedError, match="distinct"):
            both.distinct()
        with pytest.raises(NotSupportedError, match="update"):
            await mode.call(both, "update", age=1)
        with pytest.raises(NotSupportedError, match="delete"):
            await mode.call(both, "delete")
        with pytest.raises(NotSupportedError, match="in_bulk"):
            await mode.call(both, "in_bulk", [1])
        with pytest.raises(NotSupportedError, match="aggregate"):
            await mode.call(both, "aggregate", Sum("age"))
        with pytest.raises(FieldError, match="nmae"):
            await mode.fetch(both.order_by("nmae"))
        with pytest.raises(FieldError):
            await mode.fetch(both.order_by("country__name"))
        with pytest.raises(TypeError, match="columns"):
            await mode.fetch(A.values("name", "age").union(A.values("name")))
    assert log.count == 0


async def test_branches_that_load_related_objects_do_not_break_the_set(shop, mode):
    both = A.select_related("country").filter(age=36).union(old).order_by("pk")
    assert [one.pk for one in await mode.fetch(both)] == [1, 3, 4, 7]


async def test_querysets_of_one_model_combine_with_and_and_or(shop, mode):
    async def found(queryset):
        return await mode.fetch(queryset.order_by("pk").values_list("pk", flat=True))

    assert await found(same | old) == [1, 3, 4, 7]
    assert await found(same & A.filter(pk__gt=1)) == [3, 7]
    assert await found((same | old).filter(pk__gt=1)) == [3, 4, 7]
    assert await found(A.filter(books__pages=100) | A.filter(books__pages=300)) == [1, 2, 4]
    assert await found(A.filter(books__pages=100) & A.filter(books__pages=200)) == [1]
    assert await found((A.filter(books__pages=100) | A.filter(country__name="Perú")).distinct()) == [1, 3, 4]
    assert await found(A.exclude(books__pages=100) & A.exclude(age=36)) == [2, 5, 6, 8]
    assert await found(A.none() | A.filter(pk=1)) == [1]
    assert await found(A.none() & A.filter(pk=1)) == []
    with pytest.raises(TypeError):
        A.filter(pk=1) | Country.objects.filter(pk=1)
    with pytest.raises(TypeError):
        A.filter(pk=1) | A.distinct()


def test_the_operators_of_conditions_refuse_set_operations(shop, queries):
    both = same.union(old)
    attempts = [
        lambda: both & same,
        lambda: same & both,
        lambda: both | same,
        lambda: same | both,
        lambda: both ^ both,
        lambda: A.none() | both,
        lambda: same & A.intersection(old),
    ]
    refused_without_sql(queries, NotSupportedError, attempts, "operator with combined queryset")


async def test_null_stands_where_the_order_wants_it(shop, mode):
    both = A.filter(pk__in=[1, 2]).union(A.filter(pk=4))
    for term, names in [
        (F("age").asc(nulls_first=True), ["Bob", "Ada", "Çelik"]),
        (F("age").asc(nulls_last=True), ["Ada", "Çelik", "Bob"]),
        (F("age").desc(nulls_first=True), ["Bob", "Çelik", "Ada"]),
        (F("age").desc(nulls_last=True), ["Çelik", "Ada", "Bob"]),
    ]:
        assert [one.name for one in await mode.fetch(both.order_by(term))] == names
        assert [one.name for one in await mode.fetch(both.order_by(term).reverse())] == names[::-1]


def test_a_branch_that_locks_is_refused(shop, queries):
    attempts = [lambda: same.select_for_update().union(old), lambda: same.difference(old.select_for_update())]
    refused_without_sql(queries, NotSupportedError, attempts, "select_for_update() is not possible inside")


async def test_columns_of_instances_meet_by_name(shop, mode):
    one = A.filter(pk=1).annotate(a=Value(1), b=Value(2))
    other = A.filter(pk=4).annotate(b=Value(3), a=Value(4))
    for both in (one.union(other), one.union(other[:1]), one.union(other.union(other))):
        assert [(row.name, row.a, row.b) for row in await mode.fetch(both.order_by("pk"))] == [
            ("Ada", 1, 2),
            ("Çelik", 4, 3),
        ]
    counted = A.annotate(n=Count("books"), m=Count("reviews")).filter(pk=1)
    swapped = A.annotate(m=Count("reviews"), n=Count("books")).filter(pk=4)
    found = await mode.fetch(counted.union(swapped).order_by("pk"))
    assert [(row.name, row.n, row.m) for row in found] == [("Ada", 2, 2), ("Çelik", 2, 0)]
    part = await mode.fetch(same.only("name").union(old.only("name")).order_by("name"))
    assert [row.name for row in part] == ["Ada", "O'Neil", "bob", "Çelik"]


def test_instances_with_different_columns_are_no_set(shop, queries):
    attempts = [
        lambda: A.only("name").union(A.only("age")),
        lambda: A.defer("name").union(A.all()),
        lambda: A.annotate(a=Value(1)).union(A.annotate(b=Value(1))),
    ]
    refused_without_sql(queries, TypeError, attempts, "columns")


async def test_a_set_of_instances_is_compared_by_its_keys(shop, mode):
    both = same.union(old)
    assert await mode.fetch(keys(A.filter(pk__in=both))) == [1, 3, 4, 7]
    assert await mode.fetch(keys(A.exclude(pk__in=both))) == [2, 5, 6, 8]
    assert await mode.fetch(keys(A.filter(pk__in=both.order_by("-pk")[:2]))) == [4, 7]
    assert await mode.fetch(keys(A.filter(pk__in=A.all().difference(both)))) == [2, 5, 6, 8]
    assert await mode.fetch(keys(Book.objects.filter(author__in=both))) == [1, 2, 4, 5, 7]
    assert await mode.fetch(keys(A.filter(books__in=Book.objects.filter(pk=1).union(Book.objects.filter(pk=3))))) == [
        1,
        2,
    ]


async def test_selecting_values_of_a_union_selects_them_in_its_branches(shop, mode):
    both = same.union(old)
    for rows, expected in [
        (both.values_list("age", flat=True).order_by("age"), [36, 50]),
        (both.order_by("age").values_list("age", flat=True), [36, 50]),
        (both.order_by("age").values_list("age", flat=True)[1:], [50]),
        (both.order_by("age", "pk").values_list("age", flat=True), [36, 36, 36, 50]),
        (both.order_by("age", "pk")[1:4].values_list("age", flat=True), [36, 36, 50]),
        (same.union(old, all=True).values_list("age", flat=True).order_by("age"), [36, 36, 36, 50]),
        (same.union(old.union(A.filter(pk=1))).values_list("age", flat=True).order_by("age"), [36, 50]),
        (same.union(old.order_by("pk")[:1]).values_list("age", flat=True).order_by("age"), [36, 50]),
        (both.values_list("country", flat=True).order_by("country"), [1, 3, 4]),
        (A.filter(age__gte=36).difference(A.filter(pk=1)).order_by("pk").values_list("age", flat=True), [36, 50, 61, 36]),
        (same.annotate(k=Value(1)).union(old.annotate(k=Value(1))).values_list("k", flat=True), [1]),
    ]:  # fmt: skip
        assert await mode.fetch(rows) == expected
        assert await mode.call(rows, "count") == len(expected)


async def test_related_objects_that_the_first_branch_loads_come_along(shop, mode, queries):
    both = A.select_related("country", "mentor__country").prefetch_related("books").filter(pk__in=[1, 2]).union(old)
    found = await mode.fetch(both.order_by("pk"))
    with queries() as log:
        assert [row.country and row.country.name for row in found] == ["Norge", None, "Perú"]
        assert [row.mentor and row.mentor.country and row.mentor.country.name for row in found] == [None, "Norge", None]
        assert [sorted(book.pk for book in row.books.all()) for row in found] == [[1, 2], [3], [4, 5]]
    assert log.count == 0


def test_a_mapping_names_output_columns(shop, queries):
    attempts = [lambda: A.values("name").union_with((Country.objects, {"nmae": "name"}))]
    refused_without_sql(queries, FieldDoesNotExist, attempts, "Did you mean 'name'")
