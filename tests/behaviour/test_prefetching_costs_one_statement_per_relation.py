"""prefetch_related over every kind of relation: one statement each, served from memory afterwards."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book, Club, Profile, Tag
from dorm import Count, FieldDoesNotExist, FieldError, Prefetch


def titles(books):
    return [book.title for book in books]


def names(rows):
    return sorted(row.name for row in rows)


def of_books(queryset):
    return Prefetch("books", queryset=queryset)


def profile(author):
    return getattr(author, "profile", None)


# queryset, what is read of each object, statements, what is read of the first objects
CASES = [
    (
        lambda: Author.objects.prefetch_related("books"),
        lambda a: sorted(titles(a.books.all())),
        2,
        [["Alpha", "Beta"], ["beta"], []],
    ),
    (
        lambda: Author.objects.prefetch_related("books__tags"),
        lambda a: [names(b.tags.all()) for b in sorted(a.books.all(), key=lambda b: b.pk)],
        3,
        [[["fi", "sci", "space"], ["sci"]], [[]], []],
    ),
    (
        lambda: Author.objects.prefetch_related("books__tags__parent"),
        lambda a: sorted({t.parent.name for b in a.books.all() for t in b.tags.all() if t.parent}),
        4,
        [["fi", "sci"], [], []],
    ),
    (
        lambda: Book.objects.prefetch_related("author__country"),
        lambda b: (b.author.name, b.author.country and b.author.country.code),
        3,
        [("Ada", "NO"), ("Ada", "NO"), ("Bob", None)],
    ),
    (
        lambda: Book.objects.prefetch_related("publisher"),
        lambda b: b.publisher and b.publisher.name,
        2,
        ["Alfa", "beta", None],
    ),
    (
        lambda: Author.objects.prefetch_related("profile__badge"),
        lambda a: profile(a) and getattr(profile(a), "badge", None) and profile(a).badge.label,
        3,
        ["gold", None, None, "tin"],
    ),
    (
        lambda: Tag.objects.prefetch_related("alike", "alike_of"),
        lambda t: (names(t.alike.all()), names(t.alike_of.all())),
        3,
        [(["SCI", "fi"], ["SCI"]), ([], ["sci"]), (["space"], ["space"])],
    ),
    (
        lambda: Tag.objects.prefetch_related("children", "parent"),
        lambda t: (names(t.children.all()), t.parent and t.parent.name),
        3,
        [(["fi"], None), (["space"], "sci")],
    ),
    (
        lambda: Club.objects.prefetch_related("members"),
        lambda c: [m.name for m in sorted(c.members.all(), key=lambda m: m.pk)],
        2,
        [["Ada", "Bob", "Çelik"], ["Ada", "Çelik", "Çelik"], []],
    ),
    (
        lambda: Club.objects.prefetch_related("memberships__author"),
        lambda c: sorted(m.author.name for m in c.memberships.all()),
        3,
        [["Ada", "Bob", "Çelik"]],
    ),
    (
        lambda: Author.objects.prefetch_related("mentor__mentor"),
        lambda a: a.mentor and a.mentor.mentor and a.mentor.mentor.name,
        3,
        [None, None, None, "Ada"],
    ),
    (
        lambda: Author.objects.prefetch_related("books").prefetch_related("reviews"),
        lambda a: (len(a.books.all()), len(a.reviews.all())),
        3,
        [(2, 2), (1, 2), (0, 1)],
    ),
    (
        lambda: Book.objects.select_related("author").prefetch_related("author__books"),
        lambda b: len(b.author.books.all()),
        2,
        [2, 2, 1],
    ),
    # A loop back to where it began.
    (
        lambda: Book.objects.prefetch_related("author__books__author"),
        lambda b: {x.author.name for x in b.author.books.all()},
        3,
        [{"Ada"}, {"Ada"}, {"Bob"}],
    ),
    # With querysets of their own.
    (
        lambda: Author.objects.prefetch_related(Prefetch("books", queryset=Book.objects.order_by("-title"))),
        lambda a: titles(a.books.all()),
        2,
        [["Beta", "Alpha"]],
    ),
    (
        lambda: Book.objects.prefetch_related(Prefetch("tags", queryset=Tag.objects.order_by("-name"))),
        lambda b: [t.name for t in b.tags.all()],
        2,
        [["space", "sci", "fi"], ["sci"], []],
    ),
    (
        lambda: Author.objects.prefetch_related(
            Prefetch("books", queryset=Book.objects.select_related("publisher").order_by("pk"))
        ),
        lambda a: [b.publisher and b.publisher.name for b in a.books.all()],
        2,
        [["Alfa", "beta"], [None]],
    ),
    (
        lambda: Book.objects.prefetch_related(
            Prefetch("tags", queryset=Tag.objects.annotate(n=Count("children")).order_by("pk"))
        ),
        lambda b: [(t.name, t.n) for t in b.tags.all()],
        2,
        [[("sci", 1), ("fi", 1), ("space", 0)]],
    ),
    (
        lambda: Author.objects.prefetch_related(
            Prefetch(
                "books",
                queryset=Book.objects.prefetch_related(
                    Prefetch("tags", queryset=Tag.objects.order_by("-name"))
                ).order_by("pk"),
            )
        ),
        lambda a: [[t.name for t in b.tags.all()] for b in a.books.all()],
        3,
        [[["space", "sci", "fi"], ["sci"]]],
    ),
    (
        lambda: Author.objects.prefetch_related(Prefetch("books", queryset=Book.objects.none())),
        lambda a: titles(a.books.all()),
        1,
        [[], []],
    ),
]


async def test_prefetching_costs_one_statement_per_relation(shop, mode, queries):
    for build, read, statements, expected in CASES:
        with queries() as log:
            found = [read(one) for one in await mode.fetch(build().order_by("pk"))]
        line = f"the case of line {build.__code__.co_firstlineno}"
        assert found[: len(expected)] == expected, line
        assert log.count == statements, line


async def test_a_sliced_prefetch_takes_its_rows_per_parent_in_one_statement(shop, mode, queries):
    longest = Prefetch("books", queryset=Book.objects.order_by("-pages")[:1], to_attr="longest")
    second = Prefetch("books", queryset=Book.objects.order_by("-pages")[1:3], to_attr="others")
    tags = Prefetch("tags", queryset=Tag.objects.order_by("-name")[:2], to_attr="last_tags")
    with queries() as log:
        authors = await mode.fetch(Author.objects.prefetch_related(longest, second).order_by("pk"))
        books = await mode.fetch(Book.objects.prefetch_related(tags).order_by("pk"))
    assert [titles(author.longest) for author in authors[:4]] == [["Beta"], ["beta"], [], ["Gamma"]]
    assert [titles(author.others) for author in authors[:4]] == [["Alpha"], [], [], ["Delta"]]
    assert [[tag.name for tag in book.last_tags] for book in books[:3]] == [["space", "sci"], ["sci"], []]
    assert log.count == 5


async def test_a_list_attribute_stands_beside_the_relation(shop, mode, queries):
    long = Prefetch("books", queryset=Book.objects.filter(pages__gt=100), to_attr="long")
    short = Prefetch("books", queryset=Book.objects.filter(pages__lte=100), to_attr="short")
    inner = Prefetch("long__tags", queryset=Tag.objects.order_by("-name"), to_attr="labels")
    with queries() as log:
        authors = await mode.fetch(Author.objects.prefetch_related(long, short, inner).order_by("pk"))
    assert log.count == 4
    ada = authors[0]
    assert isinstance(ada.long, list)
    assert (titles(ada.long), titles(ada.short)) == (["Beta"], ["Alpha"])
    assert [tag.name for tag in ada.long[0].labels] == ["sci"]
    with queries() as log:
        assert len(await mode.fetch(ada.books.all())) == 2
    assert log.count == 1


async def test_a_prefetched_row_is_one_object_and_knows_its_parent(shop, mode, queries):
    authors = await mode.fetch(Author.objects.prefetch_related("books", "profile"))
    books = await mode.fetch(Book.objects.prefetch_related("author", "tags"))
    with queries() as log:
        assert all(book.author is author for author in authors for book in author.books.all())
        assert all(author.profile.author is author for author in authors if hasattr(author, "profile"))
        assert len({id(book.author) for book in books}) == 5
        assert len({id(tag) for book in books for tag in book.tags.all()}) == 6
    assert log.count == 0
    profiles = await mode.fetch(Profile.objects.prefetch_related("author"))
    with queries() as log:
        assert all(one.author.profile is one for one in profiles)
    assert log.count == 0


async def test_counting_and_asking_are_served_from_memory_and_filtering_is_not(shop, mode, queries):
    ada = await mode.call(Author.objects.prefetch_related("books"), "get", pk=1)
    with queries() as log:
        assert await mode.call(ada.books, "count") == 2
        assert await mode.call(ada.books, "exists") is True
        assert len(ada.books.all()) == 2
        assert ada.books.all()[1].author is ada
    assert log.count == 0
    with queries() as log:
        assert await mode.call(ada.books.filter(pages=100), "count") == 1
    assert log.count == 1


async def test_writing_through_the_manager_forgets_the_prefetched_list(shop, mode):
    ada = await mode.call(Author.objects.prefetch_related("books"), "get", pk=1)
    await mode.call(ada.books, "create", title="new")
    assert await mode.call(ada.books, "count") == 3
    alpha = await mode.call(Book.objects.prefetch_related("tags"), "get", pk=1)
    await mode.call(alpha.tags, "add", 4)
    assert len(await mode.fetch(alpha.tags.all())) == 4
    await mode.call(alpha.tags, "clear")
    assert await mode.fetch(alpha.tags.all()) == []
    ada = await mode.call(Author.objects.prefetch_related("books"), "get", pk=1)
    await mode.call(Book.objects.filter(title="new"), "delete")
    await mode.call(ada, "refresh_from_db")
    assert len(await mode.fetch(ada.books.all())) == 2


async def test_prefetching_needs_instances_and_names_that_exist(shop, mode):
    other = Book.objects.filter(pages=1)
    for error, match, build in [
        (FieldDoesNotExist, "boks", lambda: Author.objects.prefetch_related("books__boks")),
        (FieldDoesNotExist, "Did you mean 'books'", lambda: Author.objects.prefetch_related("boks")),
        (
            (TypeError, ValueError),
            "values",
            lambda: Author.objects.prefetch_related(of_books(Book.objects.values("title"))),
        ),
        (
            (TypeError, ValueError, FieldError),
            "Author",
            lambda: Author.objects.prefetch_related(of_books(Author.objects.all())),
        ),
        (ValueError, "books", lambda: Author.objects.prefetch_related("books", of_books(other))),
        (ValueError, "name", lambda: Author.objects.prefetch_related(Prefetch("books", to_attr="name"))),
        (ValueError, "books", lambda: Author.objects.prefetch_related(Prefetch("books", to_attr="books"))),
    ]:
        with pytest.raises(error, match=match):
            await mode.fetch(build())
