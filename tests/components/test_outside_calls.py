"""The trail of calls, its bucket, and whom calls from outside are told to."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.recording import Recorded, record, stack_config
from tests.support.stacks import HERE, endpoint, front_door, minimal

TOLD = {"callsFromOutside": True}


@pytest.fixture(scope="module")
def watched(archive: Path) -> Recorded:
    endpoints = [endpoint(archive, name="Triage"), endpoint(archive, name="credit")]
    return record(stack_config(minimal(archive, endpoints=endpoints, operators=TOLD)))


def selected(recorded: Recorded) -> dict[str, Any]:
    (selector,) = recorded.one("Trail").properties["advancedEventSelectors"]
    return {field["field"]: field["equals"] for field in selector["fieldSelectors"]}


def pattern(recorded: Recorded) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(recorded.one("EventRule", "calls").properties["eventPattern"])
    return found


def test_nothing_is_logged_unless_it_is_asked_for(dev: Recorded, archive: Path) -> None:
    nobody_to_call = record(stack_config(minimal(archive, endpoints=[], operators=TOLD)))
    for recorded in (dev, nobody_to_call):
        assert recorded.all("Trail") == []
        assert len(recorded.all("Bucket")) == 1
        assert "cloudtrail" not in recorded.one("Key", "logs").properties["policy"]


def test_calls_of_this_stacks_endpoints_are_logged_in_both_spellings_of_their_arns(watched: Recorded) -> None:
    names = ("Triage", "triage", "credit")
    assert selected(watched) == {
        "eventCategory": ["Data"],
        "resources.type": ["AWS::SageMaker::Endpoint"],
        "resources.ARN": [HERE.arn("sagemaker", f"endpoint/{name}") for name in names],
    }
    assert pattern(watched)["detail"]["resources"]["ARN"] == selected(watched)["resources.ARN"]


def test_the_policies_name_the_trail_that_there_is(watched: Recorded) -> None:
    trail = watched.one("Trail").properties
    arn = HERE.arn("cloudtrail", f"trail/{trail['name']}")
    documents = [watched.one(*place).properties["policy"] for place in (("Key", "logs"), ("BucketPolicy", "calls"))]
    for document in map(json.loads, documents):
        mine = [s for s in document["Statement"] if s["Principal"] == {"Service": "cloudtrail.amazonaws.com"}]
        assert mine
        assert all(s["Condition"]["StringEquals"]["aws:SourceArn"] == arn for s in mine)


def test_the_log_can_be_validated_and_is_encrypted_with_the_logs_key(watched: Recorded) -> None:
    trail, key = watched.one("Trail").properties, watched.one("Key", "logs").outputs["arn"]
    assert (trail["enableLogFileValidation"], trail["kmsKeyId"]) == (True, key)
    assert trail["s3BucketName"] == watched.one("Bucket", "calls").outputs["bucket"]


def test_nothing_is_delivered_before_the_bucket_is_closed(watched: Recorded) -> None:
    before = watched.depends_on(watched.one("Trail"))
    safeguards = [each for each in watched.resources if each.name == "calls" and ":Bucket" in each.type]
    assert len(safeguards) == 7
    assert [each.type for each in safeguards if each.urn not in before] == []


def test_the_log_is_kept_as_long_as_other_logs(archive: Path) -> None:
    values = minimal(archive, operators=TOLD, security={"logRetentionDays": 30})
    (rule,) = record(stack_config(values)).one("BucketLifecycleConfiguration", "calls").properties["rules"]
    assert rule["expiration"] == {"days": 30}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}


def test_access_to_the_log_is_logged_where_access_to_artifacts_is(archive: Path) -> None:
    values = minimal(archive, operators=TOLD, artifacts={"accessLogBucket": "access-logs"})
    found = record(stack_config(values)).all("BucketLogging")
    places = {each.name: (each.properties["targetBucket"], each.properties["targetPrefix"]) for each in found}
    prefix = "private-inference/test/"
    assert places == {"artifacts": ("access-logs", prefix), "calls": ("access-logs", f"{prefix}calls/")}


def test_what_comes_through_no_endpoint_or_another_is_told_to_the_topic(watched: Recorded) -> None:
    runtime = watched.one("VpcEndpoint", "sagemaker.runtime").id
    assert pattern(watched)["detail"]["vpcEndpointId"] == [{"exists": False}, {"anything-but": [runtime]}]
    target = watched.one("EventTarget", "calls").properties
    assert target["rule"] == watched.one("EventRule", "calls").outputs["name"]
    assert target["arn"] == watched.one("Topic").outputs["arn"]


def test_with_fips_the_fips_endpoint_is_the_way_in(archive: Path) -> None:
    fips = record(stack_config(minimal(archive, operators=TOLD, privateAccess={"fips": True})))
    runtime = fips.one("VpcEndpoint", "sagemaker.runtime")
    assert runtime.properties["serviceName"].endswith("sagemaker.runtime-fips")
    assert {"anything-but": [runtime.id]} in pattern(fips)["detail"]["vpcEndpointId"]


def test_the_front_doors_role_calls_through_no_vpc_endpoint_and_is_left_out(archive: Path) -> None:
    values = minimal(archive, operators={"callsFromOutside": True}, frontDoor=front_door())
    recorded = record(stack_config(values))
    issuer = pattern(recorded)["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]
    assert issuer == [{"exists": False}, {"anything-but": [recorded.one("Role", "front-door").outputs["arn"]]}]
