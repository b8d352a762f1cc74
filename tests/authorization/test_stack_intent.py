"""The stack's permissions are proved; whatever is broken in them is found, with a request that the referee allows."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.settings import Settings
from private_inference.authorization.intent import Judged, Report, check
from private_inference.authorization.model import Organization, read_policy
from private_inference.authorization.stack_intent import ANYWHERE, TOLD, UNTOLD, intent_from
from private_inference.cli.authorization import account_of, authorization_problems
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from private_inference.runner.resource import Resource, Run
from private_inference.runner.symbols import SymbolEngine
from tests.authorization.concrete import allowed
from tests.authorization.replay import replayed
from tests.support.stacks import front_door

ROOT = Path(__file__).parents[2]
INVOKE = "sagemaker:InvokeEndpoint"
OTHER = {"AWS": "arn:aws:iam::210987654321:root"}

ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ISSUER = "token.actions.githubusercontent.com"
SIGNED = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"}
OF_TEAM = {"StringEquals": {f"{ISSUER}:sub": "repo:team/app:ref:refs/heads/main"}}


@pytest.fixture(scope="module")
def shipped() -> tuple[Settings, Run]:
    config = load_stack(ROOT, "dev")
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region), settings.region)
    return settings, run_program(config, engine, preview=True)


@pytest.fixture(scope="module")
def guarded() -> tuple[Settings, Run]:
    """The same with the perimeter, which its program attaches."""
    config = load_stack(ROOT, "dev")
    perimeter = {"deployers": ["arn:aws:iam::*:role/deployer"], "dataThroughVpc": True, "attach": ["scp", "rcp"]}
    config = replace(config, values={**config.values, "private-inference:perimeter": json.dumps(perimeter)})
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region), settings.region)
    return settings, run_program(config, engine, preview=True)


@pytest.fixture(scope="module")
def watched() -> tuple[Settings, Run]:
    """The same with a trail of its calls."""
    config = load_stack(ROOT, "dev")
    told = json.dumps({"callsFromOutside": True})
    config = replace(config, values={**config.values, "private-inference:operators": told})
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region), settings.region)
    return settings, run_program(config, engine, preview=True)


@pytest.fixture(scope="module")
def opened() -> tuple[Settings, Run]:
    """A stack with two endpoints behind a front door, whose perimeter its program attaches."""
    config = load_stack(ROOT, "dev")
    (triage,) = json.loads(config.values["private-inference:endpoints"])
    changes = {
        "endpoints": [triage, {**triage, "name": "churn"}],
        "frontDoor": front_door(),
        "perimeter": {"deployers": ["arn:aws:iam::*:role/deployer"], "attach": ["scp"]},
    }
    given = {f"private-inference:{key}": json.dumps(value) for key, value in changes.items()}
    config = replace(config, values={**config.values, **given})
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region), settings.region)
    return settings, run_program(config, engine, preview=True)


@pytest.fixture(scope="module")
def later() -> tuple[Settings, Run]:
    """The example with an asynchronous endpoint, under the perimeter that its program attaches."""
    config = load_stack(ROOT, "examples/stacks/asynchronous/Pulumi.asynchronous.yaml")
    perimeter = {"deployers": ["arn:aws:iam::*:role/deployer"], "dataThroughVpc": True, "attach": ["scp", "rcp"]}
    config = replace(config, values={**config.values, "private-inference:perimeter": json.dumps(perimeter)})
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region), settings.region)
    return settings, run_program(config, engine, preview=True)


def report(shipped: tuple[Settings, Run]) -> Report:
    settings, run = shipped
    return check(account_of(settings, run), intent_from(settings))


def test_the_stack_is_proved_but_for_what_its_account_alone_can_close(shipped: tuple[Settings, Run]) -> None:
    found = report(shipped)
    assert found.proved
    assert not found.unverified
    assert f"{ANYWHERE}; {UNTOLD}" in found.assumptions


def test_an_scp_closes_it(shipped: tuple[Settings, Run]) -> None:
    settings, run = shipped
    account = account_of(settings, run)
    runtime = next(path.endpoint for path in account.paths if path.service == "sagemaker.runtime")
    condition = {"StringNotEquals": {"aws:SourceVpce": runtime}}
    deny = {"Effect": "Deny", "Action": "sagemaker:Invoke*", "Resource": "*", "Condition": condition}
    scp = read_policy("perimeter", {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, deny]})
    closed = check(replace(account, organization=Organization(scps=((scp,),))), intent_from(settings))
    assert closed.proved
    assumed = {each.answer.question.path.name for each in closed.judged if each.assumed and _invokes(each)}
    assert assumed == {"endpoint sagemaker.runtime"}


def test_a_program_that_attaches_it_leaves_nothing_open_but_to_those_within(guarded: tuple[Settings, Run]) -> None:
    found = report(guarded)
    assert found.proved
    assert not found.unverified
    assert not any(assumption.startswith(ANYWHERE) for assumption in found.assumptions)
    open_to = {each.answer.question.path.name for each in found.judged if each.assumed and _invokes(each)}
    assert open_to == {"endpoint sagemaker.runtime"}


def test_an_attached_policy_that_misses_what_it_is_for_is_found(guarded: tuple[Settings, Run]) -> None:
    settings, run = guarded

    def changed(resource: Resource) -> Resource:
        if resource.type != "aws:organizations/policy:Policy" or resource.name != "scp":
            return resource
        content = resource.properties["content"].replace("sagemaker:InvokeEndpoint*", "sagemaker:InvokeEndpoint")
        return replace(resource, outputs={**resource.outputs, "content": content})

    broken = replace(run, resources=tuple(map(changed, run.resources)))
    failures = report((settings, broken)).failures
    assert {each.answer.question.action for each in failures} == {
        "sagemaker:InvokeEndpointAsync",
        "sagemaker:InvokeEndpointWithResponseStream",
    }
    account = account_of(settings, broken)
    assert all(each.surplus and allowed(replayed(account, each)) for each in failures)


def _invokes(each: Judged) -> bool:
    return each.answer.question.action.startswith("sagemaker:Invoke")


Change = Callable[[dict[str, Any]], None]


def without(sid: str, element: str) -> Change:
    """A statement loses an element."""

    def change(document: dict[str, Any]) -> None:
        del next(each for each in document["Statement"] if each["Sid"] == sid)[element]

    return change


def setting(sid: str, element: str, value: Any) -> Change:
    """A statement's element has another value."""

    def change(document: dict[str, Any]) -> None:
        next(each for each in document["Statement"] if each["Sid"] == sid)[element] = value

    return change


