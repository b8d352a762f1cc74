"""Components that an update takes out of their fleet: which they are, and which of them must not go."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.leaving_components import leaving, refusal
from tests.support.recording import record, stack_config
from tests.support.stacks import fleet, minimal

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
MAIN, CHALLENGER = "inference-component/triage-main", "inference-component/triage-challenger"


def lets(*called: str) -> str:
    return json.dumps({"Statement": [{"Resource": "*"}, {"Resource": [ARN + each for each in called]}]})


def serving(current: int, desired: int) -> dict[str, Any]:
    counts = {"CurrentCopyCount": current, "DesiredCopyCount": desired}
    return {"InferenceComponentName": "triage-challenger", "EndpointName": "triage", "RuntimeConfig": counts}


@pytest.mark.parametrize(
    ("after", "gone"),
    [
        (("endpoint/triage", MAIN), ["triage-challenger"]),
        ((), ["triage-challenger", "triage-main"]),
        (("endpoint/triage", MAIN, CHALLENGER, "inference-component/triage-third"), []),
    ],
)
def test_a_component_leaves_with_the_permission_to_call_it(after: Sequence[str], gone: list[str]) -> None:
    assert leaving(lets("endpoint/triage", MAIN, CHALLENGER), lets(*after)) == gone


def test_a_vpc_endpoint_without_a_policy_names_none() -> None:
    assert leaving(None, lets(MAIN)) == []


@pytest.mark.parametrize("counts", [(2, 2), (0, 1), (1, 0)])
def test_what_has_copies_or_is_about_to_must_not_go(counts: tuple[int, int]) -> None:
    said = refusal(serving(*counts), lets("endpoint/triage", MAIN))
    assert f"triage-challenger serves with {max(counts)} copies" in said
    assert "--inference-component-name triage-challenger --desired-runtime-config CopyCount=0" in said
    assert "set its copies.min to 0" in said


def test_what_has_no_copy_may_go() -> None:
    assert refusal(serving(0, 0), lets("endpoint/triage", MAIN)) == ""


def test_what_goes_with_its_endpoint_is_left_to_who_may_call_that() -> None:
    assert refusal(serving(2, 2), lets("endpoint/other")) == ""


def test_the_runtime_endpoint_is_asked_before_anything_else_that_lets_calls_through(archive: Path) -> None:
    stack = record(stack_config(minimal(archive, endpoints=[fleet(archive)])))
    asked = stack.one("VpcEndpoint", "sagemaker.runtime").urn
    assert asked in stack.depends_on(stack.one("aws:sagemaker/endpoint:Endpoint"))
    assert asked in stack.depends_on(stack.one("aws:iam/policy:Policy"))
