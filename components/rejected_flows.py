"""What flow logs say, and the alarm on what the network rejects.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.names import stack_name
from components.variant import PERIOD_SECONDS

FIELDS = (
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets",
    "bytes", "start", "end", "action", "log-status", "tcp-flags",
)  # fmt: skip
"""Of a flow log's record, in their order: AWS's default format, and at its end how a TCP connection stands."""

FLOW_LOG_FORMAT = " ".join(f"${{{field}}}" for field in FIELDS)

TCP = "6"
"""https://www.iana.org/assignments/protocol-numbers"""
SYN = "2"
"""The flags of a record about the packets that ask for a connection, and no others."""

REJECTED: Mapping[str, Mapping[str, str]] = {
    "rejected-connections": {"protocol": f'="{TCP}"', "action": '="REJECT"', "tcp-flags": f'="{SYN}"'},
    "rejected-packets": {"protocol": f'!="{TCP}"', "action": '="REJECT"'},
}
"""The records that count, by name of their filter: what each has in its fields.

A REJECT alone says too much: packets that come after a connection was closed are rejected, too, in proportion to the
traffic of a sound network. They don't ask for a connection. What does, and is rejected, goes where no flow of the stack
leads; and so does whatever is not TCP, which no flow uses. Two filters, because the conditions of one pattern are about
one field each, and all of them have to hold.
"""

DELIVERY_PERIODS = 3
"""Periods that the alarm looks back on: flow logs come some five minutes late, and later at times."""


def pattern(conditions: Mapping[str, str]) -> str:
    """The filter pattern for records with these conditions on their fields.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html (space-delimited log events)
    """
    return "[" + ", ".join(field.replace("-", "_") + conditions.get(field, "") for field in FIELDS) + "]"


@dataclass(frozen=True, kw_only=True)
class RejectedFlowsAlarmArgs:
    """The VPC's flow logs, and whom to tell of what."""

    log_group: pulumi.Input[str]
    """Name of the log group with records of `FLOW_LOG_FORMAT`."""
    topic_arn: pulumi.Input[str]
    """The topic that is notified when the alarm goes off and when it ends."""
    limit: int
    """Rejected flows in five minutes that raise it."""


class RejectedFlowsAlarm(pulumi.ComponentResource):
    """Tells that something tried to go where it may not: a way out that is looked for, or S3 at a new address.

    AWS extends S3's prefix list. What lies outside the blocks that the network ACLs open is rejected there, and models
    can't be loaded from it any more. A record stands for all packets of one flow in one minute.
    """

    def __init__(self, name: str, args: RejectedFlowsAlarmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:network:RejectedFlowsAlarm", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        namespace, metric = stack_name(), "RejectedFlows"
        for filter_name, conditions in REJECTED.items():
            aws.cloudwatch.LogMetricFilter(
                filter_name,
                log_group_name=args.log_group,
                pattern=pattern(conditions),
                metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                    namespace=namespace, name=metric, value="1"
                ),
                opts=child,
            )
        aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=f"The network rejects {args.limit} flows or more in five minutes: see the flow logs, and "
            "run `verify`, which says whether S3's prefix list has outgrown the network ACLs",
            namespace=namespace,
            metric_name=metric,
            statistic="Sum",
            period=PERIOD_SECONDS,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=args.limit,
            evaluation_periods=DELIVERY_PERIODS,
            datapoints_to_alarm=1,
            treat_missing_data="notBreaching",  # without a rejection there is no datapoint
            alarm_actions=[args.topic_arn],
            ok_actions=[args.topic_arn],
            opts=child,
        )
        self.register_outputs({})
