"""A dialect is found by its ENGINE, loaded when it is used, and may come from elsewhere."""

from __future__ import annotations

import importlib.metadata
import inspect
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

import dorm
from dorm.conf import parse_database_url
from dorm.conf.engines import Engine
from dorm.conf.entries import normalise
from dorm.conf.settings import settings
from dorm.db import engines as databases
from dorm.dialects import contract, for_engine, register, registry, unregister
from dorm.dialects.postgresql_links import AsyncPostgresLink, PostgresLink, ServerStream
from dorm.dialects.recording import Recording, RecordingConnector, RecordingLink, RecordingStream
from dorm.dialects.sql import SqlHooks, hooks_for
from dorm.dialects.sqlite_links import SQLiteLink, Stream, ThreadedSQLiteLink, ThreadedStream
from dorm.exceptions import ImproperlyConfigured, UnsupportedFeature
from support.source import PACKAGE


def members(protocol: type) -> set[str]:
    """What a protocol asks for: methods, properties, attributes."""
    annotated = set(inspect.get_annotations(protocol))
    return annotated | {name for name in vars(protocol) if not name.startswith("_")}


IMPLEMENTATIONS = [
    (contract.Dialect, type(for_engine("sqlite"))),
    (contract.Dialect, type(for_engine("postgresql"))),
    (contract.Dialect, Recording),
    (contract.Connector, for_engine("sqlite").connector(normalise("a", "sqlite://")).__class__),
    (contract.Connector, for_engine("postgresql").connector(normalise("a", "postgresql://h/n")).__class__),
    (contract.Connector, RecordingConnector),
    *(
        (contract.Link, link)
        for link in (SQLiteLink, ThreadedSQLiteLink, PostgresLink, AsyncPostgresLink, RecordingLink)
    ),
    *((contract.Stream, stream) for stream in (Stream, ThreadedStream, ServerStream, RecordingStream)),
    (contract.Spelling, SqlHooks),
    (contract.Spelling, type(for_engine("sqlite").spelling(for_engine("sqlite").features()))),
    (contract.Spelling, type(for_engine("postgresql").spelling(for_engine("postgresql").features()))),
]


@pytest.mark.parametrize(("protocol", "implementation"), IMPLEMENTATIONS, ids=lambda cls: cls.__name__)
def test_nothing_of_the_contract_is_missing(protocol, implementation):
    """Type checkers look at the signatures; here they cannot be silenced."""
    stated = {name for cls in implementation.__mro__ for name in inspect.get_annotations(cls)}
    assert {name for name in members(protocol) - stated if not hasattr(implementation, name)} == set()


METHODS = [name for name, member in inspect.getmembers(contract.Spelling, inspect.isfunction) if name[0] != "_"]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_spelling_has_the_signature_of_the_contract(name):
    wanted = list(inspect.signature(getattr(contract.Spelling, name)).parameters)
    for kind in (SqlHooks, *(type(hooks_for(for_engine(engine).features())) for engine in ("sqlite", "postgresql"))):
        assert list(inspect.signature(getattr(kind, name)).parameters) == wanted


# ---------------------------------------------------------------------------------------------------------- found by ENGINE


class Paper:
    """A dialect under a name of its own; it is SQLite otherwise."""

    engine = Engine("paper", "Paper", aliases=("scroll",), schemes=("paper+ink",), port=1234)

    def __getattr__(self, name):
        return getattr(for_engine("sqlite"), name)


@pytest.fixture
def forgotten():
    yield
    unregister("paper")
    settings.reset()


def test_a_registered_dialect_is_an_engine_with_aliases_and_schemes(forgotten):
    paper = register(Paper())
    assert for_engine("paper") is paper
    assert normalise("default", {"ENGINE": "Scroll", "NAME": "n"}).engine == "paper"
    entry = normalise("default", "paper+ink://ada:secret@desk/notes?server_version=3.1")
    assert (entry.engine, entry.name, entry.host, entry.port) == ("paper", "notes", "desk", 1234)
    assert entry.server_version == (3, 1)
    unregister("paper")
    with pytest.raises(ImproperlyConfigured, match="Supported engines: sqlite, postgresql"):
        normalise("default", {"ENGINE": "paper", "NAME": "n"})