def adding(action: Any, resource: Any = "*", **more: Any) -> Change:
    """A document has one more statement."""

    def change(document: dict[str, Any]) -> None:
        document["Statement"].append({"Effect": "Allow", "Action": action, "Resource": resource, **more})

    return change


def _with(run: Run, type_: str, name: str, key: str, change: Change) -> Run:
    """The run, where a document of a resource is changed."""

    def changed(resource: Resource) -> Resource:
        if (resource.type.split(":")[-1], resource.name) != (type_, name) or not resource.type.startswith("aws:"):
            return resource
        document = json.loads(resource.properties[key])
        change(document)
        text = json.dumps(document)
        return replace(resource, properties={**resource.properties, key: text}, outputs={**resource.outputs, key: text})

    return replace(run, resources=tuple(map(changed, run.resources)))


@pytest.mark.parametrize(
    ("type_", "name", "key", "change", "kind", "told"),
    [
        ("Policy", "triage", "policy", without("InvokeThroughVpc", "Condition"), "surplus", "over no VPC endpoint"),
        ("Policy", "triage", "policy", setting("InvokeThroughVpc", "Action", "sagemaker:*"), "surplus", "Async"),
        (
            "Policy",
            "triage",
            "policy",
            setting("InvokeThroughVpc", "Action", [INVOKE, f"{INVOKE}WithResponseStream"]),
            "surplus",
            "WithResponseStream",
        ),
        ("Policy", "triage", "policy", setting("InvokeThroughVpc", "Resource", "arn:x"), "missing", "InvokeEndpoint"),
        ("Policy", "triage", "policy", adding("sagemaker:CallWithBearerToken"), "surplus", "CallWithBearerToken"),
        (
            "VpcEndpoint",
            "sagemaker.runtime",
            "policy",
            setting("InvokeThisStack", "Resource", "arn:x"),
            "missing",
            "Invoke",
        ),
        ("VpcEndpoint", "s3", "policy", setting("ReadArtifacts", "Action", "s3:*"), "surplus", "s3:PutObject"),
        ("BucketPolicy", "artifacts", "policy", adding("s3:GetObject", Principal=OTHER), "surplus", "account 2109"),
        ("BucketPolicy", "artifacts", "policy", adding("s3:*", Principal="*"), "surplus", "without credentials"),
        ("Role", "triage", "assumeRolePolicy", without("ServiceOfThisAccount", "Condition"), "surplus", "another"),
        ("Role", "triage", "assumeRolePolicy", adding("sts:*", Principal={"AWS": "*"}), "surplus", "any other account"),
        (
            "Role",
            "triage",
            "assumeRolePolicy",
            adding("sts:*", Principal=SIGNED, Condition=OF_TEAM),
            "surplus",
            "whom tok",
        ),
        ("RolePolicy", "triage", "policy", setting("Artifact", "Action", "s3:GetObjectAcl"), "missing", "s3:GetObject"),
        ("RolePolicy", "triage", "policy", adding("sagemaker:Invoke*"), "surplus", "role triage → sagemaker:Invoke"),
        ("RolePolicy", "triage", "policy", adding("iam:PassRole"), "surplus", "iam:PassRole"),
        ("Key", "data", "policy", adding("kms:Decrypt", Principal="*"), "surplus", "kms:Decrypt on key data"),
        ("Key", "logs", "policy", without("LogGroups", "Condition"), "surplus", "logs.us-east-1"),
        ("Key", "data", "policy", without("UseThroughServices", "Principal"), "missing", "kms:Decrypt on key data"),
        ("TopicPolicy", "alarms", "policy", without("AlarmsPublish", "Condition"), "surplus", "cloudwatch"),
    ],
)
def test_whatever_is_broken_is_found(
    shipped: tuple[Settings, Run], type_: str, name: str, key: str, change: Change, kind: str, told: str
) -> None:
    settings, run = shipped
    broken = _with(run, type_, name, key, change)
    found = report((settings, broken)).failures
    assert any(told in str(each) for each in found), [str(each) for each in found]
    assert {"missing" if each.missing else "surplus" for each in found} == {kind}
    account = account_of(settings, broken)
    for each in found:
        if each.surplus:
            assert allowed(replayed(account, each)), str(each)


