"""What operators are told and see."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.monitoring import Monitoring, MonitoringArgs, VariantAlarms, VariantAlarmsArgs
from components.variant import VariantArgs
from tests.support.recording import Recorded, record_part
from tests.support.stacks import HERE, endpoint, minimal, settings

KEY = HERE.arn("kms", "key/notifications")
TOPIC = HERE.arn("sns", "alarms")


@pytest.fixture(scope="module")
def monitoring() -> Recorded:
    def program() -> None:
        made = Monitoring(
            "monitoring",
            MonitoringArgs(
                account=HERE,
                key_arn=KEY,
                emails=["team@example.com", "on-call@example.com"],
                endpoint_names=["triage", "credit"],
            ),
        )
        pulumi.export("dashboardUrl", made.dashboard_url)

    return record_part(program)


@pytest.fixture(scope="module")
def alarms(archive: Path) -> Recorded:
    thresholds = {"serverErrors": 7, "latencyMs": 250, "cpuPercent": 80}
    (entry,) = settings(minimal(archive, endpoints=[endpoint(archive, alarms=thresholds)])).endpoints

    def program() -> None:
        variant = VariantArgs(settings=entry, vcpus=4)
        VariantAlarms("triage", VariantAlarmsArgs(variant=variant, topic_arn=TOPIC))

    return record_part(program)


def test_the_topic_is_encrypted_with_the_key_that_cloudwatch_may_use(monitoring: Recorded) -> None:
    assert monitoring.one("Topic").properties["kmsMasterKeyId"] == KEY
    assert monitoring.one("TopicPolicy").properties["arn"] == monitoring.one("Topic").outputs["arn"]


def test_each_operator_is_subscribed(monitoring: Recorded) -> None:
    topic = monitoring.one("Topic").outputs["arn"]
    subscribed = [subscription.properties for subscription in monitoring.all("TopicSubscription")]
    assert sorted(each["endpoint"] for each in subscribed) == ["on-call@example.com", "team@example.com"]
    assert {(each["topic"], each["protocol"]) for each in subscribed} == {(topic, "email")}


def test_the_dashboard_draws_every_endpoint(monitoring: Recorded) -> None:
    body = json.loads(monitoring.one("Dashboard").properties["dashboardBody"])
    drawn: dict[str, set[str]] = {}
    for widget in body["widgets"]:
        for _, metric, *dimensions in widget["properties"]["metrics"]:
            pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
            assert pairs["VariantName"] == "AllTraffic"
            drawn.setdefault(pairs["EndpointName"], set()).add(metric)
    assert drawn.keys() == {"triage", "credit"}
    for metrics in drawn.values():
        assert metrics >= {"Invocations", "Invocation5XXErrors", "ModelLatency", "CPUUtilization", "MemoryUtilization"}


def test_no_two_graphs_lie_upon_each_other(monitoring: Recorded) -> None:
    widgets = json.loads(monitoring.one("Dashboard").properties["dashboardBody"])["widgets"]
    cells = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(x < 24 for x, _ in cells)  # CloudWatch's grid is 24 wide


def test_the_dashboard_is_found_by_its_url(monitoring: Recorded) -> None:
    name = monitoring.one("Dashboard").properties["dashboardName"]
    assert monitoring.outputs["dashboardUrl"].endswith(f"#dashboards/dashboard/{name}")
    assert "us-east-1" in monitoring.outputs["dashboardUrl"]


@pytest.mark.parametrize(
    ("alarm", "expected"),
    [
        (
            "triage-server-errors",
            {"namespace": "AWS/SageMaker", "metricName": "Invocation5XXErrors", "statistic": "Sum", "threshold": 7},
        ),
        (
            "triage-latency",  # SageMaker measures it in microseconds
            {
                "namespace": "AWS/SageMaker",
                "metricName": "ModelLatency",
                "extendedStatistic": "p95",
                "threshold": 250_000,
            },
        ),
        (
            "triage-cpu",  # four vCPUs: 400 % is all of them
            {
                "namespace": "/aws/sagemaker/Endpoints",
                "metricName": "CPUUtilization",
                "statistic": "Average",
                "threshold": 320,
            },
        ),
    ],
)
def test_an_alarm_watches_its_metric(alarm: str, expected: dict[str, Any], alarms: Recorded) -> None:
    properties = alarms.one("MetricAlarm", alarm).properties
    assert {key: properties[key] for key in expected} == expected


def test_alarms_watch_the_variant_and_tell_the_topic(alarms: Recorded) -> None:
    assert len(alarms.all("MetricAlarm")) == 3
    for alarm in alarms.all("MetricAlarm"):
        assert alarm.properties["dimensions"] == {"EndpointName": "triage", "VariantName": "AllTraffic"}
        assert alarm.properties["alarmActions"] == alarm.properties["okActions"] == [TOPIC]
        assert alarm.properties["comparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert alarm.properties["treatMissingData"] == "notBreaching"
        assert alarm.properties["alarmDescription"]
