"""What is public is named on the page where users look for it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import dorm
from dorm import exceptions, functions, signals, transaction
from dorm.meta.options import OPTION_NAMES

DOCS = Path(__file__).parents[2] / "docs"
CODE = re.compile(r"`([^`]+)`|^```\w+.*?^```", re.DOTALL | re.MULTILINE)
LATER = {"MigrationError", "BudgetExceeded", "cache", "cached"}
"""Names of services that nothing serves yet."""
INSIDE = {"auto_created", "get_queryset", "db_manager", "as_manager", "check", "from_db", "add_to_class"}
"""Names for who extends the package, explained where they are defined."""


def words(page: str) -> set[str]:
    return {word for found in CODE.finditer((DOCS / page).read_text()) for word in re.findall(r"\w+", found[0])}


def kinds(base: type[Any]) -> list[str]:
    members = [(name, getattr(dorm, name)) for name in dorm.__all__]
    return [name for name, kind in members if isinstance(kind, type) and issubclass(kind, base) and kind is not base]


def verbs(kind: type[Any]) -> list[str]:
    """The public methods, each with its twin as one."""
    names = [name for name, _ in inspect.getmembers(kind, inspect.isroutine) if not name.startswith("_")]
    return [name for name in names if not (name[0] == "a" and name[1:] in names)]


def lookups() -> set[str]:
    """Those of the package; other tests register some of their own."""
    found = [item for name in kinds(dorm.Field) for item in getattr(dorm, name).get_lookups().items()]
    return {name for name, lookup in found if inspect.getmodule(_class_of(lookup)).__name__.startswith("dorm.")}


def _class_of(lookup: Any) -> Any:
    return lookup if inspect.isroutine(lookup) or isinstance(lookup, type) else type(lookup)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("reference/errors.md", exceptions.__all__),
        ("reference/expressions.md", functions.__all__),
        ("reference/expressions.md", kinds(dorm.Aggregate)),
        ("reference/fields.md", kinds(dorm.Field)),
        ("reference/lookups.md", lookups()),
        ("reference/models.md", OPTION_NAMES),
        ("reference/models.md", verbs(dorm.Model)),
        ("reference/querysets.md", verbs(dorm.QuerySet)),
        ("reference/signals.md", signals.__all__),
        ("how-to/transactions.md", [name for name in transaction.__all__ if f"a{name}" in transaction.__all__]),
    ],
)
def test_every_public_name_stands_in_its_reference(page: str, names: Iterable[str]) -> None:
    assert sorted(set(names) - words(page) - LATER - INSIDE) == []
