"""What a prefetch stores is what the accessors would have fetched, in the corners too (Django 5.2)."""

from __future__ import annotations

import pytest

import dorm
from dorm import Count, F, FieldDoesNotExist, Prefetch


class Owner(dorm.Model):
    code = dorm.CharField(max_length=10, unique=True)
    name = dorm.CharField(max_length=10)
    document = dorm.JSONField(null=True)


class Pet(dorm.Model):
    name = dorm.CharField(max_length=10)
    number = dorm.IntegerField(default=0)
    o0 = dorm.IntegerField(default=0)
    owner = dorm.ForeignKey(Owner, dorm.CASCADE, null=True, to_field="code", related_name="pets")


class Club(dorm.Model):
    name = dorm.CharField(max_length=10)
    members = dorm.ManyToManyField(Owner, related_name="clubs")


class Traced(dorm.Model):
    """Makes its instances itself."""

    owner = dorm.ForeignKey(Owner, dorm.CASCADE, related_name="traces")
    others = dorm.ManyToManyField(Owner, related_name="linked_traces")

    @classmethod
    def from_db(cls, db, field_names, values):
        made = super().from_db(db, field_names, values)
        made.traced = True
        return made


pytestmark = pytest.mark.models([Owner, Pet, Club, Traced])


@pytest.fixture
def world(database):
    """Ada with two pets in two clubs, Bob in one; a pet of nobody."""
    ada = Owner.objects.create(code="a", name="Ada", document={"x": 1})
    bob = Owner.objects.create(code="b", name="Bob", document=[1])
    for number, (name, owner) in enumerate((("Pip", ada), ("Quo", ada), ("Rex", None))):
        Pet.objects.create(name=name, owner=owner, number=7 * number, o0=5)
    Club.objects.create(name="Go").members.add(ada, bob)
    Club.objects.create(name="Chess").members.add(ada)
    trace = Traced.objects.create(owner=ada)
    trace.others.add(ada, bob)


def names(rows):
    return sorted(row.name for row in rows)


def pets(queryset):
    return Prefetch("pets", queryset=queryset)


def members(queryset):
    return Prefetch("members", queryset=queryset)


# what is asked for, what is read of each object, statements, what comes out
CASES = [
    # the relation refers to another column than the key, and may be NULL
    (lambda: Owner.objects.prefetch_related("pets"), lambda o: names(o.pets.all()), 2, [["Pip", "Quo"], []]),
    (lambda: Pet.objects.prefetch_related("owner"), lambda p: p.owner and p.owner.name, 2, ["Ada", "Ada", None]),
    (
        lambda: Pet.objects.select_related("owner").prefetch_related("owner__clubs"),
        lambda p: p.owner and names(p.owner.clubs.all()),
        2,
        [["Chess", "Go"], ["Chess", "Go"], None],
    ),
    # the columns by which rows are put together are loaded whatever else is not
    (
        lambda: Owner.objects.prefetch_related(pets(Pet.objects.only("name").order_by("pk"))),
        lambda o: [(pet.name, pet.owner.code) for pet in o.pets.all()],
        2,
        [[("Pip", "a"), ("Quo", "a")], []],
    ),
    (
        lambda: Owner.objects.prefetch_related(pets(Pet.objects.defer("owner", "name"))),
        lambda o: len(o.pets.all()),
        2,
        [2, 0],
    ),
    (
        lambda: Pet.objects.prefetch_related(Prefetch("owner", queryset=Owner.objects.only("name"))),
        lambda p: p.owner and p.owner.name,
        2,
        ["Ada", "Ada", None],
    ),
    # columns that are named as the numbering of a slice might name its own
    (
        lambda: Owner.objects.prefetch_related(pets(Pet.objects.order_by(F("o0") + 1, "-number")[:1])),
        lambda o: [(pet.name, pet.number, pet.o0) for pet in o.pets.all()],
        2,
        [[("Quo", 7, 5)], []],
    ),
    # conditions on the relation itself, and on what leads back
    (
        lambda: Owner.objects.prefetch_related(
            Prefetch("pets", queryset=Pet.objects.filter(name="Pip"), to_attr="pips"),
            Prefetch("pets", queryset=Pet.objects.exclude(name="Pip"), to_attr="others"),
            "pets",
        ),
        lambda o: (names(o.pips), names(o.others), names(o.pets.all())),
        4,
        [(["Pip"], ["Quo"], ["Pip", "Quo"]), ([], [], [])],
    ),
    (
        lambda: Owner.objects.prefetch_related(pets(Pet.objects.filter(owner__clubs__name="Chess"))),
        lambda o: names(o.pets.all()),
        2,
        [["Pip", "Quo"], []],
    ),
    (
        lambda: Club.objects.prefetch_related(members(Owner.objects.filter(clubs__name="Chess"))),
        lambda c: names(c.members.all()),
        2,
        # of the link to the club itself, as `club.members.filter(clubs__name="Chess")` gives them
        [[], ["Ada"]],
    ),
    # values that linked rows carry
    (
        lambda: Club.objects.prefetch_related(members(Owner.objects.alias(n=Count("pets")).order_by("-n", "pk"))),
        lambda c: names(c.members.all()),
        2,
        [["Ada", "Bob"], ["Ada"]],
    ),
    (
        lambda: Club.objects.prefetch_related(members(Owner.objects.annotate(n=F("document")).order_by("pk"))),
        lambda c: [owner.n for owner in c.members.all()],
        2,
        [[{"x": 1}, [1]], [{"x": 1}]],
    ),
    # a manager in the place of a queryset
    (
        lambda: Club.objects.prefetch_related(members(Owner.objects)),
        lambda c: names(c.members.all()),
        2,
        [["Ada", "Bob"], ["Ada"]],
    ),
    # on below a list attribute, at any level
    (
        lambda: Club.objects.prefetch_related(
            Prefetch("members__pets", to_attr="beasts"), "members__beasts__owner__clubs"
        ),
        lambda c: [[len(pet.owner.clubs.all()) for pet in owner.beasts] for owner in c.members.all()],
        4,
        [[[2, 2], []], [[2, 2]]],
    ),
    (
        lambda: Owner.objects.prefetch_related(Prefetch("pets", to_attr="beasts")).prefetch_related("beasts__owner"),
        lambda o: [pet.owner is o for pet in o.beasts],
        2,
        [[True, True], []],
    ),
    # models that make their instances themselves
    (
        lambda: Owner.objects.prefetch_related("traces", "linked_traces"),
        lambda o: (
            [(trace.traced, trace.owner is o) for trace in o.traces.all()],
            [trace.traced for trace in o.linked_traces.all()],
        ),
        3,
        [([(True, True)], [True]), ([], [True])],
    ),
    (lambda: Owner.objects.prefetch_related("pets").prefetch_related(None), lambda o: o.name, 1, ["Ada", "Bob"]),
]  # fmt: skip


