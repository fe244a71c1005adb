"""Adding annotations to the body of a class before the class is created, on every Python version."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

if sys.version_info >= (3, 14):
    import annotationlib


def annotated_names(body: Mapping[str, Any]) -> set[str]:
    """The names that a class body annotates, without evaluating annotations, which may name what does not exist yet."""
    if sys.version_info >= (3, 14) and "__annotations__" not in body:
        annotate = annotationlib.get_annotate_from_class_namespace(body)
        if annotate is None:
            return set()
        return set(annotationlib.call_annotate_function(annotate, annotationlib.Format.FORWARDREF))
    return set(body.get("__annotations__", ()))


def add_annotations(body: dict[str, Any], made: Mapping[str, Any]) -> None:
    """Put ``made`` before the annotations of the body, which win where both have a name."""
    if sys.version_info >= (3, 14) and "__annotations__" not in body:
        annotate = annotationlib.get_annotate_from_class_namespace(body)
        if annotate is not None:
            # the body's own annotations may name what is defined later, so they stay deferred (PEP 649)
            place = "__annotate__" if "__annotate__" in body else "__annotate_func__"
            body[place] = _deferred(annotate, made)
            return
    body["__annotations__"] = {**made, **body.get("__annotations__", {})}


if sys.version_info >= (3, 14):

    def _deferred(annotate: object, made: Mapping[str, object]) -> object:
        def annotations(format: object) -> dict[str, object]:
            own = annotationlib.call_annotate_function(annotate, format)
            as_text = format == annotationlib.Format.STRING
            return {**(annotationlib.annotations_to_string(made) if as_text else made), **own}

        return annotations
