"""What a stack may set for each production variant of an endpoint, with its defaults."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from components.settings.counts import at_creation, count_contradictions
from components.settings.fields import InstanceType, Reason, VariantName
from components.settings.group import SettingsGroup
from components.settings.hosting import HostingSettings
from components.settings.problems import Problem
from components.settings.served_model import ModelSettings

ALL_TRAFFIC = "AllTraffic"
"""Name of the variant of an endpoint that names none. AWS would draw one, and scaling could not refer to it."""


class InstanceSettings(SettingsGroup):
    """How many instances serve a variant."""

    min: Annotated[int, Field(ge=0, le=1000)] = 2
    """Scaling never goes below; two or more keep serving when a zone fails. 0 is for asynchronous endpoints and for
    fleets of components."""
    max: Annotated[int, Field(ge=1, le=1000)] = 10
    """Scaling never goes above."""
    initial: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Instances at creation; `min` unless given, and one where that is 0."""
    single_because: Reason | None = None
    """Why one instance is enough, and an outage of its zone an outage of the endpoint."""

    @property
    def at_creation(self) -> int:
        """How many instances the endpoint starts with."""
        return at_creation(self)

    def _contradictions(self) -> Iterator[Problem]:
        yield from count_contradictions(self, "one zone's outage stops the endpoint")


class ScalingSettings(SettingsGroup):
    """When instances are added and removed."""

    invocations_per_instance: Annotated[float, Field(gt=0)] = 600
    """Target of SageMakerVariantInvocationsPerInstance, a minute. Start with half of what one instance bears."""
    concurrent_requests_per_instance: Annotated[float, Field(gt=0)] | None = None
    """In its place: target of SageMakerVariantConcurrentRequestsPerModelHighResolution, which is seen within seconds.

    For requests that take long, such as those of language models. Start with half of what one instance serves at once.
    """
    cpu_percent: Annotated[float, Field(gt=0, le=100)] = 60
    """Target of CPUUtilization, in percent of the whole instance whatever its vCPUs."""
    scale_out_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two additions."""
    scale_in_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two removals."""

    def _contradictions(self) -> Iterator[Problem]:
        if self.concurrent_requests_per_instance and "invocations_per_instance" in self.model_fields_set:
            message = (
                "is set beside concurrentRequestsPerInstance, and either says when instances are added; remove one"
            )
            yield Problem("invocationsPerInstance", self.invocations_per_instance, message)


class AlarmSettings(SettingsGroup):
    """Thresholds over five minutes that notify the operators."""

    server_errors: Annotated[int, Field(ge=1)] = 5
    """Answers with status 5XX."""
    latency_ms: Annotated[float, Field(gt=0)] = 1000
    """95th percentile of the model's latency, in milliseconds.

    Of an asynchronous endpoint half of `asynchronous.invocationTimeoutSeconds`, unless given.
    """
    client_error_percent: Annotated[float, Field(gt=0, le=100)] = 25
    """Answers with status 4XX, in percent of all."""
    overhead_ms: Annotated[float, Field(gt=0)] = 500
    """95th percentile of what SageMaker adds to the model's latency, in milliseconds."""
    cpu_percent: Annotated[float, Field(gt=0, le=100)] = 90
    """Average CPU, in percent of the whole instance."""
    memory_percent: Annotated[float, Field(gt=0, le=100)] = 90
    """Average memory of the containers."""
    disk_percent: Annotated[float, Field(gt=0, le=100)] = 80
    """Average use of the containers' disk."""
    gpu_percent: Annotated[float, Field(gt=0, le=100)] = 95
    """Average GPU, in percent of all GPUs of the instance, where it has any."""
    gpu_memory_percent: Annotated[float, Field(gt=0, le=100)] = 95
    """Average GPU memory, in percent of that of all GPUs of the instance, where it has any."""
    model_loading_ms: Annotated[float, Field(gt=0, lt=60_000)] = 30_000
    """The longest time that a call waited for its model, in milliseconds, where a container loads several.

    A call is given up after 60 seconds.
    """
    silent_minutes: Annotated[int, Field(ge=5, le=1440, multiple_of=5)] | None = None
    """Minutes without an invocation, where some are expected; by default silence is no alarm."""


class VariantSettings(SettingsGroup):
    """One of several models behind an endpoint, on instances of its own."""

    name: VariantName
    """TargetVariant of InvokeEndpoint. One named AllTraffic is the one that an endpoint without variants has."""
    model: ModelSettings
    """What is served."""
    instance_type: InstanceType
    """Such as ml.m5.large."""
    weight: Annotated[float, Field(ge=0)] = 1
    """Its share of the calls that name no variant: of the sum of all weights. With 0 it gets none of them."""
    instances: InstanceSettings = InstanceSettings()
    """How many."""
    hosting: HostingSettings = HostingSettings()
    """How they start."""
    scaling: ScalingSettings = ScalingSettings()
    """When the number changes."""
    alarms: AlarmSettings = AlarmSettings()
    """When operators are notified."""


def label(endpoint: str, variant: str) -> str:
    """What the resources of a variant are named for: its endpoint, and itself where the endpoint names its variants."""
    return endpoint if variant == ALL_TRAFFIC else f"{endpoint}-{variant}"
