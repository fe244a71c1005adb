"""Deleting rows and what refers to them: every rule, both ways of deleting, counts, order, cycles."""

from __future__ import annotations

import pytest

import dorm


class Root(dorm.Model):
    name = dorm.CharField(max_length=20)
    code = dorm.CharField(max_length=20, unique=True, null=True)


class Cascading(dorm.Model):
    root = dorm.ForeignKey(Root, dorm.CASCADE)


class Deeper(dorm.Model):
    cascading = dorm.ForeignKey(Cascading, dorm.CASCADE)
    root = dorm.ForeignKey(Root, dorm.CASCADE, null=True, related_name="deeper")


class Protecting(dorm.Model):
    root = dorm.ForeignKey(Root, dorm.PROTECT)


class Nulling(dorm.Model):
    root = dorm.ForeignKey(Root, dorm.SET_NULL, null=True)


class Defaulting(dorm.Model):
    root = dorm.ForeignKey(Root, dorm.SET_DEFAULT, default=1)


class Setting(dorm.Model):
    root = dorm.ForeignKey(Root, dorm.SET(lambda: 1))


class Ignoring(dorm.Model):
    root = dorm.ForeignKey(Root, dorm.DO_NOTHING, db_constraint=False)


class Restricting(dorm.Model):
    root = dorm.ForeignKey(Root, dorm.RESTRICT)
    cascading = dorm.ForeignKey(Cascading, dorm.CASCADE, null=True)


class ByText(dorm.Model):
    root = dorm.ForeignKey(Root, dorm.CASCADE, to_field="code", null=True, related_name="by_text")


class Label(dorm.Model):
    roots = dorm.ManyToManyField(Root, related_name="labels")


class Node(dorm.Model):
    parent = dorm.ForeignKey("self", dorm.CASCADE, null=True)


class Hen(dorm.Model):
    egg = dorm.ForeignKey("Egg", dorm.CASCADE, null=True)


class Egg(dorm.Model):
    hen = dorm.ForeignKey(Hen, dorm.CASCADE, null=True)


ALL = (
    Root,
    Cascading,
    Deeper,
    Protecting,
    Nulling,
    Defaulting,
    Setting,
    Ignoring,
    Restricting,
    ByText,
    Label,
    Node,
    Hen,
    Egg,
)
pytestmark = pytest.mark.models(*ALL)

both_ways = pytest.mark.parametrize("way", ["instance", "queryset"])


async def delete(mode, way, instance):
    if way == "instance":
        return await mode.call(instance, "delete")
    return await mode.call(type(instance).objects.filter(pk=instance.pk), "delete")


def label(model):
    return model._meta.label


@both_ways
async def test_cascades_reach_any_depth_and_are_counted(database, mode, way):
    keep = await mode.call(Root.objects, "create", name="keep")
    root = await mode.call(Root.objects, "create", name="gone")
    for owner in (keep, root):
        for _ in range(2):
            middle = await mode.call(Cascading.objects, "create", root=owner)
            await mode.call(Deeper.objects, "create", cascading=middle, root=owner)
    total, counts = await delete(mode, way, root)
    assert (5, {label(Root): 1, label(Cascading): 2, label(Deeper): 2}) == (total, counts)
    assert 2 == database.count("test_deletion_deeper") == database.count("test_deletion_cascading")


@both_ways
async def test_protection_names_the_rows_before_anything_is_written(database, mode, way):
    root = await mode.call(Root.objects, "create", name="r")
    await mode.call(Cascading.objects, "create", root=root)
    blocker = await mode.call(Protecting.objects, "create", root=root)
    with pytest.raises(dorm.ProtectedError, match=r"Root.*Protecting\.root") as caught:
        await delete(mode, way, root)
    assert [blocker] == caught.value.protected_objects
    assert 1 == database.count("test_deletion_cascading")
    assert root.pk is not None


@both_ways
async def test_columns_are_set_to_null_a_default_or_a_value(database, mode, way):
    fallback = await mode.call(Root.objects, "create", id=1, name="fallback")
    root = await mode.call(Root.objects, "create", id=2, name="r")
    for model in (Nulling, Defaulting, Setting):
        await mode.call(model.objects, "create", root=root)
    assert (1, {label(Root): 1}) == await delete(mode, way, root)
    assert [None, 1, 1] == [
        database.value(f"SELECT root_id FROM {model._meta.db_table}") for model in (Nulling, Defaulting, Setting)
    ]
    assert 1 == fallback.pk


