"""``Relation``: a relation as its target sees it; ``Hop``: one join; ``Junction``: the middle of a many-to-many relation."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dorm.db import routers
from dorm.exceptions import ImproperlyConfigured
from dorm.fields.choices import BLANK_CHOICE, with_blank
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.deletion_rules import DeletionRule
    from dorm.fields.instances import Instance


class Hop:
    """One join: ``target`` rows whose ``target_field`` equals ``source_field`` of the row at hand.

    :ivar source: options of the model that is left.
    :ivar target: options of the model that is reached.
    :ivar multiple: whether it may find several rows.
    :ivar nullable: whether it may find none.
    :ivar far: of the join to a junction, the junction's foreign key to the other side; None for any other join.
    """

    __slots__ = ("far", "multiple", "nullable", "source", "source_field", "target", "target_field")

    def __init__(
        self,
        source: Any,
        target: Any,
        source_field: Field,
        target_field: Field,
        *,
        multiple: bool,
        nullable: bool,
        far: Field[Any] | None = None,
    ) -> None:
        self.far = far
        self.source, self.target = source, target
        self.source_field, self.target_field = source_field, target_field
        self.multiple, self.nullable = multiple, nullable

    def __repr__(self) -> str:
        return f"<Hop {self.source_field.label} -> {self.target_field.label}>"


class Junction:
    """The junction model of a many-to-many relation, seen from one side.

    :ivar model: the through model.
    :ivar source: its foreign key to the side one looks from.
    :ivar target: its foreign key to the other side.
    """

    __slots__ = ("model", "source", "target")

    def __init__(self, model: Any, source: Any, target: Any) -> None:
        self.model, self.source, self.target = model, source, target

    def reversed(self) -> Junction:
        """The same seen from the other side."""
        return Junction(self.model, self.target, self.source)

    def hops(self) -> tuple[Hop, Hop]:
        """To the junction, and on to the other side."""
        source, target = self.source.target_field, self.target.target_field
        middle = self.model._meta
        return (
            Hop(source.model._meta, middle, source, self.source, multiple=True, nullable=True, far=self.target),
            Hop(middle, target.model._meta, self.target, target, multiple=False, nullable=self.target.null),
        )


class Relation:
    """The reverse side of a relation field, as the target model sees it.

    :ivar field: the relation field.
    :ivar model: the target model's class, None until it exists.
    :ivar related_model: the model that declares the field.
    :ivar related_name: the reverse name as given, patterns filled in; None when the default applies.
    :ivar on_delete: the deletion rule, None for many-to-many relations.
    """

    is_relation = True
    auto_created = True
    concrete = False
    editable = False
    null = True
    blank = True
    primary_key = False
    many_to_one = False

    def __init__(
        self,
        *,
        related_name: str | None,
        related_query_name: str | None,
        on_delete: DeletionRule | None,
        limit_choices_to: Any,
        db_constraint: bool,
        one: bool = False,
        many: bool = False,
        through: Any = None,
        through_fields: Sequence[str] | None = None,
        symmetrical: bool = False,
        parent_link: bool = False,
    ) -> None:
        self.field: Any = None
        self.model: Any = None
        self.related_model: Any = None
        self.given_related_name, self.given_related_query_name = related_name, related_query_name
        self.related_name, self.related_query_name = related_name, related_query_name
        self.on_delete = on_delete
        self.limit_choices_to: Any = {} if limit_choices_to is None else limit_choices_to
        self.db_constraint = db_constraint
        self.one_to_one, self.one_to_many, self.many_to_many = one, not one and not many, many
        self.given_through: Any = through
        self.through: Any = through if isinstance(through, type) else None
        self.through_fields = through_fields
        self.symmetrical = symmetrical
        self.parent_link = parent_link
        #: Whether the registry has linked both ends (and the junction).
        self.linked = False
        #: Whether the target lists this relation.
        self.attached = False
        self._junction: Junction | None = None

    def __repr__(self) -> str:
        return f"<Relation {self.accessor_name() or '+'} of {self.field!r}>"

    def get_choices(
        self,
        include_blank: bool = True,
        blank_choice: Sequence[tuple[Any, Any]] = BLANK_CHOICE,
        limit_choices_to: Any = None,
        ordering: Sequence[str] = (),
    ) -> list[tuple[Any, Any]]:
        """Keys and labels of the rows that may refer to the target, as `Field.get_choices` gives those of the field."""
        limit = self.limit_choices_to if limit_choices_to is None else limit_choices_to
        found = rows_to_choose(self.related_model, limit() if callable(limit) else limit, ordering, "pk")
        return with_blank(found, blank_choice) if include_blank else found

    def __copy__(self) -> Relation:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __reduce__(self) -> Any:
        # it is a part of its field, which knows whether it belongs to a model
        return (_relation_of, (self.field,)) if self.related_model is not None else super().__reduce__()

    def for_field(self, field: Field) -> Relation:
        """An unlinked copy for a copied field."""
        made = copy.copy(self)
        made.field, made.model, made.related_model, made._junction = field, None, None, None
        made.linked = made.attached = False
        made.related_name, made.related_query_name = self.given_related_name, self.given_related_query_name
        made.through = self.given_through if isinstance(self.given_through, type) else None
        return made

    def bind(self, model: Any) -> None:
        """Called when the field joins ``model``: fills in ``%(class)s`` and ``%(app_label)s``."""
        self.related_model = model
        meta = model._meta
        given = self.given_related_name
        if given is None and meta.default_related_name:
            given = meta.default_related_name
        for option, text in (("related_name", given), ("related_query_name", self.given_related_query_name)):
            if text is not None and not isinstance(text, str):
                raise ImproperlyConfigured(f"{self.field.label}: {option} must be text, not {text!r}.")
        parts = {
            "class": meta.model_name,
            "model_name": meta.model_name,
            "app_label": meta.app_label.rpartition(".")[2].lower(),
        }
        self.related_name = _filled(given, parts, self.field)
        self.related_query_name = _filled(self.given_related_query_name, parts, self.field)
        self._junction = None

    @property
    def name(self) -> str:
        """The name used in lookups, as for a field; falls back to the accessor's name."""
        names = self.query_names
        return names[0] if names else "+"

    @property
    def hidden(self) -> bool:
        """Whether the target gets no accessor (``related_name`` ends in ``+``, or a symmetrical relation)."""
        return self.symmetrical or (self.related_name is not None and self.related_name.endswith("+"))

    @property
    def multiple(self) -> bool:
        """Whether the target may be referred to by several rows."""
        return not self.one_to_one

    @property
    def target_field(self) -> Any:
        """The target's field that the relation points at."""
        return self.field.target_field

    def accessor_name(self) -> str | None:
        """The attribute on the target: ``related_name``, else ``<model>_set`` (``<model>`` for one-to-one); None if hidden."""
        if self.hidden:
            return None
        if self.related_name:
            return self.related_name
        model_name: str = self.related_model._meta.model_name
        return model_name if self.one_to_one else f"{model_name}_set"

    get_accessor_name = accessor_name

    @property
    def query_names(self) -> tuple[str, ...]:
        """Names usable in lookups: the query name or related name; without them ``<model>`` and ``<model>_set``."""
        if self.related_query_name:
            return (self.related_query_name,)
        if self.hidden:
            return ()
        if self.related_name:
            return (self.related_name,)
        model_name: str = self.related_model._meta.model_name
        return (model_name,) if self.one_to_one else (model_name, f"{model_name}_set")

    def hops(self) -> tuple[Hop, ...]:
        """The joins from the target back to the declaring model."""
        if self.many_to_many:
            return self.forward_junction().reversed().hops()
        field = self.field
        target = field.target_field
        return (Hop(target.model._meta, field.model._meta, target, field, multiple=self.multiple, nullable=True),)

    @property
    def junction(self) -> Junction:
        """The junction seen from the target's side (many-to-many only)."""
        return self.forward_junction().reversed()

    def forward_junction(self) -> Junction:
        """The junction seen from the declaring side.

        :raises ImproperlyConfigured: when the through model lacks one of the keys, or has several.
        """
        found = self._junction
        if found is None:
            found = self._junction = self._find_junction()
        return found

    def relinked(self) -> None:
        """Forget what was derived from the target and the through model, because one of them has changed."""
        self._junction = None

    def _find_junction(self) -> Junction:
        field = self.field
        if self.through is None or self.model is None:
            field.model._meta.registry.require(field)
        through: Any = self.through
        near: Any = field.model
        far: Any = self.model
        meta = through._meta
        if self.through_fields is not None:
            return Junction(
                through, self._named(self.through_fields[0], near), self._named(self.through_fields[1], far)
            )
        to_near = [key for key in meta.foreign_keys() if _same(key, near)]
        to_far = [key for key in meta.foreign_keys() if _same(key, far)]
        if near is far and len(to_near) == 2:
            return Junction(through, to_near[0], to_near[1])
        for keys, side in ((to_near, near), (to_far, far)):
            if len(keys) == 1:
                continue
            if not keys:
                raise ImproperlyConfigured(
                    f"{field.label}: the through model {meta.label} has no foreign key to {side._meta.label}."
                )
            names = ", ".join(key.name for key in keys)
            raise ImproperlyConfigured(
                f"{field.label}: the through model {meta.label} has several foreign keys to {side._meta.label} ({names}). "
                "Name the two that count with through_fields."
            )
        return Junction(through, to_near[0], to_far[0])

    def _named(self, name: str, side: Any) -> Any:
        meta: Any = self.through._meta
        for key in meta.foreign_keys():
            if key.name == name:
                if not _same(key, side):
                    raise ImproperlyConfigured(f"{self.field.label}: {key.label} does not refer to {side._meta.label}.")
                return key
        names = [key.name for key in meta.foreign_keys()]
        raise ImproperlyConfigured(f"{self.field.label}: {meta.label} has no foreign key {name!r}. {hint(name, names)}")


