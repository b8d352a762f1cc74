"""Who may do what: no administrators, no wildcards, roles that only their service can take."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from pulumi_policy import Severity

from policy.controls import checkov, cis, fsbp, hipaa, nist, pci, trivy
from policy.findings import Findings, each, for_each
from policy.given import Given, documents, each_value
from policy.iam_documents import CONFUSED_DEPUTY, Statement, document_problem, readable
from policy.requirements import each_allowing
from policy.resources import Resource, Stack
from policy.rules import each_of, resource_rule, stack_rule
from policy.schema import corrections, is_granted_on_any_resource, takes_no_resource
from private_inference.graph.types import IAM_ROLE, IAM_ROLE_POLICY
from private_inference.graph.values import Unknown, known

OF_IDENTITIES = ("aws:iam/", "aws:ssoadmin/")
TRUST = "assumeRolePolicy"
"""Where policies are those of identities, though they aren't known yet, and where not."""

LEAST_PRIVILEGE = [nist("AC-6"), pci("7.1.2")]


Wrong = Callable[[str, Statement], str | None]
"""What is wrong with a statement, by its label and itself."""


def each_statement(resource: Resource, found: Iterable[tuple[str, Any]], wrong: Wrong) -> Findings:
    """Judge each statement that allows something, of several documents. The labels begin with the document's path."""
    yield from for_each(found, lambda entry: each_allowing(resource, entry[1], wrong, prefix=f"{entry[0]}, "))


def _each_granting(resource: Resource, wrong: Wrong) -> Findings:
    """The same for what whoever holds a policy may do: the statement names no principals."""
    granting = [
        (path, document)
        for path, document in documents(resource)
        if not isinstance(document, Unknown) or (resource.type.startswith(OF_IDENTITIES) and path != TRUST)
    ]

    def judged(label: str, statement: Statement) -> str | None:
        told = wrong is not _administers and _administers(label, statement)  # by no-administrators, once
        return None if statement.names_principals or told else wrong(label, statement)

    if resource.type not in corrections()["documents"]["limits"]:
        yield from each_statement(resource, granting, judged)


@resource_rule(
    types=None,
    controls=LEAST_PRIVILEGE,
    severity=Severity.HIGH,
    fix="write the policy as JSON with a Statement list; `json.dumps` of a dictionary does",
)
def policies_are_documents(resource: Resource) -> Findings:
    """Every policy is a policy document: what can't be read can't be judged, and AWS refuses it half-way through."""
    yield from each(resource, documents(resource), _malformed)


def _malformed(path: str, document: Any) -> str | None:
    problem = document_problem(document)
    return f"has a policy that can't be read: {problem} ({path})" if problem else None


@resource_rule(
    types=None,
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
    yield from _each_granting(resource, _administers)


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
    types=None,
    controls=[
        nist("AC-6"),
        checkov("CKV_AWS_355", "CKV_AWS_286", "CKV_AWS_287", "CKV_AWS_288", "CKV_AWS_290"),
        fsbp("KMS.1", "KMS.2"),
        trivy("AWS-0057"),
        pci("7.1.2"),
    ],
    severity=Severity.HIGH,
    fix="name the ARNs",
)
def no_wildcard_resources(resource: Resource) -> Findings:
    """Policies name resources wherever AWS lets them be named, so that a stolen role opens its own doors only."""
    yield from _each_granting(resource, _reaches_any_resource)


OPENING = ("iam:PassRole", "kms:Decrypt", "kms:ReEncryptFrom")
"""Actions on what opens other things: all roles or keys of an account are as much as all resources."""


def _reaches_any_resource(label: str, statement: Statement) -> str | None:
    named = [str(known(action)) for action in statement.actions]
    free = not statement.not_actions and all(takes_no_resource(a) or is_granted_on_any_resource(a) for a in named)
    if statement.any_resource and not free:
        return f"allows actions on any resource ({label})"
    wild = bool(statement.not_resources) or any(
        re.fullmatch(r"(.*[:/])?\*?", str(known(a))) for a in statement.resources
    )
    opening = next((action for action in OPENING if wild and statement.grants(action)), None)
    if opening:
        return f"allows {opening} on everything of its kind ({label})"
    anywhere = any(re.match(r"arn:[^:]*:iam::\*:", str(known(arn))) for arn in statement.resources)
    return (
        f"allows sts:AssumeRole in any account ({label})" if anywhere and statement.grants("sts:AssumeRole") else None
    )


@resource_rule(
    types=None,
    controls=[nist("AC-6"), checkov("CKV_AWS_286"), pci("7.1.2")],
    severity=Severity.CRITICAL,
    fix="name the service that they are passed to with iam:PassedToService",
)
def pass_role_is_bounded(resource: Resource) -> Findings:
    """iam:PassRole names the service: who can pass a role to any service has its rights wherever code can run."""
    yield from _each_granting(resource, _passes_to_anything)


def _passes_to_anything(label: str, statement: Statement) -> str | None:
    passes = statement.grants("iam:PassRole") and not statement.requires(["iam:passedtoservice"])
    return f"lets roles be passed to any service ({label})" if passes else None


