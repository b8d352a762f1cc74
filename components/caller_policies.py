"""The documents of callers that live elsewhere: what each may call through which VPC endpoint, and who takes its role.

SageMaker endpoints have no policy of their own, so whoever calls from another account takes a role of this one. The
requests that follow carry the VPC endpoint of whoever makes them, whosever account that is in:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcevpce
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.iam import INVOKE, INVOKE_STREAM, Account, Arn, Document, Statement, allow, document, targeting
from components.settings import CallerSettings

SESSION_SECONDS = 3600
"""How long a caller's session lasts at most: the least that IAM takes, and the most of a role that takes another.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html (MaxSessionDuration)
"""
LONGEST_ROLE_NAME = 64


def label(caller: CallerSettings) -> str:
    """What a caller's policy or role is called in the program."""
    return f"caller-{caller.name}"


def role_name(stack: str, caller: CallerSettings) -> str:
    """Name of a caller's role, of a stack called PROJECT-STACK: the caller's own policies name its ARN."""
    return f"{stack}-{label(caller)}"


def role_arn(account: Account, iam_path: str, stack: str, caller: CallerSettings) -> str:
    """ARN of a caller's role."""
    return f"arn:{account.partition}:iam::{account.id}:role{iam_path}{role_name(stack, caller)}"


def role_arns(account: Account, iam_path: str, stack: str, callers: Sequence[CallerSettings]) -> list[str]:
    """ARNs of the roles of those callers that have one."""
    return [role_arn(account, iam_path, stack, caller) for caller in callers if caller.account]


@dataclass(frozen=True)
class Called:
    """SageMaker endpoints that a caller may call, and those of them that stream."""

    endpoints: Sequence[Arn]
    streaming: Sequence[Arn]
    choosing: Sequence[tuple[Arn, Sequence[str]]] = ()
    """Further ones, whose calls have to name one of these models."""

    def statements(self, condition: Mapping[str, Arn | Sequence[str]]) -> list[Statement]:
        """Calls of them, where all of these condition keys have these values."""
        holding = {"StringEquals": dict(condition)}
        statements = [allow("Invoke", [INVOKE], list(self.endpoints), holding)] if self.endpoints else []
        if self.streaming:
            statements.append(allow("Stream", [INVOKE_STREAM], list(self.streaming), holding))
        for number, (endpoint, models) in enumerate(self.choosing, 1):
            chosen = {"StringEquals": dict(condition) | targeting(models)}
            statements.append(allow(f"InvokeModels{number}", [INVOKE], [endpoint], chosen))
        return statements


def calls(called: Called, caller: CallerSettings) -> Document:
    """Calls of SageMaker endpoints, through the caller's own VPC endpoints only."""
    return document(*called.statements({"aws:SourceVpce": list(caller.vpc_endpoints)}))


def trust(caller: CallerSettings) -> Document:
    """Lets the caller's named principals take its role: with its external id, through its own STS endpoints.

    The external id is for callers that call for others (the confused deputy), and AWS takes it for no secret:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html. That trusts may test
    where requests come from:
    https://github.com/aws-samples/data-perimeter-policy-examples/blob/main/resource_based_policies/iam_role_trust_policy.json
    """
    return document(
        {
            "Sid": "NamedCallers",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": list(caller.principals)},
            "Condition": {
                "StringEquals": {
                    "sts:ExternalId": caller.external_id,
                    "aws:SourceVpce": list(caller.sts_vpc_endpoints),
                }
            },
        }
    )


# What is the caller's to attach.


def runtime_endpoint_policy(called: Called, principals: Mapping[str, Arn]) -> Document:
    """For the caller's runtime endpoint: calls of these endpoints, by principals that a condition key bounds."""
    return document(*(each | {"Principal": {"AWS": "*"}} for each in called.statements(principals)))


def sts_endpoint_policy(role: Arn) -> Document:
    """For the caller's STS endpoint: its role alone is taken through it."""
    return document(allow("CallersRole", ["sts:AssumeRole"], [role]) | {"Principal": {"AWS": "*"}})


def identity_policy(role: Arn) -> Document:
    """For the caller's principals: they take their role."""
    return document(allow("CallersRole", ["sts:AssumeRole"], [role]))


# What others let pass.


def ways(callers: Sequence[CallerSettings]) -> list[str]:
    """Ids of the VPC endpoints that calls of callers elsewhere come through."""
    return list(dict.fromkeys(each for caller in callers for each in caller.vpc_endpoints))


def ways_of_roles(callers: Sequence[CallerSettings]) -> list[str]:
    """Those of them that belong to callers' roles alone."""
    own = set(ways([caller for caller in callers if not caller.account]))
    return [each for each in ways([caller for caller in callers if caller.account]) if each not in own]
