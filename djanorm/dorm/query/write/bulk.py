"""Bulk verbs: many rows in few statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from dorm.meta.older_classes import older_class_hint
from dorm.query.describe.base import M, R, root_of
from dorm.query.run.aliases import write_alias
from dorm.query.write.related_keys import forget_refused
from dorm.query.write.verbs import Writing
from dorm.utils.lazy import lazy_import
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.db import sessions, transactions
    from dorm.expressions.contract import FieldLike
    from dorm.fields.base import Field
    from dorm.meta.options import Options
    from dorm.query.write import bulk_inserts, bulk_updates
else:
    transactions = lazy_import("dorm.db.transactions", globals())
    sessions = lazy_import("dorm.db.sessions", globals())
    bulk_inserts = lazy_import("dorm.query.write.bulk_inserts", globals())
    bulk_updates = lazy_import("dorm.query.write.bulk_updates", globals())

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
            batch = bulk_inserts.Batching(alias, batch_size or len(rows))
            bulk_inserts.insert(opts, rows, batch, conflict, back, keys=not ignore_conflicts)
        except BaseException:
            forget_refused(opts, rows)
            raise
        return rows

    @staticmethod
    def _conflict(
        opts: Options,
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
            batch = bulk_inserts.Batching(alias, batch_size or len(rows))
            bulk_inserts.upsert(opts, rows, batch, unique, updated, whole=returning)
        except BaseException:
            forget_refused(opts, rows)
            raise
        return rows

    def bulk_update(self, objs: Iterable[M], fields: Iterable[object], batch_size: int | None = BATCH) -> int:
        """Write ``fields`` of saved instances, one UPDATE per batch, all or none. No signals.

        :returns: the number of rows matched.
        :raises ValueError: for no fields, the key, an unknown or multi-valued field, or an unsaved instance.
        :raises TypeError: for a text in place of a list of fields.
        """
        check_batch_size(batch_size)
        root = root_of(self)
        opts = root.state.opts
        chosen = _updated(opts, fields)
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


def _updated(opts: Any, fields: Iterable[Any]) -> list[Any]:
    """The fields that ``bulk_update()`` is to write.

    :raises ValueError: for none, the key, or one without a column.
    :raises TypeError: for a text in place of a list.
    """
    if isinstance(fields, str):
        raise TypeError(f"bulk_update() takes a list of fields; write [{fields!r}].")
    names = [getattr(field, "lookup_path", field) for field in fields]
    if not names:
        raise ValueError("Field names must be given to bulk_update().")
    chosen = [_column(opts, name, "fields") for name in names]
    if any(field.primary_key for field in chosen):
        raise ValueError("bulk_update() cannot be used with primary key fields.")
    return chosen


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


def _column(opts: Any, name: str, what: str) -> Field:
    field = opts.pk if name == "pk" else opts.names.get(name)
    if field is None or not getattr(field, "concrete", False):
        why = "is no column" if field is not None else "does not exist"
        choices = [f.name for f in opts.concrete_fields]
        raise ValueError(f"{what}: '{name}' of {opts.object_name} {why}. {hint(str(name), choices)}")
    return field


def _among(field: FieldLike, fields: Iterable[object]) -> bool:
    return any(field is other for other in fields)
