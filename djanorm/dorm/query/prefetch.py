"""Prefetching: one further query per relation, its rows stitched to the instances they belong to.

Results go where the accessors look first: a forward or reverse one-to-one object under its name in the instance's
``__dict__``, a list of related objects under the accessor's name in ``__dict__["_prefetched"]``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from dorm.db import bridge
from dorm.exceptions import FieldDoesNotExist
from dorm.query import pipeline
from dorm.query.names import Names
from dorm.utils.suggest import hint

OWNER = "_prefetch_owner"


class Prefetch:
    """One relation to prefetch, with a queryset of its own (LD-08; Django 5.2).

    :param lookup: the relation, nested ones joined by ``__``.
    :param queryset: what to fetch: its filters, order, ``select_related``, further prefetches and slices count.
    :param to_attr: store a plain list (or object) under this attribute instead of serving the accessor.
    :raises ValueError: for a queryset whose rows are no instances.
    """

    def __init__(self, lookup: Any, queryset: Any = None, to_attr: str | None = None) -> None:
        self.lookup: str = getattr(lookup, "lookup_path", lookup)
        self.queryset = queryset
        self.to_attr = to_attr
        if queryset is not None:
            state = queryset.get_queryset().state
            if state.row != "instance" or state.combined is not None:
                raise ValueError("Prefetch querysets cannot use raw(), values(), and values_list().")

    def __repr__(self) -> str:
        return f"Prefetch({self.lookup!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prefetch):
            return NotImplemented
        return (self.lookup, self.to_attr) == (other.lookup, other.to_attr)

    def __hash__(self) -> int:
        return hash((self.lookup, self.to_attr))


def relation_of(opts: Any, name: str, lookup: str) -> Any:
    """The relation that one step of a prefetch names.

    :raises FieldDoesNotExist: for a name that is no relation.
    """
    item = opts.names.get(name)
    if item is None:
        item = next((r for r in opts.related_objects if r.accessor_name() == name), None)
    if item is None:
        item = next((f for f in getattr(opts, "private_fields", ()) if f.name == name), None)
    if item is None or not (item.is_relation or hasattr(item, "prefetch_rows")):
        choices = sorted(n for n, i in opts.names.items() if i.is_relation)
        raise FieldDoesNotExist(
            f"Cannot find '{name}' on {opts.object_name} object, '{lookup}' is an invalid parameter to "
            f"prefetch_related(). {hint(name, choices)}"
        )
    return item


def check_lookups(opts: Any, lookups: Iterable[Any]) -> None:
    """Refuse unknown names where the chain is built. Steps below a ``to_attr`` are checked when they are reached."""
    own = {lookup.to_attr for lookup in lookups if isinstance(lookup, Prefetch)}
    for lookup in lookups:
        path = lookup.lookup if isinstance(lookup, Prefetch) else lookup
        if isinstance(lookup, Prefetch) and lookup.to_attr in opts.names and "__" not in path:
            raise ValueError(f"to_attr={lookup.to_attr} conflicts with a field on the {opts.object_name} model.")
        here = opts
        for name in path.split("__"):
            if here is opts and name in own:
                break
            here = _target(relation_of(here, name, path))
            if here is None:
                break


def _target(item: Any) -> Any:
    hops = getattr(item, "hops", None)
    return hops()[-1].target if hops is not None else None


def prefetch_related_objects(instances: Iterable[Any], *lookups: Any) -> None:
    """Prefetch relations of instances that are already loaded (BEY-26; Django 5.2).

    :param instances: saved instances of one model.
    :param lookups: names or :class:`Prefetch` objects.
    """
    rows = list(instances)
    if not rows:
        return
    named = tuple(getattr(lookup, "lookup_path", lookup) for lookup in lookups)
    check_lookups(rows[0]._meta, named)
    prefetch_instances(rows, named, rows[0]._state.db)


async def aprefetch_related_objects(instances: Iterable[Any], *lookups: Any) -> None:
    return await bridge.run_async(prefetch_related_objects, instances, *lookups)


def prefetch_instances(rows: list[Any], lookups: tuple[Any, ...], alias: str | None) -> None:
    """Run the prefetches of one level and of the levels below."""
    tree: dict[tuple[str, str | None], list[Any]] = {}
    chosen: dict[tuple[str, str | None], Any] = {}
    attributes = {lookup.to_attr: lookup for lookup in lookups if isinstance(lookup, Prefetch) and lookup.to_attr}
    for lookup in lookups:
        path = lookup.lookup if isinstance(lookup, Prefetch) else lookup
        name, _, rest = path.partition("__")
        ends_here = not rest
        to_attr = lookup.to_attr if isinstance(lookup, Prefetch) and ends_here else None
        queryset = lookup.queryset if isinstance(lookup, Prefetch) and ends_here else None
        if not ends_here and name in attributes:
            # "printed__pages" goes on below Prefetch("book_set", to_attr="printed")
            before = attributes[name]
            key = (before.lookup, before.to_attr)
        else:
            key = (name, to_attr)
        if queryset is not None:
            if key in tree and chosen.get(key) is not queryset:
                raise ValueError(
                    f"'{path}' lookup was already seen with a different queryset. You may need to adjust the ordering "
                    "of your lookups."
                )
            chosen[key] = queryset
        below = tree.setdefault(key, [])
        if rest:
            below.append(_shortened(lookup, rest))
    for (name, to_attr), below in tree.items():
        if "__" in name:
            continue
        _prefetch_one(rows, name, to_attr, chosen.get((name, to_attr)), tuple(below), alias)


def _shortened(lookup: Any, rest: str) -> Any:
    return Prefetch(rest, lookup.queryset, lookup.to_attr) if isinstance(lookup, Prefetch) else rest


def _prefetch_one(
    rows: list[Any], name: str, to_attr: str | None, queryset: Any, below: tuple[Any, ...], alias: str | None
) -> None:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row._meta].append(row)
    for opts, group in groups.items():
        item = relation_of(opts, name, name)
        if hasattr(item, "prefetch_rows"):
            found = item.prefetch_rows(group, queryset, alias, to_attr)
        else:
            found = _Step(item, group, to_attr, queryset, alias).run()
        if below and found:
            prefetch_instances(found, below, alias)


class _Step:
    """One relation of instances of one model."""

    def __init__(self, item: Any, rows: list[Any], to_attr: str | None, queryset: Any, alias: str | None) -> None:
        self.item = item
        self.rows = rows
        self.to_attr = to_attr
        self.queryset = queryset
        self.alias = alias
        self.hops = item.hops()
        self.forward = bool(getattr(item, "concrete", False))

    def run(self) -> list[Any]:
        """Fetch and stitch; the related instances, each once."""
        if self.item.many_to_many:
            return self._many_to_many()
        return self._forward() if self.forward else self._reverse()

    def _base(self) -> Any:
        target = self.hops[-1].target
        queryset = self.queryset if self.queryset is not None else target.model._default_manager.all()
        queryset = queryset.get_queryset()
        if queryset.state.using is None and self.alias is not None:
            queryset = queryset.using(self.alias)
        return queryset

    def _matching(self, queryset: Any, lookup: str, keys: list[Any]) -> list[Any]:
        """The rows of ``queryset`` whose ``lookup`` is one of ``keys``; a slice counts per key."""
        state = queryset.state
        if not state.is_sliced:
            return queryset.filter(**{f"{lookup}__in": keys})._fetch_all()
        found = _unsliced(queryset).filter(**{f"{lookup}__in": keys})
        return _sliced_again(found, state, Names(found.state).reference(lookup))._fetch_all()

    # -- one row ---------------------------------------------------------------------------------------------------

    def _forward(self) -> list[Any]:
        field = self.item
        name = self.to_attr or field.name
        waiting = [row for row in self.rows if name not in row.__dict__ or self.queryset is not None]
        done = [row.__dict__[name] for row in self.rows if row.__dict__.get(name) is not None] if not waiting else []
        if not waiting:
            return _once(done)
        target = field.target_field
        keys = _once_hashable(getattr(row, field.attname) for row in waiting)
        found = {}
        if keys:
            for related in self._matching(self._base(), target.name, keys):
                found[getattr(related, target.attname)] = related
        back = field.remote_field.accessor_name() if field.one_to_one else None
        for row in waiting:
            related = found.get(getattr(row, field.attname))
            row.__dict__[name] = related
            if related is not None and back is not None and self.to_attr is None:
                related.__dict__[back] = row
        return list(found.values())

    # -- several rows ----------------------------------------------------------------------------------------------

    def _reverse(self) -> list[Any]:
        relation = self.item
        field = relation.field
        accessor = relation.accessor_name()
        single = relation.one_to_one
        waiting = [row for row in self.rows if not self._is_there(row, accessor, single)]
        source = field.target_field.attname
        if not waiting:
            return self._already(accessor, single)
        keys = _once_hashable(getattr(row, source) for row in waiting)
        found = self._matching(self._base(), field.name, keys) if keys else []
        by_key: dict[Any, list[Any]] = defaultdict(list)
        for related in found:
            by_key[getattr(related, field.attname)].append(related)
        for row in waiting:
            mine = by_key.get(getattr(row, source), [])
            for related in mine:
                related.__dict__.setdefault(field.name, row)
            if single:
                row.__dict__[self.to_attr or accessor] = mine[0] if mine else None
            else:
                self._store(row, accessor, list(mine))
        return found

    def _many_to_many(self) -> list[Any]:
        junction = self.item.junction
        accessor = self.item.name if getattr(self.item, "field", None) is None else self.item.accessor_name()
        waiting = [row for row in self.rows if not self._is_there(row, accessor, False)]
        if not waiting:
            return self._already(accessor, False)
        source = junction.source
        keys = _once_hashable(getattr(row, source.target_field.attname) for row in waiting)
        by_key, found = self._linked(keys)
        for row in waiting:
            self._store(row, accessor, by_key.get(getattr(row, source.target_field.attname), []))
        return found

    def _linked(self, keys: list[Any]) -> tuple[dict[Any, list[Any]], list[Any]]:
        """The related objects per key, in one query over junction and target; each row is one object (LD-13)."""
        by_key: dict[Any, list[Any]] = defaultdict(list)
        known: dict[Any, Any] = {}
        if not keys:
            return by_key, []
        base, junction = self._base(), self.item.junction
        queryset = _unsliced(base)._linked_to(junction, keys, OWNER)
        if base.state.is_sliced:
            queryset = _sliced_again(queryset, base.state, Names(queryset.state).reference(OWNER))
        alias = queryset._read_alias()
        found, pairs = pipeline.fetch_linked(queryset.state, alias, OWNER)
        for related in found:
            del related.__dict__[OWNER]
            known.setdefault(related.pk, related)
        queryset._finish(found, queryset.state, alias)
        for key, related in pairs:
            by_key[key].append(related)
        return by_key, list(known.values())

    # -- where results go ------------------------------------------------------------------------------------------

    def _is_there(self, row: Any, accessor: str, single: bool) -> bool:
        if self.queryset is not None or self.to_attr is not None:
            return False
        if single:
            return accessor in row.__dict__
        return accessor in row.__dict__.get("_prefetched", ())

    def _already(self, accessor: str, single: bool) -> list[Any]:
        if single:
            return _once([row.__dict__[accessor] for row in self.rows if row.__dict__[accessor] is not None])
        return _once([related for row in self.rows for related in row.__dict__["_prefetched"][accessor]])

    def _store(self, row: Any, accessor: str, related: list[Any]) -> None:
        data = row.__dict__
        if self.to_attr is not None:
            data[self.to_attr] = related
            return
        prefetched = data.get("_prefetched")
        if prefetched is None:
            prefetched = data["_prefetched"] = {}
        prefetched[accessor] = related


def _unsliced(queryset: Any) -> Any:
    state = queryset.state
    return queryset._with(state.evolve(low=0, high=None)) if state.is_sliced else queryset


def _sliced_again(queryset: Any, sliced: Any, partition: Any) -> Any:
    """``queryset`` with the slice of ``sliced``, taken for each value of ``partition``."""
    return queryset._with(queryset.state.evolve(low=sliced.low, high=sliced.high, partition=partition))


def _once(rows: list[Any]) -> list[Any]:
    seen: set[int] = set()
    return [row for row in rows if not (id(row) in seen or seen.add(id(row)))]  # type: ignore[func-returns-value] # ty: ignore[redundant-condition]


def _once_hashable(values: Iterable[Any]) -> list[Any]:
    return [value for value in dict.fromkeys(values) if value is not None]
