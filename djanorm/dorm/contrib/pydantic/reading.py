"""Filling a schema from an instance: keys without queries, managers as lists."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self

import dorm
from dorm.contrib.pydantic.constraints import reading
from dorm.contrib.pydantic.library import BaseModel, ConfigDict, model_validator
from dorm.contrib.pydantic.options import SchemaOptions, reverse_relations

if TYPE_CHECKING:
    from pydantic import ModelWrapValidatorHandler

    from dorm.fields.instances import Instance

Reader = Callable[[Any], Any]


class InstanceValues:
    """A stand-in for an instance that Pydantic reads: the values of the schema's fields, then the instance itself."""

    def __init__(self, instance: Instance, values: dict[str, object]) -> None:
        self.__dict__.update(values)
        self.__dict__["_instance"] = instance

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_instance"], name)

    def __repr__(self) -> str:
        return repr(self.__dict__["_instance"])


class ReadsInstances(BaseModel):
    """The base of every generated schema: knows its model, and how to read that model's instances."""

    model_config = ConfigDict(from_attributes=True, arbitrary_types_allowed=True)

    __dorm_options__: ClassVar[SchemaOptions | None] = None

    @model_validator(mode="wrap")
    @classmethod
    def _read_instance(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        options = cls.__dorm_options__
        if options is None or not isinstance(data, options.model._meta.concrete_model):
            return handler(data)
        token = reading.set(True)
        try:
            values = {name: read(data) for name, read in readers_of(cls, options).items()}
            return handler(InstanceValues(data, values))
        finally:
            reading.reset(token)


def readers_of(schema: type[BaseModel], options: SchemaOptions) -> dict[str, Reader]:
    """How each field of the schema that the model knows is read from an instance; built once per schema."""
    made: dict[str, Reader] | None = schema.__dict__.get("__dorm_readers__")
    if made is None:
        meta = options.model._meta
        sources: dict[str, object] = {field.name: field for field in meta.fields}
        sources.update(reverse_relations(options.model))
        made = {
            name: _reader(name, sources[name], info.annotation)
            for name, info in schema.model_fields.items()
            if name in sources
        }
        type.__setattr__(schema, "__dorm_readers__", made)
    return made


def _reader(name: str, source: Any, annotation: object) -> Reader:
    """A relation is read as related objects where the annotation names a class for them, else as keys."""
    if not source.is_relation:
        return lambda instance: getattr(instance, name)
    objects = _names_a_class(annotation)
    if source.many_to_many or source.one_to_many:
        return lambda instance: _rows(instance, name) if objects else [row.pk for row in _rows(instance, name)]
    if source.concrete and not objects:
        attname = source.attname
        return lambda instance: getattr(instance, attname)
    if source.concrete:
        return lambda instance: getattr(instance, name)
    return lambda instance: _row(instance, name) if objects else getattr(_row(instance, name), "pk", None)


def _rows(instance: Any, name: str) -> list[Any]:
    # an instance that was never saved has no links, and a manager could not look for them
    return [] if instance.pk is None else list(getattr(instance, name).all())


def _row(instance: Instance, name: str) -> object:
    try:
        return getattr(instance, name)
    except dorm.ObjectDoesNotExist:
        return None


def _names_a_class(annotation: object) -> bool:
    """Whether the annotation mentions a schema or a model."""
    parts = typing.get_args(annotation)
    if parts:
        return any(_names_a_class(part) for part in parts)
    return isinstance(annotation, type) and issubclass(annotation, (BaseModel, dorm.Model))
