"""Every room has tests, and a reader finds them: see `rooms.py` beside this file."""

from __future__ import annotations

import rooms

from support.source import report


def test_every_room_has_tests():
    found = [room.name for room in rooms.rooms() if not rooms.tests_of(room)]
    assert not found, report(found)


def test_the_table_names_rooms_and_tests_that_are_there():
    known = {room.name for room in rooms.rooms()}
    found = [f"{name}: no such room" for name in rooms.ELSEWHERE if name not in known]
    found += [
        f"{name}: {test} is not there"
        for name, tests in rooms.ELSEWHERE.items()
        for test in tests
        if not (rooms.TESTS / test).exists()
    ]
    assert not found, report(found)


def test_the_table_says_only_what_the_rules_do_not():
    found = [
        f"{room.name}: {test} covers it by name or import"
        for room in rooms.rooms()
        for test in set(rooms.ELSEWHERE.get(room.name, ())) & set(rooms.by_rule(room))
    ]
    assert not found, report(found)
