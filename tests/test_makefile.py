"""`make` takes the first Python that will do, whatever else has such a name."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BROKEN = "exit 127"
GOOD = f'exec "{sys.executable}" "$@"'


def pretending(change: str) -> str:
    """A Python that is another one: `-c CODE` is carried out after `change`."""
    return f'exec "{sys.executable}" -c \'import sys; {change}; exec(sys.argv[2])\' "$@"'


OLD = pretending("sys.version_info = (3, 10, 13)")
WITHOUT_VENV = pretending('sys.modules["ensurepip"] = None')


def dry_run(path: Path, pythons: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `make ARGUMENTS` would do, with nothing but these scripts on PATH."""
    for name, script in pythons.items():
        (path / name).write_text(f"#!/bin/sh\n{script}\n")
        (path / name).chmod(0o755)
    make = shutil.which("make")
    assert make, "the README asks for make"
    command = [make, "--always-make", "--dry-run", *arguments]
    return subprocess.run(command, cwd=ROOT, env={"PATH": str(path)}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3.11": GOOD, "python3.13": GOOD}, "python3.11"),
        ({"python3.13": GOOD}, "python3.13"),
        ({"python3": GOOD}, "python3"),
        ({"python3.11": BROKEN, "python3.12": GOOD}, "python3.12"),
        ({"python3.11": WITHOUT_VENV, "python3": OLD, "python": GOOD}, "python"),
    ],
    ids=["the lock's own", "a newer one", "without a number", "past a broken one", "past one without venv, an old one"],
)
def test_the_first_python_that_will_do_makes_the_environment(
    tmp_path: Path, pythons: dict[str, str], taken: str
) -> None:
    done = dry_run(tmp_path, pythons, "setup")
    assert f"\n{taken} -m venv --clear .venv\n" in done.stdout, done.stderr


def test_python_can_be_named(tmp_path: Path) -> None:
    done = dry_run(tmp_path, {"python3.11": GOOD, "mine": GOOD}, "setup", "PYTHON=mine")
    assert "\nmine -m venv --clear .venv\n" in done.stdout, done.stderr


def test_without_a_python_make_says_so_in_a_line(tmp_path: Path) -> None:
    done = dry_run(tmp_path, {"python3.11": BROKEN, "python3": OLD}, "setup")
    assert done.returncode == 2
    assert "No Python 3.11 or newer" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "venv" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "installs"),
    [(["test"], False), (["test", "REQUIRE_CONFORMANCE=1"], True), (["conformance"], True)],
    ids=["test", "test that requires it", "conformance"],
)
def test_checkov_is_installed_where_conformance_is_required(
    tmp_path: Path, arguments: list[str], installs: bool
) -> None:
    done = dry_run(tmp_path, {"python3.11": GOOD, "terraform": GOOD}, *arguments)
    assert done.returncode == 0, done.stderr
    assert ("-m venv --clear .venv-checkov" in done.stdout) is installs


def test_make_conformance_requires_it(tmp_path: Path) -> None:
    done = dry_run(tmp_path, {"python3.11": GOOD}, "conformance")
    assert "REQUIRE_CONFORMANCE=1 .venv/bin/pytest" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "scripts", "builds"),
    [
        (["test"], {}, False),
        (["test", "REQUIRE_ENGINE=1"], {}, True),
        (["test", "REQUIRE_ENGINE=1"], {"pulumi": GOOD}, False),
        (["engine"], {"pulumi": GOOD}, True),
    ],
    ids=["test", "test that requires it", "a pulumi on PATH", "engine"],
)
def test_the_engine_is_built_where_it_is_required(
    tmp_path: Path, arguments: list[str], scripts: dict[str, str], builds: bool
) -> None:
    done = dry_run(tmp_path, {"python3.11": GOOD, **scripts}, *arguments)
    assert done.returncode == 0, done.stderr
    assert ("go build -trimpath" in done.stdout) is builds


def test_without_go_make_says_what_the_engine_needs(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make, "the README asks for make"
    command = [make, "--always-make", "engine"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "install it (https://go.dev/dl/)" in done.stderr.splitlines()[0]
