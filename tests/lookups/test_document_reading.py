"""What lookups of documents refuse before a statement is sent."""

from __future__ import annotations

import pytest

import dorm
from dorm.exceptions import FieldDoesNotExist


class Note(dorm.Model):
    data = dorm.JSONField(default=dict)


pytestmark = pytest.mark.models([Note])


def test_documents_do_not_overlap_as_arrays_do(database, queries):
    with queries() as log, pytest.raises(FieldDoesNotExist, match=r"Unsupported lookup 'array_overlap' for JSONField"):
        list(Note.objects.filter(data__array_overlap=["a"]))
    assert log.count == 0


def test_a_key_is_not_none(database, queries):
    for lookup in ({"data__json_has_key": None}, {"data__has_key": None}, {"data__json_has_any": ["a", None]}):
        with queries() as log, pytest.raises(ValueError, match="needs the name of a key, not None"):
            list(Note.objects.filter(**lookup))
        assert log.count == 0


async def test_any_other_name_is_a_key(database, mode):
    await mode.call(Note.objects, "create", data={"overlap": 1, "7": 2})
    assert await mode.fetch(Note.objects.filter(data__overlap=1, data__has_key=7).values_list("data", flat=True)) == [
        {"overlap": 1, "7": 2}
    ]
