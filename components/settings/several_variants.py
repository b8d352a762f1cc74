"""What an endpoint with several production variants can't have beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.settings.fields import LONGEST_NAME
from components.settings.problems import Problem
from components.settings.variants import label

if TYPE_CHECKING:
    from components.settings.endpoints import EndpointSettings

MOST_ROLLBACK_ALARMS = 10
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AutoRollbackConfig.html (Alarms)"""

ROLLBACK_ALARMS = 2
"""Of each variant: on server errors and latency."""

OF_ONE_VARIANT = ("model", "instance_type", "instances", "hosting", "scaling", "alarms")
"""Settings of an endpoint that names no variants; each variant has them of its own."""


def contradictions(endpoint: EndpointSettings) -> Iterator[Problem]:
    """With keys relative to the endpoint."""
    variants = endpoint.variants
    for name in OF_ONE_VARIANT:
        if name in endpoint.model_fields_set:
            given = endpoint.model_dump(mode="json", by_alias=True, exclude_unset=True, include={name})
            ((key, value),) = given.items()
            yield Problem(key, value, "is set beside variants, each of which has its own; move it into them")
    for position, variant in enumerate(variants):
        named = label(endpoint.name, variant.name)
        if len(named) > LONGEST_NAME:
            message = (
                f"makes a model's name of {len(named)} characters with the endpoint's; at most {LONGEST_NAME} are "
                "allowed. Shorten one of them"
            )
            yield Problem(f"variants[{position}].name", variant.name, message)
    if not any(variant.weight for variant in variants):
        weights = [variant.weight for variant in variants]
        yield Problem("variants", weights, "are their weights: no call would reach a model. Raise one above 0")
    watched = ROLLBACK_ALARMS * len(variants)
    if watched > MOST_ROLLBACK_ALARMS and endpoint.update.rollback_off_because is None:
        message = (
            f"is how many there are, with {watched} alarms that roll an update back, and AWS takes "
            f"{MOST_ROLLBACK_ALARMS}. Use {MOST_ROLLBACK_ALARMS // ROLLBACK_ALARMS} variants at most, or give "
            "update.rollbackOffBecause a reason"
        )
        yield Problem("variants", len(variants), message)
    if len(variants) > 1 and endpoint.update.strategy == "rolling":
        # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
        message = "is not to be had for several variants; choose all-at-once, canary or linear"
        yield Problem("update.strategy", endpoint.update.strategy, message)
