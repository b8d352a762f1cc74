"""What an asynchronous endpoint has of its own, and what it does without."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.alarms import VariantAlarms, VariantAlarmsArgs
from components.backlog_scaling import BacklogScaling, BacklogScalingArgs
from components.cidr import Tier
from components.flows import Flow, Gateway, flows
from components.generation import Content
from components.variant import VariantArgs
from tests.components.test_contract import STANDARD_PARAMETER, checked, parameters
from tests.support.recording import Recorded, record, record_part, stack_config
from tests.support.stacks import HERE, endpoint, minimal, settings

NAME = "x" * 27
"""As long as its name may be."""


@pytest.fixture(scope="module")
def later(archive: Path) -> Recorded:
    asked = {"maxConcurrentInvocationsPerInstance": 4, "retentionDays": 7, "notifications": ["error"]}
    return record(stack_config(minimal(archive, endpoints=[endpoint(archive, name=NAME, asynchronous=asked)])))


def test_answers_go_into_its_own_bucket_under_the_data_key(later: Recorded) -> None:
    configuration = later.one("EndpointConfiguration").properties["asyncInferenceConfig"]
    bucket = later.one("Bucket", f"{NAME}-requests").outputs["bucket"]
    output = configuration["outputConfig"]
    assert output["s3OutputPath"] == f"s3://{bucket}/outputs/"
    assert output["s3FailurePath"] == f"s3://{bucket}/failures/"
    assert output["kmsKeyId"] == later.one("Key", "data").outputs["arn"]
    assert output["notificationConfig"] == {"errorTopic": later.one("Topic", f"{NAME}-error").outputs["arn"]}
    assert configuration["clientConfig"] == {"maxConcurrentInvocationsPerInstance": 4}
    assert {topic.name for topic in later.all("Topic")} == {"alarms", f"{NAME}-error"}


def test_requests_and_answers_expire_and_are_not_kept_beyond(later: Recorded) -> None:
    (rule,) = later.one("BucketLifecycleConfiguration", f"{NAME}-requests").properties["rules"]
    assert rule["expiration"] == {"days": 7}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 1}


def test_the_bucket_is_safe_before_the_endpoint_answers_into_it(later: Recorded) -> None:
    waited_for = later.one("Endpoint").dependencies
    for kind in ("BucketPolicy", "BucketPublicAccessBlock", "BucketServerSideEncryptionConfiguration"):
        assert later.one(kind, f"{NAME}-requests").urn in waited_for


def test_the_contract_says_where_and_how(later: Recorded) -> None:
    promised = checked(later.outputs).endpoints[NAME]
    bucket = later.one("Bucket", f"{NAME}-requests").outputs["bucket"]
    places = ("inputs", "outputs", "failures")
    assert promised.mode == "asynchronous"
    assert promised.async_locations == {each: f"s3://{bucket}/{each}/" for each in places}
    assert promised.async_parameters == {"RequestTTLSeconds": 21600, "InvocationTimeoutSeconds": 900}
    assert promised.async_topic_arns == {"error": later.one("Topic", f"{NAME}-error").outputs["arn"]}
    (parameter,) = parameters(later).values()
    assert len(json.dumps(parameter)) < STANDARD_PARAMETER


def test_the_dashboard_draws_what_is_published(later: Recorded, least: Recorded) -> None:
    def drawn(recorded: Recorded) -> set[str]:
        body = json.loads(recorded.one("Dashboard").properties["dashboardBody"])
        return {metric[1] for widget in body["widgets"] for metric in widget["properties"]["metrics"]}

    assert drawn(later) & {"Invocations", "OverheadLatency", "ModelLatency"} == set()
    assert {"ApproximateBacklogSize", "InvocationFailures", "ExpiredRequests"} <= drawn(later)
    assert "ApproximateBacklogSize" not in drawn(least)


def variant(archive: Path, **changes: Any) -> tuple[VariantArgs, Any]:
    (read,) = settings(minimal(archive, endpoints=[endpoint(archive, asynchronous={}, **changes)])).endpoints
    return VariantArgs(endpoint="triage", settings=read.production_variants[0], vcpus=2, gpus=0), read.asynchronous


def test_alarms_are_on_what_waits_and_fails_not_on_what_is_not_published(archive: Path) -> None:
    of, queue = variant(archive)
    args = VariantAlarmsArgs(variant=of, topic_arn=HERE.arn("sns", "alarms"), asynchronous=queue)

    def program() -> None:
        VariantAlarms("triage", args)

    alarms = {each.name: each.properties for each in record_part(program).all("MetricAlarm")}
    metrics = {each["metricName"] for each in alarms.values()}
    assert {"InvocationFailures", "ExpiredRequests", "ApproximateAgeOfOldestRequest"} <= metrics
    assert metrics & {"Invocations", "OverheadLatency"} == set()
    assert alarms["triage-oldest"]["dimensions"] == {"EndpointName": "triage"}
    assert alarms["triage-failures"]["dimensions"] == {"EndpointName": "triage", "VariantName": "AllTraffic"}


def scaled(archive: Path, **changes: Any) -> Recorded:
    of, queue = variant(archive, **changes)
    args = BacklogScalingArgs(variant=of, settings=queue, endpoint_name="triage")

    def program() -> None:
        BacklogScaling("triage", args)

    return record_part(program)


def test_instances_follow_what_waits_for_each(archive: Path) -> None:
    recorded = scaled(archive)
    (policy,) = recorded.all("Policy")
    tracked = policy.properties["targetTrackingScalingPolicyConfiguration"]
    assert tracked["targetValue"] == 5
    assert tracked["customizedMetricSpecification"] == {
        "namespace": "AWS/SageMaker",
        "metricName": "ApproximateBacklogSizePerInstance",
        "statistic": "Average",
        "dimensions": [{"name": "EndpointName", "value": "triage"}],
    }
    assert recorded.all("MetricAlarm") == []


def test_from_no_instance_an_alarm_on_what_waits_starts_the_first(archive: Path) -> None:
    recorded = scaled(archive, instances={"min": 0, "max": 3})
    target = recorded.one("Target").properties
    assert (target["minCapacity"], target["maxCapacity"]) == (0, 3)
    step, alarm = recorded.one("Policy", "triage-from-zero"), recorded.one("MetricAlarm").properties
    (adjustment,) = step.properties["stepScalingPolicyConfiguration"]["stepAdjustments"]
    assert adjustment == {"metricIntervalLowerBound": "0", "scalingAdjustment": 1}
    assert alarm["metricName"] == "HasBacklogWithoutCapacity"
    assert alarm["alarmActions"] == [step.outputs["arn"]]


def test_clients_get_a_way_to_s3_once(archive: Path) -> None:
    def ways(**changes: Any) -> list[Flow]:
        asked = minimal(archive, **changes)
        return [flow for flow in flows(settings(asked)) if (flow.source, flow.destination) == (Tier.APP, Gateway.S3)]

    asynchronous = {"endpoints": [endpoint(archive, asynchronous={})]}
    assert ways() == []
    assert len(ways(**asynchronous)) == 1
    assert len(ways(**asynchronous, privateAccess={"interfaceEndpoints": ["ecr.api", "ecr.dkr"]})) == 1


def test_what_callers_are_told_makes_no_new_configuration(archive: Path) -> None:
    def name(**asynchronous: Any) -> str:
        (read,) = settings(minimal(archive, endpoints=[endpoint(archive, asynchronous=asynchronous)])).endpoints
        content = Content("triage", {"AllTraffic": "x"}, read.production_variants, True, ["a"], read.asynchronous)
        return content.name({"AllTraffic": 2}, renamed=False)

    assert name() == name(requestTtlSeconds=7200, retentionDays=1)
    assert name() != name(notifications=["error"])
    assert name() != name(maxConcurrentInvocationsPerInstance=2)
