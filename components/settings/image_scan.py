"""What a stack may set for what image scans find, so that it holds a deployment."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator

from components.settings.fields import FindingId, Reason, RepositoryName
from components.settings.group import SettingsGroup
from components.settings.problems import Problem, raise_if_any

Severity = Literal["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
SEVERITIES = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
"""From the least: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanFinding.html (severity)"""


class AcceptedFinding(SettingsGroup):
    """A finding that holds no deployment."""

    finding: FindingId
    """Its id, such as CVE-2024-3094."""
    because: Reason
    """Why, such as a part of the package that the container never runs."""


class UnreadRepository(SettingsGroup):
    """A repository whose images may serve though what a scan found in them can't be read."""

    repository: RepositoryName
    """Its name without the registry, such as sagemaker-xgboost."""
    because: Reason
    """Why, such as AWS's own images, whose findings AWS shows to nobody."""


def _each_finding_once(values: tuple[AcceptedFinding, ...]) -> tuple[AcceptedFinding, ...]:
    raise_if_any(_repeated("finding", [each.finding for each in values]))
    return values


def _each_repository_once(values: tuple[UnreadRepository, ...]) -> tuple[UnreadRepository, ...]:
    raise_if_any(_repeated("repository", [each.repository for each in values]))
    return values


def _repeated(key: str, values: Sequence[str]) -> Iterator[Problem]:
    for position, value in enumerate(values):
        if value in values[:position]:
            yield Problem(f"[{position}].{key}", value, "is there twice; name it once")


class ImageScanSettings(SettingsGroup):
    """What ECR's scans of serving images have to say before an endpoint is created or updated."""

    hold: Severity
    """A finding of this severity or above holds the deployment, and so does one whose severity isn't known yet.

    So does a scan that is not complete, or that can't be read.
    """
    accepted: Annotated[tuple[AcceptedFinding, ...], AfterValidator(_each_finding_once)] = ()
    """Findings that hold nothing, each with a reason."""
    unread: Annotated[tuple[UnreadRepository, ...], AfterValidator(_each_repository_once)] = ()
    """Repositories whose scans hold nothing where they can't be read or are not complete, each with a reason."""

    def holds(self, finding: str, severity: str) -> bool:
        """Whether a finding of ECR's holds a deployment; UNDEFINED and UNTRIAGED may be anything."""
        if finding in {each.finding for each in self.accepted}:
            return False
        return severity not in SEVERITIES or SEVERITIES.index(severity) >= SEVERITIES.index(self.hold)

    def may_stay_unread(self, repository: str) -> bool:
        """Whether images of a repository may serve though their scans can't be read."""
        return any(each.repository == repository for each in self.unread)
