"""Holds a deployment for what ECR's scans found in its images, or while that can't be known.

Images that exist are looked at before anything is declared; those of the stack's own registry, which may be built and
pushed by the same `pulumi up`, before their model is made.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components import clients
from components.ecr import EcrImage
from components.images import ServingImage
from components.model_packages import Packages
from components.names import repository_name
from components.pauses import pauses
from components.scans import NEVER, UNDER_WAY, Finding, Scan, read_scan
from components.settings import Container, ImageScanSettings, ImageSettings, Settings, SettingsError

SCANNED_WITHIN = 600
"""Seconds after a push that `pulumi up` waits for a scan which is under way."""
NOTICED_WITHIN = 30
"""Seconds after a push in which ECR may not know yet that there will be a scan."""
SHOWN = 10
"""Findings that are told by name."""

_NO_ACCOUNT = (
    "artifacts.imageScan: what scans found in the images is unverified here, where there is no account to read. "
    "`pulumi preview` and `pulumi up` read it; Terraform, with an export, does not."
)
_READ_IT = (
    "Let whoever deploys call ecr:DescribeImageScanFindings (and inspector2:ListFindings and inspector2:ListCoverage, "
    "where Amazon Inspector scans); for another account's image its repository's policy has to, too"
)
_FIXES = {
    UNDER_WAY: "Run the command again when it is over",
    NEVER: "Have it scanned: `aws ecr start-image-scan`, or scan on push and push it anew",
    "ImageNotFoundException": "Push it, or name another one",
    "RepositoryNotFoundException": "Push it, or name another one",
}
"""By what is known of a scan. Of the rest, ECR writes states in capitals, and its errors otherwise."""
_OTHERWISE = "Have it scanned anew, or build it on a base that ECR can scan"


@dataclass(frozen=True)
class ImageScans:
    """What decides about the images of a stack."""

    settings: ImageScanSettings
    ecr: Any
    """The client of the stack's region."""
    waits: bool
    """Whether a scan that is under way is waited for, as `pulumi up` does."""

    def passed(self, image: ServingImage) -> ServingImage:
        """The image, whose URI is known to whoever uses it once its scan has been seen to hold nothing."""
        if isinstance(image.uri, str):
            return image  # it existed before, and has been looked at
        return ServingImage(pulumi.Output.concat(image.uri).apply(self._awaited), image.repository_arn)

    async def _awaited(self, uri: str) -> str:
        """Not in the event loop, which others wait for."""
        if problem := await asyncio.to_thread(self._problem_with, uri):
            raise SettingsError(f"artifacts.imageScan: {problem}. Its endpoint was neither created nor updated.")
        return uri

    def problems(self, uris: Iterable[str]) -> list[str]:
        """Why images that exist hold the deployment."""
        return [problem for uri in uris if (problem := self._problem_with(uri))]

    def _problem_with(self, uri: str) -> str:
        return problem_with(uri, self._scanned(uri) if self.waits else read_scan(self.ecr, uri), self.settings)

    def _scanned(self, uri: str) -> Scan:
        """The scan of an image that may just have been pushed."""
        scan = Scan(NEVER)
        for waited in pauses(SCANNED_WITHIN):
            scan = read_scan(self.ecr, uri)
            if scan.status != UNDER_WAY and not (scan.status == NEVER and waited < NOTICED_WITHIN):
                break
        return scan


def image_scans(
    settings: Settings, prebuilt: Mapping[ImageSettings, ServingImage], packages: Packages
) -> ImageScans | None:
    """What decides about the stack's images, once it has looked at those that exist; None where nothing is asked.

    Nothing without an account to read, which is told. `prebuilt` are AWS's, `packages` have images of their own. Raises
    SettingsError.
    """
    scan = settings.artifacts.image_scan
    if scan is None:
        return None
    packaged = [container for containers in packages.values() for container in containers]
    named = dict(_named([*settings.containers, *packaged], prebuilt))
    _check_used(scan, {*named.values(), repository_name()})
    ecr = clients.client("ecr", settings.region)
    if ecr is None:
        pulumi.warn(_NO_ACCOUNT)
        return None
    found = ImageScans(scan, ecr, waits=not pulumi.runtime.is_dry_run())
    if problems := [*found.problems(named), *_movable(packaged, scan)]:
        raise SettingsError("\n  ".join(["artifacts.imageScan: nothing was changed, for images hold it:", *problems]))
    return found


def _movable(packaged: Iterable[Container], scan: ImageScanSettings) -> Iterator[str]:
    """Images of packages whose tag may be moved after their scan was read. Those that settings name have digests."""
    for uri in dict.fromkeys(container.image.uri for container in packaged if container.image.uri):
        if "@" not in uri and not scan.may_stay_unread(EcrImage.parse(uri).repository):
            name = uri.partition("/")[2]
            yield f"{name} of a model package has a tag, which may be moved. Register a version with a digest"


def _named(
    containers: Iterable[Container], prebuilt: Mapping[ImageSettings, ServingImage]
) -> Iterator[tuple[str, str]]:
    """The URIs of images outside of the stack's own registry, each with its repository.

    The export's are references, which can't be taken apart: the ARN names the repository.
    """
    for image in (container.image for container in containers):
        if image in prebuilt:
            yield str(prebuilt[image].uri), str(prebuilt[image].repository_arn).partition("repository/")[2]
        elif image.uri:
            yield image.uri, EcrImage.parse(image.uri).repository


def _check_used(scan: ImageScanSettings, repositories: Collection[str]) -> None:
    """Raises SettingsError where `unread` names a repository that no image is from."""
    for position, each in enumerate(scan.unread):
        if each.repository not in repositories:
            raise SettingsError(
                f"artifacts.imageScan.unread[{position}].repository: no image of this stack is from "
                f"{each.repository!r}; its images are from {', '.join(sorted(repositories))}. Remove it."
            )


def problem_with(uri: str, scan: Scan, settings: ImageScanSettings) -> str:
    """Why an image holds the deployment, and what to do; empty if it doesn't. Without the registry's account id."""
    image, name = EcrImage.parse(uri), uri.partition("/")[2]
    if scan.complete:
        held = [each for each in scan.findings if settings.holds(each.id, each.severity)]
        if not held:
            return ""
        return (
            f"{name} has {len(held)} finding(s) of {settings.hold} or above: {_listed(held)}. Build it on mended "
            "packages, or accept each in artifacts.imageScan.accepted with a reason"
        )
    if settings.may_stay_unread(image.repository):
        return ""
    status = f"{scan.status}: {scan.description.rstrip('.')}" if scan.description else scan.status
    fix = _FIXES.get(scan.status) or (_OTHERWISE if scan.status.isupper() else _READ_IT)
    return (
        f"what a scan found in {name} can't be told ({status}). {fix}; or give {image.repository} a reason in "
        "artifacts.imageScan.unread"
    )


def _listed(held: list[Finding]) -> str:
    told = [f"{each.id} ({each.severity})" for each in held[:SHOWN]]
    return ", ".join(told) + (f" and {len(held) - SHOWN} more" if len(held) > SHOWN else "")
