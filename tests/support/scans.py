"""What ECR answers of an image's scan."""

from datetime import datetime
from typing import Any

import boto3

from tests.support.recording import ACCOUNT, REGION

DIGEST = f"sha256:{'0' * 64}"
URI = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/scoring@{DIGEST}"
WHEN = datetime(2026, 3, 1)
OPERATION = "describe_image_scan_findings"
ASKED = {
    "registryId": ACCOUNT,
    "repositoryName": "scoring",
    "imageId": {"imageDigest": DIGEST},
    "maxResults": 1000,
}


def ecr() -> Any:
    """A client that asks nobody: botocore's stubs answer, in the form that ECR's own service model has."""
    return boto3.client("ecr", region_name=REGION, aws_access_key_id="id", aws_secret_access_key="key")


def answer(status: str, *basic: tuple[str, str], over: bool = True, **more: Any) -> dict[str, Any]:
    """Of ECR's own scanning: ids and severities; `over`: whether it tells when the scan was completed."""
    found: dict[str, Any] = {"findings": [{"name": name, "severity": severity} for name, severity in basic]}
    when = {"imageScanCompletedAt": WHEN} if over else {}
    return {"imageScanStatus": {"status": status}, "imageScanFindings": found | when, **more}


def inspected(*found: tuple[str, str, str]) -> dict[str, Any]:
    """Of Amazon Inspector's: ids, severities, and states of the findings."""
    findings = [
        {"packageVulnerabilityDetails": {"vulnerabilityId": name}, "severity": severity, "status": status}
        for name, severity, status in found
    ]
    return {
        "imageScanStatus": {"status": "ACTIVE"},
        "imageScanFindings": {"enhancedFindings": findings, "imageScanCompletedAt": WHEN},
    }
