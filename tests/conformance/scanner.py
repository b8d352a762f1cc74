"""Checkov, with all its AWS checks, and what it finds that has no reason listed."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.accepted import ACCEPTED
from tests.conformance.provider import is_required
from tests.support.recording import ROOT

CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"


def unlisted(framework: str, *files: Path) -> set[tuple[str, str]]:
    """The failed checks, each with its resource, that nobody has accepted. Skips where Checkov is missing."""
    if not CHECKOV.exists():
        reason = "Checkov has not scanned it: `make conformance` installs Checkov"
        pytest.fail(reason, pytrace=False) if is_required() else pytest.skip(reason)
    command = [
        str(CHECKOV),
        "--file",
        *map(str, files),
        "--framework",
        framework,
        "--output",
        "json",
        "--skip-download",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=files[0].parent)
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["summary"]["parsing_errors"] == 0, "a file that could not be read has not been scanned"
    assert report["summary"]["passed"] > 100, "a scan that passes little has read little"
    failed = {(check["check_id"], check["resource"]) for check in report["results"]["failed_checks"]}
    return {found for found in failed if not _accepted(*found)}


def _accepted(check: str, resource: str) -> bool:
    return check in ACCEPTED and re.fullmatch(ACCEPTED[check].resources, resource) is not None
