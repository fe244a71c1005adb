"""Database URLs (CFG-19)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dorm.conf.keys import POOL_KEYS, Entry
from dorm.exceptions import ImproperlyConfigured

SCHEMES = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "postgresql+psycopg": "postgresql",
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
    "sqlite+aiosqlite": "sqlite",
}


def parse_database_url(url: str) -> Entry:
    """The ``DATABASES`` entry that ``url`` stands for.

    ``postgresql://user:password@host:port/name`` and ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or
    ``sqlite://`` for a database in memory. Query parameters become OPTIONS, except pool keys, which become keys of the
    entry. Raises ``ImproperlyConfigured`` for what is no text, another scheme, a missing name or a wrong port; the message
    never shows the password.
    """
    if not isinstance(url, str):
        raise ImproperlyConfigured(f"a database URL is text, not {type(url).__name__}")
    parts = urlsplit(url)
    engine = SCHEMES.get(parts.scheme.lower())
    if engine is None:
        raise ImproperlyConfigured(
            f"database URLs begin with postgresql:// or sqlite://, not {parts.scheme or 'nothing'}://"
        )
    entry = READERS[engine](url)
    options: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name.upper() in POOL_KEYS:
            entry[name.upper()] = _number(name.upper(), value)
        else:
            options[name] = value
    if options:
        entry["OPTIONS"] = options
    return entry


def _file(url: str) -> Entry:
    rest = url.partition("://")[2].partition("?")[0]
    name = unquote(rest[1:]) if rest.startswith("/") else unquote(rest)
    return Entry(ENGINE="sqlite", NAME=name or ":memory:")


def _server(url: str) -> Entry:
    parts = urlsplit(url)
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured("the database URL names no database: postgresql://user@host/NAME")
    try:
        port = parts.port
    except ValueError as problem:
        raise ImproperlyConfigured("the port of the database URL is not a number between 0 and 65535") from problem
    entry = Entry(ENGINE="postgresql", NAME=name)
    if parts.username:
        entry["USER"] = unquote(parts.username)
    if parts.password:
        entry["PASSWORD"] = unquote(parts.password)
    if parts.hostname:
        entry["HOST"] = unquote(parts.hostname)
    if port:
        entry["PORT"] = port
    return entry


READERS = {"sqlite": _file, "postgresql": _server}


def _number(name: str, value: str) -> Any:
    if name == "POOL_CHECK":
        return value.strip().lower() not in {"0", "false", "no", "off"}
    try:
        return float(value) if "." in value else int(value)
    except ValueError as problem:
        raise ImproperlyConfigured(f"{name} of the database URL must be a number, not {value!r}") from problem
