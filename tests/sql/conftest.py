from __future__ import annotations

import pytest
from select_models import ENTRIES

import dorm
from dorm.query.run.plan_cache import plans


@pytest.fixture(autouse=True)
def unconnected():
    """Both databases configured, neither reachable: describing a query needs no connection."""
    dorm.configure(DATABASES={alias: dict(entry) for alias, entry in ENTRIES.items()})
    plans.clear()
