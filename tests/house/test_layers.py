"""Imports go down the layers; import-linter holds the contracts of pyproject.toml."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from support.source import PACKAGE, ROOT, package_files, report


@pytest.mark.timeout(120)
def test_the_layers_hold(tmp_path):
    pytest.importorskip("importlinter")
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
        + ["--cache-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nobody_imports_contrib():
    found = [
        f"{file.place(node)}: {ast.unparse(node)}"
        for file in package_files()
        if not file.name.startswith("contrib/")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and "dorm.contrib" in ast.unparse(node)
    ]
    assert not found, report(found)


def test_contrib_imports_public_names_only():
    found = [
        f"{file.place(node)}: {alias.name}"
        for file in package_files()
        if file.name.startswith("contrib/")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dorm")
        for alias in node.names
        if not (node.module or "").startswith("dorm.contrib") and "._" in f"{node.module}.{alias.name}"
    ]
    assert not found, report(found)
