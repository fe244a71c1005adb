"""``dorm.utils.caches``: what the process keeps can be forgotten, and is computed again."""

from __future__ import annotations

import pytest

import dorm
from dorm.utils import caches


class Kept(dorm.Model):
    moment = dorm.DateTimeField()
    document = dorm.JSONField(default=dict)

    class Meta:
        app_label = "test_caches_can_be_emptied"


pytestmark = pytest.mark.models([Kept])


def test_a_function_that_remembers_forgets_on_reset():
    calls = []

    @caches.remembered(None)
    def doubled(number):
        calls.append(number)
        return number * 2

    assert [doubled(2), doubled(2)] == [4, 4]
    caches.reset()
    assert doubled(2) == 4
    assert calls == [2, 2]


async def test_everything_works_again_after_a_reset(database, mode):
    before = await mode.call(Kept.objects, "create", moment="2026-01-02T03:04:05", document={"a": [1]})
    caches.reset()
    after = await mode.call(Kept.objects, "create", moment="2026-01-02T03:04:05", document={"a": [1]})
    found = await mode.call(Kept.objects.filter(document__a=[1]).order_by("pk"), "in_bulk")
    assert [*found.values()] == [before, after]
    assert {row.moment for row in found.values()} == {after.moment}
