"""`get_prep_value()` and `get_db_prep_value()` have one say wherever a value goes to the database."""

from __future__ import annotations

import pytest

import dorm
from dorm import Case, F, Value, When
from dorm.functions import Coalesce


class Low(dorm.CharField):
    """Kept in lower case."""

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return value if value is None else value.lower()


class Tagged(dorm.CharField):
    """Marks what it prepares: prepared twice, a value would show it."""

    def get_prep_value(self, value):
        return None if value is None else f"<{value}>"


class Brief(dorm.CharField):
    def get_db_prep_value(self, value):
        return f"{value}!"


class Vendor(dorm.CharField):
    def get_db_prep_value(self, value, connection, prepared=False):
        return f"{value} of {connection.name}"


class Both(dorm.CharField):
    def get_prep_value(self, value):
        return f"{value}+"

    def get_db_prep_value(self, value, connection=None, prepared=False):
        value = super().get_db_prep_value(value, connection, prepared)
        return f"{value}-"


class Row(dorm.Model):
    low = Low(max_length=20, null=True)
    tagged = Tagged(max_length=20, null=True)
    brief = Brief(max_length=20, null=True)
    vendor = Vendor(max_length=40, null=True)
    twice = Both(max_length=20, null=True)


class Named(dorm.Model):
    name = Low(max_length=20, primary_key=True)


class Fan(dorm.Model):
    of = dorm.ForeignKey(Named, dorm.CASCADE, null=True, related_name="fans")


pytestmark = pytest.mark.models([Row, Named, Fan])
GIVEN = {"low": "AbC", "tagged": "t", "brief": "b", "vendor": "v", "twice": "p"}


def expected(database):
    return ("abc", "<t>", "b!", f"v of {database.vendor}", "p+-")


@pytest.mark.parametrize(
    "how", ["create", "save", "update_fields", "bulk_create", "one of bulk_create", "update", "bulk_update", "upsert"]
)
async def test_every_verb_stores_and_finds_the_same(database, mode, how):
    rows = Row.objects
    if how == "create":
        await mode.call(rows, "create", **GIVEN)
    elif how == "bulk_create":
        await mode.call(rows, "bulk_create", [Row(**GIVEN), Row(**GIVEN), Row()])
    elif how == "one of bulk_create":
        await mode.call(rows, "bulk_create", [Row(**GIVEN)])
    elif how == "upsert":
        await mode.call(rows, "upsert", [Row(pk=1, **GIVEN)], ["id"])
    else:
        row = await mode.call(rows, "create")
        for name, value in GIVEN.items():
            setattr(row, name, value)
        if how == "save":
            await mode.call(row, "save")
        elif how == "update_fields":
            await mode.call(row, "save", update_fields=list(GIVEN))
        elif how == "update":
            await mode.call(rows, "update", **GIVEN)
        else:
            await mode.call(rows, "bulk_update", [row], list(GIVEN))
    wanted = expected(database)
    found = database.rows("SELECT low, tagged, brief, vendor, twice FROM " + Row._meta.db_table)
    assert [line for line in found if any(line)] == [wanted] * (2 if how == "bulk_create" else 1)
    for name, value in GIVEN.items():
        assert await mode.call(rows.filter(**{name: value}), "count") >= 1, name
        assert await mode.call(rows.filter(**{f"{name}__in": [value, "x"]}), "count") >= 1, name


async def test_a_prepared_key_is_found_by_its_own_instance(database, mode):
    made = await mode.call(Named.objects, "create", name="Ada")
    fan = await mode.call(Fan.objects, "create", of=made)
    assert database.rows(f"SELECT of_id FROM {Fan._meta.db_table}") == [("ada",)]
    assert await mode.fetch(Fan.objects.filter(of=made)) == [fan]
    assert await mode.fetch(Fan.objects.filter(of="ADA")) == [fan]
    other = await mode.call(Fan.objects, "create")
    await mode.call(made.fans, "add", other)
    assert await mode.call(made.fans, "count") == 2
    await mode.call(made, "save")
    assert await mode.call(Named.objects, "count") == 1
    await mode.call(made, "delete")
    assert (await mode.call(Named.objects, "count"), await mode.call(Fan.objects, "count")) == (0, 0)


