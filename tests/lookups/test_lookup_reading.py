"""What a lookup accepts on its right, and what it says about the rest."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

import dorm
from dorm import F, Q, Value
from dorm.exceptions import FieldError, ValidationError


class Mark(dorm.Model):
    n = dorm.IntegerField(null=True)
    big = dorm.BigIntegerField(null=True)
    price = dorm.DecimalField(max_digits=8, decimal_places=2, null=True)
    ratio = dorm.FloatField(null=True)
    text = dorm.CharField(max_length=20, null=True)
    day = dorm.DateField(null=True)
    moment = dorm.DateTimeField(null=True)
    flag = dorm.BooleanField(null=True)
    key = dorm.UUIDField(null=True)
    parent = dorm.ForeignKey("self", on_delete=dorm.CASCADE, null=True, related_name="children")


pytestmark = pytest.mark.models([Mark])


@pytest.mark.parametrize(
    "lookup",
    [
        "gt",
        "gte",
        "lt",
        "lte",
        "contains",
        "icontains",
        "startswith",
        "istartswith",
        "endswith",
        "iendswith",
        "regex",
        "iregex",
    ],
)
def test_none_has_no_order_and_no_text(lookup):
    with pytest.raises(ValueError, match=lookup):
        Mark.objects.filter(**{f"text__{lookup}": None})


@pytest.mark.parametrize("value", [None, 1, "yes", "", [], 0])
@pytest.mark.parametrize("lookup", ["isnull", "isnotnull"])
def test_isnull_takes_a_boolean(lookup, value):
    with pytest.raises(ValueError, match="True or False"):
        Mark.objects.filter(**{f"n__{lookup}": value})


@pytest.mark.parametrize("value", [5, "ab", b"ab", None, (1,), (1, 2, 3), [], (None, 1), (1, None)])
def test_range_takes_two_bounds(value):
    with pytest.raises(ValueError, match="range"):
        Mark.objects.filter(n__range=value)


@pytest.mark.parametrize("value", [5, "ab", b"ab", None, True])
def test_in_takes_an_iterable_that_is_no_text(value):
    with pytest.raises(ValueError, match="in"):
        Mark.objects.filter(n__in=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", "abc"), ("n__gt", "abc"), ("n__in", [1, "abc"]), ("n__range", (1, "abc")), ("n", object()), ("n", "1.5"),
        ("price", "abc"), ("price", "NaN"), ("ratio", "abc"), ("day", "2024-13-01"), ("day", "abc"), ("moment", "abc"),
        ("flag", "maybe"), ("key", "abc"), ("key__in", ["abc"]), ("parent", "abc"), ("parent__n", "abc"),
        ("day__year", "abc"), ("moment__hour", "abc"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_refused_before_any_query(name, value, queries):
    with queries() as log, pytest.raises((ValidationError, ValueError, TypeError)) as caught:
        Mark.objects.filter(**{name: value})
    assert log.count == 0
    assert str(caught.value)


def test_the_refusal_of_a_value_names_the_field():
    with pytest.raises((ValidationError, ValueError), match=r"Mark\.n"):
        Mark.objects.filter(n="abc")


ROWS = (None, -(2**31), 0, 2**31 - 1)


def numbers(**lookups):
    return set(Mark.objects.filter(**lookups).values_list("n", flat=True))


@pytest.fixture
def marks(database):
    Mark.objects.bulk_create([Mark(n=n, big=n) for n in ROWS])
    return {n for n in ROWS if n is not None}


@pytest.mark.parametrize("huge", [2**63, 2**70, 10**400], ids=["2**63", "2**70", "10**400"])
def test_a_number_no_column_holds_is_larger_than_every_value(marks, huge):
    assert numbers(n=huge) == set()
    assert numbers(n__in=[huge]) == set()
    assert numbers(n__in=[huge, 0]) == {0}
    assert numbers(n__lt=huge) == numbers(n__lte=huge) == marks
    assert numbers(n__gt=huge) == numbers(n__gte=huge) == set()
    assert numbers(n__range=(0, huge)) == {0, 2**31 - 1}
    assert numbers(n__range=(huge, huge + 1)) == set()
    assert Mark.objects.exclude(n=huge).count() == 4
    assert Mark.objects.exclude(n__lt=huge).count() == 1


@pytest.mark.parametrize("huge", [2**63, 2**70], ids=["2**63", "2**70"])
def test_a_negative_number_no_column_holds_is_smaller_than_every_value(marks, huge):
    assert numbers(n=-huge - 1) == set()
    assert numbers(n__gt=-huge - 1) == marks
    assert numbers(n__lt=-huge - 1) == set()
    assert numbers(n__range=(-huge - 1, 0)) == {-(2**31), 0}


def test_a_number_no_column_holds_differs_from_every_value(marks):
    assert numbers(n__ne=2**70) == marks
    assert numbers(n__ne=-(2**70)) == marks
    assert Mark.objects.exclude(n__ne=2**70).count() == 1


def test_a_number_beyond_the_column_but_within_64_bits_compares_too(marks):
    assert numbers(n__lt=2**40) == marks
    assert numbers(n=2**40) == set()
    assert numbers(n__in=[2**40, 0]) == {0}


def test_a_fraction_never_equals_an_integer_and_keeps_its_place_in_the_order(marks):
    assert numbers(n__gt=0.5) == {2**31 - 1}
    assert numbers(n__gte=Decimal("0.5")) == {2**31 - 1}
    assert numbers(n__lt=0.5) == {-(2**31), 0}
    assert numbers(n__lte=0.5) == {-(2**31), 0}


def test_text_of_a_number_is_a_number(marks):
    assert numbers(n="0") == {0}
    assert numbers(n__gt="-1") == {0, 2**31 - 1}
    assert numbers(n__in=["0", 1.0]) == {0}


def test_any_iterable_is_a_list(marks):
    for items in (
        [0],
        (0,),
        {0},
        frozenset([0]),
        iter([0]),
        (n for n in [0]),
        {0: "x"},
        range(1),
        dict.fromkeys([0]).keys(),
    ):
        assert numbers(n__in=items) == {0}


def test_an_iterator_is_read_once_and_the_queryset_keeps_its_values(marks):
    rows = Mark.objects.filter(n__in=(n for n in [0, 2**31 - 1]))
    assert rows.count() == 2
    assert len(list(rows)) == 2
    assert rows.exists()


def test_none_in_a_list_matches_nothing_and_spoils_nothing(marks):
    assert numbers(n__in=[None, 0]) == {0}
    assert numbers(n__in=[None]) == set()
    assert Mark.objects.exclude(n__in=[None, 0]).count() == 3
    assert Mark.objects.exclude(n__in=[]).count() == 4


def test_a_list_may_hold_expressions(marks):
    assert numbers(n__in=[F("n")]) == marks
    assert numbers(n__in=[Value(0), F("big") + 1]) == {0}
    assert numbers(n__range=(F("n"), Value(0))) == {-(2**31), 0}


def test_an_instance_stands_for_its_key(database):
    parent = Mark.objects.create(n=1)
    child = Mark.objects.create(n=2, parent=parent)
    assert list(Mark.objects.filter(parent=parent)) == [child]
    assert list(Mark.objects.filter(parent__in=[parent])) == [child]
    assert list(Mark.objects.filter(children=child)) == [parent]
    assert list(Mark.objects.filter(parent=parent.pk)) == [child]
    with pytest.raises(ValueError, match="saved"):
        Mark.objects.filter(parent=Mark())
    with pytest.raises(ValueError, match="one result"):
        Mark.objects.filter(parent=Mark.objects.all())
    assert list(Mark.objects.filter(parent=Mark.objects.filter(n=1)[:1])) == [child]


def test_what_a_list_lookup_selects_is_one_column():
    with pytest.raises(ValueError, match="1"):
        Mark.objects.filter(n__in=Mark.objects.values("n", "text"))
    with pytest.raises(ValueError, match="different databases"):
        list(Mark.objects.filter(n__in=Mark.objects.using("other").values("n")).using("default"))


def test_moments_and_days_take_their_text(database):
    day = datetime.date(2024, 2, 29)
    Mark.objects.create(day=day, moment=datetime.datetime(2024, 2, 29, 13))
    assert Mark.objects.filter(day="2024-02-29").count() == 1
    assert Mark.objects.filter(day__in=["2024-02-29", day]).count() == 1
    assert Mark.objects.filter(moment__gte="2024-02-29").count() == 1
    assert Mark.objects.filter(moment__date="2024-02-29").count() == 1
    assert Mark.objects.filter(moment__date__range=(day, "2024-03-01")).count() == 1


def test_keyword_and_positional_conditions_mix(marks):
    assert set(Mark.objects.filter(Q(n__gte=0), n__lt=5).values_list("n", flat=True)) == {0}
    assert set(Mark.objects.filter(("n", 0)).values_list("n", flat=True)) == {0}
    with pytest.raises((TypeError, FieldError)):
        Mark.objects.filter(5)
    with pytest.raises((TypeError, FieldError)):
        Mark.objects.filter(F("n"))
