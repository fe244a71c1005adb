"""Values that meet a column of a secret do not show in the log, however they meet it."""

from __future__ import annotations

import logging

import pytest

import dorm
from dorm import Exists, F, Max, Q, RawSQL, Subquery, Value
from dorm.db.utils import add_sensitive_pattern, reset_sensitive_patterns
from dorm.expressions import Case, OuterRef, When
from dorm.functions import Coalesce, Concat, Lower, Replace


class Vault(dorm.Model):
    label = dorm.CharField(max_length=20)
    password = dorm.CharField(max_length=20)
    data = dorm.JSONField(default=dict)

    class Meta:
        db_table = "vault"  # says nothing: only what is about the column makes a statement sensitive


class Safe(dorm.Model):
    label = dorm.CharField(max_length=20)
    secret = dorm.CharField(max_length=20, db_column="hidden", default="")
    vault = dorm.ForeignKey(Vault, on_delete=dorm.CASCADE, null=True, related_name="safes")

    class Meta:
        db_table = "safe"


pytestmark = pytest.mark.models([Vault, Safe])

rows = Vault.objects
ASKED = {
    "the column": lambda: rows.filter(password="s3cret"),
    "several": lambda: rows.filter(password__in=["s3cret"]),
    "an annotation": lambda: rows.annotate(pw=F("password")).filter(pw="s3cret"),
    "a computed alias": lambda: rows.alias(pw=Lower("password")).filter(pw="s3cret"),
    "an alias of an alias": lambda: rows.alias(a=Lower("password"), b=Lower("a")).filter(b__in=["s3cret"]),
    "an alias with a secret name": lambda: rows.alias(token=Lower("label")).filter(token="s3cret"),
    "a value beside the column": lambda: rows.alias(x=Concat("password", Value("s3cret"))).filter(x="s3cret"),
    "a later operand": lambda: rows.alias(both=Concat("label", "password")).filter(both__contains="s3cret"),
    "an expression on the right": lambda: rows.filter(password=Concat(Value("s3cret"), Value("x"))),
    "a case on the right": lambda: rows.filter(password=Case(When(label="a", then=Value("s3cret")), default="label")),
    "an expression among several": lambda: rows.filter(password__in=[Value("s3cret"), F("label")]),
    "a subquery": lambda: rows.alias(
        other=Subquery(rows.filter(pk=OuterRef("pk")).values("password")[:1]),
    ).filter(other="s3cret"),
    "a condition as a value": lambda: rows.annotate(same=Q(password="s3cret")),
    "a condition on an expression": lambda: rows.filter(Lower("password") == "s3cret"),
    "raw SQL": lambda: rows.alias(x=RawSQL("password")).filter(x="s3cret"),
    "a parameter of raw SQL": lambda: rows.filter(
        label=RawSQL(f"(SELECT label FROM {Vault._meta.db_table} WHERE password = %s)", ("s3cret",))
    ),
    "a key of a document": lambda: rows.filter(data__password="s3cret"),
    "beside the column in a function": lambda: rows.alias(x=Concat("password", Value("s3cret"))).filter(x="a"),
    "a replacement": lambda: rows.alias(x=Replace("password", Value("s3cret"), Value("s3cret!"))).filter(x="a"),
    "a function on the right": lambda: rows.filter(label=Replace("password", Value("s3cret"), Value("b"))),
    "a function in a function": lambda: rows.filter(
        label=Coalesce(Value(None), Replace("label", F("password"), Value("s3cret")))
    ),
    "selected beside the column": lambda: rows.annotate(x=Concat("password", Value("s3cret"))).filter(label="a"),
    "sorted by": lambda: rows.filter(label="***").order_by(Concat("password", Value("s3cret"))),
    "grouped by": lambda: rows.values(x=Concat("password", Value("s3cret"))).annotate(m=Max("pk")).filter(m=-1),
    "an aggregate's filter": lambda: rows.annotate(m=Max("label", filter=Q(password="s3cret"))).filter(m="a"),
    "an aggregate": lambda: rows.annotate(m=Max(Concat("password", Value("s3cret")))).filter(m="a"),
    "a case beside it": lambda: rows.alias(x=Case(When(label="a", then="password"), default=Value("s3cret"))).filter(
        x="b"
    ),
    "another model's": lambda: rows.filter(safes__secret="s3cret"),
    "a field whose column is called otherwise": lambda: rows.alias(x=Concat("safes__secret", Value("s3cret"))).filter(
        x="a"
    ),
    "a subquery's order": lambda: rows.filter(
        label=Subquery(rows.order_by(Concat("password", Value("s3cret"))).values("label")[:1])
    ),
    "inside exists": lambda: rows.filter(Exists(rows.filter(pk=OuterRef("pk"), password__startswith="s3cret"))),
    "excluded": lambda: rows.filter(pk=-1).exclude(safes__secret="s3cret"),
    "a list that is combined": lambda: rows.filter(password="s3cret").union(rows.filter(Lower("password") == "s3cret")),
    "a value in raw SQL": lambda: rows.filter(label=RawSQL("coalesce(password, %s)", ("s3cret",))),
    "a text of raw SQL": lambda: rows.filter(RawSQL("password = 's3cret'", output_field=dorm.BooleanField())),
    "a raw query": lambda: rows.raw(f"SELECT * FROM {Vault._meta.db_table} WHERE password = %s", ["s3cret"]),
    "a raw query by name": lambda: rows.raw(
        f"SELECT * FROM {Vault._meta.db_table} WHERE password = %(word)s", {"word": "s3cret"}
    ),
}


