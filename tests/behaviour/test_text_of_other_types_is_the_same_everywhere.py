"""Values of other types that become text, in Concat, Cast and lookups of text, read the same on all databases."""

from __future__ import annotations

import datetime

import pytest

import dorm
from dorm import F, Q, Value
from dorm.functions import Cast, Concat, Length


class Race(dorm.Model):
    name = dorm.CharField(max_length=20)
    open = dorm.BooleanField(null=True)
    took = dorm.DurationField(null=True)


pytestmark = pytest.mark.models([Race])

SPANS = {
    datetime.timedelta(hours=1): "01:00:00",
    datetime.timedelta(): "00:00:00",
    datetime.timedelta(days=1): "1 day",
    datetime.timedelta(days=3, minutes=2, milliseconds=500): "3 days 00:02:00.5",
    datetime.timedelta(hours=-1): "-1 days +23:00:00",
    datetime.timedelta(days=-2): "-2 days",
    datetime.timedelta(microseconds=7): "00:00:00.000007",
}


async def test_booleans_are_true_and_false(database, mode):
    for name, value in (("a", True), ("b", False), ("c", None)):
        await mode.call(Race.objects, "create", name=name, open=value)
    texts = Race.objects.order_by("name").annotate(
        joined=Concat("name", Value(" "), "open"), cast=Cast("open", "text"), short=Cast("open", dorm.CharField())
    )
    assert await mode.fetch(texts.values_list("joined", "cast", "short")) == [
        ("a true", "true", "true"),
        ("b false", "false", "false"),
        ("c ", None, None),
    ]
    grown = Race.objects.order_by("name").annotate(text=Concat(Q(name="a"), Value("!")))
    assert await mode.fetch(grown.values_list("text", flat=True)) == ["true!", "false!", "false!"]
    assert await mode.fetch(Race.objects.filter(open__startswith="tr").values_list("name", flat=True)) == ["a"]
    assert await mode.fetch(texts.annotate(n=Length("open")).values_list("n", flat=True)) == [4, 5, None]


async def test_durations_are_clocks_and_days(database, mode):
    for number, span in enumerate(SPANS):
        await mode.call(Race.objects, "create", name=str(number), took=span)
    await mode.call(Race.objects, "create", name="never")
    texts = Race.objects.exclude(took=None).order_by("name")
    texts = texts.annotate(joined=Concat("took", Value("!")), cast=Cast("took", "text"))
    found = await mode.fetch(texts.values_list("joined", "cast"))
    assert found == [(f"{text}!", text) for text in SPANS.values()]
    assert await mode.fetch(
        Race.objects.filter(took=None).annotate(x=Cast(F("took"), "text")).values_list("x", flat=True)
    ) == [None]
