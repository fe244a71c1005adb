"""Routers."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db import routers


class Article:
    """Stands for a model."""


class Replica:
    """Reads from "replica", writes to "default"."""

    def __init__(self) -> None:
        self.hints: dict[str, Any] = {}

    def db_for_read(self, model: Any, **hints: Any) -> str:
        self.hints = hints
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"


class Undecided:
    def db_for_read(self, model: Any, **hints: Any) -> None:
        return None

    def allow_relation(self, first: Any, second: Any) -> None:
        return None


class Silent:
    pass


@pytest.fixture(autouse=True)
def aliases(database: Any, tmp_path: Any) -> Any:
    replica = {"ENGINE": "sqlite", "NAME": str(tmp_path / "replica.db")}
    dorm.configure(DATABASES={"default": database.entry, "replica": replica}, READ_AFTER_WRITE_WINDOW=30)
    yield
    routers.clear_read_after_write_window()
    dorm.configure(DATABASE_ROUTERS=[], READ_AFTER_WRITE_WINDOW=3.0)


pytestmark = pytest.mark.only("sqlite")


def stored(alias: str | None) -> Any:
    return SimpleNamespace(_state=SimpleNamespace(db=alias))


def test_without_routers_the_instance_decides(database: Any) -> None:
    assert routers.db_for_read(Article) == routers.db_for_write(Article) == "default"
    assert routers.db_for_read(Article, stored("replica")) == "replica"
    assert routers.db_for_write(Article, stored(None)) == "default"


def test_the_first_answer_wins_and_hints_reach_the_router(database: Any) -> None:
    router = Replica()
    dorm.configure(DATABASE_ROUTERS=[Silent(), Undecided(), router])
    instance = stored("default")
    assert routers.db_for_read(Article, instance) == "replica"
    assert router.hints == {"instance": instance}
    assert routers.db_for_write(Article) == "default"
    dorm.configure(DATABASE_ROUTERS=[Silent(), Undecided()])
    assert routers.db_for_read(Article) == "default"


def test_errors_of_routers_are_raised(database: Any) -> None:
    def broken(model: Any, **hints: Any) -> str:
        raise LookupError

    dorm.configure(DATABASE_ROUTERS=[SimpleNamespace(db_for_read=broken)])
    with pytest.raises(LookupError):
        routers.db_for_read(Article)


def test_a_router_may_be_a_class_or_a_dotted_path(database: Any) -> None:
    dorm.configure(DATABASE_ROUTERS=[Replica])
    assert routers.db_for_read(Article) == "replica"
    dorm.configure(DATABASE_ROUTERS=[f"{__name__}.Replica"])
    assert routers.db_for_read(Article) == "replica"
    for wrong in ("nowhere.Router", f"{__name__}.Missing", "Router"):
        dorm.configure(DATABASE_ROUTERS=[wrong])
        with pytest.raises(dorm.ImproperlyConfigured, match="DATABASE_ROUTERS"):
            routers.db_for_read(Article)


def test_reads_follow_a_write_for_some_time(database: Any) -> None:
    dorm.configure(DATABASE_ROUTERS=[Replica()])
    routers.wrote(Article, "default")
    assert routers.db_for_read(Article) == "default"
    assert routers.db_for_read(Silent) == "replica"
    assert routers.db_for_read(Article, sticky=False) == "replica"
    routers.clear_read_after_write_window()
    assert routers.db_for_read(Article) == "replica"
    for off in (0, None):
        dorm.configure(READ_AFTER_WRITE_WINDOW=off)
        routers.wrote(Article, "default")
        assert routers.db_for_read(Article) == "replica"


def test_windows_that_are_over_are_forgotten(database: Any) -> None:
    dorm.configure(DATABASE_ROUTERS=[Replica()], READ_AFTER_WRITE_WINDOW=0.001)
    for number in range(20):
        routers.wrote(type(f"Model{number}", (), {}), "default")
        time.sleep(0.002)
    assert len(routers._written.get()) == 1


async def test_another_task_does_not_follow(database: Any) -> None:
    dorm.configure(DATABASE_ROUTERS=[Replica()])

    async def write() -> str:
        routers.wrote(Article, "default")
        return routers.db_for_read(Article)

    assert await asyncio.create_task(write()) == "default"
    assert routers.db_for_read(Article) == "replica"


async def test_inside_a_block_of_the_write_alias_reads_stay_there(database: Any, mode: Any) -> None:
    dorm.configure(DATABASE_ROUTERS=[Replica()])
    from dorm.db import bridge

    async def alias() -> str:
        if mode.sync:
            return routers.db_for_read(Article)
        return await bridge.run_async(routers.db_for_read, Article)

    async with mode.atomic("default"):
        assert await alias() == "default"
    async with mode.atomic("replica"):
        assert await alias() == "replica"
    assert await alias() == "replica"


def test_relations_stay_within_an_alias_unless_a_router_allows_more(database: Any) -> None:
    assert routers.allow_relation(stored("default"), stored("default"))
    assert routers.allow_relation(stored("default"), stored(None))
    assert not routers.allow_relation(stored("default"), stored("replica"))
    dorm.configure(DATABASE_ROUTERS=[Undecided(), SimpleNamespace(allow_relation=lambda first, second: True)])
    assert routers.allow_relation(stored("default"), stored("replica"))


def test_migrations_ask_too(database: Any) -> None:
    assert routers.allow_migrate("default", "shop")
    router = SimpleNamespace(allow_migrate=lambda alias, app, model_name=None, **hints: alias == "default")
    dorm.configure(DATABASE_ROUTERS=[router])
    assert not routers.allow_migrate("replica", "shop", "order")


def test_a_block_of_another_thread_does_not_count(database: Any) -> None:
    import threading

    dorm.configure(DATABASE_ROUTERS=[Replica()])
    seen: list[str] = []
    with transaction.atomic():
        thread = threading.Thread(target=lambda: seen.append(routers.db_for_read(Article)))
        thread.start()
        thread.join()
    assert seen == ["replica"]
