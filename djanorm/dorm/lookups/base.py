"""Lookups: how one reads its value, and the condition it builds."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from copy import copy
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

from dorm.expressions.base import Built, Expression, as_operand, is_operand, make
from dorm.functions.base import Func
from dorm.lookups import registry

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import ComparingScope, FieldLike

INTEGER_LIMIT = 2**63


class Right(NamedTuple):
    """The right-hand side of a comparison, analysed once when the chain is built.

    :ivar variant: what the SQL depends on besides the lookup: None-ness, emptiness, the kind of a JSON value.
    :ivar values: bound values, one slot each.
    :ivar expressions: expressions, when the side is not plain.
    """

    variant: Hashable
    values: tuple[Any, ...] = ()
    expressions: tuple[Expression, ...] = ()


class RightOperand(Protocol):
    """The right-hand side as :meth:`Lookup.build` receives it.

    :ivar left: the expression on the left.
    :ivar variant: what the SQL depends on besides the lookup, as :meth:`Lookup.read` put it.
    :ivar expressions: the expressions, when the side is not plain.
    """

    left: Any
    variant: object
    expressions: tuple[Expression, ...]

    @property
    def is_value(self) -> bool:
        """Whether the side consists of bound values."""
        ...

    def sql(self, field: FieldLike | None = None, position: int = 0) -> Any:
        """Part ``position`` as an element; a value is bound with the type of ``field``, or with its own."""
        ...

    def bound(self, type_: object = None, position: int = 0) -> Any:
        """Value ``position`` as a parameter of an SQLAlchemy type, or with its own type."""
        ...

    def text(self, position: int = 0) -> Any:
        """Part ``position`` as text."""
        ...


NULL = Right("null")
NOTHING = Right("nothing")  # no row can match
EVERYTHING = Right("everything")  # any row with a value matches


class Lookup:
    """A comparison by name (as in Django 5.2). Stateless: one object serves every query.

    Subclass it, set ``lookup_name``, and write :meth:`build`; register it with ``Field.register_lookup``.
    """

    lookup_name: ClassVar[str] = ""
    _only: ClassVar[object] = None
    takes_field_values: ClassVar[bool] = True
    # a NULL operand makes the condition unknown, so that its joins may be inner ones
    strict: ClassVar[bool] = True

    def __new__(cls, *arguments: object) -> Self:
        # lookups are parts of cache keys: unpickling must give the same object
        if cls.__init__ is not object.__init__:
            return super().__new__(cls)
        only: Self = cls.__dict__.get("_only") or super().__new__(cls)
        cls._only = only
        return only

    def read(self, field: FieldLike, value: Any) -> Right:
        """Analyse the right-hand side.

        :param field: the field of the left side, or None when it is not known.
        :raises ValueError, ValidationError: for a value that cannot be compared with this field.
        """
        if is_operand(value):
            return Right("expression", (), (as_operand(value),))
        if value is None:
            return self.read_none(field)
        if is_fraction(field, value):
            return self.read_fraction(value)
        value = self.prepare(field, value)
        if value is None:
            # the field's conversion turned it into NULL
            return self.read_none(field)
        if value.__class__ is int and not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
            return self.read_out_of_range(value)
        return Right("value", (value,))

    def read_fraction(self, value: object) -> Right:
        """The right-hand side for a number between two integers, compared with a column of integers."""
        return NOTHING

    def read_out_of_range(self, value: int) -> Right:
        """The right-hand side for an integer that no column can hold."""
        return NOTHING

    def read_none(self, field: FieldLike) -> Right:
        raise ValueError(f"None cannot be compared with the lookup '{self.lookup_name}'; use isnull=True.")

    def prepare(self, field: FieldLike, value: Any) -> Any:
        """The value as the field's Python value."""
        if field is None or not self.takes_field_values:
            return value
        return field.get_prep_value(value)

    def beside(self, field: FieldLike, value: object) -> Expression:
        """A value among expressions: prepared and bound as a value of the field."""
        return make.prepared(self.prepare(field, value), field)

    def build(self, scope: ComparingScope, left: Built, right: RightOperand) -> Element:
        """The SQLAlchemy condition.

        :param scope: the query being built; ``scope.compare("=", left, right)`` makes a plain comparison.
        :param left: the element of the left side as ``left.sql``, and its field as ``left.field``.
        :param right: see :class:`RightOperand`.
        """
        raise NotImplementedError(f"{type(self).__name__}.build() is missing.")


class Transform(Func):
    """A function usable inside a lookup: ``joined__year__gte`` (Django 5.2).

    Subclass it with ``lookup_name`` and ``function`` and register it with ``Field.register_lookup``.

    :cvar bilateral: whether what is compared with the result is transformed too.
    """

    lookup_name: ClassVar[str] = ""
    bilateral: ClassVar[bool] = False
    arity = 1
    strict = True

    def of(self, source: Expression) -> Self:
        """The same transform of something else."""
        made = copy(self)
        made.source_expressions = (source, *self.source_expressions[1:])
        made._refresh_flags()
        return made


def is_fraction(field: object, value: object) -> bool:
    """Whether ``value`` is a number that a column of integers cannot hold because it lies between two of them."""
    return (
        isinstance(value, float | Decimal)
        and isinstance(field, registry.integer_field)
        and (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value))
        and value != math.floor(value)
    )


def require_iterable(name: str, value: object) -> list[object]:
    """``value`` as a list.

    :raises ValueError: naming the lookup, for what cannot be iterated.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ValueError(f"The lookup '{name}' needs a list, tuple, set or other iterable, not {type(value).__name__}.")
    return list(value)
