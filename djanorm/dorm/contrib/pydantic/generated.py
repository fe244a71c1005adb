"""The fields that a schema takes from a model, and `schema_for`, which builds a schema from those alone."""

from __future__ import annotations

import types
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, overload

import dorm
from dorm.contrib.pydantic.defaults import default_of, made_elsewhere
from dorm.contrib.pydantic.library import BaseModel, ConfigDict, Field
from dorm.contrib.pydantic.options import SchemaOptions, check_model, known_names, reverse_relations
from dorm.contrib.pydantic.reading import ReadsInstances
from dorm.contrib.pydantic.value_types import described, list_of, nullable, or_left_out, value_type

if TYPE_CHECKING:
    from dorm.fields.relations import Relation

B = TypeVar("B", bound=BaseModel)


def annotations_of(options: SchemaOptions) -> dict[str, object]:
    """The annotation of each generated field, defaults and constraints included.

    :raises ImproperlyConfigured: when the target of a relation does not exist yet.
    """
    reverse = dict(reverse_relations(options.model))
    made: dict[str, object] = {}
    for name in options.names():
        optional = name in options.optional
        if name in options.nested:
            relation = reverse[name] if name in reverse else options.model._meta.get_field(name)
            made[name] = _nested(relation, options.nested[name], optional=optional)
        else:
            made[name] = _column(options.model._meta.get_field(name), optional=optional)
    return made


def _column(field: Any, *, optional: bool) -> Any:
    plain = value_type(field)
    made = nullable(plain) if optional or field.null else plain
    details: dict[str, object] = {"default": None} if optional else default_of(field)
    if field.help_text:
        details["description"] = str(field.help_text)
    annotation = described(field, made, plain, details)
    return or_left_out(annotation) if made is plain and made_elsewhere(field) else annotation


def _nested(relation: Relation, schema: type[BaseModel], *, optional: bool) -> object:
    """``relation`` is a field of the model, or a relation that points at it."""
    many = relation.many_to_many or relation.one_to_many
    plain: Any = list_of(schema) if many else schema
    if optional or (relation.null and not many):
        return Annotated[plain | None, Field(default=None)]
    return Annotated[plain, Field(default_factory=list)] if many else plain


@overload
def schema_for(
    model: type[dorm.Model],
    *,
    name: str | None = None,
    exclude: Collection[str] = (),
    only: Collection[str] | None = None,
    optional: Collection[str] = (),
) -> type[BaseModel]: ...
@overload
def schema_for(
    model: type[dorm.Model],
    *,
    name: str | None = None,
    exclude: Collection[str] = (),
    only: Collection[str] | None = None,
    optional: Collection[str] = (),
    base: type[B],
) -> type[B]: ...
def schema_for(
    model: type[dorm.Model],
    *,
    name: str | None = None,
    exclude: Collection[str] = (),
    only: Collection[str] | None = None,
    optional: Collection[str] = (),
    base: type = BaseModel,
) -> type:
    """A schema class with the columns of ``model``; a new class at each call.

    :param name: the name of the class; ``<Model>Schema`` when left out.
    :param exclude: names of fields to leave out.
    :param only: names of fields to keep, all when left out; ``exclude`` applies as well.
    :param optional: names of fields that become ``T | None`` with the default None.
    :param base: the class to inherit from; its configuration and fields stay.
    :raises TypeError: for names that the model does not have, and a base that is not a Pydantic model.
    """
    check_model("schema_for", model)
    if not (isinstance(base, type) and issubclass(base, BaseModel)):
        raise TypeError(f"schema_for: base must be a Pydantic model class, not {base!r}.")
    options = SchemaOptions(
        model,
        fields=None if only is None else known_names("schema_for: only", model, only, fields_only=True),
        exclude=frozenset(known_names("schema_for: exclude", model, exclude, fields_only=True)),
        optional=frozenset(known_names("schema_for: optional", model, optional, fields_only=True)),
    )
    made = annotations_of(options)
    name = name or f"{model.__name__}Schema"
    body = {
        "__module__": model.__module__,
        "__qualname__": name,
        "__annotations__": made,
        "__dorm_options__": options,
        "__dorm_generated__": frozenset(made),
        "model_config": ConfigDict(from_attributes=True, arbitrary_types_allowed=True),
    }
    bases = (base,) if issubclass(base, ReadsInstances) else (ReadsInstances, base)
    return types.new_class(name, bases, exec_body=lambda namespace: namespace.update(body))
