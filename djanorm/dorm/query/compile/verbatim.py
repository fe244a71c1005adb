"""``Verbatim``: user-written SQL as an element."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles


class Verbatim(sa.ColumnElement[Any]):
    """Text with elements in between, in parentheses.

    The text has no parameters: colons and percent signs stand for themselves.

    :param pieces: texts and elements, in order.
    """

    inherit_cache = False

    def __init__(self, pieces: list[Any], type_: Any) -> None:
        self.pieces = tuple(pieces)
        self.type = type_


@compiles(Verbatim)
def _text_of(element: Verbatim, compiler: Any, **options: object) -> str:
    parts = [
        compiler.post_process_text(piece) if isinstance(piece, str) else compiler.process(piece, **options)
        for piece in element.pieces
    ]
    return f"({''.join(parts)})"
