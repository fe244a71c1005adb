"""``bulk_create`` and ``upsert``: inserting instances in batches, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from dorm.db import transactions
from dorm.db.sessions import session as session_of
from dorm.meta.options import Options
from dorm.query.write import row_writes
from dorm.query.write.computed_inserts import computed
from dorm.query.write.related_keys import settle

if TYPE_CHECKING:
    from dorm.expressions.contract import FieldLike
    from dorm.fields.base import Field


class Group(NamedTuple):
    """Instances that give values to the same columns.

    :ivar values: those of ``fields``, one tuple per row.
    """

    fields: list[Any]
    rows: list[Any]
    values: list[tuple[Any, ...]]


class Batching(NamedTuple):
    """Where rows are written, and how many of them with one statement.

    :ivar size: rows per statement at most.
    """

    alias: str
    size: int

    def batches(self, groups: Iterable[Group]) -> list[Group]:
        """The groups, split where they are too large."""
        return [
            Group(fields, rows[at : at + self.size], values[at : at + self.size])
            for fields, rows, values in groups
            for at in range(0, len(rows), self.size)
        ]

    def together(self, batches: list[Group]) -> AbstractContextManager[object]:
        """A transaction, if writing ``batches`` takes several statements."""
        most = session_of(self.alias).features.max_parameters
        several = len(batches) > 1 or any(len(fields) * len(rows) > most for fields, rows, _ in batches)
        return transactions.atomic(self.alias) if several else nullcontext()


def insert(opts: Any, rows: list[Any], batching: Batching, conflict: Any, back: Sequence[Any], *, keys: bool) -> None:
    """Insert instances, and read what the database has filled in.

    :param conflict: what happens to rows that clash, see `row_writes.insert_rows`.
    :param back: further fields to read back.
    :param keys: whether to read keys and computed values at all.
    """
    prepare(opts, rows)
    batches = batching.batches(by_columns(opts, rows))
    with batching.together(batches):
        for batch in batches:
            missing = _filled_in(opts, batch) if keys else []
            returning = (*missing, *(f for f in back if not _among(f, missing)))
            found = row_writes.insert_rows(
                opts, batch.fields, batch.values, using=batching.alias, returning=returning, on_conflict=conflict
            )
            if returning and len(found) == len(batch.rows):
                _take(opts, batch.rows, [field.attname for field in returning], found)
            mark_written(batch.rows, batching.alias)


def _filled_in(opts: Any, batch: Group) -> list[Any]:
    """The fields that get their values from the database."""
    missing = [field for field in opts.concrete_fields if not _among(field, batch.fields)]
    return missing + computed(batch.fields, batch.values)


def _take(opts: Options, rows: list[object], names: list[str], found: list[tuple[Any, ...]]) -> None:
    """Set the returned values on each of ``rows``.

    :raises DatabaseError: when they have no key. A column that does not count gives none to any of them.
    """
    if opts.pk.attname in names and found and found[0][names.index(opts.pk.attname)] is None:
        raise row_writes.without_key(opts)
    if len(names) == 1:
        name = names[0]
        for row, (value,) in zip(rows, found, strict=True):
            row.__dict__[name] = value
        return
    for row, stored in zip(rows, found, strict=True):
        row.__dict__.update(zip(names, stored, strict=True))


def upsert(
    opts: Any, rows: list[Any], batching: Batching, unique: list[Any], updated: list[Any], *, whole: bool
) -> None:
    """Insert instances, or update the rows that have the same values of ``unique``.

    :param updated: the fields to write over.
    :param whole: whether to read all fields back.
    """
    prepare(opts, rows)
    identify = _getter([field.attname for field in unique])
    last = {identify(row.__dict__): row for row in rows}
    groups = by_columns(opts, list(last.values()))
    returning = list(opts.concrete_fields) if whole else _identified(opts, groups, unique)
    names = [field.attname for field in returning]
    key = opts.pk.attname
    stored: dict[Any, dict[str, Any]] = {}
    batches = batching.batches(groups)
    with batching.together(batches):
        for fields, _, values in batches:
            conflict = ("update", unique, updated)
            found = row_writes.insert_rows(
                opts, fields, values, using=batching.alias, returning=returning, on_conflict=conflict
            )
            for line in (dict(zip(names, values, strict=True)) for values in found):
                if line[key] is None:
                    raise row_writes.without_key(opts)
                stored[identify(line)] = line
    for row in rows:
        row.__dict__.update(stored.get(identify(row.__dict__), {}))
    mark_written(rows, batching.alias)


def _identified(opts: Any, groups: list[Group], unique: list[Field]) -> list[Field]:
    """The fields that identify the row of an instance, and those whose values the database supplies."""
    made = [field for group in groups for field in (opts.pk, *computed(group.fields, group.values))]
    return list({id(field): field for field in (*unique, *made)}.values())


def _getter(names: list[str]) -> Callable[[dict[str, object]], tuple[object, ...]]:
    """A function from an instance's values to a tuple of those called ``names``; None for one that is missing."""
    return lambda values: tuple([values.get(name) for name in names])


def mark_written(rows: list[Any], alias: str) -> None:
    """Note on instances that their rows are in the database ``alias``."""
    for row in rows:
        state = row._state
        state.adding = False
        state.db = alias
        state.written = True


def prepare(opts: Any, rows: list[Any]) -> None:
    """What ``save()`` would do to values before an INSERT: automatic times, keys of parents saved meanwhile."""
    relations = [field for field in opts.concrete_fields if field.is_relation]
    if relations:
        for row in rows:
            settle(row, relations, "bulk_create")
    for field in opts.concrete_fields:
        if field.prepares:
            for row in rows:
                row.__dict__[field.attname] = field.pre_save(row, True)
    key = opts.pk
    if key.has_default():
        for row in rows:
            if row.__dict__.get(key.attname) is None:
                row.__dict__[key.attname] = key.get_default(row)


def _among(field: FieldLike, fields: Iterable[object]) -> bool:
    return any(field is other for other in fields)


def by_columns(opts: Options, rows: list[Any]) -> list[Group]:
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


def _by_presence(columns: list[Any], rows: list[Any]) -> list[Group]:
    """The rows with their values of these columns; usually all rows have them all."""
    read = _reader(columns)
    try:
        return [Group(columns, rows, [read(row.__dict__) for row in rows])]
    except KeyError:
        groups: dict[tuple[bool, ...], list[Any]] = {}
        for row in rows:
            groups.setdefault(tuple(field.attname in row.__dict__ for field in columns), []).append(row)
        return [
            group
            for given, part in groups.items()
            for group in _by_presence([f for f, g in zip(columns, given, strict=True) if g], part)
        ]


def _reader(fields: list[Field]) -> Callable[[dict[str, object]], tuple[object, ...]]:
    """A function from an instance's values to a tuple of those of ``fields``."""
    names = [field.attname for field in fields]
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)
