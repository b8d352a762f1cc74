"""What remote components are made of. The Pulumi CLI would run them in a process of their own.

Source: pulumi/pulumi-awsx, awsx/ecr/repository.ts and awsx/ecr/lifecyclePolicy.ts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from private_inference.runner.resource import Outputs, Resource
from private_inference.runner.sdk import resource_reference, unknown

Create = Callable[[str, str, Mapping[str, Any], Mapping[str, Sequence[str]]], tuple[Resource, Outputs]]
"""Creates a child of a type, under a name, with properties and the URNs that they read: the child and its outputs."""

Expansion = Callable[[Resource, Create], dict[str, Any]]
"""Creates what a remote component is made of; the component's outputs."""

KEEP_ONE_UNTAGGED: list[Mapping[str, Any]] = [
    {"description": "remove untagged images", "tagStatus": "untagged", "maximumNumberOfImages": 1}
]
LIMITS = frozenset({"maximumNumberOfImages", "maximumAgeLimit"})
RULE_KEYS = frozenset({"description", "tagStatus", "tagPrefixList"}) | LIMITS


class RemoteComponentError(Exception):
    """A remote component's inputs can't be used; the message names the component and says why."""


def repository(component: Resource, create: Create) -> dict[str, Any]:
    """`awsx.ecr.Repository`: a repository and, unless it is skipped, a lifecycle policy.

    Raises RemoteComponentError for lifecycle rules that awsx refuses.
    """
    properties, name = dict(component.properties), component.name.lower()
    lifecycle = properties.pop("lifecyclePolicy", None) or {}
    rules = [] if lifecycle.get("skip") else _lifecycle_rules(component, lifecycle.get("rules") or KEEP_ONE_UNTAGGED)
    reads = {key: urns for key, urns in component.property_dependencies.items() if key in properties}
    made, outputs = create("aws:ecr/repository:Repository", name, properties, reads)
    answer = {
        "repository": resource_reference(made.urn, made.id),
        "url": outputs.get("repositoryUrl", unknown()),
    }
    if rules:
        region = {"region": properties["region"]} if "region" in properties else {}
        policy, _ = create(
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            name,
            {"repository": outputs.get("name", unknown()), "policy": json.dumps({"rules": rules}), **region},
            {"repository": [made.urn]} | ({"region": reads["region"]} if "region" in reads else {}),
        )
        answer["lifecyclePolicy"] = resource_reference(policy.urn, policy.id)
    return answer


def _lifecycle_rules(component: Resource, rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    try:
        return lifecycle_rules(rules)
    except ValueError as error:
        raise RemoteComponentError(f"{component.type.split(':')[-1]} {component.name!r} was refused: {error}") from None


def lifecycle_rules(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules in ECR's form; the rule for any image comes last, since ECR wants it to have the highest number.

    Raises ValueError for rules that awsx refuses or that aren't known here.
    """
    ordered = [rule for rule in rules if rule["tagStatus"] != "any"]
    ordered += (catch_all := [rule for rule in rules if rule["tagStatus"] == "any"])
    if len(catch_all) > 1:
        raise ValueError("at most one lifecycle rule can have the tag status 'any'")
    return [_lifecycle_rule(rule, number) for number, rule in enumerate(ordered, 1)]


def _lifecycle_rule(rule: Mapping[str, Any], priority: int) -> dict[str, Any]:
    given = {key: value for key, value in rule.items() if value is not None}
    if unread := sorted(given.keys() - RULE_KEYS):
        raise ValueError(f"the lifecycle rule's {', '.join(unread)} is not supported")
    if len(given.keys() & LIMITS) != 1:
        raise ValueError("a lifecycle rule needs one of maximumNumberOfImages and maximumAgeLimit")
    selection: dict[str, Any] = {key: given[key] for key in ("tagStatus", "tagPrefixList") if key in given}
    if "maximumNumberOfImages" in given:
        selection |= {"countType": "imageCountMoreThan", "countNumber": int(given["maximumNumberOfImages"])}
    else:
        selection |= {
            "countType": "sinceImagePushed",
            "countNumber": int(given["maximumAgeLimit"]),
            "countUnit": "days",
        }
    description = {"description": given["description"]} if "description" in given else {}
    return {"rulePriority": priority, **description, "selection": selection, "action": {"type": "expire"}}


EXPANSIONS: Mapping[str, Expansion] = {"awsx:ecr:Repository": repository}
"""By the type of the remote component."""
