"""Settings, entries, URLs, environment."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from dorm.conf import discovery, parse_database_url
from dorm.conf.entries import normalise
from dorm.conf.environment import Knob, boolean, milliseconds
from dorm.conf.keys import Entry, mask_text
from dorm.conf.settings import Settings
from dorm.exceptions import ImproperlyConfigured

SQLITE = {"ENGINE": "sqlite", "NAME": "x.db"}
POSTGRES = {"ENGINE": "postgresql", "NAME": "shop"}


def test_nothing_can_be_read_before_configuration() -> None:
    fresh = Settings()
    with pytest.raises(ImproperlyConfigured, match="DATABASES"):
        fresh.DATABASES
    fresh.apply({"MY_OWN": 3})
    assert (fresh.MY_OWN, fresh.DEBUG, fresh.TIME_ZONE) == (3, False, "UTC")
    with pytest.raises(AttributeError, match="Did you mean 'DATABASES'"):
        fresh.DATABASE
    assert getattr(fresh, "NOPE", 7) == 7


def test_later_values_are_merged_and_announced() -> None:
    fresh, changes = Settings(), []
    fresh.on_change(changes.append)
    fresh.apply({"A": 1, "B": 1})
    fresh.apply({"B": 2})
    assert (fresh.A, fresh.B) == (1, 2)
    assert changes == [{"A", "B"}, {"B"}]


def test_printing_hides_secrets() -> None:
    fresh = Settings()
    entry = {**POSTGRES, "password": "hush", "OPTIONS": {"sslpassword": "hush", "sslmode": "require"}}
    fresh.apply({"DATABASES": {"default": entry, "url": "postgresql://ann:hush@db/shop"}, "SECRET_KEY": "hush"})
    assert "hush" not in repr(fresh)
    assert "hush" not in f"{fresh.DATABASES} {fresh.DATABASES['default']}"
    assert "require" in repr(fresh.DATABASES)
    assert fresh.DATABASES["default"]["password"] == "hush"
    assert "hush" not in repr(normalise("default", entry))
    assert mask_text("postgresql://ann:hush@db/x password='hush hush' user=ann") == (
        "postgresql://ann:***@db/x password=*** user=ann"
    )


@pytest.mark.parametrize("engine", ["postgres", "PostgreSQL", "postgresql"])
def test_engine_names(engine: str) -> None:
    assert normalise("default", {**POSTGRES, "ENGINE": engine}).engine == "postgresql"


def test_defaults_of_an_entry() -> None:
    entry = normalise("default", POSTGRES)
    assert (entry.user, entry.host, entry.port) == ("", "localhost", 5432)
    assert (entry.min_pool_size, entry.max_pool_size, entry.pool_timeout) == (1, 10, 30.0)
    assert (entry.pool_check, entry.max_idle, entry.max_lifetime) == (True, 600.0, 3600.0)
    assert entry.prepare is True


def test_lower_case_keys_text_ports_and_secret_values() -> None:
    class Secret:
        def get_secret_value(self) -> str:
            return "hush"

    entry = normalise("default", {"engine": "postgres", "name": "n", "port": "6432", "password": Secret(), "host": ""})
    assert (entry.engine, entry.port, entry.password, entry.host) == ("postgresql", 6432, "hush", "localhost")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ENGINE": "oracle"}, "'oracle' is not supported.*sqlite, postgresql"),
        ({"ENGINE": None}, "ENGINE is missing"),
        ({"NAME": ""}, "no NAME"),
        ({"PORT": "abc"}, "PORT must be a whole number"),
        ({"MAX_POOL_SIZE": 0}, "MAX_POOL_SIZE"),
        ({"MIN_POOL_SIZE": 5, "MAX_POOL_SIZE": 2}, "MIN_POOL_SIZE 5 is above"),
        ({"POOL_TIMEOUT": "soon"}, "POOL_TIMEOUT must be a number of seconds"),
        ({"MAX_IDLE": -1}, "MAX_IDLE"),
        ({"OPTIONS": "sslmode"}, "OPTIONS must be a mapping"),
        ({"PGBOUNCER_MODE": "sometimes"}, "PGBOUNCER_MODE"),
    ],
)
def test_wrong_entries_are_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        normalise("default", {**POSTGRES, **change})


def test_an_unknown_key_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    normalise("default", {**POSTGRES, "PASWORD": "x"})
    assert "'PASWORD'" in caplog.text
    assert "'PASSWORD'" in caplog.text


def test_pool_modes_of_pgbouncer() -> None:
    assert normalise("default", {**POSTGRES, "PGBOUNCER_MODE": "session"}).prepare is True
    assert normalise("default", {**POSTGRES, "PGBOUNCER_MODE": True}).prepare is False
    assert normalise("default", {**POSTGRES, "OPTIONS": {"PGBOUNCER_MODE": "transaction"}}).prepare is False
    entry = normalise("default", {**POSTGRES, "OPTIONS": {"PREPARE_THRESHOLD": 2, "sslmode": "require"}})
    assert (entry.prepare_threshold, entry.options) == (2, {"sslmode": "require"})


# --------------------------------------------------------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("sqlite:///relative.db", {"ENGINE": "sqlite", "NAME": "relative.db"}),
        ("sqlite:////var/abs.db", {"ENGINE": "sqlite", "NAME": "/var/abs.db"}),
        ("sqlite://", {"ENGINE": "sqlite", "NAME": ":memory:"}),
        (
            "sqlite:///a%20b.db?journal_mode=wal",
            {"ENGINE": "sqlite", "NAME": "a b.db", "OPTIONS": {"journal_mode": "wal"}},
        ),
        ("postgres://db/shop", {"ENGINE": "postgresql", "NAME": "shop", "HOST": "db"}),
        (
            "postgresql://ann:s%20ecret@db.example.com:6432/shop?sslmode=require&MAX_POOL_SIZE=3&pool_check=false",
            {
                "ENGINE": "postgresql",
                "NAME": "shop",
                "USER": "ann",
                "PASSWORD": "s ecret",
                "HOST": "db.example.com",
                "PORT": 6432,
                "OPTIONS": {"sslmode": "require"},
                "MAX_POOL_SIZE": 3,
                "POOL_CHECK": False,
            },
        ),
    ],
)
def test_database_urls(url: str, entry: dict[str, Any]) -> None:
    assert parse_database_url(url) == entry


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "postgresql://u:hush@host", "postgresql://u:hush@h:x/n"])
def test_wrong_urls_are_refused_without_the_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_database_url(url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("junk", [5, None, b"sqlite://", ["sqlite://"]])
def test_a_url_is_text(junk: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"text, not {type(junk).__name__}"):
        parse_database_url(junk)


def test_other_keys_win_over_the_url() -> None:
    entry = normalise("default", {"URL": "postgresql://ann@db/shop", "NAME": "other", "MAX_POOL_SIZE": 2})
    assert (entry.user, entry.host, entry.name, entry.max_pool_size) == ("ann", "db", "other", 2)
    assert isinstance(parse_database_url("sqlite://"), Entry)


# --------------------------------------------------------------------------------------------------------- environment


def test_a_knob_prefers_what_was_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    knob = Knob("X", "DORM_TEST_KNOB", 500.0, milliseconds)
    assert knob() == 500.0
    monkeypatch.setenv("DORM_TEST_KNOB", "20")
    assert knob() == 20.0
    monkeypatch.setenv("DORM_TEST_KNOB", "none")
    assert knob() is None
    knob.assign(3)
    assert knob() == 3
    knob.forget()
    monkeypatch.delenv("DORM_TEST_KNOB")
    assert knob() == 500.0


def test_a_variable_that_makes_no_sense_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    knob = Knob("X", "DORM_TEST_KNOB", True, boolean)
    monkeypatch.setenv("DORM_TEST_KNOB", "perhaps")
    assert [knob(), knob(), knob()] == [True, True, True]
    assert len(caplog.records) == 1
    assert "DORM_TEST_KNOB='perhaps'" in caplog.text


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("SLOW_QUERY_MS", "soon"),
        ("SLOW_QUERY_MS", -1),
        ("SLOW_QUERY_MS", True),
        ("SLOW_QUERY_MS", float("nan")),
        ("SLOW_QUERY_EXPLAIN", "perhaps"),
        ("RETRY_ATTEMPTS", 0),
        ("RETRY_ATTEMPTS", 1.5),
        ("RETRY_ATTEMPTS", None),
        ("RETRY_BACKOFF", "-1"),
        ("READ_AFTER_WRITE_WINDOW", []),
        ("POOL_SATURATION_WARN", 2),
        ("DEBUG_NPLUSONE_THRESHOLD", "many"),
        ("QUERY_COUNT_WARN", 0),
        ("DEBUG_NPLUSONE", "shout"),
        ("USE_TZ", "UTC"),
        ("DATABASE_ROUTERS", "app.Router"),
        ("INSTALLED_APPS", 5),
    ],
)
def test_wrong_values_are_refused_where_they_are_given(name: str, wrong: Any) -> None:
    settings = Settings()
    settings.apply({"MY_OWN": 1})
    with pytest.raises(ImproperlyConfigured, match=f"{name} must be .* not {re.escape(repr(wrong))}"):
        settings.apply({"MY_OWN": 2, name: wrong})
    assert settings.MY_OWN == 1


def test_a_detector_that_is_not_there_yet_says_so(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings()
    settings.apply({"DEBUG_NPLUSONE": False})
    assert caplog.text == ""
    settings.apply({"DEBUG_NPLUSONE": "raise"})
    assert "DEBUG_NPLUSONE='raise' has no effect" in caplog.text


def test_numbers_may_be_given_as_text() -> None:
    settings = Settings()
    try:
        settings.apply(
            {"SLOW_QUERY_MS": "250", "RETRY_ATTEMPTS": "4", "USE_TZ": "yes", "READ_AFTER_WRITE_WINDOW": "1.5"}
        )
        assert (settings.SLOW_QUERY_MS, settings.RETRY_ATTEMPTS) == (250.0, 4)
        assert (settings.USE_TZ, settings.READ_AFTER_WRITE_WINDOW) == (True, 1.5)
        settings.apply({"SLOW_QUERY_MS": None, "READ_AFTER_WRITE_WINDOW": None, "QUERY_COUNT_WARN": None})
        assert (settings.SLOW_QUERY_MS, settings.READ_AFTER_WRITE_WINDOW) == (None, None)
    finally:
        settings.reset()


# ----------------------------------------------------------------------------------------------------------- discovery


def test_settings_in_the_working_directory_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "settings.py").write_text("DATABASES = {}\nMY_OWN = 1\nhelper = 2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    monkeypatch.delitem(__import__("sys").modules, "settings", raising=False)
    with caplog.at_level(logging.INFO, logger="dorm.conf"):
        assert discovery.discover() == {"DATABASES": {}, "MY_OWN": 1}
    assert str(tmp_path / "settings.py") in caplog.text
    __import__("sys").modules.pop("settings", None)


def test_errors_of_the_settings_file_are_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.py").write_text("raise LookupError('mine')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    monkeypatch.delitem(__import__("sys").modules, "settings", raising=False)
    with pytest.raises(LookupError, match="mine"):
        discovery.discover()
    assert "settings" not in __import__("sys").modules


def test_no_settings_anywhere_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImproperlyConfigured, match=r"dorm\.configure"):
        Settings().ensure()
