"""Every verb that writes, with the ways to use it; what each names in its events is compared with the tables themselves.

``python tests/events/writing_verbs.py`` prints, on SQLite, the table of the verbs and of what their events name.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import dorm
from dorm.db.connection import get_connection
from dorm.events import WriteEvent, subscribe
from dorm.functions import Upper


class Author(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)
    rating = dorm.IntegerField(default=0)


class Tag(dorm.Model):
    word = dorm.CharField(max_length=20, unique=True)


class Shelf(dorm.Model):
    place = dorm.CharField(max_length=20)


class Book(dorm.Model):
    title = dorm.CharField(max_length=20)
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE, null=True, related_name="books")
    editor = dorm.ForeignKey(Author, on_delete=dorm.SET_NULL, null=True, related_name="edited")
    agent = dorm.ForeignKey(Author, on_delete=dorm.SET_DEFAULT, default=1, related_name="sold")
    tags = dorm.ManyToManyField(Tag, related_name="books")
    shelves = dorm.ManyToManyField(Shelf, through="Placement", related_name="books")


class Placement(dorm.Model):
    book = dorm.ForeignKey(Book, on_delete=dorm.CASCADE)
    shelf = dorm.ForeignKey(Shelf, on_delete=dorm.CASCADE)


class Note(dorm.Model):
    text = dorm.CharField(max_length=20)
    book = dorm.ForeignKey(Book, on_delete=dorm.CASCADE, related_name="notes")
    answers = dorm.ForeignKey("self", on_delete=dorm.CASCADE, null=True, related_name="replies")


MODELS = [Author, Tag, Shelf, Book, Placement, Note]

Case = Callable[[Any], Awaitable[object]]
CASES: dict[str, Case] = {}
"""``"Kind.verb"``, or ``"Kind.verb: how"``, to a coroutine function of the mode that writes."""


def case(name: str) -> Callable[[Case], Case]:
    def add(function: Case) -> Case:
        CASES[name] = function
        return function

    return add


def populate() -> None:
    """Three authors; Ada's book of two tags and a shelf with a note and its reply; a book of nobody."""
    ada, bob, cyd = Author.objects.bulk_create([Author(name=name) for name in ("ada", "bob", "cyd")])
    red, _ = Tag.objects.bulk_create([Tag(word=word) for word in ("red", "blue")])
    shelf, _ = Shelf.objects.bulk_create([Shelf(place=place) for place in ("hall", "attic")])
    one = Book.objects.create(title="one", author=bob, editor=cyd, agent=bob)
    Book.objects.create(title="two", agent=ada)
    one.tags.add(red)
    Placement.objects.create(book=one, shelf=shelf)
    note = Note.objects.create(text="a", book=one)
    Note.objects.create(text="b", book=one, answers=note)


# ------------------------------------------------------------------------------------------------------------- querysets


@case("QuerySet.create")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "create", name="new")


@case("QuerySet.create: an expression")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "create", name=Upper(dorm.Value("new")))


@case("QuerySet.create: a key of one's own")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "create", id=70, name="new")


@case("QuerySet.get_or_create")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "get_or_create", name="new")


@case("QuerySet.exists_or_create")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "exists_or_create", name="new")


@case("QuerySet.update_or_create: a new row")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "update_or_create", {"rating": 3}, name="new")


@case("QuerySet.update_or_create: a row that is there")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "update_or_create", {"rating": 3}, name="ada")


@case("QuerySet.create_or_update")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "create_or_update", {"rating": 4}, name="ada")


@case("QuerySet.update")
async def _(mode: Any) -> None:
    await mode.call(Author.objects.filter(rating=0), "update", rating=1000)


@case("QuerySet.update: an expression")
async def _(mode: Any) -> None:
    await mode.call(Author.objects.exclude(name="cyd"), "update", rating=dorm.F("rating") + 1)


@case("QuerySet.update: over a relation")
async def _(mode: Any) -> None:
    await mode.call(Author.objects.filter(books__tags__word="red"), "update", rating=2)


