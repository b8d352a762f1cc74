"""What the endpoints of the settings serve, and what their execution roles have to read for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from components import iam
from components.artifacts import ArtifactStore
from components.iam import Account
from components.image_registry import ImageRegistry
from components.image_scans import ImageScans
from components.images import ServingImage, repository_of, serving_image
from components.live_endpoints import LiveEndpoint
from components.model_containers import ServedContainer
from components.model_packages import Packages
from components.serving_model import ServedModel
from components.settings import Container, EndpointSettings, ImageSettings


def served_models(
    endpoints: Iterable[EndpointSettings],
    store: ArtifactStore,
    registry: ImageRegistry,
    account: Account,
    made: Mapping[ImageSettings, ServingImage],
    packages: Packages,
    scans: ImageScans | None = None,
) -> dict[str, list[ServedModel]]:
    """The models of each endpoint by its name, in their order: artifacts in `store`, images wherever they are.

    `made` holds images that AWS or the stack built, `packages` what model packages are made of; `scans` decides whether
    images of the stack's registry may serve.
    """

    def image_of(container: Container) -> ServingImage:
        image = serving_image(container.image, account, registry, made.get(container.image))
        return scans.passed(image) if scans else image

    return {
        endpoint.name: [
            ServedModel(
                model=model,
                containers=[
                    ServedContainer(
                        settings=container,
                        artifact=store.artifact_of(container),
                        image=image_of(container),
                    )
                    for container in (packages[model.package] if model.package else model.served)
                ],
            )
            for model in endpoint.models
        ]
        for endpoint in endpoints
    }


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What an execution role may read: of what will serve, and of what serves now.

    That has to heal and scale until an update is over, and after a rollback.
    """

    artifacts: Sequence[iam.Arn]
    """S3 objects, or patterns of them."""
    listed: Sequence[iam.Arn] = ()
    """Those of them that are no archives, but files or several archives: they are loaded one by one."""
    keys: Sequence[iam.Arn] = ()
    """Keys of those that the data key does not encrypt."""
    repositories: Sequence[iam.Arn] = ()
    """Repositories of the images."""


def reads_of(models: Iterable[ServedModel], live: LiveEndpoint, store: ArtifactStore, account: Account) -> Reads:
    """What the role of an endpoint may read, that serves `live` and will serve `models`."""
    containers = [each for model in models for each in model.containers]
    listed = [each.artifact.readable for each in containers if each.settings.listed]
    return Reads(
        artifacts=[
            *(each.artifact.readable for each in containers),
            *(store.readable(uri) for uri in live.artifacts),
        ],
        listed=[*listed, *(store.readable(uri) for uri in live.artifacts if uri.endswith("/"))],
        keys=[*filter(None, (each.settings.artifact_key_arn for each in containers)), *live.artifact_keys],
        repositories=[
            *(each.image.repository_arn for each in containers),
            *(repository_of(uri, account) for uri in live.images),
        ],
    )