@pytest.mark.parametrize("case", ASKED)
async def test_a_secret_stays_out_of_the_log(database, mode, caplog, case):
    with caplog.at_level(logging.DEBUG, logger="dorm.db"):
        assert [made.password for made in await mode.fetch(ASKED[case]())] == []
    assert "password" in caplog.text or "label" in caplog.text
    assert "s3cret" not in caplog.text
    assert "***" in caplog.text


async def test_a_secret_that_is_computed_where_it_is_written_stays_out_too(database, mode, caplog):
    with caplog.at_level(logging.DEBUG, logger="dorm.db"):
        made = await mode.call(rows, "create", label="a", password=Concat(Value("s3cret"), Value("1")))
        await mode.call(rows, "create", label=Lower(Value("SHOWN")), password="s3cret")
        await mode.call(rows.filter(pk=made.pk), "update", password=Concat(Value("s3cret"), Value("2")))
        made.password = Concat(Value("s3cret"), Value("3"))
        await mode.call(made, "save")
        assert await mode.fetch(rows.order_by("pk").values_list("label", "password")) == [
            ("a", "s3cret3"),
            ("shown", "s3cret"),
        ]
    assert "SHOWN" in caplog.text
    assert "s3cret" not in caplog.text


async def test_other_values_are_shown(database, mode, caplog):
    with caplog.at_level(logging.DEBUG, logger="dorm.db"):
        plain = rows.annotate(pw=Lower("password"), x=Lower("label")).filter(x="shown", password="s3cret")
        assert await mode.fetch(plain) == []
    assert "shown" in caplog.text
    assert "s3cret" not in caplog.text


T = Vault._meta.db_table
WRITTEN_BY_HAND = [
    "SELECT label FROM {t} WHERE LOWER(password) = LOWER(%s)",
    "SELECT label FROM {t} WHERE COALESCE(password, '') = %s",
    "SELECT label FROM {t} WHERE %s = password",
    "SELECT label FROM {t} WHERE 's3cret' = password AND label <> %s",
    "SELECT label FROM {t} WHERE password IN (%s, 's3cret''s')",
    "SELECT label FROM {t} WHERE password BETWEEN %s AND 's3cret'",
    "SELECT label FROM {t} WHERE (label, password) = ('a', %s)",
    "SELECT label FROM {t} WHERE password || label LIKE %s",
    'SELECT "label" FROM {t} WHERE "password" LIKE %s',
    "SELECT label FROM {t} WHERE PassWord = %s -- was s3cret\n",
    "SELECT label FROM {t} WHERE /* s3cret */ password /* or */ = /* not */ %s",
    "SELECT x FROM (SELECT password AS x FROM {t}) y WHERE x = %s",
    "WITH y(x) AS (SELECT password FROM {t}) SELECT x FROM y WHERE x = %s",
    "SELECT CASE WHEN password = 'b' THEN %s ELSE 's3cret' END FROM {t} WHERE label = 'a'",
    "SELECT CAST(%s AS TEXT) AS password",
    "UPDATE {t} SET password = 'x' || %s",
    "UPDATE {t} SET label = %s || password",
    "UPDATE {t} SET (label, password) = ('a', %s)",
    "UPDATE {t} SET password = CASE WHEN label = 'a' THEN %s ELSE 's3cret' END",
    "INSERT INTO {t} (label, password, data) VALUES ('a', %s, '1'), ('b', 's3cret', '2')",
    "INSERT INTO {t} (label, password, data) SELECT 'a', %s, '1'",
    "INSERT INTO {t} VALUES (101, 'a', %s, '1')",
    "INSERT INTO {t} /* all */ VALUES (102, 'a', %s, '1')",
    "INSERT INTO {t} SELECT 103, 'a', %s, '1'",
    (
        "INSERT INTO {t} (id, label, password, data) VALUES (104, 'a', 'b', '1') "
        "ON CONFLICT (id) DO UPDATE SET password = %s"
    ),
    "DELETE FROM {t} WHERE NOT (label = 'a' OR password = %s)",
]


