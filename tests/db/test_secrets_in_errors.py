"""No error prints a row: neither the library's own text nor that of the driver's error behind it."""

from __future__ import annotations

import traceback

import pytest

import dorm
from dorm import F
from dorm.db.sessions import session


class Account(dorm.Model):
    name = dorm.CharField(max_length=40, unique=True)
    password = dorm.CharField(max_length=40, default="")
    pin_secret = dorm.IntegerField(default=1)
    note = dorm.CharField(max_length=40, pii=True, null=True, choices=[("a", "A")])

    class Meta:
        db_table = "account"
        constraints = [dorm.CheckConstraint(condition=dorm.Q(pin_secret__gt=0), name="pin_is_positive")]


pytestmark = pytest.mark.models([Account])
S = "s3cret"
INSERT = "INSERT INTO account (name, password, pin_secret) VALUES (%s, %s, 1)"
rows = Account.objects
WAYS = {
    "create": lambda mode: mode.call(rows, "create", name=S),
    "bulk": lambda mode: mode.call(rows, "bulk_create", [Account(name=f"{S}{n}", pin_secret=-n) for n in range(3)]),
    "bulk of duplicates": lambda mode: mode.call(rows, "bulk_create", [Account(name=S), Account(name="other")]),
    "update": lambda mode: mode.call(rows.exclude(name=S), "update", name=S),
    "update by expression": lambda mode: mode.call(rows.all(), "update", pin_secret=F("pin_secret") - 9),
    "hand-written": lambda mode: mode.settle(mode.connection().execute(INSERT, [S, S])),
    "hand-written, without a value": lambda mode: mode.settle(
        mode.connection().execute(INSERT.replace("1)", "NULL)"), ["x", S])
    ),
    "surrogates": lambda mode: mode.settle(mode.connection().execute(INSERT, [f"{S}\udc80", S])),
}


def told(error: BaseException) -> str:
    """What the traceback prints, and all that hangs on the error: its causes with their arguments."""
    text = "".join(traceback.format_exception(error))
    shown = [line for line in text.splitlines() if not line.startswith("    ")]
    seen: BaseException | None = error
    while seen is not None:
        shown += [str(seen), repr(seen), repr(seen.args)]
        seen = seen.__cause__
    return "\n".join(shown)


@pytest.mark.parametrize("way", WAYS)
async def test_an_error_of_the_database_shows_no_row(database, mode, way):
    await mode.call(rows, "create", name=S, password=S)
    await mode.call(rows, "create", name="b", password=S)
    with pytest.raises((dorm.DatabaseError, dorm.ValidationError)) as caught:
        await WAYS[way](mode)
    assert caught.value.__cause__ is not None
    assert S not in told(caught.value)


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("kind", ["integer", "date", "uuid", "jsonb", "inet", "boolean", "numeric", "timestamptz"])
async def test_an_error_about_a_value_does_not_quote_it(database, mode, kind):
    for value in (S, f'{S}" is "{S}', f"{S}\n{S}"):
        with pytest.raises(dorm.DataError) as caught:
            await mode.settle(mode.connection().execute(f"SELECT CAST(%s AS {kind})", [value]))
        assert S not in told(caught.value)
        assert kind.split("tz", maxsplit=1)[0][:4] in str(caught.value)
        assert caught.value.sqlstate is not None
        assert caught.value.__cause__.sqlstate == caught.value.sqlstate


async def test_the_driver_s_error_is_still_the_cause_and_knows_what_it_knew(database, mode):
    await mode.call(rows, "create", name=S)
    with pytest.raises(dorm.UniqueViolation) as caught:
        await mode.settle(mode.connection().execute(INSERT, [S, S]))
    cause = caught.value.__cause__
    assert type(cause).__module__.partition(".")[0] == {"sqlite": "sqlite3", "postgresql": "psycopg"}[database.vendor]
    if database.vendor == "postgresql":
        assert cause.diag.message_detail == f"Key (name)=({S}) already exists."
        assert caught.value.columns == ("name",)


async def test_an_error_through_sqlalchemy_shows_no_row(database, mode, sql):
    await mode.call(rows, "create", name=S)

    def work():
        with session().sa_connection() as connection:
            connection.exec_driver_sql(
                "INSERT INTO account (name, password, pin_secret) SELECT name, password, 1 FROM account"
            )

    with pytest.raises(dorm.UniqueViolation) as caught:
        await sql.work(work)
    assert S not in told(caught.value)


@pytest.mark.parametrize(
    "given",
    [{"pin_secret": S}, {"note": S}, {"password": f"{S}{'x' * 40}"}],
    ids=lambda given: next(iter(given)),
)
def test_a_wrong_value_of_a_secret_is_not_shown(database, given):
    with pytest.raises(dorm.ValidationError) as caught:
        Account(name="a", **given).full_clean()
    assert S not in told(caught.value)
    assert next(iter(given)) in caught.value.message_dict


def test_a_lookup_of_a_secret_does_not_show_it_either():
    for wrong in ({"pin_secret": S}, {"password__in": S}, {"password__range": S}, {"pin_secret__in": [S]}):
        with pytest.raises((ValueError, dorm.ValidationError)) as caught:
            rows.filter(**wrong)
        assert S not in told(caught.value)
    with pytest.raises(TypeError) as mistaken:
        rows.annotate(password_again=S)
    assert S not in told(mistaken.value)
