"""Every expression, function and aggregate has a specimen with the value it computes, on both databases."""

from __future__ import annotations

import datetime
import hashlib
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import dorm
from dorm import functions as fn
from dorm.aggregates import Aggregate, Avg, Count, Max, Min, StdDev, Sum, Variance
from dorm.expressions import (
    Case,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    RawSQL,
    Subquery,
    Value,
    When,
)
from dorm.expressions.base import Expression
from support.discovery import subclasses

MOMENT = datetime.datetime(2024, 2, 29, 13, 14, 15)  # a Thursday


class Thing(dorm.Model):
    text = dorm.CharField(max_length=20, default="Ädam Ant")
    ascii = dorm.CharField(max_length=20, default="abc")
    nothing = dorm.CharField(max_length=20, null=True)
    nine = dorm.IntegerField(default=9)
    negative = dorm.IntegerField(default=-2)
    ratio = dorm.FloatField(default=2.6)
    price = dorm.DecimalField(max_digits=8, decimal_places=2, default=Decimal("12.50"))
    day = dorm.DateField(default=MOMENT.date)
    moment = dorm.DateTimeField(default=MOMENT)
    flag = dorm.BooleanField(default=True)


pytestmark = pytest.mark.models([Thing])

Wanted = Any


def about(value: float) -> Callable[[Any], bool]:
    return lambda found: found is not None and math.isclose(found, value, abs_tol=1e-9)


def moment(**changes: int) -> datetime.datetime:
    return MOMENT.replace(**changes)


DAY = datetime.date(2024, 2, 29)

