"""Which keys SQLite's own JSON functions are trusted with, and what is done about the others."""

from __future__ import annotations

import json
import random
import re

import pytest

from dorm.dialects import sqlite_json
from dorm.dialects.sql import postgresql


@pytest.mark.parametrize(
    ("keys", "paths"),
    [
        (("a",), ['$."a"']),
        (("a b", "c.d", "[x]", "it's"), ['$."a b"."c.d"."[x]"."it\'s"']),
        (("0",), ["$[0]", '$."0"']),
        (("a", "-1"), ['$."a"[#-1]', '$."a"."-1"']),
        (("007",), ["$[7]", '$."007"']),
        (("0", "1"), ["$[0][1]", '$[0]."1"', '$."0"[1]', '$."0"."1"']),
        (("4294967296",), ['$."4294967296"']),  # SQLite would count from 0 again
        (("1", "2", "3"), None),
        (('a"b',), None),
        (("a\\b",), None),
        (("é",), None),
        (("²",), None),
        (("",), None),
        (("a\n",), None),
        (("a\0",), None),
    ],
)
def test_only_keys_with_one_spelling_become_paths(keys, paths):
    assert sqlite_json.paths(keys) == paths


@pytest.mark.parametrize(
    ("document", "keys", "found"),
    [
        ('{"a\\"b": {"": [1, 2.5]}}', ['a"b', "", "-1"], "2.5"),
        ('{"\\u00e9": null}', ["é"], "null"),
        ('{"a\\u0000b": 1}', ["a\0b"], "1"),
        ('{"a": [1]}', ["a", "1"], None),
        ('{"a": [1]}', ["a", "-2"], None),
        ('{"a": [1]}', ["a", "x"], None),
        ('{"a": "text"}', ["a", "0"], None),
        ('{"0": 1}', ["0"], "1"),
        (None, ["a"], None),
    ],
)
def test_keys_lead_to_values(document, keys, found):
    assert sqlite_json.at(document, json.dumps(keys)) == found


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("1", "1.0", 0),
        ("9", "10", -1),
        ('"9"', '"10"', 1),
        ("true", "false", 1),
        ("1", "true", None),
        ("1", '"1"', None),
        ("null", "null", None),
        ("[1]", "[1]", None),
        (None, "1", None),
    ],
)
def test_only_values_of_one_kind_have_an_order(left, right, order):
    assert sqlite_json.compared(left, right) == order


def test_equal_documents_have_one_spelling():
    assert sqlite_json.canonical('{"b": 1.0, "a": "\\u00e9"}') == sqlite_json.canonical('{"a":"é","b":1}')
    assert sqlite_json.canonical('"1"') != sqlite_json.canonical("1")


def test_a_key_in_the_text_of_postgresql_cannot_leave_its_literal():
    chance = random.Random(7)
    for _ in range(500):
        key = "".join(chance.choice("aZ0_'\"\\%:;-$?{}\n\té\u2028\U0001f600") for _ in range(chance.randrange(12)))
        text = postgresql._key(key)
        assert re.fullmatch(r"E'(?:[A-Za-z0-9_]|\\U[0-9A-F]{8})*'", text), key
        decoded = re.sub(r"\\U([0-9A-F]{8})", lambda found: chr(int(found[1], 16)), text[2:-1])
        assert decoded == key
    assert postgresql._key("a\0b") == postgresql._key("\ud800") == "NULL"
