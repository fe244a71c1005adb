"""A small bookshop: the models and rows that the tests of query behaviour share.

Every kind of relation occurs, most of them nullable and in both directions; several rows hold NULL where conditions look,
and names differ in case and in letters outside ASCII. `rows` makes them; the tests name people and books by these names.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import dorm


class Country(dorm.Model):
    name = dorm.CharField(max_length=50)
    code = dorm.CharField(max_length=5, unique=True)
    population = dorm.IntegerField(null=True)

    class Meta:
        app_label = "bookshop"


class Publisher(dorm.Model):
    name = dorm.CharField(max_length=50)
    country = dorm.ForeignKey(Country, dorm.SET_NULL, null=True, related_name="publishers")

    class Meta:
        app_label = "bookshop"


class Author(dorm.Model):
    name = dorm.CharField(max_length=50)
    age = dorm.IntegerField(null=True)
    email = dorm.CharField(max_length=80, null=True)
    country = dorm.ForeignKey(Country, dorm.SET_NULL, null=True, related_name="authors")
    mentor = dorm.ForeignKey("self", dorm.SET_NULL, null=True, related_name="students")
    joined = dorm.DateTimeField(null=True)
    rating = dorm.DecimalField(max_digits=5, decimal_places=2, null=True)
    active = dorm.BooleanField(default=True)

    class Meta:
        app_label = "bookshop"


class Profile(dorm.Model):
    author = dorm.OneToOneField(Author, dorm.CASCADE, related_name="profile")
    bio = dorm.TextField(default="")
    score = dorm.FloatField(null=True)
    home = dorm.ForeignKey(Country, dorm.CASCADE, null=True, related_name="residents")

    class Meta:
        app_label = "bookshop"


class Badge(dorm.Model):
    profile = dorm.OneToOneField(Profile, dorm.CASCADE, null=True, related_name="badge")
    label = dorm.CharField(max_length=20)

    class Meta:
        app_label = "bookshop"


class Tag(dorm.Model):
    name = dorm.CharField(max_length=20)
    parent = dorm.ForeignKey("self", dorm.CASCADE, null=True, related_name="children")
    alike = dorm.ManyToManyField("self", symmetrical=False, related_name="alike_of")

    class Meta:
        app_label = "bookshop"


class Book(dorm.Model):
    title = dorm.CharField(max_length=50)
    author = dorm.ForeignKey(Author, dorm.CASCADE, related_name="books")
    coauthors = dorm.ManyToManyField(Author, related_name="cobooks")
    publisher = dorm.ForeignKey(Publisher, dorm.SET_NULL, null=True, related_name="books")
    tags = dorm.ManyToManyField(Tag, related_name="books")
    pages = dorm.IntegerField(default=0)
    price = dorm.DecimalField(max_digits=6, decimal_places=2, null=True)
    published = dorm.DateField(null=True)
    sequel = dorm.OneToOneField("self", dorm.SET_NULL, null=True, related_name="prequel")

    class Meta:
        app_label = "bookshop"


class Review(dorm.Model):
    book = dorm.ForeignKey(Book, dorm.CASCADE, related_name="reviews")
    reviewer = dorm.ForeignKey(Author, dorm.SET_NULL, null=True, related_name="reviews")
    stars = dorm.IntegerField(null=True)
    text = dorm.TextField(default="")

    class Meta:
        app_label = "bookshop"


class Sale(dorm.Model):
    """Has no related_name: queries say `sale` or `sale_set`."""

    publisher = dorm.ForeignKey(Publisher, dorm.CASCADE)
    amount = dorm.IntegerField()
    at = dorm.DateTimeField(null=True)
    took = dorm.DurationField(null=True)

    class Meta:
        app_label = "bookshop"


class Club(dorm.Model):
    name = dorm.CharField(max_length=20)
    members = dorm.ManyToManyField(Author, through="bookshop.Membership", related_name="clubs")

    class Meta:
        app_label = "bookshop"


class Membership(dorm.Model):
    club = dorm.ForeignKey(Club, dorm.CASCADE, related_name="memberships")
    author = dorm.ForeignKey(Author, dorm.CASCADE, related_name="memberships")
    role = dorm.CharField(max_length=10)
    since = dorm.DateField(null=True)

    class Meta:
        app_label = "bookshop"


class Item(dorm.Model):
    """Ordered by Meta."""

    name = dorm.CharField(max_length=20)
    rank = dorm.IntegerField(null=True)
    box = dorm.ForeignKey("self", dorm.CASCADE, null=True, related_name="inside")

    class Meta:
        app_label = "bookshop"
        ordering = ["-rank", "name"]


MODELS = [Country, Publisher, Author, Profile, Badge, Tag, Book, Review, Sale, Club, Membership, Item]


def link(model: type[dorm.Model], *pairs: tuple[int, int]) -> None:
    """Rows of an automatic junction table, from pairs of keys."""
    junction = model
    names = [field.attname for field in junction._meta.concrete_fields if field.is_relation]
    junction.objects.bulk_create([junction(**dict(zip(names, pair, strict=True))) for pair in pairs])


def rows() -> None:
    """The rows, with keys 1, 2, 3… in the order given here."""
    Country.objects.bulk_create(
        [
            Country(name="Norge", code="NO", population=5),
            Country(name="Éire", code="IE", population=None),
            Country(name="Perú", code="PE", population=33),
            Country(name="Île", code="FR", population=66),
            Country(name="Void", code="VV", population=None),
        ]
    )
    Publisher.objects.bulk_create(
        [
            Publisher(name="Alfa", country_id=1),
            Publisher(name="beta", country_id=3),
            Publisher(name="Gamma", country_id=None),
            Publisher(name="Empty", country_id=1),
            Publisher(name="100%_x", country_id=2),
        ]
    )
    people = [
        ("Ada", 36, "ada@x.org", 1, None, dt.datetime(2020, 1, 31, 23, 59, 59, 123456), "4.50", True),
        ("Bob", None, None, None, 1, dt.datetime(2021, 2, 28), None, True),
        ("bob", 36, "BOB@x.org", 3, 1, None, "3.25", False),
        ("Çelik", 50, "c_lik@x.org", 3, 2, dt.datetime(2020, 12, 31, 12, 30), "4.50", True),
        ("ÇELIK", 17, "", 2, None, dt.datetime(2024, 2, 29, 6, 7, 8), "0.01", False),
        ("Eve", 61, "100%@x.org", None, 4, dt.datetime(1999, 12, 31, 23, 59, 59), None, True),
        ("O'Neil", 36, None, 4, 4, None, "2.00", True),
        ("Zoë", None, "zoe@x.org", 4, None, dt.datetime(2021, 2, 28, 1), "5.00", True),
    ]
    Author.objects.bulk_create(
        [
            Author(
                name=name,
                age=age,
                email=email,
                country_id=country,
                mentor_id=mentor,
                joined=joined,
                rating=None if rating is None else Decimal(rating),
                active=active,
            )
            for name, age, email, country, mentor, joined, rating, active in people
        ]
    )
    Profile.objects.bulk_create(
        [
            Profile(author_id=1, bio="first", score=1.5, home_id=1),
            Profile(author_id=2, bio="", score=None, home_id=None),
            Profile(author_id=4, bio="çok", score=2.25, home_id=4),
            Profile(author_id=7, bio="it's", score=-1.0, home_id=3),
        ]
    )
    Badge.objects.bulk_create(
        [Badge(profile_id=1, label="gold"), Badge(profile_id=3, label="tin"), Badge(profile_id=None, label="lost")]
    )
    Tag.objects.bulk_create(
        [
            Tag(name=name, parent_id=parent)
            for name, parent in [("sci", None), ("fi", 1), ("space", 2), ("love", None), ("SCI", None), ("lonely", 4)]
        ]
    )
    link(Tag.alike.through, (1, 5), (1, 2), (5, 1), (3, 3))
    books = [
        ("Alpha", 1, 1, 100, "10.00", dt.date(2000, 1, 1), 2),
        ("Beta", 1, 2, 200, None, dt.date(2001, 12, 31), None),
        ("beta", 2, None, 300, "7.50", None, None),
        ("Gamma", 4, 1, 100, "10.00", dt.date(2000, 6, 15), 5),
        ("Delta", 4, 3, 50, "0.99", dt.date(2020, 2, 29), None),
        ("100% pure_x", 6, None, 0, None, None, None),
        ("Back\\slash", 7, 5, 400, "99.99", dt.date(1999, 12, 31), None),
    ]
    made = Book.objects.bulk_create(
        [
            Book(
                title=title,
                author_id=author,
                publisher_id=publisher,
                pages=pages,
                price=None if price is None else Decimal(price),
                published=published,
            )
            for title, author, publisher, pages, price, published, _ in books
        ]
    )
    for book, (*_, sequel) in zip(made, books, strict=True):
        if sequel is not None:
            Book.objects.filter(pk=book.pk).update(sequel=sequel)
    link(Book.tags.through, (1, 1), (1, 2), (1, 3), (2, 1), (4, 4), (4, 5), (5, 1), (5, 4), (6, 6))
    link(Book.coauthors.through, (1, 2), (1, 4), (3, 1), (4, 1), (4, 2), (6, 4), (6, 6))
    Review.objects.bulk_create(
        [
            Review(book_id=book, reviewer_id=reviewer, stars=stars, text=text)
            for book, reviewer, stars, text in [
                (1, 2, 5, "great"),
                (1, 3, 1, "bad"),
                (1, None, None, ""),
                (2, 2, 3, "ok"),
                (4, 1, 5, "great"),
                (4, 6, 4, "50%"),
                (5, None, 2, "meh"),
                (6, 7, None, "no stars"),
                (3, 1, 1, "bad"),
            ]
        ]
    )
    Sale.objects.bulk_create(
        [
            Sale(publisher_id=1, amount=10, at=dt.datetime(2020, 1, 1, 10), took=dt.timedelta(hours=1)),
            Sale(publisher_id=1, amount=20, at=dt.datetime(2020, 1, 2, 11, 30), took=None),
            Sale(publisher_id=2, amount=5, at=None, took=dt.timedelta(days=2, seconds=3)),
            Sale(publisher_id=3, amount=7, at=dt.datetime(2021, 3, 4, 5, 6, 7, 8), took=dt.timedelta(0)),
            Sale(publisher_id=1, amount=20, at=dt.datetime(2020, 2, 2), took=dt.timedelta(microseconds=5)),
        ]
    )
    Club.objects.bulk_create([Club(name="Chess"), Club(name="Go"), Club(name="Nobody")])
    Membership.objects.bulk_create(
        [
            Membership(club_id=club, author_id=author, role=role, since=since)
            for club, author, role, since in [
                (1, 1, "lead", dt.date(2020, 1, 1)),
                (1, 2, "member", None),
                (2, 1, "member", dt.date(2021, 1, 1)),
                (2, 4, "lead", dt.date(2019, 1, 1)),
                (1, 4, "member", dt.date(2018, 1, 1)),
                (2, 4, "member", dt.date(2020, 5, 5)),
            ]
        ]
    )
    Item.objects.bulk_create(
        [
            Item(name=name, rank=rank, box_id=box)
            for name, rank, box in [("a", 1, None), ("b", 3, 1), ("c", 3, 1), ("d", 2, 2), ("e", 2, None), ("f", 9, 4)]
        ]
    )
