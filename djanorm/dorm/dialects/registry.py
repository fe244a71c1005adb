"""Finding the dialect of a database: by its ENGINE, loaded when it is first used.

The dialects of this package are loaded by the name of their module. Those of other packages are found by their entry points in
the group ``dorm.dialects``, which are looked through when somebody asks for an ENGINE that is not known yet; or they are
registered by :func:`register`.
"""

from __future__ import annotations

import importlib
from typing import Any

from sqlalchemy import Dialect as SQLAlchemyDialect

from dorm.conf.engines import engines
from dorm.dialects.contract import Dialect, Features, Spelling
from dorm.dialects.engine_names import BUILT_IN
from dorm.exceptions import ImproperlyConfigured

GROUP = "dorm.dialects"
#: The key under which a dialect of SQLAlchemy keeps the features of the database it compiles for.
TIED = "_dorm_features"

_loaded: dict[str, Dialect] = {}


def register(dialect: Dialect) -> Dialect:
    """Makes a dialect known under its ENGINE; one of the same name is replaced. Databases in use keep theirs."""
    _loaded[dialect.engine.name] = dialect
    engines.add(dialect.engine)
    return dialect


def unregister(name: str) -> None:
    """Forgets the dialect that was registered under an ENGINE; one of this package comes back when it is next used."""
    _loaded.pop(name, None)
    engines.remove(name)
    for engine in BUILT_IN:
        if engine.name == name:
            engines.add(engine)


def for_engine(name: str) -> Dialect:
    """The dialect of an ENGINE, loaded now if need be.

    :raises ImproperlyConfigured: listing the engines that are known.
    """
    found = _loaded.get(name)
    if found is None:
        engine = engines.named(name)
        if engine is None:
            raise ImproperlyConfigured(
                f"ENGINE {name!r} is not supported. Supported engines: {', '.join(engines.names)}."
            )
        found = _loaded.get(engine.name)
        if found is None:
            found = _loaded[engine.name] = importlib.import_module(f"dorm.dialects.{engine.name}").DIALECT
    return found


def dialects_of(error: BaseException) -> tuple[Dialect, ...]:
    """The dialects whose driver may have raised ``error``: those in use, and one of this package that is not loaded yet.

    An error of a driver that a program uses beside this package is known before the first connection, too.
    """
    package = type(error).__module__.partition(".")[0]
    for engine in BUILT_IN:
        if engine.name not in _loaded and package in (*engine.drivers, *engine.aliases):
            for_engine(engine.name)
    return tuple(_loaded.values())


def features_for(name: str) -> Features:
    """What every supported version of an ENGINE can do."""
    return for_engine(name).features()


def compiling_for(dialect: Dialect, features: Features) -> SQLAlchemyDialect:
    """A dialect of SQLAlchemy that compiles for a database with these features."""
    made = dialect.sqlalchemy_dialect()
    vars(made)[TIED] = features
    return made


def features_of(dialect: SQLAlchemyDialect) -> Features:
    """The features of the database that a dialect of SQLAlchemy compiles for; of a foreign one, those of its name."""
    tied: Features | None = vars(dialect).get(TIED)
    return features_for(dialect.name) if tied is None else tied


def spelling_for(features: Features) -> Spelling:
    """The spelling of a database with these features."""
    return for_engine(features.vendor).spelling(features)


def spelling_of(dialect: SQLAlchemyDialect) -> Spelling | None:
    """The spelling of the database that a dialect of SQLAlchemy compiles for; None for a database without a dialect here."""
    tied: Features | None = vars(dialect).get(TIED)
    if tied is None:
        if engines.named(dialect.name) is None:
            return None
        tied = features_for(dialect.name)
    return spelling_for(tied)


def is_transient(error: BaseException) -> bool:
    """Whether a driver's error says that trying again may help; False for anything else."""
    return any(dialect.is_transient(error) for dialect in dialects_of(error))


def look_further(name: str) -> None:
    """Loads the dialect that another package offers under an ENGINE name or the scheme of its URLs.

    :raises ImproperlyConfigured: when it cannot be loaded, or is not a dialect.
    """
    metadata: Any = importlib.import_module("importlib.metadata")
    for entry in metadata.entry_points(group=GROUP, name=name):
        origin = f"ENGINE {name!r} is the entry point {entry.value!r} of an installed package"
        try:
            dialect = entry.load()
        except (ImportError, AttributeError) as problem:
            raise ImproperlyConfigured(
                f"{origin}, which cannot be loaded: {problem}. Install what it needs, or name another ENGINE."
            ) from problem
        if isinstance(dialect, type) or not hasattr(dialect, "engine"):
            raise ImproperlyConfigured(
                f"{origin}, which is {dialect!r}: it has to be an object with the members of "
                "dorm.dialects.contract.Dialect."
            )
        register(dialect)
