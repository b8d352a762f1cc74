"""The application team's function in the platform's private network, with its own role: who stops it, and where."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.examples.consumer.rehearsed import BUILD, CONSUMER, Platform, rehearsed_platform


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with rehearsed_platform() as made:
        yield made


@dataclass(frozen=True)
class Answer:
    """What the function answered: scores, or its failure."""

    payload: Any
    failed: bool

    @property
    def scores(self) -> list[float]:
        assert not self.failed, self.payload
        found: list[float] = self.payload["scores"]
        return found

    @property
    def failure(self) -> str:
        assert self.failed, self.payload
        return str(self.payload["errorMessage"])


def asked(platform: Platform, function: str = "") -> Answer:
    rows = [[float(value) for value in line.split(",")] for line in (BUILD / "sample.csv").read_text().splitlines()]
    name = function or platform.only("Function").outputs["name"]
    answer = platform.aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"rows": rows}).encode())
    return Answer(json.load(answer["Payload"]), "FunctionError" in answer)


def expected() -> list[float]:
    return [one["score"] for one in json.loads((BUILD / "expected.json").read_text())["predictions"]]


def test_the_function_gets_the_models_answers(platform: Platform) -> None:
    assert asked(platform).scores == pytest.approx(expected(), abs=1e-5)


def test_without_the_platforms_policy_it_is_denied(platform: Platform) -> None:
    iam, role = platform.aws.client("iam"), platform.only("Role").outputs["name"]
    given = {"RoleName": role, "PolicyArn": platform.outputs["endpoints"]["triage"]["invokePolicyArn"]}
    iam.detach_role_policy(**given)
    try:
        failure = asked(platform).failure
    finally:
        iam.attach_role_policy(**given)
    assert "AccessDeniedException" in failure
    assert "because no identity-based policy allows the sagemaker:InvokeEndpoint action" in failure
    assert asked(platform).scores


@contextmanager
def another(platform: Platform, **changes: Any) -> Iterator[str]:
    """The same code with the same role as another function."""
    awslambda = platform.aws.client("lambda")
    own = awslambda.get_function(FunctionName=platform.only("Function").outputs["name"])["Configuration"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.write(CONSUMER / "handler.py", "handler.py")
    placed = {key: own["VpcConfig"][key] for key in ("SubnetIds", "SecurityGroupIds")}
    kept = {key: own[key] for key in ("Role", "Runtime", "Handler", "Timeout", "Environment")}
    asked_for = {**kept, "VpcConfig": placed} | changes
    made = awslambda.create_function(FunctionName="another", Code={"ZipFile": packed.getvalue()}, **asked_for)
    try:
        yield made["FunctionName"]
    finally:
        awslambda.delete_function(FunctionName="another")


def test_the_same_role_is_denied_outside_of_the_vpc(platform: Platform) -> None:
    with another(platform, VpcConfig={}) as function:
        failure = asked(platform, function).failure
    assert "because no identity-based policy allows the sagemaker:InvokeEndpoint action" in failure


def test_another_function_at_the_same_place_is_let_through(platform: Platform) -> None:
    """The two tests around it change one thing of it each."""
    with another(platform) as function:
        assert asked(platform, function).scores


def test_another_endpoint_is_denied(platform: Platform) -> None:
    with another(platform, Environment={"Variables": {"ENDPOINT_NAME": "another"}}) as function:
        failure = asked(platform, function).failure
    assert "AccessDeniedException" in failure
    assert ":endpoint/another " in failure


def test_the_runtime_endpoints_policy_can_deny_it(platform: Platform) -> None:
    ec2, endpoint = platform.aws.client("ec2"), platform.outputs["runtimeEndpoint"]["id"]
    (found,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    policy = found["PolicyDocument"]
    assert ":endpoint/triage" in policy
    other = policy.replace(":endpoint/triage", ":endpoint/other")
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=other)
    try:
        failure = asked(platform).failure
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=policy)
    assert "because no VPC endpoint policy allows the sagemaker:InvokeEndpoint action" in failure


def test_without_its_way_the_group_gets_no_answer(platform: Platform) -> None:
    ec2, client = platform.aws.client("ec2"), platform.outputs["clientSecurityGroupId"]
    (group,) = ec2.describe_security_groups(GroupIds=[client])["SecurityGroups"]
    way = {"GroupId": client, "IpPermissions": group["IpPermissionsEgress"]}
    ec2.revoke_security_group_egress(**way)
    try:
        failure = asked(platform).failure
    finally:
        ec2.authorize_security_group_egress(**way)
    assert "ConnectTimeout" in failure
    assert "there is no path from the caller to sagemaker.runtime" in failure
    assert asked(platform).scores
