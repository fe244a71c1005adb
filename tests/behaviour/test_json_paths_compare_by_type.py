"""LK-15, LK-19: paths into JSON values, any key, indexes of lists, numbers as numbers and text as text, and negation."""

from __future__ import annotations

import pytest

import dorm
from behaviour.cases import keys_are, rows_are
from dorm import Count, F


class Document(dorm.Model):
    name = dorm.CharField(max_length=20)
    data = dorm.JSONField(null=True)


pytestmark = pytest.mark.models([Document])
ODD = ["k 'q", 'dou"ble', "per%cent", "back\\slash", "a.b", "$x", "[0]", "é", "?", "{x}", "a b", "'; DROP TABLE x; --"]
VALUES = [
    {"a": 1, "b": {"c": [1, 2, {"d": "x"}]}, "s": "text", "t": True, "n": None, "f": 1.5},
    [1, "two", None, {"a": 2}],
    "text",
    5,
    False,
    {"a": "1", "t": False, "s": "TEXT", "f": 2},
    {},
    {"a": 10, "b": {"c": []}, "s": "50%"},
    {"a": {"b": {"c": 1}}, "date": "2020-01-01"},
]


@pytest.fixture
def documents(database):
    """Nine values of every kind, with keys 1 to 9, and one SQL NULL."""
    Document.objects.bulk_create([Document(name=str(number), data=value) for number, value in enumerate(VALUES, 1)])
    Document.objects.create(name="10", data=None)
    return database