@both_ways
async def test_do_nothing_leaves_the_row_alone(database, mode, way):
    root = await mode.call(Root.objects, "create", name="r")
    key = root.pk
    await mode.call(Ignoring.objects, "create", root=root)
    assert (1, {label(Root): 1}) == await delete(mode, way, root)
    assert key == database.value("SELECT root_id FROM test_deletion_ignoring")


@both_ways
async def test_restriction_is_the_databases_and_undoes_the_whole(database, mode, way):
    root = await mode.call(Root.objects, "create", name="r")
    await mode.call(Cascading.objects, "create", root=root)
    await mode.call(Restricting.objects, "create", root=root)
    with pytest.raises(dorm.IntegrityError) as caught:
        await delete(mode, way, root)
    assert not isinstance(caught.value, dorm.ProtectedError)
    assert (1, 1) == (database.count("test_deletion_root"), database.count("test_deletion_cascading"))


@both_ways
async def test_rows_that_the_same_cascade_removes_do_not_restrict(database, mode, way):
    root = await mode.call(Root.objects, "create", name="r")
    middle = await mode.call(Cascading.objects, "create", root=root)
    await mode.call(Restricting.objects, "create", root=root, cascading=middle)
    total, _ = await delete(mode, way, root)
    assert 3 == total


@both_ways
async def test_keys_that_point_at_another_column_cascade_too(database, mode, way):
    root = await mode.call(Root.objects, "create", name="r", code="x")
    await mode.call(ByText.objects, "create", root=root)
    assert (2, {label(Root): 1, label(ByText): 1}) == await delete(mode, way, root)


@both_ways
async def test_links_go_without_being_counted(database, mode, way):
    root = await mode.call(Root.objects, "create", name="r")
    mark = await mode.call(Label.objects, "create")
    await mode.call(mark.roots, "add", root)
    assert (1, {label(Root): 1}) == await delete(mode, way, root)
    assert 0 == database.count("test_deletion_label_roots")
    assert (1, {label(Label): 1}) == await delete(mode, way, mark)


@both_ways
async def test_trees_and_cycles_end(database, mode, way):
    top = await mode.call(Node.objects, "create")
    middle = await mode.call(Node.objects, "create", parent=top)
    await mode.call(Node.objects, "create", parent=middle)
    await mode.call(Node.objects.filter(pk=top.pk), "update", parent=middle)
    assert (3, {label(Node): 3}) == await delete(mode, way, top)
    hen = await mode.call(Hen.objects, "create")
    egg = await mode.call(Egg.objects, "create", hen=hen)
    await mode.call(Hen.objects.filter(pk=hen.pk), "update", egg=egg)
    assert (2, {label(Hen): 1, label(Egg): 1}) == await delete(mode, way, hen)


async def test_a_row_without_relations_costs_one_statement(database, mode, queries):
    label_ = await mode.call(ByText.objects, "create")
    with queries() as log:
        assert (1, {label(ByText): 1}) == await mode.call(label_, "delete")
    assert (1, []) == (log.count, log.control)
    assert label_.pk is None


async def test_an_unsaved_instance_is_refused(database, mode):
    with pytest.raises(ValueError, match="Root"):
        await mode.call(Root(name="x"), "delete")


async def test_a_row_that_is_gone_counts_nothing(database, mode):
    mark = await mode.call(ByText.objects, "create")
    database.run("DELETE FROM test_deletion_bytext")
    assert (0, {}) == await mode.call(mark, "delete")


async def test_many_rows_are_deleted_in_few_statements(database, mode, queries):
    await mode.call(Root.objects, "bulk_create", [Root(name=str(n)) for n in range(1500)])
    keys = await mode.fetch(Root.objects.values_list("pk", flat=True))
    await mode.call(Cascading.objects, "bulk_create", [Cascading(root_id=key) for key in keys for _ in range(3)])
    with queries() as log:
        total, counts = await mode.call(Root.objects.all(), "delete")
    assert (6000, {label(Root): 1500, label(Cascading): 4500}) == (total, counts)
    assert log.count < 60
