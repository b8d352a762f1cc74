"""Who is let in by what has a policy of its own: roles, buckets, topics, queues, functions."""

from pulumi_policy import Severity

from policy.controls import checkov, fsbp, nist, pci, trivy
from policy.findings import Findings
from policy.given import documents
from policy.iam_documents import BOUNDING_PRINCIPALS, CONFUSED_DEPUTY, Statement
from policy.identity import LEAST_PRIVILEGE, OF_IDENTITIES, TRUST, each_statement
from policy.resources import Resource
from policy.rules import resource_rule
from private_inference.graph.types import (
    IAM_ROLE,
    KMS_KEY,
    KMS_KEY_POLICY,
    REST_API,
    REST_API_POLICY,
    VPC_ENDPOINT,
    VPC_ENDPOINT_POLICY,
)
from private_inference.graph.values import Unknown, known

PERMISSION = "aws:lambda/permission:Permission"
WITHOUT_SOURCE = (
    "ec2.amazonaws.com",
    "lambda.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "logdelivery.elasticloadbalancing.amazonaws.com",
)
"""Services whose calls carry no source account, or not always."""
SENDING_NO_SOURCE = (*WITHOUT_SOURCE, "events.amazonaws.com")
"""EventBridge assumes roles with one, and sends to topics and queues without."""


@resource_rule(
    types=[IAM_ROLE],
    controls=[nist("AC-6"), checkov("CKV_AWS_60", "CKV_AWS_61"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="name the service or role, and the account with aws:SourceAccount",
)
def roles_trust_who_they_must(role: Resource) -> Findings:
    """Roles can be taken by who is named only, and by a service only for this account (the confused deputy)."""

    def wrong(label: str, statement: Statement) -> str | None:
        if statement.not_principals or any("*" in str(known(principal)) for principal in statement.principals):
            return f"can be taken by anyone ({label})"
        if "Federated" in statement.kinds and not statement.requires_subject:
            return f"can be taken by anyone of an identity provider ({label})"
        bound = statement.requires(CONFUSED_DEPUTY)
        loose = [service for service in statement.services if known(service) not in WITHOUT_SOURCE]
        return f"can be taken by a service for any account ({label})" if loose and not bound else None

    yield from each_statement(role, role.entries(TRUST), wrong)


KEYS = (KMS_KEY, KMS_KEY_POLICY)
"""Services use keys on behalf of callers, whose account the key's policy names."""
WITH_RULES_OF_THEIR_OWN = (
    IAM_ROLE, VPC_ENDPOINT, VPC_ENDPOINT_POLICY, REST_API, REST_API_POLICY,
)  # fmt: skip
"""Types whose policies other rules read."""


@resource_rule(
    types=None,
    controls=[
        fsbp("S3.6", "Lambda.1", "KMS.5"),
        checkov("CKV_AWS_70", "CKV_AWS_32", "CKV_AWS_301", "CKV_AWS_33", "CKV2_AWS_64"),
        trivy("AWS-0032"),
        *LEAST_PRIVILEGE,
    ],
    severity=Severity.CRITICAL,
    fix="name the principals, or bound them with aws:PrincipalAccount, aws:SourceAccount, aws:SourceArn or the like",
)
def resource_policies_name_principals(resource: Resource) -> Findings:
    """Buckets, topics, queues and whatever has a policy allow named principals, and services for this account only."""

    def wrong(label: str, statement: Statement) -> str | None:
        if statement.anyone:
            return f"allows everyone ({label})"
        loose = [service for service in statement.services if known(service) not in SENDING_NO_SOURCE]
        free = resource.type in KEYS or not loose or statement.requires(BOUNDING_PRINCIPALS)
        return None if free else f"allows a service for any account ({label})"

    if resource.type == PERMISSION:
        yield from _permits_anyone(resource)
    elif resource.type not in WITH_RULES_OF_THEIR_OWN:
        found = () if resource.type.startswith(OF_IDENTITIES) else documents(resource)
        yield from each_statement(resource, found, wrong)


def _permits_anyone(permission: Resource) -> Findings:
    """A service, and everyone, needs a source that names an account, which ARNs of S3 do not."""
    principal, source = permission.get("principal"), permission.get("sourceArn")
    sources = [permission.get("sourceAccount"), permission.get("principalOrgId")]
    if not str(known(source)).startswith(("arn:aws:s3:::", "arn:aws-cn:s3:::", "arn:aws-us-gov:s3:::")):
        sources.append(source)
    if any(isinstance(each, Unknown) or each for each in sources):
        return
    if principal == "*":
        yield permission.violation("lets everyone call the function (principal)")
    elif str(known(principal)).endswith(".amazonaws.com"):
        yield permission.violation("lets a service call the function for any account (sourceAccount)")
