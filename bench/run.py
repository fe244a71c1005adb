"""What the package adds to the bare driver: ``python bench/run.py``; see README.md in this folder."""

from __future__ import annotations

import argparse
import gc
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

import dorm
from dorm import transaction
from dorm.db.connection import close_all


class Reading(dorm.Model):
    station = dorm.CharField(max_length=20)
    value = dorm.FloatField()
    count = dorm.IntegerField()
    valid = dorm.BooleanField(default=True)

    class Meta:
        db_table = "reading"


COLUMNS = "station, value, count, valid"


@dataclass(frozen=True)
class Workload:
    """One verb, as the driver does it and as the package does it; ``per`` is how many objects one run touches."""

    name: str
    raw: Callable[[], object]
    ours: Callable[[], object]
    per: int


def workloads(raw: sqlite3.Connection, rows: int) -> list[Workload]:
    objects = Reading.objects

    # In one transaction, or the disk is what is measured.
    def raw_create() -> None:
        raw.execute("BEGIN")
        for number in range(200):
            sql = f"INSERT INTO reading ({COLUMNS}) VALUES (?, ?, ?, ?)"
            raw.execute(sql, ("new", number / 2, number, True))
        raw.execute("COMMIT")

    def ours_create() -> None:
        with transaction.atomic():
            for number in range(200):
                objects.create(station="new", value=number / 2, count=number)

    def raw_bulk() -> None:
        data = [("bulk", number / 2, number, True) for number in range(rows)]
        raw.execute("BEGIN")
        raw.executemany(f"INSERT INTO reading ({COLUMNS}) VALUES (?, ?, ?, ?)", data)
        raw.execute("COMMIT")

    def ours_bulk() -> None:
        objects.bulk_create([Reading(station="bulk", value=number / 2, count=number) for number in range(rows)])

    def raw_get() -> None:
        for key in range(1, 501):
            raw.execute(f"SELECT id, {COLUMNS} FROM reading WHERE id = ?", (key,)).fetchall()

    def ours_get() -> None:
        for key in range(1, 501):
            objects.get(pk=key)

    def raw_filter() -> None:
        sql = f"SELECT id, {COLUMNS} FROM reading WHERE id >= ? AND station = ? ORDER BY id LIMIT 20"
        for number in range(100):
            raw.execute(sql, (number, "seed")).fetchall()

    def ours_filter() -> None:
        for number in range(100):
            list(objects.filter(pk__gte=number, station="seed").order_by("pk")[:20])

    def raw_rows() -> None:
        raw.execute(f"SELECT id, {COLUMNS} FROM reading LIMIT ?", (rows,)).fetchall()

    return [
        Workload("create", raw_create, ours_create, 200),
        Workload("bulk_create", raw_bulk, ours_bulk, rows),
        Workload("get", raw_get, ours_get, 500),
        Workload("filter", raw_filter, ours_filter, 100),
        Workload("rows", raw_rows, lambda: list(objects.all()[:rows]), rows),
        Workload("values_list", raw_rows, lambda: list(objects.values_list()[:rows]), rows),
    ]


def best(work: Callable[[], object]) -> float:
    """Seconds of processor time of one run, without the garbage collector."""
    gc.collect()
    gc.disable()
    begun = time.process_time()
    work()
    elapsed = time.process_time() - begun
    gc.enable()
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", type=lambda text: text.split(","), default=None, metavar="NAME,…")
    options = parser.parse_args()
    table = Table("workload", "sqlite3 µs", "dorm µs", "ratio")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "bench.sqlite3")
        dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": path}})
        dorm.create_tables(Reading)
        Reading.objects.bulk_create(
            [Reading(station="seed", value=number / 3, count=number % 1000) for number in range(options.rows)]
        )
        raw = sqlite3.connect(path, isolation_level=None)
        for workload in workloads(raw, options.rows):
            if options.only and workload.name not in options.only:
                continue
            workload.ours()  # compile what is compiled once
            times = [(best(workload.raw), best(workload.ours)) for _ in range(options.repeat)]
            driver, ours = min(time for time, _ in times), min(time for _, time in times)
            micro = 1_000_000 / workload.per
            table.add_row(workload.name, f"{driver * micro:.2f}", f"{ours * micro:.2f}", f"{ours / driver:.2f}")
        raw.close()
        close_all()
    Console().print(table)


if __name__ == "__main__":
    main()
