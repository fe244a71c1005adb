"""Of every condition, `filter()` keeps some rows and `exclude()` all others, whatever is NULL on either side."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_library import MODELS, Author, Book, Note, populate

from dorm import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from dorm.functions import Abs, Coalesce, Concat, Length, Lower, NullIf, Upper

pytestmark = pytest.mark.models(MODELS)

NUMBERS = (
    2,
    F("age"),
    F("boss__age"),
    F("boss__boss__age"),
    F("age") + F("boss__age"),
    F("boss__age") % 2,
    Abs(F("boss__age")),
    Abs("boss__boss__age") - 1,
    Coalesce("boss__age", "boss__boss__age"),
    NullIf("age", Value(2)),
    Length("boss__name"),
    Case(When(age__gt=1, then=F("boss__age")), default=None),
    Subquery(Author.objects.filter(pk=OuterRef("boss__boss")).values("age")),
    F("books__pages"),
    Abs("books__pages"),
    F("staff__age"),
    Abs("staff__books__pages") - 1,
)
TEXTS = (
    "a",
    F("boss__name"),
    Upper("boss__name"),
    Lower("boss__boss__name"),
    Concat("name", "boss__name"),
    F("books__title"),
)
LEFT = ("age", "boss__age", "pk", "boss__boss__pk", "books__pages", "books__notes__stars")
LEFT_TEXTS = ("name", "boss__name", "books__title", "books__tags__label")

leaves = st.one_of(
    st.builds(
        lambda path, lookup, value: Q(**{f"{path}__{lookup}": value}),
        st.sampled_from(LEFT),
        st.sampled_from(("exact", "gt", "lte", "ne")),
        st.sampled_from(NUMBERS),
    ),
    st.builds(
        lambda path, values: Q(**{f"{path}__in": values}),
        st.sampled_from(LEFT),
        st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3),
    ),
    st.builds(
        lambda path, low, high: Q(**{f"{path}__range": (low, high)}),
        st.sampled_from(LEFT),
        st.sampled_from(NUMBERS),
        st.sampled_from(NUMBERS),
    ),
    st.builds(
        lambda path, lookup, value: Q(**{f"{path}__{lookup}": value}),
        st.sampled_from(LEFT_TEXTS),
        st.sampled_from(("exact", "contains", "istartswith", "ne", "gt")),
        st.sampled_from(TEXTS),
    ),
    st.builds(
        lambda path, value: Q(**{f"{path}__isnull": value}), st.sampled_from((*LEFT, "boss", "books")), st.booleans()
    ),
    st.builds(lambda left, right: Q(left > right), st.sampled_from(NUMBERS[4:12]), st.sampled_from(NUMBERS[:12])),
    st.sampled_from((Q(Exists(Book.objects.filter(au=OuterRef("boss")))), Q(pk__in=Note.objects.values("stars")))),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda one: ~one, inner),
        st.builds(lambda one, two: one & two, inner, inner),
        st.builds(lambda one, two: one | two, inner, inner),
        st.builds(lambda one, two: one ^ two, leaves, leaves),
    ),
    max_leaves=3,
)


def keys(rows: Any) -> list[int]:
    return sorted(rows.values_list("pk", flat=True))


@pytest.fixture
def library(database):
    populate()


def test_of_one_comparison_every_row_is_kept_by_filter_or_by_exclude(library):
    everybody = set(keys(Author.objects.all()))

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(leaf=leaves)
    def check(leaf: Q) -> None:
        kept, dropped = keys(Author.objects.filter(leaf)), keys(Author.objects.exclude(leaf))
        assert len(dropped) == len(set(dropped))
        assert set(kept).isdisjoint(dropped)
        assert set(kept) | set(dropped) == everybody

    check()


def test_of_conditions_on_single_rows_every_row_is_kept_by_filter_or_by_exclude(library):
    everybody = keys(Author.objects.all())

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(condition=conditions.filter(lambda q: "books" not in repr(q) and "staff" not in repr(q)))
    def check(condition: Q) -> None:
        kept, dropped = keys(Author.objects.filter(condition)), keys(Author.objects.exclude(condition))
        assert sorted(kept + dropped) == everybody

    check()
