"""The law of a scope: what a tenant gets and does beside others is what it gets and does in a database of its rows alone.

The relations have no constraint, so that rows may refer to rows of another tenant: under the scope, and in the database
without the others, such a row refers to nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import dorm
from dorm import Avg, Case, Count, Exists, F, Max, Min, OuterRef, Prefetch, Q, Subquery, Sum, Value, When, scopes
from dorm.exceptions import NotSupportedError
from dorm.functions import Coalesce
from dorm.transaction import atomic


class Team(dorm.Model):
    tenant = dorm.IntegerField()
    name = dorm.CharField(max_length=20)
    parent = dorm.ForeignKey("self", on_delete=dorm.SET_NULL, null=True, related_name="parts", db_constraint=False)


class Member(dorm.Model):
    tenant = dorm.IntegerField()
    name = dorm.CharField(max_length=20)
    score = dorm.IntegerField(default=0)
    team = dorm.ForeignKey(Team, on_delete=dorm.CASCADE, null=True, related_name="members", db_constraint=False)
    mentor = dorm.ForeignKey("self", on_delete=dorm.SET_NULL, null=True, related_name="pupils", db_constraint=False)
    skills: Any = dorm.ManyToManyField("Skill", through="Grade", related_name="members")


class Skill(dorm.Model):
    tenant = dorm.IntegerField()
    word = dorm.CharField(max_length=20)


class Grade(dorm.Model):
    tenant = dorm.IntegerField()
    member = dorm.ForeignKey(Member, on_delete=dorm.CASCADE, null=True, related_name="grades", db_constraint=False)
    skill = dorm.ForeignKey(Skill, on_delete=dorm.CASCADE, null=True, related_name="grades", db_constraint=False)
    points = dorm.IntegerField(default=1)


class Desk(dorm.Model):
    tenant = dorm.IntegerField()
    member = dorm.OneToOneField(Member, on_delete=dorm.CASCADE, null=True, related_name="desk", db_constraint=False)
    room = dorm.CharField(max_length=20)


MODELS = [Team, Member, Skill, Grade, Desk]
pytestmark = pytest.mark.models(MODELS)


def by_tenant(model: Any) -> Q[Any]:
    return Q(tenant=1)


def fill(chance: random.Random) -> None:
    """Rows of two tenants whose keys are mixed; most refer to their own tenant's rows."""

    def some_of(rows: list[Any], tenant: int) -> Any:
        fitting = rows if chance.random() < 0.25 else [row for row in rows if row.tenant == tenant]
        return chance.choice([None, *fitting, *fitting])

    made: dict[Any, list[Any]] = {model: [] for model in MODELS}
    for model, count in ((Team, 8), (Skill, 8), (Member, 20), (Grade, 40), (Desk, 10)):
        for _ in range(count):
            tenant = chance.choice([1, 2])
            letter = chance.choice("abc")
            values: dict[str, Any] = {"tenant": tenant}
            if model is Team:
                values |= {"name": letter, "parent": some_of(made[Team], tenant)}
            elif model is Skill:
                values |= {"word": letter}
            elif model is Member:
                values |= {"name": letter, "score": chance.randint(0, 5), "team": some_of(made[Team], tenant)}
                values["mentor"] = some_of(made[Member], tenant)
            elif model is Grade:
                # a link to a hidden row is hidden; without the others it would be a link to nothing, which no database has
                ends = [[row for row in made[end] if row.tenant == tenant] for end in (Member, Skill)]
                if not all(ends):
                    continue
                values |= {"member": chance.choice(ends[0]), "skill": chance.choice(ends[1])}
                values["points"] = chance.randint(1, 3)
            else:
                taken = {row.member_id for row in made[Desk]}
                member = some_of(made[Member], tenant)
                values |= {"room": letter, "member": None if member is None or member.pk in taken else member}
            made[model].append(model.objects.create(**values))


