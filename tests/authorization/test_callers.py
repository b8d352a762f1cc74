"""Callers that live elsewhere: each may what it is for, over its own VPC endpoints, and nobody else may."""

import json
from dataclasses import replace
from typing import Any

import pytest

from components.perimeter import SCP, documents, text
from components.settings import Settings
from private_inference.authorization.intent import Report, check
from private_inference.authorization.stack_intent import ANYWHERE, intent_from
from private_inference.cli.authorization import account_of, authorization_problems
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from private_inference.runner.resource import Resource, Run
from private_inference.runner.symbols import SymbolEngine
from tests.authorization.test_perimeter import ADMIN, BOTH, ENDPOINT, IAM, INVOKE, RULE, Asked, guarded
from tests.support.recording import ROOT
from tests.support.stacks import OTHERS, foreigner, minimal, neighbour, settings

NEAR, FAR, STS = "vpce-0b1c2d3e4f5061728", "vpce-0c1d2e3f405162738", "vpce-0d1e2f30415263748"
ALLOWED = tuple(f'"CallersByTheirRoles","Effect":"{effect}"' for effect in ("Deny", "Allow"))
NAMED, ROLE = f"arn:aws:iam::{OTHERS}:role/scoring", "caller-research"


@pytest.fixture(scope="module")
def called() -> tuple[Settings, Run]:
    """The dev stack with a caller of each kind, whose perimeter its program attaches."""
    config = load_stack(ROOT, "dev")
    perimeter = {"deployers": ["arn:aws:iam::*:role/deployer"], "attach": ["scp"]}
    given = {"callers": [neighbour(), foreigner()], "perimeter": perimeter}
    values = {f"private-inference:{key}": json.dumps(value) for key, value in given.items()}
    config = replace(config, values={**config.values, **values})
    found = settings_of(config)
    engine = SymbolEngine(PreviewEngine(found.region), found.region)
    return found, run_program(config, engine, preview=True)


def report(called: tuple[Settings, Run]) -> Report:
    found, run = called
    return check(account_of(found, run), intent_from(found))


def test_callers_are_proved_under_the_attached_perimeter(called: tuple[Settings, Run]) -> None:
    found = report(called)
    assert found.proved
    assert not found.unverified
    assert not any(assumption.startswith(ANYWHERE) for assumption in found.assumptions)
    passing = {
        (each.answer.question.principal.name, each.answer.question.path.name)
        for each in found.judged
        if each.answer.passes
        and each.answer.question.action in ("sagemaker:InvokeEndpoint", "sts:AssumeRole")
        and "vpce-" in each.answer.question.path.name
        and not each.assumed
    }
    assert passing == {
        ("holders of caller-billing", f"endpoint {NEAR}"),
        (f"role {ROLE}", f"endpoint {FAR}"),
        (NAMED, f"endpoint {STS}"),
    }


@pytest.mark.parametrize(
    ("type_", "name", "key", "old", "new", "told"),
    [
        ("iam/role:Role", ROLE, "assumeRolePolicy", f"{OTHERS}:role/scoring", f"{OTHERS}:root", f"account {OTHERS} →"),
        ("iam/role:Role", ROLE, "assumeRolePolicy", "role/scoring", "role/other", "settings require that arn:aws:iam"),
        ("iam/role:Role", ROLE, "assumeRolePolicy", "aws:SourceVpce", "aws:x", "over no VPC endpoint"),
        ("iam/role:Role", ROLE, "assumeRolePolicy", STS, "vpce-0e0e0e0e", "over endpoint vpce-0e0e0e0e"),
        ("iam/rolePolicy:RolePolicy", ROLE, "policy", FAR, "vpce-0e0e0e0e", f"missing: role {ROLE}"),
        ("iam/rolePolicy:RolePolicy", ROLE, "policy", "StringEquals", "StringNotEquals", f"missing: role {ROLE}"),
        ("iam/rolePolicy:RolePolicy", ROLE, "policy", "endpoint/triage", "endpoint/other", f"missing: role {ROLE}"),
        ("iam/policy:Policy", "caller-billing", "policy", NEAR, FAR, "missing: holders of caller-billing"),
        ("organizations/policy:Policy", "scp", "content", NEAR, "vpce-0e0e0e0e", "missing: holders of caller-billing"),
        ("organizations/policy:Policy", "scp", "content", "ArnNotEquals", "ArnEquals", f"missing: role {ROLE}"),
        ("organizations/policy:Policy", "scp", "content", *ALLOWED, "surplus: any principal"),
    ],
)
def test_whatever_is_broken_is_found(
    called: tuple[Settings, Run], type_: str, name: str, key: str, old: str, new: str, told: str
) -> None:
    found, run = called

    def changed(resource: Resource) -> Resource:
        if (resource.type, resource.name) != (f"aws:{type_}", name):
            return resource
        assert old in resource.outputs[key]
        return replace(resource, outputs={**resource.outputs, key: resource.outputs[key].replace(old, new)})

    broken = report((found, replace(run, resources=tuple(map(changed, run.resources)))))
    assert any(told in str(each) for each in authorization_problems(broken))


def perimeter(kind: str, *callers: dict[str, Any]) -> Any:
    """A document of a stack with these callers."""
    given = settings(minimal(ROOT / "examples/model/build/model.tar.gz", callers=list(callers))).callers
    return json.loads(text(kind, documents(guarded(callers=given))[kind]))


THEIRS = f"{IAM}role/private-inference/prod/private-inference-prod-caller-research"


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("who", "through", "passes"),
    [
        (ADMIN, NEAR, True),
        (THEIRS, FAR, True),
        (ADMIN, FAR, False),
        (f"{THEIRS}-2", FAR, False),
        (THEIRS, "vpce-2", False),
        (THEIRS, "vpce-1", True),
    ],
)
def test_the_perimeter_lets_each_through_its_own_endpoint(kind: str, who: str, through: str, passes: bool) -> None:
    asked = Asked("a call from elsewhere", BOTH, passes, INVOKE, ENDPOINT, who, {"aws:sourcevpce": through})
    assert asked.allowed(kind, perimeter(kind, neighbour(), foreigner())) is passes


def test_an_endpoint_that_both_share_is_for_both() -> None:
    """A hub's, for workloads of the account and of another one."""
    written = perimeter(SCP, neighbour(vpcEndpoints=[FAR]), foreigner())
    for who in (ADMIN, THEIRS):
        assert Asked("a call", BOTH, True, INVOKE, ENDPOINT, who, {"aws:sourcevpce": FAR}).allowed(SCP, written)


@pytest.mark.parametrize("kind", BOTH)
def test_nobody_but_deployers_ends_that_others_calls_are_told(kind: str) -> None:
    asked = Asked("no watch over others", BOTH, False, "events:DisableRule", f"{RULE}-by-others")
    assert not asked.allowed(kind, perimeter(kind, foreigner()))
    assert asked.allowed(kind, perimeter(kind, neighbour()))  # there is no such rule
