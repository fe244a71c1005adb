"""The settings the library knows, with their defaults."""

from __future__ import annotations

DEFAULTS: dict[str, object] = {
    "DATABASES": {},
    "DATABASE_ROUTERS": [],
    "INSTALLED_APPS": [],
    "DEBUG": False,
    "DEBUG_NPLUSONE": False,
    "DEBUG_NPLUSONE_THRESHOLD": 10,
    "SLOW_QUERY_MS": 500.0,
    "SLOW_QUERY_EXPLAIN": False,
    "RETRY_ATTEMPTS": 3,
    "RETRY_BACKOFF": 0.1,
    "READ_AFTER_WRITE_WINDOW": 3.0,
    "POOL_SATURATION_WARN": 0.8,
    "CACHES": {},
    "CACHE_SIGNING_KEY": "",
    "SECRET_KEY": "",
    "CACHE_REQUIRE_SIGNING_KEY": False,
    "CACHE_INSECURE_PICKLE": False,
    "FIELD_ENCRYPTION_KEY": "",
    "FIELD_ENCRYPTION_KEYS": [],
    "USE_TZ": False,
    "TIME_ZONE": "UTC",
    "DEFAULT_AUTO_FIELD": "dorm.fields.BigAutoField",
    "SEARCH_CONFIG": "english",
    "STORAGES": {},
    "QUERY_COUNT_WARN": None,
    "HISTORY_MASK_PII": False,
    "ASYNC_LAZY": "warn",
}
