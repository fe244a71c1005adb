"""What users read when they err: the whole text of each message, so that a change of it is seen and meant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import dorm
from dorm import Count, F, Q, transaction


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)
    age = dorm.IntegerField(null=True)


class Tag(dorm.Model):
    name = dorm.CharField(max_length=20)


class Book(dorm.Model):
    title = dorm.CharField(max_length=20, unique=True)
    price = dorm.DecimalField(max_digits=5, decimal_places=2, null=True)
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE, related_name="books")
    tags = dorm.ManyToManyField(Tag, related_name="books")


pytestmark = pytest.mark.models([Author, Tag, Book])
APP = Author._meta.app_label
A, B = Author.objects, Book.objects
VALID = "Valid names: age, books, id, name, pk."

# what was written: the class of the error, its text
WRITTEN: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a misspelt field": (
        lambda: A.filter(nmae="x"),
        dorm.FieldDoesNotExist,
        f"Author has no field named 'nmae'. Did you mean 'name'? {VALID}",
    ),
    "a misspelt field of a related model": (
        lambda: B.filter(author__nmae="x"),
        dorm.FieldDoesNotExist,
        f"Author has no field named 'nmae' (in 'author__nmae'). Did you mean 'name'? {VALID}",
    ),
    "a misspelt lookup": (
        lambda: A.filter(age__gtt=1),
        dorm.FieldDoesNotExist,
        (
            "Unsupported lookup 'gtt' for IntegerField in 'age__gtt' of Author, or join on the field not permitted: 'gtt' is neither "
            "a lookup nor a transform there. Did you mean 'gt'? Valid names: contains, endswith, exact, gt, gte, "
            "icontains, iendswith, iexact, in, iregex, isnotnull, isnull, istartswith, lt, lte, ne, range, regex, startswith."
        ),
    ),
    "a misspelt field in an expression": (
        lambda: A.filter(age=F("agee")),
        dorm.FieldDoesNotExist,
        f"Author has no field named 'agee'. Did you mean 'age'? {VALID} For literal text use Value('agee').",
    ),
    "select_related() of a column": (
        lambda: B.select_related("title"),
        dorm.FieldDoesNotExist,
        "select_related('title'): the field 'title' of Book is no relation. Valid names: author, author_id.",
    ),
    "select_related() of many rows": (
        lambda: A.select_related("books"),
        dorm.exceptions.InvalidRelationPath,
        "select_related('books'): 'books' of Author leads to several rows; use prefetch_related('books').",
    ),
    "prefetch_related() of nothing": (
        lambda: B.prefetch_related("autor"),
        dorm.FieldDoesNotExist,
        (
            "Cannot find 'autor' on Book object, 'autor' is an invalid parameter to prefetch_related(). Did you mean 'author'? "
            "Valid names: author, tags."
        ),
    ),
    "filter() after a slice": (
        lambda: A.all()[:1].filter(age=1),
        TypeError,
        "Cannot filter a query once a slice has been taken.",
    ),
    "a negative index": (lambda: A.all()[-1], ValueError, "Negative indexing is not supported."),
    "None compared": (
        lambda: A.filter(age__gt=None),
        ValueError,
        "None cannot be compared with the lookup 'gt'; use isnull=True.",
    ),
    "a text as a list": (
        lambda: A.filter(name__in="Ada"),
        ValueError,
        "The lookup 'in' needs a list, tuple, set or other iterable, not str.",
    ),
    "a text as a number": (
        lambda: A.filter(age="old"),
        dorm.ValidationError,
        f"{APP}.Author.age: “old” value must be an integer.",
    ),
    "an unsaved instance in a condition": (
        lambda: B.filter(author=Author(name="x")),
        ValueError,
        "Model instances passed to related filters must be saved: <Author: pk=None> has no id.",
    ),
    "an instance of another model": (
        lambda: B.filter(author=Tag(pk=1)),
        ValueError,
        "Cannot query <Tag: pk=1>: 'author' takes Author instances, not Tag.",
    ),
    "a condition as a truth value": (
        lambda: bool(Q(age=1)),
        TypeError,
        (
            "A Q object is a condition for the database and has no truth value in Python: combine conditions with & | ~ instead of "
            "and/or/not, and write two conditions instead of a chained comparison."
        ),
    ),
    "an annotation with the name of a field": (
        lambda: A.annotate(name=Count("books")),
        ValueError,
        "The annotation 'name' conflicts with a field on the model Author; choose another name.",
    ),
    "an argument that is no field": (
        lambda: Author(nmae="x"),
        TypeError,
        "Author() got unexpected keyword arguments: 'nmae'. Did you mean 'name'? Valid names: age, id, name.",
    ),
    "a value that does not fit its field": (
        lambda: Author(name="x", age="old"),
        dorm.ValidationError,
        "age: “old” value must be an integer.",
    ),
    "many-to-many rows in the constructor": (
        lambda: Book(title="x", tags=[1]),
        TypeError,
        "Book cannot be made with 'tags': save the instance first, then call .tags.set(…).",
    ),
    "many-to-many rows assigned": (
        lambda: setattr(Book(pk=1), "tags", []),
        TypeError,
        "Book.tags cannot be assigned. Call .tags.set(…) instead.",
    ),
    "a foreign key without on_delete": (
        lambda: dorm.ForeignKey("Author"),
        TypeError,
        (
            "ForeignKey('Author') is missing 1 required argument: 'on_delete'. Say what happens to the rows that refer to a row "
            "that is deleted: on_delete=dorm.CASCADE, PROTECT, RESTRICT, SET_NULL, SET_DEFAULT, SET(…) or DO_NOTHING."
        ),
    ),
    "a coroutine function under the sync decorator": (
        lambda: transaction.atomic()(asyncio.sleep),
        TypeError,
        "sleep is a coroutine function: @atomic would commit before it runs; use @aatomic",
    ),
    "a setting in lower case": (
        lambda: dorm.configure(databases={}),
        dorm.ImproperlyConfigured,
        "settings have upper-case names; configure() was given databases",
    ),
    "a text that is too long": (
        lambda: Author(name="x" * 30).clean_fields(),
        dorm.ValidationError,
        "name: Ensure this value has at most 20 characters (it has 30).",
    ),
}


@pytest.mark.parametrize("mistake", WRITTEN)
def test_a_mistake_in_the_program(mistake):
    written, kind, text = WRITTEN[mistake]
    with pytest.raises(kind) as caught:
        written()
    assert str(caught.value) == text


# verb of which object, its arguments: the class of the error, its text
ASKED: dict[str, tuple[Callable[[Any], Any], str, dict[str, Any], type[Exception], str]] = {
    "get() of no row": (
        lambda ada: A,
        "get",
        {"name": "Nobody"},
        Author.DoesNotExist,
        "Author matching query does not exist.",
    ),
    "get() of several rows": (
        lambda ada: A,
        "get",
        {"age__gt": 1},
        Author.MultipleObjectsReturned,
        "get() returned more than one Author; narrow the conditions, or use first() or filter().",
    ),
    "a unique value twice": (
        lambda ada: B,
        "create",
        {"title": "Notes", "author_id": 1},
        dorm.DuplicateError,
        "title: Book with this Title already exists.",
    ),
    "a row that refers to an unsaved one": (
        lambda ada: B,
        "create",
        {"title": "x", "author": Author(name="x")},
        ValueError,
        "Book.save() prohibited to prevent data loss due to unsaved related object 'author': save the Author first.",
    ),
    "an update over a relation": (
        lambda ada: B,
        "update",
        {"author__name": "x"},
        dorm.FieldDoesNotExist,
        (
            "Book has no field named 'author__name' that update() could set. Did you mean 'author'? Valid names: author, id, price, "
            "title."
        ),
    ),
    "bulk_update() of no field": (
        lambda ada: B,
        "bulk_update",
        {"objs": [], "fields": []},
        ValueError,
        "Field names must be given to bulk_update().",
    ),
    "the deletion of what was never saved": (
        lambda ada: Author(name="x"),
        "delete",
        {},
        ValueError,
        "Author.delete() needs a stored row, and <Author: pk=None> was never saved.",
    ),
}


@pytest.mark.parametrize("mistake", ASKED)
async def test_a_mistake_that_the_database_meets(mistake, database, mode):
    ada = await mode.call(A, "create", name="Ada", age=36)
    await mode.call(A, "create", name="Grace", age=85)
    await mode.call(B, "create", title="Notes", author=ada)
    target, verb, arguments, kind, text = ASKED[mistake]
    with pytest.raises(kind) as caught:
        await mode.call(target(ada), verb, **arguments)
    assert str(caught.value) == text
