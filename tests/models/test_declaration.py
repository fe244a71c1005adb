"""Class statements: fields, options, inheritance, exceptions, managers."""

from __future__ import annotations

import pytest

import dorm
from dorm.expressions import FieldRef


class Stamped(dorm.Model):
    created = dorm.IntegerField(default=0)
    changed = dorm.IntegerField(default=0)

    class Meta:
        abstract = True
        ordering = ["-created"]
        unique_together = [("created", "changed")]
        db_table = "never_inherited"


class Named(dorm.Model):
    name = dorm.CharField(max_length=20)

    class Meta:
        abstract = True
        verbose_name = "named thing"


class Article(Stamped, Named):
    body = dorm.TextField()


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)


class Book(dorm.Model):
    author = dorm.ForeignKey(Author, dorm.CASCADE)
    author_id: int | None
    nothing_such: DoesNotExistAnywhere  # noqa: F821


def names(model):
    return [field.name for field in model._meta.fields]


def test_fields_come_in_the_order_of_their_declaration_after_the_implicit_key():
    assert ["id", "created", "changed", "name", "body"] == names(Article)


def test_every_child_has_fields_of_its_own():
    assert Article._meta.get_field("created") is not Stamped._meta.get_field("created")
    assert Article._meta.get_field("created").model is Article


def test_options_of_an_abstract_parent_are_inherited_but_not_those_of_its_table():
    assert ["-created"] == Article._meta.ordering
    assert (("created", "changed"),) == Article._meta.unique_together
    assert "test_declaration_article" == Article._meta.db_table
    assert "named thing" == Article._meta.verbose_name
    assert Article._meta.abstract is False


def test_a_meta_that_inherits_from_the_parents_gets_what_it_does_not_set():
    class Own(Stamped):
        class Meta(Stamped.Meta):
            ordering = ["changed"]

    assert ["changed"] == Own._meta.ordering
    assert "never_inherited" == Own._meta.db_table
    assert Own._meta.abstract is False


def test_options_may_be_written_as_class_keywords():
    class Keyword(Stamped, db_table="by_keyword", ordering=["created"]):
        pass

    assert ("by_keyword", ["created"]) == (Keyword._meta.db_table, Keyword._meta.ordering)


