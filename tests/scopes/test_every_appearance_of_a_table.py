"""A condition that is registered for a model holds wherever its table appears, whatever verb reads or writes it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

import dorm
from dorm import Avg, Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, Sum, scopes
from dorm.events import WriteEvent, subscribe

TENANT: ContextVar[int] = ContextVar("tenant", default=1)


class Shop(dorm.Model):
    tenant = dorm.IntegerField()
    name = dorm.CharField(max_length=20)


class Item(dorm.Model):
    tenant = dorm.IntegerField()
    name = dorm.CharField(max_length=20)
    price = dorm.IntegerField(default=0)
    shop = dorm.ForeignKey(Shop, on_delete=dorm.CASCADE, related_name="items")
    spare = dorm.ForeignKey(Shop, on_delete=dorm.SET_NULL, null=True, related_name="spares")
    labels: Any = dorm.ManyToManyField("Label", through="Tagging", related_name="items")


class Label(dorm.Model):
    tenant = dorm.IntegerField()
    name = dorm.CharField(max_length=20)


class Tagging(dorm.Model):
    tenant = dorm.IntegerField()
    item = dorm.ForeignKey(Item, on_delete=dorm.CASCADE, related_name="taggings")
    label = dorm.ForeignKey(Label, on_delete=dorm.CASCADE, related_name="taggings")


class Note(dorm.Model):
    """The database does not know that its rows refer to shops: what becomes of them is the package's work alone."""

    tenant = dorm.IntegerField()
    shop = dorm.ForeignKey(Shop, on_delete=dorm.CASCADE, related_name="notes", db_constraint=False)
    other = dorm.ForeignKey(Shop, on_delete=dorm.SET_NULL, related_name="others", db_constraint=False, null=True)


class CheapItem(Item):
    class Meta:
        proxy = True


pytestmark = pytest.mark.models([Shop, Item, Label, Tagging, Note])


def by_tenant(model: Any) -> Q[Any] | None:
    return Q(tenant=TENANT.get()) if "tenant" in model._meta.names else None


@pytest.fixture
def filled(database):
    """For each of two tenants: two shops, three items, two labels. Some rows of tenant 1 point at rows of tenant 2."""
    for tenant in (1, 2):
        shops = [Shop(tenant=tenant, name=f"s{n}") for n in range(2)]
        Shop.objects.bulk_create(shops)
        labels = [Label(tenant=tenant, name=f"l{n}") for n in range(2)]
        Label.objects.bulk_create(labels)
        for n in range(3):
            item = Item.objects.create(tenant=tenant, name=f"i{n}", price=tenant * 10 + n, shop=shops[n % 2])
            Tagging.objects.create(tenant=tenant, item=item, label=labels[n % 2])
    theirs, mine = Shop.objects.get(tenant=2, name="s0"), Shop.objects.get(tenant=1, name="s0")
    # an item of tenant 1 in a shop of tenant 2, and the other way round: what no query may follow
    Item.objects.create(tenant=1, name="stray", price=1000, shop=theirs, spare=theirs)
    Item.objects.create(tenant=2, name="intruder", price=9000, shop=mine, spare=mine)
    Tagging.objects.create(
        tenant=2, item=Item.objects.get(tenant=1, name="i0"), label=Label.objects.get(tenant=1, name="l1")
    )
    token = TENANT.set(1)
    with scopes.register(by_tenant):
        yield database
    TENANT.reset(token)


SHOPS, ITEMS, LABELS, TAGS = Shop.objects, Item.objects, Label.objects, Tagging.objects


def names(rows: Any) -> list[Any]:
    return sorted(str(row.name) if hasattr(row, "name") else row for row in rows)