@case("QuerySet.update: an annotation")
async def _(mode: Any) -> None:
    rows = Author.objects.annotate(number=dorm.Count("books")).filter(number=1)
    await mode.call(rows, "update", rating=dorm.F("rating") + 5)


@case("QuerySet.update: the key")
async def _(mode: Any) -> None:
    await mode.call(Tag.objects.filter(word="blue"), "update", id=80)


@case("QuerySet.delete")
async def _(mode: Any) -> None:
    await mode.call(Tag.objects.filter(word__in=["red", "blue"]), "delete")


@case("QuerySet.delete: rows that nothing refers to")
async def _(mode: Any) -> None:
    await mode.call(Placement.objects.all(), "delete")


@case("QuerySet.delete: rows and what refers to them")
async def _(mode: Any) -> None:
    await mode.call(Author.objects.exclude(name="ada"), "delete")


@case("QuerySet.bulk_create")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "bulk_create", [Author(name="new"), Author(name="newer")])


@case("QuerySet.bulk_create: ignore_conflicts")
async def _(mode: Any) -> None:
    rows = [Author(name="ada"), Author(name="new")]
    await mode.call(Author.objects, "bulk_create", rows, ignore_conflicts=True)


@case("QuerySet.bulk_create: update_conflicts")
async def _(mode: Any) -> None:
    rows = [Author(name="ada", rating=6), Author(name="new", rating=6)]
    flags: dict[str, Any] = {"update_fields": ["rating"], "unique_fields": ["name"]}
    await mode.call(Author.objects, "bulk_create", rows, update_conflicts=True, **flags)


@case("QuerySet.upsert")
async def _(mode: Any) -> None:
    rows = [Author(name="ada", rating=6), Author(name="new", rating=6)]
    await mode.call(Author.objects, "upsert", rows, ["name"])


@case("QuerySet.bulk_update")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "bulk_update", [Author(id=n, rating=n + 5) for n in (1, 2, 900)], ["rating"])


@case("QuerySet.bulk_update: many rows")
async def _(mode: Any) -> None:
    await mode.call(Author.objects, "bulk_update", [Author(id=n, rating=n + 5) for n in range(1, 300)], ["rating"])


@case("QuerySet.bulk_update: expressions")
async def _(mode: Any) -> None:
    rows = [Author(id=n, name="x", rating=dorm.F("rating") + n) for n in (1, 2)]
    await mode.call(Author.objects, "bulk_update", rows, ["rating"])


# ------------------------------------------------------------------------------------------------------------- instances


@case("Model.save: a new row")
async def _(mode: Any) -> None:
    await mode.call(Author(name="new"), "save")


@case("Model.save: a row that is there")
async def _(mode: Any) -> None:
    await mode.call(Author(id=1, name="changed", rating=4), "save")


@case("Model.save: some columns")
async def _(mode: Any) -> None:
    await mode.call(Author(id=1, rating=5), "save", update_fields=["rating"])


@case("Model.save: an expression")
async def _(mode: Any) -> None:
    await mode.call(Author(id=1, name="ada", rating=dorm.F("rating") + 1), "save", force_update=True)


@case("Model.delete: rows, what refers to them, and what forgets them")
async def _(mode: Any) -> None:
    await mode.call(Author(id=2), "delete")


@case("Model.delete: SET_NULL")
async def _(mode: Any) -> None:
    await mode.call(Author(id=3), "delete")


@case("Model.delete: a row that nothing refers to")
async def _(mode: Any) -> None:
    await mode.call(Placement(id=1), "delete")


@case("Model.delete: rows that refer to their own kind")
async def _(mode: Any) -> None:
    await mode.call(Note(id=1), "delete")


# ------------------------------------------------------------------------------------- the rows that refer to an instance


@case("ReverseManager.add")
async def _(mode: Any) -> None:
    await mode.call(Author(id=1).books, "add", Book.from_db("default", ["id", "title"], [2, "two"]))


