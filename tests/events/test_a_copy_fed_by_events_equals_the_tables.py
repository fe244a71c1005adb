"""A copy of the tables that is fed by events alone stays equal to them, whatever mix of verbs, blocks and savepoints runs.

The copy is strict: an inserted key must be new to it, an old row must be the one that it holds, a deleted row must be there.
So an event that names a row too few, a row too many, or in the wrong order, is found.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

import dorm
from dorm.events import WriteEvent, subscribe
from dorm.exceptions import IntegrityError
from dorm.functions import Upper


class Town(dorm.Model):
    code = dorm.CharField(max_length=20, primary_key=True)
    size = dorm.IntegerField(default=0)


class Person(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)
    rank = dorm.IntegerField(default=0)
    boss = dorm.ForeignKey("self", on_delete=dorm.SET_NULL, null=True, related_name="staff")
    home = dorm.ForeignKey(Town, on_delete=dorm.SET_DEFAULT, default="a", null=True, related_name="people")


class Officer(Person):
    class Meta:
        proxy = True


class Badge(dorm.Model):
    person = dorm.OneToOneField(Person, on_delete=dorm.CASCADE, primary_key=True)
    text = dorm.CharField(max_length=20)


class Label(dorm.Model):
    word = dorm.CharField(max_length=20, unique=True)


class Paper(dorm.Model):
    id = dorm.UUIDField(primary_key=True, default=uuid.uuid4)
    owner = dorm.ForeignKey(Person, on_delete=dorm.CASCADE, null=True, related_name="papers")
    amount = dorm.DecimalField(max_digits=8, decimal_places=2, default=Decimal("1.50"))
    labels = dorm.ManyToManyField(Label, related_name="papers")
    stamped = dorm.ManyToManyField(Label, through="Stamp", related_name="stamped_papers")


class Stamp(dorm.Model):
    paper = dorm.ForeignKey(Paper, on_delete=dorm.CASCADE)
    label = dorm.ForeignKey(Label, on_delete=dorm.CASCADE)
    ink = dorm.CharField(max_length=20, default="red")


MODELS = [Town, Person, Badge, Label, Paper, Stamp]
ALL = [*MODELS, Paper.labels.through]
pytestmark = pytest.mark.models(MODELS)

Tables = dict[str, dict[Any, dict[str, Any]]]


async def stored(mode: Any) -> Tables:
    """All rows of all tables, by label, key and field name."""
    found: Tables = {}
    for model in ALL:
        fields = model._meta.concrete_fields
        rows = await mode.fetch(model.objects.order_by().values_list("pk", *[field.attname for field in fields]))
        names = [field.name for field in fields]
        found[model._meta.label] = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
    return found


class Copy:
    """Tables that know of writes by their events only."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def take(self, event: WriteEvent) -> None:
        assert event.model is not None
        assert event.keys, event
        assert event.old is not None
        assert event.values is not None
        assert len(set(event.keys)) == len(event.keys)
        rows = self.tables[event.model._meta.label]
        key_name = event.model._meta.pk.name
        new_rows = {}
        for key in event.keys:
            kind = event.kind_of(key)
            if kind == "insert":
                assert key not in rows, (event, key)
                assert key not in event.old
            else:
                assert rows[key] == event.old[key], (event, key)
                before = rows.pop(key)
            if kind != "delete":
                now = event.values[key]
                if kind == "update":
                    changed = {name for name in now if now[name] != before[name]}
                    assert changed <= set(event.fields), (event, changed)
                new_rows[now[key_name]] = now
            else:
                assert key not in event.values
        assert not new_rows.keys() & rows.keys()
        rows.update(new_rows)


Verb = Callable[[Any, random.Random], Awaitable[object]]
VERBS: list[Verb] = []


def verb(function: Verb) -> Verb:
    VERBS.append(function)
    return function


async def some(mode: Any, chance: random.Random, model: Any, most: int = 3) -> list[Any]:
    rows = await mode.fetch(model.objects.order_by("pk"))
    return chance.sample(rows, min(len(rows), chance.randint(0, most)))


async def one(mode: Any, chance: random.Random, model: Any) -> Any:
    rows = await mode.fetch(model.objects.order_by("pk"))
    return chance.choice(rows) if rows else None


def name(chance: random.Random) -> str:
    return chance.choice("abcdefghijklmnop")


def some_people(chance: random.Random) -> Any:
    rows = Person.objects.all()
    return chance.choice([
        rows,
        Officer.objects.filter(rank__lt=3),
        rows.filter(name__in=[name(chance) for _ in range(4)]),
        rows.exclude(papers__labels__word=name(chance)),
        rows.filter(papers__amount__gt=0),
        rows.filter(papers__labels__word__gt="c", boss__isnull=True),
        rows.annotate(n=dorm.Count("papers")).filter(n__lte=1),
        rows.filter(staff__home__size__gte=0).distinct(),
        rows.filter(dorm.Q(boss__name__lt="h") | dorm.Q(badge__text="x")),
        rows.filter(pk__in=Paper.objects.values("owner")),
        rows.filter(home="a"),
    ])  # fmt: skip