SPECIMENS: dict[str, tuple[Callable[[], Any], Wanted]] = {
    # values and references
    "F": (lambda: F("ascii"), "abc"),
    "Value": (lambda: Value("x"), "x"),
    "RawSQL": (lambda: RawSQL("(%s + 1)", (1,), output_field=dorm.IntegerField()), 2),
    "ExpressionWrapper": (lambda: ExpressionWrapper(F("nine") + 1, output_field=dorm.IntegerField()), 10),
    "Combined": (lambda: F("nine") * 2 - F("negative"), 20),
    # conditions and subqueries
    "Negation": (lambda: ~F("flag"), False),
    "Case": (lambda: Case(When(nine=9, then=Value("yes")), default=Value("no")), "yes"),
    "When": (lambda: Case(When(nine__lt=9, then=Value(1)), When(flag=True, then=Value(2))), 2),
    "Subquery": (lambda: Subquery(Thing.objects.filter(pk=OuterRef("pk")).values("ascii")[:1]), "abc"),
    "OuterRef": (lambda: Subquery(Thing.objects.filter(nine__gt=OuterRef("nine")).values("ascii")[:1]), None),
    "Exists": (lambda: Exists(Thing.objects.filter(pk=OuterRef("pk"), nine=9)), True),
    # text
    "Upper": (lambda: fn.Upper("text"), "ÄDAM ANT"),
    "Lower": (lambda: fn.Lower("text"), "ädam ant"),
    "Trim": (lambda: fn.Trim(Value("  x ")), "x"),
    "LTrim": (lambda: fn.LTrim(Value("  x ")), "x "),
    "RTrim": (lambda: fn.RTrim(Value("  x ")), "  x"),
    "Reverse": (lambda: fn.Reverse("text"), "tnA madÄ"),
    "MD5": (lambda: fn.MD5("ascii"), hashlib.md5(b"abc").hexdigest()),
    "Length": (lambda: fn.Length("text"), 8),
    "Ord": (lambda: fn.Ord("text"), ord("Ä")),
    "Chr": (lambda: fn.Chr(Value(65)), "A"),
    "Concat": (lambda: fn.Concat("ascii", Value("-"), "nothing", "nine"), "abc-9"),
    "Substr": (lambda: fn.Substr("text", 2, 3), "dam"),
    "Left": (lambda: fn.Left("text", 3), "Äda"),
    "Right": (lambda: fn.Right("text", 3), "Ant"),
    "Replace": (lambda: fn.Replace("text", Value("Ant"), Value("Bee")), "Ädam Bee"),
    "StrIndex": (lambda: fn.StrIndex("text", Value("Ant")), 6),
    "Repeat": (lambda: fn.Repeat("ascii", 2), "abcabc"),
    "LPad": (lambda: fn.LPad("ascii", 5, Value("-")), "--abc"),
    "RPad": (lambda: fn.RPad("ascii", 5, Value("-")), "abc--"),
    "Collate": (lambda: fn.Collate("ascii", collation()), "abc"),
    # numbers
    "Abs": (lambda: fn.Abs("negative"), 2),
    "Sign": (lambda: fn.Sign("negative"), -1),
    "Ceil": (lambda: fn.Ceil("ratio"), 3.0),
    "Floor": (lambda: fn.Floor("ratio"), 2.0),
    "Round": (lambda: fn.Round("price", 1), Decimal("12.5")),
    "Sqrt": (lambda: fn.Sqrt("nine"), about(3)),
    "Exp": (lambda: fn.Exp(F("nine") - 9), about(1)),
    "Ln": (lambda: fn.Ln("nine"), about(math.log(9))),
    "Log": (lambda: fn.Log(Value(3), "nine"), about(2)),
    "Power": (lambda: fn.Power("nine", 2), about(81)),
    "Mod": (lambda: fn.Mod("nine", 4), about(1)),
    "Sin": (lambda: fn.Sin("ratio"), about(math.sin(2.6))),
    "Cos": (lambda: fn.Cos("ratio"), about(math.cos(2.6))),
    "Tan": (lambda: fn.Tan("ratio"), about(math.tan(2.6))),
    "Cot": (lambda: fn.Cot("ratio"), about(1 / math.tan(2.6))),
    "ASin": (lambda: fn.ASin(F("ratio") - 2), about(math.asin(0.6))),
    "ACos": (lambda: fn.ACos(F("ratio") - 2), about(math.acos(0.6))),
    "ATan": (lambda: fn.ATan("ratio"), about(math.atan(2.6))),
    "ATan2": (lambda: fn.ATan2("ratio", "nine"), about(math.atan2(2.6, 9))),
    "Degrees": (lambda: fn.Degrees("ratio"), about(math.degrees(2.6))),
    "Radians": (lambda: fn.Radians("ratio"), about(math.radians(2.6))),
    "Pi": (fn.Pi, about(math.pi)),
    "Random": (fn.Random, lambda found: 0 <= found < 1),
    # moments
    "Now": (fn.Now, lambda found: isinstance(found, datetime.datetime)),
    "Extract": (lambda: fn.Extract("moment", "hour"), 13),
    "ExtractYear": (lambda: fn.ExtractYear("day"), 2024),
    "ExtractIsoYear": (lambda: fn.ExtractIsoYear("day"), 2024),
    "ExtractQuarter": (lambda: fn.ExtractQuarter("day"), 1),
    "ExtractMonth": (lambda: fn.ExtractMonth("day"), 2),
    "ExtractWeek": (lambda: fn.ExtractWeek("day"), 9),
    "ExtractWeekDay": (lambda: fn.ExtractWeekDay("day"), 5),
    "ExtractIsoWeekDay": (lambda: fn.ExtractIsoWeekDay("day"), 4),
    "ExtractDay": (lambda: fn.ExtractDay("day"), 29),
    "ExtractHour": (lambda: fn.ExtractHour("moment"), 13),
    "ExtractMinute": (lambda: fn.ExtractMinute("moment"), 14),
    "ExtractSecond": (lambda: fn.ExtractSecond("moment"), 15),
    "Trunc": (lambda: fn.Trunc("moment", "month"), moment(day=1, hour=0, minute=0, second=0)),
    "TruncYear": (lambda: fn.TruncYear("day"), datetime.date(2024, 1, 1)),
    "TruncQuarter": (lambda: fn.TruncQuarter("day"), datetime.date(2024, 1, 1)),
    "TruncMonth": (lambda: fn.TruncMonth("day"), datetime.date(2024, 2, 1)),
    "TruncWeek": (lambda: fn.TruncWeek("day"), datetime.date(2024, 2, 26)),
    "TruncDay": (lambda: fn.TruncDay("moment"), moment(hour=0, minute=0, second=0)),
    "TruncHour": (lambda: fn.TruncHour("moment"), moment(minute=0, second=0)),
    "TruncMinute": (lambda: fn.TruncMinute("moment"), moment(second=0)),
    "TruncSecond": (lambda: fn.TruncSecond("moment"), MOMENT),
    "TruncDate": (lambda: fn.TruncDate("moment"), DAY),
    "TruncTime": (lambda: fn.TruncTime("moment"), MOMENT.time()),
    # choices between values
    "Coalesce": (lambda: fn.Coalesce("nothing", "ascii"), "abc"),
    "Greatest": (lambda: fn.Greatest("nine", "negative"), 9),
    "Least": (lambda: fn.Least("nine", "negative"), -2),
    "NullIf": (lambda: fn.NullIf("ascii", Value("abc")), None),
    "Cast": (lambda: fn.Cast("nine", dorm.CharField(max_length=5)), "9"),
    # aggregates
    "Count": (lambda: Count("pk"), 1),
    "Sum": (lambda: Sum("price"), Decimal("12.50")),
    "Avg": (lambda: Avg("nine"), about(9)),
    "Max": (lambda: Max("moment"), MOMENT),
    "Min": (lambda: Min("ascii"), "abc"),
    "StdDev": (lambda: StdDev("nine"), about(0)),
    "Variance": (lambda: Variance("nine"), about(0)),
}

