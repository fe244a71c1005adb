"""Schemas: an inner Meta, that of a subclass, and defaults that are converted."""

from __future__ import annotations

from decimal import Decimal

from typing_extensions import assert_type

import dorm
from dorm.contrib.pydantic import DormSchema


class Item(dorm.Model):
    name = dorm.CharField(max_length=10)
    price = dorm.DecimalField(max_digits=8, decimal_places=2, default=0)
    text = dorm.DecimalField(max_digits=8, decimal_places=2, default="0.00")
    rate = dorm.DecimalField(max_digits=8, decimal_places=2, default=0.5, null=True)
    stored = dorm.DecimalField(max_digits=8, decimal_places=2, db_default=0)
    called = dorm.DecimalField(max_digits=8, decimal_places=2, default=lambda: 0)
    ratio = dorm.FloatField(default=1)
    share = dorm.FloatField(default=0, null=True)
    wrong = dorm.DecimalField(max_digits=8, decimal_places=2, default=[])  # error
    odd = dorm.FloatField(default="1")  # error


class ItemOut(DormSchema):
    class Meta:
        model = Item
        exclude = ["ratio", "share"]


class ItemIn(ItemOut):
    class Meta(ItemOut.Meta):
        exclude = ["id"]


class ItemPatch(ItemIn):
    note: str = ""

    class Meta(ItemIn.Meta):
        optional = ["name", "price"]


def reads(item: Item) -> None:
    assert_type(item.price, Decimal)
    assert_type(item.text, Decimal)
    assert_type(item.rate, Decimal | None)
    assert_type(item.ratio, float)
    assert_type(item.share, float | None)
    assert_type(ItemPatch().note, str)
