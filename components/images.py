"""Which serving image an endpoint runs, and the repository it is pulled from."""

import re
from dataclasses import dataclass

import pulumi

from components.image_registry import ImageRegistry
from components.lookups import PrebuiltImage
from components.settings import Image

_ECR_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[^:@]+)[:@]"
)


@dataclass(frozen=True)
class ServingImage:
    """An image in ECR, and the ARN of its repository, which the execution role may pull from."""

    uri: pulumi.Input[str]
    repository_arn: pulumi.Input[str]


def serving_image(
    image: Image, partition: str, registry: ImageRegistry, prebuilt: PrebuiltImage | None
) -> ServingImage:
    """The image that the settings name: of AWS, of this stack's registry, or by URI."""
    if prebuilt:
        return ServingImage(prebuilt.uri, prebuilt.repository_arn)
    if image.repository_tag:
        return ServingImage(pulumi.Output.concat(registry.url, ":", image.repository_tag), registry.arn)
    uri = image.uri or ""
    found = _ECR_URI.match(uri)
    if not found:
        raise ValueError(f"{uri!r} is not an ECR image")
    arn = f"arn:{partition}:ecr:{found['region']}:{found['account']}:repository/{found['name']}"
    return ServingImage(uri, arn)
