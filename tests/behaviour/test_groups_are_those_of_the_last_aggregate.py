"""What is selected when an aggregate comes makes the groups; what is selected later changes no number."""

from __future__ import annotations

import pytest

import dorm
from behaviour.cases import rows_are
from dorm import Count, F, Max, Q, Sum


class Town(dorm.Model):
    name = dorm.CharField(max_length=10)
    area = dorm.IntegerField(default=1)


class Store(dorm.Model):
    town = dorm.ForeignKey(Town, on_delete=dorm.CASCADE, related_name="stores")
    name = dorm.CharField(max_length=10)


class Ware(dorm.Model):
    store = dorm.ForeignKey(Store, on_delete=dorm.CASCADE, related_name="stock")
    kind = dorm.CharField(max_length=10)
    grams = dorm.IntegerField(null=True)


class Label(dorm.Model):
    text = dorm.CharField(max_length=10)
    wares = dorm.ManyToManyField(Ware, related_name="labels")


pytestmark = pytest.mark.models([Town, Store, Ware, Label])
T, S, W = Town.objects, Store.objects, Ware.objects


@pytest.fixture
def wares(database):
    x, y = T.create(name="x", area=3), T.create(name="y", area=4)
    one, two, three = S.create(town=x, name="one"), S.create(town=x, name="two"), S.create(town=y, name="three")
    made = [
        W.create(store=store, kind=kind, grams=grams)
        for store, kind, grams in ((one, "p", 1), (one, "q", 1), (two, "p", 2), (three, "r", None), (three, "p", 3))
    ]
    new, old = Label.objects.create(text="new"), Label.objects.create(text="old")
    new.wares.add(made[0], made[1])
    old.wares.add(made[0])


async def test_values_after_an_aggregate_make_groups_of_their_own(wares, mode):
    most = lambda: W.annotate(m=Max("grams"))  # noqa: E731
    await rows_are(
        mode,
        [
            (
                lambda: most().values_list("kind").annotate(k=Count("pk")).order_by("kind"),
                [("p", 3), ("q", 1), ("r", 1)],
            ),
            (
                lambda: most().values_list("kind", "m").annotate(k=Count("pk")).order_by("kind"),
                [("p", 3, 3), ("q", 1, 1), ("r", None, 1)],
            ),
            (
                lambda: most().filter(m__gt=1).values_list("kind").annotate(k=Count("pk")).order_by("kind"),
                [("p", 3)],
            ),
            (lambda: W.annotate(n=Count("labels")).values_list("n").annotate(k=Count("pk")), [(3, 6)]),
        ],
    )
    again = (
        W.filter(grams__isnull=False)
        .values("kind")
        .annotate(n=Count("pk"))
        .values_list("grams")
        .annotate(k=Count("pk"))
    )
    assert await mode.fetch(again.order_by("grams")) == [(1, 2), (2, 1), (3, 1)]
    assert await mode.call(again, "count") == 3


async def test_an_aggregate_is_the_same_number_whatever_is_selected(wares, mode):
    towns = T.annotate(a1=Sum("area"), a2=Count("stores")).order_by("pk")
    assert [(row.a1, row.a2) for row in await mode.fetch(towns)] == [(6, 2), (4, 1)]
    await rows_are(
        mode,
        [
            (lambda: towns.values_list("a1"), [(6,), (4,)]),
            (lambda: towns.values_list("a1", "a2"), [(6, 2), (4, 1)]),
            (lambda: towns.values_list("a2"), [(2,), (1,)]),
            (lambda: towns.filter(a1__gt=5).values_list("name"), [("x",)]),
            (lambda: towns.order_by("-a1").values_list("name", flat=True), ["x", "y"]),
            (lambda: T.alias(n=Count("stores")).annotate(a1=Sum("area")).order_by("pk").values_list("a1"), [(6,), (4,)]),
            (lambda: T.filter(pk__in=towns.filter(a1__gt=5)).values_list("name", flat=True), ["x"]),
            (lambda: T.annotate(t=F("stores__name")).annotate(s=Sum("area")).order_by("t").values_list("s", flat=True),
             [3, 4, 3]),
        ],
    )  # fmt: skip
    assert await mode.call(towns, "aggregate", m=Max("a1")) == {"m": 6}
    assert await mode.call(towns, "aggregate", m=Max("a1"), n=Sum("a2")) == {"m": 6, "n": 3}
    assert await mode.call(towns.filter(a1__gt=5), "count") == 1
    assert await mode.call(towns.filter(a1__gt=5), "exists") is True
    assert await mode.call(towns.filter(a1__gt=6), "exists") is False
    assert await mode.call(towns.filter(a1__gt=5), "update", area=9) == 1
    assert await mode.fetch(T.order_by("pk").values_list("area", flat=True)) == [9, 4]


