"""Each type checker finds exactly the marked lines of the programs in `programs/`, and nothing else.

``# error`` at the end of a line means that every checker must report it; ``# error: pyright mypy`` that these must and the
others cannot (the table of docs/explanation/types.md says why). Each checker reads all programs in one go.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.source import PACKAGE

PROGRAMS = Path(__file__).with_name("programs")
MARK = re.compile(r"# error(?:: (?P<checkers>[a-z ]+))?$")
TARGET = "3.11"
Found = set[tuple[str, int]]


def pyright(folder: Path) -> Found:
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"pythonVersion": TARGET, "typeCheckingMode": "standard", "extraPaths": [str(PACKAGE.parent)]})
    )
    done = run(["pyright", "--outputjson", "--pythonpath", sys.executable], folder)
    reports = json.loads(done.stdout)["generalDiagnostics"]
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in reports if one["severity"] == "error"
    }


def mypy(folder: Path) -> Found:
    command = ["mypy", "--strict", "--python-version", TARGET, "--no-error-summary", "--no-incremental"]
    # Mistakes are on purpose; that one has no effect is for the other tools to say.
    done = run([*command, "--no-warn-unused-ignores", "."], folder)
    return lines(done.stdout, r"^(?:\./)?(?P<file>\w+\.py):(?P<line>\d+): error:")


def ty(folder: Path) -> Found:
    where = ["--python", sys.executable, "--extra-search-path", str(PACKAGE.parent), "--python-version", TARGET]
    done = run(["ty", "check", "--output-format", "concise", *where, "."], folder)
    return lines(done.stdout, r"^(?:\./)?(?P<file>\w+\.py):(?P<line>\d+):\d+: error\[")


def pyrefly(folder: Path) -> Found:
    (folder / "pyrefly.toml").write_text(
        f'project-includes = ["*.py"]\npreset = "default"\npython-version = "{TARGET}"\n'
        f"search-path = [{json.dumps(str(folder))}, {json.dumps(str(PACKAGE.parent))}]\n"
        f"python-interpreter-path = {json.dumps(sys.executable)}\n"
    )
    done = run(["pyrefly", "check", "--output-format", "json", "--summary=none"], folder)
    reports = json.loads(done.stdout)["errors"]
    return {(Path(one["path"]).name, one["line"]) for one in reports if one.get("severity", "error") == "error"}


CHECKERS: dict[str, Callable[[Path], Found]] = {"pyright": pyright, "mypy": mypy, "ty": ty, "pyrefly": pyrefly}


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A checker installed beside this interpreter, with the package on its path."""
    environment = {**os.environ, "MYPYPATH": str(PACKAGE.parent), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done


def lines(output: str, pattern: str) -> Found:
    return {
        (Path(match["file"]).name, int(match["line"])) for match in re.finditer(pattern, output, flags=re.MULTILINE)
    }


def marked(checker: str) -> Found:
    """The lines on which this checker has to find a mistake."""
    wanted: Found = set()
    for path in PROGRAMS.glob("*.py"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = MARK.search(line)
            if match and (match["checkers"] is None or checker in match["checkers"].split()):
                wanted.add((path.name, number))
    return wanted


def told(places: Found) -> str:
    """The places with their source, for the message of a failure."""
    return "\n".join(
        f"  {name}:{number}: {(PROGRAMS / name).read_text(encoding='utf-8').splitlines()[number - 1].strip()}"
        for name, number in sorted(places)
        if (PROGRAMS / name).exists()
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_finds_the_mistakes_and_nothing_else(tmp_path, checker):
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    folder = tmp_path / "programs"
    shutil.copytree(PROGRAMS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    found, wanted = CHECKERS[checker](folder), marked(checker)
    assert found == wanted, (
        f"{checker} missed:\n{told(wanted - found) or '  nothing'}\n"
        f"{checker} reported without a mark:\n{told(found - wanted) or '  nothing'}"
    )


def test_every_mark_names_checkers_that_exist():
    for path in PROGRAMS.glob("*.py"):
        for match in MARK.finditer(path.read_text(encoding="utf-8")):
            assert set((match["checkers"] or "").split()) <= set(CHECKERS)
