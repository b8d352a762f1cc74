"""The alarm topic, an endpoint's alarms, and the stack's dashboard."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components import iam
from components.iam import Account
from components.names import stack_name
from components.variant import INSTANCE_METRICS, INVOCATION_METRICS, VARIANT, VariantArgs

PERIOD_SECONDS = 300
MICROSECONDS = 1000
"""Microseconds in a millisecond; SageMaker reports latency in microseconds."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """Whom alarms notify, and what the dashboard shows."""

    account: Account
    key_arn: pulumi.Input[str]
    """The KMS key that encrypts notifications."""
    emails: Sequence[str]
    """Addresses to subscribe to the topic."""
    endpoint_names: Sequence[str]
    """Endpoints to draw on the dashboard."""


class Monitoring(pulumi.ComponentResource):
    """The encrypted topic that alarms publish to, and a dashboard of all endpoints."""

    topic: aws.sns.Topic
    dashboard_url: pulumi.Output[str]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:Monitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.topic = aws.sns.Topic("alarms", kms_master_key_id=args.key_arn, opts=child)
        document = iam.alarm_topic(args.account, self.topic.arn)
        aws.sns.TopicPolicy("alarms", arn=self.topic.arn, policy=iam.json_document(document), opts=child)
        for email in args.emails:
            aws.sns.TopicSubscription(email, topic=self.topic.arn, protocol="email", endpoint=email, opts=child)
        region = args.account.region
        dashboard = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=stack_name(),
            dashboard_body=json.dumps(_dashboard(region, args.endpoint_names)),
            opts=child,
        )
        self.dashboard_url = pulumi.Output.concat(
            f"https://{_console(region)}/cloudwatch/home?region={region}#dashboards/dashboard/",
            dashboard.dashboard_name,
        )
        self.register_outputs({"topicArn": self.topic.arn})


@dataclass(frozen=True, kw_only=True)
class VariantAlarmsArgs:
    """What to watch, and whom to notify."""

    variant: VariantArgs
    topic_arn: pulumi.Input[str]
    """The topic that is notified when an alarm goes off and when it ends."""


class VariantAlarms(pulumi.ComponentResource):
    """Alarms on server errors, the model's latency and CPU."""

    def __init__(self, name: str, args: VariantAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:VariantAlarms", name, None, opts)
        self._name = name
        self._args = args
        limits = args.variant.settings.alarms
        self._alarm(
            "server-errors",
            f"At least {limits.server_errors} answers with status 5XX in five minutes",
            threshold=limits.server_errors,
            namespace=INVOCATION_METRICS,
            metric_name="Invocation5XXErrors",
            statistic="Sum",
        )
        self._alarm(
            "latency",
            f"The model takes {limits.latency_ms:g} ms or more for one request in twenty",
            threshold=limits.latency_ms * MICROSECONDS,
            namespace=INVOCATION_METRICS,
            metric_name="ModelLatency",
            extended_statistic="p95",
        )
        self._alarm(
            "cpu",
            f"The instances are {limits.cpu_percent:g} % busy or more",
            threshold=args.variant.cpu_utilization(limits.cpu_percent),
            namespace=INSTANCE_METRICS,
            metric_name="CPUUtilization",
            statistic="Average",
        )
        self.register_outputs({})

    def _alarm(self, subject: str, description: str, **metric: Any) -> None:
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-{subject}",
            alarm_description=description,
            comparison_operator="GreaterThanOrEqualToThreshold",
            evaluation_periods=1,
            period=PERIOD_SECONDS,
            treat_missing_data="notBreaching",
            dimensions=self._args.variant.dimensions,
            alarm_actions=[self._args.topic_arn],
            ok_actions=[self._args.topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
            **metric,
        )


def _console(region: str) -> str:
    """Host of a region's console (https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-console.html)."""
    domain = "amazonaws-us-gov.com" if region.startswith("us-gov-") else "aws.amazon.com"
    return f"{region}.console.{domain}"


def _dashboard(region: str, endpoint_names: Sequence[str]) -> Mapping[str, Any]:
    """The dashboard's body: one row of four graphs for each endpoint.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    graphs = [
        ("Invocations", INVOCATION_METRICS, ["Invocations"], "Sum"),
        ("Errors", INVOCATION_METRICS, ["Invocation4XXErrors", "Invocation5XXErrors"], "Sum"),
        ("Latency (µs)", INVOCATION_METRICS, ["ModelLatency", "OverheadLatency"], "p95"),
        ("CPU and memory (%)", INSTANCE_METRICS, ["CPUUtilization", "MemoryUtilization"], "Average"),
    ]
    return {
        "widgets": [
            {
                "type": "metric",
                "x": 6 * column,
                "y": 6 * row,
                "width": 6,
                "height": 6,
                "properties": {
                    "title": f"{name}: {title}",
                    "region": region,
                    "stat": statistic,
                    "period": PERIOD_SECONDS,
                    "metrics": [
                        [namespace, metric, "EndpointName", name, "VariantName", VARIANT] for metric in metrics
                    ],
                },
            }
            for row, name in enumerate(endpoint_names)
            for column, (title, namespace, metrics, statistic) in enumerate(graphs)
        ]
    }
