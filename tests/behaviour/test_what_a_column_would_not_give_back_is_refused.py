"""Decimals with more digits than the column, documents that are no JSON, moments that UTC does not have: no write rounds them."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

import dorm
from dorm import F, ValidationError


class Price(dorm.Model):
    amount = dorm.DecimalField(max_digits=6, decimal_places=2, null=True)
    notes = dorm.JSONField(null=True)
    seen = dorm.DateTimeField(null=True)


class Wide(dorm.Model):
    amount = dorm.DecimalField(max_digits=None, decimal_places=2)


pytestmark = pytest.mark.models([Price, Wide])
P = Price.objects


async def stored(mode):
    return await mode.fetch(P.order_by("pk").values_list("amount", flat=True))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("1.005", "max_decimal_places"),
        ("0.001", "max_decimal_places"),
        ("12345.6", "max_whole_digits"),
        ("1E+6", "max_digits"),
    ],
)
async def test_decimals_are_never_rounded_on_their_way_in(database, mode, given, code):
    value = Decimal(given)
    row = await mode.call(P, "create", amount=1)
    row.amount = value
    attempts = [
        (P, "create", {"amount": value}),
        (row, "save", {}),
        (row, "save", {"update_fields": ["amount"]}),
        (P, "bulk_create", {"objs": [Price(amount=1), Price(amount=value)]}),
        (P, "bulk_create", {"objs": [Price(amount=value)]}),
        (P, "bulk_update", {"objs": [row], "fields": ["amount"]}),
        (P, "update", {"amount": value}),
        (P.filter(pk=row.pk), "update", {"amount": given}),
        (P, "get_or_create", {"notes": 1, "defaults": {"amount": value}}),
        (P, "upsert", {"objs": [Price(pk=row.pk, amount=value)], "unique_fields": ["id"]}),
    ]
    for target, verb, arguments in attempts:
        with pytest.raises(
            ValidationError, match=f"Price.amount cannot store Decimal\\('{value}'\\)".replace("+", "\\+")
        ) as caught:
            await mode.call(target, verb, **arguments)
        assert list(caught.value.error_dict) == ["amount"], verb
        assert caught.value.code == code, verb
    assert await stored(mode) == [Decimal("1.00")]


async def test_zeros_at_the_end_are_no_digits(database, mode):
    await mode.call(P, "create", amount=Decimal("1.50000"))
    await mode.call(
        P, "bulk_create", [Price(amount=Decimal("9999.990")), Price(amount=Decimal("1E+3")), Price(amount=0)]
    )
    assert list(map(str, await stored(mode))) == ["1.50", "9999.99", "1000.00", "0.00"]
    assert await mode.call(P.filter(amount__gt=Decimal("1.499999")), "count") == 3


async def test_without_a_number_of_digits_only_the_places_count(database, mode):
    await mode.call(Wide.objects, "create", amount=Decimal("123456789012.25"))
    with pytest.raises(ValidationError, match="no more than 2 decimal places"):
        await mode.call(Wide.objects, "create", amount=Decimal("0.125"))


async def test_what_the_database_computes_is_rounded_by_it(database, mode):
    await mode.call(P, "create", amount=10)
    await mode.call(P, "update", amount=F("amount") / 3)
    assert await stored(mode) == [Decimal("3.33")]
    assert await mode.call(P.filter(amount=Decimal("3.33")), "count") == 1
    row = await mode.call(P, "get")
    row.amount = F("amount") / 7
    await mode.call(row, "save")
    assert await mode.call(P.filter(amount=Decimal("0.48")), "count") == 1


async def test_a_document_spoilt_in_place_names_its_field(database, mode):
    row = await mode.call(P, "create", notes={})
    row.notes["when"] = object()
    for target, verb, arguments in [
        (row, "save", ()),
        (P, "bulk_create", ([row, Price()],)),
        (P, "bulk_update", ([row], ["notes"])),
    ]:
        with pytest.raises(ValidationError, match=r"Price\.notes cannot store .*not JSON serializable") as caught:
            await mode.call(target, verb, *arguments)
        assert list(caught.value.error_dict) == ["notes"]
        assert isinstance(caught.value.__cause__, TypeError)
    row.notes = deep = []
    for _ in range(100_000):
        deep.append([])
        deep = deep[0]
    with pytest.raises(ValidationError):
        await mode.call(row, "save")


async def test_a_moment_that_utc_does_not_have_is_refused(database, mode):
    early = datetime.datetime(1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    late = datetime.datetime(9999, 12, 31, 23, tzinfo=datetime.timezone(datetime.timedelta(hours=-2)))
    for use_tz in (False, True):
        dorm.configure(USE_TZ=use_tz)
        for moment in (early, late):
            for target, verb, arguments in [
                (P, "create", {"seen": moment}),
                (P, "bulk_create", {"objs": [Price(seen=moment), Price()]}),
                (P, "update", {"seen": moment}),
                (P.filter(seen=moment), "count", {}),
            ]:
                with pytest.raises(ValidationError, match="UTC"):
                    await mode.call(target, verb, **arguments)
    assert await mode.call(P, "count") == 0