def test_keywords_that_are_no_options_reach_init_subclass():
    class Flavoured:
        def __init_subclass__(cls, flavour=None, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.flavour = flavour

    class Sweet(Flavoured, dorm.Model, flavour="sweet", db_table="sweets"):
        pass

    assert ("sweet", "sweets") == (Sweet.flavour, Sweet._meta.db_table)


def test_a_misspelt_keyword_is_named():
    with pytest.raises(dorm.ImproperlyConfigured, match=r"db_tabel.*'db_table'"):

        class Misspelt(Stamped, db_tabel="x"):
            pass


def test_a_child_replaces_or_removes_inherited_fields():
    class Changed(Stamped):
        created = dorm.CharField(max_length=3)
        changed = None

        class Meta:
            unique_together = ()

    assert isinstance(Changed.created, dorm.CharField)
    assert ["id", "created"] == names(Changed)
    assert Changed.changed is None


def test_a_method_hides_an_inherited_field():
    class Computed(Stamped):
        @property
        def created(self):
            return 5

        class Meta:
            ordering = ()
            unique_together = ()

    assert ["id", "changed"] == names(Computed)
    assert 5 == Computed().created


def test_the_order_of_parents_decides_between_fields_of_one_name():
    class Left(dorm.Model):
        size = dorm.IntegerField()

        class Meta:
            abstract = True

    class Right(dorm.Model):
        size = dorm.CharField(max_length=5)

        class Meta:
            abstract = True

    class Both(Left, Right):
        pass

    class Turned(Right, Left):
        pass

    assert isinstance(Both.size, dorm.IntegerField)
    assert isinstance(Turned.size, dorm.CharField)


def test_a_grandparent_lends_its_fields():
    class Middle(Stamped):
        middle = dorm.IntegerField(default=0)

        class Meta:
            abstract = True

    class Leaf(Middle):
        pass

    assert ["id", "created", "changed", "middle"] == names(Leaf)
    assert ["-created"] == Leaf._meta.ordering


def test_inheriting_from_a_model_with_a_table_is_refused_by_name():
    with pytest.raises(TypeError, match="Author"):

        class Novelist(Author):
            pass


def test_a_proxy_shares_the_table_and_the_fields():
    class Writer(Author):
        class Meta:
            proxy = True
            ordering = ["name"]

        def shout(self):
            return self.name.upper()

    assert Writer._meta.concrete_model is Author
    assert Writer._meta.db_table == Author._meta.db_table
    assert Writer._meta.pk is Author._meta.pk
    writer = Writer(name="Ada", id=1)
    assert ("ADA", True) == (writer.shout(), writer == Author(id=1))


def test_a_proxy_without_a_model_or_with_fields_is_refused():
    with pytest.raises(TypeError, match="proxy"):

        class Floating(dorm.Model):
            class Meta:
                proxy = True

    with pytest.raises(dorm.ImproperlyConfigured, match="extra"):

        class Extended(Author):
            extra = dorm.IntegerField()

            class Meta:
                proxy = True


MEMBERS = ["objects", "_meta", "_state", "_default_manager", "DoesNotExist", "MultipleObjectsReturned", "Meta"]


@pytest.mark.parametrize("name", ["save", "full_clean", "trailing_", "double__under", "pk", *MEMBERS])
def test_names_that_lookups_or_methods_need_are_refused(name):
    with pytest.raises(dorm.ImproperlyConfigured, match=name):
        type("Refused", (dorm.Model,), {"__module__": __name__, name: dorm.IntegerField()})


@pytest.mark.parametrize("name", ["save", "asave", "pk", *MEMBERS])
def test_reverse_names_do_not_hide_what_every_model_has(name):
    class Shadowed(dorm.Model):
        before = dorm.Manager()

    kept = Shadowed._meta
    key = dorm.ForeignKey("Shadowed", dorm.CASCADE, related_name=name)
    with pytest.raises(dorm.ImproperlyConfigured, match=f"{name}.*related_name"):
        type("Shadowing", (dorm.Model,), {"__module__": __name__, "target": key})
    assert Shadowed._meta is kept
    managed = dorm.ForeignKey("Shadowed", dorm.CASCADE, related_name="before")
    with pytest.raises(dorm.ImproperlyConfigured, match="before.*manager"):
        type("Shadowing", (dorm.Model,), {"__module__": __name__, "target": managed})


def test_a_reverse_name_may_hide_a_method_of_the_users():
    class Talker(dorm.Model):
        def lines(self):
            return 0

    class Line(dorm.Model):
        talker = dorm.ForeignKey(Talker, dorm.CASCADE, related_name="lines")

    assert "lines" == Talker.lines.lookup_path


def test_an_id_that_is_no_key_is_refused():
    with pytest.raises(dorm.ImproperlyConfigured, match="primary_key"):

        class Confused(dorm.Model):
            id = dorm.IntegerField()


def test_annotations_are_never_evaluated():
    assert ["id", "author"] == names(Book)
    assert 3 == Book(author_id=3).author_id


def test_fields_and_relations_read_on_the_class_are_fields_and_paths():
    assert Author.name is Author._meta.get_field("name")
    assert Book.author is Book._meta.get_field("author")
    assert isinstance(Book.author_id, FieldRef)
    assert "book" == Author.book_set.lookup_path
    assert Author.pk is Author._meta.pk


def test_every_model_has_exceptions_of_its_own():
    assert issubclass(Author.DoesNotExist, dorm.ObjectDoesNotExist)
    assert Author.DoesNotExist is not Book.DoesNotExist
    assert issubclass(Article.DoesNotExist, Stamped.DoesNotExist)
    assert issubclass(Author.MultipleObjectsReturned, dorm.MultipleObjectsReturned)
    assert "Author.DoesNotExist" == Author.DoesNotExist.__qualname__


def test_lazy_references_install_the_reverse_side_when_the_target_appears():
    class Cart(dorm.Model):
        owner = dorm.ForeignKey("Customer", dorm.CASCADE, related_name="carts")

    class Customer(dorm.Model):
        pass

    assert Cart.owner.related_model is Customer
    assert "carts" == Customer.carts.lookup_path


def test_a_hidden_relation_leaves_nothing_on_the_target():
    class Silent(dorm.Model):
        author = dorm.ForeignKey(Author, dorm.CASCADE, related_name="+")

    assert not hasattr(Author, "silent_set")


def test_a_model_defined_again_takes_the_place_of_the_first():
    class Twice(dorm.Model):
        author = dorm.ForeignKey(Author, dorm.CASCADE, related_name="first_name")

    class Twice(dorm.Model):  # noqa: F811
        author = dorm.ForeignKey(Author, dorm.CASCADE, related_name="second_name")

    assert not hasattr(Author, "first_name")
    assert Author.second_name is not None


def test_a_field_may_be_added_to_a_finished_class():
    class Growing(dorm.Model):
        first = dorm.IntegerField(default=1)

    Growing(first=2)
    Growing.add_to_class("second", dorm.IntegerField(default=3))
    assert (2, 3) == (Growing(first=2).first, Growing().second)


def test_choices_and_dates_bring_their_methods():
    class Chosen(dorm.Model):
        size = dorm.CharField(max_length=1, choices=[("S", "small"), ("L", "large")])
        color = dorm.CharField(max_length=1, default="r", choices=[("r", "red")])
        when = dorm.DateField()

        def get_color_display(self):
            return "always blue"

    chosen = Chosen(size="L")
    assert ("large", "always blue") == (chosen.get_size_display(), chosen.get_color_display())
    assert "X" == Chosen(size="X").get_size_display()
    assert callable(Chosen.get_next_by_when)


def test_meta_of_a_model_lists_its_managers():
    class Managed(dorm.Model):
        first = dorm.Manager()
        second = dorm.Manager()

        class Meta:
            default_manager_name = "second"

    assert 2 == len(Managed._meta.managers)
    with pytest.raises(AttributeError, match="first, second"):
        Managed.objects
    with pytest.raises(dorm.ImproperlyConfigured, match="third"):

        class Wrong(dorm.Model):
            first = dorm.Manager()

            class Meta:
                default_manager_name = "third"


def test_an_abstract_model_has_no_manager_and_no_instances():
    assert not hasattr(Stamped, "objects")
    with pytest.raises(TypeError, match="Stamped"):
        Stamped()
