"""Every verb that talks to the database has its async twin: same name with an ``a``, same signature, no logic."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import dorm
import dorm.db.connection
import dorm.db.utils
import dorm.signals
import dorm.transaction
from support.source import package_files, report

# Public names that only describe a query, or look at what is in memory: nothing to wait for.
LAZY = {
    "queryset": {
        "alias", "all", "annotate", "as_manager", "cache", "cached", "complex_filter", "contribute_to_class", "cursor",
        "db_manager", "defer", "difference", "distinct", "exclude", "extra", "filter", "from_queryset", "get_queryset", "sql",
        "intersection", "lookup", "none", "only", "order_by", "prefetch_related", "resolve_expression", "reverse",
        "select_for_update", "select_related", "cache_key", "union", "union_with", "using", "check", "deconstruct",
        "dates", "datetimes", "ordered", "db", "query", "as_expression",
    },
    "model": {
        "clean", "from_db", "get_absolute_url", "get_deferred_fields", "prepare_database_save", "serializable_value",
        "unique_error_message", "date_error_message", "clean_fields", "set_field", "get_constraints", "check",
    },
}  # fmt: skip

# sync name -> how its twin differs on purpose. Both kinds of difference are stated by the specification.
DIFFERENT = {
    "values": "terminal, takes field names only",
    "values_list": "terminal",
    "with_transient_retry": "takes a function, its twin a factory of awaitables",
}
# Async verbs without a sync one: each says why.
ALONE = {"aload": "sync code just reads the attribute, and `load` would be lost as a field's name"}


def classes() -> Iterator[tuple[str, type]]:
    for name in ("QuerySet", "BaseManager", "Manager", "RelatedManager", "CombinedQuerySet", "RawQuerySet"):
        found = getattr(dorm, name, None)
        if inspect.isclass(found):
            yield "queryset", found
    yield "model", dorm.Model


def methods(cls: type) -> dict[str, Any]:
    """Public callables of a class, those of `object` left out."""
    return {
        name: value
        for name in dir(cls)
        if (not name.startswith("_") and callable(value := inspect.getattr_static(cls, name, None)))
        or (not name.startswith("_") and isinstance(inspect.getattr_static(cls, name, None), classmethod))
    }


def is_async(value: Any) -> bool:
    plain = inspect.unwrap(getattr(value, "__func__", value))
    return inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)


def cases() -> list[tuple[str, Any, Any]]:
    """``(where.name, sync, async)`` for every pair there is."""
    found = []
    for _, cls in classes():
        names = methods(cls)
        found += [(f"{cls.__name__}.{name}", names[name], names[f"a{name}"]) for name in names if f"a{name}" in names]
    for module in modules():
        names = functions(module)
        found += [
            (f"{module.__name__}.{name}", names[name], names[f"a{name}"]) for name in names if f"a{name}" in names
        ]
    return found


def modules() -> list[ModuleType]:
    return [dorm, dorm.transaction, dorm.db.connection, dorm.db.utils]


def functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    return {
        name: value for name, value in vars(module).items() if inspect.isfunction(value) and not name.startswith("_")
    }


@pytest.mark.parametrize(("kind", "cls"), list(classes()), ids=lambda value: getattr(value, "__name__", value))
def test_every_verb_has_a_twin(kind, cls):
    names = methods(cls)
    alone = [
        name
        for name in names
        if name not in LAZY[kind]
        and f"a{name}" not in names
        and not is_async(names[name])
        and not (name.startswith("a") and name[1:] in names)
        and not inspect.isclass(names[name])
        and not is_choice_display(name)
    ]
    assert not alone, f"{cls.__name__} has verbs without a twin, or names missing in LAZY: {', '.join(sorted(alone))}"


def is_choice_display(name: str) -> bool:
    return re.fullmatch(r"get_\w+_display|get_next_by_\w+|get_previous_by_\w+", name) is not None


@pytest.mark.parametrize(("kind", "cls"), list(classes()), ids=lambda value: getattr(value, "__name__", value))
def test_no_twin_is_alone(kind, cls):
    names = methods(cls)
    alone = [
        name
        for name, value in names.items()
        if is_async(value) and not (name[0] == "a" and name[1:] in names) and name not in ALONE
    ]
    assert not alone, f"{cls.__name__} has async verbs without a sync one: {', '.join(sorted(alone))}"


@pytest.mark.parametrize(("where", "sync", "twin"), cases(), ids=lambda value: value if isinstance(value, str) else "")
def test_twins_have_one_signature(where, sync, twin):
    if where.rpartition(".")[2] in DIFFERENT:
        return
    left, right = signature(sync), signature(twin)
    assert left == right, f"{where}: {left} against {right}"


def signature(function: Any) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(getattr(function, "__func__", function)).parameters.values()
    return [(one.name, one.kind, one.default if comparable(one.default) else repr(one.default)) for one in parameters]


def comparable(value: Any) -> bool:
    return value is inspect.Parameter.empty or isinstance(value, str | int | float | bool | tuple | type(None))


MODULE_PAIRS = {
    "dorm": ["create_tables", "drop_tables", "health_check"],
    "dorm.transaction": [
        "atomic", "on_commit", "on_rollback", "savepoint", "savepoint_commit", "savepoint_rollback",
    ],
    "dorm.db.utils": ["with_transient_retry"],
    "dorm.db.connection": ["health_check"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module, names in MODULE_PAIRS.items() for name in names],
)
def test_module_functions_have_twins(module, name):
    found = next(one for one in modules() if one.__name__ == module)
    assert hasattr(found, name)
    assert hasattr(found, f"a{name}")


def test_signals_send_in_both_worlds():
    assert inspect.iscoroutinefunction(dorm.signals.Signal.asend)
    assert signature(dorm.signals.Signal.send) == signature(dorm.signals.Signal.asend)


# -- no logic behind ``await`` ------------------------------------------------------------------------------------------

# Where waiting itself is done; everything above is async wrappers.
MACHINERY = ("db/", "dialects/", "signals.py", "transaction.py", "utils/uninterrupted.py")


def wrappers() -> Iterator[tuple[str, ast.AsyncFunctionDef]]:
    for file in package_files():
        if file.name.startswith(MACHINERY):
            continue
        for node in ast.walk(file.tree):
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_") and node.name != "aiterator":
                yield file.place(node), node


def statements(node: ast.AsyncFunctionDef) -> list[ast.stmt]:
    body = node.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]  # the docstring
    return body


def test_async_verbs_are_wrappers_without_logic():
    """One statement, or a loop that passes rows on; branches belong into the sync verb."""
    logic = [
        f"{place}: {node.name}"
        for place, node in wrappers()
        if not node.name.startswith("_")
        and len([one for one in statements(node) if not isinstance(one, ast.AsyncFor)]) > 1
    ]
    assert not logic, report(logic)
