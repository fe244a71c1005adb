"""Signals that saving, deleting and linking send, and that they cost nothing unheard."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

import dorm
from dorm import signals


class Box(dorm.Model):
    name = dorm.CharField(max_length=20)


class Toy(dorm.Model):
    name = dorm.CharField(max_length=20)
    box = dorm.ForeignKey(Box, dorm.CASCADE, null=True)
    friends = dorm.ManyToManyField("self")


pytestmark = pytest.mark.models(Box, Toy)


@contextmanager
def heard(*which, sender=None):
    events = []

    def receiver(sender, signal_name, **kwargs):
        events.append((signal_name, sender, kwargs))

    receivers = []
    for name in which:

        def one(sender, signal_name=name, **kwargs):
            receiver(sender, signal_name, **kwargs)

        receivers.append((name, one))
        getattr(signals, name).connect(one, sender=sender, weak=False)
    try:
        yield events
    finally:
        for name, one in receivers:
            getattr(signals, name).disconnect(one, sender=sender)


async def test_saving_is_announced_before_and_after(database, mode):
    with heard("pre_save", "post_save") as events:
        box = Box(name="a")
        await mode.call(box, "save")
        await mode.call(box, "save", update_fields=["name"])
    assert [
        ("pre_save", True, None),
        ("post_save", True, None),
        ("pre_save", False, frozenset({"name"})),
        ("post_save", False, frozenset({"name"})),
    ] == [(name, kwargs["created"], kwargs["update_fields"]) for name, _, kwargs in events]
    assert {Box} == {sender for _, sender, _ in events}
    assert all(
        kwargs["instance"] is box and kwargs["using"] == "default" and not kwargs["raw"] for *_, kwargs in events
    )


async def test_deleting_is_announced_for_cascaded_rows_too_while_the_key_is_there(database, mode):
    box = await mode.call(Box.objects, "create", name="b")
    toy = await mode.call(Toy.objects, "create", name="t", box=box)
    keys = []

    def record(sender, instance, **kwargs):
        keys.append((sender, instance.pk))

    signals.post_delete.connect(record, weak=False)
    try:
        box_pk, toy_pk = box.pk, toy.pk
        await mode.call(box, "delete")
    finally:
        signals.post_delete.disconnect(record)
    assert {(Box, box_pk), (Toy, toy_pk)} == set(keys)
    assert box.pk is None


async def test_set_based_verbs_announce_nothing(database, mode):
    with heard("pre_save", "post_save", "pre_delete", "post_delete") as events:
        await mode.call(Box.objects, "bulk_create", [Box(name="a"), Box(name="b")])
        await mode.call(Box.objects, "update", name="c")
        await mode.call(Box.objects.all(), "delete")
    assert [] == events


async def test_changes_of_links_are_announced_to_who_listens(database, mode):
    one = await mode.call(Toy.objects, "create", name="one")
    two = await mode.call(Toy.objects, "create", name="two")
    with heard("m2m_changed") as events:
        await mode.call(one.friends, "add", two)
        await mode.call(one.friends, "add", two)
        await mode.call(one.friends, "add")
        await mode.call(one.friends, "set", [two])
        await mode.call(one.friends, "remove", two)
        await mode.call(one.friends, "remove")
        await mode.call(one.friends, "clear")
        await mode.call(one.friends, "set", [], clear=True)
    assert [
        ("pre_add", {two.pk}),
        ("post_add", {two.pk}),
        # already linked: nothing to add, and still an addition
        ("pre_add", set()),
        ("post_add", set()),
        # add() of nothing is one as well; set() tells of what it changes
        ("pre_add", set()),
        ("post_add", set()),
        ("pre_remove", {two.pk}),
        ("post_remove", {two.pk}),
        ("pre_clear", None),
        ("post_clear", None),
        ("pre_clear", None),
        ("post_clear", None),
    ] == [(kwargs["action"], kwargs["pk_set"]) for _, _, kwargs in events]
    assert {Toy.friends.remote_field.through} == {sender for _, sender, _ in events}


async def test_an_async_receiver_is_awaited_by_async_verbs(database, mode):
    seen = []

    async def receiver(sender, instance, **kwargs):
        seen.append(instance.name)

    if mode.sync:
        return
    signals.post_save.connect(receiver, sender=Box, weak=False)
    try:
        await mode.call(Box.objects, "create", name="heard")
    finally:
        signals.post_save.disconnect(receiver, sender=Box)
    assert ["heard"] == seen


async def test_a_model_named_as_sender_is_the_model(database, mode):
    found = []

    def listen(signal, sender, instance, **_kwargs):
        found.append((signal, sender, instance.name))

    signals.post_save.connect(listen, sender=Box._meta.label)
    try:
        await mode.call(Box(name="a"), "save")
        await mode.call(Toy(name="b"), "save")
    finally:
        assert signals.post_save.disconnect(listen, sender=Box) is True
    assert found == [(signals.post_save, Box, "a")]
    with pytest.raises(ValueError, match="no sender"):
        signals.post_save.connect(listen, sender="Box")
