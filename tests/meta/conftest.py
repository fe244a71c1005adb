"""What every test about models leaves behind: nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dorm.meta.registry import registry


@pytest.fixture(autouse=True)
def forget_models() -> Iterator[None]:
    """Models made by one test are not seen by the next."""
    before = registry.snapshot()
    yield
    registry.restore(before)
