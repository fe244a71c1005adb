"""The meaning of the columns of a SELECT, from which the hydrator is built."""

from __future__ import annotations

from typing import Any, NamedTuple


class Output(NamedTuple):
    """One column of the result.

    :ivar name: the key of a dict row, the attribute of an instance.
    :ivar field: the field that converts it, or None.
    :ivar type: the SQLAlchemy type, when there is no field.
    """

    name: str
    field: Any
    type: Any


class Block(NamedTuple):
    """The columns of one related model in a row (``select_related``).

    :ivar opts: the related model.
    :ivar attribute: the attribute of the parent that gets the instance.
    :ivar parent: the block that holds it, or None for the row itself.
    :ivar start: the first column.
    :ivar fields: the loaded fields, in column order.
    :ivar key: position of the key among them; NULL there means that there is no row.
    :ivar back: the attribute of the related instance that points back at its parent, or None.
    """

    opts: Any
    attribute: str
    parent: int | None
    start: int
    fields: tuple[Any, ...]
    key: int
    back: str | None


class Layout(NamedTuple):
    """The columns of a SELECT.

    :ivar row: the kind of row.
    :ivar outputs: the columns of the row itself.
    :ivar blocks: the related models, parents first.
    :ivar annotations: the annotations, after all blocks.
    :ivar hidden: the number of columns at the end that were selected only for sorting.
    """

    row: str
    opts: Any
    outputs: tuple[Output, ...]
    blocks: tuple[Block, ...] = ()
    annotations: tuple[Output, ...] = ()
    hidden: int = 0


class Statement(NamedTuple):
    """A statement and the layout of its columns; None for a write."""

    sql: Any
    layout: Layout | None