async def test_prefetched_objects_are_those_of_the_accessors(world, mode, queries):
    for build, read, statements, expected in CASES:
        with queries() as log:
            found = [read(one) for one in await mode.fetch(build().order_by("pk"))]
        line = f"the case of line {build.__code__.co_firstlineno}"
        assert found == expected, line
        assert log.count == statements, line


async def test_what_is_there_already_is_gone_on_from(world, mode, queries):
    owners = await mode.fetch(Owner.objects.order_by("pk"))
    await mode.call(dorm, "prefetch_related_objects", owners[:1], "pets")
    before = owners[0].pets.all()[0]
    with queries() as log:
        await mode.call(dorm, "prefetch_related_objects", owners, "pets__owner__clubs", "clubs")
    assert log.count == 3  # the pets of one, the clubs of either
    with queries() as log:
        assert owners[0].pets.all()[0] is before
        assert [names(pet.owner.clubs.all()) for pet in owners[0].pets.all()] == [["Chess", "Go"]] * 2
        assert [names(owner.clubs.all()) for owner in owners] == [["Chess", "Go"], ["Go"]]
    assert log.count == 0
    loaded, other = await mode.fetch(Pet.objects.select_related("owner").filter(owner="a").order_by("pk"))
    del other.__dict__["owner"]
    await mode.call(dorm, "prefetch_related_objects", [loaded, other], "owner__pets")
    with queries() as log:
        assert names(loaded.owner.pets.all()) == names(other.owner.pets.all()) == ["Pip", "Quo"]
    assert log.count == 0


async def test_two_instances_of_one_row_have_lists_of_their_own(world, mode):
    first, second = [await mode.call(Owner.objects, "get", code="a") for _ in range(2)]
    await mode.call(dorm, "prefetch_related_objects", [first, second], "clubs", Prefetch("pets", to_attr="beasts"))
    assert first.beasts == second.beasts and first.beasts is not second.beasts
    assert first.beasts[0] is second.beasts[0]
    assert first.clubs.all()[0] is second.clubs.all()[0]


async def test_rows_of_another_database_find_their_own_there(world, mode):
    """What follows a queryset with `using()` comes from that database."""
    dorm.configure(DATABASES={**dorm.settings.DATABASES, "other": dict(dorm.settings.DATABASES["default"])})
    chosen = members(Owner.objects.using("other"))
    clubs = await mode.fetch(Club.objects.prefetch_related(chosen, "members__pets").order_by("pk"))
    ada = next(owner for owner in clubs[0].members.all() if owner.name == "Ada")
    assert (clubs[0]._state.db, ada._state.db) == ("default", "other")
    assert [pet._state.db for pet in ada.pets.all()] == ["other", "other"]


async def test_an_owner_whose_key_was_not_loaded_has_its_rows_all_the_same(world, mode):
    ada = await mode.call(Owner.objects.only("name"), "get", pk=1)
    if mode.sync:
        assert names(ada.pets.all()) == ["Pip", "Quo"]
    ada = await mode.call(Owner.objects.only("code"), "get", pk=1)
    assert names(await mode.fetch(ada.pets.all())) == ["Pip", "Quo"]


def test_what_cannot_be_prefetched_is_refused_where_it_is_written(database):
    for error, match, build in [
        (ValueError, "raw", lambda: pets(Pet.objects.raw("SELECT 1"))),
        (ValueError, "raw", lambda: pets(Pet.objects.all().union(Pet.objects.all()))),
        (ValueError, "'members' leads to Owner", lambda: Club.objects.prefetch_related(members(Club.objects.all()))),
        (
            ValueError,
            "'owner' leads to Owner",
            lambda: Pet.objects.prefetch_related(Prefetch("owner", queryset=Club.objects.all())),
        ),
        (
            ValueError,
            "to_attr=name conflicts with a field on the Owner",
            lambda: Pet.objects.prefetch_related(Prefetch("owner__clubs", to_attr="name")),
        ),
        (FieldDoesNotExist, "Did you mean 'owner'", lambda: Pet.objects.prefetch_related("owner_id")),
        (
            FieldDoesNotExist,
            "beasts",
            lambda: Club.objects.prefetch_related(Prefetch("members__pets", to_attr="beasts"), "beasts__owner"),
        ),
    ]:
        with pytest.raises(error, match=match):
            build()
