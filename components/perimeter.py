"""What an account can't refuse by itself, as documents for the organization above it, or for its principals.

SageMaker has no policy that refuses callers: https://docs.aws.amazon.com/sagemaker/latest/dg/interface-vpc-endpoint.html.
A service control policy (SCP) is for all principals of an account but service-linked roles, and for no principal of an
organization's management account; a resource control policy (RCP) is for whoever asks for an account's resources, of
services that have RCPs: S3 and KMS, not SageMaker
(https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html, and …_rcps.html there). A
permissions boundary is for the principals that have it.
"""

import json
from typing import Any

from components.caller_policies import role_arns, ways, ways_of_roles
from components.data_perimeter import Readers, decryption, reads
from components.guarded import Guarded, unless_deployer
from components.iam import Document, Statement, allow, deny, document
from components.perimeter_changes import changes
from components.settings import SettingsError

SCP, RCP, BOUNDARY = "scp", "rcp", "boundary"

LONGEST = {SCP: 5120, RCP: 5120, BOUNDARY: 6144}
"""Characters: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html and, for managed
policies, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""


def documents(guarded: Guarded) -> dict[str, Document]:
    """The documents that refuse something, by kind."""
    calls, changed = _calls(guarded), changes(guarded)
    found = {RCP: document(*_outsiders(guarded), *_reads(guarded))}
    if calls or changed:
        found[SCP] = document(*calls, *changed)
        found[BOUNDARY] = document(allow("Everything", ["*"], ["*"]), *calls, *changed, *_boundary_stays(guarded))
    return {kind: found[kind] for kind in LONGEST if kind in found}


def text(kind: str, written: Document) -> str:
    """A document as JSON without spaces, which Organizations counts.

    Raises SettingsError if it is longer than AWS takes.
    """
    found = json.dumps(written, separators=(",", ":"))
    if len(found) > LONGEST[kind]:
        raise SettingsError(
            f"perimeter: the {kind} has {len(found)} characters, and AWS takes {LONGEST[kind]}. Name fewer "
            "perimeter.deployers, by patterns, or serve fewer endpoints in one stack."
        )
    return found


def _calls(guarded: Guarded) -> list[Statement]:
    """Calls come through the stack's runtime endpoint only, whoever calls but the front door's role.

    API Gateway calls with that from its own network, for callers that came through the front door's VPC endpoint.
    A call with a bearer token is a call of the endpoint, too, and refused as one (components/iam.py: BEARER).
    Callers that live elsewhere come through endpoints of their own: those of other accounts, with their roles alone.
    """
    arns = guarded.account.endpoints(guarded.endpoints)
    if not arns:
        return []
    callers, theirs = guarded.callers, ways(guarded.callers)
    through = [guarded.runtime_endpoint, *theirs] if theirs else guarded.runtime_endpoint
    elsewhere: dict[str, Any] = {"StringNotEquals": {"aws:SourceVpce": through}}
    if guarded.front_door:
        elsewhere["ArnNotEquals"] = {"aws:PrincipalArn": guarded.front_door.role}
    refused = [deny("CallsThroughRuntimeEndpoint", ["sagemaker:InvokeEndpoint*"], arns, elsewhere)]
    if of_roles := ways_of_roles(callers):
        roles = role_arns(guarded.account, guarded.iam_path, guarded.name, callers)
        others = {"StringEquals": {"aws:SourceVpce": of_roles}, "ArnNotEquals": {"aws:PrincipalArn": roles}}
        refused.append(deny("CallersByTheirRoles", ["sagemaker:InvokeEndpoint*"], arns, others))
    return refused


def _boundary_stays(guarded: Guarded) -> list[Statement]:
    """Who has the boundary can't take it off, change it, or make a principal without it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
    """
    arn, others = guarded.boundary, unless_deployer(guarded)
    bounded = ["iam:CreateRole", "iam:CreateUser", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary"]
    taken_off = ["iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"]
    return [
        deny("BoundaryIsGivenOn", bounded, ["*"], {"StringNotEquals": {"iam:PermissionsBoundary": arn}} | others),
        deny("BoundaryStaysOn", taken_off, ["*"], others),
        deny(
            "BoundaryStaysWhole",
            ["iam:CreatePolicyVersion", "iam:DeletePolicy*", "iam:SetDefaultPolicyVersion"],
            [arn],
            others,
        ),
    ]


def _outsiders(guarded: Guarded) -> list[Statement]:
    """Nobody outside the account uses its bucket and keys, and no AWS service does for somebody outside.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_examples.html
    """
    buckets = [arn for bucket in guarded.buckets for arn in (bucket, f"{bucket}/*")]
    resources = [*buckets, *guarded.keys]
    account = guarded.account.id
    theirs = {
        "StringNotEquals": {"aws:PrincipalAccount": account},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
    for_them = {
        "StringNotEquals": {"aws:SourceAccount": account},
        "Null": {"aws:SourceAccount": "false"},  # only services carry it, when they work for somebody
    }
    return [
        deny("OwnPrincipals", ["s3:*", "kms:*"], resources, theirs) | {"Principal": "*"},
        deny("ServicesForThisAccount", ["s3:*", "kms:*"], resources, for_them) | {"Principal": "*"},
    ]


def _reads(guarded: Guarded) -> list[Statement]:
    """What the policies of bucket and key refuse, too: whoever may change those doesn't change this."""
    if not guarded.data_through_vpc:
        return []
    roles = guarded.account.roles(guarded.iam_path)
    readers = Readers(vpc=guarded.vpc, roles=roles, deployers=guarded.deployers)
    return [*reads(readers, f"{guarded.bucket}/*"), decryption(guarded.account, guarded.keys[0])]
