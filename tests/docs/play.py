"""Run the code of a documentation page: ``python play.py page.md``, in an empty folder.

Fenced ``python`` blocks run from top to bottom in one namespace; ``await`` works at the top level, as in a notebook. A
comment ``# -> text`` behind an expression, or on the line below it, states its ``repr``; behind ``print(…)``, what is printed.
``title="settings.py"`` writes the block to that file
instead; ``title="PostgreSQL"`` runs it only when ``DOCS_POSTGRES_URL`` is set, on a database of its own. Blocks in other
languages are prose.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import os
import re
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FENCE = re.compile(r"^```python(?P<options>[^\n]*)\n(?P<code>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
EXPECTED = re.compile(r"#\s*->\s*(?P<text>.+?)\s*$")


class Mismatch(AssertionError):
    """An expression had another value than its page says."""


@dataclass(frozen=True)
class Block:
    """One fenced block: its code, its title and the line of the page where it starts."""

    code: str
    title: str | None
    line: int


def blocks(text: str) -> list[Block]:
    """The Python blocks of a page, in order."""
    found = []
    for match in FENCE.finditer(text):
        title = TITLE.search(match["options"])
        found.append(Block(match["code"], title[1] if title else None, text.count("\n", 0, match.start("code"))))
    return found


def play(page: Path) -> int:
    """Run a page; the number of expectations that held."""
    # The page is a module, so that its classes have one and say so in errors.
    module = types.ModuleType(page.stem.lower().replace("-", "_"))
    module.__file__ = str(page)
    sys.modules[module.__name__] = module
    kept = 0
    with asyncio.Runner() as runner:
        for block in blocks(page.read_text(encoding="utf-8")):
            if block.title and block.title.endswith(".py"):
                target = Path(block.title)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.code, encoding="utf-8")
            elif block.title != "PostgreSQL" or "DOCS_POSTGRES_URL" in os.environ:
                kept += run(block, module, page, runner)
        runner.run(tidy())
    return kept


def run(block: Block, module: types.ModuleType, page: Path, runner: asyncio.Runner) -> int:
    tree = ast.parse(block.code, str(page))
    source = block.code.splitlines()
    kept = 0
    for statement in tree.body:
        expected = expectation(source, statement)
        ast.increment_lineno(statement, block.line)
        if expected and isinstance(statement, ast.Expr):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                value = execute(ast.Expression(statement.value), "eval", module, page, runner)
            shown = printed.getvalue().rstrip("\n") if prints(statement.value) else repr(value)
            if shown != expected["text"]:
                raise Mismatch(f"{page.name}:{statement.lineno}: {shown}, where the page says {expected['text']}")
            kept += 1
        else:
            execute(ast.Module([statement], []), "exec", module, page, runner)
    return kept


def prints(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"


def expectation(source: list[str], statement: ast.stmt) -> re.Match[str] | None:
    last = statement.end_lineno or statement.lineno
    below = source[last] if last < len(source) else ""
    return EXPECTED.search(source[last - 1]) or (EXPECTED.match(below) if below.startswith("#") else None)


def execute(tree: Any, kind: str, module: types.ModuleType, page: Path, runner: asyncio.Runner) -> Any:
    code = compile(tree, str(page), kind, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        return runner.run(types.FunctionType(code, module.__dict__)())
    return eval(code, module.__dict__)


async def tidy() -> None:
    from dorm.db.connection import close_all, close_all_async

    await close_all_async()
    close_all()


if __name__ == "__main__":
    print(f"{play(Path(sys.argv[1]))} expectations held")
