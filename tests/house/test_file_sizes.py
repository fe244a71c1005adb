"""Rooms are small: a file that has grown past the limit holds more than one concept."""

from __future__ import annotations

from support.source import PACKAGE, package_files, report

LIMIT = 600


def test_there_is_a_package_to_look_at():
    assert package_files(), PACKAGE


def test_no_module_is_longer_than_the_limit():
    long = [f"{file.name}: {lines} lines" for file in package_files() if (lines := file.text.count("\n")) > LIMIT]
    assert not long, report(long)
