"""The team's Pulumi program, unchanged, against a platform that has the contract as its outputs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest

from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack
from private_inference.runner.resource import Resource, Run

PROJECT = Path(__file__).parents[3] / "examples" / "consumer"


@dataclass
class Platform:
    """An engine that knows the platform's outputs and answers a resource with its inputs, an id and an ARN."""

    contract: Mapping[str, Any]
    references: list[str] = field(default_factory=list)

    def create(self, resource: Resource) -> tuple[str, Mapping[str, Any]]:
        if resource.type == "pulumi:pulumi:StackReference":
            self.references.append(resource.name)
            return resource.name, {"name": resource.name, "outputs": self.contract, "secretOutputNames": []}
        return f"{resource.name}-id", {"name": resource.name, "arn": f"arn:{resource.type}"} | dict(resource.properties)

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AssertionError(f"the program looked up {token}")

    def client(self, service: str) -> None:
        return None


@pytest.fixture
def run(document: dict[str, Any]) -> Run:
    return run_program(load_stack(PROJECT, "dev"), Platform(document))


def only(run: Run, type_: str) -> Resource:
    (found,) = [resource for resource in run.resources if resource.type == type_]
    return found


def test_it_reads_the_platform_s_stack(document: dict[str, Any]) -> None:
    platform = Platform(document)
    run_program(load_stack(PROJECT, "dev"), platform)
    assert platform.references == ["organization/private-inference/dev"]


def test_the_function_runs_in_the_app_subnets_behind_the_client_group(run: Run, document: dict[str, Any]) -> None:
    function = only(run, "aws:lambda/function:Function").properties
    assert function["vpcConfig"] == {
        "subnetIds": document["appSubnetIds"],
        "securityGroupIds": [document["clientSecurityGroupId"]],
    }
    assert function["region"] == document["region"]
    assert function["environment"] == {"variables": {"ENDPOINT_NAME": "triage"}}


def test_the_function_s_code_is_the_handler(run: Run, consumer: Any) -> None:
    function = only(run, "aws:lambda/function:Function").properties
    module, name = function["handler"].split(".")
    assert list(function["code"].assets) == [f"{module}.py"]
    assert (PROJECT / function["code"].assets[f"{module}.py"].path).is_file()
    assert callable(getattr(consumer.handler, name))


def test_the_role_has_the_contract_s_invoke_policy_before_the_function_is_made(
    run: Run, document: dict[str, Any]
) -> None:
    attachment = only(run, "aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    execution = only(run, "aws:iam/rolePolicy:RolePolicy")
    role = only(run, "aws:iam/role:Role")
    function = only(run, "aws:lambda/function:Function")
    assert attachment.properties["policyArn"] == document["endpoints"]["triage"]["invokePolicyArn"]
    assert attachment.properties["role"] == role.outputs["name"]
    assert function.properties["role"] == role.outputs["arn"]
    assert {attachment.urn, execution.urn} <= set(function.dependencies)


def test_log_and_environment_are_under_the_team_s_own_key(run: Run) -> None:
    key, log_group = only(run, "aws:kms/key:Key"), only(run, "aws:cloudwatch/logGroup:LogGroup")
    function = only(run, "aws:lambda/function:Function").properties
    assert key.properties["enableKeyRotation"] is True
    assert log_group.properties["kmsKeyId"] == key.outputs["arn"] == function["kmsKeyArn"]
    assert log_group.properties["retentionInDays"] == 365
    assert function["loggingConfig"]["logGroup"] == log_group.properties["name"]


def test_the_policies_are_about_this_function_and_this_log_group(run: Run) -> None:
    function = only(run, "aws:lambda/function:Function").properties["name"]
    log_group = only(run, "aws:cloudwatch/logGroup:LogGroup").properties["name"]
    execution = only(run, "aws:iam/rolePolicy:RolePolicy").properties["policy"]
    assert f":function:{function}" in execution
    assert f":log-group:{log_group}:*" in execution
    assert json.loads(execution)["Statement"][-1]["Resource"] == only(run, "aws:kms/key:Key").outputs["arn"]
    assert f":log-group:{log_group}" in only(run, "aws:kms/key:Key").properties["policy"]


def test_nothing_else_is_made(run: Run) -> None:
    # No function URL, no permission for another principal, no security group, no gateway.
    assert sorted(resource.type for resource in run.resources if resource.custom) == [
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:kms/key:Key",
        "aws:lambda/function:Function",
        "pulumi:pulumi:StackReference",
    ]


def test_exports(run: Run) -> None:
    assert run.outputs == {"functionName": "triage-app-dev", "functionArn": "arn:aws:lambda/function:Function"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"contractVersion": "2"}, "contractVersion is '2'"),
        ({"endpoints": {}}, "no endpoint 'triage'; it has: none"),
        ({"appSubnetIds": None}, "appSubnetIds"),
    ],
)
def test_a_contract_that_can_t_be_used_stops_it_with_the_reason(
    document: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    platform = Platform(document | change)
    with pytest.raises(pulumi.RunError, match=f"organization/private-inference/dev: .*{reason}"):
        run_program(load_stack(PROJECT, "dev"), platform)
