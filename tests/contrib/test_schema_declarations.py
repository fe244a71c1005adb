"""``class Meta``, the class body and inheritance."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import pytest

import dorm
from dorm.meta.registry import registry

pytest.importorskip("pydantic")

from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field, field_serializer, field_validator

from dorm.contrib.pydantic import DormSchema, schema_for


class Land(dorm.Model):
    name = dorm.CharField(max_length=20)


class Person(dorm.Model):
    name = dorm.CharField(max_length=20)
    email = dorm.EmailField()
    age = dorm.IntegerField(default=18)
    land = dorm.ForeignKey(Land, on_delete=dorm.CASCADE, null=True, related_name="people")
    friends = dorm.ManyToManyField("self", related_name="befriended")


class Plan(dorm.Model):
    class Meta:
        abstract = True


T = TypeVar("T")
NAMES = ["id", "name", "email", "age", "land"]


class PersonOut(DormSchema):
    class Meta:
        model = Person


class LandOut(DormSchema):
    class Meta:
        model = Land


def build(*bases, **meta):
    return type(DormSchema)("Built", bases or (DormSchema,), {"__module__": __name__, "Meta": type("Meta", (), meta)})


def names(schema):
    return list(schema.model_fields)


def test_everything_is_the_default():
    assert names(PersonOut) == NAMES == names(build(model=Person, fields="__all__"))


def test_fields_keep_the_order_they_are_named_in():
    assert names(build(model=Person, fields=["age", "name"])) == ["age", "name"]
    assert names(build(model=Person, fields={"age", "name"})) == ["name", "age"]


def test_relations_to_many_are_left_out_unless_nested():
    assert names(build(model=Person, fields=("name", "friends"))) == ["name"]
    assert names(build(model=Person, fields=("name",), nested={"friends": PersonOut})) == ["name", "friends"]
    assert names(build(model=Person, nested={"friends": PersonOut})) == [*NAMES, "friends"]
    assert names(build(model=Person, exclude=("friends",), nested={"friends": PersonOut})) == NAMES


def test_meta_stays_readable():
    assert PersonOut.Meta.model is Person


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({"fields": ("name",)}, "Built.Meta names no model"),
        ({"model": str}, "must be a dorm model class"),
        ({"model": Plan}, "Plan is abstract"),
        ({"model": Person, "fields": ("name",), "exclude": ("id",)}, "both fields and exclude"),
        (
            {"model": Person, "fields": ("nmae",)},
            "Built.Meta.fields: .*Person has no field 'nmae'. Did you mean 'name'?",
        ),
        ({"model": Person, "fields": ("land_id",)}, "no field 'land_id'. Did you mean 'land'?"),
        ({"model": Person, "exclude": ("nope",)}, "Built.Meta.exclude: .*'nope'"),
        ({"model": Person, "optional": ("nope",)}, "Built.Meta.optional: .*'nope'"),
        ({"model": Person, "nested": {"lnad": LandOut}}, "no relation 'lnad'. Did you mean 'land'?"),
        ({"model": Person, "nested": {"name": LandOut}}, "no relation 'name'"),
        ({"model": Person, "nested": {"land": "LandOut"}}, "'land' needs a schema class"),
        (
            {"model": Person, "nested": {"land": BaseModel}},
            "BaseModel cannot be filled from instances. Let it inherit from",
        ),
        ({"model": Person, "nested": ("land",)}, "must map names of relations to schemas"),
        ({"model": Person, "exclude": "id"}, "must be a tuple or list of names"),
        ({"model": Person, "exclued": ("id",)}, "no option 'exclued'. Did you mean 'exclude'?"),
    ],
)
def test_wrong_declarations_say_what_is_wrong(meta, told):
    with pytest.raises(TypeError, match=told):
        build(**meta)


def test_optional_fields_may_be_left_out():
    schema = build(model=Person, exclude=("id",), optional=("name", "age"))
    assert schema(email="a@example.com").model_dump() == {
        "name": None, "email": "a@example.com", "age": None, "land": None,
    }  # fmt: skip
    assert schema.model_fields["name"].annotation == str | None


def test_the_class_body_wins():
    class Own(DormSchema):
        age: str = "none"
        name = "Nobody"
        email: str = Field(alias="mail")
        extra: int = 3

        class Meta:
            model = Person

    assert names(Own) == [*NAMES, "extra"]
    made = Own(mail="x")
    assert (made.age, made.name, made.email, made.extra) == ("none", "Nobody", "x", 3)
    with pytest.raises(ValidationError):
        Own(mail="x", name="n" * 21)


def test_a_property_or_a_computed_field_takes_the_name():
    class Own(DormSchema):
        @computed_field
        @property
        def age(self) -> int:
            return len(self.name)

        @property
        def email(self) -> str:
            return f"{self.name}@example.com"

        class Meta:
            model = Person
            fields = ("name", "age", "email")

    made = Own(name="ada")
    assert names(Own) == ["name"]
    assert (made.email, made.model_dump()) == ("ada@example.com", {"name": "ada", "age": 3})


def test_a_class_variable_is_no_field():
    class Own(DormSchema):
        age: ClassVar[int] = 3

        class Meta:
            model = Person
            fields = ("name", "age")

    assert names(Own) == ["name"]
    assert Own.age == 3


def test_validators_and_serializers_reach_generated_fields():
    class Own(DormSchema):
        class Meta:
            model = Person
            fields = ("name", "email")

        @field_validator("email")
        @classmethod
        def lower(cls, value):
            return value.lower()

        @field_serializer("name")
        def shout(self, value):
            return value.upper()

    assert Own(name="Ada", email="A@EXAMPLE.COM").model_dump() == {"name": "ADA", "email": "a@example.com"}


def test_from_attributes_is_always_on():
    class Own(DormSchema):
        model_config = ConfigDict(from_attributes=False, str_strip_whitespace=True)

        x: str

    assert Own.model_config["from_attributes"] is True
    assert Own(x=" a ").x == "a"


def test_a_schema_without_meta_is_a_plain_model():
    class Plain(DormSchema):
        x: int

    class Thing:
        x = 3

    assert Plain.model_validate(Thing()).x == 3
    assert names(Plain) == ["x"]


class Checked(PersonOut):
    note: str = "n"
    age = 30

    @field_validator("email", "name")
    @classmethod
    def lower(cls, value):
        return value.lower()

    @field_serializer("email")
    def hidden(self, value):
        return "***"

    class Meta(PersonOut.Meta):
        exclude = ("id",)


def test_a_subclass_inherits_generated_fields():
    class More(PersonOut):
        extra: str = "e"

    assert names(More) == [*NAMES, "extra"]
    assert More.Meta.model is Person


def test_a_subclass_may_narrow():
    assert names(build(PersonOut, model=Person, fields=("id", "name"))) == ["id", "name"]
    assert names(build(PersonOut, exclude=("email",))) == ["id", "name", "age", "land"]
    assert names(Checked) == ["name", "email", "age", "land", "note"]


def test_narrowing_goes_on_from_what_the_parent_has():
    parent = build(model=Person, fields=("id", "name", "age"))
    child = build(parent, exclude=("age",))
    assert names(child) == ["id", "name"]
    assert names(build(child, fields=("name", "age"))) == ["name", "age"]
    assert issubclass(child, parent)


def test_a_narrowed_field_is_gone():
    child = build(PersonOut, fields=("name",))
    made = child(name="Ada", email="ignored")
    assert made.model_dump() == {"name": "Ada"}
    assert "email" not in child.model_json_schema()["properties"]
    with pytest.raises(AttributeError):
        made.email


def test_decorators_of_a_field_that_is_gone_do_not_matter():
    class Brief(Checked):
        class Meta:
            fields = ("name",)

    assert names(Brief) == ["name", "note"]
    assert Brief(name="ADA").model_dump() == {"name": "ada", "note": "n"}
    assert Checked(name="ADA", email="A@EXAMPLE.COM").model_dump()["email"] == "***"


def test_what_a_parents_body_says_stays():
    class Child(Checked):
        class Meta:
            optional = ("name",)

    assert Child(email="a@example.com").model_dump(exclude={"email"}) == {
        "name": None, "age": 30, "land": None, "note": "n",
    }  # fmt: skip

    class Own(DormSchema):
        age: str = "none"

        class Meta:
            model = Person

    assert build(Own, fields=("name", "age"))(name="x").age == "none"

    class Between(PersonOut):
        age: str = "between"

    assert build(Between, fields=("name", "age"))(name="x").age == "between"


def test_a_subclass_may_turn_to_another_model():
    assert names(build(PersonOut, model=Land)) == ["id", "name"]


def test_names_of_the_surrounding_function_are_found():
    class Local(BaseModel):
        x: int

    class Own(DormSchema):
        local: Local
        later: Later | None = None

        class Meta:
            model = Land

    class Later(BaseModel):
        y: int

    Own.model_rebuild()
    assert Own(name="n", local={"x": 1}, later={"y": 2}).model_dump() == {
        "id": None, "name": "n", "local": {"x": 1}, "later": {"y": 2},
    }  # fmt: skip


def test_a_schema_may_be_generic():
    class Page(DormSchema, Generic[T]):
        items: list[T]
        total: int = 0

    page = Page[PersonOut].model_validate({"items": [Person(id=1, name="Ada", email="a@example.com")]})
    assert page.model_dump()["items"] == [{"id": 1, "name": "Ada", "email": "a@example.com", "age": 18, "land": None}]


def test_schema_for_applies_only_and_exclude():
    assert names(schema_for(Person, only=("age", "name", "id"), exclude=("id",))) == ["age", "name"]
    assert names(schema_for(Person)) == NAMES
    assert schema_for(Person) is not schema_for(Person)


def test_schema_for_names_the_class():
    assert (schema_for(Person).__name__, schema_for(Person).__module__) == ("PersonSchema", __name__)
    assert schema_for(Person, name="Other").__qualname__ == "Other"


def test_schema_for_keeps_its_base():
    class Base(BaseModel):
        model_config = ConfigDict(extra="forbid", from_attributes=False)

        shared: int = 1

    made = schema_for(Person, base=Base, only=("name",))
    assert issubclass(made, Base)
    assert names(made) == ["shared", "name"]
    assert made.model_config["from_attributes"] is True
    with pytest.raises(ValidationError):
        made(name="n", other=1)
    assert names(schema_for(Land, base=PersonOut, only=("name",))) == NAMES


@pytest.mark.parametrize("option", ["only", "exclude", "optional"])
def test_schema_for_refuses_unknown_names(option):
    with pytest.raises(TypeError, match=rf"schema_for: {option}: .*Person has no field 'nmae'. Did you mean 'name'\?"):
        schema_for(Person, **{option: ("nmae",)})


def test_schema_for_refuses_what_is_no_model_and_no_base():
    with pytest.raises(TypeError, match="must be a dorm model class"):
        schema_for(str)
    with pytest.raises(TypeError, match="base must be a Pydantic model class"):
        schema_for(Person, base=int)


def test_a_missing_target_is_named():
    before = registry.snapshot()
    try:

        class Lost(dorm.Model):
            there = dorm.ForeignKey("Nowhere", on_delete=dorm.CASCADE)

        with pytest.raises(dorm.ImproperlyConfigured, match="Nowhere"):
            schema_for(Lost)
    finally:
        registry.restore(before)


def test_a_body_may_hold_types_that_pydantic_does_not_know():
    class Colour:
        pass

    class Painted(DormSchema):
        colour: Colour

        class Meta:
            model = Land

    class Plain(DormSchema):
        colour: Colour

    class Base(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        colour: Colour

    red = Colour()
    assert Painted(name="n", colour=red).colour is Plain(colour=red).colour is red
    assert schema_for(Land, base=Base)(name="n", colour=red).colour is red
    with pytest.raises(ValidationError):
        Painted(name="n", colour="red")
