"""Code and pages speak to a stranger: they give reasons in words, not by the number of a row that only authors can look up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from support.source import ROOT, report

PREFIXES = (
    "AG BEY CCH CFG CLI CN CON CTR DEF EX EXC FLD FN GEN GX HV HZ IDX IMP LD LK MDL META MGR MIG OBS OPEN PYD QS QX REL RH "
    "RTR RW SIG SO ST SUB TX TYP VLD XF"
).split()
ROW = re.compile(rf"\b(?:{'|'.join(PREFIXES)})-[QX]?\d+\b|\b(?:spec|[Dd]esign) sections? \d")
FOLDERS = ("djanorm", "docs", "tests", "examples", "bench", "alembic_templates")
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
