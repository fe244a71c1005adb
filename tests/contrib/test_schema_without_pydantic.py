"""Pydantic is an optional extra."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from support.source import PACKAGE


def run(program, folder):
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=50)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "present", ["None", "types.SimpleNamespace(VERSION='1.10.2')"], ids=["no pydantic", "pydantic 1"]
)
def test_importing_it_without_pydantic_names_the_extra(tmp_path, present):
    told = run(
        f"""
        import sys, types
        sys.modules["pydantic"] = {present}
        import dorm, dorm.contrib
        try:
            import dorm.contrib.pydantic
        except ImportError as problem:
            print(problem)
        """,
        tmp_path,
    )
    assert told.startswith("dorm.contrib.pydantic needs ")
    assert told.endswith('pip install "djanorm[pydantic]"')


def test_it_does_not_load_the_package_for_addresses(tmp_path):
    pytest.importorskip("pydantic")
    assert run("import sys, dorm.contrib.pydantic; print('email_validator' in sys.modules)", tmp_path) == "False"
