"""What an installation without greenlet, aiosqlite and psycopg must be able to do. Run as a program, prints `ok`."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

import dorm
from dorm import transaction
from dorm.db.connection import close_all


class Shelf(dorm.Model):
    name = dorm.CharField(max_length=20)


class Volume(dorm.Model):
    title = dorm.CharField(max_length=40)
    pages = dorm.IntegerField(default=0)
    shelf = dorm.ForeignKey(Shelf, on_delete=dorm.CASCADE, related_name="volumes")


def main() -> None:
    absent = [name for name in ("greenlet", "aiosqlite") if "--expect-absent" in sys.argv and find(name)]
    if absent:
        sys.exit(f"this environment was meant to be without {', '.join(absent)}")
    with tempfile.TemporaryDirectory() as folder:
        dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": str(Path(folder) / "library.sqlite3")}})
        dorm.create_tables(Shelf, Volume)
        try:
            work()
        finally:
            close_all()
    if "greenlet" in sys.modules:
        sys.exit("a sync program imported greenlet")
    print("ok")


def find(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def work() -> None:
    top = Shelf.objects.create(name="top")
    Volume.objects.bulk_create([Volume(title=f"volume {number}", pages=number, shelf=top) for number in range(1, 6)])
    assert Volume.objects.filter(pages__gte=3).count() == 3
    assert [volume.shelf.name for volume in Volume.objects.select_related("shelf")[:2]] == ["top", "top"]
    assert Volume.objects.aggregate(total=dorm.Sum("pages")) == {"total": 15}
    assert Shelf.objects.prefetch_related("volumes").get().volumes.count() == 5
    try:
        with transaction.atomic():
            Volume.objects.update(pages=0)
            raise KeyError("undo")
    except KeyError:
        pass
    assert Volume.objects.exclude(pages=0).count() == 5
    total, _ = top.delete()
    assert total == 6


if __name__ == "__main__":
    main()
