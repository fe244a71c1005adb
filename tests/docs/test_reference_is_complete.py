"""What is public is named on the page where users look for it."""

from __future__ import annotations

import importlib
import importlib.util
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
INSIDE = {"auto_created", "get_queryset", "db_manager", "as_manager", "check", "from_db", "add_to_class", "email_shape"}
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


MODULES = [
    "dorm", "dorm.cache", "dorm.db.connection", "dorm.db.utils", "dorm.events", "dorm.exceptions", "dorm.functions",
    "dorm.lookups", "dorm.migrations.operations", "dorm.scopes", "dorm.signals", "dorm.testing", "dorm.transaction",
    "dorm.validators",
]  # fmt: skip
"""The public modules; those that are yet to come are skipped."""


def public_names(module: str) -> list[str]:
    """What a module says it offers; without ``__all__``, the functions, classes and objects that it defines."""
    found = importlib.import_module(module)
    if hasattr(found, "__all__"):
        return list(found.__all__)
    return [
        name
        for name, item in vars(found).items()
        if not name.startswith("_")
        and module in (getattr(item, "__module__", None), type(item).__module__)
        and (inspect.isroutine(item) or isinstance(item, type) or type(item).__module__ == module)
    ]


def entries() -> dict[str, str]:
    """The names of the page of all names, with what stands beside them; a name of a module is written with it."""
    found: dict[str, str] = {}
    for line in (DOCS / "reference/names.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 2 and cells[0].startswith("`"):
            first, *twins = re.findall(r"`([\w.]+)`", cells[0])
            module = first.rpartition(".")[0]
            for name in (first, *(f"{module}.{twin}".lstrip(".") for twin in twins)):
                assert name not in found, f"{name} has two entries"
                found[name] = cells[1]
    return found


@pytest.mark.parametrize("module", [name for name in MODULES if importlib.util.find_spec(name)])
def test_every_public_name_has_an_entry_that_says_what_it_is(module: str) -> None:
    described = [object_at(name) for name in entries()]
    found = importlib.import_module(module)
    missing = [
        name
        for name in set(public_names(module)) - INSIDE
        if not any(last == name and item is getattr(found, name) for last, item in described)
    ]
    assert not missing


def object_at(name: str) -> tuple[str, Any]:
    """The last part of a name on the page, and what it names; a name without a module is one of ``dorm``."""
    module, _, last = name.rpartition(".")
    return last, getattr(importlib.import_module(module or "dorm"), last)


def test_an_entry_says_something() -> None:
    assert not [name for name, text in entries().items() if len(text.split()) < 3 and "`" not in text]
