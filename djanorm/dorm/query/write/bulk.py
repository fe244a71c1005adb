"""Bulk verbs: many rows in few statements."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from dorm.expressions.base import Expression
from dorm.expressions.conditional import Case, When
from dorm.expressions.references import F
from dorm.expressions.values import Prepared, Value
from dorm.query.describe.base import M, R
from dorm.query.write.related_keys import forget_refused, settle
from dorm.query.write.verbs import Writing
from dorm.utils.lazy import lazy_import
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.db import sessions, transactions
    from dorm.dialects import sql
    from dorm.query.compile import scope
    from dorm.query.run import plan
    from dorm.query.write import inserts, row_writes
else:
    transactions = lazy_import("dorm.db.transactions", globals())
    sessions = lazy_import("dorm.db.sessions", globals())
    sql = lazy_import("dorm.dialects.sql", globals())
    scope = lazy_import("dorm.query.compile.scope", globals())
    plan = lazy_import("dorm.query.run.plan", globals())
    inserts = lazy_import("dorm.query.write.inserts", globals())
    row_writes = lazy_import("dorm.query.write.row_writes", globals())

BATCH = 1000
CASES = 100
"""Up to here ``bulk_update`` writes ``UPDATE … CASE``; more rows are joined as a list of values."""


class Bulk(Writing[M, R]):
    """The bulk verbs of a queryset."""

    def bulk_create(
        self,
        objs: Iterable[M],
        batch_size: int | None = BATCH,
        *,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Sequence[str] | None = None,
        unique_fields: Sequence[str] | None = None,
        returning: Sequence[str] | None = None,
    ) -> list[M]:
        """Insert instances, one multi-row INSERT per batch, all or none. No signals.

        :param batch_size: rows per statement at most.
        :param ignore_conflicts: skip rows that clash; keys are not set then.
        :param update_conflicts: write ``update_fields`` over rows that clash on ``unique_fields``.
        :param returning: further fields to read back.
        :returns: the instances as a list, with their keys.
        :raises ValueError: for flags that do not go together, or a batch size below 1.
        """
        check_batch_size(batch_size)
        rows = list(objs)
        root = self._root()
        opts = root.state.opts
        conflict = self._conflict(opts, ignore_conflicts, update_conflicts, update_fields, unique_fields)
        if not rows:
            return rows
        check_instances(opts, rows)
        alias = root._write_alias()
        back = () if ignore_conflicts else tuple(opts.get_field(name) for name in returning or ())
        try:
            _insert(opts, rows, batch_size or len(rows), alias, conflict, back, keys=not ignore_conflicts)
        except BaseException:
            forget_refused(opts, rows)
            raise
        return rows

    @staticmethod
    def _conflict(
        opts: Any,
        ignore: bool,
        update: bool,
        update_fields: Sequence[str] | None,
        unique_fields: Sequence[str] | None,
    ) -> Any:
        if ignore and update:
            raise ValueError("ignore_conflicts and update_conflicts are mutually exclusive.")
        if ignore:
            return "ignore"
        if not update:
            return None
        if not update_fields:
            raise ValueError("Fields that will be updated when a row insertion fails on conflicts must be provided.")
        if not unique_fields:
            raise ValueError("Unique fields that can trigger the upsert must be provided.")
        chosen = [_column(opts, name, "update_fields") for name in update_fields]
        if any(field.primary_key for field in chosen):
            raise ValueError("bulk_create() cannot be used with primary keys in update_fields.")
        return ("update", [_column(opts, name, "unique_fields") for name in unique_fields], chosen)

    def upsert(
        self,
        objs: Iterable[M],
        unique_fields: Sequence[str],
        *,
        update_fields: Sequence[str] | None = None,
        batch_size: int | None = BATCH,
        returning: bool = False,
    ) -> list[M]:
        """Insert instances, or update the rows that have the same ``unique_fields``. One statement per batch.

        :param update_fields: what to write over; by default every column but the key, the unique ones and
            ``auto_now_add`` ones.
        :param returning: read the stored rows back into the instances.
        :returns: the instances, in order, with their keys. Of several with the same unique values the last one wins.
        :raises ValueError: without ``unique_fields``.
        """
        if not unique_fields:
            raise ValueError("upsert() needs unique_fields: the columns that tell which row is meant.")
        check_batch_size(batch_size)
        rows = list(objs)
        root = self._root()
        opts = root.state.opts
        unique = [_column(opts, name, "unique_fields") for name in unique_fields]
        if update_fields is None:
            updated = [
                field
                for field in opts.concrete_fields
                if not field.primary_key and not _among(field, unique) and not getattr(field, "auto_now_add", False)
            ]
        else:
            updated = [_column(opts, name, "update_fields") for name in update_fields]
        if not rows:
            return []
        check_instances(opts, rows)
        alias = root._write_alias()
        try:
            _upsert(opts, rows, batch_size or len(rows), alias, unique, updated, returning)
        except BaseException:
            forget_refused(opts, rows)
            raise
        return rows

    def bulk_update(self, objs: Iterable[M], fields: Iterable[Any], batch_size: int | None = BATCH) -> int:
        """Write ``fields`` of saved instances, one UPDATE per batch, all or none. No signals.

        :returns: the number of rows matched.
        :raises ValueError: for no fields, the key, an unknown or multi-valued field, or an unsaved instance.
        :raises TypeError: for a text in place of a list of fields.
        """
        check_batch_size(batch_size)
        root = self._root()
        opts = root.state.opts
        if isinstance(fields, str):
            raise TypeError(f"bulk_update() takes a list of fields; write [{fields!r}].")
        names = [getattr(field, "lookup_path", field) for field in fields]
        if not names:
            raise ValueError("Field names must be given to bulk_update().")
        chosen = [_column(opts, name, "fields") for name in names]
        if any(field.primary_key for field in chosen):
            raise ValueError("bulk_update() cannot be used with primary key fields.")
        if root.state.is_sliced:
            raise TypeError("Cannot update a query once a slice has been taken.")
        rows: list[Any] = list(objs)
        if not rows:
            return 0
        check_instances(opts, rows)
        if any(row.pk is None for row in rows):
            raise ValueError("All bulk_update() objects must have a primary key set.")
        alias = root._write_alias()
        session = sessions.session(alias)
        limit = max(1, session.features.max_parameters // (2 * len(chosen) + 1))
        size = min(batch_size or len(rows), limit)
        count = 0
        with transactions.atomic(alias) if len(rows) > size else nullcontext():
            for at in range(0, len(rows), size):
                count += _update_batch(root, opts, chosen, rows[at : at + size], alias)
        return count


def check_batch_size(batch_size: int | None) -> None:
    """Refuse a batch of less than one row.

    :raises ValueError: naming the value.
    """
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"Batch size must be a positive integer, not {batch_size}.")


def check_instances(opts: Any, rows: list[Any]) -> None:
    """Refuse anything that is not an instance of the model.

    :raises TypeError: naming the first one.
    """
    model = opts.model
    for row in rows:
        if row.__class__ is not model and not isinstance(row, opts.concrete_model):
            raise TypeError(f"Expected instances of {opts.object_name}, got {row!r}.")


def _column(opts: Any, name: str, what: str) -> Any:
    field = opts.pk if name == "pk" else opts.names.get(name)
    if field is None or not getattr(field, "concrete", False):
        why = "is no column" if field is not None else "does not exist"
        choices = [f.name for f in opts.concrete_fields]
        raise ValueError(f"{what}: '{name}' of {opts.object_name} {why}. {hint(str(name), choices)}")
    return field


def _among(field: Any, fields: Iterable[Any]) -> bool:
    return any(field is other for other in fields)


def _prepare(opts: Any, rows: list[Any]) -> None:
    """What ``save()`` would do to values before an INSERT: automatic times, keys of parents saved meanwhile."""
    prepared = [f for f in opts.concrete_fields if f.prepares]
    relations = [f for f in opts.concrete_fields if f.is_relation]
    key = opts.pk if opts.pk.has_default() else None
    if not prepared and not relations and key is None:
        return
    for row in rows:
        values = row.__dict__
        if relations:
            settle(row, relations, "bulk_create")
        for field in prepared:
            values[field.attname] = field.pre_save(row, True)
        if key is not None and values.get(key.attname) is None:
            values[key.attname] = key.get_default(row)


class _Group(NamedTuple):
    """Instances that give values to the same columns."""

    fields: list[Any]
    rows: list[Any]
    values: list[tuple[Any, ...]]


def _insert(
    opts: Any, rows: list[Any], batch_size: int, alias: str, conflict: Any, back: tuple[Any, ...], keys: bool
) -> None:
    _prepare(opts, rows)
    batches = _batches(_by_columns(opts, rows), batch_size)
    with transactions.atomic(alias) if len(batches) > 1 or _splits(alias, batches) else nullcontext():
        for fields, part, values in batches:
            missing = [f for f in opts.concrete_fields if not _among(f, fields)] if keys else []
            missing += inserts.computed(fields, values) if keys else []
            returning = (*missing, *(f for f in back if not _among(f, missing)))
            found = row_writes.insert_rows(opts, fields, values, using=alias, returning=returning, on_conflict=conflict)
            names = [field.attname for field in returning]
            if len(names) == 1 and len(found) == len(part):
                name = names[0]
                for row, (value,) in zip(part, found, strict=True):
                    row.__dict__[name] = value
            elif names and len(found) == len(part):
                for row, stored in zip(part, found, strict=True):
                    row.__dict__.update(zip(names, stored, strict=True))
            for row in part:
                state = row._state
                state.adding = False
                state.db = alias
                state.written = True


def _batches(groups: Iterable[_Group], size: int) -> list[_Group]:
    return [
        _Group(fields, rows[at : at + size], values[at : at + size])
        for fields, rows, values in groups
        for at in range(0, len(rows), size)
    ]


def _splits(alias: str, batches: list[_Group]) -> bool:
    features = sessions.session(alias).features
    return any(len(fields) * len(part) > features.max_parameters for fields, part, _ in batches)


def _by_columns(opts: Any, rows: list[Any]) -> list[_Group]:
    """Rows grouped by the columns that they have values for: the database fills in the others."""
    key = opts.pk
    columns = [field for field in opts.concrete_fields if not getattr(field, "generated", False)]
    if getattr(key, "filled_by_database", False):
        keyless = [row for row in rows if row.__dict__.get(key.attname) is None]
        without = [field for field in columns if field is not key]
    else:
        keyless, without = [], columns
    if not keyless:
        return _by_presence(columns, rows)
    if len(keyless) == len(rows):
        return _by_presence(without, rows)
    keyed = [row for row in rows if row.__dict__.get(key.attname) is not None]
    return [*_by_presence(columns, keyed), *_by_presence(without, keyless)]


def _by_presence(columns: list[Any], rows: list[Any]) -> list[_Group]:
    """The rows with their values of these columns; usually all rows have them all."""
    read = _reader(columns)
    try:
        return [_Group(columns, rows, [read(row.__dict__) for row in rows])]
    except KeyError:
        groups: dict[tuple[bool, ...], list[Any]] = {}
        for row in rows:
            groups.setdefault(tuple(field.attname in row.__dict__ for field in columns), []).append(row)
        return [
            group
            for given, part in groups.items()
            for group in _by_presence([f for f, g in zip(columns, given, strict=True) if g], part)
        ]


def _reader(fields: list[Any]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """A function from an instance's values to a tuple of those of ``fields``."""
    names = [field.attname for field in fields]
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


