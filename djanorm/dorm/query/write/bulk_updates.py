"""``bulk_update``: one UPDATE that gives each row values of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.db.announcements import written_by
from dorm.db.execution import Statement
from dorm.db.identity import Source
from dorm.db.sessions import session as session_of
from dorm.dialects.sql.repeated import Branches, Repeated, RepeatingText, TableOfRows
from dorm.expressions.base import Expression
from dorm.expressions.conditional import Case, When
from dorm.expressions.references import F
from dorm.expressions.values import Prepared, Value
from dorm.query.compile.scope import names_of_column
from dorm.query.describe.identity import QuerySource
from dorm.query.run.plan_cache import plans
from dorm.query.write import row_writes, scoped
from dorm.query.write.computed_inserts import computed
from dorm.query.write.related_keys import settle
from dorm.query.write.sent_rows import GroupedRows, Rows, RowsInArrays, RowsPlan, fits_arrays, groups_of, processor_of
from dorm.query.write.sources import names_of

if TYPE_CHECKING:
    from dorm.db.session import Session
    from dorm.fields.base import Field
    from dorm.meta.options import Options

CASES = 100
"""Up to so many rows the values are branches of a CASE, which is read once per row and branch: its cost is the square of
the number of rows. More rows are joined as a table of values."""


def update_batch(root: Any, opts: Options, fields: list[Field], rows: list[object], alias: str) -> int:
    """Write ``fields`` of ``rows`` in one statement; the number of rows matched.

    :param root: the queryset whose rows may be written.
    """
    lines = _lines(opts, fields, rows)
    narrowed = bool(root.state.steps) or root.state.empty or scoped.by_query()
    if narrowed or computed([opts.pk, *fields], lines):
        return _update_by_expressions(root, fields, rows, lines, alias)
    # of several instances of one row the first counts
    different = list({line[0]: line for line in reversed(lines)}.values())
    statement, params = _plan_of(opts, fields, len(different), session_of(alias)).sent(different)
    keys = [line[0] for line in different]
    return row_writes.update_each(opts, fields, keys, statement, params, using=alias)


def _lines(opts: Options, fields: list[Field], rows: list[Any]) -> list[tuple[object, ...]]:
    """The key of each row, and its new values of ``fields``."""
    relations = [field for field in fields if field.is_relation]
    if relations:
        for row in rows:
            settle(row, relations, "bulk_update")
    if any(field.prepares for field in fields):
        return [
            (row.pk, *(f.pre_save(row, False) if f.prepares else getattr(row, f.attname) for f in fields))
            for row in rows
        ]
    read = attrgetter(opts.pk.attname, *(field.attname for field in fields))
    return [read(row) for row in rows]


def _plan_of(opts: Options, fields: list[Field], count: int, session: Session) -> RowsPlan:
    """The plan of writing ``count`` rows: their keys and the values of ``fields``."""
    written = [opts.pk, *fields]
    make: Callable[[Any, list[object], Any, Source], RowsPlan]
    if count <= CASES or not session.features.update_from_values:
        make = UpdateByCase
    else:
        make = _from_arrays if fits_arrays(written, session) else _from_groups
    key = (make.__name__, session.alias, opts, opts.registry.version, tuple(map(id, fields)))
    plan: RowsPlan | None = plans.get(opts.registry, key)
    if plan is None:
        source = QuerySource("update", opts, (("of many rows, setting", names_of(fields)),))
        plan = make(opts, written, session, source)
        plans.put(opts.registry, key, plan)
    return plan


def _joined(opts: Options, written: list[Any], columns: Sequence[object]) -> Any:
    """The UPDATE of the rows whose keys are in the first of ``columns``, with the values in the others."""
    table = opts.query_table
    key, *values = columns
    assigned = [(table.c[field.column], value) for field, value in zip(written[1:], values, strict=True)]
    return sa.update(table).ordered_values(*assigned).where(table.c[opts.pk.column] == key)


def _from_groups(opts: Options, written: list[Any], session: Session, source: Source) -> RowsPlan:
    given = TableOfRows("new", groups_of(written, session, typed=True), len(written))
    return GroupedRows(written, _joined(opts, written, list(given.c)), session, source)


def _from_arrays(opts: Options, written: list[Any], session: Session, source: Source) -> RowsPlan:
    return RowsInArrays(written, lambda given: _joined(opts, written, list(given.c)[:-1]), session, source)


class UpdateByCase:
    """``UPDATE … SET a = CASE key WHEN … THEN … END … WHERE key IN (…)``.

    :param written: the key and the fields whose values each row has.
    """

    __slots__ = ("_columns", "_processors", "_source", "_text", "hydrate", "used")

    def __init__(self, opts: Any, written: list[Any], session: Any, source: Source) -> None:
        table, dialect = opts.query_table, session.dialect
        parameters = [sa.bindparam(f"p{number}", type_=field.write_type()) for number, field in enumerate(written)]
        key, *values = parameters
        column = table.c[opts.pk.column]
        assigned = [
            (table.c[field.column], Branches(column, key, value, table.c[field.column]))
            for field, value in zip(written[1:], values, strict=True)
        ]
        statement = sa.update(table).ordered_values(*assigned).where(column.in_([Repeated(key)]))
        self._text = RepeatingText(statement, dialect)
        self._processors = [processor_of(field, dialect) for field in written]
        self._columns = [names_of_column(field) for field in written]
        self._source = source
        self.hydrate: Callable[[list[Any]], list[Any]] | None = None
        self.used = False

    def sent(self, rows: Rows) -> tuple[Statement, list[object]]:
        """The statement that writes ``rows``, and its parameters."""
        count = len(rows)
        keys, *values = (
            column if process is None else [process(value) for value in column]
            for column, process in zip(zip(*rows, strict=True), self._processors, strict=True)
        )
        key, *names = self._columns
        params: list[Any] = []
        columns: list[str] = []
        for name, column in zip(names, values, strict=True):
            params += chain.from_iterable(zip(keys, column, strict=True))
            columns += [key, name] * count
        params += keys
        columns += [key] * count
        return Statement(self._text.text(count), "write", tuple(columns), self._source), params


def _update_by_expressions(
    root: Any, fields: list[Any], rows: list[Any], lines: list[tuple[Any, ...]], alias: str
) -> int:
    """Write values that the database computes, or rows that only some conditions let through."""
    keys = [line[0] for line in lines]
    assignments = {}
    for position, field in enumerate(fields, 1):
        whens = [When(pk=line[0], then=_operand(line[position], field)) for line in lines]
        assignments[field.name] = Case(*whens, default=F(field.name), output_field=field)
    with written_by("bulk"):
        count: int = root.using(alias).filter(pk__in=keys).update(**assignments)
    for row, (_, *values) in zip(rows, lines, strict=True):
        unknown = [f.attname for f, value in zip(fields, values, strict=True) if isinstance(value, Expression)]
        for name in unknown:
            # the next read brings what the database computed
            row.__dict__.pop(name, None)
        row._state.stale |= frozenset(unknown)
    return count


def _operand(value: Any, field: Any) -> Expression:
    if isinstance(value, Expression):
        return value
    return Value(None) if value is None else Prepared(field.to_store(value), field)
