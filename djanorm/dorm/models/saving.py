"""`save()`: one INSERT or one UPDATE, and the rules for choosing.

A new instance is inserted without asking first whether its unique values are free: the database checks that, and only
when it refuses are the values compared, to word the error. Where a refused statement would break the surrounding
transaction, or the model overrides `validate_unique`, the check comes first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dorm.db import routers, sessions, transactions
from dorm.exceptions import (
    DatabaseError,
    DuplicateError,
    ReadOnlyModelError,
    UniqueViolation,
    ValidationError,
)
from dorm.expressions.base import Expression
from dorm.models.validation import check_sets, unique_checks_of
from dorm.query.write import row_writes
from dorm.query.write.related_keys import forget_refused, settle
from dorm.signals import post_save, pre_save
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance
    from dorm.query.run.instance_state import ModelState


class SavePlan:
    """What saving needs to know about a model; built once per class.

    :ivar columns: the columns the instance supplies.
    :ivar made: the columns the database computes.
    """

    __slots__ = (
        "automatic_key",
        "by_name",
        "columns",
        "inserted",
        "key",
        "made",
        "options",
        "prepared",
        "relations",
        "updated",
        "values",
    )

    def __init__(self, model: type[Any]) -> None:
        options = model._meta
        self.options = options
        self.key = options.pk
        concrete = list(options.concrete_fields)
        self.made = [field for field in concrete if getattr(field, "generated", False)]
        self.columns = [field for field in concrete if field not in _Identities(self.made)]
        self.values = [field for field in self.columns if not field.primary_key]
        self.prepared = {field.attname for field in self.columns if field.prepares}
        self.relations = [field for field in self.columns if field.is_relation]
        self.automatic_key = self.key.filled_by_database
        self.by_name = {name: field for field in self.values for name in (field.name, field.attname)}
        self.inserted = Columns(self, self.values if self.automatic_key else self.columns)
        self.updated = Columns(self, self.values)

    def chosen(self, model: type[Any], names: Iterable[str]) -> list[Any]:
        """The columns named by ``update_fields``.

        :raises ValueError: for a name that is not a column other than the key.
        """
        if isinstance(names, str):
            raise ValueError(f"update_fields takes a list of names; write [{names!r}].")
        wanted = list(names)
        for name in wanted:
            if name not in self.by_name:
                raise ValueError(
                    f"update_fields names {name!r}, which is no column of {model.__name__} that save() can update. "
                    f"{hint(name, self.by_name)}"
                )
        attnames = {self.by_name[name].attname for name in wanted}
        return [field for field in self.values if field.attname in attnames]


class Columns:
    """Columns that are written together: the attributes to read, and the fields whose `pre_save` runs first."""

    __slots__ = ("fields", "names", "prepared")

    def __init__(self, plan: SavePlan, fields: list[Any]) -> None:
        self.fields = fields
        self.names = [field.attname for field in fields]
        self.prepared = [(n, field) for n, field in enumerate(fields) if field.attname in plan.prepared]

    def read(self, instance: object, add: bool) -> list[Any] | None:
        """The values to write; None when one is missing, or computed by the database."""
        values = instance.__dict__
        for position, field in self.prepared:
            values[self.names[position]] = field.pre_save(instance, add)
        try:
            row = [values[name] for name in self.names]
        except KeyError:
            return None
        for value in row:
            if isinstance(value, Expression):
                return None
        return row


class _Identities:
    """Membership by identity: ``==`` between fields builds a condition."""

    def __init__(self, fields: list[Any]) -> None:
        self._ids = {id(field) for field in fields}

    def __contains__(self, field: object) -> bool:
        return id(field) in self._ids


def plan_of(model: type[Any]) -> SavePlan:
    """The plan of a model, built on first use."""
    plan: SavePlan = model._meta.derived(SavePlan, SavePlan, model)
    return plan


def save_instance(
    instance: Any,
    using: str | None,
    force_insert: bool,
    force_update: bool,
    update_fields: Iterable[str] | None,
) -> None:
    """The body of `Model.save()`; see there."""
    model = instance.__class__
    plan = plan_of(model)
    if force_insert and (force_update or update_fields):
        raise ValueError("save() cannot be told to insert and to update at the same time.")
    if plan.options.read_only:
        raise ReadOnlyModelError(f"{model.__name__} is declared read_only; its rows cannot be saved.")
    fields = None
    if update_fields is not None:
        fields = plan.chosen(model, update_fields)
        if not fields:
            return
    state = instance._state
    alias = using or (state.db if state.written else None) or routers.db_for_write(model, instance=instance)
    try:
        if plan.relations:
            settle(instance, plan.relations if fields is None else _relations_among(plan, fields), "save")
        if fields is None and not force_insert:
            fields = _loaded_only(instance, plan, state, alias)
        write(instance, plan, alias, force_insert, force_update, fields)
    except BaseException:
        forget_refused(plan.options, [instance])
        raise


def _relations_among(plan: SavePlan, fields: list[Field]) -> list[object]:
    chosen = _Identities(fields)
    return [field for field in plan.relations if field in chosen]


def write(
    instance: Any, plan: SavePlan, alias: str, force_insert: bool, force_update: bool, fields: list[Any] | None
) -> None:
    """Announce, insert or update, announce."""
    model, state, values = instance.__class__, instance._state, instance.__dict__
    key_name = plan.key.attname
    key = values.get(key_name)
    if key is None and not plan.automatic_key and plan.key.has_default():
        key = values[key_name] = plan.key.get_default(instance)
        state.default_key = key
    if key is None and (force_update or fields is not None) and not _composite(plan):
        raise ValueError(f"{model.__name__}.save() cannot update a row without its key: {instance!r} has none.")
    inserting = force_insert or (key is None and not _composite(plan))
    if not inserting and state.adding and fields is None and not force_update:
        inserting = key is not None and key is state.default_key
    created = inserting or (state.adding and fields is None and not force_update)
    listened = pre_save.connected or post_save.connected
    named: frozenset[str] | None = None
    if listened:
        if fields is not None:
            named = frozenset([field.name for field in fields])
        pre_save.send(model, instance=instance, created=created, raw=False, using=alias, update_fields=named)
    if inserting:
        created = True
        _insert(instance, plan, alias)
    elif not created:
        created = _update(instance, plan, alias, fields, must_match=force_update or fields is not None)
    else:
        created = _update_or_insert(instance, plan, alias)
    state.adding = False
    state.db = alias
    state.written = True
    if listened:
        post_save.send(model, instance=instance, created=created, raw=False, using=alias, update_fields=named)


def _composite(plan: SavePlan) -> bool:
    return not plan.key.concrete


def _loaded_only(instance: Any, plan: SavePlan, state: ModelState, alias: str) -> list[object] | None:
    """The columns to update when some were never loaded; None means all.

    When saving to another database all columns are needed, so missing ones are loaded.
    """
    if state.adding:
        return None
    values = instance.__dict__
    missing = [field for field in plan.values if field.attname not in values]
    if not missing:
        return None
    if alias == state.db:
        return [field for field in plan.values if field.attname in values]
    instance.refresh_from_db(fields=[field.attname for field in missing])
    return None


def _insert(instance: Any, plan: SavePlan, alias: str) -> None:
    """One INSERT, which also returns the values that the database supplied."""
    values = instance.__dict__
    columns = plan.inserted
    row = None
    if not plan.made and (not plan.automatic_key or values[plan.key.attname] is None):
        row = columns.read(instance, True)
    if row is not None:
        fields = columns.fields
        returning = [plan.key] if plan.automatic_key else []
    else:
        fields, row, returning = _inserted_one_by_one(instance, plan)
    checks = unique_checks_of(instance)
    checking = checks.needed and not instance._state.unique_checked
    if checking and (checks.custom or _refusal_is_fatal(alias)):
        _check_first(instance, alias)
        checking = False
    try:
        stored = row_writes.insert_one(plan.options, fields, row, using=alias, returning=returning)
    except UniqueViolation as problem:
        if checking:
            with transactions.set_right(alias):
                _explain(instance, alias, problem)
        raise
    if stored is not None:
        for field, value in zip(returning, stored, strict=True):
            if value is None and field.primary_key:
                raise row_writes.without_key(plan.options)
            values[field.attname] = value


def _inserted_one_by_one(instance: Instance, plan: SavePlan) -> tuple[list[Any], list[Any], list[Any]]:
    """Columns, their values, and the columns to return, for an INSERT that leaves some to the database."""
    values = instance.__dict__
    fields, row, returning = [], [], list(plan.made)
    for field in plan.columns:
        name = field.attname
        if name in plan.prepared:
            value = field.pre_save(instance, True)
        elif name in values:
            value = values[name]
        else:
            returning.append(field)
            continue
        if value is None and field.primary_key and field.filled_by_database:
            returning.append(field)
            continue
        if isinstance(value, Expression):
            returning.append(field)
        fields.append(field)
        row.append(value)
    return fields, row, returning


def _refusal_is_fatal(alias: str) -> bool:
    """Whether a refused INSERT would leave the open transaction unusable."""
    session = sessions.session(alias)
    return session.features.failed_statement_breaks_transaction and session.in_transaction


def _check_first(instance: Instance, alias: str) -> None:
    """`validate_unique()` before the INSERT, on the alias that will be written to."""
    try:
        _validate_on(instance, alias)
    except DuplicateError:
        raise
    except ValidationError as problem:
        raise DuplicateError(problem, problem.code or "unique") from problem


def _explain(instance: Instance, alias: str, problem: UniqueViolation) -> None:
    """Word the database's refusal by the fields that clash; return when the check finds nothing."""
    try:
        _validate_on(instance, alias)
    except ValidationError as clash:
        raise DuplicateError(
            clash,
            clash.code or "unique",
            constraint=problem.constraint,
            table=problem.table,
            columns=problem.columns,
        ) from (problem.__cause__ or problem)


