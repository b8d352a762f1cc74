"""What a stack may set of what SageMaker keeps of an endpoint's calls: requests, answers, or both.

The terms are AWS's: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DataCaptureConfig.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components.settings.asynchronous import LONGEST_ASYNCHRONOUS_NAME
from components.settings.group import SettingsGroup
from components.settings.problems import Problem
from components.settings.variants import AlarmSettings

LONGEST_CAPTURED_NAME = LONGEST_ASYNCHRONOUS_NAME
"""Of an endpoint, whose bucket of captured calls is named for it, too."""

MOST_DISK_PERCENT = 75
"""Of the instances' disks: AWS captures nothing at high use, and advises to keep below."""

Part = Literal["request", "response"]


class DataCaptureSettings(SettingsGroup):
    """What of the calls is kept, in a bucket of the endpoint's own; `{}` takes every default.

    It may hold whatever callers send: people's data, too.
    """

    percent: Annotated[int, Field(ge=1, le=100)] = 20
    """Share of the calls."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)] = ("request", "response")
    """What of them."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days after which it is gone."""
    read_policy: bool = False
    """Whether a policy is made for whoever reads what is kept, as a job that looks for drift does: from the VPC."""

    def _contradictions(self) -> Iterator[Problem]:
        if len(set(self.parts)) < len(self.parts):
            yield Problem("parts", list(self.parts), "names a part twice; name it once")

    def watched(self, alarms: AlarmSettings) -> AlarmSettings:
        """The alarms of a captured variant: disks that fill up end the capture before they end anything else."""
        if "disk_percent" in alarms.model_fields_set:
            return alarms
        return alarms.model_copy(update={"disk_percent": MOST_DISK_PERCENT})

    def contradicted_by(self, name: str, *, asynchronous: bool) -> Iterator[Problem]:
        """What a captured endpoint can't have, with keys relative to the endpoint."""
        if len(name) > LONGEST_CAPTURED_NAME:
            message = (
                f"has {len(name)} characters; an endpoint with dataCapture, whose bucket is named for it, has "
                f"{LONGEST_CAPTURED_NAME} at most. Choose a shorter name"
            )
            yield Problem("name", name, message)
        if asynchronous:
            message = (
                "is for calls that wait for their answers; an asynchronous endpoint's requests and answers are in S3 "
                "already. Remove it, and set asynchronous.retentionDays"
            )
            yield Problem("dataCapture.percent", self.percent, message)