@case("ReverseManager.add: bulk=False")
async def _(mode: Any) -> None:
    await mode.call(Author(id=1).books, "add", Book(title="three"), bulk=False)


@case("ReverseManager.remove")
async def _(mode: Any) -> None:
    one = Book.from_db("default", ["id", "title", "author_id"], [1, "one", 2])
    await mode.call(Author(id=2).books, "remove", one)


@case("ReverseManager.clear")
async def _(mode: Any) -> None:
    await mode.call(Author(id=2).books, "clear")


@case("ReverseManager.set")
async def _(mode: Any) -> None:
    await mode.call(Author(id=2).books, "set", [Book.from_db("default", ["id", "title"], [2, "two"])])


@case("ReverseManager.create")
async def _(mode: Any) -> None:
    await mode.call(Author(id=1).books, "create", title="three")


@case("ReverseManager.get_or_create")
async def _(mode: Any) -> None:
    await mode.call(Author(id=1).books, "get_or_create", title="three")


@case("ReverseManager.exists_or_create")
async def _(mode: Any) -> None:
    await mode.call(Author(id=1).books, "exists_or_create", title="three")


@case("ReverseManager.update_or_create")
async def _(mode: Any) -> None:
    await mode.call(Author(id=2).books, "update_or_create", {"editor_id": 1}, title="one")


@case("ReverseManager.create_or_update")
async def _(mode: Any) -> None:
    await mode.call(Author(id=2).books, "create_or_update", {"editor_id": 1}, title="one")


@case("ReverseManager.bulk_create")
async def _(mode: Any) -> None:
    await mode.call(Author(id=2).books, "bulk_create", [Book(title="three"), Book(title="four")])


@case("ReverseManager.upsert")
async def _(mode: Any) -> None:
    await mode.call(Author(id=3).books, "upsert", [Book(id=2, title="changed"), Book(id=90, title="new")], ["id"])


@case("ReverseManager.bulk_update")
async def _(mode: Any) -> None:
    await mode.call(Author(id=2).books, "bulk_update", [Book(id=1, title="changed")], ["title"])


@case("ReverseManager.update")
async def _(mode: Any) -> None:
    await mode.call(Author(id=2).books, "update", title="changed")


@case("ReverseManager.delete")
async def _(mode: Any) -> None:
    await mode.call(Author(id=2).books, "delete")


# ------------------------------------------------------------------------------------------- many-to-many relations


@case("ManyRelatedManager.add")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "add", 1, 2)


@case("ManyRelatedManager.add: a table of pairs of one's own")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).shelves, "add", 1, 2)


@case("ManyRelatedManager.remove")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "remove", 1)


@case("ManyRelatedManager.remove: a table of pairs of one's own")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).shelves, "remove", 1)


@case("ManyRelatedManager.clear")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "clear")


@case("ManyRelatedManager.set")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "set", [2])


@case("ManyRelatedManager.set: clear=True")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "set", [2], clear=True)


@case("ManyRelatedManager.create")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "create", word="green")


@case("ManyRelatedManager.get_or_create")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "get_or_create", word="green")


@case("ManyRelatedManager.exists_or_create")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "exists_or_create", word="green")


@case("ManyRelatedManager.update_or_create")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "update_or_create", {"word": "crimson"}, id=1)


@case("ManyRelatedManager.create_or_update")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "create_or_update", {"word": "crimson"}, id=1)


@case("ManyRelatedManager.bulk_create")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "bulk_create", [Tag(word="green"), Tag(word="white")])


@case("ManyRelatedManager.upsert")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).shelves, "upsert", [Shelf(id=2, place="roof"), Shelf(id=60, place="cellar")], ["id"])


@case("ManyRelatedManager.bulk_update")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "bulk_update", [Tag(id=1, word="crimson")], ["word"])


@case("ManyRelatedManager.update")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "update", word="crimson")


@case("ManyRelatedManager.delete")
async def _(mode: Any) -> None:
    await mode.call(Book(id=1).tags, "delete")


