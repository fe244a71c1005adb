"""The conditions and annotations that the steps of a query result in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from dorm.expressions.base import Built


class Gathered(NamedTuple):
    """The conditions and annotations of one query.

    :ivar where: the conditions on its rows.
    :ivar having: those on its groups.
    :ivar beside: the columns that conditions on groups read outside of aggregates: GROUP BY needs them.
    :ivar built: the annotations that were built, by name.
    """

    where: Sequence[Any] = ()
    having: Sequence[Any] = ()
    beside: Sequence[object] = ()
    built: Mapping[str, Built] = {}

    def matching_nothing(self) -> Gathered:
        """The same with a condition that no row meets."""
        return self._replace(where=(*self.where, sa.false()))


NOTHING = Gathered()
"""What no steps come to."""
