"""Model Registry packages that a program tells of: SageMaker's models name them, and not what they load and run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from private_inference.graph.resources import Resource

MODEL_PACKAGES = "private-inference:inference:ModelPackages"
"""The component whose `packages` lists facts: a `modelPackageName`, and `containers` of an `image` and an artifact.

One that is served by an additional inference specification has its `inferenceSpecificationName`, too."""

Containers = Sequence[Mapping[str, Any]]
"""Each with its `image`, and with the S3 URI of its artifact as `modelDataUrl`."""


def packages(resources: Iterable[Resource]) -> Mapping[tuple[str, str], Containers]:
    """The containers of each package, by its ARN and the name of its additional specification, which may be empty."""
    told = (fact for each in resources if each.type == MODEL_PACKAGES for fact in each.get("packages") or ())
    return {
        (fact["modelPackageName"], fact.get("inferenceSpecificationName") or ""): fact["containers"] for fact in told
    }
