"""Bulk verbs: many rows in few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from dorm.meta.older_classes import older_class_hint
from dorm.query.describe.base import M, R, root_of
from dorm.query.run.evaluation import write_alias
from dorm.query.write.related_keys import forget_refused, settle
from dorm.query.write.verbs import Writing
from dorm.utils.lazy import lazy_import
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.db import sessions, transactions
    from dorm.query.write import bulk_updates, computed_inserts, row_writes
else:
    transactions = lazy_import("dorm.db.transactions", globals())
    sessions = lazy_import("dorm.db.sessions", globals())
    bulk_updates = lazy_import("dorm.query.write.bulk_updates", globals())
    computed_inserts = lazy_import("dorm.query.write.computed_inserts", globals())
    row_writes = lazy_import("dorm.query.write.row_writes", globals())

BATCH = 1000


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
        root = root_of(self)
        opts = root.state.opts
        conflict = self._conflict(opts, ignore_conflicts, update_conflicts, update_fields, unique_fields)
        if not rows:
            return rows
        check_instances(opts, rows)
        alias = write_alias(root)
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
        root = root_of(self)
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
        alias = write_alias(root)
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
        root = root_of(self)
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
        alias = write_alias(root)
        session = sessions.session(alias)
        limit = max(1, session.features.max_parameters // (2 * len(chosen) + 1))
        size = min(batch_size or len(rows), limit)
        count = 0
        with transactions.atomic(alias) if len(rows) > size else nullcontext():
            for at in range(0, len(rows), size):
                count += bulk_updates.update_batch(root, opts, chosen, rows[at : at + size], alias)
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
            raise TypeError(
                f"Expected instances of {opts.object_name}, got {row!r}.{older_class_hint(model, row, 'The query')}"
            )


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
            missing += computed_inserts.computed(fields, values) if keys else []
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
        made = [f for fields, _, given in groups for f in (opts.pk, *computed_inserts.computed(fields, given))]
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
