"""What awsx's remote components are made of. The Pulumi CLI would run them in a process of their own.

Source: pulumi/pulumi-awsx, awsx/ecr/repository.ts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from private_inference.rehearsal.inputs import Inputs, RefusedError, UnhandledError
from private_inference.runner.program import Resource

Child = Callable[[str, str, Mapping[str, Any]], tuple[dict[str, Any], Mapping[str, Any]]]
"""Creates a child of a type, under a name, with properties; a reference to it and its outputs."""

KEEP_ONE_UNTAGGED: list[Mapping[str, Any]] = [
    {"description": "remove untagged images", "tagStatus": "untagged", "maximumNumberOfImages": 1}
]


def repository(component: Resource, child: Child) -> dict[str, Any]:
    """`awsx.ecr.Repository`: a repository and, unless it is skipped, a lifecycle policy."""
    properties, name = dict(component.properties), component.name.lower()
    lifecycle = properties.pop("lifecyclePolicy", None) or {}
    reference, made = child("aws:ecr/repository:Repository", name, properties)
    outputs = {"repository": reference, "url": made["repositoryUrl"]}
    if not lifecycle.get("skip"):
        policy = {"rules": lifecycle_rules(lifecycle.get("rules") or KEEP_ONE_UNTAGGED)}
        region = {"region": properties["region"]} if "region" in properties else {}
        outputs["lifecyclePolicy"], _ = child(
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            name,
            {"repository": made["name"], "policy": json.dumps(policy), **region},
        )
    return outputs


def lifecycle_rules(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules in ECR's form; the rule for any image comes last, since ECR wants it to have the highest number."""
    ordered = [rule for rule in rules if rule["tagStatus"] != "any"]
    ordered += (catch_all := [rule for rule in rules if rule["tagStatus"] == "any"])
    if len(catch_all) > 1:
        raise RefusedError("at most one lifecycle rule can have the tag status 'any'")
    return [_lifecycle_rule(Inputs(rule, {}), number) for number, rule in enumerate(ordered, 1)]


def _lifecycle_rule(rule: Inputs, priority: int) -> dict[str, Any]:
    selection: dict[str, Any] = {"tagStatus": rule["tagStatus"]}
    if "tagPrefixList" in rule:
        selection["tagPrefixList"] = rule["tagPrefixList"]
    if "maximumNumberOfImages" in rule:
        selection |= {"countType": "imageCountMoreThan", "countNumber": int(rule["maximumNumberOfImages"])}
    elif "maximumAgeLimit" in rule:
        selection |= {
            "countType": "sinceImagePushed",
            "countNumber": int(rule["maximumAgeLimit"]),
            "countUnit": "days",
        }
    else:
        raise RefusedError("a lifecycle rule needs maximumNumberOfImages or maximumAgeLimit")
    description = {"description": rule["description"]} if "description" in rule else {}
    if rule.unread():
        raise UnhandledError(f"the lifecycle rule's {', '.join(rule.unread())} is not something the rehearsal knows")
    return {"rulePriority": priority, **description, "selection": selection, "action": {"type": "expire"}}


EXPANSIONS: Mapping[str, Callable[[Resource, Child], dict[str, Any]]] = {"awsx:ecr:Repository": repository}
