"""Every example of the README and of the documentation runs, and every value it states is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from play import blocks
from support.source import PACKAGE, ROOT

DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
LINK = re.compile(r"\[[^\]]+\]\((?!https?:|mailto:|#)(?P<target>[^)#]+)(?:#[^)]*)?\)")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page.read_text(encoding="utf-8"))], ids=name)
def test_the_examples_of_a_page_run(page, tmp_path, request):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), str(tmp_path)])}
    if 'title="PostgreSQL"' in page.read_text(encoding="utf-8"):
        entry = request.getfixturevalue("postgresql_entry")
        password = f":{entry['PASSWORD']}" if entry["PASSWORD"] else ""
        environment["DOCS_POSTGRES_URL"] = (
            f"postgresql://{entry['USER']}{password}@{entry['HOST']}:{entry['PORT']}/{entry['NAME']}"
        )
    done = subprocess.run(
        [sys.executable, "-W", "error", str(Path(__file__).with_name("play.py")), str(page)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pytest_line_for_contributors_finds_tests():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"`\.venv/bin/pytest ([^`]+)`", text)
    (seed,) = re.findall(r"`(--randomly-seed=[^`]+)`", text)
    # this test may itself run in a worker, whose variables would make another one of it
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *line.split(), seed, "--collect-only", "-q", "-n", "0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_map_for_contributors_leads_to_files():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:\w+/)*\w+\.(?:py|md|toml))`", text))
    assert len(named) > 60
    missing = [
        path
        for path in sorted(named)
        if not any((folder / path).exists() for folder in (PACKAGE, PACKAGE.parent, ROOT))
    ]
    assert not missing


def test_the_tutorial_is_one_file_that_runs_again_and_again(tmp_path):
    code = "\n\n".join(
        block.code for block in blocks((ROOT / "docs/tutorial/first-steps.md").read_text(encoding="utf-8"))
    )
    stated = re.findall(r"print\(.*#\s*->\s*(.+?)\s*$", code, re.MULTILINE)
    (tmp_path / "library.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONUTF8": "1"}
    command = [sys.executable, "-W", "error", "library.py"]
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        printed = iter(done.stdout.splitlines())
        # every stated line is printed, in this order
        assert all(line in printed for line in stated), done.stdout
        assert len(stated) > 10


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_links_of_a_page_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    broken = [match["target"] for match in LINK.finditer(text) if not (page.parent / match["target"]).exists()]
    assert not broken


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    missing = [page for page in map(name, DOCS) if page.removeprefix("docs/") not in navigation]
    assert not missing


def test_the_readme_shows_and_states_something():
    shown = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(shown) >= 5
    assert sum(block.code.count("# ->") for block in shown) >= 10
