"""Models of a script belong to the app that importing the script would give them."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import dorm
from dorm.meta.registry import registry
class Customer(dorm.Model):
    pass
class Order(dorm.Model):
    customer = dorm.ForeignKey("__main__.Customer" if __name__ == "__main__" else "Customer", dorm.CASCADE)
    own = dorm.ManyToManyField("Customer", related_name="+")
meta = Order._meta
print(meta.app_label, meta.db_table, Order.own.through._meta.db_table, Order.customer.related_model is Customer,
      registry.get_model("__main__.Order" if __name__ == "__main__" else meta.label) is Order, registry.get_model(meta.label) is Order)
"""


def run(folder, *arguments, text=None):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def folder(tmp_path):
    package = tmp_path / "shop" / "payments"
    package.mkdir(parents=True)
    for path in (
        tmp_path / "report.py",
        tmp_path / "2024-sales.report.py",
        tmp_path / "shop" / "models.py",
        tmp_path / "shop" / "__main__.py",
        package / "models.py",
        package / "__main__.py",
    ):
        path.write_text(PROGRAM)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "label", "table"),
    [
        (["report.py"], "report", "report"),
        (["-m", "report"], "report", "report"),
        (["-c", "import report"], "report", "report"),
        (["2024-sales.report.py"], "_2024_sales_report", "_2024_sales_report"),
        (["-m", "shop"], "shop", "shop"),
        (["shop"], "shop", "shop"),
        (["-m", "shop.models"], "shop", "shop"),
        (["-c", "import shop.models"], "shop", "shop"),
        (["-m", "shop.payments.models"], "shop.payments", "payments"),
        (["-c", PROGRAM], "main", "main"),
        (["-"], "main", "main"),
    ],
)
def test_a_program_is_named_like_the_module_it_could_be(folder, arguments, label, table):
    names = run(folder, *arguments, text=PROGRAM)
    assert names == [label, f"{table}_order", f"{table}_order_own", "True", "True", "True"]


def test_processes_that_it_spawns_know_the_same_tables(folder):
    (folder / "spawner.py").write_text(
        PROGRAM
        + "def table(): return Order._meta.db_table\n"
        + "if __name__ == '__main__':\n"
        + "    import multiprocessing\n"
        + "    with multiprocessing.get_context('spawn').Pool(1) as pool: print('TABLE', pool.apply(table))\n"
    )
    names = run(folder, "spawner.py")
    assert names[-1] == "spawner_order"
