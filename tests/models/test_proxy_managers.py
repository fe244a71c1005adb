"""Which managers a proxy answers with (as in Django 5.2)."""

from __future__ import annotations

import dorm


class First(dorm.Manager["Stone"]):
    pass


class Second(dorm.Manager["Stone"]):
    pass


class Stone(dorm.Model):
    first = First()
    second = Second()

    class Meta:
        default_manager_name = "second"
        base_manager_name = "first"


class Pebble(Stone):
    class Meta:
        proxy = True


class Sand(Pebble):
    class Meta:
        proxy = True
        base_manager_name = "second"


def test_a_proxy_inherits_the_names_of_the_chosen_managers():
    assert (Pebble._meta.default_manager_name, Pebble._meta.base_manager_name) == ("second", "first")
    assert isinstance(Pebble._default_manager, Second)
    assert isinstance(Pebble._base_manager, First)


def test_a_proxy_may_choose_for_itself():
    assert isinstance(Sand._default_manager, Second)
    assert isinstance(Sand._base_manager, Second)
