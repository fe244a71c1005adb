"""iterator() in every shape, chunked prefetching, early exits, errors on the way, and writes beside it."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book
from dorm import Count, Prefetch

SHAPES = [
    lambda: Author.objects.order_by("pk"),
    lambda: Author.objects.order_by("pk").values("name", "country__code"),
    lambda: Author.objects.order_by("pk").values_list("name", "joined", "rating"),
    lambda: Author.objects.order_by("pk").values_list("name", flat=True),
    lambda: Author.objects.order_by("pk").values_list("pk", "name", named=True),
    lambda: Author.objects.order_by("pk")[2:5],
    lambda: Author.objects.none(),
    lambda: Author.objects.filter(pk__lt=3).union(Author.objects.filter(pk=5)).order_by("pk"),
]


async def test_every_shape_streams_what_it_gives_at_once(shop, mode):
    for build in SHAPES:
        for options in ({}, {"chunk_size": 1}, {"chunk_size": 3}, {"chunk_size": 1000}):
            assert await mode.stream(build(), **options) == await mode.fetch(build())


async def test_streamed_objects_are_complete(shop, mode, queries):
    queryset = (
        Book.objects.select_related("author").annotate(n=Count("tags")).only("title", "author__name").order_by("pk")
    )
    with queries() as log:
        books = await mode.stream(queryset, chunk_size=2)
        assert [(book.title, book.author.name, book.n) for book in books[:2]] == [
            ("Alpha", "Ada", 3),
            ("Beta", "Ada", 1),
        ]
    assert log.count == 1


async def test_prefetching_happens_per_chunk_or_not_at_all(shop, mode, queries):
    books = Prefetch("books", queryset=Book.objects.order_by("pk"), to_attr="mine")
    with queries() as log:
        found = await mode.stream(Author.objects.prefetch_related(books).order_by("pk"), chunk_size=3)
    assert [len(author.mine) for author in found] == [2, 1, 0, 2, 0, 1, 1, 0]
    assert log.count == 1 + 3
    unsized = Author.objects.prefetch_related("books")
    if mode.sync:
        with pytest.raises(ValueError, match="chunk_size"):
            await mode.stream(unsized)
    else:
        assert len(await mode.stream(unsized)) == len(found)
    with pytest.raises(ValueError):
        await mode.stream(Author.objects.all(), chunk_size=0)


async def test_the_cache_of_the_queryset_stays_empty(shop, mode, queries):
    queryset = Author.objects.order_by("pk")
    with queries() as log:
        await mode.stream(queryset)
        await mode.stream(queryset, chunk_size=2)
        await mode.fetch(queryset)
        await mode.fetch(queryset)
    assert log.count == 3


async def first_of(mode, queryset, limit, **options):
    """Read a few rows and walk away."""
    found = []
    if mode.sync:
        for row in queryset.iterator(**options):
            found.append(row.pk)
            if len(found) == limit:
                break
    else:
        stream = queryset.aiterator(**options)
        async for row in stream:
            found.append(row.pk)
            if len(found) == limit:
                break
        await stream.aclose()
    return found


async def test_walking_away_frees_the_connection(shop, mode):
    for _ in range(15):  # more often than the pool is large
        assert await first_of(mode, Author.objects.order_by("pk"), 2, chunk_size=1) == [1, 2]
    assert await mode.call(Author.objects, "count") == 8


async def test_walking_away_inside_a_block_leaves_the_block_whole(shop, mode):
    async with mode.atomic():
        await mode.call(Author.objects.filter(pk=1), "update", name="changed")
        assert await first_of(mode, Author.objects.order_by("pk"), 1, chunk_size=1) == [1]
        assert [one.name for one in await mode.stream(Author.objects.filter(pk=1), chunk_size=1)] == ["changed"]
        await mode.call(Author.objects.filter(pk=2), "update", name="too")
    assert await mode.fetch(Author.objects.filter(pk__lt=3).order_by("pk").values_list("name", flat=True)) == [
        "changed",
        "too",
    ]


async def test_an_error_of_the_reader_frees_the_connection(shop, mode):
    for _ in range(12):
        with pytest.raises(RuntimeError, match="reader"):
            if mode.sync:
                for _row in Author.objects.iterator(chunk_size=1):
                    raise RuntimeError("reader")
            else:
                async for _row in Author.objects.aiterator(chunk_size=1):
                    raise RuntimeError("reader")
    assert await mode.call(Author.objects, "count") == 8


async def test_other_statements_run_while_a_stream_is_open(shop, mode):
    seen = []
    if mode.sync:
        for author in Author.objects.order_by("pk").iterator(chunk_size=2):
            Author.objects.filter(pk=author.pk).update(email="seen")
            seen.append(author.books.count())
    else:
        async for author in Author.objects.order_by("pk").aiterator(chunk_size=2):
            await Author.objects.filter(pk=author.pk).aupdate(email="seen")
            seen.append(await author.books.acount())
    assert seen == [2, 1, 0, 2, 0, 1, 1, 0]
    assert await mode.call(Author.objects.filter(email="seen"), "count") == 8
