"""Captured calls: what may be set, where they go, who may write them, and how long they stay."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.data_capture import captured_buckets
from components.iam import Account
from components.live_endpoints import NOT_DEPLOYED
from tests.components.test_settings import problems
from tests.components.test_shadow_settings import shadow
from tests.support.recording import ACCOUNT, Recorded, record, stack_config
from tests.support.stacks import endpoint, minimal, settings

NAME = "x" * 27
"""As long as its name may be."""


def captured(archive: Path, capture: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A stack with an endpoint whose calls are captured."""
    return minimal(archive, endpoints=[endpoint(archive, dataCapture=capture or {}, **changes)])


@pytest.fixture(scope="module")
def recorded(archive: Path) -> Recorded:
    return record(stack_config(captured(archive, {"parts": ["request"], "retentionDays": 7}, name=NAME)))


def test_it_goes_into_a_bucket_of_its_own_under_the_data_key(recorded: Recorded) -> None:
    configuration = recorded.one("EndpointConfiguration").properties["dataCaptureConfig"]
    bucket = recorded.one("Bucket", f"{NAME}-captured").outputs["bucket"]
    assert configuration == {
        "enableCapture": True,
        "initialSamplingPercentage": 20,
        "destinationS3Uri": f"s3://{bucket}",
        "kmsKeyId": recorded.one("Key", "data").outputs["arn"],
        "captureOptions": [{"captureMode": "Input"}],
        "captureContentTypeHeader": {
            "csvContentTypes": ["text/csv"],
            "jsonContentTypes": ["application/json", "application/jsonlines"],
        },
    }


def test_it_expires_and_is_not_kept_beyond(recorded: Recorded) -> None:
    (rule,) = recorded.one("BucketLifecycleConfiguration", f"{NAME}-captured").properties["rules"]
    assert rule["expiration"] == {"days": 7}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 1}


def test_the_bucket_is_safe_before_the_endpoint_writes_into_it(recorded: Recorded) -> None:
    waited_for = recorded.one("Endpoint").dependencies
    for kind in ("BucketPolicy", "BucketPublicAccessBlock", "BucketServerSideEncryptionConfiguration"):
        assert recorded.one(kind, f"{NAME}-captured").urn in waited_for


def test_the_role_writes_there_and_reads_nothing_and_so_it_passes_the_gateway(recorded: Recorded) -> None:
    objects = f"{recorded.one('Bucket', f'{NAME}-captured').outputs['arn']}/*"
    for kind, name in (("RolePolicy", NAME), ("VpcEndpoint", "s3")):
        statements = json.loads(recorded.one(kind, name).properties["policy"])["Statement"]
        naming = [each for each in statements if objects in each["Resource"]]
        assert [each["Action"] for each in naming] == [["s3:AbortMultipartUpload", "s3:PutObject"]]


def test_what_serves_may_write_what_it_captures_though_the_settings_capture_no_more() -> None:
    live = {"triage": replace(NOT_DEPLOYED, capture_bucket="triage-captured-1"), "credit": NOT_DEPLOYED}
    found = captured_buckets({}, live, Account("aws-us-gov", "us-gov-west-1", "123456789012"))
    assert found == {"triage": "arn:aws-us-gov:s3:::triage-captured-1"}


def test_nothing_is_captured_by_default(archive: Path) -> None:
    plain = record(stack_config(minimal(archive)))
    assert "dataCaptureConfig" not in plain.one("EndpointConfiguration").properties
    assert {each.name for each in plain.all("Bucket")} == {"artifacts"}


def test_disks_that_fill_up_are_told_before_the_capture_ends(archive: Path) -> None:
    def limits(**changes: Any) -> list[float]:
        (read,) = settings(captured(archive, **changes)).endpoints
        return [each.alarms.disk_percent for each in read.hosted_variants]

    assert limits(shadow=shadow(archive)) == [75, 75]
    assert limits(alarms={"diskPercent": 60}) == [60]


def test_what_it_keeps_of_calls_makes_another_configuration_and_how_long_does_not(archive: Path) -> None:
    def name(**capture: Any) -> str:
        made = record(stack_config(captured(archive, capture)))
        return made.one("EndpointConfiguration").name

    assert name() == name(retentionDays=7) == name(readPolicy=True)
    assert len({name(), name(percent=50), name(parts=["request"])}) == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"asynchronous": {}}, "dataCapture.percent: 20 is for calls that wait for their answers"),
        ({"name": "x" * 28}, "an endpoint with dataCapture, whose bucket is named for it, has 27 at most"),
    ],
)
def test_what_can_not_be_captured_is_refused(changes: dict[str, Any], told: str, archive: Path) -> None:
    (said,) = problems(captured(archive, **changes))
    assert told in said


@pytest.fixture(scope="module")
def readable(archive: Path) -> Recorded:
    return record(stack_config(captured(archive, {"readPolicy": True})))


def test_nobody_is_given_captured_calls_to_read_unless_asked(recorded: Recorded) -> None:
    assert f"{NAME}-captured" not in {each.name for each in recorded.all("aws:iam/policy:Policy")}
    assert "captured" not in recorded.outputs["endpoints"][NAME]


def test_whoever_has_the_policy_finds_and_reads_them_from_the_vpc(readable: Recorded) -> None:
    policy, bucket = readable.one("aws:iam/policy:Policy", "triage-captured"), readable.one("Bucket", "triage-captured")
    arn = bucket.outputs["arn"]
    reading, finding, decrypting = json.loads(policy.properties["policy"])["Statement"]
    assert (reading["Action"], reading["Resource"]) == (["s3:GetObject"], [f"{arn}/*"])
    assert (finding["Action"], finding["Resource"]) == (["s3:ListBucket"], [arn])
    for each in (reading, finding):
        assert each["Condition"] == {"StringEquals": {"aws:SourceVpc": readable.one("Vpc").id}}
    assert (decrypting["Action"], decrypting["Resource"]) == (
        ["kms:Decrypt"],
        [readable.one("Key", "data").outputs["arn"]],
    )
    assert decrypting["Condition"]["StringLike"] == {"kms:EncryptionContext:aws:s3:arn": [arn, f"{arn}/*"]}
    told = readable.outputs["endpoints"]["triage"]["captured"]
    assert told == {"location": f"s3://{bucket.outputs['bucket']}", "readPolicyArn": policy.outputs["arn"]}


def test_the_gateway_lets_this_accounts_readers_through(readable: Recorded) -> None:
    arn = readable.one("Bucket", "triage-captured").outputs["arn"]
    statements = json.loads(readable.one("VpcEndpoint", "s3").properties["policy"])["Statement"]
    reading = {each["Sid"]: each for each in statements if each["Sid"] in ("ReadCaptured", "ListCaptured")}
    assert {sid: each["Resource"] for sid, each in reading.items()} == {
        "ReadCaptured": [f"{arn}/*"],
        "ListCaptured": [arn],
    }
    own = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    assert all(each["Condition"] == own for each in reading.values())
