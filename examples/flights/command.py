"""The command line: ``python -m examples.flights [--database URL] [--reload] [--flights N]``."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

import dorm
from dorm.db.connection import close_all
from examples.flights.load import load
from examples.flights.models import Flight
from examples.flights.questions import QUESTIONS, Answer


def main(arguments: list[str] | None = None) -> int:
    """Load the flights once and answer every question; 0 when all went well, 1 when the database cannot be used."""
    options = parse(arguments)
    console = Console()
    try:
        dorm.configure(DATABASES={"default": options.database}, SLOW_QUERY_MS=None, RETRY_ATTEMPTS=1)
        show(console, options)
    except (dorm.ImproperlyConfigured, dorm.OperationalError, FileNotFoundError, ImportError) as problem:
        # an address that is wrong, a server that is away, a package that is missing: the text says it all
        print(f"examples.flights: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1
    finally:
        close_all()
    return 0


def show(console: Console, options: argparse.Namespace) -> None:
    """Every question and its answer."""
    begun = time.perf_counter()
    loaded = load(console, flights=options.flights, reload=options.reload)
    count = Flight.objects.count()
    if loaded:
        console.print(f"Loaded {count:,} flights in {time.perf_counter() - begun:.1f} s.\n")
    else:
        console.print(f"Using the {count:,} flights that are in the database; --reload loads them again.\n")
    for number, ask in enumerate(QUESTIONS, 1):
        begun = time.perf_counter()
        answer = ask()
        elapsed = time.perf_counter() - begun
        console.print(f"[bold]{number}. {ask.__doc__}[/bold] [dim]({elapsed:.2f} s)[/dim]")
        console.print(table(answer), "")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.flights", description="The flights of New York, 2013.")
    parser.add_argument(
        "--database",
        default="sqlite:///flights.sqlite3",
        metavar="URL",
        help="where the tables live (default: %(default)s); postgresql://user:password@host/name works too",
    )
    parser.add_argument("--reload", action="store_true", help="throw the tables away and load them again")
    parser.add_argument("--flights", type=int, metavar="N", help="load only the first N flights")
    return parser.parse_args(arguments)


def table(answer: Answer) -> Table:
    """An answer as a table: numbers to the right, everything else to the left."""
    shown = Table()
    for position, name in enumerate(answer.columns):
        numeric = any(isinstance(row[position], int | float) for row in answer.rows)
        shown.add_column(name, justify="right" if numeric else "left")
    for row in answer.rows:
        shown.add_row(*map(text, row))
    return shown


def text(value: Any) -> str:
    """A value as a reader likes it."""
    match value:
        case None:
            return "-"
        case bool() | str():
            return str(value)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.1f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case date():
            return f"{value:%a %d %b}"
        case _:
            return str(value)
