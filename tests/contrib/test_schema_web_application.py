"""Schemas as bodies and response models of FastAPI."""

from __future__ import annotations

import asyncio

import pytest

import dorm

pytest.importorskip("pydantic")

from dorm.contrib.pydantic import DormSchema, schema_for


class Shop(dorm.Model):
    name = dorm.CharField(max_length=20)


class Clerk(dorm.Model):
    name = dorm.CharField(max_length=20)
    email = dorm.EmailField(unique=True)
    shop = dorm.ForeignKey(Shop, on_delete=dorm.CASCADE, null=True)


pytestmark = [
    pytest.mark.models([Shop, Clerk]),
    # Starlette's test client would rather have another package for its requests
    pytest.mark.filterwarnings("ignore:Using .httpx."),
]


class ShopOut(DormSchema):
    class Meta:
        model = Shop


class ClerkIn(DormSchema):
    class Meta:
        model = Clerk
        exclude = ("id",)


class ClerkOut(DormSchema):
    class Meta:
        model = Clerk
        nested = {"shop": ShopOut}


@pytest.fixture
def client(database):
    fastapi = pytest.importorskip("fastapi")
    pytest.importorskip("httpx")
    from fastapi.testclient import TestClient

    app = fastapi.FastAPI()

    async def create(payload: ClerkIn):
        made = await Clerk.objects.acreate(**payload.model_dump())
        return await Clerk.objects.select_related("shop").aget(pk=made.pk)

    async def everybody():
        return [clerk async for clerk in Clerk.objects.order_by("id")]

    create.__annotations__["payload"] = ClerkIn
    app.post("/clerks", response_model=ClerkOut)(create)
    app.get("/clerks", response_model=list[schema_for(Clerk, name="ClerkRow")])(everybody)

    with TestClient(app) as client:
        yield client
    asyncio.run(dorm.close_all_async())


def test_a_body_becomes_a_row_and_a_row_an_answer(client):
    shop = Shop.objects.create(name="corner")
    answer = client.post("/clerks", json={"name": "Ann", "email": "ann@example.com", "shop": shop.pk})
    assert answer.status_code == 200, answer.text
    key = Clerk.objects.get().pk
    assert answer.json() == {
        "id": key, "name": "Ann", "email": "ann@example.com", "shop": {"id": shop.pk, "name": "corner"},
    }  # fmt: skip
    assert client.get("/clerks").json() == [
        {"id": key, "name": "Ann", "email": "ann@example.com", "shop": shop.pk},
    ]


@pytest.mark.parametrize(
    "wrong",
    [{"name": "Ann"}, {"name": "Ann", "email": "nobody"}, {"name": "n" * 21, "email": "a@example.com"}],
    ids=str,
)
def test_a_wrong_body_is_the_clients_fault(client, wrong):
    assert client.post("/clerks", json=wrong).status_code == 422
    assert Clerk.objects.count() == 0


def test_the_interface_is_described(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert {"ClerkIn", "ClerkOut", "ClerkRow", "ShopOut"} <= set(schemas)
    assert schemas["ClerkIn"]["required"] == ["name", "email"]
    assert schemas["ClerkOut"]["properties"]["shop"]["anyOf"][0] == {"$ref": "#/components/schemas/ShopOut"}
