"""Values inside documents beside columns, in both directions; kinds count there too."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

import dorm
from behaviour.cases import keys_are
from dorm import F, OuterRef, Q, Subquery, Value


class Dates(json.JSONEncoder):
    """Writes dates as text."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime.date) else super().default(o)


class Upper(json.JSONDecoder):
    """Reads text in capitals."""

    def decode(self, s: str, *args: Any, **options: Any) -> Any:
        found = super().decode(s)
        return found.upper() if isinstance(found, str) else found


class Sheet(dorm.Model):
    number = dorm.IntegerField(null=True)
    name = dorm.CharField(max_length=20, null=True)
    flag = dorm.BooleanField(null=True)
    data = dorm.JSONField(null=True)
    encoded = dorm.JSONField(null=True, encoder=Dates, decoder=Upper)


pytestmark = pytest.mark.models([Sheet])
S = Sheet.objects


@pytest.fixture
def sheets(database):
    """Values that equal the row's own columns, then ones of other kinds, larger ones, and none."""
    S.create(number=1, name="a", flag=True, data={"n": 1, "s": "a", "t": True})
    S.create(number=1, name="1", flag=True, data={"n": "1", "s": 1, "t": "true"})
    S.create(number=1, name="a", flag=False, data={"n": 20, "s": "b", "t": True})
    S.create(data=None)
    return database


CASES = [
    (lambda: S.filter(data__n=F("number")), [1]),
    (lambda: S.filter(number=F("data__n")), [1]),
    (lambda: S.exclude(data__n=F("number")), [2, 3, 4]),
    (lambda: S.exclude(number=F("data__n")), [2, 3, 4]),
    (lambda: S.filter(data__n__gt=F("number")), [3]),
    (lambda: S.filter(number__lt=F("data__n")), [3]),
    (lambda: S.filter(number__range=(F("data__n"), 5)), [1]),
    (lambda: S.filter(number__in=[F("data__n"), 7]), [1]),
    (lambda: S.filter(data__n__range=(F("number"), 5)), [1]),
    (lambda: S.filter(data__n__in=[F("number"), "1"]), [1, 2]),
    (lambda: S.exclude(data__n__in=[F("number"), "1"]), [3, 4]),
    (lambda: S.filter(data__n=F("pk")), [1]),
    (lambda: S.filter(data__s=F("name")), [1]),
    (lambda: S.filter(name=F("data__s")), [1]),
    (lambda: S.filter(name__lt=F("data__s")), [3]),
    (lambda: S.filter(data__t=F("flag")), [1]),
    (lambda: S.filter(flag=F("data__t")), [1]),
    (lambda: S.filter(data__n=Value(1)), [1]),
    (lambda: S.filter(data__n=Value("1")), [2]),
    (lambda: S.filter(data__n__in=S.values("number")), [1]),
    (lambda: S.exclude(data__n__in=S.values("number")), [2, 3, 4]),
    (lambda: S.filter(data__s__in=S.values("name")), [1]),
    (lambda: S.filter(number__in=S.values("data__n")), [1, 2, 3]),
    (lambda: S.filter(name__in=S.values("data__s")), [1, 3]),
    (lambda: S.exclude(name__in=S.values("data__s")), [2, 4]),
    (lambda: S.filter(number=Subquery(S.filter(pk=OuterRef("pk")).values("data__n")[:1])), [1]),
    (lambda: S.filter(data__n=Subquery(S.filter(pk=OuterRef("pk")).values("number")[:1])), [1]),
    (lambda: S.filter(Q(number=F("data__n")) | ~Q(number=F("data__n"))), [1, 2, 3, 4]),
]


async def test_values_in_documents_are_compared_with_columns_of_their_kind(sheets, mode):
    await keys_are(mode, CASES)


