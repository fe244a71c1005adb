"""The columns of instances and of the related models that ``select_related`` joins."""

from __future__ import annotations

from typing import Any

from dorm.exceptions import InvalidRelationPath
from dorm.query.compile.joins import Join
from dorm.query.compile.layout import Block, Output
from dorm.query.describe.selected_relations import loaded_fields, step_of, tree_of


def columns_of(scope: Any, columns: list[Any]) -> tuple[list[Output], list[Block]]:
    """Append the columns of the instances of ``scope`` to ``columns``."""
    state = scope.state
    fields = loaded_fields(state.opts, state.only, state.defer)
    root = scope.joins.root
    outputs = [_add(root, field, columns) for field in fields]
    blocks: list[Block] = []
    _add_related(scope, tree_of(state), state.opts, root, None, "", fields, columns, blocks)
    return outputs, blocks


def _add(join: Join, field: Any, columns: list[Any]) -> Output:
    column = join.table.c[field.column]
    columns.append(column)
    return Output(field.attname, field, column.type)


def _add_related(
    scope: Any,
    tree: dict[str, Any],
    opts: Any,
    join: Join,
    parent: int | None,
    prefix: str,
    loaded: tuple[Any, ...],
    columns: list[Any],
    blocks: list[Block],
) -> None:
    for name, below in tree.items():
        item = step_of(opts, name, prefix + name)
        hops = item.hops()
        forward = item.concrete if hasattr(item, "concrete") else False
        if forward and scope.state.select_related is not True and not any(item is field for field in loaded):
            raise InvalidRelationPath(
                f"Field {opts.object_name}.{item.name} cannot be both deferred and traversed using select_related at "
                "the same time."
            )
        target = hops[-1].target
        joined = scope.joins.follow(hops, None, start=join)
        here = f"{prefix}{name}__"
        fields = loaded_fields(target, scope.state.only, scope.state.defer, here)
        start = len(columns)
        for field in fields:
            columns.append(joined.table.c[field.column])
        key = next(i for i, field in enumerate(fields) if field.primary_key)
        attribute, back = _attributes(item, forward)
        blocks.append(Block(target, attribute, parent, start, fields, key, back))
        _add_related(scope, below, target, joined, len(blocks) - 1, here, fields, columns, blocks)


def _attributes(item: Any, forward: bool) -> tuple[str, str | None]:
    if not forward:
        return item.accessor_name(), item.field.name
    back = item.remote_field.accessor_name() if item.one_to_one else None
    return item.name, back


def joined_for_columns(select: Any) -> list[Join]:
    """The joins whose columns are selected for related instances."""
    scope = select.scope
    found: list[Join] = []

    def visit(tree: dict[str, Any], opts: Any, join: Join) -> None:
        for name, below in tree.items():
            item = step_of(opts, name, name)
            here = scope.joins.follow(item.hops(), None, start=join)
            found.append(here)
            visit(below, item.hops()[-1].target, here)

    if scope.state.row == "instance" and select.use == "rows":
        visit(tree_of(scope.state), scope.opts, scope.joins.root)
    return found
