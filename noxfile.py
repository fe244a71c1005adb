"""Sessions for what one environment cannot show: every Python version, and an installation without async drivers."""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests"]
VERSIONS = ["3.11", "3.12", "3.13", "3.14"]


@nox.session(python=VERSIONS)
def tests(session: nox.Session) -> None:
    session.install("--editable", ".[dev]")
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    session.install("--editable", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    session.install("--editable", ".[dev]")
    for checker in (["pyright"], ["mypy"], ["ty", "check"], ["pyrefly", "check"]):
        session.run(*checker)


@nox.session
def sync_only(session: nox.Session) -> None:
    session.install("--editable", ".")
    session.run("python", "tests/house/sync_only_program.py")


@nox.session
def docs(session: nox.Session) -> None:
    session.install("--editable", ".[docs]")
    session.run("mkdocs", "build", "--strict")


@nox.session
def stress(session: nox.Session) -> None:
    """The long form of every stress test in ``tests/faults``; DORM_STRESS_SECONDS and DORM_STRESS_SEED steer them."""
    session.install("--editable", ".[dev]")
    seconds = os.environ.get("DORM_STRESS_SECONDS", "120")
    files = sorted(str(path) for path in Path("tests/faults").glob("test_*stress*.py"))
    session.run("python", "-m", "pytest", *files, *session.posargs, env={"DORM_STRESS_SECONDS": seconds})


@nox.session
def rooms(session: nox.Session) -> None:
    """Every test that ``tests/house/rooms.py`` names for a room runs code of that room."""
    session.install("--editable", ".[dev]")
    files = session.run("python", "tests/house/rooms.py", "--tests", silent=True) or ""
    measured = Path(session.create_tmp()) / "exercised.json"
    only = ("-k", "not inline", "-n", "0", "-o", "timeout=300")
    environment = {"DORM_EXERCISED": str(measured)}
    session.run("python", "-m", "pytest", "-p", "support.exercised", *only, *str(files).split(), env=environment)
    session.run("python", "tests/house/rooms.py", "--measured", str(measured))
