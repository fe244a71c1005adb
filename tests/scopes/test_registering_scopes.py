"""What is registered holds until it is taken back, and not inside unscoped()."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import dorm
from dorm import Count, Exists, OuterRef, Q, Subquery, scopes
from dorm.exceptions import FieldDoesNotExist, FieldError
from dorm.query.describe.state import QueryState


class Note(dorm.Model):
    text = dorm.CharField(max_length=20)
    hidden = dorm.BooleanField(default=False)


class Comment(dorm.Model):
    note = dorm.ForeignKey(Note, on_delete=dorm.CASCADE, related_name="comments")
    hidden = dorm.BooleanField(default=False)


class Shown(Note):
    class Meta:
        proxy = True


pytestmark = pytest.mark.models([Note, Comment])


@pytest.fixture
def notes(database):
    for hidden in (False, True):
        note = Note.objects.create(text=f"n{int(hidden)}", hidden=hidden)
        Comment.objects.create(note=note, hidden=False)
    return database


def visible(model: Any) -> Q[Any]:
    return Q(hidden=False)


def test_nothing_registered_is_nothing_active():
    assert not scopes.active
    assert scopes.in_force() == ()


def test_a_registration_ends_by_a_call_or_with_its_block(notes):
    taken_back = scopes.register(visible)
    assert scopes.active
    assert Note.objects.count() == 1
    taken_back()
    taken_back()
    assert not scopes.active
    assert Note.objects.count() == 2
    with scopes.register(visible):
        assert Note.objects.count() == 1
    with pytest.raises(ZeroDivisionError), scopes.register(visible):
        _ = 1 / 0
    assert Note.objects.count() == 2


def test_models_are_those_it_is_asked_about(notes):
    asked = []

    def ask(model: Any) -> None:
        asked.append(model)

    with scopes.register(ask, models=[Note]):
        Note.objects.count()
        Comment.objects.count()
        Shown.objects.count()
        Comment.objects.filter(note__text="n0").count()
    assert asked == [Note, Shown, Note]


def test_several_conditions_hold_together(notes):
    with scopes.register(visible), scopes.register(lambda model: Q(text="n1"), models=[Note]) as text:
        assert Note.objects.count() == 0
        with scopes.unscoped(text):
            assert Note.objects.count() == 1
        assert Note.objects.count() == 0


def test_unscoped_leaves_out_all_or_some_and_nests(notes):
    with scopes.register(visible) as hiding:
        with scopes.unscoped():
            assert Note.objects.count() == 2
            with scopes.unscoped(hiding):
                assert Note.objects.count() == 2
            assert Note.objects.count() == 2
        assert Note.objects.count() == 1
        with scopes.unscoped(hiding):
            assert Note.objects.count() == 2
        with pytest.raises(ZeroDivisionError), scopes.unscoped():
            _ = 1 / 0
        assert Note.objects.count() == 1


def test_unscoped_is_about_its_own_task(notes):
    async def inside(order: asyncio.Event, done: asyncio.Event) -> int:
        with scopes.unscoped():
            order.set()
            await done.wait()
            return await Note.objects.acount()

    async def outside(order: asyncio.Event, done: asyncio.Event) -> int:
        await order.wait()
        count = await Note.objects.acount()
        done.set()
        return count

    async def both() -> list[int]:
        order, done = asyncio.Event(), asyncio.Event()
        with dorm.inline():
            return await asyncio.gather(inside(order, done), outside(order, done))

    with scopes.register(visible):
        assert asyncio.run(both()) == [2, 1]


@pytest.mark.parametrize("wrong", [None, 3, "x", Q(hidden=False)])
def test_a_scope_is_a_function(wrong):
    with pytest.raises(TypeError, match="A scope is a function"):
        scopes.register(wrong)
    with pytest.raises(TypeError, match="A scope is a function"):
        scopes.prepare(wrong)
    with pytest.raises(TypeError, match="models= takes classes"):
        scopes.register(visible, models=["Note"])  # type: ignore[list-item]
    assert not scopes.active


def test_what_a_function_returns_is_checked_before_any_sql(notes, queries):
    with queries() as log:
        with (
            scopes.register(lambda model: {"hidden": False}),
            pytest.raises(TypeError, match=r"must return a Q or None"),
        ):
            Note.objects.count()
        with scopes.register(lambda model: Q(hiden=False)), pytest.raises(FieldDoesNotExist, match="hidden"):
            Note.objects.count()
        with scopes.register(lambda model: Q(Count("comments"), 1) if False else Q(nothing=1)):
            with pytest.raises(FieldDoesNotExist):
                Comment.objects.filter(note__text="x").count()
        with scopes.register(lambda model: Q(Count("pk") > 1), models=[Note]):
            with pytest.raises(FieldError, match="compares an aggregate"):
                Note.objects.count()
    assert log.count == 0


def test_an_error_of_the_function_reaches_whoever_runs_the_query(notes):
    def refuse(model: Any) -> Q[Any]:
        raise LookupError("no tenant")

    with scopes.register(refuse), pytest.raises(LookupError, match="no tenant"):
        list(Note.objects.all())
    assert Note.objects.count() == 2


# -- preparing states -----------------------------------------------------------------------------------------------------


def only_visible(state: QueryState) -> QueryState:
    """The low-level form: one more filter on each query about notes."""
    if state.opts is not Note._meta or state.combined is not None:
        return state
    step = Note.objects.filter(hidden=False).state.steps
    return state.evolve(steps=(*step, *state.steps))


def test_a_prepared_state_is_what_runs(notes):
    with scopes.prepare(only_visible):
        assert [row.text for row in Note.objects.order_by("text")] == ["n0"]
        assert Note.objects.count() == 1
        assert Note.objects.filter(text="n1").exists() is False
        assert Note.objects.filter(text="n1").update(text="x") == 0
        assert Note.objects.aggregate(n=Count("pk")) == {"n": 1}
        assert Note.objects.filter(text="n1").delete()[0] == 0
        assert [n.text for n in Note.objects.prefetch_related("comments")] == ["n0"]
    assert Note.objects.count() == 2


def test_the_queries_inside_a_query_are_prepared_too(notes):
    comments = Comment.objects
    with scopes.prepare(only_visible):
        assert comments.filter(note__in=Note.objects.all()).count() == 1
        assert comments.filter(Exists(Note.objects.filter(pk=OuterRef("note")))).count() == 1
        assert comments.filter(~Exists(Note.objects.filter(pk=OuterRef("note")))).count() == 1
        texts = Subquery(Note.objects.filter(pk=OuterRef("note")).values("text"))
        assert sorted(str(row.t) for row in comments.annotate(t=texts)) == ["None", "n0"]
        assert comments.order_by(texts.asc(nulls_last=True)).first().note_id == Note.objects.get().pk
        assert comments.exclude(note__in=Note.objects.all()).count() == 1
        assert comments.filter(Q(note__in=Note.objects.all()) | Q(pk=0)).count() == 1
        assert len(Note.objects.filter(text="n0").union(Note.objects.filter(text="n1"))) == 1
        assert sorted(str(t) for t in comments.values_list(texts, flat=True)) == ["None", "n0"]


def test_a_join_is_not_the_matter_of_a_prepared_state(notes):
    with scopes.prepare(only_visible):
        assert Comment.objects.filter(note__text="n1").count() == 1
    with scopes.register(visible):
        assert Comment.objects.filter(note__text="n1").count() == 0


def test_a_state_that_is_left_alone_shares_the_plan_it_always_had(notes):
    with scopes.prepare(lambda state: state):
        assert Note.objects.filter(Q(text="n0") & ~Q(text="x")).count() == 1


def test_without_a_registration_nothing_is_asked(notes, monkeypatch):
    def refuse(*_: Any) -> Any:
        raise AssertionError("asked though nothing is registered")

    for name in ("in_force", "condition_on"):
        monkeypatch.setattr(scopes, name, refuse)
    assert Note.objects.filter(comments__hidden=False).count() == 2
    note = Note.objects.select_related().first()
    note.save()
    Note.objects.bulk_update([note], ["text"])
    note.delete()
    assert Note.objects.update(text="x") == 1


@pytest.mark.parametrize("statement", ["select", "update", "delete"])
def test_writers_by_key_take_the_short_way_again_when_all_is_taken_back(notes, queries, statement):
    note = Note.objects.get(text="n0")
    work = {
        "select": note.refresh_from_db,
        "update": note.save,
        "delete": lambda: Comment.objects.get(note=note).delete(),
    }
    with queries() as log:
        work[statement]()
    before = list(log.sql)
    with scopes.register(visible), scopes.unscoped():
        pass
    Comment.objects.get_or_create(note=note)
    with queries() as log:
        work[statement]()
    assert list(log.sql) == before
