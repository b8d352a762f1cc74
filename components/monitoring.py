"""The alarm topic, what tells it of endpoints' states, and the stack's dashboard."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from components import iam
from components.caller_table import table_graph
from components.iam import Account
from components.names import stack_name
from components.settings import label
from components.variant import INSTANCE_METRICS, INVOCATION_METRICS, PERIOD_SECONDS


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """Whom alarms notify, and what the dashboard shows."""

    account: Account
    key_arn: pulumi.Input[str]
    """The KMS key that encrypts notifications."""
    emails: Sequence[str]
    """Addresses to subscribe to the topic."""
    variants: Mapping[str, Sequence[str]]
    """Production variants to draw on the dashboard, by their endpoint, whose state changes are told."""
    asynchronous: Collection[str] = ()
    """Endpoints among them whose requests wait in a queue."""
    loading: Collection[str] = ()
    """Endpoints among them whose containers load models when they are called."""
    components: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Inference components to draw in place of variants, by their endpoint among them."""
    caller_rule: str | None = None
    """Name of the rule that counts the front door's callers, if their table is shown."""


class Monitoring(pulumi.ComponentResource):
    """The encrypted topic that alarms and changes of endpoints' states are published to, and a dashboard."""

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
        if args.variants:
            self._tell_state_changes([*args.variants])
        region = args.account.region
        dashboard = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=stack_name(),
            dashboard_body=json.dumps(_dashboard(args)),
            opts=child,
        )
        self.dashboard_url = pulumi.Output.concat(
            f"https://{_console(region)}/cloudwatch/home?region={region}#dashboards/dashboard/",
            dashboard.dashboard_name,
        )
        self.register_outputs({"topicArn": self.topic.arn})

    def _tell_state_changes(self, endpoint_names: Sequence[str]) -> None:
        """Whatever changes an endpoint (an update, its rollback, AWS's own patches) is told.

        https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
        """
        pattern = {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Endpoint State Change"],
            "detail": {"EndpointName": list(endpoint_names)},
        }
        child = pulumi.ResourceOptions(parent=self)
        rule = aws.cloudwatch.EventRule(
            "endpoint-states",
            description=f"Endpoints of {stack_name()} change their state",
            event_pattern=json.dumps(pattern),
            opts=child,
        )
        aws.cloudwatch.EventTarget("endpoint-states", rule=rule.name, arn=self.topic.arn, opts=child)


def _console(region: str) -> str:
    """Host of a region's console (https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-console.html)."""
    domain = "amazonaws-us-gov.com" if region.startswith("us-gov-") else "aws.amazon.com"
    return f"{region}.console.{domain}"


ERRORS = ("Errors", INVOCATION_METRICS, ("Invocation4XXErrors", "Invocation5XXErrors"), "Sum")
HARDWARE = ("CPU and memory (%)", INSTANCE_METRICS, ("CPUUtilization", "MemoryUtilization"), "Average")
REAL_TIME = (
    ("Invocations", INVOCATION_METRICS, ("Invocations",), "Sum"),
    ERRORS,
    ("Latency (µs)", INVOCATION_METRICS, ("ModelLatency", "OverheadLatency"), "p95"),
    HARDWARE,
)
ASYNCHRONOUS = (
    ("Requests", INVOCATION_METRICS, ("InvocationsProcessed", "InvocationFailures", "ExpiredRequests"), "Sum"),
    ERRORS,
    ("Queue", INVOCATION_METRICS, ("ApproximateBacklogSize", "ApproximateAgeOfOldestRequest"), "Maximum"),
    HARDWARE,
)
"""https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html"""
LOADING = (
    ("Waiting for a model (µs)", INVOCATION_METRICS, ("ModelLoadingWaitTime", "ModelDownloadingTime"), "Maximum"),
    ("Calls whose model was in memory (share)", INVOCATION_METRICS, ("ModelCacheHit",), "Average"),
    ("Models in memory", INSTANCE_METRICS, ("LoadedModelCount",), "Maximum"),
)
"""https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoint-cloudwatch-metrics.html"""
OF_THE_ENDPOINT = [("VariantName", "ApproximateBacklogSize"), ("VariantName", "ApproximateAgeOfOldestRequest")]
"""Metrics without a variant: there is one queue."""
COMPONENTS = (
    ("Invocations", INVOCATION_METRICS, ("Invocations", "NoCapacityInvocationFailures"), "Sum"),
    ERRORS,
    ("Latency (µs)", INVOCATION_METRICS, ("ModelLatency", "OverheadLatency"), "p95"),
    (
        "CPU and memory (%)",
        "/aws/sagemaker/InferenceComponents",
        ("CPUUtilizationNormalized", "MemoryUtilizationNormalized"),
        "Average",
    ),
)
"""https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-inference-component"""


@dataclass(frozen=True)
class _Row:
    """What one row of the dashboard shows."""

    subject: str
    graphs: Sequence[tuple[str, str, Sequence[str], str]]
    """Title, namespace, metrics and statistic of each."""
    dimensions: Mapping[str, str]


def _rows(args: MonitoringArgs) -> Iterator[_Row]:
    """One for each production variant, one on its models' loading, and one for each component."""
    for endpoint, names in args.variants.items():
        graphs = ASYNCHRONOUS if endpoint in args.asynchronous else REAL_TIME
        for variant in names:
            dimensions = {"EndpointName": endpoint, "VariantName": variant}
            yield _Row(label(endpoint, variant), graphs, dimensions)
            if endpoint in args.loading:
                yield _Row(label(endpoint, variant), LOADING, dimensions)
        for component in args.components.get(endpoint, ()):
            yield _Row(component, COMPONENTS, {"InferenceComponentName": component})


def _dashboard(args: MonitoringArgs) -> Mapping[str, Any]:
    """The dashboard's body: one row of four graphs for each of what serves, and the table of callers below them.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    rows = list(_rows(args))
    widgets = [
        _widget(
            column,
            number,
            {
                "title": f"{row.subject}: {title}",
                "region": args.account.region,
                "stat": statistic,
                "period": PERIOD_SECONDS,
                "metrics": [_metric(namespace, metric, row.dimensions) for metric in metrics],
            },
        )
        for number, row in enumerate(rows)
        for column, (title, namespace, metrics, statistic) in enumerate(row.graphs)
    ]
    if args.caller_rule:
        widgets.append(_widget(0, len(rows), table_graph(args.caller_rule, args.account.region), width=24))
    return {"widgets": widgets}


def _widget(column: int, row: int, properties: Mapping[str, Any], *, width: int = 6) -> Mapping[str, Any]:
    return {"type": "metric", "x": 6 * column, "y": 6 * row, "width": width, "height": 6, "properties": properties}


def _metric(namespace: str, metric: str, dimensions: Mapping[str, str]) -> list[str]:
    """A metric as a graph has it."""
    named = {key: value for key, value in dimensions.items() if (key, metric) not in OF_THE_ENDPOINT}
    return [namespace, metric, *(part for pair in named.items() for part in pair)]
