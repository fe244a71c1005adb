"""Functions that choose between values or change their type."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.expressions import base
from dorm.expressions.base import Built, Expression
from dorm.expressions.type_names import required_field
from dorm.functions.base import Func

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Scope


class Coalesce(Func):
    """The first argument that is not NULL.

    :raises ValueError: without arguments.
    """

    function = "coalesce"

    def __init__(self, *arguments: object, output_field: object = None) -> None:
        if not arguments:
            raise ValueError("Coalesce() needs at least one expression.")
        super().__init__(*arguments, output_field=output_field)

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> Any:
        return types.common_field(fields, self)

    def assigned(self, field: FieldLike) -> Expression:
        made = copy(self)
        made.output_field = kept = self.output_field or field
        made.source_expressions = tuple(part.assigned(kept) for part in self.source_expressions)
        return super(Coalesce, made).assigned(field)

    def build(self, scope: Scope) -> Built:
        with scope.lenient():
            arguments = [argument.build(scope) for argument in self.source_expressions]
            field = self.field_of(scope, [argument.field for argument in arguments])
            parts = [scope.typed(e, a, field) for e, a in zip(self.source_expressions, arguments, strict=True)]
            element = parts[0] if len(parts) == 1 else sa.func.coalesce(*parts)
            if field is not None:
                element = scope.hooks.of_type(element, field.sql_type())
        return Built(element, field)


class _Extreme(Func):
    def __init__(self, *arguments: object, output_field: object = None) -> None:
        if len(arguments) < 2:
            raise ValueError(f"{type(self).__name__} must take at least two expressions")
        super().__init__(*arguments, output_field=output_field)

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.common_field(fields, self)

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        field = self.field_of(scope, [argument.field for argument in arguments])
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

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        left, right = arguments
        return sa.func.nullif(left.sql, scope.typed(self.source_expressions[1], right, left.field))


class Cast(Func):
    """The argument as another type.

    :param output_field: a field, a field class, or the name of a type, one of those in
        ``dorm.expressions.type_names``, in upper or lower case, with ``(n)`` or ``(n, m)`` where the type takes them.
    :raises ImproperlyConfigured: for any other text, and for anything that is not a field.
    """

    anatomy = ("source_expressions",)

    def __init__(self, expression: object, output_field: object) -> None:
        super().__init__(expression, output_field=required_field(output_field, "Cast()"))

    def build(self, scope: Scope) -> Built:
        with scope.lenient():
            argument = self.source_expressions[0].build(scope)
            return Built(scope.cast(argument, self.output_field), self.output_field)


class Collate(Func):
    """Text that compares by the named collation."""

    anatomy = ("source_expressions", "collation")
    strict = True

    def __init__(self, expression: object, collation: str) -> None:
        if not isinstance(collation, str):
            raise TypeError(f"Collate() takes the name of a collation, not {type(collation).__name__}.")
        if not collation or not all(c.isalnum() or c in "_-." for c in collation):
            raise ValueError(f"Invalid collation name: {collation!r}.")
        self.collation = collation
        super().__init__(expression)

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return sa.collate(arguments[0].sql, self.collation)


def _coalesce(*arguments: Expression) -> Coalesce:
    return Coalesce(*arguments)


base.make.coalesce = _coalesce
base.make.cast = Cast
