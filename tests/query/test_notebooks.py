"""A real notebook: cells run in a running loop, both call styles work, and querysets are shown as tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from textwrap import dedent

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

pytestmark = [
    pytest.mark.skipif(find_spec("ipykernel") is None, reason="ipykernel is not installed"),
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore"),  # what Jupyter's own packages warn of
]


@pytest.fixture(autouse=True)
def no_notebook() -> Iterator[None]:
    """Starting a kernel imports its package, by which the library would take this process for a notebook."""
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "ipykernel"]:
        del sys.modules[name]


CELLS = [
    """
    import dorm
    dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": "notebook.sqlite3"}})
    dorm.inline.enable()

    class City(dorm.Model):
        name = dorm.CharField(max_length=20)
        token = dorm.CharField(max_length=20, default="geheim")

        class Meta:
            app_label = "notebook"

    class Street(dorm.Model):
        name = dorm.CharField(max_length=20)
        city = dorm.ForeignKey(City, on_delete=dorm.CASCADE, related_name="streets")

        class Meta:
            app_label = "notebook"

    dorm.create_tables()
    """,
    """
    paris = City.objects.create(name="<Paris>")
    rome = await City.objects.acreate(name="Rome")
    await Street.objects.acreate(name="Via", city=rome)
    (City.objects.count(), await City.objects.acount())
    """,
    "City.objects.all()",
    "paris",
    "Street.objects.get().city.name",
    "repr(City.objects.all())",
    """
    async with dorm.transaction.aatomic():
        City.objects.create(name="gone")
        await City.objects.acreate(name="gone too")
        seen = City.objects.count()
        dorm.transaction.set_rollback(True)
    (seen, City.objects.count())
    """,
    "print(City.objects.filter(token='geheim').query)",
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What each cell shows: its data by MIME type, or the text it printed."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(dedent(cell)) for cell in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python", "language": "python"}
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        client.execute()
    outputs = []
    for cell in notebook.cells:
        errors = [out for out in cell.outputs if out.output_type == "stream" and out.name == "stderr"]
        assert not errors
        out = cell.outputs[0] if cell.outputs else {}
        outputs.append(out.get("data") or {"text/plain": out.get("text", "")})
    return outputs


def test_both_call_styles_work_in_a_cell(shown):
    assert shown[1]["text/plain"] == "(2, 2)"
    assert shown[4]["text/plain"] == "'Rome'"


def test_a_queryset_is_shown_as_a_table(shown):
    html = shown[2]["text/html"]
    assert "<td>&lt;Paris&gt;</td><td>***</td>" in html
    assert "<td>Rome</td>" in html
    assert shown[2]["text/plain"] == "<QuerySet of notebook.City, not evaluated: an event loop is running>"


def test_an_instance_is_shown_as_a_table(shown):
    assert "<tr><th>name</th><td>&lt;Paris&gt;</td></tr>" in shown[3]["text/html"]


def test_the_repr_asks_nothing(shown):
    assert "not evaluated" in shown[5]["text/plain"]


def test_both_styles_share_a_transaction(shown):
    assert shown[6]["text/plain"] == "(4, 2)"


def test_the_statement_can_be_printed(shown):
    assert "SELECT" in shown[7]["text/plain"]
    assert "geheim" not in shown[7]["text/plain"]
