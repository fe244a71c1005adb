"""The line of the user's code from which a statement came."""

from __future__ import annotations

import sys
from types import FrameType
from typing import NamedTuple

from dorm.conf.engines import engines
from dorm.db import bridge

LIBRARIES = frozenset(
    (
        "asyncio",
        "concurrent",
        "contextlib",
        "dorm",
        "functools",
        "greenlet",
        "sqlalchemy",
        "threading",
    )
)
"""Packages that stand between a line of the user's and the statement it causes, besides drivers."""

DOORS = frozenset(("dorm.db.session", "dorm.db.through_sqlalchemy"))
"""The modules that tell of statements; what stands above them on the stack is who is told."""


class Origin(NamedTuple):
    """A place in the user's code.

    :ivar file: the path of the file.
    :ivar line: the number of the line, from 1.
    :ivar function: the name of the function.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


def origin() -> Origin | None:
    """The line outside the package and the libraries under it that runs the statement which is told of now.

    It walks the stack, so it must be asked for while the statement runs: in a hook or in a receiver. An async verb runs in a
    greenlet, whose stack goes on at the coroutine that waits for it.

    :returns: None when there is no such line, or no statement.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") not in DOORS:
        frame = frame.f_back
    if frame is None:
        return None
    return _outside(frame) or _outside(bridge.waiting_frame())


def _outside(frame: FrameType | None) -> Origin | None:
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in LIBRARIES and package not in engines.drivers:
            code = frame.f_code
            return Origin(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back
    return None
