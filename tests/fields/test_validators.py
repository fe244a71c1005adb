"""Validators: what passes, how they compare, how they print and serialise."""

from __future__ import annotations

import importlib
import re
from decimal import Decimal
from typing import Any

import pytest

from dorm import validators
from dorm.exceptions import ValidationError

CASES: list[tuple[Any, list[Any], list[Any]]] = [
    (validators.MinValueValidator(3), [3, 4, 3.0], [2, -1]),
    (validators.MaxValueValidator(3), [3, 2], [4]),
    (validators.MaxValueValidator(lambda: 3), [3], [4]),
    (validators.MinLengthValidator(2), ["ab", [1, 2]], ["a", ""]),
    (validators.MaxLengthValidator(2), ["ab", ""], ["abc"]),
    (validators.StepValueValidator(3, offset=1), [1, 4, Decimal(7)], [0, 3]),
    (validators.RegexValidator(r"\d"), ["a1b", 7], ["ab"]),
    (validators.RegexValidator(re.compile("A", re.IGNORECASE)), ["a"], ["b"]),
    (validators.RegexValidator("a", flags=re.IGNORECASE), ["A"], ["b"]),
    (validators.RegexValidator("a", inverse_match=True), ["b"], ["a"]),
    (
        validators.EmailValidator(),
        [
            "a@example.com",
            "a.b+c@sub.example.org",
            '"a\\ b"@example.org',
            "ü@example.org".replace("ü", "u"),
            "a@bücher.example",
        ],
        [
            "",
            None,
            "a",
            "a@b",
            "a@b.c",
            "two@@example.com",
            "a b@example.com",
            "a@-b.com",
            ".a@example.com",
            "a@example.com\n",
        ],
    ),
    (
        validators.EmailValidator(),
        [
            "a@localhost",
            "a@[127.0.0.1]",
            "a@[::1]",
            '"a@b"@example.com',
            '"a\\ b"@example.com',
            "a@b.xn--p1ai",
            "a@b.co-m",
        ],
        [
            "a@[127.0.0.256]",
            "a@[]",
            "a@[::1",
            '"a b"@example.com',
            "a@example.com.",
            "a@b.c1",
            "a@1.1.1.1",
            "a" * 309 + "@example.com",
        ],
    ),
    (validators.EmailValidator(allowlist=["intranet"]), ["a@intranet"], ["@intranet", "a@local", "a@localhost"]),
    (
        validators.URLValidator(),
        [
            "http://1.1.1.1/",
            "http://0.0.0.0:80",
            "http://example.com.",
            "http://a.b-c.example.com/",
            "http://user:@example.com",
            "http://user:pass@example.com:8080/x",
            "http://example.com?q",
            "http://example.com#f",
            "http://example.co-m",
            "http://[::ffff:1.2.3.4]:80",
            "http://LOCALHOST",
            "http://example.com:00080/",
            "http://" + "a" * 63 + ".com",
        ],
        [
            "http://example.",
            "http://.example.com",
            "http://1.1.1.1.1",
            "http://1.1.1.1.",
            "http://01.1.1.1",
            "http://256.1.1.1",
            "http://foo@bar@example.com",
            "http://foo/bar@example.com:x",
            "http://:pass@example.com",
            "http://example.com:000080/",
            "http://example.com:-80/",
            "http://example.com:/",
            "http://example",
            "http://example.com..",
            "http://a..com",
            "http://-a.com",
            "http://a-.com",
            "http://exa_mple.com",
            "http://example.c",
            "http://example.c1",
            "http://[1.2.3.4]",
            "http://[::1",
            "http://example.com\\x",
            "http://" + "a" * 64 + ".com",
            "http://" + "a." * 126 + "com",
            "http://example.com\n",
            None,
        ],
    ),
    (
        validators.DomainNameValidator(),
        ["example.com", "example.com.", "bücher.example", "xn--bcher-kva.xn--p1ai"],
        ["localhost", "example.", "1.1.1.1", "-a.com", "a-.com", "a..com", "", 5, "a" * 64 + ".com"],
    ),
    (validators.DomainNameValidator(accept_idna=False), ["example.com", "a.b1"], ["bücher.example", "a", "a.-b"]),
    (validators.StepValueValidator(0.1), [0.3, 0.7, Decimal("0.1")], [0.35]),
    (validators.StepValueValidator(3, offset=1), [1, 4, -2], [3]),
    (
        validators.URLValidator(),
        [
            "https://example.com/a?b=c",
            "http://localhost:8000",
            "ftp://[::1]/x",
            "https://bücher.example",
            "HTTP://EXAMPLE.COM",
        ],
        [
            "not a url",
            "mailto:x@example.com",
            "http://",
            "http:///x",
            "//example.com",
            "http://exa mple.com",
            "http://a:99999/",
            5,
        ],
    ),
    (validators.URLValidator(schemes=["git"]), ["git://example.org"], ["https://example.org"]),
    (
        validators.DecimalValidator(5, 2),
        ["1.23", "123.45", "0", "1E+2", "0.01"],
        ["1.234", "1234.5", "1E+3", "NaN", "123456"],
    ),
    (validators.DecimalValidator(2, 2), ["0.12", "0", ".01"], ["1.2", "0.123"]),
    (validators.ProhibitNullCharactersValidator(), ["a"], ["a\x00"]),
    (validators.FileExtensionValidator(["PNG"]), ["a.png", "b.PNG"], ["a.jpg", "png", ".png", "a.png/b"]),
    (validators.validate_slug, ["a-b_c1"], ["a b", "ü", "a\n", ""]),
    (validators.validate_unicode_slug, ["ü-1"], ["a b"]),
    (validators.validate_integer, ["-12"], ["1.5"]),
    (validators.validate_comma_separated_integer_list, ["1,2"], ["1,", "a", "-1"]),
    (validators.validate_ipv4_address, ["192.0.2.1"], ["::1", "192.0.2.01", "192.0.2.1 "]),
    (
        validators.validate_ipv6_address,
        ["::1"],
        ["192.0.2.1", "::zzz", "0000:0000:0000:0000:0000:ffff:192.168.100.100"],
    ),
    (validators.validate_ipv46_address, ["::1", "192.0.2.1"], ["x"]),
]


