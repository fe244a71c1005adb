"""Secrets reach no message, log or repr, and no file of the repository."""

from __future__ import annotations

import logging
import re
import traceback

import pytest

import dorm
from dorm.conf import settings
from dorm.conf.entries import normalise
from dorm.conf.keys import Entry
from dorm.db.errors import without_secrets
from support.source import ROOT, report

PASSWORD = "hunter2-never-shown"
ENTRY = {
    "ENGINE": "postgresql",
    "NAME": "nowhere",
    "USER": "nobody",
    "PASSWORD": PASSWORD,
    "HOST": "127.0.0.1",
    "PORT": 1,
    "MIN_POOL_SIZE": 0,
    "OPTIONS": {"connect_timeout": 2},
}
URL = f"postgresql://nobody:{PASSWORD}@127.0.0.1:1/nowhere?connect_timeout=2"
SUSPICIOUS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an access token": re.compile(r"\b(ghp_|github_pat_|pypi-AgE|AKIA|xox[bp]-)[A-Za-z0-9_-]{16,}"),
    "a home folder": re.compile(r"(?<![\w.])/(?:home|Users|root)/[\w.-]+/"),
}
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".cfg", ".txt", ".mako", ".ini", ""}


@pytest.mark.parametrize("entry", [ENTRY, URL, {"URL": URL}], ids=["keys", "url", "url key"])
def test_a_failing_connection_does_not_show_its_password(entry, caplog):
    pytest.importorskip("psycopg")
    caplog.set_level(logging.DEBUG)

    class Secret(dorm.Model):
        class Meta:
            app_label = "secrets"

    dorm.configure(DATABASES={"default": entry}, RETRY_ATTEMPTS=1)
    with pytest.raises(dorm.OperationalError) as caught:
        Secret.objects.count()
    told = "\n".join([str(caught.value), repr(caught.value), caplog.text, repr(settings)])
    cause = caught.value.__cause__
    while cause is not None:
        told += str(cause)
        cause = cause.__cause__
    assert PASSWORD not in told


def test_settings_mask_passwords_when_printed():
    dorm.configure(DATABASES={"default": ENTRY}, SECRET_KEY=PASSWORD)
    assert PASSWORD not in f"{settings!r} {settings} {settings.DATABASES!r} {settings.DATABASES['default']!r}"


def test_a_url_that_cannot_be_read_does_not_show_its_password():
    with pytest.raises(dorm.ImproperlyConfigured) as caught:
        dorm.parse_database_url(f"nosuch://nobody:{PASSWORD}@host/name")
    assert PASSWORD not in str(caught.value)


UNREADABLE = [
    "postgresql:/u:{pw}@h/db",
    "postgresql:u:{pw}@h/db",
    "postgresql:///u:{pw}@h/db",
    "postgresql:////u:{pw}@h/db",
    "postgresql//u:{pw}@h/db",
    "u:{pw}@h/db",
    "{pw}",
    "postgresql://u:1{pw}/2@h/db",
    "postgresql://u:12/{pw}@h/db",
    "postgresql://u:{pw}#@h/db",
    "postgresql://u:1#{pw}@h/db",
    "postgresql://u:1?{pw}@h/db",
    "postgresql://u:[{pw}@h/db",
    "postgresql://u@h:{pw}/db",
    "postgresql://h/db?POOL_TIMEOUT={pw}",
    "postgresql://u:{pw}\u2100@h/db",
    "sqlite:/u:{pw}@h/db",
    "sqlite://u:{pw}@h/db",
    "",
]


@pytest.mark.parametrize("url", UNREADABLE)
def test_a_url_that_cannot_be_read_is_refused_without_its_text(url):
    url = url.replace("{pw}", PASSWORD)
    for ask in (
        lambda: dorm.parse_database_url(url),
        lambda: dorm.configure(DATABASES={"default": url or "x"}),
        lambda: normalise("default", {"URL": url or "x"}),
    ):
        with pytest.raises(dorm.ImproperlyConfigured) as caught:
            ask()
        told = "".join(traceback.format_exception(caught.value)).splitlines()
        assert PASSWORD not in "\n".join(line for line in told if not line.startswith("    "))


@pytest.mark.parametrize(
    "wrong",
    [
        {"NAME": f"postgresql://u:{PASSWORD}@h/db"},
        {"NAME": f"dbname=x password={PASSWORD}"},
        {"ENGINE": f"postgresql://u:{PASSWORD}@h/db"},
        {"HOST": f"u:{PASSWORD}@h"},
        {"PORT": PASSWORD},
        {"MAX_POOL_SIZE": PASSWORD},
        {"POOL_TIMEOUT": PASSWORD},
        {"OPTIONS": PASSWORD},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_shown(wrong, caplog):
    with pytest.raises(dorm.ImproperlyConfigured) as caught:
        normalise("default", {"ENGINE": "postgresql", "NAME": "db", **wrong})
    assert PASSWORD not in f"{caught.value} {caught.value.__cause__} {caplog.text}"


@pytest.mark.parametrize("key", ["PASWORD", "password ", "Pass", "PW", "CREDENTIALS", "OPTIONS", "URL", "NAME"])
def test_a_secret_under_a_misspelt_key_is_not_printed(key, caplog):
    value = {"sslpasswrd": PASSWORD, "options": f"-c x={PASSWORD}"} if key == "OPTIONS" else PASSWORD
    value = f"postgresql:/nobody:{PASSWORD}@h/db" if key in ("URL", "NAME") else value
    entry = Entry(ENGINE="postgresql", NAME="shown") | {key: value}
    told = f"{Entry(entry)!r} {Entry(entry)}"
    assert PASSWORD not in told
    assert "postgresql" in told
    if key not in ("URL", "NAME"):
        normalise("default", entry)
    assert PASSWORD not in caplog.text


def test_settings_that_the_library_does_not_know_are_not_printed():
    dorm.configure(
        DATABASES={"default": "sqlite://"},
        PASWORD=PASSWORD,
        CACHES={"default": {"LOCATION": f"redis://:{PASSWORD}@h"}},
        STORAGES={"default": {"access": PASSWORD}},
        INSTALLED_APPS=["shown"],
    )
    assert PASSWORD not in repr(settings)
    assert "shown" in repr(settings)


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://u:{PASSWORD}@h/db",
        f"postgresql://u:{PASSWORD}@{PASSWORD}@h/db",
        f"no such host 'postgresql:/u:{PASSWORD}@h/db'",
        f"u:{PASSWORD}@h",
        f"host=h password={PASSWORD} user=u",
        f"?sslpassword={PASSWORD}&x=1",
        f"password: {PASSWORD}",
    ],
)
def test_a_text_for_a_health_check_is_masked(text):
    assert PASSWORD not in without_secrets(text)


def test_the_repository_holds_no_secret_and_no_path_of_a_machine():
    found = [
        f"{path.relative_to(ROOT)}: {what}"
        for folder in ("djanorm", "tests", "examples", "docs", "bench", "alembic_templates", ".ci")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix in TEXT and "work" not in path.relative_to(ROOT).parts
        for what, pattern in SUSPICIOUS.items()
        if path.name != "test_secrets.py" and pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found, report(found)
