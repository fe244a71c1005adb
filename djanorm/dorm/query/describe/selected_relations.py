"""Which fields of a model are loaded, and which related models ``select_related`` names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dorm.exceptions import FieldDoesNotExist, InvalidRelationPath
from dorm.utils.bounds import check_path
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.meta.options import Options
    from dorm.query.describe.state import QueryState


def loaded_fields(
    opts: Options, only: frozenset[str] | None, defer: frozenset[str], prefix: str = ""
) -> tuple[Any, ...]:
    """The loaded fields of the model at ``prefix`` (``"author__"``)."""
    if not only and not defer:
        return opts.concrete_fields
    size = len(prefix)
    wanted: set[str] | None = None
    if only:
        wanted = {name[size:].split("__")[0] for name in only if name.startswith(prefix)}
        if prefix and not wanted:
            wanted = None
    left_out = {name[size:] for name in defer if name.startswith(prefix)}
    return tuple(
        field
        for field in opts.concrete_fields
        if field.primary_key
        or (
            (
                wanted is None
                or field.name in wanted
                or field.attname in wanted
                or (field.primary_key and "pk" in wanted)
            )
            and field.name not in left_out
            and field.attname not in left_out
        )
    )


def tree_of(state: Any) -> dict[str, Any]:
    """The paths of ``select_related`` as nested names."""
    tree: dict[str, Any] = {}
    if state.select_related is True:
        return _all_required(state.opts, MAX_DEPTH)
    for path in state.select_related or ():
        here = tree
        for name in path.split("__"):
            here = here.setdefault(name, {})
    return tree


def paths_of(state: QueryState) -> tuple[str, ...]:
    """The paths of ``select_related``, each relation with its own."""

    def visit(tree: dict[str, Any], prefix: str) -> Iterator[str]:
        for name, below in tree.items():
            yield prefix + name
            yield from visit(below, f"{prefix}{name}__")

    return tuple(visit(tree_of(state), ""))


MAX_DEPTH = 5


def _all_required(opts: Options, depth: int) -> dict[str, Any]:
    """Every foreign key that cannot be NULL, and those of the models it leads to, as in Django."""
    if not depth:
        return {}
    return {
        field.name: _all_required(field.hops()[-1].target, depth - 1)
        for field in opts.concrete_fields
        if field.is_relation and field.remote_field is not None and not field.null
    }


def step_of(opts: Any, name: str, path: str) -> Any:
    """The relation named by one part of a ``select_related`` path.

    :raises FieldDoesNotExist: for an unknown name or a plain field.
    :raises ValueError: for a relation of several rows.
    """
    check_path(path)
    item = opts.names.get(name)
    choices = sorted(n for n, i in opts.names.items() if i.is_relation and not any(h.multiple for h in i.hops()))
    if item is None or not item.is_relation or (name != item.name and name == getattr(item, "attname", None)):
        what = "is no relation" if item is not None else "does not exist"
        raise FieldDoesNotExist(
            f"select_related('{path}'): the field '{name}' of {opts.object_name} {what}. {hint(name, choices)}"
        )
    if any(hop.multiple for hop in item.hops()):
        raise InvalidRelationPath(
            f"select_related('{path}'): '{name}' of {opts.object_name} leads to several rows; use "
            f"prefetch_related('{path}')."
        )
    return item