def _relation_of(field: Field) -> Any:
    return field.remote_field


def _same(key: Any, model: type[Instance]) -> bool:
    return key.target_model()._meta.concrete_model is model._meta.concrete_model


def _filled(text: str | None, parts: dict[str, str], field: Field) -> str | None:
    if text is None or "%" not in text:
        return text
    try:
        return text % parts
    except (KeyError, ValueError, TypeError) as problem:
        raise ImproperlyConfigured(
            f"{field.label}: related_name {text!r} may use %(class)s, %(model_name)s and %(app_label)s only."
        ) from problem


def rows_to_choose(model: Any, limit: Any, ordering: Sequence[str], key: str) -> list[tuple[Any, Any]]:
    """Key and text of the rows of ``model`` for which ``limit`` holds, in ``ordering`` or else as the model says."""
    rows = model._default_manager.complex_filter(limit)
    return [(getattr(row, key), str(row)) for row in (rows.order_by(*ordering) if ordering else rows)]


def is_offered(model: Any, lookups: dict[str, Any], limit: Any, instance: Any) -> bool:
    """Whether ``model`` has a row for which ``lookups`` and ``limit`` hold, where ``instance`` would read it."""
    alias = routers.db_for_read(model, instance=instance)
    rows = model._base_manager.using(alias).filter(**lookups)
    return bool((rows if limit is None else rows.complex_filter(limit)).order_by().exists())
