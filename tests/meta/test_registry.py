"""Relations are linked in any definition order; redefined models leave nothing behind."""

from __future__ import annotations

import types

import pytest

import dorm
from dorm.exceptions import ImproperlyConfigured
from dorm.meta.registry import registry


def model(name: str, app: str = "registry", bases: tuple[type, ...] = (), **members):
    """A model made on the spot."""
    meta = type("Meta", (), {"app_label": app, **members.pop("meta", {})})
    return type(dorm.Model)(name, bases or (dorm.Model,), {"__module__": __name__, "Meta": meta, **members})


def test_a_name_may_come_before_its_model():
    late = model("Late", early=dorm.ForeignKey("Early", dorm.CASCADE, related_name="lates"))
    assert late.early in registry.pending
    early = model("Early")
    assert late.early.related_model is early
    assert [relation.related_model for relation in early._meta.related_objects] == [late]
    assert late.early not in registry.pending


def test_self_means_the_declaring_model():
    node = model("Node", parent=dorm.ForeignKey("self", dorm.CASCADE, null=True))
    assert node.parent.related_model is node
    assert node._meta.names["node_set"].hops()[0].target is node._meta


@pytest.mark.parametrize("name", ["registry.Target", "Target", "registry.target", "REGISTRY.TARGET"])
def test_labels_are_found(name):
    target = model("Target")
    assert model("Pointer", to=dorm.ForeignKey(name, dorm.CASCADE)).to.related_model is target


def test_the_last_part_of_a_nested_app_is_enough():
    order = model("Order", app="shop.payments")
    assert model("Line", order=dorm.ForeignKey("payments.Order", dorm.CASCADE)).order.related_model is order


def test_a_function_may_name_a_model_that_comes_later():
    pointer = model("Pointer", to=dorm.ForeignKey(lambda: Later, dorm.CASCADE))  # noqa: F821
    assert pointer.to in registry.pending
    namespace = {"dorm": dorm, "__name__": "functions"}
    module = types.ModuleType("functions")
    exec(
        "class First(dorm.Model):\n    second = dorm.ForeignKey(lambda: Second, dorm.CASCADE, related_name='firsts')\n"
        "    class Meta:\n        app_label = 'registry'\n"
        "class Second(dorm.Model):\n    class Meta:\n        app_label = 'registry'\n",
        namespace,
    )
    assert module.__name__ == "functions"
    second = namespace["Second"]
    # linked while the class statement of Second was still running
    assert [relation.accessor_name() for relation in second._meta.related_objects] == ["firsts"]
    with pytest.raises(ImproperlyConfigured, match="Later"):
        pointer.to.target_model()


def test_a_function_that_gives_no_model_is_an_error():
    with pytest.raises(ImproperlyConfigured, match="no model"):
        model("Pointer", to=dorm.ForeignKey(lambda: 5, dorm.CASCADE))


def test_a_bare_name_prefers_its_own_app():
    ours, theirs = model("Twin"), model("Twin", app="elsewhere")
    assert model("Near", twin=dorm.ForeignKey("Twin", dorm.CASCADE)).twin.related_model is ours
    assert model("Far", app="elsewhere", twin=dorm.ForeignKey("Twin", dorm.CASCADE)).twin.related_model is theirs


def test_a_bare_name_of_two_apps_is_ambiguous():
    model("Twin", app="one")
    model("Twin", app="two")
    pointer = model("Pointer", app="three", twin=dorm.ForeignKey("Twin", dorm.CASCADE))
    with pytest.raises(ImproperlyConfigured, match=r"ambiguous: one\.Twin, two\.Twin"):
        pointer.twin.target_model()


def test_a_bare_name_changes_its_mind_when_its_own_app_defines_it():
    other = model("Twin", app="other")
    pointer = model("Pointer", twin=dorm.ForeignKey("Twin", dorm.CASCADE))
    assert pointer.twin.related_model is other
    ours = model("Twin")
    assert pointer.twin.related_model is ours
    assert list(other._meta.related_objects) == []
    assert not hasattr(other, "pointer_set")


def test_a_bare_through_name_changes_its_mind_too():
    target = model("Target")
    elsewhere = model("Bridge", app="other")
    source = model("Source", targets=dorm.ManyToManyField(target, through="Bridge", related_name="+"))
    assert source._meta.get_field("targets").through is elsewhere
    ours = model("Bridge", source=dorm.ForeignKey(source, dorm.CASCADE), target=dorm.ForeignKey(target, dorm.CASCADE))
    assert source._meta.get_field("targets").through is ours
    again = model("Bridge", source=dorm.ForeignKey(source, dorm.CASCADE), target=dorm.ForeignKey(target, dorm.CASCADE))
    assert source._meta.get_field("targets").junction.model is again


def test_an_unknown_name_says_what_is_near():
    model("Author")
    pointer = model("Pointer", to=dorm.ForeignKey("Autor", dorm.CASCADE))
    with pytest.raises(ImproperlyConfigured, match="'Author'"):
        pointer.to.target_model()
    with pytest.raises(ImproperlyConfigured, match=r"registry\.Pointer\.to"):
        _ = pointer._meta.query_table


def test_abstract_targets_are_refused():
    base = model("Base", meta={"abstract": True})
    with pytest.raises(ImproperlyConfigured, match="abstract"):
        model("ByClass", to=dorm.ForeignKey(base, dorm.CASCADE))
    by_name = model("ByName", to=dorm.ForeignKey("Base", dorm.CASCADE))
    with pytest.raises(ImproperlyConfigured, match="abstract"):
        by_name.to.target_model()