def test_a_trail_of_calls_is_this_stacks_alone(watched: tuple[Settings, Run]) -> None:
    found = report(watched)
    assert found.proved
    assert not found.unverified
    assert f"{ANYWHERE}; {TOLD}" in found.assumptions


@pytest.mark.parametrize(
    ("type_", "name", "change", "kind", "told"),
    [
        ("Key", "logs", without("TrailEncrypts", "Condition"), "surplus", "cloudtrail.amazonaws.com, for another"),
        (
            "Key",
            "logs",
            setting("TrailEncrypts", "Action", "kms:Encrypt"),
            "missing",
            "kms:GenerateDataKey on key logs",
        ),
        (
            "BucketPolicy",
            "calls",
            without("TrailDelivers", "Condition"),
            "surplus",
            "for another account → s3:PutObject",
        ),
        ("BucketPolicy", "calls", setting("TrailDelivers", "Resource", "arn:x"), "missing", "s3:PutObject on objects"),
        ("BucketPolicy", "calls", adding("s3:GetObject", Principal=OTHER), "surplus", "account 2109"),
        (
            "BucketPolicy",
            "calls",
            adding("s3:Delete*", Principal="*"),
            "surplus",
            "s3:DeleteObject on objects of calls",
        ),
    ],
)
def test_whatever_is_broken_about_the_log_of_calls_is_found(
    watched: tuple[Settings, Run], type_: str, name: str, change: Change, kind: str, told: str
) -> None:
    test_whatever_is_broken_is_found(watched, type_, name, "policy", change, kind, told)


def test_whom_a_role_of_the_stack_may_become_is_told(shipped: tuple[Settings, Run]) -> None:
    """It may pass roles to training jobs; only once SageMaker takes another role there is one to become."""
    settings, run = shipped
    training = adding(["iam:PassRole", "sagemaker:CreateTrainingJob"])
    trusting = adding("sts:AssumeRole", Principal={"Service": "sagemaker.amazonaws.com"})
    passes = _with(run, "RolePolicy", "triage", "policy", training)
    assert not report((settings, passes)).becoming
    found = report((settings, _with(passes, "Role", "network-flow-logs", "assumeRolePolicy", trusting)))
    assert not found.proved
    assert [str(each).partition(" (")[0] for each in found.becoming] == [
        "role triage may become role network-flow-logs, by SageMaker-CreateTrainingJobPassRole"
    ]


