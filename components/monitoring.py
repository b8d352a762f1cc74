"""What operators see and are told: the alarm topic, an endpoint's alarms, the stack's dashboard."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components import iam
from components.iam import Account
from components.scaling import ENDPOINT_METRICS, cpu_of_all_vcpus
from components.settings import Endpoint

INVOCATION_METRICS = "AWS/SageMaker"
PERIOD_SECONDS = 300
MICROSECONDS = 1000
"""Microseconds in a millisecond; SageMaker reports latency in microseconds."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """`emails` are subscribed to the topic; `endpoint_names` are drawn on the dashboard."""

    account: Account
    key_arn: pulumi.Input[str]
    emails: Sequence[str]
    endpoint_names: Sequence[str]
    variant: str


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
            dashboard_name=f"{pulumi.get_project()}-{pulumi.get_stack()}",
            dashboard_body=json.dumps(_dashboard(region, args.endpoint_names, args.variant)),
            opts=child,
        )
        self.dashboard_url = pulumi.Output.concat(
            f"https://{_console(region)}/cloudwatch/home?region={region}#dashboards/dashboard/",
            dashboard.dashboard_name,
        )
        self.register_outputs({"topicArn": self.topic.arn})


@dataclass(frozen=True, kw_only=True)
class VariantAlarmsArgs:
    """`topic_arn` is told when an alarm goes off and when it ends."""

    settings: Endpoint
    endpoint_name: pulumi.Input[str]
    variant: str
    vcpus: int
    topic_arn: pulumi.Input[str]


class VariantAlarms(pulumi.ComponentResource):
    """Alarms on server errors, the model's latency and CPU."""

    def __init__(self, name: str, args: VariantAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:VariantAlarms", name, None, opts)
        self._name = name
        self._args = args
        limits = args.settings.alarms
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
            threshold=cpu_of_all_vcpus(limits.cpu_percent, args.vcpus),
            namespace=ENDPOINT_METRICS,
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
            dimensions={"EndpointName": self._args.endpoint_name, "VariantName": self._args.variant},
            alarm_actions=[self._args.topic_arn],
            ok_actions=[self._args.topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
            **metric,
        )


def _console(region: str) -> str:
    """Host of a region's console (https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-console.html)."""
    domain = "amazonaws-us-gov.com" if region.startswith("us-gov-") else "aws.amazon.com"
    return f"{region}.console.{domain}"


def _dashboard(region: str, endpoint_names: Sequence[str], variant: str) -> Mapping[str, Any]:
    """One row of four graphs for each endpoint.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    graphs = [
        ("Invocations", INVOCATION_METRICS, ["Invocations"], "Sum"),
        ("Errors", INVOCATION_METRICS, ["Invocation4XXErrors", "Invocation5XXErrors"], "Sum"),
        ("Latency (µs)", INVOCATION_METRICS, ["ModelLatency", "OverheadLatency"], "p95"),
        ("CPU and memory (%)", ENDPOINT_METRICS, ["CPUUtilization", "MemoryUtilization"], "Average"),
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
                        [namespace, metric, "EndpointName", name, "VariantName", variant] for metric in metrics
                    ],
                },
            }
            for row, name in enumerate(endpoint_names)
            for column, (title, namespace, metrics, statistic) in enumerate(graphs)
        ]
    }
