"""Who hears what: models, kinds, wants; plain and coroutine receivers; the end of a subscription."""

from __future__ import annotations

import gc
import weakref

import pytest

import dorm
from dorm.db.connection import get_connection
from dorm.db.write_events import subscriptions
from dorm.events import WriteEvent, subscribe


class Dated(dorm.Model):
    day = dorm.IntegerField(default=1)

    class Meta:
        abstract = True


class Letter(Dated):
    text = dorm.CharField(max_length=20, unique=True)


class Parcel(Dated):
    weight = dorm.IntegerField(default=0)


class Urgent(Letter):
    class Meta:
        proxy = True


class Stamp(dorm.Model):
    price = dorm.IntegerField(default=0)


class Pass(dorm.Model):
    token = dorm.CharField(max_length=20, primary_key=True)


class Gate(dorm.Model):
    opened_by = dorm.OneToOneField(Pass, on_delete=dorm.CASCADE, primary_key=True)


pytestmark = pytest.mark.models([Letter, Parcel, Stamp, Pass, Gate])


@pytest.fixture(autouse=True)
def nobody_listens():
    assert not subscriptions.active
    yield
    subscriptions.clear()


def of_models(**options):
    """The names of the models whose writes are told, while one row of each is made."""
    told = []
    with subscribe(lambda event: told.append(event.model.__name__), **options):
        Letter.objects.create(text="a")
        Urgent.objects.create(text="b")
        Parcel.objects.create()
        Stamp.objects.create()
    Letter.objects.all().delete()
    return list(dict.fromkeys(told))


def test_models_may_be_classes_abstract_bases_proxies_and_names(database):
    assert of_models() == ["Letter", "Parcel", "Stamp"]
    assert of_models(models=[Stamp]) == ["Stamp"]
    assert of_models(models=Stamp) == ["Stamp"]
    assert of_models(models=[Dated]) == ["Letter", "Parcel"]
    assert of_models(models=[Urgent]) == ["Letter"]
    assert of_models(models=["test_subscriptions.Parcel", Stamp]) == ["Parcel", "Stamp"]
    assert of_models(models="test_subscriptions.Urgent") == ["Letter"]
    assert of_models(models=[]) == []


@pytest.mark.only("sqlite")
def test_a_name_may_come_to_mean_a_model_while_it_is_listened_to(database):
    told = []
    subscribe(told.append, models=["test_subscriptions.Registered"], kinds=["insert"])
    Letter.objects.create(text="a")
    assert told == []

    class Registered(Letter):
        class Meta:
            proxy = True

    Registered.objects.create(text="b")
    assert [event.model for event in told] == [Letter] * 3


async def test_kinds_choose_and_an_upsert_is_told_to_who_waits_for_either(database, mode):
    told: dict[str, list[str]] = {}
    for kind in ("insert", "update", "delete", "upsert"):
        subscribe(lambda event, kind=kind: told.setdefault(kind, []).append(event.kind), kinds=[kind])
    await mode.call(Letter.objects, "create", text="a")
    await mode.call(Letter.objects, "update", day=2)
    await mode.call(Letter.objects, "upsert", [Letter(text="a", day=3)], ["text"])
    await mode.call(Letter.objects.all(), "delete")
    assert {kind: list(dict.fromkeys(kinds)) for kind, kinds in told.items()} == {
        "insert": ["insert", "upsert"],
        "update": ["update", "upsert"],
        "upsert": ["upsert"],
        "delete": ["delete"],
    }


async def test_hand_written_sql_is_told_to_who_listens_to_everything_or_asks_for_it(database, mode):
    told = []
    subscribe(lambda event: told.append("everything"))
    subscribe(lambda event: told.append("letters"), models=[Letter])
    subscribe(lambda event: told.append("letters and raw"), models=[Letter], kinds=["update", "raw"])
    subscribe(lambda event: told.append("updates"), kinds="update")
    sql = f"DELETE FROM {Letter._meta.db_table}"
    await mode.settle(mode.connection().execute_write(sql))
    assert told == ["everything", "letters and raw"] * 3
    told.clear()
    await mode.settle(mode.connection().execute("SELECT 1"))
    assert told == []