def test_a_model_of_the_same_label_replaces_the_old_one():
    target = model("Target")
    old = model("Source", target=dorm.ForeignKey(target, dorm.CASCADE))
    new = model("Source", target=dorm.ForeignKey(target, dorm.CASCADE))
    assert registry.get_model("registry.Source") is new
    assert [relation.related_model for relation in target._meta.related_objects] == [new]
    assert target._meta.names["source"].related_model is new
    assert old not in registry


def test_the_relations_of_a_replaced_model_disappear():
    target = model("Target")
    model(
        "Source",
        target=dorm.ForeignKey(target, dorm.CASCADE),
        links=dorm.ManyToManyField(target, related_name="linked"),
    )
    assert {"source", "source_set", "linked"} <= set(target._meta.names)
    model("Source")
    assert not {"source", "source_set", "linked"} & set(target._meta.names)
    assert not hasattr(target, "source_set")
    assert not hasattr(target, "linked")
    assert "registry.Source_links" not in registry.labels()


def test_a_replaced_model_still_knows_what_it_refers_to():
    target = model("Target")
    old = model(
        "Source",
        target=dorm.ForeignKey(target, dorm.CASCADE),
        links=dorm.ManyToManyField("Target", related_name="linked"),
    )
    model("Source")
    assert old.target.hops()[0].target is target._meta
    assert old._meta.get_field("links").junction.target.related_model is target


def test_names_follow_a_replaced_target():
    model("Target")
    source = model("Source", target=dorm.ForeignKey("Target", dorm.CASCADE))
    new = model("Target")
    assert source.target.related_model is new
    assert source.target.hops()[0].target is new._meta
    assert [relation.related_model for relation in new._meta.related_objects] == [source]


def test_doubled_reverse_names_are_refused_and_the_model_is_not_kept():
    target = model("Target")
    with pytest.raises(ImproperlyConfigured, match="clashes"):
        model(
            "Clash",
            one=dorm.ForeignKey(target, dorm.CASCADE, related_name="clashes"),
            two=dorm.ForeignKey(target, dorm.CASCADE, related_name="clashes"),
        )
    assert list(target._meta.related_objects) == []
    assert "registry.Clash" not in registry.labels()
    with pytest.raises(ImproperlyConfigured, match="clash_set"):
        model("Clash", one=dorm.ForeignKey(target, dorm.CASCADE), two=dorm.ForeignKey(target, dorm.CASCADE))


def test_a_reverse_name_must_not_hide_a_field():
    target = model("Target", things=dorm.IntegerField(default=0))
    with pytest.raises(ImproperlyConfigured, match="things"):
        model("Thing", target=dorm.ForeignKey(target, dorm.CASCADE, related_name="things"))


def test_bare_query_names_give_way():
    target = model("Target", source=dorm.IntegerField(default=0))
    source = model("Source", target=dorm.ForeignKey(target, dorm.CASCADE))
    assert target._meta.names["source"] is target._meta.get_field("source")
    assert target._meta.names["source_set"].related_model is source


def test_two_models_of_one_scope_must_not_share_a_table():
    model("One", meta={"db_table": "shared"})
    with pytest.raises(ImproperlyConfigured, match="shared"):
        model("Two", meta={"db_table": "shared"})
    model("Three", meta={"db_table": "shared", "managed": False})


def test_relations_are_reported_once_both_ends_exist(monkeypatch):
    seen = []
    kind = type(dorm.Model)
    monkeypatch.setattr(kind, "relation_linked", lambda target, relation: seen.append((target, relation.field)))
    source = model("Source", target=dorm.ForeignKey("registry.Target", dorm.CASCADE, related_name="+"))
    assert seen == []
    target = model("Target")
    assert seen == [(target, source.target)]


def test_get_model_names_the_nearest_label():
    author = model("Author")
    assert registry.get_model("registry.Author") is registry.get_model("registry", "author") is author
    with pytest.raises(LookupError, match=r"registry\.Author"):
        registry.get_model("registry.Autor")


def test_every_change_makes_what_is_derived_anew():
    target = model("Target")
    kept, version = target._meta.derived("anything", object), registry.version
    assert target._meta.derived("anything", object) is kept
    table = target._meta.query_table
    assert target._meta.query_table is table
    model("Other")
    assert registry.version > version
    assert target._meta.derived("anything", object) is not kept
    assert target._meta.query_table is not table


def test_a_snapshot_brings_replaced_models_back():
    target = model("Target")
    before = registry.snapshot()
    old = registry.get_model("registry.Target")
    model("Target")
    model("More", target=dorm.ForeignKey("Target", dorm.CASCADE))
    registry.restore(before)
    assert registry.get_model("registry.Target") is old is target
    assert "registry.More" not in registry.labels()


def test_a_snapshot_brings_relations_and_junctions_back():
    target = model("Target")
    source = model(
        "Source",
        target=dorm.ForeignKey(target, dorm.CASCADE),
        links=dorm.ManyToManyField(target, related_name="linked"),
    )
    before = registry.snapshot()
    model("Source")
    assert "linked" not in target._meta.names
    registry.restore(before)
    assert {relation.field for relation in target._meta.related_objects} == {
        source.target,
        source._meta.get_field("links"),
    }
    assert target._meta.names["linked"].hops()[-1].target is source._meta
    assert "registry.Source_links" in registry.labels()
