"""A language model by the OpenAI-compatible path: who gets its words, and whose tokens are refused."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
import urllib3

from components.contract import EndpointContract
from private_inference.rehearsal.language_model import generate
from private_inference.rehearsal.operations import Operations
from private_inference.verification import Verdict, kv_cache, private_access, roles
from private_inference.verification.checks import evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.reader import Reader
from tests.examples.test_llm import built, example, serving
from tests.support.recording import ROOT
from tests.verification.verified import Deployment

__all__ = ["built", "example"]
pytestmark = pytest.mark.xdist_group("llm")
LAMBDA = "lambda.amazonaws.com"
PROMPT, TOKENS = "The endpoint ", 24
MESSAGES = [{"role": "user", "content": PROMPT}]


@pytest.fixture(scope="module")
def platform(built: Path) -> Iterator[Deployment]:
    with serving(built, "openai") as deployment:
        yield deployment


@dataclass(frozen=True)
class Team:
    """The example's client, run with the credentials of a role."""

    platform: Deployment
    chat: Any
    contract: Any

    @property
    def endpoint(self) -> EndpointContract:
        return self.platform.desired.contract.endpoints["assistant"]

    def keys(self, role: str, reached: Mapping[str, str] | None) -> Mapping[str, str]:
        arn = self.platform.client("iam").get_role(RoleName=role)["Role"]["Arn"]
        return Operations(self.platform.aws.endpoint_url).credentials(arn, LAMBDA, reached)

    def asks(self, token: str) -> str:
        url, limit = self.platform.aws.endpoint_url, {"max_tokens": TOKENS}
        return "".join(self.chat.chat(self.contract, "assistant", MESSAGES, endpoint_url=url, token=token, **limit))

    def refusal(self, token: str) -> str:
        """What the client says is why, and AWS's own words, which it leaves out."""
        with pytest.raises(self.chat.CallError, match=r"refused the token \(403\)"):
            self.asks(token)
        url = f"{self.platform.aws.endpoint_url}/endpoints/assistant/openai/v1/chat/completions"
        sent = {"Authorization": f"Bearer {token}"}
        return str(urllib3.request("POST", url, headers=sent, json={"messages": MESSAGES}).json()["message"])


@pytest.fixture(scope="module")
def team(platform: Deployment) -> Iterator[Team]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "examples/consumer"))
        before = set(sys.modules)
        chat, contract = importlib.import_module("chat"), importlib.import_module("contract")
        read = contract.Contract.read(platform.desired.contract.model_dump(by_alias=True, mode="json"))
        yield Team(platform, chat, read)
        for name in ("chat", "contract", "calls", "client", "later", "streaming"):
            if name not in before:
                sys.modules.pop(name, None)


def role(platform: Deployment, name: str, *, policy: str | None = None, own: Any = None) -> str:
    iam = platform.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": LAMBDA}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    if policy:
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    if own:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(own))
    return name


@pytest.fixture(scope="module")
def caller(team: Team) -> str:
    return role(team.platform, "bearer", policy=team.endpoint.invoke_policy_arn)


Tokens = Callable[..., str]


@pytest.fixture
def token(team: Team, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    """Tokens of a role, as its client makes them within the VPC, or elsewhere."""

    def make(role: str, reached: Mapping[str, str] | None = None, seconds: int = 60) -> str:
        through = {"sagemaker.runtime": team.platform.runtime} if reached is None else reached
        for name, value in team.keys(role, through or None).items():
            monkeypatch.setenv(name, value)
        return str(team.chat.bearer_token(team.contract.region, seconds))

    return make


def test_a_holder_of_the_policy_has_the_models_words(team: Team, caller: str, token: Tokens, built: Path) -> None:
    assert team.endpoint.openai_url == "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/assistant/openai/v1"
    request = {"inputs": PROMPT, "parameters": {"max_new_tokens": TOKENS}}
    _, parts = generate(built / "model", "application/json", json.dumps(request).encode())
    assert team.asks(token(caller)) == json.loads(b"".join(parts))["generated_text"]


def test_a_token_of_a_caller_outside_of_the_vpc_is_refused(team: Team, caller: str, token: Tokens) -> None:
    assert "perform: sagemaker:CallWithBearerToken" in team.refusal(token(caller, {}))


def test_a_token_of_another_vpc_endpoint_is_refused(team: Team, caller: str, token: Tokens) -> None:
    ec2 = team.platform.ec2
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    service = team.platform.endpoint("sagemaker.runtime")["ServiceName"]
    made = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, VpcEndpointType="Interface", PrivateDnsEnabled=False)
    try:
        assert "perform: sagemaker:CallWithBearerToken" in team.refusal(
            token(caller, {"sagemaker.runtime": made["VpcEndpoint"]["VpcEndpointId"]})
        )
    finally:
        ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpoint"]["VpcEndpointId"]])
        ec2.delete_vpc(VpcId=vpc)


def test_an_expired_token_is_refused(team: Team, caller: str, token: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    assert team.asks(token(caller, seconds=120))
    earlier = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=121)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: earlier)
    assert "expired" in team.refusal(token(caller, seconds=120))


def test_a_role_that_may_invoke_needs_the_action_for_tokens_too(team: Team, token: Tokens) -> None:
    given = {"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": team.endpoint.arn}
    without = role(team.platform, "signing-only", own={"Version": "2012-10-17", "Statement": [given]})
    assert "perform: sagemaker:CallWithBearerToken" in team.refusal(token(without))


