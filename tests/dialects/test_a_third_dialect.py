"""A dialect that is built from the documented contract alone compiles queries, tables and writes."""

from __future__ import annotations

import pytest
from mariadb_dialect import DIALECT

import dorm
from dorm import functions as fn
from dorm.conf.settings import settings
from dorm.dialects import register, unregister
from dorm.dialects.contract import Dialect
from dorm.testing import Recording

F, Q = dorm.F, dorm.Q


class Harbour(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)

    class Meta:
        app_label = "maria"


class Boat(dorm.Model):
    name = dorm.CharField(max_length=10, unique=True)
    length = dorm.IntegerField(default=3)
    built = dorm.DateTimeField(null=True)
    papers = dorm.JSONField(default=dict)
    home = dorm.ForeignKey(Harbour, on_delete=dorm.CASCADE, null=True, related_name="boats")

    class Meta:
        app_label = "maria"


@pytest.fixture
def maria():
    register(DIALECT)
    with Recording("mariadb") as recording:
        yield recording
    unregister("mariadb")
    settings.reset()


def test_it_is_a_dialect():
    made: Dialect = DIALECT
    assert made.features((10, 4)).supports_returning is False
    assert made.features((10, 6)).supports_returning is True


def test_tables(maria):
    dorm.create_tables(Harbour, Boat)
    sql = "\n".join(maria.sql)
    assert "`id` BIGINT NOT NULL AUTO_INCREMENT" in sql
    assert "`built` DATETIME(6)" in sql
    assert "`papers` LONGTEXT NOT NULL" in sql
    assert "FOREIGN KEY(`home_id`) REFERENCES `maria_harbour` (`id`)" in sql


QUERIES = {
    "json_contains(%s, CAST(`maria_boat`.`id` AS CHAR))": lambda: Boat.objects.filter(pk__in=[1, 2]),
    "json_contains(%s, json_quote(`maria_boat`.`name`))": lambda: Boat.objects.filter(name__in=["a", "b"]),
    "locate(lower(%s), lower(`maria_boat`.`name`)) > 0": lambda: Boat.objects.filter(name__icontains="x"),
    "left(`maria_boat`.`name`, char_length(%s)) = %s": lambda: Boat.objects.filter(name__startswith="x"),
    "`maria_boat`.`name` REGEXP concat('(?-i)', %s)": lambda: Boat.objects.filter(name__regex="^x"),
    "EXTRACT(year FROM `maria_boat`.`built`) = %s": lambda: Boat.objects.filter(built__year=2020),
    "`maria_boat`.`built` IS NULL ASC, `maria_boat`.`built` DESC": (
        lambda: Boat.objects.order_by(F("built").desc(nulls_last=True))
    ),
    "INNER JOIN `maria_harbour`": lambda: Boat.objects.filter(home__name="Ostia"),
    "NOT (EXISTS (SELECT": lambda: Harbour.objects.exclude(boats__name="Argo"),
    "rand()": lambda: Boat.objects.order_by("?"),
    "CAST(date_format(`maria_boat`.`built`, '%%Y-%%m-01 00:00:00') AS DATETIME(6))": (
        lambda: Boat.objects.annotate(month=fn.TruncMonth("built"))
    ),
    "instr(": lambda: Boat.objects.annotate(at=fn.StrIndex("name", dorm.Value("x"))),
    "power(": lambda: Boat.objects.annotate(area=F("length") ** 2),
    "GROUP BY": lambda: Harbour.objects.annotate(number=dorm.Count("boats")),
    "FOR UPDATE SKIP LOCKED": lambda: Boat.objects.select_for_update(skip_locked=True),
}


@pytest.mark.parametrize("text", QUERIES)
def test_queries(maria, text):
    with dorm.transaction.atomic():
        list(QUERIES[text]())
    assert text in maria.sql[-1]


def test_a_filter_of_an_aggregate_is_a_case(maria):
    maria.answer((2,))
    assert Boat.objects.aggregate(n=dorm.Count("pk", filter=Q(length__gt=3), distinct=True)) == {"n": 2}
    assert "count(DISTINCT CASE WHEN (`maria_boat`.`length` > %s) THEN `maria_boat`.`id` END)" in maria.sql[-1]


def test_writes(maria):
    maria.answer((1,))
    assert Boat.objects.create(name="Argo").pk == 1
    assert maria.sql[-1].endswith("RETURNING `maria_boat`.`id`")
    Boat.objects.filter(name="Argo").update(length=F("length") + 1)
    assert maria.sql[-1].startswith("UPDATE `maria_boat` SET `length`=(`maria_boat`.`length` + %s) WHERE")
    Boat.objects.filter(pk=1).delete()
    assert maria.sql[-1] == "DELETE FROM `maria_boat` WHERE `maria_boat`.`id` = %s"
    boats = [Boat(name="a"), Boat(name="b")]
    Boat.objects.bulk_create(boats, ignore_conflicts=True)
    assert maria.sql[-1].startswith("INSERT IGNORE INTO `maria_boat`")
    Boat.objects.bulk_create(boats, update_conflicts=True, unique_fields=["name"], update_fields=["length"])
    assert "ON DUPLICATE KEY UPDATE `length` = VALUES(`length`)" in maria.sql[-1]


IMPOSSIBLE = {
    "DISTINCT ON fields": lambda: list(Boat.objects.distinct("name")),
    "comparing values inside documents": lambda: list(Boat.objects.filter(papers__flag="x")),
    "containment of documents": lambda: list(Boat.objects.filter(papers__contains={"a": 1})),
    "the part 'iso_year' of dates": lambda: list(Boat.objects.filter(built__iso_year=2020)),
    "cutting moments down to a quarter": lambda: list(Boat.objects.annotate(q=fn.TruncQuarter("built"))),
    "select_for_update(of=…) and no_key": lambda: list(Boat.objects.select_for_update(of=("self",))),
}


@pytest.mark.parametrize("feature", IMPOSSIBLE)
def test_what_it_cannot_do_is_one_error_before_any_sql(maria, feature):
    with dorm.transaction.atomic(), pytest.raises(dorm.UnsupportedFeature) as caught:
        IMPOSSIBLE[feature]()
    assert feature in caught.value.feature
    assert caught.value.database.lower() == "mariadb"
    assert maria.statements == []


def test_an_old_server_is_not_asked_to_return_anything():
    register(DIALECT)
    with Recording("mariadb", server_version=(10, 4)) as maria:
        dorm.get_connection().execute("SELECT 1")
        with pytest.raises(dorm.UnsupportedFeature, match="INSERT … RETURNING"):
            Boat.objects.create(name="Argo")
        assert Boat.objects.create(pk=1, name="Argo").pk == 1
    assert "RETURNING" not in maria.sql[-1]
    unregister("mariadb")
    settings.reset()


def test_it_connects_to_nothing():
    register(DIALECT)
    dorm.configure(DATABASES={"default": "mariadb://root@localhost/boats"})
    with pytest.raises(dorm.UnsupportedFeature, match="a driver here"):
        Boat.objects.count()
    settings.reset()
    unregister("mariadb")
