"""How an update reaches an endpoint: the strategy, its steps, and the alarms that roll it back."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.recording import Recorded, record, stack_config
from tests.support.stacks import endpoint, minimal

REASON = "the update mends the errors that raise the alarm"


def stack(archive: Path, **changes: Any) -> Recorded:
    return record(stack_config(minimal(archive, endpoints=[endpoint(archive, **changes)])))


def deployment(archive: Path, **changes: Any) -> dict[str, Any]:
    return dict(stack(archive, **changes).one("Endpoint").properties["deploymentConfig"])


@pytest.fixture(scope="module")
def default(archive: Path) -> Recorded:
    return stack(archive)


def test_by_default_a_whole_second_fleet_takes_over_at_once_and_is_watched_first(default: Recorded) -> None:
    configuration = default.one("Endpoint").properties["deploymentConfig"]
    policy = configuration["blueGreenUpdatePolicy"]
    assert policy["trafficRoutingConfiguration"]["type"] == "ALL_AT_ONCE"
    assert "rollingUpdatePolicy" not in configuration
    watched = [alarm["alarmName"] for alarm in configuration["autoRollbackConfiguration"]["alarms"]]
    alarms = [default.one("MetricAlarm", f"triage-{subject}") for subject in ("server-errors", "latency")]
    assert watched == [alarm.outputs["name"] for alarm in alarms]
    # An alarm that looks at five minutes can go off only if it gets to see them.
    waited = policy["trafficRoutingConfiguration"]["waitIntervalInSeconds"]
    assert all(waited >= 2 * alarm.properties["period"] for alarm in alarms)


def test_the_alarms_exist_before_the_endpoint_and_its_role_may_see_them_alone(default: Recorded) -> None:
    alarms = [default.one("MetricAlarm", f"triage-{subject}") for subject in ("server-errors", "latency")]
    needed = default.depends_on(default.one("Endpoint"))
    assert {alarm.urn for alarm in alarms} <= needed
    role = json.loads(default.one("RolePolicy", "triage").properties["policy"])
    (seen,) = [statement for statement in role["Statement"] if "cloudwatch:DescribeAlarms" in statement["Action"]]
    assert seen["Resource"] == [alarm.outputs["arn"] for alarm in alarms]


def test_no_alarm_that_stays_on_without_traffic_or_at_full_capacity_blocks_an_update(archive: Path) -> None:
    recorded = stack(archive, alarms={"silentMinutes": 15})
    watched = recorded.one("Endpoint").properties["deploymentConfig"]["autoRollbackConfiguration"]["alarms"]
    names = {each["alarmName"] for each in watched}
    for alarm in recorded.all("MetricAlarm"):
        if alarm.outputs["name"] in names:
            assert alarm.properties["treatMissingData"] == "notBreaching"
            assert "metricQueries" not in alarm.properties


def test_a_reason_takes_the_rollback_and_the_roles_permission_away(archive: Path) -> None:
    recorded = stack(archive, update={"rollbackOffBecause": REASON})
    assert "autoRollbackConfiguration" not in recorded.one("Endpoint").properties["deploymentConfig"]
    assert "cloudwatch:DescribeAlarms" not in recorded.one("RolePolicy", "triage").properties["policy"]


def test_a_canary_is_a_share_or_a_number_of_instances(archive: Path) -> None:
    for step, size in (
        ({"stepPercent": 20}, {"type": "CAPACITY_PERCENT", "value": 20}),
        ({"stepInstances": 1}, {"type": "INSTANCE_COUNT", "value": 1}),
    ):
        policy = deployment(archive, update={"strategy": "canary", **step})["blueGreenUpdatePolicy"]
        routing = policy["trafficRoutingConfiguration"]
        assert routing["type"] == "CANARY"
        assert routing["canarySize"] == size
        assert "linearStepSize" not in routing


def test_linear_steps_and_all_times_are_passed_on(archive: Path) -> None:
    update = {"strategy": "linear", "stepPercent": 25, "waitSeconds": 300, "terminationWaitSeconds": 60}
    policy = deployment(archive, update={**update, "maximumSeconds": 3600})["blueGreenUpdatePolicy"]
    assert policy == {
        "trafficRoutingConfiguration": {
            "type": "LINEAR",
            "waitIntervalInSeconds": 300,
            "linearStepSize": {"type": "CAPACITY_PERCENT", "value": 25},
        },
        "terminationWaitInSeconds": 60,
        "maximumExecutionTimeoutInSeconds": 3600,
    }


def test_rolling_replaces_batches(archive: Path) -> None:
    configuration = deployment(archive, update={"strategy": "rolling", "stepPercent": 30, "waitSeconds": 120})
    assert "blueGreenUpdatePolicy" not in configuration
    assert configuration["rollingUpdatePolicy"] == {
        "maximumBatchSize": {"type": "CAPACITY_PERCENT", "value": 30},
        "waitIntervalInSeconds": 120,
    }