BROAD = re.compile(
    r"(?i)arn:[^:]*:(iam|eks)::aws:(policy|cluster-access-policy)/"
    r"(job-function/|.*(administrator|clusteradmin|poweruser|fullaccess|readonlyaccess|securityaudit))"
)
"""Policies of AWS's that are wide by design: they reach, or read, all resources of the account or cluster."""


@resource_rule(
    types=None,
    controls=[nist("AC-6"), checkov("CKV_AWS_274", "CKV2_AWS_56"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="write a policy with what is needed; AmazonSageMakerFullAccess and its like reach every bucket and role",
)
def no_broad_managed_policies(resource: Resource) -> Findings:
    """No role, user, group, permission set or cluster gets one of AWS's policies that reach, or read, everything."""
    yield from each_value(resource, _is_broad)


def _is_broad(given: Given) -> str | None:
    attached = given.name.lower().endswith(("policyarn", "policyarns")) and known(given.value)
    return "attaches a policy of AWS that reaches all resources" if attached and BROAD.match(given.text) else None


ESCALATING = tuple(
    f"iam:{action}"
    for action in (
        "AddUserToGroup", "AttachGroupPolicy", "AttachRolePolicy", "AttachUserPolicy", "CreateAccessKey",
        "CreateLoginProfile", "CreatePolicyVersion", "CreateServiceSpecificCredential", "DeleteGroupPolicy",
        "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DeleteUserPermissionsBoundary", "DeleteUserPolicy",
        "DetachGroupPolicy", "DetachRolePolicy", "DetachUserPolicy", "PutGroupPolicy", "PutRolePermissionsBoundary",
        "PutRolePolicy", "PutUserPermissionsBoundary", "PutUserPolicy", "ResyncMFADevice", "SetDefaultPolicyVersion",
        "UpdateAccessKey", "UpdateAssumeRolePolicy", "UpdateLoginProfile", "UploadSigningCertificate",
    )
)  # fmt: skip
"""Actions that change what somebody may do, or who may be somebody: who has them can get more than was given.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
(access level "Permissions management", and credentials)
"""
BOUNDED_BY = ("iam:permissionsboundary", "iam:policyarn")
BY_A_SERVICE = re.compile(r"(?i)arn:[^:]*:(states|scheduler):[^:]*:[^:]*:aws-sdk:(iam|sts|organizations|kms|ssoadmin):")


@resource_rule(
    types=None,
    controls=[nist("AC-6(10)"), checkov("CKV_AWS_286", "CKV_AWS_289"), pci("7.1.2")],
    severity=Severity.CRITICAL,
    fix="leave permissions to those who deploy; or require iam:PermissionsBoundary or iam:PolicyARN in a condition",
)
def nobody_raises_permissions(resource: Resource) -> Findings:
    """Nobody may change permissions or credentials, by a policy or a workflow: that gives what no policy says."""
    yield from _each_granting(resource, _escalates)
    yield from each_value(resource, lambda given: "calls IAM by itself" if BY_A_SERVICE.search(given.text) else None)


def _escalates(label: str, statement: Statement) -> str | None:
    if statement.requires(BOUNDED_BY):
        return None
    granted = next((action for action in ESCALATING if statement.grants(action)), None)
    return f"lets permissions be changed by {granted} ({label})" if granted else None


INVOKING = (
    "sagemaker:InvokeEndpoint",
    "sagemaker:InvokeEndpointAsync",
    "sagemaker:InvokeEndpointWithResponseStream",
    "sagemaker:CallWithBearerToken",
)


INTEGRATION = "aws:apigateway/integration:Integration"
API_GATEWAY = "apigateway.amazonaws.com"


@stack_rule(
    controls=[nist("AC-4(21)", "AC-6"), hipaa("164.312(e)(1)")],
    severity=Severity.HIGH,
    fix="use the stack's invoke policy, or require aws:SourceVpce (or aws:SourceVpc) in a condition",
)
@each_of(lambda stack: stack)
def models_are_called_from_inside(stack: Stack, resource: Resource) -> Findings:
    """Who may call a model may do so through a VPC endpoint only: SageMaker itself refuses nobody on the internet.

    API Gateway calls from its own network: a role that it alone takes, for an API of this stack, may do so without.
    """
    if not _is_for_an_api(stack, resource):
        yield from _each_granting(resource, _calls_from_anywhere)


def _is_for_an_api(stack: Stack, policy: Resource) -> bool:
    """Whether a policy is that of a role which an API of this stack calls with, and nobody but API Gateway takes."""
    roles = stack.targets(policy, "role", type_=IAM_ROLE) if policy.type == IAM_ROLE_POLICY else []
    return bool(roles) and all(
        _taken_by_api_gateway(role) and stack.referring([INTEGRATION], ["credentials"], role) for role in roles
    )


def _taken_by_api_gateway(role: Resource) -> bool:
    trusting = [statement for statement in readable(role.get(TRUST)) if statement.allows]
    return bool(trusting) and all(
        [known(each) for each in statement.principals] == [API_GATEWAY] and statement.requires(CONFUSED_DEPUTY)
        for statement in trusting
    )


def _calls_from_anywhere(label: str, statement: Statement) -> str | None:
    if statement.requires(["aws:sourcevpc"]):
        return None
    granted = next((action for action in INVOKING if statement.grants(action)), None)
    return f"allows {granted} from anywhere ({label})" if granted else None
