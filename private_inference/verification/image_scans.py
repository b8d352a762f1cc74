"""What ECR's scans say today of the images that serve, where the settings let them hold a deployment."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from components.settings import EndpointSettings, ImageScanSettings
from private_inference.rehearsal.fleet_needs import REGISTRY
from private_inference.verification.checks import (
    AbsentError,
    Assertion,
    Result,
    SkippedError,
    UnreadableError,
    joined,
    result,
)
from private_inference.verification.controls import VULNERABILITIES
from private_inference.verification.deployed import Deployed
from private_inference.verification.packages import containers

OVER = ("COMPLETE", "ACTIVE")


def assertions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Assertion]:
    """Nothing where nobody asked for it."""
    settings = stack.desired.settings.artifacts.image_scan
    if settings:
        yield Assertion(
            f"Endpoint {endpoint.name}",
            f"scans found nothing of {settings.hold} or above in its images, but for what is accepted",
            partial(_scanned, stack, endpoint.name, settings),
            VULNERABILITIES,
        )


def _scanned(stack: Deployed, endpoint: str, settings: ImageScanSettings) -> Result:
    uris = {container["Image"] for model in stack.models(endpoint) for container in containers(stack.aws, model)}
    seen, faults, unread = [], [], []
    for uri in sorted(uris):
        name = uri.partition("/")[2]
        try:
            found = _findings(stack, uri)
        except (AbsentError, UnreadableError) as error:
            if not settings.may_stay_unread(name.partition("@")[0].partition(":")[0]):
                raise
            unread.append(f"{name}: {error}, as may be")
            continue
        held = [f"{each} ({severity})" for each, severity in found.items() if settings.holds(each, severity)]
        seen.append(f"{name}: {len(found)} finding(s)")
        faults += [f"{name}: {each}" for each in held]
    if unread and not seen:
        raise SkippedError("; ".join(unread))
    return result(joined([*seen, *unread]), faults)


def _findings(stack: Deployed, uri: str) -> Mapping[str, str]:
    """Severities by the ids of an image's findings. Raises UnreadableError unless a scan of it is over.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
    """
    image = REGISTRY.fullmatch(uri)
    if image is None:
        raise UnreadableError(f"{uri} is no image in ECR")
    version = image["version"].rpartition("@")[2]
    asked: dict[str, Any] = {
        "registryId": image["account"],
        "repositoryName": image["name"],
        "imageId": {"imageDigest" if version.startswith("sha256:") else "imageTag": version},
        "maxResults": 1000,
    }
    page = stack.aws.get("ecr", "describe_image_scan_findings", **asked)
    status, listed = page["imageScanStatus"]["status"], page.get("imageScanFindings", {})
    found = dict(_of_page(listed))
    while token := page.get("nextToken"):
        page = stack.aws.get("ecr", "describe_image_scan_findings", **asked, nextToken=token)
        found |= dict(_of_page(page.get("imageScanFindings", {})))
    # ECR says that a scan is over before its findings are there: https://github.com/aws/aws-sdk/issues/289
    if status not in OVER or not (found or listed.get("imageScanCompletedAt")):
        raise UnreadableError(f"the scan of {image['name']} is not complete ({status})")
    return found


def _of_page(listed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in listed.get("findings", ()):
        yield each["name"], each["severity"]
    for each in listed.get("enhancedFindings", ()):
        if each.get("status") != "CLOSED":
            named = each.get("packageVulnerabilityDetails", {}).get("vulnerabilityId")
            yield named or each.get("title", "unnamed"), each.get("severity", "UNDEFINED")
