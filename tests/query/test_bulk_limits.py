"""Bulk verbs refuse what single ones refuse, and split what is too much for one statement."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import dorm
from dorm.exceptions import DatabaseError, IntegrityError, ValidationError


class Wide(dorm.Model):
    code = dorm.CharField(max_length=5, unique=True)
    price = dorm.DecimalField(max_digits=5, decimal_places=1, default=Decimal(0))
    a = dorm.IntegerField(default=0)
    b = dorm.IntegerField(default=0)


pytestmark = pytest.mark.models([Wide])


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(
    "write",
    [
        lambda rows: Wide.objects.create(code=rows[0].code),
        lambda rows: Wide.objects.bulk_create(rows),
        lambda rows: Wide.objects.bulk_create(rows[:1]),
        lambda rows: Wide.objects.bulk_create(rows, ignore_conflicts=True),
        lambda rows: Wide.objects.upsert(rows, ["code"]),
    ],
)
def test_text_that_is_too_long_is_refused_and_never_cut(database, write):
    with pytest.raises(DatabaseError, match="too long"):
        write([Wide(code="abcdefgh"), Wide(code="x")])
    assert Wide.objects.count() == 0


@pytest.mark.only("postgresql")
def test_numbers_that_are_too_large_are_refused_by_bulk_verbs_too(database):
    with pytest.raises(ValidationError):
        Wide.objects.bulk_create([Wide(code="a", price=Decimal("99999.9")), Wide(code="b")])
    with pytest.raises(DatabaseError):
        Wide.objects.bulk_create([Wide(code="a", a=2**31), Wide(code="b")])
    assert Wide.objects.count() == 0


def test_more_rows_than_one_statement_takes_are_split_and_come_back_in_order(database, queries):
    rows = [Wide(code=f"{n:x}", a=n, b=-n) for n in range(20_000)]
    with queries() as log:
        made = Wide.objects.bulk_create(rows, batch_size=None)
    assert [row.a for row in made] == list(range(20_000))
    assert [row.pk for row in made] == sorted(row.pk for row in made)
    found = dict(Wide.objects.values_list("pk", "a"))
    assert all(found[row.pk] == row.a for row in made)
    assert log.count <= 4
    assert Wide.objects.filter(pk__in=[row.pk for row in made]).count() == 20_000
    for row in made[:5000]:
        row.b = row.a * 2
    assert Wide.objects.bulk_update(made[:5000], ["b"], batch_size=None) == 5000
    assert Wide.objects.filter(b=dorm.F("a") * 2, a__gt=0).count() == 4999
    assert Wide.objects.filter(a__in=range(15_000)).delete()[0] == 15_000


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_batch_that_fails_takes_the_others_with_it(database, size):
    rows = [Wide(code=code) for code in ("a", "b", "c", "a")]
    with pytest.raises(IntegrityError):
        Wide.objects.bulk_create(rows, batch_size=size)
    assert Wide.objects.count() == 0


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing_is_refused(database, size):
    for work in (
        lambda: Wide.objects.bulk_create([Wide(code="a")], batch_size=size),
        lambda: Wide.objects.bulk_update([Wide(pk=1, code="a")], ["code"], batch_size=size),
        lambda: Wide.objects.upsert([Wide(code="a")], ["code"], batch_size=size),
    ):
        with pytest.raises(ValueError, match="positive"):
            work()


def mixed() -> list[Any]:
    return [Wide(code="a"), Wide(pk=900, code="b"), Wide(code="c"), Wide(pk=901, code="d")]


def test_rows_with_and_without_keys_mix_and_keep_their_order(database):
    rows = Wide.objects.bulk_create(mixed())
    assert [row.code for row in rows] == ["a", "b", "c", "d"]
    assert (rows[1].pk, rows[3].pk) == (900, 901)
    assert dict(Wide.objects.values_list("code", "pk")) == {row.code: row.pk for row in rows}


def test_upsert_lets_the_last_of_equal_rows_win_and_tells_all_of_them(database):
    Wide.objects.create(code="a", a=1, b=5)
    rows = [Wide(code="a", a=2), Wide(code="n", a=3), Wide(code="a", a=4)]
    found = Wide.objects.upsert(rows, ["code"], update_fields=["a"], returning=True)
    assert [(row.code, row.a, row.b) for row in found] == [("a", 4, 5), ("n", 3, 0), ("a", 4, 5)]
    assert found[0].pk == found[2].pk
    assert Wide.objects.count() == 2
