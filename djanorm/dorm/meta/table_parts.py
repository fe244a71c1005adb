"""``Meta.indexes`` and ``Meta.constraints`` as parts of a SQLAlchemy table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from dorm.constraints import (
    CheckConstraint,
    Deferrable,
    ExclusionConstraint,
    UniqueConstraint,
    compile_condition,
    compile_expression,
)
from dorm.dialects.base import Features
from dorm.exceptions import ImproperlyConfigured, NotSupportedError
from dorm.fields.columns import POSTGRESQL, SQLITE
from dorm.utils.suggest import hint


def add_index(options: Any, index: Any, table: sa.Table, features: Features) -> None:
    """The index on ``table``; what the database lacks (method, operator classes, include) is left out."""
    _make_index(
        options,
        index,
        table,
        features,
        unique=index.unique,
        orders=index.fields_orders,
        info={"dorm_index": index.name},
    )


def add_constraint(options: Any, constraint: Any, table: sa.Table, features: Features) -> None:
    """The constraint on ``table``; a conditional unique one is a unique index.

    :raises NotSupportedError: for an exclusion constraint where there are none.
    """
    info = {"dorm_constraint": constraint.name}
    if isinstance(constraint, CheckConstraint):
        element = compile_condition(options, constraint.condition, table)
        table.append_constraint(sa.CheckConstraint(element, name=constraint.name, info=info))
    elif isinstance(constraint, UniqueConstraint):
        _add_unique(options, constraint, table, features, info)
    elif isinstance(constraint, ExclusionConstraint):
        _add_exclusion(options, constraint, table, features, info)
    else:
        raise ImproperlyConfigured(f"{options.label}: {constraint!r} is no constraint.")


def _add_unique(
    options: Any, constraint: UniqueConstraint, table: sa.Table, features: Features, info: dict[str, Any]
) -> None:
    if constraint.is_index:
        orders = [(name, "") for name in constraint.fields]
        _make_index(options, constraint, table, features, unique=True, orders=orders, info=info)
        return
    more: dict[str, Any] = _deferral(constraint.deferrable, features)
    if constraint.nulls_distinct is False:
        more[f"{POSTGRESQL}_nulls_not_distinct"] = True
    columns = [_column(options, table, name) for name in constraint.fields]
    table.append_constraint(sa.UniqueConstraint(*columns, name=constraint.name, info=info, **more))


def _add_exclusion(
    options: Any, constraint: ExclusionConstraint, table: sa.Table, features: Features, info: dict[str, Any]
) -> None:
    if not features.exclusion_constraints:
        raise NotSupportedError(
            f"{options.label}: the exclusion constraint {constraint.name} needs PostgreSQL; {features.display_name} has none."
        )
    pairs = [
        (_column(options, table, what) if isinstance(what, str) else compile_expression(options, what, table), operator)
        for what, operator in constraint.expressions
    ]
    where = None if constraint.condition is None else compile_condition(options, constraint.condition, table)
    made = ExcludeConstraint(
        *pairs,
        name=constraint.name,
        using=constraint.index_type,
        where=where,
        **_deferral(constraint.deferrable, features),
    )
    made.info.update(info)
    table.append_constraint(made)


def _deferral(deferrable: Deferrable | None, features: Features) -> dict[str, Any]:
    if deferrable is None or not features.deferrable_constraints:
        return {}
    return {"deferrable": True, "initially": "DEFERRED" if deferrable is Deferrable.DEFERRED else "IMMEDIATE"}


def _make_index(
    options: Any, what: Any, table: sa.Table, features: Features, *, unique: bool, orders: Any, info: dict[str, Any]
) -> None:
    parts: list[Any] = []
    classes: dict[str, str] = {}
    for position, (name, direction) in enumerate(orders):
        if not name.isidentifier() and "(" in name:
            parts.append(sa.text(name))
            continue
        column = _column(options, table, name)
        parts.append(column.desc() if direction else column)
        if what.opclasses:
            classes[column.key] = what.opclasses[position]
    parts.extend(compile_expression(options, expression, table) for expression in what.expressions)
    more: dict[str, Any] = {}
    if what.condition is not None:
        where = compile_condition(options, what.condition, table)
        more.update({f"{POSTGRESQL}_where": where, f"{SQLITE}_where": where})
    if what.include and features.covering_indexes:
        more[f"{POSTGRESQL}_include"] = [_column(options, table, name).name for name in what.include]
    if classes:
        more[f"{POSTGRESQL}_ops"] = classes
    if getattr(what, "method", None):
        more[f"{POSTGRESQL}_using"] = what.method
    if getattr(what, "nulls_distinct", None) is False:
        more[f"{POSTGRESQL}_nulls_not_distinct"] = True
    sa.Index(what.name, *parts, unique=unique, info=info, _table=table, **more)


def _column(options: Any, table: sa.Table, name: str) -> sa.Column[Any]:
    field = options.pk if name == "pk" else options._by_name.get(name)
    if field is None or not field.concrete:
        known = [each.name for each in options.concrete_fields]
        raise ImproperlyConfigured(f"{options.label} has no column {name!r}. {hint(name, known)}")
    found: sa.Column[Any] = table.c[field.column]
    return found
