"""``book.author`` and ``author.profile``: reading, assigning, caching."""

from __future__ import annotations

import pickle

import pytest

import dorm


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)


class Book(dorm.Model):
    title = dorm.CharField(max_length=20)
    author = dorm.ForeignKey(Author, dorm.CASCADE)
    editor = dorm.ForeignKey(Author, dorm.SET_NULL, null=True, related_name="edited")


class Profile(dorm.Model):
    text = dorm.CharField(max_length=20)
    author = dorm.OneToOneField(Author, dorm.CASCADE, related_name="profile")


pytestmark = pytest.mark.models(Author, Book, Profile)


@pytest.fixture
def shelf(database):
    ada = Author.objects.create(name="Ada")
    ben = Author.objects.create(name="Ben")
    Book.objects.create(title="Notes", author=ada)
    Profile.objects.create(text="hi", author=ada)
    return ada, ben


def test_a_related_instance_is_fetched_once(shelf, queries):
    book = Book.objects.get()
    with queries() as log:
        assert "Ada" == book.author.name
        assert book.author is book.author
        assert book.editor is None and book.editor is None
    assert 1 == log.count


def test_the_key_needs_no_query_and_assigning_it_drops_the_instance(shelf, queries):
    ada, ben = shelf
    book = Book.objects.get()
    with queries() as log:
        assert ada.pk == book.author_id
    assert 0 == log.count
    assert "Ada" == book.author.name
    book.author_id = ben.pk
    assert "Ben" == book.author.name
    book.author_id = ben.pk
    assert "author" in book.__dict__, "the same key keeps the instance"


def test_assigning_sets_the_instance_and_the_column(shelf, queries):
    ada, ben = shelf
    book = Book.objects.get()
    with queries() as log:
        book.author = ben
        assert (ben.pk, ben) == (book.author_id, book.author)
        book.editor = None
        assert book.editor_id is None and book.editor is None
    assert 0 == log.count
    book.author = ada.pk
    assert "Ada" == book.author.name


def test_an_instance_of_another_model_is_refused(shelf):
    book = Book.objects.get()
    with pytest.raises(ValueError, match=r"Book\.author.*Author.*Profile"):
        book.author = Profile(text="x")
    with pytest.raises(dorm.ValidationError) as caught:
        book.author = "not a key"
    assert ["author"] == list(caught.value.message)


def test_a_relation_that_must_be_there_says_so():
    with pytest.raises(Author.DoesNotExist, match="Book has no author"):
        Book(title="x").author
    assert not hasattr(Book(title="x"), "author")
    assert Book(title="x").editor is None


def test_a_dangling_key_is_reported_by_the_related_model(shelf):
    with pytest.raises(Author.DoesNotExist):
        Book(author_id=4711).author


def test_the_other_side_of_a_one_to_one_is_one_instance(shelf, queries):
    ada, ben = Author.objects.order_by("name")
    with queries() as log:
        assert "hi" == ada.profile.text
        assert ada.profile is ada.profile
        assert ada.profile.author is ada
        assert not hasattr(ben, "profile")
        with pytest.raises(Profile.DoesNotExist, match="Author has no profile"):
            ben.profile
    assert 2 == log.count
    with pytest.raises(Profile.DoesNotExist) as caught:
        ben.profile
    assert isinstance(caught.value, AttributeError)
    assert Profile.DoesNotExist is type(pickle.loads(pickle.dumps(caught.value)))
    assert not hasattr(Author(), "profile")


def test_assigning_the_other_side_sets_the_key_without_saving(shelf, queries):
    _, ben = shelf
    profile = Profile(text="new")
    with queries() as log:
        ben.profile = profile
        assert (ben.pk, ben, profile) == (profile.author_id, profile.author, ben.profile)
    assert 0 == log.count
    with pytest.raises(ValueError, match="Profile"):
        ben.profile = Book(title="x")
    ben.profile = None
    assert profile.author_id is None


def test_both_sides_of_a_one_to_one_stay_in_step(shelf):
    _, ben = shelf
    profile = Profile.objects.get()
    profile.author = ben
    assert ben.profile is profile


def test_relations_are_read_through_the_base_manager(database):
    class Hidden(dorm.Model):
        shown = dorm.BooleanField(default=False)

        class OnlyShown(dorm.Manager):
            def get_queryset(self):
                return super().get_queryset().filter(shown=True)

        objects = OnlyShown()

    class Pointer(dorm.Model):
        hidden = dorm.ForeignKey(Hidden, dorm.CASCADE)

    dorm.create_tables(Hidden, Pointer)
    hidden = Hidden()
    hidden.save()
    Pointer(hidden=hidden).save()
    assert 0 == Hidden.objects.count()
    assert hidden == Pointer.objects.get().hidden


def test_instances_of_two_databases_are_not_related_unless_a_router_agrees(database, tmp_path):
    other = {"ENGINE": "sqlite", "NAME": str(tmp_path / "other.sqlite3")}
    dorm.configure(DATABASES={"default": dict(database.entry), "other": other})
    dorm.create_tables(Author, Book, using="other")
    here = Author.objects.create(name="here")
    there = Author.objects.using("other").create(name="there")
    book = Book.objects.create(title="x", author=here)
    with pytest.raises(ValueError, match=r"'default'.*'other'"):
        book.author = there
    fresh = Book(title="y", author=there)
    fresh.save()
    assert "other" == fresh._state.db
    assert "there" == Book.objects.using("other").get().author.name

    class Agreeing:
        def allow_relation(self, one, other):
            return True

    dorm.configure(DATABASE_ROUTERS=[Agreeing()])
    book.author = there
    assert there is book.author


def test_the_errors_of_relations_have_classes_of_their_own():
    forward, reverse = Book.author.RelatedObjectDoesNotExist, Author.profile.RelatedObjectDoesNotExist
    assert issubclass(forward, Author.DoesNotExist) and issubclass(forward, AttributeError)
    assert issubclass(reverse, Profile.DoesNotExist) and issubclass(reverse, AttributeError)
    assert forward is pickle.loads(pickle.dumps(forward))
    assert reverse is pickle.loads(pickle.dumps(reverse))
