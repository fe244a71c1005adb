"""A constructor reports every value it cannot take; `full_clean()` judges None, defaults of the database and keys."""

from __future__ import annotations

import pytest

import dorm
from dorm.db.connection import get_async_connection, get_connection
from dorm.exceptions import ValidationError
from dorm.functions import Lower


class Part(dorm.Model):
    n = dorm.IntegerField()
    d = dorm.DecimalField(null=True)
    day = dorm.DateField(null=True, blank=True)
    parent = dorm.ForeignKey("self", dorm.CASCADE, null=True, blank=True)


class Coded(dorm.Model):
    code = dorm.CharField(max_length=9, unique=True, db_default="abc")
    low = dorm.CharField(max_length=9, unique=True, db_default=Lower(dorm.Value("ABC")))
    data = dorm.JSONField(null=True, blank=True)


pytestmark = pytest.mark.models([Part, Coded])


def test_a_constructor_names_every_field_that_does_not_fit(database):
    with pytest.raises(ValidationError) as caught:
        Part(n="four", d="nope", day="some day", parent="mother")
    assert list(caught.value.message_dict) == ["n", "d", "day", "parent"]
    assert caught.value.message_dict["n"] == ["“four” value must be an integer."]
    assert [error.code for error in caught.value.error_dict["d"]] == ["invalid"]
    with pytest.raises(ValidationError) as caught:
        Part(pk="x", n="four", parent_id="mother")
    assert set(caught.value.message_dict) == {"id", "n", "parent"}
    with pytest.raises(ValidationError) as caught:
        Part(n="four", d="1.5")
    assert caught.value.message_dict == {"n": ["“four” value must be an integer."]}


async def test_what_is_made_by_create_says_the_same(database, mode):
    with pytest.raises(ValidationError) as caught:
        await mode.call(Part.objects, "create", n="four", d="nope")
    assert set(caught.value.message_dict) == {"n", "d"}
    assert await mode.call(Part.objects, "count") == 0


def test_none_is_blank(database):
    for field, code in ((dorm.IntegerField(null=True), "blank"), (dorm.IntegerField(), "null")):
        with pytest.raises(ValidationError) as caught:
            field.clean(None)
        assert caught.value.code == code
    assert dorm.IntegerField(null=True, blank=True).clean(None) is None


def test_a_row_may_lack_what_its_columns_may_lack(database):
    Part(n=1).full_clean()
    with pytest.raises(ValidationError) as caught:
        Part(n=None).full_clean()
    assert caught.value.message_dict == {"n": ["This field cannot be null."]}


async def test_the_default_of_the_database_may_be_taken(database, mode):
    await mode.call(Coded(), "full_clean")
    await mode.call(Coded.objects, "create")
    with pytest.raises(ValidationError) as caught:
        await mode.call(Coded(), "full_clean")
    assert set(caught.value.message_dict) == {"code", "low"}
    with pytest.raises(ValidationError) as caught:
        await mode.call(Coded(code="other"), "full_clean")
    assert set(caught.value.message_dict) == {"low"}
    await mode.call(Coded(code="other", low="other"), "full_clean")


async def test_the_key_of_a_new_row_may_be_taken(database, mode, queries):
    made = await mode.call(Coded.objects, "create")
    again = Coded(pk=made.pk, code="b", low="b")
    with pytest.raises(ValidationError) as caught:
        await mode.call(again, "validate_unique")
    assert caught.value.message_dict == {"id": ["Coded with this Id already exists."]}
    await mode.call(again, "validate_unique", exclude=["id"])
    await mode.call(made, "validate_unique")
    await mode.call(again, "save")
    assert await mode.call(Coded.objects, "count") == 1


def test_the_type_of_a_column_is_told_for_a_connection(database):
    wanted = {"sqlite": ["INTEGER", "VARCHAR(9)", "TEXT"], "postgresql": ["BIGINT", "VARCHAR(9)", "JSONB"]}[
        database.vendor
    ]
    fields = [Coded._meta.get_field(name) for name in ("id", "code", "data")]
    stand_in = type("Connection", (), {"vendor": database.vendor})()
    for connection in (get_connection(), get_async_connection(), get_connection().dialect, stand_in):
        assert [field.db_type(connection) for field in fields] == wanted
        assert Part._meta.get_field("parent").db_type(connection) == wanted[0]
        assert [field.rel_db_type(connection) for field in fields] == wanted
