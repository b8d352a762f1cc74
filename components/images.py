"""Which serving image an endpoint runs, and the repository it is pulled from."""

from dataclasses import dataclass

import pulumi

from components.ecr import EcrImage
from components.iam import Account
from components.image_registry import ImageRegistry
from components.settings import ImageSettings


@dataclass(frozen=True)
class ServingImage:
    """An image in ECR."""

    uri: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    """The repository that the execution role may pull from."""


def serving_image(
    image: ImageSettings, account: Account, registry: ImageRegistry, made: ServingImage | None
) -> ServingImage:
    """The image that the settings name: built by AWS or the stack (`made`), in `registry`, or anywhere by its URI."""
    if made:
        return made
    if image.repository_tag:
        return ServingImage(pulumi.Output.concat(registry.url, ":", image.repository_tag), registry.arn)
    return ServingImage(image.uri or "", repository_of(image.uri or "", account))


def repository_of(uri: str, account: Account) -> str:
    """ARN of the repository of an image by its URI, in the partition of `account`."""
    found = EcrImage.parse(uri)
    return Account(account.partition, found.region, found.account).arn("ecr", f"repository/{found.repository}")
