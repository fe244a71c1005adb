"""Constraints asked about an instance before it is saved."""

from __future__ import annotations

import datetime as dt

import pytest

import dorm
from dorm import F, Q
from dorm.functions import Lower


class Offer(dorm.Model):
    name = dorm.CharField(max_length=20)
    low = dorm.IntegerField(default=1, null=True)
    high = dorm.IntegerField(default=2, null=True)
    day = dorm.DateField(default=dt.date(2024, 1, 1))
    price = dorm.DecimalField(max_digits=6, decimal_places=2, default="1.00")
    active = dorm.BooleanField(default=True)

    class Meta:
        constraints = [
            dorm.CheckConstraint(condition=Q(high__gt=F("low")) & Q(price__gte=0), name="ordered"),
            dorm.CheckConstraint(
                condition=Q(day__gte=dt.date(2000, 1, 1)),
                name="recent",
                violation_error_code="old",
                violation_error_message="too old",
            ),
            dorm.UniqueConstraint(fields=["name"], condition=Q(active=True), name="one_active_name"),
            dorm.UniqueConstraint(Lower("name"), "day", name="one_folded_name_per_day"),
            dorm.UniqueConstraint(fields=["low", "high"], name="one_range"),
        ]


pytestmark = pytest.mark.models.with_args(Offer)


def constraint(name):
    return next(each for each in Offer._meta.constraints if each.name == name)


def refused(name, offer, **kwargs):
    with pytest.raises(dorm.ValidationError) as caught:
        constraint(name).validate(Offer, offer, **kwargs)
    return caught.value


def test_a_check_refuses_what_the_database_would(database):
    constraint("ordered").validate(Offer, Offer(name="a", low=1, high=2))
    assert "ordered" in refused("ordered", Offer(name="a", low=2, high=2)).messages[0]
    refused("ordered", Offer(name="a", price=-1))
    constraint("ordered").validate(Offer, Offer(name="a", low=None, high=2))


def test_a_check_has_its_own_words(database):
    error = refused("recent", Offer(name="a", day=dt.date(1999, 12, 31)))
    assert (["too old"], "old") == (error.messages, error.code)


def test_excluded_fields_are_not_judged(database):
    constraint("ordered").validate(Offer, Offer(name="a", low=2, high=1), exclude={"low"})
    constraint("recent").validate(Offer, Offer(name="a", day=dt.date(1999, 1, 1)), exclude={"day"})


def test_expressions_are_left_to_the_database(database):
    constraint("ordered").validate(Offer, Offer(name="a", low=F("high") + 1))


def test_uniqueness_under_a_condition_concerns_the_rows_that_meet_it(database):
    Offer.objects.create(name="a", low=1, high=2)
    constraint("one_active_name").validate(Offer, Offer(name="a", active=False))
    constraint("one_active_name").validate(Offer, Offer(name="b"))
    refused("one_active_name", Offer(name="a"))
    constraint("one_active_name").validate(Offer, Offer.objects.get())


def test_uniqueness_of_expressions_is_computed_by_the_database(database):
    Offer.objects.create(name="Alpha")
    refused("one_folded_name_per_day", Offer(name="ALPHA", active=False))
    constraint("one_folded_name_per_day").validate(Offer, Offer(name="ALPHA", day=dt.date(2024, 1, 2)))


async def test_full_clean_asks_every_constraint(database, mode):
    await mode.call(Offer.objects, "create", name="a", low=1, high=2)
    with pytest.raises(dorm.ValidationError) as caught:
        await mode.call(Offer(name="A", low=1, high=2, day=dt.date(1999, 1, 1)), "full_clean")
    assert {"too old", "Offer with this Low and High already exists."} == set(caught.value.messages)
    await mode.call(Offer(name="B", low=1, high=3), "full_clean")
    await mode.call(Offer(name="A", low=3, high=1), "full_clean", validate_constraints=False)
