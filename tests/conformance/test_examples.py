"""The stacks under examples/stacks through the real AWS provider: applied, looked at, planned again, destroyed."""

import json
from pathlib import Path

import pytest

from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import load_stack, settings_of
from private_inference.verification import Verdict, verify
from private_inference.verification.deployed_contract import desired_of
from tests.conformance.deployment import Deployment
from tests.conformance.inventory import inventory
from tests.conformance.scanner import unlisted
from tests.support.recording import ROOT

STACKS = sorted((ROOT / "examples" / "stacks").glob("*/Pulumi.*.yaml"))


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.name.split(".")[1])
def test_it_is_made_as_asked_and_leaves_nothing(stack: Path, tmp_path: Path) -> None:
    config = load_stack(ROOT, str(stack.relative_to(ROOT)))
    settings = settings_of(config)
    with prepared_aws(settings) as aws:
        before = inventory(aws)
        deployment = Deployment(tmp_path, aws)
        deployment.export(config)
        planned = tmp_path / "plan.json"
        planned.write_text(json.dumps(deployment.plan()))
        assert unlisted(planned, "terraform_plan") == set()
        deployment.apply()
        checks = verify(desired_of(config, settings, deployment.outputs()), aws.client)
        assert [check for check in checks if check.verdict is not Verdict.OK] == []
        assert deployment.pending() == {}
        deployment.deploy("-destroy")
        assert inventory(aws) == before
