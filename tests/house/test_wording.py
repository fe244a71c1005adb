"""Code and pages speak to a stranger: reasons in words, plain English, and the field's terms."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from support.source import ROOT, SourceFile, package_files, report

PREFIXES = (
    "AG BEY CCH CFG CLI CN CON CTR DEF EX EXC FLD FN GEN GX HV HZ IDX IMP LD LK MDL META MGR MIG OBS OPEN PYD QS QX REL RH "
    "RTR RW SIG SO ST SUB TX TYP VLD XF"
).split()
ROW = re.compile(rf"\b(?:{'|'.join(PREFIXES)})-[QX]?\d+\b|\b(?:spec|[Dd]esign) sections? \d")
FOLDERS = ("djanorm", "docs", "tests", "examples", "bench", "alembic_templates")
# what reads as translated -> what to write instead
STILTED = {
    r"; whether\b": "a sentence of its own: Returns whether …",
    r"\b(?<!there )(?<!There )(?:is|are|was|were) no (?!longer\b|more\b|such\b|row\b|other\b|way\b)(?=\w|`)": "is not a …",
    r"\bworlds?\b(?! of )": "sync and async code",
    r"\bdoors?\b": "async wrapper, public package, entry point",
}
SUFFIXES = {".py", ".pyi", ".md", ".toml", ".mako", ".typed"}


def texts() -> Iterator[Path]:
    """Every file that a reader of the repository may open."""
    for folder in FOLDERS:
        yield from (path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES)
    yield from (path for path in sorted(ROOT.iterdir()) if path.is_file() and path.suffix in SUFFIXES)


def test_reasons_are_given_in_words():
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{number}: {row.group()}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for row in ROW.finditer(line)
    ]
    assert not found, report(found)


def test_a_row_is_recognized():
    rows = [f"{prefix}-{number}" for prefix, number in (("QS", "12"), ("MIG", "Q07"), ("CON", "311"))]
    assert ROW.findall(f"see ({rows[0]}), {rows[1]} to {rows[2]}") == rows
    assert ROW.search(f"as the {'spec'} section 14 says")
    assert not ROW.search("UTF-8, ISO-8601, SHA-256, RFC 9562, section 9 of the page")


def prose(file: SourceFile) -> Iterator[tuple[int, str]]:
    """Docstrings and comments with their lines."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                yield from enumerate(text.split("\n"), start=node.body[0].lineno)
    for token in tokenize.generate_tokens(io.StringIO(file.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_docstrings_and_comments_are_plain_english():
    found = [
        f"{file.name}:{line}: {match.group()!r}: write {better}"
        for file in package_files()
        for line, text in prose(file)
        for stilted, better in STILTED.items()
        for match in re.finditer(stilted, text)
    ]
    assert not found, report(found)
