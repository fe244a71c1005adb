"""Text becomes code in one module, which says what may enter it; nothing else calls exec, eval or compile."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from support.source import PACKAGE

ROOM = "utils/codegen.py"
MAKERS = {"exec", "eval", "compile", "__import__"}
# attributes of these modules make code of text, or functions of code, as well
MODULES = {"builtins", "code", "codeop", "types", "ast"}
TYPES = {"CodeType", "FunctionType"}


def found_in(source: str) -> Iterator[str]:
    """Each name of something that turns text into code, as ``line: name``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id in MAKERS:
            yield f"{node.lineno}: {node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in MAKERS | TYPES and isinstance(node.value, ast.Name):
            if node.value.id in MODULES:
                yield f"{node.lineno}: {node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            yield from (f"{node.lineno}: {name.name}" for name in node.names if name.name in MAKERS | TYPES)


def test_only_one_module_turns_text_into_code():
    found = {
        path.relative_to(PACKAGE).as_posix(): list(found_in(path.read_text(encoding="utf-8")))
        for path in PACKAGE.rglob("*.py")
    }
    assert {name for name, places in found.items() if places} == {ROOM}
    assert len(found[ROOM]) == 2  # exec(compile(…))


@pytest.mark.parametrize(
    "source",
    [
        "exec('1')",
        "x = eval",
        "compile(t, f, 'exec')",
        "import builtins\nbuiltins.exec(t)",
        "from builtins import eval as e",
        "import types\ntypes.FunctionType(c, {})",
    ],
)
def test_the_search_finds_what_it_looks_for(source):
    assert list(found_in(source))


def test_the_search_leaves_patterns_alone():
    assert not list(found_in("import re\nre.compile('x')\nstatement.compile(dialect=d)"))