def _upsert(
    opts: Any, rows: list[Any], batch_size: int, alias: str, unique: list[Any], updated: list[Any], whole: bool
) -> None:
    _prepare(opts, rows)
    identify = [field.attname for field in unique]
    last = {tuple(row.__dict__.get(name) for name in identify): row for row in rows}
    groups = _by_columns(opts, list(last.values()))
    if whole:
        returning = tuple(opts.concrete_fields)
    else:
        made = [f for fields, _, given in groups for f in (opts.pk, *inserts.computed(fields, given))]
        returning = tuple({id(field): field for field in (*unique, *made)}.values())
    names = [field.attname for field in returning]
    at_key = [names.index(name) for name in identify]
    stored: dict[Any, Any] = {}
    batches = _batches(groups, batch_size)
    with transactions.atomic(alias) if len(batches) > 1 or _splits(alias, batches) else nullcontext():
        for fields, _, given in batches:
            found = row_writes.insert_rows(
                opts, fields, given, using=alias, returning=returning, on_conflict=("update", unique, updated)
            )
            for values in found:
                stored[tuple(values[at] for at in at_key)] = values
    for row in rows:
        found_row = stored.get(tuple(row.__dict__.get(name) for name in identify))
        if found_row is not None:
            row.__dict__.update(zip(names, found_row, strict=True))
        row._state.adding = False
        row._state.db = alias
        row._state.written = True


