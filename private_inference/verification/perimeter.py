"""The organization's policies for this account, where the program attaches them: are they there, and do they refuse?"""

from collections.abc import Iterator
from functools import partial

from components.settings.perimeter import POLICY_TYPES
from private_inference.verification.checks import Assertion, Result, result
from private_inference.verification.controls import LEAST_PRIVILEGE
from private_inference.verification.deployed import Deployed
from private_inference.verification.policies import Statement, statements

CHANGES = frozenset({"ec2:CreateRoute", "ec2:ModifyVpcEndpoint", "kms:PutKeyPolicy", "sagemaker:UpdateEndpoint*"})
"""Some changes of each kind that others than the deployers must not make."""

GATEWAY_CHANGES = frozenset({"apigateway:DELETE", "apigateway:P*", "apigateway:Update*"})
RECORD_CHANGE, RECORD_NAMES = (
    "route53:ChangeResourceRecordSets",
    "route53:ChangeResourceRecordSetsNormalizedRecordNames",
)

GUARD_CHANGES = {
    "vpc_block_public_access": "ec2:CreateVpcBlockPublicAccessExclusion",
    "ebs_default_key_arn": "ec2:DisableEbsEncryptionByDefault",
    "ebs_snapshot_block_public_access": "ec2:DisableSnapshotBlockPublicAccess",
    "s3_block_public_access": "s3:PutAccountPublicAccessBlock",
}
"""A change of each guard of the account, by the setting that makes it the stack's."""


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """One for each attached policy."""
    for kind in stack.desired.settings.perimeter.attach:
        name = f"{stack.desired.name}-{kind}"
        yield Assertion(
            "Perimeter", f"{name} is attached to this account", partial(_attached, stack, kind, name), LEAST_PRIVILEGE
        )


def _attached(stack: Deployed, kind: str, name: str) -> Result:
    where = {"TargetId": stack.desired.account, "Filter": POLICY_TYPES[kind]}
    listed = stack.aws.all("organizations", "list_policies_for_target", "Policies", **where)
    found = [policy["Id"] for policy in listed if policy["Name"] == name]
    if not found:
        return Result("it is not", False)
    content = stack.aws.get("organizations", "describe_policy", PolicyId=found[0])["Policy"]["Content"]
    refusing = [statement for statement in statements(content) if not statement.allows]
    faults = [*(_scp_faults if kind == "scp" else _rcp_faults)(stack, refusing)]
    return result(f"{len(refusing)} statements refuse", faults)


def _scp_faults(stack: Deployed, refusing: list[Statement]) -> Iterator[str]:
    contract, settings = stack.desired.contract, stack.desired.settings
    endpoints = {endpoint.arn for endpoint in contract.endpoints.values()}
    calls = [s for s in refusing if s.actions & {"sagemaker:InvokeEndpoint*"} and endpoints <= s.resources]
    elsewhere = [each for caller in settings.callers for each in caller.vpc_endpoints]
    through = ("StringNotEquals", "aws:SourceVpce", contract.runtime_endpoint.id, *elsewhere)
    exempt = [("ArnNotEquals", "aws:PrincipalArn", role) for role in _front_doors_role(stack)]
    if endpoints and not any(
        all(s.requires(*each) for each in (through, *exempt)) and len(s.conditions) == 1 + len(exempt) for s in calls
    ):
        yield "nothing refuses calls around the runtime endpoint"
    tags = {"Project": stack.desired.project, "Stack": stack.desired.stack}
    changes = [
        s
        for s in refusing
        if s.actions >= CHANGES
        and "*" in s.resources
        and s.requires("ArnNotLike", "aws:PrincipalArn", *settings.perimeter.deployers)
        and all(s.requires("StringEquals", f"aws:ResourceTag/{key}", value) for key, value in tags.items())
        and len(s.conditions) == 3
    ]
    if not changes:
        yield "nothing refuses changes by others than the deployers"
    yield from _front_door_faults(stack, refusing)
    for setting, action in GUARD_CHANGES.items():
        if getattr(settings.account_guards, setting) and not any(_keeps(stack, s, action) for s in refusing):
            yield f"nothing refuses {action} by others than the deployers"


def _front_doors_role(stack: Deployed) -> Iterator[str]:
    """ARN of the role with which API Gateway calls, from no VPC endpoint: alone exempt, if there is a front door."""
    desired = stack.desired
    if desired.settings.private_api:
        yield f"arn:{desired.partition}:iam::{desired.account}:role{desired.iam_path}{desired.name}-front-door"


def _front_door_faults(stack: Deployed, refusing: list[Statement]) -> Iterator[str]:
    desired, promised = stack.desired, stack.desired.contract.front_door
    if not promised or not desired.settings.private_api:
        return
    name = desired.settings.private_api.domain_name.lower()
    place = f"arn:{desired.partition}:apigateway:{desired.contract.region}"
    guarded = {f"{place}:*{promised.api_id}*", f"{place}:*/{name}+*"}
    others = ("ArnNotLike", "aws:PrincipalArn", *desired.settings.perimeter.deployers)
    of_name = ("ForAnyValue:StringEquals", RECORD_NAMES, name)
    if not any(
        s.actions >= GATEWAY_CHANGES and s.resources >= guarded and s.requires(*others) and len(s.conditions) == 1
        for s in refusing
    ):
        yield "nothing refuses changes of the front door's API and name by others than the deployers"
    if not any(
        RECORD_CHANGE in s.actions
        and "*" in s.resources
        and s.requires(*others)
        and s.requires(*of_name)
        and len(s.conditions) == 2
        for s in refusing
    ):
        yield "nothing refuses changes of the front door's record by others than the deployers"


def _keeps(stack: Deployed, statement: Statement, action: str) -> bool:
    """Whether a statement refuses a change of a guard of the account, at least in the stack's Region."""
    others = ("ArnNotLike", "aws:PrincipalArn", *stack.desired.settings.perimeter.deployers)
    here = ("StringEquals", "aws:RequestedRegion", stack.desired.contract.region)
    return (
        action in statement.actions
        and "*" in statement.resources
        and statement.requires(*others)
        and len(statement.conditions) == 1 + statement.requires(*here)
    )


def _rcp_faults(stack: Deployed, refusing: list[Statement]) -> Iterator[str]:
    desired, keys = stack.desired, stack.desired.contract.key_arns
    bucket = f"arn:{desired.partition}:s3:::{stack.bucket}"
    guarded = {bucket, f"{bucket}/*", keys.data, keys.logs, keys.notifications}
    if desired.settings.logs_calls:
        log = f"arn:{desired.partition}:s3:::{stack.trail['S3BucketName']}"
        guarded |= {log, f"{log}/*"}
    whole = [s for s in refusing if s.actions >= {"s3:*", "kms:*"} and s.resources >= guarded and "*" in s.principals]
    if not any(s.requires("StringNotEquals", "aws:PrincipalAccount", desired.account) for s in whole):
        yield "nothing refuses other accounts"
    if not any(s.requires("StringNotEquals", "aws:SourceAccount", desired.account) for s in whole):
        yield "nothing refuses services that work for other accounts"
