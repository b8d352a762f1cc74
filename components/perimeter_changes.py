"""What changes a stack, and the statements that refuse it to all but the deployers.

Actions have a wildcard at their end only, which every version of the language of SCPs and RCPs takes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.guarded import Guarded, unless_deployer
from components.iam import Statement, deny

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
    # Certificates
    "acm:DeleteCertificate",
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
    "acm:AddTags*",
    "acm:RemoveTags*",
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "iam:TagPolicy",
    "iam:TagRole",
    "iam:UntagPolicy",
    "iam:UntagRole",
    "kms:TagResource",
    "kms:UntagResource",
    "logs:TagResource",
    "logs:Untag*",
    "sagemaker:AddTags",
    "sagemaker:DeleteTags",
)
"""What changes a stack's resources: actions for which AWS evaluates `aws:ResourceTag` of the resource that changes.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

BUCKET_CHANGES = (
    "s3:DeleteBucket*",
    "s3:PutBucketP*",  # its policy, and the block of public access
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

GATEWAY_CHANGES = (
    "apigateway:CreateAccessAssociation",
    "apigateway:DELETE",
    "apigateway:P*",  # PATCH, POST and PUT
    "apigateway:Update*",  # the policies of API and name
)
"""What changes the front door's API, its stage, its policy, its name and who is associated with that.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html
"""

WEB_ACL_CHANGE = "apigateway:SetWebACL"
BALANCED_WEB_ACL_CHANGE = "elasticloadbalancing:CreateWebACLAssociation"  # Delete* and Set* are the others
"""What AWS WAF asks of whoever puts a web ACL before a stage or a balancer or takes it off, beside its own actions.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awswafv2.html (AssociateWebACL and
DisassociateWebACL, dependent actions), and the permissions in the schema of AWS::WAFv2::WebACLAssociation.
"""

BALANCER_CHANGES = (
    "ecs:DeleteService",
    "ecs:ExecuteCommand",
    "ecs:TagResource",
    "ecs:Untag*",
    "ecs:UpdateService*",
    "elasticloadbalancing:Add*",  # rules' and listeners' certificates, and tags
    "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:CreateRule",
    "elasticloadbalancing:Delete*",
    "elasticloadbalancing:Modify*",  # whose certificates are taken, and what calls are passed on to
    "elasticloadbalancing:RegisterTargets",
    "elasticloadbalancing:Remove*",
    "elasticloadbalancing:Set*",
)
"""What changes the load balancer, its trust store, its targets and the forwarder, all bounded by the stack's tags.

ECS registers targets by a service-linked role, which no such policy is for. No task starts with the forwarder's role
without `iam:PassRole`.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html and
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
"""

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


def changes(guarded: Guarded) -> list[Statement]:
    """Nobody but the deployers changes the stack. Without any this would lock out everybody, so it is left out."""
    if not guarded.deployers:
        return []
    others = unless_deployer(guarded)
    of_the_stack = {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in guarded.tags.items()}}
    principals = [guarded.account.roles(guarded.iam_path), *guarded.deployers]
    watch = [deny("WatchByDeployers", WATCH_CHANGES, guarded.watch, others)] if guarded.call_log else []
    return [
        deny("ChangesByDeployers", CHANGES, ["*"], of_the_stack | others),
        deny("BucketByDeployers", BUCKET_CHANGES, guarded.buckets, others),
        *watch,
        *_front_door(guarded, others),
        *_balancer(guarded, of_the_stack | others),
        *_name(guarded, others),
        deny("NobodyBecomesOne", TAKEN_OVER, principals, others),
        *_guard_changes(guarded, others),
    ]


def _guard_changes(guarded: Guarded, others: dict[str, Any]) -> list[Statement]:
    """Nobody but the deployers changes the account's guards that are the stack's: those of EC2 in its Region alone."""
    owned = [each for setting, each in GUARD_CHANGES.items() if getattr(guarded.account_guards, setting)]
    regional = [action for each in owned for action in each if action.startswith("ec2:")]
    everywhere = [action for each in owned for action in each if not action.startswith("ec2:")]
    here = {"StringEquals": {"aws:RequestedRegion": guarded.account.region}}
    found = [(regional, "RegionsGuardsByDeployers", here | others), (everywhere, "AccountsGuardsByDeployers", others)]
    return [deny(name, actions, ["*"], condition) for actions, name, condition in found if actions]


def _front_door(guarded: Guarded, others: dict[str, Any]) -> list[Statement]:
    """Nobody but the deployers changes what leads to the models by name: the API, the name and its certificate.

    API Gateway's tags are changed by calls that carry none, so all of it is bounded by ARNs, which have the API's id or
    the name in them, encoded in those of tags; a certificate by the stack's tags.
    """
    door = guarded.front_door
    if door is None:
        return []
    account, name = guarded.account, f"{door.domain_name.lower()}+*"
    gateway = f"arn:{account.partition}:apigateway:{account.region}"
    where = [f"{gateway}:*{door.api}*", f"{gateway}:*/{name}", f"{gateway}::/tags/*{door.domain_name.lower()}*"]
    changed = [*GATEWAY_CHANGES, *([WEB_ACL_CHANGE] if guarded.web_acl else [])]
    return [deny("FrontDoorByDeployers", changed, where, others)]


def _balancer(guarded: Guarded, others: dict[str, Any]) -> list[Statement]:
    """Nobody but the deployers says whose certificates are taken, or who answers."""
    changed = [*BALANCER_CHANGES, *([BALANCED_WEB_ACL_CHANGE] if guarded.web_acl else [])]
    return [deny("BalancerByDeployers", changed, ["*"], others)] if guarded.balanced_name else []


def _name(guarded: Guarded, others: dict[str, Any]) -> list[Statement]:
    """Nobody but the deployers changes the name's record, whatever zone it is in.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html
    """
    name = guarded.front_door.domain_name if guarded.front_door else guarded.balanced_name
    if not name:
        return []
    names = {"route53:ChangeResourceRecordSetsNormalizedRecordNames": [name.lower()]}
    this_name = {"ForAnyValue:StringEquals": names} | others
    return [deny("NameByDeployers", ["route53:ChangeResourceRecordSets"], ["*"], this_name)]
