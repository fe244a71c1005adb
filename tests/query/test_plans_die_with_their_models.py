"""A plan is never wrong: a model that changes, or that another one refers to, is queried by new plans."""

from __future__ import annotations

import pytest

import dorm
from dorm.meta.registry import registry


@pytest.fixture
def models():
    before = registry.snapshot()
    options = {"app_label": "test_plans_die_with_their_models"}

    class Maker(dorm.Model):
        name = dorm.CharField(max_length=10)

        class Meta(type("Meta", (), options)):
            pass

    class Thing(dorm.Model):
        maker = dorm.ForeignKey(Maker, dorm.CASCADE, related_name="things")

        class Meta(type("Meta", (), options)):
            pass

    class Shiny(Thing):
        class Meta(type("Meta", (), options)):
            proxy = True

    yield Maker, Thing, Shiny
    registry.restore(before)


def test_a_field_added_after_a_query_is_read_and_written(database, models, queries):
    maker_model, thing_model, shiny_model = models
    dorm.create_tables(maker_model, thing_model)

    def read():
        return [
            list(maker_model.objects.order_by("pk")),
            list(thing_model.objects.select_related("maker").order_by("pk")),
            list(maker_model.objects.prefetch_related("things").order_by("pk")),
            list(shiny_model.objects.select_related("maker").order_by("pk")),
        ]

    maker = maker_model.objects.create(name="a")
    maker_model.objects.bulk_create([maker_model(name="b"), maker_model(name="c")])
    maker_model.objects.bulk_update([maker], ["name"])
    thing_model.objects.create(maker=maker)
    maker.save()
    read()
    for model in (maker_model, thing_model):
        model.add_to_class("age", dorm.IntegerField(default=7))
        database.run(f"ALTER TABLE {model._meta.db_table} ADD COLUMN age integer NOT NULL DEFAULT 5")
    maker = maker_model.objects.create(name="d")
    maker_model.objects.bulk_create([maker_model(name="e"), maker_model(name="f")])
    thing_model.objects.create(maker=maker)
    shiny_model.objects.create(maker=maker)
    maker.age = 8
    maker.save()
    with queries() as log:
        makers, things, prefetched, shinies = read()
        assert [one.age for one in makers] == [5, 5, 5, 8, 7, 7]
        assert [(one.age, one.maker.age) for one in things] == [(5, 5), (7, 8), (7, 8)]
        assert [one.age for one in prefetched[3].things.all()] == [7, 7]
        assert [(one.age, one.maker.age) for one in shinies] == [(5, 5), (7, 8), (7, 8)]
    assert log.count == 5


def test_a_relation_added_after_a_query_has_both_ends(database, models):
    maker_model, thing_model, _ = models
    dorm.create_tables(maker_model, thing_model)
    maker = maker_model.objects.create(name="a")
    thing = thing_model.objects.create(maker=maker)
    list(thing_model.objects.all())
    column = dorm.ForeignKey(maker_model, dorm.CASCADE, null=True, related_name="mended")
    thing_model.add_to_class("mender", column)
    database.run(f"ALTER TABLE {thing_model._meta.db_table} ADD COLUMN mender_id integer")
    thing.mender = maker
    thing.save()
    assert list(maker.mended.all()) == [thing]
    assert list(maker_model.objects.filter(mended__pk=thing.pk)) == [maker]


def test_a_model_that_is_defined_again_is_joined_as_it_is_now(database, models, queries):
    maker_model, _, _ = models
    options = {"app_label": "test_plans_die_with_their_models"}

    class Note(dorm.Model):
        maker = dorm.ForeignKey("Maker", dorm.CASCADE)

        class Meta(type("Meta", (), options)):
            pass

    dorm.create_tables(maker_model, Note)
    Note.objects.create(maker_id=maker_model.objects.create(name="a").pk)
    assert [note.maker.name for note in Note.objects.select_related("maker")] == ["a"]

    class Maker(dorm.Model):
        name = dorm.CharField(max_length=10)
        age = dorm.IntegerField(default=7)

        class Meta(type("Meta", (), options)):
            pass

    database.run(f"ALTER TABLE {Maker._meta.db_table} ADD COLUMN age integer NOT NULL DEFAULT 5")
    with queries() as log:
        assert [note.maker.age for note in Note.objects.select_related("maker")] == [5]
    assert log.count == 1