@verb
async def create(mode: Any, chance: random.Random) -> None:
    boss, home = await one(mode, chance, Person), await one(mode, chance, Town)
    await mode.call(Person.objects, "create", name=name(chance), boss=boss, home=home)


@verb
async def create_computed(mode: Any, chance: random.Random) -> None:
    await mode.call(Town.objects, "create", code=Upper(dorm.Value(name(chance))), size=dorm.Value(2) + 1)


@verb
async def save(mode: Any, chance: random.Random) -> None:
    row = await one(mode, chance, Person) or Person()
    row.rank += 1
    row.name = name(chance)
    row.boss = await one(mode, chance, Person)
    await mode.call(
        row,
        "save",
        **chance.choice([{}, {"update_fields": ["rank", "boss"]}, {"force_update": True}] if row.pk else [{}]),
    )


@verb
async def save_under_a_key(mode: Any, chance: random.Random) -> None:
    await mode.call(Town(code=name(chance), size=chance.randint(0, 9)), "save")


@verb
async def save_badge(mode: Any, chance: random.Random) -> None:
    person = await one(mode, chance, Person)
    if person is not None:
        await mode.call(Badge(person=person, text=name(chance)), "save")


@verb
async def delete_instance(mode: Any, chance: random.Random) -> None:
    row = await one(mode, chance, chance.choice(ALL))
    if row is not None:
        await mode.call(row, "delete")


@verb
async def update(mode: Any, chance: random.Random) -> None:
    rows = some_people(chance)
    values = chance.choice([
        {"rank": dorm.F("rank") + 1},
        {"home": await one(mode, chance, Town), "rank": 7},
        {"boss": None},
        {"name": Upper("name")},
    ])  # fmt: skip
    await mode.call(rows, "update", **values)


@verb
async def update_what_is_filtered(mode: Any, chance: random.Random) -> None:
    await mode.call(Person.objects.filter(rank=chance.randint(0, 2)), "update", rank=dorm.F("rank") + 1)


@verb
async def update_a_key(mode: Any, chance: random.Random) -> None:
    await mode.call(Label.objects.filter(papers=None, stamped_papers=None), "update", id=dorm.F("id") + 50)


@verb
async def update_an_amount(mode: Any, chance: random.Random) -> None:
    await mode.call(Paper.objects.filter(amount__lt=50), "update", amount=dorm.F("amount") * 2)


@verb
async def delete(mode: Any, chance: random.Random) -> None:
    await mode.call(some_people(chance).filter(rank__gte=chance.randint(0, 3)), "delete")


@verb
async def delete_links(mode: Any, chance: random.Random) -> None:
    await mode.call(Stamp.objects.filter(label__word__lt=name(chance)), "delete")


@verb
async def delete_a_slice(mode: Any, chance: random.Random) -> None:
    await mode.call(Stamp.objects.order_by("-pk")[:2], "delete")


@verb
async def bulk_create(mode: Any, chance: random.Random) -> None:
    rows = [Paper(owner=await one(mode, chance, Person), amount=Decimal(n)) for n in range(chance.randint(0, 4))]
    await mode.call(Paper.objects, "bulk_create", rows, chance.choice([1, 3, None]))


@verb
async def bulk_create_ignoring(mode: Any, chance: random.Random) -> None:
    rows = [Label(word=name(chance)) for _ in range(4)]
    await mode.call(Label.objects, "bulk_create", rows, ignore_conflicts=True)


@verb
async def upsert(mode: Any, chance: random.Random) -> None:
    rows = [Person(name=name(chance), rank=chance.randint(5, 9)) for _ in range(4)]
    await mode.call(
        Person.objects, "upsert", rows, ["name"], update_fields=["rank"], batch_size=chance.choice([1, 2, 9])
    )


@verb
async def upsert_towns(mode: Any, chance: random.Random) -> None:
    rows = [Town(code=name(chance), size=chance.randint(5, 9)) for _ in range(4)]
    await mode.call(Town.objects, "upsert", rows, ["code"], returning=chance.random() < 0.5)


@verb
async def upsert_papers(mode: Any, chance: random.Random) -> None:
    rows = [Paper(id=row.pk, amount=Decimal(9)) for row in await some(mode, chance, Paper)] + [
        Paper(amount=Decimal("0.25"))
    ]
    chance.shuffle(rows)
    await mode.call(Paper.objects, "upsert", rows, ["id"])


@verb
async def upsert_badges(mode: Any, chance: random.Random) -> None:
    rows = [Badge(person=row, text=name(chance)) for row in await some(mode, chance, Person)]
    await mode.call(Badge.objects, "upsert", rows, ["person"])


