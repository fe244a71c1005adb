"""Instances from arguments: names, positions, defaults, conversions."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import pytest

import dorm
from dorm import F

COUNTER = itertools.count(1)


def initials(instance):
    return "".join(word[0] for word in (instance.name or "").split())


class Shop(dorm.Model):
    name = dorm.CharField(max_length=20)


class Item(dorm.Model):
    name = dorm.CharField(max_length=20)
    code = dorm.CharField(max_length=20, null=True)
    size = dorm.IntegerField()
    price = dorm.DecimalField(max_digits=6, decimal_places=2, default="1.50")
    number = dorm.IntegerField(default=lambda: next(COUNTER))
    short = dorm.CharField(max_length=9, default=initials)
    data = dorm.JSONField(default=dict)
    email = dorm.EmailField()
    shop = dorm.ForeignKey(Shop, dorm.CASCADE)
    tags = dorm.ManyToManyField("Tag", related_name="items")
    twin = dorm.ForeignKey("self", dorm.SET_NULL, null=True, default=lambda item: item.size)
    color = "grey"

    @property
    def label(self):
        return self.name

    @label.setter
    def label(self, value):
        self.name = value.lower()

    @property
    def fixed(self):
        return 1

    def method(self):
        return 2


class Tag(dorm.Model):
    code = dorm.CharField(max_length=5, primary_key=True)


class Odd(dorm.Model):
    locals()["class"] = dorm.CharField(max_length=5, default="none")
    self = dorm.IntegerField(default=1)
    value = dorm.IntegerField(default=2)


class OwnInit(dorm.Model):
    name = dorm.CharField(max_length=20)

    def __init__(self, *args, **kwargs):
        self_was = kwargs.pop("extra", None)
        super().__init__(*args, **kwargs)
        self.extra = self_was


def test_omitted_fields_get_their_defaults():
    item = Item(name="Red Ball")
    assert ("", None, None) == (item.email, item.code, item.size)
    assert Decimal("1.50") == item.price
    assert {} == item.data
    assert item.pk is None and item.shop_id is None


def test_callable_defaults_are_called_for_each_instance():
    one, other = Item(), Item()
    assert other.number == one.number + 1
    one.data["x"] = 1
    assert {} == other.data


def test_a_default_that_takes_an_argument_gets_the_instance():
    assert "RB" == Item(name="Red Ball").short
    assert "own" == Item(name="Red Ball", short="own").short
    assert (7, None, 8) == (Item(size=7).twin_id, Item(size=7, twin=None).twin_id, Item(size=7, twin_id=8).twin_id)


def test_values_are_converted():
    item = Item(name=5, size="12", price=2, shop_id="7")
    assert ("5", 12, Decimal(2), 7) == (item.name, item.size, item.price, item.shop_id)
    assert Decimal is type(item.price)


def test_what_a_field_cannot_take_is_named():
    with pytest.raises(dorm.ValidationError) as caught:
        Item(size="large")
    assert ["size"] == list(caught.value.message)
    assert isinstance(caught.value.__cause__, dorm.ValidationError)
    with pytest.raises(dorm.ValidationError) as caught:
        Item(shop_id="x")
    assert ["shop"] == list(caught.value.message)


def test_none_and_expressions_pass_unconverted():
    item = Item(name=None, size=F("size") + 1, price=None)
    assert (None, None) == (item.name, item.price)
    assert "size" in repr(item.size)
    # a default may be computed by the database, too
    assert "size" in repr(item.twin_id)


def test_relations_take_an_instance_a_key_or_the_column():
    shop = Shop(id=3)
    assert (3, shop) == (Item(shop=shop).shop_id, Item(shop=shop).shop)
    assert 3 == Item(shop=3).shop_id == Item(shop_id=3).shop_id
    assert Item(shop=None).shop_id is None


def test_pk_stands_for_the_key():
    assert 4 == Item(pk=4).id
    assert "x" == Tag(pk="x").code


def test_positions_follow_the_order_of_fields():
    item = Item(5, "Ball", "c", 3)
    assert (5, "Ball", "c", 3) == (item.pk, item.name, item.code, item.size)
    assert 9 == Item(1, "n", "c", 1, 1, 1, "s", {}, "", 9).shop_id


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        (("Ball",), {}, "'id'.*[Kk]eyword"),
        ((1, "a"), {"name": "b"}, "'name'"),
        ((1,), {"pk": 2}, "'id'"),
        (tuple(range(12)), {}, "at most 11"),
    ],
    ids=str,
)
def test_misplaced_positional_arguments_are_explained(args, kwargs, words):
    with pytest.raises(TypeError, match=words):
        Item(*args, **kwargs)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(TypeError, match=r"nmae.*'name'"):
        Item(nmae="x")


def test_a_many_to_many_name_points_at_set():
    with pytest.raises(TypeError, match=r"tags.*\.set\("):
        Item(tags=[Tag(code="a")])
    with pytest.raises(TypeError, match=r"items.*\.set\("):
        Tag(code="a", items=[])


def test_settable_attributes_of_the_class_are_accepted():
    item = Item(label="LOUD", color="blue")
    assert ("loud", "blue") == (item.name, item.color)


@pytest.mark.parametrize("name", ["fixed", "method", "objects", "_state", "save"])
def test_what_cannot_be_set_is_refused(name):
    with pytest.raises(TypeError, match=name):
        Item(**{name: 1})


def test_names_that_python_reserves_still_work():
    assert ("none", 1) == (getattr(Odd(), "class"), Odd().self)
    assert ("x", 5) == (getattr(Odd(**{"class": "x"}), "class"), Odd(self=5).self)
    assert "y" == getattr(Odd(1, "y"), "class")


def test_a_constructor_of_the_users_own_is_honoured():
    assert ("Ada", 7) == (OwnInit(name="Ada", extra=7).name, OwnInit(name="Ada", extra=7).extra)
    assert "Ben" == OwnInit(1, "Ben").name


def test_assignment_converts_like_construction():
    item = Item()
    item.size = "8"
    item.name = 3
    item.pk = "11"
    assert (8, "3", 11) == (item.size, item.name, item.id)
    with pytest.raises(dorm.ValidationError) as caught:
        item.email = "nobody"
    assert ["email"] == list(caught.value.message)
    item.anything_else = object
    assert item.anything_else is object


def test_a_datetime_field_keeps_what_it_understands():
    class Moment(dorm.Model):
        at = dorm.DateTimeField()

    now = dt.datetime(2024, 1, 2, 3, 4)
    assert Moment(at=now).at is now
    assert now == Moment(at="2024-01-02 03:04").at


def test_a_mixin_behind_the_model_is_initialised_too():
    class Counted:
        def __init__(self):
            super().__init__()
            self.count = 0

    class Thing(dorm.Model, Counted):
        name = dorm.CharField(max_length=5)

    assert ("x", 0) == (Thing(name="x").name, Thing().count)


def test_construction_is_announced_while_somebody_listens():
    class Announced(dorm.Model):
        name = dorm.CharField(max_length=5)

    heard = []

    def before(sender, args, kwargs, **more):
        heard.append(("before", sender, args, kwargs))

    def after(sender, instance, **more):
        heard.append(("after", sender, instance.name))

    Announced(name="a")
    dorm.signals.pre_init.connect(before, sender=Announced, weak=False)
    dorm.signals.post_init.connect(after, sender=Announced, weak=False)
    try:
        Announced(name="b")
    finally:
        dorm.signals.pre_init.disconnect(before, sender=Announced)
        dorm.signals.post_init.disconnect(after, sender=Announced)
    Announced(name="c")
    assert [("before", Announced, (), {"name": "b"}), ("after", Announced, "b")] == heard
