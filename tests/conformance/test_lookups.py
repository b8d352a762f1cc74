"""A configuration that was exported for another account, or is for one, stops at the plan and says why."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import load_stack, settings_of
from private_inference.terraform.export import export_terraform
from private_inference.terraform.lookup_sources import from_clients, from_file
from private_inference.terraform.terraform import TerraformError
from tests.conformance.deployment import Deployment
from tests.support.recording import ROOT

ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"


def test_a_plan_stops_where_the_account_answers_otherwise(tmp_path: Path) -> None:
    config = load_stack(ROOT, "dev")
    with prepared_aws(settings_of(config)) as aws:
        deployment = Deployment(tmp_path / "out", aws)
        deployment.export(config)
        lookups = tmp_path / "elsewhere.json"
        answers = json.loads((deployment.directory / "lookups.json").read_text())
        for entry in answers:
            if entry["token"] == ZONES:
                entry["answer"]["names"].append("us-east-1z")
        lookups.write_text(json.dumps(answers))
        export_terraform(config, deployment.directory, from_file(lookups))
        with pytest.raises(TerraformError, match=r"(?s)us-east-1z.*--live"):
            deployment.plan()
        # Settings that name another account than the credentials are of: the AWS provider does nothing.
        other = replace(config, values={**config.values, "private-inference:account": "210987654321"})
        export_terraform(other, deployment.directory, from_clients(aws))
        with pytest.raises(TerraformError, match="AWS account ID not allowed"):
            deployment.plan()
