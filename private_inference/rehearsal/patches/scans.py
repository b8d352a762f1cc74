"""Amazon ECR: what scans of images find."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.ecr.models import ECRBackend, ecr_backends

from private_inference.registries import accounts_of_aws
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.refused import RefusedError


@patch(ECRBackend, "describe_image_scan_findings")
def scanned_on_push(
    original: Any, backend: Any, registry_id: str | None, repository_name: str, image_id: Mapping[str, str]
) -> Any:
    """A scan on push is over at once, and finds what it was told to find: nothing, unless an operation said so.

    moto knows no scan on push, and makes up a finding of any other (API_DescribeImageScanFindings). AWS shows nobody
    what it found in its own images; what other accounts have is taken for granted, as their images are.
    """
    if registry_id in accounts_of_aws():
        message = "No policy of the repository lets you call ecr:DescribeImageScanFindings."
        raise RefusedError(403, "AccessDeniedException", message)
    if registry_id in (None, backend.account_id):
        repository = backend._get_repository(repository_name, registry_id)
        # A repository without any image stands for one that images are pushed to outside of the rehearsal.
        image = (
            repository._get_image(image_id.get("imageTag"), image_id.get("imageDigest")) if repository.images else None
        )
        on_push = repository.image_scanning_configuration.get("scanOnPush")
        if image and not on_push and not image.last_scan:
            return original(backend, registry_id, repository_name, image_id)
    status, findings = backend.__dict__.get("scans", {}).get(repository_name, ("COMPLETE", {}))
    return {
        "registryId": registry_id or backend.account_id,
        "repositoryName": repository_name,
        "imageId": image_id,
        "imageScanStatus": {"status": status},
        "imageScanFindings": _findings(findings) if status == "COMPLETE" else {},
    }


def _findings(findings: Mapping[str, str]) -> dict[str, Any]:
    severities = list(findings.values())
    return {
        "imageScanCompletedAt": datetime.now(UTC).isoformat(),
        "findings": [{"name": name, "severity": severity} for name, severity in findings.items()],
        "findingSeverityCounts": {severity: severities.count(severity) for severity in severities},
    }


def scans_find(account: str, region: str, repository: str, findings: Mapping[str, str], status: str) -> None:
    """What the scans of a repository's images find from now on, and how far they get."""
    ecr_backends[account][region].__dict__.setdefault("scans", {})[repository] = (status, findings)
