"""Constraints of ``Meta.constraints``: CheckConstraint, UniqueConstraint, ExclusionConstraint.

They only declare: ``meta/tables.py`` writes their DDL and ``models/`` validates instances against them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from dorm.exceptions import ImproperlyConfigured
from dorm.expressions.base import Expression
from dorm.expressions.conditions import Q
from dorm.expressions.references import F
from dorm.fields.numbers import BooleanField
from dorm.indexes import filled, repr_of
from dorm.utils.identifiers import check_field_name, check_identifier, check_operator, check_operator_class

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

    from dorm.dialects.elements import Element
    from dorm.fields.instances import Instance
    from dorm.meta.options import Options


class ConditionCompiler(Protocol):
    """Makes SQLAlchemy elements of what constraints and indexes say about one table: a room of ``query``."""

    def condition_on(self, options: Options, condition: object, table: Table) -> ColumnElement[bool]: ...
    def expression_on(self, options: Options, expression: object, table: Table) -> Element: ...


class ConstraintCheck(Protocol):
    """Checks one instance against a constraint: a room of ``models``."""

    def validate_constraint(
        self, constraint: object, model: type, instance: Instance, exclude: Collection[str] | None, using: str
    ) -> None: ...


class _Hooks:
    """Rooms above, which put themselves here; modules that load when they are first needed."""

    compiler: ConditionCompiler | None = None
    check: ConstraintCheck | None = None


hooks = _Hooks()


def compile_condition(options: Options, condition: object, table: Table) -> ColumnElement[bool]:
    """A boolean element for ``condition`` over the columns of ``table``."""
    return _compiler("conditions").condition_on(options, condition, table)


def compile_expression(options: Options, expression: object, table: Table) -> Element:
    """An element for ``expression`` over the columns of ``table``."""
    return _compiler("expressions").expression_on(options, expression, table)


def _compiler(what: str) -> ConditionCompiler:
    if hooks.compiler is None:
        raise ImproperlyConfigured(f"Nothing compiles {what} of constraints and indexes yet: import dorm first.")
    return hooks.compiler


def _is_boolean(condition: object) -> bool:
    if isinstance(condition, Q) or getattr(condition, "conditional", False):
        return True
    return isinstance(condition, Expression) and isinstance(condition.output_field, BooleanField)


class Deferrable(Enum):
    """When a unique or exclusion constraint is checked: at the end of the transaction, or of each statement."""

    DEFERRED = "deferred"
    IMMEDIATE = "immediate"

    def __repr__(self) -> str:
        return f"Deferrable.{self.name}"


class BaseConstraint:
    """Base of the constraints: a name, the text and code of violations, comparison by content."""

    default_violation_error_message = "Constraint “{name}” is violated."
    violation_error_message: str

    def __init__(
        self, *, name: str, violation_error_code: str | None = None, violation_error_message: str | None = None
    ) -> None:
        if not name or not isinstance(name, str):
            raise ValueError(f"{type(self).__name__} needs a name.")
        self.name = name
        self.violation_error_code = violation_error_code
        self._given_message = violation_error_message
        self.violation_error_message = violation_error_message or self.default_violation_error_message

    def get_violation_error_message(self) -> str:
        """The message for a violated constraint."""
        text = self.violation_error_message
        return text % {"name": self.name} if "%(name)" in text else text.replace("{name}", self.name)

    def field_names(self) -> list[str]:
        """Field names that must exist on the model."""
        return []

    @property
    def contains_expressions(self) -> bool:
        """Whether it constrains expressions rather than fields."""
        return False

    def validate(self, model: type[Instance], instance: Instance, exclude: Any = None, using: str = "default") -> None:
        """Check ``instance`` against the constraint, as the database would.

        :param exclude: names of fields that are not to be looked at.
        :raises ValidationError: when the instance violates it.
        :raises NotImplementedError: for a kind of constraint that cannot be checked from here.
        """
        if hooks.check is None:
            raise NotImplementedError(f"{type(self).__name__} cannot be validated: import dorm first.")
        hooks.check.validate_constraint(self, model, instance, exclude, using)

    def for_model(self, options: Options) -> BaseConstraint:
        """A copy that belongs to one model, patterns in its name filled in."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.name = check_identifier(filled(made.name, options), f"A constraint of {options.label}:")
        return made

    def clone(self) -> BaseConstraint:
        """An equal constraint, built from its own parts."""
        _, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """``(path, args, kwargs)`` that build an equal constraint."""
        kwargs: dict[str, object] = {"name": self.name}
        if self.violation_error_code is not None:
            kwargs["violation_error_code"] = self.violation_error_code
        if self._given_message is not None:
            kwargs["violation_error_message"] = self._given_message
        return (f"{type(self).__module__}.{type(self).__qualname__}", (), kwargs)

    def _content(self) -> tuple[Any, ...]:
        path, args, kwargs = self.deconstruct()
        return (path, tuple(map(repr_of, args)), {name: repr_of(value) for name, value in kwargs.items()})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseConstraint):
            return NotImplemented
        return self._content() == other._content()

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __repr__(self) -> str:
        _, args, kwargs = self.deconstruct()
        parts = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
        return f"<{type(self).__name__}: {' '.join(parts)}>"


