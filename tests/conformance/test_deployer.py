"""The real AWS provider with the policies of a deployer: an AWS that enforces them refuses nothing that it calls."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from private_inference.cli.deployer import deployer_policies
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import StackConfig, encode, load_stack, settings_of
from private_inference.terraform.terraform import Terraform
from tests.conformance.deployment import Deployment
from tests.support.deployers import deployer
from tests.support.every_stack import of_every_stack
from tests.support.recording import ROOT


def changed(config: StackConfig, **values: Any) -> StackConfig:
    new = {f"{config.project}:{name}": encode(value) for name, value in values.items()}
    return replace(config, values={**config.values, **new})


def deploy_change_and_destroy(directory: Path, config: StackConfig, other: StackConfig) -> None:
    with prepared_aws(settings_of(config)) as aws:
        credentials = deployer(aws, deployer_policies(config))
        deployment = Deployment(directory, aws)
        deployment.export(config)
        deployment.terraform = Terraform(directory, {**aws.environment(), **credentials})
        deployment.deploy()
        deployment.export(other)
        change = deployment.deploy()
        assert "aws_kms_key.data" in change.planned
        retained = deployment.retained()
        if retained:
            deployment.terraform.run("state", "rm", *retained)
        deployment.deploy("-destroy")
        assert deployment.addresses() == []


@of_every_stack
def test_a_deployer_creates_changes_and_destroys_prod(tmp_path: Path) -> None:
    config = load_stack(ROOT, "prod")
    unprotected = {"unprotectedBecause": "it is to be destroyed", "keyRotationDays": 400}
    (endpoint,) = json.loads(config.values[f"{config.project}:endpoints"])
    larger = [endpoint | {"instances": {"max": 17}}]
    other = changed(config, security=unprotected, costCenter="another", endpoints=larger)
    deploy_change_and_destroy(tmp_path, config, other)


@of_every_stack
@pytest.mark.parametrize("name", ["authorizer", "front-door", "inference-components", "on-premises"])
def test_a_deployer_creates_changes_and_destroys_an_example(name: str, tmp_path: Path) -> None:
    config = load_stack(ROOT, f"examples/stacks/{name}/Pulumi.{name}.yaml")
    deploy_change_and_destroy(tmp_path, config, changed(config, costCenter="another"))