def _validate_on(instance: Any, alias: str) -> None:
    state = instance._state
    before, state.db = state.db, alias
    try:
        if unique_checks_of(instance).custom:
            instance.validate_unique()
        else:
            check_sets(instance, set())
    finally:
        state.db = before


def _update(instance: Instance, plan: SavePlan, alias: str, fields: list[Field] | None, *, must_match: bool) -> bool:
    """UPDATE by key; inserts when no row matched and none was required. Returns True when it inserted."""
    if plan.options.select_on_save and not must_match and not _row_exists(instance, alias):
        matched = 0
    else:
        matched = _update_row(instance, plan, alias, fields)
    if matched:
        return False
    if must_match:
        what = "Forced update" if fields is None else "Save with update_fields"
        raise DatabaseError(
            f"{what} did not affect any rows: no {type(instance).__name__} has the key {instance.pk!r} in {alias!r}."
        )
    _insert(instance, plan, alias)
    return True


def _update_row(instance: Instance, plan: SavePlan, alias: str, fields: list[Field] | None) -> int:
    if fields is None and not plan.made:
        row = plan.updated.read(instance, False)
        if row:
            return row_writes.update_where_key(plan.options, instance.pk, plan.values, row, using=alias)
    return _update_one_by_one(instance, plan, alias, plan.values if fields is None else fields)