# what is asked -> the answer of tenant 1
READS: dict[str, tuple[Callable[[], Any], Any]] = {
    "rows": (lambda: names(ITEMS.all()), ["i0", "i1", "i2", "stray"]),
    "rows of a proxy": (lambda: names(CheapItem.objects.all()), ["i0", "i1", "i2", "stray"]),
    "count": (lambda: ITEMS.count(), 4),
    "exists": (lambda: ITEMS.filter(name="intruder").exists(), False),
    "aggregate": (lambda: ITEMS.aggregate(n=Count("pk"), m=Max("price")), {"n": 4, "m": 1000}),
    "aggregate of a slice": (lambda: ITEMS.order_by("-price")[:2].aggregate(n=Sum("price"))["n"], 1012),
    "aggregate of a slice over a join": (lambda: SHOPS.order_by("pk")[:2].aggregate(m=Max("items__price"))["m"], 12),
    "aggregate of groups over another join": (
        lambda: SHOPS.annotate(n=Count("items")).aggregate(m=Max("spares__price"), n=Sum("n")),
        {"m": None, "n": 3},
    ),
    "aggregate over a join": (lambda: SHOPS.aggregate(m=Max("items__price"))["m"], 12),
    "aggregates over two relations": (
        lambda: SHOPS.aggregate(a=Max("items__price"), b=Sum("spares__price")),
        {"a": 12, "b": None},
    ),
    "aggregate outside a distinct": (
        lambda: SHOPS.values("name").distinct().aggregate(n=Count("name"))["n"],
        2,
    ),
    "values": (lambda: sorted(ITEMS.values_list("name", flat=True)), ["i0", "i1", "i2", "stray"]),
    "get by key of another": (lambda: ITEMS.get_or_none(name="intruder"), None),
    "get": (lambda: ITEMS.get(name="i1").price, 11),
    "first": (lambda: ITEMS.order_by("-price").first().name, "stray"),
    "last": (lambda: ITEMS.order_by("price").last().name, "stray"),
    "in bulk": (lambda: sorted(row.name for row in ITEMS.in_bulk().values()), ["i0", "i1", "i2", "stray"]),
    "a slice": (lambda: [row.name for row in ITEMS.order_by("-price")[1:3]], ["i2", "i1"]),
    "iterator": (lambda: names(ITEMS.iterator(chunk_size=2)), ["i0", "i1", "i2", "stray"]),
    "a joined table": (lambda: names(ITEMS.filter(shop__name="s0")), ["i0", "i2"]),
    "a joined table of several rows": (lambda: names(SHOPS.filter(items__price__gte=12)), ["s0"]),
    "a column of a joined table": (
        lambda: sorted((n, str(s)) for n, s in ITEMS.values_list("name", "shop__name")),
        [("i0", "s0"), ("i1", "s1"), ("i2", "s0"), ("stray", "None")],
    ),
    "an order over a join": (lambda: len(ITEMS.order_by("shop__name")), 4),
    "through a junction": (lambda: names(ITEMS.filter(labels__name="l1")), ["i1"]),
    "related rows": (lambda: names(SHOPS.get(name="s0").items.all()), ["i0", "i2"]),
    "many to many": (lambda: names(ITEMS.get(name="i0").labels.all()), ["l0"]),
    "many to many backwards": (lambda: names(LABELS.get(name="l1").items.all()), ["i1"]),
    "exclude": (lambda: names(ITEMS.exclude(name="i0")), ["i1", "i2", "stray"]),
    "exclude over a join": (lambda: names(ITEMS.exclude(shop__name="s0")), ["i1", "stray"]),
    "exclude over several rows": (lambda: names(SHOPS.exclude(items__price__gte=12)), ["s1"]),
    "exclude over several rows of two relations": (
        lambda: names(SHOPS.exclude(items__price=F("spares__price"))),
        ["s0", "s1"],
    ),
    "exclude through a junction": (lambda: names(ITEMS.exclude(labels__name="l1")), ["i0", "i2", "stray"]),
    "is null over several rows": (lambda: names(ITEMS.filter(labels__isnull=True)), ["stray"]),
    "is not null over several rows": (lambda: names(SHOPS.filter(spares__isnull=False)), []),
    "or": (lambda: names(SHOPS.filter(Q(items__price=9000) | Q(name="s1"))), ["s1"]),
    "or of querysets": (lambda: names(SHOPS.filter(items__price=9000) | SHOPS.filter(name="s1")), ["s1"]),
    "annotation": (
        lambda: {row.name: row.n for row in SHOPS.annotate(n=Count("items"))},
        {"s0": 2, "s1": 1},
    ),
    "two annotations": (
        lambda: {row.name: (row.n, row.m) for row in SHOPS.annotate(n=Count("items"), m=Sum("spares__price"))},
        {"s0": (2, None), "s1": (1, None)},
    ),
    "annotation with a filter": (
        lambda: {row.name: row.n for row in SHOPS.annotate(n=Count("items", filter=Q(items__price__gte=12)))},
        {"s0": 1, "s1": 0},
    ),
    "groups": (
        lambda: sorted(
            (row["shop__name"] or "", row["n"]) for row in ITEMS.values("shop__name").annotate(n=Count("pk"))
        ),
        [("", 1), ("s0", 2), ("s1", 1)],
    ),
    "filtered groups": (lambda: names(SHOPS.annotate(n=Count("items")).filter(n__gt=1)), ["s0"]),
    "count of groups": (lambda: SHOPS.annotate(n=Count("items")).filter(n__gte=1).count(), 2),
    "Exists": (lambda: names(SHOPS.filter(Exists(ITEMS.filter(shop=OuterRef("pk"), price__gte=12)))), ["s0"]),
    "not Exists": (lambda: names(SHOPS.filter(~Exists(ITEMS.filter(shop=OuterRef("pk"), price=9000)))), ["s0", "s1"]),
    "Subquery": (
        lambda: {
            row.name: row.m
            for row in SHOPS.annotate(
                m=Subquery(ITEMS.filter(shop=OuterRef("pk")).order_by("-price").values("price")[:1])
            )
        },
        {"s0": 12, "s1": 11},
    ),
    "in a queryset": (lambda: names(SHOPS.filter(pk__in=ITEMS.filter(price=9000).values("shop"))), []),
    "not in a queryset": (lambda: names(SHOPS.exclude(pk__in=ITEMS.filter(price=9000).values("shop"))), ["s0", "s1"]),
    "not in the columns of a joined table": (
        lambda: names(SHOPS.exclude(name__in=ITEMS.filter(name__in=["i0", "stray"]).values("shop__name"))),
        ["s1"],
    ),
    "union": (lambda: names(ITEMS.filter(price__gt=11).union(ITEMS.filter(name="i0"))), ["i0", "i2", "stray"]),
    "intersection": (
        lambda: names(ITEMS.filter(price__gt=11).intersection(ITEMS.filter(price__lt=9999))),
        ["i2", "stray"],
    ),
    "difference": (lambda: names(ITEMS.all().difference(ITEMS.filter(name="i0"))), ["i1", "i2", "stray"]),
    "select_related": (
        lambda: sorted(
            (row.name, row.shop and row.shop.name) for row in ITEMS.select_related("shop") if row.name != "stray"
        ),
        [("i0", "s0"), ("i1", "s1"), ("i2", "s0")],
    ),
    "select_related keeps its rows": (
        lambda: names(ITEMS.select_related("shop", "spare")),
        ["i0", "i1", "i2", "stray"],
    ),
    "prefetch": (
        lambda: {row.name: names(row.items.all()) for row in SHOPS.prefetch_related("items")},
        {"s0": ["i0", "i2"], "s1": ["i1"]},
    ),
    "prefetch through a junction": (
        lambda: {row.name: names(row.labels.all()) for row in ITEMS.prefetch_related("labels")},
        {"i0": ["l0"], "i1": ["l1"], "i2": ["l0"], "stray": []},
    ),
    "prefetch of a slice": (
        lambda: {
            row.name: names(row.best)
            for row in SHOPS.prefetch_related(Prefetch("items", ITEMS.order_by("-price")[:1], to_attr="best"))
        },
        {"s0": ["i2"], "s1": ["i1"]},
    ),
    "prefetch of one": (
        lambda: sorted(row.shop.name for row in ITEMS.exclude(name="stray").prefetch_related("shop")),
        ["s0", "s0", "s1"],
    ),
    "a window over a join": (lambda: ITEMS.filter(shop__items__price=9000).count(), 0),
    "a distinct": (
        lambda: sorted(ITEMS.values_list("shop__name", flat=True).distinct(), key=str),
        [None, "s0", "s1"],
    ),
    "average of a join and a group": (
        lambda: {row["name"]: row["a"] for row in SHOPS.values("name").annotate(a=Avg("items__price"))},
        {"s0": 11.0, "s1": 11.0},
    ),
    "dates": (lambda: ITEMS.latest("price").name, "stray"),
    "contains": (lambda: ITEMS.contains(Item(pk=ITEMS.get(name="i0").pk)), True),
}