D = Document.objects
CASES = [
    (lambda: D.filter(data__a=1), [1]),
    (lambda: D.filter(data__a="1"), [6]),
    (lambda: D.filter(data__a__gt=1, data__a__lt=20), [8]),
    (lambda: D.filter(data__a__in=[1, 10]), [1, 8]),
    (lambda: D.filter(data__a__in=[1, "1"]), [1, 6]),
    (lambda: D.filter(data__a__in=[]), []),
    (lambda: D.filter(data__a__range=(1, 5)), [1]),
    (lambda: D.filter(data__f=1.5), [1]),
    (lambda: D.filter(data__f=2), [6]),
    (lambda: D.filter(data__f__gte=1.5), [1, 6]),
    (lambda: D.filter(data__t=True), [1]),
    (lambda: D.filter(data__t=False), [6]),
    (lambda: D.filter(data__t=1), []),
    (lambda: D.filter(data__t__in=[True]), [1]),
    (lambda: D.filter(data__s="text"), [1]),
    (lambda: D.filter(data__s__iexact="text"), [1, 6]),
    (lambda: D.filter(data__s__contains="ex"), [1]),
    (lambda: D.filter(data__s__icontains="EX"), [1, 6]),
    (lambda: D.filter(data__s__startswith="t"), [1]),
    (lambda: D.filter(data__s__endswith="%"), [8]),
    (lambda: D.filter(data__s__in=["text", "TEXT"]), [1, 6]),
    (lambda: D.filter(data__n=None), [1]),
    (lambda: D.filter(data__n__isnull=False), [1]),
    (lambda: D.filter(data__n__isnull=True), [2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (lambda: D.filter(data__b__c__0=1), [1]),
    (lambda: D.filter(data__b__c__2__d="x"), [1]),
    (lambda: D.filter(data__b__c=[1, 2, {"d": "x"}]), [1]),
    (lambda: D.filter(data__b__c=[]), [8]),
    (lambda: D.filter(data__b={"c": []}), [8]),
    (lambda: D.filter(data__a__b__c=1), [9]),
    (lambda: D.filter(data__0=1), [2]),
    (lambda: D.filter(data__1="two"), [2]),
    (lambda: D.filter(data__3__a=2), [2]),
    (lambda: D.filter(data={"date": "2020-01-01", "a": {"b": {"c": 1}}}), [9]),
    (lambda: D.filter(data=5), [4]),
    (lambda: D.filter(data="text"), [3]),
    (lambda: D.filter(data=False), [5]),
    (lambda: D.filter(data=[1, "two", None, {"a": 2}]), [2]),
    (lambda: D.filter(data={}), [7]),
    (lambda: D.filter(data__in=[5, "text", {}]), [3, 4, 7]),
    (lambda: D.filter(data__isnull=True), [10]),
    (lambda: D.filter(data=None), [10]),
    (lambda: D.filter(data__has_key="a"), [1, 6, 8, 9]),
    (lambda: D.filter(data__has_keys=["a", "t"]), [1, 6]),
    (lambda: D.filter(data__has_any_keys=["f", "date"]), [1, 6, 9]),
    (lambda: D.filter(data__b__has_key="c"), [1, 8]),
    # The opposite keeps what has another type, no such key, or no value at all.
    (lambda: D.exclude(data__a=1), [2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (lambda: D.exclude(data__a__in=[1, 10]), [2, 3, 4, 5, 6, 7, 9, 10]),
    (lambda: D.exclude(data__t=True), [2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (lambda: D.exclude(data__zzz=1), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (lambda: D.exclude(data__has_key="a"), [2, 3, 4, 5, 7, 10]),
    (lambda: D.exclude(data__f__lt=2), [2, 3, 4, 5, 6, 7, 8, 9, 10]),
    # Path against path, and against itself.
    (lambda: D.filter(data__a=F("data__a")), [1, 6, 8, 9]),
    (lambda: D.filter(data__a=F("data__f")), []),
]
SELECTED = [
    (
        lambda: D.order_by("pk").values_list("data__a", flat=True),
        [1, None, None, None, None, "1", None, 10, {"b": {"c": 1}}, None],
    ),
    (lambda: D.order_by("pk").values_list("data__t", flat=True)[:6], [True, None, None, None, None, False]),
    (lambda: D.order_by("pk").values_list("data", flat=True), [*VALUES, None]),
    (lambda: D.annotate(x=F("data__s")).filter(x="text").values_list("x", flat=True), ["text"]),
    (lambda: D.annotate(x=F("data__b")).filter(x__c__0=1).values_list("pk", flat=True), [1]),
    (lambda: D.filter(data__has_key="s").order_by("data__s").values_list("pk", flat=True)[:1], [8]),
    (
        lambda: D.filter(data__t__in=[True, False]).values_list("data__t").annotate(n=Count("pk")).order_by("data__t"),
        [(False, 1), (True, 1)],
    ),
]


async def test_json_paths_compare_by_type(documents, mode):
    await keys_are(mode, CASES)


async def test_numbers_are_compared_with_numbers_only(documents, mode):
    """Text and objects are neither less nor greater than a number."""
    assert [one.pk for one in await mode.fetch(D.filter(data__a__lt=5))] == [1]
    assert [one.pk for one in await mode.fetch(D.filter(data__a__gt=5))] == [8]


async def test_json_paths_are_selected_ordered_and_grouped(documents, mode):
    await rows_are(mode, SELECTED)


async def test_any_text_is_a_key(documents, mode):
    await mode.call(D, "create", name="odd", data={key: number for number, key in enumerate(ODD)})
    for number, key in enumerate(ODD):
        assert await mode.call(D.filter(**{f"data__{key}": number}), "count") == 1, key
        assert await mode.call(D.filter(**{f"data__{key}__gte": number}), "count") == 1, key
        assert await mode.call(D.filter(data__has_key=key), "count") == 1, key
        assert await mode.fetch(D.filter(name="odd").values_list(f"data__{key}", flat=True)) == [number], key
    assert await mode.call(D, "count") == 11


async def test_json_values_round_trip(documents, mode):
    for value in ("null", "", "123", [], 0, False, {"é": "ü", "deep": {"l": [[1], [2]]}, "n": 10**15, "x": None}):
        made = await mode.call(D, "create", name="r", data=value)
        stored = (await mode.call(D, "get", pk=made.pk)).data
        assert (stored, type(stored)) == (value, type(value))
        assert await mode.call(D.filter(name="r"), "update", data=[value]) == 1
        assert (await mode.call(D, "get", pk=made.pk)).data == [value]
        await mode.call(made, "delete")
