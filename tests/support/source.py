"""The package's own source, for the tests that read it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "djanorm" / "dorm"


@dataclass(frozen=True)
class SourceFile:
    """One module: where it is, its text and its tree."""

    path: Path

    @property
    def name(self) -> str:
        """The path inside the package, with forward slashes."""
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def module(self) -> str:
        """The dotted name it is imported by."""
        parts = list(self.path.relative_to(PACKAGE.parent).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def text(self) -> str:
        """The source text."""
        return _text(self.path)

    @property
    def tree(self) -> ast.Module:
        """The parsed source; parents are not linked."""
        return _tree(self.path)

    def line(self, number: int) -> str:
        """One line of the source, counted from 1."""
        return self.text.splitlines()[number - 1]

    def place(self, node: ast.stmt | ast.expr | ast.ExceptHandler) -> str:
        """``db/errors.py:17``, for messages."""
        return f"{self.name}:{node.lineno}"


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(_text(path), str(path))


@cache
def package_files() -> tuple[SourceFile, ...]:
    """Every module of the package, sorted by path."""
    return tuple(SourceFile(path) for path in sorted(PACKAGE.rglob("*.py")))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, nested ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def report(found: list[str]) -> str:
    """The findings of a gate, one per line."""
    return "\n" + "\n".join(found)