def _update_batch(root: Any, opts: Any, fields: list[Any], rows: list[Any], alias: str) -> int:
    values = []
    relations = [field for field in fields if field.is_relation]
    for row in rows:
        if relations:
            settle(row, relations, "bulk_update")
        values.append(
            [field.pre_save(row, False) if field.prepares else getattr(row, field.attname) for field in fields]
        )
    narrowed = bool(root.state.steps) or root.state.empty
    if narrowed or any(isinstance(value, Expression) for line in values for value in line):
        return _update_by_expressions(root, opts, fields, rows, values, alias)
    session = sessions.session(alias)
    unique = dict(zip((row.pk for row in reversed(rows)), reversed(values), strict=True))
    write = _update_by_case if len(unique) <= CASES or not session.features.update_from_values else _update_from_values
    return write(opts, fields, list(unique), list(unique.values()), alias)


def _update_by_case(opts: Any, fields: list[Any], keys: list[Any], values: list[list[Any]], alias: str) -> int:
    session = sessions.session(alias)
    dialect = session.dialect
    quote = dialect.identifier_preparer.quote
    key = opts.pk
    of_key = _parameter(opts, key, session)
    key_mark, keys = of_key.mark, of_key.bound(keys)
    params: list[Any] = []
    columns: list[Any] = []
    pieces = []
    for position, field in enumerate(fields):
        parameter = _parameter(opts, field, session)
        column_values = parameter.bound([line[position] for line in values])
        column = quote(field.column)
        whens = " ".join([f"WHEN {key_mark} THEN {parameter.mark}"] * len(keys))
        pieces.append(f"{column} = CASE {quote(key.column)} {whens} ELSE {column} END")
        params += itertools.chain.from_iterable(zip(keys, column_values, strict=True))
        columns += [scope.names_of_column(key), scope.names_of_column(field)] * len(keys)
    table = dialect.identifier_preparer.format_table(opts.table)
    marks = ", ".join([key_mark] * len(keys))
    sql = f"UPDATE {table} SET {', '.join(pieces)} WHERE {quote(key.column)} IN ({marks})"
    return row_writes.run_text(
        opts, sql, params + keys, using=alias, columns=(*columns, *[scope.names_of_column(key)] * len(keys))
    )


