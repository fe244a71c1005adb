"""``rolled_back()``: the transaction around a test."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

from dorm.db import bridge
from dorm.db.blocks import Block
from dorm.db.transactions import atomic


class rolled_back:  # noqa: N801 - reads as a property of the block
    """``with rolled_back():``, or ``async with``, around a test: everything inside is undone at its end.

    Sync and async code inside share one connection (inline mode) and the transaction. Blocks of the application are
    savepoints in it, durable ones included; tasks take turns. ``aliases`` names the databases, ``"default"`` if none.
    """

    def __init__(self, *aliases: str) -> None:
        self.aliases = aliases or ("default",)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for alias in self.aliases:
                block: Block = stack.enter_context(atomic(alias))
                # the block is rolled back at its end, and it does not belong to the application
                block.undo, block.inline = True, False
            stack.enter_context(bridge.inline())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        self._stack.__exit__(type(failure) if failure is not None else None, failure, None)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        self.__exit__(kind, failure, trace)
