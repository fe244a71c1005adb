"""The one write event: every path that writes rows ends in ``writes``, and ``writes`` tells the listeners here.

Caches, history and outboxes listen; with no listener nothing is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class WriteEvent(NamedTuple):
    """Rows of a model are being written.

    :ivar options: the model's options.
    :ivar kind: ``"insert"``, ``"update"`` or ``"delete"``.
    :ivar alias: the database.
    :ivar keys: the keys of the rows when they are known, else None.
    :ivar condition: the query state that chooses the rows when keys are not known, else None.
    :ivar fields: the names of the written fields.
    :ivar phase: ``"before"`` or ``"after"`` the statement.
    """

    options: Any
    kind: str
    alias: str
    keys: tuple[Any, ...] | None
    condition: Any
    fields: tuple[str, ...]
    phase: str


listeners: list[Callable[[WriteEvent], None]] = []


def emit(event: WriteEvent) -> None:
    """Tell every listener; what one raises stops the write."""
    for listener in tuple(listeners):
        listener(event)
