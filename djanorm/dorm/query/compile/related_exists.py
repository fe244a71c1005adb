"""Whether related rows exist, in the form that the database can evaluate in one pass.

A correlated ``EXISTS`` is the natural form, and the best one if the column that points at the outer row is indexed, or
if the planner turns it into a join. Otherwise it would read the whole table once per row, while ``IN`` over the keys of
the related rows reads it once. Both are equivalent: neither is ever NULL.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from dorm.query.compile.joins import Join
from dorm.query.compile.scope import Scope


def related_rows(inner: Scope, prefix: tuple[Any, ...], outer: Join, conditions: list[Any], *, conjunct: bool) -> Any:
    """The condition that the row of ``outer`` has related rows that meet ``conditions``.

    :param inner: the scope of the related rows (see `Scope.rerooted`).
    :param prefix: the hops to them; the last one ties them to ``outer``.
    :param conjunct: whether the condition, or its opposite, is a member of a top-level AND.
    """
    hop = prefix[-1]
    conditions = [*inner.restricting(), *conditions]
    joined = conjunct and inner.features.joins_exists
    if joined or inner.reaches_out or is_indexed(hop.target_field):
        one: Any = sa.literal_column("1")
        tie = inner.correlation(prefix, outer)
        select = sa.select(one).select_from(inner.joins.from_clause()).where(tie, *conditions)
        return inner.correlated(select).exists()
    held = inner.joins.root.table.c[hop.target_field.column]
    known = [held.is_not(None)] if hop.target_field.null else []
    select = sa.select(held).distinct().select_from(inner.joins.from_clause()).where(*known, *conditions)
    here = outer.table.c[hop.source_field.column]
    member = here.in_(inner.correlated(select))
    return sa.and_(here.is_not(None), member) if outer.outer() or hop.source_field.null else member


def is_indexed(field: Any) -> bool:
    """Whether rows can be found by the value of a column without a full scan: an index of its table begins with it.

    The indexes of unmanaged tables are not known.
    """
    opts = field.model._meta
    if not opts.managed:
        return field.primary_key
    if field.primary_key or field.unique or field.db_index:
        return True
    lists = [*opts.unique_together]
    for part in (*opts.indexes, *opts.constraints):
        if getattr(part, "condition", None) is None and getattr(part, "method", None) in (None, "btree"):
            lists.append(getattr(part, "fields", None) or ())
    return any(names and str(names[0]).lstrip("-") in (field.name, field.attname) for names in lists)
