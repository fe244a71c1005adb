"""Signed payloads: what is unpickled was written by somebody who knows the key."""

from __future__ import annotations

import warnings

import pytest

import dorm
from dorm.cache import signing
from dorm.cache.signing import HEADER, sign, unsign

RESTING = {
    "CACHE_SIGNING_KEY": "",
    "SECRET_KEY": "",
    "CACHE_REQUIRE_SIGNING_KEY": False,
    "CACHE_INSECURE_PICKLE": False,
}


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    """Starts with a key, and with a process that has none of its own yet."""
    monkeypatch.setattr(signing, "_process_key", signing._ProcessKey())
    dorm.configure(**{**RESTING, "CACHE_SIGNING_KEY": "secret"})
    yield
    dorm.configure(**RESTING)


def test_a_signed_payload_comes_back():
    for payload in (b"", b"rows", bytes(range(256)), HEADER):
        assert unsign("key", sign("key", payload)) == payload


def test_the_signature_is_an_hmac_of_key_and_payload():
    import hashlib
    import hmac

    digest = hmac.new(b"secret", b"dorm.cache3:keyrows", hashlib.sha256).digest()
    assert sign("key", b"rows") == b"dorm-hmac-sha256:" + digest + b"rows"


def test_any_other_entry_is_a_miss():
    entry = sign("key", b"rows")
    assert unsign("key", b"rows") is None
    assert unsign("key", b"") is None
    assert unsign("key", HEADER + b"short") is None
    for position in range(len(entry)):
        forged = bytearray(entry)
        forged[position] ^= 1
        assert unsign("key", bytes(forged)) is None
    assert unsign("key", entry + b"x") is None


def test_an_entry_cannot_be_moved_to_another_key():
    assert unsign("other", sign("key", b"rows")) is None
    assert unsign("ke", sign("key", b"rows")) is None
    assert unsign("a", sign("a1", b"x")) is None


def test_another_secret_does_not_fit():
    entry = sign("key", b"rows")
    dorm.configure(CACHE_SIGNING_KEY="changed")
    assert unsign("key", entry) is None


def test_the_secret_key_stands_in():
    dorm.configure(CACHE_SIGNING_KEY="", SECRET_KEY="general")
    entry = sign("key", b"rows")
    dorm.configure(CACHE_SIGNING_KEY=b"general", SECRET_KEY="")
    assert unsign("key", entry) == b"rows"


def test_without_a_key_the_process_has_its_own_and_says_so_once():
    dorm.configure(CACHE_SIGNING_KEY="")
    with pytest.warns(RuntimeWarning, match="set CACHE_SIGNING_KEY or SECRET_KEY"):
        entry = sign("key", b"rows")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unsign("key", entry) == b"rows"
    dorm.configure(CACHE_SIGNING_KEY="secret")
    assert unsign("key", entry) is None


@pytest.mark.parametrize("use", [lambda: sign("key", b"rows"), lambda: unsign("key", HEADER + bytes(40))])
def test_a_key_may_be_required(use):
    dorm.configure(CACHE_SIGNING_KEY="", CACHE_REQUIRE_SIGNING_KEY=True)
    with pytest.raises(dorm.ImproperlyConfigured, match="neither CACHE_SIGNING_KEY nor SECRET_KEY is"):
        use()


def test_a_key_of_another_kind_is_refused():
    dorm.configure(CACHE_SIGNING_KEY=5)
    with pytest.raises(dorm.ImproperlyConfigured, match="CACHE_SIGNING_KEY must be text or bytes, not int"):
        sign("key", b"rows")


def test_signatures_can_be_switched_off():
    entry = sign("key", b"rows")
    dorm.configure(CACHE_INSECURE_PICKLE=True)
    assert sign("key", b"rows") == b"rows"
    assert unsign("key", b"rows") == b"rows"
    assert unsign("key", entry) == b"rows"