@pytest.mark.parametrize("name", READS)
async def test_a_read_sees_the_rows_of_its_tenant_only(filled, mode, name):
    work, answer = READS[name]
    if mode.name == "sync":
        assert work() == answer
    else:
        assert await dorm.run(work) == answer


def test_all_reads_see_all_rows_without_a_scope(filled):
    seen = 0
    for work, answer in READS.values():
        with scopes.unscoped():
            try:
                seen += work() != answer
            except (dorm.MultipleObjectsReturned, AttributeError):
                seen += 1
    assert seen >= len(READS) - 12


def test_a_related_row_outside_the_scope_does_not_exist(filled):
    stray = ITEMS.get(name="stray")
    with pytest.raises(Shop.DoesNotExist):
        _ = stray.shop
    assert ITEMS.select_related("spare").get(name="stray").spare is None


def test_an_instance_that_left_the_scope_is_not_read_again(filled):
    item = ITEMS.get(name="i0")
    deferred = ITEMS.only("name").get(name="i0")
    TENANT.set(2)
    with pytest.raises(Item.DoesNotExist):
        item.refresh_from_db()
    with pytest.raises(Item.DoesNotExist):
        _ = deferred.price


def test_the_condition_stands_where_a_missing_row_keeps_the_others(filled):
    sql = ITEMS.select_related("spare").sql().sql
    on, _, where = sql.partition(" WHERE ")
    assert "LEFT OUTER JOIN" in on
    shop = Shop._meta.db_table
    assert on.replace('"', "").count(f"{shop}.tenant = ") == 1
    assert shop not in where


