"""What a queryset shows of itself: its statement, its first rows as text and as an HTML table."""

from __future__ import annotations

import asyncio

import pytest

import dorm
from dorm import F, transaction


class Login(dorm.Model):
    name = dorm.CharField(max_length=300)
    password = dorm.CharField(max_length=30, null=True)
    chief = dorm.ForeignKey("self", on_delete=dorm.CASCADE, null=True, related_name="staff")

    class Meta:
        ordering = ["pk"]


pytestmark = pytest.mark.models([Login])


@pytest.fixture
def logins(database):
    ada = Login.objects.create(name="<Ada>", password="geheim")
    Login.objects.create(name="Bob", chief=ada)
    return database


# -- the statement -----------------------------------------------------------------------------------------------------


def test_sql_shows_the_statement_and_its_parameters_and_runs_nothing(logins, queries):
    with queries() as log:
        sql, params = Login.objects.filter(name="Bob", pk__gt=0).sql()
    assert log.count == 0
    assert sql.startswith("SELECT ")
    assert params == ["Bob", 0]
    assert Login.objects.filter(name="Bob", pk__gt=0).query.sql_with_params() == (sql, ("Bob", 0))
    shown = Login.objects.filter(name="Bob").sql()
    assert str(shown) == repr(shown) == f"{shown.sql}; params=['Bob']"


def test_sensitive_parameters_are_masked(logins):
    secret = Login.objects.filter(password="geheim", name="x")
    assert secret.sql().params == ["***", "x"]
    assert "geheim" not in str(secret.query)
    assert "'***'" in str(secret.query)


def test_the_query_as_text_has_its_parameters_in_place(logins, queries):
    with queries() as log:
        text = str(Login.objects.filter(name="it's 100%", pk__lt=7, chief=None).query)
    assert log.count == 0
    assert "'it''s 100%'" in text
    assert "?" not in text
    assert "%s" not in text
    where = text.partition("WHERE")[2].partition("ORDER BY")[0]
    # what is shown can be run
    assert [
        row.name
        for row in Login.objects.raw(f"SELECT * FROM {Login._meta.db_table} WHERE {where}".replace("%", "%%"), [])
    ] == []


def test_managers_set_operations_and_empty_querysets_show_theirs(logins):
    assert Login.objects.sql().sql == Login.objects.all().sql().sql
    assert "UNION" in str(Login.objects.filter(pk=1).union(Login.objects.filter(pk=2)).query)
    for nothing in (Login.objects.none(), Login.objects.filter(pk__in=[])):
        assert nothing.sql() == ("", [])
        assert str(nothing.query) == str(nothing.sql()) == "(no statement: the query matches nothing)"


def test_describing_needs_no_connection():
    dorm.configure(DATABASES={"default": {"ENGINE": "postgresql", "HOST": "127.0.0.1", "PORT": 1, "NAME": "nowhere"}})
    assert "'Bob'::VARCHAR" in str(Login.objects.filter(name="Bob").query)


# -- as text -----------------------------------------------------------------------------------------------------------


def test_the_repr_shows_the_first_rows(logins):
    assert repr(Login.objects.filter(name="Bob")) == f"<QuerySet [{Login.objects.get(name='Bob')!r}]>"
    Login.objects.bulk_create([Login(name=str(n)) for n in range(30)])
    assert repr(Login.objects.all()).endswith("...(remaining elements truncated)...]>")


async def test_in_a_running_loop_the_repr_asks_nothing_and_says_so(database, queries):
    for make in (lambda: Login.objects.all(), lambda: Login.objects.values("name")):
        queryset = make()
        with queries() as log:
            text = repr(queryset)
        assert log.count == 0
        assert text == f"<QuerySet of {Login._meta.label}, not evaluated: an event loop is running>"
    await queryset
    assert repr(queryset) == "<QuerySet []>"


# -- as HTML -----------------------------------------------------------------------------------------------------------


def test_a_table_shows_columns_and_rows_escaped_and_masked(logins, queries):
    with queries() as log:
        html = Login.objects.all()._repr_html_()
    assert log.count == 1
    assert "<th>id</th><th>name</th><th>password</th><th>chief_id</th>" in html
    assert "<td>&lt;Ada&gt;</td><td>***</td><td>None</td>" in html
    assert "geheim" not in html
    assert "2 rows" in html


def test_a_table_shows_what_is_loaded_and_loads_nothing_else(logins, queries):
    with queries() as log:
        html = Login.objects.only("name").annotate(twice=F("pk") * 2)._repr_html_()
    assert log.count == 1
    assert "<th>id</th><th>name</th><th>twice</th>" in html
    assert "chief" not in html


def test_rows_that_are_there_are_shown_without_asking_again(logins, queries):
    queryset = Login.objects.all()
    assert len(queryset) == 2
    with queries() as log:
        assert "2 rows" in queryset._repr_html_()
    assert log.count == 0


def test_a_table_ends_after_twenty_rows(logins):
    Login.objects.bulk_create([Login(name=str(n)) for n in range(30)])
    html = Login.objects.all()._repr_html_()
    assert html.count("<tr>") == 1 + 20
    assert "the first 20 rows" in html
    assert Login.objects.order_by("pk")[5:8]._repr_html_().count("<tr>") == 1 + 3


def test_values_are_tables_too_and_secrets_stay_so_under_another_name(logins):
    for rows in (
        Login.objects.values("name", p=F("password")),
        Login.objects.values_list("name", "password"),
        Login.objects.values_list("name", "password", named=True),
        Login.objects.values("name").annotate(p=dorm.Upper("password")),
        Login.objects.annotate(p=dorm.Concat("password", dorm.Value("!"))),
    ):
        html = rows._repr_html_()
        assert "&lt;Ada&gt;" in html
        assert "geheim" not in html.lower()
    assert "<td>Bob</td>" in Login.objects.values_list("name", flat=True)._repr_html_()
    assert Login.objects.none()._repr_html_().count("<tr>") == 1


def test_an_instance_is_a_table_of_what_it_holds(logins, queries):
    instance = Login.objects.defer("chief").get(password="geheim")
    with queries() as log:
        html = instance._repr_html_()
    assert log.count == 0
    assert "<tr><th>name</th><td>&lt;Ada&gt;</td></tr>" in html
    assert "<tr><th>password</th><td>***</td></tr>" in html
    assert "chief" not in html
    assert "geheim" not in html


def test_long_values_are_cut(logins):
    assert "x" * 201 not in Login(name="x" * 300)._repr_html_()


def test_managers_have_no_table(logins):
    assert Login.objects._repr_html_() is None


def test_an_open_async_block_is_not_looked_past(logins):
    async def look():
        async with transaction.aatomic():
            await Login.objects.acreate(name="unseen")
            return Login.objects.all()._repr_html_()

    assert asyncio.run(look()) is None
