"""Inherited validators and serializers for fields that the Meta of a subclass leaves out."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from dorm.contrib.pydantic.library import field_serializer, field_validator


def keep_decorators(body: dict[str, object], bases: tuple[type, ...], removed: Collection[str]) -> None:
    """Declare inherited decorators of removed fields once more, without Pydantic's check that the fields exist."""
    for base in bases if removed else ():
        known = getattr(base, "__pydantic_decorators__", None)
        if known is None:
            continue
        for name, decorator in known.field_validators.items():
            info = decorator.info
            if name not in body and not set(removed).isdisjoint(info.fields):
                made: Any = field_validator(*info.fields, mode=info.mode, check_fields=False)
                body[name] = made(inspect.getattr_static(base, name))
        for name, decorator in known.field_serializers.items():
            info = decorator.info
            if name not in body and not set(removed).isdisjoint(info.fields):
                made = field_serializer(
                    *info.fields,
                    mode=info.mode,
                    return_type=info.return_type,
                    when_used=info.when_used,
                    check_fields=False,
                )
                body[name] = made(inspect.getattr_static(base, name))
