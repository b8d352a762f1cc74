"""What an account can't refuse by itself, as documents for the organization above it, or for its principals.

SageMaker has no policy that refuses callers: https://docs.aws.amazon.com/sagemaker/latest/dg/interface-vpc-endpoint.html.
A service control policy (SCP) is for all principals of an account but service-linked roles, and for no principal of an
organization's management account; a resource control policy (RCP) is for whoever asks for an account's resources, of
services that have RCPs: S3 and KMS, not SageMaker
(https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html, and …_rcps.html there). A
permissions boundary is for the principals that have it.

Actions have a wildcard at their end only, which every version of the language of SCPs and RCPs takes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.caller_policies import role_arns, ways, ways_of_roles
from components.data_perimeter import Readers, decryption, reads
from components.iam import Account, Document, Statement, allow, deny, document
from components.settings import AccountGuardsSettings, CallerSettings, SettingsError

SCP, RCP, BOUNDARY = "scp", "rcp", "boundary"

LONGEST = {SCP: 5120, RCP: 5120, BOUNDARY: 6144}
"""Characters: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html and, for managed
policies, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

CHANGES = (
    # Routes, and what leads out of the VPC or into it
    "ec2:AssociateRouteTable",
    "ec2:CreateRoute",
    "ec2:DeleteRoute*",
    "ec2:DisassociateRouteTable",
    "ec2:EnableVgwRoutePropagation",
    "ec2:ReplaceRoute*",
    "ec2:AcceptVpcPeeringConnection",
    "ec2:AttachInternetGateway",
    "ec2:AttachVpnGateway",
    "ec2:CreateEgressOnlyInternetGateway",
    "ec2:CreateNatGateway",
    "ec2:CreateTransitGatewayVpcAttachment",
    "ec2:CreateVpcPeeringConnection",
    "ec2:DetachVpnGateway",
    # VPC endpoints and their policies
    "ec2:CreateVpcEndpoint",
    "ec2:DeleteVpcEndpoints",
    "ec2:ModifyVpcEndpoint",
    # Groups and ACLs
    "ec2:AuthorizeSecurityGroup*",
    "ec2:DeleteSecurityGroup",
    "ec2:ModifySecurityGroupRules",
    "ec2:RevokeSecurityGroup*",
    "ec2:CreateNetworkAclEntry",
    "ec2:DeleteNetworkAcl*",
    "ec2:ReplaceNetworkAcl*",
    # The VPC itself, and its flow logs
    "ec2:AssociateVpcCidrBlock",
    "ec2:DeleteFlowLogs",
    "ec2:DeleteSubnet",
    "ec2:DeleteVpc",
    "ec2:ModifySubnetAttribute",
    "ec2:ModifyVpcAttribute",
    # Keys
    "kms:DeleteAlias",
    "kms:DisableKey*",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:UpdateAlias",
    # Endpoint, configuration and model; another endpoint of the same configuration would be open to calls
    "sagemaker:CreateEndpoint",
    "sagemaker:DeleteEndpoint*",
    "sagemaker:DeleteModel",
    "sagemaker:UpdateEndpoint*",
    # Log groups
    "logs:AssociateKmsKey",
    "logs:DeleteLogGroup",
    "logs:DeleteLogStream",
    "logs:DeleteRetentionPolicy",
    "logs:DisassociateKmsKey",
    "logs:PutRetentionPolicy",
    "logs:PutSubscriptionFilter",
    # Roles, and the policies that are handed out
    "iam:AttachRolePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy*",
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    # The tags that bound this
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "iam:TagPolicy",
    "iam:TagRole",
    "iam:UntagPolicy",
    "iam:UntagRole",
    "kms:TagResource",
    "kms:UntagResource",
    "logs:TagResource",
    "logs:UntagLogGroup",
    "logs:UntagResource",
    "sagemaker:AddTags",
    "sagemaker:DeleteTags",
)
"""What changes a stack's resources: actions for which AWS evaluates `aws:ResourceTag` of the resource that changes.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

BUCKET_CHANGES = (
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
)
"""What changes a bucket: bounded by its ARN, for only buckets that were opened to it are bounded by tags."""

WATCH_CHANGES = (
    "cloudtrail:DeleteTrail",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:StopLogging",
    "cloudtrail:UpdateTrail",
    "events:DeleteRule",
    "events:DisableRule",
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "s3:DeleteObject*",
)
"""What would end that calls from outside are told, or remove their log."""
GUARD_CHANGES: Mapping[str, Sequence[str]] = {
    "vpc_block_public_access": (
        "ec2:CreateVpcBlockPublicAccessExclusion",
        "ec2:ModifyVpcBlockPublicAccess*",
    ),
    "ebs_default_key_arn": (
        "ec2:DisableEbsEncryptionByDefault",
        "ec2:ModifyEbsDefaultKmsKeyId",
        "ec2:ResetEbsDefaultKmsKeyId",
    ),
    "ebs_snapshot_block_public_access": (
        "ec2:DisableSnapshotBlockPublicAccess",
        "ec2:EnableSnapshotBlockPublicAccess",  # in a weaker state, too
    ),
    "s3_block_public_access": ("s3:PutAccountPublicAccessBlock",),
}
"""What changes a guard of the whole account, by the setting that makes it this stack's. They have no resource."""

