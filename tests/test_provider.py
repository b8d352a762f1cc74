"""Conformance is tried where Terraform can have the AWS provider; elsewhere the reason is told, or it is a failure."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from private_inference.terraform.configuration import PROVIDER_VERSIONS
from tests.conformance.provider import brief, install, installed

ROOT = Path(__file__).parents[1]
REFUSAL = """
There are some problems with the CLI configuration:
╷
│ Warning: Unable to open CLI configuration file
│
│ It does not exist.
╵

Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider
hashicorp/aws: no such host

To see which modules are currently depending on hashicorp/aws, run
    terraform providers
"""
REASON = (
    "Failed to query available provider packages: "
    "Could not retrieve the list of available versions for provider hashicorp/aws: no such host"
)

Script = Callable[[str], Path]


@pytest.fixture
def terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Puts a `terraform` that is the given shell script, and nothing else, on PATH; answers its folder."""

    def put(script: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "terraform").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "terraform").chmod(0o755)
        (folder / "refusal").write_text(REFUSAL)
        monkeypatch.setenv("PATH", str(folder))
        return folder

    return put


def test_the_provider_is_there_if_terraform_installs_it(tmp_path: Path, terraform: Script) -> None:
    terraform('[ "$1" = init ] && PATH=/bin:/usr/bin mkdir -p .terraform/providers')
    assert install(tmp_path) == ""
    assert installed(tmp_path).is_dir()
    asked = json.loads((tmp_path / "main.tf.json").read_text())["terraform"]
    assert asked["required_providers"]["aws"]["version"] == PROVIDER_VERSIONS


def test_the_reason_is_terraforms_own_in_one_line(tmp_path: Path, terraform: Script) -> None:
    terraform('while IFS= read -r line; do echo "$line"; done <"${0%/*}/refusal" >&2; exit 1')
    assert install(tmp_path) == REASON


def test_a_framed_error_is_the_same() -> None:
    framed = "\n".join(f"│ {line}" for line in REFUSAL[REFUSAL.index("Error:") :].splitlines())
    assert brief(f"╷\n{framed}\n╵") == REASON


def test_a_terraform_that_does_not_run_is_none(tmp_path: Path, terraform: Script) -> None:
    terraform("echo 'no version is set' >&2; exit 126")
    assert install(tmp_path) == "`terraform init` failed with exit code 126: no version is set"


def test_a_terraform_of_another_machine_is_none(tmp_path: Path, terraform: Script) -> None:
    (terraform("") / "terraform").write_bytes(b"\x7fELF of another machine")
    assert "does not run" in install(tmp_path)


def test_without_terraform_nothing_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "on PATH" in install(tmp_path)
    assert not installed(tmp_path).exists()


def test_a_terraform_that_hangs_is_given_up(tmp_path: Path, terraform: Script) -> None:
    terraform("exec /usr/bin/env -i PATH=/bin:/usr/bin tail -f /dev/null")
    assert install(tmp_path, timeout=0.5) == "`terraform init` did not end within 0.5 seconds."


def run_conformance(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run of its own, with two workers, of a part of conformance that takes a second."""
    unset = {"REQUIRE_CONFORMANCE", "CI"}
    inherited = {k: v for k, v in os.environ.items() if k not in unset and not k.startswith("PYTEST")}
    options = ["-n", "2", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "run")]
    tests = ["tests/conformance/test_lookups.py", "tests/conformance/test_checkov.py"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_workers_ask_once_and_the_reason_is_in_the_summary(tmp_path: Path, terraform: Script) -> None:
    folder = terraform('echo "$1" >>"${0%/*}/asked"; echo "Error: no such host" >&2; exit 1')
    done = run_conformance(tmp_path, CI="true")
    assert done.returncode == 0, done.stdout
    assert "2 skipped" in done.stdout
    assert "conformance was not checked: no such host" in done.stdout
    assert (folder / "asked").read_text() == "init\n"


def test_where_it_is_required_the_same_is_a_failure(tmp_path: Path, terraform: Script) -> None:
    terraform('echo "Error: no such host" >&2; exit 1')
    done = run_conformance(tmp_path, REQUIRE_CONFORMANCE="1")
    assert done.returncode == 1
    assert "2 errors" in done.stdout
    assert "conformance was not checked: no such host" in done.stdout
