"""What ECR's scan of an image says: whether it is complete, and what it found.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.ecr import EcrImage

READ = ("COMPLETE", "ACTIVE")
"""Of a scan that is over: ECR's own, and Amazon Inspector's, which goes on watching the image."""
UNDER_WAY = "IN_PROGRESS"
_UNDER_WAY = (UNDER_WAY, "PENDING")
NEVER = "ScanNotFoundException"
MOST = 1000
"""Findings of one page."""


@dataclass(frozen=True)
class Finding:
    """One vulnerability."""

    id: str
    severity: str
    """ECR's, or Amazon Inspector's: they may be UNDEFINED or UNTRIAGED, too."""


@dataclass(frozen=True)
class Scan:
    """What is known of an image's scan. `findings` are all of them, and mean nothing unless `complete`."""

    status: str
    """ECR's word for it: UNDER_WAY as long as no result is there, or the code of the error with which it answered."""
    description: str = ""
    """What ECR says of it, if anything."""
    findings: Sequence[Finding] = ()

    @property
    def complete(self) -> bool:
        """Whether the findings are there, and all of them."""
        return self.status in READ


def read_scan(ecr: Any, uri: str) -> Scan:
    """The scan of an image by its URI, to the last page of its findings; `ecr` is the client of its region."""
    from botocore.exceptions import BotoCoreError, ClientError

    image = EcrImage.parse(uri)
    asked = {
        "registryId": image.account,
        "repositoryName": image.repository,
        "imageId": {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag},
        "maxResults": MOST,
    }
    pages: list[Any] = []
    try:
        while not pages or pages[-1].get("nextToken"):
            token = {"nextToken": pages[-1]["nextToken"]} if pages else {}
            pages.append(ecr.describe_image_scan_findings(**asked, **token))
    except ClientError as error:
        return Scan(error.response["Error"]["Code"])
    except BotoCoreError as error:
        return Scan(type(error).__name__)
    return scan_of(pages)


def scan_of(pages: Sequence[Mapping[str, Any]]) -> Scan:
    """The scan that ECR's answers tell of.

    ECR says COMPLETE or ACTIVE before the findings are there, without the time at which the scan was completed:
    https://github.com/aws/aws-sdk/issues/289, https://github.com/aws/aws-cli/issues/6759.
    """
    said = pages[0].get("imageScanStatus", {})
    found = [page.get("imageScanFindings", {}) for page in pages]
    status, description = said.get("status", ""), said.get("description", "")
    findings = [finding for each in found for finding in _findings(each)]
    if status in _UNDER_WAY or (status in READ and not findings and "imageScanCompletedAt" not in found[0]):
        return Scan(UNDER_WAY, description)
    return Scan(status, description, findings)


def _findings(found: Mapping[str, Any]) -> list[Finding]:
    """Those of one page, of either kind of scanning; Inspector closes a finding when it is mended."""
    basic = [Finding(each["name"], each["severity"]) for each in found.get("findings", ())]
    enhanced = [
        Finding(
            each.get("packageVulnerabilityDetails", {}).get("vulnerabilityId") or each.get("title", "unnamed"),
            each.get("severity", "UNDEFINED"),
        )
        for each in found.get("enhancedFindings", ())
        if each.get("status") != "CLOSED"
    ]
    return [*basic, *enhanced]
