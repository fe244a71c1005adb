"""Values that meet a column of a secret do not show in the log, however they meet it (OBS-04, OBS-07)."""

from __future__ import annotations

import logging

import pytest

import dorm
from dorm import F, Q, RawSQL, Subquery, Value
from dorm.expressions import Case, OuterRef, When
from dorm.functions import Concat, Lower


class Vault(dorm.Model):
    label = dorm.CharField(max_length=20)
    password = dorm.CharField(max_length=20)
    data = dorm.JSONField(default=dict)


pytestmark = pytest.mark.models([Vault])

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
