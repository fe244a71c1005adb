"""What ``import dorm`` costs beyond ``import sqlalchemy`` with the dialect it uses, and what a first query costs.

Every program runs in an interpreter of its own, by turns; the median processor time of each counts. Compiled files are
kept in a folder of their own, so that no run compiles.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CONFIGURE = "dorm.configure(DATABASES={'default': {'ENGINE': 'sqlite', 'NAME': ':memory:'}})\n"
MODEL = "class Thing(dorm.Model):\n    class Meta:\n        app_label = 'things'\n"
PROGRAMS = {
    "an empty program": "pass\n",
    "import sqlalchemy, its dialect": "import sqlalchemy\nfrom sqlalchemy.dialects import sqlite\n",
    "import dorm": "import dorm\n",
    "import dorm, configure": "import dorm\n" + CONFIGURE,
    "sqlalchemy, first query": (
        "import sqlalchemy as sa\nengine = sa.create_engine('sqlite://')\n"
        "table = sa.Table('thing', sa.MetaData(), sa.Column('id', sa.Integer, primary_key=True))\n"
        "with engine.begin() as link:\n    table.create(link)\n    link.execute(sa.select(table)).all()\n"
    ),
    "dorm, first query": "import dorm\n" + MODEL + CONFIGURE + "dorm.create_tables(Thing)\nlist(Thing.objects.all())\n",
}
BASE = "import sqlalchemy, its dialect"


def main() -> None:
    """Print a line per program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=15)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        environment["PYTHONPATH"] = os.environ.get("OURS_PYTHONPATH", str(Path(__file__).parents[1] / "djanorm"))
        for program in PROGRAMS.values():
            processor_time(program, environment)
        times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        for _ in range(chosen.repeat):
            for name, program in PROGRAMS.items():
                times[name].append(processor_time(program, environment))
    base = statistics.median(times[BASE])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:32}{middle * 1000:8.1f} ms{middle / base:8.2f}")


def processor_time(program: str, environment: dict[str, str]) -> float:
    """Seconds of processor time, user and system, of a fresh interpreter that runs ``program``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
