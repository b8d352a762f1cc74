"""The function's IAM documents allow what Lambda needs in the app subnets, and nothing besides."""

import json
from typing import Any

import parliament
import pytest

KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a"
DENIED = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]
EC2 = "arn:aws:ec2:eu-west-1:123456789012"


@pytest.fixture
def access(consumer: Any, document: dict[str, Any]) -> Any:
    contract = consumer.contract.Contract.read(document)
    return consumer.access.Access(contract=contract, endpoint=contract.endpoint("triage"), name="triage-app-dev")


def statement(policy: dict[str, Any], sid: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in policy["Statement"] if s["Sid"] == sid)
    return found


def test_parliament_finds_nothing(access: Any) -> None:
    findings = parliament.analyze_policy_string(json.dumps(access.execution(KEY))).findings
    # lambda:SourceFunctionArn is of the role's session, for any service (IAM user guide, "AWS global condition context
    # keys"); parliament looks for it among the action's own keys.
    known = [f"Unknown condition lambda:SourceFunctionArn for action {action}" for action in DENIED]
    assert [str(finding.detail) for finding in findings if finding.detail not in known] == []


def test_interfaces_are_made_in_the_contract_s_subnets_and_group_only(access: Any) -> None:
    policy = access.execution(KEY)
    assert set(statement(policy, "CreateNetworkInterfaces")["Resource"]) == {
        f"{EC2}:subnet/subnet-0a",
        f"{EC2}:subnet/subnet-0b",
        f"{EC2}:security-group/sg-0a",
        f"{EC2}:network-interface/*",
    }
    creating = [s["Sid"] for s in policy["Statement"] if s["Effect"] == "Allow" and "Create" in json.dumps(s["Action"])]
    assert creating == ["CreateNetworkInterfaces", "WriteLog"]


def test_the_code_is_denied_every_action_that_lambda_has_on_the_network(access: Any) -> None:
    policy = access.execution(KEY)
    allowed = {
        action
        for allow in policy["Statement"]
        if allow["Effect"] == "Allow"
        for action in ([allow["Action"]] if isinstance(allow["Action"], str) else allow["Action"])
        if action.startswith("ec2:")
    }
    deny = statement(policy, "LeaveTheNetworkToLambda")
    assert (deny["Effect"], deny["Resource"]) == ("Deny", "*")
    assert set(deny["Action"]) == allowed
    assert deny["Condition"] == {
        "ArnEquals": {"lambda:SourceFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:triage-app-dev"}
    }


def test_only_describing_is_allowed_on_everything(access: Any) -> None:
    everywhere = [s for s in access.execution(KEY)["Statement"] if s["Resource"] == "*" and s["Effect"] == "Allow"]
    assert [action for s in everywhere for action in s["Action"] if not action.startswith("ec2:Describe")] == []


def test_the_role_writes_to_its_log_group_and_opens_its_key(access: Any) -> None:
    policy = access.execution(KEY)
    log_group = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/triage-app-dev"
    assert statement(policy, "WriteLog")["Resource"] == f"{log_group}:*"
    assert statement(policy, "DecryptEnvironment")["Resource"] == KEY
    assert statement(access.key_policy(), "LogGroup")["Condition"] == {
        "ArnEquals": {"kms:EncryptionContext:aws:logs:arn": log_group}
    }


def test_principals_are_this_account_and_two_services_on_its_behalf(access: Any) -> None:
    statements = [*access.trust()["Statement"], *access.key_policy()["Statement"]]
    assert [s["Principal"] for s in statements] == [
        {"Service": "lambda.amazonaws.com"},
        {"AWS": "arn:aws:iam::123456789012:root"},
        {"Service": "logs.eu-west-1.amazonaws.com"},
    ]
    assert access.trust()["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
