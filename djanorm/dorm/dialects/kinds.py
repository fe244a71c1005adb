"""The kinds of values for a database, independent of the class of the field."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What the values of a field are: ``Field.kind``, inherited by every class made from the field.

    Dialects, the compiler and schemas decide by it, so that a user-defined field is treated like the one it derives
    from.
    """

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    DURATION = "duration"
    UUID = "uuid"
    BINARY = "binary"
    ADDRESS = "address"
    """An address of the network."""
    ENUM = "enum"
    """A member of an enumeration, stored as text, as an integer, or as a type of the database's own."""
    JSON = "json"
    HSTORE = "hstore"
    """Texts by text keys."""
    ARRAY = "array"
    OTHER = "other"
    """Nothing that the library knows: the database decides what goes with what."""


NUMBERS = frozenset((Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT))
CLOCKS = frozenset((Kind.DATE, Kind.TIME, Kind.DATETIME))
"""What can be taken apart into years, hours and the like."""
DOCUMENTS = frozenset((Kind.JSON, Kind.HSTORE))

TIME_UNITS = ("hour", "minute", "second")
"""The units of time that are shorter than a day."""