@pytest.mark.parametrize(("validator", "good", "bad"), CASES, ids=range(len(CASES)))
def test_values_pass_or_are_refused(validator, good, bad):
    for value in good:
        assert validator(value) is None
    for value in bad:
        with pytest.raises(ValidationError) as caught:
            validator(value)
        assert caught.value.code


OBJECTS = [case[0] for case in CASES if isinstance(case[0], validators.Validator)]


@pytest.mark.parametrize("validator", OBJECTS, ids=[f"{type(made).__name__}-{n}" for n, made in enumerate(OBJECTS)])
def test_a_validator_is_built_again_from_its_parts(validator):
    path, args, kwargs = validator.deconstruct()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)(*args, **kwargs)
    if "<lambda>" not in repr(validator):
        assert again == validator
    assert hash(again) == hash(validator)
    assert repr(again) == repr(validator)


def test_every_validator_class_has_a_case():
    def below(cls: type) -> set[type]:
        return {cls}.union(*(below(each) for each in cls.__subclasses__()))

    bases = {validators.Validator, validators.LimitValidator}
    assert {type(case[0]) for case in CASES} >= below(validators.Validator) - bases


def test_validators_compare_by_configuration():
    assert validators.MinValueValidator(1) == validators.MinValueValidator(1)
    assert validators.MinValueValidator(1) != validators.MinValueValidator(2)
    assert validators.MinValueValidator(1) != validators.MaxValueValidator(1)
    assert validators.RegexValidator("a") != validators.RegexValidator("a", flags=re.IGNORECASE)
    assert len({validators.MinValueValidator(1), validators.MinValueValidator(1)}) == 1


def test_messages_are_the_users_when_given():
    with pytest.raises(ValidationError, match="Invalid SKU"):
        validators.RegexValidator("^x$", "Invalid SKU")("y")
    with pytest.raises(ValidationError, match="at least 3, not 2"):
        validators.MinValueValidator(3, "at least {limit}, not {value}")(2)
    with pytest.raises(ValidationError, match="at least 3"):
        validators.MinValueValidator(3, "at least %(limit_value)s")(2)
    with pytest.raises(ValidationError, match=r"\{odd\}"):
        validators.MinValueValidator(3, "keep {odd} braces")(2)
