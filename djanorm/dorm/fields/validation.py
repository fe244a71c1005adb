"""Validation of values by fields: messages, null and blank, choices, validators."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from dorm.db.masking import MASK
from dorm.exceptions import FinishedText, ValidationError
from dorm.fields.choices import BLANK_CHOICE, flat_choices, with_blank

if TYPE_CHECKING:
    from dorm.fields.instances import Instance
    from dorm.fields.options import Validator


class Checked:
    """The part of a field that validates. It runs in ``full_clean()``, never on assignment."""

    empty_values: ClassVar[tuple[object, ...]] = (None, "", [], (), {})
    default_validators: ClassVar[tuple[Validator, ...]] = ()
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "null": "This field cannot be null.",
        "blank": "This field cannot be blank.",
        "invalid_choice": "Value {value!r} is not a valid choice.",
        "unique": "{model_name} with this {field_label} already exists.",
        "unique_for_date": "{field_label} must be unique for {date_field_label} {lookup_type}.",
        "invalid": "“{value}” is not a valid value.",
    }

    null: bool
    blank: bool
    choices: Any
    filled_by_database: bool
    _own_validators: tuple[Validator, ...]
    _error_messages: dict[str, str]

    def is_secret(self) -> bool:
        raise NotImplementedError

    def has_db_default(self) -> bool:
        raise NotImplementedError

    def converted(self, value: object) -> Any:
        raise NotImplementedError

    def error_message(self, code: str, **values: object) -> str:
        """The message for ``code``: the one given as ``error_messages``, or that of the nearest class."""
        text = self._error_messages.get(code)
        if text is None:
            for base in type(self).__mro__:
                if code in base.__dict__.get("default_error_messages", {}):
                    text = base.__dict__["default_error_messages"][code]
                    break
        if text is None:
            return code
        if "%(" in text:
            return text % values
        return text.format(**values) if "{" in text else text

    def refuse(self, value: object, code: str = "invalid", **values: object) -> ValidationError:
        """The error for a value that does not fit; the caller raises it.

        Neither it nor the error it is raised from shows a secret value.
        """
        values = {"value": value, **values}
        if self.is_secret():
            values |= {name: MASK for name in ("value", "why") if name in values}
            problem = sys.exception()
            if problem is not None:
                problem.args = (MASK,)
        return ValidationError(FinishedText(self.error_message(code, **values)), code=code, params=values)

    @property
    def validators(self) -> list[Validator]:
        """Built-in checks of the class, then the ones given."""
        return [*self.built_in_validators(), *self._own_validators]

    def built_in_validators(self) -> Sequence[Validator]:
        return self.default_validators

    @property
    def flatchoices(self) -> list[tuple[Any, Any]]:
        """Pairs of value and label, groups dissolved."""
        return flat_choices(self.choices)

    def get_choices(
        self,
        include_blank: bool = True,
        blank_choice: Sequence[tuple[object, object]] = BLANK_CHOICE,
        limit_choices_to: Any = None,
        ordering: Sequence[str] = (),
    ) -> list[tuple[Any, Any]]:
        """Pairs of value and label to choose from: ``choices``, or the rows that a relation may refer to (Django 5.2).

        :param include_blank: begin with ``blank_choice``, unless the choices include an empty value.
        :param limit_choices_to: a ``Q`` or lookups instead of the relation's own.
        :param ordering: terms instead of the related model's ``Meta.ordering``.
        """
        found = self._rows_to_choose(limit_choices_to, ordering) if self.choices is None else self.choices
        return with_blank(found, blank_choice) if include_blank else list(found)

    def _rows_to_choose(self, limit_choices_to: object, ordering: Sequence[str]) -> list[tuple[object, object]]:
        raise TypeError(f"{self!r} has neither choices nor a relation to choose from.")

    def validate(self, value: Any, instance: Instance | None = None) -> None:
        """Choices, null and blank.

        :raises ValidationError: with a plain message.
        """
        if value is None:
            if self.filled_by_database or self.has_db_default():
                return
            if not self.null:
                raise self.refuse(value, "null")
        if self.choices is not None and value not in self.empty_values:
            stored = value.value if isinstance(value, Enum) else value
            if not any(given in (value, stored) for given, _ in self.flatchoices):
                raise self.refuse(stored, "invalid_choice")
        if not self.blank and value in self.empty_values:
            raise self.refuse(value, "blank")

    def run_validators(self, value: Any) -> None:
        """Every validator; skipped for empty values.

        :raises ValidationError: holding all the messages.
        """
        if value in self.empty_values:
            return
        problems: list[Any] = []
        for validator in self.validators:
            try:
                validator(value)
            except ValidationError as problem:
                own = self._error_messages.get(problem.code or "")
                if own is not None:
                    problem = ValidationError(own, code=problem.code, params=problem.params)
                problems.append(problem)
        if problems:
            raise problems[0] if len(problems) == 1 else ValidationError(problems)

    def clean(self, value: Any, instance: Instance | None = None) -> Any:
        """Convert, validate and run the validators; returns the converted value."""
        value = self.converted(value)
        self.validate(value, instance)
        self.run_validators(value)
        return value
