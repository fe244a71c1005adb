"""The dialect without a database records what would be sent, and answers with what was prepared."""

from __future__ import annotations

import sqlite3

import pytest

import dorm
from dorm import transaction
from dorm.conf.engines import engines
from dorm.conf.settings import settings
from dorm.dialects.contract import Dialect
from dorm.query.write.row_writes import delete_where_in
from dorm.testing import Recorded, Recording


class Boat(dorm.Model):
    name = dorm.CharField(max_length=10, unique=True)
    length = dorm.IntegerField(default=3)

    class Meta:
        app_label = "recorded"


@pytest.fixture(params=["sqlite", "postgresql"])
def recording(request):
    with Recording(request.param) as made:
        yield made
    settings.reset()


def test_it_is_a_dialect():
    made: Dialect = Recording("sqlite")
    assert made.features().vendor == "sqlite"


def test_a_query_is_recorded_with_its_parameters_and_reads_the_answer():
    with Recording("sqlite") as recording:
        recording.answer((7, "Argo", 30))
        boat = Boat.objects.filter(length__gt=20).get(name="Argo")
    assert (boat.pk, boat.name, boat.length) == (7, "Argo", 30)
    (statement,) = recording.statements
    assert "WHERE" in statement.sql
    assert statement.params[:2] == (20, "Argo")


async def test_it_answers_in_every_mode(recording, mode):
    recording.answer((1,))
    boat = await mode.call(Boat.objects, "create", name="Argo")
    assert boat.pk == 1
    recording.answer((1, "Argo", 3), (2, "Beagle", 5), (3, "Calypso", 8))
    assert [each.name for each in await mode.fetch(Boat.objects.order_by("pk"))] == ["Argo", "Beagle", "Calypso"]
    assert len(recording.statements) == 2
    assert recording.statements[0].params == ("Argo", 3)


def test_rows_come_in_portions(recording):
    recording.answer(*((number, f"boat {number}", 3) for number in range(5)))
    assert [boat.pk for boat in Boat.objects.iterator(chunk_size=2)] == [0, 1, 2, 3, 4]
    assert len(recording.statements) == 1


def test_transactions_are_in_the_log_only(recording):
    with transaction.atomic():
        Boat.objects.filter(pk=1).update(length=4)
    assert recording.log[0] == Recorded("BEGIN", ())
    assert recording.log[-1] == Recorded("COMMIT", ())
    assert len(recording.statements) == 1


def test_what_changed_is_prepared_too(recording):
    recording.answer(changed=3)
    assert Boat.objects.filter(length=3).update(length=4) == 3
    assert Boat.objects.filter(length=3).update(length=4) == 1


def test_an_error_of_the_driver_becomes_one_of_the_library():
    with Recording("sqlite") as recording:
        recording.fail(sqlite3.IntegrityError("UNIQUE constraint failed: recorded_boat.name"))
        with pytest.raises(dorm.UniqueViolation) as caught:
            Boat.objects.create(name="Argo")
    assert list(caught.value.columns) == ["name"]


def test_tables_are_made_as_sql(recording):
    dorm.create_tables(Boat)
    assert any("CREATE TABLE" in sql for sql in recording.sql)


def test_the_databases_come_back_afterwards(tmp_path):
    dorm.configure(DATABASES={"default": f"sqlite:///{tmp_path}/boats.db"})
    dorm.create_tables(Boat)
    Boat.objects.create(name="Argo")
    with Recording("sqlite", using="other") as recording:
        assert Boat.objects.using("other").count() is not None
        assert settings.get("DATABASES").keys() == {"default", "other"}
    assert settings.get("DATABASES").keys() == {"default"}
    assert len(recording.statements) == 1
    assert engines.names == ("sqlite", "postgresql")
    assert Boat.objects.get().name == "Argo"
    dorm.close_all()
    settings.reset()


def test_a_database_that_returns_nothing_refuses_to_read_back():
    with Recording("sqlite", supports_returning=False) as recording:
        with pytest.raises(
            dorm.UnsupportedFeature, match=r"SQLite does not have INSERT … RETURNING, by which id of .* would"
        ):
            Boat.objects.create(name="Argo")
        assert recording.statements == []
        assert Boat.objects.create(pk=5, name="Argo").pk == 5
        Boat.objects.bulk_create([Boat(pk=6, name="b"), Boat(pk=7, name="c")])
    assert all("RETURNING" not in sql for sql in recording.sql)
    assert len(recording.statements) == 2


def test_keys_that_fit_no_statement_are_deleted_in_one_transaction():
    with Recording("sqlite", list_parameter=False, max_parameters=102) as recording:
        for _ in range(2):
            recording.answer(changed=2)
        options = Boat._meta
        assert delete_where_in(options, options.pk, [1, 2, 3], using="default", origin="cascade") == 4
    assert [entry.sql.split()[0] for entry in recording.log] == ["BEGIN", "DELETE", "DELETE", "COMMIT"]
