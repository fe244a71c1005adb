"""Secrets reach no message, log or repr (CFG-20), and no file of the repository."""

from __future__ import annotations

import logging
import re

import pytest

import dorm
from dorm.conf import settings
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
