"""Paths into JSON values, any key, indexes of lists, numbers as numbers and text as text, and negation."""

from __future__ import annotations

import datetime

import pytest

import dorm
from behaviour.cases import keys_are, rows_are
from dorm import Count, F, Q


class Document(dorm.Model):
    name = dorm.CharField(max_length=20)
    data = dorm.JSONField(null=True)


pytestmark = pytest.mark.models([Document])
ODD = ["k 'q", 'dou"ble', "per%cent", "back\\slash", "a.b", "$x", "[0]", "é", "?", "{x}", "a b", "'; DROP TABLE x; --"]
ODD += [
    "",
    '"',
    "\\",
    '\\"',
    "\\u0022",
    '"."a',
    '$."a"',
    "%s",
    "%%",
    ":a",
    "{}",
    "NULL",
    "\n\t",
    "\x01",
    "\x7f",
    "\u2028",
    "\U0001f600",
]
ODD += ["0", "-1", "01", "+1", "²", "4294967296", "ARRAY[1]", "E'\\'", "a--b", "/*"]
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
    (lambda: D.filter(data__a__range=(2, 10)), [8]),
    (lambda: D.filter(data__a__range=("0", "5")), [6]),
    (lambda: D.filter(data__a__range=(0, "5")), []),
    (lambda: D.filter(data__f__range=(1.5, 2)), [1, 6]),
    (lambda: D.filter(data__s__range=("a", "z")), [1]),
    (lambda: D.filter(data__t__range=(False, True)), [1, 6]),
    (lambda: D.filter(data__a__gt="0"), [6]),
    (lambda: D.filter(data__t__gt=False), [1]),
    (lambda: D.filter(data__t__gte=False), [1, 6]),
    (lambda: D.filter(data__s__lt="a"), [6, 8]),
    (lambda: D.filter(data__a__lt=10**20), [1, 8]),
    (lambda: D.filter(data__a__gt=-(10**400)), [1, 8]),
    (lambda: D.filter(data__a=10**30), []),
    (lambda: D.filter(data__a__in=[1, None]), [1]),
    (lambda: D.filter(data__a__in=[None]), []),
    (lambda: D.filter(data__a__in=["1", 10.0, {"b": {"c": 1}}]), [6, 8, 9]),
    (lambda: D.filter(data__f__in=[2.0, 1.5]), [1, 6]),
    (lambda: D.filter(data__t__in=[1, 0]), []),
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
    (lambda: D.filter(**{"data__-1__a": 2}), [2]),
    (lambda: D.filter(**{"data__-5__a": 2}), []),
    (lambda: D.filter(data__4294967297="two"), []),
    (lambda: D.filter(data__b__c__has_key="0"), []),
    (lambda: D.filter(data={"date": "2020-01-01", "a": {"b": {"c": 1}}}), [9]),
    (lambda: D.filter(data=5), [4]),
    (lambda: D.filter(data="text"), [3]),
    (lambda: D.filter(data=False), [5]),
    (lambda: D.filter(data=[1, "two", None, {"a": 2}]), [2]),
    (lambda: D.filter(data={}), [7]),
    (lambda: D.filter(data__in=[5, "text", {}]), [3, 4, 7]),
    (lambda: D.filter(data__gt=4), [4]),
    (lambda: D.filter(data__range=("s", "u")), [3]),
    (lambda: D.filter(data__lt=True), [5]),
    (lambda: D.filter(data__in=[False, [1, "two", None, {"a": 2.0}], None]), [2, 5]),
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
    (lambda: D.exclude(data__a__range=(1, 5)), [2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (lambda: D.exclude(data__a__gt=5), [1, 2, 3, 4, 5, 6, 7, 9, 10]),
    (lambda: D.exclude(data__n=None), [2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (lambda: D.exclude(data__n__icontains="x"), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (lambda: D.exclude(data__s__icontains="t"), [2, 3, 4, 5, 7, 8, 9, 10]),
    (lambda: D.exclude(data__gt=4), [1, 2, 3, 5, 6, 7, 8, 9, 10]),
    (lambda: D.exclude(data__t__in=[True]), [2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (lambda: D.filter(Q(data__a__gt=5) ^ Q(pk__gt=0)), [1, 2, 3, 4, 5, 6, 7, 9, 10]),
    (lambda: D.filter(data__a__ne=1.0), [6, 8, 9]),
    (lambda: D.filter(data__b__ne={"c": []}), [1]),
    (lambda: D.filter(data__n__ne=None), [1]),
    (lambda: D.filter(data__a__ne=F("data__f")), [1, 6, 8, 9]),
    (lambda: D.exclude(data__a__ne=1), [1, 2, 3, 4, 5, 7, 10]),
    # Text of what is no text.
    (lambda: D.filter(data__t__icontains="TRU"), [1]),
    (lambda: D.filter(data__a__startswith="1"), [1, 6, 8]),
    # Path against path, and against itself.
    (lambda: D.filter(data__a=F("data__a")), [1, 6, 8, 9]),
    (lambda: D.filter(data__a=F("data__f")), []),
    (lambda: D.filter(data__f__gt=F("data__a")), [1]),
    (lambda: D.exclude(data__f__gt=F("data__a")), [2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (lambda: D.annotate(x=F("data__a")).filter(x__gt=5), [8]),
    (lambda: D.annotate(x=F("data__a")).exclude(x__gt=5), [1, 2, 3, 4, 5, 6, 7, 9, 10]),
    (lambda: D.annotate(x=F("data__a")).filter(x__in=[10, "1"]), [6, 8]),
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


@pytest.mark.parametrize("lookup", ["gt", "gte", "lt", "lte", "range"])
def test_lists_and_objects_have_no_order(documents, lookup, queries):
    value = ([1], 2) if lookup == "range" else {"a": 1}
    with queries() as log, pytest.raises(ValueError, match=f"The lookup '{lookup}' cannot compare JSON lists and obj"):
        D.filter(**{f"data__a__{lookup}": value})
    assert log.count == 0


def test_what_json_cannot_hold_is_not_compared_with(documents, queries):
    with queries() as log:
        for value in (datetime.date(2020, 1, 1), float("nan"), {1, 2}):
            with pytest.raises(dorm.ValidationError, match="cannot be written as JSON"):
                D.filter(data__a=value)
    assert log.count == 0


@pytest.mark.parametrize("prefix", ["data__", 'data__in "side__'])
async def test_any_text_is_a_key(documents, mode, prefix):
    keys = {key: number for number, key in enumerate(ODD)}
    await mode.call(D, "create", name="odd", data=keys if prefix == "data__" else {'in "side': keys})
    path = prefix.removesuffix("__")
    for number, key in enumerate(ODD):
        name = f"{prefix}{key}"
        assert await mode.call(D.filter(**{name: number}), "count") == 1, key
        assert await mode.call(D.filter(**{f"{name}__exact": number + 1}), "count") == 0, key
        assert await mode.call(D.filter(name="odd", **{f"{name}__range": (number, number)}), "count") == 1, key
        assert await mode.call(D.filter(name="odd", **{f"{name}__in": [number, "x"]}), "count") == 1, key
        assert await mode.call(D.filter(name="odd").exclude(**{name: number}), "count") == 0, key
        assert await mode.call(D.filter(name="odd", **{f"{name}__isnull": False}), "count") == 1, key
        assert await mode.call(D.filter(**{f"{path}__has_key": key}), "count") == 1, key
        chosen = D.filter(name="odd").order_by(name)
        assert await mode.fetch(chosen.values_list(name, flat=True)) == [number], key
        assert await mode.fetch(chosen.annotate(x=F(name)).filter(x=number).values_list("x", flat=True)) == [number], (
            key
        )
    assert await mode.call(D.filter(**{f"{path}__has_keys": ODD}), "count") == 1
    assert await mode.call(D.filter(**{f"{path}__has_any_keys": [*ODD, "none"]}), "count") == 1
    assert await mode.call(D, "count") == 11


async def test_keys_that_postgresql_cannot_hold_are_nowhere_or_found(documents, mode):
    """NUL and halves of surrogate pairs: SQLite's JSON text can hold them, escaped."""
    found = 0
    if documents.vendor == "sqlite":
        await mode.call(D, "create", name="odd", data={"a\0b": 1})
        found = 1
        assert await mode.call(D.filter(name="odd", data__has_key="a"), "count") == 0
        assert await mode.call(D.filter(data__has_key="a\0b"), "count") == 1
    assert await mode.call(D.filter(**{"data__a\0b": 1}), "count") == found
    assert await mode.call(D.filter(**{"data__a\0b__isnull": False}), "count") == found
    assert await mode.call(D.filter(**{"data__\ud800": 1}), "count") == 0


async def test_rows_are_sorted_by_kind_and_then_by_value(database, mode):
    """The order of PostgreSQL's JSONB: null, text, numbers, booleans, lists, objects."""
    values = [10, "b", True, 9, None, [1], "a", False, {"x": 1}, 9.5]
    for number, value in enumerate(values):
        await mode.call(D, "create", name=str(number), data={"k": value})
    for build in (lambda: D.all(), lambda: D.annotate(x=F("data__k")).filter(x__isnull=False)):
        ordered = build().order_by("data__k").values_list("data__k", flat=True)
        assert await mode.fetch(ordered) == [None, "a", "b", 9, 9.5, 10, False, True, [1], {"x": 1}]
    ordered = D.order_by("-data__k").values_list("data__k", flat=True).distinct()
    assert await mode.fetch(ordered) == [{"x": 1}, [1], True, False, 10, 9.5, 9, "b", "a", None]


async def test_json_values_round_trip(documents, mode):
    for value in ("null", "", "123", [], 0, False, {"é": "ü", "deep": {"l": [[1], [2]]}, "n": 10**15, "x": None}):
        made = await mode.call(D, "create", name="r", data=value)
        stored = (await mode.call(D, "get", pk=made.pk)).data
        assert (stored, type(stored)) == (value, type(value))
        assert await mode.call(D.filter(name="r"), "update", data=[value]) == 1
        assert (await mode.call(D, "get", pk=made.pk)).data == [value]
        await mode.call(made, "delete")
