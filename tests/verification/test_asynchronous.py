"""An asynchronous endpoint in an embedded AWS: who may ask, what becomes of requests, and what `verify` says of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from private_inference.rehearsal.idle import idle
from private_inference.rehearsal.operations import Operations
from private_inference.verification import Verdict, capacity, exchange, private_access, roles
from private_inference.verification.checks import evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.reader import Reader
from tests.rehearsal.test_callers import document, said
from tests.support.recording import REGION, ROOT, stack_config
from tests.support.stacks import endpoint, minimal
from tests.verification.verified import OPEN_POLICY, Deployment, deployed

pytestmark = pytest.mark.xdist_group("verification")


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Deployment]:
    asynchronous = endpoint(built, instances={"min": 0, "max": 3}, asynchronous={"retentionDays": 7})
    with deployed(stack_config(minimal(built, endpoints=[asynchronous]))) as deployment:
        yield deployment


@pytest.fixture
def sample(built: Path) -> bytes:
    return built.with_name("sample.csv").read_bytes()


@pytest.fixture
def expected(built: Path) -> list[float]:
    return scores(built.with_name("expected.json").read_bytes())


def scores(answer: bytes) -> list[float]:
    return [prediction["score"] for prediction in json.loads(answer)["predictions"]]


@dataclass(frozen=True)
class Told:
    """What InvokeEndpointAsync tells, and what is at the two places."""

    stack: Deployment
    answer: dict[str, Any]

    @property
    def output(self) -> bytes | None:
        return self._at(self.answer["OutputLocation"])

    @property
    def failure(self) -> bytes | None:
        return self._at(self.answer["FailureLocation"])

    def _at(self, uri: str) -> bytes | None:
        s3 = self.stack.client("s3")
        try:
            body: bytes = s3.get_object(**place(uri))["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None
        return body


def place(uri: str) -> dict[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


def location(stack: Deployment, name: str) -> str:
    return str((stack.desired.contract.endpoints["triage"].async_locations or {})[name])


def ask(stack: Deployment, rows: bytes, identity: str = "request-1") -> Told:
    request = f"{location(stack, 'inputs')}{identity}.csv"
    stack.client("s3").put_object(**place(request), Body=rows)
    asked = {"InputLocation": request, "InferenceId": identity, "ContentType": "text/csv", "Accept": "application/json"}
    return Told(stack, stack.client("sagemaker-runtime").invoke_endpoint_async(EndpointName="triage", **asked))


def instances(stack: Deployment) -> int:
    (variant,) = stack.client("sagemaker").describe_endpoint(EndpointName="triage")["ProductionVariants"]
    return int(variant["CurrentInstanceCount"])


def scale(stack: Deployment, count: int) -> None:
    Operations(stack.aws.endpoint_url).scale("triage", count)


@pytest.fixture(autouse=True)
def serving(stack: Deployment) -> None:
    scale(stack, 1)


@pytest.fixture
def messages(stack: Deployment) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """What a topic told since the test began, by outcome."""
    sqs, sns = stack.client("sqs"), stack.client("sns")
    topics = stack.desired.contract.endpoints["triage"].async_topic_arns or {}
    queues, subscriptions = {}, []
    for outcome, topic in topics.items():
        queues[outcome] = sqs.create_queue(QueueName=f"heard-{outcome}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queues[outcome], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        raw = {"RawMessageDelivery": "true"}
        made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
        subscriptions.append(made["SubscriptionArn"])

    def heard(outcome: str) -> list[dict[str, Any]]:
        received = sqs.receive_message(QueueUrl=queues[outcome], MaxNumberOfMessages=10)
        return [json.loads(each["Body"]) for each in received.get("Messages", [])]

    yield heard
    for subscription in subscriptions:
        sns.unsubscribe(SubscriptionArn=subscription)
    for queue in queues.values():
        sqs.delete_queue(QueueUrl=queue)


def test_a_sound_stack_has_what_was_asked_for_and_answers(stack: Deployment) -> None:
    checks = stack.verify()
    assert [
        f"{check.subject}: {check.asked}: {check.seen}" for check in checks if check.verdict is not Verdict.OK
    ] == []
    assert "406 bytes, the same predictions" in [check.seen for check in checks]


def test_a_request_is_answered_into_s3_under_the_data_key_and_told(
    stack: Deployment, sample: bytes, expected: list[float], messages: Any
) -> None:
    told = ask(stack, sample, "mine")
    assert told.answer["InferenceId"] == "mine"
    assert told.answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert told.output is not None
    assert scores(told.output) == pytest.approx(expected, abs=1e-5)
    assert told.failure is None
    head = stack.client("s3").head_object(**place(told.answer["OutputLocation"]))
    assert (head["SSEKMSKeyId"], head["BucketKeyEnabled"]) == (stack.key, True)
    (message,) = messages("success")
    assert (message["invocationStatus"], message["inferenceId"]) == ("Completed", "mine")
    assert message["responseParameters"]["outputLocation"] == told.answer["OutputLocation"]
    assert messages("error") == []


def test_what_the_model_refuses_is_a_failure_and_told(stack: Deployment, messages: Any) -> None:
    told = ask(stack, b"no,numbers\n")
    assert told.output is None
    assert told.failure is not None
    assert b"Received client error (415) from primary" in told.failure or b"client error" in told.failure
    (message,) = messages("error")
    assert message["failureReason"] == told.failure.decode()


def test_no_instance_runs_when_nothing_waits_and_a_request_starts_one(
    stack: Deployment, sample: bytes, expected: list[float]
) -> None:
    (idled,) = idle(stack.aws, "triage", 1)
    assert (idled.instances, instances(stack)) == (0, 0)
    told = ask(stack, sample)
    assert instances(stack) == 1
    assert told.output is not None
    assert scores(told.output) == pytest.approx(expected, abs=1e-5)


@contextmanager
def nothing_starts(stack: Deployment) -> Iterator[None]:
    """Without the alarm on requests that wait for an instance."""
    cloudwatch = stack.client("cloudwatch")
    (alarm,) = cloudwatch.describe_alarms(AlarmNamePrefix="triage-from-zero")["MetricAlarms"]
    cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    taken = ("AlarmName", "AlarmActions", "MetricName", "Namespace", "Statistic", "Dimensions", "Period")
    rest = ("EvaluationPeriods", "Threshold", "ComparisonOperator", "TreatMissingData", "AlarmDescription")
    try:
        yield
    finally:
        cloudwatch.put_metric_alarm(**{key: alarm[key] for key in (*taken, *rest)})


def test_without_its_alarm_a_request_waits_for_whoever_starts_an_instance(stack: Deployment, sample: bytes) -> None:
    scale(stack, 0)
    with nothing_starts(stack):
        told = ask(stack, sample)
        assert (told.output, told.failure, instances(stack)) == (None, None, 0)
    scale(stack, 1)
    assert told.output is not None


def test_what_waits_is_answered_by_the_configuration_that_comes(stack: Deployment, sample: bytes) -> None:
    scale(stack, 0)
    with nothing_starts(stack):
        told = ask(stack, sample)
        sagemaker, serving = stack.client("sagemaker"), stack.configuration("triage")
        asked = {key: serving[key] for key in ("ProductionVariants", "KmsKeyId", "AsyncInferenceConfig")}
        sagemaker.create_endpoint_config(EndpointConfigName="next", **asked)
        sagemaker.update_endpoint(EndpointName="triage", EndpointConfigName="next")
        assert told.output is not None
        sagemaker.update_endpoint(EndpointName="triage", EndpointConfigName=serving["EndpointConfigName"])


def test_a_role_that_may_not_write_answers_fails(stack: Deployment, sample: bytes) -> None:
    denied = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket(stack)}/outputs/*"}
    with denying(stack, denied):
        told = ask(stack, sample)
    assert told.output is None
    assert b"Failed to upload the response" in (told.failure or b"")
    assert b"s3:PutObject is refused with an explicit deny in an identity-based policy" in (told.failure or b"")


def test_instances_come_through_the_s3_endpoint(stack: Deployment, sample: bytes) -> None:
    gateway = stack.endpoint("s3")
    changed = json.loads(gateway["PolicyDocument"])
    changed["Statement"] = [each for each in changed["Statement"] if each["Sid"] != "ReadInputs"]
    stack.ec2.modify_vpc_endpoint(VpcEndpointId=gateway["VpcEndpointId"], PolicyDocument=json.dumps(changed))
    told = ask(stack, sample)
    stack.ec2.modify_vpc_endpoint(VpcEndpointId=gateway["VpcEndpointId"], PolicyDocument=gateway["PolicyDocument"])
    assert told.output is None
    assert b"because no VPC endpoint policy allows the s3:GetObject action" in (told.failure or b"")


@pytest.mark.parametrize("action", ["sns:Publish", "kms:GenerateDataKey"])
def test_a_role_that_may_not_tell_answers_all_the_same(
    stack: Deployment, sample: bytes, messages: Any, action: str
) -> None:
    own = stack.desired.contract.key_arns.notifications if action.startswith("kms") else "*"
    with denying(stack, {"Effect": "Deny", "Action": action, "Resource": own}):
        assert ask(stack, sample).output is not None
    assert messages("success") == []


@contextmanager
def denying(stack: Deployment, statement: dict[str, Any]) -> Iterator[None]:
    iam, named = stack.client("iam"), {"RoleName": stack.role("triage"), "PolicyName": "denied"}
    iam.put_role_policy(**named, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    yield
    iam.delete_role_policy(**named)


# Callers


Caller = Callable[..., Any]
"""Makes a client of a service, for requests that come through VPC endpoints, or from outside."""


@pytest.fixture
def caller(stack: Deployment) -> Iterator[Caller]:
    """A workload with the contract's policy and nothing else."""
    iam, policy = stack.client("iam"), stack.desired.contract.endpoints["triage"].invoke_policy_arn
    trust = document({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="team", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="team", PolicyArn=policy)

    def client(service: str, reached: dict[str, str] | None = None) -> Any:
        found = Operations(stack.aws.endpoint_url).credentials(role, "lambda.amazonaws.com", reached)
        named = {name.lower(): value for name, value in found.items()}
        connect: Any = boto3.client
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return connect(service, region_name=REGION, endpoint_url=stack.aws.endpoint_url, config=config, **named)

    yield client
    iam.detach_role_policy(RoleName="team", PolicyArn=policy)
    iam.delete_role(RoleName="team")


def inside(stack: Deployment) -> dict[str, str]:
    """The VPC endpoints that the app subnets reach."""
    return {"s3": stack.endpoint("s3")["VpcEndpointId"], "sagemaker.runtime": stack.runtime}


def test_a_caller_puts_asks_and_reads_through_the_vpcs_endpoints(
    stack: Deployment, caller: Caller, sample: bytes, expected: list[float]
) -> None:
    s3, runtime = (caller(name, inside(stack)) for name in ("s3", "sagemaker-runtime"))
    request = f"{location(stack, 'inputs')}theirs.csv"
    s3.put_object(**place(request), Body=sample)
    asked = {"InputLocation": request, "ContentType": "text/csv", "Accept": "application/json"}
    told = runtime.invoke_endpoint_async(EndpointName="triage", **asked)
    assert scores(s3.get_object(**place(told["OutputLocation"]))["Body"].read()) == pytest.approx(expected, abs=1e-5)
    later = told["OutputLocation"].replace(".out", "-later.out")
    assert said(s3.get_object, **place(later)).startswith("NoSuchKey")


@pytest.mark.parametrize(
    ("name", "operation"), [("inputs", "get_object"), ("outputs", "put_object"), ("failures", "put_object")]
)
def test_a_caller_may_not_the_other_way_round(stack: Deployment, caller: Caller, name: str, operation: str) -> None:
    s3 = caller("s3", inside(stack))
    assert said(getattr(s3, operation), **place(f"{location(stack, name)}x")).startswith("AccessDenied")


def test_a_caller_reaches_no_model(stack: Deployment, caller: Caller) -> None:
    uri = stack.model("triage")["PrimaryContainer"]["ModelDataUrl"]
    s3 = caller("s3", inside(stack))
    assert said(s3.get_object, **place(uri)).startswith("AccessDenied")
    assert said(s3.put_object, **place(uri), Body=b"another model").startswith("AccessDenied")


def test_a_caller_is_refused_outside_of_the_vpc(stack: Deployment, caller: Caller) -> None:
    request = f"{location(stack, 'inputs')}x"
    assert said(caller("s3").put_object, **place(request)).startswith("AccessDenied")
    runtime = caller("sagemaker-runtime")
    refused = said(runtime.invoke_endpoint_async, EndpointName="triage", InputLocation=request)
    assert "because no identity-based policy allows the sagemaker:InvokeEndpointAsync action" in refused


def test_what_is_asynchronous_takes_no_other_calls(stack: Deployment) -> None:
    runtime = stack.client("sagemaker-runtime")
    assert said(runtime.invoke_endpoint, EndpointName="triage", Body=b"1").startswith("ValidationError")


def test_the_consumers_client_puts_waits_and_reads(
    stack: Deployment, built: Path, expected: list[float], tmp_path: Path
) -> None:
    contract, unread = tmp_path / "contract.json", tmp_path / "unread.csv"
    contract.write_text(stack.desired.contract.model_dump_json(by_alias=True))
    unread.write_text("no,numbers\n")

    def client(*given: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "client.py", "--contract", str(contract), "--endpoint", "triage", *given]
        environment = {**os.environ, **stack.aws.environment()}
        return subprocess.run(
            command, cwd=ROOT / "examples/consumer", env=environment, capture_output=True, text=True, timeout=60
        )

    answered = client(str(built.with_name("sample.csv")))
    assert [float(line) for line in answered.stdout.split()] == pytest.approx(expected, abs=1e-5), answered.stderr
    assert client(str(unread)).stderr.startswith("The request failed: Received client error")
    scale(stack, 0)
    with nothing_starts(stack):
        waited = client("--wait", "0", str(built.with_name("sample.csv")))
    assert waited.stderr.startswith("There was no answer within 0 s; one that comes later is at s3://")
    assert client("--variant", "AllTraffic", str(unread)).stderr.startswith("The endpoint triage is asynchronous")


# What `verify` says of what somebody changed


def misses(stack: Deployment) -> list[str]:
    """What is not as asked, of what an asynchronous endpoint has of its own."""
    (settings,) = stack.desired.settings.endpoints
    found = Deployed(stack.desired, Reader(stack.client))
    parts = [each.assertions(found, settings) for each in (exchange, roles, capacity)]
    checks = [evaluate(each) for part in (*parts, private_access.assertions(found)) for each in part]
    return [f"{check.subject}: {check.asked}" for check in checks if check.verdict is not Verdict.OK]


def bucket(stack: Deployment) -> str:
    return place(location(stack, "inputs"))["Bucket"]


@contextmanager
def kept_for_ever(stack: Deployment) -> Iterator[None]:
    s3, named = stack.client("s3"), {"Bucket": bucket(stack)}
    rules = s3.get_bucket_lifecycle_configuration(**named)["Rules"]
    s3.put_bucket_lifecycle_configuration(
        **named, LifecycleConfiguration={"Rules": [{**rules[0], "Expiration": {"Days": 3650}}]}
    )
    yield
    s3.put_bucket_lifecycle_configuration(**named, LifecycleConfiguration={"Rules": rules})


@contextmanager
def open_bucket(stack: Deployment) -> Iterator[None]:
    s3, named = stack.client("s3"), {"Bucket": bucket(stack)}
    policy = s3.get_bucket_policy(**named)["Policy"]
    s3.put_bucket_policy(**named, Policy=json.dumps(OPEN_POLICY))
    yield
    s3.put_bucket_policy(**named, Policy=policy)


@contextmanager
def open_topic(stack: Deployment) -> Iterator[None]:
    sns = stack.client("sns")
    arn = (stack.desired.contract.endpoints["triage"].async_topic_arns or {})["error"]
    policy = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(OPEN_POLICY))
    yield
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


