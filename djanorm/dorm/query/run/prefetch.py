"""Prefetching: one further query per relation, its rows stitched to the instances they belong to.

Results go where the accessors look first: a forward or reverse one-to-one object under its name in the instance's
``__dict__``, a list of related objects under the accessor's name in ``__dict__["_prefetched"]``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dorm.db import bridge
from dorm.expressions.base import Uncacheable
from dorm.query.describe.base import QueryRoot, with_state
from dorm.query.describe.linked import linked_to
from dorm.query.describe.names import Names
from dorm.query.describe.prefetch_lookups import Prefetch, as_objects, check_lookups, relation_of
from dorm.query.run import pipeline
from dorm.query.run.aliases import read_alias, rows_of
from dorm.query.run.hydrate import ParentKey

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance

OWNER = "_prefetch_owner"


class Chosen(list[Any]):
    """The rows of one owner from a user-supplied queryset.

    :ivar ordered: whether they came in an order.
    """

    ordered = False


class ChosenInOrder(Chosen):
    """Rows in the order of the user-supplied queryset."""

    ordered = True


def prefetch_related_objects(instances: Iterable[Instance], *lookups: object) -> None:
    """Prefetch relations of instances that are already loaded (as in Django 5.2).

    :param instances: saved instances of one model.
    :param lookups: names or :class:`Prefetch` objects.
    """
    rows = list(instances)
    if not rows:
        return
    named = tuple(getattr(lookup, "lookup_path", lookup) for lookup in lookups)
    check_lookups(rows[0]._meta, named)
    prefetch_instances(rows, named, rows[0]._state.db)


async def aprefetch_related_objects(instances: Iterable[Instance], *lookups: object) -> None:
    return await bridge.run_async(prefetch_related_objects, instances, *lookups)


def prefetch_instances(rows: list[Any], lookups: tuple[Any, ...], alias: str | None) -> None:
    """Run the prefetches of one level and of the levels below."""
    steps: dict[tuple[str, str | None], list[object]] = {}
    chosen: dict[tuple[str, str | None], Any] = {}
    every = as_objects(lookups)
    attributes = {lookup.to_attr: lookup for lookup in every if lookup.to_attr and "__" not in lookup.lookup}
    for lookup in every:
        name, _, rest = lookup.lookup.partition("__")
        if rest:
            # "printed__pages" continues below Prefetch("book_set", to_attr="printed")
            before = attributes.get(name)
            key = (name, None) if before is None else (before.lookup, before.to_attr)
            steps.setdefault(key, []).append(Prefetch(rest, lookup.queryset, lookup.to_attr))
            continue
        key = (name, lookup.to_attr)
        if lookup.queryset is not None:
            if key in steps and chosen.get(key) is not lookup.queryset:
                raise ValueError(
                    f"'{name}' lookup was already seen with a different queryset. You may need to adjust the ordering "
                    "of your lookups."
                )
            chosen[key] = lookup.queryset
        steps.setdefault(key, [])
    for key, below in steps.items():
        _prefetch_one(rows, *key, chosen.get(key), tuple(below), alias)


def _prefetch_one(
    rows: list[object], name: str, to_attr: str | None, queryset: Any, below: tuple[Any, ...], alias: str | None
) -> None:
    models: Iterable[Any] = dict.fromkeys(map(type, rows))
    for model in models:
        group = [row for row in rows if type(row) is model]
        item = relation_of(model._meta, name, name)
        if hasattr(item, "prefetch_rows"):
            found = item.prefetch_rows(group, queryset, alias, to_attr)
        else:
            found = _Step(item, group, to_attr, queryset, alias).run()
        if below and found:
            prefetch_instances(found, below, found[0]._state.db)


class _Owners(dict[Any, Any]):
    """Maps a parent's key to the callable that receives its rows; rows that match no key in Python are discarded."""

    def __init__(self, takers: Any, stranger: Any) -> None:
        super().__init__(takers)
        self.stranger = stranger

    def __missing__(self, key: object) -> object:
        return self.stranger


