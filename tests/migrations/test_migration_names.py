"""The names of `dorm.migrations`: operations are values, the rest says that it waits."""

from __future__ import annotations

import pkgutil

import pytest

import dorm
from dorm.migrations.autodetector import MigrationAutodetector
from dorm.migrations.operations import (
    AddField,
    AddIndex,
    CreateModel,
    Operation,
    RemoveIndex,
    RenameField,
    RenameModel,
    RunPython,
    RunSQL,
)
from dorm.migrations.state import ProjectState


def forward(app_label, registry):
    pass


def field(**options):
    return dorm.CharField(max_length=20, **options)


# what makes it, its text, its sentence, its arguments as they come back
SPECIMENS = [
    (
        lambda: CreateModel("Author", [("name", field())], options={"ordering": ["name"]}),
        "CreateModel(name='Author', fields=[('name', CharField(max_length=20))], options={'ordering': ['name']})",
        "Create model Author",
        {"name", "fields", "options"},
    ),
    (
        lambda: CreateModel("Author", [("id", dorm.BigAutoField(primary_key=True))]),
        "CreateModel(name='Author', fields=[('id', BigAutoField(primary_key=True))])",
        "Create model Author",
        {"name", "fields"},
    ),
    (
        lambda: AddField("Author", "name", field(null=True)),
        "AddField(model_name='Author', name='name', field=CharField(max_length=20, null=True))",
        "Add field name to Author",
        {"model_name", "name", "field"},
    ),
    (
        lambda: AddField("Author", "name", field(default="x"), preserve_default=False),
        "AddField(model_name='Author', name='name', field=CharField(max_length=20, default='x'), preserve_default=False)",
        "Add field name to Author",
        {"model_name", "name", "field", "preserve_default"},
    ),
    (
        lambda: RenameModel("Author", "Writer"),
        "RenameModel(old_name='Author', new_name='Writer')",
        "Rename model Author to Writer",
        {"old_name", "new_name"},
    ),
    (
        lambda: RenameField("Author", "name", "title"),
        "RenameField(model_name='Author', old_name='name', new_name='title')",
        "Rename field name of Author to title",
        {"model_name", "old_name", "new_name"},
    ),
    (
        lambda: AddIndex("Author", dorm.Index(fields=["name"], name="by_name")),
        "AddIndex(model_name='Author', index=<Index: fields=['name'] name='by_name'>)",
        "Create index by_name on Author",
        {"model_name", "index"},
    ),
    (
        lambda: RemoveIndex("Author", dorm.Index(fields=["name"]), concurrently=True),
        "RemoveIndex(model_name='Author', index=<Index: fields=['name']>, concurrently=True)",
        "Remove index idx_author_name from Author",
        {"model_name", "index", "concurrently"},
    ),
    (
        lambda: RunSQL("SELECT 1", reverse_sql=["SELECT 2"], params=[1]),
        "RunSQL(sql='SELECT 1', reverse_sql=['SELECT 2'], params=[1])",
        "Run SQL",
        {"sql", "reverse_sql", "params"},
    ),
    (lambda: RunSQL(["a", "b"]), "RunSQL(sql=['a', 'b'])", "Run SQL", {"sql"}),
    (
        lambda: RunPython(forward, hints={"a": 1}),
        f"RunPython(code={forward!r}, hints={{'a': 1}})",
        "Run forward()",
        {"code", "hints"},
    ),
]
IDS = [f"{position}-{text.partition('(')[0]}" for position, (_, text, _, _) in enumerate(SPECIMENS)]


@pytest.mark.parametrize(("make", "text", "sentence", "arguments"), SPECIMENS, ids=IDS)
def test_an_operation_is_a_value(make, text, sentence, arguments):
    made = make()
    assert repr(made) == text
    assert made.describe() == sentence
    assert made == make()
    path, args, kwargs = made.deconstruct()
    assert (args, set(kwargs)) == ([], arguments)
    assert all(getattr(made, name) is value for name, value in kwargs.items())
    assert pkgutil.resolve_name(path)(*args, **kwargs) == made


def test_operations_that_say_different_things_differ():
    made = [make() for make, _, _, _ in SPECIMENS]
    assert [[one == other for other in made] for one in made] == [
        [position == other for other in range(len(made))] for position in range(len(made))
    ]
    assert made[0] != "CreateModel"
    assert AddField("A", "n", field()) != AddField("A", "n", field(db_index=True))
    assert AddField("A", "n", dorm.IntegerField(default=1)) != AddField("A", "n", dorm.IntegerField(default=True))


def test_every_operation_has_a_specimen():
    classes = {type(make()) for make, _, _, _ in SPECIMENS}
    assert classes == {AddField, AddIndex, CreateModel, RemoveIndex, RenameField, RenameModel, RunPython, RunSQL}
    assert all(issubclass(cls, Operation) for cls in classes)


def test_operations_cannot_be_applied():
    for make, _, _, _ in SPECIMENS:
        assert not [name for name in dir(make()) if "forwards" in name or "backwards" in name]


def test_only_python_without_a_way_back_cannot_be_undone():
    assert RunPython(forward).reversible is False
    assert RunPython(forward, RunPython.noop).reversible is True
    assert RunPython.noop("app", None) is None
    assert RunSQL("SELECT 1").reversible is True


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: CreateModel("A", [("x", 3)]), "CreateModel: a dorm field is needed, not 3"),
        (lambda: CreateModel("", []), "CreateModel: name must be a name"),
        (lambda: AddField("A", "x", "text"), "AddField: a dorm field is needed"),
        (lambda: AddIndex("A", "x"), "AddIndex: index must be a dorm.Index, not 'x'"),
        (lambda: RenameModel("A", None), "RenameModel: new_name must be a name, not None"),
        (lambda: RunSQL(3), "RunSQL: sql must be text, or a list of texts, not 3"),
        (lambda: RunPython("code"), "RunPython: code must be a function, not 'code'"),
        (lambda: RunPython(forward, 3), "RunPython: reverse_code must be a function, not 3"),
    ],
)
def test_wrong_arguments_are_refused(make, told):
    with pytest.raises(TypeError, match=told):
        make()


def test_two_fields_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two fields are named 'x'"):
        CreateModel("A", [("x", field()), ("x", field())])


@pytest.mark.parametrize("cls", [MigrationAutodetector, ProjectState])
def test_what_is_not_there_yet_says_what_to_use(cls):
    with pytest.raises(dorm.NotSupportedError, match=rf"^{cls.__name__} needs migrations.*dorm\.create_tables\(\)"):
        cls()
    with pytest.raises(dorm.NotSupportedError):
        cls(1, two=2)
