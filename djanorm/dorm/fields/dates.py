"""Dates, times, moments and durations."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, overload

import sqlalchemy as sa
from typing_extensions import TypeVar, Unpack

from dorm.dialects.kinds import Kind
from dorm.exceptions import ImproperlyConfigured
from dorm.fields.base import Field
from dorm.fields.columns import interval_column
from dorm.fields.options import FieldOptions
from dorm.fields.types import DateTimeType, DateType, DurationType, TimeType
from dorm.fields.zones import current_moment, default_zone, use_tz
from dorm.utils.patterns import lazy_pattern

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType
    from dorm.fields.instances import Instance

T = TypeVar("T", default=Any)
DA = TypeVar("DA", default=datetime.date)
TI = TypeVar("TI", default=datetime.time)
DT = TypeVar("DT", default=datetime.datetime)
TD = TypeVar("TD", default=datetime.timedelta)


class MomentOptions(FieldOptions[T], Generic[T], total=False):
    """Options of fields that can follow the clock."""

    auto_now: bool
    auto_now_add: bool


class ClockField(Field[T], Generic[T]):
    """What date, time and datetime fields share: ``auto_now`` and ``auto_now_add``.

    :param auto_now: set to the current UTC time by every save.
    :param auto_now_add: set to the current UTC time when the row is inserted.
    """

    own_options: ClassVar[Mapping[str, object]] = {"auto_now": False, "auto_now_add": False}

    def __init__(
        self, verbose_name: str | None = None, *, auto_now: bool = False, auto_now_add: bool = False, **options: Any
    ) -> None:
        if auto_now and auto_now_add:
            raise ImproperlyConfigured(
                f"{type(self).__name__}: auto_now and auto_now_add exclude each other; auto_now also sets the value on insert."
            )
        self.auto_now, self.auto_now_add = auto_now, auto_now_add
        if auto_now or auto_now_add:
            options["editable"] = False
            options["blank"] = True
        super().__init__(verbose_name, **options)

    def _option(self, option: str) -> object:
        if option in ("editable", "blank") and (self.auto_now or self.auto_now_add):
            return option == "editable"
        return super()._option(option)

    def now(self) -> Any:
        """The current time in the form this field keeps."""
        raise NotImplementedError

    @property
    def prepares(self) -> bool:
        return self.auto_now or self.auto_now_add or type(self).pre_save is not ClockField.pre_save

    def pre_save(self, instance: Instance, add: bool) -> Any:
        if self.auto_now or (self.auto_now_add and add):
            value = self.now()
            setattr(instance, self.attname, value)
            return value
        return super().pre_save(instance, add)

    def validate(self, value: Any, instance: Instance | None = None) -> None:
        if value is None and (self.auto_now or self.auto_now_add):
            return
        super().validate(value, instance)


_LOOSE_DATE = lazy_pattern(r"(\d{4})-(\d{1,2})-(\d{1,2})\Z")


class DateField(ClockField[DA], Generic[DA]):
    """A calendar date; a datetime gives its date, text must be ISO."""

    kind = Kind.DATE
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“{value}” value has an invalid date format. It must be in YYYY-MM-DD format.",
        "invalid_date": "“{value}” value has the correct format (YYYY-MM-DD) but it is an invalid date.",
    }

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DateField[datetime.date],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[MomentOptions[datetime.date]],
        ) -> None: ...
        @overload
        def __init__(
            self: DateField[datetime.date | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[MomentOptions[datetime.date | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def to_python(self, value: Any) -> Any:
        if value is None or value.__class__ is datetime.date:
            return value
        if isinstance(value, datetime.datetime):
            if value.tzinfo is not None and use_tz():
                value = value.astimezone(default_zone())
            return value.date()
        if isinstance(value, datetime.date):
            return value
        if isinstance(value, str):
            return self._parsed(value.strip())
        raise self.refuse(value)

    def _parsed(self, text: str) -> datetime.date:
        loose = _LOOSE_DATE.match(text)
        try:
            if loose is not None:
                return datetime.date(*map(int, loose.groups()))
            return datetime.date.fromisoformat(text)
        except ValueError as problem:
            raise self.refuse(text, "invalid_date" if loose else "invalid") from problem

    exact_types = (datetime.date,)

    def now(self) -> datetime.date:
        return datetime.datetime.now(datetime.UTC).date()

    def column_type(self) -> SqlType:
        return sa.Date()

    def stored_type(self) -> SqlType:
        return DateType(self.column_type())


class TimeField(ClockField[TI], Generic[TI]):
    """A time of day without zone; text must be ISO."""

    kind = Kind.TIME
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“{value}” value has an invalid format. It must be in HH:MM[:ss[.uuuuuu]] format.",
        "aware": "“{value}” has a time zone; a time of day cannot keep one.",
    }

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: TimeField[datetime.time],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[MomentOptions[datetime.time]],
        ) -> None: ...
        @overload
        def __init__(
            self: TimeField[datetime.time | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[MomentOptions[datetime.time | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, datetime.datetime):
            value = value.time()
        elif isinstance(value, str):
            try:
                value = datetime.time.fromisoformat(value.strip())
            except ValueError as problem:
                raise self.refuse(value) from problem
        elif not isinstance(value, datetime.time):
            raise self.refuse(value)
        if value.tzinfo is not None:
            raise self.refuse(value, "aware")
        return value

    def now(self) -> datetime.time:
        return datetime.datetime.now(datetime.UTC).time()

    def column_type(self) -> SqlType:
        return sa.Time()

    def stored_type(self) -> SqlType:
        return TimeType(self.column_type())


class DateTimeField(ClockField[DT], Generic[DT]):
    """A moment. What is assigned keeps its awareness; what is stored follows the settings.

    By default columns hold naive UTC and an aware value is converted; with USE_TZ reads are aware, in UTC.
    """

    kind = Kind.DATETIME
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“{value}” value has an invalid format. It must be in YYYY-MM-DD HH:MM[:ss[.uuuuuu]][TZ] format.",
    }

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DateTimeField[datetime.datetime],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[MomentOptions[datetime.datetime]],
        ) -> None: ...
        @overload
        def __init__(
            self: DateTimeField[datetime.datetime | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[MomentOptions[datetime.datetime | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, datetime.datetime):
            return value
        if isinstance(value, datetime.date):
            return datetime.datetime(value.year, value.month, value.day)
        if isinstance(value, str):
            text = value.strip()
            try:
                loose = _LOOSE_DATE.match(text)
                if loose is not None:
                    year, month, day = map(int, loose.groups())
                    return datetime.datetime(year, month, day)
                return datetime.datetime.fromisoformat(text)
            except ValueError as problem:
                raise self.refuse(value) from problem
        raise self.refuse(value)

    exact_types = (datetime.datetime,)
    #: The zone in which moments are read when USE_TZ is on; None is UTC. Set for values truncated in a zone, not for
    #: columns.
    zone: datetime.tzinfo | None = None
    _midnight = False

    def in_zone(self, zone: datetime.tzinfo, midnight: bool) -> Self:
        """An unattached copy whose moments are read in ``zone``.

        :param midnight: whether they are the first moments of days in that zone.
        """
        made = self.clone()
        made.zone, made._midnight = zone, midnight
        return made

    def now(self) -> datetime.datetime:
        return current_moment()

    def storage_key(self) -> object:
        return use_tz()

    def column_type(self) -> SqlType:
        return sa.DateTime(timezone=use_tz())

    def stored_type(self) -> SqlType:
        return DateTimeType(self.column_type(), use_tz(), self.zone, self._midnight)


_CLOCK_TEXT = lazy_pattern(
    r"(?:(?P<days>-?\d+) (?:days?, )?)?(?P<sign>-?)(?:(?:(?P<hours>\d+):)(?=\d+:\d+))?(?:(?P<minutes>\d+):)?"
    r"(?P<seconds>\d+)(?:[.,](?P<fraction>\d{1,6})\d*)?\Z"
)
_ISO_TEXT = lazy_pattern(
    r"(?P<sign>[-+]?)P(?:(?P<weeks>\d+(?:[.,]\d+)?)W)?(?:(?P<days>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:[.,]\d+)?)H)?(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?\Z"
)


def parse_duration(text: str) -> datetime.timedelta | None:
    """A duration from ``[days ][hours:]minutes:seconds[.fraction]``, ``str(timedelta)`` or ISO 8601; None if it is none."""
    if found := _CLOCK_TEXT.match(text):
        parts = found.groupdict()
        seconds = int(parts["hours"] or 0) * 3600 + int(parts["minutes"] or 0) * 60 + int(parts["seconds"])
        micro = int((parts["fraction"] or "").ljust(6, "0") or 0)
        clock = datetime.timedelta(seconds=seconds, microseconds=micro)
        return datetime.timedelta(days=int(parts["days"] or 0)) + (-clock if parts["sign"] else clock)
    if (found := _ISO_TEXT.match(text)) and text[-1] not in "PT":
        sign = -1 if found["sign"] == "-" else 1
        units = {
            unit: float(value.replace(",", "."))
            for unit, value in found.groupdict().items()
            if unit != "sign" and value
        }
        return sign * datetime.timedelta(**units)
    return None


class DurationField(Field[TD], Generic[TD]):
    """A span of time: INTERVAL, or integer microseconds."""

    kind = Kind.DURATION
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“{value}” value has an invalid format. It must be in [DD] [[HH:]MM:]ss[.uuuuuu] format.",
    }

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DurationField[datetime.timedelta],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[datetime.timedelta]],
        ) -> None: ...
        @overload
        def __init__(
            self: DurationField[datetime.timedelta | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[datetime.timedelta | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, datetime.timedelta):
            return value
        if isinstance(value, str):
            try:
                made = parse_duration(value.strip())
            except OverflowError as problem:
                raise self.refuse(value) from problem
            if made is not None:
                return made
        raise self.refuse(value)

    exact_types = (datetime.timedelta,)

    def column_type(self) -> SqlType:
        return interval_column()

    def stored_type(self) -> SqlType:
        return DurationType(self.column_type())
