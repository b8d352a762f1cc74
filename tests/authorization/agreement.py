"""Whether reasoner and referee agree about a generated situation; the benchmark asks more of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from private_inference.authorization.answer import Verdict, answer
from tests.authorization.concrete import Case, allowed
from tests.authorization.generated import OPERATORS, RESOURCES, Situation, context, situation


def carried(case: Case, context: Mapping[str, Any], endpoint: str | None = "vpce-1") -> dict[str, Any]:
    """The keys of a request, with those that come with who makes it, over an endpoint or none."""
    found = {**context, **({"aws:sourcevpce": endpoint, "aws:sourcevpc": "vpc-1"} if endpoint else {})}
    if case.account:
        found |= {"aws:principalarn": case.who, "aws:principalaccount": case.account}
    return found


def outcomes(case: Case, context: Mapping[str, Any]) -> set[bool]:
    """What the referee says, under both readings of NotPrincipal for those that it names in part."""
    asked = replace(case, context=carried(case, context))
    return {allowed(replace(asked, part_excluded=reading)) for reading in (True, False)}


def disagreement(seed: int) -> tuple[str, Verdict]:
    """What is wrong about the answers to a generated situation, if anything, and the answer for all requests."""
    random = Random(seed)  # noqa: S311
    found = situation(random)
    for _ in range(2):
        if wrong := agree_on_one(found, context(random)):
            return wrong, Verdict.DENIED
    resources = random.choice(
        ["arn:aws:s3:::models/*", "arn:aws:s3:::models/*" if found.case.point else "arn:aws:s3:::*"]
    )
    within = [each for each in RESOURCES if resources.endswith(":::*") or ":::models/" in each]
    return agree_on_all(found, resources, [(random.choice(within), context(random)) for _ in range(6)])


def agree_on_one(situation: Situation, asked: Mapping[str, Any]) -> str:
    """What is wrong about the answer for one request, if anything."""
    keys = {key.lower() for key in OPERATORS}
    given = {key: _listed(asked[key]) if key in asked else None for key in keys}
    question = situation.question
    fixed = {"aws:sourcevpce": ("vpce-1",)}
    answered = answer(
        situation.account, replace(question, principal=replace(question.principal, context={**given, **fixed}))
    )
    expected = outcomes(situation.case, asked)
    if len(expected) > 1:
        return "" if answered.verdict is Verdict.UNVERIFIED else f"{answered.verdict}, and readings differ"
    verdict = Verdict.ALLOWED if expected == {True} else Verdict.DENIED
    if answered.verdict is Verdict.UNVERIFIED and _in_part(situation.case):
        return ""
    return "" if answered.verdict is verdict else f"{answered.verdict} {answered.needs}, and one request is {verdict}"


def agree_on_all(
    situation: Situation, resources: str, samples: Sequence[tuple[str, Mapping[str, Any]]]
) -> tuple[str, Verdict]:
    """What is wrong about the answer for all requests that the question leaves open, if anything; and the answer."""
    question = situation.question
    # A request over the endpoint carries its id, whatever else it carries.
    comes = replace(question.principal, context={"aws:sourcevpce": ("vpce-1",)})
    open_question = replace(question, principal=comes, resource=replace(question.resource, arn=resources))
    answered = answer(situation.account, open_question)
    if answered.witness is not None:
        single = {key: value[0] if len(value) == 1 else value for key, value in answered.witness.context.items()}
        case = replace(situation.case, resource=answered.witness.resource)
        wrong = "" if outcomes(case, single) == {True} else f"the witness is not allowed: {answered.witness}"
        return wrong, answered.verdict
    if answered.verdict is Verdict.DENIED:
        for resource, asked in samples:
            if True in outcomes(replace(situation.case, resource=resource), asked):
                return f"proved denied, and allowed: {resource} {asked}", answered.verdict
    return "", answered.verdict


def _in_part(case: Case) -> bool:
    documents = [case.policy, case.endpoint, *(each for level in case.rcps for each in level)]
    return any("NotPrincipal" in statement for each in documents if each for statement in each["Statement"])


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
