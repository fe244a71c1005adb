"""The error tree."""

from __future__ import annotations

import pickle

import pytest

from dorm import IntegerField, exceptions
from dorm.exceptions import DuplicateError, ObjectDoesNotExist, ProtectedError, ValidationError
from dorm.validators import MaxValueValidator


def test_every_listed_name_is_an_exception() -> None:
    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), Exception), name


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("FieldDoesNotExist", "FieldError"),
        ("IntegrityError", "DatabaseError"),
        ("OperationalError", "DatabaseError"),
        ("UniqueViolation", "IntegrityError"),
        ("Deadlock", "OperationalError"),
        ("PoolTimeout", "OperationalError"),
        ("ProtectedError", "IntegrityError"),
        ("TransactionManagementError", "DatabaseError"),
        ("NotSupportedError", "DatabaseError"),
    ],
)
def test_the_tree(name: str, base: str) -> None:
    assert issubclass(getattr(exceptions, name), getattr(exceptions, base))


def test_does_not_exist_is_the_base_of_all() -> None:
    assert exceptions.DoesNotExist is ObjectDoesNotExist


def test_a_text_is_a_message() -> None:
    error = ValidationError("too long", code="length")
    assert (error.message, error.code, error.messages, str(error)) == ("too long", "length", ["too long"], "too long")
    assert error.message_dict == {"__all__": ["too long"]}


def test_a_mapping_is_kept_by_field() -> None:
    error = ValidationError({"name": "missing", "age": ["too low", ValidationError("odd")]})
    assert error.message_dict == {"name": ["missing"], "age": ["too low", "odd"]}
    assert error.messages == ["missing", "too low", "odd"]
    assert str(error) == "name: missing; age: too low odd"


def test_errors_nest() -> None:
    assert ValidationError(ValidationError("inner", code="c")).code == "c"
    assert ValidationError([ValidationError("a"), "b"]).messages == ["a", "b"]


def test_errors_compare_and_pickle_by_content() -> None:
    error = ValidationError({"a": ["b"]}, code="c")
    assert error == ValidationError({"a": "b"}, code="c")
    assert error != ValidationError({"a": "b"})
    assert hash(error) == hash(ValidationError({"a": "b"}, code="c"))
    assert pickle.loads(pickle.dumps(error)) == error


def test_a_duplicate_is_caught_by_both_families() -> None:
    error = DuplicateError({"email": "taken"}, constraint="uq", table="users", columns=["email"])
    assert isinstance(error, ValidationError)
    assert isinstance(error, exceptions.IntegrityError)
    assert (error.code, error.constraint, error.table, error.columns) == ("unique", "uq", "users", ("email",))
    again = pickle.loads(pickle.dumps(error))
    assert (again, again.columns) == (error, ("email",))


def test_a_protected_error_keeps_the_rows() -> None:
    error = ProtectedError("in use", {1})
    assert (str(error), error.protected_objects) == ("in use", [1])


def test_database_errors_carry_what_the_database_said() -> None:
    plain = exceptions.DatabaseError("x")
    assert (plain.sqlstate, plain.constraint, plain.table, plain.columns) == (None, None, None, ())
    error = exceptions.UniqueViolation("x", sqlstate="23505", constraint="c", table="t", columns=["a", "b"])
    again = pickle.loads(pickle.dumps(error))
    assert (again.sqlstate, again.constraint, again.table, again.columns) == ("23505", "c", "t", ("a", "b"))


def test_params_fill_in_the_message_wherever_it_is_shown() -> None:
    error = ValidationError("%(value)s is no %(what)s", code="kind", params={"value": 3, "what": "text"})
    assert (error.message, error.code, error.params) == (
        "%(value)s is no %(what)s",
        "kind",
        {"value": 3, "what": "text"},
    )
    assert error.messages == ["3 is no text"]
    assert str(error) == "3 is no text"
    assert error.message_dict == {"__all__": ["3 is no text"]}
    assert ValidationError({"a": error}).message_dict == {"a": ["3 is no text"]}
    assert ValidationError(error).params == error.params
    assert pickle.loads(pickle.dumps(error)).messages == ["3 is no text"]
    assert ValidationError("100% sure").messages == ["100% sure"]


def test_single_errors_keep_their_codes() -> None:
    one, two = ValidationError("1", code="a"), ValidationError("2", code="b")
    several = ValidationError([one, "3", two])
    assert [(e.message, e.code) for e in several.error_list] == [("1", "a"), ("3", None), ("2", "b")]
    assert list(several) == ["1", "3", "2"]
    assert not hasattr(several, "error_dict")
    keyed = ValidationError({"x": several, "__all__": two})
    assert {name: [e.code for e in errors] for name, errors in keyed.error_dict.items()} == {
        "x": ["a", None, "b"],
        "__all__": ["b"],
    }
    assert dict(keyed) == {"x": ["1", "3", "2"], "__all__": ["2"]}
    assert [e.code for e in keyed.error_list] == ["a", None, "b", "b"]
    assert one.error_list == [one]
    found: dict[str, list[ValidationError]] = {}
    assert one.update_error_dict(found) is found
    keyed.update_error_dict(found)
    assert {name: [e.code for e in errors] for name, errors in found.items()} == {
        "__all__": ["a", "b"],
        "x": ["a", None, "b"],
    }


def test_errors_of_fields_say_what_they_are_about() -> None:
    with pytest.raises(ValidationError) as caught:
        IntegerField(error_messages={"invalid": "%(value)s?"}).clean("50%s")
    assert (caught.value.code, caught.value.params) == ("invalid", {"value": "50%s"})
    assert caught.value.message == caught.value.message % caught.value.params == "50%s?"
    with pytest.raises(ValidationError) as caught:
        MaxValueValidator(7)(8)
    assert caught.value.params is not None
    assert (caught.value.params["limit_value"], caught.value.params["value"]) == (7, 8)
    assert caught.value.messages == ["Ensure this value is less than or equal to 7."]
