"""`save()`: insert or update, which columns, what comes back, what is refused."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

import dorm
from dorm import F


class Owner(dorm.Model):
    name = dorm.CharField(max_length=20)


class Thing(dorm.Model):
    name = dorm.CharField(max_length=20)
    size = dorm.IntegerField(default=1)
    note = dorm.TextField(null=True)
    changed = dorm.DateTimeField(auto_now=True)
    made = dorm.DateTimeField(auto_now_add=True)
    owner = dorm.ForeignKey(Owner, dorm.CASCADE, null=True)


class Unique(dorm.Model):
    code = dorm.CharField(max_length=20, unique=True)
    left = dorm.IntegerField(default=0)
    right = dorm.IntegerField(null=True)

    class Meta:
        unique_together = [("left", "right")]


class Checked(dorm.Model):
    code = dorm.CharField(max_length=20, unique=True)

    def validate_unique(self, exclude=None):
        raise dorm.ValidationError({"code": "never"})


class ByUuid(dorm.Model):
    id = dorm.UUIDField(primary_key=True, default=uuid.uuid4)
    name = dorm.CharField(max_length=20)


class ByCode(dorm.Model):
    code = dorm.CharField(max_length=20, primary_key=True)
    name = dorm.CharField(max_length=20)


class Filled(dorm.Model):
    name = dorm.CharField(max_length=20)
    level = dorm.IntegerField(db_default=7)


class Frozen(dorm.Model):
    name = dorm.CharField(max_length=20)

    class Meta:
        read_only = True


pytestmark = pytest.mark.models(Owner, Thing, Unique, Checked, ByUuid, ByCode, Filled, Frozen)


async def test_a_new_instance_is_inserted_in_one_statement_and_then_updated(database, mode, queries):
    thing = Thing(name="a")
    with queries() as log:
        assert await mode.call(thing, "save") is None
    assert (1, 1) == (log.count, len(log.containing("INSERT")))
    assert (False, "default") == (thing._state.adding, thing._state.db)
    assert thing.pk == database.value("SELECT id FROM test_saving_thing")
    thing.name = "b"
    with queries() as log:
        await mode.call(thing, "save")
    assert (1, 1) == (log.count, len(log.containing("UPDATE")))
    assert [("b",)] == database.rows("SELECT name FROM test_saving_thing")


async def test_update_fields_writes_these_columns_only(database, mode, queries):
    thing = await mode.call(Thing.objects, "create", name="a")
    before = database.value("SELECT changed FROM test_saving_thing")
    thing.name, thing.size = "b", 5
    await mode.call(thing, "save", update_fields=["size"])
    assert [("a", 5, before)] == database.rows("SELECT name, size, changed FROM test_saving_thing")
    with queries() as log:
        await mode.call(thing, "save", update_fields=[])
    assert 0 == log.count


@pytest.mark.parametrize(("fields", "words"), [(["siez"], "siez.*size"), (["id"], "'id'"), ("name", r"\['name'\]")])
async def test_update_fields_that_cannot_be_written_are_named(database, mode, queries, fields, words):
    thing = await mode.call(Thing.objects, "create", name="a")
    with queries() as log, pytest.raises(ValueError, match=words):
        await mode.call(thing, "save", update_fields=fields)
    assert 0 == log.count


async def test_columns_that_were_not_loaded_stay_untouched(database, mode, queries):
    await mode.call(Thing.objects, "create", name="a", size=5, note="keep")
    thing = await mode.call(Thing.objects.only("name"), "get")
    database.run("UPDATE test_saving_thing SET note = 'kept'")
    thing.name = "b"
    with queries() as log:
        await mode.call(thing, "save")
    assert 1 == log.count
    assert [("b", 5, "kept")] == database.rows("SELECT name, size, note FROM test_saving_thing")


async def test_a_deferred_column_that_was_assigned_is_written(database, mode):
    await mode.call(Thing.objects, "create", name="a", size=5)
    thing = await mode.call(Thing.objects.defer("size"), "get")
    thing.size = 6
    await mode.call(thing, "save")
    assert 6 == database.value("SELECT size FROM test_saving_thing")


async def test_the_force_flags_exclude_each_other_and_mean_what_they_say(database, mode):
    with pytest.raises(ValueError):
        await mode.call(Owner(name="a"), "save", force_insert=True, force_update=True)
    with pytest.raises(ValueError):
        await mode.call(Owner(name="a"), "save", force_insert=True, update_fields=["name"])
    with pytest.raises(ValueError, match="key"):
        await mode.call(Owner(name="a"), "save", force_update=True)
    with pytest.raises(dorm.DatabaseError, match="99"):
        await mode.call(Owner(id=99, name="a"), "save", force_update=True)
    made = await mode.call(Owner.objects, "create", name="a")
    with pytest.raises(dorm.IntegrityError) as caught:
        await mode.call(Owner(id=made.pk, name="b"), "save", force_insert=True)
    assert not isinstance(caught.value, dorm.ValidationError)
    assert [("a",)] == database.rows("SELECT name FROM test_saving_owner")


async def test_a_chosen_key_updates_where_there_is_a_row_and_inserts_otherwise(database, mode, queries):
    made = await mode.call(Owner.objects, "create", name="old")
    with queries() as log:
        await mode.call(Owner(id=made.pk, name="new"), "save")
    assert (1, 1) == (log.count, len(log.containing("UPDATE")))
    await mode.call(Owner(id=made.pk + 5, name="other"), "save")
    assert [("new",), ("other",)] == database.rows("SELECT name FROM test_saving_owner ORDER BY id")


async def test_a_key_from_its_default_is_inserted_at_once(database, mode, queries):
    made = ByUuid(name="a")
    assert isinstance(made.pk, uuid.UUID)
    with queries() as log:
        await mode.call(made, "save")
    assert (1, 1) == (log.count, len(log.containing("INSERT")))
    await mode.call(ByUuid(id=made.pk, name="b"), "save")
    assert [("b",)] == database.rows("SELECT name FROM test_saving_byuuid")
    fresh = await mode.call(ByUuid.objects, "get")
    assert made.pk == fresh.pk


async def test_keys_that_callers_choose_are_never_overwritten(database, mode):
    made = await mode.call(ByCode.objects, "create", code="NO", name="x")
    assert "NO" == made.pk
    made.name = "y"
    await mode.call(made, "save")
    assert [("NO", "y")] == database.rows("SELECT code, name FROM test_saving_bycode")
    with pytest.raises(dorm.IntegrityError):
        await mode.call(ByCode.objects, "create", code="NO", name="z")


async def test_what_the_database_fills_in_comes_back_with_the_insert(database, mode, queries):
    filled = Filled(name="a")
    assert filled.level is None
    with queries() as log:
        await mode.call(filled, "save")
        assert 7 == filled.level
    assert 1 == log.count
    assert 3 == (await mode.call(Filled.objects, "create", name="b", level=3)).level
    assert [7, 3] == [row.level for row in await mode.fetch(Filled.objects.order_by("pk"))]


async def test_expressions_are_computed_by_the_database_and_read_afterwards(database, mode):
    thing = await mode.call(Thing.objects, "create", name="a", size=5)
    thing.size = F("size") + 1
    await mode.call(thing, "save")
    assert 6 == database.value("SELECT size FROM test_saving_thing")
    await mode.call(thing, "refresh_from_db")
    assert 6 == thing.size
    made = await mode.call(Thing.objects, "create", name=dorm.Lower(dorm.Value("LOUD")))
    assert "loud" == made.name


async def test_automatic_times_are_set_on_the_instance_too(database, mode):
    thing = await mode.call(Thing.objects, "create", name="a")
    assert isinstance(thing.made, dt.datetime) and isinstance(thing.changed, dt.datetime)
    made, changed = thing.made, thing.changed
    await mode.call(thing, "save")
    assert made == thing.made and thing.changed > changed


async def test_a_duplicate_is_both_a_validation_error_and_an_integrity_error(database, mode, queries):
    await mode.call(Unique.objects, "create", code="a")
    with queries() as log, pytest.raises(dorm.ValidationError) as caught:
        await mode.call(Unique.objects, "create", code="a", left=1)
    assert isinstance(caught.value, dorm.IntegrityError)
    assert ["code"] == list(caught.value.message)
    assert log.sql[0].startswith("INSERT"), "the check comes after the refusal"
    assert type(caught.value.__cause__).__module__.split(".")[0] in {"sqlite3", "psycopg"}
    assert 1 == database.count("test_saving_unique")


async def test_values_unique_together_clash_as_a_whole(database, mode):
    await mode.call(Unique.objects, "create", code="a", left=1, right=1)
    with pytest.raises(dorm.ValidationError) as caught:
        await mode.call(Unique(code="b", left=1, right=1), "save")
    assert ["__all__"] == list(caught.value.message)
    await mode.call(Unique(code="c", left=1, right=None), "save")
    await mode.call(Unique(code="d", left=1, right=None), "save")


async def test_a_duplicate_inside_a_transaction_leaves_it_usable(database, mode):
    async with mode.atomic():
        await mode.call(Unique.objects, "create", code="a")
        with pytest.raises(dorm.DuplicateError):
            await mode.call(Unique.objects, "create", code="a", left=1)
        await mode.call(Unique.objects, "create", code="b", left=2)
    assert 2 == database.count("test_saving_unique")


async def test_a_check_of_the_models_own_comes_first(database, mode, queries):
    with queries() as log, pytest.raises(dorm.DuplicateError, match="never"):
        await mode.call(Checked.objects, "create", code="a")
    assert 0 == len(log.containing("INSERT"))


async def test_an_insert_without_unique_values_costs_one_statement(database, mode, queries):
    with queries() as log:
        await mode.call(Unique.objects, "create", code="fresh")
    assert 1 == log.count


async def test_a_parent_saved_later_lends_its_key(database, mode, queries):
    owner = Owner(name="o")
    thing = Thing(name="a", owner=owner)
    with queries() as log, pytest.raises(ValueError, match=r"'owner'.*Owner"):
        await mode.call(thing, "save")
    assert 0 == log.count
    await mode.call(owner, "save")
    await mode.call(thing, "save")
    assert owner.pk == thing.owner_id == database.value("SELECT owner_id FROM test_saving_thing")


async def test_a_read_only_model_refuses_to_be_written(database, mode):
    with pytest.raises(dorm.ReadOnlyModelError, match="Frozen"):
        await mode.call(Frozen(name="x"), "save")
    with pytest.raises(dorm.ReadOnlyModelError, match="Frozen"):
        await mode.call(Frozen(id=1, name="x"), "delete")


async def test_a_row_that_went_away_is_inserted_again(database, mode):
    owner = await mode.call(Owner.objects, "create", name="o")
    database.run("DELETE FROM test_saving_owner")
    await mode.call(owner, "save")
    assert [(owner.pk, "o")] == database.rows("SELECT id, name FROM test_saving_owner")


async def test_a_model_may_extend_save(database, mode):
    class Loud(dorm.Model):
        word = dorm.CharField(max_length=10)

        def save(self, *args, **kwargs):
            self.word = self.word.upper()
            return super().save(*args, **kwargs)

    dorm.create_tables(Loud)
    made = await mode.call(Loud.objects, "create", word="hey")
    assert "HEY" == made.word
    made.word = "again"
    await mode.call(made, "save")
    assert "AGAIN" == database.value(f"SELECT word FROM {Loud._meta.db_table}")


async def test_a_model_may_ask_to_look_before_updating(database, mode, queries):
    class Careful(dorm.Model):
        name = dorm.CharField(max_length=10)

        class Meta:
            select_on_save = True

    dorm.create_tables(Careful)
    made = await mode.call(Careful.objects, "create", name="a")
    with queries() as log:
        await mode.call(made, "save")
    assert ["SELECT", "UPDATE"] == [sql.split()[0] for sql in log.sql]
    with queries() as log:
        await mode.call(made, "save", force_update=True)
    assert 1 == log.count


async def test_a_deferred_column_named_in_update_fields_is_loaded_first(database, mode, queries):
    await mode.call(Thing.objects, "create", name="a", size=5)
    thing = await mode.call(Thing.objects.only("name"), "get")
    if mode.name == "async":
        await thing.aload("size")
    with queries() as log:
        await mode.call(thing, "save", update_fields=["size"])
    assert 5 == database.value("SELECT size FROM test_saving_thing")
    assert log.count == (1 if mode.name == "async" else 2)


async def test_a_clash_that_only_the_database_finds_breaks_the_transaction(database, mode):
    with pytest.raises(dorm.TransactionManagementError, match="UniqueViolation"):
        async with mode.atomic():
            first = await mode.call(Unique.objects, "create", code="a")
            with pytest.raises(dorm.IntegrityError):
                await mode.call(Unique(pk=first.pk, code="b"), "save", force_insert=True)
            await mode.call(Unique.objects, "create", code="c")
    assert 0 == database.count("test_saving_unique")