# Made by the package itself while it resolves a query, or a base to derive from.
INTERNAL = {
    "Aggregate", "AnnotationRef", "ArrayLength", "ColumnRef", "Comparison", "Condition", "Func", "KeyTransform",
    "OrderBy", "Prepared", "RandomOrder", "Slot", "Star", "Transform",
}  # fmt: skip

CASES = [cls for cls in subclasses(Expression) if cls.__name__ not in INTERNAL]


def collation() -> str:
    entry = dorm.settings.DATABASES["default"]
    return "C" if entry["ENGINE"] == "postgresql" else "nocase"


def specimen(cls: type) -> tuple[Callable[[], Any], Wanted]:
    found = SPECIMENS.get(cls.__name__)
    assert found is not None, f"{cls.__name__} has no specimen: add a row to SPECIMENS in {__file__}"
    return found


def holds(found: Any, wanted: Wanted) -> bool:
    if callable(wanted):
        return wanted(found)
    return found == wanted and type(found) is type(wanted)


def test_every_specimen_is_of_an_expression():
    assert set(SPECIMENS) <= {cls.__name__ for cls in subclasses(Expression)}


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_an_expression_computes_its_value(cls, database):
    make, wanted = specimen(cls)
    thing = Thing.objects.create()
    if issubclass(cls, Aggregate):
        found = Thing.objects.aggregate(out=make())["out"]
        assert holds(found, wanted), found
    else:
        found = Thing.objects.annotate(out=make()).get(pk=thing.pk).out
        assert holds(found, wanted), found
        again = Thing.objects.annotate(out=make()).values_list("out", flat=True).get()
        assert holds(again, wanted), again


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_an_expression_shows_what_it_is_without_a_query(cls, queries):
    make, _ = specimen(cls)
    with queries() as log:
        shown = repr(make())
    assert log.count == 0
    assert not shown.startswith(f"<{cls.__module__}")


@pytest.mark.parametrize("cls", [cls for cls in CASES if not issubclass(cls, Aggregate)], ids=lambda cls: cls.__name__)
def test_an_expression_orders_and_filters(cls, database):
    """Whatever can be annotated can stand in ``order_by`` and behind ``filter``."""
    make, _ = specimen(cls)
    Thing.objects.create()
    assert Thing.objects.annotate(out=make()).order_by("out").filter(out__isnull=False).count() in {0, 1}
