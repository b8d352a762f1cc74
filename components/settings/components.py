"""What a stack may set for each inference component of an endpoint: several models on one fleet.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-deploy-models.html; the limits are those of
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentComputeResourceRequirements.html.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from components.settings.counts import at_creation, count_contradictions
from components.settings.fields import LONGEST_NAME, KvCachePercent, Reason, VariantName
from components.settings.group import SettingsGroup
from components.settings.problems import Problem
from components.settings.served_model import ModelSettings
from components.settings.variants import label

if TYPE_CHECKING:
    from components.settings.endpoints import EndpointSettings
    from components.settings.update import UpdateSettings

BATCHES = 2
"""In which the copies of a component are updated: half of them is the most that AWS takes for one.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentRollingUpdatePolicy.html
"""

OF_ANSWERS = ("server_errors", "latency_ms", "client_error_percent", "overhead_ms", "silent_minutes")
"""Alarms of an endpoint on metrics that its components have of their own, or that aren't published of them."""

OF_FLEETS = ("strategy", "step_percent", "step_instances", "termination_wait_seconds")
"""Settings on how an update starts a second fleet; components are updated on the fleet, copy by copy."""


class CopySettings(SettingsGroup):
    """How many copies of a component run."""

    min: Annotated[int, Field(ge=0, le=1000)] = 2
    """Scaling never goes below. With 0 no copy runs while nobody calls, and the first calls fail until one does."""
    max: Annotated[int, Field(ge=1, le=1000)] = 4
    """Scaling never goes above."""
    initial: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Copies at creation, and after an update; `min` unless given, and one where that is 0."""
    single_because: Reason | None = None
    """Why one copy is enough, and an outage of its instance an outage of the component."""

    @property
    def at_creation(self) -> int:
        """How many copies the component starts with."""
        return at_creation(self)

    def _contradictions(self) -> Iterator[Problem]:
        yield from count_contradictions(self, "one instance's outage stops the component")


class ComponentScalingSettings(SettingsGroup):
    """When copies are added and removed."""

    invocations_per_copy: Annotated[float, Field(gt=0)] = 600
    """Target of SageMakerInferenceComponentInvocationsPerCopy, a minute. Start with half of what one copy bears."""
    concurrent_requests_per_copy: Annotated[float, Field(gt=0)] | None = None
    """In its place: target of SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution, seen in seconds."""
    scale_out_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two additions."""
    scale_in_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two removals."""

    def _contradictions(self) -> Iterator[Problem]:
        if self.concurrent_requests_per_copy and "invocations_per_copy" in self.model_fields_set:
            message = "is set beside concurrentRequestsPerCopy, and either says when copies are added; remove one"
            yield Problem("invocationsPerCopy", self.invocations_per_copy, message)


class ComponentAlarmSettings(SettingsGroup):
    """Thresholds over five minutes that notify the operators, and roll an update of the component back."""

    server_errors: Annotated[int, Field(ge=1)] = 5
    """Answers with status 5XX."""
    latency_ms: Annotated[float, Field(gt=0)] = 1000
    """95th percentile of the model's latency, in milliseconds."""
    client_error_percent: Annotated[float, Field(gt=0, le=100)] = 25
    """Answers with status 4XX, in percent of all. Calls that find no copy are among them."""


class ComponentSettings(SettingsGroup):
    """One model of several on an endpoint's fleet: what each of its copies takes of an instance, and how many run."""

    name: VariantName
    """What the component is called with the endpoint's name before it: InferenceComponentName of InvokeEndpoint."""
    model: ModelSettings
    """What is served."""
    memory_mb: Annotated[int, Field(ge=128)]
    """Memory that a copy has to itself, in MB. SageMaker keeps some of an instance's for itself."""
    cpus: Annotated[float, Field(ge=0.25)] | None = None
    """CPU cores that a copy has to itself; without them copies share what others leave."""
    accelerators: Annotated[int, Field(ge=1)] | None = None
    """GPUs, or Neuron devices, that a copy has to itself."""
    copies: CopySettings = CopySettings()
    """How many."""
    scaling: ComponentScalingSettings = ComponentScalingSettings()
    """When the number changes."""
    alarms: ComponentAlarmSettings = ComponentAlarmSettings()
    """When operators are notified."""
    kv_cache_percent: KvCachePercent | None = None
    """Percent of a GPU's KV cache in use, as the component's log says, that operators are told of; by default none."""