def test_a_dialect_of_another_package_is_found_by_its_entry_point(forgotten, monkeypatch):
    asked = []

    class Entry:
        value = "paper_dorm:DIALECT"

        def load(self):
            return Paper()

    def entry_points(*, group, name):
        asked.append((group, name))
        return [Entry()] if name == "paper" else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert normalise("default", "sqlite://").engine == "sqlite"
    assert asked == []
    assert parse_database_url("paper+ink://desk/notes")["ENGINE"] == "paper"
    assert asked == [("dorm.dialects", "paper")]
    assert isinstance(for_engine("paper"), Paper)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            "nowhere_to_be_found:DIALECT",
            "cannot be loaded: No module named 'nowhere_to_be_found'. Install what it needs",
        ),
        ("json:DIALECT", "cannot be loaded: module 'json' has no attribute 'DIALECT'. Install what it needs"),
        ("json:loads", "has to be an object with the members of dorm.dialects.contract.Dialect"),
        ("json:JSONDecoder", "has to be an object with the members of dorm.dialects.contract.Dialect"),
    ],
)
def test_an_entry_point_that_gives_no_dialect_is_named(forgotten, tmp_path, monkeypatch, value, text):
    """The package is a real one, as an installer leaves it."""
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dorm.dialects]\nbroken = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)
    for ask in (
        lambda: normalise("default", {"ENGINE": "broken", "NAME": "n"}),
        lambda: parse_database_url("broken://a/b"),
    ):
        with pytest.raises(ImproperlyConfigured) as caught:
            ask()
        assert str(caught.value).startswith(
            f"ENGINE 'broken' is the entry point {value!r} of an installed package, which "
        )
        assert text in str(caught.value)


