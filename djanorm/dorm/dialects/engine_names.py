"""The names, URLs and drivers of the databases whose dialects are part of this package."""

from __future__ import annotations

from dorm.conf.engines import Engine

BUILT_IN = (
    Engine("sqlite", "SQLite", aliases=("sqlite3",), schemes=("sqlite+aiosqlite",), drivers=("aiosqlite",)),
    Engine(
        "postgresql",
        "PostgreSQL",
        aliases=("postgres",),
        schemes=("postgresql+psycopg",),
        port=5432,
        drivers=("psycopg", "psycopg_pool"),
    ),
)
