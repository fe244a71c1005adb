"""Columns and indexes as the rest of the library describes them to a dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dorm.dialects.elements import Element, SqlType
from dorm.dialects.kinds import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A column, as far as databases differ in the type that they give it."""

    kind: Kind
    plain: SqlType
    """The type where a dialect names no other; its DDL raises where there is none."""
    caseless: bool = False
    """Whether texts are equal that differ in case only."""
    values: tuple[str, ...] = ()
    """Those of an enumeration, in their order."""
    type_name: str = ""
    """The name of the enumeration's own type."""
    item: SqlType | None = None
    """The type of the elements of an array."""
    dimensions: int = 1
    """How deep arrays lie in one another."""


@dataclass(frozen=True, slots=True)
class IndexParts:
    """What an index has besides its columns and expressions, which only some databases know."""

    unique: bool = False
    condition: Element | None = None
    """Which rows it holds."""
    include: tuple[str, ...] = ()
    """Names of columns that lie in it besides."""
    operator_classes: Mapping[str, str] | None = None
    """Name of a column -> its operator class."""
    method: str | None = None
    """Such as ``"gin"``."""
    nulls_distinct: bool | None = None
    """False: two NULLs are equal."""
