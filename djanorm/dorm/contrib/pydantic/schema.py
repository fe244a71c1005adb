"""`DormSchema`: a Pydantic model whose inner ``class Meta`` brings the fields of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from dorm.contrib.pydantic.annotations import add_annotations, annotated_names
from dorm.contrib.pydantic.generated import annotations_of
from dorm.contrib.pydantic.library import ModelMetaclass
from dorm.contrib.pydantic.narrowing import keep_decorators
from dorm.contrib.pydantic.options import read_meta
from dorm.contrib.pydantic.reading import ReadsInstances

_CLASS_VARIABLE: Final[Any] = ClassVar


class SchemaMeta(ModelMetaclass):
    """Puts the generated fields into the body of a class that has a Meta, as if they had been written there."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> Any:
        meta = namespace.pop("Meta", None)
        if meta is not None:
            _generate(name, bases, namespace, meta)
        else:
            # a schema further down asks what this body declares
            namespace["__dorm_written__"] = frozenset(
                _of_parents(bases, "__dorm_written__") | annotated_names(namespace)
            )
        if "model_config" in namespace:
            namespace["model_config"] = {**namespace["model_config"], "from_attributes": True}
        cls: Any = super().__new__(mcs, name, bases, namespace, **kwargs)
        if meta is not None:
            cls.Meta = meta
        if not cls.__pydantic_complete__:
            # Pydantic looked for names beside its caller, which is this method; the class stands one frame further out
            cls.model_rebuild(raise_errors=False, _parent_namespace_depth=3)
        return cls


def _generate(name: str, bases: tuple[type[Any], ...], body: dict[str, object], meta: type) -> None:
    """Add the fields that Meta asks for to the class body, and remove inherited ones that it leaves out."""
    inherited = next((base.__dorm_options__ for base in bases if getattr(base, "__dorm_options__", None)), None)
    options = read_meta(name, meta, inherited)
    generated = annotations_of(options)
    annotated = annotated_names(body)
    taken = {field for field in generated if field in body and not _is_default(body[field])}
    written = _of_parents(bases, "__dorm_written__") | annotated | taken
    defaulted = _of_parents(bases, "__dorm_defaulted__") - options.optional
    removed = _of_parents(bases, "__dorm_generated__") - set(generated) - written
    made = {
        field: annotation
        for field, annotation in generated.items()
        # a declaration in the body of the class or of a parent wins; a parent's bare default keeps the parent's field
        if field in annotated or (field not in written and (field in body or field not in defaulted))
    }
    # a name annotated as a class variable is no longer a field
    made.update(dict.fromkeys(sorted(removed), _CLASS_VARIABLE[Any]))
    keep_decorators(body, bases, removed)
    body["__dorm_options__"] = options
    body["__dorm_generated__"] = frozenset(generated)
    body["__dorm_written__"] = frozenset(written)
    body["__dorm_defaulted__"] = frozenset(defaulted | {field for field in made if field in body})
    add_annotations(body, made)


def _of_parents(bases: tuple[type, ...], attribute: str) -> set[str]:
    return {name for base in bases for name in getattr(base, attribute, ())}


def _is_default(value: object) -> bool:
    """False where the body uses the name for a method, a property or a computed field."""
    return not callable(value) and not hasattr(value, "__get__")


class DormSchema(ReadsInstances, metaclass=SchemaMeta):
    """A Pydantic model that takes its fields from a model, and validates instances of it.

    Without an inner ``class Meta`` it is an ordinary Pydantic model with ``from_attributes``. Meta takes:

    - ``model``: the model; required.
    - ``fields``: names to include, or ``"__all__"`` (default): every column. Relations to many rows are left out.
    - ``exclude``: names to leave out; not together with ``fields``.
    - ``optional``: names that become ``T | None`` with the default None.
    - ``nested``: ``{relation: schema}``: related objects instead of their keys.

    What the class body declares wins over what is generated. A foreign key is the target's key under the field's name.
    A subclass inherits everything; its own Meta states what differs. TypeError for unknown names and options.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


__all__ = ["DormSchema", "SchemaMeta"]
