"""What nothing grants is denied, so nobody need ask; and what is left to ask grows with the endpoints, not faster."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from private_inference.authorization.answer import Verdict, answer
from private_inference.authorization.granting import Granting
from private_inference.authorization.intent import Intent, check, judged
from private_inference.authorization.model import Account, Kind, Policy, Principal, Resource, read_policy
from private_inference.authorization.questions import questions
from private_inference.authorization.stack_intent import intent_from
from private_inference.cli.authorization import account_of
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from private_inference.runner.symbols import SymbolEngine
from tests.authorization.generated import RESOURCE_PATTERNS, situation
from tests.support.stacks import front_door

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stacks() -> dict[int, tuple[Account, Intent]]:
    """Stacks behind a front door, by how many endpoints they have."""
    return {count: _stack(count) for count in (1, 2, 3)}


def _stack(count: int) -> tuple[Account, Intent]:
    config = load_stack(ROOT, "dev")
    (triage,) = json.loads(config.values["private-inference:endpoints"])
    endpoints = [{**triage, "name": f"triage-{number}"} for number in range(count)]
    changes = {"endpoints": endpoints, "frontDoor": front_door()}
    values = {f"private-inference:{key}": json.dumps(value) for key, value in changes.items()}
    config = replace(config, values={**config.values, **values})
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region), settings.region)
    return account_of(settings, run_program(config, engine, preview=True)), intent_from(settings)


def test_what_nothing_grants_is_denied() -> None:
    denied = 0
    for seed in range(2000):
        random = Random(seed)  # noqa: S311
        found = situation(random)
        arn = random.choice([found.question.resource.arn, *(each for each in RESOURCE_PATTERNS if "$" not in each)])
        question = replace(found.question, resource=replace(found.question.resource, arn=arn))
        if not Granting([question.resource]).to(question.principal, question.action):
            denied += 1
            assert answer(found.account, question).verdict is Verdict.DENIED, seed
    assert denied > 100


def test_the_answers_are_those_of_all_questions(stacks: dict[int, tuple[Account, Intent]]) -> None:
    account, intent = stacks[2]
    # Somebody who may do more than was asked for, by patterns.
    held = next(each for each in account.principals if each.name == "holders of triage-0")
    wide = {"Effect": "Allow", "Action": "*", "Resource": ["*-1", "arn:aws:iam::*:role/*"]}
    changed = replace(held, identity=(*(held.identity or ()), _policy(wide)))
    account = replace(account, principals=tuple(changed if each is held else each for each in account.principals))
    found = check(account, intent)
    every = [
        judged(intent, answer(account, each)) for each in questions(account, lambda one: one.name in intent.resources)
    ]
    assert len(every) == found.questions
    assert found.failures == [each for each in every if each.missing or each.surplus]
    assert len({each.answer.question.resource.name for each in found.failures}) > 3
    assert found.unverified == [each for each in every if each.unverified]
    assert [each for each in found.judged if each.assumed] == [each for each in every if each.assumed]


def test_what_is_required_and_not_granted_is_missing(stacks: dict[int, tuple[Account, Intent]]) -> None:
    account, intent = stacks[2]
    without = tuple(
        replace(each, identity=()) if each.name == "holders of triage-0" else each for each in account.principals
    )
    failures = check(replace(account, principals=without), intent).failures
    assert {str(each) for each in failures} == {
        "holders of triage-0 → sagemaker:InvokeEndpoint on endpoint triage-0, over endpoint sagemaker.runtime"
    }


def test_questions_grow_as_endpoints_do(stacks: dict[int, tuple[Account, Intent]]) -> None:
    asked = {count: len(check(*stack).judged) for count, stack in stacks.items()}
    assert asked[3] - asked[2] == asked[2] - asked[1]


def test_a_pattern_meets_what_begins_and_ends_as_it_does() -> None:
    arns = ["arn:x:a/one", "arn:x:a/two", "arn:x:b/*/one", "arn:x:*", "arn:x:a/one-more"]
    granting = Granting([Resource(arn, arn, "1") for arn in arns])
    for pattern, places in {
        "arn:x:a/one": [0, 3],
        "arn:x:a/*": [0, 1, 3, 4],
        "*one": [0, 2, 3],
        "arn:x:b/z/one": [2, 3],
        "arn:x:b/z/two": [3],
        "*": [0, 1, 2, 3, 4],
    }.items():
        policy = _policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": pattern})
        holder = Principal("holder", Kind.ROLE, "arn:aws:iam::1:role/holder", "1", (policy,))
        assert granting.to(holder, "s3:GetObject") == places, pattern


def _policy(statement: Mapping[str, Any]) -> Policy:
    return read_policy("policy", {"Version": "2012-10-17", "Statement": [statement]})
