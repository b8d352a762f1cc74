"""A shadow, and calls that are captured, in an embedded AWS: what callers get, what is kept, and what `verify` says."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from examples.model import train
from private_inference.authorization.intent import check
from private_inference.cli.deployed import deployed_permissions
from private_inference.verification import Verdict
from private_inference.verification.deployed import Deployed
from private_inference.verification.reader import Reader
from tests.rehearsal.test_callers import said
from tests.support.recording import stack_config
from tests.support.stacks import endpoint, minimal, model
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("verification")

ENDPOINT, SHADOW, CAPTURED = "Endpoint triage", "Endpoint triage, shadow shadow", "Endpoint triage, captured calls"


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Deployment]:
    """A model that answers, another that is sent every second call, and all of it captured."""
    other = train.build(built.parent / "shadow", depth=5).artifact
    shadow = {"model": model(other), "instanceType": "ml.c5.xlarge", "percent": 50, "instances": {"max": 3}}
    asked = endpoint(built, shadow=shadow, dataCapture={"percent": 100, "retentionDays": 7, "readPolicy": True})
    with deployed(stack_config(minimal(built, endpoints=[asked]))) as deployment:
        yield deployment


@pytest.fixture
def sample(built: Path) -> bytes:
    return built.with_name("sample.csv").read_bytes()


def bucket(stack: Deployment) -> str:
    destination: str = stack.configuration("triage")["DataCaptureConfig"]["DestinationS3Uri"]
    return destination.removeprefix("s3://")


def call(stack: Deployment, body: bytes, **asked: str) -> bytes:
    answer = stack.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="triage", ContentType="text/csv", Accept="application/json", Body=body, **asked
    )
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    read: bytes = answer["Body"].read()
    return read


def copied(stack: Deployment, metric: str = "Invocations") -> int:
    """How many calls the shadow was sent, or failed, by its metrics."""
    now = datetime.now(UTC)
    found = stack.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": "EndpointName", "Value": "triage"}, {"Name": "VariantName", "Value": "shadow"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    return int(sum(each["Sum"] for each in found))


def captured(stack: Deployment, variant: str) -> dict[str, dict[str, Any]]:
    """What was kept of a variant's calls, by key."""
    s3, name = stack.client("s3"), bucket(stack)
    listed = s3.list_objects_v2(Bucket=name, Prefix=f"triage/{variant}/").get("Contents", [])
    return {
        each["Key"]: json.loads(s3.get_object(Bucket=name, Key=each["Key"])["Body"].read())
        for each in sorted(listed, key=lambda each: each["Key"])
    }


def test_a_sound_stack_has_what_was_asked_for_and_answers(stack: Deployment) -> None:
    checks = stack.verify()
    assert [f"{each.subject}: {each.seen}" for each in checks if each.verdict is not Verdict.OK] == []
    subjects = {each.subject for each in checks}
    assert {ENDPOINT, SHADOW, CAPTURED} <= subjects
    assert not any(each.asked.startswith("answers") for each in checks if each.subject == SHADOW)


def test_its_model_answers_every_second_call_and_no_caller_gets_it(stack: Deployment, sample: bytes) -> None:
    before, first = copied(stack), call(stack, sample)
    assert {call(stack, sample) for _ in range(9)} == {first}
    assert copied(stack) - before == 5
    assert copied(stack, "Invocation5XXErrors") == 0


def test_nobody_in_the_account_may_more_than_is_meant(stack: Deployment) -> None:
    account, intent = deployed_permissions(Deployed(stack.desired, Reader(stack.client)))
    names = {each.name for each in account.resources}
    assert {"bucket triage-captured", "objects of triage-captured"} <= names
    assert check(account, intent).failures == []


def test_no_call_can_name_it(stack: Deployment, sample: bytes) -> None:
    runtime, asked = stack.client("sagemaker-runtime"), {"EndpointName": "triage", "TargetVariant": "shadow"}
    assert said(runtime.invoke_endpoint, **asked, Body=sample).startswith("ValidationError")


def test_calls_are_kept_in_awss_layout_under_the_data_key(stack: Deployment, sample: bytes) -> None:
    known = captured(stack, "AllTraffic")
    answer = call(stack, sample, InferenceId="mine")
    ((key, line),) = new(stack, known)
    assert re.fullmatch(r"triage/AllTraffic/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl", key)
    sent = {"observedContentType": "text/csv", "mode": "INPUT", "data": sample.decode(), "encoding": "CSV"}
    got = {"observedContentType": "application/json", "mode": "OUTPUT", "data": answer.decode(), "encoding": "JSON"}
    assert line["captureData"] == {"endpointInput": sent, "endpointOutput": got}
    assert line["eventMetadata"]["inferenceId"] == "mine"
    assert line["eventVersion"] == "0"
    head = stack.client("s3").head_object(Bucket=bucket(stack), Key=key)
    assert (head["SSEKMSKeyId"], head["BucketKeyEnabled"]) == (stack.key, True)


def new(stack: Deployment, known: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(key, line) for key, line in captured(stack, "AllTraffic").items() if key not in known]


