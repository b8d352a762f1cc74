"""A front door whose authorizer judges calls, rehearsed: whom the function lets in, and what verify misses."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from private_inference.rehearsal.authorizer_function import TOKEN
from private_inference.rehearsal.operations import Operations
from private_inference.runner.project import load_stack
from private_inference.verification import Verdict, verify
from private_inference.verification.policies import unescaped
from tests.support.client_certificates import Loopback
from tests.support.recording import ROOT
from tests.support.stacks import DOMAIN
from tests.verification.verified import Deployment, deployed, inline_policy

pytestmark = pytest.mark.xdist_group("authorizer")

PATH = "/endpoints/triage/invocations"
STACK = "examples/stacks/authorizer/Pulumi.authorizer.yaml"
SAMPLE = ROOT / "examples/model/build/sample.csv"
ROLE = "front-door-authorizer"


@pytest.fixture(scope="module")
def stack() -> Iterator[Deployment]:
    with deployed(load_stack(ROOT, STACK)) as found:
        yield found


def called(stack: Deployment, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and body of an answer to whoever has the name, its authority and these headers."""
    (certificate,) = stack.client("acm").list_certificates()["CertificateSummaryList"]
    chain = stack.client("acm").get_certificate(CertificateArn=certificate["CertificateArn"])["CertificateChain"]
    port = Operations(stack.aws.endpoint_url).names(stack.vpc)[DOMAIN]
    connection = Loopback(DOMAIN, port, context=ssl.create_default_context(cadata=chain))
    kinds = {"Content-Type": "text/csv", "Accept": "application/json", "Host": DOMAIN}
    connection.request("POST", PATH, SAMPLE.read_bytes(), kinds | headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_all_of_it_is_verified_and_answers_from_inside(stack: Deployment) -> None:
    found = {check.asked: check for check in verify(stack.desired, stack.client, from_inside=True, authorization=TOKEN)}
    assert [asked for asked, check in found.items() if check.verdict is not Verdict.OK] == []
    assert found[f"triage answers a call by {DOMAIN}, from the app subnets"].seen.endswith("the same predictions")


def test_without_anything_to_say_no_call_is_made(stack: Deployment) -> None:
    skipped = [
        each for each in verify(stack.desired, stack.client, from_inside=True) if each.verdict is Verdict.SKIPPED
    ]
    assert ["--authorization" in each.seen for each in skipped] == [True]


def test_whom_the_function_lets_in_gets_predictions_and_is_logged(stack: Deployment) -> None:
    status, body = called(stack, {"Authorization": TOKEN})
    expected = json.loads(SAMPLE.with_name("expected.json").read_bytes())
    assert (status, body.keys()) == (200, expected.keys())
    logs = stack.client("logs")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="front-door")["logGroups"]
    events = logs.get_log_events(logGroupName=group["logGroupName"], logStreamName="calls")["events"]
    assert json.loads(events[-1]["message"])["caller"] == TOKEN


def test_whoever_else_calls_is_refused(stack: Deployment) -> None:
    assert called(stack, {}) == (401, {"message": "Unauthorized"})
    status, body = called(stack, {"Authorization": "another"})
    assert (status, "explicit deny" in body["message"]) == (403, True)


# What is broken


def api(stack: Deployment) -> str:
    promised = stack.desired.contract.front_door
    assert promised
    return promised.api_id


@contextmanager
def authorizer(stack: Deployment, path: str, value: str) -> Iterator[None]:
    gateway = stack.client("apigateway")
    (found,) = gateway.get_authorizers(restApiId=api(stack))["items"]

    def put(to: Any) -> None:
        change = [{"op": "replace", "path": f"/{path}", "value": str(to)}]
        gateway.update_authorizer(restApiId=api(stack), authorizerId=found["id"], patchOperations=change)

    put(value)
    try:
        yield
    finally:
        put(found[path])


@contextmanager
def method(stack: Deployment, kind: str) -> Iterator[None]:
    gateway = stack.client("apigateway")
    (place,) = [
        {"restApiId": api(stack), "resourceId": each["id"], "httpMethod": "POST"}
        for each in gateway.get_resources(restApiId=api(stack))["items"]
        if "resourceMethods" in each
    ]

    def put(to: str) -> None:
        change = [{"op": "replace", "path": "/authorizationType", "value": to}]
        gateway.update_method(**place, patchOperations=change)

    put(kind)
    try:
        yield
    finally:
        put("CUSTOM")


def role_policy(stack: Deployment, old: str, new: str) -> AbstractContextManager[None]:
    roles = [each["RoleName"] for each in stack.client("iam").list_roles()["Roles"]]
    (role,) = [each for each in roles if each.startswith(ROLE)]
    return inline_policy(stack, role, old, new)


@contextmanager
def endpoint_policy(stack: Deployment, old: str, new: str) -> Iterator[None]:
    promised, ec2 = stack.desired.contract.front_door, stack.client("ec2")
    assert promised
    place = {"VpcEndpointIds": [promised.vpc_endpoint_id]}
    before = ec2.describe_vpc_endpoints(**place)["VpcEndpoints"][0]["PolicyDocument"]
    assert old in before
    ec2.modify_vpc_endpoint(VpcEndpointId=promised.vpc_endpoint_id, PolicyDocument=before.replace(old, new))
    try:
        yield
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=promised.vpc_endpoint_id, PolicyDocument=before)


@contextmanager
def api_policy(stack: Deployment, old: str, new: str) -> Iterator[None]:
    gateway = stack.client("apigateway")
    before = unescaped(gateway.get_rest_api(restApiId=api(stack))["policy"])
    assert old in before

    def put(text: str) -> None:
        change = [{"op": "replace", "path": "/policy", "value": text}]
        gateway.update_rest_api(restApiId=api(stack), patchOperations=change)

    put(before.replace(old, new))
    try:
        yield
    finally:
        put(before)


JUDGED = "Authorization is judged at each call"
BROKEN: list[tuple[str, Callable[[Deployment], AbstractContextManager[None]], str]] = [
    ("answers are kept", lambda s: authorizer(s, "authorizerResultTtlInSeconds", "300"), JUDGED),
    ("another header is judged", lambda s: authorizer(s, "identitySource", "method.request.header.Accept"), JUDGED),
    ("the role may call others", lambda s: role_policy(s, ":judge-tokens", ":*"), JUDGED),
    ("nobody authorizes", lambda s: method(s, "NONE"), "every method of its API asks who calls"),
    ("the API lets others in", lambda s: api_policy(s, '"Deny"', '"Allow"'), "its API is private"),
    ("other APIs are called", lambda s: endpoint_policy(s, f"{api(s)}/*", "*"), "execute-api: its policy lets calls"),
]


@pytest.mark.parametrize(("broken", "miss"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_what_is_broken_is_missed(
    stack: Deployment, broken: Callable[[Deployment], AbstractContextManager[None]], miss: str
) -> None:
    with broken(stack):
        missed = [check.asked for check in verify(stack.desired, stack.client) if check.verdict is not Verdict.OK]
    assert len(missed) == 1, missed
    assert missed[0].startswith(miss)


def test_a_function_that_is_gone_lets_nobody_in_and_is_missed(stack: Deployment) -> None:
    functions = stack.client("lambda")
    functions.delete_function(FunctionName="judge-tokens")
    assert called(stack, {"Authorization": TOKEN})[0] == 500
    (missed,) = [check.asked for check in stack.verify() if check.verdict is not Verdict.OK]
    assert missed.startswith(JUDGED)
