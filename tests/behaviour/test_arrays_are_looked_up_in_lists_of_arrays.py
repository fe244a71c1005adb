"""`in` with an ArrayField: arrays of any lengths, compared as wholes; subclasses of the field are arrays too."""

from __future__ import annotations

import datetime

import pytest

import dorm


class Days(dorm.ArrayField):
    """An array by another name."""

    def __init__(self, **options):
        super().__init__(dorm.DateField(), **options)


class Ragged(dorm.Model):
    numbers = dorm.ArrayField(dorm.IntegerField(), null=True)
    grid = dorm.ArrayField(dorm.ArrayField(dorm.CharField(max_length=5)), null=True)
    days = Days(null=True)


pytestmark = [pytest.mark.models([Ragged]), pytest.mark.only("postgresql")]
DAY = datetime.date(2024, 2, 29)


async def test_an_array_is_one_of_several(database, mode):
    rows = [
        Ragged(numbers=[1, 2], grid=[["a", "b"], ["c", "d"]], days=[DAY]),
        Ragged(numbers=[5], grid=[["a"]], days=[DAY, DAY]),
        Ragged(numbers=[], grid=[], days=[]),
        Ragged(),
    ]
    await mode.call(Ragged.objects, "bulk_create", rows)
    for queryset, expected in [
        (Ragged.objects.filter(numbers__in=[[1, 2], [5]]), rows[:2]),
        (Ragged.objects.filter(numbers__in=[(5,)]), rows[1:2]),
        (Ragged.objects.filter(numbers__in=[[1, 2], [5, 6]]), rows[:1]),
        (Ragged.objects.filter(numbers__in=[[], None]), rows[2:3]),
        (Ragged.objects.filter(numbers__in=[[2, 1]]), []),
        (Ragged.objects.filter(numbers__in=[]), []),
        (Ragged.objects.exclude(numbers__in=[[1, 2], [5]]), rows[2:]),
        (Ragged.objects.filter(grid__in=[[["a"]], [["a", "b"], ["c", "d"]], []]), rows[:3]),
        (Ragged.objects.filter(days__in=[[DAY, DAY], [DAY]]), rows[:2]),
        (Ragged.objects.filter(days__in=[[str(DAY)]]), rows[:1]),
        (Ragged.objects.filter(numbers__in=Ragged.objects.filter(numbers__len=1).values("numbers")), rows[1:2]),
    ]:
        assert await mode.fetch(queryset.order_by("pk")) == expected