class Colour(dorm.IntegerField):
    """``"#000003"`` on instances, 3 in the column."""

    seen: list[object] = []

    def to_python(self, value):
        return value

    def get_prep_value(self, value):
        return int(value[1:], 16) if isinstance(value, str) else value

    def from_db_value(self, value, expression, connection):
        self.seen.append(connection)
        return None if value is None else f"#{value:06x}"


class Doubling(dorm.IntegerField):
    """An integer with an encoding of its own: the driver gets twice the value."""

    def get_db_prep_value(self, value, connection=None, prepared=False):
        return None if value is None else value * 2


class Pen(dorm.Model):
    colour = Colour(null=True)
    size = Doubling(null=True)


def colour(text):
    return Value(text, output_field=Colour())


@pytest.mark.models([Pen])
class TestAValueWithAFieldOfItsOwn:
    @pytest.mark.parametrize(
        "assigned",
        [
            colour("#000003"),
            Value("#000003"),
            Coalesce(colour(None), colour("#000003")),
            Case(When(pk__gt=0, then=colour("#000003")), default="colour"),
            Case(When(pk__gt=0, then=Value("#000003")), default="colour"),
        ],
        ids=repr,
    )
    async def test_is_prepared_where_it_is_written(self, database, mode, assigned):
        pen = await mode.call(Pen.objects, "create", colour="#000001")
        assert await mode.call(Pen.objects, "update", colour=assigned) == 1
        assert database.rows(f"SELECT colour FROM {Pen._meta.db_table}") == [(3,)]
        pen.colour = assigned
        await mode.call(Pen.objects, "bulk_update", [pen], ["colour"])
        await mode.call(pen, "save")
        assert database.rows(f"SELECT colour FROM {Pen._meta.db_table}") == [(3,)]

    async def test_is_prepared_where_it_is_compared(self, database, mode):
        await mode.call(Pen.objects, "create", colour=colour("#000003"))
        pens = Pen.objects
        for found in (
            pens.filter(colour=colour("#000003")),
            pens.filter(colour__gt=colour("#000002")),
            pens.filter(colour__in=[colour("#000003"), "#000004"]),
            pens.filter(colour__range=(colour("#000002"), "#000003")),
            pens.annotate(x=colour("#000003")).filter(x=F("colour")),
            pens.filter(colour=Coalesce(colour(None), colour("#000003"))),
        ):
            assert await mode.call(found, "count") == 1

    async def test_is_read_back_as_its_field_reads(self, database, mode):
        await mode.call(Pen.objects, "create", colour="#000001")
        for expression in (
            colour("#000003"),
            Coalesce(colour(None), colour("#000003")),
            Case(When(colour=colour("#000001"), then=colour("#000003")), default="colour"),
        ):
            (pen,) = await mode.fetch(Pen.objects.annotate(x=expression))
            assert (pen.colour, pen.x) == ("#000001", "#000003")

    async def test_a_row_is_read_with_the_connection_it_came_from(self, database, mode):
        await mode.call(Pen.objects, "create", colour="#000001")
        for rows in (
            Pen.objects.all(),
            Pen.objects.values_list("colour"),
            Pen.objects.raw(f"SELECT * FROM {Pen._meta.db_table}"),
        ):
            Colour.seen.clear()
            await mode.fetch(rows)
            assert [(c.alias, c.vendor) for c in Colour.seen] == [("default", database.vendor)]

    async def test_an_encoding_of_its_own_is_used_in_comparisons_too(self, database, mode):
        await mode.call(Pen.objects, "create", size=4)
        assert database.rows(f"SELECT size FROM {Pen._meta.db_table}") == [(8,)]
        for lookups in (
            {"size": 4},
            {"size__in": [4, 5]},
            {"size__gt": 3},
            {"size": Value(4, output_field=Doubling())},
        ):
            assert await mode.call(Pen.objects.filter(**lookups), "count") == 1
