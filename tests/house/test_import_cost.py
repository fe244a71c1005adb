"""``import dorm`` is cheap and needs nothing optional."""

from __future__ import annotations

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
        print([*Thing.objects.annotate(text=named).values_list("text", flat=True)], seen[-1][:6])
    """
    assert run(program, tmp_path) == "['1'] SELECT"
