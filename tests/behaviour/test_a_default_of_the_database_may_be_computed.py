"""`db_default` takes any expression without columns; the database computes it for each row."""

from __future__ import annotations

import datetime

import pytest

import dorm
from dorm.functions import Lower, Now, TruncDate


class Dated(dorm.Model):
    made = dorm.DateTimeField(db_default=Now())
    day = dorm.DateField(db_default=TruncDate(Now()))
    number = dorm.IntegerField(db_default=dorm.Value(1) + 2)
    text = dorm.CharField(max_length=9, db_default=Lower(dorm.Value("A:B%")))
    plain = dorm.IntegerField(db_default=dorm.Value(7))


@pytest.mark.parametrize("use_tz", [False, True])
async def test_expressions_with_operators_can_be_defaults(database, mode, use_tz):
    dorm.configure(USE_TZ=use_tz)
    await mode.call(dorm, "create_tables", Dated)
    row = await mode.call(Dated.objects, "create")
    now = datetime.datetime.now(datetime.UTC)
    moment = row.made if use_tz else row.made.replace(tzinfo=datetime.UTC)
    assert abs(now - moment) < datetime.timedelta(minutes=5)
    assert row.day == moment.date()
    assert (row.number, row.text, row.plain) == (3, "a:b%", 7)
    assert await mode.call(Dated.objects.filter(made=row.made), "count") == 1
