"""``import dorm``: what is there, and what importing costs."""

from __future__ import annotations

import subprocess
import sys

import dorm


def test_everything_that_is_promised_exists_and_is_listed_once():
    assert [] == [name for name in dorm.__all__ if not hasattr(dorm, name)]
    assert len(dorm.__all__) == len(set(dorm.__all__))
    assert sorted(dorm.__all__) == sorted(dorm.__all__, key=str)


def test_every_public_name_is_promised():
    tools = {"annotations", "TYPE_CHECKING", "lazy_names"}
    modules = {name for name, value in vars(dorm).items() if type(value) is type(sys)}
    public = {name for name in vars(dorm) if not name.startswith("_")} - modules - tools
    assert set() == public - set(dorm.__all__)


def test_the_modules_are_attributes():
    for name in (
        "events",
        "scopes",
        "transaction",
        "signals",
        "validators",
        "indexes",
        "expressions",
        "functions",
        "exceptions",
    ):
        assert f"dorm.{name}" == getattr(dorm, name).__name__


def test_importing_loads_no_optional_package():
    heavy = {"alembic", "typer", "rich", "pydantic", "psycopg", "aiosqlite", "greenlet"}
    program = f"import sys, dorm; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
