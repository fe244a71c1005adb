"""``article.tags``: the manager of the rows linked to one instance through a junction table.

Links are rows of the junction model. Those of an automatic junction are written with insert-or-ignore, one statement
whatever their number; with a user-defined junction model the existing links are read first, then instances are created.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dorm.db import bridge, routers
from dorm.expressions.conditions import Q
from dorm.meta.older_classes import older_class_hint
from dorm.models.assignment import check_aliases, is_expression
from dorm.models.related_managers import RelatedManager
from dorm.query.describe.base import with_owner
from dorm.query.describe.linked import linked_to
from dorm.query.queryset import QuerySet
from dorm.query.run.aliases import write_alias
from dorm.query.write.related_keys import key_of
from dorm.signals import m2m_changed
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.db import announcements, transactions
    from dorm.query.write import row_writes
else:
    announcements = lazy_import("dorm.db.announcements", globals())
    transactions = lazy_import("dorm.db.transactions", globals())
    row_writes = lazy_import("dorm.query.write.row_writes", globals())

M = TypeVar("M")


class ManyRelatedManager(RelatedManager[M], Generic[M]):
    """The rows linked to the owner, and the verbs that link and unlink."""

    @property
    def through(self) -> Any:
        """The junction model."""
        return self._side.end.junction.model

    def get_queryset(self) -> Any:
        """The default manager's rows that are linked to the owner: one join, lazily."""
        queryset = self._related_model._default_manager.all()
        if self._pinned is not None:
            queryset = queryset.using(self._pinned)
        key = self._owner_key
        if key is None:
            return queryset.none()
        linked = linked_to(queryset, self._side.end.junction, [key])
        return with_owner(linked, None, self.instance, self._side.accessor)

    # -- linking ------------------------------------------------------------------------------------------------------

    def add(self, *objs: Any, bulk: bool = True, through_defaults: Any = None) -> None:
        """Link rows, given as instances or keys; existing links are left alone.

        Receivers of ``m2m_changed`` are called every time, even when there is nothing to link.

        :param through_defaults: values for the other fields of a user-defined junction model; may be callables.
        :raises TypeError: for an instance of another model, and for None.
        :raises ValueError: for an unsaved instance.
        """
        self._start_writing()
        keys = self._keys_of(objs)
        if not (keys or m2m_changed.connected):
            return
        alias = self._link_alias()
        if self._writes_once(through_defaults):
            self._insert(keys, alias, through_defaults)
            return
        with transactions.atomic(alias):
            linked = self._linked_keys(alias, keys)
            missing = [key for key in keys if key not in linked]
            self._announce("pre_add", missing, alias)
            if missing:
                self._insert(missing, alias, through_defaults)
            self._announce("post_add", missing, alias)

    def _writes_once(self, through_defaults: object) -> bool:
        """Whether links can be inserted without reading first: an automatic junction, and no receivers of signals."""
        return bool(self.through._meta.auto_created) and not through_defaults and not m2m_changed.connected

    def _insert(self, keys: list[Any], alias: str, through_defaults: Any) -> None:
        junction, owner = self._side.end.junction, self._owner_key
        pairs = [(owner, key) for key in keys]
        if self._side.field.remote_field.symmetrical:
            pairs += [(key, owner) for key in keys if key != owner]
        options = junction.model._meta
        if options.auto_created:
            fields = [junction.source, junction.target]
            with announcements.written_by("m2m"):
                row_writes.insert_rows(options, fields, pairs, using=alias, on_conflict="ignore")
            self._note_write(alias)
            return
        defaults = _resolved(through_defaults)
        names = junction.source.attname, junction.target.attname
        links = [junction.model(**defaults, **dict(zip(names, pair, strict=True))) for pair in pairs]
        with announcements.written_by("m2m"):
            QuerySet(junction.model, using=alias).bulk_create(links)
        self._note_write(alias)

    def remove(self, *objs: Any, bulk: bool = True) -> None:
        """Unlink rows, given as instances or keys: one DELETE.

        Rows that are not linked are ignored; rows that the related model's default manager hides stay linked.
        """
        self._start_writing()
        keys = self._keys_of(objs)
        if not keys:
            return
        alias = self._link_alias()
        self._announced("remove", keys, alias, self._links(alias, self._visible(alias, keys)))

    async def aremove(self, *objs: object, bulk: bool = True) -> None:
        return await bridge.run_async(self.remove, *objs, bulk=bulk)

    def clear(self, *, bulk: bool = True) -> None:
        """Unlink all rows that the related model's default manager sees: one DELETE."""
        self._start_writing()
        alias = self._link_alias()
        self._announced("clear", None, alias, self._links(alias, self._visible(alias)))

    async def aclear(self, *, bulk: bool = True) -> None:
        return await bridge.run_async(self.clear, bulk=bulk)

    def set(self, objs: Iterable[Any], *, bulk: bool = True, clear: bool = False, through_defaults: Any = None) -> None:
        """Link exactly these rows: only differences are written, unless ``clear`` starts from nothing."""
        keys = self._keys_of(self._listed(objs))
        alias = self._link_alias()
        with transactions.atomic(alias):
            if clear:
                self.clear()
                missing = keys
            else:
                linked = self._linked_keys(alias, self._visible(alias))
                self.remove(*(key for key in linked if key not in keys))
                missing = [key for key in keys if key not in linked]
            if missing:
                self.add(*missing, through_defaults=through_defaults)

    # -- creating rows ------------------------------------------------------------------------------------------------

    def create(self, *, through_defaults: Mapping[str, object] | None = None, **kwargs: object) -> M:
        """Create and link a row."""
        with transactions.atomic(write_alias(self)):
            made = super().create(**kwargs)
            self.add(made, through_defaults=through_defaults)
        return made

    async def acreate(self, *, through_defaults: object = None, **kwargs: Any) -> M:
        return await bridge.run_async(self.create, through_defaults=through_defaults, **kwargs)

    def get_or_create(
        self, defaults: Any = None, *, through_defaults: Mapping[str, object] | None = None, **kwargs: Any
    ) -> tuple[M, bool]:
        """Like `QuerySet.get_or_create`, among the linked rows; a new row is linked."""
        with transactions.atomic(write_alias(self)):
            found, created = super().get_or_create(defaults, **kwargs)
            if created:
                self.add(found, through_defaults=through_defaults)
        return found, created

    async def aget_or_create(
        self, defaults: object = None, *, through_defaults: object = None, **kwargs: Any
    ) -> tuple[M, bool]:
        return await bridge.run_async(self.get_or_create, defaults, through_defaults=through_defaults, **kwargs)

    def update_or_create(
        self,
        defaults: Any = None,
        create_defaults: Any = None,
        *,
        through_defaults: Mapping[str, object] | None = None,
        **kwargs: Any,
    ) -> tuple[M, bool]:
        """Like `QuerySet.update_or_create`, among the linked rows; a new row is linked."""
        with transactions.atomic(write_alias(self)):
            found, created = super().update_or_create(defaults, create_defaults, **kwargs)
            if created:
                self.add(found, through_defaults=through_defaults)
        return found, created

    async def aupdate_or_create(
        self, defaults: object = None, create_defaults: object = None, *, through_defaults: object = None, **kwargs: Any
    ) -> tuple[M, bool]:
        return await bridge.run_async(
            self.update_or_create, defaults, create_defaults, through_defaults=through_defaults, **kwargs
        )

    def exists_or_create(self, defaults: object = None, **kwargs: Any) -> tuple[bool, M]:
        """Like `QuerySet.exists_or_create`, among the linked rows; a new row is linked."""
        found, created = self.get_or_create(defaults, **kwargs)
        return not created, found

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """Like `QuerySet.bulk_create`; the new rows are linked."""
        with transactions.atomic(write_alias(self)):
            made = super().bulk_create(objs, *args, **kwargs)
            if made:
                self.add(*made)
        return made

    def upsert(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """Like `QuerySet.upsert`; both new and existing rows are linked."""
        self._start_writing()
        with transactions.atomic(write_alias(self)):
            made = super().upsert(objs, *args, **kwargs)
            if made:
                self.add(*made)
        return made

    # -- internals ----------------------------------------------------------------------------------------------------

    def _link_alias(self) -> str:
        """The alias that links are written to."""
        return self._pinned or routers.db_for_write(self.through, instance=self.instance)

    def _note_write(self, alias: str) -> None:
        """Tell the routers that both models were written to: their rows are found through the links."""
        routers.wrote(self._related_model, alias)
        routers.wrote(type(self.instance), alias)

    def _keys_of(self, objs: Iterable[Any]) -> list[Any]:
        """The junction's values for instances and raw keys, without duplicates, in order."""
        target = self._side.end.junction.target.target_field
        keys: dict[Any, None] = {}
        for obj in objs:
            if isinstance(obj, self._related_model._meta.concrete_model):
                check_aliases(self.instance, obj, f"{type(self.instance).__name__}.{self._side.accessor}")
                key = key_of(self._side.end.junction.target, obj)
                if key is None:
                    raise ValueError(
                        f"{obj!r} is not saved, so it cannot be linked to {self.instance!r}. Save it first."
                    )
            elif obj is None or hasattr(obj, "_meta") or is_expression(obj):
                place = f"{type(self.instance).__name__}.{self._side.accessor}"
                raise TypeError(
                    f"{place} links {self._related_model.__name__} instances or their keys, not {obj!r}."
                    f"{older_class_hint(self._related_model, obj, place)}"
                )
            else:
                key = target.to_python(obj)
            keys[key] = None
        return list(keys)

    def _visible(self, alias: str, keys: list[Any] | None = None) -> Any:
        """Those of ``keys`` (None: all) that the related model's default manager sees; a subquery when it filters."""
        seen = self._related_model._default_manager.using(alias)
        if not seen.state.hides_rows:
            return keys
        attname = self._side.end.junction.target.target_field.attname
        return (seen if keys is None else seen.filter(**{f"{attname}__in": keys})).order_by().values(attname)

    def _links(self, alias: str, keys: object = None) -> Any:
        """The junction's rows of the owner, or those that lead to ``keys``."""
        junction, owner = self._side.end.junction, self._owner_key
        near, far = junction.source.attname, junction.target.attname
        links = _link_condition(near, owner, far, keys)
        if self._side.field.remote_field.symmetrical:
            links |= _link_condition(far, owner, near, keys)
        return junction.model._default_manager.using(alias).filter(links)

    def _linked_keys(self, alias: str, keys: Any = None) -> frozenset[Any]:
        junction = self._side.end.junction
        lookups = {junction.source.attname: self._owner_key}
        if keys is not None:
            lookups[f"{junction.target.attname}__in"] = keys
        rows = junction.model._default_manager.using(alias).filter(**lookups)
        keys = rows.order_by().values_list(junction.target.attname, flat=True)
        # a row of a junction of one's own may lead nowhere
        return frozenset(key for key in keys if key is not None)

    def _announced(self, action: str, keys: list[Any] | None, alias: str, links: QuerySet) -> None:
        """Delete links, and send the signals before and after."""
        if not m2m_changed.connected:
            self._unlink(links, alias)
            return
        with transactions.atomic(alias):
            self._announce(f"pre_{action}", keys, alias)
            self._unlink(links, alias)
            self._announce(f"post_{action}", keys, alias)

    def _unlink(self, links: QuerySet, alias: str) -> None:
        with announcements.written_by("m2m"):
            links.order_by().delete()
        self._note_write(alias)

    def _announce(self, action: str, keys: list[Any] | None, alias: str) -> None:
        if m2m_changed.connected:
            m2m_changed.send(
                self.through,
                action=action,
                instance=self.instance,
                reverse=self._side.end is not self._side.field,
                model=self.model,
                pk_set=None if keys is None else set(keys),
                using=alias,
            )


def _resolved(defaults: Mapping[str, object] | None) -> dict[str, object]:
    """The values of ``through_defaults``, with callables called."""
    return {name: value() if callable(value) else value for name, value in (defaults or {}).items()}


def _link_condition(near: str, owner: int, far: str, keys: object) -> Q:
    """The junction's rows that lead from ``owner`` to one of ``keys``, or anywhere."""
    lookups: dict[str, Any] = {near: owner}
    if keys is not None:
        lookups[f"{far}__in"] = keys
    return Q(**lookups)
