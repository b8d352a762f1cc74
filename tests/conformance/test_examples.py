"""The stacks under examples/stacks: what is exported of them the real AWS provider takes, and plans as a whole."""

from pathlib import Path

import pytest

from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import load_stack, settings_of
from tests.conformance.deployment import Deployment
from tests.support.recording import ROOT

STACKS = sorted((ROOT / "examples" / "stacks").glob("*/Pulumi.*.yaml"))


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.parent.name)
def test_the_provider_takes_what_is_exported(stack: Path, tmp_path: Path) -> None:
    config = load_stack(ROOT, str(stack.relative_to(ROOT)))
    with prepared_aws(settings_of(config)) as aws:
        deployment = Deployment(tmp_path, aws)
        deployment.export(config)
        deployment.terraform.run("validate")
        planned = {change["change"]["actions"][0] for change in deployment.plan()["resource_changes"]}
    assert planned <= {"create", "read"}
