"""The attributes of a model class for its relations to many rows, which create the manager of one instance's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from dorm.expressions.paths import RelationRef
from dorm.models.descriptors import ReverseOneToOne, error_class_of
from dorm.models.many_to_many import ManyRelatedManager
from dorm.models.related_managers import NullableReverseManager, RelatedManager, ReverseManager, Side

if TYPE_CHECKING:
    from dorm.fields.instances import Instance
    from dorm.fields.relations import Relation


class _ManyDescriptor:
    """Reading it on an instance creates a manager; on the class it is a path, or the field.

    A data descriptor: nothing can be assigned.
    """

    # tells the constructor that this name is not an argument
    refuses_assignment = True

    accessor: str

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return self._on_class()
        kind, shared = owner._meta.derived(self, self._shared)
        if instance.pk is None:
            raise ValueError(
                f"{type(instance).__name__!r} instance needs to have a primary key value before this relationship can be "
                f"used: save it before reading .{self.accessor}."
            )
        manager = object.__new__(kind)
        parts = manager.__dict__
        parts.update(shared)
        parts["instance"] = instance
        return manager

    def _shared(self) -> tuple[type[RelatedManager[Any]], dict[str, object]]:
        """The class of all managers of this relation, and what they have in common."""
        default = self._model()._meta.default_manager
        side = self._side(default)
        bases = (side.kind,) if issubclass(side.kind, side.plain) else (side.kind, side.plain)
        kind = type(side.kind.__name__, bases, {"__module__": side.kind.__module__, "_side": side})
        return kind, {**default.__dict__, "model": self._model()}

    def __set__(self, instance: Instance, value: Any) -> NoReturn:
        name = f"{type(instance).__name__}.{self.accessor}"
        raise TypeError(f"{name} cannot be assigned. Call .{self.accessor}.set(…) instead.")

    def _on_class(self) -> object:
        raise NotImplementedError

    def _model(self) -> type[Instance]:
        raise NotImplementedError

    def _side(self, default: Any) -> Side:
        raise NotImplementedError


class _ReverseDescriptor(_ManyDescriptor):
    """The accessor on the model that a relation refers to."""

    def __init__(self, relation: Any) -> None:
        self.relation = relation
        self.accessor = relation.accessor_name()

    def _on_class(self) -> Any:
        return RelationRef(self.relation.query_names[0], self.relation.field)

    def _model(self) -> Any:
        return self.relation.related_model


class ReverseForeignKey(_ReverseDescriptor):
    """``author.book_set``: creates a `ReverseManager`."""

    def _side(self, default: Any) -> Side:
        field = self.relation.field
        kind = NullableReverseManager if field.null else ReverseManager
        return Side(kind, field, self.relation, self.accessor, type(default), field.target_field.attname)


class ManyToManyForward(_ManyDescriptor):
    """``article.tags``, on the model that declares the field."""

    def __init__(self, field: Any) -> None:
        self.field = field
        self.accessor = field.name

    def _on_class(self) -> object:
        return self.field

    def _model(self) -> Any:
        return self.field.target_model()

    def _side(self, default: Any) -> Side:
        key = self.field.junction.source.target_field.attname
        return Side(ManyRelatedManager, self.field, self.field, self.accessor, type(default), key)


class ManyToManyReverse(_ReverseDescriptor):
    """``tag.articles``, on the model that the field refers to."""

    def _side(self, default: Any) -> Side:
        key = self.relation.junction.source.target_field.attname
        return Side(ManyRelatedManager, self.relation.field, self.relation, self.accessor, type(default), key)


def install_reverse(relation: Relation) -> None:
    """Put the reverse side of a relation on its target, under its accessor; hidden relations have none."""
    if not relation.many_to_many:
        error_class_of(relation.field)
    name = relation.accessor_name()
    if name is None:
        return
    if relation.one_to_one:
        descriptor: object = ReverseOneToOne(relation)
    elif relation.many_to_many:
        descriptor = ManyToManyReverse(relation)
    else:
        descriptor = ReverseForeignKey(relation)
    setattr(relation.model, name, descriptor)


def remove_reverse(relation: Relation) -> None:
    """Remove the reverse side of a relation from its target, because the model that declared it was replaced."""
    name, target = relation.accessor_name(), relation.model
    if name is None or target is None:
        return
    descriptor = target.__dict__.get(name)
    if descriptor is not None and getattr(descriptor, "relation", None) is relation:
        delattr(target, name)
