"""The application team's program and client, on a platform stack that was rehearsed: the contract holds."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.examples.consumer.rehearsed import BUILD, CONSUMER, Platform, rehearsed_platform


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with rehearsed_platform() as made:
        yield made


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