def test_what_the_settings_require_and_nobody_has_is_unmet(shipped: tuple[Settings, Run]) -> None:
    settings, run = shipped
    rest = tuple(each for each in run.resources if each.name != "triage" or "iam/policy" not in each.type)
    assert "holders of triage" in report((settings, replace(run, resources=rest))).unmet[0]


def test_a_front_door_is_proved_under_the_attached_perimeter(opened: tuple[Settings, Run]) -> None:
    found = report(opened)
    assert found.proved
    assert not found.unverified
    called = {
        (each.answer.question.principal.name, each.answer.question.resource.name)
        for each in found.judged
        if each.answer.question.action == "execute-api:Invoke" and each.expectation and not each.assumed
    }
    assert ("holders of front-door-triage", "route front-door to triage") in called


def test_whatever_is_broken_at_a_front_door_is_found(opened: tuple[Settings, Run]) -> None:
    """Type, name, key, what is replaced in the document and by what, and a part of the problem that is told."""
    broken = [
        ("aws:iam/policy:Policy", "front-door-triage", "policy", "/endpoints/triage/", "/endpoints/*/", "to churn"),
        ("aws:iam/policy:Policy", "front-door-triage", "policy", "/POST/", "/GET/", "missing: holders of front-door"),
        ("aws:apigateway/restApiPolicy:RestApiPolicy", "front-door", "policy", '"Deny"', '"Allow"', "surplus"),
        (
            "aws:iam/rolePolicy:RolePolicy",
            "front-door",
            "policy",
            "endpoint/churn",
            "endpoint/other",
            "role front-door",
        ),
        ("aws:iam/role:Role", "front-door", "assumeRolePolicy", "apigateway.", "lambda.", "lambda.amazonaws.com"),
        ("aws:organizations/policy:Policy", "scp", "content", "-front-door", "-other", "role front-door"),
    ]
    settings, run = opened
    for type_, name, key, old, new, told in broken:

        def changed(resource: Resource, at: tuple[str, ...] = (type_, name, key, old, new)) -> Resource:
            if (resource.type, resource.name) != at[:2]:
                return resource
            assert at[3] in resource.outputs[at[2]]
            return replace(resource, outputs={**resource.outputs, at[2]: resource.outputs[at[2]].replace(at[3], at[4])})

        found = report((settings, replace(run, resources=tuple(map(changed, run.resources)))))
        assert any(told in str(each) for each in (*authorization_problems(found),)), (name, old)


@pytest.fixture(scope="module")
def judged() -> tuple[Settings, Run]:
    """The example whose authorizer judges calls."""
    config = load_stack(ROOT, "examples/stacks/authorizer/Pulumi.authorizer.yaml")
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region), settings.region)
    return settings, run_program(config, engine, preview=True)


def test_calls_that_an_authorizer_judges_are_assumed_and_not_proved(judged: tuple[Settings, Run]) -> None:
    found = report(judged)
    assert found.proved
    assumed = {
        (each.answer.question.principal.name, each.answer.question.path.name)
        for each in found.judged
        if each.answer.question.action == "execute-api:Invoke" and each.assumed
    }
    assert {path for _, path in assumed} == {"endpoint execute-api"}
    assert "frontDoor.authorizer" in " ".join(found.assumptions)


def _allows_only(document: dict[str, Any]) -> None:
    for statement in document["Statement"]:
        statement["Effect"] = "Allow"


def _lets_the_account_in(document: dict[str, Any]) -> None:
    document["Statement"][0]["Principal"] = {"AWS": "123456789012"}


def _trusts_instances(document: dict[str, Any]) -> None:
    document["Statement"][0]["Principal"] = {"Service": "ec2.amazonaws.com"}


@pytest.mark.parametrize(
    ("type_", "name", "key", "change", "told"),
    [
        ("RestApiPolicy", "front-door", "policy", _lets_the_account_in, "missing: anybody, without credentials"),
        ("RestApiPolicy", "front-door", "policy", _allows_only, "surplus: anybody, without credentials"),
        ("Role", "front-door-authorizer", "assumeRolePolicy", _trusts_instances, "surplus: ec2.amazonaws.com"),
        ("Role", "front-door-authorizer", "assumeRolePolicy", _trusts_instances, "missing: apigateway.amazonaws.com"),
    ],
)
def test_whatever_is_broken_around_an_authorizer_is_found(
    judged: tuple[Settings, Run], type_: str, name: str, key: str, change: Change, told: str
) -> None:
    settings, run = judged
    found = report((settings, _with(run, type_, name, key, change)))
    assert any(told in str(each) for each in authorization_problems(found)), authorization_problems(found)


