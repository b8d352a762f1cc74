"""Calls from outside are told to the topic, those from inside are not, and a watch that fails is seen."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from private_inference.cli.perimeter import of_deployed
from private_inference.verification import Verdict
from private_inference.verification.inside import InsideCaller
from tests.support.recording import ACCOUNT, stack_config
from tests.support.stacks import minimal
from tests.verification.verified import OPEN_POLICY, Deployment, deployed

pytestmark = pytest.mark.xdist_group("outside-calls")

NAME = "private-inference-test-calls"
SAMPLE = {"EndpointName": "triage", "ContentType": "text/csv"}

Break = Callable[[Deployment], Iterator[None]]


@pytest.fixture(scope="module")
def built_stack(built: Path) -> dict[str, Any]:
    return minimal(built, operators={"callsFromOutside": True})


@pytest.fixture(scope="module")
def stack(built_stack: dict[str, Any]) -> Iterator[Deployment]:
    with deployed(stack_config(built_stack)) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def told(stack: Deployment) -> Callable[[], list[Any]]:
    """The notifications since it was last asked, as a subscriber gets them."""
    sqs = stack.client("sqs")
    queue = sqs.create_queue(QueueName="operators")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    stack.client("sns").subscribe(TopicArn=stack.topic, Protocol="sqs", Endpoint=arn)

    def received() -> list[Any]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(json.loads(message["Body"])["Message"])["detail"] for message in messages]

    return received


def call(stack: Deployment, sample: bytes) -> None:
    stack.client("sagemaker-runtime").invoke_endpoint(**SAMPLE, Body=sample)


@pytest.fixture(scope="module")
def sample(built: Path) -> bytes:
    return built.with_name("sample.csv").read_bytes()


def test_a_call_from_inside_is_not_told_and_a_refused_one_from_outside_is(
    stack: Deployment, told: Callable[[], list[Any]], sample: bytes
) -> None:
    inside = InsideCaller(stack.desired, stack.client)
    try:
        inside.call("triage", sample, "text/csv", "application/json", named={})
        assert told() == []
        inside.refused_outside("triage", {})
        (refused,) = told()
    finally:
        inside.remove()
    assert (refused["errorCode"], "vpcEndpointId" in refused) == ("AccessDenied", False)
    assert "-inside-" in refused["userIdentity"]["arn"]


def test_an_administrators_call_from_anywhere_is_told(
    stack: Deployment, told: Callable[[], list[Any]], sample: bytes
) -> None:
    call(stack, sample)
    (found,) = told()
    assert "errorCode" not in found
    (called,) = found["resources"]
    assert called["ARN"] == stack.desired.contract.endpoints["triage"].arn


def test_a_call_of_another_endpoint_is_not_told(stack: Deployment, told: Callable[[], list[Any]]) -> None:
    runtime = stack.client("sagemaker-runtime")
    with pytest.raises(ClientError, match="not found"):
        runtime.invoke_endpoint(EndpointName="somebody-elses", ContentType="text/csv", Body=b"")
    assert told() == []


def stopped(stack: Deployment) -> Iterator[None]:
    cloudtrail = stack.client("cloudtrail")
    cloudtrail.stop_logging(Name=NAME)
    yield
    cloudtrail.start_logging(Name=NAME)


def disabled(stack: Deployment) -> Iterator[None]:
    stack.client("events").disable_rule(Name=NAME)
    yield
    stack.client("events").enable_rule(Name=NAME)


def nobody_told(stack: Deployment) -> Iterator[None]:
    events = stack.client("events")
    (target,) = events.list_targets_by_rule(Rule=NAME)["Targets"]
    events.remove_targets(Rule=NAME, Ids=[target["Id"]])
    yield
    events.put_targets(Rule=NAME, Targets=[target])


def _asking(stack: Deployment, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    events = stack.client("events")
    pattern = events.describe_rule(Name=NAME)["EventPattern"]
    other = json.loads(pattern)
    change(other)
    events.put_rule(Name=NAME, EventPattern=json.dumps(other))
    yield
    events.put_rule(Name=NAME, EventPattern=pattern)


def around_any_endpoint_is_fine(stack: Deployment) -> Iterator[None]:
    yield from _asking(stack, lambda pattern: pattern["detail"].update(vpcEndpointId=[{"exists": False}]))


def only_what_succeeds(stack: Deployment) -> Iterator[None]:
    yield from _asking(stack, lambda pattern: pattern["detail"].update(errorCode=[{"exists": False}]))


def about_others(stack: Deployment) -> Iterator[None]:
    other = stack.desired.contract.endpoints["triage"].arn.replace("triage", "other")
    yield from _asking(stack, lambda pattern: pattern["detail"].update(resources={"ARN": [other]}))


def _selecting(stack: Deployment, **changes: list[str]) -> Iterator[None]:
    cloudtrail = stack.client("cloudtrail")
    (selector,) = cloudtrail.get_event_selectors(TrailName=NAME)["AdvancedEventSelectors"]
    fields = {field["Field"]: field["Equals"] for field in selector["FieldSelectors"]} | changes
    other = {"FieldSelectors": [{"Field": field, "Equals": values} for field, values in fields.items()]}
    cloudtrail.put_event_selectors(TrailName=NAME, AdvancedEventSelectors=[other])
    yield
    cloudtrail.put_event_selectors(TrailName=NAME, AdvancedEventSelectors=[selector])


def management_events_alone(stack: Deployment) -> Iterator[None]:
    yield from _selecting(stack, eventCategory=["Management"])


def streams_alone(stack: Deployment) -> Iterator[None]:
    yield from _selecting(stack, eventName=["InvokeEndpointWithResponseStream"])


SILENCED = [
    (stopped, "a trail logs every call", "it does not log"),
    (management_events_alone, "a trail logs every call", "missing: arn:"),
    (disabled, "one that comes around", "its rule is DISABLED"),
    (nobody_told, "one that comes around", "its rule does not name the topic"),
    (about_others, "one that comes around", "missing: arn:"),
]
"""What makes calls from outside be told no more, the check that has to miss it, and what it says."""

LOOSENED = [
    (around_any_endpoint_is_fine, "one that comes around", 'vpcEndpointId [{"exists": false}]'),
    (only_what_succeeds, "one that comes around", "its rule asks for more: errorCode"),
    (streams_alone, "a trail logs every call", "missing: arn:"),
]


def faults(stack: Deployment) -> dict[str, str]:
    """What the verification says of the stack. That a test subscribed to its topic is none of it."""
    checks = [check for check in stack.verify() if check.asked != "nobody is subscribed, as set"]
    return {check.asked: check.seen for check in checks if check.verdict is not Verdict.OK}


def missed(stack: Deployment, broken: Break) -> dict[str, str]:
    with contextmanager(broken)(stack):
        return faults(stack)


@pytest.mark.parametrize(("broken", "asked", "seen"), SILENCED)
def test_a_silenced_watch_tells_nobody_and_is_seen(
    stack: Deployment, told: Callable[[], list[Any]], sample: bytes, broken: Break, asked: str, seen: str
) -> None:
    told()
    with contextmanager(broken)(stack):
        call(stack, sample)
        assert told() == []
    ((claim, said),) = missed(stack, broken).items()
    told()
    assert claim.startswith(asked)
    assert seen in said
    assert faults(stack) == {}


@pytest.mark.parametrize(("broken", "asked", "seen"), LOOSENED)
def test_a_watch_with_a_gap_is_seen(stack: Deployment, broken: Break, asked: str, seen: str) -> None:
    ((claim, said),) = missed(stack, broken).items()
    assert claim.startswith(asked)
    assert seen in said


def test_a_topic_that_does_not_let_eventbridge_is_told_nothing(
    stack: Deployment, told: Callable[[], list[Any]], sample: bytes
) -> None:
    sns, topic = stack.client("sns"), stack.topic
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    rest = [each for each in policy["Statement"] if each["Sid"] != "EventsPublish"]
    told()
    for statements, count in ((rest, 0), (policy["Statement"], 1)):
        document = json.dumps({**policy, "Statement": statements})
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)
        call(stack, sample)
        assert len(told()) == count


def _unvalidated(stack: Deployment) -> Iterator[None]:
    stack.client("cloudtrail").update_trail(Name=NAME, EnableLogFileValidation=False)
    yield
    stack.client("cloudtrail").update_trail(Name=NAME, EnableLogFileValidation=True)


def _public(stack: Deployment) -> Iterator[None]:
    s3, bucket = stack.client("s3"), log_bucket(stack)
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    other = {**blocked, "BlockPublicPolicy": False}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=other)
    yield
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)


def _unversioned(stack: Deployment) -> Iterator[None]:
    s3, bucket = stack.client("s3"), log_bucket(stack)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    yield
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _kept_a_day(stack: Deployment) -> Iterator[None]:
    s3, bucket = stack.client("s3"), log_bucket(stack)
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    other = [{**rule, "Expiration": {"Days": 1}} for rule in rules]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": other})
    yield
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _anybody_writes(stack: Deployment) -> Iterator[None]:
    s3, bucket = stack.client("s3"), log_bucket(stack)
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", **OPEN_POLICY}))
    yield
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def _any_trail_writes(stack: Deployment) -> Iterator[None]:
    s3, bucket = stack.client("s3"), log_bucket(stack)
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.put_bucket_policy(Bucket=bucket, Policy=policy.replace(f"trail/{NAME}", "trail/*"))
    yield
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def log_bucket(stack: Deployment) -> str:
    return str(stack.client("cloudtrail").get_trail(Name=NAME)["Trail"]["S3BucketName"])


@pytest.mark.parametrize(
    ("broken", "asked", "seen"),
    [
        (_unvalidated, "the trail's files", "LogFileValidationEnabled off"),
        (_public, "they lie in a closed", "BlockPublicPolicy off"),
        (_unversioned, "they lie in a closed", "Status Suspended"),
        (_kept_a_day, "they lie in a closed", "not asked for: 1 days"),
        (_anybody_writes, "the trail alone", "it allows *"),
        (_any_trail_writes, "the trail alone", "another trail may use it"),
    ],
)
def test_a_log_that_is_not_kept_as_asked_is_seen(stack: Deployment, broken: Break, asked: str, seen: str) -> None:
    ((claim, said),) = missed(stack, broken).items()
    assert claim.startswith(asked)
    assert seen in said


def test_the_logs_bucket_is_not_taken_for_that_of_artifacts(stack: Deployment) -> None:
    assert log_bucket(stack) != stack.bucket
    assert faults(stack) == {}


def test_the_perimeter_of_a_deployed_stack_guards_the_watch(stack: Deployment, built_stack: dict[str, Any]) -> None:
    deployers = {"deployers": [f"arn:aws:iam::{ACCOUNT}:role/deployer"]}
    found = of_deployed(stack_config({**built_stack, "perimeter": deployers}), stack.aws).as_json()["documents"]
    (watched,) = [each for each in found["scp"]["Statement"] if each["Sid"] == "WatchByDeployers"]
    trail = stack.client("cloudtrail").get_trail(Name=NAME)["Trail"]["TrailARN"]
    rule = stack.client("events").describe_rule(Name=NAME)["Arn"]
    assert watched["Resource"] == [trail, rule, f"arn:aws:s3:::{log_bucket(stack)}/*"]
    assert f"arn:aws:s3:::{log_bucket(stack)}" in json.dumps(found["rcp"])