def contradictions(endpoint: "EndpointSettings") -> Iterator[Problem]:
    """What an endpoint with components can't have, with keys relative to the endpoint."""
    yield from _beside(endpoint)
    yield from _waits(endpoint.update)
    yield from _names(endpoint.name, endpoint.components)
    yield from _forms(endpoint.components)
    if len({component.model.isolated for component in endpoint.components}) > 1:
        loose = [component.name for component in endpoint.components if not component.model.isolated]
        message = (
            "are without network isolation, and others are isolated: the fleet has one network for all of them. Give "
            "each networkIsolationOffBecause a reason, or none"
        )
        yield Problem("components", loose, message)
    # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
    held = [component.name for component in endpoint.components if component.copies.min]
    if endpoint.instances.min == 0 and held:
        message = f"is never reached: copies of {', '.join(held)} always run. Use 2, or let their copies.min be 0"
        yield Problem("instances.min", 0, message)


def _beside(endpoint: "EndpointSettings") -> Iterator[Problem]:
    """Settings that have no meaning beside components, or that AWS refuses."""
    moved = endpoint.model_dump(
        mode="json", by_alias=True, exclude_unset=True, include={"model", "scaling", "kv_cache_percent"}
    )
    for key, value in moved.items():
        yield Problem(key, value, "is set beside components, each of which has its own; move it into them")
    if endpoint.variants:
        names = [variant.name for variant in endpoint.variants]
        yield Problem("variants", names, "are beside components, which share one fleet; keep one of the two")
    if endpoint.asynchronous:
        message = "is set beside components, which answer at once. Give what answers later an endpoint of its own"
        yield Problem("asynchronous", endpoint.asynchronous.model_dump(mode="json", exclude_unset=True), message)
    for key, given, what in (
        ("shadow", endpoint.shadow, "shadows are sent copies of a variant's calls"),
        ("dataCapture", endpoint.data_capture, "what is captured is kept by variant"),
    ):
        if given:
            message = f"is set beside components, and {what}. Remove it"
            yield Problem(key, given.model_dump(mode="json", by_alias=True, exclude_unset=True), message)
    told: tuple[tuple[str, tuple[str, ...], str], ...] = (
        ("alarms", OF_ANSWERS, "has no effect: answers are a component's. Set it in components[].alarms, or remove it"),
        ("update", OF_FLEETS, "has no effect: components are updated copy by copy. Remove it"),
    )
    for group, unpublished, message in told:
        settings: SettingsGroup = getattr(endpoint, group)
        unused = settings.model_dump(mode="json", by_alias=True, exclude_unset=True, include={*unpublished})
        for key, value in unused.items():
            yield Problem(f"{group}.{key}", value, message)


def _forms(components: Sequence[ComponentSettings]) -> Iterator[Problem]:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentSpecification.html (one model)"""
    for position, component in enumerate(components):
        model = component.model
        if model.pipeline or model.containers or model.models:
            message = "is of several containers or models, and a component's copies are of one; give each a component"
            yield Problem(f"components[{position}].name", component.name, message)


def _waits(update: "UpdateSettings") -> Iterator[Problem]:
    waits = BATCHES * update.wait_seconds
    if update.maximum_seconds is not None and update.maximum_seconds <= waits:
        message = f"is no longer than the waits of an update in {BATCHES} batches ({waits} s); raise it"
        yield Problem("update.maximumSeconds", update.maximum_seconds, message)


def _names(endpoint: str, components: Sequence[ComponentSettings]) -> Iterator[Problem]:
    for position, component in enumerate(components):
        named = label(endpoint, component.name)
        if len(named) > LONGEST_NAME:
            message = (
                f"makes a name of {len(named)} characters with the endpoint's; at most {LONGEST_NAME} are allowed. "
                "Shorten one of them"
            )
            yield Problem(f"components[{position}].name", component.name, message)
        if named == endpoint:
            yield Problem(f"components[{position}].name", component.name, "is the fleet's own name; rename it")
