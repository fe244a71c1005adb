"""``import dorm`` is cheap and needs nothing optional."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.source import PACKAGE

HEAVY = (
    "alembic", "typer", "click", "rich", "pydantic", "psycopg", "psycopg_pool", "aiosqlite", "greenlet", "asyncpg",
    "pandas", "numpy", "sqlalchemy.ext.asyncio", "sqlalchemy.orm", "mako", "pytest",
)  # fmt: skip


def run(program: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that ``import dorm`` leaves behind."""
    program = "import sys, dorm; print('\\n'.join(sys.modules))"
    return set(run(program, tmp_path_factory.mktemp("import")).splitlines())


@pytest.mark.parametrize("name", HEAVY)
def test_importing_dorm_does_not_load(loaded, name):
    assert name not in loaded


def test_importing_dorm_reads_no_settings_and_opens_nothing(tmp_path):
    (tmp_path / "settings.py").write_text("raise SystemExit('the settings were read')")
    assert run("import dorm; print('imported')", tmp_path) == "imported"
    assert [path.name for path in tmp_path.iterdir()] == ["settings.py"]


def test_a_sync_program_runs_without_greenlet(tmp_path):
    """Greenlet, aiosqlite and psycopg are made unimportable; the program of the sync-only CI stage must not notice."""
    program = """
        import runpy, sys

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in {"greenlet", "aiosqlite", "psycopg", "psycopg_pool"}:
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        sys.meta_path.insert(0, Refuse())
        runpy.run_path(PROGRAM, run_name="__main__")
    """
    program = program.replace("PROGRAM", repr(str(Path(__file__).with_name("sync_only_program.py"))))
    assert run(program, tmp_path) == "ok"


def test_a_missing_greenlet_names_the_extra(tmp_path):
    """An async verb without greenlet says what to install."""
    program = """
        import asyncio, sys
        sys.modules["greenlet"] = None
        import dorm

        class Thing(dorm.Model):
            class Meta:
                app_label = "things"

        dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": "things.sqlite3"}})
        dorm.create_tables(Thing)
        try:
            asyncio.run(Thing.objects.acount())
        except ImportError as problem:
            print(problem)
    """
    assert 'pip install "djanorm[sqlite]"' in run(program, tmp_path)


def test_what_was_declared_before_the_first_connection_counts(tmp_path):
    """The rooms that load later take up what was said to those that load at once: receivers, fields named in words."""
    program = """
        import dorm
        from dorm.functions import Cast

        class Thing(dorm.Model):
            class Meta:
                app_label = "things"

        seen = []
        dorm.pre_query.connect(lambda sender, sql, **rest: seen.append(sql), weak=False)
        named = Cast("pk", "text")
        dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": "things.sqlite3"}})
        dorm.create_tables(Thing)
        Thing.objects.create()
        assert dorm.parse_database_url("sqlite:///a.db")["ENGINE"] == "sqlite"
        print([*Thing.objects.annotate(text=named).values_list("text", flat=True)], seen[-1][:6])
    """
    assert run(program, tmp_path) == "['1'] SELECT"


PUBLIC = (
    "db.connection", "db.utils", "events", "exceptions", "fields", "functions", "indexes", "lookups", "scopes", "signals",
    "transaction", "validators",
)  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_module_is_an_attribute_after_importing_dorm(tmp_path, name):
    assert run(f"import dorm; print(dorm.{name}.__name__)", tmp_path) == f"dorm.{name}"


FIRST_QUERY = (
    "dorm.db.sessions", "dorm.db.session", "dorm.db.transactions", "dorm.db.execution", "dorm.db.placeholders",
    "dorm.dialects.registry", "dorm.dialects.contract", "dorm.dialects.sqlite", "dorm.dialects.postgresql",
    "dorm.meta.schema", "dorm.meta.tables", "dorm.models.deletion", "dorm.models.saving", "dorm.models.validation",
    "dorm.query.compile.compiler", "dorm.query.run.pipeline", "dorm.query.run.plan", "dorm.query.run.display",
    "dorm.query.write.row_writes", "dorm.transaction", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql",
    "sqlalchemy.ext.compiler", "sqlite3", "html", "zoneinfo", "difflib", "secrets",
)  # fmt: skip
MOST_OF_ITS_OWN = 136
"""Modules of the package; before rooms loaded when first needed, there were 198."""
MOST_BEYOND_SQLALCHEMY = 6
"""Other modules that ``import sqlalchemy`` does not load."""


def test_what_is_not_loaded_exists():
    """A module that has another name by now would never be found among those that are loaded."""
    assert [name for name in FIRST_QUERY if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("name", FIRST_QUERY)
def test_what_a_query_needs_is_not_loaded_before(loaded, name):
    assert name not in loaded


def test_importing_dorm_loads_few_modules_more_than_sqlalchemy(loaded, tmp_path):
    """Modules are counted because clocks differ; ``bench/imports.py`` measures processor time."""
    program = "import sys, sqlalchemy; print('\\n'.join(sys.modules))"
    more = loaded - set(run(program, tmp_path).splitlines())
    own = sorted(name for name in more if name.partition(".")[0] == "dorm")
    others = sorted(more - set(own))
    assert len(own) <= MOST_OF_ITS_OWN, own
    assert len(others) <= MOST_BEYOND_SQLALCHEMY, others


def test_naming_the_databases_loads_no_dialect(tmp_path):
    program = """
        import sys, dorm
        dorm.configure(DATABASES={"default": "sqlite:///things.sqlite3", "other": "postgresql://user:word@host/name"})
        print([name for name in sys.modules if name.startswith(("dorm.dialects.sqlite", "dorm.dialects.postgresql"))])
    """
    assert run(program, tmp_path) == "[]"


def test_a_database_loads_its_own_dialect_only(tmp_path):
    program = """
        import sys, dorm

        class Thing(dorm.Model):
            class Meta:
                app_label = "things"

        dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": "things.sqlite3"}})
        dorm.create_tables(Thing)
        assert Thing.objects.count() == 0
        print(sorted(name for name in sys.modules if "postgresql" in name))
    """
    assert run(program, tmp_path) == "[]"