LOOKUPS: list[Callable[[random.Random], Q[Any]]] = [
    lambda r: Q(name=r.choice("abc")),
    lambda r: Q(score__gt=r.randint(0, 4)),
    lambda r: Q(team__name=r.choice("abc")),
    lambda r: Q(team__isnull=r.random() < 0.5),
    lambda r: Q(team__name__isnull=r.random() < 0.5),
    lambda r: Q(team__parent__name=r.choice("abc")),
    lambda r: Q(team__parent__parts__name=r.choice("abc")),
    lambda r: Q(mentor__name=r.choice("abc")),
    lambda r: Q(mentor__team__name=r.choice("abc")),
    lambda r: Q(pupils__score__lte=r.randint(0, 4)),
    lambda r: Q(pupils__isnull=r.random() < 0.5),
    lambda r: Q(skills__word=r.choice("abc")),
    lambda r: Q(skills__isnull=r.random() < 0.5),
    lambda r: Q(skills__members__name=r.choice("abc")),
    lambda r: Q(grades__points=r.randint(1, 3), grades__skill__word=r.choice("abc")),
    lambda r: Q(grades__isnull=r.random() < 0.5),
    lambda r: Q(desk__room=r.choice("abc")),
    lambda r: Q(desk__isnull=r.random() < 0.5),
    lambda r: Q(score=F("mentor__score")),
    lambda r: Q(score__lt=F("grades__points")),
    lambda r: Q(pk__in=Grade.objects.filter(points__gt=r.randint(0, 3)).values("member")),
    lambda r: Q(team__in=Team.objects.filter(name=r.choice("abc"))),
    lambda r: Q(Exists(Grade.objects.filter(member=OuterRef("pk"), skill__word=r.choice("abc")))),
    lambda r: ~Q(Exists(Member.objects.filter(mentor=OuterRef("pk")))),
    lambda r: Q(team__members__skills__word=r.choice("abc")),
]


def condition(chance: random.Random, depth: int = 2) -> Q[Any]:
    if depth == 0 or chance.random() < 0.4:
        return chance.choice(LOOKUPS)(chance)
    left, right = condition(chance, depth - 1), condition(chance, depth - 1)
    return chance.choice([left & right, left | right, ~left, left & ~right])


def annotations() -> dict[str, Any]:
    return {
        "n": Count("grades"),
        "d": Count("skills", distinct=True),
        "f": Count("grades", filter=Q(grades__skill__word="a")),
        "s": Sum("grades__points"),
        "m": Max("pupils__score"),
        "g": Min("team__members__score"),
        "t": F("team__name"),
        "p": F("mentor__team__name"),
        "c": Coalesce("team__parent__name", Value("none")),
        "e": Exists(Grade.objects.filter(member=OuterRef("pk"))),
        "q": Subquery(Member.objects.filter(team=OuterRef("team")).order_by("pk").values("name")[:1]),
        "w": Case(When(skills__word="a", then=Value(1)), default=Value(0)),
        "k": Count("desk"),
        "u": Count("team__members__grades", distinct=True),
    }


def members(chance: random.Random) -> Any:
    """A random queryset."""
    rows = Member.objects.all()
    for _ in range(chance.randint(0, 2)):
        rows = rows.filter(condition(chance)) if chance.random() < 0.6 else rows.exclude(condition(chance))
    return rows


def read(chance: random.Random) -> Any:
    """What a random query finds, in a form that can be compared."""
    rows = members(chance)
    known = annotations()
    name = chance.choice(sorted(known))
    extra = {name: known[name]}
    match chance.randint(0, 20):
        case 0:
            return sorted(rows.values_list("pk", flat=True))
        case 1:
            return rows.count(), rows.exists(), rows.distinct().count()
        case 2:
            return sorted(rows.annotate(**extra).values_list("pk", name), key=repr)
        case 3:
            return rows.annotate(**extra).count(), len(rows.annotate(**extra))
        case 4:
            return sorted(rows.values("team__name").annotate(**extra).values_list("team__name", name), key=repr)
        case 5:
            return rows.aggregate(a=Count("pk"), b=Sum("grades__points"), c=Max("team__name"), d=Avg("pupils__score"))
        case 6:
            return rows.annotate(**extra).aggregate(a=Count(name), b=Count("skills"))
        case 7:
            other = members(chance)
            how = chance.choice(["union", "intersection", "difference"])
            return sorted(getattr(rows.values_list("pk", "name"), how)(other.values_list("pk", "name")))
        case 8:
            found = rows.select_related("team__parent", "mentor__desk", "desk")
            return sorted((_related(row) for row in found), key=repr)
        case 9:
            found = rows.prefetch_related(
                "skills",
                "pupils__team",
                Prefetch("grades", Grade.objects.filter(points__gt=1), to_attr="good"),
                "team__members",
            )
            return sorted(
                (
                    (
                        row.pk,
                        sorted(skill.pk for skill in row.skills.all()),
                        sorted((pupil.pk, pupil.team and pupil.team.name) for pupil in row.pupils.all()),
                        sorted(grade.pk for grade in row.good),
                        row.team and sorted(one.pk for one in row.team.members.all()),
                    )
                    for row in found
                ),
                key=repr,
            )
        case 10:
            return sorted(Team.objects.filter(members__in=rows).values_list("pk", "members__pk"), key=repr)
        case 11:
            return sorted(Team.objects.exclude(members__in=rows).values_list("pk", flat=True))
        case 12:
            return sorted(Skill.objects.annotate(n=Count("members", filter=Q(members__in=rows))).values_list("pk", "n"))
        case 13:
            return sorted(rows.annotate(r=F("skills__grades__points")).values_list("pk", "r"), key=repr)
        case 14:
            return list(rows.order_by("team__name", "mentor__score", "pk").values_list("pk", "team__name")[:5])
        case 15:
            return list(rows.order_by("-score", "pk")[1:4].values_list("pk", flat=True))
        case 16:
            return rows.order_by("-score", "pk")[:5].aggregate(a=Sum("score"), b=Count("skills"))
        case 17:
            return sorted(rows.annotate(**extra).filter(**{f"{name}__isnull": False}).values_list("pk", flat=True))
        case 18:
            return sorted(rows.values_list("skills__word", "team__parent__name").distinct(), key=repr)
        case 19:
            return sorted(
                (row.pk, row.skills.count(), sorted(row.pupils.values_list("name", flat=True)), row.grades.exists())
                for row in rows
            )
        case _:
            return sorted(row.pk for row in Member.objects.in_bulk(list(range(1, 12))).values()), rows.contains(
                Member(pk=chance.randint(1, 20))
            )