class _Step:
    """One relation of instances of one model.

    :ivar place: the name under which the accessor, or ``to_attr``, finds the result.
    :ivar single: whether that is one object, or None.
    """

    def __init__(self, item: Any, rows: list[Any], to_attr: str | None, queryset: Any, alias: str | None) -> None:
        self.item = item
        self.rows = rows
        self.to_attr = to_attr
        self.queryset = queryset
        self.alias = alias
        self.forward = getattr(item, "field", None) is None
        self.single = not (item.many_to_many or item.one_to_many)
        self.place: str = to_attr or (item.name if self.forward else item.accessor_name())
        self.kind: type[list[Any]] = list
        if queryset is not None and to_attr is None:
            self.kind = ChosenInOrder if queryset.get_queryset().ordered else Chosen

    def run(self) -> list[Any]:
        """Fetch missing rows and attach them. Returns the related instances of all rows, each once."""
        waiting = self._waiting()
        found = self._fetch(waiting) if waiting else []
        if len(waiting) == len(self.rows):
            return found
        return _once([*found, *(related for row in self.rows for related in self._stored(row))])

    def _fetch(self, rows: list[object]) -> list[Any]:
        if self.item.many_to_many:
            return self._many_to_many(rows)
        return self._forward(rows) if self.forward else self._reverse(rows)

    def _base(self) -> Any:
        target = self.item.hops()[-1].target
        queryset = self.queryset if self.queryset is not None else target.model._default_manager.all()
        queryset = queryset.get_queryset()
        if queryset.state.using is None and self.alias is not None:
            queryset = queryset.using(self.alias)
        return queryset

    def _matching(self, field: Field, keys: list[object]) -> Any:
        """The rows whose ``field`` is one of ``keys``, with that field loaded, by which they are attached."""
        base = self._base()
        queryset = _unsliced(base).filter(**{f"{field.name}__in": keys})
        state = queryset.state
        if state.only or state.defer:
            only = state.only and state.only | {field.name}
            queryset = with_state(queryset, state.evolve(only=only, defer=state.defer - {field.name, field.attname}))
        return _sliced_as(base, queryset, field.name)

    # -- one row ---------------------------------------------------------------------------------------------------

    def _forward(self, rows: list[Any]) -> list[object]:
        field = self.item
        target = field.target_field
        keys = [getattr(row, field.attname) for row in rows]
        different = _different(keys)
        related = rows_of(self._matching(target, different)) if different else []
        found = {getattr(one, target.attname): one for one in related}
        back = field.remote_field.accessor_name() if field.one_to_one and self.to_attr is None else None
        for row, key in zip(rows, keys, strict=True):
            one = row.__dict__[self.place] = found.get(key)
            if back is not None and one is not None:
                one.__dict__[back] = row
        return list(found.values())

    # -- several rows ----------------------------------------------------------------------------------------------

    def _reverse(self, rows: list[Any]) -> list[Any]:
        field = self.item.field
        keys = [getattr(row, field.target_field.attname) for row in rows]
        lists = {key: self.kind() for key in _different(keys)}
        found: list[Any] = []
        if lists:
            owners = {key: (row, lists[key].append) for row, key in zip(rows, keys, strict=True) if key is not None}
            queryset = self._matching(field, list(lists))
            found = _fetch_owned(queryset, ParentKey(field.attname, field.name), _Owners(owners, (None, _ignore)))
        self._store(rows, keys, lists)
        return found

    def _many_to_many(self, rows: list[Any]) -> list[object]:
        """One query over junction and target; each row is one object."""
        junction = self.item.junction
        source = junction.source.target_field.attname
        keys = [getattr(row, source) for row in rows]
        lists = {key: self.kind() for key in _different(keys)}
        found: list[Any] = []
        if lists:
            owners = {key: mine.append for key, mine in lists.items()}
            base = self._base()
            linked = linked_to(_unsliced(base), junction, list(lists), OWNER, _steps_of_manager(base))
            queryset = _sliced_as(base, linked, OWNER)
            found = _fetch_owned(queryset, ParentKey(OWNER), _Owners(owners, _ignore))
        self._store(rows, keys, lists)
        return found

    # -- storing results -------------------------------------------------------------------------------------------

    def _waiting(self) -> list[object]:
        """Instances not yet prefetched; a lookup with its own queryset or `to_attr` is always fetched again."""
        place = self.place
        if self.queryset is not None or self.to_attr is not None:
            return self.rows
        if self.single:
            return [row for row in self.rows if place not in row.__dict__]
        return [row for row in self.rows if place not in row.__dict__.get("_prefetched", ())]

    def _stored(self, row: object) -> list[object]:
        data = row.__dict__
        if self.single:
            one = data[self.place]
            return [] if one is None else [one]
        return data["_prefetched"][self.place]

    def _store(self, rows: list[Instance], keys: list[object], lists: dict[object, list[object]]) -> None:
        place, to_attr, single = self.place, self.to_attr, self.single
        # several instances of one row get separate lists
        shared = len(lists) < len(rows)
        for row, key in zip(rows, keys, strict=True):
            mine = self.kind(lists.get(key, ())) if shared else lists[key]
            data = row.__dict__
            if single:
                data[place] = mine[0] if mine else None
            elif to_attr is not None:
                data[place] = mine
            elif "_prefetched" in data:
                data["_prefetched"][place] = mine
            else:
                data["_prefetched"] = {place: mine}


def _fetch_owned(queryset: Any, parent_key: ParentKey, owners: _Owners) -> list[object]:
    """The instances of ``queryset``, with their annotations and prefetches, each handed to its owner."""
    alias = read_alias(queryset)
    found = pipeline.fetch_owned(queryset.state, alias, parent_key, owners)
    if found:
        queryset._finish(found, queryset.state, alias)
    return found


def _unsliced(queryset: Any) -> Any:
    state = queryset.state
    return with_state(queryset, state.evolve(low=0, high=None)) if state.is_sliced else queryset


def _sliced_as(sliced: Any, queryset: QueryRoot, name: str) -> object:
    """``queryset`` with the slice of ``sliced``, if any, taken separately for each value of ``name``."""
    if not sliced.state.is_sliced:
        return queryset
    state = queryset.state
    low, high = sliced.state.low, sliced.state.high
    return with_state(queryset, state.evolve(low=low, high=high, partition=Names(state).reference(name)))


def _steps_of_manager(queryset: QueryRoot) -> int:
    """The number of leading steps of a queryset that come from its model's default manager.

    The link to the owners comes after them, where a related manager puts it.
    """
    own = queryset.model._default_manager.get_queryset().state.steps
    return len(own) if own and _same_steps(own, queryset.state.steps[: len(own)]) else 0


def _same_steps(own: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    values: list[Any] = []
    other_values: list[Any] = []
    try:
        same = [step.cache_key(values) for step in own] == [step.cache_key(other_values) for step in others]
    except Uncacheable:
        return False
    return same and values == other_values


def _ignore(row: object) -> None:
    pass


def _once(rows: list[object]) -> list[object]:
    return list({id(row): row for row in rows}.values())


def _different(keys: Iterable[object]) -> list[object]:
    return [key for key in dict.fromkeys(keys) if key is not None]
