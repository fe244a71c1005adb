"""One entry of DATABASES: its keys, their defaults and checks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dorm.conf.engines import Engine, engines
from dorm.conf.keys import INLINE_PASSWORD, KEYS, PGBOUNCER_MODES
from dorm.conf.urls import as_entry, parse_database_url
from dorm.exceptions import ImproperlyConfigured
from dorm.utils.patterns import lazy_pattern
from dorm.utils.suggest import hint

WORD = lazy_pattern(r"[A-Za-z_][\w.]{0,60}")
logger = logging.getLogger("dorm.conf")


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """A checked entry. Durations are in seconds."""

    alias: str
    engine: str
    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = "localhost"
    port: int = 0
    min_pool_size: int = 1
    max_pool_size: int = 10
    pool_timeout: float = 30.0
    pool_check: bool = True
    max_idle: float = 600.0
    max_lifetime: float = 3600.0
    prepare_threshold: int | None = None
    prepare: bool = True
    server_version: tuple[int, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def normalise(alias: str, value: Any) -> DatabaseSettings:
    """The checked form of an entry. Raises ``ImproperlyConfigured`` naming the alias, the key and what is accepted."""
    entry = _upper(alias, as_entry(alias, value))
    url = entry.pop("URL", None)
    if url:
        entry = {**parse_database_url(str(url)), **{key: item for key, item in entry.items() if item not in ("", None)}}
    engine = _engine(alias, entry.get("ENGINE"))
    options = _options(alias, entry)
    threshold, prepare = _preparing(alias, entry, options)
    least = _integer(alias, entry, "MIN_POOL_SIZE", 1, 0)
    most = _integer(alias, entry, "MAX_POOL_SIZE", max(10, least), 1)
    if least > most:
        raise ImproperlyConfigured(f"DATABASES[{alias!r}]: MIN_POOL_SIZE {least} is above MAX_POOL_SIZE {most}")
    return DatabaseSettings(
        alias=alias,
        engine=engine.name,
        name=_name(alias, entry.get("NAME")),
        user=str(entry.get("USER") or ""),
        password=_secret(entry.get("PASSWORD")),
        host=_host(alias, entry.get("HOST")),
        port=_integer(alias, entry, "PORT", engine.port or 0, 0),
        min_pool_size=least,
        max_pool_size=most,
        pool_timeout=_seconds(alias, entry, "POOL_TIMEOUT", 30.0),
        pool_check=bool(entry.get("POOL_CHECK", True)),
        max_idle=_seconds(alias, entry, "MAX_IDLE", 600.0),
        max_lifetime=_seconds(alias, entry, "MAX_LIFETIME", 3600.0),
        prepare_threshold=threshold,
        prepare=prepare,
        server_version=_version(alias, entry.get("SERVER_VERSION")),
        options=options,
    )


def _upper(alias: str, entry: Mapping[str, object]) -> dict[str, object]:
    """Keys in upper case; unknown ones are named in the log and left out."""
    result: dict[str, Any] = {}
    for key, value in entry.items():
        name = str(key).upper()
        if name not in KEYS:
            logger.warning("DATABASES[%r] has an unknown key %r, which is ignored. %s", alias, key, hint(name, KEYS))
            continue
        if name in result and str(key) != name:
            continue  # the upper-case spelling wins
        result[name] = value
    return result


def _engine(alias: str, value: object) -> Engine:
    engine = engines.named(str(value)) if value else None
    if engine is None:
        # what cannot be the name of an engine may be a URL in the wrong place
        named = f"ENGINE {value!r}" if WORD.fullmatch(str(value)) else "this ENGINE"
        given = f"{named} is not supported" if value else "ENGINE is missing"
        raise ImproperlyConfigured(f"DATABASES[{alias!r}]: {given}. Supported engines: {', '.join(engines.names)}.")
    return engine


def _version(alias: str, value: object) -> tuple[int, ...] | None:
    if value is None or value == "":
        return None
    parts = value if isinstance(value, tuple | list) else str(value).split(".")
    if not parts or not all(str(part).isdecimal() for part in parts):
        raise ImproperlyConfigured(
            f"DATABASES[{alias!r}]: SERVER_VERSION is the number of a release such as '16.2', not {_described(value)}"
        )
    return tuple(int(str(part)) for part in parts)


def _name(alias: str, value: object) -> str:
    if value is None or str(value) == "":
        raise ImproperlyConfigured(f"DATABASES[{alias!r}] has no NAME: a database name, or the path of a SQLite file")
    name = str(value)
    if "://" in name or INLINE_PASSWORD.search(name):
        raise ImproperlyConfigured(
            f"DATABASES[{alias!r}]: NAME is a connection string; NAME is the name of a database, and a whole URL is the "
            "entry itself, or stands under URL"
        )
    return name


def _host(alias: str, value: object) -> str:
    host = str(value or "localhost")
    if "@" in host.removeprefix("@") or "://" in host:
        raise ImproperlyConfigured(
            f"DATABASES[{alias!r}]: HOST is the name or address of a server, or the folder of its socket; user and password "
            "stand under USER and PASSWORD"
        )
    return host


def _secret(value: object) -> str:
    if value is None:
        return ""
    reveal = getattr(value, "get_secret_value", None)  # pydantic's SecretStr
    return str(reveal() if callable(reveal) else value)


def _options(alias: str, entry: Mapping[str, object]) -> dict[str, object]:
    options = entry.get("OPTIONS") or {}
    if not isinstance(options, Mapping):
        raise ImproperlyConfigured(f"DATABASES[{alias!r}]: OPTIONS must be a mapping, not {type(options).__name__}")
    return dict(options)


def _preparing(alias: str, entry: Mapping[str, object], options: dict[str, object]) -> tuple[int | None, bool]:
    """The prepare threshold (None: the driver's default), and whether statements may be prepared at all."""
    threshold = options.pop("PREPARE_THRESHOLD", entry.get("PREPARE_THRESHOLD"))
    mode = options.pop("PGBOUNCER_MODE", entry.get("PGBOUNCER_MODE", False))
    if isinstance(mode, str) and mode.lower() not in PGBOUNCER_MODES:
        raise ImproperlyConfigured(
            f"DATABASES[{alias!r}]: PGBOUNCER_MODE must be True, False or one of {', '.join(PGBOUNCER_MODES)}"
        )
    shared = mode.lower() != "session" if isinstance(mode, str) else bool(mode)
    if threshold is not None:
        threshold = _integer(alias, {"PREPARE_THRESHOLD": threshold}, "PREPARE_THRESHOLD", 5, 0)
    return threshold, not shared


def _integer(alias: str, entry: Mapping[str, Any], key: str, default: int, least: int) -> int:
    value = entry.get(key)
    if value is None or value == "":
        return default
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = None
    if number is None or number < least or isinstance(value, bool):
        raise ImproperlyConfigured(
            f"DATABASES[{alias!r}]: {key} must be a whole number from {least}, not {_described(value)}"
        )
    return number


def _seconds(alias: str, entry: Mapping[str, Any], key: str, default: float) -> float:
    value = entry.get(key)
    if value is None or value == "":
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = None
    if number is None or not number >= 0 or isinstance(value, bool):
        raise ImproperlyConfigured(f"DATABASES[{alias!r}]: {key} must be a number of seconds, not {_described(value)}")
    return number


def _described(value: object) -> str:
    """A wrong value for a message; a text in the wrong place may be a secret."""
    return repr(value) if isinstance(value, (bool, int, float)) else f"a {type(value).__name__}"
