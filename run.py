"""Set the project up in a virtual environment beside this file and run something in it. Python 3.11 and pip suffice.

    python3 run.py flights [--database URL]    a year of flights on SQLite: load it, ask it a dozen questions
    python3 run.py tests [pytest arguments]    the whole test suite
    python3 run.py setup                       only the environment, to work in it

The environment is made once and brought up to date when pyproject.toml changes. DJANORM_VENV names another folder for it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
COMMANDS = {
    "flights": ["-m", "examples.flights"],
    "tests": ["-m", "pytest", "-n", "auto"],
    "setup": [],
}


def main(arguments: list[str]) -> int:
    """Do what the first argument says; the exit code is that of the program run."""
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__)
        return 2
    python = environment(Path(os.environ.get("DJANORM_VENV", ROOT / ".venv")))
    command, rest = COMMANDS[arguments[0]], arguments[1:]
    if not command:
        print(f"Ready: {python}")
        return 0
    return wait_for(subprocess.Popen([python, *command, *rest], cwd=ROOT))


def wait_for(child: subprocess.Popen[bytes]) -> int:
    """The exit code of a program. It hears Ctrl-C itself, and is given the time to tidy up; a second one ends it."""
    try:
        return child.wait()
    except KeyboardInterrupt:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.kill()
            child.wait()
            raise


def environment(folder: Path) -> Path:
    """The interpreter of a virtual environment that holds the project and its development tools."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "djanorm-setup.txt"
    wanted = f"{sys.version}\n{hashlib.sha256((ROOT / 'pyproject.toml').read_bytes()).hexdigest()}\n"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"Setting up {folder} (once; a minute or two) …", flush=True)
    # Some systems ship `venv` without `ensurepip`; the pip that runs outside can install into the folder just as well.
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--editable", f"{ROOT}[dev]"], check=True)
    stamp.write_text(wanted)
    return python


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        sys.exit(f"djanorm needs Python {OLDEST[0]}.{OLDEST[1]} or later; this is {sys.version.split()[0]}")
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(130)
    except subprocess.CalledProcessError as failed:
        sys.exit(f"The set-up stopped at: {' '.join(map(str, failed.cmd))}")
