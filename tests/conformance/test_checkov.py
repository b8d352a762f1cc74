"""Checkov on the exported configuration of each stack. The plans of three are scanned where they are made."""

from pathlib import Path

from private_inference.runner.preview import PreviewEngine
from private_inference.runner.project import load_stack, settings_of
from private_inference.terraform.export import export_terraform
from tests.conformance.conftest import EXAMPLES, STACKS
from tests.conformance.scanner import unlisted
from tests.support.recording import ROOT


def test_every_finding_is_mended_or_has_a_reason(tmp_path: Path) -> None:
    """In one run: Checkov takes seconds to start."""
    files = []
    for stack in (*STACKS, *EXAMPLES):
        config = load_stack(ROOT, stack)
        directory = tmp_path / config.stack
        export_terraform(config, directory, PreviewEngine(settings_of(config).region).invoke)
        files.append(directory / "main.tf.json")
    assert unlisted("terraform_json", *files) == set()