def test_a_dialect_is_found_in_an_installed_package(tmp_path):
    """In a process of its own: declared in settings, loaded when its database is used, and not before."""
    info = tmp_path / "river-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: river\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dorm.dialects]\nriver = river_dorm:DIALECT\n")
    (tmp_path / "river_dorm.py").write_text(
        "from dorm.conf.engines import Engine\n"
        "from dorm.dialects import for_engine\n"
        "class River:\n"
        "    engine = Engine('river', 'River')\n"
        "    def __getattr__(self, name):\n"
        "        return getattr(for_engine('sqlite'), name)\n"
        "DIALECT = River()\n"
    )
    program = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import dorm
        class Boat(dorm.Model):
            class Meta:
                app_label = "river"
        dorm.configure(DATABASES={{"default": {{"ENGINE": "river", "NAME": ":memory:"}}}})
        before = "river_dorm" in sys.modules
        dorm.create_tables(Boat)
        print(before, Boat.objects.create().pk, type(dorm.dialects.for_engine("river")).__module__)
    """
    assert run(program) == "False 1 river_dorm"


def test_an_unknown_scheme_names_the_known_ones():
    with pytest.raises(ImproperlyConfigured, match=r"database URLs begin with postgresql:// or sqlite://, not x://"):
        parse_database_url("x://y/z")


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


USES = """
    import sys, dorm

    class Thing(dorm.Model):
        class Meta:
            app_label = "things"
        count = dorm.IntegerField()
        tags = dorm.JSONField(default=dict)

    dorm.configure(DATABASES={"default": URL})
    Thing.objects.filter(count__in=[1, 2]).sql()
    print([name for name in OTHERS if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("url", "others"),
    [
        ("sqlite://", ["dorm.dialects.postgresql", "dorm.dialects.sql.postgresql", "sqlalchemy.dialects.postgresql"]),
        ("postgresql://h/n", ["dorm.dialects.sqlite", "dorm.dialects.sql.sqlite", "sqlite3", "aiosqlite"]),
    ],
)
def test_only_the_dialect_in_use_is_loaded(url, others):
    assert run(USES.replace("URL", repr(url)).replace("OTHERS", repr(others))) == "[]"


def test_importing_dorm_loads_no_dialect():
    assert run("import sys, dorm; print([m for m in sys.modules if m.startswith('sqlalchemy.dialects.')])") == "[]"


def test_urls_can_be_read_before_any_database_is_used():
    assert run("import dorm; print(dorm.parse_database_url('sqlite:///a.db')['NAME'])") == "a.db"
    assert run("from dorm.conf import parse_database_url; print(parse_database_url('sqlite://')['NAME'])") == ":memory:"


# ---------------------------------------------------------------------------------------------------------- server versions


def nulls() -> type[dorm.Model]:
    class Seat(dorm.Model):
        row = dorm.IntegerField(null=True)

        class Meta:
            app_label = "seats"
            constraints = [dorm.UniqueConstraint(fields=["row"], name="one_row", nulls_distinct=False)]

    return Seat


def test_what_a_release_cannot_do_is_refused_by_its_name():
    seat = nulls()
    with Recording("postgresql", server_version=(14, 8)) as recording:
        assert recording.features().nulls_not_distinct is False
        with pytest.raises(
            UnsupportedFeature, match=r"PostgreSQL does not have constraints in which two NULLs are equal"
        ) as caught:
            dorm.create_tables(seat)
    assert caught.value.database == "PostgreSQL"
    assert "seats.Seat" in caught.value.feature
    assert caught.value.alternative.startswith("leave nulls_distinct out")
    assert isinstance(caught.value, NotImplementedError)
    with Recording("postgresql", server_version=(15,)) as recording:
        dorm.create_tables(seat)
    assert any("NULLS NOT DISTINCT" in sql for sql in recording.sql)


def test_the_first_connection_tells_the_release():
    with Recording("postgresql") as recording:
        here = databases.get("default")
        assert here.features.nulls_not_distinct
        recording.server_version = (13, 2)
        dorm.get_connection().execute("SELECT 1")
        assert not here.features.nulls_not_distinct
        assert registry.features_of(here.dialect) is here.features


def test_a_release_in_the_settings_is_believed():
    entry = {"ENGINE": "postgresql", "NAME": "n", "SERVER_VERSION": "14"}
    database = databases.Database("default", normalise("default", entry))
    assert not database.features.nulls_not_distinct
    with pytest.raises(ImproperlyConfigured, match=r"SERVER_VERSION is the number of a release such as '16.2'"):
        normalise("default", {**entry, "SERVER_VERSION": "new"})


def test_a_server_tells_its_release(database):
    here = databases.get("default")
    link = here.sync_pool.acquire()
    try:
        assert link.server_version >= (3, 35)
    finally:
        here.sync_pool.release(link)
    assert here._version_known


# ---------------------------------------------------------------------------------------------------- what cannot be done


@pytest.mark.parametrize(
    ("missing", "meta", "text"),
    [
        (
            "partial_indexes",
            lambda: {"constraints": [dorm.UniqueConstraint(fields=["row"], name="u", condition=dorm.Q(row__gt=1))]},
            "unique indexes of some rows",
        ),
        (
            "expression_indexes",
            lambda: {"indexes": [dorm.Index(dorm.F("row") + 1, name="i")]},
            "indexes of expressions",
        ),
    ],
)
def test_an_index_that_would_be_another_one_is_refused(missing, meta, text):
    options = type("Meta", (), {"app_label": "seats", **meta()})
    members = {"__module__": __name__, "Meta": options, "row": dorm.IntegerField()}
    bench = type(dorm.Model)("Bench", (dorm.Model,), members)
    with Recording("sqlite", **{missing: False}) as recording:
        with pytest.raises(UnsupportedFeature, match=text):
            dorm.create_tables(bench)
    assert not any("CREATE" in sql for sql in recording.sql)


def test_the_error_survives_pickling():
    problem = UnsupportedFeature("MariaDB", "arrays", "use JSON")
    again = problem.__reduce__()[0](*problem.__reduce__()[1])
    assert (again.args, again.alternative) == (problem.args, "use JSON")


def test_features_are_a_record_that_can_be_changed_for_one_database():
    features = for_engine("sqlite").features()
    assert replace(features, display_name="Paper").display_name == "Paper"