@verb
async def bulk_update(mode: Any, chance: random.Random) -> None:
    rows = await some(mode, chance, Person, 5)
    for row in rows:
        row.rank = chance.choice([row.rank + 1, dorm.F("rank") + 2])
        row.boss = chance.choice([None, row])
    await mode.call(Person.objects, "bulk_update", rows, ["rank", "boss"], chance.choice([2, 100]))


@verb
async def bulk_update_badges(mode: Any, chance: random.Random) -> None:
    rows = await some(mode, chance, Badge, 5)
    for row in rows:
        row.text = name(chance)
    await mode.call(Badge.objects, "bulk_update", rows, ["text"])


@verb
async def change_labels(mode: Any, chance: random.Random) -> None:
    paper = await one(mode, chance, Paper)
    if paper is not None:
        how = chance.choice(["add", "remove", "set", "clear"])
        labels = await some(mode, chance, Label)
        await mode.call(paper.labels, how, *({"set": [labels], "clear": []}.get(how, labels)))


@verb
async def change_stamps(mode: Any, chance: random.Random) -> None:
    paper, labels = await one(mode, chance, Paper), await some(mode, chance, Label)
    if paper is not None:
        more = {"clear": chance.random() < 0.5, "through_defaults": {"ink": name(chance)}}
        await mode.call(paper.stamped, "set", labels, **more)


@verb
async def change_staff(mode: Any, chance: random.Random) -> None:
    boss, staff = await one(mode, chance, Person), await some(mode, chance, Person)
    if boss is not None:
        how = chance.choice(["add", "set", "clear"])
        await mode.call(boss.staff, how, *({"set": [staff], "clear": []}.get(how, staff)))


@verb
async def get_or_create(mode: Any, chance: random.Random) -> None:
    await mode.call(Label.objects, "get_or_create", word=name(chance))


@verb
async def update_or_create(mode: Any, chance: random.Random) -> None:
    await mode.call(Person.objects, "update_or_create", {"rank": chance.randint(0, 9)}, name=name(chance))


class Undone(Exception):
    """Ends a block."""


async def attempt(mode: Any, chance: random.Random) -> None:
    """One verb, whose failure takes back its own savepoint."""
    try:
        async with mode.atomic():
            await chance.choice(VERBS)(mode, chance)
    except IntegrityError:
        pass


async def block(mode: Any, chance: random.Random, depth: int = 0) -> None:
    """Some verbs and blocks, kept or undone; what undoes a block without a savepoint undoes the one around it too."""
    savepoint = chance.random() < 0.8 or depth == 0
    try:
        async with mode.atomic(savepoint=savepoint):
            for _ in range(chance.randint(1, 3)):
                if depth < 3 and chance.random() < 0.4:
                    await block(mode, chance, depth + 1)
                else:
                    await attempt(mode, chance)
            if chance.random() < 0.3:
                raise Undone
    except Undone:
        if not savepoint:
            raise


@pytest.mark.parametrize("seed", range(2))
async def test_after_each_verb(database, mode, seed):
    chance = random.Random(seed)
    populate()
    copy = Copy(await stored(mode))
    told: list[WriteEvent] = []
    with subscribe(told.append, want=["values", "old"]):
        for _ in range(25):
            work = chance.choice(VERBS)
            told.clear()
            try:
                async with mode.atomic():
                    await work(mode, chance)
            except IntegrityError:
                assert not [event for event in told if event.phase == "committed"]
                continue
            after = [event for event in told if event.phase == "after"]
            committed = [event for event in told if event.phase == "committed"]
            undone = [event for event in told if event.phase == "rolled_back"]
            assert [event for event in after if event.in_phase("rolled_back") not in undone] == [
                event.in_phase("after") for event in committed
            ]
            for event in committed:
                copy.take(event)
            assert copy.tables == await stored(mode), work.__name__


@pytest.mark.parametrize("seed", range(2))
async def test_with_blocks_that_are_kept_and_undone(database, mode, seed):
    chance = random.Random(seed)
    populate()
    copy = Copy(await stored(mode))
    told: list[WriteEvent] = []
    with subscribe(told.append, want=["values", "old"]):
        for _ in range(8):
            told.clear()
            await block(mode, chance)
            for event in told:
                if event.phase == "committed":
                    copy.take(event)
            assert copy.tables == await stored(mode)
            ends = [event for event in told if event.phase in ("committed", "rolled_back")]
            assert len(ends) == len([event for event in told if event.phase == "after"])


def populate() -> None:
    Town.objects.bulk_create([Town(code=code) for code in "abc"])
    people = Person.objects.bulk_create([Person(name=name, home_id="b") for name in "abcdef"])
    Badge.objects.create(person=people[0], text="x")
    labels = Label.objects.bulk_create([Label(word=word) for word in "abcdef"])
    papers = Paper.objects.bulk_create([Paper(owner=person) for person in people[:4]])
    papers[0].labels.add(*labels[:3])
    papers[1].stamped.add(*labels[2:5])
