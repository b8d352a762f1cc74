"""Inference components are called by whoever may call them and their endpoint, and by nobody else."""

import json
from dataclasses import replace

import pytest

from components.settings import Settings
from private_inference.authorization.intent import Report, check
from private_inference.authorization.stack_intent import intent_from
from private_inference.cli.authorization import account_of, authorization_problems
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from private_inference.runner.resource import Resource, Run
from private_inference.runner.symbols import SymbolEngine
from tests.support.recording import ROOT
from tests.support.stacks import neighbour

MAIN = "inference-component/triage-main"


@pytest.fixture(scope="module")
def fleet() -> tuple[Settings, Run]:
    """Two models on a fleet; a caller elsewhere may call one of them. Its perimeter is attached."""
    config = load_stack(ROOT, "examples/stacks/inference-components/Pulumi.inference-components.yaml")
    perimeter = {"deployers": ["arn:aws:iam::*:role/deployer"], "attach": ["scp"]}
    given = {"callers": [neighbour(components=["triage-main"])], "perimeter": perimeter}
    values = {f"private-inference:{key}": json.dumps(value) for key, value in given.items()}
    config = replace(config, values={**config.values, **values})
    found = settings_of(config)
    engine = SymbolEngine(PreviewEngine(found.region), found.region)
    return found, run_program(config, engine, preview=True)


def report(fleet: tuple[Settings, Run], name: str = "", old: str = "", new: str = "") -> Report:
    """The proof, with some text replaced in the policy of the resources of a name."""
    found, run = fleet

    def changed(resource: Resource) -> Resource:
        policy = resource.outputs.get("policy")
        if resource.name != name or not isinstance(policy, str):
            return resource
        assert old in policy
        return replace(resource, outputs={**resource.outputs, "policy": policy.replace(old, new)})

    return check(account_of(found, replace(run, resources=tuple(map(changed, run.resources)))), intent_from(found))


def test_who_may_call_which_component(fleet: tuple[Settings, Run]) -> None:
    found = report(fleet)
    assert found.proved
    assert not found.unverified
    asked = ((each.answer, each.answer.question) for each in found.judged if not each.assumed)
    passing = {
        (question.principal.name, question.resource.name, question.path.name)
        for answer, question in asked
        if answer.passes and question.resource.kind == "component"
    }
    assert passing == {
        ("holders of triage", "component triage-main", "endpoint sagemaker.runtime"),
        ("holders of triage", "component triage-challenger", "endpoint sagemaker.runtime"),
        ("holders of caller-billing", "component triage-main", "endpoint vpce-0b1c2d3e4f5061728"),
    }


@pytest.mark.parametrize(
    ("policy", "old", "new", "told"),
    [
        ("caller-billing", MAIN, f"{MAIN}-2", "missing: holders of caller-billing"),
        ("caller-billing", MAIN, "inference-component/*", "surplus: holders of caller-billing"),
        ("caller-billing", "endpoint/triage", "endpoint/other", "missing: holders of caller-billing"),
        ("sagemaker.runtime", MAIN, f"{MAIN}-2", "missing: holders of triage"),
    ],
)
def test_what_is_broken_is_found(fleet: tuple[Settings, Run], policy: str, old: str, new: str, told: str) -> None:
    problems = [str(each) for each in authorization_problems(report(fleet, policy, old, new))]
    assert any(told in each and "on component triage-" in each for each in problems)
