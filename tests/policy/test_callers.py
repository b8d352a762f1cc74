"""A role may be for callers of another account where the pack's configuration gives that account, and for no more."""

import json
from typing import Any

import pytest

from tests.policy.graph import Graph
from tests.policy.judge import judge

OTHERS = "210987654321"
CALLER = {"AWS": [f"arn:aws:iam::{OTHERS}:role/scoring"]}
BOUND = {"sts:ExternalId": "research", "aws:SourceVpce": ["vpce-0d1e2f30415263748"]}
GIVEN = {"callers": [OTHERS]}


def trusting(previewed: Graph, principal: Any, condition: Any, type_: str = "aws:iam/role:Role") -> Graph:
    graph = previewed.copy()
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key = "assumeRolePolicy" if type_.endswith(":Role") else "policy"
    graph.add(type_, "caller", {key: document})
    return graph


def lets_in(graph: Graph, options: dict[str, Any]) -> bool:
    return any(
        "lets another account in" in said for _, said in judge("destinations-are-inside", graph, options).violations
    )


def test_a_callers_account_has_to_be_given(previewed: Graph) -> None:
    graph = trusting(previewed, CALLER, {"StringEquals": BOUND})
    assert not lets_in(graph, GIVEN)
    assert lets_in(graph, {})
    assert lets_in(graph, {"callers": ["111122223333"]})


@pytest.mark.parametrize(
    ("principal", "condition"),
    [
        ({"AWS": f"arn:aws:iam::{OTHERS}:root"}, {"StringEquals": BOUND}),
        ({"AWS": OTHERS}, {"StringEquals": BOUND}),
        ({"AWS": [*CALLER["AWS"], f"arn:aws:iam::{OTHERS}:root"]}, {"StringEquals": BOUND}),
        ({"AWS": [*CALLER["AWS"], "arn:aws:iam::111122223333:role/scoring"]}, {"StringEquals": BOUND}),
        (CALLER, {}),
        (CALLER, {"StringEquals": {"sts:ExternalId": "research"}}),
        (CALLER, {"StringEquals": {"aws:SourceVpce": "vpce-0d1e2f30415263748"}}),
        (CALLER, {"StringNotEquals": BOUND}),
        (CALLER, {"StringEqualsIfExists": BOUND}),
        (CALLER, {"StringLike": {**BOUND, "sts:ExternalId": "*"}}),
    ],
)
def test_what_is_given_is_for_named_callers_alone(previewed: Graph, principal: Any, condition: Any) -> None:
    assert lets_in(trusting(previewed, principal, condition), GIVEN)


def test_it_is_for_roles_alone(previewed: Graph) -> None:
    topic = trusting(previewed, CALLER, {"StringEquals": BOUND}, "aws:sns/topicPolicy:TopicPolicy")
    assert lets_in(topic, GIVEN)