async def test_a_value_in_a_document_is_assigned_as_what_the_column_holds(sheets, mode):
    await mode.call(S.filter(pk=3), "update", number=F("data__n"), name=F("data__s"), flag=F("data__t"))
    assert await mode.fetch(S.filter(pk=3).values_list("number", "name", "flag")) == [(20, "b", True)]
    await mode.call(S.filter(pk=2), "update", number=F("data__n"), name=F("data__s"), flag=F("data__t"))
    assert await mode.fetch(S.filter(pk=2).values_list("number", "name", "flag")) == [(None, None, None)]
    await mode.call(S.filter(pk=1), "update", data=F("data__s"))
    assert await mode.fetch(S.filter(data="a").values_list("data", flat=True)) == ["a"]


async def test_the_encoder_and_the_decoder_work_inside_documents(database, mode):
    day = datetime.date(2020, 1, 2)
    await mode.call(S, "create", encoded={"day": day, "s": "text"})
    for lookups in ({"day": day}, {"day__gte": day}, {"day__in": [day]}, {"day__range": (day, day)}):
        assert await mode.call(S.filter(**{f"encoded__{name}": value for name, value in lookups.items()}), "count") == 1
    assert await mode.call(S.filter(encoded__day__gt=day), "count") == 0
    assert await mode.fetch(S.values_list("encoded__s", flat=True)) == ["TEXT"]


class Checked(dorm.Model):
    data = dorm.JSONField()

    class Meta:
        constraints = [
            dorm.CheckConstraint(condition=Q(data__a__gt=1) | Q(data__a__isnull=True), name="checked_a"),
            dorm.CheckConstraint(condition=~Q(data__k__in=[7, "x", [1]]), name="checked_k"),
            dorm.CheckConstraint(condition=~Q(data__r__range=(1, 2)), name="checked_r"),
            dorm.CheckConstraint(condition=~Q(**{"data__q\"'": {"bad": True}}), name="checked_q"),
        ]


@pytest.mark.models([Checked])
async def test_constraints_look_into_documents(database, mode):
    for fine in ({"a": 2}, {"k": 8}, {"r": 3}, {"r": "1"}, {"q\"'": {"bad": False}}):
        await mode.call(Checked.objects, "create", data=fine)
    for bad in ({"a": 1}, {"a": "2"}, {"k": 7}, {"k": "x"}, {"k": [1]}, {"r": 1.5}, {"q\"'": {"bad": True}}):
        with pytest.raises(dorm.IntegrityError):
            await mode.call(Checked.objects, "create", data=bad)


async def test_a_cast_reads_what_the_document_holds(sheets, mode):
    """Not its JSON: text without quotes, and NULL for a JSON null."""
    await mode.call(
        S, "create", name="cast", data={"n": 7, "digits": "12", "yes": True, "no": False, "text": "a b", "null": None}
    )
    row = S.filter(name="cast")
    casts: dict[str, tuple[str, Any, Any]] = {
        "a": ("data__n", dorm.IntegerField(), 7),
        "b": ("data__digits", dorm.IntegerField(), 12),
        "c": ("data__yes", dorm.BooleanField(), True),
        "d": ("data__no", dorm.BooleanField(), False),
        "e": ("data__text", dorm.TextField(), "a b"),
        "f": ("data__null", dorm.IntegerField(), None),
        "g": ("data__missing", dorm.TextField(), None),
    }
    for path, field, expected in casts.values():
        found = await mode.fetch(row.annotate(x=dorm.Cast(path, field)).values_list("x", flat=True))
        assert (found, type(found[0])) == ([expected], type(expected)), path
    assert await mode.call(
        S.filter(name="cast"), "aggregate", m=dorm.Max(dorm.Cast("data__n", dorm.IntegerField()))
    ) == {"m": 7}


@pytest.mark.parametrize("aggregate", [dorm.Sum, dorm.Avg, dorm.Max, dorm.Min, dorm.StdDev, dorm.Variance])
def test_values_of_documents_are_not_computed_with_unless_they_are_cast(sheets, aggregate):
    for path in ("data", "data__n"):
        with pytest.raises(dorm.FieldError, match=rf"JSON values have no common type.*{aggregate.__name__}\(Cast\("):
            S.aggregate(x=aggregate(path))
