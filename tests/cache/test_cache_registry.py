"""The setting CACHES, and one cache per alias."""

from __future__ import annotations

import sys
import threading
import types

import pytest

import dorm
from dorm.cache import BaseCache, get_cache, reset_caches
from dorm.cache.locmem import LocMemCache

LOCAL = "dorm.cache.locmem.LocMemCache"


class Closing(BaseCache):
    closed = 0

    def close(self):
        type(self).closed += 1


@pytest.fixture(autouse=True)
def caches():
    """Gives the settings back their empty CACHES."""
    yield
    dorm.configure(CACHES={})


def test_an_entry_says_what_to_make():
    dorm.configure(
        CACHES={
            "default": {"BACKEND": LOCAL},
            "small": {"BACKEND": LOCAL, "LOCATION": "here", "OPTIONS": {"maxsize": 2}, "TTL": 5},
        }
    )
    usual, small = get_cache(), get_cache("small")
    assert isinstance(usual, LocMemCache)
    assert (usual.ttl, usual.location, usual.maxsize) == (300, "", 1024)
    assert (small.ttl, small.location, small.maxsize) == (5, "here", 2)
    assert get_cache("default") is usual
    assert get_cache("small") is small


def test_a_reset_makes_caches_anew():
    dorm.configure(CACHES={"default": {"BACKEND": LOCAL}})
    first = get_cache()
    first.set("a", b"1")
    reset_caches()
    assert get_cache() is not first
    assert get_cache().get("a") is None
    assert len(first) == 0


def test_other_settings_leave_caches_alone():
    dorm.configure(CACHES={"default": {"BACKEND": LOCAL}})
    first = get_cache()
    dorm.configure(DEBUG=False)
    assert get_cache() is first
    dorm.configure(CACHES={"default": {"BACKEND": LOCAL, "TTL": 1}})
    assert get_cache().ttl == 1


def test_dropped_caches_are_closed():
    dorm.configure(CACHES={"default": {"BACKEND": f"{__name__}.Closing"}})
    get_cache()
    before = Closing.closed
    dorm.configure(CACHES={})
    assert Closing.closed == before + 1
    reset_caches()
    assert Closing.closed == before + 1


def test_threads_get_the_same_cache():
    dorm.configure(CACHES={"default": {"BACKEND": LOCAL}})
    start, found = threading.Barrier(8), []

    def ask():
        start.wait()
        found.append(get_cache())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


@pytest.mark.parametrize(
    ("caches", "told"),
    [
        ({}, "CACHES has no alias 'default'. There are none."),
        ({"deflaut": {}}, "CACHES has no alias 'default'. Did you mean 'deflaut'?"),
        ([], "CACHES must map aliases to entries, not list"),
        ({"default": LOCAL}, r"CACHES\['default'\] must be a mapping with a BACKEND, not str"),
        ({"default": {}}, "BACKEND must be the dotted path of a cache class"),
        (
            {"default": {"BACKEND": "LocMemCache"}},
            "BACKEND must be the dotted path of a cache class, .* not 'LocMemCache'",
        ),
        ({"default": {"BACKEND": "dorm.cache.locmem.Nope"}}, "BACKEND 'dorm.cache.locmem.Nope' cannot be imported"),
        ({"default": {"BACKEND": "no.such.Cache"}}, "BACKEND 'no.such.Cache' cannot be imported: No module named 'no'"),
        ({"default": {"BACKEND": "dorm.Model"}}, "BACKEND must be the dotted path of a cache class"),
        ({"default": {"BACKEND": LOCAL, "TLL": 1}}, r"CACHES\['default'\] has no key 'TLL'. Did you mean 'TTL'?"),
        ({"default": {"BACKEND": LOCAL, "OPTIONS": []}}, None),
        ({"default": {"BACKEND": LOCAL, "OPTIONS": [1]}}, "OPTIONS must be a mapping, not list"),
        ({"default": {"BACKEND": LOCAL, "TTL": -1}}, "TTL of a cache"),
    ],
)
def test_entries_that_cannot_be_used_are_named(caches, told):
    dorm.configure(CACHES=caches)
    if told is None:
        assert isinstance(get_cache(), LocMemCache)
        return
    with pytest.raises(dorm.ImproperlyConfigured, match=told):
        get_cache()


def test_a_missing_package_of_a_backend_speaks_for_itself(monkeypatch):
    class Loader:
        def find_spec(self, name, path=None, target=None):
            if name == "needy_backend":
                raise ImportError('RedisCache needs redis: pip install "djanorm[redis]"', name="redis")

    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    dorm.configure(CACHES={"default": {"BACKEND": "needy_backend.Cache"}})
    with pytest.raises(ImportError, match="djanorm\\[redis\\]"):
        get_cache()


def test_a_class_may_stand_for_its_path(monkeypatch):
    module = types.ModuleType("own_backend")
    module.Own = Closing
    monkeypatch.setitem(sys.modules, "own_backend", module)
    dorm.configure(CACHES={"path": {"BACKEND": "own_backend.Own"}, "class": {"BACKEND": Closing}})
    assert type(get_cache("path")) is type(get_cache("class")) is Closing
