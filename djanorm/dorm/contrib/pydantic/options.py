"""The inner ``class Meta`` of a schema, read and checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import dorm
from dorm.contrib.pydantic.library import BaseModel
from dorm.utils.suggest import hint

OPTIONS: Final = ("model", "fields", "exclude", "optional", "nested")


@dataclass(frozen=True, slots=True)
class SchemaOptions:
    """Which fields of which model, and how.

    :ivar model: the model.
    :ivar fields: the names to include, None for all columns.
    :ivar exclude: the names to leave out.
    :ivar optional: the names that become ``T | None = None``.
    :ivar nested: schemas of related objects by the name of the relation.
    """

    model: type[dorm.Model]
    fields: tuple[str, ...] | None = None
    exclude: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    nested: Mapping[str, type[BaseModel]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """The fields of the schema: columns as the model has them, or in the order of ``fields``; then nested relations.

        Relations to many rows are there only when they are nested.
        """
        meta = self.model._meta
        columns = {each.name for each in meta.concrete_fields}
        order = [each.name for each in meta.fields] if self.fields is None else list(self.fields)
        if self.fields is None:
            order += [name for name in self.nested if name not in order]
        return [name for name in order if name not in self.exclude and (name in columns or name in self.nested)]


def read_meta(schema: str, meta: type, inherited: SchemaOptions | None) -> SchemaOptions:
    """The options of ``class Meta``; what it leaves out comes from the schema that is inherited from.

    :param schema: the name of the schema, for messages.
    :raises TypeError: for a missing model, unknown options and names, and ``fields`` together with ``exclude``.
    """
    where = f"{schema}.Meta"
    given = dict(_stated(meta))
    unknown = [name for name in given if name not in OPTIONS]
    if unknown:
        raise TypeError(f"{where} has no option {unknown[0]!r}. {hint(unknown[0], OPTIONS)}")
    _refuse_contradiction(where, meta)
    model = given.pop("model", None if inherited is None else inherited.model)
    if model is None:
        raise TypeError(f"{where} names no model: write model = …, or remove the Meta for a plain schema.")
    check_model(where, model)
    start = inherited if inherited is not None and inherited.model is model else SchemaOptions(model)
    return _combined(where, start, given)


def check_model(where: str, model: Any) -> None:
    """:raises TypeError: unless ``model`` is a model with a table."""
    if not (isinstance(model, type) and issubclass(model, dorm.Model)):
        raise TypeError(f"{where}: model must be a dorm model class, not {model!r}.")
    if model is dorm.Model or model._meta.abstract:
        raise TypeError(f"{where}: {model.__name__} is abstract; name a model that inherits from it.")


def known_names(where: str, model: type[dorm.Model], names: object, *, fields_only: bool = False) -> tuple[str, ...]:
    """``names`` as a tuple.

    :raises TypeError: for anything but a collection of names, and for names the model does not have.
    """
    if isinstance(names, str) or not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{where} must be a tuple or list of names, not {names!r}.")
    own = [each.name for each in model._meta.fields]
    known = own if fields_only else own + [name for name, _ in reverse_relations(model)]
    for name in names:
        if name not in known:
            raise TypeError(f"{where}: {model._meta.label} has no field {name!r}. {hint(name, known)}")
    # a set has no order: use the model's
    ordered = isinstance(names, (list, tuple))
    return tuple(dict.fromkeys(names)) if ordered else tuple([name for name in known if name in names])


def reverse_relations(model: type[dorm.Model]) -> Iterator[tuple[str, Any]]:
    """Accessors of the relations that point at ``model``, with the relations."""
    for relation in model._meta.related_objects:
        accessor = relation.accessor_name()
        if accessor is not None:
            yield accessor, relation


def _stated(meta: type) -> Iterator[tuple[str, Any]]:
    """The options of a Meta class and of those it inherits from."""
    for name in dir(meta):
        if not name.startswith("_"):
            yield name, getattr(meta, name)


def _refuse_contradiction(where: str, meta: type) -> None:
    """``fields`` and ``exclude`` exclude each other in one class body; an inherited one gives way or is narrowed."""
    for cls in meta.__mro__:
        stated = {"fields", "exclude"} & set(vars(cls))
        if len(stated) == 2:
            raise TypeError(f"{where} has both fields and exclude: state one of them.")
        if stated:
            return


def _combined(where: str, start: SchemaOptions, given: Mapping[str, object]) -> SchemaOptions:
    model, made = start.model, start
    if "nested" in given:
        made = replace(made, nested=_nested(f"{where}.nested", model, given["nested"]))
    if "fields" in given:
        # the names that are wanted; what a parent left out no longer matters
        made = replace(made, fields=_fields(f"{where}.fields", model, given), exclude=frozenset())
    if "exclude" in given:
        excluded = known_names(f"{where}.exclude", model, given["exclude"])
        made = replace(made, exclude=made.exclude | set(excluded))
    if "optional" in given:
        made = replace(made, optional=frozenset(known_names(f"{where}.optional", model, given["optional"])))
    return made


def _fields(where: str, model: type[dorm.Model], given: Mapping[str, Any]) -> tuple[str, ...] | None:
    if given["fields"] == "__all__":
        return None
    names = known_names(where, model, given["fields"])
    # naming a schema for a relation includes the relation
    return (*names, *(name for name in given.get("nested", ()) if name not in names))


def _nested(where: str, model: type[dorm.Model], nested: Any) -> dict[str, type[BaseModel]]:
    if not isinstance(nested, Mapping):
        raise TypeError(f"{where} must map names of relations to schemas, not {nested!r}.")
    relations = {each.name for each in model._meta.fields if each.is_relation}
    relations.update(name for name, _ in reverse_relations(model))
    for name, schema in nested.items():
        if name not in relations:
            raise TypeError(f"{where}: {model._meta.label} has no relation {name!r}. {hint(str(name), relations)}")
        if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
            raise TypeError(f"{where}: {name!r} needs a schema class, not {schema!r}.")
        if not schema.model_config.get("from_attributes"):
            raise TypeError(
                f"{where}: {schema.__name__} cannot be filled from instances. Let it inherit from DormSchema, or set "
                f"from_attributes=True in its model_config."
            )
    return dict(nested)