def test_tokens_alone_call_nothing(team: Team, token: Tokens) -> None:
    given = {"Effect": "Allow", "Action": "sagemaker:CallWithBearerToken", "Resource": "*"}
    without = role(team.platform, "tokens-only", own={"Version": "2012-10-17", "Statement": [given]})
    assert "perform: sagemaker:InvokeEndpoint on" in team.refusal(token(without))


def test_an_endpoint_without_the_path_is_not_asked(team: Team) -> None:
    other = team.contract.endpoints["assistant"].model_copy(update={"openai_url": None})
    contract = team.contract.model_copy(update={"endpoints": {"assistant": other}})
    with pytest.raises(team.chat.CallError, match="the platform has to allow openai"):
        next(team.chat.chat(contract, "assistant", MESSAGES))


@contextmanager
def no_tokens_for_callers(stack: Deployment) -> Iterator[None]:
    """The policy as it would be without the setting."""
    arn = stack.desired.contract.endpoints["assistant"].invoke_policy_arn
    with _versioned(stack, arn, lambda each: each["Action"] != ["sagemaker:CallWithBearerToken"], {}):
        yield


@contextmanager
def tokens_from_anywhere(stack: Deployment) -> Iterator[None]:
    arn = stack.desired.contract.endpoints["assistant"].invoke_policy_arn
    anywhere = {"Effect": "Allow", "Action": ["sagemaker:CallWithBearerToken"], "Resource": ["*"]}
    with _versioned(stack, arn, lambda each: each["Action"] != ["sagemaker:CallWithBearerToken"], anywhere):
        yield


@contextmanager
def _versioned(
    stack: Deployment, arn: str, kept: Callable[[dict[str, Any]], bool], more: Mapping[str, Any]
) -> Iterator[None]:
    iam = stack.client("iam")
    before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=before)["PolicyVersion"]["Document"]
    document["Statement"] = [*filter(kept, document["Statement"]), *([dict(more)] if more else [])]
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
    yield
    iam.set_default_policy_version(PolicyArn=arn, VersionId=before)
    iam.delete_policy_version(PolicyArn=arn, VersionId=made["PolicyVersion"]["VersionId"])


@contextmanager
def no_tokens_through_the_endpoint(stack: Deployment) -> Iterator[None]:
    before = stack.endpoint("sagemaker.runtime")["PolicyDocument"]
    document = json.loads(before)
    document["Statement"] = document["Statement"][:1]
    modify = stack.ec2.modify_vpc_endpoint
    modify(VpcEndpointId=stack.runtime, PolicyDocument=json.dumps(document))
    yield
    modify(VpcEndpointId=stack.runtime, PolicyDocument=before)


@pytest.mark.parametrize(
    ("broken", "missed"),
    [
        (no_tokens_for_callers, "its callers' policy allows calls through this VPC only"),
        (tokens_from_anywhere, "its callers' policy allows calls through this VPC only"),
        (
            no_tokens_through_the_endpoint,
            "sagemaker.runtime: its policy lets this account's principals invoke this stack's endpoints only",
        ),
    ],
)
def test_what_is_not_as_asked_is_found(platform: Deployment, broken: Callable[..., Any], missed: str) -> None:
    with broken(platform):
        stack, (endpoint,) = Deployed(platform.desired, Reader(platform.client)), platform.desired.settings.endpoints
        found = [evaluate(each) for each in (*roles.assertions(stack, endpoint), *private_access.assertions(stack))]
    assert [each.asked for each in found if each.verdict is not Verdict.OK] == [missed]


@contextmanager
def nothing_counts(stack: Deployment) -> Iterator[None]:
    with _counting(stack, None):
        yield


@contextmanager
def more_counts(stack: Deployment) -> Iterator[None]:
    """Lines that say less than the settings name."""
    with _counting(stack, r"%KV\scache\susage:\s[1-9][0-9]\.%"):
        yield


@contextmanager
def _counting(stack: Deployment, pattern: str | None) -> Iterator[None]:
    logs, group = stack.client("logs"), "/aws/sagemaker/Endpoints/assistant"
    (kept,) = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    given = {key: kept[key] for key in ("filterName", "filterPattern", "metricTransformations")}
    logs.delete_metric_filter(logGroupName=group, filterName=kept["filterName"])
    if pattern:
        logs.put_metric_filter(logGroupName=group, **given | {"filterPattern": pattern})
    yield
    logs.put_metric_filter(logGroupName=group, **given)


@contextmanager
def nobody_told(stack: Deployment) -> Iterator[None]:
    """The alarm on what is counted has no actions."""
    metrics = stack.client("cloudwatch")
    found = metrics.describe_alarms(AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    (alarm,) = [each for each in found if each.get("MetricName", "").startswith("KvCache-")]
    names = metrics.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    given = {key: value for key, value in alarm.items() if key in names}
    metrics.put_metric_alarm(**given | {"AlarmActions": [], "OKActions": []})
    yield
    metrics.put_metric_alarm(**given)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (None, ""),
        (nothing_counts, "no alarm is on a count of such lines"),
        (more_counts, "no alarm is on a count of such lines"),
        (nobody_told, "AlarmActions don't name the topic"),
    ],
)
def test_verify_sees_whether_a_full_cache_is_told_of(
    platform: Deployment, change: Callable[[Deployment], Any] | None, seen: str
) -> None:
    with change(platform) if change else nullcontext():
        stack, (endpoint,) = Deployed(platform.desired, Reader(platform.client)), platform.desired.settings.endpoints
        (check,) = map(evaluate, kv_cache.assertions(stack, endpoint))
    assert (check.verdict is Verdict.OK) == (not seen)
    assert seen in check.seen
