"""The columns of instances and of the related models that ``select_related`` joins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dorm.exceptions import InvalidRelationPath
from dorm.fields.base import Field
from dorm.query.compile.joins import Join
from dorm.query.compile.layout import Block, Output
from dorm.query.compile.scope import Scope
from dorm.query.describe.selected_relations import loaded_fields, step_of, tree_of

if TYPE_CHECKING:
    from dorm.query.compile.scope import Scope


class InstanceColumns(NamedTuple):
    """The columns of instances and of related ones.

    :ivar outputs: those of the instances themselves.
    :ivar blocks: where those of each related model are, parents first.
    :ivar joins: the joins that lead to them.
    """

    columns: list[Any]
    outputs: tuple[Output, ...]
    blocks: tuple[Block, ...]
    joins: list[Join]


def columns_of(scope: Scope) -> InstanceColumns:
    """The columns of the instances of ``scope``."""
    state, root = scope.state, scope.joins.root
    fields = loaded_fields(state.opts, state.only, state.defer)
    columns = [root.table.c[field.column] for field in fields]
    outputs = [Output(field.attname, field, column.type) for field, column in zip(fields, columns, strict=True)]
    related = _Related(scope, columns)
    related.add(tree_of(state), _Place(state.opts, root, None, "", fields))
    return InstanceColumns(columns, tuple(outputs), tuple(related.blocks), related.joins)


class _Place(NamedTuple):
    """A model in the tree of related models.

    :ivar block: the number of its block; None for the rows themselves.
    :ivar prefix: the path that leads to it, with its separator.
    :ivar loaded: its fields that are selected.
    """

    opts: Any
    join: Join
    block: int | None
    prefix: str
    loaded: tuple[Field, ...]


class _Related:
    """Adds the columns of related models to ``columns``."""

    def __init__(self, scope: Scope, columns: list[Any]) -> None:
        self.scope = scope
        self.columns = columns
        self.blocks: list[Block] = []
        self.joins: list[Join] = []

    def add(self, tree: dict[str, Any], place: _Place) -> None:
        """The models of ``tree``, which start at ``place``."""
        state = self.scope.state
        for name, below in tree.items():
            item = step_of(place.opts, name, place.prefix + name)
            forward = item.concrete if hasattr(item, "concrete") else False
            if forward and state.select_related is not True and not any(item is field for field in place.loaded):
                raise InvalidRelationPath(
                    f"Field {place.opts.object_name}.{item.name} cannot be both deferred and traversed using "
                    "select_related at the same time."
                )
            hops = item.hops()
            join = self.scope.joins.follow(hops, None, start=place.join)
            prefix = f"{place.prefix}{name}__"
            fields = loaded_fields(hops[-1].target, state.only, state.defer, prefix)
            self._add_block(item, forward, place.block, join, fields)
            self.add(below, _Place(hops[-1].target, join, len(self.blocks) - 1, prefix, fields))

    def _add_block(self, item: Any, forward: bool, parent: int | None, join: Join, fields: tuple[Any, ...]) -> None:
        start = len(self.columns)
        self.columns += [join.table.c[field.column] for field in fields]
        key = next(i for i, field in enumerate(fields) if field.primary_key)
        attribute, back = _attributes(item, forward)
        self.blocks.append(Block(join.hop.target, attribute, parent, start, fields, key, back))
        self.joins.append(join)


def _attributes(item: Any, forward: bool) -> tuple[str, str | None]:
    if not forward:
        return item.accessor_name(), item.field.name
    back = item.remote_field.accessor_name() if item.one_to_one else None
    return item.name, back
