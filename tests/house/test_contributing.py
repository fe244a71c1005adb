"""CONTRIBUTING leads to files that are there; its recipes run with the pages of the documentation."""

from __future__ import annotations

import re

import pytest

from support.source import PACKAGE

ROOT = PACKAGE.parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
FILE = re.compile(r"`([\w/]+\.(?:py|md|txt))`")
RECIPES = ("A lookup", "A field", "A function", "A dialect")


def test_every_file_that_is_named_is_there():
    named = FILE.findall(TEXT)
    assert [
        name for name in named if not any((root / name).is_file() for root in (PACKAGE, PACKAGE.parent, ROOT))
    ] == []


@pytest.mark.parametrize("title", RECIPES)
def test_there_is_a_recipe(title):
    """`tests/docs/test_pages.py` runs its code."""
    recipe = TEXT.partition(f"### {title}\n")[2].partition("\n### ")[0]
    assert "```python" in recipe
    assert "# ->" in recipe