async def test_what_groups_do_not_hold_parts_them_when_it_is_aggregated(wares, mode):
    kinds = W.values("kind").annotate(n=Count("pk"))
    assert await mode.call(kinds, "aggregate", c=Count("grams")) == {"c": 4}
    assert await mode.call(kinds, "aggregate", n=Sum("n"), c=Count("store__town")) == {"n": 5, "c": 4}
    assert await mode.call(kinds, "aggregate", k=Count("kind"), n=Max("n")) == {"k": 3, "n": 3}


async def test_a_filter_of_an_aggregate_may_read_any_relation(wares, mode):
    await rows_are(
        mode,
        [
            (
                lambda: (
                    S.annotate(n=Count("stock", filter=Q(town__name="x"))).order_by("pk").values_list("n", flat=True)
                ),
                [2, 1, 0],
            ),
            (
                lambda: (
                    W.annotate(n=Count("labels"), m=Count("store__stock", filter=Q(labels__text="old")))
                    .order_by("pk")
                    .values_list("n", "m")
                ),
                [(2, 2), (1, 0), (0, 0), (0, 0), (0, 0)],
            ),
            (
                lambda: (
                    S.annotate(n=Count("stock"), m=Count("town__stores", filter=Q(town__name="x")))
                    .order_by("pk")
                    .values_list("n", "m")
                ),
                [(2, 2), (1, 2), (2, 0)],
            ),
        ],
    )


async def test_groups_are_sorted_by_what_they_join(wares, mode):
    doubled = dorm.ExpressionWrapper(F("town__area") * 2, output_field=dorm.IntegerField())
    inside = dorm.Exists(W.filter(store=dorm.OuterRef("pk"), grams=1))
    counted = S.annotate(n=Count("stock"))
    await rows_are(
        mode,
        [
            (lambda: S.annotate(x=doubled, n=Count("stock")).order_by("-x", "pk").values_list("x", "n"), [(8, 2), (6, 2), (6, 1)]),
            (lambda: S.alias(x=doubled).annotate(n=Count("stock")).order_by("-x", "pk").values_list("pk", "n"),
             [(3, 2), (1, 2), (2, 1)]),
            (lambda: counted.order_by(doubled.desc(), "pk").values_list("pk", flat=True), [3, 1, 2]),
            (lambda: counted.order_by(F("n") + F("town__area"), "pk").values_list("pk", flat=True), [2, 1, 3]),
            (lambda: counted.order_by(inside, "pk").values_list("pk", flat=True), [2, 3, 1]),
            (lambda: counted.annotate(e=inside).order_by("e", "pk").values_list("pk", flat=True), [2, 3, 1]),
            (lambda: W.values("store").annotate(n=Count("pk"))
             .order_by(dorm.Exists(S.filter(pk=dorm.OuterRef("store"), name="two")).desc(), "store")
             .values_list("store", "n"), [(2, 1), (1, 2), (3, 2)]),
        ],
    )  # fmt: skip
    assert await mode.call(S.annotate(x=doubled, n=Count("stock")).order_by("-x"), "count") == 3


async def test_an_alias_parts_no_groups(wares, mode):
    await rows_are(
        mode,
        [
            (lambda: T.alias(t=F("stores__name")).annotate(s=Sum("area")).order_by("pk").values_list("name", "s"),
             [("x", 6), ("y", 4)]),
            (lambda: T.annotate(n=Sum("area")).alias(t=F("stores__name")).order_by("pk").values_list("name", "n"),
             [("x", 6), ("y", 4)]),
        ],
    )  # fmt: skip


async def test_what_values_selects_after_the_groups_parts_them(wares, mode):
    kinds = W.values_list("kind").annotate(n=Count("labels"))
    await rows_are(
        mode,
        [
            (lambda: kinds.values_list("pk", "n").order_by("pk"), [(1, 2), (2, 1), (3, 0), (4, 0), (5, 0)]),
            (lambda: kinds.values_list("n").order_by("kind"), [(2,), (1,), (0,)]),
        ],
    )
    assert await mode.call(kinds.values_list("pk", flat=True), "count") == 5


async def test_related_rows_asked_for_beside_an_aggregate_part_no_groups(wares, mode):
    summed = T.annotate(s=Sum("area"))
    counted = W.annotate(n=Count("labels"))
    await rows_are(
        mode,
        [
            (lambda: summed.exclude(Q(stores__stock__grams=9) | Q(s=9)).order_by("pk").values_list("name", "s"),
             [("x", 3), ("y", 4)]),
            (lambda: summed.filter(~Q(stores__stock__grams=2) | Q(s=9)).values_list("name", "s"), [("y", 4)]),
            (lambda: summed.filter(Q(stores__isnull=False) | Q(s=9)).order_by("pk").values_list("name", "s"),
             [("x", 3), ("y", 4)]),
            (lambda: counted.filter(Q(store__town__stores__isnull=True) | Q(n=2)).values_list("pk", "n"), [(1, 2)]),
            (lambda: counted.exclude(Q(store__town__stores__name="two") | Q(n=2)).order_by("pk").values_list("pk", "n"),
             [(4, 0), (5, 0)]),
        ],
    )  # fmt: skip
