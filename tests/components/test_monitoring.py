"""What operators are told and see."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.alarms import VariantAlarms, VariantAlarmsArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.variant import VariantArgs
from private_inference.rehearsal.alarm_states import expression
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
                variants={"triage": ["AllTraffic"], "credit": ["AllTraffic", "canary"]},
            ),
        )
        pulumi.export("dashboardUrl", made.dashboard_url)

    return record_part(program)


@pytest.fixture(scope="module")
def alarms(archive: Path) -> Recorded:
    thresholds = {"serverErrors": 7, "latencyMs": 250, "cpuPercent": 80}
    (entry,) = settings(minimal(archive, endpoints=[endpoint(archive, alarms=thresholds)])).endpoints

    def program() -> None:
        variant = VariantArgs(endpoint=entry.name, settings=entry.production_variants[0], vcpus=4, gpus=0)
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


def test_the_dashboard_draws_every_variant(monitoring: Recorded) -> None:
    body = json.loads(monitoring.one("Dashboard").properties["dashboardBody"])
    drawn: dict[tuple[str, str], set[str]] = {}
    for widget in body["widgets"]:
        for _, metric, *dimensions in widget["properties"]["metrics"]:
            pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
            drawn.setdefault((pairs["EndpointName"], pairs["VariantName"]), set()).add(metric)
    assert drawn.keys() == {("triage", "AllTraffic"), ("credit", "AllTraffic"), ("credit", "canary")}
    titles = {widget["properties"]["title"].partition(":")[0] for widget in body["widgets"]}
    assert titles == {"triage", "credit", "credit-canary"}
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


def watched(archive: Path, *, gpus: int = 0, **changes: Any) -> Recorded:
    (entry,) = settings(minimal(archive, endpoints=[endpoint(archive, **changes)])).endpoints

    def program() -> None:
        variant = VariantArgs(endpoint=entry.name, settings=entry.production_variants[0], vcpus=4, gpus=gpus)
        VariantAlarms("triage", VariantAlarmsArgs(variant=variant, topic_arn=TOPIC))

    return record_part(program)


def test_alarms_are_about_the_variant_and_tell_the_topic(archive: Path) -> None:
    recorded = watched(archive, gpus=1, alarms={"silentMinutes": 15})
    variant = {"EndpointName": "triage", "VariantName": "AllTraffic"}
    for alarm in recorded.all("MetricAlarm"):
        metrics = [query["metric"] for query in alarm.properties.get("metricQueries", []) if "metric" in query]
        assert [each["dimensions"] for each in metrics or [alarm.properties]] == [variant] * max(len(metrics), 1)
        assert alarm.properties["alarmDescription"]
    for alarm in [*recorded.all("MetricAlarm"), recorded.one("CompositeAlarm")]:
        assert alarm.properties["alarmActions"] == alarm.properties["okActions"] == [TOPIC]


def test_what_is_not_measured_is_no_alarm_but_for_silence(archive: Path) -> None:
    recorded = watched(archive, gpus=1, alarms={"silentMinutes": 15})
    missing = {alarm.name: alarm.properties["treatMissingData"] for alarm in recorded.all("MetricAlarm")}
    assert missing.pop("triage-silence") == "breaching"
    assert set(missing.values()) == {"notBreaching"}


def test_refusals_are_a_share_and_the_overhead_is_in_microseconds(archive: Path) -> None:
    recorded = watched(archive, alarms={"clientErrorPercent": 5, "overheadMs": 80})
    refused = recorded.one("MetricAlarm", "triage-client-errors").properties
    assert (refused["metricName"], refused["statistic"], refused["threshold"]) == (
        "Invocation4XXErrors",
        "Average",
        0.05,
    )
    overhead = recorded.one("MetricAlarm", "triage-overhead").properties
    assert (overhead["metricName"], overhead["threshold"]) == ("OverheadLatency", 80_000)


def test_memory_and_disk_are_percent_and_gpus_add_up(archive: Path) -> None:
    limits = {"memoryPercent": 70, "diskPercent": 60, "gpuPercent": 50, "gpuMemoryPercent": 40}
    recorded = watched(archive, gpus=4, alarms=limits)
    found = {alarm.properties.get("metricName"): alarm.properties["threshold"] for alarm in recorded.all("MetricAlarm")}
    assert (found["MemoryUtilization"], found["DiskUtilization"]) == (70, 60)
    assert (found["GPUUtilization"], found["GPUMemoryUtilization"]) == (4 * 50, 4 * 40)


def test_instances_without_a_gpu_have_no_alarm_on_it(archive: Path) -> None:
    metrics = [alarm.properties.get("metricName") for alarm in watched(archive).all("MetricAlarm")]
    assert not [metric for metric in metrics if metric and metric.startswith("GPU")]


@pytest.mark.parametrize(("running", "goes_off"), [(9, False), (10, True)])
def test_the_capacity_alarm_counts_the_instances_by_what_each_request_carries(
    running: int, goes_off: bool, archive: Path
) -> None:
    """Each request carries 1 in Invocations and 1/n in InvocationsPerInstance, by the model of metric math."""
    alarm = watched(archive, instances={"max": 10}).one("MetricAlarm", "triage-capacity").properties
    requests = 1234
    values = {"Invocations": float(requests), "InvocationsPerInstance": sum([1 / running] * requests)}
    queries = [query for query in alarm["metricQueries"] if "metric" in query]
    assert {query["metric"]["stat"] for query in queries} == {"Sum"}
    series = {query["id"]: {0: values[query["metric"]["metricName"]]} for query in queries}
    (returned,) = [query for query in alarm["metricQueries"] if query["returnData"]]
    count = expression(returned["expression"], series, [0])[0]
    assert count == pytest.approx(running)
    assert (count >= alarm["threshold"]) is goes_off


def test_a_fixed_number_of_instances_is_never_at_its_maximum(archive: Path) -> None:
    names = [alarm.name for alarm in watched(archive, instances={"min": 3, "max": 3}).all("MetricAlarm")]
    assert "triage-capacity" not in names


def test_silence_is_an_alarm_where_calls_are_expected(archive: Path) -> None:
    assert "triage-silence" not in [alarm.name for alarm in watched(archive).all("MetricAlarm")]
    silence = watched(archive, alarms={"silentMinutes": 45}).one("MetricAlarm", "triage-silence").properties
    assert silence["evaluationPeriods"] * silence["period"] == 45 * 60
    assert (silence["comparisonOperator"], silence["threshold"]) == ("LessThanThreshold", 1)


def test_one_alarm_sums_up_all_the_others(archive: Path) -> None:
    recorded = watched(archive, gpus=1, alarms={"silentMinutes": 15})
    rule = recorded.one("CompositeAlarm").properties["alarmRule"]
    assert sorted(rule.split(" OR ")) == sorted(
        f'ALARM("{alarm.outputs["name"]}")' for alarm in recorded.all("MetricAlarm")
    )


def test_changes_of_the_endpoints_states_are_told_to_the_topic(monitoring: Recorded) -> None:
    rule, target = monitoring.one("EventRule"), monitoring.one("EventTarget").properties
    assert json.loads(rule.properties["eventPattern"]) == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Endpoint State Change"],
        "detail": {"EndpointName": ["triage", "credit"]},
    }
    assert (target["rule"], target["arn"]) == (rule.outputs["name"], monitoring.one("Topic").outputs["arn"])
