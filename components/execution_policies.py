"""What an execution role may do, as pure functions: start and run one model, and manage its network interfaces."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.iam import PULL_IMAGE, WRITE_LOGS, Account, Arn, Document, Statement, allow, document, each_once


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What one endpoint's execution role may touch: the resources of what serves and of what will serve.

    SageMaker needs them as long as the endpoint uses them: it replaces instances and adds new ones with this role.
    https://docs.aws.amazon.com/sagemaker/latest/dg/best-practice-endpoint-security.html
    """

    artifacts: Sequence[Arn]
    """S3 objects, or patterns of them."""
    artifact_keys: Sequence[Arn]
    """Keys of artifacts that the data key does not encrypt."""
    image_repositories: Sequence[Arn]
    log_groups: Sequence[Arn]
    """Of the endpoint, and of its inference components."""
    rollback_alarms: Sequence[Arn]
    """Alarms that roll an update back: SageMaker looks at them with this role."""
    data_key: Arn
    subnets: Sequence[Arn]
    security_groups: Sequence[Arn]
    unscoped_interfaces: bool
    """Whether network interfaces may be made in AWS's published form, on every resource."""


def execution_role(account: Account, serving: Serving, *further: Statement) -> Document:
    """What SageMaker needs to start and run one model.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
    """
    return document(
        allow("Artifact", ["s3:GetObject"], each_once(serving.artifacts)),
        allow("Keys", ["kms:Decrypt", "kms:DescribeKey"], each_once([serving.data_key, *serving.artifact_keys])),
        allow(
            "VolumeGrant",
            ["kms:CreateGrant"],
            [serving.data_key],
            {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
        allow("Image", PULL_IMAGE, each_once(serving.image_repositories)),
        allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Logs", WRITE_LOGS, [pulumi.Output.concat(each, ":*") for each in serving.log_groups]),
        allow(
            "Metrics",
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        ),
        *_rollback(serving),
        allow(
            "CreateInterfaces",
            ["ec2:CreateNetworkInterface"],
            # An interface that is being created has no subnet yet that a condition could test. AWS evaluates every
            # resource involved, so the subnets and the groups bound where it can be.
            ["*"]
            if serving.unscoped_interfaces
            else each_once([*serving.subnets, *serving.security_groups, account.arn("ec2", "network-interface/*")]),
        ),
        *further,
    )


def network_interfaces(account: Account, vpc: Arn, *, unscoped: bool) -> Document:
    """What SageMaker needs to manage the network interfaces that it made, and to remove them.

    It removes them after the endpoint is deleted, and from subnets that the model has left: the VPC is the bound. The
    condition key takes an ARN: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html.
    With `unscoped`, the form that AWS publishes: https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html.
    """
    actions = (
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission",
    )
    interfaces = account.arn("ec2", "network-interface/*")
    return document(
        allow("ManageInterfaces", actions, ["*"])
        if unscoped
        else allow("ManageInterfaces", actions, [interfaces], {"ArnEquals": {"ec2:Vpc": vpc}}),
        allow(
            "DescribeNetwork",
            [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcEndpoints",
                "ec2:DescribeVpcs",
            ],
            ["*"],
        ),
    )


def _rollback(serving: Serving) -> list[Statement]:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html"""
    alarms = serving.rollback_alarms
    return [allow("RollbackAlarms", ["cloudwatch:DescribeAlarms"], alarms)] if alarms else []
