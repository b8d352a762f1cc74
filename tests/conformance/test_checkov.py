"""Checkov on the exported configuration of each stack. Its plan is scanned where it is made, in test_stacks."""

from pathlib import Path

import pytest

from private_inference.runner.preview import PreviewEngine
from private_inference.runner.project import load_stack, settings_of
from private_inference.terraform.export import export_terraform
from tests.conformance.conftest import STACKS
from tests.conformance.scanner import unlisted
from tests.support.recording import ROOT


@pytest.mark.parametrize("stack", STACKS)
def test_every_finding_is_mended_or_has_a_reason(stack: str, tmp_path: Path) -> None:
    config = load_stack(ROOT, stack)
    export_terraform(config, tmp_path, PreviewEngine(settings_of(config).region).invoke)
    assert unlisted(tmp_path / "main.tf.json", "terraform_json") == set()
