"""Scopes that a test registers are gone after it."""

from __future__ import annotations

import pytest

from dorm import scopes


@pytest.fixture(autouse=True)
def nothing_registered():
    """Takes back what a test has registered."""
    yield
    for known in scopes.in_force():
        known()
    assert not scopes.active
