"""Signals."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from dorm.db import bridge
from dorm.signals import ModelSignal, Signal


def test_results_come_in_the_order_of_connection() -> None:
    ours = Signal()

    def a(sender: Any, value: int) -> int:
        return value + 1

    def b(sender: Any, value: int) -> int:
        return value + 2

    ours.connect(a)
    ours.connect(b)
    assert ours.send("me", value=1) == [(a, 2), (b, 3)]


def test_connecting_again_replaces() -> None:
    ours, seen = Signal(), []

    def receiver(**_: Any) -> None:
        seen.append(1)

    ours.connect(receiver)
    ours.connect(receiver)
    ours.send("me")
    assert seen == [1]


def test_decorators_keep_the_function() -> None:
    ours = Signal()

    @ours.connect
    def plain(sender: Any) -> str:
        return "plain"

    @ours.connect(sender="me")
    def with_arguments(sender: Any) -> str:
        return "with"

    @ours.connect_for("me")
    def for_sender(sender: Any) -> str:
        return "for"

    assert [result for _, result in ours.send("me")] == ["plain", "with", "for"]
    assert [result for _, result in ours.send("you")] == ["plain"]


def test_senders_match_by_identity() -> None:
    class Parent:
        pass

    class Child(Parent):
        pass

    ours, seen = Signal(), []

    def receiver(sender: Any) -> None:
        seen.append(sender)

    ours.connect(receiver, sender=Parent)
    ours.send(Child)
    ours.send(Parent)
    assert seen == [Parent]
    assert ours.has_listeners(Parent)
    assert not ours.has_listeners(Child)


def test_a_uid_identifies_instead_of_the_function() -> None:
    ours, seen = Signal(), []
    ours.connect(lambda sender: seen.append(1), weak=False, dispatch_uid="x")
    ours.connect(lambda sender: seen.append(2), weak=False, dispatch_uid="x")
    ours.send("me")
    assert seen == [2]
    assert ours.disconnect(dispatch_uid="x") is True
    assert ours.disconnect(dispatch_uid="x") is False
    assert not ours.connected


def test_receivers_are_held_weakly() -> None:
    ours, seen = Signal(), []

    class Holder:
        def method(self, sender: Any) -> None:
            seen.append(1)

    holder = Holder()
    ours.connect(holder.method)
    assert ours.has_listeners()
    ours.send("me")
    del holder
    gc.collect()
    ours.send("me")
    assert seen == [1]
    assert not ours.connected


def test_errors_are_logged_unless_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    def broken(**_: Any) -> None:
        raise LookupError("trouble")

    quiet, strict = Signal(), Signal(raise_exceptions=True)
    quiet.connect(broken)
    strict.connect(broken)
    assert quiet.send("me") == []
    assert "trouble" in caplog.text
    assert caplog.records[0].name == "dorm.signals"
    with pytest.raises(LookupError):
        strict.send("me")


def test_only_callables_can_be_connected() -> None:
    with pytest.raises(TypeError, match="callable"):
        Signal().connect(3)


async def test_coroutine_receivers(caplog: pytest.LogCaptureFixture) -> None:
    ours = Signal()

    async def receiver(sender: Any, value: int) -> int:
        await asyncio.sleep(0)
        return value * 2

    def plain(sender: Any, value: int) -> int:
        return value

    ours.connect(receiver)
    ours.connect(plain)
    assert ours.send("me", value=2) == [(plain, 2)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert await ours.asend("me", value=2) == [(receiver, 4), (plain, 2)]
    assert await bridge.run_async(lambda: ours.send("me", value=2)) == [(receiver, 4), (plain, 2)]


def test_connecting_and_sending_in_many_threads() -> None:
    ours = Signal()
    problems: list[BaseException] = []

    def work(number: int) -> None:
        def receiver(**_: Any) -> int:
            return number

        try:
            for _ in range(200):
                ours.connect(receiver)
                assert number in [result for _, result in ours.send("me")]
                assert ours.disconnect(receiver)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert not ours.connected


def test_changes_are_announced() -> None:
    changes: list[bool] = []
    ours = Signal(on_change=lambda: changes.append(ours.connected))

    def receiver(**_: Any) -> None: ...

    ours.connect(receiver)
    ours.disconnect(receiver)
    ours.disconnect(receiver)
    assert changes == [True, False]


def test_receivers_are_listed_in_order() -> None:
    signal = Signal()

    def one(**_kwargs: Any) -> None: ...

    def two(**_kwargs: Any) -> None: ...

    signal.connect(one)
    signal.connect(two, sender=int)
    assert signal.receivers == [(one, None), (two, int)]
    signal.disconnect(one)
    assert len(signal.receivers) == 1
    del two
    assert signal.receivers == []


def test_a_receiver_that_names_the_signal_gets_it() -> None:
    signal = Signal(raise_exceptions=True)
    heard: list[Any] = []

    @signal.connect
    def by_name(signal: Signal, sender: Any, **kwargs: Any) -> None:
        heard.append((signal, sender, kwargs))

    @signal.connect
    def without(sender: Any, **kwargs: Any) -> None:
        heard.append((sender, kwargs))

    signal.send(int, a=1)
    assert heard == [(signal, int, {"a": 1}), (int, {"a": 1})]


async def test_robust_sending_gives_errors_as_results(caplog: pytest.LogCaptureFixture) -> None:
    signal = Signal(raise_exceptions=True)
    problem = ValueError("no")

    @signal.connect
    def failing(**_kwargs: Any) -> None:
        raise problem

    @signal.connect
    def fine(**_kwargs: Any) -> int:
        return 1

    assert signal.send_robust(None) == [(failing, problem), (fine, 1)]
    assert await signal.asend_robust(None) == [(failing, problem), (fine, 1)]
    assert len([record for record in caplog.records if record.exc_info]) == 2
    with pytest.raises(ValueError, match="no"):
        signal.send(None)
    with pytest.raises(ValueError, match="no"):
        await signal.asend(None)


def test_models_are_senders_by_name_too() -> None:
    class Meta:
        label = "app.Thing"

    class Thing:
        _meta = Meta

    class Other:
        pass

    signal = ModelSignal()
    heard: list[Any] = []

    @signal.connect_for("app.Thing")
    def listen(sender: Any, **_kwargs: Any) -> None:
        heard.append(sender)

    signal.send(Thing)
    signal.send(Other)
    assert heard == [Thing]
    assert signal.disconnect(listen, sender=Other) is False
    assert signal.disconnect(listen, sender=Thing) is True
    with pytest.raises(ValueError, match=r"app\.Model"):
        signal.connect(listen, sender="Thing")