TAKEN_OVER = (
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreateRole",
    "iam:PassRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
)
"""How somebody becomes one of the stack's roles, or a deployer. Tags don't bound them: a role that is created has none
yet, and AWS calls them unreliable for PassRole (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html).
"""


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A stack as the documents see it. All is plain: who has outputs waits for them."""

    account: Account
    tags: Mapping[str, str]
    """Tags that all its resources have, and no other's have."""
    iam_path: str
    endpoints: Sequence[str]
    """Names of its SageMaker endpoints."""
    runtime_endpoint: str
    """Id of the VPC endpoint that calls come through."""
    bucket: str
    """Its ARN."""
    keys: Sequence[str]
    """Their ARNs; the first encrypts artifacts."""
    call_log: str | None
    """ARN of the bucket with the log of calls, if there is one."""
    deployers: Sequence[str]
    """ARNs, or patterns of them, of the principals that may change the stack."""
    vpc: str
    data_through_vpc: bool
    """Whether artifacts are read through the VPC only."""
    account_guards: AccountGuardsSettings
    """The guards of the account that are the stack's."""
    front_door: str | None = None
    """ARN of the role that API Gateway calls with for the front door's callers, if there is a front door."""
    callers: Sequence[CallerSettings] = ()
    """Those that live elsewhere."""

    @property
    def buckets(self) -> Sequence[str]:
        """ARNs of the buckets of artifacts and of the log of calls."""
        return [self.bucket, *filter(None, [self.call_log])]

    @property
    def watch(self) -> Sequence[str]:
        """ARNs of the trail that logs calls, the rules that tell of those from outside, and the log's objects."""
        name = f"{self.name}-calls"
        rule, trail = self.account.arn("events", f"rule/{name}"), self.account.arn("cloudtrail", f"trail/{name}")
        by_others = [f"{rule}-by-others"] if ways_of_roles(self.callers) else []
        return [trail, rule, *by_others, f"{self.call_log}/*"]

    @property
    def name(self) -> str:
        """PROJECT-STACK, with which the names of its resources begin."""
        return self.iam_path.strip("/").replace("/", "-")

    @property
    def boundary(self) -> str:
        """ARN of the managed policy that the boundary is: its name is unique in the account, whatever its path."""
        name = f"{self.name}-boundary"
        return f"arn:{self.account.partition}:iam::{self.account.id}:policy{self.iam_path}{name}"


def documents(guarded: Guarded) -> dict[str, Document]:
    """The documents that refuse something, by kind."""
    calls, changes = _calls(guarded), _changes(guarded)
    found = {RCP: document(*_outsiders(guarded), *_reads(guarded))}
    if calls or changes:
        found[SCP] = document(*calls, *changes)
        found[BOUNDARY] = document(allow("Everything", ["*"], ["*"]), *calls, *changes, *_boundary_stays(guarded))
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
    Callers that live elsewhere come through endpoints of their own: those of other accounts, with their roles alone.
    """
    arns = guarded.account.endpoints(guarded.endpoints)
    if not arns:
        return []
    callers, theirs = guarded.callers, ways(guarded.callers)
    through = [guarded.runtime_endpoint, *theirs] if theirs else guarded.runtime_endpoint
    elsewhere: dict[str, Any] = {"StringNotEquals": {"aws:SourceVpce": through}}
    if guarded.front_door:
        elsewhere["ArnNotEquals"] = {"aws:PrincipalArn": guarded.front_door}
    refused = [deny("CallsThroughRuntimeEndpoint", ["sagemaker:InvokeEndpoint*"], arns, elsewhere)]
    if of_roles := ways_of_roles(callers):
        roles = role_arns(guarded.account, guarded.iam_path, guarded.name, callers)
        others = {"StringEquals": {"aws:SourceVpce": of_roles}, "ArnNotEquals": {"aws:PrincipalArn": roles}}
        refused.append(deny("CallersByTheirRoles", ["sagemaker:InvokeEndpoint*"], arns, others))
    return refused


def _changes(guarded: Guarded) -> list[Statement]:
    """Nobody but the deployers changes the stack. Without any this would lock out everybody, so it is left out."""
    if not guarded.deployers:
        return []
    others = _unless_deployer(guarded)
    of_the_stack = {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in guarded.tags.items()}}
    principals = [guarded.account.roles(guarded.iam_path), *guarded.deployers]
    watch = [deny("WatchByDeployers", WATCH_CHANGES, guarded.watch, others)] if guarded.call_log else []
    return [
        deny("ChangesByDeployers", CHANGES, ["*"], of_the_stack | others),
        deny("BucketByDeployers", BUCKET_CHANGES, guarded.buckets, others),
        *watch,
        deny("NobodyBecomesOne", TAKEN_OVER, principals, others),
        *_guard_changes(guarded, others),
    ]


def _guard_changes(guarded: Guarded, others: dict[str, Any]) -> list[Statement]:
    """Nobody but the deployers changes the account's guards that are the stack's: those of EC2 in its Region alone."""
    changes = [each for setting, each in GUARD_CHANGES.items() if getattr(guarded.account_guards, setting)]
    regional = [action for each in changes for action in each if action.startswith("ec2:")]
    everywhere = [action for each in changes for action in each if not action.startswith("ec2:")]
    here = {"StringEquals": {"aws:RequestedRegion": guarded.account.region}}
    found = [(regional, "RegionsGuardsByDeployers", here | others), (everywhere, "AccountsGuardsByDeployers", others)]
    return [deny(name, actions, ["*"], condition) for actions, name, condition in found if actions]


def _boundary_stays(guarded: Guarded) -> list[Statement]:
    """Who has the boundary can't take it off, change it, or make a principal without it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
    """
    arn, others = guarded.boundary, _unless_deployer(guarded)
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


def _unless_deployer(guarded: Guarded) -> dict[str, Any]:
    return {"ArnNotLike": {"aws:PrincipalArn": list(guarded.deployers)}} if guarded.deployers else {}
