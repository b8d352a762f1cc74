"""What a stack may set for an endpoint whose answers come later, in S3.

The numbers are AWS's: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AsyncInferenceClientConfig.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from components.settings.group import SettingsGroup
from components.settings.problems import Problem
from components.settings.variants import AlarmSettings, ScalingSettings, VariantSettings

NOT_PUBLISHED = {
    "scaling": ("invocations_per_instance", "concurrent_requests_per_instance", "cpu_percent"),
    "alarms": ("overhead_ms", "silent_minutes"),
}
"""Settings on metrics that are not published for asynchronous endpoints, and on CPU, which says nothing of a queue.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
"""

LONGEST_ASYNCHRONOUS_NAME = 37 - len("-requests-")
"""Of an endpoint, whose bucket is named for it: the AWS provider takes a prefix of 37 characters.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/s3_bucket (bucket_prefix)
"""

Outcome = Literal["success", "error"]


class AsynchronousAlarmSettings(SettingsGroup):
    """When operators are notified of what waits, or failed while nobody waited for it."""

    failures: Annotated[int, Field(ge=1)] = 1
    """Failed invocations in five minutes."""
    expired: Annotated[int, Field(ge=1)] = 1
    """Requests that expired while they waited, in five minutes."""
    oldest_seconds: Annotated[int, Field(ge=1)] = 3600
    """Age of the oldest request."""


class AsynchronousSettings(SettingsGroup):
    """Requests wait in a queue, and their answers are put into S3; `{}` takes every default.

    Requests and answers may have 1 GB, and an answer may take an hour. With `instances.min: 0` no instance runs when
    nothing waits.
    """

    max_concurrent_invocations_per_instance: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Requests that an instance's container gets at once; SageMaker chooses unless given."""
    backlog_per_instance: Annotated[float, Field(gt=0)] = 5
    """Target of ApproximateBacklogSizePerInstance: requests that wait or are worked on, for each instance."""
    notifications: tuple[Outcome, ...] = ("success", "error")
    """Outcomes of requests that a topic of their own is told of; none if empty."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days after which inputs, answers and failures are deleted."""
    request_ttl_seconds: Annotated[int, Field(ge=60, le=21600)] = 21600
    """How long a request may wait before it expires; the contract tells callers, who pass it."""
    invocation_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 900
    """How long the container may take for a request; the contract tells callers, who pass it."""
    alarms: AsynchronousAlarmSettings = AsynchronousAlarmSettings()

    def _contradictions(self) -> Iterator[Problem]:
        if len(set(self.notifications)) < len(self.notifications):
            yield Problem("notifications", list(self.notifications), "names an outcome twice; name it once")
        if self.alarms.oldest_seconds >= self.request_ttl_seconds:
            message = (
                f"is never reached: requests expire after requestTtlSeconds ({self.request_ttl_seconds}); lower it"
            )
            yield Problem("alarms.oldestSeconds", self.alarms.oldest_seconds, message)

    def watched(self, alarms: AlarmSettings) -> AlarmSettings:
        """The alarms of its variant: a model that may take minutes is not slow after a second."""
        if "latency_ms" in alarms.model_fields_set:
            return alarms
        return alarms.model_copy(update={"latency_ms": self.invocation_timeout_seconds * 1000 / 2})

    def contradicted_by(self, name: str, variants: Sequence[VariantSettings]) -> Iterator[Problem]:
        """What an asynchronous endpoint can't have, with keys relative to the endpoint.

        A request can name no variant, and the metrics of its queue are the endpoint's, so nothing would scale one of
        several.
        """
        if len(name) > LONGEST_ASYNCHRONOUS_NAME:
            message = (
                f"has {len(name)} characters; an asynchronous endpoint, whose bucket is named for it, has "
                f"{LONGEST_ASYNCHRONOUS_NAME} at most. Choose a shorter name"
            )
            yield Problem("name", name, message)
        if len(variants) > 1:
            message = (
                "is how many there are, and an asynchronous endpoint takes one: requests can't name one, and scaling "
                "sees one queue. Give each an endpoint of its own"
            )
            yield Problem("variants", len(variants), message)

    def unpublished(self, scaling: ScalingSettings, alarms: AlarmSettings) -> Iterator[Problem]:
        """Settings that would follow metrics which are not there, with keys relative to the variant."""
        for group, settings in (("scaling", scaling), ("alarms", alarms)):
            given = settings.model_dump(mode="json", by_alias=True, include={*NOT_PUBLISHED[group]}, exclude_unset=True)
            for key, value in given.items():
                message = (
                    "has no effect: an asynchronous endpoint scales by asynchronous.backlogPerInstance, and SageMaker "
                    "publishes neither invocations nor overhead of it. Remove it"
                )
                yield Problem(f"{group}.{key}", value, message)
