"""``Meta.indexes`` and ``Meta.constraints`` as parts of a SQLAlchemy table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.constraints import (
    CheckConstraint,
    Deferrable,
    ExclusionConstraint,
    UniqueConstraint,
    compile_condition,
    compile_expression,
)
from dorm.dialects.contract import Features, IndexParts
from dorm.dialects.sql import hooks_for
from dorm.exceptions import ImproperlyConfigured, UnsupportedFeature
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.meta.options import Options


def add_index(options: Options, index: Any, table: sa.Table, features: Features) -> None:
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


def add_constraint(options: Options, constraint: Any, table: sa.Table, features: Features) -> None:
    """The constraint on ``table``; a conditional unique one is a unique index.

    :raises UnsupportedFeature: for an exclusion constraint where there are none.
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
    options: Options, constraint: UniqueConstraint, table: sa.Table, features: Features, info: dict[str, Any]
) -> None:
    if constraint.is_index:
        orders = [(name, "") for name in constraint.fields]
        _make_index(options, constraint, table, features, unique=True, orders=orders, info=info)
        return
    parts = IndexParts(unique=True, nulls_distinct=_nulls_distinct(options, constraint, features))
    more: dict[str, Any] = {**_deferral(constraint.deferrable, features), **hooks_for(features).index_arguments(parts)}
    columns = [_column(options, table, name) for name in constraint.fields]
    table.append_constraint(sa.UniqueConstraint(*columns, name=constraint.name, info=info, **more))


def _add_exclusion(
    options: Options, constraint: ExclusionConstraint, table: sa.Table, features: Features, info: dict[str, object]
) -> None:
    if not features.exclusion_constraints:
        raise UnsupportedFeature(
            features.display_name,
            f"exclusion constraints, which {options.label} wants ({constraint.name})",
            "check in a transaction, or use PostgreSQL",
        )
    pairs = [
        (_column(options, table, what) if isinstance(what, str) else compile_expression(options, what, table), operator)
        for what, operator in constraint.expressions
    ]
    where = None if constraint.condition is None else compile_condition(options, constraint.condition, table)
    made = hooks_for(features).exclusion_constraint(
        pairs, constraint.index_type, where, {"name": constraint.name, **_deferral(constraint.deferrable, features)}
    )
    made.info.update(info)
    table.append_constraint(made)


def _deferral(deferrable: Deferrable | None, features: Features) -> dict[str, object]:
    if deferrable is None or not features.deferrable_constraints:
        return {}
    return {"deferrable": True, "initially": "DEFERRED" if deferrable is Deferrable.DEFERRED else "IMMEDIATE"}


def _make_index(
    options: Options, what: Any, table: sa.Table, features: Features, *, unique: bool, orders: Any, info: dict[str, Any]
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
    if what.condition is not None and unique and not features.partial_indexes:
        raise UnsupportedFeature(
            features.display_name,
            f"unique indexes of some rows, which {options.label} wants ({what.name})",
            "check in clean()",
        )
    if what.expressions and not features.expression_indexes:
        raise UnsupportedFeature(
            features.display_name,
            f"indexes of expressions, which {options.label} wants ({what.name})",
            "index a generated column",
        )
    condition = None if what.condition is None else compile_condition(options, what.condition, table)
    found = IndexParts(
        unique=unique,
        condition=condition,
        include=tuple(_column(options, table, name).name for name in what.include) if features.covering_indexes else (),
        operator_classes=classes,
        method=getattr(what, "method", None),
        nulls_distinct=_nulls_distinct(options, what, features),
    )
    more: dict[str, Any] = {**hooks_for(features).index_arguments(found)}
    sa.Index(what.name, *parts, unique=unique, info=info, _table=table, **more)


def _nulls_distinct(options: Any, what: Any, features: Features) -> bool | None:
    """What the constraint or index says of NULLs.

    :raises UnsupportedFeature: where two NULLs cannot be made equal.
    """
    distinct: bool | None = getattr(what, "nulls_distinct", None)
    if distinct is False and not features.nulls_not_distinct:
        raise UnsupportedFeature(
            features.display_name,
            f"constraints in which two NULLs are equal, as {options.label} wants ({what.name})",
            "leave nulls_distinct out, and let the fields be NOT NULL",
        )
    return distinct


def _column(options: Any, table: sa.Table, name: str) -> sa.Column[Any]:
    field = options.pk if name == "pk" else options.by_name.get(name)
    if field is None or not field.concrete:
        known = [each.name for each in options.concrete_fields]
        raise ImproperlyConfigured(f"{options.label} has no column {name!r}. {hint(name, known)}")
    return table.c[field.column]
