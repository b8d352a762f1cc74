"""What counts as rejected among the records of a flow log, and who is told."""

from pathlib import Path
from typing import Any

import pytest

from components.rejected_flows import FIELDS, REJECTED, RejectedFlowsAlarm, RejectedFlowsAlarmArgs, pattern
from tests.support.filter_patterns import matches
from tests.support.recording import Recorded, record, record_part, stack_config
from tests.support.stacks import HERE, minimal

TOPIC = HERE.arn("sns", "alarms")

AWS_PATTERN = (
    '[version, account, eni, source, destination, srcport, destport="22", protocol="6", packets, bytes, '
    'windowstart, windowend, action="REJECT", flowlogstatus]'
)
"""https://docs.aws.amazon.com/vpc/latest/userguide/process-records-cwl.html"""

MODEL, S3, NEW_S3, APP, RUNTIME = "10.0.64.7", "52.216.9.8", "16.15.176.3", "10.0.1.9", "10.0.32.5"

SEEN = [
    # A model's instance fetches its artifact, and is answered.
    (f"{MODEL} {S3} 49152 443 6 12 1840 1798900000 1798900055 ACCEPT OK 3", False),
    (f"{S3} {MODEL} 443 49152 6 80 104000 1798900000 1798900055 ACCEPT OK 19", False),
    # S3 is at an address that no rule of the network ACL names: the request for a connection, and again.
    (f"{MODEL} {NEW_S3} 49154 443 6 1 60 1798900000 1798900055 REJECT OK 2", True),
    (f"{MODEL} {NEW_S3} 49154 443 6 3 180 1798900060 1798900115 REJECT OK 2", True),
    # A caller tries to leave the VPC: by HTTPS, SSH, another resolver (UDP), an echo (ICMP).
    (f"{APP} 203.0.113.9 51000 443 6 2 120 1798900000 1798900055 REJECT OK 2", True),
    (f"{APP} {MODEL} 51001 22 6 1 60 1798900000 1798900055 REJECT OK 2", True),
    (f"{APP} 203.0.113.9 51002 53 17 1 70 1798900000 1798900055 REJECT OK 0", True),
    (f"{APP} 203.0.113.9 0 0 1 4 336 1798900000 1798900055 REJECT OK 0", True),
    # What comes after a connection was closed: the rest of an answer, a reset, the last words of a caller.
    (f"{S3} {MODEL} 443 49152 6 1 40 1798900060 1798900115 REJECT OK 0", False),
    (f"{RUNTIME} {APP} 443 51003 6 1 40 1798900060 1798900115 REJECT OK 4", False),
    (f"{APP} {RUNTIME} 51003 443 6 2 92 1798900060 1798900115 REJECT OK 1", False),
    (f"{RUNTIME} {APP} 443 51004 6 1 60 1798900060 1798900115 REJECT OK 18", False),
    # Nothing to tell, and nothing kept.
    ("- - - - - - - 1798900000 1798900060 - NODATA -", False),
    ("- - - - - - - 1798900000 1798900060 - SKIPDATA -", False),
]
"""Records without their first three fields, and whether they are of something that went where it may not."""


@pytest.fixture(scope="module")
def alarm() -> Recorded:
    def program() -> None:
        RejectedFlowsAlarm("rejected", RejectedFlowsAlarmArgs(log_group="flows", topic_arn=TOPIC, limit=3))

    return record_part(program)


@pytest.mark.parametrize(
    ("event", "matched"),
    [
        ("61.0.0.1 172.31.9.12 39611 22 6 20 4249 1418530010 1418530070 REJECT OK", True),
        ("61.0.0.1 172.31.9.12 39611 22 6 20 4249 1418530010 1418530070 ACCEPT OK", False),
        ("61.0.0.1 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK", False),
    ],
)
def test_the_evaluator_of_the_tests_reads_a_pattern_of_aws(event: str, matched: bool) -> None:
    assert matches(AWS_PATTERN, f"2 {HERE.id} eni-1235b8ca123456789 {event}") is matched


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("[ip, user, name, time, request=*.html*, status=4*, bytes]", True),
        ("[ip, user, name, time, request=*.html*, status=410 || status=404, bytes]", True),
        ("[ip, user, name, time, request!=*.html*, status=404, bytes]", False),
        ("[ip, user, name, time, request, status!=404&&status!=410, bytes]", False),
        ("[ip, user, name, time, request, status=404]", False),
    ],
)
def test_the_evaluator_of_the_tests_knows_the_documented_operators(pattern: str, matched: bool) -> None:
    event = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
    assert matches(pattern, event) is matched


@pytest.mark.parametrize(("record_", "counts"), SEEN)
def test_what_counts_is_refused_and_went_where_it_may_not(record_: str, counts: bool) -> None:
    event = f"2 {HERE.id} eni-1235b8ca123456789 {record_}"
    assert len(event.split()) == len(FIELDS)
    assert [matches(pattern(conditions), event) for conditions in REJECTED.values()].count(True) == counts


def test_the_filters_read_what_the_flow_log_writes(dev: Recorded) -> None:
    written = [field.strip("${}") for field in dev.one("FlowLog").properties["logFormat"].split()]
    filters = dev.all("LogMetricFilter")
    assert len(filters) == len(REJECTED)
    for each in filters:
        assert each.properties["logGroupName"] == dev.one("LogGroup", "network-flow-logs").outputs["name"]
        read = [
            term.split("=")[0].strip(' !"').replace("_", "-") for term in each.properties["pattern"][1:-1].split(",")
        ]
        assert read == written


def test_the_alarm_is_on_what_the_filters_count(alarm: Recorded) -> None:
    counted = [each.properties["metricTransformation"] for each in alarm.all("LogMetricFilter")]
    found = alarm.one("MetricAlarm").properties
    assert {(each["namespace"], each["name"], each["value"]) for each in counted} == {
        (found["namespace"], found["metricName"], "1")
    }
    assert (found["statistic"], found["comparisonOperator"], found["threshold"]) == (
        "Sum",
        "GreaterThanOrEqualToThreshold",
        3,
    )
    assert found["alarmActions"] == found["okActions"] == [TOPIC]


def test_silence_is_no_alarm_and_late_records_are(alarm: Recorded) -> None:
    found = alarm.one("MetricAlarm").properties
    assert found["treatMissingData"] == "notBreaching"
    assert found["datapointsToAlarm"] == 1
    # Flow logs come some five minutes after the minute that they are about.
    assert found["period"] * found["evaluationPeriods"] >= 60 + 2 * 300


@pytest.mark.parametrize(
    ("network", "limits"),
    [({}, [1]), ({"rejectedFlows": 40}, [40]), ({"rejectionAlarmOffBecause": "a scanner looks around all day"}, [])],
)
def test_what_is_told_is_a_setting(network: dict[str, Any], limits: list[int], archive: Path) -> None:
    recorded = record(stack_config(minimal(archive, network=network)))
    metrics = {each.properties["metricTransformation"]["name"] for each in recorded.all("LogMetricFilter")}
    alarms = [each.properties for each in recorded.all("MetricAlarm") if each.properties.get("metricName") in metrics]
    assert [each["threshold"] for each in alarms] == limits
