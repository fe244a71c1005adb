"""`LocMemCache` and what every cache promises."""

from __future__ import annotations

import inspect
import threading

import pytest

import dorm
from dorm.cache import BaseCache, locmem
from dorm.cache.locmem import LocMemCache

VERBS = ("get", "set", "delete", "delete_pattern")


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(locmem, "time", made)
    return made


async def test_values_are_kept_and_dropped(mode):
    cache = LocMemCache()
    assert await mode.call(cache, "get", "a") is None
    await mode.call(cache, "set", "a", b"1")
    await mode.call(cache, "set", "a", b"2")
    assert await mode.call(cache, "get", "a") == b"2"
    assert await mode.call(cache, "delete", "a") is True
    assert await mode.call(cache, "delete", "a") is False
    assert await mode.call(cache, "get", "a") is None


async def test_a_pattern_drops_what_it_matches(mode):
    cache = LocMemCache()
    for key in ("book:1", "book:2", "book[3]", "author:1"):
        await mode.call(cache, "set", key, b"x")
    assert await mode.call(cache, "delete_pattern", "book:*") == 2
    assert await mode.call(cache, "delete_pattern", "BOOK*") == 0
    assert await mode.call(cache, "delete_pattern", "book[[]?]") == 1
    assert await mode.call(cache, "get", "author:1") == b"x"
    assert len(cache) == 1


def test_entries_expire(clock):
    cache = LocMemCache(ttl=300)
    cache.set("own", b"1", timeout=10)
    cache.set("usual", b"2")
    cache.set("never", b"3", timeout=0)
    clock.now += 9.9
    assert (cache.get("own"), cache.get("usual"), cache.get("never")) == (b"1", b"2", b"3")
    clock.now += 0.1
    assert (cache.get("own"), cache.get("usual")) == (None, b"2")
    clock.now += 290
    assert (cache.get("usual"), cache.get("never")) == (None, b"3")
    assert len(cache) == 1


def test_what_has_expired_was_not_there(clock):
    cache = LocMemCache()
    cache.set("a", b"1", timeout=1)
    cache.set("b", b"1", timeout=1)
    clock.now += 1
    assert cache.delete("a") is False
    assert cache.delete_pattern("*") == 0


@pytest.mark.parametrize("ttl", [0, None])
def test_a_cache_may_keep_entries_for_ever(clock, ttl):
    cache = LocMemCache(ttl=ttl)
    cache.set("a", b"1")
    clock.now += 10**9
    assert cache.get("a") == b"1"


def test_the_least_recently_used_entry_goes_first():
    cache = LocMemCache(options={"maxsize": 2})
    cache.set("a", b"1")
    cache.set("b", b"2")
    cache.get("a")
    cache.set("c", b"3")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"1", None, b"3")
    cache.set("a", b"4")
    cache.set("d", b"5")
    assert (cache.get("a"), cache.get("c"), cache.get("d")) == (b"4", None, b"5")


def test_it_holds_1024_entries_unless_told_otherwise():
    cache = LocMemCache()
    for number in range(1025):
        cache.set(str(number), b"")
    assert (len(cache), cache.get("0"), cache.get("1")) == (1024, None, b"")


def test_two_caches_share_nothing():
    one, other = LocMemCache("same"), LocMemCache("same")
    one.set("a", b"1")
    assert other.get("a") is None


@pytest.mark.parametrize("value", ["text", bytearray(b"x"), None, 1])
def test_only_bytes_are_kept(value):
    with pytest.raises(TypeError, match=f"a cache keeps bytes, not {type(value).__name__}"):
        LocMemCache().set("a", value)


def test_a_negative_timeout_is_refused():
    with pytest.raises(ValueError, match="number of seconds from 0, not -1"):
        LocMemCache().set("a", b"", timeout=-1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"options": {"maxsize": 0}}, "maxsize is a number of entries from 1, not 0"),
        ({"options": {"maxsize": "9"}}, "maxsize is a number of entries from 1, not '9'"),
        ({"options": {"maxsiez": 9}}, "no option 'maxsiez'. Did you mean 'maxsize'?"),
        ({"ttl": -1}, "TTL of a cache is a number of seconds from 0, or None, not -1"),
        ({"ttl": "5"}, "TTL of a cache is a number of seconds from 0, or None, not '5'"),
    ],
)
def test_wrong_options_are_refused(arguments, told):
    with pytest.raises(dorm.ImproperlyConfigured, match=told):
        LocMemCache(**arguments)


def test_threads_may_share_it():
    cache = LocMemCache(options={"maxsize": 50})
    wrong = []

    def work(own):
        for number in range(500):
            key = f"{own}:{number % 40}"
            cache.set(key, key.encode())
            found = cache.get(key)
            if found not in (None, key.encode()):
                wrong.append((key, found))
            cache.delete_pattern(f"{own}:1*")

    threads = [threading.Thread(target=work, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(cache) <= 50


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_twin_of_the_same_shape(verb):
    sync, twin = getattr(BaseCache, verb), getattr(BaseCache, f"a{verb}")
    assert inspect.iscoroutinefunction(twin)
    assert inspect.signature(sync) == inspect.signature(twin)


async def test_a_backend_needs_the_sync_verbs_only(mode):
    class Kept(BaseCache):
        def __init__(self):
            super().__init__()
            self.values = {}

        def get(self, key):
            return self.values.get(key)

        def set(self, key, value, timeout=None):
            self.values[key] = (value, self.lifetime(timeout))

    cache = Kept()
    await mode.call(cache, "set", "a", b"1")
    assert await mode.call(cache, "get", "a") == (b"1", 300)
    with pytest.raises(NotImplementedError, match="Kept does not say how to delete a value"):
        await mode.call(cache, "delete", "a")
