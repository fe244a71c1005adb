"""What relations are called from the other side, and the joins behind them."""

from __future__ import annotations

import copy
import pickle

import pytest

import dorm
from dorm.exceptions import ImproperlyConfigured


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)


class Tag(dorm.Model):
    code = dorm.CharField(max_length=10, primary_key=True)


class Book(dorm.Model):
    author = dorm.ForeignKey(Author, dorm.CASCADE, null=True)
    editor = dorm.ForeignKey(Author, dorm.CASCADE, related_name="edited", related_query_name="edits")
    reviewer = dorm.ForeignKey(Author, dorm.CASCADE, related_name="+")
    tags = dorm.ManyToManyField(Tag, related_name="books")


class Profile(dorm.Model):
    author = dorm.OneToOneField(Author, dorm.CASCADE)


class Person(dorm.Model):
    follows = dorm.ManyToManyField("self", symmetrical=False, related_name="followers")
    friends = dorm.ManyToManyField("Person", symmetrical=True)
    heirs = dorm.ManyToManyField("Person", related_name="heirs_of")


class Team(dorm.Model):
    members = dorm.ManyToManyField(
        Author, through="Membership", through_fields=("team", "person"), related_name="teams"
    )


class Membership(dorm.Model):
    team = dorm.ForeignKey(Team, dorm.CASCADE)
    person = dorm.ForeignKey(Author, dorm.CASCADE)
    inviter = dorm.ForeignKey(Author, dorm.CASCADE, related_name="invitations")


def path(hops):
    return [(hop.source_field.label, hop.target_field.label, hop.multiple, hop.nullable) for hop in hops]


APP = "test_relation_graph"


def test_reverse_names():
    names = {
        relation.field.label: (relation.accessor_name(), relation.query_names)
        for relation in Author._meta.all_related_objects
    }
    assert names[f"{APP}.Book.author"] == ("book_set", ("book", "book_set"))
    assert names[f"{APP}.Book.editor"] == ("edited", ("edits",))
    assert names[f"{APP}.Book.reviewer"] == (None, ())
    assert names[f"{APP}.Profile.author"] == ("profile", ("profile",))
    assert names[f"{APP}.Team.members"] == ("teams", ("teams",))


def test_hidden_relations_are_kept_apart():
    shown = {relation.field.label for relation in Author._meta.related_objects}
    hidden = {relation.field.label for relation in Author._meta.all_related_objects} - shown
    assert hidden == {f"{APP}.Book.reviewer"}
    assert {relation.field.name for relation in Tag._meta.all_related_objects} == {"tags", "tag"}


def test_names_of_a_model():
    assert set(Author._meta.names) == {
        "id", "name", "book", "book_set", "edits", "profile", "teams", "membership", "membership_set", "invitations",
    }  # fmt: skip
    assert {"author", "author_id"} <= set(Book._meta.names)
    assert Book._meta.names["author_id"] is Book._meta.names["author"]


def test_a_foreign_key_is_one_hop_each_way():
    assert path(Book.author.hops()) == [(f"{APP}.Book.author", f"{APP}.Author.id", False, True)]
    assert path(Book.editor.hops()) == [(f"{APP}.Book.editor", f"{APP}.Author.id", False, False)]
    assert path(Author._meta.names["book"].hops()) == [(f"{APP}.Author.id", f"{APP}.Book.author", True, True)]
    assert path(Author._meta.names["profile"].hops()) == [(f"{APP}.Author.id", f"{APP}.Profile.author", False, True)]


def test_a_many_to_many_relation_is_two_hops_each_way():
    through = f"{APP}.Book_tags"
    assert path(Book._meta.get_field("tags").hops()) == [
        (f"{APP}.Book.id", f"{through}.book", True, True),
        (f"{through}.tag", f"{APP}.Tag.code", False, False),
    ]
    assert path(Tag._meta.names["books"].hops()) == [
        (f"{APP}.Tag.code", f"{through}.tag", True, True),
        (f"{through}.book", f"{APP}.Book.id", False, False),
    ]


def test_the_automatic_junction():
    through = Book._meta.get_field("tags").through
    meta = through._meta
    assert meta.db_table == f"{APP}_book_tags"
    assert [field.column for field in meta.concrete_fields] == ["id", "book_id", "tag_id"]
    assert meta.unique_together == (("book", "tag"),)
    assert meta.auto_created is Book._meta.get_field("tags")
    assert meta.get_field("tag").target_field is Tag._meta.pk
    assert through not in dorm.meta.registry.registry.models()


