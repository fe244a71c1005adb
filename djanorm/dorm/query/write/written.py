"""The one function around every statement that writes rows.

It refuses read-only models, runs the statement, and tells the routers. For a model with subscribers it announces the
write: then the statement, the queries for the subscribers and the receivers themselves are committed or rolled back
together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from dorm.db import routers, transactions
from dorm.db.announcements import Announcement, Asked
from dorm.db.write_events import Kind, Origin, subscriptions
from dorm.exceptions import ReadOnlyModelError
from dorm.fields.base import Field
from dorm.meta.options import Options

Args = tuple[Any, ...]
Result = TypeVar("Result")
Told = Callable[[Announcement, Callable[..., Result], Args], Result]
"""How a statement runs when somebody listens: it tells the announcement which rows it is about."""


def written(
    options: Options,
    kind: Kind,
    using: str,
    origin: Origin | Asked,
    fields: Iterable[Field[Any] | str],
    statement: Callable[..., Result],
    args: Args,
    told: Told[Result],
) -> Result:
    """Run ``statement(*args)``, which writes rows of a model. Returns its result.

    :param fields: what is written, as fields or by name.
    :param told: runs it for a model with subscribers; see ``announced``.
    :raises ReadOnlyModelError: before anything is sent.
    """
    if options.read_only:
        raise ReadOnlyModelError(f"{options.object_name} is declared read_only; its rows cannot be written.")
    if subscriptions.active and (heard := subscriptions.hearing(options.concrete_model, kind)):
        names = tuple([field if isinstance(field, str) else field.name for field in fields])
        with transactions.whole(using) as transaction:
            announcement = Announcement(heard, options.concrete_model, kind, using, origin, names, transaction)
            result = told(announcement, statement, args)
    else:
        result = statement(*args)
    routers.wrote(options.model, using)
    return result
