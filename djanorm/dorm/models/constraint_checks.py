"""`constraint.validate(model, instance)`: checks an instance against a constraint by asking the database.

The instance's values become a one-row table in the statement; the constraint's own conditions and expressions are
compiled against that row, and for uniqueness and exclusion against the real table too, so that both decide alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.constraints import (
    CheckConstraint,
    ExclusionConstraint,
    UniqueConstraint,
    compile_condition,
    compile_expression,
)
from dorm.db import sessions
from dorm.exceptions import ValidationError
from dorm.expressions.base import Expression
from dorm.expressions.conditions import Q
from dorm.expressions.ordering import OrderBy
from dorm.expressions.references import F
from dorm.models.validation import unique_message

if TYPE_CHECKING:
    from dorm.constraints import BaseConstraint
    from dorm.dialects.elements import Element
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance
    from dorm.meta.options import Options

CANDIDATE = "candidate_row"


def validate_constraint(
    constraint: BaseConstraint, model: type[Any], instance: Instance, exclude: Collection[str] | None, using: str
) -> None:
    """Check an instance against one constraint.

    :raises ValidationError: when a row with these values would be refused.
    :raises NotImplementedError: for a kind of constraint that cannot be checked for single instances.
    """
    if not isinstance(constraint, (CheckConstraint, UniqueConstraint, ExclusionConstraint)):
        raise NotImplementedError(f"{type(constraint).__name__} says no way to validate an instance.")
    options = model._meta
    named = set(_names(constraint, options))
    values = instance.__dict__
    if any((options.pk.name if name == "pk" else name) in named for name in exclude or ()):
        return
    if any(isinstance(values.get(options.get_field(name).attname), Expression) for name in named):
        return
    session = sessions.session(using)
    candidate = _Candidate(options, instance, session.features)
    with session.sa_connection() as connection:
        if isinstance(constraint, CheckConstraint):
            # NULL passes, as it does in the database
            met = connection.execute(
                candidate.select(compile_condition(options, constraint.condition, candidate.table))
            )
            violated = met.scalar() in (False, 0)
        else:
            violated = connection.execute(_clash(constraint, options, instance, candidate)).first() is not None
    if violated:
        raise _complaint(constraint, model)


class _Candidate:
    """The values of an instance as a table of one row."""

    def __init__(self, options: Any, instance: Any, features: Any) -> None:
        values = instance.__dict__
        metadata = sa.MetaData()
        metadata.info["features"] = features
        fields = options.concrete_fields
        self.table = sa.Table(
            CANDIDATE,
            metadata,
            *(sa.Column(sa.sql.quoted_name(f.column, True), f.sql_type(), key=f.column) for f in fields),
        )
        cells = []
        for field in fields:
            cell = _cell(field, values, options, self.table)
            if features.native_datetime:
                # on databases with typed columns, a bare parameter has no type
                cell = sa.cast(cell, field.plain_type())
            cells.append(cell.label(sa.sql.quoted_name(field.column, True)))
        self.rows = sa.select(*cells).cte(CANDIDATE)

    def select(self, what: Any, *others: Any) -> Any:
        """A query for something computed from the candidate, and from other tables."""
        return sa.select(what).select_from(self.table, *others).add_cte(self.rows).limit(1)


def _cell(field: Field, values: dict[str, object], options: Options, table: Any) -> Element:
    """The value an INSERT would store: the instance's, or the default of the column."""
    value = values.get(field.attname)
    if field.attname not in values and field.has_db_default():
        value = field.db_default
        if isinstance(value, Expression):
            return compile_expression(options, value, table)
    if value is not None and field.has_own_preparation():
        value = field.get_prep_value(value)
    return sa.bindparam(None, value, type_=field.sql_type(), unique=True)


def _clash(constraint: Any, options: Any, instance: Any, candidate: _Candidate) -> Any:
    """The query for another row that the constraint does not allow beside the instance."""
    metadata = sa.MetaData()
    metadata.info["features"] = candidate.table.metadata.info["features"]
    stored = options.query_table.to_metadata(metadata)
    conditions: list[sa.ColumnElement[bool]] = []
    for part, operator in _parts(constraint):
        mine, theirs = (_element(options, part, table) for table in (candidate.table, stored))
        if operator != "=":
            conditions.append(mine.op(operator)(theirs))
        elif getattr(constraint, "nulls_distinct", None) is False:
            conditions.append(mine.is_not_distinct_from(theirs))
        else:
            conditions.append(mine == theirs)
    if constraint.condition is not None:
        conditions += [compile_condition(options, constraint.condition, table) for table in (candidate.table, stored)]
    if not instance._state.adding and instance.pk is not None:
        key = options.pk.column
        conditions.append(stored.c[key] != candidate.table.c[key])
    return candidate.select(sa.literal(1), stored).where(sa.and_(*conditions))


def _parts(constraint: Any) -> Iterator[tuple[object, str]]:
    """The parts in which two rows must not agree, each with the operator of the comparison."""
    if isinstance(constraint, ExclusionConstraint):
        yield from constraint.expressions
        return
    for part in constraint.fields or constraint.expressions:
        yield part, "="


def _element(options: Options, part: Any, table: Any) -> Element:
    if isinstance(part, str):
        return table.c[options.get_field(part).column]
    return compile_expression(options, part.expression if isinstance(part, OrderBy) else part, table)


def _names(constraint: BaseConstraint, options: Options) -> Iterator[str]:
    """The fields that a constraint reads."""
    yield from getattr(constraint, "fields", ())
    for part, _ in _parts(constraint) if not isinstance(constraint, CheckConstraint) else ():
        yield from (part,) if isinstance(part, str) else _names_in(part, options)
    condition = getattr(constraint, "condition", None)
    if condition is not None:
        yield from _names_in(condition, options)


def _names_in(what: object, options: Options) -> Iterator[str]:
    """The fields that a condition or an expression names."""
    if isinstance(what, Q):
        for child in what.children:
            if isinstance(child, tuple):
                yield from _field_of(child[0], options)
                yield from _names_in(child[1], options)
            else:
                yield from _names_in(child, options)
    elif isinstance(what, F):
        yield from _field_of(what.name, options)
    elif isinstance(what, Expression):
        for part in what.anatomy:
            yield from _names_in(getattr(what, part), options)
    elif isinstance(what, (list, tuple)):
        for item in what:
            yield from _names_in(item, options)


def _field_of(path: str, options: Options) -> Iterator[str]:
    name = path.split("__", maxsplit=1)[0]
    yield options.pk.name if name == "pk" else options.get_field(name).name


def _complaint(constraint: Any, model: type[Instance]) -> ValidationError:
    told = constraint.violation_error_code is not None or constraint._given_message is not None
    fields = getattr(constraint, "fields", ())
    if told or not fields or constraint.condition is not None:
        return ValidationError(constraint.get_violation_error_message(), code=constraint.violation_error_code)
    columns = tuple(model._meta.get_field(name) for name in fields)
    return ValidationError(unique_message(model, columns), code="unique" if len(columns) == 1 else "unique_together")
