"""Parts of dates are transforms that any comparison may follow; Trunc cuts to the start of a period."""

from __future__ import annotations

import datetime as dt

from behaviour.bookshop import Author, Book, Sale
from behaviour.cases import keys_are, refused_without_sql, rows_are
from dorm import F, FieldError
from dorm.functions import (
    TruncDate,
    TruncDay,
    TruncHour,
    TruncMonth,
    TruncQuarter,
    TruncSecond,
    TruncTime,
    TruncWeek,
    TruncYear,
)

CONDITIONS = [
    (lambda: Author.objects.filter(joined__year=2021), [2, 8]),
    (lambda: Author.objects.filter(joined__year="2020"), [1, 4]),
    (lambda: Author.objects.filter(joined__year__in=[2020, 2024]), [1, 4, 5]),
    (lambda: Author.objects.filter(joined__year__range=(2020, 2021)), [1, 2, 4, 8]),
    (lambda: Author.objects.filter(joined__year__gt=2020), [2, 5, 8]),
    (lambda: Author.objects.filter(joined__year__gte=2020), [1, 2, 4, 5, 8]),
    (lambda: Author.objects.filter(joined__year__lt=2020), [6]),
    (lambda: Author.objects.filter(joined__year__lte=2020), [1, 4, 6]),
    (lambda: Author.objects.filter(joined__year__isnull=True), [3, 7]),
    (lambda: Author.objects.filter(joined__year=None), [3, 7]),
    (lambda: Author.objects.exclude(joined__year=2021), [1, 3, 4, 5, 6, 7]),
    (lambda: Author.objects.filter(joined__month=12), [4, 6]),
    (lambda: Author.objects.filter(joined__day=29), [5]),
    (lambda: Author.objects.filter(joined__quarter=1), [1, 2, 5, 8]),
    (lambda: Author.objects.filter(joined__week=53), [4]),
    (lambda: Author.objects.filter(joined__iso_year=2020), [1, 4]),
    (lambda: Author.objects.filter(joined__iso_week_day=7), [2, 8]),
    (lambda: Author.objects.filter(joined__week_day=1), [2, 8]),
    (lambda: Author.objects.filter(joined__hour__gte=12), [1, 4, 6]),
    (lambda: Author.objects.filter(joined__minute=59, joined__second=59), [1, 6]),
    (lambda: Author.objects.filter(joined__date=dt.date(2021, 2, 28)), [2, 8]),
    (lambda: Author.objects.filter(joined__date="2021-02-28"), [2, 8]),
    (lambda: Author.objects.filter(joined__date__lt=dt.date(2020, 2, 1)), [1, 6]),
    (lambda: Author.objects.filter(joined__date__month__in=[2]), [2, 5, 8]),
    (lambda: Author.objects.filter(joined__time=dt.time(1)), [8]),
    (lambda: Author.objects.filter(joined__time__gt=dt.time(12)), [1, 4, 6]),
    (lambda: Author.objects.filter(joined=dt.date(2021, 2, 28)), [2]),
    (lambda: Author.objects.filter(joined__gt="2021-02-28 00:30"), [5, 8]),
    (lambda: Author.objects.filter(joined__gt=F("joined") - dt.timedelta(days=1)), [1, 2, 4, 5, 6, 8]),
    (lambda: Author.objects.filter(books__published__year=2000), [1, 4]),
    (lambda: Author.objects.exclude(books__published__year=2000), [2, 3, 5, 6, 7, 8]),
    (lambda: Book.objects.filter(published__week_day=7), [1, 5]),
    (lambda: Book.objects.filter(published__iso_year=1999), [1, 7]),
    (lambda: Book.objects.filter(published="2000-01-01"), [1]),
    (lambda: Sale.objects.filter(took__gt=dt.timedelta(minutes=1)), [1, 3]),
    (lambda: Sale.objects.filter(took=dt.timedelta(0)), [4]),
]
ada = Author.objects.filter(pk=1)
MOMENTS = [
    (TruncYear, dt.datetime(2020, 1, 1)),
    (TruncQuarter, dt.datetime(2020, 1, 1)),
    (TruncMonth, dt.datetime(2020, 1, 1)),
    (TruncWeek, dt.datetime(2020, 1, 27)),
    (TruncDay, dt.datetime(2020, 1, 31)),
    (TruncHour, dt.datetime(2020, 1, 31, 23)),
    (TruncSecond, dt.datetime(2020, 1, 31, 23, 59, 59)),
    (TruncDate, dt.date(2020, 1, 31)),
    (TruncTime, dt.time(23, 59, 59, 123456)),
]
VALUES = [
    (
        lambda: ada.values_list("joined__date", "joined__time", "joined__hour"),
        [(dt.date(2020, 1, 31), dt.time(23, 59, 59, 123456), 23)],
    ),
    (
        lambda: ada.annotate(x=F("joined") + dt.timedelta(days=1, microseconds=5)).values_list("x", flat=True),
        [dt.datetime(2020, 2, 1, 23, 59, 59, 123461)],
    ),
    (
        lambda: ada.annotate(x=F("joined") - dt.datetime(2020, 1, 1)).values_list("x", flat=True),
        [dt.timedelta(30, 86399, 123456)],
    ),
    (
        lambda: Book.objects.filter(pk=1).annotate(x=TruncMonth("published")).values_list("x", flat=True),
        [dt.date(2000, 1, 1)],
    ),
    (
        lambda: Book.objects.filter(pk=2).annotate(x=F("published") - dt.date(2001, 12, 1)).values_list("x", flat=True),
        [dt.timedelta(30)],
    ),
    (
        lambda: Sale.objects.order_by("pk").annotate(e=F("at") + F("took")).values_list("e", flat=True)[:3],
        [dt.datetime(2020, 1, 1, 11), None, None],
    ),
    (
        lambda: (
            Sale.objects.order_by("pk").annotate(e=F("took") + dt.timedelta(seconds=1)).values_list("e", flat=True)[:1]
        ),
        [dt.timedelta(seconds=3601)],
    ),
]


async def test_parts_of_dates_are_compared(shop, mode):
    await keys_are(mode, CONDITIONS)


async def test_moments_are_cut(shop, mode):
    for cut, expected in MOMENTS:
        assert await mode.fetch(ada.annotate(x=cut("joined")).values_list("x", flat=True)) == [expected], cut


async def test_moments_are_added_and_subtracted(shop, mode):
    await rows_are(mode, VALUES)


def test_parts_that_a_column_lacks_are_refused(shop, queries):
    attempts = [
        lambda: Book.objects.filter(published__hour=1),
        lambda: Book.objects.filter(title__year=1),
        lambda: Author.objects.filter(joined__hour__minute=1),
        lambda: Author.objects.filter(joined__yaer=1),
    ]
    refused_without_sql(queries, FieldError, attempts, "nsupported lookup")
