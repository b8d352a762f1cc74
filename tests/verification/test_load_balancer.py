"""The load balancer in front of the models, as verify sees it: a client is answered, and what is broken is missed."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from private_inference.rehearsal.operations import Operations
from private_inference.runner.project import load_stack
from private_inference.verification import Verdict, verify
from private_inference.verification.checks import evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.inside import InsideCaller
from private_inference.verification.load_balancer import assertions
from private_inference.verification.reader import Reader
from tests.support.client_certificates import Authority
from tests.support.recording import ACCOUNT, ROOT
from tests.support.stacks import PROJECT, WEB_ACL
from tests.verification.loosened import assert_each_change_is_missed, statements
from tests.verification.verified import Deployment, deployed, inline_policy

pytestmark = pytest.mark.xdist_group("load-balancer")

STACK = "examples/stacks/load-balancer/Pulumi.load-balancer.yaml"


@pytest.fixture(scope="module")
def stack() -> Iterator[Deployment]:
    config = load_stack(ROOT, STACK)
    key = f"{PROJECT}:frontDoor"
    door = json.dumps({**json.loads(config.values[key]), "webAclArn": WEB_ACL})
    perimeter = json.dumps({"deployers": [f"arn:aws:iam::{ACCOUNT}:role/deployer"], "attach": ["scp"]})
    given = {**config.values, key: door, f"{PROJECT}:perimeter": perimeter}
    with deployed(replace(config, values=given)) as found:
        yield found


def balancer(stack: Deployment) -> str:
    promised = stack.desired.contract.load_balancer
    assert promised
    return promised.arn


def listener(stack: Deployment) -> dict[str, Any]:
    (found,) = stack.client("elbv2").describe_listeners(LoadBalancerArn=balancer(stack))["Listeners"]
    one: dict[str, Any] = found
    return one


def service(stack: Deployment) -> dict[str, Any]:
    ecs = stack.client("ecs")
    (cluster,) = ecs.list_clusters()["clusterArns"]
    names = ecs.list_services(cluster=cluster)["serviceArns"]
    found: dict[str, Any] = ecs.describe_services(cluster=cluster, services=names)["services"][0]
    return found


def test_a_client_with_a_certificate_is_answered_from_inside(stack: Deployment) -> None:
    shown = "".join(Operations(stack.aws.endpoint_url).client_certificate("device").values())
    found = verify(stack.desired, stack.client, from_inside=True, client_certificate=shown)
    assert [check.asked for check in found if check.verdict is not Verdict.OK] == []
    (called,) = [check.seen for check in found if "for a client's certificate" in check.asked]
    assert called.endswith("the same predictions")


def test_without_a_certificate_no_call_is_made(stack: Deployment) -> None:
    inside = InsideCaller(stack.desired, stack.client)
    *_, last = assertions(Deployed(stack.desired, Reader(stack.client)), inside, "")
    found = evaluate(last)
    assert (found.verdict, "--client-certificate" in found.seen) == (Verdict.SKIPPED, True)


def test_each_change_of_the_attached_perimeter_is_missed(stack: Deployment) -> None:
    assert {"BalancerByDeployers", "NameByDeployers"} <= statements(stack, "scp")
    assert_each_change_is_missed(stack, "scp")


# What is broken is seen


@contextmanager
def changed_listener(stack: Deployment, **changes: Any) -> Iterator[None]:
    elb, before = stack.client("elbv2"), listener(stack)
    elb.modify_listener(ListenerArn=before["ListenerArn"], **changes)
    try:
        yield
    finally:
        kept = {key: before[key] for key in changes}
        elb.modify_listener(ListenerArn=before["ListenerArn"], **kept)


@contextmanager
def attribute(stack: Deployment, key: str, value: str) -> Iterator[None]:
    elb, arn = stack.client("elbv2"), balancer(stack)
    found = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    before = next(each for each in found if each["Key"] == key)
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": value}])
    try:
        yield
    finally:
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[before])


@contextmanager
def another_authority(stack: Deployment) -> Iterator[None]:
    elb, s3 = stack.client("elbv2"), stack.client("s3")
    store = listener(stack)["MutualAuthentication"]["TrustStoreArn"]
    own = (ROOT / "examples/stacks/load-balancer/client-authorities.pem").read_bytes()

    def load(content: bytes) -> None:
        s3.put_object(Bucket=stack.bucket, Key="others.pem", Body=content)
        place = {"CaCertificatesBundleS3Bucket": stack.bucket, "CaCertificatesBundleS3Key": "others.pem"}
        elb.modify_trust_store(TrustStoreArn=store, **place)

    load(own + Authority("Somebody").pem)
    try:
        yield
    finally:
        load(own)


def task_policy(stack: Deployment, old: str, new: str) -> AbstractContextManager[None]:
    told = stack.client("ecs").describe_task_definition(taskDefinition=service(stack)["taskDefinition"])
    return inline_policy(stack, told["taskDefinition"]["taskRoleArn"].rpartition("/")[2], old, new)


@contextmanager
def fewer_tasks(stack: Deployment) -> Iterator[None]:
    found = service(stack)
    place = {"cluster": found["clusterArn"], "service": found["serviceArn"]}
    stack.client("ecs").update_service(**place, desiredCount=1)
    try:
        yield
    finally:
        stack.client("ecs").update_service(**place, desiredCount=2)


@contextmanager
def silent_alarm(stack: Deployment) -> Iterator[None]:
    cloudwatch = stack.client("cloudwatch")
    found = cloudwatch.describe_alarms()["MetricAlarms"]
    (name,) = [each["AlarmName"] for each in found if each.get("MetricName") == "ClientTLSNegotiationErrorCount"]
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    try:
        yield
    finally:
        cloudwatch.enable_alarm_actions(AlarmNames=[name])


@contextmanager
def uncounted(stack: Deployment) -> Iterator[None]:
    cloudwatch = stack.client("cloudwatch")
    (rule,) = cloudwatch.describe_insight_rules()["InsightRules"]
    cloudwatch.disable_insight_rules(RuleNames=[rule["Name"]])
    try:
        yield
    finally:
        cloudwatch.enable_insight_rules(RuleNames=[rule["Name"]])


@contextmanager
def unjudged(stack: Deployment) -> Iterator[None]:
    waf = stack.client("wafv2")
    waf.disassociate_web_acl(ResourceArn=balancer(stack))
    try:
        yield
    finally:
        waf.associate_web_acl(ResourceArn=balancer(stack), WebACLArn=WEB_ACL)


Breakage = Callable[[Deployment], AbstractContextManager[None]]
BROKEN: list[tuple[str, Breakage, list[str]]] = [
    (
        "clients need no certificate",
        lambda s: changed_listener(s, MutualAuthentication={"Mode": "off"}),
        ["it takes ", "it trusts the authorities"],
    ),
    (
        "an old policy of TLS",
        lambda s: changed_listener(s, SslPolicy="ELBSecurityPolicy-2016-08"),
        ["it takes "],
    ),
    (
        "malformed requests pass",
        lambda s: attribute(s, "routing.http.desync_mitigation_mode", "monitor"),
        ["it is int"],
    ),
    ("a foreign authority is trusted", another_authority, ["it trusts the authorities"]),
    ("the role may call others", lambda s: task_policy(s, "endpoint/triage", "endpoint/*"), ["they call this stack's"]),
    (
        "the role may call from anywhere",
        lambda s: task_policy(s, "aws:SourceVpce", "aws:SourceVpc"),
        ["they call this"],
    ),
    ("a task is missing", fewer_tasks, ["2 forwarders answer", "2 forwarders run"]),
    ("no web ACL judges calls", unjudged, ["calls pass the web ACL"]),
    ("nobody counts the clients", uncounted, ["it is counted who calls"]),
    ("an alarm is silent", silent_alarm, ["the operators are told of"]),
]


@pytest.mark.parametrize(("broken", "misses"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_what_is_broken_is_missed(stack: Deployment, broken: Breakage, misses: list[str]) -> None:
    with broken(stack):
        found = [check for check in stack.verify() if check.verdict is not Verdict.OK]
    missed = [check.asked for check in found if check.subject == "Load balancer"]
    assert [any(each.startswith(miss) for each in missed) for miss in misses] == [True] * len(misses), missed
    assert len(missed) == len(misses), missed
