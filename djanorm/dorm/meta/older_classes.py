"""What to say when a class and the one that replaced it meet: in a notebook, where one cell ran again and another did not."""

from __future__ import annotations


def older_class_hint(expected: type, value: object, place: str) -> str:
    """What a message about an instance of the wrong class adds when both classes have the same name; "" otherwise.

    :param expected: the model that is wanted.
    :param value: the instance that was given.
    :param place: who wants it, for the case that it is ``expected`` that was replaced.
    """
    wanted, given = getattr(expected, "_meta", None), getattr(type(value), "_meta", None)
    if wanted is None or given is None or wanted.label != given.label:
        return ""
    if wanted.registry is not given.registry:
        return f" They are models of one name in two registries: {wanted.registry!r} and {given.registry!r}."
    if given.model not in given.registry:
        return f" Its class is an older class of the same name: {given.label} was defined again since, so run its cell again."
    return f" {place} refers to an older class of the same name: {given.label} was defined again since, so run its cell again."