def _related(row: Any) -> Any:
    def found(start: Any, path: str) -> Any:
        for part in path.split("."):
            try:
                start = getattr(start, part)
            except dorm.ObjectDoesNotExist:
                return "none"
            if start is None:
                return None
        return start.pk

    return row.pk, *(found(row, path) for path in ("team", "team.parent", "mentor", "mentor.desk", "desk"))


def write(chance: random.Random) -> Any:
    """What a random write returns."""
    rows = members(chance)
    match chance.randint(0, 9):
        case 0:
            return rows.update(score=F("score") + 10)
        case 1:
            return rows.delete()
        case 2:
            return rows.annotate(n=Count("grades")).filter(n__gt=0).update(name="x")
        case 3:
            return Team.objects.filter(members__in=rows).delete()
        case 4:
            return Grade.objects.filter(member__in=rows).update(points=9)
        case 5:
            return Grade.objects.exclude(member__in=rows).delete()
        case 6:
            return rows.order_by("pk")[:3].delete()
        case 7:
            return rows.update(
                score=Coalesce(
                    Subquery(
                        Grade.objects.filter(member=OuterRef("pk"))
                        .values("member")
                        .annotate(s=Sum("points"))
                        .values("s")
                    ),
                    0,
                )
            )
        case 8:
            found = list(rows)
            for row in found:
                row.score += 5
            return Member.objects.bulk_update(found, ["score"])
        case _:
            for row in rows.order_by("pk"):
                row.skills.set(Skill.objects.filter(word=chance.choice("abc")), through_defaults={"tenant": 1})
            return Team.objects.filter(parent__in=Team.objects.filter(name="a")).delete()


def rows_of(tenant: int) -> dict[str, list[Any]]:
    """The rows of a tenant, without the keys of rows that a write may insert."""
    found = {}
    for model in MODELS:
        names = [field.attname for field in model._meta.concrete_fields if model is not Grade or not field.primary_key]
        found[model.__name__] = sorted(model.objects.filter(tenant=tenant).values_list(*names), key=repr)
    return found


class Kept(Exception):
    """Carries what was found out of a block that is undone."""


def tried(work: Callable[[], Any]) -> Any:
    """What it returns, and the rows of both tenants after it; everything is undone."""
    try:
        with atomic():
            result, mine = work(), rows_of(1)
            with scopes.unscoped():
                raise Kept(result, mine, rows_of(2))
    except Kept as kept:
        return kept.args


def read_or_refused(chance: random.Random) -> Any:
    try:
        return read(chance)
    except NotSupportedError:
        return "refused"


@pytest.mark.parametrize("seed", range(2))
def test_what_a_tenant_gets_and_does_beside_others_is_what_it_gets_and_does_alone(database, seed):
    fill(random.Random(seed))
    reads = [seed * 1000 + n for n in range(40)]
    writes = [seed * 1000 + n for n in range(12)]
    _, _, untouched = tried(lambda: None)
    with scopes.register(by_tenant):
        found = [read_or_refused(random.Random(one)) for one in reads]
        done = [tried(lambda one=one: write(random.Random(one))) for one in writes]
    for _, _, others in done:
        assert others == untouched
    for model in MODELS:
        database.run(f'DELETE FROM "{model._meta.db_table}" WHERE tenant = 2')
    for one, result in zip(reads, found, strict=True):
        assert result == read_or_refused(random.Random(one)), one
    for one, (result, after, _) in zip(writes, done, strict=True):
        alone, rows, _ = tried(lambda one=one: write(random.Random(one)))
        assert (result, after) == (alone, rows), one
