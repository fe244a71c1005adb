"""Names of a database that is there already: `QuotedName` stands wherever a name does, quoted."""

from __future__ import annotations

import pickle

import pytest
import sqlalchemy as sa

import dorm
from dorm.exceptions import ImproperlyConfigured
from dorm.functions import Lower

Q = dorm.QuotedName
ODD = """it's "a" (b) VALUES (%s, ?, $1) :c %% \\ é; --"""


class Owner(dorm.Model):
    key = dorm.AutoField(primary_key=True, db_column=Q("Owner ID"))
    name = dorm.CharField(max_length=20, db_column=Q(ODD), unique=True)

    class Meta:
        db_table = Q('Owners "and" (more) RETURNING 100%')
        indexes = [
            dorm.Index(fields=["name"], name=Q("by name; 50%")),
            dorm.Index(Lower("name"), name=Q("lower (name)")),
        ]


class Pet(dorm.Model):
    owner = dorm.ForeignKey(Owner, dorm.CASCADE, db_column=Q("of: owner"), related_name="pets")
    age = dorm.IntegerField(default=1, db_column=Q("Age in years"))
    facts = dorm.JSONField(default=dict, db_column=Q("{facts}->'a'"))
    price = dorm.DecimalField(max_digits=5, decimal_places=2, default=0, db_column=Q("select"))
    friends = dorm.ManyToManyField("self", db_table=Q("pets ON CONFLICT pets"))
    tags = dorm.ManyToManyField("Tag")

    class Meta:
        db_table = Q("order by")
        constraints = [
            dorm.UniqueConstraint(fields=["owner", "age"], name=Q("one pet, one age")),
            dorm.CheckConstraint(condition=dorm.Q(age__gte=0), name=Q("age >= 0 %")),
        ]


class Tag(dorm.Model):
    word = dorm.CharField(max_length=10, db_column=Q("w.o.r.d"))

    class Meta:
        db_table = Q("Tags, all")


pytestmark = pytest.mark.models([Owner, Pet, Tag])


async def test_every_statement_quotes_them(database, mode):
    ada = await mode.call(Owner.objects, "create", name="ada")
    owners = await mode.call(Owner.objects, "bulk_create", [Owner(name=name) for name in ("bob", "cy")])
    pets = await mode.call(
        Pet.objects, "bulk_create", [Pet(owner=ada, age=age, facts={"a": age}, price=age) for age in (1, 2, 3)]
    )
    await mode.call(Pet.objects, "create", owner=owners[0], facts={"a": [1]})
    for pet in pets:
        pet.age += 10
    assert await mode.call(Pet.objects, "bulk_update", pets, ["age", "price"]) == 3
    many = [Owner(name=f"o{n}") for n in range(120)]
    await mode.call(Owner.objects, "bulk_create", many)
    for owner in many:
        owner.name += "!"
    assert await mode.call(Owner.objects, "bulk_update", many, ["name"]) == 120
    await mode.call(Owner.objects.filter(name__endswith="!"), "delete")
    ada.name = "Ada"
    await mode.call(ada, "save")
    await mode.call(Owner.objects, "upsert", [Owner(name="Ada"), Owner(name="di")], unique_fields=["name"])
    await mode.call(Pet.objects.filter(age=11), "update", age=dorm.F("age") * 2, facts={"a": 5})
    found = await mode.fetch(
        Pet.objects.filter(owner__name="Ada", facts__a__gte=2)
        .select_related("owner")
        .annotate(siblings=dorm.Count("owner__pets"))
        .order_by("-age")
    )
    assert [(pet.age, pet.owner.name, pet.siblings) for pet in found] == [
        (22, "Ada", 3),
        (13, "Ada", 3),
        (12, "Ada", 3),
    ]
    assert await mode.fetch(Owner.objects.order_by("key").values_list("name", flat=True)) == ["Ada", "bob", "cy", "di"]
    rows = await mode.fetch(Pet.objects.values("owner__name", "facts__a").order_by("pk"))
    assert rows[-1] == {"owner__name": "bob", "facts__a": [1]}
    assert await mode.call(Pet.objects, "aggregate", most=dorm.Max("age")) == {"most": 22}
    table = Owner._meta.db_table.replace('"', '""')
    raw = Owner.objects.raw(f'SELECT * FROM "{table}" WHERE "Owner ID" = {ada.pk}')
    assert [owner.name for owner in await mode.fetch(raw)] == ["Ada"]


async def test_links_and_deletions_quote_them(database, mode):
    ada = await mode.call(Owner.objects, "create", name="ada")
    one, two = [await mode.call(Pet.objects, "create", owner=ada, age=age) for age in (1, 2)]
    tag = await mode.call(Tag.objects, "create", word="x")
    await mode.call(one.friends, "add", two)
    await mode.call(one.tags, "set", [tag])
    assert await mode.fetch(two.friends.all()) == [one]
    (pet,) = await mode.fetch(Pet.objects.prefetch_related("tags", "friends").filter(tags__word="x"))
    assert ([each.word for each in pet.tags.all()], [each.pk for each in pet.friends.all()]) == (["x"], [two.pk])
    assert await mode.call(ada, "delete") == (3, {Owner._meta.label: 1, Pet._meta.label: 2})


