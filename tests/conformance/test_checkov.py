"""Checkov, with all its AWS checks, on the exported configuration of each stack."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operations.preview import PreviewEngine
from operations.project import load_stack, settings_of
from terraform_export.export import export_terraform
from tests.conformance.accepted import ACCEPTED
from tests.conformance.conftest import CHECKOV, STACKS
from tests.support.recording import ROOT

Failed = set[tuple[str, str]]


@pytest.fixture(scope="module", params=STACKS)
def failed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Failed:
    """The failed checks of a stack, each with its resource."""
    if not CHECKOV.exists():
        assert os.environ.get("CI") != "true", "Checkov is part of CI: `make conformance` installs it."
        pytest.skip("not scanned: `make conformance` installs Checkov")
    config = load_stack(ROOT, request.param)
    out = tmp_path_factory.mktemp(request.param)
    export_terraform(config, out, PreviewEngine(settings_of(config).region).invoke)
    return scan(out / "main.tf.json", "terraform_json")


def scan(file: Path, framework: str) -> Failed:
    command = [str(CHECKOV), "--file", str(file), "--framework", framework, "--output", "json", "--skip-download"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=file.parent)
    report: dict[str, Any] = json.loads(result.stdout)
    summary = report["summary"]
    assert summary["parsing_errors"] == 0, "a file that could not be read has not been scanned"
    assert summary["passed"] > 100, "a scan that passes little has read little"
    return {(check["check_id"], check["resource"]) for check in report["results"]["failed_checks"]}


def test_every_finding_is_mended_or_has_a_reason(failed: Failed) -> None:
    unlisted = {
        (check, resource)
        for check, resource in failed
        if check not in ACCEPTED or not re.fullmatch(ACCEPTED[check].resources, resource)
    }
    assert unlisted == set()
