"""The transaction around a test, and what would run after its commit."""

from __future__ import annotations

import asyncio

import pytest

import dorm
from dorm import transaction
from dorm.testing import acapture_on_commit_callbacks, capture_on_commit_callbacks, rolled_back


class Row(dorm.Model):
    name = dorm.CharField(max_length=20)


pytestmark = pytest.mark.models([Row])


@transaction.atomic(durable=True)
def register(name, sent):
    Row.objects.create(name=name)
    transaction.on_commit(lambda: sent.append(name))


@transaction.aatomic(durable=True)
async def aregister(name, sent):
    async def send():
        await asyncio.sleep(0)
        sent.append((name, await Row.objects.acount()))

    await Row.objects.acreate(name=name)
    transaction.aon_commit(send)


def test_everything_inside_is_undone_and_seen_by_both_worlds(database):
    with rolled_back():
        Row.objects.create(name="sync")
        asyncio.run(aregister("async", []))
        assert 2 == Row.objects.count()
    assert 0 == database.count("test_rolled_back_row")
    Row.objects.create(name="kept")
    assert 1 == database.count("test_rolled_back_row")


async def test_it_goes_around_async_tests(database):
    async with rolled_back():
        await asyncio.gather(*[aregister(f"r{number}", []) for number in range(5)])
        assert 5 == Row.objects.count() == await Row.objects.acount()
    assert 0 == database.count("test_rolled_back_row")


def test_a_failed_statement_does_not_hide_the_failure_of_the_test(database):
    with pytest.raises(AssertionError, match="of the test"), rolled_back():
        with pytest.raises(dorm.DatabaseError):
            list(Row.objects.raw("SELECT nothing"))
        raise AssertionError("of the test")
    with rolled_back(), pytest.raises(dorm.DatabaseError):
        list(Row.objects.raw("SELECT nothing"))


def test_callbacks_are_captured(database):
    sent = []
    with rolled_back(), capture_on_commit_callbacks() as callbacks:
        register("Ada", sent)
        with pytest.raises(KeyError), transaction.atomic():
            transaction.on_commit(lambda: sent.append("never"))
            raise KeyError
    assert (1, []) == (len(callbacks), sent)
    callbacks[0]()
    assert ["Ada"] == sent


def test_callbacks_are_executed_with_those_they_register(database):
    sent = []
    with rolled_back():
        transaction.on_commit(lambda: sent.append("before"))
        with capture_on_commit_callbacks(execute=True) as callbacks:
            transaction.on_commit(lambda: transaction.on_commit(lambda: sent.append("second")))
            register("Ada", sent)
            assert [] == sent
        assert (["Ada", "second"], 3) == (sent, len(callbacks))
    assert ["Ada", "second"] == sent


def test_an_error_of_a_callback_reaches_the_test(database):
    with rolled_back(), pytest.raises(ZeroDivisionError), capture_on_commit_callbacks(execute=True):
        transaction.on_commit(lambda: 1 / 0)


async def test_coroutine_callbacks_are_awaited(database):
    sent = []
    async with rolled_back(), acapture_on_commit_callbacks(execute=True) as callbacks:
        await aregister("Ada", sent)
        assert [] == sent
    assert ([("Ada", 1)], 1) == (sent, len(callbacks))


async def test_callbacks_of_an_async_block_are_captured_too(database):
    sent = []
    async with transaction.aatomic():
        async with capture_on_commit_callbacks(execute=True):
            transaction.on_commit(lambda: sent.append(Row.objects.count()))
        assert [0] == sent
    assert [0] == sent
    await dorm.db.connection.close_all_async()


def test_without_a_transaction_there_is_nothing_to_capture(database):
    with pytest.raises(RuntimeError, match="rolled_back"), capture_on_commit_callbacks():
        pass


def test_the_plain_recipe_lets_durable_blocks_in_as_well(database):
    with transaction.atomic() as block, dorm.inline():
        register("Ada", [])
        asyncio.run(aregister("Grace", []))
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            register("Linus", [])
        block.set_rollback(True)
    assert 0 == database.count("test_rolled_back_row")
