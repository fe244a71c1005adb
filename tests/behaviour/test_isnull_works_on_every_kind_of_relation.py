"""`isnull` and `=None` say "has none" and "has some" on forward, reverse, one-to-one and many-to-many relations."""

from __future__ import annotations

from behaviour.bookshop import Author, Badge, Book, Club, Item, Publisher, Tag
from behaviour.cases import keys_are, refused_without_sql

CASES = [
    (lambda: Author.objects.filter(country__isnull=True), [2, 6]),
    (lambda: Author.objects.filter(country=None), [2, 6]),
    (lambda: Author.objects.filter(country__population__isnull=True), [2, 5, 6]),
    (lambda: Author.objects.filter(books__isnull=True), [3, 5, 8]),
    (lambda: Author.objects.filter(books=None), [3, 5, 8]),
    (lambda: Author.objects.filter(books__isnull=False), [1, 2, 4, 6, 7]),
    (lambda: Author.objects.filter(books__tags__isnull=True).distinct(), [2, 3, 5, 7, 8]),
    (lambda: Author.objects.filter(profile__isnull=True), [3, 5, 6, 8]),
    (lambda: Author.objects.filter(profile=None), [3, 5, 6, 8]),
    (lambda: Author.objects.filter(profile__badge__isnull=True), [2, 3, 5, 6, 7, 8]),
    (lambda: Author.objects.filter(profile__badge=None), [2, 3, 5, 6, 7, 8]),
    (lambda: Author.objects.filter(profile__badge__isnull=False), [1, 4]),
    (lambda: Author.objects.filter(profile__home__isnull=True), [2, 3, 5, 6, 8]),
    (lambda: Author.objects.filter(students__isnull=False), [1, 2, 4]),
    (lambda: Author.objects.filter(clubs__isnull=False), [1, 2, 4]),
    (lambda: Badge.objects.filter(profile__author__isnull=True), [3]),
    (lambda: Book.objects.filter(tags__isnull=True), [3, 7]),
    (lambda: Book.objects.filter(tags__isnull=False), [1, 2, 4, 5, 6]),
    (lambda: Book.objects.filter(sequel__isnull=True, prequel__isnull=True), [3, 6, 7]),
    (lambda: Book.objects.filter(sequel__sequel=None), [1, 2, 3, 4, 5, 6, 7]),
    (lambda: Club.objects.filter(members=None), [3]),
    (lambda: Publisher.objects.filter(sale__isnull=True), [4, 5]),
    (lambda: Publisher.objects.filter(sale_set__isnull=True), [4, 5]),
    (lambda: Tag.objects.filter(children__isnull=True), [3, 5, 6]),
    (lambda: Tag.objects.filter(alike_of__isnull=True), [4, 6]),
    (lambda: Item.objects.filter(inside__isnull=True).order_by("pk"), [3, 5, 6]),
    # exclude() never multiplies, and a missing row two hops away counts as missing.
    (lambda: Author.objects.exclude(books__tags__isnull=True), [1, 4, 6]),
    (lambda: Author.objects.exclude(books__isnull=False), [3, 5, 8]),
]


async def test_isnull_works_on_every_kind_of_relation(shop, mode):
    await keys_are(mode, CASES)


async def test_a_forward_relation_needs_no_join(shop, mode, queries):
    with queries() as log:
        await mode.fetch(Author.objects.filter(country__isnull=True))
        await mode.fetch(Author.objects.filter(country=3))
        await mode.fetch(Author.objects.filter(country__id=3))
        await mode.fetch(Author.objects.filter(country__pk__in=[3]))
        await mode.fetch(Author.objects.exclude(country_id=3))
    assert log.count == 5
    assert log.containing(" JOIN ") == []


def test_only_true_and_false_say_whether_something_is_null(shop, queries):
    attempts = [
        lambda: Author.objects.filter(age__isnull="x"),
        lambda: Author.objects.filter(age__isnull=None),
        lambda: Author.objects.filter(books__isnull=1),
    ]
    refused_without_sql(queries, ValueError, attempts, "isnull")
