"""The list of a sliced `Prefetch` is the slice of each parent's own rows, from one statement for all parents."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Badge, Book, Club, Country, Item, Profile, Publisher, Review, Tag
from dorm import Count, F, Prefetch, Q, Sum
from dorm.query.run.plan_cache import plans

SLICES = [slice(0, 1), slice(0, 2), slice(1, 3), slice(1, None), slice(5, None), slice(0, 100)]

# name of the relation, its model, the name that leads back, what is sliced
CASES = {
    "a foreign key's rows": (Author, "books", "author", lambda: Book.objects.order_by("-pages", "pk")),
    "rows that are not ordered": (Author, "books", "author", lambda: Book.objects.all()),
    "rows that are not ordered, reversed": (Author, "books", "author", lambda: Book.objects.reverse()),
    "a nullable foreign key's rows": (Publisher, "books", "publisher", lambda: Book.objects.order_by("title")),
    "an order of Meta": (Item, "inside", "box", lambda: Item.objects.all()),
    "an order of Meta, reversed": (Item, "inside", "box", lambda: Item.objects.reverse()),
    "an order with NULL": (Book, "reviews", "book", lambda: Review.objects.order_by("stars", "pk")),
    "NULL last": (Book, "reviews", "book", lambda: Review.objects.order_by(F("stars").desc(nulls_last=True), "-pk")),
    "NULL first": (Book, "reviews", "book", lambda: Review.objects.order_by(F("stars").asc(nulls_first=True), "pk")),
    "an order over a relation": (
        Author,
        "books",
        "author",
        lambda: Book.objects.order_by("-publisher__country__name", "pk"),
    ),
    "an order over several rows": (Author, "books", "author", lambda: Book.objects.order_by("tags__name", "pk")),
    "conditions": (Author, "books", "author", lambda: Book.objects.filter(pages__gte=100).order_by("-pk")),
    "conditions over several rows": (
        Author,
        "books",
        "author",
        lambda: Book.objects.filter(tags__pk__gte=1).order_by("pk", "tags__pk"),
    ),
    "different rows": (
        Author,
        "books",
        "author",
        lambda: Book.objects.filter(tags__pk__gte=1).distinct().order_by("-title"),
    ),
    "different rows, not ordered": (
        Author,
        "books",
        "author",
        lambda: Book.objects.filter(tags__pk__gte=1).distinct(),
    ),
    "different rows by a related column": (
        Author,
        "books",
        "author",
        lambda: Book.objects.distinct().order_by("tags__name", "pk"),
    ),
    "an aggregate": (
        Author,
        "books",
        "author",
        lambda: Book.objects.annotate(n=Count("tags")).order_by("-n", "pk"),
    ),
    "a condition on an aggregate": (
        Author,
        "books",
        "author",
        lambda: Book.objects.alias(n=Count("tags")).filter(n__lt=3).order_by("n", "pk"),
    ),
    "an expression": (
        Author,
        "books",
        "author",
        lambda: Book.objects.annotate(left=500 - F("pages")).order_by("left", "pk"),
    ),
    "related objects": (
        Author,
        "books",
        "author",
        lambda: Book.objects.select_related("publisher__country", "author").order_by("-pk"),
    ),
    "fewer columns": (Author, "books", "author", lambda: Book.objects.only("author", "title").order_by("-pages", "pk")),
    "none": (Author, "books", "author", lambda: Book.objects.none()),
    "linked rows": (Book, "tags", "books", lambda: Tag.objects.order_by("-name")),
    "linked rows, not ordered": (Book, "tags", "books", lambda: Tag.objects.all()),
    "linked rows from the other side": (Tag, "books", "tags", lambda: Book.objects.order_by("-pages", "title")),
    "linked rows of the same model": (Tag, "alike", "alike_of", lambda: Tag.objects.order_by("-pk")),
    "linked rows of the same model backwards": (Tag, "alike_of", "alike", lambda: Tag.objects.order_by("-pk")),
    "rows linked more than once": (
        Club,
        "members",
        "clubs",
        lambda: Author.objects.order_by("-age", "pk"),
    ),
    "different linked rows": (Club, "members", "clubs", lambda: Author.objects.distinct().order_by("pk")),
    "linked rows with an aggregate": (
        Book,
        "tags",
        "books",
        lambda: Tag.objects.annotate(n=Count("children")).order_by("-n", "pk"),
    ),
    "linked rows in an order of another relation": (
        Book,
        "tags",
        "books",
        lambda: Tag.objects.order_by("-parent__name", "-pk"),
    ),
    "linked rows with conditions": (
        Book,
        "tags",
        "books",
        lambda: Tag.objects.filter(Q(parent=None) | Q(pk__gt=2)).order_by("-pk"),
    ),
    "no linked row": (Book, "tags", "books", lambda: Tag.objects.none()),
    "one row on the other side": (Author, "profile", "author", lambda: Profile.objects.order_by("bio")),
    "one row, perhaps none": (Profile, "badge", "profile", lambda: Badge.objects.order_by("label")),
}


async def test_a_sliced_prefetch_is_the_slice_of_each_parent(shop, mode, queries):
    for name, (model, relation, back, rows) in CASES.items():
        queryset = rows()
        # rows without an order come by key, and so are the same ones each time
        whole = queryset if queryset.ordered else queryset.order_by("pk")
        parents = await mode.fetch(model.objects.order_by("pk"))
        own = [await mode.fetch(whole.filter(**{back: parent})) for parent in parents]
        for part in SLICES:
            chosen = Prefetch(relation, queryset=queryset[part], to_attr="part")
            with queries() as log:
                parents = await mode.fetch(model.objects.prefetch_related(chosen).order_by("pk"))
            assert log.count <= 2, name
            for parent, expected in zip(parents, own, strict=True):
                found = parent.part if isinstance(parent.part, list) else [parent.part] if parent.part else []
                assert found == expected[part], (name, part, parent)
                assert [vars(row).get("n") for row in found] == [vars(row).get("n") for row in expected[part]], name


async def test_the_parts_of_an_accessor_are_served_from_memory(shop, mode, queries):
    longest = Prefetch("books", queryset=Book.objects.order_by("-pages")[:1])
    authors = await mode.fetch(Author.objects.prefetch_related(longest).order_by("pk"))
    with queries() as log:
        assert [[book.title for book in author.books.all()] for author in authors[:4]] == [
            ["Beta"], ["beta"], [], ["Gamma"],
        ]  # fmt: skip
        assert authors[0].books.all()[0].author is authors[0]
    assert log.count == 0


async def test_a_slice_counts_each_row_of_a_foreign_key_for_itself(shop, mode):
    first = Prefetch("author", queryset=Author.objects.order_by("name")[:1], to_attr="writer")
    second = Prefetch("author", queryset=Author.objects.order_by("name")[1:], to_attr="other")
    for book in await mode.fetch(Book.objects.prefetch_related(first, second)):
        assert book.writer.pk == book.author_id
        assert book.other is None


def test_rows_are_numbered_around_the_rows_of_all_parents(shop, queries):
    chosen = Prefetch("inside", queryset=Item.objects.only("name", "box").order_by("-rank")[1:3])
    with queries() as log:
        list(Item.objects.prefetch_related(chosen))
    listed = (
        "IN (SELECT anon_3.value FROM json_each(?) AS anon_3)" if shop.vendor == "sqlite" else "= ANY (%b::BIGINT[])"
    )
    low, high = ("?", "?") if shop.vendor == "sqlite" else ("%s::BIGINT", "%s::BIGINT")
    assert " ".join(log.sql[1].replace('"', "").split()) == (
        "SELECT anon_1.id, anon_1.name, anon_1.box_id FROM ("
        "SELECT anon_2.id AS id, anon_2.name AS name, anon_2.box_id AS box_id, "
        "row_number() OVER (PARTITION BY anon_2.box_id ORDER BY anon_2.order 0 DESC) AS row number FROM ("
        "SELECT bookshop_item.id AS id, bookshop_item.name AS name, bookshop_item.box_id AS box_id, "
        f"bookshop_item.rank AS order 0 FROM bookshop_item WHERE bookshop_item.box_id {listed}"
        f") AS anon_2) AS anon_1 WHERE anon_1.row number > {low} AND anon_1.row number <= {high} ORDER BY anon_1.row number"
    )


async def test_an_empty_slice_asks_for_nothing(shop, mode, queries):
    for relation, queryset in (("books", Book.objects.all()), ("cobooks", Book.objects.order_by("pages"))):
        with queries() as log:
            nothing = Prefetch(relation, queryset=queryset[2:2], to_attr="nothing")
            authors = await mode.fetch(Author.objects.prefetch_related(nothing))
        assert {len(author.nothing) for author in authors} == {0}
        assert log.count == 1


async def test_a_slice_is_taken_at_each_level(shop, mode, queries):
    tags = Prefetch("tags", queryset=Tag.objects.order_by("-name")[:2], to_attr="last_tags")
    books = Prefetch("books", queryset=Book.objects.order_by("-pk").prefetch_related(tags)[:2], to_attr="newest")
    below = Prefetch("newest__reviews", queryset=Review.objects.order_by("pk")[1:], to_attr="later")
    with queries() as log:
        authors = await mode.fetch(Author.objects.prefetch_related(books, below).order_by("pk"))
        countries = await mode.fetch(
            Country.objects.prefetch_related(
                Prefetch("authors__books", queryset=Book.objects.order_by("title")[:1])
            ).order_by("pk")
        )
    assert log.count == 7
    ada = authors[0]
    assert [book.title for book in ada.newest] == ["Beta", "Alpha"]
    assert [[tag.name for tag in book.last_tags] for book in ada.newest] == [["sci"], ["space", "sci"]]
    assert [[review.text for review in book.later] for book in ada.newest] == [[], ["bad", ""]]
    assert [
        [[book.title for book in author.books.all()] for author in country.authors.all()] for country in countries[:3]
    ] == [[["Alpha"]], [[]], [[], ["Delta"]]]


async def test_a_slice_is_compiled_once_whatever_its_bounds(shop, mode):
    def sliced(low, high, pages):
        books = Book.objects.filter(pages__lt=pages).order_by("-pages")[low:high]
        return Author.objects.prefetch_related(Prefetch("books", queryset=books), Prefetch("cobooks", queryset=books))

    await mode.fetch(sliced(1, 2, 1000))
    plans.hits = plans.misses = plans.uncacheable = 0
    await mode.fetch(sliced(2, 5, 10))
    assert (plans.hits, plans.misses, plans.uncacheable) == (3, 0, 0)


@pytest.mark.only("postgresql")
async def test_the_first_rows_of_each_value_are_those_of_each_parent(shop, mode):
    longest = Book.objects.distinct("pages").order_by("pages", "-title")
    linked = Tag.objects.distinct("parent").order_by("parent", "-name")
    for model, relation, back, rows in ((Author, "books", "author", longest), (Book, "tags", "books", linked)):
        parents = await mode.fetch(
            model.objects.prefetch_related(Prefetch(relation, queryset=rows[:2], to_attr="part"))
        )
        for parent in parents:
            assert parent.part == await mode.fetch(rows.filter(**{back: parent})[:2])


@pytest.mark.only("postgresql")
async def test_rows_of_a_slice_can_be_locked(shop, mode):
    locked = Book.objects.select_for_update(of=("self",)).order_by("-pages")[:1]
    async with mode.atomic():
        authors = await mode.fetch(Author.objects.prefetch_related(Prefetch("books", queryset=locked)).order_by("pk"))
    assert [[book.title for book in author.books.all()] for author in authors[:2]] == [["Beta"], ["beta"]]


async def test_a_random_order_gives_each_parent_as_many_rows(shop, mode):
    some = Prefetch("tags", queryset=Tag.objects.order_by("?")[:2], to_attr="some")
    books = await mode.fetch(Book.objects.prefetch_related(some, "tags").order_by("pk"))
    assert [len(book.some) for book in books] == [2, 1, 0, 2, 2, 1, 0]
    assert all(set(book.some) <= set(book.tags.all()) for book in books)


async def test_conditions_and_aggregates_over_the_same_relation_speak_of_the_link(shop, mode):
    counted = Tag.objects.annotate(n=Count("books"), pages=Sum("books__pages")).order_by("-n", "pk")
    of_long_books = Tag.objects.filter(books__pages__gt=100).order_by("pk")
    for queryset, size in ((counted, None), (counted[:1], 1)):
        chosen = Prefetch("tags", queryset=queryset, to_attr="counted")
        books = await mode.fetch(Book.objects.prefetch_related(chosen).order_by("pk"))
        assert [[(tag.name, tag.n, tag.pages) for tag in book.counted] for book in books] == [
            [("sci", 1, 100), ("fi", 1, 100), ("space", 1, 100)][:size],
            [("sci", 1, 200)],
            [],
            [("love", 1, 100), ("SCI", 1, 100)][:size],
            [("sci", 1, 50), ("love", 1, 50)][:size],
            [("lonely", 1, 0)],
            [],
        ]
    for queryset in (of_long_books, of_long_books[:1]):
        chosen = Prefetch("tags", queryset=queryset, to_attr="of_long_books")
        books = await mode.fetch(Book.objects.prefetch_related(chosen).order_by("pk"))
        assert [[tag.name for tag in book.of_long_books] for book in books] == [
            [], ["sci"], [], [], [], [], [],
        ]  # fmt: skip
