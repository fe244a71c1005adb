"""What changes on module level stands in this list, with its reason; everything else belongs to an object."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from support.source import SourceFile, package_files, report

#: file -> why its functions bind names of the module again.
GLOBAL_STATEMENTS = {
    "db/bridge.py": "greenlet's functions, once it is loaded, and inline mode: read on every call, as cheaply as can be",
    "db/hooks.py": "`active` is read by every statement; add, remove and refresh are the only writers",
    "db/engines.py": "a forked child needs a lock of its own",
    "db/sessions.py": "sessions belong to threads and loops; a forked child starts without those of its parent",
    "scopes.py": "`active` is read by every query; the registered scopes are changed in one place",
}

#: (file, name) -> what it is for, and what empties it.
CHANGING = {
    ("cache/registry.py", "_caches"): "the caches of the settings; they go when the settings change",
    ("db/blocks.py", "_views"): "a context variable per alias, which must not be made twice",
    ("db/bridge.py", "_inline_everywhere"): "inline mode of the process: `set_inline(False)`",
    ("db/bridge.py", "current_greenlet"): "loaded once",
    ("db/bridge.py", "greenlet_class"): "loaded once",
    ("db/bridge.py", "inline_used"): "whether inline mode was ever used, so that others need not ask",
    ("db/engines.py", "_databases"): "the engines",
    ("db/engines.py", "_inherited"): "what a forked child keeps and never touches",
    ("db/engines.py", "_lock"): "the lock of the engines",
    ("db/engines.py", "_on_drop"): "rooms that go with the engines, said once when they load",
    ("db/engines.py", "_on_fork"): "ditto",
    ("db/hooks.py", "_after"): "hooks of statements: `remove()`",
    ("db/hooks.py", "_before"): "ditto",
    ("db/hooks.py", "active"): "whether there are any",
    ("db/masking.py", "_patterns"): "names that look sensitive: `reset_sensitive_patterns()`",
    ("db/routers.py", "_installed"): "routers of the settings; they go when the settings change",
    ("db/sessions.py", "_all_async"): "sessions that are alive, held weakly",
    ("db/sessions.py", "_all_sync"): "ditto",
    ("db/sessions.py", "_both_worlds"): "whether async verbs were ever used, so that others need not ask",
    ("db/sessions.py", "_inherited"): "what a forked child keeps and never touches",
    ("db/sessions.py", "_loops"): "the sessions of event loops, held weakly; they go with the engines",
    ("db/sessions.py", "_threads"): "the sessions of threads; they go with the engines",
    ("db/through_sqlalchemy.py", "_failed"): "connections that are alive, held weakly",
    ("db/transactions.py", "_ended_hooks"): "hooks of transactions: `remove_ended_hook()`",
    ("db/write_events.py", "subscriptions"): "who listens to writes: `unsubscribe`",
    ("dialects/registry.py", "_loaded"): "the dialects: `unregister()`",
    ("fields/types.py", "_json_writers"): "a cache, emptied by `caches.reset()`",
    ("db/handles.py", "_handles"): "a cache, emptied by `caches.reset()`",
    ("fields/uuid7.py", "_last"): "UUIDs of a process must grow; a forked child forgets",
    ("lookups/registry.py", "_any_key"): "lookups of every relation: `unregister_lookup()`",
    ("lookups/registry.py", "_watchers"): "rooms that keep something about lookups, said once when they load",
    ("meta/registry.py", "_named"): "registries that are alive, held weakly",
    ("meta/registry.py", "_registries"): "ditto",
    ("query/run/lazy_access.py", "_warned"): "what was warned about, emptied by `caches.reset()`",
    ("query/run/plan_cache.py", "plans"): "the plans: `plans.clear()`",
    ("scopes.py", "_registered"): "scopes of queries: what registering one returns takes it back",
    ("scopes.py", "active"): "whether there are any",
    ("signals.py", "_waiting"): "the bridge, said once when it loads",
    ("utils/caches.py", "_resets"): "the caches, said once when they load",
}
CHANGING_METHODS = frozenset(
    {"append", "add", "update", "pop", "popitem", "clear", "setdefault", "remove", "discard", "extend", "insert", "put"}
)


def test_functions_bind_no_name_of_their_module_again():
    found = [
        f"{file.place(node)}: global {', '.join(node.names)}"
        for file in package_files()
        if file.name not in GLOBAL_STATEMENTS
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Global)
    ]
    assert not found, report(found)


def test_what_changes_on_module_level_is_known():
    found = {(file.name, name) for file in package_files() for name in changing(file)}
    assert not found - CHANGING.keys(), report([f"{file}: {name}" for file, name in sorted(found - CHANGING.keys())])
    assert not CHANGING.keys() - found, f"no longer changing: {sorted(CHANGING.keys() - found)}"


def test_functions_that_remember_can_be_made_to_forget():
    """``functools.cache`` and its like on module level go through ``utils.caches``."""
    found = [
        f"{file.place(function)}: {function.name}()"
        for file in package_files()
        if file.name != "utils/caches.py"
        for function in file.tree.body
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if ast.unparse(decorator).partition("(")[0].rpartition(".")[2] in ("cache", "lru_cache")
    ]
    assert not found, report(found)


def changing(file: SourceFile) -> Iterator[str]:
    """Names of the module whose value functions change or bind again."""
    module = {
        target.id
        for statement in file.tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Global):
            yield from node.names
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            local = {
                name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
            yield from {name for inner in ast.walk(node) for name in changed(inner)} & module - local


def changed(node: ast.AST) -> Iterator[str]:
    """The name whose value a node changes: by an index, an attribute, or a method."""
    if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        value: ast.expr = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING_METHODS:
        value = node.func.value
    else:
        return
    if isinstance(value, ast.Name):
        yield value.id
