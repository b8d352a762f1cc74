"""Who may do what: no administrators, no wildcards, roles that only their service can take."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import Severity

from policy.controls import checkov, cis, fsbp, nist, pci, trivy
from policy.findings import Findings, each, for_each
from policy.iam_documents import CONFUSED_DEPUTY, Statement, document_problem, matches_any
from policy.requirements import each_allowing
from policy.resources import Resource
from policy.rules import resource_rule, strings
from policy.schema import takes_no_resource
from private_inference.graph.types import (
    BUCKET,
    BUCKET_POLICY,
    IAM_ROLE,
    KMS_KEY,
    KMS_KEY_POLICY,
    SNS_TOPIC,
    SQS_QUEUE,
    VPC_ENDPOINT,
    VPC_ENDPOINT_POLICY,
)
from private_inference.graph.values import Unknown, known, pick, spread

IDENTITY_POLICIES = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
    IAM_ROLE,
)

RESOURCE_POLICIES: Mapping[str, str] = {
    BUCKET: "policy",
    BUCKET_POLICY: "policy",
    SNS_TOPIC: "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    SQS_QUEUE: "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:ecr/registryPolicy:RegistryPolicy": "policy",
    "aws:secretsmanager/secret:Secret": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:efs/fileSystemPolicy:FileSystemPolicy": "policy",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
    "aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy": "resourcePolicy",
}
"""Policies of what is used, by the property that holds them. Keys and endpoints have rules of their own."""

OTHER_POLICIES: Mapping[str, str] = {
    KMS_KEY: "policy",
    KMS_KEY_POLICY: "policy",
    VPC_ENDPOINT: "policy",
    VPC_ENDPOINT_POLICY: "policy",
    "aws:apigateway/restApi:RestApi": "policy",
    "aws:apigateway/restApiPolicy:RestApiPolicy": "policy",
}

PERMISSION = "aws:lambda/permission:Permission"

LEAST_PRIVILEGE = [nist("AC-6"), pci("7.1.2")]


def documents(resource: Resource) -> Iterator[tuple[str, Any]]:
    """The identity policies of a resource, each with its path; unknown ones included."""
    if resource.type == IAM_ROLE:
        for path, inline in resource.entries("inlinePolicies"):
            yield from spread(f"{path}.policy", pick(inline, "policy"))
    else:
        yield from resource.entries("policy")


def _each_allowing(
    resource: Resource, found: Iterable[tuple[str, Any]], wrong: Callable[[str, Statement], str | None]
) -> Findings:
    """Judge each statement that allows something, of several documents. The labels begin with the document's path."""
    yield from for_each(found, lambda entry: each_allowing(resource, entry[1], wrong, prefix=f"{entry[0]}, "))


@resource_rule(
    types=[*IDENTITY_POLICIES, *RESOURCE_POLICIES, *OTHER_POLICIES],
    controls=LEAST_PRIVILEGE,
    severity=Severity.HIGH,
    fix="write the policy as JSON with a Statement list; `json.dumps` of a dictionary does",
)
def policies_are_documents(resource: Resource) -> Findings:
    """Every policy is a policy document: what can't be read can't be judged, and AWS refuses it half-way through."""
    if resource.type in IDENTITY_POLICIES:
        found = [*documents(resource), *resource.entries("assumeRolePolicy")]
    else:
        key = {**RESOURCE_POLICIES, **OTHER_POLICIES}[resource.type]
        found = resource.entries(key)
    yield from each(resource, found, _malformed)


def _malformed(path: str, document: Any) -> str | None:
    problem = document_problem(document) if document != "" else None
    return f"has a policy that can't be read: {problem} ({path})" if problem else None


@resource_rule(
    types=IDENTITY_POLICIES,
    controls=[
        fsbp("IAM.1", "IAM.21"),
        checkov("CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_286", "CKV_AWS_289", "CKV2_AWS_40"),
        trivy("AWS-0057"),
        cis("1.16"),
        *LEAST_PRIVILEGE,
    ],
    severity=Severity.CRITICAL,
    fix="name the actions that are needed",
)
def no_administrators(resource: Resource) -> Findings:
    """Policies name actions: neither all of them, nor all of a service, nor all but some."""
    yield from _each_allowing(resource, documents(resource), _administers)


def _administers(label: str, statement: Statement) -> str | None:
    if statement.not_actions:
        return f"allows all actions but some ({label}, NotAction)"
    for action in statement.actions:
        service, _, name = str(known(action)).partition(":")
        everything = set(service) <= {"*", "?"}
        if everything or set(name) <= {"*", "?"}:
            return f"allows all actions{'' if everything else ' of a service'} ({label})"
    return None


@resource_rule(
    types=IDENTITY_POLICIES,
    controls=[
        nist("AC-6"),
        checkov("CKV_AWS_355", "CKV_AWS_287", "CKV_AWS_288", "CKV_AWS_290"),
        trivy("AWS-0057"),
        pci("7.1.2"),
    ],
    severity=Severity.HIGH,
    fix="name the ARNs; for actions that take no resource, add them to the rule's `actions`",
    options={"actions": strings("Further actions that take no resource, so that their statement has to say `*`.")},
)
def no_wildcard_resources(resource: Resource, *, actions: Sequence[str]) -> Findings:
    """Policies name resources wherever AWS lets them be named, so that a stolen role opens its own doors only."""

    def wrong(label: str, statement: Statement) -> str | None:
        named = [str(known(action)) for action in statement.actions]
        free = all(takes_no_resource(action) or matches_any(actions, action) for action in named)
        unbounded = statement.any_resource and not (free and not statement.not_actions)
        return f"allows actions on any resource ({label})" if unbounded else None

    yield from _each_allowing(resource, documents(resource), wrong)


