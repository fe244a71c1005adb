"""What only asks about rows locks none, so it needs no transaction; reading rows does, where there are row locks."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author
from dorm import Count, Max, TransactionManagementError

locked = Author.objects.select_for_update()


async def test_counting_locks_nothing(shop, mode, queries):
    with queries() as log:
        assert await mode.call(locked.filter(age=36), "count") == 3
        assert await mode.call(locked.order_by("pk")[1:4], "count") == 3
        assert await mode.call(locked.filter(age=36), "exists") is True
        assert await mode.call(locked.values("age").annotate(n=Count("pk")), "exists") is True
        assert await mode.call(locked, "aggregate", m=Max("age")) == {"m": 61}
    assert not any("FOR UPDATE" in text for text in log.sql)


@pytest.mark.only("postgresql")
async def test_reading_locked_rows_needs_a_transaction(shop, mode):
    with pytest.raises(TransactionManagementError):
        await mode.fetch(locked.filter(age=36))
    async with mode.atomic():
        assert len(await mode.fetch(locked.filter(age=36))) == 3