@pytest.mark.parametrize("text", WRITTEN_BY_HAND)
async def test_a_secret_in_hand_written_sql_stays_out_of_the_log(database, mode, caplog, text):
    dorm.configure(SLOW_QUERY_MS=0, SLOW_QUERY_EXPLAIN=True)
    styles = [("%s", ["s3cret"]), ("?", ["s3cret"]), ("$1", ["s3cret"]), ("%(word)s", {"word": "s3cret"})]
    with caplog.at_level(logging.DEBUG, logger="dorm.db"):
        for mark, params in styles:
            await mode.settle(mode.connection().execute(text.format(t=T).replace("%s", mark), params))
            await mode.settle(mode.connection().execute(f"DELETE FROM {T}"))
    assert "***" in caplog.text
    assert "s3cret" not in caplog.text


async def test_a_script_and_a_stream_are_masked_as_well(database, mode, caplog):
    connection = mode.connection()
    with caplog.at_level(logging.DEBUG, logger="dorm.db"):
        await mode.settle(connection.execute_script(f"UPDATE {T} SET password = 's3cret'; DELETE FROM {T}"))
        await mode.settle(connection.execute(f"SELECT label FROM {T} WHERE label = %s", ["shown"]))
        await mode.settle(
            connection.execute(f"SELECT label FROM {T} WHERE label = %s AND password = %s", ["seen", "s3cret"])
        )
    assert "s3cret" not in caplog.text
    assert "shown" in caplog.text
    assert "seen" in caplog.text


@pytest.mark.parametrize("case", ASKED)
async def test_the_plan_of_a_slow_statement_shows_no_secret(database, mode, caplog, case):
    dorm.configure(SLOW_QUERY_MS=0, SLOW_QUERY_EXPLAIN=True)
    await mode.fetch(ASKED[case]())
    await mode.call(ASKED[case](), "count") if hasattr(ASKED[case](), "count") else None
    assert "s3cret" not in caplog.text
    assert "dorm.db.slow_explain" in {record.name for record in caplog.records}


async def test_the_plan_of_other_statements_is_shown(database, mode, caplog):
    dorm.configure(SLOW_QUERY_MS=0, SLOW_QUERY_EXPLAIN=True)
    await mode.fetch(rows.filter(label="a").order_by("label")[:3])
    plans = [record.getMessage() for record in caplog.records if record.name == "dorm.db.slow_explain"]
    assert len(plans) == 1
    assert "plan of the slow query" in plans[0]
    try:
        add_sensitive_pattern("LABEL")
        caplog.clear()
        await mode.fetch(rows.filter(label="a").order_by("label")[:3])
        assert "no plan of the slow" in caplog.text
    finally:
        reset_sensitive_patterns()


async def test_secrets_that_are_written_stay_out_whatever_writes_them(database, mode, caplog):
    dorm.configure(SLOW_QUERY_MS=0, SLOW_QUERY_EXPLAIN=True)
    with caplog.at_level(logging.DEBUG, logger="dorm.db"):
        made = [Safe(label=f"label{n}", secret=f"s3cret{n}") for n in range(3)]
        await mode.call(Safe.objects, "bulk_create", made)
        made = await mode.fetch(Safe.objects.order_by("pk"))
        for row in made:
            row.secret += "s3cret"
        await mode.call(Safe.objects, "bulk_update", made, ["secret", "label"])
        for row in made:
            row.secret = Concat("secret", Value("s3cret"))
        await mode.call(Safe.objects, "bulk_update", made, ["secret"])
        await mode.call(Safe.objects.filter(secret="s3cret"), "update", label=Concat("secret", Value("s3cret")))
        await mode.call(Safe.objects, "update_or_create", label="label1", defaults={"secret": "s3cretx"})
        await mode.call(Safe.objects, "get_or_create", secret="s3crety", defaults={"label": "z"})
        again = [Safe(pk=made[0].pk, label="up", secret="s3cretz")]
        await mode.call(
            Safe.objects, "bulk_create", again, update_conflicts=True, update_fields=["secret"], unique_fields=["id"]
        )
        await mode.call(Safe.objects.filter(secret__contains="s3cret"), "delete")
    assert "s3cret" not in caplog.text
    assert "label1" in caplog.text
