"""What has no standard spelling is refused by an error that names the database, the feature and an alternative."""

from __future__ import annotations

import inspect

import pytest

import dorm
from dorm.dialects.sql import SqlHooks

# every method of the standard spelling that refuses, whatever it is asked for
REFUSING = [
    name
    for name, method in inspect.getmembers(SqlHooks, inspect.isfunction)
    if "self.unsupported" in inspect.getsource(method)
]


@pytest.mark.parametrize("name", REFUSING)
def test_a_database_without_a_spelling_says_what_to_do_instead(name):
    hooks = SqlHooks("ThirdDB")
    method = getattr(hooks, name)
    arguments = [None] * len(inspect.signature(method).parameters)
    with pytest.raises(
        dorm.NotSupportedError, match=r"ThirdDB does not have a spelling for .+ \(SqlHooks\): .+"
    ) as caught:
        method(*arguments)
    assert "spelling in a class of its own" in str(caught.value)


def test_nothing_refuses_without_a_word():
    assert len(REFUSING) >= 10
    assert "NotImplementedError" not in inspect.getsource(SqlHooks)
