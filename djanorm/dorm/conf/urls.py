"""Database URLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dorm.conf.engines import Engine, engines
from dorm.conf.keys import POOL_KEYS, Entry
from dorm.exceptions import ImproperlyConfigured
from dorm.utils.patterns import lazy_pattern

NAME = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]{0,30}")
ESCAPES = "In a user or password, characters such as / @ : # ? [ and % are written as %2F %40 %3A %23 %3F %5B and %25."


def parse_database_url(url: str) -> Entry:
    """The ``DATABASES`` entry that ``url`` stands for.

    ``postgresql://user:password@host:port/name`` and ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or
    ``sqlite://`` for a database in memory. Query parameters become OPTIONS, except pool keys, which become keys of the
    entry. Raises ``ImproperlyConfigured`` for anything but text, another scheme, a missing name or a wrong port; the
    message never shows the URL.
    """
    if not isinstance(url, str):
        raise ImproperlyConfigured(f"a database URL is text, not {type(url).__name__}")
    scheme, mark, _ = url.partition("://")
    engine = engines.of_scheme(scheme) if mark else None
    if engine is None:
        # what stands before the "://" is shown only where it must be a scheme
        given = f"{scheme}://" if mark and NAME.fullmatch(scheme) else "with another text"
        known = " or ".join(f"{name}://" for name in sorted(engines.names))
        raise ImproperlyConfigured(f"database URLs begin with {known}, not {given}")
    try:
        parts = urlsplit(url)
    except ValueError:
        # its message quotes the URL
        raise ImproperlyConfigured(f"the database URL cannot be read: {ESCAPES}") from None
    entry = _file(engine, url) if engine.in_file else _server(engine, url)
    options: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name.upper() in POOL_KEYS:
            entry[name.upper()] = _number(name.upper(), value)
        elif name.upper() == "SERVER_VERSION":
            entry["SERVER_VERSION"] = value
        else:
            options[name] = value
    if options:
        entry["OPTIONS"] = options
    return entry


def _file(engine: Engine, url: str) -> Entry:
    rest = url.partition("://")[2].partition("?")[0]
    if "@" in rest.partition("/")[0]:
        raise ImproperlyConfigured(
            f"a {engine.display_name} database has no user and no host: {engine.name}:///relative.db, "
            f"{engine.name}:////absolute.db"
        )
    name = unquote(rest[1:]) if rest.startswith("/") else unquote(rest)
    return Entry(ENGINE=engine.name, NAME=name or ":memory:")


def _server(engine: Engine, url: str) -> Entry:
    parts = urlsplit(url)
    path = parts.path.removeprefix("/")
    if parts.fragment or "@" in path or "/" in path or ":" in path:
        raise ImproperlyConfigured(
            f"the database URL cannot be read: it has the form {engine.name}://user:password@host:port/name. {ESCAPES}"
        )
    name = unquote(path)
    if not name:
        raise ImproperlyConfigured(f"the database URL names no database: {engine.name}://user@host/NAME")
    try:
        port = parts.port
    except ValueError:
        # its message quotes what stands where the port should, which may be the end of a password
        raise ImproperlyConfigured(
            f"the port of the database URL is not a number between 0 and 65535. {ESCAPES}"
        ) from None
    entry = Entry(ENGINE=engine.name, NAME=name)
    if parts.username:
        entry["USER"] = unquote(parts.username)
    if parts.password:
        entry["PASSWORD"] = unquote(parts.password)
    if parts.hostname:
        entry["HOST"] = unquote(parts.hostname)
    if port:
        entry["PORT"] = port
    return entry


def _number(name: str, value: str) -> Any:
    if name == "POOL_CHECK":
        return value.strip().lower() not in {"0", "false", "no", "off"}
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} of the database URL must be a number") from None


def as_entry(alias: str, value: Any) -> Entry:
    """What ``configure()`` stores for an alias: the mapping as given, or the parsed URL."""
    if isinstance(value, str):
        return parse_database_url(value)
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(
            f"DATABASES[{alias!r}] must be a mapping or a database URL, not {type(value).__name__}"
        )
    return Entry(value)
