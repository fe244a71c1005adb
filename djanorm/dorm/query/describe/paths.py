"""From ``"author__press__name"`` to the joins and the field it names.

A resolved path is immutable, belongs to one model, and is cached there: names are looked up once per model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dorm.exceptions import FieldDoesNotExist
from dorm.utils.bounds import check_path
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.expressions.contract import FieldLike
    from dorm.fields.base import Field
    from dorm.fields.relations import Hop, Relation
    from dorm.meta.options import Options


class Path:
    """A column reached from a model.

    :ivar opts: the model it starts at.
    :ivar name: the names as the user wrote them, transforms left out.
    :ivar hops: the joins to make; a step that only compares a key is already left out.
    :ivar field: the field whose column is meant.
    :ivar relation: the relation at the end when the path ends on one, else None.
    :ivar last_relation: index of the first hop that belongs to ``relation``.
    :ivar key: hashable identity within the model: a path found before models changed is not the one found since.
    """

    __slots__ = ("field", "hops", "key", "last_relation", "multiple", "name", "opts", "relation")

    def __init__(self, opts: Any, name: str, hops: tuple[Any, ...], field: FieldLike, relation: Any, last: int) -> None:
        self.opts = opts
        self.name = name
        self.hops = hops
        self.field = field
        self.relation = relation
        self.last_relation = last
        self.multiple = any(hop.multiple for hop in hops)
        self.key = ("column", name, opts.registry.version)

    def __reduce__(self) -> tuple[object, ...]:
        # made anew by whoever unpickles it: version numbers mean nothing in other processes
        return (Path, (self.opts, self.name, self.hops, self.field, self.relation, self.last_relation))

    def __repr__(self) -> str:
        return f"<Path {self.opts.label}.{self.name}>"


def walk(opts: Any, name: str) -> tuple[Path, tuple[str, ...]]:
    """The path that ``name`` starts with, and the parts after it (transforms and a lookup).

    :raises FieldDoesNotExist: when the first part, or a part after a relation, names nothing there.
    """
    found: tuple[Path, tuple[str, ...]] = opts.derived(("walk", name), _walk, opts, name)
    return found


def _walk(opts: Any, name: str) -> tuple[Path, tuple[str, ...]]:
    check_path(name)
    parts = name.split("__")
    hops: list[Any] = []
    here = opts
    field: Any = None
    relation: Any = None
    last = 0
    used = 0
    for position, part in enumerate(parts):
        if position and relation is None:
            break
        item = here.pk if part == "pk" else here.names.get(part)
        if item is None:
            if position == 0 or not _may_be_lookup(relation, field, part):
                raise _unknown(opts, here, name, part)
            break
        used = position + 1
        if item.is_relation and not (part == getattr(item, "attname", None) and part != item.name):
            relation = item
            last = len(hops)
            steps = item.hops()
            hops.extend(steps)
            here = steps[-1].target
            field = steps[-1].target_field if _forward(steps[-1]) else here.pk
        else:
            relation = None
            field = item
    ended_on = relation
    while hops and _forward(hops[-1]) and field is hops[-1].target_field:
        field = hops.pop().source_field
    path = Path(opts, "__".join(parts[:used]), tuple(hops), field, ended_on, min(last, len(hops)))
    return path, tuple(parts[used:])


def _forward(hop: Hop) -> bool:
    return hop.source_field.remote_field is not None and hop.target_field is not None and not hop.multiple


def _may_be_lookup(relation: Relation | None, field: Field, part: str) -> bool:
    return field is not None and (field.get_lookup(part) is not None or transform_of(field, relation, part) is not None)


def transform_of(field: Any, relation: Any, name: str) -> Any:
    """The transform of a field, or of the relation at the end of the path; None when there is none."""
    found = field.get_transform(name)
    if found is None and relation is not None:
        found = getattr(relation, "field", relation).get_transform(name)
    return found


def _unknown(opts: Options, here: Options, name: str, part: str) -> FieldDoesNotExist:
    valid = sorted({*here.names, "pk"})
    where = "" if name == part else f" (in '{name}')"
    return FieldDoesNotExist(f"{here.object_name} has no field named '{part}'{where}. {hint(part, valid)}")


def column_path(opts: Options, name: str) -> Path:
    """The path named by ``name``, which must not have further parts.

    :raises FieldDoesNotExist: for an unknown name, or one that goes on after a plain field.
    """
    path, rest = walk(opts, name)
    if rest:
        raise FieldDoesNotExist(
            f"'{path.name}' of {opts.object_name} is no relation, so '{name}' leads nowhere: '{rest[0]}' is unknown."
        )
    return path
