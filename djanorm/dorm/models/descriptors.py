"""The attributes of a model class for its relations, used when an instance has no value stored under the name.

Values live in ``instance.__dict__``, so a cached forward relation is read as a plain attribute and these objects are
asked only for what is missing. On the class, a forward relation is its field, a reverse one a path (`RelationRef`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dorm.expressions.paths import FieldRef, RelationRef
from dorm.meta.older_classes import older_class_hint
from dorm.models.assignment import check_aliases
from dorm.query.run.lazy_access import check_lazy_access
from dorm.query.write.related_keys import key_of
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.fields.instances import Instance
    from dorm.models import loading
else:
    loading = lazy_import("dorm.models.loading", globals())


class RelatedObjectDoesNotExist(AttributeError):
    """Base of the errors for relations without a related object; each is also the related model's `DoesNotExist`."""


def missing_class(owner: type, name: str, related: type[Any]) -> type[Exception]:
    """The error class of ``owner.<name>`` without a related object: `RelatedObjectDoesNotExist` of this relation.

    It is importable by the path ``Owner.name.RelatedObjectDoesNotExist``, as in Django, so it can be pickled.
    """
    members = {
        "__module__": owner.__module__,
        "__qualname__": f"{owner.__qualname__}.{name}.RelatedObjectDoesNotExist",
        "__reduce__": _reduce_missing,
        "_related": related,
    }
    return type("RelatedObjectDoesNotExist", (related.DoesNotExist, RelatedObjectDoesNotExist), members)


def _reduce_missing(error: Any) -> Any:
    return _restore_missing, (error._related, error.args)


def _restore_missing(related: type[Any], args: tuple[Any, ...]) -> Exception:
    return related.DoesNotExist(*args)


def error_class_of(field: Any) -> type[Exception]:
    """The error class of a foreign key without a related object; kept on the field, where users look for it."""
    related = field.target_model()
    made = field.__dict__.get("RelatedObjectDoesNotExist")
    if made is None or made._related is not related:
        made = field.RelatedObjectDoesNotExist = missing_class(field.model, field.name, related)
    return made


class PlainColumn:
    """A column under its attname, where that differs from the field's name: ``book.author_id``."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return FieldRef(self.field.attname, self.field)
        return loading.load_deferred(instance, self.field.attname)


class ForwardRelation:
    """``book.author``: the related instance, fetched once. Assignment goes through `Model.__setattr__`."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return self.field
        return self.load(instance)

    def load(self, instance: Any) -> object:
        """Fetch and remember the related instance; None when the key is NULL."""
        field, values = self.field, instance.__dict__
        key = getattr(instance, field.attname)
        if key is None:
            if not field.null:
                raise error_class_of(field)(f"{type(instance).__name__} has no {field.name}.")
            values[field.name] = None
            return None
        related = field.target_model()
        alias = loading.read_alias(instance, related)
        check_lazy_access(instance, field.name, alias)
        found = related._base_manager.using(alias).get(**{field.target_field.attname: key})
        values[field.name] = found
        if field.one_to_one and (accessor := field.remote_field.accessor_name()) is not None:
            found.__dict__[accessor] = instance
        return found


class ReverseOneToOne:
    """``author.profile``: the one instance that refers to this one.

    A data descriptor, because what is stored under its name may be None: known not to exist.
    """

    def __init__(self, relation: Any) -> None:
        self.relation = relation
        self.name: str = relation.accessor_name()
        self.missing = missing_class(relation.model, self.name, relation.related_model)

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            path: Any = RelationRef(self.relation.query_names[0], self.relation.field)
            path.RelatedObjectDoesNotExist = self.missing
            return path
        values = instance.__dict__
        found = values[self.name] if self.name in values else self.load(instance)
        if found is None:
            raise self.missing(f"{type(instance).__name__} has no {self.name}.")
        return found

    def load(self, instance: Instance) -> object:
        """Fetch and remember the instance that refers to this one; None when there is none."""
        field, related = self.relation.field, self.relation.related_model
        key = key_of(field, instance)
        if key is None:
            return None
        alias = loading.read_alias(instance, related)
        check_lazy_access(instance, self.name, alias)
        try:
            found = related._base_manager.using(alias).get(**{field.attname: key})
        except related.DoesNotExist:
            found = None
        else:
            found.__dict__[field.name] = instance
        instance.__dict__[self.name] = found
        return found

    def __set__(self, instance: Any, value: Any) -> None:
        field, related = self.relation.field, self.relation.related_model
        if value is None:
            other = instance.__dict__.pop(self.name, None)
            if other is not None:
                setattr(other, field.name, None)
            return
        if not isinstance(value, related._meta.concrete_model):
            place = f"{type(instance).__name__}.{self.name}"
            raise ValueError(
                f"{place} takes an instance of {related.__name__}, not {value!r} of {type(value).__name__}."
                f"{older_class_hint(related, value, place)}"
            )
        check_aliases(instance, value, f"{type(instance).__name__}.{self.name}")
        setattr(value, field.name, instance)
        instance.__dict__[self.name] = value

    def is_cached(self, instance: Instance) -> bool:
        """Whether reading needs no query."""
        return self.name in instance.__dict__
