"""Which URIs of serving images a stack can't use."""

from collections.abc import Iterable, Iterator

from components.ecr import EcrImage
from components.settings.endpoints import EndpointSettings
from components.settings.image_scan import ImageScanSettings
from components.settings.problems import Problem


def contradictions(
    region: str, endpoints: Iterable[EndpointSettings], scan: ImageScanSettings | None
) -> Iterator[Problem]:
    """Images elsewhere than in `region`, and those whose tag may be moved after their scan was read."""
    for position, endpoint in enumerate(endpoints):
        for number, model in enumerate(endpoint.models):
            for container in model.served:
                key = f"endpoints[{position}].{endpoint.key(number)}model.{container.key}image.uri"
                if container.image.uri and (message := _problem(container.image.uri, region, scan)):
                    yield Problem(key, container.image.uri, message)


def _problem(uri: str, region: str, scan: ImageScanSettings | None) -> str:
    image = EcrImage.parse(uri)
    if image.region != region:
        return f"is not in {region}, and SageMaker takes images of its own region only; copy it there"
    if scan and "@" not in uri and not scan.may_stay_unread(image.repository):
        return (
            "has a tag, which may be moved after its scan was read (artifacts.imageScan); name the image by its "
            "digest, REPOSITORY@sha256:…"
        )
    return ""