def everything() -> list[tuple[Any, ...]]:
    with scopes.unscoped():
        return sorted(ITEMS.values_list("tenant", "name", "price", "spare_id"))


def test_update_writes_the_rows_of_the_tenant_only(filled):
    before = [row for row in everything() if row[0] == 2]
    assert ITEMS.update(price=F("price") + 1) == 4
    assert ITEMS.filter(shop__name="s0").update(price=1) == 2
    assert ITEMS.filter(name="intruder").update(price=0) == 0
    assert ITEMS.exclude(labels__name="l9").update(price=2) == 4
    assert ITEMS.order_by("price").filter(pk__in=ITEMS.values("pk")).update(price=3) == 4
    assert [row for row in everything() if row[0] == 2] == before


async def test_the_event_of_a_row_that_is_moved_out_of_the_scope_has_its_new_values(filled, mode):
    stray = await mode.call(ITEMS, "get", name="stray")
    told: list[WriteEvent] = []
    with subscribe(told.append, want=["old", "values"]):
        assert await mode.call(ITEMS.filter(name="stray"), "update", tenant=2) == 1
    assert [event.keys for event in told] == [(stray.pk,)] * 3
    assert [row["tenant"] for row in (told[1].old or {}).values()] == [1]
    assert [row["tenant"] for row in (told[1].values or {}).values()] == [2]


