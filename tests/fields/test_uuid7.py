"""Time-ordered UUIDs (RFC 9562)."""

from __future__ import annotations

import os
import threading
import time
import uuid

import pytest

from dorm.fields import uuid7 as module
from dorm.fields.uuid7 import uuid7


def test_version_variant_and_time():
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= after + 1


def test_keys_increase_within_a_process():
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert [str(key) for key in made] == sorted(str(key) for key in made)


def test_keys_increase_when_the_clock_goes_back(monkeypatch):
    first = uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert uuid7() > first


def test_an_exhausted_counter_borrows_the_next_millisecond(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    monkeypatch.setattr(module._last, "random", 2**74 - 1)
    monkeypatch.setattr(module._last, "milliseconds", 2**47)
    assert uuid7().int >> 80 == 2**47 + 1


def test_threads_never_share_a_key():
    made: list[uuid.UUID] = []
    lock = threading.Lock()

    def work() -> None:
        mine = [uuid7() for _ in range(2_000)]
        assert mine == sorted(mine)
        with lock:
            made.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8_000


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_repeat_its_parent():
    uuid7()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, b"".join(uuid7().bytes for _ in range(50)))
        os._exit(0)
    mine = {uuid7().bytes for _ in range(50)}
    os.waitpid(child, 0)
    raw = os.read(read_end, 1_000)
    os.close(read_end)
    os.close(write_end)
    theirs = {raw[i : i + 16] for i in range(0, len(raw), 16)}
    assert len(theirs) == 50
    assert not mine & theirs
