"""Transactions in a real web application: FastAPI's dependencies, and the clients its tests use."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

import dorm
from dorm import transaction
from dorm.db.connection import close_all_async, get_connection
from dorm.testing import capture_on_commit_callbacks, rolled_back

with warnings.catch_warnings():
    # it would rather have the next generation of httpx
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient


class Order(dorm.Model):
    number = dorm.IntegerField(unique=True)


pytestmark = pytest.mark.models([Order])


def by_dependency() -> Iterator[None]:
    """The pattern that does not work: a thread pool enters, runs and leaves it where there is room."""
    with transaction.atomic():
        yield


async def by_async_dependency() -> AsyncIterator[None]:
    async with transaction.aatomic():
        yield


def application(sent: list[int]) -> FastAPI:
    app = FastAPI()

    @app.post("/sync/{number}")
    @transaction.atomic
    def in_function(number: int) -> int:
        Order.objects.create(number=number)
        if number % 4 == 0:
            raise ValueError
        return number

    @app.post("/async/{number}", dependencies=[Depends(by_async_dependency)])
    async def in_dependency(number: int) -> int:
        await Order.objects.acreate(number=number)
        if number % 4 == 0:
            raise ValueError
        return number

    @app.post("/strayed/{number}", dependencies=[Depends(by_dependency)])
    def strayed(number: int) -> int:
        return number

    @app.post("/durable/{number}")
    async def durable(number: int) -> int:
        async with transaction.aatomic(durable=True):
            await Order.objects.acreate(number=number)
            transaction.on_commit(lambda: sent.append(number))
        return await Order.objects.acount()

    return app


async def post(app: FastAPI, *paths: str) -> list[int]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answers = await asyncio.gather(*[client.post(path) for path in paths])
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_forty_requests_keep_what_they_acknowledge_and_nothing_else(database: Any, kind: str) -> None:
    codes = await post(application([]), *[f"/{kind}/{number}" for number in range(40)])
    acknowledged = sorted(number for number, code in enumerate(codes) if code == 200)
    assert acknowledged == [number for number in range(40) if number % 4]
    assert [
        row[0] for row in database.rows("SELECT number FROM test_web_applications_order ORDER BY number")
    ] == acknowledged
    await close_all_async()


async def test_a_block_of_a_sync_dependency_never_ends_quietly(database: Any) -> None:
    transport = httpx.ASGITransport(app=application([]))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for number in range(4):
            with pytest.raises(dorm.TransactionManagementError, match="Open the block inside the function"):
                await client.post(f"/strayed/{number}")
    await close_all_async()


def test_starlettes_client_is_refused_inside_the_transaction_of_a_test(database: Any) -> None:
    with rolled_back():
        Order.objects.create(number=1)
        with TestClient(application([])) as client, pytest.raises(dorm.MixedWorldsError, match="httpx.AsyncClient"):
            client.post("/durable/2")
    assert database.count("test_web_applications_order") == 0


def test_the_client_in_the_tests_own_loop_shares_its_transaction(database: Any) -> None:
    sent: list[int] = []
    with rolled_back():
        Order.objects.create(number=1)
        with capture_on_commit_callbacks(execute=True):
            assert asyncio.run(post(application(sent), "/durable/2", "/durable/3", "/async/5", "/async/8")) == [
                200,
                200,
                200,
                500,
            ]
            assert sent == []
        assert sorted(sent) == [2, 3]
        assert sorted(Order.objects.values_list("number", flat=True)) == [1, 2, 3, 5]
    assert database.count("test_web_applications_order") == 0
    assert get_connection().execute("SELECT COUNT(*) FROM test_web_applications_order")[0][0] == 0
