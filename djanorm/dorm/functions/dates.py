"""Functions of dates and times (spec FN-07, BEY-39)."""

from __future__ import annotations

from typing import Any, ClassVar

from dorm.expressions.base import Built
from dorm.expressions.values import natural_fields
from dorm.functions.base import Func


class Now(Func):
    """The database's current time, comparable with stored datetimes (spec FN-07)."""

    arity = 0
    result = "DateTimeField"

    def element(self, scope: Any, arguments: list[Built]) -> Any:
        return scope.hooks.now(scope.use_tz)


class Extract(Func):
    """One part of a date or time as a number (Django 5.2).

    :param part: ``year``, ``iso_year``, ``quarter``, ``month``, ``week``, ``week_day``, ``iso_week_day``, ``day``,
        ``hour``, ``minute`` or ``second``.
    """

    anatomy = ("source_expressions", "part", "tzinfo")
    part: Any = None
    result = "IntegerField"
    strict = True

    def __init__(self, expression: Any, part: str | None = None, tzinfo: Any = None) -> None:
        if part is not None:
            self.part = part
        if self.part not in PARTS:
            raise ValueError(f"{self.part!r} is no part of a date. Parts: {', '.join(PARTS)}.")
        self.tzinfo = tzinfo
        super().__init__(expression)

    def build(self, scope: Any) -> Built:
        argument = self.source_expressions[0].build(scope)
        element = scope.date_part(self.part, argument, self.tzinfo)
        return Built(element, scope.field_named("IntegerField"))


PARTS = (
    "year",
    "iso_year",
    "quarter",
    "month",
    "week",
    "week_day",
    "iso_week_day",
    "day",
    "hour",
    "minute",
    "second",
)


class ExtractYear(Extract):
    """The year."""

    part = "year"


class ExtractIsoYear(Extract):
    """The year that the ISO week belongs to."""

    part = "iso_year"


class ExtractQuarter(Extract):
    """1 to 4."""

    part = "quarter"


class ExtractMonth(Extract):
    """1 to 12."""

    part = "month"


class ExtractWeek(Extract):
    """The ISO week, 1 to 53."""

    part = "week"


class ExtractWeekDay(Extract):
    """1 (Sunday) to 7 (Saturday), as in Django."""

    part = "week_day"


class ExtractIsoWeekDay(Extract):
    """1 (Monday) to 7 (Sunday)."""

    part = "iso_week_day"


class ExtractDay(Extract):
    """1 to 31."""

    part = "day"


class ExtractHour(Extract):
    """0 to 23."""

    part = "hour"


class ExtractMinute(Extract):
    """0 to 59."""

    part = "minute"


class ExtractSecond(Extract):
    """0 to 59, whole seconds."""

    part = "second"


class Trunc(Func):
    """A date or datetime cut down to the start of its ``unit`` (Django 5.2).

    :param unit: ``year``, ``quarter``, ``month``, ``week``, ``day``, ``hour``, ``minute`` or ``second``.
    """

    anatomy = ("source_expressions", "unit", "tzinfo")
    unit: Any = None
    target: ClassVar[str | None] = None
    strict = True

    def __init__(self, expression: Any, unit: str | None = None, output_field: Any = None, tzinfo: Any = None) -> None:
        if unit is not None:
            self.unit = unit
        self.tzinfo = tzinfo
        super().__init__(expression, output_field=output_field)

    def result_field(self) -> Any:
        if self.output_field is None and self.target is not None:
            return natural_fields(self.target)
        return super().result_field()

    def build(self, scope: Any) -> Built:
        argument = self.source_expressions[0].build(scope)
        field = self.output_field or (scope.field_named(self.target) if self.target else argument.field)
        return Built(scope.date_trunc(self.unit, argument, field, self.tzinfo), field)


class TruncYear(Trunc):
    """The first moment of the year."""

    unit = "year"


class TruncQuarter(Trunc):
    """The first moment of the quarter."""

    unit = "quarter"


class TruncMonth(Trunc):
    """The first moment of the month."""

    unit = "month"


class TruncWeek(Trunc):
    """Monday of the week."""

    unit = "week"


class TruncDay(Trunc):
    """Midnight."""

    unit = "day"


class TruncHour(Trunc):
    """The full hour."""

    unit = "hour"


class TruncMinute(Trunc):
    """The full minute."""

    unit = "minute"


class TruncSecond(Trunc):
    """The full second."""

    unit = "second"


class TruncDate(Trunc):
    """The date of a datetime."""

    unit = "date"
    target = "DateField"


class TruncTime(Trunc):
    """The time of a datetime."""

    unit = "time"
    target = "TimeField"
