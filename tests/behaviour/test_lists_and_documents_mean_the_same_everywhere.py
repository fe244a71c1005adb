"""Lists as one parameter, and the containment of documents: one meaning on every database."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dorm
from dorm.db.connection import get_connection
from dorm.dialects import sqlite_json


class Note(dorm.Model):
    data = dorm.JSONField(null=True)
    other = dorm.JSONField(null=True)
    marks = dorm.HStoreField(null=True)
    raw = dorm.BinaryField(null=True)


pytestmark = pytest.mark.models([Note])
DOCUMENTS = [
    {"a": 1},
    {"a": [1, 2]},
    {"a": []},
    {"a": {"b": [1, 2, 3]}},
    [1, 2, "x"],
    "x",
    {"x": None},
    {"a": 1, "b": 2},
]


@pytest.fixture
def notes(database):
    Note.objects.bulk_create([*(Note(data=document) for document in DOCUMENTS), Note()])
    return Note.objects.order_by("pk")


async def found(mode, queryset):
    return [note.data for note in await mode.fetch(queryset)]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([[1, 2]], [1]),
        ([[]], [2]),
        ([[1, 2], []], [1, 2]),
        ([[1, 2], 1], [0, 1, 7]),
        ([{"b": [1, 2, 3]}, 1, None], [0, 3, 7]),
        ([[1, 2, None], [2, 1]], []),
    ],
    ids=repr,
)
async def test_a_list_inside_a_list_is_one_value_of_it(notes, mode, given, wanted):
    assert await found(mode, notes.filter(data__a__in=given)) == [DOCUMENTS[n] for n in wanted]
    rest = [document for n, document in enumerate(DOCUMENTS) if n not in wanted]
    assert await found(mode, notes.exclude(data__a__in=given)) == [*rest, None]
    whole = [{"a": value} for value in given]
    assert await found(mode, notes.filter(data__in=whole)) == [d for d in DOCUMENTS if d in whole]


async def test_bytes_in_a_list_find_no_rows_of_null(database, mode):
    Note.objects.bulk_create([Note(raw=raw) for raw in (b"zz", b"", None, b"\x00\xff")])
    for wished, wanted in (
        ([b"zz", b""], [b"zz", b""]),
        ([b""], [b""]),
        ([bytearray(b"\x00\xff"), None], [b"\x00\xff"]),
    ):
        notes = Note.objects.order_by("pk")
        assert [note.raw for note in await mode.fetch(notes.filter(raw__in=wished))] == wanted
        rest = [raw for raw in (b"zz", b"", None, b"\x00\xff") if raw not in wanted]
        assert [note.raw for note in await mode.fetch(notes.exclude(raw__in=wished))] == rest


@pytest.mark.parametrize(
    ("lookup", "value", "wanted"),
    [
        ("data__contains", {"a": 1}, [0, 7]),
        ("data__contains", {"a": [2]}, [1]),
        ("data__contains", {"a": {"b": [3]}}, [3]),
        ("data__contains", [1], [4]),
        ("data__contains", [], [4]),
        ("data__contains", {}, [0, 1, 2, 3, 6, 7]),
        ("data__contains", "x", [4, 5, 6]),
        ("data__a__contains", [1], [1]),
        ("data__a__contains", {"b": []}, [3]),
        ("data__contained_by", {"a": 1, "b": 2, "c": 3}, [0, 7]),
        ("data__contained_by", [1, 2, "x", "y"], [4, 5]),
        ("data__has_key", "x", [4, 5, 6]),
        ("data__has_key", "1", []),
        ("data__has_keys", ["a", "b"], [7]),
        ("data__has_any_keys", ["b", "x"], [4, 5, 6, 7]),
        ("data__a__has_key", "b", [3]),
    ],
    ids=repr,
)
async def test_a_document_contains_parts_of_itself(notes, mode, lookup, value, wanted):
    assert await found(mode, notes.filter(**{lookup: value})) == [DOCUMENTS[n] for n in wanted]
    rest = [document for n, document in enumerate(DOCUMENTS) if n not in wanted]
    assert await found(mode, notes.exclude(**{lookup: value})) == [*rest, None]


async def test_a_document_of_the_same_row_may_be_the_part(database, mode):
    pairs = [({"a": 1}, {"a": 1, "b": 2}), ([1], [1, 2]), ([1], [2])]
    Note.objects.bulk_create([Note(data=part, other=whole) for part, whole in pairs])
    notes = Note.objects.order_by("pk")
    assert await found(mode, notes.filter(other__contains=dorm.F("data"))) == [{"a": 1}, [1]]
    assert await found(mode, notes.filter(data__contained_by=dorm.F("other"))) == [{"a": 1}, [1]]
    assert await found(mode, notes.filter(other__contains=dorm.Value({"b": 2}, dorm.JSONField()))) == [{"a": 1}]


async def test_marks_contain_marks(database, mode):
    Note.objects.bulk_create([Note(marks={"a": "1", "b": None}), Note(marks={"a": "2"})])
    assert await mode.call(Note.objects.filter(marks__contains={"a": "1"}), "count") == 1
    assert await mode.call(Note.objects.filter(marks__has_key="b"), "count") == 1
    assert await mode.call(Note.objects.filter(marks__contained_by={"a": "2", "c": "3"}), "count") == 1


SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5]) | st.sampled_from(["", "a", "1"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab1"), inner, max_size=2),
    max_leaves=6,
)


@pytest.mark.only("postgresql")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(JSON, min_size=2, max_size=8), st.sampled_from(["", "a", "1"]))
def test_documents_read_in_python_answer_as_the_database_that_knows_them(database, documents, key):
    texts = [json.dumps(document) for document in documents]
    pairs = list(itertools.permutations(texts, 2)) + [(text, text) for text in texts]
    rows = " UNION ALL ".join(["SELECT CAST(%s AS jsonb) @> CAST(%s AS jsonb) AS yes"] * len(pairs))
    answers = get_connection().execute(rows, [text for pair in pairs for text in pair])
    assert [row["yes"] for row in answers] == [sqlite_json.contains(*pair) for pair in pairs]
    rows = " UNION ALL ".join(["SELECT jsonb_exists(CAST(%s AS jsonb), %s) AS yes"] * len(texts))
    answers = get_connection().execute(rows, [part for text in texts for part in (text, key)])
    assert [row["yes"] for row in answers] == [sqlite_json.has_key(text, key) for text in texts]
