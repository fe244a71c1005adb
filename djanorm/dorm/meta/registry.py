"""Registries: models by label, and relations linked as soon as both ends exist, in any definition order.

Most programs have one, ``registry``. Another one is a world of its own: its models have their own relations, reverse
accessors, tables and plans, whatever models of the same label there are elsewhere.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any

from dorm.conf import settings
from dorm.exceptions import ImproperlyConfigured
from dorm.lookups import registry as lookups
from dorm.meta.app_labels import known_label
from dorm.meta.references import Ambiguous, Unknown, resolve_reference, unknown_text
from dorm.meta.through import build_through
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance

#: Settings that change what models mean: types of columns, kinds of keys.
_SETTINGS_THAT_MATTER = frozenset({"USE_TZ", "TIME_ZONE"})


class Version(int):
    """The version of a registry. No number is used twice, not even by two registries; other processes count otherwise."""

    __slots__ = ()


_numbers = itertools.count(1)
_registries: weakref.WeakSet[Registry] = weakref.WeakSet()
_named: weakref.WeakValueDictionary[str, Registry] = weakref.WeakValueDictionary()
_registering = threading.Lock()


class Registry:
    """Models by label, and what is linked between them.

    A model joins the registry that its options name (``Meta.registry``, or ``registry=`` after the base classes); without
    that, the default one. An abstract base hands its registry on.

    ``version`` grows with every change; data derived from models is valid for one version only.

    :param name: what errors call it, and by which pickles of its models find it again: the latest one of that name. Models
        of a registry without a name can be pickled only if they can be imported.
    :ivar by_label, abstract_by_label: the concrete and the abstract models.
    :ivar compiled: what the query layer compiled for these models; emptied with every change.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name: str | None = name
        self.version = Version(next(_numbers))
        self.compiled: OrderedDict[Hashable, Any] = OrderedDict()
        self.by_label: dict[str, Any] = {}
        self.abstract_by_label: dict[str, object] = {}
        self._pending: dict[int, object] = {}
        self._lock = threading.RLock()
        with _registering:
            _registries.add(self)
            if name is not None:
                _named[name] = self

    def __repr__(self) -> str:
        return f"<Registry {self.name or 'without a name'}: {len(self.by_label)} models>"

    def __reduce__(self) -> tuple[Callable[[str], Registry], tuple[str]]:
        if self.name is None:
            raise TypeError("A registry without a name cannot be pickled: make it as Registry(name).")
        return (registry_named, (self.name,))

    def __deepcopy__(self, memo: dict[int, object]) -> Registry:
        return self

    # -- queries ------------------------------------------------------------------------------------------------------

    def models(self, *, include_auto_created: bool = False) -> list[Any]:
        """Every concrete model, in definition order; automatic junction models only when asked for."""
        return [m for m in list(self.by_label.values()) if include_auto_created or not m._meta.auto_created]

    def get_model(self, label: str, model_name: str | None = None) -> Any:
        """The model called ``"app.Model"``, or of an app and a name; case does not matter.

        :raises LookupError: naming the nearest labels.
        """
        wanted = known_label(label if model_name is None else f"{label}.{model_name}")
        found = self.by_label.get(wanted)
        if found is None:
            matches = [model for known, model in list(self.by_label.items()) if known.lower() == wanted.lower()]
            if len(matches) != 1:
                raise LookupError(f"There is no model {wanted!r}. {hint(wanted, list(self.by_label))}")
            found = matches[0]
        return found

    def __contains__(self, model: object) -> bool:
        meta = getattr(model, "_meta", None)
        return meta is not None and self.by_label.get(meta.label) is model

    @property
    def pending(self) -> list[object]:
        """Relation fields whose target, or through model, does not exist yet."""
        return list(self._pending.values())

    def labels(self) -> list[str]:
        return list(self.by_label)

    # -- changes ------------------------------------------------------------------------------------------------------

    def bump(self) -> None:
        """Something about models changed: everything derived from them is computed again."""
        self.version = Version(next(_numbers))
        self.compiled = OrderedDict()

    def register(self, model: Any) -> None:
        """Add a model; one of the same label is replaced, and its relations disappear from their targets.

        Links the model's relations, and those that waited for it. Abstract models are remembered for messages only.

        :raises ImproperlyConfigured: for a table or reverse name that is taken, or a relation that cannot be.
        """
        meta = model._meta
        with self._lock:
            if meta.abstract:
                self.abstract_by_label[meta.label] = model
                return
            old = self.by_label.get(meta.label)
            self._check_table(model, old)
            waiting = self._remove(old) if old is not None else []
            self.by_label[meta.label] = model
            self.abstract_by_label.pop(meta.label, None)
            self.bump()
            if not meta.proxy:
                self._wait(meta.relation_fields())
            self._wait(field for field in waiting if field.model is not old)
            try:
                self._reconsider_bare_names(meta)
                self._link_pending(newcomer=model)
            except ImproperlyConfigured:
                self._take_back(model, old)
                raise

    def _take_back(self, model: type[Instance], old: Any) -> None:
        """The model cannot be registered; the one that it was to replace stays."""
        waiting = self._remove(model)
        if old is not None:
            self._wait(field for field in waiting if field.model is not model)
            self.register(old)

    def unregister(self, model: object) -> None:
        """Take a model back: its relations disappear from their targets, and those to it wait again."""
        with self._lock:
            if model in self:
                self._wait(field for field in self._remove(model) if field.model is not model)

    def field_added(self, model: type[Instance], field: Field) -> None:
        """Called when a field joins a registered model: links it if it is a relation."""
        if model in self and any(field is known for known in model._meta.relation_fields()):
            with self._lock:
                self._wait([field])
                self._link_pending(newcomer=None)

    def proxies_of(self, model: Any) -> list[Any]:
        """The models that share the table of ``model``."""
        return [other for other in self.by_label.values() if other._meta.proxy and other._meta.concrete_model is model]

    def _wait(self, fields: Iterable[Field]) -> None:
        for field in fields:
            self._pending[id(field)] = field

    def snapshot(self) -> dict[str, object]:
        """The models by label now; for :meth:`restore`."""
        return dict(self.by_label)

    def restore(self, snapshot: dict[str, object]) -> None:
        """Back to a snapshot: models made since then go, replaced ones return. For tests."""
        with self._lock:
            for label, model in list(self.by_label.items()):
                if snapshot.get(label) is not model:
                    self.unregister(model)
            for label, model in snapshot.items():
                if self.by_label.get(label) is not model:
                    self.register(model)

    # -- linking ------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Try again to link pending relations (a function given as target may have an answer by now)."""
        if self._pending:
            with self._lock:
                self._link_pending(newcomer=None)

    def require(self, field: Any) -> None:
        """Make sure that a relation field is linked.

        :raises ImproperlyConfigured: naming the missing, ambiguous or abstract model.
        """
        with self._lock:
            self._link_pending(newcomer=None)
            relation = field.remote_field
            if relation.model is None:
                raise ImproperlyConfigured(self._missing(field, field.to, "refers to"))
            if field.many_to_many and relation.through is None:
                raise ImproperlyConfigured(self._missing(field, relation.given_through, "goes through"))

    def _missing(self, field: Any, reference: Any, verb: str) -> str:
        try:
            found = resolve_reference(self, field, reference)
        except Unknown as problem:
            return f"{field.label} {verb} {unknown_text(self, reference, problem)}"
        except Ambiguous as problem:
            return str(problem)
        if found._meta.abstract:
            return _refers_to_abstract(field, found)
        return f"{field.label} {verb} {reference!r}, which is not registered."

    def _link_pending(self, newcomer: type[Instance] | None) -> None:
        progress = True
        while progress:
            progress = False
            for key in list(self._pending):
                # removed first, because linking a many-to-many field registers its junction, which leads here again
                field = self._pending.pop(key, None)
                if field is None:
                    continue
                linked = False
                try:
                    linked = self._link(field, newcomer)
                finally:
                    if not linked:
                        self._pending[key] = field
                progress = progress or linked

    def _link(self, field: Any, newcomer: Any) -> bool:
        relation = field.remote_field
        target = relation.model or self._resolved(field, field.to, newcomer)
        if target is None:
            return False
        try:
            self._attach(field, target)
        except ImproperlyConfigured:
            self._forget_target(field)
            # the model's own app may still define the name; the error is raised when the relation is used
            if newcomer is not None and field.to == target._meta.object_name and not _is_of_own_app(field, target):
                return False
            raise
        if field.many_to_many and not self._link_through(field, newcomer):
            return False
        relation.linked = True
        self.bump()
        type(target).relation_linked(target, relation)
        return True

    def _link_through(self, field: Field, newcomer: object) -> bool:
        relation = field.remote_field
        if relation.through is not None:
            if relation.given_through is not None:
                resolve_reference(self, field, relation.given_through)  # refuses the class of another registry
            elif relation.through not in self:
                self.register(relation.through)
            return True
        if relation.given_through is not None:
            through = self._resolved(field, relation.given_through, newcomer)
            if through is None:
                return False
            relation.through = through
        else:
            relation.through = build_through(field)
        relation.relinked()
        return True

    def _resolved(self, field: Any, reference: Any, newcomer: Any) -> Any:
        try:
            model = resolve_reference(self, field, reference, newcomer)
        except (Unknown, Ambiguous):
            return None
        if model._meta.abstract:
            if isinstance(reference, type):
                raise ImproperlyConfigured(_refers_to_abstract(field, model))
            return None
        return model

    def _attach(self, field: Any, target: type[Instance]) -> None:
        relation = field.remote_field
        if relation.attached:
            return
        if relation.model is not target:
            relation.model = target
            field.relinked()
            relation.relinked()
        target._meta.concrete_model._meta.attach_relation(relation)
        relation.attached = True

    def _remove(self, model: Any) -> list[Field]:
        """Drop a model and unlink its relations.

        Returns the fields elsewhere that named it and must be resolved again.
        """
        meta = model._meta
        self.by_label.pop(meta.label, None)
        if not meta.proxy:
            for field in meta.relation_fields():
                self._pending.pop(id(field), None)
                self._detach(field)
                self._drop_junction(field)
        waiting = []
        for relation in list(meta.reverse_relations()):
            if not isinstance(relation.field.to, type) and relation.related_model in self:
                self._detach(relation.field)
                self._forget_target(relation.field)
                waiting.append(relation.field)
        for field in self._going_through(model):
            if field.remote_field.given_through is not None and not isinstance(field.remote_field.given_through, type):
                self._forget_through(field)
        self.bump()
        return waiting

    def _detach(self, field: Field) -> None:
        relation = field.remote_field
        target = relation.model
        if target is None:
            return
        type(target).relation_unlinked(target, relation)
        target._meta.concrete_model._meta.detach_relation(relation)
        relation.linked = relation.attached = False

    def _drop_junction(self, field: Field) -> None:
        """Drop the automatic junction of a field whose model goes; the field keeps it, so old instances still work."""
        relation = field.remote_field
        if relation.through is not None and relation.given_through is None and relation.through in self:
            self._remove(relation.through)

    def _forget_target(self, field: Any) -> None:
        """Unlink a field, and its junction, so that its target is resolved again."""
        self._drop_junction(field)
        relation = field.remote_field
        relation.model = None
        relation.through = relation.given_through if isinstance(relation.given_through, type) else None
        relation.relinked()
        field.relinked()

    def _going_through(self, model: object) -> list[Field]:
        """Many-to-many fields whose junction is ``model``."""
        every = (field for other in self.by_label.values() for field in other._meta.many_to_many)
        return [field for field in every if field.remote_field.through is model]

    def _forget_through(self, field: Field) -> None:
        field.remote_field.through = None
        field.remote_field.relinked()
        self._wait([field])

    def _reconsider_bare_names(self, meta: Any) -> None:
        """Resolve bare names again that were linked to another app's model: a model of the own app comes first."""
        for other in list(self.by_label.values()):
            if other._meta.object_name != meta.object_name or other is meta.model:
                continue
            for relation in list(other._meta.reverse_relations()):
                if (
                    relation.field.to == meta.object_name
                    and relation.related_model._meta.app_label != other._meta.app_label
                ):
                    self._detach(relation.field)
                    self._forget_target(relation.field)
                    self._wait([relation.field])
            for field in self._going_through(other):
                relation = field.remote_field
                if relation.given_through == meta.object_name and field.model._meta.app_label == meta.app_label:
                    self._forget_through(field)

    def _check_table(self, model: Any, old: Any) -> None:
        """Check that two managed models of one module and scope do not share a table.

        Models of different modules are compared when their tables are made, so that alternatives may coexist.
        """
        meta = model._meta
        if meta.proxy or not meta.managed:
            return
        scope = (model.__module__, model.__qualname__.rpartition(".")[0])
        for other in self.by_label.values():
            known = other._meta
            if other is old or known.proxy or not known.managed or known.db_table != meta.db_table:
                continue
            if (other.__module__, other.__qualname__.rpartition(".")[0]) == scope:
                raise ImproperlyConfigured(
                    f"{meta.label} and {known.label} both use the table {meta.db_table!r}: give one of them another db_table."
                )


def _is_of_own_app(field: Field, target: type[Instance]) -> bool:
    return field.model._meta.app_label == target._meta.app_label


def _refers_to_abstract(field: Field, model: type[Instance]) -> str:
    return (
        f"{field.label} refers to the abstract model {model._meta.label}, which has no table. "
        "Refer to one of its concrete children."
    )


def registries() -> list[Registry]:
    """Every registry that is in use."""
    with _registering:
        return list(_registries)


def registry_named(name: str) -> Registry:
    """The latest registry of this name.

    :raises LookupError: when there is none in this process (yet).
    """
    found = _named.get(name)
    if found is not None:
        return found
    raise LookupError(f"There is no registry {name!r} in this process: import the module that makes it first.")


registry = Registry("default")


@settings.on_change
def _settings_changed(names: set[str]) -> None:
    if names & _SETTINGS_THAT_MATTER:
        _everything_changed()


@lookups.on_change
def _everything_changed() -> None:
    for known in registries():
        known.bump()