# ------------------------------------------------------------------------------------------------------- hand-written SQL

AUTHORS = Author._meta.db_table
INSERT = f"INSERT INTO {AUTHORS} (name, rating) VALUES ('new', 0)"
UPDATE = f"UPDATE {AUTHORS} SET rating = 7"


@case("Connection.execute")
async def _(mode: Any) -> None:
    await mode.settle(mode.connection().execute(f"{UPDATE} RETURNING id"))


@case("Connection.execute_write")
async def _(mode: Any) -> None:
    await mode.settle(mode.connection().execute_write(UPDATE))


@case("Connection.execute_insert")
async def _(mode: Any) -> None:
    await mode.settle(mode.connection().execute_insert(INSERT))


@case("Connection.execute_script")
async def _(mode: Any) -> None:
    await mode.settle(mode.connection().execute_script(f"{UPDATE}; {INSERT};"))


@case("Connection.execute_streaming")
async def _(mode: Any) -> None:
    rows = mode.connection().execute_streaming(f"{INSERT} RETURNING id")
    if hasattr(rows, "__aiter__"):
        async for _row in rows:
            pass
    else:
        list(rows)


@case("QuerySet.raw")
async def _(mode: Any) -> None:
    await mode.fetch(Author.objects.raw(f"{UPDATE} RETURNING id, name, rating"))


READING = {
    "QuerySet": {
        "aggregate", "contains", "count", "earliest", "exists", "explain", "first", "get", "get_or_none", "in_bulk",
        "iterator", "last", "latest", "values", "values_list",
    },
    "Model": {
        "avalidate_constraints", "avalidate_unique", "full_clean", "refresh_from_db", "validate_constraints",
        "validate_unique",
    },
    "Connection": {"close", "commit", "get_table_columns", "pool_stats", "rollback", "set_autocommit", "table_exists", "warm_up"},
}  # fmt: skip
"""Verbs that write no rows."""


def tables(database: Any) -> dict[str, dict[Any, dict[str, Any]]]:
    """All rows of all tables, read behind the library's back: by label, key and field name."""
    found = {}
    for model in (*MODELS, Book.tags.through):
        fields = list(model._meta.concrete_fields)
        columns = ", ".join(f'"{field.column}"' for field in fields)
        rows = database.rows(f'SELECT {columns} FROM "{model._meta.db_table}"')
        names = [field.name for field in fields]
        found[model._meta.label] = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
    return found


class _Sync:
    """The mode of the table: plain verbs."""

    async def call(self, target: Any, verb: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(target, verb)(*args, **kwargs)

    async def fetch(self, queryset: Any) -> list[Any]:
        return list(queryset)

    async def settle(self, value: Any) -> Any:
        return value

    def connection(self) -> Any:
        return get_connection()


def lines() -> Iterator[str]:
    """The rows of the table."""
    yield "| verb | events (kind model keys fields, origin) |"
    yield "| --- | --- |"
    for name, write in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": f"{folder}/table.sqlite3"}})
            dorm.create_tables(*MODELS)
            populate()
            told: list[WriteEvent] = []
            with subscribe(told.append, want="values"):
                with contextlib.suppress(StopIteration):
                    write(_Sync()).__await__().__next__()
            yield f"| `{name}` | {'<br>'.join(_line(event) for event in told if event.phase == 'after')} |"
            get_connection().close()


def _line(event: WriteEvent) -> str:
    if event.model is None:
        return f"{event.kind}: table not known (`model` and `keys` are None), {event.origin}"
    kinds = [event.kind_of(key) for key in event.keys or ()]
    keys = ", ".join(
        f"{key} {kind.removesuffix('e')}ed" if event.kind == "upsert" else str(key)
        for key, kind in zip(event.keys or (), kinds, strict=True)
    )
    fields = f" ({', '.join(event.fields)})" if event.fields else ""
    return f"{event.kind} {event.model.__name__} {keys}{fields}, {event.origin}"


if __name__ == "__main__":
    for line in lines():
        print(line)
