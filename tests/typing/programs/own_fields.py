"""The recipe for a field of the user's own that supports ``null=True``."""

from __future__ import annotations

from typing import Any, Literal, TypeVar, overload

from typing_extensions import Unpack, assert_type

import dorm
from dorm.fields import FieldOptions

S = TypeVar("S")


class UpperField(dorm.Field[S]):
    @overload
    def __init__(self: UpperField[str], *, null: Literal[False] = False, **options: Unpack[FieldOptions[str]]) -> None: ...
    @overload
    def __init__(self: UpperField[str | None], *, null: Literal[True], **options: Unpack[FieldOptions[str | None]]) -> None: ...
    def __init__(self, *, null: bool = False, **options: Any) -> None:
        super().__init__(null=null, **options)


class Ship(dorm.Model):
    call_sign = UpperField()
    old_sign = UpperField(null=True)


def reads(ship: Ship) -> None:
    assert_type(ship.call_sign, str)
    assert_type(ship.old_sign, str | None)
    ship.call_sign = 3  # error
    ship.old_sign.lower()  # error
