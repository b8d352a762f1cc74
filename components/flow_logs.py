"""The flow log of a VPC, encrypted, in a log group of the stack's own."""

from collections.abc import Callable
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.iam import Account
from components.names import name_tag
from components.rejected_flows import FLOW_LOG_FORMAT


@dataclass(frozen=True, kw_only=True)
class FlowLogArgs:
    """How the flow logs of a VPC are kept."""

    account: Account
    logs_key_arn: pulumi.Input[str]
    """The KMS key that encrypts them."""
    log_retention_days: int
    protect: bool
    """Whether Pulumi refuses to delete them."""


def flow_logs(
    name: str, vpc_id: pulumi.Input[str], args: FlowLogArgs, child: Callable[..., pulumi.ResourceOptions]
) -> aws.cloudwatch.LogGroup:
    """Makes the flow log of all the VPC's traffic; `child` makes the options of its component's resources."""
    group_name = f"{name}-flow-logs"
    group = aws.cloudwatch.LogGroup(
        group_name,
        kms_key_id=args.logs_key_arn,
        retention_in_days=args.log_retention_days,
        opts=child(protect=args.protect),
    )
    role = aws.iam.Role(
        group_name,
        description=f"Delivers the flow logs of {pulumi.get_project()}/{pulumi.get_stack()}",
        assume_role_policy=iam.json_document(iam.trust(args.account, "vpc-flow-logs.amazonaws.com")),
        opts=child(),
    )
    document = iam.write_flow_logs(group.arn)
    policy = aws.iam.RolePolicy(group_name, role=role.id, policy=iam.json_document(document), opts=child())
    aws.ec2.FlowLog(
        name,
        vpc_id=vpc_id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        log_format=FLOW_LOG_FORMAT,
        iam_role_arn=role.arn,
        max_aggregation_interval=60,
        tags=name_tag("flow-logs"),
        # A VPC has one flow log with one destination, and none can be changed: the old one must go first.
        opts=child(depends_on=[policy], delete_before_replace=True),
    )
    return group