class CheckConstraint(BaseConstraint):
    """Rows must meet ``condition`` (a ``Q`` or boolean expression; also accepted as ``check``)."""

    def __init__(
        self,
        *,
        condition: Any = None,
        name: str,
        check: Any = None,
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        if (condition is None) == (check is None):
            raise TypeError("CheckConstraint takes one condition.")
        self.condition = check if condition is None else condition
        if not _is_boolean(self.condition):
            raise TypeError("CheckConstraint.condition must be a Q instance or boolean expression.")
        super().__init__(
            name=name, violation_error_code=violation_error_code, violation_error_message=violation_error_message
        )

    @property
    def check(self) -> Any:
        """The condition, by its older name."""
        return self.condition

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return (path, args, {"condition": self.condition, **kwargs})


class UniqueConstraint(BaseConstraint):
    """No two rows (that meet ``condition``) may agree in ``fields`` or ``expressions``.

    :param include: field names kept in the index beside the key (PostgreSQL).
    :param deferrable: when it is checked (PostgreSQL; not with a condition, include or expressions).
    :param nulls_distinct: False: two NULLs count as equal (PostgreSQL 15).
    """

    def __init__(
        self,
        *expressions: Any,
        fields: Iterable[str] = (),
        name: str | None = None,
        condition: Any = None,
        deferrable: Deferrable | None = None,
        include: Iterable[str] | None = None,
        opclasses: Iterable[str] = (),
        nulls_distinct: bool | None = None,
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        if not name:
            raise ValueError("A unique constraint must be named.")
        for what, given in (("include", include or ()), ("opclasses", opclasses)):
            if not isinstance(given, (list, tuple)):
                raise TypeError(f"UniqueConstraint.{what} must be a list or tuple.")
        if nulls_distinct is not None and not isinstance(nulls_distinct, bool):
            raise TypeError("UniqueConstraint.nulls_distinct must be a bool.")
        fields = tuple(fields)
        if opclasses and len(tuple(opclasses)) != len(fields):  # ty: ignore[truthiness-test-of-iterable]
            raise ValueError(
                "UniqueConstraint.fields and UniqueConstraint.opclasses must have the same number of elements."
            )
        if bool(fields) == bool(expressions):
            raise ValueError(
                "UniqueConstraint takes either fields or expressions, not both."
                if fields
                else "At least one field or expression is required to define a unique constraint."
            )
        if condition is not None and not isinstance(condition, Q):
            raise ValueError("UniqueConstraint.condition must be a Q instance.")
        if deferrable is not None:
            if not isinstance(deferrable, Deferrable):
                raise TypeError("UniqueConstraint.deferrable must be a Deferrable instance.")
            parts = {
                "conditions": condition is not None,
                "include fields": bool(include),
                "opclasses": bool(tuple(opclasses)),
                "expressions": bool(expressions),
            }
            for what, present in parts.items():
                if present:
                    raise ValueError(f"UniqueConstraint with {what} cannot be deferred.")
        for each in opclasses:
            check_operator_class(each, f"UniqueConstraint {name!r}: the opclass")
        for each in (*fields, *(include or ())):
            check_field_name(each, f"UniqueConstraint {name!r}:")
        self.fields = fields
        self.expressions = tuple(F(each) if isinstance(each, str) else each for each in expressions)
        self.condition = condition
        self.deferrable = deferrable
        self.include = tuple(include or ())
        self.opclasses = tuple(opclasses)
        self.nulls_distinct = nulls_distinct
        super().__init__(
            name=name, violation_error_code=violation_error_code, violation_error_message=violation_error_message
        )

    @property
    def is_index(self) -> bool:
        """Whether the database can only keep it as a unique index."""
        return bool(self.condition is not None or self.include or self.expressions or self.opclasses)

    @property
    def contains_expressions(self) -> bool:
        return bool(self.expressions)

    def field_names(self) -> list[str]:
        return [*self.fields, *self.include]

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, _, common = super().deconstruct()
        kwargs: dict[str, object] = {"fields": self.fields} if self.fields else {}
        kwargs.update(common)
        for option in ("condition", "deferrable", "nulls_distinct"):
            if getattr(self, option) is not None:
                kwargs[option] = getattr(self, option)
        for option in ("include", "opclasses"):
            if getattr(self, option):
                kwargs[option] = getattr(self, option)
        return (path, self.expressions, kwargs)


class ExclusionConstraint(BaseConstraint):
    """No two rows may satisfy all operators at once (PostgreSQL).

    :param expressions: pairs of field name or expression and operator, such as ``("period", "&&")``.
    """

    def __init__(
        self,
        *,
        name: str,
        expressions: Iterable[tuple[Any, str]],
        index_type: str = "gist",
        condition: Any = None,
        deferrable: Deferrable | None = None,
        include: Iterable[str] | None = None,
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        pairs = tuple(tuple(pair) for pair in expressions)
        if not pairs or not all(len(pair) == 2 for pair in pairs):
            raise ValueError("ExclusionConstraint.expressions must be pairs of a field or expression and an operator.")
        for _, operator in pairs:
            check_operator(operator, f"ExclusionConstraint {name!r}: the operator")
        check_identifier(index_type, f"ExclusionConstraint {name!r}: the index_type")
        self.expressions: tuple[Any, ...] = pairs
        self.index_type = index_type
        self.condition = condition
        self.deferrable = deferrable
        self.include = tuple(include or ())
        super().__init__(
            name=name, violation_error_code=violation_error_code, violation_error_message=violation_error_message
        )

    def field_names(self) -> list[str]:
        return [*(what for what, _ in self.expressions if isinstance(what, str)), *self.include]

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        kwargs["expressions"] = list(self.expressions)
        if self.index_type != "gist":
            kwargs["index_type"] = self.index_type
        for option in ("condition", "deferrable"):
            if getattr(self, option) is not None:
                kwargs[option] = getattr(self, option)
        if self.include:
            kwargs["include"] = self.include
        return (path, args, kwargs)
