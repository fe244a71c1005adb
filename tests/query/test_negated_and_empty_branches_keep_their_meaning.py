"""What a condition means does not depend on what stands beside it, nor on what is known of its value."""

from __future__ import annotations

from typing import Any

import pytest
from small_library import MODELS, Author, Book, populate

from dorm import Count, F, Q

pytestmark = pytest.mark.models(MODELS)
A, B = Author.objects, Book.objects

NEGATED: dict[str, tuple[Any, str]] = {
    "further rows behind the row of this filter": (A.filter(Q(books__title="b1") & ~Q(books__tags__label="t1")), ""),
    "no duplicates from what is denied": (A.filter(Q(books__title="b1"), ~Q(books__tags__label="zz")), "a"),
    "a row that has such rows and others": (A.filter(Q(books__title="b1"), ~Q(books__notes__stars=2)), ""),
    "a row that has none": (A.filter(Q(books__title="b3"), ~Q(books__notes__stars=2)), "a"),
    "joined by both": (A.filter(Q(books__tags__label="t2"), ~Q(books__tags__weight=1)), "a"),
    "the row itself": (A.filter(Q(books__pages=10), ~Q(books__title="b1")), "a"),
    "the row of a second filter": (A.filter(name="a").filter(Q(books__pages=10), ~Q(books__title="b1")), "a"),
    "over a table between": (B.filter(Q(tags__label="t2"), ~Q(tags__books__title="b2")), ""),
    "another link": (B.filter(Q(tags__label="t2"), ~Q(tags__label="t1")), "b1 b2"),
    "denied first": (B.filter(~Q(tags__label="t1"), tags__label="t2"), "b2"),
    "in one half of an or": (A.filter(Q(books__title="b1") & ~Q(books__tags__label="t1") | Q(name="c")), "c"),
    "a null behind": (A.filter(Q(books__title="b2"), ~Q(books__notes__stars=None)), ""),
    "nothing behind": (A.filter(Q(books__title="b3"), ~Q(books__notes__isnull=True)), ""),
    "something behind": (A.filter(Q(books__title="b1"), ~Q(books__notes__isnull=True)), "a"),
    "excluded": (A.exclude(Q(books__title="b1") & ~Q(books__tags__label="zz")), "b c d"),
    "the other side in several rows": (A.exclude(name__lt=F("books__title")), "b c d"),
}


def names(rows: list[Any]) -> str:
    return " ".join(sorted(getattr(row, "name", getattr(row, "title", "")) for row in rows))


@pytest.mark.parametrize("name", NEGATED)
async def test_a_negated_condition_is_about_the_row_that_the_filter_has_joined(database, mode, name):
    populate()
    queryset, expected = NEGATED[name]
    assert names(await mode.fetch(queryset.all())) == expected


# what no row can match, whatever is in the tables
NOTHING = {
    "no values": {"books__title__in": []},
    "only NULL": {"books__title__in": [None]},
    "no rows": {"books__in": B.none()},
    "an empty slice": {"books__in": B.all()[3:3]},
    "too large": {"books__pages": 2**70},
    "too small a bound": {"books__pages__lt": -(2**70)},
    "all too large": {"books__pages__in": [2**70, 2**80]},
}
NOBODY = Q(books__title__in=["nobody"])


@pytest.mark.parametrize("name", NOTHING)
async def test_a_branch_that_is_known_to_match_nothing_means_what_an_unknown_one_means(database, mode, name):
    populate()
    known = Q(**NOTHING[name])
    for build in (
        lambda q: A.filter(q),
        lambda q: A.exclude(q),
        lambda q: A.filter(q | ~Q(books__pages=10)),
        lambda q: A.filter(q | Q(name="a")),
        lambda q: A.filter(q ^ Q(name="a")),
        lambda q: A.filter(q & Q(name="a")),
        lambda q: A.filter(~q, books__pages=10),
        lambda q: A.filter(~(q & Q(books__title="b1")), ~Q(books__title="b3")),
        lambda q: A.filter(q | Q(books__title="b1")).annotate(n=Count("books")).filter(n=1),
        lambda q: A.filter(q | Q(name="a")).annotate(n=Count("books__tags")).filter(n=3),
    ):
        rows, expected = await mode.fetch(build(known)), await mode.fetch(build(NOBODY))
        assert names(rows) == names(expected)


async def test_a_branch_that_is_known_to_match_everything_means_what_an_unknown_one_means(database, mode):
    populate()
    known, unknown = Q(books__pages__lt=2**70), Q(books__pages__lt=1000)
    for build in (
        lambda q: A.filter(q),
        lambda q: A.exclude(q),
        lambda q: A.filter(q & ~Q(books__pages=10)),
        lambda q: A.filter(~q | Q(name="b")),
        lambda q: A.filter(q ^ Q(books__title="b6")),
    ):
        assert names(await mode.fetch(build(known))) == names(await mode.fetch(build(unknown)))
