"""Serving images that the stack builds itself, in its own registry.

`awsx.ecr.Image` would build them, too, but SageMaker refuses what it pushes: BuildKit writes OCI manifests unless it is
told otherwise, which that component can't (https://github.com/aws/amazon-sagemaker-feedback/issues/180). The resource
below it can.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from components import image_directory
from components.image_registry import ImageRegistry
from components.images import ServingImage
from components.settings import ImageSettings, Settings, SettingsError

if TYPE_CHECKING:
    import pulumi_docker_build


def built_images(
    settings: Settings, architectures: Mapping[str, str], registry: ImageRegistry
) -> dict[ImageSettings, ServingImage]:
    """An image for each directory that the settings build from.

    `architectures` has Docker's name of each instance type's. Raises SettingsError if one image is for two.
    """
    asked: dict[ImageSettings, str] = {}
    for key, image, kind in _uses(settings):
        if asked.setdefault(image, architectures[kind]) != architectures[kind]:
            raise SettingsError(
                f"{key}: {image.build!r} is built for one architecture, and {kind} is {architectures[kind]} where "
                f"another type that runs it is {asked[image]}. Name a copy of the directory, or a type like that one."
            )
    return {image: _built(image, architecture, registry) for image, architecture in asked.items()}


def _uses(settings: Settings) -> Iterator[tuple[str, ImageSettings, str]]:
    """The key of each image that is built, the image, and the instance type that runs it."""
    for position, endpoint in enumerate(settings.endpoints):
        for number, model in enumerate(endpoint.models):
            shared = (endpoint.instance_type or "") if endpoint.components else ""
            for container in model.served:
                if container.image.build is not None:
                    key = f"endpoints[{position}].{endpoint.key(number)}model.{container.key}image.build"
                    yield key, container.image, shared or endpoint.hosted_variants[number].instance_type


def _built(image: ImageSettings, architecture: str, registry: ImageRegistry) -> ServingImage:
    import pulumi_docker_build as docker  # takes a tenth of a second, and few stacks build images

    directory = Path(image.build or "")
    # Tags are immutable: one by the content is pushed once, and another content has another.
    tag = f"{image_directory.content_tag(directory)}-{architecture}"
    built: pulumi_docker_build.Image = docker.Image(
        f"{directory.name}-{tag}",
        tags=[pulumi.Output.concat(registry.url, ":", tag)],
        context=docker.BuildContextArgs(location=str(directory)),
        platforms=[docker.Platform(f"linux/{architecture}")],
        exports=[docker.ExportArgs(image=docker.ExportImageArgs(push=True, oci_media_types=False))],
        push=False,  # which would push OCI manifests
        build_on_preview=False,
        opts=pulumi.ResourceOptions(parent=registry),
    )
    return ServingImage(pulumi.Output.concat(registry.url, "@", built.digest), registry.arn)
