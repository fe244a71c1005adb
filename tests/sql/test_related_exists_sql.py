"""Whether related rows exist: ``EXISTS`` where an index or a join answers it, else one membership for all rows."""

from __future__ import annotations

import pytest
from select_models import text

import dorm
from dorm import F, Q
from dorm.expressions import RawSQL


class Owner(dorm.Model):
    name = dorm.CharField(max_length=20)

    class Meta:
        db_table = "owner"


class Bare(dorm.Model):
    owner = dorm.ForeignKey(Owner, on_delete=dorm.CASCADE, null=True, related_name="bares", db_index=False)
    size = dorm.IntegerField()

    class Meta:
        db_table = "bare"


class Firm(dorm.Model):
    owner = dorm.ForeignKey(Owner, on_delete=dorm.CASCADE, related_name="firms", db_index=False)
    size = dorm.IntegerField()

    class Meta:
        db_table = "firm"


class Paired(dorm.Model):
    owner = dorm.ForeignKey(Owner, on_delete=dorm.CASCADE, related_name="pairs", db_index=False)
    size = dorm.IntegerField()

    class Meta:
        db_table = "paired"
        indexes = [dorm.Index(fields=["owner", "size"], name="paired_owner")]


class Partial(dorm.Model):
    owner = dorm.ForeignKey(Owner, on_delete=dorm.CASCADE, related_name="partials", db_index=False)
    size = dorm.IntegerField()

    class Meta:
        db_table = "partial"
        indexes = [dorm.Index(fields=["owner"], name="partial_owner", condition=Q(size=1))]


class Foreign(dorm.Model):
    owner = dorm.ForeignKey(Owner, on_delete=dorm.CASCADE, related_name="foreigns")
    size = dorm.IntegerField()

    class Meta:
        db_table = "foreign_rows"
        managed = False


O = Owner.objects  # noqa: E741
OWNER = 'SELECT "owner"."id" FROM "owner" WHERE '


def keys_of(table):
    return f'"owner"."id" IN (SELECT DISTINCT "{table}"."owner_id" FROM "{table}"'


HELD = f'{keys_of("bare")} WHERE "bare"."owner_id" IS NOT NULL'
EXISTS = 'EXISTS (SELECT 1 FROM "bare" WHERE "bare"."owner_id" = "owner"."id"'


def sql(queryset, alias):
    return text(queryset.values_list("pk"), alias)[0]


@pytest.mark.parametrize(
    ("queryset", "wanted"),
    [
        (lambda: O.filter(bares__isnull=False), f"{HELD})"),
        (lambda: O.filter(bares=None), f"({HELD.replace(' IN ', ' NOT IN ')}))"),
        (lambda: O.exclude(bares__size=1), f'NOT ({HELD} AND "bare"."size" = ?))'),
        (lambda: O.exclude(firms__size=1), f'NOT ({keys_of("firm")} WHERE "firm"."size" = ?))'),
        (lambda: O.filter(partials__isnull=False), f"{keys_of('partial')})"),
        (lambda: O.filter(foreigns__isnull=False), f"{keys_of('foreign_rows')})"),
    ],
    ids=["some", "none", "excluded", "a column without NULL", "a partial index", "a table that is not managed"],
)
def test_without_an_index_sqlite_reads_the_keys_once(queryset, wanted):
    assert sql(queryset(), "default") == OWNER + wanted


@pytest.mark.parametrize("alias", ["default", "postgres"])
def test_with_an_index_the_row_outside_is_looked_up(alias):
    wanted = 'EXISTS (SELECT 1 FROM "paired" WHERE "paired"."owner_id" = "owner"."id")'
    assert sql(O.filter(pairs__isnull=False), alias) == OWNER + wanted
    assert sql(O.filter(Q(pairs__isnull=False) | Q(name=None)), alias) == f'{OWNER}({wanted}) OR "owner"."name" IS NULL'


def test_a_planner_that_joins_gets_exists_where_it_can_join():
    assert sql(O.filter(bares__isnull=False), "postgres") == f"{OWNER}{EXISTS})"
    assert sql(O.filter(bares=None, name="x"), "postgres").startswith(f"{OWNER}NOT ({EXISTS}))")
    assert sql(O.exclude(bares__size=1), "postgres").startswith(f"{OWNER}NOT ({EXISTS} AND ")


@pytest.mark.parametrize(
    "queryset",
    [
        lambda: O.filter(Q(bares__isnull=False) | Q(name="x")),
        lambda: O.exclude(bares__size=1, name="x"),
        lambda: O.exclude(bares__size=None),
        lambda: O.annotate(has=dorm.Case(dorm.When(bares__isnull=False, then=1), default=0)).filter(has=1),
    ],
)
def test_a_planner_that_joins_gets_a_membership_where_it_cannot(queryset):
    assert "IN (SELECT DISTINCT" in sql(queryset(), "postgres")


@pytest.mark.parametrize("alias", ["default", "postgres"])
def test_what_reads_the_row_outside_stays_about_it(alias):
    for queryset in (O.exclude(bares__size=F("id")), O.exclude(bares__size=RawSQL('"owner"."id"', []))):
        found = sql(queryset, alias)
        assert EXISTS in found
        assert " IN (" not in found


def test_a_row_outside_that_may_be_missing_has_none():
    guarded = f'WHERE NOT ("owner"."id" IS NOT NULL AND {keys_of("firm")}))'
    assert sql(Bare.objects.filter(owner__firms__isnull=True), "default").endswith(guarded)
