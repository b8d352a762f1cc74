"""The application team's program and client, on a platform stack that was rehearsed: the contract holds."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from private_inference.runner.resource import Run

ROOT = Path(__file__).parents[3]
CONSUMER = ROOT / "examples/consumer"
BUILD = ROOT / "examples/model/build"


@dataclass(frozen=True)
class Platform:
    """The platform's dev stack in an embedded AWS, its outputs, and the consumer's run on them."""

    aws: EmbeddedAws
    outputs: Mapping[str, Any]
    consumer: Run

    def only(self, kind: str) -> Any:
        return next(resource for resource in self.consumer.resources if resource.type.endswith(f":{kind}"))


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    config = load_stack(ROOT, "dev")
    with prepared_aws(settings_of(config)) as aws:
        outputs = run_program(config, MotoEngine(aws)).outputs
        stacks = {"organization/private-inference/dev": outputs}
        consumer = run_program(load_stack(CONSUMER, "dev"), MotoEngine(aws, stacks=stacks))
        yield Platform(aws, outputs, consumer)


def test_the_function_runs_in_the_app_subnets_with_the_client_group(platform: Platform) -> None:
    name = platform.only("Function").outputs["name"]
    network = platform.aws.client("lambda").get_function(FunctionName=name)["Configuration"]["VpcConfig"]
    assert sorted(network["SubnetIds"]) == sorted(platform.outputs["appSubnetIds"])
    assert network["SecurityGroupIds"] == [platform.outputs["clientSecurityGroupId"]]


def test_the_functions_role_may_call_the_model_by_the_platforms_policy(platform: Platform) -> None:
    role = platform.only("Role").outputs["name"]
    attached = platform.aws.client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [platform.outputs["endpoints"]["triage"]["invokePolicyArn"]]


def test_the_client_finds_the_contract_in_ssm_and_gets_the_models_answers(platform: Platform) -> None:
    result = subprocess.run(
        [sys.executable, "client.py", "--stack", "dev", "--endpoint", "triage", str(BUILD / "sample.csv")],
        cwd=CONSUMER,
        env={**os.environ, **platform.aws.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    expected = [one["score"] for one in json.loads((BUILD / "expected.json").read_text())["predictions"]]
    answered = [float(line.split()[-1]) for line in result.stdout.splitlines() if line.strip()]
    assert answered == pytest.approx(expected, abs=1e-5)