def test_delete_removes_the_rows_of_the_tenant_only(filled):
    before = [row for row in everything() if row[0] == 2]
    assert ITEMS.filter(name="intruder").delete() == (0, {})
    assert ITEMS.filter(taggings__label__name="l0").delete()[1]["test_every_appearance_of_a_table.Item"] == 2
    assert TAGS.all().delete()[0] == 1
    assert [row for row in everything() if row[0] == 2] == before


def test_a_cascade_takes_the_rows_of_the_tenant_only(filled):
    shop = SHOPS.get(name="s1")
    for tenant in (1, 2):
        Note.objects.create(tenant=tenant, shop=shop)
        Note.objects.create(tenant=tenant, shop_id=0, other=shop)
    total, by_model = shop.delete()
    assert by_model[Note._meta.label] == 1
    assert total == 1 + 1 + 1 + 1  # the shop, its note, its item, the tag of that
    with scopes.unscoped():
        left = sorted(Note.objects.values_list("tenant", "shop_id", "other_id"), key=str)
    assert left == [(1, 0, None), (2, 0, shop_key := left[1][2]), (2, shop_key, None)]
    assert shop_key is not None
    assert names(ITEMS.all()) == ["i0", "i2", "stray"]


def test_an_instance_of_another_tenant_is_neither_saved_nor_deleted(filled):
    with scopes.unscoped():
        theirs = ITEMS.get(name="intruder")
        TAGS.filter(item=theirs).delete()
    before = everything()
    theirs.price = 5
    assert theirs.delete()[0] == 0
    with scopes.unscoped():
        theirs = ITEMS.get(name="intruder")
    theirs.price = 5
    with pytest.raises(dorm.DatabaseError):
        theirs.save(force_update=True)
    with pytest.raises(dorm.IntegrityError):
        theirs.save()
    with pytest.raises(dorm.DatabaseError):
        theirs.save(update_fields=["price"])
    assert ITEMS.bulk_update([theirs], ["price"]) == 0
    assert everything() == before


def test_own_instances_are_saved_and_deleted(filled):
    item = ITEMS.get(name="i0")
    item.price = 77
    item.save()
    assert ITEMS.get(name="i0").price == 77
    item.price = 78
    assert ITEMS.bulk_update([item, ITEMS.get(name="i1")], ["price"]) == 2
    assert ITEMS.get(name="i0").price == 78
    with scopes.unscoped():
        TAGS.filter(item=item).delete()
    assert item.delete()[0] == 1


def test_links_are_changed_within_the_tenant_only(filled):
    with scopes.unscoped():
        before = sorted(TAGS.filter(tenant=2).values_list("pk", flat=True))
    item = ITEMS.get(name="i0")
    item.labels.set([])
    assert names(item.labels.all()) == []
    with scopes.unscoped():
        assert sorted(TAGS.filter(tenant=2).values_list("pk", flat=True)) == before


def test_what_might_write_over_rows_of_others_is_refused(filled):
    with pytest.raises(dorm.NotSupportedError, match=r"upsert.*unscoped"):
        ITEMS.upsert([Item(tenant=1, name="x", shop=SHOPS.get(name="s0"))], ["id"])
    with scopes.unscoped():
        shop = SHOPS.get(name="s0", tenant=1)
        ITEMS.upsert([Item(id=5000, tenant=1, name="x", shop=shop)], ["id"])
    assert ITEMS.get(pk=5000).name == "x"


def test_get_or_create_makes_a_row_where_only_others_have_one(filled):
    row, made = LABELS.get_or_create(name="l7", defaults={"tenant": 2})
    assert made
    assert LABELS.filter(pk=row.pk).count() == 0
    row, made = LABELS.update_or_create(name="l1", defaults={"tenant": 1})
    assert not made
