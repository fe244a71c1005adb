"""The class of implicit primary keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm import fields
from dorm.conf import settings
from dorm.exceptions import ImproperlyConfigured
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    import pkgutil
else:
    pkgutil = lazy_import("pkgutil", globals())


def implicit_key_class() -> type:
    """The field class that the setting DEFAULT_AUTO_FIELD names (default ``BigAutoField``).

    :raises ImproperlyConfigured: when it does not name ``AutoField`` or a subclass.
    """
    given = settings.get("DEFAULT_AUTO_FIELD") or "dorm.fields.BigAutoField"
    if isinstance(given, type):
        found: object = given
    else:
        module, _, name = str(given).rpartition(".")
        if module in ("", "dorm", "dorm.fields"):
            found = getattr(fields, name, None)
        else:
            try:
                found = pkgutil.resolve_name(str(given))
            except (ImportError, AttributeError) as problem:
                raise ImproperlyConfigured(f"DEFAULT_AUTO_FIELD {given!r} cannot be imported: {problem}") from problem
    if not (isinstance(found, type) and issubclass(found, fields.AutoField)):
        raise ImproperlyConfigured(
            f"DEFAULT_AUTO_FIELD {given!r} names no field whose values the database makes, such as "
            "'dorm.fields.BigAutoField'; declare other keys on the models."
        )
    return found
