"""Functions that choose between values or change their type (spec FN-03, FN-08, BEY-39)."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from dorm.exceptions import ImproperlyConfigured
from dorm.expressions import base
from dorm.expressions.base import Built, Expression
from dorm.functions.base import Func


class Coalesce(Func):
    """The first argument that is not NULL (spec FN-03).

    :raises ValueError: without arguments.
    """

    function = "coalesce"

    def __init__(self, *arguments: Any, output_field: Any = None) -> None:
        if not arguments:
            raise ValueError("Coalesce() needs at least one expression.")
        super().__init__(*arguments, output_field=output_field)

    def build(self, scope: Any) -> Built:
        with scope.lenient():
            arguments = [argument.build(scope) for argument in self.source_expressions]
            field = self.output_field or scope.common_field([a.field for a in arguments], self)
            parts = [scope.typed(e, a, field) for e, a in zip(self.source_expressions, arguments, strict=True)]
            element = parts[0] if len(parts) == 1 else sa.func.coalesce(*parts)
            if field is not None:
                element = sa.type_coerce(element, field.sql_type())
        return Built(element, field)


class _Extreme(Func):
    def __init__(self, *arguments: Any, output_field: Any = None) -> None:
        if len(arguments) < 2:
            raise ValueError(f"{type(self).__name__} must take at least two expressions")
        super().__init__(*arguments, output_field=output_field)

    def field_of(self, scope: Any, arguments: list[Built]) -> Any:
        return self.output_field or scope.common_field([a.field for a in arguments], self)

    def element(self, scope: Any, arguments: list[Built]) -> Any:
        field = self.field_of(scope, arguments)
        parts = [scope.typed(e, a, field) for e, a in zip(self.source_expressions, arguments, strict=True)]
        return scope.hooks.extreme(self.function, parts)


class Greatest(_Extreme):
    """The largest argument. With a NULL among them, the databases differ: use Coalesce."""

    function = "greatest"


class Least(_Extreme):
    """The smallest argument. With a NULL among them, the databases differ: use Coalesce."""

    function = "least"


class NullIf(Func):
    """NULL when both arguments are equal, else the first."""

    function = "nullif"
    arity = 2

    def element(self, scope: Any, arguments: list[Built]) -> Any:
        left, right = arguments
        return sa.func.nullif(left.sql, scope.typed(self.source_expressions[1], right, left.field))


_CAST = re.compile(r"([A-Za-z]+(?: [A-Za-z]+)?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?")

# name of the type -> (name of the field class, whether length arguments are taken)
_CAST_TYPES: dict[str, tuple[str, int]] = {
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


class Cast(Func):
    """The argument as another type (spec FN-08).

    :param output_field: a field, a field class, or the name of a type from the list in spec FN-08, upper or lower
        case, with ``(n)`` or ``(n, m)`` where the type takes them.
    :raises ImproperlyConfigured: for any other text.
    """

    anatomy = ("source_expressions", "target")

    def __init__(self, expression: Any, output_field: Any) -> None:
        self.target: tuple[Any, ...] | None = None
        if isinstance(output_field, str):
            self.target = _parse_type(output_field)
            output_field = None
        super().__init__(expression, output_field=output_field)

    def build(self, scope: Any) -> Built:
        with scope.lenient():
            argument = self.source_expressions[0].build(scope)
            field = self.output_field or scope.cast_field(*(self.target or ()))
            return Built(scope.cast(argument, field), field)


def _parse_type(text: str) -> tuple[Any, ...]:
    match = _CAST.fullmatch(text.strip())
    name = match.group(1).upper() if match else ""
    known = _CAST_TYPES.get(name)
    arguments = tuple(int(g) for g in match.groups()[1:] if g is not None) if match else ()
    if known is None or len(arguments) > known[1]:
        raise ImproperlyConfigured(
            f"Cast() does not know the type {text!r}. Use a field, or one of: {', '.join(sorted(_CAST_TYPES))}."
        )
    return (known[0], *arguments)


class Collate(Func):
    """Text that compares by the named collation."""

    anatomy = ("source_expressions", "collation")
    strict = True

    def __init__(self, expression: Any, collation: str) -> None:
        if not collation or not all(c.isalnum() or c in "_-." for c in collation):
            raise ValueError(f"Invalid collation name: {collation!r}.")
        self.collation = collation
        super().__init__(expression)

    def element(self, scope: Any, arguments: list[Built]) -> Any:
        return sa.collate(arguments[0].sql, self.collation)


def _coalesce(*arguments: Expression) -> Coalesce:
    return Coalesce(*arguments)


base.make.coalesce = _coalesce
