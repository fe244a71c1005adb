"""Managers: declared, inherited, default, reached through the class only."""

from __future__ import annotations

import copy
import pickle

import pytest

import dorm


class Rows(dorm.QuerySet):
    def named(self, name):
        return self.filter(name=name)


class LiveManager(dorm.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(live=True)

    def shout(self):
        return [row.name.upper() for row in self.order_by("name")]


class Base(dorm.Model):
    name = dorm.CharField(max_length=20)
    live = dorm.BooleanField(default=True)

    objects = dorm.Manager()
    living = LiveManager()

    class Meta:
        abstract = True


class Plain(Base):
    pass


class Other(Base):
    rows = Rows.as_manager()
    both = dorm.Manager.from_queryset(Rows)()

    class Meta:
        default_manager_name = "living"


class Stand(Plain):
    class Meta:
        proxy = True


pytestmark = pytest.mark.models(Plain, Other)


async def fill(mode, model=Plain):
    for name, live in (("a", True), ("b", False), ("c", True)):
        await mode.call(model(name=name, live=live), "save")


async def test_get_queryset_governs_every_method(database, mode):
    await fill(mode)
    assert ["A", "C"] == Plain.living.shout() if mode.sync else True
    assert 2 == await mode.call(Plain.living, "count")
    assert not await mode.call(Plain.living.filter(name="b"), "exists")
    assert ["a", "c"] == [row.name for row in await mode.fetch(Plain.living.order_by("name"))]
    assert 3 == await mode.call(Plain.objects, "count")


async def test_managers_are_bound_to_the_class_they_are_read_on(database, mode):
    await fill(mode)
    assert (Plain, Other) == (Plain.objects.model, Other.objects.model)
    assert 0 == await mode.call(Other.living, "count")
    assert {Stand} == {type(row) for row in await mode.fetch(Stand.living.all())}


async def test_each_access_gives_a_fresh_object_that_keeps_nothing(database, mode, queries):
    await fill(mode)
    assert Plain.objects is not Plain.objects
    manager = Plain.objects
    with queries() as log:
        await mode.fetch(manager)
        await mode.fetch(manager)
    assert 2 == log.count


def test_querysets_are_named_for_what_they_are(database):
    def kinds(manager):
        querysets = (manager.all(), manager.filter(pk=1), manager.filter(pk=1).order_by("pk")[:1])
        return {type(queryset) for queryset in querysets}

    assert kinds(Plain.objects) == kinds(Plain._base_manager) == {dorm.QuerySet}
    assert kinds(Other.rows) == kinds(Other.both) == {Rows}
    (made,) = kinds(Plain.living)
    assert made.__name__ == "LiveQuerySet"
    assert issubclass(made, LiveManager)
    assert [repr(manager.all()) for manager in (Plain.objects, Other.rows)] == ["<QuerySet []>", "<Rows []>"]
    assert repr(Plain.living.none()) == "<LiveQuerySet []>"


def test_querysets_of_every_kind_travel(database):
    Other(name="a").save()
    for manager in (Other.objects, Other.living, Other.rows, Other.both):
        queryset = manager.filter(name="a")
        for made in (pickle.loads(pickle.dumps(queryset)), copy.copy(queryset), copy.deepcopy(queryset)):
            assert type(made) is type(queryset)
            assert [row.name for row in made] == ["a"]


def test_a_manager_that_only_restricts_makes_plain_querysets():
    class Restricting(dorm.Manager):
        def get_queryset(self):
            return super().get_queryset().filter(live=True)

    class Mixed(Rows, dorm.Manager):
        pass

    class Several(Mixed):
        def helper(self):
            return self.named("x")

    assert Restricting._kind is dorm.QuerySet
    assert Mixed._kind is Rows
    assert Several._kind.__name__ == "SeveralQuerySet"


async def test_methods_of_a_queryset_class_chain(database, mode):
    await fill(mode, Other)
    for manager in (Other.rows, Other.both):
        assert 1 == await mode.call(manager.named("b"), "count")
        assert 1 == await mode.call(manager.filter(live=False).named("b"), "count")


def test_a_manager_is_not_for_instances():
    for name in ("objects", "living"):
        with pytest.raises(AttributeError):
            getattr(Plain(name="x"), name)


def test_the_default_manager_is_the_first_or_the_one_that_meta_names():
    assert "objects" == Plain._default_manager.name
    assert isinstance(Other._default_manager, LiveManager)
    assert type(Plain._base_manager) is dorm.BaseManager


async def test_relations_use_the_default_manager(database, mode):
    class Holder(dorm.Model):
        others = dorm.ManyToManyField(Other, related_name="holders")

    dorm.create_tables(Holder)
    holder = await mode.call(Holder.objects, "create")
    await fill(mode, Other)
    await mode.call(holder.others, "set", await mode.fetch(Other.objects.all()))
    assert 2 == await mode.call(holder.others, "count")
    assert ["A", "C"] == holder.others.shout() if mode.sync else True
