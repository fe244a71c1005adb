"""What is computed from a model is kept in one place, as long as nothing about models changes, and goes with the model."""

from __future__ import annotations

import pytest

import dorm
from dorm.meta.options import DERIVED_LIMIT
from dorm.meta.registry import Registry

HOME = Registry()


class Maker(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)

    class Meta:
        registry = HOME
        ordering = ["name"]


class Thing(dorm.Model):
    name = dorm.CharField(max_length=20)
    data = dorm.JSONField(default=dict, blank=True)
    maker = dorm.ForeignKey(Maker, dorm.CASCADE, related_name="things")
    likes = dorm.ManyToManyField(Maker, related_name="liked")

    class Meta:
        registry = HOME


pytestmark = pytest.mark.models([Maker, Thing])


async def use(mode) -> None:
    """Everything that computes something from a model."""
    maker = await mode.call(Maker.objects, "create", name="a")
    thing = Thing(name="b", maker=maker)
    await mode.call(thing, "full_clean")
    await mode.call(thing, "save")
    await mode.call(thing.likes, "add", maker)
    await mode.fetch(Maker.objects.filter(things__name="b").prefetch_related("liked"))
    await mode.fetch(Thing.objects.select_related("maker").order_by("maker"))
    await mode.call(thing, "save")
    await mode.call(maker, "delete")


async def test_nothing_hangs_on_a_model_but_what_is_derived(database, mode):
    Maker(), Thing()  # a generated constructor is the class's own __init__
    before = [(set(vars(model)), set(vars(model._meta))) for model in (Maker, Thing)]
    await use(mode)
    assert [(set(vars(model)), set(vars(model._meta))) for model in (Maker, Thing)] == before


def test_it_is_computed_once_until_models_change():
    asked: list[str] = []

    def compute(word: str) -> list[str]:
        asked.append(word)
        return [word]

    options = Thing._meta
    first = options.derived("key", compute, "x")
    assert options.derived("key", compute, "y") is first
    HOME.bump()
    assert options.derived("key", compute, "z") == ["z"]
    assert asked == ["x", "z"]


def test_what_fails_is_tried_again():
    def fail() -> None:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            Thing._meta.derived("failing", fail)
    assert Thing._meta.derived("failing", int) == 0


def test_what_models_changed_meanwhile_is_not_kept():
    def change() -> str:
        HOME.bump()
        return "from before"

    assert Thing._meta.derived("changing", change) == "from before"
    assert Thing._meta.derived("changing", str) == ""


def test_names_from_outside_do_not_fill_the_memory():
    for number in range(DERIVED_LIMIT + 50):
        Thing.objects.filter(**{f"data__key{number}": 1})
    assert len(Thing._meta._derived) <= DERIVED_LIMIT


def test_a_field_that_joins_changes_what_saving_and_checking_do(database):
    class Grown(dorm.Model, registry=HOME):
        name = dorm.CharField(max_length=20)

    dorm.create_tables(Grown)
    grown = Grown.objects.create(name="a")
    grown.full_clean()
    grown.delete()
    Grown.add_to_class("code", dorm.CharField(max_length=5, unique=True, default="x"))
    database.run(f"ALTER TABLE {Grown._meta.db_table} ADD COLUMN code varchar(5)")
    assert Grown(name="b", code="y").code == "y"
    Grown.objects.create(name="a")
    with pytest.raises(dorm.ValidationError) as problem:
        Grown(name="b", code="x").full_clean()
    assert set(problem.value.message_dict) == {"code"}
    dorm.drop_tables(Grown)
    HOME.unregister(Grown)


async def test_a_query_written_before_a_class_was_replaced_leaves_no_plan_to_later_ones(database, mode):
    home = Registry()

    def author(table: str):
        class Author(dorm.Model, app_label="derived", registry=home, db_table=table):
            name = dorm.CharField(max_length=5)

        return Author

    author("derived_first")

    class Book(dorm.Model, app_label="derived", registry=home):
        author = dorm.ForeignKey("Author", dorm.CASCADE, null=True, db_constraint=False)

    dorm.create_tables(*home.models())
    written_before = Book.objects.filter(author__name="new")
    newer = author("derived_second")
    dorm.create_tables(*home.models())
    await mode.call(Book.objects, "create", author=await mode.call(newer.objects, "create", name="new"))
    await mode.fetch(written_before.all())
    assert len(await mode.fetch(Book.objects.filter(author__name="new"))) == 1
