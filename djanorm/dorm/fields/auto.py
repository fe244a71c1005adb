"""Automatic keys: the database generates one when the row is inserted without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic

import sqlalchemy as sa
from typing_extensions import TypeVar, Unpack

from dorm.fields.columns import integer_column
from dorm.fields.numbers import IntegerField
from dorm.fields.options import FieldOptions

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType
    from dorm.fields.instances import Instance

I = TypeVar("I", default=int)  # noqa: E741


class AutoField(IntegerField[I], Generic[I]):
    """An automatic four-byte key; in a model it must be the primary key."""

    own_options: ClassVar[Mapping[str, object]] = {"editable": True, "blank": True}
    filled_by_database = True

    if TYPE_CHECKING:

        def __init__(
            self: AutoField[int], verbose_name: str | None = None, **options: Unpack[FieldOptions[int]]
        ) -> None: ...

    else:

        def __init__(self, verbose_name=None, **options):
            options["blank"] = True
            super().__init__(verbose_name, **options)

    def validate(self, value: Any, instance: Instance | None = None) -> None:
        """Accepts everything: the database generates the value."""

    def column_type(self) -> SqlType:
        return sa.Integer()


class BigAutoField(AutoField[I], Generic[I]):
    """An automatic eight-byte key; ``INTEGER`` on SQLite, where only that makes an automatic row number."""

    bounds = (-(2**63), 2**63 - 1)

    def column_type(self) -> SqlType:
        return integer_column(sa.BigInteger())


class SmallAutoField(AutoField[I], Generic[I]):
    """An automatic two-byte key; ``INTEGER`` on SQLite."""

    bounds = (-(2**15), 2**15 - 1)

    def column_type(self) -> SqlType:
        return integer_column(sa.SmallInteger())
