"""Fields of numbers and booleans."""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeAlias, overload

import sqlalchemy as sa
from typing_extensions import TypeVar, Unpack

from dorm.dialects.kinds import Kind
from dorm.exceptions import ImproperlyConfigured
from dorm.fields.base import Field
from dorm.fields.columns import boolean_column, float_column, integer_column
from dorm.fields.options import FieldOptions
from dorm.fields.types import BooleanType, DecimalType, FloatType
from dorm.validators import DecimalValidator, MaxValueValidator, MinValueValidator

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType
    from dorm.fields.instances import Instance
    from dorm.fields.options import Validator

I = TypeVar("I", default=int)  # noqa: E741
F = TypeVar("F", default=float)
D = TypeVar("D", default=Decimal)
B = TypeVar("B", default=bool)
E = TypeVar("E", bound=Enum)

# the types of a decimal field's default; it is converted
DecimalLike: TypeAlias = Decimal | float | str


def is_finite(value: Any) -> bool:
    """Whether a number is neither infinite nor NaN."""
    return value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)


class IntegerField(Field[I], Generic[I]):
    """A four-byte integer; its range is checked by ``full_clean()``."""

    kind = Kind.INTEGER
    #: Smallest and largest value that ``full_clean()`` lets pass.
    bounds: ClassVar[tuple[int, int]] = (-(2**31), 2**31 - 1)
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“{value}” value must be an integer."}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: IntegerField[E],
            verbose_name: str | None = None,
            *,
            choices: type[E],
            null: Literal[False] = False,
            default: E | Callable[..., E] = ...,
            **options: object,
        ) -> None: ...
        @overload
        def __init__(
            self: IntegerField[E | None],
            verbose_name: str | None = None,
            *,
            choices: type[E],
            null: Literal[True],
            default: E | Callable[..., E | None] | None = ...,
            **options: object,
        ) -> None: ...
        @overload
        def __init__(
            self: IntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: IntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, **options):
            super().__init__(verbose_name, **options)
            if self.choice_enum is not None:
                self.exact_types = (self.choice_enum,)

    def to_python(self, value: Any) -> Any:
        if value is None or value.__class__ is int:
            return value
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, (float, Decimal)) and (not is_finite(value) or value != int(value)):
            raise self.refuse(value)
        try:
            return int(value)
        except (TypeError, ValueError) as problem:
            raise self.refuse(value) from problem

    exact_types: tuple[type, ...] = (int,)

    def built_in_validators(self) -> Sequence[Validator]:
        """Those of the class, and the range of the column."""
        low, high = self.bounds
        return (*self.default_validators, MinValueValidator(low), MaxValueValidator(high))

    def column_type(self) -> SqlType:
        return sa.Integer()


class BigIntegerField(IntegerField[I], Generic[I]):
    """An eight-byte integer."""

    bounds = (-(2**63), 2**63 - 1)
    MAX_BIGINT: ClassVar[int] = 2**63 - 1

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BigIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: BigIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def column_type(self) -> SqlType:
        return integer_column(sa.BigInteger())


class SmallIntegerField(IntegerField[I], Generic[I]):
    """A two-byte integer."""

    bounds = (-(2**15), 2**15 - 1)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: SmallIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: SmallIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def column_type(self) -> SqlType:
        return integer_column(sa.SmallInteger())


class PositiveMixin:
    """Adds ``CHECK (column >= 0)`` to the table."""

    #: Read by the table builder.
    non_negative: ClassVar[bool] = True


class PositiveIntegerField(PositiveMixin, IntegerField[I], Generic[I]):
    """A four-byte integer that is not negative."""

    bounds = (0, 2**31 - 1)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: PositiveIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: PositiveIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...


class PositiveBigIntegerField(PositiveMixin, BigIntegerField[I], Generic[I]):
    """An eight-byte integer that is not negative."""

    bounds = (0, 2**63 - 1)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: PositiveBigIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: PositiveBigIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...


class PositiveSmallIntegerField(PositiveMixin, SmallIntegerField[I], Generic[I]):
    """A two-byte integer that is not negative."""

    bounds = (0, 2**15 - 1)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: PositiveSmallIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: PositiveSmallIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...


