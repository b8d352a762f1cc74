"""What UpdateEndpoint refuses of an endpoint's variants."""

from collections.abc import Callable
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from private_inference.rehearsal.patches.shadows import hosted


def refuse_registered(endpoint: Any, configuration: Any, registered: Callable[[str], bool]) -> None:
    """A variant on automatic scaling keeps its instance type, and stays.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html (steps and note); AWS's words are not
    published.
    """
    planned = {variant["VariantName"]: variant for variant in hosted(configuration)}
    for name, fleet in endpoint.fleets.items():
        changes = name not in planned or fleet.variant.get("InstanceType") != planned[name].get("InstanceType")
        if changes and registered(name):
            raise ValidationError(
                f"The variant {name} is registered as a scalable target with Application Auto Scaling: deregister it "
                "before you change its instance type, or remove it."
            )


def refuse_deployment(endpoint: Any, configuration: Any, deployment: dict[str, Any] | None) -> None:
    """A deployment configuration is for variants of the same names, and rolling updates for one variant.

    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html; AWS's words are not known,
    nor whether a shadow counts, as it does here.
    """
    if not deployment:
        return
    before = {summary["VariantName"] for summary in hosted(endpoint)}
    after = {variant["VariantName"] for variant in hosted(configuration)}
    if before != after:
        raise ValidationError(
            "With a DeploymentConfig, the new endpoint configuration must have the same variant names as the old one."
        )
    if len(after) > 1 and "RollingUpdatePolicy" in deployment:
        raise ValidationError("Rolling updates are not supported for endpoints with multiple variants.")
