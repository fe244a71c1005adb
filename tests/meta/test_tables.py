"""Options become whole tables: types, keys, indexes, constraints, defaults, tags."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.schema import CreateIndex, CreateTable

import dorm
from dorm.constraints import CheckConstraint, Deferrable, ExclusionConstraint, UniqueConstraint
from dorm.dialects import features_for
from dorm.exceptions import ImproperlyConfigured, NotSupportedError
from dorm.meta.tables import build_tables, made_tables, with_junctions

DIALECTS = {"sqlite": SQLiteDialect_pysqlite(), "postgresql": PGDialect_psycopg()}


class Everything(dorm.Model):
    char = dorm.CharField(max_length=20)
    text = dorm.TextField(null=True)
    integer = dorm.IntegerField()
    big = dorm.BigIntegerField()
    small = dorm.SmallIntegerField()
    floating = dorm.FloatField()
    decimal = dorm.DecimalField(max_digits=15, decimal_places=4)
    boolean = dorm.BooleanField()
    date = dorm.DateField()
    time = dorm.TimeField()
    moment = dorm.DateTimeField()
    span = dorm.DurationField()
    email = dorm.EmailField()
    url = dorm.URLField()
    slug = dorm.SlugField()
    uid = dorm.UUIDField()
    data = dorm.JSONField()
    raw = dorm.BinaryField()
    address = dorm.GenericIPAddressField()


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)


class Tag(dorm.Model):
    code = dorm.CharField(max_length=10, primary_key=True)


class Book(dorm.Model):
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE)
    editor = dorm.ForeignKey(Author, on_delete=dorm.SET_NULL, null=True, related_name="edited")
    owner = dorm.ForeignKey(Author, on_delete=dorm.PROTECT, related_name="owned", db_index=False)
    loose = dorm.ForeignKey(Author, on_delete=dorm.RESTRICT, related_name="loose", db_constraint=False)
    passport = dorm.OneToOneField(Author, on_delete=dorm.DO_NOTHING, related_name="passport")
    tags = dorm.ManyToManyField(Tag, related_name="books")
    isbn = dorm.CharField(max_length=13, unique=True, db_comment="as printed")
    pages = dorm.PositiveIntegerField(db_index=True)
    year = dorm.IntegerField(db_column="printed")

    class Meta:
        unique_together = [("author", "year")]
        db_table_comment = "books we own"
        indexes = [
            dorm.Index(fields=["year", "-pages"]),
            dorm.Index(fields=["isbn"], name="include_isbn", include=["pages"]),
            dorm.Index(fields=["isbn"], name="pattern_isbn", opclasses=["varchar_pattern_ops"]),
            dorm.Index(fields=["LOWER(isbn)"], name="lower_isbn"),
            dorm.Index(fields=["isbn"], name="hashed", method="hash"),
        ]


def ddl(model: type, vendor: str) -> tuple[str, list[str]]:
    """The CREATE TABLE and CREATE INDEX statements of one model, without line breaks."""
    metadata = build_tables([model._meta], features_for(vendor))
    table = metadata.tables[model._meta.db_table]
    dialect = DIALECTS[vendor]
    create = " ".join(str(CreateTable(table).compile(dialect=dialect)).split())
    indexes = sorted(" ".join(str(CreateIndex(index).compile(dialect=dialect)).split()) for index in table.indexes)
    return create, indexes


COLUMNS = {
    "sqlite": {
        "id": "INTEGER", "char": "VARCHAR(20)", "text": "TEXT", "integer": "INTEGER", "big": "INTEGER", "small": "INTEGER",
        "floating": "REAL", "decimal": "NUMERIC(15, 4)", "boolean": "INTEGER", "date": "DATE", "time": "TIME",
        "moment": "DATETIME", "span": "BIGINT", "email": "VARCHAR(254)", "url": "VARCHAR(200)", "slug": "VARCHAR(50)",
        "uid": "VARCHAR(36)", "data": "TEXT", "raw": "BLOB", "address": "VARCHAR(39)",
    },
    "postgresql": {
        "id": "BIGINT", "char": "VARCHAR(20)", "text": "TEXT", "integer": "INTEGER", "big": "BIGINT", "small": "SMALLINT",
        "floating": "DOUBLE PRECISION", "decimal": "NUMERIC(15, 4)", "boolean": "BOOLEAN", "date": "DATE",
        "time": "TIME WITHOUT TIME ZONE", "moment": "TIMESTAMP WITHOUT TIME ZONE", "span": "INTERVAL",
        "email": "VARCHAR(254)", "url": "VARCHAR(200)", "slug": "VARCHAR(50)", "uid": "UUID", "data": "JSONB", "raw": "BYTEA",
        "address": "INET",
    },
}  # fmt: skip


@pytest.mark.parametrize("vendor", DIALECTS)
def test_columns_have_the_types_of_their_fields(vendor):
    dialect = DIALECTS[vendor]
    assert {f.name: f.db_type(dialect) for f in Everything._meta.concrete_fields} == COLUMNS[vendor]
    table = build_tables([Everything._meta], features_for(vendor)).tables[Everything._meta.db_table]
    assert {column.name: column.type.compile(dialect) for column in table.c} == COLUMNS[vendor]
    assert [column.name for column in table.c if column.nullable] == ["text"]


def test_automatic_keys():
    assert '"id" INTEGER NOT NULL' in ddl(Author, "sqlite")[0]
    assert 'PRIMARY KEY ("id")' in ddl(Author, "sqlite")[0]
    assert '"id" BIGINT GENERATED BY DEFAULT AS IDENTITY' in ddl(Author, "postgresql")[0]


def test_an_integer_key_of_the_users_own_is_not_automatic():
    class Numbered(dorm.Model):
        number = dorm.IntegerField(primary_key=True)

    assert '"number" INTEGER NOT NULL' in ddl(Numbered, "postgresql")[0]


@pytest.mark.parametrize("vendor", DIALECTS)
def test_foreign_keys_carry_their_clause(vendor):
    create, indexes = ddl(Book, vendor)
    target = Author._meta.db_table
    assert f'FOREIGN KEY("author_id") REFERENCES "{target}" ("id") ON DELETE CASCADE' in create
    assert f'FOREIGN KEY("editor_id") REFERENCES "{target}" ("id") ON DELETE SET NULL' in create
    assert f'FOREIGN KEY("owner_id") REFERENCES "{target}" ("id")' in create
    assert "ON DELETE NO ACTION" not in create
    assert 'FOREIGN KEY("loose_id")' not in create
    assert 'UNIQUE ("passport_id")' in create
    text = " ".join(indexes)
    assert '("author_id")' in text
    assert '("editor_id")' in text
    assert '("loose_id")' in text
    assert '("owner_id")' not in text
    assert '("passport_id")' not in text


def test_a_foreign_key_has_the_type_of_its_target():
    through = Book._meta.get_field("tags").through
    assert '"tag_id" VARCHAR(10) NOT NULL' in ddl(through, "postgresql")[0]
    assert '"book_id" BIGINT NOT NULL' in ddl(through, "postgresql")[0]
    assert 'UNIQUE ("book_id", "tag_id")' in ddl(through, "sqlite")[0]


def test_indexes_and_unique_sets():
    create, indexes = ddl(Book, "postgresql")
    table = Book._meta.db_table
    assert 'UNIQUE ("author_id", "printed")' in create
    assert 'UNIQUE ("isbn")' in create
    assert 'CHECK ("pages" >= 0)' in create
    assert f'CREATE INDEX idx_book_year_pages ON "{table}" ("printed", "pages" DESC)' in indexes
    assert f'CREATE INDEX include_isbn ON "{table}" ("isbn") INCLUDE ("pages")' in indexes
    assert f'CREATE INDEX pattern_isbn ON "{table}" ("isbn" varchar_pattern_ops)' in indexes
    assert f'CREATE INDEX lower_isbn ON "{table}" (LOWER(isbn))' in indexes
    assert f'CREATE INDEX hashed ON "{table}" USING hash ("isbn")' in indexes
    assert f'CREATE INDEX ix_{table}_pages ON "{table}" ("pages")' in indexes


def test_what_a_database_lacks_is_left_out():
    _, indexes = ddl(Book, "sqlite")
    table = Book._meta.db_table
    for name in ("include_isbn", "pattern_isbn", "hashed"):
        assert f'CREATE INDEX {name} ON "{table}" ("isbn")' in indexes


def test_everything_is_tagged():
    table = build_tables([Book._meta], features_for("postgresql")).tables[Book._meta.db_table]
    assert table.info["dorm_model"] == Book._meta.label
    assert table.c["printed"].info["dorm_field"] == "year"
    assert {index.info.get("dorm_index") for index in table.indexes} >= {"idx_book_year_pages", "hashed"}
    kinds = [constraint.info for constraint in table.constraints if not isinstance(constraint, sa.PrimaryKeyConstraint)]
    assert {"dorm_option": "unique_together"} in kinds
    assert {"dorm_field": "author"} in kinds
    assert all(kinds)
    assert table.comment == "books we own"
    assert table.c["isbn"].comment == "as printed"


def test_targets_that_were_not_asked_for_are_stubs():
    metadata = build_tables([Book._meta], features_for("sqlite"))
    assert {table.name for table in made_tables(metadata)} == {Book._meta.db_table}
    assert metadata.tables[Author._meta.db_table].info["stub"] is True


def test_junctions_come_with_their_models():
    assert [options.label for options in with_junctions([Book, Tag, Book])] == [
        Book._meta.label,
        "test_tables.Book_tags",
        Tag._meta.label,
    ]


def test_two_models_with_one_table_are_refused():
    meta = type("Meta", (), {"app_label": "double", "db_table": "doubled"})
    first = type(dorm.Model)("First", (dorm.Model,), {"__module__": "one", "Meta": meta})
    second = type(dorm.Model)("Second", (dorm.Model,), {"__module__": "two", "Meta": meta})
    with pytest.raises(ImproperlyConfigured, match=r"double\.First and double\.Second"):
        build_tables([first._meta, second._meta], features_for("sqlite"))


DEFAULTS = [
    (dorm.CharField(db_default="it's: 5%"), "'it''s: 5%'", "'it''s: 5%%'"),
    (dorm.IntegerField(db_default=-3), "(-3)", "-3"),
    (dorm.BooleanField(db_default=True), "1", "true"),
    (dorm.DecimalField(db_default=Decimal("1.5")), "(1.5)", "'1.5'"),
    (
        dorm.DateTimeField(db_default=datetime.datetime(2024, 1, 2, 3, 4)),
        "'2024-01-02 03:04:00'",
        "'2024-01-02 03:04:00'",
    ),
    (dorm.UUIDField(db_default=uuid.UUID(int=1)), f"'{uuid.UUID(int=1)}'", f"'{uuid.UUID(int=1)}'"),
    (dorm.JSONField(db_default={"a": [1]}), "'{\"a\": [1]}'", "'{\"a\": [1]}'"),
    (dorm.BinaryField(db_default=b"\x01"), "(X'01')", "'\\x01'"),
    (dorm.DurationField(db_default=datetime.timedelta(1)), "86400000000", "'1 day, 0:00:00'"),
]


@pytest.mark.parametrize(("field", "sqlite", "postgresql"), DEFAULTS, ids=range(len(DEFAULTS)))
def test_database_defaults_are_literals(field, sqlite, postgresql):
    made = type(dorm.Model)("WithDefault", (dorm.Model,), {"__module__": __name__, "value": field.clone()})
    assert f"DEFAULT {sqlite} NOT NULL" in ddl(made, "sqlite")[0]
    assert f"DEFAULT {postgresql} NOT NULL" in ddl(made, "postgresql")[0]


def test_a_database_default_may_be_an_expression():
    made = type(dorm.Model)(
        "Expressed", (dorm.Model,), {"__module__": __name__, "n": dorm.IntegerField(db_default=dorm.Value(4) * 2)}
    )
    for vendor in DIALECTS:
        assert "4 * 2" in ddl(made, vendor)[0]


def constrained(*constraints, vendor: str = "postgresql"):
    meta = type("Meta", (), {"constraints": list(constraints), "app_label": "constrained"})
    members = {"__module__": __name__, "Meta": meta, "name": dorm.CharField(max_length=5), "age": dorm.IntegerField()}
    return ddl(type(dorm.Model)("Thing", (dorm.Model,), members), vendor)


def test_unique_constraints():
    create, _ = constrained(UniqueConstraint(fields=["name", "age"], name="u"))
    assert 'CONSTRAINT u UNIQUE ("name", "age")' in create
    deferred = UniqueConstraint(fields=["name"], name="u", deferrable=Deferrable.DEFERRED)
    assert 'UNIQUE ("name") DEFERRABLE INITIALLY DEFERRED' in constrained(deferred)[0]
    assert "DEFERR" not in constrained(deferred, vendor="sqlite")[0].partition("FOREIGN")[0]
    nulls = UniqueConstraint(fields=["name"], name="u", nulls_distinct=False)
    assert 'UNIQUE NULLS NOT DISTINCT ("name")' in constrained(nulls)[0]


def test_an_included_column_makes_a_unique_index():
    _, indexes = constrained(UniqueConstraint(fields=["name"], include=["age"], name="u"))
    assert indexes == ['CREATE UNIQUE INDEX u ON "constrained_thing" ("name") INCLUDE ("age")']


@pytest.mark.parametrize("vendor", DIALECTS)
def test_conditions_are_written_as_sql(vendor):
    adults = dorm.Q(age__gte=18)
    create, indexes = constrained(
        CheckConstraint(condition=adults, name="adult"), UniqueConstraint(fields=["name"], condition=adults, name="once"),
        vendor=vendor,
    )  # fmt: skip
    assert 'CONSTRAINT adult CHECK ("age" >= 18)' in create
    assert indexes == ['CREATE UNIQUE INDEX once ON "constrained_thing" ("name") WHERE "age" >= 18']


def test_exclusion_constraints_exist_where_the_database_has_them():
    apart = ExclusionConstraint(name="apart", expressions=[("age", "="), ("name", "<>")])
    assert 'CONSTRAINT apart EXCLUDE USING gist ("age" WITH =, "name" WITH <>)' in constrained(apart)[0]
    with pytest.raises(NotSupportedError, match="apart"):
        constrained(apart, vendor="sqlite")


def test_constraints_name_columns_of_the_model():
    with pytest.raises(ImproperlyConfigured, match="nmae"):
        constrained(UniqueConstraint(fields=["nmae"], name="u"))