@pytest.fixture(scope="module")
def behind_a_balancer() -> tuple[Settings, Run]:
    """The example with a load balancer, under the perimeter that its program attaches."""
    config = load_stack(ROOT, "examples/stacks/load-balancer/Pulumi.load-balancer.yaml")
    perimeter = {"deployers": ["arn:aws:iam::*:role/deployer"], "attach": ["scp"]}
    config = replace(config, values={**config.values, "private-inference:perimeter": json.dumps(perimeter)})
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region), settings.region)
    return settings, run_program(config, engine, preview=True)


def test_a_forwarder_is_proved_under_the_attached_perimeter(behind_a_balancer: tuple[Settings, Run]) -> None:
    found = report(behind_a_balancer)
    assert found.proved
    assert not found.unverified
    called = {
        (each.answer.question.principal.name, each.answer.question.path.name)
        for each in found.judged
        if each.answer.question.action == INVOKE and each.expectation and not each.assumed
    }
    assert ("role forwarder", "endpoint sagemaker.runtime") in called


@pytest.mark.parametrize(
    ("type_", "name", "key", "old", "new", "told"),
    [
        (ROLE_POLICY, "forwarder", "policy", "endpoint/triage", "endpoint/other", "missing: role forwarder"),
        (ROLE_POLICY, "forwarder", "policy", "sagemaker:InvokeEndpoint", "sagemaker:*", "surplus: role forwarder"),
        (
            ROLE_POLICY,
            "forwarder-start",
            "policy",
            "ecr:GetAuthorizationToken",
            "s3:GetObject",
            "surplus: role forwarder-start",
        ),
        ("aws:iam/role:Role", "forwarder", "assumeRolePolicy", "ecs-tasks.", "lambda.", "lambda.amazonaws.com"),
        ("aws:iam/role:Role", "forwarder-start", "assumeRolePolicy", "ecs-tasks.", "ec2.", "ec2.amazonaws.com"),
    ],
)
def test_whatever_is_broken_at_a_forwarder_is_found(
    behind_a_balancer: tuple[Settings, Run], type_: str, name: str, key: str, old: str, new: str, told: str
) -> None:
    settings, run = behind_a_balancer

    def changed(resource: Resource) -> Resource:
        if (resource.type, resource.name) != (type_, name):
            return resource
        assert old in resource.outputs[key]
        return replace(resource, outputs={**resource.outputs, key: resource.outputs[key].replace(old, new)})

    found = report((settings, replace(run, resources=tuple(map(changed, run.resources)))))
    assert any(told in str(each) for each in authorization_problems(found)), authorization_problems(found)


def test_requests_and_answers_are_proved_under_the_attached_perimeter(later: tuple[Settings, Run]) -> None:
    found = report(later)
    assert found.proved
    assert not found.unverified


@pytest.mark.parametrize(
    ("type_", "name", "change", "kind", "told"),
    [
        (
            "Policy",
            "triage",
            without("PutInputs", "Condition"),
            "surplus",
            "s3:PutObject on objects of triage-requests",
        ),
        (
            "Policy",
            "triage",
            setting("ReadAnswers", "Resource", "arn:x"),
            "missing",
            "holders of triage → s3:GetObject",
        ),
        (
            "Policy",
            "triage",
            setting("ReadAnswers", "Resource", "*"),
            "surplus",
            "s3:GetObject on objects of artifacts",
        ),
        ("RolePolicy", "triage", setting("Answers", "Resource", "arn:x"), "missing", "role triage → s3:PutObject"),
        (
            "RolePolicy",
            "triage",
            setting("Notify", "Action", "sns:GetTopicAttributes"),
            "missing",
            "topic triage-success",
        ),
        ("Key", "notifications", without("RolesPublish", "Principal"), "missing", "kms:Decrypt on key notifications"),
        ("TopicPolicy", "triage-error", setting("SageMakerAlone", "Effect", "Allow"), "surplus", "topic triage-error"),
    ],
)
def test_whatever_is_broken_about_requests_and_answers_is_found(
    later: tuple[Settings, Run], type_: str, name: str, change: Change, kind: str, told: str
) -> None:
    found = report((later[0], _with(later[1], type_, name, "policy", change))).failures
    assert any(told in str(each) for each in found), [str(each) for each in found]
    assert {"missing" if each.missing else "surplus" for each in found} == {kind}
