"""Amazon ECR: images that pipelines push outside of the rehearsal."""

from collections.abc import Iterable
from typing import Any

from moto.ecr.models import ECRBackend, Image

from private_inference.rehearsal.patches.patch import patch

KIND = "application/vnd.oci.image.manifest.v1+json"


@patch(ECRBackend, "describe_images")
def images_pushed_elsewhere(
    original: Any,
    backend: Any,
    repository_name: str,
    registry_id: str | None = None,
    image_ids: list[dict[str, str]] | None = None,
) -> Iterable[Any]:
    """DescribeImages finds any image that is asked for by name in a repository without one, as a fleet does there."""
    if not image_ids or backend._get_repository(repository_name, registry_id).images:
        found: Iterable[Any] = original(backend, repository_name, registry_id, image_ids)
        return found
    return [
        Image(backend.account_id, asked.get("imageTag", ""), "{}", repository_name, KIND, asked.get("imageDigest"))
        for asked in image_ids
    ]
