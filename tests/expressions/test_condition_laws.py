"""Q is a Boolean algebra: its laws hold for the rows that come back, NULL included."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dorm
from dorm import F, Q


class Kind(dorm.Model):
    rank = dorm.IntegerField(null=True)


class Item(dorm.Model):
    a = dorm.IntegerField(null=True)
    b = dorm.CharField(max_length=5, null=True)
    kind = dorm.ForeignKey(Kind, on_delete=dorm.CASCADE, null=True)


pytestmark = pytest.mark.models([Kind, Item])

TIMES = int(os.environ.get("DORM_TEST_EXAMPLES", "1"))
few = settings(max_examples=12 * TIMES, deadline=None, suppress_health_check=list(HealthCheck), database=None)

leaves = st.sampled_from(
    [
        *({"a": value} for value in (None, 0, 1, 2**70)),
        *({f"a__{lookup}": 1} for lookup in ("gt", "lte", "ne")),
        {"a__in": [0, 2]},
        {"a__in": []},
        {"a__isnull": False},
        {"a__range": (0, 1)},
        {"b": "x"},
        {"b__contains": "x"},
        {"b__icontains": ""},
        {"b__gt": "a"},
        {"kind__rank": 1},
        {"kind__rank__lt": 1},
        {"kind": None},
        {"kind__rank": None},
        {"a__gt": F("kind__rank")},
        {"a": F("kind__rank")},
        {"a": 1, "b": "x"},
    ]
).map(lambda lookups: Q(**lookups))
conditions = st.recursive(
    st.one_of(leaves, st.just(Q())),
    lambda inner: st.one_of(
        st.builds(lambda x: ~x, inner),
        st.builds(lambda x, y: x & y, inner, inner),
        st.builds(lambda x, y: x | y, inner, inner),
        st.builds(lambda x, y: x ^ y, inner, inner),
    ),
    max_leaves=4,
)
everything = Q(pk__gt=0)


@pytest.fixture
def rows(database) -> Any:
    kinds = Kind.objects.bulk_create([Kind(rank=rank) for rank in (None, 0, 1)])
    Item.objects.bulk_create(
        [Item(a=a, b=b, kind=kind) for a in (None, 0, 1) for b in (None, "", "x") for kind in (None, *kinds)]
    )
    return frozenset(Item.objects.values_list("pk", flat=True))


def found(condition: Q) -> frozenset[int]:
    return frozenset(Item.objects.filter(condition).values_list("pk", flat=True))


def test_the_laws_of_negation(rows):
    @few
    @given(x=conditions, y=conditions)
    def check(x: Q, y: Q) -> None:
        assert found(~x) == rows - found(x) if x.children else True
        assert found(~~x) == found(x)
        if x.children and y.children:
            assert found(~(x & y)) == found(~x | ~y)
            assert found(~(x | y)) == found(~x & ~y)
        assert frozenset(Item.objects.exclude(x).values_list("pk", flat=True)) == found(~x)

    check()


def test_the_laws_of_and_and_or(rows):
    @few
    @given(x=conditions, y=conditions, z=conditions)
    def check(x: Q, y: Q, z: Q) -> None:
        assert found(x & y) == found(y & x)
        assert found(x | y) == found(y | x)
        assert found(x & x) == found(x | x) == found(x)
        assert found((x & y) & z) == found(x & (y & z))
        assert found((x | y) | z) == found(x | (y | z))
        if x.children and y.children and z.children:
            assert found(x & y) == found(x) & found(y)
            assert found(x | y) == found(x) | found(y)
            assert found(x & (y | z)) == found((x & y) | (x & z))
            assert found(x | (x & y)) == found(x & (x | y)) == found(x)

    check()


def test_the_laws_of_xor(rows):
    @few
    @given(x=conditions, y=conditions)
    def check(x: Q, y: Q) -> None:
        if x.children and y.children:
            assert found(x ^ y) == found(x) ^ found(y)
            assert found(~(x ^ y)) == rows - (found(x) ^ found(y))
            assert found(x ^ x) == frozenset()

    check()


def test_a_chain_of_filters_is_an_and_over_single_rows(rows):
    @few
    @given(x=conditions, y=conditions)
    def check(x: Q, y: Q) -> None:
        chained = Item.objects.filter(x).filter(y)
        assert frozenset(chained.values_list("pk", flat=True)) == found(x) & found(y)
        assert chained.count() == len(found(x) & found(y))
        assert chained.exists() == bool(found(x) & found(y))

    check()


def test_the_same_filter_built_by_either_queryset_operator(rows):
    @few
    @given(x=conditions, y=conditions)
    def check(x: Q, y: Q) -> None:
        one, two = Item.objects.filter(x & everything), Item.objects.filter(y & everything)
        assert frozenset((one & two).values_list("pk", flat=True)) == found(x) & found(y)
        assert frozenset((one | two).values_list("pk", flat=True)) == found(x) | found(y)

    check()


def test_an_empty_condition_restricts_nothing_negated_or_not(rows):
    assert found(Q()) == rows
    assert found(~Q()) == rows
    assert found(~~Q()) == rows


def test_an_empty_condition_adds_nothing():
    x = Q(a=1)
    assert Q() & x == x
    assert x & Q() == x
    assert Q() | x == x
    assert x | Q() == x
    assert Q() ^ x == x
    assert ~Q() & x == x
    assert x | ~Q() == x


def test_a_loop_that_starts_with_an_empty_condition_ors_its_parts(rows):
    wanted = Q()
    for value in (0, 1):
        wanted |= Q(a=value)
    assert found(wanted) == found(Q(a__in=[0, 1]))
    assert found(wanted) != rows
