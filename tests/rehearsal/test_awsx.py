"""What awsx's repository is made of. Source: pulumi/pulumi-awsx, awsx/ecr/repository.ts and its test."""

import json
from typing import Any

import pytest

from private_inference.rehearsal.awsx import lifecycle_rules, repository
from private_inference.rehearsal.inputs import RefusedError, UnhandledError
from private_inference.runner.program import Resource


def expand(**properties: Any) -> tuple[list[tuple[str, str, Any]], dict[str, Any]]:
    """The children of a repository with these properties, and its outputs."""
    children = []

    def child(kind: str, name: str, given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        children.append((kind, name, given))
        return {"reference": kind}, {"name": "physical", "repositoryUrl": "url"}

    component = Resource("urn", "awsx:ecr:Repository", "Images", "", True, properties, (), {})
    return children, repository(component, child)


def test_a_repository_keeps_one_untagged_image_by_default() -> None:
    ((kind, name, given), (_, _, policy)), outputs = expand(imageTagMutability="IMMUTABLE")
    (rule,) = json.loads(policy["policy"])["rules"]
    assert (kind, name) == ("aws:ecr/repository:Repository", "images")
    assert given == {"imageTagMutability": "IMMUTABLE"}
    assert policy["repository"] == "physical"
    assert rule["selection"] == {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1}
    assert outputs["url"] == "url"


def test_the_policy_can_be_skipped() -> None:
    children, outputs = expand(lifecyclePolicy={"skip": True})
    assert len(children) == 1
    assert "lifecyclePolicy" not in outputs


def test_the_rule_for_any_image_comes_last() -> None:
    rules = lifecycle_rules(
        [
            {"tagStatus": "any", "maximumNumberOfImages": 5},
            {"tagStatus": "tagged", "tagPrefixList": ["v"], "maximumAgeLimit": 30.0},
        ]
    )
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["tagged", "any"]
    assert [rule["rulePriority"] for rule in rules] == [1, 2]
    assert rules[0]["selection"] == {
        "tagStatus": "tagged",
        "tagPrefixList": ["v"],
        "countType": "sinceImagePushed",
        "countNumber": 30,
        "countUnit": "days",
    }


@pytest.mark.parametrize(
    ("rules", "error", "told"),
    [
        ([{"tagStatus": "any", "maximumAgeLimit": 1}] * 2, RefusedError, "at most one"),
        ([{"tagStatus": "untagged"}], RefusedError, "maximumNumberOfImages or maximumAgeLimit"),
        ([{"tagStatus": "untagged", "maximumAgeLimit": 1, "new": 1}], UnhandledError, "new is not something"),
    ],
)
def test_what_it_refuses(rules: list[dict[str, Any]], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        lifecycle_rules(rules)
