"""Every lookup and transform that any field knows has a specimen: a value that matches the row and one that does not."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import dorm
from dorm.fields.base import Field
from dorm.lookups import registry
from support.discovery import subclasses


class Row(dorm.Model):
    name = dorm.CharField(max_length=20, null=True)
    number = dorm.IntegerField()
    day = dorm.DateField()
    moment = dorm.DateTimeField()
    data = dorm.JSONField()


class Listed(dorm.Model):
    tags = dorm.ArrayField(dorm.CharField(max_length=10))


pytestmark = pytest.mark.models([Row])

MOMENT = datetime.datetime(2024, 2, 29, 13, 14, 15)
VALUES: dict[str, Any] = {
    "name": "Ädam 100%",
    "number": 7,
    "day": MOMENT.date(),
    "moment": MOMENT,
    "data": {"a": 1, "b": {"c": [1, 2]}},
}

# lookup: (field, value that matches, value that does not)
SPECIMENS: dict[str, tuple[str, Any, Any]] = {
    "exact": ("number", 7, 8),
    "iexact": ("name", "äDAM 100%", "adam 100%"),
    "ne": ("number", 8, 7),
    "gt": ("number", 6, 7),
    "gte": ("number", 7, 8),
    "lt": ("number", 8, 7),
    "lte": ("number", 7, 6),
    "range": ("number", (7, 9), (8, 9)),
    "in": ("number", [1, 7], [1, 2]),
    "isnull": ("name", False, True),
    "isnotnull": ("name", True, False),
    "contains": ("name", "0%", "ÄDAM"),
    "icontains": ("name", "ÄDAM", "0_"),
    "startswith": ("name", "Äd", "äd"),
    "istartswith": ("name", "äd", "dam"),
    "endswith": ("name", "%", "0"),
    "iendswith": ("name", "DAM 100%", "dam"),
    "regex": ("name", r"^Ä.*\d+%$", "^ä"),
    "iregex": ("name", "^äDAM", "^dam"),
    "year": ("day", 2024, 2023),
    "iso_year": ("day", 2024, 2023),
    "quarter": ("day", 1, 2),
    "month": ("day", 2, 3),
    "week": ("day", 9, 8),
    "week_day": ("day", 5, 4),
    "iso_week_day": ("day", 4, 5),
    "day": ("day", 29, 28),
    "date": ("moment", MOMENT.date(), datetime.date(2024, 2, 28)),
    "time": ("moment", MOMENT.time(), datetime.time(1)),
    "hour": ("moment", 13, 1),
    "minute": ("moment", 14, 1),
    "second": ("moment", 15, 1),
    "json_has_key": ("data", "a", "c"),
    "json_has_any": ("data", ["x", "b"], ["x", "y"]),
    "json_has_all": ("data", ["a", "b"], ["a", "c"]),
    "has_key": ("data", "a", "c"),
    "has_keys": ("data", ["a", "b"], ["a", "c"]),
    "has_any_keys": ("data", ["x", "b"], ["x", "y"]),
}
ARRAYS: dict[str, tuple[Any, Any]] = {
    "array_contains": (["a"], ["z"]),
    "array_overlap": (["z", "b"], ["z"]),
    "contained_by": (["a", "b", "c"], ["a"]),
    "overlap": (["z", "b"], ["z"]),
    "len": (2, 3),
    "contains": (["a"], ["z"]),
}


def lookup_names() -> list[str]:
    classes = [Field, *subclasses(Field)]
    return sorted({name for cls in classes for name in registry.names_for(cls)})


@pytest.mark.parametrize("name", lookup_names())
def test_a_lookup_has_a_specimen(name):
    assert name in SPECIMENS or name in ARRAYS, f"add a row for {name} in {__file__}"


def test_every_specimen_is_of_a_lookup():
    assert (set(SPECIMENS) | set(ARRAYS)) <= set(lookup_names())


@pytest.mark.parametrize("name", [name for name in lookup_names() if name in SPECIMENS])
async def test_a_lookup_matches_and_refuses(name, database, mode):
    field, yes, no = SPECIMENS[name]
    await mode.call(Row.objects, "create", **VALUES)
    assert await mode.call(Row.objects.filter(**{f"{field}__{name}": yes}), "count") == 1
    assert await mode.call(Row.objects.filter(**{f"{field}__{name}": no}), "count") == 0
    assert await mode.call(Row.objects.exclude(**{f"{field}__{name}": yes}), "count") == 0
    assert await mode.call(Row.objects.exclude(**{f"{field}__{name}": no}), "count") == 1


@pytest.mark.only("postgresql")
@pytest.mark.models([Row, Listed])
@pytest.mark.parametrize("name", [name for name in lookup_names() if name in ARRAYS and name != "contains"])
def test_an_array_lookup_matches_and_refuses(name, database):
    yes, no = ARRAYS[name]
    Listed.objects.create(tags=["a", "b"])
    assert Listed.objects.filter(**{f"tags__{name}": yes}).count() == 1
    assert Listed.objects.filter(**{f"tags__{name}": no}).count() == 0
