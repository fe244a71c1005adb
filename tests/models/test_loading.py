"""`refresh_from_db`, deferred columns, loading ahead."""

from __future__ import annotations

import pickle

import pytest

import dorm


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)
    bio = dorm.TextField(default="-")


class Book(dorm.Model):
    title = dorm.CharField(max_length=20)
    text = dorm.TextField(default="-")
    author = dorm.ForeignKey(Author, dorm.CASCADE)
    tags = dorm.ManyToManyField("Tag", related_name="books")


class Tag(dorm.Model):
    name = dorm.CharField(max_length=20)


class Noticing(dorm.Model):
    name = dorm.CharField(max_length=20)
    other = dorm.CharField(max_length=20, default="o")

    @classmethod
    def from_db(cls, db, field_names, values):
        instance = super().from_db(db, field_names, values)
        instance.noticed = list(field_names)
        return instance


pytestmark = pytest.mark.models(Author, Book, Tag, Noticing)


async def book(mode):
    ada = await mode.call(Author.objects, "create", name="Ada")
    made = await mode.call(Book.objects, "create", title="Notes", author=ada)
    await mode.call(made.tags, "add", await mode.call(Tag.objects, "create", name="t"))
    return made


async def test_reloading_replaces_values_and_forgets_what_hung_on_them(database, mode):
    made = await book(mode)
    made = await mode.call(Book.objects.select_related("author").prefetch_related("tags"), "get", pk=made.pk)
    other = await mode.call(Author.objects, "create", name="Ben")
    database.run("UPDATE test_loading_book SET title = 'New', author_id = ?", other.pk)
    await mode.call(made, "refresh_from_db", fields=["title"])
    assert ("New", "Ada") == (made.title, made.author.name)
    await mode.call(made, "refresh_from_db")
    assert other.pk == made.author_id
    assert "author" not in made.__dict__ and "_prefetched" not in made.__dict__
    await mode.call(made, "refresh_from_db", fields=["author"])


async def test_prefetched_lists_can_be_named(database, mode, queries):
    made = await book(mode)
    made = await mode.call(Book.objects.prefetch_related("tags"), "get", pk=made.pk)
    with queries() as log:
        await mode.call(made, "refresh_from_db", fields=["tags"])
    assert 0 == log.count
    assert "tags" not in made.__dict__["_prefetched"]


async def test_unknown_names_and_lost_rows_raise(database, mode):
    made = await book(mode)
    with pytest.raises(dorm.FieldDoesNotExist, match="nope"):
        await mode.call(made, "refresh_from_db", fields=["nope"])
    await mode.call(Book.objects.all(), "delete")
    with pytest.raises(Book.DoesNotExist):
        await mode.call(made, "refresh_from_db")


async def test_only_loaded_columns_are_reloaded(database, mode, queries):
    made = await book(mode)
    partial = await mode.call(Book.objects.only("title"), "get", pk=made.pk)
    assert {"text", "author_id"} == partial.get_deferred_fields()
    with queries() as log:
        await mode.call(partial, "refresh_from_db")
    assert "text" not in log.sql[0]
    assert {"text", "author_id"} == partial.get_deferred_fields()
    await mode.call(partial, "refresh_from_db", fields=["text"])
    assert "-" == partial.text


def test_a_deferred_column_is_loaded_once_when_it_is_read(database, queries):
    ada = Author.objects.create(name="Ada", bio="long")
    for queryset in (Author.objects.only("name"), Author.objects.defer("bio")):
        author = queryset.get()
        with queries() as log:
            assert "<Author: pk=" in repr(author)
            assert ("long", "long") == (author.bio, author.bio)
        assert 1 == log.count
    assert ada == Author.objects.only("name").get()
    assert "long" == pickle.loads(pickle.dumps(Author.objects.defer("bio").get())).bio


async def test_columns_and_relations_are_loaded_ahead_for_many(database, mode, queries):
    for _ in range(3):
        await book(mode)
    books = await mode.fetch(Book.objects.only("title", "author").order_by("pk"))
    with queries() as log:
        await mode.call(dorm, "load", books, "text", "author", "tags")
        assert [("-", "Ada", ["t"])] * 3 == [(b.text, b.author.name, [t.name for t in b.tags.all()]) for b in books]
    assert 3 == log.count
    partial = await mode.call(Author.objects.only("name"), "first")
    await mode.call(dorm, "load", partial)
    assert set() == partial.get_deferred_fields()
    with pytest.raises(dorm.FieldDoesNotExist, match="nope"):
        await mode.call(dorm, "load", books, "nope")


async def test_instances_load_themselves_in_async_code(database, queries):
    ada = await Author.objects.acreate(name="Ada")
    await Book.objects.acreate(title="Notes", author=ada)
    one = await Book.objects.only("title").aget()
    with queries() as log:
        await one.aload("author", "text")
        assert ("Ada", "-") == (one.author.name, one.text)
    assert log.count <= 3
    await dorm.db.connection.close_all_async()


async def test_sync_code_runs_in_the_task_and_its_transaction(database):
    ada = await Author.objects.acreate(name="Ada")
    await Book.objects.acreate(title="Notes", author=ada)

    def title_and_author(key):
        found = Book.objects.get(author_id=key)
        return found.title, found.author.name

    async with dorm.transaction.aatomic():
        await Book.objects.aupdate(title="Changed")
        assert ("Changed", "Ada") == await dorm.run(title_and_author, ada.pk)
    await dorm.db.connection.close_all_async()


async def test_from_db_takes_part_in_loading_where_it_is_overridden(database, mode):
    await mode.call(Noticing.objects, "create", name="n")
    assert ["id", "name", "other"] == (await mode.call(Noticing.objects, "get")).noticed
    partial = await mode.call(Noticing.objects.only("name"), "get")
    assert (["id", "name"], {"other"}) == (partial.noticed, partial.get_deferred_fields())
    assert (False, "default") == (partial._state.adding, partial._state.db)


def test_a_value_that_was_never_given_says_so(database):
    author = Author(name="x")
    del author.__dict__["bio"]
    with pytest.raises(AttributeError, match="bio"):
        author.bio


async def test_a_queryset_of_the_callers_decides_what_is_reloaded(database, mode, queries):
    made = await book(mode)
    database.run("UPDATE test_loading_book SET title = 'New', text = 'new'")
    with queries() as log:
        await mode.call(made, "refresh_from_db", from_queryset=Book.objects.only("title"))
        assert ("New", "-") == (made.title, made.text)
        await mode.call(made, "refresh_from_db", fields=["text"], from_queryset=Book.objects.only("title"))
        assert "new" == made.text
        await mode.call(made, "refresh_from_db", from_queryset=Book.objects.select_related("author"))
        assert "Ada" == made.author.name
    assert 3 == log.count
    with pytest.raises(ValueError, match="author__name"):
        await mode.call(made, "refresh_from_db", fields=["author__name"])
    with pytest.raises(Book.DoesNotExist):
        await mode.call(made, "refresh_from_db", from_queryset=Book.objects.filter(title="other"))
