"""``lazy_pattern``: a regular expression that is compiled by its first use."""

from __future__ import annotations

import re

import pytest

from dorm.utils.patterns import lazy_pattern


def test_nothing_is_compiled_before_the_first_use():
    pattern = lazy_pattern("(")
    assert repr(pattern) == "lazy_pattern('(')"
    with pytest.raises(re.error, match="missing \\)"):
        pattern.match("text")


def test_it_matches_as_the_compiled_one_does():
    pattern = lazy_pattern(r"(?P<word>[a-z]+)", re.IGNORECASE)
    assert pattern.fullmatch("Word")["word"] == "Word"
    assert pattern.sub("-", "a1B") == "-1-"
    assert pattern.groups == 1
    assert pattern.match is pattern.match


def test_names_that_patterns_do_not_have_are_attribute_errors():
    with pytest.raises(AttributeError, match="has no attribute 'matches'"):
        lazy_pattern("a").matches("a")  # type: ignore[attr-defined]
