"""Which query a statement is, whatever its values: a digest that is the same in every process.

Statistics, budgets, allow-lists and the search for repeated queries count by it. It is computed when somebody asks.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Protocol

from dorm.db.normalised import normalised

LENGTH = 8
"""Bytes of a digest; as text it has twice as many characters."""


class Source(Protocol):
    """What a statement was made from, as far as its identity goes."""

    def identity(self, sql: str) -> str:
        """The digest of the query.

        :param sql: the text of the statement, for a query whose structure cannot be written down.
        """
        ...

    def describe(self, sql: str) -> str:
        """Model, verb and structure of the query in words, without values."""
        ...


class FromText:
    """Hand-written SQL and transaction control: the text itself, normalised."""

    __slots__ = ()

    def identity(self, sql: str) -> str:
        """The digest of the normalised text."""
        return digest(normalised(sql))

    def describe(self, sql: str) -> str:
        """The normalised text."""
        return f"SQL {normalised(sql)}"


FROM_TEXT = FromText()


def digest(text: str) -> str:
    """A short name for ``text``: 16 hexadecimal digits, the same everywhere."""
    return blake2b(text.encode(), digest_size=LENGTH).hexdigest()
