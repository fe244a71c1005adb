"""The arguments of ``prefetch_related()``: names of relations, and ``Prefetch`` objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dorm.exceptions import FieldDoesNotExist
from dorm.utils.bounds import check_path
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.meta.options import Options


class Prefetch:
    """One relation to prefetch, with its own queryset (as in Django 5.2).

    :param lookup: the relation, nested ones joined by ``__``.
    :param queryset: what to fetch: its filters, order, ``select_related``, further prefetches and slices count.
    :param to_attr: store a plain list (or object) under this attribute instead of serving the accessor.
    :raises ValueError: for a queryset whose rows are not instances, for a set operation, and for raw SQL.
    """

    def __init__(self, lookup: Any, queryset: Any = None, to_attr: str | None = None) -> None:
        self.lookup: str = getattr(lookup, "lookup_path", lookup)
        self.queryset = queryset
        self.to_attr = to_attr
        if queryset is not None:
            state = queryset.get_queryset().state if hasattr(queryset, "get_queryset") else None
            if state is None or state.row != "instance" or state.combined is not None:
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

    :raises FieldDoesNotExist: for a name that is not a relation.
    """
    item = opts.names.get(name)
    if item is None:
        item = next((r for r in opts.related_objects if r.accessor_name() == name), None)
    if item is None:
        item = next((f for f in getattr(opts, "private_fields", ()) if f.name == name), None)
    if item is None or not (_leads_on(item, name) or hasattr(item, "prefetch_rows")):
        choices = sorted(n for n, i in opts.names.items() if _leads_on(i, n))
        raise FieldDoesNotExist(
            f"Cannot find '{name}' on {opts.object_name} object, '{lookup}' is an invalid parameter to "
            f"prefetch_related(). {hint(name, choices)}"
        )
    return item


def _leads_on(item: Any, name: str) -> bool:
    """Whether the name is that of a relation rather than of its column."""
    return item.is_relation and (name == item.name or name != getattr(item, "attname", None))


def check_lookups(opts: Options, lookups: Iterable[Any]) -> None:
    """Refuse, when the chain is built, lookups that cannot be prefetched.

    :param lookups: all lookups of the query: one may continue below the ``to_attr`` of an earlier one.
    :raises FieldDoesNotExist: for a name that is not a relation.
    :raises ValueError: for a ``to_attr`` that would hide a field, and for a queryset of another model.
    """
    named: dict[str, Options | None] = {}
    for lookup in as_objects(lookups):
        path = lookup.lookup
        if not isinstance(path, str):
            raise TypeError(f"prefetch_related() takes names of relations and Prefetch objects, not {path!r}.")
        check_path(path)
        before, _, _ = path.rpartition("__")
        owner = here = opts
        target: Options | None = None
        walked = ""
        for name in path.split("__"):
            walked = f"{walked}__{name}" if walked else name
            owner = here
            target = named[walked] if walked in named else _target(relation_of(here, name, path))
            if target is None:
                break
            here = target
        if lookup.to_attr is not None:
            _check_attribute(owner, lookup.to_attr)
            named[f"{before}__{lookup.to_attr}" if before else lookup.to_attr] = target
        if lookup.queryset is not None and target is not None:
            _check_model(path, target, lookup.queryset.get_queryset().state.opts)


def _check_attribute(opts: Options, name: str) -> None:
    if name in opts.names:
        raise ValueError(f"to_attr={name} conflicts with a field on the {opts.object_name} model.")


def _check_model(path: str, target: Options, given: Options) -> None:
    if given.concrete_model is not target.concrete_model:
        raise ValueError(
            f"'{path}' leads to {target.object_name}, and the queryset of its Prefetch to {given.object_name}: give it a "
            f"queryset of {target.object_name}."
        )


def _target(item: object) -> Options | None:
    hops: Any = getattr(item, "hops", None)
    return hops()[-1].target if hops is not None else None


def as_objects(lookups: Iterable[object]) -> list[Prefetch]:
    return [lookup if isinstance(lookup, Prefetch) else Prefetch(lookup) for lookup in lookups]