class FloatField(Field[F], Generic[F]):
    """A double-precision number."""

    kind = Kind.FLOAT
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“{value}” value must be a number."}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: FloatField[float],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[float]],
        ) -> None: ...
        @overload
        def __init__(
            self: FloatField[float | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[float | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def to_python(self, value: Any) -> Any:
        if value is None or value.__class__ is float:
            return value
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError) as problem:
            raise self.refuse(value) from problem

    exact_types = (float,)

    def column_type(self) -> SqlType:
        return float_column()

    def stored_type(self) -> SqlType:
        return FloatType(self.column_type(), computed=self.is_free)


class DecimalField(Field[D], Generic[D]):
    """A decimal number with a fixed number of places.

    A value with more digits is refused by ``full_clean()`` and by writes, never rounded.

    :param max_digits: digits in all.
    :param decimal_places: digits behind the point; every value read has exactly so many.
    """

    kind = Kind.DECIMAL
    own_options: ClassVar[Mapping[str, object]] = {"max_digits": 10, "decimal_places": 2}
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“{value}” value must be a decimal number."}

    refuses_on_write = True
    max_digits: int | None
    decimal_places: int | None
    _quantum: Decimal | None
    _exactly: Context
    _rounding: Context

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DecimalField[Decimal],
            verbose_name: str | None = None,
            *,
            max_digits: int | None = 10,
            decimal_places: int | None = 2,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[DecimalLike]],
        ) -> None: ...
        @overload
        def __init__(
            self: DecimalField[Decimal | None],
            verbose_name: str | None = None,
            *,
            max_digits: int | None = 10,
            decimal_places: int | None = 2,
            null: Literal[True],
            **options: Unpack[FieldOptions[DecimalLike | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, *, max_digits=10, decimal_places=2, **options):
            for name, given in (("max_digits", max_digits), ("decimal_places", decimal_places)):
                if given is not None and (not isinstance(given, int) or given < 0):
                    raise ImproperlyConfigured(f"{type(self).__name__}: {name} must be a number from 0, not {given!r}.")
            if max_digits is not None and decimal_places is not None and max_digits < decimal_places:
                raise ImproperlyConfigured(
                    f"{type(self).__name__}: max_digits ({max_digits}) must be at least decimal_places ({decimal_places})."
                )
            self.max_digits, self.decimal_places = max_digits, decimal_places
            # quantize() in a context that raises for digits that do not fit
            self._quantum = None if decimal_places is None else Decimal(1).scaleb(-decimal_places)
            self._exactly = Context(
                max_digits or MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation]
            )
            self._rounding = Context(max_digits or MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
            super().__init__(verbose_name, **options)

    def to_python(self, value: Any) -> Any:
        """The decimal, from a number or a text; a float is rounded to ``max_digits``."""
        if value is None:
            return None
        if isinstance(value, bool):
            value = int(value)
        try:
            # a float means its shortest repr: 0.1 is Decimal("0.1")
            made = self._rounding.create_decimal(repr(float(value))) if isinstance(value, float) else Decimal(value)
        except (decimal.InvalidOperation, TypeError, ValueError) as problem:
            raise self.refuse(value) from problem
        if not made.is_finite():
            raise self.refuse(value)
        return made

    def storable(self, value: Any) -> Any:
        if self._quantum is not None and value.__class__ is Decimal:
            try:
                value.quantize(self._quantum, None, self._exactly)
            except (Inexact, InvalidOperation):
                # trailing zeros may be dropped without loss
                DecimalValidator(self.max_digits, self.decimal_places)(value)
        return value

    def built_in_validators(self) -> Sequence[Validator]:
        return (*self.default_validators, DecimalValidator(self.max_digits, self.decimal_places))

    def column_type(self) -> SqlType:
        return sa.Numeric(self.max_digits, self.decimal_places)

    def stored_type(self) -> SqlType:
        return DecimalType(self.column_type(), None if self.is_free else self.decimal_places, self.max_digits)


class BooleanField(Field[B], Generic[B]):
    """True or false; accepts 0, 1 and the usual words."""

    kind = Kind.BOOLEAN
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“{value}” value must be either True or False."}
    TRUE_WORDS: ClassVar[frozenset[str]] = frozenset({"true", "1", "yes", "t", "on", "y"})
    FALSE_WORDS: ClassVar[frozenset[str]] = frozenset({"false", "0", "no", "f", "off", "n"})

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BooleanField[bool],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[bool]],
        ) -> None: ...
        @overload
        def __init__(
            self: BooleanField[bool | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[bool | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def to_python(self, value: Any) -> Any:
        if value is None or value.__class__ is bool:
            return value
        if isinstance(value, str):
            word = value.strip().lower()
            if word in self.TRUE_WORDS:
                return True
            if word in self.FALSE_WORDS:
                return False
            if not word and self.null:
                return None
        elif isinstance(value, (int, float, Decimal)) and is_finite(value) and value in (0, 1):
            return bool(value)
        raise self.refuse(value)

    exact_types = (bool,)

    def validate(self, value: Any, instance: Instance | None = None) -> None:
        # False is a value, not an empty one
        super().validate(value, instance)

    def column_type(self) -> SqlType:
        return boolean_column()

    def stored_type(self) -> SqlType:
        return BooleanType(self.column_type())


class NullBooleanField(BooleanField["bool | None"]):
    """A boolean that may be unknown: ``BooleanField(null=True, blank=True)``."""

    own_options: ClassVar[Mapping[str, object]] = {"null": True, "blank": True}

    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        options.setdefault("blank", True)
        options.setdefault("null", True)
        super().__init__(verbose_name, **options)