async def test_the_database_knows_them_by_these_very_names(database, mode):
    with pytest.raises(dorm.IntegrityError):
        await mode.call(Pet.objects, "create", owner=await mode.call(Owner.objects, "create", name="x"), age=-1)
    names = database.tables()
    assert {Owner._meta.db_table, "order by", "Tags, all", "pets ON CONFLICT pets", "order by_tags"} <= names


def test_a_row_of_nothing_but_defaults(database):
    class Bare(dorm.Model):
        class Meta:
            app_label = "test_odd_names"
            db_table = Q("bare (VALUES) DEFAULT RETURNING")

    dorm.create_tables(Bare)
    assert [Bare.objects.create().pk, *(bare.pk for bare in Bare.objects.bulk_create([Bare(), Bare()]))] == [1, 2, 3]


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "tab\t", "\x7f", "x" * 64, "é" * 32, "\ud800", 5])
def test_what_cannot_be_quoted_is_refused(name):
    with pytest.raises(ImproperlyConfigured):
        Q(name)


def test_it_is_text_and_travels():
    name = Q("Author ID")
    assert name == "Author ID"
    assert isinstance(pickle.loads(pickle.dumps(name)), dorm.QuotedName)
    field = dorm.IntegerField(db_column=name).clone()
    assert field.deconstruct()[3]["db_column"] is name
    assert isinstance(sa.sql.quoted_name(name, True), str)


BAD = 'x"; DROP TABLE y; --'


@pytest.mark.parametrize(
    "declare",
    [
        lambda: dorm.IntegerField(db_column=BAD),
        lambda: dorm.IntegerField(db_column="Author ID"),
        lambda: dorm.IntegerField(db_tablespace=BAD),
        lambda: dorm.CharField(max_length=5, db_collation=BAD),
        lambda: dorm.ForeignKey(BAD, dorm.CASCADE),
        lambda: dorm.ForeignKey("a", dorm.CASCADE, to_field=BAD),
        lambda: dorm.ManyToManyField("a", through=BAD),
        lambda: dorm.ManyToManyField("a", through="T", through_fields=("a", BAD)),
        lambda: dorm.ManyToManyField("a", db_table=BAD),
        lambda: dorm.ManyToManyField("a", db_table="x" * 64),
        lambda: dorm.IntegerField(db_column="a\nb"),
        lambda: dorm.Index(fields=["LOWER(name); DROP TABLE x;--"]),
        lambda: dorm.Index(fields=["name"], name="some", include=[BAD]),
        lambda: dorm.UniqueConstraint(fields=[BAD], name="one"),
        lambda: dorm.UniqueConstraint(fields=["name"], name="one", include=[BAD]),
        lambda: dorm.Index(fields=["LOWER(name)--"]),
        lambda: dorm.Index(fields=["-LOWER(name), (SELECT 1)"]),
        lambda: dorm.Index(fields=["LOWER(name)) WHERE (1=1"]),
        lambda: dorm.Index(fields=["LOWER('name)"]),
        lambda: dorm.Index(fields=["name DESC"]),
        lambda: dorm.Index(fields=["f(a /* b */)"]),
        lambda: dorm.Index(fields=["a"], name="n", opclasses=[BAD]),
        lambda: dorm.Index(fields=["a"], method=BAD),
        lambda: dorm.Index(fields=["a"], db_tablespace=BAD),
        lambda: dorm.UniqueConstraint(fields=["a"], name="n", opclasses=[BAD]),
        lambda: dorm.ExclusionConstraint(name="n", expressions=[("a", "&& 1) --")]),
        lambda: dorm.ExclusionConstraint(name="n", expressions=[("a", "=")], index_type=BAD),
    ],
)
def test_names_that_are_none_are_refused_where_they_are_written(declare):
    with pytest.raises(ImproperlyConfigured):
        declare()


@pytest.mark.parametrize(
    "options",
    [
        {"db_table": BAD},
        {"db_table": "Two Words"},
        {"app_label": BAD, "db_table": "fine"},
        {"db_tablespace": BAD},
        {"indexes": [dorm.Index(fields=["n"], name=BAD)]},
        {"indexes": [dorm.Index(fields=["n"], name="two words")]},
        {"constraints": [dorm.CheckConstraint(condition=dorm.Q(n=1), name="n > 0")]},
        {"constraints": [dorm.UniqueConstraint(fields=["n"], name=BAD)]},
        {"default_related_name": BAD},
    ],
)
def test_names_of_meta_are_refused_when_the_class_is_made(options):
    with pytest.raises(ImproperlyConfigured):
        body = {"n": dorm.IntegerField(), "to": dorm.ForeignKey("self", dorm.CASCADE, null=True)}
        type("Refused", (dorm.Model,), {**body, "Meta": type("Meta", (), options), "__module__": __name__})


@pytest.mark.parametrize(
    "field", ["name", "-name", "LOWER(name)", "COALESCE(a, 'it''s (', b || '-')", "f(g(a), 1.5::int)"]
)
def test_names_and_single_calls_are_indexed(field):
    assert dorm.Index(fields=[field]).fields == [field]
