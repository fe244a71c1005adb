"""Colons, percent signs and question marks in SQL of the user's own, on every way in."""

from __future__ import annotations

import pytest

import dorm
from behaviour.bookshop import Author
from dorm import BooleanField, CheckConstraint, F, Func, IntegerField, Q, TextField, Value
from dorm.db.connection import get_connection
from dorm.expressions import RawSQL
from dorm.functions import Lower

ODD = [":name", "a::b", ":1", "\\:x", "100%", "50%%", "why?", "%s", "it''s :now"]


class Counted(dorm.Model):
    name = dorm.CharField(max_length=20)
    amount = dorm.IntegerField()
    mark = dorm.CharField(max_length=20, db_default=RawSQL("'a:b 5%'", ()))

    class Meta:
        indexes = [
            dorm.Index(fields=["name"], name="counted_odd", condition=Q(name__gt=RawSQL("':a%%' || %s", ("?:b",))))
        ]
        constraints = [
            CheckConstraint(condition=Q(name__lt=RawSQL("'z:z'", ())), name="counted_before_zz"),
            CheckConstraint(condition=RawSQL("amount < %s", (500,), output_field=BooleanField()), name="counted_few"),
        ]


async def texts(mode, expression):
    query = Author.objects.filter(pk=1).annotate(text=expression)
    assert await mode.call(query.filter(text=expression), "count") == 1
    return await mode.fetch(query.values_list("text", flat=True))


@pytest.mark.parametrize("text", ODD)
async def test_text_without_parameters_is_sent_as_it_is(shop, mode, text):
    assert await texts(mode, RawSQL(f"'{text}'", (), output_field=TextField())) == [text.replace("''", "'")]
    rows = await mode.fetch(Author.objects.raw(f"SELECT id, '{text}' AS said FROM bookshop_author WHERE id = 1"))
    assert [row.said for row in rows] == [text.replace("''", "'")]
    assert get_connection("default").execute(f"SELECT '{text}' AS said")[0]["said"] == text.replace("''", "'")


async def test_with_parameters_a_doubled_percent_sign_is_one(shop, mode):
    raw = RawSQL("%s || ':x 10%% ?' || CAST(%s AS text)", ("a:b", "c%d"), output_field=TextField())
    assert await texts(mode, raw) == ["a:b:x 10% ?c%d"]


async def test_parameters_may_be_expressions_and_null(shop, mode):
    raw = RawSQL("coalesce(%s, %s, ':none')", (Value(None), Lower("name")), output_field=TextField())
    assert await texts(mode, raw) == ["ada"]
    assert await texts(mode, RawSQL("upper(%s)", (F("name"),), output_field=TextField())) == ["ADA"]


async def test_the_same_fragment_twice_in_one_query(shop, mode):
    raw = RawSQL("%s + 1", (41,), output_field=IntegerField())
    query = Author.objects.annotate(a=raw, b=raw).filter(Q(a=raw) & Q(b=42)).order_by(raw)
    assert await mode.call(query, "count") == 8
    assert await mode.fetch(query.filter(pk=1).values_list("a", "b")) == [(42, 42)]


async def test_functions_written_by_a_template(shop, mode):
    joined = Func(
        "name", Value(":x?"), template="(%(expressions)s) || '%%'", arg_joiner=" || ", output_field=TextField()
    )
    assert await texts(mode, joined) == ["Ada:x?%"]
    called = Func("name", function="UPPER", template="%(function)s(%(expressions)s)", output_field=TextField())
    assert await texts(mode, called) == ["ADA"]
    assert joined.template != called.template


@pytest.mark.models([Counted])
async def test_constraints_of_raw_sql_are_checked_with_their_parameters(database, mode):
    few = Counted(name="a", amount=499)
    await mode.call(few, "full_clean")
    await mode.call(few, "save")
    assert (await mode.call(Counted.objects, "get")).mark == "a:b 5%"
    for wrong in (Counted(name="a", amount=500), Counted(name="zzz", amount=1)):
        with pytest.raises(dorm.ValidationError, match="violated"):
            await mode.call(wrong, "full_clean")
        with pytest.raises(dorm.IntegrityError):
            await mode.call(wrong, "save")
