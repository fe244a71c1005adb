"""Tables of cases: a queryset, made anew for each run, and the rows it must give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

Case = tuple[Callable[[], Any], Any]


async def rows_are(mode: Any, cases: Iterable[Case]) -> None:
    """Each queryset gives exactly these rows, in this order."""
    for build, expected in cases:
        found = await mode.fetch(build())
        assert found == expected, f"the case of line {build.__code__.co_firstlineno}"


async def keys_are(mode: Any, cases: Iterable[Case]) -> None:
    """Each queryset gives the objects of these keys, whatever their order, and each as often as it stands here."""
    for build, expected in cases:
        found = [row.pk for row in await mode.fetch(build())]
        assert sorted(found) == expected, f"the case of line {build.__code__.co_firstlineno}"


def refused_without_sql(queries: Any, error: Any, attempts: Iterable[Callable[[], Any]], match: str = "") -> None:
    """Each call raises ``error`` with a message that matches, and nothing reaches the database."""
    for attempt in attempts:
        line = f"the case of line {attempt.__code__.co_firstlineno}"
        with queries() as log:
            try:
                attempt()
            except error as raised:
                assert match in str(raised), f"{line}: {raised}"
            else:
                pytest.fail(f"{line} was accepted")
        assert log.count == 0, line
