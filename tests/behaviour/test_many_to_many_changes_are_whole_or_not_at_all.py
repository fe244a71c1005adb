"""Add, remove, set, clear and create on many-to-many managers, and what a failure leaves behind."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book, Club, Tag
from dorm import IntegrityError


async def keys(mode, manager):
    return await mode.fetch(manager.order_by("pk").values_list("pk", flat=True))


async def alpha(mode):
    return await mode.call(Book.objects, "get", pk=1)


async def test_add_takes_rows_and_keys_and_skips_what_is_linked(shop, mode, queries):
    book = await alpha(mode)
    with queries() as log:
        await mode.call(book.tags, "add", 1, 2, 4, 4, await mode.call(Tag.objects, "get", pk=5), "6")
    assert await keys(mode, book.tags) == [1, 2, 3, 4, 5, 6]
    assert len([sql for sql in log.sql if "junction" in sql or "tags" in sql]) <= 3
    await mode.call(book.tags, "add")
    with queries() as log:
        await mode.call(book.tags, "add", 1, 2, 3)
    assert log.count <= 2
    assert await mode.call(book.tags, "count") == 6


async def test_set_makes_the_links_exactly_these(shop, mode):
    book = await alpha(mode)
    for given, expected in [([1, 4], [1, 4]), (iter([4, 5]), [4, 5]), (Tag.objects.filter(pk__gt=4), [5, 6]), ([], [])]:
        await mode.call(book.tags, "set", given)
        assert await keys(mode, book.tags) == expected
    await mode.call(book.tags, "set", [1, 1, 2], clear=True)
    assert await keys(mode, book.tags) == [1, 2]


async def test_remove_and_clear_leave_other_owners_alone(shop, mode):
    book = await alpha(mode)
    sci = await mode.call(Tag.objects, "get", pk=1)
    await mode.call(book.tags, "remove", 2, sci, 99)
    assert await keys(mode, book.tags) == [3]
    assert await keys(mode, sci.books) == [2, 5]
    await mode.call(sci.books, "clear")
    assert await keys(mode, sci.books) == []
    assert await keys(mode, book.tags) == [3]


async def test_create_and_the_create_or_find_family_link_what_they_make(shop, mode):
    book = await alpha(mode)
    await mode.call(book.tags, "create", name="made")
    assert await mode.call(book.tags, "count") == 4
    assert (await mode.call(book.tags, "get_or_create", name="sci"))[1] is False
    # Another book's tag of that name is not this book's: a second one is made.
    assert (await mode.call(book.tags, "get_or_create", name="love"))[1] is True
    assert await mode.call(Tag.objects.filter(name="love"), "count") == 2
    assert (await mode.call(book.tags, "update_or_create", name="sci", defaults={"name": "science"}))[1] is False
    assert (await mode.call(Tag.objects, "get", pk=1)).name == "science"


async def test_a_relation_to_the_same_model_has_two_directions(shop, mode):
    sci = await mode.call(Tag.objects, "get", pk=1)
    assert await keys(mode, sci.alike) == [2, 5]
    assert await keys(mode, sci.alike_of) == [5]
    await mode.call(sci.alike, "add", sci)
    assert await keys(mode, sci.alike) == [1, 2, 5]
    assert await keys(mode, sci.alike_of) == [1, 5]
    await mode.call(sci.alike_of, "set", [6])
    assert await keys(mode, sci.alike) == [2, 5]


async def test_a_through_model_gets_its_defaults(shop, mode):
    chess = await mode.call(Club.objects, "get", pk=1)
    await mode.call(chess.members, "set", [1, 3], through_defaults={"role": "guest"})
    links = await mode.fetch(chess.memberships.order_by("author").values_list("author", "role"))
    assert links == [(1, "lead"), (3, "guest")]
    await mode.call(chess.members, "add", 5, through_defaults={"role": "new"})
    await mode.call(chess.members, "remove", 1)
    assert await keys(mode, chess.members) == [3, 5]


@pytest.mark.parametrize("verb", ["add", "set"])
async def test_a_wrong_value_changes_nothing(shop, mode, verb):
    book = await alpha(mode)

    def failing():
        yield 4
        raise RuntimeError("no more")

    for error, bad in [
        (TypeError, Author(pk=1, name="x")),
        (ValueError, Tag(name="unsaved")),
        (Exception, "x"),
    ]:
        with pytest.raises(error):
            await (mode.call(book.tags, "add", 4, bad) if verb == "add" else mode.call(book.tags, "set", [4, bad]))
        assert await keys(mode, book.tags) == [1, 2, 3]
    with pytest.raises(RuntimeError):
        await (mode.call(book.tags, "add", *failing()) if verb == "add" else mode.call(book.tags, "set", failing()))
    assert await keys(mode, book.tags) == [1, 2, 3]


async def test_a_key_that_does_not_exist_changes_nothing(shop, mode):
    book = await alpha(mode)
    for verb, args in [("add", (4, 99_999)), ("set", ([4, 99_999],))]:
        with pytest.raises(IntegrityError):
            await mode.call(book.tags, verb, *args)
        assert await keys(mode, book.tags) == [1, 2, 3]


async def test_a_failure_inside_an_open_block_is_undone_and_the_block_goes_on(shop, mode):
    book = await alpha(mode)
    async with mode.atomic():
        with pytest.raises(ValueError):
            await mode.call(book.tags, "set", [4, Tag(name="unsaved")])
        await mode.call(book.tags, "add", 5)
    assert await keys(mode, book.tags) == [1, 2, 3, 5]


async def test_an_unsaved_owner_has_no_links(shop, mode, queries):
    book = Book(title="x")
    with queries() as log:
        for verb, args in [("add", (1,)), ("remove", (1,)), ("set", ([1],)), ("clear", ()), ("create", ())]:
            with pytest.raises(ValueError, match="save"):
                await mode.call(book.tags, verb, *args)
        with pytest.raises(ValueError, match="save"):
            await mode.fetch(book.tags.all())
    assert log.count == 0


async def test_reading_asks_nothing_until_it_is_read(shop, mode, queries):
    book = await alpha(mode)
    with queries() as log:
        tags = book.tags.all().filter(name__contains="s").order_by("name")
    assert log.count == 0
    with queries() as log:
        assert [tag.name for tag in await mode.fetch(tags)] == ["sci", "space"]
    assert log.count == 1