def test_the_shadows_answers_are_kept_for_comparison_alone(stack: Deployment, sample: bytes) -> None:
    before = len(captured(stack, "shadow"))
    answers = {call(stack, sample).decode() for _ in range(2)}
    kept = [line["captureData"]["endpointOutput"]["data"] for line in captured(stack, "shadow").values()]
    assert len(kept) == before + 1
    assert not answers & set(kept)


def test_a_role_that_may_not_write_is_no_reason_to_refuse_a_call(stack: Deployment, sample: bytes) -> None:
    iam, named = stack.client("iam"), {"RoleName": stack.role("triage"), "PolicyName": "denied"}
    denied = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}
    iam.put_role_policy(**named, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [denied]}))
    try:
        known = captured(stack, "AllTraffic")
        assert call(stack, sample)
        assert new(stack, known) == []
    finally:
        iam.delete_role_policy(**named)


# What somebody changed is told.


@contextmanager
def kept_longer(stack: Deployment) -> Iterator[None]:
    s3, named = stack.client("s3"), {"Bucket": bucket(stack)}
    before = s3.get_bucket_lifecycle_configuration(**named)["Rules"]
    rules = [{**rule, "Expiration": {"Days": 700}} for rule in before]
    s3.put_bucket_lifecycle_configuration(**named, LifecycleConfiguration={"Rules": rules})
    yield
    s3.put_bucket_lifecycle_configuration(**named, LifecycleConfiguration={"Rules": before})


@contextmanager
def weighs_more(stack: Deployment) -> Iterator[None]:
    def weigh(weight: float) -> None:
        change = {"VariantName": "shadow", "DesiredWeight": weight}
        stack.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName="triage", DesiredWeightsAndCapacities=[change]
        )

    weigh(1)
    yield
    weigh(0.5)


@contextmanager
def scales_further(stack: Deployment) -> Iterator[None]:
    def scale(most: int) -> None:
        stack.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="sagemaker",
            ResourceId="endpoint/triage/variant/shadow",
            ScalableDimension="sagemaker:variant:DesiredInstanceCount",
            MinCapacity=1,
            MaxCapacity=most,
        )

    scale(9)
    yield
    scale(3)


@contextmanager
def roles_read_it_through_the_gateway(stack: Deployment) -> Iterator[None]:
    gateway = stack.endpoint("s3")
    identity, policy = gateway["VpcEndpointId"], json.loads(gateway["PolicyDocument"])
    changed = json.loads(gateway["PolicyDocument"])
    (statement,) = [each for each in changed["Statement"] if each["Sid"] == "Capture"]
    statement["Action"].append("s3:GetObject")
    stack.ec2.modify_vpc_endpoint(VpcEndpointId=identity, PolicyDocument=json.dumps(changed))
    yield
    stack.ec2.modify_vpc_endpoint(VpcEndpointId=identity, PolicyDocument=json.dumps(policy))


@contextmanager
def readers(stack: Deployment, old: str, new: str) -> Iterator[None]:
    """The policy for whoever reads has another text."""
    promised, iam = stack.desired.contract.endpoints["triage"].captured, stack.client("iam")
    assert promised
    named = {"PolicyArn": promised.read_policy_arn}
    before = iam.get_policy(**named)["Policy"]["DefaultVersionId"]
    document = json.dumps(iam.get_policy_version(**named, VersionId=before)["PolicyVersion"]["Document"])
    assert old in document
    made = iam.create_policy_version(**named, PolicyDocument=document.replace(old, new), SetAsDefault=True)
    yield
    iam.set_default_policy_version(**named, VersionId=before)
    iam.delete_policy_version(**named, VersionId=made["PolicyVersion"]["VersionId"])


@contextmanager
def everything_is_read_through_the_gateway(stack: Deployment) -> Iterator[None]:
    gateway = stack.endpoint("s3")
    identity, policy = gateway["VpcEndpointId"], gateway["PolicyDocument"]
    changed = json.loads(policy)
    (statement,) = [each for each in changed["Statement"] if each["Sid"] == "ReadCaptured"]
    statement["Resource"] = [*statement["Resource"], "arn:aws:s3:::another/*"]
    stack.ec2.modify_vpc_endpoint(VpcEndpointId=identity, PolicyDocument=json.dumps(changed))
    yield
    stack.ec2.modify_vpc_endpoint(VpcEndpointId=identity, PolicyDocument=policy)


READERS = f"{CAPTURED}: whoever reads them has a policy for that alone, from the VPC"
GATEWAY = "its policy lets roles read artifacts, and this account's readers captured calls, of this stack only"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (kept_longer, f"{CAPTURED}: go after 7 days"),
        (weighs_more, f"{ENDPOINT}: copies 50 % of the calls to its shadow"),
        (scales_further, f"{SHADOW}: scales between 1 and 3 instances"),
        (roles_read_it_through_the_gateway, GATEWAY),
        (everything_is_read_through_the_gateway, GATEWAY),
        (partial(readers, old="s3:GetObject", new="s3:*"), READERS),
        (partial(readers, old="aws:SourceVpc", new="aws:SourceIp"), READERS),
        (partial(readers, old="kms:ViaService", new="kms:CallerAccount"), READERS),
    ],
)
def test_what_somebody_changed_is_told(stack: Deployment, broken: Callable[..., Any], told: str) -> None:
    with broken(stack):
        failures = stack.failures()
    assert [told in each for each in failures] == [True], failures
