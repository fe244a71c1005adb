"""One compiled plan serves all tenants, and none of them ever gets a row of another: in threads, in tasks, in streams."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest

import dorm
from dorm import Count, F, Q, Value, scopes
from dorm.functions import Func
from dorm.query.run import plan
from dorm.query.run.plan_cache import plans

CURRENT: ContextVar[int] = ContextVar("current", default=1)


class Firm(dorm.Model):
    tenant = dorm.IntegerField()
    name = dorm.CharField(max_length=20)


class Person(dorm.Model):
    tenant = dorm.IntegerField()
    name = dorm.CharField(max_length=20)
    firm = dorm.ForeignKey(Firm, on_delete=dorm.CASCADE, related_name="people")


class Member(dorm.Model):
    firm = dorm.ForeignKey(Firm, on_delete=dorm.CASCADE, related_name="members")
    user = dorm.IntegerField()


pytestmark = pytest.mark.models([Firm, Person, Member])
TENANTS = range(1, 5)


class Loose(Func):
    """A function that cannot be part of a key."""

    function = "coalesce"

    def __init__(self, name: str) -> None:
        super().__init__(name, Value(""))
        self.extra = object()


def by_tenant(model: Any) -> Q[Any] | None:
    return Q(tenant=CURRENT.get()) if "tenant" in model._meta.names else None


def fill() -> None:
    for tenant in TENANTS:
        firm = Firm.objects.create(tenant=tenant, name=f"f{tenant}")
        for n in range(tenant):
            Person.objects.create(tenant=tenant, name=f"p{n}", firm=firm)


def seen() -> dict[str, Any]:
    """What one tenant sees, by several ways."""
    people = Person.objects.filter(name__startswith="p")
    return {
        "rows": {row.tenant for row in people},
        "joined": {row.firm.tenant for row in people.select_related("firm")},
        "prefetched": {p.tenant for f in Firm.objects.prefetch_related("people") for p in f.people.all()},
        "count": people.count(),
        "grouped": [row.n for row in Firm.objects.annotate(n=Count("people"))],
        "excluded": Firm.objects.exclude(people__name="p0").count(),
        "streamed": {row.tenant for row in people.iterator(chunk_size=1)},
        "uncacheable": {row.tenant for row in people.annotate(x=Loose("name"))},
    }


def expected(tenant: int) -> dict[str, Any]:
    only = {tenant}
    return {
        "rows": only,
        "joined": only,
        "prefetched": only,
        "count": tenant,
        "grouped": [tenant],
        "excluded": 0,
        "streamed": only,
        "uncacheable": only,
    }


@pytest.fixture
def scoped(database):
    fill()
    before = CURRENT.get()
    with scopes.register(by_tenant):
        yield database
    CURRENT.set(before)


def test_tenants_take_turns_on_a_warm_cache(scoped):
    for tenant in TENANTS:
        CURRENT.set(tenant)
        assert seen() == expected(tenant)
    plans.clear()
    CURRENT.set(1)
    seen()
    compiled = len(plans)
    for tenant in (*TENANTS, *reversed(TENANTS)):
        CURRENT.set(tenant)
        assert seen() == expected(tenant)
    assert len(plans) == compiled


def test_a_plan_that_was_compiled_for_one_tenant_is_found_by_the_others(scoped, monkeypatch):
    def work() -> list[int]:
        rows = Person.objects.filter(firm__name__startswith="f").select_related("firm").order_by("firm__name")
        return [row.firm.tenant for row in rows]

    CURRENT.set(1)
    work()

    def refuse(*_: Any) -> Any:
        raise AssertionError("compiled again")

    monkeypatch.setattr(plan, "compile_plan", refuse)
    for tenant in TENANTS:
        CURRENT.set(tenant)
        assert work() == [tenant] * tenant
    with scopes.unscoped(), pytest.raises(AssertionError, match="compiled again"):
        work()
    with scopes.register(lambda model: None, models=[Firm]):
        assert work() == [4] * 4
    with scopes.register(lambda model: Q(name="f4"), models=[Firm]), pytest.raises(AssertionError, match="again"):
        work()


def test_a_queryset_made_by_one_tenant_is_that_of_whoever_runs_it(scoped):
    CURRENT.set(1)
    inside = Firm.objects.filter(pk__in=Person.objects.filter(name="p0").values("firm"))
    CURRENT.set(3)
    assert [row.tenant for row in inside] == [3]
    assert inside.sql().params.count(3) == 2
    assert 1 not in inside.sql().params


def test_the_statement_is_the_same_for_all_and_its_values_are_parameters(scoped):
    told = set()
    for tenant in TENANTS:
        CURRENT.set(tenant)
        query = Person.objects.filter(firm__name="x").query
        sql, params = Person.objects.filter(firm__name="x").sql()
        assert list(params).count(tenant) == 2
        told.add((sql, query.identity, query.describe()))
    ((_, identity, words),) = told
    with scopes.unscoped():
        bare = Person.objects.filter(firm__name="x").query
        assert bare.identity != identity
        assert "scope" not in bare.describe()
    label = "test_tenants_share_plans_and_nothing_else"
    assert f"within the scope of {label}.Person: tenant exact ?" in words
    assert f"within the scope of {label}.Firm: tenant exact ?" in words


def test_another_condition_of_the_same_registration_is_another_plan(scoped):
    wanted: list[Q[Any] | None] = [
        Q(name="p0"),
        Q(name__gt="p0"),
        None,
        Q(name="p0") | Q(name="p1"),
        Q(name__in=[]),
        Q(pk__in=[]),
        Q(name=None),
        Q(firm=None),
    ]
    CURRENT.set(4)
    for _ in range(2):
        found = []
        for condition in wanted:
            with scopes.register(lambda model, chosen=condition: chosen, models=[Person]):
                found.append(
                    (
                        Person.objects.count(),
                        sum(row.n for row in Firm.objects.annotate(n=Count("people"))),
                        sorted(row.name for row in Person.objects.select_related("firm").order_by("firm__name")),
                    )
                )
        assert [count for count, *_ in found] == [1, 3, 4, 2, 0, 0, 0, 0]
        assert all(count == n == len(rows) for count, n, rows in found)


def test_threads_do_not_see_each_other(scoped):
    if scoped.vendor == "sqlite":
        pytest.skip("a test database of SQLite belongs to one thread")

    def work(tenant: int) -> list[Any]:
        CURRENT.set(tenant)
        return [seen() == expected(tenant) for _ in range(5)]

    with ThreadPoolExecutor(4) as pool:
        tenants = [random.choice(TENANTS) for _ in range(12)]
        assert [all(results) for results in pool.map(work, tenants)] == [True] * 12


async def test_tasks_do_not_see_each_other(scoped):
    async def work(tenant: int) -> bool:
        CURRENT.set(tenant)
        for _ in range(4):
            rows = [row.tenant async for row in Person.objects.filter(name__startswith="p")]
            await asyncio.sleep(0)
            count = await Person.objects.acount()
            loaded = {row.firm.tenant async for row in Person.objects.select_related("firm")}
            if set(rows) != {tenant} or count != tenant or loaded != {tenant}:
                return False
        return True

    with dorm.inline():
        found = await asyncio.gather(*(work(random.choice(TENANTS)) for _ in range(12)))
    assert found == [True] * 12


async def test_async_verbs_read_the_context_of_their_task(scoped):
    async def count(tenant: int) -> int:
        CURRENT.set(tenant)
        return await Person.objects.acount()

    with dorm.inline():
        assert await asyncio.gather(*(asyncio.create_task(count(tenant)) for tenant in TENANTS)) == [1, 2, 3, 4]


def test_a_condition_over_a_relation_repeats_no_row(scoped):
    firms = {firm.tenant: firm for tenant in TENANTS for firm in [_firm(tenant)]}
    for _ in range(2):
        Member.objects.create(firm=firms[4], user=7)
    CURRENT.set(4)
    with scopes.register(lambda model: Q(members__user=7), models=[Firm]):
        assert Firm.objects.count() == 1
        assert Person.objects.filter(firm__name="f4").count() == 4
        assert Firm.objects.update(name=F("name")) == 1
        assert [p.firm.name for p in Person.objects.select_related("firm")] == ["f4"] * 4
    with scopes.register(lambda model: Q(members__user=8), models=[Firm]):
        assert Firm.objects.count() == 0
        assert Person.objects.filter(firm__name="f4").count() == 0
        assert Firm.objects.update(name="x") == 0
        assert [p.firm for p in Person.objects.select_related("firm")] == [None] * 4


def test_a_condition_with_a_subquery_of_its_own_model_does_not_hold_inside_itself(scoped):
    CURRENT.set(3)
    with scopes.register(lambda model: Q(pk__in=Person.objects.filter(name="p1").values("pk")), models=[Person]):
        assert [row.name for row in Person.objects.all()] == ["p1"]
        assert Firm.objects.filter(people__name="p1").count() == 1
        assert Firm.objects.filter(people__name="p0").count() == 0


def _firm(tenant: int) -> Firm:
    CURRENT.set(tenant)
    return Firm.objects.get()
