"""Each write that was told *after* is told once more: committed, or rolled back with its savepoint or its transaction."""

from __future__ import annotations

import pytest

import dorm
from dorm import transaction
from dorm.db.connection import get_connection
from dorm.events import WriteEvent, subscribe
from dorm.exceptions import IntegrityError, TransactionManagementError


class Wallet(dorm.Model):
    owner = dorm.CharField(max_length=20, unique=True)
    coins = dorm.IntegerField(default=0)


class Coin(dorm.Model):
    wallet = dorm.ForeignKey(Wallet, on_delete=dorm.CASCADE)


pytestmark = pytest.mark.models([Wallet, Coin])


class Ears:
    """What was told, as ``"phase kind keys"``."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.numbers: list[int | None] = []

    def __call__(self, event: WriteEvent) -> None:
        keys = "?" if event.keys is None else ",".join(map(str, event.keys))
        self.told.append(f"{event.phase} {event.kind} {keys}")
        self.numbers.append(event.transaction)


class Broken(Exception):
    pass


async def test_without_a_block_a_write_is_committed_at_once(database, mode):
    with subscribe(ears := Ears()):
        await mode.call(Wallet.objects, "create", owner="a")
        assert ears.told == ["before insert ?", "after insert 1", "committed insert 1"]
        await mode.call(Wallet.objects, "update", coins=1)
    assert ears.numbers[0] == ears.numbers[2]
    assert ears.numbers[3] not in ears.numbers[:3]


async def test_in_a_block_the_end_is_told_when_the_outermost_one_ends(database, mode):
    with subscribe(ears := Ears()):
        async with mode.atomic():
            await mode.call(Wallet.objects, "create", owner="a")
            async with mode.atomic():
                await mode.call(Wallet.objects, "update", coins=1)
            assert [line for line in ears.told if line.startswith("committed")] == []
        assert ears.told[-2:] == ["committed insert 1", "committed update 1"]
    assert len(set(ears.numbers)) == 1


async def test_what_goes_with_a_savepoint_is_rolled_back_and_the_rest_is_committed(database, mode):
    with subscribe(ears := Ears()):
        async with mode.atomic():
            await mode.call(Wallet.objects, "create", owner="a")
            with pytest.raises(Broken):
                async with mode.atomic():
                    await mode.call(Wallet.objects, "update", coins=1)
                    raise Broken
            assert ears.told[-1] == "rolled_back update 1"
        assert ears.told[-1] == "committed insert 1"
    assert len(ears.told) == 6


def test_savepoints_by_name_count_too(database):
    with subscribe(ears := Ears()), transaction.atomic():
        mark = transaction.savepoint()
        Wallet.objects.create(owner="a")
        transaction.savepoint_rollback(mark)
        assert ears.told[-1] == "rolled_back insert 1"
    assert len(ears.told) == 3


async def test_a_transaction_that_is_undone_rolls_everything_back(database, mode):
    with subscribe(ears := Ears()):
        with pytest.raises(Broken):
            async with mode.atomic():
                await mode.call(Wallet.objects, "create", owner="a")
                await mode.call(Wallet.objects, "update", coins=1)
                raise Broken
    assert ears.told[-2:] == ["rolled_back insert 1", "rolled_back update 1"]
    assert database.count(Wallet._meta.db_table) == 0


@pytest.mark.only("postgresql")
def test_a_commit_that_fails_commits_nothing(database):
    wallet, coin = Wallet._meta.db_table, Coin._meta.db_table
    database.run(f"ALTER TABLE {wallet} ADD CONSTRAINT late UNIQUE (coins) DEFERRABLE INITIALLY DEFERRED")
    Wallet.objects.create(owner="a")
    with subscribe(ears := Ears()), pytest.raises(IntegrityError):
        Wallet.objects.create(owner="b")
    assert ears.told[-1].startswith("rolled_back insert")
    assert [line for line in ears.told if line.startswith("committed")] == []
    assert database.count(wallet) == 1
    assert database.count(coin) == 0


def test_a_task_that_ends_manual_mode_by_commit_or_rollback_tells_it(database):
    handle = get_connection()
    handle.set_autocommit(False)
    try:
        with subscribe(ears := Ears()):
            Wallet.objects.create(owner="a")
            assert ears.told[-1].startswith("after")
            handle.commit()
            assert ears.told[-1] == "committed insert 1"
            Wallet.objects.update(coins=3)
            handle.rollback()
            assert ears.told[-1] == "rolled_back update 1"
    finally:
        handle.set_autocommit(True)
    assert ears.numbers[0] != ears.numbers[-1]


# ------------------------------------------------------------------------------------------------- receivers that raise


def raising(phase: str):
    def receiver(event: WriteEvent) -> None:
        if event.phase == phase:
            raise Broken

    return receiver


async def test_a_veto_stops_the_write(database, mode, queries):
    with subscribe(ears := Ears()), subscribe(raising("before")), queries() as log, pytest.raises(Broken):
        await mode.call(Wallet.objects, "create", owner="a")
    assert log.count == 0
    assert ears.told == ["before insert ?"]
    assert database.count(Wallet._meta.db_table) == 0


async def test_what_raises_after_the_write_undoes_it_outside_a_block_too(database, mode):
    with subscribe(ears := Ears()), subscribe(raising("after")), pytest.raises(Broken):
        await mode.call(Wallet.objects, "create", owner="a")
    assert ears.told == ["before insert ?", "after insert 1", "rolled_back insert 1"]
    assert database.count(Wallet._meta.db_table) == 0


async def test_who_did_not_hear_of_the_write_does_not_hear_of_its_end(database, mode):
    with subscribe(raising("after")), subscribe(ears := Ears()), pytest.raises(Broken):
        await mode.call(Wallet.objects, "create", owner="a")
    assert ears.told == ["before insert ?"]


async def test_inside_a_block_it_undoes_that_write_and_no_other(database, mode):
    async with mode.atomic():
        await mode.call(Wallet.objects, "create", owner="a")
        with subscribe(raising("after")), pytest.raises(Broken):
            await mode.call(Wallet.objects, "create", owner="b")
        await mode.call(Wallet.objects, "create", owner="c")
    assert sorted(database.rows(f"SELECT owner FROM {Wallet._meta.db_table}")) == [("a",), ("c",)]


async def test_what_raises_at_the_end_is_logged_and_the_others_are_told(database, mode, caplog):
    with subscribe(raising("committed")), subscribe(ears := Ears()):
        await mode.call(Wallet.objects, "create", owner="a")
    assert ears.told[-1] == "committed insert 1"
    assert [record.name for record in caplog.records] == ["dorm.transaction"]
    assert database.count(Wallet._meta.db_table) == 1


async def test_a_statement_that_fails_breaks_its_block_as_it_does_without_listeners(database, mode):
    await mode.call(Wallet.objects, "create", owner="a")
    for heard in (False, True):
        stop = subscribe(Ears()) if heard else None
        with pytest.raises(TransactionManagementError):
            async with mode.atomic():
                with pytest.raises(IntegrityError):
                    await mode.call(Wallet.objects, "bulk_create", [Wallet(owner="a")])
                await mode.call(Wallet.objects, "count")
        if stop is not None:
            stop()


async def test_a_statement_that_fails_is_told_before_and_then_no_more(database, mode):
    await mode.call(Wallet.objects, "create", owner="a")
    with subscribe(ears := Ears()), pytest.raises(IntegrityError):
        await mode.call(Wallet.objects, "create", owner="a")
    assert ears.told == ["before insert ?"]


async def test_a_write_that_finds_no_row_is_not_told_as_one(database, mode):
    with subscribe(ears := Ears()):
        assert await mode.call(Wallet.objects.filter(coins=5), "update", coins=6) == 0
        assert (await mode.call(Wallet.objects.filter(coins=5), "delete"))[0] == 0
        assert await mode.call(Wallet.objects, "bulk_update", [Wallet(id=9, coins=1)], ["coins"]) == 0
    assert ears.told == []


async def test_what_a_receiver_writes_belongs_to_the_transaction_of_the_write(database, mode):
    def receiver(event: WriteEvent) -> None:
        if event.phase == "after":
            Coin.objects.create(wallet_id=event.keys[0])

    with subscribe(receiver, models=[Wallet]), subscribe(ears := Ears(), models=[Coin]):
        with pytest.raises(Broken):
            async with mode.atomic():
                await mode.call(Wallet.objects, "create", owner="a")
                assert await mode.call(Coin.objects, "count") == 1
                raise Broken
        assert ears.told[-1] == "rolled_back insert 1"
        await mode.call(Wallet.objects, "create", owner="b")
    assert ears.told[-1].startswith("committed insert")
    assert database.count(Coin._meta.db_table) == 1
