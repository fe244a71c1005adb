"""select_related through nullable chains and one-to-ones, beside annotations, only() and defer()."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Badge, Book, Profile
from behaviour.cases import refused_without_sql
from dorm import Count, FieldDoesNotExist


def bio(author):
    return getattr(getattr(author, "profile", None), "bio", None)


CASES = [
    (
        lambda: Book.objects.select_related("author__country"),
        lambda b: b.author.country and b.author.country.code,
        ["NO", "NO", None, "PE", "PE", None, "FR"],
    ),
    (
        lambda: Book.objects.select_related("publisher__country"),
        lambda b: b.publisher and b.publisher.country and b.publisher.country.code,
        ["NO", "PE", None, "NO", None, None, "IE"],
    ),
    (lambda: Author.objects.select_related("profile"), bio, ["first", "", None, "çok", None, None, "it's", None]),
    (
        lambda: Author.objects.select_related("profile__home"),
        lambda a: bio(a) and a.profile.home and a.profile.home.code,
        ["NO", "", None, "FR", None, None, "PE", None],
    ),
    (
        lambda: Author.objects.select_related("profile__badge"),
        lambda a: getattr(getattr(getattr(a, "profile", None), "badge", None), "label", None),
        ["gold", None, None, "tin", None, None, None, None],
    ),
    (
        lambda: Book.objects.select_related("sequel__author", "prequel"),
        lambda b: (b.sequel and b.sequel.author.name, getattr(b, "prequel", None) and b.prequel.title),
        [("Ada", None), (None, "Alpha"), (None, None), ("Çelik", None), (None, "Gamma"), (None, None), (None, None)],
    ),
    (
        lambda: Badge.objects.select_related("profile__author__country"),
        lambda b: b.profile and b.profile.author.country and b.profile.author.country.code,
        ["NO", "PE", None],
    ),
    (
        lambda: Book.objects.select_related("author").select_related("publisher"),
        lambda b: (b.author.name, b.publisher and b.publisher.name),
        [("Ada", "Alfa"), ("Ada", "beta"), ("Bob", None)],
    ),
    (
        lambda: Book.objects.select_related("author").annotate(n=Count("tags")),
        lambda b: (b.n, b.author.name),
        [(3, "Ada"), (1, "Ada"), (0, "Bob"), (2, "Çelik")],
    ),
    (
        lambda: Author.objects.select_related("profile").annotate(n=Count("books")),
        lambda a: (a.n, bio(a)),
        [(2, "first"), (1, ""), (0, None), (2, "çok")],
    ),
    (
        lambda: Author.objects.select_related("profile").annotate(n=Count("books")).only("name", "profile__bio"),
        lambda a: (a.n, a.name, bio(a)),
        [(2, "Ada", "first"), (1, "Bob", ""), (0, "bob", None)],
    ),
    (
        lambda: Author.objects.select_related("profile").defer("profile__score", "age"),
        lambda a: (a.name, bio(a)),
        [("Ada", "first"), ("Bob", "")],
    ),
    (
        lambda: Book.objects.select_related("author").only("title", "author__name"),
        lambda b: (b.title, b.author.name),
        [("Alpha", "Ada"), ("Beta", "Ada")],
    ),
    (
        lambda: Author.objects.select_related("mentor__mentor"),
        lambda a: a.mentor and a.mentor.mentor and a.mentor.mentor.name,
        [None, None, None, "Ada"],
    ),
]


async def test_related_objects_come_along_in_one_statement(shop, mode, queries):
    for build, read, expected in CASES:
        with queries() as log:
            found = [read(one) for one in await mode.fetch(build().order_by("pk"))]
        line = f"the case of line {build.__code__.co_firstlineno}"
        assert found[: len(expected)] == expected, line
        assert log.count == 1, line


async def test_both_ends_of_a_one_to_one_know_each_other(shop, mode, queries):
    authors = await mode.fetch(Author.objects.filter(profile__isnull=False).select_related("profile"))
    profiles = await mode.fetch(Profile.objects.select_related("author"))
    with queries() as log:
        assert all(author.profile.author is author for author in authors)
        assert all(profile.author.profile is profile for profile in profiles)
    assert log.count == 0


async def test_deferred_columns_load_one_by_one_when_they_are_read(shop, mode, queries):
    book = await mode.call(Book.objects.only("title"), "get", pk=1)
    assert book.get_deferred_fields() == {"author_id", "publisher_id", "pages", "price", "published", "sequel_id"}
    if mode.sync:
        with queries() as log:
            assert (book.title, book.pages, book.pages) == ("Alpha", 100, 100)
        assert log.count == 1
    await mode.call(book, "refresh_from_db", fields=["published"])
    assert "published" not in book.get_deferred_fields()


async def test_only_and_defer_compose(shop, mode):
    everything = {"title", "author_id", "publisher_id", "pages", "price", "published", "sequel_id"}
    for queryset, loaded in [
        (Book.objects.only("title").only("pages"), {"pages"}),
        (Book.objects.only("title", "pages").defer("title"), {"pages"}),
        (Book.objects.defer("title").only("title", "pages"), {"pages"}),
        (Book.objects.defer("title").defer("pages"), everything - {"title", "pages"}),
        (Book.objects.defer("title").defer(None), everything),
        (Book.objects.only("pk"), set()),
        (Book.objects.only("author"), {"author_id"}),
        (Book.objects.only("author_id"), {"author_id"}),
    ]:
        book = await mode.call(queryset, "get", pk=1)
        assert everything - book.get_deferred_fields() == loaded


def test_bad_paths_are_refused_and_named(shop, queries):
    refused_without_sql(
        queries,
        ValueError,
        [lambda: list(Book.objects.select_related("tags")), lambda: list(Book.objects.select_related("reviews"))],
        "prefetch_related",
    )
    attempts = [
        lambda: list(Book.objects.select_related("autor")),
        lambda: list(Book.objects.select_related("author__contry")),
        lambda: list(Book.objects.select_related("title")),
        lambda: list(Book.objects.only("titel")),
        lambda: list(Book.objects.defer("titel")),
    ]
    refused_without_sql(queries, FieldDoesNotExist, attempts)
    with pytest.raises((ValueError, FieldDoesNotExist), match="author"):
        list(Book.objects.select_related("author").only("title"))
