"""Loading missing data of instances: deferred columns, stale values, related objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from dorm.db import bridge, routers
from dorm.models.state import ModelState, state_of
from dorm.query.run.lazy_access import check_lazy_access
from dorm.query.run.prefetch import prefetch_related_objects

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance
    from dorm.query.queryset import QuerySet

T = TypeVar("T")


def read_alias(instance: Instance, model: type | None = None, using: str | None = None) -> str:
    """The alias to read rows of ``model`` from, on behalf of ``instance``."""
    return using or routers.db_for_read(model or type(instance), instance=instance)


def load_deferred(instance: Any, attname: str) -> Any:
    """The value of a column that was deferred when the instance was loaded; loads and stores it.

    A new instance has nothing to load: a column that the database fills at INSERT reads None until then.
    """
    adding, alias = state_of(instance)
    if adding:
        field = instance._meta.get_field(attname)
        if field.has_db_default() or getattr(field, "generated", False):
            return None
        raise AttributeError(f"{type(instance).__name__}.{attname} was never given a value.")
    check_lazy_access(instance, attname, alias or "default")
    instance.refresh_from_db(fields=[attname])
    return instance.__dict__[attname]


def refresh(
    instance: Any, using: str | None, fields: Iterable[str] | None, from_queryset: QuerySet | None = None
) -> None:
    """Replace the values of an instance by those its row has now.

    :raises FieldDoesNotExist: for a name in ``fields`` that the model does not have; ValueError for a path.
    :raises ObjectDoesNotExist: the model's own `DoesNotExist`, when the row is gone.
    """
    options = type(instance)._meta
    values = instance.__dict__
    if fields is None:
        stale = instance._state.stale
        columns = [field for field in options.concrete_fields if field.attname in values or field.attname in stale]
        _forget_related(instance)
    else:
        columns = _named_columns(instance, fields)
        if not columns:
            return
    if from_queryset is None:
        queryset = type(instance)._base_manager.using(read_alias(instance, using=using))
    else:
        queryset = from_queryset if using is None else from_queryset.using(using)
    if len(columns) < len(options.concrete_fields):
        queryset = queryset.only(*(field.attname for field in columns))
    row = queryset.filter(pk=instance.pk).get()
    fresh = row.__dict__
    for field in columns:
        if field.attname not in fresh:
            continue  # the caller's queryset may leave out columns
        values[field.attname] = fresh[field.attname]
        if field.is_relation:
            if field.name in fresh:
                values[field.name] = fresh[field.name]
            else:
                values.pop(field.name, None)
    state = instance._state
    state.adding = False
    if state.db != row._state.db:
        state.db, state.written = row._state.db, False
    state.stale -= {field.attname for field in columns}


def _named_columns(instance: Instance, names: Iterable[str]) -> list[Field]:
    """The columns that ``names`` refer to; cached related objects of these names are dropped as well."""
    options = type(instance)._meta
    columns: dict[str, Any] = {}
    for name in names:
        if "__" in name:
            raise ValueError(f"refresh_from_db() takes names of fields, not paths over relations such as {name!r}.")
        if name == "pk":
            columns[options.pk.attname] = options.pk
            continue
        if forget_one(instance, name):
            field = next((each for each in options.concrete_fields if each.name == name), None)
        else:
            field = options.get_field(name)
        if field is not None and field.concrete:
            columns[field.attname] = field
    return list(columns.values())


def _reverse_names(model: type[Instance]) -> list[str]:
    names = [relation.accessor_name() for relation in model._meta.related_objects]
    return [name for name in names if name is not None]


def forget_one(instance: Instance, name: str) -> bool:
    """Drop the cached objects of one relation. Returns whether ``name`` is a relation without a column."""
    values = instance.__dict__
    prefetched = values.get("_prefetched")
    if prefetched is not None and prefetched.pop(name, None) is not None:
        return True
    options = type(instance)._meta
    if name in _reverse_names(type(instance)) or any(field.name == name for field in options.many_to_many):
        values.pop(name, None)
        return True
    return False


def _forget_related(instance: Instance) -> None:
    values = instance.__dict__
    values.pop("_prefetched", None)
    for name in _reverse_names(type(instance)):
        values.pop(name, None)


def deferred_fields(instance: Instance) -> set[str]:
    """The attnames of the columns that were not loaded."""
    values = instance.__dict__
    return {field.attname for field in type(instance)._meta.concrete_fields if field.attname not in values}


def load(instances: Any, *names: str) -> None:
    """Load deferred columns and related objects of one instance, or of many of one model, ahead of use.

    :param names: columns, or relation paths as `prefetch_related` takes them; none means all deferred columns.
    :raises FieldDoesNotExist: for a name the model does not have.
    """
    batch = [instances] if hasattr(instances, "_meta") else list(instances)
    if not batch:
        return
    options = type(batch[0])._meta
    by_name = {name: field for field in options.concrete_fields for name in {field.attname, field.name}}
    columns: list[Any] = []
    paths: list[str] = []
    for name in names:
        field = by_name.get(name)
        if field is None or (field.is_relation and name == field.name):
            paths.append(name)
        else:
            columns.append(field)
    if not names:
        columns = list(options.concrete_fields)
    _load_columns(batch, columns)
    if paths:
        prefetch_related_objects(batch, *paths)


def _load_columns(batch: list[Any], columns: list[Any]) -> None:
    """Fill in missing columns, one query per alias."""
    lacking: dict[str, list[Any]] = {}
    for instance in batch:
        if any(field.attname not in instance.__dict__ for field in columns):
            lacking.setdefault(instance._state.db or "default", []).append(instance)
    for alias, instances in lacking.items():
        model = type(instances[0])
        queryset = model._base_manager.using(alias).only(*(field.attname for field in columns))
        rows = queryset.in_bulk([instance.pk for instance in instances])
        for instance in instances:
            row = rows.get(instance.pk)
            if row is None:
                raise model.DoesNotExist(f"{instance!r} is no longer in the database {alias!r}.")
            for field in columns:
                instance.__dict__.setdefault(field.attname, row.__dict__[field.attname])


async def aload(instances: Instance, *names: str) -> None:
    """The async form of `load`: one trip through the bridge for everything."""
    await bridge.run_async(load, instances, *names)


async def run(function: Callable[..., T], /, *args: object, **kwargs: object) -> T:
    """Run synchronous code that uses the library on the async connections, without blocking the event loop.

    Lazy relations and deferred columns work inside, in the transaction of the calling task.
    """
    return await bridge.run_async(function, *args, **kwargs)


def instance_of_row(model: type[T], alias: str, names: Iterable[str], values: Iterable[object]) -> T:
    """An instance with these values and no others, without running its constructor."""
    instance = object.__new__(model)
    parts = instance.__dict__
    parts["_state"] = ModelState(adding=False, db=alias)
    parts.update(zip(names, values, strict=True))
    return instance