def _row_exists(instance: Any, alias: str) -> bool:
    return type(instance)._base_manager.using(alias).filter(pk=instance.pk).exists()


def _update_one_by_one(instance: Instance, plan: SavePlan, alias: str, fields: list[Field]) -> int:
    """Update some columns, or ones that the database computes."""
    values = instance.__dict__
    chosen, row = [], []
    for field in fields:
        name = field.attname
        if name in plan.prepared:
            row.append(field.pre_save(instance, False))
        elif name in values:
            row.append(values[name])
        elif instance._state.adding:
            continue
        else:
            # named in update_fields though it was deferred
            row.append(getattr(instance, name))
        chosen.append(field)
    if not chosen:
        return int(_row_exists(instance, alias))
    count = row_writes.update_where_key(plan.options, instance.pk, chosen, row, using=alias)
    computed = [field.attname for field, value in zip(chosen, row, strict=True) if isinstance(value, Expression)]
    computed += [field.attname for field in plan.made]
    if computed:
        # values that the database computed are unknown here: they are loaded when read
        for name in computed:
            values.pop(name, None)
        instance._state.stale |= frozenset(computed)
    return count


def _update_or_insert(instance: Instance, plan: SavePlan, alias: str) -> bool:
    """A new instance with a given key: UPDATE, then INSERT when no row has the key. Returns True when it inserted."""
    with transactions.ensure(alias):
        if _update_row(instance, plan, alias, None):
            return False
        _insert(instance, plan, alias)
        return True
