"""The distribution is what the documents promise."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest

import dorm
from support.source import PACKAGE, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]


def expanded(group: str) -> set[str]:
    """A dependency group with the groups it includes."""
    names: set[str] = set()
    for item in PROJECT["dependency-groups"][group]:
        names |= expanded(item["include-group"]) if isinstance(item, dict) else {item}
    return names


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists()


def test_the_extras_are_those_that_users_know():
    assert {"sqlite", "postgresql", "pydantic", "all", "dev", "docs"} <= set(EXTRAS)


def test_the_base_installation_has_no_driver():
    base = " ".join(PROJECT["project"]["dependencies"]).lower()
    assert not [name for name in ("psycopg", "aiosqlite", "greenlet", "asyncio", "pydantic") if name in base]


def test_drivers_that_need_greenlet_ask_for_it():
    for extra in ("sqlite", "postgresql"):
        assert any(one.startswith("sqlalchemy[asyncio]") for one in EXTRAS[extra])


def test_development_extras_and_groups_say_the_same():
    assert set(EXTRAS["dev"]) - {"djanorm[all]"} == expanded("dev")
    assert set(EXTRAS["docs"]) == expanded("docs")


def test_the_version_is_stated_once():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|a\d+|b\d+|rc\d+)?", dorm.__version__)
    assert "version" in PROJECT["project"]["dynamic"]


def test_the_installed_version_is_that_of_the_source():
    try:
        installed = metadata.version("djanorm")
    except metadata.PackageNotFoundError:
        pytest.skip("the package runs from its folder and is not installed")
    assert installed == dorm.__version__


def test_the_readme_says_how_to_start():
    text = (ROOT / "README.md").read_text()
    assert "python3 run.py flights" in text
    assert "python3 run.py tests" in text
    assert "run.py tests" in (ROOT / ".ci" / "run").read_text()