@contextmanager
def wider_callers(stack: Deployment) -> Iterator[None]:
    iam, arn = stack.client("iam"), stack.desired.contract.endpoints["triage"].invoke_policy_arn
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    written = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    wider = json.dumps(written).replace("/outputs/*", "/*")
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=wider, SetAsDefault=True)["PolicyVersion"]
    yield
    iam.set_default_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy_version(PolicyArn=arn, VersionId=made["VersionId"])


@contextmanager
def wider_gateway(stack: Deployment) -> Iterator[None]:
    gateway = stack.endpoint("s3")
    identity, policy = gateway["VpcEndpointId"], gateway["PolicyDocument"]
    changed = json.loads(policy)
    for statement in changed["Statement"]:
        if statement["Sid"] == "WriteAnswers":
            del statement["Condition"]["ArnLike"]
    stack.ec2.modify_vpc_endpoint(VpcEndpointId=identity, PolicyDocument=json.dumps(changed))
    yield
    stack.ec2.modify_vpc_endpoint(VpcEndpointId=identity, PolicyDocument=policy)


@pytest.mark.parametrize(
    ("broken", "said_of"),
    [
        (kept_for_ever, "Endpoint triage, requests: inputs, answers and failures go after 7 days"),
        (open_bucket, "Endpoint triage, requests: refuses what is not TLS, and other keys"),
        (open_topic, "Endpoint triage, requests: its role alone tells its error topic, by TLS"),
        (wider_callers, "Endpoint triage: its callers' policy allows calls through this VPC only"),
        (nothing_starts, "Endpoint triage: scales to 5 requests an instance, and from none"),
        (wider_gateway, "Private access: s3 gateway: its policy lets roles read artifacts, and callers put requests"),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_what_somebody_changed_is_told(stack: Deployment, broken: Any, said_of: str) -> None:
    assert misses(stack) == []
    with broken(stack):
        (missed,) = misses(stack)
    assert missed.startswith(said_of)
