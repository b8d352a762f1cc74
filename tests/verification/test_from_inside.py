"""The call of the contract, made from inside of the network: what stops it is seen, and nothing of it stays."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from examples.model import train
from private_inference.verification import Check, Verdict, inside, invocation, verify
from private_inference.verification.checks import Result, evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.inside import InsideCaller
from private_inference.verification.reader import Reader
from tests.support.stacks import shipped
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("from-inside")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    built = train.build(tmp_path_factory.mktemp("built")).artifact
    with deployed(shipped("dev", built)) as deployment:
        yield deployment


@pytest.fixture(autouse=True)
def nothing_stays(stack: Deployment) -> Iterator[None]:
    before = there(stack)
    yield
    assert there(stack) == before


def there(stack: Deployment) -> set[str]:
    """The functions, and the roles of people."""
    roles = {role["RoleName"] for role in stack.client("iam").list_roles()["Roles"]}
    return roles | {each["FunctionName"] for each in stack.client("lambda").list_functions()["Functions"]}


def called(stack: Deployment) -> tuple[Check, Check, Result]:
    """The call from inside, the one from outside, and the removal."""
    caller = InsideCaller(stack.desired, stack.client)
    (endpoint,) = stack.desired.settings.endpoints
    found = invocation.assertions(Deployed(stack.desired, Reader(stack.client)), endpoint, caller)
    within, outside = map(evaluate, found)
    return within, outside, caller.remove()


def test_a_sound_stack_answers_inside_and_refuses_outside(stack: Deployment) -> None:
    within, outside, removed = called(stack)
    assert (within.verdict, within.asked) == (
        Verdict.OK,
        "answers sample.csv with the predictions of expected.json, called from the app subnets",
    )
    assert (outside.verdict, outside.seen) == (Verdict.OK, "AccessDeniedException")
    assert removed == Result("nothing is left", True)


def test_a_runtime_endpoint_that_lets_nobody_call_is_seen(stack: Deployment) -> None:
    policy = stack.endpoint("sagemaker.runtime")["PolicyDocument"]
    change = stack.ec2.modify_vpc_endpoint
    change(VpcEndpointId=stack.runtime, PolicyDocument=policy.replace(":endpoint/triage", ":endpoint/other"))
    within, outside, _ = called(stack)
    change(VpcEndpointId=stack.runtime, PolicyDocument=policy)
    assert (within.verdict, outside.verdict) == (Verdict.MISS, Verdict.OK)
    assert "because no VPC endpoint policy allows the sagemaker:InvokeEndpoint action" in within.seen


def test_a_client_group_without_a_way_is_seen(stack: Deployment) -> None:
    (group,) = stack.ec2.describe_security_groups(GroupIds=[stack.group("client")])["SecurityGroups"]
    way = {"GroupId": group["GroupId"], "IpPermissions": group["IpPermissionsEgress"]}
    stack.ec2.revoke_security_group_egress(**way)
    within, _, _ = called(stack)
    stack.ec2.authorize_security_group_egress(**way)
    assert within.verdict is Verdict.MISS
    assert within.seen.startswith("ConnectTimeout: ")


@contextmanager
def invoke_policy(stack: Deployment, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    iam, arn = stack.client("iam"), stack.desired.contract.endpoints["triage"].invoke_policy_arn
    before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=before)["PolicyVersion"]["Document"]
    change(document["Statement"][0])
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
    yield
    iam.set_default_policy_version(PolicyArn=arn, VersionId=before)
    iam.delete_policy_version(PolicyArn=arn, VersionId=made["PolicyVersion"]["VersionId"])


def test_a_policy_that_is_not_bounded_to_the_vpc_lets_calls_through_from_outside(stack: Deployment) -> None:
    with invoke_policy(stack, lambda statement: statement.pop("Condition")):
        within, outside, _ = called(stack)
    assert (within.verdict, outside.verdict) == (Verdict.OK, Verdict.MISS)


def test_a_policy_for_another_endpoint_is_seen(stack: Deployment) -> None:
    with invoke_policy(stack, lambda statement: statement.update(Resource="arn:aws:sagemaker:*:*:endpoint/other")):
        within, _, _ = called(stack)
    assert within.verdict is Verdict.MISS
    assert "because no identity-based policy" in within.seen


@contextmanager
def answering(stack: Deployment, call: str, answer: Callable[..., Any]) -> Iterator[None]:
    """`answer` stands before each call, such as `iam.CreateRole`, and may answer it."""
    events = stack.client(call.partition(".")[0]).meta.events
    events.register_first(f"before-call.{call}", answer)
    try:
        yield
    finally:
        events.unregister(f"before-call.{call}", answer)


def error(code: str, message: str = "no") -> tuple[Any, dict[str, Any]]:
    parsed = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    return AWSResponse("", 403, HTTPHeaders(), None), parsed


@pytest.mark.parametrize("call", ["iam.CreateRole", "iam.AttachRolePolicy", "lambda.CreateFunction", "lambda.Invoke"])
def test_what_may_not_be_made_is_unchecked(stack: Deployment, call: str) -> None:
    with answering(stack, call, lambda **_: error("AccessDenied")):
        within, _, removed = called(stack)
    assert within.verdict is Verdict.UNCHECKED
    assert "AccessDenied" in within.seen
    assert removed.ok


def test_a_verifier_who_may_not_have_the_role_is_told(stack: Deployment) -> None:
    with answering(stack, "sts.AssumeRole", lambda **_: error("AccessDenied")):
        within, outside, _ = called(stack)
    assert (within.verdict, outside.verdict) == (Verdict.OK, Verdict.SKIPPED)
    assert outside.seen == "not called: whoever verifies may not assume the role (AccessDenied)"


def test_what_can_not_be_removed_is_told_by_name_and_what_it_needs_stays_too(stack: Deployment) -> None:
    before = there(stack)
    with answering(stack, "lambda.DeleteFunction", lambda **_: error("AccessDenied")):
        *_, removed = called(stack)
    (name,) = there(stack) - before
    assert not removed.ok
    assert f"function {name} could not be read (DeleteFunction: AccessDenied)" in removed.seen
    assert f"role {name}" in removed.seen
    clean(stack, name)


def clean(stack: Deployment, name: str) -> None:
    iam = stack.client("iam")
    stack.client("lambda").delete_function(FunctionName=name)
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    iam.delete_role_policy(RoleName=name, PolicyName="interfaces")
    iam.delete_role(RoleName=name)


def test_a_function_that_somebody_else_has_removed_is_gone(stack: Deployment) -> None:
    gone = "ResourceNotFoundException"

    def removed_before(model: Any, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        name = params["url_path"].rpartition("/")[2]
        with answering_nothing(stack, removed_before):
            stack.client("lambda").delete_function(FunctionName=name)
        return error(gone)

    with answering(stack, "lambda.DeleteFunction", removed_before):
        *_, removed = called(stack)
    assert removed.ok


@contextmanager
def answering_nothing(stack: Deployment, answer: Callable[..., Any]) -> Iterator[None]:
    events = stack.client("lambda").meta.events
    events.unregister("before-call.lambda.DeleteFunction", answer)
    yield
    events.register_first("before-call.lambda.DeleteFunction", answer)


def interfaces(count: int) -> Callable[..., Any]:
    """EC2 has a network interface of the function for so many questions."""
    left = [count]

    def answer(params: dict[str, Any], **_: Any) -> Any:
        if "AWS Lambda VPC ENI-" not in str(params["body"]) or not left[0]:
            return None
        left[0] -= 1
        parsed = {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}]}
        return AWSResponse("", 200, HTTPHeaders(), None), parsed

    return answer


def test_the_role_stays_until_lambda_has_deleted_its_interfaces(
    stack: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with answering(stack, "ec2.DescribeNetworkInterfaces", interfaces(3)):
        *_, removed = called(stack)
    assert (removed.ok, len(pauses)) == (True, 3)


def nobody_waits(_: float) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("pause", [lambda _: None, nobody_waits], ids=["they never go", "nobody waits"])
def test_interfaces_that_stay_are_told_with_the_role(
    stack: Deployment, monkeypatch: pytest.MonkeyPatch, pause: Callable[[float], None]
) -> None:
    before = there(stack)
    monkeypatch.setattr(inside, "INTERFACES_GONE", -1)
    monkeypatch.setattr(time, "sleep", pause)
    with answering(stack, "ec2.DescribeNetworkInterfaces", interfaces(1)):
        *_, removed = called(stack)
    (name,) = there(stack) - before
    assert removed.seen.startswith(f"left: network interfaces of {name}: Lambda has not deleted them yet")
    assert f"role {name}" in removed.seen
    stack.client("iam").delete_role_policy(RoleName=name, PolicyName="interfaces")
    policy = stack.desired.contract.endpoints["triage"].invoke_policy_arn
    stack.client("iam").detach_role_policy(RoleName=name, PolicyArn=policy)
    stack.client("iam").delete_role(RoleName=name)


def test_lambda_may_not_know_the_role_at_once(stack: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    told = "The role defined for the function cannot be assumed by Lambda."
    answers = [error("InvalidParameterValueException", told)] * 2

    def early(**_: Any) -> Any:
        return answers.pop() if answers else None

    with answering(stack, "lambda.CreateFunction", early):
        within, _, _ = called(stack)
    assert (within.verdict, len(pauses)) == (Verdict.OK, 2)


class Interrupted(BaseException):
    """Somebody has had enough."""


def test_an_interruption_leaves_nothing(stack: Deployment) -> None:
    before, seen = there(stack), []

    def interrupt(check: Check) -> None:
        if "from the app subnets" in check.asked:
            seen.append(there(stack) - before)
            raise Interrupted

    with pytest.raises(Interrupted):
        verify(stack.desired, stack.client, interrupt, from_inside=True)
    assert len(seen) == 1
    assert seen[0]


def test_the_last_line_tells_that_all_is_removed_and_without_the_option_nothing_is_made(stack: Deployment) -> None:
    last = verify(stack.desired, stack.client, from_inside=True)[-1]
    assert (last.subject, last.seen, last.verdict) == ("Call from inside", "nothing is left", Verdict.OK)
    asked = [check.asked for check in verify(stack.desired, stack.client)]
    assert asked[-1].endswith("called from where this runs, not from the app subnets")
    assert not [each for each in asked if "outside of the VPC" in each]