def _update_from_values(opts: Any, fields: list[Any], keys: list[Any], values: list[list[Any]], alias: str) -> int:
    """Join a list of rows: a CASE is read once per row and branch, so its cost is the square of the batch."""
    session = sessions.session(alias)
    dialect = session.dialect
    quote = dialect.identifier_preparer.quote
    written = [opts.pk, *fields]
    parameters = [_parameter(opts, field, session) for field in written]
    sent = [p.bound(column) for p, column in zip(parameters, [keys, *zip(*values, strict=True)], strict=True)]
    line = f"({', '.join(parameter.mark for parameter in parameters)})"
    first = f"({', '.join(parameter.first for parameter in parameters)})"
    lines = [first, *[line] * (len(keys) - 1)]
    table = dialect.identifier_preparer.format_table(opts.table)
    target = quote(opts.table.name)
    sql = (
        f"UPDATE {table} SET "
        + ", ".join(f"{quote(field.column)} = new.column{number}" for number, field in enumerate(fields, 2))
        + f" FROM (VALUES {', '.join(lines)}) AS new WHERE {target}.{quote(opts.pk.column)} = new.column1"
    )
    params = list(itertools.chain.from_iterable(zip(*sent, strict=True)))
    columns = tuple(scope.names_of_column(field) for field in written) * len(keys)
    return row_writes.run_text(opts, sql, params, using=alias, columns=columns)


class _Parameter:
    """How the values of a field are written in the text of a bulk UPDATE.

    :ivar mark: the parameter, with the cast that some databases want.
    :ivar first: the same in the first of a list of rows, from which such a list takes the types of its columns.
    """

    __slots__ = ("_process", "first", "mark", "used")

    def __init__(self, field: Any, session: Any) -> None:
        dialect, type_ = session.dialect, field.write_type()
        text = str(sa.select(sa.bindparam("x", type_=type_)).compile(dialect=dialect))
        self.mark = text.removeprefix("SELECT ").rpartition(" AS ")[0]
        kind = dialect.type_compiler_instance.process(field.sql_type().dialect_impl(dialect))
        self.first = sql.hooks_for(session.features).typed_parameter(self.mark, kind)
        self._process = type_.dialect_impl(dialect).bind_processor(dialect)
        self.used = False

    def bound(self, values: Sequence[Any]) -> list[Any]:
        """The values as the driver gets them."""
        process = self._process
        return list(values) if process is None else [process(value) for value in values]


def _parameter(opts: Any, field: Any, session: Any) -> _Parameter:
    """The parameter of a field, compiled once."""
    key = ("bulk parameter", session.alias, opts, opts.registry.version, field.attname)
    found: _Parameter | None = plan.plans.get(key)
    if found is None:
        found = _Parameter(field, session)
        plan.plans.put(key, found)
    return found


def _update_by_expressions(
    root: Any, opts: Any, fields: list[Any], rows: list[Any], values: list[list[Any]], alias: str
) -> int:
    assignments = {}
    for position, field in enumerate(fields):
        whens = [
            When(
                pk=row.pk,
                then=line[position] if isinstance(line[position], Expression) else _bound(line[position], field),
            )
            for row, line in zip(rows, values, strict=True)
        ]
        assignments[field.name] = Case(*whens, default=F(field.name), output_field=field)
    count = root.using(alias).filter(pk__in=[row.pk for row in rows]).update(**assignments)
    for row, line in zip(rows, values, strict=True):
        computed = [f.attname for f, value in zip(fields, line, strict=True) if isinstance(value, Expression)]
        for name in computed:
            # the next read brings what the database computed
            row.__dict__.pop(name, None)
        row._state.stale |= frozenset(computed)
    return count


def _bound(value: Any, field: Any) -> Value:
    return Value(None) if value is None else Prepared(field.to_store(value), field)
