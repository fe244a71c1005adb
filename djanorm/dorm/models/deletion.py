"""Deleting rows and what refers to them.

The `Collector` first walks every rule without writing anything, so that a protected or restricted row stops the
deletion before it began. Then, in one transaction: columns set to NULL or a default, referring rows, junction rows, and
the rows themselves. Keys are enough for all of this; instances are loaded only when their signals have receivers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dorm.db import routers, transactions
from dorm.db.announcements import Asked
from dorm.exceptions import ProtectedError, ReadOnlyModelError, RestrictedError
from dorm.fields.deletion_rules import CASCADE, PROTECT, RESTRICT, SET_DEFAULT, SET_NULL, SetValue
from dorm.fields.instances import Instance
from dorm.fields.relations import Relation
from dorm.meta.options import Options
from dorm.query.describe.names import Names
from dorm.query.describe.state import FilterStep, QueryState
from dorm.query.queryset import QuerySet
from dorm.query.run import pipeline
from dorm.query.write import row_writes
from dorm.query.write.related_keys import key_of
from dorm.signals import post_delete, pre_delete

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.signals import ModelSignal

PROTECTED_SHOWN = 100


class _Batch:
    """The rows of one model to delete: keys, and the instances that were given or whose signals have receivers."""

    __slots__ = ("asked", "instances", "keys", "options")

    def __init__(self, options: Any) -> None:
        self.options = options
        # the keys that deletion was asked for; the others go with them
        self.asked: set[object] = set()
        self.keys: dict[Any, None] = {}
        self.instances: dict[Any, Any] = {}

    def add(self, keys: Iterable[Any], instances: dict[Any, Any]) -> list[Any]:
        """Add rows. Returns the keys that are new."""
        new = [key for key in keys if key not in self.keys]
        self.keys.update(dict.fromkeys(new))
        for key, instance in instances.items():
            self.instances.setdefault(key, instance)
        return new


class Collector:
    """One deletion.

    :param using: the alias to delete from.
    :param signals: whether `pre_delete` and `post_delete` are sent (instance deletes) or not (queryset deletes).
    :param origin: the object on which `delete()` was called, for the receivers.
    """

    def __init__(self, using: str, *, signals: bool = True, origin: Any = None) -> None:
        self.using = using
        self.signals = signals
        self.origin = origin
        self._batches: dict[Any, _Batch] = {}
        # rows that nothing refers to: deleted by their foreign key, without reading them
        self._leaves: list[tuple[Any, Any, list[object]]] = []
        # (model's options, foreign key, value to put there, keys referred to)
        self._updates: list[tuple[Any, Any, Any, list[object]]] = []
        # child model -> the models it refers to, to delete children first
        self._parents: dict[Any, set[object]] = {}
        self._blocked: list[tuple[Any, list[object]]] = []
        # (relation, keys that must not be referred to by rows that stay)
        self._restricted: list[tuple[Any, list[object]]] = []

    @classmethod
    def is_direct(cls, options: Options, *, signals: bool = False) -> bool:
        """Whether deleting rows of a model takes a single DELETE."""
        if signals and (pre_delete.has_listeners(options.model) or post_delete.has_listeners(options.model)):
            return False
        return not _rules(options) and not _has_generic_relations(options)

    # -- collecting ---------------------------------------------------------------------------------------------------

    def collect(self, instances: Sequence[Instance]) -> None:
        """Add instances of one model, and all rows that are deleted with them.

        :raises ProtectedError: from `delete`, when something protects a row; nothing is written then.
        """
        if not instances:
            return
        options = type(instances[0])._meta.concrete_model._meta
        self._take(options, {instance.pk: instance for instance in instances})

    def collect_keys(self, options: Any, keys: Iterable[Any]) -> None:
        """Add rows by their keys, and all rows that are deleted with them."""
        options = options.concrete_model._meta
        keys = list(keys)
        if self._listens(options.model):
            self._take(options, self._instances(options.model, options.pk.attname, keys))
        else:
            self._take(options, dict.fromkeys(keys))

    def _take(self, options: Options, rows: dict[Any, Any], *, asked: bool = True) -> None:
        if options.read_only:
            raise ReadOnlyModelError(f"{options.object_name} is declared read_only; its rows cannot be deleted.")
        if asked:
            self._batch_of(options).asked.update(rows)
        pending = [(options, rows)]
        while pending:
            options, rows = pending.pop()
            batch = self._batch_of(options)
            instances = {key: instance for key, instance in rows.items() if instance is not None}
            new = batch.add(rows, instances)
            if new:
                for relation in _rules(options):
                    pending.extend(self._follow(options, relation, new, instances))
                self._collect_generic(options, new, instances)

    def _batch_of(self, options: Options) -> _Batch:
        batch = self._batches.get(options)
        if batch is None:
            batch = self._batches[options] = _Batch(options)
        return batch

    def _follow(
        self, options: Options, relation: Any, keys: list[Any], instances: dict[Any, Any]
    ) -> Iterable[tuple[Any, dict[Any, Any]]]:
        """Apply one rule to the rows that refer to ``keys``; yields further rows to delete."""
        field, child = relation.field, relation.field.model._meta
        keys = self._target_values(options, field, keys, instances)
        if not keys:
            return
        rule = relation.on_delete
        if rule is CASCADE:
            self._parents.setdefault(child, set()).add(options)
            if child is not options and self.is_direct(child, signals=self.signals):
                self._leaves.append((child, field, keys))
                return
            if self._listens(child.model):
                rows = self._instances(child.model, field.attname, keys)
            else:
                rows = dict.fromkeys(self._keys(child, field, keys))
            if rows:
                yield child, rows
        elif rule is PROTECT:
            blockers = list(self._rows(child.model).filter(**{f"{field.attname}__in": keys})[:PROTECTED_SHOWN])
            if blockers:
                self._blocked.append((relation, blockers))
        elif rule is RESTRICT:
            self._restricted.append((relation, keys))
        elif rule is SET_NULL:
            self._updates.append((child, field, None, keys))
        elif rule is SET_DEFAULT:
            if not callable(field.default) or self._is_referred_to(child, field, keys):
                by_database = field.has_db_default() and not field.has_default()
                self._updates.append((child, field, field.db_default if by_database else field.get_default(), keys))
        elif isinstance(rule, SetValue) and (not callable(rule.value) or self._is_referred_to(child, field, keys)):
            self._updates.append((child, field, field.to_python(rule.resolve()), keys))

    def _is_referred_to(self, child: Options, field: Field, keys: list[object]) -> bool:
        """Whether a row refers to ``keys``: a user's function is called only if its value will be used."""
        return bool(self._rows(child.model).filter(**{f"{field.attname}__in": keys}).exists())

    def _target_values(
        self, options: Options, field: Any, keys: list[object], instances: dict[object, object]
    ) -> list[object]:
        """The values of the foreign key for rows with these keys: the keys, unless it points at another column."""
        target = field.target_field
        if target.primary_key:
            return keys
        known = [key_of(field, instances[key]) for key in keys if key in instances]
        missing = [key for key in keys if key not in instances]
        if missing:
            known.extend(self._rows(options.model).filter(pk__in=missing).values_list(target.attname, flat=True))
        return [value for value in known if value is not None]

    def _rows(self, model: type[Any]) -> QuerySet:
        return QuerySet(model, using=self.using).order_by()

    def _keys(self, child: Options, field: Field, keys: list[object]) -> list[object]:
        """The keys of the rows that refer to ``keys``. What does not depend on these is made once per model."""
        state = child.derived("keys only", _keys_only, child)
        lookup = {field.attname: keys[0]} if len(keys) == 1 else {f"{field.attname}__in": keys}
        state = state.with_step(FilterStep(Names(state).lookups(lookup, False)))
        return pipeline.fetch(state, self.using)

    def _instances(self, model: type, name: str, keys: list[object]) -> dict[object, object]:
        return {instance.pk: instance for instance in self._rows(model).filter(**{f"{name}__in": keys})}

    def _listens(self, model: type[Any]) -> bool:
        return self.signals and (pre_delete.has_listeners(model) or post_delete.has_listeners(model))

    def _collect_generic(self, options: Options, keys: list[object], instances: dict[object, object]) -> None:
        """Collect the rows of fields without a column (`bulk_related_objects`), such as generic relations."""
        for field in getattr(options, "private_fields", ()):
            related = getattr(field, "bulk_related_objects", None)
            if related is not None:
                objects = [instances[key] for key in keys if key in instances]
                objects.extend(self._rows(options.model).in_bulk([k for k in keys if k not in instances]).values())
                found = list(related(objects, self.using))
                if found:
                    children = type(found[0])._meta.concrete_model._meta
                    self._take(children, {instance.pk: instance for instance in found}, asked=False)

    # -- deleting -----------------------------------------------------------------------------------------------------

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete what was collected; returns the total and the count per label.

        :raises ProtectedError: naming the rows in the way, before anything is written.
        :raises RestrictedError: likewise, for rows that this deletion does not remove as well.
        """
        if self._blocked:
            raise self._protected()
        self._check_restricted()
        counts: dict[str, int] = {}
        if self._is_one_statement():
            (batch,) = self._batches.values()
            removed = row_writes.delete_where_in(
                batch.options, batch.options.pk, list(batch.keys), using=self.using, origin=self._origin_of(batch)
            )
            self._count(counts, batch.options, removed)
        else:
            with transactions.atomic(self.using):
                self._run(counts)
        for batch in self._batches.values():
            for instance in batch.instances.values():
                instance.pk = None
        return sum(counts.values()), counts

    def _is_one_statement(self) -> bool:
        """Whether a single row is all that is deleted, so that no transaction is needed."""
        if self._leaves or self._updates or len(self._batches) != 1:
            return False
        (batch,) = self._batches.values()
        return len(batch.keys) == 1 and not self._listens(batch.options.model)

    def _protected(self) -> ProtectedError:
        text, blockers = _in_the_way(self._blocked, "protected")
        return ProtectedError(text, blockers)

    def _check_restricted(self) -> None:
        """Refuse the deletion when rows refer with RESTRICT, unless the same deletion removes them."""
        found: list[tuple[Any, list[Any]]] = []
        for relation, keys in self._restricted:
            child, field = relation.field.model._meta, relation.field
            rows = self._rows(child.model).filter(**{f"{field.attname}__in": keys})
            batch = self._batches.get(child)
            if batch is not None:
                rows = rows.exclude(pk__in=list(batch.keys))
            for leaf, link, gone in self._leaves:
                if leaf is child:
                    rows = rows.exclude(**{f"{link.attname}__in": gone})
            if staying := list(rows[:PROTECTED_SHOWN]):
                found.append((relation, staying))
        if found:
            text, blockers = _in_the_way(found, "restricted")
            raise RestrictedError(text, blockers)

    def _run(self, counts: dict[str, int]) -> None:
        ordered = self._children_first()
        self._announce(pre_delete, [self._batches[options] for options in ordered if options in self._batches])
        for options, field, value, keys in self._updates:
            row_writes.update_where_in(options, {field: value}, field, keys, using=self.using, origin="cascade")
        for options in ordered:
            for leaf, field, keys in self._leaves:
                if leaf is options:
                    removed = row_writes.delete_where_in(options, field, keys, using=self.using, origin="cascade")
                    self._count(counts, options, removed)
            batch = self._batches.get(options)
            if batch is None:
                continue
            keys, origin = list(batch.keys), self._origin_of(batch)
            removed = self._peeled(options, keys, origin)
            removed += row_writes.delete_where_in(options, options.pk, keys, using=self.using, origin=origin)
            if removed < len(batch.keys) and self._in_cycle(options):
                # the database's cascade came first: these rows were deleted with others of the same deletion
                removed = len(batch.keys)
            self._count(counts, options, removed)
            self._announce(post_delete, [batch])

    def _origin_of(self, batch: _Batch) -> Asked:
        """What the deletion of each row of a batch comes from."""
        return Asked("instance" if self.signals else "queryset", batch.asked)

    def _peeled(self, options: Any, keys: list[Any], origin: Asked) -> int:
        """Delete first what no other row of the model restricts; databases may look at RESTRICT row by row."""
        removed = 0
        for relation in _restricting(options):
            if relation.field.model._meta is not options:
                continue
            field = relation.field
            held = self._rows(options.model).filter(**{f"{field.attname}__isnull": False}).values(field.attname)
            free = self._rows(options.model).filter(pk__in=keys).exclude(**{f"{field.target_field.attname}__in": held})
            while count := row_writes.delete_state(free.state, self.using, origin=origin):
                removed += count
        return removed

    def _announce(self, signal: ModelSignal, batches: list[_Batch]) -> None:
        if not self.signals:
            return
        for batch in batches:
            model = batch.options.model
            if batch.instances and signal.has_listeners(model):
                for instance in batch.instances.values():
                    signal.send(type(instance), instance=instance, using=self.using, origin=self.origin)

    def _count(self, counts: dict[str, int], options: Any, number: int) -> None:
        if number and not options.auto_created:
            counts[options.label] = counts.get(options.label, 0) + number

    def _children_first(self) -> list[Options]:
        """The models with rows to delete, in an order in which none goes before those that refer to it, cycles aside."""
        ordered: list[Options] = []
        visited: set[object] = set()
        involved = {*self._batches, *(options for options, _, _ in self._leaves)}
        # rows referred to with RESTRICT are deleted after the rows that refer to them, which are deleted for another
        # reason
        children = {
            options: [each.field.model._meta for each in _restricting(options) if each.field.model._meta in involved]
            for options in involved
        }
        for child, parents in self._parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(child)

        def visit(options: Options) -> None:
            if options in visited:
                return
            visited.add(options)
            for child in children.get(options, ()):
                visit(child)
            if options in involved:
                ordered.append(options)

        for options in [*self._batches, *(options for options, _, _ in self._leaves)]:
            visit(options)
        return ordered

    def _in_cycle(self, options: object) -> bool:
        """Whether rows of the model refer, directly or not, to rows of the same model."""
        seen: set[object] = set()
        pending = list(self._parents.get(options, ()))
        while pending:
            parent = pending.pop()
            if parent is options:
                return True
            if parent not in seen:
                seen.add(parent)
                pending.extend(self._parents.get(parent, ()))
        return False


def _in_the_way(blocked: list[tuple[Any, list[object]]], kind: str) -> tuple[str, list[object]]:
    """The message about rows that forbid a deletion, and the rows."""
    relation, _ = blocked[0]
    blockers = [blocker for _, found in blocked for blocker in found]
    names = ", ".join(f"'{type(found[0]).__name__}.{each.field.name}'" for each, found in blocked)
    keys = "foreign key" if len(blocked) == 1 else "foreign keys"
    text = (
        f"Cannot delete some instances of model {relation.model.__name__!r} because they are referenced through {kind} "
        f"{keys}: {names} ({len(blockers)} row(s)). Delete or change these first."
    )
    return text, blockers


def _rules(options: Options) -> tuple[object, ...]:
    """The relations to a model that require something when its rows are deleted."""
    return _known(options)[0]


def _restricting(options: Any) -> tuple[Any, ...]:
    """The relations whose rows forbid the deletion of rows of a model."""
    return _known(options)[1]


def _known(options: Options) -> tuple[tuple[Relation, ...], tuple[Relation, ...]]:
    """The relations to a model, sorted by what a deletion has to do about them; cached until models change."""
    return options.derived("deletion rules", _sorted_rules, options)


def _sorted_rules(options: Options) -> tuple[tuple[Relation, ...], tuple[Relation, ...]]:
    relations = [relation for relation in options.all_related_objects if relation.on_delete is not None]
    return (
        tuple(relation for relation in relations if relation.on_delete is not None and relation.on_delete.collects),
        tuple(relation for relation in relations if relation.on_delete is RESTRICT),
    )


def _keys_only(options: Options) -> QueryState:
    """The description of a query for the keys of a model."""
    state: QueryState = QuerySet(options.model).order_by().values_list("pk", flat=True).state
    return state


def _has_generic_relations(options: Options) -> bool:
    return any(hasattr(field, "bulk_related_objects") for field in getattr(options, "private_fields", ()))


def delete_instance(instance: Instance, using: str | None) -> tuple[int, dict[str, int]]:
    """The body of `Model.delete()`; see there."""
    model, key, state = type(instance), instance.pk, instance._state
    options = model._meta.concrete_model._meta
    if key is None or (state.adding and key is state.default_key):
        raise ValueError(f"{model.__name__}.delete() needs a stored row, and {instance!r} was never saved.")
    alias = using or (state.db if state.written else None) or routers.db_for_write(model, instance=instance)
    if options.pk.concrete and not options.read_only and Collector.is_direct(options, signals=True):
        removed = row_writes.delete_where_in(options, options.pk, [key], using=alias, origin="instance")
        instance.__dict__[options.pk.attname] = None
        return removed, ({options.label: removed} if removed else {})
    collector = Collector(alias, origin=instance)
    collector.collect([instance])
    return collector.delete()