async def test_each_receiver_gets_what_it_wants_and_no_more(database, mode):
    told: dict[str, WriteEvent] = {}
    for want in ("", "values", "old"):
        subscribe(lambda event, want=want: told.__setitem__(want, event), want=[want] if want else ())
    await mode.call(Letter.objects, "create", text="hush")
    assert told[""].values is None
    assert told[""].old is None
    assert told["values"].values == {1: {"id": 1, "day": 1, "text": "hush"}}
    assert told["values"].old is None
    await mode.call(Letter.objects, "update", day=5)
    assert told["old"].old == {1: {"id": 1, "day": 1, "text": "hush"}}
    assert told["old"].values is None
    assert "hush" not in repr(told)


def test_no_secret_is_shown(database):
    told: list[WriteEvent] = []
    subscribe(told.append)
    Letter.objects.create(id=4711, text="a")
    assert "keys=(4711,)" in repr(told)
    told.clear()
    Pass.objects.create(token="hush")
    Gate.objects.create(opened_by_id="hush")
    get_connection().execute_write(f"UPDATE {Pass._meta.db_table} SET token = 'hush' WHERE token = %s", ["x"])
    assert [event.keys for event in told if event.phase == "after"] == [("hush",), ("hush",), None]
    assert "hush" not in repr(told)
    get_connection().execute_write(f"UPDATE {Parcel._meta.db_table} SET weight = 4")
    assert "SET weight = 4" in repr(told[-1])


async def test_coroutine_receivers_are_awaited_by_async_verbs_and_skipped_by_others(database, mode, caplog):
    told = []

    async def receiver(event):
        told.append((event.phase, await Letter.objects.acount()))

    subscribe(receiver, models=[Letter])
    async with mode.atomic():
        await mode.call(Letter.objects, "create", text="a")
    if mode.sync:
        assert told == []
        assert {record.name for record in caplog.records} == {"dorm.events"}
        assert "skipped" in caplog.text
    else:
        assert told == [("before", 0), ("after", 1), ("committed", 1)]


async def test_a_coroutine_receiver_may_veto(database, mode):
    async def receiver(event):
        raise LookupError(event.phase)

    subscribe(receiver)
    if not mode.sync:
        with pytest.raises(LookupError, match="before"):
            await mode.call(Letter.objects, "create", text="a")
        assert database.count(Letter._meta.db_table) == 0


def test_receivers_are_told_in_their_order_until_they_are_unsubscribed(database):
    told = []
    first = subscribe(lambda event: told.append(1), kinds=["insert"])
    with subscribe(lambda event: told.append(2), kinds=["insert"]):
        Stamp.objects.create()
        assert told == [1, 2] * 3
    told.clear()
    Stamp.objects.create()
    assert told == [1] * 3
    first()
    first()
    Stamp.objects.create()
    assert told == [1] * 3
    assert not subscriptions.active


def test_who_has_unsubscribed_is_not_told_the_end_either(database):
    told = []
    with dorm.transaction.atomic():
        with subscribe(lambda event: told.append(event.phase)):
            Stamp.objects.create()
    assert told == ["before", "after"]


def test_a_subscription_holds_its_receiver_until_it_ends(database):
    class Receiver:
        def __call__(self, event):
            told.append(event.phase)

    told = []
    receiver = Receiver()
    alive = weakref.ref(receiver)
    stop = subscribe(receiver)
    del receiver
    gc.collect()
    Stamp.objects.create()
    assert told == ["before", "after", "committed"]
    stop()
    del stop
    gc.collect()
    assert alive() is None


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="a function of one argument"):
        subscribe("receiver")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="listens to models"):
        subscribe(print, models=[dict])
    with pytest.raises(ValueError, match=r"'Letter' does not name a model: .* 'app.Model'"):
        subscribe(print, models=["Letter"])
    with pytest.raises(ValueError, match=r"knows no kinds 'inserts'\. Did you mean 'insert'\?"):
        subscribe(print, kinds=["inserts"])
    with pytest.raises(ValueError, match=r"knows no want 'new'\. Valid names: old, values\."):
        subscribe(print, want="new")
    assert not subscriptions.active
