"""create_tables and drop_tables: everything needed, in an order that works, nothing twice."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal

import pytest

import dorm
from dorm.exceptions import ImproperlyConfigured
from dorm.meta.registry import registry


class Child(dorm.Model):
    parent = dorm.ForeignKey("Parent", on_delete=dorm.CASCADE)


class Parent(dorm.Model):
    name = dorm.CharField(max_length=9)
    favourite = dorm.ForeignKey(Child, on_delete=dorm.PROTECT, null=True, related_name="+")
    friends = dorm.ManyToManyField("self", related_name="+")


class Elsewhere(dorm.Model):
    class Meta:
        managed = False


class Looking(dorm.Model):
    plain = dorm.CITextField(null=True)


class Filled(dorm.Model):
    text = dorm.CharField(max_length=20, db_default="it's: 5% :x")
    flag = dorm.BooleanField(db_default=False)
    data = dorm.JSONField(db_default={"a": [1, None]})
    raw = dorm.BinaryField(db_default=b"\x00\xff")
    span = dorm.DurationField(db_default=datetime.timedelta(days=-1, microseconds=5))
    moment = dorm.DateTimeField(db_default=datetime.datetime(2024, 2, 29, 1, 2, 3, 4))
    price = dorm.DecimalField(db_default=Decimal("-1.5"))


TABLES = {"test_schema_child", "test_schema_parent", "test_schema_parent_friends"}


def test_tables_that_refer_to_each_other_are_made_and_dropped(database):
    dorm.create_tables(Child, Parent)
    assert TABLES <= set(database.tables())
    parent = Parent.objects.create(name="p")
    parent.favourite = Child.objects.create(parent=parent)
    parent.save()
    dorm.drop_tables(Child, Parent)
    assert not TABLES & set(database.tables())


def test_existing_tables_are_left_alone(database):
    dorm.create_tables(Parent, Child)
    Parent.objects.create(name="kept")
    dorm.create_tables(Parent, Child, Looking)
    assert Parent.objects.get().name == "kept"
    assert "test_schema_looking" in database.tables()


def test_dropping_what_is_not_there_is_no_error(database):
    dorm.drop_tables(Parent, Child)
    dorm.create_tables(Looking)
    dorm.drop_tables(Parent, Looking)
    assert "test_schema_looking" not in database.tables()


def test_unmanaged_models_have_no_table(database):
    dorm.create_tables(Elsewhere, Looking)
    assert set(database.tables()) == {"test_schema_looking"}


def test_all_registered_models_are_meant_when_none_is_named(database, monkeypatch):
    monkeypatch.setattr(registry, "by_label", {m._meta.label: m for m in (Child, Parent, Elsewhere, Looking)})
    dorm.create_tables()
    assert set(database.tables()) == {*TABLES, "test_schema_looking"}
    dorm.drop_tables()
    assert set(database.tables()) == set()


def test_database_defaults_read_as_the_values_they_were_given(database):
    dorm.create_tables(Filled)
    database.run("INSERT INTO test_schema_filled DEFAULT VALUES")
    row = Filled.objects.get()
    for field in Filled._meta.concrete_fields[1:]:
        assert getattr(row, field.name) == field.db_default, field.name


async def test_the_async_twins(database):
    await dorm.acreate_tables(Parent, Child)
    assert TABLES <= set(database.tables())
    await dorm.adrop_tables(Parent, Child)
    assert not TABLES & set(database.tables())


def test_a_failure_leaves_nothing_behind(database):
    class Broken(dorm.Model):
        value = dorm.IntegerField()

        class Meta:
            indexes = [dorm.Index(fields=["NOSUCHFUNCTION(value)"], name="broken")]

    with pytest.raises(dorm.DatabaseError):
        dorm.create_tables(Looking, Broken)
    assert set(database.tables()) == set()


@pytest.mark.parametrize("wrong", ["Parent", 5, dict])
def test_only_models_have_tables(database, wrong):
    with pytest.raises(TypeError, match="model classes"):
        dorm.create_tables(wrong)


def test_an_abstract_model_has_no_table(database):
    class Base(dorm.Model):
        class Meta:
            abstract = True

    with pytest.raises(ImproperlyConfigured, match="abstract"):
        dorm.create_tables(Base)


def test_tables_may_change_inside_a_transaction_that_has_written(database):
    dorm.create_tables(Parent, Child)
    with dorm.transaction.atomic():
        Child.objects.create(parent=Parent.objects.create(name="p"))
        dorm.create_tables(Looking)
        dorm.drop_tables(Looking)
    assert Child.objects.count() == 1


class Mood(enum.Enum):
    HAPPY = "happy"
    SAD = "sad"


class Feeling(dorm.Model):
    mood = dorm.EnumField(Mood, native=True, type_name="mood_type")
    before = dorm.EnumField(Mood, native=True, type_name="mood_type", null=True)


class Chain(dorm.Model):
    parent = dorm.OneToOneField(Parent, dorm.CASCADE, primary_key=True)


class Link(dorm.Model):
    chain = dorm.ForeignKey(Chain, dorm.CASCADE)


def test_a_native_enumeration_comes_and_goes_with_its_tables(database):
    for _ in range(2):
        dorm.create_tables(Feeling)
        Feeling.objects.create(mood=Mood.SAD)
        assert Feeling.objects.get(mood=Mood.SAD).mood is Mood.SAD
        dorm.drop_tables(Feeling)


def test_a_key_may_be_a_relation(database):
    dorm.create_tables(Parent, Child, Chain, Link)
    parent = Parent.objects.create(name="p")
    link = Link.objects.create(chain=Chain.objects.create(parent=parent))
    assert Link.objects.get(chain__parent__name="p") == link
    assert link.chain_id == parent.pk
