"""Inference components that an update takes out of their fleet. Calls name a component, so no other takes them over.

What may be called goes first in an update, and the component last: a refusal has to come before the policies change.
"""

import json
from collections.abc import Mapping
from typing import Any

from components.live_endpoints import copies_of

KIND = "inference-component/"
"""Begins the last part of a component's ARN."""


def leaving(before: str | None, after: str | None) -> list[str]:
    """Names of the components that one IAM document lets be called, and the next one doesn't. None allows nothing."""
    return sorted(each.removeprefix(KIND) for each in _named(before) - _named(after) if each.startswith(KIND))


def refusal(live: Mapping[str, Any], after: str | None) -> str:
    """Why a component must not go, and what to do instead; empty if it may.

    `live` is DescribeInferenceComponent's answer, `after` the document that no longer names it. Where its endpoint
    goes, too, another hook asks whether anybody may call it.
    """
    copies = copies_of(live)
    if not copies or f"endpoint/{live['EndpointName']}" not in _named(after):
        return ""
    name = live["InferenceComponentName"]
    return (
        f"{name} serves with {copies} copies, and nothing takes over the calls that name it. It was not removed. Have "
        "its callers name another component, set its copies.min to 0, and let scaling take its copies when nobody "
        "calls, or take them yourself (`aws sagemaker update-inference-component-runtime-config "
        f"--inference-component-name {name} --desired-runtime-config CopyCount=0`). Then run `pulumi up` again."
    )


def _named(document: str | None) -> frozenset[str]:
    """The last parts of the ARNs that a document is about, such as `endpoint/NAME`."""
    statements = json.loads(document or "{}").get("Statement", [])
    given = [each.get("Resource", []) for each in statements]
    arns = [arn for each in given for arn in ([each] if isinstance(each, str) else each)]
    return frozenset(arn.rpartition(":")[2] for arn in arns)
