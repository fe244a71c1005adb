"""A file is named for one concept: never for a version, a tier, an issue or nothing in particular."""

from __future__ import annotations

import re
from collections import Counter

from support.source import ROOT, package_files, report

VERSION = re.compile(r"(^|_)v?\d+(_|$)|\d{2,}")
EMPTY_WORDS = {
    "helpers", "helper", "misc", "common", "core", "stuff", "more", "new", "old", "legacy", "temp",
    "tmp", "impl", "basic", "advanced", "tier", "issue", "phase", "wave", "part", "coverage", "fixes", "release",
}  # fmt: skip


def words(stem: str) -> set[str]:
    return set(stem.lower().split("_"))


def test_modules_are_named_for_concepts():
    bad = [
        file.name for file in package_files() if VERSION.search(file.path.stem) or words(file.path.stem) & EMPTY_WORDS
    ]
    assert not bad, report(bad)


def test_test_files_are_named_for_behaviour():
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    bad = [str(file.relative_to(ROOT)) for file in files if VERSION.search(file.stem) or words(file.stem) & EMPTY_WORDS]
    assert not bad, report(bad)


def test_test_files_have_names_of_their_own():
    """A test module's name is the app label of its models, so two files must not share one."""
    names = Counter(file.name for file in (ROOT / "tests").rglob("test_*.py"))
    twice = [name for name, times in names.items() if times > 1]
    assert not twice, report(twice)
