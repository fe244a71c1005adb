"""A field's validators as constraints of a schema: Pydantic's keywords where it has them, else the validator itself."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import dorm
from dorm import validators
from dorm.contrib.pydantic.library import AfterValidator
from dorm.dialects import Kind

if TYPE_CHECKING:
    from dorm.fields.base import Field

ORDERED: Final = (
    int, float, decimal.Decimal, datetime.date, datetime.datetime, datetime.time, datetime.timedelta,
)  # fmt: skip
SIZED: Final = (str, bytes)

#: True while a schema is filled from an instance: what is in the database already is not checked again.
reading: ContextVar[bool] = ContextVar("dorm_schema_reading", default=False)


def constraints_of(field: Field, made: object) -> tuple[dict[str, Any], list[object]]:
    """The limits of the column and of the built-in validators: keywords for ``Field``, and metadata beside it.

    :param field: a field other than a relation.
    :param made: its type in the schema.
    """
    limits: dict[str, Any] = {}
    others: list[Callable[[Any], Any]] = []
    hints: dict[str, Any] = {}
    for validator in _built_in(field):
        if made is decimal.Decimal and isinstance(validator, validators.DecimalValidator):
            for name in ("max_digits", "decimal_places"):
                if getattr(validator, name) is not None:
                    limits[name] = getattr(validator, name)
            continue
        if (keyword := _keyword(validator, field, made)) is not None:
            _tighten(limits, keyword, validator.limit_value)
        else:
            others.append(validator)
            hints.update(_pattern(validator))
    hints.update(_format(field))
    if hints:
        limits["json_schema_extra"] = hints
    return limits, [AfterValidator(checker(field, others))] if others else []


def checker(field: Field, checks: Iterable[Callable[[object], object]]) -> Callable[[object], object]:
    """A function that runs validators on a payload's value, unless it is empty, and reports what they refuse."""
    checks = tuple(checks)

    def check(value: object) -> object:
        if reading.get() or value in field.empty_values:
            return value
        for run in checks:
            try:
                run(value)
            except dorm.ValidationError as problem:
                # Pydantic turns this into an entry of its ValidationError
                raise ValueError("; ".join(problem.messages)) from problem
        return value

    return check


def _built_in(field: Any) -> list[Any]:
    """The field's validators that this library knows, and those its class implies."""
    known = [each for each in field.validators if isinstance(each, validators.Validator)]
    if field.kind is Kind.INTEGER and hasattr(field, "bounds"):
        # the range of the column's type says nothing about the value, except that it is positive
        low, high = field.bounds
        of_type: list[object] = [validators.MaxValueValidator(high)]
        if low:
            of_type.append(validators.MinValueValidator(low))
        known = [each for each in known if each not in of_type]
    if isinstance(field, dorm.EmailField):
        known.append(validators.validate_email)
    return known


def _keyword(validator: object, field: Field, made: object) -> str | None:
    """Pydantic's name for the limit, where type and limit allow one."""
    if not isinstance(validator, validators.LimitValidator) or callable(validator.limit_value):
        return None
    if made in ORDERED:
        if isinstance(validator, validators.MinValueValidator):
            return "ge"
        if isinstance(validator, validators.MaxValueValidator):
            return "le"
    elif made in SIZED or getattr(made, "__origin__", None) is list:
        if isinstance(validator, validators.MaxLengthValidator):
            return "max_length"
        # an empty value that may be blank is not measured
        if isinstance(validator, validators.MinLengthValidator) and not field.blank:
            return "min_length"
    return None


def _tighten(limits: dict[str, Any], keyword: str, limit: Any) -> None:
    pick = max if keyword in ("ge", "min_length") else min
    limits[keyword] = pick(limits[keyword], limit) if keyword in limits else limit


def _pattern(validator: object) -> dict[str, object]:
    """The pattern of a plain regular expression for the JSON schema; {} for one that JavaScript reads differently."""
    if not isinstance(validator, validators.RegexValidator) or validator.inverse_match or validator.flags:
        return {}
    text = validator.regex if isinstance(validator.regex, str) else validator.regex.pattern
    text = f"{text[:-2]}$" if text.endswith(r"\Z") else text
    return {} if "(?" in text or r"\Z" in text or r"\A" in text else {"pattern": text}


def _format(field: Field) -> dict[str, object]:
    if isinstance(field, dorm.EmailField):
        return {"format": "email"}
    if isinstance(field, dorm.URLField):
        return {"format": "uri"}
    return {}