@resource_rule(
    types=IDENTITY_POLICIES,
    controls=[nist("AC-6"), checkov("CKV_AWS_286"), pci("7.1.2")],
    severity=Severity.CRITICAL,
    fix="name the roles, and the service that they are passed to with iam:PassedToService",
)
def pass_role_is_bounded(resource: Resource) -> Findings:
    """iam:PassRole names its roles and the service: who can pass any role has the rights of every role."""
    yield from _each_allowing(resource, documents(resource), _passes_any_role)


def _passes_any_role(label: str, statement: Statement) -> str | None:
    if not statement.grants("iam:PassRole"):
        return None
    wild = bool(statement.not_resources) or any(
        str(known(arn)).rpartition("/")[2] in ("*", "") or known(arn) == "*" for arn in statement.resources
    )
    if wild:
        return f"lets any role be passed ({label})"
    return None if statement.requires(["iam:passedtoservice"]) else f"lets roles be passed to any service ({label})"


@resource_rule(
    types=IDENTITY_POLICIES,
    controls=[fsbp("KMS.1", "KMS.2"), nist("AC-6"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="name the ARNs of the keys",
)
def decryption_names_keys(resource: Resource) -> Findings:
    """Policies that let data be decrypted name the keys: all keys means all data of the account."""
    yield from _each_allowing(resource, documents(resource), _decrypts_everything)


def _decrypts_everything(label: str, statement: Statement) -> str | None:
    decrypts = any(statement.grants(action) for action in ("kms:Decrypt", "kms:ReEncryptFrom"))
    wild = any(str(known(arn)) == "*" or str(known(arn)).endswith((":key/*", ":*")) for arn in statement.resources)
    return f"lets data under any key be decrypted ({label})" if decrypts and (wild or statement.not_resources) else None


BROAD = re.compile(r"(?i)job-function/|.*(administrator|poweruser|fullaccess|readonlyaccess|securityaudit)")
"""AWS-managed policies that are wide by design: they reach, or read, all resources of the account."""


@resource_rule(
    types=[
        IAM_ROLE,
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "aws:iam/policyAttachment:PolicyAttachment",
        "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
        "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive",
        "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive",
        "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
        "aws:ssoadmin/managedPolicyAttachmentsExclusive:ManagedPolicyAttachmentsExclusive",
    ],
    controls=[nist("AC-6"), checkov("CKV_AWS_274", "CKV2_AWS_56"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="write a policy with what is needed; AmazonSageMakerFullAccess and its like reach every bucket and role",
)
def no_broad_managed_policies(resource: Resource) -> Findings:
    """No role, user or permission set has one of AWS's policies that reach, or read, all resources."""
    keys = ("managedPolicyArns", "policyArn", "policyArns", "managedPolicyArn")
    yield from each(resource, [entry for key in keys for entry in resource.entries(key)], _is_broad)


def _is_broad(path: str, arn: Any) -> str | None:
    _, managed, name = str(arn).partition(":iam::aws:policy/")
    return f"attaches a policy of AWS that reaches all resources ({path})" if managed and BROAD.match(name) else None


WITHOUT_SOURCE = ("ec2.amazonaws.com", "lambda.amazonaws.com", "ecs-tasks.amazonaws.com")
"""Services whose call to take a role carries no source account, or not always."""


@resource_rule(
    types=[IAM_ROLE],
    controls=[nist("AC-6"), checkov("CKV_AWS_60", "CKV_AWS_61"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="name the service or role, and the account with aws:SourceAccount",
    options={"services": strings("Services that may take a role without aws:SourceAccount.", WITHOUT_SOURCE)},
)
def roles_trust_who_they_must(role: Resource, *, services: Sequence[str]) -> Findings:
    """Roles can be taken by who is named only, and by a service only for this account (the confused deputy)."""

    def wrong(label: str, statement: Statement) -> str | None:
        if statement.not_principals or any("*" in str(known(principal)) for principal in statement.principals):
            return f"can be taken by anyone ({label})"
        if "Federated" in statement.kinds and not statement.requires_suffix(":sub"):
            return f"can be taken by anyone of an identity provider ({label})"
        bound = statement.requires(CONFUSED_DEPUTY)
        loose = [service for service in statement.services if known(service) not in services]
        return f"can be taken by a service for any account ({label})" if loose and not bound else None

    yield from _each_allowing(role, role.entries("assumeRolePolicy"), wrong)


@resource_rule(
    types=[*RESOURCE_POLICIES, PERMISSION],
    controls=[
        fsbp("S3.6", "Lambda.1"),
        checkov("CKV_AWS_70", "CKV_AWS_32", "CKV_AWS_301"),
        trivy("AWS-0032"),
        *LEAST_PRIVILEGE,
    ],
    severity=Severity.CRITICAL,
    fix="name the principals, or bound them with aws:PrincipalAccount, aws:SourceArn or aws:SourceVpce",
)
def resource_policies_name_principals(resource: Resource) -> Findings:
    """Buckets, topics, queues, repositories, secrets and functions allow named principals only, never everyone."""
    if resource.type == PERMISSION:
        sources = [resource.get(key) for key in ("sourceArn", "sourceAccount", "principalOrgId")]
        if resource.get("principal") == "*" and not any(isinstance(s, Unknown) or s for s in sources):
            yield resource.violation("lets everyone call the function (principal)")
        return
    yield from _each_allowing(
        resource,
        resource.entries(RESOURCE_POLICIES[resource.type]),
        lambda label, statement: f"allows everyone ({label})" if statement.anyone else None,
    )
