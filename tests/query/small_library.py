"""A small library: `a` wrote b1 (10 pages, tags t1 and t2), b2 (10, t2) and b3 (30); `c` wrote b4 (40, t1); `d` a book without
pages; `b` wrote nothing. b5 has no author.
"""

from __future__ import annotations

import dorm


class Author(dorm.Model):
    name = dorm.CharField(max_length=10)
    age = dorm.IntegerField(null=True)
    boss = dorm.ForeignKey("self", on_delete=dorm.CASCADE, null=True, related_name="staff")


class Tag(dorm.Model):
    label = dorm.CharField(max_length=10)
    weight = dorm.IntegerField(null=True)


class Book(dorm.Model):
    title = dorm.CharField(max_length=10)
    pages = dorm.IntegerField(null=True)
    au = dorm.ForeignKey(Author, on_delete=dorm.CASCADE, null=True, related_name="books")
    tags = dorm.ManyToManyField(Tag, related_name="books")


class Note(dorm.Model):
    text = dorm.CharField(max_length=10)
    stars = dorm.IntegerField(null=True)
    book = dorm.ForeignKey(Book, on_delete=dorm.CASCADE, related_name="notes")


class Tour(dorm.Model):
    title = dorm.CharField(max_length=10)
    stops = dorm.ManyToManyField("Stop", through="Leg", related_name="tours")


class Stop(dorm.Model):
    name = dorm.CharField(max_length=10)


class Leg(dorm.Model):
    tour = dorm.ForeignKey(Tour, on_delete=dorm.CASCADE, related_name="legs")
    stop = dorm.ForeignKey(Stop, on_delete=dorm.CASCADE, related_name="legs")
    hours = dorm.IntegerField()


MODELS = [Author, Tag, Book, Note, Tour, Stop, Leg]


def populate() -> None:
    """Fill the tables; keys are 1, 2, 3… in the order given here."""
    people = [("a", 1, None), ("b", None, 1), ("c", 3, 2), ("d", 2, 2)]
    Author.objects.bulk_create([Author(name=name, age=age, boss_id=boss) for name, age, boss in people])
    Tag.objects.bulk_create([Tag(label=label, weight=weight) for label, weight in [("t1", 1), ("t2", None), ("t3", 2)]])
    books = [
        ("b1", 10, 1, [1, 2]),
        ("b2", 10, 1, [2]),
        ("b3", 30, 1, []),
        ("b4", 40, 3, [1]),
        ("b5", None, None, [1, 3]),
        ("b6", None, 4, []),
    ]
    for title, pages, author, tags in books:
        Book.objects.create(title=title, pages=pages, au_id=author).tags.add(*tags)
    notes = [("n1", 1, 1), ("n2", 2, 1), ("n3", None, 2), ("n1", 1, 4)]
    Note.objects.bulk_create([Note(text=text, stars=stars, book_id=book) for text, stars, book in notes])
    Tour.objects.bulk_create([Tour(title="west"), Tour(title="east"), Tour(title="none")])
    Stop.objects.bulk_create([Stop(name=name) for name in ("bar", "inn", "zoo")])
    legs = [(1, 1, 1), (1, 2, 9), (2, 2, 2), (2, 3, 5), (2, 1, 7)]
    Leg.objects.bulk_create([Leg(tour_id=tour, stop_id=stop, hours=hours) for tour, stop, hours in legs])