def test_a_junction_to_the_same_model_tells_its_sides_apart():
    junction = Person._meta.get_field("follows").junction
    assert (junction.source.column, junction.target.column) == ("from_person_id", "to_person_id")
    assert junction.reversed().source is junction.target
    assert Person._meta.get_field("follows").remote_field.symmetrical is False
    friends = Person._meta.get_field("friends").remote_field
    assert friends.symmetrical is True
    assert friends.accessor_name() is None
    assert Person._meta.get_field("heirs").remote_field.symmetrical is False


def test_through_fields_choose_among_several_keys():
    junction = Team._meta.get_field("members").junction
    assert (junction.source.name, junction.target.name) == ("team", "person")
    assert Team._meta.get_field("members").m2m_db_table() == Membership._meta.db_table


def test_ambiguous_missing_and_wrong_keys_of_a_through_model():
    def through(fields, **options):
        field = dorm.ManyToManyField(Author, through="Link", related_name="+", **options)
        meta = type("Meta", (), {"app_label": "links"})
        holder = type(dorm.Model)("Holder", (dorm.Model,), {"__module__": __name__, "Meta": meta, "authors": field})
        type(dorm.Model)("Link", (dorm.Model,), {"__module__": __name__, "Meta": meta, **fields(holder)})
        return field.junction

    def key(to):
        return dorm.ForeignKey(to, dorm.CASCADE, related_name="+")

    with pytest.raises(ImproperlyConfigured, match=r"several foreign keys .*one, two"):
        through(lambda holder: {"holder": key(holder), "one": key(Author), "two": key(Author)})
    with pytest.raises(ImproperlyConfigured, match=r"no foreign key to links\.Holder"):
        through(lambda holder: {"one": key(Author)})
    with pytest.raises(ImproperlyConfigured, match=r"'hodler'.*'holder'"):
        through(lambda holder: {"holder": key(holder), "one": key(Author)}, through_fields=["hodler", "one"])
    with pytest.raises(ImproperlyConfigured, match="does not refer"):
        through(lambda holder: {"holder": key(holder), "one": key(Author)}, through_fields=["one", "holder"])


def test_patterns_in_related_names():
    class Owned(dorm.Model):
        owner = dorm.ForeignKey(Author, dorm.CASCADE, related_name="%(app_label)s_%(class)s_things")

        class Meta:
            abstract = True

    class Lamp(Owned):
        class Meta:
            app_label = "shop.light"

    class Desk(Owned):
        class Meta:
            app_label = "shop.wood"

    assert Lamp.owner.remote_field.accessor_name() == "light_lamp_things"
    assert Desk.owner.remote_field.accessor_name() == "wood_desk_things"
    assert Owned.__dict__["_meta"].get_field("owner").remote_field.model is None


def test_a_key_may_point_at_another_unique_field():
    class Coded(dorm.Model):
        code = dorm.CharField(max_length=7, unique=True)
        plain = dorm.IntegerField()

    class Reference(dorm.Model):
        coded = dorm.ForeignKey(Coded, dorm.CASCADE, to_field="code")

    class Wrong(dorm.Model):
        coded = dorm.ForeignKey(Coded, dorm.CASCADE, to_field="plain")

    assert Reference.coded.target_field is Coded._meta.get_field("code")
    assert str(Reference.coded.plain_type()) == "VARCHAR(7)"
    with pytest.raises(ImproperlyConfigured, match="unique"):
        _ = Wrong.coded.target_field


def test_options_fields_and_relations_are_pickled_by_their_model():
    for part in (
        Book._meta,
        Book.author,
        Book._meta.get_field("tags"),
        Author._meta.names["book"],
        Tag._meta.names["books"],
    ):
        assert pickle.loads(pickle.dumps(part)) is part
        assert copy.deepcopy(Book._meta) is Book._meta


def test_a_key_converts_like_its_target():
    tagged = Tag._meta.pk
    key = Book._meta.get_field("tags").through._meta.get_field("tag")
    assert key.exact_types == tagged.exact_types
    assert key.to_python(5) == "5"
    assert key.get_prep_value(Tag(code="x")) == "x"
    assert Book.author.to_python("7") == 7
    assert Book.author.to_python(Author(id=3)) == 3
    assert Book.author.get_prep_value(None) is None
