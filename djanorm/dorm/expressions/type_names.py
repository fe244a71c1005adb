"""``output_field``: the field of the results, given as a field, a class of fields or the name of a type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dorm.exceptions import ImproperlyConfigured
from dorm.expressions import base
from dorm.utils.patterns import lazy_pattern

if TYPE_CHECKING:
    from dorm.expressions.contract import FieldLike

_TYPE = lazy_pattern(r"([A-Za-z]+(?: [A-Za-z]+)?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?")

# name of the type -> (name of the field class, whether length arguments are taken)
_NAMED: dict[str, tuple[str, int]] = {
    "INTEGER": ("IntegerField", 0),
    "BIGINT": ("BigIntegerField", 0),
    "SMALLINT": ("SmallIntegerField", 0),
    "REAL": ("FloatField", 0),
    "DOUBLE PRECISION": ("FloatField", 0),
    "FLOAT": ("FloatField", 1),
    "NUMERIC": ("DecimalField", 2),
    "DECIMAL": ("DecimalField", 2),
    "TEXT": ("TextField", 0),
    "VARCHAR": ("CharField", 1),
    "CHAR": ("CharField", 1),
    "BLOB": ("BinaryField", 0),
    "BYTEA": ("BinaryField", 0),
    "BOOLEAN": ("BooleanField", 0),
    "BOOL": ("BooleanField", 0),
    "DATE": ("DateField", 0),
    "TIME": ("TimeField", 0),
    "TIMESTAMP": ("DateTimeField", 0),
    "TIMESTAMPTZ": ("DateTimeField", 0),
    "DATETIME": ("DateTimeField", 0),
    "JSON": ("JSONField", 0),
    "JSONB": ("JSONField", 0),
    "UUID": ("UUIDField", 0),
}


def stated_field(given: object) -> Any:
    """The field that an ``output_field`` stands for; None stays None, and the type is derived.

    :raises ImproperlyConfigured: for an unknown type name, and for anything that is not a field.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return base.make.types.field_named(*_parsed(given))
    made = given() if isinstance(given, type) and hasattr(given, "sql_type") else given
    if isinstance(made, type) or not hasattr(made, "sql_type"):
        raise ImproperlyConfigured(
            f"output_field must be a field, a field class, or the name of a type such as 'integer', not {given!r}."
        )
    return made


def required_field(given: object, what: str) -> FieldLike | None:
    """Like :func:`stated_field`, where the type cannot be left out.

    :raises ImproperlyConfigured: naming ``what``, for None.
    """
    if given is None:
        raise ImproperlyConfigured(f"{what} needs output_field: a field, a field class, or the name of a type.")
    return stated_field(given)


def _parsed(text: str) -> tuple[object, ...]:
    match = _TYPE.fullmatch(text.strip())
    name = match.group(1).upper() if match else ""
    known = _NAMED.get(name)
    arguments = tuple(int(g) for g in match.groups()[1:] if g is not None) if match else ()
    if known is None or len(arguments) > known[1]:
        raise ImproperlyConfigured(f"There is no type {text!r}. Use a field, or one of: {', '.join(sorted(_NAMED))}.")
    return (known[0], *arguments)
